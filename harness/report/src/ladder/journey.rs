//! From frames to journeys: what a host sent, through whoever passed it on, to where it ended.

use super::frames::{Frame, Host, host_of};
use super::window;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::flow::{segment, unreachable};
use lvs_matrix_model::capture::{Body, Packet, Segment, Transport};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::record::CellRecord;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// How a journey ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fate {
    /// It was seen where it was to go.
    Arrived,
    /// The director received it, did not pass it on, and answered it itself.
    TakenByDirector,
    /// The director received it, and neither passed it on nor answered it.
    Dropped,
    /// It left a host and was not seen on the next one.
    Lost,
    /// The capture does not show how it went on.
    Unknown,
}

/// A packet's way from the host that made it.
#[derive(Debug, Clone)]
pub(super) struct Journey<'a> {
    /// Its frames in order, at least one; each but the first was sent by the receiver of the one before.
    pub(super) frames: Vec<Frame<'a>>,
    pub(super) fate: Fate,
    /// Did the same host send the same payload, SYN or FIN before?
    pub(super) again: bool,
    /// What the MySQL protocol says in it, as far as the client's interface shows; foreign text stands
    /// between backticks.
    pub(super) says: Option<String>,
}

impl<'a> Journey<'a> {
    pub(super) fn packet(&self) -> Option<&'a Packet> {
        self.frames.first().and_then(Frame::packet)
    }

    pub(super) fn began(&self) -> Instant {
        self.frames.first().map_or(Instant(0), Frame::began)
    }

    pub(super) fn ended(&self) -> Instant {
        self.frames.last().map_or(Instant(0), Frame::ended)
    }

    /// The numbers of the packets that show it.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        let both = self.frames.iter().flat_map(|frame| [frame.sent, frame.received]);
        both.flatten().map(|packet| packet.number)
    }

    /// The hosts that it touched, in order.
    pub(super) fn hosts(&self) -> impl Iterator<Item = Host> {
        let first = self.frames.first().and_then(|frame| frame.from);
        first
            .into_iter()
            .chain(self.frames.iter().filter_map(|frame| frame.to))
    }

    pub(super) fn segment(&self) -> Option<&'a Segment> {
        segment(self.packet()?).map(|(_, _, segment)| segment)
    }
}

/// The journeys that `frames` make, in the order in which they began.
pub(super) fn journeys<'a>(record: &CellRecord, frames: Vec<Frame<'a>>) -> Vec<Journey<'a>> {
    let mut journeys: Vec<Journey<'a>> = Vec::new();
    // The journeys that arrived at a host and may go on from there, by what tells segments apart best.
    let mut waiting: HashMap<(Host, u32, u32), Vec<usize>> = HashMap::new();
    for frame in frames {
        let content = frame.packet().and_then(content);
        let before = frame.from.zip(content).and_then(|(from, content)| {
            let candidates = waiting.get_mut(&(from, content.sequence, content.acknowledgement))?;
            let found = candidates.iter().position(|index| {
                let last = journeys[*index].frames.last();
                last.is_some_and(|last| {
                    last.packet().and_then(self::content) == Some(content)
                        && window(last.ended(), frame.began())
                })
            })?;
            Some(candidates.remove(found))
        });
        let index = before.unwrap_or(journeys.len());
        match journeys.get_mut(index) {
            Some(journey) => journey.frames.push(frame),
            None => journeys.push(Journey {
                frames: vec![frame],
                fate: Fate::Unknown,
                again: false,
                says: None,
            }),
        }
        if let (Some(to), Some(content), true) = (frame.to, content, frame.received.is_some()) {
            let key = (to, content.sequence, content.acknowledgement);
            let list = waiting.entry(key).or_default();
            // A host passes on at once or not at all.
            list.retain(|index| window(journeys[*index].ended(), frame.ended()));
            list.push(index);
        }
    }
    fates(record, &mut journeys);
    repetitions(&mut journeys);
    journeys
}

