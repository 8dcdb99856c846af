//! Clients against servers that a test plays. They need network namespaces, but neither a guest nor IPVS.

use super::{Client, Operation, Standing};
use crate::clock::Clock;
use lvs_matrix_model::plan::{LabPlan, plan};
use lvs_matrix_model::record::{ClientErrorKind, ClientEventKind, ClientRecord, Misconduct};
use lvs_matrix_netns::Namespace;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

/// The plan of a cell with this client, to be connected to on this port of the loopback.
fn plan_of(client: &str, port: u16) -> LabPlan {
    let text = format!(
        "name: t\nclaim: t\nlab: {{ real-servers: {{ rs1: {{}} }}, client: {client} }}\nact: \
         [{{ connect: {{}} }}]\n\
         observe: {{ patience: 5s, until: 1m }}\nexpect: [{{ observe-only: true }}]\n"
    );
    let scenario = lvs_matrix_model::scenario::load(&text).unwrap();
    let mut plan = plan(&scenario, &lvs_matrix_model::matrix::cells(&scenario)[0]);
    plan.services.first_mut().address = (Ipv4Addr::LOCALHOST, port).into();
    plan
}

fn start(client: &str, port: u16) -> (Namespace, Client) {
    let namespace = Namespace::new("client").unwrap();
    let up = ["link set dev lo up".to_owned()];
    lvs_matrix_netns::ip_batch(&namespace, &up).unwrap();
    let client = Client::start(&namespace, Clock::start(), &plan_of(client, port), None).unwrap();
    (namespace, client)
}

fn client(port: u16) -> (Namespace, Client) {
    start("{ program: mysql-async }", port)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

#[test]
fn a_refused_connection_is_written_down_with_its_errno() {
    let (_namespace, client) = client(1);
    client.begin(1, None, Operation::Connect).unwrap();
    assert_eq!(client.wait(1, soon()), Standing::Failed);
    let (events, _) = client.stop();
    assert_eq!(events[0].kind, ClientEventKind::ConnectBegun);
    let ClientEventKind::Failed(error) = &events[1].kind else {
        panic!("{events:?}")
    };
    assert_eq!(error.kind, ClientErrorKind::Io { errno: Some(111) });
    assert!(events[0].at <= events[1].at);
}

#[test]
fn a_server_that_hangs_up_or_stays_silent_is_told_apart() {
    let (namespace, client) = client(3306);
    let listener = namespace
        .run(|| TcpListener::bind("127.0.0.1:3306"))
        .unwrap()
        .unwrap();
    client.begin(1, None, Operation::Connect).unwrap();
    drop(listener.accept().unwrap());
    assert_eq!(client.wait(1, soon()), Standing::Failed);

    // Accepted, and never a word: the operation is pending for as long as one likes to wait, and ends with
    // the client.
    client.begin(2, None, Operation::Connect).unwrap();
    let silent = listener.accept().unwrap();
    assert_eq!(
        client.wait(2, Instant::now() + Duration::from_millis(50)),
        Standing::Pending
    );
    client.still_waiting(2);
    let (events, _) = client.stop();
    let ClientEventKind::Failed(error) = &events[1].kind else {
        panic!("{events:?}")
    };
    assert_eq!(error.kind, ClientErrorKind::Closed);
    assert_eq!(
        events.last().map(|event| &event.kind),
        Some(&ClientEventKind::StillWaiting)
    );
    drop(silent);
}

#[test]
fn a_statement_without_a_connection_fails() {
    let (_namespace, client) = client(1);
    client
        .begin(1, None, Operation::Statement("select 1".to_owned()))
        .unwrap();
    assert_eq!(client.wait(1, soon()), Standing::Failed);
}

/// What the program of this name in tests/fixtures/client-programs came to: the error of its first connect,
/// and what is recorded of it.
fn own(program: &str) -> (String, ClientRecord) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/client-programs");
    let program = folder.join(program).canonicalize().unwrap();
    let (_namespace, client) = start(&format!("{{ program: {{ argv: [{program:?}] }} }}"), 1);
    client.begin(1, None, Operation::Connect).unwrap();
    let standing = client.wait(1, soon());
    let (events, record) = client.stop();
    let message = events.iter().find_map(|event| {
        let ClientEventKind::Failed(error) = &event.kind else {
            return None;
        };
        Some(error.message.clone())
    });
    assert_eq!(standing == Standing::Failed, message.is_some(), "{events:?}");
    (message.unwrap_or_default(), record)
}

