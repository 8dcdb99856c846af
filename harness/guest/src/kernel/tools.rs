//! The programs and headers that a kernel build needs, and the Debian package that brings each.

use super::Source;
use super::error::{KernelError, MissingTool};
use std::env;
use std::path::{Path, PathBuf};

const BUILD: [(&str, &str); 12] = [
    ("gcc", "gcc"),
    ("ld", "binutils"),
    ("make", "make"),
    ("flex", "flex"),
    ("bison", "bison"),
    ("bc", "bc"),
    ("tar", "tar"),
    ("xz", "xz-utils"),
    ("awk", "mawk"),
    ("perl", "perl-base"),
    ("find", "findutils"),
    ("sed", "sed"),
];
const DOWNLOAD: [(&str, &str); 4] = [
    ("apt-get", "apt"),
    ("apt-cache", "apt"),
    ("dpkg-deb", "dpkg"),
    ("dpkg-query", "dpkg"),
];

/// Where a program would be run from, by PATH.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file())
}

/// What is missing to build a kernel. Downloading is asked for apart: a tarball needs none.
pub(crate) fn missing(with_download: bool) -> Vec<MissingTool> {
    let download: &[(&str, &str)] = if with_download { &DOWNLOAD } else { &[] };
    let mut missing: Vec<MissingTool> = BUILD
        .iter()
        .chain(download)
        .filter(|(name, _)| program(name).is_none())
        .map(|&(what, package)| MissingTool { what, package })
        .collect();
    // UML links against the host's C library. One header stands for its development files.
    if !Path::new("/usr/include/stdio.h").is_file() {
        missing.push(MissingTool {
            what: "the C library's headers",
            package: "libc6-dev",
        });
    }
    missing
}

pub(super) fn check_download_tools() -> Result<(), KernelError> {
    let missing = DOWNLOAD.iter().filter(|(name, _)| program(name).is_none());
    let missing: Vec<_> = missing
        .map(|&(what, package)| MissingTool { what, package })
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(KernelError::MissingTools(missing))
    }
}

pub(super) fn check_build_tools(source: &Source) -> Result<(), KernelError> {
    let with_download = match source {
        Source::DefaultLine | Source::Package(_) => true,
        Source::Tarball(_) => false,
    };
    match missing(with_download) {
        missing if missing.is_empty() => Ok(()),
        missing => Err(KernelError::MissingTools(missing)),
    }
}
