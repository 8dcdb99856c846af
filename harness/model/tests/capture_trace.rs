//! The trace, line by line against the real tcpdump.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::trace::{fold, trace};
use lvs_matrix_model::capture::{Frame, Remarks, read, write};
use pcap_file::DataLink;
use pcap_file::pcap::PcapReader;
use std::path::Path;
use support::cells::{answered, hung, recovered, refused_by_icmp, reset};
use support::programs::tcpdump;
use support::random::Random;
use support::world::World;
use support::{bare_record, empty_points, frame, mac, s, seconds};

/// The same frames on the client's point, by tcpdump and by us.
fn assert_same(what: &str, frames: Vec<Frame>) {
    let count = frames.len();
    let mut points = empty_points();
    points[0].frames = frames;
    let bytes = write(&points, &Remarks::default()).unwrap();
    let record = bare_record();
    let ours: Vec<String> = trace(&read(&bytes, &record).unwrap(), &record, 0)
        .into_iter()
        .map(|line| line.text)
        .collect();
    let theirs = tcpdump(&bytes, "");
    assert_eq!(ours.len(), count, "{what}: a line for every frame");
    for (number, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!(ours, theirs, "{what}, line {}", number + 1);
    }
    assert_eq!(ours.len(), theirs.len(), "{what}");
}

#[test]
fn recorded_captures_read_as_tcpdump_prints_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captures");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let file = std::fs::File::open(&path).unwrap();
        let mut reader = PcapReader::new(file).unwrap();
        assert_eq!(reader.header().datalink, DataLink::ETHERNET);
        let mut frames = Vec::new();
        while let Some(packet) = reader.next_packet() {
            let packet = packet.unwrap();
            frames.push(Frame {
                unix_nanos: i64::try_from(packet.timestamp.as_nanos()).unwrap(),
                length: packet.orig_len,
                bytes: packet.data.into_owned(),
            });
        }
        assert!(frames.len() > 5, "{}", path.display());
        assert_same(&path.display().to_string(), frames);
        seen += 1;
    }
    assert!(seen >= 3, "{seen} captures in {}", folder.display());
}

fn client_frames(world: &World) -> Vec<Frame> {
    world.points[0].frames.clone()
}

#[test]
fn hand_made_cells_read_as_tcpdump_prints_them() {
    for (what, world) in [
        ("answered", answered()),
        ("hung", hung()),
        ("reset", reset()),
        ("refused", refused_by_icmp()),
    ] {
        assert_same(what, client_frames(&world));
    }
}

fn ethernet(ethertype: u16) -> Vec<u8> {
    let mut bytes = mac(10).0.to_vec();
    bytes.extend(mac(31).0);
    bytes.extend(ethertype.to_be_bytes());
    bytes
}

/// An IPv4 header (no options, no checksum: tcpdump -nn checks none) before `payload`.
fn ipv4(protocol: u8, source: [u8; 4], destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0];
    bytes.extend(u16::try_from(20 + payload.len()).unwrap().to_be_bytes());
    bytes.extend([0, 1, 0x40, 0, 64, protocol, 0, 0]);
    bytes.extend(source);
    bytes.extend(destination);
    bytes.extend(payload);
    bytes
}

