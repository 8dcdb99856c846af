//! What the author's own configuration says of the lab's service, and what of it the lab does not have.

use super::complaint::Complaint;
use super::config::{CHECK, GATEWAY, VIP, foreign_address, is_address_range, lab_words, whole_word};
use super::refused::{no_weights, not_in_a_lab, said_twice};
use super::vmac::{Made, vmac_complaints};
use super::{Config, HealthCheck, Keepalived, Names, Statement};
use crate::Name;
use crate::base::Forwarding;
use std::time::Duration;

/// What a lab is, as far as a configuration can agree with it.
#[derive(Debug, Clone)]
pub struct LabFacts {
    /// The names of its hosts.
    pub hosts: Vec<String>,
    /// Its directors.
    pub directors: Vec<String>,
    /// The interfaces of a director.
    pub interfaces: Vec<&'static str>,
    /// Does the gateway of its real servers move as the VIP does?
    pub gateway: bool,
    /// The port of its service.
    pub port: u16,
    /// The scheduler of its service.
    pub scheduler: String,
    /// How packets reach its real servers.
    pub method: Forwarding,
    /// The service's persistence.
    pub persistence: Option<Duration>,
    /// The real servers: name, port, and the weight of those that are in the table at the beginning.
    pub servers: Vec<(Name, u16, Option<u16>)>,
}

impl LabFacts {
    /// Is it the VIP, a gateway that moves, a host, or an interface of a director?
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let interface = self.interfaces.contains(&name);
        let gateway = name == GATEWAY && self.gateway;
        name == VIP || gateway || interface || self.hosts.iter().any(|host| host == name)
    }
}

/// A real server of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnServer {
    /// The line.
    pub line: usize,
    /// Its name in the lab.
    pub name: String,
    /// Its port, as it is written.
    pub port: String,
    /// Its weight.
    pub weight: u16,
    /// Is it in the table only after a check of it has succeeded?
    pub alpha: bool,
}

/// What a configuration says of the lab's service.
#[derive(Debug, Clone)]
pub struct Own<'s> {
    service: &'s Statement,
}

impl<'s> Own<'s> {
    /// The service at this port of the VIP.
    #[must_use]
    pub fn of(statements: &'s [Statement], port: u16) -> Option<Self> {
        Self::all(statements, port).into_iter().next()
    }

    /// All that are said for this port of the VIP.
    fn all(statements: &'s [Statement], port: u16) -> Vec<Self> {
        let port = port.to_string();
        let is_it = |one: &&Statement| {
            one.word(0) == "virtual_server" && whole_word(one.word(1)) == Some(VIP) && one.word(2) == port
        };
        let found = statements.iter().filter(is_it);
        found.map(|service| Self { service }).collect()
    }

    /// Its real servers that the lab can have, in their order.
    #[must_use]
    pub fn servers(&self) -> Vec<OwnServer> {
        let number = |of: &Statement| -> Option<u16> { of.find(&["weight"])?.word(1).parse().ok() };
        // keepalived.conf(5): 1, if neither the real server nor its virtual server says a weight.
        let usual = number(self.service).unwrap_or(1);
        let servers = self
            .service
            .inner()
            .iter()
            .filter(|one| one.word(0) == "real_server");
        let servers = servers.filter_map(|one| {
            Some(OwnServer {
                line: one.line,
                name: whole_word(one.word(1))?.to_owned(),
                port: one.word(2).to_owned(),
                weight: number(one).unwrap_or(usual),
                alpha: self.is_alpha(one),
            })
        });
        servers.collect()
    }

    /// `alpha` stands for itself in a virtual server, and may have a word of yes or no elsewhere.
    fn is_alpha(&self, server: &Statement) -> bool {
        let said = |one: &Statement| matches!(one.word(1), "" | "on" | "true" | "yes");
        let checks = server.inner().iter().filter(|one| !one.inner().is_empty());
        let own = checks
            .filter_map(|check| check.find(&["alpha"]))
            .map(said)
            .next_back();
        own.or_else(|| server.find(&["alpha"]).map(said))
            .or_else(|| self.service.find(&["alpha"]).map(said))
            .unwrap_or(false)
    }

