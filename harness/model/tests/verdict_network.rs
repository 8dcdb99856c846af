//! Which packets of a hand-made cell are taken for the client's request and for its answer.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::action::Action;
use lvs_matrix_model::record::{ClientEventKind, StepOutcome};
use lvs_matrix_model::verdict::{Behaviour, Citation, Fact};
use support::cells::*;
use support::plain::reasons;
use support::world::*;
use support::{mac, s, seconds};

/// What the director answers to the client's question for the VIP's address.
fn arp_reply(world: &mut World, at: f64) {
    let mut bytes = Vec::new();
    bytes.extend(mac(10).0);
    bytes.extend(mac(20).0);
    bytes.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2]);
    bytes.extend(mac(20).0);
    bytes.extend(VIP);
    bytes.extend(mac(10).0);
    bytes.extend([192, 0, 2, 10]);
    world.raw(s(at), CLIENT, bytes);
    world.points[CLIENT].frames.sort_by_key(|frame| frame.unix_nanos);
}

#[test]
fn only_the_last_question_of_the_operation_may_be_unanswered() {
    let unreachable = no_route().observe().behaviour;
    let mut world = no_route();
    arp_reply(&mut world, 2.5);
    assert_eq!(
        world.observe().behaviour,
        unreachable,
        "an earlier question's answer"
    );
    arp_reply(&mut world, 4.5);
    assert!(reasons(&world.observe()).contains("neither an ICMP error nor, from the client, an ARP request"));

    // A question from before the operation is not its request.
    let mut world = hung();
    world.points[CLIENT].frames.truncate(7);
    world.arp_request(s(0.05));
    world.points[CLIENT].frames.sort_by_key(|frame| frame.unix_nanos);
    assert!(reasons(&world.observe()).contains("does not show the client sending its statement"));
}

#[test]
fn the_connection_is_the_one_that_was_opened_for_it() {
    let mut world = World::new(
        vec![Action::connect()],
        vec![remove_rs1()],
        vec![Action::connect()],
    );
    world.connects(1, 1, 0.1);
    world.step(2, 1.0, Some(1.1), done("it fired"));
    world.port += 1;
    world.connects(3, 2, 2.0);
    let observed = world.observe();
    assert_eq!(
        observed.behaviour,
        Behaviour::Answered {
            after: seconds(0.004)
        }
    );
    assert_eq!(observed.operation.unwrap().client_port, Some(40777));

    // What begins when this one is open is the next.
    let mut world = connected_anew();
    world.port += 1;
    world.up(s(2.004), RS1, "S", &[]);
    assert_eq!(
        world.observe().behaviour,
        Behaviour::Answered {
            after: seconds(0.004)
        }
    );
}

/// The client's statement, of which the first segment carries no more than `sent`, is never answered.
fn saying(sql: &str, sent: &str) -> World {
    let mut world = World::new(
        vec![Action::connect()],
        vec![remove_rs1()],
        vec![Action::query(statement(sql, 0.0))],
    );
    world.connects(1, 1, 0.1);
    world.step(2, 1.0, Some(1.1), done("it fired"));
    world.step(3, 2.0, None, StepOutcome::Unfinished);
    // A delayed acknowledgement is no part of it.
    world.up(s(2.0), DIRECTOR, ".", &[]);
    world.sends(3, 2, 2.0, DIRECTOR, sent);
    world.record.client_events[2].kind = ClientEventKind::StatementBegun { sql: sql.to_owned() };
    world.event(s(1202.0), 2, ClientEventKind::StillWaiting);
    world
}

#[test]
fn a_statement_is_known_by_its_text() {
    let long = format!("select '{}'", "x".repeat(2000));
    for sent in [&long[..], &long[..1000], &long[..1]] {
        let observed = saying(&long, sent).observe();
        assert!(
            matches!(observed.behaviour, Behaviour::Hung { .. }),
            "{observed:?}"
        );
    }
    for sent in ["select 1", "select 'y", &format!("{long} + 1")[1..]] {
        let reasons = reasons(&saying(&long, sent).observe());
        assert!(reasons.contains("but does not carry it"), "{sent}: {reasons}");
    }
    assert!(reasons(&saying("select 1", "select 22").observe()).contains("but does not carry it"));
}

/// A connect on which the conversation came so far, and then nobody spoke.
fn conversation(so_far: usize) -> World {
    let mut world = connect_hung();
    world.points.iter_mut().for_each(|point| point.frames.clear());
    (world.client_next, world.server_next) = (1000, 5000);
    for (up, flags, payload) in [
        (true, "S", vec![]),
        (false, "S.", vec![]),
        (true, ".", vec![]),
        (false, "P.", greeting()),
        (true, ".", vec![]),
        (true, "P.", login()),
        (false, ".", vec![]),
        (false, "P.", LOGGED_IN.to_vec()),
        (true, ".", vec![]),
    ]
    .into_iter()
    .take(so_far)
    {
        if up {
            world.up(s(2.0), RS1, flags, &payload);
        } else {
            world.down(s(2.0), RS1, flags, &payload);
        }
    }
    world
}

