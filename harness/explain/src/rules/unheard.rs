//! What a client says without data of its own, which an entry without a server swallows as it does data: that
//! it has the server's SYN-ACK, and that it reads on. Neither is sent again by a timer of the client's; and
//! what the server makes of the silence.

use super::super::cell_view::size;
use super::firewall::keeps_from;
use super::nodest::Orphan;
use super::prelude::*;
use super::server::{TCP_CLOSE, abrupt, closed_by_itself};
use super::shared::{by_method, past};
use lvs_matrix_model::capture::Segment;
use lvs_matrix_model::capture::flow::at_or_after;

/// The connection is established to the client only.
pub(super) const HANDSHAKE: Rule = Rule {
    name: "handshake-half-done",
    explains: Explains::Silence,
    sources: sources![
        core: "ip_vs_in_hook", tcp_input: "tcp_rcv_synsent_state_process", sockets: "reqsk_timer_handler",
    ],
    holds: |view| {
        let server = view.server().filter(|_| view.is_connect())?;
        let synacks: Vec<&Packet> = view
            .received
            .iter()
            .filter(|(_, segment)| segment.flags.syn && segment.flags.ack)
            .map(|(packet, _)| *packet)
            .collect();
        let (established, again) = synacks.split_first()?;
        let said: Vec<&Passage<'_>> = view
            .since_request()
            .iter()
            .filter(|passage| passage.sent.packet > established.number)
            .collect();
        let unheard = |passage: &&Passage<'_>| {
            size(passage.segment) == 0
                && !passage.segment.flags.rst
                && passage.stopped_at_director().is_some()
        };
        // Who has said more than that would go on saying it, and who was heard is connected.
        if view.payload().is_some() || !said.iter().all(unheard) {
            return None;
        }
        let head = said.first()?;
        let orphan = Orphan::of(view, server, head)?;
        let repeated = if again.is_empty() {
            Bilingual::default()
        } else {
            bilingual!(
                " {server} repeated its SYN-ACK {times} (last packet {last} on client), the client's TCP \
                 acknowledged each, and nothing of that got any further either."
                    / "{server} 又重发了 SYN-ACK {times}（最后一次为 client 上的数据包 {last}），客户端的 TCP 每次都确认，但这些确认同样\
                       到此为止。",
                times = times(again.len()),
                last = again.last()?.number,
            )
        };
        Some(Finding {
            at: head.sent.at,
            text: bilingual!(
                "With the SYN-ACK of {server}, which came past the director (packet {established} on \
                 client), the connection was established to the client. Its acknowledgement arrived at the \
                 director ({arrived} on director); but {server} had been deleted from the table, the entry \
                 that the SYN had made outlives its server ({entry}), and with expire_nodest_conn=0 what \
                 matches it is dropped in silence: to {server} the handshake is not over.{repeated} In MySQL \
                 the server speaks first. The client waits for a greeting that nobody is going to send, has \
                 nothing to send itself, and so has no timer that could run out."
                    / "{server} 的 SYN-ACK 不经过调度器到达（client 上的数据包 {established}），此后在客户端看来连接已经建立。它的确认到达\
                       调度器（director 上的{arrived}）；但 {server} 已从表中删除，SYN 所建立的条目却不随真实服务器一起消失（{entry}），\
                       而 expire_nodest_conn=0 时，匹配它的报文段被悄悄丢弃：在 {server} 看来握手还没有完成。{repeated}MySQL 协议中由\
                       服务器先发送。客户端等待一个不会有人发送的问候报文，自己没有数据要发送，因此也没有会到期的定时器。",
                established = established.number,
                arrived = first(head.arrived?),
                entry = orphan.entry,
                repeated = repeated,
            ),
            shown_by: cites![
                ..orphan.shown_by,
                ..&synacks,
                ..said.iter().filter_map(|passage| passage.arrived)
            ],
            claims: claims(
                said.iter()
                    .filter(|passage| passage.arrived.is_some())
                    .map(|passage| passage.sent.packet),
                &Fate::Dropped,
            ),
            advice: and_patience([Advice::ExpireNodestConn, Advice::Drain(server.clone())]),
        })
    },
};

