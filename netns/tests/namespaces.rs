//! These tests make real namespaces: they need CAP_SYS_ADMIN and the programs `ip` and `cat`, and fail
//! without.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_netns::{
    CommandLine, Error, Namespace, PacketSocket, count_tcp_metrics, destroy_tcp_sockets, forget_tcp_metrics,
    ip_batch, read_sysctl, tc_batch, tcp_sockets, write_sysctl,
};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

fn words(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn two_namespaces_talk_over_a_veth_pair_and_the_host_sees_nothing() {
    let (left, right) = (Namespace::new("left").unwrap(), Namespace::new("right").unwrap());
    ip_batch(
        &left,
        &[
            format!(
                "link add name eth0 type veth peer name eth0 netns {}",
                right.path().display()
            ),
            "addr add 192.0.2.1/24 dev eth0".to_owned(),
            "link set dev eth0 up".to_owned(),
        ],
    )
    .unwrap();
    ip_batch(
        &right,
        &words(&["addr add 192.0.2.2/24 dev eth0", "link set dev eth0 up"]),
    )
    .unwrap();

    let listener = right
        .run(|| TcpListener::bind("192.0.2.2:3306"))
        .unwrap()
        .unwrap();
    let client =
        left.run(|| TcpStream::connect_timeout(&"192.0.2.2:3306".parse().unwrap(), Duration::from_secs(5)));
    assert_eq!(
        client.unwrap().unwrap().peer_addr().unwrap(),
        listener.local_addr().unwrap()
    );
    assert!(
        TcpStream::connect_timeout(&"192.0.2.2:3306".parse().unwrap(), Duration::from_millis(200)).is_err()
    );
}

/// A namespace with an interface `eth0` that leads to another one.
fn pair() -> (Namespace, Namespace) {
    let (left, right) = (Namespace::new("left").unwrap(), Namespace::new("right").unwrap());
    let there = right.path();
    let lines = [
        format!(
            "link add name eth0 type veth peer name eth0 netns {}",
            there.display()
        ),
        "addr add 192.0.2.1/24 dev eth0".to_owned(),
        "neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev eth0 nud permanent".to_owned(),
        "link set dev eth0 up".to_owned(),
    ];
    ip_batch(&left, &lines).unwrap();
    ip_batch(
        &right,
        &words(&["link set dev eth0 address 02:00:00:00:00:02 up"]),
    )
    .unwrap();
    (left, right)
}

/// Sends `count` datagrams with `length` bytes from 192.0.2.1.
fn send_datagrams(from: &Namespace, count: usize, length: usize) {
    from.run(move || {
        let socket = UdpSocket::bind("192.0.2.1:0").unwrap();
        for _ in 0..count {
            socket.send_to(&vec![7; length], "192.0.2.2:9").unwrap();
        }
    })
    .unwrap();
}

/// The lengths of the IPv4 frames that come, with the latest time stamp: until there are `count`, and nothing
/// waits any more.
fn frames(socket: &mut PacketSocket, count: usize) -> (Vec<usize>, i64) {
    let (mut lengths, mut latest) = (Vec::new(), 0);
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let Some(frame) = socket.receive().unwrap() else {
            // What was sent is received in a softirq, perhaps of another processor.
            if lengths.len() >= count || Instant::now() > deadline {
                break;
            }
            std::thread::yield_now();
            continue;
        };
        assert!(frame.unix_nanos >= latest, "time stamps go on");
        latest = frame.unix_nanos;
        if frame.bytes[12..14] == [0x08, 0x00] {
            lengths.push(frame.bytes.len());
        }
    }
    (lengths, latest)
}

#[test]
fn a_packet_socket_sees_what_goes_out_and_what_comes_in() {
    let (left, right) = pair();
    let open = || PacketSocket::open("eth0", 1 << 20);
    let mut sockets = [
        left.run(open).unwrap().unwrap(),
        right.run(open).unwrap().unwrap(),
    ];
    let before = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as i64;
    send_datagrams(&left, 3, 1000);
    for socket in &mut sockets {
        let (lengths, latest) = frames(socket, 3);
        assert_eq!(lengths, [1042; 3], "Ethernet, IP and UDP take 42 bytes");
        assert!(latest >= before && latest < before + 10_000_000_000);
        let counted = socket.counters().unwrap();
        assert!(counted.received >= 3 && counted.dropped == 0, "{counted:?}");
        assert_eq!(
            socket.counters().unwrap().received,
            0,
            "they count from the last time on"
        );
    }
    assert!(
        left.run(|| PacketSocket::open("nosuch", 1 << 20))
            .unwrap()
            .is_err()
    );
}