#[test]
fn a_connect_waits_for_the_answer_to_what_it_said_last() {
    // After the SYN; the server's SYN-ACK and nothing more; the login that is acknowledged only.
    for so_far in [1, 3, 6, 7] {
        let observed = conversation(so_far).observe();
        assert!(
            matches!(observed.behaviour, Behaviour::Hung { .. }),
            "{so_far}: {observed:?}"
        );
    }
    // The greeting, or the OK, has come: so the client's claim that it waits is not believed.
    for so_far in [5, 8, 9] {
        let reasons = reasons(&conversation(so_far).observe());
        assert!(
            reasons.contains("reached the client's interface"),
            "{so_far}: {reasons}"
        );
    }
}

/// An ICMP error refuses a connection that is being opened, even if a later SYN is answered: the client
/// cannot still be waiting.
#[test]
fn a_refusal_before_the_syn_ack_is_an_end() {
    let mut world = connect_hung();
    world.unreachable(s(4.0), 1);
    world.server_next = 5000;
    world.down(s(9.5), RS1, "S.", &[]);
    for point in &mut world.points {
        point.frames.sort_by_key(|frame| frame.unix_nanos);
    }
    let reasons = reasons(&world.observe());
    assert!(
        reasons.contains("reached the client's interface at 4s"),
        "{reasons}"
    );
}

/// TCP may cut what it sends again otherwise: then only what all sendings had was sent again.
#[test]
fn what_was_sent_again_is_what_every_sending_had() {
    let long = format!("select '{}'", "x".repeat(2000));
    let mut world = saying(&long, &long);
    let whole = com_query(&long);
    world.client_next -= u32::try_from(whole.len()).unwrap();
    world.up_again(s(2.2), DIRECTOR, "P.", &whole[..700]);
    world.up_again(s(2.6), DIRECTOR, "P.", &whole);
    let retransmissions = world.observe().retransmissions;
    assert_eq!((retransmissions.count, retransmissions.payload_length), (2, 700));
}

/// What was sent again is told by its bytes: other parts of the same segment are no repetitions of each
/// other.
#[test]
fn parts_of_a_segment_are_told_apart() {
    let long = format!("select '{}'", "x".repeat(2000));
    let whole = com_query(&long);
    let mut world = saying(&long, &long);
    let begin = world.client_next - u32::try_from(whole.len()).unwrap();
    for (at, from, to) in [
        (2.2, 0, 700),
        (2.4, 700, 1400),
        (2.8, 700, 1400),
        (3.6, 1300, 2000),
    ] {
        world.client_next = begin + u32::try_from(from).unwrap();
        world.up_again(s(at), DIRECTOR, "P.", &whole[from..to]);
    }
    let observed = world.observe();
    let retransmissions = &observed.retransmissions;
    // The last hundred bytes of the middle part were sent by three of them.
    assert_eq!((retransmissions.count, retransmissions.payload_length), (4, 100));
    assert_eq!(retransmissions.packets.len(), 4);
    let first = observed.evidence.iter().find_map(|item| match &item.fact {
        Fact::Began { .. } => item.shown_by.last().copied(),
        _ => None,
    });
    assert_eq!(first, Some(Citation::Packet(retransmissions.packets[0])));
    assert_eq!(retransmissions.gaps, [0.4, 0.4, 0.8].map(seconds));
}

/// A probe of the tail repeats the last segment only; the first is repeated by what covers it, whatever else
/// that carries.
#[test]
fn a_repetition_may_be_put_together_of_several_segments() {
    let long = format!("select '{}'", "x".repeat(2000));
    let whole = com_query(&long);
    let mut world = saying(&long, &long[..1000]);
    let begin = world.client_next - u32::try_from(com_query(&long[..1000]).len()).unwrap();
    // The rest of the statement, the tail's probe, then all of it in one.
    let first = com_query(&long[..1000]).len();
    for (at, from, to) in [
        (2.001, first, whole.len()),
        (2.2, 1500, whole.len()),
        (2.4, 0, whole.len()),
    ] {
        world.client_next = begin + u32::try_from(from).unwrap();
        world.up_again(s(at), DIRECTOR, "P.", &whole[from..to]);
    }
    let retransmissions = world.observe().retransmissions;
    assert_eq!(retransmissions.count, 2);
    let tail = u32::try_from(whole.len() - 1500).unwrap();
    assert_eq!(
        (retransmissions.payload_length, retransmissions.packets.len()),
        (tail, 3)
    );
}

/// What comes hundreds of times is one piece of evidence, with its number, and so are the gaps.
#[test]
fn what_comes_often_is_told_once() {
    let mut world = hung();
    for tick in 0..300 {
        world.unreachable(s(3.0 + f64::from(tick)), 1);
        world.again(3.5 + f64::from(tick), DIRECTOR, &com_query("select 1"));
    }
    for point in &mut world.points {
        point.frames.sort_by_key(|frame| frame.unix_nanos);
    }
    let observed = world.observe();
    let told: Vec<String> = observed
        .evidence
        .iter()
        .map(|item| item.fact.to_string())
        .collect();
    let about = |words: &str| told.iter().filter(|text| text.contains(words)).count();
    assert_eq!(about("ICMP host unreachable"), 1, "{told:#?}");
    assert_eq!(
        about("from 3s to 5m2s: ICMP host unreachable from director reached the client 300 times"),
        1,
        "{told:#?}"
    );
    assert!(told.iter().all(|text| text.len() < 300), "{told:#?}");
    assert_eq!(observed.terminators.len(), 300);
}
