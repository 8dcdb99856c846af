//! What the repository has anyway: scenarios, good and bad, and a stored run.

use crate::{join, repository};
use lvs_matrix_model::capture::unpacked;
use lvs_matrix_model::record::CellRecord;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

#[path = "../../../harness/model/tests/support/fixtures.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared with tests, which fail by panicking"
)]
mod cases;

fn files(folder: &Path, name: impl Fn(&Path) -> bool + Copy) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, name));
        } else if name(&path) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn scenarios() -> Vec<Vec<u8>> {
    let yaml = |path: &Path| path.extension().is_some_and(|extension| extension == "yaml");
    let files = files(&repository().join("scenarios"), yaml).into_iter();
    let refused = ["invalid", "hostile"].into_iter().flat_map(cases::cases);
    // What is large is slow, and its kin are too.
    files
        .map(|file| read(&file))
        .chain(refused.map(|case| case.bytes))
        .filter(|bytes| bytes.len() < 8 << 10)
        .collect()
}

fn stored(name: &'static str) -> Vec<PathBuf> {
    files(lvs_matrix_archive::kept(), |path| path.ends_with(name))
}

/// A capture as it was recorded: changes of what gzip has packed would be changes of gzip's.
fn plain(file: &Path) -> Vec<u8> {
    unpacked(&read(file))
        .expect("a kept capture is good")
        .into_owned()
}

pub(crate) fn captures() -> Vec<Vec<u8>> {
    stored("capture.pcapng").iter().map(|file| plain(file)).collect()
}

pub(crate) fn cells() -> Vec<Vec<u8>> {
    let records = stored("record.json");
    let join = |record: &PathBuf| join(&read(record), &plain(&record.with_file_name("capture.pcapng")));
    records.iter().map(join).collect()
}

/// A record to read captures by.
pub(crate) fn a_record() -> &'static CellRecord {
    static RECORD: OnceLock<CellRecord> = OnceLock::new();
    RECORD.get_or_init(|| {
        let path = stored("record.json")
            .into_iter()
            .next()
            .expect("a run is stored under tests/fixtures/cells");
        serde_json::from_slice(&read(&path)).expect("the stored record is good")
    })
}

pub(crate) fn consoles() -> Vec<Vec<u8>> {
    let lines = "Linux version 7.2\r\n@lvs-matrix say {\"started\":{\"scenario\":\"a\",\"values\":[]}}\r\n\
        Kernel panic - not syncing: x\n@lvs-matrix end exited 0\n@lvs-matrix failed cannot mount\n";
    vec![
        [b"\x07", lines.as_bytes()].concat(),
        [b"\x01", lines.as_bytes()].concat(),
    ]
}

/// The configurations that the import is tested with.
pub(crate) fn setups() -> Vec<Vec<u8>> {
    let root = repository().join("harness/setup/tests/fixtures");
    let mut files = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of fixtures") {
            let path = entry.expect("an entry of it").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    let read = |path: &PathBuf| std::fs::read(path).expect("a fixture");
    files.iter().map(read).collect()
}
