//! The cells that were recorded for one rule each, in one archive ([`PACKED`]).

use crate::folder::{add_cell, read_archive, remove, write_archive};
use crate::{PACKED, Trouble};
use lvs_matrix_archive::Files;
use lvs_matrix_model::record::RECORD_FILE;
use std::fs;
use std::io;
use std::path::Path;

/// Puts the cells that lie in the folder `cells` beside the archive into it, and removes that folder: the
/// record and the capture of each, whatever else a run has left there. A cell that the archive has is
/// replaced. Returns how many cells were put in.
///
/// # Errors
/// If a file cannot be read or written.
pub fn pack(repository: &Path) -> Result<usize, Trouble> {
    let archive = repository.join(PACKED);
    let loose = archive.with_file_name("cells");
    let mut files = if archive.exists() {
        read_archive(&archive)?
    } else {
        Files::new()
    };
    let cells = cells_below(&loose, &loose)?;
    for cell in &cells {
        add_cell(&loose, cell, &mut files)?;
    }
    write_archive(&archive, &files)?;
    remove(&loose)?;
    Ok(cells.len())
}

/// The folders with a record below this one, relative to the first.
fn cells_below(folder: &Path, of: &Path) -> Result<Vec<String>, Trouble> {
    let (mut cells, mut folders) = (Vec::new(), Vec::new());
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(cells),
        entries => entries.map_err(|source| Trouble::at("list", folder, source))?,
    };
    for entry in entries {
        let entry = entry.map_err(|source| Trouble::at("list", folder, source))?;
        let path = entry.path();
        if path.is_dir() {
            folders.push(path);
        } else if entry.file_name() == RECORD_FILE {
            let cell = folder.strip_prefix(of).unwrap_or(folder);
            cells.push(cell.to_string_lossy().into_owned());
        }
    }
    folders.sort_unstable();
    for folder in folders {
        cells.extend(cells_below(&folder, of)?);
    }
    Ok(cells)
}
