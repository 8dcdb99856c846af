//! Namespaces for the thread that will fork the guest, and, for an ordinary user's guest, by unshare(1).

use rustix::thread::UnshareFlags;
use std::path::Path;

/// Gives an ordinary user's guest a PID namespace, whose end is the end of all in it; dies with its parent,
/// and takes the guest along.
pub(super) const WRAPPER: [&str; 6] = [
    "unshare",
    "--user",
    "--map-current-user",
    "--pid",
    "--fork",
    "--kill-child=KILL",
];

/// The calling thread, not the process, gets a mount namespace of its own.
pub(super) fn unshare_mounts() -> rustix::io::Result<()> {
    unshare_in_this_thread(UnshareFlags::NEWNS)
}

/// The calling thread gets mount and network namespaces of its own, and, where the kernel has such, IPC and
/// UTS namespaces.
pub(crate) fn unshare_sandbox() -> rustix::io::Result<()> {
    let mut flags = UnshareFlags::NEWNS | UnshareFlags::NEWNET;
    // Kernels may be built without (CONFIG_IPC_NS, CONFIG_UTS_NS); unshare(2) then knows no such flag.
    flags.set(UnshareFlags::NEWIPC, Path::new("/proc/self/ns/ipc").exists());
    flags.set(UnshareFlags::NEWUTS, Path::new("/proc/self/ns/uts").exists());
    unshare_in_this_thread(flags)
}

/// The calling thread's next child becomes PID 1 of a new PID namespace. It can make no thread after that,
/// and no child once that one has ended (pid_namespaces(7)).
pub(super) fn unshare_pids() -> rustix::io::Result<()> {
    unshare_in_this_thread(UnshareFlags::NEWPID)
}

#[expect(
    unsafe_code,
    reason = "unshare(2) can break what std assumes; here it is the act of a thread made for it"
)]
fn unshare_in_this_thread(flags: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: no flag concerns file descriptors, which is what rustix warns of; no lock or memory of std
    // depends on the namespaces of mounts, links, names or System V's objects, nor on where children get
    // their PIDs. The effect stays with this thread.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}
