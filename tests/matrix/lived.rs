//! What a client lived through, and that the report says so and has what shows it.

use super::{S, capture, cell, record, run};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a client lived through.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lived {
    /// The answer of this server, within patience.
    Answered(&'static str),
    /// The classic client's code and errno, and what told the client, in order: (packet, its sender).
    FailedFast(u16, Option<u16>, &'static [(&'static str, &'static str)]),
    /// Silence, and then this.
    Hung(End),
}

/// How a hang ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// An answer of this server.
    Answer(&'static str),
    /// Lost connection (2013) with one of these: an RST that the director sent, or the client's own patience.
    /// None are given of a program that does not tell.
    Error(&'static [u16]),
    /// The classic client's code and errno, and what had told the client meanwhile, any number of times:
    /// (packet, its sender).
    GaveUp(u16, Option<u16>, &'static [(&'static str, &'static str)]),
    /// It did not.
    None,
}

pub(crate) use End::{Answer, Error, GaveUp};
pub(crate) use Lived::{Answered, FailedFast, Hung};

pub(crate) const ETIMEDOUT: u16 = 110;
pub(crate) const ECONNRESET: u16 = 104;
pub(crate) const ECONNREFUSED: u16 = 111;
pub(crate) const NO_SERVER: &[(&str, &str)] = &[("ICMP port unreachable", "director")];
pub(crate) const NO_PROCESS: &[(&str, &str)] = &[("RST", "rs1")];
pub(crate) const PROCESS_ENDED: &[(&str, &str)] = &[("FIN", "rs1")];
pub(crate) const NO_ENTRY: &[(&str, &str)] = &[("RST", "director")];

/// The cell's client lived through this, and the report has what shows it.
pub(crate) fn check(id: &str, lived: Lived) {
    let run = run();
    let cell = cell(&run.report, id);
    let context = format!("{id} in {}\n{cell:#}", run.out.display());
    let error = &cell["error"];
    let told = told(cell);

    assert_eq!(cell["verdict"]["result"], "met", "{context}");
    match lived {
        Answered(server) => {
            assert_eq!(cell["behaviour"], "answered", "{context}");
            assert_eq!(cell["article"], "OK", "{context}");
            assert_eq!(cell["operation"]["served-by"], server, "{context}");
            assert!(error.is_null(), "{context}");
            assert!(told.is_empty(), "{context}");
        }
        FailedFast(code, errno, by) => {
            assert_eq!(cell["behaviour"], "failed-fast", "{context}");
            assert_eq!(cell["article"], "OK", "{context}");
            // Within patience, which begins when a healthy server would have answered.
            let number = |key: &str| cell["operation"][key].as_i64().unwrap();
            assert!(number("ended-ns") <= number("due-ns") + 5 * S, "{context}");
            assert_eq!(error["classic"], code, "{context}");
            assert_eq!(error["errno"].as_u64(), errno.map(u64::from), "{context}");
            // What came first told the client; a server that ends may say it again.
            assert!(told.starts_with(by), "{context}");
        }
        Hung(end) => {
            assert_eq!(cell["behaviour"], "hung", "{context}");
            assert_eq!(cell["article"], "NG", "{context}");
            assert!(cell["silence-ns"].as_i64().unwrap() > 5 * S, "{context}");
            match end {
                Answer(server) => {
                    assert_eq!(cell["ends"], "answer", "{context}");
                    assert_eq!(cell["operation"]["served-by"], server, "{context}");
                    assert!(error.is_null() && told.is_empty(), "{context}");
                }
                Error(errnos) => {
                    assert_eq!(cell["ends"], "error", "{context}");
                    assert_eq!(error["classic"], 2013, "{context}");
                    let errno = error["errno"].as_u64().map(|errno| u16::try_from(errno).unwrap());
                    match errno {
                        None => assert!(
                            errnos.is_empty() && (told.is_empty() || told == NO_ENTRY),
                            "{context}"
                        ),
                        Some(errno) => {
                            assert!(errnos.contains(&errno), "{context}");
                            let by: &[(&str, &str)] = if errno == ECONNRESET { NO_ENTRY } else { &[] };
                            assert_eq!(told, by, "{context}");
                        }
                    }
                }
                GaveUp(code, errno, by) => {
                    assert_eq!(cell["ends"], "error", "{context}");
                    assert_eq!(error["classic"], code, "{context}");
                    assert_eq!(error["errno"].as_u64(), errno.map(u64::from), "{context}");
                    assert!(by.iter().all(|by| told.contains(by)), "{context}");
                    assert!(told.iter().all(|told| by.contains(told)), "{context}");
                }
                End::None => {
                    assert_eq!(cell["ends"], "none", "{context}");
                    assert!(error.is_null() && told.is_empty(), "{context}");
                }
            }
        }
    }
    evidence_exists(cell, &context);
    packets_are_what_the_report_says(cell, &context);
}

/// What ended or refused the connection, with its sender, in order.
fn told(cell: &Value) -> Vec<(&str, &str)> {
    let list = cell["terminators"].as_array().unwrap().iter();
    list.map(|item| (item["kind"].as_str().unwrap(), item["by"].as_str().unwrap()))
        .collect()
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
    let mac = |node: &Value| -> String {
        let hosts = record["plan"]["hosts"].as_array().unwrap();
        let host = hosts
            .iter()
            .find(|host| host["node"] == *node || host["node"]["real-server"] == *node);
        host.unwrap_or_else(|| panic!("no host {node}: {context}"))["mac"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for item in cell["terminators"].as_array().unwrap() {
        let line = line(&item["packet"]);
        assert!(
            line.starts_with(&mac(&item["by"])),
            "{item}, tcpdump: {line}\n{context}"
        );
        let mark = match item["kind"].as_str().unwrap() {
            "RST" => "Flags [R",
            "FIN" => "Flags [F",
            "ICMP port unreachable" => "tcp port 3306 unreachable",
            "ICMP host unreachable" => "host 192.0.2.100 unreachable",
            other => panic!("{other}: {context}"),
        };
        assert!(line.contains(mark), "{item}, tcpdump: {line}\n{context}");
    }
    let again = &cell["retransmissions"];
    let packets = again["packets"].as_array().unwrap();
    let count = usize::try_from(again["count"].as_u64().unwrap()).unwrap();
    assert_eq!(packets.len(), if count == 0 { 0 } else { count + 1 }, "{context}");
    // Nothing but the time stamp option may differ; a SYN has neither an acknowledgement nor anything after
    // its options.
    let segment = |line: &str| {
        let flow = line
            .split(", ack ")
            .next()
            .unwrap()
            .split(", win ")
            .next()
            .unwrap();
        let length = line.rsplit(", ").next().unwrap();
        format!("{flow}, {length}")
    };
    for packet in packets {
        assert_eq!(segment(line(packet)), segment(line(&packets[0])), "{context}");
        assert!(
            line(packet).starts_with(&mac(&Value::from("client"))),
            "{context}"
        );
        assert!(
            line(packet).ends_with(&format!("length {}", again["payload-length"])),
            "{context}"
        );
    }
}
