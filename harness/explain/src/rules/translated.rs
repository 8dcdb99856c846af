//! Masquerading: answers pass the director, which translates them by the connection's entry.

use super::super::cell_view::size;
use super::super::claim;
use super::super::icmp::PORT_UNREACHABLE;
use super::super::table::Table;
use super::nodest::EXPIRE_NODEST_CONN;
use super::prelude::*;
use lvs_matrix_model::capture::Body;
use lvs_matrix_model::capture::flow::{segment, unreachable};
use lvs_matrix_model::path::{Hop, Rewrite};
use std::net::IpAddr;

const NAT_ICMP_SEND: &str = "net.ipv4.vs.nat_icmp_send";

/// The answer comes when the director has forgotten the connection, and keeps the real server's address.
pub(super) const NO_ENTRY: Rule = Rule {
    name: "answer-without-entry",
    explains: Explains::Silence,
    sources: sources![
        core: "ip_vs_out_hook", connections: "ip_vs_expire_nodest_conn_flush", core: "ip_vs_unregister_hooks",
    ],
    holds: |view| {
        let request = view.request()?;
        let (reached, server) = request.at_server()?;
        let (own, port) = (
            view.plan.host(&Node::RealServer(server.clone()))?.address(),
            view.plan
                .service()
                .backend(&Node::RealServer(server.clone()))?
                .port,
        );
        let untranslated: Vec<(Seen, Seen)> = view
            .sent_by(server)
            .filter(|(packet, said)| packet.at >= reached.at && (size(said) > 0 || said.flags.syn))
            .filter_map(|(packet, _)| Some((Seen::from(packet), sent_on(view, packet)?)))
            .filter(|(_, (_, translated))| !translated)
            .map(|(said, (seen, _))| (said, seen))
            .collect();
        let (said, passed) = *untranslated.first()?;
        let elsewhere = at_the_other(view, said, server);
        let drains = elsewhere.is_none();
        // A SYN that was passed on has made an entry there.
        let (forgot, shown) = match elsewhere {
            Some(elsewhere) => elsewhere,
            None if view.is_connect() => return None,
            None => forgotten(view, said, server)?,
        };
        let reset = reset_by_client(view, own, said);
        let then = match reset {
            Some(reset) => bilingual!(
                " The client's TCP knows no connection with that address, and answered with an RST ({reset} \
                 on client), which ended the connection for {server} alone."
                    / "客户端的 TCP 没有与该地址的连接，以 RST 应答（client 上的{reset}），于是只有 {server} 一方的连接就此结束。",
                reset = first(reset),
            ),
            None => bilingual!(
                " The client's TCP knows no connection with that address, and sent nothing back."
                    / "客户端的 TCP 没有与该地址的连接，也没有回应。"
            ),
        };
        let asked = asked_for_its_gateway(view, server, said.at);
        let ends = match asked {
            None => Bilingual::default(),
            Some((_, reply)) => bilingual!(
                " In the end {server} asked for its gateway anew, and {director} said that it has that \
                 address now (packet {reply} on {server}): what was answered after that went through \
                 {director}."
                    / "最后 {server} 重新询问网关，{director} 表明自己现在持有该地址（{server} 上的数据包 {reply}）：此后的应答经过 \
                       {director}。",
                director = view.director(),
                reply = reply.packet,
            ),
        };
        Some(Finding {
            at: said.at,
            text: bilingual!(
                "{server} had an answer to the client's {what}, and sent it with its own address as the \
                 source ({said} there). With masquerading the answer goes back through the director, which \
                 puts the VIP in the place of that address by the connection's entry. But {forgot}. So the \
                 director passed the answer on as it was, from {own}:{port}, {times} ({passed} on \
                 director).{then} The client goes on waiting for an answer of the VIP.{ends}"
                    / "{server} 应答了客户端{what}（{server} 上的{said}）。NAT 模式下，应答经过调度器返回，由调度器按连接的条目把源地址换成 \
                       VIP。但是{forgot}。于是调度器将应答原样转发，源地址仍是 {own}:{port}，共 {times}（director \
                       上的{passed}）。{then}客户端继续等待来自 VIP 的应答。{ends}",
                what = view.carrier(),
                said = first(said),
                forgot = forgot,
                times = times(untranslated.len()),
                passed = first(passed),
                then = then,
                ends = ends,
            ),
            shown_by: cites![
                ..shown,
                request.sent,
                reached,
                said,
                ..untranslated.iter().map(|(_, passed)| passed),
                ..reset,
                ..asked.iter().flat_map(|(asked, reply)| [*asked, *reply]),
            ],
            claims: claims([request.sent.packet], &claim::Fate::delivered(server)),
            advice: match drains {
                true => vec![
                    Advice::Drain(server.clone()),
                    Advice::ReadTimeout,
                    Advice::Keepalive,
                ],
                false if view.is_connect() => and_patience([Advice::Announce]),
                false => vec![Advice::ReadTimeout, Advice::Keepalive],
            },
        })
    },
};

