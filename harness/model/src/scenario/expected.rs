//! What a scenario expects of its cells.

use super::place::Position;
use crate::Name;
use crate::base::{CellRef, Line, Lines};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// One expectation of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// Which cells: for each axis named here, the values that match; an axis that is not named matches with
    /// any value.
    pub when: Vec<(Name, Vec<Name>)>,
    /// On which kernels: those of the lines of one of these; none: on any.
    pub kernels: Vec<Lines>,
    /// What is expected of them.
    pub expected: Expected,
    /// Where it stands in the file.
    pub position: Position,
}

impl Expectation {
    /// Does it speak of this cell on a kernel of this line?
    #[must_use]
    pub fn covers(&self, cell: &CellRef, line: Line) -> bool {
        matches(&self.when, cell) && holds(&self.kernels, line)
    }
}

/// Does an expectation with this [`when`](Expectation::when) speak of the cell?
#[must_use]
pub fn matches(when: &[(Name, Vec<Name>)], cell: &CellRef) -> bool {
    when.iter().all(|(axis, values)| {
        cell.value(axis.as_str())
            .is_some_and(|value| values.contains(value))
    })
}

/// Is the line among these? Every line is, if none is named.
#[must_use]
pub fn holds(kernels: &[Lines], line: Line) -> bool {
    kernels.is_empty() || kernels.iter().any(|lines| lines.has(line))
}

/// What is expected of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// Nothing: the cell is run, classified and shown, not held against anything.
    ObserveOnly,
    /// This behaviour, and whatever else is stated.
    Behaviour(ExpectedBehaviour),
}

/// The name of a behaviour, as scenarios and reports write it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum BehaviourName {
    /// The operation succeeded within patience.
    Answered,
    /// The operation failed with an error within patience.
    FailedFast,
    /// Silence beyond patience.
    Hung,
}

impl BehaviourName {
    /// The name as written: `answered`, `failed-fast`, `hung`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::FailedFast => "failed-fast",
            Self::Hung => "hung",
        }
    }
}

/// A behaviour with details; a detail that is not stated is not held against anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ExpectedBehaviour {
    /// Which behaviour.
    pub behaviour: BehaviourName,
    /// The classic client code of the error: 2002, 2003, 2006 or 2013 (whatever the way to it); or the
    /// server's own number.
    pub error: Option<u16>,
    /// The error's errno as Linux numbers it (111 = ECONNREFUSED).
    pub errno: Option<u16>,
    /// How a hang must end. Only with `hung`.
    pub ends: Option<HangEndName>,
    /// The operation lasts at least this long.
    pub at_least: Option<Duration>,
    /// The operation lasts at most this long.
    pub at_most: Option<Duration>,
    /// One of these real servers serves the connection of the operation; empty if nothing is said of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub served_by: Vec<Name>,
    /// How the clients of `connect-each` are spread over the real servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<ExpectedSpread>,
    /// What the probes live through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage: Option<ExpectedOutage>,
}

/// What probes are to live through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ExpectedOutage {
    /// What each of them is to live through.
    #[serde(flatten)]
    pub each: OutageBounds,
    /// What single ones are to live through, besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<(Name, OutageBounds)>,
}

/// What a probe is to live through; what is not stated is not held against anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OutageBounds {
    /// Its longest outage lasts at least this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Duration>,
    /// Its longest outage lasts at most this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Duration>,
    /// At most so many attempts get no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u32>,
}

/// How clients are to be spread over the real servers; what is not stated is not held against anything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ExpectedSpread {
    /// How many reach another real server than before, though theirs has stayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Range>,
    /// How many get an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Range>,
    /// How many are served by these real servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub served: Vec<(Name, Range)>,
}

/// A number of clients, from the least to the most. Written `12`, or `8-14`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Range {
    /// The least.
    pub least: u8,
    /// The most.
    pub most: u8,
}

impl Range {
    /// Is this number within?
    #[must_use]
    pub fn holds(self, number: usize) -> bool {
        (usize::from(self.least)..=usize::from(self.most)).contains(&number)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { least, most } if least == most => write!(f, "{least}"),
            Self { least, most } => write!(f, "{least}-{most}"),
        }
    }
}

/// How a hang ends, as scenarios and reports write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HangEndName {
    /// The operation succeeded after all.
    Answer,
    /// The operation failed after all.
    Error,
    /// It had not ended when the observation did.
    None,
}
