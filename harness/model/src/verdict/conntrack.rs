//! What the connection tracking of a host makes of the packets of one connection, as far as a stateful
//! firewall asks for it. The kernel says of no packet what it took it for; so it is worked out here, by the
//! kernel's table of states (net/netfilter/nf_conntrack_proto_tcp.c, `tcp_conntracks`, `tcp_new`), and held
//! against the counters of the firewall's rules.
//!
//! Windows are not followed: a segment out of them, which conntrack would call invalid, does not come up in a
//! lab.

use crate::action::{Action, Chain, NewConnections, Node, TrafficAction};
use crate::base::{Forwarding, TCP_LOOSE};
use crate::capture::Segment;
use crate::duration::Instant;
use crate::ipvs::Protocol;
use crate::lab::{State, Stateful};
use crate::record::{CellRecord, StepOutcome};
use std::time::Duration;

/// Sysctls of a host.
/// How long an established connection is known without a packet.
pub const ESTABLISHED: &str = "net.netfilter.nf_conntrack_tcp_timeout_established";
const UNACKNOWLEDGED: &str = "net.netfilter.nf_conntrack_tcp_timeout_unacknowledged";
const SYN_SENT: &str = "net.netfilter.nf_conntrack_tcp_timeout_syn_sent";
const UDP: &str = "net.netfilter.nf_conntrack_udp_timeout";
/// Does IPVS leave what it forwards to conntrack?
pub const IPVS_CONNTRACK: &str = "net.ipv4.vs.conntrack";

/// Why conntrack knows no connection of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It has seen nothing of it since it began to track.
    NeverSeen,
    /// Its entry has timed out.
    TimedOut {
        /// How long entries live.
        after: Duration,
        /// How long no packet came.
        idle: Duration,
    },
    /// A step made it forget.
    Flushed {
        /// The step.
        step: u32,
    },
    /// IPVS takes what it forwards out of conntrack before conntrack keeps it (`vs/conntrack=0`).
    NotKept,
    /// The firewall dropped what would have made it known.
    Refused,
}

/// What conntrack takes a packet for: nft(8)'s `ct state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// `established`.
    Known,
    /// `new`: nothing is known of its connection, or nobody has answered on it.
    New(Unknown),
    /// `invalid`: nothing is known of its connection, and it begins none.
    NoneBegins(Unknown),
    /// `invalid`: only the SYN of its connection has come by, and no SYN-ACK.
    HalfSeen,
    /// `untracked`: IPVS has taken it out.
    Untracked,
}

/// A packet that met a stateful firewall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    /// Its number.
    pub packet: u32,
    /// When.
    pub at: Instant,
    /// Did it come from the client's side?
    pub by_client: bool,
    /// In which chain.
    pub chain: Chain,
    /// The step that made the firewall.
    pub step: u32,
    /// What conntrack took it for.
    pub taken: Taken,
    /// Did the firewall drop it?
    pub dropped: bool,
}

/// A packet of the connection that comes by at the host. Of what the host passes on, as it came to it.
#[derive(Debug, Clone, Copy)]
pub struct Passing<'a> {
    /// Its number.
    pub packet: u32,
    /// When.
    pub at: Instant,
    /// Does it come from the client's side?
    pub by_client: bool,
    /// What it is.
    pub segment: &'a Segment,
}

/// What is known of the connection.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Did the client's side send the first packet?
    by_client: bool,
    /// Was that a SYN, and has nothing but SYNs come by?
    half: bool,
    /// Has the other side answered?
    replied: bool,
    /// When the last packet came by.
    last: Instant,
}

/// The connection tracking of a host, of one connection.
#[derive(Debug)]
pub struct Conntrack<'a> {
    record: &'a CellRecord,
    node: &'a Node,
    udp: bool,
    entry: Option<Entry>,
    lost: Unknown,
    last: Option<Instant>,
}

