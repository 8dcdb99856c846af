//! The lines of `ipvsadm -Ln` and `ipvsadm -Lnc`.

use super::{
    Connection, Destination, Listen, Method, Persistence, Service, Target, group, mark, prefix, protocol,
};
use std::net::Ipv4Addr;
use std::time::Duration;

/// `TCP  192.0.2.100:80 sh (sh-fallback,sh-port) persistent 300 mask 255.255.255.0`,
/// `UDP  192.0.2.100:53 rr ops`, `FWM  9 IPv6 wrr`.
pub(super) fn service(words: &[&str]) -> Option<Service> {
    let (listen, rest) = match words {
        ["FWM", number, "IPv6", rest @ ..] => (marked(number, true)?, rest),
        ["FWM", number, rest @ ..] => (marked(number, false)?, rest),
        [name, address, rest @ ..] => {
            let address = address.parse().ok()?;
            let protocol = protocol(name)?;
            (Listen::Socket { protocol, address }, rest)
        }
        [] | [_] => return None,
    };
    let [scheduler, rest @ ..] = rest else {
        return None;
    };
    let ipv6 = match listen {
        Listen::Socket { address, .. } => address.is_ipv6(),
        Listen::Mark { ipv6, .. } => ipv6 == Some(true),
    };
    let mut service = Service {
        listen,
        scheduler: (*scheduler).to_owned(),
        scheduler_flags: Vec::new(),
        one_packet: false,
        persistence: None,
        destinations: Vec::new(),
    };
    let mut rest = rest;
    while let [word, after @ ..] = rest {
        rest = match (*word, after) {
            ("persistent", [seconds, "mask", mask, after @ ..]) => {
                service.persistence = Some(Persistence {
                    timeout: Some(Duration::from_secs(seconds.parse().ok()?)),
                    prefix: group(mask_length(mask, ipv6)?, ipv6),
                });
                after
            }
            ("persistent", [seconds, after @ ..]) => {
                service.persistence = Some(Persistence {
                    timeout: Some(Duration::from_secs(seconds.parse().ok()?)),
                    prefix: None,
                });
                after
            }
            ("ops", after) => {
                service.one_packet = true;
                after
            }
            (flags, after) => {
                let names = flags.strip_prefix('(')?.strip_suffix(')')?;
                service.scheduler_flags = names.split(',').map(str::to_owned).collect();
                after
            }
        };
    }
    Some(service)
}

fn marked(number: &str, ipv6: bool) -> Option<Listen> {
    Some(Listen::Mark {
        mark: number.parse().ok()?,
        ipv6: Some(ipv6),
    })
}

/// `255.255.255.0` in IPv4, `64` in IPv6.
fn mask_length(mask: &str, ipv6: bool) -> Option<u8> {
    if ipv6 {
        mask.parse().ok().filter(|length| *length <= 128)
    } else {
        prefix(u32::from(mask.parse::<Ipv4Addr>().ok()?))
    }
}

/// `-> 192.0.2.31:3306              Route   1      0          0`.
pub(super) fn destination(words: &[&str]) -> Option<Destination> {
    let ["->", address, method, weight, active, inactive] = words else {
        return None;
    };
    Some(Destination {
        address: address.parse().ok()?,
        method: Method::named(method)?,
        weight: weight.parse().ok()?,
        active: active.parse().ok()?,
        inactive: inactive.parse().ok()?,
    })
}

/// `TCP 14:58  ESTABLISHED 192.0.2.1:40000 192.0.2.100:3306 192.0.2.31:3306`, and what a persistence engine
/// adds.
pub(super) fn connection(words: &[&str]) -> Option<Connection> {
    let [name, expires, state, client, service, destination, ..] = words else {
        return None;
    };
    let protocol = match *name {
        "IP" => None,
        name => Some(protocol(name)?),
    };
    let (minutes, seconds) = expires.split_once(':')?;
    let seconds = minutes
        .parse::<u64>()
        .ok()?
        .checked_mul(60)?
        .checked_add(seconds.parse().ok()?)?;
    let service = service.parse().ok()?;
    Some(Connection {
        protocol,
        state: (*state).to_owned(),
        expires: Duration::from_secs(seconds),
        client: client.parse().ok()?,
        service: match protocol {
            Some(_) => Target::Socket(service),
            None => Target::Mark(mark(service.ip())),
        },
        destination: destination.parse().ok()?,
    })
}
