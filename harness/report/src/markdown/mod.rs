//! The report for people: GitHub-flavoured markdown. A page for the run, which shows the whole at a glance
//! and stays readable with a thousand cells, and a page for each cell with everything that its verdict rests
//! on.
//!
//! GitHub shows no more than 500 KiB of a README, and of other files tries what is "generally less than 2 MB"
//! (its "About READMEs" and "Repository limits"). The page of the run therefore holds one line per cell,
//! every list that grows with what went wrong is bounded, and beyond [`MOST`] lines of tables are left out,
//! which is said. What is cut off there stands in the cells' pages.

mod cell;
mod compare;
mod look;
mod pages;
mod scenario;
mod story;
mod summary;
mod view;

pub(crate) use cell::link_target;

pub use cell::markdown_cell;
pub use pages::Pages;
pub use summary::summary;

use crate::blocks::Block;
use crate::blocks::markdown::blocks;
use crate::cell::environment as facts_of;
use crate::escape::{code, cut, inline};
use crate::look::LONGEST;
use crate::run::RunReport;
use crate::totals::{Totals, nobody_waited, sentence};
use lvs_matrix_language::phrasing;
use lvs_matrix_language::{CELL, Language};
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};
use view::{Lies, View};

/// No page of a run is longer, in bytes.
const MOST: usize = 480 << 10;

/// The page of the run as markdown, ending with a newline. Links lead to the cells' pages ([`markdown_cell`])
/// and are relative to the run's folder.
#[must_use]
pub fn markdown(report: &RunReport) -> String {
    let mut out = String::with_capacity(8192 + report.cells().len() * 256);
    // Writing into a String cannot fail; the result is only there for `?`.
    let _ = page(&mut out, report);
    out
}

fn page(out: &mut String, report: &RunReport) -> Result {
    let view = View {
        lies: Lies::InTheFolder,
        words: report.language(),
    };
    head(out, view, report)?;
    // The legend is short, and stands below whatever was left out.
    let mut end = String::new();
    legend(&mut end, view)?;
    let room = MOST.saturating_sub(end.len() + summary::RESERVED);
    let mut left_out = summary::LeftOut::default();
    for scenario in &report.run().scenarios {
        if summary::push(out, room, |out| scenario::section(out, view, report, scenario)) {
            left_out.of += report.rows(&scenario.name).count();
        } else {
            left_out.table(out, room, view, report, scenario)?;
        }
    }
    left_out.tell(out, view.words, MOST, "[report.html](report.html)")?;
    out.push_str(&end);
    Ok(())
}

/// Everything above the tables.
fn head(out: &mut String, view: View<'_>, report: &RunReport) -> Result {
    title(out, view.words, report)?;
    look::section(out, view, report)?;
    left_waiting(out, view, report)?;
    totals(out, view, report)?;
    environment(out, view.words, report)
}

fn title(out: &mut String, words: Language, report: &RunReport) -> Result {
    writeln!(out, "# {}\n", words.title())?;
    // The reason of an interruption may be long.
    writeln!(
        out,
        "**{}**\n",
        inline(&cut(&sentence(words, report), 2 * LONGEST))
    )?;
    for dry in report.dry() {
        writeln!(out, "**{}**\n", inline(&cut(&dry.line(), 2 * LONGEST)))?;
    }
    Ok(())
}

/// So many cells are listed; the tables have all of them.
const LISTED_AS_WAITING: usize = 40;

/// The article's NG cells: the list that an operator came for.
fn left_waiting(out: &mut String, view: View<'_>, report: &RunReport) -> Result {
    let words = view.words;
    let hung: Vec<&JudgedCell> = report.cells().iter().filter(|cell| cell.left_waiting()).collect();
    if report.cells().is_empty() {
        return Ok(());
    }
    writeln!(out, "## {}\n", words.where_left_waiting_ng())?;
    if hung.is_empty() {
        return writeln!(out, "{}\n", nobody_waited(words, report));
    }
    for cell in hung.iter().take(LISTED_AS_WAITING) {
        let observed = phrasing::observed(words, cell);
        let observed = inline(&cut(&observed, LONGEST)).into_owned();
        writeln!(
            out,
            "- {}",
            words.keyed(view.cell(&cell.record.plan.cell), observed)
        )?;
    }
    if let Some(more) = hung.len().checked_sub(LISTED_AS_WAITING).filter(|more| *more > 0) {
        writeln!(out, "- {}", words.more_with_ng(more))?;
    }
    writeln!(out)
}

