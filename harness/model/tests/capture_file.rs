//! A capture file: what is written is read back, and what is damaged is refused.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::action::{Action, Statement};
use lvs_matrix_model::capture::{Body, CaptureError, PointFrames, Remarks, read, write};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::record::{CellRecord, StepOutcome};
use lvs_matrix_model::scenario::{Expected, Phases};
use std::path::Path;
use support::programs::{BETWEEN, capinfos, feed, lines, tshark};
use support::{bare_record, empty_points, frame, plan_of, record_of, s, seconds, sentinel};

/// Points whose frames are interleaved in time, with two equal times.
fn points() -> Vec<PointFrames> {
    let mut points = empty_points();
    points[0].frames = vec![
        frame(Instant(-5), sentinel("first client")),
        frame(s(2.0), sentinel("b")),
    ];
    points[1].frames = vec![
        frame(Instant(7), sentinel("director")),
        frame(s(2.0), sentinel("c")),
    ];
    points[2].frames = vec![
        frame(s(2.0), sentinel("d")),
        frame(s(2.0), sentinel("e")),
        frame(Instant(1_999_999_999), sentinel("a")),
    ];
    points
}

fn text(body: &Body) -> &str {
    match body {
        Body::Sentinel { text } => text,
        Body::Arp { .. } | Body::Ip { .. } | Body::Other { .. } | Body::Malformed { .. } => "not a sentinel",
    }
}

#[test]
fn what_is_written_is_read_back_in_time_order() {
    let bytes = write(&points(), &Remarks::default()).unwrap();
    let packets = read(&bytes, &bare_record()).unwrap();
    let seen: Vec<_> = packets
        .iter()
        .map(|packet| {
            (
                packet.number,
                packet.point,
                packet.at,
                packet.length,
                text(&packet.body),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (1, 0, Instant(-5), 60, "first client"),
            (2, 1, Instant(7), 60, "director"),
            (3, 2, Instant(1_999_999_999), 60, "a"),
            (4, 0, s(2.0), 60, "b"),
            (5, 1, s(2.0), 60, "c"),
            (6, 2, s(2.0), 60, "d"),
            (7, 2, s(2.0), 60, "e"),
        ]
    );
}

#[test]
fn the_same_frames_give_the_same_bytes() {
    assert_eq!(
        write(&points(), &Remarks::default()).unwrap(),
        write(&points(), &Remarks::default()).unwrap()
    );
}

#[test]
fn a_file_cut_anywhere_is_an_error_or_has_fewer_packets() {
    let bytes = write(&points(), &Remarks::default()).unwrap();
    let whole = read(&bytes, &bare_record()).unwrap();
    let mut shorter = 0;
    for length in 0..bytes.len() {
        if let Ok(packets) = read(&bytes[..length], &bare_record()) {
            assert!(packets.len() < whole.len(), "cut to {length} bytes");
            assert_eq!(packets, whole[..packets.len()], "cut to {length} bytes");
            shorter += 1;
        }
    }
    // Only a cut exactly between two blocks goes unnoticed here; the missing last sentinel gives it away
    // later.
    assert_eq!(shorter, whole.len());
}

#[test]
fn a_damaged_byte_never_panics() {
    let bytes = write(&points(), &Remarks::default()).unwrap();
    for place in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0xff, bytes[place] ^ 0x10] {
            let mut damaged = bytes.clone();
            damaged[place] = value;
            let _ = read(&damaged, &bare_record());
        }
    }
}

#[test]
fn a_capture_of_another_lab_is_refused() {
    let mut others = points();
    others[2].name = "rs9".to_owned();
    let error = read(&write(&others, &Remarks::default()).unwrap(), &bare_record()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the capture's interfaces are [client, director, rs9, rs2], the record's points [client, director, \
         rs1, rs2]: they are not of the same cell"
    );
    let mut record = bare_record();
    record.capture = None;
    assert!(matches!(
        read(&write(&points(), &Remarks::default()).unwrap(), &record),
        Err(CaptureError::NoPoints)
    ));
}

#[test]
fn other_resolutions_are_refused_not_misread() {
    // if_tsresol: option 9, length 1, value 9, padding.
    let mut bytes = write(&points(), &Remarks::default()).unwrap();
    let option = [9, 0, 1, 0, 9, 0, 0, 0];
    let place = bytes.windows(8).position(|window| window == option).unwrap();
    bytes[place + 4] = 6;
    let error = read(&bytes, &bare_record()).unwrap_err();
    assert!(
        matches!(&error, CaptureError::OtherKind { name } if name == "client"),
        "{error}"
    );
}

#[test]
fn times_before_1970_are_refused() {
    let mut early = points();
    early[1].frames[0].unix_nanos = -1;
    assert!(matches!(
        write(&early, &Remarks::default()),
        Err(CaptureError::TimeOutOfRange { packet: 1 })
    ));
}

