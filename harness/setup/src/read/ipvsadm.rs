//! Rules of ipvsadm(8): what `ipvsadm -S` prints, or the lines of a script.

use super::{Found, add_server, add_service, prefix, said_prefix, seconds};
use crate::endpoint::Endpoint;
use crate::place::{Notes, Place, Source};
use crate::service::{Listen, Method, Server, Service, Timeouts, Tunnel};
use lvs_matrix_model::scenario::{Forwarding, TunnelType};
use std::time::Duration;

/// What `ipvsadm -p` means without a number (ipvsadm(8)).
const PERSISTENCE: Duration = Duration::from_secs(300);
/// Why a port of tunnels is not taken over.
pub(super) const TUNNEL_PORTS: &str = "tunnels of GUE end at a port from 1024 on in the lab, here at 6080";

const COMMANDS: [&str; 20] = [
    "-A",
    "-a",
    "-E",
    "-e",
    "-D",
    "-d",
    "-C",
    "-Z",
    "--add-service",
    "--add-server",
    "--edit-service",
    "--edit-server",
    "--delete-service",
    "--delete-server",
    "--clear",
    "--zero",
    "--set",
    "--start-daemon",
    "--stop-daemon",
    "-R",
];

/// Options of one letter that have a value, which may follow at once.
const WITH_VALUE: [&str; 11] = ["-t", "-u", "-f", "-r", "-s", "-b", "-p", "-M", "-w", "-x", "-y"];

/// The words of a rule, without the program's name and what stands before it.
fn words(line: &str) -> Vec<&str> {
    let line = line.split(" #").next().unwrap_or_default();
    let mut words: Vec<&str> = line.split_whitespace().collect();
    let program = words
        .iter()
        .take(3)
        .position(|word| *word == "ipvsadm" || word.ends_with("/ipvsadm"));
    if let Some(at) = program {
        words.drain(..=at);
    }
    words
}

/// Is it a rule?
pub(super) fn is_rule(line: &str) -> bool {
    let words = words(line);
    let [command, about, ..] = words.as_slice() else {
        return false;
    };
    COMMANDS.contains(command) && (about.starts_with('-') || *command == "--set")
}

pub(super) fn read(source: &Source) -> Found {
    let mut found = Found::default();
    for (number, line) in (1..).zip(source.text.lines()) {
        let line = line.trim();
        let place = source.at(number);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Err(mut why) = rule(&words(line), &place, &mut found) {
            if line.contains('$') {
                why.push_str("; variables of a shell are not replaced: give what `ipvsadm -Sn` prints");
            }
            found.notes.lost(&place, line, why);
        }
    }
    found
}

/// What a rule says, option by option.
#[derive(Default)]
struct Options<'l> {
    listen: Option<Listen>,
    ipv6: bool,
    server: Option<&'l str>,
    scheduler: Option<&'l str>,
    flags: Vec<String>,
    one_packet: bool,
    persistence: Option<Duration>,
    prefix: Option<u8>,
    weight: Option<u32>,
    method: Option<Forwarding>,
    tunnel: Tunnel,
    upper: u32,
    lower: u32,
}

