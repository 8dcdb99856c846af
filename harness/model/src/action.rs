//! What a step can do. One action is one key in the YAML: `{ set-weight: { server: rs1, weight: 0 } }`.

use crate::Name;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A host of the lab; each is a network namespace of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Node {
    /// The MySQL client.
    Client,
    /// The load balancer: the host with the IPVS table.
    Director,
    /// A real server with its mysqld.
    RealServer(Name),
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("client"),
            Self::Director => f.write_str("director"),
            Self::RealServer(name) => write!(f, "{name}"),
        }
    }
}

/// A signal that ends or freezes a mysqld.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StopSignal {
    /// An orderly shutdown, as `systemctl stop` does.
    Term,
    /// The process is gone at once; its kernel closes the sockets.
    Kill,
}

/// An SQL statement of the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The SQL text, sent as one `COM_QUERY`.
    pub sql: String,
    /// How long a healthy server needs for it (`select sleep(20)`: 20 s). Patience begins after that, counted from the
    /// moment at which the statement was sent: a client that waits for a slow answer is not yet hung.
    pub takes: Duration,
}

/// What a step does. Names of real servers were checked against the lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Action {
    /// `ipvsadm -d`: the real server is deleted from the virtual service.
    RemoveRealServer {
        /// Which one.
        server: Name,
    },
    /// `ipvsadm -a`: the real server is added (again) with this weight.
    AddRealServer {
        /// Which one.
        server: Name,
        /// Its weight, 0 to 65535.
        weight: u16,
    },
    /// `ipvsadm -e -w`: weight 0 takes no new connection but keeps the old ones.
    SetWeight {
        /// Which one.
        server: Name,
        /// Its new weight, 0 to 65535.
        weight: u16,
    },
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
    /// The host goes silent as if its power failed: its link is cut, and the director and client keep its MAC address as a
    /// permanent neighbour, so that ARP does not speak first.
    PowerOff {
        /// Which real server.
        server: Name,
    },
    /// Writes a sysctl of a node's network namespace and reads it back.
    SetSysctl {
        /// On which node.
        node: Node,
        /// Its name with dots, as sysctl(8) writes it.
        key: String,
        /// The value as written.
        value: String,
    },
    /// The client opens a connection to the VIP: TCP handshake, greeting, login.
    Connect,
    /// The client sends a statement and waits for its result.
    Query(Statement),
    /// The client sends a statement; the time line goes on once the statement is out and its first segment acknowledged or
    /// on the wire.
    StartQuery(Statement),
    /// The client waits for the result of the statement started before.
    AwaitResult,
    /// Nothing for this long on the cell's clock.
    Wait(Duration),
}

impl Action {
    /// The action's key in the YAML.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::RemoveRealServer { .. } => "remove-real-server",
            Self::AddRealServer { .. } => "add-real-server",
            Self::SetWeight { .. } => "set-weight",
            Self::StopMysqld { .. } => "stop-mysqld",
            Self::StartMysqld { .. } => "start-mysqld",
            Self::PowerOff { .. } => "power-off",
            Self::SetSysctl { .. } => "set-sysctl",
            Self::Connect => "connect",
            Self::Query(_) => "query",
            Self::StartQuery(_) => "start-query",
            Self::AwaitResult => "await-result",
            Self::Wait(_) => "wait",
        }
    }

    /// Does the client do it (and not an operator, a server or the clock)?
    #[must_use]
    pub fn is_of_client(&self) -> bool {
        match self {
            Self::Connect | Self::Query(_) | Self::StartQuery(_) | Self::AwaitResult => true,
            Self::RemoveRealServer { .. }
            | Self::AddRealServer { .. }
            | Self::SetWeight { .. }
            | Self::StopMysqld { .. }
            | Self::StartMysqld { .. }
            | Self::PowerOff { .. }
            | Self::SetSysctl { .. }
            | Self::Wait(_) => false,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::duration::Human;
        match self {
            Self::RemoveRealServer { server } => write!(f, "remove real server {server}"),
            Self::AddRealServer { server, weight } => write!(f, "add real server {server}, weight {weight}"),
            Self::SetWeight { server, weight } => write!(f, "set weight of {server} to {weight}"),
            Self::StopMysqld {
                server,
                signal: StopSignal::Term,
            } => write!(f, "stop mysqld on {server} (SIGTERM)"),
            Self::StopMysqld {
                server,
                signal: StopSignal::Kill,
            } => write!(f, "stop mysqld on {server} (SIGKILL)"),
            Self::StartMysqld { server } => write!(f, "start mysqld on {server}"),
            Self::PowerOff { server } => write!(f, "power off {server}"),
            Self::SetSysctl { node, key, value } => write!(f, "set {key}={value} on {node}"),
            Self::Connect => f.write_str("connect"),
            Self::Query(statement) => write!(f, "query `{}`", statement.sql),
            Self::StartQuery(statement) => write!(f, "start query `{}`", statement.sql),
            Self::AwaitResult => f.write_str("await result"),
            Self::Wait(time) => write!(f, "wait {}", Human(*time)),
        }
    }
}
