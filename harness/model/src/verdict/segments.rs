//! What the segments of one connection show by their numbers: what is new, what was acknowledged, what was
//! sent again, what is missing from the capture.

use super::Retransmissions;
use super::doubt::{At, Doubt};
use crate::capture::flow::{self, at_or_after};
use crate::capture::{Packet, Seen, Segment};
use crate::duration::Instant;

/// Segments of one connection in one direction, in their order.
type Segments<'s, 'a> = &'s [(&'a Packet, &'a Segment)];

/// The number of the byte after the segment's payload.
fn end(segment: &Segment) -> u32 {
    segment.sequence.wrapping_add(segment.payload_length)
}

/// Is `one` a later number than `other`?
fn after(one: u32, other: u32) -> bool {
    !at_or_after(other, one)
}

/// The number of the byte after all that these segments carry.
fn furthest<'a>(segments: impl Iterator<Item = &'a Segment>) -> Option<u32> {
    segments
        .map(end)
        .reduce(|one, other| if after(other, one) { other } else { one })
}

/// Does any of `received` acknowledge all of this segment?
pub(super) fn acknowledged(packet: &Packet, segment: &Segment, received: Segments<'_, '_>) -> bool {
    received.iter().any(|(later, other)| {
        later.number > packet.number && other.flags.ack && at_or_after(other.acknowledgement, end(segment))
    })
}

/// Did anything that the client had said stay without an acknowledgement?
pub(super) fn unacknowledged(sent: Segments<'_, '_>, received: Segments<'_, '_>) -> bool {
    last_new(sent).is_some_and(|(packet, segment)| !acknowledged(packet, segment, received))
}

/// Had the server acknowledged all that the client sent, and room for more?
pub(super) fn has_room(sent: Segments<'_, '_>, received: Segments<'_, '_>) -> bool {
    let last = furthest(sent.iter().map(|(_, segment)| *segment));
    let heard = received.iter().rfind(|(_, segment)| segment.flags.ack);
    last.zip(heard)
        .is_some_and(|(last, (_, heard))| at_or_after(heard.acknowledgement, last) && heard.window > 0)
}

/// The client's own end of the connection among the packets that are meant: its first FIN or RST.
pub(super) fn own_end(sent: Segments<'_, '_>, meant: impl Fn(&Packet) -> bool) -> Option<Seen> {
    let mut sent = sent.iter().filter(|(packet, _)| meant(packet));
    let (packet, _) = sent.find(|(_, segment)| segment.flags.fin || segment.flags.rst)?;
    Some(Seen::from(*packet))
}

/// Segments with payload that reached the client after its request and bring what it did not have before. A
/// server that misses an acknowledgement sends old data again; that answers nothing, however often it comes.
pub(super) fn answers(request: Seen, received: Segments<'_, '_>) -> Vec<Seen> {
    let data = || received.iter().filter(|(_, segment)| segment.payload_length > 0);
    let before = data().filter(|(packet, _)| packet.number < request.packet);
    let known = furthest(before.map(|(_, segment)| *segment));
    data()
        .filter(|(packet, _)| packet.number > request.packet)
        .filter(|(_, segment)| known.is_none_or(|known| after(end(segment), known)))
        .map(|(packet, _)| Seen::from(*packet))
        .collect()
}

/// The last segment with payload that was none sent again.
pub(super) fn last_said(sent: Segments<'_, '_>) -> Option<Seen> {
    last_new(sent).map(|(packet, _)| Seen::from(packet))
}

fn last_new<'a>(sent: Segments<'_, 'a>) -> Option<(&'a Packet, &'a Segment)> {
    let said = sent.iter().filter(|(_, segment)| segment.payload_length > 0);
    said.copied()
        .reduce(|last, next| match after(end(next.1), end(last.1)) {
            true => next,
            false => last,
        })
}

/// What was sent again from `began` on.
pub(super) fn retransmissions(sent: Segments<'_, '_>, began: Instant) -> Retransmissions {
    let again = flow::sent_again(sent.iter().copied(), began);
    let Some(most) = again.most else {
        return Retransmissions::default();
    };
    Retransmissions {
        count: u32::try_from(again.count).unwrap_or(u32::MAX),
        payload_length: most.payload_length,
        packets: most.packets.iter().map(|(number, _)| *number).collect(),
        gaps: most
            .packets
            .windows(2)
            .filter_map(|pair| match pair {
                [(_, earlier), (_, later)] => Some(later.since(*earlier)),
                _ => None,
            })
            .collect(),
    }
}

/// TCP proves the capture: no end acknowledges what it has not received, so an acknowledgement of bytes that
/// the capture does not show means that packets are missing from it.
pub(super) fn gaps(sent: Segments<'_, '_>, received: Segments<'_, '_>) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    for (acknowledging, data) in [(sent, received), (received, sent)] {
        let unseen = acknowledging.iter().find(|(packet, segment)| {
            let acknowledges = segment.flags.ack && !segment.flags.rst;
            acknowledges && !covered(segment.acknowledgement, packet, data)
        });
        if let Some((packet, _)) = unseen {
            let (packet, at) = (packet.number, At(packet.at));
            doubts.push(if std::ptr::eq(acknowledging, sent) {
                Doubt::MissingForClient { packet, at }
            } else {
                Doubt::MissingForServer { packet, at }
            });
        }
    }
    doubts
}

/// Does any segment before `packet` reach up to `acknowledgement`?
fn covered(acknowledgement: u32, packet: &Packet, data: Segments<'_, '_>) -> bool {
    data.iter()
        .take_while(|(earlier, _)| earlier.number < packet.number)
        .any(|(_, segment)| {
            // SYN and FIN take a sequence number each (RFC 9293, 3.4).
            let length = segment.payload_length + u32::from(segment.flags.syn) + u32::from(segment.flags.fin);
            at_or_after(segment.sequence.wrapping_add(length), acknowledgement)
        })
}
