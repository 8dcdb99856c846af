//! What happens to packets on their way: a host's firewall, and a link that delays or loses.

use super::Node;
use super::entry::actions;
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
    /// What the director's own routing passes on: the answers of masqueraded servers.
    Forward,
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
            Self::Forward => "forward",
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

/// What a rule of a firewall looks at, as nft(8) has it, with the addresses of the lab by name: `$vip`,
/// `$port`, `$client`, and each director and real server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Matches(String);

/// What else `$` stands before, beside the names of hosts: the VIP and the port of the virtual service.
const OF_THE_SERVICE: [&str; 2] = ["vip", "port"];

impl Matches {
    /// The longest one, in bytes: nft(8) keeps it as the rule's comment, of 128 bytes at the most.
    pub const LONGEST: usize = 100;

    /// Words of nft(8) that say what becomes of a packet, or end what is matched: `verdict` says that.
    pub const TAKEN: &'static [&'static str] = &[
        "accept", "drop", "reject", "return", "jump", "goto", "queue", "continue", "counter", "comment",
    ];

    /// Words of statements, which change a packet or what the host knows of it.
    pub const STATEMENTS: &'static [&'static str] = &[
        "set",
        "reset",
        "notrack",
        "masquerade",
        "redirect",
        "tproxy",
        "synproxy",
        "log",
        "dup",
        "fwd",
        "add",
        "update",
        "delete",
        "flow",
    ];

    /// As it is written, if it is one line of nft(8) without quotations and with nothing in it that would end
    /// the rule.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let good = |c: char| (c.is_ascii_graphic() || c == ' ') && !"\"'`\\;#".contains(c);
        let short = !text.is_empty() && text.len() <= Self::LONGEST;
        let own = |word: &str| !Self::TAKEN.contains(&word) && !Self::STATEMENTS.contains(&word);
        let words = text.split([' ', '{', '}', ',', '(', ')']);
        let fits = short && text.trim() == text && text.chars().all(good) && words.into_iter().all(own);
        let balanced = text.matches('{').count() == text.matches('}').count();
        // `$` stands before a name.
        let named = |piece: &str| piece.starts_with(|c: char| c.is_ascii_alphanumeric());
        let fits = fits && balanced && text.split('$').skip(1).all(named);
        fits.then(|| Self(text.to_owned()))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hosts whose addresses it names.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.parts()
            .filter_map(|part| part.err())
            .filter(|name| !OF_THE_SERVICE.contains(name))
    }

    /// Does it ask the connection tracking, which makes the host track connections?
    #[must_use]
    pub fn asks_conntrack(&self) -> bool {
        self.0.split(' ').any(|word| word == "ct")
    }

    /// As the kernel gets it: each name is what `value` says.
    #[must_use]
    pub fn with(&self, value: impl Fn(&str) -> String) -> String {
        let parts = self.parts();
        parts
            .map(|part| part.map_or_else(&value, str::to_owned))
            .collect()
    }

    /// Text (`Ok`) and names (`Err`) in turn.
    fn parts(&self) -> impl Iterator<Item = Result<&str, &str>> {
        let mut pieces = self.0.split('$');
        let before = pieces.next().unwrap_or_default();
        let named = pieces.flat_map(|piece| {
            let end = piece.find(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c)));
            let (name, after) = piece.split_at(end.unwrap_or(piece.len()));
            [Err(name), Ok(after)]
        });
        std::iter::once(Ok(before)).chain(named)
    }
}

impl fmt::Display for Matches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// ``, of what matches `tcp flags syn` ``, where a rule says what it looks at.
fn of_what(matches: Option<&Matches>) -> String {
    matches.map_or_else(String::new, |matches| format!(", of what matches `{matches}`"))
}

/// The same in Chinese.
fn fitting(matches: Option<&Matches>) -> String {
    matches.map_or_else(String::new, |matches| format!("中匹配 `{matches}` "))
}

