//! The short form of a lab becomes hosts, cards, segments and services.

use super::host::{Echo, Host, MySql, Nic, OwnServer, Process, Route, Server, Tunnel, TunnelEnd};
use super::misbuilt::Misbuilt;
use super::router::{self, by};
use super::segment::{Allocator, Cidr, LINK_DELAY, Mac, Network, Segment, Use};
use super::service::{Backend, Service};
use super::sysctls::{
    self, CLIENT_SYSCTLS, DIRECTOR_SYSCTLS, IPV6_FORWARDING, NO_REDIRECTS, ROUTER_SYSCTLS, SERVER_SYSCTLS,
    TUNNEL_DEVICE, TUNNEL_SYSCTLS,
};
use super::{
    INTERFACE, LabPlan, SECOND_INTERFACE, Step, UDP_TIMEOUT, only_service, segments_of, several, words,
};
use crate::Name;
use crate::action::Node;
use crate::base::{
    ClientAt, Family, Forwarding, GUE_PORT, Misbuild, OneOrMore, Phase, ServerKind, TunnelType, Vip, Wiring,
};
use crate::client::{Client, ClientChoice};
use crate::ipvs::Protocol;
use crate::matrix::Cell;
use crate::scenario::{Lab, RealServer, Scenario};
use std::net::{Ipv4Addr, SocketAddr};

const FIRST_SERVER_ID: u32 = 101;

/// What `cell` of `scenario` is to do. The cell must come from [`crate::matrix::cells`] of the same scenario.
#[must_use]
pub fn plan(scenario: &Scenario, cell: &Cell) -> LabPlan {
    let lab = lab_of(scenario, cell);
    let client = ClientChoice::merged(lab.server.unwrap_or_default(), [&lab.client]);
    let (segments, services, hosts) = hosts_of(&lab, &client);
    let wrong = |(name, how): &(Name, Misbuild)| {
        let mut hosts = hosts.iter();
        let host = hosts.find(|host| host.node.to_string() == name.as_str())?;
        Some(Misbuilt::of(host, services.first(), *how))
    };
    let misbuilt = lab.misbuilt.iter().filter_map(wrong).collect();
    let steps = steps_of(scenario, cell);
    let judged = several::judged(&steps);
    LabPlan {
        cell: cell.cell.clone(),
        segments,
        steps: several::of_plan(steps, &services),
        services: several::led(services, &judged),
        misbuilt,
        hosts,
        observe: scenario.observe,
        observe_at_most: None,
        expected: cell.expected.clone(),
    }
}

/// The port of UDP at which tunnels to a real server end, if they are of GUE and it is not the usual one.
fn gue_port(lab: &Lab, server: &RealServer) -> Option<u16> {
    let port = lab.tunnel_port_to(server);
    let said = lab.tunnel_type_to(server) == TunnelType::Gue && port != GUE_PORT;
    said.then_some(port)
}

