//! The page of a cell: what was claimed, what happened, what was expected, and everything that shows it.

use super::story;
use crate::blocks::markdown::{blocks, inline as marked, section};
use crate::blocks::{Block, Code, Section, code};
use crate::cell::{self, commands};
use crate::escape::{cut, inline};
use crate::ladder::ladder_mermaid;
use crate::run::{REPORT_FILE, RunReport, ScenarioSummary};
use lvs_matrix_language::Language;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, RECORD_FILE};
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

/// The page of a cell of `report` as markdown, ending with a newline. Links are relative to the cell's
/// folder, in which it lies as [`REPORT_FILE`].
#[must_use]
pub fn markdown_cell(report: &RunReport, cell: &JudgedCell) -> String {
    let mut out = String::with_capacity(16_384);
    // Writing into a String cannot fail; the result is only there for `?`.
    let _ = page(&mut out, report, cell, &files(report.language(), &cell.record));
    // The parts end with an empty line each, to be put one after the other.
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// The page below these links.
pub(super) fn page(out: &mut String, report: &RunReport, cell: &JudgedCell, links: &[String]) -> Result {
    let (record, words) = (&cell.record, report.language());
    writeln!(out, "# {}\n", record.plan.cell)?;
    writeln!(out, "{}\n", links.join(" · "))?;
    if let Some(scenario) = report.scenario_of(&record.plan.cell) {
        claim(out, words, scenario)?;
    }
    values(out, record)?;
    for sentence in story::sentences(words, cell) {
        writeln!(out, "{}", marked(&sentence))?;
    }
    out.push('\n');
    blocks(out, words, &cell::judgement(words, cell).blocks)?;
    let mut sections = vec![cell::why(words, cell)];
    sections.extend(cell::evidence(words, cell));
    sections.extend(cell::log(words, record));
    sections.extend(cell::program(words, record));
    sections.extend(ladder_mermaid(words, cell).map(|ladder| {
        let ladder = Block::Code(Code::text("mermaid", &ladder));
        Section::new(words.between_hosts(), vec![ladder])
    }));
    sections.extend(cell::timeline(words, cell));
    sections.extend(cell::retransmissions(words, cell));
    sections.extend(cell::traces(words, cell));
    sections.extend(cell::director(words, record));
    sections.extend(cell::servers(words, cell));
    let preparation = commands::preparation(words, record);
    sections.extend(commands::commands(words, record, preparation));
    let mut place = Vec::new();
    if let Some(hash) = &record.scenario_sha256 {
        let scenario = code(record.plan.cell.scenario.as_str());
        place.push((
            words.scenario().to_owned(),
            format!("{scenario}, SHA-256 {}", code(hash)),
        ));
    }
    place.extend(cell::environment(words, &record.environment));
    sections.push(Section::new(words.where_it_ran(), vec![Block::Facts(place)]));
    for one in &sections {
        section(out, words, one)?;
    }
    Ok(())
}

/// Where the page comes from, and what it was made of.
fn files(words: Language, record: &CellRecord) -> Vec<String> {
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
    links
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

/// The claim as the end of a line.
pub(super) fn claim_in_a_line(scenario: &ScenarioSummary) -> String {
    let words: Vec<&str> = scenario.claim.split_whitespace().collect();
    inline(&cut(&words.join(" "), LONGEST_CLAIM)).into_owned()
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
