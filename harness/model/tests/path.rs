//! The one path of a packet: each rewrite and each fate on hand-made packets, and what must hold of the
//! journeys of every stored cell.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

#[path = "path/links.rs"]
mod links;

use lvs_matrix_model::action::Node;
use lvs_matrix_model::base::TunnelType;
use lvs_matrix_model::capture::{Body, Datagram, Encapsulation, Flags, Packet, Segment, Transport};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::path::{End, Fate, Flow, Hop, Host, Interface, Journeys, Lab, Point, Rewrite, Role};
use lvs_matrix_model::plan::Mac;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use support::stored::stored;
use support::{mac, name};

// The hosts of the hand-made lab, which are its capture points, too: the director has two interfaces.
const CLIENT: usize = 0;
const DIRECTOR: usize = 1;
const SERVER: usize = 2;
/// The director's second interface: a capture point of its own.
const DIRECTOR_BACK: usize = 3;

/// The links: the second one is behind the director, where a lab has it.
const FRONT: usize = 0;
const BACK: usize = 1;

/// The last byte of each point's Ethernet address.
const MACS: [u8; 4] = [10, 20, 31, 21];

fn ip(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

const VIP: u8 = 100;

/// Client, director and one real server, which has the VIP, too; every capture is whole.
fn lab() -> Lab {
    let host = |node, addresses: &[u8], virtual_addresses: &[u8]| Host {
        node,
        addresses: addresses.iter().map(|last| ip(*last)).collect(),
        virtual_addresses: virtual_addresses.iter().map(|last| ip(*last)).collect(),
    };
    Lab {
        hosts: vec![
            host(Node::Client, &[10], &[]),
            host(Node::first_director(), &[20, VIP], &[VIP]),
            host(Node::RealServer(name("rs1")), &[31, VIP], &[]),
        ],
        interfaces: [CLIENT, DIRECTOR, SERVER, DIRECTOR]
            .into_iter()
            .zip(MACS)
            .map(|(host, last)| Interface {
                host,
                segment: FRONT,
                mac: mac(last),
                of_virtual_router: host == DIRECTOR,
            })
            .collect(),
        points: (0..4)
            .map(|interface| Point {
                interface: Some(interface),
                whole: true,
            })
            .collect(),
    }
}

fn segment(sequence: u32, payload: &[u8]) -> Segment {
    Segment {
        source_port: 40_000,
        destination_port: 3306,
        sequence,
        acknowledgement: 5000,
        flags: Flags {
            ack: true,
            psh: true,
            ..Flags::default()
        },
        window: 500,
        urgent: 0,
        options: Vec::new(),
        payload_length: payload.len() as u32,
        payload: payload.to_vec(),
    }
}

fn tcp(source: u8, destination: u8, segment: Segment) -> Body {
    Body::Ip {
        source: ip(source),
        destination: ip(destination),
        transport: Transport::Tcp(segment),
    }
}

/// A capture that is being made.
#[derive(Default)]
struct Capture(Vec<Packet>);

impl Capture {
    /// A frame from one point's interface to another's, as one point sees it.
    fn see(&mut self, millis: i64, point: usize, (from, to): (usize, usize), body: &Body) -> u32 {
        self.frame(millis, point, (mac(MACS[from]), mac(MACS[to])), body)
    }

    fn frame(&mut self, millis: i64, point: usize, (from, to): (Mac, Mac), body: &Body) -> u32 {
        let number = self.0.len() as u32 + 1;
        self.0.push(Packet {
            number,
            point,
            at: Instant(millis * 1_000_000),
            source_mac: from,
            destination_mac: to,
            length: 100,
            body: body.clone(),
        });
        number
    }

    /// A frame, seen where it leaves and, a millisecond later, where it arrives.
    fn hop(&mut self, millis: i64, ends: (usize, usize), body: &Body) {
        self.see(millis, ends.0, ends, body);
        self.see(millis + 1, ends.1, ends, body);
    }

    fn journeys(&self) -> Journeys {
        self.journeys_in(lab())
    }

    fn journeys_in(&self, lab: Lab) -> Journeys {
        Journeys::through(lab, self.0.clone())
    }
}

fn rewrites(journeys: &Journeys, index: usize) -> Vec<Rewrite> {
    journeys.all()[index].hops.iter().map(|hop| hop.rewrite).collect()
}

fn flow(source: (u8, u16), destination: (u8, u16)) -> Flow {
    Flow {
        source: (ip(source.0), source.1),
        destination: (ip(destination.0), destination.1),
    }
}

#[test]
fn a_packet_that_is_passed_on_is_one_journey() {
    let mut capture = Capture::default();
    let body = tcp(10, VIP, segment(1, b"select 1"));
    capture.hop(0, (CLIENT, DIRECTOR), &body);
    capture.hop(2, (DIRECTOR, SERVER), &body);
    let journeys = capture.journeys();
    let [journey] = journeys.all() else {
        panic!("{:#?}", journeys.all())
    };
    assert_eq!(journey.origin, Some(CLIENT));
    assert_eq!(journey.fate, Fate::Delivered { to: SERVER });
    assert_eq!(rewrites(&journeys, 0), [Rewrite::None, Rewrite::Link]);
    assert_eq!(journey.hosts().collect::<Vec<_>>(), [CLIENT, DIRECTOR, SERVER]);
    assert_eq!(journey.numbers().collect::<Vec<_>>(), [1, 2, 3, 4]);
    // Who made it, and who sent it over the link, wherever it was captured.
    assert_eq!(journeys.origin(4), Some(&Node::Client));
    assert_eq!(journeys.sender(4), Some(&Node::first_director()));
    assert_eq!(journeys.reached(4), Some(&Node::RealServer(name("rs1"))));
    assert_eq!(journeys.reached(3), None, "it left there");
}

#[test]
fn addresses_and_ports_may_be_translated_both_ways() {
    let mut capture = Capture::default();
    let asked = segment(1, b"select 1");
    capture.hop(0, (CLIENT, DIRECTOR), &tcp(10, VIP, asked.clone()));
    let to_server = Segment {
        destination_port: 3307,
        ..asked
    };
    capture.hop(2, (DIRECTOR_BACK, SERVER), &tcp(10, 31, to_server));
    let answer = Segment {
        source_port: 3307,
        destination_port: 40_000,
        ..segment(5000, b"result")
    };
    capture.hop(10, (SERVER, DIRECTOR_BACK), &tcp(31, 10, answer.clone()));
    let to_client = Segment {
        source_port: 3306,
        ..answer
    };
    capture.hop(12, (DIRECTOR, CLIENT), &tcp(VIP, 10, to_client));
    let journeys = capture.journeys();
    assert_eq!(journeys.all().len(), 2, "{:#?}", journeys.all());
    assert_eq!(
        rewrites(&journeys, 0),
        [
            Rewrite::None,
            Rewrite::Nat {
                from: flow((10, 40_000), (VIP, 3306)),
                to: flow((10, 40_000), (31, 3307)),
            }
        ]
    );
    assert_eq!(journeys.all()[0].fate, Fate::Delivered { to: SERVER });
    assert_eq!(
        rewrites(&journeys, 1),
        [
            Rewrite::None,
            Rewrite::Nat {
                from: flow((31, 3307), (10, 40_000)),
                to: flow((VIP, 3306), (10, 40_000)),
            }
        ]
    );
    assert_eq!(journeys.all()[1].fate, Fate::Delivered { to: CLIENT });
    // The director's Ethernet address is on it, and the real server made it.
    assert_eq!(journeys.origin(8), Some(&Node::RealServer(name("rs1"))));
    assert_eq!(journeys.sender(8), Some(&Node::first_director()));
}

#[test]
fn a_packet_may_be_put_into_another_one_and_taken_out_again() {
    let asked = segment(1, b"select 1");
    let plain = tcp(10, VIP, asked.clone());
    let tunnelled = Body::Ip {
        source: ip(20),
        destination: ip(31),
        transport: Transport::Tunneled {
            by: Encapsulation::IpInIp,
            source: ip(10),
            destination: ip(VIP),
            transport: Box::new(Transport::Tcp(asked)),
        },
    };
    let mut capture = Capture::default();
    capture.hop(0, (CLIENT, DIRECTOR), &plain);
    capture.hop(2, (DIRECTOR, SERVER), &tunnelled);
    // The server hands it to somebody else: a lab with a router that ends the tunnel.
    capture.hop(4, (SERVER, DIRECTOR_BACK), &plain);
    let journeys = capture.journeys();
    assert_eq!(journeys.all().len(), 1, "{:#?}", journeys.all());
    assert_eq!(
        rewrites(&journeys, 0),
        [
            Rewrite::None,
            Rewrite::Encapsulated(TunnelType::Ipip),
            Rewrite::Decapsulated(TunnelType::Ipip),
        ]
    );
}

#[test]
fn a_datagram_is_known_by_its_hash_across_translated_ports() {
    let datagram = |port, digest| Body::Ip {
        source: ip(10),
        destination: ip(if port == 53 { VIP } else { 31 }),
        transport: Transport::Udp(Datagram {
            said: Segment {
                source_port: 40_000,
                destination_port: port,
                payload_length: 12,
                ..Segment::default()
            },
            digest,
        }),
    };
    let mut capture = Capture::default();
    capture.hop(0, (CLIENT, DIRECTOR), &datagram(53, Some(7)));
    capture.hop(1, (CLIENT, DIRECTOR), &datagram(53, Some(8)));
    capture.hop(2, (DIRECTOR_BACK, SERVER), &datagram(5353, Some(8)));
    // Of what was not captured whole it is not known whether it is the same.
    capture.hop(3, (CLIENT, DIRECTOR), &datagram(53, None));
    capture.hop(4, (DIRECTOR_BACK, SERVER), &datagram(5353, None));
    let journeys = capture.journeys();
    let hops: Vec<usize> = journeys.all().iter().map(|journey| journey.hops.len()).collect();
    assert_eq!(hops, [1, 2, 1, 1]);
    assert_eq!(journeys.all()[0].fate, Fate::Dropped { at: DIRECTOR });
    assert_eq!(journeys.all()[1].fate, Fate::Delivered { to: SERVER });
    // A host that does not have the source address has not made the packet.
    assert_eq!(journeys.all()[3].origin, None);
}

/// An IPv4 header and the first eight bytes of a segment, as an ICMP error quotes them.
/// A host refuses a segment, and its sender sends the same bytes again at once: what goes on is the second
/// sending, not the one that was refused.
#[test]
fn what_was_refused_does_not_go_on() {
    let body = tcp(10, VIP, segment(77, b"select 1"));
    let mut capture = Capture::default();
    capture.hop(0, (CLIENT, DIRECTOR), &body);
    capture.hop(2, (DIRECTOR, CLIENT), &unreachable(20, (10, VIP, 3306), 77));
    capture.hop(4, (CLIENT, DIRECTOR), &body);
    capture.hop(6, (DIRECTOR, SERVER), &body);
    let journeys = capture.journeys();
    let fates: Vec<Fate> = journeys.all().iter().map(|journey| journey.fate).collect();
    let refused = Fate::Answered {
        by: DIRECTOR,
        with: 3,
    };
    assert_eq!(fates[0], refused, "{:#?}", journeys.all());
    assert_eq!(fates[2], Fate::Delivered { to: SERVER });
    assert_eq!(journeys.all()[2].hops.len(), 2);
}

fn quoting(source: u8, destination: u8, ports: (u16, u16), sequence: u32) -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0, 60, 0, 0, 0, 0, 64, 6, 0, 0];
    bytes.extend([192, 0, 2, source, 192, 0, 2, destination]);
    bytes.extend(ports.0.to_be_bytes());
    bytes.extend(ports.1.to_be_bytes());
    bytes.extend(sequence.to_be_bytes());
    bytes
}

