//! What the client's kernel accepted. That a segment reached the client's interface is one fact; that its TCP
//! took it is another: a capture sees a frame before the host's own firewall and before TCP looks at it
//! (net/core/dev.c, `__netif_receive_skb_core`).
//!
//! Three things tell the two apart:
//!
//! - the firewall rules that steps of the scenario gave the client, and the kernel's counters of them;
//! - TCP's rules for what it takes, followed segment by segment: which SYN-ACK opens the connection, which
//!   bytes are new, and whether a reset has the number that the client expects (RFC 9293, 3.10.7; RFC 5961,
//!   3.2; net/ipv4/tcp_input.c, `tcp_rcv_synsent_state_process`, `tcp_validate_incoming`);
//! - what the client sends afterwards: each of its segments acknowledges all that its TCP has taken in order.

use super::conntrack::{Conntrack, Met, Passing};
use super::discarded::{Discarded, DiscardedKind, Reason};
use super::doubt::Doubt;
use crate::action::{Action, Chain, FirewallVerdict, Node, TrafficAction};
use crate::capture::flow::{self, ClientSide, Connection};
use crate::capture::{Packet, Segment};
use crate::duration::Instant;
use crate::path::Journeys;
use crate::record::{CellRecord, StepOutcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// TCP acknowledges what it takes within 200 ms (`TCP_DELACK_MAX` in include/net/tcp.h). Until then a segment
/// of the client's may be one that was under way already.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(1);
/// No receive window is larger than this (RFC 7323, 2.3: 65,535 bytes shifted by 14).
const LARGEST_WINDOW: u32 = 1 << 30;

/// A rule of the client's own firewall, and what it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OwnRule {
    /// The step that added it.
    step: u32,
    /// In which chain.
    chain: Chain,
    /// What it does with a segment.
    verdict: FirewallVerdict,
    /// When its step began: the rule was not in force before.
    earliest: Instant,
    /// When its step was done: the rule was in force from here on.
    surely: Instant,
    /// When a step began to take it away.
    until: Option<Instant>,
    /// How many segments it had met when the observation ended.
    met: Option<u64>,
}

impl OwnRule {
    /// May it have been in force at some time between these two?
    fn overlaps(&self, from: Instant, to: Instant) -> bool {
        self.earliest <= to && self.until.is_none_or(|until| from <= until)
    }

    fn may_hold(&self, at: Instant) -> bool {
        self.overlaps(at, at)
    }
}

/// The rules of the client's own firewall, but for a stateful one of its input chain. All verdicts of a chain
/// end it, so of several rules in one chain only the first one ever meets a segment.
fn own_rules(record: &CellRecord) -> Vec<OwnRule> {
    let mut rules: Vec<OwnRule> = Vec::new();
    for step in &record.steps {
        let (Action::Traffic(action), StepOutcome::Done { .. }, Some(began)) =
            (&step.action, &step.outcome, step.began)
        else {
            continue;
        };
        match action {
            TrafficAction::AddFirewallRule {
                node: Node::Client,
                chain,
                verdict,
                // No rule of the client has any.
                matches: _,
            } => {
                let in_force = |rule: &OwnRule| rule.chain == *chain && rule.until.is_none();
                if !rules.iter().any(in_force) {
                    rules.push(OwnRule {
                        step: step.number,
                        chain: *chain,
                        verdict: *verdict,
                        earliest: began,
                        surely: step.ended.unwrap_or(began),
                        until: None,
                        met: step.met(),
                    });
                }
            }
            // What it lets pass it does not hold back; it drops the rest.
            TrafficAction::AddStatefulFirewall {
                node: Node::Client,
                chain: Chain::Output,
                ..
            } => rules.push(OwnRule {
                step: step.number,
                chain: Chain::Output,
                verdict: FirewallVerdict::Drop,
                earliest: began,
                surely: step.ended.unwrap_or(began),
                until: None,
                met: step.met(),
            }),
            TrafficAction::FlushFirewall { node: Node::Client } => {
                for rule in rules.iter_mut().filter(|rule| rule.until.is_none()) {
                    rule.until = Some(began);
                }
            }
            TrafficAction::AddFirewallRule { .. }
            | TrafficAction::FlushFirewall { .. }
            | TrafficAction::SetNetem { .. }
            | TrafficAction::SetMtu { .. }
            | TrafficAction::FilterIcmp { .. }
            | TrafficAction::BlockVrrp { .. }
            | TrafficAction::FlushConntrack { .. }
            | TrafficAction::AddSynproxy { .. }
            | TrafficAction::AddStatefulFirewall { .. }
            | TrafficAction::ClampMss { .. } => {}
        }
    }
    rules
}

