//! Servers that are there and do not speak, and clients that have nothing to say.

use super::prelude::*;
use lvs_matrix_model::action::{Action, HostAction, ServerDeed};
use lvs_matrix_model::record::StepRecord;
use lvs_matrix_model::verdict::{Behaviour, HangEnd};

/// A process that does not run, on a host that does.
pub(super) const FROZEN: Rule = Rule {
    name: "server-frozen",
    explains: Explains::Silence,
    sources: sources![tcp_input: "tcp_rcv_established", sockets: "inet_csk_accept"],
    holds: |view| {
        let request = view.request()?;
        let (reached, server) = request.at_server()?;
        let acknowledged = view.acknowledged()?;
        let (frozen, began) = match frozen(view, server, view.end()) {
            Some((_, began)) if view.payload().is_some_and(|answer| answer.at > began) => return None,
            Some(found) => found,
            // It ran again, and then it answered.
            None if answered_in_the_end(view) => {
                let answer = view.payload()?;
                let (_, thawed, _) = last(view, server, answer.at).filter(|(_, _, frozen)| !frozen)?;
                let before = frozen(view, server, Instant(thawed.0.checked_sub(1)?))?;
                before.1.lt(&answer.at).then_some(before)?
            }
            None => return None,
        };
        if began > view.operation.due {
            return None;
        }
        let what = if view.is_connect() {
            bilingual!(
                "completed the handshake for the client's SYN, for its kernel accepts connections on behalf \
                 of a program that listens"
                    / "完成了客户端 SYN 的握手，因为内核会替监听的程序接受连接"
            )
        } else {
            bilingual!(
                "acknowledged the client's {what}" / "确认了客户端{what}",
                what = view.carrier()
            )
        };
        let then = if reached.at < began {
            bilingual!(
                "then its mysqld was stopped in the middle of it ({step})"
                    / "随后其 mysqld 在执行途中被停住（{step}）",
                step = doing(&frozen.action),
            )
        } else if view.is_connect() {
            bilingual!(
                "but its mysqld did not run ({step}): nobody takes the connection out of the listening \
                 socket's queue, and nobody sends the greeting that the client waits for"
                    / "但其 mysqld 没有在运行（{step}）：没有谁从监听套接字的队列中取出这条连接，也没有谁发送客户端所等待的问候报文",
                step = doing(&frozen.action),
            )
        } else {
            bilingual!(
                "but its mysqld did not run ({step}): what reached {server} ({reached} there) waits in a \
                 socket that nobody reads"
                    / "但其 mysqld 没有在运行（{step}）：到达 {server} 的数据（{server} 上的{reached}）停在无人读取的套接字中",
                step = doing(&frozen.action),
                reached = first(*reached),
            )
        };
        Some(Finding {
            at: request.sent.at.max(began),
            text: bilingual!(
                "{server} {what} (packet {acknowledged} on client), {then}. To the client's TCP all is well, \
                 for everything that it sent is acknowledged; no timer runs, and even keepalive would be \
                 answered by the kernel of {server}."
                    / "{server} {what}（client 上的数据包 {acknowledged}），{then}。在客户端的 TCP 看来一切正常，它发送的都已得到确认；\
                       没有定时器在走，连保活探测也会由 {server} 的内核应答。",
                what = what,
                acknowledged = acknowledged.number,
                then = then,
            ),
            shown_by: cites![frozen, request.sent, reached, acknowledged],
            claims: claims([request.sent.packet], &Fate::delivered(server)),
            advice: vec![
                Advice::AskingHealthCheck(server.clone()),
                Advice::ConnectTimeout,
                Advice::ReadTimeout,
            ],
        })
    },
};

fn answered_in_the_end(view: &CellView<'_>) -> bool {
    let behaviour = &view.observed.behaviour;
    matches!(behaviour, Behaviour::Hung { end, .. } if *end == HangEnd::Answer)
}

