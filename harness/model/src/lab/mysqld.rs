//! What steps make of real servers' mysqlds, and which of them cannot work.

use super::{Conflict, State};
use crate::action::{MysqldAction, ServerDeed, StopSignal};

impl<'a> State<'a> {
    pub(super) fn mysqld(&mut self, step: u32, action: &MysqldAction) {
        let name = action.server();
        let Some(server) = self.servers.iter_mut().find(|server| server.name == name) else {
            return;
        };
        match action.deed() {
            ServerDeed::Stop(_) => (server.stopped, server.frozen) = (Some(step), None),
            ServerDeed::Start => server.stopped = None,
            ServerDeed::Freeze => server.frozen = Some(step),
            ServerDeed::Thaw => server.frozen = None,
            ServerDeed::KillSessions => {}
        }
    }

    pub(super) fn of_mysqld(&self, action: &'a MysqldAction) -> Option<Conflict<'a>> {
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
}
