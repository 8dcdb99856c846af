//! Programs of the system, and where they are.

use std::io;
use std::path::PathBuf;

/// Where a program of the system is. A child that is given a `PATH` of its own must be named by its whole
/// path: std would otherwise fork instead of calling posix_spawn(3). A fork copies the mappings of the whole
/// process, with all frames that were captured so far.
pub(crate) fn in_path(program: &str) -> io::Result<PathBuf> {
    let found = std::env::split_paths(&path())
        .map(|folder| folder.join(program))
        .find(|path| path.is_file());
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{program} is not in PATH")))
}

/// Where programs of the system are looked for.
pub(crate) fn path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}
