//! ldirectord.cf(5).

use super::ipvsadm::{of_ipv6, with_port};
use super::{Found, add_server, add_service, prefix, said_prefix, seconds};
use crate::endpoint::Endpoint;
use crate::place::{Notes, Place, Source};
use crate::service::{Listen, Method, Server, Service, Tunnel};
use lvs_matrix_model::scenario::Forwarding;

/// Does the line tell that this is the file?
pub(super) fn is_of_it(line: &str) -> bool {
    matches!(
        directive(line),
        Some(("virtual" | "virtual6" | "real" | "real6", _))
    )
}

fn directive(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once('=')?;
    let value = value.trim();
    let value = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value);
    Some((key.trim(), value))
}

pub(super) fn read(source: &Source) -> Found {
    let mut found = Found::default();
    // The service whose lines these are; none if its own line was not understood.
    let mut current = None;
    let mut in_a_service = false;
    for (number, whole) in (1..).zip(source.text.lines()) {
        let place = source.at(number);
        let line = whole.split('#').next().unwrap_or_default();
        if line.trim().is_empty() {
            continue;
        }
        let Some((key, value)) = directive(line.trim()) else {
            found.notes.lost(&place, whole, "no line of ldirectord.cf(5)");
            continue;
        };
        if matches!(key, "virtual" | "virtual6") {
            in_a_service = true;
            current = match listen(value, key == "virtual6") {
                Ok(listen) => {
                    let mut service = Service::new(listen, place.clone());
                    // ldirectord.cf(5): its default is wrr.
                    service.scheduler = "wrr".to_owned();
                    match add_service(&mut found.services, service) {
                        Ok(()) => found.services.len().checked_sub(1),
                        Err(why) => {
                            found.notes.lost(&place, whole, why);
                            None
                        }
                    }
                }
                Err(why) => {
                    found.notes.lost(&place, whole, why);
                    None
                }
            };
            continue;
        }
        let indented = line.starts_with([' ', '\t']);
        let service = current.and_then(|at: usize| found.services.get_mut(at));
        let done = match service {
            _ if !indented && in_a_service && matches!(key, "real" | "real6") => {
                Err("a line of a service begins with a space or a tab".to_owned())
            }
            _ if !indented || !in_a_service => Err(global(key)),
            Some(service) => of_service(service, key, value, &place, &mut found.notes),
            None => Err("it is of a service that is not taken over".to_owned()),
        };
        if let Err(why) = done {
            let what = if matches!(key, "login" | "passwd" | "emailalert") {
                key
            } else {
                whole
            };
            found.notes.lost(&place, what, why);
        }
    }
    found
}

fn global(key: &str) -> String {
    match key {
        "checktimeout" | "checkinterval" | "checkcount" | "negotiatetimeout" | "failurecount" | "fork"
        | "autoreload" | "callback" | "quiescent" | "cleanstop" | "checkintervals" | "fallbackcommand" => {
            "it is of the health check; the steps of a scenario are the health check of a lab".to_owned()
        }
        "fallback" | "fallback6" => {
            "a fallback of all services; name it with the service for which you need it".to_owned()
        }
        _ => "it does not bear on packets".to_owned(),
    }
}

fn listen(value: &str, ipv6: bool) -> Result<Listen, String> {
    if let Ok(mark) = value.parse() {
        return Ok(Listen::Mark { mark, ipv6 });
    }
    let endpoint = Endpoint::parse(value)?;
    if endpoint.port == 0 {
        return Err("no port is named".to_owned());
    }
    Ok(Listen::Tcp(endpoint))
}

/// Real servers of one line: `192.0.2.1->192.0.2.5:3306` are five.
fn endpoints(text: &str, listen: &Listen) -> Result<Vec<Endpoint>, String> {
    let Some((first, last)) = text.split_once("->") else {
        return Ok(vec![with_port(Endpoint::parse(text)?, listen)]);
    };
    let last = Endpoint::parse(last)?;
    let first = Endpoint::parse(first)?;
    let (Some(std::net::IpAddr::V4(from)), Some(std::net::IpAddr::V4(to))) =
        (first.address(), last.address())
    else {
        return Err("a range has two addresses of IPv4".to_owned());
    };
    let (from, to) = (u32::from(from), u32::from(to));
    if to < from || to - from > 255 {
        return Err("a range goes up, and has at most 256 addresses".to_owned());
    }
    let one = |address: u32| Endpoint {
        host: std::net::Ipv4Addr::from(address).to_string(),
        port: last.port,
    };
    Ok((from..=to)
        .map(|address| with_port(one(address), listen))
        .collect())
}

