//! Controls: what must not come out as "met". A scenario that expects something else than what happens, and
//! real records and captures that were damaged in one respect each.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use rstest::rstest;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use support::captures::{self, RST};
use support::{Said, cell, copy_folder, lvs_matrix, results, say};

/// A cell that hung, by its end.
const HUNG: &str = "config-change/absent_up_execute-sql_0";
/// A cell whose client was told by an RST of the director.
const RESET: &str = "config-change/absent_up_execute-sql_1";
/// A cell whose client got an answer.
const ANSWERED: &str = "config-change/present_up_execute-sql_1";
/// A cell whose client was told by ICMP.
const REFUSED: &str = "config-change/absent_up_new-connection_0";

/// A real run of the cells above, all met.
fn original() -> &'static Path {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    RUN.get_or_init(|| {
        let out = results("negative").join("original");
        let mut command = lvs_matrix();
        command.arg("run").arg("--out").arg(&out);
        for cell in [HUNG, RESET, ANSWERED, REFUSED] {
            command.args(["--filter", cell]);
        }
        say(&mut command).expect_code(0);
        out
    })
}

/// A copy of the run, to be damaged.
struct Copy {
    out: PathBuf,
}

impl Copy {
    fn new() -> Self {
        static COUNT: Mutex<u32> = Mutex::new(0);
        let number = {
            let mut count = COUNT.lock().unwrap();
            *count += 1;
            *count
        };
        let out = original().with_file_name(format!("copy-{number}"));
        copy_folder(original(), &out);
        // Or the old ones might be taken for the new ones.
        for report in ["report.md", "report.json", "junit.xml"] {
            fs::remove_file(out.join(report)).unwrap();
        }
        Self { out }
    }

    fn capture(&self, cell: &str) -> PathBuf {
        self.out.join(cell).join("capture.pcapng")
    }

    fn record(&self, cell: &str) -> PathBuf {
        self.out.join(cell).join("record.json")
    }

    fn edit(&self, path: &Path, change: impl FnOnce(&mut Value)) {
        let mut value = support::json(path);
        let before = value.clone();
        change(&mut value);
        assert_ne!(value, before, "the test changed nothing in {}", path.display());
        fs::write(path, serde_json::to_vec_pretty(&value).unwrap()).unwrap();
        assert!(path.starts_with(&self.out));
    }

    fn judge(&self) -> Said {
        say(lvs_matrix().arg("judge").arg(&self.out))
    }

    /// Judges, and asserts that this cell is undetermined for a reason with these words, and the others as
    /// they were.
    fn is_undetermined(&self, id: &str, words: &str) {
        let said = self.judge().expect_code(3);
        let report = support::json(&self.out.join("report.json"));
        for other in [HUNG, RESET, ANSWERED, REFUSED] {
            let verdict = &cell(&report, other)["verdict"];
            if other == id {
                assert_eq!(verdict["result"], "undetermined", "{verdict:#}");
                let reasons = verdict["reasons"].as_array().unwrap();
                assert!(
                    reasons
                        .iter()
                        .any(|reason| reason.as_str().unwrap().contains(words)),
                    "no reason has the words {words:?}: {verdict:#}"
                );
            } else {
                assert_eq!(verdict["result"], "met", "{other} is another cell: {verdict:#}");
            }
        }
        assert_eq!(cell(&report, id)["behaviour"], "undetermined");
        assert_eq!(cell(&report, id)["article"], Value::Null);
        assert_eq!(report["totals"]["undetermined"], 1);
        assert!(said.stdout.contains("undetermined"), "{}", said.stdout);
        // To a CI system it is an error of the test, not a failure of what is tested.
        let junit = fs::read_to_string(self.out.join("junit.xml")).unwrap();
        assert!(junit.contains("<error") && !junit.contains("<failure"), "{junit}");
    }

