//! Folders that a killed run left unfinished: the next run removes them. Who works in a folder holds a lock
//! on it (flock(2)), which ends with its process in whatever way that ends; so a folder without a lock is
//! nobody's.

use crate::guests::GUESTS_FOLDER;
use lvs_matrix_report::RUN_FILE;
use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A folder that this process works in, until this is dropped.
#[derive(Debug)]
pub(crate) struct Held(#[expect(dead_code, reason = "the lock goes with the descriptor")] File);

/// Takes hold of a folder. `None`: another process has it, or the file system knows no such locks.
pub(crate) fn hold(folder: &Path) -> Option<Held> {
    let file = File::open(folder).ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(Held(file))
}

/// Removes the guests' folders of killed runs: of `run` itself and of those beside it.
pub(crate) fn remove_beside(run: &Path) {
    let beside = run.parent().map(own_folders).unwrap_or_default();
    for run in beside {
        remove_guests(&run);
    }
}

/// Removes the guests' folder of a run that was killed. One that goes on keeps it.
pub(crate) fn remove_guests(run: &Path) {
    let guests = run.join(GUESTS_FOLDER);
    let is_folder = fs::symlink_metadata(&guests).is_ok_and(|found| found.is_dir());
    if is_folder && run.join(RUN_FILE).is_file() && is_own(run) && hold(run).is_some() {
        // What cannot be removed stays, as it was.
        let _ = fs::remove_dir_all(&guests);
    }
}

/// Removes folders of `parent` whose names begin so, if nobody works in them.
pub(crate) fn remove_named(parent: &Path, prefix: &str) {
    for folder in own_folders(parent) {
        let named = folder
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(prefix.as_bytes()));
        if named && let Some(_held) = hold(&folder) {
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// This user's own folders there; links are none.
fn own_folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders
        .map(|entry| entry.path())
        .filter(|path| is_own(path))
        .collect()
}

fn is_own(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|found| found.uid() == geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_is_removed_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let run = |name: &str, begun: bool| {
            let run = place.path().join(name);
            fs::create_dir_all(run.join(GUESTS_FOLDER).join("1")).unwrap();
            if begun {
                fs::write(run.join(RUN_FILE), "{}").unwrap();
            }
            run
        };
        let (killed, going_on, foreign) = (run("killed", true), run("going-on", true), run("foreign", false));
        let held = hold(&going_on).unwrap();
        std::os::unix::fs::symlink(&foreign, place.path().join("link")).unwrap();
        remove_beside(&place.path().join("new"));
        assert!(!killed.join(GUESTS_FOLDER).exists() && killed.join(RUN_FILE).exists());
        assert!(going_on.join(GUESTS_FOLDER).exists(), "its run goes on");
        assert!(foreign.join(GUESTS_FOLDER).exists(), "no run's folder");
        drop(held);
        remove_guests(&going_on);
        assert!(!going_on.join(GUESTS_FOLDER).exists());

        fs::create_dir(place.path().join("lvs-matrix-x-1")).unwrap();
        fs::create_dir(place.path().join("lvs-matrix-x-2")).unwrap();
        fs::create_dir(place.path().join("other")).unwrap();
        let held = hold(&place.path().join("lvs-matrix-x-2")).unwrap();
        remove_named(place.path(), "lvs-matrix-x-");
        let there = |name: &str| place.path().join(name).exists();
        assert!(!there("lvs-matrix-x-1") && there("lvs-matrix-x-2") && there("other"));
        drop(held);
    }
}
