//! The director's tables as ipvsadm(8) prints them, as far as rules ask.

use lvs_matrix_model::action::TableAction;
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::ipvs::{self, Connection, Connections, Destination, Listen, Target};
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::DirectorSnapshot;
use lvs_matrix_model::verdict::Citation;
use lvs_matrix_model::{Name, lab};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What a snapshot says of the cell's virtual service and of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// The snapshot's number.
    pub(super) snapshot: u32,
    /// When it was taken.
    pub(super) at: Instant,
    /// The virtual service with its real servers, and other services.
    held: lab::Table,
    /// The steps that changed it since the snapshot; each was looked up in the kernel's own table when it was
    /// done.
    steps: Vec<u32>,
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
        let service = plan.service().address;
        let own = services.service(plan.service().listen());
        let server = |destination: &Destination| {
            let (name, _) = plan
                .real_servers()
                .find(|(_, host)| plan.listed(host) == destination.address)?;
            // No step gives a weight that is larger.
            let weight = u16::try_from(destination.weight).unwrap_or(u16::MAX);
            Some((name.clone(), weight))
        };
        let others = services.services.iter().filter(|service| Some(*service) != own);
        let port = |service: &ipvs::Service| match service.listen {
            Listen::Socket { address, .. } => Some(address.port()),
            // No step adds one.
            Listen::Mark { .. } => None,
        };
        let held = lab::Table {
            service: own.is_some(),
            servers: own
                .into_iter()
                .flat_map(|service| service.destinations.iter().filter_map(server))
                .collect(),
            others: others.filter_map(port).collect(),
            ..lab::Table::default()
        };
        let mark = plan.service().mark;
        let of_service = |entry: &Connection| match entry.service {
            Target::Socket(of) => of == service,
            Target::Mark(of) => Some(of) == mark,
        };
        Some(Self {
            snapshot: snapshot.number,
            at: snapshot.at,
            held,
            steps: Vec::new(),
            connections: connections
                .entries
                .into_iter()
                .filter(of_service)
                .map(Entry)
                .collect(),
        })
    }

    /// What a step of the time line made of it. `saved` is what `save-table` had saved. `None` if that does
    /// not tell what it is now.
    pub(super) fn after(mut self, step: u32, edit: &TableAction, saved: Option<&Self>) -> Option<Self> {
        let saved = saved.map(|saved| &saved.held);
        if self.held.conflict(edit, saved).is_some() {
            return None;
        }
        self.held.edit(edit, saved);
        self.steps.push(step);
        Some(self)
    }

    /// Is the cell's own virtual service there?
    pub(super) fn has_service(&self) -> bool {
        self.held.service
    }

    /// Is there any virtual service?
    pub(super) fn has_any_service(&self) -> bool {
        !self.held.is_empty()
    }

    /// The real servers of the cell's virtual service, each with its weight.
    pub(super) fn servers(&self) -> impl Iterator<Item = (&Name, u16)> {
        self.held.servers.iter().map(|(name, weight)| (name, *weight))
    }

    /// What shows it.
    pub(super) fn shown_by(&self) -> Vec<Citation> {
        let snapshot = std::iter::once(Citation::Snapshot(self.snapshot));
        snapshot
            .chain(self.steps.iter().copied().map(Citation::Step))
            .collect()
    }

    /// The weight of a real server; `None` if it is not in the table.
    pub(super) fn weight(&self, server: &Name) -> Option<u16> {
        self.held.servers.get(server).copied()
    }

    /// The entry of the connection from this address and port to this server.
    pub(super) fn entry(&self, plan: &LabPlan, from: (IpAddr, u16), server: &Name) -> Option<&Entry> {
        let (_, host) = plan.real_servers().find(|(name, _)| *name == server)?;
        let destination = plan.destination(host);
        self.entry_from(from)
            .filter(|Entry(entry)| entry.destination == destination)
    }

    /// The entry of the connection from this address and port, whichever its server.
    pub(super) fn entry_from(&self, from: (IpAddr, u16)) -> Option<&Entry> {
        let client = SocketAddr::from(from);
        self.connections
            .iter()
            .find(|Entry(entry)| entry.client == client)
    }

    /// The template of persistence of the client with this address. It has no port
    /// (net/netfilter/ipvs/ip_vs_core.c, `ip_vs_sched_persist`).
    pub(super) fn template(&self, plan: &LabPlan, client: IpAddr) -> Option<&Entry> {
        self.entry_from((plan.service().persistent_client(client), 0))
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
            .find(|(_, host)| [plan.destination(host), plan.listed(host)].contains(&self.0.destination))?;
        Some(name)
    }

    /// How long it has left.
    pub(super) fn left(&self) -> Duration {
        self.0.expires
    }
}
