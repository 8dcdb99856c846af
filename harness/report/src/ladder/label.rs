//! What is written at an arrow.

use super::journey::{Fate, Journey};
use super::lanes::Lanes;
use super::rows::{Ladder, Row};
use crate::stamp::{EPOCH, Stamp};
use crate::totals::plural;
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::capture::{Body, Flags, Packet, Segment, Transport};
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::verdict::{JudgedCell, TerminatorKind};

/// What the packet is: `SYN`, `13 bytes`, `11 bytes, FIN`, `ICMP port unreachable`, `ARP who-has 192.0.2.31`.
pub(super) fn label(packet: &Packet) -> String {
    if let Some((_, _, segment)) = segment(packet) {
        return of_segment(segment);
    }
    match &packet.body {
        Body::Ip {
            source,
            transport: Transport::Icmp { kind, code, .. },
            ..
        } => {
            // RFC 792: type 3, destination unreachable; 5, redirect. RFC 4443: type 1.
            let unreachable = if source.is_ipv4() { 3 } else { 1 };
            match *kind {
                kind if kind == unreachable => TerminatorKind::Icmp { code: *code }.to_string(),
                5 if source.is_ipv4() => "ICMP redirect".to_owned(),
                kind => format!("ICMP type {kind}, code {code}"),
            }
        }
        Body::Arp {
            request: true, target, ..
        } => format!("ARP: who has {target}?"),
        Body::Arp { sender, .. } => format!("ARP: {sender} is here"),
        Body::Ip { .. } => "an IP packet".to_owned(),
        Body::Sentinel { .. } | Body::Other { .. } | Body::Malformed { .. } => "a frame".to_owned(),
    }
}

fn of_segment(segment: &Segment) -> String {
    let Flags { fin, syn, rst, ack, .. } = segment.flags;
    let bytes = match segment.payload_length {
        0 => None,
        1 => Some("1 byte".to_owned()),
        length => Some(format!("{length} bytes")),
    };
    let named = [(syn, "SYN"), (fin, "FIN"), (rst, "RST")];
    let mut words: Vec<String> = named
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| name.to_owned())
        .collect();
    // Every segment but the first SYN acknowledges; it is news only where there is nothing else, and in the handshake.
    if ack && bytes.is_none() && (words.is_empty() || syn) {
        words.push("ACK".to_owned());
    }
    words.extend(bytes);
    if words.is_empty() {
        "an empty segment".to_owned()
    } else {
        words.join(", ")
    }
}

/// The label of an arrow: what the packet is, what it says, and whether it was sent before.
pub(super) fn text(journey: &Journey<'_>) -> String {
    let text = journey.packet().map_or_else(String::new, label);
    match &journey.says {
        Some(says) => format!("{text}: {says}"),
        None if journey.again => format!("{text}, again"),
        None => text,
    }
}

/// What became of a packet that did not arrive.
pub(super) fn note(cell: &JudgedCell, journey: &Journey<'_>) -> Option<String> {
    let is_arp = |packet: &Packet| matches!(packet.body, Body::Arp { .. });
    match journey.fate {
        Fate::Lost if journey.packet().is_some_and(is_arp) => Some("nobody answers".to_owned()),
        Fate::Lost => {
            let to = journey.frames.last()?.to?;
            Some(format!("not seen on {}", cell.record.plan.hosts.get(to)?.node))
        }
        Fate::Dropped => Some("not passed on".to_owned()),
        Fate::Unknown => Some("end not shown".to_owned()),
        Fate::Arrived | Fate::TakenByDirector => None,
    }
}

/// Where the capture shows it: `packet 32 leaves client, packet 33 reaches director`.
pub(super) fn tip(cell: &JudgedCell, journey: &Journey<'_>) -> String {
    let name = |host: Option<usize>| {
        let host = host.and_then(|host| cell.record.plan.hosts.get(host));
        host.map_or_else(
            || "a host that is not of the lab".to_owned(),
            |host| host.node.to_string(),
        )
    };
    let mut seen = Vec::new();
    for frame in &journey.frames {
        if let Some(packet) = frame.sent {
            seen.push(format!("packet {} leaves {}", packet.number, name(frame.from)));
        }
        if let Some(packet) = frame.received {
            seen.push(format!("packet {} reaches {}", packet.number, name(frame.to)));
        }
    }
    let note = note(cell, journey).map_or_else(String::new, |note| format!("; {note}"));
    format!("{}: {}{note}", text(journey), seen.join(", "))
}

/// What a row says that stands for many packets.
pub(super) fn again(row: &Row<'_>) -> String {
    match row {
        Row::Again { journeys, times, gaps } => {
            let apart = if gaps.0 == gaps.1 {
                format!("{} apart", Human(gaps.0))
            } else {
                format!("{} to {} apart", Human(gaps.0), Human(gaps.1))
            };
            match journeys.len().checked_div(*times) {
                Some(length) if length > 1 => format!("these {length} packets × {times} more, {apart}"),
                Some(_) | None => format!("× {times} more, {apart}"),
            }
        }
        Row::Transfer(journeys) => {
            let bytes: u64 = journeys
                .iter()
                .filter_map(|journey| Some(u64::from(journey.segment()?.payload_length)))
                .sum();
            format!(
                "… {}, {bytes} bytes, all arrived",
                plural(journeys.len(), "more packet")
            )
        }
        Row::LeftOut {
            rows,
            packets,
            from,
            to,
        } => format!(
            "… {} with {} left out, {} to {}",
            plural(*rows, "row"),
            plural(*packets, "packet"),
            Stamp(*from),
            Stamp(*to)
        ),
        Row::Phase { .. } | Row::Mark(_) | Row::Arrow(_) | Row::Silence(_) => String::new(),
    }
}

/// The sums of a ladder in a sentence, for those who do not see it.
pub(super) fn sums(ladder: &Ladder<'_>) -> String {
    let of = |fates: &[Fate]| {
        let journeys = ladder.rows.iter().flat_map(Row::journeys);
        journeys.filter(|journey| fates.contains(&journey.fate)).count()
    };
    let arrived = of(&[Fate::Arrived, Fate::TakenByDirector]);
    let mut text = format!("{} arrived", plural(arrived, "packet"));
    for (count, what) in [
        (of(&[Fate::Dropped]), "ended at the director"),
        (of(&[Fate::Lost]), "did not arrive"),
        (of(&[Fate::Unknown]), "went a way that the capture does not show"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text.push('.');
    text
}

/// What a reader must know of a drawing: what its signs and numbers mean, and what it does not show.
pub(super) fn remarks(ladder: &Ladder<'_>, lanes: &Lanes) -> Vec<String> {
    let mut remarks = vec![format!(
        "Not to scale; times from {EPOCH}. Small numbers: packets of the capture, where it left and where it arrived."
    )];
    if ladder.other_connections > 0 {
        let others = plural(ladder.other_connections, "other connection");
        remarks.push(format!("{others} of the client not drawn: another one was judged."));
    }
    remarks.extend(lanes.remark().map(|remark| format!("{remark}.")));
    remarks
}
