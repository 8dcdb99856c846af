//! What a real server's kernel says for a mysqld that has ended, and what a host that is off does not say.

use super::persistent::by_template;
use super::prelude::*;
use super::shared::{by_method, past, past_the_director, through, with_method};
use lvs_matrix_model::action::{ClientAction, Reaction, ServerDeed};
use lvs_matrix_model::path::Journey;
use lvs_matrix_model::record::{ClientEventKind, StepRecord};
use lvs_matrix_model::scenario::Forwarding;
use lvs_matrix_model::verdict::Terminator;

pub(super) const TCP_CLOSE: Source = Source::of("__tcp_close", "net/ipv4/tcp.c");

const SEND_ACTIVE_RESET: Source = Source::of("tcp_send_active_reset", "net/ipv4/tcp_output.c");
const DISCONNECT: Source = Source::of("tcp_disconnect", "net/ipv4/tcp.c");

/// The director chooses a server whose mysqld is gone.
pub(super) const NOTHING_LISTENS: Rule = Rule {
    name: "nothing-listens",
    explains: Explains::Error,
    sources: sources![transmit: "ip_vs_dr_xmit", tcp: "tcp_v4_rcv", tcp: "tcp_v4_send_reset"],
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect())?;
        let (passed, server) = request.sent_to_server()?;
        let (reached, at) = request.reached.as_ref()?;
        // Then it is not the SYN that is refused.
        if view.record.state_at(request.sent.at).answers_syns(at).is_some() {
            return None;
        }
        let reset = view
            .terminator(TerminatorKind::Rst)
            .filter(|reset| reset.by.as_ref() == Some(at) && reset.packet > reached.packet)?;
        let (stopped, _) = stopped_mysqld(view, server, request.sent.at)?;
        let template = by_template(view).filter(|(template, _)| template == server);
        let so = match template {
            None => bilingual!(
                "so it chose it for the client's SYN and passed that on"
                    / "于是为客户端的 SYN 选择了它并转发"
            ),
            Some(_) => bilingual!(
                "and the template of the persistent service for the client's address led there, so the \
                 client's SYN was passed on whatever other servers are in the table"
                    / "而持久服务中客户端地址的模板指向它，于是不论表中还有哪些真实服务器，都把客户端的 SYN 转发给它"
            ),
        };
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The director knows nothing of mysqlds: {server} was in its table, {so} ({passed} on \
                 director). The mysqld there had ended, nothing listened on the port, and the kernel of \
                 {server} answered with an RST, which {by} goes to the client {way} (packet {reset} on \
                 client): ECONNREFUSED."
                    / "调度器并不了解 mysqld 的状况：{server} 在表中，{so}（director 上的{passed}）。那里的 mysqld \
                       已经结束，端口上没有监听，{server} 的内核以 RST 应答；{by}，它{way}发给客户端（client 上的数据包 \
                       {reset}）：ECONNREFUSED。",
                so = so,
                passed = first(*passed),
                by = by_method(view, server),
                way = match view.method(server) {
                    Forwarding::DirectRouting | Forwarding::Tunneling => bilingual!("directly" / "直接"),
                    Forwarding::Masquerading => through(view),
                },
                reset = reset.packet,
            ),
            shown_by: cites![
                ..template.map_or_else(Vec::new, |(_, shown)| shown),
                stopped,
                request.sent,
                passed,
                reached,
                reset
            ],
            claims: said(request, Fate::UnknownAt(at.clone()), reset, Fate::NoConnection),
            advice: vec![
                Advice::OutOfTheTable(server.clone()),
                Advice::KeepAServer(Some(server.clone())),
                Advice::Reconnect,
            ],
        })
    },
};

