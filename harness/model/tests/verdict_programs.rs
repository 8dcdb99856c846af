//! Programs of an author's own in hand-made cells: what they do on the wire between request and answer is
//! found in the packets, whatever they say of it.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::client::Program;
use lvs_matrix_model::record::{ClientErrorKind, ClientEventKind, ClientRecord, EventRole, StepOutcome};
use lvs_matrix_model::verdict::{Behaviour, HangEnd, Observed, TryEnd};
use support::cells::*;
use support::plain::reasons;
use support::world::*;
use support::{s, seconds};

const PING: &[u8] = b"\x01\0\0\0\x0e";
const PONG: &[u8] = b"\x07\0\0\x01\0\0\0\x02\0\0\0";

/// A program that is connected by step 1, and is asked for `select 1` at 2 s by step 3.
fn asked() -> World {
    let mut world = execute(remove_rs1(), 2.0);
    world.record.plan.client_mut().unwrap().program = Program::Own {
        argv: vec!["./pool".to_owned()],
    };
    world.record.client = Some(ClientRecord::default());
    world.operation(3, 2);
    let sql = "select 1".to_owned();
    world.event(s(2.0), 2, ClientEventKind::StatementBegun { sql });
    world
}

fn ends(mut world: World, at: f64, how: ClientEventKind) -> Observed {
    let outcome = match how.role() {
        EventRole::Fails => StepOutcome::ClientFailed,
        EventRole::Waits => StepOutcome::Unfinished,
        EventRole::Begins | EventRole::Succeeds | EventRole::Aside => done(""),
    };
    world.event(s(at), 2, how);
    world.step(3, 2.0, Some(at), outcome);
    world.observe()
}

/// The next connection, from another port.
fn another(world: &mut World, port: u16) {
    (world.port, world.client_next, world.server_next) = (port, 1000, 5000);
}

fn message_only() -> ClientEventKind {
    failed(ClientErrorKind::Io { errno: None })
}

fn facts(observed: &Observed) -> Vec<String> {
    observed
        .evidence
        .iter()
        .map(|piece| piece.fact.to_string())
        .collect()
}

fn answered(after: f64) -> Behaviour {
    Behaviour::Answered {
        after: seconds(after),
    }
}

fn hung(silence: f64, end: HangEnd) -> Behaviour {
    Behaviour::Hung {
        silence: seconds(silence),
        end,
    }
}

#[test]
fn a_ping_before_the_statement_is_part_of_the_operation() {
    let mut world = asked();
    world.up(s(2.0), RS1, "P.", PING);
    world.down(s(2.0), RS1, "P.", PONG);
    world.up(s(2.001), RS1, "P.", SELECT_1);
    world.down(s(2.002), RS1, "P.", RESULT);
    let observed = ends(world, 2.003, result());
    assert_eq!(observed.behaviour, answered(0.003));
    assert_eq!(observed.attempts, []);

    // The ping is all that was sent, and nobody answers it.
    let mut world = asked();
    world.up(s(2.0), DIRECTOR, "P.", PING);
    for at in [2.2, 2.6, 3.4, 900.0] {
        world.again(at, DIRECTOR, PING);
    }
    let observed = ends(world, 924.0, message_only());
    assert_eq!(observed.behaviour, hung(922.0, HangEnd::Error));
    assert_eq!(observed.retransmissions.count, 4);
    let facts = facts(&observed);
    let said = "the client began `select 1`; the client sent COM_PING first";
    assert!(facts.iter().any(|fact| fact.contains(said)), "{facts:#?}");

    // It draws an RST.
    let mut world = asked();
    world.up(s(2.0), DIRECTOR, "P.", PING);
    world.down(s(2.0), DIRECTOR, "R", &[]);
    let observed = ends(world, 2.001, message_only());
    assert_eq!(
        observed.behaviour,
        Behaviour::FailedFast {
            after: seconds(0.001)
        }
    );
    // An answer to a ping is none to a statement.
    let mut world = asked();
    world.up(s(2.0), RS1, "P.", PING);
    world.down(s(2.0), RS1, "P.", PONG);
    let reasons = reasons(&ends(world, 2.003, result()));
    assert!(
        reasons.contains("does not show the client sending its statement"),
        "{reasons}"
    );
}