/// What the client's own firewall did with segments that the client sent. They did not reach the interface,
/// so the capture does not have them; the kernel's counter of the rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HeldBack {
    /// The step that added the rule.
    pub step: u32,
    /// What the rule did with each segment.
    pub verdict: FirewallVerdict,
    /// How many segments it had met when the observation ended.
    pub segments: u64,
}

impl HeldBack {
    /// By a rule that was in force at some time between `from` and `to`, and met something.
    pub(super) fn of(record: &CellRecord, from: Instant, to: Instant) -> Option<Self> {
        own_rules(record).into_iter().find_map(|rule| {
            let of_output = rule.chain == Chain::Output && rule.overlaps(from, to);
            let segments = rule.met.filter(|met| of_output && *met > 0)?;
            Some(Self {
                step: rule.step,
                verdict: rule.verdict,
                segments,
            })
        })
    }

    /// May a rule have held something back between `from` and `to`, whether or not its counter is known?
    pub(super) fn possible(record: &CellRecord, from: Instant, to: Instant) -> bool {
        let rules = own_rules(record);
        let mut rules = rules.iter();
        rules.any(|rule| rule.chain == Chain::Output && rule.overlaps(from, to))
    }

    /// Did the rule end the client's connection: did it answer with an RST
    /// (net/ipv4/netfilter/nf_reject_ipv4.c, `nf_send_reset`)?
    pub(super) fn resets(self) -> bool {
        match self.verdict {
            FirewallVerdict::TcpReset => true,
            FirewallVerdict::Drop | FirewallVerdict::Reject => false,
        }
    }

    /// Did the rule answer the client at all: with an RST, or with an ICMP error (`nf_send_unreach`)?
    pub(super) fn answers(self) -> bool {
        match self.verdict {
            FirewallVerdict::TcpReset | FirewallVerdict::Reject => true,
            FirewallVerdict::Drop => false,
        }
    }
}

/// What the client's kernel did not accept of a connection, by the packet's number.
#[derive(Debug, Default)]
pub(super) struct Acceptance {
    discarded: BTreeMap<u32, Reason>,
    /// What does not fit together.
    pub(super) doubts: Vec<Doubt>,
}

/// The client's own firewall, and what it kept out of all its connections.
#[derive(Debug)]
pub(super) struct Firewall {
    rules: Vec<OwnRule>,
    /// The step of the rule, by the packet's number.
    kept_out: BTreeMap<u32, u32>,
    doubts: Vec<Doubt>,
}

impl Firewall {
    pub(super) fn of(record: &CellRecord, side: &ClientSide<'_>) -> Self {
        let rules = own_rules(record);
        let mut doubts = Vec::new();
        let mut kept_out = kept_out(record, side, &rules, &mut doubts);
        kept_out.extend(kept_out_by_state(record, side, &mut doubts));
        Self {
            rules,
            kept_out,
            doubts,
        }
    }
}

