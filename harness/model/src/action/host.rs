//! What happens to a host: its power, its link and its kernel's settings.

use super::Node;
use crate::Name;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the others' kernels know of a host that goes silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Neighbours {
    /// Its Ethernet address, for good, as if a router stood between: packets for it go into the void.
    #[default]
    Permanent,
    /// What ARP tells, as on a flat segment: the sender learns that nobody is there when a check of what it
    /// knows has failed, which took 14 to 72 s.
    Dynamic,
}

/// Something done to a host of the lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum HostAction {
    /// The host goes silent as if its power failed: its link is cut, for good.
    PowerOff {
        /// Which real server.
        server: Name,
        /// Do the director and the client keep its Ethernet address?
        #[serde(default)]
        neighbours: Neighbours,
    },
    /// The host's cable is pulled: the switch's port goes down, and the host sees that it has no carrier.
    LinkDown {
        /// Which host.
        node: Node,
    },
    /// The cable is plugged in again.
    LinkUp {
        /// Which host.
        node: Node,
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
            Self::LinkDown { .. } => "link-down",
            Self::LinkUp { .. } => "link-up",
            Self::SetSysctl { .. } => "set-sysctl",
        }
    }

    /// The real server that it is done to; `None` if it is the client or the director.
    #[must_use]
    pub fn server(&self) -> Option<&Name> {
        match self {
            Self::PowerOff { server, .. } => Some(server),
            Self::LinkDown { node } | Self::LinkUp { node } | Self::SetSysctl { node, .. } => {
                node.real_server()
            }
        }
    }
}

impl fmt::Display for HostAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PowerOff {
                server,
                neighbours: Neighbours::Permanent,
            } => write!(f, "power off {server}"),
            Self::PowerOff {
                server,
                neighbours: Neighbours::Dynamic,
            } => write!(f, "power off {server}, on a flat segment"),
            Self::LinkDown { node } => write!(f, "take the link of {node} down"),
            Self::LinkUp { node } => write!(f, "bring the link of {node} up"),
            Self::SetSysctl { node, key, value } => write!(f, "set {key}={value} on {node}"),
        }
    }
}
