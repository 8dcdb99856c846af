//! What one of two directors could know of a connection.

use super::prelude::*;
use super::thresholds::ESTABLISHED;
use lvs_matrix_model::action::{Action, HostAction, SyncState};
use std::time::Duration;

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

/// How long after the packet that is told of the other director surely knows: what is said waits for a full
/// message, or for 2 s (net/netfilter/ipvs/ip_vs_sync.c, `IPVS_SYNC_FLUSH_TIME`).
const TOLD_WITHIN: Duration = Duration::from_secs(3);

/// What would have let the director that decided know of a connection: another one passed it on, last as this
/// packet, and was the master until `gone`.
pub(super) fn what_would_tell(view: &CellView<'_>, last: &Seen, by: &Node, gone: Instant) -> Vec<Advice> {
    let by_count = third_passed_on(view, last, by).is_some_and(|third| is_known(view, third, gone));
    let by_age = is_known(view, last, gone);
    let both = [(Advice::Sync, by_count), (Advice::SyncRefresh, by_age)];
    let helps = both.into_iter().filter(|(_, helps)| *helps);
    helps.map(|(advice, _)| advice).collect()
}

/// The third packet of the connection that a director passed on, up to this one: by default the first that is
/// told of (net/netfilter/ipvs/ip_vs_sync.c, `ip_vs_sync_conn_needed`).
pub(super) fn third_passed_on<'v>(view: &'v CellView<'_>, last: &Seen, by: &Node) -> Option<&'v Seen> {
    let passed = view.sent.iter().filter_map(|passage| {
        let here = passage.director.as_ref() == Some(by);
        let (seen, _) = passage.passed_on.as_ref().filter(|_| here)?;
        (seen.packet <= last.packet).then_some(seen)
    });
    passed.into_iter().nth(2)
}

/// Would another director that was told of a connection with this packet have an entry for it when the client
/// wants to go on? Packets of its own do not renew it before that (`ip_vs_proc_conn`).
pub(super) fn is_known(view: &CellView<'_>, told: &Seen, gone: Instant) -> bool {
    let lives = view.entry_timeout(told.at).unwrap_or(ESTABLISHED);
    told.at.plus(TOLD_WITHIN) <= gone && view.operation.began.since(told.at) < lives
}

/// Did a step start a sync daemon that tells?
pub(in super::super) fn synced_by_hand(view: &CellView<'_>) -> bool {
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