impl Acceptance {
    /// Follows the client's TCP through the segments of `connection`.
    pub(super) fn of(firewall: &Firewall, side: &ClientSide<'_>, connection: &Connection) -> Self {
        let mut acceptance = Self {
            doubts: firewall.doubts.clone(),
            ..Self::default()
        };
        let mut segments: Vec<(bool, &Packet, &Segment)> = side
            .sent(connection)
            .map(|(packet, segment)| (true, packet, segment))
            .chain(
                side.received(connection)
                    .map(|(packet, segment)| (false, packet, segment)),
            )
            .collect();
        segments.sort_by_key(|(_, packet, _)| packet.number);
        let mut tcp = Tcp::Opening {
            acknowledged: connection.sequence.wrapping_add(1),
        };
        for (index, (by_client, packet, segment)) in segments.iter().enumerate() {
            if *by_client {
                tcp.sends(packet, segment, &firewall.rules);
                continue;
            }
            let later = segments
                .get(index..)
                .unwrap_or_default()
                .iter()
                .find(|(by_client, later, _)| *by_client && later.at >= packet.at.plus(ACKNOWLEDGED_WITHIN))
                .map(|(_, _, segment)| *segment);
            let reason = match firewall.kept_out.get(&packet.number) {
                Some(step) => Some(Reason::OwnFirewall { step: *step }),
                None => tcp.takes(packet.number, segment, later),
            };
            if let Some(reason) = reason {
                acceptance.discarded.insert(packet.number, reason);
            }
        }
        if let Tcp::Open(open) = tcp {
            // The end of a stream of which bytes are missing has not come for the client.
            for ahead in open.ahead.iter().filter(|ahead| ahead.fin) {
                acceptance.discarded.insert(ahead.packet, Reason::Unexpected);
            }
        }
        acceptance
    }

    /// Why the client's kernel did not accept this packet; `None` if it did.
    pub(super) fn discarded(&self, packet: u32) -> Option<Reason> {
        self.discarded.get(&packet).copied()
    }

    /// What was discarded of these segments.
    pub(super) fn discarded_of(&self, paths: &Journeys, received: &[(&Packet, &Segment)]) -> Vec<Discarded> {
        let discarded = received.iter().filter_map(|(packet, segment)| {
            let why = self.discarded(packet.number)?;
            let kind = if segment.flags.rst {
                DiscardedKind::Rst
            } else if segment.flags.syn {
                DiscardedKind::SynAck
            } else if segment.payload_length > 0 {
                DiscardedKind::Payload {
                    length: segment.payload_length,
                }
            } else if segment.flags.fin {
                DiscardedKind::Fin
            } else {
                DiscardedKind::Acknowledgement
            };
            Some(Discarded {
                packet: packet.number,
                at: packet.at,
                kind,
                by: paths.origin(packet.number).cloned(),
                why,
            })
        });
        discarded.collect()
    }
}

/// The packets that the client's own firewall kept out, each with the step of the rule. What reached the
/// interface while a step was adding the rule is told by the kernel's counter: of the packets that the rule
/// may have met, it met the last ones.
fn kept_out(
    record: &CellRecord,
    side: &ClientSide<'_>,
    rules: &[OwnRule],
    doubts: &mut Vec<Doubt>,
) -> BTreeMap<u32, u32> {
    let mut kept_out = BTreeMap::new();
    for rule in rules.iter().filter(|rule| rule.chain == Chain::Input) {
        let candidates: Vec<&Packet> = side
            .from_service()
            .filter(|packet| rule.may_hold(packet.at))
            .collect();
        let surely = candidates.iter().filter(|packet| packet.at > rule.surely);
        // Later ones may have come after the counter was read.
        let in_time = surely.clone().filter(|packet| packet.at <= record.ended).count();
        let unclear = candidates.len() - surely.clone().count();
        let met = match rule.met.map(usize::try_from) {
            Some(Ok(met)) if in_time <= met && met <= candidates.len() => met,
            Some(_) => {
                doubts.push(Doubt::FirewallCount {
                    met: rule.met.unwrap_or_default(),
                    step: rule.step,
                    reached: candidates.len(),
                });
                continue;
            }
            // Nobody counted: the rule was taken away again.
            None if unclear == 0 => candidates.len(),
            None => {
                doubts.push(Doubt::FirewallUnclear {
                    segments: unclear,
                    step: rule.step,
                });
                candidates.len()
            }
        };
        let let_in = unclear.saturating_sub(met - in_time);
        let met = candidates.into_iter().skip(let_in);
        kept_out.extend(met.map(|packet| (packet.number, rule.step)));
    }
    kept_out
}