/// A mysqld that ends has its sockets closed.
pub(super) const CLOSED: Rule = Rule {
    name: "server-ended",
    explains: Explains::Error,
    sources: sources![TCP_CLOSE],
    holds: |view| {
        let (server, closing) = ended_by_its_server(view, TerminatorKind::Fin)?;
        let (stopped, began) = stopped_mysqld(view, server, closing.at)?;
        let way = past_the_director(view, server);
        let request = view.request().map(|request| request.sent);
        // Only MySQL has codes for the end of a connection.
        let other = !view.plan.server_kind().is_mysql();
        let then = match request.filter(|request| request.packet < closing.packet) {
            Some(sent) if other => bilingual!(
                "The client was waiting for the answer to its {what} (packet {sent}) and learnt in this way \
                 that there will be none"
                    / "客户端正在等待{what} 的应答（数据包 {sent}），由此得知不会再有应答",
                what = view.what(),
                sent = sent.packet,
            ),
            Some(sent) => bilingual!(
                "The client was waiting for the answer to its {what} (packet {sent}) and learnt in this way \
                 that there will be none: the connection was lost during the query, which the classic client \
                 calls 2013"
                    / "客户端正在等待{what} 的结果（数据包 {sent}），由此得知不会再有应答：连接在查询期间丢失，传统客户端的错误码为 2013",
                what = view.what(),
                sent = sent.packet,
            ),
            // MySQL's own program looks at the socket before it sends; MariaDB's sends first, and then reads
            // the end.
            None if other => bilingual!(
                "It had reached the client before its {what}, which found the connection ended"
                    / "它在客户端{what} 之前就已到达，此时连接已经结束",
                what = view.what(),
            ),
            None if view.observed.error.as_ref().and_then(|error| error.classic) == Some(2013) => bilingual!(
                "It had reached the client before its {what}, which found the connection ended. The program \
                 sent it nevertheless, and read that end: to it the connection was lost during the query, \
                 2013, where others say that the server has gone away, 2006"
                    / "它在客户端{what} 之前就已到达，此时连接已经结束。程序仍然发送了语句，随后读到连接的结束：在它看来连接在查询期间丢失，即 \
                       2013，而其他程序报告服务器已断开，即 2006",
                what = view.what(),
            ),
            None => bilingual!(
                "It had reached the client before its {what}, which found the connection ended: the server \
                 has gone away, which the classic client calls 2006"
                    / "它在客户端{what} 之前就已到达，此时连接已经结束：服务器已断开，传统客户端的错误码为 2006",
                what = view.what(),
            ),
        };
        Some(Finding {
            at: began,
            text: bilingual!(
                "The mysqld on {server} ended ({step}), and its kernel closed the connection for it with a \
                 FIN (packet {closing} on client, {at}){way}. {then}."
                    / "{server} 上的 mysqld 结束（{step}），其内核以 FIN 关闭了这条连接（client 上的数据包 \
                        {closing}，{at}）{way}。{then}。",
                step = doing(&stopped.action),
                closing = closing.packet,
                at = moment(closing.at),
                way = way,
                then = then,
            ),
            shown_by: cites![stopped, ..request, closing],
            claims: claims([closing.packet], &Fate::Closed),
            advice: vec![Advice::Drain(server.clone()), Advice::Reconnect],
        })
    },
};

/// A mysqld that ends without having read what had arrived for it.
pub(super) const UNREAD: Rule = Rule {
    name: "closed-with-unread-data",
    explains: Explains::Error,
    sources: sources![TCP_CLOSE, SEND_ACTIVE_RESET],
    holds: |view| {
        let (server, reset) = ended_by_its_server(view, TerminatorKind::Rst)?;
        let (stopped, began) = stopped_mysqld(view, server, reset.at)?;
        // Sent when the process ended, and of the sender's own accord: no segment of the client's drew it.
        let at_the_end = stopped.ended.is_none_or(|ended| reset.at <= ended.plus(SOON));
        if !view.is_active(reset)? || !at_the_end {
            return None;
        }
        let (arrived, _) = view
            .sent
            .iter()
            .filter(|passage| passage.segment.payload_length > 0)
            .filter_map(|passage| passage.reached.as_ref())
            .rfind(|(seen, at)| at.real_server() == Some(server) && seen.at <= reset.at)?;
        let why = match super::frozen::frozen(view, server, Instant(began.0.checked_sub(1)?)) {
            Some((frozen, since)) if since <= arrived.at => bilingual!(
                "; it stood still ({frozen}) and could not read" / "；它处于停顿状态（{frozen}），无法读取",
                frozen = doing(&frozen.action),
            ),
            Some(_) | None => Bilingual::default(),
        };
        let request = view.request().map(|request| request.sent);
        let waited = request.is_some_and(|sent| sent.packet < reset.packet);
        let then = if waited {
            bilingual!("That ended the client's wait" / "客户端的等待由此结束")
        } else {
            bilingual!(
                "The client found the connection ended when it spoke again"
                    / "客户端再次发送时发现连接已经结束"
            )
        };
        Some(Finding {
            at: began,
            text: bilingual!(
                "The mysqld on {server} ended ({step}) without having read all that had arrived for it (last \
                 {arrived} there){why}. A socket that is closed with unread data is not ended by a FIN but \
                 by an RST: what was sent is lost, and the other side must know (RFC 2525, 2.17). The RST \
                 carries an ACK: it answers no segment of the client's, {server} sent it by itself (packet \
                 {reset} on client, {at}), past the director. {then}."
                    / "{server} 上的 mysqld 结束（{step}）时，还没有读完已到达的数据（最后为 {server} 上的{arrived}）{why}。带着未读数据关闭的\
                       套接字不以 FIN 而以 RST 结束：发来的数据丢失了，对方必须知道（RFC 2525 第 2.17 节）。这个 RST 带有 ACK：它不是对客户端某个\
                       报文段的应答，而是 {server} 主动发送的（client 上的数据包 {reset}，{at}），不经过调度器。{then}。",
                step = doing(&stopped.action),
                arrived = first(*arrived),
                why = why,
                reset = reset.packet,
                at = moment(reset.at),
                then = then,
            ),
            shown_by: cites![stopped, arrived, reset],
            claims: claims([reset.packet], &Fate::ClosedUnread),
            advice: vec![Advice::Drain(server.clone()), Advice::Reconnect],
        })
    },
};

