//! The ladder as SVG.

mod arrow;

use super::journey::Journey;
use super::label::{again, remarks, sums};
use super::lanes::Lanes;
use super::marks::Mark;
use super::row::{Ladder, Row};
use super::rows::ladder;
use crate::stamp::Stamp;
use crate::svg::{Anchor, FONT, Glyph, Px, SMALL, Svg, fitted, wrapped};
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::verdict::{Behaviour, JudgedCell};

/// Where the stamps of the rows end.
const STAMPS_END: f64 = 112.0;
/// The first lane.
const FIRST_LANE: f64 = 146.0;
/// From the last lane to the right edge.
const MARGIN: f64 = 120.0;
/// The names of the lanes.
const HEAD: f64 = 46.0;
/// A line of the remarks below.
const REMARK: f64 = 16.0;
/// How far down a frame goes on its way from lane to lane.
const FALL: f64 = 7.0;
/// From the top of an arrow's row to the beginning of the arrow: its label's room.
const LABEL: f64 = 22.0;

/// The ladder of a cell as SVG, to be put into a page with [`crate::svg_style`] or into a file with
/// [`crate::stand_alone`]; `None` if nothing happened in the cell that could be drawn. It has about 120 rows
/// at most, whatever the cell.
#[must_use]
pub fn ladder_svg(words: Language, cell: &JudgedCell) -> Option<String> {
    let ladder = ladder(words, cell)?;
    let lanes = Lanes::of(words, &cell.record.plan, &ladder.rows);
    Some(Printer::new(words, cell, &ladder, &lanes).print())
}

struct Printer<'a> {
    words: Language,
    cell: &'a JudgedCell,
    ladder: &'a Ladder<'a>,
    lanes: &'a Lanes,
    /// The top of each row, and the bottom of the last.
    tops: Vec<f64>,
    spacing: f64,
    svg: Svg,
}

impl<'a> Printer<'a> {
    fn new(words: Language, cell: &'a JudgedCell, ladder: &'a Ladder<'a>, lanes: &'a Lanes) -> Self {
        let spacing = if lanes.lanes.len() > 4 { 180.0 } else { 220.0 };
        let mut top = HEAD;
        let mut tops = vec![top];
        for row in &ladder.rows {
            top += height(row);
            tops.push(top);
        }
        Self {
            words,
            cell,
            ladder,
            lanes,
            tops,
            spacing,
            svg: Svg::new(0.0, 0.0, "", ""),
        }
    }

    fn lane(&self, lane: usize) -> f64 {
        // No plan has 2^31 hosts.
        FIRST_LANE + self.spacing * f64::from(u32::try_from(lane).unwrap_or(u32::MAX))
    }

    fn right(&self) -> f64 {
        self.lane(self.lanes.lanes.len().saturating_sub(1)) + MARGIN
    }

    fn bottom(&self) -> f64 {
        self.tops.last().copied().unwrap_or(HEAD) + 8.0
    }

    fn print(mut self) -> String {
        let room = self.right() - 16.0;
        let remarks = remarks(self.words, self.ladder, self.lanes);
        let remarks: Vec<String> = remarks
            .iter()
            .flat_map(|remark| wrapped(remark, SMALL, room))
            .collect();
        let lines = f64::from(u32::try_from(remarks.len()).unwrap_or(u32::MAX));
        let (width, bottom) = (self.right(), self.bottom());
        self.svg = Svg::new(
            width,
            bottom + 10.0 + REMARK * lines,
            &self.words.ladder_of(&self.cell.record.plan.cell),
            &self.words.described(
                phrasing::observed(self.words, self.cell),
                sums(self.words, self.ladder),
            ),
        );
        self.heads();
        self.waiting();
        for (row, top) in self.ladder.rows.iter().zip(self.tops.clone()) {
            self.row(row, top);
        }
        for (line, text) in (1_u32..).zip(&remarks) {
            let at = (8.0, bottom + REMARK * f64::from(line));
            self.svg.text("lm-small", Anchor::Start, at, text);
        }
        self.svg.finish()
    }

    fn heads(&mut self) {
        let bottom = self.bottom();
        for (index, lane) in self.lanes.lanes.iter().enumerate() {
            let x = self.lane(index);
            let room = self.spacing - 10.0;
            self.svg.line("lm-lane", (x, HEAD - 6.0), (x, bottom));
            self.svg.text(
                "lm-head",
                Anchor::Middle,
                (x, 18.0),
                &fitted(&lane.name, FONT, room),
            );
            self.svg.text(
                "lm-small",
                Anchor::Middle,
                (x, 33.0),
                &fitted(&lane.address, SMALL, room),
            );
        }
    }

    /// The client's operation that hung.
    fn hung(&self) -> Option<u32> {
        let hung = matches!(self.cell.observed.behaviour, Behaviour::Hung { .. });
        let operation = self.cell.observed.operation.as_ref()?;
        hung.then_some(operation.number)
    }

