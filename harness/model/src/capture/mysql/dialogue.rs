//! What both sides of a connection said, as data: each command of the client with what answered it.
//!
//! The same reading as the notes of a trace: one decoder says both.

use super::session::{Side, Utterance};
use crate::capture::flow::{ClientSide, Connection};
use crate::capture::{Packet, Segment};
use crate::duration::Instant;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A packet of the client's interface and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PacketAt {
    /// Its number.
    pub packet: u32,
    /// Its time.
    pub at: Instant,
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
        /// Its first byte.
        code: u8,
        /// What follows that byte, or the beginning of it: of a query its text.
        text: Vec<u8>,
    },
}

const COM_QUERY: u8 = 0x03;
const COM_STMT_PREPARE: u8 = 0x16;
const COM_STMT_EXECUTE: u8 = 0x17;

impl Command {
    /// Is it a statement, or the execution of one that was prepared?
    #[must_use]
    pub fn is_statement(&self) -> bool {
        match self {
            Self::Login => false,
            Self::Command { code, .. } => matches!(*code, COM_QUERY | COM_STMT_PREPARE | COM_STMT_EXECUTE),
        }
    }

    /// Is it the execution of a statement that was prepared before?
    #[must_use]
    pub fn executes(&self) -> bool {
        matches!(self, Self::Command { code, .. } if *code == COM_STMT_EXECUTE)
    }

    /// Does it carry this statement, or the beginning of it? (`COM_QUERY`, `COM_STMT_PREPARE`.)
    #[must_use]
    pub fn carries(&self, sql: &str) -> bool {
        match self {
            Self::Login => false,
            Self::Command { code, text, .. } => {
                let sql = sql.as_bytes();
                // A driver may put a comment or attributes before the text. Of a long one the beginning may
                // be all there is.
                let within = text.windows(sql.len().max(1)).any(|part| part == sql);
                let begun = text.len() < sql.len() && sql.starts_with(text);
                matches!(*code, COM_QUERY | COM_STMT_PREPARE) && (within || begun)
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
            Self::Command { code, text, .. } if matches!(*code, COM_QUERY | COM_STMT_PREPARE) => Some(
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
        by: PacketAt,
        /// How many rows it has.
        rows: u64,
    },
    /// By an ERR.
    Error {
        /// The packet with its last byte.
        by: PacketAt,
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
    pub asked: PacketAt,
    /// Is all of the request there?
    pub whole: bool,
    /// The packets that brought bytes of the answer which the client did not have before, in the order of
    /// their bytes.
    pub parts: Vec<PacketAt>,
    /// How it was answered.
    pub outcome: Outcome,
}

impl Exchange {
    fn is_open(&self) -> bool {
        matches!(self.outcome, Outcome::Open)
    }

    /// The packet with the last byte of the whole answer, if that came.
    #[must_use]
    pub fn answered(&self) -> Option<PacketAt> {
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
    pub unasked: Vec<(PacketAt, ServerError)>,
    /// From this packet on the connection cannot be read.
    pub unread: Option<(PacketAt, Unread)>,
    /// How many of `exchanges` from the first one on are not open any more.
    closed: usize,
}

/// What was said on `connection` until `until`, by what the client's kernel accepted of what reached its
/// interface.
#[must_use]
pub fn dialogue(
    side: &ClientSide<'_>,
    connection: &Connection,
    until: Instant,
    accepted: &dyn Fn(&Packet) -> bool,
) -> Dialogue {
    let mut packets: Vec<(Side, &Packet, &Segment)> = Vec::new();
    packets.extend(
        side.sent(connection)
            .map(|(packet, segment)| (Side::Client, packet, segment)),
    );
    packets.extend(
        side.received(connection)
            .filter(|(packet, _)| accepted(packet))
            .map(|(packet, segment)| (Side::Server, packet, segment)),
    );
    packets.sort_by_key(|(_, packet, _)| packet.number);
    let syn = PacketAt {
        packet: connection.syn,
        at: connection.began,
    };
    let mut dialogue = Dialogue {
        connection_id: None,
        exchanges: vec![Exchange {
            command: Command::Login,
            asked: syn,
            whole: true,
            parts: Vec::new(),
            outcome: Outcome::Open,
        }],
        unasked: Vec::new(),
        unread: None,
        closed: 0,
    };
    let mut followed = super::Connection::default();
    for (side, packet, segment) in packets.into_iter().filter(|(_, packet, _)| packet.at <= until) {
        followed.take(side, segment);
        let heard = followed.session.heard();
        let by = PacketAt {
            packet: packet.number,
            at: packet.at,
        };
        if dialogue.unread.is_none() {
            dialogue.take(side, by, followed.fresh, heard);
        }
    }
    dialogue
}

impl Dialogue {
    fn take(&mut self, side: Side, by: PacketAt, fresh: bool, heard: Vec<Utterance>) {
        if side == Side::Server && fresh {
            self.part(by);
        }
        for heard in heard {
            match heard {
                Utterance::Greeted(id) => self.connection_id = id,
                Utterance::LoggedIn => self.close(by, Outcome::Complete { by, rows: 0 }),
                Utterance::Answered { rows } => self.close(by, Outcome::Complete { by, rows }),
                Utterance::Failed(error) => self.close(by, Outcome::Error { by, error }),
                Utterance::Unasked(error) => self.unasked.push((by, error)),
                Utterance::Lost(why) => {
                    self.unread = Some((by, why));
                    return;
                }
                Utterance::Asked {
                    name,
                    code,
                    text,
                    whole,
                    answered,
                } => {
                    let command = Command::Command { name, code, text };
                    match self.exchanges.last_mut().filter(|last| !last.whole) {
                        Some(begun) => (begun.command, begun.whole) = (command, whole),
                        None => self.exchanges.push(Exchange {
                            command,
                            asked: by,
                            whole,
                            parts: Vec::new(),
                            outcome: if answered {
                                Outcome::Open
                            } else {
                                Outcome::NeedsNone
                            },
                        }),
                    }
                }
            }
        }
    }

    /// The oldest exchange without its whole answer.
    fn open(&mut self) -> Option<&mut Exchange> {
        while self
            .exchanges
            .get(self.closed)
            .is_some_and(|exchange| !exchange.is_open())
        {
            self.closed += 1;
        }
        self.exchanges.get_mut(self.closed)
    }

    fn part(&mut self, by: PacketAt) {
        if let Some(open) = self.open() {
            open.parts.push(by);
        }
    }

    fn close(&mut self, by: PacketAt, outcome: Outcome) {
        if let Some(open) = self.open() {
            // A segment may hold the end of one answer and all of the next.
            if open.parts.last() != Some(&by) {
                open.parts.push(by);
            }
            open.outcome = outcome;
        }
    }
}