fn unreachable(from: u8, quoted: (u8, u8, u16), sequence: u32) -> Body {
    Body::Ip {
        source: ip(from),
        destination: ip(10),
        transport: Transport::Icmp {
            kind: 3,
            code: 1,
            rest: [0; 4],
            length: 36,
            quoted: Some((ip(quoted.0), 40_000, ip(quoted.1), quoted.2)),
            body: quoting(quoted.0, quoted.1, (40_000, quoted.2), sequence),
            hop_by_hop: false,
        },
    }
}

#[test]
fn an_icmp_error_is_known_by_the_segment_that_it_quotes() {
    let mut capture = Capture::default();
    capture.hop(0, (SERVER, DIRECTOR_BACK), &unreachable(31, (10, 31, 3307), 77));
    // The director translates the quoted packet, too.
    capture.hop(2, (DIRECTOR, CLIENT), &unreachable(VIP, (10, VIP, 3306), 77));
    // It makes one of its own about another segment.
    capture.hop(4, (DIRECTOR, CLIENT), &unreachable(20, (10, VIP, 3306), 78));
    let journeys = capture.journeys();
    assert_eq!(journeys.all().len(), 2, "{:#?}", journeys.all());
    assert_eq!(journeys.all()[0].hops.len(), 2);
    assert_eq!(journeys.origin(4), Some(&Node::RealServer(name("rs1"))));
    assert_eq!(journeys.origin(6), Some(&Node::first_director()));
}

