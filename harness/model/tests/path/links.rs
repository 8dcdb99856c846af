//! Links and cards: copies that everybody on a link sees, and Ethernet addresses that several cards have.

use super::*;

#[test]
fn arp_goes_over_one_link_only() {
    let request = Body::Arp {
        request: true,
        sender: ip(10),
        sender_mac: mac(10),
        target: ip(VIP),
        target_mac: Mac([0; 6]),
    };
    let mut capture = Capture::default();
    let everybody = (mac(10), Mac([0xff; 6]));
    for (millis, point) in [(0, CLIENT), (1, DIRECTOR), (1, SERVER), (1, DIRECTOR_BACK)] {
        capture.frame(millis, point, everybody, &request);
    }
    let journeys = capture.journeys();
    let [journey] = journeys.all() else {
        panic!("{:#?}", journeys.all())
    };
    assert_eq!((journey.origin, journey.fate), (Some(CLIENT), Fate::ForAll));
    assert_eq!(journey.hops[0].overheard.len(), 3);
    assert_eq!(journeys.place(2).unwrap().role, Role::Overheard);
    assert_eq!(journeys.reached(2), None);
}

#[test]
fn a_flooded_copy_belongs_to_the_journey_of_its_frame() {
    let body = tcp(VIP, 10, segment(1, b"result"));
    let mut capture = Capture::default();
    capture.see(0, SERVER, (SERVER, CLIENT), &body);
    capture.see(1, DIRECTOR, (SERVER, CLIENT), &body);
    capture.see(1, CLIENT, (SERVER, CLIENT), &body);
    let journeys = capture.journeys();
    assert_eq!(journeys.all().len(), 1);
    assert_eq!(journeys.all()[0].fate, Fate::Delivered { to: CLIENT });
    assert_eq!(journeys.place(2).unwrap().role, Role::Overheard);
    assert_eq!(journeys.origin(2), Some(&Node::RealServer(name("rs1"))));
}

/// Two interfaces have one Ethernet address, as those of a virtual router have: the first sighting of a frame
/// is where it left.
#[test]
fn a_shared_ethernet_address_leaves_it_to_time_who_sent_a_frame() {
    let mut lab = lab();
    // Director and server are one virtual router.
    lab.interfaces[SERVER].mac = mac(MACS[DIRECTOR]);
    for (first, second, origin) in [
        (DIRECTOR, SERVER, Node::first_director()),
        (SERVER, DIRECTOR, Node::RealServer(name("rs1"))),
    ] {
        let mut capture = Capture::default();
        let body = tcp(VIP, 10, segment(1, b"result"));
        capture.see(0, first, (DIRECTOR, CLIENT), &body);
        // The bridge floods it to the other one.
        capture.see(1, second, (DIRECTOR, CLIENT), &body);
        capture.see(1, CLIENT, (DIRECTOR, CLIENT), &body);
        let journeys = capture.journeys_in(lab.clone());
        assert_eq!(journeys.all().len(), 1, "{:#?}", journeys.all());
        assert_eq!(journeys.origin(3), Some(&origin));
        assert_eq!(journeys.place(2).unwrap().role, Role::Overheard);
    }
}

/// The director's second card and the server are on a link of their own.
fn two_armed() -> Lab {
    let mut lab = lab();
    for behind in [SERVER, DIRECTOR_BACK] {
        lab.interfaces[behind].segment = BACK;
    }
    lab
}

#[test]
fn the_two_links_of_a_host_are_told_apart_even_by_one_ethernet_address() {
    let mut shared = two_armed();
    shared.interfaces[DIRECTOR_BACK].mac = mac(MACS[DIRECTOR]);
    let body = tcp(10, VIP, segment(1, b"select 1"));
    for (lab, back) in [(two_armed(), DIRECTOR_BACK), (shared, DIRECTOR)] {
        let mut capture = Capture::default();
        capture.hop(0, (CLIENT, DIRECTOR), &body);
        capture.see(2, DIRECTOR_BACK, (back, SERVER), &body);
        capture.see(3, SERVER, (back, SERVER), &body);
        let journeys = capture.journeys_in(lab);
        let [journey] = journeys.all() else {
            panic!("{:#?}", journeys.all())
        };
        let end = |host, interface| Some(End { host, interface });
        let ends: Vec<_> = journey.hops.iter().map(|hop| (hop.from, hop.to)).collect();
        assert_eq!(
            ends,
            [
                (end(CLIENT, CLIENT), end(DIRECTOR, DIRECTOR)),
                (end(DIRECTOR, DIRECTOR_BACK), end(SERVER, SERVER)),
            ]
        );
    }
}

