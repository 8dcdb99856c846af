//! What a client feels of a procedure, measured from its cell.

use super::Client;
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::plan::Phase;
use lvs_matrix_model::record::{CellRecord, EventRole};
use lvs_matrix_model::verdict::{Behaviour, JudgedCell, ObservedError, errno_name};
use std::fmt;
use std::time::Duration;

/// How badly a client is hurt, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// Every operation is answered within patience.
    None,
    /// Its connection was ended while it had nothing to ask: it must connect anew, and nothing is lost.
    Reconnects,
    /// An operation fails within patience.
    Fails,
    /// Work that was begun is lost: a transaction, or the answer of a statement that was under way.
    Loses,
    /// It is left waiting beyond patience.
    Waits,
    /// It is not known.
    Unknown,
}

/// What a client feels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feel {
    /// How badly it is hurt.
    pub harm: Harm,
    /// The longest time for which one of its operations waited beyond what a healthy server takes, from when
    /// the operator began.
    pub worst: Duration,
    /// Was one of them still waiting at the end of the observation?
    pub endless: bool,
    /// The error of the operation that was judged.
    pub error: Option<String>,
    /// Sessions that the client has lost and a real server still holds.
    pub orphans: usize,
    /// Why it is not known.
    pub unknown: Option<String>,
}

impl Feel {
    /// Of a cell in which this client was judged.
    #[must_use]
    pub fn of(cell: &JudgedCell, client: Client) -> Self {
        let observed = &cell.observed;
        let patience = cell.record.plan.observe.patience;
        let (worst, endless) = worst_wait(&cell.record);
        let mut feel = Self {
            harm: Harm::None,
            worst,
            endless,
            error: observed.error.as_ref().map(error_in_words),
            orphans: observed.orphaned_sessions.len(),
            unknown: None,
        };
        let connects = observed
            .operation
            .as_ref()
            .is_some_and(|operation| operation.what == "connect");
        feel.harm = match &observed.behaviour {
            Behaviour::Answered { .. } if worst > patience || endless => Harm::Waits,
            Behaviour::Answered { .. } => Harm::None,
            Behaviour::Hung { .. } => Harm::Waits,
            Behaviour::FailedFast { .. } if worst > patience || endless => Harm::Waits,
            Behaviour::FailedFast { .. } => match client {
                Client::Transaction | Client::InFlight => Harm::Loses,
                Client::Idle | Client::New | Client::Pool if !connects && ended_before(cell) => {
                    Harm::Reconnects
                }
                Client::Idle | Client::New | Client::Pool => Harm::Fails,
            },
            Behaviour::Undetermined { reasons } => {
                feel.unknown = reasons.first().map(ToString::to_string);
                Harm::Unknown
            }
        };
        feel
    }

    /// Is nobody hurt: neither the client, nor the server by what it still holds?
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        self.harm <= Harm::Reconnects && self.orphans == 0
    }

    /// Is it better than this?
    #[must_use]
    pub fn is_better_than(&self, other: &Self) -> bool {
        if self.harm == Harm::Unknown || other.harm == Harm::Unknown {
            return false;
        }
        let rank = |feel: &Self| (feel.harm, feel.orphans.min(1));
        rank(self) < rank(other)
            || self.harm == Harm::Waits
                && other.harm == Harm::Waits
                && (other.endless && !self.endless || self.worst * 2 <= other.worst)
    }
}

/// Was the connection ended before the operation asked for anything?
fn ended_before(cell: &JudgedCell) -> bool {
    let observed = &cell.observed;
    observed.operation.as_ref().is_some_and(|operation| {
        let ended = observed.terminators.iter();
        ended
            .filter(|terminator| terminator.kind.closes())
            .any(|terminator| terminator.at <= operation.began)
    })
}

/// The longest wait of any operation that was not over when the operator began, and whether one did not end.
fn worst_wait(record: &CellRecord) -> (Duration, bool) {
    let begins = |phase| {
        let step = record.steps.iter().find(|step| step.phase == phase);
        step.and_then(|step| step.began)
    };
    let Some(change) = begins(Phase::Change) else {
        return (Duration::ZERO, false);
    };
    let mut worst = Duration::ZERO;
    let mut endless = false;
    let begun = record
        .client_events
        .iter()
        .filter(|event| event.kind.role() == EventRole::Begins);
    for event in begun {
        let takes = record
            .start_of(event.operation)
            .map_or(Duration::ZERO, |(_, action)| action.own_time());
        let due: Instant = event.at.plus(takes).max(change);
        let Some(end) = record.end_of(event.operation) else {
            continue;
        };
        if end.at > due {
            worst = worst.max(end.at.since(due));
        }
        endless |= end.kind.role() == EventRole::Waits;
    }
    (worst, endless)
}

/// `2013`, `ECONNRESET`, `1205`: the shortest that tells.
fn error_in_words(error: &ObservedError) -> String {
    if let Some(code) = error.classic.or(error.server) {
        return code.to_string();
    }
    match error.errno {
        Some(errno) => errno_name(errno).map_or_else(|| errno.to_string(), str::to_owned),
        None if error.closed => "closed".to_owned(),
        None => "error".to_owned(),
    }
}

impl fmt::Display for Feel {
    /// As short as a table needs it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.error.as_deref().unwrap_or("answer");
        match self.harm {
            Harm::None => f.write_str("ok")?,
            Harm::Reconnects => write!(f, "reconnects")?,
            Harm::Fails => write!(f, "{error} at once")?,
            Harm::Loses => write!(f, "lost, {error}")?,
            Harm::Waits if self.endless => f.write_str("waits, no end")?,
            Harm::Waits => write!(f, "{}, {error}", rounded(self.worst))?,
            Harm::Unknown => f.write_str("?")?,
        }
        if self.orphans > 0 {
            f.write_str(" *")?;
        }
        Ok(())
    }
}

/// Whole seconds; below ten, tenths.
fn rounded(time: Duration) -> Human {
    let step = if time < Duration::from_secs(10) { 100 } else { 1000 };
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Human(Duration::from_millis((millis + step / 2) / step * step))
}
