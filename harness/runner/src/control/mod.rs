//! keepalived(8) on a director, and what it makes of the director's table. Of two directors each has its own.
//!
//! [`watch`] finds what it does by itself; [`table`] says what of the director's table is its doing.

mod table;
mod watch;

pub(crate) use watch::Held;

use table::{address_of, destinations, has, listed, wanted};
use watch::Shared;

use crate::clock::{Clock, poll_for};
use crate::director;
use crate::enclosed;
use crate::error::{LabError, Result, Stage};
use crate::program::in_path;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Node, StopSignal};
use lvs_matrix_model::ipvs::Table;
use lvs_matrix_model::plan::{CHECKER, KEEPALIVED_FOLDER, LabPlan, Told};
use lvs_matrix_model::record::{DirectorSnapshot, Listed, LoggedLine, Proof, VipChange};
use lvs_matrix_netns::Namespace;
use rustix::process::{Pid, Signal};
use std::cell::RefCell;
use std::fs;
use std::io::{self, PipeWriter};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// The word by which this binary is called as the program of a `MISC_CHECK`. No command of the command line.
pub const HEALTH_CHECK: &str = "health-check";
/// How long keepalived may take to fill the table, to read its configuration again, and to end.
const DEADLINE: Duration = Duration::from_secs(30);
/// What keepalived says when it has read its configuration again
/// (keepalived/check/check_daemon.c, `reload_check_thread`).
const RELOADED: &str = "Reload complete";
/// What it says when it has started (keepalived/core/main.c, `keepalived_main`).
const STARTED: &str = "Startup complete";
/// What it says of a check that it will not make (keepalived/check/check_misc.c).
const DISABLED: &str = "Disabling misc script";
/// How it complains of its configuration (keepalived/lib/parser.c, `report_config_error`).
const COMPLAINS: &str = "(keepalived.conf: Line ";
/// How many of them are told where there is one line for the failure.
const LAST_WORDS: usize = 2;
/// How lines begin that it logs whenever it starts and ends, and that say nothing of why it does.
const ROUTINE: [&str; 8] = [
    "Activating ",
    "Registering ",
    "Starting ",
    "Opening ",
    "Gained ",
    "CPU usage ",
    "Stopp",
    "pid ",
];
/// How many lines of the log an error shows.
const SHOWN: usize = 8;

/// keepalived on a director, or its place where it is stopped.
pub(crate) struct Control {
    /// Which director.
    pub(crate) node: Node,
    daemon: Option<Daemon>,
    /// The configuration that it was given last.
    told: Told,
    /// How the last one ended.
    ended: String,
    folder: PathBuf,
    shared: Arc<Shared>,
    /// What keepalived writes its log to.
    log: PipeWriter,
    /// Dropping it ends the thread that watches.
    stop: Option<PipeWriter>,
    watcher: Option<JoinHandle<()>>,
}

/// A running keepalived. It and everything that it started end with it.
struct Daemon {
    child: Child,
    enclosure: Option<String>,
}

/// What was found of a keepalived.
pub(crate) struct Watched {
    /// Its log.
    pub(crate) log: Vec<LoggedLine>,
    /// The tables that it made.
    pub(crate) changes: Vec<DirectorSnapshot>,
    /// When the VIP came to its director, or left it.
    pub(crate) moves: Vec<VipChange>,
}

impl Control {
    /// Starts keepalived in a director's namespace, and waits until the table is as its configuration says.
    pub(crate) fn start(
        plan: &LabPlan,
        (node, director): (&Node, &Namespace),
        clock: Clock,
        scratch: &Path,
    ) -> Result<Self> {
        let stage = "start keepalived";
        if let Err(error) = in_path("keepalived") {
            let hint = "install Debian's package keepalived, or leave `keepalived` out of the lab";
            return Err(LabError::new(stage, format!("{error}; {hint}")));
        }
        let folder = scratch.join(match node.is_first_director() {
            true => "keepalived".to_owned(),
            false => format!("keepalived-{node}"),
        });
        fs::create_dir(&folder).stage(stage)?;
        let checker = folder.join(CHECKER);
        // The kernel gives it to this program to read, with its arguments (fs/binfmt_script.c).
        let script = format!("#!{} {HEALTH_CHECK}\n", own_file().display());
        fs::write(&checker, script).stage(stage)?;
        fs::set_permissions(&checker, fs::Permissions::from_mode(0o700)).stage(stage)?;
        let (reader, log) = io::pipe().stage(stage)?;
        let (stopped, stop) = io::pipe().stage(stage)?;
        let moving = plan.moving().into_iter().map(|(cidr, _)| cidr.address);
        let moving = moving.filter(|_| plan.has_two_directors()).collect();
        let shared = Arc::new(Shared::new(node.clone(), moving, director::table(director)?));
        let watched = Arc::clone(&shared);
        let own = folder.display().to_string();
        let watcher = director
            .spawn("watch", move || {
                watch::watch(&watched, clock, (reader, &own), &stopped)
            })
            .stage(stage)?;
        let mut control = Self {
            node: node.clone(),
            daemon: None,
            told: Told::default(),
            ended: String::new(),
            folder,
            shared,
            log,
            stop: Some(stop),
            watcher: Some(watcher),
        };
        control.configure(plan)?;
        control.launch(plan, director)?;
        Ok(control)
    }

