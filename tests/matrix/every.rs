//! What is true of every cell of every scenario that is shipped, whichever these are: the behaviour fits
//! what the report says beside it, the evidence exists, and tcpdump(8) sees in the packets what the report
//! says of them.

use super::lived::told;
use super::{capture, record, run, unmet};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn every_cell_is_judged_and_shown() {
    assert_eq!(unmet(), "");
    for cell in run().report["cells"].as_array().unwrap() {
        let context = format!("{}\n{cell:#}", cell["id"]);
        behaviour_fits(cell, &context);
        evidence_exists(cell, &context);
        packets_are_what_the_report_says(cell, &context);
    }
}

/// The behaviour, the article's word for it, the times, the error and what ended the connection say the same.
fn behaviour_fits(cell: &Value, context: &str) {
    let record = record(cell);
    let patience = &record["plan"]["observe"]["patience"];
    let patience = patience["secs"].as_i64().unwrap() * super::S + patience["nanos"].as_i64().unwrap();
    let number = |key: &str| cell["operation"][key].as_i64().unwrap();
    let (error, article) = (&cell["error"], cell["article"].as_str());
    // Parts that come one after the other may take longer than patience, and the report says so.
    let steady = !cell["longest-silence-ns"].is_null();
    let in_time = || number("ended-ns") <= number("due-ns") + patience || steady;
    match cell["behaviour"].as_str().unwrap() {
        "answered" => {
            assert_eq!(article, Some("OK"), "{context}");
            assert!(cell["operation"]["served-by"].is_string(), "{context}");
            assert!(error.is_null() && in_time(), "{context}");
        }
        "failed-fast" => {
            assert_eq!(article, Some("OK"), "{context}");
            assert!(error["message"].is_string() && in_time(), "{context}");
        }
        "hung" => {
            assert_eq!(article, Some("NG"), "{context}");
            assert!(cell["silence-ns"].as_i64().unwrap() > patience, "{context}");
            match cell["ends"].as_str().unwrap() {
                "answer" => {
                    assert!(cell["operation"]["served-by"].is_string(), "{context}");
                    assert!(error.is_null() && told(cell).is_empty(), "{context}");
                }
                "error" => assert!(error["message"].is_string(), "{context}"),
                "none" => assert!(
                    error.is_null() && cell["operation"]["ended-ns"].is_null(),
                    "{context}"
                ),
                other => panic!("{other}: {context}"),
            }
        }
        other => panic!("{other}: {context}"),
    }
}

/// The client program that a host of the record's plan runs.
fn client_of(record: &Value) -> &Value {
    let hosts = record["plan"]["hosts"].as_array().unwrap();
    let mut runs = hosts.iter().filter_map(|host| host["runs"].as_array()).flatten();
    runs.find_map(|process| process.get("client")).unwrap()
}

/// What a cell sets of its client was read back from the kernel, or from the program.
#[test]
fn each_setting_was_in_force() {
    let mut seen = 0;
    for cell in run().report["cells"].as_array().unwrap() {
        let record = record(cell);
        let planned = &client_of(&record)["settings"];
        let set = planned.as_object();
        let set: BTreeSet<&str> = set.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let none = Vec::new();
        let shown = record["client"]["settings"].as_array().unwrap_or(&none);
        for setting in shown {
            let name = setting["setting"].as_str().unwrap();
            let value = &planned[name];
            let seconds = |value: &Value| value["secs"].as_u64().unwrap();
            let wanted = match name {
                "keepalive" => json!({ "keepalive": {
                    "port": setting["shown"]["keepalive"]["port"],
                    "on": 1,
                    "idle": seconds(&value["time"]),
                    "interval": seconds(&value["interval"]),
                    "probes": value["probes"],
                }}),
                "tcp-user-timeout" => json!({ "user-timeout": {
                    "port": setting["shown"]["user-timeout"]["port"],
                    "millis": seconds(value) * 1000,
                }}),
                "connect-timeout" => json!({ "help": {
                    "setting": format!("connect-timeout {}", seconds(value)),
                }}),
                // Others are shown in words of their own.
                _ => setting["shown"].clone(),
            };
            assert_eq!(setting["shown"], wanted, "{}", cell["id"]);
            seen += 1;
        }
        let shown: BTreeSet<&str> = shown.iter().map(|it| it["setting"].as_str().unwrap()).collect();
        assert!(set.is_subset(&shown), "{}: {set:?}, shown {shown:?}", cell["id"]);
    }
    assert!(seen > 0);
}

