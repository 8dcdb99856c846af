//! The lab after the steps so far. One [`State`] is folded over the steps: which real servers are in which
//! director's table with which weight, which mysqlds are up or frozen, which hosts have power, which links
//! are cut or lose packets, which firewall rules and sysctls are in force. Each value that a step gave knows
//! that step.
//!
//! `scenario::check` asks it which steps can work, the runner which faults last to the end of the
//! observation, the judge which hosts are off, and `explain` what held at a moment.

mod conflict;
mod directors;
mod host;
mod mysqld;
mod table;
mod traffic;

pub use conflict::Conflict;
pub use table::{Further, Table};
pub use traffic::{Link, Rule, Stateful};

use crate::Name;
use crate::action::{Action, HostAction, Node};
use crate::base::ClientAt;
use crate::control::ControlPlane;
use directors::Directors;
use std::collections::BTreeMap;
use std::time::Duration;
use traffic::Traffic;

/// A cell's hosts and its directors' tables, after some steps. A step is known by its number.
#[derive(Debug, Clone)]
pub struct State<'a> {
    servers: Vec<Server<'a>>,
    /// Links that are down, with the step that took each down.
    cut: BTreeMap<&'a Node, u32>,
    traffic: Traffic<'a>,
    /// Where the client is; `None` if it is not known.
    client_at: Option<ClientAt>,
    sysctls: Vec<Sysctl<'a>>,
    /// Real servers whose answers reach no client, as they or the director are built wrong.
    mute: Vec<&'a Name>,
    /// May clients be on their way to a real server past the director, because it answers ARP for the VIP?
    bypassed: bool,
    directors: Directors,
}

/// A real server.
#[derive(Debug, Clone)]
struct Server<'a> {
    name: &'a Name,
    /// The step that stopped its mysqld; `None` if the mysqld is up.
    stopped: Option<u32>,
    /// The step that froze its mysqld; `None` if the mysqld runs.
    frozen: Option<u32>,
    /// The step that took its power; `None` if it is on.
    off: Option<u32>,
}

/// A sysctl's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sysctl<'a> {
    /// On which host.
    pub node: &'a Node,
    /// Its name, with dots.
    pub key: &'a str,
    /// The value, as it was written.
    pub value: &'a str,
    /// The step that wrote it; `None` if the lab was made with it.
    pub step: Option<u32>,
}

impl<'a> State<'a> {
    /// A lab of these real servers, as it is made. What is in its directors' tables is not known.
    pub fn new(servers: impl Iterator<Item = &'a Name>) -> Self {
        let server = |name| Server {
            name,
            stopped: None,
            frozen: None,
            off: None,
        };
        Self {
            servers: servers.map(server).collect(),
            cut: BTreeMap::new(),
            traffic: Traffic::default(),
            client_at: None,
            sysctls: Vec::new(),
            mute: Vec::new(),
            bypassed: false,
            directors: Directors::alone(Node::first_director()),
        }
    }

    /// The same, with such a program on the director, if there is one. It edits the table by itself: what is
    /// in the table is not known.
    #[must_use]
    pub fn with_control(mut self, plane: Option<ControlPlane>) -> Self {
        if let Some(plane) = plane {
            self.directors.add_control(plane);
        }
        self
    }

