//! The scenarios `transactions` and `orphaned-locks`, said a second time: what a client lives through that
//! loses its server in the middle of a transaction, and what becomes of the transaction.

use super::lived::*;
use super::{S, cell, record, run};
use rstest::rstest;
use serde_json::{Value, json};

const RS1: Lived = Answered("rs1");
/// An RST from the director, to a client that waits.
const RESET: Lived = FailedFast(2013, Some(ECONNRESET), NO_ENTRY);
/// The director's entry and the client's patience end at about the same time.
const DROPPED: Lived = Hung(Error(&[ETIMEDOUT, ECONNRESET]));
/// The end of the process, before the client speaks and while it waits.
const GONE: Lived = FailedFast(2006, None, PROCESS_ENDED);
const ENDED: Lived = FailedFast(2013, None, PROCESS_ENDED);

/// What becomes of the server, what the client does, and what it lives through: without and with
/// expire_nodest_conn.
const TRANSACTIONS: [(&str, &str, [Lived; 2]); 9] = [
    ("stays", "next-update", [RS1, RS1]),
    ("stays", "commit", [RS1, RS1]),
    ("stays", "commit-on-its-way", [RS1, RS1]),
    ("deleted", "next-update", [DROPPED, RESET]),
    ("deleted", "commit", [DROPPED, RESET]),
    ("deleted", "commit-on-its-way", [RS1, RESET]),
    ("killed", "next-update", [GONE, GONE]),
    ("killed", "commit", [GONE, GONE]),
    ("killed", "commit-on-its-way", [ENDED, ENDED]),
];

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

fn id(server: &str, client: &str, expire: usize) -> String {
    format!("transactions/{server}_{client}_{expire}")
}

pub(crate) fn ids() -> Vec<String> {
    let of = |(server, client, _): (&str, &str, _)| [0, 1].map(|expire| id(server, client, expire));
    let transactions = TRANSACTIONS.into_iter().flat_map(of);
    let seconds = |first: &str| ["same-row", "read"].map(|second| format!("orphaned-locks/{first}_{second}"));
    transactions
        .chain(LOCKS.into_iter().flat_map(|(first, ..)| seconds(first)))
        .collect()
}

#[test]
fn a_client_in_the_middle_of_a_transaction() {
    for (server, client, lived) in TRANSACTIONS {
        for (expire, lived) in lived.into_iter().enumerate() {
            check(&id(server, client, expire), lived);
        }
    }
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
