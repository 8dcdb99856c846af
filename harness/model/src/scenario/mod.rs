//! A scenario as believed: every name in it exists, every number is in range, every cell is covered by one
//! expectation.
//!
//! ```text
//! YAML text --yaml--> nodes with places --syntax--> the file as typed --check--> Scenario
//!                                                                   or every mistake at once
//! ```

mod check;
mod explore;
mod include;
mod kind;
mod load;
mod mistake;
mod place;
mod read;
mod reference;
mod render;
mod scalar;
mod schema;
mod schema_parts;
mod source;
mod syntax;
mod table;
mod text;
mod written;
mod yaml;

pub use crate::base::{ClientAt, Family, Forwarding, Misbuild, ServerKind, TunnelType, Vip, Wiring};
pub use check::MAX_CELLS;
pub use explore::{ErrorsOf, Explore, Never};
pub use include::Files;
pub use load::{load, load_bytes, load_for, load_with};
pub use mistake::{Mistake, MistakeKind, Severity, closest};
pub use place::{Position, Span};
pub use reference::reference;
pub use render::{Style, render};
pub use schema::schema;
pub use source::{NotAUrl, Source, Url};
pub use text::MAX_BYTES;
pub use written::{difference, settings, written, written_step};

/// What a run's kernels are called beside the axes of a scenario. No axis has this name.
pub const KERNEL: &str = "kernel";

use crate::Name;
use crate::action::Timed;
use crate::base::{CellRef, Line, Lines};
use crate::client::ClientChoice;
use crate::keepalived::Keepalived;
use crate::mysqld::MysqldSetup;
use crate::probe::Probe;
use crate::serving::ServerProgram;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A checked scenario. Made only by the loader, from YAML text.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The scenario's name; the first part of its cells' ids.
    pub name: Name,
    /// The claim in a sentence or two, as the author wrote it.
    pub claim: String,
    /// The claim in Simplified Chinese, if its author gives it.
    pub claim_zh: Option<String>,
    /// The incident that it reproduces, if its author names one.
    pub source: Option<Source>,
    /// The lab that every cell begins with, before its values change it.
    pub lab: Lab,
    /// The axes in the order of the file.
    pub axes: Vec<Axis>,
    /// Steps that every cell has, beside those of its values.
    pub steps: Phases,
    /// How long silence is borne and how long it is watched.
    pub observe: Observe,
    /// What is expected of which cells, in the order of the file.
    pub expectations: Vec<Expectation>,
    /// Do its operations fail, or take longer than patience, even where nothing is changed?
    pub fails_without_change: bool,
    /// What is searched, if it is more than these cells.
    pub explore: Option<Explore>,
    /// What its author should look at, though the file is accepted.
    pub warnings: Vec<Mistake>,
}

/// What a scenario says of the lab, or what a value of an axis adds to that.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lab {
    /// The forwarding method of every real server that has none of its own. Default: direct routing.
    pub forwarding: Option<Forwarding>,
    /// How tunneling puts packets into others, for every real server that says nothing else. Default: IP in
    /// IP.
    pub tunnel_type: Option<TunnelType>,
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
    /// How many directors there are. Default: one.
    #[serde(default)]
    pub directors: Option<u8>,
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

impl Lab {
    /// The lab of which `parts` speak, one after the other: where two speak of the same, the later one's word
    /// counts; real servers, statements and sysctls are added.
    #[must_use]
    pub fn merged<'l>(parts: impl IntoIterator<Item = &'l Self>) -> Self {
        parts.into_iter().fold(Self::default(), |lab, part| {
            let added = |own: Vec<_>, more: &[_]| own.into_iter().chain(more.iter().cloned()).collect();
            Self {
                forwarding: part.forwarding.or(lab.forwarding),
                tunnel_type: part.tunnel_type.or(lab.tunnel_type),
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
                directors: part.directors.or(lab.directors),
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

/// An axis: something that is varied.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Its name.
    pub name: Name,
    /// Its values, at least one, in the order of the file.
    pub values: Vec<Value>,
}

/// A value of an axis: what it adds to a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Its name.
    pub name: Name,
    /// What it says of the lab.
    pub lab: Lab,
    /// Steps that it adds to the phases.
    pub steps: Phases,
}

/// Steps by phase. Within a phase the scenario's own steps come first, then those of each axis in the file's
/// order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Phases {
    /// Before the change: the client connects, starts its statement, grows old.
    pub before: Vec<Timed>,
    /// The change: what the operator or fate does.
    pub change: Vec<Timed>,
    /// After it: what the client does then. The last operation of the client here is the one that is
    /// classified.
    pub act: Vec<Timed>,
}

impl Phases {
    /// Steps of the three phases.
    #[must_use]
    pub fn of<T: Into<Timed>>(before: Vec<T>, change: Vec<T>, act: Vec<T>) -> Self {
        let timed = |steps: Vec<T>| steps.into_iter().map(T::into).collect();
        Self {
            before: timed(before),
            change: timed(change),
            act: timed(act),
        }
    }
}

/// How the outcome is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Observe {
    /// An answer or an error within this time is fast; silence beyond it is a hang.
    pub patience: Duration,
    /// How long the cell is watched, from the beginning of its `act` phase, to see how a silence ends.
    pub until: Duration,
    /// Which operation is classified.
    #[serde(default, skip_serializing_if = "Judged::is_default")]
    pub judge: Judged,
}