#[test]
fn an_ethernet_address_belongs_to_a_card_of_the_link_on_which_it_was_seen() {
    // The server has the address of the director's first card, on another link.
    let mut lab = two_armed();
    lab.interfaces[SERVER].mac = mac(MACS[DIRECTOR]);
    let mut capture = Capture::default();
    capture.see(
        0,
        CLIENT,
        (DIRECTOR, CLIENT),
        &tcp(VIP, 10, segment(1, b"result")),
    );
    let journeys = capture.journeys_in(lab.clone());
    assert_eq!(journeys.sender(1), Some(&Node::first_director()));
    let mut capture = Capture::default();
    capture.see(
        0,
        DIRECTOR_BACK,
        (DIRECTOR, DIRECTOR_BACK),
        &tcp(31, 10, segment(1, b"result")),
    );
    let journeys = capture.journeys_in(lab);
    assert_eq!(journeys.sender(1), Some(&Node::RealServer(name("rs1"))));
}

#[test]
fn a_frame_for_a_shared_ethernet_address_is_received_once() {
    let mut lab = lab();
    lab.interfaces[SERVER].mac = mac(MACS[DIRECTOR]);
    let mut capture = Capture::default();
    let body = tcp(10, VIP, segment(1, b"select 1"));
    capture.see(0, CLIENT, (CLIENT, DIRECTOR), &body);
    for receiver in [SERVER, DIRECTOR] {
        capture.see(1, receiver, (CLIENT, DIRECTOR), &body);
    }
    let journeys = capture.journeys_in(lab);
    assert_eq!(journeys.all().len(), 1, "{:#?}", journeys.all());
    assert_eq!(journeys.reached(2), Some(&Node::RealServer(name("rs1"))));
    assert_eq!(journeys.place(3).unwrap().role, Role::Overheard);
}

#[test]
fn only_the_card_that_a_frame_is_for_shows_that_the_frame_was_lost() {
    let body = tcp(10, VIP, segment(1, b"select 1"));
    let mut capture = Capture::default();
    capture.see(0, CLIENT, (CLIENT, DIRECTOR), &body);
    for (card, fate) in [
        (DIRECTOR, Fate::Unknown),
        (DIRECTOR_BACK, Fate::Lost { before: DIRECTOR }),
    ] {
        let mut lab = two_armed();
        lab.points[card].whole = false;
        assert_eq!(capture.journeys_in(lab).all()[0].fate, fate);
    }
}

/// Two directors have a virtual router's Ethernet address at a time. A bridge sends what is for it to the one
/// that sent from it last, and both may be addressed by a group's frames that have it as their source.
#[test]
fn a_virtual_routers_address_is_that_directors_which_sent_from_it_last() {
    const SECOND: usize = 3;
    let virtual_mac = Mac([0, 0, 0x5e, 0, 1, 51]);
    let mut lab = lab();
    let first = &lab.hosts[DIRECTOR];
    lab.hosts.push(Host {
        node: Node::second_director(),
        addresses: vec![ip(21), ip(VIP)],
        virtual_addresses: first.virtual_addresses.clone(),
    });
    lab.interfaces[SECOND].host = SECOND;
    lab.interfaces[SECOND].of_virtual_router = true;
    let mut capture = Capture::default();
    let gratuitous = Body::Arp {
        request: true,
        sender: ip(VIP),
        sender_mac: virtual_mac,
        target: ip(VIP),
        target_mac: Mac([0; 6]),
    };
    let all = Mac([0xff; 6]);
    let (mut tells, mut told) = (Vec::new(), Vec::new());
    let (mut asks, mut reached) = (Vec::new(), Vec::new());
    for (at, director, other) in [(0, DIRECTOR, SECOND), (1000, SECOND, DIRECTOR)] {
        tells.push(capture.frame(at, director, (virtual_mac, all), &gratuitous));
        told.push(capture.frame(at + 1, CLIENT, (virtual_mac, all), &gratuitous));
        capture.frame(at + 1, other, (virtual_mac, all), &gratuitous);
        let body = tcp(10, VIP, segment(1 + u32::try_from(at).unwrap(), b"select 1"));
        asks.push(capture.frame(at + 10, CLIENT, (mac(10), virtual_mac), &body));
        reached.push(capture.frame(at + 11, director, (mac(10), virtual_mac), &body));
    }
    // The second director loses its power: nobody sees what is sent to it arrive.
    let lost = tcp(10, VIP, segment(3000, b"select 1"));
    asks.push(capture.frame(3000, CLIENT, (mac(10), virtual_mac), &lost));
    let journeys = capture.journeys_in(lab);
    let (first, second) = (Node::first_director(), Node::second_director());
    let two = [Some(&first), Some(&second)];
    let origins = |numbers: &[u32]| {
        numbers
            .iter()
            .map(|number| journeys.origin(*number))
            .collect::<Vec<_>>()
    };
    assert_eq!((origins(&tells), origins(&told)), (two.to_vec(), two.to_vec()));
    let reached: Vec<_> = reached.iter().map(|number| journeys.reached(*number)).collect();
    assert_eq!(reached, two);
    let addressed: Vec<_> = asks.iter().map(|number| journeys.addressee(*number)).collect();
    assert_eq!(addressed, [Some(&first), Some(&second), Some(&second)]);
    assert_eq!(
        journeys.showing(asks[2]).unwrap().fate,
        Fate::Lost { before: SECOND }
    );
}
