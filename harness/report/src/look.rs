//! What needs a look: what may be another way tomorrow, what is not as expected, then what is not known.
//! Bounded, so that a run in which everything went wrong can still be opened.

use crate::blocks::phrase;
use crate::escape::cut;
use crate::repeat;
use crate::run::RunReport;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::verdict::{JudgedCell, Verdict};

/// The longest text of others in the run's page, in characters. Cells' pages have it whole.
pub(crate) const LONGEST: usize = 400;
/// So many cells of a kind are listed with their reasons.
pub(crate) const LISTED: usize = 100;

/// A line of the list.
pub(crate) enum Line<'a> {
    Item {
        /// The verdict's name in the style sheet.
        class: &'static str,
        /// Its word.
        word: &'static str,
        cell: CellRef,
        /// Why it is listed: an inline text.
        text: String,
        /// A cell without a record has no page of its own in markdown.
        has_page: bool,
        judged: Option<&'a JudgedCell>,
    },
    /// So many of the same kind are not listed.
    More(usize),
}

/// The list; empty if nothing needs a look.
pub(crate) fn lines(report: &RunReport) -> Vec<Line<'_>> {
    let words = report.language();
    let mut lines = Vec::new();
    let disagreements = report.disagreements();
    lines.extend(disagreements.iter().take(LISTED).map(|disagreement| {
        let outcomes = repeat::outcomes(words, disagreement).join(words.clauses());
        Line::Item {
            class: "disagreeing",
            word: words.repetitions_disagree(),
            cell: disagreement.cell.clone(),
            text: phrase(&cut(&outcomes, LONGEST)),
            has_page: true,
            judged: None,
        }
    }));
    lines.extend(more(disagreements.len()));
    let judged: Vec<&JudgedCell> = report.needing_a_look().collect();
    lines.extend(judged.iter().take(LISTED).map(|cell| {
        let reasons = phrasing::reasons(words, cell).join(words.clauses());
        Line::Item {
            class: verdict_class(&cell.verdict),
            word: phrasing::verdict(words, &cell.verdict),
            cell: cell.record.plan.cell.clone(),
            text: phrase(&cut(&reasons, LONGEST)),
            has_page: true,
            judged: Some(cell),
        }
    }));
    lines.extend(more(judged.len()));
    let missing = report.missing();
    lines.extend(missing.iter().take(LISTED).map(|missing| {
        let reason = phrasing::missing(words, &missing.reason);
        Line::Item {
            class: "missing",
            word: words.no_record(),
            cell: missing.cell.clone(),
            text: phrase(&cut(&reason, LONGEST)),
            has_page: false,
            judged: None,
        }
    }));
    lines.extend(more(missing.len()));
    lines
}

fn more<'a>(count: usize) -> Option<Line<'a>> {
    let more = count.checked_sub(LISTED).filter(|more| *more > 0);
    more.map(Line::More)
}

/// A verdict's name in the style sheet.
pub(crate) fn verdict_class(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::ObservedOnly => "observed",
        Verdict::TestedNothing { .. } => "untested",
        Verdict::Violated { .. } => "violated",
        Verdict::Undetermined { .. } => "undetermined",
    }
}
