//! Neighbours that do not answer to ARP.

use super::super::cell_view::EHOSTUNREACH;
use super::super::fate::is_broadcast;
use super::super::icmp::{HOST_UNREACHABLE, PORT_UNREACHABLE};
use super::prelude::*;
use lvs_matrix_model::action::Percent;
use lvs_matrix_model::capture::Body;
use lvs_matrix_model::scenario::Misbuild;

pub(super) const NEIGHBOUR: Source = Source::of("neigh_timer_handler", "net/core/neighbour.c");
const ARP_FAILURE: Source = Source::of("arp_error_report", "net/ipv4/arp.c");
const ARP_ASKED: Source = Source::of("arp_process", "net/ipv4/arp.c");

/// The director cannot find its server's Ethernet address.
pub(super) const NO_NEIGHBOUR: Rule = Rule {
    name: "no-neighbour",
    explains: Explains::Error,
    sources: sources![NEIGHBOUR, ARP_FAILURE, tcp: "tcp_v4_err"],
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect())?;
        if view.observed.error.as_ref()?.errno != Some(EHOSTUNREACH) {
            return None;
        }
        let ended = view.operation.ended?;
        let unreachable = view
            .terminator(TerminatorKind::Icmp {
                code: HOST_UNREACHABLE,
            })
            .filter(|item| {
                item.by
                    .as_ref()
                    .is_some_and(|by| by.is_director() || *by == Node::Router)
            });
        let by_router = unreachable.is_some_and(|item| item.by == Some(Node::Router));
        let (asked, silent, text) = if let Some(unreachable) = unreachable.filter(|_| by_router) {
            let asked = unanswered_arp(view, &Node::Router, Some(view.plan.vip()), request.sent.at)?;
            let text = bilingual!(
                "The router asked for the Ethernet address of the VIP ({asked} on router) and nobody \
                 answered. After three requests the kernel gives a neighbour up, and the segments that \
                 waited for it are answered with an ICMP host unreachable (packet {unreachable} on client)."
                    / "路由器询问 VIP 的以太网地址（router 上的{asked}），无人应答。三次询问之后内核放弃该邻居，等候它的报文段得到 ICMP \
                       host unreachable 应答（client 上的数据包 {unreachable}）。",
                asked = first(asked),
                unreachable = unreachable.packet,
            );
            (asked, None, text)
        } else if let Some(unreachable) = unreachable {
            let (node, address) = view.plan.real_servers().find_map(|(name, host)| {
                let node = Node::RealServer(name.clone());
                unanswered_arp(view, view.director(), Some(host.address()), request.sent.at)?;
                Some((node, host.address()))
            })?;
            let asked = unanswered_arp(view, view.director(), Some(address), request.sent.at)?;
            let text = bilingual!(
                "The director asked for the Ethernet address of {node} ({asked} on director) and nobody \
                 answered. After three requests the kernel gives a neighbour up, and the segments that \
                 waited for it are answered with an ICMP host unreachable (packet {unreachable} on client)."
                    / "调度器询问 {node} 的以太网地址（director 上的{asked}），无人应答。三次询问之后内核放弃该邻居，等候它的报文段得到 \
                       ICMP host unreachable 应答（client 上的数据包 {unreachable}）。",
                asked = first(asked),
                unreachable = unreachable.packet,
            );
            (asked, node.real_server().cloned(), text)
        } else {
            let asked = unanswered_arp(view, &Node::Client, Some(view.plan.first_hop()), request.sent.at)?;
            let text = bilingual!(
                "The client asked for the Ethernet address of {whom} ({asked} on client) and nobody \
                 answered: after three requests its kernel gives the neighbour up and tells its own TCP that \
                 the host is unreachable."
                    / "客户端询问{whom}的以太网地址（client 上的{asked}），无人应答：三次询问之后其内核放弃该邻居，并告诉自己的 TCP 主机\
                       不可达。",
                whom = first_hop(view),
                asked = first(asked),
            );
            (asked, None, text)
        };
        Some(Finding {
            at: ended,
            text: bilingual!(
                "{text} To a socket that is connecting that is final: EHOSTUNREACH, {ended}."
                    / "{text}对正在建立连接的套接字来说，这是最终结果：{ended}报告 EHOSTUNREACH。",
                text = text,
                ended = moment(ended),
            ),
            shown_by: cites![asked, ..unreachable],
            claims: claims(unreachable.map(|item| item.packet), &Fate::Unreachable),
            advice: silent.map(Advice::HealthCheck).into_iter().collect(),
        })
    },
};

