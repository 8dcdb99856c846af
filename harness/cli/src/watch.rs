//! `run --watch`: runs again whenever the scenario files change, or the programs beside them that they name.
//!
//! Each run is a process of its own, this program without `--watch`, so that signals, guests and messages are
//! those of any run.

use crate::args::RunArguments;
use crate::environment::OWN_FILE;
use crate::error::Failure;
use crate::output;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// The option, which the runs are started without.
const OPTION: &str = "--watch";
/// Editors write a file in several steps: what they do within this time is one change.
const QUIET: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// Runs, and runs again after each change, until a signal ends it. The exit code is that of the last run.
pub(crate) fn watch(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let files = &arguments.what.files;
    if let Some(file) = files.iter().find(|file| !file.is_file()) {
        return Err(Failure::Mistake(format!(
            "--watch waits for changes of files, and {} is none; shipped scenarios do not change \
             (`lvs-matrix new NAME --out FILE` makes a file of one)",
            file.display()
        )));
    }
    if files.is_empty() {
        return Err(Failure::Mistake(
            "--watch waits for changes of files: name the scenario files".to_owned(),
        ));
    }
    let signals = Ended::on_signals()?;
    let notes = notes(files).map_err(|error| software("watch the scenario files", &error.into()))?;
    loop {
        let before = contents(files);
        let code = run_once(&signals)?;
        if signals.came() {
            return Ok(code);
        }
        output::talk("waiting for a change of the scenario files; Ctrl-C ends this");
        loop {
            if !next_change(&notes, &signals)? {
                return Ok(code);
            }
            // A file that is not there is being written anew.
            let now = contents(files);
            if now.is_some() && now != before {
                break;
            }
        }
    }
}

/// One run in a process of its own.
fn run_once(signals: &Ended) -> Result<ExitCode, Failure> {
    let mut words = std::env::args_os();
    let mut command = Command::new(OWN_FILE);
    if let Some(name) = words.next() {
        std::os::unix::process::CommandExt::arg0(&mut command, name);
    }
    command.args(words.filter(|word| word != OPTION));
    let mut child = command.spawn().map_err(|error| software("start a run", &error))?;
    signals.child(i32::try_from(child.id()).unwrap_or(0));
    let status = child.wait().map_err(|error| software("await a run", &error))?;
    signals.child(0);
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// What tells of changes in the folders of the files. The files themselves are replaced by editors.
fn notes(files: &[PathBuf]) -> rustix::io::Result<OwnedFd> {
    let notes = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
    let folders: BTreeSet<&Path> = files.iter().map(|file| folder(file)).collect();
    for folder in folders {
        let changes = inotify::WatchFlags::CLOSE_WRITE
            | inotify::WatchFlags::MOVED_TO
            | inotify::WatchFlags::CREATE
            | inotify::WatchFlags::DELETE;
        inotify::add_watch(&notes, folder, changes)?;
    }
    Ok(notes)
}

fn folder(file: &Path) -> &Path {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Waits until something happened in the folders, and nothing more does for a moment; false after a signal.
fn next_change(notes: &OwnedFd, signals: &Ended) -> Result<bool, Failure> {
    let mut quiet = None;
    loop {
        let mut waited = [
            PollFd::new(notes, PollFlags::IN),
            PollFd::new(&signals.came, PollFlags::IN),
        ];
        let ready = match poll(&mut waited, quiet.as_ref()) {
            Err(Errno::INTR) => continue,
            ready => ready.map_err(|error| software("wait for a change", &error.into()))?,
        };
        if signals.came() {
            return Ok(false);
        }
        if ready == 0 {
            return Ok(true);
        }
        let mut events = [0; 4096];
        while rustix::io::read(notes, &mut events).is_ok_and(|read| read > 0) {}
        quiet = Some(QUIET);
    }
}

/// The SHA-256 of the files, and of those beside them that they name; `None` if one cannot be read.
fn contents(files: &[PathBuf]) -> Option<Vec<u8>> {
    let mut digest = Sha256::new();
    for file in files {
        let text = fs::read(file).ok()?;
        digest.update(&text);
        let text = String::from_utf8_lossy(&text);
        let beside = fs::read_dir(folder(file)).ok()?.flatten();
        let mut named: Vec<PathBuf> = beside
            .filter(|entry| entry.file_name().to_str().is_some_and(|name| text.contains(name)))
            .map(|entry| entry.path())
            .filter(|path| path.is_file() && path != file)
            .collect();
        named.sort();
        for program in named {
            digest.update(fs::read(program).unwrap_or_default());
        }
    }
    Some(digest.finalize().to_vec())
}

/// Whether a signal came that ends this.
struct Ended {
    flag: Arc<AtomicBool>,
    child: Arc<AtomicI32>,
    /// Has something to read when a signal came.
    came: UnixStream,
}

impl Ended {
    fn on_signals() -> Result<Self, Failure> {
        let failed = |error| software("listen for signals", &error);
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
        let (came, mut tell) = UnixStream::pair().map_err(failed)?;
        let ended = Self {
            flag: Arc::default(),
            child: Arc::default(),
            came,
        };
        let (flag, child) = (ended.flag.clone(), ended.child.clone());
        let listen = move || {
            for signal in signals.forever() {
                flag.store(true, Ordering::SeqCst);
                // What a terminal sends, the run gets, too.
                let run = Pid::from_raw(child.load(Ordering::SeqCst));
                if let Some(run) = run.filter(|_| signal == SIGTERM) {
                    let _ = kill_process(run, Signal::TERM);
                }
                let _ = tell.write_all(b".");
            }
        };
        let named = std::thread::Builder::new().name("signals".to_owned());
        named.spawn(listen).map_err(failed)?;
        Ok(ended)
    }

    fn came(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    fn child(&self, pid: i32) {
        self.child.store(pid, Ordering::SeqCst);
    }
}

fn software(what: &str, error: &std::io::Error) -> Failure {
    Failure::Software(format!("cannot {what}: {error}"))
}
