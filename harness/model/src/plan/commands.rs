//! The command lines by which an operator does an action.

use super::keepalived::SYNC_GROUP;
use super::{Cidr, INTERFACE, LabPlan, Nic, Service, words};
use crate::Name;
use crate::action::{
    Action, Chain, Edit, HostAction, Matches, Neighbours, NewConnections, Node, ServiceEdit, TableAction,
    TrafficAction,
};
use crate::base::{Forwarding, TCP_LOOSE};
use crate::ipvs::Protocol;
use std::net::IpAddr;
use std::time::Duration;

/// The family and name of a host's table in nft(8); both address families, as most distributions have it.
pub const FIREWALL: &str = "inet filter";
/// The same for stateful firewalls.
pub const STATEFUL: &str = "inet stateful";
/// The same for firewalls that answer SYNs.
pub const SYNPROXY: &str = "inet syns";
/// The same for what steps do about the size of packets.
pub const SIZES: &str = "inet sizes";
/// The chain of it that drops ICMP.
pub const NO_ICMP: &str = "no_icmp";
/// The chain of it that lowers the MSS.
pub const MSS: &str = "mss";
/// The family and name of a director's table that drops VRRP.
pub const VRRP: &str = "inet vrrp";
/// The chain of it that does.
pub const NO_VRRP: &str = "no_vrrp";
/// The program by which an operator tells a link who has an address of IPv4 now.
pub const ARPING: &str = "arping";
/// The same of IPv6.
pub const NDSEND: &str = "ndsend";
/// What a rule of the chain that lowers the MSS looks at, in nft(8)'s words.
pub const SYN: &str = "tcp flags syn";
/// What a rule looks at that is for the first segment of a connection.
const BARE_SYN: &str = "tcp flags & (fin | syn | rst | ack) == syn";
/// What it does, before the size.
pub const SET_MSS: &str = "tcp option maxseg size set";
/// The id of sync daemons that steps start. keepalived's have the same.
const SYNC_ID: u8 = 1;
/// Frames that a link holds at a time: enough that none is ever dropped for want of room.
pub const NETEM_LIMIT: u32 = 10_000;

/// A rule of a stateful firewall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatefulRule {
    /// What it looks at.
    pub matched: String,
    /// What becomes of that.
    pub verdict: &'static str,
    /// What it is called.
    pub comment: &'static str,
}

impl StatefulRule {
    /// As nft(8) takes it.
    fn line(&self) -> String {
        let Self {
            matched,
            verdict,
            comment,
        } = self;
        format!("{matched} counter {verdict} comment {comment}")
    }
}

/// A command line with the node to run it on (`None`: on the link between the hosts).
pub type PlacedLine = (Option<Node>, Vec<String>);

impl LabPlan {
    /// The command lines by which an operator does `action`, in order. Empty for actions that are not command
    /// lines.
    #[must_use]
    pub fn command_lines(&self, action: &Action) -> Vec<PlacedLine> {
        match action {
            Action::Table(Edit { on, action }) => vec![(Some(on.clone()), self.table_line(action))],
            Action::Other(ServiceEdit { service, edit }) => match self.led_by(service) {
                Some(plan) => plan.command_lines(&Edit::from(edit.clone()).into()),
                None => Vec::new(),
            },
            Action::Host(action) => self.host_lines(action),
            Action::Traffic(action) => self.traffic_lines(action),
            Action::Mysqld(_) | Action::Client(_) | Action::Wait(_) | Action::Watch(_) => Vec::new(),
        }
    }

