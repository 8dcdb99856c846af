//! Errors of clients in words.

use crate::catalogue::Language;
use lvs_matrix_model::record::ClientErrorKind;
use lvs_matrix_model::verdict::{ObservedError, errno_name};

/// `2003 (111 ECONNREFUSED)`, `2013`, `111 ECONNREFUSED`, `server error 1064`, `end of file`,
/// `error of the driver`.
pub fn error_code(words: Language, error: &ObservedError) -> String {
    if let Some(server) = error.server {
        return words.server_error(server);
    }
    match (error.classic, error.errno.map(errno)) {
        (Some(classic), Some(errno)) => format!("{classic} ({errno})"),
        (Some(classic), None) => classic.to_string(),
        (None, Some(errno)) => errno,
        (None, None) if error.closed => words.end_of_file().to_owned(),
        (None, None) => words.error_of_the_driver().to_owned(),
    }
}

/// `111 ECONNREFUSED`; the number alone if Linux has no name for it.
pub fn errno(number: u16) -> String {
    match errno_name(number) {
        Some(name) => format!("{number} {name}"),
        None => number.to_string(),
    }
}

/// What kind of error the client had; with foreign text, not escaped.
pub fn error_kind(words: Language, kind: &ClientErrorKind) -> String {
    let named = |number: i32| u16::try_from(number).map_or_else(|_| number.to_string(), errno);
    match kind {
        ClientErrorKind::Io { errno: Some(number) } => named(*number),
        ClientErrorKind::Io { errno: None } => words.system_call_failed().to_owned(),
        ClientErrorKind::Closed => words.server_closed().to_owned(),
        ClientErrorKind::Server { code, sqlstate } => words.server_error_with_state(code, sqlstate),
        ClientErrorKind::Library {
            code,
            sqlstate,
            errno,
        } => {
            let sqlstate = match sqlstate.as_str() {
                "" => String::new(),
                sqlstate => words.sql_state(sqlstate),
            };
            let errno = errno.map_or_else(String::new, |errno| words.and_errno(named(errno)));
            words.error_of_the_program(code, sqlstate + &errno)
        }
        ClientErrorKind::TimedOut { code: Some(code) } => words.own_time_out(code),
        ClientErrorKind::TimedOut { code: None } => words.own_time_out_without_code().to_owned(),
        ClientErrorKind::Driver => words.driver_failed().to_owned(),
    }
}

/// What the classic client's codes mean: the texts of MySQL's `errmsg.c`.
pub fn classic_meaning(words: Language, code: u16) -> Option<&'static str> {
    match code {
        // MySQL's 2002 is about a local server; only MariaDB's client prints it for one across the network.
        2002 => Some(words.meaning_2002()),
        2003 => Some(words.meaning_2003()),
        2006 => Some(words.meaning_2006()),
        2013 => Some(words.meaning_2013()),
        _ => None,
    }
}
