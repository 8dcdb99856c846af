//! What an operator does to the director's table, by ipvsadm(8).

use crate::Name;
use crate::base::Forwarding;
use crate::duration::Human;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// An edit of the director's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum TableAction {
    /// `ipvsadm -d`: the real server is deleted from the virtual service.
    RemoveRealServer {
        /// Which one.
        server: Name,
    },
    /// `ipvsadm -a`: the real server is added (again) with this weight.
    AddRealServer {
        /// Which one.
        server: Name,
        /// Its weight, 0 to 65535.
        weight: u16,
    },
    /// `ipvsadm -e -w`: weight 0 takes no new connection but keeps the old ones.
    SetWeight {
        /// Which one.
        server: Name,
        /// Its new weight, 0 to 65535.
        weight: u16,
    },
    /// `ipvsadm -e` with another packet-forwarding method; connections that there are keep theirs.
    SetForwarding {
        /// Which real server.
        server: Name,
        /// Its new method.
        method: Forwarding,
        /// Its weight, which `ipvsadm -e` sets in the same breath.
        weight: u16,
    },
    /// `ipvsadm -D`: a virtual service is deleted with its real servers.
    RemoveService {
        /// The port of another service of the VIP; `None`: the cell's own.
        port: Option<u16>,
    },
    /// `ipvsadm -A`: a virtual service without real servers.
    AddService {
        /// The port of another service of the VIP; `None`: the cell's own (again).
        port: Option<u16>,
    },
    /// `ipvsadm -E -s`: another scheduler for the virtual service.
    SetScheduler {
        /// Its name in ipvsadm(8).
        scheduler: String,
    },
    /// `ipvsadm -C`: every service is deleted.
    FlushTable,
    /// `ipvsadm -S -n`: the table is saved as command lines.
    SaveTable,
    /// `ipvsadm -R`: the table that was saved last is restored.
    RestoreTable,
    /// `ipvsadm --set`: how long connection entries live without a packet. Whole seconds.
    SetTimeouts {
        /// In state ESTABLISHED.
        tcp: Duration,
        /// After a FIN; `None`: as it is.
        tcp_fin: Option<Duration>,
    },
}

impl TableAction {
    /// The action's key in the YAML.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::RemoveRealServer { .. } => "remove-real-server",
            Self::AddRealServer { .. } => "add-real-server",
            Self::SetWeight { .. } => "set-weight",
            Self::SetForwarding { .. } => "set-forwarding",
            Self::RemoveService { .. } => "remove-service",
            Self::AddService { .. } => "add-service",
            Self::SetScheduler { .. } => "set-scheduler",
            Self::FlushTable => "flush-table",
            Self::SaveTable => "save-table",
            Self::RestoreTable => "restore-table",
            Self::SetTimeouts { .. } => "set-timeouts",
        }
    }

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
            | Self::SetTimeouts { .. } => None,
        }
    }
}

impl fmt::Display for TableAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RemoveRealServer { server } => write!(f, "remove real server {server}"),
            Self::AddRealServer { server, weight } => write!(f, "add real server {server}, weight {weight}"),
            Self::SetWeight { server, weight } => write!(f, "set weight of {server} to {weight}"),
            Self::SetForwarding {
                server,
                method,
                weight,
            } => {
                write!(
                    f,
                    "set forwarding of {server} to {}, weight {weight}",
                    method.as_str()
                )
            }
            Self::RemoveService { port: None } => f.write_str("remove the virtual service"),
            Self::RemoveService { port: Some(port) } => write!(f, "remove the service of port {port}"),
            Self::AddService { port: None } => f.write_str("add the virtual service, without real servers"),
            Self::AddService { port: Some(port) } => {
                write!(f, "add a service of port {port}, without real servers")
            }
            Self::SetScheduler { scheduler } => write!(f, "set scheduler to {scheduler}"),
            Self::FlushTable => f.write_str("flush the table"),
            Self::SaveTable => f.write_str("save the table"),
            Self::RestoreTable => f.write_str("restore the table"),
            Self::SetTimeouts { tcp, tcp_fin: None } => {
                write!(f, "set IPVS's time-out of TCP to {}", Human(*tcp))
            }
            Self::SetTimeouts {
                tcp,
                tcp_fin: Some(fin),
            } => write!(
                f,
                "set IPVS's time-outs of TCP to {}, after a FIN {}",
                Human(*tcp),
                Human(*fin)
            ),
        }
    }
}
