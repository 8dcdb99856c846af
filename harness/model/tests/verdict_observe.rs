//! The classifier on hand-made cells: each behaviour in its plain form, then everything that must make it undetermined.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::action::{Action, Node};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::record::{
    AtEnd, ClientErrorKind, ClientEventKind, LabOutcome, MysqldState, ServerSession, ServerView, StepOutcome,
};
use lvs_matrix_model::verdict::{Behaviour, Citation, HangEnd, Observed, TerminatorKind};
use support::cells::*;
use support::random::Random;
use support::world::*;
use support::{name, s, seconds, sentinel};

fn rs1() -> Node {
    Node::RealServer(name("rs1"))
}

#[test]
fn each_behaviour_in_its_plain_form() {
    let fast = |after: f64| Behaviour::FailedFast { after: seconds(after) };
    let answered_after = |after: f64| Behaviour::Answered { after: seconds(after) };
    let silent = |silence: f64, end| Behaviour::Hung {
        silence: seconds(silence),
        end,
    };
    let cases: [(&str, World, Behaviour); 15] = [
        ("answered", answered(), answered_after(0.002)),
        ("hung", hung(), silent(1200.0, HangEnd::None)),
        ("recovered", recovered(), silent(323.501, HangEnd::Answer)),
        ("reset", reset(), fast(0.001)),
        ("closed", closed(), fast(0.001)),
        ("timed out", timed_out(), silent(922.0, HangEnd::Error)),
        ("refused by RST", refused_by_rst(), fast(0.002)),
        ("refused by ICMP", refused_by_icmp(), fast(0.001)),
        ("connected anew", connected_anew(), answered_after(0.004)),
        ("connect hung", connect_hung(), silent(1200.0, HangEnd::None)),
        ("no route", no_route(), fast(3.0)),
        ("waited", waited(), answered_after(20.001)),
        // Due when a healthy server would have answered: 20 s after the statement was sent at 1 s.
        ("waiting for ever", waiting_for_ever(), silent(1182.0, HangEnd::None)),
        // Sent in the act phase: due from its own beginning, although the client comes back to it only after 310 s.
        ("re-added", re_added(), silent(323.501, HangEnd::Answer)),
        ("never added", never_added(), silent(1200.0, HangEnd::None)),
    ];
    for (what, world, behaviour) in cases {
        assert_eq!(world.observe().behaviour, behaviour, "{what}");
    }
}

#[test]
fn the_error_has_the_code_that_the_classic_client_prints() {
    let code = |world: World| {
        let error = world.observe().error.expect("an error");
        (error.classic, error.errno, error.server)
    };
    assert_eq!(code(refused_by_rst()), (Some(2003), Some(111), None));
    assert_eq!(code(refused_by_icmp()), (Some(2003), Some(111), None));
    assert_eq!(code(no_route()), (Some(2003), Some(113), None));
    // The connection had ended before the statement was written.
    assert_eq!(code(closed()), (Some(2006), None, None));
    // It ended after.
    assert_eq!(code(reset()), (Some(2013), Some(104), None));
    assert_eq!(code(lost_while_waiting()), (Some(2013), None, None));
    assert_eq!(code(timed_out()), (Some(2013), Some(110), None));
}

#[test]
fn a_connection_lost_during_the_login_is_2013() {
    let mut world = refused_by_rst();
    world.points.iter_mut().for_each(|point| point.frames.clear());
    (world.client_next, world.server_next) = (1000, 5000);
    world.up(s(2.0), RS1, "S", &[]);
    world.down(s(2.0), RS1, "S.", &[]);
    world.up(s(2.0), RS1, ".", &[]);
    world.down(s(2.001), RS1, "F.", &[]);
    world.record.client_events[1].kind = failed(ClientErrorKind::Closed);
    let observed = world.observe();
    assert_eq!(observed.behaviour, Behaviour::FailedFast { after: seconds(0.002) });
    assert_eq!(observed.error.unwrap().classic, Some(2013));
}

#[test]
fn an_error_packet_of_the_server_keeps_the_servers_code() {
    let mut world = answered();
    world.record.client_events[3].kind = failed(ClientErrorKind::Server {
        code: 1053,
        sqlstate: "08S01".to_owned(),
    });
    world.record.steps[2].outcome = StepOutcome::ClientFailed;
    let error = world.observe().error.unwrap();
    assert_eq!((error.classic, error.server), (None, Some(1053)));
}