/// The client cannot find out who has the VIP, and has sent nothing.
pub(super) const VIP_UNKNOWN: Rule = Rule {
    name: "nobody-has-the-vip",
    explains: Explains::Error,
    sources: sources![NEIGHBOUR, ARP_FAILURE],
    holds: |view| {
        let errno = view.observed.error.as_ref()?.errno;
        if !view.is_connect() || view.request().is_some() || errno != Some(EHOSTUNREACH) {
            return None;
        }
        let ended = view.operation.ended?;
        let asked = unanswered_arp(
            view,
            &Node::Client,
            Some(view.plan.first_hop()),
            view.operation.began,
        )?;
        let hosts = || [Node::Client, Node::Router, view.director().clone()].into_iter();
        let unplugged = hosts().find_map(|node| Some(view.unplugged(&node, asked.at)?.0));
        let slow = || hosts().find_map(|node| Some(view.netem(&node, asked.at)?.0));
        let step = unplugged.or_else(slow);
        let why = match step {
            None => Bilingual::default(),
            Some(step) if unplugged.is_some() => {
                bilingual!(" ({step})" / "（{step}）", step = doing(&step.action))
            }
            Some(step) => bilingual!(
                " in time ({step})" / "或没有及时应答（{step}）",
                step = doing(&step.action)
            ),
        };
        Some(Finding {
            at: ended,
            text: bilingual!(
                "The client did not know whose Ethernet address {whom} has, so its SYN had to \
                 wait. It asked \
                 everybody on the link, last with packet {asked} on client, and nobody answered{why}. After \
                 three requests its kernel gives a neighbour up and tells its own TCP that the host is \
                 unreachable. To a socket that is connecting that is final: EHOSTUNREACH, {ended}."
                    / "客户端不知道{whom}对应的以太网地址，它的 SYN 只能等待。它询问了链路上的所有主机（最后为 client 上的数据包 {asked}），\
                       无人应答{why}。三次询问之后其内核放弃该邻居，并告诉自己的 TCP 主机不可达。对正在建立连接的套接字来说，这是最终\
                       结果：{ended}报告 EHOSTUNREACH。",
                whom = first_hop(view),
                asked = asked.number,
                why = why,
                ended = moment(ended),
            ),
            shown_by: cites![asked, ..step],
            ..Finding::default()
        })
    },
};

