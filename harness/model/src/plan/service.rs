//! The services of a lab: what clients connect to, who balances it, and where to.

use super::host::Host;
use super::words;
use crate::Name;
use crate::action::Node;
use crate::base::{Forwarding, GUE_PORT, TunnelType};
use crate::ipvs::{Listen, Protocol};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// A virtual service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Service {
    /// Its name in the plan.
    pub id: Name,
    /// The transport protocol.
    pub protocol: Protocol,
    /// What clients connect to: the VIP and the port.
    pub address: SocketAddr,
    /// The hosts whose IPVS has it.
    pub balancers: Vec<Node>,
    /// The firewall mark by which the balancers tell its packets (`-f`); `None`: by protocol, address and
    /// port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<u32>,
    /// The scheduler, by its name in ipvsadm(8).
    pub scheduler: String,
    /// The scheduler's flags (`-b`), by their names in ipvsadm(8).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scheduler_flags: Vec<String>,
    /// Is each packet scheduled by itself (`-o`)?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_packet: bool,
    /// For how long a client's connections go to the same real server (`-p`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistence: Option<Duration>,
    /// Clients whose addresses have a prefix of this length in common are one client to persistence (`-M`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistence_prefix: Option<u8>,
    /// Its real servers, in the order in which they are added.
    pub backends: Vec<Backend>,
}

impl Service {
    /// A service of TCP on the first director, without anything that need not be said.
    pub(super) fn plain(id: Name, address: SocketAddr, scheduler: String, backends: Vec<Backend>) -> Self {
        Self {
            id,
            protocol: Protocol::Tcp,
            address,
            balancers: vec![Node::first_director()],
            mark: None,
            scheduler,
            scheduler_flags: Vec::new(),
            one_packet: false,
            persistence: None,
            persistence_prefix: None,
            backends,
        }
    }
}

/// A real server of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Backend {
    /// The host.
    pub host: Node,
    /// The port of its server.
    pub port: u16,
    /// Its weight at the beginning.
    pub weight: u16,
    /// Is it outside the table at the beginning?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stands_by: bool,
    /// With so many connections it gets no new one (`-x`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper_threshold: Option<u16>,
    /// With fewer than so many it gets new ones again (`-y`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower_threshold: Option<u16>,
    /// How packets reach it.
    pub forwarding: Forwarding,
    /// How tunneling puts them into others.
    #[serde(default, skip_serializing_if = "TunnelType::is_default")]
    pub tunnel: TunnelType,
    /// The port of UDP to which those of GUE go, if it is not [`GUE_PORT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel_port: Option<u16>,
    /// The address of the host to which IPVS sends, if it is not the first one of its first card: that of a
    /// tunnel of the other family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
}

impl Backend {
    /// A real server in the table, without anything that need not be said.
    pub(super) fn plain(host: Node, port: u16, weight: u16, forwarding: Forwarding) -> Self {
        Self {
            host,
            port,
            weight,
            stands_by: false,
            upper_threshold: None,
            lower_threshold: None,
            forwarding,
            tunnel: TunnelType::default(),
            tunnel_port: None,
            address: None,
        }
    }

    /// Its weight in the table at the beginning; `None` if it is not in it.
    #[must_use]
    pub fn weight_at_first(&self) -> Option<u16> {
        (!self.stands_by).then_some(self.weight)
    }

    /// ipvsadm(8)'s options for a method, and for its thresholds, which an edit without them would take away:
    /// `-g`, `-i --tun-type gre`, `-m -x 20 -y 10`.
    #[must_use]
    pub fn flags(&self, forwarding: Forwarding) -> String {
        let mut flags = self.method_flags(forwarding);
        for (flag, threshold) in [("-x", self.upper_threshold), ("-y", self.lower_threshold)] {
            if let Some(threshold) = threshold {
                flags += &format!(" {flag} {threshold}");
            }
        }
        flags
    }

    fn method_flags(&self, forwarding: Forwarding) -> String {
        let flag = forwarding.flag();
        match (forwarding, self.tunnel) {
            (Forwarding::DirectRouting | Forwarding::Masquerading, _)
            | (Forwarding::Tunneling, TunnelType::Ipip) => flag.to_owned(),
            (Forwarding::Tunneling, TunnelType::Gue) => {
                let port = self.tunnel_port.unwrap_or(GUE_PORT);
                format!("{flag} --tun-type gue --tun-port {port}")
            }
            (Forwarding::Tunneling, TunnelType::Gre) => format!("{flag} --tun-type gre"),
        }
    }
}

impl Service {
    /// The real servers that a control plane's configuration has, without this one: those that are in the
    /// table at the beginning.
    pub fn configured(&self, without: Option<&Name>) -> impl Iterator<Item = &Backend> {
        let all = self.backends.iter().filter(|backend| !backend.stands_by);
        all.filter(move |backend| without.is_none_or(|name| backend.host.real_server() != Some(name)))
    }

