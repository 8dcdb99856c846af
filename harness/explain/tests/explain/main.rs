//! Why the clients of the kept cells (`tests/fixtures/cells`) saw what they saw: each rule on a cell that
//! calls for it, and not any more when what decides is taken away from that cell.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod cases;
mod chinese;
mod counter;
mod faults;
mod goes_with;
mod made;
mod recorded;
mod said;
mod stored;
mod table;
mod text;
mod translated;

use lvs_matrix_archive::{Files, files, kept};
use lvs_matrix_explain::Explanation;
use lvs_matrix_model::action::{Action, Node};
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::capture::{Body, Packet, Transport};
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, Moment, RECORD_FILE, StepOutcome};
use lvs_matrix_model::verdict::{JudgedCell, judged};
use lvs_matrix_report::{RunSummary, plain};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The run of which every cell is looked at: the fixtures, or the one whose folder `LVS_MATRIX_CELLS` names.
fn run() -> PathBuf {
    std::env::var_os("LVS_MATRIX_CELLS").map_or_else(|| kept().to_owned(), PathBuf::from)
}

fn stored(cell: &str) -> JudgedCell {
    read(&kept().join(cell))
}

fn read(folder: &Path) -> JudgedCell {
    let read = |file| fs::read(folder.join(file)).unwrap();
    of_bytes(&read(RECORD_FILE), &read(CAPTURE_FILE))
}

fn of_bytes(record: &[u8], capture: &[u8]) -> JudgedCell {
    let record: CellRecord = serde_json::from_slice(record).unwrap();
    judged(record, Some(capture))
}

/// A cell that was recorded for one rule: of the archive, or of the folder from which
/// `cargo run -p lvs-matrix-kept -- pack` makes it.
fn recorded(cell: &str) -> Option<JudgedCell> {
    let (record, capture) = files_of(cell)?;
    Some(of_bytes(&record, &capture))
}

/// Its record and its capture.
fn files_of(cell: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    static FILES: OnceLock<Files> = OnceLock::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let loose = fixtures.join("cells").join(cell);
    if loose.exists() {
        let read = |file| fs::read(loose.join(file)).unwrap();
        return Some((read(RECORD_FILE), read(CAPTURE_FILE)));
    }
    let files = FILES.get_or_init(|| files(&fixtures.join("cells.tar.xz")).unwrap());
    let file = |name| files.get(&format!("{cell}/{name}")).cloned();
    Some((file(RECORD_FILE)?, file(CAPTURE_FILE)?))
}

fn all() -> Vec<JudgedCell> {
    let summary: RunSummary = serde_json::from_slice(&fs::read(run().join("run.json")).unwrap()).unwrap();
    let cells = summary
        .selected
        .iter()
        .map(|cell| read(&run().join(cell.to_string())));
    cells.collect()
}

fn rules(explanation: &Explanation) -> Vec<&'static str> {
    explanation
        .paragraphs
        .iter()
        .map(|paragraph| paragraph.rule)
        .collect()
}

/// Takes away every packet of which `lost` says so, without judging again: what a rule makes of it, not what
/// judging does.
fn without(cell: &mut JudgedCell, lost: impl Fn(&Packet, &Node) -> bool) {
    let points: Vec<Node> = cell
        .record
        .capture
        .iter()
        .flat_map(|capture| capture.points.iter())
        .map(|point| point.node.clone())
        .collect();
    cell.change_packets(|packets| packets.retain(|packet| !lost(packet, &points[packet.point])));
}

fn without_icmp(cell: &mut JudgedCell) {
    without(cell, |packet, _| {
        matches!(
            packet.body,
            Body::Ip {
                transport: Transport::Icmp { .. },
                ..
            }
        )
    });
    cell.observed.terminators.clear();
}

fn sysctl(cell: &mut JudgedCell, node: &Node, key: &str, value: &str) {
    let host = cell
        .record
        .plan
        .hosts
        .iter_mut()
        .find(|host| host.node == *node)
        .unwrap();
    let (_, own) = host.sysctls.iter_mut().find(|(own, _)| own == key).unwrap();
    value.clone_into(own);
}

fn undone(cell: &mut JudgedCell, which: fn(&Action) -> bool) {
    for step in &mut cell.record.steps {
        if which(&step.action) {
            step.outcome = StepOutcome::NotReached;
        }
    }
}

/// The director's table at this moment, with its texts changed.
fn table(cell: &mut JudgedCell, moment: Moment, change: fn(&str) -> String) {
    for snapshot in &mut cell.record.snapshots {
        if snapshot.moment == moment {
            snapshot.services = change(&snapshot.services);
            snapshot.connections = change(&snapshot.connections);
        }
    }
}

/// A table without the entries of established connections.
fn without_established(text: &str) -> String {
    let others = text.lines().filter(|line| !line.contains("ESTABLISHED"));
    others.collect::<Vec<_>>().join("\n")
}

/// The client's segment with the statement.
fn request(cell: &JudgedCell) -> u32 {
    let operation = cell.observed.operation.as_ref().unwrap();
    let carries = |packet: &&Packet| {
        packet.at >= operation.began
            && segment(packet).is_some_and(|(_, _, segment)| segment.payload_length > 0)
    };
    cell.packets().iter().find(carries).unwrap().number
}

/// What the director passed on since the operation began is missing.
fn from_director_gone(cell: &mut JudgedCell) {
    let director = cell.record.plan.host(&Node::first_director()).unwrap().mac();
    let began = cell.observed.operation.as_ref().unwrap().began;
    without(cell, |packet, node| {
        *node == Node::first_director()
            && packet.source_mac == director
            && packet.at >= began
            && segment(packet).is_some()
    });
}
