//! Rules of a firewall, at the director or at a real server. Frames are captured before the firewall of the
//! host that receives them sees them, and after that of the host that sends them.

use super::super::advice::about_firewalls;
use super::super::cell_view::size;
use super::chosen::{NFT, Partly, own_match};
use super::datagram::told;
use super::prelude::*;
use super::translated::sent_on;
use lvs_matrix_model::action::{Chain, FirewallVerdict};
use lvs_matrix_model::capture::Segment;
use lvs_matrix_model::capture::flow::{at_or_after, segment};
use lvs_matrix_model::record::{AtEnd, Packets, StepRecord};
use lvs_matrix_model::verdict::Terminator;

pub(super) const REJECT_ICMP: Source = Source::of("nf_send_unreach", "net/ipv4/netfilter/nf_reject_ipv4.c");
pub(super) const REJECT_RST: Source = Source::of("nf_send_reset", "net/ipv4/netfilter/nf_reject_ipv4.c");

/// Nothing is said.
pub(super) const DROPS: Rule = Rule {
    name: "firewall-drops",
    explains: Explains::Silence,
    sources: sources![NFT],
    holds: |view| {
        let rules = view.firewall(view.end());
        // What a rule of the output chain answers goes to who sent the packet: of a server's own packets to
        // itself.
        let says_nothing = |node: &Node, chain, verdict| {
            verdict == FirewallVerdict::Drop
                || (chain == Chain::Output && matches!(node, Node::RealServer(_)))
        };
        let silent = rules
            .iter()
            .filter(|(_, node, chain, verdict)| says_nothing(node, *chain, *verdict));
        let found = silent.filter_map(|(step, node, chain, verdict)| {
            Some((step, dropped(view, step, node, *chain, *verdict)?))
        });
        let mut found: Vec<_> = found.collect();
        // A rule that has met more packets than the client lost may have met others' alone.
        let exact = |(step, (taken, _)): &(&&StepRecord, (usize, Finding))| {
            own_match(step).is_none() || step.met().is_none_or(|met| usize::try_from(met) == Ok(*taken))
        };
        let best = found.iter().position(exact).unwrap_or(0);
        (best < found.len()).then(|| found.swap_remove(best).1.1)
    },
};

