//! What the traces say of the MySQL protocol: on a recorded session beside Wireshark's own dissector, and on
//! bytes that are cut, lost, encrypted or no MySQL at all.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::mysql::annotations;
use lvs_matrix_model::capture::{
    Body, Flags, Frame, Packet, PointFrames, Remarks, Segment, Transport, read, write,
};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::record::CellRecord;
use pcap_file::pcap::PcapReader;
use std::collections::BTreeMap;
use std::path::Path;

use support::programs::tshark_with;
use support::random::Random;
use support::{bare_record, mac};

/// A record of which only the client was captured.
fn record() -> CellRecord {
    let mut record = bare_record();
    record.epoch_unix_nanos = 0;
    record.capture.as_mut().unwrap().points.truncate(1);
    record
}

/// A session of the mariadb client with a MariaDB 10.11, recorded with tcpdump: its bytes as pcapng, and its
/// packets.
fn recorded() -> (Vec<u8>, Vec<Packet>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captures/mysql-session.pcap");
    let mut reader = PcapReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut point = PointFrames {
        name: "client".to_owned(),
        frames: Vec::new(),
    };
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        point.frames.push(Frame {
            unix_nanos: i64::try_from(packet.timestamp.as_nanos()).unwrap(),
            length: packet.orig_len,
            bytes: packet.data.into_owned(),
        });
    }
    let bytes = write(&[point], &Remarks::default()).unwrap();
    let packets = read(&bytes, &record()).unwrap();
    (bytes, packets)
}

fn said(packets: &[Packet]) -> BTreeMap<u32, String> {
    annotations(packets, &record(), &Node::Client)
}

#[test]
fn a_recorded_session_reads_as_it_went() {
    let (_, packets) = recorded();
    let said: Vec<String> = said(&packets).into_values().collect();
    let version = "greeting of `10.11.19-MariaDB-0+deb12u1`, connection";
    let syntax = "ERR 1064 (42000) `You have an error in your SQL syntax; check the manual that corresponds \
        to your MariaDB server version for the right syntax to use near '' at line 1`";
    let long = format!("COM_QUERY `select length('{}…`", "y".repeat(185));
    let expected = [
        &format!("{version} 6"),
        "login as `app`",
        "OK, logged in",
        "COM_QUERY `select 1`",
        "result set of 1 column; 1 row; EOF",
        "COM_QUERY `select a, b from d.t`",
        "result set of 2 columns; 3 rows; EOF",
        "COM_QUERY `select a from d.t where a > 9`",
        "result set of 1 column; EOF",
        "COM_QUERY `insert into d.t values (4,'four')`",
        "OK, 1 row affected",
        "COM_QUERY `update d.t set b='x' where a>2`",
        "OK, 2 rows affected",
        "COM_QUERY `select nonsense from`",
        syntax,
        "COM_QUIT",
        &format!("{version} 7"),
        "login as `app`, database `d`",
        "OK, logged in",
        "COM_QUERY `select count(*) from t`",
        "result set of 1 column; 1 row; EOF",
        "COM_QUERY `show tables`",
        "result set of 1 column; 1 row; EOF",
        "COM_QUIT",
        &format!("{version} 8"),
        "login as `app`",
        "ERR 1045 (28000) `Access denied for user 'app'@'192.0.2.10' (using password: YES)`",
        &format!("{version} 9"),
        "login as `app`",
        "OK, logged in",
        "COM_QUERY `load data local infile '/tmp/mysqlrec/in.tsv' into table d.t`",
        "asks for a file of the client's",
        "16 bytes of the file; the end of the file",
        // The server's report of its progress, in between, looks like an ERR and is none.
        "OK, 2 rows affected",
        "COM_QUIT",
        &format!("{version} 10"),
        "login as `app`",
        "OK, logged in",
        "COM_QUERY `create procedure d.p() begin select 1; select 2,3; end`",
        "OK",
        "COM_QUERY `call d.p()`",
        "result set of 1 column; 1 row; EOF",
        "result set of 2 columns; 1 row; EOF",
        "OK",
        "COM_QUERY `prepare s from \"select ?\"`",
        "OK",
        "COM_QUERY `execute s using 1`",
        "result set of 1 column; 1 row; EOF",
        "COM_QUIT",
        &format!("{version} 11"),
        "login as `app`",
        "OK, logged in",
        &format!("{long}, 7236 of at least 9041 bytes"),
        &format!("all of 9041 bytes; {long}"),
        "result set of 2 columns; 1 row; EOF",
        "COM_QUIT",
        &format!("{version} 12"),
        "login as `app`",
        "OK, logged in; the rest is compressed",
    ];
    assert_eq!(said, expected);
}

