//! The kernel's own table, `/proc/net/ip_vs` (net/netfilter/ipvs/ip_vs_ctl.c, `ip_vs_info_seq_show`): addresses and ports in
//! hexadecimal.

use crate::error::{Result, Stage};
use lvs_matrix_netns::Namespace;
use std::net::IpAddr;

/// The services of a director.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) services: Vec<Service>,
}

/// A virtual service of TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    /// `C0000264:0CEA`.
    address: String,
    pub(crate) scheduler: String,
    /// Its real servers, ordered by address: the kernel's order depends on which was added first.
    pub(crate) destinations: Vec<Destination>,
}

/// A real server in the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Destination {
    address: String,
    /// `Route`, `Masq`, `Tunnel`.
    pub(crate) method: String,
    pub(crate) weight: u32,
}

/// The director's table now.
pub(crate) fn table(namespace: &Namespace) -> Result<Table> {
    let stage = "read /proc/net/ip_vs";
    let text = namespace
        .run(|| std::fs::read_to_string("/proc/thread-self/net/ip_vs"))
        .stage(stage)?
        .stage(stage)?;
    Ok(Table::parse(&text))
}

impl Table {
    fn parse(text: &str) -> Self {
        let mut services: Vec<Service> = Vec::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["TCP", address, scheduler, ..] => services.push(Service {
                    address: (*address).to_owned(),
                    scheduler: (*scheduler).to_owned(),
                    destinations: Vec::new(),
                }),
                ["->", address, method, weight, ..] => {
                    // The line of headings has no number there.
                    let (Some(service), Ok(weight)) = (services.last_mut(), weight.parse()) else {
                        continue;
                    };
                    service.destinations.push(Destination {
                        address: (*address).to_owned(),
                        method: (*method).to_owned(),
                        weight,
                    });
                    service.destinations.sort();
                }
                _ => {}
            }
        }
        Self { services }
    }

    /// The service with this address and port.
    pub(crate) fn service(&self, address: IpAddr, port: u16) -> Option<&Service> {
        let wanted = hexadecimal(address, port)?;
        self.services.iter().find(|service| service.address == wanted)
    }

    /// Services and real servers together: the lines that `ipvsadm -S` saves.
    pub(crate) fn lines(&self) -> usize {
        self.services.iter().map(|service| 1 + service.destinations.len()).sum()
    }
}

impl Service {
    /// The real server with this address and port.
    pub(crate) fn destination(&self, address: IpAddr, port: u16) -> Option<&Destination> {
        let wanted = hexadecimal(address, port)?;
        self.destinations
            .iter()
            .find(|destination| destination.address == wanted)
    }
}

fn hexadecimal(address: IpAddr, port: u16) -> Option<String> {
    match address {
        IpAddr::V4(address) => Some(format!("{:08X}:{port:04X}", u32::from(address))),
        // Labs are of IPv4.
        IpAddr::V6(_) => None,
    }
}

/// The table of such a text, for the tests of what it proves.
#[cfg(test)]
pub(crate) fn parsed(text: &str) -> Table {
    Table::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C0000264:0CEA rr
  -> C0000220:0CEA      Route   7      0          0
  -> C000021F:0CEA      Masq    0      1          0
TCP  C0000264:0050 wlc
";

    #[test]
    fn the_kernels_table_is_read() {
        let table = Table::parse(TABLE);
        let vip = IpAddr::from([192, 0, 2, 100]);
        let service = table.service(vip, 3306).unwrap();
        assert_eq!(service.scheduler, "rr");
        let found = |last: u8| {
            let found = service.destination(IpAddr::from([192, 0, 2, last]), 3306)?;
            Some((found.method.as_str(), found.weight))
        };
        assert_eq!(found(32), Some(("Route", 7)));
        assert_eq!(found(31), Some(("Masq", 0)), "weight 0 is in the table");
        assert_eq!(found(33), None, "a deleted server is not");
        assert_eq!(found(100), None, "the service is no server");
        assert_eq!(table.service(vip, 80).unwrap().destinations, Vec::new());
        assert!(table.service(vip, 81).is_none());
        assert_eq!(table.lines(), 4);
    }
}
