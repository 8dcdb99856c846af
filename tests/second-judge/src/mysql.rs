//! Requests and answers in the bytes of a connection, by the MySQL client/server protocol.
//!
//! The protocol takes turns: a greeting, a login, its answer; then a command, its answer, and so on. So one
//! pass over both directions finds which bytes are the last ones of which answer, and when they came.

use crate::capture::{SYN, Tcp};

/// One direction of a connection: its bytes in order, each with the time and packet that first brought it.
#[derive(Debug, Default, Clone)]
pub struct Stream {
    /// The bytes.
    pub bytes: Vec<Byte>,
}

/// A byte of a stream.
#[derive(Debug, Clone, Copy)]
pub struct Byte {
    /// Its value.
    pub value: u8,
    /// When it, and all before it, had been seen.
    pub at: i64,
    /// The number of the packet that first carried it.
    pub packet: u32,
}

/// A segment with the time and number of its packet.
pub type Seen<'a> = (i64, u32, &'a Tcp);

/// More than any window of a lab (`net.ipv4.tcp_rmem` has 6 MiB at the most).
const FURTHEST: usize = 16 << 20;

impl Stream {
    /// Puts the payload of segments of one direction in order, from the byte after the SYN. What is there
    /// twice counts the first time; at a gap the stream ends.
    #[must_use]
    pub fn of(segments: &[Seen<'_>]) -> Self {
        let Some((_, _, syn)) = segments.iter().find(|(_, _, segment)| segment.has(SYN)) else {
            return Self::default();
        };
        let first = syn.sequence.wrapping_add(1);
        let mut found: Vec<Option<Byte>> = Vec::new();
        for (at, packet, segment) in segments.iter().filter(|(_, _, segment)| !segment.has(SYN)) {
            let offset = segment.sequence.wrapping_sub(first);
            // A keepalive probe lies before what was sent; so may a part of a repetition.
            if offset > u32::MAX / 2 {
                continue;
            }
            let Ok(offset) = usize::try_from(offset) else {
                continue;
            };
            // No window reaches so far: it is of no byte that this connection has.
            if offset > found.len() + FURTHEST {
                continue;
            }
            if found.len() < offset + segment.payload.len() {
                found.resize(offset + segment.payload.len(), None);
            }
            for (place, value) in found.iter_mut().skip(offset).zip(&segment.payload) {
                place.get_or_insert(Byte {
                    value: *value,
                    at: *at,
                    packet: *packet,
                });
            }
        }
        let mut latest = i64::MIN;
        let bytes = found.into_iter().map_while(|byte| byte).map(|byte| {
            latest = latest.max(byte.at);
            Byte { at: latest, ..byte }
        });
        Self {
            bytes: bytes.collect(),
        }
    }
}

/// A request and what answered it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What was asked.
    pub request: Request,
    /// When its first byte was sent; for the login, the greeting's first byte.
    pub sent: i64,
    /// The packet that first carried its first byte.
    pub packet: u32,
    /// What answered it.
    pub answer: Answer,
}

/// What a client asks of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// To be let in.
    Login,
    /// `COM_QUERY` with this text.
    Query(Vec<u8>),
    /// `COM_QUIT`: nothing answers it.
    Quit,
    /// Another command, by its number.
    Other(u8),
}

/// How far a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Whole, and good: the last byte came at this time, the first in this packet.
    Good {
        /// When the last byte was there.
        at: i64,
        /// The packet with the first byte.
        first: u32,
    },
    /// An ERR packet: its number, and when it was whole.
    Error {
        /// The server's error number.
        code: u16,
        /// When the last byte was there.
        at: i64,
        /// The packet with its first byte.
        first: u32,
    },
    /// Not whole.
    Open,
}

/// What was said on a connection, in order, and whether all of it was understood.
#[derive(Debug, Clone)]
pub struct Talk {
    /// Requests and answers.
    pub exchanges: Vec<Exchange>,
    /// Why the rest could not be read, if it could not.
    pub lost: Option<&'static str>,
}

/// Reads what both directions say.
#[must_use]
pub fn talk(client: &Stream, server: &Stream) -> Talk {
    let mut reader = Reader {
        client: Cursor::of(client),
        server: Cursor::of(server),
        plain_eof: true,
    };
    let mut talk = Talk {
        exchanges: Vec::new(),
        lost: None,
    };
    talk.lost = reader.all(&mut talk.exchanges).err();
    talk
}

struct Cursor<'a> {
    stream: &'a [Byte],
    at: usize,
}

/// A packet of the protocol: its bytes, when it began and when it was whole.
struct Packet {
    body: Vec<u8>,
    began: Byte,
    whole: i64,
}

impl<'a> Cursor<'a> {
    fn of(stream: &'a Stream) -> Self {
        Self {
            stream: &stream.bytes,
            at: 0,
        }
    }

