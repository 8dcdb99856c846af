//! The sysctls of a lab's hosts. A key is written once, with its last value.

/// Common to all hosts. A new namespace copies `conf/*` from the first one
/// (net.core.devconf_inherit_init_net), so each is written even where it is the kernel's own default. IPv6 is
/// off: its neighbour discovery would only blur the traces.
pub(super) const COMMON_SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv6.conf.all.disable_ipv6", "1"),
    ("net.ipv6.conf.default.disable_ipv6", "1"),
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.default.rp_filter", "0"),
    ("net.ipv4.conf.eth0.rp_filter", "0"),
];

/// TCP's own patience, at both ends of a connection.
pub(super) const TCP_SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv4.tcp_retries1", "3"),
    ("net.ipv4.tcp_retries2", "15"),
    ("net.ipv4.tcp_syn_retries", "6"),
    ("net.ipv4.tcp_synack_retries", "5"),
    ("net.ipv4.tcp_syncookies", "1"),
    ("net.ipv4.tcp_early_retrans", "3"),
    ("net.ipv4.tcp_frto", "2"),
    ("net.ipv4.tcp_timestamps", "1"),
    ("net.ipv4.tcp_sack", "1"),
    ("net.ipv4.tcp_ecn", "2"),
    ("net.ipv4.tcp_keepalive_time", "7200"),
    ("net.ipv4.tcp_keepalive_intvl", "75"),
    ("net.ipv4.tcp_keepalive_probes", "9"),
    ("net.ipv4.tcp_fin_timeout", "60"),
    ("net.ipv4.tcp_no_metrics_save", "1"),
    ("net.ipv4.ip_local_port_range", "32768\t60999"),
];

pub(super) const CLIENT_SYSCTLS: &[(&str, &str)] = &[("net.ipv4.ip_forward", "0")];

pub(super) const DIRECTOR_SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv4.conf.all.send_redirects", "1"),
    ("net.ipv4.conf.eth0.send_redirects", "1"),
    ("net.ipv4.vs.expire_nodest_conn", "0"),
    ("net.ipv4.vs.expire_quiescent_template", "0"),
    ("net.ipv4.vs.conn_reuse_mode", "1"),
    ("net.ipv4.vs.sloppy_tcp", "0"),
    ("net.ipv4.vs.secure_tcp", "0"),
    ("net.ipv4.vs.drop_entry", "0"),
    ("net.ipv4.vs.drop_packet", "0"),
];

pub(super) const SERVER_SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv4.ip_forward", "0"),
    ("net.ipv4.conf.lo.arp_ignore", "1"),
    ("net.ipv4.conf.lo.arp_announce", "2"),
    ("net.ipv4.conf.all.arp_ignore", "1"),
    ("net.ipv4.conf.all.arp_announce", "2"),
];

/// The common sysctls, those of the host's role, and the scenario's, which win: a key is written once, with
/// its last value.
pub(super) fn sysctls(role: &[&[(&str, &str)]], own: &[(String, String)]) -> Vec<(String, String)> {
    let mut all = indexmap::IndexMap::new();
    for (key, value) in [COMMON_SYSCTLS, TCP_SYSCTLS]
        .iter()
        .chain(role)
        .flat_map(|list| list.iter())
    {
        all.insert((*key).to_owned(), (*value).to_owned());
    }
    for (key, value) in own {
        all.insert(key.clone(), value.clone());
    }
    all.into_iter().collect()
}
