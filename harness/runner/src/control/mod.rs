//! keepalived(8) or ldirectord(8) on a director, and what it makes of the director's table. Of two directors
//! each has its own.
//!
//! [`program`] says what is different about the two; [`watch`] finds what they do by themselves; [`table`]
//! says what of the director's table is their doing.

mod program;
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
use lvs_matrix_model::control::ControlPlane;
use lvs_matrix_model::ipvs::Table;
use lvs_matrix_model::plan::{CHECKER, CONTROL_FOLDER, LabPlan, Told};
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
/// How long it may take to fill the table, to read its configuration again, and to end.
const DEADLINE: Duration = Duration::from_secs(30);
/// How many of them are told where there is one line for the failure.
const LAST_WORDS: usize = 2;
/// How many lines of the log an error shows.
const SHOWN: usize = 8;

/// The program on a director, or its place where it is stopped.
pub(crate) struct Control {
    /// Which program it is.
    pub(crate) plane: ControlPlane,
    /// Which director.
    pub(crate) node: Node,
    daemon: Option<Daemon>,
    /// The configuration that it was given last.
    told: Told,
    /// How the last one ended.
    ended: String,
    folder: PathBuf,
    shared: Arc<Shared>,
    /// What it writes its log to.
    log: PipeWriter,
    /// Dropping it ends the thread that watches.
    stop: Option<PipeWriter>,
    watcher: Option<JoinHandle<()>>,
}

/// The running program. It and everything that it started end with it.
struct Daemon {
    child: Child,
    enclosure: Option<String>,
}

/// What was found of it.
pub(crate) struct Watched {
    /// Its log.
    pub(crate) log: Vec<LoggedLine>,
    /// The tables that it made.
    pub(crate) changes: Vec<DirectorSnapshot>,
    /// When the VIP came to its director, or left it.
    pub(crate) moves: Vec<VipChange>,
}