    fn checks(&self) -> impl Iterator<Item = &'s Statement> {
        let servers = self
            .service
            .inner()
            .iter()
            .filter(|one| one.word(0) == "real_server");
        servers
            .flat_map(|server| server.inner())
            .filter(|one| is_check(one.word(0)))
    }

    /// How it checks its first real server, if that is one of the ways that the lab knows by name.
    fn check(&self) -> HealthCheck {
        let asks = |check: &&Statement| {
            let mut words = check.all().into_iter().flat_map(|one| &one.words);
            check.word(0) == "MISC_CHECK" && words.any(|word| word == "{check}")
        };
        match self.checks().next() {
            Some(check) if check.word(0) == "TCP_CHECK" => HealthCheck::Tcp,
            Some(check) if asks(&check) => HealthCheck::Query,
            Some(_) | None => HealthCheck::None,
        }
    }

    /// The first of these in its first check, or in the service.
    fn value(&self, keys: &[&str]) -> Option<&'s str> {
        let of_check = self.checks().next().and_then(|check| check.find(keys));
        of_check
            .or_else(|| self.service.find(keys))
            .map(|one| one.word(1))
    }
}

impl Keepalived {
    /// What keepalived does by it: of the author's own configuration, what that says for this director.
    #[must_use]
    pub fn understood(&self, port: u16, director: &str) -> Self {
        let Some(config) = &self.config else {
            return self.clone();
        };
        let parsed = config.statements(&self.names, director);
        let mut said = Self {
            config: self.config.clone(),
            names: self.names.clone(),
            // keepalived.conf(5): a minute, if nothing is said.
            delay_loop: Some(Duration::from_secs(60)),
            ..Self::default()
        };
        let all: Vec<_> = parsed.statements.iter().flat_map(Statement::all).collect();
        let find = |key: &str| all.iter().find(|one| one.word(0) == key);
        said.sync = find("lvs_sync_daemon").is_some();
        said.nopreempt = find("nopreempt").is_some();
        said.use_vmac = find("use_vmac").is_some();
        said.advert_int = find("advert_int").and_then(|one| seconds(one.word(1)));
        said.vrrp_version = find("vrrp_version").and_then(|one| one.word(1).parse().ok());
        if let Some(own) = Own::of(&parsed.statements, port) {
            let time = |keys: &[&str]| own.value(keys).and_then(seconds);
            said.check = Some(own.check());
            said.delay_loop = time(&["delay_loop"]).or(said.delay_loop);
            said.connect_timeout = time(&["connect_timeout", "misc_timeout"]);
            said.delay_before_retry = time(&["delay_before_retry"]);
            said.retry = own.value(&["retry"]).and_then(|word| word.parse().ok());
            said.inhibit_on_failure = own
                .service
                .all()
                .iter()
                .any(|one| one.word(0) == "inhibit_on_failure");
            let sorry = own.service.find(&["sorry_server"]);
            said.sorry_server = sorry.and_then(|one| Name::new(whole_word(one.word(1))?).ok());
        }
        said
    }

    /// As an author says it: what a configuration says is not said twice.
    #[must_use]
    pub fn as_said(&self) -> Self {
        match &self.config {
            None => self.clone(),
            Some(config) => Self {
                config: Some(config.clone()),
                names: self.names.clone(),
                ..Self::default()
            },
        }
    }
}

fn seconds(word: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(word.parse().ok()?).ok()
}

fn is_check(word: &str) -> bool {
    matches!(
        word,
        "TCP_CHECK"
            | "MISC_CHECK"
            | "HTTP_GET"
            | "SSL_GET"
            | "SMTP_CHECK"
            | "DNS_CHECK"
            | "UDP_CHECK"
            | "PING_CHECK"
            | "BFD_CHECK"
            | "FILE_CHECK"
    )
}

impl Config {
    /// What of it the lab does not have, or has otherwise. At the beginning (`first`) it must have the real
    /// servers that are in the table then.
    #[must_use]
    pub fn complaints(&self, names: &Names, lab: &LabFacts, first: bool) -> Vec<Complaint> {
        let mut found: Vec<Complaint> = lab
            .directors
            .iter()
            .flat_map(|director| self.of_director(names, lab, first, director))
            .collect();
        found.sort();
        found.dedup();
        found
    }

