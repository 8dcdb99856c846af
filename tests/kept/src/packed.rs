//! The cells that were recorded for one rule each, in one archive: small cells in many files would be most
//! of the files of a checkout.
//!
//! [`PACKED`] is a tar archive that gzip has packed: `tar -tzf` lists it, `tar -xzf` unpacks it. The same
//! files give the same bytes.

use crate::folder::{compact, gzip, read, remove, write};
use crate::{PACKED, Trouble};
use flate2::read::GzDecoder;
use lvs_matrix_model::capture::unpacked;
use lvs_matrix_model::record::{CAPTURE_FILE, RECORD_FILE};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
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
        files(&archive)?
    } else {
        BTreeMap::new()
    };
    let cells = cells_below(&loose, &loose)?;
    for cell in &cells {
        let from = loose.join(cell);
        files.insert(
            format!("{cell}/{RECORD_FILE}"),
            compact(&read(&from.join(RECORD_FILE))?),
        );
        let path = from.join(CAPTURE_FILE);
        let capture = read(&path)?;
        let capture = unpacked(&capture).map_err(|error| Trouble::content(&path, error))?;
        files.insert(format!("{cell}/{CAPTURE_FILE}"), capture.into_owned());
    }
    let packed = archived(&files).map_err(|source| Trouble::at("make", &archive, source))?;
    write(&archive, &packed)?;
    remove(&loose)?;
    Ok(cells.len())
}

/// The files of the archive, by their names in it.
///
/// # Errors
/// If it cannot be read or understood.
pub fn files(archive: &Path) -> Result<BTreeMap<String, Vec<u8>>, Trouble> {
    let bytes = read(archive)?;
    let content = |error: io::Error| Trouble::content(archive, error);
    let mut tar = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
    let mut files = BTreeMap::new();
    for entry in tar.entries().map_err(content)? {
        let mut entry = entry.map_err(content)?;
        let name = entry.path().map_err(content)?.to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(content)?;
        files.insert(name, bytes);
    }
    Ok(files)
}

fn archived(files: &BTreeMap<String, Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes.as_slice())?;
    }
    gzip(&tar.into_inner()?)
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
