//! The page of a cell: what was claimed, what happened, what was expected, and everything that shows it.

use super::story;
use crate::blocks::markdown::{blocks, inline as marked, section, whole};
use crate::blocks::{Block, Cell, Code, Column, Row, Section, Table, code};
use crate::cell::{self, commands};
use crate::ladder::ladder_mermaid;
use crate::overview;
use crate::run::{REPORT_FILE, RunReport};
use lvs_matrix_language::Language;
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, RECORD_FILE};
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

/// The page of a cell of `report` as markdown, ending with a newline. Links are relative to the cell's
/// folder, in which it lies as [`REPORT_FILE`].
#[must_use]
pub fn markdown_cell(report: &RunReport, cell: &JudgedCell) -> String {
    let links = files(report.language(), &cell.record);
    whole(|out| page(out, report, cell, &links))
}

/// The page below these links.
pub(super) fn page(out: &mut String, report: &RunReport, cell: &JudgedCell, links: &[String]) -> Result {
    let (record, words) = (&cell.record, report.language());
    writeln!(out, "# {}\n", record.plan.cell)?;
    writeln!(out, "{}\n", links.join(" · "))?;
    if let Some(scenario) = report.scenario_of(&record.plan.cell) {
        let mut head = vec![overview::claim(words, scenario)];
        head.extend(overview::source(words, scenario).map(Block::paragraph));
        head.push(Block::paragraph(overview::watched(words, scenario)));
        blocks(out, words, &head)?;
    }
    blocks(out, words, values(words, record).as_slice())?;
    for sentence in story::sentences(words, cell) {
        writeln!(out, "{}", marked(&sentence))?;
    }
    out.push('\n');
    blocks(out, words, &cell::judgement(words, cell).blocks)?;
    let mut sections = vec![cell::why(words, cell)];
    sections.extend(cell::spread(words, cell));
    sections.extend(cell::probes(words, cell));
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

/// The cell's place in the matrix, as a table of one row.
fn values(words: Language, record: &CellRecord) -> Option<Block> {
    let cell = &record.plan.cell;
    let values = cell
        .values
        .iter()
        .map(|(axis, value)| (axis.to_string(), value.to_string()));
    let kernel = cell
        .kernel
        .iter()
        .map(|kernel| (words.kernel_axis().to_owned(), kernel.to_string()));
    let values: Vec<(String, String)> = values.chain(kernel).collect();
    let columns = values.iter().map(|(axis, _)| Column::new(axis.clone(), false));
    let cells = values.iter().map(|(_, value)| Cell::Text(value.clone()));
    let table = Table {
        name: record.plan.cell.to_string(),
        class: "",
        columns: columns.collect(),
        rows: vec![Row::of(cells.collect())],
    };
    (!values.is_empty()).then_some(Block::Table(table))
}
