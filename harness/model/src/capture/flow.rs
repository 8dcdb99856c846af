//! Connections of the client in the packets of its own interface: who opened which, what was sent again, what
//! came back.

use super::decode::quoted_sequence;
use super::{Body, Packet, Segment, Transport, Way};
use crate::duration::Instant;
use crate::ipvs::Protocol;
use crate::plan::{Host, LabPlan};
use crate::record::CellRecord;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A TCP segment, or what a UDP datagram says, with the addresses of its IP packet; that within a tunnel
/// is the inner one.
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
            Transport::Udp(datagram) => return Some((source, destination, &datagram.said)),
            Transport::Tunneled {
                by: _,
                source: inner_source,
                destination: inner_destination,
                transport: inner,
            } => (source, destination, transport) = (*inner_source, *inner_destination, inner),
            Transport::Icmp { .. } | Transport::Other { .. } => return None,
        }
    }
}

/// The code of an ICMP "destination unreachable", with the TCP or UDP flow that it quotes. Codes of ICMPv6
/// are given as those of ICMP that say the same.
#[must_use]
pub fn unreachable(packet: &Packet) -> Option<(u8, Quoted)> {
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
            match (source, *kind) {
                (IpAddr::V4(_), 3) => Some((*code, *flow)),
                (IpAddr::V6(_), 1) => Some((of_ipv6(*code), *flow)),
                (IpAddr::V4(_) | IpAddr::V6(_), _) => None,
            }
        }
        Body::Sentinel { .. }
        | Body::Arp { .. }
        | Body::Ip { .. }
        | Body::Other { .. }
        | Body::Malformed { .. } => None,
    }
}

/// The flow of a packet that an ICMP error quotes: source with port, destination with port.
pub type Quoted = (IpAddr, u16, IpAddr, u16);

/// What an ICMP error says of a packet that is too big for the way ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooBig {
    /// The MTU that it names.
    pub mtu: u32,
    /// The flow of the packet that it quotes: source with port, destination with port.
    pub quoted: Quoted,
    /// That packet's sequence number, if it is quoted.
    pub sequence: Option<u32>,
}

/// "Fragmentation needed" (RFC 1191: type 3, code 4), or ICMPv6's "packet too big" (RFC 4443: type 2).
#[must_use]
pub fn too_big(packet: &Packet) -> Option<TooBig> {
    let Body::Ip {
        source,
        transport:
            Transport::Icmp {
                kind,
                code,
                rest,
                quoted: Some(quoted),
                body,
                ..
            },
        ..
    } = &packet.body
    else {
        return None;
    };
    let [_, _, high, low] = *rest;
    let mtu = match (source, *kind, *code) {
        (IpAddr::V4(_), 3, TOO_BIG) => u16::from_be_bytes([high, low]).into(),
        (IpAddr::V6(_), 2, _) => u32::from_be_bytes(*rest),
        (IpAddr::V4(_) | IpAddr::V6(_), _, _) => return None,
    };
    Some(TooBig {
        mtu,
        quoted: *quoted,
        sequence: quoted_sequence(body),
    })
}

/// The code of ICMP's "fragmentation needed" (RFC 1191). It ends nothing: TCP sends smaller segments
/// (net/ipv4/tcp_ipv4.c, `tcp_v4_err`). ICMPv6 has a type of its own for it.
pub const TOO_BIG: u8 = 4;

/// The code of ICMP (RFC 792, RFC 1812) that says what this one of ICMPv6 does (RFC 4443, 3.1).
#[must_use]
pub fn of_ipv6(code: u8) -> u8 {
    const NETWORK: u8 = 0;
    const HOST: u8 = 1;
    const PORT: u8 = 3;
    const PROHIBITED: u8 = 13;
    match code {
        0 => NETWORK,
        2 | 3 => HOST,
        4 => PORT,
        _ => PROHIBITED,
    }
}

/// Is sequence number `a` at or after `b`? (RFC 9293, 3.4: modulo 2 to the 32.)
#[must_use]
pub fn at_or_after(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) < 1 << 31
}

/// A connection that the client tried to open. Over UDP: the flow of one of its ports, which begins with its
/// first datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The client's port.
    pub client_port: u16,
    /// The sequence number of its SYN; of a UDP flow 0.
    pub sequence: u32,
    /// The packet of its first SYN, or of its first datagram, on the client's interface.
    pub syn: u32,
    /// When that was sent.
    pub began: Instant,
    /// The packet of the SYN by which the client used the port again, if it did.
    pub reused: Option<u32>,
}

