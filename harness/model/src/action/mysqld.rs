//! What happens to a mysqld's process.

use crate::Name;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A signal that ends a mysqld.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum StopSignal {
    /// An orderly shutdown, as `systemctl stop` does.
    Term,
    /// The process is gone at once; its kernel closes the sockets.
    Kill,
}

/// Something done to the mysqld of a real server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum MysqldAction {
    /// Ends a mysqld and waits until the process is gone.
    StopMysqld {
        /// On which real server.
        server: Name,
        /// By which signal.
        signal: StopSignal,
    },
    /// Starts a mysqld that was stopped, and waits until it answers.
    StartMysqld {
        /// On which real server.
        server: Name,
    },
    /// SIGSTOP: no thread of it runs any more; its kernel goes on to acknowledge segments and to accept
    /// connections.
    FreezeMysqld {
        /// On which real server.
        server: Name,
    },
    /// SIGCONT to a mysqld that was frozen; done when it answers.
    ThawMysqld {
        /// On which real server.
        server: Name,
    },
}

impl MysqldAction {
    /// The action's key in the YAML.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::StopMysqld { .. } => "stop-mysqld",
            Self::StartMysqld { .. } => "start-mysqld",
            Self::FreezeMysqld { .. } => "freeze-mysqld",
            Self::ThawMysqld { .. } => "thaw-mysqld",
        }
    }

    /// The real server that it runs on.
    #[must_use]
    pub fn server(&self) -> &Name {
        match self {
            Self::StopMysqld { server, .. }
            | Self::StartMysqld { server }
            | Self::FreezeMysqld { server }
            | Self::ThawMysqld { server } => server,
        }
    }
}

impl fmt::Display for MysqldAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StopMysqld {
                server,
                signal: StopSignal::Term,
            } => write!(f, "stop mysqld on {server} (SIGTERM)"),
            Self::StopMysqld {
                server,
                signal: StopSignal::Kill,
            } => write!(f, "stop mysqld on {server} (SIGKILL)"),
            Self::StartMysqld { server } => write!(f, "start mysqld on {server}"),
            Self::FreezeMysqld { server } => write!(f, "freeze mysqld on {server} (SIGSTOP)"),
            Self::ThawMysqld { server } => write!(f, "thaw mysqld on {server} (SIGCONT)"),
        }
    }
}
