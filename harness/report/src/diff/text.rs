//! The comparison for a terminal.

use super::RunDiff;
use crate::escape::{cut, one_line};
use std::fmt::Write as _;

/// Reasons are quoted up to so many characters; the runs' own reports have them in full.
const LONGEST: usize = 400;

impl RunDiff<'_> {
    /// The comparison as plain text, without colours, ending with a newline.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        for (letter, run) in [('A', self.a), ('B', self.b)] {
            let name = one_line(run.name);
            let kernel = run
                .kernel
                .map_or_else(String::new, |kernel| format!(" on {kernel}"));
            writeln!(out, "{letter}: {name}{kernel}, {}", run.sums())?;
        }
        for (what, a, b) in self.environments() {
            let (a, b) = (one_line(&a), one_line(&b));
            if a == b {
                writeln!(out, "  {what}: {a} in both")?;
            } else {
                writeln!(out, "  {what}: {a} → {b}")?;
            }
        }
        if self.replanned > 0 {
            writeln!(out, "  {}", self.replanned_words())?;
        }
        writeln!(out)?;
        for changed in &self.changed {
            writeln!(out, "{}", changed.a.record.plan.cell)?;
            for change in &changed.changes {
                let by = change
                    .by
                    .as_ref()
                    .map_or_else(String::new, |by| format!(" ({by})"));
                writeln!(out, "  {}: {} → {}{by}", change.what.name(), change.a, change.b)?;
            }
            writeln!(out)?;
        }
        for unknown in &self.unknown {
            writeln!(out, "{}: not compared", unknown.cell)?;
            for (letter, known) in [('A', unknown.a), ('B', unknown.b)] {
                writeln!(out, "  {letter}: {}", cut(&one_line(&known.words()), LONGEST))?;
            }
            writeln!(out)?;
        }
        for (letter, cells) in [('A', &self.only_a), ('B', &self.only_b)] {
            for cell in cells {
                writeln!(out, "{cell}: only in {letter}")?;
            }
            if !cells.is_empty() {
                writeln!(out)?;
            }
        }
        writeln!(out, "{}. {}", self.sentence(), self.measure())
    }

    pub(super) fn replanned_words(&self) -> String {
        format!(
            "in {} something else was done (steps, sysctls or command lines): what changed there may come \
             from that",
            lvs_matrix_language::plural(self.replanned, "cell")
        )
    }
}