impl<'a> Conntrack<'a> {
    /// Of a connection of which nothing has come by; `None` if no step makes the host track anything.
    #[must_use]
    pub fn of(record: &'a CellRecord, node: &'a Node) -> Option<Self> {
        let makes = |action: &Action| {
            matches!(action,
                Action::Traffic(TrafficAction::AddStatefulFirewall { node: of, .. }) if of == node)
        };
        let mut steps = record.steps.iter();
        steps.any(|step| makes(&step.action)).then(|| Self {
            record,
            node,
            udp: record.plan.service().protocol == Protocol::Udp,
            entry: None,
            lost: Unknown::NeverSeen,
            last: None,
        })
    }

    /// The stateful firewalls that the packet meets on its way through the host, and what each makes of it.
    pub fn meets(&mut self, passing: Passing<'_>) -> Vec<Met> {
        let state = self.record.state_at(passing.at);
        if !state.tracks(self.node) {
            (self.entry, self.lost, self.last) = (None, Unknown::NeverSeen, None);
            return Vec::new();
        }
        self.forgets(&state, passing.at);
        let (taken, entry) = self.takes(&state, passing);
        let firewalls: Vec<Stateful<'_>> = state.stateful().filter(|one| one.node == self.node).collect();
        let mut met = Vec::new();
        for chain in self.chains(passing.by_client) {
            let Some(firewall) = firewalls.iter().find(|one| one.chain == *chain) else {
                continue;
            };
            let taken = match (self.node, chain) {
                (Node::Director(_), Chain::Output) if !self.keeps(&state) => Taken::Untracked,
                (Node::Client | Node::Probe | Node::Director(_) | Node::Router | Node::RealServer(_), _) => {
                    taken
                }
            };
            let dropped = !passes(firewall.new, taken, passing.segment, self.udp);
            met.push(Met {
                packet: passing.packet,
                at: passing.at,
                by_client: passing.by_client,
                chain: *chain,
                step: firewall.step,
                taken,
                dropped,
            });
            if dropped {
                break;
            }
        }
        let dropped = met.iter().any(|met| met.dropped);
        self.last = Some(passing.at);
        match entry {
            // What is dropped makes no entry (`nf_conntrack_confirm` comes behind the firewall), and leaves
            // one as it has made it.
            Some(_) if dropped && self.entry.is_none() => self.lost = Unknown::Refused,
            Some(_) if !self.keeps(&state) => self.lost = Unknown::NotKept,
            Some(entry) => self.entry = Some(entry),
            None => {}
        }
        met
    }

    /// What it would take a segment with data for that this side sent at that moment.
    #[must_use]
    pub fn would_take(&mut self, at: Instant, by_client: bool) -> Taken {
        let state = self.record.state_at(at);
        self.forgets(&state, at);
        let known = self
            .entry
            .is_some_and(|entry| entry.replied || entry.by_client != by_client);
        match self.entry {
            Some(entry) if entry.half && entry.by_client == by_client => Taken::HalfSeen,
            Some(_) if known => Taken::Known,
            None if !self.loose(&state) => Taken::NoneBegins(self.lost),
            Some(_) | None => Taken::New(self.lost),
        }
    }

