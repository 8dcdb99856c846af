//! Folding: what is sent again and again, and long transfers, take a few rows and not hundreds.

use super::journey::{Fate, Host, Journey};
use lvs_matrix_language::Language;
use lvs_matrix_model::capture::Flags;
use lvs_matrix_model::duration::Instant;
use std::time::Duration;

/// A pattern of up to so many packets is found: the client's segment, the server's, and an acknowledgement of
/// each.
const LONGEST_PATTERN: usize = 4;
/// From so many repetitions of a pattern on its middle is folded; fewer take hardly more room than the fold.
const FOLDED_FROM: usize = 5;
/// From so many segments in a row that all arrived a transfer is folded; a login has about ten.
const TRANSFER_FROM: usize = 16;
/// Of a transfer so many are shown at its beginning and at its end.
const SHOWN_OF_TRANSFER: usize = 3;
/// A pause of this length ends a transfer.
const PAUSE: Duration = Duration::from_millis(100);

/// A part of the journeys, in order; nothing is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The journey with this index.
    One(usize),
    /// A pattern that was repeated: these journeys are `times` repetitions of the pattern that the part
    /// before shows.
    Again { from: usize, to: usize, times: usize },
    /// A transfer: these journeys all arrived, one soon after the other.
    Transfer { from: usize, to: usize },
}

/// Folds `journeys`, which follow one another with nothing else between them.
pub(super) fn fold(journeys: &[Journey<'_>]) -> Vec<Part> {
    let shapes: Vec<Shape> = journeys.iter().map(Shape::of).collect();
    let mut parts = Vec::new();
    let mut at = 0;
    while at < journeys.len() {
        if let Some((length, times)) = repeated(&shapes[at..]) {
            // The first two of a segment alone: their gap is what a reader looks for. One of a longer
            // pattern.
            let shown = if length == 1 { 2 } else { 1 };
            let folded = at + shown * length;
            let last = at + (times - 1) * length;
            parts.extend((at..folded).map(Part::One));
            parts.push(Part::Again {
                from: folded,
                to: last,
                times: times - 1 - shown,
            });
            parts.extend((last..last + length).map(Part::One));
            at = last + length;
            continue;
        }
        let length = transfer(&journeys[at..], &shapes[at..]);
        if length >= TRANSFER_FROM {
            let (from, to) = (at + SHOWN_OF_TRANSFER, at + length - SHOWN_OF_TRANSFER);
            parts.extend((at..from).map(Part::One));
            parts.push(Part::Transfer { from, to });
            parts.extend((to..at + length).map(Part::One));
            at += length;
            continue;
        }
        parts.push(Part::One(at));
        at += 1;
    }
    parts
}

/// What makes journeys the same: their content but for time stamps and window, their way and their end.
#[derive(Debug, PartialEq, Eq)]
struct Shape {
    hosts: Vec<Host>,
    fate: Fate,
    /// Sequence number, acknowledgement, payload, flags; what is no segment has its body's text.
    segment: Option<(u32, u32, u32, Flags)>,
    other: String,
}

impl Shape {
    fn of(journey: &Journey<'_>) -> Self {
        let segment = journey.segment();
        Self {
            hosts: journey.hosts().collect(),
            fate: journey.fate,
            segment: segment.map(|segment| {
                (
                    segment.sequence,
                    segment.acknowledgement,
                    segment.payload_length,
                    segment.flags,
                )
            }),
            other: match (segment, journey.packet()) {
                (None, Some(packet)) => super::label::label(Language::English, packet),
                (Some(_) | None, _) => String::new(),
            },
        }
    }

    /// A segment of an established connection that arrived and ends nothing.
    fn is_plain(&self) -> bool {
        let plain = |flags: Flags| !(flags.syn || flags.fin || flags.rst);
        self.fate == Fate::Arrived && self.segment.is_some_and(|(_, _, _, flags)| plain(flags))
    }
}

/// The shortest pattern that `shapes` begins with at least [`FOLDED_FROM`] times: its length, and how often.
fn repeated(shapes: &[Shape]) -> Option<(usize, usize)> {
    (1..=LONGEST_PATTERN).find_map(|length| {
        let pattern = shapes.get(..length)?;
        let times = shapes
            .chunks_exact(length)
            .take_while(|chunk| *chunk == pattern)
            .count();
        (times >= FOLDED_FROM).then_some((length, times))
    })
}

/// How many of the journeys at the beginning are one transfer.
fn transfer(journeys: &[Journey<'_>], shapes: &[Shape]) -> usize {
    let mut last: Option<Instant> = None;
    let mut seen = journeys.iter().zip(shapes).enumerate();
    let end = seen.find(|(at, (journey, shape))| {
        let paused = last.is_some_and(|last| journey.began().since(last) >= PAUSE);
        last = Some(journey.ended());
        !shape.is_plain() || paused || repeated(&shapes[*at..]).is_some()
    });
    end.map_or(journeys.len(), |(at, _)| at)
}
