//! Halts a guest that has nothing to do but to wait for its caller.
//!
//! Under virtual time a guest whose processes all sleep goes on to the next timer at once. A payload that
//! waits for its caller must therefore not sleep: it asks again and again. That costs a processor, unless the
//! guest's kernel is halted meanwhile. No time passes in the guest while it is.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs;
use std::os::fd::OwnedFd;

/// Halts a guest's kernel, and lets it go on. A guest that is halted can be ended as any other.
#[derive(Debug)]
pub struct Brake {
    child: i32,
    wrapped: bool,
    /// The kernel's process, once it is known. By descriptor: its number may become another's.
    kernel: Option<OwnedFd>,
    held: bool,
}

impl Brake {
    /// Of the guest whose process is `child`, or that is the only child of `child`.
    pub(super) fn new(child: i32, wrapped: bool) -> Self {
        Self {
            child,
            wrapped,
            kernel: None,
            held: false,
        }
    }

    /// Halts it. Where that cannot be done it goes on, and costs a processor.
    pub fn hold(&mut self) {
        if !self.held && self.send(Signal::STOP) {
            self.held = true;
        }
    }

    /// Lets it go on.
    pub fn release(&mut self) {
        if self.held {
            self.send(Signal::CONT);
            self.held = false;
        }
    }

    fn send(&mut self, signal: Signal) -> bool {
        if self.kernel.is_none() {
            self.kernel = self.open();
        }
        let kernel = self.kernel.as_ref();
        kernel.is_some_and(|kernel| pidfd_send_signal(kernel, signal).is_ok())
    }

    fn open(&self) -> Option<OwnedFd> {
        let child = self.child;
        let pid = if self.wrapped {
            let children = fs::read_to_string(format!("/proc/{child}/task/{child}/children")).ok()?;
            children.split_ascii_whitespace().next()?.parse().ok()?
        } else {
            child
        };
        pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()
    }
}

impl Drop for Brake {
    fn drop(&mut self) {
        self.release();
    }
}
