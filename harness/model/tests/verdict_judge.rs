//! What was observed, held against what was expected; and many verdicts in one.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::Name;
use lvs_matrix_model::capture::{Remarks, write};
use lvs_matrix_model::record::LabOutcome;
use lvs_matrix_model::scenario::{BehaviourName, Expected, ExpectedBehaviour, HangEndName};
use lvs_matrix_model::verdict::{
    ArticleResult, Difference, Doubt, RunOutcome, Verdict, errno_name, judge, judged,
};
use support::cells::*;
use support::world::World;
use support::{bare_record, empty_points, seconds};

fn only(behaviour: BehaviourName) -> ExpectedBehaviour {
    ExpectedBehaviour {
        behaviour,
        error: None,
        errno: None,
        ends: None,
        at_least: None,
        at_most: None,
        served_by: Vec::new(),
        clients: None,
        outage: None,
    }
}

fn verdict(world: &World, expected: ExpectedBehaviour) -> Verdict {
    judge(&Expected::Behaviour(expected), &world.observe())
}

fn differences(world: &World, expected: ExpectedBehaviour) -> Vec<String> {
    match verdict(world, expected) {
        Verdict::Violated { differences } => differences.iter().map(ToString::to_string).collect(),
        other @ (Verdict::Met
        | Verdict::ObservedOnly
        | Verdict::TestedNothing { .. }
        | Verdict::Undetermined { .. }) => {
            panic!("not violated: {other:?}")
        }
    }
}

/// The reasons for which nothing is known, in words.
fn reasons_of(verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Undetermined { reasons } => reasons.iter().map(ToString::to_string).collect(),
        other @ (Verdict::Met
        | Verdict::ObservedOnly
        | Verdict::TestedNothing { .. }
        | Verdict::Violated { .. }) => panic!("{other:?}"),
    }
}

#[test]
fn each_behaviour_is_met_by_itself_alone() {
    let names = [
        BehaviourName::Answered,
        BehaviourName::FailedFast,
        BehaviourName::Hung,
    ];
    for (index, world) in [answered(), reset(), hung()].iter().enumerate() {
        for (other, name) in names.into_iter().enumerate() {
            let met = verdict(world, only(name)) == Verdict::Met;
            assert_eq!(met, index == other, "{name:?}");
        }
    }
    assert_eq!(
        differences(&hung(), only(BehaviourName::FailedFast)),
        ["expected failed-fast, observed hung"]
    );
}

#[test]
fn every_stated_detail_is_compared() {
    let met = ExpectedBehaviour {
        error: Some(2013),
        errno: Some(104),
        at_most: Some(seconds(0.001)),
        at_least: Some(seconds(0.001)),
        ..only(BehaviourName::FailedFast)
    };
    assert_eq!(verdict(&reset(), met), Verdict::Met);
    let wrong = ExpectedBehaviour {
        error: Some(2006),
        errno: Some(111),
        ends: Some(HangEndName::Error),
        at_least: Some(seconds(1.0)),
        at_most: Some(seconds(0.0005)),
        ..only(BehaviourName::FailedFast)
    };
    assert_eq!(
        differences(&reset(), wrong),
        [
            "expected error 2006, observed 2013",
            "expected errno 111, observed 104",
            "expected the hang to end with an error, observed no hang",
            "expected the operation to last at least 1s, observed 1ms",
            "expected the operation to last at most <1ms, observed 1ms",
        ]
    );
    let error = ExpectedBehaviour {
        error: Some(2013),
        errno: Some(104),
        ..only(BehaviourName::Answered)
    };
    assert_eq!(
        differences(&answered(), error),
        [
            "expected error 2013, observed none",
            "expected errno 104, observed none"
        ]
    );
}

#[test]
fn how_a_hang_ends_is_compared() {
    let ends = |end| ExpectedBehaviour {
        ends: Some(end),
        ..only(BehaviourName::Hung)
    };
    assert_eq!(verdict(&hung(), ends(HangEndName::None)), Verdict::Met);
    assert_eq!(verdict(&recovered(), ends(HangEndName::Answer)), Verdict::Met);
    assert_eq!(verdict(&timed_out(), ends(HangEndName::Error)), Verdict::Met);
    assert_eq!(
        differences(&hung(), ends(HangEndName::Answer)),
        ["expected the hang to end with an answer, observed no end within the observation"]
    );
}

