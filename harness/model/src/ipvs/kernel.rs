//! The lines of `/proc/net/ip_vs` and `/proc/net/ip_vs_conn`: addresses of IPv4, ports and marks in
//! hexadecimal.

use super::{
    Connection, Destination, Listen, Method, Persistence, Service, Target, group, mark, prefix, protocol,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// `TCP  C0000264:0050 wlc  persistent 30000 FFFFFF00`, `UDP  C0000264:0035 rr ops`, `FWM  00000009 wrr`. For
/// IPv6 the mask is the length of the prefix, printed with its bytes in the other order: `40000000` is 64.
pub(super) fn service(words: &[&str]) -> Option<Service> {
    let [name, listen, scheduler, rest @ ..] = words else {
        return None;
    };
    let (listen, ipv6) = match *name {
        "FWM" => {
            let mark = u32::from_str_radix(listen, 16).ok()?;
            (Listen::Mark { mark, ipv6: None }, None)
        }
        name => {
            let address = socket(listen)?;
            let protocol = protocol(name)?;
            (Listen::Socket { protocol, address }, Some(address.is_ipv6()))
        }
    };
    let (one_packet, rest) = match rest {
        ["ops", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let persistence = match rest {
        [] => None,
        ["persistent", _jiffies, mask] => {
            let mask = u32::from_str_radix(mask, 16).ok()?;
            // A service of a mark does not say its family. A mask of IPv4 begins with ones, a swapped length
            // below 128 does not, and 128, a whole address, does not look like a mask of more than one bit.
            let ipv6 = ipv6.unwrap_or(mask != u32::MAX && mask.leading_ones() < 2);
            let length = if ipv6 {
                u8::try_from(mask.swap_bytes()).ok()?
            } else {
                prefix(mask)?
            };
            Some(Persistence {
                timeout: None,
                prefix: group(length, ipv6),
            })
        }
        [_, ..] => return None,
    };
    Some(Service {
        listen,
        scheduler: (*scheduler).to_owned(),
        scheduler_flags: Vec::new(),
        one_packet,
        persistence,
        destinations: Vec::new(),
    })
}

/// `-> C000021F:0CEA      Route   1      0          0`.
pub(super) fn destination(words: &[&str]) -> Option<Destination> {
    let ["->", address, method, weight, active, inactive] = words else {
        return None;
    };
    Some(Destination {
        address: socket(address)?,
        method: Method::named(method)?,
        weight: weight.parse().ok()?,
        active: active.parse().ok()?,
        inactive: inactive.parse().ok()?,
    })
}

/// `TCP C0000201 8F90 C0000264 0CEA C000021F 0CEA SYN_RECV         59`, and what a persistence engine adds.
pub(super) fn connection(words: &[&str]) -> Option<Connection> {
    let [
        name,
        client,
        client_port,
        service,
        service_port,
        destination,
        destination_port,
        state,
        expires,
        ..,
    ] = words
    else {
        return None;
    };
    let protocol = match *name {
        "IP" => None,
        name => Some(protocol(name)?),
    };
    let service = pair(service, service_port)?;
    Some(Connection {
        protocol,
        state: (*state).to_owned(),
        expires: Duration::from_secs(expires.parse().ok()?),
        client: pair(client, client_port)?,
        service: match protocol {
            Some(_) => Target::Socket(service),
            None => Target::Mark(mark(service.ip())),
        },
        destination: pair(destination, destination_port)?,
    })
}

/// `C0000264:0CEA` or `[2001:0db8:…:0100]:0CEA`.
fn socket(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.rsplit_once(':')?;
    pair(address.trim_start_matches('[').trim_end_matches(']'), port)
}

fn pair(address: &str, port: &str) -> Option<SocketAddr> {
    let address = if address.contains(':') {
        IpAddr::V6(address.parse().ok()?)
    } else {
        IpAddr::V4(Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?))
    };
    Some(SocketAddr::new(address, u16::from_str_radix(port, 16).ok()?))
}
