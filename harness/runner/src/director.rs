//! The director's tables, read as operators read them and as the kernel shows them.

use crate::clock::{Clock, poll_for};
use crate::error::{LabError, Result, Stage};
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::{DirectorSnapshot, Moment};
use lvs_matrix_netns::{CommandLine, Namespace};
use std::net::IpAddr;
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

/// The weight of a real server in the plan's service; `None` if it is not in the table.
///
/// Read from `/proc/net/ip_vs` (net/netfilter/ipvs/ip_vs_ctl.c, `ip_vs_info_seq_show`): addresses and ports in hexadecimal.
pub(crate) fn weight(namespace: &Namespace, plan: &LabPlan, server: IpAddr) -> Result<Option<u32>> {
    let stage = "read /proc/net/ip_vs";
    let table = namespace
        .run(|| std::fs::read_to_string("/proc/thread-self/net/ip_vs"))
        .stage(stage)?
        .stage(stage)?;
    let wanted = match server {
        IpAddr::V4(address) => format!("{:08X}:{:04X}", u32::from(address), plan.port),
        IpAddr::V6(_) => return Err(LabError::new(stage, "IPv6 is not supported yet")),
    };
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    Ok(lines
        .find(|words| words.first() == Some(&"->") && words.get(1) == Some(&wanted.as_str()))
        .and_then(|words| words.get(3)?.parse().ok()))
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
