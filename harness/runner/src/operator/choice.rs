//! The director's choice of a real server for a connection that is to be on a certain one
//! (`connect: { to: … }`). For the time of the choice the table leaves the scheduler no other: all others
//! have weight 0, which neither moves nor hurts connections that there are. Then the table is as it was,
//! which the kernel's own table shows.
//!
//! What remains is what would be there if the scheduler had chosen this server by itself: the entry, the
//! counts of connections, and that round robin goes on after it (ip_vs_rr.c, `svc->sched_data`). Only `wrr`
//! begins its round anew at each edit of a weight (ip_vs_wrr.c, `ip_vs_wrr_dest_changed`).

use crate::director::{entries, table};
use crate::error::{LabError, Result};
use crate::lab::{Lab, run_recorded};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::base::Forwarding;
use lvs_matrix_model::ipvs::{Method, Service, Table};
use lvs_matrix_model::plan::{Host, LabPlan};
use lvs_matrix_model::record::CommandRecord;
use lvs_matrix_netns::Namespace;
use std::net::{IpAddr, SocketAddr};

/// The scheduler for the time of the choice where the table's own goes by a hash. Those give a real server of
/// weight 0 its part of the hash table all the same, and fail if the hash names it (ip_vs_dh.c and
/// ip_vs_sh.c; ip_vs_mh.c by `last_weight`). Each fills its hash table anew from the list of servers when it
/// is set, so that it is the same before and afterwards.
pub(crate) const BY_WEIGHT: &str = "rr";
/// The schedulers that go by a hash.
pub(crate) const BY_HASH: [&str; 3] = ["dh", "sh", "mh"];
/// `ovf` passes over a server with more active connections than its weight (ip_vs_ovf.c,
/// `ip_vs_ovf_schedule`).
const ENOUGH: u32 = 65_535;

/// A table that leaves one choice, until it is put back.
pub(crate) struct Choice {
    /// The director whose table it is.
    director: Node,
    /// What it was before.
    before: Table,
    /// The command lines that make it so again.
    back: Vec<Vec<String>>,
    /// Those that were run so far.
    pub(crate) commands: Vec<CommandRecord>,
}

/// Leaves the scheduler no real server but this one.
pub(crate) fn leave_only(plan: &LabPlan, lab: &Lab, director: &Node, server: &Name) -> Result<Choice> {
    let stage = || format!("have the director choose {server}");
    let before = table(lab.namespace(director)?)?;
    let service = own_service(plan, &before);
    let service = service.ok_or_else(|| LabError::new(stage(), "the virtual service is not in the table"))?;
    let edits = edits(plan, service, server)?;
    let mut choice = Choice {
        director: director.clone(),
        back: edits.iter().map(|edit| edit.back.clone()).collect(),
        before: before.clone(),
        commands: Vec::new(),
    };
    for edit in &edits {
        choice.run(lab, &edit.line)?;
    }
    let now = table(lab.namespace(director)?)?;
    match own_service(plan, &now) {
        Some(service) if is_only(plan, service, server) => Ok(choice),
        found => Err(LabError::new(
            stage(),
            format!("the kernel's table leaves another choice: {found:?}"),
        )),
    }
}

impl Choice {
    /// Puts the table back, and makes sure that it is as it was.
    pub(crate) fn put_back(&mut self, lab: &Lab) -> Result<()> {
        for line in std::mem::take(&mut self.back) {
            self.run(lab, &line)?;
        }
        let now = table(lab.namespace(&self.director)?)?;
        if settled(&now) == settled(&self.before) {
            return Ok(());
        }
        Err(LabError::new(
            "put the director's table back",
            format!(
                "the kernel's table has {:?}, not {:?}",
                now.services, self.before.services
            ),
        ))
    }

    fn run(&mut self, lab: &Lab, line: &[String]) -> Result<()> {
        let done = run_recorded(lab.namespace(&self.director)?, Some(self.director.clone()), line)?;
        self.commands.push(done);
        Ok(())
    }
}