    fn of_director(&self, names: &Names, lab: &LabFacts, first: bool, director: &str) -> Vec<Complaint> {
        let parsed = self.statements(names, director);
        let wrong = parsed.wrong.iter();
        let mut found: Vec<Complaint> = wrong
            .map(|(line, what)| Complaint::new(*line, *what, "the form of keepalived.conf(5)"))
            .collect();
        if !found.is_empty() {
            return found;
        }
        let made = Made::of(&parsed.statements);
        found.extend(vmac_complaints(&parsed.statements, &lab.interfaces));
        for statement in parsed.statements.iter().flat_map(Statement::all) {
            found.extend(unknown_words(statement, lab, &made));
            found.extend(not_in_a_lab(statement));
        }
        let others = Own::all(&parsed.statements, lab.port).into_iter().skip(1);
        found.extend(others.map(|other| {
            let message = format!("another `virtual_server` of the VIP with port {}", lab.port);
            Complaint::new(other.service.line, message, "a lab has one virtual service")
        }));
        match Own::of(&parsed.statements, lab.port) {
            Some(own) => found.extend(own.disagrees(lab, first)),
            None => found.push(
                Complaint::new(
                    1,
                    format!("no `virtual_server` of the VIP with port {}", lab.port),
                    "the service of the lab",
                )
                .help(format!(
                    "`virtual_server {{vip}} {} {{`, or your own address of it in `names`",
                    lab.port
                )),
            ),
        }
        let instances = || {
            let all = parsed.statements.iter();
            all.filter(|one| one.word(0) == "vrrp_instance")
        };
        if lab.directors.len() == 1 {
            found.extend(instances().map(|one| {
                let label = "keepalived is started with `--check` alone: it moves no VIP";
                Complaint::new(one.line, "a `vrrp_instance` with one director", label)
                    .help("say `directors: 2`, or leave it out")
            }));
        } else {
            let moved = |word: &str| {
                instances().any(|one| {
                    let addresses = one.find(&["virtual_ipaddress"]);
                    let mut addresses = addresses.into_iter().flat_map(|one| one.inner());
                    addresses.any(|address| whole_word(address.word(0)) == Some(word))
                })
            };
            let gateway = (
                GATEWAY,
                "the real servers' gateway",
                "it gives the gateway to one of the directors",
            );
            let vip = (VIP, "the VIP", "it gives the VIP to one of the directors");
            let moving = [Some(vip), Some(gateway).filter(|_| lab.gateway)];
            // A director that is told later to move it no more gives it up.
            let missing = moving
                .into_iter()
                .flatten()
                .filter(|(word, ..)| first && !moved(word));
            found.extend(missing.map(|(word, what, label)| {
                let message = format!("no `vrrp_instance` that moves {what}, for {director}");
                Complaint::new(1, message, label).help(format!("`virtual_ipaddress {{ {{{word}}} dev … }}`"))
            }));
        }
        found
    }
}

/// Words of a statement that stand for nothing in the lab, which has these interfaces besides.
fn unknown_words(statement: &Statement, lab: &LabFacts, made: &Made) -> Vec<Complaint> {
    let line = statement.line;
    let known = |name: &str| name == CHECK || lab.has(name);
    let mut found = Vec::new();
    for word in &statement.words {
        for name in lab_words(word).into_iter().filter(|name| !known(name)) {
            let message = format!("the lab has no `{name}`");
            let hosts = lab.hosts.join(", ");
            found.push(Complaint::new(line, message, format!("vip, check, {hosts}")));
        }
        let (ranges, others): (Vec<_>, Vec<_>) = word.split('=').partition(|part| is_address_range(part));
        found.extend(ranges.into_iter().map(|range| {
            let message = format!("the lab has no range of addresses `{range}`");
            Complaint::new(line, message, "each address by itself")
        }));
        for address in others.into_iter().filter_map(foreign_address) {
            found.push(
                Complaint::new(
                    line,
                    format!("the lab has no {address}"),
                    "an address of your own network",
                )
                .help(format!(
                    "say what it is in the lab: `names: {{ {address}: rs1 }}`"
                )),
            );
        }
    }
    let pairs = statement.words.iter().zip(statement.words.iter().skip(1));
    let interfaces = pairs.filter(|(key, _)| {
        matches!(
            key.as_str(),
            "interface" | "dev" | "lvs_sync_daemon" | "lvs_sync_daemon_interface"
        )
    });
    let tracked = statement
        .inner()
        .iter()
        .filter(|_| statement.word(0) == "track_interface");
    let tracked = tracked.filter_map(|one| Some((one.words.first()?, one.line)));
    let interfaces = interfaces.map(|(_, interface)| (interface, line)).chain(tracked);
    for (interface, line) in interfaces {
        let name = whole_word(interface).unwrap_or(interface);
        if lab.interfaces.contains(&name) || made.may_be_named(name) {
            continue;
        }
        let (label, help) = if made.has(name) {
            (
                "keepalived makes it when it has read its configuration".to_owned(),
                "say `dynamic_interfaces` in `global_defs`".to_owned(),
            )
        } else {
            (
                format!("interfaces: {}", lab.interfaces.join(", ")),
                format!("say which one it is: `names: {{ {name}: eth0 }}`"),
            )
        };
        let message = format!("the director has no interface `{name}`");
        found.push(Complaint::new(line, message, label).help(help));
    }
    found
}

