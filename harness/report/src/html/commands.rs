//! Command lines to copy: those of every step, and a link to the preparation, which cells share.

use super::preparations::Preparations;
use crate::escape::html_block;
use crate::markdown::commands::of_steps;
use lvs_matrix_model::record::CellRecord;
use std::fmt::{Result, Write as _};

pub(super) fn section(out: &mut String, record: &CellRecord, preparations: &Preparations<'_>) -> Result {
    let lines = of_steps(record)?;
    let preparation = preparations.of_cell(&record.plan.cell);
    if lines.is_empty() && preparation.is_none() {
        return Ok(());
    }
    writeln!(out, "<section><h3>Command lines</h3>")?;
    if let Some((anchor, number)) = preparation {
        writeln!(
            out,
            "<p>The lab was made by the command lines of <a href=\"#{anchor}\">preparation {number}</a>.</p>"
        )?;
    }
    if !lines.is_empty() {
        writeln!(out, "<pre tabindex=\"0\">{}</pre>", html_block(lines.trim_end()))?;
    }
    writeln!(out, "</section>")
}
