//! What drives a native run on the machine that a guest stands in for. It is root there, and its results go
//! into the share.

use crate::support::processes::{self, Process};
use lvs_matrix_guest::init::Console;
use lvs_matrix_guest::protocol::{INPUTS_VARIABLE, SHARE_VARIABLE};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The first argument in this role.
pub(crate) const ROLE: &str = "drive";
/// The inputs: the program, the folder of the scenarios, and data folders that were made before.
pub(crate) const PROGRAM: &str = "lvs-matrix";
pub(crate) const SCENARIOS: &str = "scenarios";
pub(crate) const DATADIRS: &str = "datadirs";
/// In QEMU: the list of what is built in, which a host has beside its modules.
pub(crate) const BUILT_IN: &str = "modules.builtin";
/// Scenarios with up to so many cells are run whole on the machine and in guests; of the others a sample is.
pub(crate) const FEW: usize = 24;
/// Words that stand for files of the folder of scenarios: those that say enough of a place, and all;
/// `NAME.yaml` is one of them. Of the first a sample is run, unless a `--filter` says what is.
pub(crate) const ENOUGH_SCENARIOS: &str = "ENOUGH";
pub(crate) const ALL_SCENARIOS: &str = "ALL";

/// The run's output folder on the machine: in its memory. The share belongs to a user who is nobody there.
const OUT: &str = "/tmp/run/out";
const CACHE: &str = "/tmp/cache";

/// How a run ended, as it is told in the share.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(share: &Path) -> Self {
        let read = |name: &str| fs::read_to_string(share.join(name)).unwrap();
        Self {
            code: read("code").parse().unwrap(),
            stdout: read("stdout"),
            stderr: read("stderr"),
        }
    }

    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }
}

pub(crate) fn act(words: &[String]) -> ExitCode {
    let [what, arguments @ ..] = words else {
        panic!("nothing to do");
    };
    fs::create_dir(Path::new(OUT).parent().unwrap()).unwrap();
    // Only to save the time of making one: what does not fit this server is not used.
    let made = folder(INPUTS_VARIABLE).join(DATADIRS);
    if made.is_dir() {
        fs::create_dir(CACHE).unwrap();
        crate::support::copy_folder(&made, &Path::new(CACHE).join(DATADIRS));
    }
    let built_in = folder(INPUTS_VARIABLE).join(BUILT_IN);
    if built_in.is_file() {
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let modules = Path::new("/usr/lib/modules").join(release);
        fs::create_dir_all(&modules).unwrap();
        fs::copy(built_in, modules.join(BUILT_IN)).unwrap();
    }
    match what.as_str() {
        "run" => run(arguments),
        "look" => {
            let before = Traces::now();
            let child = start("auto", arguments);
            let seen = watch(&child);
            end(child);
            store("seen.json", &seen);
            store("left.json", &before.left());
        }
        "kill" => kill(arguments),
        "tables" => tables(),
        "in-use" => {
            doctor("before.json");
            let status = Command::new("ipvsadm")
                .args(["-A", "-t", "192.0.2.200:3306", "-s", "rr"])
                .status()
                .unwrap();
            assert!(status.success());
            doctor("after.json");
            run(arguments);
        }
        other => panic!("{other:?}"),
    }
    ExitCode::SUCCESS
}

/// A table of several services, entries in it, and how ipvsadm(8) and the kernel show them.
fn tables() {
    let ipvsadm = |line: &str| {
        let output = Command::new("ipvsadm").args(line.split(' ')).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    assert!(up.unwrap().success());
    for line in [
        "-A -t 127.0.0.1:8001 -s wlc",
        "-a -t 127.0.0.1:8001 -r 127.0.0.12:8002 -m -w 0",
        "-a -t 127.0.0.1:8001 -r 127.0.0.11:8002 -m -w 100",
        "-A -u 192.0.2.100:53 -s rr -o",
        "-a -u 192.0.2.100:53 -r 192.0.2.32:53 -g -w 1",
        "-a -u 192.0.2.100:53 -r 192.0.2.31:53 -i -w 65535",
        "-A -t [2001:db8::100]:3306 -s wrr",
        "-a -t [2001:db8::100]:3306 -r [2001:db8::31]:3306 -g -w 2",
        "-A -t 172.16.0.100:80 -s nq",
    ] {
        ipvsadm(line);
    }
    // A connection that is refused leaves an entry.
    assert!(std::net::TcpStream::connect("127.0.0.1:8001").is_err());
    let shown = ["ip_vs", "ip_vs_conn"].map(|name| fs::read_to_string(format!("/proc/net/{name}")).unwrap());
    let listed = ["-Ln", "-Lnc"].map(ipvsadm);
    store(
        "tables.json",
        &serde_json::json!({ "kernel": shown, "ipvsadm": listed }),
    );
}

fn folder(variable: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(variable).unwrap())
}

