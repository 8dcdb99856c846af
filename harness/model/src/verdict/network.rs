//! What the packets show of the classified operation.

use super::accepted::{Acceptance, Discarded, HeldBack};
use super::operation::{Anew, Classified, moment};
use super::servers::{Servers, servers};
use super::{Retransmissions, Terminator, TerminatorKind};
use crate::capture::flow::{self, ClientSide, Connection};
use crate::capture::{Packet, Segment};
use crate::duration::Instant;
use crate::plan::LabPlan;
use crate::record::CellRecord;

/// A packet by its number and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Its number.
    pub(super) packet: u32,
    /// Its time.
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

/// What carried the operation out of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// A connect's first SYN.
    Syn(Seen),
    /// A connect or a statement whose packet waits for an ARP reply that nobody gives: the last request.
    Arp(Seen),
    /// The statement's first segment.
    Statement(Seen),
}

impl Request {
    pub(super) fn seen(self) -> Seen {
        match self {
            Self::Syn(seen) | Self::Arp(seen) | Self::Statement(seen) => seen,
        }
    }
}

/// What the packets show of the operation, until the operation ended or the observation did.
#[derive(Debug, Default)]
pub(super) struct Network {
    /// Its connection.
    pub(super) connection: Option<Connection>,
    /// What carried it.
    pub(super) request: Option<Request>,
    /// The client asked for the VIP's Ethernet address after the operation began, and nobody answered: the last request.
    pub(super) arp_unanswered: Option<Seen>,
    /// What the client's own firewall did with segments that the client sent; they are not in the capture.
    pub(super) held_back: Option<HeldBack>,
    /// What reached the client's interface and was not accepted by its kernel. None of it is in what follows.
    pub(super) discarded: Vec<Discarded>,
    /// The SYN-ACK that the client's kernel accepted.
    pub(super) established: Option<Seen>,
    /// Segments with payload that the client's kernel accepted after the request.
    pub(super) answers: Vec<Seen>,
    /// An error packet that reached the client on the connection, whenever that was: a server that is being stopped says so to
    /// sessions that have asked for nothing.
    pub(super) server_error: Option<Seen>,
    /// What ended or refused the connection.
    pub(super) terminators: Vec<Terminator>,
    /// The last packet of any kind that the client's kernel accepted on the connection.
    pub(super) last_received: Option<Seen>,
    /// Those of `answers` that the client has not replied to: a connect is a conversation, and what it waits for after the
    /// greeting is the answer to its login.
    pub(super) unreplied: Vec<Seen>,
    /// The last segment that the client sent on it.
    pub(super) last_sent: Option<Seen>,
    /// The same before the first answer came.
    pub(super) last_unanswered: Option<Seen>,
    /// The real servers that answered the connection, and those that it reached besides.
    pub(super) servers: Servers,
    /// What was sent again.
    pub(super) retransmissions: Retransmissions,
    /// What does not fit together.
    pub(super) doubts: Vec<String>,
}

/// What the packets show of `operation`.
pub(super) fn network(record: &CellRecord, packets: &[Packet], operation: &Classified<'_>) -> Network {
    let mut network = Network::default();
    let Some(side) = ClientSide::of(record, packets) else {
        return network;
    };
    let end = operation.end.at;
    network.connection =
        connection(&side, operation, &mut network.doubts).or_else(|| held_back(record, &side, operation));
    network.arp_unanswered = arp_unanswered(&side, operation);
    network.held_back = HeldBack::of(record, operation.began(), end);
    let Some(connection) = network.connection.clone() else {
        network.request = network.arp_unanswered.map(Request::Arp);
        return network;
    };
    let sent: Vec<_> = side.sent(&connection).filter(|(packet, _)| packet.at <= end).collect();
    let reached: Vec<_> = side
        .received(&connection)
        .filter(|(packet, _)| packet.at <= end)
        .collect();
    let acceptance = Acceptance::of(record, &side, &connection);
    network.doubts.extend(acceptance.doubts.iter().cloned());
    network.discarded = acceptance.told(record, &reached);
    let accepted = |packet: &Packet| acceptance.discarded(packet.number).is_none();
    let received: Vec<_> = reached.iter().copied().filter(|(packet, _)| accepted(packet)).collect();
    network.request =
        request(&connection, operation, &sent, &mut network.doubts).or(network.arp_unanswered.map(Request::Arp));
    network.established = received
        .iter()
        .find(|(_, segment)| segment.flags.syn && segment.flags.ack)
        .map(|(packet, _)| Seen::from(*packet));
    network.server_error = received
        .iter()
        .find(|(_, segment)| is_error(&segment.payload))
        .map(|(packet, _)| Seen::from(*packet));
    network.answers = network
        .request
        .map_or_else(Vec::new, |request| answers(request.seen(), &received));
    network.terminators = terminators(&record.plan, &side, &received, &connection, end);
    network.last_received = received.last().map(|(packet, _)| Seen::from(*packet));
    network.unreplied = match last_said(&sent).filter(|_| operation.connects()) {
        Some(said) => answers(said, &received),
        None => network.answers.clone(),
    };
    network.last_sent = sent.last().map(|(packet, _)| Seen::from(*packet));
    let answered = network.answers.first().map_or(u32::MAX, |answer| answer.packet);
    let unanswered = sent.iter().rfind(|(packet, _)| packet.number < answered);
    network.last_unanswered = unanswered.map(|(packet, _)| Seen::from(*packet));
    network.servers = servers(record, packets, &side, &connection, &received);
    network.retransmissions = retransmissions(&sent, operation.began());
    network.doubts.extend(gaps(&sent, &reached));
    network
}

