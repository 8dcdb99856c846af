//! The plan of a cell: hosts, addresses, sysctls, command lines and steps. Still data: print it, diff it.

mod alone;
mod checker;
mod commands;
mod host;
mod keepalived;
mod ldirectord;
mod make;
mod misbuilt;
mod older;
mod router;
mod segment;
mod service;
mod several;
mod sysctls;

pub use crate::base::{ECHO_PORT, MAX_REAL_SERVERS, MYSQL_PORT, Phase, ServerKind};
pub use checker::{CHECKER, CONTROL_FOLDER};
pub use commands::{
    ARPING, FIREWALL, MSS, NDSEND, NETEM_LIMIT, NO_ICMP, NO_VRRP, PlacedLine, SET_MSS, SIZES, STATEFUL, SYN,
    SYNPROXY, StatefulRule, VRRP,
};
pub use host::{Echo, Host, MySql, Nic, OwnServer, Process, Route, Server, Tunnel, TunnelEnd};
pub use keepalived::{Configured, Told};
pub use make::plan;
pub use misbuilt::Misbuilt;
pub use router::SOURCE_NAT;
pub use segment::{Allocated, Allocator, Cidr, Mac, Network, NotACidr, NotAMac, Segment, Use};
pub use service::{Backend, Service};

use crate::Name;
use crate::action::{Action, Node, Timed};
use crate::base::{CellRef, GUE_PORT, OneOrMore, Wiring};
use crate::client::{Client, Program};
use crate::ipvs::Protocol;
use crate::lab::{Further, State, Table};
use crate::probe::Probe;
use crate::scenario::{Expected, Observe};
use crate::serving::ServerProgram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;
use std::time::Duration;

/// How long an entry of a UDP flow lives without a packet, in seconds: the kernel's default
/// (net/netfilter/ipvs/ip_vs_proto_udp.c, `udp_timeouts`).
pub const UDP_TIMEOUT: u32 = 300;
/// The first interface of every host.
pub const INTERFACE: &str = "eth0";
/// The second interface of a host on two links.
pub const SECOND_INTERFACE: &str = "eth1";
/// The account that the client logs in with; made in every real server at its start.
pub const CLIENT_USER: &str = "app";
/// That account's password. The lab is reachable from nowhere.
pub const CLIENT_PASSWORD: &str = "lvs-matrix";
/// The EtherType of sentinel frames: IEEE Std 802, local experimental EtherType 1.
pub const SENTINEL_ETHERTYPE: u16 = 0x88B5;

/// A step of the time line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Step {
    /// When.
    pub phase: Phase,
    /// How long after the end of the step before it begins; `None` if the scenario does not say: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Duration>,
    /// What.
    pub action: Action,
}

impl Step {
    /// An action of a time line as a step of this phase.
    #[must_use]
    pub fn of(phase: Phase, timed: impl Into<Timed>) -> Self {
        let Timed { after, action } = timed.into();
        Self { phase, after, action }
    }

    /// The action with the gap before it.
    #[must_use]
    pub fn timed(&self) -> Timed {
        let (after, action) = (self.after, self.action.clone());
        Timed { after, action }
    }
}

/// What one cell is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LabPlan {
    /// Which cell.
    pub cell: CellRef,
    /// The links between the hosts.
    pub segments: Vec<Segment>,
    /// The virtual services; the first one is that of the client.
    pub services: OneOrMore<Service>,
    /// Client, probe and router if there are, directors, then the real servers. Written down, the sysctls
    /// with which the list of every host begins stand once, in `sysctls` of the plan.
    #[serde(flatten, serialize_with = "host::with_common_sysctls")]
    pub hosts: Vec<Host>,
    /// What is built wrong on purpose, once the lab has been shown to be ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misbuilt: Vec<Misbuilt>,
    /// The time line.
    pub steps: Vec<Step>,
    /// How the outcome is watched.
    pub observe: Observe,
    /// The run's own limit to that, for a place where watching takes real time; `None`: the scenario's
    /// `until` stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observe_at_most: Option<Duration>,
    /// What the scenario expects.
    pub expected: Expected,
}

/// A client program that nothing is said of.
static UNSET_CLIENT: LazyLock<Client> = LazyLock::new(Client::default);

impl LabPlan {
    /// The host that is `node`.
    #[must_use]
    pub fn host(&self, node: &Node) -> Option<&Host> {
        self.hosts.iter().find(|host| &host.node == node)
    }

