//! keepalived.conf(5): virtual services with their groups, real servers, and what of the rest bears on
//! clients.

use super::ipvsadm::{of_ipv6, timeouts};
use super::tree::{Statement, parse};
use super::{Found, Resolve, add_server, add_service, prefix, said_prefix, seconds};
use crate::endpoint::Endpoint;
use crate::place::{Notes, Place, Source};
use crate::service::{Kind, Listen, Method, Server, Service, Tunnel};
use lvs_matrix_model::scenario::{Forwarding, TunnelType};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

/// `persistence_timeout` without a number (keepalived.conf(5): 6 minutes).
const PERSISTENCE: Duration = Duration::from_secs(360);
/// Services that a group may have.
const MOST_OF_A_GROUP: usize = 256;

/// Is it the first word of a file of keepalived's?
pub(super) fn is_of_it(word: &str) -> bool {
    let word = word.trim_end_matches('{');
    matches!(
        word,
        "global_defs"
            | "virtual_server"
            | "virtual_server_group"
            | "vrrp_instance"
            | "vrrp_sync_group"
            | "vrrp_script"
            | "vrrp_track_file"
            | "vrrp_track_process"
            | "static_ipaddress"
            | "static_routes"
            | "static_rules"
            | "real_server"
            | "include"
            | "net_namespace"
            | "instance"
            | "bfd_instance"
            | "linkbeat_interfaces"
            | "linkbeat_use_polling"
    ) || word.starts_with('$') && word.contains('=')
        || word.starts_with('@')
}

pub(super) fn read(source: &Source, resolve: &mut Resolve<'_>) -> Found {
    let mut found = Found::default();
    let (statements, mut files) = parse(source, resolve, &mut found.notes);
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    found.kinds = files.into_iter().map(|file| (file, Kind::Keepalived)).collect();
    let mut groups = BTreeMap::new();
    let is_used = |name: &str| {
        let mut servers = statements.iter().filter(|one| one.word(0) == "virtual_server");
        servers.any(|one| one.word(1) == "group" && one.word(2) == name)
    };
    for statement in &statements {
        if statement.word(0) == "virtual_server_group" {
            let members = group(statement, &mut found.notes);
            let name = statement.word(1);
            let why = if groups.contains_key(name) {
                "a group of this name is there already, and that one counts"
            } else if !is_used(name) {
                "no virtual_server has this group"
            } else {
                ""
            };
            if !why.is_empty() {
                found.notes.lost(&statement.line, statement.said(), why);
            }
            groups.entry(name.to_owned()).or_insert(members);
        }
    }
    for statement in &statements {
        top(statement, &groups, &mut found);
    }
    found
}

fn top(statement: &Statement, groups: &BTreeMap<String, Vec<Listen>>, found: &mut Found) {
    let place = &statement.line;
    let block = statement.inner();
    match statement.word(0) {
        "virtual_server_group" => {}
        "virtual_server" => virtual_server(statement, groups, found),
        "global_defs" => {
            for inner in block {
                match (inner.word(0), inner.words.get(1..).unwrap_or_default()) {
                    ("lvs_timeouts", said) => match of_timeouts(said) {
                        Ok(said) => found.timeouts = Some((said, inner.line.clone())),
                        Err(why) => found.notes.lost(&inner.line, inner.said(), why),
                    },
                    ("lvs_sync_daemon", _) => found.notes.lost(
                        &inner.line,
                        inner.said(),
                        "the lab has one director, and nobody to synchronise connections with",
                    ),
                    ("lvs_flush" | "lvs_flush_on_stop", _) => found.notes.lost(
                        &inner.line,
                        inner.said(),
                        "it is of a start and a stop of keepalived; as a step it is `flush-table`",
                    ),
                    _ => found
                        .notes
                        .lost(&inner.line, "global_defs", "it does not bear on packets"),
                }
            }
        }
        "vrrp_instance" => {
            found.notes.lost(
                place,
                statement.said(),
                "the lab has one director, which has the VIP from the beginning on; nothing fails over",
            );
        }
        word => {
            let why = match word {
                "vrrp_sync_group" | "vrrp_script" | "vrrp_track_file" | "vrrp_track_process"
                | "bfd_instance" => "the lab has one director, and nothing fails over",
                "real_server" => "it is not in a virtual_server",
                "static_ipaddress" | "static_routes" | "static_rules" => {
                    "the lab's hosts have addresses and routes of their own"
                }
                _ => "it does not bear on packets",
            };
            found.notes.lost(place, statement.said(), why);
        }
    }
}

