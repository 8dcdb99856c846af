//! Trouble with guests, and ends from outside: whatever happens, what was recorded stands, the rest is undetermined with its
//! reason, and nothing is left on the host.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and shows figures on its own standard error"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::processes::{Process, concerned_with, descendants, guests, still_there};
use support::{Running, await_fact, cell, json, lvs_matrix, records, results, say};

/// The kernel ends processes, namespaces and mounts in its own time.
const GONE: Duration = Duration::from_secs(60);

/// These tests look at the whole machine: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a run could leave behind, as it is before the run.
struct Host {
    /// A folder of this test's own. In it are the output folder, HOME and TMPDIR.
    place: PathBuf,
    before: Traces,
}

/// What is to be seen of runs on the host, outside the output folder.
struct Traces {
    mounts: String,
    /// Named ones; the others end with their processes.
    network_namespaces: BTreeSet<PathBuf>,
    /// In the folders for temporary files that all users share: what a run, its guests or its servers would put there.
    shared_folders: BTreeSet<PathBuf>,
    /// In HOME and TMPDIR, which are the test's own.
    own_folders: BTreeSet<PathBuf>,
    /// In the folder of the output folder.
    place: BTreeSet<PathBuf>,
    cache: BTreeSet<PathBuf>,
}

impl Host {
    fn new(name: &str) -> Self {
        let place = results(name);
        fs::create_dir(place.join("home")).unwrap();
        fs::create_dir(place.join("tmp")).unwrap();
        // A guest's memory lies there, and the guest may run as another user.
        fs::set_permissions(place.join("tmp"), std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
        let before = Traces::now(&place);
        Self { place, before }
    }

    fn out(&self, name: &str) -> PathBuf {
        self.place.join("outs").join(name)
    }

    /// `lvs-matrix run` into this output folder. `own_tmp`: with a folder of the test's own for temporary files.
    fn run(&self, out: &Path, own_tmp: bool) -> Command {
        fs::create_dir_all(out.parent().unwrap()).unwrap();
        let mut command = lvs_matrix();
        command
            .arg("run")
            .arg("--out")
            .arg(out)
            .env("LVS_MATRIX_CACHE", cache())
            .env("HOME", self.place.join("home"))
            .stdout(fs::File::create(out.with_extension("stdout")).unwrap());
        if own_tmp {
            command.env("TMPDIR", self.place.join("tmp"));
        }
        command
    }

    /// Waits until none of these processes is there, nor any other that has to do with the output folder, and asserts that the
    /// host is as it was.
    fn nothing_is_left(&self, out: &Path, processes: &[Process]) {
        let begun = Instant::now();
        loop {
            let left = (still_there(processes), concerned_with(out));
            let now = Traces::now(&self.place);
            let new = now.since(&self.before);
            if left.0.is_empty() && left.1.is_empty() && new.is_empty() && now.mounts == self.before.mounts {
                return;
            }
            assert!(
                begun.elapsed() < GONE,
                "left: {left:?}\nnew: {new:#?}\nmounts before: {}\nmounts now: {}",
                self.before.mounts,
                now.mounts
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Traces {
    /// What was not there before. (What has gone since then was another's.)
    fn since(&self, before: &Self) -> Vec<PathBuf> {
        let folders = |traces: &Self| -> BTreeSet<PathBuf> {
            let Traces {
                mounts: _,
                network_namespaces,
                shared_folders,
                own_folders,
                place,
                cache,
            } = traces;
            let all = [network_namespaces, shared_folders, own_folders, place, cache];
            all.into_iter().flatten().cloned().collect()
        };
        folders(self).difference(&folders(before)).cloned().collect()
    }

    fn now(place: &Path) -> Self {
        let names = |folder: &Path| -> BTreeSet<PathBuf> {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).collect()
        };
        // Others use these folders as well; a run's own would have one of these names.
        let of_a_run = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().to_lowercase();
            ["uml", "vm_file", ".guest", "mysql", "maria"]
                .iter()
                .any(|part| name.contains(part))
        };
        let shared = [
            "/tmp",
            "/var/tmp",
            "/dev/shm",
            "/run",
            "/run/netns",
            "/var/run/netns",
            "/mnt",
        ];
        let own = ["home", "tmp"].map(|name| place.join(name));
        Self {
            mounts: fs::read_to_string("/proc/self/mountinfo").unwrap(),
            network_namespaces: names(Path::new("/run/netns")),
            shared_folders: shared
                .iter()
                .flat_map(|folder| names(Path::new(folder)))
                .filter(of_a_run)
                .collect(),
            own_folders: own.iter().flat_map(|folder| names(folder)).collect(),
            place: names(place)
                .into_iter()
                .filter(|path| !path.ends_with("outs"))
                .collect(),
            cache: ["", "kernels", "datadirs"]
                .iter()
                .flat_map(|folder| names(&cache().join(folder)))
                .collect(),
        }
    }
}

/// The folder of kernels and data folders that the runs use.
fn cache() -> PathBuf {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("LVS_MATRIX_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("lvs-matrix")))
        .or_else(|| Some(set("HOME")?.join(".cache/lvs-matrix")))
        .expect("a cache folder is needed: $LVS_MATRIX_CACHE, $XDG_CACHE_HOME or $HOME")
}

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
    cells.filter(|cell| cell["verdict"]["result"] == verdict).collect()
}

/// Asserts that all cells are met but one, which is undetermined for a reason with these words, and gives its record.
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
        reasons.iter().any(|reason| reason.as_str().unwrap().contains(words)),
        "no {words:?} in {reasons:#?}"
    );
    json(&out.join(lost[0]["record"].as_str().unwrap()))
}

/// The guest's process is killed on the host, as by somebody's `kill -9` or by the kernel for want of memory.
#[test]
fn a_killed_guest_costs_one_cell() {
    let _alone = alone();
    let host = Host::new("killed-guest");
    let out = host.out("out");
    let mut running = Running::start(
        host.run(&out, false)
            .args(["--jobs", "1", "--filter", "expire-nodest-conn=0"]),
        &out,
    );
    running.await_records(1);
    let guest = guests(running.pid(), &out).pop().expect("a guest runs");
    let all = descendants(running.pid());
    kill_process(Pid::from_raw(guest.pid).unwrap(), Signal::KILL).unwrap();
    let (code, stderr) = end(&mut running);
    let record = all_but_one(&out, code, 12, "the guest's process ended by itself");
    let failed = &record["lab"]["failed"];
    assert_eq!(failed["stage"], "run the cell in a guest");
    assert!(failed["log"].is_array(), "{failed:#}");
    assert!(stderr.contains("a guest ended early"), "{stderr}");
    host.nothing_is_left(&out, &all);
}

/// A guest that makes no progress, here because it is stopped, is ended by the host's clock.
#[test]
fn a_guest_that_stalls_costs_one_cell() {
    const STALL: Duration = Duration::from_secs(8);
    let _alone = alone();
    let host = Host::new("stalled-guest");
    let out = host.out("out");
    let mut command = host.run(&out, true);
    command.args(["--jobs", "1", "--filter", "expire-nodest-conn=1"]);
    let mut running = Running::start(command.arg("--stall").arg(STALL.as_secs().to_string()), &out);
    running.await_records(1);
    let guest = guests(running.pid(), &out).pop().expect("a guest runs");
    let all = descendants(running.pid());
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
    all_but_one(&out, code, 12, "no progress for 8 s of the host's clock");
    assert!(stderr.contains("no progress for 8 s"), "{stderr}");
    host.nothing_is_left(&out, &all);
}

/// SIGINT, once: the run ends in order, and its report says that it is partial.
#[test]
fn an_interrupted_run_reports_what_there_is() {
    let _alone = alone();
    let host = Host::new("interrupted");
    let out = host.out("out");
    let mut running = Running::start(&mut host.run(&out, true), &out);
    running.await_records(2);
    let all = descendants(running.pid());
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
    assert!(met >= 2 && met + lost.len() + missing.len() == 24, "{report:#}");
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
    assert!(
        stdout.ends_with(&format!("report: {}\n", out.join("report.md").display())),
        "{stdout}"
    );
    host.nothing_is_left(&out, &all);
    say(lvs_matrix().arg("judge").arg(&out)).expect_code(3);
    assert_eq!(fs::read_to_string(out.join("report.md")).unwrap(), markdown);
}

/// SIGINT, twice: the run ends at once, even where the orderly end is stuck (here: nobody reads what it prints).
#[test]
fn interrupted_twice_it_ends_at_once() {
    let _alone = alone();
    let host = Host::new("interrupted-twice");
    let out = host.out("out");
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[b'-'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    let mut command = host.run(&out, true);
    let mut running = Running::start(command.stdout(writer), &out);
    drop(command);
    running.await_records(1);
    let all = descendants(running.pid());
    running.signal(Signal::INT);
    await_fact("the first signal's effect", GONE, || {
        running.stderr().contains("once more ends it at once").then_some(())
    });
    running.signal(Signal::INT);
    let status = running.wait();
    assert_eq!(status.signal(), Some(2), "{status}: {}", running.stderr());
    host.nothing_is_left(&out, &all);
    let mut printed = Vec::new();
    reader.read_to_end(&mut printed).unwrap();
    assert!(
        printed.iter().all(|byte| *byte == b'-'),
        "the result was printed: the orderly end was not stuck"
    );
    say(lvs_matrix().arg("judge").arg(&out)).expect_code(3);
}

/// `kill -9` of the program at any moment: no process, mount, namespace or file outside the output folder stays, and what was
/// recorded can be read and judged.
#[test]
fn killed_at_any_moment_it_leaves_nothing_behind() {
    const KILLS: u32 = 10;
    let _alone = alone();
    let host = Host::new("killed");
    // How long such a run takes here and now: the moments are spread over that time.
    let undisturbed = host.out("undisturbed");
    let begun = Instant::now();
    let (code, stderr) = end(&mut Running::start(&mut host.run(&undisturbed, false), &undisturbed));
    let whole = begun.elapsed();
    assert_eq!(code, 0, "{stderr}");
    host.nothing_is_left(&undisturbed, &[]);

    let (mut within, mut recorded) = (0, 0);
    for kill in 0..KILLS {
        let moment = whole.mul_f64((f64::from(kill) + chance()) / f64::from(KILLS));
        let out = host.out(&format!("killed-{kill}"));
        let mut running = Running::start(&mut host.run(&out, kill % 2 == 0), &out);
        std::thread::sleep(moment);
        let all = descendants(running.pid());
        running.child.kill().unwrap();
        let status = running.wait();
        let context = format!("kill {kill} after {moment:?} of {whole:?}, {status}: {}", out.display());
        eprintln!("{context}");
        host.nothing_is_left(&out, &all);
        within += u32::from(status.signal() == Some(9));
        recorded += what_was_recorded_is_good(&out, status.signal() == Some(9), &context);
    }
    assert!(within >= KILLS / 2, "only {within} runs were killed before their end");
    assert!(recorded > 0, "no run had recorded anything");
}

/// Judges what a killed run left; gives the number of its records.
fn what_was_recorded_is_good(out: &Path, killed: bool, context: &str) -> usize {
    if !out.join("run.json").exists() {
        assert_eq!(records(out), Vec::<PathBuf>::new(), "records without a run: {context}");
        let said = say(lvs_matrix().arg("judge").arg(out)).expect_code(2);
        assert!(said.stderr.contains("is not the folder of a run"), "{}", said.stderr);
        return 0;
    }
    let records = records(out);
    for record in &records {
        assert_eq!(json(record)["lab"], "completed", "{}: {context}", record.display());
    }
    let said = say(lvs_matrix().arg("judge").arg(out));
    let report = report(out);
    assert_eq!(cells_with(&report, "met").len(), records.len(), "{context}: {report:#}");
    let missing = report["missing"].as_array().unwrap();
    assert_eq!(missing.len(), 24 - records.len(), "{context}");
    let ended = report["state"] == "ended";
    assert_eq!(
        said.code(),
        if missing.is_empty() { 0 } else { 3 },
        "{context}: {said:#?}"
    );
    assert!(killed || ended, "{context}");
    for cell in missing {
        assert!(
            cell["reason"].as_str().unwrap().contains("was killed"),
            "{context}: {cell:#}"
        );
    }
    if let Some(first) = records.first() {
        let id = first.parent().unwrap().strip_prefix(out).unwrap().to_str().unwrap();
        assert!(
            !cell(&report, id)["evidence"].as_array().unwrap().is_empty(),
            "{context}"
        );
    }
    records.len()
}

/// A number from 0 to 1 that nobody chose.
fn chance() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    f64::from(now.subsec_nanos() % 10_007) / 10_007.0
}
