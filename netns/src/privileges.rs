//! Who may do what in a namespace: links, tables and captures need capabilities, servers and clients none.

use crate::{Error, Namespace, Result};
use rustix::thread::{CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities};
use std::process::{Child, Command};

/// Leaves the calling thread, and all that it starts from now on, without a capability (capabilities(7): they
/// are a thread's own).
///
/// For a process that was given some although it is not root's. Root's come from its user id and would be
/// back with the next program; for root this does nothing.
///
/// # Errors
/// [`Error::Capabilities`] if the kernel refuses.
pub fn give_up_capabilities() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    clear_ambient_capability_set()
        .and_then(|()| set_capabilities(None, sets))
        .map_err(|errno| Error::Capabilities { source: errno.into() })
}

impl Namespace {
    /// Starts a program in the namespace that has no capability, and does not wait for it.
    ///
    /// # Errors
    /// [`Error::Start`] if it cannot be started; [`Error::Capabilities`], or as [`Namespace::spawn`].
    pub fn start(&self, mut command: Command) -> Result<Child> {
        let program = command.get_program().to_string_lossy().into_owned();
        // On a thread of its own: those of the namespace's own thread are needed again.
        let start = move || {
            give_up_capabilities()?;
            command.spawn().map_err(|source| Error::Start { program, source })
        };
        let thread = self.spawn("start", start)?;
        thread
            .join()
            .map_err(|_| Error::ThreadGone(self.name().to_owned()))?
    }
}