#[test]
fn who_sent_the_fin_the_rst_and_the_icmp_is_known_by_the_mac() {
    let senders = |world: World| -> Vec<_> {
        world
            .observe()
            .terminators
            .into_iter()
            .map(|terminator| (terminator.kind, terminator.by))
            .collect()
    };
    assert_eq!(senders(reset()), [(TerminatorKind::Rst, Some(Node::Director))]);
    assert_eq!(senders(refused_by_rst()), [(TerminatorKind::Rst, Some(rs1()))]);
    assert_eq!(senders(closed()), [(TerminatorKind::Fin, Some(rs1()))]);
    assert_eq!(
        senders(refused_by_icmp()),
        [(TerminatorKind::Icmp { code: 3 }, Some(Node::Director))]
    );
    assert_eq!(senders(hung()), []);
}

#[test]
fn repetitions_are_counted_with_their_gaps() {
    let observed = hung().observe();
    let retransmissions = observed.retransmissions;
    assert_eq!((retransmissions.count, retransmissions.payload_length), (5, 13));
    assert_eq!(retransmissions.packets.len(), 6);
    assert_eq!(retransmissions.gaps, [0.2, 0.4, 0.8, 1.6, 3.2].map(seconds));
    let syn = connect_hung().observe().retransmissions;
    assert_eq!((syn.count, syn.payload_length), (3, 0));
    assert_eq!(syn.gaps, [1.0, 2.0, 4.0].map(seconds));
    assert_eq!(answered().observe().retransmissions.count, 0);
}

#[test]
fn the_operation_has_its_times_port_and_server() {
    let operation = waited().observe().operation.unwrap();
    assert_eq!(operation.number, 2);
    assert_eq!(operation.what, "query `select sleep(20)`");
    assert_eq!((operation.began, operation.due), (s(1.0), s(21.0)));
    assert_eq!(operation.ended, Some(s(21.001)));
    assert_eq!((operation.client_port, operation.served_by), (Some(40776), Some(rs1())));
    let operation = refused_by_icmp().observe().operation.unwrap();
    assert_eq!((operation.client_port, operation.served_by), (Some(40776), None));
}

#[test]
fn evidence_cites_events_packets_and_steps_that_exist() {
    for (what, world) in plain() {
        let packets = world.packets();
        let observed = world.observe();
        let citations: Vec<Citation> = observed
            .evidence
            .iter()
            .flat_map(|evidence| evidence.shown_by.iter().copied())
            .collect();
        assert!(
            observed.evidence.iter().all(|evidence| !evidence.shown_by.is_empty()),
            "{what}"
        );
        assert!(
            citations.iter().any(|citation| matches!(citation, Citation::Packet(_))),
            "{what}"
        );
        assert!(
            citations.iter().any(|citation| matches!(citation, Citation::Event(_))),
            "{what}"
        );
        for citation in citations {
            let exists = match citation {
                Citation::Event(number) => (1..=world.record.client_events.len()).contains(&(number as usize)),
                Citation::Packet(number) => (1..=packets.len()).contains(&(number as usize)),
                Citation::Snapshot(number) => (1..=world.record.snapshots.len()).contains(&(number as usize)),
                Citation::Step(number) => (1..=world.record.steps.len()).contains(&(number as usize)),
                Citation::Server(id) => world.record.server_views.iter().any(|view| view.server_id == id),
            };
            assert!(exists, "{what}: {citation:?}");
        }
    }
}

fn plain() -> Vec<(&'static str, World)> {
    vec![
        ("answered", answered()),
        ("hung", hung()),
        ("recovered", recovered()),
        ("reset", reset()),
        ("closed", closed()),
        ("timed out", timed_out()),
        ("refused by RST", refused_by_rst()),
        ("refused by ICMP", refused_by_icmp()),
        ("connected anew", connected_anew()),
        ("connect hung", connect_hung()),
        ("no route", no_route()),
        ("waited", waited()),
        ("lost while waiting", lost_while_waiting()),
        ("waiting for ever", waiting_for_ever()),
        ("re-added", re_added()),
    ]
}

