//! The matrix: one test per cell of the shipped scenarios, all on one run of the program in guests.
//!
//! Each case states for itself what the client must have lived through. That is said in the scenarios, too; here it is said a
//! second time, independently and in more detail: the article's table, the codes that the classic client shows, and who sent
//! what the client learnt it by. What the report says of packets is held against what tcpdump(8) says of them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and shows figures on its own standard error"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use rstest::rstest;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;
use support::processes::{guests, peak_memory_kib};
use support::{Running, captures, cell, copy_folder, json, lvs_matrix, records, results, say, shell_code, shipped};

/// A second in nanoseconds, the report's unit.
const S: i64 = 1_000_000_000;
/// The files of a report.
const REPORTS: [(&str, &str); 4] = [
    ("report.md", "markdown"),
    ("report.html", "html"),
    ("report.json", "json"),
    ("junit.xml", "junit"),
];

/// The run that all tests here look at.
struct Run {
    out: PathBuf,
    code: i32,
    stdout: String,
    stderr: String,
    report: Value,
    /// The largest peak of a guest's memory that was seen while it ran, KiB.
    peak_memory_kib: u64,
}

/// Runs all shipped scenarios, once per test process.
fn run() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| {
        let folder = results("matrix");
        let out = folder.join("out");
        let stdout = folder.join("stdout");
        let begun = Instant::now();
        let mut command = lvs_matrix();
        command.arg("run").args(shipped()).arg("--out").arg(&out);
        let mut running = Running::start(command.stdout(fs::File::create(&stdout).unwrap()), &out);
        let mut peak = 0;
        let status = loop {
            if let Some(status) = running.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < support::STUCK, "stuck: {}", out.display());
            let now = guests(running.pid(), &out);
            peak = now.iter().filter_map(peak_memory_kib).chain([peak]).max().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(50));
        };
        eprintln!("the shipped scenarios took {:?}", begun.elapsed());
        let (stdout, stderr) = (fs::read_to_string(stdout).unwrap(), running.stderr());
        let report = out.join("report.json");
        assert!(
            report.is_file(),
            "no report in {}: {status}\n{stdout}{stderr}",
            out.display()
        );
        Run {
            code: shell_code(status),
            report: json(&report),
            out,
            stdout,
            stderr,
            peak_memory_kib: peak,
        }
    })
}

