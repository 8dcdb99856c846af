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
    Ok(weight_in(&table, &wanted))
}

/// The weight in the line of the real server `wanted` (`C000021F:0CEA`).
fn weight_in(table: &str, wanted: &str) -> Option<u32> {
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.find(|words| words.first() == Some(&"->") && words.get(1) == Some(&wanted))?;
    line.get(3)?.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::weight_in;

    const TABLE: &str = "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C0000264:0CEA rr
  -> C0000220:0CEA      Route   7      0          0
  -> C000021F:0CEA      Route   0      1          0
";

    #[test]
    fn the_kernels_table_tells_weights() {
        assert_eq!(weight_in(TABLE, "C0000220:0CEA"), Some(7));
        assert_eq!(weight_in(TABLE, "C000021F:0CEA"), Some(0), "weight 0 is in the table");
        assert_eq!(weight_in(TABLE, "C0000221:0CEA"), None, "a deleted server is not");
        assert_eq!(weight_in(TABLE, "C0000264:0CEA"), None, "the service is no server");
    }
}
