//! The scenario `client-actions`, said a second time: what a client was doing when its real server was
//! deleted.

use super::lived::*;
use super::{cell, record, run};
use rstest::rstest;
use serde_json::Value;

const RS1: Lived = Answered("rs1");
const RS2: Lived = Answered("rs2");
/// An RST from the director, to a client that waits.
const RESET: Lived = FailedFast(2013, Some(ECONNRESET), NO_ENTRY);
/// The director's entry and the client's patience end at about the same time.
const DROPPED: Lived = Hung(Error(&[ETIMEDOUT, ECONNRESET]));
/// The server's own time-out: past the director.
const ENDED_BY_SERVER: Lived = Hung(GaveUp(2013, Some(ECONNRESET), NO_PROCESS));

/// What the client does: with its real server in the table, without it, and without it and with
/// expire_nodest_conn.
const ACTIONS: [(&str, [Lived; 3]); 11] = [
    (
        "next-statement",
        [RS1, DROPPED, FailedFast(2006, Some(ECONNRESET), NO_ENTRY)],
    ),
    ("large-result", [RS1, ENDED_BY_SERVER, RESET]),
    ("large-upload", [RS1, DROPPED, RESET]),
    ("syn-on-its-way", [RS1, Hung(End::None), RESET]),
    ("awaiting-the-greeting", [RS1, ENDED_BY_SERVER, RESET]),
    ("pool-member-on-rs1", [RS1, DROPPED, RESET]),
    ("pool-member-on-rs2", [RS2, RS2, RS2]),
    ("reconnecting", [RS2, RS2, RS2]),
    ("port-again-after-quit", [RS1, Hung(Answer("rs2")), RS2]),
    ("port-again-after-reset", [RS2, RS2, RS2]),
    ("idle-for-long", [RESET, RESET, RESET]),
];

fn id(real_server: &str, action: &str, expire: &str) -> String {
    format!("client-actions/{real_server}_{action}_{expire}")
}

pub(crate) fn ids() -> Vec<String> {
    let cells = ["present", "absent"].map(|server| ["0", "1"].map(|expire| (server, expire)));
    let of = |(server, expire): &(&str, &str)| ACTIONS.map(|(action, _)| id(server, action, expire));
    cells.iter().flatten().flat_map(of).collect()
}

#[test]
fn a_client_of_a_real_server_that_was_deleted() {
    for (action, [present, absent, expired]) in ACTIONS {
        // TCP cuts an upload anew when it sends it again; `check` wants the very same segments.
        if action == "large-upload" {
            continue;
        }
        for expire in ["0", "1"] {
            check(&id("present", action, expire), present);
        }
        check(&id("absent", action, "0"), absent);
        check(&id("absent", action, "1"), expired);
    }
}

#[rstest]
#[case("present", "0", "answered")]
#[case("present", "1", "answered")]
#[case("absent", "0", "hung")]
#[case("absent", "1", "failed-fast")]
fn an_upload_that_stood_still(#[case] real_server: &str, #[case] expire: &str, #[case] behaviour: &str) {
    let cell = cell(&run().report, &id(real_server, "large-upload", expire));
    assert_eq!(
        (&cell["behaviour"], &cell["verdict"]["result"]),
        (&behaviour.into(), &"met".into())
    );
    assert_eq!(cell["operation"]["served-by"], "rs1", "{cell}");
    let code = if behaviour == "answered" {
        Value::Null
    } else {
        2013.into()
    };
    assert_eq!(cell["error"]["classic"], code, "{cell}");
}

/// The client's port of the operation that was classified, and those of all its sockets in their order.
fn ports(id: &str) -> (u64, Vec<u64>) {
    let cell = cell(&run().report, id);
    let sockets = record(cell)["client"]["sockets"].as_array().unwrap().clone();
    let all = sockets
        .iter()
        .map(|socket| socket["port"].as_u64().unwrap())
        .collect();
    (cell["operation"]["client-port"].as_u64().unwrap(), all)
}

/// Packets are those of the connection that the step speaks of.
#[rstest]
#[case::hit("pool-member-on-rs1", 1)]
#[case::spared("pool-member-on-rs2", 3)]
fn a_pool_has_its_connections_told_apart(#[case] action: &str, #[case] member: usize) {
    let (port, all) = ports(&id("absent", action, "0"));
    assert_eq!((all.len(), all[member]), (4, port), "{all:?}");
}

#[test]
fn one_connection_hangs_while_another_works() {
    let record = record(cell(&run().report, &id("absent", "pool-member-on-rs1", "0")));
    let steps = record["steps"].as_array().unwrap();
    let [.., start, other, wait] = steps.as_slice() else {
        panic!("{steps:?}")
    };
    assert_eq!(other["outcome"]["done"]["proof"], "answered", "{other}");
    let ended = |step: &Value| step["ended"].as_i64().unwrap();
    assert!(ended(other) < ended(start) + super::S, "{other}");
    assert!(ended(wait) > ended(other) + 600 * super::S, "{wait}");
}

/// The same port, twice, and a client that was told to read no more than that.
#[test]
fn what_the_client_was_told_it_did() {
    for action in ["port-again-after-quit", "port-again-after-reset"] {
        assert_eq!(
            ports(&id("absent", action, "1")),
            (50000, vec![50000, 50000]),
            "{action}"
        );
    }
    let record = record(cell(&run().report, &id("present", "large-result", "0")));
    let events = record["client-events"].as_array().unwrap();
    let kind = |name: &str| events.iter().find_map(|event| event["kind"].get(name)).unwrap();
    assert_eq!(kind("reading-paused")["rows"], 10, "{events:?}");
    assert_eq!(kind("result-received")["rows"], 100, "{events:?}");
}