    /// Judges, and asserts that this cell counts as missing for a reason with these words.
    fn is_missing(&self, id: &str, words: &str) {
        self.judge().expect_code(3);
        let report = support::json(&self.out.join("report.json"));
        let missing = report["missing"].as_array().unwrap();
        assert_eq!(missing.len(), 1, "{missing:#?}");
        assert_eq!(missing[0]["id"], id);
        let reason = missing[0]["reason"].as_str().unwrap();
        assert!(reason.contains(words), "no {words:?} in: {reason}");
        assert_eq!(report["totals"]["met"], 3);
        assert!(
            fs::read_to_string(self.out.join("junit.xml"))
                .unwrap()
                .contains("<error")
        );
    }
}

/// The control of the controls: an undamaged copy is met.
#[test]
fn an_undamaged_copy_is_met() {
    let copy = Copy::new();
    copy.judge().expect_code(0);
    let report = support::json(&copy.out.join("report.json"));
    assert_eq!(report["totals"]["met"], 4, "{report:#}");
}

#[rstest]
fn a_capture_that_is_gone(#[values(HUNG, RESET, ANSWERED, REFUSED)] id: &str) {
    let copy = Copy::new();
    fs::remove_file(copy.capture(id)).unwrap();
    copy.is_undetermined(id, "capture");
}

#[rstest]
fn a_capture_without_packets(#[values(HUNG, RESET, ANSWERED, REFUSED)] id: &str) {
    let copy = Copy::new();
    assert!(captures::filter(&copy.capture(id), |_| false) > 0);
    copy.is_undetermined(id, "sentinel");
}

/// Sentinels prove that the capture had begun and had not ended; nothing else in it does.
#[rstest]
fn a_capture_with_sentinels_alone(#[values(HUNG, RESET, ANSWERED, REFUSED)] id: &str) {
    let copy = Copy::new();
    let sentinel = |packet: &captures::Packet<'_>| packet.is_sentinel("sentinel");
    assert!(captures::filter(&copy.capture(id), sentinel) > 0);
    copy.is_undetermined(id, "the client");
}

#[rstest]
fn a_sentinel_missing_at_one_interface(
    #[values(HUNG, RESET, ANSWERED, REFUSED)] id: &str,
    #[values("first", "last")] which: &str,
    #[values((0, "client"), (1, "director"), (2, "rs1"))] interface: (u32, &str),
) {
    let copy = Copy::new();
    let (index, node) = interface;
    let keep = |packet: &captures::Packet<'_>| packet.interface != index || !packet.is_sentinel(which);
    assert_eq!(captures::filter(&copy.capture(id), keep), 1);
    copy.is_undetermined(
        id,
        &format!("the capture on {node} does not show its {which} sentinel"),
    );
}

#[rstest]
fn a_capture_cut_short(#[values(HUNG, RESET, ANSWERED, REFUSED)] id: &str, #[values(3, 2)] share: usize) {
    let copy = Copy::new();
    let bytes = fs::read(copy.capture(id)).unwrap();
    fs::write(copy.capture(id), &bytes[..bytes.len() * (share - 1) / share]).unwrap();
    copy.is_undetermined(id, "capture");
}

#[test]
fn a_capture_that_is_none() {
    let copy = Copy::new();
    fs::write(copy.capture(RESET), "not a capture").unwrap();
    copy.is_undetermined(RESET, "capture");
}

#[test]
fn the_capture_of_another_cell() {
    let copy = Copy::new();
    fs::copy(copy.capture(RESET), copy.capture(ANSWERED)).unwrap();
    copy.is_undetermined(ANSWERED, "");
}

/// The client says that its connection was reset; without the RST nobody knows by whom.
#[test]
fn an_rst_that_the_capture_does_not_show() {
    let copy = Copy::new();
    let keep = |packet: &captures::Packet<'_>| packet.tcp_flags().is_none_or(|flags| flags & RST == 0);
    assert!(captures::filter(&copy.capture(RESET), keep) > 0);
    copy.is_undetermined(RESET, "RST");
}

