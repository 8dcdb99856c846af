//! Trouble with guests, and ends from outside: whatever happens, what was recorded stands, the rest is
//! undetermined with its reason, and nothing is left on the host.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::account::Account;
use support::processes::{guests, still_there};
use support::{Running, await_fact, json, lvs_matrix, say};

/// How long an effect may take to show.
const SOON: Duration = Duration::from_secs(60);

/// What `run` said and how it ended.
fn end(running: &mut Running) -> (i32, String) {
    let status = running.wait();
    (support::shell_code(status), running.stderr())
}

fn report(out: &Path) -> Value {
    json(&out.join("report.json"))
}

/// The cells of a report with this verdict.
fn cells_with<'a>(report: &'a Value, verdict: &str) -> Vec<&'a Value> {
    let cells = report["cells"].as_array().unwrap().iter();
    cells
        .filter(|cell| cell["verdict"]["result"] == verdict)
        .collect()
}

/// Asserts that all cells are met but one, which is undetermined for a reason with these words, and gives its
/// record.
fn all_but_one(out: &Path, code: i32, cells: usize, words: &str) -> Value {
    let report = report(out);
    assert_eq!(code, 3, "{report:#}");
    assert_eq!(report["state"], "ended");
    assert_eq!(report["missing"], Value::Array(Vec::new()));
    let lost = cells_with(&report, "undetermined");
    assert_eq!(lost.len(), 1, "{lost:#?}");
    assert_eq!(
        cells_with(&report, "met").len(),
        cells - 1,
        "the other cells stand: {report:#}"
    );
    let reasons = lost[0]["verdict"]["reasons"].as_array().unwrap();
    assert!(
        reasons
            .iter()
            .any(|reason| reason.as_str().unwrap().contains(words)),
        "no {words:?} in {reasons:#?}"
    );
    json(&out.join(lost[0]["record"].as_str().unwrap()))
}

/// The guest's process is killed on the host, as by somebody's `kill -9` or by the kernel for want of memory.
#[test]
fn a_killed_guest_costs_one_cell() {
    let host = Account::open("killed-guest");
    let out = host.out("out");
    let mut running = Running::start(
        host.run(&out, false)
            .args(["--jobs", "1", "--filter", "absent_up,expire-nodest-conn=0"]),
        &out,
    );
    running.await_records(1);
    let guest = await_fact("a guest", support::STUCK, || guests(running.pid(), &out).pop());
    kill_process(Pid::from_raw(guest.pid).unwrap(), Signal::KILL).unwrap();
    let (code, stderr) = end(&mut running);
    let record = all_but_one(&out, code, 3, "the guest's process ended by itself");
    let failed = &record["lab"]["failed"];
    assert_eq!(failed["stage"], "run the cell in a guest");
    assert!(failed["log"].is_array(), "{failed:#}");
    assert!(stderr.contains("a guest ended early"), "{stderr}");
    host.nothing_is_left(&out.display().to_string());
}

/// A guest that makes no progress, here because it is stopped, is ended by the host's clock.
#[test]
fn a_guest_that_stalls_costs_one_cell() {
    const STALL: Duration = Duration::from_secs(5);
    let host = Account::open("stalled-guest");
    let out = host.out("out");
    let mut command = host.run(&out, true);
    command.args(["--jobs", "1", "--filter", "absent_up,expire-nodest-conn=1"]);
    let mut running = Running::start(command.arg("--stall").arg(STALL.as_secs().to_string()), &out);
    running.await_records(1);
    let guest = await_fact("a guest", support::STUCK, || guests(running.pid(), &out).pop());
    let stopped = Instant::now();
    kill_process(Pid::from_raw(guest.pid).unwrap(), Signal::STOP).unwrap();
    await_fact("the stalled guest's end", support::STUCK, || {
        still_there(std::slice::from_ref(&guest)).is_empty().then_some(())
    });
    let took = stopped.elapsed();
    // It may have said its last word some time before it was stopped.
    assert!(took > STALL / 2, "ended after {took:?}, too soon");
    assert!(took < STALL * 3, "ended after {took:?}, too late");
    let (code, stderr) = end(&mut running);
    all_but_one(&out, code, 3, "no progress for 5 s of the host's clock");
    assert!(stderr.contains("no progress for 5 s"), "{stderr}");
    host.nothing_is_left(&out.display().to_string());
}

