//! Real servers that are lent from cell to cell. The start of a mysqld is most of what a lab costs, and most
//! scenarios leave the mysqld as it is.
//!
//! ```text
//!                 ┌────────────── lent, if the plan leaves servers alone ◀──┐
//! RealServer::start ──▶ a cell ──▶ renewed ──▶ shown to be as new ──▶ Warm ──┘
//!                                     └── anything else ──▶ ended
//! ```
//! What a cell can leave behind is looked for where the kernel and the server keep it. Sessions are ended,
//! the interface goes with its addresses, routes and neighbours, and TCP forgets what it measured of the
//! client's address. Then a server is lent again only if none of it is left: what cannot be shown is not
//! assumed. A network namespace of its own comes with each server, so sysctls stay as the last cell set
//! them; a server is lent only to a cell that sets all of them anew.

use crate::clock::poll_for;
use crate::error::{LabError, Result, Stage};
use crate::real_server::{Blueprint, RealServer};
use crate::traces::left_in;
use lvs_matrix_model::action::{Action, Node};
use lvs_matrix_model::plan::{Host, LabPlan};
use lvs_matrix_model::record::MysqldState;
use lvs_matrix_netns::{Namespace, destroy_tcp_sockets, forget_tcp_metrics, ip_batch};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long what a cell left may take to go, on the kernel's clock. The start of a server costs less than
/// many looks.
const RENEWAL_DEADLINE: Duration = Duration::from_millis(200);
/// How long to wait between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// So many servers run at once, those of the lab included, unless the lab alone has more: each takes some
/// 70 MiB of the guest's memory.
const MOST_SERVERS: usize = 4;

/// The servers that are ready to be lent.
#[derive(Debug)]
pub(crate) struct Warm {
    /// Where data folders of servers are that may outlive a cell.
    scratch: PathBuf,
    /// Are servers lent at all?
    lending: bool,
    idle: Vec<RealServer>,
}

impl Warm {
    /// Nothing is ready yet. `scratch` is a folder that lives as long as the run.
    pub(crate) fn new(scratch: &Path, lending: bool) -> Self {
        Self {
            scratch: scratch.to_owned(),
            lending,
            idle: Vec::new(),
        }
    }

    /// The folder for a data folder of a server of this plan, if the server may be lent to other cells.
    pub(crate) fn scratch(&self, plan: &LabPlan) -> Option<&Path> {
        (self.lending && leaves_servers_alone(plan)).then_some(self.scratch.as_path())
    }

    /// A server that can be the one of `blueprint` on `host`. One that does not take its new name is ended.
    pub(crate) fn lend(&mut self, blueprint: &Blueprint<'_>, host: &Host) -> Option<RealServer> {
        let fits = |server: &RealServer| server.is_made_of(blueprint) && sets_all(host, &server.sysctls);
        let at = self.idle.iter().position(fits)?;
        let mut server = self.idle.remove(at);
        server.be(blueprint).is_ok().then_some(server)
    }

    /// Ends servers that nobody asked for, before a lab of this plan starts one of its own.
    pub(crate) fn make_room(&mut self, plan: &LabPlan) {
        let of_lab = plan.real_servers().count();
        self.idle.truncate(MOST_SERVERS.saturating_sub(of_lab));
    }

    /// Takes a server back after a cell of this plan, if it is shown to be as new.
    pub(crate) fn take_back(&mut self, plan: &LabPlan, mut server: RealServer) {
        let host = plan.host(&Node::RealServer(server.name.clone()));
        let Some(host) = host.filter(|_| self.scratch(plan).is_some()) else {
            return;
        };
        if renew(&mut server, host.nics.iter().map(|nic| nic.name.as_str())).is_ok() {
            server.rest();
            self.idle.push(server);
        }
    }
}

/// Does the host of a plan set each of these sysctls?
fn sets_all(host: &Host, sysctls: &BTreeSet<String>) -> bool {
    let mut set = sysctls.iter();
    set.all(|key| host.sysctls.iter().any(|(own, _)| own == key))
}

/// Is nothing wired into the real servers that is not looked for afterwards: tunnels, routing by source, and
/// the neighbours of IPv6?
fn are_plain(plan: &LabPlan) -> bool {
    let by_source = |host: &Host| host.routes.iter().any(|route| route.from.is_some());
    let plain =
        |(_, host): (_, &Host)| host.address().is_ipv4() && host.tunnels.is_empty() && !by_source(host);
    plan.real_servers().all(plain)
}