impl Connection {
    /// May a packet belong to it, by its number?
    pub(crate) fn spans(&self, packet: &Packet) -> bool {
        self.syn <= packet.number && self.reused.is_none_or(|next| packet.number < next)
    }
}

/// What passed the client's interface.
#[derive(Debug, Clone)]
pub struct ClientSide<'a> {
    plan: &'a LabPlan,
    client: &'a Host,
    addresses: BTreeSet<IpAddr>,
    packets: Vec<&'a Packet>,
    /// Segments of each of the client's ports to the virtual service and back, in order.
    by_port: BTreeMap<u16, Vec<Passed<'a>>>,
}

/// A segment between the client and the virtual service.
#[derive(Debug, Clone, Copy)]
struct Passed<'a> {
    /// Did the client send it?
    by_client: bool,
    packet: &'a Packet,
    segment: &'a Segment,
}

impl<'a> ClientSide<'a> {
    /// The client's side of `packets`; `None` if the client's interface was not captured.
    #[must_use]
    pub fn of(record: &'a CellRecord, packets: &'a [Packet]) -> Option<Self> {
        let client = record.plan.client_host()?;
        let points = &record.capture.as_ref()?.points;
        let point = points
            .iter()
            .position(|point| point.node == client.node && point.interface == client.nic().name)?;
        let mut side = Self {
            plan: &record.plan,
            client,
            addresses: record.plan.client_addresses().collect(),
            packets: packets.iter().filter(|packet| packet.point == point).collect(),
            by_port: BTreeMap::new(),
        };
        let mut by_port: BTreeMap<u16, Vec<Passed<'a>>> = BTreeMap::new();
        for packet in &side.packets {
            if let Some((port, passed)) = side.passed(packet) {
                by_port.entry(port).or_default().push(passed);
            }
        }
        side.by_port = by_port;
        Some(side)
    }

    /// A segment of the client's to the virtual service, or back, with the client's port.
    fn passed(&self, packet: &'a Packet) -> Option<(u16, Passed<'a>)> {
        let (source, destination, segment) = segment(packet)?;
        let mine = |address: IpAddr| self.addresses.contains(&address);
        let service = (self.plan.vip(), self.plan.port());
        let passed = |by_client| Passed {
            by_client,
            packet,
            segment,
        };
        match self.way(packet) {
            Way::Out => {
                let ours = mine(source) && (destination, segment.destination_port) == service;
                ours.then(|| (segment.source_port, passed(true)))
            }
            Way::In => {
                let ours = mine(destination) && (source, segment.source_port) == service;
                ours.then(|| (segment.destination_port, passed(false)))
            }
            Way::Group | Way::Past => None,
        }
    }

    /// Which way a packet passed the client's interface.
    fn way(&self, packet: &Packet) -> Way {
        Way::of(packet, |mac| mac == self.client.mac())
    }

    /// The segments of a connection, either way.
    fn of_connection(&self, connection: &Connection) -> &[Passed<'a>] {
        let all = self
            .by_port
            .get(&connection.client_port)
            .map_or(&[][..], Vec::as_slice);
        let before = |number: u32| all.partition_point(|passed| passed.packet.number < number);
        let (from, to) = (
            before(connection.syn),
            connection.reused.map_or(all.len(), before),
        );
        all.get(from..to).unwrap_or_default()
    }

    /// Is the service one of UDP?
    #[must_use]
    pub fn is_udp(&self) -> bool {
        self.plan.service().protocol == Protocol::Udp
    }

