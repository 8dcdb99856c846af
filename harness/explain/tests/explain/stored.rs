//! The stored run, explained.

use super::*;
use lvs_matrix_explain::{Status, explain};
use lvs_matrix_model::action::{Action, HostAction, MysqldAction, TableAction, TrafficAction};
use lvs_matrix_model::verdict::{Behaviour, Citation, HangEnd};
use std::collections::BTreeSet;

/// The rules of each stored cell, in the order of the story: `cell: rule rule`; without its last `_0` or `_1`
/// where both values of `expire_nodest_conn` have the same. Which packet `faults/loss` loses is the dice's;
/// its rule is in `made.rs`.
pub(crate) fn known() -> Vec<(&'static str, Vec<&'static str>)> {
    let lines = include_str!("stored.txt").lines();
    let row = |line: &'static str| {
        let (cell, rules) = line.split_once(": ").unwrap();
        (cell, rules.split(' ').collect())
    };
    lines.map(row).collect()
}

#[test]
fn every_stored_cell_is_explained_and_those_of_a_known_kind_by_their_rules() {
    let (mut seen, list) = (BTreeSet::new(), known());
    for cell in all() {
        let id = cell.record.plan.cell.to_string();
        // With expire_nodest_conn 0 and 1 alike.
        let both = id.trim_end_matches("_0").trim_end_matches("_1");
        let explanation = explain(&cell);
        assert_eq!(
            explanation.status,
            Status::Explained,
            "{id}:\n{}",
            plain(&explanation)
        );
        let Some((known, expected)) = list.iter().find(|(known, _)| *known == id || *known == both) else {
            // Cells of scenarios that are younger than this list.
            continue;
        };
        seen.insert(*known);
        let rules = rules(&explanation);
        assert_eq!(&rules[..expected.len().min(rules.len())], expected, "{id}");
        if id != "hang-to-the-end/0s" {
            assert_eq!(rules.len(), expected.len(), "{id}: {rules:?}");
        }
        let hung = matches!(cell.observed.behaviour, Behaviour::Hung { .. });
        assert!(
            !hung || !explanation.advice.is_empty(),
            "{id}: a hang without advice"
        );
    }
    assert_eq!(seen.len(), list.len(), "not all are stored: {seen:?}");
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
                Citation::Packet(number) => cell.packets.iter().any(|packet| packet.number == *number),
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

/// What a client lives through where a rule is (part of) the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lived {
    Answered,
    FailedFast,
    HungThenAnswer,
    HungThenError,
    HungWithoutEnd,
}
use Lived::{Answered, FailedFast, HungThenAnswer, HungThenError, HungWithoutEnd};

fn lived(behaviour: &Behaviour) -> Option<Lived> {
    Some(match behaviour {
        Behaviour::Answered { .. } => Answered,
        Behaviour::FailedFast { .. } => FailedFast,
        Behaviour::Hung { end, .. } => match end {
            HangEnd::Answer => HungThenAnswer,
            HangEnd::Error => HungThenError,
            HangEnd::None => HungWithoutEnd,
        },
        Behaviour::Undetermined { .. } => return None,
    })
}

/// A client's own time-out may end a silence before it counts as a hang.
const SILENT: &[Lived] = &[FailedFast, HungThenAnswer, HungThenError, HungWithoutEnd];
const LATE: &[Lived] = &[
    Answered,
    FailedFast,
    HungThenAnswer,
    HungThenError,
    HungWithoutEnd,
];
const ERRORS: &[Lived] = &[FailedFast, HungThenError];
const ANSWERS: &[Lived] = &[Answered, HungThenAnswer];

pub(crate) type Needed = fn(&Action) -> bool;

fn nothing(_: &Action) -> bool {
    true
}

fn deletion(action: &Action) -> bool {
    matches!(
        action,
        Action::Table(
            TableAction::RemoveRealServer { .. }
                | TableAction::RemoveService { .. }
                | TableAction::FlushTable
        )
    )
}

fn stop(action: &Action) -> bool {
    matches!(action, Action::Mysqld(MysqldAction::StopMysqld { .. }))
}

fn freeze(action: &Action) -> bool {
    matches!(action, Action::Mysqld(MysqldAction::FreezeMysqld { .. }))
}

fn unplugged(action: &Action) -> bool {
    matches!(
        action,
        Action::Host(HostAction::PowerOff { .. } | HostAction::LinkDown { .. })
    )
}

fn firewall(action: &Action) -> bool {
    matches!(action, Action::Traffic(TrafficAction::AddFirewallRule { .. }))
}

fn netem(action: &Action) -> bool {
    matches!(action, Action::Traffic(TrafficAction::SetNetem { .. }))
}

fn forwarding(action: &Action) -> bool {
    matches!(action, Action::Table(TableAction::SetForwarding { .. }))
}

