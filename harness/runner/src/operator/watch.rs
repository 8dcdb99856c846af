//! Facts of the director's tables that a time line waits for. The kernel's own tables are read, in this
//! process: no program is started for a look.

use crate::director::{entries, table};
use crate::error::{LabError, Result};
use crate::lab::Lab;
use lvs_matrix_model::action::{Condition, Node, Until};
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::{Entries, Inactive, Proof};
use lvs_matrix_netns::Namespace;
use std::time::{Duration, Instant};

/// How far apart the looks are at first, and at the most. In between a hundredth of the time that has passed.
const LOOKS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// How it ended.
pub(crate) enum Waited {
    /// It is so.
    So(Proof),
    /// It was not so when the time was over.
    NotSo(Proof),
    /// The observation ended before.
    Unfinished,
}

/// Waits until it is so; until the end of the observation, if there is one, at the latest.
pub(crate) fn watch(plan: &LabPlan, lab: &Lab, until: &Until, end: Option<Instant>) -> Result<Waited> {
    let began = Instant::now();
    let deadline = began + until.at_most;
    loop {
        let (so, seen) = look(plan, lab, until)?;
        let (now, seen) = (Instant::now(), Box::new(seen));
        let passed = Human(now - began);
        if so {
            return Ok(Waited::So(Proof::CameTrue { took: passed, seen }));
        }
        if now >= deadline {
            return Ok(Waited::NotSo(Proof::NotInTime { waited: passed, seen }));
        }
        if end.is_some_and(|end| now >= end) {
            return Ok(Waited::Unfinished);
        }
        let last = end.map_or(deadline, |end| end.min(deadline));
        let pause = (passed.0 / 100).clamp(LOOKS.0, LOOKS.1);
        std::thread::sleep(pause.min(last - now));
    }
}

/// Is all of it so, and what shows it? Of what is not so the first is shown.
fn look(plan: &LabPlan, lab: &Lab, until: &Until) -> Result<(bool, Proof)> {
    let mut shown = None;
    // The VIP may move while it is waited for.
    let director = lab.director_meant(until.director.as_ref());
    let namespace = lab.namespace(&director)?;
    for condition in until.conditions() {
        let (so, seen) = seen(plan, namespace, condition)?;
        let seen = match plan.has_two_directors() {
            true => Proof::TableOf {
                director: director.clone(),
                seen: Box::new(seen),
            },
            false => seen,
        };
        if !so {
            return Ok((false, seen));
        }
        shown = Some(seen);
    }
    let nothing = || LabError::new("wait until something is so", "the step does not say what");
    shown.map(|seen| (true, seen)).ok_or_else(nothing)
}

fn seen(plan: &LabPlan, director: &Namespace, condition: Condition<'_>) -> Result<(bool, Proof)> {
    let destination = |server| -> Result<_> {
        let now = table(director)?;
        let service = now.service(plan.service().listen());
        let host = super::find(plan, &Node::RealServer(server))?;
        Ok(service
            .and_then(|service| service.destination(plan.listed(host)))
            .cloned())
    };
    Ok(match condition {
        Condition::NoConnections(server, counted) => {
            let found = destination(server.clone())?;
            let (active, inactive) = found.map_or((0, 0), |found| (found.active, found.inactive));
            let server = server.clone();
            let seen = Proof::Connections {
                active,
                inactive: Inactive(inactive),
                server,
            };
            (counted.of(active, inactive) == 0, seen)
        }
        Condition::NoEntry => {
            let now = entries(director)?;
            // A template of persistence has port 0.
            let own = now.entries.iter().filter(|entry| {
                plan.knows_as_client(entry.client.ip())
                    && entry.client.port() != 0
                    && entry.protocol == Some(plan.service().protocol)
            });
            let entries = u32::try_from(own.count()).unwrap_or(u32::MAX);
            (
                entries == 0,
                Proof::Entries {
                    entries: Entries(entries),
                },
            )
        }
        Condition::InTable(server) | Condition::NotInTable(server) => {
            let found = destination(server.clone())?;
            let is_there = found.is_some();
            let server = server.clone();
            let seen = match found {
                None => Proof::NoServer { server },
                Some(found) => Proof::HasServer {
                    server,
                    weight: u16::try_from(found.weight).unwrap_or(u16::MAX),
                    method: found.method,
                },
            };
            (is_there == matches!(condition, Condition::InTable(_)), seen)
        }
    })
}
