//! The guest's file systems, loopback and name.

use super::InitError;
use crate::protocol::{BOOT_FILE, Boot, INPUTS, PRIVATE_FOLDER, SHARE, SHARE_AT_FIRST, SHARE_ON_HOST};
use rustix::fs::{Mode, OFlags, open, statfs, syncfs};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind_recursive, mount_remount, unmount};
use std::ffi::{CStr, CString};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

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
    let plain = MountFlags::NOSUID | MountFlags::NODEV;
    // First of all the inputs are taken hold of, before mounts of ours hide the host's /run, /tmp or
    // /dev/shm. The share is on /proc for that moment: the one folder that cannot hold an input.
    let share_on_host = host_folder(Path::new(SHARE_ON_HOST))?;
    put("hostfs", SHARE_AT_FIRST, plain, Some(&share_on_host))?;
    let boot = read_boot(Path::new(SHARE_AT_FIRST))?;
    let held = boot
        .inputs
        .iter()
        .map(|(_, path)| hold(path))
        .collect::<Result<Vec<_>, _>>()?;
    unmount(SHARE_AT_FIRST, UnmountFlags::empty())
        .map_err(InitError::step("unmount the share from /proc"))?;

    put_own()?;
    make_folder(SHARE)?;
    put("hostfs", SHARE, plain, Some(&share_on_host))?;
    make_folder(INPUTS)?;
    for (name, path) in &boot.copies {
        bind_input(
            &hold(&Path::new(SHARE).join(path))?,
            &Path::new(INPUTS).join(name),
        )?;
    }
    for (name, path) in &boot.folders {
        let at = format!("{INPUTS}/{name}");
        make_folder(&at)?;
        put(
            "hostfs",
            &at,
            plain | MountFlags::RDONLY,
            Some(&host_folder(path)?),
        )?;
    }
    for ((name, _), held) in boot.inputs.iter().zip(&held) {
        bind_input(held, &Path::new(INPUTS).join(name))?;
    }
    // A courtesy against slips of programs: guest root could remount. What guards the host is the user the
    // guest runs as.
    mount_remount("/", MountFlags::RDONLY, c"").map_err(InitError::step("make the root read-only"))?;
    rustix::system::sethostname(b"guest").map_err(InitError::step("set the host name"))?;
    super::loopback::up()?;
    Ok(boot)
}

/// The file systems that a guest has of its own, whatever its root is.
pub(super) fn put_own() -> Result<(), InitError> {
    let plain = MountFlags::NOSUID | MountFlags::NODEV;
    put("proc", "/proc", plain | MountFlags::NOEXEC, None)?;
    put("sysfs", "/sys", plain | MountFlags::NOEXEC, None)?;
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
    for (link, target) in [
        ("fd", "fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ] {
        // A convenience of shells; no harm if a kernel should make them itself.
        let _ = symlink(Path::new("/proc/self").join(target), Path::new("/dev").join(link));
    }
    for folder in ["/dev/shm", "/tmp", "/var/tmp"] {
        put("tmpfs", folder, plain, Some(c"mode=1777"))?;
    }
    put("tmpfs", "/run", plain, Some(c"mode=0755"))
}

/// A folder of the host as hostfs takes it.
fn host_folder(path: &Path) -> Result<CString, InitError> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|error| InitError::io("name a folder of the host")(error.into()))
}

/// Writes everything through to the host. The guest's page cache ends with it.
pub(super) fn flush() -> Result<(), InitError> {
    rustix::fs::sync();
    let share = fs::File::open(SHARE).map_err(InitError::io("open the share"))?;
    syncfs(&share).map_err(InitError::step("write the share through to the host"))
}

pub(super) fn read_boot(share: &Path) -> Result<Boot, InitError> {
    let file = Path::new(PRIVATE_FOLDER).join(BOOT_FILE);
    let failed = |error| InitError::io(format!("read the share's {}", file.display()))(error);
    let text = fs::read(share.join(&file)).map_err(failed)?;
    serde_json::from_slice(&text).map_err(|error| failed(error.into()))
}

pub(super) fn hold(path: &Path) -> Result<OwnedFd, InitError> {
    open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .map_err(InitError::step(format!("see the input {}", path.display())))
}

pub(super) fn bind_input(held: &OwnedFd, to: &Path) -> Result<(), InitError> {
    let from = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
    if from.is_dir() {
        fs::create_dir(to)
    } else {
        fs::File::create(to).map(drop)
    }
    .map_err(InitError::io(format!("make {}", to.display())))?;
    mount_bind_recursive(&from, to).map_err(InitError::step(format!("bind {}", to.display())))?;
    mount_remount(to, MountFlags::BIND | MountFlags::RDONLY, c"")
        .map_err(InitError::step(format!("make {} read-only", to.display())))
}

pub(super) fn make_folder(path: &str) -> Result<(), InitError> {
    fs::create_dir_all(path).map_err(InitError::io(format!("make {path}")))
}

pub(super) fn put(kind: &str, at: &str, flags: MountFlags, options: Option<&CStr>) -> Result<(), InitError> {
    let options = options.map(CString::from);
    mount(kind, at, kind, flags, options.as_deref()).map_err(InitError::step(format!("mount {kind} on {at}")))
}
