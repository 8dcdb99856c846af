//! Records, judged: after a run, and again at any time.

use crate::error::Failure;
use crate::output;
use crate::reports::write_reports;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, FORMAT, RECORD_FILE};
use lvs_matrix_model::verdict::{JudgedCell, judged};
use lvs_matrix_report::{MissingCell, RUN_FILE, RUN_FORMAT, RunReport, RunSummary, Totals, terminal};
use lvs_matrix_runner::cell_folder;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// `judge DIR`.
pub(crate) fn judge(folder: &Path) -> Result<ExitCode, Failure> {
    let report = load(folder)?;
    write_reports(folder, &report)?;
    output::data(&terminal(&report))?;
    Ok(exit_code(&report))
}

/// Reads and judges every selected cell of the run in `folder`.
pub(crate) fn load(folder: &Path) -> Result<RunReport, Failure> {
    let path = folder.join(RUN_FILE);
    let text = fs::read(&path).map_err(|error| {
        Failure::Mistake(format!(
            "{} is not the folder of a run: cannot read {RUN_FILE}: {error}",
            folder.display()
        ))
    })?;
    let run: RunSummary = serde_json::from_slice(&text)
        .map_err(|error| Failure::Mistake(format!("{} cannot be understood: {error}", path.display())))?;
    if run.format != RUN_FORMAT {
        return Err(Failure::Mistake(format!(
            "{} has format {}, this lvs-matrix reads {RUN_FORMAT}; use the version that wrote it ({})",
            path.display(),
            run.format,
            run.harness
        )));
    }
    let (mut cells, mut unreadable) = (Vec::new(), Vec::new());
    for cell in &run.selected {
        match read_cell(folder, cell) {
            Ok(Some(judged)) => cells.push(judged),
            Ok(None) => {}
            Err(reason) => unreadable.push(MissingCell {
                cell: cell.clone(),
                reason,
            }),
        }
    }
    Ok(RunReport::new(run, cells, unreadable))
}

/// A cell's record, judged; `None` if there is none.
fn read_cell(folder: &Path, cell: &CellRef) -> Result<Option<JudgedCell>, String> {
    let own = cell_folder(folder, cell);
    // Reasons go into reports, which must be the same wherever the folder lies.
    let path = |name: &str| format!("{cell}/{name}");
    let text = match fs::read(own.join(RECORD_FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot read {}: {error}", path(RECORD_FILE))),
    };
    let record: CellRecord = serde_json::from_slice(&text)
        .map_err(|error| format!("{} cannot be understood: {error}", path(RECORD_FILE)))?;
    if record.format != FORMAT {
        return Err(format!(
            "{} has format {}, this lvs-matrix reads {FORMAT}",
            path(RECORD_FILE),
            record.format
        ));
    }
    if &record.plan.cell != cell {
        return Err(format!(
            "{} is the record of another cell, {}",
            path(RECORD_FILE),
            record.plan.cell
        ));
    }
    let capture = match fs::read(own.join(CAPTURE_FILE)) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(format!("cannot read {}: {error}", path(CAPTURE_FILE))),
    };
    Ok(Some(judged(record, capture.as_deref())))
}

/// The run's exit code.
pub(crate) fn exit_code(report: &RunReport) -> ExitCode {
    ExitCode::from(Totals::of(report).outcome().exit_code())
}
