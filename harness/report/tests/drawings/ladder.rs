//! Ladders.

use crate::stored::{Element, all, assert_texts_apart, cell, elements};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::{Body, Packet};
use lvs_matrix_model::verdict::JudgedCell;
use lvs_matrix_report::{Language, ladder_mermaid, ladder_svg};

/// Where the lane with this name is.
fn lane(elements: &[Element], name: &str) -> f64 {
    let head = elements
        .iter()
        .find(|element| element.is("lm-head") && element.text == name);
    head.unwrap().number("x")
}

fn texts<'a>(elements: &'a [Element], class: &str) -> Vec<&'a str> {
    let texts = elements
        .iter()
        .filter(|element| element.name == "text" && element.is(class));
    texts.map(|element| element.text.as_str()).collect()
}

/// The beginning of a path: the first two numbers.
fn start(path: &Element) -> (f64, f64) {
    let d = path.get("d").unwrap();
    let mut numbers = d[1..].split(|c: char| !(c.is_ascii_digit() || c == '.'));
    let mut next = || numbers.next().unwrap().parse().unwrap();
    (next(), next())
}

#[test]
fn every_stored_cell_has_a_ladder_whose_texts_are_apart() {
    for cell in all() {
        let id = cell.record.plan.cell.to_string();
        let svg = ladder_svg(Language::English, &cell).unwrap();
        assert_eq!(
            Some(&svg),
            ladder_svg(Language::English, &cell).as_ref(),
            "{id}: the same each time"
        );
        let elements = elements(&svg);
        assert_texts_apart(&id, &elements);
        assert!(
            elements.iter().all(|element| element.get("id").is_none()),
            "{id}: no ids"
        );
        let mermaid = ladder_mermaid(Language::English, &cell).unwrap();
        assert!(
            mermaid.starts_with("sequenceDiagram\n") && mermaid.len() < 6_000,
            "{id}: {mermaid}"
        );
    }
}

#[test]
fn what_the_director_drops_ends_on_its_lane() {
    let cell = cell("config-change/absent_up_execute-sql_0");
    let elements = elements(&ladder_svg(Language::English, &cell).unwrap());
    let director = lane(&elements, "director");
    let crosses: Vec<_> = elements.iter().filter(|element| element.is("lm-cross")).collect();
    // The first sending, the second and the last; the others are folded.
    assert_eq!(crosses.len(), 3);
    assert!(
        crosses.iter().all(|cross| start(cross).0 == director),
        "{crosses:?}"
    );
    assert_eq!(texts(&elements, "lm-lost"), ["not passed on"; 3]);
    let sent = &cell.observed.retransmissions.packets;
    let fold = format!("× {} more, ", sent.len() - 3);
    let labels = texts(&elements, "lm-text");
    assert!(
        labels.iter().any(|label| label.starts_with(&fold)),
        "{fold:?} in {labels:?}"
    );
    // The packets that evidence cites can be found again.
    let numbers = texts(&elements, "lm-small");
    for packet in [sent[0], sent[1], sent[sent.len() - 1]] {
        let number = packet.to_string();
        assert!(
            numbers.contains(&number.as_str()),
            "packet {packet} in {numbers:?}"
        );
    }
}

#[test]
fn the_answer_passes_the_director_by() {
    let elements = elements(
        &ladder_svg(
            Language::English,
            &cell("config-change/present_up_new-connection_0"),
        )
        .unwrap(),
    );
    let (client, director, server) = (
        lane(&elements, "client"),
        lane(&elements, "director"),
        lane(&elements, "rs1"),
    );
    let arrows = || elements.iter().filter(|element| element.is("lm-way"));
    let answers: Vec<_> = arrows().filter(|arrow| start(arrow).0 == server).collect();
    let requests: Vec<_> = arrows().filter(|arrow| start(arrow).0 == client).collect();
    // SYN-ACK, greeting, ACK of the login, OK; SYN, ACK, ACK of the greeting, login.
    assert_eq!((answers.len(), requests.len()), (4, 4));
    for answer in answers {
        let d = answer.get("d").unwrap();
        assert!(
            d.contains(&format!("L{} ", director + 6.0)) && d.contains('A'),
            "a bridge over the director: {d}"
        );
        let end = d.rsplit('L').next().unwrap();
        assert!(
            end.starts_with(&format!("{client} ")),
            "it ends at the client: {d}"
        );
    }
    for request in requests {
        let d = request.get("d").unwrap();
        let end = d.rsplit('L').next().unwrap();
        assert!(
            end.starts_with(&format!("{director} ")),
            "it goes to the director first: {d}"
        );
    }
    assert!(!elements.iter().any(|element| element.is("lm-cross")));
}

