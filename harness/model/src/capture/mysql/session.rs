//! A connection through its phases: greeting, login, commands.

use super::command::{CHANGE_USER, command, connection_id, greeting};
use super::framer::{Framer, Part, Whole};
use super::notes::Notes;
use super::payload::{Fields, plural, quoted};
use super::response::{EOF, ERR, OK, Read, Response, error, is_eof, ok};
use crate::capture::dialect::Side;
use crate::capture::dialect::{ServerError, Unread};
use std::collections::VecDeque;

// Capability flags (MySQL's "Capabilities Flags"; MariaDB's are the same as far as these go).
const COMPRESS: u32 = 1 << 5;
const ZSTD: u32 = 1 << 26;
const CONNECT_WITH_DB: u32 = 1 << 3;
const PROTOCOL_41: u32 = 1 << 9;
const TLS: u32 = 1 << 11;
const SECURE_CONNECTION: u32 = 1 << 15;
const LENGTH_ENCODED_AUTH: u32 = 1 << 21;
const QUERY_ATTRIBUTES: u32 = 1 << 27;
/// A login without its user: the client goes on in TLS.
const TLS_REQUEST_LENGTH: usize = 32;

/// In the authentication: more data.
const MORE: u8 = 0x01;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    /// Nothing was seen yet, not even a SYN.
    #[default]
    Unknown,
    /// The server speaks first.
    Greeting,
    /// The client's login.
    Login,
    /// Until the server's OK.
    Authentication,
    /// Commands and their answers.
    Commands,
    /// It cannot be followed any more.
    Silent,
}

/// Something that one side said, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Utterance {
    /// The server's greeting, with its number for the connection.
    Greeted(Option<u32>),
    /// The server lets the client in.
    LoggedIn,
    /// The client's command, or the beginning of one.
    Asked {
        /// `COM_QUERY`.
        name: String,
        /// Its first byte.
        code: u8,
        /// What follows that byte, or the beginning of it.
        text: Vec<u8>,
        /// Is all of it there?
        whole: bool,
        /// Does the server answer to it?
        answered: bool,
    },
    /// The answer to the oldest command without one is complete.
    Answered {
        /// The rows of all its result sets.
        rows: u64,
    },
    /// An ERR is the answer to the oldest command without one, or to the login.
    Failed(ServerError),
    /// An ERR to a client that has asked for nothing.
    Unasked(ServerError),
    /// From here on nothing can be read.
    Lost(Unread),
}

/// What is known of a connection.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Session {
    phase: Phase,
    client: Framer,
    server: Framer,
    /// Answers that are due, each with the sequence number that its next packet must have (`None`: any).
    due: VecDeque<(Response, Option<u8>)>,
    client_announced: bool,
    server_announced: bool,
    uploading: bool,
    compression: bool,
    attributes: bool,
    /// Rows of the answer that is being read.
    rows: u64,
    /// What was said since it was last asked for.
    heard: Vec<Utterance>,
}

impl Session {
    /// Bytes of a side are missing.
    pub(super) fn lost(&mut self) {
        self.heard.push(Utterance::Lost(Unread::NotFollowed));
    }

    /// What was said since the last call.
    pub(super) fn heard(&mut self) -> Vec<Utterance> {
        std::mem::take(&mut self.heard)
    }

    /// The client opened a connection.
    pub(super) fn opened(&mut self) {
        self.phase = Phase::Greeting;
    }

    /// In the middle of a connection: can these bytes be the beginning of a command, or of the answer to one
    /// that was seen? Commands are told by being exactly the bytes of a segment.
    pub(super) fn may_begin_with(&self, side: Side, bytes: &[u8]) -> bool {
        let mut framer = Framer::default();
        let whole = framer.take(bytes);
        let complete = framer.part().is_none();
        match side {
            Side::Client => {
                let command = |whole: &Whole| whole.sequence == 0 && command(&whole.kept, false).is_some();
                matches!(self.phase, Phase::Unknown)
                    && complete
                    && !whole.is_empty()
                    && whole.iter().all(command)
            }
            Side::Server => {
                let answers = matches!(self.phase, Phase::Commands) && !self.due.is_empty();
                answers && whole.first().is_some_and(|first| first.sequence == 1)
            }
        }
    }

