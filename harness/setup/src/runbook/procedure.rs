//! The procedures by which people take a real server out.

use super::Question;
use super::commands;
use super::moves::Move;
use lvs_matrix_model::plan::ServerKind;
use std::time::Duration;

/// A procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Procedure {
    /// Deleted at once.
    Delete,
    /// Weight 0, and deleted right after.
    WeightDelete,
    /// Weight 0, a wait, deleted.
    WeightWaitDelete,
    /// Weight 0, deleted when the table shows no connection, or after so long.
    WeightDrainedDelete,
    /// The server is stopped, then deleted.
    StopDelete,
    /// Weight 0, the server is stopped, then deleted.
    WeightStopDelete,
    /// Weight 0, a wait, the server is stopped, then deleted.
    WeightWaitStopDelete,
    /// Weight 0, a wait, the sessions are killed, deleted.
    WeightWaitKillDelete,
    /// Weight 0, the sessions are killed, deleted.
    WeightKillDelete,
    /// The table is saved, flushed and restored; then deleted.
    FlushRestoreDelete,
}

/// How long a program is given to end, before its host leaves the table: a FIN needs less.
const AFTER_THE_STOP: Duration = Duration::from_secs(1);

impl Procedure {
    /// All of them, those that are used most first.
    pub const ALL: [Self; 10] = [
        Self::Delete,
        Self::WeightDelete,
        Self::WeightWaitDelete,
        Self::WeightDrainedDelete,
        Self::StopDelete,
        Self::WeightStopDelete,
        Self::WeightWaitStopDelete,
        Self::WeightKillDelete,
        Self::WeightWaitKillDelete,
        Self::FlushRestoreDelete,
    ];

    /// Its name in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::WeightDelete => "weight-0-delete",
            Self::WeightWaitDelete => "weight-0-wait-delete",
            Self::WeightDrainedDelete => "weight-0-drained-delete",
            Self::StopDelete => "stop-delete",
            Self::WeightStopDelete => "weight-0-stop-delete",
            Self::WeightWaitStopDelete => "weight-0-wait-stop-delete",
            Self::WeightKillDelete => "weight-0-kill-delete",
            Self::WeightWaitKillDelete => "weight-0-wait-kill-delete",
            Self::FlushRestoreDelete => "flush-restore-delete",
        }
    }

    /// Echo servers have no sessions to be killed.
    pub(super) fn fits(self, kind: ServerKind) -> bool {
        match self {
            Self::WeightKillDelete | Self::WeightWaitKillDelete => kind == ServerKind::Mysql,
            Self::Delete
            | Self::WeightDelete
            | Self::WeightWaitDelete
            | Self::WeightDrainedDelete
            | Self::StopDelete
            | Self::WeightStopDelete
            | Self::WeightWaitStopDelete
            | Self::FlushRestoreDelete => true,
        }
    }

    /// Does it set the weight to 0?
    pub(super) fn rests(self) -> bool {
        match self {
            Self::WeightDelete
            | Self::WeightWaitDelete
            | Self::WeightDrainedDelete
            | Self::WeightStopDelete
            | Self::WeightWaitStopDelete
            | Self::WeightKillDelete
            | Self::WeightWaitKillDelete => true,
            Self::Delete | Self::StopDelete | Self::FlushRestoreDelete => false,
        }
    }

    /// Does it wait for work to end?
    pub(super) fn waits(self) -> bool {
        match self {
            Self::WeightWaitDelete
            | Self::WeightDrainedDelete
            | Self::WeightWaitStopDelete
            | Self::WeightWaitKillDelete => true,
            Self::Delete
            | Self::WeightDelete
            | Self::StopDelete
            | Self::WeightStopDelete
            | Self::WeightKillDelete
            | Self::FlushRestoreDelete => false,
        }
    }

    /// Its steps.
    pub(crate) fn moves(self, question: &Question) -> Vec<Move> {
        use Move::{Delete, Drained, Flush, Kill, Restore, Save, Stop, Wait, Weight0};
        let wait = Wait(question.wait);
        let settle = Wait(AFTER_THE_STOP);
        match self {
            Self::Delete => vec![Delete],
            Self::WeightDelete => vec![Weight0, Delete],
            Self::WeightWaitDelete => vec![Weight0, wait, Delete],
            Self::WeightDrainedDelete => vec![Weight0, Drained(question.wait * 2), Delete],
            Self::StopDelete => vec![Stop, settle, Delete],
            Self::WeightStopDelete => vec![Weight0, Stop, settle, Delete],
            Self::WeightWaitStopDelete => vec![Weight0, wait, Stop, settle, Delete],
            Self::WeightKillDelete => vec![Weight0, Kill, settle, Delete],
            Self::WeightWaitKillDelete => vec![Weight0, wait, Kill, settle, Delete],
            Self::FlushRestoreDelete => vec![Save, Flush, Restore, Delete],
        }
    }

    /// What an operator types, with the addresses of his own files: a line each, with its comment.
    #[must_use]
    pub fn commands(self, question: &Question) -> Vec<String> {
        let moves = self.moves(question);
        moves
            .into_iter()
            .flat_map(|one| commands::typed(one, question))
            .collect()
    }
}
