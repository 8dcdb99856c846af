//! Neighbours that do not answer to ARP.

use super::super::claim::Claim;
use super::super::fate::is_broadcast;
use super::super::icmp::HOST_UNREACHABLE;
use super::prelude::*;
use lvs_matrix_model::capture::Body;

pub(super) const NEIGHBOUR: Source = Source::of("neigh_timer_handler", "net/core/neighbour.c");
const ARP_FAILURE: Source = Source::of("arp_error_report", "net/ipv4/arp.c");
const ARP_ASKED: Source = Source::of("arp_process", "net/ipv4/arp.c");
const EHOSTUNREACH: u16 = 113;

/// The director cannot find its server's Ethernet address.
pub(super) const NO_NEIGHBOUR: Rule = Rule {
    name: "no-neighbour",
    explains: Explains::Error,
    sources: &[NEIGHBOUR, ARP_FAILURE, tcp("tcp_v4_err")],
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect())?;
        view.observed
            .error
            .as_ref()?
            .errno
            .filter(|errno| *errno == EHOSTUNREACH)?;
        let ended = view.operation.ended?;
        let unreachable = view
            .terminator(TerminatorKind::Icmp {
                code: HOST_UNREACHABLE,
            })
            .filter(|item| item.by == Some(Node::Director));
        let (asked, silent, text, mut shown_by) = if let Some(unreachable) = unreachable {
            let (node, address) = view.plan.real_servers().find_map(|(name, host)| {
                let node = Node::RealServer(name.clone());
                unanswered_arp(view, &Node::Director, Some(host.address()), request.sent.at)?;
                Some((node, host.address()))
            })?;
            let asked = unanswered_arp(view, &Node::Director, Some(address), request.sent.at)?;
            let text = bilingual!(
                "The director asked for the Ethernet address of {node} ({asked} on director) and nobody \
                 answered. After three requests the kernel gives a neighbour up, and the segments that \
                 waited for it are answered with an ICMP host unreachable (packet {unreachable} on client)."
                    / "调度器询问 {node} 的以太网地址（director 上的{asked}），无人应答。三次询问之后内核放弃该邻居，等候它的报文段得到 \
                       ICMP host unreachable 应答（client 上的数据包 {unreachable}）。",
                asked = first(Seen::from(asked)),
                unreachable = unreachable.packet,
            );
            let silent = node.real_server().cloned();
            (asked, silent, text, vec![Citation::Packet(unreachable.packet)])
        } else {
            let asked = unanswered_arp(view, &Node::Client, Some(view.plan.vip()), request.sent.at)?;
            let text = bilingual!(
                "The client asked for the Ethernet address of the VIP ({asked} on client) and nobody \
                 answered: after three requests its kernel gives the neighbour up and tells its own TCP that \
                 the host is unreachable."
                    / "客户端询问 VIP 的以太网地址（client 上的{asked}），无人应答：三次询问之后其内核放弃该邻居，并告诉自己的 TCP 主机\
                       不可达。",
                asked = first(Seen::from(asked)),
            );
            (asked, None, text, Vec::new())
        };
        shown_by.insert(0, Citation::Packet(asked.number));
        Some(Finding {
            at: ended,
            text: bilingual!(
                "{text} To a socket that is connecting that is final: EHOSTUNREACH, {ended}."
                    / "{text}对正在建立连接的套接字来说，这是最终结果：{ended}报告 EHOSTUNREACH。",
                text = text,
                ended = moment(ended),
            ),
            shown_by,
            claims: claims(unreachable.map(|item| item.packet), &Fate::Unreachable),
            advice: silent.map(Advice::HealthCheck).into_iter().collect(),
        })
    },
};

