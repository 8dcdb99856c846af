//! Names and limits that several parts of the model share: those of a scenario, of its cells and of their
//! plans. Nothing here knows any of those parts.

mod cell;
mod kernel;
mod one_or_more;

pub use cell::{CellRef, FIRST, choice_of};
pub use kernel::{DEFAULT_LINE, KernelId, Line, Lines, NotAKernelId, NotLines};
pub use one_or_more::{Empty, OneOrMore};

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// The port of the virtual service and of every real server (direct routing cannot translate ports).
pub const MYSQL_PORT: u16 = 3306;
/// The sysctl that says whether conntrack takes a segment in the middle of a TCP connection for a beginning.
pub const TCP_LOOSE: &str = "net.netfilter.nf_conntrack_tcp_loose";
/// The same where no mysqlds are behind it: beyond those that only root may listen to.
pub const ECHO_PORT: u16 = 9007;
/// Real servers of a lab have the addresses .31 to .99.
pub const MAX_REAL_SERVERS: usize = 69;
/// The client of a lab has at most so many addresses: its own, and .111 to .199.
pub const MAX_CLIENTS: u8 = 90;
/// The port at which GUE arrives at a real server: IANA's, and that of ipvsadm(8)'s examples.
pub const GUE_PORT: u16 = 6080;
/// The weight of a real server for which none is given: ipvsadm(8)'s own default.
pub const DEFAULT_WEIGHT: u16 = 1;

/// How packets reach a real server: ipvsadm(8)'s packet-forwarding methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Forwarding {
    /// `-g`, gatewaying: the director rewrites only the MAC address; answers go to the client directly.
    #[default]
    DirectRouting,
    /// `-m`, masquerading: the director rewrites the destination's address and port, and those of the
    /// answers, which must pass it.
    Masquerading,
    /// `-i`, tunneling: the director puts the packet into one for the real server ([`TunnelType`]).
    Tunneling,
}

impl Forwarding {
    /// Its name in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DirectRouting => "direct-routing",
            Self::Masquerading => "masquerading",
            Self::Tunneling => "tunneling",
        }
    }
}

/// How tunneling puts a packet into another one: ipvsadm(8)'s `--tun-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TunnelType {
    /// IP in IP (RFC 2003, RFC 2473, RFC 4213).
    #[default]
    Ipip,
    /// Generic UDP Encapsulation (draft-ietf-intarea-gue): IP in UDP.
    Gue,
    /// Generic Routing Encapsulation (RFC 2784).
    Gre,
}

impl TunnelType {
    /// Its name in scenarios and for ipvsadm(8).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipip => "ipip",
            Self::Gue => "gue",
            Self::Gre => "gre",
        }
    }

    /// Is it the one that is meant where none is said?
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The links of a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Wiring {
    /// One link for all hosts.
    #[default]
    OneArmed,
    /// A link for client and director, and a second one for director and real servers.
    TwoArmed,
}

impl Wiring {
    /// Its name in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneArmed => "one-armed",
            Self::TwoArmed => "two-armed",
        }
    }
}

/// How packets for the VIP come into the director's IPVS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Vip {
    /// The VIP is an address of the director.
    #[default]
    OnDirector,
    /// It is nobody's. Whoever wants it sends to the director, which takes in what its firewall marks.
    Routed,
}

impl Vip {
    /// Its name in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnDirector => "on-director",
            Self::Routed => "routed",
        }
    }
}

/// Where the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAt {
    /// On the director's link.
    #[default]
    OnLink,
    /// On a link of its own behind a router.
    BehindRouter,
    /// The same, and the router puts an address of its own in the place of the client's.
    BehindSourceNat,
}

impl ClientAt {
    /// Its name in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnLink => "on-link",
            Self::BehindRouter => "behind-router",
            Self::BehindSourceNat => "behind-source-nat",
        }
    }
}

/// What may be wrong with a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Misbuild {
    /// A real server that has the VIP answers ARP requests for it.
    AnswersArp,
    /// A real server does not have the VIP.
    NoVip,
    /// A masqueraded real server does not send its answers to the director.
    WrongGateway,
    /// The director passes on no packets that are not for it.
    NoForwarding,
    /// The tunnels of GUE to a real server end at another port than the one that the director sends to.
    WrongTunnelPort,
}

impl Misbuild {
    /// Its name in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AnswersArp => "answers-arp",
            Self::NoVip => "no-vip",
            Self::WrongGateway => "wrong-gateway",
            Self::NoForwarding => "no-forwarding",
            Self::WrongTunnelPort => "wrong-tunnel-port",
        }
    }
}

/// An address family.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// IPv4.
    #[default]
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// That of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// Its name in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}

/// What serves on the real servers of a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServerKind {
    /// A mysqld.
    #[default]
    Mysql,
    /// The harness's own echo server, over TCP.
    TcpEcho,
    /// The same over UDP.
    UdpEcho,
    /// A program of the author's own, over TCP.
    Program,
}

impl ServerKind {
    /// Its name in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::TcpEcho => "tcp-echo",
            Self::UdpEcho => "udp-echo",
            Self::Program => "program",
        }
    }

    /// Is it an echo server?
    #[must_use]
    pub fn is_echo(self) -> bool {
        match self {
            Self::Mysql | Self::Program => false,
            Self::TcpEcho | Self::UdpEcho => true,
        }
    }

    /// Is it a mysqld? All others are sent requests, and know no SQL, no sessions and no codes of errors.
    #[must_use]
    pub fn is_mysql(self) -> bool {
        match self {
            Self::Mysql => true,
            Self::TcpEcho | Self::UdpEcho | Self::Program => false,
        }
    }

    /// The port that it listens to.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Mysql => MYSQL_PORT,
            Self::TcpEcho | Self::UdpEcho | Self::Program => ECHO_PORT,
        }
    }
}

/// The phases of a cell's time line, in order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// What comes before the change.
    Before,
    /// The change.
    Change,
    /// What the client does then.
    Act,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::Change => "change",
            Self::Act => "act",
        })
    }
}

impl Phase {
    /// Its name in Chinese. In English it has its `Display`.
    #[must_use]
    pub fn in_chinese(&self) -> String {
        let name = match self {
            Self::Before => "准备",
            Self::Change => "变更",
            Self::Act => "操作",
        };
        name.to_owned()
    }
}