fn store(name: &str, value: &impl serde::Serialize) {
    fs::write(
        folder(SHARE_VARIABLE).join(name),
        serde_json::to_string(value).unwrap(),
    )
    .unwrap();
}

/// `lvs-matrix run --place PLACE`, begun.
fn start(place: &str, arguments: &[String]) -> Child {
    let inputs = folder(INPUTS_VARIABLE);
    let mut command = Command::new(inputs.join(PROGRAM));
    command.args(["run", "--place", place, "--out", OUT]);
    for argument in arguments {
        let files = fs::read_dir(inputs.join(SCENARIOS))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = files
            .filter(|path| path.extension().is_some_and(|it| it == "yaml"))
            .collect();
        files.sort();
        match argument.as_str() {
            ALL_SCENARIOS => command.args(&files),
            ENOUGH_SCENARIOS => {
                files.retain(|path| crate::support::says_enough_of_a_place(path));
                command.args(&files);
                if !arguments.iter().any(|argument| argument.starts_with("--filter")) {
                    command.args(crate::sample::filters(&files, FEW, &[]));
                }
                &mut command
            }
            file if file.ends_with(".yaml") => command.arg(inputs.join(SCENARIOS).join(file)),
            other => command.arg(other),
        };
    }
    command
        .env("LVS_MATRIX_CACHE", CACHE)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(fs::File::create("/tmp/run/stdout").unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Awaits the end, and puts everything into the share. What the run says keeps the watching host patient.
fn end(mut child: Child) {
    let console = Console::open().unwrap();
    let mut stderr = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        console.say(&line).unwrap();
        stderr.push_str(&line);
        stderr.push('\n');
    }
    let status = child.wait().unwrap();
    let share = folder(SHARE_VARIABLE);
    fs::write(share.join("code"), crate::shell_code(status).to_string()).unwrap();
    fs::write(share.join("stderr"), stderr).unwrap();
    fs::write(share.join("stdout"), fs::read("/tmp/run/stdout").unwrap()).unwrap();
    if Path::new(OUT).is_dir() {
        crate::support::copy_folder(Path::new(OUT), &share.join("out"));
    }
    for name in ["code", "stdout", "stderr", "out"] {
        if share.join(name).exists() {
            console.hand_over(Path::new(name), name).unwrap();
        }
    }
}

fn run(arguments: &[String]) {
    end(start("host", arguments));
}

/// What `lvs-matrix doctor` says of the machine's own kernel, into the share.
fn doctor(name: &str) {
    let mut command = Command::new(folder(INPUTS_VARIABLE).join(PROGRAM));
    command
        .args(["doctor", "--format", "json"])
        .env("LVS_MATRIX_CACHE", CACHE);
    let checks: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let own = checks
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == "host's own kernel");
    store(name, own.unwrap());
}

/// What may not be more after a run than before.
struct Traces {
    processes: Vec<Process>,
    mounts: String,
    links: String,
    files: Vec<PathBuf>,
}

impl Traces {
    fn now() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap();
        // The counters of links change.
        let links = read("/proc/net/dev");
        let links = links
            .lines()
            .filter_map(|line| Some(line.split_once(':')?.0.trim()))
            .collect::<Vec<_>>();
        let files = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lvs-matrix"].map(|folder| {
            let entries = fs::read_dir(folder).unwrap();
            entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
        });
        Self {
            processes: processes::all(),
            mounts: read("/proc/self/mountinfo"),
            links: links.join(" "),
            files: files.concat(),
        }
    }

    /// What is there now and was not, in words. The cache and the run's own folder are to be there.
    fn left(&self) -> Vec<String> {
        let now = Self::now();
        let mut left: Vec<String> = now
            .processes
            .iter()
            .filter(|process| !self.processes.contains(process) && !process.name.starts_with("kworker"))
            .map(|process| format!("process {process:?}"))
            .collect();
        if now.mounts != self.mounts {
            left.push(format!("mounts: {}", now.mounts));
        }
        if now.links != self.links {
            left.push(format!("links: {}", now.links));
        }
        let ours = [Path::new(CACHE), Path::new("/tmp/run")];
        let files = now
            .files
            .iter()
            .filter(|file| !self.files.contains(file) && !ours.contains(&file.as_path()));
        left.extend(files.map(|file| format!("file {}", file.display())));
        left
    }
}

