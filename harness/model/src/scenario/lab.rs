//! What a scenario says of its lab: what it is made of, and how parts of that are put together.

use crate::Name;
use crate::action::Node;
use crate::base::{ClientAt, Family, Forwarding, GUE_PORT, Misbuild, ServerKind, TunnelType, Vip, Wiring};
use crate::client::ClientChoice;
use crate::keepalived::Keepalived;
use crate::ldirectord::Ldirectord;
use crate::mysqld::MysqldSetup;
use crate::probe::Probe;
use crate::serving::ServerProgram;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a scenario says of the lab, or what a value of an axis adds to that.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lab {
    /// The forwarding method of every real server that has none of its own. Default: direct routing.
    pub forwarding: Option<Forwarding>,
    /// How tunneling puts packets into others, for every real server that says nothing else. Default: IP in
    /// IP.
    pub tunnel_type: Option<TunnelType>,
    /// The port of UDP at which tunnels of GUE end, likewise. Default: [`GUE_PORT`].
    #[serde(default)]
    pub tunnel_port: Option<u16>,
    /// The address family of the packets around those of a tunnel, likewise. Default: the lab's.
    pub tunnel_family: Option<Family>,
    /// The methods that the real servers are wired for. Default: those that they have.
    pub wired_for: Option<Vec<Forwarding>>,
    /// The links. Default: one for all.
    pub wiring: Option<Wiring>,
    /// How packets for the VIP come into IPVS. Default: the VIP is the director's.
    pub vip: Option<Vip>,
    /// Where the client is. Default: on the director's link.
    #[serde(default)]
    pub client_at: Option<ClientAt>,
    /// The address family of hosts and service. Default: IPv4.
    pub family: Option<Family>,
    /// What serves on the real servers. Default: a mysqld.
    pub server: Option<ServerKind>,
    /// The program that serves, if it is the author's own.
    pub server_program: Option<ServerProgram>,
    /// The port that the real servers listen to. Default: the virtual service's.
    pub server_port: Option<u16>,
    /// The MTU of the real servers' cards. Default: the link's.
    pub server_mtu: Option<u16>,
    /// Is each packet scheduled by itself?
    pub one_packet: bool,
    /// For how long a client's connections go to the same real server, if the service is persistent.
    pub persistence: Option<Duration>,
    /// The length of the prefix that clients have in common which are one to persistence.
    pub persistence_prefix: Option<u8>,
    /// The firewall mark by which the director tells the service's packets.
    pub firewall_mark: Option<u32>,
    /// The scheduler's name as ipvsadm(8) has it: `rr`, `wlc`, … Default: `rr`.
    pub scheduler: Option<String>,
    /// The scheduler's flags, by their names in ipvsadm(8).
    pub scheduler_flags: Option<Vec<String>>,
    /// Further virtual services of the VIP.
    #[serde(default)]
    pub services: Vec<FurtherService>,
    /// The real servers in the order in which they are added to the table.
    pub real_servers: Vec<RealServer>,
    /// What is built wrong on purpose, and on which host.
    pub misbuilt: Vec<(Name, Misbuild)>,
    /// keepalived on the director. Default: none.
    #[serde(default)]
    pub keepalived: Option<Keepalived>,
    /// ldirectord on the director. Default: none.
    #[serde(default)]
    pub ldirectord: Option<Ldirectord>,
    /// The directors, the first one before the second. Default: one, without a name of the author's.
    #[serde(default)]
    pub directors: Option<Vec<Director>>,
    /// How many addresses the client host has. Default: one.
    #[serde(default)]
    pub clients: Option<u8>,
    /// The client program and its settings.
    pub client: ClientChoice,
    /// The probes, in their order.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// The mysqld of every real server.
    pub mysqld: MysqldSetup,
    /// Sysctls of the director, set before the service is made: (key, value).
    pub director_sysctls: Vec<(String, String)>,
    /// Sysctls of the client: (key, value).
    pub client_sysctls: Vec<(String, String)>,
    /// Sysctls of every real server: (key, value).
    pub server_sysctls: Vec<(String, String)>,
}

/// A director of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Director {
    /// Its name.
    pub name: Name,
    /// Sysctls of its own, set after those that all directors have: (key, value).
    pub sysctls: Vec<(String, String)>,
}

