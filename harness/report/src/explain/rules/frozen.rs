//! Servers that are there and do not speak, and clients that have nothing to say.

use super::super::advice;
use super::super::case::{Case, packet};
use super::super::passage::Seen;
use super::director::first;
use super::{Explains, Finding, Rule, tcp_timer};
use crate::explain::Source;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, MysqldAction, Node};
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::record::StepRecord;
use lvs_matrix_model::verdict::{Behaviour, Citation};

/// A process that does not run, on a host that does.
pub(super) const FROZEN: Rule = Rule {
    name: "mysqld-frozen",
    explains: Explains::Silence,
    sources: &[
        Source {
            function: "tcp_rcv_established",
            file: "net/ipv4/tcp_input.c",
        },
        Source {
            function: "inet_csk_accept",
            file: "net/ipv4/inet_connection_sock.c",
        },
    ],
    holds: |case| {
        let request = case.request()?;
        let (reached, Node::RealServer(server)) = request.reached.as_ref()? else {
            return None;
        };
        let acknowledged = case.acknowledged()?;
        let (frozen, began) = frozen(case, server, case.end())?;
        if case.payload().is_some_and(|answer| answer.at > began) || began > case.operation.due {
            return None;
        }
        let what = if case.is_connect() {
            "completed the handshake for the client's SYN, for its kernel accepts connections on behalf of a program that listens"
                .to_owned()
        } else {
            format!("acknowledged the client's {}", case.operation.what)
        };
        let then = if reached.at < began {
            format!("then its mysqld was stopped in the middle of it ({})", frozen.action)
        } else if case.is_connect() {
            format!(
                "but its mysqld did not run ({}): nobody takes the connection out of the listening socket's queue, and nobody sends \
                 the greeting that the client waits for",
                frozen.action
            )
        } else {
            format!(
                "but its mysqld did not run ({}): what reached {server} ({} there) waits in a socket that nobody reads",
                frozen.action,
                first(*reached)
            )
        };
        Some(Finding {
            at: request.sent.at.max(began),
            text: format!(
                "{server} {what} (packet {} on client), {then}. To the client's TCP all is well, for everything that it sent is \
                 acknowledged; no timer runs, and even keepalive would be answered by the kernel of {server}.",
                acknowledged.number
            ),
            shown_by: vec![
                Citation::Step(frozen.number),
                packet(request.sent),
                packet(*reached),
                Citation::Packet(acknowledged.number),
            ],
            advice: vec![
                "On the client, give the driver a time-out for connecting and for reading: nothing in TCP ends such a wait."
                    .to_owned(),
                "Let health checks log in and ask the server something: one that only connects finds a frozen mysqld well."
                    .to_owned(),
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
        let acknowledged = case.acknowledged()?;
        let (off, began) = case.unplugged(&Node::RealServer(server.clone()), case.operation.due)?;
        let sent_after = case.sent.iter().any(|passage| passage.sent.at > began);
        if acknowledged.at > began || sent_after || case.payload().is_some() {
            return None;
        }
        Some(Finding {
            at: began,
            text: format!(
                "{server} had acknowledged the client's {} ({} on client) before it went silent ({}). From then on all that the \
                 client had sent was acknowledged: its TCP had nothing to send again, no timer that could run out, and no \
                 keepalive (off unless a program asks for it, tcp(7)). It sent nothing for the {} that were watched, so \
                 nothing could tell it that the host is gone; the director is not on the way back, and could not either.",
                case.operation.what,
                first(Seen::from(acknowledged)),
                off.action,
                Human(*silence)
            ),
            shown_by: vec![
                packet(request.sent),
                Citation::Packet(acknowledged.number),
                Citation::Step(off.number),
            ],
            advice: vec![advice::keepalive()],
        })
    },
};

/// The last step by then that froze (true) or thawed a mysqld.
pub(super) fn last<'a>(case: &Case<'a>, server: &Name, by: Instant) -> Option<(&'a StepRecord, Instant, bool)> {
    case.done(|action| {
        let Action::Mysqld(action) = action else { return None };
        match action {
            MysqldAction::FreezeMysqld { server: of } => (of == server).then_some(true),
            MysqldAction::ThawMysqld { server: of } => (of == server).then_some(false),
            MysqldAction::StopMysqld { .. } | MysqldAction::StartMysqld { .. } => None,
        }
    })
    .filter(|(_, began, _)| *began <= by)
    .last()
}

pub(super) fn frozen<'a>(case: &Case<'a>, server: &Name, by: Instant) -> Option<(&'a StepRecord, Instant)> {
    last(case, server, by)
        .filter(|(_, _, frozen)| *frozen)
        .map(|(step, began, _)| (step, began))
}