fn repetitions(journeys: &mut [Journey<'_>]) {
    let mut known = HashSet::new();
    for journey in journeys {
        let from = journey.frames.first().and_then(|frame| frame.from);
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

/// What stays the same when a packet is passed on: its TCP segment, whatever addresses are put around it.
fn content(packet: &Packet) -> Option<&Segment> {
    segment(packet).map(|(_, _, segment)| segment)
}

fn fates(record: &CellRecord, journeys: &mut [Journey<'_>]) {
    let director = host_of(record, &Node::Director);
    let answers: Vec<(Instant, Answer)> = journeys
        .iter()
        .filter(|journey| journey.frames.first().is_some_and(|frame| frame.from == director))
        .filter_map(|journey| Some((journey.began(), Answer::of(journey.packet()?)?)))
        .collect();
    for journey in journeys {
        let Some(last) = journey.frames.last().copied() else {
            continue;
        };
        journey.fate = match (last.to, last.received) {
            (None, _) => Fate::Unknown,
            (Some(to), None) if whole(record, to) => Fate::Lost,
            (Some(_), None) => Fate::Unknown,
            (Some(to), Some(packet)) if Some(to) == director && !is_for(record, to, packet) => {
                let answered = answers
                    .iter()
                    .any(|(at, answer)| window(packet.at, *at) && answer.answers(packet));
                match answered {
                    true => Fate::TakenByDirector,
                    false if whole(record, to) => Fate::Dropped,
                    false => Fate::Unknown,
                }
            }
            (Some(_), Some(_)) => Fate::Arrived,
        };
    }
}

/// Does the capture of `host` show all that passed its interface? What it does not show then did not pass.
fn whole(record: &CellRecord, host: Host) -> bool {
    let node = record.plan.hosts.get(host).map(|host| &host.node);
    let points = record.capture.iter().flat_map(|capture| &capture.points);
    points.into_iter().any(|point| {
        Some(&point.node) == node
            && point.failure.is_none()
            && point.dropped == 0
            && point.first_sentinel
            && point.last_sentinel
    })
}

/// Is the packet addressed to the host itself, not to the virtual service or someone behind the host?
fn is_for(record: &CellRecord, host: Host, packet: &Packet) -> bool {
    let Body::Ip { destination, .. } = &packet.body else {
        return true;
    };
    record
        .plan
        .hosts
        .get(host)
        .is_some_and(|host| host.address == *destination)
}

/// What the director itself sent: a refusal of something.
enum Answer {
    /// An RST from this port to that.
    Rst { from: u16, to: u16 },
    /// "Destination unreachable" that quotes this flow.
    Icmp((IpAddr, u16, IpAddr, u16)),
}

impl Answer {
    fn of(packet: &Packet) -> Option<Self> {
        if let Some((_, _, segment)) = segment(packet) {
            return segment.flags.rst.then_some(Self::Rst {
                from: segment.source_port,
                to: segment.destination_port,
            });
        }
        // A redirect quotes the packet, too, but refuses nothing.
        unreachable(packet).map(|(_, flow)| Self::Icmp(flow))
    }

    fn answers(&self, packet: &Packet) -> bool {
        let Some((source, destination, segment)) = segment(packet) else {
            return false;
        };
        match self {
            Self::Rst { from, to } => *from == segment.destination_port && *to == segment.source_port,
            Self::Icmp(flow) => *flow == (source, segment.source_port, destination, segment.destination_port),
        }
    }
}

/// The flow that an ICMP error quotes.
pub(super) fn quoted(packet: &Packet) -> Option<(IpAddr, u16, IpAddr, u16)> {
    match &packet.body {
        Body::Ip {
            transport: Transport::Icmp { quoted, .. },
            ..
        } => *quoted,
        Body::Sentinel { .. }
        | Body::Arp { .. }
        | Body::Ip { .. }
        | Body::Other { .. }
        | Body::Malformed { .. } => None,
    }
}
