//! From a service of a set-up to a lab: what a lab can be, and a note of what it cannot.

use super::{Became, Lab};
use crate::draft::{draft, planned};
use crate::endpoint::Endpoint;
use crate::place::Notes;
use crate::service::{Listen, Method, Role, Server, Service, Setup, Timeouts, Tunnel};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, TableAction};
use lvs_matrix_model::base::GUE_PORT;
use lvs_matrix_model::plan::{ECHO_PORT, LabPlan, MAX_REAL_SERVERS, MYSQL_PORT, ServerKind};
use lvs_matrix_model::scenario::{self, Family, Forwarding, RealServer, TunnelType, Wiring, load, written};
use std::net::IpAddr;
use std::time::Duration;

/// Other services that a lab has besides its own.
const MOST_OTHERS: usize = 30;
/// Sysctls of one set-up.
const MOST_SYSCTLS: usize = 100;
const DAY: Duration = Duration::from_secs(86_400);

/// The port of a service of MySQL, as far as a port tells.
fn is_mysql(port: u16) -> bool {
    matches!(
        port,
        3300..=3310 | 4000 | 4006 | 4008 | 6033 | 6446 | 6447 | 33060
    ) || port.to_string().ends_with("3306")
        || port.to_string().ends_with("3307")
}

pub(super) struct Making<'s> {
    setup: &'s Setup,
    service: &'s Service,
    kind: ServerKind,
    notes: Notes,
    lab: scenario::Lab,
    before: Vec<Action>,
    servers: Vec<(Name, Server)>,
    /// Of services beside this one: what became of them.
    others: Vec<Became>,
}

impl<'s> Making<'s> {
    pub(super) fn new(setup: &'s Setup, service: &'s Service) -> Self {
        let ports = || {
            let own = service.listen.endpoint().map(|endpoint| endpoint.port);
            own.into_iter()
                .chain(service.servers.iter().map(|server| server.endpoint.port))
        };
        let kind = match &service.listen {
            Listen::Udp(_) => ServerKind::UdpEcho,
            Listen::Tcp(_) | Listen::Sctp(_) | Listen::Mark { .. } => {
                if ports().any(is_mysql) || ports().all(|port| port == 0) {
                    ServerKind::Mysql
                } else {
                    ServerKind::TcpEcho
                }
            }
        };
        Self {
            setup,
            service,
            kind,
            notes: setup.notes.clone(),
            lab: scenario::Lab::default(),
            before: Vec::new(),
            servers: Vec::new(),
            others: Vec::new(),
        }
    }

    pub(super) fn made(mut self) -> Result<Lab, String> {
        let service = self.service;
        self.lab.server = (self.kind != ServerKind::Mysql).then_some(self.kind);
        let stands_for = match self.kind {
            ServerKind::TcpEcho => "no port of MySQL's: an echo server of the lab's stands for yours",
            ServerKind::UdpEcho => "a service of UDP: an echo server of the lab's stands for yours",
            ServerKind::Mysql | ServerKind::Program => "",
        };
        if !stands_for.is_empty() {
            self.notes
                .changed(&service.place, service.listen.to_string(), stands_for);
        }
        if service
            .listen
            .endpoint()
            .is_some_and(|endpoint| endpoint.port == 0)
        {
            self.notes.changed(
                &service.place,
                service.listen.to_string(),
                "it has all ports of its address: in the lab it has one",
            );
        }
        self.family();
        self.service_itself();
        self.real_servers()?;
        self.timeouts();
        self.sysctls();
        self.other_services();
        // What cannot stand together is left out, one after the other, and said.
        let place = service.place.clone();
        let mut plan = planned(&self.lab, &self.before);
        if plan.is_err() && self.lab.scheduler_flags.take().is_some() {
            self.notes
                .lost(&place, "the scheduler's flags", "they do not fit the scheduler");
            plan = planned(&self.lab, &self.before);
        }
        if plan.is_err() && self.lab.persistence_prefix.take().is_some() {
            self.notes
                .lost(&place, "the persistence's mask", "it does not fit the family");
            plan = planned(&self.lab, &self.before);
        }
        if plan.is_err()
            && self.lab.persistence.is_some()
            && (self.lab.firewall_mark.is_some() || self.lab.one_packet)
        {
            self.lab.persistence = None;
            self.notes.lost(
                &place,
                "persistence",
                "it does not fit what else is said of the service",
            );
            plan = planned(&self.lab, &self.before);
        }
        let plan = plan?;
        let table = self.table(&plan);
        Ok(Lab {
            service: service.clone(),
            lab: self.lab,
            before: self.before,
            servers: self.servers,
            table,
            notes: self.notes.into_vec(),
            timeouts: self
                .setup
                .timeouts
                .as_ref()
                .map_or_else(Timeouts::default, |(said, _)| *said),
        })
    }

