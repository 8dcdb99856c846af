//! A host of a lab: its cards, its routes, and what runs on it.

use super::segment::{Cidr, Mac};
use crate::Name;
use crate::action::Node;
use crate::base::{GUE_PORT, OneOrMore, TunnelType};
use crate::client::Client;
use crate::ipvs::Protocol;
use crate::keepalived::Keepalived;
use crate::ldirectord::Ldirectord;
use crate::mysqld::MysqldSetup;
use crate::probe::Probe;
use crate::serving::ServerProgram;
use serde::{Deserialize, Serialize, Serializer};
use std::net::IpAddr;

/// A host of the lab: a network namespace with cards on the lab's segments. It has no role: what it is for
/// follows from what it [runs](Host::runs).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Host {
    /// By what it is known to steps and records.
    pub node: Node,
    /// Its network cards. The first one has the host's own address.
    pub nics: OneOrMore<Nic>,
    /// The addresses of its loopback device beside 127.0.0.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loopback: Vec<Cidr>,
    /// The tunnels that end on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tunnels: Vec<Tunnel>,
    /// Its routes beside those to its own segments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// What runs on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Process>,
    /// Command lines of ip(8) without the `ip`, run in the namespace in one batch: they give the cards,
    /// `loopback`, `tunnels` and `routes`.
    pub ip: Vec<String>,
    /// Sysctls of the namespace: (key, value). Everything that a result relies on is here; nothing is
    /// inherited.
    pub sysctls: Vec<(String, String)>,
    /// Command lines run in the namespace after that.
    pub commands: Vec<Vec<String>>,
}

/// Hosts as they are written down: what all of their lists of sysctls begin with stands once.
pub(super) fn with_common_sysctls<S: Serializer>(hosts: &[Host], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Hosts<'a> {
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        sysctls: &'a [(String, String)],
        hosts: Vec<Host>,
    }

    let first = hosts.first().map_or(&[][..], |first| &first.sysctls);
    let in_all = |(at, sysctl): &(usize, &(String, String))| {
        let mut hosts = hosts.iter();
        hosts.all(|host| host.sysctls.get(*at) == Some(*sysctl))
    };
    let common = first.iter().enumerate().take_while(in_all).count();
    let own = |host: &Host| Host {
        sysctls: host.sysctls.iter().skip(common).cloned().collect(),
        ..host.clone()
    };
    let written = Hosts {
        sysctls: first.get(..common).unwrap_or_default(),
        hosts: hosts.iter().map(own).collect(),
    };
    written.serialize(serializer)
}

/// A network card: one end of a veth pair, whose other end is a port of a segment's bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Nic {
    /// The interface's name in the host: `eth0`.
    pub name: String,
    /// The segment that it is plugged into.
    pub segment: Name,
    /// The name of the bridge port that it is plugged into, in the links' own namespace.
    pub port: String,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its addresses, the host's own first.
    pub addresses: OneOrMore<Cidr>,
    /// Its MTU; `None` for that of a new card, 1500 (`ether_setup` in net/ethernet/eth.c).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
}

/// The end of tunnels: a device that takes packets out of those that are addressed to the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Tunnel {
    /// The device's name in the host.
    pub name: String,
    /// What is taken out of what; `None` for the device that a driver of the kernel puts into each namespace,
    /// as plans of before have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<TunnelEnd>,
    /// Its addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Cidr>,
}

/// The end of tunnels that a lab makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct TunnelEnd {
    /// How packets are put into others.
    pub kind: TunnelType,
    /// The address of the host to which those others go.
    pub local: IpAddr,
    /// An address of the family of the packets inside: the VIP.
    pub inner: IpAddr,
    /// The port of UDP to which those others go with GUE, if it is not [`GUE_PORT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

impl TunnelEnd {
    /// The port of UDP at which it takes packets, if it is one of GUE.
    #[must_use]
    pub fn gue_port(self) -> Option<u16> {
        (self.kind == TunnelType::Gue).then(|| self.port.unwrap_or(GUE_PORT))
    }

