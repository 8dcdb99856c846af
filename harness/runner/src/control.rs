//! keepalived(8) on the director, and what it makes of the director's table.
//!
//! What it does is found by watching: a thread in the director's namespace reads its log from a pipe, dates
//! each line, and looks at the kernel's table after each line, and now and then without one. Each table that
//! differs from the last one is a snapshot of the cell. What a step edits is the step's own: the thread looks
//! away meanwhile.

use crate::clock::{Clock, poll_for};
use crate::director;
use crate::enclosed;
use crate::error::{LabError, Result, Stage};
use crate::program::in_path;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::StopSignal;
use lvs_matrix_model::ipvs::Table;
use lvs_matrix_model::plan::{Backend, CHECKER, KEEPALIVED_FOLDER, LabPlan};
use lvs_matrix_model::record::{DirectorSnapshot, Listed, LoggedLine, Moment, Proof};
use lvs_matrix_netns::Namespace;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal};
use std::fs;
use std::io::{self, PipeReader, PipeWriter, Read as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The word by which this binary is called as the program of a `MISC_CHECK`. No command of the command line.
pub const HEALTH_CHECK: &str = "health-check";
/// How long keepalived may take to fill the table, to read its configuration again, and to end.
const DEADLINE: Duration = Duration::from_secs(30);
/// How far apart looks at the table are: at first after a line of the log, and at the most.
const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(1));
/// What keepalived says when it has read its configuration again
/// (keepalived/check/check_daemon.c, `reload_check_thread`).
const RELOADED: &str = "Reload complete";
/// What it says when it has started (keepalived/core/main.c, `keepalived_main`).
const STARTED: &str = "Startup complete";
/// What it says of a check that it will not make (keepalived/check/check_misc.c).
const DISABLED: &str = "Disabling misc script";
/// How many lines of the log an error shows.
const SHOWN: usize = 8;

/// What is wanted of the director's table.
type Wanted = Vec<(std::net::SocketAddr, u32)>;

/// keepalived on the director, or its place where it is stopped.
pub(crate) struct Control {
    daemon: Option<Daemon>,
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

/// What the thread that watches has found.
struct Shared {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    lines: Vec<LoggedLine>,
    changes: Vec<DirectorSnapshot>,
    /// The table as it was last, without its counters.
    last: Option<Table>,
    /// How many steps are editing the table.
    held: u32,
    failure: Option<String>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it lives, nobody looks at the table: what becomes of it is a step's doing.
pub(crate) struct Held {
    shared: Arc<Shared>,
}

impl Held {
    /// The table as the step has left it is what it is compared with from now on.
    pub(crate) fn release(self, director: &Namespace) -> Result<()> {
        let now = director::table(director)?;
        self.shared.lock().last = Some(settled(now));
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut seen = self.shared.lock();
        seen.held = seen.held.saturating_sub(1);
    }
}

impl Control {
    /// Starts keepalived in the director's namespace, if the plan has it, and waits until the table is as
    /// its configuration says.
    pub(crate) fn start(
        plan: &LabPlan,
        director: &Namespace,
        clock: Clock,
        scratch: &Path,
    ) -> Result<Option<Self>> {
        if plan.keepalived().is_none() {
            return Ok(None);
        }
        let stage = "start keepalived";
        if let Err(error) = in_path("keepalived") {
            let hint = "install Debian's package keepalived, or leave `keepalived` out of the lab";
            return Err(LabError::new(stage, format!("{error}; {hint}")));
        }
        let folder = scratch.join("keepalived");
        fs::create_dir(&folder).stage(stage)?;
        let checker = folder.join(CHECKER);
        // The kernel gives it to this program to read, with its arguments (fs/binfmt_script.c).
        let script = format!("#!{} {HEALTH_CHECK}\n", own_file().display());
        fs::write(&checker, script).stage(stage)?;
        fs::set_permissions(&checker, fs::Permissions::from_mode(0o700)).stage(stage)?;
        let (reader, log) = io::pipe().stage(stage)?;
        let (stopped, stop) = io::pipe().stage(stage)?;
        let shared = Arc::new(Shared {
            seen: Mutex::new(Seen {
                last: Some(settled(director::table(director)?)),
                ..Seen::default()
            }),
        });
        let watched = Arc::clone(&shared);
        let own = folder.display().to_string();
        let watcher = director
            .spawn("watch", move || watch(&watched, clock, (reader, &own), &stopped))
            .stage(stage)?;
        let mut control = Self {
            daemon: None,
            ended: String::new(),
            folder,
            shared,
            log,
            stop: Some(stop),
            watcher: Some(watcher),
        };
        control.configure(plan, None)?;
        control.launch(plan, director)?;
        Ok(Some(control))
    }

    fn configure(&self, plan: &LabPlan, without: Option<&Name>) -> Result<()> {
        let stage = "write keepalived's configuration";
        let text = plan.keepalived_config(without);
        let text = text.ok_or_else(|| LabError::new(stage, "the plan has no keepalived"))?;
        let text = text.replace(KEEPALIVED_FOLDER, &self.folder.display().to_string());
        fs::write(self.folder.join("keepalived.conf"), text).stage(stage)
    }