/// `lvs_timeouts tcp 900 tcpfin 120 udp 300`, in any order.
fn of_timeouts(words: &[String]) -> Result<crate::service::Timeouts, String> {
    let mut said = ["0"; 3];
    for pair in words.chunks(2) {
        let [name, value] = pair else {
            return Err("a number is missing".to_owned());
        };
        let at = ["tcp", "tcpfin", "udp"]
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| format!("`{name}` is no time-out"))?;
        said[at] = value;
    }
    let [tcp, tcp_fin, udp] = said;
    timeouts(tcp, tcp_fin, udp)
}

/// What a group listens to: addresses, ranges of addresses, marks. The virtual server says of which
/// protocol.
fn group(statement: &Statement, notes: &mut Notes) -> Vec<Listen> {
    let mut out = Vec::new();
    for member in statement.inner() {
        let said = match member.words.as_slice() {
            [word, mark] if word == "fwmark" => match mark.parse() {
                Ok(mark) => Ok(vec![Listen::Mark { mark, ipv6: false }]),
                Err(_) => Err(format!("`{mark}` is no mark")),
            },
            [address, port] => range(address, port),
            _ => Err("no address with a port".to_owned()),
        };
        match said {
            Ok(said) => out.extend(said),
            Err(why) => notes.lost(&member.line, member.said(), why),
        }
    }
    if out.len() > MOST_OF_A_GROUP {
        notes.lost(
            &statement.line,
            statement.said(),
            format!("more than {MOST_OF_A_GROUP} services; the others are left out"),
        );
        out.truncate(MOST_OF_A_GROUP);
    }
    out
}

/// `192.0.2.10-12 80` are three.
fn range(address: &str, port: &str) -> Result<Vec<Listen>, String> {
    let one = |host: &str| Ok(Listen::Tcp(Endpoint::of(host, port)?));
    let Some((first, last)) = address.split_once('-') else {
        return Ok(vec![one(address)?]);
    };
    let parsed: Option<(Ipv4Addr, u8)> = first.parse().ok().zip(last.parse().ok());
    let (from, to) = parsed.ok_or_else(|| format!("`{address}` is no range of addresses of IPv4"))?;
    let [a, b, c, low] = from.octets();
    if to < low {
        return Err(format!("`{address}` goes down: a range goes up"));
    }
    (low..=to)
        .map(|last| one(&Ipv4Addr::new(a, b, c, last).to_string()))
        .collect()
}

/// What a virtual server's block says of each of its services.
struct Said {
    protocol: String,
    kind: Option<(Forwarding, Tunnel)>,
    weight: u32,
    ipv6: Option<bool>,
    inhibit: bool,
}

fn virtual_server(statement: &Statement, groups: &BTreeMap<String, Vec<Listen>>, found: &mut Found) {
    let notes = &mut found.notes;
    let words: Vec<&str> = statement.words.iter().skip(1).map(String::as_str).collect();
    let listens = match words.as_slice() {
        ["group", name] => groups
            .get(*name)
            .cloned()
            .ok_or_else(|| format!("no virtual_server_group `{name}` is in the files")),
        ["fwmark", mark] => match mark.parse() {
            Ok(mark) => Ok(vec![Listen::Mark { mark, ipv6: false }]),
            Err(_) => Err(format!("`{mark}` is no mark")),
        },
        [address, port] => Endpoint::of(address, port).map(|endpoint| vec![Listen::Tcp(endpoint)]),
        _ => Err("it names no address and port".to_owned()),
    };
    let listens = match listens {
        Ok(listens) => listens,
        Err(why) => {
            notes.lost(&statement.line, statement.said(), why);
            return;
        }
    };
    if listens.is_empty() {
        let why = "its virtual_server_group has no address that was understood";
        notes.lost(&statement.line, statement.said(), why);
    }
    let place = statement.line.clone();
    let mut pattern = Service::new(Listen::Mark { mark: 0, ipv6: false }, place);
    let mut said = Said {
        protocol: "TCP".to_owned(),
        kind: None,
        weight: 1,
        ipv6: None,
        inhibit: false,
    };
    let mut servers = Vec::new();
    for inner in statement.inner() {
        match inner.word(0) {
            "real_server" | "sorry_server" => servers.push(inner),
            _ => {
                if let Err(why) = of_service(inner, &mut pattern, &mut said, notes) {
                    notes.lost(&inner.line, inner.said(), why);
                }
            }
        }
    }
    if said.kind.is_none() && !servers.is_empty() {
        notes.changed(
            &statement.line,
            statement.said(),
            "no lvs_method is named: read as NAT, which is keepalived's own default",
        );
    }
    for listen in listens {
        let listen = match (listen, said.protocol.to_ascii_uppercase().as_str()) {
            (Listen::Tcp(endpoint), "UDP") => Listen::Udp(endpoint),
            (Listen::Tcp(endpoint), "SCTP") => Listen::Sctp(endpoint),
            (Listen::Mark { mark, .. }, _) => Listen::Mark {
                mark,
                ipv6: said.ipv6.unwrap_or_default(),
            },
            (other, _) => other,
        };
        if let Some(known) = found.services.iter().find(|known| known.listen.same(&listen)) {
            let why = format!("it is there already, from {}", known.place);
            notes.lost(&statement.line, listen.to_string(), why);
            continue;
        }
        let ipv6 = of_ipv6(&listen);
        let mut service = Service {
            listen,
            prefix: pattern.prefix.and_then(|length| said_prefix(length, ipv6)),
            ..pattern.clone()
        };
        for inner in &servers {
            match server(inner, &service, &said, notes) {
                Ok(server) => {
                    if let Err(why) = add_server(&mut service, server) {
                        notes.lost(&inner.line, inner.said(), why);
                    }
                }
                Err(why) => notes.lost(&inner.line, inner.said(), why),
            }
        }
        let listen = service.listen.to_string();
        if let Err(why) = add_service(&mut found.services, service) {
            notes.lost(&statement.line, listen, why);
        }
    }
}

