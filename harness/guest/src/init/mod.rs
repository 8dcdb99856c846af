//! What this binary does as PID 1 of a guest.
//!
//! ```text
//! kernel ─ runs ─▶ PID 1: init::run()          mounts, lo, hostname; reaps every orphan; powers off
//!                    └─ runs ─▶ /proc/self/exe PAYLOAD_ARGS    an ordinary process, root in the guest
//! ```
//! PID 1 does nothing else, so that it can reap whatever dies without taking an exit status from a program that waits for
//! its own child. The payload finds the share by [`crate::protocol::SHARE_VARIABLE`] and the read-only inputs by
//! [`crate::protocol::INPUTS_VARIABLE`], and talks to the host by [`Console`]. To run itself once more it uses
//! `/proc/self/exe`: the path of the binary may lie below a tmpfs (a build folder in the host's /tmp, say).

mod console;
mod loopback;
mod mounts;
mod payload;

pub use console::Console;

use crate::protocol::{GUEST_VARIABLE, Message};
use std::convert::Infallible;
use std::io;

/// Folders that the guest has of its own, in memory or of its kernel: what the host has there cannot be seen in it.
pub const OWN_FOLDERS: [&str; 6] = ["/tmp", "/var/tmp", "/run", "/dev", "/proc", "/sys"];

/// Why init could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Not PID 1, or not in a guest: on a host init would mount over folders and power the machine off.
    #[error("not the first process of a guest kernel: {0}")]
    NotInAGuest(&'static str),
    /// A step failed.
    #[error("cannot {action}: {source}")]
    Step {
        /// What was tried.
        action: String,
        /// The system's reason.
        source: io::Error,
    },
}

impl InitError {
    fn step(action: impl Into<String>) -> impl FnOnce(rustix::io::Errno) -> Self {
        let action = action.into();
        move |errno| Self::Step {
            action,
            source: errno.into(),
        }
    }

    fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Step { action, source }
    }
}

/// Whether this process was started as a guest's init: PID 1, with [`GUEST_VARIABLE`] set by the kernel's command line.
/// A program asks this before it looks at its arguments (the kernel adds words of its own to them).
pub fn wanted() -> bool {
    std::process::id() == 1 && std::env::var_os(GUEST_VARIABLE).is_some_and(|value| value == "1")
}

/// Is PID 1: sets the guest up, runs the payload, reaps, says how the payload ended, powers off. A failure after the first
/// check is said on the console, in words, before power-off.
///
/// # Errors
/// [`InitError::NotInAGuest`] on a host: nothing was done. Any other: not even power-off worked.
pub fn run() -> Result<Infallible, InitError> {
    mounts::check_place()?;
    let message = match serve() {
        Ok(end) => Message::End(end),
        Err(error) => Message::Failed(error.to_string()),
    };
    Console::open()
        .and_then(|console| console.send(&message))
        .map_err(InitError::io("write to the console"))?;
    rustix::system::reboot(rustix::system::RebootCommand::PowerOff).map_err(InitError::step("power off"))?;
    loop {
        rustix::event::pause();
    }
}

fn serve() -> Result<crate::protocol::PayloadEnd, InitError> {
    let boot = mounts::set_up()?;
    let end = payload::run(&boot.payload_args)?;
    mounts::flush()?;
    Ok(end)
}
