//! What must make a hand-made cell undetermined whatever its client lived through: the lab, the capture, faults and premises.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::record::{AtEnd, LabOutcome, StepOutcome};
use lvs_matrix_model::verdict::{Behaviour, Citation};
use support::cells::*;
use support::plain::{plain, reasons};
use support::world::*;
use support::{s, sentinel};

/// Every plain cell with the same damage is undetermined, for the same reason.
fn spoils_every_cell(expected: &str, damage: impl Fn(&mut World)) {
    for (what, mut world) in plain() {
        damage(&mut world);
        let reasons = reasons(&world.observe());
        assert!(reasons.contains(expected), "{what}: {reasons}");
    }
}

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
        spoils_every_cell("lost 1 packets", |world| point(world, index).dropped = 1);
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
    spoils_every_cell("cannot be decoded", |world| world.raw(s(0.0), CLIENT, vec![0xff; 9]));
}

#[test]
fn without_packets_nothing_is_known() {
    for (what, world) in plain() {
        let observed = lvs_matrix_model::verdict::observe(&world.record, &[]);
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

#[test]
fn events_and_steps_must_agree() {
    spoils_every_cell("do not agree on how its operation ended", |world| {
        let step = world.record.steps.last_mut().unwrap();
        step.outcome = match step.outcome {
            StepOutcome::Unfinished => done(""),
            StepOutcome::Done { .. } => StepOutcome::ClientFailed,
            StepOutcome::ClientFailed | StepOutcome::Failed { .. } | StepOutcome::NotReached => StepOutcome::Unfinished,
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
    let mut world = reset();
    world.record.ended = Instant(world.record.client_events[3].at.0 - 1);
    assert!(reasons(&world.observe()).contains("later than the end of the observation"));
    spoils_every_cell("names no operation", |world| {
        world.record.steps.last_mut().unwrap().operation = None;
    });
}

#[test]
fn a_fault_that_lasts_must_be_there_at_the_end() {
    let mut world = waiting_for_ever();
    world.record.steps[2].at_end = Some(AtEnd::InForce {
        shows: "port31 is in state DOWN".to_owned(),
        packets: None,
    });
    let observed = world.observe();
    assert!(matches!(observed.behaviour, Behaviour::Hung { .. }), "{observed:?}");
    let shown = observed
        .evidence
        .iter()
        .find(|piece| piece.fact.to_string().contains("at the end, power off rs1"));
    assert_eq!(shown.unwrap().shown_by, [Citation::Step(3)]);

    world.record.steps[2].at_end = Some(AtEnd::Gone {
        reason: "the port is in state UP".to_owned(),
    });
    let reasons = reasons(&world.observe());
    assert!(
        reasons.contains("step 3 (power off rs1) did not last") && reasons.contains("state UP"),
        "{reasons}"
    );
}
