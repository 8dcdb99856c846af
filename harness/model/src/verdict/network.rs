//! What the packets show of the classified operation.

use super::accepted::HeldBack;
use super::attempts::{self, Asked, Attempt, Looked, Reply, SLACK};
use super::discarded::Discarded;
use super::operation::Classified;
use super::segments;
use super::servers::{Servers, servers};
use super::terminators::terminators;
use super::{Doubt, Retransmissions, Terminator, TerminatorKind};
use crate::capture::flow::{ClientSide, Connection};
use crate::capture::{Packet, Seen, Segment};
use crate::duration::Instant;
use crate::path::Journeys;
use crate::record::CellRecord;
use std::time::Duration;

/// What carried the operation out of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// A connect's first SYN.
    Syn(Seen),
    /// A connect or a statement whose packet waits for an ARP reply that nobody gives: the last request.
    Arp(Seen),
    /// The statement's first segment.
    Statement(Seen),
    /// Another command that the program sent for the operation: a ping, or a statement of its own.
    Command(Seen),
}

impl Request {
    pub(super) fn seen(self) -> Seen {
        match self {
            Self::Syn(seen) | Self::Arp(seen) | Self::Statement(seen) | Self::Command(seen) => seen,
        }
    }
}

/// What the packets show of one thing that the client asked for, until the operation ended, the observation
/// did, or the client turned to something else.
#[derive(Debug, Default)]
pub(super) struct Network {
    /// Its connection.
    pub(super) connection: Option<Connection>,
    /// What carried it.
    pub(super) request: Option<Request>,
    /// The name of the command that was asked for; empty for a connect.
    pub(super) asked: String,
    /// Was a connection being opened?
    pub(super) connects: bool,
    /// How far the answer has come; `None` if nothing was asked for.
    pub(super) reply: Option<Reply>,
    /// The client asked for the VIP's Ethernet address after the operation began, and nobody answered: the
    /// last request.
    pub(super) arp_unanswered: Option<Seen>,
    /// What the client's own firewall did with segments that the client sent; they are not in the capture.
    pub(super) held_back: Option<HeldBack>,
    /// What reached the client's interface and was not accepted by its kernel. None of it is in what follows.
    pub(super) discarded: Vec<Discarded>,
    /// The client sent only a part of what it asked for, and the server acknowledged that part and had room
    /// for more: the rest was never written.
    pub(super) cut_short: bool,
    /// The SYN-ACK that the client's kernel accepted.
    pub(super) established: Option<Seen>,
    /// Segments that the client's kernel accepted after the request, with new bytes of the answer.
    pub(super) answers: Vec<Seen>,
    /// An error packet that reached the client on the connection, whenever that was: a server that is being
    /// stopped says so to sessions that have asked for nothing.
    pub(super) server_error: Option<Seen>,
    /// What ended or refused the connection.
    pub(super) terminators: Vec<Terminator>,
    /// The last packet of any kind that the client's kernel accepted on the connection.
    pub(super) last_received: Option<Seen>,
    /// Those of `answers` that the client has not replied to: a connect is a conversation, and what it waits
    /// for after the greeting is the answer to its login. Of a connection that can be read: what brought the
    /// end of the whole answer.
    pub(super) unreplied: Vec<Seen>,
    /// The last segment that the client sent on it.
    pub(super) last_sent: Option<Seen>,
    /// Nothing acknowledged all that the client had sent on it.
    pub(super) unacknowledged: bool,
    /// All that the client sent on it, in order.
    pub(super) sent: Vec<Seen>,
    /// The client itself closed or reset the connection after the request.
    pub(super) closed_by_client: Option<Seen>,
    /// The client's own kernel had ended the connection before the operation began: its RST or FIN. TCP does
    /// so when keepalive probes stay unanswered (net/ipv4/tcp_timer.c, `tcp_keepalive_timer`).
    pub(super) ended_by_client_before: Option<Seen>,
    /// The real servers that answered the connection, and those that it reached besides.
    pub(super) servers: Servers,
    /// What was sent again.
    pub(super) retransmissions: Retransmissions,
}

impl Network {
    /// The last segment that the client sent before the first part of the answer that came after `from`.
    pub(super) fn last_unanswered(&self, from: Instant) -> Option<Seen> {
        let next = self.answers.iter().find(|answer| answer.at > from);
        let next = next.map_or(u32::MAX, |answer| answer.packet);
        self.sent.iter().rfind(|seen| seen.packet < next).copied()
    }
}

