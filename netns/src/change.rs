//! What a line of ip(8) or tc(8) asks of the kernel. The lines that labs are made with are read here and
//! carried out by netlink, because the start of a program costs more than what the line does. Any other line
//! is left to the program.

use crate::netlink::{Conversation, Request};
use netlink_packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NetlinkSerializable, Parseable};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope};
use netlink_packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoIpTunnel, InfoKind, InfoVeth, LinkAttribute, LinkFlags,
    LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};
use netlink_packet_route::{AddressFamily, IpProtocol, RouteNetlinkMessage};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// What a tunnel of IPv4 carries where ip(8) is not told: whatever its kind can.
const ANY: IpProtocol = IpProtocol::Hopopts;

/// A change of the network namespace's links, addresses, routes or queueing disciplines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change<'a> {
    AddBridge {
        name: &'a str,
        options: Vec<InfoBridge>,
    },
    AddVeth {
        name: &'a str,
        peer: &'a str,
        mac: [u8; 6],
        /// A path that leads to the peer's network namespace.
        namespace: &'a str,
    },
    /// A device at which tunnels end, that takes what comes from anybody.
    AddTunnel {
        name: &'a str,
        kind: InfoKind,
        /// Whose packets it takes.
        local: IpAddr,
        /// What those carry.
        carries: IpProtocol,
    },
    SetLink {
        name: &'a str,
        bridge: Option<&'a str>,
        up: bool,
    },
    DeleteLink {
        name: &'a str,
    },
    AddAddress {
        address: IpAddr,
        prefix: u8,
        device: &'a str,
        /// Without duplicate address detection (RFC 4862, section 5.4).
        nodad: bool,
    },
    FlushAddresses {
        device: &'a str,
    },
    AddRoute {
        /// `None` is the default route.
        to: Option<(IpAddr, u8)>,
        via: IpAddr,
        table: u8,
    },
    /// Packets from this address are routed by this table.
    AddRule {
        from: IpAddr,
        table: u8,
    },
    AddNetem {
        device: &'a str,
        /// The delay, in units of 64 ns.
        ticks: u32,
        /// How many packets it holds.
        limit: u32,
    },
}

