//! What the director and the real servers do with datagrams of a UDP service. A flow of datagrams has an
//! entry as a connection has, and nobody says when the flow is over.

use super::super::icmp::PORT_UNREACHABLE;
use super::frozen::frozen;
use super::prelude::*;
use super::server::stopped_mysqld;
use super::shared::{served, why_own, with_table};
use super::thresholds::nobody_to_choose;
use lvs_matrix_model::verdict::Terminator;

/// Did the director have to choose a real server for this datagram, because it had no entry for its flow, or
/// none that led to a server that is available?
pub(super) fn is_scheduled(view: &CellView<'_>, request: &Passage<'_>) -> bool {
    if !view.is_udp() {
        return false;
    }
    let one_packet = view.plan.service().one_packet;
    let known = has_entry(view, request);
    one_packet || is_first(view, request) || known == Some(false) || led_elsewhere(view, request).is_some()
}

/// The real server that the entry of the flow led to, if the datagram was passed on to another one.
fn led_elsewhere<'v>(view: &'v CellView<'_>, request: &Passage<'_>) -> Option<&'v Name> {
    let table = view.table_then(request.sent.at)?;
    let led = table.entry_from(view.known_as)?.server(view.plan)?;
    let (_, to) = request.passed_on.as_ref()?;
    to.real_server().is_some_and(|to| to != led).then_some(led)
}

/// Is it the first datagram of its flow?
fn is_first(view: &CellView<'_>, request: &Passage<'_>) -> bool {
    let first = view.sent.first();
    first.is_some_and(|first| first.sent.packet == request.sent.packet)
}

/// Did the director have an entry for the flow by its last table before the datagram?
fn has_entry(view: &CellView<'_>, request: &Passage<'_>) -> Option<bool> {
    let table = view.table_then(request.sent.at)?;
    Some(table.has_entry(view.known_as))
}

/// The ICMP port unreachable that reached the client from the director, or from a real server.
fn refusal<'a>(view: &CellView<'a>, by: impl Fn(&Node) -> bool) -> Option<&'a Terminator> {
    let code = PORT_UNREACHABLE;
    let refusal = view.terminator(TerminatorKind::Icmp { code })?;
    refusal.by.as_ref().is_some_and(by).then_some(refusal)
}

/// What the client's kernel makes of it.
pub(super) fn told() -> Bilingual {
    bilingual!(
        "The client's socket is connected to the VIP, so its kernel knows whom the message is for, and the \
         wait for the answer ends with ECONNREFUSED"
            / "客户端的套接字已连接到 VIP，其内核因此知道这个报文是给谁的，等待应答的操作以 ECONNREFUSED 结束"
    )
}

