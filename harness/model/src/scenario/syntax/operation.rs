//! What the client does, as typed.

use super::super::place::At;
use super::super::scalar::{Bytes, Rows, Text, Yes};
use super::super::table::structure;
use crate::Name;
use crate::action::Closing;
use std::time::Duration;

structure! {
    /// A connection to open. Without a name it is the client's plain one.
    ConnectInput {
        /// A name for the connection, by which later steps speak of it. A client may have many.
        optional "as" name: At<Name>;
        /// The real server that the connection is to be on, whatever the scheduler and the weights are: one
        /// that is in the director's table. For the time of the choice the harness edits the table so that
        /// the scheduler has no other, and puts it back.
        optional "to" to: At<Name>;
        /// The time line goes on if it fails; else an error of the client's is the end of the cell.
        optional "may-fail" may_fail: At<Yes>;
    }
}

structure! {
    /// Names a connection of the client's. Without a name it is the plain one.
    ConnectionInput {
        /// The connection's name.
        optional "on" on: At<Name>;
    }
}

structure! {
    /// A connection to close.
    DisconnectInput {
        /// The connection's name. Without it the plain one.
        optional "on" on: At<Name>;
        /// `quit`: in order, by `COM_QUIT` and a FIN. `reset`: by an RST, as the kernel does it for a process
        /// that dies with unread data.
        default("quit") "how" how: At<Closing>;
    }
}

structure! {
    /// An SQL statement.
    StatementInput {
        /// Its text, sent as it stands, without blanks around it.
        required "sql" sql: At<Text>;
        /// How long a healthy server needs for it: `20s` for `select sleep(20)`. Patience begins after that.
        default("0s") "takes" takes: At<Duration>;
        /// The name of the connection to send it on. Without it the plain one.
        optional "on" on: At<Name>;
        /// The time line goes on if it fails; else an error of the client's is the end of the cell.
        optional "may-fail" may_fail: At<Yes>;
        /// A large upload: so much text takes the place of `{payload}` in `sql`.
        optional "payload" payload: At<Bytes>;
        /// The middle of a large result: after so many rows the client stops reading, and goes on with
        /// `await-result`. The next step begins when it has stopped. For `start-query`.
        optional "pause-after" pause_after: At<Rows>;
    }
}
