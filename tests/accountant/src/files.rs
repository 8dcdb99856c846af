//! Files, by folder.

use crate::people::{People, homes, own_cgroups, owner};
use crate::view::View;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// No folder is read beyond so many entries.
const MOST: usize = 200_000;
/// Endings of systemd's units, which come and go with logins and timers.
const UNITS: [&str; 7] = [
    ".service",
    ".scope",
    ".slice",
    ".mount",
    ".socket",
    ".swap",
    ".automount",
];

/// What is in a folder, and in its folders down to this depth.
pub(crate) fn folder(people: &People, folder: &Path, depth: usize) -> View {
    let mut view = View::default();
    list(people, folder, depth, &mut view);
    view
}

fn list(people: &People, folder: &Path, depth: usize, view: &mut View) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            view.blind.push(format!("{}: {error}", folder.display()));
            return;
        }
    };
    for entry in entries.flatten() {
        if view.items.len() >= MOST {
            view.blind
                .push(format!("{}: more than {MOST} entries", folder.display()));
            return;
        }
        let path = entry.path();
        add(people, &path, view);
        if depth > 1 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(people, &path, depth - 1, view);
        }
    }
}

fn add(people: &People, path: &Path, view: &mut View) {
    let Some(uid) = owner(path) else {
        return;
    };
    let kind = fs::symlink_metadata(path).map_or("file", |meta| {
        if meta.is_dir() {
            "folder"
        } else if meta.is_symlink() {
            "link"
        } else {
            "file"
        }
    });
    let anothers = if people.users.contains(&uid) {
        let other = people.other_user_of(path);
        other.map(|pid| format!("{pid} ({}) has it open and is not ours", people.name_of(pid)))
    } else {
        Some(format!("user {uid} owns it"))
    };
    view.add_of(
        path.to_string_lossy().escape_debug().to_string(),
        format!("{kind} of user {uid}"),
        anothers,
    );
}

/// The folders for temporary files.
pub(crate) fn temporary(people: &People) -> View {
    let own = std::env::var_os("TMPDIR").map(PathBuf::from);
    let folders: BTreeSet<PathBuf> = ["/tmp", "/var/tmp"]
        .map(PathBuf::from)
        .into_iter()
        .chain(own)
        .collect();
    let mut view = View::default();
    for folder in folders {
        list(people, &folder, 1, &mut view);
    }
    view
}

/// Where User-mode Linux puts the folder of an instance if `uml_dir=` says nothing else
/// (arch/um/os-Linux/umid.c).
pub(crate) fn uml(people: &People) -> View {
    let mut view = View::default();
    for home in homes(&people.users) {
        let folder = home.join(".uml");
        if folder.is_dir() {
            add(people, &folder, &mut view);
            list(people, &folder, 2, &mut view);
        }
    }
    view
}

/// The folders that were named.
pub(crate) fn watched(people: &People, watch: &[PathBuf]) -> View {
    let mut view = View::default();
    for folder in watch {
        list(people, folder, 1, &mut view);
    }
    view
}

/// Control groups of every hierarchy.
pub(crate) fn cgroups(people: &People) -> View {
    let mut view = View::default();
    let top = Path::new("/sys/fs/cgroup");
    let own = own_cgroups();
    let mut open = vec![top.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) || view.items.len() >= MOST {
                continue;
            }
            let path = entry.path();
            let text = path.to_string_lossy().into_owned();
            let members = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
            let members: Vec<i32> = members.lines().filter_map(|pid| pid.parse().ok()).collect();
            let unit = UNITS.iter().any(|ending| text.ends_with(ending));
            let anothers = if members.iter().any(|pid| people.is_ours(*pid)) {
                None
            } else if !members.is_empty() {
                Some("processes that are not ours are in it".to_owned())
            } else if unit && !own.iter().any(|own| text.contains(&format!("{own}/"))) {
                Some("it is a systemd unit's".to_owned())
            } else if own.iter().any(|own| is_beside(&text, own)) {
                // Its processes may be in a PID namespace that is not ours: then `cgroup.procs` does not show
                // them.
                Some("whoever made our own cgroup makes such, too".to_owned())
            } else {
                None
            };
            view.add_of(text, format!("{} processes", members.len()), anothers);
            open.push(path);
        }
    }
    view
}

/// Does a cgroup lie beside our own, or below one that does? Not asked at the root of a hierarchy, where
/// anyone makes cgroups.
fn is_beside(path: &str, own: &str) -> bool {
    match own.rsplit_once('/') {
        None | Some(("", _)) => false,
        Some((parent, _)) => {
            path.contains(&format!("{parent}/")) && !format!("{path}/").contains(&format!("{own}/"))
        }
    }
}

/// Core files below the watched folders, this process's own, and where `kernel.core_pattern` (core(5)) or the
/// usual collectors put them.
pub(crate) fn cores(people: &People, watch: &[PathBuf]) -> View {
    let mut view = View::default();
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let pattern = pattern.trim();
    let (folder, name) = match pattern.rsplit_once('/') {
        // To a program, which keeps it in one of the folders below.
        _ if pattern.starts_with('|') => (None, "core"),
        Some((folder, name)) => (Some(PathBuf::from(folder)), name),
        None => (None, pattern),
    };
    for collector in [
        "/var/lib/systemd/coredump",
        "/var/crash",
        "/var/lib/apport/coredump",
    ] {
        list(people, Path::new(collector), 1, &mut view);
    }
    // What stands before the first `%`, and what is there without one.
    let stem = name.split('%').next().unwrap_or_default().to_owned();
    let mut open: Vec<PathBuf> = watch.to_vec();
    open.extend(folder.filter(|folder| folder.is_absolute()));
    open.extend(std::env::current_dir());
    let mut seen = BTreeSet::new();
    while let Some(folder) = open.pop() {
        if !seen.insert(folder.clone()) || seen.len() > MOST {
            continue;
        }
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if name != ".git" {
                    open.push(entry.path());
                }
            } else if name.to_string_lossy().starts_with(&stem) && is_core(&entry.path()) {
                add(people, &entry.path(), &mut view);
            }
        }
    }
    view
}

/// ELF's magic, and ET_CORE at byte 16 (elf(5)); little-endian, as this machine is.
fn is_core(path: &Path) -> bool {
    let mut head = [0_u8; 18];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head.starts_with(b"\x7fELF") && head[16..18] == [4, 0]
}

#[cfg(test)]
mod tests {
    use super::is_beside;

    #[test]
    fn what_lies_beside_our_cgroup_is_not_ours() {
        let own = "/jobs/17";
        for (path, beside) in [
            ("/sys/fs/cgroup/memory/jobs/18", true),
            ("/sys/fs/cgroup/memory/jobs/18/below", true),
            ("/sys/fs/cgroup/memory/jobs/17", false),
            ("/sys/fs/cgroup/memory/jobs/17/below", false),
            ("/sys/fs/cgroup/memory/planted", false),
        ] {
            assert_eq!(is_beside(path, own), beside, "{path}");
        }
        assert!(!is_beside("/sys/fs/cgroup/planted", "/17"));
    }
}
