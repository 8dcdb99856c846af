//! The comparison as GitHub-flavoured markdown, bounded as the page of a run is.

use super::RunDiff;
use crate::blocks::markdown;
use crate::escape::{code, cut, inline};
use std::fmt::Write as _;

/// So many cells of each kind are listed.
const LISTED: usize = 500;
/// Reasons are quoted up to so many characters.
const LONGEST: usize = 400;

impl RunDiff<'_> {
    /// The comparison as markdown, ending with a newline.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::whole(|out| self.page(out))
    }

    fn page(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "# lvs-matrix: what changed from A to B\n\n**{}.**\n",
            self.sentence()
        )?;
        writeln!(out, "| | A | B |\n|---|---|---|")?;
        let (a, b) = (self.a.name, self.b.name);
        writeln!(
            out,
            "| folder | {} | {} |",
            code(&cut(a, LONGEST)),
            code(&cut(b, LONGEST))
        )?;
        if let (Some(a), Some(b)) = (self.a.kernel, self.b.kernel) {
            writeln!(out, "| kernel | {a} | {b} |")?;
        }
        writeln!(out, "| verdicts | {} | {} |", self.a.sums(), self.b.sums())?;
        for (what, a, b) in self.environments() {
            let mark = if a == b { "" } else { "**" };
            let [a, b] = [a, b].map(|text| code(&cut(&text, LONGEST)));
            writeln!(out, "| {mark}{what}{mark} | {a} | {b} |")?;
        }
        writeln!(out, "\n{}\n", self.measure())?;
        if self.replanned > 0 {
            writeln!(out, "Note: {}.\n", self.replanned_words())?;
        }
        self.changes(out)?;
        if !self.unknown.is_empty() {
            writeln!(
                out,
                "## Not compared: nothing certain is known\n\n| cell | A | B |\n|---|---|---|"
            )?;
            for unknown in self.unknown.iter().take(LISTED) {
                let [a, b] = [unknown.a, unknown.b].map(|known| known.words());
                let [a, b] = [&a, &b].map(|text| inline(&cut(text, LONGEST)).into_owned());
                writeln!(out, "| {} | {a} | {b} |", unknown.cell)?;
            }
            more(out, self.unknown.len())?;
        }
        for (letter, cells) in [('A', &self.only_a), ('B', &self.only_b)] {
            if !cells.is_empty() {
                writeln!(out, "## Only in {letter}\n")?;
                for cell in cells.iter().take(LISTED) {
                    writeln!(out, "- {cell}")?;
                }
                more(out, cells.len())?;
            }
        }
        Ok(())
    }

    fn changes(&self, out: &mut String) -> std::fmt::Result {
        if self.changed.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "## What changed\n\n| cell | | A | B | by |\n|---|---|---|---|---|"
        )?;
        for changed in self.changed.iter().take(LISTED) {
            let mut cell = changed.a.record.plan.cell.to_string();
            for change in &changed.changes {
                writeln!(
                    out,
                    "| {} | {} | {} | {} | {} |",
                    std::mem::take(&mut cell),
                    change.what.name(),
                    change.a,
                    change.b,
                    change.by.as_deref().unwrap_or_default()
                )?;
            }
        }
        more(out, self.changed.len())
    }
}

fn more(out: &mut String, count: usize) -> std::fmt::Result {
    match count.checked_sub(LISTED) {
        None | Some(0) => writeln!(out),
        Some(more) => writeln!(out, "\nand {more} more.\n"),
    }
}