impl Director {
    /// So many directors, one or two, whose author gave them no names.
    #[must_use]
    pub fn unnamed(count: u8) -> Vec<Self> {
        let nodes = [Node::first_director(), Node::second_director()];
        let names = nodes.into_iter().take(usize::from(count));
        let names = names.filter_map(|node| node.director().cloned());
        names
            .map(|name| Self {
                name,
                sysctls: Vec::new(),
            })
            .collect()
    }

    /// How many they are, if their author gave them neither names nor anything else.
    #[must_use]
    pub fn only_counted(directors: &[Self]) -> Option<u8> {
        let count = u8::try_from(directors.len()).ok()?;
        (Self::unnamed(count) == directors).then_some(count)
    }
}

impl Lab {
    /// The directors, the first one before the second.
    #[must_use]
    pub fn all_directors(&self) -> Vec<Director> {
        self.directors.clone().unwrap_or_else(|| Director::unnamed(1))
    }

    /// The lab of which `parts` speak, one after the other: where two speak of the same, the later one's word
    /// counts; real servers, statements and sysctls are added.
    #[must_use]
    pub fn merged<'l>(parts: impl IntoIterator<Item = &'l Self>) -> Self {
        parts.into_iter().fold(Self::default(), |lab, part| {
            let added = |own: Vec<_>, more: &[_]| own.into_iter().chain(more.iter().cloned()).collect();
            Self {
                forwarding: part.forwarding.or(lab.forwarding),
                tunnel_type: part.tunnel_type.or(lab.tunnel_type),
                tunnel_port: part.tunnel_port.or(lab.tunnel_port),
                tunnel_family: part.tunnel_family.or(lab.tunnel_family),
                wired_for: part.wired_for.clone().or(lab.wired_for),
                wiring: part.wiring.or(lab.wiring),
                vip: part.vip.or(lab.vip),
                client_at: part.client_at.or(lab.client_at),
                family: part.family.or(lab.family),
                server: part.server.or(lab.server),
                server_program: part.server_program.clone().or(lab.server_program),
                server_port: part.server_port.or(lab.server_port),
                server_mtu: part.server_mtu.or(lab.server_mtu),
                one_packet: part.one_packet || lab.one_packet,
                persistence: part.persistence.or(lab.persistence),
                persistence_prefix: part.persistence_prefix.or(lab.persistence_prefix),
                firewall_mark: part.firewall_mark.or(lab.firewall_mark),
                scheduler: part.scheduler.clone().or(lab.scheduler),
                scheduler_flags: part.scheduler_flags.clone().or(lab.scheduler_flags),
                services: lab
                    .services
                    .into_iter()
                    .chain(part.services.iter().cloned())
                    .collect(),
                real_servers: lab
                    .real_servers
                    .into_iter()
                    .chain(part.real_servers.iter().cloned())
                    .collect(),
                misbuilt: lab
                    .misbuilt
                    .into_iter()
                    .chain(part.misbuilt.iter().cloned())
                    .collect(),
                keepalived: match (lab.keepalived, &part.keepalived) {
                    (Some(said), Some(later)) => Some(said.with(later)),
                    (said, later) => said.or_else(|| later.clone()),
                },
                ldirectord: match (lab.ldirectord, &part.ldirectord) {
                    (Some(said), Some(later)) => Some(said.with(later)),
                    (said, later) => said.or_else(|| later.clone()),
                },
                directors: part.directors.clone().or(lab.directors),
                clients: part.clients.or(lab.clients),
                client: lab.client.with(&part.client),
                probes: lab
                    .probes
                    .into_iter()
                    .chain(part.probes.iter().cloned())
                    .collect(),
                mysqld: lab.mysqld.with(&part.mysqld),
                director_sysctls: added(lab.director_sysctls, &part.director_sysctls),
                client_sysctls: added(lab.client_sysctls, &part.client_sysctls),
                server_sysctls: added(lab.server_sysctls, &part.server_sysctls),
            }
        })
    }

    /// The forwarding method of a real server at the beginning.
    #[must_use]
    pub fn forwarding_to(&self, server: &RealServer) -> Forwarding {
        server.forwarding.or(self.forwarding).unwrap_or_default()
    }

    /// The port that a real server listens to: what is said of it, else that of the first service that it is
    /// in.
    #[must_use]
    pub fn port_of(&self, server: &RealServer) -> u16 {
        let said = server.port.or(self.server_port);
        let own = self.server.unwrap_or_default().port();
        let further = || self.services.iter().find(|service| server.is_in(&service.name));
        said.or_else(|| match server.is_in(&Name::of_own_service()) {
            true => Some(own),
            false => further().map(|service| service.port),
        })
        .unwrap_or(own)
    }

    /// The port to which a real server of this service gets the service's packets. An echo server listens to
    /// the ports of all services that it is in; other servers to one.
    #[must_use]
    pub fn port_in(&self, service: &FurtherService, server: &RealServer) -> u16 {
        let said = server.port.or(self.server_port);
        match self.server.unwrap_or_default() {
            ServerKind::TcpEcho | ServerKind::UdpEcho => said.unwrap_or(service.port),
            ServerKind::Mysql | ServerKind::Program => self.port_of(server),
        }
    }

    /// How tunneling puts packets for a real server into others.
    #[must_use]
    pub fn tunnel_type_to(&self, server: &RealServer) -> TunnelType {
        server.tunnel_type.or(self.tunnel_type).unwrap_or_default()
    }

    /// The port of UDP to which they go, with GUE.
    #[must_use]
    pub fn tunnel_port_to(&self, server: &RealServer) -> u16 {
        server.tunnel_port.or(self.tunnel_port).unwrap_or(GUE_PORT)
    }

    /// The address family of those others.
    #[must_use]
    pub fn tunnel_family_to(&self, server: &RealServer) -> Family {
        let said = server.tunnel_family.or(self.tunnel_family);
        said.or(self.family).unwrap_or_default()
    }
}

