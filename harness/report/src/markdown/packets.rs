//! The table of the client's retransmissions, with the article's beside those of a hang.

pub(super) use crate::packet::packet;
use crate::schedule::{ScheduleRow, schedule};
use crate::stamp::Stamp;
use crate::wording;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};
use std::time::Duration;

pub(super) fn retransmissions(out: &mut String, cell: &JudgedCell) -> Result {
    let Some(title) = wording::retransmissions(&cell.observed.retransmissions) else {
        return Ok(());
    };
    writeln!(out, "## Sent again\n\nBy the client: {title}.\n")?;
    let Some(schedule) = schedule(cell) else {
        return Ok(());
    };
    let beside = schedule.rows.iter().any(|row| row.article.is_some());
    if beside {
        writeln!(
            out,
            "Beside it, the trace that the article prints (minutes:seconds of its tcpdump; an older kernel, which had no \
             tail-loss probe): compare the shapes, not the constants.\n"
        )?;
    }
    let (titles, aligned) = if beside {
        (" article: printed | gap |", "--:|--:|")
    } else {
        ("", "")
    };
    writeln!(out, "| | packet | at | gap |{titles}\n|---|--:|--:|--:|{aligned}")?;
    for row in &schedule.rows {
        write!(out, "{}", own(row))?;
        if beside {
            let printed = row.article.map_or(wording::NOTHING, |article| article.printed);
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

fn own(row: &ScheduleRow) -> String {
    let what = match row.number {
        1 => "first sent".to_owned(),
        number => format!("again {}", number - 1),
    };
    let nothing = || wording::NOTHING.to_owned();
    let packet = row.sent.map_or_else(nothing, |sent| sent.packet.to_string());
    let at = row.sent.map_or_else(nothing, |sent| Stamp(sent.at).to_string());
    format!(
        "| {what} | {packet} | {at} | {} |",
        gap(row.sent.and_then(|sent| sent.gap))
    )
}

fn gap(gap: Option<Duration>) -> String {
    gap.map_or_else(|| wording::NOTHING.to_owned(), |gap| Human(gap).to_string())
}
