//! A director that does not have the VIP, and takes in what its firewall marks.

use super::super::icmp::HOST_UNREACHABLE;
use super::neighbour::NEIGHBOUR;
use super::nodest::EXPIRE_NODEST_CONN;
use super::prelude::*;
use super::shared::{flushed, is_routed};
use super::thresholds::nobody_to_choose;
use lvs_matrix_model::verdict::Terminator;

/// IPVS looks at what the host takes in.
const TAKEN_IN: Source = files::core("ip_vs_ops4");

/// An answer from an address that no device has finds no way out.
pub(super) const MUTE: Rule = Rule {
    name: "answer-from-nobodys-address",
    explains: Explains::Silence,
    sources: sources![
        route: "ip_route_output_key_hash_rcu", "net/ipv4/devinet.c": "__ip_dev_find",
        tcp: "tcp_v4_send_reset", "net/ipv4/icmp.c": "icmp_route_lookup",
    ],
    holds: |view| {
        // IPv6 does not ask whose the source is (net/ipv6/ip6_output.c, `ip6_dst_lookup_tail`).
        if !is_routed(view) || view.plan.vip().is_ipv6() {
            return None;
        }
        let sendings: Vec<&Passage<'_>> = view.sendings().collect();
        let request = *sendings.first()?;
        let arrived = request.stopped_at_director()?;
        let unanswered =
            |passage: &&Passage<'_>| passage.stopped_at_director().is_some() && passage.answered.is_none();
        if !sendings.iter().all(unanswered) || flushed(view, arrived.at).is_some() {
            return None;
        }
        let (why, mut shown_by) = meant(view, request)?;
        shown_by.extend([packet(request.sent), packet(arrived)]);
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The client's {what} arrived at the director ({arrived} on director), marked, and was taken \
                 in. {why} Such an answer has the VIP as its source. But no device of the director has the \
                 VIP: that it takes in what is for it is a rule of policy routing alone. The kernel finds no \
                 route for a packet from an address that is not its own, and sends nothing. A director that \
                 has the VIP on a device (`ip addr add {vip}/32 dev lo`) would have answered."
                    / "客户端{what}到达调度器（director 上的{arrived}），带有标记，被收下。{why}这样的应答以 VIP 为源地址，但调度器没有\
                       任何设备具有 VIP：收下发往它的数据包，只是策略路由的规则。对于源地址不属于自己的数据包，内核找不到路由，什么也\
                       不发送。若调度器的某个设备具有 VIP（`ip addr add {vip}/32 dev lo`），它就会应答。",
                what = view.kind(request),
                arrived = first(arrived),
                why = why,
                vip = view.plan.vip(),
            ),
            shown_by,
            claims: claims(sendings.iter().map(|passage| passage.sent.packet), &Fate::Dropped),
            advice: Vec::new(),
        })
    },
};

/// What the director would have answered, and what shows that.
fn meant(view: &CellView<'_>, request: &Passage<'_>) -> Option<(Bilingual, Vec<Citation>)> {
    let own_tcp = bilingual!(
        "IPVS let it pass, and it came to the director's own TCP, where nothing listens: an RST was to \
         answer it."
            / "IPVS 放行，它来到调度器自己的 TCP，那里没有监听：本应以 RST 应答。"
    );
    let table = view.table_then(request.sent.at)?;
    if !table.has_service() {
        let why = bilingual!(
            "There was no virtual service for it. {own_tcp}" / "没有对应的虚拟服务。{own_tcp}",
            own_tcp = own_tcp
        );
        return Some((why, table.shown_by()));
    }
    if view.is_connect() {
        let (table, servers) = nobody_to_choose(view, request.sent)?;
        let why = bilingual!(
            "The virtual service had {servers}: IPVS was to answer with an ICMP port unreachable."
                / "虚拟服务中{servers}：IPVS 本应以 ICMP port unreachable 应答。",
            servers = servers,
        );
        return Some((why, table.shown_by()));
    }
    let server = view.server()?;
    let deleted = view.had_been_deleted(server, request.sent.at)?;
    if view.sysctl(view.director(), EXPIRE_NODEST_CONN, deleted.at)? == "0" {
        return None;
    }
    let why = bilingual!(
        "{server} had been deleted, and with expire_nodest_conn=1 the connection's entry went with it. \
         {own_tcp}"
            / "{server} 已被删除，expire_nodest_conn=1 时连接的条目也随之消失。{own_tcp}",
        own_tcp = own_tcp,
    );
    Some((why, vec![deleted.shown_by]))
}

