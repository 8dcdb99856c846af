//! The functions of the kernel that a rule names, as the cell's address family and forwarding method have
//! them.

use super::Source;
use super::cell_view::CellView;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::scenario::{Forwarding, TunnelType};

/// What passes a packet on, by its name in direct routing and IPv4.
const TRANSMIT: &str = "ip_vs_dr_xmit";

/// What depends on the packet around another, by its name in IPv4.
const OF_TUNNELS: [&str; 4] = [
    "ip_vs_tunnel_xmit",
    "ip_vs_in_icmp",
    "__udp6_lib_rcv",
    "udp6_csum_zero_error",
];

/// Those functions for a cell.
pub(super) fn of(view: &CellView<'_>, sources: &[&[Source]]) -> Vec<Source> {
    let method = view
        .server()
        .map_or_else(|| view.plan.service().forwarding(), |server| view.method(server));
    let ipv6 = view.plan.vip().is_ipv6();
    let backend = view.server().and_then(|name| {
        let node = Node::RealServer(name.clone());
        view.plan.service().backend(&node)
    });
    // What sends to a real server goes by that server's address (ip_vs_conn.c, `ip_vs_bind_xmit_v6`).
    let outer = backend.and_then(|backend| backend.address);
    let outer = outer.map_or(ipv6, |address| address.is_ipv6());
    let tunnel = backend.map_or(TunnelType::Ipip, |backend| backend.tunnel);
    let at = view
        .request()
        .map_or(view.operation.began, |request| request.sent.at);
    let scheduler = view.scheduler(at);
    let mut all: Vec<Source> = Vec::new();
    for source in sources.iter().copied().flatten() {
        let transmits = source.function == TRANSMIT;
        let around = transmits || OF_TUNNELS.contains(&source.function);
        let ipv6 = if around { outer } else { ipv6 };
        if is_foreign(*source, scheduler, ipv6) {
            continue;
        }
        let own = match transmits {
            true => here(*source, method, ipv6),
            false => here(translated(*source, view.is_udp(), ipv6), method, ipv6),
        };
        let wraps = transmits && method == Forwarding::Tunneling;
        let wrapped = wrapping(tunnel).filter(|_| wraps);
        let wrapped = wrapped.map(|function| Source { function, ..own });
        let own = if view.hooks_stay() { of_old(own) } else { own };
        for source in std::iter::once(own).chain(wrapped) {
            if !all.contains(&source) {
                all.push(source);
            }
        }
    }
    all
}

/// As kernels before Linux 5.9 have it, as far as that was looked at.
fn of_old(source: Source) -> Source {
    match source.function {
        "ip_vs_in_hook" => Source {
            function: "ip_vs_in",
            ..source
        },
        _ => source,
    }
}

/// What puts a header between the packet and the one around it.
fn wrapping(tunnel: TunnelType) -> Option<&'static str> {
    match tunnel {
        TunnelType::Ipip => None,
        TunnelType::Gue => Some("ipvs_gue_encap"),
        TunnelType::Gre => Some("ipvs_gre_encap"),
    }
}

fn here(source: Source, method: Forwarding, ipv6: bool) -> Source {
    let function = |function| Source { function, ..source };
    match (source.function, ipv6, method) {
        (TRANSMIT, false, Forwarding::DirectRouting) => source,
        (TRANSMIT, true, Forwarding::DirectRouting) => function("ip_vs_dr_xmit_v6"),
        (TRANSMIT | "ip_vs_nat_xmit", false, Forwarding::Masquerading) => function("ip_vs_nat_xmit"),
        (TRANSMIT | "ip_vs_nat_xmit", true, Forwarding::Masquerading) => function("ip_vs_nat_xmit_v6"),
        (TRANSMIT, false, Forwarding::Tunneling) => function("ip_vs_tunnel_xmit"),
        (TRANSMIT, true, Forwarding::Tunneling) => function("ip_vs_tunnel_xmit_v6"),
        _ => source,
    }
}