fn reasons(observed: &Observed) -> String {
    match &observed.behaviour {
        Behaviour::Undetermined { reasons } => reasons.join("\n"),
        Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Hung { .. } => {
            format!("determined: {:?}", observed.behaviour)
        }
    }
}

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

/// Cuts the frames out that `remove` names: (point, frame in its order).
fn without(mut world: World, remove: impl Fn(usize, usize) -> bool) -> World {
    for (index, point) in world.points.iter_mut().enumerate() {
        let mut place = 0;
        point.frames.retain(|_| {
            place += 1;
            !remove(index, place - 1)
        });
    }
    world
}

#[test]
fn an_answer_must_be_seen_arriving() {
    // The connection's packets on the client's interface are 7; then the statement, the answer, the acknowledgement.
    let reasons_of = |world: World| reasons(&world.observe());
    let unanswered = without(answered(), |point, place| point == CLIENT && place == 8);
    assert!(reasons_of(unanswered).contains("no packet with an answer reached its interface"));
    let unasked = without(answered(), |point, place| point == CLIENT && place == 7);
    assert!(reasons_of(unasked).contains("does not show the client sending its statement"));
    let unopened = without(answered(), |point, place| point == CLIENT && place == 0);
    assert!(reasons_of(unopened).contains("its capture shows no SYN of the connection"));
    let missing = without(recovered(), |point, place| point == CLIENT && place == 12);
    assert!(
        reasons_of(missing).contains("in packet"),
        "an acknowledgement of what is missing"
    );
}

#[test]
fn an_answer_of_a_stranger_is_none() {
    let mut world = answered();
    for frame in world.points.iter_mut().flat_map(|point| point.frames.iter_mut()) {
        // Whatever rs1 sent or got: from and to a host that is none of the lab's.
        for place in [5, 11] {
            if frame.bytes[place] == 31 {
                frame.bytes[place] = 99;
            }
        }
    }
    assert!(reasons(&world.observe()).contains("no packet shows which real server answered"));
}

#[test]
fn an_answer_by_two_servers_is_not_believed() {
    let mut world = answered();
    let answer = world.points[CLIENT].frames.len() - 2;
    world.points[CLIENT].frames[answer].bytes[11] = 32;
    let reasons = reasons(&world.observe());
    assert!(reasons.contains("several real servers: rs1 (packet"), "{reasons}");
}

#[test]
fn an_end_by_the_peer_must_be_seen_arriving() {
    for (world, place, reason) in [
        (reset(), 8, "neither a FIN nor an RST nor an ICMP error"),
        (closed(), 7, "neither a FIN nor an RST nor an ICMP error"),
        (refused_by_rst(), 1, "neither an RST nor an ICMP error"),
        (refused_by_icmp(), 1, "neither an RST nor an ICMP error"),
    ] {
        let reasons = reasons(&without(world, |point, at| point == CLIENT && at == place).observe());
        assert!(reasons.contains(reason), "{reasons}");
    }
    let silent = without(no_route(), |point, _| point == CLIENT);
    assert!(reasons(&silent.observe()).contains("neither an ICMP error nor, from the client, an ARP request"));
    let mut answered_late = timed_out();
    answered_late.down(s(900.0), RS1, ".", &[]);
    assert!(reasons(&answered_late.observe()).contains("no segment of the client that stayed unanswered"));
}

#[test]
fn an_error_that_no_packet_can_show_is_undetermined() {
    for (kind, reason) in [
        (io(99), "errno 99, which no packet can show"),
        (ClientErrorKind::Driver, "the driver itself failed"),
    ] {
        let mut world = reset();
        world.record.client_events[3].kind = failed(kind);
        let reasons = reasons(&world.observe());
        assert!(reasons.contains(reason), "{reasons}");
    }
}