#[test]
fn tcpdump_reads_the_file_with_its_nanoseconds() {
    let bytes = write(&points(), &Remarks::of(&remarkable())).unwrap();
    let output = feed("tcpdump", &["-nn", "-tt", "--nano", "-r", "-"], &bytes);
    let times: Vec<String> = lines(&output)
        .iter()
        .filter_map(|line| line.split_once(' ').map(|(time, _)| time.to_owned()))
        .filter(|time| time.starts_with("17"))
        .collect();
    assert_eq!(
        times,
        [
            "1779999999.999999995",
            "1780000000.000000007",
            "1780000001.999999999",
            "1780000002.000000000",
            "1780000002.000000000",
            "1780000002.000000000",
            "1780000002.000000000",
        ],
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A record with a step at the beginning, one that takes time, one after the last packet, and one that was
/// not reached.
fn remarkable() -> CellRecord {
    let query = |sql: &str| {
        Action::query(Statement {
            sql: sql.to_owned(),
            takes: seconds(0.0),
            ..Statement::default()
        })
    };
    let steps = Phases::of(
        vec![Action::connect(), query("select '\u{1b}[31m\u{202e}\n'")],
        vec![Action::wait(seconds(1.0))],
        vec![Action::await_result()],
    );
    let mut record = record_of(plan_of(steps, Expected::ObserveOnly));
    for (step, (began, ended)) in record.steps.iter_mut().zip([(0.0, 0.0), (0.5, 2.0), (3.0, 4.0)]) {
        (step.began, step.ended) = (Some(s(began)), Some(s(ended)));
        step.outcome = StepOutcome::Done { proof: "seen".into() };
    }
    record.ended = s(4.0);
    record
}

#[test]
fn remarks_change_nothing_of_what_is_read() {
    let record = remarkable();
    let with = write(&points(), &Remarks::of(&record)).unwrap();
    let without = write(&points(), &Remarks::default()).unwrap();
    assert!(with.len() > without.len() + 500);
    assert_eq!(read(&with, &record).unwrap(), read(&without, &record).unwrap());
}

#[test]
fn wireshark_shows_the_steps_where_they_happened() {
    let bytes = write(&points(), &Remarks::of(&remarkable())).unwrap();
    let (rows, complaints) = tshark(
        &bytes,
        &[
            "frame.interface_name",
            "frame.interface_description",
            "frame.comment",
        ],
    );
    assert_eq!(complaints, "");
    let interfaces: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(
        interfaces,
        ["client", "director", "rs1", "client", "director", "rs1", "rs1"]
    );
    assert_eq!(rows[1][1], "eth0 of director, 192.0.2.20, 02:6c:76:00:00:14");
    let comments: Vec<Vec<&str>> = rows.iter().map(|row| row[2].split(BETWEEN).collect()).collect();
    let none = vec![""];
    assert_eq!(
        comments,
        [
            none.clone(),
            vec!["+0.000000000s step 1 (before), connect: seen"],
            vec!["+0.500000000s step 2 (before), query `select '\\u{1b}[31m\\u{202e}\\u{a}'` begins"],
            vec![
                "+2.000000000s step 2 (before), query `select '\\u{1b}[31m\\u{202e}\\u{a}'` ends after 1.5s: \
                 seen"
            ],
            none.clone(),
            none.clone(),
            none,
        ]
    );
}

/// What has no packet to stand at is said of the file as a whole.
#[test]
fn capinfos_shows_what_has_no_packet() {
    let bytes = write(&points(), &Remarks::of(&remarkable())).unwrap();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("remarkable.pcapng");
    std::fs::write(&file, &bytes).unwrap();
    let (said, complaints) = capinfos(&file);
    assert_eq!(complaints, "");
    for part in [
        "cell test/only",
        "step 4 (act), await result: not reached",
        "+3.000000000s step 3 (change), wait 1s begins",
        "+4.000000000s step 3 (change), wait 1s ends after 1s: seen",
        "+4.000000000s the observation ends",
        "Linux 7.2.0",
        "lvs-matrix 0.1.0",
        "Name = rs2",
        "nanoseconds (9)",
    ] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
}

/// pcapng has 16 bits for the length of an option, and pcap-file does not look whether they are enough.
#[test]
fn long_statements_do_not_break_the_file() {
    let mut record = remarkable();
    let long = Statement {
        sql: "ä".repeat(200_000),
        takes: seconds(0.0),
        ..Statement::default()
    };
    for step in &mut record.steps {
        step.action = Action::query(long.clone());
        step.began = None;
    }
    let step = record.steps[0].clone();
    record.steps.extend(std::iter::repeat_n(step, 200));
    let bytes = write(&points(), &Remarks::of(&record)).unwrap();
    assert_eq!(read(&bytes, &record).unwrap().len(), 7);
    let (rows, complaints) = tshark(&bytes, &["frame.number"]);
    assert_eq!((rows.len(), complaints.as_str()), (7, ""));
}
