//! Folders of runs that nobody's lvs-matrix wrote: `judge`, `report` and `explain` end in bounded time with a
//! bounded output, and what no cell could have left is refused with the reason.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use lvs_matrix_model::capture::unpacked;
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::{Said, json, lvs_matrix, results, say};

/// A stored cell with a hang: of everything that a cell can have, it has something.
const CELL: &str = "config-change/absent_up_execute-sql_0";
/// An unoptimised build on a machine that does other things.
const LONG: Duration = Duration::from_secs(120);

/// The folder of a run with this cell alone.
struct Foreign {
    folder: PathBuf,
}

impl Foreign {
    fn new(name: &str) -> Self {
        let folder = results(&format!("hostile-{name}"));
        let own = folder.join(CELL);
        fs::create_dir_all(&own).unwrap();
        let stored = lvs_matrix_archive::kept();
        fs::copy(stored.join(CELL).join("record.json"), own.join("record.json")).unwrap();
        let capture = fs::read(stored.join(CELL).join("capture.pcapng")).unwrap();
        fs::write(own.join("capture.pcapng"), &*unpacked(&capture).unwrap()).unwrap();
        let mut run = json(&stored.join("run.json"));
        run["selected"] = serde_json::json!([json(&own.join("record.json"))["plan"]["cell"]]);
        let foreign = Self { folder };
        foreign.write("run.json", &run);
        foreign
    }

    fn own(&self, file: &str) -> PathBuf {
        self.folder.join(CELL).join(file)
    }

    fn write(&self, file: &str, value: &Value) {
        fs::write(self.folder.join(file), serde_json::to_vec(value).unwrap()).unwrap();
    }

    /// Edits a file of JSON.
    fn edit(&self, file: &str, edit: impl FnOnce(&mut Value)) {
        let mut value = json(&self.folder.join(file));
        edit(&mut value);
        self.write(file, &value);
    }

    fn judge(&self) -> Said {
        let begun = Instant::now();
        let said = say(lvs_matrix().arg("judge").arg(&self.folder));
        assert!(begun.elapsed() < LONG, "it took {:?}", begun.elapsed());
        said
    }

    /// The cell is not judged, and its reason says why; nothing large was written.
    fn is_refused(&self, why: &str) {
        let said = self.judge().expect_code(3);
        let report = json(&self.folder.join("report.json"));
        let missing = report["missing"][0]["reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let reasons = report["cells"][0]["verdict"]["reasons"].to_string();
        assert!(
            missing.contains(why) || reasons.contains(why),
            "{missing} {reasons} {said:#?}"
        );
        let written = size(&self.folder, &["record.json", "capture.pcapng", "run.json"]);
        assert!(written < 4 << 20, "{written} bytes were written");
        let explained = say(lvs_matrix().args(["explain", CELL, "--run"]).arg(&self.folder));
        assert!(matches!(explained.code(), 0 | 2), "{explained:#?}");
        assert!(
            explained.stdout.len() < 1 << 20,
            "{} bytes",
            explained.stdout.len()
        );
    }
}

/// Bytes of the files below `folder`, without some.
fn size(folder: &Path, without: &[&str]) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .filter(|entry| !without.iter().any(|name| entry.file_name() == *name))
        .map(|entry| match entry.metadata().unwrap() {
            found if found.is_dir() => size(&entry.path(), without),
            found => found.len(),
        })
        .sum()
}

/// The blocks of a pcapng file of little endian.
fn blocks(bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = bytes;
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[4..8].try_into().unwrap());
        let (block, after) = rest.split_at(usize::try_from(length).unwrap());
        blocks.push(block);
        rest = after;
    }
    blocks
}

const INTERFACE: u32 = 1;
const PACKET: u32 = 6;

fn kind(block: &[u8]) -> u32 {
    u32::from_le_bytes(block[..4].try_into().unwrap())
}

/// Where the frame of an Enhanced Packet Block begins.
const FRAME: usize = 28;

/// The last segment of the client's with a statement: on the first interface, of IPv4 and TCP, to port 3306,
/// with a payload.
fn statement(blocks: &[&[u8]]) -> usize {
    let is_it = |block: &&[u8]| {
        kind(block) == PACKET
            && block[8..12] == [0; 4]
            && block.get(FRAME + 12..FRAME + 14) == Some(&[8, 0])
            && block.get(FRAME + 36..FRAME + 38) == Some(&3306_u16.to_be_bytes())
            && u16::from_be_bytes(block[FRAME + 16..FRAME + 18].try_into().unwrap()) > 60
    };
    blocks.iter().rposition(is_it).unwrap()
}

