//! `judge`: the reports of a run, written anew.

use crate::error::Failure;
use crate::github;
use crate::load::load_in;
use crate::output;
use crate::reports::write_reports;
use crate::unfinished;
use lvs_matrix_report::{Language, RunReport, Totals, terminal};
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

/// The run's exit code.
pub(crate) fn exit_code(report: &RunReport) -> ExitCode {
    ExitCode::from(Totals::of(report).outcome().exit_code())
}
