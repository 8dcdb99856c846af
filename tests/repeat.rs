//! `--repeat`: each repetition has its folder, its record and its verdict, and those that disagree are a
//! result of their own. And runs that are parts of one, stop early, or take up what failed.

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;
use support::{cell, copy_folder, lvs_matrix, records, results, say};

/// A cell that hangs, and the same one with a sysctl by which it fails fast.
const HUNG: &str = "config-change/absent_up_execute-sql_0";
const FAST: &str = "config-change/absent_up_execute-sql_1";

fn original() -> &'static Path {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    RUN.get_or_init(|| {
        let out = results("repeat").join("original");
        let run = [
            "run", "--repeat", "3", "--filter", HUNG, "--filter", FAST, "--out",
        ];
        let said = say(lvs_matrix().args(run).arg(&out)).expect_code(0);
        assert!(
            said.stdout
                .contains("All 6 runs are as expected. Each was run 3 times."),
            "{}",
            said.stdout
        );
        assert_eq!(
            said.stdout.matches("absent  ").count(),
            2,
            "a row for each cell: {}",
            said.stdout
        );
        out
    })
}

fn copy(name: &str) -> PathBuf {
    let out = original().with_file_name(name);
    copy_folder(original(), &out);
    out
}

fn report(out: &Path, code: i32) -> (Value, String) {
    let said = say(lvs_matrix().arg("judge").arg(out)).expect_code(code);
    (support::json(&out.join("report.json")), said.stdout)
}

#[test]
fn every_repetition_is_kept_and_judged() {
    let out = copy("kept");
    assert_eq!(records(&out).len(), 6);
    let (report, _) = report(&out, 0);
    assert_eq!(report["totals"]["met"], 6, "{report:#}");
    assert_eq!(report["totals"]["disagreeing"], Value::Null);
    for id in [HUNG, FAST] {
        for id in [id.to_owned(), format!("{id}@2"), format!("{id}@3")] {
            let record = out.join(&id).join("record.json");
            assert_eq!(cell(&report, &id)["record"], format!("{id}/record.json"));
            assert!(record.is_file(), "{}", record.display());
        }
    }
    // Each is an experiment of its own: ports and sequence numbers are others.
    let captures = [HUNG.to_owned(), format!("{HUNG}@2")]
        .map(|id| fs::read(out.join(id).join("capture.pcapng")).unwrap());
    assert_ne!(captures[0], captures[1]);
    let junit = fs::read_to_string(out.join("junit.xml")).unwrap();
    assert_eq!(junit.matches("<testcase").count(), 6, "{junit}");
}

/// The second repetition lived through something else. Each verdict stays as it is; the disagreement has its
/// own exit code.
#[test]
fn repetitions_that_disagree_are_a_result_of_their_own() {
    let out = copy("disagreeing");
    let second = format!("{HUNG}@2");
    for file in ["record.json", "capture.pcapng"] {
        fs::copy(out.join(FAST).join(file), out.join(&second).join(file)).unwrap();
    }
    let path = out.join(&second).join("record.json");
    let mut record = support::json(&path);
    let mut own = support::json(&out.join(HUNG).join("record.json"))["plan"]["cell"].clone();
    own["repetition"] = json!(2);
    record["plan"]["cell"] = own;
    fs::write(&path, serde_json::to_vec(&record).unwrap()).unwrap();

    let (report, stdout) = report(&out, 4);
    assert_eq!(report["totals"]["result"], "disagreeing");
    assert_eq!(report["totals"]["disagreeing"], 1);
    assert_eq!(report["totals"]["met"], 6, "no verdict is changed: {report:#}");
    let disagreements = report["disagreements"].as_array().unwrap();
    assert_eq!(disagreements.len(), 1, "{disagreements:#?}");
    assert_eq!(disagreements[0]["id"], HUNG);
    let outcomes = disagreements[0]["outcomes"].as_array().unwrap();
    assert_eq!(outcomes[0]["repetitions"], json!([1, 3]));
    assert_eq!(outcomes[0]["behaviour"], "hung");
    assert_eq!(outcomes[1]["repetitions"], json!([2]));
    assert_eq!(outcomes[1]["behaviour"], "failed-fast");
    for words in [
        "its repetitions disagree",
        "runs 1, 3: hung, then error, 2013 (110 ETIMEDOUT): as expected",
        "run 2: failed-fast, 2013 (104 ECONNRESET): as expected",
        "failed-fast (run 2)",
    ] {
        assert!(stdout.contains(words), "no {words:?} in:\n{stdout}");
    }
    let markdown = fs::read_to_string(out.join("report.md")).unwrap();
    assert!(markdown.contains("**repetitions disagree**"), "{markdown}");
    let junit = fs::read_to_string(out.join("junit.xml")).unwrap();
    assert!(junit.contains("<error") && !junit.contains("<failure"), "{junit}");
}

