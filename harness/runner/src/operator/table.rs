//! Edits of the director's table, by ipvsadm(8), and what the kernel's own table says of them.

use super::{Effect, effect, run_lines};
use crate::director::table;
use crate::error::{LabError, Result, Stage};
use crate::lab::{Lab, run_recorded_with};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Edit, Node, TableAction};
use lvs_matrix_model::ipvs::{Method, Service, Table};
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::Proof;
use lvs_matrix_model::scenario::Forwarding;
use lvs_matrix_netns::{CommandLine, Namespace};
use std::collections::BTreeMap;
use std::time::Duration;

/// A table that was saved: ipvsadm's lines, and what the kernel showed at that moment.
#[derive(Debug, Clone)]
pub(crate) struct Saved {
    lines: String,
    table: Table,
}

/// What the kernel's table shows of an edit, or what it has instead.
type Shown = std::result::Result<Proof, String>;

/// Edits the table and looks whether the kernel's table followed.
pub(crate) fn edit_table(
    plan: &LabPlan,
    lab: &Lab,
    whole: &Edit,
    saved: &mut BTreeMap<Node, Saved>,
) -> Result<Effect> {
    let Edit { on, action: edit } = whole;
    let action = whole.clone().into();
    let director = lab.namespace(on)?;
    let before = counted(director, edit)?;
    let commands = if *edit == TableAction::RestoreTable {
        let no_table = || LabError::new(whole.to_string(), "no table was saved");
        let stdin = saved.get(on).ok_or_else(no_table)?.lines.as_bytes();
        let lines = plan.command_lines(&action).into_iter();
        lines
            .map(|(node, argv)| run_recorded_with(director, node, &argv, stdin))
            .collect::<Result<_>>()?
    } else {
        run_lines(plan, lab, &action)?
    };
    let now = table(director)?;
    if *edit == TableAction::SaveTable {
        let lines = commands.iter().map(|command| command.output.clone() + "\n");
        let lines = lines.collect();
        let table = now.clone();
        saved.insert(on.clone(), Saved { lines, table });
    }
    let shown = if let Some(before) = before {
        zeroed(before, counted(director, edit)?)
    } else if let TableAction::SetTimeouts { tcp, tcp_fin, udp } = edit {
        let line = CommandLine::new(["ipvsadm", "-L", "--timeout"]);
        let shown = director.check(&line).stage("read the time-outs")?;
        let seconds = |time: &Option<Duration>| time.map(|time| time.as_secs());
        timeouts(&shown, tcp.as_secs(), seconds(tcp_fin), seconds(udp))
    } else {
        in_table(plan, edit, &now, saved.get(on))
    };
    effect(whole, commands, shown)
}

/// The packets that IPVS has counted, if the edit is one of its counters.
fn counted(director: &Namespace, edit: &TableAction) -> Result<Option<u64>> {
    if *edit != TableAction::ZeroCounters {
        return Ok(None);
    }
    let stage = "read /proc/net/ip_vs_stats";
    let text = director
        .run(|| std::fs::read_to_string("/proc/thread-self/net/ip_vs_stats"))
        .stage(stage)?
        .stage(stage)?;
    let counted =
        incoming(&text).ok_or_else(|| LabError::new(stage, format!("it has no counters: {text}")))?;
    Ok(Some(counted))
}

/// The second number of the first line of numbers (net/netfilter/ipvs/ip_vs_ctl.c, `ip_vs_stats_show`).
fn incoming(stats: &str) -> Option<u64> {
    let number = |word: &str| u64::from_str_radix(word, 16).ok();
    let mut lines = stats.lines().map(str::split_whitespace);
    lines.find_map(|words| {
        let numbers: Option<Vec<u64>> = words.map(number).collect();
        numbers?.get(1).copied()
    })
}

/// Packets that came meanwhile count anew.
fn zeroed(before: u64, after: Option<u64>) -> Shown {
    match after {
        Some(after) if after < before || after == 0 => Ok(Proof::Zeroed { before, after }),
        after => Err(format!(
            "/proc/net/ip_vs_stats counted {before} packets before, and {after:?} after"
        )),
    }
}

