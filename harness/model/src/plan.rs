//! The plan of a cell: hosts, addresses, sysctls, command lines and steps. Still data: print it, diff it.

mod alone;
mod commands;

pub use crate::base::{MAX_REAL_SERVERS, MYSQL_PORT, Phase};
pub use commands::{FIREWALL, NETEM_LIMIT, PlacedLine};

use crate::Name;
use crate::action::{Action, Node};
use crate::client::{Client, ClientChoice};
use crate::lab::State;
use crate::matrix::{Cell, CellRef};
use crate::mysqld::MysqldSetup;
use crate::scenario::{Expected, Forwarding, Lab, Observe, RealServer, Scenario};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// The interface of every host on the shared link.
pub const INTERFACE: &str = "eth0";
/// The account that the client logs in with; made in every real server at its start.
pub const CLIENT_USER: &str = "app";
/// That account's password. The lab is reachable from nowhere.
pub const CLIENT_PASSWORD: &str = "lvs-matrix";
/// The EtherType of sentinel frames: IEEE Std 802, local experimental EtherType 1.
pub const SENTINEL_ETHERTYPE: u16 = 0x88B5;

// 192.0.2.0/24 is TEST-NET-1 (RFC 5737): it is nobody's, and the lab's link reaches nowhere anyway.
const PREFIX: u8 = 24;
const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const DIRECTOR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 20);
const FIRST_REAL_SERVER: u8 = 31;
const FIRST_SERVER_ID: u32 = 101;

/// How long every frame takes from the bridge to a host. Under virtual time an undelayed frame arrives at the
/// moment it was sent, and a trace of several interfaces could not show which packet caused which; on a real
/// link it takes about this long.
const LINK_DELAY: Duration = Duration::from_micros(100);

/// An Ethernet address, written `02:6c:76:00:00:0a`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

/// The text is not an Ethernet address.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an Ethernet address such as 02:6c:76:00:00:0a")]
pub struct NotAMac(String);

impl TryFrom<String> for Mac {
    type Error = NotAMac;
    fn try_from(text: String) -> Result<Self, NotAMac> {
        let bytes: Option<Vec<u8>> = text
            .split(':')
            .map(|part| u8::from_str_radix(part, 16).ok())
            .collect();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(NotAMac(text))
    }
}

/// A step of the time line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Step {
    /// When.
    pub phase: Phase,
    /// What.
    pub action: Action,
}

/// What one cell is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LabPlan {
    /// Which cell.
    pub cell: CellRef,
    /// The virtual service's address.
    pub vip: IpAddr,
    /// The virtual service's port.
    pub port: u16,
    /// The scheduler's name.
    pub scheduler: String,
    /// The forwarding method.
    pub forwarding: Forwarding,
    /// How long every frame takes from the bridge to a host.
    pub link_delay: Duration,
    /// The client program and its settings; left out if it is the driver mysql_async, unset.
    #[serde(default, skip_serializing_if = "Client::is_default")]
    pub client: Client,
    /// How every mysqld is set up; left out if nothing is said of it.
    #[serde(default, skip_serializing_if = "MysqldSetup::is_default")]
    pub mysqld: MysqldSetup,
    /// Client, director, then the real servers.
    pub hosts: Vec<Host>,
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

/// A host of the lab: a network namespace with one interface on the shared link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Host {
    /// Which one.
    pub node: Node,
    /// The name of the bridge port that its interface is plugged into, in the link's own namespace.
    pub port: String,
    /// The Ethernet address of its interface.
    pub mac: Mac,
    /// The address of its interface.
    pub address: IpAddr,
    /// Command lines of ip(8) without the `ip`, run in the namespace in one batch.
    pub ip: Vec<String>,
    /// Sysctls of the namespace: (key, value). Everything that a result relies on is here; nothing is
    /// inherited.
    pub sysctls: Vec<(String, String)>,
    /// Command lines run in the namespace after that.
    pub commands: Vec<Vec<String>>,
    /// For a real server: its mysqld's `server_id`.
    pub server_id: Option<u32>,
}

impl LabPlan {
    /// The host that is `node`.
    #[must_use]
    pub fn host(&self, node: &Node) -> Option<&Host> {
        self.hosts.iter().find(|host| &host.node == node)
    }

    /// The host with this Ethernet address.
    #[must_use]
    pub fn host_by_mac(&self, mac: Mac) -> Option<&Host> {
        self.hosts.iter().find(|host| host.mac == mac)
    }