impl<'a> Change<'a> {
    /// What a line of ip(8) asks, without its `ip`; `None` if the line is not one of those known here.
    pub(crate) fn of_ip(line: &'a str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        Some(match *words.as_slice() {
            ["link", "add", "name", name, "type", "bridge", ref options @ ..] => Self::AddBridge {
                name,
                options: bridge_options(options)?,
            },
            [
                "link",
                "add",
                "name",
                name,
                "type",
                "veth",
                "peer",
                "name",
                peer,
                "address",
                mac,
                "netns",
                namespace,
            ] => Self::AddVeth {
                name,
                peer,
                mac: mac_of(mac)?,
                // A word without a slash would be the name of a namespace of ip-netns(8).
                namespace: Some(namespace).filter(|path| path.starts_with('/'))?,
            },
            ["link", "add", "name", name, "type", ref kind @ .., "local", local] => {
                let local: IpAddr = local.parse().ok()?;
                let (kind, carries) = match (kind, local) {
                    (["ipip"], IpAddr::V4(_)) => (InfoKind::IpIp, ANY),
                    (["sit"], IpAddr::V4(_)) => (InfoKind::SitTun, ANY),
                    (["ip6tnl", "mode", "ipip6"], IpAddr::V6(_)) => (InfoKind::Ip6Tnl, IpProtocol::Ipip),
                    (["ip6tnl", "mode", "ip6ip6"], IpAddr::V6(_)) => (InfoKind::Ip6Tnl, IpProtocol::Ipv6),
                    _ => return None,
                };
                Self::AddTunnel {
                    name,
                    kind,
                    local,
                    carries,
                }
            }
            ["link", "set", "dev", name, state] => Self::SetLink {
                name,
                bridge: None,
                up: is_up(state)?,
            },
            ["link", "set", "dev", name, "master", bridge, state] => Self::SetLink {
                name,
                bridge: Some(bridge),
                up: is_up(state)?,
            },
            ["link", "del", "dev", name] => Self::DeleteLink { name },
            ["addr", "add", cidr, "dev", device, ref rest @ ..] => {
                let (address, prefix) = cidr_of(cidr)?;
                let nodad = match rest {
                    [] => false,
                    ["nodad"] => true,
                    _ => return None,
                };
                Self::AddAddress {
                    address,
                    prefix,
                    device,
                    nodad,
                }
            }
            ["addr", "flush", "dev", device] => Self::FlushAddresses { device },
            ["route", "add", to, "via", via, ref rest @ ..] => Self::AddRoute {
                to: match to {
                    "default" => None,
                    cidr => Some(cidr_of(cidr)?),
                },
                via: via.parse().ok()?,
                table: match rest {
                    [] => RouteHeader::RT_TABLE_MAIN,
                    ["table", number] => number.parse().ok().filter(|number| *number > 0)?,
                    _ => return None,
                },
            },
            ["rule", "add", "from", from, "lookup", table] => Self::AddRule {
                // Without -6 ip(8) takes it for one of IPv4.
                from: IpAddr::V4(from.parse().ok()?),
                table: table.parse().ok().filter(|number| *number > 0)?,
            },
            ["-6", "rule", "add", "from", from, "lookup", table] => Self::AddRule {
                from: IpAddr::V6(from.parse().ok()?),
                table: table.parse().ok().filter(|number| *number > 0)?,
            },
            _ => return None,
        })
    }

    /// What a line of tc(8) asks, without its `tc`; `None` if the line is not one of those known here.
    pub(crate) fn of_tc(line: &'a str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match *words.as_slice() {
            [
                "qdisc",
                "add",
                "dev",
                device,
                "root",
                "netem",
                "delay",
                delay,
                "limit",
                limit,
            ] => Some(Self::AddNetem {
                device,
                ticks: ticks(Duration::from_micros(delay.strip_suffix("us")?.parse().ok()?))?,
                limit: limit.parse().ok()?,
            }),
            _ => None,
        }
    }

    /// Makes the change in the namespace of the conversation, which must be one of rtnetlink.
    pub(crate) fn make(&self, kernel: &mut Conversation) -> io::Result<()> {
        match self {
            Self::AddBridge { name, options } => {
                let data = InfoData::Bridge(options.clone());
                let link = named(name, InfoKind::Bridge, data);
                add(kernel, &RouteNetlinkMessage::NewLink(link))
            }
            Self::AddVeth {
                name,
                peer,
                mac,
                namespace,
            } => {
                // It must be open until the kernel has answered.
                let namespace = std::fs::File::open(namespace)?;
                let mut other = LinkMessage::default();
                other.attributes = vec![
                    LinkAttribute::IfName((*peer).to_owned()),
                    LinkAttribute::Address(mac.to_vec()),
                    LinkAttribute::NetNsFd(namespace.as_raw_fd()),
                ];
                let data = InfoData::Veth(InfoVeth::Peer(other));
                let link = named(name, InfoKind::Veth, data);
                add(kernel, &RouteNetlinkMessage::NewLink(link))
            }
            Self::AddTunnel {
                name,
                kind,
                local,
                carries,
            } => {
                let mut data = vec![InfoIpTunnel::Local(*local), InfoIpTunnel::Protocol(*carries)];
                // As ip(8) has it; 0 is inherited.
                data.extend(match local {
                    IpAddr::V4(_) => vec![InfoIpTunnel::Ttl(0)],
                    IpAddr::V6(_) => vec![InfoIpTunnel::EncapLimit(4), InfoIpTunnel::Ttl(64)],
                });
                let link = named(name, kind.clone(), InfoData::IpTunnel(data));
                add(kernel, &RouteNetlinkMessage::NewLink(link))
            }
            Self::SetLink { name, bridge, up } => {
                let mut link = LinkMessage::default();
                link.header.index = index(kernel, name)?;
                link.header.change_mask = LinkFlags::Up;
                link.header.flags = if *up { LinkFlags::Up } else { LinkFlags::empty() };
                if let Some(bridge) = bridge {
                    let bridge = index(kernel, bridge)?;
                    link.attributes.push(LinkAttribute::Controller(bridge));
                }
                ask(kernel, &RouteNetlinkMessage::NewLink(link), 0)
            }
            Self::DeleteLink { name } => {
                let mut link = LinkMessage::default();
                link.header.index = index(kernel, name)?;
                ask(kernel, &RouteNetlinkMessage::DelLink(link), 0)
            }
            Self::AddAddress {
                address,
                prefix,
                device,
                nodad,
            } => {
                let mut message = AddressMessage::default();
                message.header.family = family(*address);
                message.header.prefix_len = *prefix;
                message.header.index = index(kernel, device)?;
                if *nodad {
                    message.header.flags = AddressHeaderFlags::Nodad;
                }
                // As ip(8) has it: an address of the loopback network is good on this host only.
                if address.is_loopback() && address.is_ipv4() {
                    message.header.scope = AddressScope::Host;
                }
                message.attributes.push(AddressAttribute::Local(*address));
                message.attributes.push(AddressAttribute::Address(*address));
                add(kernel, &RouteNetlinkMessage::NewAddress(message))
            }
            Self::FlushAddresses { device } => {
                let index = index(kernel, device)?;
                let all = RouteNetlinkMessage::GetAddress(AddressMessage::default());
                for bytes in kernel.ask(&Request::from(&all), NLM_F_DUMP)? {
                    let address = AddressMessage::parse(&bytes[..]).map_err(io::Error::other)?;
                    // One that goes may take others of its network along (net/ipv4/devinet.c,
                    // `__inet_del_ifa`): those are not there any more.
                    if address.header.index == index {
                        let gone = ask(kernel, &RouteNetlinkMessage::DelAddress(address), 0);
                        gone.or_else(|error| match error.raw_os_error() {
                            Some(EADDRNOTAVAIL) => Ok(()),
                            _ => Err(error),
                        })?;
                    }
                }
                Ok(())
            }
            Self::AddRoute { to, via, table } => {
                let mut route = RouteMessage::default();
                route.header.address_family = family(*via);
                route.header.table = *table;
                route.header.protocol = RouteProtocol::Boot;
                route.header.scope = RouteScope::Universe;
                route.header.kind = RouteType::Unicast;
                if let Some((to, prefix)) = to {
                    route.header.destination_prefix_length = *prefix;
                    route.attributes.push(RouteAttribute::Destination((*to).into()));
                }
                route.attributes.push(RouteAttribute::Gateway((*via).into()));
                add(kernel, &RouteNetlinkMessage::NewRoute(route))
            }
            Self::AddRule { from, table } => {
                let mut rule = RuleMessage::default();
                rule.header.family = family(*from);
                rule.header.src_len = if from.is_ipv6() { 128 } else { 32 };
                rule.header.table = *table;
                rule.header.action = RuleAction::ToTable;
                rule.attributes = vec![RuleAttribute::Source(*from)];
                add(kernel, &RouteNetlinkMessage::NewRule(rule))
            }
            Self::AddNetem { device, ticks, limit } => {
                let mut qdisc = TcMessage::with_index(index(kernel, device)?.cast_signed());
                qdisc.header.parent = TcHandle::ROOT;
                qdisc.attributes = vec![
                    TcAttribute::Kind("netem".to_owned()),
                    TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, netem(*ticks, *limit))),
                ];
                add(kernel, &RouteNetlinkMessage::NewQueueDiscipline(qdisc))
            }
        }
    }
}