/// What a client lived through.
#[derive(Debug, Clone, Copy)]
enum Lived {
    /// The answer of this server, within patience.
    Answered(&'static str),
    /// The classic client's code and errno, and what told the client, in order: (packet, its sender).
    FailedFast(u16, Option<u16>, &'static [(&'static str, &'static str)]),
    /// Silence, and then this.
    Hung(End),
}

/// How a hang ended.
#[derive(Debug, Clone, Copy)]
enum End {
    /// An answer of this server.
    Answer(&'static str),
    /// Lost connection (2013) with one of these: an RST that the director sent, or the client's own patience.
    Error(&'static [u16]),
    /// It did not.
    None,
}

use End::{Answer, Error};
use Lived::{Answered, FailedFast, Hung};

const ETIMEDOUT: u16 = 110;
const ECONNRESET: u16 = 104;
const ECONNREFUSED: u16 = 111;
const NO_SERVER: &[(&str, &str)] = &[("ICMP port unreachable", "director")];
const NO_PROCESS: &[(&str, &str)] = &[("RST", "rs1")];
const PROCESS_ENDED: &[(&str, &str)] = &[("FIN", "rs1")];
const NO_ENTRY: &[(&str, &str)] = &[("RST", "director")];

#[rstest]
// Real server in the table, mysqld up: nothing was changed.
#[case("config-change/present_up_new-connection_0", Answered("rs1"))]
#[case("config-change/present_up_new-connection_1", Answered("rs1"))]
#[case("config-change/present_up_execute-sql_0", Answered("rs1"))]
#[case("config-change/present_up_execute-sql_1", Answered("rs1"))]
#[case("config-change/present_up_waiting_0", Answered("rs1"))]
#[case("config-change/present_up_waiting_1", Answered("rs1"))]
// In the table, mysqld down: the server's kernel says so itself.
#[case(
    "config-change/present_down_new-connection_0",
    FailedFast(2003, Some(ECONNREFUSED), NO_PROCESS)
)]
#[case(
    "config-change/present_down_new-connection_1",
    FailedFast(2003, Some(ECONNREFUSED), NO_PROCESS)
)]
#[case("config-change/present_down_execute-sql_0", FailedFast(2006, None, PROCESS_ENDED))]
#[case("config-change/present_down_execute-sql_1", FailedFast(2006, None, PROCESS_ENDED))]
#[case("config-change/present_down_waiting_0", FailedFast(2013, None, PROCESS_ENDED))]
#[case("config-change/present_down_waiting_1", FailedFast(2013, None, PROCESS_ENDED))]
// Not in the table, mysqld up: the article's NG is here, and what improves it.
#[case(
    "config-change/absent_up_new-connection_0",
    FailedFast(2003, Some(ECONNREFUSED), NO_SERVER)
)]
#[case(
    "config-change/absent_up_new-connection_1",
    FailedFast(2003, Some(ECONNREFUSED), NO_SERVER)
)]
#[case("config-change/absent_up_execute-sql_0", Hung(Error(&[ETIMEDOUT, ECONNRESET])))]
#[case(
    "config-change/absent_up_execute-sql_1",
    FailedFast(2013, Some(ECONNRESET), NO_ENTRY)
)]
#[case("config-change/absent_up_waiting_0", Answered("rs1"))]
#[case("config-change/absent_up_waiting_1", Answered("rs1"))]
// Not in the table, mysqld down: the FIN does not pass the director.
#[case(
    "config-change/absent_down_new-connection_0",
    FailedFast(2003, Some(ECONNREFUSED), NO_SERVER)
)]
#[case(
    "config-change/absent_down_new-connection_1",
    FailedFast(2003, Some(ECONNREFUSED), NO_SERVER)
)]
#[case("config-change/absent_down_execute-sql_0", FailedFast(2006, None, PROCESS_ENDED))]
#[case("config-change/absent_down_execute-sql_1", FailedFast(2006, None, PROCESS_ENDED))]
#[case("config-change/absent_down_waiting_0", FailedFast(2013, None, PROCESS_ENDED))]
#[case("config-change/absent_down_waiting_1", FailedFast(2013, None, PROCESS_ENDED))]
// At age 0 the director's entry and the client's patience end at about the same time.
#[case("hang-to-the-end/0s", Hung(Error(&[ETIMEDOUT, ECONNRESET])))]
#[case("hang-to-the-end/120s", Hung(Error(&[ECONNRESET])))]
#[case("hang-to-the-end/300s", Hung(Error(&[ECONNRESET])))]
#[case("hang-to-the-end/890s", Hung(Error(&[ECONNRESET])))]
#[case("other-server/none", FailedFast(2003, Some(ECONNREFUSED), NO_SERVER))]
#[case("other-server/rs2", Answered("rs2"))]
#[case("re-add-recovers/only", Hung(Answer("rs1")))]
#[case("restart-does-not-recover/waiting-through", FailedFast(2013, None, PROCESS_ENDED))]
#[case("restart-does-not-recover/querying-after", FailedFast(2006, None, PROCESS_ENDED))]
#[case("silent-server/only", Hung(End::None))]
fn cell_of_the_matrix(#[case] id: &str, #[case] lived: Lived) {
    let run = run();
    let cell = cell(&run.report, id);
    let context = format!("{id} in {}\n{cell:#}", run.out.display());
    let error = &cell["error"];
    let told = told(cell);

    assert_eq!(cell["verdict"]["result"], "met", "{context}");
    match lived {
        Answered(server) => {
            assert_eq!(cell["behaviour"], "answered", "{context}");
            assert_eq!(cell["article"], "OK", "{context}");
            assert_eq!(cell["operation"]["served-by"], server, "{context}");
            assert!(error.is_null(), "{context}");
            assert!(told.is_empty(), "{context}");
        }
        FailedFast(code, errno, by) => {
            assert_eq!(cell["behaviour"], "failed-fast", "{context}");
            assert_eq!(cell["article"], "OK", "{context}");
            assert!(cell["operation"]["time-ns"].as_i64().unwrap() <= 5 * S, "{context}");
            assert_eq!(error["classic"], code, "{context}");
            assert_eq!(error["errno"].as_u64(), errno.map(u64::from), "{context}");
            // What came first told the client; a server that ends may say it again.
            assert!(told.starts_with(by), "{context}");
        }
        Hung(end) => {
            assert_eq!(cell["behaviour"], "hung", "{context}");
            assert_eq!(cell["article"], "NG", "{context}");
            assert!(cell["silence-ns"].as_i64().unwrap() > 5 * S, "{context}");
            match end {
                Answer(server) => {
                    assert_eq!(cell["ends"], "answer", "{context}");
                    assert_eq!(cell["operation"]["served-by"], server, "{context}");
                    assert!(error.is_null() && told.is_empty(), "{context}");
                }
                Error(errnos) => {
                    assert_eq!(cell["ends"], "error", "{context}");
                    assert_eq!(error["classic"], 2013, "{context}");
                    let errno = u16::try_from(error["errno"].as_u64().unwrap()).unwrap();
                    assert!(errnos.contains(&errno), "{context}");
                    let by: &[(&str, &str)] = if errno == ECONNRESET { NO_ENTRY } else { &[] };
                    assert_eq!(told, by, "{context}");
                }
                End::None => {
                    assert_eq!(cell["ends"], "none", "{context}");
                    assert!(error.is_null() && told.is_empty(), "{context}");
                }
            }
        }
    }
    evidence_exists(cell, &context);
    packets_are_what_the_report_says(cell, &context);
}