    /// The host that has a card with this Ethernet address.
    #[must_use]
    pub fn host_by_mac(&self, mac: Mac) -> Option<&Host> {
        let of_host = |host: &&Host| host.nics.iter().any(|nic| nic.mac == mac);
        self.hosts.iter().find(of_host)
    }

    /// The host whose client's operations are judged.
    #[must_use]
    pub fn client_host(&self) -> Option<&Host> {
        self.hosts.iter().find(|host| host.client().is_some())
    }

    /// The addresses from which the client can connect: its own, and the further ones of a lab with several.
    pub fn client_addresses(&self) -> impl Iterator<Item = IpAddr> {
        let ipv6 = self.vip().is_ipv6();
        let cards = self.client_host().into_iter().map(Host::nic);
        cards
            .flat_map(|nic| nic.addresses.iter())
            .map(|cidr| cidr.address)
            .filter(move |address| match address {
                IpAddr::V4(_) => !ipv6,
                IpAddr::V6(address) => ipv6 && !address.is_unicast_link_local(),
            })
    }

    /// Is it one of those?
    #[must_use]
    pub fn is_clients(&self, address: IpAddr) -> bool {
        self.client_addresses().any(|own| own == address)
    }

    /// The host whose probes ask again and again, if the lab has probes.
    #[must_use]
    pub fn probe_host(&self) -> Option<&Host> {
        self.host(&Node::Probe)
    }

    /// The probes, in their order.
    pub fn probes(&self) -> impl Iterator<Item = &Probe> {
        let runs = self.hosts.iter().flat_map(|host| &host.runs);
        runs.filter_map(|process| match process {
            Process::Probes(probes) => Some(probes),
            Process::Ipvs
            | Process::Keepalived(_)
            | Process::Ldirectord(_)
            | Process::Client(_)
            | Process::Server(_) => None,
        })
        .flatten()
    }

    /// The client program and its settings.
    #[must_use]
    pub fn client(&self) -> &Client {
        let client = self.hosts.iter().find_map(Host::client);
        client.unwrap_or_else(|| &UNSET_CLIENT)
    }

    /// The client program and its settings, to be changed.
    pub fn client_mut(&mut self) -> Option<&mut Client> {
        let mut all = self.hosts.iter_mut().flat_map(|host| &mut host.runs);
        all.find_map(|process| match process {
            Process::Client(client) => Some(client),
            Process::Ipvs
            | Process::Keepalived(_)
            | Process::Ldirectord(_)
            | Process::Probes(_)
            | Process::Server(_) => None,
        })
    }

    /// Does it have a second director?
    #[must_use]
    pub fn has_two_directors(&self) -> bool {
        self.balancers().count() > 1
    }

    /// The first director: of two the one that has the VIP at the beginning.
    #[must_use]
    pub fn first_director(&self) -> Node {
        let first = self.service().balancers.first();
        first.cloned().unwrap_or_else(Node::first_director)
    }

    /// Is a sentence that says "the director" not enough, because there are two, or the one has a name of
    /// its author's?
    #[must_use]
    pub fn names_directors(&self) -> bool {
        self.balancers().any(|host| !host.node.goes_without_saying())
    }

    /// What moves from one of two directors to the other, each with the interface that has it: the VIP, and
    /// the gateway of masqueraded real servers. No card has it for its own.
    #[must_use]
    pub fn moving(&self) -> Vec<(Cidr, &'static str)> {
        let mut all = vec![(Cidr::alone(self.vip()), INTERFACE)];
        let nics = self.hosts.iter().flat_map(|host| host.nics.iter());
        let own = nics.flat_map(|nic| nic.addresses.iter());
        let own = own.filter(|cidr| !cidr.is_alone()).map(|cidr| cidr.address);
        let own: Vec<IpAddr> = own.collect();
        let mut routes = self.real_servers().flat_map(|(_, host)| &host.routes);
        let gateway = routes.find(|route| !own.contains(&route.via));
        if let Some(gateway) = gateway.filter(|_| self.has_two_directors()) {
            let behind = self.balancers().any(|host| host.nics.iter().nth(1).is_some());
            let interface = if behind { SECOND_INTERFACE } else { INTERFACE };
            all.push((Cidr::alone(gateway.via), interface));
        }
        all
    }

    /// The hosts that run IPVS.
    pub fn balancers(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(|host| host.is_balancer())
    }

    /// The mysqlds of the lab.
    pub fn mysqlds(&self) -> impl Iterator<Item = &MySql> {
        self.hosts.iter().filter_map(Host::mysqld)
    }