/// An echo server that was told to end the connection instead of answering.
pub(super) const TOLD_TO: Rule = Rule {
    name: "told-to-end-the-connection",
    explains: Explains::Error,
    sources: sources![TCP_CLOSE, SEND_ACTIVE_RESET],
    holds: |view| {
        let request = view.request().filter(|_| view.plan.server_kind().is_echo())?;
        let (reached, server) = request.at_server()?;
        let asked = view.record.start_of(view.operation.number)?.1;
        let (ClientAction::Request(asked) | ClientAction::StartRequest(asked)) = asked else {
            return None;
        };
        let (kind, by) = match asked.then {
            Reaction::Answer => return None,
            Reaction::Close => (TerminatorKind::Fin, "FIN"),
            Reaction::Reset => (TerminatorKind::Rst, "RST"),
        };
        let (ending, end) = ended_by_its_server(view, kind).filter(|(_, end)| end.at >= reached.at)?;
        if ending != server || stopped_mysqld(view, server, end.at).is_some() {
            return None;
        }
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The client's {what} reached {server} ({reached} there), and told the echo server to end the \
                 connection instead of answering. It did so with a {by} (packet {end} on client, {at})."
                    / "客户端{what}到达 {server}（{server} 上的{reached}），其中要求服务程序不应答而结束连接；它以 {by} 结束了连接\
                       （client 上的数据包 {end}，{at}）。",
                what = view.carrier(),
                reached = first(*reached),
                end = end.packet,
                at = moment(end.at),
            ),
            shown_by: cites![request.sent, reached, end],
            claims: claims([request.sent.packet], &Fate::delivered(server)),
            advice: vec![Advice::Reconnect],
        })
    },
};

/// What a process's end takes at most, from the step's end on.
const SOON: Duration = Duration::from_secs(1);

/// A server that closes a connection that was idle for too long.
pub(super) const WAIT_TIMEOUT: Rule = Rule {
    name: "wait-timeout",
    explains: Explains::Error,
    sources: sources![TCP_CLOSE, DISCONNECT],
    holds: |view| {
        let server = view.server().filter(|_| !view.is_connect())?;
        let closing = closed_by_itself(view, server)?;
        // What had not reached the server does not count for it; it waits from the moment on when it has
        // answered.
        let heard = view
            .sent
            .iter()
            .filter(|passage| passage.segment.payload_length > 0)
            .filter_map(|passage| passage.reached.as_ref())
            .rfind(|(seen, _)| seen.at < closing.at)
            .map(|(seen, _)| *seen);
        let said = view
            .sent_by(server)
            .filter(|(packet, segment)| packet.at < closing.at && segment.payload_length > 0);
        let last = heard
            .into_iter()
            .chain(said.last().map(|(packet, _)| Seen::from(packet)));
        let last = last.max_by_key(|seen| seen.packet)?;
        let (limit, name, shown) = wait_timeout(view, server)?;
        let idle = closing.at.since(last.at);
        // The server's own timer is of whole seconds.
        if idle < limit || idle > limit + Duration::from_secs(2) {
            return None;
        }
        let request = view
            .request()
            .filter(|request| request.sent.packet < closing.packet);
        let then = match request {
            Some(request) if request.reached.is_none() => bilingual!(
                "That ended the client's wait; its {what} had never reached {server}"
                    / "客户端的等待由此结束；客户端{what}从未到达 {server}",
                what = view.carrier(),
            ),
            Some(_) => bilingual!("That ended the wait" / "等待由此结束"),
            None => {
                bilingual!(
                    "The client found it ended when it spoke again" / "客户端再次发送时发现连接已经结束"
                )
            }
        };
        Some(Finding {
            at: closing.at,
            text: bilingual!(
                "Nothing had passed between the client and {server} for {idle} (last {last} on {server}), \
                 and {name} was {limit}: the mysqld closed the connection (packet {closing} on client, \
                 {at}).{abrupt} {with} that reaches the client {past}. {then}."
                    / "客户端与 {server} 之间已有 {idle} 没有任何数据（最后为 {server} 上的{last}），而{name}为 {limit}：mysqld \
                        关闭了连接（client \
                       上的数据包 {closing}，{at}）。{abrupt}{with}，它{past}到达客户端。{then}。",
                idle = Human(idle),
                last = first(last),
                name = name,
                limit = Human(limit),
                closing = closing.packet,
                at = moment(closing.at),
                abrupt = abrupt(view, closing),
                with = with_method(view, server),
                past = past(view, server),
                then = then,
            ),
            shown_by: cites![..shown, last, closing],
            claims: claims([closing.packet], &Fate::TimedOut),
            advice: match request {
                // The server's end of the connection ended a wait that had another reason.
                Some(_) => vec![Advice::Reconnect],
                None => vec![
                    Advice::WaitTimeout {
                        server: server.clone(),
                        idle: view.operation.began.since(last.at),
                    },
                    Advice::Reconnect,
                ],
            },
        })
    },
};