#[test]
fn more_packets_than_a_cell_has() {
    let foreign = Foreign::new("packets");
    let capture = fs::read(foreign.own("capture.pcapng")).unwrap();
    let blocks = blocks(&capture);
    let last = blocks.iter().rposition(|block| kind(block) == PACKET).unwrap();
    let flood = blocks[last].repeat(500_001);
    fs::write(foreign.own("capture.pcapng"), [capture, flood].concat()).unwrap();
    foreign.is_refused("more than 500000 packets");
}

/// Each fits what a cell may have: all are looked at, once.
#[test]
fn many_segments_that_fit_nowhere() {
    for step in [26_i32, -26] {
        let foreign = Foreign::new(&format!("segments{step}"));
        let capture = fs::read(foreign.own("capture.pcapng")).unwrap();
        let blocks = blocks(&capture);
        let at = statement(&blocks);
        let sequence = u32::from_be_bytes(blocks[at][FRAME + 38..FRAME + 42].try_into().unwrap());
        let mut bytes = blocks[..=at].concat();
        for number in 1..=30_000 {
            let mut block = blocks[at].to_vec();
            let moved = sequence.wrapping_add_signed(step * number);
            block[FRAME + 38..FRAME + 42].copy_from_slice(&moved.to_be_bytes());
            bytes.extend(block);
        }
        bytes.extend(blocks[at + 1..].concat());
        fs::write(foreign.own("capture.pcapng"), bytes).unwrap();
        let said = foreign.judge();
        assert!(matches!(said.code(), 0 | 3), "{said:#?}");
        let written = size(&foreign.folder, &["record.json", "capture.pcapng", "run.json"]);
        assert!(
            written < 40 << 20,
            "{written} bytes were written of 30000 packets"
        );
    }
}

#[test]
fn more_interfaces_than_points() {
    let foreign = Foreign::new("interfaces");
    let capture = fs::read(foreign.own("capture.pcapng")).unwrap();
    let blocks = blocks(&capture);
    let at = blocks.iter().rposition(|block| kind(block) == INTERFACE).unwrap();
    let bytes = [
        blocks[..=at].concat(),
        blocks[at].repeat(1_000_000),
        blocks[at + 1..].concat(),
    ]
    .concat();
    fs::write(foreign.own("capture.pcapng"), bytes).unwrap();
    foreign.is_refused("they are not of the same cell");
}

/// A file of a tebibyte that takes no room.
#[test]
fn files_larger_than_a_cell_leaves() {
    for file in ["record.json", "capture.pcapng"] {
        let foreign = Foreign::new(&format!("large-{file}"));
        File::options()
            .write(true)
            .open(foreign.own(file))
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
        foreign.is_refused("it has more than");
    }
    let foreign = Foreign::new("large-run");
    let run = File::options().write(true).open(foreign.folder.join("run.json"));
    run.unwrap().set_len(1 << 40).unwrap();
    let said = foreign.judge().expect_code(2);
    assert!(said.stderr.contains("it has more than"), "{}", said.stderr);
}

#[test]
fn more_of_everything_than_a_cell_has() {
    let record = format!("{CELL}/record.json");
    let again = |value: &mut Value, times: usize| {
        let list = value.as_array_mut().unwrap();
        let one = list[0].clone();
        list.resize(times, one);
    };
    for (list, times) in [
        ("steps", 10_001),
        ("client-events", 50_001),
        ("snapshots", 10_001),
        ("server-views", 257),
        ("preparation", 10_001),
    ] {
        let foreign = Foreign::new(list);
        foreign.edit(&record, |value| again(&mut value[list], times));
        foreign.is_refused(&format!("its {times} "));
    }
    let foreign = Foreign::new("text");
    foreign.edit(&record, |value| {
        value["snapshots"][0]["connections"] = "<".repeat(3 << 20).into()
    });
    foreign.is_refused("has a text of 3145728 bytes");
}

#[test]
fn a_run_with_a_cell_twice() {
    let foreign = Foreign::new("twice");
    foreign.edit("run.json", |run| {
        let cells = run["selected"].as_array_mut().unwrap();
        let cell = cells[0].clone();
        cells.resize(1000, cell);
    });
    let said = foreign.judge().expect_code(2);
    assert!(
        said.stderr.contains(&format!("it has the cell {CELL} twice")),
        "{}",
        said.stderr
    );
    assert!(!foreign.folder.join("report.html").exists());
}
