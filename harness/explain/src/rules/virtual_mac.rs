//! A VIP with an Ethernet address of its own, which several directors have at a time.

use super::super::icmp::HOST_UNREACHABLE;
use super::failover::{FORWARDING, Moved};
use super::neighbour::NEIGHBOUR;
use super::prelude::*;
use lvs_matrix_model::action::{Action, ControlStep, HostAction, StopSignal};
use lvs_matrix_model::capture::{Body, is_virtual_router};
use lvs_matrix_model::record::StepRecord;

/// A switch that does not know where an address is sends to everybody, and a backup has the address.
const FLOODED: [Source; 2] = [
    Source::of("br_flood", "net/bridge/br_forward.c"),
    Source::of("macvlan_handle_frame", "drivers/net/macvlan.c"),
];

/// The VIP came to another director with its Ethernet address.
pub(super) const SAME_ADDRESS: Rule = Rule {
    name: "vip-moved-with-its-ethernet-address",
    explains: Explains::Circumstance,
    sources: sources![
        "net/bridge/br_fdb.c": "br_fdb_update", "drivers/net/macvlan.c": "macvlan_handle_frame",
    ],
    holds: |view| {
        view.plan.keepalived()?;
        let moved = Moved::of(view)?;
        let Body::Arp {
            sender_mac: address, ..
        } = moved.announced.body
        else {
            return None;
        };
        // Another director may have answered for the VIP with the address of its card.
        let before = view.seen_on(&Node::Client).find(|packet| {
            let Body::Arp {
                sender, sender_mac, ..
            } = packet.body
            else {
                return false;
            };
            let of_another = view
                .sender(packet)
                .is_some_and(|by| by.is_director() && by != view.director());
            of_another && (sender, sender_mac) == (view.plan.vip(), address) && packet.at < moved.announced.at
        })?;
        is_virtual_router(address).then(|| Finding {
            at: moved.announced.at,
            text: bilingual!(
                "The VIP has an Ethernet address of its own (use_vmac), {address}, which went to {to} with \
                 it: what the client had been told of the VIP (packet {before} on client) stayed true. It \
                 was the link's switch that had to learn where the address is now, by what {to} sent from \
                 it, such as its gratuitous ARP (packet {packet} on client)."
                    / "VIP 有自己的以太网地址（use_vmac）{address}，它随 VIP 一起移到 {to}：此前告知客户端的 VIP 地址（client 上的数据包 \
                       {before}）仍然有效。需要得知该地址新位置的是链路上的交换机，它由 {to} 从该地址发出的帧学到，例如它的免费 ARP（client \
                       上的数据包 {packet}）。",
                to = view.director(),
                packet = moved.announced.number,
                before = before.number,
            ),
            shown_by: cites![before, moved.announced],
            ..Finding::default()
        })
    },
};

/// A backup took the client's SYN, and looked for who has the VIP.
pub(super) const REFUSED: Rule = Rule {
    name: "refused-by-a-backup",
    explains: Explains::Error,
    sources: sources![..FLOODED, NEIGHBOUR, tcp: "tcp_v4_err"],
    holds: |view| {
        let flooded = Flooded::of(view).filter(|flooded| flooded.ended.is_none() && view.is_connect())?;
        let refusal = view
            .terminator(TerminatorKind::Icmp {
                code: HOST_UNREACHABLE,
            })
            .filter(|refusal| refusal.by.as_ref() == Some(flooded.backup))?;
        // Others may have made it ask before.
        let since = flooded.step.began?;
        let first_asked = view.asked(flooded.backup, view.plan.vip(), since).next();
        let asked = first_asked.filter(|asked| asked.at < flooded.arrived.at);
        let asked = asked.map_or_else(Bilingual::default, |asked| {
            bilingual!(
                " (the first one, for what others sent, was packet {number} on {backup})"
                    / "（第一次询问是为他人的报文，即 {backup} 上的数据包 {number}）",
                number = asked.number,
                backup = flooded.backup,
            )
        });
        Some(Finding {
            at: flooded.passage.sent.at,
            text: bilingual!(
                "{flooded} It forwards (net.ipv4.ip_forward=1), so it looked on the link for whoever has the \
                 VIP, as a router does. Nobody said so. After three questions, one a second{asked}, the \
                 kernel gives a neighbour up, and whatever waits for it by then is answered with an ICMP \
                 host unreachable (packet {refusal} on client). To a socket that is connecting that is \
                 final: EHOSTUNREACH."
                    / "{flooded}它会转发（net.ipv4.ip_forward=1），于是像路由器一样在链路上寻找持有 VIP 的主机，无人应答。每秒一次\
                       询问三次之后{asked}，内核放弃该邻居，此时等候它的报文段都得到 ICMP host unreachable 应答（client 上的数据包 \
                       {refusal}）。对正在建立连接的套接字来说，这是最终结果：EHOSTUNREACH。",
                asked = asked,
                flooded = flooded.text(view),
                refusal = refusal.packet,
            ),
            shown_by: cites![..flooded.shown_by(), ..first_asked, refusal],
            claims: claims([refusal.packet], &Fate::Unreachable),
            advice: Vec::new(),
        })
    },
};