/// More than 32 long frames wait at once: so many a ring of 4 MiB had room for.
#[test]
fn a_packet_socket_keeps_what_nobody_reads_yet_and_counts_what_does_not_fit() {
    let (left, _right) = pair();
    let open = |queue: usize| {
        left.run(move || PacketSocket::open("eth0", queue))
            .unwrap()
            .unwrap()
    };
    let (mut large, mut small) = (open(64 << 20), open(1));
    send_datagrams(&left, 2000, 1400);
    assert_eq!(frames(&mut large, 2000).0.len(), 2000);
    assert_eq!(large.counters().unwrap().dropped, 0);
    let seen = u32::try_from(frames(&mut small, 0).0.len()).unwrap();
    let counted = small.counters().unwrap();
    assert!(seen < 2000, "{seen}");
    assert!(counted.dropped > 0 && counted.received >= 2000, "{counted:?}");
}

#[test]
fn a_sending_packet_socket_receives_nothing() {
    let (left, right) = pair();
    let sender = left.run(|| PacketSocket::for_sending("eth0")).unwrap().unwrap();
    let mut receiver = right
        .run(|| PacketSocket::open("eth0", 1 << 20))
        .unwrap()
        .unwrap();
    let mut frame = vec![0xff; 60];
    frame[12..14].copy_from_slice(&[0x88, 0xb5]);
    let deadline = Instant::now() + Duration::from_secs(10);
    // A new link loses frames until the kernel's worker has noticed that it is up (net/core/link_watch.c).
    'arrived: loop {
        sender.send(&frame).unwrap();
        std::thread::yield_now();
        while let Some(received) = receiver.receive().unwrap() {
            if received.bytes == frame {
                break 'arrived;
            }
        }
        assert!(Instant::now() < deadline, "the frame did not arrive");
    }
    assert_eq!(sender.counters().unwrap().received, 0);
}

#[test]
fn a_failing_line_of_ip_is_quoted() {
    let namespace = Namespace::new("one").unwrap();
    let error = ip_batch(
        &namespace,
        &words(&["link set dev lo up", "link set dev nosuch up"]),
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("`ip link set dev nosuch up` failed"),
        "{error}"
    );
    // Of lines that only the program knows it quotes the one that failed.
    let lines = words(&["route add blackhole 192.0.1.0/24", "link set dev nosuch mtu 1400"]);
    let error = ip_batch(&namespace, &lines).unwrap_err();
    let quoted = "`ip link set dev nosuch mtu 1400` failed (exit 1)";
    assert!(error.to_string().contains(quoted), "{error}");
}

/// The state of a namespace that lines of ip(8) and tc(8) make, as those programs show it. What a kernel
/// gives anew each time (numbers of other namespaces, the bridge's own Ethernet address, timers) is left out.
fn shown(namespace: &Namespace) -> Vec<String> {
    [
        "ip -details -oneline link show",
        "ip -details -oneline addr show",
        "ip -details route show table all",
        "ip -details -6 route show table all",
        "ip rule show",
        "ip -6 rule show",
        "tc -raw qdisc show",
    ]
    .iter()
    .flat_map(|line| {
        let text = namespace.check(&CommandLine::new(line.split(' '))).unwrap();
        text.lines().map(masked).collect::<Vec<_>>()
    })
    .collect()
}

/// The line without what differs from one making of the same to the next.
fn masked(line: &str) -> String {
    const FOLLOWED_BY_NEW: [&str; 14] = [
        "link-netnsid",
        "bridge_id",
        "designated_root",
        "designated_bridge",
        "hello_timer",
        "tcn_timer",
        "topology_change_timer",
        "gc_timer",
        "hold_timer",
        "message_age_timer",
        "forward_delay_timer",
        // Handle and seed of a queueing discipline.
        "netem",
        "noqueue",
        "seed",
    ];
    let (mut words, mut last) = (Vec::new(), "");
    for word in line.split_whitespace() {
        let by_chance = ["link/ether", "permaddr"].contains(&last) && !word.starts_with("02:6c:76:");
        let new = FOLLOWED_BY_NEW.contains(&last) || by_chance;
        words.push(if new { "…" } else { word });
        last = word;
    }
    words.join(" ")
}

/// Runs each line by its program.
fn type_in(namespace: &Namespace, program: &str, lines: &[String]) {
    for line in lines {
        let argv = std::iter::once(program).chain(line.split(' '));
        namespace.check(&CommandLine::new(argv)).unwrap();
    }
}