/// A hang needs packets: something was sent, and nothing came back. A client of which no packet is seen does
/// not hang.
#[test]
fn a_hang_in_which_nothing_was_sent() {
    let copy = Copy::new();
    let mut last = 0;
    // What comes after the sentinel at the begin and the login (of some twenty packets at each interface) is
    // the statement.
    let keep = |packet: &captures::Packet<'_>| {
        if packet.tcp_flags().is_some() && packet.frame.len() == 14 + 20 + 32 + 13 {
            last += 1;
            return false;
        }
        true
    };
    assert!(captures::filter(&copy.capture(HUNG), keep) > 10);
    copy.is_undetermined(HUNG, "the client");
    assert!(last > 10);
}

#[rstest]
fn packets_that_were_dropped(#[values(0, 1, 2)] point: usize) {
    let copy = Copy::new();
    copy.edit(&copy.record(HUNG), |record| {
        record["capture"]["points"][point]["dropped"] = json!(1)
    });
    copy.is_undetermined(HUNG, "lost 1 packet");
}

#[test]
fn a_capture_that_failed() {
    let copy = Copy::new();
    copy.edit(&copy.record(ANSWERED), |record| {
        record["capture"]["points"][0]["failure"] = json!("the interface went away");
    });
    copy.is_undetermined(ANSWERED, "the interface went away");
}

/// An unfired fault is a failure of the lab, whatever the client lived through.
#[rstest]
fn a_change_that_failed(#[values(HUNG, RESET, REFUSED)] id: &str) {
    let copy = Copy::new();
    copy.edit(&copy.record(id), |record| {
        let step = removal(record);
        step["outcome"] = json!({ "failed": { "reason": "ipvsadm was not to be found" } });
    });
    copy.is_undetermined(id, "ipvsadm was not to be found");
}

#[test]
fn a_change_that_nothing_shows() {
    let copy = Copy::new();
    copy.edit(&copy.record(HUNG), |record| {
        removal(record)["outcome"]["done"]["proof"] = json!(" ")
    });
    copy.is_undetermined(HUNG, "nothing shows that it fired");
}

#[test]
fn a_change_that_is_not_in_the_record() {
    let copy = Copy::new();
    copy.edit(&copy.record(HUNG), |record| {
        let number = removal(record)["number"].as_u64().unwrap();
        let steps = record["steps"].as_array_mut().unwrap();
        steps.retain(|step| step["number"] != number);
    });
    copy.is_undetermined(HUNG, "not those of its plan");
}

fn removal(record: &mut Value) -> &mut Value {
    let steps = record["steps"].as_array_mut().unwrap();
    steps
        .iter_mut()
        .find(|step| step["action"].get("remove-real-server").is_some())
        .expect("the cell removes its server")
}

#[test]
fn a_server_with_the_wrong_id() {
    let copy = Copy::new();
    copy.edit(&copy.record(HUNG), |record| {
        record["server-views"][0]["server-id"] = json!(999);
    });
    copy.is_undetermined(HUNG, "server_id 999");
}

#[test]
fn a_lab_that_failed() {
    let copy = Copy::new();
    copy.edit(&copy.record(HUNG), |record| {
        record["lab"] =
            json!({ "failed": { "stage": "wait for rs1", "reason": "it did not come up", "log": [] } });
    });
    copy.is_undetermined(HUNG, "it did not come up");
}

/// The time at which our patience ended is no end of the client's: an event that is missing is not a hang.
#[test]
fn a_client_without_a_last_word() {
    let copy = Copy::new();
    copy.edit(&copy.record(HUNG), |record| {
        drop(record["client-events"].as_array_mut().unwrap().pop())
    });
    copy.is_undetermined(HUNG, "");
}

#[test]
fn a_record_cut_short() {
    let copy = Copy::new();
    let text = fs::read(copy.record(RESET)).unwrap();
    fs::write(copy.record(RESET), &text[..text.len() / 2]).unwrap();
    copy.is_missing(RESET, "cannot be understood");
}

