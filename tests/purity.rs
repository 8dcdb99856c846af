//! The crates' edges are those of the design, and `model` and `report` are pure: a record judged today and in
//! a year, here and elsewhere, gives the same bytes, because nothing that judges or reports can ask anything
//! else.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use rstest::rstest;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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

fn repository() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

fn cargo(arguments: &[&str]) -> String {
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
        "lvs-matrix-report"
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
        "harness/report/src"
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

/// The judge and the path of a packet know no protocol of clients and servers: `capture::dialect_of`
/// chooses one by the kind of the servers.
#[test]
fn the_judge_knows_no_protocol() {
    const PROTOCOL: &str = "capture::mysql";
    let names = |folder: &str| {
        let files = sources(&repository().join(folder));
        let lines = |file: &PathBuf| -> Vec<String> {
            let text = fs::read_to_string(file).unwrap();
            let lines = without_tests(&text).into_iter();
            let named = lines.filter(|(_, line)| line.contains(PROTOCOL) || line.contains("COM_QUERY"));
            named
                .map(|(number, _)| format!("{}:{number}", file.display()))
                .collect()
        };
        files.iter().flat_map(lines).collect::<Vec<_>>()
    };
    let none: [String; 0] = [];
    for folder in ["harness/model/src/verdict", "harness/model/src/path"] {
        assert_eq!(names(folder), none);
    }
    assert!(!names("harness/model/src/capture/mysql").is_empty());
}

/// Lines outside of tests that name one of `names`, in crates that look at packets after a run.
fn readers_naming(names: &[&str], apart_from: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for krate in ["model", "language", "explain", "report", "cli"] {
        for file in sources(&repository().join("harness").join(krate).join("src")) {
            let place = file.strip_prefix(repository()).unwrap().display().to_string();
            if apart_from.iter().any(|known| place.starts_with(known)) {
                continue;
            }
            for (number, line) in without_tests(&fs::read_to_string(&file).unwrap()) {
                let named = names.iter().filter(|name| line.contains(**name));
                found.extend(named.map(|name| format!("{place}:{number}: {name}")));
            }
        }
    }
    found
}

/// The journeys of a cell are made where it is judged. Whoever needs them is handed the judged cell.
#[test]
fn journeys_are_made_once_for_a_cell() {
    const MAKERS: &[&str] = &["Journeys::of(", "Journeys::through("];
    let judge = "harness/model/src/verdict/judge.rs";
    let found = readers_naming(MAKERS, &["harness/model/src/path/"]);
    assert!(found.iter().all(|place| place.starts_with(judge)), "{found:#?}");
    // With a capture, without one, and of packets that were changed.
    assert_eq!(found.len(), 3, "{found:#?}");
}

/// Who sent a frame, and whom it is for, only the path of a packet tells: two cards may have one Ethernet
/// address. The capture reads and prints the addresses.
#[test]
fn nothing_tells_a_host_by_its_ethernet_address() {
    const ADDRESSES: &[&str] = &["source_mac", "host_by_mac", "Way::of(packet"];
    // The plan gives the addresses, and tells the runner, which sees frames before there is a capture.
    let known = ["path/", "capture/", "plan"].map(|part| format!("harness/model/src/{part}"));
    let found = readers_naming(ADDRESSES, &known.each_ref().map(String::as_str));
    let none: [String; 0] = [];
    assert_eq!(found, none);
    assert!(!readers_naming(ADDRESSES, &[]).is_empty());
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

fn sources(folder: &Path) -> Vec<PathBuf> {
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

/// The numbered lines of a source without comments and without items under `#[cfg(test)]`.
fn without_tests(source: &str) -> Vec<(usize, &str)> {
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

/// cli → report, explain, runner, guest, model, keeper · runner → model, netns · report → explain, language,
/// model · explain → language, model · language → model · guest → keeper, and at most model · netns → keeper
/// · model, keeper → nothing of ours.
#[test]
fn the_edges_between_crates_are_those_of_the_design() {
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&text).unwrap();
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let own = edges.entry(package["name"].as_str().unwrap()).or_default();
        for dependency in package["dependencies"].as_array().unwrap() {
            // Those of tests (kind "dev") go nowhere.
            if dependency["kind"].is_null() && dependency["path"].is_string() {
                own.insert(dependency["name"].as_str().unwrap());
            }
        }
    }
    let model = BTreeSet::from(["lvs-matrix-model"]);
    let of_explain = BTreeSet::from(["lvs-matrix-language", "lvs-matrix-model"]);
    let of_report = BTreeSet::from(["lvs-matrix-explain", "lvs-matrix-language", "lvs-matrix-model"]);
    let guest = edges.remove("lvs-matrix-guest").unwrap();
    let of_guest = BTreeSet::from(["lvs-matrix-keeper", "lvs-matrix-model"]);
    assert!(guest.is_subset(&of_guest), "guest → {guest:?}");
    let wanted = BTreeMap::from([
        (
            "lvs-matrix",
            BTreeSet::from([
                "lvs-matrix-explain",
                "lvs-matrix-report",
                "lvs-matrix-runner",
                "lvs-matrix-guest",
                "lvs-matrix-keeper",
                "lvs-matrix-model",
            ]),
        ),
        (
            "lvs-matrix-runner",
            BTreeSet::from(["lvs-matrix-model", "lvs-matrix-netns"]),
        ),
        ("lvs-matrix-language", model.clone()),
        ("lvs-matrix-explain", of_explain),
        ("lvs-matrix-report", of_report),
        ("lvs-matrix-netns", BTreeSet::from(["lvs-matrix-keeper"])),
        ("lvs-matrix-keeper", BTreeSet::new()),
        ("lvs-matrix-model", BTreeSet::new()),
        // Shares nothing with what it looks after.
        ("lvs-matrix-accountant", BTreeSet::new()),
        ("lvs-matrix-soak", BTreeSet::new()),
        ("lvs-matrix-test-place", BTreeSet::from(["lvs-matrix-guest"])),
        ("lvs-matrix-second-judge", BTreeSet::new()),
        (
            "lvs-matrix-kept",
            BTreeSet::from(["lvs-matrix-explain", "lvs-matrix-model", "lvs-matrix-report"]),
        ),
        (
            "lvs-matrix-fuzz",
            BTreeSet::from([
                "lvs-matrix-explain",
                "lvs-matrix-guest",
                "lvs-matrix-model",
                "lvs-matrix-report",
            ]),
        ),
    ]);
    assert_eq!(edges, wanted);
}

/// The parts of `model` from the ground up: each may name those before it, and none after it.
const PARTS_OF_MODEL: [&str; 17] = [
    "name", "duration", "base", "ipvs", "mysqld", "client", "action", "sentence", "lab", "scenario",
    "matrix", "plan", "record", "capture", "path", "verdict", "dry",
];

/// The parts that a source names, each with the number of the line.
fn parts_named(source: &str) -> Vec<(usize, String)> {
    let name = |rest: &str| -> String { rest.chars().take_while(|c| c.is_ascii_lowercase()).collect() };
    let mut found = Vec::new();
    for (number, line) in without_tests(source) {
        for (at, prefix) in line.match_indices("crate::") {
            let rest = &line[at + prefix.len()..];
            assert!(!rest.starts_with('{'), "one `use` for each part: {line}");
            let part = name(rest);
            // `crate::Name` and macros of the whole crate are of no part.
            if rest[part.len()..].starts_with("::") {
                found.push((number, part));
            }
        }
    }
    found
}

/// The edges inside `model` run one way, as ARCHITECTURE.md says.
#[test]
fn the_parts_of_the_model_know_only_those_below_them() {
    let folder = repository().join("harness/model/src");
    let declared: BTreeSet<String> = fs::read_to_string(folder.join("lib.rs"))
        .unwrap()
        .lines()
        .filter_map(|line| Some(line.split_once("mod ")?.1.strip_suffix(';')?.to_owned()))
        .collect();
    assert_eq!(declared, PARTS_OF_MODEL.map(str::to_owned).into());
    let height = |part: &str| PARTS_OF_MODEL.iter().position(|known| *known == part);
    let (mut edges, mut up) = (0, Vec::new());
    for file in sources(&folder) {
        let own = file.strip_prefix(&folder).unwrap().with_extension("");
        let own = own.iter().next().unwrap().to_str().unwrap().to_owned();
        if own == "lib" {
            continue;
        }
        for (number, part) in parts_named(&fs::read_to_string(&file).unwrap()) {
            edges += usize::from(part != own);
            assert!(height(&part).is_some(), "{}:{number}: {part}", file.display());
            if height(&part) > height(&own) {
                up.push(format!("{}:{number}: {own} names {part}", file.display()));
            }
        }
    }
    assert!(up.is_empty(), "{up:#?}");
    assert!(edges > 100, "the scanner saw {edges} edges");
}

/// A program that is started by its bare name, and with a `PATH` of its own, is started by fork(2), which a
/// guest with captures does not survive (`runner::program`). Those that are run to their end
/// (`netns::command`) have the caller's.
#[test]
fn programs_of_the_runner_are_named_by_their_whole_path() {
    const BARE: &str = "Command::new(\"";
    let mut commands = 0;
    for file in sources(&repository().join("harness/runner/src")) {
        for (number, line) in without_tests(&fs::read_to_string(&file).unwrap()) {
            assert!(!line.contains(BARE), "{}:{number}: {line}", file.display());
            commands += line.matches("Command::new(").count();
        }
    }
    assert!(commands >= 4, "the scanner saw {commands} commands");
}

/// No shell is ever given a text that was put together: where one is used at all, its script is a constant.
/// (Model and report start nothing; see above.)
#[test]
fn no_shell() {
    const SHELLS: [&str; 8] = [
        "\"sh\"",
        "\"bash\"",
        "\"dash\"",
        "/bin/sh",
        "/bin/bash",
        "\"-c\"",
        "\"eval\"",
        "/usr/bin/env\"",
    ];
    let mut found = Vec::new();
    for folder in [
        "harness/runner/src",
        "harness/cli/src",
        "harness/guest/src",
        "keeper/src",
        "netns/src",
    ] {
        for file in sources(&repository().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            for (_, line) in without_tests(&text) {
                // `sh` is a scheduler of IPVS, too, and stands among others.
                let scheduler = line.contains("\"dh\"");
                if !scheduler && SHELLS.iter().any(|shell| line.contains(shell)) {
                    let file = file.strip_prefix(repository()).unwrap();
                    found.push((file.display().to_string(), line.trim().to_owned()));
                }
            }
        }
    }
    // Each is a constant that runs its arguments, `"$@"`, as words of their own: the handshake of an ordinary
    // user's guest, the first process of a client program's PID namespace, and a standard input for MySQL
    // 5.6's installer. One has no arguments at all: the first process of a guest whose user cannot reach this
    // program.
    let constants = [
        (
            "harness/guest/src/guest/spawn.rs",
            r##"r#"echo here >&0 && read -r go && exec "$@" </dev/null"#"##,
        ),
        (
            "harness/guest/src/guest/command_line.rs",
            "exec /sys/.guest/handed/init\"\"#;",
        ),
        (
            "harness/runner/src/client/process.rs",
            r##"r#""$@"; exit "$?""#"##,
        ),
        ("harness/runner/src/template.rs", r##"r#"exec "$@" <"$0""#"##),
    ];
    let files: BTreeSet<&str> = found.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(
        files,
        BTreeSet::from(constants.map(|(file, _)| file)),
        "{found:#?}"
    );
    for (file, script) in constants {
        let text = fs::read_to_string(repository().join(file)).unwrap();
        assert_eq!(
            text.matches(script).count(),
            1,
            "the script of {file} is another one"
        );
        // A shell is started once, and told this script.
        let started = found
            .iter()
            .filter(|(at, line)| at == file && line.contains("\"-c\""))
            .count();
        assert_eq!(started, 1, "{file}: {found:#?}");
    }
}

/// Namespaces are entered through one door: no other crate calls unshare(2) or setns(2), but for the guest
/// crate's own surroundings on the host.
#[test]
fn one_door_into_a_namespace() {
    let mut found = BTreeSet::new();
    for folder in [
        "harness/model/src",
        "harness/language/src",
        "harness/explain/src",
        "harness/report/src",
        "harness/runner/src",
        "harness/cli/src",
        "harness/guest/src",
        "netns/src",
    ] {
        for file in sources(&repository().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let lines = without_tests(&text);
            if lines.iter().any(|(_, line)| {
                ["unshare_unsafe(", "move_into_link_name_space(", "setns("]
                    .iter()
                    .any(|call| line.contains(call))
            }) {
                found.insert(file.strip_prefix(repository()).unwrap().to_owned());
            }
        }
    }
    let wanted = ["harness/guest/src/guest/spawn.rs", "netns/src/namespace.rs"].map(PathBuf::from);
    assert_eq!(found, BTreeSet::from(wanted));
}
