//! What the client did on the wire for an operation, found in the packets: every connection that it opened
//! and every command that it sent between the operation's beginning and its end, each with what answered it.

use super::accepted::{Acceptance, Firewall, HeldBack};
use super::operation::{Classified, Place};
use super::terminators::terminators;
use super::{Doubt, Terminator, TerminatorKind};
use crate::capture::dialect::{Command, Dialect, Dialogue, Exchange, Outcome, ServerError, Unread, passed};
use crate::capture::flow::{ClientSide, Connection};
use crate::capture::{Packet, Seen, Segment, dialect_of};
use crate::duration::Instant;
use crate::ipvs::Protocol;
use crate::path::Journeys;
use crate::record::{CellRecord, ClientErrorKind, ClientEventKind, EventRole};
use std::time::Duration;

/// By how much two readings of the clock for the same moment may differ.
pub(super) const SLACK: Duration = Duration::from_millis(10);

/// What the client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// A connection: TCP handshake, greeting, login.
    Connect,
    /// A command on a connection that was open.
    Command {
        /// Its name (`COM_PING`).
        name: String,
        /// Is it a statement, or the execution of a prepared one?
        statement: bool,
        /// Is it the operation's own?
        own: bool,
    },
}

/// How far the answer has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// The connection cannot be read.
    Unread,
    /// Not to its end.
    Open,
    /// All of it.
    Complete {
        /// Its last byte.
        by: Seen,
        /// How many rows.
        rows: u64,
    },
    /// An ERR.
    Error {
        /// Its last byte.
        by: Seen,
        /// What it says.
        error: ServerError,
    },
}

/// Something that the client asked for, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    /// On this connection.
    pub(super) connection: Connection,
    /// What.
    pub(super) asked: Asked,
    /// The packet that asked for it first.
    pub(super) request: Seen,
    /// Did the client send all of it?
    pub(super) whole: bool,
    /// What brought new bytes of the answer.
    pub(super) parts: Vec<Seen>,
    /// How far the answer has come.
    pub(super) reply: Reply,
}

impl Attempt {
    /// Is it the operation's own statement?
    pub(super) fn is_own(&self) -> bool {
        matches!(self.asked, Asked::Command { own: true, .. })
    }

    fn is_statement(&self) -> bool {
        matches!(self.asked, Asked::Command { statement: true, .. })
    }

    pub(super) fn connects(&self) -> bool {
        matches!(self.asked, Asked::Connect)
    }

    pub(super) fn is_complete(&self) -> bool {
        matches!(self.reply, Reply::Complete { .. })
    }

    /// The last byte of the whole answer.
    pub(super) fn answered(&self) -> Option<Seen> {
        match &self.reply {
            Reply::Complete { by, .. } | Reply::Error { by, .. } => Some(*by),
            Reply::Unread | Reply::Open => None,
        }
    }
}

/// The client's connections of an operation, and what it asked for on them.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// The connections.
    pub(super) lines: Vec<Line>,
    /// What the client asked for during the operation, in order.
    pub(super) attempts: Vec<Attempt>,
    /// What it had asked for before, and had not been answered when the operation began.
    pub(super) before: Vec<Attempt>,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Line {
    /// Which one.
    pub(super) connection: Connection,
    /// What was said on it.
    pub(super) dialogue: Dialogue,
    /// What the client's kernel accepted of it.
    pub(super) acceptance: Acceptance,
}

/// No program opens more connections for one operation, and none asks for more on them.
const MOST_CONNECTIONS: usize = 1000;
const MOST_ATTEMPTS: usize = 2000;

impl Looked {
    /// A connection that was looked at.
    pub(super) fn line(&self, connection: &Connection) -> Option<&Line> {
        // They are in the order of their SYNs.
        let place = self
            .lines
            .binary_search_by_key(&connection.syn, |line| line.connection.syn);
        self.lines.get(place.ok()?)
    }

    /// What was said on a connection.
    pub(super) fn dialogue(&self, connection: &Connection) -> Option<&Dialogue> {
        self.line(connection).map(|line| &line.dialogue)
    }

