//! What both sides of a MySQL connection said, as data: each command of the client with what answered it.
//!
//! The same reading as the notes of a trace: one decoder says both.

use super::MySql;
use super::session::Utterance;
use crate::capture::dialect::{
    Command, CommandKind, Dialect, Dialogue, Exchange, Loss, Outcome, Passed, Side,
};
use crate::capture::flow::Connection;
use crate::capture::{Packet, Seen};
use crate::record::CellRecord;
use std::collections::BTreeMap;

const COM_QUERY: u8 = 0x03;
const COM_STMT_PREPARE: u8 = 0x16;
const COM_STMT_EXECUTE: u8 = 0x17;

// The classic client's codes (MySQL's include/errmsg.h).
const CR_CONN_HOST_ERROR: u16 = 2003;
const CR_SERVER_GONE_ERROR: u16 = 2006;
const CR_SERVER_LOST: u16 = 2013;

impl Dialect for MySql {
    fn dialogue(&self, connection: &Connection, passed: &[Passed<'_>]) -> Dialogue {
        let mut dialogue = Dialogue::opened(connection);
        let mut followed = super::Connection::default();
        for &(side, packet, segment) in passed {
            followed.take(side, segment);
            let heard = followed.session.heard();
            let by = Seen::from(packet);
            if dialogue.unread.is_none() {
                dialogue.take(side, by, followed.fresh, heard);
            }
        }
        dialogue
    }

    fn statement(&self) -> &'static str {
        "COM_QUERY"
    }

    /// `COM_QUERY` (MySQL client/server protocol: three bytes length, sequence number 0, 0x03). A long
    /// statement takes more than one segment.
    fn carries(&self, payload: &[u8], statement: &str) -> bool {
        match payload {
            [_, _, _, 0, COM_QUERY, text @ ..] => {
                let sql = statement.as_bytes();
                // MySQL 8.0.23 and later may put query attributes before the text.
                text.windows(sql.len().max(1)).any(|part| part == sql)
                    || (text.len() < sql.len() && sql.starts_with(text))
            }
            _ => false,
        }
    }

    fn classic(&self, loss: Loss) -> Option<u16> {
        Some(match loss {
            // MariaDB's client prints 2002 here.
            Loss::NotEstablished => CR_CONN_HOST_ERROR,
            Loss::BeforeLogin | Loss::AfterRequest => CR_SERVER_LOST,
            Loss::BeforeRequest => CR_SERVER_GONE_ERROR,
        })
    }

    fn annotations(&self, packets: &[Packet], record: &CellRecord, point: usize) -> BTreeMap<u32, String> {
        super::annotations(packets, record, point)
    }
}

fn kind(code: u8) -> CommandKind {
    match code {
        COM_QUERY => CommandKind::Statement,
        COM_STMT_PREPARE => CommandKind::Preparation,
        COM_STMT_EXECUTE => CommandKind::Execution,
        _ => CommandKind::Other,
    }
}

impl Dialogue {
    fn take(&mut self, side: Side, by: Seen, fresh: bool, heard: Vec<Utterance>) {
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
                    let kind = kind(code);
                    let command = Command::Command { name, kind, text };
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
}