#[test]
fn silence_must_be_silence_on_the_wire() {
    // Each of these reached the client while it says that it still waits.
    type Arrival = fn(&mut World);
    let cases: [(&str, Arrival); 3] = [
        ("payload", |world| world.down(s(100.0), RS1, "P.", &[4; 56])),
        ("FIN", |world| world.down(s(100.0), RS1, "F.", &[])),
        ("RST", |world| world.down(s(100.0), DIRECTOR, "R", &[])),
    ];
    for (what, arrives) in cases {
        let mut world = hung();
        arrives(&mut world);
        let reasons = reasons(&world.observe());
        assert!(
            reasons.contains("an answer reached the client's interface at 1m40s"),
            "{what}: {reasons}"
        );
    }
    // ICMP refuses a connection that is being opened; one that is established goes on, and TCP sends again (RFC 1122, 4.2.3.9).
    let mut world = connect_hung();
    world.unreachable(s(100.0), 1);
    let reasons = reasons(&world.observe());
    assert!(
        reasons.contains("an answer reached the client's interface at 1m40s"),
        "{reasons}"
    );
    let mut world = hung();
    world.unreachable(s(100.0), 1);
    assert!(matches!(world.observe().behaviour, Behaviour::Hung { .. }));
    // A bare acknowledgement is no answer.
    let mut world = hung();
    world.down(s(100.0), RS1, ".", &[]);
    assert!(matches!(world.observe().behaviour, Behaviour::Hung { .. }));
    // Neither is old data that the server sends again because the client's acknowledgements do not reach it any more.
    let mut world = hung();
    world.server_next -= 11;
    world.down(s(100.0), RS1, "P.", &[3; 11]);
    assert!(matches!(world.observe().behaviour, Behaviour::Hung { .. }));
    // An answer to another connection is none to this one.
    let mut world = hung();
    world.port += 1;
    world.down(s(100.0), RS1, "P.", &[4; 56]);
    assert!(matches!(world.observe().behaviour, Behaviour::Hung { .. }));
}

#[test]
fn a_late_answer_must_be_late_on_the_wire_too() {
    let mut world = recovered();
    // The answer reached the interface at 2.9 s, the client reported it at 325 s.
    let answer = world.points[CLIENT].frames.len() - 2;
    world.points[CLIENT].frames[answer].unix_nanos = support::EPOCH + s(2.9).0;
    let reasons = reasons(&world.observe());
    assert!(
        reasons.contains("an answer reached the client's interface at 2.9s"),
        "{reasons}"
    );
}

#[test]
fn a_statement_that_is_missing_from_the_capture_is_not_one_that_was_never_sent() {
    // What is left looks like an RST before the statement, which the classic client reports as 2006 and not as 2013.
    let unsent = without(reset(), |point, place| point == CLIENT && place == 7);
    assert!(reasons(&unsent.observe()).contains("does not show the client sending its statement"));
    // The connection had ended before: the client's own socket refuses the statement.
    let mut world = without(closed(), |_, _| false);
    let statement = world.points[CLIENT].frames.len() - 1;
    world.points[CLIENT].frames.remove(statement);
    let observed = world.observe();
    assert_eq!(observed.behaviour, Behaviour::FailedFast { after: seconds(0.001) });
    assert_eq!(observed.error.unwrap().classic, Some(2006));
}

#[test]
fn silence_must_follow_something_that_was_sent() {
    let quiet = without(hung(), |point, place| point == CLIENT && place >= 7);
    assert!(reasons(&quiet.observe()).contains("does not show the client sending its statement"));
    let quiet = without(connect_hung(), |point, _| point == CLIENT);
    assert!(reasons(&quiet.observe()).contains("neither a SYN nor an ARP request"));
    let mut other = hung();
    other.record.plan.steps[2].action = Action::query(statement("select 2", 0.0));
    other.record.steps[2].action = other.record.plan.steps[2].action.clone();
    other.record.client_events[2].kind = ClientEventKind::StatementBegun {
        sql: "select 2".to_owned(),
    };
    assert!(reasons(&other.observe()).contains("but does not carry it"));
}

#[test]
fn a_hang_must_be_watched_to_the_end() {
    let mut world = hung();
    world.record.client_events.last_mut().unwrap().at = s(1201.9);
    world.record.ended = s(1201.9);
    let reasons = reasons(&world.observe());
    assert!(
        reasons.contains("the observation ended 100ms too early (it was to last until 20m2s)"),
        "{reasons}"
    );
}

