//! The reports of a run: written into its folder, or one of them printed.

use crate::args::{ReportArguments, ReportFormat};
use crate::beneath::Beneath;
use crate::error::Failure;
use crate::github;
use crate::load::load_in;
use crate::named;
use crate::output;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_report::{
    HTML_FILE, REPORT_FILE, RunReport, cell_report_path, html, json, junit, markdown, markdown_cell, summary,
    terminal_coloured,
};
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// `report DIR`.
pub(crate) fn report(arguments: &ReportArguments) -> Result<ExitCode, Failure> {
    let report = load_in(&arguments.folder, arguments.lang)?;
    let text = match (&arguments.cell, arguments.format) {
        (Some(id), ReportFormat::Markdown) => cell(&report, &arguments.folder, id)?,
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
                "--cell prints a cell's page, which there is as markdown only; leave out --cell or --format"
                    .to_owned(),
            ));
        }
        (None, ReportFormat::Markdown) => markdown(&report),
        (None, ReportFormat::Html) => html(&report),
        (None, ReportFormat::Json) => json(&report).map_err(software)?,
        (None, ReportFormat::Junit) => junit(&report).map_err(software)?,
        (None, ReportFormat::Text) => terminal_coloured(&report),
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

fn cell(report: &RunReport, folder: &Path, wanted: &str) -> Result<String, Failure> {
    let id = named::find(&report.run().selected, folder, wanted)?.to_string();
    if let Some(cell) = report.cell(&id) {
        return Ok(markdown_cell(report, cell));
    }
    let missing = report
        .missing()
        .iter()
        .find(|missing| missing.cell.to_string() == id);
    let reason = missing.map_or_else(
        || "there is no record of it".to_owned(),
        |missing| missing.reason.to_string(),
    );
    Err(Failure::Mistake(format!("{id} has no record: {reason}")))
}

/// Writes `report.md`, `report.html`, `report.json` and `junit.xml`, and into each cell's folder its own
/// `report.md`.
pub(crate) fn write_reports(folder: &Path, report: &RunReport) -> Result<(), Failure> {
    let beneath = Beneath::open(folder)
        .map_err(|error| Failure::Software(format!("cannot open {}: {error}", folder.display())))?;
    for cell in report.cells() {
        write_page(&beneath, &cell.record.plan.cell, &markdown_cell(report, cell))?;
    }
    for missing in report.missing() {
        remove_page(&beneath, &missing.cell)?;
    }
    output::write_file(folder, HTML_FILE, &html(report))?;
    write_whole(folder, report)
}

/// Writes `report.md`, `report.json` and `junit.xml`.
pub(crate) fn write_whole(folder: &Path, report: &RunReport) -> Result<(), Failure> {
    output::write_file(folder, REPORT_FILE, &markdown(report))?;
    output::write_file(folder, "report.json", &json(report).map_err(software)?)?;
    output::write_file(folder, "junit.xml", &junit(report).map_err(software)?)
}

fn write_page(beneath: &Beneath, cell: &CellRef, text: &str) -> Result<(), Failure> {
    beneath
        .folder(&[cell.scenario.as_str(), &cell.slug()])
        .and_then(|own| own.write(REPORT_FILE, text))
        .map_err(|error| page("write", cell, &error))
}

/// A cell whose record cannot be read any more has no page: an earlier one would tell of what is gone.
fn remove_page(beneath: &Beneath, cell: &CellRef) -> Result<(), Failure> {
    match beneath.folder(&[cell.scenario.as_str(), &cell.slug()]) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        own => own
            .and_then(|own| own.remove(REPORT_FILE))
            .map_err(|error| page("remove", cell, &error)),
    }
}

/// What became of a cell's page. A link in the place of its folder was not followed.
fn page(what: &str, cell: &CellRef, error: &io::Error) -> Failure {
    let text = format!("cannot {what} {}: {error}", cell_report_path(cell));
    if error.kind() == io::ErrorKind::NotADirectory {
        return Failure::Mistake(format!(
            "{text}; nothing is written through a link to another place: make it a folder of this run"
        ));
    }
    Failure::Software(text)
}

fn software(error: impl std::fmt::Display) -> Failure {
    Failure::Software(error.to_string())
}