    /// The first byte that was not read yet.
    fn next_byte(&self) -> Option<Byte> {
        self.stream.get(self.at).copied()
    }

    /// The next packet, if it is whole: three bytes length, a number, the body. One of 16 MiB - 1 goes on in
    /// the next.
    fn packet(&mut self) -> Option<Packet> {
        let (mut at, mut body, mut first) = (self.at, Vec::new(), None);
        loop {
            let head = self.stream.get(at..at + 4)?;
            let length = head
                .iter()
                .take(3)
                .rev()
                .fold(0, |sum, byte| sum << 8 | usize::from(byte.value));
            let part = self.stream.get(at + 4..at + 4 + length)?;
            first.get_or_insert(*head.first()?);
            body.extend(part.iter().map(|byte| byte.value));
            at += 4 + length;
            if length < 0xff_ffff {
                break;
            }
        }
        self.at = at;
        Some(Packet {
            body,
            began: first?,
            whole: self.stream.get(at - 1)?.at,
        })
    }
}

struct Reader<'a> {
    client: Cursor<'a>,
    server: Cursor<'a>,
    /// Do results have EOF packets (no `CLIENT_DEPRECATE_EOF`)?
    plain_eof: bool,
}

const DEPRECATE_EOF: u32 = 1 << 24;
const TLS: u32 = 1 << 11;
const COMPRESS: u32 = 1 << 5;
const MORE_RESULTS: u16 = 8;

impl Reader<'_> {
    fn all(&mut self, found: &mut Vec<Exchange>) -> Result<(), &'static str> {
        let Some(first) = self.server.next_byte() else {
            return Ok(());
        };
        let answer = self.login()?;
        found.push(Exchange {
            request: Request::Login,
            sent: first.at,
            packet: first.packet,
            answer,
        });
        if !matches!(answer, Answer::Good { .. }) {
            return Ok(());
        }
        while let Some(first) = self.client.next_byte() {
            let request = self.client.packet();
            let asked = match request.as_ref().map(|packet| packet.body.as_slice()) {
                // Not all of it was sent: what is there tells which it is.
                None => self.begun(),
                Some([1]) => Request::Quit,
                Some([3, text @ ..]) => Request::Query(text.to_vec()),
                Some([command, ..]) => Request::Other(*command),
                Some([]) => return Err("an empty command"),
            };
            let answer = match asked {
                Request::Quit => Answer::Open,
                Request::Login | Request::Query(_) => self.answer(),
                // Answered by OK, ERR or EOF: init_db, ping, statistics, reset_connection, set_option.
                Request::Other(2 | 9 | 14 | 27 | 31) => self.single(),
                Request::Other(_) => return Err("a command that is not followed"),
            };
            found.push(Exchange {
                request: asked,
                sent: first.at,
                packet: first.packet,
                answer,
            });
            if request.is_none() || answer == Answer::Open {
                break;
            }
        }
        Ok(())
    }

    fn begun(&self) -> Request {
        let rest = self.client.stream.get(self.client.at + 4..).unwrap_or_default();
        let bytes: Vec<u8> = rest.iter().map(|byte| byte.value).collect();
        match bytes.as_slice() {
            [3, text @ ..] => Request::Query(text.to_vec()),
            [command, ..] => Request::Other(*command),
            [] => Request::Query(Vec::new()),
        }
    }

    /// From the greeting to the answer to the login.
    fn login(&mut self) -> Result<Answer, &'static str> {
        let Some(greeting) = self.server.packet() else {
            return Ok(Answer::Open);
        };
        if let Some(error) = error(&greeting) {
            return Ok(error);
        }
        // Version 10: a text, 4 bytes of thread id, 8 of salt, a zero, 2 of capabilities, 1, 2, 2 of more
        // capabilities.
        let rest = greeting.body.iter().position(|byte| *byte == 0);
        let rest = rest
            .and_then(|end| greeting.body.get(end + 1..))
            .unwrap_or_default();
        let low = rest
            .get(13..15)
            .map_or(0, |b| b.iter().rev().fold(0u32, |s, b| s << 8 | u32::from(*b)));
        let high = rest
            .get(18..20)
            .map_or(0, |b| b.iter().rev().fold(0u32, |s, b| s << 8 | u32::from(*b)));
        let server = high << 16 | low;
        let Some(login) = self.client.packet() else {
            return Ok(Answer::Open);
        };
        let client = login
            .body
            .get(..4)
            .map_or(0, |b| b.iter().rev().fold(0u32, |s, b| s << 8 | u32::from(*b)));
        if client & TLS != 0 {
            return Err("TLS");
        }
        if client & server & COMPRESS != 0 {
            return Err("compression");
        }
        self.plain_eof = client & server & DEPRECATE_EOF == 0;
        loop {
            let Some(packet) = self.server.packet() else {
                return Ok(Answer::Open);
            };
            match packet.body.first() {
                Some(0) => return Ok(good(&packet)),
                Some(0xff) => return Ok(error(&packet).unwrap_or(Answer::Open)),
                // Another way to log in: the client answers; or more data of this one.
                Some(0xfe) if self.client.packet().is_none() => return Ok(Answer::Open),
                Some(0xfe | 1) => {}
                _ => return Err("a login that is not followed"),
            }
        }
    }

    fn single(&mut self) -> Answer {
        let Some(packet) = self.server.packet() else {
            return Answer::Open;
        };
        error(&packet).unwrap_or_else(|| good(&packet))
    }

    /// OK, ERR, or a result with its columns and rows; more of them if one says so.
    fn answer(&mut self) -> Answer {
        let mut first = None;
        loop {
            let Some(head) = self.server.packet() else {
                return Answer::Open;
            };
            let began = *first.get_or_insert(head.began.packet);
            let (last, more) = match head.body.first() {
                Some(0xff) => return error(&head).unwrap_or(Answer::Open),
                Some(0) => (head.whole, more_after_ok(&head.body)),
                _ => match self.result(&head) {
                    Ok(end) => end,
                    Err(answer) => return answer,
                },
            };
            if !more {
                return Answer::Good {
                    at: last,
                    first: began,
                };
            }
        }
    }

    /// The rest of a result: when its end was there, and whether another follows.
    fn result(&mut self, head: &Packet) -> Result<(i64, bool), Answer> {
        let columns = length_encoded(&head.body).ok_or(Answer::Open)?;
        for _ in 0..columns {
            self.server.packet().ok_or(Answer::Open)?;
        }
        if self.plain_eof {
            self.server.packet().ok_or(Answer::Open)?;
        }
        loop {
            let row = self.server.packet().ok_or(Answer::Open)?;
            match row.body.as_slice() {
                [0xff, ..] => return Err(error(&row).unwrap_or(Answer::Open)),
                // EOF: 2 bytes of warnings, 2 of status.
                [0xfe, _, _, low, high] if self.plain_eof => {
                    return Ok((row.whole, u16::from_le_bytes([*low, *high]) & MORE_RESULTS != 0));
                }
                [0xfe, ..] if !self.plain_eof && row.body.len() < 0xff_ffff => {
                    return Ok((row.whole, more_after_ok(&row.body)));
                }
                _ => {}
            }
        }
    }
}

