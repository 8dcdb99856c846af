//! The reports of a run: written into its folder, or one of them printed.

use crate::args::{ReportArguments, ReportFormat};
use crate::error::Failure;
use crate::github;
use crate::judge::load;
use crate::output;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_report::{
    REPORT_FILE, RunReport, cell_report_path, html, json, junit, markdown, markdown_cell, summary, terminal,
};
use lvs_matrix_runner::cell_folder;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `report DIR`.
pub(crate) fn report(arguments: &ReportArguments) -> Result<ExitCode, Failure> {
    let report = load(&arguments.folder)?;
    let text = match (&arguments.cell, arguments.format) {
        (Some(id), ReportFormat::Markdown) => cell(&report, id)?,
        (
            Some(_),
            ReportFormat::Html
            | ReportFormat::Json
            | ReportFormat::Junit
            | ReportFormat::Text
            | ReportFormat::Summary
            | ReportFormat::Annotations,
        ) => {
            return Err(Failure::Mistake(
                "--cell prints a cell's page, which there is as markdown only; leave out --cell or --format".to_owned(),
            ));
        }
        (None, ReportFormat::Markdown) => markdown(&report),
        (None, ReportFormat::Html) => html(&report),
        (None, ReportFormat::Json) => json(&report).map_err(software)?,
        (None, ReportFormat::Junit) => junit(&report).map_err(software)?,
        (None, ReportFormat::Text) => terminal(&report),
        (None, ReportFormat::Summary) => match github::summary_file() {
            Some(file) => {
                github::append_summary(&report, &file).map_err(software)?;
                return Ok(ExitCode::SUCCESS);
            }
            None => summary(&report, usize::MAX),
        },
        (None, ReportFormat::Annotations) => github::annotations_here(&report),
    };
    output::data(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn cell(report: &RunReport, id: &str) -> Result<String, Failure> {
    if let Some(cell) = report.cell(id) {
        return Ok(markdown_cell(report, cell));
    }
    let missing = report.missing().iter().find(|missing| missing.cell.to_string() == id);
    Err(Failure::Mistake(match missing {
        Some(missing) => format!("{id} has no record: {}", missing.reason),
        None => format!(
            "this run has no cell `{}`; `lvs-matrix report DIR --format json | jq -r '.cells[].id'` lists its cells",
            id.escape_debug()
        ),
    }))
}

/// Writes `report.md`, `report.html`, `report.json` and `junit.xml`, and into each cell's folder its own `report.md`.
pub(crate) fn write_reports(folder: &Path, report: &RunReport) -> Result<(), Failure> {
    for cell in report.cells() {
        let own = existing(folder, &cell.record.plan.cell)?;
        output::write_page(&own, REPORT_FILE, &markdown_cell(report, cell))?;
    }
    for missing in report.missing() {
        remove_page(folder, &missing.cell)?;
    }
    output::write_file(folder, REPORT_FILE, &markdown(report))?;
    output::write_file(folder, "report.html", &html(report))?;
    output::write_file(folder, "report.json", &json(report).map_err(software)?)?;
    output::write_file(folder, "junit.xml", &junit(report).map_err(software)?)
}

/// The folder of a cell that was read. Nothing is written through a link that leads out of the run's folder.
fn existing(folder: &Path, cell: &CellRef) -> Result<PathBuf, Failure> {
    let own = cell_folder(folder, cell);
    let real = |path: &Path| {
        path.canonicalize()
            .map_err(|error| Failure::Software(format!("cannot look at {}: {error}", path.display())))
    };
    if real(&own)? == cell_folder(&real(folder)?, cell) {
        return Ok(own);
    }
    Err(Failure::Mistake(format!(
        "{} is a link to another place, and nothing is written there; make it a folder of this run",
        own.display()
    )))
}

/// A cell whose record cannot be read any more has no page: an earlier one would tell of what is gone.
fn remove_page(folder: &Path, cell: &CellRef) -> Result<(), Failure> {
    if !cell_folder(folder, cell).is_dir() {
        return Ok(());
    }
    let page = existing(folder, cell)?.join(REPORT_FILE);
    match fs::remove_file(&page) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::Software(format!(
            "cannot remove {}, which tells of a record that is gone: {error}",
            cell_report_path(cell)
        ))),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn software(error: impl std::fmt::Display) -> Failure {
    Failure::Software(error.to_string())
}
