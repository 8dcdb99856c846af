//! What a real server's kernel says for a mysqld that has ended, and what a host that is off does not say.

use super::super::advice::Advice;
use super::super::case::{Case, packet};
use super::super::moment;
use super::super::told::{Told, doing, told};
use super::director::first;
use super::{Explains, Finding, Rule, tcp, transmit};
use crate::explain::Source;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, MysqldAction, Node};
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::record::{ClientEventKind, StepRecord};
use lvs_matrix_model::verdict::{Citation, Terminator, TerminatorKind};
use std::time::Duration;

pub(super) const TCP_CLOSE: Source = Source {
    function: "__tcp_close",
    file: "net/ipv4/tcp.c",
};

/// The director chooses a server whose mysqld is gone.
pub(super) const NOTHING_LISTENS: Rule = Rule {
    name: "nothing-listens",
    explains: Explains::Error,
    sources: &[transmit("ip_vs_dr_xmit"), tcp("tcp_v4_rcv"), tcp("tcp_v4_send_reset")],
    holds: |case| {
        let request = case.request().filter(|_| case.is_connect())?;
        let (passed, Node::RealServer(server)) = request.passed_on.as_ref()? else {
            return None;
        };
        let (reached, at) = request.reached.as_ref()?;
        let reset = case
            .terminator(TerminatorKind::Rst)
            .filter(|reset| reset.by.as_ref() == Some(at) && reset.packet > reached.packet)?;
        let (stopped, _) = stopped_mysqld(case, server, request.sent.at)?;
        Some(Finding {
            at: request.sent.at,
            text: told!(
                "The director knows nothing of mysqlds: {server} was in its table, so it chose it for the client's SYN and \
                 passed that on ({passed} on director). The mysqld there had ended, nothing listened on the port, and the kernel of \
                 {server} answered with an RST, which in direct routing goes to the client directly (packet {reset} on client): \
                 ECONNREFUSED."
                    / "调度器并不了解 mysqld 的状况：{server} 在表中，于是为客户端的 SYN 选择了它并转发（director 上的{passed}）。那里的 mysqld \
                       已经结束，端口上没有监听，{server} 的内核以 RST 应答；DR 模式下，它直接发给客户端（client 上的数据包 \
                       {reset}）：ECONNREFUSED。",
                passed = first(*passed),
                reset = reset.packet,
            ),
            shown_by: vec![
                Citation::Step(stopped.number),
                packet(request.sent),
                packet(*passed),
                packet(*reached),
                Citation::Packet(reset.packet),
            ],
            advice: vec![
                Advice::OutOfTheTable { server: server.clone() },
                Advice::KeepAServer {
                    instead_of: Some(server.clone()),
                },
                Advice::Reconnect,
            ],
        })
    },
};

