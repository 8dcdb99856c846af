//! The one place with raw process set-up: what must happen between fork and exec of the guest.

use super::surroundings::Surroundings;
use super::unshare::WRAPPER;
use super::user::User;
use crate::protocol::{GUEST_VARIABLE, IN_A_SANDBOX};
use rustix::fs::Mode;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{
    Gid, Pid, Resource, Rlimit, Signal, Uid, fchdir, getppid, set_parent_process_death_signal, setrlimit,
    setsid, umask,
};
use rustix::thread::{CpuSet, sched_setaffinity, set_thread_gid, set_thread_groups, set_thread_uid};
use std::fs::File;
use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What the wrapper runs: the guest, once its parent has said that it is still there. The wrapper asks to die
/// with its parent, and its child with the wrapper, only after they were made; who dies before that takes
/// nobody along. So the child says that it has come so far, and goes on when it is answered: by then both had
/// asked. Where nobody is left to answer, it ends.
const AFTER_A_HANDSHAKE: [&str; 4] = [
    "sh",
    "-c",
    r#"echo here >&0 && read -r go && exec "$@" </dev/null"#,
    "sh",
];
/// How long the wrapper's child may take to come so far.
const HANDSHAKE: Duration = Duration::from_secs(30);

const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// The command that boots a kernel, or QEMU's; it is to be spawned as the guest's user.
pub(super) fn boot(
    surroundings: &Surroundings,
    kernel: &Path,
    arguments: &[String],
    memory_folder: Option<&Path>,
) -> Command {
    let mut command = if surroundings.wrapped {
        let mut command = Command::new(WRAPPER[0]);
        command
            .args(&WRAPPER[1..])
            .arg("--")
            .args(AFTER_A_HANDSHAKE)
            .arg(kernel);
        command
    } else {
        Command::new(kernel)
    };
    command
        .args(arguments)
        // Not PATH alone: UML takes the end of its address space from the place of the last variable's text,
        // and replaces PATH's (arch/um/os-Linux/main.c, setup_env_path; arch/um/kernel/um_arch.c,
        // get_top_address). Seen: a panic.
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/");
    if let Some(folder) = memory_folder {
        command.env("TMPDIR", folder);
    }
    command
}

/// The command that begins a sandbox on the host's own kernel: init itself, still as root.
pub(super) fn begin_sandbox(surroundings: &Surroundings) -> Command {
    let mut command = Command::new(&surroundings.init);
    command
        .env_clear()
        .env("PATH", PATH)
        .env(GUEST_VARIABLE, IN_A_SANDBOX);
    command
}

/// Starts the guest's process, as another user and on these processors if some are given. To be called in the
/// thread that will wait for it: the process is killed when that thread ends.
#[expect(unsafe_code, reason = "std offers no other place between fork and exec")]
pub(super) fn spawn(
    surroundings: &Surroundings,
    mut command: Command,
    console: PipeWriter,
    user: Option<User>,
    processors: Option<CpuSet>,
) -> io::Result<Child> {
    let share = File::open(&surroundings.share)?;
    let handed: Vec<RawFd> = surroundings.handed.iter().map(AsRawFd::as_raw_fd).collect();
    command
        .stdin(Stdio::null())
        .stdout(console.try_clone()?)
        .stderr(console);
    let parent = rustix::process::getpid();
    // SAFETY: the closure makes system calls only, on values of its own; it does not allocate, lock or panic.
    // The descriptors of `handed` are the sandbox's, which outlives this function.
    unsafe {
        command.pre_exec(move || {
            for &descriptor in &handed {
                fcntl_setfd(BorrowedFd::borrow_raw(descriptor), FdFlags::empty())?;
            }
            // While this process may still enter any folder.
            fchdir(&share)?;
            if let Some(user) = user {
                become_user(user)?;
            }
            prepare(parent, processors)
        })
    };
    if !surroundings.wrapped {
        return command.spawn();
    }
    let (ours, theirs) = UnixStream::pair()?;
    let mut child = command.stdin(OwnedFd::from(theirs)).spawn()?;
    // With the command goes this process's copy of the child's end.
    drop(command);
    match shake_hands(ours) {
        Ok(()) => Ok(child),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

/// The parent's side of [`AFTER_A_HANDSHAKE`].
fn shake_hands(mut child: UnixStream) -> io::Result<()> {
    child.set_read_timeout(Some(HANDSHAKE))?;
    child.read_exact(&mut [0; "here\n".len()])?;
    child.write_all(b"go\n")
}

/// In the child: what [`std::os::unix::process::CommandExt::uid`] would do before any closure is called, and
/// so too early.
fn become_user(user: User) -> io::Result<()> {
    set_thread_groups(&[])?;
    set_thread_gid(Gid::from_raw(user.gid))?;
    set_thread_uid(Uid::from_raw(user.uid))?;
    Ok(())
}

/// In the child, after its user was set: setting a user id clears the parent-death signal (prctl(2)).
fn prepare(parent: Pid, processors: Option<CpuSet>) -> io::Result<()> {
    setsid()?;
    // As the guest's own umask is: what it makes in its share can be read.
    umask(Mode::WGRP | Mode::WOTH);
    if let Some(set) = processors {
        // Where that is forbidden, the guest is slower, and else the same.
        let _ = sched_setaffinity(None, &set);
    }
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    rustix::thread::set_no_new_privs(true)?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have died before that call: then nobody would tell us.
    if parent_pid() == Some(parent) {
        Ok(())
    } else {
        Err(io::ErrorKind::NotConnected.into())
    }
}

/// The parent's PID as the host's /proc sees it: in a PID namespace of its own getppid(2) gives 0.
fn parent_pid() -> Option<Pid> {
    if let Some(parent) = getppid() {
        return Some(parent);
    }
    // /proc is still the host's. "PID (name) state ppid …", proc(5); the name is a thread's of ours and ends
    // at the last `)`.
    let mut stat = [0_u8; 256];
    let length = File::open("/proc/self/stat")
        .and_then(|mut file| file.read(&mut stat))
        .ok()?;
    let behind_name = stat[..length].iter().rposition(|&byte| byte == b')')?;
    let fields = std::str::from_utf8(&stat[behind_name + 1..length]).ok()?;
    Pid::from_raw(fields.split_ascii_whitespace().nth(1)?.parse().ok()?)
}