/// The packets that a stateful firewall of the client kept out, each with the step that made it. The kernel's
/// counter must bear out what is worked out here.
fn kept_out_by_state(
    record: &CellRecord,
    side: &ClientSide<'_>,
    doubts: &mut Vec<Doubt>,
) -> BTreeMap<u32, u32> {
    let node = Node::Client;
    let mut met: Vec<Met> = Vec::new();
    for connection in side.connections() {
        let Some(mut conntrack) = Conntrack::of(record, &node) else {
            return BTreeMap::new();
        };
        let passing = |by_client: bool| {
            move |(packet, segment): (&Packet, _)| Passing {
                packet: packet.number,
                at: packet.at,
                by_client,
                segment,
            }
        };
        let sent = side.sent(&connection).map(passing(true));
        let mut all: Vec<Passing<'_>> = sent
            .chain(side.received(&connection).map(passing(false)))
            .collect();
        all.sort_by_key(|passing| passing.packet);
        met.extend(all.into_iter().flat_map(|passing| conntrack.meets(passing)));
    }
    let dropped = || met.iter().filter(|met| met.chain == Chain::Input && met.dropped);
    for step in &record.steps {
        let of_step = dropped().filter(|met| met.step == step.number);
        // Later ones may have come after the counter was read.
        let in_time = of_step.clone().filter(|met| met.at <= record.ended).count();
        let makes = matches!(
            &step.action,
            Action::Traffic(TrafficAction::AddStatefulFirewall {
                node: Node::Client,
                chain: Chain::Input,
                ..
            })
        );
        let counted = step.met().map(usize::try_from).filter(|_| makes);
        let fits = |count: usize| in_time <= count && count <= of_step.clone().count();
        if let Some(counted) = counted
            && !counted.is_ok_and(fits)
        {
            doubts.push(Doubt::FirewallState {
                dropped: step.met().unwrap_or_default(),
                step: step.number,
                expected: in_time,
            });
        }
    }
    dropped().map(|met| (met.packet, met.step)).collect()
}

/// The client's TCP, as far as it decides what is accepted.
enum Tcp {
    /// A SYN is out. Its acknowledgement is awaited.
    Opening { acknowledged: u32 },
    /// A SYN-ACK has opened the connection.
    Open(Open),
    /// The connection has ended for the client, with what it had taken until then.
    Gone(Option<Open>),
}

/// What the client has taken of a connection.
#[derive(Clone, Default)]
struct Open {
    /// The sequence number of the SYN-ACK that opened it.
    opened: u32,
    /// The sequence number that is expected next.
    next: u32,
    /// Has the end of the other side's stream been taken?
    finished: bool,
    /// What came ahead of its turn.
    ahead: Vec<Ahead>,
}

#[derive(Clone)]
struct Ahead {
    packet: u32,
    begin: u32,
    end: u32,
    fin: bool,
}

impl Tcp {
    /// The client sends a segment.
    fn sends(&mut self, packet: &Packet, segment: &Segment, rules: &[OwnRule]) {
        if !segment.flags.rst {
            return;
        }
        // In the name of the client, a rule that resets answers what it keeps out; the connection does not
        // know.
        let by_firewall = rules.iter().any(|rule| {
            let resets = rule.chain == Chain::Input && rule.verdict == FirewallVerdict::TcpReset;
            resets && rule.may_hold(packet.at)
        });
        match self {
            // It answers a segment that does not fit; the SYN stays out.
            Self::Opening { .. } | Self::Gone(_) => {}
            Self::Open(_) if by_firewall => {}
            Self::Open(open) => *self = Self::Gone(Some(std::mem::take(open))),
        }
    }

