//! Plans as they are read: those of this version, and those of records from before, whose lab had one client,
//! one director, one link and one virtual service as fields of the plan.

use super::host::{Host, MySql, Nic, Process, Route, Server, Tunnel};
use super::misbuilt::Misbuilt;
use super::segment::{Cidr, Mac, Segment};
use super::service::{Backend, Service};
use super::{INTERFACE, LabPlan, Step, only_segment, only_service};
use crate::action::Node;
use crate::base::{CellRef, DEFAULT_WEIGHT, Forwarding, OneOrMore};
use crate::client::Client;
use crate::mysqld::MysqldSetup;
use crate::scenario::{Expected, Observe};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The prefix of the one segment that labs had.
const PREFIX: u8 = 24;

/// What one cell is to do. A plan has either `segments` and `services`, or the fields of the plans from
/// before: `vip`, `port`, `scheduler`, `forwarding`, `link-delay`, `client` and `mysqld`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct Written {
    /// Which cell.
    cell: CellRef,
    /// The links between the hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<Segment>>,
    /// The virtual services; the first one is that of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    services: Option<OneOrMore<Service>>,
    /// Sysctls of every host, before its own: (key, value).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sysctls: Vec<(String, String)>,
    /// Client, router if there is one, director, then the real servers.
    hosts: Vec<WrittenHost>,
    /// What is built wrong on purpose, once the lab has been shown to be ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    misbuilt: Vec<Misbuilt>,
    /// The time line.
    steps: Vec<Step>,
    /// How the outcome is watched.
    observe: Observe,
    /// The run's own limit to that, for a place where watching takes real time; without it the scenario's
    /// `until` stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observe_at_most: Option<Duration>,
    /// What the scenario expects.
    expected: Expected,
    #[serde(flatten)]
    before: Before,
}

/// What plans had that know neither segments nor services.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct Before {
    /// Before: the virtual service's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vip: Option<IpAddr>,
    /// Before: the virtual service's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    /// Before: the scheduler's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scheduler: Option<String>,
    /// Before: the forwarding method of every real server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forwarding: Option<Forwarding>,
    /// Before: how long every frame takes from the bridge to a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link_delay: Option<Duration>,
    /// Before: the client program and its settings.
    #[serde(default, skip_serializing_if = "Client::is_default")]
    client: Client,
    /// Before: how every mysqld is set up.
    #[serde(default, skip_serializing_if = "MysqldSetup::is_default")]
    mysqld: MysqldSetup,
}

/// A host of the lab: a network namespace. It has `nics`, or in plans from before one card with `port`, `mac`
/// and `address`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct WrittenHost {
    /// By what it is known to steps and records.
    node: Node,
    /// Its network cards. The first one has the host's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nics: Option<OneOrMore<Nic>>,
    /// The addresses of its loopback device beside 127.0.0.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    loopback: Vec<Cidr>,
    /// The tunnels that end on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tunnels: Vec<Tunnel>,
    /// Its routes beside those to its own segments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    routes: Vec<Route>,
    /// What runs on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    runs: Vec<Process>,
    /// Command lines of ip(8) without the `ip`, run in the namespace in one batch.
    ip: Vec<String>,
    /// Sysctls of the namespace: (key, value).
    sysctls: Vec<(String, String)>,
    /// Command lines run in the namespace after that.
    commands: Vec<Vec<String>>,
    /// Before: the name of the bridge port that its interface is plugged into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<String>,
    /// Before: the Ethernet address of its interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac: Option<Mac>,
    /// Before: the address of its interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    /// Before: for a real server its mysqld's `server_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server_id: Option<u32>,
}

impl JsonSchema for LabPlan {
    fn schema_name() -> Cow<'static, str> {
        "LabPlan".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::json_schema(generator)
    }
}

impl<'de> Deserialize<'de> for LabPlan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let common = written.sysctls;
        let (segments, services, hosts) = match (written.segments, written.services) {
            (Some(segments), Some(services)) => {
                let hosts = written.hosts.into_iter().map(|host| host.present(&common));
                let hosts: Result<_, _> = hosts.collect();
                (segments, services, hosts.map_err(D::Error::missing_field)?)
            }
            (_, _) => written
                .before
                .lab(written.hosts)
                .map_err(D::Error::missing_field)?,
        };
        Ok(Self {
            cell: written.cell,
            segments,
            services,
            hosts,
            misbuilt: written.misbuilt,
            steps: written.steps,
            observe: written.observe,
            observe_at_most: written.observe_at_most,
            expected: written.expected,
        })
    }
}

