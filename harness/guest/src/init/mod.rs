//! What this binary does as PID 1 of a guest, or of a sandbox on the host's own kernel.
//!
//! ```text
//! kernel ─ runs ─▶ PID 1: init::run()          mounts, lo, hostname; reaps every orphan; powers off
//!                    └─ runs ─▶ /proc/self/exe PAYLOAD_ARGS    an ordinary process, root in the guest
//!
//! caller ─ runs ─▶ PID 1: init::run()          the same, in namespaces of its own; at last it ends
//!                    └─ runs ─▶ /proc/self/exe PAYLOAD_ARGS    an ordinary user with a few capabilities
//! ```
//! PID 1 does nothing else, so that it can reap whatever dies without taking an exit status from a program
//! that waits for its own child. The payload finds the share by [`crate::protocol::SHARE_VARIABLE`] and the
//! read-only inputs by [`crate::protocol::INPUTS_VARIABLE`], and talks to the host by [`Console`]. To run
//! itself once more it uses `/proc/self/exe`: the path of the binary may lie below a tmpfs (a build folder in
//! the host's /tmp, say).

mod console;
mod loopback;
mod mounts;
mod payload;
pub(crate) mod privileges;
mod qemu;
mod sandbox;

pub use console::Console;
pub use payload::PATH;

use crate::protocol::{GUEST_VARIABLE, IN_A_GUEST, IN_A_SANDBOX, IN_QEMU, Message, PayloadEnd};
use std::convert::Infallible;
use std::io;

/// Folders that the guest has of its own, in memory or of its kernel: what the host has there cannot be seen
/// in it.
pub const OWN_FOLDERS: [&str; 6] = ["/tmp", "/var/tmp", "/run", "/dev", "/proc", "/sys"];

/// Why init could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Not PID 1, or not in a guest: on a host init would mount over folders and power the machine off.
    #[error("not the first process of a guest kernel or of a sandbox: {0}")]
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

/// Where PID 1 is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a kernel of its own.
    Guest,
    /// In a stock kernel in QEMU.
    Qemu,
    /// On the host's kernel, in namespaces of its own.
    Sandbox,
}

impl Place {
    fn of_this_process() -> Option<Self> {
        let value = std::env::var_os(GUEST_VARIABLE).filter(|_| std::process::id() == 1)?;
        let places = [
            (IN_A_GUEST, Self::Guest),
            (IN_QEMU, Self::Qemu),
            (IN_A_SANDBOX, Self::Sandbox),
        ];
        places
            .into_iter()
            .find(|(name, _)| value == *name)
            .map(|(_, place)| place)
    }
}

/// Whether this process was started as init: PID 1, with [`GUEST_VARIABLE`] set by the kernel's command line
/// or the caller. A program asks this before it looks at its arguments (the kernel adds words of its own to
/// them).
pub fn wanted() -> bool {
    Place::of_this_process().is_some()
}

/// Is PID 1: sets its place up, runs the payload, reaps, says how the payload ended, powers off. A failure
/// after the first check is said on the console, in words, before power-off. In a sandbox the end of this
/// process is the power-off: the kernel ends what else is in the PID namespace (kernel/pid_namespace.c,
/// `zap_pid_ns_processes`).
///
/// # Errors
/// [`InitError::NotInAGuest`] on a host: nothing was done. Any other: not even power-off worked.
pub fn run() -> Result<Infallible, InitError> {
    let place = Place::of_this_process().ok_or(InitError::NotInAGuest("nothing says so"))?;
    match place {
        Place::Guest => mounts::check_place()?,
        Place::Qemu => qemu::check_place()?,
        Place::Sandbox => sandbox::check_place()?,
    }
    let message = match serve(place) {
        Ok(end) => Message::End(end),
        Err(error) => Message::Failed(error.to_string()),
    };
    let console = match place {
        Place::Guest | Place::Qemu => Console::open(),
        Place::Sandbox => Console::of_output(),
    };
    console
        .and_then(|console| console.send(&message))
        .map_err(InitError::io("write to the console"))?;
    match place {
        Place::Guest | Place::Qemu => {
            rustix::system::reboot(rustix::system::RebootCommand::PowerOff)
                .map_err(InitError::step("power off"))?;
        }
        Place::Sandbox => std::process::exit(0),
    }
    loop {
        rustix::event::pause();
    }
}

fn serve(place: Place) -> Result<PayloadEnd, InitError> {
    match place {
        Place::Guest => {
            let boot = mounts::set_up()?;
            let end = payload::reap(payload::start(&boot, None)?)?;
            mounts::flush()?;
            Ok(end)
        }
        Place::Qemu => payload::reap(payload::start(&qemu::set_up()?, Some(IN_QEMU))?),
        Place::Sandbox => {
            let boot = sandbox::set_up()?;
            privileges::reduce()?;
            let payload = payload::start(&boot, Some(IN_A_SANDBOX))?;
            privileges::drop_all()?;
            payload::reap(payload)
        }
    }
}
