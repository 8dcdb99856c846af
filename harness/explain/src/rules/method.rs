//! A forwarding method that the real server is not set up for.

use super::super::circumstances::forwards;
use super::prelude::*;
use super::shared::told_unreachable;
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::capture::{Body, Transport};
use lvs_matrix_model::record::StepRecord;
use lvs_matrix_model::scenario::Forwarding;

/// The director translates the address, and the answer does not come back through it.
pub(super) const NOT_TRANSLATED_BACK: Rule = Rule {
    name: "answer-not-translated-back",
    explains: Explains::Silence,
    sources: sources![transmit: "ip_vs_nat_xmit", core: "ip_vs_out_hook"],
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect())?;
        let arrived = request.arrived?;
        let (server, step) = set(view, Forwarding::Masquerading, request.sent.at)?;
        let host = view.plan.host(&Node::RealServer(server.clone()))?;
        let of_the_connection = |packet: &&Packet| {
            let ports =
                segment(packet).map(|(_, _, segment)| (segment.source_port, segment.destination_port));
            let port = view.client.1;
            packet.number > arrived.packet && ports.is_some_and(|(from, to)| from == port || to == port)
        };
        let translated = view
            .seen_on(view.director())
            .filter(of_the_connection)
            .find(|packet| {
                segment(packet).is_some_and(|(_, destination, _)| destination == host.address())
            })?;
        let answer = view
            .seen_on(&Node::Client)
            .filter(of_the_connection)
            .find(|packet| {
                let from = segment(packet).map(|(source, _, _)| source);
                from == Some(host.address())
                    && view.paths.origin(packet.number).and_then(Node::real_server) == Some(server)
            })?;
        // To what resets a connection nobody answers (RFC 9293, 3.5.2): a server on which nothing listens.
        if segment(answer).is_some_and(|(_, _, segment)| segment.flags.rst) {
            return Some(refusal_not_translated(request, step, server, translated, answer));
        }
        let rejected = view
            .seen_on(&Node::Client)
            .filter(of_the_connection)
            .find(|packet| {
                let to = segment(packet).filter(|(_, _, segment)| segment.flags.rst);
                to.is_some_and(|(_, destination, _)| destination == host.address())
            })?;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The director passed the client's SYN on with the address of {server} in place of the VIP \
                 ({translated} on director; {step}), as masquerading does. For that the answer must come \
                 back through the director, which would put the VIP in again; but {server} sends to the \
                 client directly, so its answer came from an address to which the client has no connection \
                 ({answer} on client), and the client's own TCP refused it ({rejected})."
                    / "调度器转发客户端的 SYN 时，按照 NAT 模式（masquerading）把 VIP 换成了 {server} 的地址（director 上的{translated}；\
                       {step}）。这就要求应答经过调度器返回，由它换回 VIP；但 {server} 直接发给客户端，其应答来自一个客户端没有连接的\
                       地址（client 上的{answer}），被客户端自己的 TCP 拒绝（{rejected}）。",
                translated = first(translated),
                step = doing(&step.action),
                answer = first(answer),
                rejected = first(rejected),
            ),
            shown_by: cites![step, request.sent, translated, answer, rejected],
            claims: Vec::new(),
            advice: vec![Advice::SameForwarding(server.clone())],
        })
    },
};