#[test]
fn patience_counts_from_the_beginning_or_from_when_it_is_due() {
    // 5 s of patience to the nanosecond.
    let at = |end: f64| {
        let mut world = reset();
        let answer = world.points[CLIENT].frames.len() - 1;
        world.points[CLIENT].frames[answer].unix_nanos = support::EPOCH + s(end).0;
        world.record.client_events[3].at = s(end);
        world.record.steps[2].ended = Some(s(end));
        world.record.ended = s(end);
        world.observe().behaviour
    };
    assert_eq!(at(7.0), Behaviour::FailedFast { after: seconds(5.0) });
    // The RST came at the deadline itself or later: late for the client, and late on the wire.
    assert_eq!(
        at(7.000_000_001),
        Behaviour::Hung {
            silence: seconds(5.000_000_001),
            end: HangEnd::Error
        }
    );
    // A statement that takes 20 s: an error while it runs is fast at any time.
    assert_eq!(
        lost_while_waiting().observe().behaviour,
        Behaviour::FailedFast { after: seconds(2.501) }
    );
}

#[test]
fn patience_with_a_statement_sent_before_begins_with_the_act_phase() {
    let mut world = waiting_for_ever();
    let quick = Action::start_query(statement("select sleep(20)", 0.5));
    world.record.plan.steps[1].action = quick.clone();
    world.record.steps[1].action = quick;
    let observed = world.observe();
    // Sent at 1 s, would have been answered at 1.5 s; the client comes to wait for it at 3 s.
    assert_eq!(observed.operation.unwrap().due, s(3.0));
}

#[test]
fn what_comes_after_the_end_ended_nothing() {
    let mut world = answered();
    // The observation goes on; the client closes the connection, and so does the server.
    world.up(s(2.5), RS1, "F.", &[]);
    world.down(s(2.5), RS1, "F.", &[]);
    world.record.ended = s(3.0);
    let observed = world.observe();
    assert_eq!(observed.terminators, []);
    assert_eq!(observed.behaviour, Behaviour::Answered { after: seconds(0.002) });
}

#[test]
fn an_operation_with_two_connections_is_not_believed() {
    let mut world = connected_anew();
    world.port += 1;
    world.up(s(2.002), RS1, "S", &[]);
    assert!(reasons(&world.observe()).contains("opened more than one connection"));
    // The same port and sequence number are the same SYN sent again.
    let mut world = connected_anew();
    world.client_next = 1000;
    world.server_next = 0;
    world.up_again(s(2.0005), RS1, "S", &[]);
    assert_eq!(world.observe().behaviour, Behaviour::Answered { after: seconds(0.004) });
}

#[test]
fn an_operation_that_keeps_later_ones_from_being_reached_is_the_classified_one() {
    let mut world = World::new(
        vec![],
        vec![remove_rs1()],
        vec![Action::connect(), Action::query(statement("select 1", 0.0))],
    );
    world.step(1, 1.0, Some(1.1), done("it fired"));
    world.step(2, 2.0, Some(2.001), StepOutcome::ClientFailed);
    world.operation(2, 1);
    world.event(s(2.0), 1, ClientEventKind::ConnectBegun);
    world.up(s(2.0), DIRECTOR, "S", &[]);
    world.unreachable(s(2.0), 3);
    world.event(s(2.001), 1, failed(io(111)));
    let observed = world.observe();
    assert_eq!(observed.behaviour, Behaviour::FailedFast { after: seconds(0.001) });
    assert_eq!(observed.operation.unwrap().what, "connect");
    // Had it been answered, the query should have been reached.
    let mut world = connected_anew();
    let query = Action::query(statement("select 1", 0.0));
    world.record.plan.steps.push(lvs_matrix_model::plan::Step {
        phase: lvs_matrix_model::plan::Phase::Act,
        action: query.clone(),
    });
    let mut step = world.record.steps[1].clone();
    (step.number, step.action, step.began, step.ended) = (3, query, None, None);
    (step.outcome, step.operation) = (StepOutcome::NotReached, None);
    world.record.steps.push(step);
    assert!(reasons(&world.observe()).contains("step 3 (act, query `select 1`) was not reached"));
}

