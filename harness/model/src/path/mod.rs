//! The one path of a packet through the lab.
//!
//! ```text
//! packets ──▶ hops ──────────▶ journeys
//!             one frame,       the same content, from the host that made it,
//!             where it left    through whoever passed it on, to where it ended
//!             and arrived
//! ```
//!
//! A packet is followed by its content: of a TCP segment all but the ports, of a datagram a hash, of an ICMP
//! error the segment that it quotes. So it is the same packet whatever a host makes of the addresses around
//! it. ARP and other frames go over one link only. What is sent again with the same content is a journey of
//! its own: the two are told apart by time and order.
//!
//! **Who made a packet** is the host of its first hop. Which host that is, is decided in this order:
//!
//! 1. An interface saw the frame leave: the frame has the interface's own Ethernet address as its source.
//! 2. Several interfaces of the link have that address, as directors have a virtual router's (RFC 5798). Then
//!    the first sighting of the frame is where it left, and the later ones are arrivals.
//! 3. No interface saw the frame leave. Then the owner of its Ethernet address on the link sent it, if there
//!    is one owner.
//!    A frame for such an address that nobody saw arrive is for the interface that last sent one from it: a
//!    bridge sends it there.
//! 4. The host of the first hop does not have the source address of the packet. Then it passed on what
//!    another had made, the capture does not have the packet's beginning, and its origin is not known.

mod content;
mod fate;
mod hop;
mod lab;
mod packets;

pub use content::flow;
pub use fate::Fate;
pub use hop::Role;
pub use lab::{End, Host, HostIndex, Interface, Lab, Point, SegmentIndex};
pub use packets::PacketRef;

use crate::action::Node;
use crate::base::TunnelType;
use crate::capture::flow::segment;
use crate::capture::{Body, Packet, Segment};
use crate::duration::Instant;
use crate::record::CellRecord;
use content::{Content, Key, rewrite};
use hop::{Hops, RECENT};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Are two times so near that one may be the other's effect on the link? Far above any delay of a lab, and
/// below the shortest time after which TCP sends again (200 ms, `TCP_RTO_MIN` in include/net/tcp.h).
#[must_use]
pub fn near(one: Instant, other: Instant) -> bool {
    const WINDOW: Duration = Duration::from_millis(100);
    one.max(other).since(one.min(other)) <= WINDOW
}

/// Both ends of what a packet belongs to: addresses with ports. The ports are 0 where the protocol has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// From where.
    pub source: (IpAddr, u16),
    /// To where.
    pub destination: (IpAddr, u16),
}

impl Flow {
    /// The flow of what comes back.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
        }
    }
}

/// What a host did to a packet before it sent it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rewrite {
    /// Nothing: the hop is the packet's first.
    None,
    /// It gave the packet other Ethernet addresses, as everyone who passes on a packet does.
    Link,
    /// It translated addresses or ports.
    Nat {
        /// The flow before.
        from: Flow,
        /// The flow after.
        to: Flow,
    },
    /// It put the packet into another one.
    Encapsulated(TunnelType),
    /// It took the packet out of another one.
    Decapsulated(TunnelType),
}

/// A frame on a link, with the packets of the capture that show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The card that sent the frame; `None` if it is none of the lab's, or not known.
    pub from: Option<End>,
    /// The card that it is addressed to; `None` for groups and strangers, or if it is not known.
    pub to: Option<End>,
    /// The frame as its sender's interface saw it.
    pub sent: Option<PacketRef>,
    /// As its receiver's interface saw it.
    pub received: Option<PacketRef>,
    /// As others saw it: it is for a group, or was flooded.
    pub overheard: Vec<PacketRef>,
    /// What `from` did to the packet since the hop before.
    pub rewrite: Rewrite,
}

impl Hop {
    /// A packet that shows it: where it left, if that was captured.
    #[must_use]
    pub fn packet(&self) -> Option<&Packet> {
        self.packets().next()
    }

    /// The packets that show it at its ends, where it left first.
    pub fn ends(&self) -> impl Iterator<Item = &Packet> {
        let ends = self.sent.iter().chain(&self.received);
        ends.map(|packet| &**packet)
    }