#[test]
fn a_record_that_is_gone() {
    let copy = Copy::new();
    fs::remove_file(copy.record(RESET)).unwrap();
    copy.is_missing(RESET, "left no record");
}

#[test]
fn a_record_of_another_format() {
    let copy = Copy::new();
    copy.edit(&copy.record(RESET), |record| record["format"] = json!(3));
    copy.is_missing(RESET, "format 3");
}

#[test]
fn a_record_of_another_cell() {
    let copy = Copy::new();
    fs::copy(copy.record(ANSWERED), copy.record(HUNG)).unwrap();
    copy.is_missing(HUNG, "another cell");
}

#[rstest]
#[case::another_format(|run: &mut Value| run["format"] = json!(2), "has format 2")]
#[case::no_object(|run: &mut Value| *run = json!([]), "cannot be understood")]
#[case::a_cell_outside_the_folder(|run: &mut Value| run["selected"][0]["scenario"] = json!("../.."), "cannot \
    be understood")]
fn a_run_file_that_cannot_be_used(#[case] change: fn(&mut Value), #[case] words: &str) {
    let copy = Copy::new();
    copy.edit(&copy.out.join("run.json"), change);
    let said = copy.judge().expect_code(2);
    assert!(
        said.stderr.starts_with("error: ") && said.stderr.contains(words),
        "{}",
        said.stderr
    );
    assert_eq!(said.stdout, "");
    assert!(
        !copy.out.join("report.json").exists(),
        "a report of what could not be read"
    );
}

/// A run of no cells shows nothing.
#[test]
fn a_run_of_no_cells() {
    let copy = Copy::new();
    copy.edit(&copy.out.join("run.json"), |run| run["selected"] = json!([]));
    let said = copy.judge().expect_code(3);
    assert!(!said.stdout.contains("as expected"), "{}", said.stdout);
    let report = support::json(&copy.out.join("report.json"));
    assert_eq!(report["totals"]["result"], "undetermined", "{report:#}");
}

/// Records of a run whose harness was killed: what is there is judged, and the run is not good for it.
#[test]
fn a_run_that_was_killed() {
    let copy = Copy::new();
    copy.edit(&copy.out.join("run.json"), |run| run["state"] = json!("begun"));
    fs::remove_dir_all(copy.out.join(HUNG)).unwrap();
    copy.is_missing(HUNG, "was killed");
}

/// A folder of records may come from anywhere: nothing outside of it is read, and nothing that never ends.
#[rstest]
#[case::a_record_that_is_a_link("record.json", "link")]
#[case::a_capture_that_is_a_link("capture.pcapng", "link")]
#[case::a_record_that_is_a_pipe("record.json", "pipe")]
fn a_folder_that_leads_elsewhere(#[case] file: &str, #[case] what: &str) {
    let copy = Copy::new();
    let path = copy.out.join(RESET).join(file);
    let path = path.components().as_path().to_owned();
    let elsewhere = original().join(RESET).join(file);
    if path.is_dir() {
        fs::remove_dir_all(&path).unwrap();
    } else {
        fs::remove_file(&path).unwrap();
    }
    if what == "link" {
        // What it leads to is whole and good, and still none of this run's.
        std::os::unix::fs::symlink(elsewhere, &path).unwrap();
    } else {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
    }
    copy.is_missing(RESET, "cannot ");
}

