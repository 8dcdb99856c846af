//! What shows a lab to be ready: each real server answers through the VIP, asked alone, by each director, and
//! nothing of that is left.

use super::{Lab, run_recorded};
use crate::client::ask_server_id;
use crate::director;
use crate::echo_server;
use crate::error::{LabError, Result, Stage};
use crate::real_server::{RealServer, Serves, ask_through};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::ipvs::Protocol;
use lvs_matrix_model::plan::{Backend, Cidr, LabPlan, Service, UDP_TIMEOUT};
use lvs_matrix_netns::{CommandLine, Namespace, read_sysctl};
use std::net::SocketAddr;
use std::time::Duration;

/// How long the query that shows the lab to be ready may take.
const READY_DEADLINE: Duration = Duration::from_secs(30);
/// With 0, a new connection from the port of an old one goes where the old one's entry points
/// (`ip_vs_in_hook` in net/netfilter/ipvs/ip_vs_core.c).
const CONN_REUSE_MODE: &str = "net.ipv4.vs.conn_reuse_mode";
/// How long entries of UDP flows live while the lab is made, in seconds: those of the check are to go.
const SHORT_UDP_TIMEOUT: u32 = 1;

impl Lab {
    /// Each of two directors is shown to work, with the VIP on it: a query must be answered through either.
    /// Then it is whose the plan says: the first one's, or, where keepalived moves it, nobody's. The client
    /// has forgotten it.
    pub(super) fn prove_each(&mut self, plan: &LabPlan) -> Result<()> {
        let planned = |node: &Node| {
            plan.host(node)
                .is_some_and(|host| host.addresses().any(|own| own == plan.vip()))
        };
        for node in self.directors.clone() {
            if !planned(&node) {
                self.give_moving(plan, &node, true)?;
            }
            self.prove_ready(plan, self.namespace(&node)?)?;
            self.give_moving(plan, &node, false)?;
            self.forget_moving(plan)?;
        }
        for node in self.directors.clone().iter().filter(|node| planned(node)) {
            self.give_moving(plan, node, true)?;
        }
        Ok(())
    }

    /// Gives a director what moves between two, or takes it from it.
    fn give_moving(&mut self, plan: &LabPlan, node: &Node, given: bool) -> Result<()> {
        for line in plan.moving_lines(given) {
            let done = run_recorded(self.namespace(node)?, Some(node.clone()), &line)?;
            self.preparation.push(done);
        }
        Ok(())
    }

    /// Whoever has sent to what moves forgets which Ethernet address it had: to the VIP the client, or its
    /// router; to the gateway the real servers.
    fn forget_moving(&mut self, plan: &LabPlan) -> Result<()> {
        let first = plan.router().or_else(|| plan.client_host());
        for (Cidr { address, .. }, _) in plan.moving() {
            let forget = ["ip", "neigh", "flush", "to", &address.to_string()].map(str::to_owned);
            let servers = plan.real_servers().map(|(_, host)| host);
            let of_vip = address == plan.vip();
            let senders = first.into_iter().filter(|_| of_vip);
            for host in senders.chain(servers.filter(|_| !of_vip)) {
                let node = Some(host.node.clone());
                let done = run_recorded(self.namespace(&host.node)?, node, &forget)?;
                self.preparation.push(done);
            }
        }
        Ok(())
    }

    /// Each virtual service is shown to work; afterwards the table has all of them.
    pub(super) fn prove_services(&self, plan: &LabPlan) -> Result<()> {
        let director = self.director()?;
        if plan.services.iter().count() == 1 {
            return self.prove_ready(plan, director);
        }
        for service in plan.services.iter() {
            // The service that is asked is the first one of a plan.
            let led = plan.led_by(&service.id);
            self.prove_ready(led.as_ref().unwrap_or(plan), director)?;
        }
        let stage = "fill the table of all services";
        let mut lines = vec![["ipvsadm", "-C"].map(str::to_owned).to_vec()];
        lines.extend(plan.fill_lines());
        director::give(director, &lines).stage(stage)
    }