/// A health check: what it is called.
fn is_check(word: &str) -> bool {
    word.ends_with("_CHECK") || matches!(word, "HTTP_GET" | "SSL_GET")
}

const CHECKS: &str = "the steps of a scenario are the health check of a lab";

fn of_service(
    inner: &Statement,
    service: &mut Service,
    said: &mut Said,
    notes: &mut Notes,
) -> Result<(), String> {
    let value = inner.word(1);
    match inner.word(0) {
        "lb_algo" | "lvs_sched" => value.clone_into(&mut service.scheduler),
        "lb_kind" | "lvs_method" => said.kind = Some(method(&inner.words, &inner.line, notes)?),
        "persistence_timeout" => {
            let time = if value.is_empty() {
                PERSISTENCE
            } else {
                seconds(value).ok_or_else(|| format!("`{value}` is no number of seconds"))?
            };
            // 0 is none.
            service.persistence = Some(time).filter(|time| !time.is_zero());
        }
        "persistence_granularity" => {
            service.prefix = Some(prefix(value).ok_or_else(|| format!("`{value}` is no mask"))?);
        }
        "protocol" => match value.to_ascii_uppercase().as_str() {
            "TCP" | "UDP" | "SCTP" => value.clone_into(&mut said.protocol),
            _ => return Err(format!("`{value}` is no protocol of IPVS")),
        },
        "ops" => service.one_packet = true,
        "ip_family" => said.ipv6 = Some(value == "inet6"),
        "weight" => {
            said.weight = value.parse().map_err(|_| format!("`{value}` is no weight"))?;
        }
        "inhibit_on_failure" => {
            said.inhibit = true;
            return Err(format!(
                "it is of the health check (weight 0 in the place of a deletion); {CHECKS}"
            ));
        }
        flag @ ("sh-port" | "sh-fallback" | "mh-port" | "mh-fallback") => service.flags.push(flag.to_owned()),
        "flag-1" | "flag-2" | "flag-3" => {
            let scheduler = service.scheduler.clone();
            let of = |flag: &str| format!("{scheduler}-{flag}");
            // The two flags are the same bits for either scheduler (include/uapi/linux/ip_vs.h).
            match (inner.word(0), scheduler.as_str()) {
                ("flag-1", "sh" | "mh") => service.flags.push(of("fallback")),
                ("flag-2", "sh" | "mh") => service.flags.push(of("port")),
                _ => return Err("no scheduler looks at this flag".to_owned()),
            }
        }
        "hashed" => return Err("how the lab's kernel hashes services is its own matter".to_owned()),
        "persistence_engine" => {
            return Err("the lab has no persistence engine: clients are told by their addresses".to_owned());
        }
        "delay_loop"
        | "delay_before_retry"
        | "retry"
        | "warmup"
        | "alpha"
        | "omega"
        | "quorum"
        | "hysteresis"
        | "quorum_up"
        | "quorum_down"
        | "ha_suspend"
        | "virtualhost"
        | "connect_timeout"
        | "connect_port"
        | "connect_ip"
        | "bindto"
        | "fwmark"
        | "sorry_server_inhibit"
        | "smtp_alert"
        | "no_smtp_alert" => {
            return Err(format!("it is of the health check; {CHECKS}"));
        }
        "sorry_server_lvs_method" => {
            return Err("the sorry server has the method of the others".to_owned());
        }
        check if is_check(check) => return Err(format!("a health check; {CHECKS}")),
        _ => return Err("no line of a virtual_server in keepalived.conf(5) that is known".to_owned()),
    }
    Ok(())
}