type Lab = (Vec<Segment>, OneOrMore<Service>, Vec<Host>);

impl Before {
    /// The lab that it is; or the field that is missing.
    fn lab(self, hosts: Vec<WrittenHost>) -> Result<Lab, &'static str> {
        let vip = self.vip.ok_or("vip")?;
        let port = self.port.ok_or("port")?;
        let forwarding = self.forwarding.ok_or("forwarding")?;
        let segment = only_segment(self.link_delay.ok_or("link-delay")?);
        let director = hosts.iter().find(|host| host.node.is_director());
        let filled = director.map_or_else(Vec::new, |director| director.commands.clone());
        let hosts: Result<Vec<Host>, _> = hosts
            .into_iter()
            .map(|host| host.of_before(&segment, vip, &self.client, &self.mysqld))
            .collect();
        let hosts = hosts?;
        let servers = hosts.iter().filter(|host| host.node.real_server().is_some());
        let backend = |host: &Host| {
            let weight = weight(&filled, SocketAddr::new(host.address(), port));
            Backend::plain(host.node.clone(), port, weight, forwarding)
        };
        let backends = servers.map(backend).collect();
        let scheduler = self.scheduler.ok_or("scheduler")?;
        let service = Service::plain(only_service(), SocketAddr::new(vip, port), scheduler, backends);
        Ok((vec![segment], OneOrMore::new(service), hosts))
    }
}

/// The weight with which the director's command lines add a real server.
fn weight(commands: &[Vec<String>], destination: SocketAddr) -> u16 {
    let destination = destination.to_string();
    let adds = |argv: &&Vec<String>| argv.iter().any(|word| word == "-a") && argv.contains(&destination);
    let line = commands.iter().find(adds);
    line.and_then(|argv| argv.last()?.parse().ok())
        .unwrap_or(DEFAULT_WEIGHT)
}

impl WrittenHost {
    /// A host of this version, whose sysctls begin with those of every host; or the field that is missing.
    fn present(self, common: &[(String, String)]) -> Result<Host, &'static str> {
        Ok(Host {
            node: self.node,
            nics: self.nics.ok_or("nics")?,
            loopback: self.loopback,
            tunnels: self.tunnels,
            routes: self.routes,
            runs: self.runs,
            ip: self.ip,
            sysctls: [common, self.sysctls.as_slice()].concat(),
            commands: self.commands,
        })
    }

    /// A host of a lab from before: what it ran, and where it had the VIP, followed from what it was.
    fn of_before(
        self,
        segment: &Segment,
        vip: IpAddr,
        client: &Client,
        mysqld: &MysqldSetup,
    ) -> Result<Host, &'static str> {
        let own = Cidr {
            address: self.address.ok_or("address")?,
            prefix: PREFIX,
        };
        let mut addresses = OneOrMore::new(own);
        let vip = Cidr::alone(vip);
        let (runs, loopback) = match self.node {
            Node::Client => (vec![Process::Client(client.clone())], Vec::new()),
            Node::Director(_) => {
                addresses.push(vip);
                (vec![Process::Ipvs], Vec::new())
            }
            // Labs of before had none.
            Node::Router | Node::Probe => (Vec::new(), Vec::new()),
            Node::RealServer(_) => {
                let mysqld = self.server_id.map(|server_id| {
                    Process::Server(Server::MySql(MySql {
                        server_id,
                        setup: mysqld.clone(),
                    }))
                });
                (mysqld.into_iter().collect(), vec![vip])
            }
        };
        Ok(Host {
            node: self.node,
            nics: OneOrMore::new(Nic {
                name: INTERFACE.to_owned(),
                segment: segment.id.clone(),
                port: self.port.ok_or("port")?,
                mac: self.mac.ok_or("mac")?,
                addresses,
                mtu: None,
            }),
            loopback,
            tunnels: Vec::new(),
            routes: Vec::new(),
            runs,
            ip: self.ip,
            sysctls: self.sysctls,
            commands: self.commands,
        })
    }
}
