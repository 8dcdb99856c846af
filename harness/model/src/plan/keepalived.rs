//! keepalived's configuration, made from the lab.

use super::checker::{CHECKER, CONTROL_FOLDER, asks};
use super::{Backend, Host, INTERFACE, LabPlan, Process, SECOND_INTERFACE, Service};
use crate::Name;
use crate::action::{Action, HostAction, Node};
use crate::base::{Family, Forwarding, GUE_PORT, TunnelType};
use crate::keepalived::{CHECK, Config, GATEWAY, HealthCheck, Keepalived, Own, Statement, VIP};
use std::fmt::{self, Write as _};
use std::time::Duration;

/// The names of the instances of VRRP, one for each link, with their `virtual_router_id`.
const INSTANCES: [(&str, u8); 2] = [("VI_1", 51), ("VI_2", 52)];
/// The group of IPv6 to which sync daemons tell: that of the link. Their own is one of IPv4 (ipvsadm(8),
/// `--mcast-group`), and a link of IPv6 has no source for it.
pub(super) const SYNC_GROUP: &str = "ff02::81";
/// The priorities of the two directors: those of keepalived.conf(5)'s examples.
const FIRST_PRIORITY: u8 = 150;
const SECOND_PRIORITY: u8 = 100;

impl LabPlan {
    /// What the lab says of keepalived, if the director has one.
    #[must_use]
    pub fn keepalived(&self) -> Option<&Keepalived> {
        let mut processes = self.hosts.iter().flat_map(|host| &host.runs);
        processes.find_map(|process| match process {
            Process::Keepalived(keepalived) => Some(keepalived),
            Process::Ipvs
            | Process::Ldirectord(_)
            | Process::Client(_)
            | Process::Probes(_)
            | Process::Server(_) => None,
        })
    }

    /// Does a configuration of this director's keepalived give it the Ethernet addresses of virtual routers
    /// (`use_vmac`)?
    #[must_use]
    pub fn gives_virtual_addresses(&self, director: &Node) -> bool {
        let Some(said) = self.keepalived().filter(|_| director.is_director()) else {
            return false;
        };
        let reloaded = self.steps.iter().filter_map(|step| {
            let Action::Host(HostAction::ReloadKeepalived { config, .. }) = &step.action else {
                return None;
            };
            let config = Some(config.clone()?);
            Some(Keepalived {
                config,
                ..said.clone()
            })
        });
        let name = director.to_string();
        let mut all = std::iter::once(said.clone()).chain(reloaded);
        all.any(|one| one.understood(self.service().address.port(), &name).use_vmac)
    }

    /// The configuration of a director's keepalived: the author's own, or the service with the real servers
    /// that are in its table at the beginning, without this one; and of two directors what moves the VIP
    /// between them.
    #[must_use]
    pub fn keepalived_config(&self, node: &Node, told: &Told) -> Option<String> {
        let service = self.service();
        let without = told.without.as_ref();
        if let Some(config) = self.own_config(told) {
            return Some(self.with_own(node, config));
        }
        let writer = Writer {
            plan: self,
            service,
            said: self.keepalived()?,
            node,
        };
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = writer.write(&mut out, service.configured(without));
        Some(out)
    }
}

/// What the lab puts into every virtual server of a configuration that itself says no `warmup`: the first
/// checks begin at once. Otherwise they would begin at a random moment (keepalived/check/check_api.c,
/// `register_checkers_thread`).
const WARMUP: &str = "    warmup 0";

/// The configuration that a step has given to the control plane; that of the beginning if it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The real server that is left out.
    pub without: Option<Name>,
    /// Another one of the author's own.
    pub config: Option<Config>,
}

/// A real server of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// Its name.
    pub name: Name,
    /// Its weight.
    pub weight: u16,
    /// Does it come into the table only when a check of it has succeeded (`alpha`)?
    pub alpha: bool,
}