/// Segments with payload that reached the client after its request and bring what it did not have before. A server that
/// misses an acknowledgement sends old data again; that answers nothing, however often it comes.
fn answers(request: Seen, received: &[(&Packet, &Segment)]) -> Vec<Seen> {
    let data = || received.iter().filter(|(_, segment)| segment.payload_length > 0);
    let known = data()
        .filter(|(packet, _)| packet.number < request.packet)
        .map(|(_, segment)| end(segment))
        .reduce(|one, other| if after(other, one) { other } else { one });
    data()
        .filter(|(packet, _)| packet.number > request.packet)
        .filter(|(_, segment)| known.is_none_or(|known| after(end(segment), known)))
        .map(|(packet, _)| Seen::from(*packet))
        .collect()
}

/// The number of the byte after the segment's payload.
fn end(segment: &Segment) -> u32 {
    segment.sequence.wrapping_add(segment.payload_length)
}

/// Sequence numbers wrap: RFC 9293, section 3.4, compares them by the sign of their difference.
fn after(one: u32, other: u32) -> bool {
    matches!(one.wrapping_sub(other), 1..=0x7fff_ffff)
}

/// The last segment with payload that was none sent again.
fn last_said(sent: &[(&Packet, &Segment)]) -> Option<Seen> {
    let said = sent.iter().filter(|(_, segment)| segment.payload_length > 0);
    let (packet, _) = said
        .copied()
        .reduce(|last, next| match after(end(next.1), end(last.1)) {
            true => next,
            false => last,
        })?;
    Some(Seen::from(packet))
}

/// The connection whose SYN was sent while the client was opening it.
fn connection(side: &ClientSide<'_>, operation: &Classified<'_>, doubts: &mut Vec<String>) -> Option<Connection> {
    let (from, to) = operation.opened;
    let mut candidates = side
        .connections()
        .into_iter()
        .filter(|connection| from <= connection.began && connection.began <= to);
    let first = candidates.next();
    // One that begins in the very moment in which this one was opened belongs to the next connect.
    if let Some(second) = candidates.find(|second| second.began < to) {
        doubts.push(format!(
            "the client opened more than one connection for it (SYN in packet {} too)",
            second.syn
        ));
    }
    first
}

/// The connection of which only a later SYN left the client, because its own firewall may have held back the first ones.
fn held_back(record: &CellRecord, side: &ClientSide<'_>, operation: &Classified<'_>) -> Option<Connection> {
    let (from, end) = (operation.opened.0, operation.end.at);
    let possible = operation.connects() && HeldBack::possible(record, from, end);
    let during = |connection: &Connection| from <= connection.began && connection.began <= end;
    side.connections().into_iter().find(during).filter(|_| possible)
}

/// The client's last ARP request for the VIP since the operation began, unless a reply came after it.
fn arp_unanswered(side: &ClientSide<'_>, operation: &Classified<'_>) -> Option<Seen> {
    let during = |packet: &&Packet| operation.began() <= packet.at && packet.at <= operation.end.at;
    let last = side.arp_requests().filter(during).last()?;
    let answered = side.arp_replies().any(|reply| reply.number > last.number);
    (!answered).then(|| Seen::from(last))
}

