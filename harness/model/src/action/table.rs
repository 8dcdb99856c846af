//! What an operator does to the director's table, by ipvsadm(8).

use super::Node;
use super::entry::actions;
use crate::Name;
use crate::base::Forwarding;
use crate::duration::Human;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

actions! {
    $ table_actions;

    /// An edit of the director's table, by ipvsadm(8).
    TableAction {
        /// The operator deletes a real server from the virtual service: `ipvsadm -d`.
        "remove-real-server" RemoveRealServer {
            /// A real server of the lab.
            required "server" server: Name;
        } says {
            { server } => en("remove real server {server}") zh("删除真实服务器 {server}");
        }

        /// The operator adds a real server (again): `ipvsadm -a`.
        "add-real-server" AddRealServer {
            /// A real server of the lab.
            required "server" server: Name;
            /// Its weight in the table.
            default(DEFAULT_WEIGHT) "weight" weight: u16 as Weight;
        } says {
            { server, weight } =>
                en("add real server {server}, weight {weight}") zh("添加真实服务器 {server}，权重 {weight}");
        }

        /// The operator changes a real server's weight: `ipvsadm -e -w`. Weight 0 takes no new connection and
        /// keeps the old ones.
        "set-weight" SetWeight {
            /// A real server of the lab.
            required "server" server: Name;
            /// Its new weight in the table.
            required "weight" weight: u16 as Weight;
        } says {
            { server, weight } => en("set weight of {server} to {weight}") zh("将 {server} 的权重设为 {weight}");
        }

        /// The operator edits a real server's packet-forwarding method: `ipvsadm -e` with `-g`, `-m` or `-i`.
        /// The lab's hosts stay set up for the lab's own method, and connections that there are keep theirs.
        "set-forwarding" SetForwarding {
            /// A real server of the lab.
            required "server" server: Name;
            /// Its new method: ipvsadm(8)'s `-g`, `-m` or `-i`.
            required "method" method: Forwarding;
            /// Its weight in the table, which `ipvsadm -e` sets as well.
            default(DEFAULT_WEIGHT) "weight" weight: u16 as Weight;
        } says {
            { server, method, weight } =>
                en("set forwarding of {server} to {}, weight {weight}", method.as_str())
                zh("将 {server} 的转发方式设为 {}，权重 {weight}", method.as_str());
        }

        /// The operator deletes a virtual service with its real servers: `ipvsadm -D`.
        "remove-service" RemoveService {
            /// The port of another service of the VIP. Without it, the cell's own service.
            optional "port" port: Option<u16> as Port;
        } says {
            { port: None } => en("remove the virtual service") zh("删除虚拟服务");
            { port: Some(port) } => en("remove the service of port {port}") zh("删除端口 {port} 的虚拟服务");
        }

        /// The operator adds a virtual service without real servers: `ipvsadm -A`. Without a port it is the
        /// cell's own, again.
        "add-service" AddService {
            /// The port of another service of the VIP. Without it, the cell's own service.
            optional "port" port: Option<u16> as Port;
        } says {
            { port: None } =>
                en("add the virtual service, without real servers") zh("添加虚拟服务，不含真实服务器");
            { port: Some(port) } =>
                en("add a service of port {port}, without real servers")
                zh("添加端口 {port} 的虚拟服务，不含真实服务器");
        }

        /// The operator edits the virtual service's scheduler: `ipvsadm -E -s`.
        "set-scheduler" SetScheduler {
            /// The scheduler, by its name in ipvsadm(8).
            required "scheduler" scheduler: String as Scheduler;
        } says {
            { scheduler } => en("set scheduler to {scheduler}") zh("将调度算法设为 {scheduler}");
        }

        /// The operator deletes every service: `ipvsadm -C`.
        "flush-table" FlushTable says {
            {} => en("flush the table") zh("清空表");
        }

        /// The operator saves the table: `ipvsadm -S -n`.
        "save-table" SaveTable says {
            {} => en("save the table") zh("保存表");
        }

        /// The operator restores the table that was saved: `ipvsadm -R`. Of what was saved nothing may be in
        /// the table.
        "restore-table" RestoreTable says {
            {} => en("restore the table") zh("恢复表");
        }

        /// The operator sets the counters of packets, bytes and connections to zero: `ipvsadm -Z`. The
        /// connections that a scheduler counts are others, and stay.
        "zero-counters" ZeroCounters says {
            {} => en("zero the counters") zh("计数器清零");
        }

        /// The operator sets how long connection entries live without a packet: `ipvsadm --set`. An entry
        /// that is there gets it with its next packet.
        "set-timeouts" SetTimeouts {
            /// In state ESTABLISHED, in whole seconds. At the beginning of a cell it is `900s`.
            required "tcp" tcp: Duration as Seconds;
            /// After a FIN, in whole seconds. At the beginning of a cell it is `120s`.
            optional "tcp-fin" tcp_fin: Option<Duration> as Seconds;
            /// Of UDP, in whole seconds. At the beginning of a cell it is `300s`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "udp" udp: Option<Duration> as Seconds;
        } says {
            { tcp, tcp_fin: _, udp: Some(udp) } =>
                en("set IPVS's time-outs of TCP to {}, of UDP to {}", Human(*tcp), Human(*udp))
                zh("将 IPVS 的 TCP 超时设为 {}，UDP 超时设为 {}", Human(*tcp), Human(*udp));
            { tcp, tcp_fin: None, udp: None } =>
                en("set IPVS's time-out of TCP to {}", Human(*tcp)) zh("将 IPVS 的 TCP 超时设为 {}", Human(*tcp));
            { tcp, tcp_fin: Some(fin), udp: None } =>
                en("set IPVS's time-outs of TCP to {}, after a FIN {}", Human(*tcp), Human(*fin))
                zh("将 IPVS 的 TCP 超时设为 {}，FIN 之后为 {}", Human(*tcp), Human(*fin));
        }
    }
}

