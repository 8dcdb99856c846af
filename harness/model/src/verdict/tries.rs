//! The connections that a program used for one operation, one after the other: what it waited for on each,
//! and how that ended.

use super::attempts::{Asked, Attempt, Reply};
use super::network::{Wire, ends};
use super::operation::Classified;
use super::servers::servers;
use super::terminators::terminators;
use super::{Try, TryEnd};
use crate::capture::Seen;
use crate::capture::flow::{ClientSide, Connection};
use crate::duration::Instant;
use crate::path::Journeys;
use crate::record::CellRecord;
use std::collections::BTreeSet;

/// So many of the first and of the last connections are named: a program that tries again at once may have
/// hundreds.
const NAMED: usize = 20;

/// The connections of the operation in the order of their use, if it used several.
pub(super) fn tries(
    record: &CellRecord,
    paths: &Journeys,
    operation: &Classified<'_>,
    wire: &Wire,
) -> Vec<Try> {
    let mut known = BTreeSet::new();
    let mut connections: Vec<&Connection> = Vec::new();
    for attempt in &wire.looked.attempts {
        if known.insert(attempt.connection.syn) {
            connections.push(&attempt.connection);
        }
    }
    let middle = NAMED..connections.len().saturating_sub(NAMED).max(NAMED);
    let Some(side) = ClientSide::of(record, paths.packets()).filter(|_| connections.len() > 1) else {
        return Vec::new();
    };
    let first = |connection: &Connection| {
        wire.looked
            .attempts
            .iter()
            .find(|attempt| attempt.connection == *connection)
    };
    connections
        .iter()
        .enumerate()
        .filter(|(index, _)| !middle.contains(index))
        .filter_map(|(index, connection)| {
            let next = connections.get(index + 1).and_then(|next| first(next));
            let until = next.map_or(operation.end.at, |next| next.request.at);
            let began = first(connection)?.request;
            let last = waited_for(connection, wire)?;
            Some(one(wire, record, paths, &side, last, began.at, until))
        })
        .collect()
}

/// What the client last waited for on a connection: what has no whole answer, or the last command of all.
fn waited_for<'a>(connection: &Connection, wire: &'a Wire) -> Option<&'a Attempt> {
    let own = || {
        wire.looked
            .attempts
            .iter()
            .filter(|attempt| attempt.connection == *connection)
    };
    let statement = || own().rfind(|attempt| attempt.is_own());
    own()
        .rfind(|attempt| !attempt.is_complete())
        .or_else(statement)
        .or_else(|| own().next_back())
}

fn one(
    wire: &Wire,
    record: &CellRecord,
    paths: &Journeys,
    side: &ClientSide<'_>,
    attempt: &Attempt,
    began: Instant,
    until: Instant,
) -> Try {
    let received = wire.looked.accepted(side, &attempt.connection);
    let servers = servers(record, paths, side, &attempt.connection, &received, None);
    let established = received
        .iter()
        .find(|(_, segment)| segment.flags.syn && segment.flags.ack)
        .map(|(packet, _)| Seen::from(*packet));
    let ended = terminators(paths, side, &received, &attempt.connection, until)
        .into_iter()
        .find(|terminator| ends(terminator, established));
    let (end, at) = match (&attempt.reply, ended) {
        (Reply::Complete { by, .. }, _) => (TryEnd::Answered, by.at),
        (Reply::Error { by, error }, _) => (TryEnd::Error(error.code), by.at),
        (Reply::Open | Reply::Unread, Some(end)) if end.packet < attempt.request.packet => {
            (TryEnd::EndedBefore(end.kind), began)
        }
        (Reply::Open | Reply::Unread, Some(end)) => (TryEnd::Ended(end.kind), end.at.max(began)),
        (Reply::Unread, None) => (TryEnd::Unread, until),
        (Reply::Open, None) => (TryEnd::Unanswered, until),
    };
    Try {
        client_port: attempt.connection.client_port,
        served_by: servers.one().map(|(node, _)| node.clone()),
        waited_for: match &attempt.asked {
            Asked::Connect => "connect".to_owned(),
            Asked::Command { own: true, .. } => "statement".to_owned(),
            Asked::Command { name, .. } => name.clone(),
        },
        packet: attempt.request.packet,
        began,
        ended: at,
        end,
    }
}
