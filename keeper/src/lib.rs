//! Programs that end with the process that started them, and everything that they started in turn.
//!
//! ```text
//! lvs-matrix ── a pipe, the leash ──▶ keeper ──▶ the program ──▶ whatever it starts
//! ```
//! The keeper is this binary again, in a session of its own. It waits for the program's end and for the end
//! of the leash, whose other end closes with lvs-matrix, also by SIGKILL, and at whatever moment: a pipe
//! stays at its end. Then the keeper kills its children until it has none. It is the subreaper (prctl(2)) of
//! all below it, so what loses its parent becomes its child and cannot get away.
//!
//! `PR_SET_PDEATHSIG` would end the program alone: it is not inherited by what the program starts, such as
//! the server of an installer that is a shell script.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process,
    pidfd_open, set_child_subreaper, setrlimit, setsid, wait, waitid,
};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, PipeWriter};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::OnceLock;

/// Names the descriptor of the leash in the keeper's environment.
const LEASH: &str = "LVS_MATRIX_LEASH";
/// What a shell gives for a program that cannot be started.
const CANNOT_START: u8 = 126;

/// How this binary is called as a keeper; unset where programs are started without one.
static KEEPER: OnceLock<Vec<OsString>> = OnceLock::new();

/// From now on programs of this process get a keeper: `words` call this binary as one, the program's own
/// words follow them.
pub fn arrange(words: &[&str]) {
    // The first word counts: a process is arranged once, at its start.
    let _ = KEEPER.set(words.iter().map(OsString::from).collect());
}

/// A command line for `program`, to be started by [`spawn`].
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut words = KEEPER.get().into_iter().flatten();
    let Some(keeper) = words.next() else {
        return Command::new(program);
    };
    let mut command = Command::new(keeper);
    command.args(words).arg(program);
    command
}

/// Program and arguments of a [`command`], without the keeper's words.
#[must_use]
pub fn words(command: &Command) -> Vec<String> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let own = KEEPER.get().map_or(0, Vec::len);
    words
        .skip(own)
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// Holds a kept program; when it goes, the program and all below it are ended.
#[derive(Debug)]
pub struct Leash(Option<PipeWriter>);

impl Leash {
    /// Ends the program, with all below it if it has a keeper. Await the child afterwards.
    ///
    /// # Errors
    /// As [`Child::kill`].
    pub fn end(mut self, child: &mut Child) -> io::Result<()> {
        match self.0.take() {
            Some(leash) => {
                drop(leash);
                Ok(())
            }
            None => child.kill(),
        }
    }
}

/// Starts what [`command`] made.
///
/// # Errors
/// As [`Command::spawn`]. A keeper that cannot start its program says so on its standard error, and ends with
/// 126.
pub fn spawn(command: &mut Command) -> io::Result<(Child, Leash)> {
    let Some(own) = KEEPER.get() else {
        return Ok((command.spawn()?, Leash(None)));
    };
    if let Some(program) = command.get_args().nth(own.len().saturating_sub(1)).map(Path::new)
        && program.is_absolute()
    {
        // What the system would have said without a keeper.
        rustix::fs::access(program, rustix::fs::Access::EXEC_OK)?;
    }
    let (end, leash) = io::pipe()?;
    // Other programs that are started at this moment may inherit this end, too: only the other one holds
    // anything.
    fcntl_setfd(&end, FdFlags::empty())?;
    let child = command.env(LEASH, end.as_raw_fd().to_string()).spawn()?;
    Ok((child, Leash(Some(leash))))
}

/// A descriptor that can be read, or is at its end, once this child has ended. Reaping it is left to the
/// caller.
///
/// # Errors
/// As pidfd_open(2); before Linux 5.3, which does not have it, as pipe(2) or a thread's start.
pub fn ended(child: &Child) -> io::Result<OwnedFd> {
    let pid = Pid::from_child(child);
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(descriptor) => Ok(descriptor),
        Err(Errno::NOSYS) => ended_by_thread(pid),
        Err(errno) => Err(errno.into()),
    }
}

