//! What a server answers to a command, payload by payload.

use super::framer::Whole;
use super::payload::{Fields, plural, quoted};
use crate::capture::dialect::ServerError;

/// OK, and what closes a result set since MySQL 5.7 (`CLIENT_DEPRECATE_EOF`), where it has the mark of an
/// EOF.
pub(super) const OK: u8 = 0x00;
pub(super) const EOF: u8 = 0xfe;
pub(super) const ERR: u8 = 0xff;
const LOCAL_INFILE: u8 = 0xfb;
/// An EOF payload has five bytes; what else begins with its mark is longer (an OK has at least seven).
const EOF_LENGTH: usize = 5;
/// `SERVER_MORE_RESULTS_EXISTS`.
const MORE_RESULTS: u16 = 0x0008;

/// What comes next in answer to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Response {
    /// OK, ERR or EOF.
    Simple,
    /// OK, ERR, or the number of columns of a result set.
    Result,
    /// So many definitions of columns; whether rows follow.
    Definitions { left: u64, rows: bool },
    /// Rows, or what closes them. Before the first row servers without `CLIENT_DEPRECATE_EOF` send an EOF
    /// that closes the definitions only.
    Rows { begun: bool },
    /// The answer to `COM_STMT_PREPARE`.
    Prepared,
    /// Definitions of columns up to an EOF.
    Fields,
    /// A text.
    Text,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// It says this, and then comes that (`None`: the answer is complete).
    Said(String, Option<Response>),
    /// An ERR, which ends the answer.
    Failed(ServerError),
    /// A row, and then comes that.
    Row(Response),
    /// The client is to send a file, and then comes that.
    Upload(Response),
    /// Nothing worth a word, and then comes that.
    Nothing(Option<Response>),
    /// This is no answer that the protocol has here.
    Nonsense,
}

impl Response {
    /// Reads a payload of the server.
    pub(super) fn read(self, whole: &Whole) -> Read {
        let payload = whole.kept.as_slice();
        let Some(first) = payload.first().copied() else {
            return Read::Nonsense;
        };
        // MariaDB tells by an ERR with this number how far it is; the answer is yet to come.
        if payload.starts_with(&[ERR, 0xff, 0xff]) {
            return Read::Nothing(Some(self));
        }
        if first == ERR && self != Self::Text {
            return error(payload).map_or(Read::Nonsense, Read::Failed);
        }
        match self {
            Self::Simple => match first {
                OK => said(ok(payload), self),
                EOF if whole.length == EOF_LENGTH => Read::Said("EOF".to_owned(), None),
                _ => Read::Nonsense,
            },
            Self::Result => match first {
                OK => said(ok(payload), self),
                LOCAL_INFILE => Read::Upload(Self::Simple),
                _ => columns(whole),
            },
            Self::Definitions { left, rows } => {
                let then = match (left, rows) {
                    (2.., _) => Some(Self::Definitions { left: left - 1, rows }),
                    (_, true) => Some(Self::Rows { begun: false }),
                    (_, false) => None,
                };
                // Between the parameters and the columns of a prepared statement.
                if is_eof(whole) {
                    return Read::Nothing(Some(self));
                }
                Read::Nothing(then)
            }
            Self::Rows { begun: false } if is_eof(whole) => Read::Nothing(Some(Self::Rows { begun: true })),
            // A row whose first value is that long begins with the same byte.
            Self::Rows { .. } if first != EOF || whole.length >= 0xff_ff_ff => {
                Read::Row(Self::Rows { begun: true })
            }
            Self::Rows { .. } if is_eof(whole) => {
                let status = payload.get(3..5).map_or(0, |bytes| {
                    bytes
                        .iter()
                        .rev()
                        .fold(0, |sum, byte| sum << 8 | u16::from(*byte))
                });
                let more = status & MORE_RESULTS != 0;
                Read::Said("EOF".to_owned(), more.then_some(Self::Result))
            }
            Self::Rows { .. } => said(ok(payload), Self::Result),
            Self::Prepared => prepared(payload),
            Self::Fields if is_eof(whole) => Read::Said("EOF".to_owned(), None),
            Self::Fields => Read::Nothing(Some(self)),
            Self::Text => Read::Said(format!("{} of text", plural(whole.length as u64, "byte")), None),
        }
    }
}

/// Is this an EOF, and not an OK with its mark?
pub(super) fn is_eof(whole: &Whole) -> bool {
    whole.length == EOF_LENGTH && whole.kept.first() == Some(&EOF)
}

fn said(ok: Option<(String, bool)>, next: Response) -> Read {
    match ok {
        Some((text, more)) => Read::Said(text, more.then_some(next)),
        None => Read::Nonsense,
    }
}

/// An OK, and whether another result follows.
pub(super) fn ok(payload: &[u8]) -> Option<(String, bool)> {
    let mut fields = Fields(payload);
    fields.byte()?;
    let affected = fields.integer()?;
    fields.integer()?;
    let status = fields.u16()?;
    let text = match affected {
        0 => "OK".to_owned(),
        rows => format!("OK, {} affected", plural(rows, "row")),
    };
    Some((text, status & MORE_RESULTS != 0))
}

/// An ERR payload: ``ERR 1045 (28000) `Access denied for user …` ``. Before the login there is no SQLSTATE.
pub(super) fn error(payload: &[u8]) -> Option<ServerError> {
    let mut fields = Fields(payload);
    fields.byte()?;
    let code = fields.u16()?;
    let mut sqlstate = String::new();
    if let [b'#', rest @ ..] = fields.0 {
        let (state, rest) = rest.split_at_checked(5)?;
        fields.0 = rest;
        state.iter().all(u8::is_ascii_alphanumeric).then_some(())?;
        std::str::from_utf8(state).ok()?.clone_into(&mut sqlstate);
    }
    Some(ServerError {
        code,
        sqlstate,
        message: quoted(fields.0)?,
    })
}

/// The number of columns. MariaDB may say in one more byte whether their definitions follow.
fn columns(whole: &Whole) -> Read {
    let mut fields = Fields(&whole.kept);
    let Some(count) = fields.integer().filter(|count| *count > 0) else {
        return Read::Nonsense;
    };
    let text = format!("result set of {}", plural(count, "column"));
    match fields.0 {
        [] | [1] => Read::Said(
            text,
            Some(Response::Definitions {
                left: count,
                rows: true,
            }),
        ),
        [0] => Read::Said(text, Some(Response::Rows { begun: false })),
        _ => Read::Nonsense,
    }
}

fn prepared(payload: &[u8]) -> Read {
    let mut fields = Fields(payload);
    let (Some(OK), Some(statement), Some(columns), Some(parameters)) =
        (fields.byte(), fields.u32(), fields.u16(), fields.u16())
    else {
        return Read::Nonsense;
    };
    let text = format!(
        "OK, statement {statement} with {}",
        plural(u64::from(parameters), "parameter")
    );
    let left = u64::from(columns) + u64::from(parameters);
    Read::Said(
        text,
        (left > 0).then_some(Response::Definitions { left, rows: false }),
    )
}