/// Does no step of the plan stop, freeze or set anything of a real server, and has no server statements or
/// names of its own? The client's account has no privileges, so that what the client does ends with its
/// sessions.
pub(crate) fn leaves_servers_alone(plan: &LabPlan) -> bool {
    let touches = |action: &Action| match action {
        Action::Mysqld(_) => true,
        Action::Host(action) => action.server().is_some() && action.outlives_interfaces(),
        Action::Traffic(action) => action.server().is_some() && action.outlives_interfaces(),
        Action::Table(_) | Action::Other(_) | Action::Client(_) | Action::Wait(_) | Action::Watch(_) => false,
    };
    are_plain(plan)
        && plan.control().is_none()
        && plan.misbuilt.is_empty()
        && plan
            .mysqlds()
            .all(|mysqld| mysqld.setup.sql.is_empty() && !mysqld.setup.name_resolve)
        && !plan.steps.iter().any(|step| touches(&step.action))
}

/// Makes the server, which had these interfaces, as new, and shows that it is; the error says what is left.
fn renew<'a>(server: &mut RealServer, interfaces: impl Iterator<Item = &'a str>) -> Result<()> {
    const STAGE: &str = "make a server as new";
    if server.state() != MysqldState::Running {
        return Err(LabError::new(STAGE, "its mysqld does not run"));
    }
    // With an interface go its addresses, routes, neighbours and its queueing discipline.
    let mut lines: Vec<String> = interfaces.map(|name| format!("link del dev {name}")).collect();
    lines.extend(["link set dev lo down", "addr flush dev lo"].map(str::to_owned));
    ip_batch(&server.namespace, &lines).stage(STAGE)?;
    // What TCP measured is kept for each address, and outlives the connection.
    forget_tcp_metrics(&server.namespace).stage(STAGE)?;
    server.end_sessions(RENEWAL_DEADLINE, BETWEEN_LOOKS)?;
    if let Some(name) = server.made_by_a_client()? {
        return Err(LabError::new(STAGE, format!("a client made {name}")));
    }
    destroy_sockets(&server.namespace)?;
    // Wrong logins and broken handshakes are counted for each address (max_connect_errors).
    server.forget_hosts()?;
    let (namespace, as_new) = (&server.namespace, &server.as_new);
    let mut left = String::new();
    let gone = poll_for(RENEWAL_DEADLINE, BETWEEN_LOOKS, || {
        left = left_in(namespace, as_new)?.join("; ");
        Ok::<_, LabError>(left.is_empty().then_some(()))
    })?;
    gone.ok_or_else(|| LabError::new(STAGE, format!("still there: {left}")))
}