/// Processes whose command line has `mark` in it.
fn left(mark: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok())
        .filter(|line| line.contains(mark) && !line.contains("left-behind-test"))
        .collect()
}

#[test]
fn a_program_that_misbehaves_is_ended_and_said_to_have_misbehaved() {
    for (program, said) in [
        ("garbage", "printed a line that is not of the protocol: `hello`"),
        ("unknown-event", "not of the protocol"),
        ("flood", "not of the protocol: `y`"),
        ("endless-line", "printed a line of more than 1 MiB"),
        ("flood-of-errors", "printed more than 1 MiB on its standard error"),
        ("flood-of-events", "1000 lines"),
        ("exits", "ended while it was to do something: exit 3 (oh)"),
        ("killed", "ended while it was to do something"),
        ("not-there", "ended while it was to do something: exit 127"),
        ("wrong-answer", "answered `result`"),
    ] {
        let (message, record) = own(program);
        let misconduct = record
            .misconduct
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ");
        assert!(misconduct.contains(said), "{program}: {misconduct} ({message})");
        let kept: usize = record
            .transcripts
            .iter()
            .flat_map(|it| it.text())
            .map(str::len)
            .sum();
        assert!(kept < 70_000, "{program}: {kept} characters kept");
    }
}

#[test]
fn nothing_of_a_program_is_left() {
    let (message, record) = own("forks");
    assert_eq!(
        (message.as_str(), record.misconduct.as_slice()),
        ("", &[] as &[Misconduct])
    );
    assert_eq!(left("4242424"), [] as [String; 0]);
    // One that never answers is ended with the client, and is guilty of nothing: only packets could tell what
    // it waited for.
    let (_namespace, client) = start("{ program: { argv: [sleep, \"4343434\"] } }", 1);
    client.begin(1, None, Operation::Connect).unwrap();
    assert_eq!(
        client.wait(1, Instant::now() + Duration::from_millis(300)),
        Standing::Pending
    );
    let (_, record) = client.stop();
    assert_eq!(record.misconduct, []);
    assert_eq!(left("4343434"), [] as [String; 0]);
}

/// The command line in a terminal, against a port where nobody listens.
#[test]
fn the_command_line_is_read_as_a_person_reads_it() {
    let (_namespace, client) = start("{ program: interactive-cli }", 1);
    client.begin(1, None, Operation::Connect).unwrap();
    assert_eq!(client.wait(1, soon()), Standing::Failed);
    client.settle(1, soon());
    let (events, record) = client.stop();
    let ClientEventKind::Failed(error) = &events[1].kind else {
        panic!("{events:?}")
    };
    assert!(
        matches!(
            error.kind,
            ClientErrorKind::Library {
                code: 2002 | 2003,
                ..
            }
        ),
        "{error:?}"
    );
    let transcript: Vec<&str> = record.transcripts[0].text().collect();
    assert_eq!(transcript, [error.message.as_str()]);
    // MariaDB 10: "mariadb  Ver 15.1 Distrib 10.11.19-MariaDB"; 11: "mariadb from 11.8.9-MariaDB, client
    // 15.2".
    let version = record.version.unwrap();
    let named = ["Ver ", " from "].iter().any(|word| version.contains(word));
    assert!(named && version.contains(char::is_numeric), "{version}");
}
