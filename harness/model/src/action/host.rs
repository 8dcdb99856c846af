//! What happens to a host: its power and its kernel's settings.

use super::Node;
use crate::Name;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something done to a host of the lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum HostAction {
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
}

impl HostAction {
    /// The action's key in the YAML.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::PowerOff { .. } => "power-off",
            Self::SetSysctl { .. } => "set-sysctl",
        }
    }

    /// The real server that it is done to; `None` if it is the client or the director.
    #[must_use]
    pub fn server(&self) -> Option<&Name> {
        match self {
            Self::PowerOff { server } => Some(server),
            Self::SetSysctl { node, .. } => node.real_server(),
        }
    }
}

impl fmt::Display for HostAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PowerOff { server } => write!(f, "power off {server}"),
            Self::SetSysctl { node, key, value } => write!(f, "set {key}={value} on {node}"),
        }
    }
}