/// A record of one repetition is none of another: or a copy could stand for what was never run.
#[test]
fn a_record_counts_for_its_own_repetition_alone() {
    let out = copy("copied");
    fs::copy(
        out.join(HUNG).join("record.json"),
        out.join(format!("{HUNG}@3")).join("record.json"),
    )
    .unwrap();
    let (report, stdout) = report(&out, 3);
    assert_eq!(report["missing"][0]["id"], format!("{HUNG}@3"), "{report:#}");
    assert!(stdout.contains("is the record of another cell"), "{stdout}");
}

/// Nothing certain is known of one of them: that agrees with everything, and it is not left out either.
#[test]
fn an_undetermined_repetition_neither_agrees_nor_disagrees() {
    let out = copy("undetermined");
    fs::remove_file(out.join(format!("{FAST}@2")).join("capture.pcapng")).unwrap();
    let (report, stdout) = report(&out, 3);
    assert_eq!(report["totals"]["undetermined"], 1);
    assert_eq!(report["totals"]["disagreeing"], Value::Null);
    assert!(stdout.contains("undetermined (run 2)"), "{stdout}");
}

/// Two machines run a part each, repetitions included: merged, they are what one run of all is.
#[test]
fn parts_make_a_run() {
    let folder = results("parts");
    let run = |name: &str, part: &str| {
        let run = [
            "run",
            "--repeat",
            "2",
            "--quiet",
            "--partition",
            part,
            "--filter",
            HUNG,
            "--filter",
            FAST,
            "--out",
        ];
        let said = say(lvs_matrix().args(run).arg(folder.join(name))).expect_code(0);
        assert_eq!(said.stderr, "", "--quiet");
        records(&folder.join(name)).len()
    };
    assert_eq!((run("one", "slice:1/2"), run("two", "slice:2/2")), (2, 2));
    // More parts than cells: a part may be empty.
    assert_eq!(run("three", "slice:3/3"), 0);
    let merged = say(lvs_matrix()
        .arg("merge")
        .args([folder.join("two"), folder.join("one")])
        .arg("--out")
        .arg(folder.join("whole")));
    merged.expect_code(0);
    let ids = |out: &Path| -> Vec<Value> {
        let run = support::json(&out.join("run.json"));
        run["selected"].as_array().unwrap().clone()
    };
    let whole = folder.join("whole");
    assert_eq!(records(&whole).len(), 4);
    let (mut order, own) = (ids(original()), ids(&whole));
    order.truncate(4);
    assert_eq!(own, order);
    assert_eq!(support::json(&whole.join("run.json"))["part"], Value::Null);
}

/// A matrix with a wrong expectation: `--fail-fast` stops at it, `--failed` takes it up when it is mended.
#[test]
fn what_failed_is_taken_up() {
    let folder = results("failed");
    let file = folder.join("mine.yaml");
    let good = fs::read_to_string(support::repository().join("scenarios/config-change.yaml")).unwrap();
    // The article's hang, said to be an answer; it is the first cell by this filter, and one of two.
    let expected = "    behaviour: hung\n    at-least: 10m";
    assert_eq!(good.matches(expected).count(), 1);
    fs::write(&file, good.replacen(expected, "    behaviour: answered", 1)).unwrap();
    let run = |name: &str, more: &[&str], code: i32| {
        let out = folder.join(name);
        let said = say(lvs_matrix().arg("run").args(more).arg("--out").arg(&out)).expect_code(code);
        (out, said)
    };
    let mine = file.to_str().unwrap();
    let one = ["--jobs", "1", "--filter", "real-server=absent,mysqld=up", mine];
    let (_, said) = run("stopped", &[&one[..], &["--fail-fast"]].concat(), 1);
    assert!(said.stdout.contains("violated"), "{said:#?}");
    assert!(said.stderr.contains("--fail-fast, at "), "{said:#?}");
    let (all, _) = run("all", &one, 1);
    assert_eq!(records(&all).len(), 6);
    fs::write(&file, good).unwrap();
    let failed = format!("--failed={}", all.display());
    let (again, _) = run("again", &[&failed], 0);
    assert_eq!(records(&again), vec![again.join(HUNG).join("record.json")]);
    let page = fs::read_to_string(again.join("report.md")).unwrap();
    assert!(page.contains("`--failed`"), "{page}");
}

