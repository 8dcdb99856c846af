//! What reached the client's interface is one fact, what its kernel accepted another: hand-made cells with a
//! firewall on the client, with segments that TCP does not take, and with several real servers that a
//! connection reached in turn.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::action::{Action, Chain, FirewallVerdict, Node, TrafficAction};
use lvs_matrix_model::record::{AtEnd, ClientEventKind, StepOutcome};
use lvs_matrix_model::verdict::{
    Behaviour, Citation, Discarded, DiscardedKind, Fact, HangEnd, HeldBack, Observed, Reason, Tried,
};
use support::cells::{execute, hung};
use support::plain::reasons;
use support::world::*;
use support::{name, s};

const ETIMEDOUT: i32 = 110;
const ECONNREFUSED: i32 = 111;
const ECONNRESET: i32 = 104;

fn rule(chain: Chain, verdict: FirewallVerdict) -> Action {
    Action::Traffic(TrafficAction::AddFirewallRule {
        node: Node::Client,
        chain,
        verdict,
        matches: None,
    })
}

/// The kernel's counter of the rule that step `number` added, as it stood at the end.
fn counted(world: &mut World, number: usize, packets: u64) {
    world.record.steps[number - 1].at_end = Some(AtEnd::InForce {
        shows: "nft lists the rule".into(),
        packets: Some(packets),
    });
}

/// Step 1 adds a rule to the client's firewall, step 2 connects at 2 s.
fn connecting(chain: Chain, verdict: FirewallVerdict) -> World {
    let mut world = World::new(Vec::new(), vec![rule(chain, verdict)], vec![Action::connect()]);
    world.step(1, 1.0, Some(1.1), done("nft lists the rule"));
    world.step(2, 2.0, None, StepOutcome::Unfinished);
    world.operation(2, 1);
    world.event(s(2.0), 1, ClientEventKind::ConnectBegun);
    world
}

fn fails(world: &mut World, step: u32, operation: u32, at: f64, errno: i32) {
    world.event(s(at), operation, failed(io(errno)));
    world.step(step, 2.0, Some(at), StepOutcome::ClientFailed);
}

/// Three SYNs, each answered by a SYN-ACK that the client's own firewall does not let in.
fn kept_out() -> World {
    let mut world = connecting(Chain::Input, FirewallVerdict::Drop);
    for at in [2.0, 3.0, 5.0] {
        world.client_next = 1000;
        world.server_next = 5000;
        world.up(s(at), RS1, "S", &[]);
        world.down(s(at + 0.001), RS1, "S.", &[]);
    }
    fails(&mut world, 2, 1, 130.0, ETIMEDOUT);
    counted(&mut world, 1, 3);
    world
}

fn why(observed: &Observed) -> Vec<(DiscardedKind, Reason)> {
    let each = observed.discarded.iter();
    each.map(|Discarded { kind, why, .. }| (*kind, *why)).collect()
}

fn is_hung(observed: &Observed, with: HangEnd) -> bool {
    matches!(&observed.behaviour, Behaviour::Hung { end, .. } if *end == with)
}

fn classic(observed: &Observed) -> Option<u16> {
    observed.error.as_ref().and_then(|error| error.classic)
}

#[test]
fn a_syn_ack_that_the_clients_own_firewall_kept_out_connects_nobody() {
    let world = kept_out();
    let observed = world.observe();
    assert!(is_hung(&observed, HangEnd::Error), "{:?}", observed.behaviour);
    assert_eq!(classic(&observed), Some(2003), "there never was a connection");
    let by_rule = (DiscardedKind::SynAck, Reason::OwnFirewall { step: 1 });
    assert_eq!(why(&observed), [by_rule; 3]);
    assert_eq!(observed.discarded[0].by, Some(Node::RealServer(name("rs1"))));
    let packets: Vec<u32> = observed.discarded.iter().map(|segment| segment.packet).collect();
    let shown = observed
        .evidence
        .iter()
        .find_map(|evidence| match &evidence.fact {
            Fact::Discarded { times, .. } => Some((*times, evidence.shown_by.clone())),
            _ => None,
        });
    let cited = packets
        .into_iter()
        .map(Citation::Packet)
        .chain([Citation::Step(1)]);
    assert_eq!(shown, Some((3, cited.collect())), "one sentence for all three");
}

#[test]
fn the_counter_of_the_rule_must_agree_with_what_reached_the_interface() {
    for count in [0, 2, 4] {
        let mut world = kept_out();
        counted(&mut world, 1, count);
        let said = reasons(&world.observe());
        let wanted = format!("has counted {count} segments (step 1), but 3 reached its interface");
        assert!(said.contains(&wanted), "{said}");
    }
}

