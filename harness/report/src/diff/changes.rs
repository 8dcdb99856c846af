//! In what a cell of two runs differs, and from when on a time does.

use lvs_matrix_language::{Language, Length, phrasing};
use lvs_matrix_model::verdict::JudgedCell;
use std::time::Duration;

/// From which difference on a time counts as changed: it must be beyond both.
///
/// Runs of one kernel on one machine differ by some 10 µs, since the clock is virtual. The default leaves
/// room for what is no change of behaviour: two ticks of the guest's timer (HZ=100), and 5 %, because a first
/// retransmission that is one tick later (210 or 220 ms) makes each of the gaps that double from it later by
/// as much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Of the longer of both times, in percent.
    pub percent: f64,
    /// At least this long.
    pub least: Duration,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            percent: 5.0,
            least: Duration::from_millis(20),
        }
    }
}

impl Tolerance {
    fn admits(self, a: Duration, b: Duration) -> bool {
        let difference = a.abs_diff(b);
        difference <= self.least || difference.as_secs_f64() * 100.0 <= self.percent * a.max(b).as_secs_f64()
    }
}

/// What a cell was compared in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// The behaviour, for a hang with its end.
    Behaviour,
    /// The client's error code and errno.
    Error,
    /// Who ended or refused the connection, and how.
    EndedBy,
    /// How long the operation took.
    Time,
    /// The verdict.
    Verdict,
    /// What the scenario expects; listed beside a change, no change by itself.
    Expected,
}

impl Aspect {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Behaviour => "behaviour",
            Self::Error => "error",
            Self::EndedBy => "ended by",
            Self::Time => "time",
            Self::Verdict => "verdict",
            Self::Expected => "expected",
        }
    }
}

/// One thing that is another in the second run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) what: Aspect,
    pub(super) a: String,
    pub(super) b: String,
    /// Of times: by how much (`+2m, +12.5%`).
    pub(super) by: Option<String>,
}

/// What is another in the second run's cell.
pub(crate) fn changes(a: &JudgedCell, b: &JudgedCell, tolerance: Tolerance) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut compare = |what, of: fn(&JudgedCell) -> String| {
        let (a, b) = (of(a), of(b));
        if a != b {
            changes.push(Change { what, a, b, by: None });
        }
    };
    compare(Aspect::Behaviour, |cell| {
        phrasing::behaviour(Language::English, &cell.observed.behaviour)
    });
    compare(Aspect::Error, |cell| {
        let error = cell.observed.error.as_ref();
        error.map_or_else(
            || phrasing::NOTHING.to_owned(),
            |error| phrasing::error_code(Language::English, error),
        )
    });
    compare(Aspect::EndedBy, ended_by);
    compare(Aspect::Verdict, |cell| {
        phrasing::verdict(Language::English, &cell.verdict).to_owned()
    });
    changes.extend(time(a, b, tolerance));
    let expected = |cell: &JudgedCell| phrasing::expected(Language::English, &cell.record.plan.expected);
    if !changes.is_empty() && expected(a) != expected(b) {
        changes.push(Change {
            what: Aspect::Expected,
            a: expected(a),
            b: expected(b),
            by: None,
        });
    }
    changes
}

/// Each kind once: how often a host repeats its RST is a matter of what else was on its way.
pub(super) fn ended_by(cell: &JudgedCell) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for one in &cell.observed.terminators {
        let kind = phrasing::terminator(Language::English, one);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    phrasing::or_nothing(kinds.join(", "))
}

fn time(a: &JudgedCell, b: &JudgedCell, tolerance: Tolerance) -> Option<Change> {
    let (a, b) = (Length::of(a)?, Length::of(b)?);
    if a.open == b.open && tolerance.admits(a.time, b.time) {
        return None;
    }
    let sign = if b.time < a.time { '−' } else { '+' };
    let difference = a.time.abs_diff(b.time);
    let share = difference.as_secs_f64() * 100.0 / a.time.as_secs_f64();
    let percent = if share.is_finite() && share < 1000.0 {
        format!(", {sign}{share:.1} %")
    } else {
        String::new()
    };
    Some(Change {
        what: Aspect::Time,
        a: phrasing::length(Language::English, a),
        b: phrasing::length(Language::English, b),
        by: Some(format!(
            "{sign}{}{percent}",
            lvs_matrix_model::duration::Human(difference)
        )),
    })
}
