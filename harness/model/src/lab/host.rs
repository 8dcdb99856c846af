//! What steps make of hosts, and which of them cannot work.

use super::directors::Daemon;
use super::{Conflict, State, Sysctl};
use crate::action::{HostAction, Node};

impl<'a> State<'a> {
    pub(super) fn host(&mut self, step: u32, action: &'a HostAction) {
        match action {
            HostAction::PowerOff { .. } if action.node().is_director() => {
                self.directors.power_off(&action.node(), step);
            }
            HostAction::PowerOff { server, .. } => {
                let known = self.servers.iter_mut().find(|known| known.name == server);
                known.into_iter().for_each(|server| server.off = Some(step));
            }
            HostAction::PowerOn { .. } if action.node().is_director() => {
                self.directors.power_on(&action.node());
            }
            // What it boots starts its server, whatever that was doing.
            HostAction::PowerOn { server } => {
                let known = self.servers.iter_mut().find(|known| known.name == server);
                known.into_iter().for_each(|server| {
                    (server.off, server.stopped, server.frozen) = (None, None, None);
                });
            }
            HostAction::LinkDown { node } => {
                self.cut.entry(node).or_insert(step);
            }
            HostAction::LinkUp { node } => {
                self.cut.remove(node);
            }
            HostAction::StopKeepalived { .. } => {
                self.directors
                    .daemon_becomes(&action.node(), Daemon::Stopped(step));
            }
            HostAction::StartKeepalived { .. } => self.directors.daemon_becomes(&action.node(), Daemon::Runs),
            HostAction::ReloadKeepalived { .. } => {}
            HostAction::MoveVip { to, .. } => {
                let cut = &self.cut;
                self.directors.vip_moves(to, |node| cut.contains_key(node));
            }
            HostAction::StartSyncDaemon { state, .. } => {
                self.directors.start_sync(&action.node(), *state, step);
            }
            HostAction::StopSyncDaemon { state, .. } => self.directors.stop_sync(&action.node(), *state),
            HostAction::SetSysctl { node, key, value } => {
                let written = Sysctl {
                    node,
                    key,
                    value,
                    step: Some(step),
                };
                let mut known = self.sysctls.iter_mut();
                match known.find(|sysctl| sysctl.node == node && sysctl.key == key) {
                    Some(sysctl) => *sysctl = written,
                    None => self.sysctls.push(written),
                }
            }
        }
    }

    /// Is what `action` sets so already, as far as it is known?
    pub(super) fn host_is_so(&self, action: &HostAction) -> bool {
        match action {
            HostAction::SetSysctl { node, key, value } => {
                let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
                let known = self.sysctl(node, key);
                known.is_some_and(|known| words(known.value) == words(value))
            }
            HostAction::PowerOff { .. }
            | HostAction::PowerOn { .. }
            | HostAction::LinkDown { .. }
            | HostAction::LinkUp { .. }
            | HostAction::StopKeepalived { .. }
            | HostAction::StartKeepalived { .. }
            | HostAction::MoveVip { .. }
            | HostAction::StartSyncDaemon { .. }
            | HostAction::StopSyncDaemon { .. }
            | HostAction::ReloadKeepalived { .. } => false,
        }
    }

    pub(super) fn of_host(&self, action: &'a HostAction) -> Option<Conflict<'a>> {
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
            HostAction::StopKeepalived { .. } | HostAction::ReloadKeepalived { .. } => {
                self.of_keepalived(&action.node(), false)
            }
            HostAction::StartKeepalived { .. } => self.of_keepalived(&action.node(), true),
            HostAction::MoveVip { to, .. } => self.of_vip(to),
            HostAction::StartSyncDaemon { state, .. } => self.of_sync(&action.node(), *state, true),
            HostAction::StopSyncDaemon { state, .. } => self.of_sync(&action.node(), *state, false),
            HostAction::PowerOn { .. } | HostAction::SetSysctl { .. } => None,
        }
    }
}