/// What ended or refused the connection, with its sender, in order.
fn told(cell: &Value) -> Vec<(&str, &str)> {
    let list = cell["terminators"].as_array().unwrap().iter();
    list.map(|item| (item["kind"].as_str().unwrap(), item["by"].as_str().unwrap()))
        .collect()
}

fn record(cell: &Value) -> Value {
    json(&run().out.join(cell["record"].as_str().unwrap()))
}

fn capture(cell: &Value) -> Vec<String> {
    captures::tcpdump(&run().out.join(cell["capture"].as_str().unwrap()))
}

/// There is evidence, and each place that it cites is there.
fn evidence_exists(cell: &Value, context: &str) {
    let (record, packets) = (record(cell), capture(cell).len());
    let numbers = |list: &str| -> BTreeSet<usize> {
        let items = record[list].as_array().unwrap().iter();
        items
            .map(|item| usize::try_from(item["number"].as_u64().unwrap()).unwrap())
            .collect()
    };
    let (events, steps, snapshots) = (numbers("client-events"), numbers("steps"), numbers("snapshots"));
    let views = record["server-views"].as_array().unwrap().iter();
    let servers: BTreeSet<usize> = views
        .map(|view| usize::try_from(view["server-id"].as_u64().unwrap()).unwrap())
        .collect();
    let evidence = cell["evidence"].as_array().unwrap();
    assert!(!evidence.is_empty(), "no evidence: {context}");
    let (mut events_cited, mut packets_cited) = (0, 0);
    for piece in evidence {
        assert!(!piece["what"].as_str().unwrap().is_empty(), "{piece} in {context}");
        let places = piece["shown-by"].as_array().unwrap();
        assert!(!places.is_empty(), "nothing shows {piece} in {context}");
        for place in places {
            let (kind, number) = place.as_str().unwrap().split_once(' ').unwrap();
            let number: usize = number.parse().unwrap();
            let there = match kind {
                "event" => {
                    events_cited += 1;
                    events.contains(&number)
                }
                "packet" => {
                    packets_cited += 1;
                    (1..=packets).contains(&number)
                }
                "snapshot" => snapshots.contains(&number),
                "step" => steps.contains(&number),
                "server" => servers.contains(&number),
                other => panic!("evidence of an unknown kind, {other}: {context}"),
            };
            assert!(there, "{place} does not exist: {context}");
        }
    }
    assert!(
        events_cited > 0 && packets_cited > 0,
        "evidence names no event or no packet: {context}"
    );
}

