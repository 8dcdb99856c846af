//! Which packets a ladder shows: those of the judged operation's connection, with ICMP about it, and ARP that
//! nobody answers.

use super::journey::{Journey, host_of, quoted};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::flow::{ClientSide, Connection, segment};
use lvs_matrix_model::capture::{Body, Packet, dialect_of};
use lvs_matrix_model::path::{self, Hop, PacketRef};
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::verdict::JudgedCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What a ladder shows of the capture.
pub(super) struct Selection<'a> {
    pub(super) journeys: Vec<Journey<'a>>,
    /// Connections of the client that are not shown because another one was judged.
    pub(super) other_connections: usize,
}

pub(super) fn select(cell: &JudgedCell) -> Selection<'_> {
    let record = &cell.record;
    let all = ClientSide::of(record, cell.packets()).map_or_else(Vec::new, |side| side.connections());
    let shown = judged(cell, &all);
    let addresses: BTreeSet<IpAddr> = record.plan.client_addresses().collect();
    let ours = |packet: &Packet| {
        let port = client_port(&addresses, &record.plan, packet);
        // The number of a SYN is that of its packet on the client's interface, where each connection's
        // packets begin.
        port.is_some_and(|port| {
            shown.iter().any(|connection| {
                connection.client_port == port
                    && connection.syn <= packet.number
                    && connection.reused.is_none_or(|next| packet.number < next)
            })
        })
    };
    // What only others overheard is not drawn.
    let is_ours = |journey: &&path::Journey| journey.hops.iter().flat_map(Hop::ends).any(ours);
    let all_paths = cell.journeys.all().iter();
    let mut journeys: Vec<Journey<'_>> = all_paths.filter(is_ours).map(Journey::of).collect();
    let mut points = record.capture.iter().flat_map(|capture| &capture.points);
    let client = points.position(|point| point.node == Node::Client);
    let mut said = client.map_or_else(BTreeMap::new, |client| {
        dialect_of(&record.plan).annotations(cell.packets(), record, client)
    });
    for journey in &mut journeys {
        let says = journey.numbers().find_map(|number| said.remove(&number));
        journey.says = says;
    }
    journeys.extend(unanswered(cell));
    journeys.extend(announced(cell));
    journeys.sort_by_key(|journey| (journey.began(), journey.packet().map(|packet| packet.number)));
    Selection {
        journeys,
        other_connections: all.len() - shown.len(),
    }
}

/// The connection of the operation that was judged; all of them if it is not known which.
fn judged<'a>(cell: &JudgedCell, all: &'a [Connection]) -> Vec<&'a Connection> {
    let operation = cell.observed.operation.as_ref();
    let Some((port, operation)) = operation.and_then(|operation| Some((operation.client_port?, operation)))
    else {
        return all.iter().collect();
    };
    let until = operation.ended.unwrap_or(cell.record.ended);
    let found = all
        .iter()
        .rfind(|connection| connection.client_port == port && connection.began <= until);
    found.map_or_else(|| all.iter().collect(), |connection| vec![connection])
}

/// The client's port in a packet between it and the service, whatever address the other end has there: a
/// tunnel wraps it, and masquerading changes it.
fn client_port(client: &BTreeSet<IpAddr>, plan: &LabPlan, packet: &Packet) -> Option<u16> {
    let flow = match segment(packet) {
        Some((source, destination, segment)) => {
            Some((source, segment.source_port, destination, segment.destination_port))
        }
        None => quoted(packet),
    };
    match flow? {
        (source, port, _, to) if client.contains(&source) && plan.has_port(to) => Some(port),
        (_, from, destination, port) if client.contains(&destination) && plan.has_port(from) => Some(port),
        _ => None,
    }
}

/// ARP requests of the lab's hosts, each with its answer looked for where it was asked.
fn unanswered(cell: &JudgedCell) -> Vec<Journey<'_>> {
    let record = &cell.record;
    let is_request = |packet: &Packet| match packet.body {
        Body::Arp {
            request,
            sender,
            target,
            ..
        } => request && sender != target,
        Body::Sentinel { .. } | Body::Ip { .. } | Body::Other { .. } | Body::Malformed { .. } => false,
    };
    let answered = |asked: &Packet| {
        cell.packets()
            .iter()
            .any(|packet| match (&packet.body, &asked.body) {
                (
                    Body::Arp {
                        request: false,
                        sender,
                        ..
                    },
                    Body::Arp { target, .. },
                ) => packet.point == asked.point && sender == target && path::near(asked.at, packet.at),
                (_, _) => false,
            })
    };
    let owner = |packet: &Packet| match packet.body {
        Body::Arp { target, .. } if target == record.plan.vip() => {
            host_of(record, &record.director_meant(None, packet.at))
        }
        Body::Arp { target, .. } => record.plan.hosts.iter().position(|host| host.address() == target),
        Body::Sentinel { .. } | Body::Ip { .. } | Body::Other { .. } | Body::Malformed { .. } => None,
    };
    let requests = cell.journeys.all().iter().filter_map(|journey| {
        let hop = journey.hops.first()?;
        let sent = hop.sent.as_ref()?;
        (is_request(sent) && !answered(sent)).then_some((journey, hop, sent))
    });
    // Drawn to the host that was asked for, which it did not reach.
    let to_owner = |(journey, hop, sent): (&path::Journey, &Hop, &PacketRef)| {
        Journey::lost(path::Journey {
            hops: vec![Hop {
                to: owner(sent).and_then(|owner| cell.journeys.lab().card_near(owner, hop.from?)),
                received: None,
                overheard: Vec::new(),
                ..hop.clone()
            }],
            again: false,
            ..journey.clone()
        })
    };
    requests.map(to_owner).collect()
}

/// Gratuitous ARP by which a host says that it has the VIP, drawn to the client, if it came there.
fn announced(cell: &JudgedCell) -> Vec<Journey<'_>> {
    let vip = cell.record.plan.vip();
    let says_so = |packet: &Packet| match packet.body {
        Body::Arp { sender, target, .. } => sender == vip && target == vip,
        Body::Sentinel { .. } | Body::Ip { .. } | Body::Other { .. } | Body::Malformed { .. } => false,
    };
    let lab = cell.journeys.lab();
    let at_client = |packet: &PacketRef| {
        lab.end_at(packet)
            .filter(|end| lab.node(end.host) == Some(&Node::Client))
    };
    let told = cell.journeys.all().iter().filter_map(|journey| {
        let hop = journey.hops.first()?;
        hop.sent.as_ref().filter(|sent| says_so(sent))?;
        let (told, to) = hop
            .overheard
            .iter()
            .find_map(|packet| Some((packet, at_client(packet)?)))?;
        Some(Journey::arrived(path::Journey {
            hops: vec![Hop {
                to: Some(to),
                received: Some(told.clone()),
                overheard: Vec::new(),
                ..hop.clone()
            }],
            again: false,
            ..journey.clone()
        }))
    });
    told.collect()
}
