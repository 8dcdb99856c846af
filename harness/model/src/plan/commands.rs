//! The command lines by which an operator does an action.

use super::{INTERFACE, LabPlan, words};
use crate::Name;
use crate::action::{Action, Chain, HostAction, Neighbours, Node, TableAction, TrafficAction};
use crate::scenario::Forwarding;

/// The family and name of a host's table in nft(8); both address families, as most distributions have it.
pub const FIREWALL: &str = "inet filter";
/// Frames that a link holds at a time: enough that none is ever dropped for want of room.
pub const NETEM_LIMIT: u32 = 10_000;

/// A command line with the node to run it on (`None`: on the link between the hosts).
pub type PlacedLine = (Option<Node>, Vec<String>);

impl LabPlan {
    /// The command lines by which an operator does `action`, in order. Empty for actions that are not command
    /// lines.
    #[must_use]
    pub fn command_lines(&self, action: &Action) -> Vec<PlacedLine> {
        match action {
            Action::Table(action) => vec![(Some(Node::Director), words(&self.table_line(action)))],
            Action::Host(action) => self.host_lines(action),
            Action::Traffic(action) => self.traffic_lines(action),
            Action::Mysqld(_) | Action::Client(_) | Action::Wait(_) => Vec::new(),
        }
    }

    fn table_line(&self, action: &TableAction) -> String {
        let service = self.service();
        let of_port = |port: Option<u16>| format!("{}:{}", self.vip, port.unwrap_or(self.port));
        let edit = |server: &Name, method: Forwarding, weight: u16| {
            let destination = self.destination(server);
            format!(
                "ipvsadm -e -t {service} -r {destination} {} -w {weight}",
                method.flag()
            )
        };
        match action {
            TableAction::RemoveRealServer { server } => {
                format!("ipvsadm -d -t {service} -r {}", self.destination(server))
            }
            TableAction::AddRealServer { server, weight } => {
                self.add_line(&self.destination(server), *weight)
            }
            TableAction::SetWeight { server, weight } => edit(server, self.forwarding, *weight),
            TableAction::SetForwarding {
                server,
                method,
                weight,
            } => edit(server, *method, *weight),
            TableAction::RemoveService { port } => format!("ipvsadm -D -t {}", of_port(*port)),
            TableAction::AddService { port } => {
                format!("ipvsadm -A -t {} -s {}", of_port(*port), self.scheduler)
            }
            TableAction::SetScheduler { scheduler } => format!("ipvsadm -E -t {service} -s {scheduler}"),
            TableAction::FlushTable => "ipvsadm -C".to_owned(),
            TableAction::SaveTable => "ipvsadm -S -n".to_owned(),
            TableAction::RestoreTable => "ipvsadm -R".to_owned(),
            // 0 leaves a time-out as it is (ipvsadm(8)); the last one is of UDP.
            TableAction::SetTimeouts { tcp, tcp_fin } => format!(
                "ipvsadm --set {} {} 0",
                tcp.as_secs(),
                tcp_fin.map_or(0, |time| time.as_secs())
            ),
        }
    }

    fn host_lines(&self, action: &HostAction) -> Vec<PlacedLine> {
        let link = |node: &Node, state: &str| {
            let host = self.host(node);
            host.map(|host| (None, words(&format!("ip link set dev {} {state}", host.port))))
        };
        match action {
            HostAction::PowerOff { server, neighbours } => {
                let node = Node::RealServer(server.clone());
                let keep = self.host(&node).filter(|_| *neighbours == Neighbours::Permanent);
                let keep = keep.map(|host| {
                    words(&format!(
                        "ip neigh replace {} lladdr {} dev {INTERFACE} nud permanent",
                        host.address, host.mac
                    ))
                });
                let keepers = [Node::Director, Node::Client];
                keep.into_iter()
                    .flat_map(|keep| keepers.clone().map(|keeper| (Some(keeper), keep.clone())))
                    .chain(link(&node, "down"))
                    .collect()
            }
            HostAction::LinkDown { node } => link(node, "down").into_iter().collect(),
            HostAction::LinkUp { node } => link(node, "up").into_iter().collect(),
            HostAction::SetSysctl { node, key, value } => {
                vec![(
                    Some(node.clone()),
                    vec!["sysctl".to_owned(), "-w".to_owned(), format!("{key}={value}")],
                )]
            }
        }
    }

    fn traffic_lines(&self, action: &TrafficAction) -> Vec<PlacedLine> {
        match action {
            TrafficAction::AddFirewallRule { node, chain, verdict } => {
                let name = chain.as_str();
                let mut make_chain = words(&format!("nft add chain {FIREWALL} {name}"));
                make_chain.push(format!(
                    "{{ type filter hook {name} priority filter; policy accept; }}"
                ));
                let rule = format!(
                    "nft add rule {FIREWALL} {name} {} counter {}",
                    self.matched(node, *chain),
                    verdict.statement()
                );
                [
                    words(&format!("nft add table {FIREWALL}")),
                    make_chain,
                    words(&rule),
                ]
                .map(|line| (Some(node.clone()), line))
                .into()
            }
            TrafficAction::FlushFirewall { node } => vec![(Some(node.clone()), words("nft flush ruleset"))],
            TrafficAction::SetNetem { node, delay, loss } => {
                let Some(host) = self.host(node) else {
                    return Vec::new();
                };
                let delay = self.link_delay.saturating_add(*delay).as_micros();
                let line = format!(
                    "tc qdisc replace dev {} root netem delay {delay}us loss {loss} limit {NETEM_LIMIT}",
                    host.port
                );
                vec![(None, words(&line))]
            }
        }
    }

    /// What a rule in `chain` of `node` looks at: the packets of the virtual service that pass there.
    #[must_use]
    pub fn matched(&self, node: &Node, chain: Chain) -> String {
        // What the client sends goes to the service's port, at each host that it passes; what servers send
        // comes from it.
        let to_service = match (node, chain) {
            (Node::Client, Chain::Output) | (Node::Director, Chain::Input | Chain::Output) => true,
            (Node::RealServer(_), Chain::Input) => true,
            (Node::Client, Chain::Input) | (Node::RealServer(_), Chain::Output) => false,
        };
        format!("tcp {} {}", if to_service { "dport" } else { "sport" }, self.port)
    }

    /// The real server as ipvsadm(8) names it: `192.0.2.31:3306`.
    fn destination(&self, server: &Name) -> String {
        let address = self
            .host(&Node::RealServer(server.clone()))
            .map(|host| host.address);
        address.map_or_else(String::new, |address| format!("{address}:{}", self.port))
    }

    /// The line that adds a real server to the virtual service.
    pub(super) fn add_line(&self, destination: &str, weight: u16) -> String {
        format!(
            "ipvsadm -a -t {} -r {destination} {} -w {weight}",
            self.service(),
            self.forwarding.flag()
        )
    }
}

impl Forwarding {
    /// ipvsadm(8)'s option for it.
    #[must_use]
    pub fn flag(self) -> &'static str {
        match self {
            Self::DirectRouting => "-g",
            Self::Masquerading => "-m",
            Self::Tunneling => "-i",
        }
    }
}