    /// The real servers in their order, each with its name.
    pub fn real_servers(&self) -> impl Iterator<Item = (&Name, &Host)> {
        self.hosts.iter().filter_map(|host| match &host.node {
            Node::RealServer(name) => Some((name, host)),
            Node::Client | Node::Director => None,
        })
    }

    /// The lab before the first step. The plan does not say in data what is in the director's table.
    #[must_use]
    pub fn state(&self) -> State<'_> {
        let state = State::new(self.real_servers().map(|(name, _)| name));
        let hosts = self.hosts.iter();
        hosts.fold(state, |state, host| state.with_sysctls(&host.node, &host.sysctls))
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

    /// The time that the steps themselves take by the clock: waits, and what a healthy server needs for the
    /// statements.
    #[must_use]
    pub fn own_time(&self) -> Duration {
        let own = |step: &Step| step.action.own_time();
        self.steps
            .iter()
            .map(own)
            .fold(Duration::ZERO, Duration::saturating_add)
    }

    /// `192.0.2.100:3306`.
    #[must_use]
    pub fn service(&self) -> String {
        format!("{}:{}", self.vip, self.port)
    }
}

/// What `cell` of `scenario` is to do. The cell must come from [`crate::matrix::cells`] of the same scenario.
#[must_use]
pub fn plan(scenario: &Scenario, cell: &Cell) -> LabPlan {
    let lab = lab_of(scenario, cell);
    let the_client = client_of(scenario, cell);
    let mut plan = LabPlan {
        cell: cell.cell.clone(),
        vip: IpAddr::V4(VIP),
        port: MYSQL_PORT,
        scheduler: lab.scheduler.clone(),
        forwarding: lab.forwarding,
        link_delay: LINK_DELAY,
        client: the_client,
        mysqld: lab.mysqld.clone(),
        hosts: Vec::new(),
        steps: steps_of(scenario, cell),
        observe: scenario.observe,
        observe_at_most: None,
        expected: cell.expected.clone(),
    };
    plan.hosts.push(client(&lab, &plan.client));
    plan.hosts.push(director(&lab, &plan));
    plan.hosts.extend(
        lab.real_servers
            .iter()
            .enumerate()
            .map(|(index, server)| real_server(&lab, index, server)),
    );
    plan
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

fn client(lab: &Lab, client: &Client) -> Host {
    let mut own = lab.client_sysctls.clone();
    own.extend(client.sysctls());
    Host {
        node: Node::Client,
        port: port(10),
        mac: mac(10),
        address: IpAddr::V4(CLIENT),
        ip: interface(CLIENT),
        sysctls: sysctls(&[CLIENT_SYSCTLS], &own),
        commands: Vec::new(),
        server_id: None,
    }
}

/// The article's director: the VIP on its own interface, forwarding on, the table made by ipvsadm.
fn director(lab: &Lab, plan: &LabPlan) -> Host {
    let mut ip = interface(DIRECTOR);
    ip.push(format!("addr add {VIP}/32 dev {INTERFACE}"));
    let mut commands = vec![
        // The defaults, stated: the life of an entry decides how a hang ends. (tcp, tcp after FIN, udp;
        // seconds)
        words("ipvsadm --set 900 120 300"),
        words(&format!("ipvsadm -A -t {} -s {}", plan.service(), lab.scheduler)),
    ];
    commands.extend((0..).zip(&lab.real_servers).map(|(index, server)| {
        let destination = format!("{}:{}", real_server_address(index), plan.port);
        words(&plan.add_line(&destination, server.weight))
    }));
    Host {
        node: Node::Director,
        port: port(20),
        mac: mac(20),
        address: IpAddr::V4(DIRECTOR),
        ip,
        sysctls: sysctls(&[DIRECTOR_SYSCTLS], &lab.director_sysctls),
        commands,
        server_id: None,
    }
}

/// The article's real server: the VIP on `lo`, and ARP kept quiet about it.
fn real_server(lab: &Lab, index: usize, server: &RealServer) -> Host {
    let index = u8::try_from(index).unwrap_or(u8::MAX);
    let address = real_server_address(index);
    let mut ip = interface(address);
    ip.push(format!("addr add {VIP}/32 dev lo"));
    Host {
        node: Node::RealServer(server.name.clone()),
        port: port(FIRST_REAL_SERVER.saturating_add(index)),
        mac: mac(FIRST_REAL_SERVER.saturating_add(index)),
        address: IpAddr::V4(address),
        ip,
        sysctls: sysctls(&[SERVER_SYSCTLS], &lab.server_sysctls),
        commands: Vec::new(),
        server_id: Some(FIRST_SERVER_ID + u32::from(index)),
    }
}

fn real_server_address(index: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, FIRST_REAL_SERVER.saturating_add(index))
}

