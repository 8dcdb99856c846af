//! Which forwarding methods a step can give a real server.

use super::super::wiring::{ONE_PORT, TUNNELS_ALONE};
use super::{Placed, Walk};
use crate::action::{Action, Edit, TableAction};
use crate::scenario::Forwarding;
use crate::scenario::mistake::MistakeKind;

impl Walk<'_, '_> {
    /// A method by which the director would not reach the real server is a mistake.
    pub(super) fn can_be_reached(&mut self, step: &Placed) {
        let Action::Table(Edit {
            action: TableAction::SetForwarding { server, method, .. },
            ..
        }) = &step.action
        else {
            return;
        };
        let crossed = self
            .crossed
            .get(server)
            .filter(|_| *method != Forwarding::Tunneling);
        let crossed = crossed.map(|family| {
            let label = format!("it is reached by tunnels of {}", family.as_str());
            (label, TUNNELS_ALONE)
        });
        let translated = *method != Forwarding::Masquerading && self.translated.contains(server);
        let translated = translated.then(|| ("its port is not the service's".to_owned(), ONE_PORT));
        let message = format!("`{server}` cannot have `{}`", method.as_str());
        for (label, help) in crossed.into_iter().chain(translated) {
            self.wrong(step, MistakeKind::TableState, &message, &label, help);
        }
    }
}