    fn family(&mut self) {
        let of = |endpoint: &Endpoint| endpoint.address().map(Family::of);
        let servers = || {
            self.service
                .servers
                .iter()
                .filter_map(|server| of(&server.endpoint))
        };
        let own = match &self.service.listen {
            Listen::Tcp(endpoint) | Listen::Udp(endpoint) | Listen::Sctp(endpoint) => of(endpoint),
            Listen::Mark { ipv6: true, .. } => Some(Family::Ipv6),
            Listen::Mark { ipv6: false, .. } => None,
        };
        self.lab.family = own
            .or_else(|| servers().next())
            .filter(|family| *family != Family::default());
    }

    fn service_itself(&mut self) {
        let Service {
            listen,
            scheduler,
            flags,
            one_packet,
            persistence,
            prefix,
            place,
            ..
        } = self.service;
        if let Listen::Mark { mark, .. } = listen {
            self.lab.firewall_mark = Some(*mark).filter(|mark| *mark > 0);
        }
        let known = self.try_lab(|lab| lab.scheduler = Some(scheduler.clone()));
        if !known {
            self.notes.changed(
                place,
                format!("scheduler {scheduler}"),
                "the lab's kernel does not know it: `wlc` is in its place",
            );
        }
        self.lab.scheduler = Some(if known {
            scheduler.clone()
        } else {
            "wlc".to_owned()
        });
        if !flags.is_empty() {
            self.lab.scheduler_flags = Some(flags.clone());
        }
        if *one_packet && self.kind == ServerKind::UdpEcho {
            self.lab.one_packet = true;
        } else if *one_packet {
            self.notes
                .lost(place, "one packet (ops)", "the lab has it for services of UDP");
        }
        if let Some(time) = persistence.filter(|time| !time.is_zero()) {
            if time > DAY {
                self.notes
                    .changed(place, "persistence", "more than a day: it is a day in the lab");
            }
            self.lab.persistence = Some(time.min(DAY));
            self.lab.persistence_prefix = *prefix;
        }
    }

