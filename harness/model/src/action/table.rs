//! What an operator does to the director's table, by ipvsadm(8).

use crate::Name;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An edit of the director's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum TableAction {
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
}

impl TableAction {
    /// The action's key in the YAML.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::RemoveRealServer { .. } => "remove-real-server",
            Self::AddRealServer { .. } => "add-real-server",
            Self::SetWeight { .. } => "set-weight",
        }
    }

    /// The real server that it is about.
    #[must_use]
    pub fn server(&self) -> Option<&Name> {
        match self {
            Self::RemoveRealServer { server } | Self::AddRealServer { server, .. } | Self::SetWeight { server, .. } => {
                Some(server)
            }
        }
    }
}

impl fmt::Display for TableAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RemoveRealServer { server } => write!(f, "remove real server {server}"),
            Self::AddRealServer { server, weight } => write!(f, "add real server {server}, weight {weight}"),
            Self::SetWeight { server, weight } => write!(f, "set weight of {server} to {weight}"),
        }
    }
}
