//! A set-up as an operator's files describe it, whatever the file was.

use crate::endpoint::Endpoint;
use crate::place::{Note, Notes, Place};
use lvs_matrix_model::base::GUE_PORT;
use lvs_matrix_model::scenario::{Forwarding, TunnelType};
use std::fmt;
use std::time::Duration;

/// What the files of an operator say.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The files that were read, included ones too, and as what.
    pub files: Vec<(String, Kind)>,
    /// The virtual services, in the order of the files.
    pub services: Vec<Service>,
    /// How long entries of connections live (`ipvsadm --set`).
    pub timeouts: Option<(Timeouts, Place)>,
    /// Sysctls.
    pub sysctls: Vec<Sysctl>,
    pub(crate) notes: Notes,
}

impl Setup {
    /// Everything that the files have and a scenario of any of their services has not.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        self.notes.clone().into_vec()
    }
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Rules of ipvsadm(8): `ipvsadm -S`.
    Rules,
    /// The table of ipvsadm(8): `ipvsadm -L`; or its time-outs.
    Listing,
    /// keepalived.conf(5).
    Keepalived,
    /// ldirectord.cf(5).
    Ldirectord,
    /// sysctl.conf(5), or what `sysctl -a` prints.
    Sysctls,
}

impl Kind {
    /// What it is called.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rules => "rules of ipvsadm",
            Self::Listing => "a table of ipvsadm",
            Self::Keepalived => "keepalived.conf",
            Self::Ldirectord => "ldirectord.cf",
            Self::Sysctls => "sysctls",
        }
    }

    /// Does it say what is in force now, and not what is to be?
    pub(crate) fn is_in_force(self) -> bool {
        match self {
            Self::Rules | Self::Listing => true,
            Self::Keepalived | Self::Ldirectord | Self::Sysctls => false,
        }
    }
}

/// Whose sysctls a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The director's.
    Director,
    /// A client's.
    Client,
    /// A real server's.
    Server,
}

/// A sysctl.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sysctl {
    /// Whose.
    pub role: Role,
    /// Its name, with dots.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Is it the lab's value, too, if nothing is said?
    pub usual: bool,
    /// Where it stands.
    pub place: Place,
}

/// The time-outs of IPVS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Of a TCP connection in state ESTABLISHED.
    pub tcp: Duration,
    /// After a FIN.
    pub tcp_fin: Duration,
    /// Of UDP.
    pub udp: Duration,
}

impl Default for Timeouts {
    /// The kernel's own (net/netfilter/ipvs/ip_vs_proto_tcp.c, `tcp_timeouts`; ip_vs_proto_udp.c,
    /// `udp_timeouts`).
    fn default() -> Self {
        Self {
            tcp: Duration::from_secs(900),
            tcp_fin: Duration::from_secs(120),
            udp: Duration::from_secs(300),
        }
    }
}

/// What a virtual service listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address and a port of TCP.
    Tcp(Endpoint),
    /// The same of UDP.
    Udp(Endpoint),
    /// The same of SCTP.
    Sctp(Endpoint),
    /// A firewall mark.
    Mark {
        /// The mark.
        mark: u32,
        /// Is it one of IPv6?
        ipv6: bool,
    },
}

impl Listen {
    /// Is it the same, however it is written?
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(one), Self::Tcp(another))
            | (Self::Udp(one), Self::Udp(another))
            | (Self::Sctp(one), Self::Sctp(another)) => one.same(another),
            (one, another) => one == another,
        }
    }

    /// Its address and port; a mark has none.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Tcp(endpoint) | Self::Udp(endpoint) | Self::Sctp(endpoint) => Some(endpoint),
            Self::Mark { .. } => None,
        }
    }

    /// The words by which ipvsadm(8) is told: `-t 192.0.2.100:3306`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Tcp(endpoint) => format!("-t {endpoint}"),
            Self::Udp(endpoint) => format!("-u {endpoint}"),
            Self::Sctp(endpoint) => format!("--sctp-service {endpoint}"),
            Self::Mark { mark, ipv6: false } => format!("-f {mark}"),
            Self::Mark { mark, ipv6: true } => format!("-f {mark} -6"),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(endpoint) => write!(f, "{endpoint}"),
            Self::Udp(endpoint) => write!(f, "{endpoint} (UDP)"),
            Self::Sctp(endpoint) => write!(f, "{endpoint} (SCTP)"),
            Self::Mark { mark, ipv6: false } => write!(f, "mark {mark}"),
            Self::Mark { mark, ipv6: true } => write!(f, "mark {mark} (IPv6)"),
        }
    }
}

/// A virtual service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What it listens to.
    pub listen: Listen,
    /// The scheduler.
    pub scheduler: String,
    /// The scheduler's flags by their names.
    pub flags: Vec<String>,
    /// Is each packet scheduled by itself?
    pub one_packet: bool,
    /// For how long a client comes back to the same server.
    pub persistence: Option<Duration>,
    /// The length of the prefix that such clients have in common, if it is not the whole address.
    pub prefix: Option<u8>,
    /// The real servers.
    pub servers: Vec<Server>,
    /// Who edits the table, if a program does.
    pub kept_by: Option<Kind>,
    /// Where it stands.
    pub place: Place,
}

impl Service {
    pub(crate) fn new(listen: Listen, place: Place) -> Self {
        Self {
            listen,
            // ipvsadm(8) and keepalived.conf(5) have the same default.
            scheduler: "wlc".to_owned(),
            flags: Vec::new(),
            one_packet: false,
            persistence: None,
            prefix: None,
            servers: Vec::new(),
            kept_by: None,
            place,
        }
    }
}

/// How tunneling puts packets into others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tunnel {
    /// Its type.
    pub kind: TunnelType,
    /// The port of UDP at which it ends, if it is one of GUE and that is not the usual one.
    pub port: Option<u16>,
}

impl Tunnel {
    /// The port by its digits, if a lab can have it.
    pub(crate) fn port_of(digits: &str) -> Option<u16> {
        // Lower ones are for servers of root's.
        digits.parse().ok().filter(|port| *port >= 1024)
    }
}

/// How packets reach a real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `-g`, `-m` or `-i`.
    By(Forwarding, Tunnel),
    /// The director itself.
    Local,
}

impl Method {
    /// The flag by which ipvsadm(8) is told.
    #[must_use]
    pub fn flag(self) -> String {
        match self {
            Self::By(Forwarding::DirectRouting, _) | Self::Local => "-g".to_owned(),
            Self::By(Forwarding::Masquerading, _) => "-m".to_owned(),
            Self::By(Forwarding::Tunneling, tunnel) => match tunnel.kind {
                TunnelType::Ipip => "-i".to_owned(),
                TunnelType::Gue => {
                    let port = tunnel.port.unwrap_or(GUE_PORT);
                    format!("-i --tun-type gue --tun-port {port}")
                }
                TunnelType::Gre => "-i --tun-type gre".to_owned(),
            },
        }
    }
}

/// A real server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its address and port.
    pub endpoint: Endpoint,
    /// Its weight.
    pub weight: u32,
    /// How packets reach it.
    pub method: Method,
    /// With so many connections it gets no new one.
    pub upper: u32,
    /// With fewer it gets new ones again.
    pub lower: u32,
    /// Is it not in the table, but put in when all others are gone (`sorry_server`, `fallback`)?
    pub stands_by: bool,
    /// Where it stands.
    pub place: Place,
}
