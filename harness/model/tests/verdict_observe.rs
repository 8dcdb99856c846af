//! The classifier on hand-made cells: each behaviour in its plain form, its times, error and evidence.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::action::{Action, Node};
use lvs_matrix_model::record::{
    ClientErrorKind, ClientEventKind, MysqldState, OpenTransaction, ServerSession, ServerView, StepOutcome,
};
use lvs_matrix_model::verdict::{Behaviour, Citation, HangEnd, TerminatorKind};
use support::cells::*;
use support::plain::{plain, reasons, rs1};
use support::world::*;
use support::{name, s, seconds};

#[test]
fn each_behaviour_in_its_plain_form() {
    let fast = |after: f64| Behaviour::FailedFast {
        after: seconds(after),
    };
    let answered_after = |after: f64| Behaviour::Answered {
        after: seconds(after),
    };
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
        (
            "waiting for ever",
            waiting_for_ever(),
            silent(1182.0, HangEnd::None),
        ),
        // Sent in the act phase: due from its own beginning, although the client comes back to it only after
        // 310 s.
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
    assert_eq!(
        observed.behaviour,
        Behaviour::FailedFast {
            after: seconds(0.002)
        }
    );
    assert_eq!(observed.error.unwrap().classic, Some(2013));
}

#[test]
fn an_error_packet_of_the_server_keeps_the_servers_code() {
    let mut world = execute(remove_rs1(), 2.0);
    world.step(3, 2.0, Some(2.002), StepOutcome::ClientFailed);
    world.sends(3, 2, 2.0, RS1, "select 1");
    world.down(s(2.001), RS1, "P.", SHUTDOWN);
    world.event(s(2.002), 2, result());
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
    assert_eq!(
        senders(reset()),
        [(TerminatorKind::Rst, Some(Node::first_director()))]
    );
    assert_eq!(senders(refused_by_rst()), [(TerminatorKind::Rst, Some(rs1()))]);
    assert_eq!(senders(closed()), [(TerminatorKind::Fin, Some(rs1()))]);
    assert_eq!(
        senders(refused_by_icmp()),
        [(TerminatorKind::Icmp { code: 3 }, Some(Node::first_director()))]
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
    assert_eq!(
        (operation.client_port, operation.served_by),
        (Some(40776), Some(rs1()))
    );
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
            observed
                .evidence
                .iter()
                .all(|evidence| !evidence.shown_by.is_empty()),
            "{what}"
        );
        assert!(
            citations
                .iter()
                .any(|citation| matches!(citation, Citation::Packet(_))),
            "{what}"
        );
        assert!(
            citations
                .iter()
                .any(|citation| matches!(citation, Citation::Event(_))),
            "{what}"
        );
        for citation in citations {
            let exists = match citation {
                Citation::Event(number) => {
                    (1..=world.record.client_events.len()).contains(&(number as usize))
                }
                Citation::Packet(number) => (1..=packets.len()).contains(&(number as usize)),
                Citation::Snapshot(number) => (1..=world.record.snapshots.len()).contains(&(number as usize)),
                Citation::Step(number) => (1..=world.record.steps.len()).contains(&(number as usize)),
                Citation::Server(id) => world.record.server_views.iter().any(|view| view.server_id == id),
            };
            assert!(exists, "{what}: {citation:?}");
        }
    }
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
        Behaviour::FailedFast {
            after: seconds(2.501)
        }
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
    assert_eq!(
        observed.behaviour,
        Behaviour::FailedFast {
            after: seconds(0.001)
        }
    );
    assert_eq!(observed.operation.unwrap().what, "connect");
    // Had it been answered, the query should have been reached.
    let mut world = connected_anew();
    let query = Action::query(statement("select 1", 0.0));
    let step = lvs_matrix_model::plan::Step::of(lvs_matrix_model::plan::Phase::Act, query.clone());
    world.record.plan.steps.push(step);
    let mut step = world.record.steps[1].clone();
    (step.number, step.action, step.began, step.ended) = (3, query, None, None);
    (step.outcome, step.operation) = (StepOutcome::NotReached, None);
    world.record.steps.push(step);
    assert!(reasons(&world.observe()).contains("step 3 (act, query `select 1`) was not reached"));
}

/// The client gave up after a quarter of an hour; the server's kernel and process list know nothing of that.
#[test]
fn a_session_that_the_client_has_lost_and_the_server_holds_is_orphaned() {
    let socket =
        |state: &str, from: &str, to: &str| format!("{state} 0 0 {from} {to} timer:(keepalive,103min,0)");
    let (vip, client) = ("192.0.2.100:3306", "192.0.2.10:40776");
    let view = |mysqld, sockets: Vec<String>, sessions| ServerView {
        server: name("rs1"),
        server_id: 101,
        mysqld,
        sockets,
        sessions,
        timeouts: std::collections::BTreeMap::new(),
        earlier_cells: 0,
        log: None,
    };
    let session = ServerSession {
        id: 6,
        host: client.to_owned(),
        command: "Sleep".to_owned(),
        seconds: 962,
        info: None,
        transaction: Some(OpenTransaction {
            state: "RUNNING".to_owned(),
            seconds: 965,
            rows_locked: 2,
            rows_modified: 1,
        }),
    };
    let orphans = |world: &World| {
        let found = world.observe().orphaned_sessions.into_iter();
        found
            .map(|orphan| (orphan.client_port, orphan.session.map(|session| session.id)))
            .collect::<Vec<_>>()
    };

    let mut world = timed_out();
    let held = vec![socket("ESTAB", vip, client)];
    world.record.server_views = vec![view(
        MysqldState::Running,
        held.clone(),
        Some(vec![session.clone()]),
    )];
    assert_eq!(orphans(&world), [], "nobody looked at the client");
    world.record.client_sockets = Some(vec![]);
    assert_eq!(orphans(&world), [(40776, Some(6))]);
    let observed = world.observe();
    let piece = observed
        .evidence
        .iter()
        .find(|piece| piece.fact.to_string().contains("orphaned session"))
        .unwrap();
    let text =
        "session 6, Sleep for 962 s, with an open transaction: 1 row modified, 2 locked, RUNNING for 965 s;";
    assert!(piece.fact.to_string().contains(text), "{}", piece.fact);
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
