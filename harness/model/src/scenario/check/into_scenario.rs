//! The last step: a draft without mistakes becomes a scenario.

use super::{Draft, ValueDraft, lab, steps};
use crate::scenario::place::At;
use crate::scenario::syntax::Placed;
use crate::scenario::{Axis, Expectation, Lab, Phases, RealServer, Scenario, Value};

/// The draft as a scenario; `None` if something of it is missing after all.
pub(super) fn into_scenario(draft: Draft) -> Option<Scenario> {
    let lab = draft.lab?;
    Some(Scenario {
        name: draft.name?,
        claim: draft.claim?,
        lab: Lab {
            forwarding: lab.forwarding,
            scheduler: lab.scheduler.to_owned(),
            real_servers: real_servers(lab.added.real_servers),
            client: draft.client.choice,
            mysqld: lab.mysqld,
            director_sysctls: sysctls(lab.added.director_sysctls),
            client_sysctls: sysctls(lab.added.client_sysctls),
            server_sysctls: sysctls(lab.added.server_sysctls),
        },
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
                expected: expectation.expected,
                position: expectation.span.position(),
            })
            .collect(),
        fails_without_change: draft.fails_without_change,
        warnings: Vec::new(),
    })
}

fn into_value(value: ValueDraft) -> Value {
    Value {
        name: value.name.value,
        real_servers: real_servers(value.added.real_servers),
        client: value.client.choice,
        director_sysctls: sysctls(value.added.director_sysctls),
        client_sysctls: sysctls(value.added.client_sysctls),
        server_sysctls: sysctls(value.added.server_sysctls),
        steps: value.steps.into_phases(),
    }
}

fn real_servers(servers: Vec<At<RealServer>>) -> Vec<RealServer> {
    servers.into_iter().map(|server| server.value).collect()
}

fn sysctls(sysctls: Vec<lab::Sysctl>) -> Vec<(String, String)> {
    sysctls
        .into_iter()
        .map(|sysctl| (sysctl.key, sysctl.value))
        .collect()
}

impl steps::Steps {
    fn into_phases(self) -> Phases {
        let actions = |steps: Vec<Placed>| steps.into_iter().map(|step| step.action).collect();
        Phases {
            before: actions(self.before),
            change: actions(self.change),
            act: actions(self.act),
        }
    }
}