    /// Every packet that shows it, where it left first.
    pub fn packets(&self) -> impl Iterator<Item = &Packet> {
        self.ends().chain(self.overheard.iter().map(|packet| &**packet))
    }

    /// When it was first seen.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.packet().map_or(Instant(0), |packet| packet.at)
    }

    /// When it was last seen on its way.
    #[must_use]
    pub fn ended(&self) -> Instant {
        let last = self.ends().last().or_else(|| self.packet());
        last.map_or(Instant(0), |packet| packet.at)
    }
}

/// A packet's way from the host that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journey {
    /// The host that made it; `None` if that is not known, or is none of the lab's.
    pub origin: Option<HostIndex>,
    /// Its hops in order, at least one; each but the first was sent by the receiver of the one before.
    pub hops: Vec<Hop>,
    /// How it ended. Where that was decided is the end of the last hop.
    pub fate: Fate,
    /// Did the same host send the same payload, SYN or FIN before?
    pub again: bool,
}

impl Journey {
    /// The first packet that shows it.
    #[must_use]
    pub fn packet(&self) -> Option<&Packet> {
        self.hops.first().and_then(Hop::packet)
    }

    /// When it was first seen.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.hops.first().map_or(Instant(0), Hop::began)
    }

    /// When it was last seen.
    #[must_use]
    pub fn ended(&self) -> Instant {
        self.hops.last().map_or(Instant(0), Hop::ended)
    }

    /// The numbers of the packets that show it on its way.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.hops.iter().flat_map(Hop::ends).map(|packet| packet.number)
    }

    /// The hosts that it touched, in order.
    pub fn hosts(&self) -> impl Iterator<Item = HostIndex> {
        let first = self.hops.first().and_then(|hop| hop.from);
        let ends = first.into_iter().chain(self.hops.iter().filter_map(|hop| hop.to));
        ends.map(|end| end.host)
    }

    /// The TCP segment that it is.
    #[must_use]
    pub fn segment(&self) -> Option<&Segment> {
        segment(self.packet()?).map(|(_, _, segment)| segment)
    }
}

/// Where a packet has its place in the journeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The journey's place among all.
    pub journey: usize,
    /// The hop's place in it.
    pub hop: usize,
    /// What the packet shows of the hop.
    pub role: Role,
}

/// The packets of a cell, the journeys that they show, and the place of each packet in them.
///
/// Journeys take the packets for their own. So they are made once for a cell, and whoever needs packets or
/// journeys is given these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journeys {
    lab: Lab,
    packets: Arc<Vec<Packet>>,
    all: Vec<Journey>,
    /// By the number of the packet, in order.
    places: Vec<(u32, Place)>,
}

