//! The time line as a table.

use crate::markup::Markup;
use crate::timeline::{entries, times};
use lvs_matrix_language::Language;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

pub(super) fn section(out: &mut String, cell: &JudgedCell, words: Language) -> Result {
    let entries = entries(cell, Markup::Markdown, words);
    if entries.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "## {}\n\n{}\n",
        words.time_line(),
        words.counting_from(words.epoch())
    )?;
    let heads = [words.time(), words.since_act(), words.seen_in(), words.what()];
    writeln!(out, "| {} |\n|--:|--:|---|---|", heads.join(" | "))?;
    for entry in &entries {
        let (time, since) = times(cell, entry.at);
        let place = entry
            .place
            .map(|place| format!("{} ", phrasing::citation(words, place)));
        writeln!(
            out,
            "| {time} | {since} | {}| {} |",
            place.unwrap_or_default(),
            entry.what
        )?;
    }
    writeln!(out)
}