    fn real_servers(&mut self) -> Result<(), String> {
        let mut usable: Vec<&Server> = Vec::new();
        for server in &self.service.servers {
            let what = server.endpoint.to_string();
            if server.method == Method::Local {
                self.notes.lost(
                    &server.place,
                    what,
                    "the director itself serves; the lab's director serves nothing",
                );
            } else if usable.len() >= MAX_REAL_SERVERS {
                self.notes.lost(
                    &server.place,
                    what,
                    format!("a lab has at most {MAX_REAL_SERVERS} real servers"),
                );
            } else {
                usable.push(server);
            }
        }
        let methods: Vec<(Forwarding, Tunnel)> = usable.iter().map(|server| by(server.method)).collect();
        let Some((forwarding, tunnel)) = methods.first().copied() else {
            return Err("it has no real server".to_owned());
        };
        self.lab.forwarding = Some(forwarding).filter(|method| *method != Forwarding::default());
        let of_type = methods
            .iter()
            .find(|(method, _)| *method == Forwarding::Tunneling);
        let lab_tunnel = if forwarding == Forwarding::Tunneling {
            tunnel
        } else {
            Tunnel::default()
        };
        if of_type.is_some() && forwarding == Forwarding::Tunneling {
            self.lab.tunnel_type = Some(tunnel.kind).filter(|kind| !kind.is_default());
            self.lab.tunnel_port = tunnel.port;
        }
        if methods
            .iter()
            .all(|(method, _)| *method == Forwarding::Masquerading)
            && self.behind(&usable)
        {
            self.lab.wiring = Some(Wiring::TwoArmed);
        }
        let (mut plain, mut sorry) = (0, 0);
        let family = self.lab.family.unwrap_or_default();
        let mut built = Vec::new();
        for (server, (method, tunnel)) in usable.into_iter().zip(methods) {
            let (word, count) = if server.stands_by {
                ("sorry", &mut sorry)
            } else {
                ("rs", &mut plain)
            };
            *count += 1;
            let name = Name::new(&format!("{word}{count}")).map_err(|error| error.to_string())?;
            let number = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
            for (what, value) in [
                ("weight", server.weight),
                ("upper threshold", server.upper),
                ("lower threshold", server.lower),
            ] {
                if value > u32::from(u16::MAX) {
                    let what = format!("{what} {value}");
                    self.notes
                        .changed(&server.place, what, "the lab's largest is 65535");
                }
            }
            // net/netfilter/ipvs/ip_vs_ctl.c, `ip_vs_add_dest`.
            let lower = Some(server.lower).filter(|lower| *lower <= server.upper);
            if lower.is_none() {
                self.notes.lost(
                    &server.place,
                    format!("lower threshold {}", server.lower),
                    format!("the kernel takes none above the upper one, {}", server.upper),
                );
            }
            let outer = server.endpoint.address().map_or(family, Family::of);
            if outer != family && method != Forwarding::Tunneling {
                self.notes.changed(
                    &server.place,
                    server.endpoint.to_string(),
                    "only tunnels reach a server of the other family; here it has that of the service",
                );
            }
            built.push(RealServer {
                name: name.clone(),
                weight: number(server.weight),
                stands_by: server.stands_by,
                upper_threshold: Some(number(server.upper)).filter(|upper| *upper > 0),
                lower_threshold: lower.map(number).filter(|lower| *lower > 0),
                forwarding: Some(method).filter(|method| *method != forwarding),
                tunnel_type: Some(tunnel.kind)
                    .filter(|kind| method == Forwarding::Tunneling && *kind != lab_tunnel.kind),
                tunnel_port: own_port(method, tunnel, lab_tunnel),
                tunnel_family: Some(outer)
                    .filter(|outer| *outer != family && method == Forwarding::Tunneling),
                port: self.port(server, method),
                services: None,
            });
            self.servers.push((name, server.clone()));
        }
        self.lab.real_servers = built;
        Ok(())
    }

    /// Are the real servers on another network than the VIP?
    fn behind(&self, servers: &[&Server]) -> bool {
        let network = |endpoint: &Endpoint| match endpoint.address()? {
            IpAddr::V4(address) => Some(u128::from(u32::from(address) >> 8)),
            IpAddr::V6(address) => Some(u128::from(address) >> 64),
        };
        let vip = self.service.listen.endpoint().and_then(network);
        vip.is_none_or(|vip| {
            servers
                .iter()
                .all(|server| network(&server.endpoint) != Some(vip))
        })
    }

    /// The port of a masqueraded server, if it is not the service's.
    fn port(&mut self, server: &Server, method: Forwarding) -> Option<u16> {
        let service = self.service.listen.endpoint()?.port;
        let port = server.endpoint.port;
        // A service of all ports has one in the lab.
        if port == service || service == 0 {
            return None;
        }
        if method != Forwarding::Masquerading {
            self.notes.changed(
                &server.place,
                server.endpoint.to_string(),
                "only masquerading gives a packet another port; IPVS takes the service's, as the lab does",
            );
            return None;
        }
        let own = self.kind.port();
        Some(if port >= 1024 && port != own {
            port
        } else {
            own + 1
        })
    }

    fn timeouts(&mut self) {
        let Some((said, place)) = &self.setup.timeouts else {
            return;
        };
        let longest = said.tcp.max(said.tcp_fin).max(said.udp);
        if longest > DAY {
            self.notes
                .changed(place, "time-outs", "the longest of the lab is a day");
        }
        let usual = Timeouts::default();
        if *said != usual {
            let time = |time: Duration| time.clamp(Duration::from_secs(1), DAY);
            self.before.push(Action::from(TableAction::SetTimeouts {
                tcp: time(said.tcp),
                tcp_fin: Some(time(said.tcp_fin)),
                udp: Some(time(said.udp)).filter(|udp| *udp != usual.udp),
            }));
        }
    }