/// The journeys that `packets` show, in the order in which they began. The packets are in the order of their
/// numbers.
fn journeys(lab: Lab, packets: Vec<Packet>) -> Journeys {
    let packets = Arc::new(packets);
    let mut hops = Hops::new(&lab);
    let shown: Vec<(u32, (usize, Role))> = PacketRef::each(&packets)
        .map(|packet| (packet.number, hops.add(packet)))
        .collect();
    let hops = hops.hops;
    let mut all: Vec<Journey> = Vec::with_capacity(hops.len());
    // Journey and place in it of each hop.
    let mut place_of: Vec<(usize, usize)> = Vec::with_capacity(hops.len());
    // The journeys that went to a host and may go on from there, by what tells contents apart best.
    let mut waiting: HashMap<(HostIndex, Key), Vec<usize>> = HashMap::new();
    // What hosts refused so far, with the packets that say so.
    let mut refused: HashMap<fate::Answered, Vec<u32>> = HashMap::new();
    for mut hop in hops {
        let content = hop.packet().and_then(Content::of);
        let key = content.as_ref().map(Content::key);
        let before = hop.from.zip(content).and_then(|(from, content)| {
            let candidates = waiting.get_mut(&(from.host, content.key()))?;
            let found = goes_on(&all, candidates, &content, &hop, &refused)?;
            Some(candidates.remove(found))
        });
        let index = before.unwrap_or(all.len());
        if let (Some(to), Some(key)) = (hop.to, key) {
            let list = waiting.entry((to.host, key)).or_default();
            list.push(index);
            if list.len() > RECENT {
                list.remove(0);
            }
        }
        match all.get_mut(index) {
            Some(journey) => {
                let last = journey.hops.last().and_then(Hop::packet);
                let rewritten = last.zip(hop.packet());
                if let Some(rewrite) = rewritten.map(|(before, after)| rewrite(before, after)) {
                    hop.rewrite = rewrite;
                }
                place_of.push((index, journey.hops.len()));
                journey.hops.push(hop);
            }
            None => {
                place_of.push((index, 0));
                let origin = origin(&lab, &hop);
                if let Some((by, packet)) = origin.zip(hop.packet()) {
                    for what in fate::refuses(by, packet) {
                        refused.entry(what).or_default().push(packet.number);
                    }
                }
                all.push(Journey {
                    origin,
                    hops: vec![hop],
                    fate: Fate::Unknown,
                    again: false,
                });
            }
        }
    }
    fate::fates(&lab, &mut all);
    repetitions(&mut all);
    let places = shown.into_iter().filter_map(|(number, (hop, role))| {
        let (journey, hop) = *place_of.get(hop)?;
        Some((number, Place { journey, hop, role }))
    });
    Journeys {
        places: places.collect(),
        lab,
        packets,
        all,
    }
}

/// Which of `candidates`, journeys that went to the host that sent `hop`, goes on with it. A host passes on
/// at once what it can: so it is the first of those that arrived just before. A host keeps what must wait for
/// a neighbour's Ethernet address (`__neigh_event_send` in net/core/neighbour.c): without one that arrived
/// just before, it is the last of all. What the host has refused by then it does not pass on.
fn goes_on(
    all: &[Journey],
    candidates: &[usize],
    content: &Content<'_>,
    hop: &Hop,
    refused: &HashMap<fate::Answered, Vec<u32>>,
) -> Option<usize> {
    let went_on = hop.packet().map_or(u32::MAX, |packet| packet.number);
    let is_refused = |last: &Hop| {
        let keys = last
            .to
            .zip(last.received.as_deref())
            .and_then(|(to, packet)| Some((fate::asked(to.host, packet)?, packet.number)));
        keys.is_some_and(|(keys, arrived)| {
            let mut said = keys.iter().filter_map(|key| refused.get(key)).flatten();
            said.any(|number| arrived < *number && *number < went_on)
        })
    };
    let same = |index: &usize| {
        let last = all.get(*index).and_then(|journey| journey.hops.last());
        last.is_some_and(|last| {
            // A frame that is seen in the other order on a real clock was still sent before it went on.
            let before = last.ended() <= hop.began() || near(last.ended(), hop.began());
            before
                && !is_refused(last)
                && last
                    .packet()
                    .and_then(Content::of)
                    .is_some_and(|known| known.is_same(content))
        })
    };
    let just_before = |index: &usize| {
        all.get(*index)
            .is_some_and(|journey| near(journey.ended(), hop.began()))
    };
    let first = candidates
        .iter()
        .position(|index| just_before(index) && same(index));
    first.or_else(|| candidates.iter().rposition(same))
}

/// The host that made a packet, told by its first hop.
fn origin(lab: &Lab, first: &Hop) -> Option<HostIndex> {
    let from = first.from?.host;
    match &first.packet()?.body {
        Body::Ip { source, .. } => lab.may_speak_as(from, *source).then_some(from),
        Body::Sentinel { .. } | Body::Arp { .. } | Body::Other { .. } | Body::Malformed { .. } => Some(from),
    }
}

fn repetitions(journeys: &mut [Journey]) {
    let mut known = HashSet::new();
    for journey in journeys {
        let from = journey
            .hops
            .first()
            .and_then(|hop| hop.from)
            .map(|from| from.host);
        if let Some(segment) = journey.segment()
            && (segment.payload_length > 0 || segment.flags.syn || segment.flags.fin)
        {
            let same = (
                from,
                segment.source_port,
                segment.destination_port,
                segment.sequence,
                segment.payload_length,
            );
            journey.again = !known.insert((same, segment.flags.syn, segment.flags.fin));
        }
    }
}

