//! Why a step cannot work in a lab as it is. What concerns one kind of action is in the file of that kind.

use super::State;
use crate::Name;
use crate::action::{Action, Chain, HostAction, Node, ServiceEdit, SyncState, TrafficAction};
use crate::base::ClientAt;
use crate::control::ControlPlane;

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
    /// The firewall of this host cannot answer SYNs for the servers.
    NoSynproxy(&'a Node),
    /// A stateful firewall and one that answers SYNs.
    StatefulBesideSynproxy(&'a Node),
    /// The host's firewall answers SYNs already.
    SynproxyThere(&'a Node),
    /// The host forwards nothing of the service.
    ForwardsNothing(&'a Node),
    /// What the client's own firewall looks at cannot be chosen: it must be known what the client has taken.
    ClientMatches,
    /// The lab has no host of this name, whose address a rule names.
    NoAddressOf(&'a str),
    /// There is no router.
    NoRouter,
    /// The router has no firewall that a step could change.
    RouterFirewall,
    /// No step is done to the host of the probes.
    OfProbes,
    /// The director has no such control plane.
    NoControl(ControlPlane),
    /// It is running already.
    ControlRuns(ControlPlane),
    /// It is stopped.
    ControlStopped(ControlPlane),
    /// The lab has no director of this name.
    NoSuchDirector(&'a Node),
    /// There is no director besides the only one.
    NoOtherDirector,
    /// The host is no director.
    NoDirector(&'a Node),
    /// keepalived moves the VIP.
    VipOfKeepalived,
    /// The director has the VIP already.
    HasVip(&'a Node),
    /// The host speaks no VRRP.
    SpeaksNoVrrp(&'a Node),
    /// The only director of a lab keeps its power.
    OnlyDirector,
    /// The director has no power.
    DirectorOff,
    /// The director has power.
    DirectorOn,
    /// Such a sync daemon runs on the director already.
    SyncDaemonRuns(SyncState),
    /// No such sync daemon runs on the director.
    NoSyncDaemon(SyncState),
    /// A director without a control plane that was powered off stays off.
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
            Action::Table(edit) => {
                let tables = self.directors.tables(&edit.on)?;
                tables.now.as_ref()?.conflict(&edit.action, tables.saved.as_ref())
            }
            Action::Other(ServiceEdit { service, edit }) => self.table()?.conflict_of(service, edit),
            Action::Mysqld(action) => self.off(action.server()).or_else(|| self.of_mysqld(action)),
            Action::Host(HostAction::PowerOn { server }) if !server.0.is_director() => {
                let name = server.0.real_server()?;
                (!self.is_off(name)).then_some(Conflict::On(name))
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
}
