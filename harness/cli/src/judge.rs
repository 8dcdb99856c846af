//! Records, judged: after a run, and again at any time.

use crate::beneath::Beneath;
use crate::error::Failure;
use crate::github;
use crate::output;
use crate::reports::write_reports;
use crate::unfinished;
use lvs_matrix_model::dry;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, FORMAT, RECORD_FILE};
use lvs_matrix_model::verdict::{JudgedCell, judged};
use lvs_matrix_report::{
    DryReport, Language, MissingCell, RUN_FILE, RUN_FORMAT, RunReport, RunSummary, Totals, terminal,
};
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// `judge DIR`.
pub(crate) fn judge(folder: &Path, annotations: bool, lang: Option<Language>) -> Result<ExitCode, Failure> {
    let report = load_in(folder, lang)?;
    unfinished::remove_guests(folder);
    write_reports(folder, &report)?;
    output::data(&terminal(&report))?;
    github::tell(&report, annotations);
    Ok(exit_code(&report))
}

/// [`load`], with reports for people in `lang` if it is given.
pub(crate) fn load_in(folder: &Path, lang: Option<Language>) -> Result<RunReport, Failure> {
    let report = load(folder)?;
    Ok(match lang {
        Some(language) => report.in_language(language),
        None => report,
    })
}

/// Reads and judges every selected cell of the run in `folder`.
pub(crate) fn load(folder: &Path) -> Result<RunReport, Failure> {
    let path = folder.join(RUN_FILE);
    let no_run = |error: io::Error| {
        Failure::Mistake(format!(
            "{} is not the folder of a run: cannot read {RUN_FILE}: {error}",
            folder.display()
        ))
    };
    let open = Beneath::open(folder).map_err(no_run)?;
    let text = open.read(RUN_FILE, MOST_RECORD).map_err(no_run)?;
    let text = text.ok_or_else(|| no_run(io::Error::from_raw_os_error(rustix::io::Errno::NOENT.raw_os_error())))?;
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
        match read_cell(&open, cell) {
            Ok(Some(judged)) => cells.push(judged),
            Ok(None) => {}
            Err(reason) => unreadable.push(MissingCell {
                cell: cell.clone(),
                reason,
            }),
        }
    }
    let (mut troubles, mut unknown) = (Vec::new(), Vec::new());
    for cell in &run.dry {
        let found = match read_cell(&open, cell) {
            Ok(Some(judged)) => dry::trouble(&judged.record),
            Ok(None) => Err("it left no record".to_owned()),
            Err(reason) => Err(reason),
        };
        match found {
            Ok(trouble) => troubles.extend(trouble),
            Err(reason) => unknown.push(DryReport::Unknown {
                cell: cell.clone(),
                reason,
            }),
        }
    }
    let counts = dry::take_verdicts(&troubles, &mut cells);
    let fails = troubles.into_iter().zip(counts);
    let fails = fails.map(|(trouble, cells)| DryReport::Fails { trouble, cells });
    let dry = fails.chain(unknown).collect();
    Ok(RunReport::new(run, cells, unreadable).with_dry(dry))
}

/// The largest record and the largest capture that are read, in bytes. Those of the longest shipped cells have some hundred KiB.
const MOST_RECORD: u64 = 256 << 20;
const MOST_CAPTURE: u64 = 1 << 30;

/// A cell of the run in `folder`, judged; why not, if that cannot be done.
pub(crate) fn one(folder: &Path, cell: &CellRef) -> Result<JudgedCell, String> {
    let open = Beneath::open(folder).map_err(|error| format!("cannot open {}: {error}", folder.display()))?;
    read_cell(&open, cell)?.ok_or_else(|| "it left no record".to_owned())
}

/// A cell's record, judged; `None` if there is none.
fn read_cell(folder: &Beneath, cell: &CellRef) -> Result<Option<JudgedCell>, String> {
    // Reasons go into reports, which must be the same wherever the folder lies.
    let path = |name: &str| format!("{cell}/{name}");
    let own = match folder.folder(&[cell.scenario.as_str(), &cell.slug()]) {
        Ok(own) => own,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot open the folder {cell}: {error}")),
    };
    let read = |name: &str, most| {
        own.read(name, most)
            .map_err(|error| format!("cannot read {}: {error}", path(name)))
    };
    let Some(text) = read(RECORD_FILE, MOST_RECORD)? else {
        return Ok(None);
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
    let capture = read(CAPTURE_FILE, MOST_CAPTURE)?;
    Ok(Some(judged(record, capture.as_deref())))
}

/// The run's exit code.
pub(crate) fn exit_code(report: &RunReport) -> ExitCode {
    ExitCode::from(Totals::of(report).outcome().exit_code())
}
