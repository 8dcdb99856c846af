//! What a real server held when the observation ended.

use super::Socket;
use crate::Name;
use serde::{Deserialize, Serialize};

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
    /// The file with the server's log in the cell's folder.
    pub log: Option<String>,
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
}

impl ServerView {
    /// The sockets, read; lines that are none are left out.
    pub fn read_sockets(&self) -> impl Iterator<Item = Socket> {
        self.sockets.iter().filter_map(|line| Socket::parse(line))
    }
}

impl ServerSession {
    /// The client's port, from its address `192.0.2.10:40776`.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.host.rsplit_once(':')?.1.parse().ok()
    }
}