    fn table_line(&self, action: &TableAction) -> Vec<String> {
        let service = self.service();
        let flagged = service.flagged();
        let at_port =
            |port: Option<u16>| port.map_or_else(|| service.flagged(), |port| service.flagged_at(port));
        let host = |server: &Name| self.host(&Node::RealServer(server.clone()));
        let destination =
            |server: &Name| host(server).map_or_else(String::new, |host| service.server_word(host));
        let edit = |server: &Name, method: Forwarding, weight: u16| {
            let destination = destination(server);
            let flags = host(server).map_or_else(String::new, |host| service.flags(host, method));
            format!("ipvsadm -e {flagged} -r {destination} {flags} -w {weight}")
        };
        words(&match action {
            TableAction::RemoveRealServer { server } => {
                format!("ipvsadm -d {flagged} -r {}", destination(server))
            }
            TableAction::AddRealServer { server, weight } => {
                let forwarding = service.forwarding_to(server);
                let line = host(server).map(|host| service.add_line(host, forwarding, *weight));
                return line.unwrap_or_default();
            }
            TableAction::SetWeight { server, weight } => edit(server, service.forwarding_to(server), *weight),
            TableAction::SetForwarding {
                server,
                method,
                weight,
            } => edit(server, *method, *weight),
            TableAction::RemoveService { port } => format!("ipvsadm -D {}", at_port(*port)),
            TableAction::AddService { port } => {
                let of_port = |service: &&Service| Some(service.address.port()) == *port;
                let named = self.services.iter().find(of_port);
                let options = named.unwrap_or(service).options();
                format!("ipvsadm -A {} {options}", at_port(*port))
            }
            TableAction::SetScheduler { scheduler } => {
                format!("ipvsadm -E {flagged} {}", service.options_with(scheduler))
            }
            TableAction::FlushTable => "ipvsadm -C".to_owned(),
            TableAction::SaveTable => "ipvsadm -S -n".to_owned(),
            TableAction::RestoreTable => "ipvsadm -R".to_owned(),
            TableAction::ZeroCounters => "ipvsadm -Z".to_owned(),
            // 0 leaves a time-out as it is (ipvsadm(8)).
            TableAction::SetTimeouts { tcp, tcp_fin, udp } => {
                let seconds = |time: &Option<Duration>| time.map_or(0, |time| time.as_secs());
                let (tcp, tcp_fin, udp) = (tcp.as_secs(), seconds(tcp_fin), seconds(udp));
                format!("ipvsadm --set {tcp} {tcp_fin} {udp}")
            }
        })
    }

    fn host_lines(&self, action: &HostAction) -> Vec<PlacedLine> {
        match action {
            HostAction::PowerOff { server, neighbours } => {
                let node = server.0.clone();
                let mut lines = match neighbours {
                    Neighbours::Permanent => self.neighbour_lines(&node),
                    Neighbours::Dynamic => Vec::new(),
                };
                lines.extend(self.port_lines(&node, "down"));
                lines
            }
            HostAction::PowerOn { server } => {
                let node = server.0.clone();
                // What it had in memory is gone: connections, and what it knew of its neighbours.
                let forgets = ["ss --kill --tcp --numeric", "ip neigh flush all"];
                let mut lines: Vec<PlacedLine> = forgets.map(|line| (Some(node.clone()), words(line))).into();
                lines.extend(self.port_lines(&node, "up"));
                lines
            }
            HostAction::LinkDown { node } => self.port_lines(node, "down"),
            HostAction::LinkUp { node } => self.port_lines(node, "up"),
            HostAction::StartSyncDaemon { state, .. } => {
                let mut line = words(&format!(
                    "ipvsadm --start-daemon {state} --mcast-interface {INTERFACE} --syncid {SYNC_ID}"
                ));
                if self.vip().is_ipv6() {
                    line.extend(["--mcast-group", SYNC_GROUP].map(str::to_owned));
                }
                vec![(Some(action.node()), line)]
            }
            HostAction::StopSyncDaemon { state, .. } => {
                vec![(
                    Some(action.node()),
                    words(&format!("ipvsadm --stop-daemon {state}")),
                )]
            }
            // By signals.
            HostAction::StopKeepalived { .. }
            | HostAction::StartKeepalived { .. }
            | HostAction::ReloadKeepalived { .. }
            | HostAction::StopLdirectord { .. }
            | HostAction::StartLdirectord { .. }
            | HostAction::ReloadLdirectord { .. } => Vec::new(),
            HostAction::MoveVip { to, gratuitous_arp } => self.vip_lines(to, *gratuitous_arp),
            HostAction::SetSysctl { node, key, value } => {
                vec![(
                    Some(node.clone()),
                    vec!["sysctl".to_owned(), "-w".to_owned(), format!("{key}={value}")],
                )]
            }
        }
    }

    /// The lines that take from a director what moves between two, or give it to it.
    #[must_use]
    pub fn moving_lines(&self, given: bool) -> Vec<Vec<String>> {
        let moving = self.moving().into_iter();
        let line = |(cidr, device): (Cidr, &str)| match (given, cidr.address) {
            (false, _) => format!("ip addr del {cidr} dev {device}"),
            (true, IpAddr::V4(_)) => format!("ip addr add {cidr} dev {device}"),
            // As a lab has an address of IPv6 that is alone (`Host::ip_lines`), and as keepalived adds one.
            (true, IpAddr::V6(_)) => format!("ip addr add {cidr} dev {device} nodad preferred_lft 0"),
        };
        moving.map(line).map(|line| words(&line)).collect()
    }

