//! A router between the client and the director, which may put its own address in the place of the client's.

use super::super::cell_view::size;
use super::prelude::*;
use lvs_matrix_model::action::{Action, TrafficAction};
use lvs_matrix_model::base::TCP_LOOSE;
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::path::Rewrite;
use lvs_matrix_model::verdict::conntrack::ESTABLISHED;

const TRACKED: Source = Source::of("nf_conntrack_in", "net/netfilter/nf_conntrack_core.c");
const FLUSHED: Source = Source::of(
    "ctnetlink_flush_conntrack",
    "net/netfilter/nf_conntrack_netlink.c",
);
const PICKED_UP: Source = Source::of("tcp_new", "net/netfilter/nf_conntrack_proto_tcp.c");
const SET_UP: Source = Source::of("nf_nat_setup_info", "net/netfilter/nf_nat_core.c");

/// Why the router knew a connection no longer, and what shows it.
struct Forgotten {
    why: Bilingual,
    shown_by: Vec<Citation>,
}

/// Why the router had forgotten the connection right before this packet of it came by.
fn forgotten(view: &CellView<'_>, before: Seen) -> Option<Forgotten> {
    view.plan.source_nat()?;
    let port = view.client.1;
    let ours = |packet: &&Packet| {
        let ports = segment(packet).map(|(_, _, said)| (said.source_port, said.destination_port));
        let known = [port, view.known_as.1];
        ports.is_some_and(|(from, to)| known.contains(&from) || known.contains(&to))
    };
    let last = view.seen_on(&Node::Router).filter(ours);
    let last = Seen::from(last.take_while(|packet| packet.at < before.at).last()?);
    let flush = view.done(|action| {
        let flushes = matches!(
            action,
            Action::Traffic(TrafficAction::FlushConntrack { node: Node::Router })
        );
        flushes.then_some(())
    });
    let flush = flush
        .filter(|(_, began, ())| last.at <= *began && *began <= before.at)
        .last();
    if let Some((step, began, ())) = flush {
        return Some(Forgotten {
            why: bilingual!(
                "step {step} had made the router forget every connection, {began}"
                    / "步骤 {step} {began}使路由器忘记了所有连接",
                step = step.number,
                began = moment(began),
            ),
            shown_by: cites![step],
        });
    }
    let allowed = view.sysctl(&Node::Router, ESTABLISHED, before.at)?;
    let (allowed, idle) = (
        Duration::from_secs(allowed.trim().parse().ok()?),
        before.at.since(last.at),
    );
    (idle > allowed).then(|| Forgotten {
        why: bilingual!(
            "the router forgets a connection on which nothing passes for {allowed} ({key}={seconds}), and \
             nothing had passed for {idle} (since {last} on router)"
                / "路由器忘记 {allowed} 内没有数据包的连接（{key}={seconds}），而此前 {idle} 内没有数据包（自 router 上的{last}起）",
            allowed = Human(allowed),
            key = ESTABLISHED,
            seconds = allowed.as_secs(),
            idle = Human(idle),
            last = first(last),
        ),
        shown_by: cites![last],
    })
}

/// The server speaks first: its answer finds no mapping, and ends at the router.
pub(super) const ANSWER_ENDS: Rule = Rule {
    name: "answer-ends-at-the-router",
    explains: Explains::Silence,
    sources: sources![TRACKED, FLUSHED, tcp: "tcp_v4_rcv", tcp: "tcp_v4_send_reset"],
    holds: |view| {
        let request = view.request()?;
        let (_, server) = request.at_server()?;
        let came: Vec<Seen> = view
            .seen_on(&Node::Router)
            .filter(|packet| packet.number > request.sent.packet)
            .filter(|packet| {
                let said = segment(packet).filter(|(_, to, said)| {
                    (*to, said.destination_port) == view.known_as && size(said) > 0 && !said.flags.rst
                });
                let theirs = view.paths.origin(packet.number).and_then(Node::real_server) == Some(server);
                let from_router = view.sender(packet) == Some(&Node::Router);
                said.is_some() && theirs && !from_router && !passed_on(view, packet)
            })
            .map(Seen::from)
            .collect();
        let head = *came.first()?;
        let Forgotten { why, mut shown_by } = forgotten(view, head)?;
        let refused = view.seen_on(&Node::Router).find(|packet| {
            let reset = segment(packet)
                .is_some_and(|(from, _, said)| (from, said.source_port) == view.known_as && said.flags.rst);
            reset && packet.number > head.packet && view.paths.origin(packet.number) == Some(&Node::Router)
        })?;
        shown_by.extend([
            packet(request.sent),
            packet(head),
            Citation::Packet(refused.number),
        ]);
        Some(Finding {
            at: head.at,
            text: bilingual!(
                "To {server} the client is the router: it answered the client's {what} to the router's \
                 address, and that came to the router ({head} there). The router puts the client's address \
                 back by what it has kept of the connection. But {why}. So the answer was one for the router \
                 itself, whose own TCP has no such connection: it refused it with an RST (packet {refused} \
                 on router), which ended the connection for {server} alone. Nothing of that came to the \
                 client. Only a segment of the client's makes the router keep the connection anew."
                    / "对 {server} 来说，客户端就是路由器：它把对客户端{what}的应答发往路由器的地址，应答到达了路由器（router 上的\
                       {head}）。路由器凭其对该连接的记录换回客户端的地址。但{why}。于是这个应答成了发给路由器自己的，路由器自己的 TCP \
                       没有这条连接，以 RST 拒绝（router 上的数据包 {refused}），连接只对 {server} 一方结束。客户端什么也没收到。只有\
                       客户端发出的报文段才会使路由器重新记录该连接。",
                what = view.carrier(),
                head = first(head),
                why = why,
                refused = refused.number,
            ),
            shown_by,
            claims: claims([request.sent.packet], &Fate::delivered(server)),
            advice: vec![Advice::ReadTimeout, Advice::Keepalive],
        })
    },
};

