//! The functions of the kernel that a rule names, as the cell's address family and forwarding method have
//! them.

use super::Source;
use super::cell_view::CellView;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::scenario::{Forwarding, TunnelType};

/// What passes a packet on, by its name in direct routing and IPv4.
const TRANSMIT: &str = "ip_vs_dr_xmit";

/// Those functions for a cell.
pub(super) fn of(view: &CellView<'_>, sources: &[Source]) -> Vec<Source> {
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
    let mut all: Vec<Source> = Vec::new();
    for source in sources {
        let transmits = source.function == TRANSMIT;
        let own = here(*source, method, if transmits { outer } else { ipv6 });
        let wraps = transmits && method == Forwarding::Tunneling;
        let wrapped = wrapping(tunnel).filter(|_| wraps);
        let wrapped = wrapped.map(|function| Source { function, ..own });
        for source in std::iter::once(own).chain(wrapped) {
            if !all.contains(&source) {
                all.push(source);
            }
        }
    }
    all
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
    const TCP_V6: &str = "net/ipv6/tcp_ipv6.c";
    const UDP_V6: &str = "net/ipv6/udp.c";
    let function = |function| Source { function, ..source };
    let of_tcp = |function| Source {
        function,
        file: TCP_V6,
    };
    let of_udp = |function| Source {
        function,
        file: UDP_V6,
    };
    match (source.function, ipv6, method) {
        (TRANSMIT, false, Forwarding::DirectRouting) => source,
        (TRANSMIT, true, Forwarding::DirectRouting) => function("ip_vs_dr_xmit_v6"),
        (TRANSMIT | "ip_vs_nat_xmit", false, Forwarding::Masquerading) => function("ip_vs_nat_xmit"),
        (TRANSMIT | "ip_vs_nat_xmit", true, Forwarding::Masquerading) => function("ip_vs_nat_xmit_v6"),
        (TRANSMIT, false, Forwarding::Tunneling) => function("ip_vs_tunnel_xmit"),
        (TRANSMIT, true, Forwarding::Tunneling) => function("ip_vs_tunnel_xmit_v6"),
        ("tcp_v4_rcv", true, _) => of_tcp("tcp_v6_rcv"),
        ("tcp_v4_send_reset", true, _) => of_tcp("tcp_v6_send_reset"),
        ("tcp_v4_err", true, _) => of_tcp("tcp_v6_err"),
        ("udp_rcv", true, _) => of_udp("udpv6_rcv"),
        ("udp_err", true, _) => of_udp("udpv6_err"),
        _ => source,
    }
}
