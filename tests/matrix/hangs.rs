//! Hangs, from their first retransmission to their end.

use super::lived::ETIMEDOUT;
use super::{S, capture, cell, record, run};
use serde_json::Value;

/// The trace of re-add-recovers: the same 13 bytes again and again, at gaps that double up to TCP_RTO_MAX,
/// and an answer more than five minutes later. A statement's 13 bytes: the header's four, COM_QUERY,
/// `select 1`.
#[test]
fn the_same_segment_again_and_again_until_the_server_is_back() {
    let cell = cell(&run().report, "re-add-recovers/only");
    let again = &cell["retransmissions"];
    let context = format!("{again:#}");
    assert_eq!(again["payload-length"], 13, "{context}");
    let gaps: Vec<i64> = again["gaps-ns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| gap.as_i64().unwrap())
        .collect();
    assert!(gaps.len() >= 9, "{context}");
    assert!(gaps.iter().sum::<i64>() > 300 * S, "{context}");
    assert!(gaps[0] < S, "{context}");
    // The tail-loss probe comes first and the first time-out after it at about the same gap; from there on
    // each is twice the one before it, as far as the timer wheel's coarseness goes, and 120 s are the most.
    for pair in gaps[1..].windows(2) {
        let (before, now) = (pair[0], pair[1]);
        let doubled = (before * 17 / 10..=before * 23 / 10).contains(&now);
        let capped = now > 110 * S && now < 140 * S;
        assert!(doubled || capped, "{before} ns, then {now} ns: {context}");
    }
    assert!(gaps.last().unwrap() > &(110 * S), "{context}");

    let record = record(cell);
    let event = |kind: &str| -> i64 {
        let events = record["client-events"].as_array().unwrap().iter();
        let mut found = events.filter(|event| event["kind"].get(kind).is_some());
        found
            .next_back()
            .unwrap_or_else(|| panic!("no {kind}: {record:#}"))["at"]
            .as_i64()
            .unwrap()
    };
    let (sent, answered) = (event("statement-begun"), event("result-received"));
    let steps = record["steps"].as_array().unwrap().iter();
    let added = steps
        .filter(|step| step["action"].get("add-real-server").is_some())
        .map(|step| step["ended"].as_i64().unwrap())
        .next()
        .unwrap();
    assert!(answered - sent > 300 * S, "{context}");
    assert!(sent + 300 * S <= added && added < answered, "{context}");
    // It is the last sending that was answered, and each was lost at the director but that one.
    let lines = capture(cell);
    let forwarded = lines.iter().filter(|line| {
        line.starts_with("02:6c:76:00:00:14 > 02:6c:76:00:00:1f") && line.ends_with("length 13")
    });
    // Once on the director's own interface, once on the server's.
    assert_eq!(forwarded.count(), 2, "{lines:#?}");
}

/// The older the connection, the shorter the hang: the director forgets it 900 s after the last segment that
/// it forwarded, and the first retransmission after that draws its RST.
#[test]
fn a_hang_ends_by_the_age_of_its_connection() {
    let mut silences = Vec::new();
    for age in [0, 120, 300, 890] {
        let cell = cell(&run().report, &format!("hang-to-the-end/{age}s"));
        let context = format!("age {age} s: {cell:#}");
        let number = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("{context}"));
        let silence = number(&cell["silence-ns"]);
        silences.push(silence);
        let Some(rst) = cell["terminators"].as_array().unwrap().first() else {
            // The client's own patience: only where no idle time makes the entry end before it.
            assert_eq!(
                (age, &cell["error"]["errno"]),
                (0, &Value::from(ETIMEDOUT)),
                "{context}"
            );
            continue;
        };
        let sent = number(&cell["operation"]["began-ns"]);
        let forgotten = (900 - age) * S;
        assert!(number(&rst["at-ns"]) - sent >= forgotten, "{context}");
        // The sending before it was still dropped: the entry was there (its timer may be some seconds late).
        let gaps: Vec<i64> = cell["retransmissions"]["gaps-ns"]
            .as_array()
            .unwrap()
            .iter()
            .map(number)
            .collect();
        let before_last: i64 = gaps[..gaps.len() - 1].iter().sum();
        assert!(before_last < forgotten + 30 * S, "{context}");
    }
    assert!(
        silences.is_sorted_by(|older, younger| older > younger),
        "{silences:?}"
    );
}

/// A host without power says nothing, and a client that only waits sends nothing: for the six hours that it
/// is watched.
#[test]
fn a_silent_server_is_waited_for_to_the_end_of_the_observation() {
    let cell = cell(&run().report, "silent-server/only");
    assert!(
        cell["silence-ns"].as_i64().unwrap() > (6 * 3600 - 30) * S,
        "{cell:#}"
    );
    assert!(cell["operation"]["ended-ns"].is_null(), "{cell:#}");
    assert_eq!(cell["retransmissions"]["count"], 0, "{cell:#}");
}
