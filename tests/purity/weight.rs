//! What a checkout weighs, and how long the lines of its sources are.

use super::source::{repository, sources};
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

/// The longest line, in characters, as rustfmt counts them. It leaves strings and comments as they are.
const LONGEST_LINE: usize = 110;

#[test]
fn no_line_of_a_source_is_too_long() {
    let (mut lines, mut long) = (0, Vec::new());
    for folder in ["harness", "keeper", "netns", "tests"] {
        for file in sources(&repository().join(folder)) {
            for (number, line) in (1..).zip(fs::read_to_string(&file).unwrap().lines()) {
                lines += 1;
                if line.chars().count() > LONGEST_LINE {
                    long.push(format!("{}:{number}", file.display()));
                }
            }
        }
    }
    assert!(lines > 50_000, "{lines} lines were seen");
    assert!(long.is_empty(), "{long:#?}");
}
