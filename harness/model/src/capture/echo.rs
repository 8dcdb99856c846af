//! What the lines of echo servers and their clients say in the packets of a capture. [`Orders`] and
//! [`Answer`] are the lines.

use super::dialect::{
    Command, CommandKind, Dialect, Dialogue, Exchange, Loss, Outcome, Passed, Side, Unread, notes,
};
use super::flow::Connection;
use super::stream::Stream;
use super::{Packet, Seen, Segment, flow};
use crate::action::Answer;
use crate::record::CellRecord;
use std::collections::BTreeMap;

/// The protocol of the echo servers: a line there, a line back.
#[derive(Debug, Clone, Copy)]
pub struct EchoLines;

/// The same over UDP: a datagram there, a datagram back. An answer belongs to the request of its number.
#[derive(Debug, Clone, Copy)]
pub struct EchoDatagrams;

/// So much of a line is kept; an answer may be large, and what it is stands at its beginning.
const KEPT: usize = 1024;
/// So much of a line is shown.
const SHOWN: usize = 60;

/// A line, or what there is of it.
#[derive(Debug, Default)]
struct Line {
    text: Vec<u8>,
    whole: bool,
}

impl Line {
    fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.text);
        let mut words: String = text.chars().filter(|c| !c.is_control() && *c != '`').collect();
        if words.chars().count() > SHOWN {
            words = words.chars().take(SHOWN).collect();
            words.push('…');
        }
        words
    }

    /// The text behind the number.
    fn order(&self) -> &[u8] {
        let number = self.text.iter().position(|byte| *byte == b' ');
        number.map_or(&[][..], |at| self.text.get(at + 1..).unwrap_or_default())
    }
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Direction {
    stream: Stream,
    /// The line that is coming.
    line: Line,
    lost: bool,
}

/// What a segment brought.
#[derive(Debug, Default)]
struct Brought {
    /// Bytes that were not there before?
    fresh: bool,
    /// The first of them begins a line.
    begins: bool,
    /// Lines, of which the last one may be a beginning only.
    lines: Vec<Line>,
}

impl Direction {
    fn take(&mut self, segment: &Segment) -> Brought {
        let mut brought = Brought::default();
        if segment.flags.syn {
            let first = segment.sequence.wrapping_add(1);
            if self.stream.began_at() != Some(first) {
                *self = Self::default();
                self.stream.begin(first);
            }
        }
        if segment.payload_length == 0 {
            return brought;
        }
        let known = self.stream.is_synchronised();
        if u32::try_from(segment.payload.len()).ok() != Some(segment.payload_length) {
            self.stream.lose();
        }
        let bytes = self.stream.take(segment.sequence, &segment.payload);
        self.lost |= known && !self.stream.is_synchronised();
        brought.fresh = !bytes.is_empty();
        brought.begins = brought.fresh && self.line.text.is_empty();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = KEPT.saturating_sub(self.line.text.len());
            let text = part.strip_suffix(b"\n");
            let fresh = text.unwrap_or(part);
            self.line
                .text
                .extend_from_slice(fresh.get(..room).unwrap_or(fresh));
            if text.is_some() {
                self.line.whole = true;
                brought.lines.push(std::mem::take(&mut self.line));
            }
        }
        brought
    }
}

impl Dialect for EchoLines {
    fn dialogue(&self, connection: &Connection, passed: &[Passed<'_>]) -> Dialogue {
        let mut dialogue = Dialogue::opened(connection);
        let (mut client, mut server) = (Direction::default(), Direction::default());
        for &(side, packet, segment) in passed {
            let by = Seen::from(packet);
            if dialogue.unread.is_some() {
                break;
            }
            match side {
                Side::Client => dialogue.asked(by, &mut client, segment),
                Side::Server => dialogue.said(by, &mut server, segment),
            }
            if client.lost || server.lost {
                dialogue.unread = Some((by, Unread::NotFollowed));
            }
        }
        dialogue
    }

    fn statement(&self) -> &'static str {
        "request"
    }

    fn carries(&self, payload: &[u8], statement: &str) -> bool {
        let text = statement.as_bytes();
        payload.windows(text.len().max(1)).any(|part| part == text)
    }

    /// Clients of an echo server get an errno, or the end of the connection.
    fn classic(&self, _: Loss) -> Option<u16> {
        None
    }

    fn annotations(&self, packets: &[Packet], record: &CellRecord, point: usize) -> BTreeMap<u32, String> {
        annotations(packets, record, point)
    }
}