    /// The lines of ip(8) that make it as the device `name`. It takes what comes from anybody.
    ///
    /// With GUE a port of UDP takes off its own headers, and hands the rest to the device for IP in IP
    /// (net/ipv4/fou_core.c, `gue_udp_recv`).
    fn lines(&self, name: &str) -> Vec<String> {
        let Self {
            kind,
            local,
            inner,
            port: _,
        } = self;
        let device = match (kind, local, inner) {
            (TunnelType::Ipip | TunnelType::Gue, IpAddr::V4(_), IpAddr::V4(_)) => "ipip",
            (TunnelType::Ipip | TunnelType::Gue, IpAddr::V4(_), IpAddr::V6(_)) => "sit",
            (TunnelType::Ipip | TunnelType::Gue, IpAddr::V6(_), IpAddr::V4(_)) => "ip6tnl mode ipip6",
            (TunnelType::Ipip | TunnelType::Gue, IpAddr::V6(_), IpAddr::V6(_)) => "ip6tnl mode ip6ip6",
            (TunnelType::Gre, IpAddr::V4(_), _) => "gre",
            (TunnelType::Gre, IpAddr::V6(_), _) => "ip6gre",
        };
        let mut lines = vec![format!("link add name {name} type {device} local {local}")];
        if let Some(port) = self.gue_port() {
            let family = if local.is_ipv6() { " -6" } else { "" };
            lines.push(format!("fou add port {port} gue{family}"));
        }
        lines
    }
}

/// A route: what is for `to` goes `via` a neighbour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Route {
    /// The route is only for what the host sends from this address, and comes before those for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<IpAddr>,
    /// The destinations; `None` for all that no other route has.
    pub to: Option<Cidr>,
    /// The neighbour that passes it on.
    pub via: IpAddr,
}

/// What runs on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Process {
    /// The kernel's balancer, filled by ipvsadm(8). A host that runs it is a director.
    Ipvs,
    /// keepalived(8), which checks the real servers and edits the balancer's table.
    Keepalived(Keepalived),
    /// ldirectord(8), which does so, too.
    Ldirectord(Ldirectord),
    /// The program whose operations are judged.
    Client(Client),
    /// Programs that ask again and again.
    Probes(Vec<Probe>),
    /// A server that a service may send its clients to.
    Server(Server),
}

/// A server, by its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Server {
    /// A mysqld.
    MySql(MySql),
    /// The harness's own echo server.
    Echo(Echo),
    /// A program of the author's own.
    Program(OwnServer),
}

/// A program of the author's own that serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OwnServer {
    /// Its number in the lab.
    pub server_id: u32,
    /// What it is.
    #[serde(flatten)]
    pub program: ServerProgram,
}

/// An echo server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Echo {
    /// Its number in the lab.
    pub server_id: u32,
    /// What it speaks over.
    pub protocol: Protocol,
}

/// A mysqld and how it is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct MySql {
    /// Its `server_id`.
    pub server_id: u32,
    /// Its set-up beside what every mysqld of a lab has; left out if nothing is said of it.
    #[serde(default, skip_serializing_if = "MysqldSetup::is_default")]
    pub setup: MysqldSetup,
}

impl Host {
    /// Its first card.
    #[must_use]
    pub fn nic(&self) -> &Nic {
        self.nics.first()
    }