impl Control {
    /// Starts it in a director's namespace, and waits until the table is as its configuration says.
    pub(crate) fn start(
        plan: &LabPlan,
        (node, director): (&Node, &Namespace),
        clock: Clock,
        scratch: &Path,
    ) -> Result<Self> {
        let plane = plan.control_plane();
        let plane = plane.ok_or_else(|| LabError::new("start the control plane", "the plan has none"))?;
        let stage = &format!("start {plane}");
        if let Err(error) = in_path(plane.as_str()) {
            let hint = format!("install Debian's package {plane}, or leave `{plane}` out of the lab");
            return Err(LabError::new(stage, format!("{error}; {hint}")));
        }
        let folder = scratch.join(match node.goes_without_saying() {
            true => plane.to_string(),
            false => format!("{plane}-{node}"),
        });
        fs::create_dir(&folder).stage(stage)?;
        let checker = folder.join(CHECKER);
        fs::write(&checker, program::checker(plan, &own_file())).stage(stage)?;
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
                watch::watch((plane, &watched), clock, (reader, &own), &stopped)
            })
            .stage(stage)?;
        let mut control = Self {
            plane,
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
        control.launch(plan, director, true)?;
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
        let holds = |_: Option<&Daemon>| Ok(shared.lock().holds_vip().then_some(()));
        self.await_fact(deadline, stage, holds, || {
            let seconds = deadline.as_secs();
            format!(
                "after {seconds} s keepalived has not given the VIP to the first director; its log says why"
            )
        })
    }

    /// When the VIP came to its director, or left it, so far.
    pub(crate) fn moves(&self) -> Vec<VipChange> {
        self.shared.lock().moves.clone()
    }

    fn configure(&self, plan: &LabPlan) -> Result<()> {
        let stage = format!("write the configuration of {}", self.plane);
        let text = program::configuration(plan, &self.node, &self.told);
        let text = text.ok_or_else(|| LabError::new(&stage, "the plan has none"))?;
        let text = text.replace(CONTROL_FOLDER, &self.folder.display().to_string());
        // By rename: ldirectord may look at it at any moment.
        let new = self.folder.join("new");
        fs::write(&new, text).stage(&stage)?;
        fs::rename(new, self.folder.join(program::file(self.plane))).stage(stage)
    }

    /// Starts it with the configuration that is there, and waits for the table. At the beginning of a cell
    /// all servers work. Later keepalived puts in all of them, and ldirectord those that its first checks
    /// find well.
    pub(crate) fn launch(&mut self, plan: &LabPlan, director: &Namespace, first: bool) -> Result<Proof> {
        let plane = self.plane;
        let stage = &format!("start {plane}");
        let words = program::words(plan, plane, &self.node, &self.folder);
        for left in program::left_behind(plane) {
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
            .envs(program::environment(plane).iter().copied())
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
        let all = first || plane == ControlPlane::Keepalived;
        let listed = self.await_table(stage, director, plan, |table, daemon| {
            let seen = shared.lock();
            let mut new = seen.lines.iter().skip(before);
            let started = new.any(|line| program::has_started(plane, &line.text));
            drop(seen);
            started && daemon.rests(plan) && (!all || has(table, plan, &wanted))
        })?;
        self.understood(stage, before)?;
        // Without its checks it would find every server well.
        let seen = shared.lock();
        let mut new = seen.lines.iter().skip(before);
        match new.find(|line| program::checks_not(plane, &line.text)) {
            None => Ok(Proof::ControlRuns { by: plane, listed }),
            Some(line) => Err(LabError::new(
                stage,
                format!(
                    "{plane} logged `{}`: it runs a check's program only as root, which it is in guests \
                     (`--place guest`)",
                    line.text
                ),
            )),
        }
    }

    /// Waits until the table is so, as long as the program lives.
    fn await_table(
        &mut self,
        stage: &str,
        director: &Namespace,
        plan: &LabPlan,
        is_so: impl Fn(&Table, &Daemon) -> bool,
    ) -> Result<Listed> {
        let last = RefCell::new(Listed(None));
        let look = |daemon: Option<&Daemon>| {
            let table = director::table(director)?;
            let listed = listed(plan, &table);
            last.replace(listed.clone());
            Ok(daemon
                .is_some_and(|daemon| is_so(&table, daemon))
                .then_some(listed))
        };
        self.await_fact(DEADLINE, stage, look, || {
            format!("after {} s the table has {}", DEADLINE.as_secs(), last.borrow())
        })
    }

    /// Waits for a fact while the program runs. If it does not come true in time, the error says `not_so`,
    /// with the last lines of the program's log.
    fn await_fact<T>(
        &mut self,
        deadline: Duration,
        stage: &str,
        mut look: impl FnMut(Option<&Daemon>) -> Result<Option<T>>,
        not_so: impl FnOnce() -> String,
    ) -> Result<T> {
        let found = poll_for(deadline, Duration::from_millis(1), || {
            let so = look(self.daemon.as_ref())?;
            let ended = match &mut self.daemon {
                Some(daemon) => daemon.child.try_wait().stage(stage)?,
                None => None,
            };
            match (so, ended) {
                (Some(so), _) => Ok(Some(so)),
                (None, Some(status)) => {
                    let (how, said) = (in_words(status), last_words(self.plane, &self.shared));
                    let reason = format!("{} has ended: {how}; it said last: {said}", self.plane);
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
    /// (keepalived/lib/parser.c, `report_config_error`; ldirectord's `config_error`). Then the lab would not
    /// be what its author wrote.
    fn understood(&self, stage: &str, before: usize) -> Result<()> {
        let seen = self.shared.lock();
        let new = seen.lines.iter().skip(before);
        let complains = |line: &&LoggedLine| program::complains(self.plane, &line.text);
        let log: Vec<String> = new.filter(complains).map(|line| line.text.clone()).collect();
        match log.first() {
            None => Ok(()),
            Some(first) => Err(LabError {
                log: log.clone(),
                ..LabError::new(
                    stage,
                    format!("{} does not understand its configuration: {first}", self.plane),
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
        let stage = &format!("stop {}", self.plane);
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
        Ok(Proof::ControlEnded {
            by: self.plane,
            status: self.ended.clone(),
            listed: listed(plan, &table),
        })
    }

    fn take(&mut self, stage: &str) -> Result<Daemon> {
        let nobody = || LabError::new(stage, format!("{} does not run", self.plane));
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
        let plane = self.plane;
        let stage = &format!("reload {plane}");
        let before = plan.configured(&self.node, &self.told);
        let after = plan.configured(&self.node, &told);
        let is_left_out = |name: &Name| !after.iter().any(|server| server.name == *name);
        let gone: Vec<_> = before
            .iter()
            .filter(|server| is_left_out(&server.name))
            .filter_map(|server| address_of(plan, &server.name))
            .collect();
        self.told = told;
        let before = self.shared.lock().lines.len();
        self.configure(plan)?;
        let pids = self.daemon.as_ref().map(Daemon::pids).unwrap_or_default();
        let first = *pids
            .first()
            .ok_or_else(|| LabError::new(stage, format!("{plane} does not run")))?;
        if !program::sees_by_itself(plan) {
            rustix::process::kill_process(first, Signal::HUP).stage(stage)?;
        }
        let shared = Arc::clone(&self.shared);
        let reloaded = move || {
            let seen = shared.lock();
            let new = seen.lines.iter().skip(before);
            program::rereads(plane, new.map(|line| line.text.as_str()))
        };
        let listed = self.await_table(stage, director, plan, |table, daemon| {
            reloaded().is_some()
                && daemon.rests(plan)
                && gone
                    .iter()
                    .all(|address| !destinations(table, plan).contains_key(address))
        })?;
        self.understood(stage, before)?;
        let line = reloaded().unwrap_or_default();
        Ok(Proof::ControlReloaded {
            by: plane,
            line,
            listed,
        })
    }

    /// What becomes of the table from now on is a step's doing, until what is given is released.
    pub(crate) fn hold(&self) -> Held {
        Held::new(&self.shared)
    }

    /// Ends everything; gives what was found.
    pub(crate) fn finish(mut self) -> Result<Watched> {
        // Nobody but a step may end it.
        if let Some(status) = self.daemon.is_some().then(|| self.status()).flatten() {
            let stage = format!("run {}", self.plane);
            let ended = LabError::new(stage, format!("it has ended by itself: {status}"));
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

    /// The thread first: the end of the program is no part of the cell.
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

impl Daemon {
    /// Is it between two rounds of checks: does each of its processes sleep, with no child and no socket? One
    /// that does not make its checks in turn is not asked.
    fn rests(&self, plan: &LabPlan) -> bool {
        let Some(processes) = program::at_rest(plan) else {
            return true;
        };
        let pids = self.pids();
        pids.len() == processes && pids.into_iter().all(sleeps)
    }
}

/// Does this process of ldirectord sleep, without a socket of a check? A child that has not become another
/// program yet has its name (`$0`, proc_pid_comm(5)), and does not sleep.
fn sleeps(pid: Pid) -> bool {
    let pid = pid.as_raw_nonzero();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let sleeps = stat
        .rsplit_once(')')
        .is_some_and(|(name, rest)| name.contains("(ldirectord") && rest.trim_start().starts_with('S'));
    let mut fds = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    sleeps
        && !fds.any(|fd| {
            let link = fs::read_link(fd.path()).unwrap_or_default();
            link.to_string_lossy().starts_with("socket:")
        })
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

/// How long what a program that has ended said may be on its way to who reads it.
const SAID: Duration = Duration::from_secs(1);

/// What a program that has ended said last, before it took its leave.
fn last_words(plane: ControlPlane, shared: &Shared) -> String {
    let leave = |line: &LoggedLine| program::takes_its_leave(plane, &line.text);
    let gone = || shared.lock().lines.iter().any(leave).then_some(());
    // One that was killed takes no leave.
    let _ = poll_for(SAID, Duration::from_millis(1), || Ok::<_, LabError>(gone()));
    let seen = shared.lock();
    let routine = |line: &&LoggedLine| program::is_routine(plane, &line.text);
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
