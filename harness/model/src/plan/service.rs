//! The services of a lab: what clients connect to, who balances it, and where to.

use super::host::Host;
use super::words;
use crate::Name;
use crate::action::Node;
use crate::base::Forwarding;
use crate::ipvs::{Listen, Protocol};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
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
    /// The scheduler, by its name in ipvsadm(8).
    pub scheduler: String,
    /// Is each packet scheduled by itself (`-o`)?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_packet: bool,
    /// For how long a client's connections go to the same real server (`-p`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistence: Option<Duration>,
    /// Its real servers, in the order in which they are added.
    pub backends: Vec<Backend>,
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
    /// How packets reach it.
    pub forwarding: Forwarding,
}

impl Service {
    /// The VIP.
    #[must_use]
    pub fn vip(&self) -> IpAddr {
        self.address.ip()
    }

    /// What IPVS listens to.
    #[must_use]
    pub fn listen(&self) -> Listen {
        Listen::Socket {
            protocol: self.protocol,
            address: self.address,
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

    /// Where IPVS sends to if it sends to this host: the host's own address, and the port of its server.
    #[must_use]
    pub fn destination(&self, host: &Host) -> SocketAddr {
        let port = self.backend(&host.node).map(|backend| backend.port);
        SocketAddr::new(host.address(), port.unwrap_or(self.address.port()))
    }

    /// The line that adds a real server.
    #[must_use]
    pub fn add_line(&self, host: &Host, forwarding: Forwarding, weight: u16) -> Vec<String> {
        let (service, destination) = (self.flagged(), self.destination(host));
        let flag = forwarding.flag();
        words(&format!(
            "ipvsadm -a {service} -r {destination} {flag} -w {weight}"
        ))
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

    /// The same with another scheduler. An edit that leaves `-o` or `-p` out would take it away.
    #[must_use]
    pub fn options_with(&self, scheduler: &str) -> String {
        let one_packet = if self.one_packet { " -o" } else { "" };
        let persistence = self.persistence.map(|time| format!(" -p {}", time.as_secs()));
        format!("-s {scheduler}{}{one_packet}", persistence.unwrap_or_default())
    }

    /// The same service, without persistence: what its clients do leaves no template.
    #[must_use]
    pub fn forgetful(&self) -> Self {
        Self {
            persistence: None,
            ..self.clone()
        }
    }

    /// ipvsadm(8)'s words for it: `-t 192.0.2.100:3306`.
    #[must_use]
    pub fn flagged(&self) -> String {
        flagged(self.protocol, self.address)
    }

    /// ipvsadm(8)'s words for the service of the same VIP and protocol at this port.
    #[must_use]
    pub fn flagged_at(&self, port: u16) -> String {
        flagged(self.protocol, SocketAddr::new(self.vip(), port))
    }
}

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