/// What no mark takes in comes to a director that passes nothing on.
pub(super) const NO_ROUTER: Rule = Rule {
    name: "unmarked-and-no-router",
    explains: Explains::Silence,
    sources: sources![TAKEN_IN, route: "ip_route_input_slow", route: "ip_error"],
    holds: |view| {
        let sendings: Vec<&Passage<'_>> = view.sendings().filter(|_| is_routed(view)).collect();
        let request = *sendings.first()?;
        let arrived = request.stopped_at_director()?;
        let flush = flushed(view, arrived.at)?;
        let dropped =
            |passage: &&Passage<'_>| passage.stopped_at_director().is_some() && passage.answered.is_none();
        let key = match view.plan.vip().is_ipv6() {
            true => "net.ipv6.conf.all.forwarding",
            false => "net.ipv4.ip_forward",
        };
        let forwards = view.sysctl(view.director(), key, arrived.at)?;
        if forwards.trim() != "0" || !sendings.iter().all(dropped) {
            return None;
        }
        let seen = sendings.iter().filter_map(|passage| passage.arrived);
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "Step {flush} had taken the rule away by which the director marks what is for the \
                 VIP, and the \
                 VIP is no address of the director. So the client's {what} ({arrived} on director; \
                 {times} in \
                 all) was nothing to take in, and with {key}=0 nothing to pass on either: the kernel dropped \
                 it, and said nothing. IPVS sees only what is taken in."
                    / "步骤 {flush} 删去了调度器给发往 VIP 的数据包打标记的规则，而 VIP 不是调度器的地址。于是客户端{what}（director 上的\
                       {arrived}；共 {times}）不被收下；{key}=0 时也不转发：内核丢弃了它，不作通知。IPVS 只看到被收下的数据包。",
                flush = flush.number,
                what = view.kind(request),
                arrived = first(arrived),
                times = times(sendings.len()),
            ),
            shown_by: cites![flush, request.sent, ..seen],
            claims: claims(sendings.iter().map(|passage| passage.sent.packet), &Fate::Dropped),
            advice: patience(),
        })
    },
};

/// A connect that no mark takes in.
pub(super) const REFUSED: Rule = Rule {
    name: "passed-on-without-a-mark",
    explains: Explains::Error,
    sources: sources![TAKEN_IN, NEIGHBOUR, tcp: "tcp_v4_err"],
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect())?;
        let (mut found, refusal) = passed_on(view, request)?;
        found.text.push(&bilingual!(
            " To a socket that is connecting that is final: EHOSTUNREACH."
                / "对正在建立连接的套接字来说，这是最终结果：EHOSTUNREACH。"
        ));
        found.claims = claims([refusal.packet], &Fate::Unreachable);
        Some(found)
    },
};

/// A statement that no mark takes in.
pub(super) const UNREACHABLE: Rule = Rule {
    name: "statement-without-a-mark",
    explains: Explains::Silence,
    sources: sources![TAKEN_IN, NEIGHBOUR],
    holds: |view| {
        let request = view.request().filter(|_| !view.is_connect())?;
        let (mut found, _) = passed_on(view, request)?;
        found.text.push(&bilingual!(
            " A connected socket keeps that in mind and goes on repeating. That the director has an entry \
             for the connection does not matter: IPVS sees only what is taken in."
                / "已建立连接的套接字只记下它，继续重传。调度器有该连接的条目也没有用：IPVS 只看到被收下的数据包。"
        ));
        Some(found)
    },
};

/// What was passed on to the VIP as to somebody on the link, and the message that came of it.
fn passed_on<'a>(view: &CellView<'a>, request: &Passage<'a>) -> Option<(Finding, &'a Terminator)> {
    let arrived: Seen = request.stopped_at_director().filter(|_| is_routed(view))?;
    let flush = flushed(view, arrived.at)?;
    let refusal = view
        .terminator(TerminatorKind::Icmp {
            code: HOST_UNREACHABLE,
        })
        .filter(|refusal| refusal.by.as_ref() == Some(view.director()))?;
    let finding = Finding {
        at: request.sent.at,
        text: bilingual!(
            "Step {flush} had taken the rule away by which the director marks what is for the VIP, and the \
             VIP is no address of the director. So the client's {what} ({arrived} on director) was nothing \
             to take in: the director passed it on like a router and looked on the link for whoever has the \
             VIP. Nobody said so. After three questions, one a second, the kernel gives a neighbour up, and \
             what waited for it is answered with an ICMP host unreachable (packet {refusal} on client)."
                / "步骤 {flush} 删去了调度器给发往 VIP 的数据包打标记的规则，而 VIP 不是调度器的地址。于是客户端{what}（director 上的\
                   {arrived}）不被收下：调度器像路由器一样转发，在链路上寻找具有 VIP 的主机，无人应答。每秒一次询问三次之后，内核放弃\
                   该邻居，等候它的报文段得到 ICMP host unreachable 应答（client 上的数据包 {refusal}）。",
            flush = flush.number,
            what = view.kind(request),
            arrived = first(arrived),
            refusal = refusal.packet,
        ),
        shown_by: cites![flush, request.sent, arrived, refusal],
        ..Finding::default()
    };
    Some((finding, refusal))
}
