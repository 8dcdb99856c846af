//! These tests make real namespaces: they need CAP_SYS_ADMIN and the programs `ip` and `cat`, and fail without.

use lvs_matrix_netns::{CommandLine, Error, Namespace, ip_batch, read_sysctl, write_sysctl};
use std::net::{TcpListener, TcpStream};
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

    let listener = right.run(|| TcpListener::bind("192.0.2.2:3306")).unwrap().unwrap();
    let client = left.run(|| TcpStream::connect_timeout(&"192.0.2.2:3306".parse().unwrap(), Duration::from_secs(5)));
    assert_eq!(
        client.unwrap().unwrap().peer_addr().unwrap(),
        listener.local_addr().unwrap()
    );
    assert!(TcpStream::connect_timeout(&"192.0.2.2:3306".parse().unwrap(), Duration::from_millis(200)).is_err());
}

#[test]
fn a_failing_line_of_ip_is_quoted() {
    let namespace = Namespace::new("one").unwrap();
    let error = ip_batch(&namespace, &words(&["link set dev lo up", "link set dev nosuch up"])).unwrap_err();
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
        ("net.ipv4.tcp_congestion_control", "no_such", "does not know this value"),
        ("net.ipv4.tcp_syn_retries", "128", "refuses this value"),
        ("net.ipv4.tcp_available_congestion_control", "reno", "cannot be written"),
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
    assert!(error.to_string().contains("cannot start `no-such-program`"), "{error}");
}
