//! What the traces say of the MySQL protocol: on a recorded session beside Wireshark's own dissector, and on
//! bytes that are cut, lost, encrypted or no MySQL at all.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::capture::mysql::annotations;
use lvs_matrix_model::capture::{Frame, Packet, PointFrames, Remarks, read, write};
use lvs_matrix_model::record::CellRecord;
use pcap_file::pcap::PcapReader;
use std::collections::BTreeMap;
use std::path::Path;

#[path = "capture_mysql/damaged.rs"]
mod damaged;
#[path = "capture_mysql/protocol.rs"]
mod protocol;
#[path = "capture_mysql/wire.rs"]
mod wire;

use support::bare_record;
use support::programs::tshark_with;

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
    annotations(packets, &record(), 0)
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