fn good(packet: &Packet) -> Answer {
    Answer::Good {
        at: packet.whole,
        first: packet.began.packet,
    }
}

/// An ERR packet: 0xff, two bytes of its number.
fn error(packet: &Packet) -> Option<Answer> {
    match packet.body.as_slice() {
        [0xff, low, high, ..] => Some(Answer::Error {
            code: u16::from_le_bytes([*low, *high]),
            at: packet.whole,
            first: packet.began.packet,
        }),
        _ => None,
    }
}

/// The status of an OK packet follows two numbers: rows that changed, and the last id.
fn more_after_ok(body: &[u8]) -> bool {
    let mut rest = body.get(1..).unwrap_or_default();
    for _ in 0..2 {
        let length = match rest.first() {
            Some(0xfc) => 3,
            Some(0xfd) => 4,
            Some(0xfe) => 9,
            _ => 1,
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    match rest {
        [low, high, ..] => u16::from_le_bytes([*low, *high]) & MORE_RESULTS != 0,
        _ => false,
    }
}

fn length_encoded(body: &[u8]) -> Option<u64> {
    match body {
        [0xfc, low, high, ..] => Some(u64::from(u16::from_le_bytes([*low, *high]))),
        [small @ 0..=0xfa, ..] => Some(u64::from(*small)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::ACK;
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn what_lies_far_ahead_is_of_no_stream() {
        let end = (IpAddr::V4(Ipv4Addr::LOCALHOST), 3306);
        let segment = |sequence: u32, flags: u8, payload: &[u8]| Tcp {
            source: end,
            target: end,
            sequence,
            acknowledgement: 1,
            flags,
            window: 500,
            length: u32::try_from(payload.len()).unwrap_or(u32::MAX),
            payload: payload.to_vec(),
        };
        let all = [
            segment(99, SYN, b""),
            segment(100, ACK, b"ab"),
            segment(0x7000_0000, ACK, b"strange"),
            segment(102, ACK, b"c"),
        ];
        let seen: Vec<Seen<'_>> = (1..).zip(&all).map(|(number, tcp)| (0, number, tcp)).collect();
        let values = Stream::of(&seen)
            .bytes
            .iter()
            .map(|byte| byte.value)
            .collect::<Vec<_>>();
        assert_eq!(values, b"abc");
    }
}
