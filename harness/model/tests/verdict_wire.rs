//! What a client says must be seen on the wire: answers arriving, ends by the peer, silence that is silence.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::action::Action;
use lvs_matrix_model::path::Journeys;
use lvs_matrix_model::record::{ClientErrorKind, ClientEventKind};
use lvs_matrix_model::verdict::{Behaviour, Observed};
use support::cells::*;
use support::plain::{plain, reasons};
use support::random::Random;
use support::world::*;
use support::{s, seconds};

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
    // The connection's packets on the client's interface are 7; then the statement, the answer, the
    // acknowledgement.
    let reasons_of = |world: World| reasons(&world.observe());
    let unanswered = without(answered(), |point, place| point == CLIENT && place == 8);
    assert!(
        reasons_of(unanswered)
            .contains("it got a result of 1 row, but the packets show no answer of the server by then")
    );
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
    assert!(
        reasons.contains("several real servers answered the connection: rs1 (packet"),
        "{reasons}"
    );
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
    assert!(
        reasons(&silent.observe()).contains("neither an ICMP error nor, from the client, an ARP request")
    );
    let mut answered_late = timed_out();
    answered_late.down(s(900.0), RS1, ".", &[]);
    assert!(reasons(&answered_late.observe()).contains("no segment of the client that stayed unanswered"));
}

/// A server that answers with an acknowledgement of its own (RFC 5961, 5) may have the last word: as long as
/// it acknowledges less than the client has said, TCP gives up.
#[test]
fn what_acknowledges_less_is_no_answer() {
    let mut challenged = timed_out();
    let all = challenged.client_next;
    challenged.client_next -= 1;
    challenged.down(s(900.0), RS1, ".", &[]);
    challenged.client_next = all;
    let observed = challenged.observe();
    assert!(
        matches!(observed.behaviour, Behaviour::Hung { .. }),
        "{observed:?}"
    );
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
        ("payload", |world| world.down(s(100.0), RS1, "P.", RESULT)),
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
    // ICMP refuses a connection that is being opened; one that is established goes on, and TCP sends again
    // (RFC 1122, 4.2.3.9).
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
    // Neither is old data that the server sends again because the client's acknowledgements do not reach it
    // any more.
    let mut world = hung();
    world.server_next -= 11;
    world.down(s(100.0), RS1, "P.", LOGGED_IN);
    assert!(matches!(world.observe().behaviour, Behaviour::Hung { .. }));
    // An answer to another connection is none to this one.
    let mut world = hung();
    world.port += 1;
    world.down(s(100.0), RS1, "P.", RESULT);
    assert!(matches!(world.observe().behaviour, Behaviour::Hung { .. }));
}

#[test]
fn a_late_answer_must_be_late_on_the_wire_too() {
    let mut world = recovered();
    // The answer reached the interface at 2.9 s, the client reported it at 325 s.
    let answer = world.points[CLIENT].frames.len() - 2;
    world.points[CLIENT].frames[answer].unix_nanos = support::EPOCH + s(2.9).0;
    // What the client sent in between does not acknowledge it: its kernel did not have it.
    let unheard = reasons(&world.observe());
    assert!(
        unheard.contains("its kernel did not accept it (nothing that the client sent later"),
        "{unheard}"
    );
    world.points[CLIENT].frames.remove(answer - 1);
    let reasons = reasons(&world.observe());
    assert!(
        reasons.contains("an answer reached the client's interface at 2.9s"),
        "{reasons}"
    );
}

#[test]
fn a_statement_that_is_missing_from_the_capture_is_not_one_that_was_never_sent() {
    // What is left looks like an RST before the statement, which the classic client reports as 2006 and not
    // as 2013.
    let unsent = without(reset(), |point, place| point == CLIENT && place == 7);
    assert!(reasons(&unsent.observe()).contains("does not show the client sending its statement"));
    // The connection had ended before: the client's own socket refuses the statement.
    let mut world = without(closed(), |_, _| false);
    let statement = world.points[CLIENT].frames.len() - 1;
    world.points[CLIENT].frames.remove(statement);
    let observed = world.observe();
    assert_eq!(
        observed.behaviour,
        Behaviour::FailedFast {
            after: seconds(0.001)
        }
    );
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
fn what_comes_after_the_end_ended_nothing() {
    let mut world = answered();
    // The observation goes on; the client closes the connection, and so does the server.
    world.up(s(2.5), RS1, "F.", &[]);
    world.down(s(2.5), RS1, "F.", &[]);
    world.record.ended = s(3.0);
    let observed = world.observe();
    assert_eq!(observed.terminators, []);
    assert_eq!(
        observed.behaviour,
        Behaviour::Answered {
            after: seconds(0.002)
        }
    );
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
    assert_eq!(
        world.observe().behaviour,
        Behaviour::Answered {
            after: seconds(0.004)
        }
    );
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
            let observed =
                lvs_matrix_model::verdict::observe(&world.record, &Journeys::of(&world.record, kept));
            match observed.behaviour.name() {
                None => lost += 1,
                Some(_) => assert_eq!(observed.behaviour, whole, "{what}, round {round}"),
            }
        }
        for missing in &packets {
            let kept: Vec<_> = packets
                .iter()
                .filter(|packet| *packet != missing)
                .cloned()
                .collect();
            let observed =
                lvs_matrix_model::verdict::observe(&world.record, &Journeys::of(&world.record, kept));
            // One lost packet does not even change the error's code.
            let same = observed.behaviour == whole && observed.error == error;
            let unknown = observed.behaviour.name().is_none();
            assert!(unknown || same, "{what} without {}", missing.number);
        }
    }
    assert!(lost > 3000, "{lost} undetermined");
}
