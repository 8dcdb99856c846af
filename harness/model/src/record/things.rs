//! What proofs name in words of their own: numbers of things, the servers of a table, the state of a port.

use crate::Name;
use crate::sentence::{InChinese, Place};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Numbers of things, with the word for the thing: `1 packet`, `2 packets`.
macro_rules! counts {
    ($($(#[$about:meta])* $name:ident($number:ty): $one:literal, $more:literal;)+) => {
        $(
            $(#[$about])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
            #[serde(transparent)]
            pub struct $name(pub $number);

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{} {}", self.0, if self.0 == 1 { $one } else { $more })
                }
            }

            /// The word for the thing is the sentence's.
            impl InChinese for $name {
                fn in_chinese(&self) -> String {
                    self.0.to_string()
                }
            }

            impl Place for $name {
                fn read(text: &str) -> Option<Self> {
                    let (count, what) = text.split_once(' ')?;
                    count.parse().ok().filter(|_| [$one, $more].contains(&what)).map(Self)
                }
            }
        )+
    };
}

counts! {
    /// A number of packets.
    Packets(u64): "packet", "packets";
    /// A number of rows.
    Rows(u64): "row", "rows";
    /// A number of entries.
    Entries(u32): "entry", "entries";
    /// A number of connections that the director does not count as active.
    Inactive(u32): "inactive connection", "inactive connections";
    /// A number of sessions of clients.
    Sessions(u32): "session of a client", "sessions of clients";
    /// A number of connections that the connection tracking has.
    Tracked(u64): "connection is", "connections are";
}

/// The real servers of the virtual service in the director's table, each with its weight; `None` without the
/// service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Listed(pub Option<BTreeMap<Name, u16>>);

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(servers) = &self.0 else {
            return f.write_str(NO_SERVICE);
        };
        if servers.is_empty() {
            return f.write_str(NO_SERVERS);
        }
        let servers = servers
            .iter()
            .map(|(name, weight)| format!("{name} with weight {weight}"));
        f.write_str(&servers.collect::<Vec<_>>().join(", "))
    }
}

impl InChinese for Listed {
    fn in_chinese(&self) -> String {
        let Some(servers) = &self.0 else {
            return "没有这个虚拟服务".to_owned();
        };
        if servers.is_empty() {
            return "有该虚拟服务，没有真实服务器".to_owned();
        }
        let servers = servers
            .iter()
            .map(|(name, weight)| format!("{name}（权重 {weight}）"));
        format!("有 {}", servers.collect::<Vec<_>>().join("、"))
    }
}

const NO_SERVICE: &str = "no such service";
const NO_SERVERS: &str = "the service, without real servers";

impl Place for Listed {
    fn read(text: &str) -> Option<Self> {
        let server = |text: &str| {
            let (name, weight) = text.split_once(" with weight ")?;
            Some((Name::new(name).ok()?, weight.parse().ok()?))
        };
        match text {
            NO_SERVICE => Some(Self(None)),
            NO_SERVERS => Some(Self(Some(BTreeMap::new()))),
            _ => {
                let servers: Option<BTreeMap<_, _>> = text.split(", ").map(server).collect();
                servers.map(|servers| Self(Some(servers)))
            }
        }
    }
}

/// The states of a bridge's port that steps bring about, as `ip link` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PortState {
    /// It passes frames on.
    Up,
    /// It has no carrier, or was switched off.
    Down,
}

impl PortState {
    /// Its name in `ip link`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "UP",
            Self::Down => "DOWN",
        }
    }
}

impl fmt::Display for PortState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl InChinese for PortState {
    fn in_chinese(&self) -> String {
        self.to_string()
    }
}

impl Place for PortState {
    fn read(text: &str) -> Option<Self> {
        [Self::Up, Self::Down]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_as_they_are_said() {
        for listed in [NO_SERVICE, NO_SERVERS, "rs1 with weight 1, rs2 with weight 0"] {
            assert_eq!(Listed::read(listed).unwrap().to_string(), listed);
        }
        assert_eq!(Listed::read("rs1 with weight -1"), None);
    }
}
