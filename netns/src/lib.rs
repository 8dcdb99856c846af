//! Mechanism for network namespaces: made, held by file descriptor, entered by threads, joined by veth pairs,
//! with sysctls and processes in them, and sockets that see every frame of an interface. It knows no
//! scenario.
//!
//! A [`Namespace`] lives as long as its value and whatever holds it open: sockets, processes, links. There is
//! nothing under `/run/netns`, so nothing is left in the file system, and no name can collide.

mod change;
mod command;
mod conntrack;
mod error;
mod ip;
mod metrics;
mod namespace;
mod netlink;
mod packet;
mod privileges;
mod sockets;
mod sysctl;

pub use command::{CommandLine, Finished, run};
pub use conntrack::{flush_conntrack, tracked_connections};
pub use error::{Error, Result};
pub use ip::{ip_batch, tc_batch};
pub use metrics::{count_tcp_metrics, forget_tcp_metrics};
pub use namespace::Namespace;
pub use packet::{PacketCounters, PacketFrame, PacketSocket};
pub use privileges::give_up_capabilities;
pub use sockets::{
    TcpSocket, destroy_tcp_sockets, destroy_tcp_sockets_here, own_descriptor, tcp_sockets, tcp_sockets_here,
};
pub use sysctl::{read_sysctl, write_sysctl, write_sysctls};
