//! The wire has the last word: OK, ERR, rows and their end are read from the packets of hand-made cells, and
//! a client that says otherwise is named with both.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::record::{ClientErrorKind, ClientEventKind, EventRole, StepOutcome};
use lvs_matrix_model::verdict::{Behaviour, ClientWord, HangEnd, Observed, WireWord};
use support::cells::*;
use support::plain::reasons;
use support::world::*;
use support::{s, seconds};

/// `select 1` is sent at 2 s.
fn sent() -> World {
    let mut world = execute(remove_rs1(), 2.0);
    world.sends(3, 2, 2.0, RS1, "select 1");
    world
}

fn ends(mut world: World, at: f64, how: ClientEventKind) -> Observed {
    let outcome = match how.role() {
        EventRole::Fails => StepOutcome::ClientFailed,
        EventRole::Waits => StepOutcome::Unfinished,
        EventRole::Begins | EventRole::Succeeds | EventRole::Aside => done(""),
    };
    let ended = (outcome != StepOutcome::Unfinished).then_some(at);
    world.event(s(at), 2, how);
    world.step(3, 2.0, ended, outcome);
    world.observe()
}

fn server(code: u16) -> ClientEventKind {
    failed(ClientErrorKind::Server {
        code,
        sqlstate: "HY000".to_owned(),
    })
}

fn words(observed: &Observed) -> (ClientWord, WireWord) {
    let contradiction = observed.contradiction.clone().unwrap();
    (contradiction.client, contradiction.wire)
}

#[test]
fn an_err_is_an_error_whatever_the_client_says() {
    for (says, agrees) in [
        (server(1053), true),
        (server(1205), false),
        (failed(io(104)), false),
        (failed(ClientErrorKind::TimedOut { code: None }), false),
        (result(), false),
    ] {
        let mut world = sent();
        world.down(s(2.001), RS1, "P.", SHUTDOWN);
        let observed = ends(world, 2.002, says.clone());
        assert_eq!(
            observed.behaviour,
            Behaviour::FailedFast {
                after: seconds(0.002)
            }
        );
        assert_eq!(observed.error.as_ref().unwrap().server, Some(1053), "{says:?}");
        assert_eq!(observed.contradiction.is_none(), agrees, "{says:?}");
        if !agrees {
            assert!(matches!(words(&observed).1, WireWord::Error(error) if error.code == 1053));
        }
    }
}

#[test]
fn a_whole_answer_is_an_answer_whatever_the_client_says() {
    for says in [
        server(1205),
        failed(io(104)),
        failed(ClientErrorKind::Library {
            code: 2013,
            sqlstate: String::new(),
            errno: None,
        }),
    ] {
        let mut world = sent();
        world.down(s(2.001), RS1, "P.", RESULT);
        let observed = ends(world, 2.002, says);
        assert_eq!(
            observed.behaviour,
            Behaviour::Answered {
                after: seconds(0.002)
            }
        );
        assert_eq!(observed.error, None);
        let (client, wire) = words(&observed);
        assert!(matches!(client, ClientWord::Error { .. }));
        assert_eq!(
            wire,
            WireWord::Answer {
                at: s(2.001),
                rows: 1
            }
        );
        let packet = observed.contradiction.unwrap().packet.unwrap();
        assert!(observed.evidence.iter().any(|piece| {
            let cited = lvs_matrix_model::verdict::Citation::Packet(packet);
            piece
                .fact
                .to_string()
                .contains("but the packets show the server's whole answer at 2s, 1 row")
                && piece.shown_by.contains(&cited)
        }));
    }
}

#[test]
fn a_result_that_has_not_come_is_not_believed() {
    let observed = ends(sent(), 2.002, result());
    assert!(reasons(&observed).contains("the packets show no answer of the server by then"));
    assert_eq!(words(&observed).1, WireWord::Nothing);

    // From its first byte to the last but one: a part.
    for length in [1, 4, 5, 32, 41, 47, 55] {
        let mut world = sent();
        world.down(s(2.001), RS1, "P.", &RESULT[..length]);
        let observed = ends(world, 2.002, result());
        assert!(
            reasons(&observed).contains("only a part of the server's answer by then"),
            "{length}"
        );
        assert_eq!(words(&observed).1, WireWord::Part);
    }
}

