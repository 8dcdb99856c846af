//! A cell as a scenario of its own, without axes.

use super::router::outside_id;
use super::sysctls::{
    self, CLIENT_SYSCTLS, DIRECTOR_SYSCTLS, IPV6_FORWARDING, NO_REDIRECTS, SERVER_SYSCTLS, TUNNEL_SYSCTLS,
};
use super::{Backend, Host, LabPlan, Misbuilt, Phase, Step};
use crate::Name;
use crate::action::{Node, Timed};
use crate::base::{ClientAt, DEFAULT_WEIGHT, Family, Forwarding, ServerKind, TunnelType, Vip, Wiring};
use crate::client::{ClientChoice, Program};
use crate::keepalived::Keepalived;
use crate::mysqld::MysqldSetup;
use crate::scenario::{Director, Expectation, FurtherService, Lab, Phases, Position, RealServer, Scenario};

impl LabPlan {
    /// The scenario whose only cell has this plan: the lab, the steps and the expectation of the cell, and no
    /// axes.
    ///
    /// Its name is that of the cell's scenario. Of a plan that another version made, what this version's labs
    /// have by themselves may differ; what the plan says wins.
    #[must_use]
    pub fn alone(&self) -> Scenario {
        let own = |node: &Node, roles: &[&[(&str, &str)]]| {
            self.host(node)
                .map_or_else(Vec::new, |host| own_sysctls(host, roles))
        };
        let own_service = Name::of_own_service();
        let service = self.service_named(Some(&own_service)).unwrap_or(self.service());
        let client = self.client();
        let further = || self.services.iter().filter(|other| other.id != service.id);
        let of_client = client.sysctls();
        let mut client_sysctls = own(&Node::Client, &[CLIENT_SYSCTLS]);
        client_sysctls.retain(|sysctl| !of_client.contains(sysctl));
        let misbuilt = |wrong: &Misbuilt| Some((Name::new(&wrong.node.to_string()).ok()?, wrong.how));
        // A server that no tunnel reaches has no type of one.
        let wired = self.wired_for();
        let tunnels = |backend: &&Backend| match &wired {
            Some(wired) => wired.contains(&Forwarding::Tunneling),
            None => backend.forwarding == Forwarding::Tunneling,
        };
        // All real servers have the same.
        let first = self.real_servers().next();
        let server_sysctls = first.map_or_else(Vec::new, |(_, host)| {
            own_sysctls(host, &[SERVER_SYSCTLS, TUNNEL_SYSCTLS, OLDER_TUNNEL_SYSCTLS])
        });
        Scenario {
            name: self.cell.scenario.clone(),
            claim: format!("The cell {} by itself.", self.cell),
            claim_zh: None,
            source: None,
            lab: Lab {
                forwarding: Some(service.forwarding()),
                // Each real server says it for itself.
                tunnel_type: None,
                tunnel_port: None,
                tunnel_family: None,
                wired_for: wired.clone(),
                vip: self.is_routed().then_some(Vip::Routed),
                client_at: Some(self.client_at()).filter(|at| *at != ClientAt::default()),
                wiring: Some(self.wiring()).filter(|wiring| *wiring != Wiring::default()),
                family: Some(self.family()).filter(|family| *family != Family::default()),
                server: Some(self.server_kind()).filter(|kind| *kind != ServerKind::default()),
                server_program: self.server_program().cloned(),
                // Each real server says it for itself.
                server_port: None,
                // All real servers have the same.
                server_mtu: first.and_then(|(_, host)| host.nic().mtu),
                one_packet: service.one_packet,
                persistence: service.persistence,
                persistence_prefix: service.persistence_prefix,
                firewall_mark: service.mark,
                scheduler: Some(service.scheduler.clone()),
                scheduler_flags: Some(service.scheduler_flags.clone()).filter(|flags| !flags.is_empty()),
                services: further()
                    .map(|other| {
                        let same_mark = other.mark.is_some();
                        FurtherService {
                            name: other.id.clone(),
                            port: other.address.port(),
                            same_mark,
                            scheduler: (!same_mark).then(|| other.scheduler.clone()),
                            persistence: other.persistence.filter(|_| !same_mark),
                        }
                    })
                    .collect(),
                real_servers: self
                    .real_servers()
                    .map(|(name, host)| {
                        let in_own = service.backend(&host.node);
                        let in_further =
                            || further().find_map(|other| Some((other, other.backend(&host.node)?)));
                        let backend = in_own.or_else(|| Some(in_further()?.1));
                        let usual = match in_own {
                            Some(_) => service.address.port(),
                            None => in_further().map_or(self.port(), |(other, _)| other.address.port()),
                        };
                        let all = std::iter::once(service).chain(further());
                        let is_in = all.filter(|service| service.backend(&host.node).is_some());
                        let is_in: Vec<Name> = is_in.map(|service| service.id.clone()).collect();
                        RealServer {
                            name: name.clone(),
                            weight: backend.map_or(DEFAULT_WEIGHT, |backend| backend.weight),
                            stands_by: backend.is_some_and(|backend| backend.stands_by),
                            upper_threshold: backend.and_then(|backend| backend.upper_threshold),
                            lower_threshold: backend.and_then(|backend| backend.lower_threshold),
                            forwarding: backend
                                .map(|backend| backend.forwarding)
                                .filter(|forwarding| *forwarding != service.forwarding()),
                            tunnel_type: backend
                                .filter(tunnels)
                                .map(|backend| backend.tunnel)
                                .filter(|kind| *kind != TunnelType::default()),
                            tunnel_port: backend.filter(tunnels).and_then(|backend| backend.tunnel_port),
                            tunnel_family: backend
                                .and_then(|backend| backend.address)
                                .map(Family::of)
                                .filter(|family| *family != self.family()),
                            port: backend.map(|backend| backend.port).filter(|port| *port != usual),
                            services: Some(is_in).filter(|is_in| is_in.as_slice() != [own_service.clone()]),
                        }
                    })
                    .collect(),
                misbuilt: self.misbuilt.iter().filter_map(misbuilt).collect(),
                keepalived: self.keepalived().map(Keepalived::as_said),
                ldirectord: self.ldirectord().cloned(),
                directors: self.said_directors(),
                clients: u8::try_from(self.client_addresses().count())
                    .ok()
                    .filter(|count| *count > 1),
                client: ClientChoice {
                    program: Some(client.program.clone())
                        .filter(|program| *program != Program::of(self.server_kind())),
                    settings: client.settings.clone(),
                },
                probes: self.probes().cloned().collect(),
                // All mysqlds have the same.
                mysqld: self
                    .mysqlds()
                    .next()
                    .map_or_else(MysqldSetup::default, |mysqld| mysqld.setup.clone()),
                director_sysctls: self.common_director_sysctls(),
                client_sysctls,
                server_sysctls,
            },
            axes: Vec::new(),
            steps: self.phases(),
            observe: self.observe,
            expectations: vec![Expectation {
                kernels: Vec::new(),
                when: Vec::new(),
                expected: self.expected.clone(),
                position: Position { line: 1, column: 1 },
            }],
            fails_without_change: false,
            explore: None,
            warnings: Vec::new(),
        }
    }

