//! Hosts that are built wrong from the beginning.

use super::super::claim::Claim;
use super::super::fate::claims as fated;
use super::super::icmp::PORT_UNREACHABLE;
use super::method::set;
use super::prelude::*;
use lvs_matrix_model::base::GUE_PORT;
use lvs_matrix_model::capture::flow::{segment, unreachable};
use lvs_matrix_model::path::near;
use lvs_matrix_model::record::StepRecord;
use lvs_matrix_model::scenario::{Forwarding, Misbuild};

/// A host drops what is not for it if it does not forward (`ip_route_input_slow`: no route, `ip_error`).
const NOT_FOR_ME: [Source; 2] = [files::route("ip_route_input_slow"), files::route("ip_error")];

/// The SYN's sendings that came to a real server, and that server, if it is built wrong in this way.
fn reached<'v>(view: &'v CellView<'_>, how: Misbuild) -> Option<(&'v Name, Vec<(u32, Seen)>)> {
    let (server, seen) = arrived(view)?;
    is(view, &Node::RealServer(server.clone()), how).then_some((server, seen))
}

/// The SYN's sendings that came to a real server, and that server.
fn arrived<'v>(view: &'v CellView<'_>) -> Option<(&'v Name, Vec<(u32, Seen)>)> {
    if !view.is_connect() && !view.is_udp() {
        return None;
    }
    let at_server: Vec<(u32, Seen, &Name)> = view
        .sendings()
        .filter_map(|passage| {
            let (seen, server) = passage.at_server()?;
            Some((passage.sent.packet, *seen, server))
        })
        .collect();
    let (_, _, server) = at_server.first()?;
    let seen = at_server.iter().map(|(sent, seen, _)| (*sent, *seen));
    Some((*server, seen.collect()))
}

/// The step that gave a server the method of direct routing which is wired for another, and does not have the
/// VIP.
fn routed_without_vip<'a>(view: &CellView<'a>, server: &Name, by: Instant) -> Option<&'a StepRecord> {
    let (edited, step) = set(view, Forwarding::DirectRouting, by)?;
    let host = view.plan.host(&Node::RealServer(server.clone()))?;
    let has_vip = host.addresses().any(|address| address == view.plan.vip());
    (edited == server && !has_vip).then_some(step)
}

fn is(view: &CellView<'_>, node: &Node, how: Misbuild) -> bool {
    let mut wrong = view.plan.misbuilt.iter();
    wrong.any(|wrong| wrong.node == *node && wrong.how == how)
}

/// What a host sent of the client's connection, as one of its own interfaces saw it leave.
fn answers<'v, 'a>(
    view: &'v CellView<'a>,
    server: &Name,
    after: Seen,
    on: &'v Node,
) -> impl Iterator<Item = &'a Packet> + use<'v, 'a> {
    let node = Node::RealServer(server.clone());
    let port = view.client.1;
    view.seen_on(on).filter(move |packet| {
        let to_client = segment(packet).is_some_and(|(_, _, segment)| segment.destination_port == port);
        to_client && packet.number > after.packet && view.sender(packet) == Some(&node)
    })
}

/// A real server gets packets for an address that it does not have.
pub(super) const NO_VIP: Rule = Rule {
    name: "server-without-the-vip",
    explains: Explains::Silence,
    sources: sources![transmit: "ip_vs_dr_xmit", ..NOT_FOR_ME],
    holds: |view| {
        let (server, seen) = arrived(view)?;
        let (_, head) = *seen.first()?;
        let node = Node::RealServer(server.clone());
        let edited = routed_without_vip(view, server, head.at);
        let advice = match edited {
            Some(_) => [vec![Advice::SameForwarding(server.clone())], left_out(server)].concat(),
            None if is(view, &node, Misbuild::NoVip) => silent(server, Misbuild::NoVip),
            None => return None,
        };
        if answers(view, server, head, &node).next().is_some() {
            return None;
        }
        Some(Finding {
            at: head.at,
            text: bilingual!(
                "The client's {what} reached {server} {times} (first {head} there). Its destination is the \
                 VIP, as the director changes no address of a packet that it passes on so, and {server} does \
                 not have the VIP: the packet is not for it. A host that is no router drops what is not for \
                 it, and says nothing. IPVS does not know that, and chooses {server} again and again."
                    / "客户端{what}到达 {server} {times}（首次为 {server} 上的{head}）。其目的地址是 VIP，因为这种转发方式不改变数据包的\
                       地址，而 {server} 没有 VIP：这个数据包不是发给它的。不做路由的主机丢弃不属于自己的数据包，也不作通知。IPVS \
                       对此一无所知，会一再选择 {server}。",
                what = view.carrier(),
                times = times(seen.len()),
                head = first(head),
            ),
            shown_by: cites![..edited, ..seen.iter().map(|(_, seen)| seen)],
            claims: fated(seen.iter().map(|(sent, _)| *sent), &Fate::Delivered(node)),
            advice,
        })
    },
};