/// The hosts of the short form's lab, with its links and its services, the lab's own first.
fn hosts_of(lab: &Lab, program: &Client) -> (Vec<Segment>, OneOrMore<Service>, Vec<Host>) {
    let family = lab.family.unwrap_or_default();
    let wiring = lab.wiring.unwrap_or_default();
    let mut segments = segments_of(wiring, LINK_DELAY);
    let wired = |server: &RealServer, method: Forwarding| match &lab.wired_for {
        Some(methods) => methods.contains(&method),
        None => lab.forwarding_to(server) == method,
    };
    // A tunnel of the other family: director and real servers have addresses of both.
    let crosses =
        |server: &RealServer| wired(server, Forwarding::Tunneling) && lab.tunnel_family_to(server) != family;
    let both = lab.real_servers.iter().any(crosses);
    let families = if both { Family::Ipv6 } else { family };
    let mut front = Place::new(&segments, 0, family, both);
    let mut back = Place::new(&segments, segments.len().saturating_sub(1), family, both);
    let at = lab.client_at.unwrap_or_default();
    // A client that is not on the director's link is on one of its own, with a router between the two.
    let mut outside = (at != ClientAt::OnLink).then(|| {
        segments.push(router::outside(LINK_DELAY));
        Place::of(router::outside_id(), Network::Third, family, false)
    });
    let router = outside
        .as_mut()
        .and_then(|outside| Some((front.next(Use::Router)?, outside.next(Use::Router)?)));
    let inner = router.as_ref().map(|(inner, _)| inner.address);
    let outer = router.as_ref().map(|(_, outer)| outer.address);
    // The first of each use there always is; of the servers `check` has refused those that find no address.
    let unspecified = Cidr::alone(Ipv4Addr::UNSPECIFIED.into());
    let vip = front
        .next(Use::Virtual)
        .map_or(unspecified, |given| given.address);
    let vip = Cidr::alone(vip.address);
    let clients_on = outside.as_mut().unwrap_or(&mut front);
    let client = clients_on.next(Use::Client).map(Given::of_one_family);
    let further: Vec<Cidr> = (1..lab.clients.unwrap_or(1))
        .map_while(|_| clients_on.next(Use::Further))
        .map(|given| given.address)
        .collect();
    let probing = (!lab.probes.is_empty())
        .then(|| clients_on.next(Use::Client))
        .flatten();
    let director = front.next(Use::Balancer);
    let directors = lab.all_directors();
    let second = (directors.len() > 1).then(|| front.next(Use::Balancer));
    let second = second.flatten();
    let two = second.is_some();
    // Behind the director everything is on its second link.
    let (director_back, second_back, servers_on) = match wiring {
        Wiring::OneArmed => (None, None, &mut front),
        Wiring::TwoArmed => {
            let first = back.next(Use::Balancer);
            (first, two.then(|| back.next(Use::Balancer)).flatten(), &mut back)
        }
    };
    let translates = lab
        .real_servers
        .iter()
        .any(|server| wired(server, Forwarding::Masquerading));
    // Of two directors the one that has the VIP is the gateway of masqueraded real servers, by an address
    // that moves as the VIP does.
    let moving_gateway = (two && translates)
        .then(|| servers_on.next(Use::Virtual))
        .flatten()
        .map(|given| Cidr::alone(given.address.address));
    let gateway = director_back.as_ref().or(director.as_ref());
    let gateway = gateway.map_or(unspecified, |given| given.address);
    let gateway = moving_gateway.unwrap_or(gateway).address;
    let servers: Vec<(&RealServer, Given)> = lab
        .real_servers
        .iter()
        .map_while(|server| Some((server, servers_on.next(Use::Server)?)))
        .collect();
    let kind = lab.server.unwrap_or_default();
    let protocol = match kind {
        ServerKind::Mysql | ServerKind::TcpEcho | ServerKind::Program => Protocol::Tcp,
        ServerKind::UdpEcho => Protocol::Udp,
    };
    let backend = |server: &RealServer, given: &Given, port: u16| Backend {
        host: Node::RealServer(server.name.clone()),
        port,
        weight: server.weight,
        stands_by: server.stands_by,
        upper_threshold: server.upper_threshold,
        lower_threshold: server.lower_threshold,
        forwarding: lab.forwarding_to(server),
        tunnel: lab.tunnel_type_to(server),
        tunnel_port: gue_port(lab, server),
        address: given.other.filter(|_| crosses(server)).map(|other| other.address),
    };
    let service = Service {
        id: only_service(),
        protocol,
        address: SocketAddr::new(vip.address, kind.port()),
        balancers: directors
            .iter()
            .map(|said| Node::Director(said.name.clone()))
            .collect(),
        mark: lab.firewall_mark,
        one_packet: lab.one_packet,
        persistence: lab.persistence,
        persistence_prefix: lab.persistence_prefix,
        scheduler: lab.scheduler.clone().unwrap_or_else(|| "rr".to_owned()),
        scheduler_flags: lab.scheduler_flags.clone().unwrap_or_default(),
        backends: servers
            .iter()
            .filter(|(server, _)| server.is_in(&only_service()))
            .map(|(server, given)| backend(server, given, lab.port_of(server)))
            .collect(),
    };
    let further_services = lab.services.iter().map(|said| Service {
        id: said.name.clone(),
        address: SocketAddr::new(vip.address, said.port),
        mark: service.mark.filter(|_| said.same_mark),
        one_packet: false,
        // What has the mark is scheduled as the lab's own service is.
        persistence: if said.same_mark {
            service.persistence
        } else {
            said.persistence
        },
        persistence_prefix: service.persistence_prefix.filter(|_| said.same_mark),
        scheduler: match (said.same_mark, &said.scheduler) {
            (true, _) => service.scheduler.clone(),
            (false, own) => own.clone().unwrap_or_else(|| "rr".to_owned()),
        },
        scheduler_flags: if said.same_mark {
            service.scheduler_flags.clone()
        } else {
            Vec::new()
        },
        backends: servers
            .iter()
            .filter(|(server, _)| server.is_in(&said.name))
            .map(|(server, given)| backend(server, given, lab.port_in(said, server)))
            .collect(),
        ..service.clone()
    });
    let further_services: Vec<Service> = further_services.collect();
    let routed = lab.vip == Some(Vip::Routed);
    let to_vip = director.as_ref().filter(|_| routed).map(|director| Route {
        from: None,
        to: Some(vip),
        via: director.address.address,
    });
    // What asks again and again is a host like the client's.
    let probing = probing.map(Given::of_one_family).map(|given| {
        let runs = Process::Probes(lab.probes.clone());
        let mut parts = Parts::new(Node::Probe, Some(runs), given);
        parts.routes.extend(by(outer));
        if outer.is_none() {
            parts.routes.extend(to_vip.clone());
        }
        let sysctls = parts.sysctls(family, &[CLIENT_SYSCTLS], &[]);
        (parts, sysctls)
    });
    let client = client.map(|given| {
        let mut own = lab.client_sysctls.clone();
        own.extend(program.sysctls());
        let runs = Process::Client(program.clone());
        let mut parts = Parts::new(Node::Client, Some(runs), given);
        let addresses = &mut parts.nics.first_mut().addresses;
        further.iter().for_each(|address| addresses.push(*address));
        parts.routes.extend(by(outer));
        if outer.is_none() {
            parts.routes.extend(to_vip.clone());
        }
        let sysctls = parts.sysctls(family, &[CLIENT_SYSCTLS], &own);
        (parts, sysctls)
    });
    // It has the way to a VIP that is nobody's in the client's place.
    let router = router.map(|(inner, outer)| {
        let mut parts = Parts::new(Node::Router, None, inner.of_one_family());
        parts.nics.push(outer.nic(SECOND_INTERFACE));
        parts.routes.extend(to_vip);
        if at == ClientAt::BehindSourceNat {
            parts.commands = router::translate(INTERFACE);
        }
        let mut roles = vec![ROUTER_SYSCTLS];
        roles.extend((family == Family::Ipv6).then_some(IPV6_FORWARDING));
        let sysctls = parts.sysctls(family, &roles, &[]);
        (parts, sysctls)
    });
    // Of two directors both are set up alike. Where keepalived moves the VIP neither has it by itself.
    let moved = two && lab.keepalived.is_some();
    let keepalived = lab.keepalived.as_ref();
    let first = directors.first().map_or("", |first| first.name.as_str());
    let keepalived = keepalived.map(|said| Process::Keepalived(said.understood(kind.port(), first)));
    let control = keepalived.or_else(|| lab.ldirectord.clone().map(Process::Ldirectord));
    // The article's director has the VIP on its own interface, forwards packets, and has a table made by
    // ipvsadm.
    let balancer = |place: usize, given: Given, given_back: Option<Given>| {
        let said = directors.get(place)?;
        let has_vip = place == 0 && !routed && !moved;
        let node = Node::Director(said.name.clone());
        let mut parts = Parts::new(node, Some(Process::Ipvs), given);
        parts.further.extend(control.clone());
        if has_vip {
            parts.nics.first_mut().addresses.push(vip);
        }
        let mut behind = given_back.map(|given| given.nic(SECOND_INTERFACE));
        if let Some(gateway) = moving_gateway.filter(|_| has_vip) {
            let nic = behind.as_mut().unwrap_or_else(|| parts.nics.first_mut());
            nic.addresses.push(gateway);
        }
        if let Some(nic) = behind {
            parts.nics.push(nic);
        }
        parts.routes.extend(by(inner));
        // Answers that come in by the link by which they leave would have it send redirects
        // (net/ipv4/route.c, `__mkroute_input`), by which its servers would pass it by.
        let quiet = routed || (translates && wiring == Wiring::OneArmed);
        let mut roles = vec![DIRECTOR_SYSCTLS];
        roles.extend(quiet.then_some(NO_REDIRECTS));
        roles.extend((family == Family::Ipv6).then_some(IPV6_FORWARDING));
        let own = [lab.director_sysctls.as_slice(), said.sysctls.as_slice()].concat();
        let sysctls = parts.sysctls(families, &roles, &own);
        Some((parts, sysctls))
    };
    let director = director.and_then(|given| balancer(0, given, director_back));
    let second = second.and_then(|given| balancer(1, given, second_back));
    let servers = servers.into_iter().map(|(server, given)| {
        let server_id = FIRST_SERVER_ID + u32::from(given.index);
        let runs = Process::Server(match kind {
            ServerKind::Mysql => Server::MySql(MySql {
                server_id,
                setup: lab.mysqld.clone(),
            }),
            ServerKind::TcpEcho | ServerKind::UdpEcho => Server::Echo(Echo { server_id, protocol }),
            ServerKind::Program => Server::Program(OwnServer {
                server_id,
                program: lab.server_program.clone().unwrap_or_default(),
            }),
        });
        let own = given.address.address;
        let outer = given.other.filter(|_| crosses(server)).unwrap_or(given.address);
        let mut parts = Parts::new(Node::RealServer(server.name.clone()), Some(runs), given);
        parts.nics.first_mut().mtu = lab.server_mtu;
        // The article's real server: the VIP on `lo`, and ARP kept quiet about it.
        if wired(server, Forwarding::DirectRouting) {
            parts.loopback.push(vip);
        }
        let mut roles = vec![SERVER_SYSCTLS];
        if wired(server, Forwarding::Tunneling) {
            // With direct routing the VIP is there already.
            let addresses = if parts.loopback.is_empty() {
                vec![vip]
            } else {
                Vec::new()
            };
            parts.tunnels.push(Tunnel {
                name: TUNNEL_DEVICE.to_owned(),
                end: Some(TunnelEnd {
                    kind: lab.tunnel_type_to(server),
                    local: outer.address,
                    inner: vip.address,
                    port: gue_port(lab, server),
                }),
                addresses,
            });
            roles.extend((families == Family::Ipv6).then_some(TUNNEL_SYSCTLS));
        }
        // The director must see the answers, to translate their addresses back.
        match (wiring, wired(server, Forwarding::Masquerading)) {
            (Wiring::TwoArmed, _) => parts.routes.push(Route {
                from: None,
                to: None,
                via: gateway,
            }),
            (Wiring::OneArmed, true) => parts.routes.push(Route {
                from: Some(own),
                to: None,
                via: gateway,
            }),
            (Wiring::OneArmed, false) => {}
        }
        if wiring == Wiring::OneArmed {
            parts.routes.extend(by(inner));
        }
        let sysctls = parts.sysctls(families, &roles, &lab.server_sysctls);
        (parts, sysctls)
    });
    let directors = director.into_iter().chain(second);
    let parts = client
        .into_iter()
        .chain(probing)
        .chain(router)
        .chain(directors)
        .chain(servers);
    let mut hosts: Vec<Host> = parts.map(|(parts, sysctls)| parts.host(sysctls)).collect();
    let balancers = service.balancers.clone();
    let policy = routed.then(|| service.policy_lines());
    let mut services = OneOrMore::new(service);
    further_services
        .into_iter()
        .for_each(|further| services.push(further));
    let mut filled = fill(&services, &hosts);
    filled.extend(policy.into_iter().flatten());
    for host in hosts.iter_mut().filter(|host| balancers.contains(&host.node)) {
        host.commands.clone_from(&filled);
    }
    (segments, services, hosts)
}