    /// What the client's kernel accepted on a connection.
    pub(super) fn accepted<'a>(
        &self,
        side: &ClientSide<'a>,
        connection: &Connection,
    ) -> Vec<(&'a Packet, &'a Segment)> {
        let acceptance = self.line(connection).map(|line| &line.acceptance);
        let accepted = |(packet, _): &(&Packet, &Segment)| {
            acceptance.is_none_or(|acceptance| acceptance.discarded(packet.number).is_none())
        };
        side.received(connection).filter(accepted).collect()
    }
}

/// What the client did for `operation`.
pub(super) fn look(
    record: &CellRecord,
    side: &ClientSide<'_>,
    operation: &Classified<'_>,
    doubts: &mut Vec<Doubt>,
) -> Looked {
    let mut looked = Looked::default();
    let mut connections = candidates(record, side, operation, doubts);
    if connections.len() > MOST_CONNECTIONS {
        doubts.push(Doubt::ManyConnections {
            count: connections.len(),
            most: MOST_CONNECTIONS,
        });
        connections.truncate(MOST_CONNECTIONS);
    }
    let dialect = dialect_of(&record.plan);
    let firewall = Firewall::of(record, side);
    for connection in connections {
        let acceptance = match record.plan.service().protocol {
            Protocol::Tcp | Protocol::Sctp => Acceptance::of(&firewall, side, &connection),
            // A connected UDP socket takes every datagram that comes from its peer.
            Protocol::Udp => Acceptance::default(),
        };
        let accepted = |packet: &Packet| acceptance.discarded(packet.number).is_none();
        let passed = passed(side, &connection, operation.end.at, accepted);
        let mut dialogue = dialect.dialogue(&connection, &passed);
        if dialogue.unread.is_none() && is_no_login(&dialogue) && connection.began < operation.began() {
            // A program that goes on has been let in: what its login was cannot be read.
            let syn = dialogue.exchanges.first().map(|login| login.asked);
            dialogue.unread = syn.map(|syn| (syn, Unread::NotFollowed));
        }
        exchanges(operation, &connection, &dialogue, &mut looked);
        if let Some((from, why)) = dialogue.unread {
            looked
                .attempts
                .extend(unread(dialect, side, operation, &connection, (from.packet, why)));
        }
        looked.lines.push(Line {
            connection,
            dialogue,
            acceptance,
        });
    }
    if looked.attempts.len() > MOST_ATTEMPTS {
        doubts.push(Doubt::ManyCommands {
            count: looked.attempts.len(),
            most: MOST_ATTEMPTS,
        });
        looked.attempts.truncate(MOST_ATTEMPTS);
    }
    looked.attempts.sort_by_key(|attempt| attempt.request.packet);
    looked
}

/// Did a login begin and never end, by what the packets say?
fn is_no_login(dialogue: &Dialogue) -> bool {
    match dialogue.exchanges.as_slice() {
        [login] => login.command == Command::Login && login.outcome == Outcome::Open,
        [] | [_, _, ..] => false,
    }
}

/// The connections that the operation may have used.
fn candidates(
    record: &CellRecord,
    side: &ClientSide<'_>,
    operation: &Classified<'_>,
    doubts: &mut Vec<Doubt>,
) -> Vec<Connection> {
    let all = side.connections().into_iter();
    match operation.place {
        Place::Anywhere { anew } => all
            .filter(|connection| connection.began <= operation.end.at)
            .filter(|connection| anew || connection.began < operation.began())
            .collect(),
        Place::Port(port) => all
            .filter(|connection| connection.client_port == port)
            .filter(|connection| connection.began <= operation.end.at)
            .collect(),
        Place::Opened(from, to) => {
            let mut all = all.filter(|connection| from <= connection.began && connection.began <= to);
            let first = all.next();
            // One that begins in the very moment in which this one was opened belongs to the next connect.
            if let Some(second) = all.find(|second| second.began < to) {
                doubts.push(Doubt::SecondConnection { packet: second.syn });
            }
            first
                .or_else(|| held_back(record, side, operation, from))
                .into_iter()
                .collect()
        }
    }
}