    /// The directors, if there is more to say of them than that there is one.
    fn said_directors(&self) -> Option<Vec<Director>> {
        let common = self.common_director_sysctls();
        let each = self.balancers().filter_map(|host| {
            let mut sysctls = own_sysctls(host, OF_DIRECTORS);
            sysctls.retain(|sysctl| !common.contains(sysctl));
            let name = host.node.director()?.clone();
            Some(Director { name, sysctls })
        });
        let directors: Vec<Director> = each.collect();
        (directors != Director::unnamed(1)).then_some(directors)
    }

    /// The sysctls that all directors have.
    fn common_director_sysctls(&self) -> Vec<(String, String)> {
        let mut all = self.balancers().map(|host| own_sysctls(host, OF_DIRECTORS));
        let first = all.next().unwrap_or_default();
        all.fold(first, |mut common, other| {
            common.retain(|sysctl| other.contains(sysctl));
            common
        })
    }

    /// Is the VIP nobody's?
    fn is_routed(&self) -> bool {
        let mut balancers = self.balancers();
        // Of two directors keepalived gives it to one.
        !self.has_two_directors()
            && !balancers.any(|host| host.addresses().any(|address| address == self.vip()))
    }

    fn wiring(&self) -> Wiring {
        let outside = outside_id();
        match self
            .segments
            .iter()
            .filter(|segment| segment.id != outside)
            .count()
        {
            0 | 1 => Wiring::OneArmed,
            _ => Wiring::TwoArmed,
        }
    }