#[test]
fn what_came_while_the_rule_was_being_added_is_told_by_the_counter() {
    let connected_at_2 = |met: u64| {
        let mut world = connecting(Chain::Input, FirewallVerdict::Drop);
        // The step takes until after the first SYN-ACK.
        world.step(1, 1.0, Some(2.0015), done("nft lists the rule"));
        world.up(s(2.0), RS1, "S", &[]);
        world.down(s(2.001), RS1, "S.", &[]);
        world.up(s(2.001), RS1, ".", &[]);
        world.down(s(2.002), RS1, "P.", &greeting());
        fails(&mut world, 2, 1, 130.0, ETIMEDOUT);
        counted(&mut world, 1, met);
        world.observe()
    };
    let let_in = connected_at_2(1);
    let greeting = DiscardedKind::Payload { length: 80 };
    assert_eq!(why(&let_in), [(greeting, Reason::OwnFirewall { step: 1 })]);
    assert_eq!(classic(&let_in), Some(2013), "connected, and no greeting");
    let kept_out = connected_at_2(2);
    assert_eq!(kept_out.discarded.len(), 2);
    assert_eq!(classic(&kept_out), Some(2003));
    // Taken away again, the rule has no counter, and nothing else tells.
    let mut world = connecting(Chain::Input, FirewallVerdict::Drop);
    world.step(1, 1.0, Some(2.0015), done("nft lists the rule"));
    world.up(s(2.0), RS1, "S", &[]);
    world.down(s(2.001), RS1, "S.", &[]);
    fails(&mut world, 2, 1, 130.0, ETIMEDOUT);
    let said = reasons(&world.observe());
    assert!(said.contains("whether the rule met them is not known"), "{said}");
}

#[test]
fn an_answer_that_the_firewall_resets_is_none() {
    let mut world = execute(rule(Chain::Input, FirewallVerdict::TcpReset), 2.0);
    world.sends(3, 2, 2.0, RS1, "select 1");
    world.down(s(2.001), RS1, "P.", RESULT);
    // The firewall answers in the client's name; the client's TCP knows nothing of it and sends its statement
    // again.
    world.up(s(2.001), RS1, "R", &[]);
    for at in [2.2, 2.6] {
        world.again(at, RS1, SELECT_1);
        world.server_next = 5148;
        world.down(s(at + 0.001), RS1, "R", &[]);
    }
    fails(&mut world, 3, 2, 924.0, ETIMEDOUT);
    counted(&mut world, 2, 3);
    let observed = world.observe();
    assert!(is_hung(&observed, HangEnd::Error), "{:?}", observed.behaviour);
    assert_eq!(classic(&observed), Some(2013));
    assert!(observed.terminators.is_empty(), "no RST was accepted");
    let kinds: Vec<DiscardedKind> = observed.discarded.iter().map(|segment| segment.kind).collect();
    let answer = DiscardedKind::Payload { length: 56 };
    assert_eq!(kinds, [answer, DiscardedKind::Rst, DiscardedKind::Rst]);
}

#[test]
fn a_reset_counts_only_with_the_number_that_the_client_expects() {
    let mut world = hung();
    let expected = world.server_next;
    world.server_next = expected + 1;
    world.down(s(9.0), DIRECTOR, "R", &[]);
    let observed = world.observe();
    assert!(is_hung(&observed, HangEnd::None), "{:?}", observed.behaviour);
    assert_eq!(why(&observed), [(DiscardedKind::Rst, Reason::Unexpected)]);
    assert!(observed.terminators.is_empty());

    let mut world = hung();
    world.down(s(9.0), DIRECTOR, "R", &[]);
    let said = reasons(&world.observe());
    assert!(said.contains("an answer reached the client"), "{said}");
}

#[test]
fn a_syn_that_is_sent_again_shows_that_the_syn_ack_was_not_accepted() {
    let mut world = connecting(Chain::Output, FirewallVerdict::Drop);
    world.record.plan.steps[0].action = remove_rs1();
    world.record.steps[0].action = remove_rs1();
    for at in [2.0, 3.1, 5.1] {
        world.client_next = 1000;
        world.server_next = 5000;
        world.up(s(at), RS1, "S", &[]);
        world.down(s(at + 0.001), RS1, "S.", &[]);
    }
    fails(&mut world, 2, 1, 130.0, ETIMEDOUT);
    let observed = world.observe();
    assert_eq!(
        why(&observed)[..2],
        [(DiscardedKind::SynAck, Reason::NotAcknowledged); 2]
    );
}

#[test]
fn what_the_clients_own_firewall_holds_back_is_counted_by_the_kernel() {
    let refused = |verdict, packets| {
        let mut world = connecting(Chain::Output, verdict);
        fails(&mut world, 2, 1, 2.001, ECONNREFUSED);
        counted(&mut world, 1, packets);
        world.observe()
    };
    for verdict in [FirewallVerdict::Reject, FirewallVerdict::TcpReset] {
        let observed = refused(verdict, 1);
        assert!(
            matches!(observed.behaviour, Behaviour::FailedFast { .. }),
            "{:?}",
            observed.behaviour
        );
        assert_eq!(classic(&observed), Some(2003));
        let held_back = HeldBack {
            step: 1,
            verdict,
            segments: 1,
        };
        assert_eq!(observed.held_back, Some(held_back));
        assert!(
            observed
                .evidence
                .iter()
                .any(|evidence| evidence.fact == Fact::HeldBack(held_back))
        );
    }
    let said = reasons(&refused(FirewallVerdict::Reject, 0));
    assert!(
        said.contains("neither a SYN nor an ARP request"),
        "it met nothing: {said}"
    );
    let said = reasons(&refused(FirewallVerdict::Drop, 1));
    assert!(
        said.contains("neither an RST nor an ICMP error"),
        "a rule that drops refuses nothing: {said}"
    );
}

