//! The kept cells, or those of a whole run, explained.

use super::goes_with::go_together;
use super::*;
use lvs_matrix_explain::{Status, explain};
use lvs_matrix_model::action::{Action, HostAction};
use lvs_matrix_model::client::Settings;
use lvs_matrix_model::verdict::{Behaviour, Citation};

/// Key cells with their rules in the order of the story: `cell: rule rule`.
/// `tests/fixtures/cells/explain.txt` has what is said of every cell; this list says for each kind of cell
/// a second time what must come out.
fn key_cells() -> Vec<(&'static str, Vec<&'static str>)> {
    let lines = include_str!("key-cells.txt").lines();
    let row = |line: &'static str| {
        let (cell, rules) = line.split_once(": ").unwrap();
        (cell, rules.split(' ').collect())
    };
    lines.map(row).collect()
}

#[test]
fn key_cells_are_explained_by_their_rules() {
    let list = key_cells();
    assert!(list.len() >= 30, "{} cells", list.len());
    for (id, expected) in list {
        assert_eq!(rules(&explain(&stored(id))), expected, "{id}");
    }
}

#[test]
fn every_stored_cell_is_explained_and_a_hang_has_advice() {
    for cell in all() {
        let (id, explanation) = (&cell.record.plan.cell, explain(&cell));
        let text = plain(&explanation);
        assert_eq!(explanation.status, Status::Explained, "{id}:\n{text}");
        let hung = matches!(cell.observed.behaviour, Behaviour::Hung { .. });
        // Where the client's settings end the wait, the wait may be what was asked for.
        let set = cell.record.plan.client().settings != Settings::default();
        assert!(
            !hung || set || !explanation.advice.is_empty(),
            "{id}: a hang without advice"
        );
    }
}

#[test]
fn what_is_cited_is_there_and_numbers_in_the_text_are_cited() {
    for cell in all() {
        cited_right(&cell);
    }
}

/// Everything that is cited is in the record, and every packet that is named is cited.
pub(crate) fn cited_right(cell: &JudgedCell) {
    let id = &cell.record.plan.cell;
    for paragraph in explain(cell).paragraphs {
        assert!(
            !paragraph.shown_by.is_empty() && !paragraph.sources.is_empty(),
            "{id}"
        );
        for citation in &paragraph.shown_by {
            let there = match citation {
                Citation::Packet(number) => cell.packets().iter().any(|packet| packet.number == *number),
                Citation::Step(number) => cell.record.steps.iter().any(|step| step.number == *number),
                Citation::Event(number) => cell
                    .record
                    .client_events
                    .iter()
                    .any(|event| event.number == *number),
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

/// Whatever scenarios there are: no rule explains what it cannot explain, or speaks of a fault that nobody
/// made.
#[test]
fn no_stored_cell_is_explained_by_a_rule_of_another_behaviour() {
    for cell in all() {
        go_together(&cell, &rules(&explain(&cell)));
    }
}

/// What lets a client wait until its patience is over is never advised to be cured by what does not reach it.
#[test]
fn advice_is_about_the_fault() {
    for cell in all() {
        let id = &cell.record.plan.cell;
        let explanation = explain(&cell);
        let rules = rules(&explanation);
        let says = |words: &str| {
            explanation
                .advice
                .iter()
                .any(|advice| advice.text.contains(words))
        };
        let silent = |step: &lvs_matrix_model::record::StepRecord| {
            matches!(step.action, Action::Host(HostAction::PowerOff { .. }))
        };
        let swallowed = [
            "entry-without-server",
            "handshake-half-done",
            "window-update-dropped",
            "old-entry-without-server",
            "led-by-an-old-entry",
        ];
        let by_an_entry = swallowed.iter().any(|rule| rules.contains(rule));
        assert!(
            !says("set net.ipv4.vs.expire_nodest_conn=1") || by_an_entry,
            "{id}"
        );
        assert!(
            !says("conn_reuse_mode=3") || rules.contains(&"old-entry-without-server"),
            "{id}"
        );
        assert!(
            !says("set its weight to 0") || !cell.record.steps.iter().any(silent),
            "{id}"
        );
        assert!(!says("keepalive on") || !rules.contains(&"server-frozen"), "{id}");
    }
}