    /// Its own address: the first one of its first card.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.nic().addresses.first().address
    }

    /// The Ethernet address of its first card.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.nic().mac
    }

    /// Every address that it has but 127.0.0.1: those of its cards, of its loopback device and of its
    /// tunnels.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let of_nics = self.nics.iter().flat_map(|nic| nic.addresses.iter());
        let of_tunnels = self.tunnels.iter().flat_map(|tunnel| &tunnel.addresses);
        of_nics
            .chain(&self.loopback)
            .chain(of_tunnels)
            .map(|cidr| cidr.address)
    }

    /// Its first card that is plugged into the same segment as `other`.
    #[must_use]
    pub fn beside(&self, other: &Nic) -> Option<&Nic> {
        self.nics.iter().find(|nic| nic.segment == other.segment)
    }

    /// Does it run IPVS?
    #[must_use]
    pub fn is_balancer(&self) -> bool {
        self.runs.contains(&Process::Ipvs)
    }

    /// The client program that runs on it.
    #[must_use]
    pub fn client(&self) -> Option<&Client> {
        self.runs.iter().find_map(|process| match process {
            Process::Client(client) => Some(client),
            Process::Ipvs
            | Process::Keepalived(_)
            | Process::Ldirectord(_)
            | Process::Probes(_)
            | Process::Server(_) => None,
        })
    }

    /// The server that runs on it.
    #[must_use]
    pub fn server(&self) -> Option<&Server> {
        self.runs.iter().find_map(|process| match process {
            Process::Server(server) => Some(server),
            Process::Ipvs
            | Process::Keepalived(_)
            | Process::Ldirectord(_)
            | Process::Client(_)
            | Process::Probes(_) => None,
        })
    }

    /// The mysqld that runs on it.
    #[must_use]
    pub fn mysqld(&self) -> Option<&MySql> {
        match self.server()? {
            Server::MySql(mysqld) => Some(mysqld),
            Server::Echo(_) | Server::Program(_) => None,
        }
    }

    /// The number of the server that runs on it: a mysqld's `server_id`.
    #[must_use]
    pub fn server_id(&self) -> Option<u32> {
        Some(match self.server()? {
            Server::MySql(mysqld) => mysqld.server_id,
            Server::Echo(echo) => echo.server_id,
            Server::Program(own) => own.server_id,
        })
    }

    /// The lines of ip(8) that give cards, loopback device, tunnels and routes.
    pub(super) fn ip_lines(
        nics: &OneOrMore<Nic>,
        loopback: &[Cidr],
        tunnels: &[Tunnel],
        routes: &[Route],
    ) -> Vec<String> {
        // Without `nodad` an IPv6 address is not used before nobody has claimed it for a second.
        let add = |cidr: &Cidr, device: &str| match cidr.address {
            IpAddr::V4(_) => format!("addr add {cidr} dev {device}"),
            IpAddr::V6(_) => format!("addr add {cidr} dev {device} nodad"),
        };
        let mut lines = vec!["link set dev lo up".to_owned()];
        // An IPv6 address alone, as a VIP is, would be taken as the source of all that leaves by the card
        // (RFC 6724, rule 8): of a director's tunnels, too. One that is deprecated is not.
        let further = |cidr: &Cidr, device: &str| match cidr.address {
            IpAddr::V6(_) if cidr.is_alone() => format!("{} preferred_lft 0", add(cidr, device)),
            IpAddr::V4(_) | IpAddr::V6(_) => add(cidr, device),
        };
        for nic in nics.iter() {
            let name = &nic.name;
            lines.extend(nic.mtu.map(|mtu| format!("link set dev {name} mtu {mtu}")));
            lines.push(add(nic.addresses.first(), name));
            lines.push(format!("link set dev {name} up"));
            lines.extend(nic.addresses.iter().skip(1).map(|cidr| further(cidr, name)));
        }
        lines.extend(loopback.iter().map(|cidr| add(cidr, "lo")));
        for Tunnel { name, end, addresses } in tunnels {
            lines.extend(end.iter().flat_map(|end| end.lines(name)));
            lines.push(format!("link set dev {name} up"));
            lines.extend(addresses.iter().map(|cidr| add(cidr, name)));
        }
        for (table, Route { from, to, via }) in (FIRST_TABLE..).zip(routes) {
            let to = to.map_or_else(|| "default".to_owned(), |to| to.to_string());
            let route = format!("route add {to} via {via}");
            match from {
                None => lines.push(route),
                Some(from) => {
                    lines.push(format!("{route} table {table}"));
                    lines.push(format!("{}rule add from {from} lookup {table}", family_of(*from)));
                }
            }
        }
        lines
    }
}