/// What the packets show of the operation.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// What it ended with, or was waiting for at the end.
    pub(super) last: Network,
    /// What it waited for the longest, if that is something else.
    pub(super) longest: Option<Network>,
    /// All that the client asked for in its time.
    pub(super) looked: Looked,
    /// Which of the attempts `last` is.
    pub(super) at: Option<usize>,
    /// The longest time in which nothing new of the answer came.
    pub(super) silence: Option<Silence>,
    /// What does not fit together.
    pub(super) doubts: Vec<Doubt>,
}

impl Wire {
    /// That which the client waited for the longest.
    pub(super) fn subject(&self) -> &Network {
        self.longest.as_ref().unwrap_or(&self.last)
    }

    /// The attempt by which the operation ended.
    pub(super) fn attempt(&self) -> Option<&Attempt> {
        self.looked.attempts.get(self.at?)
    }
}

/// A time in which nothing new of the answer reached the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Silence {
    /// From when on: when the answer was due, or the part before it came.
    pub(super) from: Instant,
    /// Until when.
    pub(super) to: Instant,
    /// The part that came before it.
    pub(super) after: Option<Seen>,
}

impl Silence {
    pub(super) fn lasted(&self) -> Duration {
        self.to.since(self.from)
    }
}

/// What the packets show of `operation`.
pub(super) fn network(record: &CellRecord, paths: &Journeys, operation: &Classified<'_>) -> Wire {
    let mut wire = Wire::default();
    let Some(side) = ClientSide::of(record, paths.packets()) else {
        return wire;
    };
    wire.looked = attempts::look(record, &side, operation, &mut wire.doubts);
    wire.at = attempts::last(paths, &side, operation, &wire.looked);
    let view = View {
        record,
        paths,
        side: &side,
        operation,
    };
    let arp_unanswered = arp_unanswered(&side, operation);
    let attempt = wire
        .attempt()
        .or_else(|| waiting_before(operation, &wire.looked))
        .cloned();
    let connection = match &attempt {
        Some(attempt) => Some(attempt.connection.clone()),
        None if operation.statement.is_none() => None,
        None => used_before(&side, operation, &wire.looked),
    };
    let end = operation.end.at;
    wire.last = match &connection {
        None => Network::default(),
        Some(connection) => view.network(connection, attempt.as_ref(), &wire.looked, end, &mut wire.doubts),
    };
    wire.last.arp_unanswered = arp_unanswered;
    wire.last.held_back = HeldBack::of(record, operation.began(), end);
    if wire.last.request.is_none() {
        wire.last.request = arp_unanswered.map(Request::Arp);
    }
    if connection.is_none() {
        wire.last.connects = operation.statement.is_none();
    }
    wire.silence = attempt
        .as_ref()
        .and_then(|attempt| silence(operation, attempt, &wire.looked));
    if let Some((longest, until)) = waited_longest(operation, &wire) {
        wire.longest = Some(view.network(
            &longest.connection,
            Some(&longest),
            &wire.looked,
            until,
            &mut wire.doubts,
        ));
    }
    wire
}

/// What a program was waiting for when the operation began, if it asked for nothing in its time: a pool that
/// opens connections in the background.
fn waiting_before<'a>(operation: &Classified<'_>, looked: &'a Looked) -> Option<&'a Attempt> {
    looked.before.last().filter(|_| operation.chooses())
}

/// The connection that an operation would have used of which nothing was seen: the last one that was opened
/// before it, and that the client itself had not closed.
fn used_before(side: &ClientSide<'_>, operation: &Classified<'_>, looked: &Looked) -> Option<Connection> {
    let open = |connection: &&Connection| {
        let mut sent = side.sent(connection);
        !sent.any(|(packet, segment)| {
            packet.at < operation.began() && (segment.flags.fin || segment.flags.rst)
        })
    };
    let all = || {
        let all = looked.lines.iter().map(|line| &line.connection);
        all.filter(|connection| connection.began <= operation.end.at)
    };
    all().rfind(open).or_else(|| all().next_back()).cloned()
}

/// The longest time from when the answer was due in which nothing new of it came. `None` where the connection
/// cannot be read.
///
/// What answers another command, or came on a connection that was given up, is no part of the answer.
fn silence(operation: &Classified<'_>, attempt: &Attempt, looked: &Looked) -> Option<Silence> {
    if attempt.reply == Reply::Unread {
        return None;
    }
    let (due, end) = (operation.due, operation.end.at);
    let of_it = looked.attempts.iter().filter(|other| {
        let same = other.connection == attempt.connection;
        same && (operation.statement.is_none() || other.request.packet >= attempt.request.packet)
    });
    let mut parts: Vec<Seen> = of_it.flat_map(|other| other.parts.iter().copied()).collect();
    parts.sort_by_key(|part| part.packet);
    // What came at the very end is the end.
    parts.retain(|part| due < part.at && part.at.plus(SLACK) < end);
    let mut longest = Silence {
        from: due,
        to: due,
        after: None,
    };
    let mut from = (due, None);
    for (to, next) in parts
        .into_iter()
        .map(|part| (part.at, Some(part)))
        .chain([(end.max(due), None)])
    {
        if to.since(from.0) > longest.lasted() {
            longest = Silence {
                from: from.0,
                to,
                after: from.1,
            };
        }
        from = (to, next);
    }
    Some(longest)
}

