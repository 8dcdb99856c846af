//! Moments of a cell as reports write them.

use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::plan::Phase;
use lvs_matrix_model::record::CellRecord;
use std::fmt;

/// `+03:25.570`, `-00:00.012`, `+6:00:00.000`: minutes, seconds and milliseconds after or before the moment
/// the lab was ready, from which every moment of a cell counts in records, evidence and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(pub(crate) Instant);

impl Stamp {
    /// With microseconds, as tcpdump has them: `+03:25.570042`.
    pub(crate) fn micros(self) -> String {
        self.text(1_000, 6)
    }

    fn text(self, unit: u64, digits: usize) -> String {
        let units = (self.0.0.unsigned_abs() + unit / 2) / unit;
        let sign = if self.0.0 < 0 && units > 0 { '-' } else { '+' };
        let in_a_second = 1_000_000_000 / unit;
        let (seconds, part) = (units / in_a_second, units % in_a_second);
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 {
            format!("{sign}{hours}:{minutes:02}:{seconds:02}.{part:0digits$}")
        } else {
            format!("{sign}{minutes:02}:{seconds:02}.{part:0digits$}")
        }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(1_000_000, 3))
    }
}

/// When the first step of the `act` phase began; `None` if it was not reached.
pub(crate) fn act(record: &CellRecord) -> Option<Instant> {
    let mut steps = record.steps.iter().filter(|step| step.phase == Phase::Act);
    steps.find_map(|step| step.began)
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
            assert_eq!(Stamp(Instant(nanos)).to_string(), text, "{nanos} ns");
        }
        assert_eq!(Stamp(Instant(-12_345_678)).micros(), "-00:00.012346");
    }
}