/// A director that goes on sending to an address that nobody has any more.
pub(super) const STILL_REACHABLE: Rule = Rule {
    name: "neighbour-still-reachable",
    explains: Explains::Circumstance,
    sources: sources![neighbour: "neigh_rand_reach_time", NEIGHBOUR],
    holds: |view| {
        let request = view.request()?;
        let (node, off) = view.plan.real_servers().find_map(|(name, _)| {
            let node = Node::RealServer(name.clone());
            let (off, began) = view.unplugged(&node, view.end())?;
            (began <= request.sent.at).then_some((node, off))
        })?;
        let passed: Vec<Seen> = view
            .sendings()
            .filter_map(|passage| passage.passed_on.as_ref())
            .filter(|(_, to)| *to == node)
            .map(|(seen, _)| *seen)
            .collect();
        let (head, last) = (passed.first()?, passed.last()?);
        let host = view.plan.host(&node)?;
        let asked: Vec<&Packet> = view.asked(view.director(), host.address(), head.at).collect();
        let alone: Vec<&Packet> = asked
            .iter()
            .copied()
            .filter(|packet| !is_broadcast(packet))
            .collect();
        let all = asked.iter().copied().find(|packet| is_broadcast(packet));
        let first_asked = *asked.first()?;
        let check = match alone.first() {
            None => Bilingual::default(),
            Some(one) => bilingual!(
                " When the director had used that address for 5 s without a sign, it checked: it asked \
                 {node} alone, {times} ({one} on director). Segments were passed on all the while."
                    / "在这样使用该地址 5s 而没有动静后，调度器作了核实：它只询问 {node}，{times}（director 上的{one}）。其间报文段照常转发。",
                times = times(alone.len()),
                one = first(*one),
            ),
        };
        let failed = match all {
            None => Bilingual::default(),
            Some(all) => bilingual!(
                " After that the neighbour counted as failed, and for the next segment the director asked \
                 everybody ({all} on director)."
                    / "此后该邻居算作失效，下一个报文段到来时，调度器询问了所有主机（director 上的{all}）。",
                all = first(all),
            ),
        };
        Some(Finding {
            at: head.at,
            text: bilingual!(
                "{node} was silent ({step}), and the director did not know: to its kernel a neighbour's \
                 Ethernet address counts as reachable for a random time of 15 to 45 s after the last \
                 confirmation (half to one and a half times base_reachable_time_ms, 30 s by default; \
                 NUD_REACHABLE), and after that it is still used, until a check has failed (NUD_STALE, \
                 NUD_DELAY, NUD_PROBE). So what the client sent was passed on into the void {times} ({head} \
                 on director, to {last}).{check}{failed} How long this takes differs from run to run."
                    / "{node} 已无声息（{step}），而调度器并不知道：在其内核看来，邻居的以太网地址在最后一次确认后的 15 到 45 s 的随机时间内算作\
                       可达（base_reachable_time_ms 的 0.5 到 1.5 倍，默认 30 \
                       s；NUD_REACHABLE），此后也仍然使用，直到核实失败（NUD_STALE、\
                       NUD_DELAY、NUD_PROBE）。因此客户端发送的报文段被转发给了不存在的主机，共 {times}（director 上的{head}，至{last}）。\
                       {check}{failed}这要多久，每次运行都不同。",
                step = doing(&off.action),
                times = times(passed.len()),
                head = first(*head),
                last = first(*last),
                check = check,
                failed = failed,
            ),
            shown_by: cites![off, head, last, first_asked, ..alone.iter().chain(&all)],
            claims: claims(
                view.sendings()
                    .filter(|passage| passage.passed_on.as_ref().is_some_and(|(_, to)| *to == node))
                    .map(|passage| passage.sent.packet),
                &Fate::LostAfter(node.clone()),
            ),
            advice: Vec::new(),
        })
    },
};

/// A real server speaks for the VIP, and the client's segments go to it.
pub(super) const VIP_TAKEN: Rule = Rule {
    name: "vip-answered-by-a-server",
    explains: Explains::Answer,
    sources: sources![ARP_ASKED, tcp: "tcp_v4_rcv"],
    holds: |view| {
        let taken = Taken::of(view)?;
        let answer = super::shared::answer_from(view, taken.server)?;
        Some(Finding {
            at: taken.reached.at,
            text: bilingual!(
                "{taken} {server} took it, and answered (packet {answer} on client)."
                    / "{taken}{server} 接受了它，并给出应答（client 上的数据包 {answer}）。",
                taken = taken.text(view),
                server = taken.server,
                answer = answer.number,
            ),
            shown_by: cites![..taken.shown_by(), answer],
            claims: claims([taken.sent.packet], &Fate::Delivered(taken.node.clone())),
            advice: Vec::new(),
        })
    },
};

/// A real server speaks for the VIP, and knows nothing of the client's connection.
pub(super) const VIP_TAKEN_BY_ANOTHER: Rule = Rule {
    name: "vip-answered-by-another-server",
    explains: Explains::Error,
    sources: sources![ARP_ASKED, tcp: "tcp_v4_rcv", tcp: "tcp_v4_send_reset"],
    holds: |view| {
        let taken = Taken::of(view)?;
        let kind = match view.is_udp() {
            true => TerminatorKind::Icmp {
                code: PORT_UNREACHABLE,
            },
            false => TerminatorKind::Rst,
        };
        let reset = view
            .terminator(kind)
            .filter(|reset| reset.by.as_ref() == Some(&taken.node) && reset.packet > taken.reached.packet)?;
        if !view.is_udp() && view.is_active(reset)? && !view.is_connect() {
            return None;
        }
        let refused = match view.is_udp() {
            true => bilingual!(
                "No socket of {server} has the port, and its kernel answered with an ICMP port unreachable \
                 (packet {reset} on client)"
                    / "{server} 没有套接字使用这个端口，其内核以 ICMP port unreachable 应答（client 上的数据包 {reset}）",
                server = taken.server,
                reset = reset.packet,
            ),
            false => bilingual!(
                "The TCP of {server} has no socket for it, and answered with an RST (packet {reset} \
                 on client)"
                    / "{server} 的 TCP 没有对应的套接字，以 RST 应答（client 上的数据包 {reset}）",
                server = taken.server,
                reset = reset.packet,
            ),
        };
        Some(Finding {
            at: taken.reached.at,
            text: bilingual!(
                "{taken} {refused}." / "{taken}{refused}。",
                taken = taken.text(view),
                refused = refused,
            ),
            shown_by: cites![..taken.shown_by(), reset],
            claims: [
                claims([taken.sent.packet], &Fate::UnknownAt(taken.node.clone())),
                claims([reset.packet], &Fate::NoConnection),
            ]
            .concat(),
            advice: vec![Advice::BuildRight(taken.node.clone(), Misbuild::AnswersArp)],
        })
    },
};