/// The promise that what a record shows can be typed again: each line does the same whoever carries it out.
#[test]
fn lines_that_are_done_in_this_process_do_what_their_programs_do() {
    let link_lines = |there: &Namespace| {
        let path = there.path();
        let port = |name: &str, card: &str, mac: u8| {
            format!(
                "link add name {name} type veth peer name {card} address 02:6c:76:00:00:{mac:02x} netns {}",
                path.display()
            )
        };
        vec![
            "link add name link type bridge stp_state 0 forward_delay 0 mcast_snooping 0 ageing_time \
             60480000"
                .to_owned(),
            "link set dev link up".to_owned(),
            port("port10", "eth0", 10),
            "link set dev port10 master link up".to_owned(),
            port("port20", "eth1", 20),
            "link set dev port20 master link up".to_owned(),
            port("port30", "eth2", 30),
            "link del dev port30".to_owned(),
        ]
    };
    let delays = words(&[
        "qdisc add dev port10 root netem delay 100us limit 100000",
        "qdisc add dev port20 root netem delay 5000000us limit 10",
    ]);
    let host_lines = words(&[
        "link set dev lo up",
        "addr add 192.0.2.10/24 dev eth0",
        "link set dev eth0 up",
        "addr add 192.0.2.100/32 dev eth0",
        "addr add 192.0.2.101/24 dev eth0",
        "addr add 2001:db8:0:1::10/64 dev eth0 nodad",
        "addr add 127.0.0.9/8 dev lo",
        "addr add 192.0.2.102/32 dev lo",
        "addr add 2001:db8:0:1::100/128 dev lo nodad",
        "link set dev eth1 up",
        "link set dev eth1 down",
        "link set dev eth1 up",
        "addr add 198.51.100.20/24 dev eth1",
        "addr add 198.51.100.21/24 dev eth1",
        "addr flush dev eth1",
        "addr add 198.51.100.22/24 dev eth1",
        "link add name tunnel0 type ipip local 192.0.2.10",
        "link set dev tunnel0 up",
        "addr add 192.0.2.103/32 dev tunnel0",
        "link add name tunnel1 type sit local 192.0.2.10",
        "link add name tunnel2 type ip6tnl mode ip6ip6 local 2001:db8:0:1::10",
        // A device of ip6tnl is one pair of addresses, whatever it carries (`ip6_tnl_locate`,
        // net/ipv6/ip6_tunnel.c).
        "link add name tunnel3 type ip6tnl mode ipip6 local 2001:db8:0:1::11",
        "route add 203.0.113.0/24 via 192.0.2.20",
        "route add default via 192.0.2.20",
        "route add default via 192.0.2.21 table 100",
        "route add 2001:db8:0:3::/64 via 2001:db8:0:1::20",
        "route add default via 2001:db8:0:1::20 table 101",
        "rule add from 192.0.2.100 lookup 100",
        "-6 rule add from 2001:db8:0:1::100 lookup 101",
        // Not known in this process: it comes between those that are.
        "route add blackhole 192.0.1.0/24",
        "route add 192.0.0.0/24 via 198.51.100.20",
    ]);
    let places = ["typed", "done"].map(|way| {
        let (link, host) = (Namespace::new(way).unwrap(), Namespace::new(way).unwrap());
        for namespace in [&link, &host] {
            write_sysctl(namespace, "net.ipv6.conf.all.addr_gen_mode", "1").unwrap();
            write_sysctl(namespace, "net.ipv6.conf.default.addr_gen_mode", "1").unwrap();
        }
        (link, host)
    });
    let [(typed_link, typed), (done_link, done)] = &places;
    type_in(typed_link, "ip", &link_lines(typed));
    type_in(typed_link, "tc", &delays);
    type_in(typed, "ip", &host_lines);
    ip_batch(done_link, &link_lines(done)).unwrap();
    tc_batch(done_link, &delays).unwrap();
    ip_batch(done, &host_lines).unwrap();
    for (one, other) in [(typed_link, done_link), (typed, done)] {
        // A carrier is noticed a little later (net/core/link_watch.c), by each at its own time.
        let deadline = Instant::now() + Duration::from_secs(10);
        while shown(one) != shown(other) && Instant::now() < deadline {
            // Under virtual time a loop that only looks would take no time.
            std::thread::sleep(Duration::from_millis(500));
        }
        assert_eq!(shown(one), shown(other));
    }
    // That they show what was asked, and are not alike because nothing was done.
    let all = [shown(done_link), shown(done)].concat().join("\n");
    for sign in [
        "qdisc netem",
        "delay 99",
        "limit 100000",
        "delay 5s",
        "ageing_time 60480000",
        "inet 192.0.2.102/32",
        "scope host",
        "inet6 2001:db8:0:1::10/64",
        "default via 192.0.2.21 dev eth0 table 100",
        "203.0.113.0/24 via 192.0.2.20",
        "ipip any remote any local 192.0.2.10",
        "sit any remote any local 192.0.2.10",
        "ip6ip6 remote any local 2001:db8:0:1::10",
        "ipip6 remote any local 2001:db8:0:1::11",
    ] {
        assert!(all.contains(sign), "{sign} in {all}");
    }
    assert!(
        !all.contains("198.51.100.20/") && !all.contains("port30"),
        "{all}"
    );
}

