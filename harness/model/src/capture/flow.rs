//! Connections of the client in the packets of its own interface: who opened which, what was sent again, what came back.

use super::{Body, Packet, Segment, Transport};
use crate::action::Node;
use crate::duration::Instant;
use crate::plan::{Host, LabPlan, Mac};
use crate::record::CellRecord;
use std::net::IpAddr;

/// A TCP segment with the addresses of its IP packet; that within a tunnel is the inner one.
#[must_use]
pub fn segment(packet: &Packet) -> Option<(IpAddr, IpAddr, &Segment)> {
    let Body::Ip {
        source,
        destination,
        transport,
    } = &packet.body
    else {
        return None;
    };
    let (mut source, mut destination, mut transport) = (*source, *destination, transport);
    loop {
        match transport {
            Transport::Tcp(segment) => return Some((source, destination, segment)),
            Transport::IpInIp {
                source: inner_source,
                destination: inner_destination,
                transport: inner,
            } => (source, destination, transport) = (*inner_source, *inner_destination, inner),
            Transport::Icmp { .. } | Transport::Other { .. } => return None,
        }
    }
}

/// The code of an ICMP or ICMPv6 "destination unreachable", with the TCP flow that it quotes.
#[must_use]
pub fn unreachable(packet: &Packet) -> Option<(u8, (IpAddr, u16, IpAddr, u16))> {
    match &packet.body {
        Body::Ip {
            source,
            transport:
                Transport::Icmp {
                    kind,
                    code,
                    quoted: Some(flow),
                    ..
                },
            ..
        } => {
            // RFC 792: type 3; RFC 4443: type 1.
            let unreachable = if source.is_ipv4() { 3 } else { 1 };
            (*kind == unreachable).then_some((*code, *flow))
        }
        Body::Sentinel { .. } | Body::Arp { .. } | Body::Ip { .. } | Body::Other { .. } | Body::Malformed { .. } => {
            None
        }
    }
}

/// Is sequence number `a` at or after `b`? (RFC 9293, 3.4: modulo 2 to the 32.)
#[must_use]
pub fn at_or_after(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) < 1 << 31
}

/// A connection that the client tried to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The client's port.
    pub client_port: u16,
    /// The sequence number of its SYN.
    pub sequence: u32,
    /// The packet of its first SYN on the client's interface.
    pub syn: u32,
    /// When that was sent.
    pub began: Instant,
    /// The packet of the SYN by which the client used the port again, if it did.
    pub reused: Option<u32>,
}

impl Connection {
    fn spans(&self, packet: &Packet) -> bool {
        self.syn <= packet.number && self.reused.is_none_or(|next| packet.number < next)
    }
}

/// What passed the client's interface.
#[derive(Debug, Clone)]
pub struct ClientSide<'a> {
    plan: &'a LabPlan,
    client: &'a Host,
    packets: Vec<&'a Packet>,
}

impl<'a> ClientSide<'a> {
    /// The client's side of `packets`; `None` if the client's interface was not captured.
    #[must_use]
    pub fn of(record: &'a CellRecord, packets: &'a [Packet]) -> Option<Self> {
        let points = &record.capture.as_ref()?.points;
        let point = points.iter().position(|point| point.node == Node::Client)?;
        Some(Self {
            plan: &record.plan,
            client: record.plan.host(&Node::Client)?,
            packets: packets.iter().filter(|packet| packet.point == point).collect(),
        })
    }

    /// Every packet of the client's interface.
    pub fn packets(&self) -> impl Iterator<Item = &'a Packet> {
        self.packets.iter().copied()
    }

    /// The connections that the client tried to open to the virtual service, in order. A SYN with the same port and sequence
    /// number as before is the same one sent again.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        let mut connections: Vec<Connection> = Vec::new();
        for (packet, segment) in self.by_client() {
            if !segment.flags.syn || segment.flags.ack {
                continue;
            }
            let earlier = connections
                .iter_mut()
                .rev()
                .find(|connection| connection.client_port == segment.source_port);
            if let Some(earlier) = earlier {
                if earlier.sequence == segment.sequence {
                    continue;
                }
                earlier.reused = Some(packet.number);
            }
            connections.push(Connection {
                client_port: segment.source_port,
                sequence: segment.sequence,
                syn: packet.number,
                began: packet.at,
                reused: None,
            });
        }
        connections
    }

    /// What the client sent on `connection`.
    pub fn sent(&self, connection: &Connection) -> impl Iterator<Item = (&'a Packet, &'a Segment)> {
        self.by_client()
            .filter(move |(packet, segment)| segment.source_port == connection.client_port && connection.spans(packet))
    }

    /// What reached the client on `connection`.
    pub fn received(&self, connection: &Connection) -> impl Iterator<Item = (&'a Packet, &'a Segment)> {
        self.to_client().filter_map(move |packet| {
            let (source, destination, segment) = segment(packet)?;
            let ours = source == self.plan.vip
                && segment.source_port == self.plan.port
                && destination == self.client.address
                && segment.destination_port == connection.client_port;
            (ours && connection.spans(packet)).then_some((packet, segment))
        })
    }

    /// "Destination unreachable" that reached the client for `connection`, with its code.
    pub fn unreachable(&self, connection: &Connection) -> impl Iterator<Item = (&'a Packet, u8)> {
        let flow = (
            self.client.address,
            connection.client_port,
            self.plan.vip,
            self.plan.port,
        );
        self.to_client().filter_map(move |packet| {
            let (code, quoted) = unreachable(packet)?;
            (quoted == flow && connection.spans(packet)).then_some((packet, code))
        })
    }

    /// TCP segments from the service's port, whoever sent them, that reached the client: what a rule in the input chain of its
    /// firewall looks at ([`LabPlan::matched`]).
    pub fn from_service(&self) -> impl Iterator<Item = &'a Packet> {
        self.to_client()
            .filter(|packet| segment(packet).is_some_and(|(_, _, segment)| segment.source_port == self.plan.port))
    }

    /// The client's ARP requests for the virtual service's address.
    pub fn arp_requests(&self) -> impl Iterator<Item = &'a Packet> {
        self.packets().filter(|packet| {
            packet.source_mac == self.client.mac
                && matches!(packet.body, Body::Arp { request: true, target, .. } if target == self.plan.vip)
        })
    }

    /// ARP replies for the virtual service's address that reached the client.
    pub fn arp_replies(&self) -> impl Iterator<Item = &'a Packet> {
        self.to_client()
            .filter(|packet| matches!(packet.body, Body::Arp { request: false, sender, .. } if sender == self.plan.vip))
    }

    fn by_client(&self) -> impl Iterator<Item = (&'a Packet, &'a Segment)> {
        self.packets().filter_map(|packet| {
            let (source, destination, segment) = segment(packet)?;
            let ours = packet.source_mac == self.client.mac
                && source == self.client.address
                && destination == self.plan.vip
                && segment.destination_port == self.plan.port;
            ours.then_some((packet, segment))
        })
    }

    fn to_client(&self) -> impl Iterator<Item = &'a Packet> {
        self.packets()
            .filter(|packet| packet.destination_mac == self.client.mac && packet.source_mac != self.client.mac)
    }
}

