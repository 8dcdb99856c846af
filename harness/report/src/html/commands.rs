//! Command lines to copy: those of every step, and a link to the preparation, which cells share.

use super::preparations::Preparations;
use crate::escape::html_block;
use crate::markdown::commands::of_steps;
use lvs_matrix_language::Language;
use lvs_matrix_model::record::CellRecord;
use std::fmt::{Result, Write as _};

pub(super) fn section(
    out: &mut String,
    words: Language,
    record: &CellRecord,
    preparations: &Preparations<'_>,
) -> Result {
    let lines = of_steps(words, record)?;
    let preparation = preparations.of_cell(&record.plan.cell);
    if lines.is_empty() && preparation.is_none() {
        return Ok(());
    }
    writeln!(out, "<section><h3>{}</h3>", words.command_lines())?;
    if let Some((anchor, number)) = preparation {
        let link = format!("<a href=\"#{anchor}\">{}</a>", words.preparation_numbered(number));
        writeln!(out, "<p>{}</p>", words.made_by(link))?;
    }
    if !lines.is_empty() {
        writeln!(out, "<pre tabindex=\"0\">{}</pre>", html_block(lines.trim_end()))?;
    }
    writeln!(out, "</section>")
}
