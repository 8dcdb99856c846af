//! ICMP and ICMPv6 messages as tcpdump prints them (its print-icmp.c and print-icmp6.c).

use crate::capture::decode;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An ICMP message of IPv4 between `ICMP` and its length.
pub(super) fn of_ipv4(kind: u8, code: u8, rest: [u8; 4], body: &[u8]) -> String {
    let [a, b, c, d] = rest;
    let (first, second) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    match (kind, code, decode::quoted(body)) {
        (0, ..) => format!("echo reply, id {first}, seq {second}"),
        (8, ..) => format!("echo request, id {first}, seq {second}"),
        (3, _, Some(quoted)) => unreachable(code, second, &quoted),
        (5, 0..=3, Some(quoted)) => {
            let tos = if code > 1 { "-tos" } else { "" };
            let what = if code.is_multiple_of(2) { "net" } else { "host" };
            format!(
                "redirect{tos} {} to {what} {}",
                quoted.destination,
                Ipv4Addr::from(rest)
            )
        }
        (11, 0, _) => "time exceeded in-transit".to_owned(),
        (11, 1, _) => "ip reassembly time exceeded".to_owned(),
        _ => format!("type {kind}, code {code}"),
    }
}

fn unreachable(code: u8, mtu: u16, quoted: &decode::Quoted) -> String {
    let (target, protocol) = (quoted.destination, quoted.protocol);
    match code {
        0 => format!("net {target} unreachable"),
        1 => format!("host {target} unreachable"),
        2 => format!("{target} protocol {protocol} unreachable"),
        3 => match quoted.port {
            Some((name, port)) => format!("{target} {name} port {port} unreachable"),
            None => format!(
                "{target} protocol {protocol} port {} unreachable",
                quoted.bytes3to4
            ),
        },
        4 if mtu > 0 => format!("{target} unreachable - need to frag (mtu {mtu})"),
        4 => format!("{target} unreachable - need to frag"),
        5 => format!("{target} unreachable - source route failed"),
        6 => format!("net {target} unreachable - unknown"),
        7 => format!("host {target} unreachable - unknown"),
        8 => format!("{target} unreachable - source host isolated"),
        9 => format!("net {target} unreachable - admin prohibited"),
        10 => format!("host {target} unreachable - admin prohibited"),
        11 => format!("net {target} unreachable - tos prohibited"),
        12 => format!("host {target} unreachable - tos prohibited"),
        13 => format!("host {target} unreachable - admin prohibited filter"),
        14 => format!("host {target} unreachable - host precedence violation"),
        15 => format!("host {target} unreachable - precedence cutoff"),
        _ => format!("{target} unreachable - #{code}"),
    }
}

/// An ICMPv6 message between `ICMP6` and its length. The two blanks before `unreachable prohibited` are
/// tcpdump's.
pub(super) fn of_ipv6(kind: u8, code: u8, rest: [u8; 4], body: &[u8]) -> String {
    let [a, b, c, d] = rest;
    let (first, second) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let target = || {
        let address: Option<[u8; 16]> = body.first_chunk().copied();
        address.map_or_else(String::new, |bytes| Ipv6Addr::from(bytes).to_string())
    };
    let quoted = decode::quoted(body);
    let to = quoted.map_or_else(String::new, |quoted| quoted.destination.to_string());
    match (kind, code) {
        (1, 4) => {
            let port = quoted.map_or_else(String::new, |quoted| match quoted.port {
                Some((name, port)) => format!("{to} {name} port {port}"),
                None => format!("{to} protocol {} port 0 unreachable", quoted.protocol),
            });
            format!("destination unreachable, unreachable port, {port}")
        }
        (1, _) => {
            let what = match code {
                0 => "unreachable route",
                1 => " unreachable prohibited",
                2 => "beyond scope",
                3 => "unreachable address",
                _ => return format!("destination unreachable, unknown unreach code ({code})"),
            };
            format!("destination unreachable, {what} {to}")
        }
        (2, _) => format!("packet too big, mtu {}", u32::from_be_bytes(rest)),
        (3, 0) => format!("time exceeded in-transit for {to}"),
        (3, 1) => "time exceeded in-transit (reassembly)".to_owned(),
        (128, _) => format!("echo request, id {first}, seq {second}"),
        (129, _) => format!("echo reply, id {first}, seq {second}"),
        (133, _) => "router solicitation".to_owned(),
        (134, _) => "router advertisement".to_owned(),
        (135, _) => format!("neighbor solicitation, who has {}", target()),
        (136, _) => format!("neighbor advertisement, tgt is {}", target()),
        // The better next hop, and for what (RFC 4861, 4.5).
        (137, _) => {
            let destination: Option<[u8; 16]> = body.get(16..32).and_then(|bytes| bytes.try_into().ok());
            let to = destination.map_or_else(String::new, |bytes| Ipv6Addr::from(bytes).to_string());
            format!("redirect, {to} to {}", target())
        }
        (143, _) => format!("multicast listener report v2, {second} group record(s)"),
        _ => format!("type {kind}, code {code}"),
    }
}
