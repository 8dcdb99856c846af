//! What must make a hand-made cell undetermined whatever its client lived through: the lab, the capture,
//! faults and premises.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::action::{Action, Statement};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::path::Journeys;
use lvs_matrix_model::record::{AtEnd, ClientEventKind, LabOutcome, StepOutcome};
use lvs_matrix_model::verdict::{Behaviour, Citation};
use support::cells::*;
use support::plain::{plain, reasons, spoils_every_cell};
use support::world::*;
use support::{s, sentinel};

fn point(world: &mut World, index: usize) -> &mut lvs_matrix_model::record::CapturePoint {
    &mut world.record.capture.as_mut().unwrap().points[index]
}

#[test]
fn what_the_lab_could_not_do_is_undetermined() {
    spoils_every_cell("the lab failed (start mysqld): no space", |world| {
        world.record.lab = LabOutcome::Failed {
            stage: "start mysqld".to_owned(),
            reason: "no space".to_owned(),
            log: Vec::new(),
        };
    });
    spoils_every_cell("has format 99", |world| world.record.format = 99);
}

#[test]
fn a_capture_that_is_not_proven_is_undetermined() {
    for index in [CLIENT, DIRECTOR, RS1, RS2] {
        spoils_every_cell("lost 1 packet", |world| point(world, index).dropped = 1);
        spoils_every_cell("failed: no such device", |world| {
            point(world, index).failure = Some("no such device".to_owned());
        });
        spoils_every_cell("does not show its first sentinel", |world| {
            point(world, index).first_sentinel = false
        });
        spoils_every_cell("does not show its first sentinel", |world| {
            world.first_sentinels.retain(|point| *point != index);
        });
        spoils_every_cell("does not show its first sentinel", |world| {
            world.first_sentinels.retain(|point| *point != index);
            world.points[index]
                .frames
                .insert(0, support::frame(s(0.5), sentinel("late")));
            world.record.steps[0].began = Some(s(0.0));
        });
    }
    // A server without power has no last sentinel.
    for index in [CLIENT, DIRECTOR, RS2] {
        spoils_every_cell("does not show its last sentinel", |world| {
            point(world, index).last_sentinel = false
        });
        spoils_every_cell("does not show its last sentinel", |world| {
            world.last_sentinels.retain(|point| *point != index);
        });
        spoils_every_cell("does not show its last sentinel", |world| {
            world.last_sentinels.retain(|point| *point != index);
            let early = world.record.client_events.last().unwrap().at.0 - 1;
            world.raw(Instant(early), index, sentinel("early"));
        });
    }
    let mut world = waiting_for_ever();
    world.last_sentinels.retain(|point| *point != RS1);
    point(&mut world, RS1).last_sentinel = false;
    assert!(matches!(world.observe().behaviour, Behaviour::Hung { .. }));
    spoils_every_cell("cannot be decoded", |world| {
        world.raw(s(0.0), CLIENT, vec![0xff; 9])
    });
}

#[test]
fn without_packets_nothing_is_known() {
    for (what, world) in plain() {
        let observed =
            lvs_matrix_model::verdict::observe(&world.record, &Journeys::of(&world.record, Vec::new()));
        assert_eq!(observed.behaviour.name(), None, "{what}");
        // With the sentinels alone, too: a proven capture in which the client did nothing.
        let mut silent = world;
        silent.points.iter_mut().for_each(|point| point.frames.clear());
        let observed = silent.observe();
        assert_eq!(observed.behaviour.name(), None, "{what}");
    }
    spoils_every_cell("was not captured", |world| {
        // The record and the file agree that there was no such point.
        world.record.capture.as_mut().unwrap().points.pop();
        world.points.pop();
        world.first_sentinels.pop();
        world.last_sentinels.pop();
    });
}

