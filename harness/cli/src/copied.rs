//! What a cell left, copied from one run's folder into another one.

use crate::beneath::Beneath;
use crate::error::Failure;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::record::RECORD_FILE;
use lvs_matrix_report::REPORT_FILE;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Copies every file of a cell but its page, which is made anew. A cell that has left nothing is passed over.
pub(crate) fn cell(open: &Beneath, folder: &Path, cell: &CellRef, to: &Path) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::Software(format!("cannot copy {cell} of {}: {error}", folder.display()));
    let slug = cell.slug();
    let own = match open.folder(&[cell.scenario.as_str(), &slug]) {
        Ok(own) => own,
        // It has no record; the report will say so.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let to: PathBuf = to.join(cell.scenario.as_str()).join(&slug);
    fs::create_dir_all(&to).map_err(failed)?;
    let mut files = own.files().map_err(failed)?;
    // The record comes last, as it does in a run.
    files.retain(|file| file != REPORT_FILE);
    files.sort_by_key(|file| file == RECORD_FILE);
    for name in files {
        if let Some(bytes) = own.read(&name, u64::MAX).map_err(failed)? {
            fs::write(to.join(&name), bytes).map_err(failed)?;
        }
    }
    Ok(())
}
