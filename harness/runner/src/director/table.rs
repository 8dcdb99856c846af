//! The kernel's own tables, `/proc/net/ip_vs` and `/proc/net/ip_vs_conn`.

use crate::error::{LabError, Result, Stage};
use lvs_matrix_model::ipvs::{Connections, Table};
use lvs_matrix_netns::Namespace;

/// The director's table now.
pub(crate) fn table(namespace: &Namespace) -> Result<Table> {
    let stage = "read /proc/net/ip_vs";
    let text = namespace
        .run(|| std::fs::read_to_string("/proc/thread-self/net/ip_vs"))
        .stage(stage)?
        .stage(stage)?;
    Table::of_kernel(&text).map_err(|unread| LabError::new(stage, unread.to_string()))
}

/// The director's connection entries now.
pub(crate) fn entries(namespace: &Namespace) -> Result<Connections> {
    let stage = "read /proc/net/ip_vs_conn";
    let text = namespace
        .run(|| std::fs::read_to_string("/proc/thread-self/net/ip_vs_conn"))
        .stage(stage)?
        .stage(stage)?;
    Connections::of_kernel(&text).map_err(|unread| LabError::new(stage, unread.to_string()))
}
