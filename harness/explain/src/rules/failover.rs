//! Two directors: to which of them the client's segments go, and what that one knows of the connection.

use super::neighbour::NEIGHBOUR;
use super::nodest::reset_by_director;
use super::prelude::*;
use super::shared::{OWN_TCP, why_own};
use super::two_directors::{passed_by_the_other, synced_by_hand, what_would_tell};
use lvs_matrix_model::action::{Action, HostAction};
use lvs_matrix_model::capture::{Body, Transport};
use lvs_matrix_model::record::StepRecord;

/// By what a new master tells the link that it has the VIP.
const TAKES_OVER: Sources = sources![vrrp: "vrrp_state_become_master", vrrp: "vrrp_send_link_update"];

/// The VIP had moved to the director that decided.
pub(super) const VIP_MOVED: Rule = Rule {
    name: "vip-moved",
    explains: Explains::Circumstance,
    sources: TAKES_OVER,
    holds: |view| {
        view.plan.keepalived()?;
        let moved = Moved::of(view)?;
        // It may have come there before, or have gone elsewhere since.
        let all = view.since_request().iter();
        let mut known = all.filter_map(|passage| Some((passage.sent.at, passage.director.as_ref()?)));
        let since = |at: Instant| at >= moved.announced.at;
        let other = known.any(|(at, director)| since(at) != (director == view.director()));
        let then = match other {
            true => bilingual!("." / "。"),
            false => bilingual!(
                ": from then on what the client sent to the VIP went to {to}."
                    / "：此后客户端发往 VIP 的报文段都到达 {to}。",
                to = view.director(),
            ),
        };
        Some(Finding {
            at: moved.announced.at,
            text: bilingual!(
                "After step {number} ({step}) {to} took the VIP over, and said so by {how} (packet \
                 {packet} on client, {later} after the step began){then}"
                    / "步骤 {number}（{step}）之后 {to} 接管了 VIP，并以{how}宣告（client 上的数据包 {packet}，步骤开始后 \
                       {later}）{then}",
                then = then,
                how = announcement(view),
                number = moved.step.number,
                step = doing(&moved.step.action),
                to = view.director(),
                packet = moved.announced.number,
                later = Human(moved.announced.at.since(moved.began)),
            ),
            shown_by: cites![moved.step, moved.announced],
            ..Finding::default()
        })
    },
};

/// The director that has the VIP now was told nothing of the connection.
pub(super) const UNKNOWN_TO_IT: Rule = Rule {
    name: "unknown-to-the-new-director",
    explains: Explains::Error,
    sources: sources![core: "ip_vs_in_hook", ..OWN_TCP],
    holds: |view| {
        let (answered, reset) = reset_by_director(view)?;
        let arrived = answered.arrived?;
        let (before, from) = passed_by_the_other(view, arrived.packet)?;
        let table = view.table_then(answered.sent.at)?;
        if table.has_entry(view.known_as) || !table.has_service() {
            return None;
        }
        let said_by = view.plan.keepalived();
        let own = said_by.is_some_and(|said| said.config.is_some());
        let told = match said_by.is_some_and(|said| said.sync) {
            // Which daemons ran then, and what they told, is another matter.
            _ if own || synced_by_hand(view) => bilingual!(
                "No sync daemon had told {to} of the connection" / "没有同步守护进程把这条连接告知 {to}",
                to = view.director(),
            ),
            false => bilingual!(
                "No sync daemon ran, so nobody had told {to} of the connection"
                    / "没有运行同步守护进程，因此没有人告知 {to} 这条连接",
                to = view.director(),
            ),
            true => bilingual!(
                "The sync daemons had not told {to} of the connection, or had told it too long ago: by \
                 default of its third packet, and of every fiftieth after that (net.ipv4.vs.sync_threshold)"
                    / "同步守护进程没有告知 {to} 这条连接，或者告知得太早：默认只在第三个数据包以及此后每第五十个数据包时告知\
                       （net.ipv4.vs.sync_threshold）",
                to = view.director(),
            ),
        };
        Some(Finding {
            at: answered.sent.at,
            text: bilingual!(
                "The client's {what} arrived at {to} ({arrived} there), and its table had no entry for the \
                 connection, which {from} had passed on before ({before} there). {told}. Without an entry \
                 only a SYN is scheduled (net.ipv4.vs.sloppy_tcp=0): IPVS let it pass, and it came to \
                 the own TCP of {to}, for {why}. That has no such connection, and answered with an RST \
                 (packet {reset} on client)."
                    / "客户端{what}到达 {to}（{to} 上的{arrived}），而它的表中没有这条连接的条目；此前由 {from} 转发（{from} 上的{before}）。\
                       {told}。没有条目时只有 SYN 会被调度（net.ipv4.vs.sloppy_tcp=0）：IPVS 放行，它来到 {to} 自己的 \
                       TCP（{why}）。那里没有这条连接，于是以 RST 应答（client 上的数据包 {reset}）。",
                what = view.kind(answered),
                to = view.director(),
                arrived = first(arrived),
                before = first(before),
                told = told,
                why = why_own(view),
                reset = reset.packet,
            ),
            shown_by: cites![before, arrived, reset, ..table.shown_by()],
            claims: said(answered, Fate::LeftToDirector, reset, Fate::NoConnection),
            advice: what_would_have_helped(view, &before, from),
        })
    },
};

