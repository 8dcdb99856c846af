//! The directors after the steps so far: which have power, and what became of their keepalived.

use super::table::{Table, Tables};
use super::{Conflict, State};
use crate::action::{Action, HostAction, Node, SyncState};

/// The directors of a lab, the first one before the second.
#[derive(Debug, Clone)]
pub(super) struct Directors(Vec<Director>);

#[derive(Debug, Clone)]
struct Director {
    node: Node,
    /// `None` without keepalived.
    keepalived: Option<Daemon>,
    /// The step that took its power; `None` if it is on.
    off: Option<u32>,
    /// Does it have the VIP? For labs in which keepalived does not move it.
    has_vip: bool,
    /// Its sync daemons, each with the step that started it.
    sync: Vec<(SyncState, u32)>,
    tables: Tables,
}

/// A daemon of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Daemon {
    Runs,
    /// Since the step of this number.
    Stopped(u32),
}

impl Directors {
    /// The first director alone, without keepalived.
    pub(super) fn first() -> Self {
        Self(vec![Director {
            node: Node::Director,
            keepalived: None,
            off: None,
            has_vip: true,
            sync: Vec::new(),
            tables: Tables::default(),
        }])
    }

    /// The first one has keepalived, which edits its table by itself: what is in that is not known.
    pub(super) fn add_keepalived(&mut self) {
        if let Some(first) = self.0.first_mut() {
            first.keepalived = Some(Daemon::Runs);
            first.tables = Tables::default();
        }
    }

    /// A second one comes, with a table and a keepalived as the first one has.
    pub(super) fn add_second(&mut self) {
        let keepalived = self.daemon(&Node::Director);
        let tables = self.tables(&Node::Director).cloned().unwrap_or_default();
        self.0.push(Director {
            node: Node::SecondDirector,
            keepalived,
            off: None,
            has_vip: false,
            sync: Vec::new(),
            tables,
        });
    }

    /// This is the table of each that has no keepalived.
    pub(super) fn fill(&mut self, table: &Table) {
        for director in self.0.iter_mut().filter(|director| director.keepalived.is_none()) {
            director.tables.now = Some(table.clone());
        }
    }

    pub(super) fn tables(&self, node: &Node) -> Option<&Tables> {
        Some(&self.find(node)?.tables)
    }

    pub(super) fn tables_mut(&mut self, node: &Node) -> Option<&mut Tables> {
        Some(&mut self.find_mut(node)?.tables)
    }

    pub(super) fn are_two(&self) -> bool {
        self.0.len() > 1
    }

    fn find(&self, node: &Node) -> Option<&Director> {
        self.0.iter().find(|known| known.node == *node)
    }

    fn find_mut(&mut self, node: &Node) -> Option<&mut Director> {
        self.0.iter_mut().find(|known| known.node == *node)
    }

    pub(super) fn daemon(&self, node: &Node) -> Option<Daemon> {
        self.find(node)?.keepalived
    }

    pub(super) fn daemon_becomes(&mut self, node: &Node, state: Daemon) {
        if let Some(director) = self.find_mut(node) {
            director.keepalived = director.keepalived.map(|_| state);
        }
    }

    /// Its power goes with this step, and so does the keepalived that it has.
    pub(super) fn power_off(&mut self, node: &Node, step: u32) {
        if let Some(director) = self.find_mut(node) {
            director.off = Some(step);
        }
        self.daemon_becomes(node, Daemon::Stopped(step));
    }

    /// The VIP comes to this director. One that is cut off keeps it, too.
    pub(super) fn vip_moves(&mut self, to: &Node, kept: impl Fn(&Node) -> bool) {
        for director in &mut self.0 {
            let keeps = director.has_vip && (director.off.is_some() || kept(&director.node));
            director.has_vip = director.node == *to || keeps;
        }
    }

    /// Does this director have the VIP, in a lab in which keepalived does not move it?
    fn has_vip(&self, node: &Node) -> bool {
        self.find(node).is_some_and(|director| director.has_vip)
    }

    /// It has power again, and the keepalived that it has is started. Its sync daemons are gone.
    pub(super) fn power_on(&mut self, node: &Node) {
        if let Some(director) = self.find_mut(node) {
            director.off = None;
            director.sync.clear();
        }
        self.daemon_becomes(node, Daemon::Runs);
    }

    pub(super) fn start_sync(&mut self, node: &Node, state: SyncState, step: u32) {
        if let Some(director) = self.find_mut(node) {
            director.sync.push((state, step));
        }
    }