impl Dialect for EchoDatagrams {
    fn dialogue(&self, _: &Connection, passed: &[Passed<'_>]) -> Dialogue {
        let mut dialogue = Dialogue::silent();
        let mut numbers = Vec::new();
        for &(side, packet, segment) in passed {
            let by = Seen::from(packet);
            let text = String::from_utf8_lossy(&segment.payload);
            let number = text
                .split_once(' ')
                .and_then(|(number, _)| number.parse::<u32>().ok());
            let Some(number) = number.filter(|_| dialogue.unread.is_none()) else {
                dialogue.unread = dialogue.unread.or(Some((by, Unread::NotFollowed)));
                continue;
            };
            match side {
                Side::Client => {
                    let line = Line {
                        text: segment.payload.clone(),
                        whole: true,
                    };
                    numbers.push(number);
                    dialogue.exchanges.push(Exchange {
                        command: Command::Command {
                            name: "request".to_owned(),
                            kind: CommandKind::Statement,
                            text: line.order().to_vec(),
                        },
                        asked: by,
                        whole: true,
                        parts: Vec::new(),
                        outcome: Outcome::Open,
                    });
                }
                Side::Server => {
                    let mut all = numbers.iter().zip(&mut dialogue.exchanges);
                    let open = all.find(|(asked, exchange)| **asked == number && exchange.is_open());
                    if let Some((_, exchange)) = open {
                        exchange.parts.push(by);
                        exchange.outcome = Outcome::Complete { by, rows: 1 };
                    }
                }
            }
        }
        dialogue
    }

    fn statement(&self) -> &'static str {
        "request"
    }

    fn carries(&self, payload: &[u8], statement: &str) -> bool {
        EchoLines.carries(payload, statement)
    }

    fn classic(&self, _: Loss) -> Option<u16> {
        None
    }

    fn annotations(&self, packets: &[Packet], record: &CellRecord, point: usize) -> BTreeMap<u32, String> {
        let ours = |port| record.plan.has_port(port);
        let note = |packet: &Packet| {
            let (_, _, segment) = flow::segment(packet)?;
            let line = Line {
                text: segment.payload.clone(),
                whole: true,
            };
            let side = match (ours(segment.destination_port), ours(segment.source_port)) {
                (true, _) => Side::Client,
                (false, true) => Side::Server,
                (false, false) => return None,
            };
            Some((packet.number, said(side, &line)))
        };
        let of_point = packets.iter().filter(|packet| packet.point == point);
        of_point.filter_map(note).collect()
    }
}

impl Dialogue {
    /// A segment of the client's.
    fn asked(&mut self, by: Seen, client: &mut Direction, segment: &Segment) {
        let brought = client.take(segment);
        let mut begun = brought.begins;
        let beginning = (!client.line.text.is_empty()).then(|| client.line.order().to_vec());
        let whole = brought.lines.iter().map(|line| (line.order().to_vec(), true));
        let all: Vec<_> = whole.chain(beginning.map(|text| (text, false))).collect();
        for (text, whole) in all {
            let command = Command::Command {
                name: "request".to_owned(),
                kind: CommandKind::Statement,
                text,
            };
            match self.exchanges.last_mut().filter(|last| !last.whole && !begun) {
                Some(last) => (last.command, last.whole) = (command, whole),
                None => self.exchanges.push(Exchange {
                    command,
                    asked: by,
                    whole,
                    parts: Vec::new(),
                    outcome: Outcome::Open,
                }),
            }
            begun = true;
        }
    }

    /// A segment of the server's.
    fn said(&mut self, by: Seen, server: &mut Direction, segment: &Segment) {
        if segment.flags.syn {
            self.connected(by);
        }
        let brought = server.take(segment);
        if brought.fresh {
            self.part(by);
        }
        for _ in &brought.lines {
            self.close(by, Outcome::Complete { by, rows: 1 });
        }
    }
}

/// What is said in the packets that passed `point`: ``request `1 hello` ``, ``rs1 answers `hello` ``.
fn annotations(packets: &[Packet], record: &CellRecord, point: usize) -> BTreeMap<u32, String> {
    notes(
        packets,
        record,
        point,
        |side, direction: &mut Direction, segment| {
            let lines = direction.take(segment).lines;
            let said: Vec<String> = lines.iter().map(|line| said(side, line)).collect();
            (!said.is_empty()).then(|| said.join("; "))
        },
    )
}

/// A line in words.
fn said(side: Side, line: &Line) -> String {
    let words = line.words();
    let answer = Answer::read(&words).filter(|_| side == Side::Server);
    match answer {
        Some(Answer { server, text, .. }) => format!("`{server}` answers `{text}`"),
        None => format!("request `{words}`"),
    }
}