/// The run's own limit ended the observation: what holds by then is decided, what was still to come is not,
/// and the reason names the limit.
#[test]
fn what_the_runs_limit_leaves_open_is_not_guessed() {
    let cut = |mut world: World, limit: f64| {
        world.record.plan.observe_at_most = Some(seconds(limit));
        world
    };
    let hangs = |at_least: Option<f64>, at_most: Option<f64>| ExpectedBehaviour {
        at_least: at_least.map(seconds),
        at_most: at_most.map(seconds),
        ..only(BehaviourName::Hung)
    };
    // Sent at 2 s, still waiting at 62 s.
    let world = || cut(hung_for(60.0), 60.0);
    for decided in [hangs(None, None), hangs(Some(60.0), None)] {
        assert_eq!(verdict(&world(), decided), Verdict::Met);
    }
    assert_eq!(
        differences(&world(), hangs(None, Some(59.0))),
        ["expected the operation to last at most 59s, observed 1m"]
    );
    assert_eq!(
        differences(&world(), only(BehaviourName::Answered)),
        ["expected answered, observed hung"],
        "patience is the scenario's, whatever the limit"
    );
    let ends = |end| ExpectedBehaviour {
        ends: Some(end),
        ..only(BehaviourName::Hung)
    };
    let open = [
        (hangs(Some(61.0), None), "the operation to last at least 1m1s"),
        (hangs(None, Some(61.0)), "the operation to last at most 1m1s"),
        (ends(HangEndName::Error), "the hang to end with an error"),
        (ends(HangEndName::Answer), "the hang to end with an answer"),
        (ends(HangEndName::None), "no end within the observation"),
        (
            ExpectedBehaviour {
                error: Some(2013),
                ..only(BehaviourName::Hung)
            },
            "error 2013",
        ),
    ];
    for (expected, what) in open {
        let reason = format!(
            "expected {what}; not over within 1m, the most that this run watches a cell for \
             (--observe-at-most)"
        );
        assert_eq!(reasons_of(&verdict(&world(), expected)), [reason]);
    }
    // Nobody has served a connect that still waits.
    let by = |server| ExpectedBehaviour {
        served_by: vec![Name::new(server).unwrap()],
        ..only(BehaviourName::Hung)
    };
    let connecting = verdict(&cut(connect_hung(), 60.0), by("rs2"));
    let reason = "expected a server to serve the connection; not over within 1m, the most that this run \
                  watches a cell for (--observe-at-most)";
    assert_eq!(reasons_of(&connecting), [reason]);
    assert_eq!(
        differences(&world(), by("rs2")),
        ["expected rs2 to serve the connection, observed rs1"],
        "who serves it stays so"
    );
    // A limit that is no shorter than the scenario's own, or that nothing reached, leaves nothing open.
    for whole in [cut(hung(), 1200.0), cut(hung(), 7200.0)] {
        assert_eq!(verdict(&whole, ends(HangEndName::None)), Verdict::Met);
    }
    assert_eq!(
        verdict(&cut(reset(), 60.0), only(BehaviourName::FailedFast)),
        Verdict::Met
    );
    // Patience itself does not fit into the limit.
    assert_eq!(
        reasons_of(&verdict(&cut(hung_for(3.0), 3.0), hangs(None, None))),
        ["this run watches a cell for at most 3s (--observe-at-most), and patience ends 2s after that"]
    );
}

#[test]
fn a_cell_that_was_not_run_says_only_that() {
    let mut record = bare_record();
    let reason = "it waits 14m50s; give a larger --observe-at-most".to_owned();
    record.lab = LabOutcome::NotRun { reason };
    for expected in [
        Expected::ObserveOnly,
        Expected::Behaviour(only(BehaviourName::Hung)),
    ] {
        record.plan.expected = expected;
        assert_eq!(
            reasons_of(&judged(record.clone(), None).verdict),
            ["the cell was not run: it waits 14m50s; give a larger --observe-at-most"]
        );
    }
}

#[test]
fn a_hang_lasts_from_the_beginning_of_the_operation() {
    // The statement of `waiting_for_ever` was sent at 1 s, was due at 21 s, and was watched until 1203 s.
    let at_least = |time| ExpectedBehaviour {
        at_least: Some(seconds(time)),
        ..only(BehaviourName::Hung)
    };
    assert_eq!(verdict(&waiting_for_ever(), at_least(1202.0)), Verdict::Met);
    assert_eq!(differences(&waiting_for_ever(), at_least(1202.001)).len(), 1);
}

#[test]
fn what_is_not_known_is_never_met_or_violated() {
    let mut world = hung();
    world.record.capture.as_mut().unwrap().points[0].dropped = 3;
    for expected in [
        Expected::ObserveOnly,
        Expected::Behaviour(only(BehaviourName::Hung)),
        Expected::Behaviour(only(BehaviourName::Answered)),
    ] {
        assert_eq!(
            reasons_of(&judge(&expected, &world.observe())),
            ["the capture on client lost 3 packets"]
        );
    }
    assert_eq!(
        judge(&Expected::ObserveOnly, &hung().observe()),
        Verdict::ObservedOnly
    );
    assert_eq!(hung().observe().behaviour.article(), Some(ArticleResult::Ng));
    assert_eq!(reset().observe().behaviour.article(), Some(ArticleResult::Ok));
    assert_eq!(world.observe().behaviour.article(), None);
}