    /// Every packet of the client's interface.
    pub fn packets(&self) -> impl Iterator<Item = &'a Packet> {
        self.packets.iter().copied()
    }

    /// The connections that the client tried to open to the virtual service, in order. A SYN with the same
    /// port and sequence number as before is the same one sent again.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        let mut connections: Vec<Connection> = Vec::new();
        // The last one of each port.
        let mut last: BTreeMap<u16, usize> = BTreeMap::new();
        let udp = self.is_udp();
        for (packet, segment) in self.by_client() {
            if udp {
                if let Entry::Vacant(first) = last.entry(segment.source_port) {
                    first.insert(connections.len());
                    connections.push(Connection {
                        client_port: segment.source_port,
                        sequence: 0,
                        syn: packet.number,
                        began: packet.at,
                        reused: None,
                    });
                }
                continue;
            }
            if !segment.flags.syn || segment.flags.ack {
                continue;
            }
            let earlier = last.insert(segment.source_port, connections.len());
            if let Some((index, earlier)) =
                earlier.and_then(|index| Some((index, connections.get_mut(index)?)))
            {
                if earlier.sequence == segment.sequence {
                    last.insert(segment.source_port, index);
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
        let all = self.of_connection(connection).iter();
        all.filter(|passed| passed.by_client)
            .map(|passed| (passed.packet, passed.segment))
    }

    /// What reached the client on `connection`.
    pub fn received(&self, connection: &Connection) -> impl Iterator<Item = (&'a Packet, &'a Segment)> {
        let all = self.of_connection(connection).iter();
        all.filter(|passed| !passed.by_client)
            .map(|passed| (passed.packet, passed.segment))
    }

    /// "Destination unreachable" that reached the client for `connection`, with its code.
    pub fn unreachable(&self, connection: &Connection) -> impl Iterator<Item = (&'a Packet, u8)> {
        self.quoting(connection, |packet| {
            let (code, quoted) = unreachable(packet)?;
            Some((quoted, code))
        })
    }

    /// What reached the client of packets of `connection` that were too big.
    pub fn too_big(&self, connection: &Connection) -> impl Iterator<Item = (&'a Packet, TooBig)> {
        self.quoting(connection, |packet| {
            let said = too_big(packet)?;
            Some((said.quoted, said))
        })
    }

    /// The ICMP errors that reached the client and quote a packet of `connection`. `read` gives the flow that
    /// one quotes, and what it says.
    fn quoting<T>(
        &self,
        connection: &Connection,
        read: fn(&Packet) -> Option<(Quoted, T)>,
    ) -> impl Iterator<Item = (&'a Packet, T)> {
        let flow = (connection.client_port, self.plan.vip(), self.plan.port());
        self.to_client().filter_map(move |packet| {
            let (quoted, said) = read(packet)?;
            let (from, port, to, of_service) = quoted;
            let ours = self.addresses.contains(&from) && (port, to, of_service) == flow;
            (ours && connection.spans(packet)).then_some((packet, said))
        })
    }

    /// TCP segments from the service's port, whoever sent them, that reached the client: what a rule in the
    /// input chain of its firewall looks at ([`LabPlan::matched`]).
    pub fn from_service(&self) -> impl Iterator<Item = &'a Packet> {
        self.to_client().filter(|packet| {
            segment(packet).is_some_and(|(_, _, segment)| segment.source_port == self.plan.port())
        })
    }

    /// The client's ARP requests for the address that it sends to the virtual service by: its router's, or
    /// the service's own.
    pub fn arp_requests(&self) -> impl Iterator<Item = &'a Packet> {
        self.packets().filter(|packet| {
            let first_hop = self.plan.first_hop();
            self.way(packet) == Way::Out
                && matches!(packet.body, Body::Arp { request: true, target, .. } if target == first_hop)
        })
    }

    /// ARP replies for that address that reached the client.
    pub fn arp_replies(&self) -> impl Iterator<Item = &'a Packet> {
        let asked = self.plan.first_hop();
        self.to_client().filter(
            move |packet| matches!(packet.body, Body::Arp { request: false, sender, .. } if sender == asked),
        )
    }

    fn by_client(&self) -> impl Iterator<Item = (&'a Packet, &'a Segment)> {
        self.packets().filter_map(|packet| {
            let (source, destination, segment) = segment(packet)?;
            let ours = self.way(packet) == Way::Out
                && self.addresses.contains(&source)
                && destination == self.plan.vip()
                && segment.destination_port == self.plan.port();
            ours.then_some((packet, segment))
        })
    }

    fn to_client(&self) -> impl Iterator<Item = &'a Packet> {
        self.packets().filter(|packet| self.way(packet) == Way::In)
    }
}

/// What was sent again since a moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SentAgain {
    /// How many segments carried something that had been sent before.
    pub count: usize,
    /// What was sent again most often, and the first of it where several were sent equally often; `None` if
    /// nothing was.
    pub most: Option<Repeated>,
}

/// Bytes that were sent more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    /// How many bytes of payload every one of the sendings carried. 0 for a SYN.
    pub payload_length: u32,
    /// The first sending, then each repetition: number and time.
    pub packets: Vec<(u32, Instant)>,
}

