//! Why the clients of the cells under `reports/` saw what they saw: each rule on a real cell that calls for it, and not any
//! more when what decides is taken away from that cell.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::action::{Action, HostAction, MysqldAction, Node, TableAction};
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::capture::{Body, Packet, Transport};
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, Moment, RECORD_FILE, StepOutcome};
use lvs_matrix_model::verdict::{Behaviour, Citation, JudgedCell, judged};
use lvs_matrix_report::{Explanation, RunSummary, Status, explain, explanation};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn run() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reports/linux-7.2")
}

fn stored(cell: &str) -> JudgedCell {
    let folder = run().join(cell);
    let record: CellRecord = serde_json::from_slice(&fs::read(folder.join(RECORD_FILE)).unwrap()).unwrap();
    judged(record, Some(&fs::read(folder.join(CAPTURE_FILE)).unwrap()))
}

fn all() -> Vec<JudgedCell> {
    let summary: RunSummary = serde_json::from_slice(&fs::read(run().join("run.json")).unwrap()).unwrap();
    let cells = summary.selected.iter().map(|cell| stored(&cell.to_string()));
    cells.collect()
}

fn rules(explanation: &Explanation) -> Vec<&'static str> {
    explanation.paragraphs.iter().map(|paragraph| paragraph.rule).collect()
}

/// The rules of each stored cell, in the order of the story.
const STORED: &[(&str, &[&str])] = &[
    ("config-change/present_up_new-connection", &["scheduled"]),
    ("config-change/present_up_execute-sql", &["passed-on"]),
    ("config-change/present_up_waiting", &["passed-on"]),
    ("config-change/present_down_new-connection", &["nothing-listens"]),
    ("config-change/present_down_execute-sql", &["mysqld-ended"]),
    ("config-change/present_down_waiting", &["mysqld-ended"]),
    ("config-change/absent_up_new-connection", &["no-server-for-a-syn"]),
    (
        "config-change/absent_up_execute-sql_0",
        &["entry-without-server", "retransmissions-exhausted"],
    ),
    (
        "config-change/absent_up_execute-sql_1",
        &["entry-expired-with-its-server"],
    ),
    ("config-change/absent_up_waiting", &["answer-past-the-director"]),
    ("config-change/absent_down_new-connection", &["no-server-for-a-syn"]),
    ("config-change/absent_down_execute-sql", &["mysqld-ended"]),
    ("config-change/absent_down_waiting", &["mysqld-ended"]),
    // The entry and the client's own patience end at about the same time: which of them is first, no rule says.
    ("hang-to-the-end/0s", &["entry-without-server"]),
    (
        "hang-to-the-end/120s",
        &["entry-without-server", "entry-expired-in-the-end"],
    ),
    (
        "hang-to-the-end/300s",
        &["entry-without-server", "entry-expired-in-the-end"],
    ),
    (
        "hang-to-the-end/890s",
        &["entry-without-server", "entry-expired-in-the-end"],
    ),
    ("other-server/none", &["no-server-for-a-syn"]),
    ("other-server/rs2", &["scheduled"]),
    ("re-add-recovers/only", &["entry-without-server", "server-added-again"]),
    (
        "restart-does-not-recover/waiting-through",
        &["entry-without-server", "mysqld-ended"],
    ),
    ("restart-does-not-recover/querying-after", &["mysqld-ended"]),
    ("silent-server/only", &["nothing-to-send"]),
];

#[test]
fn every_stored_cell_of_a_known_kind_is_explained_by_its_rules() {
    let mut seen = BTreeSet::new();
    for cell in all() {
        let id = cell.record.plan.cell.to_string();
        let Some((known, expected)) = STORED.iter().find(|(known, _)| id.starts_with(known)) else {
            // Cells of scenarios that are younger than this list.
            continue;
        };
        seen.insert(*known);
        let explanation = explain(&cell);
        assert_eq!(explanation.status, Status::Explained, "{id}:\n{}", explanation.plain());
        let rules = rules(&explanation);
        assert_eq!(&rules[..expected.len().min(rules.len())], *expected, "{id}");
        if id != "hang-to-the-end/0s" {
            assert_eq!(rules.len(), expected.len(), "{id}: {rules:?}");
        }
        let hung = matches!(cell.observed.behaviour, Behaviour::Hung { .. });
        assert!(!hung || !explanation.advice.is_empty(), "{id}: a hang without advice");
    }
    assert_eq!(seen.len(), STORED.len(), "{:?}", STORED);
}

