//! The director's tables, read as operators read them and as the kernel shows them.

mod table;

#[cfg(test)]
pub(crate) use table::parsed;
pub(crate) use table::{Service, Table, table};

use crate::clock::{Clock, poll_for};
use crate::error::{LabError, Result, Stage};
use lvs_matrix_model::record::{DirectorSnapshot, Moment};
use lvs_matrix_netns::{CommandLine, Namespace};
use std::time::Duration;

/// `ipvsadm -Ln` and `ipvsadm -Lnc` now.
pub(crate) fn snapshot(namespace: &Namespace, number: u32, moment: Moment, clock: Clock) -> Result<DirectorSnapshot> {
    let list = |option: &str| {
        namespace
            .check(&CommandLine::new(["ipvsadm", option]))
            .stage("read the director's tables")
    };
    let at = clock.now();
    Ok(DirectorSnapshot {
        number,
        moment,
        at,
        services: list("-Ln")?,
        connections: list("-Lnc")?,
    })
}

/// Waits until no connection entry is left: what made the lab ready must not show in the cell.
pub(crate) fn wait_until_empty(namespace: &Namespace) -> Result<()> {
    let stage = "wait for an empty connection table";
    // An entry whose client sent an RST is in state CLOSE for 10 s (ip_vs_proto_tcp.c, tcp_timeouts).
    let empty = poll_for(Duration::from_secs(300), Duration::from_millis(500), || {
        let table = namespace
            .run(|| std::fs::read_to_string("/proc/thread-self/net/ip_vs_conn"))
            .stage(stage)?
            .stage(stage)?;
        Ok::<_, LabError>((table.lines().count() <= 1).then_some(()))
    })?;
    empty.ok_or_else(|| LabError::new(stage, "entries of the readiness check were still there after 300 s"))
}
