//! A capture file: what is written is read back, and what is damaged is refused.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::capture::{Body, CaptureError, PointFrames, read, write};
use lvs_matrix_model::duration::Instant;
use std::io::Write;
use std::process::{Command, Stdio};
use support::{bare_record, empty_points, frame, s, sentinel};

/// Points whose frames are interleaved in time, with two equal times.
fn points() -> Vec<PointFrames> {
    let mut points = empty_points();
    points[0].frames = vec![
        frame(Instant(-5), sentinel("first client")),
        frame(s(2.0), sentinel("b")),
    ];
    points[1].frames = vec![frame(Instant(7), sentinel("director")), frame(s(2.0), sentinel("c"))];
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
    let bytes = write(&points()).unwrap();
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
    assert_eq!(write(&points()).unwrap(), write(&points()).unwrap());
}

#[test]
fn a_file_cut_anywhere_is_an_error_or_has_fewer_packets() {
    let bytes = write(&points()).unwrap();
    let whole = read(&bytes, &bare_record()).unwrap();
    let mut shorter = 0;
    for length in 0..bytes.len() {
        if let Ok(packets) = read(&bytes[..length], &bare_record()) {
            assert!(packets.len() < whole.len(), "cut to {length} bytes");
            assert_eq!(packets, whole[..packets.len()], "cut to {length} bytes");
            shorter += 1;
        }
    }
    // Only a cut exactly between two blocks goes unnoticed here; the missing last sentinel gives it away later.
    assert_eq!(shorter, whole.len());
}

#[test]
fn a_damaged_byte_never_panics() {
    let bytes = write(&points()).unwrap();
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
    let error = read(&write(&others).unwrap(), &bare_record()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the capture's interfaces are [client, director, rs9, rs2], the record's points [client, director, rs1, rs2]: they \
         are not of the same cell"
    );
    let mut record = bare_record();
    record.capture = None;
    assert!(matches!(
        read(&write(&points()).unwrap(), &record),
        Err(CaptureError::NoPoints)
    ));
}

#[test]
fn other_resolutions_are_refused_not_misread() {
    // if_tsresol: option 9, length 1, value 9, padding.
    let mut bytes = write(&points()).unwrap();
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
    assert!(matches!(write(&early), Err(CaptureError::TimeOutOfRange { packet: 1 })));
}

#[test]
fn tcpdump_reads_the_file_with_its_nanoseconds() {
    let bytes = write(&points()).unwrap();
    let mut tcpdump = Command::new("tcpdump")
        .args(["-nn", "-tt", "--nano", "-r", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tcpdump is one of the programs that the tests require");
    tcpdump.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = tcpdump.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let times: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once(' ').map(|(time, _)| time))
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
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