/// An edit of the table of one director.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(from = "Written", into = "Written")]
#[schemars(with = "Written")]
pub struct Edit {
    /// The director.
    pub on: Node,
    /// What is done to its table.
    pub action: TableAction,
}

/// As it is written down. The first director is not named.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
enum Written {
    Elsewhere {
        on: Node,
        #[serde(flatten)]
        action: TableAction,
    },
    Here(TableAction),
}

impl From<Written> for Edit {
    fn from(written: Written) -> Self {
        match written {
            Written::Elsewhere { on, action } => Self { on, action },
            Written::Here(action) => action.into(),
        }
    }
}

impl From<Edit> for Written {
    fn from(Edit { on, action }: Edit) -> Self {
        match on.goes_without_saying() {
            true => Self::Here(action),
            false => Self::Elsewhere { on, action },
        }
    }
}

impl From<TableAction> for Edit {
    /// The edit of the first director's table.
    fn from(action: TableAction) -> Self {
        let on = Node::first_director();
        Self { on, action }
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { on, action } = self;
        match on.goes_without_saying() {
            true => action.fmt(f),
            false => write!(f, "{action}, on {on}"),
        }
    }
}

impl Edit {
    /// The action's key in the YAML.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.action.key()
    }

    /// What it does, in Chinese. In English its `Display` says it.
    #[must_use]
    pub fn in_chinese(&self) -> String {
        let said = self.action.in_chinese();
        match self.on.goes_without_saying() {
            true => said,
            false => format!("在 {} 上{said}", self.on),
        }
    }
}

impl TableAction {
    /// The real server that it is about.
    #[must_use]
    pub fn server(&self) -> Option<&Name> {
        match self {
            Self::RemoveRealServer { server }
            | Self::AddRealServer { server, .. }
            | Self::SetWeight { server, .. }
            | Self::SetForwarding { server, .. } => Some(server),
            Self::RemoveService { .. }
            | Self::AddService { .. }
            | Self::SetScheduler { .. }
            | Self::FlushTable
            | Self::SaveTable
            | Self::RestoreTable
            | Self::ZeroCounters
            | Self::SetTimeouts { .. } => None,
        }
    }

    /// Does it put this real server into the table (true), or take it out (false)? `None` if neither.
    #[must_use]
    pub fn puts(&self, server: &Name) -> Option<bool> {
        match self {
            Self::RemoveRealServer { server: of } => (of == server).then_some(false),
            Self::AddRealServer { server: of, .. } => (of == server).then_some(true),
            // A service goes with its real servers (ipvsadm(8)).
            Self::RemoveService { port: None } | Self::FlushTable => Some(false),
            Self::RestoreTable => Some(true),
            Self::SetWeight { .. }
            | Self::SetForwarding { .. }
            | Self::RemoveService { port: Some(_) }
            | Self::AddService { .. }
            | Self::SetScheduler { .. }
            | Self::SaveTable
            | Self::ZeroCounters
            | Self::SetTimeouts { .. } => None,
        }
    }

    /// Is it about one virtual service, which a step can name?
    #[must_use]
    pub fn is_of_one_service(&self) -> bool {
        match self {
            Self::RemoveRealServer { .. }
            | Self::AddRealServer { .. }
            | Self::SetWeight { .. }
            | Self::SetForwarding { .. }
            | Self::SetScheduler { .. }
            | Self::RemoveService { port: None }
            | Self::AddService { port: None } => true,
            Self::RemoveService { port: Some(_) }
            | Self::AddService { port: Some(_) }
            | Self::FlushTable
            | Self::SaveTable
            | Self::RestoreTable
            | Self::ZeroCounters
            | Self::SetTimeouts { .. } => false,
        }
    }

    /// Does what it comes to depend on which real servers are in the table: on any of them, or on this one?
    #[must_use]
    pub fn depends_on(&self, server: &Name) -> bool {
        match self {
            Self::AddRealServer { .. }
            | Self::RemoveRealServer { .. }
            | Self::RemoveService { port: None }
            | Self::AddService { port: None }
            | Self::FlushTable
            | Self::RestoreTable => true,
            Self::SetWeight { server: of, .. } | Self::SetForwarding { server: of, .. } => of == server,
            Self::RemoveService { port: Some(_) }
            | Self::AddService { port: Some(_) }
            | Self::SetScheduler { .. }
            | Self::SaveTable
            | Self::ZeroCounters
            | Self::SetTimeouts { .. } => false,
        }
    }
}

/// An edit of another virtual service than that of the classified operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ServiceEdit {
    /// The service's name.
    pub service: Name,
    /// What is done to it.
    pub edit: TableAction,
}

impl ServiceEdit {
    /// The action's key in the YAML.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.edit.key()
    }

    /// What it does, in Chinese.
    #[must_use]
    pub fn in_chinese(&self) -> String {
        format!("服务 {}：{}", self.service, self.edit.in_chinese())
    }
}

impl fmt::Display for ServiceEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (service {})", self.edit, self.service)
    }
}