    /// What the next bytes of a side say.
    pub(super) fn take(&mut self, side: Side, bytes: &[u8]) -> String {
        if bytes.is_empty() || self.phase == Phase::Silent {
            return String::new();
        }
        let mut framer = std::mem::take(match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        });
        let mut notes = Notes::default();
        for whole in framer.take(bytes) {
            if whole.in_parts && std::mem::take(self.announced(side)) {
                notes.say(format!("all of {}", plural(whole.length as u64, "byte")));
            }
            let understood = match side {
                Side::Client => self.client_says(&whole, &mut notes),
                Side::Server => self.server_says(&whole, &mut notes),
            };
            if !understood {
                self.phase = Phase::Silent;
                self.heard.push(Utterance::Lost(Unread::NotFollowed));
            }
            if self.phase == Phase::Silent {
                return notes.text();
            }
        }
        if let Some(part) = framer.part() {
            self.begun(side, &part, &mut notes);
        }
        match side {
            Side::Client => self.client = framer,
            Side::Server => self.server = framer,
        }
        notes.text()
    }

    /// A command whose beginning has come is named at once: it may be all that ever comes. Bytes that are no
    /// beginning of anything that is due are not counted.
    fn begun(&mut self, side: Side, part: &Part<'_>, notes: &mut Notes) {
        let in_commands = self.phase == Phase::Commands;
        let mut text = String::new();
        if part.begins {
            let announced = match side {
                Side::Client => {
                    let command =
                        command(part.kept, self.attributes).filter(|_| in_commands && part.sequence == 0);
                    command.is_some_and(|(name, answer)| {
                        self.heard
                            .extend(asked(&name, part.kept, false, answer.is_some()));
                        text = format!("{name}, ");
                        true
                    })
                }
                Side::Server => {
                    let due = self.due.front().and_then(|(_, sequence)| *sequence);
                    in_commands && due == Some(part.sequence)
                }
            };
            *self.announced(side) = announced;
        }
        if *self.announced(side) {
            let length = plural(part.length as u64, "byte");
            notes.say(format!("{text}{} of at least {length}", part.come));
        }
    }

    /// Was it said that a payload of this side has begun?
    fn announced(&mut self, side: Side) -> &mut bool {
        match side {
            Side::Client => &mut self.client_announced,
            Side::Server => &mut self.server_announced,
        }
    }

    fn client_says(&mut self, whole: &Whole, notes: &mut Notes) -> bool {
        match self.phase {
            // The server's side may not pass this interface.
            Phase::Greeting | Phase::Login => self.login(whole, notes),
            Phase::Unknown | Phase::Authentication | Phase::Commands if whole.sequence == 0 => {
                self.phase = Phase::Commands;
                let Some((text, answer)) = command(&whole.kept, self.attributes) else {
                    return false;
                };
                let changes_user = whole.kept.first() == Some(&CHANGE_USER);
                let answered = answer.is_some() || changes_user;
                self.heard.extend(asked(&text, &whole.kept, true, answered));
                notes.say(text);
                self.due.extend(answer.map(|answer| (answer, Some(1))));
                if changes_user {
                    self.phase = Phase::Authentication;
                    self.due.clear();
                }
                true
            }
            Phase::Authentication => {
                notes.say(format!(
                    "{} for the authentication",
                    plural(whole.length as u64, "byte")
                ));
                true
            }
            Phase::Commands if self.uploading => {
                self.uploading = whole.length > 0;
                notes.say(match whole.length {
                    0 => "the end of the file".to_owned(),
                    length => format!("{} of the file", plural(length as u64, "byte")),
                });
                true
            }
            Phase::Unknown | Phase::Commands | Phase::Silent => false,
        }
    }

    fn server_says(&mut self, whole: &Whole, notes: &mut Notes) -> bool {
        let first = whole.kept.first().copied();
        match self.phase {
            Phase::Greeting => {
                self.phase = Phase::Login;
                if whole.sequence != 0 {
                    return false;
                }
                if first == Some(ERR) {
                    return self.refused(whole, notes);
                }
                let text = greeting(&whole.kept);
                self.heard.push(Utterance::Greeted(connection_id(&whole.kept)));
                notes.maybe(text)
            }
            // An ERR before the login: too many connections, too slow.
            Phase::Login if first == Some(ERR) => self.refused(whole, notes),
            Phase::Authentication => self.authentication(whole, notes),
            Phase::Commands => self.answer(whole, notes),
            Phase::Unknown | Phase::Login | Phase::Silent => false,
        }
    }

    /// An ERR that is the end of a login.
    fn refused(&mut self, whole: &Whole, notes: &mut Notes) -> bool {
        let error = error(&whole.kept);
        notes.maybe(error.as_ref().map(ToString::to_string));
        self.heard.extend(error.clone().map(Utterance::Failed));
        error.is_some()
    }

    fn login(&mut self, whole: &Whole, notes: &mut Notes) -> bool {
        let mut fields = Fields(&whole.kept);
        let Some(flags) = fields
            .u32()
            .filter(|flags| flags & PROTOCOL_41 != 0 && whole.sequence > 0)
        else {
            return false;
        };
        if flags & TLS != 0 && whole.length == TLS_REQUEST_LENGTH {
            notes.say("asks for TLS; the rest is encrypted".to_owned());
            self.heard.push(Utterance::Lost(Unread::Tls));
            self.phase = Phase::Silent;
            return true;
        }
        // Largest packet, character set, filler.
        let Some(user) = fields
            .bytes(4 + 1 + 23)
            .and_then(|_| fields.string())
            .and_then(quoted)
        else {
            return false;
        };
        let mut text = format!("login as {user}");
        let response = if flags & LENGTH_ENCODED_AUTH != 0 {
            fields
                .integer()
                .and_then(|length| usize::try_from(length).ok())
                .and_then(|length| fields.bytes(length))
        } else if flags & SECURE_CONNECTION != 0 {
            fields.byte().and_then(|length| fields.bytes(usize::from(length)))
        } else {
            fields.string()
        };
        if flags & CONNECT_WITH_DB != 0 {
            let database = response.and_then(|_| fields.string()).and_then(quoted);
            text.push_str(&database.map_or_else(String::new, |name| format!(", database {name}")));
        }
        notes.say(text);
        self.compression = flags & (COMPRESS | ZSTD) != 0;
        self.attributes = flags & QUERY_ATTRIBUTES != 0;
        self.phase = Phase::Authentication;
        true
    }

    fn authentication(&mut self, whole: &Whole, notes: &mut Notes) -> bool {
        match whole.kept.first().copied() {
            Some(OK) => {
                self.phase = if self.compression {
                    Phase::Silent
                } else {
                    Phase::Commands
                };
                let rest = if self.compression {
                    "; the rest is compressed"
                } else {
                    ""
                };
                self.heard.push(Utterance::LoggedIn);
                if self.compression {
                    self.heard.push(Utterance::Lost(Unread::Compressed));
                }
                notes.maybe(ok(&whole.kept).map(|_| format!("OK, logged in{rest}")))
            }
            Some(ERR) => {
                self.phase = Phase::Silent;
                self.refused(whole, notes)
            }
            Some(EOF) => {
                let plugin = Fields(whole.kept.get(1..).unwrap_or_default())
                    .string()
                    .and_then(quoted);
                notes.maybe(plugin.map(|name| format!("asks for authentication by {name}")))
            }
            Some(MORE) => {
                notes.say("goes on with the authentication".to_owned());
                true
            }
            Some(_) | None => false,
        }
    }

    fn answer(&mut self, whole: &Whole, notes: &mut Notes) -> bool {
        let Some((response, sequence)) = self.due.front().copied() else {
            // A server that closes a connection may say why, unasked.
            let error = error(&whole.kept).filter(|_| whole.kept.first() == Some(&ERR));
            notes.maybe(error.as_ref().map(ToString::to_string));
            self.heard.extend(error.clone().map(Utterance::Unasked));
            return is_eof(whole) || error.is_some();
        };
        if sequence.is_some_and(|sequence| sequence != whole.sequence) {
            // What closes the definitions of a prepared statement.
            return is_eof(whole);
        }
        let next = match response.read(whole) {
            Read::Said(text, next) => {
                notes.say(text);
                next
            }
            Read::Failed(error) => {
                notes.say(error.to_string());
                self.rows = 0;
                self.due.pop_front();
                self.heard.push(Utterance::Failed(error));
                return true;
            }
            Read::Row(next) => {
                notes.row();
                self.rows += 1;
                Some(next)
            }
            Read::Upload(next) => {
                notes.say("asks for a file of the client's".to_owned());
                self.uploading = true;
                // Its sequence number follows those of the file.
                self.due[0] = (next, None);
                return true;
            }
            Read::Nothing(next) => next,
            Read::Nonsense => return false,
        };
        match next {
            Some(next) => self.due[0] = (next, Some(whole.sequence.wrapping_add(whole.packets))),
            None => {
                self.due.pop_front();
                let rows = std::mem::take(&mut self.rows);
                self.heard.push(Utterance::Answered { rows });
            }
        }
        true
    }
}

/// A command, or its beginning, as data. Its name is the first word of what a trace says of it.
fn asked(said: &str, payload: &[u8], whole: bool, answered: bool) -> Option<Utterance> {
    let (&code, text) = payload.split_first()?;
    Some(Utterance::Asked {
        name: said.split(' ').next().unwrap_or_default().to_owned(),
        code,
        text: text.to_vec(),
        whole,
        answered,
    })
}