/// The same by a thread that waits for the child's end, and leaves it to be reaped.
fn ended_by_thread(pid: Pid) -> io::Result<OwnedFd> {
    let (reader, writer) = io::pipe()?;
    std::thread::Builder::new()
        .name("ended".to_owned())
        .spawn(move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(pid), options), Err(Errno::INTR)) {}
            drop(writer);
        })?;
    Ok(reader.into())
}

/// What a process called by the words of [`arrange`] does: starts the program that `words` name and keeps it.
/// It ends as the program did.
pub fn keep(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    match kept(words) {
        Ok(status) => end_as(status),
        Err(error) => {
            use std::io::Write;
            // If nobody hears it, the exit code is left.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(CANNOT_START)
        }
    }
}

fn kept(words: impl IntoIterator<Item = OsString>) -> io::Result<ExitStatus> {
    let mut words = words.into_iter();
    let program = words
        .next()
        .ok_or_else(|| io::Error::other("no program was named"))?;
    let leash = std::env::var(LEASH).map_err(io::Error::other)?;
    let leash = File::open(PathBuf::from("/proc/self/fd").join(leash))?;
    // Neither a terminal's signals nor those to a process group reach it: it ends when the leash does. Fails
    // only for the leader of a session, which is as good.
    let _ = setsid();
    set_child_subreaper(Some(getpid()))?;
    let mut child = Command::new(&program)
        .args(words)
        .env_remove(LEASH)
        .spawn()
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot start `{}`: {error}", program.display()),
            )
        })?;
    let ended = ended(&child).and_then(|watched| {
        loop {
            let mut fds = [
                PollFd::new(&watched, PollFlags::IN),
                PollFd::new(&leash, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) => return Ok(!fds[0].revents().is_empty()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    });
    let status = match ended {
        Ok(true) => child.wait(),
        Ok(false) => Err(io::Error::other("whoever started this program has ended")),
        Err(error) => Err(error),
    };
    end_all();
    status
}

/// Kills this process's children until it has none. Each that dies leaves its own to this process.
fn end_all() {
    let own = getpid();
    loop {
        for child in children_of(own) {
            // One that has ended meanwhile is reaped below.
            let _ = kill_process(child, Signal::KILL);
        }
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            // ECHILD: none is left.
            Err(_) => return,
        }
    }
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = processes.flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        (parent_of(pid)? == parent.as_raw_pid()).then(|| Pid::from_raw(pid))?
    });
    pids.collect()
}

/// `PID (name) state ppid …`, proc(5); the name may hold anything, and ends at the last `)`.
fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let behind_name = stat.iter().rposition(|&byte| byte == b')')?;
    let fields = std::str::from_utf8(&stat[behind_name + 1..]).ok()?;
    fields.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Ends as the program did; by the same signal, if it was one.
fn end_as(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        // The program's own core is enough.
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        let _ = setrlimit(Resource::Core, none);
        let _ = kill_process(getpid(), signal);
        // A signal that this process ignores is told as a shell does.
        return ExitCode::from(u8::try_from(128 + signal.as_raw()).unwrap_or(u8::MAX));
    }
    ExitCode::from(
        status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(u8::MAX),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

    /// Both ways of hearing of an end, on a kernel that has pidfd_open(2): not before it, then at once, and
    /// the child is still there to be reaped.
    #[test]
    fn an_end_is_heard_of_with_and_without_pidfd_open() {
        type Watch = fn(&Child) -> io::Result<OwnedFd>;
        let ways: [Watch; 2] = [ended, |child| ended_by_thread(Pid::from_child(child))];
        for way in ways {
            let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
            let watched = way(&child).unwrap();
            let is_heard = |wait: i64| {
                let timeout = rustix::event::Timespec {
                    tv_sec: wait,
                    tv_nsec: 0,
                };
                let mut fds = [PollFd::new(&watched, PollFlags::IN)];
                poll(&mut fds, Some(&timeout)).unwrap() == 1
            };
            assert!(!is_heard(0));
            drop(child.stdin.take());
            assert!(is_heard(60));
            assert!(child.wait().unwrap().success());
        }
    }
}