/// The login is refused.
#[test]
fn a_refused_login_is_no_connection() {
    let denied = packet(2, b"\xff\x15\x04#28000Access denied for user 'app'");
    let connects = |says: ClientEventKind| {
        let mut world = connect_hung();
        world.points.iter_mut().for_each(|point| point.frames.clear());
        (world.client_next, world.server_next) = (1000, 5000);
        world.up(s(2.0), RS1, "S", &[]);
        world.down(s(2.0), RS1, "S.", &[]);
        world.down(s(2.001), RS1, "P.", &greeting());
        world.up(s(2.001), RS1, "P.", &login());
        world.down(s(2.002), RS1, "P.", &denied);
        let step = world.record.steps.last_mut().unwrap();
        (step.ended, step.outcome) = (Some(s(2.003)), done(""));
        if matches!(says, ClientEventKind::Failed(_)) {
            step.outcome = StepOutcome::ClientFailed;
        }
        let last = world.record.client_events.last_mut().unwrap();
        (last.at, last.kind) = (s(2.003), says);
        world.record.ended = s(2.003);
        world.observe()
    };
    let observed = connects(connected());
    assert_eq!(
        observed.behaviour,
        Behaviour::FailedFast {
            after: seconds(0.003)
        }
    );
    assert_eq!(observed.error.as_ref().unwrap().server, Some(1045));
    assert_eq!(words(&observed).0, ClientWord::Connected);
    let observed = connects(server(1045));
    assert_eq!(
        observed.behaviour,
        Behaviour::FailedFast {
            after: seconds(0.003)
        }
    );
    assert_eq!(observed.contradiction, None);
}

/// A driver that timed out takes the late answer to its first statement for that to its second.
#[test]
fn an_answer_to_an_earlier_statement_is_found() {
    let stale = |own: bool, rows: u64| {
        let mut world = execute(remove_rs1(), 2.0);
        world.up(s(1.5), RS1, "P.", &com_query("select 'the first'"));
        world.sends(3, 2, 2.0, RS1, "select 1");
        world.down(s(3.0), RS1, "P.", RESULT);
        if own {
            world.down(s(3.0), RS1, "P.", RESULT);
        }
        let first_row = vec!["1".to_owned()];
        ends(world, 3.001, ClientEventKind::ResultReceived { rows, first_row })
    };
    let observed = stale(false, 1);
    let reasons = reasons(&observed);
    let named =
        "what came is the answer to its earlier statement `select 'the first'`, which it had given up";
    assert!(reasons.contains(named), "{reasons}");
    assert!(matches!(words(&observed).1, WireWord::Earlier { .. }));
    // Both are there, and the client has its own.
    let observed = stale(true, 1);
    assert_eq!(
        observed.behaviour,
        Behaviour::Answered {
            after: seconds(1.001)
        }
    );
    assert_eq!(observed.contradiction, None);
    // Both are there, but what the client has is not its own.
    assert!(matches!(words(&stale(true, 2)).1, WireWord::Earlier { .. }));
}

/// The answer's bytes up to each of these places come at these times.
fn in_parts(parts: &[(f64, usize)], answer: &[u8]) -> World {
    let mut world = sent();
    let mut from = 0;
    for (at, to) in parts {
        world.down(s(*at), RS1, "P.", &answer[from..*to]);
        from = *to;
    }
    world
}