/// The sync daemons had told the director that has the VIP now of the connection.
pub(super) const KNOWN_BY_SYNC: Rule = Rule {
    name: "known-by-the-sync-daemon",
    explains: Explains::Circumstance,
    sources: sources![sync: "ip_vs_sync_conn", sync: "ip_vs_proc_conn"],
    holds: |view| {
        let passed = view.since_request().iter().find(|passage| {
            let decided = passage.director.as_ref() == Some(view.director());
            decided && passage.passed_on.is_some()
        })?;
        let arrived = passed.arrived?;
        let (before, from) = passed_by_the_other(view, arrived.packet)?;
        let table = view.table_then(passed.sent.at)?;
        let entry = table.entry_from(view.known_as)?;
        let server = entry.server(view.plan)?;
        Some(Finding {
            at: passed.sent.at,
            text: bilingual!(
                "{from} had passed the connection on before ({before} there), and its sync daemon had told \
                 {to} of it: the table of {to} had an entry for it already ({state}, to {server}), before \
                 any segment of it arrived there ({arrived}). So {to} passed it on as {from} would have."
                    / "此前由 {from} 转发这条连接（{from} 上的{before}），它的同步守护进程已把它告知 {to}：在任何报文段到达 {to} \
                       之前（{arrived}），{to} 的表中已有它的条目（{state}，指向 {server}）。因此 {to} 照 {from} 那样转发。",
                to = view.director(),
                before = first(before),
                arrived = first(arrived),
                state = entry.state(),
            ),
            shown_by: cites![..table.shown_by(), before, arrived],
            ..Finding::default()
        })
    },
};