    pub(super) fn stop_sync(&mut self, node: &Node, state: SyncState) {
        if let Some(director) = self.find_mut(node) {
            director.sync.retain(|(known, _)| *known != state);
        }
    }

    fn syncs(&self, node: &Node, state: SyncState) -> bool {
        let director = self.find(node);
        director.is_some_and(|director| director.sync.iter().any(|(known, _)| *known == state))
    }

    /// The step that took the power of this director.
    pub(super) fn off_since(&self, node: &Node) -> Option<u32> {
        self.find(node)?.off
    }

    /// Is the fault of the step of this number in force?
    pub(super) fn lasts(&self, step: u32) -> bool {
        let stopped = Some(Daemon::Stopped(step));
        let mut all = self.0.iter();
        all.any(|director| {
            let syncs = director.sync.iter().any(|(_, since)| *since == step);
            director.off == Some(step) || director.keepalived == stopped || (syncs && director.off.is_none())
        })
    }
}

impl State<'_> {
    /// Does keepalived run on the first director?
    #[must_use]
    pub fn keepalived_runs(&self) -> bool {
        self.directors.daemon(&Node::Director) == Some(Daemon::Runs)
    }

    /// What no director of the lab can have done to it.
    pub(super) fn of_directors(&self, action: &Action) -> Option<Conflict<'static>> {
        let edited = action.edit().map(|edit| edit.on.clone());
        let node = edited.or_else(|| action.node().filter(Node::is_director))?;
        if node == Node::SecondDirector && !self.directors.are_two() {
            return Some(Conflict::NoSecondDirector);
        }
        if matches!(action, Action::Host(HostAction::PowerOn { .. })) {
            return match (self.directors.off_since(&node), self.directors.daemon(&node)) {
                (Some(_), Some(_)) => None,
                // Nothing would fill its table.
                (Some(_), None) => Some(Conflict::DirectorStaysOff),
                (None, _) => Some(Conflict::DirectorOn),
            };
        }
        if matches!(action, Action::Host(HostAction::PowerOff { .. })) {
            if !self.directors.are_two() {
                return Some(Conflict::OnlyDirector);
            }
            if self.cut.contains_key(&node) {
                return Some(Conflict::DirectorUnseen);
            }
        }
        let off = self.directors.off_since(&node);
        off.map(|_| Conflict::DirectorOff)
    }

    /// Why the VIP cannot be moved to this director by hand.
    pub(super) fn of_vip<'a>(&self, to: &'a Node) -> Option<Conflict<'a>> {
        if !to.is_director() {
            Some(Conflict::NoDirector(to))
        } else if !self.directors.are_two() {
            Some(Conflict::NoOtherDirector)
        } else if self.directors.daemon(to).is_some() {
            Some(Conflict::VipOfKeepalived)
        } else if self.cut.contains_key(to) {
            Some(Conflict::LinkDown(to))
        } else {
            self.directors.has_vip(to).then_some(Conflict::HasVip(to))
        }
    }

    /// Is the VIP on the first director alone, as at the beginning? Unknown where keepalived moves it.
    #[must_use]
    pub fn vip_is_at_home(&self) -> bool {
        self.directors.has_vip(&Node::Director) && !self.directors.has_vip(&Node::SecondDirector)
    }

    /// Does this director have such a sync daemon, which a step started?
    #[must_use]
    pub fn syncs(&self, node: &Node, state: SyncState) -> bool {
        self.directors.syncs(node, state)
    }

    /// Why a sync daemon of this director cannot be started, or cannot be stopped.
    pub(super) fn of_sync(&self, node: &Node, state: SyncState, starts: bool) -> Option<Conflict<'static>> {
        match (starts, self.directors.syncs(node, state)) {
            (true, true) => Some(Conflict::SyncDaemonRuns(state)),
            (false, false) => Some(Conflict::NoSyncDaemon(state)),
            (true, false) | (false, true) => None,
        }
    }

    /// Why the keepalived of this director cannot be started, or cannot be told or ended.
    pub(super) fn of_keepalived(&self, node: &Node, starts: bool) -> Option<Conflict<'static>> {
        match (self.directors.daemon(node), starts) {
            (None, _) => Some(Conflict::NoKeepalived),
            (Some(Daemon::Runs), true) => Some(Conflict::KeepalivedRuns),
            (Some(Daemon::Stopped(_)), false) => Some(Conflict::KeepalivedStopped),
            (Some(Daemon::Runs), false) | (Some(Daemon::Stopped(_)), true) => None,
        }
    }
}