/// There is evidence, and each place that it cites is there.
fn evidence_exists(cell: &Value, context: &str) {
    let (record, packets) = (record(cell), capture(cell).len());
    let numbers = |list: &str| -> BTreeSet<usize> {
        let items = record[list].as_array().unwrap().iter();
        items
            .map(|item| usize::try_from(item["number"].as_u64().unwrap()).unwrap())
            .collect()
    };
    let (events, steps, snapshots) = (numbers("client-events"), numbers("steps"), numbers("snapshots"));
    let views = record["server-views"].as_array().unwrap().iter();
    let servers: BTreeSet<usize> = views
        .map(|view| usize::try_from(view["server-id"].as_u64().unwrap()).unwrap())
        .collect();
    let evidence = cell["evidence"].as_array().unwrap();
    assert!(!evidence.is_empty(), "no evidence: {context}");
    let (mut events_cited, mut packets_cited) = (0, 0);
    for piece in evidence {
        assert!(
            !piece["what"].as_str().unwrap().is_empty(),
            "{piece} in {context}"
        );
        let places = piece["shown-by"].as_array().unwrap();
        assert!(!places.is_empty(), "nothing shows {piece} in {context}");
        for place in places {
            let (kind, number) = place.as_str().unwrap().split_once(' ').unwrap();
            let number: usize = number.parse().unwrap();
            let there = match kind {
                "event" => {
                    events_cited += 1;
                    events.contains(&number)
                }
                "packet" => {
                    packets_cited += 1;
                    (1..=packets).contains(&number)
                }
                "snapshot" => snapshots.contains(&number),
                "step" => steps.contains(&number),
                "server" => servers.contains(&number),
                other => panic!("evidence of an unknown kind, {other}: {context}"),
            };
            assert!(there, "{place} does not exist: {context}");
        }
    }
    assert!(
        events_cited > 0 && packets_cited > 0,
        "evidence names no event or no packet: {context}"
    );
}

/// Who sent what, and what was sent again: tcpdump says the same of the packets that the report names.
fn packets_are_what_the_report_says(cell: &Value, context: &str) {
    let (record, lines) = (record(cell), capture(cell));
    let line = |packet: &Value| &lines[usize::try_from(packet.as_u64().unwrap()).unwrap() - 1];
    let of_host = |node: &Value, line: &str| -> bool {
        let hosts = record["plan"]["hosts"].as_array().unwrap();
        let host = hosts.iter().find(|host| {
            let named = ["real-server", "named-director"].map(|key| &host["node"][key]);
            host["node"] == *node || named.contains(&node)
        });
        let host = host.unwrap_or_else(|| panic!("no host {node}: {context}"));
        let cards = host["nics"].as_array().unwrap();
        cards
            .iter()
            .any(|card| line.starts_with(card["mac"].as_str().unwrap()))
    };
    // What comes to a client behind a router has the router's Ethernet address, whoever made it.
    let routed = record["plan"]["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .any(|host| host["node"] == "router");
    for item in cell["terminators"].as_array().unwrap() {
        let line = line(&item["packet"]);
        let theirs = of_host(&item["by"], line) || routed && of_host(&Value::from("router"), line);
        assert!(theirs, "{item}, tcpdump: {line}\n{context}");
        let mark = match item["kind"].as_str().unwrap() {
            "RST" => "Flags [R",
            "FIN" => "Flags [F",
            "ICMP port unreachable" => match record["plan"]["services"][0]["protocol"].as_str() {
                Some("udp") => "udp port 9007 unreachable",
                _ if line.contains("ICMP6") => "unreachable port, 2001:db8:0:1::100 tcp port 3306",
                // That of echo servers and of programs of the author's own.
                _ if line.contains("tcp port 9007") => "tcp port 9007 unreachable",
                _ => "tcp port 3306 unreachable",
            },
            "ICMP host unreachable" if line.contains("ICMP6") => "unreachable address 2001:db8:0:1::100",
            "ICMP host unreachable" => "host 192.0.2.100 unreachable",
            other => panic!("{other}: {context}"),
        };
        assert!(line.contains(mark), "{item}, tcpdump: {line}\n{context}");
    }
    let again = &cell["retransmissions"];
    let packets = again["packets"].as_array().unwrap();
    let count = usize::try_from(again["count"].as_u64().unwrap()).unwrap();
    // The count is of all that was sent again, the packets are those of the bytes that were sent most often.
    let listed = packets.len().saturating_sub(1);
    assert!(listed <= count && (listed == 0) == (count == 0), "{context}");
    // TCP may cut a stream anew when it sends it again: the ranges of bytes overlap.
    let sent = packets.iter().map(line).collect::<Vec<_>>();
    for again in &sent {
        let ((from, to), (first, last)) = (range(again), range(sent[0]));
        assert!(from < last && first < to, "{again}, first {}\n{context}", sent[0]);
        assert!(of_host(&Value::from("client"), again), "{context}");
    }
    let length = format!("length {}", again["payload-length"]);
    assert!(
        count == 0 || sent.iter().any(|line| line.ends_with(&length)),
        "{sent:#?}\n{context}"
    );
}

/// The sequence numbers of a segment as tcpdump prints them, `seq 1:14` or, of a SYN, `seq 1`: the first, and
/// the one after the last. (No capture here is so long that they wrap and overlap.)
fn range(line: &str) -> (i64, i64) {
    let text = line.split("seq ").nth(1).unwrap().split(',').next().unwrap();
    let mut numbers = text.split(':').map(|number| number.parse::<i64>().unwrap());
    let from = numbers.next().unwrap();
    let to = numbers.next().unwrap_or(from + 1);
    (from, if to < from { to + (1 << 32) } else { to })
}