#[test]
fn what_the_kernel_refuses_is_quoted_as_a_line() {
    let namespace = Namespace::new("one").unwrap();
    let twice = words(&["link set dev lo up", "addr add 192.0.2.1/32 dev lo"]);
    ip_batch(&namespace, &twice).unwrap();
    let refused = |line: &str| ip_batch(&namespace, &words(&[line])).unwrap_err().to_string();
    let exists = refused("addr add 192.0.2.1/32 dev lo");
    assert!(
        exists.contains("`ip addr add 192.0.2.1/32 dev lo` failed: File exists"),
        "{exists}"
    );
    let unreachable = refused("route add default via 198.51.100.1");
    assert!(unreachable.contains("unreachable"), "{unreachable}");
    let absent = refused("addr add 192.0.2.1/32 dev nosuch");
    assert!(absent.contains("nosuch: No such device"), "{absent}");
    let line = "qdisc add dev nosuch root netem delay 100us limit 1000";
    let absent = tc_batch(&namespace, &words(&[line])).unwrap_err().to_string();
    assert!(absent.contains("`tc qdisc add dev nosuch"), "{absent}");
}

/// A listener, a connection over IPv4 and one over IPv6, one that an IPv6 socket has over IPv4, one that is
/// closed on one side, and one in TIME-WAIT.
#[test]
fn sockets_are_listed_as_ss_lists_them_and_destroyed() {
    let namespace = Namespace::new("one").unwrap();
    let lines = words(&["link set dev lo up", "addr add 192.0.2.1/32 dev lo"]);
    ip_batch(&namespace, &lines).unwrap();
    let held = namespace.run(|| {
        let (v4, v6) = (
            TcpListener::bind("192.0.2.1:3306")?,
            TcpListener::bind("[::]:3307")?,
        );
        let pair = |address: &str, listener: &TcpListener| {
            let client = TcpStream::connect(address)?;
            Ok::<_, std::io::Error>((client, listener.accept()?.0))
        };
        let four = pair("192.0.2.1:3306", &v4)?;
        let six = pair("[::1]:3307", &v6)?;
        let mapped = pair("192.0.2.1:3307", &v6)?;
        let (half, other) = pair("192.0.2.1:3306", &v4)?;
        half.shutdown(std::net::Shutdown::Write)?;
        drop(pair("192.0.2.1:3306", &v4)?);
        Ok::<_, std::io::Error>((v4, v6, four, six, mapped, half, other))
    });
    let held = held.unwrap().unwrap();
    // Timers go on between two looks: their spans are not compared.
    let steady = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let line = words.join(" ");
        match line
            .split_once(" timer:(")
            .map(|(head, timer)| (head, timer.split(',').collect::<Vec<_>>()))
        {
            Some((head, timer)) => format!("{head} {} {}", timer[0], timer[timer.len() - 1]),
            None => line,
        }
    };
    let shown = |arguments: &[&str]| {
        let argv = ["ss", "-Htano"].iter().chain(arguments).copied();
        let text = namespace.check(&CommandLine::new(argv)).unwrap();
        text.lines().map(steady).collect::<Vec<_>>()
    };
    // One difference is known: ss writes `*` for any address of an IPv6 socket that takes IPv4, too.
    let shown = |arguments: &[&str]| -> Vec<String> {
        let lines = shown(arguments).into_iter();
        lines
            .map(|line| line.replace("*:3307 *:*", "[::]:3307 [::]:*"))
            .collect()
    };
    let told = || tcp_sockets(&namespace).unwrap();
    let all: Vec<String> = told().iter().map(|socket| steady(&socket.to_string())).collect();
    assert_eq!(all, shown(&[]));
    for state in ["LISTEN ", "ESTAB ", "FIN-WAIT-", "CLOSE-WAIT ", "TIME-WAIT "] {
        assert!(
            all.iter().any(|line| line.starts_with(state)),
            "{state} in {all:#?}"
        );
    }
    let peer: std::net::IpAddr = "192.0.2.1".parse().unwrap();
    let with_peer: Vec<String> = told()
        .iter()
        .filter(|socket| socket.peer().ip() == peer)
        .map(|socket| steady(&socket.to_string()))
        .collect();
    assert_eq!(with_peer, shown(&["dst", "192.0.2.1"]));
    assert!(
        with_peer.iter().any(|line| line.contains("[::ffff:192.0.2.1]")),
        "{with_peer:#?}"
    );

    let service = "192.0.2.1:3306".parse().unwrap();
    let destroyed = destroy_tcp_sockets(&namespace, move |socket| socket.peer() == service).unwrap();
    assert!(destroyed >= 2, "{destroyed}");
    assert!(told().iter().all(|socket| socket.peer() != service));
    destroy_tcp_sockets(&namespace, |socket| !socket.listens()).unwrap();
    let left: Vec<String> = told().iter().map(ToString::to_string).collect();
    assert!(
        left.len() == 2 && left.iter().all(|line| line.starts_with("LISTEN")),
        "{left:#?}"
    );
    drop(held);
}

