//! What the MySQL client/server protocol says in the packets of a capture: greeting, login, commands and what
//! answers them.
//!
//! The bytes of each direction are put together by TCP's sequence numbers ([`stream`]), cut into the
//! protocol's packets ([`framer`]), and followed through the phases of a connection ([`session`]). Where the
//! capture does not tell (it begins in the middle, bytes are missing, the connection is encrypted or
//! compressed, or it is not MySQL at all) nothing is said, rather than something that might be wrong.
//!
//! An own decoder, because the packet types of `mysql_common` bring random numbers and compression along,
//! which this crate keeps out; and a trace needs only the first bytes of most packets.

mod command;
mod dialogue;
mod framer;
mod notes;
mod payload;
mod response;
mod session;

use super::stream::Stream;
use super::{Packet, Segment, flow};
use crate::capture::dialect::Side;
use crate::record::CellRecord;
use session::Session;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// MySQL's client/server protocol.
#[derive(Debug, Clone, Copy)]
pub struct MySql;

/// What the MySQL protocol says in the packets that passed `point`, by the packet's number: ``greeting of
/// 10.11.19-MariaDB, connection 6``, ``COM_QUERY `select 1` ``, ``ERR 1045 (28000) `Access denied …` ``.
/// Packets that say nothing new (segments sent again, or passed on) have no entry. Foreign text stands
/// between backticks, and needs escaping.
#[must_use]
pub fn annotations(packets: &[Packet], record: &CellRecord, point: usize) -> BTreeMap<u32, String> {
    let mut connections: BTreeMap<(IpAddr, u16, IpAddr), Connection> = BTreeMap::new();
    packets
        .iter()
        .filter(|packet| packet.point == point)
        .filter_map(|packet| {
            let (source, destination, segment) = flow::segment(packet)?;
            let (side, key) = if record.plan.has_port(segment.destination_port) {
                (Side::Client, (source, segment.source_port, destination))
            } else if record.plan.has_port(segment.source_port) {
                (Side::Server, (destination, segment.destination_port, source))
            } else {
                return None;
            };
            let connection = connections.entry(key).or_default();
            let note = connection.take(side, segment);
            connection.session.heard();
            (!note.is_empty()).then_some((packet.number, note))
        })
        .collect()
}

/// Both directions of a TCP connection.
#[derive(Debug, Default)]
struct Connection {
    client: Stream,
    server: Stream,
    session: Session,
    /// Did the last segment bring bytes that were not there before, and that none before them lack?
    fresh: bool,
}

impl Connection {
    /// What is new in a segment.
    fn take(&mut self, side: Side, segment: &Segment) -> String {
        self.fresh = false;
        if segment.flags.syn {
            self.opened(side, segment);
        }
        if segment.payload_length == 0 {
            return String::new();
        }
        // An answer cannot be older than its command.
        let in_time = side == Side::Client || self.client.is_acknowledged_by(segment.acknowledgement);
        let stream = match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        // Some of it was not captured: from here on the direction cannot be followed.
        if u32::try_from(segment.payload.len()).ok() != Some(segment.payload_length) {
            stream.lose();
            self.session.lost();
            return String::new();
        }
        if !stream.is_synchronised() && in_time && self.session.may_begin_with(side, &segment.payload) {
            stream.begin(segment.sequence);
        }
        let known = stream.is_synchronised();
        let bytes = stream.take(segment.sequence, &segment.payload);
        self.fresh = !bytes.is_empty();
        if known && !stream.is_synchronised() {
            self.session.lost();
        }
        self.session.take(side, &bytes)
    }

    /// A SYN: of a new connection, if it is not the same one sent again.
    fn opened(&mut self, side: Side, segment: &Segment) {
        let first = segment.sequence.wrapping_add(1);
        match side {
            Side::Client if self.client.began_at() != Some(first) => {
                *self = Self::default();
                self.client.begin(first);
                self.session.opened();
            }
            Side::Server if self.server.began_at() != Some(first) => self.server.begin(first),
            Side::Client | Side::Server => {}
        }
    }
}
