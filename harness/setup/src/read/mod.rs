//! The readers: one for each kind of file, chosen by what the file has in it.

mod ipvsadm;
mod keepalived;
mod ldirectord;
mod listing;
mod sysctls;
mod tree;

use crate::place::{Note, Notes, Place, Source};
use crate::service::{Kind, Role, Server, Service, Setup, Sysctl, Timeouts};

/// An `include` of keepalived.conf: what it names, and in which file.
#[derive(Debug, Clone, Copy)]
pub struct Include<'a> {
    /// The pattern, as glob(7) has it.
    pub pattern: &'a str,
    /// The file that has the line; a relative pattern is relative to its folder.
    pub by: &'a str,
}

/// Finds the files that an `include` names; an error says why there are none.
pub type Resolve<'a> = dyn FnMut(Include<'_>) -> Result<Vec<Source>, String> + 'a;

/// Why files make no set-up. The text says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A file is of no known kind.
    #[error(
        "{file} is none of the files that are known: rules (`ipvsadm -Sn`), a table (`ipvsadm -Ln`), \
         time-outs (`ipvsadm -L --timeout`), keepalived.conf, ldirectord.cf, or sysctls (`sysctl -a`)"
    )]
    Unknown {
        /// The file.
        file: String,
    },
    /// What was printed does not have what is needed.
    #[error("{place}: {what}")]
    Wrong {
        /// Where.
        place: Place,
        /// What is wrong and what to do.
        what: String,
    },
    /// None of them has a virtual service.
    #[error(
        "no file has a virtual service{}; add what `ipvsadm -Sn` prints on the director, or its \
         keepalived.conf",
        not_taken(notes)
    )]
    NoService {
        /// What stands in files that could have had one.
        notes: Vec<Note>,
    },
}

/// So much is told of files without a service.
const MOST_TOLD: usize = 10;

fn not_taken(notes: &[Note]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let told = notes.iter().take(MOST_TOLD).map(|note| format!("\n  {note}"));
    let more = if notes.len() > MOST_TOLD { "\n  …" } else { "" };
    format!(
        " that can be taken over:{}{more}\nmend that",
        told.collect::<String>()
    )
}

/// What one file says.
#[derive(Debug, Default)]
struct Found {
    kinds: Vec<(String, Kind)>,
    services: Vec<Service>,
    timeouts: Option<(Timeouts, Place)>,
    sysctls: Vec<Sysctl>,
    notes: Notes,
}

/// Services of one file, and real servers of one service.
const MOST_SERVICES: usize = 2000;

/// Adds a service of a file.
fn add_service(services: &mut Vec<Service>, service: Service) -> Result<(), String> {
    if services.len() >= MOST_SERVICES {
        return Err(format!("more than {MOST_SERVICES} services are not read"));
    }
    services.push(service);
    Ok(())
}

/// Adds a real server that is not there yet.
fn add_server(service: &mut Service, server: Server) -> Result<(), String> {
    let known = service
        .servers
        .iter()
        .any(|known| known.endpoint.same(&server.endpoint) && known.stands_by == server.stands_by);
    if known {
        return Err("it is in the service already".to_owned());
    }
    if service.servers.len() >= MOST_SERVICES {
        return Err(format!("more than {MOST_SERVICES} real servers are not read"));
    }
    service.servers.push(server);
    Ok(())
}

/// Reads an operator's files, each with the role of the host that it is from. Where several speak of one
/// service, what is in force (ipvsadm's) counts.
///
/// # Errors
/// Every file that cannot be read; never an empty list.
pub fn read(files: &[(Role, Source)], resolve: &mut Resolve<'_>) -> Result<Setup, Vec<Unreadable>> {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for (role, source) in files {
        match one(*role, source, resolve) {
            Ok(of_file) => found.push(of_file),
            Err(unreadable) => wrong.push(unreadable),
        }
    }
    if wrong.is_empty() {
        let of_services = found
            .iter()
            .filter(|found| !matches!(found.kinds.first(), Some((_, Kind::Sysctls))));
        let notes = of_services
            .flat_map(|found| found.notes.clone().into_vec())
            .collect();
        let setup = merged(found);
        if setup.services.is_empty() {
            wrong.push(Unreadable::NoService { notes });
        } else {
            return Ok(setup);
        }
    }
    Err(wrong)
}