/// `asm-generic/errno.h`: the interface has no such address.
const EADDRNOTAVAIL: i32 = 99;
/// include/uapi/linux/rtnetlink.h: what follows is the discipline's own.
const TCA_OPTIONS: u16 = 2;
/// The options of netem: `struct tc_netem_qopt` of include/uapi/linux/pkt_sched.h, six numbers of 32 bits:
/// latency, limit, loss, gap, duplicate, jitter.
fn netem(ticks: u32, limit: u32) -> Vec<u8> {
    [ticks, limit, 0, 0, 0, 0]
        .into_iter()
        .flat_map(u32::to_ne_bytes)
        .collect()
}

/// A delay as tc(8) gives it to the kernel: in whole units of 64 ns (include/net/pkt_sched.h,
/// `PSCHED_SHIFT`). 100 µs are 99,968 ns.
fn ticks(delay: Duration) -> Option<u32> {
    u32::try_from(delay.as_nanos() / 64).ok()
}

/// Waits until nobody else is changing links, addresses or routes: a change of the loopback device that
/// changes nothing waits for the kernel's lock of all of them (net/core/rtnetlink.c, `rtnl_lock`).
pub(crate) fn wait_for_others() -> io::Result<()> {
    let mut loopback = LinkMessage::default();
    loopback.header.index = LOOPBACK;
    let message = RouteNetlinkMessage::SetLink(loopback);
    ask(&mut Conversation::open(None)?, &message, 0)
}

/// The index of the loopback device in every network namespace (include/net/net_namespace.h,
/// `LOOPBACK_IFINDEX`).
const LOOPBACK: u32 = 1;

fn named(name: &str, kind: InfoKind, data: InfoData) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind), LinkInfo::Data(data)]),
    ];
    link
}

fn add(kernel: &mut Conversation, message: &impl NetlinkSerializable) -> io::Result<()> {
    ask(kernel, message, NLM_F_CREATE | NLM_F_EXCL)
}

fn ask(kernel: &mut Conversation, message: &impl NetlinkSerializable, flags: u16) -> io::Result<()> {
    kernel.ask(&Request::from(message), flags).map(drop)
}