#[test]
fn what_is_cited_is_there_and_numbers_in_the_text_are_cited() {
    for cell in all() {
        let id = &cell.record.plan.cell;
        for paragraph in explain(&cell).paragraphs {
            assert!(!paragraph.shown_by.is_empty() && !paragraph.sources.is_empty(), "{id}");
            for citation in &paragraph.shown_by {
                let there = match citation {
                    Citation::Packet(number) => cell.packets.iter().any(|packet| packet.number == *number),
                    Citation::Step(number) => cell.record.steps.iter().any(|step| step.number == *number),
                    Citation::Event(number) => cell.record.client_events.iter().any(|event| event.number == *number),
                    Citation::Server(id) => cell.record.server_views.iter().any(|view| view.server_id == *id),
                    Citation::Snapshot(number) => cell.record.snapshots.iter().any(|shot| shot.number == *number),
                };
                assert!(there, "{id}: {citation:?}");
            }
            for (at, _) in paragraph.text.match_indices("packet ") {
                let digits: String = paragraph.text[at + 7..]
                    .chars()
                    .take_while(char::is_ascii_digit)
                    .collect();
                let Ok(number) = digits.parse() else { continue };
                assert!(
                    paragraph.shown_by.contains(&Citation::Packet(number)),
                    "{id}: packet {number} is named in the text and not cited"
                );
            }
        }
    }
}

/// The whole text is in the stored report, where it is reviewed with the run that it is of; here, what must be in it.
#[test]
fn an_explanation_names_the_rule_the_packets_and_the_cure() {
    let text = explanation(&stored("hang-to-the-end/300s"));
    for part in [
        "hang-to-the-end/300s: hung, then error",
        "was dropped: with expire_nodest_conn=0",
        "ip_vs_in_hook in net/netfilter/ipvs/ip_vs_core.c",
        "The entry's time of 15m",
        "on director)",
        "set net.ipv4.vs.expire_nodest_conn=1",
        // A command line stays on one line.
        "`ipvsadm -e -t 192.0.2.100:3306 -r 192.0.2.31:3306 -g -w 0`",
    ] {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = if part.contains('`') {
            text.contains(part)
        } else {
            flat.contains(part)
        };
        assert!(found, "{part} is missing in\n{text}");
    }
    assert!(text.ends_with('\n') && !text.ends_with("\n\n"));
}

/// Takes away every packet of which `lost` says so, without judging again: what a rule makes of it, not what judging does.
fn without(cell: &mut JudgedCell, lost: impl Fn(&Packet, &Node) -> bool) {
    let points: Vec<Node> = cell
        .record
        .capture
        .iter()
        .flat_map(|capture| capture.points.iter())
        .map(|point| point.node.clone())
        .collect();
    cell.packets.retain(|packet| !lost(packet, &points[packet.point]));
}

fn sysctl(cell: &mut JudgedCell, node: &Node, key: &str, value: &str) {
    let host = cell
        .record
        .plan
        .hosts
        .iter_mut()
        .find(|host| host.node == *node)
        .unwrap();
    let (_, own) = host.sysctls.iter_mut().find(|(own, _)| own == key).unwrap();
    value.clone_into(own);
}

fn undone(cell: &mut JudgedCell, which: fn(&Action) -> bool) {
    for step in &mut cell.record.steps {
        if which(&step.action) {
            step.outcome = StepOutcome::NotReached;
        }
    }
}

/// The director's table at this moment, with its texts changed.
fn table(cell: &mut JudgedCell, moment: Moment, change: fn(&str) -> String) {
    for snapshot in &mut cell.record.snapshots {
        if snapshot.moment == moment {
            snapshot.services = change(&snapshot.services);
            snapshot.connections = change(&snapshot.connections);
        }
    }
}

type Damage = fn(&mut JudgedCell);

