//! A scenario: its claim, the article's table, and what each axis changes.

use super::{cell, compare};
use crate::escape::cut;
use crate::repeat;
use crate::run::{Row, RunReport, ScenarioSummary, cell_report_path};
use crate::stamp::Length;
use crate::wording;
use lvs_matrix_model::verdict::{JudgedCell, Verdict};
use std::fmt::{Result, Write as _};

pub(super) fn section(out: &mut String, report: &RunReport, scenario: &ScenarioSummary) -> Result {
    let rows: Vec<Row<'_>> = report.rows(&scenario.name).collect();
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "<a id=\"{}\"></a>\n", scenario.name)?;
    writeln!(out, "## {}\n", scenario.name)?;
    cell::claim(out, scenario)?;
    table(out, scenario, &rows)?;
    compare::details(out, scenario, &rows)
}

/// What reached a client may be many things; a cell of the table holds the first of them.
const LONGEST: usize = 120;

/// The article's table: the axes, then what was observed, then what it means.
fn table(out: &mut String, scenario: &ScenarioSummary, rows: &[Row<'_>]) -> Result {
    const COLUMNS: [&str; 8] = [
        "behaviour",
        "time",
        "error",
        "ended or refused by",
        "retransmissions",
        "OK / NG",
        "expected",
        "verdict",
    ];
    out.push('|');
    for axis in &scenario.axes {
        write!(out, " {} |", axis.name)?;
    }
    for column in COLUMNS {
        write!(out, " {column} |")?;
    }
    out.push_str("\n|");
    for _ in 0..scenario.axes.len() + COLUMNS.len() {
        out.push_str("---|");
    }
    out.push('\n');
    for row in rows {
        out.push('|');
        for (_, value) in &row.cell().values {
            write!(out, " {value} |")?;
        }
        match row {
            Row::Judged(cell) => judged(out, cell)?,
            Row::Missing(_) => writeln!(
                out,
                " no record{} | {n} | {n} | {n} | {n} | {n} | {n} | **{}** |",
                repeat::run_number(row.cell()),
                wording::UNDETERMINED,
                n = wording::NOTHING
            )?,
        }
    }
    out.push('\n');
    Ok(())
}

fn judged(out: &mut String, cell: &JudgedCell) -> Result {
    let observed = &cell.observed;
    let nothing = || wording::NOTHING.to_owned();
    let verdict = wording::verdict(&cell.verdict);
    let verdict = match cell.verdict {
        Verdict::Violated { .. } | Verdict::Undetermined { .. } => format!("**{verdict}**"),
        Verdict::Met | Verdict::ObservedOnly => verdict.to_owned(),
    };
    writeln!(
        out,
        " [{}{}]({}) | {} | {} | {} | {} | {} | {} | {verdict} |",
        wording::behaviour(&observed.behaviour),
        repeat::run_number(&cell.record.plan.cell),
        cell_report_path(&cell.record.plan.cell),
        Length::of(cell).map_or_else(nothing, |length| length.to_string()),
        observed.error.as_ref().map_or_else(nothing, wording::error_code),
        cut(&wording::terminators(&observed.terminators), LONGEST),
        wording::retransmissions(&observed.retransmissions)
            .map_or_else(nothing, |_| observed.retransmissions.count.to_string()),
        wording::article(observed.behaviour.article()),
        wording::expected(&cell.record.plan.expected),
    )
}
