//! Hosts that were off for a while. What starts anew has nothing of what it had in memory.

use super::super::fate::claims as fated;
use super::prelude::*;
use super::server::{answered_as_unknown, ended_by_its_server, last_at};
use lvs_matrix_model::action::{Action, HostAction};
use lvs_matrix_model::record::StepRecord;
use lvs_matrix_model::verdict::Behaviour;

/// The last step that started this server's host anew, after the client's connection had begun; and when.
fn started_anew<'a>(view: &CellView<'a>, server: &Name, by: Instant) -> Option<(&'a StepRecord, Instant)> {
    let begun = view.sent.first()?.sent.at;
    let on = view.done(|action| {
        let Action::Host(HostAction::PowerOn { server: of }) = action else {
            return None;
        };
        (of.0.real_server() == Some(server)).then_some(())
    });
    let (step, began, ()) = on
        .filter(|(_, began, ())| begun < *began && *began <= by)
        .last()?;
    Some((step, began))
}

/// The request was sent into the void until the host was back.
pub(super) const OFF_FOR_A_WHILE: Rule = Rule {
    name: "off-for-a-while",
    explains: Explains::Silence,
    sources: sources![transmit: "ip_vs_dr_xmit", tcp_timer: "tcp_retransmit_timer"],
    holds: |view| {
        let head = view.request()?;
        let again = view.sendings().find(|passage| passage.reached.is_some())?;
        let (_, node) = again.reached.as_ref()?;
        let lost: Vec<(u32, Seen)> = view
            .sendings()
            .take_while(|passage| passage.sent.packet < again.sent.packet)
            .filter_map(|passage| Some((passage.sent.packet, passage.passed_on.as_ref()?)))
            .filter(|(_, (_, to))| to == node)
            .map(|(sent, (seen, _))| (sent, *seen))
            .collect();
        let (_, passed) = lost.first()?;
        let (off, _) = view.unplugged(node, head.sent.at)?;
        let during = view.links(node).filter(|(_, began, _)| *began <= again.sent.at);
        let (on, back, _) = during.last().filter(|(_, _, down)| !down)?;
        Some(Finding {
            at: head.sent.at,
            text: bilingual!(
                "The client's {what} was passed on to {node} {times} (first {passed} on director) while it \
                 could not be reached ({off}), and was lost: IPVS does not look whether anybody is there. \
                 {node} was back {back} ({on}). Nobody told the client's TCP, which sends again at gaps that \
                 double: the next time was {again} on client."
                    / "客户端{what}在 {node} 无法到达期间（{off}）被转发给它 {times}（首次为 director 上的{passed}），全部丢失：IPVS \
                       不检查对方是否存在。{node} {back}恢复（{on}）。没有谁通知客户端的 TCP，它按加倍的间隔重传：下一次是 client \
                       上的{again}。",
                what = view.carrier(),
                times = times(lost.len()),
                passed = first(*passed),
                off = doing(&off.action),
                back = moment(back),
                on = doing(&on.action),
                again = first(again.sent),
            ),
            shown_by: cites![off, on, ..lost.iter().map(|(_, seen)| seen), again.sent],
            // What became of the one that arrived is another rule's.
            claims: fated(lost.iter().map(|(sent, _)| *sent), &Fate::LostAfter(node.clone())),
            advice: patience(),
        })
    },
};

/// The host that started anew resets what it does not know.
pub(super) const UNKNOWN_NOW: Rule = Rule {
    name: "started-anew",
    explains: Explains::Error,
    sources: sources![tcp: "tcp_v4_rcv", tcp: "tcp_v4_send_reset"],
    holds: |view| {
        let (server, reset) = ended_by_its_server(view, TerminatorKind::Rst)?;
        let (on, back) = started_anew(view, server, reset.at)?;
        let (refused, reached) = last_at(view, server, reset).filter(|(_, reached)| back <= reached.at)?;
        let text = bilingual!(
            "The client's {what} reached {server} ({reached} there), which had started anew {back} \
                 ({on}). What it had known of the connection was in its memory; now its TCP answered what \
                 belongs to none of its connections with an RST (packet {reset} on client). The director's \
                 entry and the client's socket had outlived the machine."
                / "客户端{what}到达 {server}（{server} 上的{reached}），而 {server} 已{back}重新启动（{on}）。它原先对这条连接的了解都在\
                       内存里；现在它的 TCP 对不属于任何连接的报文段以 RST 应答（client 上的数据包 {reset}）。调度器的条目和客户端的套接字都比\
                       那台机器活得更久。",
            what = view.kind(refused),
            reached = first(reached),
            back = moment(back),
            on = doing(&on.action),
            reset = reset.packet,
        );
        Some(answered_as_unknown(text, on, (refused, reached), (server, reset)))
    },
};

/// The statement was acknowledged, and forgotten: the client has nothing to send that could be reset.
pub(super) const FORGOTTEN: Rule = Rule {
    name: "statement-forgotten",
    explains: Explains::Silence,
    sources: sources![tcp_input: "tcp_rearm_rto", tcp_timer: "tcp_keepalive_timer"],
    holds: |view| {
        if !matches!(view.observed.behaviour, Behaviour::Hung { .. }) {
            return None;
        }
        let server = view.server().filter(|_| !view.is_connect())?;
        let request = view.request()?;
        let acknowledged = view.acknowledged()?;
        let (on, back) = started_anew(view, server, view.end())?;
        let sent_since = view.sent.iter().any(|passage| passage.sent.at > back);
        if acknowledged.at > back || sent_since || view.payload().is_some() {
            return None;
        }
        Some(Finding {
            at: acknowledged.at,
            text: bilingual!(
                "{server} had acknowledged the client's {what} (packet {acknowledged} on client) before its \
                 power failed. It started anew {back} ({on}), and knows nothing of it. The client's TCP has \
                 nothing to send again, and no keepalive asked: as long as it is silent, there is nothing \
                 that {server} could answer with an RST, and the client waits."
                    / "{server} 断电之前已确认客户端{what}（client 上的数据包 {acknowledged}）。它{back}重新启动（{on}），对此一无所知。客户端的 \
                       TCP 没有要重传的数据，也没有保活探测：只要它沉默，{server} 就没有可以用 RST 应答的报文段，客户端一直等待。",
                what = view.carrier(),
                acknowledged = acknowledged.number,
                back = moment(back),
                on = doing(&on.action),
            ),
            shown_by: cites![request.sent, acknowledged, on],
            claims: claims([request.sent.packet], &Fate::delivered(server)),
            advice: patience(),
        })
    },
};
