//! The crates' edges are those of the design, and `model` and `report` are pure: a record judged today and in
//! a year, here and elsewhere, gives the same bytes, because nothing that judges or reports can ask anything
//! else.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[path = "purity/circles.rs"]
mod circles;
#[path = "purity/doors.rs"]
mod doors;
#[path = "purity/edges.rs"]
mod edges;
#[path = "purity/source.rs"]
mod source;
#[path = "purity/weight.rs"]
mod weight;

use rstest::rstest;
use source::{cargo, repository, sources, without_tests};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Crates that a pure crate may not depend on, by whatever way, with the reason.
const IMPURE: &[(&str, &str)] = &[
    ("async-std", "a runtime: threads, sockets, timers"),
    ("fs-err", "the file system"),
    ("getrandom", "random numbers: no two runs alike"),
    ("libc", "system calls"),
    ("libloading", "foreign code"),
    ("linux-raw-sys", "system calls"),
    ("mio", "sockets"),
    ("mysql_async", "sockets"),
    ("nix", "system calls"),
    ("num_cpus", "the machine"),
    ("pcap", "sockets of the packet family"),
    ("rand", "random numbers: no two runs alike"),
    ("rayon", "threads"),
    ("rustix", "system calls"),
    ("signal-hook", "signals"),
    ("smol", "a runtime: threads, sockets, timers"),
    ("socket2", "sockets"),
    ("tempfile", "the file system"),
    ("time", "a clock, with its feature `std`"),
    ("tokio", "a runtime: threads, sockets, timers"),
    ("tracing-subscriber", "a clock and standard error"),
    ("walkdir", "the file system"),
];

/// Features of otherwise pure crates that bring a clock or chance.
const IMPURE_FEATURES: &[(&str, &str)] = &[
    ("chrono", "clock"),
    ("chrono", "now"),
    ("jiff", "std"),
    ("uuid", "v1"),
    ("uuid", "v4"),
    ("uuid", "v6"),
    ("uuid", "v7"),
    ("newtype-uuid", "v4"),
    ("quick-junit", "proptest"),
];

/// What the source of a pure crate may not name, outside its tests.
const IMPURE_PATHS: &[&str] = &[
    "std::env",
    "std::fs",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "time::SystemTime",
    "SystemTime::",
    "UNIX_EPOCH",
    "Instant::now",
    "net::Tcp",
    "net::Udp",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "UnixStream",
    "UnixListener",
    "io::stdin",
    "io::stdout",
    "io::stderr",
    "println!",
    "print!",
    "dbg!",
    "include_bytes!",
    "env!",
    "File::open",
    "File::create",
    "Command::new",
    "static mut",
    "unsafe ",
    "RandomState",
];

/// The crates that go into this one when it is built for itself, each with its features.
fn closure(package: &str) -> BTreeMap<String, BTreeSet<String>> {
    // Not `cargo metadata`: it unites the features that any crate of the workspace asks for.
    let text = cargo(&[
        "tree", "-p", package, "-e", "normal", "--prefix", "none", "-f", "{p}\t{f}",
    ]);
    let mut crates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines() {
        let (name, features) = line.split_once('\t').unwrap();
        let name = name.split(' ').next().unwrap().to_owned();
        // Told a second time, a crate has a star in place of what is below it.
        let features = features
            .trim_end_matches(" (*)")
            .split(',')
            .map(|name| name.trim().to_owned());
        crates.entry(name).or_default().extend(features);
    }
    crates
}

#[rstest]
fn no_dependency_that_acts(
    #[values(
        "lvs-matrix-model",
        "lvs-matrix-language",
        "lvs-matrix-explain",
        "lvs-matrix-report",
        "lvs-matrix-setup",
        "lvs-matrix-explore"
    )]
    package: &str,
) {
    let crates = closure(package);
    assert!(
        ["lvs-matrix-model", "serde", "thiserror"]
            .iter()
            .all(|known| crates.contains_key(*known)),
        "cargo's list was misread: {crates:#?}"
    );
    let found: Vec<_> = IMPURE
        .iter()
        .filter(|(name, _)| crates.contains_key(*name))
        .collect();
    assert!(
        found.is_empty(),
        "{package} depends on {found:?}; `cargo tree -p {package} -i NAME` shows the way"
    );
    let found: Vec<_> = IMPURE_FEATURES
        .iter()
        .filter(|(name, feature)| {
            crates
                .get(*name)
                .is_some_and(|features| features.contains(*feature))
        })
        .collect();
    assert!(
        found.is_empty(),
        "{package} has crates with the features {found:?}"
    );
}

/// The same question of a crate that does act: the list knows what it looks for.
#[test]
fn the_runner_would_be_found_out() {
    let crates = closure("lvs-matrix-runner");
    for name in [
        "tokio",
        "libc",
        "rustix",
        "tempfile",
        "mysql_async",
        "mio",
        "socket2",
    ] {
        assert!(crates.contains_key(name), "{name}");
        assert!(IMPURE.iter().any(|(impure, _)| *impure == name), "{name}");
    }
}

#[rstest]
fn no_source_that_acts(
    #[values(
        "harness/model/src",
        "harness/language/src",
        "harness/explain/src",
        "harness/report/src",
        "harness/setup/src"
    )]
    folder: &str,
) {
    let mut files = sources(&repository().join(folder));
    let tests: BTreeSet<PathBuf> = files.iter().flat_map(|file| modules_of_tests(file)).collect();
    files.retain(|file| {
        !tests
            .iter()
            .any(|module| file.starts_with(module) || file.with_extension("") == *module)
    });
    assert!(files.len() > 5, "{files:?}");
    let mut found = Vec::new();
    for file in files {
        for (number, line) in without_tests(&fs::read_to_string(&file).unwrap()) {
            for path in IMPURE_PATHS {
                if line.contains(path) {
                    found.push(format!("{}:{number}: {path}", file.display()));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// The scanner sees code, and neither tests nor comments.
#[test]
fn the_scanner_reads_code_alone() {
    let source = "\
//! std::fs in a comment
use std::fmt; // std::env behind code
#[cfg(test)]
mod tests {
    fn test() {
        std::fs::read(\"x\");
    }
}
fn code() { std::thread::yield_now() }
#[cfg(test)]
use std::process::Command;
let text = \"std::env in a string is code, too: better once too often\";
";
    let lines: Vec<usize> = without_tests(source)
        .into_iter()
        .filter(|(_, line)| IMPURE_PATHS.iter().any(|path| line.contains(path)))
        .map(|(number, _)| number)
        .collect();
    assert_eq!(lines, [9, 12]);
    for folder in ["harness/runner/src", "harness/cli/src"] {
        let acting = sources(&repository().join(folder)).iter().any(|file| {
            let text = fs::read_to_string(file).unwrap();
            without_tests(&text)
                .iter()
                .any(|(_, line)| IMPURE_PATHS.iter().any(|path| line.contains(path)))
        });
        assert!(acting, "{folder} acts, and nothing was seen");
    }
}

/// Modules in files of their own that are built for tests only, without `.rs`.
fn modules_of_tests(file: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(file).unwrap();
    let name = file.file_stem().unwrap().to_str().unwrap();
    let own = if matches!(name, "mod" | "lib" | "main") {
        file.parent().unwrap().to_owned()
    } else {
        file.with_extension("")
    };
    text.split("#[cfg(test)]\n")
        .skip(1)
        .filter_map(|rest| {
            rest.lines()
                .next()?
                .trim()
                .strip_prefix("mod ")?
                .strip_suffix(';')
        })
        .map(|module| own.join(module))
        .collect()
}
