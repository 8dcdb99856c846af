//! The tables of IPVS as ipvsadm and the kernel print them: real output of one director (Linux 7.2, ipvsadm
//! 1.31) with services of TCP, UDP, firewall marks, IPv6 and persistence, and connections through each.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::ipvs::{Connections, Listen, Method, Persistence, Protocol, Service, Table, Target};
use std::net::SocketAddr;
use std::time::Duration;

const LISTED: &str = include_str!("fixtures/ipvs/ipvsadm-Ln");
const LISTED_CONNECTIONS: &str = include_str!("fixtures/ipvs/ipvsadm-Lnc");
const KERNEL: &str = include_str!("fixtures/ipvs/proc-ip_vs");
const KERNEL_CONNECTIONS: &str = include_str!("fixtures/ipvs/proc-ip_vs_conn");

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn socket(protocol: Protocol, address: SocketAddr) -> Listen {
    Listen::Socket { protocol, address }
}

fn tcp<'a>(table: &'a Table, address: &str) -> &'a Service {
    table.service(socket(Protocol::Tcp, at(address))).unwrap()
}

#[test]
fn services_of_every_kind_are_listed() {
    let table = Table::listed(LISTED).unwrap();
    assert_eq!(table.services.len(), 9);
    assert_eq!(table.saved_lines(), 9 + 12, "`ipvsadm -Sn` saved so many lines");

    let web = tcp(&table, "192.0.2.100:80");
    let persistence = Persistence {
        timeout: Some(Duration::from_secs(300)),
        prefix: Some(24),
    };
    assert_eq!(
        (web.scheduler.as_str(), web.persistence),
        ("wlc", Some(persistence))
    );
    let destination = web.destination(at("10.1.0.11:8080")).unwrap();
    assert_eq!(
        (destination.method, destination.weight),
        (Method::Masquerading, 100)
    );
    assert_eq!((destination.active, destination.inactive), (1, 0));

    let hashed = tcp(&table, "192.0.2.100:81");
    assert_eq!(hashed.scheduler_flags, ["sh-fallback", "sh-port"]);
    assert_eq!(hashed.destinations[1].method, Method::Tunneling);
    let drained = tcp(&table, "192.0.2.100:3306").destination(at("192.0.2.32:3306"));
    assert_eq!(drained.unwrap().weight, 0, "weight 0 is in the table");

    let names = table
        .service(socket(Protocol::Udp, at("192.0.2.100:53")))
        .unwrap();
    assert!(names.one_packet);
    assert_eq!(
        table.service(socket(Protocol::Tcp, at("192.0.2.100:53"))),
        None,
        "UDP is not TCP"
    );

    let six = tcp(&table, "[2001:db8::100]:3306");
    let persistence = six.persistence.unwrap();
    assert_eq!(
        (persistence.timeout, persistence.prefix),
        (Some(Duration::from_secs(120)), Some(64))
    );
    assert!(
        six.destination(at("192.0.2.31:3306")).is_some(),
        "an IPv4 tunnel of an IPv6 service"
    );

    let marks: Vec<Listen> = table.services[7..].iter().map(|service| service.listen).collect();
    let mark = |mark, ipv6| Listen::Mark {
        mark,
        ipv6: Some(ipv6),
    };
    assert_eq!(marks, [mark(7, false), mark(9, true)]);
    let found = |table: &Table, listen| table.service(listen).map(|service| service.listen);
    assert_eq!(found(&table, mark(9, true)), Some(mark(9, true)));
    assert_eq!(found(&table, mark(9, false)), None, "a mark of the other family");
    let of_kernel = Table::of_kernel(KERNEL).unwrap();
    let unsaid = Listen::Mark { mark: 9, ipv6: None };
    assert_eq!(
        found(&of_kernel, mark(9, true)),
        Some(unsaid),
        "it does not say the family"
    );
}

/// The kernel says the same as ipvsadm, but for what it does not print.
#[test]
fn the_kernel_and_ipvsadm_agree() {
    let less = |mut table: Table| {
        for service in &mut table.services {
            service.scheduler_flags.clear();
            if let Some(persistence) = &mut service.persistence {
                persistence.timeout = None;
            }
            if let Listen::Mark { ipv6, .. } = &mut service.listen {
                *ipv6 = None;
            }
            service
                .destinations
                .sort_by_key(|destination| destination.address);
        }
        table
            .services
            .sort_by_key(|service| format!("{:?}", service.listen));
        table
    };
    let (kernel, listed) = (Table::of_kernel(KERNEL).unwrap(), Table::listed(LISTED).unwrap());
    assert_ne!(kernel, listed, "the order is another");
    assert_eq!(less(kernel), less(listed));

    let sorted = |mut connections: Connections| {
        connections
            .entries
            .sort_by_key(|entry| (entry.client, entry.destination));
        connections
    };
    assert_eq!(
        sorted(Connections::of_kernel(KERNEL_CONNECTIONS).unwrap()),
        sorted(Connections::listed(LISTED_CONNECTIONS).unwrap())
    );
}