/// Who sent what, and what was sent again: tcpdump says the same of the packets that the report names.
fn packets_are_what_the_report_says(cell: &Value, context: &str) {
    let (record, lines) = (record(cell), capture(cell));
    let line = |packet: &Value| &lines[usize::try_from(packet.as_u64().unwrap()).unwrap() - 1];
    let mac = |node: &Value| -> String {
        let hosts = record["plan"]["hosts"].as_array().unwrap();
        let host = hosts
            .iter()
            .find(|host| host["node"] == *node || host["node"]["real-server"] == *node);
        host.unwrap_or_else(|| panic!("no host {node}: {context}"))["mac"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for item in cell["terminators"].as_array().unwrap() {
        let line = line(&item["packet"]);
        assert!(
            line.starts_with(&mac(&item["by"])),
            "{item}, tcpdump: {line}\n{context}"
        );
        let mark = match item["kind"].as_str().unwrap() {
            "RST" => "Flags [R",
            "FIN" => "Flags [F",
            "ICMP port unreachable" => "tcp port 3306 unreachable",
            other => panic!("{other}: {context}"),
        };
        assert!(line.contains(mark), "{item}, tcpdump: {line}\n{context}");
    }
    let again = &cell["retransmissions"];
    let packets = again["packets"].as_array().unwrap();
    let count = usize::try_from(again["count"].as_u64().unwrap()).unwrap();
    assert_eq!(packets.len(), if count == 0 { 0 } else { count + 1 }, "{context}");
    // Nothing but the time stamp option may differ.
    let segment = |line: &str| {
        let (flow, length) = (line.split(", ack ").next().unwrap(), line.rsplit(", ").next().unwrap());
        format!("{flow}, {length}")
    };
    for packet in packets {
        assert_eq!(segment(line(packet)), segment(line(&packets[0])), "{context}");
        assert!(line(packet).starts_with(&mac(&Value::from("client"))), "{context}");
        assert!(
            line(packet).ends_with(&format!("length {}", again["payload-length"])),
            "{context}"
        );
    }
}

/// The cases above are exactly the cells of the shipped scenarios.
#[test]
fn no_cell_is_forgotten() {
    let said = say(lvs_matrix().arg("list").args(shipped()).args(["--format", "json"])).expect_code(0);
    let listed: Value = serde_json::from_str(&said.stdout).unwrap();
    let listed: BTreeSet<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| cell["id"].as_str().unwrap())
        .collect();
    // Read off this file: rstest gives no list of its cases. Each begins a line, and its id is its first literal.
    let source = include_str!("matrix.rs");
    let cases: Vec<&str> = source
        .split("\n#[case(")
        .skip(1)
        .map(|case| case.split('"').nth(1).unwrap())
        .collect();
    assert_eq!(cases.len(), cases.iter().collect::<BTreeSet<_>>().len(), "a case twice");
    assert_eq!(cases.into_iter().collect::<BTreeSet<_>>(), listed);
    let reported = run().report["cells"].as_array().unwrap().iter();
    assert_eq!(
        reported
            .map(|cell| cell["id"].as_str().unwrap())
            .collect::<BTreeSet<_>>(),
        listed
    );
}

#[test]
fn the_run_ends_well_and_says_where_the_report_is() {
    let run = run();
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let last = run.stdout.lines().last().unwrap();
    assert_eq!(last, format!("report: {}", run.out.join("report.md").display()));
    assert_eq!(run.report["state"], "ended");
    assert_eq!(run.report["totals"]["met"], run.report["totals"]["cells"]);
    // Progress: every cell once, and nothing went wrong on the way.
    for cell in run.report["cells"].as_array().unwrap() {
        let id = cell["id"].as_str().unwrap();
        let told = run.stderr.lines().filter(|line| line.ends_with(&format!("  {id}")));
        assert_eq!(told.count(), 1, "{id} in:\n{}", run.stderr);
    }
    assert!(
        !run.stderr.contains("error") && !run.stderr.contains("early"),
        "{}",
        run.stderr
    );
}

/// The trace of re-add-recovers: the same 13 bytes again and again, at gaps that double up to TCP_RTO_MAX, and an answer more
/// than five minutes later. A statement's 13 bytes: the header's four, COM_QUERY, `select 1`.
#[test]
fn the_same_segment_again_and_again_until_the_server_is_back() {
    let cell = cell(&run().report, "re-add-recovers/only");
    let again = &cell["retransmissions"];
    let context = format!("{again:#}");
    assert_eq!(again["payload-length"], 13, "{context}");
    let gaps: Vec<i64> = again["gaps-ns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| gap.as_i64().unwrap())
        .collect();
    assert!(gaps.len() >= 9, "{context}");
    assert!(gaps.iter().sum::<i64>() > 300 * S, "{context}");
    assert!(gaps[0] < S, "{context}");
    // The tail-loss probe comes first and the first time-out after it at about the same gap; from there on each is twice the
    // one before it, as far as the timer wheel's coarseness goes, and 120 s are the most.
    for pair in gaps[1..].windows(2) {
        let (before, now) = (pair[0], pair[1]);
        let doubled = (before * 17 / 10..=before * 23 / 10).contains(&now);
        let capped = now > 110 * S && now < 140 * S;
        assert!(doubled || capped, "{before} ns, then {now} ns: {context}");
    }
    assert!(gaps.last().unwrap() > &(110 * S), "{context}");

    let record = record(cell);
    let event = |kind: &str| -> i64 {
        let events = record["client-events"].as_array().unwrap().iter();
        let mut found = events.filter(|event| event["kind"].get(kind).is_some());
        found.next_back().unwrap_or_else(|| panic!("no {kind}: {record:#}"))["at"]
            .as_i64()
            .unwrap()
    };
    let (sent, answered) = (event("statement-begun"), event("result-received"));
    let steps = record["steps"].as_array().unwrap().iter();
    let added = steps
        .filter(|step| step["action"].get("add-real-server").is_some())
        .map(|step| step["ended"].as_i64().unwrap())
        .next()
        .unwrap();
    assert!(answered - sent > 300 * S, "{context}");
    assert!(sent + 300 * S <= added && added < answered, "{context}");
    // It is the last sending that was answered, and each was lost at the director but that one.
    let lines = capture(cell);
    let forwarded = lines
        .iter()
        .filter(|line| line.starts_with("02:6c:76:00:00:14 > 02:6c:76:00:00:1f") && line.ends_with("length 13"));
    // Once on the director's own interface, once on the server's.
    assert_eq!(forwarded.count(), 2, "{lines:#?}");
}

/// The older the connection, the shorter the hang: the director forgets it 900 s after the last segment that it forwarded,
/// and the first retransmission after that draws its RST.
#[test]
fn a_hang_ends_by_the_age_of_its_connection() {
    let mut silences = Vec::new();
    for age in [0, 120, 300, 890] {
        let cell = cell(&run().report, &format!("hang-to-the-end/{age}s"));
        let context = format!("age {age} s: {cell:#}");
        let number = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("{context}"));
        let silence = number(&cell["silence-ns"]);
        silences.push(silence);
        let Some(rst) = cell["terminators"].as_array().unwrap().first() else {
            // The client's own patience: only where no idle time makes the entry end before it.
            assert_eq!(
                (age, &cell["error"]["errno"]),
                (0, &Value::from(ETIMEDOUT)),
                "{context}"
            );
            continue;
        };
        let sent = number(&cell["operation"]["began-ns"]);
        let forgotten = (900 - age) * S;
        assert!(number(&rst["at-ns"]) - sent >= forgotten, "{context}");
        // The sending before it was still dropped: the entry was there (its timer may be some seconds late).
        let gaps: Vec<i64> = cell["retransmissions"]["gaps-ns"]
            .as_array()
            .unwrap()
            .iter()
            .map(number)
            .collect();
        let before_last: i64 = gaps[..gaps.len() - 1].iter().sum();
        assert!(before_last < forgotten + 30 * S, "{context}");
    }
    assert!(silences.is_sorted_by(|older, younger| older > younger), "{silences:?}");
}

/// A host without power says nothing, and a client that only waits sends nothing: for the six hours that it is watched.
#[test]
fn a_silent_server_is_waited_for_to_the_end_of_the_observation() {
    let cell = cell(&run().report, "silent-server/only");
    assert!(cell["silence-ns"].as_i64().unwrap() > (6 * 3600 - 30) * S, "{cell:#}");
    assert!(cell["operation"]["ended-ns"].is_null(), "{cell:#}");
    assert_eq!(cell["retransmissions"]["count"], 0, "{cell:#}");
}

/// Every cell's record and capture, and `run.json`, can be read by others; nothing else is in the folder.
#[test]
fn everything_recorded_can_be_read() {
    let run = run();
    let stored = json(&run.out.join("run.json"));
    assert_eq!(stored["state"], "ended");
    let cells = run.report["cells"].as_array().unwrap();
    assert_eq!(stored["selected"].as_array().unwrap().len(), cells.len());
    assert_eq!(records(&run.out).len(), cells.len());
    for cell in cells {
        let record = record(cell);
        assert_eq!(record["lab"], "completed", "{record:#}");
        assert!(
            record["environment"]["kernel"].as_str().unwrap().starts_with("Linux "),
            "{record:#}"
        );
        let received: u64 = record["capture"]["points"]
            .as_array()
            .unwrap()
            .iter()
            .map(|point| point["received"].as_u64().unwrap())
            .sum();
        assert!(
            capture(cell).len() >= usize::try_from(received).unwrap().min(6),
            "{}",
            cell["id"]
        );
        for view in record["server-views"].as_array().unwrap() {
            let log = run
                .out
                .join(cell["record"].as_str().unwrap())
                .with_file_name(view["log"].as_str().unwrap());
            assert!(
                fs::read_to_string(&log).unwrap().contains("ready for connections"),
                "{}",
                log.display()
            );
        }
    }
    let mut names: Vec<String> = fs::read_dir(&run.out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut wanted: Vec<String> = shipped()
        .iter()
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .chain(["run.json".to_owned()])
        .chain(REPORTS.map(|(name, _)| name.to_owned()))
        .collect();
    wanted.sort();
    assert_eq!(names, wanted);
}

/// Judging needs the records alone, wherever they are, and gives to the byte what the run gave.
#[test]
fn judging_again_gives_the_same_bytes() {
    let run = run();
    let copy = run.out.with_file_name("judged-again");
    copy_folder(&run.out, &copy);
    for (name, _) in REPORTS {
        fs::remove_file(copy.join(name)).unwrap();
    }
    let pages = || -> Vec<String> {
        let cells = run.report["cells"].as_array().unwrap().iter();
        cells
            .map(|cell| format!("{}/report.md", cell["id"].as_str().unwrap()))
            .collect()
    };
    for page in pages() {
        fs::remove_file(copy.join(page)).unwrap();
    }
    let judged = say(lvs_matrix().arg("judge").arg(&copy).env_clear()).expect_code(0);
    assert_eq!(
        run.stdout,
        format!("{}report: {}\n", judged.stdout, run.out.join("report.md").display())
    );
    for (name, format) in REPORTS {
        let first = fs::read_to_string(run.out.join(name)).unwrap();
        assert!(
            first == fs::read_to_string(copy.join(name)).unwrap(),
            "{name} differs after `judge`"
        );
        let reported = say(lvs_matrix()
            .arg("report")
            .arg(&copy)
            .args(["--format", format])
            .env_clear())
        .expect_code(0);
        assert!(
            first == reported.stdout,
            "{name} is not what `report --format {format}` prints"
        );
    }
    for page in pages() {
        let first = fs::read_to_string(run.out.join(&page)).unwrap();
        assert!(
            first == fs::read_to_string(copy.join(&page)).unwrap(),
            "{page} differs after `judge`"
        );
    }
    let text = say(lvs_matrix().arg("report").arg(&copy).args(["--format", "text"])).expect_code(0);
    assert_eq!(text.stdout, judged.stdout);
}

/// Reports tell of the cell's clock only: no time and no folder of the host is in them.
#[test]
fn nothing_of_the_host_is_in_a_report() {
    let run = run();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let dates: Vec<String> = ["%F", "%Y%m%d", "%d %b %Y", "%b %e %Y"]
        .iter()
        .flat_map(|format| [vec!["-u"], vec![]].map(|zone| (zone, format!("+{format}"))))
        .map(|(zone, format)| {
            let output = Command::new("date").args(zone).arg(format).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        })
        .collect();
    for (name, _) in REPORTS {
        let text = fs::read_to_string(run.out.join(name)).unwrap();
        assert!(
            !text.contains(run.out.to_str().unwrap()),
            "{name} names a folder of the host"
        );
        for date in &dates {
            assert!(!text.contains(date), "{name} has today's date, {date}");
        }
        // As a number: seconds, milliseconds, microseconds or nanoseconds since 1970, within a day.
        for number in text
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|word| word.parse::<u128>().ok())
        {
            for (unit, per_second) in [("s", 1), ("ms", 1000), ("us", 1_000_000), ("ns", 1_000_000_000)] {
                let (today, day) = (u128::from(now.as_secs()) * per_second, 86_400 * per_second);
                assert!(
                    number.abs_diff(today) > day,
                    "{name} has today's time in {unit}, {number}"
                );
            }
        }
    }
}

/// A CI system can read it: well-formed, its sums right, a test case per cell.
#[test]
fn junit_is_well_formed() {
    use quick_xml::Reader;
    use quick_xml::events::Event;
    let text = fs::read_to_string(run().out.join("junit.xml")).unwrap();
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_end_names = true;
    let (mut cases, mut open, mut sums) = (BTreeSet::new(), 0, Vec::new());
    loop {
        let event = reader.read_event().unwrap_or_else(|error| panic!("junit.xml: {error}"));
        match &event {
            Event::Start(tag) | Event::Empty(tag) => {
                open += usize::from(matches!(event, Event::Start(_)));
                let attribute = |name: &str| {
                    let found = tag.try_get_attribute(name).unwrap();
                    String::from_utf8(found.unwrap_or_else(|| panic!("no {name} in {tag:?}")).value.to_vec()).unwrap()
                };
                match tag.name().as_ref() {
                    b"testcase" => {
                        assert!(cases.insert(format!("{}/{}", attribute("classname"), attribute("name"))));
                    }
                    b"testsuites" => sums = ["tests", "failures", "errors"].map(attribute).to_vec(),
                    b"failure" | b"error" => panic!("all cells are met, but here is {tag:?}"),
                    _ => {}
                }
            }
            Event::End(_) => open -= 1,
            Event::Eof => break,
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
    assert_eq!(open, 0, "tags are left open");
    let cells: BTreeSet<String> = run().report["cells"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| cell["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(cases, cells);
    assert_eq!(sums, [cells.len().to_string(), "0".to_owned(), "0".to_owned()]);
}

/// A guest's memory stays below a gibibyte.
#[test]
fn a_guest_needs_no_more_than_a_gibibyte() {
    let peak = run().peak_memory_kib;
    eprintln!("peak memory of a guest: {} MiB", peak / 1024);
    assert!(peak > 0, "no guest was seen");
    assert!(peak <= 1024 * 1024, "{peak} KiB");
}