/// A director that goes on sending to an address that nobody has any more.
pub(super) const STILL_REACHABLE: Rule = Rule {
    name: "neighbour-still-reachable",
    explains: Explains::Circumstance,
    sources: &[
        Source::of("neigh_rand_reach_time", "net/core/neighbour.c"),
        NEIGHBOUR,
    ],
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
        let asked: Vec<&Packet> = view.asked(&Node::Director, host.address(), head.at).collect();
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
                one = first(Seen::from(*one)),
            ),
        };
        let failed = match all {
            None => Bilingual::default(),
            Some(all) => bilingual!(
                " After that the neighbour counted as failed, and for the next segment the director asked \
                 everybody ({all} on director)."
                    / "此后该邻居算作失效，下一个报文段到来时，调度器询问了所有主机（director 上的{all}）。",
                all = first(Seen::from(all)),
            ),
        };
        let mut shown_by = vec![Citation::Step(off.number), packet(*head), packet(*last)];
        shown_by.push(Citation::Packet(first_asked.number));
        shown_by.extend(
            alone
                .iter()
                .chain(&all)
                .map(|packet| Citation::Packet(packet.number)),
        );
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
            shown_by,
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
    sources: &[ARP_ASKED, tcp("tcp_v4_rcv")],
    holds: |view| {
        let taken = Taken::of(view)?;
        let answer = super::shared::answer_from(view, taken.server)?;
        let mut shown_by = taken.shown_by();
        shown_by.push(Citation::Packet(answer.number));
        Some(Finding {
            at: taken.reached.at,
            text: bilingual!(
                "{taken} {server} took it, and answered (packet {answer} on client)."
                    / "{taken}{server} 接受了它，并给出应答（client 上的数据包 {answer}）。",
                taken = taken.text(view),
                server = taken.server,
                answer = answer.number,
            ),
            shown_by,
            claims: claims([taken.sent.packet], &Fate::Delivered(taken.node.clone())),
            advice: Vec::new(),
        })
    },
};

/// A real server speaks for the VIP, and knows nothing of the client's connection.
pub(super) const VIP_TAKEN_BY_ANOTHER: Rule = Rule {
    name: "vip-answered-by-another-server",
    explains: Explains::Error,
    sources: &[ARP_ASKED, tcp("tcp_v4_rcv"), tcp("tcp_v4_send_reset")],
    holds: |view| {
        let taken = Taken::of(view)?;
        let reset = view
            .terminator(TerminatorKind::Rst)
            .filter(|reset| reset.by.as_ref() == Some(&taken.node) && reset.packet > taken.reached.packet)?;
        if view.is_active(reset)? && !view.is_connect() {
            return None;
        }
        let mut shown_by = taken.shown_by();
        shown_by.push(Citation::Packet(reset.packet));
        Some(Finding {
            at: taken.reached.at,
            text: bilingual!(
                "{taken} The TCP of {server} has no socket for it, and answered with an RST (packet {reset} \
                 on client)."
                    / "{taken}{server} 的 TCP 没有对应的套接字，以 RST 应答（client 上的数据包 {reset}）。",
                taken = taken.text(view),
                server = taken.server,
                reset = reset.packet,
            ),
            shown_by,
            claims: vec![
                Claim {
                    packet: taken.sent.packet,
                    fate: Fate::UnknownAt(taken.node.clone()),
                },
                Claim {
                    packet: reset.packet,
                    fate: Fate::NoConnection,
                },
            ],
            advice: Vec::new(),
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
        let (reached, node) = passage.reached.as_ref()?;
        let mut servers = view.plan.real_servers().map(|(name, _)| name);
        let server = servers.find(|name| node.real_server() == Some(name))?;
        let vip = view.plan.vip();
        let reply = view.seen_on(&Node::Client).filter(|packet| {
            let speaks = matches!(packet.body, Body::Arp { sender, .. } if sender == vip)
                && view.sender(packet) == Some(node);
            speaks && packet.number < passage.sent.packet
        });
        Some(Self {
            server,
            node: node.clone(),
            reply: reply.last()?,
            sent: passage.sent,
            reached: *reached,
        })
    }

    fn shown_by(&self) -> Vec<Citation> {
        vec![
            Citation::Packet(self.reply.number),
            packet(self.sent),
            packet(self.reached),
        ]
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
