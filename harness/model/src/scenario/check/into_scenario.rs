//! The last step: a draft without mistakes becomes a scenario.

use super::added::{Added, Sysctl};
use super::{Draft, ValueDraft, steps};
use crate::client::ClientChoice;
use crate::scenario::place::At;
use crate::scenario::syntax::Placed;
use crate::scenario::{Axis, Expectation, Lab, Phases, Scenario, Value};

/// The draft as a scenario; `None` if something of it is missing after all.
pub(super) fn into_scenario(draft: Draft) -> Option<Scenario> {
    let lab = draft.lab?;
    Some(Scenario {
        name: draft.name?,
        claim: draft.claim?,
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
        lab: value.added.into_lab(value.client.choice),
        steps: value.steps.into_phases(),
    }
}

impl Added {
    fn into_lab(self, client: ClientChoice) -> Lab {
        let sysctls = |sysctls: Vec<Sysctl>| {
            let all = sysctls.into_iter();
            all.map(|sysctl| (sysctl.key, sysctl.value)).collect()
        };
        Lab {
            forwarding: value(self.forwarding),
            tunnel_type: value(self.tunnel_type),
            tunnel_family: value(self.tunnel_family),
            wired_for: value(self.wired_for),
            wiring: value(self.wiring),
            vip: value(self.vip),
            family: value(self.family),
            server: value(self.server),
            server_port: value(self.server_port),
            server_mtu: value(self.server_mtu),
            one_packet: self.one_packet.is_some(),
            persistence: value(self.persistence),
            persistence_prefix: value(self.persistence_prefix),
            firewall_mark: value(self.firewall_mark),
            scheduler: value(self.scheduler).map(str::to_owned),
            scheduler_flags: value(self.scheduler_flags)
                .map(|flags| flags.into_iter().map(str::to_owned).collect()),
            real_servers: self.real_servers.into_iter().map(|server| server.value).collect(),
            misbuilt: self
                .misbuilt
                .into_iter()
                .map(|(host, how)| (host.value, how.value))
                .collect(),
            client,
            mysqld: self.mysqld,
            director_sysctls: sysctls(self.director_sysctls),
            client_sysctls: sysctls(self.client_sysctls),
            server_sysctls: sysctls(self.server_sysctls),
        }
    }
}

fn value<T>(said: Option<At<T>>) -> Option<T> {
    said.map(|said| said.value)
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