/// A real server of the lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealServer {
    /// Its name.
    pub name: Name,
    /// Its weight in the table, 0 to 65535.
    pub weight: u16,
    /// Is it outside the table at the beginning?
    #[serde(default)]
    pub stands_by: bool,
    /// With so many connections it gets no new one (`-x`).
    #[serde(default)]
    pub upper_threshold: Option<u16>,
    /// With fewer than so many it gets new ones again (`-y`).
    #[serde(default)]
    pub lower_threshold: Option<u16>,
    /// Its forwarding method, if it is not that of the lab.
    pub forwarding: Option<Forwarding>,
    /// Its tunnel type, if it is not that of the lab.
    #[serde(default)]
    pub tunnel_type: Option<TunnelType>,
    /// The port of UDP at which its tunnel of GUE ends, if it is not that of the lab.
    #[serde(default)]
    pub tunnel_port: Option<u16>,
    /// The address family of its tunnel, if it is not that of the lab.
    #[serde(default)]
    pub tunnel_family: Option<Family>,
    /// The port that it listens to, if it is not that of the lab.
    #[serde(default)]
    pub port: Option<u16>,
    /// The services that it is in. Default: the lab's own alone.
    #[serde(default)]
    pub services: Option<Vec<Name>>,
}

/// A further virtual service of the VIP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FurtherService {
    /// Its name.
    pub name: Name,
    /// Its port.
    pub port: u16,
    /// Do its packets get the mark of the lab's own service, so that it is one with that?
    pub same_mark: bool,
    /// Its scheduler. Default: `rr`.
    pub scheduler: Option<String>,
    /// Its persistence.
    pub persistence: Option<Duration>,
}

impl RealServer {
    /// One of that name and weight, in the table from the beginning, with all else as the lab has it.
    #[must_use]
    pub fn new(name: Name, weight: u16) -> Self {
        Self {
            name,
            weight,
            stands_by: false,
            upper_threshold: None,
            lower_threshold: None,
            forwarding: None,
            tunnel_type: None,
            tunnel_port: None,
            tunnel_family: None,
            port: None,
            services: None,
        }
    }

    /// Is it in the service of this name?
    #[must_use]
    pub fn is_in(&self, service: &Name) -> bool {
        match &self.services {
            None => service.is_of_own_service(),
            Some(services) => services.contains(service),
        }
    }
}
