//! The tables of IPVS, whoever printed them: `ipvsadm -Ln` and `ipvsadm -Lnc`, or the kernel's own
//! `/proc/net/ip_vs` and `/proc/net/ip_vs_conn`. One type for each table; what a text does not say is `None`.
//!
//! A text that has a line of another form is not read at all: a table with a hole would look like a table in
//! which something is missing.

mod kernel;
mod listing;
mod print;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The virtual services with their destinations, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// The services.
    pub services: Vec<Service>,
}

/// A virtual service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What it listens to.
    pub listen: Listen,
    /// The scheduler, by its name in ipvsadm(8).
    pub scheduler: String,
    /// The scheduler's flags (`sh-port`), in the order of the text. `/proc/net/ip_vs` does not print them.
    pub scheduler_flags: Vec<String>,
    /// Is each packet scheduled by itself (`-o`)?
    pub one_packet: bool,
    /// Does a client come back to the same destination (`-p`)?
    pub persistence: Option<Persistence>,
    /// The destinations. Their order depends on the text: ipvsadm(8) sorts them, the kernel has the last one
    /// added first.
    pub destinations: Vec<Destination>,
}

/// What a virtual service listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// An address and a port (`-t`, `-u`, `--sctp-service`).
    Socket {
        /// The transport protocol.
        protocol: Protocol,
        /// The VIP and the port.
        address: SocketAddr,
    },
    /// A firewall mark (`-f`).
    Mark {
        /// The mark.
        mark: u32,
        /// Is it one of IPv6? `/proc/net/ip_vs` does not say.
        ipv6: Option<bool>,
    },
}

impl Listen {
    /// Is it the same as the other, as far as both texts say it?
    #[must_use]
    pub fn is(self, other: Self) -> bool {
        match (self, other) {
            (
                Self::Mark { mark, ipv6 },
                Self::Mark {
                    mark: as_other,
                    ipv6: of,
                },
            ) => {
                let families = ipv6.zip(of);
                mark == as_other && families.is_none_or(|(one, another)| one == another)
            }
            (one, another) => one == another,
        }
    }
}

/// A transport protocol that IPVS balances.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// How long, and for what group of clients, a persistent service remembers the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Persistence {
    /// The time-out. `/proc/net/ip_vs` prints it in jiffies, whose length it does not say.
    pub timeout: Option<Duration>,
    /// Clients with the same prefix of this length come to the same destination; `None`: each address for
    /// itself.
    pub prefix: Option<u8>,
}

/// A destination: a real server in a virtual service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Its address and port; port 0 in a service of a firewall mark: the port that the client asked for.
    pub address: SocketAddr,
    /// The packet-forwarding method.
    pub method: Method,
    /// Its weight. With 0 it gets no new connection.
    pub weight: u32,
    /// Connections in state ESTABLISHED.
    pub active: u32,
    /// All others.
    pub inactive: u32,
}

/// The packet-forwarding methods (net/netfilter/ipvs/ip_vs_ctl.c, `ip_vs_fwd_name`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// `Masq`: the director rewrites the destination's address.
    Masquerading,
    /// `Tunnel`: the director puts the packet into another one.
    Tunneling,
    /// `Route`: the director rewrites the Ethernet address only.
    DirectRouting,
    /// `Local`: the director itself is the destination.
    Local,
    /// `Bypass`: the packet goes to where it was addressed, past the service.
    Bypass,
}

impl Method {
    const ALL: [Self; 5] = [
        Self::Masquerading,
        Self::Tunneling,
        Self::DirectRouting,
        Self::Local,
        Self::Bypass,
    ];

    /// The kernel's name, which ipvsadm(8) prints as well.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Masquerading => "Masq",
            Self::Tunneling => "Tunnel",
            Self::DirectRouting => "Route",
            Self::Local => "Local",
            Self::Bypass => "Bypass",
        }
    }

    /// The method of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

impl fmt::Display for Protocol {
    /// `TCP`, as ipvsadm(8) prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The connection entries, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connections {
    /// The entries.
    pub entries: Vec<Connection>,
}

/// A connection entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The transport protocol; `None` for the template of a persistent service of a firewall mark (`IP`).
    pub protocol: Option<Protocol>,
    /// The state by the kernel's name (`ESTABLISHED`).
    pub state: String,
    /// How long it has left without another packet, in whole seconds.
    pub expires: Duration,
    /// The client; port 0 for the template of a persistent service, with the prefix of its group as the
    /// address.
    pub client: SocketAddr,
    /// The virtual service.
    pub service: Target,
    /// The destination.
    pub destination: SocketAddr,
}

impl Connection {
    /// What is left of its time as `ipvsadm -Lnc` prints it: `14:59`.
    #[must_use]
    pub fn expires_listed(&self) -> String {
        let seconds = self.expires.as_secs();
        format!("{:02}:{:02}", seconds / 60, seconds % 60)
    }
}

/// Which virtual service an entry belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// One of an address and a port.
    Socket(SocketAddr),
    /// One of a firewall mark: the entry is a template of persistence.
    Mark(u32),
}

