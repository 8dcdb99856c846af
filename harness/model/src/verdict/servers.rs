//! Which real server answered a connection, and which others it reached: servers that are tried one after
//! another are no contradiction, two that both answer are one.

use crate::Name;
use crate::action::Node;
use crate::capture::flow::{ClientSide, Connection};
use crate::capture::{Packet, Segment};
use crate::path::Journeys;
use crate::record::CellRecord;
use serde::{Deserialize, Serialize};

/// A real server that a connection reached before another one answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Tried {
    /// Which one.
    pub server: Name,
    /// The first packet of the client's that reached it, on its own interface.
    pub packet: u32,
}

/// The real servers of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Servers {
    /// Those whose SYN-ACK or payload the client's kernel accepted, each with the first packet that shows it.
    /// More than one is a contradiction.
    pub(super) answered: Vec<(Node, u32)>,
    /// Those that packets of the client's reached, each with the first one. Those that answered are among
    /// them.
    reached: Vec<(Node, u32)>,
}

impl Servers {
    /// The one that answered, or, if none did, the only one that was reached; with a packet that shows it.
    pub(super) fn one(&self) -> Option<&(Node, u32)> {
        let of = if self.answered.is_empty() {
            &self.reached
        } else {
            &self.answered
        };
        match of.as_slice() {
            // The first packet that reached a server comes before its first answer.
            [one] => self.reached.iter().find(|(node, _)| *node == one.0).or(Some(one)),
            [] | [_, _, ..] => None,
        }
    }

    /// Those that were reached before another one answered, in that order. If none answered: all, if there
    /// are several.
    pub(super) fn tried(&self) -> Vec<Tried> {
        let one = self.one();
        let answer = self.answered.iter().map(|(_, packet)| *packet).min();
        let others = self.reached.iter().filter(|(node, packet)| {
            let other = one.is_none_or(|(one, _)| one != node)
                && !self.answered.iter().any(|(known, _)| known == node);
            other && answer.is_none_or(|answer| *packet < answer)
        });
        let mut tried: Vec<Tried> = others
            .filter_map(|(node, packet)| {
                Some(Tried {
                    server: node.real_server()?.clone(),
                    packet: *packet,
                })
            })
            .collect();
        tried.sort_by_key(|tried| tried.packet);
        tried
    }
}

/// The real servers of `connection`, of which the client's kernel accepted `accepted`: by who made a SYN-ACK
/// or payload, and by whom the client's segments reached. `request` is the packet of what was asked for.
pub(super) fn servers(
    record: &CellRecord,
    paths: &Journeys,
    side: &ClientSide<'_>,
    connection: &Connection,
    accepted: &[(&Packet, &Segment)],
    request: Option<u32>,
) -> Servers {
    // A UDP flow may change its server from one datagram to the next. What reached no server was for the one
    // that the flow had.
    let since = request.filter(|_| side.is_udp());
    let own = since.map(|from| servers_from(record, paths, side, connection, accepted, from));
    own.filter(|own| *own != Servers::default())
        .unwrap_or_else(|| servers_from(record, paths, side, connection, accepted, 0))
}

/// The same from the packet of this number on.
fn servers_from(
    record: &CellRecord,
    paths: &Journeys,
    side: &ClientSide<'_>,
    connection: &Connection,
    accepted: &[(&Packet, &Segment)],
    from: u32,
) -> Servers {
    let mut servers = Servers::default();
    for (packet, segment) in accepted.iter().filter(|(packet, _)| packet.number >= from) {
        if let Some(node) = answers(paths, packet, segment) {
            note(&mut servers.answered, node, packet.number);
        }
    }
    for (node, packet) in reached_from(record, paths, side, connection, from) {
        note(&mut servers.reached, &node, packet);
    }
    servers
}

/// The real server that made a SYN-ACK or payload. An RST shows nothing: the director makes them, too, with
/// the VIP as source.
fn answers<'p>(paths: &'p Journeys, packet: &Packet, segment: &Segment) -> Option<&'p Node> {
    let answers = !segment.flags.rst && (segment.flags.syn || segment.payload_length > 0);
    let node = answers.then(|| paths.origin(packet.number)).flatten()?;
    node.real_server().is_some().then_some(node)
}

/// The real servers that `connection`'s packets reached or that answered it, each with the first packet that
/// shows it.
pub(super) fn reached(
    record: &CellRecord,
    paths: &Journeys,
    side: &ClientSide<'_>,
    connection: &Connection,
) -> Vec<(Node, u32)> {
    reached_from(record, paths, side, connection, 0)
}

/// The same from the packet of this number on.
fn reached_from(
    record: &CellRecord,
    paths: &Journeys,
    side: &ClientSide<'_>,
    connection: &Connection,
    from: u32,
) -> Vec<(Node, u32)> {
    let mut servers: Vec<(Node, u32)> = Vec::new();
    let received = side
        .received(connection)
        .filter(|(packet, _)| packet.number >= from);
    for (packet, segment) in received {
        if let Some(node) = answers(paths, packet, segment) {
            note(&mut servers, node, packet.number);
        }
    }
    for journey in paths.all() {
        let ours = journey.segment().is_some_and(|segment| {
            segment.source_port == connection.client_port && record.plan.has_port(segment.destination_port)
        });
        for hop in journey.hops.iter().filter(|_| ours) {
            if let Some(packet) = hop
                .received
                .as_ref()
                .filter(|packet| packet.number >= from && connection.spans(packet))
                && let Some(node) = hop.to.and_then(|to| paths.lab().node(to.host))
                && node.real_server().is_some()
            {
                note(&mut servers, node, packet.number);
            }
        }
    }
    servers
}

fn note(servers: &mut Vec<(Node, u32)>, node: &Node, packet: u32) {
    match servers.iter_mut().find(|(known, _)| known == node) {
        Some((_, first)) => *first = packet.min(*first),
        None => servers.push((node.clone(), packet)),
    }
}