#[test]
fn what_tcp_has_measured_is_counted_and_forgotten() {
    let (left, right) = pair();
    ip_batch(&right, &words(&["addr add 192.0.2.2/24 dev eth0"])).unwrap();
    for namespace in [&left, &right] {
        write_sysctl(namespace, "net.ipv4.tcp_no_metrics_save", "0").unwrap();
    }
    let listener = right
        .run(|| TcpListener::bind("192.0.2.2:3306"))
        .unwrap()
        .unwrap();
    let talk = left.run(|| {
        let address = "192.0.2.2:3306".parse().unwrap();
        TcpStream::connect_timeout(&address, Duration::from_secs(5))
    });
    drop((talk.unwrap().unwrap(), listener.accept().unwrap()));
    let shown = || {
        let show = CommandLine::new(["ip", "tcp_metrics", "show"]);
        left.check(&show).unwrap().lines().count()
    };
    // TCP keeps them when a socket is closed, which takes a moment.
    let deadline = Instant::now() + Duration::from_secs(10);
    while shown() == 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!((shown(), count_tcp_metrics(&left).unwrap()), (1, 1));
    forget_tcp_metrics(&left).unwrap();
    assert_eq!((shown(), count_tcp_metrics(&left).unwrap()), (0, 0));
}

#[test]
fn sysctls_belong_to_their_namespace_and_are_read_back() {
    let (one, other) = (Namespace::new("one").unwrap(), Namespace::new("other").unwrap());
    write_sysctl(&one, "net.ipv4.tcp_retries2", "7").unwrap();
    assert_eq!(read_sysctl(&one, "net.ipv4.tcp_retries2").unwrap(), "7");
    assert_eq!(read_sysctl(&other, "net.ipv4.tcp_retries2").unwrap(), "15");
    assert!(matches!(
        write_sysctl(&one, "net.ipv4.no_such", "1"),
        Err(Error::Sysctl { what: "write", .. })
    ));
}

#[test]
fn a_sysctl_that_cannot_be_written_says_why() {
    let namespace = Namespace::new("one").unwrap();
    for (key, value, cause) in [
        ("net.ipv4.no_such", "1", "have no sysctl of that name"),
        (
            "net.ipv4.tcp_congestion_control",
            "no_such",
            "does not know this value",
        ),
        ("net.ipv4.tcp_syn_retries", "128", "refuses this value"),
        (
            "net.ipv4.tcp_available_congestion_control",
            "reno",
            "cannot be written",
        ),
    ] {
        let error = write_sysctl(&namespace, key, value).unwrap_err().to_string();
        assert!(error.contains(cause) && error.contains(key), "{error}");
    }
}

#[test]
fn a_program_that_does_not_end_is_killed_and_named() {
    let namespace = Namespace::new("one").unwrap();
    let mut line = CommandLine::new(["sleep", "1000"]);
    line.deadline = Duration::from_millis(100);
    let began = Instant::now();
    let error = namespace.command(&line).unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    let error = lvs_matrix_netns::run(&CommandLine::new(["cat", "/dev/zero"])).unwrap_err();
    assert!(matches!(error, Error::Flooded { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_flood_is_drained_and_cut() {
    let line = CommandLine::new(["head", "-c", "3000000", "/dev/zero"]);
    let finished = lvs_matrix_netns::run(&line).unwrap();
    assert!(finished.status.success());
    assert_eq!(finished.output.len(), 256 * 1024);
}

#[test]
fn a_missing_program_is_named() {
    let error = lvs_matrix_netns::run(&CommandLine::new(["no-such-program"])).unwrap_err();
    assert!(
        error.to_string().contains("cannot start `no-such-program`"),
        "{error}"
    );
}
