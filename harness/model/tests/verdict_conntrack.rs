//! What conntrack makes of the packets of a connection, and a stateful firewall of that: by the kernel's
//! table (net/netfilter/nf_conntrack_proto_tcp.c, `tcp_conntracks`).

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::action::{Action, Chain, HostAction, NewConnections, Node, TrafficAction};
use lvs_matrix_model::capture::{Flags, Segment};
use lvs_matrix_model::verdict::conntrack::{Conntrack, Met, Passing, Taken, Unknown};
use std::time::Duration;
use support::world::*;
use support::{name, s};

/// A packet: when, from the client's side (`>`) or to it (`<`), and its flags as tcpdump(8) has them.
type Packet = (f64, &'static str);

fn segment(flags: &str) -> Segment {
    let has = |flag| flags.contains(flag);
    Segment {
        flags: Flags {
            fin: has('F'),
            syn: has('S'),
            rst: has('R'),
            ack: has('.'),
            ..Flags::default()
        },
        ..Segment::default()
    }
}

/// Each step is done at the second of its number.
fn meets(node: &Node, steps: Vec<Action>, packets: &[Packet]) -> Vec<Met> {
    let mut world = World::new(Vec::new(), steps, Vec::new());
    for number in 1..=u32::try_from(world.record.steps.len()).unwrap_or_default() {
        let at = f64::from(number);
        world.step(number, at, Some(at + 0.1), done("done"));
    }
    let mut conntrack = Conntrack::of(&world.record, node).unwrap();
    let packets = packets.iter().zip(1..).flat_map(|((at, packet), number)| {
        let (side, flags) = packet.split_at(1);
        conntrack.meets(Passing {
            packet: number,
            at: s(*at),
            by_client: side == ">",
            segment: &segment(flags),
        })
    });
    packets.collect()
}

fn guard(node: &Node, chain: Chain, new: NewConnections) -> Action {
    let node = node.clone();
    TrafficAction::AddStatefulFirewall { node, chain, new }.into()
}

fn set(node: &Node, key: &str, value: &str) -> Action {
    let (node, key, value) = (node.clone(), key.to_owned(), value.to_owned());
    HostAction::SetSysctl { node, key, value }.into()
}

/// What each was taken for, and whether it was dropped.
fn told(met: &[Met]) -> Vec<(Taken, bool)> {
    met.iter().map(|met| (met.taken, met.dropped)).collect()
}

const UNSEEN: Unknown = Unknown::NeverSeen;
const NEW: Taken = Taken::New(UNSEEN);

fn rs1() -> Node {
    Node::RealServer(name("rs1"))
}

#[test]
fn a_host_that_sees_both_directions_knows_a_connection_from_its_syn_on() {
    let steps = vec![guard(&rs1(), Chain::Input, NewConnections::Syn)];
    let met = meets(
        &rs1(),
        steps,
        &[(2.0, ">S"), (2.1, "<S."), (2.2, ">."), (2.3, ">F."), (2.4, ">R")],
    );
    let known = (Taken::Known, false);
    assert_eq!(told(&met), [(NEW, false), known, known, known]);
    assert!(
        met.iter().all(|met| met.chain == Chain::Input && met.by_client),
        "{met:?}"
    );
}

#[test]
fn what_is_picked_up_in_the_middle_is_new_until_it_is_answered() {
    let pick_up = |new| {
        let steps = vec![guard(&rs1(), Chain::Input, new)];
        told(&meets(
            &rs1(),
            steps,
            &[(2.0, ">."), (2.1, ">."), (2.2, "<."), (2.3, ">.")],
        ))
    };
    let known = (Taken::Known, false);
    assert_eq!(pick_up(NewConnections::Any), [(NEW, false), (NEW, false), known]);
    // What was dropped is not kept; the server's own segment is, and the client's next one answers it.
    let refused = Taken::New(Unknown::Refused);
    assert_eq!(
        pick_up(NewConnections::Syn),
        [(NEW, true), (refused, true), known]
    );
    let strict = vec![
        set(&rs1(), "net.netfilter.nf_conntrack_tcp_loose", "0"),
        guard(&rs1(), Chain::Input, NewConnections::Any),
    ];
    let met = meets(
        &rs1(),
        strict,
        &[(3.0, ">."), (3.1, ">F."), (3.2, ">R"), (3.3, ">S")],
    );
    let begins_none = (Taken::NoneBegins(UNSEEN), true);
    assert_eq!(told(&met), [begins_none, begins_none, begins_none, (NEW, false)]);
}

#[test]
fn a_time_out_and_a_flush_make_it_unknown() {
    let steps = || {
        vec![
            set(
                &Node::Client,
                "net.netfilter.nf_conntrack_tcp_timeout_established",
                "60",
            ),
            guard(&Node::Client, Chain::Input, NewConnections::None),
        ]
    };
    let open = [(3.0, ">S"), (3.1, "<S."), (3.2, ">."), (60.0, "<.")];
    let met = meets(&Node::Client, steps(), &[&open[..], &[(120.5, "<.")]].concat());
    let timed_out = Unknown::TimedOut {
        after: Duration::from_secs(60),
        idle: Duration::from_millis(60_500),
    };
    let known = (Taken::Known, false);
    assert_eq!(told(&met), [known, known, (Taken::New(timed_out), true)]);
    let mut flushed = steps();
    flushed.push(TrafficAction::FlushConntrack { node: Node::Client }.into());
    let met = meets(
        &Node::Client,
        flushed,
        &[(2.5, ">S"), (2.6, "<S."), (2.7, ">."), (4.0, "<.")],
    );
    assert_eq!(
        told(&met),
        [known, (Taken::New(Unknown::Flushed { step: 3 }), true)]
    );
}

#[test]
fn a_director_knows_what_ipvs_leaves_to_conntrack() {
    let director = Node::first_director();
    let guarded = |conntrack: &str, chain| {
        vec![
            set(&director, "net.ipv4.vs.conntrack", conntrack),
            guard(&director, chain, NewConnections::Any),
        ]
    };
    // Of direct routing it sees the client's segments only.
    let half = [(3.0, ">S"), (3.1, ">."), (3.2, ">F.")];
    let met = meets(&director, guarded("0", Chain::Input), &half);
    let not_kept = Unknown::NotKept;
    let new = (Taken::New(not_kept), false);
    assert_eq!(
        told(&met),
        [(NEW, false), new, (Taken::NoneBegins(not_kept), true)]
    );
    let met = meets(&director, guarded("0", Chain::Output), &half);
    assert_eq!(told(&met), [(Taken::Untracked, true); 3]);
    let met = meets(&director, guarded("1", Chain::Input), &half);
    assert_eq!(
        told(&met),
        [(NEW, false), (Taken::HalfSeen, true), (Taken::HalfSeen, true)]
    );
    // With masquerading the answers pass, too.
    let both = [(3.0, ">S"), (3.1, "<S."), (3.2, ">."), (3.3, "<.")];
    let met = meets(&director, guarded("1", Chain::Forward), &both);
    assert_eq!(told(&met), [(Taken::Known, false); 2]);
    let met = meets(&director, guarded("0", Chain::Forward), &both);
    assert_eq!(told(&met), [(Taken::NoneBegins(not_kept), true), new]);
}

#[test]
fn nothing_is_tracked_before_a_rule_asks_for_it() {
    let steps = vec![guard(&rs1(), Chain::Input, NewConnections::Syn)];
    let met = meets(
        &rs1(),
        steps,
        &[(0.5, ">S"), (0.6, "<S."), (0.7, ">."), (2.0, ">.")],
    );
    assert_eq!(told(&met), [(NEW, true)]);
    let world = World::new(Vec::new(), vec![remove_rs1()], Vec::new());
    assert!(Conntrack::of(&world.record, &rs1()).is_none());
}
