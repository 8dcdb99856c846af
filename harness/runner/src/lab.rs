//! The lab: a bridge for each segment in a namespace of their own, and a namespace for each host.

mod ready;

use crate::clock::Clock;
use crate::control::{Control, Held};
use crate::director;
use crate::error::{LabError, Result, Stage};
use crate::progress::Milestone;
use crate::real_server::{Blueprint, EchoPlan, OwnPlan, RealServer, Serves};
use crate::template::Template;
use crate::warm::Warm;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::plan::{Host, LabPlan, NETEM_LIMIT, Nic, Segment, Server};
use lvs_matrix_model::record::{CommandRecord, VipChange};
use lvs_matrix_model::scenario::Misbuild;
use lvs_matrix_netns::{CommandLine, Finished, Namespace, ip_batch, read_sysctl, tc_batch, write_sysctls};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// How long a bridge remembers where a host is, in hundredths of a second: a week. After its default of
/// five minutes it would flood the frames for a host that was silent, and they would turn up in the other
/// hosts' captures.
const AGEING: u32 = 7 * 24 * 3600 * 100;
/// How much of a command's output a record keeps, in characters.
const RECORDED_OUTPUT: usize = 4096;

/// A lab that is ready: every real server has answered through the VIP, and nothing of that is left.
///
/// Field order is drop order: servers are killed before the link goes; the kernel frees a namespace once
/// nothing is in it.
pub(crate) struct Lab {
    /// The control plane of each director, if the plan has one; started when the cell's clock is.
    pub(crate) controls: Vec<Control>,
    pub(crate) servers: Vec<RealServer>,
    /// The hosts without a server.
    others: Vec<(Node, Namespace)>,
    /// The bridges.
    pub(crate) link: Namespace,
    /// The host of the client that is judged.
    client: Node,
    /// The balancer of the service that the client speaks to; of two the one that has the VIP at first.
    director: Node,
    /// All of its balancers.
    directors: Vec<Node>,
    /// Where steps have moved the VIP, and who had it at first, in a lab in which keepalived does not move
    /// it.
    pub(crate) moves: Vec<VipChange>,
    /// Command lines that made the lab.
    pub(crate) preparation: Vec<CommandRecord>,
}

impl Lab {
    /// Makes the lab of `plan`. Servers that are programs of the author's own run in `programs`. Servers log
    /// into `folder`; those that no other cell may have work in
    /// `scratch`. It tells the milestones on the way.
    pub(crate) fn make(
        plan: &LabPlan,
        template: Option<&Template>,
        programs: Option<&Path>,
        scratch: &Path,
        folder: &Path,
        warm: &mut Warm,
        reached: &mut dyn FnMut(Milestone),
    ) -> Result<Self> {
        let namespace = |name: &str| Namespace::new(name).stage(format!("make the namespace of {name}"));
        let lacks = |what: &str| LabError::new("make the lab", format!("the plan has no {what}"));
        let client = plan.client_host().ok_or_else(|| lacks("client"))?;
        let director = plan
            .service()
            .balancers
            .first()
            .ok_or_else(|| lacks("director"))?;
        let mut lab = Self {
            controls: Vec::new(),
            servers: Vec::new(),
            others: Vec::new(),
            link: namespace("link")?,
            client: client.node.clone(),
            director: director.clone(),
            directors: plan.service().balancers.clone(),
            moves: Vec::new(),
            preparation: Vec::new(),
        };
        for host in plan.hosts.iter().filter(|host| host.server().is_none()) {
            let node = host.node.clone();
            let namespace = namespace(&node.to_string())?;
            lab.others.push((node, namespace));
        }
        let names = names_of(plan);
        // Servers first: those that no earlier cell has left start while the rest is made.
        let lent_from = warm.scratch(plan).map(Path::to_owned);
        for (name, host) in plan.real_servers() {
            let ports = plan.server_ports(host);
            let port = ports.first().copied().unwrap_or(plan.destination(host).port());
            let (server_id, sql, serves) = match host.server() {
                None => continue,
                Some(Server::MySql(mysqld)) => (mysqld.server_id, mysqld.setup.sql.as_slice(), Serves::MySql),
                Some(Server::Program(own)) => {
                    let plan = OwnPlan {
                        words: own.program.words(name, port),
                        ready: own.program.ready.clone(),
                        folder: programs.map(Path::to_owned),
                    };
                    (own.server_id, &[][..], Serves::Own(plan))
                }
                Some(Server::Echo(echo)) => {
                    // A link-local address is one of a link only, and no service has it.
                    let link_local = |address: &IpAddr| match address {
                        IpAddr::V4(_) => false,
                        IpAddr::V6(address) => address.is_unicast_link_local(),
                    };
                    let own = host.addresses().filter(|address| !link_local(address));
                    let own = own.chain([Ipv4Addr::LOCALHOST.into()]);
                    let listens = EchoPlan {
                        protocol: echo.protocol,
                        addresses: own
                            .flat_map(|address| ports.iter().map(move |port| SocketAddr::new(address, *port)))
                            .collect(),
                    };
                    (echo.server_id, &[][..], Serves::Echo(listens))
                }
            };
            let resolves = host
                .server()
                .is_some_and(|server| matches!(server, Server::MySql(mysqld) if mysqld.setup.name_resolve));
            // Others start at once.
            let lent_from = lent_from.as_ref().filter(|_| serves == Serves::MySql);
            let blueprint = Blueprint {
                name,
                server_id,
                sql,
                hosts: resolves.then_some(names.as_str()),
                serves,
                template,
                scratch: lent_from.map_or(scratch, PathBuf::as_path),
                lendable: lent_from.is_some(),
                log: folder.join(format!("{name}.log")),
                listen: SocketAddr::new(any(host.address()), port),
            };
            let lent = lent_from.and_then(|_| warm.lend(&blueprint, host));
            lab.servers.push(match lent {
                Some(server) => server,
                None => {
                    warm.make_room(plan);
                    RealServer::start(namespace(name.as_str())?, &blueprint)?
                }
            });
        }
        lab.join_hosts(plan)?;
        for host in &plan.hosts {
            lab.set_up(host)?;
        }
        reached(Milestone::HostsMade);
        for server in &mut lab.servers {
            server.start_late()?;
            server.wait_ready()?;
            server.set_up()?;
            server.read_timeouts();
        }
        reached(Milestone::ServersReady);
        match plan.has_two_directors() {
            false => lab.prove_services(plan)?,
            true => lab.prove_each(plan)?,
        }
        if plan.control().is_some() {
            // It makes the table itself.
            let clear = ["ipvsadm", "-C"].map(str::to_owned);
            for node in lab.directors.clone() {
                let done = run_recorded(lab.namespace(&node)?, Some(node), &clear)?;
                lab.preparation.push(done);
            }
        }
        lab.build_wrong(plan)?;
        Ok(lab)
    }

