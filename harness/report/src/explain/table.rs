//! The director's tables as ipvsadm(8) prints them, as far as rules ask.

use lvs_matrix_model::Name;
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

/// A line of `ipvsadm -Lnc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    source: String,
    /// `ESTABLISHED`.
    pub(super) state: String,
    /// `14:59`.
    pub(super) expires: String,
    destination: String,
}

impl Table {
    /// Reads a snapshot.
    pub(super) fn of(plan: &LabPlan, snapshot: &DirectorSnapshot) -> Self {
        let service = socket(plan.vip, plan.port);
        let mut ours = false;
        let (mut has_service, mut has_any_service, mut servers) = (false, false, Vec::new());
        for line in snapshot.services.lines() {
            match line.split_whitespace().collect::<Vec<_>>().as_slice() {
                ["TCP", address, ..] => {
                    ours = *address == service;
                    has_service |= ours;
                    has_any_service = true;
                }
                ["->", address, _, weight, ..] if ours => {
                    let server = plan
                        .real_servers()
                        .find(|(_, host)| socket(host.address, plan.port) == *address);
                    if let (Some((name, _)), Ok(weight)) = (server, weight.parse()) {
                        servers.push((name.clone(), weight));
                    }
                }
                // Another service's heading.
                ["UDP" | "SCTP" | "FWM", ..] => {
                    ours = false;
                    has_any_service = true;
                }
                _ => {}
            }
        }
        let entry = |line: &str| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["TCP", expires, state, source, virtual_service, destination, ..] if *virtual_service == service => {
                Some(Entry {
                    source: (*source).to_owned(),
                    state: (*state).to_owned(),
                    expires: (*expires).to_owned(),
                    destination: (*destination).to_owned(),
                })
            }
            _ => None,
        };
        Self {
            snapshot: snapshot.number,
            has_service,
            has_any_service,
            servers,
            connections: snapshot.connections.lines().filter_map(entry).collect(),
        }
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
        let (source, destination) = (socket(from.0, from.1), socket(host.address, plan.port));
        self.connections
            .iter()
            .find(|entry| entry.source == source && entry.destination == destination)
    }

    /// The entry of the connection from this address and port, whichever its server.
    pub(super) fn entry_from(&self, from: (IpAddr, u16)) -> Option<&Entry> {
        let source = socket(from.0, from.1);
        self.connections.iter().find(|entry| entry.source == source)
    }

    /// Is there any entry for the connection from this address and port?
    pub(super) fn has_entry(&self, from: (IpAddr, u16)) -> bool {
        self.entry_from(from).is_some()
    }
}

impl Entry {
    /// The real server that it leads to.
    pub(super) fn server<'a>(&self, plan: &'a LabPlan) -> Option<&'a Name> {
        let (name, _) = plan
            .real_servers()
            .find(|(_, host)| socket(host.address, plan.port) == self.destination)?;
        Some(name)
    }

    /// How long it has left: `01:30` is a minute and a half.
    pub(super) fn left(&self) -> Option<Duration> {
        let (minutes, seconds) = self.expires.split_once(':')?;
        let minutes: u64 = minutes.parse().ok()?;
        Some(Duration::from_secs(
            minutes.checked_mul(60)?.checked_add(seconds.parse().ok()?)?,
        ))
    }
}

/// `192.0.2.100:3306`, `[2001:db8::1]:3306`: as ipvsadm prints it with `-n`.
fn socket(address: IpAddr, port: u16) -> String {
    SocketAddr::new(address, port).to_string()
}
