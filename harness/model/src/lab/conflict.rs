//! Which steps cannot work in a lab as it is, and why.

use super::State;
use crate::Name;
use crate::action::{
    Action, Chain, HostAction, MysqldAction, Node, ServerDeed, StopSignal, TrafficAction, WatchAction,
};
use crate::base::ClientAt;

/// Why a step cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict<'a> {
    /// The virtual service is not in the table.
    NoService,
    /// The virtual service is in the table already.
    ServiceThere,
    /// The real server is not in the table.
    NotInTable(&'a Name),
    /// The real server is in the table already.
    InTable(&'a Name),
    /// The real server is in the table, and it is waited for that it is not.
    StillInTable(&'a Name),
    /// There is no service of this port.
    NoServiceOf(u16),
    /// There is a service of this port already.
    ServiceOfThere(u16),
    /// There is nothing to flush.
    Empty,
    /// No table was saved.
    NothingSaved,
    /// A saved service is still in the table.
    SavedStillThere,
    /// The host has no power.
    Off(&'a Name),
    /// The host has power.
    On(&'a Name),
    /// The mysqld is stopped already.
    Stopped(&'a Name),
    /// The mysqld is frozen and cannot obey SIGTERM.
    CannotObey(&'a Name),
    /// The mysqld is frozen and cannot end a session.
    CannotKill(&'a Name),
    /// The mysqld is running already.
    Running(&'a Name),
    /// The mysqld is frozen already.
    Frozen(&'a Name),
    /// The mysqld is not frozen.
    NotFrozen(&'a Name),
    /// The client's own link cannot be cut: nothing could show what the client sends.
    ClientLink,
    /// The link is down already.
    LinkDown(&'a Node),
    /// The link is up.
    LinkUp(&'a Node),
    /// The host's link is down, and nothing could show that its power goes.
    PowerUnseen(&'a Name),
    /// The firewall has no rule.
    NoRule(&'a Node),
    /// The chain has a stateful firewall already.
    StatefulThere(&'a Node, Chain),
    /// The host forwards nothing of the service.
    ForwardsNothing(&'a Node),
    /// There is no router.
    NoRouter,
    /// The router has no firewall that a step could change.
    RouterFirewall,
    /// No step is done to the host of the probes.
    OfProbes,
    /// The director has no keepalived.
    NoKeepalived,
    /// keepalived is running already.
    KeepalivedRuns,
    /// keepalived is stopped.
    KeepalivedStopped,
    /// There is no second director.
    NoSecondDirector,
    /// The host speaks no VRRP.
    SpeaksNoVrrp(&'a Node),
    /// The only director of a lab keeps its power.
    OnlyDirector,
    /// The director has no power.
    DirectorOff,
    /// A director that was powered off stays off.
    DirectorStaysOff,
    /// The director's link is down, and nothing could show that its power goes.
    DirectorUnseen,
}

impl<'a> State<'a> {
    /// Why `action` cannot work now.
    #[must_use]
    pub fn conflict(&self, action: &'a Action) -> Option<Conflict<'a>> {
        if action.node() == Some(Node::Probe) {
            return Some(Conflict::OfProbes);
        }
        if let Some(conflict) = self.of_router(action) {
            return Some(conflict);
        }
        if let Some(conflict) = self.of_directors(action) {
            return Some(conflict);
        }
        match action {
            Action::Table(edit) => self.table.as_ref()?.conflict(edit, self.saved.as_ref()),
            Action::Mysqld(action) => self.off(action.server()).or_else(|| self.of_mysqld(action)),
            Action::Host(HostAction::PowerOn { server }) => {
                (!self.is_off(server)).then_some(Conflict::On(server))
            }
            Action::Host(action) => {
                let off = action.server().and_then(|name| self.off(name));
                off.or_else(|| self.of_host(action))
            }
            Action::Traffic(action) => {
                let off = action.server().and_then(|name| self.off(name));
                off.or_else(|| self.of_traffic(action))
            }
            Action::Watch(action) => self.of_watch(action),
            Action::Client(_) | Action::Wait(_) => None,
        }
    }

    /// What no router can have done to it.
    fn of_router(&self, action: &'a Action) -> Option<Conflict<'a>> {
        if action.node() != Some(Node::Router) {
            return None;
        }
        let firewall = matches!(
            action,
            Action::Traffic(
                TrafficAction::AddFirewallRule { .. }
                    | TrafficAction::AddStatefulFirewall { .. }
                    | TrafficAction::FlushFirewall { .. }
                    | TrafficAction::BlockVrrp { .. }
                    | TrafficAction::FilterIcmp { .. }
            )
        );
        match self.client_at {
            None => None,
            Some(ClientAt::OnLink) => Some(Conflict::NoRouter),
            Some(ClientAt::BehindRouter | ClientAt::BehindSourceNat) => {
                firewall.then_some(Conflict::RouterFirewall)
            }
        }
    }

    fn off(&self, name: &'a Name) -> Option<Conflict<'a>> {
        self.is_off(name).then_some(Conflict::Off(name))
    }

    fn of_mysqld(&self, action: &'a MysqldAction) -> Option<Conflict<'a>> {
        let name = action.server();
        let server = self.server(name)?;
        let (up, frozen) = (server.stopped.is_none(), server.frozen.is_some());
        match action.deed() {
            ServerDeed::Stop(_) | ServerDeed::Freeze | ServerDeed::KillSessions if !up => {
                Some(Conflict::Stopped(name))
            }
            ServerDeed::Stop(signal) => {
                (frozen && signal == StopSignal::Term).then_some(Conflict::CannotObey(name))
            }
            ServerDeed::KillSessions => frozen.then_some(Conflict::CannotKill(name)),
            ServerDeed::Start => up.then_some(Conflict::Running(name)),
            ServerDeed::Freeze => frozen.then_some(Conflict::Frozen(name)),
            ServerDeed::Thaw => (!frozen).then_some(Conflict::NotFrozen(name)),
        }
    }

    /// Nobody but the steps edits the table: what is not so now will not come true by waiting.
    fn of_watch(&self, action: &'a WatchAction) -> Option<Conflict<'a>> {
        let table = self.table.as_ref()?;
        let until = action.until();
        let absent = |name: &&Name| !table.servers.contains_key(*name);
        let [counted, present] = [&until.no_connections_to, &until.in_table].map(Option::as_ref);
        let missing = counted.into_iter().chain(present).find(absent);
        let there = until.not_in_table.as_ref().filter(|name| !absent(name));
        match (missing, there) {
            (Some(name), _) => Some(Conflict::NotInTable(name)),
            (None, Some(name)) => Some(Conflict::StillInTable(name)),
            (None, None) => None,
        }
    }

    fn of_host(&self, action: &'a HostAction) -> Option<Conflict<'a>> {
        match action {
            HostAction::LinkDown { node: Node::Client } => Some(Conflict::ClientLink),
            HostAction::LinkDown { node } => self.cut.contains_key(node).then_some(Conflict::LinkDown(node)),
            HostAction::LinkUp { node } => (!self.cut.contains_key(node)).then_some(Conflict::LinkUp(node)),
            // `power-on` would bring back the link that is cut.
            HostAction::PowerOff { server, .. } => {
                let mut cut = self.cut.keys();
                let cut = cut.any(|node| node.real_server() == Some(server));
                cut.then_some(Conflict::PowerUnseen(server))
            }
            HostAction::StopKeepalived { .. }
            | HostAction::ReloadKeepalived { .. }
            | HostAction::StartKeepalived => self.of_keepalived(action),
            HostAction::PowerOn { .. } | HostAction::SetSysctl { .. } => None,
        }
    }

    fn of_traffic(&self, action: &'a TrafficAction) -> Option<Conflict<'a>> {
        match action {
            TrafficAction::FlushFirewall { node } => {
                let of_sizes = self.filters.contains_key(node)
                    || self.clamps.contains_key(node)
                    || self.deaf.contains_key(node);
                let ruled = self.rules.iter().any(|rule| rule.node == node) || self.tracks(node);
                let any = ruled || self.marks(node) || of_sizes;
                (!any).then_some(Conflict::NoRule(node))
            }
            TrafficAction::AddFirewallRule { node, chain, .. } => forwards(node, *chain),
            TrafficAction::AddStatefulFirewall { node, chain, .. } => {
                let there = self
                    .stateful
                    .iter()
                    .any(|one| one.node == node && one.chain == *chain);
                forwards(node, *chain).or(there.then_some(Conflict::StatefulThere(node, *chain)))
            }
            TrafficAction::BlockVrrp { node } => {
                let speaks = self.directors.are_two() && node.is_director();
                (!speaks).then_some(Conflict::SpeaksNoVrrp(node))
            }
            TrafficAction::FlushConntrack { .. }
            | TrafficAction::SetNetem { .. }
            | TrafficAction::SetMtu { .. }
            | TrafficAction::FilterIcmp { .. }
            | TrafficAction::ClampMss { .. } => None,
        }
    }
}

/// Only the director forwards packets of the service.
fn forwards(node: &Node, chain: Chain) -> Option<Conflict<'_>> {
    match (node, chain) {
        (Node::Director | Node::SecondDirector, _) | (_, Chain::Input | Chain::Output) => None,
        (Node::Client | Node::Probe | Node::Router | Node::RealServer(_), Chain::Forward) => {
            Some(Conflict::ForwardsNothing(node))
        }
    }
}
