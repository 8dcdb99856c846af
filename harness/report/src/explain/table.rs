//! The director's tables as ipvsadm(8) prints them, as far as rules ask.

use lvs_matrix_model::Name;
use lvs_matrix_model::ipvs::{self, Connection, Connections, Destination, Protocol, Target};
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::DirectorSnapshot;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What a snapshot says of the cell's virtual service and of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// The snapshot's number.
    pub(super) snapshot: u32,
    /// Is the virtual service there?
    pub(super) has_service: bool,
    /// Is there any virtual service?
    pub(super) has_any_service: bool,
    /// Its real servers with their weights.
    pub(super) servers: Vec<(Name, u32)>,
    connections: Vec<Entry>,
}

/// A connection entry of the cell's virtual service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry(Connection);

impl Table {
    /// Reads a snapshot; `None` if it is none that can be read.
    pub(super) fn of(plan: &LabPlan, snapshot: &DirectorSnapshot) -> Option<Self> {
        let services = ipvs::Table::listed(&snapshot.services).ok()?;
        let connections = Connections::listed(&snapshot.connections).ok()?;
        let service = SocketAddr::new(plan.vip, plan.port);
        let own = services.service(Protocol::Tcp, service);
        let server = |destination: &Destination| {
            let (name, _) = plan
                .real_servers()
                .find(|(_, host)| SocketAddr::new(host.address, plan.port) == destination.address)?;
            Some((name.clone(), destination.weight))
        };
        let of_service = |entry: &Connection| entry.service == Target::Socket(service);
        Some(Self {
            snapshot: snapshot.number,
            has_service: own.is_some(),
            has_any_service: !services.services.is_empty(),
            servers: own
                .into_iter()
                .flat_map(|service| service.destinations.iter().filter_map(server))
                .collect(),
            connections: connections.entries.into_iter().filter(of_service).map(Entry).collect(),
        })
    }

    /// The weight of a real server; `None` if it is not in the table.
    pub(super) fn weight(&self, server: &Name) -> Option<u32> {
        self.servers
            .iter()
            .find(|(name, _)| name == server)
            .map(|(_, weight)| *weight)
    }

    /// The entry of the connection from this address and port to this server.
    pub(super) fn entry(&self, plan: &LabPlan, from: (IpAddr, u16), server: &Name) -> Option<&Entry> {
        let (_, host) = plan.real_servers().find(|(name, _)| *name == server)?;
        let destination = SocketAddr::new(host.address, plan.port);
        self.entry_from(from)
            .filter(|Entry(entry)| entry.destination == destination)
    }

    /// The entry of the connection from this address and port, whichever its server.
    pub(super) fn entry_from(&self, from: (IpAddr, u16)) -> Option<&Entry> {
        let client = SocketAddr::from(from);
        self.connections.iter().find(|Entry(entry)| entry.client == client)
    }

    /// Is there any entry for the connection from this address and port?
    pub(super) fn has_entry(&self, from: (IpAddr, u16)) -> bool {
        self.entry_from(from).is_some()
    }
}

impl Entry {
    /// Its state by the kernel's name: `ESTABLISHED`.
    pub(super) fn state(&self) -> &str {
        &self.0.state
    }

    /// How long it has left, as ipvsadm prints it: `14:59`.
    pub(super) fn expires(&self) -> String {
        self.0.expires_listed()
    }

    /// The real server that it leads to.
    pub(super) fn server<'a>(&self, plan: &'a LabPlan) -> Option<&'a Name> {
        let (name, _) = plan
            .real_servers()
            .find(|(_, host)| SocketAddr::new(host.address, plan.port) == self.0.destination)?;
        Some(name)
    }

    /// How long it has left.
    pub(super) fn left(&self) -> Duration {
        self.0.expires
    }
}
