//! A director that had the VIP lost its link, and is back: until one of them takes the VIP nobody has it.

use super::super::icmp::HOST_UNREACHABLE;
use super::failover::{Moved, forwarding};
use super::neighbour::NEIGHBOUR;
use super::prelude::*;
use lvs_matrix_model::record::StepRecord;

/// A director gave the VIP up when its link went down, and is back on the link as a backup.
pub(super) const SILENT: Rule = Rule {
    name: "vip-given-up-with-the-link",
    explains: Explains::Silence,
    sources: sources![
        vrrp_track: "down_instance", vrrp: "vrrp_state_leave_master",
        vrrp: "vrrp_state_become_master", vrrp: "vrrp_send_link_update",
    ],
    holds: |view| {
        let given_up = GivenUp::of(view)?;
        let moved = Moved::of(view)?;
        Some(Finding {
            at: view.operation.began,
            text: bilingual!(
                "{given_up} So nobody had the VIP when the client began, until {to} had heard no advert for \
                 three intervals and its skew time, and took it ({later} after that step; packet {announced} \
                 on client)."
                    / "{given_up}因此客户端开始时没有主机持有 VIP，直到 {to} 在三个通告间隔加偏移时间内没有收到通告而接管它（该步骤之后 \
                       {later}；client 上的数据包 {announced}）。",
                given_up = given_up.text(),
                to = view.director(),
                later = Human(moved.announced.at.since(given_up.up.began?)),
                announced = moved.announced.number,
            ),
            shown_by: cites![given_up.down, given_up.up, moved.announced],
            ..Finding::default()
        })
    },
};

/// What the client sent in that time came to a director that passes on what is for others.
pub(super) const REFUSED: Rule = Rule {
    name: "refused-while-nobody-had-the-vip",
    explains: Explains::Error,
    sources: sources![
        vrrp_track: "down_instance", "net/ipv4/ip_forward.c": "ip_forward", NEIGHBOUR, tcp: "tcp_v4_err",
    ],
    holds: |view| {
        let given_up = GivenUp::of(view)?;
        let request = view.request().filter(|_| view.is_connect())?;
        let refusal = view.terminator(TerminatorKind::Icmp {
            code: HOST_UNREACHABLE,
        })?;
        let by = refusal.by.as_ref().filter(|by| by.is_director())?;
        let arrived = view.sendings().find_map(|passage| {
            let here = passage.director.as_ref() == Some(by);
            passage.stopped_at_director().filter(|_| here)
        })?;
        let nobody_has_it = view.record.vip_holders(request.sent.at).is_empty();
        let forwards = view.sysctl(by, forwarding(view), request.sent.at) == Some("1");
        if !nobody_has_it || !forwards {
            return None;
        }
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "{given_up} So nobody had the VIP when the client sent its SYN ({sent} on client). It came \
                 to {by} ({arrived} there), which forwards ({forwarding}=1), and looked on the link for \
                 whoever has the VIP, as a router does. Nobody said so, and {by} answered with ICMP host \
                 unreachable (packet {refusal} on client). To a socket that is connecting \
                 that is final: EHOSTUNREACH."
                    / "{given_up}因此客户端发送 SYN 时没有主机持有 VIP（client 上的{sent}）。\
                       它到达 {by}（{by} 上的{arrived}）；{by} 会转发（{forwarding}=1），\
                       于是像路由器一样在链路上寻找持有 VIP 的主机，无人应答，便以 ICMP host unreachable 应答（client 上的数据包 \
                       {refusal}）。对正在建立连接的套接字来说，这是最终结果：EHOSTUNREACH。",
                given_up = given_up.text(),
                sent = first(request.sent),
                arrived = first(arrived),
                by = by,
                forwarding = forwarding(view),
                refusal = refusal.packet,
            ),
            shown_by: cites![given_up.down, given_up.up, request.sent, arrived, refusal],
            claims: claims([refusal.packet], &Fate::Unreachable),
            advice: vec![Advice::Reconnect],
        })
    },
};

/// A director had the VIP, lost its link, and is back on the link: without the VIP, which nobody had when the
/// client began.
struct GivenUp<'v, 'a> {
    gone: &'v Node,
    down: &'a StepRecord,
    up: &'a StepRecord,
}

impl<'v, 'a> GivenUp<'v, 'a> {
    fn of(view: &'v CellView<'a>) -> Option<Self> {
        view.plan.keepalived()?;
        let from = view.operation.began;
        if !view.record.vip_holders(from).is_empty() {
            return None;
        }
        let mut directors = view.plan.balancers().map(|host| &host.node);
        directors.find_map(|gone| {
            let links = view.links(gone).take_while(|(_, at, _)| *at <= from);
            let links: Vec<_> = links.collect();
            let [.., (down, cut, true), (up, _, false)] = links[..] else {
                return None;
            };
            let had_it = view.record.vip_holders(cut).contains(&gone);
            had_it.then_some(Self { gone, down, up })
        })
    }

    fn text(&self) -> Bilingual {
        bilingual!(
            "{gone} had the VIP, and its link went down in step {down} ({cut}): keepalived takes the VIP \
             from a director without a link at once. Step {up} ({back}) brought the link back, and {gone} \
             waits like any backup: it takes no VIP as long as it may hear of a master."
                / "{gone} 原本持有 VIP，它的链路在步骤 {down}（{cut}）中断开：链路一断，keepalived 立即从该调度器上移除 VIP。步骤 \
                   {up}（{back}）恢复了链路，{gone} 却像备机一样等待：只要还可能收到主机的通告，它就不接管 VIP。",
            gone = self.gone,
            down = self.down.number,
            cut = doing(&self.down.action),
            up = self.up.number,
            back = doing(&self.up.action),
        )
    }
}