    /// Starts it with the configuration that is there, and waits for the table.
    pub(crate) fn launch(&mut self, plan: &LabPlan, director: &Namespace) -> Result<Proof> {
        let stage = "start keepalived";
        let words = [
            "keepalived",
            "--dont-fork",
            "--log-console",
            "--log-detail",
            "--check",
            "--use-file",
            "keepalived.conf",
            "--pid",
            "keepalived.pid",
            "--checkers_pid",
            "checkers.pid",
        ];
        // A keepalived that was killed leaves these behind, and the next one would take them for its own.
        for left in ["keepalived.pid", "checkers.pid"] {
            match fs::remove_file(self.folder.join(left)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(LabError::new(stage, error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        let shared = Arc::clone(&self.shared);
        let before = shared.lock().lines.len();
        let mut command = enclosed::privileged(&words.map(str::to_owned)).stage(stage)?;
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
        let wanted = wanted(plan, None);
        let listed = self.await_table(stage, director, plan, |table| {
            let seen = shared.lock();
            let mut new = seen.lines.iter().skip(before);
            new.any(|line| line.text == STARTED) && has(table, plan, &wanted)
        })?;
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
        let mut last = None;
        let found = poll_for(DEADLINE, Duration::from_millis(1), || {
            let table = director::table(director)?;
            let so = is_so(&table).then(|| listed(plan, &table));
            last = Some(table);
            let ended = match &mut self.daemon {
                Some(daemon) => daemon.child.try_wait().stage(stage)?,
                None => None,
            };
            match (so, ended) {
                (Some(so), _) => Ok(Some(so)),
                (None, Some(status)) => Err(LabError::new(
                    stage,
                    format!("keepalived has ended: {}", in_words(status)),
                )),
                (None, None) => Ok(None),
            }
        });
        let found = found.and_then(|found| {
            let shown = last.map_or_else(String::new, |table| listed(plan, &table).to_string());
            let seconds = DEADLINE.as_secs();
            let not_so = || LabError::new(stage, format!("after {seconds} s the table has {shown}"));
            found.ok_or_else(not_so)
        });
        found.map_err(|error| LabError {
            log: self.last_lines(),
            ..error
        })
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
            StopSignal::Kill => pids.into_iter().map(|pid| (pid, Signal::KILL)).collect(),
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

    /// How it ended, if it is not there, or why it is there.
    pub(crate) fn status(&mut self) -> Option<String> {
        match &mut self.daemon {
            None => Some(self.ended.clone()),
            Some(daemon) => daemon.child.try_wait().ok().flatten().map(in_words),
        }
    }

    /// Has it read its configuration again, without this real server.
    pub(crate) fn reload(
        &mut self,
        plan: &LabPlan,
        director: &Namespace,
        without: Option<&Name>,
    ) -> Result<Proof> {
        let stage = "reload keepalived";
        self.configure(plan, without)?;
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
        let gone: Vec<_> = without
            .into_iter()
            .filter_map(|name| address_of(plan, name))
            .collect();
        let listed = self.await_table(stage, director, plan, |table| {
            reloaded()
                && gone
                    .iter()
                    .all(|address| !destinations(table, plan).contains_key(address))
        })?;
        Ok(Proof::KeepalivedReloaded { listed })
    }

    /// What becomes of the table from now on is a step's doing, until what is given is released.
    pub(crate) fn hold(&self) -> Held {
        self.shared.lock().held += 1;
        let shared = Arc::clone(&self.shared);
        Held { shared }
    }

    /// Ends everything; gives what was found: the log, and the tables that keepalived made.
    pub(crate) fn finish(mut self) -> Result<(Vec<LoggedLine>, Vec<DirectorSnapshot>)> {
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
        Ok((std::mem::take(&mut seen.lines), std::mem::take(&mut seen.changes)))
    }

    /// The thread first: the end of keepalived is no part of the cell.
    fn end_all(&mut self) {
        self.stop = None;
        if let Some(watcher) = self.watcher.take() {
            // Whatever made it panic, its findings up to then are there.
            let _ = watcher.join();
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

/// Reads the log of a keepalived that runs in `folder` and looks at the table, until it is told to stop.
fn watch(shared: &Shared, clock: Clock, (mut log, folder): (PipeReader, &str), stop: &PipeReader) {
    let mut rest = Vec::new();
    let mut pause = LOOKS.0;
    loop {
        let mut fds = [PollFd::new(&log, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        let time = Timespec::try_from(pause).ok();
        if poll(&mut fds, time.as_ref()).is_err_and(|error| error != rustix::io::Errno::INTR) {
            return;
        }
        let [heard, stopped] = fds.map(|fd| !fd.revents().is_empty());
        if heard {
            let mut chunk = [0; 4096];
            let count = log.read(&mut chunk).unwrap_or(0);
            rest.extend(chunk.iter().take(count));
            note(shared, clock, folder, &mut rest);
        }
        let changed = match look(shared, clock) {
            Ok(changed) => changed,
            Err(error) => {
                shared.lock().failure.get_or_insert(error.to_string());
                return;
            }
        };
        if stopped {
            return;
        }
        pause = match heard || changed {
            true => LOOKS.0,
            false => (pause * 2).min(LOOKS.1),
        };
    }
}

/// Writes down the lines that are complete. The folder has another name in every run, and is left out.
fn note(shared: &Shared, clock: Clock, folder: &str, rest: &mut Vec<u8>) {
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line: Vec<u8> = rest.drain(..=end).collect();
        let line = String::from_utf8_lossy(&line);
        let text = without_time(line.trim_end()).replace(folder, ".");
        let at = clock.now();
        shared.lock().lines.push(LoggedLine { at, text });
    }
}

/// Is the table another one than it was? Then it is written down.
fn look(shared: &Shared, clock: Clock) -> Result<bool> {
    let now = settled(director::table_here()?);
    let mut seen = shared.lock();
    if seen.held > 0 || seen.last.as_ref() == Some(&now) {
        return Ok(false);
    }
    seen.last = Some(now);
    seen.changes
        .push(director::snapshot_here(Moment::Changed, clock)?);
    Ok(true)
}

/// A table without what its packets count.
fn settled(mut table: Table) -> Table {
    for service in &mut table.services {
        service
            .destinations
            .sort_by_key(|destination| destination.address);
        for destination in &mut service.destinations {
            (destination.active, destination.inactive) = (0, 0);
        }
    }
    table
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

/// A line of the log without the time before it: `Thu Jan  1 00:00:11 2026: TCP connection to …`
/// (keepalived/lib/logger.c, `vlog_message`).
fn without_time(line: &str) -> &str {
    const STAMP: usize = "Thu Jan  1 00:00:11 2026".len();
    line.get(STAMP..)
        .and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or(line)
}

/// How a process ended.
fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// What the configuration wants in the table: each real server with its weight.
fn wanted(plan: &LabPlan, without: Option<&Name>) -> Wanted {
    let backends = plan.service().backends.iter();
    let within = |backend: &&Backend| !backend.stands_by && backend.host.real_server() != without;
    backends
        .filter(within)
        .filter_map(|backend| {
            let host = plan.host(&backend.host)?;
            Some((plan.listed(host), u32::from(backend.weight)))
        })
        .collect()
}

fn address_of(plan: &LabPlan, name: &Name) -> Option<std::net::SocketAddr> {
    let mut servers = plan.real_servers();
    let (_, host) = servers.find(|(known, _)| *known == name)?;
    Some(plan.listed(host))
}

/// The destinations of the client's service, with their weights.
fn destinations(table: &Table, plan: &LabPlan) -> std::collections::BTreeMap<std::net::SocketAddr, u32> {
    let service = table.service(plan.service().listen());
    let destinations = service.into_iter().flat_map(|service| &service.destinations);
    destinations
        .map(|destination| (destination.address, destination.weight))
        .collect()
}

fn has(table: &Table, plan: &LabPlan, wanted: &Wanted) -> bool {
    let found = destinations(table, plan);
    let service = table.service(plan.service().listen()).is_some();
    service
        && wanted
            .iter()
            .all(|(address, weight)| found.get(address) == Some(weight))
}

/// What the client's service has in the table, for a proof.
fn listed(plan: &LabPlan, table: &Table) -> Listed {
    if table.service(plan.service().listen()).is_none() {
        return Listed(None);
    }
    let found = destinations(table, plan);
    let servers = plan.real_servers().filter_map(|(name, host)| {
        let weight = found.get(&plan.listed(host))?;
        Some((name.clone(), u16::try_from(*weight).unwrap_or(u16::MAX)))
    });
    Listed(Some(servers.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_loses_its_time_and_nothing_else() {
        let stamped = "Thu Jan  1 00:00:11 2026: TCP connection to [192.0.2.31]:tcp:3306 success.";
        assert_eq!(
            without_time(stamped),
            "TCP connection to [192.0.2.31]:tcp:3306 success."
        );
        for line in [
            "",
            "no time: here",
            "a line that is longer than a time and has none",
        ] {
            assert_eq!(without_time(line), line);
        }
    }

    #[test]
    fn a_table_is_the_same_whatever_its_packets_count_and_in_whatever_order() {
        let table = |text: &str| settled(Table::of_kernel(text).unwrap());
        let first =
            "TCP  C0000264:0CEA rr\n  -> C000021F:0CEA  Route  1  2  3\n  -> C0000220:0CEA  Route  1  0  0\n";
        let second =
            "TCP  C0000264:0CEA rr\n  -> C0000220:0CEA  Route  1  9  0\n  -> C000021F:0CEA  Route  1  0  0\n";
        assert_eq!(table(first), table(second));
        assert_ne!(
            table(first),
            table(&second.replace("1  9", "0  9")),
            "another weight"
        );
        assert_ne!(table(first), table("TCP  C0000264:0CEA rr\n"), "no destination");
    }
}
