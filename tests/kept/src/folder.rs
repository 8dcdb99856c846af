//! The folder of a run: read, judged, and written smaller.

use crate::Trouble;
use flate2::Compression;
use flate2::write::GzEncoder;
use lvs_matrix_model::capture::unpacked;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, RECORD_FILE};
use lvs_matrix_model::verdict::judged;
use lvs_matrix_report::{RUN_FILE, RunReport, RunSummary};
use std::fs;
use std::io;
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
    let own = run.join(cell.to_string());
    let path = own.join(CAPTURE_FILE);
    let capture = read(&path)?;
    let capture = unpacked(&capture).map_err(|error| Trouble::content(&path, error))?;
    Ok(compact(&read(&own.join(RECORD_FILE))?).len() + capture.len())
}

/// Writes the folder of a run with these cells of `run` alone: `run.json`, and the record and capture of
/// each.
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
    for cell in cells {
        let (from, own) = (run.join(cell.to_string()), to.join(cell.to_string()));
        write(&own.join(RECORD_FILE), &compact(&read(&from.join(RECORD_FILE))?))?;
        // Packed: a capture says each segment once for every host that saw it.
        let path = from.join(CAPTURE_FILE);
        let capture = read(&path)?;
        let capture = unpacked(&capture).map_err(|error| Trouble::content(&path, error))?;
        let packed = gzip(&capture).map_err(|source| Trouble::at("pack", &path, source))?;
        write(&own.join(CAPTURE_FILE), &packed)?;
    }
    Ok(())
}

/// What gzip makes of these bytes: the same of the same.
///
/// # Errors
/// None on a vector; the writer's are passed on.
pub fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    io::copy(&mut &*bytes, &mut out)?;
    out.finish()
}

/// JSON without the blanks between its tokens, ending with a newline. The order of its fields stays.
pub(crate) fn compact(json: &[u8]) -> Vec<u8> {
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