#[test]
fn losing_packets_never_turns_one_behaviour_into_another() {
    let mut random = Random(7);
    let mut lost = 0;
    for (what, world) in plain() {
        let packets = world.packets();
        let Observed {
            behaviour: whole,
            error,
            ..
        } = world.observe();
        for round in 0..400 {
            // From a single packet to nearly all.
            let share = 1 + random.next() % 8;
            let kept: Vec<_> = packets
                .iter()
                .filter(|_| random.next() % 8 >= share.min(7))
                .cloned()
                .collect();
            let observed = lvs_matrix_model::verdict::observe(&world.record, &kept);
            match observed.behaviour.name() {
                None => lost += 1,
                Some(_) => assert_eq!(observed.behaviour, whole, "{what}, round {round}"),
            }
        }
        for missing in &packets {
            let kept: Vec<_> = packets.iter().filter(|packet| *packet != missing).cloned().collect();
            let observed = lvs_matrix_model::verdict::observe(&world.record, &kept);
            // One lost packet does not even change the error's code.
            let same = observed.behaviour == whole && observed.error == error;
            let unknown = observed.behaviour.name().is_none();
            assert!(unknown || same, "{what} without {}", missing.number);
        }
    }
    assert!(lost > 3000, "{lost} undetermined");
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

/// The client gave up after a quarter of an hour; the server's kernel and process list know nothing of that.
#[test]
fn a_session_that_the_client_has_lost_and_the_server_holds_is_orphaned() {
    let socket = |state: &str, from: &str, to: &str| format!("{state} 0 0 {from} {to} timer:(keepalive,103min,0)");
    let (vip, client) = ("192.0.2.100:3306", "192.0.2.10:40776");
    let view = |mysqld, sockets: Vec<String>, sessions| ServerView {
        server: name("rs1"),
        server_id: 101,
        mysqld,
        sockets,
        sessions,
        log: None,
    };
    let session = ServerSession {
        id: 6,
        host: client.to_owned(),
        command: "Sleep".to_owned(),
        seconds: 962,
        info: None,
    };
    let orphans = |world: &World| {
        let found = world.observe().orphaned_sessions.into_iter();
        found
            .map(|orphan| (orphan.client_port, orphan.session.map(|session| session.id)))
            .collect::<Vec<_>>()
    };

    let mut world = timed_out();
    let held = vec![socket("ESTAB", vip, client)];
    world.record.server_views = vec![view(MysqldState::Running, held.clone(), Some(vec![session.clone()]))];
    assert_eq!(orphans(&world), [], "nobody looked at the client");
    world.record.client_sockets = Some(vec![]);
    assert_eq!(orphans(&world), [(40776, Some(6))]);
    let observed = world.observe();
    let piece = observed
        .evidence
        .iter()
        .find(|piece| piece.fact.to_string().contains("orphaned session"))
        .unwrap();
    assert!(
        piece.fact.to_string().contains("session 6, Sleep for 962 s"),
        "{}",
        piece.fact
    );
    assert_eq!(piece.shown_by, [Citation::Server(101)]);

    // A frozen mysqld cannot be asked; its kernel can.
    world.record.server_views = vec![view(MysqldState::Frozen, held.clone(), None)];
    assert_eq!(orphans(&world), [(40776, None)]);
    // The other way round: the kernel has closed the socket, the server has not noticed.
    world.record.server_views = vec![view(MysqldState::Running, vec![], Some(vec![session]))];
    assert_eq!(orphans(&world), [(40776, Some(6))]);
    // What the client has, too, is no orphan; what the server itself has ended is no session.
    world.record.client_sockets = Some(vec![socket("ESTAB", client, vip)]);
    assert_eq!(orphans(&world), []);
    world.record.client_sockets = Some(vec![]);
    world.record.server_views = vec![view(
        MysqldState::Running,
        vec![socket("FIN-WAIT-2", vip, client)],
        Some(vec![]),
    )];
    assert_eq!(orphans(&world), []);
    // The client has closed its side: the server's session is an orphan until its FIN gets through.
    world.record.client_sockets = Some(vec![socket("FIN-WAIT-1", client, vip)]);
    world.record.server_views = vec![view(MysqldState::Running, held, Some(vec![]))];
    assert_eq!(orphans(&world), [(40776, None)]);
}