/// SIGINT, once: the run ends in order, and its report says that it is partial.
#[test]
fn an_interrupted_run_reports_what_there_is() {
    let host = Account::open("interrupted");
    let out = host.out("out");
    let mut running = Running::start(&mut host.run(&out, true), &out);
    running.await_records(1);
    running.signal(Signal::INT);
    let (code, stderr) = end(&mut running);
    assert_eq!(code, 3, "{stderr}");
    assert!(
        stderr.contains("SIGINT: ending the run and reporting what there is"),
        "{stderr}"
    );
    assert!(stderr.contains("the report is partial"), "{stderr}");
    let report = report(&out);
    assert_eq!(
        report["state"],
        serde_json::json!({ "interrupted": { "reason": "SIGINT" } })
    );
    let met = cells_with(&report, "met").len();
    let lost = cells_with(&report, "undetermined");
    let missing = report["missing"].as_array().unwrap();
    assert!(met >= 1 && met + lost.len() + missing.len() == 24, "{report:#}");
    assert!(met < 24, "the run was over before it was interrupted");
    for cell in lost {
        let reasons = cell["verdict"]["reasons"].to_string();
        assert!(reasons.contains("stopped by SIGINT"), "{reasons}");
    }
    for cell in missing {
        assert!(cell["reason"].as_str().unwrap().contains("SIGINT"), "{cell}");
    }
    let markdown = fs::read_to_string(out.join("report.md")).unwrap();
    assert!(markdown.contains("SIGINT"), "{markdown}");
    let stdout = fs::read_to_string(out.with_extension("stdout")).unwrap();
    let as_text = format!("as text: {})\n", out.join("report.md").display());
    assert!(stdout.ends_with(&as_text), "{stdout}");
    host.nothing_is_left(&out.display().to_string());
    say(lvs_matrix().arg("judge").arg(&out)).expect_code(3);
    assert_eq!(fs::read_to_string(out.join("report.md")).unwrap(), markdown);
}

