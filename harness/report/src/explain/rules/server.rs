//! What a real server's kernel says for a mysqld that has ended, and what a host that is off does not say.

use super::super::advice;
use super::super::case::{Case, packet};
use super::super::moment;
use super::director::{first, times};
use super::{Explains, Finding, Rule, tcp, tcp_timer, transmit};
use crate::explain::Source;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, HostAction, MysqldAction, Node};
use lvs_matrix_model::capture::flow::at_or_after;
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::record::StepRecord;
use lvs_matrix_model::verdict::{Behaviour, Citation, TerminatorKind};

const TCP_CLOSE: Source = Source {
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
            text: format!(
                "The director knows nothing of mysqlds: {server} was in its table, so it chose it for the client's SYN and \
                 passed that on ({} on director). The mysqld there had ended, nothing listened on the port, and the kernel of \
                 {server} answered with an RST, which in direct routing goes to the client directly (packet {} on client): \
                 ECONNREFUSED.",
                first(*passed),
                reset.packet
            ),
            shown_by: vec![
                Citation::Step(stopped.number),
                packet(request.sent),
                packet(*passed),
                packet(*reached),
                Citation::Packet(reset.packet),
            ],
            advice: vec![advice::out_of_the_table(case, server)],
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
            ". In direct routing that goes to the client directly, whatever the director's table says"
        } else {
            ""
        };
        let request = case.request().map(|request| request.sent);
        let then = match request.filter(|request| request.packet < closing.packet) {
            Some(sent) => format!(
                "The client was waiting for the answer to its {} (packet {}) and learnt in this way that there will be none: \
                 the connection was lost during the query, which the classic client calls 2013",
                case.operation.what, sent.packet
            ),
            // MySQL's own program looks at the socket before it sends; MariaDB's sends first, and then reads the end.
            None if case.observed.error.as_ref().and_then(|error| error.classic) == Some(2013) => format!(
                "It had reached the client before its {}, which found the connection ended. The program sent it nevertheless, \
                 and read that end: to it the connection was lost during the query, 2013, where others say that the server has \
                 gone away, 2006",
                case.operation.what
            ),
            None => format!(
                "It had reached the client before its {}, which found the connection ended: the server has gone away, which \
                 the classic client calls 2006",
                case.operation.what
            ),
        };
        let mut packets: Vec<u32> = request.map(|sent| sent.packet).into_iter().collect();
        packets.push(closing.packet);
        packets.sort_unstable();
        let steps = std::iter::once(Citation::Step(stopped.number));
        let shown_by = steps.chain(packets.into_iter().map(Citation::Packet)).collect();
        Some(Finding {
            at: began,
            text: format!(
                "The mysqld on {server} ended ({}), and its kernel closed the connection for it with a FIN (packet {} on \
                 client, {}){way}. {then}.",
                stopped.action,
                closing.packet,
                moment(closing.at)
            ),
            shown_by,
            advice: vec![advice::drain(case, server), advice::reconnect()],
        })
    },
};

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
            text: format!(
                "The client's {} reached {server} ({} there), but the mysqld to which the client was connected had ended; a new \
                 one does not know its connections, and neither does the kernel. It answered with an RST (packet {} on client).",
                case.operation.what,
                first(*reached),
                reset.packet
            ),
            shown_by: vec![
                Citation::Step(stopped.number),
                packet(*reached),
                Citation::Packet(reset.packet),
            ],
            advice: vec![advice::reconnect()],
        })
    },
};

/// What is passed on to a host that is off.
pub(super) const HOST_OFF: Rule = Rule {
    name: "host-off",
    explains: Explains::Silence,
    sources: &[transmit("ip_vs_dr_xmit")],
    holds: |case| {
        let lost: Vec<_> = case
            .sendings()
            .filter_map(|passage| Some((passage, passage.passed_on.as_ref()?)))
            .collect();
        let (head, (_, Node::RealServer(server))) = lost.first()? else {
            return None;
        };
        let (off, _) = powered_off(case, server, head.sent.at)?;
        if lost.iter().any(|(passage, _)| passage.reached.is_some()) || lost.len() < case.sendings().count() {
            return None;
        }
        let mut shown_by = vec![Citation::Step(off.number)];
        shown_by.extend(lost.iter().map(|(_, (seen, _))| packet(*seen)));
        Some(Finding {
            at: head.sent.at,
            text: format!(
                "The director passed the client's {} on to {server} {} (first {} on director), which was off: nothing \
                 arrived there, and a host that is off sends neither RST nor FIN. IPVS does not notice it, and goes on passing \
                 on to a silent server until it is taken out of the table.",
                what(case),
                times(lost.len()),
                first(lost.first()?.1.0)
            ),
            shown_by,
            advice: vec![
                "Let a health check take a server that does not answer out of the table, with \
                 net.ipv4.vs.expire_nodest_conn=1, so that the next segment of its connections draws an RST."
                    .to_owned(),
                advice::user_timeout(),
            ],
        })
    },
};

/// A client that only waits has nothing that could go unanswered.
pub(super) const NOTHING_TO_SEND: Rule = Rule {
    name: "nothing-to-send",
    explains: Explains::Silence,
    sources: &[
        Source {
            function: "tcp_rearm_rto",
            file: "net/ipv4/tcp_input.c",
        },
        tcp_timer("tcp_keepalive_timer"),
    ],
    holds: |case| {
        let Behaviour::Hung { silence, .. } = &case.observed.behaviour else {
            return None;
        };
        let server = case.server().filter(|_| !case.is_connect())?;
        let request = case.request()?;
        let next = request.segment.sequence.wrapping_add(request.segment.payload_length);
        let (acknowledgement, _) = case.received.iter().find(|(packet, segment)| {
            packet.number > request.sent.packet && segment.flags.ack && at_or_after(segment.acknowledgement, next)
        })?;
        let (off, began) = powered_off(case, server, case.operation.due)?;
        let sent_after = case.sent.iter().any(|passage| passage.sent.at > began);
        if acknowledgement.at > began || sent_after || case.answers().any(|(_, segment)| segment.payload_length > 0) {
            return None;
        }
        Some(Finding {
            at: began,
            text: format!(
                "{server} had acknowledged the client's {} (packet {} on client) before it went off. From then on all that the \
                 client had sent was acknowledged: its TCP had nothing to send again, no timer that could run out, and no \
                 keepalive (off unless a program asks for it, tcp(7)). It sent nothing for the {} that were watched, so \
                 nothing could tell it that the host is gone; the director is not on the way back, and could not either.",
                case.operation.what,
                acknowledgement.number,
                Human(*silence)
            ),
            shown_by: vec![
                packet(request.sent),
                Citation::Packet(acknowledgement.number),
                Citation::Step(off.number),
            ],
            advice: vec![advice::keepalive()],
        })
    },
};

fn what<'a>(case: &Case<'a>) -> &'a str {
    if case.is_connect() { "SYN" } else { &case.operation.what }
}

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

fn powered_off<'a>(case: &Case<'a>, server: &Name, by: Instant) -> Option<(&'a StepRecord, Instant)> {
    case.done(|action| {
        matches!(action, Action::Host(HostAction::PowerOff { server: of, .. }) if of == server).then_some(())
    })
    .find(|(_, began, ())| *began <= by)
    .map(|(step, began, ())| (step, began))
}
