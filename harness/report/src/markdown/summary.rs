//! The page of a run for a place with a limit and without the run's folder beside it: a CI system's job
//! summary.

use super::{head, scenario, title};
use crate::blocks::markdown::{section, table_row, whole};
use crate::overview;
use crate::row::Merged;
use crate::run::{RunReport, ScenarioSummary};
use crate::view::{Lies, View};
use lvs_matrix_language::Language;
use std::fmt::{Result, Write as _};

/// What the words need that say what was cut off.
pub(super) const RESERVED: usize = 512;

/// The run as markdown of at most `most` bytes, ending with a newline: without links, since there is nothing
/// beside it that they could lead to, and cut off between two lines of a table, with words of what was left
/// out. Empty if `most` is below 1 KiB.
///
/// GitHub takes 1 MiB for each step of a job, and shows nothing of a step that wrote more.
#[must_use]
pub fn summary(report: &RunReport, most: usize) -> String {
    let out = whole(|out| page(out, report, most));
    if out.len() > most { String::new() } else { out }
}

fn page(out: &mut String, report: &RunReport, most: usize) -> Result {
    let view = View {
        lies: Lies::Elsewhere,
        words: report.language(),
    };
    let end = most.saturating_sub(RESERVED);
    let mut left_out = LeftOut::default();
    if !push(out, end, |out| head(out, view, report)) {
        left_out.details = true;
        // The sentence and the sums are the least that is of use.
        if push(out, end, |out| title(out, view, report)) {
            push(out, end, |out| {
                section(out, view.words, &overview::sums(view, report))
            });
        }
    }
    for scenario in &report.run().scenarios {
        left_out.table(out, end, view, report, scenario)?;
    }
    left_out.tell(out, view.words, most, &view.words.of_the_folder("`report.md`"))
}

/// Writes a part if it fits as a whole. Was it written?
pub(super) fn push(out: &mut String, end: usize, part: impl FnOnce(&mut String) -> Result) -> bool {
    let before = out.len();
    if part(out).is_ok() && out.len() <= end {
        return true;
    }
    out.truncate(before);
    false
}

/// Writes as many lines as fit. How many did not?
fn table(
    out: &mut String,
    end: usize,
    view: View<'_>,
    scenario: &ScenarioSummary,
    rows: &[Merged<'_>],
) -> std::result::Result<usize, std::fmt::Error> {
    let table = overview::cells(view, scenario, rows);
    if rows.is_empty() || !push(out, end, |out| scenario::head(out, view, scenario, &table)) {
        return Ok(rows.len());
    }
    let lines = table.rows.iter();
    let written = lines
        .take_while(|row| push(out, end, |out| table_row(out, view.words, &table, row)))
        .count();
    writeln!(out)?;
    Ok(rows.len() - written)
}

#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// Lines of tables, and of how many.
    lines: usize,
    pub(super) of: usize,
    /// What stands above or below the tables.
    details: bool,
}

impl LeftOut {
    /// Writes as many lines of a scenario's table as fit.
    pub(super) fn table(
        &mut self,
        out: &mut String,
        end: usize,
        view: View<'_>,
        report: &RunReport,
        scenario: &ScenarioSummary,
    ) -> Result {
        let rows = report.merged_rows(&scenario.name);
        self.lines += table(out, end, view, scenario, &rows)?;
        self.of += rows.len();
        Ok(())
    }

    /// Says what was left out, if anything was, and where it is.
    pub(super) fn tell(&self, out: &mut String, words: Language, most: usize, whole: &str) -> Result {
        if self.lines == 0 && !self.details {
            return Ok(());
        }
        let mut what = Vec::new();
        if self.lines > 0 {
            what.push(words.lines_of_tables(self.lines, self.of));
        }
        if self.details {
            what.push(words.details().to_owned());
        }
        writeln!(
            out,
            "\n**{}**{}{}\n",
            words.cut_off(most >> 10, what.join(words.and_with())),
            words.after_sentence(),
            words.everything_is_in(whole)
        )
    }
}