/// A masqueraded real server answers past the director, or not at all.
pub(super) const WRONG_GATEWAY: Rule = Rule {
    name: "wrong-gateway",
    explains: Explains::Silence,
    sources: sources![transmit: "ip_vs_nat_xmit", core: "ip_vs_out_hook", tcp: "tcp_v4_rcv"],
    holds: |view| {
        let (server, seen) = reached(view, Misbuild::WrongGateway)?;
        let (_, head) = *seen.first()?;
        let node = Node::RealServer(server.clone());
        let answer = answers(view, server, head, &Node::Client).next();
        let then = match answer {
            Some(answer) if view.is_udp() => bilingual!(
                "It sent its answer to the client itself ({answer} on client): from an address to which the \
                 client's socket is not connected, and the client's own kernel refused it with an ICMP port \
                 unreachable"
                    / "它把应答直接发给客户端（client 上的{answer}）：来自客户端的套接字没有连接的地址，被客户端自己的内核以 ICMP \
                       port unreachable 拒绝",
                answer = first(answer),
            ),
            Some(answer) => bilingual!(
                "It sent its answer to the client itself ({answer} on client): from an address to which the \
                 client has no connection, and the client's own TCP refused it with an RST"
                    / "它把应答直接发给客户端（client 上的{answer}）：来自一个客户端没有连接的地址，被客户端自己的 TCP 以 RST 拒绝",
                answer = first(answer),
            ),
            None if answers(view, server, head, &node).next().is_none() => bilingual!(
                "It has no route to the client, and sent nothing" / "它没有到客户端的路由，什么也没有发送"
            ),
            None => return None,
        };
        Some(Finding {
            at: head.at,
            text: bilingual!(
                "The client's {what} reached {server} {times} (first {head} there) with the address \
                 of {server} \
                 in place of the VIP, as masquerading does. The answers must come back through the director, \
                 which puts the VIP in again; but the director is not the gateway of {server}. {then}."
                    / "客户端{what}到达 {server} {times}（首次为 {server} 上的{head}），NAT 模式已把 VIP 换成 {server} 的地址。应答必须\
                       经过调度器返回，由它换回 VIP；但 {server} 的网关不是调度器。{then}。",
                what = view.carrier(),
                times = times(seen.len()),
                head = first(head),
                then = then,
            ),
            shown_by: cites![..seen.iter().map(|(_, seen)| seen), ..answer],
            claims: fated(seen.iter().map(|(sent, _)| *sent), &Fate::Delivered(node)),
            advice: silent(server, Misbuild::WrongGateway),
        })
    },
};

/// Does a host pass on what is not for it?
const FORWARDING: &str = "net.ipv4.ip_forward";