/// Why a server's time-out shows as an RST, if it does.
pub(super) fn abrupt(view: &CellView<'_>, closing: &Terminator) -> Bilingual {
    if closing.kind != TerminatorKind::Rst {
        return Bilingual::default();
    }
    if view.record.environment.mysqld.contains("MariaDB") {
        bilingual!(
            " That it was an RST and no FIN is MariaDB's doing: where its own wait for a client has timed \
             out it sets SO_LINGER with no time (vio_socket_io_wait in vio/viosocket.c), and the kernel \
             closes such a socket with an RST."
                / "之所以是 RST 而不是 FIN，是 MariaDB 的做法：它对客户端的等待超时后会设置时间为零的 SO_LINGER（vio/viosocket.c 中的 \
                   vio_socket_io_wait），内核就以 RST 关闭这样的套接字。"
        )
    } else {
        bilingual!(
            " That it was an RST and no FIN is how Linux closes a socket whose program wants no lingering \
             (SO_LINGER), or has not read all."
                / "之所以是 RST 而不是 FIN，是因为程序要求不延迟关闭（SO_LINGER）或没有读完数据时，Linux 就这样关闭套接字。"
        )
    }
}

/// How a server ended the connection while its mysqld ran: with a FIN; or with an RST where the program had
/// asked for that (`SO_LINGER` with no time), or had not read all.
pub(super) fn closed_by_itself<'a>(view: &CellView<'a>, server: &Name) -> Option<&'a Terminator> {
    let node = Node::RealServer(server.clone());
    let closing = [TerminatorKind::Fin, TerminatorKind::Rst]
        .into_iter()
        .find_map(|kind| {
            view.terminator(kind)
                .filter(|closing| closing.by.as_ref() == Some(&node))
        })?;
    stopped_mysqld(view, server, closing.at)
        .is_none()
        .then_some(closing)
}

/// For how long the server waits for a session's next command: what the client had set its session to; or
/// what a new session took from the server's global variables, which is another one for a client that calls
/// itself interactive. How it is called, and what shows it.
fn wait_timeout(view: &CellView<'_>, server: &Name) -> Option<(Duration, Bilingual, Vec<Citation>)> {
    let set = view.record.client_events.iter().rev().find_map(|event| {
        let ClientEventKind::StatementBegun { sql } = &event.kind else {
            return None;
        };
        let (before, value) = sql.split_once("wait_timeout")?;
        // What is said of the global variable counts for later sessions.
        let ours = event.number < view.begun()?.number && !before.to_ascii_lowercase().contains("global");
        let value = value.trim_start().trim_start_matches(':').strip_prefix('=')?;
        let seconds = value.trim().parse().ok().filter(|_| ours)?;
        Some((event.number, Duration::from_secs(seconds)))
    });
    if let Some((event, limit)) = set {
        let name = bilingual!("its session's wait_timeout" / "其会话的 wait_timeout ");
        return Some((limit, name, vec![Citation::Event(event)]));
    }
    let interactive = view.is_interactive()?;
    let variable = if interactive {
        "interactive_timeout"
    } else {
        "wait_timeout"
    };
    let limit = view.server_variable(server, variable)?;
    let name = if interactive {
        bilingual!(
            "the server's interactive_timeout, which a client that calls itself interactive gets,"
                / "服务器的 interactive_timeout（自称交互式的客户端用它）"
        )
    } else {
        bilingual!("the server's wait_timeout" / "服务器的 wait_timeout ")
    };
    let held = view
        .record
        .server_views
        .iter()
        .find(|held| held.server == *server)?;
    Some((limit, name, vec![Citation::Server(held.server_id)]))
}

