//! What steps make of hosts, and which of them cannot work.

use super::directors::Daemon;
use super::{Conflict, State, Sysctl};
use crate::action::{ControlStep, HostAction, Node};

impl<'a> State<'a> {
    pub(super) fn host(&mut self, step: u32, action: &'a HostAction) {
        match action {
            HostAction::PowerOff { .. } if action.node().is_director() => {
                self.directors.power_off(&action.node(), step);
            }
            HostAction::PowerOff { server, .. } => {
                let known = self
                    .servers
                    .iter_mut()
                    .find(|known| Some(known.name) == server.0.real_server());
                known.into_iter().for_each(|server| server.off = Some(step));
            }
            HostAction::PowerOn { .. } if action.node().is_director() => {
                self.directors.power_on(&action.node());
            }
            // What it boots starts its server, whatever that was doing.
            HostAction::PowerOn { server } => {
                let known = self
                    .servers
                    .iter_mut()
                    .find(|known| Some(known.name) == server.0.real_server());
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
            HostAction::StopKeepalived { .. } | HostAction::StopLdirectord { .. } => {
                self.directors
                    .daemon_becomes(&action.node(), Daemon::Stopped(step));
            }
            HostAction::StartKeepalived { .. } | HostAction::StartLdirectord { .. } => {
                self.directors.daemon_becomes(&action.node(), Daemon::Runs);
            }
            HostAction::ReloadKeepalived { .. } | HostAction::ReloadLdirectord { .. } => {}
            HostAction::MoveVip { to, .. } => {
                let cut = &self.cut;
                self.directors.vip_moves(to, |node| cut.contains_key(node));
            }
            HostAction::StartSyncDaemon { state, .. } => {
                self.directors.start_sync(&action.node(), *state, step);
            }
            HostAction::StopSyncDaemon { state, .. } => self.directors.stop_sync(&action.node(), *state),
            HostAction::SetSysctl { node, key, value } => {
                self.write(Sysctl {
                    node,
                    key,
                    value,
                    step: Some(step),
                });
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
            | HostAction::ReloadKeepalived { .. }
            | HostAction::StopLdirectord { .. }
            | HostAction::StartLdirectord { .. }
            | HostAction::ReloadLdirectord { .. } => false,
        }
    }

    pub(super) fn of_host(&self, action: &'a HostAction) -> Option<Conflict<'a>> {
        match action {
            HostAction::LinkDown { node: Node::Client } => Some(Conflict::ClientLink),
            HostAction::LinkDown { node } => self.cut.contains_key(node).then_some(Conflict::LinkDown(node)),
            HostAction::LinkUp { node } => (!self.cut.contains_key(node)).then_some(Conflict::LinkUp(node)),
            // `power-on` would bring back the link that is cut.
            HostAction::PowerOff { server, .. } => {
                let name = server.0.real_server()?;
                self.cut
                    .contains_key(&server.0)
                    .then_some(Conflict::PowerUnseen(name))
            }
            HostAction::StopKeepalived { .. }
            | HostAction::StartKeepalived { .. }
            | HostAction::ReloadKeepalived { .. }
            | HostAction::StopLdirectord { .. }
            | HostAction::StartLdirectord { .. }
            | HostAction::ReloadLdirectord { .. } => {
                let (plane, step) = action.of_control()?;
                no_director(action)
                    .or_else(|| self.of_control(&action.node(), plane, step == ControlStep::Start))
            }
            HostAction::MoveVip { to, .. } => self.of_vip(to),
            HostAction::StartSyncDaemon { state, .. } => {
                no_director(action).or_else(|| self.of_sync(&action.node(), *state, true))
            }
            HostAction::StopSyncDaemon { state, .. } => {
                no_director(action).or_else(|| self.of_sync(&action.node(), *state, false))
            }
            HostAction::PowerOn { .. } | HostAction::SetSysctl { .. } => None,
        }
    }
}

/// The host that it names, if what is done to directors cannot be done to that.
fn no_director(action: &HostAction) -> Option<Conflict<'_>> {
    let named = action.named().filter(|node| !node.is_director());
    named.map(Conflict::NoDirector)
}