    /// Ends the lab after its cell. Servers that are as new can be lent to the next one.
    pub(crate) fn dissolve(self, plan: &LabPlan, warm: &mut Warm) {
        for server in self.servers.into_iter().filter(RealServer::is_mysql) {
            warm.take_back(plan, server);
        }
    }

    /// The namespace of `node`.
    pub(crate) fn namespace(&self, node: &Node) -> Result<&Namespace> {
        let others = self.others.iter().map(|(node, namespace)| (node, namespace));
        let mut others = others
            .filter(|(of, _)| *of == node)
            .map(|(_, namespace)| namespace);
        let mut servers = self
            .servers
            .iter()
            .filter(|server| node.real_server() == Some(&server.name));
        let found = others
            .next()
            .or_else(|| servers.next().map(|server| &server.namespace));
        found.ok_or_else(|| LabError::new(format!("find {node}"), "the plan has no such host"))
    }

    /// The namespace of the client that is judged.
    pub(crate) fn client(&self) -> Result<&Namespace> {
        self.namespace(&self.client)
    }

    /// The namespace of the balancer of the client's service.
    pub(crate) fn director(&self) -> Result<&Namespace> {
        self.namespace(&self.director)
    }

    /// Every balancer of the client's service.
    pub(crate) fn directors(&self) -> &[Node] {
        &self.directors
    }

    /// The director whose table a step means: the one that it names; else the one that got the VIP last, of
    /// those that have it now; else the first one.
    pub(crate) fn director_meant(&self, named: Option<&Node>) -> Node {
        let mut changes = self.moves.clone();
        changes.extend(self.controls.iter().flat_map(Control::moves));
        changes.sort_by_key(|change| change.at);
        let holders = VipChange::holders(&changes);
        let known = named.or(holders.last().copied()).cloned();
        known.unwrap_or_else(|| self.director.clone())
    }

    /// Starts the control plane of each director, if the plan has one, and waits until the tables are as its
    /// configuration says, and until the first of two directors has the VIP.
    pub(crate) fn start_control(&mut self, plan: &LabPlan, clock: Clock, scratch: &Path) -> Result<()> {
        if plan.control().is_none() {
            if plan.has_two_directors() {
                let (node, at, holds) = (self.director.clone(), clock.now(), true);
                self.moves.push(VipChange { node, at, holds });
            }
            return Ok(());
        }
        for node in self.directors.clone() {
            let control = Control::start(plan, (&node, self.namespace(&node)?), clock, scratch)?;
            self.controls.push(control);
        }
        if plan.has_two_directors() {
            let (control, _) = self.controlled(&self.director.clone())?;
            control.await_vip(plan)?;
        }
        Ok(())
    }