/// Nothing listens on the server, and its RST is as little translated as an answer would be.
fn refusal_not_translated(
    request: &Passage<'_>,
    step: &StepRecord,
    server: &Name,
    translated: &Packet,
    refusal: &Packet,
) -> Finding {
    Finding {
        at: request.sent.at,
        text: bilingual!(
            "The director passed the client's SYN on with the address of {server} in place of the VIP \
             ({translated} on director; {step}), as masquerading does. Nothing listens on {server}, which \
             refused it with an RST. For that to end the connect it must come back through the director, \
             which would put the VIP in again; but {server} sends to the client directly, so its RST came \
             from an address to which the client has no connection ({refusal} on client). The client's TCP \
             ignores an RST of no connection, and sends its SYN again."
                / "调度器转发客户端的 SYN 时，按照 NAT 模式（masquerading）把 VIP 换成了 {server} 的地址（director 上的{translated}；\
                   {step}）。{server} 上没有进程监听，以 RST 拒绝。要使这个 RST 结束 connect，它必须经过调度器返回，由它换回 VIP；但 \
                   {server} 直接发给客户端，因此 RST 来自一个客户端与之没有连接的地址（client 上的{refusal}）。客户端的 TCP 忽略不属于任何\
                   连接的 RST，并重传 SYN。",
            translated = first(translated),
            step = doing(&step.action),
            refusal = first(refusal),
        ),
        shown_by: cites![step, request.sent, translated, refusal],
        claims: Vec::new(),
        advice: vec![Advice::SameForwarding(server.clone())],
    }
}

/// The director puts the segment into a tunnel that has no other end.
pub(super) const NO_TUNNEL: Rule = Rule {
    name: "no-tunnel",
    explains: Explains::Error,
    sources: sources![transmit: "ip_vs_tunnel_xmit", core: "ip_vs_in_icmp"],
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect())?;
        let arrived = request.arrived?;
        let (server, step) = set(view, Forwarding::Tunneling, request.sent.at)?;
        let node = Node::RealServer(server.clone());
        let in_tunnel = |packet: &&Packet| {
            let tunnel = matches!(
                packet.body,
                Body::Ip {
                    transport: Transport::Tunneled { .. },
                    ..
                }
            );
            tunnel && packet.number > arrived.packet
        };
        let sent = view.seen_on(view.director()).find(in_tunnel)?;
        let refused = view.seen_on(&node).find(|packet| {
            let icmp = matches!(
                packet.body,
                Body::Ip {
                    transport: Transport::Icmp { kind: 3, .. },
                    ..
                }
            );
            icmp && packet.number > sent.number && view.sender(packet) == Some(&node)
        })?;
        let told = view.observed.terminators.iter().find(|item| {
            matches!(item.kind, TerminatorKind::Icmp { .. })
                && item.by.as_ref() == Some(view.director())
                && item.packet > refused.number
        })?;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The director put the client's SYN into another IP packet for {server} ({sent} on director; \
                 {step}), as tunneling does. {server} has no tunnel device that would unpack it, and its \
                 kernel answered with an ICMP error ({refused} on {server}). The director knows whose SYN \
                 was in it and passed the error on to the client ({kind} on client, packet {told}), to whose \
                 connecting socket it is final."
                    / "调度器按照隧道模式把客户端的 SYN 封装进发给 {server} 的另一个 IP 数据包（director 上的{sent}；{step}）。{server} \
                       没有能解封装的隧道设备，其内核以 ICMP 错误应答（{server} 上的{refused}）。调度器知道里面是谁的 SYN，把错误转给\
                       客户端（client 上的 {kind}，数据包 {told}）；对正在建立连接的套接字来说，这是最终结果。",
                sent = first(sent),
                step = doing(&step.action),
                refused = first(refused),
                kind = told.kind,
                told = told.packet,
            ),
            shown_by: cites![step, arrived, sent, refused, told],
            claims: Vec::new(),
            advice: vec![Advice::SameForwarding(server.clone())],
        })
    },
};

