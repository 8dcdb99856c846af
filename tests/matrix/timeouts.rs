//! Which setting of a client ends which hang, and that each was in force: `client-timeouts`,
//! `connect-timeouts`, `keepalive-cuts`.

use super::lived::*;
use super::{cell, record, run};
use std::collections::BTreeSet;
use std::fs;

const RS1: Lived = Answered("rs1");
const FOR_EVER: Lived = Hung(End::None);
/// The client's own TCP gave up.
const GIVEN_UP: Lived = Hung(Error(&[ETIMEDOUT]));
/// As before, unless the director had forgotten the connection a moment earlier.
const LATE: Lived = Hung(Error(&[ETIMEDOUT, ECONNRESET]));
const UNCONNECTED: Lived = Hung(GaveUp(2003, Some(ETIMEDOUT), &[]));

const NONE: &str = "none";
const KEEPALIVE: &str = "keepalive";
const USER_TIMEOUT: &str = "tcp-user-timeout";
const BOTH: &str = "keepalive-and-user-timeout";
const RETRIES: &str = "tcp-retries2";
const SETTINGS: [&str; 5] = [NONE, KEEPALIVE, USER_TIMEOUT, BOTH, RETRIES];

/// What a cell's client lived through, and for a hang that ended, between which times, in seconds.
type Case = (String, Lived, (i64, i64));

const OPEN: (i64, i64) = (0, i64::MAX);

fn of_connections() -> Vec<Case> {
    let quarter = (14 * 60, 18 * 60);
    let sent = [
        (LATE, quarter),
        (LATE, quarter),
        (GIVEN_UP, (30, 33)),
        (GIVEN_UP, (30, 33)),
        (GIVEN_UP, (12, 20)),
    ];
    let waiting = [
        (FOR_EVER, OPEN),
        (GIVEN_UP, (88, 110)),
        (FOR_EVER, OPEN),
        (GIVEN_UP, (68, 84)),
        (FOR_EVER, OPEN),
    ];
    let rows = [
        ("server-deleted_execute-sql", sent),
        ("server-deleted_waiting", [(RS1, OPEN); 5]),
        ("host-off_execute-sql", sent),
        ("host-off_waiting", waiting),
        ("mysqld-frozen_execute-sql", [(FOR_EVER, OPEN); 5]),
        ("mysqld-frozen_waiting", [(FOR_EVER, OPEN); 5]),
    ];
    let cells = rows.into_iter().flat_map(|(row, lived)| {
        let lived = SETTINGS.into_iter().zip(lived);
        lived.map(move |(setting, (lived, times))| (format!("client-timeouts/{row}_{setting}"), lived, times))
    });
    cells.collect()
}

fn of_connects() -> Vec<Case> {
    let cells = [
        ("host-off_none", UNCONNECTED, (130, 150)),
        ("host-off_tcp-syn-retries", UNCONNECTED, (7, 12)),
        ("host-off_tcp-retries2", UNCONNECTED, (130, 150)),
        // MariaDB's command line, which says 2002 where MySQL's says 2003.
        (
            "host-off_connect-timeout",
            Hung(GaveUp(2002, Some(ETIMEDOUT), &[])),
            (10, 11),
        ),
        ("mysqld-frozen_none", FOR_EVER, OPEN),
        ("mysqld-frozen_tcp-syn-retries", FOR_EVER, OPEN),
        ("mysqld-frozen_tcp-retries2", FOR_EVER, OPEN),
        ("mysqld-frozen_connect-timeout", GIVEN_UP, (10, 11)),
    ];
    let cells = cells.into_iter();
    cells
        .map(|(cell, lived, times)| (format!("connect-timeouts/{cell}"), lived, times))
        .collect()
}

fn of_cuts() -> Vec<Case> {
    [
        ("none_0", RS1, (200, 201)),
        ("none_1", RS1, (200, 201)),
        ("60s_0", FailedFast(2013, Some(ETIMEDOUT), &[]), (88, 110)),
        ("60s_1", FailedFast(2013, Some(ECONNRESET), NO_ENTRY), (60, 75)),
    ]
    .into_iter()
    .map(|(cell, lived, times)| (format!("keepalive-cuts/{cell}"), lived, times))
    .collect()
}

fn all() -> Vec<Case> {
    [of_connections(), of_connects(), of_cuts()].concat()
}

/// The ids of all these cells.
pub(crate) fn ids() -> Vec<String> {
    all().into_iter().map(|(id, _, _)| id).collect()
}

