//! The lanes of a ladder: client, router, director, and the real servers that took part.

use super::journey::Host;
use super::row::Row;
use lvs_matrix_language::{Language, REAL_SERVER};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::plan::LabPlan;

/// Up to so many real servers all have a lane, whether or not they took part.
const ALWAYS_SHOWN: usize = 3;
/// Of those that took part so many have a lane of their own; the rest share one.
const MOST_SHOWN: usize = 6;

/// A lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) name: String,
    /// The address of its host; for the director the service's, too.
    pub(super) address: String,
}

/// The lanes from left to right.
#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) lanes: Vec<Lane>,
    /// The lane of each host of the plan; `None` for those that took no part.
    of_hosts: Vec<Option<usize>>,
}

impl Lanes {
    pub(super) fn of(words: Language, plan: &LabPlan, rows: &[Row<'_>]) -> Self {
        let is_server = |host: &Host| matches!(plan.hosts[*host].node, Node::RealServer(_));
        let mut took_part: Vec<Host> = rows.iter().flat_map(Row::hosts).filter(is_server).collect();
        took_part.sort_unstable();
        took_part.dedup();
        let servers: Vec<Host> = (0..plan.hosts.len()).filter(is_server).collect();
        if servers.len() <= ALWAYS_SHOWN {
            took_part = servers;
        }
        let mut lanes = Vec::new();
        let mut of_hosts = vec![None; plan.hosts.len()];
        for (index, host) in plan.hosts.iter().enumerate() {
            let address = if plan.service().balancers.contains(&host.node) {
                format!("{}, VIP {}", host.address(), plan.vip())
            } else {
                host.address().to_string()
            };
            let own = !is_server(&index) || took_part.iter().take(MOST_SHOWN).any(|host| *host == index);
            if own {
                of_hosts[index] = Some(lanes.len());
                lanes.push(Lane {
                    name: host.node.to_string(),
                    address,
                });
            }
        }
        let rest = took_part.get(MOST_SHOWN..).unwrap_or_default();
        if !rest.is_empty() {
            for host in rest {
                of_hosts[*host] = Some(lanes.len());
            }
            lanes.push(Lane {
                name: words.more_servers(rest.len()),
                address: words.real_servers().to_owned(),
            });
        }
        Self { lanes, of_hosts }
    }

    pub(super) fn lane(&self, host: Host) -> Option<usize> {
        self.of_hosts.get(host).copied().flatten()
    }

    /// A remark on the hosts that have no lane.
    pub(super) fn remark(&self, words: Language) -> Option<String> {
        let without = self.of_hosts.iter().filter(|lane| lane.is_none()).count();
        let servers = words.count(without, REAL_SERVER);
        match without {
            0 => None,
            1 => Some(words.took_no_part_one(servers)),
            _ => Some(words.took_no_part(servers)),
        }
    }
}
