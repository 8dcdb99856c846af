//! A sandbox on the host's kernel: what its first process makes, beside the PID namespace that it was started
//! in.
//!
//! Namespaces first, with every mount private: what is mounted here is seen by this process and its children
//! alone, and is gone with them.

use super::InitError;
use super::mounts::{bind_input, hold, make_folder, put, read_boot};
use crate::protocol::{Boot, INPUTS, SHARE};
use rustix::fs::statvfs;
use rustix::mount::{MountFlags, MountPropagationFlags, mount_bind_recursive, mount_change, mount_remount};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// Refuses anything but the first process of a PID namespace that was started to be one, in a share.
pub(super) fn check_place() -> Result<(), InitError> {
    if std::process::id() != 1 {
        return Err(InitError::NotInAGuest("this is not PID 1"));
    }
    read_boot(Path::new(".")).map(drop)
}

/// Makes the namespaces a place to work in. Gives what the caller asks for.
pub(super) fn set_up() -> Result<Boot, InitError> {
    let plain = MountFlags::NOSUID | MountFlags::NODEV;
    crate::guest::unshare::unshare_sandbox().map_err(InitError::step("make private namespaces"))?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).map_err(
        InitError::step("make mounts private (in a chroot whose root is no mount this cannot be done)"),
    )?;
    // The working folder is the share. Share and inputs are taken hold of before mounts of ours hide the
    // host's folders.
    let boot = read_boot(Path::new("."))?;
    let share = hold(Path::new("."))?;
    let inputs = boot
        .inputs
        .iter()
        .map(|(_, path)| hold(path))
        .collect::<Result<Vec<_>, _>>()?;

    put("proc", "/proc", plain | MountFlags::NOEXEC, None)?;
    // Of this network namespace: the host's links are not in it.
    put(
        "sysfs",
        "/sys",
        plain | MountFlags::NOEXEC | MountFlags::RDONLY,
        None,
    )?;
    for folder in ["/dev/shm", "/tmp", "/var/tmp"] {
        if Path::new(folder).is_dir() {
            put("tmpfs", folder, plain, Some(c"mode=1777"))?;
        }
    }
    put("tmpfs", "/run", plain, Some(c"mode=0755"))?;
    make_folder(SHARE)?;
    mount_bind_recursive(format!("/proc/self/fd/{}", share.as_raw_fd()), SHARE)
        .map_err(InitError::step("bind the share"))?;
    mount_remount(SHARE, MountFlags::BIND | plain, c"")
        .map_err(InitError::step("set the rights of the share"))?;
    make_folder(INPUTS)?;
    for ((name, _), held) in boot.inputs.iter().zip(&inputs) {
        bind_input(held, &PathBuf::from(INPUTS).join(name))?;
    }
    read_only_root()?;
    // Without a namespace of its own for it (a kernel without CONFIG_UTS_NS) the name is the host's.
    if Path::new("/proc/self/ns/uts").exists() {
        rustix::system::sethostname(b"lvs-matrix").map_err(InitError::step("set the host name"))?;
    }
    super::loopback::up()?;
    Ok(boot)
}

/// A courtesy against slips of programs, and for the root's own mount alone: what guards the host's files is
/// that nothing here runs as a user who may write them. What the mount forbids already it goes on forbidding.
fn read_only_root() -> Result<(), InitError> {
    let failed = || InitError::step("make the root read-only");
    let now = statvfs("/").map_err(failed())?.f_flag;
    let mut flags = MountFlags::BIND | MountFlags::RDONLY;
    flags.set(
        MountFlags::NOSUID,
        now.contains(rustix::fs::StatVfsMountFlags::NOSUID),
    );
    flags.set(
        MountFlags::NODEV,
        now.contains(rustix::fs::StatVfsMountFlags::NODEV),
    );
    flags.set(
        MountFlags::NOEXEC,
        now.contains(rustix::fs::StatVfsMountFlags::NOEXEC),
    );
    mount_remount("/", flags, c"").map_err(failed())
}