/// With what a rule goes together: behaviours, and a step without which it cannot be.
/// `restart-does-not-recover` and its like are silent for less than the patience: what drops there is a rule
/// of a cell that fails fast.
const GOES_WITH: &[(&str, &[Lived], Needed)] = &[
    ("scheduled", ANSWERS, nothing),
    ("another-server-answers", ANSWERS, nothing),
    ("own-firewall-keeps-out", SILENT, firewall),
    ("own-firewall-holds-back", SILENT, firewall),
    ("own-firewall-refuses", ERRORS, firewall),
    ("own-firewall-until-tcp-gives-up", ERRORS, firewall),
    ("passed-on", ANSWERS, nothing),
    ("answer-past-the-director", ANSWERS, nothing),
    ("mysqld-thawed", ANSWERS, freeze),
    ("link-came-back", ANSWERS, unplugged),
    ("server-added-again", ANSWERS, deletion),
    ("no-server-for-a-syn", ERRORS, nothing),
    ("no-service-for-a-syn", ERRORS, deletion),
    ("last-service-gone", ERRORS, deletion),
    ("entry-timed-out", ERRORS, nothing),
    ("entry-expired-with-its-server", ERRORS, deletion),
    ("entry-expired-in-the-end", &[HungThenError], deletion),
    ("entry-without-server", LATE, deletion),
    ("handshake-half-done", &[HungThenError, HungWithoutEnd], deletion),
    ("window-update-dropped", SILENT, deletion),
    ("server-gave-up", ERRORS, nothing),
    ("old-entry-without-server", SILENT, deletion),
    ("scheduled-after-the-old-entry", ANSWERS, deletion),
    ("passed-on-by-an-old-entry", ANSWERS, nothing),
    ("nothing-listens", ERRORS, stop),
    ("mysqld-ended", ERRORS, stop),
    ("connection-unknown-at-the-server", ERRORS, stop),
    ("wait-timeout", ERRORS, nothing),
    ("mysqld-frozen", SILENT, freeze),
    ("nothing-to-send", SILENT, unplugged),
    ("host-off", SILENT, unplugged),
    ("no-neighbour", ERRORS, unplugged),
    ("lost-before-the-director", LATE, nothing),
    ("lost-after-the-director", LATE, netem),
    ("lost-before-the-client", LATE, netem),
    ("delayed-on-the-link", LATE, netem),
    ("firewall-drops", SILENT, firewall),
    ("firewall-rejects", SILENT, firewall),
    ("firewall-resets", ERRORS, firewall),
    ("firewall-refuses-a-syn", ERRORS, firewall),
    ("answer-not-translated-back", SILENT, forwarding),
    ("no-tunnel", ERRORS, forwarding),
    ("retransmissions-exhausted", ERRORS, nothing),
    ("connection-lost-before", ERRORS, nothing),
    ("connection-ended-while-idle", ERRORS, nothing),
    ("syn-retries-exhausted", ERRORS, nothing),
    ("row-locked-by-an-orphan", SILENT, deletion),
    ("lost-session-ended-by-keepalive", &[HungThenAnswer], deletion),
    ("lock-wait-timeout", ERRORS, nothing),
];

/// The same of the client's settings, whose cells are in `tests/matrix/timeouts.rs`.
const SETTINGS: &[(&str, &[Lived], Needed)] = &[
    ("user-timeout", ERRORS, nothing),
    ("probes-unanswered", SILENT, nothing),
    ("keepalive-exhausted", ERRORS, nothing),
    ("time-out-of-the-program", ERRORS, nothing),
];

/// The same of rules that only the cells of `cases.rs` show.
pub(crate) const ELSEWHERE: &[(&str, &[Lived], Needed)] = &[
    ("acknowledgement-put-off", ERRORS, nothing),
    ("keepalive-probe-answered", ERRORS, nothing),
    ("error-of-the-server", ERRORS, nothing),
    ("route-of-another-method", SILENT, forwarding),
    ("back-off-taken-back", SILENT, nothing),
    ("director-unplugged", LATE, unplugged),
    ("neighbour-still-reachable", SILENT, unplugged),
    ("vip-answered-by-a-server", ANSWERS, nothing),
    ("closed-with-unread-data", ERRORS, stop),
    ("picked-up-by-sloppy-tcp", ANSWERS, nothing),
    ("scheduled-to-another-server", ERRORS, nothing),
    ("entry-outlived-its-time", LATE, nothing),
];

/// Whatever scenarios the stored run has: no rule explains what it cannot explain, or speaks of a fault that
/// nobody made.
#[test]
fn no_stored_cell_is_explained_by_a_rule_of_another_behaviour() {
    for cell in all() {
        let id = &cell.record.plan.cell;
        let Some(lived) = lived(&cell.observed.behaviour) else {
            continue;
        };
        for rule in rules(&explain(&cell)) {
            let (_, behaviours, needed) = GOES_WITH
                .iter()
                .chain(SETTINGS)
                .chain(ELSEWHERE)
                .find(|(name, ..)| *name == rule)
                .unwrap();
            assert!(behaviours.contains(&lived), "{id}: {lived:?} by {rule}");
            let done = cell.record.steps.iter().any(|step| needed(&step.action));
            assert!(done, "{id}: {rule} without what makes it");
        }
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
        assert!(!says("keepalive on") || !rules.contains(&"mysqld-frozen"), "{id}");
    }
}

/// The names of all rules.
pub(crate) const RULES: &[&str] = &{
    let mut names = [""; GOES_WITH.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = GOES_WITH[index].0;
        index += 1;
    }
    names
};