/// The director drops such an answer, and tells the real server so.
pub(super) const REFUSED: Rule = Rule {
    name: "answer-refused-without-entry",
    explains: Explains::Silence,
    sources: sources![core: "ip_vs_out_hook", control: "ip_vs_has_real_service", tcp: "tcp_v4_err"],
    holds: |view| {
        let request = view.request().filter(|_| !view.is_connect())?;
        let (reached, server) = request.at_server()?;
        let node = Node::RealServer(server.clone());
        if view.sysctl(view.director(), NAT_ICMP_SEND, reached.at)? == "0" {
            return None;
        }
        let spoken: Vec<Seen> = view
            .sent_by(server)
            .filter(|(packet, said)| packet.at >= reached.at && size(said) > 0)
            .filter(|(packet, _)| sent_on(view, packet).is_none())
            .map(|(packet, _)| packet.into())
            .collect();
        let said = *spoken.first()?;
        let (forgot, shown) = forgotten(view, said, server)?;
        let told: Vec<Seen> = view
            .seen_on(&node)
            .filter(|packet| packet.at >= said.at && view.sender(packet) == Some(view.director()))
            .filter(|packet| unreachable(packet).is_some_and(|(code, _)| code == PORT_UNREACHABLE))
            .map(Seen::from)
            .collect();
        let told_first = *told.first()?;
        Some(Finding {
            at: said.at,
            text: bilingual!(
                "{server} had an answer to the client's {what}, and sent it with its own address as the \
                 source ({said} there). With masquerading the director puts the VIP in the place of that \
                 address by the connection's entry. But {forgot}. With net.ipv4.vs.nat_icmp_send=1 the \
                 director drops what such a server sends without an entry, and answers with an ICMP port \
                 unreachable ({told} on {server}): {times}. To a connection that is established that is no \
                 end: the TCP of {server} sends the answer again until it gives up. The client is told \
                 nothing, and goes on waiting."
                    / "{server} 应答了客户端{what}，源地址是它自己的地址（{server} 上的{said}）。NAT 模式下，由调度器按连接的条目把源地址换成 \
                       VIP。但是{forgot}。net.ipv4.vs.nat_icmp_send=1 时，调度器丢弃真实服务器发来的没有条目的报文段，并以 ICMP port \
                       unreachable 应答（{server} 上的{told}），共 {times}。对已建立的连接来说这并不是终结：{server} 的 TCP \
                       继续重传，直到放弃。客户端一无所知，继续等待。",
                what = view.carrier(),
                said = first(said),
                forgot = forgot,
                told = first(told_first),
                times = times(told.len()),
            ),
            shown_by: cites![..shown, request.sent, reached, ..spoken.iter().chain(&told)],
            claims: claims([request.sent.packet], &claim::Fate::delivered(server)),
            advice: vec![
                Advice::Drain(server.clone()),
                Advice::ReadTimeout,
                Advice::Keepalive,
            ],
        })
    },
};

/// Where the director sent a server's segment on, and whether it translated the segment's addresses.
pub(super) fn sent_on(view: &CellView<'_>, sent: &Packet) -> Option<(Seen, bool)> {
    let journey = view.paths.showing(sent.number)?;
    let hop = journey.hops.iter().find(|hop| by_director(view, hop).is_some())?;
    Some((
        (&**hop.sent.as_ref()?).into(),
        matches!(hop.rewrite, Rewrite::Nat { .. }),
    ))
}

/// The director that a hop begins at.
fn by_director<'v>(view: &'v CellView<'_>, hop: &Hop) -> Option<&'v Node> {
    let node = hop.from.and_then(|from| view.paths.lab().node(from.host));
    node.filter(|node| node.is_director())
}

/// The director that an answer came to, if it is another than the one that passed the request on, and its
/// table.
pub(super) fn came_to_another<'v>(view: &'v CellView<'_>, answer: Seen) -> Option<(&'v Node, Table)> {
    let journey = view.paths.showing(answer.packet)?;
    let to = journey.hops.iter().find_map(|hop| by_director(view, hop))?;
    let table = view.table_of(to, answer.at).filter(|_| to != view.director())?;
    Some((to, table))
}

