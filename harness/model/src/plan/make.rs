//! The short form of a lab becomes hosts, cards, segments and services.

use super::host::{Host, MySql, Nic, Process, Server};
use super::segment::{Allocated, Allocator, Cidr, LINK_DELAY, Network, Segment, Use};
use super::service::{Backend, Service};
use super::sysctls::{CLIENT_SYSCTLS, DIRECTOR_SYSCTLS, SERVER_SYSCTLS, sysctls};
use super::{INTERFACE, LabPlan, MYSQL_PORT, Step, only_segment, only_service, words};
use crate::action::Node;
use crate::base::{OneOrMore, Phase};
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
    let (segment, service, hosts) = flat(&lab, &client_of(scenario, cell));
    LabPlan {
        cell: cell.cell.clone(),
        segments: vec![segment],
        services: OneOrMore::new(service),
        hosts,
        steps: steps_of(scenario, cell),
        observe: scenario.observe,
        observe_at_most: None,
        expected: cell.expected.clone(),
    }
}

/// The article's lab: client, director and real servers on one segment, and one service.
fn flat(lab: &Lab, program: &Client) -> (Segment, Service, Vec<Host>) {
    let segment = only_segment(LINK_DELAY);
    let mut addresses = Allocator::new(Network::First);
    // The first of each use there always is; of the servers `check` has refused those that find no address.
    let vip = addresses.next(Use::Virtual);
    let vip = vip.map_or(Ipv4Addr::UNSPECIFIED.into(), |vip| vip.ipv4.address);
    let client = addresses.next(Use::Client);
    let director = addresses.next(Use::Balancer);
    let servers: Vec<(&RealServer, Allocated)> = lab
        .real_servers
        .iter()
        .map_while(|server| Some((server, addresses.next(Use::Server)?)))
        .collect();
    let service = Service {
        id: only_service(),
        protocol: Protocol::Tcp,
        address: SocketAddr::new(vip, MYSQL_PORT),
        balancers: vec![Node::Director],
        scheduler: lab.scheduler.clone(),
        backends: servers
            .iter()
            .map(|(server, _)| Backend {
                host: Node::RealServer(server.name.clone()),
                port: MYSQL_PORT,
                weight: server.weight,
                forwarding: lab.forwarding,
            })
            .collect(),
    };
    let vip = Cidr::alone(vip);
    let client = client.map(|place| {
        let mut own = lab.client_sysctls.clone();
        own.extend(program.sysctls());
        Parts {
            runs: Process::Client(program.clone()),
            vip: Vip::Nowhere,
            sysctls: sysctls(&[CLIENT_SYSCTLS], &own),
            node: Node::Client,
            place,
        }
    });
    // The article's director: the VIP on its own interface, forwarding on, the table made by ipvsadm.
    let director = director.map(|place| Parts {
        runs: Process::Ipvs,
        vip: Vip::OnCard(vip),
        sysctls: sysctls(&[DIRECTOR_SYSCTLS], &lab.director_sysctls),
        node: Node::Director,
        place,
    });
    // The article's real server: the VIP on `lo`, and ARP kept quiet about it.
    let servers = servers.into_iter().map(|(server, place)| Parts {
        runs: Process::Server(Server::MySql(MySql {
            server_id: FIRST_SERVER_ID + u32::from(place.index),
            setup: lab.mysqld.clone(),
        })),
        vip: Vip::OnLoopback(vip),
        sysctls: sysctls(&[SERVER_SYSCTLS], &lab.server_sysctls),
        node: Node::RealServer(server.name.clone()),
        place,
    });
    let parts = client.into_iter().chain(director).chain(servers);
    let mut hosts: Vec<Host> = parts.map(|parts| parts.host(&segment)).collect();
    let filled = fill(&service, &hosts);
    for host in hosts
        .iter_mut()
        .filter(|host| service.balancers.contains(&host.node))
    {
        host.commands.clone_from(&filled);
    }
    (segment, service, hosts)
}

/// The lines by which ipvsadm(8) fills the table of a balancer at the beginning.
fn fill(service: &Service, hosts: &[Host]) -> Vec<Vec<String>> {
    // The defaults, stated: the life of an entry decides how a hang ends. (tcp, tcp after FIN, udp; seconds)
    let mut lines = vec![words("ipvsadm --set 900 120 300")];
    lines.extend(service.fill_lines(hosts, |backend| Some(backend.weight)));
    lines
}

/// Where a host has the VIP.
enum Vip {
    Nowhere,
    OnCard(Cidr),
    OnLoopback(Cidr),
}

/// What makes a host with one card.
struct Parts {
    node: Node,
    place: Allocated,
    runs: Process,
    vip: Vip,
    sysctls: Vec<(String, String)>,
}

impl Parts {
    fn host(self, segment: &Segment) -> Host {
        let mut addresses = OneOrMore::new(self.place.ipv4);
        let loopback = match self.vip {
            Vip::Nowhere => Vec::new(),
            Vip::OnCard(vip) => {
                addresses.push(vip);
                Vec::new()
            }
            Vip::OnLoopback(vip) => vec![vip],
        };
        let nics = OneOrMore::new(Nic {
            name: INTERFACE.to_owned(),
            segment: segment.id.clone(),
            port: self.place.port,
            mac: self.place.mac,
            addresses,
        });
        Host {
            node: self.node,
            ip: Host::ip_lines(&nics, &loopback, &[]),
            nics,
            loopback,
            routes: Vec::new(),
            runs: vec![self.runs],
            sysctls: self.sysctls,
            commands: Vec::new(),
        }
    }
}

/// The scenario's lab with what the cell's values add to it.
fn lab_of(scenario: &Scenario, cell: &Cell) -> Lab {
    let mut lab = scenario.lab.clone();
    for (axis, index) in scenario.axes.iter().zip(&cell.choice) {
        let value = &axis.values[*index];
        lab.real_servers.extend(value.real_servers.iter().cloned());
        lab.director_sysctls
            .extend(value.director_sysctls.iter().cloned());
        lab.client_sysctls.extend(value.client_sysctls.iter().cloned());
        lab.server_sysctls.extend(value.server_sysctls.iter().cloned());
    }
    lab
}

/// What the lab and the cell's values say of the client.
fn client_of(scenario: &Scenario, cell: &Cell) -> Client {
    let of_values = scenario
        .axes
        .iter()
        .zip(&cell.choice)
        .map(|(axis, index)| &axis.values[*index].client);
    ClientChoice::merged(std::iter::once(&scenario.lab.client).chain(of_values))
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
            steps.extend(actions.iter().map(|action| Step {
                phase,
                action: action.clone(),
            }));
        }
    }
    steps
}