/// A run's outcome is the worst of its verdicts', by this order.
#[test]
fn violated_over_undetermined_over_met() {
    let violated = Verdict::Violated {
        differences: vec![Difference::Behaviour {
            expected: BehaviourName::Answered,
            observed: Some(BehaviourName::Hung),
        }],
    };
    let undetermined = Verdict::Undetermined {
        reasons: vec![Doubt::NothingCaptured],
    };
    let outcomes = [&Verdict::Met, &Verdict::ObservedOnly, &undetermined, &violated].map(RunOutcome::from);
    assert!(outcomes.is_sorted());
    assert_eq!(outcomes.map(RunOutcome::exit_code), [0, 0, 3, 1]);
    assert_eq!(RunOutcome::Disagreeing.exit_code(), 4);
    assert!(RunOutcome::Disagreeing > RunOutcome::Violated);
}

#[test]
fn a_capture_that_cannot_be_read_is_a_reason_not_an_error() {
    let bytes = write(&empty_points(), &Remarks::default()).unwrap();
    let reasons = |bytes: Option<&[u8]>| reasons_of(&judged(bare_record(), bytes).verdict);
    assert_eq!(
        reasons(Some(&bytes[..bytes.len() - 1])),
        ["the capture ends in the middle of a block, after 0 packets: it was cut short when it was written"]
    );
    assert!(reasons(Some(b"no capture at all"))[0].contains("is not a pcapng file"));
    assert_eq!(reasons(None), ["the cell has no capture file"]);
    let mut record = bare_record();
    record.lab = LabOutcome::Failed {
        stage: "boot the guest".to_owned(),
        reason: "it made no progress for 30s".to_owned(),
        log: Vec::new(),
    };
    assert_eq!(
        reasons_of(&judged(record, None).verdict),
        [
            "the lab failed (boot the guest): it made no progress for 30s",
            "the cell has no capture file"
        ]
    );
}

#[test]
fn judging_the_stored_bytes_gives_what_was_observed() {
    let mut world = recovered();
    world.record.plan.expected = Expected::Behaviour(only(BehaviourName::Hung));
    let packets = world.packets();
    let points = world.with_sentinels();
    let cell = judged(
        world.record.clone(),
        Some(&write(&points, &Remarks::default()).unwrap()),
    );
    assert_eq!(cell.verdict, Verdict::Met);
    assert_eq!(cell.observed, world.observe());
    assert_eq!(cell.packets(), packets);
    // A record survives its way over the disk.
    let text = serde_json::to_string(&world.record).unwrap();
    assert_eq!(
        serde_json::from_str::<lvs_matrix_model::record::CellRecord>(&text).unwrap(),
        world.record
    );
    let text = serde_json::to_string(&cell.observed).unwrap();
    assert_eq!(
        serde_json::from_str::<lvs_matrix_model::verdict::Observed>(&text).unwrap(),
        cell.observed
    );
}

#[test]
fn errno_has_its_names() {
    for (errno, name) in [
        (32, "EPIPE"),
        (99, "EADDRNOTAVAIL"),
        (100, "ENETDOWN"),
        (101, "ENETUNREACH"),
        (103, "ECONNABORTED"),
        (104, "ECONNRESET"),
        (105, "ENOBUFS"),
        (107, "ENOTCONN"),
        (110, "ETIMEDOUT"),
        (111, "ECONNREFUSED"),
        (112, "EHOSTDOWN"),
        (113, "EHOSTUNREACH"),
        (115, "EINPROGRESS"),
    ] {
        assert_eq!(errno_name(errno), Some(name));
    }
    assert_eq!(errno_name(1), None);
}

#[test]
fn evidence_tells_the_story() {
    let mut world = hung();
    world.snapshot(
        lvs_matrix_model::record::Moment::AfterChange,
        1.2,
        "TCP  192.0.2.100:3306 rr\n  -> 192.0.2.32:3306              Route   1      0          0\n",
        "TCP 14:58  ESTABLISHED 192.0.2.10:40776   192.0.2.100:3306   192.0.2.31:3306\n",
    );
    let told: Vec<String> = world
        .observe()
        .evidence
        .iter()
        .map(|evidence| format!("{} {:?}", evidence.fact, evidence.shown_by))
        .collect();
    assert_told(
        &told,
        &[
            "at 1s: remove real server rs1 (it fired) [Step(2)]",
            "after the change, the director's table held rs2 (weight 1), and an entry for the connection to \
             rs1 (ESTABLISHED, expires in 14:58) [Snapshot(1)]",
            "at 2s: the client began `select 1`; the client sent the statement [Event(3), Packet(27)]",
            "rs1 served the connection [Packet(8)]",
            "the client sent the same 13 bytes again 5 times, after 200ms, 400ms, 800ms, 1.6s, 3.2s \
             [Packet(27), Packet(29), Packet(31), Packet(33), Packet(35), Packet(37)]",
            "from 2s on, nothing that answers reached the client for 20m, and it had not ended when the \
             observation did [Packet(27), Packet(37), Event(4)]",
            "at 20m2s: the client was still waiting [Event(4)]",
        ],
    );
}

fn assert_told(told: &[String], expected: &[&str]) {
    for (told, expected) in told.iter().zip(expected) {
        assert_eq!(told, expected);
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}
