//! Arrows: a packet on its way from lane to lane, and what became of it.

use super::{FALL, LABEL, Printer, STAMPS_END};
use crate::ladder::journey::{Fate, Journey, quoted};
use crate::ladder::label::{note, text, tip};
use crate::svg::{Anchor, FONT, Glyph, Px, fitted, width_of};
use lvs_matrix_model::path::{End, Hop};

/// So much of its way a lost frame is drawn.
const LOST_AT: f64 = 0.8;

impl Printer<'_> {
    pub(super) fn arrow(&mut self, journey: &Journey<'_>, top: f64) {
        self.svg
            .group(class(journey), &tip(self.words, self.cell, journey));
        let mut y = top + LABEL;
        let count = journey.hops.len();
        for (index, frame) in journey.hops.iter().enumerate() {
            let ends_here = index + 1 == count;
            self.frame(frame, y, ends_here.then_some(journey.fate));
            y += FALL;
        }
        if let Some(text) = note(self.words, self.cell, journey) {
            self.note(journey, &text, y + 4.0);
        }
        self.label(journey, top + LABEL - 8.0);
        self.svg.end_group();
    }

    fn ends(&self, frame: &Hop) -> (f64, f64) {
        // What the lab does not know comes from beyond the last lane.
        let x = |end: Option<End>| {
            end.and_then(|end| self.lanes.lane(end.host))
                .map_or(self.right() - 12.0, |lane| self.lane(lane))
        };
        (x(frame.from), x(frame.to))
    }

    fn frame(&mut self, frame: &Hop, y: f64, fate: Option<Fate>) {
        let (from, to) = self.ends(frame);
        let lost = fate == Some(Fate::Lost);
        let end = if lost { from + (to - from) * LOST_AT } else { to };
        let right = end > from;
        let slope = FALL / (to - from).abs().max(1.0);
        let y_at = |x: f64| y + (x - from).abs() * slope;
        let mut d = format!("M{} {}", Px(from), Px(y));
        let mut between: Vec<f64> = (0..self.lanes.lanes.len())
            .map(|lane| self.lane(lane))
            .filter(|x| {
                (from.min(to) + 1.0..from.max(to) - 1.0).contains(x)
                    && (*x - from).abs() + 8.0 < (end - from).abs()
            })
            .collect();
        if !right {
            between.reverse();
        }
        // A bridge over each lane that the frame only passes.
        for x in between {
            let (before, after, sweep) = if right {
                (x - 6.0, x + 6.0, 1)
            } else {
                (x + 6.0, x - 6.0, 0)
            };
            d.push_str(&format!(
                "L{} {}A6 6 0 0 {sweep} {} {}",
                Px(before),
                Px(y_at(before)),
                Px(after),
                Px(y_at(after))
            ));
        }
        d.push_str(&format!("L{} {}", Px(end), Px(y_at(end))));
        self.svg.path("lm-way", &d);
        let way = if right { 1.0 } else { -1.0 };
        match fate {
            Some(Fate::Lost | Fate::Dropped) => Glyph::Cross.draw(&mut self.svg, (end, y_at(end)), false),
            Some(Fate::Arrived | Fate::TakenByDirector | Fate::Unknown) | None => {
                let tip = (end - way * 1.0, y_at(end));
                self.svg.path(
                    "lm-tip",
                    &format!("M{} {}l{} -4.5v8z", Px(tip.0), Px(tip.1), Px(-way * 9.0)),
                );
            }
        }
        let anchors = if right {
            (Anchor::Start, Anchor::End)
        } else {
            (Anchor::End, Anchor::Start)
        };
        if let Some(packet) = &frame.sent {
            let at = (from + way * 7.0, y + 12.0);
            self.svg
                .text("lm-small", anchors.0, at, &packet.number.to_string());
        }
        if let Some(packet) = &frame.received {
            let at = (to - way * 9.0, y + FALL + 12.0);
            self.svg
                .text("lm-small", anchors.1, at, &packet.number.to_string());
        }
    }

    /// What became of it, beyond its end.
    fn note(&mut self, journey: &Journey<'_>, text: &str, y: f64) {
        let Some(last) = journey.hops.last() else { return };
        let (from, to) = self.ends(last);
        let end = if journey.fate == Fate::Lost {
            from + (to - from) * LOST_AT
        } else {
            to
        };
        if to >= from {
            let text = fitted(text, FONT, self.right() - 8.0 - end - 12.0);
            self.svg.text("lm-lost", Anchor::Start, (end + 12.0, y), &text);
        } else {
            let text = fitted(text, FONT, end - 12.0 - STAMPS_END - 8.0);
            self.svg.text("lm-lost", Anchor::End, (end - 12.0, y), &text);
        }
    }

    /// In the middle of the first frame if it fits there; else from its left end on.
    fn label(&mut self, journey: &Journey<'_>, y: f64) {
        let Some(first) = journey.hops.first() else {
            return;
        };
        let (from, to) = self.ends(first);
        let (left, right) = (from.min(to), from.max(to));
        let text = text(self.words, journey);
        if width_of(&text, FONT) <= right - left - 16.0 {
            self.svg
                .text("lm-text", Anchor::Middle, ((left + right) / 2.0, y), &text);
        } else {
            let text = fitted(&text, FONT, self.right() - 8.0 - left - 10.0);
            self.svg.text("lm-text", Anchor::Start, (left + 10.0, y), &text);
        }
    }
}

/// The class of a packet's arrow: lost, ending something, or neither.
pub(super) fn class(journey: &Journey<'_>) -> &'static str {
    let ends = journey.segment().map_or_else(
        || journey.packet().and_then(quoted).is_some(),
        |segment| segment.flags.rst || segment.flags.fin,
    );
    match journey.fate {
        Fate::Dropped | Fate::Lost => "lm-lost",
        Fate::Arrived | Fate::TakenByDirector | Fate::Unknown if ends => "lm-end",
        Fate::Arrived | Fate::TakenByDirector | Fate::Unknown => "lm-packet",
    }
}
