//! The table as `ipvsadm -L` prints it, by number or by name, and what `ipvsadm -L --timeout` prints.

use super::ipvsadm::{of_ipv6, timeouts, with_port};
use super::{Found, Unreadable, add_server, add_service, prefix, said_prefix, seconds};
use crate::endpoint::Endpoint;
use crate::place::{Place, Source};
use crate::service::{Listen, Method, Server, Service, Tunnel};
use lvs_matrix_model::scenario::Forwarding;

const TIMEOUTS: &str = "Timeout (tcp tcpfin udp):";

/// Does the line begin what ipvsadm(8) prints?
pub(super) fn is_heading(line: &str) -> bool {
    line.starts_with("IP Virtual Server version")
        || line.starts_with("Prot LocalAddress:Port")
        || line.starts_with("IPVS connection entries")
        || line.starts_with(TIMEOUTS)
}

pub(super) fn read(source: &Source) -> Result<Found, Unreadable> {
    let mut found = Found::default();
    for (number, line) in (1..).zip(source.text.lines()) {
        let place = source.at(number);
        let line = line.trim();
        let heading = line.starts_with("Prot LocalAddress:Port") || line.starts_with("-> RemoteAddress:Port");
        if heading || line.is_empty() || line.starts_with("IP Virtual Server") {
            if heading && !line.contains("Scheduler") && !line.contains("Forward") {
                let what = "this table has counters in the place of schedulers and weights (`--stats`, \
                            `--rate`, `--thresholds`); give the one of `ipvsadm -Ln`, or `ipvsadm -Sn`"
                    .to_owned();
                return Err(Unreadable::Wrong { place, what });
            }
            continue;
        }
        if line.starts_with("IPVS connection entries") {
            let what = "these are connections (`ipvsadm -Lnc`), which a lab makes anew; give the table \
                        (`ipvsadm -Ln`), or `ipvsadm -Sn`"
                .to_owned();
            return Err(Unreadable::Wrong { place, what });
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let done = match words.as_slice() {
            _ if line.starts_with(TIMEOUTS) => match words.as_slice() {
                [.., tcp, tcp_fin, udp] => {
                    timeouts(tcp, tcp_fin, udp).map(|said| found.timeouts = Some((said, place.clone())))
                }
                _ => Err("three numbers are missing".to_owned()),
            },
            ["->", address, method, weight, ..] => server(address, method, weight, &place, &mut found),
            [protocol, listen, rest @ ..] => service(protocol, listen, rest, &place)
                .and_then(|service| add_service(&mut found.services, service)),
            [] | [_] => Err("no line of ipvsadm(8)".to_owned()),
        };
        if let Err(why) = done {
            found.notes.lost(&place, line, why);
        }
    }
    Ok(found)
}

fn service(protocol: &str, listen: &str, rest: &[&str], place: &Place) -> Result<Service, String> {
    let (listen, mut rest) = match (protocol, rest) {
        ("TCP", rest) => (Listen::Tcp(Endpoint::parse(listen)?), rest),
        ("UDP", rest) => (Listen::Udp(Endpoint::parse(listen)?), rest),
        ("SCTP", rest) => (Listen::Sctp(Endpoint::parse(listen)?), rest),
        ("FWM", rest) => {
            let mark = listen.parse().map_err(|_| format!("`{listen}` is no mark"))?;
            match rest {
                ["IPv6", rest @ ..] => (Listen::Mark { mark, ipv6: true }, rest),
                rest => (Listen::Mark { mark, ipv6: false }, rest),
            }
        }
        (other, _) => return Err(format!("`{other}` is no protocol of IPVS")),
    };
    let ipv6 = of_ipv6(&listen);
    let mut service = Service::new(listen, place.clone());
    let [scheduler, after @ ..] = rest else {
        return Err("no scheduler is named".to_owned());
    };
    service.scheduler = (*scheduler).to_owned();
    rest = after;
    while let [word, after @ ..] = rest {
        rest = match (*word, after) {
            ("persistent", [time, "mask", mask, after @ ..]) => {
                service.persistence = Some(seconds(time).ok_or_else(|| format!("`{time}` is no time"))?);
                let length = prefix(mask).ok_or_else(|| format!("`{mask}` is no mask"))?;
                service.prefix = said_prefix(length, ipv6);
                after
            }
            ("persistent", [time, after @ ..]) => {
                service.persistence = Some(seconds(time).ok_or_else(|| format!("`{time}` is no time"))?);
                after
            }
            ("ops", after) => {
                service.one_packet = true;
                after
            }
            (flags, after) => {
                let names = flags.strip_prefix('(').and_then(|flags| flags.strip_suffix(')'));
                let names = names.ok_or_else(|| format!("`{flags}` is nothing that ipvsadm(8) prints"))?;
                service.flags = names.split(',').map(str::to_owned).collect();
                after
            }
        };
    }
    Ok(service)
}

fn server(address: &str, method: &str, weight: &str, place: &Place, found: &mut Found) -> Result<(), String> {
    let service = found
        .services
        .last_mut()
        .ok_or("no line above has a virtual service")?;
    let by = |forwarding| Method::By(forwarding, Tunnel::default());
    let method = match method {
        "Route" => by(Forwarding::DirectRouting),
        "Masq" => by(Forwarding::Masquerading),
        "Tunnel" => by(Forwarding::Tunneling),
        "Local" => Method::Local,
        other => {
            return Err(format!(
                "`{other}` is no packet-forwarding method that the lab has"
            ));
        }
    };
    let weight = weight.parse().map_err(|_| format!("`{weight}` is no weight"))?;
    let endpoint = with_port(Endpoint::parse(address)?, &service.listen);
    let server = Server {
        endpoint,
        weight,
        method,
        upper: 0,
        lower: 0,
        stands_by: false,
        place: place.clone(),
    };
    add_server(service, server)
}
