//! Client programs of authors, in guests: a good one, PyMySQL's, and all sorts of foul ones.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use rstest::rstest;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::OnceLock;
use support::processes::concerned_with;
use support::{cell, json, lvs_matrix, repository, results, say};

const S: i64 = 1_000_000_000;

/// Runs a scenario of the repository; the report, and its folder.
fn run(name: &str, scenario: &str, arguments: &[&str], code: i32) -> (Value, PathBuf) {
    let place = results(name);
    let out = place.join("out");
    let mut command = lvs_matrix();
    command
        .arg("run")
        .arg(repository().join(scenario))
        .args(arguments);
    say(command.arg("--out").arg(&out)).expect_code(code);
    assert_eq!(concerned_with(&place), []);
    (json(&out.join("report.json")), out)
}

fn record(run: &(Value, PathBuf), id: &str) -> Value {
    json(&run.1.join(cell(&run.0, id)["record"].as_str().unwrap()))
}

/// The example of a program of one's own: it needs Debian's python3-pymysql.
fn pymysql() -> &'static (Value, PathBuf) {
    static RUN: OnceLock<(Value, PathBuf)> = OnceLock::new();
    RUN.get_or_init(|| run("pymysql", "examples/pymysql/pymysql.yaml", &[], 0))
}

#[rstest]
#[case(
    "server-deleted_new-connection_none",
    "failed-fast",
    Some(2003),
    Some(111),
    0,
    5
)]
#[case(
    "server-deleted_new-connection_30s",
    "failed-fast",
    Some(2003),
    Some(111),
    0,
    5
)]
#[case("server-deleted_execute-sql_none", "hung", Some(2013), None, 14 * 60, 18 * 60)]
#[case("server-deleted_execute-sql_30s", "hung", Some(2013), None, 30, 31)]
#[case("server-deleted_waiting_none", "answered", None, None, 19, 21)]
#[case("server-deleted_waiting_30s", "answered", None, None, 19, 21)]
#[case("mysqld-frozen_new-connection_none", "hung", None, None, 20 * 60, 20 * 60 + 2)]
#[case("mysqld-frozen_new-connection_30s", "hung", Some(2013), None, 30, 31)]
#[case("mysqld-frozen_execute-sql_none", "hung", None, None, 20 * 60, 20 * 60 + 2)]
#[case("mysqld-frozen_execute-sql_30s", "hung", Some(2013), None, 30, 31)]
#[case("mysqld-frozen_waiting_none", "hung", None, None, 20 * 60, 20 * 60 + 2)]
#[case("mysqld-frozen_waiting_30s", "hung", Some(2013), None, 30, 31)]
fn pymysql_lives_through(
    #[case] slug: &str,
    #[case] behaviour: &str,
    #[case] classic: Option<u16>,
    #[case] errno: Option<u16>,
    #[case] from: i64,
    #[case] to: i64,
) {
    let run = pymysql();
    let id = format!("pymysql/{slug}");
    let cell = cell(&run.0, &id);
    assert_eq!(cell["behaviour"], behaviour, "{cell:#}");
    assert_eq!(cell["error"]["classic"], Value::from(classic), "{cell:#}");
    if let Some(errno) = errno {
        assert_eq!(cell["error"]["errno"], errno, "{cell:#}");
    }
    // Of what did not end it is how long it was watched.
    let time = cell["operation"]["time-ns"].as_i64().unwrap();
    assert!((from * S..=to * S).contains(&time), "{cell:#}");
    let ended = behaviour != "hung" || classic.is_some();
    assert_eq!(cell["ends"] == "none", !ended, "{cell:#}");

    let record = record(run, &id);
    let client = &record["client"];
    assert_eq!(client["misconduct"], Value::Null, "{client:#}");
    // A read time-out is told by the program before it connects; nothing else shows it.
    let told = client["settings"].as_array().cloned().unwrap_or_default();
    let connected = !slug.contains("new-connection");
    assert_eq!(told.len(), usize::from(slug.ends_with("_30s")), "{client:#}");
    for setting in told {
        assert_eq!(setting["setting"], "read-timeout");
        assert_eq!(
            setting["shown"]["by-word"]["said"],
            "read_timeout of the connection is 30.0"
        );
    }
    // Of a connection there is the transcript of what was asked and answered.
    let lines = client["transcripts"][0]["lines"].as_array().unwrap();
    let text = |from: &str| -> Vec<&str> {
        let lines = lines.iter().filter(|line| line["from"] == from);
        lines.map(|line| line["text"].as_str().unwrap()).collect()
    };
    assert_eq!(text("input")[0], r#"{"do":"connect"}"#);
    assert_eq!(
        text("output")
            .iter()
            .any(|line| line.contains(r#""event": "connected""#)),
        connected
    );
    let page = std::fs::read_to_string(run.1.join(&id).join("report.md")).unwrap();
    assert!(page.contains("driver.py"), "{page}");
}

/// PyMySQL's connect time-out ends with the handshake of TCP: a mysqld that hangs before its greeting is
/// waited for without end.
#[test]
fn the_example_may_set_its_connect_time_out_and_hang() {
    let run = run(
        "pymysql-connect",
        "examples/pymysql/connect-time-out.yaml",
        &[],
        0,
    );
    for (slug, behaviour) in [("frozen", "hung"), ("gone", "failed-fast")] {
        let id = format!("pymysql-connect/{slug}");
        let cell = cell(&run.0, &id);
        assert_eq!(cell["behaviour"], behaviour, "{cell:#}");
        let shown = &record(&run, &id)["client"]["settings"][0];
        assert_eq!(shown["setting"], "connect-timeout");
        assert_eq!(
            shown["shown"]["by-word"]["said"],
            "connect_timeout of the connection is 5.0"
        );
    }
}

/// Whatever a pool does between request and answer is found in the packets: a ping, another connection, a
/// retry, an error that is a text only. The scenario states what comes.
#[test]
fn what_a_pool_does_is_found_in_the_packets() {
    let run = run("pool", "tests/fixtures/client-programs/pool.yaml", &[], 0);
    let of = |slug: &str| cell(&run.0, &format!("pool/{slug}")).clone();
    let waited = of("retry_moved_10s");
    let attempts = waited["attempts"].as_array().unwrap();
    let words = |key: &str| -> Vec<&str> { attempts.iter().map(|one| one[key].as_str().unwrap()).collect() };
    assert_eq!(words("served-by"), ["rs1", "rs2"]);
    assert_eq!(words("end"), ["unanswered", "answered"]);
    // The connection that hung is the operation's: what was sent again, and its first sending.
    assert_eq!(waited["operation"]["client-port"], attempts[0]["client-port"]);
    assert_eq!(waited["retransmissions"]["packets"][0], attempts[0]["packet"]);
    let ping = of("ping_moved_none");
    let evidence = ping["evidence"].as_array().unwrap();
    let pinged = |item: &Value| {
        item["what"]
            .as_str()
            .unwrap()
            .ends_with("the client began `select 1`; the client sent COM_PING first")
    };
    assert!(evidence.iter().any(pinged), "{ping:#}");
    assert_eq!(ping["attempts"], Value::Null);
}

/// The wire has the last word, and both are named: in the cell, the tables, the terminal, JSON and JUnit.
#[rstest]
#[case("the-truth", "answered", None)]
#[case(
    "error-of-the-server",
    "answered",
    Some("the packets show the server's whole answer")
)]
#[case("lost", "answered", Some("the packets show the server's whole answer"))]
#[case(
    "result-of-an-error",
    "failed-fast",
    Some("the packets show the server's ERR 1064 (42000)")
)]
#[case(
    "refused",
    "failed-fast",
    Some("the packets show the server's ERR 1045 (28000)")
)]
#[case(
    "at-once",
    "undetermined",
    Some("the packets show no answer of the server by then")
)]
#[case(
    "after-a-part",
    "undetermined",
    Some("the packets show only a part of the server's answer")
)]
#[case(
    "takes-the-earlier",
    "undetermined",
    Some("what came is the answer to its earlier statement `select concat('the first', sleep(2))`")
)]
fn a_client_that_says_otherwise_is_named(
    #[case] says: &str,
    #[case] behaviour: &str,
    #[case] wire: Option<&str>,
) {
    static RUN: OnceLock<(Value, PathBuf)> = OnceLock::new();
    let run = RUN.get_or_init(|| {
        run(
            "says-otherwise",
            "tests/fixtures/client-programs/says-otherwise.yaml",
            &[],
            3,
        )
    });
    let cell = cell(&run.0, &format!("says-otherwise/{says}"));
    assert_eq!(cell["behaviour"], behaviour, "{cell:#}");
    let shown = cell["contradiction"]["wire"].as_str();
    assert_eq!(shown.is_some(), wire.is_some(), "{cell:#}");
    let Some(wire) = wire else { return };
    assert!(shown.unwrap().contains(wire), "{cell:#}");
    let read = |file: PathBuf| std::fs::read_to_string(file).unwrap();
    let start = wire.split('`').next().unwrap().split('(').next().unwrap();
    for file in ["report.md", "report.html", "junit.xml"] {
        let text = read(run.1.join(file))
            .replace("&#39;", "'")
            .replace("&apos;", "'");
        assert!(text.contains(start), "{says}: {file} lacks {start:?}");
    }
    let page = read(run.1.join("says-otherwise").join(says).join("report.md"));
    assert!(page.contains(start), "{page}");
}

