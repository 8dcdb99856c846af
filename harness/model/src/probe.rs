//! Probes: clients that ask the virtual service again and again while everything else happens. What they are
//! not given an answer to shows an outage, and how long it lasts.

use crate::Name;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most attempts of all probes of a cell: their packets are kept on every interface.
pub const MOST_ATTEMPTS: u64 = 5_000;
/// The shortest time between two attempts. An attempt has some ten packets, each of which takes its time on
/// each link.
pub const SHORTEST_EVERY: Duration = Duration::from_millis(10);

/// On what a probe asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Asks {
    /// Each attempt opens a connection of its own, asks on it, and closes it.
    #[default]
    NewConnection,
    /// All attempts ask on one connection. When it is lost the attempt is lost, and the next one opens
    /// another.
    OpenConnection,
    /// The same, as a pool with a check does it: when the connection turns out to be lost, the attempt opens
    /// another and asks on that.
    Pool,
}

impl Asks {
    /// Its name in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewConnection => "new-connection",
            Self::OpenConnection => "open-connection",
            Self::Pool => "pool",
        }
    }
}

/// A probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Probe {
    /// Its name.
    pub name: Name,
    /// On what it asks.
    pub asks: Asks,
    /// How long after the beginning of an attempt the next one begins. One that asks on an open connection
    /// waits for the end of the attempt before, too.
    pub every: Duration,
    /// How long it waits for an answer. Then the attempt is given up, and its connection closed.
    pub timeout: Duration,
}

impl Probe {
    /// Where nothing is said.
    pub const EVERY: Duration = Duration::from_millis(100);
    /// Where nothing is said.
    pub const TIMEOUT: Duration = Duration::from_secs(1);
}
