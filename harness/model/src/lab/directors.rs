//! The directors after the steps so far: which have power, and what became of their control plane.

use super::table::{Table, Tables};
use super::{Conflict, State};
use crate::action::{Action, HostAction, Node, SyncState};
use crate::base::OneOrMore;
use crate::control::ControlPlane;

/// The directors of a lab, the first one before the others.
#[derive(Debug, Clone)]
pub(super) struct Directors(OneOrMore<Director>);

#[derive(Debug, Clone)]
struct Director {
    node: Node,
    /// The program that edits its table, if one does, and what became of it.
    control: Option<(ControlPlane, Daemon)>,
    /// The step that took its power; `None` if it is on.
    off: Option<u32>,
    /// Does it have the VIP? For labs in which keepalived does not move it.
    has_vip: bool,
    /// Did it get the VIP last?
    got_it_last: bool,
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
    /// One director alone, without a control plane.
    pub(super) fn alone(node: Node) -> Self {
        Self(OneOrMore::new(Director {
            node,
            control: None,
            off: None,
            has_vip: true,
            got_it_last: true,
            sync: Vec::new(),
            tables: Tables::default(),
        }))
    }

    /// The first one: it has the VIP at the beginning.
    pub(super) fn first(&self) -> &Node {
        &self.0.first().node
    }

    /// The first one has a control plane, which edits its table by itself: what is in that is not known.
    pub(super) fn add_control(&mut self, plane: ControlPlane) {
        let first = self.0.first_mut();
        first.control = Some((plane, Daemon::Runs));
        first.tables = Tables::default();
    }

    /// These are the directors; each is set up as the first one is.
    pub(super) fn become_these<'n>(&mut self, nodes: impl Iterator<Item = &'n Node>) {
        let first = self.0.first().clone();
        let set_up = |(place, node): (usize, &Node)| Director {
            node: node.clone(),
            has_vip: place == 0,
            got_it_last: place == 0,
            ..first.clone()
        };
        let all: Vec<Director> = nodes.enumerate().map(set_up).collect();
        if let Ok(all) = all.try_into() {
            self.0 = all;
        }
    }

    pub(super) fn tables_of_first_mut(&mut self) -> &mut Tables {
        &mut self.0.first_mut().tables
    }

    /// This is the table of each that has no control plane.
    pub(super) fn fill(&mut self, table: &Table) {
        for director in self.0.iter_mut().filter(|director| director.control.is_none()) {
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
        self.0.iter().count() > 1
    }

    /// Is there one of this name?
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|known| known.node.to_string() == name)
    }

    fn find(&self, node: &Node) -> Option<&Director> {
        self.0.iter().find(|known| known.node == *node)
    }

    fn find_mut(&mut self, node: &Node) -> Option<&mut Director> {
        self.0.iter_mut().find(|known| known.node == *node)
    }

    pub(super) fn control(&self, node: &Node) -> Option<(ControlPlane, Daemon)> {
        self.find(node)?.control
    }

    pub(super) fn daemon_becomes(&mut self, node: &Node, state: Daemon) {
        if let Some(director) = self.find_mut(node) {
            director.control = director.control.map(|(plane, _)| (plane, state));
        }
    }

    /// Its power goes with this step, and so does the control plane that it has.
    pub(super) fn power_off(&mut self, node: &Node, step: u32) {
        if let Some(director) = self.find_mut(node) {
            director.off = Some(step);
        }
        self.daemon_becomes(node, Daemon::Stopped(step));
    }

    /// The VIP comes to this director. One that is cut off keeps it, too.
    pub(super) fn vip_moves(&mut self, to: &Node, kept: impl Fn(&Node) -> bool) {
        for director in self.0.iter_mut() {
            let keeps = director.has_vip && (director.off.is_some() || kept(&director.node));
            director.has_vip = director.node == *to || keeps;
            director.got_it_last = director.node == *to;
        }
    }

    /// Does this director have the VIP, in a lab in which keepalived does not move it?
    fn has_vip(&self, node: &Node) -> bool {
        self.find(node).is_some_and(|director| director.has_vip)
    }

    /// It has power again, and the control plane that it has is started. Its sync daemons are gone.
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
        let stopped = Daemon::Stopped(step);
        let mut all = self.0.iter();
        all.any(|director| {
            let syncs = director.sync.iter().any(|(_, since)| *since == step);
            let ended = director.control.is_some_and(|(_, daemon)| daemon == stopped);
            director.off == Some(step) || ended || (syncs && director.off.is_none())
        })
    }
}

impl State<'_> {
    /// Does its control plane run on the first director?
    #[must_use]
    pub fn control_runs(&self) -> bool {
        let control = self.directors.control(self.directors.first());
        control.is_some_and(|(_, daemon)| daemon == Daemon::Runs)
    }

    /// What no director of the lab can have done to it.
    pub(super) fn of_directors<'c>(&self, action: &'c Action) -> Option<Conflict<'c>> {
        let named = action.names_director();
        if let Some(named) = named.filter(|named| self.directors.find(named).is_none()) {
            return Some(Conflict::NoSuchDirector(named));
        }
        let edited = action.edit().map(|edit| edit.on.clone());
        // The table of a director without power is nobody's to read.
        let node = edited
            .or_else(|| named.cloned())
            .or_else(|| action.node().filter(Node::is_director))?;
        if matches!(action, Action::Host(HostAction::PowerOn { .. })) {
            return match (self.directors.off_since(&node), self.directors.control(&node)) {
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
        } else if self.directors.control(to).is_some() {
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
        let mut all = self.directors.0.iter();
        all.all(|director| director.has_vip == (director.node == *self.directors.first()))
    }

    /// The director whose table a step means: the one that it names, else the one to which steps have moved
    /// the VIP. Where keepalived moves it that is not known.
    #[must_use]
    pub fn director_meant<'n>(&'n self, named: Option<&'n Node>) -> Option<&'n Node> {
        let mut all = self.directors.0.iter();
        let last = all.find(|director| director.got_it_last);
        let last = last.filter(|director| !self.directors.are_two() || director.control.is_none());
        named.or_else(|| last.map(|director| &director.node))
    }

    /// Do clients come to this director alone? Unknown where keepalived moves the VIP.
    #[must_use]
    pub fn has_vip_alone(&self, node: &Node) -> bool {
        let mut all = self.directors.0.iter();
        all.all(|director| director.has_vip == (director.node == *node))
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

    /// Why the control plane of this director cannot be started, or cannot be told or ended.
    pub(super) fn of_control(
        &self,
        node: &Node,
        plane: ControlPlane,
        starts: bool,
    ) -> Option<Conflict<'static>> {
        let control = self.directors.control(node).filter(|(known, _)| *known == plane);
        match (control.map(|(_, daemon)| daemon), starts) {
            (None, _) => Some(Conflict::NoControl(plane)),
            (Some(Daemon::Runs), true) => Some(Conflict::ControlRuns(plane)),
            (Some(Daemon::Stopped(_)), false) => Some(Conflict::ControlStopped(plane)),
            (Some(Daemon::Runs), false) | (Some(Daemon::Stopped(_)), true) => None,
        }
    }
}
