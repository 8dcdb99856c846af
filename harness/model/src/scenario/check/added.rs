//! What the lab says, or a value adds to it, as it was read: each with its place.

use super::health::Said;
use crate::Name;
use crate::base::DEFAULT_WEIGHT;
use crate::client::ClientChoice;
use crate::keepalived::Keepalived;
use crate::ldirectord::Ldirectord;
use crate::mysqld::MysqldSetup;
use crate::probe::Probe;
use crate::scenario::mistake::{Mistake, MistakeKind};
use crate::scenario::place::{At, Span};
use crate::scenario::read::Map;
use crate::scenario::scalar::{SysctlKey, SysctlValue};
use crate::scenario::syntax::{
    DirectorsInput, MysqldInput, ProbeInput, RealServerInput, SaysOfLab, ServerProgramInput, ServiceInput,
};
use crate::scenario::table::Structure;
use crate::scenario::{
    ClientAt, Director, Family, Forwarding, FurtherService, Lab, Misbuild, RealServer, ServerKind,
    TunnelType, Vip, Wiring,
};
use crate::serving::{Asked, ServerProgram};
use std::time::Duration;

/// What the lab says, or a value adds to it.
pub(super) struct Added {
    pub(super) forwarding: Option<At<Forwarding>>,
    pub(super) tunnel_type: Option<At<TunnelType>>,
    pub(super) tunnel_port: Option<At<u16>>,
    pub(super) tunnel_family: Option<At<Family>>,
    pub(super) wired_for: Option<At<Vec<Forwarding>>>,
    pub(super) wiring: Option<At<Wiring>>,
    pub(super) vip: Option<At<Vip>>,
    pub(super) client_at: Option<At<ClientAt>>,
    pub(super) family: Option<At<Family>>,
    pub(super) server: Option<At<ServerKind>>,
    pub(super) server_program: Option<At<ServerProgram>>,
    pub(super) server_port: Option<At<u16>>,
    pub(super) server_mtu: Option<At<u16>>,
    /// Where it is said, if it is.
    pub(super) one_packet: Option<Span>,
    pub(super) persistence: Option<At<Duration>>,
    pub(super) persistence_prefix: Option<At<u8>>,
    pub(super) firewall_mark: Option<At<u32>>,
    pub(super) scheduler: Option<At<&'static str>>,
    pub(super) scheduler_flags: Option<At<Vec<&'static str>>>,
    /// Each part with its place.
    pub(super) keepalived: Option<Said<Keepalived>>,
    pub(super) ldirectord: Option<Said<Ldirectord>>,
    /// Where it is said, the directors.
    pub(super) directors: Option<At<Vec<Director>>>,
    /// Where each director has its name.
    pub(super) director_names: Vec<At<Name>>,
    /// Were the names of all directors read?
    pub(super) directors_complete: bool,
    /// What one director has of its own.
    pub(super) own_sysctls: Vec<Sysctl>,
    pub(super) clients: Option<At<u8>>,
    pub(super) probes: Vec<At<Probe>>,
    pub(super) mysqld: MysqldSetup,
    /// Where that is said.
    pub(super) mysqld_span: Option<Span>,
    pub(super) services: Vec<At<FurtherService>>,
    pub(super) real_servers: Vec<At<RealServer>>,
    pub(super) real_servers_complete: bool,
    pub(super) real_servers_span: Option<Span>,
    /// What real servers are said to have, and cannot have.
    pub(super) misfits: Vec<Mistake>,
    /// Each host that is built wrong, and how.
    pub(super) misbuilt: Vec<(At<Name>, At<Misbuild>)>,
    pub(super) director_sysctls: Vec<Sysctl>,
    pub(super) client_sysctls: Vec<Sysctl>,
    pub(super) server_sysctls: Vec<Sysctl>,
}

/// A sysctl and the places of its name and its value.
pub(super) struct Sysctl {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) key_span: Span,
    pub(super) span: Span,
}

