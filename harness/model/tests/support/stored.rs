//! The cells that are kept as fixtures, or those of a whole run.
#![expect(
    clippy::panic,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::capture::unpacked;
use lvs_matrix_model::capture::{Packet, names, read};
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
        names(points)
    }

    pub fn packets(&self) -> Vec<Packet> {
        read(&self.bytes, &self.record).unwrap_or_else(|error| panic!("{}: {error}", self.folder.display()))
    }
}

/// Every stored cell: those of `tests/fixtures/cells`, or of the run whose folder `LVS_MATRIX_CELLS` names.
pub fn stored() -> Vec<Stored> {
    let folders = |parent: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    };
    let run = std::env::var_os("LVS_MATRIX_CELLS")
        .map_or_else(|| lvs_matrix_archive::kept().to_owned(), PathBuf::from);
    let cells = folders(&run).into_iter().flat_map(|scenario| folders(&scenario));
    let all: Vec<Stored> = cells
        .filter(|folder| folder.join(RECORD_FILE).is_file() && !folder.to_string_lossy().ends_with("@dry"))
        .map(|folder| Stored {
            record: serde_json::from_slice(&fs::read(folder.join(RECORD_FILE)).unwrap()).unwrap(),
            bytes: unpacked(&fs::read(folder.join(CAPTURE_FILE)).unwrap())
                .unwrap()
                .into_owned(),
            folder,
        })
        .collect();
    assert!(
        all.len() >= 34,
        "only {} stored cells in {}",
        all.len(),
        run.display()
    );
    all
}
