//! What cargo says of the crates, and their sources as code alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn repository() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

pub(crate) fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The numbered lines of a source without comments and without items under `#[cfg(test)]`.
pub(crate) fn without_tests(source: &str) -> Vec<(usize, &str)> {
    let mut kept = Vec::new();
    let (mut skipping, mut depth) = (false, 0_i64);
    for (index, line) in source.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        if code.trim() == "#[cfg(test)]" {
            (skipping, depth) = (true, 0);
            continue;
        }
        if !skipping {
            kept.push((index + 1, code));
            continue;
        }
        let count = |wanted: char| i64::try_from(code.matches(wanted).count()).unwrap();
        depth += count('{') - count('}');
        // rustfmt ends an item on a line of its own: with its brace, or with a semicolon.
        let ends = code.trim_end().ends_with(['}', ';']);
        skipping = depth > 0 || !ends;
    }
    kept
}