/// Locally administered (second bit of the first byte), the last byte that of the IPv4 address: easy to read
/// in a trace.
fn mac(last: u8) -> Mac {
    Mac([0x02, 0x6c, 0x76, 0x00, 0x00, last])
}

/// A bridge port is named after the host's address: a real server's own name could be one of ip(8)'s
/// keywords, or too long.
fn port(last: u8) -> String {
    format!("port{last}")
}

fn interface(address: Ipv4Addr) -> Vec<String> {
    vec![
        "link set dev lo up".to_owned(),
        format!("addr add {address}/{PREFIX} dev {INTERFACE}"),
        format!("link set dev {INTERFACE} up"),
    ]
}

/// Common to all hosts. A new namespace copies `conf/*` from the first one
/// (net.core.devconf_inherit_init_net), so each is written even where it is the kernel's own default. IPv6 is
/// off: its neighbour discovery would only blur the traces.
const COMMON_SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv6.conf.all.disable_ipv6", "1"),
    ("net.ipv6.conf.default.disable_ipv6", "1"),
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.default.rp_filter", "0"),
    ("net.ipv4.conf.eth0.rp_filter", "0"),
];

/// TCP's own patience, at both ends of a connection.
const TCP_SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv4.tcp_retries1", "3"),
    ("net.ipv4.tcp_retries2", "15"),
    ("net.ipv4.tcp_syn_retries", "6"),
    ("net.ipv4.tcp_synack_retries", "5"),
    ("net.ipv4.tcp_syncookies", "1"),
    ("net.ipv4.tcp_early_retrans", "3"),
    ("net.ipv4.tcp_frto", "2"),
    ("net.ipv4.tcp_timestamps", "1"),
    ("net.ipv4.tcp_sack", "1"),
    ("net.ipv4.tcp_ecn", "2"),
    ("net.ipv4.tcp_keepalive_time", "7200"),
    ("net.ipv4.tcp_keepalive_intvl", "75"),
    ("net.ipv4.tcp_keepalive_probes", "9"),
    ("net.ipv4.tcp_fin_timeout", "60"),
    ("net.ipv4.tcp_no_metrics_save", "1"),
    ("net.ipv4.ip_local_port_range", "32768\t60999"),
];

const CLIENT_SYSCTLS: &[(&str, &str)] = &[("net.ipv4.ip_forward", "0")];

const DIRECTOR_SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv4.conf.all.send_redirects", "1"),
    ("net.ipv4.conf.eth0.send_redirects", "1"),
    ("net.ipv4.vs.expire_nodest_conn", "0"),
    ("net.ipv4.vs.expire_quiescent_template", "0"),
    ("net.ipv4.vs.conn_reuse_mode", "1"),
    ("net.ipv4.vs.sloppy_tcp", "0"),
    ("net.ipv4.vs.secure_tcp", "0"),
    ("net.ipv4.vs.drop_entry", "0"),
    ("net.ipv4.vs.drop_packet", "0"),
];

const SERVER_SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv4.ip_forward", "0"),
    ("net.ipv4.conf.lo.arp_ignore", "1"),
    ("net.ipv4.conf.lo.arp_announce", "2"),
    ("net.ipv4.conf.all.arp_ignore", "1"),
    ("net.ipv4.conf.all.arp_announce", "2"),
];

/// The common sysctls, those of the host's role, and the scenario's, which win: a key is written once, with
/// its last value.
fn sysctls(role: &[&[(&str, &str)]], own: &[(String, String)]) -> Vec<(String, String)> {
    let mut all = indexmap::IndexMap::new();
    for (key, value) in [COMMON_SYSCTLS, TCP_SYSCTLS]
        .iter()
        .chain(role)
        .flat_map(|list| list.iter())
    {
        all.insert((*key).to_owned(), (*value).to_owned());
    }
    for (key, value) in own {
        all.insert(key.clone(), value.clone());
    }
    all.into_iter().collect()
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}