/// It says so too late, or never.
#[test]
fn a_program_that_connects_anew_need_not_say_so() {
    for says in [false, true] {
        let mut world = asked();
        another(&mut world, 40777);
        world.handshake(2.001);
        if says {
            world.event(s(2.0045), 2, ClientEventKind::ReconnectBegun);
        }
        world.up(s(2.005), RS1, "P.", SELECT_1);
        world.down(s(2.006), RS1, "P.", RESULT);
        let observed = ends(world, 2.007, result());
        assert_eq!(observed.behaviour, answered(0.007));
        assert_eq!(observed.operation.unwrap().client_port, Some(40777));
        assert_eq!(observed.error, None);
    }
    // The new connection is refused: that is the operation's error, and not what happened to a connection
    // before.
    let mut world = asked();
    world.up(s(2.0), RS1, "P.", SELECT_1);
    world.down(s(2.0), RS1, "F.", &[]);
    another(&mut world, 40777);
    world.up(s(2.001), RS1, "S", &[]);
    world.down(s(2.001), RS1, "R.", &[]);
    let observed = ends(world, 2.002, message_only());
    assert_eq!(
        observed.behaviour,
        Behaviour::FailedFast {
            after: seconds(0.002)
        }
    );
    assert_eq!(observed.operation.unwrap().client_port, Some(40777));
    assert_eq!(observed.error.unwrap().classic, Some(2003));
    let ended: Vec<_> = observed.attempts.iter().map(|one| one.end).collect();
    assert!(
        matches!(ended[..], [TryEnd::Ended(_), TryEnd::Ended(_)]),
        "{ended:?}"
    );
}

/// A pool whose other connections are opened while a statement runs.
#[test]
fn other_connections_of_a_pool_do_no_harm() {
    let mut world = asked();
    world.up(s(2.0), RS1, "P.", SELECT_1);
    let (client_next, server_next) = (world.client_next, world.server_next);
    another(&mut world, 40777);
    world.handshake(2.001);
    (world.port, world.client_next, world.server_next) = (40776, client_next, server_next);
    world.down(s(2.006), RS1, "P.", RESULT);
    let observed = ends(world, 2.007, result());
    assert_eq!(observed.behaviour, answered(0.007));
    assert_eq!(observed.operation.unwrap().client_port, Some(40776));
}

/// The program's own time-out ends the first wait; the application has lived through both.
#[test]
fn a_wait_before_a_retry_is_a_hang() {
    let mut world = asked();
    world.up(s(2.0), DIRECTOR, "P.", SELECT_1);
    for at in [2.2, 2.6, 3.4, 5.0, 8.2] {
        world.again(at, DIRECTOR, SELECT_1);
    }
    world.up(s(12.0), DIRECTOR, "F.", &[]);
    another(&mut world, 40777);
    world.handshake(12.001);
    world.up(s(12.005), RS1, "P.", SELECT_1);
    world.down(s(12.006), RS1, "P.", RESULT);
    let observed = ends(world, 12.007, result());
    assert_eq!(observed.behaviour, hung(10.007, HangEnd::Answer));
    // What hung is the first connection's: its first sending, and what was sent again.
    assert_eq!(observed.operation.as_ref().unwrap().client_port, Some(40776));
    assert_eq!(observed.retransmissions.count, 5);
    let [first, second] = &observed.attempts[..] else {
        unreachable!("{:?}", observed.attempts)
    };
    assert_eq!((first.client_port, first.end), (40776, TryEnd::Unanswered));
    assert_eq!(first.ended.since(first.began), seconds(10.001));
    assert_eq!((second.client_port, second.end), (40777, TryEnd::Answered));
    assert_eq!(
        (first.waited_for.as_str(), second.waited_for.as_str()),
        ("statement", "statement")
    );
}

/// Three short waits are one long one to the application.
#[test]
fn short_waits_one_after_another_are_one_silence() {
    let mut world = asked();
    for (index, port) in (40776..40779).enumerate() {
        let at = 2.0 + 3.0 * f64::from(u8::try_from(index).unwrap());
        if index > 0 {
            another(&mut world, port);
            world.handshake(at);
        }
        world.up(s(at + 0.005), DIRECTOR, "P.", SELECT_1);
    }
    let observed = ends(world, 11.0, message_only());
    assert_eq!(observed.behaviour, hung(9.0, HangEnd::Error));
    assert_eq!(observed.attempts.len(), 3);
}

#[test]
fn an_error_that_is_only_a_message_is_judged_by_its_packets() {
    let sent = |to| {
        let mut world = asked();
        world.up(s(2.0), to, "P.", SELECT_1);
        world
    };
    // TCP gives up without a packet.
    let mut world = sent(DIRECTOR);
    world.again(2.2, DIRECTOR, SELECT_1);
    assert_eq!(
        ends(world, 924.0, message_only()).behaviour,
        hung(922.0, HangEnd::Error)
    );
    // The server has acknowledged the statement, and then the program closed the connection by itself.
    let mut world = sent(RS1);
    world.down(s(2.001), RS1, ".", &[]);
    world.up(s(4.0), RS1, "R.", &[]);
    let fast = Behaviour::FailedFast {
        after: seconds(2.001),
    };
    assert_eq!(ends(world, 4.001, message_only()).behaviour, fast);
    // It did not even close it, but the wait was longer than patience.
    let mut world = sent(RS1);
    world.down(s(2.001), RS1, ".", &[]);
    assert_eq!(
        ends(world, 32.0, message_only()).behaviour,
        hung(30.0, HangEnd::Error)
    );
    // Nothing shows why it failed at once.
    let mut world = sent(RS1);
    world.down(s(2.001), RS1, ".", &[]);
    let reasons = reasons(&ends(world, 2.002, message_only()));
    assert!(
        reasons.contains("neither a FIN nor an RST nor an ICMP error"),
        "{reasons}"
    );
}