    /// The VIP.
    #[must_use]
    pub fn vip(&self) -> IpAddr {
        self.address.ip()
    }

    /// What IPVS listens to.
    #[must_use]
    pub fn listen(&self) -> Listen {
        match self.mark {
            Some(mark) => Listen::Mark {
                mark,
                ipv6: Some(self.vip().is_ipv6()),
            },
            None => self.listen_at(self.address.port()),
        }
    }

    /// What a service of the same VIP and protocol at this port listens to.
    #[must_use]
    pub fn listen_at(&self, port: u16) -> Listen {
        Listen::Socket {
            protocol: self.protocol,
            address: SocketAddr::new(self.vip(), port),
        }
    }

    /// The address that the template of this client's persistence has: what is one client to persistence has
    /// the same.
    #[must_use]
    pub fn persistent_client(&self, client: IpAddr) -> IpAddr {
        let Some(length) = self.persistence_prefix.map(u32::from) else {
            return client;
        };
        match client {
            IpAddr::V4(address) => {
                let host = u32::MAX.checked_shr(length).unwrap_or(0);
                Ipv4Addr::from(u32::from(address) & !host).into()
            }
            IpAddr::V6(address) => {
                let host = u128::MAX.checked_shr(length).unwrap_or(0);
                Ipv6Addr::from(u128::from(address) & !host).into()
            }
        }
    }

    /// The host's part in it, if it has one.
    #[must_use]
    pub fn backend(&self, host: &Node) -> Option<&Backend> {
        self.backends.iter().find(|backend| backend.host == *host)
    }

    /// How packets reach its real servers, as the service's first one has it.
    #[must_use]
    pub fn forwarding(&self) -> Forwarding {
        let first = self.backends.first();
        first.map_or(Forwarding::DirectRouting, |backend| backend.forwarding)
    }

    /// How packets reach this real server at the beginning.
    #[must_use]
    pub fn forwarding_to(&self, server: &Name) -> Forwarding {
        let own = self.backend(&Node::RealServer(server.clone()));
        own.map_or_else(|| self.forwarding(), |backend| backend.forwarding)
    }

    /// Where IPVS sends to if it sends to this host: the host's address, and the port of its server.
    #[must_use]
    pub fn destination(&self, host: &Host) -> SocketAddr {
        let own = self.backend(&host.node);
        let address = own.and_then(|backend| backend.address);
        let port = own.map(|backend| backend.port);
        SocketAddr::new(
            address.unwrap_or_else(|| host.address()),
            port.unwrap_or(self.address.port()),
        )
    }

    /// The same as the table lists it. In the service of a mark a real server that has the port that clients
    /// ask for has port 0 (net/netfilter/ipvs/ip_vs_core.c, `ip_vs_schedule`).
    #[must_use]
    pub fn listed(&self, host: &Host) -> SocketAddr {
        let destination = self.destination(host);
        match self.mark {
            Some(_) if destination.port() == self.address.port() => SocketAddr::new(destination.ip(), 0),
            Some(_) | None => destination,
        }
    }

    /// The ports of its real servers, each once.
    #[must_use]
    pub fn server_ports(&self) -> BTreeSet<u16> {
        self.backends.iter().map(|backend| backend.port).collect()
    }

    /// Is this the port to which a packet of its clients goes, somewhere on its way?
    #[must_use]
    pub fn has_port(&self, port: u16) -> bool {
        port == self.address.port() || self.backends.iter().any(|backend| backend.port == port)
    }

    /// ipvsadm(8)'s word for a real server: `192.0.2.31:3306`, or in the service of a mark the address alone,
    /// if the real server has the port that clients ask for.
    #[must_use]
    pub fn server_word(&self, host: &Host) -> String {
        let listed = self.listed(host);
        match listed.port() {
            0 => listed.ip().to_string(),
            _ => listed.to_string(),
        }
    }

    /// The lines by which a balancer's firewall marks its packets, if it is the service of a mark: before
    /// IPVS looks at them (nft(8): `mangle` of prerouting; IPVS is at input).
    #[must_use]
    pub fn mark_lines(&self) -> Vec<Vec<String>> {
        let Some(mark) = self.mark else {
            return Vec::new();
        };
        let family = if self.vip().is_ipv6() { "ip6" } else { "ip" };
        let protocol = self.protocol.to_string().to_lowercase();
        let (vip, port) = (self.vip(), self.address.port());
        let hook = "{ type filter hook prerouting priority mangle ; }";
        let packets = format!("{family} daddr {vip} {protocol} dport {port}");
        [
            format!("nft add table {family} marks"),
            format!("nft add chain {family} marks prerouting {hook}"),
            format!("nft add rule {family} marks prerouting {packets} meta mark set {mark}"),
        ]
        .iter()
        .map(|line| words(line))
        .collect()
    }

