//! The scenarios of the many faults, said a second time: `faults`, `delete-variants`, `drain` and `order`.

use super::lived::*;
use super::{cell, record, run};
use rstest::rstest;

const EHOSTUNREACH: u16 = 113;
const RS1: Lived = Answered("rs1");
const RS2: Lived = Answered("rs2");

// To a connect.
const NOTHING_LISTENS: Lived = FailedFast(2003, Some(ECONNREFUSED), NO_PROCESS);
const NO_USABLE_SERVER: Lived = FailedFast(2003, Some(ECONNREFUSED), NO_SERVER);
const NO_SERVICE: Lived = FailedFast(2003, Some(ECONNREFUSED), NO_ENTRY);
const REJECTED: Lived = FailedFast(2003, Some(ECONNREFUSED), &[("ICMP port unreachable", "rs1")]);
const NO_TUNNEL: Lived = FailedFast(2003, Some(ECONNREFUSED), NO_SERVER);
const SYN_UNANSWERED: Lived = Hung(GaveUp(2003, Some(ETIMEDOUT), &[]));
const SYN_UNREACHABLE: Lived = Hung(GaveUp(
    2003,
    Some(EHOSTUNREACH),
    &[("ICMP host unreachable", "director")],
));

// To a connection that there was.
const CLOSED: Lived = FailedFast(2006, None, PROCESS_ENDED);
const LOST: Lived = FailedFast(2013, None, PROCESS_ENDED);
const FORGOTTEN: Lived = FailedFast(2013, Some(ECONNRESET), NO_ENTRY);
const RESET: Lived = FailedFast(2013, Some(ECONNRESET), NO_PROCESS);
const UNANSWERED: Lived = Hung(GaveUp(2013, Some(ETIMEDOUT), &[]));
const UNREACHABLE: Lived = Hung(GaveUp(
    2013,
    Some(EHOSTUNREACH),
    &[("ICMP host unreachable", "director")],
));
const REJECTED_FOR_LONG: Lived = Hung(GaveUp(
    2013,
    Some(ECONNREFUSED),
    &[("ICMP port unreachable", "rs1")],
));
/// The director's entry and the client's patience end at about the same time.
const DROPPED: Lived = Hung(Error(&[ETIMEDOUT, ECONNRESET]));
const FOR_EVER: Lived = Hung(End::None);

/// A fault: a new connection, a statement, a statement that was running.
const FAULTS: [(&str, [Lived; 3]); 25] = [
    ("mysqld-stopped", [NOTHING_LISTENS, CLOSED, LOST]),
    ("mysqld-killed", [NOTHING_LISTENS, CLOSED, LOST]),
    ("mysqld-restarted", [RS1, CLOSED, LOST]),
    ("mysqld-frozen", [FOR_EVER, FOR_EVER, FOR_EVER]),
    ("mysqld-thawed", [RS1, RS1, RS1]),
    ("host-off", [SYN_UNANSWERED, UNANSWERED, FOR_EVER]),
    (
        "host-off-on-flat-segment",
        [SYN_UNREACHABLE, UNREACHABLE, FOR_EVER],
    ),
    ("link-down", [SYN_UNREACHABLE, UNREACHABLE, FOR_EVER]),
    ("link-back", [RS1, RS1, RS1]),
    ("drop-input", [SYN_UNANSWERED, UNANSWERED, RS1]),
    ("drop-output", [SYN_UNANSWERED, UNANSWERED, FOR_EVER]),
    ("reject-input", [REJECTED, REJECTED_FOR_LONG, RS1]),
    ("reset-input", [NOTHING_LISTENS, RESET, RS1]),
    ("director-drops", [SYN_UNANSWERED, UNANSWERED, RS1]),
    ("delay", [RS1, RS1, RS1]),
    ("loss", [RS1, RS1, RS1]),
    ("service-deleted", [NO_SERVICE, FORGOTTEN, RS1]),
    ("table-flushed", [NO_SERVICE, FORGOTTEN, RS1]),
    ("table-restored", [RS1, RS1, RS1]),
    ("weight-0", [NO_USABLE_SERVER, RS1, RS1]),
    ("weight-back", [RS1, RS1, RS1]),
    ("masquerading", [SYN_UNANSWERED, RS1, RS1]),
    ("tunneling", [NO_TUNNEL, RS1, RS1]),
    ("scheduler-edited", [RS1, RS1, RS1]),
    ("timeouts-edited", [RS1, RS1, RS1]),
];

