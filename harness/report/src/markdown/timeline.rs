//! The time line as a table.

use crate::markup::Markup;
use crate::timeline::{entries, times};
use crate::wording;
use crate::words::Language;
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
            .map(|place| format!("{} ", wording::citation(words, place)));
        writeln!(
            out,
            "| {time} | {since} | {}| {} |",
            place.unwrap_or_default(),
            entry.what
        )?;
    }
    writeln!(out)
}