/// What a rule dropped, and how many packets of the client's that are.
fn dropped(
    view: &CellView<'_>,
    step: &StepRecord,
    node: &Node,
    chain: Chain,
    verdict: FirewallVerdict,
) -> Option<(usize, Finding)> {
    let began = step.began?;
    let Held { head, all, what } = Held::of(view)?;
    let met = match &step.at_end {
        // It was in force and dropped nothing: not this rule.
        Some(AtEnd::InForce { packets: Some(0), .. } | AtEnd::Gone { .. }) => return None,
        Some(AtEnd::InForce {
            packets: Some(count), ..
        }) => {
            let packets = Packets(*count);
            bilingual!(", {packets} by the end" / "，到结束时共 {count} 个数据包")
        }
        Some(AtEnd::InForce { packets: None, .. }) | None => Bilingual::default(),
    };
    let part = Partly::of(view, step, node, chain, &all).map(|part| part.taken);
    let let_pass = part.is_some();
    let since: Vec<&Passage<'_>> = part.unwrap_or_else(|| {
        let all = all.into_iter();
        all.filter(|passage| passage.sent.at >= began).collect()
    });
    // A rule that looks at what an author says may have met others' packets alone.
    let chosen = own_match(step).is_some();
    let taken_before = match chosen && view.is_connect() && head.sent.packet != view.request()?.sent.packet {
        true => {
            let sendings: Vec<&Passage<'_>> = view.sendings().collect();
            Partly::of(view, step, node, chain, &sendings).map_or(0, |part| part.taken.len())
        }
        false => 0,
    };
    let met_by_it = step.met().and_then(|met| usize::try_from(met).ok());
    let too_few = met_by_it.is_some_and(|met| met < taken_before + since.len());
    if too_few && chain == Chain::Input && chosen {
        return None;
    }
    let all = |test: fn(&Passage<'_>) -> bool| !since.is_empty() && since.iter().all(|passage| test(passage));
    let filtered = Fate::Filtered(node.clone());
    let (seen, way, fated, fate) = match (node, chain) {
        (Node::Client | Node::Probe | Node::Router, _) | (Node::RealServer(_), Chain::Forward) => {
            return None;
        }
        (Node::Director(_), Chain::Input | Chain::Output) => {
            // What comes in meets the firewall first; what goes on, IPVS.
            let met = |passage: &&Passage<'_>| match chain {
                Chain::Input => view.stopped(passage).as_ref() == Some(&filtered),
                Chain::Output | Chain::Forward => {
                    view.stopped(passage).is_none() && server_is_there(view, passage)
                }
            };
            if !all(|passage| passage.stopped_at_director().is_some()) || !since.iter().all(met) {
                return None;
            }
            let seen: Vec<_> = since.iter().filter_map(|passage| passage.arrived).collect();
            let before = if chain == Chain::Input {
                bilingual!("before IPVS saw it" / "在 IPVS 看到它之前")
            } else {
                bilingual!("after IPVS had chosen its way" / "在 IPVS 为它选定去向之后")
            };
            let text = bilingual!(
                "arrived at the director {times} and was dropped there by its firewall, {before}"
                    / "到达调度器 {times}，{before}被那里的防火墙丢弃",
                times = times(since.len()),
                before = before,
            );
            (seen, text, since.clone(), filtered)
        }
        (Node::Director(_), Chain::Forward) => {
            let stopped = answers_stopped(view, began);
            let (_, server) = head.at_server()?;
            if stopped.is_empty() {
                return None;
            }
            let text = bilingual!(
                "reached {server}, but whatever {server} answers is dropped on its way back, in the forward \
                 chain of the director's firewall"
                    / "到达了 {server}，但 {server} 的应答都在返回途中被调度器防火墙的 forward 链丢弃"
            );
            (stopped, text, vec![head], Fate::delivered(server))
        }
        (Node::RealServer(server), Chain::Input) => {
            let reached = |passage: &Passage<'_>| passage.reached.is_some();
            let by_then = began.max(head.sent.at);
            let heard = match chosen {
                true => !let_pass && said_data(view, server, by_then),
                false => spoke_anew(view, server, by_then),
            };
            // What TCP has acknowledged it has seen, and what a synproxy drops another rule tells.
            let taken = chosen && !let_pass && was_acknowledged(view, server, head);
            let proxied = chosen && view.record.state_at(head.sent.at).answers_syns(node).is_some();
            if !all(reached) || heard || taken || proxied {
                return None;
            }
            // Later sendings may have reached another server.
            let seen: Vec<_> = since
                .iter()
                .filter_map(|passage| passage.reached.as_ref())
                .filter(|(_, at)| at == node)
                .map(|(seen, _)| *seen)
                .collect();
            let text = bilingual!(
                "reached {server} {times} and was dropped there by its firewall, before TCP saw it"
                    / "到达 {server} {times}，在 TCP 看到它之前被那里的防火墙丢弃",
                times = times(seen.len()),
            );
            (seen, text, since.clone(), filtered)
        }
        (Node::RealServer(server), Chain::Output) => {
            let (reached, _) = head.reached.as_ref()?;
            let text = match chosen {
                true if said_data(view, server, began) => return None,
                true => bilingual!(
                    "reached {server}, but of what {server} answers its own firewall keeps back what the \
                     rule looks at, and no data left {server}"
                        / "到达了 {server}，但 {server} 的应答中凡是规则所匹配的都被它自己的防火墙拦下，没有任何数据离开 {server}"
                ),
                false if spoke(view, server, began) => return None,
                false => bilingual!(
                    "reached {server}, but whatever {server} answers is kept back by its own firewall"
                        / "到达了 {server}，但 {server} 的应答都被它自己的防火墙拦下"
                ),
            };
            (vec![*reached], text, vec![head], Fate::Delivered(node.clone()))
        }
    };
    let first_seen = *seen.first()?;
    let told = match verdict {
        FirewallVerdict::Drop => bilingual!(
            "A firewall that drops tells nobody anything; IPVS does not learn of it either."
                / "丢弃数据包的防火墙不通知任何人，IPVS 也无从得知。"
        ),
        FirewallVerdict::Reject | FirewallVerdict::TcpReset => bilingual!(
            "What the rule answers goes to who sent the packet, {node} itself: nobody else is told anything."
                / "规则的应答发往数据包的发送者，即 {node} 自己，其他任何人都得不到通知。"
        ),
    };
    let taken = match chain {
        Chain::Input => since.len(),
        Chain::Output | Chain::Forward => met_by_it.unwrap_or_default(),
    };
    let finding = Finding {
        at: head.sent.at,
        text: bilingual!(
            "The client's {what} {way} ({seen} on {node}{met}). {told}"
                / "客户端{what}{way}（{node} 上的{seen}{met}）。{told}",
            what = what,
            way = way,
            seen = first(first_seen),
            met = met,
            told = told,
        ),
        shown_by: cites![step, ..seen],
        claims: claims(fated.iter().map(|passage| passage.sent.packet), &fate),
        advice: about_it(view),
    };
    Some((taken, finding))
}