fn passed_on(view: &CellView<'_>, packet: &Packet) -> bool {
    let journey = view.paths.showing(packet.number);
    let hops = journey.into_iter().flat_map(|journey| &journey.hops);
    let by_router = |from: Option<lvs_matrix_model::path::End>| {
        from.and_then(|from| view.paths.lab().node(from.host)) == Some(&Node::Router)
    };
    hops.into_iter().any(|hop| by_router(hop.from))
}

/// The client speaks first: the router takes its segment for the beginning of a connection, and gives it the
/// same address and port.
pub(super) const KEPT_ANEW: Rule = Rule {
    name: "router-keeps-the-connection-anew",
    explains: Explains::Circumstance,
    sources: sources![PICKED_UP, SET_UP],
    holds: |view| {
        let head = view
            .since_request()
            .iter()
            .find(|passage| !passage.segment.flags.syn)?;
        let came = at_router(view, head)?;
        let (_, known) = translated(view, head)?;
        let Forgotten { why, mut shown_by } = forgotten(view, came)?;
        shown_by.push(packet(came));
        Some(Finding {
            at: came.at,
            text: bilingual!(
                "When the client's {what} came to the router ({came} there), the router no longer knew its \
                 connection: {why}. With {key}=1, the kernel's default, conntrack takes a segment from the \
                 middle of a connection for the beginning of one. The router gave it an address and a port \
                 again. Nobody else had that port, so it was {known} as before, and to the director it was \
                 the same connection."
                    / "客户端{what}到达路由器时（router 上的{came}），路由器已不知道它的连接：{why}。{key}=1（内核默认值）时，连接跟踪把\
                       连接中途的报文段当作新连接的开始。路由器重新给它分配了地址和端口；该端口无人占用，所以仍是 {known}，对调度器来说\
                       还是同一条连接。",
                what = view.kind(head),
                came = first(came),
                why = why,
                key = TCP_LOOSE,
            ),
            shown_by,
            ..Finding::default()
        })
    },
};

/// Where a segment came to the router.
fn at_router(view: &CellView<'_>, passage: &Passage<'_>) -> Option<Seen> {
    let journey = view.paths.showing(passage.sent.packet)?;
    journey.hops.iter().find_map(|hop| {
        let to = view.paths.lab().node(hop.to?.host)?;
        (*to == Node::Router).then_some(Seen::from(&**hop.received.as_ref()?))
    })
}

/// What the router put in the place of a segment's source, if it did, and where it left.
fn translated(view: &CellView<'_>, passage: &Passage<'_>) -> Option<(Seen, std::net::SocketAddr)> {
    let journey = view.paths.showing(passage.sent.packet)?;
    journey.hops.iter().find_map(|hop| {
        let Rewrite::Nat { to, .. } = hop.rewrite else {
            return None;
        };
        let from = view.paths.lab().node(hop.from?.host)?;
        (*from == Node::Router).then_some((Seen::from(&**hop.sent.as_ref()?), to.source.into()))
    })
}

