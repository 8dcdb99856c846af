//! A guest: started, watched, ended.

mod brake;
mod command_line;
mod console;
mod memory;
mod processor;
mod spawn;
mod surroundings;
mod sweep;
pub(crate) mod unshare;
mod user;
mod watch;

pub use brake::Brake;
pub use console::{Console as ConsoleLines, Event as ConsoleEvent};
pub(crate) use memory::choose as choose_memory_folder;
pub(crate) use user::User;

use crate::kernel::Kernel;
use crate::protocol::PayloadEnd;
use crate::stock::Machine;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// Memory of a guest where nothing else is said, MiB. What is not touched costs nothing.
pub const DEFAULT_MEMORY_MIB: u32 = 1024;
/// Host time without a message after which a guest is ended, where nothing else is said.
pub const DEFAULT_STALL: Duration = Duration::from_secs(60);
/// What the guest's wall clock shows at power-on where nothing else is said: 2026-01-01 00:00:00 UTC, in
/// nanoseconds since
/// 1970. Fixed, so that runs can be repeated; fresh certificates and file times of the host lie in this
///       guest's future.
pub const DEFAULT_CLOCK_START: u64 = 1_767_225_600_000_000_000;

/// Who the guest runs as on the host. Never root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// The calling user; from root the user behind sudo (`SUDO_UID`, `SUDO_GID`), else nobody (65534).
    Caller,
    /// This user. Only root can ask for another one than itself.
    User {
        /// User id, not 0.
        uid: u32,
        /// Group id, not 0.
        gid: u32,
    },
}

/// A file or folder of the host that the guest may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOnlyInput {
    /// Its name below [`crate::protocol::INPUTS`]: one path component of letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// Where it is on the host.
    pub path: PathBuf,
}

/// Which kernel a guest runs on.
#[derive(Clone, Debug)]
pub enum RunsOn {
    /// One of its own, from [`crate::kernel::find`], in virtual time.
    Kernel(Box<Kernel>),
    /// A distribution's kernel in QEMU, from [`crate::stock::prepare`], in virtual time.
    Stock(Box<Machine>),
    /// The host's, in real time, in namespaces of its own: a *native sandbox*. Only root can make one
    /// ([`crate::native`]).
    Host,
}

/// What to start.
#[derive(Clone, Debug)]
pub struct GuestConfig {
    /// The kernel.
    pub runs_on: RunsOn,
    /// The program that runs as PID 1: normally this binary, which calls [`crate::init::run`].
    pub init: PathBuf,
    /// The arguments with which init runs its own binary again as the payload.
    pub payload_args: Vec<String>,
    /// The folder shared with the guest: an existing folder of the caller. The guest reads and writes it at
    /// [`crate::protocol::SHARE`]; from root it is given to the user that the guest runs as, with what is in
    /// it.
    pub share: PathBuf,
    /// What else the guest may read, by name. What the user can reach anyway is visible in the guest's root.
    pub inputs: Vec<ReadOnlyInput>,
    /// Folders that the caller writes to meanwhile. A machine's copies of inputs are without them; an input
    /// that is such a folder itself is copied.
    pub own_folders: Vec<PathBuf>,
    /// Memory of a guest with User-mode Linux, MiB; a machine has its own.
    pub memory_mib: u32,
    /// How long the host waits for a message (monotonic host time) before it ends the guest.
    pub stall: Duration,
    /// The wall clock at power-on of a guest with a kernel of its own, nanoseconds since 1970, and virtual
    /// time from then on; `None`: real time, and the host's clock.
    pub clock_start: Option<u64>,
    /// Who it runs as on the host; in a sandbox, who its payload runs as.
    pub run_as: RunAs,
}

impl GuestConfig {
    /// A guest of this kernel, init program and share; everything else as by default.
    pub fn new(kernel: Kernel, init: impl Into<PathBuf>, share: impl Into<PathBuf>) -> Self {
        Self::with(RunsOn::Kernel(Box::new(kernel)), init.into(), share.into())
    }

    /// A sandbox on the host's own kernel with this init program and share; everything else as by default.
    pub fn on_host(init: impl Into<PathBuf>, share: impl Into<PathBuf>) -> Self {
        Self::with(RunsOn::Host, init.into(), share.into())
    }

    /// A guest in QEMU, on this machine and with this share; everything else as by default.
    pub fn in_qemu(machine: Machine, init: impl Into<PathBuf>, share: impl Into<PathBuf>) -> Self {
        Self::with(RunsOn::Stock(Box::new(machine)), init.into(), share.into())
    }

    pub(crate) fn with(runs_on: RunsOn, init: PathBuf, share: PathBuf) -> Self {
        Self {
            runs_on,
            init,
            payload_args: Vec::new(),
            share,
            inputs: Vec::new(),
            own_folders: Vec::new(),
            memory_mib: DEFAULT_MEMORY_MIB,
            stall: DEFAULT_STALL,
            clock_start: Some(DEFAULT_CLOCK_START),
            run_as: RunAs::Caller,
        }
    }
}

/// How a guest ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestEnd {
    /// The payload ended, init said so, and the guest powered off.
    PoweredOff(PayloadEnd),
    /// Init could not do its work; in its words.
    InitFailed(String),
    /// The kernel said that it is at its end; the line that said it.
    Panicked(String),
    /// No message for the stall time: ended from outside.
    Stalled(Duration),
    /// The process ended without init having said so: killed from outside, or out of memory.
    Died(HostStatus),
    /// A [`Canceller`] was used, or the [`Guest`] dropped.
    Cancelled,
    /// The machine waits for its job and was saved.
    Saved,
}