impl Added {
    /// Every sysctl that it sets.
    pub(super) fn sysctls(&self) -> impl Iterator<Item = &Sysctl> {
        let own = self.own_sysctls.iter();
        SYSCTLS.iter().flat_map(|(_, sysctls)| sysctls(self)).chain(own)
    }

    pub(super) fn of(input: &impl SaysOfLab) -> Self {
        let input = input.lab();
        Self {
            forwarding: input.forwarding.cloned(),
            tunnel_type: input.tunnel_type.cloned(),
            tunnel_port: input.tunnel_port.map(|port| At {
                value: port.value.0,
                span: port.span,
            }),
            tunnel_family: input.tunnel_family.cloned(),
            wired_for: input.wired_for.map(|methods| At {
                value: methods.items.iter().map(|method| method.value).collect(),
                span: methods.span,
            }),
            wiring: input.wiring.cloned(),
            vip: input.vip.cloned(),
            client_at: input.client_at.cloned(),
            family: input.family.cloned(),
            server: input.server.cloned(),
            server_program: input.server_program.map(server_program),
            server_port: input.server_port.map(|port| At {
                value: port.value.0,
                span: port.span,
            }),
            server_mtu: input.server_mtu.map(|mtu| At {
                value: mtu.value.0,
                span: mtu.span,
            }),
            one_packet: input.one_packet.map(|yes| yes.span),
            persistence: input.persistence.map(|time| At {
                value: time.value.0,
                span: time.span,
            }),
            persistence_prefix: input.persistence_prefix.map(|length| At {
                value: length.value.0,
                span: length.span,
            }),
            firewall_mark: input.firewall_mark.map(|mark| At {
                value: mark.value.0,
                span: mark.span,
            }),
            scheduler: input.scheduler.map(|scheduler| At {
                value: scheduler.value.0,
                span: scheduler.span,
            }),
            scheduler_flags: input.scheduler_flags.map(|flags| At {
                value: flags.items.iter().map(|flag| flag.value.0).collect(),
                span: flags.span,
            }),
            keepalived: input.keepalived.map(Said::<Keepalived>::of),
            ldirectord: input.ldirectord.map(Said::<Ldirectord>::of),
            directors: input.directors.map(directors),
            director_names: input.directors.map(DirectorsInput::names).unwrap_or_default(),
            directors_complete: input.directors.is_none_or(DirectorsInput::is_complete),
            own_sysctls: input
                .directors
                .into_iter()
                .flat_map(DirectorsInput::each)
                .flat_map(|(_, own)| sysctls(own.sysctls.as_ref()))
                .collect(),
            clients: input.clients.map(|clients| At {
                value: clients.value.0,
                span: clients.span,
            }),
            probes: probes(input.probes),
            mysqld: mysqld(input.mysqld),
            mysqld_span: input.mysqld.map(Structure::span),
            services: services(input.services),
            real_servers: real_servers(input.real_servers),
            real_servers_complete: input.real_servers_known
                && input.real_servers.is_none_or(|servers| servers.complete),
            real_servers_span: input.real_servers.map(|servers| servers.span),
            misfits: misfits(input.real_servers)
                .into_iter()
                .chain(input.server_program.and_then(no_command_line))
                .collect(),
            misbuilt: input
                .misbuilt
                .into_iter()
                .flat_map(|hosts| &hosts.entries)
                .flat_map(|(host, ways)| ways.items.iter().map(|how| (host.clone(), how.clone())))
                .collect(),
            director_sysctls: sysctls(input.director_sysctls),
            client_sysctls: sysctls(input.client_sysctls),
            server_sysctls: sysctls(input.server_sysctls),
        }
    }