fn of_service(
    service: &mut Service,
    key: &str,
    value: &str,
    place: &Place,
    notes: &mut Notes,
) -> Result<(), String> {
    match key {
        "real" | "real6" | "fallback" | "fallback6" => {
            let mut words = value.split_whitespace();
            let address = words.next().ok_or("no real server is named")?;
            // A second address of a real server, `192.0.2.1:80 gate 5 "GET /"`, is what its check asks.
            let mut forwarding = Forwarding::DirectRouting;
            let mut weight = 1;
            for (at, word) in words.enumerate() {
                match word {
                    "gate" => forwarding = Forwarding::DirectRouting,
                    "masq" => forwarding = Forwarding::Masquerading,
                    "ipip" => forwarding = Forwarding::Tunneling,
                    method if at == 0 => notes.lost(
                        place,
                        method,
                        "no method of ldirectord.cf(5): gate, masq or ipip; read as gate",
                    ),
                    number if at == 1 && number.trim_start_matches('-').parse::<f64>().is_ok() => {
                        match number.parse() {
                            Ok(number) => weight = number,
                            Err(_) => notes.lost(place, number, "no weight that IPVS takes; read as 1"),
                        }
                    }
                    other => notes.lost(
                        place,
                        other,
                        "it is of the health check; the steps of a scenario are the health check of a lab",
                    ),
                }
            }
            let stands_by = key.starts_with("fallback");
            for endpoint in endpoints(address, &service.listen)? {
                let local = endpoint.address().is_some_and(|address| address.is_loopback());
                let server = Server {
                    endpoint,
                    weight,
                    method: if local {
                        Method::Local
                    } else {
                        Method::By(forwarding, Tunnel::default())
                    },
                    upper: 0,
                    lower: 0,
                    stands_by,
                    place: place.clone(),
                };
                add_server(service, server)?;
            }
        }
        "scheduler" => value.clone_into(&mut service.scheduler),
        "persistent" => {
            service.persistence = Some(seconds(value).ok_or_else(|| format!("`{value}` is no time"))?);
        }
        "netmask" => {
            let length = prefix(value).ok_or_else(|| format!("`{value}` is no mask"))?;
            service.prefix = said_prefix(length, of_ipv6(&service.listen));
        }
        "protocol" => match (value, &service.listen) {
            ("tcp", Listen::Tcp(_)) | ("fwm", Listen::Mark { .. }) => {}
            ("udp", Listen::Tcp(endpoint)) => service.listen = Listen::Udp(endpoint.clone()),
            ("sctp", Listen::Tcp(endpoint)) => service.listen = Listen::Sctp(endpoint.clone()),
            _ => return Err(format!("`{value}` does not fit {}", service.listen)),
        },
        "ops" => service.one_packet = value == "yes",
        "schedulerflags" | "flags" => {
            service.flags = value.split(',').map(|flag| flag.trim().to_owned()).collect();
        }
        "checktype" | "service" | "checkport" | "checkcommand" | "request" | "receive" | "virtualhost"
        | "httpmethod" | "login" | "passwd" | "database" | "secret" | "checktimeout" | "negotiatetimeout"
        | "checkinterval" | "checkcount" | "failurecount" | "quiescent" | "load" | "fallbackcommand"
        | "cleanstop" | "readdquiescent" => {
            return Err(
                "it is of the health check; the steps of a scenario are the health check of a lab".to_owned(),
            );
        }
        "monitorfile" | "emailalert" | "emailalertfreq" | "emailalertstatus" | "smtp" => {
            return Err("it does not bear on packets".to_owned());
        }
        _ => return Err("no line of a service in ldirectord.cf(5)".to_owned()),
    }
    Ok(())
}