/// A mysqld that ends has its sockets closed.
pub(super) const CLOSED: Rule = Rule {
    name: "mysqld-ended",
    explains: Explains::Error,
    sources: &[TCP_CLOSE],
    holds: |case| {
        let server = case.server().filter(|_| !case.is_connect())?;
        let node = Node::RealServer(server.clone());
        let closing = case
            .terminator(TerminatorKind::Fin)
            .filter(|closing| closing.by.as_ref() == Some(&node))?;
        let (stopped, began) = stopped_mysqld(case, server, closing.at)?;
        let way = if case.answers_past_the_director() {
            told!(
                ". In direct routing that goes to the client directly, whatever the director's table says"
                    / "。DR 模式下，它直接发给客户端，与调度器的表无关"
            )
        } else {
            Told::default()
        };
        let request = case.request().map(|request| request.sent);
        let then = match request.filter(|request| request.packet < closing.packet) {
            Some(sent) => told!(
                "The client was waiting for the answer to its {what} (packet {sent}) and learnt in this way that there will be none: \
                 the connection was lost during the query, which the classic client calls 2013"
                    / "客户端正在等待{what} 的结果（数据包 {sent}），由此得知不会再有应答：连接在查询期间丢失，传统客户端的错误码为 2013",
                what = case.what(),
                sent = sent.packet,
            ),
            // MySQL's own program looks at the socket before it sends; MariaDB's sends first, and then reads the end.
            None if case.observed.error.as_ref().and_then(|error| error.classic) == Some(2013) => told!(
                "It had reached the client before its {what}, which found the connection ended. The program sent it nevertheless, \
                 and read that end: to it the connection was lost during the query, 2013, where others say that the server has \
                 gone away, 2006"
                    / "它在客户端{what} 之前就已到达，此时连接已经结束。程序仍然发送了语句，随后读到连接的结束：在它看来连接在查询期间丢失，即 \
                       2013，而其他程序报告服务器已断开，即 2006",
                what = case.what(),
            ),
            None => told!(
                "It had reached the client before its {what}, which found the connection ended: the server has gone away, which \
                 the classic client calls 2006"
                    / "它在客户端{what} 之前就已到达，此时连接已经结束：服务器已断开，传统客户端的错误码为 2006",
                what = case.what(),
            ),
        };
        let mut packets: Vec<u32> = request.map(|sent| sent.packet).into_iter().collect();
        packets.push(closing.packet);
        packets.sort_unstable();
        let steps = std::iter::once(Citation::Step(stopped.number));
        let shown_by = steps.chain(packets.into_iter().map(Citation::Packet)).collect();
        Some(Finding {
            at: began,
            text: told!(
                "The mysqld on {server} ended ({step}), and its kernel closed the connection for it with a FIN (packet {closing} on \
                 client, {at}){way}. {then}."
                    / "{server} 上的 mysqld 结束（{step}），其内核以 FIN 关闭了这条连接（client 上的数据包 {closing}，{at}）{way}。{then}。",
                step = doing(&stopped.action),
                closing = closing.packet,
                at = moment(closing.at),
                way = way,
                then = then,
            ),
            shown_by,
            advice: vec![Advice::Drain { server: server.clone() }, Advice::Reconnect],
        })
    },
};

/// A server that closes a connection that was idle for too long.
pub(super) const WAIT_TIMEOUT: Rule = Rule {
    name: "wait-timeout",
    explains: Explains::Error,
    sources: &[TCP_CLOSE],
    holds: |case| {
        let server = case.server().filter(|_| !case.is_connect())?;
        let closing = closed_by_itself(case, server)?;
        let (event, limit) = wait_timeout(case)?;
        // What had not reached the server does not count for it.
        let (last, _) = case
            .sent
            .iter()
            .filter(|passage| passage.segment.payload_length > 0)
            .filter_map(|passage| passage.reached.as_ref())
            .rfind(|(seen, _)| seen.packet < closing.packet)?;
        let idle = closing.at.since(last.at);
        // The server's own timer is of whole seconds.
        if idle < limit || idle > limit + Duration::from_secs(2) {
            return None;
        }
        let request = case.request().filter(|request| request.sent.packet < closing.packet);
        let then = match request {
            Some(_) => told!("That ended the wait" / "等待由此结束"),
            None => told!("The client found it ended when it spoke again" / "客户端再次发送时发现连接已经结束"),
        };
        Some(Finding {
            at: closing.at,
            text: told!(
                "Nothing of the client had reached {server} for {idle} (last {last} there), and its session's wait_timeout was \
                 {limit}: the mysqld closed the connection (packet {closing} on client, {at}). In direct routing that reaches the \
                 client past the director. {then}."
                    / "{server} 已有 {idle} 没有收到客户端的任何数据（最后为 {server} 上的{last}），而其会话的 wait_timeout 为 {limit}：mysqld \
                       关闭了连接（client 上的数据包 {closing}，{at}）。DR 模式下，它不经过调度器到达客户端。{then}。",
                idle = Human(idle),
                last = first(*last),
                limit = Human(limit),
                closing = closing.packet,
                at = moment(closing.at),
                then = then,
            ),
            shown_by: vec![Citation::Event(event), packet(*last), Citation::Packet(closing.packet)],
            advice: match request {
                // The server's end of the connection ended a wait that had another reason.
                Some(_) => vec![Advice::Reconnect],
                None => vec![
                    Advice::WaitTimeout {
                        idle: case.operation.began.since(last.at),
                    },
                    Advice::Reconnect,
                ],
            },
        })
    },
};

