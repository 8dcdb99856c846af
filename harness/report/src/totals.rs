//! The sums of a run and the one sentence that says what they mean.

use crate::row::Row;
use crate::run::{RunReport, RunState};
use lvs_matrix_language::{CELL, Language, RUN};
use lvs_matrix_model::verdict::{ArticleResult, JudgedCell, RunOutcome, Verdict};

/// How many cells came out how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// All that were selected, each as often as it was to be run.
    pub cells: usize,
    /// How often that is; 0 if nobody said.
    pub repetitions: usize,
    /// As expected.
    pub met: usize,
    /// Not as expected.
    pub violated: usize,
    /// Not known.
    pub undetermined: usize,
    /// As expected or only observed, but the change had no part in it.
    pub tested_nothing: usize,
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
        let judged = report.cells().iter().map(Row::Judged);
        let mut totals = Self::of_rows(judged.chain(report.missing().iter().map(Row::Missing)));
        totals.repetitions = report.repetitions();
        totals.disagreeing = report.disagreements().len();
        totals
    }

    /// The sums of rows of a table.
    pub(crate) fn of_rows<'a>(rows: impl Iterator<Item = Row<'a>>) -> Self {
        let mut totals = Self::default();
        for row in rows {
            match row {
                Row::Judged(cell) => totals.count(cell),
                Row::Missing(_) => totals.count_missing(),
            }
        }
        totals
    }

    fn count(&mut self, cell: &JudgedCell) {
        self.cells += 1;
        match cell.verdict {
            Verdict::Met => self.met += 1,
            Verdict::ObservedOnly => self.observed_only += 1,
            Verdict::TestedNothing { .. } => self.tested_nothing += 1,
            Verdict::Violated { .. } => self.violated += 1,
            Verdict::Undetermined { .. } => self.undetermined += 1,
        }
        match cell.article() {
            Some(ArticleResult::Ok) => self.ok += 1,
            Some(ArticleResult::Ng) => self.ng += 1,
            None => {}
        }
    }

    fn count_missing(&mut self) {
        self.cells += 1;
        self.missing += 1;
    }

    /// The outcome of the whole: repetitions that disagree win over violated, that over undetermined, that
    /// over met. A missing record is undetermined, and so are a cell that tested nothing and a run without
    /// any cell: nothing is known of nothing.
    #[must_use]
    pub fn outcome(&self) -> RunOutcome {
        if self.disagreeing > 0 {
            RunOutcome::Disagreeing
        } else if self.violated > 0 {
            RunOutcome::Violated
        } else if self.undetermined + self.missing + self.tested_nothing > 0 || self.cells == 0 {
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

    /// The sums in words, in English: `24 cells: 22 met, 1 violated, 1 undetermined`, or
    /// `6 runs of 2 cells: 6 met`. What is zero is left out, but for `met`.
    #[must_use]
    pub fn sums(&self) -> String {
        self.in_words(Language::English)
    }

    pub(crate) fn in_words(&self, words: Language) -> String {
        let all = match self.repetitions {
            0 | 1 => words.count(self.cells, CELL),
            times => words.runs_of(
                words.count(self.cells, RUN),
                words.count(self.cells / times, CELL),
            ),
        };
        let mut text = words.sums_met(all, self.met);
        for (count, what) in [
            (self.violated, words.violated()),
            (self.tested_nothing, words.tested_nothing()),
            (self.undetermined, words.undetermined()),
            (self.observed_only, words.observed_only()),
            (self.missing, words.without_a_record()),
        ] {
            if count > 0 {
                text += &words.counted(count, what);
            }
        }
        if self.disagreeing > 0 {
            text += &words.disagree_in(words.count(self.disagreeing, CELL));
        }
        text
    }
}

/// The verdict on the run in a sentence.
pub(crate) fn sentence(words: Language, report: &RunReport) -> String {
    let totals = Totals::of(report);
    let unknown = totals.undetermined + totals.missing;
    // With repetitions each run of a cell is counted.
    let noun = if report.repetitions() > 1 { RUN } else { CELL };
    let all = words.count(totals.cells, noun);
    let mut text = if totals.cells == 0 {
        words.no_cell_selected().to_owned()
    } else if totals.disagreeing > 0 {
        words.repetitions_of_disagree(words.count(totals.disagreeing, CELL))
    } else if totals.violated > 0 {
        let rest = if unknown > 0 {
            words.and_unknown(unknown)
        } else {
            String::new()
        };
        match totals.violated {
            1 => words.is_not_as_expected(1, all, rest),
            several => words.are_not_as_expected(several, all, rest),
        }
    } else if unknown > 0 {
        words.nothing_violated(unknown, all)
    } else if totals.tested_nothing > 0 {
        tested_nothing(words, &totals, &all)
    } else if totals.met == 0 {
        words.nothing_was_expected(all)
    } else if totals.observed_only > 0 {
        words.expected_ones_are(totals.met, all)
    } else if totals.cells == 1 {
        words.one_is_as_expected().to_owned()
    } else {
        words.all_are_as_expected(all)
    };
    if totals.tested_nothing > 0 && (totals.disagreeing > 0 || totals.violated > 0 || unknown > 0) {
        text += words.after_sentence();
        text += &words.tested_nothing_of(totals.tested_nothing, words.count(totals.cells, noun));
    }
    if report.repetitions() > 1 {
        text += &words.each_was_run(report.repetitions());
    }
    match &report.run().state {
        RunState::Ended => {}
        RunState::Begun => text += words.was_killed(),
        RunState::Interrupted { reason } => text += &words.was_interrupted(reason),
    }
    text
}

/// Nothing is violated, and of nothing it is unknown what was seen; but some of it says nothing about the
/// change.
fn tested_nothing(words: Language, totals: &Totals, all: &str) -> String {
    if totals.tested_nothing < totals.cells {
        let rest = if totals.observed_only > 0 {
            ""
        } else {
            words.others_as_expected()
        };
        return words.tested_nothing_of(totals.tested_nothing, all) + rest;
    }
    match totals.cells {
        1 => words.one_tested_nothing().to_owned(),
        _ => words.tested_nothing_all(all),
    }
}

/// No client was left waiting. That says nothing of cells that tested nothing.
pub(crate) fn nobody_waited(words: Language, report: &RunReport) -> String {
    let untested = report
        .cells()
        .iter()
        .filter(|cell| cell.untested().is_some())
        .count();
    if untested == 0 {
        words.in_no_cell().to_owned()
    } else if untested == report.cells().len() {
        words.no_cell_tested().to_owned()
    } else {
        words.in_no_tested_cell(words.count(untested, CELL))
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
