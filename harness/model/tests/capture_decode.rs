//! Frames from bytes to what they carry, and garbage that is only malformed.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use etherparse::PacketBuilder;
use lvs_matrix_model::capture::decode::{frame, frame_of};
use lvs_matrix_model::capture::{Body, Encapsulation, TcpOption, Transport};
use lvs_matrix_model::plan::Mac;
use std::net::{IpAddr, Ipv4Addr};
use support::random::Random;
use support::sentinel;

const CLIENT: [u8; 4] = [192, 0, 2, 10];
const VIP: [u8; 4] = [192, 0, 2, 100];

fn whole(bytes: &[u8]) -> Body {
    frame(bytes, u32::try_from(bytes.len()).unwrap()).body
}

fn ethernet() -> etherparse::PacketBuilderStep<etherparse::Ethernet2Header> {
    PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
}

fn query() -> Vec<u8> {
    use etherparse::TcpOptionElement::{Noop, Timestamp};
    let mut bytes = Vec::new();
    ethernet()
        .ipv4(CLIENT, VIP, 64)
        .tcp(40776, 3306, 126, 123)
        .ack(295)
        .psh()
        .options(&[Noop, Noop, Timestamp(7, 8)])
        .unwrap()
        .write(&mut bytes, b"\x09\0\0\0\x03select 1")
        .unwrap();
    bytes
}

#[test]
fn a_tunnel_of_gue_ends_at_the_ports_of_its_lab() {
    let mut inner = Vec::new();
    PacketBuilder::ipv4(CLIENT, VIP, 64)
        .tcp(40776, 3306, 126, 123)
        .syn()
        .write(&mut inner, b"")
        .unwrap();
    let mut bytes = Vec::new();
    // GUE of version 0 without anything optional, around IPv4.
    let gue = [&[0, 4, 0, 0], inner.as_slice()].concat();
    let outer = ethernet().ipv4([192, 0, 2, 20], [192, 0, 2, 31], 64);
    outer.udp(50000, 6090).write(&mut bytes, &gue).unwrap();
    let length = u32::try_from(bytes.len()).unwrap();
    let transport = |ports: &[u16]| {
        let body = frame_of(&bytes, length, ports).body;
        let Body::Ip { transport, .. } = body else {
            panic!("{body:?}")
        };
        transport
    };
    let Transport::Tunneled { by, source, .. } = transport(&[6080, 6090]) else {
        panic!("no tunnel")
    };
    assert!(matches!(
        by,
        Encapsulation::Gue {
            source_port: 50000,
            port: 6090,
            ..
        }
    ));
    assert_eq!(source, IpAddr::from(CLIENT));
    assert!(matches!(transport(&[6080]), Transport::Udp(_)));
}

#[test]
fn a_segment_has_its_numbers_flags_options_and_payload() {
    let bytes = query();
    let decoded = frame(&bytes, u32::try_from(bytes.len()).unwrap());
    assert_eq!(decoded.source_mac, Mac([2, 0, 0, 0, 0, 1]));
    assert_eq!(decoded.destination_mac, Mac([2, 0, 0, 0, 0, 2]));
    let Body::Ip {
        source,
        destination,
        transport: Transport::Tcp(segment),
    } = decoded.body
    else {
        panic!("no segment")
    };
    assert_eq!((source, destination), (IpAddr::from(CLIENT), IpAddr::from(VIP)));
    assert_eq!((segment.source_port, segment.destination_port), (40776, 3306));
    assert_eq!(
        (segment.sequence, segment.acknowledgement, segment.window),
        (126, 295, 123)
    );
    assert!(segment.flags.ack && segment.flags.psh && !segment.flags.syn);
    assert_eq!(
        segment.options,
        [
            TcpOption::Nop,
            TcpOption::Nop,
            TcpOption::Timestamps { value: 7, echo: 8 }
        ]
    );
    assert_eq!(segment.payload_length, 13);
    assert_eq!(segment.payload, b"\x09\0\0\0\x03select 1");
}

#[test]
fn a_segment_that_was_captured_in_part_keeps_its_length_on_the_wire() {
    let bytes = query();
    let length = u32::try_from(bytes.len()).unwrap();
    let Body::Ip {
        transport: Transport::Tcp(segment),
        ..
    } = frame(&bytes[..bytes.len() - 5], length).body
    else {
        panic!("no segment")
    };
    assert_eq!((segment.payload_length, segment.payload.len()), (13, 8));
    // The same bytes as a whole frame contradict the length in their own IP header.
    let Body::Malformed { reason } = frame(&bytes[..bytes.len() - 5], length - 5).body else {
        panic!("not malformed")
    };
    assert_eq!(reason, "the IP header speaks of more bytes than the frame has");
}