/// Functions that do the same elsewhere, by the file in which they are there.
type Elsewhere = &'static [(&'static str, &'static [(&'static str, &'static str)])];

/// What does over UDP what the first does over TCP.
const OVER_UDP: Elsewhere = &[
    (
        "net/netfilter/ipvs/ip_vs_proto_udp.c",
        &[("tcp_conn_schedule", "udp_conn_schedule")],
    ),
    (
        "net/ipv4/udp.c",
        &[("tcp_v4_rcv", "udp_rcv"), ("tcp_v4_err", "udp_err")],
    ),
    ("net/ipv4/icmp.c", &[("tcp_v4_send_reset", "__icmp_send")]),
];

/// What does over IPv6 what the first does over IPv4.
const OVER_IPV6: Elsewhere = &[
    (
        "net/netfilter/ipvs/ip_vs_core.c",
        &[
            ("ip_vs_ops4", "ip_vs_ops6"),
            ("ip_vs_in_icmp", "ip_vs_in_icmp_v6"),
        ],
    ),
    (
        "net/netfilter/ipvs/ip_vs_xmit.c",
        &[
            ("ip_vs_tunnel_xmit", "ip_vs_tunnel_xmit_v6"),
            ("__ip_vs_get_out_rt", "__ip_vs_get_out_rt_v6"),
        ],
    ),
    (
        "net/ipv6/tcp_ipv6.c",
        &[
            ("tcp_v4_rcv", "tcp_v6_rcv"),
            ("tcp_v4_send_reset", "tcp_v6_send_reset"),
            ("tcp_v4_err", "tcp_v6_err"),
            ("tcp_v4_mtu_reduced", "tcp_v6_mtu_reduced"),
        ],
    ),
    (
        "net/ipv6/udp.c",
        &[("udp_rcv", "udpv6_rcv"), ("udp_err", "udpv6_err")],
    ),
    (
        "net/ipv6/icmp.c",
        &[
            ("__icmp_send", "icmp6_send"),
            ("icmpv4_xrlim_allow", "icmpv6_xrlim_allow"),
        ],
    ),
    (
        "net/ipv6/ndisc.c",
        &[
            ("arp_process", "ndisc_recv_na"),
            ("arp_error_report", "ndisc_error_report"),
            ("ip_rt_send_redirect", "ndisc_send_redirect"),
        ],
    ),
    (
        "net/ipv6/netfilter/nf_reject_ipv6.c",
        &[
            ("nf_send_unreach", "nf_send_unreach6"),
            ("nf_send_reset", "nf_send_reset6"),
        ],
    ),
    // What is for another host is passed on, or dropped there; IPv4 finds no route for it before.
    (
        "net/ipv6/ip6_output.c",
        &[
            ("ip_route_input_slow", "ip6_forward"),
            ("ip_error", "ip6_forward"),
            ("ip_forward", "ip6_forward"),
        ],
    ),
];

/// A function as the cell's protocol and address family have it.
fn translated(source: Source, udp: bool, ipv6: bool) -> Source {
    let look_up = |table: Elsewhere, source: Source| {
        let mut all = table
            .iter()
            .flat_map(|(file, known)| known.iter().map(move |one| (*file, one)));
        let found = all.find(|(_, (of, _))| *of == source.function);
        found.map_or(source, |(file, (_, function))| Source { function, file })
    };
    let source = if udp { look_up(OVER_UDP, source) } else { source };
    if ipv6 { look_up(OVER_IPV6, source) } else { source }
}

/// Is it of another scheduler than the cell's, or of the other address family?
fn is_foreign(source: Source, scheduler: &str, ipv6: bool) -> bool {
    const SCHEDULERS: [&str; 4] = ["dh", "sh", "mh", "lblc"];
    let of = |scheduler: &str| source.file.ends_with(&format!("/ip_vs_{scheduler}.c"));
    let other = SCHEDULERS.iter().any(|known| *known != scheduler && of(known));
    other || !ipv6 && source.file.starts_with("net/ipv6/")
}
