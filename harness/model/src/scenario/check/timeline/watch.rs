//! Steps that wait for a fact, and gaps between steps.

use super::Walk;
use crate::scenario::check::gap;
use crate::scenario::check::state::Wrong;
use crate::scenario::mistake::{Mistake, MistakeKind};
use crate::scenario::syntax::Placed;

impl<'d> Walk<'d, '_> {
    /// The gap before a step passes.
    pub(super) fn gap(&mut self, step: &Placed) {
        let gap = step.gap();
        self.now = self.now.saturating_add(gap);
        self.passed.wait(gap);
        // A gap of no width that is stated is meant.
        if step.after.is_some() || !gap::takes_no_time(&step.action) {
            self.gone.clear();
        }
    }

    /// Something must be waited for, one thing at a time, and it must be able to come true.
    pub(super) fn step_of_watch(&mut self, step: &'d Placed) {
        let mut conditions = step.conditions();
        let label =
            "one of `no-connections-to`, `no-entry`, `in-table` and `not-in-table` is what is waited for";
        let help = "to wait for two things, write two steps";
        match (conditions.next(), conditions.next()) {
            (None, _) => self.wrong(
                step,
                MistakeKind::NothingAwaited,
                "nothing is waited for",
                label,
                help,
            ),
            (Some(_), Some(span)) => self.found(span, MistakeKind::NothingAwaited, || {
                Mistake::new(
                    MistakeKind::NothingAwaited,
                    span,
                    "two things are waited for in one step",
                    label,
                )
                .help(help)
            }),
            (Some(_), None) => {}
        }
        if let Some(name) = step.action.server()
            && self.state.servers().all(|server| server != name)
        {
            self.unknown_here(step, name);
        } else if let Some(wrong) = self.state.conflict(&step.action).map(Wrong::from) {
            self.wrong(step, wrong.kind, &wrong.message, wrong.label, wrong.help);
        }
    }
}