    /// A query through the VIP must be answered by each real server of the service, asked alone; afterwards
    /// the table is as planned and has no connection entry.
    fn prove_ready(&self, plan: &LabPlan, director: &Namespace) -> Result<()> {
        let service = plan.service();
        let udp = service.protocol == Protocol::Udp;
        if udp {
            set_udp_timeout(director, SHORT_UDP_TIMEOUT)?;
        }
        // A server of weight 0 would get no connection.
        // Neither may the check leave a template of persistence, which lives long.
        let alone = self.servers.len() == 1
            && service
                .backends
                .iter()
                .all(|backend| backend.weight_at_first() > Some(0))
            && service.persistence.is_none();
        let reuse = read_sysctl(director, CONN_REUSE_MODE).stage("make the lab")?;
        let inside = |server: &&RealServer| {
            let node = Node::RealServer(server.name.clone());
            service.backend(&node).is_some()
        };
        for server in self.servers.iter().filter(inside) {
            if !alone {
                let own = |backend: &&Backend| backend.host.real_server() == Some(&server.name);
                // A weight that gets it a connection.
                fill_table(director, plan, &service.forgetful(), |backend| {
                    Some(backend).filter(own).map(|backend| backend.weight.max(1))
                })?;
            }
            let (vip, port) = (plan.vip(), plan.port());
            let stage = || format!("query {} through the VIP", server.name);
            let client = self.client()?;
            let address = SocketAddr::new(vip, port);
            match server.serves() {
                Serves::Echo(echo) => {
                    let protocol = echo.protocol;
                    let name = client
                        .run(move || echo_server::ask(address, protocol, READY_DEADLINE))
                        .stage(stage())?
                        .stage(stage())?;
                    if name != server.name.as_str() {
                        return Err(echo_server::another(stage(), &name, server.name.as_str()));
                    }
                }
                // Nobody else is in the table.
                Serves::Own(own) => ask_through(client, own, address, READY_DEADLINE, &stage())?,
                Serves::MySql => {
                    let id = client
                        .run(move || ask_server_id(vip, port, READY_DEADLINE))
                        .stage(stage())?
                        .stage(stage())?;
                    if id != server.server_id {
                        return Err(LabError::new(
                            stage(),
                            format!("server_id {id} answered, not {}", server.server_id),
                        ));
                    }
                }
            }
            // Of a UDP flow nobody sees the end.
            if !udp {
                director::wait_until_closed(director)?;
            }
            if reuse.trim() == "0" || udp {
                // A SYN from the same port would go to the entry of the check, and be lost with its real
                // server.
                director::wait_until_empty(director)?;
            }
        }
        director::wait_until_empty(director)?;
        if udp {
            set_udp_timeout(director, UDP_TIMEOUT)?;
        }
        if !alone {
            fill_table(director, plan, service, Backend::weight_at_first)?;
        }
        Ok(())
    }
}

/// How long a director keeps the entry of a UDP flow from now on, in seconds.
fn set_udp_timeout(director: &Namespace, seconds: u32) -> Result<()> {
    // 0 leaves a time-out as it is (ipvsadm(8)).
    let line = CommandLine::new(["ipvsadm", "--set", "0", "0", &seconds.to_string()]);
    director.check(&line).stage("set the time-out of UDP").map(drop)
}

/// Clears a director's table and fills it with those real servers for which there is a weight.
fn fill_table(
    director: &Namespace,
    plan: &LabPlan,
    service: &Service,
    weight: impl Fn(&Backend) -> Option<u16>,
) -> Result<()> {
    let stage = || format!("fill the table of {service}");
    let mut lines = vec![["ipvsadm", "-C"].map(str::to_owned).to_vec()];
    lines.extend(service.fill_lines(&plan.hosts, weight));
    director::give(director, &lines).stage(stage())
}
