//! The segments of a lab, and the addresses that each of them has to give.

use super::MAX_REAL_SERVERS;
use crate::Name;
use crate::base::MAX_CLIENTS;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// How long every frame takes from the bridge to a host. Under virtual time an undelayed frame arrives at the
/// moment it was sent, and a trace of several interfaces could not show which packet caused which; on a real
/// link it takes about this long.
pub(super) const LINK_DELAY: Duration = Duration::from_micros(100);

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

/// An address with the length of its network's prefix, written `192.0.2.10/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    /// The address.
    pub address: IpAddr,
    /// How many of its leading bits are the network's.
    pub prefix: u8,
}

impl Cidr {
    /// The address alone, in a network of its own: `/32`, or `/128`.
    #[must_use]
    pub fn alone(address: IpAddr) -> Self {
        let prefix = bits(address);
        Self { address, prefix }
    }
}

impl Cidr {
    /// Is it an address without its network?
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.prefix == bits(self.address)
    }
}

fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

/// The text is not an address with a prefix.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is not an address with a prefix, such as 192.0.2.10/24", .0.escape_debug())]
pub struct NotACidr(String);

impl TryFrom<String> for Cidr {
    type Error = NotACidr;
    fn try_from(text: String) -> Result<Self, NotACidr> {
        let parsed = text.split_once('/').and_then(|(address, prefix)| {
            let address: IpAddr = address.parse().ok()?;
            let prefix = prefix.parse().ok().filter(|prefix| *prefix <= bits(address))?;
            Some(Self { address, prefix })
        });
        parsed.ok_or(NotACidr(text))
    }
}

/// A link that joins hosts: a bridge, and a port of it for each card that is plugged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Segment {
    /// Its name in the plan.
    pub id: Name,
    /// The name of its bridge, in the links' own namespace.
    pub bridge: String,
    /// How long every frame takes from the bridge to a host.
    pub delay: Duration,
}

/// The networks that a segment may have, in both address families. All are for documentation: they are
/// nobody's, and a lab's links reach nowhere anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// TEST-NET-1 (RFC 5737) and 2001:db8:0:1::/64 (RFC 3849).
    First,
    /// TEST-NET-2 and 2001:db8:0:2::/64.
    Second,
    /// TEST-NET-3 and 2001:db8:0:3::/64.
    Third,
}

impl Network {
    fn number(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Second => 2,
            Self::Third => 3,
        }
    }

    fn ipv4(self, last: u8) -> Cidr {
        let [a, b, c] = match self {
            Self::First => [192, 0, 2],
            Self::Second => [198, 51, 100],
            Self::Third => [203, 0, 113],
        };
        Cidr {
            address: Ipv4Addr::new(a, b, c, last).into(),
            prefix: 24,
        }
    }

    fn ipv6(self, last: u8) -> Cidr {
        let network = u16::from(self.number());
        Cidr {
            address: Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, last_group(last)).into(),
            prefix: 64,
        }
    }
}

/// The last group of an IPv6 address reads as the end of the IPv4 address: `::31` for `.31`.
fn last_group(last: u8) -> u16 {
    let (tens, ones) = (u16::from(last / 10), u16::from(last % 10));
    (tens / 10) << 8 | (tens % 10) << 4 | ones
}

/// What an address is for. Each use has numbers of its own, so that a trace reads easily.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A client: .10 to .19.
    Client,
    /// A balancer: .20 to .30.
    Balancer,
    /// A real server: .31 to .99.
    Server,
    /// A virtual service: .100 to .110. It has no card of its own.
    Virtual,
    /// A further address of a client's card: .111 to .199.
    Further,
    /// A router between segments: .200 to .254.
    Router,
}

impl Use {
    const COUNT: usize = 6;

    fn numbers(self) -> (u8, u8) {
        match self {
            Self::Client => (10, 19),
            Self::Balancer => (20, 30),
            Self::Server => (31, 99),
            Self::Virtual => (100, 110),
            Self::Further => (111, 199),
            Self::Router => (200, 254),
        }
    }

    fn place(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Balancer => 1,
            Self::Server => 2,
            Self::Virtual => 3,
            Self::Router => 4,
            Self::Further => 5,
        }
    }
}

// The check refuses a lab that has more real servers than a segment has addresses for.
const _: () = assert!(MAX_REAL_SERVERS == 99 - 31 + 1);
// And a client of more addresses.
const _: () = assert!(MAX_CLIENTS == 199 - 111 + 1 + 1);

