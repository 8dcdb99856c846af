//! What the protocol can hold that the recorded session does not.

use super::wire::{
    GREETING,
    Side::{Client, Server},
    Wire, framed, login,
};
use crate::support::random::Random;

#[test]
fn the_greeting_of_mysql_is_read_too() {
    let mut wire = Wire::opened();
    let mut greeting = GREETING.concat();
    greeting[0] = u8::try_from(greeting.len() - 4).unwrap();
    wire.send(Server, &greeting);
    assert_eq!(wire.said(), ["greeting of `8.0.36`, connection 9"]);
}

/// A prepared statement as drivers use it, two packets in a segment, and answers that end in both ways.
#[test]
fn prepared_statements_and_pipelines() {
    let mut wire = Wire::logged_in();
    wire.send(Client, &framed(0, b"\x16select ? + 1"));
    // One parameter, one column, each with its definition and an EOF.
    let definition = framed(2, b"\x03def\0\0\0\x01?\0\x0c\x3f\0\0\0\0\0\xfd\x80\0\0\0\0");
    let eof = |sequence| framed(sequence, b"\xfe\0\0\x02\0");
    let mut prepared = framed(1, b"\0\x01\0\0\0\x01\0\x01\0\0\0\0");
    let numbered = |sequence: u8| {
        let mut bytes = definition.clone();
        bytes[3] = sequence;
        bytes
    };
    prepared.extend([numbered(2), eof(3), numbered(4), eof(5)].concat());
    wire.send(Server, &prepared);
    // The statement is run and closed, and a ping follows, all in one segment.
    wire.send(
        Client,
        &[
            framed(0, b"\x17\x01\0\0\0\0\x01\0\0\0\0\x01\x08\0\x05\0\0\0\0\0\0\0"),
            framed(0, b"\x19\x01\0\0\0"),
            framed(0, b"\x0e"),
        ]
        .concat(),
    );
    wire.send(
        Server,
        &[
            framed(1, b"\x01"),
            numbered(2),
            eof(3),
            framed(4, b"\0\0\x06\0\0\0\0\0\0\0"),
            eof(5),
            framed(1, b"\0\0\0\x02\0\0\0"),
        ]
        .concat(),
    );
    wire.send(Client, &framed(0, b"\x01"));
    assert_eq!(
        wire.said_since_login(),
        [
            "COM_STMT_PREPARE `select ? + 1`",
            "OK, statement 1 with 1 parameter",
            "COM_STMT_EXECUTE 1; COM_STMT_CLOSE 1; COM_PING",
            "result set of 1 column; 1 row; EOF; OK",
            "COM_QUIT",
        ]
    );
}

/// A payload of 2 to the 24 minus 1 bytes or more takes several packets; the next sequence number follows the
/// last of them.
#[test]
fn a_payload_that_goes_on_in_the_next_packet() {
    const CONTINUED: usize = 0xff_ff_ff;
    let mut statement = b"\x03select '".to_vec();
    statement.resize(CONTINUED + 100, b'z');
    let mut bytes = framed(0, &statement[..CONTINUED]);
    bytes.extend(framed(1, &statement[CONTINUED..]));
    let mut wire = Wire::logged_in();
    for piece in bytes.chunks(1 << 20) {
        wire.send(Client, piece);
    }
    let too_large = b"\xff\x81\x04#08S01Got a packet bigger than 'max_allowed_packet' bytes";
    wire.send(Server, &framed(1, too_large));
    wire.send(Client, &framed(0, b"\x0e"));
    wire.send(Server, &framed(1, b"\0\0\0\x02\0\0\0"));
    let said = wire.said_since_login();
    let text = format!("COM_QUERY `select '{}…`", "z".repeat(192));
    assert_eq!(said[0], format!("{text}, 1048572 of at least 16777215 bytes"));
    assert_eq!(said[1], "2097148 of at least 16777215 bytes");
    assert_eq!(said[16], format!("all of 16777315 bytes; {text}"));
    assert_eq!(
        said[17],
        "ERR 1153 (08S01) `Got a packet bigger than 'max_allowed_packet' bytes`"
    );
    assert_eq!(said[18..], ["COM_PING", "OK"]);
}

#[test]
fn what_is_encrypted_or_refused_is_said_once() {
    let mut greeting = GREETING.concat();
    greeting[0] = u8::try_from(greeting.len() - 4).unwrap();
    let mut wire = Wire::opened();
    wire.send(Server, &greeting);
    wire.send(Client, &login(0x0008_8a00, b""));
    wire.send(Client, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03");
    wire.send(Server, &framed(1, b"\0\0\0\x02\0\0\0"));
    assert_eq!(wire.said()[1..], ["asks for TLS; the rest is encrypted"]);

    let mut wire = Wire::opened();
    wire.send(Server, &framed(0, b"\xff\x10\x04Too many connections"));
    assert_eq!(wire.said(), ["ERR 1040 `Too many connections`"]);
}

/// A server may say why it closes a connection; nobody had asked.
#[test]
fn an_error_out_of_turn() {
    let mut wire = Wire::logged_in();
    wire.send(
        Server,
        &framed(
            0,
            b"\xff\xbf\x0f#HY000The client was disconnected by the server because of inactivity.",
        ),
    );
    assert_eq!(
        wire.said_since_login(),
        ["ERR 4031 (HY000) `The client was disconnected by the server because of inactivity.`"]
    );
}

#[test]
fn what_is_no_mysql_has_no_words() {
    let mut wire = Wire::opened();
    wire.send(Client, b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    wire.send(Server, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(wire.said(), [""; 0]);

    let mut random = Random(11);
    for round in 0..500 {
        let mut wire = if round % 2 == 0 {
            Wire::opened()
        } else {
            Wire::logged_in()
        };
        let before = wire.said().len();
        for _ in 0..8 {
            let side = if random.below(2) == 0 { Client } else { Server };
            // Not the short lengths that by chance are a packet.
            let noise: Vec<u8> = (0..20 + random.below(200))
                .map(|_| 0x80 | random.byte())
                .collect();
            wire.send(side, &noise);
        }
        let said = wire.said();
        assert_eq!(said[before..], [""; 0]);
    }
}
