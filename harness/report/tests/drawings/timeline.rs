//! Time lines.

use crate::stored::{Element, all, assert_texts_apart, cell, elements};
use lvs_matrix_model::verdict::{Behaviour, JudgedCell};
use lvs_matrix_report::{Language, cell_timeline_svg, ladder_mermaid, timeline_svg};

fn texts(elements: &[Element]) -> Vec<&str> {
    let texts = elements.iter().filter(|element| element.name == "text");
    texts.map(|element| element.text.as_str()).collect()
}

#[test]
fn every_cell_of_a_run_has_its_lane_with_its_outcome() {
    // Of more than a drawing holds it draws those that hung first; all of these scenarios have room.
    let all = all();
    let few = [
        "config-change",
        "hang-to-the-end",
        "re-add-recovers",
        "silent-server",
        "restart-does-not-recover",
        "order",
        "drain",
    ];
    let of_few = |cell: &&JudgedCell| few.contains(&cell.record.plan.cell.scenario.as_str());
    let cells: Vec<&JudgedCell> = all.iter().filter(of_few).collect();
    assert!((30..120).contains(&cells.len()), "{}", cells.len());
    let svg = timeline_svg(Language::English, &cells).unwrap();
    assert_eq!(
        Some(&svg),
        timeline_svg(Language::English, &cells).as_ref(),
        "the same each time"
    );
    let elements = elements(&svg);
    assert_texts_apart("all", &elements);
    let rows = elements
        .iter()
        .filter(|element| element.name == "g" && element.is("lm-row"));
    assert_eq!(rows.count(), cells.len());
    // Silence is drawn for what hung and for nothing else; one more is in the legend.
    let hung = cells
        .iter()
        .filter(|cell| matches!(cell.observed.behaviour, Behaviour::Hung { .. }));
    let silences = elements
        .iter()
        .filter(|element| element.is("lm-wait-hang"))
        .count();
    assert_eq!(silences, hung.count() + 1);
    // Of a retransmission's time the seconds are not the same in each run.
    for outcome in [
        "hung, then answer, 5m",
        "hung, no end seen, over 6h1s",
        "answered, 20s",
    ] {
        let drawn = texts(&elements);
        assert!(
            drawn.iter().any(|text| text.starts_with(outcome)),
            "{outcome}: {drawn:?}"
        );
    }
}

#[test]
fn many_cells_are_bounded_and_those_that_hang_are_drawn() {
    let (instant, hang) = (
        cell("config-change/present_up_new-connection_0"),
        cell("config-change/absent_up_execute-sql_0"),
    );
    let mut cells = vec![&instant; 1_000];
    cells.push(&hang);
    let svg = timeline_svg(Language::English, &cells).unwrap();
    let elements = elements(&svg);
    assert_texts_apart("many", &elements);
    let texts = texts(&elements);
    assert!(
        texts.contains(&"881 cells more, which did not hang, not drawn"),
        "{texts:?}"
    );
    let hang = "hung, then error 2013 (110 ETIMEDOUT), ";
    assert!(texts.iter().any(|text| text.starts_with(hang)), "{texts:?}");
    assert!(svg.len() < 200_000, "{} bytes", svg.len());
    assert_eq!(timeline_svg(Language::English, &[]), None);
}

#[test]
fn a_cell_in_detail_shows_each_step_event_and_retransmission() {
    for cell in all() {
        let id = cell.record.plan.cell.to_string();
        let svg = cell_timeline_svg(Language::English, &cell).unwrap();
        let elements = elements(&svg);
        assert_texts_apart(&id, &elements);
        let items = elements
            .iter()
            .filter(|element| element.name == "g" && element.is("lm-item"));
        let steps = cell.record.steps.iter().filter(|step| {
            let waits = step.action.key() == "wait";
            step.began.is_some() && !waits && !step.action.is_of_client()
        });
        let repeated = cell.observed.retransmissions.packets.len().saturating_sub(1);
        let expected = steps.count()
            + repeated
            + cell.record.snapshots.len()
            + cell.events().count()
            + cell.observed.terminators.len();
        // Of the many connects of one step the judged one alone is told of (`JudgedCell::events`).
        assert_eq!(items.count(), expected, "{id}");
    }
}

/// Where connections have names, what the client does and gets is said to be on one of them; else there is
/// only one to speak of.
#[test]
fn events_name_their_connection() {
    let pool = cell("client-actions/absent_pool-member-on-rs1_0");
    for (words, expected) in [
        (
            Language::English,
            [
                "connect (connection four)",
                "query select 1 (connection two)",
                "query select 2 (connection three)",
            ],
        ),
        (
            Language::Chinese,
            [
                "连接（连接 four）",
                "执行 select 1（连接 two）",
                "执行 select 2（连接 three）",
            ],
        ),
    ] {
        let ladder = ladder_mermaid(words, &pool).unwrap();
        let mut marks = ladder.lines();
        for text in expected {
            // In the order of time, so each is said of its own event.
            assert!(marks.any(|line| line.ends_with(text)), "{text} in\n{ladder}");
        }
        let svg = cell_timeline_svg(words, &pool).unwrap();
        assert!(svg.contains(expected[1]), "{svg}");
    }
    let plain = cell("config-change/absent_up_execute-sql_0");
    assert!(
        !ladder_mermaid(Language::English, &plain)
            .unwrap()
            .contains("(connection")
    );
}