/// What the client waited for in most of the longest silence, if that is not what the operation ended with;
/// and when it turned to something else.
fn waited_longest(operation: &Classified<'_>, wire: &Wire) -> Option<(Attempt, Instant)> {
    let (silence, last) = (wire.silence?, wire.attempt()?);
    let patience = operation.deadline.since(operation.due);
    if silence.lasted() <= patience {
        return None;
    }
    let until = |attempt: &Attempt| {
        let answered = attempt.answered().map(|by| by.at);
        let all = &wire.looked.attempts;
        let after = all.partition_point(|next| next.request.packet <= attempt.request.packet);
        let mut later = all.get(after..).unwrap_or_default().iter();
        let next = later.find(|next| next.connection != attempt.connection);
        answered
            .into_iter()
            .chain(next.map(|next| next.request.at))
            .min()
            .unwrap_or(operation.end.at)
    };
    let waited = |attempt: &Attempt| {
        let (from, to) = (
            attempt.request.at.max(silence.from),
            until(attempt).min(silence.to),
        );
        if from < to { to.since(from) } else { Duration::ZERO }
    };
    let others = wire.looked.attempts.iter().filter(|attempt| *attempt != last);
    let longest = others.max_by_key(|attempt| waited(attempt))?;
    (waited(longest) > waited(last)).then(|| (longest.clone(), until(longest)))
}

/// Everything that a look at a connection needs.
struct View<'a> {
    record: &'a CellRecord,
    paths: &'a Journeys,
    side: &'a ClientSide<'a>,
    operation: &'a Classified<'a>,
}

impl View<'_> {
    /// What the packets show of `attempt` on `connection` until `until`.
    fn network(
        &self,
        connection: &Connection,
        attempt: Option<&Attempt>,
        looked: &Looked,
        until: Instant,
        doubts: &mut Vec<Doubt>,
    ) -> Network {
        let sent: Vec<_> = self
            .side
            .sent(connection)
            .filter(|(packet, _)| packet.at <= until)
            .collect();
        let reached: Vec<_> = self
            .side
            .received(connection)
            .filter(|(packet, _)| packet.at <= until)
            .collect();
        let acceptance = looked.line(connection).map(|line| &line.acceptance);
        doubts.extend(
            acceptance
                .iter()
                .flat_map(|acceptance| acceptance.doubts.iter().cloned()),
        );
        let accepted = |packet: &Packet| {
            acceptance.is_none_or(|acceptance| acceptance.discarded(packet.number).is_none())
        };
        let received: Vec<_> = reached
            .iter()
            .copied()
            .filter(|(packet, _)| accepted(packet))
            .collect();
        let request = attempt
            .and_then(|attempt| request(attempt, self.operation, doubts))
            .or_else(|| beginning(self.operation, attempt, &sent, &received));
        let opening = attempt.is_some_and(Attempt::connects);
        let connects =
            opening && (self.operation.statement.is_none() || !attempt.is_some_and(Attempt::is_complete));
        let mut network = Network {
            connection: Some(connection.clone()),
            request,
            asked: match attempt.map(|attempt| &attempt.asked) {
                Some(Asked::Command { name, .. }) => name.clone(),
                Some(Asked::Connect) | None => String::new(),
            },
            connects,
            reply: attempt.map(|attempt| attempt.reply.clone()),
            cut_short: attempt.is_some_and(|attempt| !attempt.whole) && segments::has_room(&sent, &received),
            established: received
                .iter()
                .find(|(_, segment)| segment.flags.syn && segment.flags.ack)
                .map(|(packet, _)| Seen::from(*packet)),
            server_error: unasked(connection, looked).or_else(|| {
                let error = received.iter().find(|(_, segment)| is_error(&segment.payload));
                error.map(|(packet, _)| Seen::from(*packet))
            }),
            terminators: terminators(self.paths, self.side, &received, connection, until),
            discarded: acceptance.map_or_else(Vec::new, |acceptance| {
                acceptance.discarded_of(self.paths, &reached)
            }),
            last_received: received.last().map(|(packet, _)| Seen::from(*packet)),
            last_sent: sent.last().map(|(packet, _)| Seen::from(*packet)),
            unacknowledged: segments::unacknowledged(&sent, &received),
            sent: sent.iter().map(|(packet, _)| Seen::from(*packet)).collect(),
            closed_by_client: request
                .and_then(|request| segments::own_end(&sent, |packet| packet.number > request.seen().packet)),
            ended_by_client_before: segments::own_end(&sent, |packet| packet.at < self.operation.began()),
            servers: {
                let asked = request.map(|request| request.seen().packet);
                servers(self.record, self.paths, self.side, connection, &received, asked)
            },
            // UDP sends nothing again, and acknowledges nothing.
            retransmissions: match self.side.is_udp() {
                true => Retransmissions::default(),
                false => segments::retransmissions(&sent, self.operation.began()),
            },
            ..Network::default()
        };
        match attempt.filter(|attempt| attempt.reply != Reply::Unread) {
            Some(attempt) => {
                network.answers.clone_from(&attempt.parts);
                network.unreplied.extend(attempt.answered());
                // A connect is a conversation: it is the client's turn.
                let said = segments::last_said(&sent).unwrap_or(attempt.request);
                let since = attempt.parts.iter().filter(|part| part.packet > said.packet);
                if network.connects && network.unreplied.is_empty() {
                    network.unreplied.extend(since);
                }
            }
            None => {
                network.answers =
                    request.map_or_else(Vec::new, |request| segments::answers(request.seen(), &received));
                network.unreplied = match segments::last_said(&sent).filter(|_| connects) {
                    Some(said) => segments::answers(said, &received),
                    None => network.answers.clone(),
                };
            }
        }
        if !self.side.is_udp() {
            doubts.extend(segments::gaps(&sent, &reached));
        }
        network
    }
}