/// The capture point of a node.
fn point(cell: &JudgedCell, node: &Node) -> usize {
    let points = &cell.record.capture.as_ref().unwrap().points;
    points.iter().position(|point| &point.node == node).unwrap()
}

#[test]
fn what_the_capture_does_not_show_arriving_is_lost_only_if_it_would_show_it() {
    let mut cell = cell("config-change/present_up_execute-sql_0");
    let rs1 = Node::RealServer(Name::new("rs1").unwrap());
    let point = point(&cell, &rs1);
    let began = cell.observed.operation.as_ref().unwrap().began;
    cell.change_packets(|packets| {
        packets.retain(|packet| {
            packet.point != point || packet.at < began || matches!(packet.body, Body::Sentinel { .. })
        });
    });
    let lost = |cell: &JudgedCell| -> Vec<String> {
        let elements = elements(&ladder_svg(Language::English, cell).unwrap());
        texts(&elements, "lm-lost")
            .into_iter()
            .map(str::to_owned)
            .collect()
    };
    assert!(
        lost(&cell).contains(&"not seen on rs1".to_owned()),
        "{:?}",
        lost(&cell)
    );
    // Its interface lost frames: who knows?
    cell.record.capture.as_mut().unwrap().points[point].dropped = 1;
    cell.follow_anew();
    assert!(
        lost(&cell).iter().all(|text| text == "end not shown"),
        "{:?}",
        lost(&cell)
    );
}

#[test]
fn a_director_whose_capture_lost_frames_drops_nothing() {
    let mut cell = cell("config-change/absent_up_execute-sql_0");
    let point = point(&cell, &Node::first_director());
    cell.record.capture.as_mut().unwrap().points[point].dropped = 1;
    cell.follow_anew();
    let elements = elements(&ladder_svg(Language::English, &cell).unwrap());
    assert!(!elements.iter().any(|element| element.is("lm-cross")));
    assert_eq!(texts(&elements, "lm-lost"), ["end not shown"; 3]);
}

#[test]
fn arp_is_drawn_where_nobody_answers_it() {
    let cell = cell("config-change/absent_up_execute-sql_0");
    let asks = |packet: &&Packet| {
        matches!(packet.body, Body::Arp { request: true, .. }) && packet.point == point(&cell, &Node::Client)
    };
    let requests = cell.packets().iter().filter(asks).count();
    assert!(requests > 0, "the cell has some, all of them answered");
    let drawn = |cell: &JudgedCell| {
        let elements = elements(&ladder_svg(Language::English, cell).unwrap());
        let texts = texts(&elements, "lm-lost");
        texts.into_iter().filter(|text| *text == "nobody answers").count()
    };
    assert_eq!(drawn(&cell), 0);
    let mut silent = cell.clone();
    silent.change_packets(|packets| {
        packets.retain(|packet| !matches!(packet.body, Body::Arp { request: false, .. }));
    });
    // Some are folded with the segments between which they are sent.
    assert!(drawn(&silent) > 0);
    assert_texts_apart("ARP", &elements(&ladder_svg(Language::English, &silent).unwrap()));
}

#[test]
fn arrows_say_what_the_mysql_protocol_says() {
    let cell = cell("config-change/present_up_execute-sql_0");
    let elements = elements(&ladder_svg(Language::English, &cell).unwrap());
    let labels = texts(&elements, "lm-text");
    for says in ["login as `app`", "COM_QUERY `select 1`"] {
        let told = labels.iter().filter(|label| label.ends_with(says)).count();
        assert_eq!(told, 1, "{says:?} in {labels:?}");
    }
}