    /// The lines that take from every other balancer what moves, and give it to this one.
    fn vip_lines(&self, to: &Node, gratuitous_arp: bool) -> Vec<PlacedLine> {
        let others = self.balancers().map(|host| &host.node).filter(|node| *node != to);
        let taken = others.flat_map(|node| {
            let lines = self.moving_lines(false).into_iter();
            lines.map(|line| (Some(node.clone()), line))
        });
        let moving = self.moving().into_iter().filter(|_| gratuitous_arp);
        let told = moving.map(|(Cidr { address, .. }, device)| match address {
            IpAddr::V4(_) => words(&format!("{ARPING} -U -c 1 -I {device} {address}")),
            IpAddr::V6(_) => words(&format!("{NDSEND} {address} {device}")),
        });
        let given = self.moving_lines(true).into_iter().chain(told);
        taken.chain(given.map(|line| (Some(to.clone()), line))).collect()
    }

    /// The lines for the bridge ports of a host, one for each of its cards.
    fn port_lines(&self, node: &Node, state: &str) -> Vec<PlacedLine> {
        let nics = self.host(node).into_iter().flat_map(|host| host.nics.iter());
        nics.map(|nic| (None, words(&format!("ip link set dev {} {state}", nic.port))))
            .collect()
    }

    /// The lines by which balancers and clients keep the Ethernet address of a host, where they are on a
    /// segment of its cards.
    fn neighbour_lines(&self, node: &Node) -> Vec<PlacedLine> {
        let keepers = || self.balancers().chain(self.client_host());
        let nics = self.host(node).into_iter().flat_map(|host| host.nics.iter());
        let others = move || keepers().filter(move |keeper| keeper.node != *node);
        nics.flat_map(|nic| others().filter_map(move |keeper| Some((nic, keeper, keeper.beside(nic)?))))
            .map(|(nic, keeper, own)| {
                let line = format!(
                    "ip neigh replace {} lladdr {} dev {} nud permanent",
                    nic.addresses.first().address,
                    nic.mac,
                    own.name
                );
                (Some(keeper.node.clone()), words(&line))
            })
            .collect()
    }

    fn traffic_lines(&self, action: &TrafficAction) -> Vec<PlacedLine> {
        match action {
            TrafficAction::AddFirewallRule {
                node,
                chain,
                verdict,
                matches,
            } => {
                let name = chain.as_str();
                let mut make_chain = words(&format!("nft add chain {FIREWALL} {name}"));
                make_chain.push(format!(
                    "{{ type filter hook {name} priority filter; policy accept; }}"
                ));
                let what = match matches {
                    Some(own) => self.matching(own),
                    None => self.matched(node, *chain),
                };
                let rule = format!(
                    "nft add rule {FIREWALL} {name} {what} counter {}",
                    verdict.statement()
                );
                let mut rule = words(&rule);
                // nft writes what it matches in words of its own: the rule is known by its comment.
                if let Some(own) = matches {
                    rule.extend(["comment".to_owned(), format!("\"{own}\"")]);
                }
                [words(&format!("nft add table {FIREWALL}")), make_chain, rule]
                    .map(|line| (Some(node.clone()), line))
                    .into()
            }
            TrafficAction::AddStatefulFirewall { node, chain, new } => {
                let name = chain.as_str();
                let rules = self.stateful_rules(node, *chain, *new);
                let rules: Vec<String> = rules.iter().map(StatefulRule::line).collect();
                let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
                Self::chain_lines(node, STATEFUL, name, &format!("{name} priority filter"), &rules)
            }
            TrafficAction::AddSynproxy { node } => self.synproxy_lines(node),
            TrafficAction::FlushConntrack { node } => vec![(Some(node.clone()), words("conntrack -F"))],
            TrafficAction::FlushFirewall { node } => vec![(Some(node.clone()), words("nft flush ruleset"))],
            TrafficAction::SetNetem { node, delay, loss } => {
                let nics = self.host(node).into_iter().flat_map(|host| host.nics.iter());
                nics.map(|nic| {
                    let delay = self.delay_to(nic).saturating_add(*delay).as_micros();
                    let line = format!(
                        "tc qdisc replace dev {} root netem delay {delay}us loss {loss} limit {NETEM_LIMIT}",
                        nic.port
                    );
                    (None, words(&line))
                })
                .collect()
            }
            TrafficAction::SetMtu { node, mtu } => {
                let nics = self.host(node).into_iter().flat_map(|host| host.nics.iter());
                let line = |nic: &Nic| words(&format!("ip link set dev {} mtu {mtu}", nic.name));
                nics.map(|nic| (Some(node.clone()), line(nic))).collect()
            }
            TrafficAction::FilterIcmp { node } => {
                let rule = format!("{} counter drop", self.filtered_icmp());
                Self::chain_lines(node, SIZES, NO_ICMP, "input priority filter", &[&rule])
            }
            TrafficAction::BlockVrrp { node } => {
                let rule = format!("{} counter drop", self.vrrp_group());
                Self::chain_lines(node, VRRP, NO_VRRP, "input priority filter", &[&rule])
            }
            TrafficAction::ClampMss { node, size } => {
                let rule = format!("{SYN} counter {} {size}", SET_MSS);
                Self::chain_lines(node, SIZES, MSS, "postrouting priority mangle", &[&rule])
            }
        }
    }