/// Did the answer come to another director, which is the server's gateway, or was, and knows nothing of the
/// connection?
fn at_the_other(view: &CellView<'_>, said: Seen, server: &Name) -> Option<(Bilingual, Vec<Citation>)> {
    let (to, table) = came_to_another(view, said)?;
    let why = match view.record.vip_holders(said.at).contains(&to) {
        true => bilingual!(
            "the answer came to {to}, which had taken the servers' gateway over with the VIP, and the table \
             of {to} had no entry for the connection: {from} had passed the request on"
                / "应答来到了 {to}：它已随 VIP 一起接管了真实服务器的网关，而 {to} 的表中没有这条连接的条目，请求是由 {from} 转发的",
            from = view.director(),
        ),
        false => bilingual!(
            "the answer came to {to}: {server} still had the Ethernet address of {to} for its gateway, which \
             had gone to {from} with the VIP. The table of {to} had no entry for the connection, for {from} \
             had passed the request on"
                / "应答来到了 {to}：网关已随 VIP 一起转到 {from}，但 {server} 仍把 {to} 的以太网地址当作网关的地址。{to} 的表中没有\
                   这条连接的条目，请求是由 {from} 转发的",
            from = view.director(),
        ),
    };
    (!table.has_entry(view.known_as)).then(|| (why, table.shown_by()))
}

/// The gateway of masqueraded servers, which goes with the VIP from one director to the other.
fn gateway_of(view: &CellView<'_>) -> Option<IpAddr> {
    let (gateway, _) = view.plan.moving().into_iter().nth(1)?;
    Some(gateway.address)
}

/// When a server asked for its gateway anew, and the director that decided said that it is that.
fn asked_for_its_gateway(view: &CellView<'_>, server: &Name, since: Instant) -> Option<(Seen, Seen)> {
    let (node, gateway) = (Node::RealServer(server.clone()), gateway_of(view)?);
    let own = view.plan.host(&node)?.address();
    let reply = view.seen_on(&node).find(|packet| {
        let says = matches!(packet.body, Body::Arp { request: false, sender, .. } if sender == gateway);
        says && packet.at >= since && view.sender(packet) == Some(view.director())
    })?;
    let before = view.seen_on(&node).filter(|packet| {
        let asks = matches!(packet.body, Body::Arp { request: true, sender, target, .. }
            if sender == own && target == gateway);
        asks && packet.number < reply.number
    });
    Some((before.last()?.into(), reply.into()))
}

/// Why the director had forgotten the connection when the server spoke, and what shows it.
fn forgotten(view: &CellView<'_>, said: Seen, server: &Name) -> Option<(Bilingual, Vec<Citation>)> {
    let table = view.table_at(said.at)?;
    if !table.has_any_service() {
        let why = bilingual!(
            "without any virtual service IPVS looks at no packet any more"
                / "没有任何虚拟服务时，IPVS 不再查看任何数据包"
        );
        return Some((why, table.shown_by()));
    }
    if let Some(deleted) = view.deleted(server, said.at)
        && view.sysctl(view.director(), EXPIRE_NODEST_CONN, deleted.at)? != "0"
    {
        let why = bilingual!(
            "with expire_nodest_conn=1 that entry had gone with {server} when {server} was deleted from the \
             director's table"
                / "在 expire_nodest_conn=1 时，从调度器的表中删除 {server}，该条目也随之消失"
        );
        return Some((why, vec![deleted.shown_by]));
    }
    // Every packet of the connection that passes the director, either way, starts its entry's timer anew.
    let (timeout, port) = (view.entry_timeout(said.at)?, view.known_as.1);
    let before = view.seen_on(view.director()).filter(|packet| {
        let ours = segment(packet)
            .is_some_and(|(_, _, said)| said.source_port == port || said.destination_port == port);
        ours && packet.at < said.at
    });
    let last = Seen::from(before.last()?);
    let idle = said.at.since(last.at);
    let why = bilingual!(
        "nothing of the connection had passed the director for {idle} (since {last} on director), and its \
         entries live for {timeout}"
            / "此前 {idle} 内没有该连接的任何数据包经过调度器（自 director 上的{last}起），而条目只存活 {timeout}",
        idle = Human(idle),
        last = first(last),
        timeout = Human(timeout),
    );
    (idle >= timeout).then(|| (why, vec![packet(last)]))
}

/// The client's RST to a real server's own address.
fn reset_by_client(view: &CellView<'_>, own: IpAddr, since: Seen) -> Option<Seen> {
    view.seen_on(&Node::Client)
        .filter(|packet| packet.at >= since.at)
        .find_map(|packet| {
            let (source, destination, said) = segment(packet)?;
            let theirs = source == view.client.0 && destination == own && said.flags.rst;
            theirs.then(|| packet.into())
        })
}
