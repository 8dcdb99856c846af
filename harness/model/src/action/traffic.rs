//! What happens to packets on their way: a host's firewall, and a link that delays or loses.

use super::Node;
use crate::Name;
use crate::duration::Human;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A chain of a host's firewall, by its hook in nft(8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Chain {
    /// What comes to the host; on the director before IPVS sees it.
    Input,
    /// What the host sends; on the director also what IPVS forwards.
    Output,
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Chain {
    /// Its name in nft(8).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

/// What a firewall's rule does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FirewallVerdict {
    /// Nothing is said.
    Drop,
    /// ICMP port unreachable goes back.
    Reject,
    /// An RST goes back.
    TcpReset,
}

impl FirewallVerdict {
    /// nft(8)'s statement.
    #[must_use]
    pub fn statement(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Reject => "reject",
            Self::TcpReset => "reject with tcp reset",
        }
    }
}

/// A share of packets, in hundredths of a per cent: 0 to 10000. Written `12.50%`, without what is zero after
/// the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Percent(pub u16);

/// The text is not a share of packets.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a share of packets such as 12.5%")]
pub struct NotAShare(String);

impl TryFrom<String> for Percent {
    type Error = NotAShare;
    fn try_from(text: String) -> Result<Self, NotAShare> {
        hundredths(&text).map(Self).ok_or(NotAShare(text))
    }
}

impl From<Percent> for String {
    fn from(share: Percent) -> Self {
        share.to_string()
    }
}

/// `12.5%` as 1250.
fn hundredths(text: &str) -> Option<u16> {
    let number = |digits: &str| -> Option<u16> {
        let decimal = digits.bytes().all(|byte| byte.is_ascii_digit());
        decimal.then(|| digits.parse().ok())?
    };
    let (units, rest) = text
        .strip_suffix('%')?
        .split_once('.')
        .unwrap_or((text.strip_suffix('%')?, "0"));
    let scale = match rest.len() {
        1 => 10,
        2 => 1,
        _ => return None,
    };
    let all = number(units)?
        .checked_mul(100)?
        .checked_add(number(rest)? * scale)?;
    (all <= 10_000).then_some(all)
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, hundredths) = (self.0 / 100, self.0 % 100);
        match hundredths {
            0 => write!(f, "{whole}%"),
            _ => write!(f, "{whole}.{hundredths:02}%"),
        }
    }
}

/// Something done to packets on their way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum TrafficAction {
    /// A rule of nft(8) for the packets of the virtual service.
    AddFirewallRule {
        /// On which host.
        node: Node,
        /// In which chain.
        chain: Chain,
        /// What becomes of the packets.
        verdict: FirewallVerdict,
    },
    /// Every rule of a host is gone.
    FlushFirewall {
        /// On which host.
        node: Node,
    },
    /// tc-netem(8) on the switch's port to a host: what is sent to the host is delayed and lost from now on.
    SetNetem {
        /// To which host.
        node: Node,
        /// How long each packet is held, beyond the link's own delay.
        delay: Duration,
        /// How many of them are lost, at random.
        loss: Percent,
    },
}

impl TrafficAction {
    /// The action's key in the YAML.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::AddFirewallRule { .. } => "add-firewall-rule",
            Self::FlushFirewall { .. } => "flush-firewall",
            Self::SetNetem { .. } => "set-netem",
        }
    }

    /// The host that it is done to.
    #[must_use]
    pub fn node(&self) -> &Node {
        match self {
            Self::AddFirewallRule { node, .. }
            | Self::FlushFirewall { node }
            | Self::SetNetem { node, .. } => node,
        }
    }

    /// The real server that it is done to; `None` if it is the client or the director.
    #[must_use]
    pub fn server(&self) -> Option<&Name> {
        self.node().real_server()
    }
}

impl fmt::Display for TrafficAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddFirewallRule { node, chain, verdict } => {
                let what = match verdict {
                    FirewallVerdict::Drop => "drop",
                    FirewallVerdict::Reject => "reject",
                    FirewallVerdict::TcpReset => "reset",
                };
                write!(f, "let the firewall of {node} {what} its {}", chain.as_str())
            }
            Self::FlushFirewall { node } => write!(f, "flush the firewall of {node}"),
            Self::SetNetem { node, delay, loss } if delay.is_zero() && *loss == Percent(0) => {
                write!(f, "let the link to {node} delay and lose nothing")
            }
            Self::SetNetem { node, delay, loss } if delay.is_zero() => {
                write!(f, "let the link to {node} lose {loss}")
            }
            Self::SetNetem { node, delay, loss } if *loss == Percent(0) => {
                write!(f, "let the link to {node} delay by {}", Human(*delay))
            }
            Self::SetNetem { node, delay, loss } => {
                write!(
                    f,
                    "let the link to {node} delay by {} and lose {loss}",
                    Human(*delay)
                )
            }
        }
    }
}