    /// The family of the VIP.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(self.vip())
    }

    /// The methods that the real servers are wired for, if those are not the ones that they have.
    fn wired_for(&self) -> Option<Vec<Forwarding>> {
        let service = self.service();
        let wired = |host: &Host, method: Forwarding| match method {
            Forwarding::DirectRouting => !host.loopback.is_empty(),
            Forwarding::Masquerading => {
                let mut routes = host.routes.iter();
                routes.any(|route| {
                    let moves = self.moving().iter().any(|(cidr, _)| cidr.address == route.via);
                    let mut balancers = self.balancers();
                    moves || balancers.any(|host| host.addresses().any(|own| own == route.via))
                })
            }
            Forwarding::Tunneling => !host.tunnels.is_empty(),
        };
        let methods = [
            Forwarding::DirectRouting,
            Forwarding::Masquerading,
            Forwarding::Tunneling,
        ];
        let as_they_are = self.real_servers().all(|(name, host)| {
            let backends = self
                .services
                .iter()
                .filter_map(|service| service.backend(&host.node));
            let own = backends.map(|backend| backend.forwarding).next();
            let own = own.unwrap_or_else(|| service.forwarding_to(name));
            methods
                .iter()
                .all(|method| wired(host, *method) == (*method == own))
        });
        let (_, first) = self.real_servers().next().filter(|_| !as_they_are)?;
        Some(
            methods
                .into_iter()
                .filter(|method| wired(first, *method))
                .collect(),
        )
    }

    fn phases(&self) -> Phases {
        let of = |phase: Phase| -> Vec<Timed> {
            let steps = self.steps.iter().filter(|step| step.phase == phase);
            let said = |step: &Step| Timed {
                action: self.as_said(&step.action),
                ..step.timed()
            };
            steps.map(said).collect()
        };
        Phases {
            before: of(Phase::Before),
            change: of(Phase::Change),
            act: of(Phase::Act),
        }
    }
}

/// The roles of a director.
const OF_DIRECTORS: &[&[(&str, &str)]] = &[DIRECTOR_SYSCTLS, IPV6_FORWARDING, NO_REDIRECTS];

/// What labs set while their tunnels ended at the kernel's own device.
const OLDER_TUNNEL_SYSCTLS: &[(&str, &str)] = &[("net.ipv4.conf.tunl0.rp_filter", "0")];

/// Sysctls of a host that no lab of the family has by itself.
fn own_sysctls(host: &Host, roles: &[&[(&str, &str)]]) -> Vec<(String, String)> {
    // A host with an address of IPv6 has what IPv6 needs.
    let families = host.addresses().map(Family::of);
    let family = families.max().unwrap_or_default();
    // What roles add to each other is any of their values.
    let interfaces: Vec<&str> = host.nics.iter().map(|nic| nic.name.as_str()).collect();
    let usual: Vec<Vec<(String, String)>> = (1..=roles.len())
        .map(|count| sysctls::of((family, &interfaces), roles.get(..count).unwrap_or_default(), &[]))
        .collect();
    let by_itself = |own: &&(String, String)| usual.iter().any(|usual| usual.contains(own));
    let all = host.sysctls.iter();
    all.filter(|own| !by_itself(own)).cloned().collect()
}
