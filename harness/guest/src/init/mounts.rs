//! The guest's file systems, loopback and name.

use super::InitError;
use crate::protocol::{BOOT_FILE, Boot, INPUTS, PRIVATE_FOLDER, SHARE};
use rustix::fs::{statfs, syncfs};
use rustix::mount::{MountFlags, mount, mount_bind_recursive, mount_remount};
use std::ffi::{CStr, CString};
use std::fs;
use std::path::Path;

/// `HOSTFS_SUPER_MAGIC`, fs/hostfs/hostfs_kern.c: only User-mode Linux has such a file system.
const HOSTFS_MAGIC: u64 = 0x00c0_ffee;

/// Refuses anything but PID 1 of a User-mode Linux.
pub(super) fn check_place() -> Result<(), InitError> {
    if std::process::id() != 1 {
        return Err(InitError::NotInAGuest("this is not PID 1"));
    }
    match statfs("/") {
        Ok(root) if u64::try_from(root.f_type).is_ok_and(|magic| magic == HOSTFS_MAGIC) => Ok(()),
        Ok(_) | Err(_) => Err(InitError::NotInAGuest("the root is no hostfs")),
    }
}

/// Makes the guest a place to work in. Gives what the host asks for.
pub(super) fn set_up() -> Result<Boot, InitError> {
    let open = MountFlags::NOSUID | MountFlags::NODEV;
    put("proc", "/proc", open | MountFlags::NOEXEC, None)?;
    put("sysfs", "/sys", open | MountFlags::NOEXEC, None)?;
    put("devtmpfs", "/dev", MountFlags::NOSUID, None)?;
    for folder in ["/dev/pts", "/dev/shm"] {
        make_folder(folder)?;
    }
    put(
        "devpts",
        "/dev/pts",
        MountFlags::NOSUID | MountFlags::NOEXEC,
        Some(c"mode=0620,ptmxmode=0666"),
    )?;
    put("tmpfs", "/dev/shm", open, None)?;
    for (link, target) in [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
    ] {
        // A convenience of shells; present already if a kernel ever makes them.
        let _ = std::os::unix::fs::symlink(target, link);
    }
    put("tmpfs", "/run", open, Some(c"mode=0755"))?;

    make_folder(SHARE)?;
    // The share is the working folder of the guest's process on the host: reachable whatever the rights on its parents, and
    // under a name that is the same everywhere. hostfs opens it anew for each lookup (fs/hostfs/hostfs_user.c).
    put("hostfs", SHARE, open, Some(c"/proc/self/cwd"))?;
    let boot = read_boot()?;
    make_folder(INPUTS)?;
    for (name, path) in &boot.inputs {
        bind_input(path, &Path::new(INPUTS).join(name))?;
    }
    // Last, because a tmpfs hides what lies below: inputs on the host's /tmp, say.
    put("tmpfs", "/tmp", open, None)?;
    put("tmpfs", "/var/tmp", open, None)?;
    // A courtesy against slips of programs: guest root could remount. What guards the host is the user the guest runs as.
    mount_remount("/", MountFlags::RDONLY, c"").map_err(InitError::step("make the root read-only"))?;
    rustix::system::sethostname(b"guest").map_err(InitError::step("set the host name"))?;
    super::loopback::up()?;
    Ok(boot)
}

/// Writes everything through to the host. The guest's page cache ends with it.
pub(super) fn flush() -> Result<(), InitError> {
    rustix::fs::sync();
    let share = fs::File::open(SHARE).map_err(InitError::io("open the share"))?;
    syncfs(&share).map_err(InitError::step("write the share through to the host"))
}

fn read_boot() -> Result<Boot, InitError> {
    let file = Path::new(SHARE).join(PRIVATE_FOLDER).join(BOOT_FILE);
    let text = fs::read(&file).map_err(InitError::io(format!("read {}", file.display())))?;
    serde_json::from_slice(&text).map_err(|error| InitError::io(format!("understand {}", file.display()))(error.into()))
}

fn bind_input(from: &Path, to: &Path) -> Result<(), InitError> {
    let meta = fs::metadata(from).map_err(InitError::io(format!("see the input {}", from.display())))?;
    if meta.is_dir() {
        fs::create_dir(to)
    } else {
        fs::File::create(to).map(drop)
    }
    .map_err(InitError::io(format!("make {}", to.display())))?;
    mount_bind_recursive(from, to).map_err(InitError::step(format!("bind the input {}", from.display())))?;
    mount_remount(to, MountFlags::BIND | MountFlags::RDONLY, c"")
        .map_err(InitError::step(format!("make the input {} read-only", to.display())))
}

fn make_folder(path: &str) -> Result<(), InitError> {
    fs::create_dir_all(path).map_err(InitError::io(format!("make {path}")))
}

fn put(kind: &str, at: &str, flags: MountFlags, options: Option<&CStr>) -> Result<(), InitError> {
    let options = options.map(CString::from);
    mount(kind, at, kind, flags, options.as_deref()).map_err(InitError::step(format!("mount {kind} on {at}")))
}