/// An edit of the table, and the one that undoes it.
struct Edit {
    line: Vec<String>,
    back: Vec<String>,
}

/// The edits that leave only `server`.
fn edits(plan: &LabPlan, service: &Service, server: &Name) -> Result<Vec<Edit>> {
    let address = plan.service().flagged();
    let mut edits = Vec::new();
    let words = |line: String| line.split_whitespace().map(str::to_owned).collect();
    if BY_HASH.contains(&service.scheduler.as_str()) {
        let line = |scheduler: &str| {
            let options = plan.service().options_with(scheduler);
            words(format!("ipvsadm -E {address} {options}"))
        };
        edits.push(Edit {
            line: line(BY_WEIGHT),
            back: line(&service.scheduler),
        });
    }
    let mut there = false;
    for (name, host) in plan.real_servers() {
        let Some(found) = service.destination(plan.listed(host)) else {
            continue;
        };
        there |= name == server;
        let wanted = match (name == server, service.scheduler.as_str()) {
            (true, "ovf") => ENOUGH,
            (true, _) => found.weight.max(1),
            (false, _) => 0,
        };
        if wanted == found.weight {
            continue;
        }
        let method = match found.method {
            Method::Masquerading => Forwarding::Masquerading,
            Method::Tunneling => Forwarding::Tunneling,
            Method::DirectRouting | Method::Local | Method::Bypass => Forwarding::DirectRouting,
        };
        let flags = plan.service().flags(host, method);
        let destination = plan.service().server_word(host);
        let line = |weight: u32| {
            words(format!(
                "ipvsadm -e {address} -r {destination} {flags} -w {weight}"
            ))
        };
        edits.push(Edit {
            line: line(wanted),
            back: line(found.weight),
        });
    }
    if there {
        Ok(edits)
    } else {
        let stage = format!("have the director choose {server}");
        Err(LabError::new(
            stage,
            format!("{server} is not in the director's table"),
        ))
    }
}

/// Does the table leave the scheduler this server and no other?
fn is_only(plan: &LabPlan, service: &Service, server: &Name) -> bool {
    let by_weight = !BY_HASH.contains(&service.scheduler.as_str());
    let mut servers = plan.real_servers();
    by_weight
        && servers.all(|(name, host)| {
            let weight = service
                .destination(plan.listed(host))
                .map_or(0, |found| found.weight);
            (name == server) == (weight > 0)
        })
}

/// The service of the cell itself.
fn own_service<'t>(plan: &LabPlan, table: &'t Table) -> Option<&'t Service> {
    table.service(plan.service().listen())
}

/// The table without what its servers carry at the moment.
fn settled(table: &Table) -> Table {
    let mut table = table.clone();
    for destination in table
        .services
        .iter_mut()
        .flat_map(|service| &mut service.destinations)
    {
        (destination.active, destination.inactive) = (0, 0);
    }
    table
}