/// A text that is not one of these tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The number of the line, from 1.
    pub line: usize,
    /// The line, cut to 200 characters.
    pub text: String,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {} is not one of a table of IPVS: {}",
            self.line, self.text
        )
    }
}

impl std::error::Error for Unread {}

impl Table {
    /// Reads what `ipvsadm -Ln` printed.
    ///
    /// # Errors
    /// [`Unread`] for the first line that is of another form.
    pub fn listed(text: &str) -> Result<Self, Unread> {
        Self::read(text, listing::service, listing::destination)
    }

    /// Reads `/proc/net/ip_vs` (net/netfilter/ipvs/ip_vs_ctl.c, `ip_vs_info_seq_show`).
    ///
    /// # Errors
    /// [`Unread`] for the first line that is of another form.
    pub fn of_kernel(text: &str) -> Result<Self, Unread> {
        Self::read(text, kernel::service, kernel::destination)
    }

    fn read(
        text: &str,
        service: fn(&[&str]) -> Option<Service>,
        destination: fn(&[&str]) -> Option<Destination>,
    ) -> Result<Self, Unread> {
        let mut services: Vec<Service> = Vec::new();
        lines(text, |words| match words {
            ["IP", "Virtual", "Server", "version", ..]
            | ["Prot", "LocalAddress:Port", ..]
            | ["->", "RemoteAddress:Port", ..] => Some(()),
            ["->", ..] => services.last_mut().and_then(|service| {
                service.destinations.push(destination(words)?);
                Some(())
            }),
            _ => {
                services.push(service(words)?);
                Some(())
            }
        })?;
        Ok(Self { services })
    }

    /// The service that listens to this.
    #[must_use]
    pub fn service(&self, listen: Listen) -> Option<&Service> {
        let mut services = self.services.iter();
        services.find(|service| service.listen.is(listen))
    }

    /// Services and destinations together: the number of lines that `ipvsadm -S` saves.
    #[must_use]
    pub fn saved_lines(&self) -> usize {
        self.services
            .iter()
            .map(|service| 1 + service.destinations.len())
            .sum()
    }
}

impl Service {
    /// The destination with this address and port.
    #[must_use]
    pub fn destination(&self, address: SocketAddr) -> Option<&Destination> {
        self.destinations
            .iter()
            .find(|destination| destination.address == address)
    }
}

impl Connections {
    /// Reads what `ipvsadm -Lnc` printed.
    ///
    /// # Errors
    /// [`Unread`] for the first line that is of another form.
    pub fn listed(text: &str) -> Result<Self, Unread> {
        Self::read(text, listing::connection)
    }

    /// Reads `/proc/net/ip_vs_conn` (net/netfilter/ipvs/ip_vs_conn.c, `ip_vs_conn_seq_show`).
    ///
    /// # Errors
    /// [`Unread`] for the first line that is of another form.
    pub fn of_kernel(text: &str) -> Result<Self, Unread> {
        Self::read(text, kernel::connection)
    }

    fn read(text: &str, connection: fn(&[&str]) -> Option<Connection>) -> Result<Self, Unread> {
        let mut entries = Vec::new();
        lines(text, |words| match words {
            ["IPVS", "connection", "entries"] | ["pro" | "Pro", ..] => Some(()),
            _ => {
                entries.push(connection(words)?);
                Some(())
            }
        })?;
        Ok(Self { entries })
    }

    /// The entries of the connection from this client to this virtual service.
    pub fn of(&self, client: SocketAddr, service: SocketAddr) -> impl Iterator<Item = &Connection> {
        let service = Target::Socket(service);
        self.entries
            .iter()
            .filter(move |entry| entry.client == client && entry.service == service)
    }
}

/// Gives each line that is not empty to `read`, cut into words.
fn lines(text: &str, mut read: impl FnMut(&[&str]) -> Option<()>) -> Result<(), Unread> {
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if !words.is_empty() {
            read(&words).ok_or_else(|| Unread {
                line: index + 1,
                text: line.chars().take(200).collect(),
            })?;
        }
    }
    Ok(())
}

fn protocol(name: &str) -> Option<Protocol> {
    match name {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        "SCTP" => Some(Protocol::Sctp),
        _ => None,
    }
}

/// The length of the prefix that a mask of IPv4 stands for; `None` if it is none.
fn prefix(mask: u32) -> Option<u8> {
    let length = mask.leading_ones();
    (mask.checked_shl(length).unwrap_or(0) == 0).then(|| u8::try_from(length).ok())?
}

/// `None` for a prefix that is a whole address: each client for itself.
fn group(prefix: u8, ipv6: bool) -> Option<u8> {
    let whole = if ipv6 { Ipv6Addr::BITS } else { Ipv4Addr::BITS };
    (u32::from(prefix) < whole).then_some(prefix)
}

/// A firewall mark stands in an entry as an address: `0.0.0.7` is mark 7, and in IPv6 it is in the first four
/// bytes (net/netfilter/ipvs/ip_vs_core.c, `ip_vs_sched_persist`: `fwmark` is an `nf_inet_addr` whose `ip` is
/// the mark).
fn mark(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(address) => u32::from(address),
        IpAddr::V6(address) => u32::try_from(u128::from(address) >> 96).unwrap_or_default(),
    }
}