#[test]
fn padding_of_short_frames_is_no_payload() {
    let mut bytes = Vec::new();
    ethernet()
        .ipv4(CLIENT, VIP, 64)
        .tcp(40776, 3306, 1, 0)
        .rst()
        .write(&mut bytes, &[])
        .unwrap();
    bytes.resize(60, 0);
    let Body::Ip {
        transport: Transport::Tcp(segment),
        ..
    } = whole(&bytes)
    else {
        panic!("no segment")
    };
    assert_eq!((segment.payload_length, segment.payload.len()), (0, 0));
}

#[test]
fn an_icmp_error_names_the_flow_that_it_quotes() {
    // RFC 792: the IP header and 8 bytes of the packet that was refused.
    let quoted = &query()[14..14 + 28];
    let mut bytes = Vec::new();
    ethernet()
        .ipv4(VIP, CLIENT, 64)
        .icmpv4_raw(3, 3, [0; 4])
        .write(&mut bytes, quoted)
        .unwrap();
    let Body::Ip {
        transport: Transport::Icmp {
            kind, code, quoted, ..
        },
        ..
    } = whole(&bytes)
    else {
        panic!("no ICMP")
    };
    assert_eq!((kind, code), (3, 3));
    assert_eq!(
        quoted,
        Some((IpAddr::from(CLIENT), 40776, IpAddr::from(VIP), 3306))
    );
}

#[test]
fn ip_in_ip_is_opened() {
    let inner = &query()[14..];
    let mut bytes = Vec::new();
    ethernet()
        .ip(etherparse::IpHeaders::Ipv4(
            etherparse::Ipv4Header::new(
                u16::try_from(inner.len()).unwrap(),
                64,
                etherparse::ip_number::IPV4,
                [10, 0, 0, 1],
                [10, 0, 0, 2],
            )
            .unwrap(),
            etherparse::Ipv4Extensions::default(),
        ))
        .write(&mut bytes, etherparse::ip_number::IPV4, inner)
        .unwrap();
    let Body::Ip {
        source,
        transport:
            Transport::Tunneled {
                by: Encapsulation::IpInIp,
                source: inner,
                transport,
                ..
            },
        ..
    } = whole(&bytes)
    else {
        panic!("no IP in IP")
    };
    assert_eq!(
        (source, inner),
        (IpAddr::from([10, 0, 0, 1]), IpAddr::from(CLIENT))
    );
    assert!(matches!(*transport, Transport::Tcp(segment) if segment.payload_length == 13));
}

#[test]
fn arp_says_who_asks_for_whom() {
    let mut bytes = vec![0xff; 6];
    bytes.extend([2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
    bytes.extend([2, 0, 0, 0, 0, 1]);
    bytes.extend(CLIENT);
    bytes.extend([0; 6]);
    bytes.extend(VIP);
    assert_eq!(
        whole(&bytes),
        Body::Arp {
            request: true,
            sender: IpAddr::V4(Ipv4Addr::from(CLIENT)),
            sender_mac: Mac([2, 0, 0, 0, 0, 1]),
            target: IpAddr::V4(Ipv4Addr::from(VIP)),
            target_mac: Mac([0; 6]),
        }
    );
}

#[test]
fn a_sentinel_has_its_text_without_the_padding() {
    assert_eq!(
        whole(&sentinel("first")),
        Body::Sentinel {
            text: "first".to_owned()
        }
    );
}

#[test]
fn an_option_that_runs_past_the_header_is_malformed() {
    let mut bytes = query();
    // The options begin after 14 + 20 + 20 bytes: nop, nop, kind 8, length.
    bytes[14 + 20 + 20 + 3] = 200;
    assert_eq!(
        whole(&bytes),
        Body::Malformed {
            reason: "TCP option 8 runs past the header".to_owned()
        }
    );
}

#[test]
fn garbage_is_malformed_at_worst() {
    let mut random = Random(20_261_122);
    let mut malformed = 0;
    for _ in 0..200_000 {
        let mut bytes = query();
        // Damage a few bytes of a true frame, or cut it: pure noise would not get past the EtherType.
        for _ in 0..=random.next() % 6 {
            let place = usize::try_from(random.next()).unwrap() % bytes.len();
            bytes[place] = random.next() as u8;
        }
        if random.next().is_multiple_of(3) {
            bytes.truncate(usize::try_from(random.next()).unwrap() % bytes.len());
        }
        let length = u32::try_from(bytes.len()).unwrap() + u32::try_from(random.next() % 4).unwrap();
        malformed += u32::from(matches!(frame(&bytes, length).body, Body::Malformed { .. }));
    }
    assert!(malformed > 10_000, "{malformed} malformed frames");
}