/// What differs from run to run stands in a file of its own, and in reports only by that.
#[test]
fn when_and_how_it_was_run_is_a_file_of_its_own() {
    let invocation = support::json(&original().join("invocation.json"));
    assert_eq!(invocation["command"][1], "run");
    assert_eq!(
        invocation["cells"].as_object().unwrap().len(),
        6,
        "{invocation:#}"
    );
    assert!(invocation["took-ms"].as_u64().unwrap() > 0);
    let began = invocation["began"].as_str().unwrap();
    let read = |out: &Path, name: &str| fs::read_to_string(out.join(name)).unwrap();
    let said = |out: &Path, name: &str| read(out, name).contains(began);
    let with = ["report.md", "report.html", "junit.xml"];
    assert!(with.iter().all(|name| said(original(), name)));
    assert!(!said(original(), "report.json"));
    let out = copy("timeless");
    fs::remove_file(out.join("invocation.json")).unwrap();
    report(&out, 0);
    assert!(with.iter().all(|name| !said(&out, name)));
    assert_eq!(read(&out, "report.json"), read(original(), "report.json"));
    let junit = read(&out, "junit.xml");
    assert!(
        !junit.contains(" time=\"") && !junit.contains("timestamp"),
        "{junit}"
    );
    assert!(junit.contains("client-time"), "{junit}");
    fs::write(out.join("invocation.json"), "{}").unwrap();
    let refused = say(lvs_matrix().arg("judge").arg(&out)).expect_code(2);
    assert!(refused.stderr.contains("remove it"), "{refused:#?}");
}

/// A change of the file is a new run; a signal ends the waiting, with the exit code of the last run.
#[test]
fn a_file_that_is_watched_is_run_again() {
    let folder = results("watched");
    let file = folder.join("mine.yaml");
    let text = fs::read_to_string(support::repository().join("scenarios/silent-server.yaml")).unwrap();
    fs::write(&file, &text).unwrap();
    let heard = folder.join("stderr");
    let mut child = lvs_matrix()
        .args(["run", "--watch", "mine.yaml"])
        .current_dir(&folder)
        .stdout(std::process::Stdio::null())
        .stderr(fs::File::create(&heard).unwrap())
        .spawn()
        .unwrap();
    let limit = Duration::from_secs(120);
    let waits = |count: usize| {
        support::await_fact("a run that is over", limit, || {
            let said = fs::read_to_string(&heard).unwrap();
            (said.matches("waiting for a change").count() == count).then_some(())
        });
    };
    let runs = || {
        let all = fs::read_dir(folder.join("lvs-matrix-out")).unwrap().flatten();
        all.filter(|entry| entry.file_name() != "latest").count()
    };
    waits(1);
    assert_eq!(runs(), 1);
    // The same text is no change; the file that comes after it is.
    fs::write(&file, &text).unwrap();
    fs::write(
        folder.join("mine.new"),
        text.replace("name: silent-server", "name: mine"),
    )
    .unwrap();
    fs::rename(folder.join("mine.new"), &file).unwrap();
    waits(2);
    assert_eq!(runs(), 2);
    let run = support::json(&folder.join("lvs-matrix-out/latest/run.json"));
    assert_eq!(run["scenarios"][0]["name"], "mine");
    // A mistake is told, and waited upon.
    fs::write(&file, "name: [").unwrap();
    waits(3);
    assert_eq!(runs(), 2);
    fs::write(&file, &text).unwrap();
    waits(4);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(support::wait(&mut child, limit).code(), Some(0));
}

/// The programs of a shipped scenario come with this program.
#[test]
fn a_shipped_scenario_with_programs_needs_no_checkout() {
    let folder = results("elsewhere");
    let said = say(lvs_matrix()
        .args(["run", "own-server", "--filter", "change=term", "--out", "out"])
        .current_dir(&folder))
    .expect_code(0);
    assert!(
        said.stdout.contains("All 6 cells are as expected."),
        "{}",
        said.stdout
    );
}
