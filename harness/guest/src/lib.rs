//! A guest kernel with IPVS and virtual time: provisioned, booted, watched, and entered as PID 1.
//!
//! The guest is User-mode Linux (`ARCH=um`): the Linux kernel as an ordinary program, which needs neither
//! root nor KVM.
//! - [`kernel`] builds one from a Debian `linux-source` package or a tarball, and finds those built before.
//! - [`Guest`] starts one, whose `init` is a program of the host, and watches it until it ends, or ends it.
//! - [`init`] is what that program does when it is PID 1 in the guest.
//! - A *native sandbox* is the same without a kernel of its own: namespaces on the host's, in real time
//!   ([`native`]).
//! - [`doctor`] says what this machine has and lacks for all that.
//!
//! Nothing here prints, and nothing outlives a guest: no process, mount, namespace, or file outside its
//! share.

pub mod doctor;
mod guest;
pub mod init;
pub mod kernel;
pub mod native;
pub mod protocol;
pub mod stock;

pub use guest::{
    Brake, Canceller, ConsoleEvent, ConsoleLines, DEFAULT_CLOCK_START, DEFAULT_MEMORY_MIB, DEFAULT_STALL,
    Guest, GuestConfig, GuestEnd, GuestError, GuestReport, HostStatus, ReadOnlyInput, RunAs, RunsOn,
};