/// Which packets a stateful firewall takes for the beginning of a connection, of those that conntrack knows
/// no connection of (`ct state new`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NewConnections {
    /// Whatever conntrack takes for one: of TCP also a segment in the middle of a connection.
    Any,
    /// Of TCP a SYN only.
    Syn,
    /// None: connections are made from the other side only.
    None,
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

actions! {
    $ traffic_actions;

    /// Something done to packets on their way.
    TrafficAction {
        /// A host's firewall gets a rule at the end of a chain, for the packets of the virtual service or for
        /// what `matches` says: `nft add rule`.
        "add-firewall-rule" AddFirewallRule {
            /// `client`, or a director or real server of the lab.
            required "node" node: Node as Name;
            /// `input`: what comes to the host, on the director before IPVS sees it. `output`: what the host
            /// sends, on the director what IPVS forwards. `forward`, of the director: the answers of
            /// masqueraded servers.
            required "chain" chain: Chain;
            /// `drop`: nothing is said. `reject`: ICMP port unreachable goes back. `tcp-reset`: an RST goes
            /// back.
            required "verdict" verdict: FirewallVerdict;
            /// What the rule looks at, as nft(8) has it, instead of the packets of the virtual service: `tcp
            /// flags syn`, `ip saddr $director tcp dport $port`, `meta length > 1000`. `$` and the name of a
            /// host of the lab is its address, `$vip` the VIP, `$port` the service's port. Not of `client`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "matches" matches: Option<Matches> as Matches;
        } says {
            { node, chain, verdict: FirewallVerdict::Drop, matches } =>
                en("let the firewall of {node} drop its {chain}{}", of_what(matches.as_ref()))
                zh("{node} 的防火墙丢弃 {chain} 链{}的数据包", fitting(matches.as_ref()));
            { node, chain, verdict: FirewallVerdict::Reject, matches } =>
                en("let the firewall of {node} reject its {chain}{}", of_what(matches.as_ref()))
                zh("{node} 的防火墙拒绝 {chain} 链{}的数据包", fitting(matches.as_ref()));
            { node, chain, verdict: FirewallVerdict::TcpReset, matches } =>
                en("let the firewall of {node} reset its {chain}{}", of_what(matches.as_ref()))
                zh("{node} 的防火墙重置 {chain} 链{}的数据包", fitting(matches.as_ref()));
        }

        /// A host's firewall becomes a stateful one for the packets of the virtual service: what belongs to a
        /// connection that conntrack knows passes (`ct state established,related accept`), and so does what
        /// begins one; the rest is dropped. Conntrack knows nothing of connections from before.
        "add-stateful-firewall" AddStatefulFirewall {
            /// `client`, or a director or real server of the lab.
            required "node" node: Node as Name;
            /// `input`: what comes to the host, on the director before IPVS sees it. `output`: what the host
            /// sends, on the director what IPVS forwards. `forward`, of the director: the answers of
            /// masqueraded servers.
            required "chain" chain: Chain;
            /// What may begin a connection. `any`: whatever conntrack takes for a beginning (`ct state new`),
            /// also a segment from the middle of a connection that it does not know. `syn`: a SYN only.
            /// `none`: nothing, so that only the other side begins connections.
            default("any") "new" new: NewConnections;
        } says {
            { node, chain, new: NewConnections::Any } =>
                en("let a stateful firewall of {node} guard its {chain}")
                zh("{node} 的 {chain} 链启用有状态防火墙");
            { node, chain, new: NewConnections::Syn } =>
                en("let a stateful firewall of {node} guard its {chain}, and a SYN begin a connection")
                zh("{node} 的 {chain} 链启用有状态防火墙，新连接须以 SYN 开始");
            { node, chain, new: NewConnections::None } =>
                en("let a stateful firewall of {node} guard its {chain}, and nothing begin a connection")
                zh("{node} 的 {chain} 链启用有状态防火墙，不接受新连接");
        }

        /// The firewall of a real server answers SYNs of the virtual service itself, and begins the
        /// connection to the server when the client has acknowledged that: nft(8)'s `synproxy`, with the
        /// rules that it needs, and `nf_conntrack_tcp_loose=0`. Of connections from before it knows nothing.
        "add-synproxy" AddSynproxy {
            /// A real server of the lab.
            required "node" node: Node as Name;
        } says {
            { node } => en("let the firewall of {node} answer SYNs itself (synproxy)")
                zh("让 {node} 的防火墙自行应答 SYN（synproxy）");
        }

        /// The connection tracking of a host forgets all connections: `conntrack -F`. A stateful firewall of
        /// the host then knows none of them.
        "flush-conntrack" FlushConntrack {
            /// `client`, or a director or real server of the lab.
            required "node" node: Node as Name;
        } says {
            { node } => en("flush the conntrack table of {node}") zh("清空 {node} 的 conntrack 表");
        }

        /// Every rule of a host's firewall goes: `nft flush ruleset`.
        "flush-firewall" FlushFirewall {
            /// `client`, or a director or real server of the lab.
            required "node" node: Node as Name;
        } says {
            { node } => en("flush the firewall of {node}") zh("清空 {node} 的防火墙");
        }

        /// The link to a host delays and loses what is sent to the host, from now on:
        /// `tc qdisc replace … netem`. With neither it is as at the beginning.
        "set-netem" SetNetem {
            /// `client`, or a director or real server of the lab.
            required "node" node: Node as Name;
            /// How long each packet is held, beyond the 100 µs of the lab's links.
            default("0s") "delay" delay: Duration;
            /// How many of them are lost, at random.
            default("0%") "loss" loss: Percent;
        } says {
            { node, delay: Duration::ZERO, loss: Percent(0) } =>
                en("let the link to {node} delay and lose nothing") zh("通往 {node} 的链路不延迟也不丢包");
            { node, delay: Duration::ZERO, loss } =>
                en("let the link to {node} lose {loss}") zh("通往 {node} 的链路丢包 {loss}");
            { node, delay, loss: Percent(0) } =>
                en("let the link to {node} delay by {}", Human(*delay))
                zh("通往 {node} 的链路延迟 {}", Human(*delay));
            { node, delay, loss } =>
                en("let the link to {node} delay by {} and lose {loss}", Human(*delay))
                zh("通往 {node} 的链路延迟 {} 并丢包 {loss}", Human(*delay));
        }

        /// The network cards of a host get another MTU: `ip link set dev eth0 mtu`. It bounds what the host
        /// sends, and what it says of the segments that it takes in connections made from then on.
        "set-mtu" SetMtu {
            /// `client`, or a director or real server of the lab.
            required "node" node: Node as Name;
            /// The largest IP packet, in bytes. 1500 at the beginning, unless the lab says otherwise.
            required "mtu" mtu: u16 as Mtu;
        } says {
            { node, mtu } => en("set the MTU of {node} to {mtu}") zh("将 {node} 的 MTU 设为 {mtu}");
        }

        /// A host's firewall drops ICMP that comes to the host. Of ICMPv6 it is "packet too big" only:
        /// without neighbour discovery nothing would pass.
        "filter-icmp" FilterIcmp {
            /// `client`, or a director or real server of the lab.
            required "node" node: Node as Name;
        } says {
            { node } => en("let the firewall of {node} drop ICMP") zh("{node} 的防火墙丢弃 ICMP");
        }

        /// A host's firewall lowers the MSS in every SYN that leaves the host: `tcp option maxseg size set`.
        /// Who gets such a SYN, or SYN-ACK, sends no larger segment.
        "clamp-mss" ClampMss {
            /// `client`, or a director or real server of the lab.
            required "node" node: Node as Name;
            /// The largest segment, in bytes of payload.
            required "size" size: u16 as Mss;
        } says {
            { node, size } => en("let {node} clamp the MSS to {size}") zh("{node} 将 MSS 限制为 {size}");
        }

        /// The firewall of one of two directors drops the adverts of VRRP that come to it: it takes the other
        /// director for gone. With one on each the directors are parted, and both have the VIP.
        /// `flush-firewall` heals it.
        "block-vrrp" BlockVrrp {
            /// One of two directors.
            required "node" node: Node as Name;
        } says {
            { node } => en("let the firewall of {node} drop VRRP") zh("{node} 的防火墙丢弃 VRRP");
        }
    }
}