/// The scenario states what comes.
#[test]
fn an_answer_in_parts_is_judged_by_its_longest_silence() {
    let run = run("parts", "tests/fixtures/parts.yaml", &[], 0);
    for program in ["driver", "command-line"] {
        let of = |slug: &str| cell(&run.0, &format!("parts/{program}_{slug}")).clone();
        let longest = of("steady")["longest-silence-ns"].as_i64().unwrap();
        assert!((4 * S..5 * S).contains(&longest), "{longest}");
        assert_eq!(of("stops-for-30s")["longest-silence-ns"], Value::Null);
        assert_eq!(of("looks-like-an-error")["contradiction"], Value::Null);
        assert_eq!(of("looks-like-an-error")["error"], Value::Null);
    }
}

/// The example for Node.js. Where mysql2 is not at hand, it cannot run: `LVS_MATRIX_MYSQL2` names the
/// `node_modules` that has it.
#[test]
#[ignore = "needs node and mysql2: LVS_MATRIX_MYSQL2=…/node_modules cargo test --test clients -- --ignored"]
fn a_pool_of_mysql2_is_judged() {
    let modules = std::env::var("LVS_MATRIX_MYSQL2").unwrap();
    let folder = results("mysql2-example");
    let example = repository().join("examples/mysql2");
    for file in ["driver.js", "mysql2.yaml"] {
        std::fs::copy(example.join(file), folder.join(file)).unwrap();
    }
    let copied = std::process::Command::new("cp")
        .args(["-r", &modules])
        .arg(folder.join("node_modules"))
        .status()
        .unwrap();
    assert!(copied.success());
    let out = folder.join("out");
    let mut command = lvs_matrix();
    command.arg("run").arg(folder.join("mysql2.yaml"));
    // Its expectations state what each cell comes to.
    say(command.arg("--out").arg(&out)).expect_code(0);
}