#[test]
fn which_setting_ends_which_hang() {
    for (id, lived, (from, to)) in all() {
        check(&id, lived);
        let cell = cell(&run().report, &id);
        if (from, to) != OPEN {
            let time = cell["operation"]["time-ns"].as_i64().unwrap();
            assert!(
                (from * super::S..=to.saturating_mul(super::S)).contains(&time),
                "{cell:#}"
            );
        }
    }
}

/// What a cell sets of its client was read back from the kernel, or from the program.
#[test]
fn each_setting_was_in_force() {
    let keepalive = "SO_KEEPALIVE 1, TCP_KEEPIDLE 60, TCP_KEEPINTVL 10, TCP_KEEPCNT 3";
    let user_timeout = "TCP_USER_TIMEOUT 30000 ms";
    let connect = "`--help` with the same options lists connect-timeout 10";
    let mut seen = 0;
    for id in ids() {
        let wanted: &[(&str, &str)] = match id.rsplit('_').next().unwrap() {
            _ if id.starts_with("keepalive-cuts/60s") => &[(KEEPALIVE, keepalive)],
            KEEPALIVE => &[(KEEPALIVE, keepalive)],
            USER_TIMEOUT => &[(USER_TIMEOUT, user_timeout)],
            BOTH => &[(KEEPALIVE, keepalive), (USER_TIMEOUT, user_timeout)],
            "connect-timeout" => &[("connect-timeout", connect)],
            _ => &[],
        };
        let record = record(cell(&run().report, &id));
        let none = Vec::new();
        let settings = record["client"]["settings"].as_array().unwrap_or(&none);
        assert_eq!(settings.len(), wanted.len(), "{id}: {settings:#?}");
        for (setting, (name, shown)) in settings.iter().zip(wanted) {
            assert_eq!(setting["setting"], *name, "{id}");
            let text = setting["shown"].as_str().unwrap();
            assert!(text.ends_with(shown), "{id}: {text}");
            seen += 1;
        }
        // A sysctl that does not read back as it was written is a failure of the lab.
        let sysctls = record["plan"]["hosts"][0]["sysctls"].as_array().unwrap();
        for (value, key, usual, set) in [
            (RETRIES, "net.ipv4.tcp_retries2", "15", "5"),
            ("tcp-syn-retries", "net.ipv4.tcp_syn_retries", "6", "2"),
        ] {
            let found = sysctls.iter().find(|sysctl| sysctl[0] == key).unwrap();
            let wanted = if id.ends_with(&format!("_{value}")) {
                set
            } else {
                usual
            };
            assert_eq!(found[1], wanted, "{id}: {key}");
        }
    }
    assert_eq!(seen, 28);
}

/// The rules of `explain` that speak of a client's settings hold for the cells in which the setting made the
/// end, and for no other cell of any scenario.
#[test]
fn each_end_is_explained_by_its_setting() {
    let probes = [
        "client-timeouts/host-off_waiting_keepalive",
        "keepalive-cuts/60s_0",
    ];
    let probes_and_user_timeout = "client-timeouts/host-off_waiting_keepalive-and-user-timeout";
    let mut unacknowledged = Vec::new();
    for fault in ["server-deleted", "host-off"] {
        for setting in [USER_TIMEOUT, BOTH] {
            unacknowledged.push(format!("client-timeouts/{fault}_execute-sql_{setting}"));
        }
    }
    let probed = probes.into_iter().chain([probes_and_user_timeout]);
    let probed: BTreeSet<String> = probed.map(str::to_owned).collect();
    let own = ["host-off", "mysqld-frozen"].map(|fault| format!("connect-timeouts/{fault}_connect-timeout"));
    for (rule, wanted) in [
        ("user-timeout", unacknowledged.into_iter().collect()),
        ("probes-unanswered", probed.clone()),
        ("keepalive-exhausted", probed),
        ("time-out-of-the-program", BTreeSet::from(own)),
    ] {
        let cells = run().report["cells"].as_array().unwrap().iter();
        let ids = cells.map(|cell| cell["id"].as_str().unwrap());
        let explained = ids.filter(|id| {
            let page = fs::read_to_string(run().out.join(id).join("report.md")).unwrap();
            page.contains(&format!("<sub>Rule {rule}: "))
        });
        let explained: BTreeSet<String> = explained.map(str::to_owned).collect();
        assert_eq!(explained, wanted, "{rule}");
    }
}