impl TrafficAction {
    /// The host that it is done to.
    #[must_use]
    pub fn node(&self) -> &Node {
        match self {
            Self::AddFirewallRule { node, .. }
            | Self::AddStatefulFirewall { node, .. }
            | Self::AddSynproxy { node }
            | Self::FlushConntrack { node }
            | Self::FlushFirewall { node }
            | Self::SetNetem { node, .. }
            | Self::SetMtu { node, .. }
            | Self::FilterIcmp { node }
            | Self::BlockVrrp { node }
            | Self::ClampMss { node, .. } => node,
        }
    }

    /// The same, to be changed.
    pub(crate) fn node_mut(&mut self) -> &mut Node {
        match self {
            Self::AddFirewallRule { node, .. }
            | Self::AddStatefulFirewall { node, .. }
            | Self::AddSynproxy { node }
            | Self::FlushConntrack { node }
            | Self::FlushFirewall { node }
            | Self::SetNetem { node, .. }
            | Self::SetMtu { node, .. }
            | Self::FilterIcmp { node }
            | Self::BlockVrrp { node }
            | Self::ClampMss { node, .. } => node,
        }
    }

    /// Is it about what the host sends, or about what comes to it, on connections that there are?
    #[must_use]
    pub fn is_about(&self, chain: Chain) -> bool {
        match self {
            Self::AddFirewallRule { chain: of, .. } | Self::AddStatefulFirewall { chain: of, .. } => {
                *of == chain
            }
            // It drops what belongs to a connection that it does not know.
            Self::AddSynproxy { .. } => chain == Chain::Input,
            Self::FlushFirewall { .. } | Self::FlushConntrack { .. } => true,
            // What is sent to the host is delayed or lost.
            Self::SetNetem { .. } => chain == Chain::Input,
            // An MTU of its own may hold back what the host has to say.
            Self::SetMtu { .. } => chain == Chain::Output,
            Self::FilterIcmp { .. } | Self::ClampMss { .. } | Self::BlockVrrp { .. } => false,
        }
    }

