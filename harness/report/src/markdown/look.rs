//! What needs a look: violated first, then what is not known, each with its reasons, and folded below it what
//! was expected, observed and seen. Bounded, so that a run in which everything went wrong can still be
//! opened.

use super::view::View;
use super::{cell, story};
use crate::escape::{cut, inline, phrase};
use crate::repeat;
use crate::run::RunReport;
use lvs_matrix_language::Language;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

/// The longest text of others in the run's page, in characters.
pub(super) const LONGEST: usize = 400;
/// So many cells are listed with their reasons.
const LISTED: usize = 100;
/// Cells are folded out with their evidence until so many bytes are reached.
const FOLDED_BYTES: usize = 64 << 10;

pub(super) fn section(out: &mut String, view: View, report: &RunReport) -> Result {
    let words = view.words;
    let judged: Vec<&JudgedCell> = report.needing_a_look().collect();
    let missing = report.missing();
    let disagreements = report.disagreements();
    if judged.is_empty() && missing.is_empty() && disagreements.is_empty() {
        return Ok(());
    }
    writeln!(out, "## {}\n", words.what_needs_a_look())?;
    for disagreement in disagreements.iter().take(LISTED) {
        let outcomes = repeat::outcomes(words, disagreement);
        writeln!(
            out,
            "- **{}** {}",
            words.repetitions_disagree(),
            words.keyed(
                view.cell(&disagreement.cell),
                phrase(&cut(&outcomes.join(words.clauses()), LONGEST))
            )
        )?;
    }
    more(out, words, disagreements.len())?;
    let end = out.len() + FOLDED_BYTES;
    for cell in judged.iter().take(LISTED) {
        let reasons = phrasing::reasons(words, cell).join(words.clauses());
        let verdict = phrasing::verdict(words, &cell.verdict);
        writeln!(
            out,
            "- **{verdict}** {}",
            words.keyed(view.cell(&cell.record.plan.cell), phrase(&cut(&reasons, LONGEST)))
        )?;
        if out.len() < end {
            details(out, words, cell)?;
        }
    }
    more(out, words, judged.len())?;
    for missing in missing.iter().take(LISTED) {
        writeln!(
            out,
            "- **{}** {}",
            words.no_record(),
            words.keyed(
                &missing.cell,
                inline(&cut(&phrasing::missing(words, &missing.reason), LONGEST))
            )
        )?;
    }
    more(out, words, missing.len())?;
    writeln!(out)
}

fn more(out: &mut String, words: Language, count: usize) -> Result {
    match count.checked_sub(LISTED) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(out, "- {}", words.more_in_bold(more)),
    }
}

/// Within the list item: indented, with an empty line after the summary, or GitHub takes what follows for
/// HTML.
fn details(out: &mut String, words: Language, judged: &JudgedCell) -> Result {
    let mut text = String::new();
    for sentence in story::sentences(words, judged) {
        writeln!(text, "{sentence}")?;
    }
    text.push('\n');
    cell::judgement(&mut text, words, judged)?;
    cell::evidence(&mut text, words, judged)?;
    // The least of it that is of use; a page that is longer still stands in the cell's folder.
    if text.len() > FOLDED_BYTES / 4 {
        return Ok(());
    }
    writeln!(
        out,
        "  <details><summary>{}</summary>\n",
        words.expected_observed_evidence()
    )?;
    for line in text.lines() {
        let indent = if line.is_empty() { "" } else { "  " };
        writeln!(out, "{indent}{line}")?;
    }
    writeln!(out, "\n  </details>\n")
}
