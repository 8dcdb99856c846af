//! Who is who: processes, whose they are, and what they hold open.

use rustix::process::{getegid, geteuid};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Which processes are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All but kernel threads and the accountant's own family: itself, its ancestors, its process group.
    Machine,
    /// The descendants of this process. It must be a subreaper, or it loses sight of those whose parents die.
    DescendantsOf(i32),
}

/// PF_KTHREAD of include/linux/sched.h, in the flags of /proc/PID/stat.
const KERNEL_THREAD: u64 = 0x0020_0000;
/// `nobody`: lvs-matrix runs guests as that user if it is started by root.
const NOBODY: u32 = 65534;

/// A process that runs (a zombie holds nothing, and is its parent's business).
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    parent: i32,
    group: i32,
    kernel: bool,
    /// Tells it from a later one of the same number: clock ticks since boot.
    pub(crate) started: u64,
    pub(crate) name: String,
}

/// All processes, and what those hold open that are not ours.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) processes: Vec<Process>,
    ours: BTreeSet<i32>,
    /// The users that we run things as.
    pub(crate) users: BTreeSet<u32>,
    /// Who holds which socket, by inode.
    pub(crate) sockets: BTreeMap<u64, Vec<i32>>,
    /// Namespaces held by descriptor, as the kernel names them: `net:[4026531840]`.
    pub(crate) namespace_descriptors: Vec<(String, i32)>,
    /// What processes that are not ours have open or work in.
    open: BTreeMap<PathBuf, i32>,
}

impl People {
    pub(crate) fn look(scope: Scope) -> Self {
        let processes = processes();
        let ours = ours(scope, &processes);
        let mut people = Self {
            ours,
            users: users(),
            sockets: BTreeMap::new(),
            namespace_descriptors: Vec::new(),
            open: BTreeMap::new(),
            processes,
        };
        people.look_at_descriptors();
        people.look_at_bound_paths();
        people
    }

    pub(crate) fn is_ours(&self, pid: i32) -> bool {
        self.ours.contains(&pid)
    }

    /// The process that is not ours and has this file, or something below it, open.
    pub(crate) fn other_user_of(&self, path: &Path) -> Option<i32> {
        let (open, pid) = self.open.range(path.to_path_buf()..).next()?;
        open.starts_with(path).then_some(*pid)
    }

    pub(crate) fn name_of(&self, pid: i32) -> &str {
        let known = self.processes.iter().find(|process| process.pid == pid);
        known.map_or("?", |process| &process.name)
    }

    /// A Unix socket is open under a number, and lies at a path (`unix_seq_show` of net/unix/af_unix.c).
    fn look_at_bound_paths(&mut self) {
        let text = fs::read_to_string("/proc/net/unix").unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if let [_, _, _, _, _, _, inode, path] = fields.as_slice()
                && let Some(holder) = inode
                    .parse()
                    .ok()
                    .and_then(|inode: u64| self.sockets.get(&inode)?.first())
                && !self.ours.contains(holder)
            {
                self.open.entry(PathBuf::from(path)).or_insert(*holder);
            }
        }
    }

    fn look_at_descriptors(&mut self) {
        let pids: Vec<i32> = self.processes.iter().map(|process| process.pid).collect();
        for pid in pids {
            let own = PathBuf::from(format!("/proc/{pid}"));
            let descriptors = fs::read_dir(own.join("fd")).into_iter().flatten().flatten();
            let links = descriptors
                .map(|entry| entry.path())
                .chain([own.join("cwd"), own.join("root")]);
            for target in links.filter_map(|link| fs::read_link(link).ok()) {
                let text = target.to_string_lossy();
                if let Some(inode) = text
                    .strip_prefix("socket:[")
                    .and_then(|rest| rest.strip_suffix(']'))
                {
                    if let Ok(inode) = inode.parse() {
                        self.sockets.entry(inode).or_default().push(pid);
                    }
                } else if text.ends_with(']') && text.contains(":[") {
                    self.namespace_descriptors.push((text.into_owned(), pid));
                } else if target.is_absolute() && !self.ours.contains(&pid) {
                    self.open.entry(target).or_insert(pid);
                }
            }
        }
    }
}

fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| process(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// From /proc/PID/stat, proc(5): the name in parentheses may hold anything, so reading goes on behind the
/// last one.
fn process(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (before, after) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        kernel: fields.get(6)?.parse::<u64>().ok()? & KERNEL_THREAD != 0,
        started: fields.get(19)?.parse().ok()?,
        name: before.split_once('(')?.1.to_owned(),
    })
}

fn ours(scope: Scope, processes: &[Process]) -> BTreeSet<i32> {
    let own = rustix::process::getpid().as_raw_pid();
    match scope {
        Scope::Machine => {
            let mut family = BTreeSet::from([own]);
            let mut child = own;
            while let Some(process) = processes.iter().find(|process| process.pid == child) {
                if !family.insert(process.parent) {
                    break;
                }
                child = process.parent;
            }
            // 0, if its leader is outside of this PID namespace: so it is for all of the group.
            let group = processes
                .iter()
                .find(|process| process.pid == own)
                .map(|own| own.group);
            let others = processes
                .iter()
                .filter(|process| !process.kernel && Some(process.group) != group);
            let pids = others.map(|process| process.pid);
            pids.filter(|pid| !family.contains(pid)).collect()
        }
        Scope::DescendantsOf(ancestor) => {
            let mut known = BTreeSet::from([ancestor]);
            loop {
                let before = known.len();
                let children = processes.iter().filter(|process| known.contains(&process.parent));
                let children: Vec<i32> = children.map(|process| process.pid).collect();
                known.extend(children);
                if known.len() == before {
                    break;
                }
            }
            known.remove(&ancestor);
            known
        }
    }
}

/// This user; from root also the one behind sudo, and `nobody`.
fn users() -> BTreeSet<u32> {
    let own = geteuid().as_raw();
    let mut users = BTreeSet::from([own]);
    if own == 0 {
        users.insert(NOBODY);
        users.extend(
            std::env::var("SUDO_UID")
                .ok()
                .and_then(|uid| uid.parse::<u32>().ok()),
        );
    }
    users
}

/// The cgroups that this process is in, as paths below a hierarchy's root.
pub(crate) fn own_cgroups() -> Vec<String> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths.filter(|path| *path != "/").map(str::to_owned).collect()
}

/// Homes of the users that we run things as, from /etc/passwd, and `$HOME`.
pub(crate) fn homes(users: &BTreeSet<u32>) -> BTreeSet<PathBuf> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let of_users = passwd.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        users
            .contains(&fields.get(2)?.parse().ok()?)
            .then(|| PathBuf::from(fields.get(5).copied().unwrap_or("/")))
    });
    // `/`: what a guest is given as HOME.
    of_users
        .chain(std::env::var_os("HOME").map(PathBuf::from))
        .chain([PathBuf::from("/")])
        .collect()
}

/// Owner of a file, never following a link.
pub(crate) fn owner(path: &Path) -> Option<u32> {
    fs::symlink_metadata(path).ok().map(|meta| meta.uid())
}

/// Are we root here?
pub(crate) fn root() -> bool {
    geteuid().is_root() || getegid().is_root()
}
