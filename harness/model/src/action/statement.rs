//! The SQL statement of a client, and the place of its payload.

use super::entry::fields;
use crate::Name;
use std::time::Duration;

fields! {
    $ statement_fields;

    /// An SQL statement of the client.
    Statement {
        /// Its text, sent as it stands, without blanks around it.
        required "sql" sql: String as Text;
        /// How long a healthy server needs for it: `20s` for `select sleep(20)`. Patience begins after that.
        default("0s") "takes" takes: Duration;
        /// The name of the connection to send it on. Without it the plain one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optional "on" on: Option<Name> as Name;
        /// The time line goes on if it fails; else an error of the client's is the end of the cell.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        flag "may-fail" may_fail: bool;
        /// A large upload: so much text takes the place of `{payload}` in `sql`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optional "payload" payload: Option<u32> as Bytes;
        /// The middle of a large result: after so many rows the client stops reading, and goes on with
        /// `await-result`. The next step begins when it has stopped. For `start-query`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optional "pause-after" pause_after: Option<u32> as Rows;
    }
}

/// What a statement's payload takes the place of.
pub const PAYLOAD: &str = "{payload}";

impl Statement {
    /// The text as it is sent.
    #[must_use]
    pub fn text(&self) -> String {
        match self.payload {
            None => self.sql.clone(),
            Some(bytes) => {
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                self.sql.replacen(PAYLOAD, &"x".repeat(bytes), 1)
            }
        }
    }

    /// The beginning of the text: all of it, or what stands before its payload.
    #[must_use]
    pub fn beginning(&self) -> &str {
        let before = self.sql.split_once(PAYLOAD).filter(|_| self.payload.is_some());
        before.map_or(self.sql.as_str(), |(before, _)| before)
    }
}
