//! The tables as ipvsadm(8) prints them. So what the kernel shows need not be asked for by a program, whose
//! start costs a guest more than all else that a snapshot takes.

use super::{Connections, Listen, Protocol, Service, Table, Target};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

impl Table {
    /// What `ipvsadm -Ln` prints below its first line, which is that of `/proc/net/ip_vs`.
    ///
    /// `None` if something of it is not known here. `/proc/net/ip_vs` is silent on the flags of a scheduler,
    /// which `sh` and `mh` have, on the family of a firewall mark, and on the seconds of persistence.
    #[must_use]
    pub fn print(&self) -> Option<String> {
        let services = self.services.iter().map(|service| match service.listen {
            Listen::Socket { protocol, address } => Some((address.is_ipv6(), protocol, address, service)),
            Listen::Mark { .. } => None,
        });
        let mut services = services.collect::<Option<Vec<_>>>()?;
        sorted_alike(services.iter().map(|(_, _, address, _)| *address))?;
        // libipvs/libipvs.c, `ipvs_cmp_services`.
        services.sort_by_key(|(ipv6, protocol, address, _)| (*ipv6, number(*protocol), *address));
        let mut text = "Prot LocalAddress:Port Scheduler Flags\n  \
                        -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
            .to_owned();
        for (_, protocol, address, service) in services {
            let protocol = protocol.to_string();
            writeln!(text, "{protocol:<4} {address} {}", flags(service)?).ok()?;
            let mut destinations: Vec<_> = service.destinations.iter().collect();
            let family = destinations.first().map(|first| first.address.is_ipv6());
            if destinations.iter().any(|it| Some(it.address.is_ipv6()) != family) {
                return None;
            }
            sorted_alike(destinations.iter().map(|it| it.address))?;
            // `ipvs_cmp_dests`.
            destinations.sort_by_key(|it| it.address);
            for it in destinations {
                let (address, method) = (it.address.to_string(), it.method.name());
                let (weight, active, inactive) = (it.weight, it.active, it.inactive);
                writeln!(
                    text,
                    "  -> {address:<28} {method:<7} {weight:<6} {active:<10} {inactive:<10}"
                )
                .ok()?;
            }
        }
        Some(text)
    }
}

impl Connections {
    /// What `ipvsadm -Lnc` prints. `None` if there is an entry of a firewall mark.
    #[must_use]
    pub fn print(&self) -> Option<String> {
        let mut text = "IPVS connection entries\n\
                        pro expire state       source             virtual            destination\n"
            .to_owned();
        for entry in &self.entries {
            let (Some(protocol), Target::Socket(service)) = (entry.protocol, entry.service) else {
                return None;
            };
            let [protocol, client, service] = [
                protocol.to_string(),
                entry.client.to_string(),
                service.to_string(),
            ];
            writeln!(
                text,
                "{protocol:<3} {}  {:<11} {client:<18} {service:<18} {}",
                entry.expires_listed(),
                entry.state,
                entry.destination
            )
            .ok()?;
        }
        Some(text)
    }
}

/// The scheduler and what follows it.
fn flags(service: &Service) -> Option<String> {
    let has_flags = ["sh", "mh"].contains(&service.scheduler.as_str());
    if has_flags || service.persistence.is_some() {
        return None;
    }
    let ops = if service.one_packet { " ops" } else { "" };
    Some(format!("{}{ops}", service.scheduler))
}

/// Its number in IP.
fn number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    }
}

/// Does ipvsadm sort these addresses by their size? It looks at the sign of the difference of two words of 32
/// bits, taken as an `int`: where words are 2^31 or more apart, the larger one comes first.
fn sorted_alike(addresses: impl Iterator<Item = SocketAddr>) -> Option<()> {
    let addresses: Vec<IpAddr> = addresses.map(|address| address.ip()).collect();
    let near = |words: Vec<u32>| {
        let spread = words.iter().max().zip(words.iter().min());
        spread.is_none_or(|(most, least)| most - least < 1 << 31)
    };
    let v4 = addresses.iter().filter_map(|address| match address {
        IpAddr::V4(address) => Some(u32::from(*address)),
        IpAddr::V6(_) => None,
    });
    let mut alike = near(v4.collect());
    for shift in [96, 64, 32, 0] {
        let words = addresses.iter().filter_map(|address| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => u32::try_from((u128::from(*address) >> shift) & 0xffff_ffff).ok(),
        });
        alike &= near(words.collect());
    }
    alike.then_some(())
}