    /// The same, with these directors, the first one before the others. Each is set up as the first one is.
    #[must_use]
    pub fn with_directors<'n>(mut self, nodes: impl Iterator<Item = &'n Node>) -> Self {
        self.directors.become_these(nodes);
        self
    }

    /// The first director: it has the VIP at the beginning.
    #[must_use]
    pub fn first_director(&self) -> &Node {
        self.directors.first()
    }

    /// The same, with this table on every director that has no control plane.
    #[must_use]
    pub fn with_table(mut self, table: &Table) -> Self {
        self.directors.fill(table);
        self
    }

    /// The same, with a firewall on this host that marks the packets of the service.
    #[must_use]
    pub fn with_marks_by(mut self, node: &'a Node) -> Self {
        self.traffic.marking.push(node);
        self
    }

    /// The same, with the client there: the router, if it is behind one, is a host of the lab.
    #[must_use]
    pub fn with_router(mut self, client_at: ClientAt) -> Self {
        self.client_at = Some(client_at);
        self
    }

    /// The same, with these real servers built so that their answers reach no client, as long as they keep
    /// their packet-forwarding method.
    #[must_use]
    pub fn with_mute(mut self, servers: impl Iterator<Item = &'a Name>) -> Self {
        self.mute.extend(servers);
        self
    }

    /// The same, with a real server that answers ARP for the VIP, if that is so.
    #[must_use]
    pub fn with_bypass(mut self, bypassed: bool) -> Self {
        self.bypassed = bypassed;
        self
    }

    /// The same, with these sysctls of a host. Of two values of one the later counts.
    #[must_use]
    pub fn with_sysctls(mut self, node: &'a Node, sysctls: &'a [(String, String)]) -> Self {
        for (key, value) in sysctls {
            self.write(Sysctl {
                node,
                key,
                value,
                step: None,
            });
        }
        self
    }

    /// A sysctl has this value from now on.
    fn write(&mut self, written: Sysctl<'a>) {
        let mut known = self.sysctls.iter_mut();
        match known.find(|sysctl| sysctl.node == written.node && sysctl.key == written.key) {
            Some(sysctl) => *sysctl = written,
            None => self.sysctls.push(written),
        }
    }

    /// The real servers, in the order of the lab.
    pub fn servers(&self) -> impl Iterator<Item = &'a Name> {
        self.servers.iter().map(|server| server.name)
    }

    /// Is what `action` sets so already, as far as it is known? A rule or an edit that is made once more
    /// is none of these: it may have an effect of its own.
    #[must_use]
    pub fn is_so(&self, action: &Action) -> bool {
        match action {
            Action::Table(edit) => self.edit_is_so(edit),
            Action::Other(other) => self.other_is_so(other),
            Action::Host(action) => self.host_is_so(action),
            Action::Traffic(action) => self.traffic_is_so(action),
            Action::Mysqld(_) | Action::Client(_) | Action::Wait(_) | Action::Watch(_) => false,
        }
    }

    fn server(&self, name: &Name) -> Option<&Server<'a>> {
        self.servers.iter().find(|server| server.name == name)
    }

    /// Takes the step of this number, as if it worked. On a host without power nothing is done.
    pub fn apply(&mut self, step: u32, action: &'a Action) {
        match action {
            Action::Table(edit) => self.edit(edit),
            Action::Other(other) => self.edit_other(other),
            Action::Mysqld(action) if !self.is_off(action.server()) => self.mysqld(step, action),
            Action::Host(action @ HostAction::PowerOn { .. }) => self.host(step, action),
            Action::Host(action) if !action.server().is_some_and(|name| self.is_off(name)) => {
                self.host(step, action);
            }
            Action::Traffic(action) if !action.server().is_some_and(|name| self.is_off(name)) => {
                self.traffic(step, action);
            }
            Action::Mysqld(_)
            | Action::Host(_)
            | Action::Traffic(_)
            | Action::Client(_)
            | Action::Wait(_)
            | Action::Watch(_) => {}
        }
    }

    /// Is the fault of the step of this number in force: did no later step undo it, or do the same anew? What
    /// has no such end, as an edit of the table or a start of a mysqld, is no fault that lasts.
    #[must_use]
    pub fn lasts(&self, step: u32) -> bool {
        let of_server =
            |server: &Server<'_>| [server.stopped, server.frozen, server.off].contains(&Some(step));
        self.servers.iter().any(of_server)
            || self.cut.values().any(|by| *by == step)
            || self.traffic.lasts(step)
            || self.directors.lasts(step)
    }

    /// Is this real server without power?
    #[must_use]
    pub fn is_off(&self, name: &Name) -> bool {
        self.server(name).is_some_and(|server| server.off.is_some())
    }

    /// The first director's table, if it is known.
    #[must_use]
    pub fn table(&self) -> Option<&Table> {
        self.table_of(self.first_director())
    }

    /// The table of this director, if it is known.
    #[must_use]
    pub fn table_of(&self, director: &Node) -> Option<&Table> {
        self.directors.tables(director)?.now.as_ref()
    }

    /// The step for which a host cannot be reached: its power is off, or its link is down.
    #[must_use]
    pub fn unplugged(&self, node: &Node) -> Option<u32> {
        let server = node.real_server().and_then(|name| self.server(name));
        let off = server.and_then(|server| server.off);
        let off = off.or_else(|| self.directors.off_since(node));
        off.or_else(|| self.cut.get(node).copied())
    }

    /// A sysctl of a host, if the plan or a step wrote it.
    #[must_use]
    pub fn sysctl(&self, node: &Node, key: &str) -> Option<Sysctl<'a>> {
        let mut all = self.sysctls.iter();
        all.find(|sysctl| sysctl.node == node && sysctl.key == key)
            .copied()
    }

    /// How long an entry of an established connection lives on this director, if a step said so.
    #[must_use]
    pub fn entry_timeout(&self, director: &Node) -> Option<Duration> {
        self.directors.tables(director)?.timeout
    }

    /// Why no new connection to the service can be answered, if that is certain and the table is known.
    #[must_use]
    pub fn refuses(&self) -> Option<&'static str> {
        // Who was told nothing of a VIP that moved still sends to where it was.
        let known = !self.bypassed && self.vip_is_at_home();
        let table = self.table().filter(|_| known)?;
        let weight = |server: &Server<'_>| table.servers.get(server.name).copied();
        let mut chosen = self
            .servers
            .iter()
            .filter(|server| weight(server) > Some(0))
            .peekable();
        if !table.service {
            Some("the virtual service is not in the table")
        } else if table.servers.is_empty() {
            Some("no real server is in the table")
        } else if chosen.peek().is_none() {
            // Every scheduler passes over a server of weight 0.
            Some("every real server in the table has weight 0")
        } else if self.cut.contains_key(self.first_director()) {
            Some("the director's link is down")
        } else if !chosen.any(|server| self.answers(server)) {
            Some("no real server in the table can answer: each is stopped, frozen, off or built wrong")
        } else {
            None
        }
    }

    /// The real servers in the first director's table that would be chosen, run, and have nothing in the way:
    /// neither their links nor their firewalls, nor the director's. None if the table is not known.
    pub fn healthy_servers(&self) -> impl Iterator<Item = &'a Name> {
        let weight = |name: &Name| self.table().filter(|table| table.service)?.servers.get(name);
        let reached = self.is_untouched(self.first_director()) && !self.bypassed && self.vip_is_at_home();
        let healthy = move |server: &&Server<'a>| {
            let node = Node::RealServer(server.name.clone());
            weight(server.name).is_some_and(|weight| *weight > 0)
                && self.answers(server)
                && self.is_untouched(&node)
        };
        let servers = self.servers.iter().filter(move |_| reached);
        servers.filter(healthy).map(|server| server.name)
    }

    /// Is nothing at this host in the way of packets: its link, its firewall, its MTU?
    fn is_untouched(&self, node: &Node) -> bool {
        !self.cut.contains_key(node) && !self.tracks(node) && self.traffic.leaves_alone(node)
    }

    /// Can no real server of the lab answer anything?
    #[must_use]
    pub fn is_silent(&self) -> bool {
        !self.servers.iter().any(|server| self.answers(server))
    }

    fn answers(&self, server: &Server<'_>) -> bool {
        let cut = self.cut.contains_key(&Node::RealServer(server.name.clone()));
        let heard = !self.mute.contains(&server.name);
        heard && server.stopped.is_none() && server.frozen.is_none() && server.off.is_none() && !cut
    }
}