/// The connection of which only a later SYN left the client, because its own firewall may have held back the
/// first ones.
fn held_back(
    record: &CellRecord,
    side: &ClientSide<'_>,
    operation: &Classified<'_>,
    from: Instant,
) -> Option<Connection> {
    let end = operation.end.at;
    let possible = operation.statement.is_none() && HeldBack::possible(record, from, end);
    let during = |connection: &Connection| from <= connection.began && connection.began <= end;
    side.connections().into_iter().find(during).filter(|_| possible)
}

/// What can be read of a connection.
fn exchanges(operation: &Classified<'_>, connection: &Connection, dialogue: &Dialogue, looked: &mut Looked) {
    let sql = operation
        .statement
        .as_ref()
        .map(|statement| statement.beginning());
    let mut prepared = false;
    for (index, exchange) in dialogue.exchanges.iter().enumerate() {
        let reply = match &exchange.outcome {
            Outcome::NeedsNone => continue,
            Outcome::Open if dialogue.unread.is_some() => Reply::Unread,
            Outcome::Open => Reply::Open,
            Outcome::Complete { by, rows } => Reply::Complete { by: *by, rows: *rows },
            Outcome::Error { by, error } => Reply::Error {
                by: *by,
                error: error.clone(),
            },
        };
        let asked = match &exchange.command {
            Command::Login => Asked::Connect,
            command @ Command::Command { name, .. } => {
                let carries = sql.is_some_and(|sql| command.carries(sql));
                // Of a statement that is prepared first, it is the execution that counts.
                let executed = |later: &Exchange| later.command.executes();
                let later = dialogue.exchanges.get(index + 1..).unwrap_or_default();
                let prepares = carries && command.prepares();
                prepared |= prepares;
                let own = match command.executes() {
                    true => prepared,
                    false => carries && !(prepares && later.iter().any(executed)),
                };
                Asked::Command {
                    name: name.clone(),
                    statement: command.is_statement(),
                    own,
                }
            }
        };
        let attempt = Attempt {
            connection: connection.clone(),
            asked,
            request: exchange.asked,
            whole: exchange.whole,
            parts: exchange.parts.clone(),
            reply,
        };
        if attempt.request.at >= operation.began() {
            looked.attempts.push(attempt);
        } else if operation.lost_before.is_some() {
            // What an earlier operation had asked for on the connection that it lost is its own.
        } else if attempt.answered().is_none_or(|by| by.at >= operation.began())
            && attempt.reply != Reply::Unread
        {
            looked.before.push(attempt);
        }
    }
}

/// On a connection that cannot be read from `from` on: the first segment of the operation that carries its
/// statement; if none does, the first of any kind.
fn unread(
    dialect: &dyn Dialect,
    side: &ClientSide<'_>,
    operation: &Classified<'_>,
    connection: &Connection,
    (from, why): (u32, Unread),
) -> Option<Attempt> {
    let statement = operation.statement.as_ref()?;
    let said: Vec<_> = side
        .sent(connection)
        .filter(|(packet, segment)| packet.number >= from && segment.payload_length > 0)
        .filter(|(packet, _)| operation.began() <= packet.at && packet.at <= operation.end.at)
        .collect();
    let own = |(_, segment): &&(&Packet, &Segment)| dialect.carries(&segment.payload, statement.beginning());
    let carrier = said.iter().find(own);
    // The login of a connection that was opened for the operation is no statement.
    let any = said.first().filter(|_| connection.began < operation.began());
    let (packet, _) = carrier.or(any)?;
    let readable = match why {
        Unread::NotFollowed => false,
        Unread::Tls | Unread::Compressed => true,
    };
    Some(Attempt {
        connection: connection.clone(),
        asked: Asked::Command {
            name: dialect.statement().to_owned(),
            statement: true,
            // What is encrypted or compressed may be anything.
            own: carrier.is_some() || readable,
        },
        request: Seen::from(*packet),
        // Of what cannot be read nothing is known to be missing.
        whole: true,
        parts: Vec::new(),
        reply: Reply::Unread,
    })
}