/// The answers of a masqueraded server come to a director that passes nothing on.
pub(super) const NO_FORWARDING: Rule = Rule {
    name: "director-is-no-router",
    explains: Explains::Silence,
    sources: sources![..NOT_FOR_ME, core: "ip_vs_out_hook"],
    holds: |view| {
        let mut at_server = view.sendings().filter_map(Passage::at_server);
        let (head, server) = at_server.next()?;
        let built = is(view, view.director(), Misbuild::NoForwarding);
        let state = view.record.state_at(head.at);
        let step = state
            .sysctl(view.director(), FORWARDING)
            .filter(|known| known.value.trim() == "0")
            .and_then(|known| known.step);
        // A lab that is built so lets no connection come about on which something could be asked.
        let asks = view.is_connect() || view.is_udp();
        if step.is_none() && !(built && asks) {
            return None;
        }
        let back: Vec<&Packet> = answers(view, server, *head, view.director()).collect();
        let answer = back.first()?;
        Some(Finding {
            at: head.at,
            text: bilingual!(
                "The client's {what} reached {server} ({head} there), whose answer came back to the director \
                 ({answer} on director; {times} in all). It is for the client, not for the director, and \
                 with ip_forward=0 a host drops what is not for it before IPVS sees it: IPVS looks at \
                 answers on their way through the host. What comes from the client is for the VIP, and needs \
                 no forwarding: so that arrives, and the answers do not."
                    / "客户端{what}到达 {server}（{server} 上的{head}），其应答回到调度器（director 上的{answer}；共 {times}）。应答是给\
                       客户端的，不是给调度器的；ip_forward=0 时，主机在 IPVS 看到之前就丢弃不属于自己的数据包：IPVS 是在数据包穿过主机时查看应答\
                       的。来自客户端的数据包目的地址是 VIP，不需要转发：所以它们能到达，应答却回不去。",
                what = view.carrier(),
                head = first(*head),
                answer = first(*answer),
                times = times(back.len()),
            ),
            shown_by: cites![head, ..step.map(Citation::Step), ..&back],
            claims: Vec::new(),
            advice: match step {
                Some(_) => patience(),
                None => and_patience([Advice::BuildRight(
                    view.director().clone(),
                    Misbuild::NoForwarding,
                )]),
            },
        })
    },
};

/// A real server drops what comes out of a tunnel, because its way back is another one.
pub(super) const REVERSE_PATH: Rule = Rule {
    name: "reverse-path-filter",
    explains: Explains::Silence,
    sources: sources![
        "net/ipv4/ip_input.c": "ip_rcv_finish_core", "net/ipv4/fib_frontend.c": "fib_validate_source",
    ],
    holds: |view| {
        let (head, server) = view.request()?.at_server()?;
        let node = Node::RealServer(server.clone());
        let device = &view.plan.host(&node)?.tunnels.first()?.name;
        if !view.plan.vip().is_ipv4() || view.method(server) != Forwarding::Tunneling {
            return None;
        }
        let keys = ["all", device.as_str()].map(|device| format!("net.ipv4.conf.{device}.rp_filter"));
        let state = view.record.state_at(head.at);
        let set = keys
            .iter()
            .find_map(|key| state.sysctl(&node, key).filter(|known| known.value.trim() == "1"))?;
        if view.sent_by(server).any(|(packet, _)| packet.at >= head.at) {
            return None;
        }
        let seen: Vec<(u32, Seen)> = view
            .sendings()
            .filter_map(|passage| Some((passage.sent.packet, *passage.at_server()?.0)))
            .collect();
        Some(Finding {
            at: head.at,
            text: bilingual!(
                "The client's {what} reached {server} {times} (first {head} there), in a tunnel. What is in \
                 it comes out of {device}, with the client's address as its source; but the way from \
                 {server} to the client is eth0. With {key}=1 the kernel of {server} drops what comes in by \
                 another way than the one back, and says nothing."
                    / "客户端{what}在隧道中到达 {server} {times}（首次为 {server} 上的{head}）。其中的数据包从 {device} 出来，源地址是客户端；\
                       而 {server} 到客户端的路径是 eth0。{key}=1 时，{server} 的内核丢弃不是从返回路径进来的数据包，不作通知。",
                what = view.carrier(),
                times = times(seen.len()),
                head = first(*head),
                key = set.key,
            ),
            shown_by: cites![
                ..seen.iter().map(|(_, seen)| seen),
                ..set.step.map(Citation::Step)
            ],
            claims: fated(seen.iter().map(|(sent, _)| *sent), &Fate::Delivered(node.clone())),
            advice: left_out(server),
        })
    },
};

/// What a real server got in a tunnel of GUE whose port is no tunnel's there, and refused.
struct RefusedTunnel<'v, 'a> {
    server: &'v Name,
    /// The SYN's sendings that came there.
    seen: Vec<(u32, Seen)>,
    /// The first of them there.
    head: Seen,
    /// The port of UDP to which the tunnel goes.
    port: u16,
    /// The ICMP error by which the server's kernel refused the first.
    refusal: &'a Packet,
}