    /// What becomes of a director's table from now on is a step's doing, until it is released.
    pub(crate) fn hold(&self, director: &Node) -> Option<Held> {
        let mut controls = self.controls.iter();
        controls
            .find(|control| control.node == *director)
            .map(Control::hold)
    }

    /// What becomes of the table from now on is the control plane's doing.
    pub(crate) fn release(&self, director: &Node, held: Option<Held>) -> Result<()> {
        let director = self.namespace(director)?;
        held.map_or(Ok(()), |held| held.release(director))
    }

    /// A director's control plane, and the namespace in which it runs.
    pub(crate) fn controlled(&mut self, node: &Node) -> Result<(&mut Control, &Namespace)> {
        let Self { controls, others, .. } = self;
        let mut others = others.iter();
        let namespace = others
            .find(|(known, _)| known == node)
            .map(|(_, namespace)| namespace);
        let control = controls.iter_mut().find(|control| control.node == *node);
        let both = control.zip(namespace);
        both.ok_or_else(|| LabError::new("find the control plane", format!("{node} has none")))
    }

    /// The segments: a bridge for each, without spanning tree, and a veth pair for each network card.
    fn join_hosts(&self, plan: &LabPlan) -> Result<()> {
        // A bridge is nobody: without addresses it must not speak on the link either (IPv6 neighbour
        // discovery).
        let mute = [
            "net.ipv6.conf.all.disable_ipv6",
            "net.ipv6.conf.default.disable_ipv6",
        ]
        .map(|key| (key.to_owned(), "1".to_owned()));
        write_sysctls(&self.link, &mute).stage("make the link")?;
        let mut lines = Vec::new();
        let mut delays = Vec::new();
        for Segment { id, bridge, delay } in &plan.segments {
            lines.push(format!(
                "link add name {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0 ageing_time \
                 {AGEING}"
            ));
            lines.push(format!("link set dev {bridge} up"));
            for host in &plan.hosts {
                let there = self.namespace(&host.node)?.path();
                for nic in host.nics.iter().filter(|nic| nic.segment == *id) {
                    let Nic { name, port, mac, .. } = nic;
                    lines.push(format!(
                        "link add name {port} type veth peer name {name} address {mac} netns {}",
                        there.display()
                    ));
                    lines.push(format!("link set dev {port} master {bridge} up"));
                    delays.push(format!(
                        "qdisc add dev {port} root netem delay {}us limit {NETEM_LIMIT}",
                        delay.as_micros()
                    ));
                }
            }
        }
        ip_batch(&self.link, &lines).stage("make the link")?;
        tc_batch(&self.link, &delays).stage("give the link its delay")
    }

    /// Sysctls, addresses, and the host's own commands, in that order.
    fn set_up(&mut self, host: &Host) -> Result<()> {
        let stage = || format!("set up {}", host.node);
        let namespace = self.namespace(&host.node)?;
        write_sysctls(namespace, &host.sysctls).stage(stage())?;
        ip_batch(namespace, &host.ip).stage(stage())?;
        let mut done: Vec<CommandRecord> = host
            .ip
            .iter()
            .map(|line| {
                let argv = std::iter::once("ip").chain(line.split_whitespace());
                silent(Some(host.node.clone()), argv.map(str::to_owned).collect())
            })
            .collect();
        let is_ipvsadm = |argv: &Vec<String>| argv.first().is_some_and(|program| program == "ipvsadm");
        for run in host
            .commands
            .chunk_by(|one, next| is_ipvsadm(one) == is_ipvsadm(next))
        {
            let node = Some(host.node.clone());
            if run.iter().all(is_ipvsadm) {
                director::give(namespace, run).stage(stage())?;
                done.extend(run.iter().map(|argv| silent(node.clone(), argv.clone())));
                continue;
            }
            for argv in run {
                done.push(run_recorded(namespace, node.clone(), argv)?);
            }
        }
        self.preparation.append(&mut done);
        let mut servers = self.servers.iter_mut();
        if let Some(server) = servers.find(|server| host.node.real_server() == Some(&server.name)) {
            server
                .sysctls
                .extend(host.sysctls.iter().map(|(key, _)| key.clone()));
        }
        Ok(())
    }