/// How a server ended the connection while its mysqld ran: with a FIN; or with an RST where the program had asked for that
/// (`SO_LINGER` with no time), or had not read all.
pub(super) fn closed_by_itself<'a>(case: &Case<'a>, server: &Name) -> Option<&'a Terminator> {
    let node = Node::RealServer(server.clone());
    let closing = [TerminatorKind::Fin, TerminatorKind::Rst]
        .into_iter()
        .find_map(|kind| {
            case.terminator(kind)
                .filter(|closing| closing.by.as_ref() == Some(&node))
        })?;
    stopped_mysqld(case, server, closing.at).is_none().then_some(closing)
}

/// What the client had set its session's `wait_timeout` to: the event, and the time.
fn wait_timeout(case: &Case<'_>) -> Option<(u32, Duration)> {
    case.record.client_events.iter().rev().find_map(|event| {
        let ClientEventKind::StatementBegun { sql } = &event.kind else {
            return None;
        };
        let (_, value) = sql.split_once("wait_timeout")?;
        let seconds = value.trim_start().strip_prefix('=')?.trim().parse().ok()?;
        Some((event.number, Duration::from_secs(seconds)))
    })
}

/// What is passed on to a server that does not know the connection any more.
pub(super) const UNKNOWN_THERE: Rule = Rule {
    name: "connection-unknown-at-the-server",
    explains: Explains::Error,
    sources: &[tcp("tcp_v4_rcv"), tcp("tcp_v4_send_reset")],
    holds: |case| {
        let server = case.server().filter(|_| !case.is_connect())?;
        let node = Node::RealServer(server.clone());
        let reset = case
            .terminator(TerminatorKind::Rst)
            .filter(|reset| reset.by.as_ref() == Some(&node))?;
        let (stopped, _) = stopped_mysqld(case, server, reset.at)?;
        let (reached, _) = case
            .since_request()
            .iter()
            .filter_map(|passage| passage.reached.as_ref())
            .rfind(|(seen, at)| *at == node && seen.packet < reset.packet)?;
        Some(Finding {
            at: reached.at,
            text: told!(
                "The client's {what} reached {server} ({reached} there), but the mysqld to which the client was connected had ended; \
                 a new one does not know its connections, and neither does the kernel. It answered with an RST (packet {reset} on \
                 client)."
                    / "客户端{what}到达了 {server}（{server} 上的{reached}），但客户端所连接的 mysqld 已经结束；新的 mysqld 不知道原来的连接，\
                       内核也不知道，于是以 RST 应答（client 上的数据包 {reset}）。",
                what = case.carrier(),
                reached = first(*reached),
                reset = reset.packet,
            ),
            shown_by: vec![
                Citation::Step(stopped.number),
                packet(*reached),
                Citation::Packet(reset.packet),
            ],
            advice: vec![Advice::Reconnect],
        })
    },
};

/// The last step that ended the mysqld of a server by then. Whether another was started since makes no difference to
/// connections with the first.
fn stopped_mysqld<'a>(case: &Case<'a>, server: &Name, by: Instant) -> Option<(&'a StepRecord, Instant)> {
    case.done(|action| {
        matches!(action, Action::Mysqld(MysqldAction::StopMysqld { server: of, .. }) if of == server).then_some(())
    })
    .filter(|(_, began, ())| *began <= by)
    .last()
    .map(|(step, began, ())| (step, began))
}
