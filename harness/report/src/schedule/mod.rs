//! The retransmission schedule: when the client sent its statement again, beside the times that the article
//! prints.

mod article;
mod plot;

pub use plot::schedule_svg;

use crate::packet::packet;
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::verdict::{Behaviour, JudgedCell};
use std::time::Duration;

/// Sendings of one segment, and the article's beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The segment's payload in bytes; 0 for a SYN.
    pub payload_length: u32,
    /// The first sending, then each repetition.
    pub rows: Vec<ScheduleRow>,
}

/// So many rows of a schedule are all printed: more than TCP's patience with one segment has by default.
const ROWS: usize = 40;
/// Of more, so many from its beginning and from its end.
const BEGINNING: usize = 24;
const END: usize = 4;

impl Schedule {
    /// The rows that a table shows: those of the beginning, how many are left out, and those of the end.
    pub(crate) fn shown(&self) -> (&[ScheduleRow], usize, &[ScheduleRow]) {
        if self.rows.len() <= ROWS {
            return (&self.rows, 0, &[]);
        }
        let (beginning, rest) = self.rows.split_at(BEGINNING);
        let (left_out, end) = rest.split_at(rest.len() - END);
        (beginning, left_out.len(), end)
    }
}

/// The sendings with the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRow {
    /// 1 for the first sending.
    pub number: usize,
    /// The cell's; `None` if it has fewer than the article.
    pub sent: Option<Sending>,
    /// The article's; `None` if it has fewer than the cell, if the cell did not hang, and for a SYN, which
    /// follows another schedule than what the article prints.
    pub article: Option<ArticleSending>,
}

/// A sending in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sending {
    /// The packet's number in the capture.
    pub packet: u32,
    /// When.
    pub at: Instant,
    /// The time since the first sending.
    pub since_first: Duration,
    /// The time since the sending before; `None` for the first.
    pub gap: Option<Duration>,
}

/// A sending as the article prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArticleSending {
    /// Its time as printed, without the hour: `20:22.310061`.
    pub printed: &'static str,
    /// The time since the first sending.
    pub since_first: Duration,
    /// The time since the sending before; `None` for the first.
    pub gap: Option<Duration>,
}

/// The schedule of the segment that the client sent again most often during the operation; `None` if it sent
/// nothing again, or if the packets that show it are not at hand.
#[must_use]
pub fn schedule(cell: &JudgedCell) -> Option<Schedule> {
    let repeated = &cell.observed.retransmissions;
    let times: Vec<(u32, Instant)> = repeated
        .packets
        .iter()
        .filter_map(|number| Some((*number, packet(cell, *number)?.at)))
        .collect();
    let first = times.first().filter(|_| times.len() > 1)?.1;
    let hung = matches!(cell.observed.behaviour, Behaviour::Hung { .. });
    let article = if hung && repeated.payload_length > 0 {
        article::sendings()
    } else {
        Vec::new()
    };
    let before = std::iter::once(None).chain(times.iter().map(|(_, at)| Some(*at)));
    let mut sent = times.iter().zip(before).map(|((packet, at), before)| Sending {
        packet: *packet,
        at: *at,
        since_first: at.since(first),
        gap: before.map(|before| at.since(before)),
    });
    let mut article = article.into_iter();
    let mut rows = Vec::new();
    loop {
        let row = ScheduleRow {
            number: rows.len() + 1,
            sent: sent.next(),
            article: article.next(),
        };
        if row.sent.is_none() && row.article.is_none() {
            break;
        }
        rows.push(row);
    }
    Some(Schedule {
        payload_length: repeated.payload_length,
        rows,
    })
}