/// A backup took segments of an open connection, and looked for who has the VIP.
pub(super) const TOLD: Rule = Rule {
    name: "told-unreachable-by-a-backup",
    explains: Explains::Silence,
    sources: sources![..FLOODED, NEIGHBOUR, tcp: "tcp_v4_err"],
    holds: |view| {
        let flooded = Flooded::of(view).filter(|flooded| flooded.ended.is_none() && !view.is_connect())?;
        let all = view.observed.terminators.iter();
        let told: Vec<u32> = all
            .filter(|one| {
                let code = TerminatorKind::Icmp {
                    code: HOST_UNREACHABLE,
                };
                one.kind == code && one.by.as_ref() == Some(flooded.backup)
            })
            .map(|one| one.packet)
            .collect();
        let first = *told.first()?;
        Some(Finding {
            at: flooded.passage.sent.at,
            text: bilingual!(
                "{flooded} It forwards (net.ipv4.ip_forward=1), so it looked on the link for whoever has the \
                 VIP, as a router does. Nobody said so, and after three questions, one a second, the \
                 kernel answered what waited for it with ICMP host unreachable, {times} in all (the first is \
                 packet {first} on client). To an open connection that is no error: its TCP goes on \
                 repeating, and would report it only if it gave up."
                    / "{flooded}它会转发（net.ipv4.ip_forward=1），于是像路由器一样在链路上寻找持有 VIP 的主机，无人应答。每秒一次\
                       询问三次之后，内核以 ICMP host unreachable 应答等候它的报文段，共 {times}（第一个是 client 上的数据包 \
                       {first}）。对已建立的连接来说这不是错误：其 TCP 继续重传，只有在放弃时才会报告它。",
                flooded = flooded.text(view),
                times = times(told.len()),
                first = first,
            ),
            shown_by: cites![..flooded.shown_by(), Citation::Packet(first)],
            claims: claims(told, &Fate::Unreachable),
            advice: Vec::new(),
        })
    },
};

/// A backup that does not forward took what the client sent, and dropped it.
pub(super) const DROPPED: Rule = Rule {
    name: "dropped-by-a-backup",
    explains: Explains::Silence,
    sources: sources![..FLOODED, route: "ip_error"],
    holds: |view| {
        let flooded = Flooded::of(view).filter(|flooded| flooded.ended.is_none())?;
        if view.sysctl(flooded.backup, FORWARDING, flooded.passage.sent.at) != Some("0") {
            return None;
        }
        let dropped = view
            .sendings()
            .filter(|passage| passage.to.as_ref() == Some(flooded.backup) && passage.passed_on.is_none());
        let dropped: Vec<u32> = dropped.map(|passage| passage.sent.packet).collect();
        let until = match view.record.vip_holders(view.end()).contains(&flooded.backup) {
            true => bilingual!(", until it had the VIP itself" / "，直到它自己持有 VIP"),
            false => Bilingual::default(),
        };
        Some(Finding {
            at: flooded.passage.sent.at,
            text: bilingual!(
                "{flooded} It does not forward (net.ipv4.ip_forward=0): it dropped that without a word, \
                 {times} in all{until}, and the client's TCP could only repeat it."
                    / "{flooded}它不转发（net.ipv4.ip_forward=0）：它把这些静默丢弃，共 {times}{until}，客户端的 TCP 只能重传。",
                until = until,
                flooded = flooded.text(view),
                times = times(dropped.len()),
            ),
            shown_by: flooded.shown_by(),
            claims: claims(dropped, &Fate::Dropped),
            advice: Vec::new(),
        })
    },
};