impl Host {
    /// The command lines that take away its routes beside those to its own segments.
    pub(super) fn without_routes(&self) -> Vec<Vec<String>> {
        let numbered = (FIRST_TABLE..).zip(&self.routes);
        let line = |(table, Route { from, to, via }): (u8, &Route)| match from {
            Some(from) => format!("ip {}rule del from {from} lookup {table}", family_of(*from)),
            None => {
                let to = to.map_or_else(|| "default".to_owned(), |to| to.to_string());
                format!("ip route del {to} via {via}")
            }
        };
        numbered.map(line).map(|line| super::words(&line)).collect()
    }
}

/// The option by which `ip rule` takes an address for one of IPv6: unlike `ip route` it does not look.
fn family_of(address: IpAddr) -> &'static str {
    if address.is_ipv6() { "-6 " } else { "" }
}

/// The number of the first routing table for routes of one source. Those from 253 on are the kernel's own
/// (include/uapi/linux/rtnetlink.h, `rt_class_t`).
const FIRST_TABLE: u8 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Allocator, Network, Use};

    /// A director between two segments, as address translation needs it.
    #[test]
    fn a_host_with_two_cards_has_lines_for_each_and_for_its_routes() {
        let nic = |network, name: &str| {
            let given = Allocator::new(network).next(Use::Balancer).unwrap();
            Nic {
                name: name.to_owned(),
                segment: Name::new("link").unwrap(),
                port: given.port,
                mac: given.mac,
                addresses: OneOrMore::new(given.ipv4),
                mtu: None,
            }
        };
        let mut nics = OneOrMore::new(nic(Network::First, "eth0"));
        nics.push(nic(Network::Second, "eth1"));
        let vip = Cidr::alone("192.0.2.100".parse().unwrap());
        let via = "198.51.100.200".parse().unwrap();
        let to = Cidr::try_from("203.0.113.0/24".to_owned()).unwrap();
        let from = None;
        let routes = [
            Route {
                from,
                to: Some(to),
                via,
            },
            Route { from, to: None, via },
        ];
        assert_eq!(
            Host::ip_lines(&nics, &[vip], &[], &routes),
            [
                "link set dev lo up",
                "addr add 192.0.2.20/24 dev eth0",
                "link set dev eth0 up",
                "addr add 198.51.100.20/24 dev eth1",
                "link set dev eth1 up",
                "addr add 192.0.2.100/32 dev lo",
                "route add 203.0.113.0/24 via 198.51.100.200",
                "route add default via 198.51.100.200",
            ]
        );
    }
    /// A real server that answers through its director, and at which tunnels end.
    #[test]
    fn routes_of_one_source_have_a_table_of_their_own() {
        let given = Allocator::new(Network::First).next(Use::Server).unwrap();
        let nics = OneOrMore::new(Nic {
            name: "eth0".to_owned(),
            segment: Name::new("link").unwrap(),
            port: given.port,
            mac: given.mac,
            addresses: OneOrMore::new(given.ipv6),
            mtu: None,
        });
        let tunnel = Tunnel {
            name: "tunnel0".to_owned(),
            end: Some(TunnelEnd {
                kind: TunnelType::Gue,
                local: given.ipv6.address,
                inner: "2001:db8:0:1::100".parse().unwrap(),
                port: Some(6090),
            }),
            addresses: vec![Cidr::alone("2001:db8:0:1::100".parse().unwrap())],
        };
        let route = Route {
            from: Some(given.ipv6.address),
            to: None,
            via: "2001:db8:0:1::20".parse().unwrap(),
        };
        assert_eq!(
            Host::ip_lines(&nics, &[], &[tunnel], &[route]),
            [
                "link set dev lo up",
                "addr add 2001:db8:0:1::31/64 dev eth0 nodad",
                "link set dev eth0 up",
                "link add name tunnel0 type ip6tnl mode ip6ip6 local 2001:db8:0:1::31",
                "fou add port 6090 gue -6",
                "link set dev tunnel0 up",
                "addr add 2001:db8:0:1::100/128 dev tunnel0 nodad",
                "route add default via 2001:db8:0:1::20 table 100",
                "-6 rule add from 2001:db8:0:1::31 lookup 100",
            ]
        );
    }
}
