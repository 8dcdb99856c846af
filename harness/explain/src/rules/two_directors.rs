//! What one of two directors could know of a connection.

use super::super::cell_view::CellView;
use super::super::passage::Seen;
use lvs_matrix_model::action::{Action, HostAction, Node, SyncState};

/// The last segment of the connection that another director passed on before a packet, and which one it was.
pub(super) fn passed_by_the_other<'v>(view: &'v CellView<'_>, before: u32) -> Option<(Seen, &'v Node)> {
    let passages = view.sent.iter().rev();
    passages
        .filter_map(|passage| Some((passage.passed_on.as_ref()?.0, passage.director.as_ref()?)))
        .find(|(seen, by)| seen.packet < before && *by != view.director())
}

/// Another director passed the connection on before a packet, and this one never did, nor could a sync daemon
/// have told it of it: it had no entry, whatever became of its table.
pub(super) fn never_had_an_entry(view: &CellView<'_>, before: u32) -> bool {
    let passed_by_itself = view.sent.iter().any(|passage| {
        let earlier = passage
            .passed_on
            .as_ref()
            .is_some_and(|passed| passed.0.packet < before);
        earlier && passage.director.as_ref() == Some(view.director())
    });
    let said = view.plan.keepalived();
    let synced = synced_by_hand(view) || said.is_some_and(|said| said.sync || said.config.is_some());
    passed_by_the_other(view, before).is_some() && !passed_by_itself && !synced
}

/// Did a step start a sync daemon that tells?
pub(super) fn synced_by_hand(view: &CellView<'_>) -> bool {
    view.record.steps.iter().any(|step| {
        let starts = matches!(
            &step.action,
            Action::Host(HostAction::StartSyncDaemon {
                state: SyncState::Master,
                ..
            })
        );
        starts && step.began.is_some()
    })
}
