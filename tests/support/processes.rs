//! Processes of a run, found in /proc: the guests of a run, and what is left of it.

#[path = "work_folder.rs"]
mod work_folder;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use work_folder::{identity, work_folder};

/// A process, told from a later one of the same number by the time of its start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    started: u64,
    pub(crate) name: String,
}

/// All processes that still run (a zombie is its parent's business).
pub(crate) fn all() -> Vec<Process> {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| of(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// From /proc/PID/stat, proc(5): the name in parentheses may hold anything, so reading goes on behind the
/// last one.
fn of(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (before, after) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    (!matches!(*fields.first()?, "Z" | "X")).then_some(())?;
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        name: before.split_once('(')?.1.to_owned(),
    })
}

/// The processes that `ancestor` started, and those that they started.
pub(crate) fn descendants(ancestor: i32) -> Vec<Process> {
    let all = all();
    let mut known = BTreeSet::from([ancestor]);
    loop {
        let before = known.len();
        let children: Vec<i32> = all
            .iter()
            .filter(|process| known.contains(&process.parent))
            .map(|process| process.pid)
            .collect();
        known.extend(children);
        if known.len() == before {
            break;
        }
    }
    known.remove(&ancestor);
    all.into_iter()
        .filter(|process| known.contains(&process.pid))
        .collect()
}

/// Those of `processes` that still run.
pub(crate) fn still_there(processes: &[Process]) -> Vec<Process> {
    processes
        .iter()
        .filter(|process| of(process.pid).is_some_and(|now| now.started == process.started))
        .cloned()
        .collect()
}

/// The processes that work in `folder` or below it, or have its path on their command line or in their
/// environment. Folders are compared by identity: in a guest's mount namespace they have other names.
pub(crate) fn concerned_with(folder: &Path) -> Vec<Process> {
    let mut folders = BTreeSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        folders.extend(identity(&folder));
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        open.extend(
            entries
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
    }
    let path = folder.as_os_str().as_encoded_bytes();
    let names = |file: String| {
        fs::read(file).is_ok_and(|bytes| bytes.windows(path.len()).any(|window| window == path))
    };
    let own = i32::try_from(std::process::id()).unwrap();
    all()
        .into_iter()
        .filter(|process| process.pid != own)
        .filter(|process| {
            let pid = process.pid;
            work_folder(pid).is_some_and(|cwd| folders.contains(&cwd))
                || names(format!("/proc/{pid}/cmdline"))
                || names(format!("/proc/{pid}/environ"))
        })
        .collect()
}

/// The guests of a run: those children of `lvs-matrix` that work in its output folder, or, as an ordinary
/// user, the child of the unshare(1) around each. Under them are their own processes.
pub(crate) fn guests(run: i32, out: &Path) -> Vec<Process> {
    let concerned = concerned_with(&out.join(".guests"));
    let around = |process: &Process| process.parent == run && process.name == "unshare";
    let wrappers: BTreeSet<i32> = concerned
        .iter()
        .filter(|process| around(process))
        .map(|process| process.pid)
        .collect();
    concerned
        .into_iter()
        .filter(|process| process.parent == run || wrappers.contains(&process.parent))
        .filter(|process| !wrappers.contains(&process.pid))
        .collect()
}

/// A process's peak resident memory in KiB (VmHWM); `None` if it has ended.
pub(crate) fn peak_memory_kib(process: &Process) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid)).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