impl Own<'_> {
    /// Where it says something else than the lab.
    fn disagrees(&self, lab: &LabFacts, first: bool) -> Vec<Complaint> {
        let mut found = Vec::new();
        let service = self.service;
        let mut held = |keys: &[&str], want: &str, say: &str| {
            let one = service.find(keys);
            let is = one.map(|one| one.word(1)).filter(|is| !is.is_empty());
            if is.is_some_and(|is| is == want) {
                return;
            }
            let line = one.map_or(service.line, |one| one.line);
            let key = keys.first().copied().unwrap_or_default();
            let message = match is {
                Some(is) => format!("`{key} {is}`"),
                None => format!("no `{key}`"),
            };
            found.push(
                Complaint::new(line, message, format!("the lab has `{want}`"))
                    .help(format!("let file and lab agree, by `{say}` of the lab")),
            );
        };
        // A later configuration may change it.
        if first {
            held(&["lvs_sched", "lb_algo"], &lab.scheduler, "scheduler");
        }
        let method = match lab.method {
            Forwarding::DirectRouting => "DR",
            Forwarding::Masquerading => "NAT",
            Forwarding::Tunneling => "TUN",
        };
        held(&["lvs_method", "lb_kind"], method, "forwarding");
        // keepalived 2.2 takes UDP if nothing is said (keepalived/check/check_data.c).
        held(&["protocol"], "TCP", "server");
        let persistence = service.find(&["persistence_timeout"]);
        let said = persistence.and_then(|one| seconds(one.word(1)));
        // keepalived.conf(5): six minutes, if the number is left out.
        let said = said.or_else(|| persistence.map(|_| Duration::from_secs(360)));
        if first && said.unwrap_or_default() != lab.persistence.unwrap_or_default() {
            let line = persistence.map_or(service.line, |one| one.line);
            let label = match lab.persistence {
                Some(time) => format!("the lab has `persistence: {}s`", time.as_secs()),
                None => "the lab has no persistence".to_owned(),
            };
            found.push(Complaint::new(line, "another `persistence_timeout`", label));
        }
        found.extend(said_twice(service));
        found.extend(no_weights(service));
        for server in service.inner().iter().filter(|one| one.word(0) == "real_server") {
            found.extend(said_twice(server));
            found.extend(no_weights(server));
            let method = server.find(&["lvs_method", "lb_kind"]);
            found.extend(method.map(|one| {
                let message = format!("`{}` of a real server", one.word(0));
                Complaint::new(one.line, message, "the method is that of the `virtual_server`")
            }));
        }
        found.extend(self.other_servers(lab, first));
        found
    }

    fn other_servers(&self, lab: &LabFacts, first: bool) -> Vec<Complaint> {
        let mut found = Vec::new();
        let own = self.servers();
        for server in &own {
            let known = lab.servers.iter().find(|(name, ..)| name.as_str() == server.name);
            let Some((name, port, weight)) = known else {
                let message = format!("`{}` is no real server", server.name);
                found.push(Complaint::new(server.line, message, "a real server of the lab"));
                continue;
            };
            if server.port != port.to_string() {
                let message = format!("{name} with port {}", server.port);
                found.push(
                    Complaint::new(server.line, message, format!("it listens to port {port}"))
                        .help("the lab's `server-port` says another one"),
                );
            }
            match weight {
                _ if !first => {}
                Some(weight) if *weight == server.weight => {}
                Some(weight) => found.push(Complaint::new(
                    server.line,
                    format!("{name} with weight {}", server.weight),
                    format!("the lab has `{name}: {{ weight: {weight} }}`"),
                )),
                None => found.push(
                    Complaint::new(
                        server.line,
                        format!("{name} in the table"),
                        "in the lab it stands by",
                    )
                    .help(format!("leave out `stands-by` of {name}")),
                ),
            }
            if own.iter().filter(|other| other.name == server.name).count() > 1 {
                let message = format!("{name} twice");
                found.push(Complaint::new(server.line, message, "each real server once"));
            }
        }
        if own.is_empty() {
            let message = "a `virtual_server` without a real server of the lab";
            found.push(Complaint::new(self.service.line, message, "at least one"));
        }
        if first {
            let missing = lab.servers.iter().filter(|(name, _, weight)| {
                weight.is_some() && !own.iter().any(|server| server.name == name.as_str())
            });
            found.extend(missing.map(|(name, ..)| {
                Complaint::new(
                    self.service.line,
                    format!("no `real_server` for {name}"),
                    "the lab has it",
                )
                .help(format!(
                    "`real_server {{{name}}} …`, or `{name}: {{ stands-by: true }}` in the lab"
                ))
            }));
        }
        found
    }
}
