//! The server's greeting and the client's commands, in words.

use super::payload::{Fields, plural, quoted};
use super::response::Response;

/// `COM_CHANGE_USER`.
pub(super) const CHANGE_USER: u8 = 0x11;

/// ``greeting of `10.11.19-MariaDB`, connection 6``. MariaDB puts `5.5.5-` before its version for the sake of
/// old replicas, and Debian 13 a request for stars behind it.
pub(super) fn greeting(payload: &[u8]) -> Option<String> {
    let mut fields = Fields(payload);
    (fields.byte()? == 10).then_some(())?;
    let version = fields.string()?;
    let version = version.strip_prefix(b"5.5.5-").unwrap_or(version);
    let version = quoted(version.split(|byte| *byte == b' ').next().unwrap_or(version))?;
    Some(format!("greeting of {version}, connection {}", fields.u32()?))
}

/// The number that the greeting gives the connection.
pub(super) fn connection_id(payload: &[u8]) -> Option<u32> {
    let mut fields = Fields(payload);
    fields.byte()?;
    fields.string()?;
    fields.u32()
}

/// A command in words, and what answers it (`None`: nothing).
pub(super) fn command(payload: &[u8], attributes: bool) -> Option<(String, Option<Response>)> {
    let (&code, rest) = payload.split_first()?;
    let with = |name: &str, text: &[u8]| Some(format!("{name} {}", quoted(text)?));
    let statement = || Some(Fields(rest).u32()?.to_string());
    let simple = Some(Response::Simple);
    Some(match code {
        0x01 if rest.is_empty() => ("COM_QUIT".to_owned(), None),
        0x02 => (with("COM_INIT_DB", rest)?, simple),
        0x03 => (query(rest, attributes)?, Some(Response::Result)),
        0x04 => ("COM_FIELD_LIST".to_owned(), Some(Response::Fields)),
        0x08 => ("COM_SHUTDOWN".to_owned(), simple),
        0x09 if rest.is_empty() => ("COM_STATISTICS".to_owned(), Some(Response::Text)),
        0x0c => (format!("COM_PROCESS_KILL {}", statement()?), simple),
        0x0d if rest.is_empty() => ("COM_DEBUG".to_owned(), simple),
        0x0e if rest.is_empty() => ("COM_PING".to_owned(), simple),
        CHANGE_USER => (with("COM_CHANGE_USER", Fields(rest).string()?)?, None),
        0x16 => (with("COM_STMT_PREPARE", rest)?, Some(Response::Prepared)),
        0x17 => (
            format!("COM_STMT_EXECUTE {}", statement()?),
            Some(Response::Result),
        ),
        0x18 => (format!("COM_STMT_SEND_LONG_DATA {}", statement()?), None),
        0x19 => (format!("COM_STMT_CLOSE {}", statement()?), None),
        0x1a => (format!("COM_STMT_RESET {}", statement()?), simple),
        0x1b => ("COM_SET_OPTION".to_owned(), simple),
        0x1c => (
            format!("COM_STMT_FETCH {}", statement()?),
            Some(Response::Rows { begun: true }),
        ),
        0x1f if rest.is_empty() => ("COM_RESET_CONNECTION".to_owned(), simple),
        _ => return None,
    })
}

/// Since MySQL 8.0.23 the text may come after attributes: their number, how many sets of them (always 1), and
/// then they.
fn query(rest: &[u8], attributes: bool) -> Option<String> {
    let mut fields = Fields(rest);
    if attributes {
        let count = fields.integer()?;
        fields.integer()?;
        if count > 0 {
            return Some(format!("COM_QUERY with {}", plural(count, "attribute")));
        }
    }
    let text = quoted(fields.0)?;
    (!fields.0.contains(&0)).then(|| format!("COM_QUERY {text}"))
}
