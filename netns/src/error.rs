//! What can go wrong with namespaces.

use std::io;
use std::time::Duration;

/// This crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of the mechanism; none of them says anything about what was to be tested.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A namespace could not be made or entered.
    #[error(
        "cannot {what} network namespace `{name}`: {source}; this needs CAP_SYS_ADMIN (run in a guest, or as \
         root)"
    )]
    Namespace {
        /// `make` or `enter`.
        what: &'static str,
        /// Its name.
        name: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The thread of a namespace has ended (it panicked or was never started).
    #[error("the thread of network namespace `{0}` has ended")]
    ThreadGone(String),
    /// A thread could not give up its capabilities.
    #[error("cannot give up capabilities: {source}")]
    Capabilities {
        /// The kernel's answer.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot start `{program}`: {source}; is it installed and in PATH?")]
    Start {
        /// The program.
        program: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A program's output or end could not be read.
    #[error("lost track of `{program}`: {source}")]
    Watch {
        /// The program.
        program: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A program did not end in time and was killed.
    #[error("`{line}` did not end within {} s and was killed; it had printed: {output}", after.as_secs())]
    TimedOut {
        /// The command line.
        line: String,
        /// How long it was given.
        after: Duration,
        /// What it had printed.
        output: String,
    },
    /// A program printed more than any does that does its work.
    #[error("`{line}` printed more than {} MiB and was killed", most >> 20)]
    Flooded {
        /// The command line.
        line: String,
        /// What it may print, bytes.
        most: usize,
    },
    /// A program ended with an error.
    #[error("`{line}` failed ({status}): {output}")]
    Failed {
        /// The command line.
        line: String,
        /// `exit 1`, `signal 9`.
        status: String,
        /// What it printed.
        output: String,
    },
    /// The kernel did not do what a line of ip(8) or tc(8) asks; no program was started for it.
    #[error("`{line}` failed: {source}")]
    Refused {
        /// The line.
        line: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// TCP's sockets, or what TCP has measured, could not be listed or destroyed.
    #[error("cannot {what}: {source}")]
    Tcp {
        /// `list TCP sockets`, for instance.
        what: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The connections that are tracked could not be listed or forgotten.
    #[error("cannot {what}: {source}")]
    Conntrack {
        /// `list tracked connections`, for instance.
        what: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A sysctl could not be read or written.
    #[error("cannot {what} sysctl {key}: {source}{cause}")]
    Sysctl {
        /// `read` or `write`.
        what: &'static str,
        /// Its name with dots.
        key: String,
        /// The kernel's answer.
        source: io::Error,
        /// What that answer means of a sysctl.
        cause: &'static str,
    },
    /// A sysctl does not have the value that was written.
    #[error("sysctl {key} was set to `{wanted}` but reads `{found}`")]
    SysctlNotTaken {
        /// Its name with dots.
        key: String,
        /// The value written.
        wanted: String,
        /// The value read back.
        found: String,
    },
}