/// A deletion, with or without another service: a new connection, and a statement without and with
/// expire_nodest_conn.
const DELETIONS: [(&str, [Lived; 3]); 12] = [
    ("real-server_none", [NO_USABLE_SERVER, DROPPED, FORGOTTEN]),
    ("real-server_one", [NO_USABLE_SERVER, DROPPED, FORGOTTEN]),
    ("real-server-re-added_none", [RS1, RS1, FORGOTTEN]),
    ("real-server-re-added_one", [RS1, RS1, FORGOTTEN]),
    ("service_none", [NO_SERVICE, FORGOTTEN, FORGOTTEN]),
    ("service_one", [NO_SERVICE, DROPPED, FORGOTTEN]),
    ("service-re-added_none", [RS1, RS1, FORGOTTEN]),
    ("service-re-added_one", [RS1, RS1, FORGOTTEN]),
    ("flush_none", [NO_SERVICE, FORGOTTEN, FORGOTTEN]),
    ("flush_one", [NO_SERVICE, FORGOTTEN, FORGOTTEN]),
    ("flush-and-restore_none", [RS1, RS1, FORGOTTEN]),
    ("flush-and-restore_one", [RS1, RS1, FORGOTTEN]),
];

const DRAINS: [&str; 6] = [
    "weight-0",
    "weight-0-wait",
    "weight-0-wait-delete",
    "weight-0-wait-stop-delete",
    "weight-0-delete",
    "delete",
];

fn of_faults() -> Vec<(String, Lived)> {
    let mut all = Vec::new();
    for (fault, by_client) in FAULTS {
        for (client, lived) in ["new-connection", "execute-sql", "waiting"].iter().zip(by_client) {
            for expire in ["0", "1"] {
                let forgotten = (fault, *client, expire) == ("table-restored", "execute-sql", "1");
                let lived = if forgotten { FORGOTTEN } else { lived };
                all.push((format!("faults/{fault}_{client}_{expire}"), lived));
            }
        }
    }
    all
}

fn of_deletions() -> Vec<(String, Lived)> {
    let mut all = Vec::new();
    for (deletion, [new, kept, expired]) in DELETIONS {
        for (rest, lived) in [
            ("new-connection_0", new),
            ("new-connection_1", new),
            ("execute-sql_0", kept),
            ("execute-sql_1", expired),
        ] {
            all.push((format!("delete-variants/{deletion}_{rest}"), lived));
        }
    }
    all
}

fn of_drains() -> Vec<(String, Lived)> {
    // MariaDB closes an idle connection by an RST.
    let timed_out = FailedFast(2006, Some(ECONNRESET), NO_PROCESS);
    let forgotten = Hung(Error(&[ECONNRESET]));
    let timed_out_late = Hung(GaveUp(2013, Some(ECONNRESET), NO_PROCESS));
    let by_client: [(&str, [Lived; 6]); 4] = [
        ("new-connection", [RS2; 6]),
        ("kept-connection", [RS1, RS1, forgotten, CLOSED, DROPPED, DROPPED]),
        (
            "closed-by-wait-timeout",
            [
                RS1,
                timed_out,
                timed_out,
                timed_out,
                timed_out_late,
                timed_out_late,
            ],
        ),
        ("long-statement", [RS1, RS1, RS1, LOST, RS1, RS1]),
    ];
    let cells = by_client.into_iter().flat_map(|(client, row)| {
        let row = DRAINS.into_iter().zip(row);
        row.map(move |(operator, lived)| (format!("drain/{client}_{operator}"), lived))
    });
    cells.collect()
}