/// What of `sent` was sent again since a moment, told by the ranges of sequence numbers: a segment repeats
/// what any earlier segment carried, however TCP had cut or put together the two. The first sending may be
/// older than the moment. Only payload and SYN take part: a keepalive probe carries nothing, and so repeats
/// nothing.
pub fn sent_again<'a>(sent: impl Iterator<Item = (&'a Packet, &'a Segment)>, since: Instant) -> SentAgain {
    let mut ranges: Vec<Range> = Vec::new();
    let mut base = None;
    for (packet, segment) in sent {
        // A SYN takes one sequence number (RFC 9293, 3.4).
        let length = segment.payload_length + u32::from(segment.flags.syn);
        if length == 0 {
            continue;
        }
        // Sequence numbers wrap; counted from the first segment they do not, as long as less than 4 GiB is
        // sent.
        let base = *base.get_or_insert(segment.sequence);
        let start = u64::from(segment.sequence.wrapping_sub(base));
        ranges.push(Range {
            sending: (packet.number, packet.at),
            start,
            end: start + u64::from(length),
            syn: segment.flags.syn,
        });
    }
    SentAgain {
        count: repetitions(&ranges, since),
        most: most_repeated(&ranges, since),
    }
}

/// A segment's sequence numbers, counted from the first segment.
#[derive(Debug, Clone, Copy)]
struct Range {
    sending: (u32, Instant),
    start: u64,
    end: u64,
    syn: bool,
}

/// How many segments since a moment carried something that an earlier one had carried.
fn repetitions(ranges: &[Range], since: Instant) -> usize {
    // What was sent so far, as ranges that do not touch: one, unless the capture lacks packets.
    let mut known: Vec<(u64, u64)> = Vec::new();
    let mut count = 0;
    for range in ranges {
        let again = known
            .iter()
            .any(|(start, end)| range.start < *end && *start < range.end);
        count += usize::from(again && range.sending.1 >= since);
        let (touching, mut apart): (Vec<_>, Vec<_>) = known
            .into_iter()
            .partition(|(start, end)| range.start <= *end && *start <= range.end);
        let start = touching
            .iter()
            .map(|(start, _)| *start)
            .fold(range.start, u64::min);
        let end = touching.iter().map(|(_, end)| *end).fold(range.end, u64::max);
        apart.push((start, end));
        known = apart;
    }
    count
}

/// The bytes that were sent again most often since a moment.
fn most_repeated(ranges: &[Range], since: Instant) -> Option<Repeated> {
    let mut edges: Vec<(u64, bool, bool)> = Vec::new();
    for range in ranges {
        let late = range.sending.1 >= since;
        edges.extend([(range.start, true, late), (range.end, false, late)]);
    }
    edges.sort_unstable_by_key(|(at, ..)| *at);
    // Between two edges every byte was sent by the same segments: so many before the moment, and so many
    // since.
    let (mut before, mut after) = (0_usize, 0_usize);
    let mut best: Option<(usize, u64)> = None;
    let mut edges = edges.into_iter().peekable();
    while let Some((at, begins, late)) = edges.next() {
        let counter = if late { &mut after } else { &mut before };
        *counter = if begins {
            *counter + 1
        } else {
            counter.saturating_sub(1)
        };
        if edges.peek().is_some_and(|(next, ..)| *next == at) {
            continue;
        }
        let again = if before > 0 {
            after
        } else {
            after.saturating_sub(1)
        };
        if again > best.map_or(0, |(most, _)| most) {
            best = Some((again, at));
        }
    }
    let (_, byte) = best?;
    let carried: Vec<&Range> = ranges
        .iter()
        .filter(|range| range.start <= byte && byte < range.end)
        .collect();
    let first = *carried.first()?;
    let sendings: Vec<&Range> = std::iter::once(first)
        .chain(
            carried
                .iter()
                .skip(1)
                .copied()
                .filter(|range| range.sending.1 >= since),
        )
        .collect();
    let start = sendings.iter().map(|range| range.start).max()?;
    let end = sendings.iter().map(|range| range.end).min()?;
    let syn = sendings.iter().any(|range| range.syn && range.start == start);
    Some(Repeated {
        payload_length: u32::try_from(end - start).ok()?.saturating_sub(u32::from(syn)),
        packets: sendings.iter().map(|range| range.sending).collect(),
    })
}