/// Destroys every TCP socket of the namespace but those that listen (the kernel's SOCK_DESTROY).
fn destroy_sockets(namespace: &Namespace) -> Result<()> {
    destroy_tcp_sockets(namespace, |socket| !socket.listens())
        .stage("destroy a server's sockets")
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::real_server::Serves;
    use crate::server::Server;
    use crate::template::{Template, prepare};
    use crate::traces::seen_in;
    use lvs_matrix_model::Name;
    use lvs_matrix_model::action::StopSignal;
    use lvs_matrix_model::matrix::cells;
    use lvs_matrix_model::plan::plan;
    use lvs_matrix_model::scenario::load;
    use std::io::Read;
    use std::net::{TcpStream, UdpSocket};

    const ETH0: [&str; 1] = ["eth0"];

    /// Of a cell with this in its lab and this step.
    fn lent(lab: &str, step: &str) -> bool {
        let scenario = load(&format!(
            "{{ name: sample, claim: A plan., lab: {{ real-servers: {{ rs1: {{}}, rs2: {{}} }} {lab} }}, \
             before: [{{ connect: {{}} }}], change: [{{ {step} }}], act: [{{ query: {{ sql: select 1 }} }}], \
             observe: {{ patience: 5s, until: 1m }}, expect: [{{ observe-only: true }}] }}"
        ));
        let scenario = scenario.unwrap();
        leaves_servers_alone(&plan(&scenario, &cells(&scenario)[0]))
    }

    #[test]
    fn servers_are_lent_to_cells_that_leave_them_alone() {
        for step in [
            "remove-real-server: { server: rs1 }",
            "link-down: { node: rs1 }",
            "set-netem: { node: rs1, delay: 10ms }",
            "set-sysctl: { node: director, key: net.ipv4.vs.expire_nodest_conn, value: 1 }",
            "add-firewall-rule: { node: client, chain: input, verdict: drop }",
        ] {
            assert!(lent("", step), "{step}");
        }
        for step in [
            "stop-mysqld: { server: rs1 }",
            "freeze-mysqld: { server: rs1 }",
            "power-off: { server: rs1 }",
            "set-sysctl: { node: rs1, key: net.ipv4.tcp_retries2, value: 3 }",
            "add-firewall-rule: { node: rs1, chain: input, verdict: drop }",
        ] {
            assert!(!lent("", step), "{step}");
        }
        let nothing = "wait: 1s";
        assert!(lent(", mysqld: { innodb: true }", nothing));
        assert!(!lent(", mysqld: { sql: [set global wait_timeout = 5] }", nothing));
    }

    fn template(folder: &Path) -> Template {
        prepare(&Server::find("").unwrap(), false, folder).unwrap()
    }

    fn blueprint<'a>(
        folder: &'a Path,
        template: &'a Template,
        name: &'a Name,
        server_id: u32,
    ) -> Blueprint<'a> {
        Blueprint {
            name,
            server_id,
            template: Some(template),
            scratch: folder,
            lendable: true,
            sql: &[],
            hosts: None,
            serves: Serves::MySql,
            log: folder.join(format!("{name}.log")),
            listen: (std::net::Ipv4Addr::UNSPECIFIED, 3306).into(),
        }
    }

    /// A server that has executed `sql` and runs in a namespace with an interface, as in a cell.
    fn server(folder: &Path, sql: &[String]) -> RealServer {
        let (template, name) = (template(folder), Name::new("rs1").unwrap());
        let mut blueprint = blueprint(folder, &template, &name, 101);
        blueprint.sql = sql;
        let mut server = RealServer::start(Namespace::new("rs1").unwrap(), &blueprint).unwrap();
        let lines = [
            "link set dev lo up",
            "link add name eth0 type veth peer name other",
            "link set dev eth0 up",
            "addr add 192.0.2.31/24 dev eth0",
            "addr add 192.0.2.100/32 dev lo",
            "neigh add 192.0.2.1 lladdr 02:6c:76:00:00:01 dev eth0",
        ]
        .map(str::to_owned);
        ip_batch(&server.namespace, &lines).unwrap();
        server.wait_ready().unwrap();
        server.set_up().unwrap();
        server
    }

    /// Connects to the server over the network and hangs up without a word, or stays.
    fn visit(server: &RealServer) -> TcpStream {
        let visited = server.namespace.run(|| {
            let mut stream = TcpStream::connect("192.0.2.100:3306")?;
            // The greeting: its session is there.
            stream.read_exact(&mut [0; 5])?;
            Ok::<_, std::io::Error>(stream)
        });
        visited.unwrap().unwrap()
    }

    #[test]
    fn a_server_is_as_new_after_a_cell_and_becomes_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut server = server(folder.path(), &[]);
        let (_stays, leaves) = (visit(&server), visit(&server));
        drop(leaves);
        let before = seen_in(&server.namespace).unwrap();
        let has = |file: &str| before.iter().any(|line| line.starts_with(file));
        for file in ["dev: eth0", "route:", "fib_trie:", "arp:", "tcp:"] {
            assert!(has(file), "{file} in {before:#?}");
        }
        renew(&mut server, ETH0.into_iter()).unwrap();
        assert_eq!(seen_in(&server.namespace).unwrap(), server.as_new);

        let (template, name) = (template(folder.path()), Name::new("rs2").unwrap());
        let mut other = blueprint(folder.path(), &template, &name, 202);
        other.listen.set_port(3307);
        assert!(!server.is_made_of(&other));
        other.listen.set_port(3306);
        assert!(server.is_made_of(&other));
        server.rest();
        server.be(&other).unwrap();
        // It says that its server_id is the new one.
        server.wait_ready().unwrap();
        let said = std::fs::read_to_string(other.log).unwrap();
        assert!(
            said.contains("[lvs-matrix] 1 earlier cell(s) had this server"),
            "{said}"
        );

        // The test holds a socket that nobody can take away.
        let again = ["link add name eth0 type veth peer name other".to_owned()];
        ip_batch(&server.namespace, &again).unwrap();
        let bound = server.namespace.run(|| UdpSocket::bind("0.0.0.0:4000"));
        let _held = bound.unwrap().unwrap();
        let left = renew(&mut server, ETH0.into_iter()).unwrap_err().to_string();
        assert!(left.contains("still there: udp: "), "{left}");
    }

    #[test]
    fn what_a_client_made_in_a_server_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let made = ["create database left_behind".to_owned()];
        let mut server = server(folder.path(), &made);
        let left = renew(&mut server, ETH0.into_iter()).unwrap_err().to_string();
        assert!(left.contains("a client made left_behind"), "{left}");
        server.stop_process(StopSignal::Kill).unwrap();
        let left = renew(&mut server, ETH0.into_iter()).unwrap_err().to_string();
        assert!(left.contains("its mysqld does not run"), "{left}");
    }
}