    /// What serves on the real servers.
    #[must_use]
    pub fn server_kind(&self) -> ServerKind {
        match self.hosts.iter().find_map(Host::server) {
            Some(Server::MySql(_)) | None => ServerKind::Mysql,
            Some(Server::Program(_)) => ServerKind::Program,
            Some(Server::Echo(Echo {
                protocol: Protocol::Udp,
                ..
            })) => ServerKind::UdpEcho,
            Some(Server::Echo(Echo {
                protocol: Protocol::Tcp | Protocol::Sctp,
                ..
            })) => ServerKind::TcpEcho,
        }
    }

    /// The program that serves on the real servers, if it is the author's own.
    #[must_use]
    pub fn server_program(&self) -> Option<&ServerProgram> {
        self.hosts.iter().find_map(|host| match host.server()? {
            Server::Program(own) => Some(&own.program),
            Server::MySql(_) | Server::Echo(_) => None,
        })
    }

    /// Does it run programs of the author's own?
    #[must_use]
    pub fn runs_own_programs(&self) -> bool {
        matches!(self.client().program, Program::Own { .. }) || self.server_program().is_some()
    }

    /// Does a mysqld of the lab need a data folder with InnoDB?
    #[must_use]
    pub fn needs_innodb(&self) -> bool {
        self.mysqlds().any(|mysqld| mysqld.setup.innodb)
    }

    /// How long every frame takes from the bridge to this card.
    #[must_use]
    pub fn delay_to(&self, nic: &Nic) -> Duration {
        let segment = self.segments.iter().find(|segment| segment.id == nic.segment);
        segment.map_or(Duration::ZERO, |segment| segment.delay)
    }

    /// The real servers in their order, each with its name.
    pub fn real_servers(&self) -> impl Iterator<Item = (&Name, &Host)> {
        self.hosts.iter().filter_map(|host| match &host.node {
            Node::RealServer(name) => Some((name, host)),
            Node::Client | Node::Probe | Node::Director(_) | Node::Router => None,
        })
    }