/// The client sent to a director that was gone, until another one told it that it has the VIP.
pub(super) const SENT_TO_THE_OLD: Rule = Rule {
    name: "sent-to-the-old-director",
    explains: Explains::Silence,
    sources: TAKES_OVER,
    holds: |view| {
        view.plan.keepalived()?;
        let to = view.director();
        let gone = |passage: &&Passage<'_>| {
            let other = passage.director.as_ref().is_some_and(|director| director != to);
            other && passage.arrived.is_none() && passage.reached.is_none()
        };
        let lost: Vec<&Passage<'_>> = view.sendings().filter(gone).collect();
        let first_lost = lost.first()?;
        let from = first_lost.director.as_ref()?;
        let (step, _) = view.unplugged(from, first_lost.sent.at)?;
        let then = view.sendings().find(|passage| {
            passage.director.as_ref() == Some(to) && passage.sent.packet > first_lost.sent.packet
        })?;
        let announced = announced(view, to, first_lost.sent.at, then.sent.at)?;
        Some(Finding {
            at: first_lost.sent.at,
            text: bilingual!(
                "The client still sent to {from}: its {what}, {times} (first {sent} on client). None of \
                 that arrived there, for step {number} ({step}). When {to} had taken the VIP over it said so \
                 by {how} (packet {announced} on client, {later} after the first). The client's TCP \
                 knows nothing of that, and its next repetition, by its own timer, went to {to} ({then} on \
                 client)."
                    / "客户端{what}共 {times} 发往 {from} 的以太网地址（首次为 client 上的{sent}），都没有到达：步骤 \
                       {number}（{step}）。{to} 接管 VIP 后以{how}宣告（client 上的数据包 {announced}，在首次发送 {later} \
                       之后）；客户端的 TCP 对此一无所知，它按自己的定时器进行的下一次重传到达 {to}（client 上的{then}）。",
                how = announcement(view),
                what = view.carrier(),
                times = times(lost.len()),
                sent = first(first_lost.sent),
                number = step.number,
                step = doing(&step.action),
                announced = announced.number,
                later = Human(announced.at.since(first_lost.sent.at)),
                then = first(then.sent),
            ),
            shown_by: cites![
                step,
                ..lost.iter().map(|passage| passage.sent),
                announced,
                then.sent
            ],
            claims: claims(lost.iter().map(|passage| passage.sent.packet), &Fate::LostBefore),
            advice: Vec::new(),
        })
    },
};

pub(super) const FORWARDING: &str = "net.ipv4.ip_forward";

