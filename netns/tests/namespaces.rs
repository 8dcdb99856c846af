//! These tests make real namespaces: they need CAP_SYS_ADMIN and the programs `ip` and `cat`, and fail
//! without.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_netns::{CommandLine, Error, Namespace, PacketSocket, ip_batch, read_sysctl, write_sysctl};
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