/// With `nf_conntrack_tcp_loose=0` the router passes on what it does not know as it is.
pub(super) const UNTRANSLATED: Rule = Rule {
    name: "passed-on-untranslated",
    explains: Explains::Error,
    sources: sources![TRACKED, PICKED_UP, core: "ip_vs_in_hook", tcp: "tcp_v4_rcv", tcp: "tcp_v4_send_reset"],
    holds: |view| {
        let request = view.request().filter(|_| !view.is_connect())?;
        let came = at_router(view, request)?;
        let arrived = request.stopped_at_director()?;
        let loose = view.sysctl(&Node::Router, TCP_LOOSE, came.at)?;
        if loose.trim() != "0" || translated(view, request).is_some() {
            return None;
        }
        let Forgotten { why, mut shown_by } = forgotten(view, came)?;
        let reset = view.terminator(TerminatorKind::Rst);
        let reset = reset
            .filter(|reset| reset.by.as_ref() == Some(view.director()) && reset.packet > arrived.packet)?;
        shown_by.extend([came, arrived].map(packet));
        shown_by.push(Citation::Packet(reset.packet));
        let (address, port) = view.client;
        Some(Finding {
            at: came.at,
            text: bilingual!(
                "When the client's {what} came to the router ({came} there), the router no longer knew its \
                 connection: {why}. With {key}=0 conntrack takes only a SYN for the beginning of a \
                 connection; to anything else it is `invalid`, and what is invalid is not translated. So the \
                 router passed it on with the client's own address ({arrived} on director). The director's \
                 entry is for the router's address, and it had none for {address}:{port}: IPVS let it pass, \
                 and the director's own TCP answered with an RST, which the router passed on as it was \
                 (packet {reset} on client)."
                    / "客户端{what}到达路由器时（router 上的{came}），路由器已不知道它的连接：{why}。{key}=0 时，连接跟踪只把 SYN 当作连\
                       接的开始，其余的都是 `invalid`，不做地址转换。于是路由器以客户端自己的地址转发（director 上的{arrived}）。调度器的\
                       条目是路由器地址的，没有 {address}:{port} 的条目：IPVS 放行，调度器自己的 TCP 以 RST 应答，路由器将其原样转发\
                       （client 上的数据包 {reset}）。",
                what = view.kind(request),
                came = first(came),
                why = why,
                key = TCP_LOOSE,
                arrived = first(arrived),
                reset = reset.packet,
            ),
            shown_by,
            claims: said(request, Fate::LeftToDirector, reset, Fate::NoConnection),
            advice: vec![Advice::Keepalive, Advice::Reconnect],
        })
    },
};

/// Clients behind a source NAT are one to what goes by the client's address.
pub(super) const ONE_ADDRESS: Rule = Rule {
    name: "one-address-for-all-clients",
    explains: Explains::Circumstance,
    sources: sources![
        "net/netfilter/nf_nat_masquerade.c": "nf_nat_masquerade_ipv4", source_hash: "ip_vs_sh_hashkey",
        core: "ip_vs_sched_persist",
    ],
    holds: |view| {
        let nic = view.plan.source_nat()?;
        let last = view.observed.spread.as_ref()?.last()?;
        let service = view.plan.service();
        let by = match (service.persistence, service.scheduler.as_str()) {
            (Some(_), _) => bilingual!(
                "persistence keeps a template for each client address, and so one for all of them"
                    / "持久性为每个客户端地址保存一个模板，因此所有客户端只有一个模板"
            ),
            (None, own @ ("sh" | "mh")) if service.scheduler_flags.is_empty() => bilingual!(
                "{own} hashes the client's address, which leads all of them to one real server"
                    / "{own} 对客户端地址做散列，因此所有客户端到同一台真实服务器",
            ),
            (None, own @ ("sh" | "mh")) => bilingual!(
                "{own} hashes the client's port, too, which still differs"
                    / "{own} 也散列客户端的端口，端口仍各不相同",
            ),
            (None, own) => bilingual!(
                "{own} does not look at the address, so that makes no difference to it"
                    / "{own} 不看地址，所以这对它没有影响",
            ),
        };
        Some(Finding {
            at: view.operation.began,
            text: bilingual!(
                "The router puts its own address, {address}, in the place of those of the {total} clients: \
                 to the director they are one client with many ports. Here {by}."
                    / "路由器把 {total} 个客户端的地址都换成自己的地址 {address}：对调度器来说，它们是一个有许多端口的客户端。此处，{by}。",
                address = nic.addresses.first().address,
                total = last.clients.len(),
                by = by,
            ),
            shown_by: cites![Citation::Step(last.step)],
            ..Finding::default()
        })
    },
};
