//! What a client was doing when its real server was deleted: its connections, its ports, and what it was told
//! to do.

use super::{cell, record, run};
use rstest::rstest;
use serde_json::Value;

fn id(real_server: &str, action: &str, expire: &str) -> String {
    format!("client-actions/{real_server}_{action}_{expire}")
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