/// Does the table show that `edit` was made?
fn in_table(plan: &LabPlan, edit: &TableAction, now: &Table, saved: Option<&Saved>) -> Shown {
    let service = |port: Option<u16>| {
        let own = plan.service();
        now.service(port.map_or_else(|| own.listen(), |port| own.listen_at(port)))
    };
    let weight = |server: &Name| {
        let host = plan.host(&Node::RealServer(server.clone()))?;
        service(None)?.destination(plan.listed(host))
    };
    let has = |server: &Name, forwarding: Forwarding, wanted: u16| {
        let method = method(forwarding);
        match weight(server) {
            Some(found) if found.weight == u32::from(wanted) && found.method == method => {
                Ok(Proof::HasServer {
                    server: server.clone(),
                    weight: wanted,
                    method,
                })
            }
            found => Err(format!(
                "the kernel's table has {found:?} for {server}, not weight {wanted} and {method}"
            )),
        }
    };
    match edit {
        TableAction::RemoveRealServer { server } => match weight(server) {
            None => Ok(Proof::NoServer {
                server: server.clone(),
            }),
            Some(found) => Err(format!("the kernel's table still has {server}: {found:?}")),
        },
        TableAction::AddRealServer { server, weight } | TableAction::SetWeight { server, weight } => {
            has(server, plan.service().forwarding_to(server), *weight)
        }
        TableAction::SetForwarding {
            server,
            method,
            weight,
        } => has(server, *method, *weight),
        TableAction::RemoveService { port } => match service(*port) {
            None => Ok(Proof::NoSuchService),
            Some(found) => Err(format!("the kernel's table still has the service: {found:?}")),
        },
        TableAction::AddService { port } => match service(*port) {
            Some(Service { destinations, .. }) if destinations.is_empty() => Ok(Proof::EmptyService),
            found => Err(format!(
                "the kernel's table has {found:?}, not a service without real servers"
            )),
        },
        TableAction::SetScheduler { scheduler } => match service(None) {
            Some(found) if found.scheduler == *scheduler => Ok(Proof::HasScheduler {
                scheduler: scheduler.clone(),
            }),
            found => Err(format!(
                "the kernel's table has {found:?}, not scheduler {scheduler}"
            )),
        },
        TableAction::FlushTable => {
            if now.services.is_empty() {
                Ok(Proof::NoService)
            } else {
                Err(format!("the kernel's table still has {:?}", now.services))
            }
        }
        TableAction::SaveTable => {
            let lines = saved.map_or("", |saved| saved.lines.as_str()).trim();
            let (wanted, found) = (now.saved_lines(), lines.lines().count());
            if wanted == found {
                Ok(Proof::Saved {
                    lines: lines.replace('\n', "; "),
                })
            } else {
                Err(format!("ipvsadm saved {found} lines of {wanted}: {lines}"))
            }
        }
        TableAction::RestoreTable => {
            let wanted = saved.map(|saved| &saved.table);
            let has = |wanted: &Service| now.services.iter().any(|found| same(found, wanted));
            if wanted.is_some_and(|wanted| wanted.services.iter().all(has)) {
                Ok(Proof::Restored)
            } else {
                Err(format!(
                    "the kernel's table has {:?}, not {wanted:?}",
                    now.services
                ))
            }
        }
        TableAction::SetTimeouts { .. } => Err("the kernel's table does not show time-outs".to_owned()),
        TableAction::ZeroCounters => Err("the kernel's table does not show counters".to_owned()),
    }
}

/// What the table calls a packet-forwarding method.
fn method(forwarding: Forwarding) -> Method {
    match forwarding {
        Forwarding::DirectRouting => Method::DirectRouting,
        Forwarding::Masquerading => Method::Masquerading,
        Forwarding::Tunneling => Method::Tunneling,
    }
}

/// Are these the same service with the same destinations? Their order and what they carry at the moment may
/// differ: IPVS has the destination that was added last first.
fn same(found: &Service, wanted: &Service) -> bool {
    let settled = |service: &Service| {
        let mut service = service.clone();
        service
            .destinations
            .sort_by_key(|destination| destination.address);
        for destination in &mut service.destinations {
            (destination.active, destination.inactive) = (0, 0);
        }
        service
    };
    settled(found) == settled(wanted)
}