#[test]
fn connections_of_every_kind_are_listed() {
    let connections = Connections::listed(LISTED_CONNECTIONS).unwrap();
    assert_eq!(connections.entries.len(), 11);
    let found = |client: &str| {
        let mut entries = connections.entries.iter();
        entries.find(|entry| entry.client == at(client)).unwrap()
    };
    let opening = found("192.0.2.100:56510");
    assert_eq!(
        (opening.state.as_str(), opening.expires),
        ("SYN_RECV", Duration::from_secs(59))
    );
    assert_eq!(
        opening.destination,
        at("10.1.0.11:8080"),
        "the port is translated"
    );
    let service = at("192.0.2.100:80");
    assert_eq!(connections.of(at("192.0.2.100:56510"), service).count(), 1);
    assert_eq!(
        connections
            .of(at("192.0.2.100:56510"), at("192.0.2.100:81"))
            .count(),
        0
    );

    let template = found("192.0.2.0:0");
    assert_eq!(
        template.service,
        Target::Socket(service),
        "of the group 192.0.2.0/24"
    );
    let template = found("192.0.2.100:0");
    assert_eq!((template.protocol, template.service), (None, Target::Mark(7)));
    assert_eq!(found("192.0.2.100:32793").protocol, Some(Protocol::Udp));
    let six = found("[2001:db8::100]:42492");
    assert_eq!(
        (six.service, six.destination),
        (Target::Socket(at("[2001:db8::100]:3306")), at("192.0.2.31:3306"))
    );
    // The entry of a connection through a service of a mark names the address that the client asked for.
    assert_eq!(
        found("192.0.2.100:45012").service,
        Target::Socket(at("192.0.2.100:9999"))
    );
}

#[test]
fn an_empty_table_is_empty() {
    let headings: Vec<&str> = LISTED.lines().take(3).collect();
    assert_eq!(Table::listed(&headings.join("\n")), Ok(Table::default()));
    assert_eq!(Connections::listed(""), Ok(Connections::default()));
}

/// A table with a hole would look like a table in which something is missing: each line that cannot be read
/// is an error.
#[test]
fn what_is_no_table_is_not_read() {
    let tables = [
        "TCP  192.0.2.100 rr",
        "TCP  192.0.2.100:80 rr somehow",
        "QUIC 192.0.2.100:80 rr",
        "  -> 192.0.2.31:3306 Route 1 0 0",
        "TCP  192.0.2.100:80 rr\n  -> 192.0.2.31:3306 Route heavy 0 0",
        "TCP  192.0.2.100:80 rr persistent 300 mask 255.0.255.0",
        "FWM  seven rr",
        "Can't initialize ipvs: Protocol not available",
    ];
    for text in tables {
        let unread = Table::listed(text).unwrap_err();
        assert_eq!(unread.line, text.lines().count(), "{text}");
        assert!(Table::of_kernel(text).is_err(), "{text}");
    }
    let connections = [
        "TCP 15 ESTABLISHED 192.0.2.1:1 192.0.2.100:80 192.0.2.31:80",
        "TCP 14:59 ESTABLISHED 192.0.2.1 192.0.2.100:80 192.0.2.31:80",
        "TCP 14:59 ESTABLISHED 192.0.2.1:1 192.0.2.100:80",
    ];
    for text in connections {
        let unread = Connections::listed(text).unwrap_err();
        assert_eq!(
            unread.to_string(),
            format!("line 1 is not one of a table of IPVS: {text}")
        );
        assert!(Connections::of_kernel(text).is_err(), "{text}");
    }
}

/// The blocks of a text of services whose first line has none of these words in it, and its head.
fn without(text: &str, words: &[&str]) -> String {
    let mut kept = true;
    let lines = text.lines().filter(|line| {
        if !line.starts_with("  ->") {
            kept = !words.iter().any(|word| line.contains(word));
        }
        kept
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_the_kernel_shows_is_printed_as_ipvsadm_prints_it() {
    // A service of IPv6 with destinations of both families has persistence, too.
    let silent = ["persistent", "FWM", " sh", " mh"];
    let (kernel, listed) = (without(KERNEL, &silent), without(LISTED, &silent));
    let table = Table::of_kernel(&kernel).unwrap();
    assert!(table.services.len() >= 3, "{kernel}");
    let first = listed.find('\n').unwrap() + 1;
    assert_eq!(table.print().unwrap(), listed[first..]);

    for one in ["sh", "mh", "FWM", "persistent"] {
        let others: Vec<&str> = silent.iter().copied().filter(|word| word.trim() != one).collect();
        let table = Table::of_kernel(&without(KERNEL, &others)).unwrap();
        assert_eq!(table.print(), None, "{one} is not said whole by the kernel");
    }
}

#[test]
fn addresses_that_ipvsadm_sorts_in_another_way_are_left_to_it() {
    let of = |one: &str, other: &str| {
        let head = "IP Virtual Server version 1.2.1 (size=256)\nTCP  C0000264:0CEA rr\n";
        let line = |address| format!("  -> {address}:0CEA      Route   1      0          0\n");
        Table::of_kernel(&format!("{head}{}{}", line(one), line(other)))
            .unwrap()
            .print()
    };
    // 192.0.2.31 and 10.1.0.11, 192.0.2.31 and 192.0.2.32.
    assert_eq!(of("C000021F", "0A01000B"), None);
    let both = of("C0000220", "C000021F").unwrap();
    assert!(
        both.find("192.0.2.31").unwrap() < both.find("192.0.2.32").unwrap(),
        "{both}"
    );
}

#[test]
fn entries_are_printed_as_ipvsadm_prints_them() {
    let no_mark = |text: &str| -> String {
        let lines = text.lines().filter(|line| !line.starts_with("IP "));
        lines.map(|line| format!("{line}\n")).collect()
    };
    let entries = Connections::of_kernel(&no_mark(KERNEL_CONNECTIONS)).unwrap();
    assert_eq!(entries.print().unwrap(), no_mark(LISTED_CONNECTIONS));
    assert_eq!(Connections::of_kernel(KERNEL_CONNECTIONS).unwrap().print(), None);
}
