//! The programs that can edit a director's table by their health checks: its control plane.

use crate::Name;
use crate::keepalived::{HealthCheck, Keepalived};
use crate::ldirectord::{CheckType, Ldirectord};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A program that fills a director's table and edits it by what its health checks find.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ControlPlane {
    /// keepalived(8). Records of before have no other one.
    #[default]
    Keepalived,
    /// ldirectord(8).
    Ldirectord,
}

impl ControlPlane {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Keepalived, Self::Ldirectord];

    /// The name of the program, which is that of Debian's package, too.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keepalived => "keepalived",
            Self::Ldirectord => "ldirectord",
        }
    }

    pub(crate) fn is_keepalived(&self) -> bool {
        *self == Self::Keepalived
    }
}

impl fmt::Display for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a lab says of its control plane.
#[derive(Debug, Clone, Copy)]
pub enum Control<'p> {
    /// Of keepalived.
    Keepalived(&'p Keepalived),
    /// Of ldirectord.
    Ldirectord(&'p Ldirectord),
}

impl<'p> Control<'p> {
    /// Which program it is.
    #[must_use]
    pub fn plane(self) -> ControlPlane {
        match self {
            Self::Keepalived(_) => ControlPlane::Keepalived,
            Self::Ldirectord(_) => ControlPlane::Ldirectord,
        }
    }

    /// The real server that gets the clients when all others have failed.
    #[must_use]
    pub fn last_resort(self) -> Option<&'p Name> {
        match self {
            Self::Keepalived(said) => said.sorry_server.as_ref(),
            Self::Ldirectord(said) => said.fallback.as_ref(),
        }
    }

    /// Do its checks only connect?
    #[must_use]
    pub fn only_connects(self) -> bool {
        match self {
            Self::Keepalived(said) => said.check() == HealthCheck::Tcp,
            Self::Ldirectord(said) => said.checktype() == CheckType::Connect,
        }
    }
}