/// `DR`, `NAT`, `TUN`, `TUN type gue port 6080 nocsum`.
fn method(words: &[String], place: &Place, notes: &mut Notes) -> Result<(Forwarding, Tunnel), String> {
    let mut rest = words.iter().skip(1).map(String::as_str);
    let forwarding = match rest.next() {
        Some("DR") => Forwarding::DirectRouting,
        Some("NAT") => Forwarding::Masquerading,
        Some("TUN") => Forwarding::Tunneling,
        other => {
            let other = other.unwrap_or_default();
            return Err(format!("`{other}` is no method: DR, NAT or TUN"));
        }
    };
    let mut tunnel = Tunnel::default();
    while let Some(word) = rest.next() {
        match word {
            "type" => {
                tunnel.kind = match rest.next() {
                    Some("ipip") => TunnelType::Ipip,
                    Some("gue") => TunnelType::Gue,
                    Some("gre") => TunnelType::Gre,
                    _ => return Err("no type of a tunnel: ipip, gue or gre".to_owned()),
                };
            }
            "port" => {
                let port = rest.next().unwrap_or_default();
                tunnel.port = Tunnel::port_of(port);
                if tunnel.port.is_none() {
                    notes.changed(place, format!("port {port}"), super::ipvsadm::TUNNEL_PORTS);
                }
            }
            "nocsum" => {}
            "csum" | "remcsum" => {
                notes.changed(place, word, "tunnels have no checksum in the lab (`nocsum`)");
            }
            other => return Err(format!("`{other}` is nothing that is said of a tunnel")),
        }
    }
    Ok((forwarding, tunnel))
}

fn server(inner: &Statement, service: &Service, said: &Said, notes: &mut Notes) -> Result<Server, String> {
    let stands_by = inner.word(0) == "sorry_server";
    let endpoint = Endpoint::of(inner.word(1), inner.word(2))?;
    let endpoint = super::ipvsadm::with_port(endpoint, &service.listen);
    let local = endpoint.address().is_some_and(|address| address.is_loopback());
    // keepalived.conf(5) has NAT where nothing is said.
    let mut kind = said.kind.unwrap_or((Forwarding::Masquerading, Tunnel::default()));
    let mut server = Server {
        endpoint,
        weight: said.weight,
        method: Method::Local,
        upper: 0,
        lower: 0,
        stands_by,
        place: inner.line.clone(),
    };
    for line in inner.inner() {
        let value = line.word(1);
        let number = || value.parse().map_err(|_| format!("`{value}` is no number"));
        let done = match line.word(0) {
            "weight" => number().map(|weight| server.weight = weight),
            "lvs_method" | "lb_kind" => method(&line.words, &line.line, notes).map(|method| kind = method),
            "uthreshold" => number().map(|upper| server.upper = upper),
            "lthreshold" => number().map(|lower| server.lower = lower),
            check if is_check(check) => Err(format!("a health check; {CHECKS}")),
            "inhibit_on_failure" | "delay_loop" | "delay_before_retry" | "retry" | "warmup" | "alpha"
            | "virtualhost" | "smtp_alert" | "no_smtp_alert" | "notify_up" | "notify_down"
            | "connect_timeout" | "connect_port" => Err(format!("it is of the health check; {CHECKS}")),
            _ => Err("no line of a real_server in keepalived.conf(5) that is known".to_owned()),
        };
        if let Err(why) = done {
            let what = match line.block {
                Some(_) => line.word(0).to_owned(),
                None => line.said(),
            };
            notes.lost(&line.line, what, why);
        }
    }
    if !local {
        server.method = Method::By(kind.0, kind.1);
    }
    Ok(server)
}