/// Programs that are no clients, one after another in one guest.
fn foul() -> &'static (Value, PathBuf) {
    static RUN: OnceLock<(Value, PathBuf)> = OnceLock::new();
    RUN.get_or_init(|| {
        run(
            "foul-clients",
            "tests/fixtures/client-programs/foul.yaml",
            &["--jobs", "1"],
            3,
        )
    })
}

/// Each is undetermined, never a hang or a failure of the network, and the reason says what it did.
#[rstest]
#[case("garbage", "printed a line that is not of the protocol: `hello`")]
#[case(
    "unknown-event",
    "not of the protocol: `{\"event\":\"dance\"}` (unknown variant `dance`, expected one of `connected`"
)]
#[case("wrong-answer", "answered `result` to what it was to do")]
#[case("flood", "printed a line that is not of the protocol: `y`")]
#[case("endless-line", "printed a line of more than 1 MiB")]
#[case("flood-of-events", "printed 1000 lines for one operation without ending it")]
#[case("flood-of-errors", "printed more than 1 MiB on its standard error")]
#[case(
    "silent",
    "the capture shows neither a SYN nor an ARP request of the client for its connect"
)]
#[case(
    "lies",
    "the client connected, but its capture shows no SYN of the connection"
)]
#[case(
    "forks",
    "the client connected, but its capture shows no SYN of the connection"
)]
#[case("exits", "ended while it was to do something: exit 3 (oh)")]
#[case("killed", "ended while it was to do something: exit 137")]
#[case("not-there", "ended while it was to do something: exit 127")]
fn what_is_no_client_is_undetermined(#[case] program: &str, #[case] reason: &str) {
    let cell = cell(&foul().0, &format!("foul/{program}"));
    assert_eq!(cell["behaviour"], "undetermined", "{cell:#}");
    assert_eq!(cell["verdict"]["result"], "undetermined", "{cell:#}");
    let reasons = cell["verdict"]["reasons"].as_array().unwrap();
    let said = reasons.iter().any(|said| said.as_str().unwrap().contains(reason));
    assert!(said, "{program}: no {reason:?} in {reasons:#?}");
}