/// Did the server acknowledge what this segment carries?
fn was_acknowledged(view: &CellView<'_>, server: &Name, head: &Passage<'_>) -> bool {
    let next = head.segment.sequence.wrapping_add(size(head.segment));
    let carries = size(head.segment) > 0;
    carries
        && view.sent_by(server).any(|(packet, said)| {
            packet.number > head.sent.packet && said.flags.ack && at_or_after(said.acknowledgement, next)
        })
}

/// What of an operation was held back, if a rule looks at some of its segments only.
struct Held<'v, 'a> {
    /// The first segment of it.
    head: &'v Passage<'a>,
    /// It, and whatever carried some of it again.
    all: Vec<&'v Passage<'a>>,
    /// What the client sent with it, in words.
    what: Bilingual,
}

impl<'v, 'a> Held<'v, 'a> {
    /// The request; of a connect whose SYN was answered what the client sent next; or its acknowledgements,
    /// if it sent nothing else and the server said nothing.
    fn of(view: &'v CellView<'a>) -> Option<Self> {
        let request = view.request()?;
        if view.is_connect() && view.acknowledged().is_some() {
            if let Some(head) = view.unacknowledged() {
                return Some(Self {
                    head,
                    all: view.sendings_of(head).collect(),
                    what: bilingual!("segment after the handshake" / "握手之后的报文段"),
                });
            }
            let sent = view.since_request().iter();
            let all: Vec<_> = sent.filter(|passage| size(passage.segment) == 0).collect();
            if let (Some(head), None) = (all.first(), view.payload()) {
                return Some(Self {
                    head,
                    all,
                    what: bilingual!("acknowledgement of the handshake" / "对握手的确认"),
                });
            }
        }
        Some(Self {
            head: request,
            all: view.sendings().collect(),
            what: view.carrier(),
        })
    }

    /// The same, if it was on a connection that there was by then.
    fn connected(view: &'v CellView<'a>) -> Option<Self> {
        Self::of(view).filter(|_| !view.is_connect() || view.acknowledged().is_some())
    }
}

/// Does a rule in the input chain of this server keep things from its TCP at a moment?
pub(super) fn keeps_from(view: &CellView<'_>, server: &Name, at: Instant) -> bool {
    let mut rules = view.firewall(at).into_iter();
    rules.any(|(_, node, chain, _)| node.real_server() == Some(server) && chain == Chain::Input)
}

/// What may help against a firewall's rule, and else at the client.
fn about_it(view: &CellView<'_>) -> Vec<Advice> {
    and_patience(about_firewalls(view))
}

/// Is there a server in the table that the director would pass a segment on to? Else it does not get as far
/// as the firewall of what goes out.
fn server_is_there(view: &CellView<'_>, passage: &Passage<'_>) -> bool {
    match view.server() {
        Some(server) => view.deleted(server, passage.sent.at).is_none(),
        None => view.is_connect(),
    }
}

/// Where the answers of real servers came to the director since a moment, if it passed none on.
fn answers_stopped(view: &CellView<'_>, since: Instant) -> Vec<Seen> {
    let port = view.known_as.1;
    let answers = view.seen_on(view.director()).filter(|packet| {
        let ours = segment(packet).is_some_and(|(_, _, segment)| segment.destination_port == port);
        ours && packet.at >= since && matches!(view.sender(packet), Some(Node::RealServer(_)))
    });
    let answers: Vec<&Packet> = answers.collect();
    let passed = answers.iter().any(|packet| sent_on(view, packet).is_some());
    match passed {
        true => Vec::new(),
        false => answers.into_iter().map(Seen::from).collect(),
    }
}

/// Did the server's interface send anything on the connection since then?
fn spoke(view: &CellView<'_>, server: &Name, since: Instant) -> bool {
    view.sent_by(server).any(|(packet, _)| packet.at > since)
}

/// The same, but for what it had sent before: it sends its last answer again where the firewall takes the
/// client's acknowledgement of it.
fn spoke_anew(view: &CellView<'_>, server: &Name, since: Instant) -> bool {
    anew(view, server, since).next().is_some()
}