/// Whether a host passes on what is for others: the sysctl of the cell's address family.
pub(super) fn forwarding(view: &CellView<'_>) -> &'static str {
    match view.plan.vip().is_ipv4() {
        true => FORWARDING,
        false => "net.ipv6.conf.all.forwarding",
    }
}

/// The new director told the client.
pub(super) const BY_HAND: Rule = Rule {
    name: "vip-moved-by-hand",
    explains: Explains::Circumstance,
    sources: sources![arp: "arp_process", arp: "arp_is_garp"],
    holds: |view| {
        let moved = ByHand::of(view)?;
        let to = view.director();
        let decided = |passage: &&Passage<'_>| passage.director.as_ref() == Some(to);
        let arrived = view.since_request().iter().find(decided)?;
        if moved.to != to {
            return None;
        }
        let announced = announced(view, to, moved.began, arrived.sent.at)?;
        Some(Finding {
            at: announced.at,
            text: bilingual!(
                "With step {number} ({step}) {to} told the link by {how} that it has the VIP \
                 (packet {packet} on client). A host that knows another Ethernet address of the VIP takes \
                 that one at once: from then on what the client sent to the VIP went to {to}."
                    / "步骤 {number}（{step}）中 {to} 以{how}宣告自己持有 VIP（client 上的数据包 {packet}）。已知 VIP \
                       另一以太网地址的主机立即改用新的地址：此后客户端发往 VIP 的报文段都到达 {to}。",
                how = announcement(view),
                number = moved.step.number,
                step = doing(&moved.step.action),
                packet = announced.number,
            ),
            shown_by: cites![moved.step, announced],
            ..Finding::default()
        })
    },
};

/// The old director, which forwards, passed on to the new one what still came to it.
pub(super) const ROUTED_ON: Rule = Rule {
    name: "routed-on-by-the-old-director",
    explains: Explains::Circumstance,
    sources: sources!["net/ipv4/ip_forward.c": "ip_forward", route: "ip_rt_send_redirect"],
    holds: |view| {
        let moved = ByHand::of(view)?;
        let (passage, arrived, old) = view.since_request().iter().find_map(|passage| {
            let old = passage.to.as_ref().filter(|to| to.is_director())?;
            let now = passage.director.as_ref().filter(|now| *now != old)?;
            let arrived = passage.arrived.filter(|_| now == moved.to)?;
            Some((passage, arrived, old))
        })?;
        if view.record.vip_holders(passage.sent.at).contains(&old) {
            return None;
        }
        let redirect = view.seen_on(&Node::Client).find(|packet| {
            packet.at >= passage.sent.at && is_redirect(packet) && view.sender(packet) == Some(old)
        });
        let told = redirect.map_or_else(Bilingual::default, |redirect| {
            bilingual!(
                ", and told the client so by an ICMP redirect (packet {number} on client)"
                    / "，并以 ICMP redirect 告知客户端（client 上的数据包 {number}）",
                number = redirect.number,
            )
        });
        Some(Finding {
            at: passage.sent.at,
            text: bilingual!(
                "The client still knew the Ethernet address of {old} for the VIP, and sent its {what} there \
                 ({sent} on client). {old} had not had the VIP since step {number} ({step}). It forwards \
                 ({forwarding}=1), so it passed the segment on to {to}, as a router does ({arrived} \
                 there){told}."
                    / "客户端仍把 {old} 的以太网地址当作 VIP 的地址，{what}发往那里（client 上的{sent}）。自步骤 \
                       {number}（{step}）起 {old} 已没有 VIP；它会转发（{forwarding}=1），于是像路由器一样把报文段转给 \
                       {to}（{to} 上的{arrived}）{told}。",
                forwarding = forwarding(view),
                what = view.carrier(),
                sent = first(passage.sent),
                number = moved.step.number,
                step = doing(&moved.step.action),
                to = moved.to,
                arrived = first(arrived),
                told = told,
            ),
            shown_by: cites![moved.step, passage.sent, arrived, ..redirect],
            ..Finding::default()
        })
    },
};

/// The client sent to a director that had the VIP no more, or was cut off, until it asked for the VIP anew,
/// or was told.
pub(super) const NOT_TOLD: Rule = Rule {
    name: "not-told-of-the-move",
    explains: Explains::Silence,
    sources: sources![route: "ip_error", NEIGHBOUR, neighbour: "neigh_max_probes", arp: "arp_process"],
    holds: |view| {
        let moved = ByHand::of(view)?;
        let head = view.request()?;
        let old = head
            .to
            .as_ref()
            .filter(|to| to.is_director() && *to != moved.to)?;
        let cut = view.unplugged(old, head.sent.at);
        let has_it = view.record.vip_holders(head.sent.at).contains(&old);
        let drops = view.sysctl(old, forwarding(view), head.sent.at) == Some("0");
        let why = match cut {
            Some((step, _)) => bilingual!(
                "Step {number} ({step}) had cut {old} off: none of that arrived there"
                    / "步骤 {number}（{step}）已将 {old} 断开：这些都没有到达",
                number = step.number,
                step = doing(&step.action),
            ),
            None if drops && !has_it => bilingual!(
                "{old} had not had the VIP since step {number} ({step}) and forwards nothing \
                 ({forwarding}=0): its kernel dropped all of that without a word"
                    / "自步骤 {number}（{step}）起 {old} 已没有 VIP，也不转发（{forwarding}=0）：其内核把这些都静默丢弃",
                forwarding = forwarding(view),
                number = moved.step.number,
                step = doing(&moved.step.action),
            ),
            None => return None,
        };
        let to_old = |passage: &&Passage<'_>| passage.to.as_ref() == Some(old) && passage.passed_on.is_none();
        let lost: Vec<&Passage<'_>> = view.sendings().filter(to_old).collect();
        lost.first()?;
        let then = view
            .sendings()
            .find(|passage| passage.to.as_ref() == Some(moved.to));
        let until = then.map_or(view.end(), |then| then.sent.at);
        let told = announced(view, moved.to, head.sent.at, until);
        let reply = view.seen_on(&Node::Client).find(|packet| {
            let reply =
                matches!(packet.body, Body::Arp { request: false, sender, .. } if sender == view.plan.vip());
            reply && head.sent.at <= packet.at && view.sender(packet) == Some(moved.to)
        });
        let text = match (then, told, reply) {
            (Some(then), Some(told), _) => bilingual!(
                "When {to} told the link by {how} that it has the VIP (packet {told} on client), \
                 the client's TCP knew nothing of that: its next repetition, by its own timer, went to {to} \
                 ({then} on client)"
                    / "{to} 以{how}宣告自己持有 VIP（client 上的数据包 {told}）；客户端的 TCP 对此一无所知，它按自己的定时器\
                       进行的下一次重传到达 {to}（client 上的{then}）",
                how = announcement(view),
                to = moved.to,
                told = told.number,
                then = first(then.sent),
            ),
            (Some(then), None, Some(reply)) => bilingual!(
                "{nobody}A neighbour counts as reachable for a random 15 to 45 s after its last \
                 confirmation. Then what is sent makes the kernel ask the Ethernet address of {old} for the \
                 VIP, three times; without an answer it forgets the neighbour. So in the end it asked \
                 everybody, and {to} said that it has the VIP (packet {reply} on client). The client's next \
                 repetition went to {to} ({then} on client)"
                    / "{nobody}邻居在最后一次确认之后的 15 到 45 秒（随机）内被视为可达。此后再发送时，内核会向该以太网地址询问 VIP \
                       三次；得不到应答就忘掉这个邻居。于是它最终向所有主机询问，{to} 表明自己持有 VIP（client 上的数据包 \
                       {reply}），客户端的下一次重传到达 {to}（client 上的{then}）",
                nobody = nobody_told(&moved),
                to = moved.to,
                reply = reply.number,
                then = first(then.sent),
            ),
            (Some(_), None, None) => return None,
            (None, ..) => bilingual!(
                "{nobody}In all that time the client's kernel did not find {to}"
                    / "{nobody}在整段时间里，客户端的内核都没有找到 {to}",
                nobody = nobody_told(&moved),
                to = moved.to,
            ),
        };
        let shown_by = cites![
            moved.step,
            ..cut.map(|(step, _)| step),
            ..lost.iter().map(|passage| passage.sent),
            ..told.or(reply).filter(|_| then.is_some()),
            ..then.map(|then| then.sent),
        ];
        let (arrived, before): (Vec<_>, Vec<_>) = lost.iter().partition(|passage| passage.arrived.is_some());
        let numbers = |of: Vec<&&Passage<'_>>| of.into_iter().map(|passage| passage.sent.packet).collect();
        let (arrived, before): (Vec<u32>, Vec<u32>) = (numbers(arrived), numbers(before));
        let claims = [claims(arrived, &Fate::Dropped), claims(before, &Fate::LostBefore)].concat();
        Some(Finding {
            at: head.sent.at,
            text: bilingual!(
                "The client still sent to {old}: its {what}, {times} ({sent} on client). {why}. {text}."
                    / "客户端仍发往 {old}：{what}共 {times}（client 上的{sent}）。{why}。{text}。",
                what = view.carrier(),
                times = times(lost.len()),
                sent = first(head.sent),
                why = why,
                text = text,
            ),
            shown_by,
            claims,
            advice: vec![Advice::Announce],
        })
    },
};

/// Is it an ICMP redirect?
fn is_redirect(packet: &Packet) -> bool {
    matches!(
        packet.body,
        Body::Ip {
            // ICMPv6 calls it 137 (RFC 4861, 4.5).
            transport: Transport::Icmp { kind: 5 | 137, .. },
            ..
        }
    )
}

fn nobody_told(moved: &ByHand<'_>) -> Bilingual {
    match moved.told {
        true => Bilingual::default(),
        false => bilingual!(
            "The step sent no gratuitous ARP, so nobody told the client. "
                / "该步骤没有发送免费 ARP，因此没有人告知客户端。"
        ),
    }
}

/// The last step that moved the VIP by hand.
struct ByHand<'a> {
    step: &'a StepRecord,
    began: Instant,
    to: &'a Node,
    told: bool,
}

