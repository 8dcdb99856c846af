//! Clients of many addresses: which real server each of them reached, and how many of them moved.

use crate::Name;
use crate::plan::Phase;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// How the clients were spread, each time that one connected from each address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Spread {
    /// Each time, in order, up to the step that is judged.
    pub rounds: Vec<Round>,
    /// The real servers that can be chosen when the last one begins: they are in the director's table, and
    /// have a weight.
    pub stayed: Vec<Name>,
}

/// The connections of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Round {
    /// The step's number.
    pub step: u32,
    /// Its phase.
    pub phase: Phase,
    /// The connections, in the order of the addresses.
    pub clients: Vec<Landed>,
}

/// Where a client's connection came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Landed {
    /// The client's address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// The packet of its SYN, if it left the client.
    pub packet: Option<u32>,
    /// What it reached.
    pub reached: Reached,
}

/// What a client reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// This real server answered it within patience.
    Server(Name),
    /// It got an error within patience.
    Error,
    /// It was met with silence for longer than that.
    Silence,
}

impl Round {
    /// How many clients reached what.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&Reached, usize> {
        let mut counts = BTreeMap::new();
        for client in &self.clients {
            *counts.entry(&client.reached).or_default() += 1;
        }
        counts
    }

    /// How many clients reached this.
    #[must_use]
    pub fn count(&self, reached: &Reached) -> usize {
        self.counts().get(reached).copied().unwrap_or_default()
    }
}

impl Spread {
    /// The connections that are judged.
    #[must_use]
    pub fn last(&self) -> Option<&Round> {
        self.rounds.last()
    }

    /// Those that they are compared with: the last ones before the change.
    #[must_use]
    pub fn before(&self) -> Option<&Round> {
        let (_, earlier) = self.rounds.split_last()?;
        earlier.iter().rfind(|round| round.phase == Phase::Before)
    }

    /// The clients whose server has stayed, each with what it reached before and what it reaches now.
    pub fn of_stayed(&self) -> impl Iterator<Item = (&Landed, &Landed)> {
        let pairs = self.before().zip(self.last());
        let pairs = pairs.into_iter().flat_map(|(before, last)| {
            before.clients.iter().filter_map(|was| {
                let is = last.clients.iter().find(|is| is.address == was.address)?;
                Some((was, is))
            })
        });
        pairs.filter(|(was, _)| match &was.reached {
            Reached::Server(name) => self.stayed.contains(name),
            Reached::Error | Reached::Silence => false,
        })
    }

    /// How many of those reach another server now.
    #[must_use]
    pub fn moved(&self) -> usize {
        let moved = |(was, is): &(&Landed, &Landed)| {
            matches!(is.reached, Reached::Server(_)) && was.reached != is.reached
        };
        self.of_stayed().filter(moved).count()
    }
}