/// Did it send data that it had not sent before?
fn said_data(view: &CellView<'_>, server: &Name, since: Instant) -> bool {
    anew(view, server, since).any(|segment| segment.payload_length > 0)
}

/// What the server has sent since then and not before.
fn anew<'a>(view: &CellView<'a>, server: &Name, since: Instant) -> impl Iterator<Item = &'a Segment> {
    let said = |segment: &Segment| {
        let Segment {
            sequence,
            acknowledgement,
            payload_length,
            ..
        } = segment;
        (*sequence, *acknowledgement, *payload_length)
    };
    let all: Vec<(&Packet, &Segment)> = view.sent_by(server).collect();
    let before = all.iter().filter(|(packet, _)| packet.at <= since);
    let before: Vec<_> = before.map(|(_, segment)| said(segment)).collect();
    let later = all.into_iter().filter(move |(packet, _)| packet.at > since);
    later
        .map(|(_, segment)| segment)
        .filter(move |segment| !before.contains(&said(segment)))
}

/// An attempt to connect is ended by either answer.
pub(super) const REFUSES: Rule = Rule {
    name: "firewall-refuses-a-syn",
    explains: Explains::Error,
    sources: sources![NFT, REJECT_ICMP, REJECT_RST, tcp: "tcp_v4_err"],
    holds: |view| {
        let request = view
            .request()
            .filter(|_| view.is_connect() && view.acknowledged().is_none())?;
        let sendings: Vec<&Passage<'_>> = view.sendings().collect();
        let Answered {
            refusal,
            step,
            node,
            request,
            met,
        } = Answered::of(
            view,
            (request, &sendings),
            &[FirewallVerdict::Reject, FirewallVerdict::TcpReset],
        )?;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The firewall of {node} met the client's SYN ({met} on {node}) and answered with an {kind} \
                 (packet {refusal} on client). To a socket that is connecting both an RST and an ICMP error \
                 are final: ECONNREFUSED."
                    / "{node} 的防火墙遇到客户端的 SYN（{node} 上的{met}），以 {kind} 应答（client 上的数据包 {refusal}）。对正在\
                       建立连接的套接字来说，RST 和 ICMP 错误都是最终结果：ECONNREFUSED。",
                met = first(met),
                kind = refusal.kind,
                refusal = refusal.packet,
            ),
            shown_by: cites![step, met, refusal],
            claims: said(request, Fate::Filtered(node.clone()), refusal, Fate::Rejection),
            advice: Vec::new(),
        })
    },
};

/// An RST ends a connection.
pub(super) const RESETS: Rule = Rule {
    name: "firewall-resets",
    explains: Explains::Error,
    sources: sources![NFT, REJECT_RST],
    holds: |view| {
        let Held { head, all, what } = Held::connected(view)?;
        let Answered {
            refusal: reset,
            step,
            node,
            request,
            met,
        } = Answered::of(view, (head, &all), &[FirewallVerdict::TcpReset])?;
        let before = all
            .iter()
            .filter(|one| one.sent.packet < request.sent.packet)
            .count();
        let before = match before {
            0 => Bilingual::default(),
            before => bilingual!(
                " The client had sent it {times} before, which nobody answered."
                    / "此前客户端已发送 {times}，无人应答。",
                times = times(before),
            ),
        };
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The firewall of {node} met the client's {what} ({met} on {node}) and answered with an RST \
                 (packet {reset} on client), which ends the connection for the client at once.{before}"
                    / "{node} 的防火墙遇到客户端{what}（{node} 上的{met}），以 RST 应答（client 上的数据包 {reset}），客户端的连接\
                       立刻结束。{before}",
                before = before,
                what = what,
                met = first(met),
                reset = reset.packet,
            ),
            shown_by: cites![step, met, reset],
            claims: said(request, Fate::Filtered(node.clone()), reset, Fate::Rejection),
            advice: vec![Advice::Reconnect],
        })
    },
};

