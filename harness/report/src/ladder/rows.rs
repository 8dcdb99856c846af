//! The rows of a ladder, from top to bottom: the one layout of both printers.

use super::fold::{Part, fold};
use super::journey::Journey;
use super::marks::{events, phases, steps};
use super::row::{Ladder, Row};
use super::select::select;
use crate::svg::Glyph;
use lvs_matrix_language::Language;
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::verdict::JudgedCell;
use std::time::Duration;

/// A pause from this length on is drawn as one. Below are the round trips of the lab.
const PAUSE: Duration = Duration::from_millis(100);
/// No ladder has more rows than about this.
pub(super) const MAX_ROWS: usize = 120;
/// Of a ladder with more, so many are drawn before what is left out, and the rest after it.
const SHOWN_BEFORE: usize = 70;

/// The ladder of a cell; `None` if nothing happened in it that could be drawn.
pub(super) fn ladder(words: Language, cell: &JudgedCell) -> Option<Ladder<'_>> {
    let selection = select(cell);
    let rows = bounded(with_silence(folded(in_order(words, cell, selection.journeys))));
    let drawn = |row: &Row<'_>| matches!(row, Row::Mark(_)) || !row.journeys().is_empty();
    rows.iter().any(drawn).then_some(Ladder {
        rows,
        other_connections: selection.other_connections,
    })
}

/// All in the order of time. At the same moment a phase comes first, then a step, what the client begins,
/// what was on the wire then, and at last what the client made of it.
fn in_order<'a>(words: Language, cell: &JudgedCell, journeys: Vec<Journey<'a>>) -> Vec<Row<'a>> {
    let record = &cell.record;
    let mut rows: Vec<(Instant, u8, Row<'a>)> = Vec::new();
    rows.extend(
        phases(record)
            .into_iter()
            .map(|(at, phase)| (at, 0, Row::Phase { at, phase })),
    );
    for mark in steps(words, record).into_iter().chain(events(words, cell)) {
        let rank = match mark.kind {
            Glyph::Step | Glyph::FailedStep | Glyph::Unknown | Glyph::Cross => 1,
            Glyph::Begun => 2,
            Glyph::Answered | Glyph::Error | Glyph::Waiting => 4,
        };
        rows.push((mark.at, rank, Row::Mark(mark)));
    }
    rows.extend(
        journeys
            .into_iter()
            .map(|journey| (journey.began(), 3, Row::Arrow(journey))),
    );
    // Stable: journeys that began at the same moment stay in the order of the capture.
    rows.sort_by_key(|(at, rank, _)| (*at, *rank));
    rows.into_iter().map(|(_, _, row)| row).collect()
}

fn folded(rows: Vec<Row<'_>>) -> Vec<Row<'_>> {
    let mut out = Vec::with_capacity(rows.len());
    let mut run: Vec<Journey<'_>> = Vec::new();
    for row in rows {
        match row {
            Row::Arrow(journey) => run.push(journey),
            Row::Phase { .. }
            | Row::Mark(_)
            | Row::Again { .. }
            | Row::Transfer(_)
            | Row::Silence(_)
            | Row::LeftOut { .. } => {
                fold_into(&mut out, std::mem::take(&mut run));
                out.push(row);
            }
        }
    }
    fold_into(&mut out, run);
    out
}

fn fold_into<'a>(out: &mut Vec<Row<'a>>, run: Vec<Journey<'a>>) {
    for part in fold(&run) {
        out.push(match part {
            Part::One(at) => Row::Arrow(run[at].clone()),
            Part::Transfer { from, to } => Row::Transfer(run[from..to].to_vec()),
            Part::Again { from, to, times } => Row::Again {
                gaps: gaps(&run, from, to, times),
                journeys: run[from..to].to_vec(),
                times,
            },
        });
    }
}

/// The shortest and the longest time from one repetition to the next, the one before the first folded
/// included.
fn gaps(run: &[Journey<'_>], from: usize, to: usize, times: usize) -> (Duration, Duration) {
    let length = (to - from).checked_div(times).unwrap_or(0);
    let gaps = (from..to)
        .step_by(length.max(1))
        .filter_map(|at| Some(run[at].began().since(run.get(at.checked_sub(length)?)?.began())));
    let (least, most) = gaps.fold((Duration::MAX, Duration::ZERO), |(least, most), gap| {
        (least.min(gap), most.max(gap))
    });
    (least.min(most), most)
}

/// A row for each pause. The pauses before and within a fold are told by its gaps.
fn with_silence(rows: Vec<Row<'_>>) -> Vec<Row<'_>> {
    let mut out: Vec<Row<'_>> = Vec::with_capacity(rows.len() * 2);
    let mut last: Option<Instant> = None;
    for row in rows {
        let pause = last.zip(row.began()).map(|(last, began)| began.since(last));
        if let Some(pause) = pause.filter(|pause| *pause >= PAUSE && !matches!(row, Row::Again { .. })) {
            out.push(Row::Silence(pause));
        }
        last = last.max(row.ended());
        out.push(row);
    }
    out
}

/// Leaves out the middle of what is too long: the beginning shows what was done, the end how it came out.
fn bounded(mut rows: Vec<Row<'_>>) -> Vec<Row<'_>> {
    if rows.len() <= MAX_ROWS {
        return rows;
    }
    let rest = rows.split_off(SHOWN_BEFORE);
    let after = MAX_ROWS - SHOWN_BEFORE;
    let (middle, end) = rest.split_at(rest.len() - after);
    rows.push(Row::LeftOut {
        rows: middle.len(),
        packets: middle.iter().map(|row| row.journeys().len()).sum(),
        from: middle.iter().filter_map(Row::began).min().unwrap_or_default(),
        to: middle.iter().filter_map(Row::ended).max().unwrap_or_default(),
    });
    rows.extend_from_slice(end);
    rows
}
