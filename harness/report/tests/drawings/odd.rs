//! Cells that are not as they should be, or larger than any that is stored: drawings stay whole, bounded and
//! harmless.

use crate::stored::{assert_texts_apart, cell, elements};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, HostAction, Node};
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::capture::{Body, Packet, Transport};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::plan::Mac;
use lvs_matrix_model::record::{ClientErrorKind, ClientEventKind, LabOutcome, StepOutcome};
use lvs_matrix_model::verdict::{JudgedCell, judged};
use lvs_matrix_report::{Language, cell_timeline_svg, ladder_mermaid, ladder_svg, schedule, timeline_svg};
use std::net::Ipv4Addr;

/// What Mermaid takes on GitHub (`maxTextSize`), in characters.
const MERMAID_LIMIT: usize = 50_000;

/// All drawings of a cell, each looked at; those that it has.
fn look(what: &str, cell: &JudgedCell) -> Vec<String> {
    let svgs = [
        ladder_svg(Language::English, cell),
        cell_timeline_svg(Language::English, cell),
        timeline_svg(Language::English, &[cell]),
    ];
    for svg in svgs.iter().flatten() {
        let elements = elements(svg);
        assert_texts_apart(what, &elements);
        assert!(elements[0].number("height") < 6_500.0, "{what}: too high");
        assert!(svg.len() < 150_000, "{what}: {} bytes", svg.len());
        let names = ["svg", "title", "desc", "rect", "path", "text", "g"];
        for element in &elements {
            assert!(names.contains(&element.name.as_str()), "{what}: {element:?}");
        }
    }
    let mermaid = ladder_mermaid(Language::English, cell);
    if let Some(mermaid) = &mermaid {
        assert!(
            mermaid.chars().count() < MERMAID_LIMIT / 2,
            "{what}: {} bytes",
            mermaid.len()
        );
    }
    svgs.into_iter().flatten().chain(mermaid).collect()
}

/// A copy of `packet` that was seen so much later, with `nth` times its payload's length added to its
/// sequence number.
fn later(packet: &Packet, by_nanos: i64, nth: u32) -> Packet {
    let mut packet = packet.clone();
    packet.at = Instant(packet.at.0 + by_nanos);
    if let Body::Ip {
        transport: Transport::Tcp(segment),
        ..
    } = &mut packet.body
    {
        segment.sequence = segment.sequence.wrapping_add(nth * segment.payload_length.max(1));
    }
    packet
}

/// The server's last segment with payload came `count` times, `apart` nanoseconds from one another, each with
/// new data.
fn transfer(count: u32, apart: i64) -> JudgedCell {
    let mut cell = cell("config-change/present_up_execute-sql_0");
    let rs1 = cell.record.plan.hosts[2].mac();
    let began = cell.observed.operation.as_ref().unwrap().began;
    let is_data = |packet: &&Packet| {
        let carries_data = segment(packet).is_some_and(|(_, _, segment)| segment.payload_length > 0);
        packet.source_mac == rs1 && packet.at > began && carries_data
    };
    let mut copies: Vec<Packet> = cell.packets().iter().filter(is_data).cloned().collect();
    assert_eq!(copies.len(), 2, "where it left and where it arrived");
    copies.truncate(2);
    for nth in 1..count {
        for copy in &copies[..2].to_vec() {
            copies.push(later(copy, i64::from(nth) * apart, nth));
        }
    }
    cell.change_packets(|packets| {
        packets.extend(copies.split_off(2));
        packets.sort_by_key(|packet| packet.at);
        for (number, packet) in (1..).zip(packets) {
            packet.number = number;
        }
    });
    cell.observed.operation.as_mut().unwrap().client_port = None;
    cell
}

#[test]
fn a_large_result_is_one_row() {
    let cell = transfer(5_000, 10_000);
    let drawings = look("5,000 segments", &cell);
    let elements = elements(&drawings[0]);
    // Two folds: the client reports its answer with the first segment.
    let folded: Vec<usize> = elements
        .iter()
        .filter(|element| element.name == "text" && element.text.ends_with(", all arrived"))
        .map(|element| element.text.split(' ').nth(1).unwrap().parse().unwrap())
        .collect();
    let groups = elements
        .iter()
        .filter(|element| element.name == "g" && element.is("lm-packet"));
    let drawn = groups.count() - folded.len();
    let whole = elements.iter().find(|element| element.name == "desc").unwrap();
    let sums = whole.text.split(". ").last().unwrap();
    let arrived: usize = sums.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(
        folded.iter().sum::<usize>() + drawn,
        arrived,
        "{folded:?} and {drawn}; {sums}"
    );
    assert!(arrived > 5_000, "{}", whole.text);
}

#[test]
fn a_long_story_is_cut_in_the_middle() {
    let cell = transfer(2_000, 150_000_000);
    let drawings = look("2,000 segments with pauses", &cell);
    assert!(drawings[0].contains(" left out, +00:"), "{}", drawings[0]);
    assert!(drawings.last().unwrap().contains(" left out, +00:"));
}

