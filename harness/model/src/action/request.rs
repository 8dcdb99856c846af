//! What a client asks an echo server, and what the server makes of it.
//!
//! A line goes to the server, and a line comes back. Both begin with the number of the client's operation, so
//! that an answer that comes late is not taken for another one.
//!
//! ```text
//! 3 hello takes=20s        the third operation: hello, to be answered after 20 s
//! 3 rs1 hello              what rs1 answers
//! ```

use super::entry::fields;
use super::statement::{PAYLOAD, Statement};
use crate::Name;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

fields! {
    $ request_fields;

    /// What is sent to a server that is no mysqld: a line for an echo server, and what that is to do with it;
    /// or bytes for a program of your own.
    Request {
        /// What an echo server answers with, behind its own name: one line, without `=`. To a program of your
        /// own (`server-program`) nothing is sent but these bytes; `\r`, `\n`, `\t`, `\\` and `\xHH` are the
        /// bytes that they stand for.
        default("ping") "text" text: String as Line;
        /// The server answers, or closes, after this time; a program of your own, where all is well. Patience
        /// begins after that.
        default("0s") "takes" takes: Duration;
        /// What the server does then: `answer`; `close` without an answer, by a FIN; `reset` without an
        /// answer, by an RST. The last two are for TCP.
        default("answer") "then" then: Reaction;
        /// A large answer: the line is filled up to so many bytes. Over UDP `1KiB`, so that it is one packet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optional "answer" answer: Option<u32> as Bytes;
        /// A large request: so many bytes are sent behind the text. Over UDP `1KiB`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optional "payload" payload: Option<u32> as Bytes;
        /// The name of the connection to send it on. Without it the plain one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optional "on" on: Option<Name> as Name;
        /// The time line goes on if it fails; else an error of the client's is the end of the cell.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        flag "may-fail" may_fail: bool;
    }
}

/// What an echo server does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reaction {
    /// It answers.
    #[default]
    Answer,
    /// It closes the connection without an answer: a FIN.
    Close,
    /// It resets the connection without an answer: an RST.
    Reset,
}

impl Reaction {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Answer, Self::Close, Self::Reset];

    /// Its name in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Close => "close",
            Self::Reset => "reset",
        }
    }
}

// The words of a line that are for the server.
const TAKES: &str = "takes=";
const ANSWER: &str = "answer=";
const THEN: &str = "then=";
const FILL: &str = "fill=";

impl Request {
    /// The line without the operation's number and without its end: the text, and what the server is to do.
    #[must_use]
    pub fn line(&self) -> String {
        let Self {
            text,
            takes,
            then,
            answer,
            payload,
            on: _,
            may_fail: _,
        } = self;
        let takes = Some(takes).filter(|time| !time.is_zero());
        let then = Some(then).filter(|then| **then != Reaction::Answer);
        let words = [
            takes.map(|time| match time.subsec_nanos() {
                0 => format!(" {TAKES}{}s", time.as_secs()),
                _ => format!(" {TAKES}{}ms", time.as_millis()),
            }),
            answer.map(|bytes| format!(" {ANSWER}{bytes}")),
            then.map(|then| format!(" {THEN}{}", then.as_str())),
            payload.map(|_| format!(" {FILL}{PAYLOAD}")),
        ];
        let words: String = words.into_iter().flatten().collect();
        format!("{text}{words}")
    }

    /// The request as the statement that it is to whoever knows no protocol.
    #[must_use]
    pub fn statement(&self) -> Statement {
        Statement {
            sql: self.line(),
            takes: self.takes,
            on: self.on.clone(),
            may_fail: self.may_fail,
            payload: self.payload,
            pause_after: None,
        }
    }
}

/// What an echo server reads in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orders {
    /// The number of the client's operation.
    pub number: u32,
    /// What to answer with.
    pub text: String,
    /// When: after this time.
    pub takes: Duration,
    /// How many bytes the answer has at least.
    pub answer: usize,
    /// What to do.
    pub then: Reaction,
}

/// A line that no client of a lab sends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the line does not begin with a number, or has a word that is not understood")]
pub struct NotARequest;

impl Orders {
    /// The line that carries `text` of the operation with this number.
    #[must_use]
    pub fn line(number: u32, text: &str) -> String {
        format!("{number} {text}\n")
    }

