//! A scenario: its claim, the article's table, and what each axis changes.

use super::view::View;
use super::{cell, compare};
use crate::escape::{cut, inline};
use crate::repeat;
use crate::row::Row;
use crate::run::{RunReport, ScenarioSummary};
use lvs_matrix_language::Length;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::verdict::{JudgedCell, Verdict};
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
    head(out, view, scenario)?;
    for row in &rows {
        line(out, view, *row)?;
    }
    out.push('\n');
    compare::details(out, view, scenario, &rows)
}

/// What reached a client may be many things; a cell of the table holds the first of them.
const LONGEST: usize = 120;

/// What a program tried, and what it says against the packets, is told in more words.
const LONGEST_NOTES: usize = 400;

/// The claim, and the head of the article's table: the axes, then what was observed, then what it means.
pub(super) fn head(out: &mut String, view: View<'_>, scenario: &ScenarioSummary) -> Result {
    let words = view.words;
    let columns = [
        words.behaviour(),
        words.time(),
        words.error(),
        words.ended_or_refused_by(),
        words.retransmissions(),
        words.ok_ng(),
        words.expected(),
        words.verdict(),
    ];
    writeln!(out, "{}", view.heading(&scenario.name))?;
    cell::claim(out, words, scenario)?;
    out.push('|');
    for axis in &scenario.axes {
        write!(out, " {} |", axis.name)?;
    }
    for column in columns {
        write!(out, " {column} |")?;
    }
    out.push_str("\n|");
    for _ in 0..scenario.axes.len() + columns.len() {
        out.push_str("---|");
    }
    writeln!(out)
}

/// A line of the table.
pub(super) fn line(out: &mut String, view: View<'_>, row: Row<'_>) -> Result {
    out.push('|');
    for (_, value) in &row.cell().values {
        write!(out, " {value} |")?;
    }
    match row {
        Row::Judged(cell) => judged(out, view, cell),
        Row::Missing(_) => writeln!(
            out,
            " {}{} | {n} | {n} | {n} | {n} | {n} | {n} | **{}** |",
            view.words.no_record(),
            repeat::run_number(view.words, row.cell()),
            view.words.undetermined(),
            n = phrasing::NOTHING
        ),
    }
}

fn judged(out: &mut String, view: View<'_>, cell: &JudgedCell) -> Result {
    let (observed, words) = (&cell.observed, view.words);
    let place = &cell.record.plan.cell;
    let behaviour = format!(
        "{}{}",
        phrasing::behaviour(words, &observed.behaviour),
        repeat::run_number(words, place)
    );
    let nothing = || phrasing::NOTHING.to_owned();
    let verdict = phrasing::verdict(words, &cell.verdict);
    let verdict = match cell.verdict {
        Verdict::Violated { .. } | Verdict::TestedNothing { .. } | Verdict::Undetermined { .. } => {
            format!("**{verdict}**")
        }
        Verdict::Met | Verdict::ObservedOnly => verdict.to_owned(),
    };
    writeln!(
        out,
        " {} | {} | {} | {} | {} | {} | {} | {verdict} |",
        view.link(&behaviour, place),
        Length::of(cell).map_or_else(nothing, |length| phrasing::length(words, length)),
        inline(&cut(&phrasing::error_and_besides(words, cell), LONGEST_NOTES)),
        cut(&phrasing::terminators(words, &observed.terminators), LONGEST),
        phrasing::retransmissions(words, &observed.retransmissions)
            .map_or_else(nothing, |_| observed.retransmissions.count.to_string()),
        phrasing::article(cell.article()),
        phrasing::expected(words, &cell.record.plan.expected),
    )
}