#[test]
fn many_real_servers_share_what_room_there_is() {
    let mut cell = cell("config-change/absent_up_execute-sql_0");
    for number in 2..=69 {
        let mut host = cell.record.plan.hosts[2].clone();
        host.node = Node::RealServer(Name::new(&format!("real-server-with-a-long-name-{number}")).unwrap());
        host.nics.first_mut().mac = Mac([2, 0, 0, 0, 1, number]);
        host.nics.first_mut().addresses.first_mut().address = Ipv4Addr::new(192, 0, 2, 30 + number).into();
        cell.record.plan.hosts.push(host);
    }
    let drawings = look("69 servers", &cell);
    assert!(drawings[0].contains("68 real servers took no part and are not drawn"));
    // Each of them is switched off, too.
    let step = cell.record.steps[2].clone();
    let hosts = cell.record.plan.hosts[3..].iter();
    let nodes: Vec<Node> = hosts.map(|host| host.node.clone()).collect();
    for node in nodes {
        let Node::RealServer(server) = node else { continue };
        let mut step = step.clone();
        step.action = Action::Host(HostAction::PowerOff {
            server: server.into(),
            neighbours: lvs_matrix_model::action::Neighbours::Permanent,
        });
        cell.record.steps.push(step);
    }
    let drawings = look("69 servers that are switched off", &cell);
    assert!(drawings[0].contains(">63 more<"), "{}", &drawings[0][..2_000]);
}

#[test]
fn without_a_capture_events_and_steps_remain() {
    let record = cell("config-change/absent_up_execute-sql_0").record;
    let mut cell = judged(record, None);
    assert_eq!(look("no capture file", &cell).len(), 4);
    cell.record.capture = None;
    let drawings = look("no capture", &cell);
    assert!(drawings[0].contains("remove real server rs1"));
    assert!(!drawings[0].contains("lm-packet\""));
    assert_eq!(schedule(&cell), None);
    assert!(drawings[2].contains("undetermined"));
}

#[test]
fn a_lab_that_failed_has_nothing_to_draw() {
    let mut record = cell("config-change/absent_up_execute-sql_0").record;
    record.lab = LabOutcome::Failed {
        stage: "starting rs1".to_owned(),
        reason: "mysqld ended".to_owned(),
        log: vec![],
    };
    record.capture = None;
    record.client_events.clear();
    record.snapshots.clear();
    for step in &mut record.steps {
        (step.began, step.ended, step.outcome) = (None, None, StepOutcome::NotReached);
    }
    let cell = judged(record, None);
    assert_eq!(
        (
            ladder_svg(Language::English, &cell),
            ladder_mermaid(Language::English, &cell)
        ),
        (None, None)
    );
    assert_eq!(cell_timeline_svg(Language::English, &cell), None);
    assert!(
        timeline_svg(Language::English, &[&cell])
            .unwrap()
            .contains("undetermined")
    );
}

/// What others write: markup, statements of Mermaid, a directive, escape sequences, marks that reorder, wide
/// characters.
const HOSTILE: &str = "</text><script>alert(1)</script>;end\nL0->>L1: x %%{init: {}}%% # \
    $$x$$ \"'& \u{1b}[31m\u{202e}数据库::error::`|";

#[test]
fn foreign_text_is_only_text() {
    let calm = cell("config-change/absent_up_execute-sql_0");
    let mut hostile = calm.clone();
    let long = HOSTILE.repeat(40);
    for event in &mut hostile.record.client_events {
        match &mut event.kind {
            ClientEventKind::StatementBegun { sql } => sql.clone_from(&long),
            ClientEventKind::Failed(error) => {
                error.kind = ClientErrorKind::Driver;
                error.message.clone_from(&long);
            }
            ClientEventKind::ConnectBegun
            | ClientEventKind::Connected { .. }
            | ClientEventKind::ResultReceived { .. }
            | ClientEventKind::StillWaiting
            | ClientEventKind::ReadingPaused { .. }
            | ClientEventKind::DisconnectBegun
            | ClientEventKind::Disconnected
            | ClientEventKind::ReconnectBegun
            | ClientEventKind::Reconnected { .. } => {}
        }
    }
    hostile.observed.operation.as_mut().unwrap().what = format!("query `{HOSTILE}`");
    hostile.record.steps[2].outcome = StepOutcome::Failed { reason: long };
    let drawings = look("hostile", &hostile);
    for drawing in &drawings {
        assert!(
            !drawing.contains("<script") && !drawing.contains(['\u{1b}', '\u{202e}']),
            "{drawing}"
        );
    }
    // Each statement of the Mermaid diagram is the one it was.
    let (calm, hostile) = (
        ladder_mermaid(Language::English, &calm).unwrap(),
        ladder_mermaid(Language::English, &hostile).unwrap(),
    );
    assert_eq!(calm.lines().count(), hostile.lines().count(), "{hostile}");
    for (calm, hostile) in calm.lines().zip(hostile.lines()) {
        let statement = |line: &str| line.split(':').next().unwrap().to_owned();
        assert_eq!(statement(calm), statement(hostile));
        let rest = hostile.split_once(':').map_or("", |(_, text)| text);
        let mut parts = rest.split('#');
        assert!(!parts.next().unwrap().contains(';'), "{hostile}");
        for reference in parts {
            let (number, after) = reference.split_once(';').unwrap();
            assert!(number.parse::<u32>().is_ok() && !after.contains(';'), "{hostile}");
        }
        assert!(!rest.contains(['<', '%', '$', '"', '`']), "{hostile}");
    }
}
