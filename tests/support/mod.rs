//! What the tests of the whole share: the program, its ends, folders for results.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; its helpers are no production code"
)]

pub(crate) mod account;
pub(crate) mod captures;
pub(crate) mod processes;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No command takes this long, on whatever machine: one that does is stuck.
pub(crate) const STUCK: Duration = Duration::from_secs(300);

/// The program under test. What the caller's environment says of kernel, cache and server holds, as it does
/// in `make run`.
pub(crate) fn lvs_matrix() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lvs-matrix"));
    command.stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
    // Or a run of the tests on GitHub would annotate and summarise the runs of the tests.
    for variable in ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"] {
        command.env_remove(variable);
    }
    command
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// The exit code; a panic of the program has 101.
    pub(crate) fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| panic!("ended by a signal: {self:#?}"))
    }

    /// Asserts on the exit code, showing all that was said.
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        self
    }
}

/// Runs a command to its end.
pub(crate) fn say(command: &mut Command) -> Said {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdout = drain(child.stdout.take().unwrap());
    let stderr = drain(child.stderr.take().unwrap());
    let status = wait(&mut child, STUCK);
    Said {
        status,
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

fn drain(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    })
}

/// Waits for a child's end; one that does not end is killed, and the test fails.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> ExitStatus {
    let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).unwrap();
    let start = Instant::now();
    while start.elapsed() < limit {
        let rest = limit.saturating_sub(start.elapsed()).try_into().unwrap();
        // An interrupted poll is a short one.
        if poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&rest)).is_ok_and(|ready| ready == 1) {
            return child.wait().unwrap();
        }
    }
    child.kill().unwrap();
    panic!("not ended after {limit:?}: {child:?}, {:?}", child.wait());
}

/// Waits until `fact` gives something; fails with `what` if it does not in time.
pub(crate) fn await_fact<T>(what: &str, limit: Duration, mut fact: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = fact() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A run that goes on while the test does something to it. Its standard error is a file, so that it can be
/// looked at.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) out: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Starts `command`, whose output folder is `out`; what it says goes beside that folder.
    pub(crate) fn start(command: &mut Command, out: &Path) -> Self {
        let stderr = out.with_extension("stderr");
        let child = command
            .stderr(fs::File::create(&stderr).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self {
            child,
            out: out.to_owned(),
            stderr,
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        Pid::from_child(&self.child).as_raw_pid()
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        // It may have been seen to have ended, and then it has no number any more.
        if let Some(status) = self.child.try_wait().unwrap() {
            return status;
        }
        wait(&mut self.child, STUCK)
    }

    /// Waits until at least `count` cells have left a record.
    pub(crate) fn await_records(&mut self, count: usize) {
        await_fact(&format!("{count} records"), STUCK, || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the run ended before: {status}\n{}", self.stderr());
            }
            (records(&self.out).len() >= count).then_some(())
        });
    }
}

impl Drop for Running {
    /// A test that fails leaves nothing running.
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The records of a run's cells, as paths; those of dry cells are not among them.
pub(crate) fn records(out: &Path) -> Vec<PathBuf> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).map(|entries| entries.flatten().map(|entry| entry.path()));
        entries.map(Iterator::collect).unwrap_or_default()
    };
    let mut found: Vec<PathBuf> = folders(out)
        .iter()
        .filter(|path| !path.file_name().unwrap().as_encoded_bytes().starts_with(b"."))
        .flat_map(|scenario| folders(scenario))
        .filter(|cell| !cell.to_string_lossy().ends_with("@dry"))
        .map(|cell| cell.join("record.json"))
        .filter(|record| record.is_file())
        .collect();
    found.sort();
    found
}

/// A folder of this test process for results, empty at first. It stays, so that a failed test can be looked
/// into; what earlier test processes left is removed.
pub(crate) fn results(name: &str) -> PathBuf {
    static TAKEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    assert!(
        TAKEN.lock().unwrap().insert(name.to_owned()),
        "{name} is in use already"
    );
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let own = std::process::id().to_string();
    fs::create_dir_all(parent).unwrap();
    for entry in fs::read_dir(parent).unwrap().flatten() {
        let (old, pid) = (entry.path(), entry.file_name());
        let pid = pid
            .to_str()
            .and_then(|text| text.strip_prefix(name)?.strip_prefix('.'));
        // One with this process's number is of another PID namespace, or of an earlier process.
        if pid.is_some_and(|pid| pid == own || !Path::new("/proc").join(pid).exists()) {
            // Another test process may be removing it, too.
            let _ = fs::remove_dir_all(old);
        }
    }
    let folder = parent.join(format!("{name}.{own}"));
    fs::create_dir(&folder).unwrap();
    folder
}

/// The repository's folder.
pub(crate) fn repository() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

/// The shipped scenarios, in the order of their names.
pub(crate) fn shipped() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(repository().join("scenarios"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

/// Shipped scenarios that say enough of a place.
pub(crate) fn shipped_for_a_place() -> Vec<PathBuf> {
    let mut files = shipped();
    files.retain(|path| says_enough_of_a_place(path));
    files
}

/// Is the scenario one that is run in every place? Those of the many faults and settings take several times
/// as long as all others together, and differ in what is done to a lab, not in where it is. A check of
/// keepalived's by a program needs root, which only guests have. For how long a router takes a silent
/// neighbour for a reachable one is random (`neigh_rand_reach_time`), and by the client's random port a
/// scheduler chooses for clients behind it: such cells are not the same twice. Neither is whom rr gives to a
/// client beside probes. VRRP takes its seconds, and
/// what the sync daemon forgets takes a quarter of an hour.
pub(crate) fn says_enough_of_a_place(scenario: &Path) -> bool {
    let of_many = [
        "faults.yaml",
        "keepalived-reload.yaml",
        "ldirectord.yaml",
        "quorum.yaml",
        "sync-by-hand.yaml",
        "too-many-connect-errors.yaml",
        "drop-entry.yaml",
        "delete-variants.yaml",
        "distribution.yaml",
        "firewall.yaml",
        "firewall-rules.yaml",
        "drain.yaml",
        "client-actions.yaml",
        "client-timeouts.yaml",
        "connect-timeouts.yaml",
        "keepalive-cuts.yaml",
        "transactions.yaml",
        "orphaned-locks.yaml",
        "health-checks.yaml",
        "router.yaml",
        "shared-address.yaml",
        "director-failover.yaml",
        "move-vip.yaml",
        "failback.yaml",
        "sync-low-rate.yaml",
        "partition-heals.yaml",
        "failover-outage.yaml",
        "virtual-mac.yaml",
        "outages.yaml",
        "rolling-restart.yaml",
    ];
    of_many.iter().all(|name| !scenario.ends_with(name))
}

/// A JSON file.
pub(crate) fn json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A cell of a `report.json` by its id.
pub(crate) fn cell<'a>(report: &'a Value, id: &str) -> &'a Value {
    let cells = report["cells"].as_array().unwrap();
    cells
        .iter()
        .find(|cell| cell["id"] == id)
        .unwrap_or_else(|| panic!("{id} is not among the report's cells"))
}

/// How the program's end looks to a shell: 128 and the signal's number, if one ended it.
pub(crate) fn shell_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
}

/// Copies a folder with all that is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}