fn rule(words: &[&str], place: &Place, found: &mut Found) -> Result<(), String> {
    let [command, rest @ ..] = words else {
        return Err("nothing is said".to_owned());
    };
    match *command {
        "-A" | "--add-service" | "-E" | "--edit-service" => {
            let options = options(rest, place, &mut found.notes)?;
            let listen = options.listen.clone().ok_or("no service is named")?;
            let mut service = Service::new(listen, place.clone());
            service.scheduler = options.scheduler.unwrap_or("wlc").to_owned();
            service.flags = options.flags;
            service.one_packet = options.one_packet;
            service.persistence = options.persistence;
            let ipv6 = of_ipv6(&service.listen);
            service.prefix = options.prefix.and_then(|length| said_prefix(length, ipv6));
            match found
                .services
                .iter_mut()
                .find(|known| known.listen.same(&service.listen))
            {
                Some(known) if matches!(*command, "-E" | "--edit-service") => {
                    service.servers = std::mem::take(&mut known.servers);
                    *known = service;
                }
                Some(known) => return Err(format!("it is there already, from {}", known.place)),
                None if matches!(*command, "-E" | "--edit-service") => {
                    return Err("it is not in the table".to_owned());
                }
                None => add_service(&mut found.services, service)?,
            }
        }
        "-a" | "--add-server" | "-e" | "--edit-server" | "-d" | "--delete-server" => {
            let options = options(rest, place, &mut found.notes)?;
            let listen = options.listen.clone().ok_or("no service is named")?;
            let service = found
                .services
                .iter_mut()
                .find(|known| known.listen.same(&listen))
                .ok_or_else(|| format!("no line above adds the service {listen}"))?;
            let endpoint = Endpoint::parse(options.server.ok_or("no real server is named")?)?;
            let endpoint = with_port(endpoint, &listen);
            let at = service
                .servers
                .iter()
                .position(|known| known.endpoint.same(&endpoint));
            let server = Server {
                endpoint,
                weight: options.weight.unwrap_or(1),
                // ipvsadm(8): gatewaying is the default.
                method: Method::By(options.method.unwrap_or_default(), options.tunnel),
                upper: options.upper,
                lower: options.lower,
                stands_by: false,
                place: place.clone(),
            };
            match (*command, at) {
                ("-d" | "--delete-server", Some(at)) => {
                    service.servers.remove(at);
                }
                ("-d" | "--delete-server" | "-e" | "--edit-server", None) => {
                    return Err("it is not in the table".to_owned());
                }
                ("-a" | "--add-server", Some(_)) => return Err("it is in the table already".to_owned()),
                (_, Some(at)) => service.servers[at] = server,
                (_, None) => add_server(service, server)?,
            }
        }
        "-D" | "--delete-service" => {
            let options = options(rest, place, &mut found.notes)?;
            let listen = options.listen.ok_or("no service is named")?;
            found.services.retain(|known| !known.listen.same(&listen));
        }
        "-C" | "--clear" => found.services.clear(),
        "-Z" | "--zero" | "-R" => {}
        "--set" => {
            let [tcp, tcp_fin, udp] = rest else {
                return Err("`--set` takes three numbers of seconds".to_owned());
            };
            found.timeouts = Some((timeouts(tcp, tcp_fin, udp)?, place.clone()));
        }
        "--start-daemon" | "--stop-daemon" => {
            return Err("the lab has one director, and nobody to synchronise connections with".to_owned());
        }
        other => {
            return Err(format!(
                "`{other}` is no command of ipvsadm(8) that makes a table"
            ));
        }
    }
    Ok(())
}

/// Without a port a real server has that of the service.
pub(super) fn with_port(endpoint: Endpoint, listen: &Listen) -> Endpoint {
    let port = listen.endpoint().map_or(0, |service| service.port);
    match endpoint.port {
        0 => Endpoint { port, ..endpoint },
        _ => endpoint,
    }
}

/// Three numbers of seconds, of which 0 means: as before.
pub(super) fn timeouts(tcp: &str, tcp_fin: &str, udp: &str) -> Result<Timeouts, String> {
    let usual = Timeouts::default();
    let one = |text: &str, usual: Duration| match seconds(text) {
        None => Err(format!("`{text}` is no number of seconds")),
        Some(Duration::ZERO) => Ok(usual),
        Some(time) => Ok(time),
    };
    Ok(Timeouts {
        tcp: one(tcp, usual.tcp)?,
        tcp_fin: one(tcp_fin, usual.tcp_fin)?,
        udp: one(udp, usual.udp)?,
    })
}

pub(super) fn of_ipv6(listen: &Listen) -> bool {
    match listen {
        Listen::Tcp(endpoint) | Listen::Udp(endpoint) | Listen::Sctp(endpoint) => endpoint.host.contains(':'),
        Listen::Mark { ipv6, .. } => *ipv6,
    }
}

