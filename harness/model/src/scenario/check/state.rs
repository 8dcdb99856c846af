//! What a cell's time line knows of the table and the hosts: which steps can work after those before.

use crate::Name;
use crate::action::{Action, HostAction, MysqldAction, Node, StopSignal, TableAction, TrafficAction};
use crate::scenario::RealServer;
use crate::scenario::mistake::MistakeKind;
use std::collections::{BTreeMap, BTreeSet};

/// Why a step cannot work.
pub(super) struct Wrong {
    pub(super) kind: MistakeKind,
    pub(super) message: String,
    pub(super) label: &'static str,
    pub(super) help: &'static str,
}

const ORDER: &str = "steps run in the order before, change, act; in each, the scenario's own come first, \
    then those of each axis in the order of the file";

fn wrong(kind: MistakeKind, message: impl Into<String>, label: &'static str) -> Option<Wrong> {
    Some(Wrong {
        kind,
        message: message.into(),
        label,
        help: ORDER,
    })
}

/// A cell's hosts and its director's table.
pub(super) struct State<'d> {
    pub(super) servers: Vec<Server<'d>>,
    table: Table,
    saved: Option<Table>,
    cut: BTreeSet<Node>,
    filtered: BTreeSet<Node>,
}

/// A real server.
pub(super) struct Server<'d> {
    pub(super) name: &'d Name,
    mysqld_up: bool,
    frozen: bool,
    on: bool,
}

/// The virtual service, its real servers, and the ports of other services.
#[derive(Clone)]
struct Table {
    service: bool,
    /// Each with its weight.
    servers: BTreeMap<Name, u16>,
    others: BTreeSet<u16>,
}

impl<'d> State<'d> {
    pub(super) fn new(servers: impl Iterator<Item = &'d RealServer>) -> Self {
        let mut weights = BTreeMap::new();
        let servers: Vec<Server<'d>> = servers
            .map(|server| {
                weights.insert(server.name.clone(), server.weight);
                Server {
                    name: &server.name,
                    mysqld_up: true,
                    frozen: false,
                    on: true,
                }
            })
            .collect();
        Self {
            table: Table {
                service: true,
                servers: weights,
                others: BTreeSet::new(),
            },
            servers,
            saved: None,
            cut: BTreeSet::new(),
            filtered: BTreeSet::new(),
        }
    }

