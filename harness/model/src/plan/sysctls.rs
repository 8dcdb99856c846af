//! The sysctls of a lab's hosts. A key is written once, with its last value.

use crate::base::Family;

/// Common to all hosts. A new namespace copies `conf/*` from the first one
/// (net.core.devconf_inherit_init_net), so each is written even where it is the kernel's own default. IPv6 is
/// off: its neighbour discovery would only blur the traces.
pub(super) const COMMON_SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv6.conf.all.disable_ipv6", "1"),
    ("net.ipv6.conf.default.disable_ipv6", "1"),
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.default.rp_filter", "0"),
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

/// The router passes on what is not for it. It is alone on the client's link, so it has nobody to redirect
/// the client to.
pub(super) const ROUTER_SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv4.conf.all.send_redirects", "0"),
    ("net.ipv4.conf.eth0.send_redirects", "0"),
    ("net.ipv4.conf.eth1.send_redirects", "0"),
];

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

/// A director that passes on packets of IPv6.
pub(super) const IPV6_FORWARDING: &[(&str, &str)] = &[("net.ipv6.conf.all.forwarding", "1")];

/// A director whose servers' answers pass it on the link by which they came.
pub(super) const NO_REDIRECTS: &[(&str, &str)] = &[
    ("net.ipv4.conf.all.send_redirects", "0"),
    ("net.ipv4.conf.eth0.send_redirects", "0"),
];

/// The device at which tunnels end. It is made after the sysctls are set, and takes those of `default`:
/// without them what comes out of a tunnel would be dropped, for its source has another route
/// (net/ipv4/fib_frontend.c, `__fib_validate_source`).
pub(super) const TUNNEL_DEVICE: &str = "tunnel0";

/// A real server at which tunnels of IPv6 end: the device has the addresses of the plan only, and asks no
/// router.
pub(super) const TUNNEL_SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv6.conf.default.accept_ra", "0"),
    ("net.ipv6.conf.default.addr_gen_mode", "1"),
];

/// IPv6 instead of none. The addresses are those of the plan only: no router is asked for any, and none is
/// made of the Ethernet address (`addr_gen_mode` 1).
const IPV6_SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv6.conf.all.disable_ipv6", "0"),
    ("net.ipv6.conf.default.disable_ipv6", "0"),
];
/// The same, for an interface.
const IPV6_INTERFACE_SYSCTLS: &[(&str, &str)] = &[
    ("disable_ipv6", "0"),
    ("accept_dad", "0"),
    ("accept_ra", "0"),
    ("accept_redirects", "0"),
    ("addr_gen_mode", "1"),
];

/// The common sysctls, those of the family for these interfaces, those of the host's role, and the
/// scenario's, which win: a key is written once, with its last value.
pub(super) fn of(
    (family, interfaces): (Family, &[&str]),
    role: &[&[(&str, &str)]],
    own: &[(String, String)],
) -> Vec<(String, String)> {
    let mut all = indexmap::IndexMap::new();
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    all.extend(COMMON_SYSCTLS.iter().map(pair));
    for interface in interfaces {
        all.insert(format!("net.ipv4.conf.{interface}.rp_filter"), "0".to_owned());
    }
    all.extend(TCP_SYSCTLS.iter().map(pair));
    if family == Family::Ipv6 {
        all.extend(IPV6_SYSCTLS.iter().map(pair));
        for (interface, (key, value)) in interfaces.iter().flat_map(|interface| {
            IPV6_INTERFACE_SYSCTLS
                .iter()
                .map(move |sysctl| (interface, sysctl))
        }) {
            let key = format!("net.ipv6.conf.{interface}.{key}");
            all.insert(key, (*value).to_owned());
        }
    }
    all.extend(role.iter().flat_map(|list| list.iter()).map(pair));
    for (key, value) in own {
        all.insert(key.clone(), value.clone());
    }
    all.into_iter().collect()
}
