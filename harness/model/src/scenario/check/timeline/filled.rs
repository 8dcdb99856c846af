//! Thresholds that the client's own connections fill before `act`.

use super::On;
use crate::Name;
use crate::lab::Table;
use std::collections::BTreeMap;

/// The upper thresholds of the table that the cell begins with, and the connections that are certainly
/// counted: those that are open, and those that were closed with no wait since (a closed one is counted for
/// minutes). It knows of no edit of the table: whoever asks sees to it that there was none.
pub(super) struct Filled<'d> {
    /// The real servers that are chosen, each with its threshold, if it has one.
    thresholds: BTreeMap<Name, Option<u16>>,
    /// Of the open connections the server that each was opened to, if that is said.
    open: BTreeMap<On<'d>, Option<&'d Name>>,
    lately_closed: Vec<Option<&'d Name>>,
}

impl<'d> Filled<'d> {
    pub(super) fn of(table: &Table, thresholds: impl Iterator<Item = (&'d Name, u16)>) -> Self {
        let given: BTreeMap<&Name, u16> = thresholds.collect();
        let chosen = table.servers.iter().filter(|(_, weight)| **weight > 0);
        Self {
            thresholds: chosen
                .map(|(name, _)| (name.clone(), given.get(name).copied()))
                .collect(),
            open: BTreeMap::new(),
            lately_closed: Vec::new(),
        }
    }

    /// A connection is opened; one of this name that was open is given up.
    pub(super) fn opens(&mut self, on: On<'d>, to: Option<&'d Name>) {
        self.lately_closed.extend(self.open.insert(on, to));
    }

    /// A connection is closed.
    pub(super) fn closes(&mut self, on: On<'d>) {
        self.lately_closed.extend(self.open.remove(&on));
    }

    /// Time passes.
    pub(super) fn waits(&mut self) {
        self.lately_closed.clear();
    }

    /// Are all servers that the director could choose for a connection (to this one, if that is said) at
    /// their thresholds? (`is_overloaded` in include/net/ip_vs.h, which every scheduler asks.)
    pub(super) fn full(&self, to: Option<&Name>) -> bool {
        let counted = || self.open.values().chain(&self.lately_closed);
        let chosen = |name: &&Name| to.is_none_or(|to| *name == to);
        let limit = |name: &Name| self.thresholds.get(name).copied().flatten();
        let mut names = self.thresholds.keys().filter(chosen).peekable();
        if names.peek().is_none() {
            return false;
        }
        let of = |name: &Name| counted().filter(|known| **known == Some(name)).count();
        let at_limit = |name: &Name| limit(name).is_some_and(|limit| of(name) >= usize::from(limit));
        // Whichever servers the others are on: together they have no room for one more.
        let room: Option<usize> = names
            .clone()
            .map(|name| limit(name).map(usize::from))
            .try_fold(0, |sum, limit| Some(sum + limit?));
        let none_left = to.is_none() && room.is_some_and(|room| counted().count() >= room);
        none_left || names.all(at_limit)
    }
}