/// The lines by which ipvsadm(8) fills the table of a balancer at the beginning.
fn fill(services: &OneOrMore<Service>, hosts: &[Host]) -> Vec<Vec<String>> {
    let mut lines: Vec<Vec<String>> = Vec::new();
    for line in services.iter().flat_map(Service::mark_lines) {
        // Of the rules of several there is one chain.
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    // The defaults, stated: the life of an entry decides how a hang ends. (tcp, tcp after FIN, udp; seconds)
    lines.push(words(&format!("ipvsadm --set 900 120 {UDP_TIMEOUT}")));
    for service in several::apart(services) {
        lines.extend(service.fill_lines(hosts, Backend::weight_at_first));
    }
    lines
}

/// A segment whose addresses are given to hosts.
struct Place {
    segment: Name,
    allocator: Allocator,
    family: Family,
    /// Are addresses of the other family given, too?
    both: bool,
}

impl Place {
    /// That of the lab's segment of this number.
    fn new(segments: &[Segment], number: usize, family: Family, both: bool) -> Self {
        let network = match number {
            0 => Network::First,
            _ => Network::Second,
        };
        let segment = segments.get(number);
        let segment = segment.map_or_else(only_service, |segment| segment.id.clone());
        Self::of(segment, network, family, both)
    }

    /// That of the segment of this name.
    fn of(segment: Name, network: Network, family: Family, both: bool) -> Self {
        Self {
            segment,
            allocator: Allocator::new(network),
            family,
            both,
        }
    }

    fn next(&mut self, of: Use) -> Option<Given> {
        let place = self.allocator.next(of)?;
        let (address, other) = match self.family {
            Family::Ipv4 => (place.ipv4, place.ipv6),
            Family::Ipv6 => (place.ipv6, place.ipv4),
        };
        Some(Given {
            segment: self.segment.clone(),
            address,
            other: Some(other).filter(|_| self.both),
            // What asks for a neighbour on behalf of an address that another device has, as the VIP on `lo`,
            // asks by this one (net/ipv6/ndisc.c, `ndisc_solicit`).
            link_local: Some(place.link_local).filter(|_| self.both || self.family == Family::Ipv6),
            index: place.index,
            mac: place.mac,
            port: place.port,
        })
    }
}

/// What a host gets on a segment.
struct Given {
    segment: Name,
    address: Cidr,
    /// That of the other family.
    other: Option<Cidr>,
    link_local: Option<Cidr>,
    index: u8,
    mac: Mac,
    port: String,
}

impl Given {
    /// Without what the other family needs.
    fn of_one_family(self) -> Self {
        let ipv6 = self.address.address.is_ipv6();
        Self {
            other: None,
            link_local: self.link_local.filter(|_| ipv6),
            ..self
        }
    }

    fn nic(self, name: &str) -> Nic {
        let mut addresses = OneOrMore::new(self.address);
        for further in [self.other, self.link_local].into_iter().flatten() {
            addresses.push(further);
        }
        Nic {
            name: name.to_owned(),
            segment: self.segment,
            port: self.port,
            mac: self.mac,
            addresses,
            mtu: None,
        }
    }
}

/// What makes a host.
struct Parts {
    node: Node,
    runs: Option<Process>,
    /// What else runs on it.
    further: Vec<Process>,
    nics: OneOrMore<Nic>,
    loopback: Vec<Cidr>,
    tunnels: Vec<Tunnel>,
    routes: Vec<Route>,
    commands: Vec<Vec<String>>,
}

impl Parts {
    fn new(node: Node, runs: Option<Process>, given: Given) -> Self {
        Self {
            node,
            runs,
            further: Vec::new(),
            nics: OneOrMore::new(given.nic(INTERFACE)),
            loopback: Vec::new(),
            tunnels: Vec::new(),
            routes: Vec::new(),
            commands: Vec::new(),
        }
    }

    fn sysctls(
        &self,
        family: Family,
        roles: &[&[(&str, &str)]],
        own: &[(String, String)],
    ) -> Vec<(String, String)> {
        let interfaces: Vec<&str> = self.nics.iter().map(|nic| nic.name.as_str()).collect();
        sysctls::of((family, &interfaces), roles, own)
    }

    fn host(self, sysctls: Vec<(String, String)>) -> Host {
        Host {
            node: self.node,
            ip: Host::ip_lines(&self.nics, &self.loopback, &self.tunnels, &self.routes),
            nics: self.nics,
            loopback: self.loopback,
            tunnels: self.tunnels,
            routes: self.routes,
            runs: self.runs.into_iter().chain(self.further).collect(),
            sysctls,
            commands: self.commands,
        }
    }
}

/// The scenario's lab with what the cell's values add to it.
fn lab_of(scenario: &Scenario, cell: &Cell) -> Lab {
    let chosen = scenario.axes.iter().zip(&cell.choice);
    let of_values = chosen.map(|(axis, index)| &axis.values[*index].lab);
    Lab::merged(std::iter::once(&scenario.lab).chain(of_values))
}

fn steps_of(scenario: &Scenario, cell: &Cell) -> Vec<Step> {
    let sources: Vec<_> = std::iter::once(&scenario.steps)
        .chain(
            scenario
                .axes
                .iter()
                .zip(&cell.choice)
                .map(|(axis, index)| &axis.values[*index].steps),
        )
        .collect();
    let mut steps = Vec::new();
    for phase in [Phase::Before, Phase::Change, Phase::Act] {
        for source in &sources {
            let actions = match phase {
                Phase::Before => &source.before,
                Phase::Change => &source.change,
                Phase::Act => &source.act,
            };
            steps.extend(actions.iter().map(|timed| Step::of(phase, timed.clone())));
        }
    }
    steps
}
