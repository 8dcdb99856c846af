//! Bytes that are cut, lost or damaged.

use super::{recorded, said};
use crate::support::random::Random;
use lvs_matrix_model::capture::{Body, Packet, Transport};

/// The same bytes in other segments say the same, in the segment that completes it.
#[test]
fn segments_may_be_cut_anywhere() {
    let (_, packets) = recorded();
    let whole: Vec<String> = said(&packets)
        .into_values()
        .flat_map(|note| note.split("; ").map(str::to_owned).collect::<Vec<_>>())
        .filter(|note| !note.contains(" bytes"))
        .collect();
    for length in [1, 3, 7, 100] {
        let mut cut = Vec::new();
        for packet in &packets {
            let Body::Ip {
                source,
                destination,
                transport: Transport::Tcp(segment),
            } = &packet.body
            else {
                continue;
            };
            let mut push = |sequence, payload: &[u8]| {
                let mut part = segment.clone();
                part.sequence = sequence;
                part.payload = payload.to_vec();
                part.payload_length = u32::try_from(payload.len()).unwrap();
                cut.push(Packet {
                    number: u32::try_from(cut.len() + 1).unwrap(),
                    body: Body::Ip {
                        source: *source,
                        destination: *destination,
                        transport: Transport::Tcp(part),
                    },
                    ..packet.clone()
                });
            };
            if segment.payload.is_empty() {
                push(segment.sequence, &[]);
            }
            // Late ones first, and each twice: TCP puts them in order.
            let pieces: Vec<(u32, &[u8])> = (0_u32..)
                .zip(segment.payload.chunks(length))
                .map(|(index, piece)| {
                    let offset = index * u32::try_from(length).unwrap();
                    (segment.sequence.wrapping_add(offset), piece)
                })
                .collect();
            for (sequence, piece) in pieces.iter().rev().chain(&pieces) {
                push(*sequence, piece);
            }
        }
        let notes: Vec<String> = said(&cut)
            .into_values()
            .flat_map(|note| note.split("; ").map(str::to_owned).collect::<Vec<_>>())
            .filter(|note| !note.contains(" bytes"))
            .collect();
        assert_eq!(notes, whole, "{length} bytes in a segment");
    }
}

/// A capture that begins later, or misses packets, says less and nothing else.
#[test]
fn what_is_missing_makes_it_say_less() {
    let (_, packets) = recorded();
    let whole = said(&packets);
    let holds = |kept: &[Packet], what: &str| {
        let found = said(kept);
        for (number, note) in &found {
            // Less may have come, or the same only when it was sent again.
            let same = note.contains("of at least")
                || whole
                    .range(..=*number)
                    .any(|(_, all)| all.ends_with(note.as_str()));
            assert!(
                same,
                "{what}, packet {number}: {note}, not {:?}",
                whole.get(number)
            );
        }
        found.len()
    };
    let mut most = 0;
    for first in 1..packets.len() {
        most = most.max(holds(&packets[first..], &format!("without the first {first}")));
    }
    // Not only silence: the connections that begin later are all told, and one that has begun goes on with
    // its next command.
    assert!(most > 55, "{most} of {}", whole.len());
    let middle = said(&packets[8..]);
    assert_eq!(
        middle.values().next().map(String::as_str),
        Some("COM_QUERY `select 1`")
    );
    let mut random = Random(4711);
    for round in 0..400 {
        let share = 1 + random.below(30);
        let kept: Vec<Packet> = packets
            .iter()
            .filter(|_| random.below(60) >= share)
            .cloned()
            .collect();
        holds(&kept, &format!("round {round}"));
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let (_, packets) = recorded();
    let mut random = Random(17);
    for _ in 0..150 {
        let mut damaged = packets.clone();
        for packet in &mut damaged {
            if let Body::Ip {
                transport: Transport::Tcp(segment),
                ..
            } = &mut packet.body
            {
                let length = segment.payload.len() as u64;
                if length > 0 && random.below(3) == 0 {
                    let place = usize::try_from(random.below(length)).unwrap();
                    segment.payload[place] = random.byte();
                }
                if random.below(20) == 0 {
                    segment.sequence = segment.sequence.wrapping_add(random.next() as u32);
                }
                if length > 0 && random.below(20) == 0 {
                    segment
                        .payload
                        .truncate(usize::try_from(random.below(length)).unwrap());
                }
            }
        }
        let _ = said(&damaged);
    }
}
