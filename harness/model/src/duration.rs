//! Durations and instants as records keep them: whole nanoseconds, so that the same record reads the same
//! everywhere.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A moment on the cell's clock (the kernel under test's `CLOCK_REALTIME`), in nanoseconds since the cell's
/// epoch: the moment at which its lab was ready and the first step was about to begin. Negative before that.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Instant(pub i64);

impl Instant {
    /// The time from `earlier` to `self`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// `self` moved later by `by`.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)),
        )
    }
}

/// Durations are written for people in one place, rounded to what can be told apart on a noisy machine: below
/// a second in milliseconds, below a minute with two decimals, above in units (`15m32s`, `6h`). Reports use
/// nothing else, so they can be compared from run to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Human(pub Duration);

impl Human {
    /// Reads what [`Display`](fmt::Display) writes: a time that is written the same. What was lost when it
    /// was rounded is lost: `<1ms` is read as half a millisecond. `None` for other texts.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let nanos = |number: &str, unit: f64| {
            let number: f64 = number.parse().ok()?;
            (0.0..1e6)
                .contains(&number)
                .then(|| Duration::from_secs_f64(number * unit))
        };
        let mut time = Duration::ZERO;
        let mut rest = text;
        if text == "<1ms" {
            (time, rest) = (Duration::from_micros(500), "");
        } else if let Some(number) = text.strip_suffix("ms") {
            (time, rest) = (nanos(number, 1e-3)?, "");
        }
        for (unit, seconds) in [('h', 3600.0), ('m', 60.0), ('s', 1.0)] {
            if let Some((number, after)) = rest.split_once(unit) {
                time = time.checked_add(nanos(number, seconds)?)?;
                rest = after;
            }
        }
        Some(Self(time)).filter(|read| read.to_string() == text)
    }
}

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos < 999_500 {
            return f.write_str(if nanos == 0 { "0s" } else { "<1ms" });
        }
        if nanos < 999_500_000 {
            return write!(f, "{}ms", (nanos + 500_000) / 1_000_000);
        }
        if nanos < 59_995_000_000 {
            let hundredths = (nanos + 5_000_000) / 10_000_000;
            return match (hundredths / 100, hundredths % 100) {
                (whole, 0) => write!(f, "{whole}s"),
                (whole, part) if part % 10 == 0 => write!(f, "{whole}.{}s", part / 10),
                (whole, part) => write!(f, "{whole}.{part:02}s"),
            };
        }
        let seconds = (nanos + 500_000_000) / 1_000_000_000;
        let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let mut written = false;
        for (amount, unit) in [(hours, 'h'), (minutes, 'm'), (rest, 's')] {
            if amount > 0 {
                write!(f, "{amount}{unit}")?;
                written = true;
            }
        }
        if written { Ok(()) } else { f.write_str("0s") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_in_one_way() {
        for (nanos, text) in [
            (0, "0s"),
            (999, "<1ms"),
            (1_499_999, "1ms"),
            (999_400_000, "999ms"),
            (999_600_000, "1s"),
            (1_500_000_000, "1.5s"),
            (3_054_000_000, "3.05s"),
            (59_996_000_000, "1m"),
            (325_570_000_000, "5m26s"),
            (21_600_000_000_000, "6h"),
            (3_725_000_000_000, "1h2m5s"),
        ] {
            assert_eq!(Human(Duration::from_nanos(nanos)).to_string(), text, "{nanos} ns");
            let read = Human::read(text).map(|read| read.to_string());
            assert_eq!(read.as_deref(), Some(text), "read back");
        }
        for other in [
            "", "s", "1", "1500ms", "61s", "1m 2s", "-1s", "1e3s", "infs", "NaNs", "soon",
        ] {
            assert_eq!(Human::read(other), None, "{other}");
        }
    }
}