/// SIGINT, twice: the run ends at once, even where the orderly end is stuck (here: nobody reads what it
/// prints).
#[test]
fn interrupted_twice_it_ends_at_once() {
    let host = Account::open("interrupted-twice");
    let out = host.out("out");
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[b'-'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    let mut command = host.run(&out, true);
    let mut running = Running::start(command.stdout(writer), &out);
    drop(command);
    running.await_records(1);
    running.signal(Signal::INT);
    await_fact("the first signal's effect", SOON, || {
        running
            .stderr()
            .contains("once more ends it at once")
            .then_some(())
    });
    running.signal(Signal::INT);
    let status = running.wait();
    assert_eq!(status.signal(), Some(2), "{status}: {}", running.stderr());
    host.nothing_is_left(&out.display().to_string());
    let mut printed = Vec::new();
    reader.read_to_end(&mut printed).unwrap();
    assert!(
        printed.iter().all(|byte| *byte == b'-'),
        "the result was printed: the orderly end was not stuck"
    );
    say(lvs_matrix().arg("judge").arg(&out)).expect_code(3);
}

/// The terminal is closed: SIGHUP, and nobody reads what is said any more. The run ends in order, as after
/// SIGINT.
#[test]
fn a_closed_terminal_ends_the_run_in_order() {
    let host = Account::open("terminal");
    let out = host.out("out");
    let (master, slave) = terminal();
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(env!("CARGO_BIN_EXE_lvs-matrix"));
    command.args(["run", "--jobs", "1", "--out"]).arg(&out);
    host.surround(&mut command, true);
    command.stdin(slave.try_clone().unwrap());
    command.stdout(slave.try_clone().unwrap()).stderr(slave);
    let mut child = command.spawn().unwrap();
    drop(command);
    await_fact("a record", support::STUCK, || {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before");
        (!support::records(&out).is_empty()).then_some(())
    });
    drop(master);
    let status = support::wait(&mut child, support::STUCK);
    assert_eq!(status.code(), Some(3), "{status}");
    let report = report(&out);
    assert_eq!(report["state"]["interrupted"]["reason"], "SIGHUP", "{report:#}");
    assert!(!cells_with(&report, "met").is_empty(), "{report:#}");
    host.nothing_is_left("terminal");
}

/// A terminal, and the end of it that a program works on.
fn terminal() -> (OwnedFd, fs::File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let slave = fs::File::options()
        .read(true)
        .write(true)
        .custom_flags(0o400)
        .open(name)
        .unwrap();
    (master, slave)
}

/// Nobody reads what is printed or said: that is no reason to lose the result.
#[test]
fn closed_pipes_change_nothing() {
    let host = Account::open("pipes");
    let out = host.out("out");
    let mut command = host.run(&out, true);
    command.args(["--filter", "absent_up_execute-sql"]);
    let (stdout, stderr) = (std::io::pipe().unwrap().1, std::io::pipe().unwrap().1);
    let mut child = command.stdout(stdout).stderr(stderr).spawn().unwrap();
    drop(command);
    let status = support::wait(&mut child, support::STUCK);
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(report(&out)["totals"]["met"], 2);
    host.nothing_is_left("pipes");
}

/// The output folder is removed while the run goes on.
#[test]
fn a_folder_that_is_removed() {
    let host = Account::open("removed");
    let out = host.out("out");
    let mut command = host.run(&out, true);
    let mut running = Running::start(command.args(["--jobs", "1"]), &out);
    running.await_records(1);
    // What is written meanwhile may be there again at once.
    let _ = fs::remove_dir_all(&out);
    let (code, stderr) = end(&mut running);
    assert_eq!(code, 70, "{stderr}");
    assert!(stderr.contains("error: cannot "), "{stderr}");
    assert!(
        stderr.contains(&out.display().to_string()),
        "which folder: {stderr}"
    );
    host.nothing_is_left("removed");
}

/// Too few file descriptors, too little memory, too few processes: the run says what it lacks, or does what
/// it can.
#[test]
fn scarce_resources_are_named() {
    let host = Account::open("scarce");
    let limits = [4, 6, 8, 10, 12, 16, 20, 24, 32].map(|number| format!("--nofile={number}"));
    let memory = [40, 120, 400, 1200].map(|mib: u64| format!("--as={}", mib << 20));
    let files = [4096, 65_536].map(|bytes| format!("--fsize={bytes}"));
    let mut codes = BTreeSet::new();
    for limit in limits.iter().chain(&memory).chain(&files) {
        let out = host.out(limit.trim_start_matches('-'));
        let run = host.run(&out, true);
        let mut limited = Command::new("prlimit");
        limited
            .arg(limit)
            .arg("--")
            .arg(run.get_program())
            .args(run.get_args());
        limited.args(["--filter", "absent_up_execute-sql_0", "--stall", "10"]);
        host.surround(&mut limited, true);
        let said = say(limited.stdin(Stdio::null()));
        host.nothing_is_left(limit);
        let code = support::shell_code(said.status);
        codes.insert(code);
        match code {
            0 => assert_eq!(report(&out)["totals"]["met"], 1, "{limit}: {said:#?}"),
            3 => assert_eq!(
                cells_with(&report(&out), "undetermined").len(),
                1,
                "{limit}: {said:#?}"
            ),
            2 | 69 | 70 => {
                let errors: Vec<&str> = said
                    .stderr
                    .lines()
                    .filter(|line| line.starts_with("error"))
                    .collect();
                assert!(!errors.is_empty(), "{limit}: {said:#?}");
                assert!(
                    !limit.starts_with("--nofile") || said.stderr.contains("ulimit -n"),
                    "{limit}: {said:#?}"
                );
                assert!(
                    !limit.starts_with("--fsize") || said.stderr.contains("ulimit -f"),
                    "{limit}: {said:#?}"
                );
            }
            // The dynamic linker had too little to start it.
            127 => assert!(
                said.stderr.contains("error while loading shared libraries"),
                "{limit}: {said:#?}"
            ),
            // The kernel had too little to map it (fs/binfmt_elf.c, `load_elf_binary`: what fails once the
            // old program is gone ends in SIGSEGV): nothing of it has run.
            139 if limit.starts_with("--as") => assert!(
                said.stdout.is_empty() && said.stderr.is_empty(),
                "{limit}: {said:#?}"
            ),
            _ => panic!("{limit}: {said:#?}"),
        }
    }
    assert!(
        codes.iter().any(|code| *code != 0),
        "nothing was scarce: {codes:?}"
    );
}

/// Where standard output is a file on a full disk, each command says so, and ends with 70 and not as if it
/// had said what it was asked.
#[test]
fn a_full_standard_output_is_no_success() {
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let stored = lvs_matrix_archive::kept();
    let stored = stored.to_str().unwrap();
    let cell = "config-change/absent_up_execute-sql_0";
    for arguments in [
        &["--help"][..],
        &["run", "--help"],
        &["--version"],
        &["list"],
        &["plan"],
        &["completions", "bash"],
        &["report", stored],
        &["report", stored, "--format", "json"],
        &["explain", cell, "--run", stored],
        &["diff", stored, stored],
        &["kernel", "list"],
        &["doctor"],
    ] {
        let mut command = lvs_matrix();
        let said = support::wait(
            &mut command
                .args(arguments)
                .stdout(full())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
            support::STUCK,
        );
        assert_eq!(said.code(), Some(70), "{arguments:?}");
    }
    let said = lvs_matrix().arg("list").stdout(full()).output().unwrap();
    let stderr = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(
        stderr.contains("cannot write to standard output") && stderr.contains("the disk is full"),
        "{stderr}"
    );
}