fn of_orders() -> Vec<(String, Lived)> {
    let until_the_stop = Hung(GaveUp(2013, None, PROCESS_ENDED));
    let rows: [(&str, [Lived; 2]); 5] = [
        ("stop-then-delete", [CLOSED, CLOSED]),
        ("delete-then-stop", [CLOSED, CLOSED]),
        ("delete-speak-stop", [until_the_stop, FORGOTTEN]),
        ("off-then-delete", [DROPPED, FORGOTTEN]),
        ("off-speak-delete", [DROPPED, Hung(Error(&[ECONNRESET]))]),
    ];
    let cells = rows.into_iter().flat_map(|(deeds, [without, with])| {
        [
            (format!("order/{deeds}_0"), without),
            (format!("order/{deeds}_1"), with),
        ]
    });
    cells.collect()
}

/// The ids of all these cells.
pub(super) fn ids() -> Vec<String> {
    let all = [of_faults(), of_deletions(), of_drains(), of_orders()];
    all.into_iter().flatten().map(|(id, _)| id).collect()
}

#[rstest]
#[case::faults(of_faults())]
#[case::deletions(of_deletions())]
#[case::drains(of_drains())]
#[case::orders(of_orders())]
fn cells_of_the_many_faults(#[case] cells: Vec<(String, Lived)>) {
    for (id, lived) in cells {
        check(&id, lived);
    }
}

/// Who is told by the director alone, or by nobody, leaves a session behind; who is told by the server does
/// not.
#[rstest]
#[case("faults/host-off_execute-sql_0", 1)]
#[case("faults/reject-input_execute-sql_0", 1)]
#[case("faults/service-deleted_execute-sql_0", 1)]
#[case("delete-variants/service_one_execute-sql_0", 1)]
#[case("order/delete-speak-stop_1", 0)]
#[case("faults/mysqld-killed_execute-sql_0", 0)]
#[case("faults/mysqld-frozen_execute-sql_0", 0)]
#[case("faults/weight-0_execute-sql_0", 0)]
fn what_the_client_has_lost_and_the_server_holds(#[case] id: &str, #[case] orphans: usize) {
    let cell = cell(&run().report, id);
    let found = cell["orphaned-sessions"].as_array().unwrap();
    assert_eq!(found.len(), orphans, "{cell:#}");
    for orphan in found {
        assert_eq!(orphan["server"], "rs1", "{cell:#}");
        assert_eq!(
            orphan["client-port"], cell["operation"]["client-port"],
            "{cell:#}"
        );
        assert_eq!(orphan["socket"]["state"], "ESTAB", "{cell:#}");
        assert_eq!(orphan["session"]["command"], "Sleep", "{cell:#}");
    }
}

/// A fault that lasts is shown twice: when it was made, and when the observation ended, with the packets that
/// it met.
#[rstest]
#[case("faults/drop-input_execute-sql_0", "add-firewall-rule", true)]
#[case("faults/reject-input_new-connection_1", "add-firewall-rule", true)]
#[case("faults/loss_waiting_0", "set-netem", false)]
#[case("faults/link-down_waiting_0", "link-down", false)]
#[case("faults/mysqld-frozen_waiting_1", "freeze-mysqld", false)]
fn a_fault_that_lasts_is_looked_at_again(#[case] id: &str, #[case] action: &str, #[case] met: bool) {
    let cell = cell(&run().report, id);
    let record = record(cell);
    let mut steps = record["steps"].as_array().unwrap().iter();
    let step = steps.find(|step| step["action"].get(action).is_some()).unwrap();
    assert!(
        !step["outcome"]["done"]["proof"].as_str().unwrap().is_empty(),
        "{step:#}"
    );
    let in_force = &step["at-end"]["in-force"];
    assert!(!in_force["shows"].as_str().unwrap().is_empty(), "{step:#}");
    if met {
        assert!(in_force["packets"].as_u64().unwrap() > 0, "{step:#}");
    }
}