/// An old connection whose server's cached route was made by another method.
pub(super) const OTHER_ROUTE: Rule = Rule {
    name: "route-of-another-method",
    explains: Explains::Silence,
    sources: sources![transmit: "__ip_vs_get_out_rt", transmit: "ip_vs_dr_xmit", route: "__mkroute_output"],
    holds: |view| {
        let request = view.request().filter(|_| !view.is_connect())?;
        let server = view.server()?;
        let host = view.plan.host(&Node::RealServer(server.clone()))?;
        let (step, began, method) = view
            .edits(|_, edit| {
                let (of, method) = forwards(edit)?;
                (of == server && method != view.plan.service().forwarding_to(server)).then_some(method)
            })
            .filter(|(_, began, _)| *began <= request.sent.at)
            .last()?;
        let waited: Vec<_> = view
            .sendings()
            .filter(|passage| view.stopped(passage) == Some(Fate::WaitedForNeighbour))
            .filter_map(|passage| Some((passage.sent.packet, passage.arrived?)))
            .collect();
        let (_, head) = waited.first()?;
        let (target, asked) = view.asked_for(head.at)?;
        if target != view.plan.vip() {
            return None;
        }
        // A packet of the new method that the director sent to the server before the old connection spoke
        // again.
        let made = view.seen_on(view.director()).find(|packet| {
            let to_server = match &packet.body {
                Body::Ip { destination, .. } => *destination == host.address(),
                Body::Sentinel { .. } | Body::Arp { .. } | Body::Other { .. } | Body::Malformed { .. } => {
                    false
                }
            };
            to_server
                && began <= packet.at
                && packet.at <= head.at
                && view.sender(packet) == Some(view.director())
        })?;
        let told = told_unreachable(view);
        let told_so = match (told.first(), told.last()) {
            (Some(from), Some(to)) => bilingual!(
                " It told the client so with an ICMP host unreachable, {times} (packets {from} to {to} on \
                 client); to an established connection that is no more than a note for the error that is \
                 reported in the end."
                    / "它以 ICMP host unreachable 通知客户端，共 {times}（client 上的数据包 {from} 至 \
                        {to}）；对已建立的连接来说，这只是为最终报告的\
                       错误留下的记录。",
                times = times(told.len()),
            ),
            (None, _) | (_, None) => Bilingual::default(),
        };
        let method = match method {
            Forwarding::DirectRouting => bilingual!("direct routing" / "DR 模式"),
            Forwarding::Masquerading => bilingual!("masquerading" / " NAT 模式"),
            Forwarding::Tunneling => bilingual!("tunneling" / "隧道模式"),
        };
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The method of {server} was edited to {method} ({step}). The client's connection keeps the \
                 method that it began with, direct routing; but the director keeps one route for each \
                 server, whatever the method, and {method} had been the first to make it ({made} on \
                 director). Only direct routing asks for a route that has the server itself as next hop \
                 (IP_VS_RT_MODE_KNOWN_NH). On the other one a segment goes to whom its IP header names, the \
                 VIP: when the client's {what} arrived ({head} on director; {times} in all), the director \
                 asked for the Ethernet address of the VIP, its own ({asked} on director), and nobody \
                 answered.{told_so}"
                    / "{server} 的转发方式被改为{method}（{step}）。客户端的连接保持它开始时的方式，即 DR；但调度器为每台真实服务器只缓存一条\
                       路由，与转发方式无关，而最先建立它的是{method}（director 上的{made}）。只有 DR 会要求以真实服务器本身为下一跳的路由\
                       （IP_VS_RT_MODE_KNOWN_NH）。在另一种路由上，报文段发往其 IP 首部所写的地址，即 VIP：客户端{what}到达时（director 上的\
                       {head}；共 {times}），调度器询问 VIP 的以太网地址，也就是它自己的地址（director 上的{asked}），无人应答。{told_so}",
                method = method,
                step = doing(&step.action),
                made = first(made),
                what = view.carrier(),
                head = first(*head),
                times = times(waited.len()),
                asked = first(asked),
                told_so = told_so,
            ),
            shown_by: cites![
                step,
                made,
                asked,
                ..waited.iter().map(|(_, seen)| seen),
                ..told.iter().copied().map(Citation::Packet)
            ],
            claims: claims(waited.iter().map(|(sent, _)| *sent), &Fate::WaitedForNeighbour),
            advice: vec![Advice::SameForwarding(server.clone())],
        })
    },
};

/// The step that had given a server this method by then.
pub(super) fn set<'a>(
    view: &CellView<'a>,
    wanted: Forwarding,
    by: Instant,
) -> Option<(&'a Name, &'a StepRecord)> {
    let (step, _, (server, method)) = view
        .edits(|_, edit| forwards(edit))
        .filter(|(_, began, _)| *began <= by)
        .last()?;
    (method == wanted).then_some((server, step))
}
