//! The records that are kept as fixtures: real cells, whose captures must read as tcpdump prints them, and
//! whose behaviours must not turn into others when packets are missing.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::capture::decode::FRAGMENT;
use lvs_matrix_model::capture::trace::trace;
use lvs_matrix_model::capture::{Frame, Packet, PointFrames, Remarks, write};
use lvs_matrix_model::path::Journeys;
use lvs_matrix_model::record::CAPTURE_FILE;
use lvs_matrix_model::verdict::{Behaviour, observe};
use pcap_file::pcapng::{Block, PcapNgReader};
use std::collections::BTreeMap;
use support::programs::{BETWEEN, capinfos, tcpdump, tshark};
use support::random::Random;
use support::stored::{Stored, stored};

/// How many times packets are taken away from each cell.
const LOSSES: u64 = 40;

/// The frames of each point, as the file has them.
fn frames(bytes: &[u8]) -> Vec<PointFrames> {
    let mut points: Vec<PointFrames> = Vec::new();
    let mut reader = PcapNgReader::new(bytes).unwrap();
    while let Some(block) = reader.next_block() {
        match block.unwrap() {
            Block::InterfaceDescription(_) => points.push(PointFrames {
                name: String::new(),
                frames: Vec::new(),
            }),
            Block::EnhancedPacket(packet) => points[usize::try_from(packet.interface_id).unwrap()]
                .frames
                .push(Frame {
                    unix_nanos: i64::try_from(packet.timestamp.as_nanos()).unwrap(),
                    length: packet.original_len,
                    bytes: packet.data.into_owned(),
                }),
            other => panic!("a block that the runner does not write: {other:?}"),
        }
    }
    points
}

#[test]
fn every_point_of_every_cell_reads_as_tcpdump_prints_it() {
    for cell in stored() {
        let packets = cell.packets();
        let capture = cell.record.capture.as_ref().unwrap();
        for (index, (_, frames)) in capture.points.iter().zip(frames(&cell.bytes)).enumerate() {
            let ours: Vec<String> = trace(&packets, &cell.record, index)
                .into_iter()
                .map(|line| line.text)
                .filter(|text| !text.ends_with(FRAGMENT))
                .collect();
            // Of a fragment tcpdump prints what its first bytes look like. It is not put together here,
            // either, and said to be a fragment.
            let theirs = tcpdump(
                &write(&[frames], &Remarks::default()).unwrap(),
                "not ether proto 0x88b5 and not (ip and ip[6:2] & 0x3fff != 0)",
            );
            assert_eq!(ours, theirs, "{}, point {index}", cell.folder.display());
        }
    }
}

/// Sections of pcapng may follow each other in a file, so that tshark is started a few times and not
/// hundreds. Its interfaces are known by the numbers of the first section: only captures of the same points
/// go together.
#[test]
fn wireshark_reads_every_capture_and_shows_its_names_and_steps() {
    let mut alike: BTreeMap<Vec<String>, Vec<Stored>> = BTreeMap::new();
    for cell in stored() {
        alike.entry(cell.points()).or_default().push(cell);
    }
    for cells in alike.values() {
        let bytes: Vec<u8> = cells.iter().flat_map(|cell| cell.bytes.clone()).collect();
        let (rows, complaints) = tshark(
            &bytes,
            &["frame.interface_name", "frame.time_epoch", "frame.comment"],
        );
        assert_eq!(complaints, "");
        let mut rows = rows.iter();
        for cell in cells {
            shows_names_and_steps(cell, &mut rows);
        }
        assert_eq!(rows.next(), None, "packets of no cell");
    }
}

/// The next `rows` are the packets of `cell`, with the names of its points and its steps as comments.
fn shows_names_and_steps<'a>(cell: &Stored, rows: &mut impl Iterator<Item = &'a Vec<String>>) {
    let (at, points) = (cell.folder.display(), cell.points());
    let mut remarks = Remarks::of(&cell.record).moments.into_iter().peekable();
    assert!(remarks.len() > 1, "{at}");
    for packet in cell.packets() {
        let row = rows.next().unwrap_or_else(|| panic!("{at}: too few packets"));
        assert_eq!(row[0], points[packet.point], "{at}");
        let unix = cell.record.epoch_unix_nanos + packet.at.0;
        let (seconds, nanos) = (unix / 1_000_000_000, unix % 1_000_000_000);
        assert_eq!(row[1], format!("{seconds}.{nanos:09}"), "{at}");
        let due = std::iter::from_fn(|| remarks.next_if(|(moment, _)| *moment <= unix));
        let due: Vec<String> = due.map(|(_, text)| text).collect();
        assert_eq!(
            row[2],
            due.join(&BETWEEN.to_string()),
            "{at}, packet {}",
            packet.number
        );
    }
    assert_eq!(remarks.next(), None, "{at}: a remark without a packet");
    let (said, complaints) = capinfos(&cell.folder.join(CAPTURE_FILE));
    assert_eq!(complaints, "", "{at}");
    for point in points {
        assert!(said.contains(&format!("Name = {point}")), "{at}: {said}");
    }
}

#[test]
fn missing_packets_never_turn_a_behaviour_into_another() {
    let (mut changed, mut undetermined) = (Vec::new(), 0);
    for (cell, seed) in stored().into_iter().zip(1_u64..) {
        let packets = cell.packets();
        let whole = observe(&cell.record, &Journeys::of(&cell.record, packets.clone())).behaviour;
        assert!(whole.name().is_some(), "{}: {whole:?}", cell.folder.display());
        let mut random = Random(seed);
        for _ in 0..LOSSES {
            // From one packet in two hundred to nearly all.
            let share = random.next() % 199 + 1;
            let rest: Vec<Packet> = packets
                .iter()
                .filter(|_| random.next() % 200 >= share)
                .cloned()
                .collect();
            let found = observe(&cell.record, &Journeys::of(&cell.record, rest)).behaviour;
            match found {
                Behaviour::Undetermined { .. } => undetermined += 1,
                Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Hung { .. } => {
                    if found.name() != whole.name() {
                        changed.push(format!("{}: {whole:?} became {found:?}", cell.folder.display()));
                    }
                }
            }
        }
    }
    assert!(changed.is_empty(), "{changed:#?}");
    assert!(
        undetermined > 0,
        "no loss was noticed: the losses are too small to test anything"
    );
}