/// A full window that the server never learns to be open again.
pub(super) const WINDOW: Rule = Rule {
    name: "window-update-dropped",
    explains: Explains::Silence,
    sources: sources![
        control: "__ip_vs_unlink_dest", core: "ip_vs_in_hook", tcp_common: "tcp_cleanup_rbuf",
        tcp_timer: "tcp_probe_timer",
    ],
    holds: |view| {
        let server = view.server()?;
        let since = view.since_request();
        let shut = since
            .iter()
            .rposition(|passage| passage.segment.window == 0 && passage.passed_on.is_some())?;
        let closed = &since[shut];
        let opened: Vec<&Passage<'_>> = since[shut..]
            .iter()
            .filter(|passage| passage.segment.window > 0 && !passage.segment.flags.rst)
            .collect();
        let unheard =
            |passage: &&Passage<'_>| size(passage.segment) == 0 && passage.stopped_at_director().is_some();
        if !opened.iter().all(unheard) {
            return None;
        }
        let head = opened.first()?;
        let orphan = Orphan::of(view, server, head)?;
        let probes: Vec<u32> = view
            .received
            .iter()
            .filter(|(packet, segment)| {
                packet.number > head.sent.packet && size(segment) == 0 && !segment.flags.rst
            })
            .map(|(packet, _)| packet.number)
            .collect();
        let asked = match probes.last() {
            None => Bilingual::default(),
            Some(last) => bilingual!(
                " {server} asked again {times}, with window probes (last packet {last} on client), and the \
                 client's answers to them were dropped in the same way."
                    / "{server} 又以窗口探测询问 {times}（最后一次为 client 上的数据包 {last}），客户端对它们的应答同样被丢弃。",
                times = times(probes.len()),
            ),
        };
        Some(Finding {
            at: head.sent.at,
            text: bilingual!(
                "The client had not read on for a while, and its TCP had closed its window ({closed} on \
                 client): {server} could send no more of its answer. When the client read again, its TCP \
                 said so with a window update ({arrived} on director). By then {server} had been deleted \
                 from the director's table; the entry for the connection outlives its server ({entry}), and \
                 with expire_nodest_conn=0 what matches it is dropped in silence.{asked} To {server} the \
                 window is still closed. A window update carries no data, so the client's TCP does not \
                 repeat it by itself, and nothing that it waits for can time out."
                    / "客户端有一段时间没有继续读取，其 TCP 把窗口关闭到零（client 上的{closed}）：{server} 无法再发送其余的结果。客户端重新读取\
                       时，其 TCP 以窗口更新告知（director 上的{arrived}）。此时 {server} 已从调度器的表中删除；该连接的条目不随真实服务器\
                       一起消失（{entry}），而 expire_nodest_conn=0 时，匹配它的报文段被悄悄丢弃。{asked}在 {server} 看来窗口仍然关闭。窗口\
                       更新不带数据，客户端的 TCP 不会自行重传，也没有什么会超时。",
                closed = first(closed.sent),
                arrived = first(head.arrived?),
                entry = orphan.entry,
                asked = asked,
            ),
            shown_by: cites![
                ..orphan.shown_by,
                closed.sent,
                ..opened.iter().filter_map(|passage| passage.arrived),
                ..probes.into_iter().map(Citation::Packet)
            ],
            // A FIN would have to wait behind the rest of the answer.
            claims: claims(opened.iter().map(|passage| passage.sent.packet), &Fate::Dropped),
            advice: and_patience([Advice::ExpireNodestConn, Advice::Drain(server.clone())]),
        })
    },
};