/// What decides each rule, and how it is taken away.
const DECIDES: &[(&str, &str, &str, Damage)] = &[
    (
        "scheduled",
        "other-server/rs2",
        "the director passed the SYN on",
        |cell| from_director_gone(cell),
    ),
    (
        "passed-on",
        "config-change/present_up_execute-sql_0",
        "the director passed the statement on",
        |cell| from_director_gone(cell),
    ),
    (
        "answer-past-the-director",
        "config-change/absent_up_waiting_0",
        "the change came while the statement was under way",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Table(TableAction::RemoveRealServer { .. }))
            })
        },
    ),
    (
        "answer-past-the-director",
        "config-change/absent_up_waiting_0",
        "the statement reached its server",
        |cell| without(cell, |_, node| matches!(node, Node::RealServer(_))),
    ),
    (
        "no-server-for-a-syn",
        "config-change/absent_up_new-connection_0",
        "the table had no server",
        |cell| {
            table(cell, Moment::AfterChange, |text| {
                text.replace("3306 rr", "3306 rr\n  -> 192.0.2.31:3306  Route  1  0  0")
            });
        },
    ),
    (
        "no-server-for-a-syn",
        "config-change/absent_up_new-connection_0",
        "the virtual service was there",
        |cell| table(cell, Moment::AfterChange, |_| String::new()),
    ),
    (
        "no-server-for-a-syn",
        "config-change/absent_up_new-connection_0",
        "the director sent the refusal",
        |cell| cell.observed.terminators[0].by = None,
    ),
    (
        "entry-without-server",
        "config-change/absent_up_execute-sql_0",
        "expire_nodest_conn was 0",
        |cell| sysctl(cell, &Node::Director, "net.ipv4.vs.expire_nodest_conn", "1"),
    ),
    (
        "entry-without-server",
        "config-change/absent_up_execute-sql_0",
        "the entry was there",
        |cell| table(cell, Moment::AfterChange, |text| text.replace("ESTABLISHED", "")),
    ),
    (
        "entry-without-server",
        "config-change/absent_up_execute-sql_0",
        "the server was deleted",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Table(TableAction::RemoveRealServer { .. }))
            })
        },
    ),
    (
        "entry-without-server",
        "config-change/absent_up_execute-sql_0",
        "the statement arrived at the director",
        |cell| without(cell, |_, node| *node == Node::Director),
    ),
    (
        "entry-expired-with-its-server",
        "config-change/absent_up_execute-sql_1",
        "expire_nodest_conn was 1",
        |cell| sysctl(cell, &Node::Director, "net.ipv4.vs.expire_nodest_conn", "0"),
    ),
    (
        "entry-expired-with-its-server",
        "config-change/absent_up_execute-sql_1",
        "the director sent the RST",
        |cell| cell.observed.terminators[0].by = cell.observed.operation.as_ref().unwrap().served_by.clone(),
    ),
    (
        "entry-expired-in-the-end",
        "hang-to-the-end/300s",
        "the entry's time was over",
        |cell| {
            let director = cell
                .record
                .plan
                .hosts
                .iter_mut()
                .find(|host| host.node == Node::Director)
                .unwrap();
            for argv in &mut director.commands {
                if argv.iter().any(|word| word == "--set") {
                    "7200".clone_into(&mut argv[2]);
                }
            }
        },
    ),
    (
        "entry-expired-in-the-end",
        "hang-to-the-end/300s",
        "the entry was gone at the end",
        |cell| {
            let entry = cell.record.snapshots[1].connections.clone();
            cell.record.snapshots[2].connections = entry;
        },
    ),
    (
        "server-added-again",
        "re-add-recovers/only",
        "the server was added again",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Table(TableAction::AddRealServer { .. }))
            })
        },
    ),
    (
        "server-added-again",
        "re-add-recovers/only",
        "a repetition was passed on",
        |cell| from_director_gone(cell),
    ),
    (
        "nothing-listens",
        "config-change/present_down_new-connection_0",
        "the mysqld was stopped",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Mysqld(MysqldAction::StopMysqld { .. }))
            })
        },
    ),
    (
        "nothing-listens",
        "config-change/present_down_new-connection_0",
        "the SYN reached the server",
        |cell| without(cell, |_, node| matches!(node, Node::RealServer(_))),
    ),
    (
        "mysqld-ended",
        "config-change/present_down_waiting_0",
        "the mysqld was stopped",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Mysqld(MysqldAction::StopMysqld { .. }))
            })
        },
    ),
    (
        "mysqld-ended",
        "config-change/present_down_waiting_0",
        "its host sent a FIN",
        |cell| cell.observed.terminators.clear(),
    ),
    ("nothing-to-send", "silent-server/only", "the host was off", |cell| {
        undone(cell, |action| {
            matches!(action, Action::Host(HostAction::PowerOff { .. }))
        })
    }),
    (
        "nothing-to-send",
        "silent-server/only",
        "the statement had been acknowledged",
        |cell| {
            let sent = request(cell);
            without(cell, move |packet, node| *node == Node::Client && packet.number > sent);
        },
    ),
    (
        "retransmissions-exhausted",
        "config-change/absent_up_execute-sql_0",
        "the error was ETIMEDOUT",
        |cell| cell.observed.error.as_mut().unwrap().errno = Some(104),
    ),
    (
        "retransmissions-exhausted",
        "config-change/absent_up_execute-sql_0",
        "tcp_retries2 allowed so much",
        |cell| sysctl(cell, &Node::Client, "net.ipv4.tcp_retries2", "8"),
    ),
];