/// The real servers that `connection`'s packets reached or that answered it, each with the packet that shows it: by the
/// sender of a SYN-ACK or of payload on the client's interface, and by the client's segments seen on a real server's own
/// interface and addressed to its MAC. An RST shows nothing: the director sends them too, with the VIP as source.
#[must_use]
pub fn served_by<'a>(
    record: &'a CellRecord,
    packets: &'a [Packet],
    side: &ClientSide<'a>,
    connection: &Connection,
) -> Vec<(&'a Node, u32)> {
    let real_server = |mac: Mac| {
        let node = &record.plan.host_by_mac(mac)?.node;
        matches!(node, Node::RealServer(_)).then_some(node)
    };
    let mut servers: Vec<(&Node, u32)> = side
        .received(connection)
        .filter(|(_, segment)| !segment.flags.rst && (segment.flags.syn || segment.payload_length > 0))
        .filter_map(|(packet, _)| Some((real_server(packet.source_mac)?, packet.number)))
        .collect();
    let points = record.capture.iter().flat_map(|capture| capture.points.iter());
    let points: Vec<&Node> = points.map(|point| &point.node).collect();
    servers.extend(packets.iter().filter_map(|packet| {
        let (_, _, segment) = segment(packet)?;
        let node = *points.get(packet.point)?;
        let theirs = record.plan.host_by_mac(packet.destination_mac)?;
        let ours = segment.source_port == connection.client_port
            && segment.destination_port == record.plan.port
            && connection.spans(packet);
        (ours && &theirs.node == node)
            .then(|| real_server(packet.destination_mac))
            .flatten()
            .map(|node| (node, packet.number))
    }));
    // A server once, with the first packet that shows it.
    let mut seen: Vec<(&Node, u32)> = Vec::new();
    for (node, packet) in servers {
        match seen.iter_mut().find(|(known, _)| *known == node) {
            Some((_, first)) => *first = packet.min(*first),
            None => seen.push((node, packet)),
        }
    }
    seen
}

/// A segment that was sent more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    /// The payload in bytes that every sending had, which is the shortest's: TCP may cut what it sends again otherwise. 0 for a
    /// SYN.
    pub payload_length: u32,
    /// The first sending, then each repetition: number and time.
    pub packets: Vec<(u32, Instant)>,
}

/// Segments among `sent` that were sent more than once, in the order of their first sending. A segment that begins within the
/// sequence range of an earlier one repeats it, even if TCP cut it differently. Only payload and SYN count: a keep-alive
/// probe is no repetition.
pub fn repeated<'a>(sent: impl Iterator<Item = (&'a Packet, &'a Segment)>) -> Vec<Repeated> {
    let mut groups: Vec<(u32, u32, Repeated)> = Vec::new();
    for (packet, segment) in sent {
        // A SYN takes one sequence number (RFC 9293, 3.4).
        let length = segment.payload_length + u32::from(segment.flags.syn);
        if length == 0 {
            continue;
        }
        let sending = (packet.number, packet.at);
        let known = groups
            .iter_mut()
            .find(|(first, length, _)| segment.sequence.wrapping_sub(*first) < *length);
        match known {
            Some((_, _, group)) => {
                group.payload_length = group.payload_length.min(segment.payload_length);
                group.packets.push(sending);
            }
            None => groups.push((
                segment.sequence,
                length,
                Repeated {
                    payload_length: segment.payload_length,
                    packets: vec![sending],
                },
            )),
        }
    }
    groups
        .into_iter()
        .map(|(_, _, group)| group)
        .filter(|group| group.packets.len() > 1)
        .collect()
}
