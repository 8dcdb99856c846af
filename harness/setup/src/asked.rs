//! What clients ask: a statement of a mysqld, a line of an echo server.

use lvs_matrix_model::action::{ClientAction, Reaction, Request, Statement};
use lvs_matrix_model::plan::ServerKind;
use std::time::Duration;

/// What a client of such a server asks, with an answer after so long.
pub(crate) fn ask(kind: ServerKind, takes: Duration) -> ClientAction {
    match kind {
        ServerKind::Mysql => ClientAction::Query(statement(takes)),
        ServerKind::TcpEcho | ServerKind::UdpEcho | ServerKind::Program => {
            ClientAction::Request(request(takes))
        }
    }
}

/// `select 1`, or one that takes so long.
pub(crate) fn statement(takes: Duration) -> Statement {
    Statement {
        sql: match takes.as_secs() {
            0 => "select 1".to_owned(),
            seconds => format!("select sleep({seconds})"),
        },
        takes,
        on: None,
        may_fail: false,
        payload: None,
        pause_after: None,
    }
}

/// A line to an echo server that it answers after so long.
pub(crate) fn request(takes: Duration) -> Request {
    Request {
        text: "ping".to_owned(),
        takes,
        then: Reaction::Answer,
        answer: None,
        payload: None,
        on: None,
        may_fail: false,
    }
}
