//! Records on disk: the capture and logs first, the record last, each by rename, so that nothing is ever
//! half-written.

use crate::error::{LabError, Result, Stage};
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, ClientRecord, RECORD_FILE, TRANSCRIPT_FILE};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder of a cell below `out`: `<scenario>/<slug>`. Names cannot leave it, see
/// [`lvs_matrix_model::Name`].
#[must_use]
pub fn cell_folder(out: &Path, cell: &CellRef) -> PathBuf {
    out.join(cell.scenario.as_str()).join(cell.slug())
}

/// Writes a cell's capture (if there is one) and its record into `folder`, which is made if need be.
///
/// # Errors
/// [`LabError`] if a file cannot be written; the record is then not there.
pub fn write_record(folder: &Path, record: &CellRecord, capture: Option<&[u8]>) -> Result<()> {
    fs::create_dir_all(folder).stage(format!("make {}", folder.display()))?;
    if let Some(bytes) = capture {
        write_whole(folder, CAPTURE_FILE, bytes)?;
    }
    if let Some(transcripts) = record.client.as_ref().and_then(ClientRecord::transcript_text) {
        write_whole(folder, TRANSCRIPT_FILE, transcripts.as_bytes())?;
    }
    let mut text = serde_json::to_vec_pretty(record).stage("write the record as JSON")?;
    text.push(b'\n');
    write_whole(folder, RECORD_FILE, &text)
}

fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let (path, partial) = (folder.join(name), folder.join(format!("{name}.partial")));
    let written = File::create(&partial).and_then(|mut file| {
        file.write_all(bytes)?;
        // A full disk may only be noticed here.
        file.sync_data()?;
        fs::rename(&partial, &path)
    });
    written.map_err(|error| {
        // Nothing half-written stays; that the removal may fail as well changes nothing for the caller.
        let _ = fs::remove_file(&partial);
        LabError::new(format!("write {}", path.display()), error)
    })
}