    /// The chains that a packet meets, in order.
    fn chains(&self, by_client: bool) -> &'static [Chain] {
        match (self.node, by_client) {
            // Steps give it no firewall.
            (Node::Router | Node::Probe, _) => &[],
            (Node::Client, true) | (Node::RealServer(_), false) => &[Chain::Output],
            (Node::Client, false) | (Node::RealServer(_), true) => &[Chain::Input],
            // What leaves in a tunnel has no port that a rule could look at (net/netfilter/ipvs/ip_vs_xmit.c,
            // `ip_vs_tunnel_xmit`).
            (Node::Director(_), true) if self.tunnels() => &[Chain::Input],
            (Node::Director(_), true) => &[Chain::Input, Chain::Output],
            (Node::Director(_), false) => &[Chain::Forward],
        }
    }

    fn tunnels(&self) -> bool {
        let service = self.record.plan.service();
        let mut backends = service.backends.iter();
        backends.any(|backend| backend.forwarding == Forwarding::Tunneling)
    }

    /// Does conntrack keep what it has made of a packet? What IPVS forwards it keeps only with
    /// `vs/conntrack=1` (include/net/ip_vs.h, `ip_vs_notrack`).
    fn keeps(&self, state: &State<'_>) -> bool {
        match self.node {
            Node::Director(_) => number(state, self.node, IPVS_CONNTRACK, 0) != 0,
            Node::Client | Node::Probe | Node::Router | Node::RealServer(_) => true,
        }
    }

    fn loose(&self, state: &State<'_>) -> bool {
        self.udp || number(state, self.node, TCP_LOOSE, 1) != 0
    }

    /// Takes what has happened since the last packet: a time-out, or a step that flushed everything.
    fn forgets(&mut self, state: &State<'_>, at: Instant) {
        let Some(entry) = self.entry else {
            return;
        };
        let flushed = self.record.steps.iter().rfind(|step| {
            let flushes = matches!(&step.action,
                Action::Traffic(TrafficAction::FlushConntrack { node }) if node == self.node);
            let done = matches!(step.outcome, StepOutcome::Done { .. });
            let since = step.began.is_some_and(|began| entry.last <= began && began <= at);
            flushes && done && since
        });
        let (after, idle) = (self.timeout(state, entry), at.since(entry.last));
        let lost = match flushed {
            Some(step) => Unknown::Flushed { step: step.number },
            None if idle > after => Unknown::TimedOut { after, idle },
            None => return,
        };
        (self.entry, self.lost) = (None, lost);
    }

    fn timeout(&self, state: &State<'_>, entry: Entry) -> Duration {
        let seconds = |key, default| Duration::from_secs(number(state, self.node, key, default));
        if self.udp {
            return seconds(UDP, 30);
        }
        let established = seconds(ESTABLISHED, 432_000);
        if entry.half {
            seconds(SYN_SENT, 120)
        } else if entry.replied {
            established
        } else {
            // `nf_conntrack_tcp_packet`: "ESTABLISHED without SEEN_REPLY, i.e. mid-connection pickup".
            established.min(seconds(UNACKNOWLEDGED, 300))
        }
    }

    /// What a packet is taken for, and what is known of the connection behind it; `None` if that is what was
    /// known before.
    fn takes(&self, state: &State<'_>, passing: Passing<'_>) -> (Taken, Option<Entry>) {
        let Passing {
            at,
            by_client,
            segment,
            ..
        } = passing;
        let flags = segment.flags;
        let first = |half| Entry {
            by_client,
            half,
            replied: false,
            last: at,
        };
        let Some(entry) = self.entry else {
            return if self.udp {
                (Taken::New(self.lost), Some(first(false)))
            } else if flags.syn && !flags.ack && !flags.rst {
                (Taken::New(self.lost), Some(first(true)))
            } else if flags.rst || flags.syn || flags.fin || !flags.ack || !self.loose(state) {
                (Taken::NoneBegins(self.lost), None)
            } else {
                (Taken::New(self.lost), Some(first(false)))
            };
        };
        if entry.by_client != by_client {
            let opens = self.udp || !entry.half || (flags.syn && flags.ack);
            let next = Entry {
                half: !opens,
                replied: true,
                last: at,
                ..entry
            };
            return (Taken::Known, Some(next));
        }
        let syn = flags.syn && !flags.ack;
        if entry.half && !syn && !flags.rst {
            return (Taken::HalfSeen, None);
        }
        let taken = match entry.replied {
            true => Taken::Known,
            false => Taken::New(self.lost),
        };
        (taken, Some(Entry { last: at, ..entry }))
    }
}

/// Does a stateful firewall let it pass?
fn passes(new: NewConnections, taken: Taken, segment: &Segment, udp: bool) -> bool {
    let flags = segment.flags;
    let syn = flags.syn && !flags.ack && !flags.rst && !flags.fin;
    match (taken, new) {
        (Taken::Known, _) | (Taken::New(_), NewConnections::Any) => true,
        (Taken::New(_), NewConnections::Syn) => syn || udp,
        (Taken::New(_), NewConnections::None)
        | (Taken::NoneBegins(_) | Taken::HalfSeen | Taken::Untracked, _) => false,
    }
}

/// The number that a sysctl of a host holds; `default` if nothing of the cell wrote it.
fn number(state: &State<'_>, node: &Node, key: &str, default: u64) -> u64 {
    let value = state
        .sysctl(node, key)
        .and_then(|known| known.value.trim().parse().ok());
    value.unwrap_or(default)
}
