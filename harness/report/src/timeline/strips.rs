//! When probes asked, and when nobody answered them: a strip for each, over an axis of its own, which is
//! linear. An outage of two seconds among twenty is a tenth of it.

use super::facts::Facts;
use crate::svg::{Anchor, FONT, Svg, fitted};
use lvs_matrix_language::Language;
use lvs_matrix_model::Name;
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::verdict::{JudgedCell, Outage, Probed};
use std::time::Duration;

/// The heights of the axis with its names, and of a strip.
const HEAD: f64 = 40.0;
const STRIP: f64 = 30.0;
/// From the bottom of a strip to its line.
const BELOW: f64 = 14.0;
/// What is drawn while attempts are answered, and in an outage.
const SERVED: f64 = 4.0;
const LOST: f64 = 12.0;
/// How far apart the marks of the axis may be, in seconds.
const STEPS: [f64; 14] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0,
];
/// So many marks at the most.
const MARKS: f64 = 8.0;

/// The strips of a cell.
pub(super) struct Strips<'c> {
    strips: Vec<Strip<'c>>,
    /// The steps by others than the client.
    steps: Vec<Instant>,
    end: Instant,
}

struct Strip<'c> {
    name: &'c Name,
    first: Instant,
    outages: &'c [Outage],
    longest: Option<&'c Outage>,
}

impl<'c> Strips<'c> {
    pub(super) fn of(cell: &'c JudgedCell, facts: &Facts) -> Self {
        let strip = |probed: &'c Probed| {
            let mut records = cell.record.probes.iter();
            let record = records.find(|record| record.probe == probed.probe)?;
            Some(Strip {
                name: &probed.probe,
                first: record.attempts.first()?.began,
                outages: &probed.outages,
                longest: probed.longest(),
            })
        };
        let changes = facts.changes.iter();
        Self {
            strips: cell.observed.probed.iter().filter_map(strip).collect(),
            steps: changes
                .map(|change| Instant(facts.zero.0.saturating_add(change.at)))
                .collect(),
            end: cell.record.ended,
        }
    }

    pub(super) fn height(&self) -> f64 {
        match self.strips.len() {
            0 => 0.0,
            count => HEAD + STRIP * f64::from(u32::try_from(count).unwrap_or(u32::MAX)),
        }
    }

    pub(super) fn draw(&self, words: Language, svg: &mut Svg, (left, right): (f64, f64), top: f64) {
        let whole = seconds(self.end);
        if self.strips.is_empty() || whole <= 0.0 {
            return;
        }
        let x = |at: f64| left + (right - left) * (at / whole).clamp(0.0, 1.0);
        let (head, bottom) = (top + HEAD, top + self.height());
        svg.text(
            "lm-small",
            Anchor::Start,
            (left, top + 12.0),
            words.since_cell_began(),
        );
        let fits = STEPS.into_iter().find(|step| whole / step <= MARKS);
        let step = fits.unwrap_or(whole);
        let marks = std::iter::successors(Some(0.0), |at| Some(at + step));
        for at in marks.take_while(|at| *at <= whole) {
            svg.line("lm-grid", (x(at), head - 4.0), (x(at), bottom));
            let name = Human(Duration::from_secs_f64(at)).to_string();
            let name = if at > 0.0 { name } else { "0".to_owned() };
            svg.text("lm-muted", Anchor::Middle, (x(at), head - 8.0), &name);
        }
        for step in &self.steps {
            let at = x(seconds(*step));
            svg.line("lm-step", (at, head - 4.0), (at, bottom));
        }
        for (strip, count) in self.strips.iter().zip(1_u32..) {
            let y = head + STRIP * f64::from(count) - BELOW;
            let name = fitted(&words.track_probe(strip.name), FONT, left - 18.0);
            svg.text("lm-muted", Anchor::End, (left - 14.0, y + 4.0), &name);
            let mut bar = |class, from: Instant, to: Instant, height: f64| {
                let (from, to) = (x(seconds(from)), x(seconds(to)));
                svg.rect(class, (from, y - height / 2.0), ((to - from).max(1.5), height));
            };
            bar("lm-served", strip.first, self.end, SERVED);
            for outage in strip.outages {
                bar("lm-outage", outage.from, outage.to, LOST);
            }
            if let Some(longest) = strip.longest {
                let text = Human(longest.lasted()).to_string();
                let at = (x(seconds(longest.from)), y - LOST / 2.0 - 2.0);
                svg.text("lm-text", Anchor::Start, at, &text);
            }
        }
    }
}

/// Seconds since the cell's epoch.
fn seconds(at: Instant) -> f64 {
    at.since(Instant(0)).as_secs_f64()
}
