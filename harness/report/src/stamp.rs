//! Moments of a cell as reports write them: relative to the beginning of its `act` phase.

use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::plan::Phase;
use lvs_matrix_model::record::CellRecord;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt;
use std::time::Duration;

/// The moment from which a cell's times are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    at: Instant,
    is_act: bool,
}

impl Origin {
    /// The beginning of the first step of the `act` phase; the cell's epoch if it was not reached.
    pub(crate) fn of(record: &CellRecord) -> Self {
        let act = record
            .steps
            .iter()
            .filter(|step| step.phase == Phase::Act)
            .find_map(|step| step.began);
        Self {
            at: act.unwrap_or_default(),
            is_act: act.is_some(),
        }
    }

    /// What the times count from, for a heading.
    pub(crate) fn name(self) -> &'static str {
        if self.is_act {
            "the beginning of the act phase"
        } else {
            "the moment the lab was ready"
        }
    }

    /// `at` as counted from here.
    pub(crate) fn stamp(self, at: Instant) -> Stamp {
        Stamp(at.0.saturating_sub(self.at.0))
    }
}

/// `+03:25.570`, `-00:00.012`, `+6:00:00.000`: minutes, seconds and milliseconds before or after the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(i64);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = (self.0.unsigned_abs() + 500_000) / 1_000_000;
        let sign = if self.0 < 0 && millis > 0 { '-' } else { '+' };
        let (seconds, millis) = (millis / 1000, millis % 1000);
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 {
            write!(f, "{sign}{hours}:{minutes:02}:{seconds:02}.{millis:03}")
        } else {
            write!(f, "{sign}{minutes:02}:{seconds:02}.{millis:03}")
        }
    }
}

/// How long the classified operation lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Length {
    /// From its beginning to its end, or to the end of the observation.
    pub(crate) time: Duration,
    /// Was it still waiting then?
    pub(crate) open: bool,
}

impl Length {
    /// That of the cell's classified operation; `None` if there was none, or if nothing is known of how it went.
    pub(crate) fn of(cell: &JudgedCell) -> Option<Self> {
        cell.observed.behaviour.name()?;
        let operation = cell.observed.operation.as_ref()?;
        Some(Self {
            time: operation.ended.unwrap_or(cell.record.ended).since(operation.began),
            open: operation.ended.is_none(),
        })
    }
}

/// `15m32s`, or `over 6h` for an operation that was still waiting.
impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.open {
            f.write_str("over ")?;
        }
        Human(self.time).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_have_one_form() {
        for (nanos, text) in [
            (0, "+00:00.000"),
            (-400_000, "+00:00.000"),
            (-12_000_000, "-00:00.012"),
            (325_570_000_000, "+05:25.570"),
            (21_600_000_000_000, "+6:00:00.000"),
        ] {
            assert_eq!(Stamp(nanos).to_string(), text, "{nanos} ns");
        }
    }
}
