//! What ended or refused a connection, as the client's interface saw it.

use super::{Terminator, TerminatorKind};
use crate::capture::flow::{ClientSide, Connection, TOO_BIG};
use crate::capture::{Packet, Segment};
use crate::duration::Instant;
use crate::path::Journeys;

/// Every FIN, RST and ICMP unreachable among what the client's kernel accepted of `connection` until `end`,
/// in the order of the packets.
pub(super) fn terminators(
    paths: &Journeys,
    side: &ClientSide<'_>,
    received: &[(&Packet, &Segment)],
    connection: &Connection,
    end: Instant,
) -> Vec<Terminator> {
    let terminator = |kind: TerminatorKind, packet: &Packet| Terminator {
        kind,
        by: paths.origin(packet.number).cloned(),
        packet: packet.number,
        at: packet.at,
    };
    let mut terminators: Vec<Terminator> = received
        .iter()
        .filter_map(|(packet, segment)| match (segment.flags.rst, segment.flags.fin) {
            (true, _) => Some(terminator(TerminatorKind::Rst, packet)),
            (false, true) => Some(terminator(TerminatorKind::Fin, packet)),
            (false, false) => None,
        })
        .collect();
    terminators.extend(
        side.unreachable(connection)
            .filter(|(_, code)| *code != TOO_BIG)
            .map(|(packet, code)| terminator(TerminatorKind::Icmp { code }, packet)),
    );
    terminators.retain(|terminator| terminator.at <= end);
    terminators.sort_by_key(|terminator| terminator.packet);
    terminators
}
