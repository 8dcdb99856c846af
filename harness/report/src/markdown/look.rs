//! What needs a look, each cell with its reasons, and folded below it what was expected, observed and seen.

use super::story;
use super::view::View;
use crate::blocks::Block;
use crate::blocks::markdown::{blocks, inline};
use crate::cell;
use crate::look::{self, Line};
use crate::run::RunReport;
use lvs_matrix_language::Language;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

/// Cells are folded out with their evidence until so many bytes are reached.
const FOLDED_BYTES: usize = 64 << 10;

pub(super) fn section(out: &mut String, view: View<'_>, report: &RunReport) -> Result {
    let (words, lines) = (view.words, look::lines(report));
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "## {}\n", words.what_needs_a_look())?;
    let mut end = None;
    for line in lines {
        match line {
            Line::Item {
                word,
                cell,
                text,
                has_page,
                judged,
                ..
            } => {
                let end = *end.get_or_insert(out.len() + FOLDED_BYTES);
                let cell = if has_page {
                    view.cell(&cell)
                } else {
                    cell.to_string()
                };
                writeln!(out, "- **{word}** {}", inline(&words.keyed(cell, text)))?;
                if let Some(judged) = judged.filter(|_| out.len() < end) {
                    details(out, words, judged)?;
                }
            }
            Line::More(count) => writeln!(out, "- {}", words.more_in_bold(count))?,
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
    blocks(&mut text, words, &cell::judgement(words, judged).blocks)?;
    blocks(&mut text, words, &[Block::List(cell::pieces(words, judged))])?;
    // The least of it that is of use; a page that is longer still stands in the cell's folder.
    if text.len() > FOLDED_BYTES / 4 {
        return Ok(());
    }
    writeln!(
        out,
        "  <details><summary>{}</summary>\n",
        words.expected_observed_evidence()
    )?;
    for line in text.trim_end().lines() {
        let indent = if line.is_empty() { "" } else { "  " };
        writeln!(out, "{indent}{line}")?;
    }
    writeln!(out, "\n  </details>\n")
}