#[test]
fn a_fault_that_did_not_fire_is_undetermined() {
    let change = |world: &World| {
        let change = |step: &&lvs_matrix_model::record::StepRecord| !step.action.is_of_client();
        world.record.steps.iter().find(change).unwrap().number as usize - 1
    };
    spoils_every_cell("nothing shows that it fired", |world| {
        let change = change(world);
        world.record.steps[change].outcome = done(" ");
    });
    for (outcome, reason) in [
        (
            StepOutcome::Failed {
                reason: "still in ipvsadm -Ln".to_owned(),
            },
            "failed: still in ipvsadm -Ln",
        ),
        (StepOutcome::NotReached, "was not reached"),
        (StepOutcome::Unfinished, "did not end"),
    ] {
        spoils_every_cell(reason, |world| {
            let change = change(world);
            world.record.steps[change].outcome = outcome.clone();
        });
    }
    spoils_every_cell("the record's steps are not those of its plan", |world| {
        world.record.steps.pop();
    });
}

#[test]
fn the_premise_must_come_about() {
    for outcome in [StepOutcome::ClientFailed, StepOutcome::Unfinished] {
        let mut world = hung();
        world.record.steps[0].outcome = outcome;
        let reasons = reasons(&world.observe());
        assert!(
            reasons.contains("the premise of the cell did not come about: step 1 (before, connect)"),
            "{reasons}"
        );
    }
    let mut world = hung();
    world.record.client_events[1].kind = failed(io(111));
    let reasons = reasons(&world.observe());
    assert!(
        reasons.contains("no connection was open when the statement was sent"),
        "{reasons}"
    );
}

/// Where nothing is left to classify, the step that is to blame is named, and not one that did what it was to
/// do.
#[test]
fn the_step_to_blame_is_named() {
    let mut world = hung();
    let act = world.record.steps.last_mut().unwrap();
    (act.began, act.ended, act.outcome) = (None, None, StepOutcome::NotReached);
    let change = world.record.steps.len() - 2;
    world.record.steps[change].outcome = StepOutcome::Unfinished;
    let reasons = reasons(&world.observe());
    assert!(
        reasons.contains("step 2 (change, remove real server rs1) did not end"),
        "{reasons}"
    );
    assert!(!reasons.contains("was done"), "{reasons}");
}

/// The client connects, says `select 1`, of which step 3 of `phase` is the start, and gets an error at once.
fn failing(may_fail: bool, early: bool, then: Action) -> World {
    let start = Action::start_query(Statement {
        may_fail,
        ..statement("select 1", 0.0)
    });
    let mut before = vec![Action::connect()];
    let mut act = vec![then];
    if early {
        before.push(start);
    } else {
        act.insert(0, start);
    }
    let number = if early { 2 } else { 3 };
    let mut world = World::new(before, vec![remove_rs1()], act);
    world.connects(1, 1, 0.1);
    world.step(if early { 3 } else { 2 }, 1.0, Some(1.1), done("it fired"));
    let at = if early { 0.5 } else { 2.0 };
    world.step(number, at, Some(at + 0.001), StepOutcome::ClientFailed);
    world.sends(number, 2, at, DIRECTOR, "select 1");
    world.down(s(at), DIRECTOR, "R", &[]);
    world.event(s(at + 0.001), 2, failed(io(104)));
    world
}

#[test]
fn only_what_is_classified_or_may_fail_fails_without_harm() {
    let premise = "the premise of the cell did not come about";
    // The failure is the one that is classified.
    let mut world = failing(false, false, Action::await_result());
    world.step(4, 2.1, Some(2.1), StepOutcome::ClientFailed);
    world.operation(4, 2);
    let observed = world.observe();
    assert!(
        matches!(observed.behaviour, Behaviour::FailedFast { .. }),
        "{observed:?}"
    );
    // It is, but it came before the change.
    let mut world = failing(false, true, Action::await_result());
    world.step(4, 2.0, Some(2.0), StepOutcome::ClientFailed);
    world.operation(4, 2);
    assert!(reasons(&world.observe()).contains(premise));
    // It is another's, which was foreseen or not.
    for (may_fail, foreseen) in [(true, true), (false, false)] {
        let mut world = failing(may_fail, false, Action::connect());
        world.port += 1;
        world.connects(4, 3, 3.0);
        let observed = world.observe();
        if foreseen {
            assert!(
                matches!(observed.behaviour, Behaviour::Answered { .. }),
                "{observed:?}"
            );
        } else {
            let reasons = reasons(&observed);
            assert!(reasons.contains(premise), "{reasons}");
        }
    }
}

