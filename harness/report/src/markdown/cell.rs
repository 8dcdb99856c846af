//! The page of a cell: what was claimed, what happened, what was expected, and everything that shows it.

use super::{commands, packets, story, tables, timeline, trace, transcript, why};
use crate::escape::{code, cut, fenced, inline, phrase};
use crate::ladder::ladder_mermaid;
use crate::run::{REPORT_FILE, RunReport, ScenarioSummary};
use crate::stamp::EPOCH;
use crate::wording;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, LabOutcome, RECORD_FILE};
use lvs_matrix_model::verdict::{JudgedCell, Verdict};
use std::fmt::{Result, Write as _};

/// The page of a cell of `report` as markdown, ending with a newline. Links are relative to the cell's folder, in which it lies as
/// [`REPORT_FILE`].
#[must_use]
pub fn markdown_cell(report: &RunReport, cell: &JudgedCell) -> String {
    let mut out = String::with_capacity(16_384);
    // Writing into a String cannot fail; the result is only there for `?`.
    let _ = page(&mut out, report, cell);
    // The parts end with an empty line each, to be put one after the other.
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn page(out: &mut String, report: &RunReport, cell: &JudgedCell) -> Result {
    let record = &cell.record;
    writeln!(out, "# {}\n", record.plan.cell)?;
    files(out, record)?;
    if let Some(scenario) = report.scenario_of(&record.plan.cell) {
        claim(out, scenario)?;
    }
    values(out, record)?;
    for sentence in story::sentences(cell) {
        writeln!(out, "{sentence}")?;
    }
    out.push('\n');
    judgement(out, cell)?;
    why::section(out, cell)?;
    if !cell.observed.evidence.is_empty() {
        writeln!(out, "## Evidence\n\nTimes are from {EPOCH}.\n")?;
        evidence(out, cell)?;
        out.push('\n');
    }
    log(out, record)?;
    transcript::section(out, record)?;
    if let Some(ladder) = ladder_mermaid(cell) {
        writeln!(out, "## Between the hosts\n")?;
        fenced(out, "mermaid", &ladder);
        out.push('\n');
    }
    timeline::section(out, cell)?;
    packets::retransmissions(out, cell)?;
    trace::section(out, cell)?;
    tables::director(out, record)?;
    tables::servers(out, cell)?;
    commands::section(out, record)?;
    writeln!(out, "## Where it ran\n")?;
    super::place(out, &record.environment)
}

/// Where the page comes from, and what it was made of.
fn files(out: &mut String, record: &CellRecord) -> Result {
    let cell = &record.plan.cell;
    let mut links = vec![
        format!("[all cells](../../{REPORT_FILE}#{})", cell.scenario),
        format!("[record]({RECORD_FILE})"),
    ];
    if record.capture.is_some() {
        links.push(format!("[capture]({CAPTURE_FILE})"));
    }
    for view in &record.server_views {
        if let Some(log) = &view.log {
            links.push(format!("[log of {}]({})", view.server, link_target(log)));
        }
    }
    writeln!(out, "{}\n", links.join(" · "))
}

/// A file's name as part of a link: everything but letters, digits and `.-_` as `%xx`.
pub(crate) fn link_target(name: &str) -> String {
    let mut target = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_".contains(&byte) {
            target.push(char::from(byte));
        } else {
            target.push_str(&format!("%{byte:02x}"));
        }
    }
    target
}

/// A claim is a sentence or two; what is longer is cut off in the reports.
const LONGEST_CLAIM: usize = 2000;

/// The claim of the scenario, as a quotation, and how its cells are watched.
pub(super) fn claim(out: &mut String, scenario: &ScenarioSummary) -> Result {
    for line in cut(scenario.claim.trim(), LONGEST_CLAIM).lines() {
        writeln!(out, "> {}", inline(line))?;
    }
    writeln!(
        out,
        "\nPatience {}; each cell is watched for up to {} from the beginning of its act phase.\n",
        Human(scenario.observe.patience),
        Human(scenario.observe.until)
    )
}

/// The cell's place in the matrix, as one row.
fn values(out: &mut String, record: &CellRecord) -> Result {
    let values = &record.plan.cell.values;
    if values.is_empty() {
        return Ok(());
    }
    for line in [
        values.iter().map(|(axis, _)| axis.to_string()).collect::<Vec<_>>(),
        vec!["---".to_owned(); values.len()],
        values.iter().map(|(_, value)| value.to_string()).collect(),
    ] {
        writeln!(out, "| {} |", line.join(" | "))?;
    }
    writeln!(out)
}

pub(super) fn judgement(out: &mut String, cell: &JudgedCell) -> Result {
    writeln!(out, "- expected: {}", wording::expected(&cell.record.plan.expected))?;
    writeln!(out, "- observed: {}", inline(&wording::observed(cell)))?;
    writeln!(out, "- verdict: **{}**", wording::verdict(&cell.verdict))?;
    let label = match cell.verdict {
        Verdict::Violated { .. } => "difference",
        Verdict::Undetermined { .. } | Verdict::Met | Verdict::ObservedOnly => "reason",
    };
    for reason in wording::reasons(cell) {
        writeln!(out, "- {label}: {}", phrase(reason))?;
    }
    if let Some(error) = &cell.observed.error {
        writeln!(out, "- the client's message: {}", code(&error.message))?;
    }
    for held in tables::left_behind(cell) {
        writeln!(out, "- left behind: {held}")?;
    }
    out.push('\n');
    Ok(())
}

/// A list item each.
pub(super) fn evidence(out: &mut String, cell: &JudgedCell) -> Result {
    for item in &cell.observed.evidence {
        writeln!(out, "- {}", phrase(&wording::evidence(item)))?;
    }
    Ok(())
}

/// What a lab that failed said last.
fn log(out: &mut String, record: &CellRecord) -> Result {
    let LabOutcome::Failed { log, .. } = &record.lab else {
        return Ok(());
    };
    if log.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Last lines of the log\n")?;
    fenced(out, "text", &log.join("\n"));
    writeln!(out)
}