/// Where the director's entry for the client's connection from this address and port leads to, if there is
/// one. Without an address it comes from the client's own.
pub(crate) fn entry_of(
    plan: &LabPlan,
    director: &Namespace,
    (address, port): (Option<IpAddr>, u16),
) -> Result<Option<Node>> {
    let Some(own) = plan.client_addresses().next() else {
        return Ok(None);
    };
    let entries = entries(director)?;
    let client = SocketAddr::new(address.unwrap_or(own), port);
    let entry = entries.of(client, plan.service().address).next();
    Ok(entry.and_then(|entry| {
        let leads_to = |host: &&Host| plan.destination(host) == entry.destination;
        plan.hosts.iter().find(leads_to).map(|host| host.node.clone())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lvs_matrix_model::matrix::cells;
    use lvs_matrix_model::plan::plan;
    use lvs_matrix_model::scenario::load;

    fn lab() -> LabPlan {
        let scenario = load(
            "{ name: sample, claim: A plan., lab: { real-servers: { rs1: {}, rs2: {}, rs3: {} } }, \
             act: [{ connect: {} }], \
             observe: { patience: 5s, until: 1m }, expect: [{ observe-only: true }] }",
        );
        let scenario = scenario.unwrap();
        plan(&scenario, &cells(&scenario)[0])
    }

    fn parsed(text: &str) -> Table {
        Table::of_kernel(text).unwrap()
    }

    fn table_of(scheduler: &str, weights: [(&str, u32); 3]) -> Table {
        let lines = weights.iter().zip(0x1F..).map(|((method, weight), last)| {
            format!("  -> C00002{last:02X}:0CEA      {method}   {weight}      0          0\n")
        });
        parsed(&(format!("TCP  C0000264:0CEA {scheduler}\n") + &lines.collect::<String>()))
    }

    fn lines(table: &Table, server: &str) -> (Vec<String>, Vec<String>) {
        let plan = lab();
        let service = own_service(&plan, table).unwrap();
        let edits = edits(&plan, service, &Name::new(server).unwrap()).unwrap();
        let join = |line: &Vec<String>| line.join(" ");
        (
            edits.iter().map(|edit| join(&edit.line)).collect(),
            edits.iter().map(|edit| join(&edit.back)).collect(),
        )
    }

    #[test]
    fn the_others_have_weight_0_until_it_is_put_back() {
        let table = table_of("wlc", [("Route", 100), ("Masq", 100), ("Route", 0)]);
        let edit = |last: u8, flag: &str, weight: u32| {
            format!("ipvsadm -e -t 192.0.2.100:3306 -r 192.0.2.{last}:3306 {flag} -w {weight}")
        };
        assert_eq!(
            lines(&table, "rs1"),
            (vec![edit(32, "-m", 0)], vec![edit(32, "-m", 100)])
        );
        let (there, back) = lines(&table, "rs3");
        assert_eq!(there, [edit(31, "-g", 0), edit(32, "-m", 0), edit(33, "-g", 1)]);
        assert_eq!(
            back,
            [edit(31, "-g", 100), edit(32, "-m", 100), edit(33, "-g", 0)]
        );
        // A server that has no rival needs no edit.
        let alone = table_of("rr", [("Route", 1), ("Route", 0), ("Route", 0)]);
        assert_eq!(lines(&alone, "rs1"), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_scheduler_that_looks_at_no_weight_is_another_for_the_time() {
        let table = table_of("sh", [("Route", 1), ("Route", 1), ("Route", 1)]);
        let (there, back) = lines(&table, "rs2");
        assert_eq!(there[0], "ipvsadm -E -t 192.0.2.100:3306 -s rr");
        assert_eq!(back[0], "ipvsadm -E -t 192.0.2.100:3306 -s sh");
        let overflow = table_of("ovf", [("Route", 1), ("Route", 1), ("Route", 1)]);
        let (there, _) = lines(&overflow, "rs2");
        assert!(
            there
                .iter()
                .any(|line| line.ends_with("192.0.2.32:3306 -g -w 65535")),
            "{there:?}"
        );
    }

    #[test]
    fn a_table_that_leaves_another_choice_is_not_taken_for_one_that_does_not() {
        let (plan, rs1) = (lab(), Name::new("rs1").unwrap());
        let only = |table: &Table| is_only(&plan, own_service(&plan, table).unwrap(), &rs1);
        assert!(only(&table_of("wlc", [("Route", 1), ("Route", 0), ("Route", 0)])));
        assert!(
            !only(&table_of("wlc", [("Route", 1), ("Route", 1), ("Route", 0)])),
            "rs2 could be chosen"
        );
        assert!(
            !only(&table_of("wlc", [("Route", 0), ("Route", 0), ("Route", 0)])),
            "nobody could be chosen"
        );
        assert!(
            !only(&table_of("sh", [("Route", 1), ("Route", 0), ("Route", 0)])),
            "the hash chooses"
        );
        let service = table_of("rr", [("Route", 1), ("Route", 1), ("Route", 1)]);
        let service = own_service(&plan, &service).unwrap().clone();
        assert!(
            edits(&plan, &service, &Name::new("rs9").unwrap()).is_err(),
            "it is not in the table"
        );
    }
}
