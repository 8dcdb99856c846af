//! What a client and a server say to each other, whatever their protocol. A [`Dialect`] reads it from
//! packets.

use super::flow::{self, ClientSide, Connection};
use super::{Packet, Seen, Segment};
use crate::duration::Instant;
use crate::record::CellRecord;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// A protocol of clients and servers: all that the judge has to know of it.
pub trait Dialect: Sync {
    /// What was said on `connection`, by what [`passed`] on it.
    fn dialogue(&self, connection: &Connection, passed: &[Passed<'_>]) -> Dialogue;

    /// The name of the command that carries a statement.
    fn statement(&self) -> &'static str;

    /// Is the payload the beginning of a request with this statement?
    fn carries(&self, payload: &[u8], statement: &str) -> bool;

    /// The code by which the protocol's classic client names the loss of a connection; `None` if it has none.
    fn classic(&self, loss: Loss) -> Option<u16>;

    /// What is said in the packets that passed `point`, by the packet's number. Foreign text stands between
    /// backticks, and needs escaping.
    fn annotations(&self, packets: &[Packet], record: &CellRecord, point: usize) -> BTreeMap<u32, String>;
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// What [`Dialect::annotations`] gives, for a protocol in which each direction of a connection is read by
/// itself, by a `D`. `note` is given a segment, who sent it, and the reader of its direction.
pub(super) fn notes<D: Default>(
    packets: &[Packet],
    record: &CellRecord,
    point: usize,
    mut note: impl FnMut(Side, &mut D, &Segment) -> Option<String>,
) -> BTreeMap<u32, String> {
    let ours = |port| record.plan.has_port(port);
    let mut connections: BTreeMap<(IpAddr, u16), (D, D)> = BTreeMap::new();
    let of_packet = |packet: &Packet| {
        let (source, destination, segment) = flow::segment(packet)?;
        let said = if ours(segment.destination_port) {
            let (asks, _) = connections.entry((source, segment.source_port)).or_default();
            note(Side::Client, asks, segment)
        } else if ours(segment.source_port) {
            let client = (destination, segment.destination_port);
            let (_, answers) = connections.entry(client).or_default();
            note(Side::Server, answers, segment)
        } else {
            None
        };
        Some((packet.number, said?))
    };
    let of_point = packets.iter().filter(|packet| packet.point == point);
    of_point.filter_map(of_packet).collect()
}

/// A segment, and which side sent it.
pub type Passed<'a> = (Side, &'a Packet, &'a Segment);

/// What passed on `connection` until `until`, in its order: all that the client sent, and what its kernel
/// accepted of what reached its interface.
pub fn passed<'a>(
    side: &ClientSide<'a>,
    connection: &Connection,
    until: Instant,
    accepted: impl Fn(&Packet) -> bool,
) -> Vec<Passed<'a>> {
    let sent = side.sent(connection);
    let sent = sent.map(|(packet, segment)| (Side::Client, packet, segment));
    let received = side.received(connection).filter(|(packet, _)| accepted(packet));
    let received = received.map(|(packet, segment)| (Side::Server, packet, segment));
    let mut passed: Vec<_> = sent
        .chain(received)
        .filter(|(_, packet, _)| packet.at <= until)
        .collect();
    passed.sort_by_key(|(_, packet, _)| packet.number);
    passed
}

/// When a client lost its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// TCP was never established.
    NotEstablished,
    /// TCP was established, and the client was not let in yet.
    BeforeLogin,
    /// The connection had ended before the request was sent.
    BeforeRequest,
    /// The connection ended after the request had been sent.
    AfterRequest,
}

/// An ERR packet of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ServerError {
    /// The server's error number.
    pub code: u16,
    /// SQLSTATE, five characters; empty before the login.
    pub sqlstate: String,
    /// Its text between backticks, cut if it is long.
    pub message: String,
}

impl fmt::Display for ServerError {
    /// ``ERR 1045 (28000) `Access denied …` ``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERR {}", self.code)?;
        if !self.sqlstate.is_empty() {
            write!(f, " ({})", self.sqlstate)?;
        }
        write!(f, " {}", self.message)
    }
}

/// Why a connection cannot be read from some packet on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unread {
    /// The client asked for TLS.
    Tls,
    /// Client and server compress what they say.
    Compressed,
    /// The bytes are not those that the protocol has there, or some were not captured.
    NotFollowed,
}

/// What the client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// To be let in. Its request is the SYN.
    Login,
    /// A command of the protocol.
    Command {
        /// Its name (`COM_QUERY`).
        name: String,
        /// What it is for.
        kind: CommandKind,
        /// Its text, or the beginning of it.
        text: Vec<u8>,
    },
}

/// What a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandKind {
    /// Its text is a statement, which is executed.
    Statement,
    /// Its text is a statement, which is to be executed later.
    Preparation,
    /// It executes a statement that was prepared before.
    Execution,
    /// Anything else.
    Other,
}

impl CommandKind {
    /// Is its text a statement?
    fn has_text(self) -> bool {
        match self {
            Self::Statement | Self::Preparation => true,
            Self::Execution | Self::Other => false,
        }
    }
}

impl Command {
    /// Is it a statement, or the execution of one that was prepared?
    #[must_use]
    pub fn is_statement(&self) -> bool {
        match self {
            Self::Login => false,
            Self::Command { kind, .. } => *kind != CommandKind::Other,
        }
    }

