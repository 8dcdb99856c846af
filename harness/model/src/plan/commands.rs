//! The command lines by which an operator does an action.

use super::{INTERFACE, LabPlan, words};
use crate::Name;
use crate::action::{Action, HostAction, Node, TableAction};
use crate::scenario::Forwarding;

/// A command line with the node to run it on (`None`: on the link between the hosts).
pub type PlacedLine = (Option<Node>, Vec<String>);

impl LabPlan {
    /// The command lines by which an operator does `action`, in order. Empty for actions that are not command lines.
    #[must_use]
    pub fn command_lines(&self, action: &Action) -> Vec<PlacedLine> {
        match action {
            Action::Table(action) => vec![(Some(Node::Director), words(&self.table_line(action)))],
            Action::Host(action) => self.host_lines(action),
            Action::Mysqld(_)
            | Action::Connect
            | Action::Query(_)
            | Action::StartQuery(_)
            | Action::AwaitResult
            | Action::Wait(_) => Vec::new(),
        }
    }

    fn table_line(&self, action: &TableAction) -> String {
        let service = self.service();
        match action {
            TableAction::RemoveRealServer { server } => {
                format!("ipvsadm -d -t {service} -r {}", self.destination(server))
            }
            TableAction::AddRealServer { server, weight } => self.add_line(&self.destination(server), *weight),
            TableAction::SetWeight { server, weight } => format!(
                "ipvsadm -e -t {service} -r {} {} -w {weight}",
                self.destination(server),
                self.forwarding.flag()
            ),
        }
    }

    fn host_lines(&self, action: &HostAction) -> Vec<PlacedLine> {
        match action {
            HostAction::PowerOff { server } => {
                let Some(host) = self.host(&Node::RealServer(server.clone())) else {
                    return Vec::new();
                };
                let keep = format!(
                    "ip neigh replace {} lladdr {} dev {INTERFACE} nud permanent",
                    host.address, host.mac
                );
                vec![
                    (Some(Node::Director), words(&keep)),
                    (Some(Node::Client), words(&keep)),
                    (None, words(&format!("ip link set dev {} down", host.port))),
                ]
            }
            HostAction::SetSysctl { node, key, value } => {
                vec![(
                    Some(node.clone()),
                    vec!["sysctl".to_owned(), "-w".to_owned(), format!("{key}={value}")],
                )]
            }
        }
    }

    /// The real server as ipvsadm(8) names it: `192.0.2.31:3306`.
    fn destination(&self, server: &Name) -> String {
        let address = self.host(&Node::RealServer(server.clone())).map(|host| host.address);
        address.map_or_else(String::new, |address| format!("{address}:{}", self.port))
    }

    /// The line that adds a real server to the virtual service.
    pub(super) fn add_line(&self, destination: &str, weight: u16) -> String {
        format!(
            "ipvsadm -a -t {} -r {destination} {} -w {weight}",
            self.service(),
            self.forwarding.flag()
        )
    }
}

impl Forwarding {
    /// ipvsadm(8)'s option for it.
    #[must_use]
    pub fn flag(self) -> &'static str {
        match self {
            Self::DirectRouting => "-g",
        }
    }
}
