//! The workshop of one build: a private folder in the cache, the lock, and how tools are run in it.

use super::{KernelError, Phase, Progress};
use rustix::fs::{FlockOperation, flock, statvfs};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Source package, tarball, tree and objects together took 2.4 GiB for 7.2.
const NEEDED_MIB: u64 = 3 * 1024;
const BUILDING: &str = ".building-";
const LOCK: &str = ".lock";
const LAST_LINES: usize = 30;

impl Progress {
    pub(super) fn of(phase: Phase) -> Self {
        Self {
            phase,
            done: 0,
            total: None,
            estimated: false,
            detail: String::new(),
        }
    }
}

/// The folders of builds in the making, or of killed ones.
fn unfinished(kernels: &Path) -> Result<Vec<PathBuf>, KernelError> {
    let entries = match fs::read_dir(kernels) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(KernelError::file("read", kernels))?,
    };
    let building = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(BUILDING));
    Ok(building.map(|entry| entry.path()).collect())
}

/// Removes what a killed build left among the cached kernels; nothing while a build goes on. What cannot be
/// removed stays.
pub(super) fn remove_unfinished(kernels: &Path) {
    let left = unfinished(kernels).unwrap_or_default();
    if left.is_empty() {
        return;
    }
    let Ok(lock) = File::open(kernels.join(LOCK)) else {
        return;
    };
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
        for folder in left {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// A private folder for one build. Removed when dropped; what a killed build left is removed by the next.
#[derive(Debug)]
pub(super) struct Workshop {
    folder: PathBuf,
    lock: File,
}

impl Workshop {
    /// Waits for other builds in the folder of the cached kernels, then makes its own folder there.
    pub(super) fn open(kernels: &Path, progress: &mut dyn FnMut(&Progress)) -> Result<Self, KernelError> {
        fs::create_dir_all(kernels).map_err(KernelError::file("make", kernels))?;
        let lock_file = kernels.join(LOCK);
        let lock = File::create(&lock_file).map_err(KernelError::file("make", &lock_file))?;
        let mut operation = FlockOperation::NonBlockingLockExclusive;
        loop {
            match flock(&lock, operation) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) => {
                    progress(&Progress::of(Phase::WaitForOtherBuild));
                    operation = FlockOperation::LockExclusive;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(KernelError::file("lock", lock_file)(errno.into())),
            }
        }
        for left in unfinished(kernels)? {
            fs::remove_dir_all(&left).map_err(KernelError::file("remove", left))?;
        }
        let space = statvfs(kernels).map_err(|errno| KernelError::file("look at", kernels)(errno.into()))?;
        let available_mib = space.f_bavail.saturating_mul(space.f_frsize) >> 20;
        if available_mib < NEEDED_MIB {
            return Err(KernelError::NoSpace {
                folder: kernels.to_owned(),
                available_mib,
                needed_mib: NEEDED_MIB,
            });
        }
        let folder = kernels.join(format!("{BUILDING}{}", std::process::id()));
        fs::create_dir(&folder).map_err(KernelError::file("make", &folder))?;
        // Make cuts its arguments at spaces, and Kbuild refuses such folders itself.
        let folder = fs::canonicalize(&folder).map_err(KernelError::file("find", &folder))?;
        Ok(Self { folder, lock })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn make_folder(&self, name: &str) -> Result<PathBuf, KernelError> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).map_err(KernelError::file("make", &folder))?;
        Ok(folder)
    }

    /// A tool with a clean environment: what a caller's make exports (MAKEFLAGS) must not reach ours.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = lvs_matrix_keeper::command(program);
        command
            .env_clear()
            .env("LC_ALL", "C")
            .env("TMPDIR", &self.folder)
            .current_dir(&self.folder);
        for kept in ["PATH", "http_proxy", "https_proxy", "no_proxy", "APT_CONFIG"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
    }

    /// make(1) in the tree. Same inputs, same binary: what Kbuild takes from the machine and the moment is
    /// fixed.
    pub(super) fn make(&self, tree: &Path) -> Command {
        let mut make = self.command("make");
        make.current_dir(tree)
            .env("KBUILD_BUILD_TIMESTAMP", "Thu Jan  1 00:00:00 UTC 2026")
            .env("KBUILD_BUILD_USER", "lvs-matrix")
            .env("KBUILD_BUILD_HOST", "lvs-matrix")
            .env("KBUILD_BUILD_VERSION", "1")
            .arg("ARCH=um");
        make
    }

    /// Runs a tool to its end, handing over its lines (both streams).
    ///
    /// The lock is the tool's standard input (an empty file): if we are killed, the next build waits until
    /// the last of the tools has ended too, which its keeper sees to.
    pub(super) fn run(
        &self,
        mut command: Command,
        mut on_line: impl FnMut(&str),
    ) -> Result<String, KernelError> {
        let words = lvs_matrix_keeper::words(&command);
        let program = words.first().cloned().unwrap_or_default();
        let failed = |source| KernelError::File {
            action: "run",
            path: PathBuf::from(&program),
            source,
        };
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        let lock = self.lock.try_clone().map_err(failed)?;
        command
            .stdin(lock)
            .stdout(writer.try_clone().map_err(failed)?)
            .stderr(writer);
        // When this function is left early, so is the program.
        let (mut child, _leash) = lvs_matrix_keeper::spawn(&mut command).map_err(failed)?;
        // Holds the pipe's writing ends, without which there is no end of file.
        drop(command);
        let mut last: VecDeque<String> = VecDeque::new();
        for line in BufReader::new(reader).split(b'\n') {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line).into_owned();
            on_line(&line);
            if last.len() == LAST_LINES {
                last.pop_front();
            }
            last.push_back(line);
        }
        let status = child.wait().map_err(failed)?;
        let output = Vec::from(last).join("\n");
        if status.success() {
            return Ok(output);
        }
        Err(KernelError::Tool {
            command: words.join(" "),
            status: status.to_string(),
            output,
        })
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // What stays is removed by the next build.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
