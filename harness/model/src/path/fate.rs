//! How journeys ended.

use super::content::flow;
use super::lab::{End, HostIndex, Lab};
use super::{Flow, Journey, near};
use crate::capture::decode::quoted_sequence;
use crate::capture::flow::{segment, too_big, unreachable};
use crate::capture::{Body, Packet, Segment, Transport};
use crate::duration::Instant;
use std::collections::HashMap;
use std::time::Duration;

/// How a packet's journey ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It was seen at a host at which packets for its address end.
    Delivered {
        /// Which one.
        to: HostIndex,
    },
    /// A host received it, did not pass it on, and answered it itself with a refusal.
    Answered {
        /// Which host.
        by: HostIndex,
        /// The number of the first packet that shows the refusal.
        with: u32,
    },
    /// A host received it, is not its end, and neither passed it on nor answered it.
    Dropped {
        /// Which host.
        at: HostIndex,
    },
    /// It left a host and was not seen at the next one, of which every frame was captured.
    Lost {
        /// Which host it was last addressed to.
        before: HostIndex,
    },
    /// It is for a group of hosts: it has no single end.
    ForAll,
    /// The capture does not show how it went on.
    Unknown,
}

/// What a refusal answers. An RST takes its numbers from the segment that it answers (RFC 9293, 3.5.2;
/// `tcp_v4_send_reset` in net/ipv4/tcp_ipv4.c, `nf_reject_ip_tcphdr_put` in
/// net/ipv4/netfilter/nf_reject_ipv4.c), an ICMP error quotes the segment's number.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Answered {
    /// With ACK: the RST has its acknowledgement number as sequence number.
    Acknowledging(HostIndex, Flow, u32),
    /// Without ACK: the RST acknowledges its last byte.
    EndingAt(HostIndex, Flow, u32),
    /// An ICMP error quotes its sequence number.
    Quoted(HostIndex, Flow, u32),
}

struct Answer {
    packet: u32,
    at: Instant,
    icmp: bool,
    claimed: bool,
}

/// Gives each journey its fate. Each refusal answers one packet.
pub(super) fn fates(lab: &Lab, journeys: &mut [Journey]) {
    let mut answers: Vec<Answer> = Vec::new();
    let mut by_what: HashMap<Answered, Vec<usize>> = HashMap::new();
    for journey in journeys.iter() {
        let (Some(by), Some(packet)) = (journey.origin, journey.packet()) else {
            continue;
        };
        let keys = refuses(by, packet);
        if !keys.is_empty() {
            let index = answers.len();
            answers.push(Answer {
                packet: packet.number,
                at: packet.at,
                icmp: segment(packet).is_none(),
                claimed: false,
            });
            for key in keys {
                by_what.entry(key).or_default().push(index);
            }
        }
    }
    for journey in journeys {
        let Some(last) = journey.hops.last() else {
            continue;
        };
        journey.fate = match (last.to, &last.received) {
            (None, _)
                if last
                    .packet()
                    .is_some_and(|packet| crate::capture::is_group(packet.destination_mac)) =>
            {
                Fate::ForAll
            }
            (None, _) => Fate::Unknown,
            (Some(before), None) if lab.is_card_whole(before) => Fate::Lost { before: before.host },
            (Some(_), None) => Fate::Unknown,
            (Some(End { host: to, .. }), Some(packet)) if ends(lab, to, packet) => Fate::Delivered { to },
            (Some(End { host: at, .. }), Some(packet)) => {
                let found = asked(at, packet).and_then(|keys| {
                    keys.iter()
                        .find_map(|key| first_answer(&answers, by_what.get(key)?, packet))
                });
                match found.and_then(|index| answers.get_mut(index)) {
                    Some(answer) => {
                        answer.claimed = true;
                        Fate::Answered {
                            by: at,
                            with: answer.packet,
                        }
                    }
                    None if lab.is_whole(at) => Fate::Dropped { at },
                    None => Fate::Unknown,
                }
            }
        };
    }
}

/// How long after a packet an ICMP error about it may come. A host that asks for a neighbour gives up after
/// three requests, a second apart by default (`neigh_timer_handler` in net/core/neighbour.c; `mcast_solicit`,
/// `retrans_time_ms`), and then refuses what waited (`arp_error_report` in net/ipv4/arp.c).
const ASKED_FOR: Duration = Duration::from_secs(4);

/// The first answer to a packet that answers no other. TCP answers at once; an ICMP error may come later.
fn first_answer(answers: &[Answer], of: &[usize], packet: &Packet) -> Option<usize> {
    let fits = |answer: &Answer| {
        let late = answer.icmp && packet.at <= answer.at && answer.at.since(packet.at) <= ASKED_FOR;
        !answer.claimed && (late || near(packet.at, answer.at))
    };
    let mut of = of.iter().copied();
    of.find(|index| answers.get(*index).is_some_and(fits))
}

fn ends(lab: &Lab, host: HostIndex, packet: &Packet) -> bool {
    match &packet.body {
        Body::Ip { destination, .. } => lab.is_end(host, *destination),
        Body::Sentinel { .. } | Body::Arp { .. } | Body::Other { .. } | Body::Malformed { .. } => true,
    }
}

/// What a packet refuses, if it is a refusal.
pub(super) fn refuses(by: HostIndex, packet: &Packet) -> Vec<Answered> {
    if let (Some((_, _, segment)), Some(flow)) = (segment(packet), flow(packet)) {
        let mut keys = Vec::new();
        if segment.flags.rst {
            keys.push(Answered::Acknowledging(by, flow.reversed(), segment.sequence));
            if segment.flags.ack {
                keys.push(Answered::EndingAt(by, flow.reversed(), segment.acknowledgement));
            }
        }
        return keys;
    }
    // A redirect quotes the packet, too, but refuses nothing.
    let refused = unreachable(packet).map(|(_, quoted)| quoted);
    let Some((source, from, destination, to)) = refused.or_else(|| too_big(packet).map(|said| said.quoted))
    else {
        return Vec::new();
    };
    let quoted = Flow {
        source: (source, from),
        destination: (destination, to),
    };
    let sequence = match &packet.body {
        Body::Ip {
            transport: Transport::Icmp { body, .. },
            ..
        } => quoted_sequence(body),
        Body::Sentinel { .. }
        | Body::Arp { .. }
        | Body::Ip { .. }
        | Body::Other { .. }
        | Body::Malformed { .. } => None,
    };
    sequence
        .map(|sequence| Answered::Quoted(by, quoted, sequence))
        .into_iter()
        .collect()
}

/// What a refusal of a packet by a host would look like.
pub(super) fn asked(by: HostIndex, packet: &Packet) -> Option<[Answered; 2]> {
    let (flow, (_, _, segment)) = (flow(packet)?, segment(packet)?);
    let reset = if segment.flags.ack {
        Answered::Acknowledging(by, flow, segment.acknowledgement)
    } else {
        Answered::EndingAt(by, flow, end(segment))
    };
    Some([reset, Answered::Quoted(by, flow, segment.sequence)])
}

/// The sequence number after a segment.
fn end(segment: &Segment) -> u32 {
    segment
        .sequence
        .wrapping_add(segment.payload_length)
        .wrapping_add(segment.flags.syn.into())
        .wrapping_add(segment.flags.fin.into())
}
