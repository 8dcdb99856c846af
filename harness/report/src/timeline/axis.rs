//! The axis of time lines. It is logarithmic on both sides of zero, the moment from which the operation
//! waits, and linear within 100 µs of it: microseconds of a refusal and hours of a hang can be read off the
//! same picture.

use crate::svg::{Anchor, SMALL, Svg, width_of};
use lvs_matrix_model::duration::Human;
use std::time::Duration;

/// Below, the axis is as good as linear: the time that a frame takes on the lab's link.
const LINEAR: f64 = 100_000.0;
/// The time before zero takes at most this part of the axis: what matters comes after.
const MOST_BEFORE: f64 = 0.25;

/// A time relative to an axis's zero, in nanoseconds.
pub(super) type Relative = i64;

/// Places times between two edges.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    left: f64,
    right: f64,
    zero: f64,
    /// Pixels for each decade before and after zero.
    before: f64,
    after: f64,
    range: (Relative, Relative),
}

fn decades(time: Relative) -> f64 {
    // The precision of an f64 is far beyond that of a pixel.
    #[expect(clippy::cast_precision_loss, reason = "a coordinate")]
    let nanos = time.unsigned_abs() as f64;
    (1.0 + nanos / LINEAR).log10()
}

impl Axis {
    /// An axis from `left` to `right` that holds all of `times`, and zero and a millisecond whatever they
    /// are.
    pub(super) fn new(left: f64, right: f64, times: impl Iterator<Item = Relative>) -> Self {
        let range = times.fold((0, 1_000_000), |(least, most): (Relative, Relative), time| {
            (least.min(time), most.max(time))
        });
        let (before, after) = (decades(range.0), decades(range.1));
        let width = right - left;
        let part = (before / (before + after)).min(MOST_BEFORE);
        Self {
            left,
            right,
            zero: left + width * part,
            before: if before > 0.0 { width * part / before } else { 0.0 },
            after: width * (1.0 - part) / after,
            range,
        }
    }

    pub(super) fn x(&self, time: Relative) -> f64 {
        let time = time.clamp(self.range.0, self.range.1);
        if time < 0 {
            self.zero - self.before * decades(time)
        } else {
            self.zero + self.after * decades(time)
        }
    }

    pub(super) fn left(&self) -> f64 {
        self.left
    }

    pub(super) fn right(&self) -> f64 {
        self.right
    }

    /// Draws a line for each round time that has room for its name, from `top` to `bottom`, with the names
    /// above `top`, and below `bottom` if asked.
    pub(super) fn draw(&self, svg: &mut Svg, top: f64, bottom: f64, names_below: bool) {
        let mut taken: Vec<(f64, f64)> = Vec::new();
        for time in ROUND {
            for sign in [1, -1] {
                let time = time * sign;
                let x = self.x(time);
                let name = name(time);
                let half = width_of(&name, SMALL) / 2.0 + 5.0;
                let free = taken
                    .iter()
                    .all(|(left, right)| x + half <= *left || *right <= x - half);
                if (self.range.0..=self.range.1).contains(&time) && free {
                    taken.push((x - half, x + half));
                    let class = if time == 0 { "lm-zero" } else { "lm-grid" };
                    svg.line(class, (x, top), (x, bottom));
                    svg.text("lm-small", Anchor::Middle, (x, top - 5.0), &name);
                    if names_below {
                        svg.text("lm-small", Anchor::Middle, (x, bottom + 12.0), &name);
                    }
                }
            }
        }
    }
}

/// Round times in the order in which they are given room.
const ROUND: [Relative; 12] = [
    0,
    1_000_000_000,
    60_000_000_000,
    1_000_000,
    600_000_000_000,
    3_600_000_000_000,
    10_000_000_000,
    100_000_000,
    10_000_000,
    86_400_000_000_000,
    21_600_000_000_000,
    200_000,
];

fn name(time: Relative) -> String {
    let length = Duration::from_nanos(time.unsigned_abs());
    let text = match length.as_micros() {
        0 => "0".to_owned(),
        micros @ 1..1000 => format!("{micros}µs"),
        _ => Human(length).to_string(),
    };
    if time < 0 { format!("−{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_order_and_stay_within_the_edges() {
        let hour = 3_600_000_000_000;
        let axis = Axis::new(100.0, 500.0, [-hour, 6 * hour].into_iter());
        let times = [
            -hour,
            -60_000_000_000,
            -1_000,
            0,
            300_000,
            1_000_000,
            5_000_000_000,
            hour,
            6 * hour,
        ];
        let places: Vec<f64> = times.iter().map(|time| axis.x(*time)).collect();
        assert!(places.is_sorted_by(|one, other| one < other), "{places:?}");
        assert!(
            (places[0] - 100.0).abs() < 0.001 && (places[8] - 500.0).abs() < 0.001,
            "{places:?}"
        );
        // What is beyond is at the edge, and a quarter at most lies before zero.
        assert!((axis.x(i64::MIN) - 100.0).abs() < 0.001 && (axis.x(i64::MAX) - 500.0).abs() < 0.001);
        assert!(axis.x(0) <= 200.001);
    }

    #[test]
    fn without_a_past_zero_is_the_left_edge() {
        let axis = Axis::new(0.0, 100.0, std::iter::empty());
        assert!(axis.x(0).abs() < 0.001 && (axis.x(1_000_000) - 100.0).abs() < 0.001);
    }
}
