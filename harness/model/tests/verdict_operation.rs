//! Which events, and which of several connections, belong to the operation of a hand-made cell: a program
//! that connects anew by itself, and a reader that had stopped.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::action::{Action, Statement};
use lvs_matrix_model::plan::{Phase, Step};
use lvs_matrix_model::record::{ClientErrorKind, ClientEventKind, StepOutcome};
use lvs_matrix_model::verdict::{Behaviour, HangEnd, Observed};
use support::cells::*;
use support::plain::reasons;
use support::world::*;
use support::{s, seconds};

/// Steps 1 connect, 2 stop mysqld, 3 query, which is begun at 2 s, when the server has closed the connection.
fn closed_before() -> World {
    let mut world = execute(stop_rs1(), 2.0);
    world.down(s(1.05), RS1, "F.", &[]);
    world.up(s(1.05), RS1, ".", &[]);
    world.operation(3, 2);
    let sql = "select 1".to_owned();
    world.event(s(2.0), 2, ClientEventKind::StatementBegun { sql });
    world
}

/// The program says that it connects anew, from another port.
fn reconnects(world: &mut World, at: f64, port: u16) {
    world.event(s(at), 2, ClientEventKind::ReconnectBegun);
    (world.port, world.client_next, world.server_next) = (port, 1000, 5000);
}

fn reconnected(world: &mut World, at: f64) {
    world.handshake(at);
    let connection_id = Some(9912);
    world.event(s(at + 0.004), 2, ClientEventKind::Reconnected { connection_id });
}

/// Nobody listens any more.
fn refused(world: &mut World, at: f64) {
    world.up(s(at), RS1, "S", &[]);
    world.down(s(at), RS1, "R.", &[]);
    world.event(s(at + 0.001), 2, failed(io(111)));
    world.step(3, 2.0, Some(at + 0.001), StepOutcome::ClientFailed);
}

fn port(observed: &Observed) -> u16 {
    observed.operation.as_ref().unwrap().client_port.unwrap()
}

#[test]
fn a_statement_is_looked_for_on_the_connection_that_was_opened_for_it() {
    let mut world = closed_before();
    reconnects(&mut world, 2.001, 40777);
    reconnected(&mut world, 2.001);
    world.up(s(2.006), RS1, "P.", SELECT_1);
    world.answers(2, 2.007);
    world.step(3, 2.0, Some(2.008), done(""));
    let observed = world.observe();
    let after = seconds(0.008);
    assert_eq!(observed.behaviour, Behaviour::Answered { after });
    assert_eq!(port(&observed), 40777);
    assert_eq!(observed.operation.as_ref().unwrap().began, s(2.0));
    // It is the statement that was answered, not the connection.
    let facts: Vec<String> = observed
        .evidence
        .iter()
        .map(|piece| piece.fact.to_string())
        .collect();
    assert!(
        facts
            .iter()
            .any(|fact| fact.contains("the client sent the statement")),
        "{facts:#?}"
    );
}

#[test]
fn a_new_connection_that_is_refused_is_the_operations() {
    let mut world = closed_before();
    reconnects(&mut world, 2.001, 40777);
    refused(&mut world, 2.002);
    let observed = world.observe();
    assert_eq!(
        observed.behaviour,
        Behaviour::FailedFast {
            after: seconds(0.003)
        }
    );
    assert_eq!(port(&observed), 40777);

    // Of several new connections it is the last; that the one before was opened says nothing of it.
    let mut world = closed_before();
    reconnects(&mut world, 2.001, 40777);
    reconnected(&mut world, 2.001);
    world.down(s(2.01), RS1, "F.", &[]);
    world.up(s(2.01), RS1, ".", &[]);
    reconnects(&mut world, 2.011, 40778);
    refused(&mut world, 2.012);
    let observed = world.observe();
    assert_eq!(
        observed.behaviour,
        Behaviour::FailedFast {
            after: seconds(0.013)
        }
    );
    assert_eq!(port(&observed), 40778);
}

#[test]
fn a_connection_opened_after_the_end_of_an_operation_is_not_its_own() {
    let mut world = closed_before();
    world.event(s(2.001), 2, failed(ClientErrorKind::Closed));
    reconnects(&mut world, 2.002, 40777);
    reconnected(&mut world, 2.002);
    world.up(s(2.007), RS1, "P.", SELECT_1);
    world.answers(2, 2.008);
    world.step(3, 2.0, Some(2.009), StepOutcome::ClientFailed);
    let observed = world.observe();
    assert_eq!(
        observed.behaviour,
        Behaviour::FailedFast {
            after: seconds(0.001)
        }
    );
    assert_eq!(port(&observed), 40776);
}

/// A client that had stopped reading goes on at 3 s; something more of the result has reached it at `at`.
fn read_on(at: f64) -> Observed {
    let mut world = waiting_for_ever();
    let paused = Action::start_query(Statement {
        pause_after: Some(3),
        ..statement("select sleep(20)", 0.0)
    });
    world.record.plan.steps[1].action = paused.clone();
    world.record.steps[1].action = paused;
    world.down(s(at), RS1, "P.", RESULT);
    world.up(s(at), RS1, ".", &[]);
    world.observe()
}

#[test]
fn what_came_before_the_client_read_on_does_not_end_its_silence() {
    let silence = Behaviour::Hung {
        silence: seconds(1200.0),
        end: HangEnd::None,
    };
    for before in [1.1, 2.9, 3.0] {
        let observed = read_on(before);
        assert_eq!(observed.behaviour, silence, "at {before} s");
    }
    for after in [3.001, 4.0] {
        let reasons = reasons(&read_on(after));
        assert!(
            reasons.contains("an answer reached the client's interface"),
            "at {after} s: {reasons}"
        );
    }
}

/// A step counts as reached only if it says when it began and does not say that it was not reached.
#[test]
fn a_step_without_a_beginning_is_not_the_classified_one() {
    for (began, outcome) in [
        (None, StepOutcome::NotReached),
        (None, StepOutcome::Unfinished),
        (Some(s(2.1)), StepOutcome::NotReached),
    ] {
        let mut world = connected_anew();
        let action = Action::query(statement("select 1", 0.0));
        let phase = Phase::Act;
        world.record.plan.steps.push(Step::of(phase, action.clone()));
        let mut step = world.record.steps[1].clone();
        (step.number, step.action, step.operation) = (3, action, None);
        (step.began, step.ended, step.outcome) = (began, None, outcome);
        world.record.steps.push(step);
        let observed = world.observe();
        assert_eq!(observed.operation.unwrap().what, "connect");
    }
}
