//! sysctl.conf(5), and what `sysctl -a` prints. Only what bears on clients behind a director is taken.

use super::Found;
use crate::place::Source;
use crate::service::{Role, Sysctl};

/// `net.ipv4.vs.conntrack = 1`: name and value.
pub(super) fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.strip_prefix('-').unwrap_or(line);
    let (key, value) = line.split_once('=')?;
    let key = key.trim();
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '-' | '_' | '*');
    let dotted = key.contains(['.', '/']) && !key.starts_with(['.', '/']);
    if !dotted || !key.chars().all(good) {
        return None;
    }
    // With slashes dots are part of names; there are none in what is taken.
    let key = if key.contains('/') {
        key.replace('/', ".")
    } else {
        key.to_owned()
    };
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    Some((key, value))
}

/// The sysctls of IPVS as a new network namespace has them (net/netfilter/ipvs/ip_vs_ctl.c,
/// `ip_vs_control_net_init_sysctl`).
const OF_IPVS: [(&str, &str); 22] = [
    ("am_droprate", "10"),
    ("amemthresh", "1024"),
    ("backup_only", "0"),
    ("cache_bypass", "0"),
    ("conn_reuse_mode", "1"),
    ("conntrack", "0"),
    ("drop_entry", "0"),
    ("drop_packet", "0"),
    ("expire_nodest_conn", "0"),
    ("expire_quiescent_template", "0"),
    ("ignore_tunneled", "0"),
    ("lblc_expiration", "86400"),
    ("lblcr_expiration", "86400"),
    ("nat_icmp_send", "0"),
    ("pmtu_disc", "1"),
    ("run_estimation", "1"),
    ("schedule_icmp", "0"),
    ("secure_tcp", "0"),
    ("sloppy_sctp", "0"),
    ("sloppy_tcp", "0"),
    ("snat_reroute", "1"),
    ("sync_persist_mode", "0"),
];

/// What of a client's or a server's bears on how its TCP waits and gives up.
const OF_TCP: [&str; 20] = [
    "net.core.somaxconn",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_abort_on_overflow",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_mtu_probing",
    "net.ipv4.tcp_orphan_retries",
    "net.ipv4.tcp_retries1",
    "net.ipv4.tcp_retries2",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_sack",
    "net.ipv4.tcp_syn_linear_timeouts",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_synack_retries",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_wmem",
];

pub(super) fn read(role: Role, source: &Source) -> Found {
    let mut found = Found::default();
    for (number, line) in (1..).zip(source.text.lines()) {
        let line = line.trim();
        let place = source.at(number);
        if line.is_empty() || line.starts_with(['#', ';']) || line.starts_with("sysctl:") {
            continue;
        }
        let Some((key, value)) = assignment(line) else {
            found.notes.lost(&place, line, "no line of sysctl.conf(5)");
            continue;
        };
        match fate(role, &key, &value) {
            Ok(taken) => {
                // The last line of a name counts.
                found.sysctls.retain(|known: &Sysctl| known.key != key);
                found.sysctls.push(Sysctl {
                    role,
                    key,
                    value,
                    usual: !taken,
                    place,
                });
            }
            Err((what, why)) => found.notes.lost(&place, what, why),
        }
    }
    found
}

/// Is it taken (true), as it is in the lab already (false), or left out, as what and why?
fn fate(role: Role, key: &str, value: &str) -> Result<bool, (String, &'static str)> {
    let whole = || format!("{key} = {value}");
    let mut parts = key.split('.');
    let (first, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if first != "net" {
        let why = "no sysctl of a network namespace";
        return Err((format!("{first}.*"), why));
    }
    if key.contains('*') {
        return Err((whole(), "the lab's sysctls have no patterns"));
    }
    match role {
        Role::Director => {}
        Role::Client | Role::Server => {
            return if OF_TCP.contains(&key) {
                Ok(true)
            } else {
                Err((
                    format!("{first}.{second}.*"),
                    "it does not bear on how TCP waits and gives up; add it by hand if you need it",
                ))
            };
        }
    }
    if let Some(name) = key.strip_prefix("net.ipv4.vs.") {
        if name.starts_with("sync_") && name != "sync_persist_mode" {
            return Err((
                "net.ipv4.vs.sync_*".to_owned(),
                "the lab has one director, and nobody to synchronise connections with",
            ));
        }
        let usual = OF_IPVS.iter().find(|(known, _)| *known == name);
        return Ok(usual.is_none_or(|(_, usual)| *usual != value));
    }
    match key {
        "net.ipv4.ip_forward" | "net.ipv6.conf.all.forwarding" => match value {
            "0" => Err((
                whole(),
                "the lab's director forwards: it must, with masquerading; \
                 `misbuilt: { director: no-forwarding }` shows what clients feel without it",
            )),
            _ => Ok(false),
        },
        _ if OF_TCP.contains(&key) => Err((
            format!("{first}.{second}.tcp_* and the like"),
            "connections end at clients and servers, not at the director; give the files of those by \
             --client-sysctls and --server-sysctls",
        )),
        _ if key.starts_with("net.netfilter.") || key.starts_with("net.nf_conntrack") => Err((
            "net.netfilter.*".to_owned(),
            "entries of IPVS have time-outs of their own; add it by hand if `net.ipv4.vs.conntrack` is on",
        )),
        _ => Err((
            format!("{first}.{second}.*"),
            "the lab's hosts are set up for their forwarding method; add it by hand if you need it",
        )),
    }
}
