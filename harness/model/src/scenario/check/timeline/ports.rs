//! How many ports a client has.

use super::super::Draft;
use super::super::steps::Steps;
use crate::action::{Action, HostAction};
use crate::scenario::syntax::Placed;

/// How many ports the cell's client has, if the scenario says so, and no step changes it.
pub(super) fn ports(draft: &Draft, choice: &[usize]) -> Option<u32> {
    const RANGE: &str = "net.ipv4.ip_local_port_range";
    let steps = std::iter::once(&draft.steps).chain(draft.chosen(choice).map(|(_, value)| &value.steps));
    let sets = |step: &Placed| match &step.action {
        Action::Host(HostAction::SetSysctl { key, .. }) => key == RANGE,
        Action::Host(_)
        | Action::Client(_)
        | Action::Table(_)
        | Action::Other(_)
        | Action::Mysqld(_)
        | Action::Traffic(_)
        | Action::Wait(_)
        | Action::Watch(_) => false,
    };
    if steps.flat_map(Steps::all).any(sets) {
        return None;
    }
    let lab = draft.lab.iter();
    let added = lab.chain(draft.chosen(choice).map(|(_, value)| &value.added));
    let range = added
        .flat_map(|added| &added.client_sysctls)
        .filter(|sysctl| sysctl.key == RANGE)
        .last()?;
    let ends: Vec<u32> = range
        .value
        .split_whitespace()
        .filter_map(|end| end.parse().ok())
        .collect();
    match ends.as_slice() {
        [first, last] if first <= last => Some(last - first + 1),
        _ => None,
    }
}