/// A client that only waits has nothing that could go unanswered.
pub(super) const NOTHING_TO_SEND: Rule = Rule {
    name: "nothing-to-send",
    explains: Explains::Silence,
    sources: sources![tcp_input: "tcp_rearm_rto", tcp_timer: "tcp_keepalive_timer"],
    holds: |view| {
        let Behaviour::Hung { silence, .. } = &view.observed.behaviour else {
            return None;
        };
        let server = view.server().filter(|_| !view.is_connect())?;
        let request = view.request()?;
        let acknowledged = view.acknowledged()?;
        let (off, began) = view.unplugged(&Node::RealServer(server.clone()), view.operation.due)?;
        // A program that gives up by itself closes its connection: that is no word to the server.
        let gave_up = super::settings::says_it_gave_up(view);
        let closes =
            |passage: &&Passage<'_>| gave_up && (passage.segment.flags.fin || passage.segment.flags.rst);
        let mut after = view
            .sent
            .iter()
            .filter(|passage| passage.sent.at > began && !closes(passage));
        let sent_after = after.clone().any(|passage| !view.is_probe(passage));
        let probe = after.next();
        if acknowledged.at > began || sent_after || view.payload().is_some() {
            return None;
        }
        // What the client's kernel says of the socket; in records of before nobody had looked.
        let keepalive = match (view.keepalive(), view.socket()) {
            (Some(keepalive), _) => bilingual!(
                "and its keepalive, which the socket has (SO_KEEPALIVE), asks only after {time} without a \
                 sign"
                    / "套接字虽然开启了保活（SO_KEEPALIVE），但要在 {time} 没有动静后才会询问",
                time = Human(keepalive.time),
            ),
            (None, Some(_)) => bilingual!(
                "and no keepalive (its socket has no SO_KEEPALIVE)"
                    / "也没有保活（其套接字没有开启 SO_KEEPALIVE）"
            ),
            (None, None) => bilingual!("and no keepalive that asked" / "也没有保活探测"),
        };
        let spoke = match probe {
            None if view.operation.ended.is_some() => bilingual!(
                "It sent nothing for {silence}, until the program gave up"
                    / "在程序放弃之前的 {silence} 内它什么也没有发送",
                silence = Human(*silence),
            ),
            None => bilingual!(
                "It sent nothing for the {silence} that were watched"
                    / "在观察的 {silence} 内它什么也没有发送",
                silence = Human(*silence),
            ),
            Some(probe) => bilingual!(
                "It sent nothing until the first probe, {later} later ({sent} on client)"
                    / "直到 {later} 后的第一个探测（client 上的{sent}），它什么也没有发送",
                later = Human(probe.sent.at.since(began)),
                sent = first(probe.sent),
            ),
        };
        Some(Finding {
            at: began,
            text: bilingual!(
                "{server} had acknowledged the client's {what} ({acknowledged} on client) before it went \
                 silent ({step}); a host that is off or unplugged sends neither RST nor FIN. From then on \
                 all that the client had sent was acknowledged: its TCP had nothing to send again, no timer \
                 that could run out, {keepalive}. {spoke}, so nothing could tell it that the host is gone; \
                 the director is not on the way back, and could not either."
                    / "{server} 在沉默（{step}）之前已经确认了客户端{what}（client 上的{acknowledged}）；断电或断开链路的主机既不发送 RST 也不\
                       发送 FIN。从那时起，客户端发送的都已得到确认：其 TCP 没有要重传的数据，没有会到期的定时器，{keepalive}。{spoke}，所以\
                       没有什么能告诉它对方主机已经不在了；调度器不在返回的路上，也同样不能。",
                what = view.carrier(),
                acknowledged = first(acknowledged),
                step = doing(&off.action),
                keepalive = keepalive,
                spoke = spoke,
            ),
            shown_by: cites![request.sent, acknowledged, off, ..probe.map(|probe| probe.sent)],
            claims: claims([request.sent.packet], &Fate::delivered(server)),
            advice: vec![Advice::Keepalive, Advice::ReadTimeout],
        })
    },
};

/// The last step by then that froze (true) or thawed a mysqld.
pub(super) fn last<'a>(
    view: &CellView<'a>,
    server: &Name,
    by: Instant,
) -> Option<(&'a StepRecord, Instant, bool)> {
    view.done(|action| match action.deed_on(server)? {
        ServerDeed::Freeze => Some(true),
        ServerDeed::Thaw => Some(false),
        ServerDeed::Stop(_) | ServerDeed::Start | ServerDeed::KillSessions => None,
    })
    .filter(|(_, began, _)| *began <= by)
    .last()
}

/// The step that froze the mysqld, if it was frozen then. One that had been killed when the client asked is
/// frozen no more, and neither is one whose host has started anew.
pub(super) fn frozen<'a>(
    view: &CellView<'a>,
    server: &Name,
    by: Instant,
) -> Option<(&'a StepRecord, Instant)> {
    let asked = view.request().map_or(by, |request| request.sent.at.min(by));
    let ended = |began: Instant| {
        let mut stops = view.done(|action| {
            let stops = matches!(action.deed_on(server), Some(ServerDeed::Stop(_)));
            stops.then_some(())
        });
        stops.any(|(_, at, ())| began <= at && at <= asked)
    };
    let node = Node::RealServer(server.clone());
    let anew = |began: Instant| {
        let mut links = view.links(&node);
        links.any(|(step, at, down)| {
            let power = matches!(step.action, Action::Host(HostAction::PowerOn { .. }));
            power && !down && began <= at && at <= by
        })
    };
    last(view, server, by)
        .filter(|(_, began, frozen)| *frozen && !ended(*began) && !anew(*began))
        .map(|(step, began, _)| (step, began))
}