/// Wireshark finds the same statements, logins, greetings and errors in the same packets, and no others.
#[test]
fn wireshark_reads_the_same_in_the_recorded_session() {
    let (bytes, packets) = recorded();
    let ours = said(&packets);
    let fields = [
        "frame.number",
        "mysql.query",
        "mysql.user",
        "mysql.version",
        "mysql.thread_id",
        "mysql.error_code",
        "mysql.compressed_packet_length",
    ];
    let (rows, _) = tshark_with(&["-d", "tcp.port==3306,mysql"], &bytes, &fields);
    assert_eq!(rows.len(), packets.len());
    let mut compared = 0;
    for row in &rows {
        let [number, query, user, version, thread, error, compressed] = row.as_slice() else {
            unreachable!("seven fields were asked for: {row:?}")
        };
        // What it decompresses is no part of a trace of ours, and MariaDB's report of its progress is no
        // error.
        if !compressed.is_empty() || error == "65535" {
            continue;
        }
        let note = ours.get(&number.parse().unwrap()).map_or("", String::as_str);
        // The text of a statement and of a version may be cut.
        let begin = |text: &str| text.chars().take(100).collect::<String>();
        for (theirs, mark) in [
            (query, format!("COM_QUERY `{}", begin(query))),
            (user, format!("login as `{user}`")),
            (
                version,
                format!("greeting of `{}`", version.trim_start_matches("5.5.5-")),
            ),
            (thread, format!("connection {thread}")),
            (error, format!("ERR {error} ")),
        ] {
            if theirs.is_empty() {
                let kind = mark.split(' ').next().unwrap();
                let in_part = note.contains("of at least");
                assert!(
                    in_part || !note.contains(kind),
                    "packet {number}: {note}, which Wireshark does not see"
                );
            } else {
                assert!(
                    note.contains(&mark),
                    "packet {number}: {note:?} is without {mark}"
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 35, "only {compared} were compared");
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}
use Side::{Client, Server};

/// A connection of hand-made segments.
struct Wire {
    packets: Vec<Packet>,
    /// The next sequence number of client and server.
    next: [u32; 2],
}

impl Wire {
    /// After the handshake. The client's sequence numbers are about to wrap.
    fn opened() -> Self {
        let mut wire = Self {
            packets: Vec::new(),
            next: [u32::MAX - 40, 7],
        };
        let syn = Flags {
            syn: true,
            ..Flags::default()
        };
        wire.segment(Client, syn, &[]);
        wire.segment(Server, Flags { ack: true, ..syn }, &[]);
        wire
    }

    /// Logged in.
    fn logged_in() -> Self {
        let mut wire = Self::opened();
        wire.send(Server, &GREETING.concat());
        wire.send(Client, &login(0x0008_8200, b"app\0\x00mysql_native_password\0"));
        wire.send(Server, b"\x07\0\0\x02\0\0\0\x02\0\0\0");
        wire
    }

    fn send(&mut self, side: Side, payload: &[u8]) {
        let data = Flags {
            ack: true,
            psh: true,
            ..Flags::default()
        };
        self.segment(side, data, payload);
    }

    fn segment(&mut self, side: Side, flags: Flags, payload: &[u8]) {
        let record = record();
        let client = record.plan.hosts[0].address();
        let (own, other) = if side == Client { (0, 1) } else { (1, 0) };
        let (from, to) = if side == Client {
            (40776, 3306)
        } else {
            (3306, 40776)
        };
        let (source, destination) = if side == Client {
            (client, record.plan.vip())
        } else {
            (record.plan.vip(), client)
        };
        let length = u32::try_from(payload.len()).unwrap();
        let number = u32::try_from(self.packets.len() + 1).unwrap();
        self.packets.push(Packet {
            number,
            point: 0,
            at: Instant(i64::from(number)),
            source_mac: mac(10),
            destination_mac: mac(20),
            length: 66 + length,
            body: Body::Ip {
                source,
                destination,
                transport: Transport::Tcp(Segment {
                    source_port: from,
                    destination_port: to,
                    sequence: self.next[own],
                    acknowledgement: self.next[other],
                    flags,
                    window: 500,
                    urgent: 0,
                    options: Vec::new(),
                    payload_length: length,
                    payload: payload.to_vec(),
                }),
            },
        });
        self.next[own] = self.next[own].wrapping_add(length + u32::from(flags.syn));
    }

    fn said(&self) -> Vec<String> {
        said(&self.packets).into_values().collect()
    }

    /// What is said after the login.
    fn said_since_login(&self) -> Vec<String> {
        let all = self.said();
        assert_eq!(
            all[..3],
            [
                "greeting of `8.0.36`, connection 9",
                "login as `app`",
                "OK, logged in"
            ]
        );
        all[3..].to_vec()
    }
}

/// MySQL's own, capabilities and all (0x88200 is PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH).
const GREETING: [&[u8]; 5] = [
    b"\x4a\0\0\0\x0a",
    b"8.0.36\0\x09\0\0\0abcdefgh\0",
    b"\xff\xff\xff\x02\0\xff\xdf\x15",
    b"\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0",
    b"caching_sha2_password\0",
];

/// A login with these capabilities, and what comes after the filler.
fn login(flags: u32, rest: &[u8]) -> Vec<u8> {
    let mut payload = flags.to_le_bytes().to_vec();
    payload.extend([0, 0, 0, 1, 0x2d]);
    payload.extend([0; 23]);
    payload.extend(rest);
    framed(1, &payload)
}

/// A payload as one packet of the protocol.
fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let mut bytes = vec![length[0], length[1], length[2], sequence];
    bytes.extend(payload);
    bytes
}

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

/// The same bytes in other segments say the same, in the segment that completes it.
#[test]
fn segments_may_be_cut_anywhere() {
    let (_, packets) = recorded();
    let whole: Vec<String> = said(&packets)
        .into_values()
        .flat_map(|note| note.split("; ").map(str::to_owned).collect::<Vec<_>>())
        .filter(|note| !note.contains(" bytes"))
        .collect();
    for length in [1, 3, 7, 100] {
        let mut cut = Vec::new();
        for packet in &packets {
            let Body::Ip {
                source,
                destination,
                transport: Transport::Tcp(segment),
            } = &packet.body
            else {
                continue;
            };
            let mut push = |sequence, payload: &[u8]| {
                let mut part = segment.clone();
                part.sequence = sequence;
                part.payload = payload.to_vec();
                part.payload_length = u32::try_from(payload.len()).unwrap();
                cut.push(Packet {
                    number: u32::try_from(cut.len() + 1).unwrap(),
                    body: Body::Ip {
                        source: *source,
                        destination: *destination,
                        transport: Transport::Tcp(part),
                    },
                    ..packet.clone()
                });
            };
            if segment.payload.is_empty() {
                push(segment.sequence, &[]);
            }
            // Late ones first, and each twice: TCP puts them in order.
            let pieces: Vec<(u32, &[u8])> = (0_u32..)
                .zip(segment.payload.chunks(length))
                .map(|(index, piece)| {
                    let offset = index * u32::try_from(length).unwrap();
                    (segment.sequence.wrapping_add(offset), piece)
                })
                .collect();
            for (sequence, piece) in pieces.iter().rev().chain(&pieces) {
                push(*sequence, piece);
            }
        }
        let notes: Vec<String> = said(&cut)
            .into_values()
            .flat_map(|note| note.split("; ").map(str::to_owned).collect::<Vec<_>>())
            .filter(|note| !note.contains(" bytes"))
            .collect();
        assert_eq!(notes, whole, "{length} bytes in a segment");
    }
}

/// A capture that begins later, or misses packets, says less and nothing else.
#[test]
fn what_is_missing_makes_it_say_less() {
    let (_, packets) = recorded();
    let whole = said(&packets);
    let holds = |kept: &[Packet], what: &str| {
        let found = said(kept);
        for (number, note) in &found {
            // Less may have come, or the same only when it was sent again.
            let same = note.contains("of at least")
                || whole
                    .range(..=*number)
                    .any(|(_, all)| all.ends_with(note.as_str()));
            assert!(
                same,
                "{what}, packet {number}: {note}, not {:?}",
                whole.get(number)
            );
        }
        found.len()
    };
    let mut most = 0;
    for first in 1..packets.len() {
        most = most.max(holds(&packets[first..], &format!("without the first {first}")));
    }
    // Not only silence: the connections that begin later are all told, and one that has begun goes on with
    // its next command.
    assert!(most > 55, "{most} of {}", whole.len());
    let middle = said(&packets[8..]);
    assert_eq!(
        middle.values().next().map(String::as_str),
        Some("COM_QUERY `select 1`")
    );
    let mut random = Random(4711);
    for round in 0..400 {
        let share = 1 + random.below(30);
        let kept: Vec<Packet> = packets
            .iter()
            .filter(|_| random.below(60) >= share)
            .cloned()
            .collect();
        holds(&kept, &format!("round {round}"));
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let (_, packets) = recorded();
    let mut random = Random(17);
    for _ in 0..150 {
        let mut damaged = packets.clone();
        for packet in &mut damaged {
            if let Body::Ip {
                transport: Transport::Tcp(segment),
                ..
            } = &mut packet.body
            {
                let length = segment.payload.len() as u64;
                if length > 0 && random.below(3) == 0 {
                    let place = usize::try_from(random.below(length)).unwrap();
                    segment.payload[place] = random.byte();
                }
                if random.below(20) == 0 {
                    segment.sequence = segment.sequence.wrapping_add(random.next() as u32);
                }
                if length > 0 && random.below(20) == 0 {
                    segment
                        .payload
                        .truncate(usize::try_from(random.below(length)).unwrap());
                }
            }
        }
        let _ = said(&damaged);
    }
}
