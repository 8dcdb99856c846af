//! The steps of an operator's.

use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, Counted, MysqldAction, StopSignal, TableAction, Until, WatchAction};
use lvs_matrix_model::plan::ServerKind;
use std::time::Duration;

/// A step of an operator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    Weight0,
    /// Nothing is done for so long.
    Wait(Duration),
    /// Until the table shows no connection, for so long and no longer.
    Drained(Duration),
    Stop,
    Kill,
    Delete,
    Save,
    Flush,
    Restore,
}

impl Move {
    /// How long it takes where all is well.
    pub(crate) fn time(self) -> Duration {
        match self {
            Self::Wait(time) | Self::Drained(time) => time,
            Self::Weight0
            | Self::Stop
            | Self::Kill
            | Self::Delete
            | Self::Save
            | Self::Flush
            | Self::Restore => Duration::ZERO,
        }
    }
}

/// The step in the lab.
pub(crate) fn action(one: Move, server: &Name, kind: ServerKind) -> Action {
    let server = server.clone();
    let table = |edit: TableAction| edit.into();
    match one {
        Move::Weight0 => table(TableAction::SetWeight { server, weight: 0 }),
        Move::Wait(time) => Action::wait(time),
        Move::Drained(time) => Action::Watch(WatchAction::WaitUntil(Until {
            director: None,
            no_connections_to: Some(server),
            counted: Counted::Both,
            no_entry: false,
            in_table: None,
            not_in_table: None,
            at_most: time,
            may_fail: true,
        })),
        Move::Stop => {
            let signal = StopSignal::Term;
            Action::Mysqld(match kind {
                ServerKind::Mysql => MysqldAction::StopMysqld { server, signal },
                ServerKind::TcpEcho | ServerKind::UdpEcho | ServerKind::Program => {
                    MysqldAction::StopServer { server, signal }
                }
            })
        }
        Move::Kill => Action::Mysqld(MysqldAction::KillSessions { server }),
        Move::Delete => table(TableAction::RemoveRealServer { server }),
        Move::Save => table(TableAction::SaveTable),
        Move::Flush => table(TableAction::FlushTable),
        Move::Restore => table(TableAction::RestoreTable),
    }
}
