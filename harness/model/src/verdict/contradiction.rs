//! The client says one thing, and the packets show another.

use super::TerminatorKind;
use crate::capture::dialect::ServerError;
use crate::duration::{Human, Instant};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the client says of its operation, and what the packets show instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Contradiction {
    /// What the client says.
    pub client: ClientWord,
    /// When it says so.
    pub said: Instant,
    /// The event by which it says so.
    pub event: u32,
    /// What the packets show.
    pub wire: WireWord,
    /// The packet that shows it; `None` where there is none to show.
    pub packet: Option<u32>,
}

/// What a client says of its operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum ClientWord {
    /// It is connected.
    Connected,
    /// It has its result.
    Result {
        /// Of so many rows.
        rows: u64,
    },
    /// It failed.
    Error {
        /// The client program's own text.
        message: String,
    },
}

/// What the packets show of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum WireWord {
    /// The whole answer.
    Answer {
        /// When its last byte reached the client.
        at: Instant,
        /// How many rows it has.
        rows: u64,
    },
    /// An ERR.
    Error(ServerError),
    /// A beginning of the answer and no more.
    Part,
    /// Nothing of the answer.
    Nothing,
    /// Nothing of the answer, but the answer to an earlier statement.
    Earlier {
        /// The earlier statement.
        statement: String,
    },
    /// The end of the connection.
    Ended(TerminatorKind),
}

impl fmt::Display for Contradiction {
    /// A sentence without its stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = Human(self.said.since(Instant(0)));
        write!(
            f,
            "the client says at {said} that {}, but {}",
            self.client, self.wire
        )?;
        match self.packet {
            Some(packet) => write!(f, " (packet {packet})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ClientWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("it is connected"),
            Self::Result { rows: 1 } => f.write_str("it got a result of 1 row"),
            Self::Result { rows } => write!(f, "it got a result of {rows} rows"),
            Self::Error { message } => write!(f, "it failed with \"{message}\""),
        }
    }
}

impl fmt::Display for WireWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { at, rows } => {
                let rows = match rows {
                    0 => String::new(),
                    1 => ", 1 row".to_owned(),
                    rows => format!(", {rows} rows"),
                };
                let at = Human(at.since(Instant(0)));
                write!(f, "the packets show the server's whole answer at {at}{rows}")
            }
            Self::Error(error) => write!(f, "the packets show the server's {error}"),
            Self::Part => f.write_str("the packets show only a part of the server's answer by then"),
            Self::Nothing => f.write_str("the packets show no answer of the server by then"),
            Self::Earlier { statement } => write!(
                f,
                "the packets show no answer to its statement by then: what came is the answer to its earlier \
                 statement `{statement}`, which it had given up"
            ),
            Self::Ended(kind) => write!(f, "the packets show only that a {kind} ended the connection"),
        }
    }
}

impl Contradiction {
    /// The same in Chinese.
    #[must_use]
    pub fn in_chinese(&self) -> String {
        let at = |at: Instant| format!("在 {} 时", Human(at.since(Instant(0))));
        let client = match &self.client {
            ClientWord::Connected => "已连接".to_owned(),
            ClientWord::Result { rows } => format!("得到 {rows} 行结果"),
            ClientWord::Error { message } => format!("得到错误“{message}”"),
        };
        let wire = match &self.wire {
            WireWord::Answer { at: when, rows } => format!("服务器的完整应答{}到达，{rows} 行", at(*when)),
            WireWord::Error(error) => format!("服务器的应答是 {error}"),
            WireWord::Part => "到那时服务器的应答只到了一部分".to_owned(),
            WireWord::Nothing => "到那时没有服务器的应答".to_owned(),
            WireWord::Earlier { statement } => {
                format!("到那时没有对该语句的应答：到达的是对它已放弃的先前语句 `{statement}` 的应答")
            }
            WireWord::Ended(kind) => format!("只有 {kind} 终止了连接"),
        };
        let packet = self
            .packet
            .map_or_else(String::new, |packet| format!("（数据包 {packet}）"));
        let said = at(self.said);
        format!("客户端{said}称{client}，而数据包显示{wire}{packet}")
    }
}