    /// Without the places.
    pub(super) fn into_lab(self, client: ClientChoice) -> Lab {
        let sysctls = |sysctls: Vec<Sysctl>| {
            let all = sysctls.into_iter();
            all.map(|sysctl| (sysctl.key, sysctl.value)).collect()
        };
        Lab {
            forwarding: value(self.forwarding),
            tunnel_type: value(self.tunnel_type),
            tunnel_port: value(self.tunnel_port),
            tunnel_family: value(self.tunnel_family),
            wired_for: value(self.wired_for),
            wiring: value(self.wiring),
            vip: value(self.vip),
            client_at: value(self.client_at),
            family: value(self.family),
            server: value(self.server),
            server_program: value(self.server_program),
            server_port: value(self.server_port),
            server_mtu: value(self.server_mtu),
            one_packet: self.one_packet.is_some(),
            persistence: value(self.persistence),
            persistence_prefix: value(self.persistence_prefix),
            firewall_mark: value(self.firewall_mark),
            scheduler: value(self.scheduler).map(str::to_owned),
            scheduler_flags: value(self.scheduler_flags)
                .map(|flags| flags.into_iter().map(str::to_owned).collect()),
            services: self.services.into_iter().map(|service| service.value).collect(),
            real_servers: self.real_servers.into_iter().map(|server| server.value).collect(),
            misbuilt: self
                .misbuilt
                .into_iter()
                .map(|(host, how)| (host.value, how.value))
                .collect(),
            keepalived: self.keepalived.map(|said| said.settings),
            ldirectord: self.ldirectord.map(|said| said.settings),
            directors: value(self.directors),
            clients: value(self.clients),
            client,
            probes: self.probes.into_iter().map(|probe| probe.value).collect(),
            mysqld: self.mysqld,
            director_sysctls: sysctls(self.director_sysctls),
            client_sysctls: sysctls(self.client_sysctls),
            server_sysctls: sysctls(self.server_sysctls),
        }
    }

    /// What of a lab has one value in a cell, by its key, in words, and its place.
    pub(super) fn single(&self) -> impl Iterator<Item = (&'static str, String, Span)> {
        fn word_of<T>(
            key: &'static str,
            at: Option<&At<T>>,
            word: impl Fn(&T) -> String,
        ) -> Option<(&'static str, String, Span)> {
            at.map(|at| (key, word(&at.value), at.span))
        }
        let methods = |methods: &Vec<Forwarding>| {
            let mut words: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
            words.sort_unstable();
            words.join(" ")
        };
        [
            word_of("forwarding", self.forwarding.as_ref(), |method| {
                method.as_str().to_owned()
            }),
            word_of("tunnel-type", self.tunnel_type.as_ref(), |kind| {
                kind.as_str().to_owned()
            }),
            word_of("tunnel-port", self.tunnel_port.as_ref(), u16::to_string),
            word_of("tunnel-family", self.tunnel_family.as_ref(), |family| {
                family.as_str().to_owned()
            }),
            word_of("wired-for", self.wired_for.as_ref(), methods),
            word_of("wiring", self.wiring.as_ref(), |wiring| {
                wiring.as_str().to_owned()
            }),
            word_of("vip", self.vip.as_ref(), |vip| vip.as_str().to_owned()),
            word_of("client-at", self.client_at.as_ref(), |at| at.as_str().to_owned()),
            word_of("persistence", self.persistence.as_ref(), |time| {
                format!("{time:?}")
            }),
            word_of("family", self.family.as_ref(), |family| {
                family.as_str().to_owned()
            }),
            word_of("server", self.server.as_ref(), |server| {
                server.as_str().to_owned()
            }),
            word_of("server-program", self.server_program.as_ref(), |program| {
                program.argv.join(" ")
            }),
            word_of("scheduler", self.scheduler.as_ref(), |scheduler| {
                (*scheduler).to_owned()
            }),
            word_of("scheduler-flags", self.scheduler_flags.as_ref(), |flags| {
                let mut flags = flags.clone();
                flags.sort_unstable();
                flags.join(" ")
            }),
            word_of(
                "persistence-prefix",
                self.persistence_prefix.as_ref(),
                u8::to_string,
            ),
            word_of("firewall-mark", self.firewall_mark.as_ref(), u32::to_string),
            word_of("directors", self.directors.as_ref(), |all| format!("{all:?}")),
            word_of("clients", self.clients.as_ref(), u8::to_string),
            word_of("server-mtu", self.server_mtu.as_ref(), u16::to_string),
            word_of("server-port", self.server_port.as_ref(), u16::to_string),
        ]
        .into_iter()
        .flatten()
        .chain(self.keepalived.iter().flat_map(Said::single))
        .chain(self.ldirectord.iter().flat_map(Said::single))
    }
}

