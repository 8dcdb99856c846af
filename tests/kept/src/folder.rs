//! The folder of a run: read, judged, and written smaller.

use crate::{Trouble, WHOLE};
use lvs_matrix_archive::{Files, REST, archived, files, gzip};
use lvs_matrix_model::capture::unpacked;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, RECORD_FILE};
use lvs_matrix_model::verdict::judged;
use lvs_matrix_report::{RUN_FILE, RunReport, RunSummary};
use std::fs;
use std::path::Path;

/// The bytes of a file.
///
/// # Errors
/// If it cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, Trouble> {
    fs::read(path).map_err(|source| Trouble::at("read", path, source))
}

/// Writes a file, and makes its folder before.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|source| Trouble::at("make", folder, source))?;
    }
    fs::write(path, bytes).map_err(|source| Trouble::at("write", path, source))
}

/// Removes a folder with everything in it, if it is there.
///
/// # Errors
/// If it cannot be removed.
pub fn remove(folder: &Path) -> Result<(), Trouble> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Trouble::at("remove", folder, error))
        }
        _ => Ok(()),
    }
}

/// What `run.json` says of the run in `folder`.
///
/// # Errors
/// If it cannot be read or understood.
pub fn summary(folder: &Path) -> Result<RunSummary, Trouble> {
    let path = folder.join(RUN_FILE);
    serde_json::from_slice(&read(&path)?).map_err(|error| Trouble::content(&path, error))
}

/// Every cell of the run in `folder`, judged. What dry cells showed is left out: a run in which a dry cell
/// failed has an exit code of its own, and nothing is kept of it.
///
/// # Errors
/// If the run or one of its cells cannot be read or understood.
pub fn load(folder: &Path) -> Result<RunReport, Trouble> {
    let run = summary(folder)?;
    let mut cells = Vec::with_capacity(run.selected.len());
    for cell in &run.selected {
        let own = folder.join(cell.to_string());
        let path = own.join(RECORD_FILE);
        let record: CellRecord =
            serde_json::from_slice(&read(&path)?).map_err(|error| Trouble::content(&path, error))?;
        cells.push(judged(record, Some(&read(&own.join(CAPTURE_FILE))?)));
    }
    Ok(RunReport::new(run, cells, Vec::new()))
}

/// How many bytes the cell has as a fixture, its capture unpacked.
///
/// # Errors
/// If its files cannot be read.
pub fn size(run: &Path, cell: &CellRef) -> Result<usize, Trouble> {
    let mut files = Files::new();
    add_cell(run, &cell.to_string(), &mut files)?;
    Ok(files.values().map(Vec::len).sum())
}

/// The files of an archive.
///
/// # Errors
/// If it cannot be read or understood.
pub fn read_archive(archive: &Path) -> Result<Files, Trouble> {
    files(archive).map_err(|error| Trouble::content(archive, error))
}

/// Writes an archive.
///
/// # Errors
/// If it cannot be written.
pub fn write_archive(archive: &Path, files: &Files) -> Result<(), Trouble> {
    let packed = archived(files).map_err(|source| Trouble::at("make", archive, source))?;
    write(archive, &packed)
}

/// Adds the record and the capture of a cell of the run, both as small as archives pack them best.
///
/// # Errors
/// If a file cannot be read or understood.
pub fn add_cell(run: &Path, cell: &str, to: &mut Files) -> Result<(), Trouble> {
    let own = run.join(cell);
    let record = compact(&read(&own.join(RECORD_FILE))?);
    to.insert(format!("{cell}/{RECORD_FILE}"), record);
    let path = own.join(CAPTURE_FILE);
    let capture = read(&path)?;
    let capture = unpacked(&capture).map_err(|error| Trouble::content(&path, error))?;
    to.insert(format!("{cell}/{CAPTURE_FILE}"), capture.into_owned());
    Ok(())
}

/// Writes the folder of a run with these cells of `run` alone: `run.json`, and the record and capture of
/// each. Those to which pages lead are files of their own, all others are in the archive [`REST`].
///
/// # Errors
/// If a file cannot be read or written.
pub fn copy(run: &Path, cells: &[CellRef], to: &Path) -> Result<(), Trouble> {
    let mut summary = summary(run)?;
    summary.selected.retain(|cell| cells.contains(cell));
    // Pages that list scenarios lead to their tables, which those without cells have not.
    summary
        .scenarios
        .retain(|scenario| cells.iter().any(|cell| cell.scenario == scenario.name));
    summary.dry.clear();
    // Where the scenarios lay when they were run is a matter of that machine.
    for scenario in &mut summary.scenarios {
        scenario.file = Some(format!("scenarios/{}.yaml", scenario.name));
    }
    let path = to.join(RUN_FILE);
    let mut text = serde_json::to_vec(&summary).map_err(|error| Trouble::content(&path, error))?;
    text.push(b'\n');
    write(&path, &text)?;
    let (mut loose, mut rest) = (Files::new(), Files::new());
    for cell in cells {
        let has_page = WHOLE.contains(&cell.scenario.as_str());
        let files = if has_page { &mut loose } else { &mut rest };
        add_cell(run, &cell.to_string(), files)?;
    }
    for (name, bytes) in loose {
        let path = to.join(&name);
        // Packed: a capture says each segment once for every host that saw it.
        let packed = if name.ends_with(CAPTURE_FILE) {
            gzip(&bytes).map_err(|source| Trouble::at("pack", &path, source))?
        } else {
            bytes
        };
        write(&path, &packed)?;
    }
    write_archive(&to.join(REST), &rest)
}

/// JSON without the blanks between its tokens, ending with a newline. The order of its fields stays.
fn compact(json: &[u8]) -> Vec<u8> {
    let (mut out, mut in_text, mut escaped) = (Vec::with_capacity(json.len()), false, false);
    for byte in json {
        if in_text || !byte.is_ascii_whitespace() {
            out.push(*byte);
        }
        if *byte == b'"' && !escaped {
            in_text = !in_text;
        }
        escaped = in_text && *byte == b'\\' && !escaped;
    }
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests {
    use super::compact;

    #[test]
    fn compact_json_says_the_same() {
        let json = br#"{ "b \" c": [1,  "\\" , { "x": " \\\" y" }],
            "a": "\u0020" }"#;
        assert_eq!(
            String::from_utf8_lossy(&compact(json)),
            "{\"b \\\" c\":[1,\"\\\\\",{\"x\":\" \\\\\\\" y\"}],\"a\":\"\\u0020\"}\n"
        );
    }
}