/// The real server to which the client sends for the VIP, because it had spoken for that, and the reply.
fn taken_by<'a>(view: &CellView<'a>, passage: &Passage<'a>) -> Option<(Node, &'a Packet)> {
    let to = passage.to.clone().filter(|to| to.real_server().is_some())?;
    let vip = view.plan.vip();
    let reply = view.seen_on(&Node::Client).filter(|packet| {
        let speaks = matches!(packet.body, Body::Arp { sender, .. } if sender == vip)
            && view.sender(packet) == Some(&to);
        speaks && packet.number < passage.sent.packet
    });
    let reply = reply.last()?;
    Some((to, reply))
}

/// A real server that speaks for the VIP cannot be reached, and the client's segments go to it.
pub(super) const TAKEN_AND_SILENT: Rule = Rule {
    name: "vip-answered-by-a-silent-server",
    explains: Explains::Silence,
    sources: sources![ARP_ASKED],
    holds: |view| {
        let request = view.request()?;
        let (node, reply) = taken_by(view, request)?;
        let lost: Vec<Seen> = view
            .sendings()
            .filter(|passage| passage.to.as_ref() == Some(&node) && passage.reached.is_none())
            .map(|passage| passage.sent)
            .collect();
        let head = *lost.first()?;
        let off = view.unplugged(&node, head.at).map(|(step, _)| step);
        let step = off.or_else(|| {
            let (step, delay, loss) = view.netem(&node, head.at)?;
            (loss != Percent::default() || head.at.plus(delay) > view.end()).then_some(step)
        })?;
        Some(Finding {
            at: head.at,
            text: bilingual!(
                "{node} had told the client that the VIP has its Ethernet address ({reply} on client), so \
                 what the client sent did not go to the director, but to {node} itself: its {what}, {times} \
                 (first {head} on client). None of that arrived there ({step}), and the director, which knew \
                 nothing of the connection, had no part in it."
                    / "{node} 曾告诉客户端，VIP 对应的是它的以太网地址（client 上的{reply}），所以客户端发送的报文不去往调度器，而直接去往 \
                       {node}：客户端{what}，{times}（首次为 client 上的{head}）。它们都没有到达那里（{step}）；调度器对这条连接一无所知，\
                       与此无关。",
                reply = first(reply),
                what = view.carrier(),
                times = times(lost.len()),
                head = first(head),
                step = doing(&step.action),
            ),
            shown_by: cites![step, reply, ..&lost],
            claims: claims(lost.iter().map(|seen| seen.packet), &Fate::LostBefore),
            advice: and_patience([Advice::BuildRight(node.clone(), Misbuild::AnswersArp)]),
        })
    },
};