impl LabPlan {
    /// The author's own configuration, if there is one.
    fn own_config<'p>(&'p self, told: &'p Told) -> Option<&'p Config> {
        let said = self.keepalived()?;
        told.config.as_ref().or(said.config.as_ref())
    }

    /// The real servers that a director's control plane has by this configuration.
    #[must_use]
    pub fn configured(&self, node: &Node, told: &Told) -> Vec<Configured> {
        if let (Some(config), Some(said)) = (self.own_config(told), self.keepalived()) {
            let parsed = config.statements(&said.names, &node.to_string());
            let own = Own::of(&parsed.statements, self.service().address.port());
            let servers = own.map(|own| own.servers()).unwrap_or_default().into_iter();
            let servers = servers.filter_map(|server| {
                Some(Configured {
                    name: Name::new(&server.name).ok()?,
                    weight: server.weight,
                    alpha: server.alpha,
                })
            });
            return servers.collect();
        }
        let backends = self.service().configured(told.without.as_ref());
        let servers = backends.filter_map(|backend| {
            Some(Configured {
                name: backend.host.real_server()?.clone(),
                weight: backend.weight,
                alpha: false,
            })
        });
        servers.collect()
    }

    /// The author's own configuration, with the lab's addresses.
    ///
    /// Without a `router_id` keepalived would ask for the name of its host over the network
    /// (keepalived/core/global_data.c, `init_global_data`), and without a `script_user` it would run a
    /// program as a user that guests do not have.
    fn with_own(&self, node: &Node, config: &Config) -> String {
        let names = self
            .keepalived()
            .map(|said| said.names.clone())
            .unwrap_or_default();
        let value = |word: &str| match word {
            VIP => Some(self.vip().to_string()),
            GATEWAY => {
                let moving = self.moving().into_iter().nth(1);
                moving.map(|(cidr, _)| cidr.address.to_string())
            }
            CHECK => Some(format!("{CONTROL_FOLDER}/{CHECKER}")),
            INTERFACE | SECOND_INTERFACE => Some(word.to_owned()),
            host => {
                let mut hosts = self.hosts.iter();
                let host = hosts.find(|known| known.node.to_string() == host)?;
                Some(match host.server() {
                    Some(_) => self.service().destination(host).ip().to_string(),
                    None => host.address().to_string(),
                })
            }
        };
        let statements = config.statements(&names, &node.to_string()).statements;
        let says = |of: &Statement, key: &str| of.all().iter().any(|one| one.word(0) == key);
        // One of a real server or of a check is for that alone, and is stronger than its virtual server's.
        let cold: Vec<usize> = statements
            .iter()
            .filter(|one| one.word(0) == "virtual_server" && one.find(&["warmup"]).is_none())
            .map(|one| one.end)
            .collect();
        let mut out = String::new();
        for (number, line) in (1..).zip(config.placed(&names, value).lines()) {
            if cold.contains(&number) {
                out.push_str(WARMUP);
                out.push('\n');
            }
            out.push_str(line);
            out.push('\n');
        }
        let router_id = format!("router_id {node}");
        for (key, line) in [
            ("router_id", router_id.as_str()),
            ("script_user", "script_user root"),
        ] {
            if !statements.iter().any(|one| says(one, key)) {
                out.push_str(&format!("global_defs {{\n    {line}\n}}\n"));
            }
        }
        out
    }
}

/// What is needed to write a configuration.
struct Writer<'p> {
    plan: &'p LabPlan,
    service: &'p Service,
    said: &'p Keepalived,
    node: &'p Node,
}

