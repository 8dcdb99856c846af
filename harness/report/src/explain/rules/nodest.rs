//! Connections whose real server was deleted from the table: entries without a destination.

use super::super::advice;
use super::super::case::{Case, packet};
use super::super::passage::Passage;
use super::director::{OWN_TCP, first, times};
use super::{Explains, Finding, Rule, connections, control, core};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::record::Moment;
use lvs_matrix_model::verdict::{Citation, Terminator, TerminatorKind};

const EXPIRE_NODEST_CONN: &str = "net.ipv4.vs.expire_nodest_conn";

/// The entry outlives its server, and what matches it is dropped.
pub(super) const DROPPED: Rule = Rule {
    name: "entry-without-server",
    explains: Explains::Silence,
    sources: &[
        control("__ip_vs_unlink_dest"),
        core("ip_vs_in_hook"),
        connections("__ip_vs_conn_put"),
    ],
    holds: |case| {
        let dropped = Dropped::of(case)?;
        let server = dropped.server;
        let (head, tail) = (dropped.stopped.first()?, dropped.stopped.last()?);
        let count = match dropped.stopped.len() {
            1 => format!(
                "The client's {} arrived at the director ({} on director)",
                case.operation.what,
                first(head.arrived?)
            ),
            several => format!(
                "The client's {} arrived at the director {} ({} on director, to {})",
                case.operation.what,
                times(several),
                first(head.arrived?),
                first(tail.arrived?)
            ),
        };
        let mut shown_by = vec![Citation::Step(dropped.deleted), Citation::Snapshot(dropped.snapshot)];
        shown_by.extend(dropped.stopped.iter().filter_map(|passage| passage.arrived).map(packet));
        Some(Finding {
            at: head.sent.at,
            text: format!(
                "{server} had been deleted from the director's table, but the director's entry for the connection outlives its \
                 server ({}, to expire in {}). {count}, matched that entry, and was dropped: with \
                 expire_nodest_conn=0 the director drops in silence what matches an entry whose server is not available, and \
                 does not restart the entry's timer. Neither the client nor {server} is told anything.",
                dropped.state, dropped.expires
            ),
            shown_by,
            advice: vec![
                advice::expire_nodest_conn(),
                advice::drain(case, server),
                advice::stop_mysqld_first(),
                advice::user_timeout(),
            ],
        })
    },
};

/// With `expire_nodest_conn` the entry goes with its server.
pub(super) const EXPIRED_AT_ONCE: Rule = Rule {
    name: "entry-expired-with-its-server",
    explains: Explains::Error,
    sources: &[
        connections("ip_vs_expire_nodest_conn_flush"),
        core("ip_vs_in_hook"),
        OWN_TCP[0],
        OWN_TCP[1],
        OWN_TCP[2],
    ],
    holds: |case| {
        let (request, reset) = reset_by_director(case)?;
        let arrived = request.arrived?;
        let server = case.server()?;
        let (deleted, _) = case.deleted(server, request.sent.at)?;
        if case.sysctl(&Node::Director, EXPIRE_NODEST_CONN, request.sent.at)? == "0" {
            return None;
        }
        // A client that waits may have had only a keepalive probe to send.
        let what = if request.segment.payload_length == 0 {
            "keepalive probe"
        } else {
            &case.operation.what
        };
        let mut shown_by = vec![Citation::Step(deleted.number)];
        shown_by.extend([packet(arrived), Citation::Packet(reset.packet)]);
        Some(Finding {
            at: request.sent.at,
            text: format!(
                "{server} had been deleted from the director's table, and with expire_nodest_conn=1 the entries of its \
                 connections go with it, at the latest when a segment matches one. The client's {what} ({} on director) therefore \
                 belonged to no connection. A segment that has no entry and is no SYN is not scheduled but left to the \
                 director's own TCP; the VIP is an address of the director, no socket there has this connection, and so it \
                 answered with an RST (packet {} on client; its Ethernet address is the director's, whatever the IP address \
                 says).",
                first(arrived),
                reset.packet
            ),
            shown_by,
            advice: vec![advice::drain(case, server), advice::reconnect()],
        })
    },
};