fn request(
    connection: &Connection,
    operation: &Classified<'_>,
    sent: &[(&Packet, &Segment)],
    doubts: &mut Vec<String>,
) -> Option<Request> {
    let Some(statement) = operation.statement.filter(|_| !operation.connects()) else {
        return Some(Request::Syn(Seen {
            packet: connection.syn,
            at: connection.began,
        }));
    };
    let mut payload = sent
        .iter()
        .filter(|(packet, segment)| packet.at >= operation.began() && segment.payload_length > 0);
    let (packet, segment) = match operation.anew {
        Anew::Not | Anew::Tried => payload.next()?,
        // On a connection that was opened for it, the statement comes after the login.
        Anew::Connected => payload.find(|(_, segment)| carries(&segment.payload, statement.beginning()))?,
    };
    if carries(&segment.payload, statement.beginning()) {
        Some(Request::Statement(Seen::from(*packet)))
    } else {
        doubts.push(format!(
            "packet {} is the first that the client sent after it began the statement, but does not carry it",
            packet.number
        ));
        None
    }
}

/// Is this the beginning of a `COM_QUERY` (MySQL client/server protocol: three bytes length, sequence number 0, 0x03) with this
/// text? A long statement takes more than one segment.
fn carries(payload: &[u8], sql: &str) -> bool {
    const COM_QUERY: u8 = 3;
    match payload {
        [_, _, _, 0, COM_QUERY, text @ ..] => {
            let sql = sql.as_bytes();
            // MySQL 8.0.23 and later may put query attributes before the text.
            text.windows(sql.len().max(1)).any(|part| part == sql) || (text.len() < sql.len() && sql.starts_with(text))
        }
        _ => false,
    }
}

/// Is this the beginning of an ERR packet (MySQL client/server protocol: three bytes length, a sequence number, 0xff)?
fn is_error(payload: &[u8]) -> bool {
    matches!(payload, [_, _, _, _, 0xff, ..])
}

fn terminators(
    plan: &LabPlan,
    side: &ClientSide<'_>,
    received: &[(&Packet, &Segment)],
    connection: &Connection,
    end: Instant,
) -> Vec<Terminator> {
    let terminator = |kind: TerminatorKind, packet: &Packet| Terminator {
        kind,
        by: plan.host_by_mac(packet.source_mac).map(|host| host.node.clone()),
        packet: packet.number,
        at: packet.at,
    };
    let mut terminators: Vec<Terminator> = received
        .iter()
        .filter_map(|(packet, segment)| match (segment.flags.rst, segment.flags.fin) {
            (true, _) => Some(terminator(TerminatorKind::Rst, packet)),
            (false, true) => Some(terminator(TerminatorKind::Fin, packet)),
            (false, false) => None,
        })
        .collect();
    terminators.extend(
        side.unreachable(connection)
            .map(|(packet, code)| terminator(TerminatorKind::Icmp { code }, packet)),
    );
    terminators.retain(|terminator| terminator.at <= end);
    terminators.sort_by_key(|terminator| terminator.packet);
    terminators
}

fn retransmissions(sent: &[(&Packet, &Segment)], began: Instant) -> Retransmissions {
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

/// TCP proves the capture: no end acknowledges what it has not received, so an acknowledgement of bytes that the capture does
/// not show means that packets are missing from it.
fn gaps(sent: &[(&Packet, &Segment)], received: &[(&Packet, &Segment)]) -> Vec<String> {
    let mut doubts = Vec::new();
    for (acknowledging, data, who, what) in [
        (
            sent,
            received,
            "the client",
            "what the capture does not show reaching it",
        ),
        (
            received,
            sent,
            "the server",
            "what the capture does not show the client sending",
        ),
    ] {
        let unseen = acknowledging.iter().find(|(packet, segment)| {
            let acknowledges = segment.flags.ack && !segment.flags.rst;
            acknowledges && !covered(segment.acknowledgement, packet, data)
        });
        if let Some((packet, _)) = unseen {
            doubts.push(format!(
                "packets are missing: in packet {} {who} acknowledges {what} ({})",
                packet.number,
                moment(packet.at)
            ));
        }
    }
    doubts
}

/// Does any segment before `packet` reach up to `acknowledgement`?
fn covered(acknowledgement: u32, packet: &Packet, data: &[(&Packet, &Segment)]) -> bool {
    data.iter()
        .take_while(|(earlier, _)| earlier.number < packet.number)
        .any(|(_, segment)| {
            // SYN and FIN take a sequence number each (RFC 9293, 3.4).
            let length = segment.payload_length + u32::from(segment.flags.syn) + u32::from(segment.flags.fin);
            flow::at_or_after(segment.sequence.wrapping_add(length), acknowledgement)
        })
}
