//! The ladder as a Mermaid sequence diagram, which GitHub draws in markdown.

use super::journey::{Fate, Journey};
use super::label::{again, note, remarks, text};
use super::lanes::Lanes;
use super::marks::Mark;
use super::row::{Ladder, Row};
use super::rows::ladder;
use crate::escape::{cut, mermaid};
use crate::stamp::Stamp;
use crate::svg::Glyph;
use lvs_matrix_language::{Language, PACKET, phrasing};
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::path::{End, Hop};
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::Write as _;

/// The longest foreign text in it; Mermaid's boxes grow with their text.
const LONGEST: usize = 60;
/// From so many packets on that do not matter, their number is given.
const SHORTENED_FROM: usize = 4;

/// The ladder of a cell as the text of a Mermaid `sequenceDiagram`, without a fence; `None` if nothing
/// happened in the cell that could be drawn. It stays far below what GitHub's Mermaid takes (50,000
/// characters), whatever the cell.
#[must_use]
pub fn ladder_mermaid(words: Language, cell: &JudgedCell) -> Option<String> {
    let ladder = ladder(words, cell)?;
    let lanes = Lanes::of(words, &cell.record.plan, &ladder.rows);
    let mut printer = Printer {
        words,
        cell,
        lanes: &lanes,
        out: String::from("sequenceDiagram\n"),
    };
    printer.print(&ladder);
    Some(printer.out)
}

struct Printer<'a> {
    words: Language,
    cell: &'a JudgedCell,
    lanes: &'a Lanes,
    out: String,
}

impl Printer<'_> {
    fn print(&mut self, ladder: &Ladder<'_>) {
        for (index, lane) in self.lanes.lanes.iter().enumerate() {
            self.line(&format!("participant L{index} as {}", mermaid(&lane.name)));
        }
        let mut rows = ladder.rows.as_slice();
        while let [row, rest @ ..] = rows {
            self.row(row);
            rows = rest;
            let plain = self.plain(row, rest);
            if plain >= SHORTENED_FROM {
                self.over_all(&self.words.all_arrived(self.words.count(plain, PACKET)));
                rows = &rest[plain..];
            }
        }
        for remark in remarks(self.words, ladder, self.lanes).iter().skip(1) {
            self.over_all(remark);
        }
    }

    /// How many packets follow `row` by which the client did something else than what was judged, if nothing
    /// happened to any: a login is told in a line.
    fn plain(&self, row: &Row<'_>, rest: &[Row<'_>]) -> usize {
        let judged = self
            .cell
            .observed
            .operation
            .as_ref()
            .map(|operation| operation.number);
        let begins_another = |mark: &Mark| mark.kind == Glyph::Begun && mark.operation != judged;
        let begins = |row: &Row<'_>| matches!(row, Row::Mark(mark) if begins_another(mark));
        let arrives = |row: &&Row<'_>| matches!(row, Row::Arrow(journey) if journey.fate == Fate::Arrived);
        if judged.is_some() && begins(row) {
            rest.iter().take_while(arrives).count()
        } else {
            0
        }
    }

    /// One statement. Writing into a `String` cannot fail.
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "    {text}");
    }

    fn over_all(&mut self, text: &str) {
        let last = self.lanes.lanes.len().saturating_sub(1);
        self.line(&format!("Note over L0,L{last}: {}", mermaid(text)));
    }

    fn row(&mut self, row: &Row<'_>) {
        match row {
            Row::Phase { at, phase } => self.over_all(
                &self
                    .words
                    .phase_from(phrasing::phase(self.words, phase), Stamp(*at)),
            ),
            Row::Mark(mark) => self.mark(mark),
            Row::Arrow(journey) => self.arrow(journey),
            Row::Again { .. } | Row::Transfer(_) | Row::LeftOut { .. } => {
                self.over_all(&again(self.words, row))
            }
            Row::Silence(length) => self.over_all(&self.words.of_silence(Human(*length))),
        }
    }

    fn mark(&mut self, mark: &Mark) {
        let Some(lane) = self.lanes.lane(mark.host) else {
            return;
        };
        let sign = match mark.kind {
            Glyph::Step => "◆",
            Glyph::FailedStep => "◆ ✗",
            Glyph::Begun => "○",
            Glyph::Answered => "✓",
            Glyph::Error => "✗",
            Glyph::Waiting => "…",
            Glyph::Unknown => "?",
            Glyph::Cross => "×",
        };
        let text = mermaid(&cut(&mark.text, LONGEST));
        self.line(&format!("Note over L{lane}: {sign} {text}"));
    }

    fn arrow(&mut self, journey: &Journey<'_>) {
        let count = journey.hops.len();
        for (index, hop) in journey.hops.iter().enumerate() {
            let (Some(from), Some(to)) = (self.lane(hop.from), self.lane(hop.to)) else {
                self.over_all(&self.words.of_a_stranger(text(self.words, journey)));
                continue;
            };
            let ends_here = index + 1 == count;
            let arrow = match journey.fate {
                Fate::Dropped | Fate::Lost if ends_here => "-x",
                Fate::Unknown if ends_here => "--)",
                Fate::Dropped | Fate::Lost | Fate::Unknown | Fate::Arrived | Fate::TakenByDirector => "->>",
            };
            let mut label = if index == 0 {
                cut(&text(self.words, journey), LONGEST).into_owned()
            } else {
                self.words.passed_on().to_owned()
            };
            if let Some(note) = note(self.words, self.cell, journey).filter(|_| ends_here) {
                label = self.words.noted(label, note);
            }
            let numbers = numbers(hop);
            self.line(&format!("L{from}{arrow}L{to}: {} ({numbers})", mermaid(&label)));
        }
    }

    fn lane(&self, end: Option<End>) -> Option<usize> {
        self.lanes.lane(end?.host)
    }
}

/// The packets that show a hop: `4/5`.
fn numbers(hop: &Hop) -> String {
    let numbers: Vec<String> = hop.ends().map(|packet| packet.number.to_string()).collect();
    numbers.join("/")
}