/// An ICMP error does not end an established connection.
pub(super) const NOT_FATAL: Rule = Rule {
    name: "firewall-rejects",
    explains: Explains::Silence,
    sources: sources![NFT, REJECT_ICMP, tcp: "tcp_v4_err"],
    holds: |view| {
        let Held { head, all, what } = Held::connected(view).filter(|_| !view.is_udp())?;
        let Answered {
            refusal: rejection,
            step,
            node,
            request,
            met,
        } = Answered::of(view, (head, &all), &[FirewallVerdict::Reject])?;
        let all: Vec<u32> = view
            .observed
            .terminators
            .iter()
            .filter(|item| item.kind == rejection.kind && item.by == rejection.by)
            .map(|item| item.packet)
            .collect();
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The firewall of {node} met the client's {what} ({met} on {node}) and rejected it, {times} \
                 in all, with an {kind} (first packet {rejection} on client). That ends an attempt to \
                 connect, but not a connection that is established: there TCP keeps the error in mind, goes \
                 on sending, and tells the application nothing."
                    / "{node} 的防火墙遇到客户端{what}（{node} 上的{met}），以 {kind} 拒绝，共 {times}（首次为 client 上的数据包 \
                       {rejection}）。这能结束正在建立的连接，却不能结束已建立的连接：TCP 只是记下这个错误，继续发送，不告诉应用程序。",
                what = what,
                met = first(met),
                times = times(all.len()),
                kind = rejection.kind,
                rejection = rejection.packet,
            ),
            shown_by: cites![step, met, ..all.iter().map(|number| Citation::Packet(*number))],
            claims: said(request, Fate::Filtered(node.clone()), rejection, Fate::Rejection),
            advice: about_it(view),
        })
    },
};

/// A datagram that is rejected is an error of the socket that sent it.
pub(super) const REFUSES_A_DATAGRAM: Rule = Rule {
    name: "firewall-refuses-a-datagram",
    explains: Explains::Error,
    sources: sources![NFT, REJECT_ICMP, udp: "udp_err"],
    holds: |view| {
        let head = view.request().filter(|_| view.is_udp())?;
        let sendings: Vec<&Passage<'_>> = view.sendings().collect();
        let Answered {
            refusal,
            step,
            node,
            request,
            met,
        } = Answered::of(view, (head, &sendings), &[FirewallVerdict::Reject])?;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The firewall of {node} met the client's {what} ({met} on {node}) and answered with an \
                 {kind} (packet {refusal} on client). {told}."
                    / "{node} 的防火墙遇到客户端{what}（{node} 上的{met}），以 {kind} 应答（client 上的数据包 {refusal}）。{told}。",
                what = view.carrier(),
                met = first(met),
                kind = refusal.kind,
                refusal = refusal.packet,
                told = told(),
            ),
            shown_by: cites![step, met, refusal],
            claims: said(request, Fate::Filtered(node.clone()), refusal, Fate::Rejection),
            advice: Vec::new(),
        })
    },
};

/// What a host's firewall answered to what the client had sent.
struct Answered<'v, 'a> {
    /// The answer.
    refusal: &'a Terminator,
    /// The step that made its rule.
    step: &'a StepRecord,
    /// The host.
    node: &'a Node,
    /// Which sending it answers.
    request: &'v Passage<'a>,
    /// Where that was seen there.
    met: Seen,
}

impl<'v, 'a> Answered<'v, 'a> {
    /// The first answer by a rule of one of these verdicts, of whatever carried the request.
    fn of(
        view: &CellView<'a>,
        (head, all): (&'v Passage<'a>, &[&'v Passage<'a>]),
        verdicts: &[FirewallVerdict],
    ) -> Option<Self> {
        let rules = view.firewall(head.sent.at);
        rules.into_iter().find_map(|(step, node, _, verdict)| {
            let kind = match verdict {
                FirewallVerdict::Drop => return None,
                FirewallVerdict::Reject => TerminatorKind::Icmp { code: 3 },
                FirewallVerdict::TcpReset => TerminatorKind::Rst,
            };
            let seen_there = |passage: &Passage<'_>| match node {
                Node::Client | Node::Probe | Node::Router => None,
                Node::Director(_) => passage.stopped_at_director(),
                Node::RealServer(_) => passage
                    .reached
                    .as_ref()
                    .filter(|(_, at)| at == node)
                    .map(|(seen, _)| *seen),
            };
            let met = seen_there(head)?;
            // What it said before is about the client's segments before.
            let mut said = view.observed.terminators.iter();
            let refusal = said.find(|refusal| {
                let own = refusal.kind == kind && refusal.by.as_ref() == Some(node);
                own && refusal.packet > met.packet
            })?;
            // Another rule may have dropped what was sent first.
            let met = all.iter().filter_map(|one| Some((*one, seen_there(one)?)));
            let mut met = met.filter(|(_, met)| met.packet < refusal.packet);
            let (request, met) = met.next_back()?;
            verdicts.contains(&verdict).then_some(Self {
                refusal,
                step,
                node,
                request,
                met,
            })
        })
    }
}