/// The last of the client's segments that had reached the real server before it sent `reset`, and where. It
/// need not be of the request: TCP may have put an acknowledgement off.
pub(super) fn last_at<'v, 'a>(
    view: &'v CellView<'a>,
    server: &Name,
    reset: &Terminator,
) -> Option<(&'v Passage<'a>, Seen)> {
    // On its way to the client more may have reached the server.
    let journey = view.paths.showing(reset.packet);
    let left = journey.and_then(Journey::packet);
    let left = left.map_or(reset.packet, |packet| packet.number);
    let reached = |passage: &'v Passage<'a>| {
        let (seen, at) = passage.reached.as_ref()?;
        (at.real_server() == Some(server) && seen.packet < left).then_some((passage, *seen))
    };
    let mut own = view.since_request().iter().filter_map(reached);
    own.next_back()
        .or_else(|| view.sent.iter().filter_map(reached).next_back())
}

/// The real server that served the connection, and the end of this kind that it made of it.
pub(super) fn ended_by_its_server<'a>(
    view: &CellView<'a>,
    kind: TerminatorKind,
) -> Option<(&'a Name, &'a Terminator)> {
    let server = view.server().filter(|_| !view.is_connect())?;
    let end = view.terminator(kind)?;
    (end.by.as_ref()?.real_server() == Some(server)).then_some((server, end))
}

/// What is passed on to a server that does not know the connection any more.
pub(super) const UNKNOWN_THERE: Rule = Rule {
    name: "connection-unknown-at-the-server",
    explains: Explains::Error,
    sources: sources![tcp: "tcp_v4_rcv", tcp: "tcp_v4_send_reset"],
    holds: |view| {
        let (server, reset) = ended_by_its_server(view, TerminatorKind::Rst)?;
        let (stopped, _) = stopped_mysqld(view, server, reset.at)?;
        if view.is_active(reset)? {
            return None;
        }
        let (refused, reached) = last_at(view, server, reset)?;
        let text = bilingual!(
            "The client's {what} reached {server} ({reached} there), but the mysqld to which the client \
                 was connected had ended; a new one does not know its connections, and neither does the \
                 kernel. It answered with an RST (packet {reset} on client)."
                / "客户端{what}到达了 {server}（{server} 上的{reached}），但客户端所连接的 mysqld 已经结束；新的 mysqld 不知道原来的连接，\
                       内核也不知道，于是以 RST 应答（client 上的数据包 {reset}）。",
            what = view.carrier(),
            reached = first(reached),
            reset = reset.packet,
        );
        Some(answered_as_unknown(
            text,
            stopped,
            (refused, reached),
            (server, reset),
        ))
    },
};

/// A server whose TCP had no such connection any more answered with an RST: it was reached here, after this
/// step.
pub(super) fn answered_as_unknown(
    text: Bilingual,
    step: &StepRecord,
    (refused, reached): (&Passage<'_>, Seen),
    (server, reset): (&Name, &Terminator),
) -> Finding {
    Finding {
        at: reached.at,
        text,
        shown_by: cites![step, reached, reset],
        claims: said(
            refused,
            Fate::UnknownAt(Node::RealServer(server.clone())),
            reset,
            Fate::NoConnection,
        ),
        advice: vec![Advice::Reconnect],
    }
}

/// The last step that ended the mysqld of a server by then. Whether another was started since makes no
/// difference to connections with the first.
pub(super) fn stopped_mysqld<'a>(
    view: &CellView<'a>,
    server: &Name,
    by: Instant,
) -> Option<(&'a StepRecord, Instant)> {
    view.done(|action| matches!(action.deed_on(server), Some(ServerDeed::Stop(_))).then_some(()))
        .filter(|(_, began, ())| *began <= by)
        .last()
        .map(|(step, began, ())| (step, began))
}