#[test]
fn what_is_sent_again_is_a_journey_of_its_own() {
    let body = tcp(10, VIP, segment(1, b"select 1"));
    let mut capture = Capture::default();
    // The first is dropped by the director, the second is passed on, the third is lost on the way.
    capture.hop(0, (CLIENT, DIRECTOR), &body);
    capture.hop(300, (CLIENT, DIRECTOR), &body);
    capture.hop(302, (DIRECTOR, SERVER), &body);
    capture.see(900, CLIENT, (CLIENT, DIRECTOR), &body);
    let journeys = capture.journeys();
    let fates: Vec<Fate> = journeys.all().iter().map(|journey| journey.fate).collect();
    assert_eq!(
        fates,
        [
            Fate::Dropped { at: DIRECTOR },
            Fate::Delivered { to: SERVER },
            Fate::Lost { before: DIRECTOR },
        ]
    );
    let again: Vec<bool> = journeys.all().iter().map(|journey| journey.again).collect();
    assert_eq!(again, [false, true, true]);
}

#[test]
fn what_waited_for_a_neighbour_goes_on_late() {
    let body = tcp(10, VIP, segment(1, b"select 1"));
    let mut capture = Capture::default();
    capture.hop(0, (CLIENT, DIRECTOR), &body);
    capture.hop(1200, (DIRECTOR, SERVER), &body);
    let journeys = capture.journeys();
    assert_eq!(journeys.all().len(), 1);
    assert_eq!(journeys.all()[0].fate, Fate::Delivered { to: SERVER });
}

