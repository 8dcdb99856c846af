//! What is written at an arrow.

use super::journey::{Fate, Journey};
use super::lanes::Lanes;
use super::row::{Ladder, Row};
use crate::stamp::Stamp;
use lvs_matrix_language::{BYTE, Language, MORE_PACKET, OTHER_CONNECTION, PACKET, ROW, phrasing};
use lvs_matrix_model::capture::flow::{of_ipv6, segment};
use lvs_matrix_model::capture::{Body, Flags, Packet, Segment, Transport};
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::path::End;
use lvs_matrix_model::verdict::{JudgedCell, TerminatorKind};

/// What the packet is: `SYN`, `13 bytes`, `11 bytes, FIN`, `ICMP port unreachable`, `ARP who-has 192.0.2.31`.
pub(super) fn label(words: Language, packet: &Packet) -> String {
    if let Some((_, _, segment)) = segment(packet) {
        return of_segment(words, segment);
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
                kind if kind == unreachable => {
                    let code = if source.is_ipv4() { *code } else { of_ipv6(*code) };
                    TerminatorKind::Icmp { code }.to_string()
                }
                5 if source.is_ipv4() => words.icmp_redirect().to_owned(),
                kind => words.icmp_other(kind, code),
            }
        }
        Body::Arp { sender, target, .. } if sender == target => words.gratuitous_arp(sender),
        Body::Arp {
            request: true,
            target,
            ..
        } => words.arp_who_has(target),
        Body::Arp { sender, .. } => words.arp_is_here(sender),
        Body::Ip { .. } => words.an_ip_packet().to_owned(),
        Body::Sentinel { .. } | Body::Other { .. } | Body::Malformed { .. } => words.a_frame().to_owned(),
    }
}

fn of_segment(words: Language, segment: &Segment) -> String {
    let Flags {
        fin, syn, rst, ack, ..
    } = segment.flags;
    let bytes = match segment.payload_length {
        0 => None,
        length => Some(words.count(usize::try_from(length).unwrap_or(usize::MAX), BYTE)),
    };
    let named = [(syn, "SYN"), (fin, "FIN"), (rst, "RST")];
    let mut parts: Vec<String> = named
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| name.to_owned())
        .collect();
    // Every segment but the first SYN acknowledges; it is news only where there is nothing else, and in the
    // handshake.
    if ack && bytes.is_none() && (parts.is_empty() || syn) {
        parts.push("ACK".to_owned());
    }
    parts.extend(bytes);
    if parts.is_empty() {
        words.an_empty_segment().to_owned()
    } else {
        parts.join(words.listed())
    }
}

/// The label of an arrow: what the packet is, what it says, and whether it was sent before.
pub(super) fn text(words: Language, journey: &Journey<'_>) -> String {
    let text = journey
        .packet()
        .map_or_else(String::new, |packet| label(words, packet));
    match &journey.says {
        Some(says) => words.says(text, says),
        None if journey.again => words.what_again(text),
        None => text,
    }
}

/// What became of a packet that did not arrive.
pub(super) fn note(words: Language, cell: &JudgedCell, journey: &Journey<'_>) -> Option<String> {
    let is_arp = |packet: &Packet| matches!(packet.body, Body::Arp { .. });
    match journey.fate {
        Fate::Lost if journey.packet().is_some_and(is_arp) => Some(words.nobody_answers().to_owned()),
        Fate::Lost => {
            let to = journey.hops.last()?.to?;
            Some(words.not_seen_on(&cell.record.plan.hosts.get(to.host)?.node))
        }
        Fate::Dropped => Some(words.not_passed_on().to_owned()),
        Fate::Unknown => Some(words.end_not_shown().to_owned()),
        Fate::Arrived | Fate::TakenByDirector => None,
    }
}

/// Where the capture shows it: `packet 32 leaves client, packet 33 reaches director`.
pub(super) fn tip(words: Language, cell: &JudgedCell, journey: &Journey<'_>) -> String {
    let name = |end: Option<End>| {
        let node = end.and_then(|end| cell.journeys.lab().node(end.host));
        phrasing::sender(words, node)
    };
    let mut seen = Vec::new();
    for frame in &journey.hops {
        if let Some(packet) = &frame.sent {
            seen.push(words.packet_leaves(packet.number, name(frame.from)));
        }
        if let Some(packet) = &frame.received {
            seen.push(words.packet_reaches(packet.number, name(frame.to)));
        }
    }
    let note = note(words, cell, journey).map_or_else(String::new, |note| words.and_note(note));
    words.keyed(text(words, journey), seen.join(words.listed())) + &note
}

/// What a row says that stands for many packets.
pub(super) fn again(words: Language, row: &Row<'_>) -> String {
    match row {
        Row::Again {
            journeys,
            times,
            gaps,
        } => {
            let apart = if gaps.0 == gaps.1 {
                words.apart(Human(gaps.0))
            } else {
                words.apart_between(Human(gaps.0), Human(gaps.1))
            };
            match journeys.len().checked_div(*times) {
                Some(length) if length > 1 => words.these_times_more(length, times, apart),
                Some(_) | None => words.times_more(times, apart),
            }
        }
        Row::Transfer(journeys) => {
            let bytes: u64 = journeys
                .iter()
                .filter_map(|journey| Some(u64::from(journey.segment()?.payload_length)))
                .sum();
            words.transfer(words.count(journeys.len(), MORE_PACKET), bytes)
        }
        Row::LeftOut {
            rows,
            packets,
            from,
            to,
        } => words.left_out(
            words.count(*rows, ROW),
            words.count(*packets, PACKET),
            Stamp(*from),
            Stamp(*to),
        ),
        Row::Phase { .. } | Row::Mark(_) | Row::Arrow(_) | Row::Silence(_) => String::new(),
    }
}

/// The sums of a ladder in a sentence, for those who do not see it.
pub(super) fn sums(words: Language, ladder: &Ladder<'_>) -> String {
    let of = |fates: &[Fate]| {
        let journeys = ladder.rows.iter().flat_map(Row::journeys);
        journeys.filter(|journey| fates.contains(&journey.fate)).count()
    };
    let arrived = of(&[Fate::Arrived, Fate::TakenByDirector]);
    let mut text = words.arrived(words.count(arrived, PACKET));
    for (count, what) in [
        (of(&[Fate::Dropped]), words.ended_at_director()),
        (of(&[Fate::Lost]), words.did_not_arrive()),
        (of(&[Fate::Unknown]), words.went_unseen()),
    ] {
        if count > 0 {
            text += &words.and_so_many(count, what);
        }
    }
    text + words.stop()
}

/// What a reader must know of a drawing: what its signs and numbers mean, and what it does not show.
pub(super) fn remarks(words: Language, ladder: &Ladder<'_>, lanes: &Lanes) -> Vec<String> {
    let mut remarks = vec![words.not_to_scale(words.epoch())];
    if ladder.other_connections > 0 {
        let others = words.count(ladder.other_connections, OTHER_CONNECTION);
        remarks.push(words.others_not_drawn(others));
    }
    remarks.extend(lanes.remark(words));
    remarks
}
