//! A cell as a scenario of its own, without axes.

use super::sysctls::{CLIENT_SYSCTLS, COMMON_SYSCTLS, DIRECTOR_SYSCTLS, SERVER_SYSCTLS, TCP_SYSCTLS};
use super::{Host, LabPlan, Phase};
use crate::action::{Action, Node};
use crate::base::DEFAULT_WEIGHT;
use crate::client::{ClientChoice, Program};
use crate::mysqld::MysqldSetup;
use crate::scenario::{Expectation, Lab, Phases, Position, RealServer, Scenario};

impl LabPlan {
    /// The scenario whose only cell has this plan: the lab, the steps and the expectation of the cell, and no
    /// axes.
    ///
    /// Its name is that of the cell's scenario. Of a plan that another version made, what this version's labs
    /// have by themselves may differ; what the plan says wins.
    #[must_use]
    pub fn alone(&self) -> Scenario {
        let own = |node: &Node, role: &[(&str, &str)]| {
            self.host(node)
                .map_or_else(Vec::new, |host| own_sysctls(host, role))
        };
        let (service, client) = (self.service(), self.client());
        let of_client = client.sysctls();
        let mut client_sysctls = own(&Node::Client, CLIENT_SYSCTLS);
        client_sysctls.retain(|sysctl| !of_client.contains(sysctl));
        // All real servers have the same.
        let first = self.real_servers().next();
        let server_sysctls = first.map_or_else(Vec::new, |(_, host)| own_sysctls(host, SERVER_SYSCTLS));
        Scenario {
            name: self.cell.scenario.clone(),
            claim: format!("The cell {} by itself.", self.cell),
            lab: Lab {
                forwarding: service.forwarding(),
                scheduler: service.scheduler.clone(),
                real_servers: self
                    .real_servers()
                    .map(|(name, host)| RealServer {
                        name: name.clone(),
                        weight: service
                            .backend(&host.node)
                            .map_or(DEFAULT_WEIGHT, |backend| backend.weight),
                    })
                    .collect(),
                client: ClientChoice {
                    program: Some(client.program.clone()).filter(|program| *program != Program::default()),
                    settings: client.settings.clone(),
                },
                // All mysqlds have the same.
                mysqld: self
                    .mysqlds()
                    .next()
                    .map_or_else(MysqldSetup::default, |mysqld| mysqld.setup.clone()),
                director_sysctls: own(&Node::Director, DIRECTOR_SYSCTLS),
                client_sysctls,
                server_sysctls,
            },
            axes: Vec::new(),
            steps: self.phases(),
            observe: self.observe,
            expectations: vec![Expectation {
                when: Vec::new(),
                expected: self.expected.clone(),
                position: Position { line: 1, column: 1 },
            }],
            fails_without_change: false,
            warnings: Vec::new(),
        }
    }

    fn phases(&self) -> Phases {
        let of = |phase: Phase| -> Vec<Action> {
            let steps = self.steps.iter().filter(|step| step.phase == phase);
            steps.map(|step| step.action.clone()).collect()
        };
        Phases {
            before: of(Phase::Before),
            change: of(Phase::Change),
            act: of(Phase::Act),
        }
    }
}

/// Sysctls of a host that no lab has by itself.
fn own_sysctls(host: &Host, role: &[(&str, &str)]) -> Vec<(String, String)> {
    let by_itself = |key: &str, value: &str| {
        let mut all = COMMON_SYSCTLS.iter().chain(TCP_SYSCTLS).chain(role);
        all.any(|(known, usual)| *known == key && *usual == value)
    };
    let all = host.sysctls.iter();
    all.filter(|(key, value)| !by_itself(key, value))
        .cloned()
        .collect()
}