/// The VIP's answer to [`segment`]: `tcp_v4_send_reset` takes its number from the acknowledgement.
fn reset() -> Body {
    let reset = Segment {
        source_port: 3306,
        destination_port: 40_000,
        flags: Flags {
            rst: true,
            ..Flags::default()
        },
        ..segment(5000, b"")
    };
    tcp(VIP, 10, reset)
}

#[test]
fn a_refusal_answers_the_segment_whose_numbers_it_has() {
    let mut capture = Capture::default();
    capture.hop(0, (CLIENT, DIRECTOR), &tcp(10, VIP, segment(1, b"select 1")));
    let other = Segment {
        acknowledgement: 6000,
        ..segment(9, b"x")
    };
    capture.hop(1, (CLIENT, DIRECTOR), &tcp(10, VIP, other));
    capture.hop(3, (DIRECTOR, CLIENT), &reset());
    // An ICMP error comes late where a host asked for a neighbour first.
    capture.hop(10, (CLIENT, DIRECTOR), &tcp(10, VIP, segment(20, b"late")));
    capture.hop(3000, (DIRECTOR, CLIENT), &unreachable(20, (10, VIP, 3306), 20));
    let journeys = capture.journeys();
    let fates: Vec<Fate> = journeys.all().iter().map(|journey| journey.fate).collect();
    assert_eq!(
        fates,
        [
            Fate::Answered {
                by: DIRECTOR,
                with: 5
            },
            Fate::Dropped { at: DIRECTOR },
            Fate::Delivered { to: CLIENT },
            Fate::Answered {
                by: DIRECTOR,
                with: 9
            },
            Fate::Delivered { to: CLIENT },
        ]
    );
}

#[test]
fn what_a_capture_with_gaps_does_not_show_is_unknown() {
    let mut lab = lab();
    for point in &mut lab.points {
        point.whole = false;
    }
    let mut capture = Capture::default();
    let body = tcp(10, VIP, segment(1, b"select 1"));
    capture.see(0, CLIENT, (CLIENT, DIRECTOR), &body);
    capture.hop(300, (CLIENT, DIRECTOR), &body);
    let journeys = capture.journeys_in(lab);
    let fates: Vec<Fate> = journeys.all().iter().map(|journey| journey.fate).collect();
    // It may have been lost, or dropped, or passed on.
    assert_eq!(fates, [Fate::Unknown, Fate::Unknown]);
}