    /// The lines that make a chain in a table of a host's firewall, with rules in it.
    fn chain_lines(node: &Node, table: &str, chain: &str, hook: &str, rules: &[&str]) -> Vec<PlacedLine> {
        let mut make_chain = words(&format!("nft add chain {table} {chain}"));
        make_chain.push(format!("{{ type filter hook {hook}; policy accept; }}"));
        let made = [words(&format!("nft add table {table}")), make_chain];
        let rules = rules
            .iter()
            .map(|rule| words(&format!("nft add rule {table} {chain} {rule}")));
        let lines = made.into_iter().chain(rules);
        lines.map(|line| (Some(node.clone()), line)).collect()
    }

    /// The rules of a stateful firewall, in order: what each matches, its verdict, and the comment by which
    /// it is found again, as nft(8) may list a match in other words.
    #[must_use]
    pub fn stateful_rules(&self, node: &Node, chain: Chain, new: NewConnections) -> Vec<StatefulRule> {
        let matched = self.matched(node, chain);
        let rule = |state: &str, verdict, comment| StatefulRule {
            matched: format!("{matched}{state}"),
            verdict,
            comment,
        };
        let begins = match new {
            NewConnections::Any => Some(" ct state new"),
            NewConnections::Syn if self.service().protocol == Protocol::Udp => Some(" ct state new"),
            NewConnections::Syn => Some(" tcp flags & (fin | syn | rst | ack) == syn ct state new"),
            NewConnections::None => None,
        };
        let known = rule(" ct state established,related", "accept", "known-connection");
        let new = begins.map(|state| rule(state, "accept", "new-connection"));
        let rest = rule("", "drop", "all-else");
        [known].into_iter().chain(new).chain([rest]).collect()
    }

    /// The lines that make a firewall answer SYNs of the virtual service. A segment in the middle of a
    /// connection that conntrack does not know must be `invalid` to it, and no beginning.
    fn synproxy_lines(&self, node: &Node) -> Vec<PlacedLine> {
        let matched = self.matched(node, Chain::Input);
        let untracked = format!("{matched} {BARE_SYN} counter notrack");
        let rules = self.synproxy_rules(node);
        let rules: Vec<String> = rules.iter().map(StatefulRule::line).collect();
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let loose = words(&format!("sysctl -w {TCP_LOOSE}=0"));
        let mut lines = Self::chain_lines(
            node,
            SYNPROXY,
            "untracked",
            "prerouting priority raw",
            &[&untracked],
        );
        let hook = "input priority filter";
        lines.extend(Self::chain_lines(
            node,
            SYNPROXY,
            Chain::Input.as_str(),
            hook,
            &rules,
        ));
        lines.push((Some(node.clone()), loose));
        lines
    }

    /// The rules of a synproxy, in order. What it offers clients is what a server on a link of 1500 bytes
    /// offers: its MSS, and the window scale of Linux's default `tcp_rmem`.
    #[must_use]
    pub fn synproxy_rules(&self, node: &Node) -> Vec<StatefulRule> {
        let matched = self.matched(node, Chain::Input);
        let mss = match self.vip() {
            IpAddr::V4(_) => "synproxy mss 1460 wscale 7 timestamp sack-perm",
            IpAddr::V6(_) => "synproxy mss 1440 wscale 7 timestamp sack-perm",
        };
        let rule = |state: &str, verdict, comment| StatefulRule {
            matched: format!("{matched}{state}"),
            verdict,
            comment,
        };
        vec![
            rule(" ct state invalid,untracked", mss, "answered-for-the-server"),
            rule(" ct state invalid", "drop", "unknown"),
        ]
    }