    /// A bar on the client's lane for each time that it waits.
    fn waiting(&mut self) {
        let hung = self.hung();
        let mut begun: Vec<(Option<u32>, f64)> = Vec::new();
        for (row, top) in self.ladder.rows.iter().zip(self.tops.clone()) {
            let Row::Mark(mark) = row else { continue };
            let y = top + height(row) / 2.0;
            match mark.kind {
                Glyph::Begun => begun.push((mark.operation, y)),
                Glyph::Answered | Glyph::Error | Glyph::Waiting => {
                    let Some(at) = begun
                        .iter()
                        .position(|(operation, _)| *operation == mark.operation)
                    else {
                        continue;
                    };
                    let (operation, from) = begun.remove(at);
                    let class = if operation.is_some() && operation == hung {
                        "lm-wait-hang"
                    } else {
                        "lm-wait"
                    };
                    let Some(lane) = self.lanes.lane(mark.host) else {
                        continue;
                    };
                    let x = self.lane(lane);
                    self.svg.line(class, (x, from), (x, y));
                }
                Glyph::Step | Glyph::FailedStep | Glyph::Unknown | Glyph::Cross => {}
            }
        }
    }

    fn row(&mut self, row: &Row<'_>, top: f64) {
        match row {
            Row::Phase { phase, .. } => {
                let y = top + height(row) / 2.0;
                self.svg.line("lm-phase", (8.0, y), (self.right() - 8.0, y));
                self.svg.text(
                    "lm-muted",
                    Anchor::Start,
                    (8.0, y + 4.0),
                    &phrasing::phase(self.words, phase),
                );
            }
            Row::Mark(mark) => self.mark(mark, top + height(row) / 2.0),
            Row::Arrow(journey) => {
                self.stamp(Stamp(journey.began()).micros(), top + LABEL);
                self.arrow(journey, top);
            }
            Row::Again { journeys, .. } | Row::Transfer(journeys) => self.folded(row, journeys, top),
            Row::Silence(length) => {
                self.silence(&self.words.of_silence(Human(*length)), top + height(row) / 2.0)
            }
            Row::LeftOut { .. } => {
                self.silence(&again(self.words, row), top + height(row) / 2.0);
            }
        }
    }

    fn stamp(&mut self, text: String, y: f64) {
        self.svg
            .text("lm-muted", Anchor::End, (STAMPS_END, y + 4.0), &text);
    }

    fn mark(&mut self, mark: &Mark, y: f64) {
        let Some(lane) = self.lanes.lane(mark.host) else {
            return;
        };
        let x = self.lane(lane);
        let glyph = mark.kind;
        let hang = mark
            .operation
            .is_some_and(|operation| self.hung() == Some(operation));
        self.stamp(Stamp(mark.at).micros(), y);
        self.svg.group(
            "lm-mark",
            &self.words.mark_at(&mark.place, Stamp(mark.at), &mark.text),
        );
        glyph.draw(&mut self.svg, (x, y), hang);
        let class = if hang && mark.kind != Glyph::Begun {
            "lm-hang"
        } else {
            glyph.class()
        };
        // The text goes where there is more room.
        let (left, right) = (x - FIRST_LANE, self.right() - 8.0 - x);
        if right >= left {
            let text = fitted(&mark.text, FONT, right - 14.0);
            self.svg.text(class, Anchor::Start, (x + 12.0, y + 4.0), &text);
        } else {
            let text = fitted(&mark.text, FONT, left - 14.0);
            self.svg.text(class, Anchor::End, (x - 12.0, y + 4.0), &text);
        }
        self.svg.end_group();
    }

    fn folded(&mut self, row: &Row<'_>, journeys: &[Journey<'_>], top: f64) {
        let y = top + height(row) / 2.0;
        let hosts = journeys.iter().flat_map(|journey| journey.hosts());
        let lanes: Vec<usize> = hosts.filter_map(|host| self.lanes.lane(host)).collect();
        let (Some(first), Some(last)) = (lanes.iter().min(), lanes.iter().max()) else {
            return;
        };
        let (left, right) = (self.lane(*first), self.lane(*last));
        let class = journeys.first().map_or("lm-packet", arrow::class);
        let text = again(self.words, row);
        self.stamp(
            journeys
                .first()
                .map_or_else(String::new, |journey| Stamp(journey.began()).micros()),
            y,
        );
        self.svg.group(class, &text);
        for offset in [-9.0, 9.0] {
            self.svg.line("lm-fold", (left, y + offset), (right, y + offset));
        }
        let text = fitted(&text, FONT, self.right() - 8.0 - left - 10.0);
        self.svg
            .text("lm-text", Anchor::Start, (left + 10.0, y + 4.0), &text);
        self.svg.end_group();
    }

    /// Time is not to scale: where it passes without a packet the lanes are broken.
    fn silence(&mut self, text: &str, y: f64) {
        for index in 0..self.lanes.lanes.len() {
            let x = self.lane(index);
            self.svg.rect("lm-paper", (x - 4.0, y - 6.0), (8.0, 12.0));
            self.svg.path(
                "lm-gap",
                &format!("M{} {}l5 3 -10 3 10 3 -5 3", Px(x), Px(y - 6.0)),
            );
        }
        let x = FIRST_LANE + 14.0;
        let text = fitted(text, FONT, self.right() - 8.0 - x);
        self.svg.text("lm-muted", Anchor::Start, (x, y + 4.0), &text);
    }
}

fn height(row: &Row<'_>) -> f64 {
    match row {
        Row::Phase { .. } => 22.0,
        Row::Mark(_) => 26.0,
        Row::Arrow(journey) => {
            let frames = f64::from(u32::try_from(journey.hops.len()).unwrap_or(u32::MAX));
            LABEL + FALL * frames + 15.0
        }
        Row::Again { .. } | Row::Transfer(_) => 30.0,
        Row::Silence(_) | Row::LeftOut { .. } => 24.0,
    }
}