fn one(role: Role, source: &Source, resolve: &mut Resolve<'_>) -> Result<Found, Unreadable> {
    let kind = kind_of(&source.text).ok_or_else(|| Unreadable::Unknown {
        file: source.name.clone(),
    })?;
    let mut found = match kind {
        Kind::Rules => ipvsadm::read(source),
        Kind::Listing => listing::read(source)?,
        Kind::Keepalived => keepalived::read(source, resolve),
        Kind::Ldirectord => ldirectord::read(source),
        Kind::Sysctls => sysctls::read(role, source),
    };
    found.kinds.insert(0, (source.name.clone(), kind));
    let kept_by = (!kind.is_in_force()).then_some(kind);
    for service in &mut found.services {
        service.kept_by = kept_by;
    }
    Ok(found)
}

/// What a file is, by the first line that tells.
fn kind_of(text: &str) -> Option<Kind> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut assignments = 0;
    for line in lines {
        if line.starts_with(['#', '!', ';']) {
            continue;
        }
        let word = line.split_whitespace().next().unwrap_or_default();
        if ipvsadm::is_rule(line) {
            return Some(Kind::Rules);
        }
        if listing::is_heading(line) {
            return Some(Kind::Listing);
        }
        if keepalived::is_of_it(word) {
            return Some(Kind::Keepalived);
        }
        if ldirectord::is_of_it(line) {
            return Some(Kind::Ldirectord);
        }
        assignments += usize::from(sysctls::assignment(line).is_some());
    }
    (assignments > 0).then_some(Kind::Sysctls)
}

/// One set-up of all files.
fn merged(all: Vec<Found>) -> Setup {
    let mut setup = Setup::default();
    // What is in force comes first, and others are held against it.
    let (first, then): (Vec<Found>, Vec<Found>) = all
        .into_iter()
        .partition(|found| found.kinds.first().is_some_and(|(_, kind)| kind.is_in_force()));
    for found in first.into_iter().chain(then) {
        setup.files.extend(found.kinds);
        setup.notes.append(found.notes);
        for sysctl in found.sysctls {
            add_sysctl(&mut setup, sysctl);
        }
        if let Some((timeouts, place)) = found.timeouts {
            match &setup.timeouts {
                Some((known, _)) if *known != timeouts => {
                    setup.notes.lost(
                        &place,
                        "time-outs",
                        "other ones stand in an earlier file, and those count",
                    );
                }
                Some(_) => {}
                None => setup.timeouts = Some((timeouts, place)),
            }
        }
        for service in found.services {
            let known = setup
                .services
                .iter_mut()
                .find(|known| known.listen.same(&service.listen));
            match known {
                Some(known) => differences(known, service, &mut setup.notes),
                None => setup.services.push(service),
            }
        }
    }
    setup
}

/// Of several files the last one counts, as for sysctl(8).
fn add_sysctl(setup: &mut Setup, sysctl: Sysctl) {
    let known = setup
        .sysctls
        .iter_mut()
        .find(|known| known.role == sysctl.role && known.key == sysctl.key);
    let Some(known) = known else {
        setup.sysctls.push(sysctl);
        return;
    };
    if known.value != sysctl.value {
        setup.notes.lost(
            &known.place,
            format!("{} = {}", known.key, known.value),
            format!(
                "{} has another value, and that counts: {}",
                sysctl.place, sysctl.value
            ),
        );
    }
    *known = sysctl;
}