/// How the guest's process ended on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostStatus {
    /// With this exit code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// The host did not say.
    Unknown,
}

/// A guest's end and what was seen on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestReport {
    /// How it ended.
    pub end: GuestEnd,
    /// The last console lines that are no messages, oldest first: at most 200 of at most 500 bytes.
    pub console: Vec<String>,
    /// Console lines that were let go because there were more.
    pub console_lines_lost: u64,
    /// From start to end, host time.
    pub wall: Duration,
    /// From start to the first message, host time.
    pub first_message: Option<Duration>,
    /// Peak resident memory of the guest's main process (VmHWM: it maps nearly all that the guest ever
    /// touched), KiB, as last seen, at most 0.1 s before the end; `None` for a guest that lived no longer
    /// than that, and for a sandbox.
    pub peak_memory_kib: Option<u64>,
}

/// Why a guest could not be started, or its end not be made sure of.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// A path of the configuration cannot be used.
    #[error("{what} {} cannot be used: {reason}", path.display())]
    Path {
        /// Which one.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// The configuration cannot be put on the kernel's command line.
    #[error("the guest's command line: {0}")]
    CommandLine(String),
    /// The user to run as is root, or another one that only root could become.
    #[error("cannot run the guest as user {uid}: {reason}")]
    User {
        /// The user asked for.
        uid: u32,
        /// Why.
        reason: String,
    },
    /// No folder is fit for the guest's memory.
    #[error("no folder for the guest's memory of {mib} MiB:{}\nset TMPDIR to a folder with that much space, \
        mounted without noexec", .tried.iter().map(|line| format!("\n  {line}")).collect::<String>())]
    Memory {
        /// Memory asked for, MiB.
        mib: u32,
        /// The folders that were tried, each with the reason against it.
        tried: Vec<String>,
    },
    /// A step of making the guest's private surroundings failed.
    #[error("cannot {action}: {source}")]
    System {
        /// What was tried.
        action: String,
        /// The system's reason.
        source: io::Error,
    },
    /// An older kernel can be ended safely only in a PID namespace of its own, and there is none to be had.
    #[error(
        "Linux {version} as a guest can leave processes behind when it is killed; it needs a PID namespace, \
         which this user cannot have ({reason}); use a kernel from 6.16 on, or run as root"
    )]
    Unsafe {
        /// The guest kernel's version.
        version: String,
        /// Why there is no PID namespace.
        reason: String,
    },
    /// A sandbox on the host's kernel cannot be made.
    #[error("cannot run on this host's kernel: {0}")]
    NoSandbox(String),
    /// Processes of an ended guest did not go away.
    #[error("processes of the ended guest are still there: {0:?}; end them by hand")]
    Left(Vec<i32>),
    /// The thread that watches the guest is gone.
    #[error("the guest's watcher ended without a report: {0}")]
    Watcher(String),
}

/// Ends a guest, from any thread; [`Canceller::cancel`] is also safe in a signal handler.
#[derive(Clone, Debug)]
pub struct Canceller(Arc<OwnedFd>);

impl Canceller {
    /// Asks for the guest's end. Returns at once; [`Guest::run`] then reports [`GuestEnd::Cancelled`].
    pub fn cancel(&self) {
        // An eventfd's write fails only when its counter is full: then the guest is cancelled already.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}

/// A running guest. Dropping it ends it and waits for its end.
#[derive(Debug)]
pub struct Guest {
    canceller: Canceller,
    messages: mpsc::Receiver<String>,
    watcher: Option<JoinHandle<Result<GuestReport, GuestError>>>,
    pid: i32,
    /// Of a guest with a kernel of its own: is that the process's only child?
    wrapped: Option<bool>,
}

impl Guest {
    /// Starts a guest and returns when its process runs.
    ///
    /// # Errors
    /// [`GuestError`], all but `Left` and `Watcher`: nothing is left of the attempt.
    pub fn start(config: GuestConfig) -> Result<Self, GuestError> {
        watch::start(config)
    }

    /// Hands the payload's messages to `on_message` (from this thread) until the guest has ended.
    ///
    /// # Errors
    /// [`GuestError::Left`] if processes survived the guest; [`GuestError::Watcher`] for a mistake of ours.
    pub fn run(mut self, mut on_message: impl FnMut(&str)) -> Result<GuestReport, GuestError> {
        while let Ok(message) = self.messages.recv() {
            on_message(&message);
        }
        let watcher = self
            .watcher
            .take()
            .ok_or_else(|| GuestError::Watcher("it was awaited before".into()))?;
        watcher
            .join()
            .map_err(|_| GuestError::Watcher("it panicked".into()))?
    }

    /// The handle that ends this guest.
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// What halts this guest; `None` for a sandbox on the host's own kernel.
    pub fn brake(&self) -> Option<Brake> {
        self.wrapped.map(|wrapped| Brake::new(self.pid, wrapped))
    }

    /// The guest's main process, as the host's PID.
    pub fn pid(&self) -> i32 {
        self.pid
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            self.canceller.cancel();
            // Unblocks a watcher that is handing over a message.
            while self.messages.recv().is_ok() {}
            let _ = watcher.join();
        }
    }
}