impl Journeys {
    /// The journeys of a cell. The packets are in the order of their numbers.
    #[must_use]
    pub fn of(record: &CellRecord, packets: Vec<Packet>) -> Self {
        Self::through(Lab::of(record), packets)
    }

    /// Those through a lab.
    #[must_use]
    pub fn through(lab: Lab, packets: Vec<Packet>) -> Self {
        journeys(lab, packets)
    }

    /// The packets, in the order of their numbers.
    #[must_use]
    pub fn packets(&self) -> &[Packet] {
        &self.packets
    }

    /// The lab that they went through.
    #[must_use]
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// All of them, in the order in which they began.
    #[must_use]
    pub fn all(&self) -> &[Journey] {
        &self.all
    }

    /// Where the packet with this number has its place.
    #[must_use]
    pub fn place(&self, number: u32) -> Option<Place> {
        let found = self.places.binary_search_by_key(&number, |(number, _)| *number);
        found
            .ok()
            .and_then(|index| self.places.get(index))
            .map(|(_, place)| *place)
    }

    /// The journey that the packet with this number shows.
    #[must_use]
    pub fn showing(&self, number: u32) -> Option<&Journey> {
        self.all.get(self.place(number)?.journey)
    }

    /// The hop that the packet with this number shows.
    #[must_use]
    pub fn hop(&self, number: u32) -> Option<&Hop> {
        let place = self.place(number)?;
        self.all.get(place.journey)?.hops.get(place.hop)
    }

    /// The host that made the packet with this number, wherever on its way the packet was captured.
    #[must_use]
    pub fn origin(&self, number: u32) -> Option<&Node> {
        self.lab.node(self.showing(number)?.origin?)
    }

    /// The address and port by which the director and the servers knew the client's connection from these at
    /// a moment: those that the router had put in their place in the last packet before it, or the same.
    #[must_use]
    pub fn known_as(&self, client: (IpAddr, u16), at: Instant) -> (IpAddr, u16) {
        let nodes = || self.lab.hosts.iter().map(|host| &host.node);
        let Some(router) = nodes().position(|node| *node == Node::Router) else {
            return client;
        };
        let translated = |hop: &Hop| match hop.rewrite {
            Rewrite::Nat { from, to } if from.source == client => {
                let passed = hop.from.is_some_and(|from| from.host == router) && hop.began() <= at;
                passed.then_some(to.source)
            }
            Rewrite::None
            | Rewrite::Link
            | Rewrite::Nat { .. }
            | Rewrite::Encapsulated(_)
            | Rewrite::Decapsulated(_) => None,
        };
        let hops = self.all.iter().flat_map(|journey| &journey.hops);
        hops.filter_map(translated).next_back().unwrap_or(client)
    }

    /// The host that sent the frame with this number over its link: the packet's origin, or who passed it on.
    #[must_use]
    pub fn sender(&self, number: u32) -> Option<&Node> {
        self.lab.node(self.hop(number)?.from?.host)
    }

    /// The host that the frame with this number is for; `None` for groups and strangers.
    #[must_use]
    pub fn addressee(&self, number: u32) -> Option<&Node> {
        self.lab.node(self.hop(number)?.to?.host)
    }

    /// The host that the frame with this number reached: its own interface saw it arrive, addressed to it.
    #[must_use]
    pub fn reached(&self, number: u32) -> Option<&Node> {
        let place = self.place(number).filter(|place| place.role == Role::Received)?;
        self.lab
            .node(self.all.get(place.journey)?.hops.get(place.hop)?.to?.host)
    }
}

impl From<Journey> for Cow<'_, Journey> {
    fn from(journey: Journey) -> Self {
        Self::Owned(journey)
    }
}

impl<'a> From<&'a Journey> for Cow<'a, Journey> {
    fn from(journey: &'a Journey) -> Self {
        Cow::Borrowed(journey)
    }
}
