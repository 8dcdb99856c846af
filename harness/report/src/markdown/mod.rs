//! The report for people: GitHub-flavoured markdown. A page for the run, which shows the whole at a glance
//! and stays readable with a thousand cells, and a page for each cell with everything that its verdict rests
//! on.
//!
//! GitHub shows no more than 500 KiB of a README, and of other files tries what is "generally less than 2 MB"
//! (its "About READMEs" and "Repository limits"). The page of the run therefore holds one line per cell,
//! every list that grows with what went wrong is bounded, and beyond [`MOST`] lines of tables are left out,
//! which is said. What is cut off there stands in the cells' pages.

mod cell_page;
mod compare;
mod pages;
mod scenario;
mod story;
mod summary;

pub(crate) use cell_page::link_target;

pub use cell_page::markdown_cell;
pub use pages::Pages;
pub use summary::summary;

use crate::blocks::markdown::{blocks, inline, section, whole};
use crate::blocks::{Block, foreign, strong};
use crate::causes::Found;
use crate::cell;
use crate::escape::cut;
use crate::kernels;
use crate::overview::{self, LONGEST};
use crate::run::RunReport;
use crate::totals::sentence;
use crate::view::{Lies, View};
use lvs_matrix_language::Language;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

/// No page of a run is longer, in bytes.
const MOST: usize = 480 << 10;

/// The page of the run as markdown, ending with a newline. Links lead to the cells' pages ([`markdown_cell`])
/// and are relative to the run's folder.
#[must_use]
pub fn markdown(report: &RunReport) -> String {
    whole(|out| page(out, report))
}

fn page(out: &mut String, report: &RunReport) -> Result {
    let view = View {
        lies: Lies::InTheFolder,
        words: report.language(),
    };
    head(out, view, report)?;
    let room = MOST.saturating_sub(summary::RESERVED);
    let mut left_out = summary::LeftOut::default();
    for scenario in &report.run().scenarios {
        if summary::push(out, room, |out| scenario::section(out, view, report, scenario)) {
            left_out.of += report.merged_rows(&scenario.name).len();
        } else {
            left_out.table(out, room, view, report, scenario)?;
        }
    }
    left_out.tell(out, view.words, MOST, "[report.html](report.html)")
}

/// Everything above the tables.
fn head(out: &mut String, view: View<'_>, report: &RunReport) -> Result {
    title(out, view, report)?;
    found(out, view, report)?;
    needing_a_look(out, view, report)?;
    if let Some((waiting, _)) = overview::left_waiting(view, report) {
        section(out, view.words, &waiting)?;
    }
    if let Some(kernels) = kernels::section(view, report) {
        section(out, view.words, &kernels)?;
    }
    section(out, view.words, &overview::sums(view, report))?;
    blocks(out, view.words, &overview::places(view.words, report))
}

/// The run in one line, and how to read what follows.
fn title(out: &mut String, view: View<'_>, report: &RunReport) -> Result {
    let words = view.words;
    writeln!(out, "# {}\n", words.title())?;
    // The reason of an interruption may be long.
    let sentence = strong(&foreign(&cut(&sentence(words, report), 2 * LONGEST)));
    blocks(out, words, &[Block::paragraph(sentence)])?;
    blocks(out, words, &overview::notes(words, report))?;
    blocks(out, words, &[overview::legend(view)])
}

/// The causes of what clients lived through, and what avoids them.
fn found(out: &mut String, view: View<'_>, report: &RunReport) -> Result {
    let found = Found::of(view.words, report);
    match overview::found(view, report, &found) {
        Some(found) => section(out, view.words, &found),
        None => Ok(()),
    }
}

/// Cells are folded out with their evidence until so many bytes are reached.
const FOLDED_BYTES: usize = 64 << 10;

/// What needs a look, each cell with its reasons, and folded below it what was expected, observed and seen.
fn needing_a_look(out: &mut String, view: View<'_>, report: &RunReport) -> Result {
    let (words, lines) = (view.words, overview::needing_a_look(view, report));
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "## {}\n", words.what_needs_a_look())?;
    let end = out.len() + FOLDED_BYTES;
    for (line, judged) in lines {
        writeln!(out, "- {}", inline(&line))?;
        if let Some(judged) = judged.filter(|_| out.len() < end) {
            details(out, words, judged)?;
        }
    }
    writeln!(out)
}

/// Within the list item: indented, with an empty line after the summary, or GitHub takes what follows for
/// HTML.
fn details(out: &mut String, words: Language, judged: &JudgedCell) -> Result {
    let mut text = String::new();
    for sentence in story::sentences(words, judged) {
        writeln!(text, "{}", inline(&sentence))?;
    }
    text.push('\n');
    let mut found = cell::judgement(words, judged).blocks;
    found.push(Block::List(cell::pieces(words, judged)));
    blocks(&mut text, words, &found)?;
    // The least of it that is of use; a page that is longer still stands in the cell's folder.
    if text.len() > FOLDED_BYTES / 4 {
        return Ok(());
    }
    let summary = words.expected_observed_evidence();
    writeln!(out, "  <details><summary>{summary}</summary>\n")?;
    for line in text.trim_end().lines() {
        let indent = if line.is_empty() { "" } else { "  " };
        writeln!(out, "{indent}{line}")?;
    }
    writeln!(out, "\n  </details>\n")
}
