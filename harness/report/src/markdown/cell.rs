//! The page of a cell: what was claimed, what happened, what was expected, and everything that shows it.

use super::{commands, packets, program, story, tables, timeline, trace, why};
use crate::escape::{code, cut, fenced, inline, phrase};
use crate::ladder::ladder_mermaid;
use crate::run::{REPORT_FILE, RunReport, ScenarioSummary};
use lvs_matrix_language::Language;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, LabOutcome, RECORD_FILE};
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

/// The page of a cell of `report` as markdown, ending with a newline. Links are relative to the cell's
/// folder, in which it lies as [`REPORT_FILE`].
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
    let (record, words) = (&cell.record, report.language());
    writeln!(out, "# {}\n", record.plan.cell)?;
    files(out, words, record)?;
    if let Some(scenario) = report.scenario_of(&record.plan.cell) {
        claim(out, words, scenario)?;
    }
    values(out, record)?;
    for sentence in story::sentences(words, cell) {
        writeln!(out, "{sentence}")?;
    }
    out.push('\n');
    judgement(out, words, cell)?;
    why::section(out, words, cell)?;
    if !cell.observed.evidence.is_empty() {
        let times = words.times_from(words.epoch());
        writeln!(out, "## {}\n\n{times}\n", words.evidence_title())?;
        evidence(out, words, cell)?;
        out.push('\n');
    }
    log(out, words, record)?;
    program::section(out, words, record)?;
    if let Some(ladder) = ladder_mermaid(words, cell) {
        writeln!(out, "## {}\n", words.between_hosts())?;
        fenced(out, "mermaid", &ladder);
        out.push('\n');
    }
    timeline::section(out, cell, words)?;
    packets::retransmissions(out, words, cell)?;
    trace::section(out, words, cell)?;
    tables::director(out, words, record)?;
    tables::servers(out, words, cell)?;
    commands::section(out, words, record)?;
    writeln!(out, "## {}\n", words.where_it_ran())?;
    if let Some(hash) = &record.scenario_sha256 {
        let scenario = code(record.plan.cell.scenario.as_str());
        writeln!(
            out,
            "- {}",
            words.keyed(words.scenario(), format!("{scenario}, SHA-256 {}", code(hash)))
        )?;
    }
    super::place(out, words, &record.environment)
}

/// Where the page comes from, and what it was made of.
fn files(out: &mut String, words: Language, record: &CellRecord) -> Result {
    let cell = &record.plan.cell;
    let mut links = vec![
        format!("[{}](../../{REPORT_FILE}#{})", words.all_cells(), cell.scenario),
        format!("[{}]({RECORD_FILE})", words.record()),
    ];
    if record.capture.is_some() {
        links.push(format!("[{}]({CAPTURE_FILE})", words.capture()));
    }
    for view in &record.server_views {
        if let Some(log) = &view.log {
            links.push(format!("[{}]({})", words.log_of(&view.server), link_target(log)));
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
pub(super) fn claim(out: &mut String, words: Language, scenario: &ScenarioSummary) -> Result {
    for line in cut(scenario.claim.trim(), LONGEST_CLAIM).lines() {
        writeln!(out, "> {}", inline(line))?;
    }
    let (patience, until) = (Human(scenario.observe.patience), Human(scenario.observe.until));
    writeln!(out, "\n{}\n", words.watched(patience, until))
}

/// The cell's place in the matrix, as one row.
fn values(out: &mut String, record: &CellRecord) -> Result {
    let values = &record.plan.cell.values;
    if values.is_empty() {
        return Ok(());
    }
    for line in [
        values
            .iter()
            .map(|(axis, _)| axis.to_string())
            .collect::<Vec<_>>(),
        vec!["---".to_owned(); values.len()],
        values.iter().map(|(_, value)| value.to_string()).collect(),
    ] {
        writeln!(out, "| {} |", line.join(" | "))?;
    }
    writeln!(out)
}

pub(super) fn judgement(out: &mut String, words: Language, cell: &JudgedCell) -> Result {
    let verdict = format!("**{}**", phrasing::verdict(words, &cell.verdict));
    let mut lines = vec![
        (
            words.expected(),
            phrasing::expected(words, &cell.record.plan.expected),
        ),
        (
            words.observed(),
            inline(&phrasing::observed(words, cell)).into_owned(),
        ),
        (words.verdict(), verdict),
    ];
    let label = phrasing::reasons_are(words, &cell.verdict);
    let reasons = phrasing::reasons(words, cell);
    lines.extend(reasons.iter().map(|reason| (label, phrase(reason))));
    let notes = phrasing::notes(words, cell);
    lines.extend(notes.iter().map(|(label, text)| (*label, phrase(text))));
    if let Some(error) = &cell.observed.error {
        lines.push((words.message_of_client(), code(&error.message)));
    }
    let held = tables::left_behind(words, cell);
    lines.extend(held.into_iter().map(|held| (words.left_behind(), held)));
    for (key, value) in lines {
        writeln!(out, "- {}", words.keyed(key, value))?;
    }
    out.push('\n');
    Ok(())
}

/// A list item each.
pub(super) fn evidence(out: &mut String, words: Language, cell: &JudgedCell) -> Result {
    for item in &cell.observed.evidence {
        writeln!(out, "- {}", phrase(&phrasing::evidence(words, item)))?;
    }
    Ok(())
}

/// What a lab that failed said last.
fn log(out: &mut String, words: Language, record: &CellRecord) -> Result {
    let LabOutcome::Failed { log, .. } = &record.lab else {
        return Ok(());
    };
    if log.is_empty() {
        return Ok(());
    }
    writeln!(out, "## {}\n", words.last_lines_of_log())?;
    fenced(out, "text", &log.join("\n"));
    writeln!(out)
}