    /// The lab before the first step. The plan does not say in data what is in the director's table.
    #[must_use]
    pub fn state(&self) -> State<'_> {
        let state = State::new(self.real_servers().map(|(name, _)| name));
        let service = self.service();
        let marking = service.balancers.iter().filter(|_| service.mark.is_some());
        let state = marking.fold(state, State::with_marks_by);
        let state = state.with_router(self.client_at());
        let hosts = self.hosts.iter();
        let state = hosts.fold(state, |state, host| state.with_sysctls(&host.node, &host.sysctls));
        let wrong = self.misbuilt.iter();
        let state = wrong.fold(state, |state, wrong| {
            state.with_sysctls(&wrong.node, &wrong.sysctls)
        });
        let state = state.with_control(self.control_plane());
        state.with_directors(self.balancers().map(|host| &host.node))
    }

    /// The same, with the director's table, if only steps edit it.
    #[must_use]
    pub fn state_with_table(&self) -> State<'_> {
        match self.control() {
            None => self.state().with_table(&self.table()),
            Some(_) => self.state(),
        }
    }

    /// The director's table before the first step, as the services say it.
    #[must_use]
    pub fn table(&self) -> Table {
        let weight =
            |backend: &Backend| Some((backend.host.real_server()?.clone(), backend.weight_at_first()?));
        let service = self.service();
        let apart = |other: &&Service| other.listen() != service.listen();
        let others = || self.services.iter().skip(1).filter(apart);
        let further = |other: &Service| {
            let servers = other.backends.iter().filter_map(weight).collect();
            let port = other.address.port();
            (other.id.clone(), Further { port, servers })
        };
        let method = |backend: &Backend| Some((backend.host.real_server()?.clone(), backend.forwarding));
        Table {
            service: true,
            servers: service.backends.iter().filter_map(weight).collect(),
            others: others().map(|other| other.address.port()).collect(),
            further: others().map(further).collect(),
            scheduler: Some(service.scheduler.clone()),
            methods: service.backends.iter().filter_map(method).collect(),
        }
    }

    /// How long the outcome is watched, counted from the beginning of `act`: the scenario's `until`, or the
    /// run's limit if that is shorter.
    #[must_use]
    pub fn watched_for(&self) -> Duration {
        self.cut_to().unwrap_or(self.observe.until)
    }

    /// The run's limit, if it is shorter than the scenario's `until`.
    #[must_use]
    pub fn cut_to(&self) -> Option<Duration> {
        self.observe_at_most.filter(|limit| *limit < self.observe.until)
    }

    /// The time that the steps themselves take by the clock: gaps, waits, and what a healthy server needs for
    /// the statements.
    #[must_use]
    pub fn own_time(&self) -> Duration {
        let own = |step: &Step| step.timed().own_time();
        self.steps
            .iter()
            .map(own)
            .fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The service that the client speaks to: of several the one of the operation that is classified.
    #[must_use]
    pub fn service(&self) -> &Service {
        self.services.first()
    }

    /// The service of this name; without a name that of the classified operation.
    #[must_use]
    pub fn service_named(&self, name: Option<&Name>) -> Option<&Service> {
        match name {
            None => Some(self.service()),
            Some(name) => self.services.iter().find(|service| service.id == *name),
        }
    }

    /// The same plan with the service of this name in the place of the first one: what asks for the service
    /// then asks for that. `None` if there is no such service.
    #[must_use]
    pub fn led_by(&self, name: &Name) -> Option<Self> {
        let first = self.service_named(Some(name))?.clone();
        let mut services = OneOrMore::new(first);
        for other in self.services.iter().filter(|service| service.id != *name) {
            services.push(other.clone());
        }
        Some(Self {
            services,
            ..self.clone()
        })
    }

    /// The ports of UDP at which tunnels of GUE end, the usual one among them.
    #[must_use]
    pub fn gue_ports(&self) -> Vec<u16> {
        let backends = self.services.iter().flat_map(|service| &service.backends);
        let said = backends.filter_map(|backend| backend.tunnel_port);
        [GUE_PORT].into_iter().chain(said).collect()
    }

    /// The ports that a real server's own server listens to.
    #[must_use]
    pub fn server_ports(&self, host: &Host) -> BTreeSet<u16> {
        let services = self.services.iter();
        let own = services.filter_map(|service| Some(service.backend(&host.node)?.port));
        own.collect()
    }

    /// The lines that make its services with their real servers, as they are at the beginning.
    #[must_use]
    pub fn fill_lines(&self) -> Vec<Vec<String>> {
        let services = several::apart(&self.services);
        services
            .flat_map(|service| service.fill_lines(&self.hosts, Backend::weight_at_first))
            .collect()
    }

    /// Is this port of the VIP one of a virtual service?
    #[must_use]
    pub fn is_virtual(&self, port: u16) -> bool {
        let mut services = self.services.iter();
        services.any(|service| service.address.port() == port)
    }

    /// The address of the service that the client speaks to.
    #[must_use]
    pub fn vip(&self) -> IpAddr {
        self.service().vip()
    }

    /// The port of the service that the client speaks to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.service().address.port()
    }

    /// Is this the port to which a packet of the service's clients goes, somewhere on its way?
    #[must_use]
    pub fn has_port(&self, port: u16) -> bool {
        self.service().has_port(port)
    }

    /// Where IPVS sends to if it sends to this host: the host's own address, and the port of its server.
    #[must_use]
    pub fn destination(&self, host: &Host) -> SocketAddr {
        self.service().destination(host)
    }

    /// The same as the director's table lists it.
    #[must_use]
    pub fn listed(&self, host: &Host) -> SocketAddr {
        self.service().listed(host)
    }
}

/// The segments of a lab that is wired so.
fn segments_of(wiring: Wiring, delay: Duration) -> Vec<Segment> {
    let segment = |id, bridge: &str| Segment {
        id: Name::of_our_own(id),
        bridge: bridge.to_owned(),
        delay,
    };
    match wiring {
        Wiring::OneArmed => vec![only_segment(delay)],
        Wiring::TwoArmed => vec![segment("front", "br0"), segment("back", "br1")],
    }
}

/// The segment of a lab that has one only.
fn only_segment(delay: Duration) -> Segment {
    Segment {
        id: Name::of_our_own("link"),
        bridge: "br0".to_owned(),
        delay,
    }
}

/// The name of the service of a lab that has one only.
fn only_service() -> Name {
    Name::of_own_service()
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_segment_and_service_are_names() {
        let of_two = segments_of(Wiring::TwoArmed, Duration::ZERO);
        let of_two = of_two.into_iter().map(|segment| segment.id);
        for name in of_two.chain([only_segment(Duration::ZERO).id, only_service()]) {
            assert_eq!(Name::new(name.as_str()).unwrap(), name);
        }
    }
}
