//! The lab: a bridge in a namespace of its own, and a namespace for each host on it.

use crate::client::ask_server_id;
use crate::director;
use crate::error::{LabError, Result, Stage};
use crate::real_server::{Blueprint, RealServer};
use crate::template::Template;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::plan::{Host, INTERFACE, LabPlan};
use lvs_matrix_model::record::CommandRecord;
use lvs_matrix_netns::{CommandLine, Finished, Namespace, ip_batch, read_sysctl, write_sysctl};
use std::path::Path;
use std::time::Duration;

/// The bridge in the link's namespace.
pub(crate) const BRIDGE: &str = "br0";
/// How long the bridge remembers where a host is, in hundredths of a second: a week. After its default of
/// five minutes it would flood the frames for a host that was silent, and they would turn up in the other
/// hosts' captures.
const AGEING: u32 = 7 * 24 * 3600 * 100;
/// How long the query that shows the lab to be ready may take.
const READY_DEADLINE: Duration = Duration::from_secs(30);
/// With 0, a new connection from the port of an old one goes where the old one's entry points
/// (`ip_vs_in_hook` in net/netfilter/ipvs/ip_vs_core.c).
const CONN_REUSE_MODE: &str = "net.ipv4.vs.conn_reuse_mode";
/// How much of a command's output a record keeps, in characters.
const RECORDED_OUTPUT: usize = 4096;

/// A lab that is ready: every real server has answered through the VIP, and nothing of that is left.
///
/// Field order is drop order: servers are killed before the link goes; the kernel frees a namespace once
/// nothing is in it.
pub(crate) struct Lab {
    pub(crate) servers: Vec<RealServer>,
    pub(crate) client: Namespace,
    pub(crate) director: Namespace,
    pub(crate) link: Namespace,
    /// Command lines that made the lab.
    pub(crate) preparation: Vec<CommandRecord>,
}

impl Lab {
    /// Makes the lab of `plan`. Servers work in `scratch` and log into `folder`.
    pub(crate) fn make(plan: &LabPlan, template: &Template, scratch: &Path, folder: &Path) -> Result<Self> {
        let namespace = |name: &str| Namespace::new(name).stage(format!("make the namespace of {name}"));
        let mut lab = Self {
            servers: Vec::new(),
            client: namespace("client")?,
            director: namespace("director")?,
            link: namespace("link")?,
            preparation: Vec::new(),
        };
        // Servers first: they start while the rest is made.
        for (name, host) in plan.real_servers() {
            let blueprint = Blueprint {
                name,
                server_id: host.server_id.unwrap_or_default(),
                template,
                scratch,
                log: folder.join(format!("{name}.log")),
                port: plan.port,
            };
            lab.servers
                .push(RealServer::start(namespace(name.as_str())?, &blueprint)?);
        }
        lab.join_hosts(plan)?;
        for host in &plan.hosts {
            lab.set_up(host)?;
        }
        for server in &mut lab.servers {
            server.wait_ready()?;
            server.execute(&plan.mysqld.sql)?;
            server.read_timeouts();
        }
        lab.prove_ready(plan)?;
        Ok(lab)
    }

    /// The namespace of `node`.
    pub(crate) fn namespace(&self, node: &Node) -> Result<&Namespace> {
        match node {
            Node::Client => Ok(&self.client),
            Node::Director => Ok(&self.director),
            Node::RealServer(name) => self
                .servers
                .iter()
                .find(|server| &server.name == name)
                .map(|server| &server.namespace)
                .ok_or_else(|| LabError::new(format!("find {name}"), "the plan has no such real server")),
        }
    }

    /// One link: a bridge without spanning tree, and a veth pair from it to each host.
    fn join_hosts(&self, plan: &LabPlan) -> Result<()> {
        // The bridge is nobody: without addresses it must not speak on the link either (IPv6 neighbour
        // discovery).
        for key in [
            "net.ipv6.conf.all.disable_ipv6",
            "net.ipv6.conf.default.disable_ipv6",
        ] {
            write_sysctl(&self.link, key, "1").stage("make the link")?;
        }
        let mut lines = vec![
            format!(
                "link add name {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0 ageing_time \
                 {AGEING}"
            ),
            format!("link set dev {BRIDGE} up"),
        ];
        for host in &plan.hosts {
            let there = self.namespace(&host.node)?.path();
            let Host { port, mac, .. } = host;
            lines.push(format!(
                "link add name {port} type veth peer name {INTERFACE} address {mac} netns {}",
                there.display()
            ));
            lines.push(format!("link set dev {port} master {BRIDGE} up"));
        }
        ip_batch(&self.link, &lines).stage("make the link")?;
        let delay = plan.link_delay.as_micros();
        let mut slow = CommandLine::new(["tc", "-batch", "-"]);
        let line = |host: &Host| {
            format!(
                "qdisc add dev {} root netem delay {delay}us limit 10000\n",
                host.port
            )
        };
        slow.stdin = plan.hosts.iter().map(line).collect::<String>().into_bytes();
        self.link
            .check(&slow)
            .stage("give the link its delay")
            .map(|_| ())
    }

