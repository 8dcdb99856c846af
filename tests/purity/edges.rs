//! Who may know of whom: the edges between the crates, those inside `model`, and the one reader of a thing
//! that others are handed.

use super::source::{cargo, repository, sources, without_tests};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// cli → explore, setup, report, explain, runner, guest, model, keeper · explore, setup → explain, model ·
/// runner → model, netns · report → explain, language, model · explain → language, model · language → model ·
/// guest → keeper, and at most model · netns → keeper · model, keeper → nothing of ours.
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
    let of_setup = BTreeSet::from(["lvs-matrix-explain", "lvs-matrix-model"]);
    let guest = edges.remove("lvs-matrix-guest").unwrap();
    let of_guest = BTreeSet::from(["lvs-matrix-keeper", "lvs-matrix-model"]);
    assert!(guest.is_subset(&of_guest), "guest → {guest:?}");
    let wanted = BTreeMap::from([
        (
            "lvs-matrix",
            BTreeSet::from([
                "lvs-matrix-explain",
                "lvs-matrix-explore",
                "lvs-matrix-report",
                "lvs-matrix-runner",
                "lvs-matrix-guest",
                "lvs-matrix-keeper",
                "lvs-matrix-model",
                "lvs-matrix-setup",
            ]),
        ),
        (
            "lvs-matrix-runner",
            BTreeSet::from(["lvs-matrix-model", "lvs-matrix-netns"]),
        ),
        ("lvs-matrix-language", model.clone()),
        ("lvs-matrix-explain", of_explain),
        ("lvs-matrix-report", of_report),
        ("lvs-matrix-setup", of_setup.clone()),
        ("lvs-matrix-explore", of_setup),
        ("lvs-matrix-netns", BTreeSet::from(["lvs-matrix-keeper"])),
        ("lvs-matrix-keeper", BTreeSet::new()),
        ("lvs-matrix-model", BTreeSet::new()),
        // Knows lvs-matrix as a program only.
        ("lvs-matrix-test", BTreeSet::new()),
        // Shares nothing with what it looks after.
        ("lvs-matrix-accountant", BTreeSet::new()),
        ("lvs-matrix-soak", BTreeSet::new()),
        ("lvs-matrix-test-place", BTreeSet::from(["lvs-matrix-guest"])),
        ("lvs-matrix-second-judge", BTreeSet::new()),
        // Tests read fixtures by it.
        ("lvs-matrix-archive", BTreeSet::new()),
        (
            "lvs-matrix-kept",
            BTreeSet::from([
                "lvs-matrix-archive",
                "lvs-matrix-explain",
                "lvs-matrix-model",
                "lvs-matrix-report",
            ]),
        ),
        (
            "lvs-matrix-fuzz",
            BTreeSet::from([
                "lvs-matrix-archive",
                "lvs-matrix-explain",
                "lvs-matrix-guest",
                "lvs-matrix-model",
                "lvs-matrix-report",
                "lvs-matrix-setup",
            ]),
        ),
    ]);
    assert_eq!(edges, wanted);
}

/// The parts of `model` from the ground up: each may name those before it, and none after it.
const PARTS_OF_MODEL: [&str; 22] = [
    "name",
    "duration",
    "base",
    "ipvs",
    "keepalived",
    "ldirectord",
    "control",
    "probe",
    "mysqld",
    "serving",
    "client",
    "action",
    "sentence",
    "lab",
    "scenario",
    "matrix",
    "plan",
    "record",
    "capture",
    "path",
    "verdict",
    "dry",
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