/// The attempt by which the operation ended, or was waiting: its place in `looked.attempts`.
pub(super) fn last(
    paths: &Journeys,
    side: &ClientSide<'_>,
    operation: &Classified<'_>,
    looked: &Looked,
) -> Option<usize> {
    match operation.end.kind.role() {
        EventRole::Succeeds => succeeded(operation, looked),
        EventRole::Fails | EventRole::Waits => {
            let ended = |attempt: &Attempt| is_ended(paths, side, operation, looked, attempt);
            not_answered(operation, looked, &ended)
        }
        EventRole::Begins | EventRole::Aside => None,
    }
}

/// Did the network end or refuse its connection before its answer was there?
fn is_ended(
    paths: &Journeys,
    side: &ClientSide<'_>,
    operation: &Classified<'_>,
    looked: &Looked,
    attempt: &Attempt,
) -> bool {
    let received = looked.accepted(side, &attempt.connection);
    let mut all = terminators(paths, side, &received, &attempt.connection, operation.end.at).into_iter();
    // An ICMP error ends only what is being opened.
    let ends = |terminator: Terminator| match terminator.kind {
        TerminatorKind::Fin | TerminatorKind::Rst => true,
        TerminatorKind::Icmp { .. } => attempt.connects() || side.is_udp(),
    };
    !attempt.is_complete() && all.any(ends)
}

/// That which gave the program its answer.
pub(super) fn succeeded(operation: &Classified<'_>, looked: &Looked) -> Option<usize> {
    let last = |is: &dyn Fn(&Attempt) -> bool| looked.attempts.iter().rposition(is);
    if operation.statement.is_some() {
        return last(&|attempt| attempt.is_own() && attempt.is_complete())
            .or_else(|| last(&Attempt::is_own))
            // A program may put the statement otherwise.
            .or_else(|| last(&Attempt::is_statement).filter(|_| operation.chooses()));
    }
    let is_told = |attempt: &Attempt| {
        let id = looked
            .dialogue(&attempt.connection)
            .and_then(|dialogue| dialogue.connection_id);
        let told = |id| {
            matches!(
                operation.end.kind,
                ClientEventKind::Connected { connection_id, .. } if connection_id == id
            )
        };
        id.is_some_and(told)
    };
    last(&|attempt| attempt.connects() && attempt.is_complete() && is_told(attempt))
        .or_else(|| last(&|attempt| attempt.connects() && attempt.is_complete()))
        .or_else(|| last(&|attempt| attempt.connects() && attempt.reply == Reply::Unread))
        .or_else(|| last(&Attempt::connects))
}

/// That which failed, or is still to be answered.
fn not_answered(
    operation: &Classified<'_>,
    looked: &Looked,
    ended: &dyn Fn(&Attempt) -> bool,
) -> Option<usize> {
    let last = |is: &dyn Fn(&Attempt) -> bool| looked.attempts.iter().rposition(is);
    if let ClientEventKind::Failed(error) = &operation.end.kind {
        if let ClientErrorKind::Server { code, .. } = error.kind {
            let told =
                last(&|attempt| matches!(&attempt.reply, Reply::Error { error, .. } if error.code == code));
            if told.is_some() {
                return told;
            }
        }
        // What began at the very end may be what the program does next: it cannot have failed yet.
        let begun = |attempt: &Attempt| {
            attempt.reply == Reply::Open
                && attempt.parts.is_empty()
                && attempt.request.at.plus(SLACK) > operation.end.at
                && !ended(attempt)
        };
        let failed_before = last(&|attempt| !attempt.is_complete() && !begun(attempt));
        if failed_before.is_some() {
            return failed_before;
        }
    }
    last(&|attempt| !attempt.is_complete())
        .or_else(|| succeeded(operation, looked))
        .or_else(|| looked.attempts.len().checked_sub(1))
}
