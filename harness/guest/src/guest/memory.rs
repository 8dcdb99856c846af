//! The folder for the guest's memory. UML keeps it in an unlinked file there and maps it executable
//! (arch/um/os-Linux/mem.c): a small or noexec folder is noticed too late, as SIGBUS and a panic, so it is
//! checked before.

use super::GuestError;
use super::user::User;
use rustix::fs::{StatVfsMountFlags, statvfs};
use std::path::{Path, PathBuf};

/// The first fit of `TMPDIR`, /dev/shm, /tmp and /var/tmp.
pub(crate) fn choose(mib: u32, user: User) -> Result<PathBuf, GuestError> {
    let of_environment = std::env::var_os("TMPDIR")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let mut tried = Vec::new();
    for folder in of_environment
        .into_iter()
        .chain(["/dev/shm", "/tmp", "/var/tmp"].map(PathBuf::from))
    {
        match check(&folder, mib, user) {
            Ok(()) => return Ok(folder),
            Err(reason) => tried.push(format!("{}: {reason}", folder.display())),
        }
    }
    Err(GuestError::Memory { mib, tried })
}

/// Whether a folder can hold a guest's memory, else why not.
pub(crate) fn check(folder: &Path, mib: u32, user: User) -> Result<(), String> {
    if !folder.is_absolute() {
        return Err("it is no absolute path".into());
    }
    let system = statvfs(folder).map_err(|error| error.to_string())?;
    if system.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        return Err("it is mounted noexec".into());
    }
    if system.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err("it is mounted read-only".into());
    }
    let free = system.f_bavail.saturating_mul(system.f_frsize) >> 20;
    if free < u64::from(mib) {
        return Err(format!("it has {free} MiB free"));
    }
    for right in ["-w", "-x"] {
        match user.can(right, folder) {
            Ok(true) => {}
            Ok(false) => return Err(format!("user {} cannot write there", user.uid)),
            Err(error) => {
                return Err(format!(
                    "cannot be asked about, as test(1) cannot be run: {error}"
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_too_small_or_no_folder_is_refused_with_the_reason() {
        let user = User::choose(super::super::RunAs::Caller).unwrap();
        let folder = tempfile::tempdir().unwrap();
        assert!(
            check(folder.path(), u32::MAX, user)
                .unwrap_err()
                .contains("MiB free")
        );
        assert!(check(Path::new("/proc"), 1, user).is_err());
        assert!(
            check(&folder.path().join("absent"), 1, user)
                .unwrap_err()
                .contains("No such file")
        );
    }
}