    /// Can a packet be lost by it?
    #[must_use]
    pub fn takes_packets(&self) -> bool {
        match self {
            Self::AddFirewallRule { .. }
            | Self::AddStatefulFirewall { .. }
            | Self::AddSynproxy { .. }
            | Self::SetMtu { .. }
            | Self::FilterIcmp { .. } => true,
            Self::SetNetem { loss, .. } => *loss != Percent::default(),
            // No packet of a client's.
            Self::BlockVrrp { .. } => false,
            Self::FlushFirewall { .. } | Self::FlushConntrack { .. } | Self::ClampMss { .. } => false,
        }
    }

    /// Does what it changes stay with the host when the interfaces go?
    #[must_use]
    pub fn outlives_interfaces(&self) -> bool {
        match self {
            Self::AddFirewallRule { .. }
            | Self::AddStatefulFirewall { .. }
            | Self::AddSynproxy { .. }
            | Self::FlushFirewall { .. }
            | Self::FlushConntrack { .. }
            | Self::FilterIcmp { .. }
            | Self::BlockVrrp { .. }
            | Self::ClampMss { .. } => true,
            // A link's queueing discipline goes with the interface.
            Self::SetNetem { .. } | Self::SetMtu { .. } => false,
        }
    }

    /// The real server that it is done to; `None` if it is the client or the director.
    #[must_use]
    pub fn server(&self) -> Option<&Name> {
        self.node().real_server()
    }
}