/// A scenario with wrong expectations: violated, each with the difference named.
#[test]
fn wrong_expectations_are_violated() {
    let folder = results("wrong");
    let file = folder.join("wrong.yaml");
    fs::write(&file, WRONG).unwrap();
    let out = folder.join("out");
    let mut command = lvs_matrix();
    command
        .args(["run", "--annotations"])
        .arg(&file)
        .arg("--out")
        .arg(&out);
    let said = say(&mut command).expect_code(1);
    let report = support::json(&out.join("report.json"));
    // Each points at the expectation that is not met.
    let annotations: Vec<&str> = said
        .stderr
        .lines()
        .filter(|line| line.starts_with("::"))
        .collect();
    assert_eq!(annotations.len(), 6, "{}", said.stderr);
    for line in annotations {
        let slug = line
            .split("title=wrong/")
            .nth(1)
            .unwrap()
            .split("%3A")
            .next()
            .unwrap();
        let expectation = format!("- {{ when: {{ respect: {slug} }}");
        let number = WRONG
            .lines()
            .position(|line| line.contains(&expectation))
            .unwrap()
            + 1;
        let place = format!("::error file={},line={number},col=5,", file.display());
        assert!(line.starts_with(&place), "{place} in: {line}");
    }
    assert_eq!(report["totals"]["violated"], 6, "{report:#}");
    assert_eq!(report["totals"]["met"], 1, "{report:#}");
    let markdown = fs::read_to_string(out.join("report.md")).unwrap();
    let junit = fs::read_to_string(out.join("junit.xml")).unwrap();
    assert_eq!(junit.matches("<failure").count(), 6, "{junit}");
    assert!(!junit.contains("<error"), "{junit}");
    for (slug, expected, observed) in [
        ("behaviour", "answered", "failed-fast"),
        ("code", "2006", "2013"),
        ("errno", "111", "104"),
        ("no-hang", "hung", "failed-fast"),
        ("ends", "answer", "error"),
        ("too-soon", "20m", "1"),
    ] {
        let cell = cell(&report, &format!("wrong/{slug}"));
        let verdict = &cell["verdict"];
        assert_eq!(verdict["result"], "violated", "{slug}: {verdict:#}");
        let differences = verdict["differences"].as_array().unwrap();
        assert_eq!(
            differences.len(),
            1,
            "{slug} is wrong in one respect: {verdict:#}"
        );
        let difference = differences[0].as_str().unwrap();
        assert!(
            difference.contains(expected) && difference.contains(observed),
            "{slug}: {difference}"
        );
        assert!(
            said.stdout.contains(difference),
            "{difference} in:\n{}",
            said.stdout
        );
        assert!(markdown.contains(difference), "{difference}");
        assert!(!cell["evidence"].as_array().unwrap().is_empty(), "{slug}");
    }
    // And again from the records.
    say(lvs_matrix().arg("judge").arg(&out)).expect_code(1);
    assert_eq!(fs::read_to_string(out.join("report.md")).unwrap(), markdown);
}

/// What happens: with `reset`, failed fast, 2013 (104); without, hung, ended by an error after about a
/// quarter of an hour.
const WRONG: &str = "\
name: wrong
claim: Every expectation but one is wrong in one respect.
lab:
  real-servers: { rs1: {} }
before: [{ connect: {} }, { wait: 1s }]
change: [{ remove-real-server: { server: rs1 } }]
act: [{ query: { sql: select 1 } }]
axes:
  respect:
    none: { director-sysctls: { net.ipv4.vs.expire_nodest_conn: 1 } }
    behaviour: { director-sysctls: { net.ipv4.vs.expire_nodest_conn: 1 } }
    code: { director-sysctls: { net.ipv4.vs.expire_nodest_conn: 1 } }
    errno: { director-sysctls: { net.ipv4.vs.expire_nodest_conn: 1 } }
    no-hang: { director-sysctls: { net.ipv4.vs.expire_nodest_conn: 1 } }
    ends: {}
    too-soon: {}
observe: { patience: 5s, until: 40m }
expect:
  - { when: { respect: none }, behaviour: failed-fast, error: 2013, errno: 104 }
  - { when: { respect: behaviour }, behaviour: answered }
  - { when: { respect: code }, behaviour: failed-fast, error: 2006 }
  - { when: { respect: errno }, behaviour: failed-fast, errno: 111 }
  - { when: { respect: no-hang }, behaviour: hung }
  - { when: { respect: ends }, behaviour: hung, ends: answer }
  - { when: { respect: too-soon }, behaviour: hung, at-least: 20m }
";
