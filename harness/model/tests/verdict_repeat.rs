//! Repetitions of hand-made cells, held against each other.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::path::Journeys;
use lvs_matrix_model::record::{ClientErrorKind, LabOutcome};
use lvs_matrix_model::scenario::{BehaviourName, Expected, ExpectedBehaviour, HangEndName};
use lvs_matrix_model::verdict::{JudgedCell, Outcome, RunOutcome, disagreements, judge};
use std::num::NonZero;
use support::cells::*;
use support::name;
use support::s;
use support::world::*;

/// Repetition `number` of the only cell of `scenario`, as `world` has it.
fn cell(scenario: &str, number: u32, world: &World) -> JudgedCell {
    let mut record = world.record.clone();
    record.plan.cell.scenario = name(scenario);
    record.plan.cell.repetition = NonZero::new(number).unwrap();
    let observed = world.observe();
    JudgedCell {
        verdict: judge(&record.plan.expected, &observed),
        journeys: Journeys::of(&world.record, world.packets()),
        record,
        observed,
    }
}

/// The same with this error in the end.
fn failing_with(mut world: World, kind: ClientErrorKind) -> World {
    world.record.client_events.last_mut().unwrap().kind = failed(kind);
    world
}

fn numbers(outcomes: &[(Outcome, Vec<NonZero<u32>>)]) -> Vec<Vec<u32>> {
    let of = |(_, repetitions): &(Outcome, Vec<NonZero<u32>>)| {
        repetitions.iter().map(|number| number.get()).collect()
    };
    outcomes.iter().map(of).collect()
}

#[test]
fn repetitions_that_differ_are_grouped_by_what_they_came_to() {
    let run = [
        cell("one", 1, &timed_out()),
        cell("two", 1, &reset()),
        cell("one", 2, &reset()),
        cell("two", 2, &reset()),
        cell("one", 3, &timed_out()),
    ];
    let found = disagreements(&run);
    let [one] = &found[..] else {
        unreachable!("{found:?}")
    };
    assert_eq!(one.cell, run[0].record.plan.cell);
    assert_eq!(numbers(&one.outcomes), [vec![1, 3], vec![2]]);
    let outcome = Outcome {
        behaviour: BehaviourName::Hung,
        end: Some(HangEndName::Error),
        error: Some(2013),
        errno: Some(110),
        result: RunOutcome::Met,
    };
    assert_eq!(one.outcomes[0].0, outcome);
    assert_eq!(disagreements(&run[3..]), []);
}

#[test]
fn each_part_of_what_it_came_to_can_differ() {
    let library = |code| ClientErrorKind::Library {
        code,
        sqlstate: String::new(),
        errno: Some(111),
    };
    let server = |code| ClientErrorKind::Server {
        code,
        sqlstate: "HY000".to_owned(),
    };
    let server_said = |code| {
        let mut world = execute(remove_rs1(), 2.0);
        world.step(
            3,
            2.0,
            Some(2.002),
            lvs_matrix_model::record::StepOutcome::ClientFailed,
        );
        world.sends(3, 2, 2.0, RS1, "select 1");
        let [low, high] = u16::to_le_bytes(code);
        world.down(
            s(2.001),
            RS1,
            "P.",
            &packet(1, &[0xff, low, high, b'#', b'H', b'Y', b'0', b'0', b'0', b'x']),
        );
        world.event(s(2.002), 2, failed(server(code)));
        world.record.steps[2].outcome = lvs_matrix_model::record::StepOutcome::ClientFailed;
        world
    };
    for (what, first, second) in [
        ("end", recovered(), hung()),
        ("errno", refused_by_rst(), no_route()),
        (
            "code",
            failing_with(refused_by_rst(), library(2003)),
            failing_with(refused_by_rst(), library(2013)),
        ),
        ("the server's code", server_said(1053), server_said(1205)),
    ] {
        let run = [cell("one", 1, &first), cell("one", 2, &second)];
        assert_eq!(disagreements(&run).len(), 1, "{what}: {run:?}");
    }
    let mut violated = cell("one", 2, &hung());
    let expected = ExpectedBehaviour {
        behaviour: BehaviourName::Answered,
        error: None,
        errno: None,
        ends: None,
        at_least: None,
        at_most: None,
        served_by: Vec::new(),
        clients: None,
        outage: None,
    };
    violated.verdict = judge(&Expected::Behaviour(expected), &violated.observed);
    assert_eq!(disagreements(&[cell("one", 1, &hung()), violated]).len(), 1);
}

#[test]
fn what_is_not_known_agrees_with_everything() {
    let mut unknown = hung();
    unknown.record.lab = LabOutcome::Failed {
        stage: "start mysqld".to_owned(),
        reason: "no space".to_owned(),
        log: Vec::new(),
    };
    let unknown = cell("one", 2, &unknown);
    assert_eq!(Outcome::of(&unknown), None);
    assert_eq!(disagreements(&[cell("one", 1, &hung()), unknown]), []);
}