    /// Reads a line, with or without its end.
    ///
    /// # Errors
    /// [`NotARequest`] if it is none.
    pub fn read(line: &str) -> Result<Self, NotARequest> {
        let (number, rest) = line.trim_end_matches('\n').split_once(' ').ok_or(NotARequest)?;
        let mut orders = Self {
            number: number.parse().map_err(|_| NotARequest)?,
            text: String::new(),
            takes: Duration::ZERO,
            answer: 0,
            then: Reaction::Answer,
        };
        for word in rest.split(' ') {
            if let Some(time) = word.strip_prefix(TAKES) {
                orders.takes = duration(time).ok_or(NotARequest)?;
            } else if let Some(bytes) = word.strip_prefix(ANSWER) {
                orders.answer = bytes.parse().map_err(|_| NotARequest)?;
            } else if let Some(then) = word.strip_prefix(THEN) {
                let mut all = Reaction::ALL.iter();
                orders.then = *all.find(|known| known.as_str() == then).ok_or(NotARequest)?;
            } else if !word.starts_with(FILL) {
                if !orders.text.is_empty() {
                    orders.text.push(' ');
                }
                orders.text.push_str(word);
            }
        }
        Ok(orders)
    }

    /// What the server of this name answers.
    #[must_use]
    pub fn answer_of(&self, server: &str) -> String {
        let answer = Answer {
            number: self.number,
            server: server.to_owned(),
            text: self.text.clone(),
        };
        let mut line = answer.to_string();
        // Its end is a byte, too.
        while line.len() + 1 < self.answer {
            let lacking = self.answer - line.len() - 1;
            line.push(' ');
            line.push_str(&"x".repeat(lacking.saturating_sub(1)));
        }
        line.push('\n');
        line
    }
}

/// What an echo server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The number of the client's operation.
    pub number: u32,
    /// The server's name.
    pub server: String,
    /// The text behind it.
    pub text: String,
}

impl Answer {
    /// Reads a line, or the beginning of one; `None` if it is no answer.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let mut words = line.trim_end_matches('\n').splitn(3, ' ');
        Some(Self {
            number: words.next()?.parse().ok()?,
            server: words.next()?.to_owned(),
            text: words.next().unwrap_or_default().to_owned(),
        })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.number, self.server, self.text)
    }
}

fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(millis) => Some(Duration::from_millis(millis.parse().ok()?)),
        None => Some(Duration::from_secs(text.strip_suffix('s')?.parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_reads_what_a_request_says() {
        let request = Request {
            text: "hello you".to_owned(),
            takes: Duration::from_millis(1500),
            then: Reaction::Reset,
            answer: Some(2048),
            payload: Some(1024),
            ..Request::default()
        };
        let statement = request.statement();
        assert_eq!(
            statement.sql,
            "hello you takes=1500ms answer=2048 then=reset fill={payload}"
        );
        let orders = Orders::read(&Orders::line(7, &statement.text())).unwrap();
        let wanted = Orders {
            number: 7,
            text: "hello you".to_owned(),
            takes: Duration::from_millis(1500),
            answer: 2048,
            then: Reaction::Reset,
        };
        assert_eq!(orders, wanted);
        let answer = orders.answer_of("rs1");
        assert_eq!(answer.len(), 2048);
        assert!(
            answer.starts_with("7 rs1 hello you x") && answer.ends_with("x\n"),
            "{answer}"
        );
    }

    #[test]
    fn an_answer_names_its_server() {
        let plain = Request {
            text: "hello".to_owned(),
            ..Request::default()
        };
        let orders = Orders::read(&Orders::line(1, &plain.line())).unwrap();
        assert_eq!(orders.answer_of("rs2"), "1 rs2 hello\n");
        let answer = Answer::read("1 rs2 hello\n").unwrap();
        assert_eq!((answer.server.as_str(), answer.text.as_str()), ("rs2", "hello"));
        for size in 0..40 {
            let long = Orders {
                answer: size,
                ..orders.clone()
            }
            .answer_of("rs2");
            assert_eq!(long.len(), size.max("1 rs2 hello\n".len()));
        }
        for wrong in ["", "hello", "x hello", "1 hello takes=soon", "1 hello then=sleep"] {
            assert_eq!(Orders::read(wrong), Err(NotARequest), "{wrong}");
        }
        assert_eq!(Answer::read("no number"), None);
    }
}
