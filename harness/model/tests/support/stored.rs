//! The cells that are committed under `reports/`.
#![expect(
    clippy::panic,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::capture::{Packet, read};
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, RECORD_FILE};
use std::fs;
use std::path::{Path, PathBuf};

/// A real cell.
pub struct Stored {
    pub folder: PathBuf,
    pub record: CellRecord,
    pub bytes: Vec<u8>,
}

impl Stored {
    /// The names of the capture points.
    pub fn points(&self) -> Vec<String> {
        let points = &self.record.capture.as_ref().unwrap().points;
        points.iter().map(|point| point.node.to_string()).collect()
    }

    pub fn packets(&self) -> Vec<Packet> {
        read(&self.bytes, &self.record).unwrap_or_else(|error| panic!("{}: {error}", self.folder.display()))
    }
}

/// Every stored cell, `reports/<kernel>/<scenario>/<slug>`.
pub fn stored() -> Vec<Stored> {
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