/// Nobody has the address any more.
pub(super) const NOBODY: Rule = Rule {
    name: "flooded-to-nobody",
    explains: Explains::Silence,
    sources: sources![
        "net/bridge/br_forward.c": "br_flood", "net/ethernet/eth.c": "eth_type_trans",
        "net/ipv4/ip_input.c": "ip_rcv_core",
    ],
    holds: |view| {
        let flooded = Flooded::of(view)?;
        let Flooded { backup, passage, .. } = flooded;
        let ended = flooded.ended?;
        // Once it has the VIP, and with it the address, it takes what comes.
        let lost: Vec<&Passage<'_>> = view
            .sendings()
            .filter(|passage| passage.passed_on.is_none() && passage.reached.is_none())
            .collect();
        Some(Finding {
            at: passage.sent.at,
            text: bilingual!(
                "Step {number} ({step}) had taken {gone} off the link. A switch forgets the addresses behind \
                 a port that is down, so it sent the client's {what} to everybody ({sent} on client), \
                 {times} in all. Nobody has that address any more: it is that of a virtual router \
                 (use_vmac), and keepalived on {backup} ended in step {last} ({ended}), and its interface \
                 with it. Each card dropped what was for somebody else."
                    / "步骤 {number}（{step}）使 {gone} 离开了链路。交换机会忘掉断开端口后面的地址，于是把客户端{what}发往所有端口（client \
                       上的{sent}），共 {times}。已没有主机持有这个地址：它属于虚拟路由器（use_vmac），而 {backup} 上的 keepalived \
                       已在步骤 {last}（{ended}）结束，其接口随之消失。每块网卡都丢弃了发给他人的帧。",
                number = flooded.step.number,
                step = doing(&flooded.step.action),
                gone = flooded.gone,
                what = view.kind(passage),
                sent = first(passage.sent),
                times = times(lost.len()),
                backup = backup,
                last = ended.number,
                ended = doing(&ended.action),
            ),
            shown_by: cites![..flooded.shown_by(), ended],
            claims: claims(lost.iter().map(|passage| passage.sent.packet), &Fate::Dropped),
            advice: Vec::new(),
        })
    },
};

/// The step that ended keepalived on a director, and with it its interfaces, if nothing has started it since.
/// What a SIGKILL ends leaves them.
fn ended<'a>(view: &CellView<'a>, director: &Node, at: Instant) -> Option<&'a StepRecord> {
    let edits = view.done(|action| {
        let Action::Host(action) = action else {
            return None;
        };
        let stops = match action.of_control() {
            Some((_, ControlStep::Stop(signal))) => signal == StopSignal::Term,
            Some((_, ControlStep::Start)) => false,
            Some((_, ControlStep::Reload { .. })) => return None,
            None if matches!(action, HostAction::PowerOn { .. }) => false,
            None => return None,
        };
        (action.node() == *director).then_some(stops)
    });
    let (step, _, stops) = edits.take_while(|(_, began, _)| *began <= at).last()?;
    stops.then_some(step)
}

/// What the client sent came to a director that did not have the VIP.
struct Flooded<'v, 'a> {
    /// The step that took the director with the VIP off the link.
    step: &'a StepRecord,
    gone: &'v Node,
    backup: &'v Node,
    passage: &'v Passage<'a>,
    arrived: Seen,
    /// The step that ended keepalived on the backup, and took the address from it.
    ended: Option<&'a StepRecord>,
}

impl<'v, 'a> Flooded<'v, 'a> {
    fn of(view: &'v CellView<'a>) -> Option<Self> {
        let passage = view.request()?;
        let arrived = passage.stopped_at_director()?;
        let backup = view.director();
        let mut taken = view
            .seen_on(backup)
            .filter(|packet| packet.number == arrived.packet);
        let address = taken.next()?.destination_mac;
        // With IPv6 another sysctl decides whether it forwards, and other messages say so.
        let ipv4 = view.plan.vip().is_ipv4();
        if !is_virtual_router(address) || !ipv4 || view.record.vip_holders(passage.sent.at).contains(&backup)
        {
            return None;
        }
        let mut others = view.plan.balancers().map(|host| &host.node);
        let (gone, (step, _)) = others.find_map(|node| {
            let gone = (node != backup).then(|| view.unplugged(node, passage.sent.at));
            Some((node, gone??))
        })?;
        Some(Self {
            step,
            gone,
            backup,
            passage,
            arrived,
            ended: ended(view, backup, passage.sent.at),
        })
    }

    fn text(&self, view: &CellView<'_>) -> Bilingual {
        bilingual!(
            "Step {number} ({step}) had taken {gone} off the link, and nobody had the VIP yet. A switch \
             forgets the addresses behind a port that is down, so it sent the client's {what} to everybody \
             ({sent} on client). The VIP has an Ethernet address of its own (use_vmac), and {backup}, a \
             backup, has that address, too: it took the segment ({arrived} there), and does not have the VIP."
                / "步骤 {number}（{step}）使 {gone} 离开了链路，而还没有人持有 VIP。交换机会忘掉断开端口后面的地址，于是把客户端{what}发往\
                   所有端口（client 上的{sent}）。VIP 有自己的以太网地址（use_vmac），备机 {backup} 也有这个地址：它收下了该报文段\
                   （{backup} 上的{arrived}），却没有 VIP。",
            number = self.step.number,
            step = doing(&self.step.action),
            gone = self.gone,
            what = view.kind(self.passage),
            sent = first(self.passage.sent),
            backup = self.backup,
            arrived = first(self.arrived),
        )
    }

    fn shown_by(&self) -> Vec<Citation> {
        cites![self.step, self.passage.sent, self.arrived]
    }
}
