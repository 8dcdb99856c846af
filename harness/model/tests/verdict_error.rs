//! Errors of the client in hand-made cells: each must be seen in the packets, by the rule of its kind.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::record::{ClientErrorKind, ClientEventKind, StepOutcome};
use lvs_matrix_model::scenario::{BehaviourName, Expected, ExpectedBehaviour};
use lvs_matrix_model::verdict::{Behaviour, TerminatorKind, Verdict, judge};
use support::cells::*;
use support::plain::reasons;
use support::s;
use support::world::*;

/// `world` as if its operation had ended with this error.
fn ended_with(mut world: World, kind: ClientErrorKind) -> World {
    let last = world.record.client_events.last_mut().unwrap();
    last.kind = failed(kind);
    let at = last.at;
    let step = world.record.steps.last_mut().unwrap();
    (step.ended, step.outcome) = (Some(at), StepOutcome::ClientFailed);
    world
}

fn is_believed(what: &str, world: World, kind: ClientErrorKind) {
    let observed = ended_with(world, kind).observe();
    assert!(
        matches!(
            observed.behaviour,
            Behaviour::FailedFast { .. } | Behaviour::Hung { .. }
        ),
        "{what}: {observed:?}"
    );
}

fn is_not_believed(what: &str, world: World, kind: ClientErrorKind, reason: &str) {
    let reasons = reasons(&ended_with(world, kind).observe());
    assert!(reasons.contains(reason), "{what}: {reasons}");
}

/// A server that tells an idle client that it is being stopped, and ends the connection or not.
fn told(then_ends: bool) -> World {
    let mut world = execute(stop_rs1(), 2.0);
    world.down(
        s(1.05),
        RS1,
        "P.",
        b"\x2b\0\0\0\xff\x1d\x04Server shutdown in progress",
    );
    world.up(s(1.05), RS1, ".", &[]);
    if then_ends {
        world.down(s(1.05), RS1, "F.", &[]);
        world.up(s(1.05), RS1, ".", &[]);
    }
    world.sends(3, 2, 2.0, RS1, "select 1");
    world.event(s(2.001), 2, ClientEventKind::StillWaiting);
    world
}

#[test]
fn an_error_of_the_server_needs_a_packet_of_it() {
    let server = || ClientErrorKind::Server {
        code: 1053,
        sqlstate: "08S01".to_owned(),
    };
    let missing = "no packet with an error of the server";
    let mut world = execute(remove_rs1(), 2.0);
    world.sends(3, 2, 2.0, RS1, "select 1");
    world.down(s(2.001), RS1, "P.", SHUTDOWN);
    world.event(s(2.001), 2, ClientEventKind::StillWaiting);
    is_believed("an ERR", world, server());
    is_believed("unasked", told(true), server());
    is_not_believed("silence", hung(), server(), missing);
    is_not_believed("an end without a word", reset(), server(), missing);
    is_not_believed("an end after a greeting", closed(), server(), missing);
    is_not_believed("unasked, but no end", told(false), server(), missing);
}

#[test]
fn an_error_of_the_library_needs_an_end_or_silence() {
    for errno in [None, Some(115)] {
        let library = || ClientErrorKind::Library {
            code: 2002,
            sqlstate: "HY000".to_owned(),
            errno,
        };
        for (what, world) in [
            ("an RST", refused_by_rst()),
            ("ICMP", refused_by_icmp()),
            ("no neighbour", no_route()),
            ("a FIN", closed()),
            ("retransmissions", timed_out()),
        ] {
            is_believed(what, world, library());
        }
        let missing = "neither a FIN nor an RST nor an ICMP error, nor a last segment";
        let mut acknowledged = hung();
        acknowledged.down(s(1100.0), RS1, ".", &[]);
        is_not_believed("acknowledged", acknowledged, library(), missing);
    }
}

#[test]
fn a_time_out_of_the_programs_own_needs_silence() {
    let own = || ClientErrorKind::TimedOut { code: None };
    let missing = "an answer, or an end of the connection, before the program gave up";
    is_believed("silence", hung(), own());
    is_not_believed("an end", reset(), own(), missing);
}

/// MariaDB's client prints 2002 where MySQL's prints 2003; a scenario may name either, and nothing else will
/// do.
#[test]
fn either_code_of_a_failed_connect_fits() {
    let observed = |code| {
        let library = ClientErrorKind::Library {
            code,
            sqlstate: String::new(),
            errno: Some(111),
        };
        ended_with(refused_by_rst(), library).observe()
    };
    for (expected, code, fits) in [
        (2002, 2003, true),
        (2003, 2002, true),
        (2003, 2003, true),
        (2003, 2013, false),
        (2013, 2002, false),
        (2006, 2013, false),
    ] {
        let expected_behaviour = ExpectedBehaviour {
            behaviour: BehaviourName::FailedFast,
            error: Some(expected),
            errno: None,
            ends: None,
            at_least: None,
            at_most: None,
            served_by: Vec::new(),
            clients: None,
            outage: None,
        };
        let verdict = judge(&Expected::Behaviour(expected_behaviour), &observed(code));
        assert_eq!(
            verdict == Verdict::Met,
            fits,
            "{expected} and {code}: {verdict:?}"
        );
    }
}

#[test]
fn an_icmp_error_has_its_name() {
    for (code, name) in [
        (0, "ICMP network unreachable"),
        (1, "ICMP host unreachable"),
        (3, "ICMP port unreachable"),
        (13, "ICMP unreachable (code 13)"),
    ] {
        assert_eq!(TerminatorKind::Icmp { code }.to_string(), name);
    }
    assert_eq!(TerminatorKind::Fin.to_string(), "FIN");
    assert_eq!(TerminatorKind::Rst.to_string(), "RST");
}