/// What one place on a segment is called: a card's addresses, or those of a virtual service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocated {
    /// How many of this use were there before.
    pub index: u8,
    /// The Ethernet address of its card: locally administered (second bit of the first byte), the last byte
    /// that of the IPv4 address.
    pub mac: Mac,
    /// Its IPv4 address.
    pub ipv4: Cidr,
    /// Its IPv6 address.
    pub ipv6: Cidr,
    /// Its link-local IPv6 address (RFC 4291, 2.5.6). It ends as the other one does.
    pub link_local: Cidr,
    /// The name of its bridge port. It goes by the address: a host's own name could be one of ip(8)'s
    /// keywords, or too long.
    pub port: String,
}

/// Gives the addresses of a segment, each once, and in the same order for the same lab.
#[derive(Debug, Clone)]
pub struct Allocator {
    network: Network,
    given: [u8; Use::COUNT],
}

impl Allocator {
    /// An allocator that has given nothing yet.
    #[must_use]
    pub fn new(network: Network) -> Self {
        Self {
            network,
            given: [0; Use::COUNT],
        }
    }

    /// The next addresses for this use; `None` if all are given.
    pub fn next(&mut self, of: Use) -> Option<Allocated> {
        let (first, last) = of.numbers();
        let given = self.given.get_mut(of.place())?;
        let index = *given;
        let number = first.checked_add(index).filter(|number| *number <= last)?;
        *given += 1;
        let port = match self.network {
            Network::First => format!("port{number}"),
            Network::Second | Network::Third => format!("port{}-{number}", self.network.number()),
        };
        Some(Allocated {
            index,
            mac: Mac([0x02, 0x6c, 0x76, 0x00, self.network.number() - 1, number]),
            ipv4: self.network.ipv4(number),
            ipv6: self.network.ipv6(number),
            link_local: Cidr {
                address: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last_group(number)).into(),
                prefix: 64,
            },
            port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn all(network: Network, of: Use) -> Vec<Allocated> {
        let mut allocator = Allocator::new(network);
        std::iter::from_fn(|| allocator.next(of)).collect()
    }

    #[test]
    fn addresses_of_both_families_count_up_from_those_of_the_use() {
        let servers = all(Network::First, Use::Server);
        assert_eq!(servers.len(), MAX_REAL_SERVERS);
        let second = &servers[1];
        assert_eq!(second.ipv4.to_string(), "192.0.2.32/24");
        assert_eq!(second.ipv6.to_string(), "2001:db8:0:1::32/64");
        assert_eq!(second.link_local.to_string(), "fe80::32/64");
        assert_eq!(second.mac.to_string(), "02:6c:76:00:00:20");
        assert_eq!((second.index, second.port.as_str()), (1, "port32"));
        let vip = Allocator::new(Network::Second).next(Use::Virtual).unwrap();
        assert_eq!(vip.ipv4.to_string(), "198.51.100.100/24");
        assert_eq!(vip.ipv6.to_string(), "2001:db8:0:2::100/64");
        assert_eq!(vip.port, "port2-100");
    }

    /// Two hosts with one address, and nobody could tell them apart.
    #[test]
    fn no_address_is_given_twice() {
        let networks = [Network::First, Network::Second, Network::Third];
        let uses = [
            Use::Client,
            Use::Balancer,
            Use::Server,
            Use::Virtual,
            Use::Further,
            Use::Router,
        ];
        let mut seen = BTreeSet::new();
        let mut count = 0;
        for network in networks {
            for of in uses {
                for given in all(network, of) {
                    count += 1;
                    seen.extend([
                        given.mac.to_string(),
                        given.ipv4.to_string(),
                        given.ipv6.to_string(),
                        given.port,
                    ]);
                }
            }
        }
        assert_eq!(count, 3 * (10 + 11 + 69 + 11 + 89 + 55));
        assert_eq!(seen.len(), 4 * count);
    }

    #[test]
    fn a_cidr_is_read_as_it_is_written() {
        for text in ["192.0.2.10/24", "192.0.2.100/32", "2001:db8::1/128"] {
            assert_eq!(Cidr::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        for wrong in [
            "192.0.2.10",
            "192.0.2.10/33",
            "x/24",
            "2001:db8::1/129",
            "192.0.2.10/-1",
        ] {
            assert!(Cidr::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        let vip = Cidr::alone("2001:db8::100".parse().unwrap());
        assert_eq!(vip.to_string(), "2001:db8::100/128");
    }
}
