//! The sums of a run and the one sentence that says what they mean.

use crate::run::{RunReport, RunState};
use lvs_matrix_model::verdict::{ArticleResult, JudgedCell, RunOutcome, Verdict};

/// How many cells came out how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// All that were selected.
    pub cells: usize,
    /// As expected.
    pub met: usize,
    /// Not as expected.
    pub violated: usize,
    /// Not known.
    pub undetermined: usize,
    /// Nothing was expected of them.
    pub observed_only: usize,
    /// No record can be read.
    pub missing: usize,
    /// Cells whose repetitions do not agree.
    pub disagreeing: usize,
    /// OK by the article's measure: an answer or an error within patience.
    pub ok: usize,
    /// NG by the article's measure: silence beyond patience.
    pub ng: usize,
}

impl Totals {
    /// The sums of `report`.
    #[must_use]
    pub fn of(report: &RunReport) -> Self {
        let mut totals = Self::default();
        for cell in report.cells() {
            totals.count(cell);
        }
        for _ in report.missing() {
            totals.count_missing();
        }
        totals.disagreeing = report.disagreements().len();
        totals
    }

    pub(crate) fn count(&mut self, cell: &JudgedCell) {
        self.cells += 1;
        match cell.verdict {
            Verdict::Met => self.met += 1,
            Verdict::ObservedOnly => self.observed_only += 1,
            Verdict::Violated { .. } => self.violated += 1,
            Verdict::Undetermined { .. } => self.undetermined += 1,
        }
        match cell.observed.behaviour.article() {
            Some(ArticleResult::Ok) => self.ok += 1,
            Some(ArticleResult::Ng) => self.ng += 1,
            None => {}
        }
    }

    pub(crate) fn count_missing(&mut self) {
        self.cells += 1;
        self.missing += 1;
    }

    /// The outcome of the whole: repetitions that disagree win over violated, that over undetermined, that over met. A missing record is undetermined,
    /// and so is a run without any cell: nothing is known of nothing.
    #[must_use]
    pub fn outcome(&self) -> RunOutcome {
        if self.disagreeing > 0 {
            RunOutcome::Disagreeing
        } else if self.violated > 0 {
            RunOutcome::Violated
        } else if self.undetermined + self.missing > 0 || self.cells == 0 {
            RunOutcome::Undetermined
        } else {
            RunOutcome::Met
        }
    }

    /// The outcome in a word: `disagreeing`, `violated`, `undetermined` or `met`.
    #[must_use]
    pub fn result(&self) -> &'static str {
        match self.outcome() {
            RunOutcome::Disagreeing => "disagreeing",
            RunOutcome::Violated => "violated",
            RunOutcome::Undetermined => "undetermined",
            RunOutcome::Met => "met",
        }
    }

    /// The sums in words: `24 cells: 22 met, 1 violated, 1 undetermined`. What is zero is left out, but for `met`.
    #[must_use]
    pub fn sums(&self) -> String {
        let mut text = format!("{}: {} met", plural(self.cells, "cell"), self.met);
        for (count, what) in [
            (self.violated, "violated"),
            (self.undetermined, "undetermined"),
            (self.observed_only, "observed only"),
            (self.missing, "without a record"),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        if self.disagreeing > 0 {
            text.push_str(&format!(
                "; repetitions disagree in {}",
                plural(self.disagreeing, "cell")
            ));
        }
        text
    }
}

/// The verdict on the run in a sentence.
pub(crate) fn sentence(report: &RunReport) -> String {
    let totals = Totals::of(report);
    let unknown = totals.undetermined + totals.missing;
    let noun = noun(report);
    let mut text = if totals.cells == 0 {
        "No cell was selected, so nothing is known.".to_owned()
    } else if totals.disagreeing > 0 {
        format!(
            "Repetitions of {} disagree: what was seen there need not be seen again.",
            plural(totals.disagreeing, "cell")
        )
    } else if totals.violated > 0 {
        let rest = if unknown > 0 {
            format!(" and of {unknown} nothing certain is known")
        } else {
            String::new()
        };
        let verb = if totals.violated == 1 { "is" } else { "are" };
        format!(
            "{} of {} {verb} not as expected{rest}.",
            totals.violated,
            plural(totals.cells, noun)
        )
    } else if unknown > 0 {
        format!(
            "Nothing is violated, but of {unknown} of {} nothing certain is known.",
            plural(totals.cells, noun)
        )
    } else if totals.met == 0 {
        format!("Nothing was expected: {} observed.", plural(totals.cells, noun))
    } else if totals.observed_only > 0 {
        format!(
            "Every cell of which something is expected is as expected ({} of {}); the others are observed only.",
            totals.met,
            plural(totals.cells, noun)
        )
    } else if totals.cells == 1 {
        "The one cell is as expected.".to_owned()
    } else {
        format!("All {} are as expected.", plural(totals.cells, noun))
    };
    if report.repetitions() > 1 {
        text.push_str(&format!(" Each was run {} times.", report.repetitions()));
    }
    match &report.run().state {
        RunState::Ended => {}
        RunState::Begun => text.push_str(" The run did not come to its end: lvs-matrix was killed."),
        RunState::Interrupted { reason } => text.push_str(&format!(" The run was interrupted: {reason}.")),
    }
    text
}

/// What is counted: with repetitions each run of a cell.
fn noun(report: &RunReport) -> &'static str {
    if report.repetitions() > 1 { "run" } else { "cell" }
}

/// `1 cell`, `24 cells`.
#[must_use]
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_run_is_not_a_success() {
        assert_eq!(Totals::default().result(), "undetermined");
        let totals = Totals {
            cells: 3,
            met: 1,
            missing: 1,
            violated: 1,
            ..Totals::default()
        };
        assert_eq!(totals.result(), "violated");
        assert_eq!(totals.sums(), "3 cells: 1 met, 1 violated, 1 without a record");
    }
}
