//! Virtual services that are not there, and entries whose time was over.

use super::super::advice;
use super::super::case::packet;
use super::director::{OWN_TCP, first};
use super::nodest::{LEFT_TO_THE_DIRECTOR, reset_by_director};
use super::{Explains, Finding, Rule, connections, control, core, tcp, tcp_protocol};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::verdict::{Citation, TerminatorKind};

/// A SYN for a service that is not there.
pub(super) const NO_SERVICE: Rule = Rule {
    name: "no-service-for-a-syn",
    explains: Explains::Error,
    sources: &[
        control("ip_vs_service_find"),
        tcp_protocol("tcp_conn_schedule"),
        tcp("tcp_v4_rcv"),
        tcp("tcp_v4_send_reset"),
    ],
    holds: |case| {
        let request = case.request().filter(|_| case.is_connect())?;
        let arrived = request.stopped_at_director()?;
        let reset = case
            .terminator(TerminatorKind::Rst)
            .filter(|reset| reset.by == Some(Node::Director) && reset.packet > arrived.packet)?;
        let table = case.table_at(request.sent.at).filter(|table| !table.has_service)?;
        Some(Finding {
            at: request.sent.at,
            text: format!(
                "The client's SYN arrived at the director ({} on director), which had no virtual service for it: IPVS lets \
                 such a packet pass, and it came to the director's own TCP, for the VIP is an address of the director. \
                 Nothing listens there, so it answered with an RST (packet {} on client): ECONNREFUSED. (With a service but \
                 no server the answer would have been an ICMP port unreachable.)",
                first(arrived),
                reset.packet
            ),
            shown_by: vec![
                packet(request.sent),
                packet(arrived),
                Citation::Snapshot(table.snapshot),
                Citation::Packet(reset.packet),
            ],
            advice: vec![advice::keep_a_server()],
        })
    },
};

/// Without any service of the address family IPVS is not on the way.
pub(super) const NO_HOOKS: Rule = Rule {
    name: "last-service-gone",
    explains: Explains::Error,
    sources: &[
        control("__ip_vs_del_service"),
        core("ip_vs_unregister_hooks"),
        tcp("tcp_v4_rcv"),
        tcp("tcp_v4_send_reset"),
    ],
    holds: |case| {
        let (answered, reset) = reset_by_director(case)?;
        let arrived = answered.arrived?;
        let table = case.table_at(answered.sent.at).filter(|table| !table.has_any_service)?;
        let entry = if table.has_entry(case.client) {
            " The entry of the connection is still there, but nobody looks at it."
        } else {
            ""
        };
        Some(Finding {
            at: answered.sent.at,
            text: format!(
                "The director had no virtual service left: with the last one of an address family IPVS takes its hooks out of \
                 that family's path (Linux 5.9 and later).{entry} The client's {} ({} on director) went straight to the \
                 director's own TCP, which has no such connection and answered with an RST (packet {} on client). Had there \
                 been any other service, the entry would have been found.",
                case.operation.what,
                first(arrived),
                reset.packet
            ),
            shown_by: vec![
                Citation::Snapshot(table.snapshot),
                packet(arrived),
                Citation::Packet(reset.packet),
            ],
            advice: vec![advice::reconnect()],
        })
    },
};

/// An idle connection whose entry is gone though its server is there.
pub(super) const ENTRY_TIMED_OUT: Rule = Rule {
    name: "entry-timed-out",
    explains: Explains::Error,
    sources: &[connections("ip_vs_conn_expire"), OWN_TCP[0], OWN_TCP[1], OWN_TCP[2]],
    holds: |case| {
        let (answered, reset) = reset_by_director(case)?;
        let arrived = answered.arrived?;
        let server = case.server()?;
        let table = case.table_at(answered.sent.at)?;
        let (last, _) = case.last_passed_on(arrived.packet)?;
        let timeout = case.entry_timeout(last.at)?;
        if table.weight(server).is_none() || arrived.at < last.at.plus(timeout) {
            return None;
        }
        Some(Finding {
            at: answered.sent.at,
            text: format!(
                "The connection had been idle for {} since the last segment that the director passed on ({}), longer than the \
                 {} that the director keeps an entry: though {server} was in the table, the client's {} ({} on director) \
                 belonged to no connection any more. {LEFT_TO_THE_DIRECTOR} (packet {} on client).",
                Human(arrived.at.since(last.at)),
                first(*last),
                Human(timeout),
                case.operation.what,
                first(arrived),
                reset.packet
            ),
            shown_by: vec![
                packet(*last),
                Citation::Snapshot(table.snapshot),
                packet(arrived),
                Citation::Packet(reset.packet),
            ],
            advice: vec![
                "Let the director keep entries for longer than clients are idle (`ipvsadm --set`), or let no connection be idle \
                 for so long: a pool that closes idle connections sooner, or TCP keepalive below that time."
                    .to_owned(),
                advice::reconnect(),
            ],
        })
    },
};