fn value<T>(said: Option<At<T>>) -> Option<T> {
    said.map(|said| said.value)
}

fn mysqld(input: Option<&MysqldInput>) -> MysqldSetup {
    let statements = input.into_iter().filter_map(|mysqld| mysqld.sql.as_ref());
    MysqldSetup {
        innodb: input.is_some_and(|mysqld| mysqld.innodb.is_some()),
        name_resolve: input.is_some_and(|mysqld| mysqld.name_resolve.is_some()),
        sql: statements
            .flat_map(|statements| &statements.items)
            .map(|statement| statement.value.0.clone())
            .collect(),
    }
}

fn no_command_line(input: &ServerProgramInput) -> Option<Mistake> {
    let argv = input.argv.as_ref();
    let argv = argv.filter(|argv| argv.items.is_empty() && argv.complete)?;
    let mistake = Mistake::new(
        MistakeKind::EmptyArgv,
        argv.span,
        "a program without a command line",
        "at least the program, such as `[perl, server.pl, \"{port}\"]`",
    );
    Some(mistake.help("each word is an item of the list; no shell is involved"))
}

fn server_program(input: &ServerProgramInput) -> At<ServerProgram> {
    let words = input.argv.iter().flat_map(|argv| &argv.items);
    let ready = input.ready.as_ref();
    At {
        value: ServerProgram {
            argv: words.map(|word| word.value.0.clone()).collect(),
            ready: ready.and_then(|ready| {
                Some(Asked {
                    send: ready.send.as_ref()?.value.0.clone(),
                    expect: ready.expect.as_ref()?.value.0.clone(),
                })
            }),
        },
        span: input.span(),
    }
}

fn real_servers(input: Option<&Map<Name, RealServerInput>>) -> Vec<At<RealServer>> {
    input
        .into_iter()
        .flat_map(|servers| &servers.entries)
        .map(|(name, server)| At {
            value: RealServer {
                name: name.value.clone(),
                weight: server
                    .weight
                    .as_ref()
                    .map_or(DEFAULT_WEIGHT, |weight| weight.value.0),
                stands_by: server.stands_by.is_some(),
                upper_threshold: server.upper_threshold.as_ref().map(|at| at.value.0),
                lower_threshold: server.lower_threshold.as_ref().map(|at| at.value.0),
                forwarding: server.forwarding.as_ref().map(|forwarding| forwarding.value),
                tunnel_type: server.tunnel_type.as_ref().map(|kind| kind.value),
                tunnel_port: server.tunnel_port.as_ref().map(|port| port.value.0),
                tunnel_family: server.tunnel_family.as_ref().map(|family| family.value),
                port: server.port.as_ref().map(|port| port.value.0),
                services: server
                    .services
                    .as_ref()
                    .map(|services| services.items.iter().map(|at| at.value.clone()).collect()),
            },
            span: name.span,
        })
        .collect()
}