/// A datagram for whose flow a real server is chosen, and which is answered.
pub(super) const SCHEDULED: Rule = Rule {
    name: "datagram-scheduled",
    explains: Explains::Answer,
    sources: sources![
        core: "ip_vs_in_hook", udp_protocol: "udp_conn_schedule", core: "ip_vs_schedule",
        transmit: "ip_vs_dr_xmit",
    ],
    holds: |view| {
        let request = view.request().filter(|request| is_scheduled(view, request))?;
        let (passed, server) = request.sent_to_server()?;
        let answer = answer_from(view, server)?;
        let text = if view.plan.service().one_packet {
            bilingual!(
                "The service has `-o`: the director schedules each packet by itself, and keeps no entry. It \
                 chose {server} for the client's {what} ({sent} on client), and passed it on (packet \
                 {passed} on director)."
                    / "该服务使用 `-o`：调度器单独调度每个数据包，不保留条目。它为客户端{what}（client 上的{sent}）选择了 {server} \
                       并转发（director 上的数据包 {passed}）。",
                what = view.carrier(),
                sent = first(request.sent),
                passed = passed.packet,
            )
        } else if let Some(led) = led_elsewhere(view, request) {
            bilingual!(
                "The director's entry for the flow of the client's {what} ({sent} on client) led to {led}, \
                 which is not available any more. With expire_nodest_conn=1 such an entry ends, so the \
                 director chose {server}, made an entry, and passed the datagram on (packet {passed} on \
                 director)."
                    / "客户端{what}（client 上的{sent}）所属数据流在调度器中的条目指向 {led}，而它已不可用。expire_nodest_conn=1 时\
                       这样的条目就此结束，于是调度器选择了 {server}，建立条目并转发（director 上的数据包 {passed}）。",
                what = view.carrier(),
                sent = first(request.sent),
                passed = passed.packet,
            )
        } else {
            bilingual!(
                "The director had no entry for the flow of the client's {what} ({sent} on client). So it \
                 chose a real server for it, {server}, made an entry, and passed it on (packet {passed} on \
                 director)."
                    / "调度器没有客户端{what}（client 上的{sent}）所属数据流的条目，于是为它选择了一台真实服务器 {server}，建立条目并转发\
                   （director 上的数据包 {passed}）。",
                what = view.carrier(),
                sent = first(request.sent),
                passed = passed.packet,
            )
        };
        let shown_by = vec![packet(request.sent), packet(*passed)];
        Some(served(view, request.sent, server, answer, text, shown_by))
    },
};

/// A datagram that no real server is there for.
pub(super) const NO_SERVER: Rule = Rule {
    name: "no-server-for-a-datagram",
    explains: Explains::Error,
    sources: sources![
        core: "ip_vs_in_hook", udp_protocol: "udp_conn_schedule", core: "ip_vs_leave", udp: "udp_err",
    ],
    holds: |view| {
        let request = view.request().filter(|_| view.is_udp())?;
        let arrived = request.stopped_at_director()?;
        let refusal = refusal(view, |by| by.is_director())?;
        let (table, servers) = nobody_to_choose(view, request.sent)?;
        let flow = if view.plan.service().one_packet {
            bilingual!("With `-o` each packet is scheduled by itself" / "使用 `-o` 时每个数据包单独调度")
        } else if is_first(view, request) {
            bilingual!("It was the first of its flow" / "它是其数据流的第一个数据报")
        } else if table.has_entry(view.known_as) {
            bilingual!(
                "The entry of its flow led to a real server that is not available any more, and with \
                 expire_nodest_conn=1 such an entry ends"
                    / "其数据流的条目指向一台已不可用的真实服务器，而 expire_nodest_conn=1 时这样的条目就此结束"
            )
        } else {
            bilingual!("Its flow had no entry any more" / "其数据流已经没有条目")
        };
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The client's {what} arrived at the director ({arrived} on director). {flow}, so a real \
                 server was to be chosen, and the virtual service had {servers}. IPVS answers itself then, \
                 with an ICMP port unreachable (packet {refusal} on client). {told}."
                    / "客户端{what}到达调度器（director 上的{arrived}）。{flow}，因此要选择一台真实服务器，而虚拟服务中{servers}。\
                       这时 IPVS 自己以 ICMP port unreachable 应答（client 上的数据包 {refusal}）。{told}。",
                what = view.carrier(),
                arrived = first(arrived),
                flow = flow,
                servers = servers,
                refusal = refusal.packet,
                told = told(),
            ),
            shown_by: with_table(&table, [request.sent, arrived], refusal),
            claims: said(request, Fate::Refused, refusal, Fate::NoServer),
            advice: Vec::new(),
        })
    },
};