#[test]
fn without_its_beginning_a_packet_is_the_owners_of_its_address_or_nobodys() {
    let body = tcp(VIP, 10, segment(1, b"result"));
    let mut capture = Capture::default();
    capture.see(0, CLIENT, (SERVER, CLIENT), &body);
    assert_eq!(capture.journeys().origin(1), Some(&Node::RealServer(name("rs1"))));
    // One of two on the link sent it: which one is not known.
    let mut shared = lab();
    shared.interfaces[DIRECTOR].mac = mac(MACS[SERVER]);
    assert_eq!(capture.journeys_in(shared).origin(1), None);
    // A stranger.
    let mut capture = Capture::default();
    capture.frame(0, CLIENT, (mac(99), mac(10)), &body);
    assert_eq!(capture.journeys().origin(1), None);
    // What the director passes on it has not made, though nothing shows from whom it came.
    let mut capture = Capture::default();
    capture.hop(0, (DIRECTOR, SERVER), &tcp(10, VIP, segment(1, b"select 1")));
    assert_eq!(capture.journeys().origin(1), None);
    assert_eq!(capture.journeys().sender(1), Some(&Node::first_director()));
}

/// Policy routing lets a director take in what is for a VIP that it does not have. What it refuses has the
/// VIP as its source all the same.
#[test]
fn a_balancer_answers_from_a_vip_that_it_does_not_have() {
    let mut lab = lab();
    lab.hosts[DIRECTOR].addresses = vec![ip(20)];
    let mut capture = Capture::default();
    capture.hop(0, (CLIENT, DIRECTOR), &tcp(10, VIP, segment(1, b"select 1")));
    capture.hop(2, (DIRECTOR, CLIENT), &reset());
    let journeys = capture.journeys_in(lab.clone());
    assert_eq!(journeys.origin(3), Some(&Node::first_director()));
    assert_eq!(
        journeys.all()[0].fate,
        Fate::Answered {
            by: DIRECTOR,
            with: 3
        }
    );
    // Of a host that balances nothing it would be somebody else's.
    lab.hosts[DIRECTOR].virtual_addresses = Vec::new();
    assert_eq!(capture.journeys_in(lab).origin(3), None);
}

#[test]
fn an_interface_that_captured_less_of_a_frame_shows_the_same_frame() {
    let long = segment(1, &[7; 3000]);
    let cut = Segment {
        payload: vec![7; 1000],
        ..long.clone()
    };
    let mut capture = Capture::default();
    capture.see(0, CLIENT, (CLIENT, DIRECTOR), &tcp(10, VIP, long));
    capture.see(1, DIRECTOR, (CLIENT, DIRECTOR), &tcp(10, VIP, cut.clone()));
    capture.hop(2, (DIRECTOR, SERVER), &tcp(10, VIP, cut));
    let journeys = capture.journeys();
    assert_eq!(journeys.all().len(), 1, "{:#?}", journeys.all());
    assert_eq!(journeys.all()[0].fate, Fate::Delivered { to: SERVER });
}

#[test]
fn each_frame_of_each_stored_cell_belongs_to_one_journey_in_the_order_of_time() {
    for cell in stored() {
        let packets = cell.packets();
        let at = cell.folder.display();
        let journeys = Journeys::of(&cell.record, packets.clone());
        let mut seen = BTreeSet::new();
        for (index, journey) in journeys.all().iter().enumerate() {
            let mut last: Option<&Hop> = None;
            for (place, hop) in journey.hops.iter().enumerate() {
                for packet in hop.packets() {
                    assert!(seen.insert(packet.number), "{at}: packet {} twice", packet.number);
                    let found = journeys.place(packet.number).unwrap();
                    assert_eq!((found.journey, found.hop), (index, place), "{at}");
                }
                assert!(hop.began() <= hop.ended(), "{at}: {hop:#?}");
                if let Some(last) = last {
                    assert!(last.ended() <= hop.began(), "{at}: {journey:#?}");
                    let host = |end: Option<End>| end.map(|end| end.host);
                    assert_eq!(host(last.to), host(hop.from), "{at}: {journey:#?}");
                    assert_ne!(hop.rewrite, Rewrite::None, "{at}: {journey:#?}");
                }
                last = Some(hop);
            }
        }
        let all: BTreeSet<u32> = packets.iter().map(|packet| packet.number).collect();
        assert_eq!(seen, all, "{at}");
        // In a lab of which everything was captured, every packet of IP has a maker.
        for packet in packets
            .iter()
            .filter(|packet| matches!(packet.body, Body::Ip { .. }))
        {
            let multicast = lvs_matrix_model::capture::is_group(packet.destination_mac);
            assert!(
                multicast || journeys.origin(packet.number).is_some(),
                "{at}: nobody made packet {}",
                packet.number
            );
        }
    }
}