    /// Sysctls, addresses, and the host's own commands, in that order.
    fn set_up(&mut self, host: &Host) -> Result<()> {
        let stage = || format!("set up {}", host.node);
        let namespace = self.namespace(&host.node)?;
        for (key, value) in &host.sysctls {
            write_sysctl(namespace, key, value).stage(stage())?;
        }
        ip_batch(namespace, &host.ip).stage(stage())?;
        let mut done: Vec<CommandRecord> = host
            .ip
            .iter()
            .map(|line| CommandRecord {
                node: Some(host.node.clone()),
                argv: std::iter::once("ip")
                    .chain(line.split_whitespace())
                    .map(str::to_owned)
                    .collect(),
                exit: Some(0),
                output: String::new(),
            })
            .collect();
        for argv in &host.commands {
            done.push(run_recorded(namespace, Some(host.node.clone()), argv)?);
        }
        self.preparation.append(&mut done);
        Ok(())
    }

    /// A query through the VIP must be answered by each real server, asked alone; afterwards the table is as
    /// planned and has no connection entry.
    fn prove_ready(&self, plan: &LabPlan) -> Result<()> {
        let Some(host) = plan.host(&Node::Director) else {
            return Err(LabError::new("make the lab", "the plan has no director"));
        };
        // A server of weight 0 would get no connection.
        let alone = self.servers.len() == 1 && !host.commands.iter().any(|argv| of_weight_zero(argv));
        let reuse = read_sysctl(&self.director, CONN_REUSE_MODE).stage("make the lab")?;
        for server in &self.servers {
            if !alone {
                self.fill_table(plan, host, |argv| asked_alone(plan, server, argv))?;
            }
            let (vip, port) = (plan.vip, plan.port);
            let stage = || format!("query {} through the VIP", server.name);
            let id = self
                .client
                .run(move || ask_server_id(vip, port, READY_DEADLINE))
                .stage(stage())?
                .stage(stage())?;
            if id != server.server_id {
                return Err(LabError::new(
                    stage(),
                    format!("server_id {id} answered, not {}", server.server_id),
                ));
            }
            director::wait_until_closed(&self.director)?;
            if reuse.trim() == "0" {
                // A SYN from the same port would go to the entry of the check, and be lost with its real
                // server.
                director::wait_until_empty(&self.director)?;
            }
        }
        director::wait_until_empty(&self.director)?;
        if !alone {
            self.fill_table(plan, host, |argv| Some(argv.to_vec()))?;
        }
        Ok(())
    }

    /// Clears the table and fills it with the director's own lines, as `edit` changes them or leaves them
    /// out.
    fn fill_table(
        &self,
        plan: &LabPlan,
        director: &Host,
        edit: impl Fn(&[String]) -> Option<Vec<String>>,
    ) -> Result<()> {
        let stage = || format!("fill the table of {}", plan.service());
        self.director
            .check(&CommandLine::new(["ipvsadm", "-C"]))
            .stage(stage())?;
        // ipvsadm -R takes what adds: services and real servers. Time-outs are no part of the table.
        let adds = |argv: &[String]| argv.get(1).is_some_and(|option| option == "-A" || option == "-a");
        let lines = director
            .commands
            .iter()
            .filter(|argv| adds(argv))
            .filter_map(|argv| edit(argv));
        let mut restore = CommandLine::new(["ipvsadm", "-R"]);
        restore.stdin = lines
            .map(|argv| argv.get(1..).unwrap_or_default().join(" ") + "\n")
            .collect::<String>()
            .into_bytes();
        self.director.check(&restore).stage(stage()).map(|_| ())
    }
}

/// The line for a table in which `server` is alone: none for another real server, and for its own a weight
/// that gets it a connection.
fn asked_alone(plan: &LabPlan, server: &RealServer, argv: &[String]) -> Option<Vec<String>> {
    if argv.iter().all(|word| word != "-a") {
        return Some(argv.to_vec());
    }
    let own = plan
        .host(&Node::RealServer(server.name.clone()))
        .map(|host| format!("{}:{}", host.address, plan.port));
    let of_server = argv.iter().any(|word| Some(word) == own.as_ref());
    of_server.then(|| {
        let mut line = argv.to_vec();
        if of_weight_zero(argv)
            && let Some(weight) = line.last_mut()
        {
            "1".clone_into(weight);
        }
        line
    })
}

/// Does the line add a real server of weight 0?
fn of_weight_zero(argv: &[String]) -> bool {
    argv.ends_with(&["-w".to_owned(), "0".to_owned()])
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
