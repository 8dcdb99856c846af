//! What a real server held when the observation ended.

use super::Socket;
use crate::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A server's version without what its distributor says behind it: `11.8.9-MariaDB-0+deb13u1` of
/// `11.8.9-MariaDB-0+deb13u1 from Debian -- Please help get to 10k stars at …`.
#[must_use]
pub fn version_alone(said: &str) -> &str {
    said.split_whitespace().next().unwrap_or_default()
}

/// What a real server held at the end: a session that the client has lost may still be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ServerView {
    /// Which server.
    pub server: Name,
    /// Its `server_id`.
    pub server_id: u32,
    /// What its mysqld was doing.
    pub mysqld: MysqldState,
    /// TCP sockets of the client in the server's kernel, as `ss -tano` shows them, a line each.
    pub sockets: Vec<String>,
    /// The sessions of the client in the server's process list; `None` if it could not be asked.
    pub sessions: Option<Vec<ServerSession>>,
    /// How long the server waits for its clients, in seconds, by the names of its global variables
    /// (`wait_timeout`, `net_write_timeout`, …), as they were when the lab was ready; empty in records of
    /// before, and if it could not be asked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub timeouts: BTreeMap<String, u64>,
    /// How many cells had this server before. It was lent to this one after it had been shown to be as new.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub earlier_cells: u32,
    /// The file with the server's log in the cell's folder.
    pub log: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The state of a mysqld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum MysqldState {
    /// The process runs.
    Running,
    /// The process is there, stopped by a signal.
    Frozen,
    /// The process has ended.
    Ended {
        /// How (`exit 0`, `signal 9`).
        status: String,
    },
}

/// A line of `SHOW PROCESSLIST`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ServerSession {
    /// Connection id.
    pub id: u64,
    /// The client's address and port.
    pub host: String,
    /// `Sleep`, `Query`, …
    pub command: String,
    /// Seconds in this state, by the server's count.
    pub seconds: i64,
    /// The statement, if one runs.
    pub info: Option<String>,
    /// Its transaction, if InnoDB has one of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<OpenTransaction>,
}

/// A transaction that has not ended: a line of `information_schema.innodb_trx`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OpenTransaction {
    /// `trx_state`: `RUNNING` (also while its session says nothing), `LOCK WAIT`, `ROLLING BACK` or
    /// `COMMITTING`.
    pub state: String,
    /// Seconds since `trx_started`, by the server's clock.
    pub seconds: i64,
    /// `trx_rows_locked`: about how many rows it has locked, those marked for deletion included.
    pub rows_locked: u64,
    /// `trx_rows_modified`: how many rows it has changed or inserted.
    pub rows_modified: u64,
}

impl ServerView {
    /// The sockets, read; lines that are none are left out.
    pub fn read_sockets(&self) -> impl Iterator<Item = Socket> {
        self.sockets.iter().filter_map(|line| Socket::parse(line))
    }
}

impl fmt::Display for OpenTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            state,
            seconds,
            rows_locked,
            rows_modified,
        } = self;
        let rows = if *rows_modified == 1 { "row" } else { "rows" };
        write!(
            f,
            "an open transaction: {rows_modified} {rows} modified, {rows_locked} locked, {state} for \
             {seconds} s"
        )
    }
}

impl ServerSession {
    /// The client's port, from its address `192.0.2.10:40776`.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.host.rsplit_once(':')?.1.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::version_alone;

    #[test]
    fn a_version_has_no_advertisement() {
        for (said, alone) in [
            (
                "11.8.9-MariaDB-0+deb13u1 from Debian -- Please help get to 10k stars at https://example.org",
                "11.8.9-MariaDB-0+deb13u1",
            ),
            (
                "10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)",
                "10.11.19-MariaDB-0+deb12u1",
            ),
            (
                "5.6.24 for linux-glibc2.5 on x86_64 (MySQL Community Server (GPL))",
                "5.6.24",
            ),
            ("5.6.24", "5.6.24"),
            ("", ""),
        ] {
            assert_eq!(version_alone(said), alone);
        }
    }
}