fn index(kernel: &Conversation, name: &str) -> io::Result<u32> {
    let index = rustix::net::netdevice::name_to_index(kernel, name);
    index.map_err(|error| io::Error::new(io::Error::from(error).kind(), format!("{name}: {error}")))
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn is_up(state: &str) -> Option<bool> {
    match state {
        "up" => Some(true),
        "down" => Some(false),
        _ => None,
    }
}

fn bridge_options(words: &[&str]) -> Option<Vec<InfoBridge>> {
    let (pairs, []) = words.as_chunks::<2>() else {
        return None;
    };
    let option = |[key, value]: &[&str; 2]| {
        let number: u32 = value.parse().ok()?;
        Some(match *key {
            "stp_state" => InfoBridge::StpState(BridgeStpState::from(number)),
            "forward_delay" => InfoBridge::ForwardDelay(number),
            "mcast_snooping" => InfoBridge::MulticastSnooping(number != 0),
            "ageing_time" => InfoBridge::AgeingTime(number),
            _ => return None,
        })
    };
    pairs.iter().map(option).collect()
}

fn mac_of(text: &str) -> Option<[u8; 6]> {
    let byte = |part: &str| u8::from_str_radix(part, 16).ok();
    let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
    bytes?.try_into().ok()
}

fn cidr_of(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.parse().ok().filter(|prefix| *prefix <= most)?;
    Some((address, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_says_more_is_left_to_its_program() {
        for line in [
            "addr add 192.0.2.1/24 dev eth0 scope link",
            "addr add 192.0.2.1 dev eth0",
            "addr add 192.0.2.1/33 dev eth0",
            "link set dev eth0 mtu 1400",
            "link set dev eth0 address 02:00:00:00:00:02 up",
            "link add name tunnel0 type gre local 192.0.2.1",
            "link add name tunnel0 type ipip local 2001:db8::1",
            "link add name br0 type bridge vlan_filtering 1",
            "link add name br0 type bridge stp_state",
            "link add name p type veth peer name eth0 address 02:00:00:00:00 netns /proc/1/fd/3",
            "link add name p type veth peer name eth0 address 02:00:00:00:00:01 netns lab",
            "link add name eth0 type veth peer name other",
            "route add default via 192.0.2.1 dev eth0",
            "route add default via 192.0.2.1 table main",
            "route add default via nobody",
            "rule add from 2001:db8::31 lookup 100",
            "neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev eth0",
            "",
        ] {
            assert_eq!(Change::of_ip(line), None, "{line}");
        }
        for line in [
            "qdisc add dev port31 root netem delay 1ms limit 1000",
            "qdisc add dev port31 root netem delay 300000000us limit 1000",
            "qdisc add dev port31 root netem delay 100us limit 1000 loss 1%",
            "qdisc replace dev port31 root netem delay 100us limit 1000",
        ] {
            assert_eq!(Change::of_tc(line), None, "{line}");
        }
    }

    #[test]
    fn lines_of_labs_are_read_whole() {
        let via = "192.0.2.1".parse().unwrap();
        for (line, change) in [
            (
                "link set dev port10 master br0 up",
                Change::SetLink {
                    name: "port10",
                    bridge: Some("br0"),
                    up: true,
                },
            ),
            (
                "addr add 2001:db8::1/64 dev eth0 nodad",
                Change::AddAddress {
                    address: "2001:db8::1".parse().unwrap(),
                    prefix: 64,
                    device: "eth0",
                    nodad: true,
                },
            ),
            (
                "route add default via 192.0.2.1",
                Change::AddRoute {
                    to: None,
                    via,
                    table: 254,
                },
            ),
            (
                "rule add from 192.0.2.1 lookup 100",
                Change::AddRule {
                    from: via,
                    table: 100,
                },
            ),
            (
                "-6 rule add from 2001:db8::1 lookup 100",
                Change::AddRule {
                    from: "2001:db8::1".parse().unwrap(),
                    table: 100,
                },
            ),
            (
                "route add 203.0.113.0/24 via 192.0.2.1 table 100",
                Change::AddRoute {
                    to: Some(("203.0.113.0".parse().unwrap(), 24)),
                    via,
                    table: 100,
                },
            ),
        ] {
            assert_eq!(Change::of_ip(line), Some(change), "{line}");
        }
        let netem = Change::AddNetem {
            device: "port31",
            ticks: 1562,
            limit: 1000,
        };
        let line = "qdisc add dev port31 root netem delay 100us limit 1000";
        assert_eq!(Change::of_tc(line), Some(netem));
    }
}