    /// A segment reaches the client's TCP, which sends `later` after some time; gives why it was not
    /// accepted.
    fn takes(&mut self, packet: u32, segment: &Segment, later: Option<&Segment>) -> Option<Reason> {
        match self {
            Self::Gone(Some(open)) if open.knows(segment) => None,
            Self::Gone(_) => Some(Reason::Ended),
            Self::Opening { acknowledged } => {
                // `tcp_rcv_synsent_state_process`: without the acknowledgement of the SYN nothing is taken,
                // no RST either.
                if !segment.flags.ack || segment.acknowledgement != *acknowledged {
                    return Some(Reason::Unexpected);
                }
                if segment.flags.rst {
                    *self = Self::Gone(None);
                    return None;
                }
                if !segment.flags.syn {
                    return Some(Reason::Unexpected);
                }
                // A SYN that is sent again was not answered.
                if later.is_some_and(|later| later.flags.syn && !later.flags.ack) {
                    return Some(Reason::NotAcknowledged);
                }
                *self = Self::Open(Open {
                    opened: segment.sequence,
                    next: segment.sequence.wrapping_add(1),
                    finished: false,
                    ahead: Vec::new(),
                });
                None
            }
            Self::Open(open) if segment.flags.rst => {
                if open.resets(segment.sequence) {
                    *self = Self::Gone(Some(std::mem::take(open)));
                    return None;
                }
                Some(Reason::Unexpected)
            }
            Self::Open(open) if open.knows(segment) => None,
            // Of another server: a challenge ACK answers it (RFC 5961, 4.2).
            Self::Open(_) if segment.flags.syn => Some(Reason::Unexpected),
            Self::Open(open) => open.takes(packet, segment, later),
        }
    }
}

impl Open {
    /// Does a reset with this number end the connection (`tcp_validate_incoming`, `tcp_reset_check`)?
    fn resets(&self, sequence: u32) -> bool {
        let last_ahead = self.ahead.iter().map(|ahead| ahead.end);
        let last_ahead =
            last_ahead.reduce(|one, other| if flow::at_or_after(other, one) { other } else { one });
        sequence == self.next
            || last_ahead == Some(sequence)
            || (self.finished && sequence == self.next.wrapping_sub(1))
    }

    /// Does the segment bring nothing new: is it a bare acknowledgement, or what was taken before?
    fn knows(&self, segment: &Segment) -> bool {
        if segment.flags.rst {
            return false;
        }
        if segment.flags.syn {
            return segment.sequence == self.opened;
        }
        let (begin, end) = range(segment);
        begin == end || flow::at_or_after(self.next, end)
    }

    /// New bytes, or the end of the stream, of an open connection.
    fn takes(&mut self, packet: u32, segment: &Segment, later: Option<&Segment>) -> Option<Reason> {
        let (begin, end) = range(segment);
        if self.finished || !flow::at_or_after(self.next.wrapping_add(LARGEST_WINDOW), end) {
            return Some(Reason::Unexpected);
        }
        let acknowledges =
            |later: &Segment| !later.flags.ack || flow::at_or_after(later.acknowledgement, end);
        if later.is_some_and(|later| flow::at_or_after(self.next, begin) && !acknowledges(later)) {
            return Some(Reason::NotAcknowledged);
        }
        self.ahead.push(Ahead {
            packet,
            begin,
            end,
            fin: segment.flags.fin,
        });
        // What is in turn now is taken.
        while let Some(turn) = self
            .ahead
            .iter()
            .position(|ahead| flow::at_or_after(self.next, ahead.begin))
        {
            let ahead = self.ahead.swap_remove(turn);
            if flow::at_or_after(ahead.end, self.next) {
                self.next = ahead.end;
            }
            self.finished |= ahead.fin;
        }
        None
    }
}

/// The sequence number at which the segment begins, and the one after its end; a FIN takes one (RFC 9293,
/// 3.4).
fn range(segment: &Segment) -> (u32, u32) {
    let length = segment.payload_length.wrapping_add(u32::from(segment.flags.fin));
    (segment.sequence, segment.sequence.wrapping_add(length))
}