    /// Is it the execution of a statement that was prepared before?
    #[must_use]
    pub fn executes(&self) -> bool {
        self.is_of(CommandKind::Execution)
    }

    /// Does it prepare a statement?
    #[must_use]
    pub fn prepares(&self) -> bool {
        self.is_of(CommandKind::Preparation)
    }

    fn is_of(&self, wanted: CommandKind) -> bool {
        matches!(self, Self::Command { kind, .. } if *kind == wanted)
    }

    /// Does it carry this statement, or the beginning of it? (`COM_QUERY`, `COM_STMT_PREPARE`.)
    #[must_use]
    pub fn carries(&self, sql: &str) -> bool {
        match self {
            Self::Login => false,
            Self::Command { kind, text, .. } => {
                let sql = sql.as_bytes();
                // A driver may put a comment or attributes before the text. Of a long one the beginning may
                // be all there is.
                let within = text.windows(sql.len().max(1)).any(|part| part == sql);
                let begun = text.len() < sql.len() && sql.starts_with(text);
                kind.has_text() && (within || begun)
            }
        }
    }

    /// Its name: `login`, `COM_PING`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Login => "login",
            Self::Command { name, .. } => name,
        }
    }

    /// The text of a query or of what is prepared, as far as it is kept and as it can be read.
    #[must_use]
    pub fn sql(&self) -> Option<String> {
        match self {
            Self::Command { kind, text, .. } if kind.has_text() => Some(
                String::from_utf8_lossy(text)
                    .chars()
                    .filter(|c| !c.is_control())
                    .collect(),
            ),
            Self::Login | Self::Command { .. } => None,
        }
    }
}

/// How a command was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The protocol has no answer to it.
    NeedsNone,
    /// Not to its end: [`Exchange::parts`] says whether some of it came.
    Open,
    /// By all that belongs to it: OK, or every result set to its end.
    Complete {
        /// The packet with its last byte.
        by: Seen,
        /// How many rows it has.
        rows: u64,
    },
    /// By an ERR.
    Error {
        /// The packet with its last byte.
        by: Seen,
        /// What it says.
        error: ServerError,
    },
}

/// A command and what answered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What was asked for.
    pub command: Command,
    /// The packet with the beginning of the request; of a login the SYN.
    pub asked: Seen,
    /// Is all of the request there?
    pub whole: bool,
    /// The packets that brought bytes of the answer which the client did not have before, in the order of
    /// their bytes.
    pub parts: Vec<Seen>,
    /// How it was answered.
    pub outcome: Outcome,
}

impl Exchange {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.outcome, Outcome::Open)
    }

    /// The packet with the last byte of the whole answer, if that came.
    #[must_use]
    pub fn answered(&self) -> Option<Seen> {
        match &self.outcome {
            Outcome::Complete { by, .. } | Outcome::Error { by, .. } => Some(*by),
            Outcome::NeedsNone | Outcome::Open => None,
        }
    }
}

/// Everything that was said on a connection of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialogue {
    /// The server's number for the connection, from its greeting.
    pub connection_id: Option<u32>,
    /// The login first, then the commands in order.
    pub exchanges: Vec<Exchange>,
    /// What the server said without having been asked, as it does when it closes the connection.
    pub unasked: Vec<(Seen, ServerError)>,
    /// From this packet on the connection cannot be read.
    pub unread: Option<(Seen, Unread)>,
    /// How many of `exchanges` from the first one on are not open any more.
    closed: usize,
}

impl Dialogue {
    /// A dialogue in which nothing was said.
    pub(super) fn silent() -> Self {
        Self {
            connection_id: None,
            exchanges: Vec::new(),
            unasked: Vec::new(),
            unread: None,
            closed: 0,
        }
    }

    /// That of a connection that the client tried to open: the login begins with the SYN.
    pub(super) fn opened(connection: &Connection) -> Self {
        let login = Exchange {
            command: Command::Login,
            asked: Seen {
                packet: connection.syn,
                at: connection.began,
            },
            whole: true,
            parts: Vec::new(),
            outcome: Outcome::Open,
        };
        Self {
            exchanges: vec![login],
            ..Self::silent()
        }
    }

    /// The oldest exchange without its whole answer.
    pub(super) fn open(&mut self) -> Option<&mut Exchange> {
        while self
            .exchanges
            .get(self.closed)
            .is_some_and(|exchange| !exchange.is_open())
        {
            self.closed += 1;
        }
        self.exchanges.get_mut(self.closed)
    }

    /// The packet is part of the answer that is under way.
    pub(super) fn part(&mut self, by: Seen) {
        if let Some(open) = self.open() {
            open.parts.push(by);
        }
    }

    /// A SYN-ACK came: to connect is to be connected by TCP. One that is sent again answers nothing that the
    /// client has asked since.
    pub(super) fn connected(&mut self, by: Seen) {
        if self.exchanges.first().is_some_and(Exchange::is_open) {
            self.close(by, Outcome::Complete { by, rows: 0 });
        }
    }

    /// The answer that is under way ends with the packet.
    pub(super) fn close(&mut self, by: Seen, outcome: Outcome) {
        if let Some(open) = self.open() {
            // A segment may hold the end of one answer and all of the next.
            if open.parts.last() != Some(&by) {
                open.parts.push(by);
            }
            open.outcome = outcome;
        }
    }
}