#[test]
fn a_statement_that_does_not_leave_the_client_hangs() {
    let world = |verdict| {
        let mut world = execute(rule(Chain::Output, verdict), 2.0);
        world.operation(3, 2);
        let begun = ClientEventKind::StatementBegun {
            sql: "select 1".to_owned(),
        };
        world.event(s(2.0), 2, begun);
        counted(&mut world, 2, 40);
        world
    };
    let mut hangs = world(FirewallVerdict::Drop);
    hangs.event(s(1202.0), 2, ClientEventKind::StillWaiting);
    assert!(
        is_hung(&hangs.observe(), HangEnd::None),
        "{:?}",
        hangs.observe().behaviour
    );
    let mut reset = world(FirewallVerdict::TcpReset);
    fails(&mut reset, 3, 2, 2.001, ECONNRESET);
    let observed = reset.observe();
    assert!(
        matches!(observed.behaviour, Behaviour::FailedFast { .. }),
        "{:?}",
        observed.behaviour
    );
    assert_eq!(classic(&observed), Some(2013));
    let mut dropped = world(FirewallVerdict::Drop);
    fails(&mut dropped, 3, 2, 2.001, ECONNRESET);
    let said = reasons(&dropped.observe());
    assert!(
        said.contains("neither a FIN nor an RST"),
        "a rule that drops resets nothing: {said}"
    );
}

/// Step 2 connects. The first SYN reaches rs1, which says nothing; the second one reaches rs2.
fn tried_two() -> World {
    let mut world = World::new(Vec::new(), vec![stop_rs1()], vec![Action::connect()]);
    world.step(1, 1.0, Some(1.1), done("it fired"));
    world.step(2, 2.0, Some(3.004), done(""));
    world.operation(2, 1);
    world.event(s(2.0), 1, ClientEventKind::ConnectBegun);
    world.up_again(s(2.0), RS1, "S", &[]);
    world.up(s(3.0), RS2, "S", &[]);
    world.down(s(3.001), RS2, "S.", &[]);
    world.up(s(3.001), RS2, ".", &[]);
    world.down(s(3.002), RS2, "P.", &greeting());
    world.up(s(3.002), RS2, "P.", &login());
    world.down(s(3.003), RS2, "P.", LOGGED_IN);
    world.up(s(3.003), RS2, ".", &[]);
    world.event(s(3.004), 1, connected());
    world
}

#[test]
fn servers_that_are_tried_in_turn_are_no_contradiction() {
    let observed = tried_two().observe();
    assert!(
        matches!(observed.behaviour, Behaviour::Answered { .. }),
        "{:?}",
        observed.behaviour
    );
    let operation = observed.operation.unwrap();
    assert_eq!(operation.served_by, Some(Node::RealServer(name("rs2"))));
    let [Tried { server, packet }] = operation.tried.as_slice() else {
        panic!("{:?}", operation.tried);
    };
    assert_eq!(server, &name("rs1"));
    let shown = observed
        .evidence
        .iter()
        .find(|evidence| evidence.fact == Fact::Tried(name("rs1")));
    assert_eq!(shown.unwrap().shown_by, [Citation::Packet(*packet)]);
    // A late SYN-ACK of the first one is not the client's any more.
    let mut world = tried_two();
    world.server_next = 90_000;
    world.record.client_events.pop();
    world.down(s(3.0035), RS1, "S.", &[]);
    world.event(s(3.004), 1, connected());
    let observed = world.observe();
    assert_eq!(
        observed.operation.unwrap().served_by,
        Some(Node::RealServer(name("rs2")))
    );
    assert_eq!(observed.discarded[0].why, Reason::Unexpected);
}

#[test]
fn two_servers_that_both_answer_a_connection_are_a_contradiction() {
    let mut world = tried_two();
    world.record.client_events.pop();
    world.down(s(3.0035), RS1, "P.", &[9; 5]);
    world.event(s(3.004), 1, connected());
    let said = reasons(&world.observe());
    assert!(
        said.contains("several real servers answered the connection: rs2"),
        "{said}"
    );
}

#[test]
fn after_its_end_nothing_is_accepted() {
    let mut world = hung();
    world.up(s(9.0), DIRECTOR, "R.", &[]);
    world.down(s(9.1), RS1, "P.", RESULT);
    let observed = world.observe();
    assert_eq!(
        why(&observed),
        [(DiscardedKind::Payload { length: 56 }, Reason::Ended)]
    );
}