    fn sysctls(&mut self) {
        let unusual = self.setup.sysctls.iter().filter(|sysctl| !sysctl.usual);
        for (number, sysctl) in unusual.enumerate() {
            let pair = (sysctl.key.clone(), sysctl.value.clone());
            let what = format!("{} = {}", sysctl.key, sysctl.value);
            if number >= MOST_SYSCTLS {
                self.notes.lost(
                    &sysctl.place,
                    "more sysctls",
                    format!("only {MOST_SYSCTLS} are taken over"),
                );
                return;
            }
            let list = |lab: &mut scenario::Lab, pair| match sysctl.role {
                Role::Director => lab.director_sysctls.push(pair),
                Role::Client => lab.client_sysctls.push(pair),
                Role::Server => lab.server_sysctls.push(pair),
            };
            if self.try_lab(|lab| list(lab, pair.clone())) {
                list(&mut self.lab, pair);
            } else {
                self.notes.lost(
                    &sysctl.place,
                    what,
                    "the lab's kernel has it not, or not with this value, in a network namespace",
                );
            }
        }
    }

    /// The services beside this one are entries of the table without real servers, so that it is as full.
    fn other_services(&mut self) {
        let mut taken = vec![self.kind.port(), MYSQL_PORT, ECHO_PORT];
        let others = self
            .setup
            .services
            .iter()
            .filter(|other| !std::ptr::eq(*other, self.service));
        let mut count = 0;
        for other in others {
            count += 1;
            let what = format!("service {}", other.listen);
            if count > MOST_OTHERS {
                self.notes.lost(
                    &other.place,
                    "more services",
                    format!("a lab takes over at most {MOST_OTHERS} others"),
                );
                continue;
            }
            let theirs = other.listen.endpoint().map_or(0, |endpoint| endpoint.port);
            let port = std::iter::once(theirs)
                .chain(20_000..)
                .find(|port| *port > 0 && !taken.contains(port));
            let Some(port) = port else { continue };
            taken.push(port);
            self.notes.changed(
                &other.place,
                what,
                "a lab has one service with real servers; of this one it has an entry without any (take it \
                 with --service)",
            );
            self.others.push(Became {
                theirs: other.listen.to_string(),
                ours: format!("port {port}, without real servers"),
            });
            self.before
                .push(Action::from(TableAction::AddService { port: Some(port) }));
        }
    }

    /// Is a lab that differs from none by this accepted without a word?
    fn try_lab(&self, change: impl FnOnce(&mut scenario::Lab)) -> bool {
        let Ok(name) = Name::new("rs1") else {
            return false;
        };
        let mut lab = scenario::Lab {
            real_servers: vec![RealServer::new(name, 1)],
            ..scenario::Lab::default()
        };
        change(&mut lab);
        draft(&lab, &[])
            .is_some_and(|draft| load(&written(&draft)).is_ok_and(|good| good.warnings.is_empty()))
    }

    fn table(&self, plan: &LabPlan) -> Vec<Became> {
        let service = plan.service();
        let mut rows = vec![Became {
            theirs: match &self.service.listen {
                Listen::Mark { .. } => self.service.listen.to_string(),
                listen @ (Listen::Tcp(_) | Listen::Udp(_) | Listen::Sctp(_)) => format!("{listen}, the VIP"),
            },
            ours: match service.mark {
                Some(mark) => format!("mark {mark}, of {}", service.address),
                None => service.address.to_string(),
            },
        }];
        for (name, server) in &self.servers {
            let host = plan.real_servers().find(|(known, _)| *known == name);
            let ours = host.map_or_else(String::new, |(_, host)| plan.listed(host).to_string());
            rows.push(Became {
                theirs: format!(
                    "{}{}",
                    server.endpoint,
                    if server.stands_by {
                        ", the sorry server"
                    } else {
                        ""
                    }
                ),
                ours: format!("{name}, {ours}"),
            });
        }
        rows.extend(self.others.iter().cloned());
        rows
    }
}

/// The port that is to be said of a real server, if that of the lab is not its own.
fn own_port(method: Forwarding, tunnel: Tunnel, lab: Tunnel) -> Option<u16> {
    let own = tunnel.port.unwrap_or(GUE_PORT);
    let gue = method == Forwarding::Tunneling && tunnel.kind == TunnelType::Gue;
    Some(own).filter(|own| gue && *own != lab.port.unwrap_or(GUE_PORT))
}

fn by(method: Method) -> (Forwarding, Tunnel) {
    match method {
        Method::By(forwarding, tunnel) => (forwarding, tunnel),
        Method::Local => (Forwarding::DirectRouting, Tunnel::default()),
    }
}
