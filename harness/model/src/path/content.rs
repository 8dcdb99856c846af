//! What stays the same when a packet is passed on, and what is put around it on the way.

use super::{Flow, Rewrite};
use crate::base::TunnelType;
use crate::capture::decode::quoted_sequence;
use crate::capture::{Body, Datagram, Packet, Segment, TcpOption, Transport};
use crate::plan::Mac;
use std::net::IpAddr;

/// A packet without what a host may rewrite when it passes the packet on: addresses, ports, and the IP
/// packets around it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    Tcp(&'a Segment),
    Udp(&'a Datagram),
    /// An ICMP message with the sequence number of the segment that it quotes. A host that translates
    /// addresses translates the quoted ones, too.
    Error {
        kind: u8,
        code: u8,
        length: u32,
        sequence: u32,
    },
    /// An ICMP message that quotes nothing that could be told.
    Message {
        kind: u8,
        code: u8,
        rest: [u8; 4],
        body: &'a [u8],
    },
}

/// A part of a content that can be hashed. Contents with different keys differ.
pub(super) type Key = (u8, u32, u32, u32);

impl<'a> Content<'a> {
    /// `None` for what is never passed on (ARP), and for what could not be told from another packet.
    pub(super) fn of(packet: &'a Packet) -> Option<Self> {
        match innermost(packet)?.3 {
            Transport::Tcp(segment) => Some(Self::Tcp(segment)),
            Transport::Udp(datagram) => Some(Self::Udp(datagram)).filter(|_| datagram.digest.is_some()),
            Transport::Icmp {
                kind,
                code,
                rest,
                length,
                quoted,
                body,
                hop_by_hop: _,
            } => {
                let (kind, code) = (*kind, *code);
                match quoted.and_then(|_| quoted_sequence(body)) {
                    Some(sequence) => Some(Self::Error {
                        kind,
                        code,
                        length: *length,
                        sequence,
                    }),
                    None => Some(Self::Message {
                        kind,
                        code,
                        rest: *rest,
                        body,
                    }),
                }
            }
            Transport::Tunneled { .. } | Transport::Other { .. } => None,
        }
    }

    pub(super) fn key(&self) -> Key {
        match self {
            Self::Tcp(segment) => (
                6,
                segment.sequence,
                segment.acknowledgement,
                segment.payload_length,
            ),
            Self::Udp(datagram) => {
                let digest = datagram.digest.unwrap_or_default();
                let [a, b, c, d, e, f, g, h] = digest.to_be_bytes();
                (
                    17,
                    datagram.said.payload_length,
                    u32::from_be_bytes([a, b, c, d]),
                    u32::from_be_bytes([e, f, g, h]),
                )
            }
            Self::Error {
                kind,
                code,
                sequence,
                length,
                ..
            } => (1, u32::from(*kind) << 8 | u32::from(*code), *sequence, *length),
            Self::Message {
                kind,
                code,
                rest,
                body,
            } => (
                2,
                u32::from(*kind) << 8 | u32::from(*code),
                u32::from_be_bytes(*rest),
                u32::try_from(body.len()).unwrap_or(u32::MAX),
            ),
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(one), Self::Tcp(other)) => same_but_ports(one, other),
            (Self::Udp(one), Self::Udp(other)) => {
                one.digest == other.digest && one.said.payload_length == other.said.payload_length
            }
            (Self::Error { .. }, Self::Error { .. }) => self.key() == other.key(),
            (Self::Message { body: ours, .. }, Self::Message { body: theirs, .. }) => {
                self.key() == other.key() && ours == theirs
            }
            (Self::Tcp(_) | Self::Udp(_) | Self::Error { .. } | Self::Message { .. }, _) => false,
        }
    }
}

/// A part of what was captured may be missing at either end.
fn same_payload(one: &Segment, other: &Segment) -> bool {
    let captured = one.payload.len().min(other.payload.len());
    one.payload_length == other.payload_length && one.payload.get(..captured) == other.payload.get(..captured)
}

fn same_but_ports(one: &Segment, other: &Segment) -> bool {
    one.sequence == other.sequence
        && one.acknowledgement == other.acknowledgement
        && one.flags == other.flags
        && one.window == other.window
        && one.urgent == other.urgent
        && same_options(one, other)
        && same_payload(one, other)
}

