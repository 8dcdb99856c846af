//! What becomes of the transaction of a client that loses its server in the middle of it, and of its locks.

use super::lived::*;
use super::{S, cell, record, run};
use rstest::rstest;
use serde_json::{Value, json};

const RS1: Lived = Answered("rs1");
/// What the first client did; whether the second one got the row, and the pieces that it reads.
const LOCKS: [(&str, Row, &str); 5] = [
    ("commits", Row::Free, "9"),
    ("server-restarted", Row::Free, "10"),
    ("lost", Row::Locked, "10"),
    ("lost-at-once", Row::Locked, "10"),
    ("lost-at-once-keepalive", Row::FreeLater, "10"),
];

#[derive(Debug, Clone, Copy)]
enum Row {
    Free,
    FreeLater,
    Locked,
}

/// The open transactions of sessions that the client has lost: (rows modified, rows locked), or none for a
/// session without one.
fn left(id: &str) -> Vec<Option<(u64, u64)>> {
    let orphans = cell(&run().report, id)["orphaned-sessions"].as_array().unwrap();
    let rows = |transaction: &Value| {
        assert_eq!(transaction["state"], "RUNNING", "{id}");
        let number = |key: &str| transaction[key].as_u64().unwrap();
        (number("rows-modified"), number("rows-locked"))
    };
    let of = |orphan: &Value| orphan["session"].get("transaction").map(rows);
    orphans.iter().map(of).collect()
}

/// A COMMIT that the client has an error of is made all the same if it had passed the director.
#[rstest]
#[case("deleted_next-update_0", &[Some((1, 1))])]
#[case("deleted_commit_0", &[Some((1, 1))])]
#[case("deleted_commit_1", &[Some((1, 1))])]
#[case("deleted_commit-on-its-way_1", &[None])]
#[case("deleted_commit-on-its-way_0", &[])]
#[case("killed_commit_0", &[])]
#[case("stays_commit_0", &[])]
fn what_the_server_still_holds(#[case] cell: &str, #[case] expected: &[Option<(u64, u64)>]) {
    assert_eq!(left(&format!("transactions/{cell}")), expected, "{cell}");
}

#[test]
fn the_lock_of_a_lost_client() {
    for (first, row, pieces) in LOCKS {
        let read = format!("orphaned-locks/{first}_read");
        check(&read, RS1);
        let record = record(cell(&run().report, &read));
        let events = record["client-events"].as_array().unwrap().iter().rev();
        let mut results = events.filter_map(|event| event["kind"].get("result-received"));
        assert_eq!(results.next().unwrap()["first-row"], json!([pieces]), "{read}");

        let same = format!("orphaned-locks/{first}_same-row");
        match row {
            Row::Free => check(&same, RS1),
            Row::FreeLater => check(&same, Hung(Answer("rs1"))),
            Row::Locked => {
                let cell = cell(&run().report, &same);
                assert_eq!(
                    (&cell["verdict"]["result"], &cell["behaviour"], &cell["ends"]),
                    (&"met".into(), &"hung".into(), &"error".into()),
                    "{cell:#}"
                );
                let error = &cell["error"];
                assert_eq!(
                    (&error["server"], &error["classic"]),
                    (&json!(1205), &Value::Null),
                    "{cell:#}"
                );
                let silence = cell["silence-ns"].as_i64().unwrap();
                assert!((49 * S..52 * S).contains(&silence), "{cell:#}");
                assert_eq!(left(&same), [Some((1, 1))], "{cell:#}");
            }
        }
    }
}