/// The client finds the director again, which knows nothing of the connection.
pub(super) const BACK_AT_THE_DIRECTOR: Rule = Rule {
    name: "vip-back-at-the-director",
    explains: Explains::Error,
    sources: sources![NEIGHBOUR, tcp: "tcp_v4_rcv", tcp: "tcp_v4_send_reset"],
    holds: |view| {
        let (answered, reset) = super::nodest::reset_by_director(view)?;
        let before = view
            .sent
            .iter()
            .take_while(|passage| passage.sent.packet < answered.sent.packet);
        let (node, _) = before.filter_map(|passage| taken_by(view, passage)).last()?;
        let vip = view.plan.vip();
        let replies = view.seen_on(&Node::Client).filter(|packet| {
            matches!(packet.body, Body::Arp { request: false, sender, .. } if sender == vip)
                && view.sender(packet) == Some(view.director())
        });
        let reply = replies
            .filter(|packet| packet.number < answered.sent.packet)
            .last()?;
        let table = view.table_then(answered.sent.at)?;
        if table.has_entry(view.known_as) {
            return None;
        }
        Some(Finding {
            at: answered.sent.at,
            text: bilingual!(
                "The client's kernel gave up {node} as the neighbour that has the VIP, and asked again. This \
                 time the director said that it has it ({reply} on client). So the next {what} went there \
                 ({sent} on client). The connection had been made past the director, which had no entry for \
                 it: the segment came to the director's own TCP, which answered with an RST (packet {reset} \
                 on client)."
                    / "客户端的内核放弃了作为 VIP 邻居的 {node}，重新询问。这次调度器应答说 VIP 在它那里（client 上的{reply}）。于是下一个\
                       {what}去往调度器（client 上的{sent}）。这条连接没有经过调度器，调度器没有它的条目：报文段来到调度器自己的 TCP，被以 \
                       RST 拒绝（client 上的数据包 {reset}）。",
                reply = first(reply),
                what = view.kind(answered),
                sent = first(answered.sent),
                reset = reset.packet,
            ),
            shown_by: cites![..table.shown_by(), reply, answered.sent, reset],
            claims: said(answered, Fate::LeftToDirector, reset, Fate::NoConnection),
            advice: vec![Advice::Reconnect],
        })
    },
};

/// A segment of the request that the client sent to a real server itself, since that had spoken for the VIP.
struct Taken<'a> {
    server: &'a Name,
    node: Node,
    reply: &'a Packet,
    sent: Seen,
    reached: Seen,
}

impl<'a> Taken<'a> {
    fn of(view: &CellView<'a>) -> Option<Self> {
        let passage = view.sendings().find(|passage| {
            passage.arrived.is_none() && passage.passed_on.is_none() && passage.reached.is_some()
        })?;
        let (reached, at) = passage.reached.as_ref()?;
        let (node, reply) = taken_by(view, passage).filter(|(node, _)| node == at)?;
        let mut servers = view.plan.real_servers().map(|(name, _)| name);
        let server = servers.find(|name| node.real_server() == Some(name))?;
        Some(Self {
            server,
            node,
            reply,
            sent: passage.sent,
            reached: *reached,
        })
    }

    fn shown_by(&self) -> Vec<Citation> {
        cites![self.reply, self.sent, self.reached]
    }

    fn text(&self, view: &CellView<'_>) -> Bilingual {
        bilingual!(
            "{server} told the client that the VIP has its Ethernet address ({reply} on client). In direct \
             routing every real server holds the VIP, and must keep quiet about it \
             (net.ipv4.conf.all.arp_ignore=1, arp_announce=2). From then on the client's segments went to \
             {server} itself, and the director, with its table, was not asked: the client's {what} ({sent} \
             on client) reached {server} ({reached} there)."
                / "{server} 告诉客户端，VIP 对应的是它的以太网地址（client 上的{reply}）。DR 模式下每台真实服务器都带有 VIP，但不得为它应答 \
                    ARP（net.ipv4.conf.all.arp_ignore=1、arp_announce=2）。\
                   从那时起，客户端的报文段直接去往 {server}，调度器和它的表都不起作用：客户端{what}（client 上的{sent}）到达了 {server}\
                   （{server} 上的{reached}）。",
            server = self.server,
            reply = first(Seen::from(self.reply)),
            what = view.carrier(),
            sent = first(self.sent),
            reached = first(self.reached),
        )
    }
}

/// Whose Ethernet address the client needs.
pub(super) fn first_hop(view: &CellView<'_>) -> Bilingual {
    match view.plan.router() {
        Some(_) => bilingual!("its router" / "其路由器"),
        None => bilingual!("the VIP" / " VIP "),
    }
}

/// The last ARP request of a host for an address since then, if no reply came after it.
pub(super) fn unanswered_arp<'a>(
    view: &CellView<'a>,
    host: &Node,
    address: Option<std::net::IpAddr>,
    since: Instant,
) -> Option<&'a Packet> {
    let asked = view.asked(host, address?, since);
    let last = asked.last()?;
    let answered = view.seen_on(host).any(|packet| {
        let answers =
            matches!(packet.body, Body::Arp { request: false, sender, .. } if Some(sender) == address);
        answers && packet.number > last.number && packet.at <= view.end()
    });
    (!answered).then_some(last)
}
