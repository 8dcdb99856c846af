//! What clients say to a server that is a program of the author's own, and what comes back: bytes of a
//! protocol that nobody here knows. Whatever the server sends after a request is the answer to it.

use super::dialect::{
    Command, CommandKind, Dialect, Dialogue, Exchange, Loss, Outcome, Passed, Side, Unread, notes,
};
use super::flow::Connection;
use super::stream::Stream;
use super::{Packet, Seen, Segment};
use crate::record::CellRecord;
use crate::serving;
use std::collections::BTreeMap;

/// A stream of bytes there, and one back.
#[derive(Debug, Clone, Copy)]
pub struct UnknownStream;

/// So much of a request is kept.
const KEPT: usize = 1024;
/// So much of what is said is shown.
const SHOWN: usize = 60;

/// One direction of a connection.
#[derive(Debug, Default)]
struct Direction {
    stream: Stream,
    lost: bool,
}

impl Direction {
    /// The bytes of the segment that were not there before.
    fn take(&mut self, segment: &Segment) -> Vec<u8> {
        if segment.flags.syn {
            let first = segment.sequence.wrapping_add(1);
            if self.stream.began_at() != Some(first) {
                *self = Self::default();
                self.stream.begin(first);
            }
        }
        if segment.payload_length == 0 {
            return Vec::new();
        }
        let known = self.stream.is_synchronised();
        if u32::try_from(segment.payload.len()).ok() != Some(segment.payload_length) {
            self.stream.lose();
        }
        let bytes = self.stream.take(segment.sequence, &segment.payload);
        self.lost |= known && !self.stream.is_synchronised();
        bytes.to_vec()
    }
}

impl Dialect for UnknownStream {
    fn dialogue(&self, connection: &Connection, passed: &[Passed<'_>]) -> Dialogue {
        let mut dialogue = Dialogue::opened(connection);
        let (mut client, mut server) = (Direction::default(), Direction::default());
        for &(side, packet, segment) in passed {
            let by = Seen::from(packet);
            match side {
                Side::Client => {
                    let bytes = client.take(segment);
                    if !bytes.is_empty() {
                        dialogue.request(by, &bytes);
                    }
                }
                Side::Server => {
                    if segment.flags.syn {
                        dialogue.connected(by);
                    }
                    if !server.take(segment).is_empty() {
                        dialogue.close(by, Outcome::Complete { by, rows: 1 });
                    }
                }
            }
            if client.lost || server.lost {
                dialogue.unread = Some((by, Unread::NotFollowed));
                break;
            }
        }
        dialogue
    }

    fn statement(&self) -> &'static str {
        "request"
    }

    fn carries(&self, payload: &[u8], statement: &str) -> bool {
        let sent = serving::sent(statement);
        payload.windows(sent.len().max(1)).any(|part| part == sent)
    }

    /// Clients get an errno, or the end of the connection.
    fn classic(&self, _: Loss) -> Option<u16> {
        None
    }

    fn annotations(&self, packets: &[Packet], record: &CellRecord, point: usize) -> BTreeMap<u32, String> {
        notes(packets, record, point, |side, said: &mut Direction, segment| {
            let bytes = said.take(segment);
            let what = match side {
                Side::Client => "request",
                Side::Server => "answer",
            };
            (!bytes.is_empty()).then(|| format!("{what} `{}`", shown(&bytes)))
        })
    }
}

impl Dialogue {
    /// Bytes of the client's: a request of their own if the last one has its answer.
    fn request(&mut self, by: Seen, bytes: &[u8]) {
        let more = serving::text(bytes.get(..KEPT).unwrap_or(bytes)).into_bytes();
        let under_way = self.exchanges.last_mut().filter(|last| last.is_open());
        if let Some(Exchange {
            command: Command::Command { text, .. },
            ..
        }) = under_way
        {
            let room = KEPT.saturating_sub(text.len());
            text.extend(more.iter().take(room));
            return;
        }
        self.exchanges.push(Exchange {
            command: Command::Command {
                name: "request".to_owned(),
                kind: CommandKind::Statement,
                text: more,
            },
            asked: by,
            whole: true,
            parts: Vec::new(),
            outcome: Outcome::Open,
        });
    }
}

/// The beginning of what was said, without what would end its quotes.
fn shown(bytes: &[u8]) -> String {
    let mut words: String = serving::text(bytes.get(..KEPT).unwrap_or(bytes));
    words.retain(|c| c != '`');
    if words.chars().count() > SHOWN {
        words = words.chars().take(SHOWN).collect();
        words.push('…');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(packet: u32) -> Seen {
        Seen {
            packet,
            at: crate::duration::Instant(packet.into()),
        }
    }

    /// The server's first SYN-ACK connects; the same sent again answers no request.
    #[test]
    fn a_syn_ack_that_is_sent_again_answers_nothing() {
        let connection = Connection {
            client_port: 1,
            sequence: 7,
            syn: 1,
            began: crate::duration::Instant(1),
            reused: None,
        };
        let mut dialogue = Dialogue::opened(&connection);
        dialogue.connected(seen(2));
        dialogue.request(seen(3), b"PING");
        dialogue.connected(seen(4));
        let answered: Vec<_> = dialogue.exchanges.iter().map(Exchange::answered).collect();
        assert_eq!(answered, [Some(seen(2)), None]);
    }

    #[test]
    fn bytes_that_come_before_an_answer_are_one_request() {
        let mut dialogue = Dialogue::silent();
        dialogue.request(seen(1), b"GET / ");
        dialogue.request(seen(2), b"HTTP/1.0\r\n\r\n");
        let by = seen(3);
        dialogue.close(by, Outcome::Complete { by, rows: 1 });
        // The rest of the answer belongs to nothing.
        dialogue.close(seen(4), Outcome::Complete { by: seen(4), rows: 1 });
        dialogue.request(seen(5), &[0, 255]);
        let asked: Vec<_> = dialogue
            .exchanges
            .iter()
            .map(|exchange| {
                (
                    exchange.asked,
                    exchange.answered(),
                    exchange.command.sql().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            asked,
            [
                (seen(1), Some(by), r"GET / HTTP/1.0\r\n\r\n".to_owned()),
                (seen(5), None, r"\x00\xff".to_owned()),
            ]
        );
    }

    #[test]
    fn a_request_is_found_by_its_bytes() {
        assert!(UnknownStream.carries(b"PING\r\n", r"PING\r\n takes=5s"));
        assert!(!UnknownStream.carries(b"PONG\r\n", r"PING\r\n"));
    }
}
