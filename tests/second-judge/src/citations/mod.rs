//! Is each packet that a sentence names what the sentence says of it?
//!
//! Sentences are those of a report: pieces of evidence, and the paragraphs of an explanation. What is said of
//! a packet is told by the words before its number. Words for which there is no check are a complaint, too: a
//! new sentence takes a new check here.

mod evidence;
mod paragraph;
mod text;

use crate::capture::{ACK, FIN, Frame, RST, SYN, Tcp, What};
use crate::connection::{Connection, connections};
use crate::record::{Record, is_virtual_router};
use text::same_span;

/// A cell, to look cited packets up in.
#[derive(Debug)]
pub struct Cell<'a> {
    record: &'a Record,
    frames: &'a [Frame],
    connections: Vec<Connection<'a>>,
}

impl<'a> Cell<'a> {
    /// A cell by its record and its packets.
    #[must_use]
    pub fn of(record: &'a Record, frames: &'a [Frame]) -> Self {
        Self {
            record,
            frames,
            connections: connections(record, frames, i64::MAX),
        }
    }

    fn frame(&self, number: u32) -> Option<&'a Frame> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.frames.get(index)
    }

    fn is_from(&self, frame: &Frame, name: &str) -> bool {
        self.record.may_be(frame.from, name)
    }

    fn is_to(&self, frame: &Frame, name: &str) -> bool {
        self.record.may_be(frame.to, name)
    }

    fn is_from_director(&self, frame: &Frame) -> bool {
        let sender = self.record.by_mac(frame.from);
        is_virtual_router(frame.from) || sender.is_some_and(|name| self.record.is_director(name))
    }

    /// Was it sent by a host that passes packets on?
    fn is_passed_on(&self, frame: &Frame) -> bool {
        self.is_from_director(frame) || self.is_from(frame, "router")
    }

    /// Was it sent by this real server, or by the director or the router, which had the same segment from
    /// that server?
    fn is_made_by(&self, frame: &Frame, name: &str) -> bool {
        let passed_on = || self.earlier_same(frame).any(|other| self.is_from(other, name));
        self.is_from(frame, name) || self.is_passed_on(frame) && passed_on()
    }

    /// Was it made by a real server?
    fn is_made_by_a_real_server(&self, frame: &Frame) -> bool {
        let passed_on = || self.earlier_same(frame).any(|other| self.is_real(other.from));
        self.is_real(frame.from) || self.is_passed_on(frame) && passed_on()
    }

    /// The frames before this one with the same segment, whatever addresses are on it.
    fn earlier_same(&self, frame: &Frame) -> impl Iterator<Item = &'a Frame> {
        let number = frame.number;
        let mine = tcp(frame).map(|own| (own.sequence, own.flags, own.length, own.payload.clone()));
        // Of an ICMP error no more is known than its kind: what it quotes, a router may have translated.
        let kind = |frame: &Frame| match frame.what {
            What::Icmp { kind, code, .. } => Some((kind, code)),
            What::Tcp { .. } | What::Arp { .. } | What::Other => None,
        };
        let error = kind(frame);
        let frames = self.frames.iter().take_while(move |other| other.number < number);
        frames.filter(move |other| {
            let theirs = tcp(other).map(|own| (own.sequence, own.flags, own.length, own.payload.clone()));
            mine.is_some() && theirs == mine || error.is_some() && kind(other) == error
        })
    }

    fn is_real(&self, mac: [u8; 6]) -> bool {
        let name = self.record.by_mac(mac);
        name.is_some_and(|name| self.record.is_real(name))
    }

    /// A segment of the client's to the virtual service. By an edited table the director may have put another
    /// address in the place of the VIP.
    fn of_client(&self, frame: &'a Frame) -> Option<&'a Tcp> {
        let client = self.record.host("client")?;
        // A router may have put its own address in the place of the client's.
        let router = self.record.host("router").map(|router| router.address);
        tcp(frame).filter(|segment| {
            client.addresses.contains(&segment.source.0)
                || router == Some(segment.source.0) && segment.target == self.record.service
        })
    }

    /// A segment of the virtual service's to the client.
    fn of_service(&self, frame: &'a Frame) -> Option<&'a Tcp> {
        tcp(frame).filter(|segment| segment.source == self.record.service)
    }

    /// Segments on the same interface in the same direction, of the same connection, before this one.
    fn before(&self, frame: &'a Frame) -> impl Iterator<Item = (&'a Frame, &'a Tcp)> {
        let mine = tcp(frame);
        let earlier = self
            .frames
            .iter()
            .take_while(move |other| other.number < frame.number);
        earlier.filter_map(move |other| {
            let segment = tcp(other)?;
            let same = |mine: &Tcp| mine.source == segment.source && mine.target == segment.target;
            (other.host == frame.host && other.from == frame.from && mine.is_some_and(same))
                .then_some((other, segment))
        })
    }

    /// Was anything of what this segment carries (its SYN, for one that opens) on this interface before?
    fn is_repetition(&self, frame: &'a Frame) -> bool {
        let Some(mine) = tcp(frame) else { return false };
        // A port that is used again begins with a SYN of another number.
        let opened = self.before(frame).filter(|(_, other)| other.has(SYN)).last();
        let since = opened.map_or(0, |(opened, _)| opened.number);
        let mut earlier = self.before(frame).filter(|(other, _)| other.number >= since);
        if mine.has(SYN) {
            return earlier.any(|(_, other)| other.has(SYN) && other.sequence == mine.sequence);
        }
        let is_before = |one: u32, other: u32| matches!(other.wrapping_sub(one), 1..=0x7fff_ffff);
        earlier.any(|(_, other)| {
            other.length > 0 && is_before(mine.sequence, other.end()) && is_before(other.sequence, mine.end())
        })
    }

    fn on(&self, frame: &Frame, host: &str) -> Result<(), String> {
        (frame.host == host)
            .then_some(())
            .ok_or_else(|| format!("packet {} was seen on {}", frame.number, frame.host))
    }

    fn at(&self, frame: &Frame, text: &str) -> Result<(), String> {
        same_span(frame.at - self.record.epoch, text).map_err(|why| format!("packet {}: {why}", frame.number))
    }

    /// Is the packet of this kind?
    fn is(&self, frame: &'a Frame, kind: &str) -> Result<(), String> {
        let segment = tcp(frame);
        let flags =
            |set: u8, clear: u8| segment.is_some_and(|s| s.flags & set == set && s.flags & clear == 0);
        let icmp = |wanted: Option<u8>| match frame.what {
            What::Icmp { kind: 3, code, .. } => wanted.is_none_or(|wanted| wanted == code),
            // ICMPv6's "packet too big"; ICMP has no such type.
            What::Icmp { kind: 2, .. } => wanted.is_none(),
            What::Icmp { .. } | What::Arp { .. } | What::Tcp { .. } | What::Other => false,
        };
        let right = match kind {
            "SYN" => flags(SYN, ACK) && self.of_client(frame).is_some(),
            "SYN-ACK" => flags(SYN | ACK, 0),
            "RST" => flags(RST, 0),
            "FIN" => flags(FIN, 0),
            "acknowledgement" => flags(ACK, SYN | FIN | RST) && segment.is_some_and(|s| s.length == 0),
            "ICMP network unreachable" => icmp(Some(0)),
            "ICMP host unreachable" => icmp(Some(1)),
            "ICMP port unreachable" => icmp(Some(3)),
            "ICMP error" => icmp(None),
            _ => return Err(format!("there is no check for `{kind}`")),
        };
        right
            .then_some(())
            .ok_or_else(|| format!("packet {} is no {kind}", frame.number))
    }
}

fn tcp(frame: &Frame) -> Option<&Tcp> {
    match &frame.what {
        What::Tcp { segment, .. } => Some(segment),
        What::Icmp { .. } | What::Arp { .. } | What::Other => None,
    }
}

/// Do they carry some of the same bytes; or, where one carries none, the same number?
fn overlap(one: &Tcp, other: &Tcp) -> bool {
    let before = |a: u32, b: u32| b.wrapping_sub(a) < u32::MAX / 2 && a != b;
    let both = one.sequence != one.end() && other.sequence != other.end();
    if both {
        before(one.sequence, other.end()) && before(other.sequence, one.end())
    } else {
        one.length == other.length && one.sequence == other.sequence
    }
}

/// The earlier of two sequence numbers, which wrap (RFC 9293, 3.4).
fn earlier(one: u32, other: u32) -> u32 {
    if other.wrapping_sub(one) > u32::MAX / 2 {
        other
    } else {
        one
    }
}

/// Seen on the same interface, from the same host.
fn same_way(one: &Frame, other: &Frame) -> bool {
    one.host == other.host && one.from == other.from
}