/// Which of the client's operations in `act` is classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    /// The last one that was reached.
    #[default]
    Last,
    /// The one that fared worst.
    Worst,
}

impl Judged {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde's skip_serializing_if passes a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One expectation of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// Which cells: for each axis named here, the values that match; an axis that is not named matches with
    /// any value.
    pub when: Vec<(Name, Vec<Name>)>,
    /// On which kernels: those of the lines of one of these; none: on any.
    pub kernels: Vec<Lines>,
    /// What is expected of them.
    pub expected: Expected,
    /// Where it stands in the file.
    pub position: Position,
}

impl Expectation {
    /// Does it speak of this cell on a kernel of this line?
    #[must_use]
    pub fn covers(&self, cell: &CellRef, line: Line) -> bool {
        matches(&self.when, cell) && holds(&self.kernels, line)
    }
}

/// Does an expectation with this [`when`](Expectation::when) speak of the cell?
#[must_use]
pub fn matches(when: &[(Name, Vec<Name>)], cell: &CellRef) -> bool {
    when.iter().all(|(axis, values)| {
        cell.value(axis.as_str())
            .is_some_and(|value| values.contains(value))
    })
}

/// Is the line among these? Every line is, if none is named.
#[must_use]
pub fn holds(kernels: &[Lines], line: Line) -> bool {
    kernels.is_empty() || kernels.iter().any(|lines| lines.has(line))
}

/// What is expected of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// Nothing: the cell is run, classified and shown, not held against anything.
    ObserveOnly,
    /// This behaviour, and whatever else is stated.
    Behaviour(ExpectedBehaviour),
}

/// The name of a behaviour, as scenarios and reports write it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum BehaviourName {
    /// The operation succeeded within patience.
    Answered,
    /// The operation failed with an error within patience.
    FailedFast,
    /// Silence beyond patience.
    Hung,
}

impl BehaviourName {
    /// The name as written: `answered`, `failed-fast`, `hung`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::FailedFast => "failed-fast",
            Self::Hung => "hung",
        }
    }
}

/// A behaviour with details; a detail that is not stated is not held against anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ExpectedBehaviour {
    /// Which behaviour.
    pub behaviour: BehaviourName,
    /// The classic client code of the error: 2002, 2003, 2006 or 2013 (whatever the way to it); or the
    /// server's own number.
    pub error: Option<u16>,
    /// The error's errno as Linux numbers it (111 = ECONNREFUSED).
    pub errno: Option<u16>,
    /// How a hang must end. Only with `hung`.
    pub ends: Option<HangEndName>,
    /// The operation lasts at least this long.
    pub at_least: Option<Duration>,
    /// The operation lasts at most this long.
    pub at_most: Option<Duration>,
    /// One of these real servers serves the connection of the operation; empty if nothing is said of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub served_by: Vec<Name>,
    /// How the clients of `connect-each` are spread over the real servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<ExpectedSpread>,
    /// What the probes live through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage: Option<ExpectedOutage>,
}

/// What probes are to live through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ExpectedOutage {
    /// What each of them is to live through.
    #[serde(flatten)]
    pub each: OutageBounds,
    /// What single ones are to live through, besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<(Name, OutageBounds)>,
}

/// What a probe is to live through; what is not stated is not held against anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OutageBounds {
    /// Its longest outage lasts at least this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Duration>,
    /// Its longest outage lasts at most this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Duration>,
    /// At most so many attempts get no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u32>,
}

/// How clients are to be spread over the real servers; what is not stated is not held against anything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ExpectedSpread {
    /// How many reach another real server than before, though theirs has stayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Range>,
    /// How many get an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Range>,
    /// How many are served by these real servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub served: Vec<(Name, Range)>,
}

/// A number of clients, from the least to the most. Written `12`, or `8-14`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Range {
    /// The least.
    pub least: u8,
    /// The most.
    pub most: u8,
}

impl Range {
    /// Is this number within?
    #[must_use]
    pub fn holds(self, number: usize) -> bool {
        (usize::from(self.least)..=usize::from(self.most)).contains(&number)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { least, most } if least == most => write!(f, "{least}"),
            Self { least, most } => write!(f, "{least}-{most}"),
        }
    }
}

/// How a hang ends, as scenarios and reports write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HangEndName {
    /// The operation succeeded after all.
    Answer,
    /// The operation failed after all.
    Error,
    /// It had not ended when the observation did.
    None,
}