/// `Timeout (tcp tcpfin udp): 900 120 300`.
fn timeouts(shown: &str, tcp: u64, tcp_fin: Option<u64>, udp: Option<u64>) -> Shown {
    let found: Vec<u64> = shown
        .rsplit(':')
        .next()
        .into_iter()
        .flat_map(str::split_whitespace)
        .filter_map(|word| word.parse().ok())
        .collect();
    match found.as_slice() {
        [found_tcp, found_fin, found_udp]
            if *found_tcp == tcp
                && tcp_fin.is_none_or(|wanted| wanted == *found_fin)
                && udp.is_none_or(|wanted| wanted == *found_udp) =>
        {
            let (tcp, fin) = (*found_tcp, *found_fin);
            Ok(match udp {
                None => Proof::Timeouts { tcp, fin },
                Some(udp) => Proof::TimeoutsWithUdp { tcp, fin, udp },
            })
        }
        _ => Err(format!("the time-outs are others: {shown}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lvs_matrix_model::matrix::cells;
    use lvs_matrix_model::plan::plan;
    use lvs_matrix_model::scenario::load;

    /// As the lab's table is at the beginning, in the kernel's words.
    const BEFORE: &str = "TCP  C0000264:0CEA rr\n  -> C000021F:0CEA      Route   1      0          0\n";

    fn parsed(text: &str) -> Table {
        Table::of_kernel(text).unwrap()
    }

    fn lab() -> LabPlan {
        let scenario = load(
            "{ name: sample, claim: A plan., lab: { real-servers: { rs1: {} } }, act: [{ connect: {} }], \
             observe: { patience: 5s, until: 1m }, expect: [{ observe-only: true }] }",
        );
        let scenario = scenario.unwrap();
        plan(&scenario, &cells(&scenario)[0])
    }

    /// Each edit of the table, and the table after it. Before it, or after a command that did nothing, it is
    /// not shown.
    #[test]
    fn an_edit_that_was_not_made_is_not_shown() {
        let rs1 = || Name::new("rs1").unwrap();
        let line = |method: &str, weight: u16| {
            format!("TCP  C0000264:0CEA rr\n  -> C000021F:0CEA  {method}  {weight}  0  0\n")
        };
        let service = |scheduler: &str| format!("TCP  C0000264:0CEA {scheduler}\n");
        let other = format!("{BEFORE}TCP  C0000264:0050 rr\n");
        let server = rs1();
        let (method, weight) = (Forwarding::Tunneling, 1);
        let empty = String::new;
        let before = || BEFORE.to_owned();
        let cases: [(TableAction, String, String); 10] = [
            (
                TableAction::RemoveRealServer { server: rs1() },
                before(),
                service("rr"),
            ),
            (
                TableAction::AddRealServer {
                    server: rs1(),
                    weight: 7,
                },
                service("rr"),
                line("Route", 7),
            ),
            (
                TableAction::SetWeight {
                    server: rs1(),
                    weight: 0,
                },
                before(),
                line("Route", 0),
            ),
            (
                TableAction::SetForwarding {
                    server,
                    method,
                    weight,
                },
                before(),
                line("Tunnel", 1),
            ),
            (TableAction::RemoveService { port: None }, before(), empty()),
            (TableAction::AddService { port: None }, empty(), service("rr")),
            (
                TableAction::AddService { port: Some(80) },
                before(),
                other.clone(),
            ),
            (TableAction::RemoveService { port: Some(80) }, other, before()),
            (
                TableAction::SetScheduler {
                    scheduler: "wlc".to_owned(),
                },
                before(),
                service("wlc"),
            ),
            (TableAction::FlushTable, before(), empty()),
        ];
        for (edit, before, after) in cases {
            assert!(
                in_table(&lab(), &edit, &parsed(&after), None).is_ok(),
                "{edit:?} made"
            );
            assert!(
                in_table(&lab(), &edit, &parsed(&before), None).is_err(),
                "{edit:?} not made"
            );
        }
    }

    #[test]
    fn a_table_is_saved_whole_and_restored_as_it_was() {
        let lines =
            "-A -t 192.0.2.100:3306 -s rr\n-a -t 192.0.2.100:3306 -r 192.0.2.31:3306 -g -w 1\n".to_owned();
        let table = parsed(BEFORE);
        let saved = Saved { lines, table };
        let shown =
            |edit: &TableAction, now: &str, saved: &Saved| in_table(&lab(), edit, &parsed(now), Some(saved));
        assert!(shown(&TableAction::SaveTable, BEFORE, &saved).is_ok());
        assert!(shown(&TableAction::RestoreTable, BEFORE, &saved).is_ok());
        assert!(
            shown(&TableAction::RestoreTable, "", &saved).is_err(),
            "nothing was restored"
        );
        let other = BEFORE.replace("Route   1", "Route   2");
        assert!(
            shown(&TableAction::RestoreTable, &other, &saved).is_err(),
            "another weight"
        );
        let nothing = Saved {
            lines: String::new(),
            ..saved
        };
        assert!(
            shown(&TableAction::SaveTable, BEFORE, &nothing).is_err(),
            "nothing was saved"
        );
    }

    #[test]
    fn counters_count_anew() {
        let shown = "   Total Incoming Outgoing         Incoming         Outgoing\n   \
                     Conns  Packets  Packets            Bytes            Bytes\n       \
                     1       1F        0              6A4                0\n";
        assert_eq!(incoming(shown), Some(31));
        assert_eq!(incoming("Total Incoming\n"), None, "no counters");
        assert!(zeroed(31, Some(0)).is_ok() && zeroed(0, Some(0)).is_ok());
        assert!(zeroed(31, Some(2)).is_ok(), "they count on");
        assert!(zeroed(31, Some(31)).is_err() && zeroed(31, Some(40)).is_err());
        assert!(zeroed(31, None).is_err());
    }

    #[test]
    fn time_outs_are_read_as_ipvsadm_shows_them() {
        let shown = "Timeout (tcp tcpfin udp): 60 120 300";
        assert!(timeouts(shown, 60, None, None).is_ok());
        assert!(timeouts(shown, 60, Some(120), None).is_ok());
        assert!(
            timeouts(shown, 900, None, None).is_err(),
            "the command did nothing"
        );
        assert!(timeouts(shown, 60, Some(10), None).is_err());
        assert!(timeouts(shown, 60, None, Some(300)).is_ok());
        assert!(timeouts(shown, 60, None, Some(10)).is_err());
        assert!(timeouts("", 60, None, None).is_err());
    }
}
