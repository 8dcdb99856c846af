//! What probes lived through: data.

use crate::Name;
use crate::duration::Instant;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// So many answers in a row end an outage.
pub const IN_A_ROW: u32 = 10;

/// What a probe lived through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Probed {
    /// The probe.
    pub probe: Name,
    /// Its attempts that came to something by the end of the observation.
    pub attempts: u32,
    /// How many of them got an answer.
    pub answered: u32,
    /// How many did not, by what became of them.
    pub lost: BTreeMap<Loss, u32>,
    /// How many got an answer from which real server, as far as it is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub served_by: BTreeMap<Name, u32>,
    /// Attempts that had waited for longer than the probe's interval when the observation ended: what would
    /// have become of them is not known.
    #[serde(default)]
    pub waiting: u32,
    /// The times in which attempts got no answer, in order. What waits at the end is not counted.
    pub outages: Vec<Outage>,
    /// How long the longest of them would have lasted if none of those that wait were answered.
    #[serde(default)]
    pub longest_possible: Duration,
}

/// What became of an attempt that got no answer.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The connection was refused, by an RST or an ICMP error.
    Refused,
    /// Nobody has the address of the service, or of the router to it.
    NoHost,
    /// The connection was ended by an RST or a FIN.
    Cut,
    /// The server answered with an error.
    ServerError,
    /// Nothing came within the probe's time-out.
    Silence,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::NoHost => "without a host to go to",
            Self::Cut => "cut off",
            Self::ServerError => "answered with an error",
            Self::Silence => "met with silence",
        })
    }
}

/// A time in which attempts got no answer, all of them or some. It is over when [`IN_A_ROW`] of them in a row
/// were answered: where a scheduler sends every second client to a dead server, every second one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Outage {
    /// When the first attempt began that got none.
    pub from: Instant,
    /// When the first one of those began that were answered again; if there is none, the end of the
    /// observation.
    pub to: Instant,
    /// Was the last attempt of the cell not answered either?
    pub to_the_end: bool,
    /// How many attempts got no answer, from the first of those to the last.
    pub lost: u32,
    /// How many there were from the first of those to the last.
    pub attempts: u32,
}

impl Outage {
    /// How long it lasted.
    #[must_use]
    pub fn lasted(&self) -> Duration {
        self.to.since(self.from)
    }
}

impl Probed {
    /// The longest of its outages.
    #[must_use]
    pub fn longest(&self) -> Option<&Outage> {
        // Of those that are equally long the first one.
        self.outages.iter().rev().max_by_key(|outage| outage.lasted())
    }

    /// How many attempts got no answer.
    #[must_use]
    pub fn all_lost(&self) -> u32 {
        self.lost.values().sum()
    }
}