impl Writer<'_> {
    fn write<'b>(&self, out: &mut String, backends: impl Iterator<Item = &'b Backend>) -> fmt::Result {
        let Self {
            plan,
            service,
            said,
            node,
        } = self;
        let (vip, port) = (service.vip(), service.address.port());
        // Without a name keepalived asks for that of its host, over the network
        // (keepalived/core/global_data.c, `init_global_data`), and waits for an answer where there is a
        // route.
        // As `root` a check's program keeps user and groups (keepalived/lib/notify.c, `set_privileges`).
        writeln!(out, "global_defs {{")?;
        writeln!(out, "    router_id {node}")?;
        writeln!(out, "    script_user root")?;
        if plan.has_two_directors() {
            writeln!(out, "    vrrp_version {}", said.vrrp_version(plan.family()))?;
            if said.sync {
                let (instance, _) = INSTANCES[0];
                let group = match plan.family() {
                    Family::Ipv4 => String::new(),
                    Family::Ipv6 => format!(" group {SYNC_GROUP}"),
                };
                writeln!(out, "    lvs_sync_daemon {INTERFACE} {instance} id 1{group}")?;
            }
        }
        writeln!(out, "}}\n")?;
        if plan.has_two_directors() {
            self.write_vrrp(out)?;
        }
        writeln!(out, "virtual_server {vip} {port} {{")?;
        writeln!(out, "    delay_loop {}", seconds(said.delay_loop()))?;
        writeln!(out, "    lvs_sched {}", service.scheduler)?;
        writeln!(out, "    lvs_method {}", method(service))?;
        if let Some(time) = service.persistence {
            writeln!(out, "    persistence_timeout {}", time.as_secs())?;
        }
        writeln!(out, "    protocol {}", service.protocol)?;
        let mut servers = plan.real_servers();
        let sorry = servers.find(|(name, _)| said.sorry_server.as_ref() == Some(*name));
        if let Some((_, host)) = sorry {
            writeln!(out, "    sorry_server {}", self.address(host))?;
        }
        for backend in backends {
            let Some(host) = plan.host(&backend.host) else {
                continue;
            };
            let address = self.address(host);
            writeln!(out, "    real_server {address} {{")?;
            writeln!(out, "        weight {}", backend.weight)?;
            if said.inhibit_on_failure {
                writeln!(out, "        inhibit_on_failure")?;
            }
            self.write_check(out, &address)?;
            writeln!(out, "    }}")?;
        }
        writeln!(out, "}}")
    }

    /// The instances of VRRP that move the VIP, and the gateway of masqueraded real servers. Where the two
    /// are on different links each has an instance, and a sync group makes both go to one director. The
    /// first director has the higher priority, so it has them at first.
    ///
    /// `nopreempt` and `preempt_delay` are for an instance that begins as a backup (keepalived/vrrp/vrrp.c,
    /// `vrrp_complete_instance`).
    fn write_vrrp(&self, out: &mut String) -> fmt::Result {
        let said = self.said;
        let begins_as_backup = said.nopreempt || said.preempt_delay.is_some();
        let (state, priority) = match (*self.node == self.plan.first_director(), begins_as_backup) {
            (true, false) => ("MASTER", FIRST_PRIORITY),
            (true, true) => ("BACKUP", FIRST_PRIORITY),
            (false, _) => ("BACKUP", SECOND_PRIORITY),
        };
        let moving = self.plan.moving();
        let on = |link: &'static str| {
            let moving = moving.iter().filter(move |(_, interface)| *interface == link);
            moving.map(|(cidr, _)| cidr).collect::<Vec<_>>()
        };
        let links = [INTERFACE, SECOND_INTERFACE].map(|link| (link, on(link)));
        let links = || {
            links
                .iter()
                .filter(|(_, moving)| !moving.is_empty())
                .zip(INSTANCES)
        };
        if links().count() > 1 {
            writeln!(out, "vrrp_sync_group VG_1 {{\n    group {{")?;
            for (_, (instance, _)) in links() {
                writeln!(out, "        {instance}")?;
            }
            writeln!(out, "    }}\n}}\n")?;
        }
        for ((link, moving), (instance, id)) in links() {
            writeln!(out, "vrrp_instance {instance} {{")?;
            writeln!(out, "    state {state}")?;
            writeln!(out, "    interface {link}")?;
            if said.use_vmac {
                writeln!(out, "    use_vmac")?;
            }
            writeln!(out, "    virtual_router_id {id}")?;
            writeln!(out, "    priority {priority}")?;
            writeln!(out, "    advert_int {}", seconds(said.advert_int()))?;
            if said.nopreempt {
                writeln!(out, "    nopreempt")?;
            }
            if let Some(time) = said.preempt_delay {
                writeln!(out, "    preempt_delay {}", seconds(time))?;
            }
            writeln!(out, "    garp_master_delay {}", seconds(said.garp_master_delay()))?;
            writeln!(out, "    garp_master_repeat {}", said.garp_master_repeat())?;
            if let Some(time) = said.garp_master_refresh {
                writeln!(out, "    garp_master_refresh {}", seconds(time))?;
            }
            writeln!(out, "    virtual_ipaddress {{")?;
            for cidr in moving {
                // Without a device an address goes to the interface of the virtual Ethernet address.
                match said.use_vmac {
                    true => writeln!(out, "        {cidr}")?,
                    false => writeln!(out, "        {cidr} dev {link}")?,
                }
            }
            writeln!(out, "    }}\n}}\n")?;
        }
        Ok(())
    }

    /// The address and the port of a real server, as keepalived.conf(5) has them.
    fn address(&self, host: &Host) -> String {
        let destination = self.service.destination(host);
        format!("{} {}", destination.ip(), destination.port())
    }

    /// keepalived delays the first check of a server by a random part of `warmup`
    /// (keepalived/check/check_api.c, `register_checkers_thread`). With 0 the checks of every run begin
    /// alike.
    fn write_check(&self, out: &mut String, address: &str) -> fmt::Result {
        let said = self.said;
        match said.check() {
            HealthCheck::None => return Ok(()),
            HealthCheck::Tcp => {
                writeln!(out, "        TCP_CHECK {{")?;
                writeln!(
                    out,
                    "            connect_timeout {}",
                    seconds(said.connect_timeout())
                )?;
            }
            HealthCheck::Query => {
                let asks = asks(self.plan.server_kind());
                let millis = said.connect_timeout().as_millis();
                // The program ends by itself when its time is over. keepalived must not end it before.
                let longer = said.connect_timeout().saturating_add(Duration::from_secs(1));
                writeln!(out, "        MISC_CHECK {{")?;
                writeln!(
                    out,
                    "            misc_path \"{CONTROL_FOLDER}/{CHECKER} {asks} {address} {millis}\""
                )?;
                writeln!(out, "            misc_timeout {}", seconds(longer))?;
            }
        }
        writeln!(out, "            retry {}", said.retry())?;
        let pause = seconds(said.delay_before_retry());
        writeln!(out, "            delay_before_retry {pause}")?;
        writeln!(out, "            warmup 0")?;
        writeln!(out, "        }}")
    }
}

/// keepalived's words for how packets reach the real servers, which is the same for all.
fn method(service: &Service) -> String {
    let tunnel = service
        .backends
        .first()
        .map(|backend| (backend.tunnel, backend.tunnel_port));
    match (service.forwarding(), tunnel.unwrap_or_default()) {
        (Forwarding::DirectRouting, _) => "DR".to_owned(),
        (Forwarding::Masquerading, _) => "NAT".to_owned(),
        (Forwarding::Tunneling, (TunnelType::Ipip, _)) => "TUN".to_owned(),
        (Forwarding::Tunneling, (TunnelType::Gre, _)) => "TUN type gre".to_owned(),
        (Forwarding::Tunneling, (TunnelType::Gue, port)) => {
            format!("TUN type gue port {}", port.unwrap_or(GUE_PORT))
        }
    }
}

/// A time in seconds, with a fraction if it has one.
fn seconds(time: Duration) -> String {
    match time.subsec_millis() {
        0 => time.as_secs().to_string(),
        millis => format!("{}.{millis:03}", time.as_secs()),
    }
}