/// Says in what a service of one file differs from the same service of an earlier one, whose word counts.
fn differences(known: &mut Service, other: Service, notes: &mut Notes) {
    let listen = known.listen.to_string();
    // `ipvsadm -L` does not print them.
    let prints_thresholds = known.servers.iter().any(|server| server.upper > 0);
    let mut differs = |place: &Place, what: &str, counts: String| {
        notes.lost(
            place,
            format!("{what} of {listen}"),
            format!("{} has another, and that counts: {counts}", known.place),
        );
    };
    if known.scheduler != other.scheduler {
        differs(&other.place, "scheduler", known.scheduler.clone());
    }
    if known.persistence != other.persistence {
        let seconds = |time: Option<std::time::Duration>| {
            time.map_or_else(|| "none".to_owned(), |time| format!("{} s", time.as_secs()))
        };
        differs(&other.place, "persistence", seconds(known.persistence));
    }
    if known.scheduler == other.scheduler && known.flags != other.flags {
        let names = known.flags.join(",");
        let counts = if names.is_empty() {
            "none".to_owned()
        } else {
            names
        };
        differs(&other.place, "flags of the scheduler", counts);
    }
    if known.one_packet != other.one_packet {
        let counts = if known.one_packet {
            "each by itself"
        } else {
            "by connection"
        };
        differs(&other.place, "scheduling of packets (ops)", counts.to_owned());
    }
    if known.persistence.is_some() && other.persistence.is_some() && known.prefix != other.prefix {
        let counts = known
            .prefix
            .map_or_else(|| "none".to_owned(), |length| format!("/{length}"));
        differs(&other.place, "mask of the persistence", counts);
    }
    for server in &other.servers {
        let same = known
            .servers
            .iter()
            .find(|own| own.endpoint.same(&server.endpoint));
        match same {
            Some(own) if own.weight != server.weight && !server.stands_by => differs(
                &server.place,
                &format!("weight {} of {}", server.weight, server.endpoint),
                own.weight.to_string(),
            ),
            Some(own) if own.method != server.method => {
                let what = format!("method of {}", server.endpoint);
                differs(&server.place, &what, own.method.flag());
            }
            Some(own) if (own.upper, own.lower) != (server.upper, server.lower) && prints_thresholds => {
                let what = format!("thresholds of {}", server.endpoint);
                differs(&server.place, &what, format!("{}, {}", own.upper, own.lower));
            }
            Some(_) => {}
            None if server.stands_by => {}
            None => {
                let what = format!("{}", server.endpoint);
                differs(&server.place, &what, "it is not in the table there".to_owned());
            }
        }
    }
    // The rules do not know a server that stands by; the file that keeps them does.
    let standing_by = other.servers.into_iter().filter(|server| server.stands_by);
    let new: Vec<_> = standing_by
        .filter(|server| {
            !known
                .servers
                .iter()
                .any(|own| own.endpoint.same(&server.endpoint))
        })
        .collect();
    known.servers.extend(new);
    known.kept_by = known.kept_by.or(other.kept_by);
}

/// Seconds as a number of them, of at least one and at most a day.
fn seconds(text: &str) -> Option<std::time::Duration> {
    let seconds: u64 = text.parse().ok()?;
    Some(std::time::Duration::from_secs(seconds))
}

/// The length of a prefix: `255.255.255.0`, or of IPv6 `64`.
fn prefix(text: &str) -> Option<u8> {
    if let Ok(length) = text.parse::<u8>() {
        return (1..=128).contains(&length).then_some(length);
    }
    let mask = u32::from(text.parse::<std::net::Ipv4Addr>().ok()?);
    let length = mask.leading_ones();
    (length > 0 && mask.count_ones() == length)
        .then(|| u8::try_from(length).ok())
        .flatten()
}

/// A mask that takes the whole address is none.
fn said_prefix(length: u8, ipv6: bool) -> Option<u8> {
    (length != if ipv6 { 128 } else { 32 }).then_some(length)
}
