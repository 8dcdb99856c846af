//! `judge`: the reports of a run, written anew.

use crate::error::Failure;
use crate::github;
use crate::load::load_in;
use crate::output;
use crate::reports::write_reports;
use crate::unfinished;
use lvs_matrix_report::{Language, RunReport, Totals, terminal_coloured};
use std::path::Path;
use std::process::ExitCode;

/// `judge DIR`.
pub(crate) fn judge(folder: &Path, annotations: bool, lang: Option<Language>) -> Result<ExitCode, Failure> {
    let report = load_in(folder, lang)?;
    unfinished::remove_guests(folder);
    write_reports(folder, &report)?;
    output::data(&terminal_coloured(&report))?;
    github::tell(&report, annotations);
    Ok(exit_code(&report))
}

/// The run's exit code. A part of a run to which no cell fell has done all that it had to do.
pub(crate) fn exit_code(report: &RunReport) -> ExitCode {
    let run = report.run();
    if run.part.is_some() && run.selected.is_empty() {
        return ExitCode::SUCCESS;
    }
    ExitCode::from(Totals::of(report).outcome().exit_code())
}