    /// Why no new connection to the service can be answered, if that is certain.
    pub(super) fn refuses(&self) -> Option<&'static str> {
        let chosen = |server: &&Server<'_>| {
            self.table
                .servers
                .get(server.name)
                .is_some_and(|weight| *weight > 0)
        };
        if !self.table.service {
            Some("the virtual service is not in the table")
        } else if self.table.servers.is_empty() {
            Some("no real server is in the table")
        } else if self.servers.iter().filter(chosen).count() == 0 {
            // Every scheduler passes over a server of weight 0.
            Some("every real server in the table has weight 0")
        } else if self.cut.contains(&Node::Director) {
            Some("the director's link is down")
        } else if !self
            .servers
            .iter()
            .filter(chosen)
            .any(|server| self.answers(server))
        {
            Some("no real server in the table can answer: each is stopped, frozen or off")
        } else {
            None
        }
    }

    /// Can no real server of the lab answer anything?
    pub(super) fn is_silent(&self) -> bool {
        !self.servers.iter().any(|server| self.answers(server))
    }

    fn answers(&self, server: &Server<'_>) -> bool {
        let cut = self.cut.contains(&Node::RealServer(server.name.clone()));
        server.mysqld_up && !server.frozen && server.on && !cut
    }

    /// Takes a step, as if it worked; says why it cannot.
    pub(super) fn take(&mut self, action: &Action) -> Option<Wrong> {
        match action {
            Action::Table(action) => self.table(action),
            Action::Mysqld(action) => self.off(action.server()).or_else(|| self.mysqld(action)),
            Action::Host(action) => action
                .server()
                .and_then(|name| self.off(name))
                .or_else(|| self.host(action)),
            Action::Traffic(action) => action
                .server()
                .and_then(|name| self.off(name))
                .or_else(|| self.traffic(action)),
            Action::Client(_) | Action::Wait(_) => None,
        }
    }

    /// Why the director cannot choose this real server for a connection.
    pub(super) fn not_in_table(&self, server: &Name) -> Option<Wrong> {
        (!self.table.servers.contains_key(server)).then(|| Wrong {
            kind: MistakeKind::TableState,
            message: format!("no connection can be opened to `{server}`: it is not in the director's table"),
            label: "it was removed before",
            help: "add it to the table again before, or leave `to` out",
        })
    }

    fn off(&self, name: &Name) -> Option<Wrong> {
        let off = self
            .servers
            .iter()
            .any(|server| server.name == name && !server.on);
        off.then(|| Wrong {
            kind: MistakeKind::HostOff,
            message: format!("`{name}` is off: nothing can be done on it"),
            label: "it was powered off before",
            help: "`power-off` is for good: there is no action that powers a host on",
        })
    }

    fn table(&mut self, action: &TableAction) -> Option<Wrong> {
        use MistakeKind::TableState as Kind;
        let table = &mut self.table;
        let needs_service = || {
            wrong(
                Kind,
                "the virtual service is not in the table",
                "it was removed before",
            )
        };
        let absent = |name: &Name| {
            wrong(
                Kind,
                format!("`{name}` is not in the table"),
                "it was removed before",
            )
        };
        match action {
            TableAction::RemoveRealServer { .. }
            | TableAction::AddRealServer { .. }
            | TableAction::SetWeight { .. }
            | TableAction::SetForwarding { .. }
            | TableAction::SetScheduler { .. }
                if !table.service =>
            {
                needs_service()
            }
            TableAction::RemoveRealServer { server } => match table.servers.remove(server) {
                Some(_) => None,
                None => absent(server),
            },
            TableAction::SetWeight { server, weight } | TableAction::SetForwarding { server, weight, .. } => {
                match table.servers.insert(server.clone(), *weight) {
                    Some(_) => None,
                    None => absent(server),
                }
            }
            TableAction::AddRealServer { server, weight } => {
                table.servers.insert(server.clone(), *weight)?;
                wrong(
                    Kind,
                    format!("`{server}` is already in the table"),
                    "every real server is in the table from the beginning, until it is removed",
                )
            }
            TableAction::RemoveService { port: None } => {
                table.servers.clear();
                let was = std::mem::replace(&mut table.service, false);
                if was { None } else { needs_service() }
            }
            TableAction::AddService { port: None } => std::mem::replace(&mut table.service, true)
                .then(|| {
                    wrong(
                        Kind,
                        "the virtual service is already in the table",
                        "it is there from the beginning, until it is removed",
                    )
                })
                .flatten(),
            TableAction::RemoveService { port: Some(port) } => {
                if table.others.remove(port) {
                    return None;
                }
                let message = format!("there is no service of port {port}");
                wrong(Kind, message, "`add-service` must come before it")
            }
            TableAction::AddService { port: Some(port) } => {
                if table.others.insert(*port) {
                    return None;
                }
                let message = format!("there is a service of port {port} already");
                wrong(Kind, message, "it was added before")
            }
            TableAction::SetScheduler { .. } | TableAction::SetTimeouts { .. } => None,
            TableAction::FlushTable => {
                let empty = !table.service && table.others.is_empty();
                *table = Table::EMPTY;
                empty
                    .then(|| wrong(Kind, "the table is empty already", "it was emptied before"))
                    .flatten()
            }
            TableAction::SaveTable => {
                self.saved = Some(table.clone());
                None
            }
            TableAction::RestoreTable => {
                let Some(saved) = &self.saved else {
                    return wrong(Kind, "no table was saved", "`save-table` must come before it");
                };
                let there = (saved.service && table.service) || !saved.others.is_disjoint(&table.others);
                if saved.service {
                    table.service = true;
                    table.servers.clone_from(&saved.servers);
                }
                table.others.extend(&saved.others);
                there
                    .then(|| {
                        wrong(
                            Kind,
                            "a service that was saved is still in the table",
                            "`flush-table` or `remove-service` must come before it: ipvsadm -R only adds",
                        )
                    })
                    .flatten()
            }
        }
    }

    fn mysqld(&mut self, action: &MysqldAction) -> Option<Wrong> {
        use MistakeKind::MysqldState as Kind;
        let name = action.server();
        let server = self.servers.iter_mut().find(|server| server.name == name)?;
        let (up, frozen) = (server.mysqld_up, server.frozen);
        let stopped = || {
            let message = format!("the mysqld on `{name}` is stopped already");
            wrong(Kind, message, "it was stopped before")
        };
        match action {
            MysqldAction::StopMysqld { signal, .. } => {
                (server.mysqld_up, server.frozen) = (false, false);
                if !up {
                    return stopped();
                }
                (frozen && *signal == StopSignal::Term)
                    .then(|| {
                        let message = format!("the mysqld on `{name}` is frozen: it cannot obey SIGTERM");
                        wrong(
                            Kind,
                            message,
                            "`thaw-mysqld` must come before it, or `signal: KILL`",
                        )
                    })
                    .flatten()
            }
            MysqldAction::StartMysqld { .. } => {
                server.mysqld_up = true;
                up.then(|| {
                    let message = format!("the mysqld on `{name}` is running already");
                    wrong(Kind, message, "`stop-mysqld` must come before it")
                })
                .flatten()
            }
            MysqldAction::FreezeMysqld { .. } => {
                server.frozen = true;
                if !up {
                    return stopped();
                }
                frozen
                    .then(|| {
                        let message = format!("the mysqld on `{name}` is frozen already");
                        wrong(Kind, message, "it was frozen before")
                    })
                    .flatten()
            }
            MysqldAction::ThawMysqld { .. } => {
                server.frozen = false;
                (!frozen)
                    .then(|| {
                        let message = format!("the mysqld on `{name}` is not frozen");
                        wrong(Kind, message, "`freeze-mysqld` must come before it")
                    })
                    .flatten()
            }
        }
    }

    fn host(&mut self, action: &HostAction) -> Option<Wrong> {
        use MistakeKind::LinkState as Kind;
        match action {
            HostAction::PowerOff { server, .. } => {
                let server = self.servers.iter_mut().find(|known| known.name == server);
                server.into_iter().for_each(|server| server.on = false);
                None
            }
            HostAction::LinkDown { node: Node::Client } => Some(Wrong {
                kind: Kind,
                message: "the client's own link cannot be taken down".to_owned(),
                label: "what it sends then passes no interface, and nothing could show that it was sent",
                help: "take down the director's link, or let the client's lose everything: `set-netem: \
                    { node: client, loss: 100% }`",
            }),
            HostAction::LinkDown { node } => {
                if self.cut.insert(node.clone()) {
                    return None;
                }
                wrong(
                    Kind,
                    format!("the link of `{node}` is down already"),
                    "it was taken down before",
                )
            }
            HostAction::LinkUp { node } => {
                if self.cut.remove(node) {
                    return None;
                }
                wrong(
                    Kind,
                    format!("the link of `{node}` is up"),
                    "`link-down` must come before it",
                )
            }
            HostAction::SetSysctl { .. } => None,
        }
    }

    fn traffic(&mut self, action: &TrafficAction) -> Option<Wrong> {
        match action {
            TrafficAction::AddFirewallRule { node, .. } => {
                self.filtered.insert(node.clone());
                None
            }
            TrafficAction::FlushFirewall { node } => {
                if self.filtered.remove(node) {
                    return None;
                }
                wrong(
                    MistakeKind::FirewallState,
                    format!("the firewall of `{node}` has no rule"),
                    "`add-firewall-rule` must come before it",
                )
            }
            TrafficAction::SetNetem { .. } => None,
        }
    }
}

impl Table {
    const EMPTY: Self = Self {
        service: false,
        servers: BTreeMap::new(),
        others: BTreeSet::new(),
    };
}