fn directors(input: &DirectorsInput) -> At<Vec<Director>> {
    let value = match input {
        DirectorsInput::Number(count) => Director::unnamed(count.value.0),
        DirectorsInput::Named(named) => {
            let each = named.entries.iter().map(|(name, own)| {
                let own = sysctls(own.sysctls.as_ref()).into_iter();
                Director {
                    name: name.value.clone(),
                    sysctls: own.map(|sysctl| (sysctl.key, sysctl.value)).collect(),
                }
            });
            each.collect()
        }
    };
    let span = input.span();
    At { value, span }
}

fn services(input: Option<&Map<Name, ServiceInput>>) -> Vec<At<FurtherService>> {
    let services = input.into_iter().flat_map(|services| &services.entries);
    let of = |(name, service): &(At<Name>, ServiceInput)| {
        Some(At {
            value: FurtherService {
                name: name.value.clone(),
                port: service.port.as_ref()?.value.0,
                same_mark: service.same_mark.is_some(),
                scheduler: service.scheduler.as_ref().map(|at| at.value.0.to_owned()),
                persistence: service.persistence.as_ref().map(|at| at.value.0),
            },
            span: name.span,
        })
    };
    services.filter_map(of).collect()
}

/// What real servers are said to have in the table, and cannot have.
fn misfits(input: Option<&Map<Name, RealServerInput>>) -> Vec<Mistake> {
    let servers = input.into_iter().flat_map(|servers| &servers.entries);
    let of = |(name, server): &(At<Name>, RealServerInput)| {
        let name = &name.value;
        let weight = server.weight.as_ref().zip(server.stands_by.as_ref());
        let weight = weight.map(|(weight, stands_by)| {
            Mistake::new(
                MistakeKind::InTable,
                weight.span,
                format!("{name} stands by outside the table, where it has no weight"),
                "the step that adds it gives its weight",
            )
            .second(stands_by.span, "it stands by")
        });
        let threshold = server.lower_threshold.as_ref().and_then(|lower| {
            let (what, note) = match &server.upper_threshold {
                None => (
                    "a lower threshold says when a server is no longer at its upper one",
                    None,
                ),
                Some(upper) if upper.value.0 < lower.value.0 => (
                    "the kernel takes no lower threshold above the upper one",
                    Some(upper.span),
                ),
                Some(_) => return None,
            };
            let mistake = Mistake::new(
                MistakeKind::InTable,
                lower.span,
                what,
                "at most its `upper-threshold`, which must be there, too",
            );
            Some(match note {
                None => mistake,
                Some(span) => mistake.second(span, "the upper one"),
            })
        });
        weight.into_iter().chain(threshold)
    };
    servers.flat_map(of).collect()
}

fn probes(input: Option<&Map<Name, ProbeInput>>) -> Vec<At<Probe>> {
    let probes = input.into_iter().flat_map(|probes| &probes.entries);
    let of = |(name, probe): &(At<Name>, ProbeInput)| At {
        value: Probe {
            name: name.value.clone(),
            asks: probe.asks.as_ref().map(|asks| asks.value).unwrap_or_default(),
            every: probe.every.as_ref().map_or(Probe::EVERY, |every| every.value),
            timeout: probe.timeout.as_ref().map_or(Probe::TIMEOUT, |time| time.value),
        },
        span: name.span,
    };
    probes.map(of).collect()
}

fn sysctls(input: Option<&Map<SysctlKey, At<SysctlValue>>>) -> Vec<Sysctl> {
    input
        .into_iter()
        .flat_map(|sysctls| &sysctls.entries)
        .map(|(key, value)| Sysctl {
            key: key.value.0.clone(),
            value: value.value.0.clone(),
            key_span: key.span,
            span: value.span,
        })
        .collect()
}

/// The sysctls of one kind of host.
pub(super) type SysctlsOf = fn(&Added) -> &Vec<Sysctl>;

/// Whose they are, in words.
pub(super) const SYSCTLS: &[(&str, SysctlsOf)] = &[
    ("the director", |added| &added.director_sysctls),
    ("the client", |added| &added.client_sysctls),
    ("the real servers", |added| &added.server_sysctls),
];
