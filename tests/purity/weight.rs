//! What a checkout weighs.

use super::source::repository;
use std::fs;
use std::process::Command;

/// The most files that are tracked, and the most bytes that they have together.
const MOST_FILES: usize = 1_500;
const MOST_BYTES: u64 = 12_000_000;

/// A checkout is small: what tests need of runs is a few cells for each rule, and what can be made again is
/// not kept (CONTRIBUTING.md).
#[test]
fn a_checkout_is_light() {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(repository())
        .output();
    // A source archive has no list of what is tracked.
    let Some(listed) = listed.ok().filter(|listed| listed.status.success()) else {
        assert!(
            !repository().join(".git").exists(),
            "git ls-files does not work here"
        );
        return;
    };
    let listed = String::from_utf8(listed.stdout).unwrap();
    let size = |name: &str| fs::symlink_metadata(repository().join(name)).map_or(0, |file| file.len());
    let mut files: Vec<(u64, &str)> = listed
        .split_terminator('\0')
        .map(|name| (size(name), name))
        .collect();
    files.sort_unstable_by(|a, b| b.cmp(a));
    let bytes: u64 = files.iter().map(|(size, _)| size).sum();
    let heaviest = files.get(..20).unwrap_or(&files);
    assert!(files.len() > 100, "{files:?}");
    assert!(
        files.len() <= MOST_FILES && bytes <= MOST_BYTES,
        "{} files, {bytes} bytes; the heaviest are {heaviest:#?}",
        files.len()
    );
}
