//! The last step: a draft without mistakes becomes a scenario.

use super::{Draft, ValueDraft, explore, steps};
use crate::scenario::syntax::Placed;
use crate::scenario::{Axis, Expectation, Phases, Scenario, Value};

/// The draft as a scenario; `None` if something of it is missing after all.
pub(super) fn into_scenario(draft: Draft) -> Option<Scenario> {
    let lab = draft.lab?;
    Some(Scenario {
        name: draft.name?,
        claim: draft.claim?,
        claim_zh: draft.claim_zh,
        source: draft.source,
        lab: lab.into_lab(draft.client.choice),
        axes: draft
            .axes
            .into_iter()
            .map(|axis| Axis {
                name: axis.name.value,
                values: axis.values.into_iter().map(into_value).collect(),
            })
            .collect(),
        steps: draft.steps.into_phases(),
        observe: draft.observe?.0,
        expectations: draft
            .expectations
            .into_iter()
            .map(|expectation| Expectation {
                when: expectation.when,
                kernels: expectation.kernels,
                expected: expectation.expected,
                position: expectation.span.position(),
            })
            .collect(),
        fails_without_change: draft.fails_without_change,
        explore: draft.explore.and_then(explore::ExploreDraft::into_explore),
        warnings: Vec::new(),
    })
}

fn into_value(value: ValueDraft) -> Value {
    Value {
        name: value.name.value,
        lab: value.added.into_lab(value.client.choice),
        steps: value.steps.into_phases(),
    }
}

impl steps::Steps {
    fn into_phases(self) -> Phases {
        let timed = |steps: Vec<Placed>| steps.into_iter().map(Placed::into_timed).collect();
        Phases {
            before: timed(self.before),
            change: timed(self.change),
            act: timed(self.act),
        }
    }
}