fn ipv6(protocol: u8, source: u8, destination: u8, payload: &[u8]) -> Vec<u8> {
    let address = |last| [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend([protocol, 64]);
    bytes.extend(address(source));
    bytes.extend(address(destination));
    bytes.extend(payload);
    bytes
}

/// Options in random order and number, padded to four bytes.
fn tcp_options(random: &mut Random) -> Vec<u8> {
    let mut options = Vec::new();
    for _ in 0..random.below(4) {
        let next: Vec<u8> = match random.below(7) {
            0 => vec![2, 4, random.byte(), random.byte()],
            1 => vec![3, 3, random.byte() % 15],
            2 => vec![4, 2],
            3 => {
                let blocks = 1 + random.below(3);
                let mut sack = vec![5, u8::try_from(2 + 8 * blocks).unwrap()];
                sack.extend((0..blocks * 8).map(|_| random.byte()));
                sack
            }
            4 => {
                let mut stamps = vec![8, 10];
                stamps.extend((0..8).map(|_| random.byte()));
                stamps
            }
            5 => vec![77, 4, random.byte(), random.byte()],
            _ => vec![1],
        };
        if options.len() + next.len() <= 36 {
            options.extend(next);
        }
    }
    match options.len() % 4 {
        0 => {}
        over if random.below(2) == 0 => options.extend(vec![1; 4 - over]),
        over => options.extend(vec![0; 4 - over]),
    }
    options
}

fn tcp(random: &mut Random, source_port: u16, destination_port: u16) -> Vec<u8> {
    let options = tcp_options(random);
    let mut bytes = source_port.to_be_bytes().to_vec();
    bytes.extend(destination_port.to_be_bytes());
    // Near to one another, and around the wrap.
    let near = |random: &mut Random| (random.below(4000) as u32).wrapping_sub(2000);
    bytes.extend(near(random).to_be_bytes());
    bytes.extend(near(random).to_be_bytes());
    bytes.push(u8::try_from((5 + options.len() / 4) << 4).unwrap());
    // Mostly ACK, at times anything.
    let flags = match random.below(6) {
        0 => random.byte(),
        1 => 0x02,
        2 => 0x12,
        3 => 0x18,
        4 => 0x11,
        _ => 0x10,
    };
    bytes.push(flags);
    bytes.extend([random.byte(), random.byte(), 0, 0, random.byte(), random.byte()]);
    bytes.extend(options);
    bytes.extend(vec![
        b'x';
        usize::try_from(random.below(3) * random.below(40)).unwrap()
    ]);
    bytes
}

fn icmp(random: &mut Random) -> Vec<u8> {
    let quoted_tcp = [0x9f, 0x48, 0x0c, 0xea, 0, 0, 0, 1];
    let quoted = ipv4(6, [192, 0, 2, 10], [192, 0, 2, 100], &quoted_tcp);
    let (kind, code) = match random.below(5) {
        0 => (0, 0),
        1 => (8, 0),
        2 => (5, random.byte() % 4),
        3 => (11, random.byte() % 2),
        _ => (3, random.byte() % 18),
    };
    let mut bytes = vec![kind, code, 0, 0];
    // Sometimes an MTU of 0.
    let rest = if random.below(4) == 0 {
        [0; 4]
    } else {
        [random.byte(), random.byte(), random.byte(), random.byte()]
    };
    bytes.extend(rest);
    bytes.extend(quoted);
    bytes
}

/// Messages as hosts and routers send them, without those for multicast listeners (they have a header of
/// their own, and are in the recorded capture).
fn icmp6(random: &mut Random) -> Vec<u8> {
    let port = [0x9f, 0x48, 0x0c, 0xea, 0, 0, 0, 1];
    let quoted = ipv6(if random.below(2) == 0 { 6 } else { 17 }, 0x10, 0x64, &port);
    let (kind, code) = match random.below(7) {
        0 => (128, 0),
        1 => (129, 0),
        2 => (135, 0),
        3 => (136, 0),
        4 => (2, 0),
        5 => (3, random.byte() % 2),
        // Beyond scope has a form of its own, which no host of a lab sends.
        _ => (1, [0, 1, 3, 4][usize::try_from(random.below(4)).unwrap()]),
    };
    let mut bytes = vec![
        kind,
        code,
        0,
        0,
        random.byte(),
        random.byte(),
        random.byte(),
        random.byte(),
    ];
    if matches!(kind, 135 | 136) {
        bytes.extend([
            0x20,
            0x01,
            0x0d,
            0xb8,
            0,
            0,
            0,
            random.byte() % 2,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            random.byte(),
        ]);
    } else {
        bytes.extend(quoted);
    }
    bytes
}

/// A segment within a packet of either family, in that of either family, by any type of tunnel: what the
/// Ethernet frame carries.
fn tunneled(random: &mut Random) -> Vec<u8> {
    let (outer_is_v4, inner_is_v4) = (random.below(2) == 0, random.below(2) == 0);
    let segment = tcp(random, 40776, 3306);
    let (inner, protocol, ethertype) = if inner_is_v4 {
        (
            ipv4(6, [192, 0, 2, 10], [192, 0, 2, 100], &segment),
            4,
            0x0800_u16,
        )
    } else {
        (ipv6(6, 0x10, 0x64, &segment), 41, 0x86dd)
    };
    let words = u8::try_from(random.below(3)).unwrap();
    let (protocol, payload) = match random.below(3) {
        0 => (protocol, inner),
        1 => {
            // A header of GUE may be longer than four bytes.
            // Not at a port of which tcpdump takes the payload for something else.
            let mut bytes = [0xc1, random.byte(), 0x17, 0xc0].to_vec();
            let length = 8 + 4 + 4 * usize::from(words) + inner.len();
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
            bytes.extend([0, 0, words, protocol, 0, 0]);
            bytes.extend(vec![0; 4 * usize::from(words)]);
            bytes.extend(inner);
            (17, bytes)
        }
        _ => {
            let mut bytes = [0, 0].to_vec();
            bytes.extend(ethertype.to_be_bytes());
            bytes.extend(inner);
            (47, bytes)
        }
    };
    let mut frame = if outer_is_v4 {
        let outer = ipv4(protocol, [192, 0, 2, 20], [192, 0, 2, 31], &payload);
        [ethernet(0x0800), outer].concat()
    } else {
        [ethernet(0x86dd), ipv6(protocol, 0x20, 0x31, &payload)].concat()
    };
    // As the end of a tunnel of GUE shows it.
    if protocol == 17 && random.below(2) == 0 {
        let (at, taken) = (14 + if outer_is_v4 { 2 } else { 4 }, 12 + 4 * u16::from(words));
        let length = u16::from_be_bytes([frame[at], frame[at + 1]]) - taken;
        frame[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }
    frame
}

fn arp(random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![0, 1, 8, 0, 6, 4, 0, 1 + random.byte() % 2];
    bytes.extend(mac(10).0);
    bytes.extend([192, 0, 2, 10]);
    bytes.extend(if random.below(2) == 0 { [0; 6] } else { mac(31).0 });
    bytes.extend([192, 0, 2, 100]);
    bytes.extend(vec![0; usize::try_from(random.below(2) * 18).unwrap()]);
    bytes
}

#[test]
fn random_frames_read_as_tcpdump_prints_them() {
    let mut random = Random(4993);
    let mut frames = Vec::new();
    for number in 0..6000 {
        let up = random.below(2) == 0;
        let port = 40776 + u16::try_from(random.below(4)).unwrap();
        let (from, to) = if up { (port, 3306) } else { (3306, port) };
        let bytes = match random.below(11) {
            10 => tunneled(&mut random),
            0 => [ethernet(0x0806), arp(&mut random)].concat(),
            1 => [
                ethernet(0x0800),
                ipv4(1, [192, 0, 2, 20], [192, 0, 2, 10], &icmp(&mut random)),
            ]
            .concat(),
            2 if random.below(3) == 0 => {
                [ethernet(0x86dd), ipv6(58, 0x64, 0x10, &icmp6(&mut random))].concat()
            }
            2 | 3 => {
                let (source, destination) = if up { (0x10, 0x64) } else { (0x64, 0x10) };
                let segment = tcp(&mut random, from, to);
                [ethernet(0x86dd), ipv6(6, source, destination, &segment)].concat()
            }
            _ => {
                let (source, destination) = if up { (10, 100) } else { (100, 10) };
                let segment = tcp(&mut random, from, to);
                [
                    ethernet(0x0800),
                    ipv4(6, [192, 0, 2, source], [192, 0, 2, destination], &segment),
                ]
                .concat()
            }
        };
        frames.push(frame(s(f64::from(number)), bytes));
    }
    assert_same("random", frames);
}

#[test]
fn only_the_asked_for_point_is_traced() {
    let world = hung();
    let packets = world.packets();
    let client = trace(&packets, &world.record, 0);
    // 7 packets of the handshake and login, the statement, five repetitions; no sentinels.
    assert_eq!(client.len(), 13);
    let points = &world.record.capture.as_ref().unwrap().points;
    let rs2 = Node::RealServer(support::name("rs2"));
    let rs2 = points.iter().position(|point| point.node == rs2).unwrap();
    assert_eq!(trace(&packets, &world.record, rs2), []);
    assert_eq!(trace(&packets, &world.record, points.len()), []);
}

#[test]
fn repetitions_are_folded_with_their_gaps() {
    let world = recovered();
    let lines = trace(&world.packets(), &world.record, 0);
    let folded = fold(lines);
    let statement = folded
        .iter()
        .find(|group| !group.repetitions.is_empty())
        .expect("a segment that was sent again");
    assert_eq!(
        statement.first.text,
        "IP 192.0.2.10.40776 > 192.0.2.100.3306: Flags [P.], seq 101:114, ack 92, win 500, length 13"
    );
    let gaps: Vec<_> = statement.repetitions.iter().map(|(_, gap)| *gap).collect();
    assert_eq!(gaps, [0.2, 0.4, 0.8, 321.6].map(seconds));
    // Nothing is lost by folding.
    let count: usize = folded.iter().map(|group| 1 + group.repetitions.len()).sum();
    assert_eq!(count, 7 + 5 + 2);
}
