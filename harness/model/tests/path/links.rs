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