fn totals(out: &mut String, view: View<'_>, report: &RunReport) -> Result {
    let words = view.words;
    writeln!(out, "## {}\n", words.what_was_run())?;
    let columns = [
        words.scenario(),
        words.cells(),
        words.met(),
        words.violated(),
        words.tested_nothing(),
        words.undetermined(),
        words.observed_only(),
        words.without_a_record(),
        "OK",
        "NG",
    ];
    writeln!(out, "| {} |", columns.join(" | "))?;
    writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    let mut rows = Vec::new();
    for scenario in &report.run().scenarios {
        let mut sums = Totals::default();
        for row in report.all_rows(&scenario.name) {
            match row {
                crate::row::Row::Judged(cell) => sums.count(cell),
                crate::row::Row::Missing(_) => sums.count_missing(),
            }
        }
        let (all, own) = (scenario.cell_count(), sums.cells / report.repetitions());
        let mut cells = if own == all {
            own.to_string()
        } else {
            words.part_of(own, all)
        };
        if report.repetitions() > 1 {
            cells.push_str(&format!(" × {}", report.repetitions()));
        }
        rows.push((view.section(&scenario.name), cells, sums));
    }
    if rows.len() > 1 {
        let sums = Totals::of(report);
        let cells = match report.repetitions() {
            1 => sums.cells.to_string(),
            times => format!("{} × {times}", sums.cells / times),
        };
        rows.push((words.all().to_owned(), cells, sums));
    }
    for (name, cells, sums) in rows {
        writeln!(
            out,
            "| {name} | {cells} | {} | {} | {} | {} | {} | {} | {} | {} |",
            sums.met,
            sums.violated,
            sums.tested_nothing,
            sums.undetermined,
            sums.observed_only,
            sums.missing,
            sums.ok,
            sums.ng
        )?;
    }
    writeln!(out)?;
    if let Some(filter) = &report.run().filter {
        let filter = code(&cut(filter, LONGEST));
        writeln!(out, "{}\n", words.only_selected(filter))?;
    }
    Ok(())
}

/// Where it ran.
fn environment(out: &mut String, words: Language, report: &RunReport) -> Result {
    let environments = report.environments();
    // More than a few do not come from one run, and each cell's page has its own.
    for (environment, count) in environments.iter().take(8) {
        if environments.len() > 1 {
            writeln!(out, "{}", words.heads(words.count(*count, CELL)))?;
        }
        blocks(out, words, &[Block::Facts(facts_of(words, environment))])?;
    }
    Ok(())
}

fn legend(out: &mut String, view: View<'_>) -> Result {
    let words = view.words;
    writeln!(out, "## {}\n", words.how_to_read())?;
    let behaviour = match view.lies {
        Lies::InTheFolder | Lies::Elsewhere => {
            [words.meaning_of_behaviour(), words.link_to_page()].join(words.after_sentence())
        }
        Lies::AmongPages { .. } => words.meaning_of_behaviour().to_owned(),
    };
    for (term, meaning) in [
        (words.behaviour(), behaviour),
        (words.time(), words.meaning_of_time().to_owned()),
        (words.error(), words.meaning_of_error().to_owned()),
        (words.ended_or_refused_by(), words.meaning_of_ending().to_owned()),
        (words.ok_ng(), words.meaning_of_ok_ng().to_owned()),
        (words.verdict(), words.meaning_of_verdict().to_owned()),
        (words.packets_and_times(), words.meaning_of_packets(words.epoch())),
    ] {
        writeln!(out, "- {}", words.keyed(format_args!("**{term}**"), meaning))?;
    }
    Ok(())
}