/// A driver may prepare what it was given.
#[test]
fn a_prepared_statement_is_the_operations_own() {
    let mut world = asked();
    world.up(s(2.0), RS1, "P.", b"\x09\0\0\0\x16select 1");
    world.down(s(2.001), RS1, "P.", b"\x0c\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0");
    world.up(s(2.002), RS1, "P.", b"\x0a\0\0\0\x17\x01\0\0\0\0\x01\0\0\0");
    let prepared = |answered| {
        let mut world = World {
            record: world.record.clone(),
            points: world.points.clone(),
            first_sentinels: world.first_sentinels.clone(),
            last_sentinels: world.last_sentinels.clone(),
            ..world
        };
        if answered {
            world.down(s(2.003), RS1, "P.", RESULT);
        }
        ends(world, 2.004, result())
    };
    assert_eq!(prepared(true).behaviour, answered(0.004));
    // That it was prepared is no result.
    let reasons = reasons(&prepared(false));
    assert!(
        reasons.contains("the packets show no answer of the server by then"),
        "{reasons}"
    );
}

/// What counts is when the whole answer came; both times are told.
#[test]
fn a_whole_answer_that_is_told_late_came_when_it_came() {
    let mut world = asked();
    world.up(s(2.0), RS1, "P.", SELECT_1);
    world.down(s(2.002), RS1, "P.", RESULT);
    let observed = ends(world, 22.0, result());
    assert_eq!(observed.behaviour, answered(0.002));
    assert_eq!(observed.longest_silence, None);
    let contradiction = observed.contradiction.unwrap().to_string();
    assert!(
        contradiction.contains("the server's whole answer"),
        "{contradiction}"
    );
}

/// The server has what was sent, and room for more: it is the program that does not go on.
#[test]
fn half_a_request_is_no_request() {
    let half = &SELECT_1[..6];
    let waits = |mut world: World| {
        world.record.ended = s(1300.0);
        ends(world, 1300.0, ClientEventKind::StillWaiting)
    };
    let mut world = asked();
    world.up(s(2.0), RS1, "P.", half);
    world.down(s(2.0), RS1, ".", &[]);
    let told = reasons(&waits(world));
    assert!(told.contains("only a part of its request"), "{told}");
}

/// The network holds its beginning: the client's kernel never sends the rest.
#[test]
fn a_request_of_which_nothing_gets_through_is_a_hang() {
    let mut world = asked();
    let first = &SELECT_1[..1];
    world.up(s(2.0), DIRECTOR, "P.", first);
    for at in [2.2, 2.6, 3.4, 900.0] {
        world.again(at, DIRECTOR, first);
    }
    let observed = ends(world, 924.0, message_only());
    assert_eq!(observed.behaviour, hung(922.0, HangEnd::Error));
}

/// RFC 1122, 4.2.3.9: what ICMP says of an established connection does not end it.
#[test]
fn a_programs_own_time_out_after_an_icmp_error_is_believed() {
    let mut world = asked();
    world.up(s(2.0), DIRECTOR, "P.", SELECT_1);
    for at in [2.2, 2.6, 3.4, 5.0, 8.2] {
        world.again(at, DIRECTOR, SELECT_1);
    }
    world.unreachable(s(9.0), 1);
    world.again(14.6, DIRECTOR, SELECT_1);
    let code = Some(2013);
    let observed = ends(world, 32.0, failed(ClientErrorKind::TimedOut { code }));
    assert_eq!(observed.behaviour, hung(30.0, HangEnd::Error));
}

/// Keepalive gave the idle connection up: the client's own kernel reset it.
#[test]
fn a_connection_that_the_clients_kernel_ended_sends_nothing() {
    let mut world = asked();
    world.up(s(1.5), DIRECTOR, "R.", &[]);
    let observed = ends(world, 2.001, failed(io(110)));
    assert_eq!(
        observed.behaviour,
        Behaviour::FailedFast {
            after: seconds(0.001)
        }
    );
    assert_eq!(observed.error.as_ref().unwrap().classic, Some(2006));
    let facts = facts(&observed);
    let said = "the client's own kernel had ended the connection";
    assert!(facts.iter().any(|fact| fact.contains(said)), "{facts:#?}");
}

/// The FIN was there before the statement: it did not end the statement's wait.
#[test]
fn a_try_on_a_connection_that_had_ended_says_so() {
    let mut world = asked();
    world.down(s(1.5), RS1, "F.", &[]);
    world.up(s(2.0), RS1, "P.", SELECT_1);
    world.down(s(2.0), RS1, "R", &[]);
    another(&mut world, 40777);
    world.handshake(2.001);
    world.up(s(2.005), RS1, "P.", SELECT_1);
    world.down(s(2.006), RS1, "P.", RESULT);
    let observed = ends(world, 2.007, result());
    let tried: Vec<_> = observed.attempts.iter().map(|one| one.end).collect();
    assert!(
        matches!(tried[..], [TryEnd::EndedBefore(_), TryEnd::Answered]),
        "{tried:?}"
    );
}