    /// Waits until its director has the VIP, as long as keepalived lives.
    pub(crate) fn await_vip(&mut self, plan: &LabPlan) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let stage = "wait until the first director has the VIP";
        // Three intervals and a part of one pass before a backup takes it.
        let keepalived = plan.keepalived();
        let patience = keepalived.map_or(Duration::ZERO, |said| said.advert_int() * 4);
        let deadline = DEADLINE + patience;
        let holds = || Ok(shared.lock().holds_vip().then_some(()));
        self.await_fact(deadline, stage, holds, || {
            let seconds = deadline.as_secs();
            format!(
                "after {seconds} s keepalived has not given the VIP to the first director; its log says why"
            )
        })
    }

    fn configure(&self, plan: &LabPlan) -> Result<()> {
        let stage = "write keepalived's configuration";
        let text = plan.keepalived_config(&self.node, &self.told);
        let text = text.ok_or_else(|| LabError::new(stage, "the plan has no keepalived"))?;
        let text = text.replace(KEEPALIVED_FOLDER, &self.folder.display().to_string());
        fs::write(self.folder.join("keepalived.conf"), text).stage(stage)
    }

    /// Starts it with the configuration that is there, and waits for the table.
    pub(crate) fn launch(&mut self, plan: &LabPlan, director: &Namespace) -> Result<Proof> {
        let stage = "start keepalived";
        // Lines of one configuration can be for one director alone (`@director …`).
        let id = self.node.to_string();
        let mut words = vec![
            "keepalived",
            "--dont-fork",
            "--log-console",
            "--log-detail",
            "--use-file",
            "keepalived.conf",
            "--pid",
            "keepalived.pid",
            "--config-id",
            &id,
            "--checkers_pid",
            "checkers.pid",
        ];
        match plan.has_two_directors() {
            true => words.extend(["--vrrp_pid", "vrrp.pid"]),
            false => words.push("--check"),
        }
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        // A keepalived that was killed leaves these behind, and the next one would take them for its own.
        for left in ["keepalived.pid", "checkers.pid", "vrrp.pid"] {
            match fs::remove_file(self.folder.join(left)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(LabError::new(stage, error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        let shared = Arc::clone(&self.shared);
        let before = shared.lock().lines.len();
        let mut command = enclosed::privileged(&words).stage(stage)?;
        let log = || self.log.try_clone().stage(stage);
        command
            .env_clear()
            .env("PATH", crate::program::path())
            .env("LANG", "C")
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log()?)
            .stderr(log()?);
        let child = director
            .spawn("start", move || command.spawn())
            .stage(stage)?
            .join()
            .map_err(|_| LabError::new(stage, "the thread that starts it has panicked"))?
            .stage(stage)?;
        let enclosure = enclosed::namespace_of(&child);
        self.daemon = Some(Daemon { child, enclosure });
        let wanted = wanted(plan, &self.node, &self.told);
        let listed = self.await_table(stage, director, plan, |table| {
            let seen = shared.lock();
            let mut new = seen.lines.iter().skip(before);
            new.any(|line| line.text == STARTED) && has(table, plan, &wanted)
        })?;
        self.understood(stage, before)?;
        // Without its checks it would find every server well.
        let seen = shared.lock();
        let mut new = seen.lines.iter().skip(before);
        match new.find(|line| line.text.starts_with(DISABLED)) {
            None => Ok(Proof::KeepalivedRuns { listed }),
            Some(line) => Err(LabError::new(
                stage,
                format!(
                    "keepalived logged `{}`: it runs a check's program only as root, which it is in guests \
                     (`--place guest`)",
                    line.text
                ),
            )),
        }
    }

    /// Waits until the table is so, as long as keepalived lives.
    fn await_table(
        &mut self,
        stage: &str,
        director: &Namespace,
        plan: &LabPlan,
        is_so: impl Fn(&Table) -> bool,
    ) -> Result<Listed> {
        let last = RefCell::new(Listed(None));
        let look = || {
            let table = director::table(director)?;
            let listed = listed(plan, &table);
            last.replace(listed.clone());
            Ok(is_so(&table).then_some(listed))
        };
        self.await_fact(DEADLINE, stage, look, || {
            format!("after {} s the table has {}", DEADLINE.as_secs(), last.borrow())
        })
    }

    /// Waits for a fact while keepalived runs. If it does not come true in time, the error says `not_so`,
    /// with the last lines of keepalived's log.
    fn await_fact<T>(
        &mut self,
        deadline: Duration,
        stage: &str,
        mut look: impl FnMut() -> Result<Option<T>>,
        not_so: impl FnOnce() -> String,
    ) -> Result<T> {
        let found = poll_for(deadline, Duration::from_millis(1), || {
            let so = look()?;
            let ended = match &mut self.daemon {
                Some(daemon) => daemon.child.try_wait().stage(stage)?,
                None => None,
            };
            match (so, ended) {
                (Some(so), _) => Ok(Some(so)),
                (None, Some(status)) => {
                    let (how, said) = (in_words(status), last_words(&self.shared));
                    let reason = format!("keepalived has ended: {how}; it said last: {said}");
                    Err(LabError::new(stage, reason))
                }
                (None, None) => Ok(None),
            }
        });
        let found = found.and_then(|found| found.ok_or_else(|| LabError::new(stage, not_so())));
        found.map_err(|error| LabError {
            log: self.last_lines(),
            ..error
        })
    }

    /// What it does not understand of its configuration it says, with the line, and goes on without it
    /// (keepalived/lib/parser.c, `report_config_error`). Then the lab would not be what its author wrote.
    fn understood(&self, stage: &str, before: usize) -> Result<()> {
        let seen = self.shared.lock();
        let new = seen.lines.iter().skip(before);
        let complains = |line: &&LoggedLine| line.text.starts_with(COMPLAINS);
        let log: Vec<String> = new.filter(complains).map(|line| line.text.clone()).collect();
        match log.first() {
            None => Ok(()),
            Some(first) => Err(LabError {
                log: log.clone(),
                ..LabError::new(
                    stage,
                    format!("keepalived does not understand its configuration: {first}"),
                )
            }),
        }
    }

    /// The last lines of its log.
    fn last_lines(&self) -> Vec<String> {
        let seen = self.shared.lock();
        let from = seen.lines.len().saturating_sub(SHOWN);
        let lines = seen.lines.iter().skip(from);
        lines.map(|line| line.text.clone()).collect()
    }

    /// Ends it by a signal, and waits until all of its processes are gone.
    pub(crate) fn end(&mut self, plan: &LabPlan, director: &Namespace, signal: StopSignal) -> Result<Proof> {
        let stage = "stop keepalived";
        let mut daemon = self.take(stage)?;
        let pids = daemon.pids();
        let first = *pids
            .first()
            .ok_or_else(|| LabError::new(stage, "no process of it is there"))?;
        let sent = match signal {
            StopSignal::Term => vec![(first, Signal::TERM)],
            // A child whose parent is killed first is told to end (PR_SET_PDEATHSIG), and takes its
            // services out of the table. So the parent stands still until its children are gone.
            StopSignal::Kill => {
                let all = pids.iter().rev().map(|pid| (*pid, Signal::KILL));
                std::iter::once((first, Signal::STOP)).chain(all).collect()
            }
        };
        for (pid, signal) in sent {
            match rustix::process::kill_process(pid, signal) {
                // Its children end with it (PR_SET_PDEATHSIG), and may be gone by now.
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(LabError::new(stage, error)),
            }
        }
        let status = poll_for(DEADLINE, Duration::from_millis(1), || daemon.child.try_wait()).stage(stage)?;
        let status = status.ok_or_else(|| LabError {
            log: self.last_lines(),
            ..LabError::new(stage, format!("it is still there after {} s", DEADLINE.as_secs()))
        })?;
        self.ended = in_words(status);
        let table = director::table(director)?;
        Ok(Proof::KeepalivedEnded {
            status: self.ended.clone(),
            listed: listed(plan, &table),
        })
    }

    fn take(&mut self, stage: &str) -> Result<Daemon> {
        let nobody = || LabError::new(stage, "keepalived does not run");
        self.daemon.take().ok_or_else(nobody)
    }

    /// Was it started, and not stopped since?
    pub(crate) fn runs(&self) -> bool {
        self.daemon.is_some()
    }

    /// How it ended, if it is not there, or why it is there.
    pub(crate) fn status(&mut self) -> Option<String> {
        match &mut self.daemon {
            None => Some(self.ended.clone()),
            Some(daemon) => daemon.child.try_wait().ok().flatten().map(in_words),
        }
    }

    /// Has it read this configuration. What that no longer has must be gone from the table.
    pub(crate) fn reload(&mut self, plan: &LabPlan, director: &Namespace, told: Told) -> Result<Proof> {
        let stage = "reload keepalived";
        let before = plan.configured(&self.node, &self.told);
        let after = plan.configured(&self.node, &told);
        let is_left_out = |name: &Name| !after.iter().any(|server| server.name == *name);
        let gone: Vec<_> = before
            .iter()
            .filter(|server| is_left_out(&server.name))
            .filter_map(|server| address_of(plan, &server.name))
            .collect();
        self.told = told;
        self.configure(plan)?;
        let pids = self.daemon.as_ref().map(Daemon::pids).unwrap_or_default();
        let first = *pids
            .first()
            .ok_or_else(|| LabError::new(stage, "keepalived does not run"))?;
        let before = self.shared.lock().lines.len();
        rustix::process::kill_process(first, Signal::HUP).stage(stage)?;
        let shared = Arc::clone(&self.shared);
        let reloaded = move || {
            let seen = shared.lock();
            let mut new = seen.lines.iter().skip(before);
            new.any(|line| line.text == RELOADED)
        };
        let listed = self.await_table(stage, director, plan, |table| {
            reloaded()
                && gone
                    .iter()
                    .all(|address| !destinations(table, plan).contains_key(address))
        })?;
        self.understood(stage, before)?;
        Ok(Proof::KeepalivedReloaded { listed })
    }

    /// What becomes of the table from now on is a step's doing, until what is given is released.
    pub(crate) fn hold(&self) -> Held {
        Held::new(&self.shared)
    }

    /// Ends everything; gives what was found.
    pub(crate) fn finish(mut self) -> Result<Watched> {
        // Nobody but a step may end it.
        if let Some(status) = self.daemon.is_some().then(|| self.status()).flatten() {
            let ended = LabError::new("run keepalived", format!("it has ended by itself: {status}"));
            let log = self.last_lines();
            return Err(LabError { log, ..ended });
        }
        self.end_all();
        let mut seen = self.shared.lock();
        if let Some(failure) = seen.failure.take() {
            return Err(LabError::new("watch the director's table", failure));
        }
        Ok(Watched {
            log: std::mem::take(&mut seen.lines),
            changes: std::mem::take(&mut seen.changes),
            moves: std::mem::take(&mut seen.moves),
        })
    }

    /// The thread first: the end of keepalived is no part of the cell.
    fn end_all(&mut self) {
        self.stop = None;
        if let Some(watcher) = self.watcher.take()
            && watcher.join().is_err()
        {
            let failure = "the thread that watches has panicked".to_owned();
            self.shared.lock().failure.get_or_insert(failure);
        }
        self.daemon = None;
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.end_all();
    }
}

impl Daemon {
    /// Its processes, its own first one first.
    fn pids(&self) -> Vec<Pid> {
        let enclosure = self.enclosure.as_deref();
        let pids = enclosure.map(|enclosure| enclosed::of_program(&self.child, enclosure));
        let pids = pids.unwrap_or_default().into_iter();
        pids.filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?))
            .collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Its end is that of the first process of its PID namespace, and so of all others.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This program's file, as other processes can start it: by its path, or, where something else lies over
/// that, by this process. A process with capabilities lets nobody else look there (proc(5),
/// `PTRACE_MODE_READ`).
fn own_file() -> PathBuf {
    let same = |path: &PathBuf| {
        let there = fs::metadata(path).ok().zip(fs::metadata("/proc/self/exe").ok());
        there.is_some_and(|(one, other)| (one.dev(), one.ino()) == (other.dev(), other.ino()))
    };
    let by_path = std::env::current_exe().ok().filter(same);
    by_path.unwrap_or_else(|| format!("/proc/{}/exe", std::process::id()).into())
}

/// How long what a keepalived that has ended said may be on its way to who reads it.
const SAID: Duration = Duration::from_secs(1);

/// What a keepalived that has ended said last, before it took its leave.
fn last_words(shared: &Shared) -> String {
    let leave = |line: &LoggedLine| line.text.starts_with("Stopped Keepalived");
    let gone = || shared.lock().lines.iter().any(leave).then_some(());
    // One that was killed takes no leave.
    let _ = poll_for(SAID, Duration::from_millis(1), || Ok::<_, LabError>(gone()));
    let seen = shared.lock();
    let routine = |line: &&LoggedLine| ROUTINE.iter().any(|begins| line.text.starts_with(begins));
    let last = seen.lines.iter().rev().filter(|line| !routine(line));
    let last = last.take(LAST_WORDS);
    let mut last: Vec<String> = last.map(|line| format!("`{}`", line.text)).collect();
    last.reverse();
    last.join(", ")
}

/// How a process ended.
fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}
