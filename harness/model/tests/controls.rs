//! Negative controls on every cell that is kept as a fixture: each is damaged in one respect, or
//! held against an expectation that is not what happened. None of them may be met.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::action::{Action, HostAction, Node};
use lvs_matrix_model::capture::{Body, Packet, PointFrames, Remarks, write};
use lvs_matrix_model::path::Journeys;
use lvs_matrix_model::plan::Phase;
use lvs_matrix_model::record::{CellRecord, StepOutcome, StepRecord};
use lvs_matrix_model::scenario::{BehaviourName, Expected};
use lvs_matrix_model::verdict::{Behaviour, Verdict, judge, judged, observe};
use support::stored::stored;

/// The reasons for which nothing is known of it.
fn reasons(record: &CellRecord, packets: &[Packet]) -> Option<String> {
    match observe(record, &Journeys::of(record, packets.to_vec())).behaviour {
        Behaviour::Undetermined { reasons } => Some(
            reasons
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; "),
        ),
        Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Hung { .. } => None,
    }
}

#[track_caller]
fn is_undetermined(record: &CellRecord, packets: &[Packet], words: &str, what: &str) {
    let told = reasons(record, packets)
        .unwrap_or_else(|| panic!("{}: {what}, and still determined", record.plan.cell));
    assert!(
        told.contains(words),
        "{}: {what}: no {words:?} in: {told}",
        record.plan.cell
    );
}

#[test]
fn a_flipped_expectation_is_violated() {
    let names = [
        BehaviourName::Answered,
        BehaviourName::FailedFast,
        BehaviourName::Hung,
    ];
    let mut flipped = 0;
    for cell in stored() {
        let Expected::Behaviour(expected) = &cell.record.plan.expected else {
            continue;
        };
        let observed = observe(&cell.record, &Journeys::of(&cell.record, cell.packets()));
        let at = &cell.record.plan.cell;
        assert_eq!(judge(&cell.record.plan.expected, &observed), Verdict::Met, "{at}");
        for other in names.into_iter().filter(|name| *name != expected.behaviour) {
            let mut flip = expected.clone();
            (flip.behaviour, flip.error, flip.errno, flip.ends) = (other, None, None, None);
            (flip.at_least, flip.at_most) = (None, None);
            let verdict = judge(&Expected::Behaviour(flip), &observed);
            assert!(
                matches!(&verdict, Verdict::Violated { differences } if !differences.is_empty()),
                "{at}: {verdict:?}"
            );
            flipped += 1;
        }
        for (error, errno) in [(Some(1), None), (None, Some(1))] {
            let mut wrong = expected.clone();
            (wrong.error, wrong.errno) = (error, errno);
            let verdict = judge(&Expected::Behaviour(wrong), &observed);
            assert!(
                matches!(verdict, Verdict::Violated { .. }),
                "{at}: {error:?} {errno:?}: {verdict:?}"
            );
        }
    }
    assert!(flipped > 100, "{flipped} expectations");
}

#[test]
fn without_packets_or_a_sentinel_nothing_is_known() {
    for cell in stored() {
        let (record, packets) = (&cell.record, cell.packets());
        is_undetermined(record, &[], "sentinel", "no packets");
        let no_frames = |name: String| PointFrames {
            name,
            frames: Vec::new(),
        };
        let points: Vec<PointFrames> = cell.points().into_iter().map(no_frames).collect();
        let empty = write(&points, &Remarks::default()).unwrap();
        for bytes in [None, Some(&empty[..])] {
            let verdict = judged(record.clone(), bytes).verdict;
            assert!(
                matches!(verdict, Verdict::Undetermined { .. }),
                "{}: {verdict:?}",
                record.plan.cell
            );
        }
        for (index, point) in record.capture.as_ref().unwrap().points.iter().enumerate() {
            let sentinels: Vec<u32> = packets
                .iter()
                .filter(|packet| packet.point == index && matches!(packet.body, Body::Sentinel { .. }))
                .map(|packet| packet.number)
                .collect();
            for (number, which) in [(sentinels.first(), "first"), (sentinels.last(), "last")] {
                if which == "last" && without_power(record, &point.node) {
                    continue;
                }
                let rest: Vec<Packet> = packets
                    .iter()
                    .filter(|packet| Some(&packet.number) != number)
                    .cloned()
                    .collect();
                is_undetermined(
                    record,
                    &rest,
                    &format!("its {which} sentinel"),
                    &point.node.to_string(),
                );
            }
        }
    }
}

/// A host without power sees nothing any more.
fn without_power(record: &CellRecord, node: &Node) -> bool {
    let off = |action: &Action, off: bool| match action {
        Action::Host(HostAction::PowerOff { server, .. }) => off && *node == server.0,
        Action::Host(HostAction::PowerOn { server }) => !off && *node == server.0,
        Action::Host(_)
        | Action::Table(_)
        | Action::Other(_)
        | Action::Mysqld(_)
        | Action::Client(_)
        | Action::Wait(_)
        | Action::Traffic(_)
        | Action::Watch(_) => false,
    };
    let count = |power: bool| {
        record
            .steps
            .iter()
            .filter(|step| off(&step.action, power))
            .count()
    };
    count(true) > count(false)
}

#[test]
fn lost_frames_and_failed_captures_are_reasons() {
    for cell in stored() {
        let packets = cell.packets();
        for index in 0..cell.record.capture.as_ref().unwrap().points.len() {
            let mut record = cell.record.clone();
            let points = &mut record.capture.as_mut().unwrap().points;
            points[index].dropped = 1;
            is_undetermined(&record, &packets, "lost 1 packet", "a frame was dropped");
            let points = &mut record.capture.as_mut().unwrap().points;
            (points[index].dropped, points[index].failure) = (0, Some("it broke".to_owned()));
            is_undetermined(&record, &packets, "it broke", "a capture failed");
            record.capture.as_mut().unwrap().points.remove(index);
            is_undetermined(&record, &packets, "was not captured", "a point is missing");
        }
    }
}

/// Each fault of each cell does not fire, or nothing shows that it did, or it is not in the record.
#[test]
fn a_fault_that_did_not_fire_is_a_reason() {
    let fault = |step: &StepRecord| {
        step.phase != Phase::Act
            && !step.action.is_of_client()
            && !matches!(step.action, Action::Wait(_) | Action::Watch(_))
    };
    let mut faults = 0;
    for cell in stored() {
        let packets = cell.packets();
        for (index, step) in cell
            .record
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| fault(step))
        {
            let mut record = cell.record.clone();
            let outcomes = [
                (
                    StepOutcome::Failed {
                        reason: "it did not fire".to_owned(),
                    },
                    "it did not fire",
                ),
                (
                    StepOutcome::Done { proof: "".into() },
                    "nothing shows that it fired",
                ),
                (StepOutcome::Unfinished, "did not end"),
                (StepOutcome::NotReached, "was not reached"),
            ];
            for (outcome, words) in outcomes {
                record.steps[index].outcome = outcome;
                is_undetermined(&record, &packets, words, &step.action.to_string());
            }
            record.steps.remove(index);
            is_undetermined(&record, &packets, "not those of its plan", "a step is missing");
            faults += 1;
        }
    }
    assert!(faults > 100, "{faults} faults");
}

#[test]
fn another_server_is_a_reason() {
    for cell in stored() {
        let mut record = cell.record.clone();
        let Some(view) = record.server_views.first_mut() else {
            continue;
        };
        view.server_id = 999;
        is_undetermined(&record, &cell.packets(), "server_id 999", "another server");
    }
}