/// Without it the entry goes when its time is over, which drops do not prolong.
pub(super) const EXPIRED_LATER: Rule = Rule {
    name: "entry-expired-in-the-end",
    explains: Explains::Error,
    sources: &[connections("ip_vs_conn_expire"), OWN_TCP[0], OWN_TCP[1], OWN_TCP[2]],
    holds: |case| {
        let dropped = Dropped::of(case)?;
        let (answered, reset) = reset_by_director(case)?;
        let arrived = answered.arrived?;
        let timeout = case.entry_timeout()?;
        let (last, _) = case.last_passed_on(dropped.stopped.first()?.arrived?.packet)?;
        if arrived.at < last.at.plus(timeout) {
            return None;
        }
        let gone = case.table(Moment::End).filter(|table| !table.has_entry(case.client))?;
        Some(Finding {
            at: reset.at,
            text: format!(
                "The entry's time of {} had begun with the last segment that the director passed on ({}), and was over when \
                 the client's TCP sent the segment once more ({} on director). Without an entry a segment that is no SYN is \
                 left to the director's own TCP, which knows no such connection and answered with an RST (packet {} on \
                 client): that ended the hang. The longer a connection had been idle before, the shorter such a hang.",
                Human(timeout),
                first(*last),
                first(arrived),
                reset.packet
            ),
            shown_by: vec![
                packet(*last),
                packet(arrived),
                Citation::Packet(reset.packet),
                Citation::Snapshot(gone.snapshot),
            ],
            advice: Vec::new(),
        })
    },
};

/// A statement that an entry without a server swallowed.
pub(super) struct Dropped<'c, 'a> {
    pub(super) server: &'a Name,
    /// The sendings that arrived at the director while the entry was there, and went no further.
    pub(super) stopped: Vec<&'c Passage<'a>>,
    /// The step that deleted the server.
    deleted: u32,
    snapshot: u32,
    state: String,
    expires: String,
}

impl<'c, 'a> Dropped<'c, 'a> {
    pub(super) fn of(case: &'c Case<'a>) -> Option<Self> {
        let server = case.server()?;
        let request = case.request().filter(|request| !request.segment.flags.syn)?;
        let (deleted, _) = case.deleted(server, request.sent.at)?;
        let ended_before = case
            .observed
            .terminators
            .iter()
            .any(|item| item.packet < request.sent.packet);
        if ended_before || case.sysctl(&Node::Director, EXPIRE_NODEST_CONN, request.sent.at)? != "0" {
            return None;
        }
        let table = case.table_at(request.sent.at)?;
        if table.weight(server).is_some() {
            return None;
        }
        let entry = table.entry(case.plan, case.client, server)?;
        let answered = reset_by_director(case).and_then(|(passage, _)| passage.arrived);
        let stopped: Vec<&Passage<'_>> = case
            .sendings()
            .take_while(|passage| passage.passed_on.is_none())
            .filter(|passage| passage.arrived.is_some() && passage.arrived != answered)
            .collect();
        (!stopped.is_empty()).then(|| Self {
            server,
            stopped,
            deleted: deleted.number,
            snapshot: table.snapshot,
            state: entry.state.clone(),
            expires: entry.expires.clone(),
        })
    }
}

/// The director's RST, with the client's segment that it answers: the last that arrived there before it, and went no further.
fn reset_by_director<'c, 'a>(case: &'c Case<'a>) -> Option<(&'c Passage<'a>, &'a Terminator)> {
    let reset = case
        .terminator(TerminatorKind::Rst)
        .filter(|reset| reset.by == Some(Node::Director))?;
    let passage = case
        .since_request()
        .iter()
        .rfind(|passage| passage.arrived.is_some_and(|arrived| arrived.packet < reset.packet))?;
    let stopped = passage.stopped_at_director().is_some() && !passage.segment.flags.syn;
    stopped.then_some((passage, reset))
}
