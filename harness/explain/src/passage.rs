//! How far a segment of the client's came: the same segment, looked for on the other interfaces.

use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::capture::{Packet, Segment};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::record::CellRecord;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// A packet by its number and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) packet: u32,
    pub(super) at: Instant,
}

impl From<&Packet> for Seen {
    fn from(packet: &Packet) -> Self {
        Self {
            packet: packet.number,
            at: packet.at,
        }
    }
}

/// A segment that the client sent, and where it was seen after that.
#[derive(Debug, Clone)]
pub(super) struct Passage<'a> {
    /// On the client's interface.
    pub(super) sent: Seen,
    /// The segment.
    pub(super) segment: &'a Segment,
    /// On the director's interface, coming from the client.
    pub(super) arrived: Option<Seen>,
    /// On the director's interface, sent on by it, and to whom.
    pub(super) passed_on: Option<(Seen, Node)>,
    /// On a real server's interface.
    pub(super) reached: Option<(Seen, Node)>,
}

impl Passage<'_> {
    /// It arrived at the director and went no further.
    pub(super) fn stopped_at_director(&self) -> Option<Seen> {
        if self.passed_on.is_none() {
            self.arrived
        } else {
            None
        }
    }
}

type Flow = (IpAddr, u16, IpAddr, u16);

/// The passages of the segments `sent` by the client. A segment that was sent several times is told apart by
/// its time stamp option, or else by time: what arrives belongs to the last sending before it.
pub(super) fn passages<'a>(
    record: &CellRecord,
    packets: &'a [Packet],
    sent: impl Iterator<Item = (&'a Packet, &'a Segment)>,
) -> Vec<Passage<'a>> {
    let sent: Vec<(&Packet, &Segment)> = sent.collect();
    let Some(flow) = sent.first().and_then(|(packet, _)| flow_of(packet)) else {
        return Vec::new();
    };
    let points: Vec<Option<&Node>> = record
        .capture
        .iter()
        .flat_map(|capture| capture.points.iter())
        .map(|point| Some(&point.node))
        .collect();
    let node_of = |packet: &Packet| points.get(packet.point).copied().flatten();
    let elsewhere: Vec<(&Packet, &Segment, &Node)> = packets
        .iter()
        .filter(|packet| flow_of(packet) == Some(flow))
        .filter_map(|packet| Some((packet, segment(packet)?.2, node_of(packet)?)))
        .filter(|(_, _, node)| **node != Node::Client)
        .collect();
    let host = |mac| record.plan.host_by_mac(mac).map(|host| &host.node);
    // By what they are, in the order of their numbers: a large transfer has tens of thousands.
    let mut copies: HashMap<&Segment, Vec<(&Packet, &Node)>> = HashMap::new();
    for (copy, same, node) in elsewhere {
        copies.entry(same).or_default().push((copy, node));
    }
    let mut claimed = HashSet::new();
    sent.iter()
        .zip(sent_again(&sent))
        .map(|((packet, own), until)| {
            let same = copies.get(own).map_or(&[][..], Vec::as_slice);
            let later = &same[same.partition_point(|(copy, _)| copy.number <= packet.number)..];
            let mut find = |wanted: &dyn Fn(&Packet, &Node) -> bool| {
                let mut later = later.iter().take_while(|(copy, _)| copy.number < until);
                let found =
                    later.find(|(copy, node)| !claimed.contains(&copy.number) && wanted(copy, node))?;
                claimed.insert(found.0.number);
                Some(*found)
            };
            let arrived =
                find(&|copy, node| *node == Node::Director && host(copy.source_mac) == Some(&Node::Client));
            let passed_on =
                find(&|copy, node| *node == Node::Director && host(copy.source_mac) == Some(&Node::Director));
            let reached = find(&|copy, node| {
                matches!(node, Node::RealServer(_)) && host(copy.destination_mac) == Some(node)
            });
            Passage {
                sent: Seen::from(*packet),
                segment: own,
                arrived: arrived.map(|(copy, _)| Seen::from(copy)),
                passed_on: passed_on
                    .and_then(|(copy, _)| Some((Seen::from(copy), host(copy.destination_mac)?.clone()))),
                reached: reached.map(|(copy, node)| (Seen::from(copy), node.clone())),
            }
        })
        .collect()
}

/// For each of them the number of the packet by which the same segment is sent next.
fn sent_again(sent: &[(&Packet, &Segment)]) -> Vec<u32> {
    let mut next = HashMap::new();
    let mut untils: Vec<u32> = sent
        .iter()
        .rev()
        .map(|(packet, segment)| next.insert(*segment, packet.number).unwrap_or(u32::MAX))
        .collect();
    untils.reverse();
    untils
}

fn flow_of(packet: &Packet) -> Option<Flow> {
    let (source, destination, segment) = segment(packet)?;
    Some((source, segment.source_port, destination, segment.destination_port))
}
