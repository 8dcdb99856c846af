//! The records that are committed under `reports/`: real cells, whose captures must read as tcpdump prints them, and whose
//! behaviours must not turn into others when packets are missing.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::capture::trace::trace;
use lvs_matrix_model::capture::{Frame, Packet, PointFrames, read, write};
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, RECORD_FILE};
use lvs_matrix_model::verdict::{Behaviour, observe};
use pcap_file::pcapng::{Block, PcapNgReader};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How many times packets are taken away from each cell.
const LOSSES: u64 = 40;

struct Stored {
    folder: PathBuf,
    record: CellRecord,
    bytes: Vec<u8>,
}

impl Stored {
    fn packets(&self) -> Vec<Packet> {
        read(&self.bytes, &self.record).unwrap_or_else(|error| panic!("{}: {error}", self.folder.display()))
    }
}

/// Every stored cell, `reports/<kernel>/<scenario>/<slug>`.
fn stored() -> Vec<Stored> {
    let folders = |parent: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    };
    let reports = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reports");
    let cells = folders(&reports).into_iter().flat_map(|run| folders(&run));
    let all: Vec<Stored> = cells
        .flat_map(|scenario| folders(&scenario))
        .map(|folder| Stored {
            record: serde_json::from_slice(&fs::read(folder.join(RECORD_FILE)).unwrap()).unwrap(),
            bytes: fs::read(folder.join(CAPTURE_FILE)).unwrap(),
            folder,
        })
        .collect();
    assert!(
        all.len() >= 34,
        "only {} stored cells in {}",
        all.len(),
        reports.display()
    );
    all
}

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

fn tcpdump(bytes: &[u8]) -> Vec<String> {
    let mut tcpdump = Command::new("tcpdump")
        .args(["-nn", "-t", "-r", "-", "not ether proto 0x88b5"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("tcpdump is one of the programs that the tests require");
    let mut input = tcpdump.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let feed = std::thread::spawn(move || input.write_all(&bytes));
    let output = tcpdump.wait_with_output().unwrap();
    feed.join().unwrap().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_point_of_every_cell_reads_as_tcpdump_prints_it() {
    for cell in stored() {
        let packets = cell.packets();
        let capture = cell.record.capture.as_ref().unwrap();
        for (index, (point, frames)) in capture.points.iter().zip(frames(&cell.bytes)).enumerate() {
            let ours: Vec<String> = trace(&packets, &cell.record, &point.node)
                .into_iter()
                .map(|line| line.text)
                .collect();
            let theirs = tcpdump(&write(&[frames]).unwrap());
            assert_eq!(ours, theirs, "{}, point {index}", cell.folder.display());
        }
    }
}

/// A pseudo-random sequence (Steele, Lea and Flood's SplitMix64): the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[test]
fn missing_packets_never_turn_a_behaviour_into_another() {
    let (mut changed, mut undetermined) = (Vec::new(), 0);
    for (cell, seed) in stored().into_iter().zip(1_u64..) {
        let packets = cell.packets();
        let whole = observe(&cell.record, &packets).behaviour;
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
            let found = observe(&cell.record, &rest).behaviour;
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