    /// What is to be wrong with the lab is done to it now, and shown to be so. What the client has learnt of
    /// the VIP so far it forgets.
    fn build_wrong(&mut self, plan: &LabPlan) -> Result<()> {
        for wrong in &plan.misbuilt {
            let (node, how) = (&wrong.node, wrong.how.as_str());
            let stage = || format!("build {node} wrong ({how})");
            let namespace = self.namespace(node)?;
            write_sysctls(namespace, &wrong.sysctls).stage(stage())?;
            for (key, value) in &wrong.sysctls {
                let found = read_sysctl(namespace, key).stage(stage())?;
                if found.trim() != value {
                    return Err(LabError::new(stage(), format!("{key} reads {found}")));
                }
            }
            let mut done = Vec::new();
            for argv in &wrong.commands {
                done.push(run_recorded(namespace, Some(node.clone()), argv)?);
            }
            let left = match wrong.how {
                Misbuild::NoVip => {
                    let vip = plan.vip().to_string();
                    let look = CommandLine::new(["ip", "-o", "addr", "show", "to", &vip]);
                    namespace.check(&look).stage(stage())?
                }
                Misbuild::WrongGateway => routes_of_its_own(namespace, plan).stage(stage())?,
                Misbuild::WrongTunnelPort => {
                    let shown = namespace.check(&CommandLine::new(["ip", "fou", "show"]));
                    let shown = shown.stage(stage())?;
                    let tunnels = plan.host(node).into_iter().flat_map(|host| &host.tunnels);
                    let ports = tunnels.filter_map(|tunnel| tunnel.end?.gue_port());
                    let lines = ports.map(|port| format!("port {port} "));
                    lines.filter(|line| shown.contains(line.as_str())).collect()
                }
                Misbuild::AnswersArp | Misbuild::NoForwarding => String::new(),
            };
            if !left.trim().is_empty() {
                return Err(LabError::new(stage(), format!("it still has {left}")));
            }
            self.preparation.append(&mut done);
        }
        if !plan.misbuilt.is_empty() {
            let vip = plan.vip().to_string();
            let forget = ["ip", "neigh", "flush", "to", &vip].map(str::to_owned);
            let done = run_recorded(self.client()?, Some(self.client.clone()), &forget)?;
            self.preparation.push(done);
        }
        Ok(())
    }
}

/// The routes and rules by which a host would send to another one than the destination: those by a gateway,
/// and those of a source.
fn routes_of_its_own(namespace: &Namespace, plan: &LabPlan) -> lvs_matrix_netns::Result<String> {
    let family = if plan.vip().is_ipv6() { "-6" } else { "-4" };
    let mut left = String::new();
    for what in ["route", "rule"] {
        let shown = namespace.check(&CommandLine::new(["ip", family, what, "show"]))?;
        let own = |line: &&str| match what {
            "route" => line.starts_with("default"),
            _ => !line.contains("from all"),
        };
        left.extend(shown.lines().filter(own));
    }
    Ok(left)
}

/// The names of the lab's hosts, in the form of hosts(5).
fn names_of(plan: &LabPlan) -> String {
    let own = plan
        .hosts
        .iter()
        .map(|host| format!("{} {}\n", host.address(), host.node));
    std::iter::once("127.0.0.1 localhost\n".to_owned())
        .chain(own)
        .collect()
}

/// What a server listens to so that it has any address of this one's family.
fn any(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// The record of a command line that succeeded without a word.
pub(crate) fn silent(node: Option<Node>, argv: Vec<String>) -> CommandRecord {
    CommandRecord {
        node,
        argv,
        exit: Some(0),
        output: String::new(),
    }
}

/// Runs a command line and records it; a failure of the command is a failure of the lab.
pub(crate) fn run_recorded(
    namespace: &Namespace,
    node: Option<Node>,
    argv: &[String],
) -> Result<CommandRecord> {
    run_recorded_with(namespace, node, argv, &[])
}

/// As [`run_recorded`], with what the command reads.
pub(crate) fn run_recorded_with(
    namespace: &Namespace,
    node: Option<Node>,
    argv: &[String],
    stdin: &[u8],
) -> Result<CommandRecord> {
    let mut line = CommandLine::new(argv.to_vec());
    line.stdin = stdin.to_vec();
    let finished: Finished = namespace.command(&line).stage(format!("run `{}`", line.text()))?;
    let Finished { status, output } = &finished;
    if !status.success() {
        return Err(LabError::new(
            format!("run `{}`", line.text()),
            format!("{}: {output}", finished.status_text()),
        ));
    }
    let kept = output.chars().take(RECORDED_OUTPUT).collect();
    Ok(CommandRecord {
        node,
        argv: argv.to_vec(),
        exit: status.code(),
        output: kept,
    })
}