impl<'v, 'a> RefusedTunnel<'v, 'a> {
    fn of(view: &'v CellView<'a>) -> Option<Self> {
        let (server, seen) = arrived(view)?;
        let (_, head) = *seen.first()?;
        let node = Node::RealServer(server.clone());
        let ports = view.plan.gue_ports();
        let mut sent = view.seen_on(&node).filter(|packet| {
            packet.number > head.packet && near(head.at, packet.at) && view.sender(packet) == Some(&node)
        });
        let (refusal, port) = sent.find_map(|packet| {
            let (code, (_, _, _, port)) = unreachable(packet)?;
            (code == PORT_UNREACHABLE && ports.contains(&port)).then_some((packet, port))
        })?;
        Some(Self {
            server,
            seen,
            head,
            port,
            refusal,
        })
    }

    fn claims(&self) -> Vec<Claim> {
        let node = Node::RealServer(self.server.clone());
        fated(self.seen.iter().map(|(sent, _)| *sent), &Fate::UnknownAt(node))
    }

    fn advice(&self) -> Vec<Advice> {
        silent(self.server, Misbuild::WrongTunnelPort)
    }
}

/// A tunnel of GUE goes to a port at which none ends, over IPv4: the director tells the client.
pub(super) const REFUSED_TUNNEL: Rule = Rule {
    name: "wrong-tunnel-port",
    explains: Explains::Error,
    sources: sources![udp: "__udp4_lib_rcv", core: "ip_vs_in_icmp", core: "ipvs_udp_decap"],
    holds: |view| {
        let refused = RefusedTunnel::of(view)?;
        let kind = TerminatorKind::Icmp {
            code: PORT_UNREACHABLE,
        };
        let came = view.terminator(kind)?;
        let by = view.paths.origin(came.packet)?;
        if !by.is_director() || came.packet < refused.refusal.number {
            return None;
        }
        let mut claims = refused.claims();
        claims.push(Claim {
            packet: came.packet,
            fate: Fate::NoConnection,
        });
        Some(Finding {
            at: refused.head.at,
            text: bilingual!(
                "The client's {what} reached {server} ({head} there) in a tunnel of GUE, to port {port} of \
                 UDP. Nothing takes packets at this port of {server}, and its kernel refused it with an \
                 ICMP port unreachable ({refusal} on {server}). IPVS finds its own tunnel in what that \
                 error quotes, takes the tunnel's headers off, and tells the client by an ICMP port \
                 unreachable of its own ({came} on client): the connection is refused. IPVS does not take \
                 {server} out of its table, and chooses it again and again."
                    / "客户端{what}经 GUE 隧道到达 {server}（{server} 上的{head}），目的是 UDP 端口 {port}。{server} \
                       的这个端口不接收数据包，内核以 ICMP port unreachable 拒绝（{server} 上的{refusal}）。IPVS 在该错误引用的内容中认出自己的隧道，\
                       去掉隧道的头部，再以自己的 ICMP port unreachable 告知客户端（client 上的{came}）：连接被拒绝。IPVS \
                       并不把 {server} 从表中去掉，会一再选择它。",
                what = view.carrier(),
                server = refused.server,
                head = first(refused.head),
                port = refused.port,
                refusal = first(refused.refusal),
                came = first(Seen {
                    packet: came.packet,
                    at: came.at,
                }),
            ),
            shown_by: cites![refused.head, refused.refusal, came],
            claims,
            advice: refused.advice(),
        })
    },
};

