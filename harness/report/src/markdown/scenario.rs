//! A scenario: its claim, the article's table, and what each axis changes.

use super::compare;
use crate::blocks::markdown::{blocks, table_head, table_row};
use crate::blocks::{Block, Table};
use crate::overview;
use crate::row::Row;
use crate::run::{REPORT_FILE, RunReport, ScenarioSummary};
use crate::view::{Lies, View};
use std::fmt::{Result, Write as _};

pub(super) fn section(
    out: &mut String,
    view: View<'_>,
    report: &RunReport,
    scenario: &ScenarioSummary,
) -> Result {
    let rows: Vec<Row<'_>> = report.rows(&scenario.name).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let table = overview::cells(view, scenario, &report.merged_rows(&scenario.name));
    head(out, view, scenario, &table)?;
    for row in &table.rows {
        table_row(out, view.words, &table, row)?;
    }
    out.push('\n');
    compare::details(out, view, scenario, &rows)
}

/// The claim, and the head of the article's table.
pub(super) fn head(out: &mut String, view: View<'_>, scenario: &ScenarioSummary, table: &Table) -> Result {
    let (name, words) = (&scenario.name, view.words);
    match view.lies {
        Lies::InTheFolder | Lies::InTheFile | Lies::Elsewhere => {
            writeln!(out, "<a id=\"{name}\"></a>\n\n## {name}\n")?;
        }
        Lies::AmongPages { .. } => writeln!(out, "# {name}\n\n[{}]({REPORT_FILE})\n", words.all_cells())?,
    }
    let mut parts = vec![overview::claim(words, scenario)];
    parts.extend(overview::source(words, scenario).map(Block::paragraph));
    parts.push(Block::paragraph(overview::watched(words, scenario)));
    blocks(out, words, &parts)?;
    table_head(out, table)
}
