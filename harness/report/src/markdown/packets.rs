//! The table of the client's retransmissions, with the article's beside those of a hang.

pub(super) use crate::packet::packet;
use crate::schedule::{ScheduleRow, schedule};
use crate::stamp::Stamp;
use lvs_matrix_language::Language;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};
use std::time::Duration;

pub(super) fn retransmissions(out: &mut String, words: Language, cell: &JudgedCell) -> Result {
    let Some(title) = phrasing::retransmissions(words, &cell.observed.retransmissions) else {
        return Ok(());
    };
    writeln!(
        out,
        "## {}\n\n{}\n",
        words.sent_again_title(),
        words.by_the_client(title)
    )?;
    let Some(schedule) = schedule(cell) else {
        return Ok(());
    };
    let beside = schedule.rows.iter().any(|row| row.article.is_some());
    if beside {
        writeln!(out, "{}\n", words.beside_article())?;
    }
    let (titles, aligned) = if beside {
        (
            format!(" {} | {} |", words.article_printed(), words.gap()),
            "--:|--:|",
        )
    } else {
        (String::new(), "")
    };
    let own_titles = [words.packet(), words.at(), words.gap()].join(" | ");
    writeln!(out, "| | {own_titles} |{titles}\n|---|--:|--:|--:|{aligned}")?;
    let (beginning, left_out, end) = schedule.shown();
    for (index, row) in beginning.iter().chain(end).enumerate() {
        if index == beginning.len() {
            let empty = if beside { " … | … |" } else { "" };
            writeln!(out, "| {} | … | … | … |{empty}", words.rows_left_out(left_out))?;
        }
        write!(out, "{}", own(words, row))?;
        if beside {
            let printed = row.article.map_or(phrasing::NOTHING, |article| article.printed);
            write!(
                out,
                " {printed} | {} |",
                gap(row.article.and_then(|article| article.gap))
            )?;
        }
        writeln!(out)?;
    }
    writeln!(out)
}

fn own(words: Language, row: &ScheduleRow) -> String {
    let what = match row.number {
        1 => words.first_sent().to_owned(),
        number => words.again_times(number - 1),
    };
    let nothing = || phrasing::NOTHING.to_owned();
    let packet = row.sent.map_or_else(nothing, |sent| sent.packet.to_string());
    let at = row.sent.map_or_else(nothing, |sent| Stamp(sent.at).to_string());
    format!(
        "| {what} | {packet} | {at} | {} |",
        gap(row.sent.and_then(|sent| sent.gap))
    )
}

fn gap(gap: Option<Duration>) -> String {
    gap.map_or_else(|| phrasing::NOTHING.to_owned(), |gap| Human(gap).to_string())
}