    /// The lines by which a balancer that does not have the VIP takes in what has the mark: as if all
    /// addresses were its own (ip-rule(8), ip-route(8)).
    #[must_use]
    pub fn policy_lines(&self) -> Vec<Vec<String>> {
        let family = if self.vip().is_ipv6() { "ip -6" } else { "ip" };
        let lines = self.mark.map(|mark| {
            [
                format!("{family} rule add fwmark {mark} lookup {MARKED}"),
                format!("{family} route add local default dev lo table {MARKED}"),
            ]
        });
        lines.iter().flatten().map(|line| words(line)).collect()
    }

    /// The line that adds a real server.
    #[must_use]
    pub fn add_line(&self, host: &Host, forwarding: Forwarding, weight: u16) -> Vec<String> {
        let (service, destination) = (self.flagged(), self.server_word(host));
        let flags = self.flags(host, forwarding);
        words(&format!(
            "ipvsadm -a {service} -r {destination} {flags} -w {weight}"
        ))
    }

    /// ipvsadm(8)'s options for the method by which packets reach this host.
    #[must_use]
    pub fn flags(&self, host: &Host, forwarding: Forwarding) -> String {
        let own = self.backend(&host.node);
        own.map_or_else(|| forwarding.flag().to_owned(), |own| own.flags(forwarding))
    }

    /// The lines that make the service, with each real server for which there is a weight.
    #[must_use]
    pub fn fill_lines(&self, hosts: &[Host], weight: impl Fn(&Backend) -> Option<u16>) -> Vec<Vec<String>> {
        let host = |backend: &Backend| hosts.iter().find(|host| host.node == backend.host);
        let mut lines = vec![words(&format!(
            "ipvsadm -A {} {}",
            self.flagged(),
            self.options()
        ))];
        lines.extend(self.backends.iter().filter_map(|backend| {
            let weight = weight(backend)?;
            Some(self.add_line(host(backend)?, backend.forwarding, weight))
        }));
        lines
    }

    /// How it schedules, in ipvsadm(8)'s words: `-s rr`.
    #[must_use]
    pub fn options(&self) -> String {
        self.options_with(&self.scheduler)
    }

    /// The same with another scheduler, which takes no flag of this one. An edit that leaves `-b`, `-o`, `-p`
    /// or `-M` out would take it away.
    #[must_use]
    pub fn options_with(&self, scheduler: &str) -> String {
        let mut options = format!("-s {scheduler}");
        if scheduler == self.scheduler && !self.scheduler_flags.is_empty() {
            options += &format!(" -b {}", self.scheduler_flags.join(","));
        }
        if let Some(time) = self.persistence {
            options += &format!(" -p {}", time.as_secs());
        }
        if let Some(length) = self.persistence_prefix.filter(|_| self.persistence.is_some()) {
            options += &format!(" -M {}", self.netmask(length));
        }
        if self.one_packet {
            options += " -o";
        }
        options
    }

    /// A prefix of this length as ipvsadm(8) takes it with `-M`: a mask of IPv4, a length of IPv6.
    fn netmask(&self, length: u8) -> String {
        match self.vip() {
            IpAddr::V4(_) => {
                let host = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
                Ipv4Addr::from(!host).to_string()
            }
            IpAddr::V6(_) => length.to_string(),
        }
    }

    /// The same service, without persistence: what its clients do leaves no template.
    #[must_use]
    pub fn forgetful(&self) -> Self {
        Self {
            persistence: None,
            ..self.clone()
        }
    }

    /// ipvsadm(8)'s words for it: `-t 192.0.2.100:3306`, `-f 1`, `-f 1 -6`.
    #[must_use]
    pub fn flagged(&self) -> String {
        match self.mark {
            Some(mark) if self.vip().is_ipv6() => format!("-f {mark} -6"),
            Some(mark) => format!("-f {mark}"),
            None => flagged(self.protocol, self.address),
        }
    }

    /// ipvsadm(8)'s words for the service of the same VIP and protocol at this port.
    #[must_use]
    pub fn flagged_at(&self, port: u16) -> String {
        flagged(self.protocol, SocketAddr::new(self.vip(), port))
    }
}

/// The number of the routing table for what has the mark.
const MARKED: u8 = 200;

fn flagged(protocol: Protocol, address: SocketAddr) -> String {
    let flag = match protocol {
        Protocol::Tcp => "-t",
        Protocol::Udp => "-u",
        Protocol::Sctp => "--sctp-service",
    };
    format!("{flag} {address}")
}

impl fmt::Display for Service {
    /// `192.0.2.100:3306`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}