/// A host may lower the MSS of a SYN that it passes on.
fn same_options(one: &Segment, other: &Segment) -> bool {
    if !one.flags.syn {
        return one.options == other.options;
    }
    let mss = |option: &TcpOption| matches!(option, TcpOption::Mss(_));
    let same = |(one, other): (&TcpOption, &TcpOption)| one == other || (mss(one) && mss(other));
    one.options.len() == other.options.len() && one.options.iter().zip(&other.options).all(same)
}

/// Are they the same frame, seen on two interfaces?
pub(super) fn same_frame(one: &Packet, other: &Packet) -> bool {
    one.source_mac == other.source_mac
        && one.destination_mac == other.destination_mac
        && one.length == other.length
        && (one.body == other.body
            || match (innermost(one), innermost(other)) {
                // Of a long frame one interface may have captured less than the other.
                (Some((a, b, c, Transport::Tcp(one))), Some((d, e, f, Transport::Tcp(other)))) => {
                    (a, b, c) == (d, e, f)
                        && one.source_port == other.source_port
                        && one.destination_port == other.destination_port
                        && same_but_ports(one, other)
                }
                // Of a tunnel of GUE its end shows another length.
                (Some((a, b, c, Transport::Udp(one))), Some((d, e, f, Transport::Udp(other)))) => {
                    c > 0 && (a, b, c) == (d, e, f) && one == other
                }
                (_, _) => false,
            })
}

/// Source, destination and length of a frame, and the key of its content.
pub(super) type FrameKey = (Mac, Mac, u32, Key);

/// What two packets that show the same frame have in common, as far as it can be hashed.
pub(super) fn frame_key(packet: &Packet) -> FrameKey {
    let key = Content::of(packet).map_or((0, 0, 0, 0), |content| content.key());
    (packet.source_mac, packet.destination_mac, packet.length, key)
}

/// Source, destination, how many IP packets are around it, and what it carries.
fn innermost(packet: &Packet) -> Option<(IpAddr, IpAddr, usize, &Transport)> {
    let Body::Ip {
        source,
        destination,
        transport,
    } = &packet.body
    else {
        return None;
    };
    let (mut source, mut destination, mut depth, mut transport) = (*source, *destination, 0, transport);
    while let Transport::Tunneled {
        by: _,
        source: inner_source,
        destination: inner_destination,
        transport: inner,
    } = transport
    {
        (source, destination, depth, transport) = (*inner_source, *inner_destination, depth + 1, inner);
    }
    Some((source, destination, depth, transport))
}

/// The flow of a packet; of one within others, the inner one's.
#[must_use]
pub fn flow(packet: &Packet) -> Option<Flow> {
    let (source, destination, _, transport) = innermost(packet)?;
    let (from, to) = match transport {
        Transport::Tcp(segment) => (segment.source_port, segment.destination_port),
        Transport::Udp(Datagram { said, .. }) => (said.source_port, said.destination_port),
        Transport::Icmp { .. } | Transport::Tunneled { .. } | Transport::Other { .. } => (0, 0),
    };
    Some(Flow {
        source: (source, from),
        destination: (destination, to),
    })
}

/// How the outermost packet is put around the others: the type of tunnel.
fn outermost(packet: &Packet) -> TunnelType {
    match &packet.body {
        Body::Ip {
            transport: Transport::Tunneled { by, .. },
            ..
        } => by.kind(),
        Body::Sentinel { .. }
        | Body::Arp { .. }
        | Body::Ip { .. }
        | Body::Other { .. }
        | Body::Malformed { .. } => TunnelType::Ipip,
    }
}

/// What was done to a packet of which one hop shows `before` and the next one `after`.
pub(super) fn rewrite(before: &Packet, after: &Packet) -> Rewrite {
    let depth = |packet: &Packet| innermost(packet).map_or(0, |(_, _, depth, _)| depth);
    match depth(after).cmp(&depth(before)) {
        std::cmp::Ordering::Greater => Rewrite::Encapsulated(outermost(after)),
        std::cmp::Ordering::Less => Rewrite::Decapsulated(outermost(before)),
        std::cmp::Ordering::Equal => match (flow(before), flow(after)) {
            (Some(from), Some(to)) if from != to => Rewrite::Nat { from, to },
            (_, _) => Rewrite::Link,
        },
    }
}
