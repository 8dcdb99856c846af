//! `run --events`: what is said while a run goes on, and that a run does not depend on who hears it.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use support::{Running, Said, lvs_matrix, repository, results, say, wait};

/// A run of the two cells of a shipped scenario.
fn run(out: &Path) -> Command {
    let mut command = lvs_matrix();
    command
        .arg("run")
        .arg(repository().join("scenarios/other-server.yaml"));
    command.args(["--jobs", "1", "--out"]).arg(out);
    command
}

fn lines(text: &str) -> Vec<Value> {
    assert!(text.ends_with('\n'), "{text}");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn names<'a>(lines: &'a [Value], field: &str) -> Vec<&'a str> {
    lines
        .iter()
        .map(|line| line[field].as_str().unwrap_or_default())
        .collect()
}

/// The run came to its end, with its reports, whatever became of the events.
fn came_to_its_end(said: &Said, out: &Path) {
    assert!(said.stderr.contains("2/2  "), "{said:#?}");
    assert_eq!(support::json(&out.join("report.json"))["totals"]["met"], 2);
}

#[test]
fn every_cell_is_told_of_from_beginning_to_end() {
    let folder = results("events");
    // It may lie in the run's own folder.
    let (out, file) = (folder.join("out"), folder.join("out/events.jsonl"));
    let said = say(run(&out).arg("--events").arg(&file)).expect_code(0);
    came_to_its_end(&said, &out);
    assert!(
        said.stdout.contains("report: "),
        "the table is where it always is: {said:#?}"
    );
    let lines = lines(&fs::read_to_string(&file).unwrap());
    let of_a_cell = ["cell-started", "milestone", "milestone", "recorded"];
    let expected = [&["run-begun"][..], &of_a_cell, &of_a_cell, &["run-ended"]].concat();
    assert_eq!(names(&lines, "event"), expected);
    assert_eq!(names(&lines[2..4], "milestone"), ["lab-ready", "played"]);
    assert!(lines.iter().all(|line| line["format"] == 1));
    assert!(lines.is_sorted_by_key(|line| line["wall-ms"].as_u64().unwrap()));
    // What is said of a cell is what the report says of it.
    let report = support::json(&out.join("report.json"));
    for line in lines.iter().filter(|line| line["event"] == "recorded") {
        let cell = support::cell(&report, line["cell"].as_str().unwrap());
        for field in ["behaviour", "ends", "article", "verdict", "axes", "record"] {
            assert_eq!(line[field], cell[field], "{field}");
        }
        assert_eq!(line["time-ns"], cell["operation"]["time-ns"]);
    }
    assert_eq!(lines.last().unwrap()["totals"], report["totals"]);
}

#[test]
fn an_interrupted_run_says_so_last() {
    let folder = results("events-interrupted");
    let out = folder.join("out");
    let mut command = run(&out);
    let mut running = Running::start(command.args(["--events", "-"]).stdout(Stdio::piped()), &out);
    let mut heard = String::new();
    let mut reader = BufReader::new(running.child.stdout.take().unwrap());
    while !heard.contains("\"recorded\"") {
        assert!(
            reader.read_line(&mut heard).unwrap() > 0,
            "{heard}\n{}",
            running.stderr()
        );
    }
    running.signal(Signal::INT);
    while reader.read_line(&mut heard).unwrap() > 0 {}
    assert_eq!(running.wait().code(), Some(3), "{}", running.stderr());
    // Standard output is the stream alone; the table went to the other.
    let lines = lines(&heard);
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["event"], &last["reason"]),
        (&"run-interrupted".into(), &"SIGINT".into())
    );
    assert_eq!(last["totals"]["met"], 1, "{last}");
    assert!(
        running.stderr().contains("other-server\n"),
        "{}",
        running.stderr()
    );
}

#[test]
fn a_full_disk_does_not_end_the_run() {
    let out = results("events-full").join("out");
    let said = say(run(&out).args(["--events", "/dev/full"])).expect_code(0);
    came_to_its_end(&said, &out);
    assert_eq!(
        said.stderr
            .matches("cannot write events to /dev/full: No space left")
            .count(),
        1,
        "{said:#?}"
    );
}

#[test]
fn a_reader_that_goes_away_does_not_end_the_run() {
    let out = results("events-closed").join("out");
    let mut child = run(&out)
        .args(["--events", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("\"run-begun\""), "{line}");
    let mut talk = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut talk).unwrap();
    assert_eq!(wait(&mut child, support::STUCK).code(), Some(0), "{talk}");
    assert_eq!(
        talk.matches("nobody reads them any more; the run goes on")
            .count(),
        1,
        "{talk}"
    );
    assert_eq!(support::json(&out.join("report.json"))["totals"]["met"], 2);
}

/// A reader that is there and reads nothing holds up neither the guests nor, for more than its last words,
/// the end.
#[test]
fn a_reader_that_is_stuck_does_not_hold_up_the_run() {
    let out = results("events-stuck").join("out");
    let (_reader, mut writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[b'-'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    let begun = Instant::now();
    let mut command = run(&out);
    let mut running = Running::start(command.args(["--events", "-"]).stdout(writer), &out);
    assert_eq!(running.wait().code(), Some(0), "{}", running.stderr());
    assert!(
        running.stderr().contains("has read nothing for 10 s"),
        "{}",
        running.stderr()
    );
    assert!(begun.elapsed() < support::STUCK);
    assert_eq!(support::json(&out.join("report.json"))["totals"]["met"], 2);
}

#[test]
fn a_place_that_cannot_be_written_is_a_mistake() {
    let folder = results("events-mistake");
    let pipe = folder.join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let places: [(PathBuf, &str); 3] = [
        (pipe, "it is a pipe that nobody reads; start its reader first"),
        (folder.join("nowhere/events"), "No such file or directory"),
        (folder.clone(), "Is a directory"),
    ];
    for (place, words) in places {
        let out = folder.join("out");
        let said = say(run(&out).arg("--events").arg(&place)).expect_code(2);
        assert!(said.stderr.contains(words) && said.stdout.is_empty(), "{said:#?}");
        assert!(!out.exists(), "nothing is left of a run that did not begin");
    }
}