/// An ERR that the server sent on the connection without having been asked.
fn unasked(connection: &Connection, looked: &Looked) -> Option<Seen> {
    let (by, _) = looked.dialogue(connection)?.unasked.first()?;
    Some(*by)
}

/// The first byte of a statement of which the network let so little through that the rest never left the
/// client: it is sent again and again, and nothing acknowledges it.
fn beginning(
    operation: &Classified<'_>,
    attempt: Option<&Attempt>,
    sent: &[(&Packet, &Segment)],
    received: &[(&Packet, &Segment)],
) -> Option<Request> {
    if attempt.is_some() || operation.statement.is_none() {
        return None;
    }
    let mut said = sent.iter();
    let (packet, segment) =
        said.find(|(packet, segment)| packet.at >= operation.began() && segment.payload_length > 0)?;
    (!segments::acknowledged(packet, segment, received)).then(|| Request::Statement(Seen::from(*packet)))
}

/// The client's last ARP request for the VIP since the operation began, unless a reply came after it.
fn arp_unanswered(side: &ClientSide<'_>, operation: &Classified<'_>) -> Option<Seen> {
    let during = |packet: &&Packet| operation.began() <= packet.at && packet.at <= operation.end.at;
    let last = side.arp_requests().filter(during).last()?;
    let answered = side.arp_replies().any(|reply| reply.number > last.number);
    (!answered).then(|| Seen::from(last))
}

fn request(attempt: &Attempt, operation: &Classified<'_>, doubts: &mut Vec<Doubt>) -> Option<Request> {
    let seen = attempt.request;
    match &attempt.asked {
        Asked::Connect => Some(Request::Syn(seen)),
        Asked::Command { own: true, .. } => Some(Request::Statement(seen)),
        // A program may ask whether a connection lives, set something of it, or put the statement otherwise.
        Asked::Command { own: false, .. } if operation.chooses() && attempt.reply != Reply::Unread => {
            Some(Request::Command(seen))
        }
        Asked::Command { own: false, .. } if operation.statement.is_none() => Some(Request::Command(seen)),
        Asked::Command { own: false, .. } => {
            doubts.push(Doubt::OtherStatement { packet: seen.packet });
            None
        }
    }
}

/// Is this the beginning of an ERR packet (MySQL client/server protocol: three bytes length, a sequence
/// number, 0xff)?
fn is_error(payload: &[u8]) -> bool {
    matches!(payload, [_, _, _, _, 0xff, ..])
}

/// Does it end the connection? An ICMP error ends one that is being opened. To one that is established it is
/// a soft error: TCP notes it, sends again as before, and reports it instead of ETIMEDOUT when it gives up
/// (RFC 1122, 4.2.3.9; net/ipv4/tcp_ipv4.c, `tcp_v4_err`; tcp_timer.c, `tcp_write_err`).
pub(super) fn ends(terminator: &Terminator, established: Option<Seen>) -> bool {
    match terminator.kind {
        TerminatorKind::Fin | TerminatorKind::Rst => true,
        TerminatorKind::Icmp { .. } => {
            established.is_none_or(|established| terminator.packet < established.packet)
        }
    }
}