/// A sentinel proves the capture of what is not before, or not after, itself.
#[test]
fn a_sentinel_at_the_very_moment_proves_the_capture() {
    let mut world = hung();
    world.first_sentinels.clear();
    world.last_sentinels.clear();
    let (first, last) = (s(0.1), s(1202.0));
    assert_eq!(world.record.steps[0].began, Some(first));
    assert_eq!(world.record.client_events.last().unwrap().at, last);
    for point in &mut world.points {
        point.frames.insert(0, support::frame(first, sentinel("first")));
        point.frames.push(support::frame(last, sentinel("last")));
    }
    let observed = world.observe();
    assert!(
        matches!(observed.behaviour, Behaviour::Hung { .. }),
        "{observed:?}"
    );
}

#[test]
fn events_and_steps_must_agree() {
    spoils_every_cell("do not agree on how its operation ended", |world| {
        let step = world.record.steps.last_mut().unwrap();
        step.outcome = match step.outcome {
            StepOutcome::Unfinished => done(""),
            StepOutcome::Done { .. } => StepOutcome::ClientFailed,
            StepOutcome::ClientFailed | StepOutcome::Failed { .. } | StepOutcome::NotReached => {
                StepOutcome::Unfinished
            }
        };
    });
    spoils_every_cell("events for operation", |world| {
        world.record.client_events.pop();
    });
    spoils_every_cell("is out of order", |world| {
        let last = world.record.client_events.last_mut().unwrap();
        last.at = s(0.05);
    });
    spoils_every_cell("is out of order", |world| {
        world.record.client_events.last_mut().unwrap().number = 1;
    });
    // In no time at all is still in order.
    let mut world = hung();
    world.record.client_events[1].at = world.record.client_events[0].at;
    let observed = world.observe();
    assert!(
        matches!(observed.behaviour, Behaviour::Hung { .. }),
        "{observed:?}"
    );
    let mut world = reset();
    world.record.ended = Instant(world.record.client_events[3].at.0 - 1);
    assert!(reasons(&world.observe()).contains("later than the end of the observation"));
    spoils_every_cell("names no operation", |world| {
        world.record.steps.last_mut().unwrap().operation = None;
    });
}

#[test]
fn an_operation_has_one_beginning_and_one_end_of_its_kind() {
    let begins = || ClientEventKind::StatementBegun {
        sql: "select 1".to_owned(),
    };
    for (kind, said) in [
        (begins(), "wrote down 3 events"),
        (result(), "wrote down 3 events"),
    ] {
        let mut world = answered();
        let last = world.record.client_events.pop().unwrap();
        world.event(s(2.0015), 2, kind);
        world.event(last.at, 2, last.kind);
        let reasons = reasons(&world.observe());
        assert!(reasons.contains(said), "{reasons}");
    }
    let mut world = answered();
    world.record.client_events.pop();
    let reasons_of_one = reasons(&world.observe());
    assert!(reasons_of_one.contains("wrote down 1 events"), "{reasons_of_one}");
    // A beginning of another kind, with an end that would fit; and the other way round.
    for (place, kind) in [(2, ClientEventKind::ConnectBegun), (3, connected())] {
        let mut world = answered();
        world.record.client_events[place].kind = kind;
        let reasons = reasons(&world.observe());
        assert!(
            reasons.contains("are not the beginning and the end of operation 2"),
            "{reasons}"
        );
    }
}

#[test]
fn a_fault_that_lasts_must_be_there_at_the_end() {
    let mut world = waiting_for_ever();
    world.record.steps[2].at_end = Some(AtEnd::InForce {
        shows: "port31 is in state DOWN".into(),
        packets: None,
    });
    let observed = world.observe();
    assert!(
        matches!(observed.behaviour, Behaviour::Hung { .. }),
        "{observed:?}"
    );
    let shown = observed
        .evidence
        .iter()
        .find(|piece| piece.fact.to_string().contains("at the end, power off rs1"));
    assert_eq!(shown.unwrap().shown_by, [Citation::Step(3)]);

    world.record.steps[2].at_end = Some(AtEnd::Gone {
        reason: "the port is in state UP".into(),
    });
    let reasons = reasons(&world.observe());
    assert!(
        reasons.contains("step 3 (power off rs1) did not last") && reasons.contains("state UP"),
        "{reasons}"
    );
}