/// The client's segment with the statement.
fn request(cell: &JudgedCell) -> u32 {
    let operation = cell.observed.operation.as_ref().unwrap();
    let carries = |packet: &&Packet| {
        packet.at >= operation.began && segment(packet).is_some_and(|(_, _, segment)| segment.payload_length > 0)
    };
    cell.packets.iter().find(carries).unwrap().number
}

/// What the director passed on since the operation began is missing.
fn from_director_gone(cell: &mut JudgedCell) {
    let director = cell.record.plan.host(&Node::Director).unwrap().mac;
    let began = cell.observed.operation.as_ref().unwrap().began;
    without(cell, |packet, node| {
        *node == Node::Director && packet.source_mac == director && packet.at >= began && segment(packet).is_some()
    });
}

#[test]
fn a_rule_does_not_hold_without_what_decides_it() {
    for (rule, id, what, damage) in DECIDES {
        let mut cell = stored(id);
        assert!(rules(&explain(&cell)).contains(rule), "{rule} holds for {id}");
        damage(&mut cell);
        let explanation = explain(&cell);
        assert!(
            !rules(&explanation).contains(rule),
            "{rule} still holds for {id}, though it is not so that {what}"
        );
        // The others must not step in with a wrong story: what is left over has no explanation.
        if *rule != "answer-past-the-director" {
            match &explanation.status {
                Status::Unexplained { questions } => assert!(!questions.is_empty()),
                other => panic!("{rule} {what}: {other:?}\n{}", explanation.plain()),
            }
            assert_eq!(explanation.known, cell.observed.evidence);
        }
    }
}

/// Every rule that a stored cell shows has something that decides it, above.
#[test]
fn no_rule_is_without_its_counter_test() {
    let shown: BTreeSet<&str> = STORED.iter().flat_map(|(_, rules)| rules.iter().copied()).collect();
    let countered: BTreeSet<&str> = DECIDES.iter().map(|(rule, ..)| *rule).collect();
    assert_eq!(shown, countered);
}

#[test]
fn without_an_explanation_it_says_so_and_what_is_known() {
    let mut cell = stored("config-change/absent_up_execute-sql_0");
    sysctl(&mut cell, &Node::Director, "net.ipv4.vs.expire_nodest_conn", "1");
    let text = explain(&cell).plain();
    assert!(
        text.contains("says why nothing reached the client. It does not guess"),
        "{text}"
    );
    for item in &cell.observed.evidence {
        let begin: String = item.fact.to_string().split(' ').take(3).collect::<Vec<_>>().join(" ");
        assert!(text.contains(&begin), "{begin} is missing in\n{text}");
    }
}

#[test]
fn what_is_not_known_is_not_explained() {
    let cell = stored("config-change/absent_up_execute-sql_0");
    let mut record = cell.record;
    record.capture.as_mut().unwrap().points[0].dropped = 1;
    let bytes = fs::read(run().join("config-change/absent_up_execute-sql_0").join(CAPTURE_FILE)).unwrap();
    let doubtful = judged(record, Some(&bytes));
    let explanation = explain(&doubtful);
    assert!(explanation.paragraphs.is_empty() && explanation.advice.is_empty());
    assert_eq!(
        explanation.status,
        Status::Undetermined {
            reasons: vec!["the capture on client lost 1 packets".to_owned()]
        }
    );
    assert!(explanation.plain().contains("the capture on client lost 1 packets"));
}

/// Foreign text reaches the explanation by the statement.
#[test]
fn foreign_text_is_harmless() {
    let mut cell = stored("config-change/present_up_execute-sql_0");
    let operation = cell.observed.operation.as_mut().unwrap();
    operation.what = "query `\u{1b}[31m\u{202e} \n::error::x ##[group]`".to_owned();
    let text = explain(&cell).plain();
    assert!(text.contains("error"), "{text}");
    for bad in ["\u{1b}", "\u{202e}", "\n::", "##["] {
        assert!(!text.contains(bad), "{bad:?} in\n{text}");
    }
}

/// A tunnelled segment is found on its way as well: the rules look at the inner one.
#[test]
fn the_way_of_a_segment_is_found_by_the_segment() {
    let mut cell = stored("config-change/present_up_execute-sql_0");
    let director = cell.record.plan.host(&Node::Director).unwrap().mac;
    for packet in &mut cell.packets {
        let Body::Ip {
            source,
            destination,
            transport,
        } = &packet.body
        else {
            continue;
        };
        if packet.source_mac == director && matches!(transport, Transport::Tcp(_)) {
            packet.body = Body::Ip {
                source: *source,
                destination: *destination,
                transport: Transport::IpInIp {
                    source: *source,
                    destination: *destination,
                    transport: Box::new(transport.clone()),
                },
            };
        }
    }
    assert_eq!(rules(&explain(&cell)), ["passed-on"]);
}