impl<'a> ByHand<'a> {
    fn of(view: &CellView<'a>) -> Option<Self> {
        let moves = view.done(|action| {
            let Action::Host(HostAction::MoveVip { to, gratuitous_arp }) = action else {
                return None;
            };
            Some((to, *gratuitous_arp))
        });
        let (step, began, (to, told)) = moves.last()?;
        Some(Self {
            step,
            began,
            to,
            told,
        })
    }
}

/// How the VIP came to the director that decided.
pub(super) struct Moved<'a> {
    /// The last step before that was done to a director.
    step: &'a StepRecord,
    began: Instant,
    /// By what it told the client.
    pub(super) announced: &'a Packet,
}

impl<'a> Moved<'a> {
    pub(super) fn of(view: &CellView<'a>) -> Option<Self> {
        let to = view.director();
        let decided = |passage: &&Passage<'_>| {
            let has_vip = passage.passed_on.is_some() || view.has_vip(passage.sent.at);
            has_vip && passage.director.as_ref() == Some(to)
        };
        let arrived = view.since_request().iter().find(decided)?;
        let steps = view.done(|action| action.node().filter(Node::is_director));
        let moved = steps.filter_map(|(step, began, _)| {
            if view.record.vip_holders(began).contains(&to) {
                return None;
            }
            let announced = announced(view, to, began, arrived.sent.at)?;
            Some(Self {
                step,
                began,
                announced,
            })
        });
        moved.last()
    }

    /// Did the VIP come to this director for it had come back itself?
    fn came_back(&self, to: &Node) -> bool {
        let Action::Host(action) = &self.step.action else {
            return false;
        };
        let back = action.cuts_off() == Some(false) || matches!(action, HostAction::StartKeepalived { .. });
        back && action.node() == *to
    }
}

