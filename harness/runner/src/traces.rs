//! What a cell can leave behind in the network namespace of a server.

use crate::error::{Result, Stage};
use lvs_matrix_netns::{Namespace, count_tcp_metrics};
use std::collections::BTreeSet;
use std::path::Path;

/// What a cell left in the network namespace of a server, a line each.
pub(crate) fn left_in(namespace: &Namespace, as_new: &BTreeSet<String>) -> Result<Vec<String>> {
    const STAGE: &str = "look what a cell left behind";
    let mut left = Vec::new();
    match count_tcp_metrics(namespace).stage(STAGE)? {
        0 => {}
        count => left.push(format!("tcp_metrics of {count} address(es)")),
    }
    left.extend(
        seen_in(namespace)?
            .into_iter()
            .filter(|line| !as_new.contains(line)),
    );
    let counters = namespace
        .run(|| read("netstat"))
        .stage(STAGE)?
        .stage("read netstat")?;
    left.extend(overflows(&counters));
    Ok(left)
}

/// Interfaces, addresses, routes, neighbours and sockets of a namespace, but for sockets that listen; a line
/// each. A kernel gives every namespace some of them (`tunl0`).
pub(crate) fn seen_in(namespace: &Namespace) -> Result<BTreeSet<String>> {
    const STAGE: &str = "look into a server's network namespace";
    let texts = namespace.run(|| FILES.map(|(file, _)| read(file))).stage(STAGE)?;
    let mut seen = BTreeSet::new();
    for ((file, of_a_cell), text) in FILES.iter().zip(texts) {
        let text = text.stage(format!("read {file}"))?;
        let lines = text.lines().filter(|line| of_a_cell(line));
        seen.extend(lines.map(|line| match *file {
            // Counters follow the name.
            "dev" => format!("{file}: {}", line.split(':').next().unwrap_or_default().trim()),
            _ => format!("{file}: {}", line.trim()),
        }));
    }
    Ok(seen)
}

/// Counters of a listening socket whose queue was full. It remembers that for a while, and may answer with
/// SYN cookies (include/net/tcp.h, `tcp_synq_overflow`).
const OVERFLOWS: [&str; 4] = [
    "ListenOverflows",
    "ListenDrops",
    "TCPReqQFullDrop",
    "TCPReqQFullDoCookies",
];

/// Those that are not 0. The file has two lines for each protocol: names, and numbers
/// (net/ipv4/proc.c, `netstat_seq_show`).
fn overflows(counters: &str) -> Vec<String> {
    let mut lines = counters.lines().filter(|line| line.starts_with("TcpExt:"));
    let (Some(names), Some(numbers)) = (lines.next(), lines.next()) else {
        return vec!["netstat: no TcpExt".to_owned()];
    };
    let pairs = names.split_whitespace().zip(numbers.split_whitespace());
    let full = pairs.filter(|(name, number)| OVERFLOWS.contains(name) && *number != "0");
    full.map(|(name, number)| format!("netstat: {name} {number}"))
        .collect()
}

/// Files of `/proc/net` with what a cell can leave, and which of their lines are that.
type File = (&'static str, fn(&str) -> bool);

const FILES: [File; 11] = [
    ("dev", |line| {
        line.contains(':') && !line.trim_start().starts_with("lo:")
    }),
    ("if_inet6", is_any),
    ("route", is_below_a_heading),
    ("fib_trie", |line| line.contains("|--")),
    ("ipv6_route", |line| !line.trim_end().ends_with("lo")),
    ("arp", is_below_a_heading),
    ("tcp", is_a_connection),
    ("tcp6", is_a_connection),
    ("udp", is_below_a_heading),
    ("packet", is_below_a_heading),
    ("raw", is_below_a_heading),
];

fn is_any(line: &str) -> bool {
    !line.trim().is_empty()
}

/// The first line of each of these files begins with the name of a column.
fn is_below_a_heading(line: &str) -> bool {
    let first = line.split_whitespace().next();
    !matches!(first, None | Some("Iface" | "IP" | "sl" | "sk"))
}

/// A socket that does not listen (`st` 0A; net/ipv4/tcp_ipv4.c, `get_tcp4_sock`).
fn is_a_connection(line: &str) -> bool {
    is_below_a_heading(line) && line.split_whitespace().nth(3) != Some("0A")
}

fn read(file: &str) -> std::io::Result<String> {
    match std::fs::read_to_string(Path::new("/proc/thread-self/net").join(file)) {
        // Without IPv6 there is none of it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.contains('6') => Ok(String::new()),
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cell_leaves_is_told_from_what_is_always_there() {
        let of_a_cell = |file: &str, line: &str| {
            let (_, of_a_cell) = FILES.iter().find(|(name, _)| *name == file).unwrap();
            of_a_cell(line)
        };
        for (file, always, left) in [
            ("dev", "    lo:       0       0", "  eth0: 1234      12"),
            ("dev", " face |bytes    packets errs", "  eth0: 1234      12"),
            ("route", "Iface\tDestination\tGateway", "eth0\t000200C0\t00000000"),
            ("fib_trie", "Main:", "        |-- 192.0.2.0"),
            ("arp", "IP address       HW type", "192.0.2.10       0x1"),
            (
                "tcp",
                "   0: 00000000:0CEA 00000000:0000 0A 00000000:00000000",
                "   1: 640200C0:0CEA 0A0200C0:A2C4 01 00000000:00000000",
            ),
            (
                "tcp",
                "  sl  local_address rem_address   st",
                "   1: 640200C0:0CEA 0A0200C0:A2C4 06 0:0",
            ),
            ("packet", "sk       RefCnt Type Proto", "ffff 3 3 0003 2 1 0 0 1"),
        ] {
            assert!(!of_a_cell(file, always), "{file}: {always}");
            assert!(of_a_cell(file, left), "{file}: {left}");
        }
        let counters = |overflows: u8| {
            format!(
                "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 7 {overflows} 0\n\
                 IpExt: InNoRoutes\nIpExt: 0\n"
            )
        };
        assert!(overflows(&counters(0)).is_empty());
        assert_eq!(overflows(&counters(2)), ["netstat: ListenOverflows 2"]);
        assert_eq!(overflows(""), ["netstat: no TcpExt"]);
    }
}
