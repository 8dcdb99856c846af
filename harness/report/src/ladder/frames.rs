//! From packets to frames: the same frame is captured where it leaves and where it arrives, and is one thing
//! in a ladder.

use super::window;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::{Body, Packet, Transport};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::plan::Mac;
use lvs_matrix_model::record::CellRecord;
use std::collections::HashMap;

/// The index of a host in [`lvs_matrix_model::plan::LabPlan::hosts`].
pub(super) type Host = usize;

/// A frame on the link, with the packets of the capture that show it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    /// By whose Ethernet address it was sent; `None` if that is none of the lab's.
    pub(super) from: Option<Host>,
    /// To whose it was sent; `None` for broadcasts and strangers.
    pub(super) to: Option<Host>,
    /// As its sender's interface saw it.
    pub(super) sent: Option<&'a Packet>,
    /// As its receiver's interface saw it.
    pub(super) received: Option<&'a Packet>,
}

impl<'a> Frame<'a> {
    /// A packet that shows it; there is always one.
    pub(super) fn packet(&self) -> Option<&'a Packet> {
        self.sent.or(self.received)
    }

    /// When it was first seen.
    pub(super) fn began(&self) -> Instant {
        self.packet().map_or(Instant(0), |packet| packet.at)
    }

    /// When it was last seen.
    pub(super) fn ended(&self) -> Instant {
        self.received.or(self.sent).map_or(Instant(0), |packet| packet.at)
    }
}

/// What two packets that show the same frame have in common, as far as it can be hashed; their bodies are
/// compared, too.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    source: Mac,
    destination: Mac,
    length: u32,
    numbers: (u16, u32, u32),
}

impl Key {
    fn of(packet: &Packet) -> Self {
        let numbers = match &packet.body {
            Body::Ip {
                transport: Transport::Tcp(segment),
                ..
            } => (segment.source_port, segment.sequence, segment.acknowledgement),
            Body::Sentinel { .. }
            | Body::Arp { .. }
            | Body::Ip { .. }
            | Body::Other { .. }
            | Body::Malformed { .. } => (0, 0, 0),
        };
        Self {
            source: packet.source_mac,
            destination: packet.destination_mac,
            length: packet.length,
            numbers,
        }
    }
}

/// The frames that `packets` show, in the order in which they were first seen. Copies that a bridge flooded
/// to others than the receiver are left out.
pub(super) fn frames<'a>(record: &CellRecord, packets: impl Iterator<Item = &'a Packet>) -> Vec<Frame<'a>> {
    let hosts: HashMap<Mac, Host> = (0..)
        .zip(&record.plan.hosts)
        .map(|(index, host)| (host.mac, index))
        .collect();
    let points: Vec<Option<Host>> = record
        .capture
        .iter()
        .flat_map(|capture| &capture.points)
        .map(|point| host_of(record, &point.node))
        .collect();
    let mut frames: Vec<Frame<'a>> = Vec::new();
    let mut known: HashMap<Key, Vec<usize>> = HashMap::new();
    for packet in packets {
        let Some(here) = points.get(packet.point).copied().flatten() else {
            continue;
        };
        let (from, to) = (
            hosts.get(&packet.source_mac).copied(),
            hosts.get(&packet.destination_mac).copied(),
        );
        let leaves = from == Some(here);
        if !leaves && to != Some(here) {
            continue;
        }
        let same = known.entry(Key::of(packet)).or_default();
        match partner(&frames, same, packet, leaves) {
            Some(index) if leaves => frames[index].sent = Some(packet),
            Some(index) => frames[index].received = Some(packet),
            None => {
                same.push(frames.len());
                frames.push(Frame {
                    from,
                    to,
                    sent: leaves.then_some(packet),
                    received: (!leaves).then_some(packet),
                });
            }
        }
    }
    frames
}

/// The frame whose other end `packet` shows. Of several alike it is the first within the time that a link
/// takes; without one, and for an arrival only, the last before it: a link may be made slow. On a real clock
/// the two ends may be written down in either order.
fn partner(frames: &[Frame<'_>], same: &[usize], packet: &Packet, leaves: bool) -> Option<usize> {
    let open = |index: &&usize| {
        let frame = &frames[**index];
        let other_end = if leaves { frame.received } else { frame.sent };
        let this_end = if leaves { frame.sent } else { frame.received };
        this_end.is_none() && other_end.is_some_and(|other| other.body == packet.body)
    };
    let near = |index: &&usize| window(frames[**index].began(), packet.at);
    // What is long past is not looked at again: a transfer of thousands of segments has as many bare
    // acknowledgements alike.
    let recent = &same[same.len().saturating_sub(64)..];
    let first = recent.iter().filter(open).find(near);
    first
        .or_else(|| recent.iter().rev().find(open).filter(|_| !leaves))
        .copied()
}

pub(super) fn host_of(record: &CellRecord, node: &Node) -> Option<Host> {
    record.plan.hosts.iter().position(|host| &host.node == node)
}