/// A datagram for a service that is not there.
pub(super) const NO_SERVICE: Rule = Rule {
    name: "no-service-for-a-datagram",
    explains: Explains::Error,
    sources: sources![control: "ip_vs_service_find", udp: "udp_rcv", udp: "udp_err"],
    holds: |view| {
        let request = view.request().filter(|_| view.is_udp())?;
        let arrived = request.stopped_at_director()?;
        let refusal = refusal(view, |by| by.is_director())?;
        let table = view
            .table_then(request.sent.at)
            .filter(|table| !table.has_service())?;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The client's {what} arrived at the director ({arrived} on director), which had no virtual \
                 service for it. It came to the director's own UDP, for {why}; no socket has that port, and \
                 the kernel answered with an ICMP port unreachable (packet {refusal} on client). {told}."
                    / "客户端{what}到达调度器（director 上的{arrived}），而调度器没有对应的虚拟服务。{why}，它于是来到调度器自己的 UDP；没有\
                       套接字使用这个端口，内核以 ICMP port unreachable 应答（client 上的数据包 {refusal}）。{told}。",
                what = view.carrier(),
                why = why_own(view),
                arrived = first(arrived),
                refusal = refusal.packet,
                told = told(),
            ),
            shown_by: with_table(&table, [request.sent, arrived], refusal),
            claims: said(request, Fate::Refused, refusal, Fate::NoConnection),
            advice: Vec::new(),
        })
    },
};

/// A datagram that is passed on to a host on which nothing listens.
pub(super) const NOTHING_LISTENS: Rule = Rule {
    name: "nothing-listens-to-datagrams",
    explains: Explains::Error,
    sources: sources![transmit: "ip_vs_dr_xmit", udp: "udp_rcv", udp: "udp_err"],
    holds: |view| {
        let request = view.request().filter(|_| view.is_udp())?;
        let (passed, server) = request.sent_to_server()?;
        let (reached, at) = request.reached.as_ref()?;
        let refusal = refusal(view, |by| by == at)?;
        let (stopped, _) = stopped_mysqld(view, server, request.sent.at)?;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The director does not look after servers: {server} was in its table, so it passed the \
                 client's {what} on to it ({passed} on director). The server there had ended ({step}), no \
                 socket had the port, and the kernel of {server} answered with an ICMP port unreachable \
                 (packet {refusal} on client). {told}."
                    / "调度器并不了解服务程序的状况：{server} 在表中，于是把客户端{what}转发给它（director 上的{passed}）。那里的服务程序\
                       已经结束（{step}），没有套接字使用这个端口，{server} 的内核以 ICMP port unreachable 应答（client 上的数据包 \
                       {refusal}）。{told}。",
                what = view.carrier(),
                passed = first(*passed),
                step = doing(&stopped.action),
                refusal = refusal.packet,
                told = told(),
            ),
            shown_by: cites![stopped, request.sent, passed, reached, refusal],
            claims: said(request, Fate::UnknownAt(at.clone()), refusal, Fate::NoConnection),
            advice: Vec::new(),
        })
    },
};

/// A datagram that waits in the socket of a process that does not run.
pub(super) const UNREAD: Rule = Rule {
    name: "datagram-unread",
    explains: Explains::Silence,
    sources: sources![udp: "__udp_enqueue_schedule_skb"],
    holds: |view| {
        let request = view.request().filter(|_| view.is_udp())?;
        let (reached, server) = request.at_server()?;
        let (stood, began) = frozen(view, server, view.end())?;
        if view.payload().is_some() || reached.at < began {
            return None;
        }
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The client's {what} reached {server} ({reached} there), where the server did not run \
                 ({step}): the datagram waits in a socket that nobody reads. UDP acknowledges nothing and \
                 sends nothing again, so no timer runs at the client, and its kernel never gives up."
                    / "客户端{what}到达 {server}（{server} 上的{reached}），而那里的服务程序没有在运行（{step}）：数据报停在无人读取的\
                       套接字中。UDP 既不确认也不重传，客户端没有定时器在走，其内核永远不会放弃。",
                what = view.carrier(),
                reached = first(*reached),
                step = doing(&stood.action),
            ),
            shown_by: cites![stood, request.sent, reached],
            claims: claims([request.sent.packet], &Fate::delivered(server)),
            advice: Vec::new(),
        })
    },
};
