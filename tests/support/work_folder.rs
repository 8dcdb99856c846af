//! The folder that a process works in, by identity, whoever looks.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Device and inode of a folder.
pub(crate) type Identity = (u64, u64);

pub(crate) fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// The folder that this process works in. In its mount namespace that folder may have another name.
///
/// Root without CAP_SYS_PTRACE, as in a container, may not look at another user's processes (proc(5)). Their
/// user may, so that user looks.
pub(crate) fn work_folder(pid: i32) -> Option<Identity> {
    let link = format!("/proc/{pid}/cwd");
    match fs::metadata(&link) {
        Ok(found) => Some((found.dev(), found.ino())),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => as_its_user(pid, &link),
        Err(_) => None,
    }
}

fn as_its_user(pid: i32, link: &str) -> Option<Identity> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let real = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.split_whitespace().next()?.to_owned())
    };
    let output = Command::new("setpriv")
        .args([
            "--reuid",
            &real("Uid:")?,
            "--regid",
            &real("Gid:")?,
            "--clear-groups",
        ])
        .args(["stat", "--dereference", "--format", "%d %i", link])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (device, inode) = text.trim().split_once(' ')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}