/// What would have kept a connection that another director passed on, last as this packet.
fn what_would_have_helped(view: &CellView<'_>, before: &Seen, from: &Node) -> Vec<Advice> {
    let moved = Moved::of(view);
    // Nobody told it anything as long as it was away.
    let back = moved
        .as_ref()
        .is_some_and(|moved| moved.came_back(view.director()));
    let first = match moved.map(|moved| moved.began) {
        Some(_) if back => vec![Advice::NoPreempt { sync: false }],
        Some(gone) => what_would_tell(view, before, from, gone),
        None => {
            let by_hand = ByHand::of(view).map(|moved| what_would_tell(view, before, from, moved.began));
            by_hand.unwrap_or_default()
        }
    };
    first.into_iter().chain([Advice::Reconnect]).collect()
}

/// How a host tells a link that it has an address: gratuitous ARP, or over IPv6 a neighbour advertisement
/// that nobody asked for (RFC 4861, 7.2.6).
pub(super) fn announcement(view: &CellView<'_>) -> Bilingual {
    match view.plan.vip().is_ipv4() {
        true => bilingual!("gratuitous ARP" / "免费 ARP "),
        false => bilingual!("an unsolicited neighbour advertisement" / "未经请求的邻居通告"),
    }
}

/// The first one within a time by which a director told the client that it has the VIP.
fn announced<'a>(view: &CellView<'a>, by: &Node, from: Instant, until: Instant) -> Option<&'a Packet> {
    let vip = view.plan.vip();
    view.seen_on(&Node::Client).find(|packet| {
        let gratuitous = match &packet.body {
            Body::Arp { sender, target, .. } => *sender == vip && *target == vip,
            Body::Ip {
                source,
                destination,
                transport: Transport::Icmp { kind: 136, .. },
            } => *source == vip && destination.is_multicast(),
            Body::Ip { .. } | Body::Sentinel { .. } | Body::Other { .. } | Body::Malformed { .. } => false,
        };
        let in_time = from <= packet.at && packet.at <= until;
        gratuitous && in_time && view.sender(packet) == Some(by)
    })
}