/// The same with an IPv6 packet in the tunnel: the director tells nobody.
pub(super) const REFUSED_UNSAID: Rule = Rule {
    name: "wrong-tunnel-port-unsaid",
    explains: Explains::Silence,
    sources: sources![udp: "__udp4_lib_rcv", core: "ip_vs_in_icmp"],
    holds: |view| {
        let refused = RefusedTunnel::of(view)?;
        if !view.plan.vip().is_ipv6() {
            return None;
        }
        Some(Finding {
            at: refused.head.at,
            text: bilingual!(
                "The client's {what} reached {server} {times} (first {head} there) in a tunnel of GUE, to \
                 port {port} of UDP. Nothing takes packets at this port of {server}, and its kernel \
                 refused it with an ICMP port unreachable ({refusal} on {server}). IPVS finds its own \
                 tunnel in what such an error quotes, and goes on only if there is an IPv4 packet in it. \
                 Here it is one of IPv6, and nobody tells the client. IPVS chooses {server} again and \
                 again."
                    / "客户端{what}经 GUE 隧道到达 {server} {times}（首次为 {server} 上的{head}），目的是 UDP 端口 {port}。\
                       {server} 的这个端口不接收数据包，内核以 ICMP port unreachable 拒绝（{server} 上的{refusal}）。IPVS \
                       在这种错误引用的内容中认出自己的隧道，但只有其中是 IPv4 数据包时才继续处理。这里是 IPv6 数据包，没有人告知客户端。IPVS 会一再选择 \
                       {server}。",
                what = view.carrier(),
                server = refused.server,
                times = times(refused.seen.len()),
                head = first(refused.head),
                port = refused.port,
                refusal = first(refused.refusal),
            ),
            shown_by: cites![..refused.seen.iter().map(|(_, seen)| seen), refused.refusal],
            claims: refused.claims(),
            advice: refused.advice(),
        })
    },
};

/// The same with IPv6 around it: the real server itself says nothing.
pub(super) const DROPPED_TUNNEL: Rule = Rule {
    name: "wrong-tunnel-port-dropped",
    explains: Explains::Silence,
    sources: sources!["net/ipv6/udp.c": "__udp6_lib_rcv", "net/ipv6/udp.c": "udp6_csum_zero_error"],
    holds: |view| {
        let (server, seen) = reached(view, Misbuild::WrongTunnelPort)?;
        let (_, head) = *seen.first()?;
        let node = Node::RealServer(server.clone());
        let backend = view.plan.service().backend(&node)?;
        let around = backend.address.unwrap_or(view.plan.host(&node)?.address());
        let mut said = view
            .seen_on(&node)
            .filter(|packet| view.sender(packet) == Some(&node));
        if !around.is_ipv6() || said.any(|packet| unreachable(packet).is_some()) {
            return None;
        }
        let port = backend.tunnel_port.unwrap_or(GUE_PORT);
        let claims = fated(seen.iter().map(|(sent, _)| *sent), &Fate::UnknownAt(node.clone()));
        Some(Finding {
            at: head.at,
            text: bilingual!(
                "The client's {what} reached {server} {times} (first {head} there) in a tunnel of GUE over \
                 IPv6, to port {port} of UDP. Nothing takes packets at this port of {server}. IPVS sends \
                 the UDP of its tunnels without a checksum, which over IPv6 only a socket that allows it \
                 may take: without one the kernel of {server} drops the packet, and says nothing. IPVS \
                 does not know that, and chooses {server} again and again."
                    / "客户端{what}经 IPv6 上的 GUE 隧道到达 {server} {times}（首次为 {server} 上的{head}），目的是 UDP 端口 \
                       {port}。{server} 的这个端口不接收数据包。IPVS 隧道的 UDP 不带校验和，在 IPv6 \
                       下只有允许这样做的套接字才能接收：没有这样的套接字，{server} 的内核丢弃数据包，不作通知。IPVS 对此一无所知，会一再选择 {server}。",
                what = view.carrier(),
                times = times(seen.len()),
                head = first(head),
            ),
            shown_by: cites![..seen.iter().map(|(_, seen)| seen)],
            claims,
            advice: silent(server, Misbuild::WrongTunnelPort),
        })
    },
};

/// What helps a client of a server that is silent to it.
fn silent(server: &Name, how: Misbuild) -> Vec<Advice> {
    let mut advice = vec![Advice::BuildRight(Node::RealServer(server.clone()), how)];
    advice.extend(left_out(server));
    advice
}

/// What helps as long as that server stays as it is.
fn left_out(server: &Name) -> Vec<Advice> {
    and_patience([Advice::OutOfTheTable(server.clone())])
}