    /// What a rule that drops VRRP looks at: its group (RFC 5798, 5.1.1.2 and 5.1.2.2).
    #[must_use]
    pub fn vrrp_group(&self) -> &'static str {
        match self.vip() {
            IpAddr::V4(_) => "ip daddr 224.0.0.18",
            IpAddr::V6(_) => "ip6 daddr ff02::12",
        }
    }

    /// The ICMP that `filter-icmp` drops, as nft(8) has it.
    #[must_use]
    pub fn filtered_icmp(&self) -> &'static str {
        match self.vip() {
            IpAddr::V4(_) => "ip protocol icmp",
            IpAddr::V6(_) => "icmpv6 type packet-too-big",
        }
    }

    /// What a rule looks at that an author wrote, with the lab's addresses.
    fn matching(&self, matches: &Matches) -> String {
        matches.with(|name| match name {
            "vip" => self.service().address.ip().to_string(),
            "port" => self.service().address.port().to_string(),
            host => {
                let mut hosts = self.hosts.iter().filter(|one| one.node.to_string() == host);
                // The check knows that there is such a host.
                let own = hosts.next().map(|one| one.address().to_string());
                own.unwrap_or_else(|| host.to_owned())
            }
        })
    }

    /// What a rule in `chain` of `node` looks at: the packets of the virtual service that pass there.
    #[must_use]
    pub fn matched(&self, node: &Node, chain: Chain) -> String {
        let service = self.service();
        // What the client sends goes to the service's port, at each host that it passes; what servers send
        // comes from it. What passes a balancer is for the service, in both chains; what it forwards is not.
        let balances = service.balancers.contains(node);
        let serves = service.backend(node).is_some();
        let to_service = match chain {
            Chain::Input => balances || serves,
            Chain::Output => balances || !serves,
            Chain::Forward => false,
        };
        let protocol = match service.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        };
        let direction = if to_service { "dport" } else { "sport" };
        // A server sends from the port that it listens to, and what IPVS translated goes there.
        let own = service.backend(node).map(|backend| backend.port);
        let port = match own {
            Some(port) => port.to_string(),
            None if balances && chain != Chain::Input => {
                let ports: Vec<String> = service.server_ports().iter().map(u16::to_string).collect();
                match ports.as_slice() {
                    [] => service.address.port().to_string(),
                    [only] => only.clone(),
                    several => format!("{{ {} }}", several.join(", ")),
                }
            }
            None => service.address.port().to_string(),
        };
        format!("{protocol} {direction} {port}")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::cells;
    use crate::plan::plan;
    use crate::scenario::load;

    fn planned(lab: &str) -> LabPlan {
        let text = format!(
            "{{ name: sample, claim: A plan., lab: {lab}, act: [{{ connect: {{}} }}], \
             observe: {{ patience: 5s, until: 1m }}, expect: [{{ observe-only: true }}] }}"
        );
        let scenario = load(&text).unwrap();
        plan(&scenario, &cells(&scenario)[0])
    }

    #[test]
    fn a_rule_matches_the_port_that_a_packet_has_where_the_rule_is() {
        let plan = planned(
            "{ forwarding: masquerading, server-port: 3307, real-servers: { rs1: {}, rs2: { port: 3308 } } }",
        );
        let rs1 = Node::RealServer(Name::new("rs1").unwrap());
        for (node, chain, matched) in [
            (&Node::Client, Chain::Output, "tcp dport 3306"),
            (&Node::Client, Chain::Input, "tcp sport 3306"),
            (&Node::first_director(), Chain::Input, "tcp dport 3306"),
            (&Node::first_director(), Chain::Output, "tcp dport { 3307, 3308 }"),
            (&rs1, Chain::Input, "tcp dport 3307"),
            (&rs1, Chain::Output, "tcp sport 3307"),
        ] {
            assert_eq!(plan.matched(node, chain), matched, "{node} {chain}");
        }
    }

    #[test]
    fn the_table_has_the_servers_own_ports() {
        let added = |lab: &str| -> Vec<String> {
            let lines = planned(lab)
                .host(&Node::first_director())
                .unwrap()
                .commands
                .clone();
            let lines = lines.iter().map(|line| line.join(" "));
            lines.filter(|line| line.starts_with("ipvsadm -a")).collect()
        };
        let lab = "forwarding: masquerading, real-servers: { rs1: {}, rs2: { port: 3307 } }";
        assert_eq!(
            added(&format!("{{ {lab} }}")),
            [
                "ipvsadm -a -t 192.0.2.100:3306 -r 192.0.2.31:3306 -m -w 1",
                "ipvsadm -a -t 192.0.2.100:3306 -r 192.0.2.32:3307 -m -w 1",
            ]
        );
        // In a mark's service no port means the one that the client asked for.
        assert_eq!(
            added(&format!("{{ firewall-mark: 1, {lab} }}")),
            [
                "ipvsadm -a -f 1 -r 192.0.2.31 -m -w 1",
                "ipvsadm -a -f 1 -r 192.0.2.32:3307 -m -w 1",
            ]
        );
    }
}