/// The last program of that guest finds no process of those before it.
#[test]
fn nothing_of_them_is_left_in_the_guest() {
    let record = record(foul(), "foul/looks-around");
    let events = record["client-events"].as_array().unwrap();
    let said = events
        .iter()
        .find_map(|event| event["kind"]["failed"]["message"].as_str());
    assert_eq!(said, Some("left of them:."), "{events:#?}");
}

/// One that never waits stops the guest's clock, and is ended by the host's.
#[test]
fn a_program_that_spins_is_ended() {
    let run = run(
        "spinning-client",
        "tests/fixtures/client-programs/spins.yaml",
        &["--stall", "8"],
        3,
    );
    let reasons = cell(&run.0, "spins/only")["verdict"]["reasons"].to_string();
    assert!(reasons.contains("no progress for 8 s"), "{reasons}");
}

/// What is not there is said before anything is run, with what to do.
#[test]
fn a_missing_program_is_named_with_its_cure() {
    let folder = results("missing-clients");
    let file = folder.join("scenario.yaml");
    let out = folder.join("out");
    std::fs::write(folder.join("plain"), "no program").unwrap();
    for (argv, reason) in [
        ("./nowhere", "is not there ("),
        ("no-such-program", "is not in /usr/local/sbin:"),
        (
            "/tmp/driver",
            "a /tmp of its own: put it beside the scenario's file",
        ),
        ("../driver", "give its absolute path"),
        ("./plain", "may not be run: chmod +x "),
        (".//", "is no file"),
    ] {
        let text = format!(
            "name: t\nclaim: t\nlab: \
             {{ real-servers: {{ rs1: {{}} }}, client: {{ program: {{ argv: [{argv}] }} }} }}\n\
             act: [{{ connect: {{}} }}]\nobserve: {{ patience: 5s, until: 1m }}\nexpect: \
             [{{ observe-only: true }}]\n"
        );
        std::fs::write(&file, text).unwrap();
        let said = say(lvs_matrix().arg("run").arg(&file).arg("--out").arg(&out)).expect_code(69);
        let named = said
            .stderr
            .contains(&format!("the client program `{argv}` of t "));
        assert!(named && said.stderr.contains(reason), "{argv}: {}", said.stderr);
        assert!(!out.exists(), "{argv}");
    }
}

/// The program runs in a PID namespace with a process beside it, which has no socket.
#[test]
fn settings_of_a_program_are_read_from_its_own_socket() {
    // A guest is shown the folder of the scenario, and the program must lie in it.
    let place = results("settings-scenario");
    let scenario = place.join("settings.yaml");
    for (from, to) in [
        ("examples/pymysql/driver.py", place.join("driver.py")),
        ("tests/fixtures/client-programs/settings.yaml", scenario.clone()),
    ] {
        std::fs::copy(repository().join(from), to).unwrap();
    }
    let run = run("settings", scenario.to_str().unwrap(), &[], 0);
    let settings = &record(&run, "settings/only")["client"]["settings"];
    for (setting, shows, value) in [
        ("tcp-user-timeout", "/user-timeout/millis", 30_000),
        ("keepalive", "/keepalive/idle", 60),
    ] {
        let all = settings.as_array().unwrap();
        let seen = all.iter().find(|seen| seen["setting"] == setting).unwrap();
        assert_eq!(seen["shown"].pointer(shows), Some(&value.into()), "{seen}");
        assert!(seen["doubt"].is_null(), "{seen}");
    }
}