/// The server ends a connection on which it hears nothing.
pub(super) const GIVEN_UP: Rule = Rule {
    name: "server-gave-up",
    explains: Explains::Error,
    sources: sources![TCP_CLOSE],
    holds: |view| {
        let server = view.server()?;
        let closing = closed_by_itself(view, server)?;
        let said = last_said(view, closing.packet)?;
        let waited = closing.at.since(said.at);
        let (variable, whom) = if view.is_connect() {
            (
                "connect_timeout",
                bilingual!("for the client's login" / "客户端登录"),
            )
        } else {
            // It can be waiting only for a window to open.
            let mut heard = view.sent.iter().rev().filter(|passage| passage.reached.is_some());
            heard.next().filter(|passage| passage.segment.window == 0)?;
            (
                "net_write_timeout",
                bilingual!("to be allowed to send the rest of its answer" / "能够发送其余的结果"),
            )
        };
        // What the server said of itself; in records of before nobody had asked, and MySQL's default must do.
        let (limit, name, shown) = match view.server_variable(server, variable) {
            Some(limit) => {
                let held = view
                    .record
                    .server_views
                    .iter()
                    .find(|held| held.server == *server)?;
                let name = bilingual!(
                    "its {variable} has it ({limit})" / "它的 {variable}（{limit}）",
                    limit = Human(limit),
                );
                (limit, name, Some(Citation::Server(held.server_id)))
            }
            None => {
                let limit = default_of(variable)?;
                let name = bilingual!(
                    "MySQL's {variable} has it by default ({limit}; the server was not asked for its own)"
                        / " MySQL 的 {variable} 默认如此（{limit}；没有查询该服务器自己的值）",
                    limit = Human(limit),
                );
                (limit, name, None)
            }
        };
        // mysqld's timers are of whole seconds.
        let in_time = limit <= waited && waited < limit + Duration::from_secs(2);
        let heard = view.since_request().iter().any(|passage| {
            let later = passage
                .reached
                .as_ref()
                .is_some_and(|(seen, _)| seen.at > said.at && !keeps_from(view, server, seen.at));
            later && size(passage.segment) > 0
        });
        if !in_time || heard {
            return None;
        }
        Some(Finding {
            at: closing.at,
            text: bilingual!(
                "{server} had said the last that it could ({said} there) and waited {whom} in vain. After \
                 {waited} its mysqld closed the connection (packet {closing} on client, {at}), as {name}; \
                 {by} that reaches the client {past}, and ended its wait.{abrupt}"
                    / "{server} 已发送了所能发送的最后数据（{server} 上的{said}），此后一直等不到{whom}。{waited} 后其 mysqld 关闭了连接\
                       （client 上的数据包 {closing}，{at}），依据是{name}；{by}，它{past}到达\
                       客户端，结束了等待。{abrupt}",
                said = first(said),
                whom = whom,
                waited = Human(waited),
                closing = closing.packet,
                at = moment(closing.at),
                name = name,
                by = by_method(view, server),
                past = past(view, server),
                abrupt = abrupt(view, closing),
            ),
            shown_by: cites![..shown, said, closing],
            claims: claims([closing.packet], &Fate::TimedOut),
            advice: vec![Advice::Reconnect],
        })
    },
};

/// MySQL's default of a variable ("Server System Variables" in its reference manual; MariaDB's are the same).
fn default_of(variable: &str) -> Option<Duration> {
    let seconds = match variable {
        "connect_timeout" => 10,
        "net_write_timeout" => 60,
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}

/// The last packet before this one with which the server sent the client something new.
fn last_said<'a>(view: &CellView<'a>, before: u32) -> Option<&'a Packet> {
    let end = |segment: &Segment| segment.sequence.wrapping_add(size(segment));
    let mut last: Option<(&Packet, u32)> = None;
    let all = view.sent_by(view.server()?);
    for (packet, segment) in all.filter(|(packet, segment)| packet.number < before && size(segment) > 0) {
        let new = last.is_none_or(|(_, known)| !at_or_after(known, end(segment)));
        if new {
            last = Some((packet, end(segment)));
        }
    }
    last.map(|(packet, _)| packet)
}