/// What /proc says of the run's processes and their threads while it goes on, for each the last.
fn watch(child: &Child) -> Vec<BTreeMap<String, String>> {
    let run = i32::try_from(child.id()).unwrap();
    let mut seen: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    while Path::new(&format!("/proc/{run}/cwd")).exists() {
        for process in processes::descendants(run) {
            // A program that is asked who it is serves nobody.
            let line = fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
            if line.split(|byte| *byte == 0).any(|word| word == b"--version") {
                continue;
            }
            let threads = fs::read_dir(format!("/proc/{}/task", process.pid))
                .into_iter()
                .flatten()
                .flatten();
            for thread in threads {
                let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
                let mut fields: BTreeMap<String, String> = status
                    .lines()
                    .filter_map(|line| line.split_once(':'))
                    .map(|(name, value)| {
                        (
                            name.to_owned(),
                            value.split_whitespace().collect::<Vec<_>>().join(" "),
                        )
                    })
                    .collect();
                if let Some(name) = fields.get("Name").cloned() {
                    fields.insert("name".to_owned(), name.clone());
                    // Between fork and exec a server is what it came from.
                    seen.insert(format!("{} {name}", thread.path().display()), fields);
                }
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    seen.into_values().collect()
}

/// Signals at several moments, and at as many more by chance as the first argument says; each time all that
/// the run had begun ends with it, and its exit code says neither 0 nor 1 of what was not seen.
fn kill(arguments: &[String]) {
    let [more, arguments @ ..] = arguments else {
        panic!("how many moments?");
    };
    let signals = [
        Signal::KILL,
        Signal::TERM,
        Signal::KILL,
        Signal::INT,
        Signal::KILL,
        Signal::HUP,
    ];
    let console = Console::open().unwrap();
    // The cache is made by a run that is left alone.
    end(start(
        "host",
        &[
            arguments,
            &["--filter".to_owned(), "present_up_execute-sql_0".to_owned()],
        ]
        .concat(),
    ));
    let mut left: Vec<Value> = Vec::new();
    let by_chance = (0..more.parse().unwrap()).map(|_| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::from(now.subsec_micros() % 13_000)
    });
    let fixed = [0, 5, 20, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800];
    for (number, milliseconds) in fixed.into_iter().chain(by_chance).enumerate() {
        let _ = fs::remove_dir_all(OUT);
        let before = Traces::now();
        let mut child = start("host", arguments);
        // The moment itself is what is varied; nothing is waited for.
        std::thread::sleep(Duration::from_millis(milliseconds));
        let signal = signals[number % signals.len()];
        let over = child.try_wait().unwrap().is_some();
        if !over {
            kill_process(Pid::from_child(&child), signal).unwrap();
        }
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = child.wait().unwrap();
        // 0: over, or struck when only its last words were left. 3: an orderly end.
        let good = match (status.code(), status.signal()) {
            (Some(0), None) => over || said.contains("24/24"),
            (Some(3), None) => signal != Signal::KILL && said.contains("ending the run"),
            (None, Some(ended_by)) => ended_by == signal.as_raw(),
            (Some(_) | None, _) => false,
        };
        if !good {
            left.push(Value::from(format!(
                "{signal:?} after {milliseconds} ms: {status}: {said}"
            )));
        }
        let gone = (0..1000).find_map(|_| {
            let found = before.left();
            if !found.is_empty() {
                std::thread::sleep(Duration::from_millis(10));
            }
            found.is_empty().then_some(())
        });
        if gone.is_none() {
            left.push(Value::from(format!(
                "after {milliseconds} ms: {:?}",
                before.left()
            )));
        }
        console
            .say(&format!("{signal:?} after {milliseconds} ms: {status}"))
            .unwrap();
    }
    store("left.json", &left);
}