#[test]
fn silence_after_a_part_is_a_hang() {
    let parts = [(2.001, 20), (3.0, 47)];
    // It never goes on.
    let observed = ends(in_parts(&parts, RESULT), 1202.0, ClientEventKind::StillWaiting);
    let none = Behaviour::Hung {
        silence: seconds(1199.0),
        end: HangEnd::None,
    };
    assert_eq!(observed.behaviour, none);
    let facts: Vec<String> = observed
        .evidence
        .iter()
        .map(|piece| piece.fact.to_string())
        .collect();
    let silence = "from 3s on, nothing that answers reached the client for 19m59s";
    assert!(facts.iter().any(|fact| fact.contains(silence)), "{facts:#?}");

    // It goes on in the end.
    let late = [&parts[..], &[(33.0, 56)]].concat();
    let observed = ends(in_parts(&late, RESULT), 33.001, result());
    let answer = Behaviour::Hung {
        silence: seconds(30.001),
        end: HangEnd::Answer,
    };
    assert_eq!(observed.behaviour, answer);

    // The connection is lost in the end.
    let mut world = in_parts(&parts, RESULT);
    world.down(s(33.0), DIRECTOR, "R", &[]);
    let error = Behaviour::Hung {
        silence: seconds(30.001),
        end: HangEnd::Error,
    };
    assert_eq!(ends(world, 33.001, failed(io(104))).behaviour, error);
}

#[test]
fn a_slow_but_steady_result_is_answered() {
    let steady = [(4.0, 5), (8.0, 20), (12.5, 40), (14.0, 56)];
    let observed = ends(in_parts(&steady, RESULT), 14.001, result());
    assert_eq!(
        observed.behaviour,
        Behaviour::Answered {
            after: seconds(12.001)
        }
    );
    assert_eq!(observed.longest_silence, Some(seconds(4.5)));
    let facts: Vec<String> = observed
        .evidence
        .iter()
        .map(|piece| piece.fact.to_string())
        .collect();
    let said = "the answer came in parts from 4s to 14s; the longest time without a part was 4.5s";
    assert!(facts.contains(&said.to_owned()), "{facts:#?}");
    // One pause more than patience is one too many.
    let slow = [(4.0, 5), (9.001, 20), (14.0, 56)];
    let observed = ends(in_parts(&slow, RESULT), 14.001, result());
    let hung = Behaviour::Hung {
        silence: seconds(5.001),
        end: HangEnd::Answer,
    };
    assert_eq!(observed.behaviour, hung);
    assert_eq!(observed.longest_silence, None);
    // Still coming when the observation ends: neither answered nor hung.
    let parts: Vec<(f64, usize)> = (1..=55_u8)
        .map(|part| (2.0 + 22.0 * f64::from(part), usize::from(part)))
        .collect();
    let close: Vec<(f64, usize)> = parts
        .iter()
        .map(|(at, to)| (2.0 + (at - 2.0) / 22.0 * 4.0, *to))
        .collect();
    let mut world = in_parts(&close, RESULT);
    world.record.plan.observe.until = seconds(224.0);
    let reasons = reasons(&ends(world, 226.0, ClientEventKind::StillWaiting));
    assert!(
        reasons.contains("parts of the answer were still coming"),
        "{reasons}"
    );
}

/// The first result set says that another follows (`SERVER_MORE_RESULTS_EXISTS`), which comes half a minute
/// later.
#[test]
fn a_second_result_set_is_part_of_the_result() {
    let mut first = RESULT.to_vec();
    let status = first.len() - 2;
    first[status] = 0x0a;
    let second: Vec<u8> = {
        let mut second = RESULT.to_vec();
        for place in [3, 8, 35, 44, 50] {
            second[place] += 5;
        }
        second
    };
    let whole = [first.clone(), second].concat();
    let observed = ends(in_parts(&[(2.001, 56), (32.0, 112)], &whole), 32.001, result());
    let hung = Behaviour::Hung {
        silence: seconds(30.0),
        end: HangEnd::Answer,
    };
    assert_eq!(observed.behaviour, hung);
    // Without it the result is not whole.
    let observed = ends(in_parts(&[(2.001, 56)], &first), 2.002, result());
    assert!(reasons(&observed).contains("only a part of the server's answer"));
}