fn options<'l>(words: &[&'l str], place: &Place, notes: &mut Notes) -> Result<Options<'l>, String> {
    let mut out = Options::default();
    let mut rest = words.iter().copied().peekable();
    while let Some(word) = rest.next() {
        // `--weight=100`
        let (option, mut joined) = match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value)),
            Some(_) | None => match word.split_at_checked(2) {
                // `-w100`
                Some((option, value)) if WITH_VALUE.contains(&option) && !value.is_empty() => {
                    (option, Some(value))
                }
                Some(_) | None => (word, None),
            },
        };
        let mut value = |what: &str| {
            joined
                .take()
                .or_else(|| rest.next())
                .ok_or_else(|| format!("`{option}` without {what}"))
        };
        let number = |text: &str| text.parse::<u32>().map_err(|_| format!("`{text}` is no number"));
        match option {
            "-t" | "--tcp-service" => {
                out.listen = Some(Listen::Tcp(Endpoint::parse(value("an address")?)?));
            }
            "-u" | "--udp-service" => {
                out.listen = Some(Listen::Udp(Endpoint::parse(value("an address")?)?));
            }
            "--sctp-service" => out.listen = Some(Listen::Sctp(Endpoint::parse(value("an address")?)?)),
            "-f" | "--fwmark-service" => {
                let mark = number(value("a mark")?)?;
                out.listen = Some(Listen::Mark { mark, ipv6: false });
            }
            "-6" | "--ipv6" => out.ipv6 = true,
            "-r" | "--real-server" => out.server = Some(value("an address")?),
            "-s" | "--scheduler" => out.scheduler = Some(value("a name")?),
            "-b" | "--sched-flags" => {
                let flags = value("names")?.split(',');
                out.flags = flags.map(str::to_owned).collect();
            }
            "-o" | "--ops" => out.one_packet = true,
            "-p" | "--persistent" => {
                // The number may be left out.
                let next =
                    joined.or_else(|| rest.next_if(|next| next.bytes().all(|byte| byte.is_ascii_digit())));
                out.persistence = Some(match next {
                    None => PERSISTENCE,
                    Some(text) => seconds(text).ok_or_else(|| format!("`{text}` is no number of seconds"))?,
                });
            }
            "-M" | "--netmask" => {
                let text = value("a mask")?;
                out.prefix = Some(prefix(text).ok_or_else(|| format!("`{text}` is no mask"))?);
            }
            "-w" | "--weight" => out.weight = Some(number(value("a number")?)?),
            "-g" | "--gatewaying" => out.method = Some(Forwarding::DirectRouting),
            "-m" | "--masquerading" => out.method = Some(Forwarding::Masquerading),
            "-i" | "--ipip" => out.method = Some(Forwarding::Tunneling),
            "--tun-type" => {
                out.tunnel.kind = match value("a type")? {
                    "ipip" => TunnelType::Ipip,
                    "gue" => TunnelType::Gue,
                    "gre" => TunnelType::Gre,
                    other => return Err(format!("`{other}` is no type of a tunnel")),
                };
            }
            "--tun-port" => {
                let port = value("a port")?;
                out.tunnel.port = Tunnel::port_of(port);
                if out.tunnel.port.is_none() {
                    let what = format!("--tun-port {port}");
                    notes.changed(place, what, TUNNEL_PORTS);
                }
            }
            // What the lab has, too.
            "--tun-nocsum" | "-n" | "--numeric" => {}
            "--tun-csum" | "--tun-remcsum" => {
                notes.changed(
                    place,
                    option,
                    "tunnels have no checksum in the lab (`--tun-nocsum`)",
                );
            }
            "-x" | "--u-threshold" => out.upper = number(value("a number")?)?,
            "-y" | "--l-threshold" => out.lower = number(value("a number")?)?,
            "--pe" => {
                let engine = value("a name")?;
                notes.lost(
                    place,
                    format!("--pe {engine}"),
                    "the lab has no persistence engine: clients are told by their addresses",
                );
            }
            other => return Err(format!("`{other}` is no option of ipvsadm(8) that is known")),
        }
    }
    if let (true, Some(Listen::Mark { ipv6, .. })) = (out.ipv6, &mut out.listen) {
        *ipv6 = true;
    }
    Ok(out)
}
