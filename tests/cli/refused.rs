//! Mistakes and lacks: one clear error with its exit code, and nothing half-written.

use super::plain;
use crate::fixtures::cases;
use crate::place::Place;
use crate::support::{results, say, shipped};
use insta::assert_snapshot;
use std::fs;

/// Mistakes in scenarios, found before anything is looked for or written.
const BAD_SCENARIOS: [(&str, &[&str]); 13] = [
    ("missing_file", &["nowhere.yaml"]),
    ("folder_as_file", &["folder"]),
    ("empty_file", &["empty.yaml"]),
    ("nul_bytes", &["nul.yaml"]),
    ("not_utf_8", &["utf-8.yaml"]),
    ("wrong_types", &["types.yaml"]),
    ("unknown_server", &["server.yaml"]),
    ("a_thousand_million_cells", &["cells.yaml"]),
    ("alias_bomb", &["bomb.yaml"]),
    ("large_file", &["large.yaml"]),
    ("no_yaml", &["text"]),
    ("two_files_with_one_name", &["good.yaml", "again.yaml"]),
    (
        "all_mistakes_of_all_files",
        &["nowhere.yaml", "good.yaml", "server.yaml", "again.yaml"],
    ),
];

#[test]
fn bad_scenarios() {
    let mut all = String::new();
    for (name, files) in BAD_SCENARIOS {
        let place = Place::new();
        let run = [&["run", "--out", "out"], files].concat();
        let said = place.refused(&mut plain(&run)).expect_code(2);
        add(&mut all, name, &place.shown(&run, &said));
        // Without a run, the same.
        for command in ["check", "list", "plan"] {
            let again = place
                .refused(&mut plain(&[&[command], files].concat()))
                .expect_code(2);
            assert_eq!(again.stderr, said.stderr, "{name}: {command}");
        }
    }
    assert_snapshot!("scenarios", all);
}

/// Mistakes on the command line. Those that need a kernel to be found come later than it.
const MISTAKES: [(&str, &[&str]); 32] = [
    ("unknown_command", &["frob"]),
    ("unknown_option", &["run", "--fast"]),
    ("no_guests", &["run", "--jobs", "0"]),
    ("no_number", &["run", "--stall", "soon"]),
    ("no_place", &["run", "--place", "cloud"]),
    ("no_time_to_watch", &["run", "--observe-at-most", "0s"]),
    (
        "filter_selects_nothing",
        &["run", "--out", "out", "--filter", "nothing-like-it"],
    ),
    ("filter_unknown_axis", &["list", "--filter", "colour=red"]),
    (
        "filter_unknown_value",
        &["plan", "--filter", "mysqld=up|sideways"],
    ),
    (
        "filter_contradiction",
        &["list", "--filter", "mysqld=up,mysqld=down"],
    ),
    (
        "mysqld_is_another_program",
        &["run", "--out", "out", "--mysqld", "/bin/true"],
    ),
    (
        "mysqld_is_nowhere",
        &["run", "--out", "out", "--mysqld", "/no/such/mysqld"],
    ),
    (
        "mysqld_is_no_program",
        &["run", "--out", "out", "--mysqld", "/etc/passwd"],
    ),
    (
        "kernel_is_another_program",
        &["run", "--out", "out", "--kernel", "/bin/true"],
    ),
    (
        "kernel_is_nowhere",
        &["run", "--out", "out", "--kernel", "/no/such/linux"],
    ),
    ("kernel_is_a_word", &["run", "--out", "out", "--kernel", "linux"]),
    ("out_is_not_empty", &["run", "--out", "folder"]),
    ("out_is_a_file", &["run", "--out", "text"]),
    ("out_is_below_a_file", &["run", "--out", "text/out"]),
    ("judge_nothing", &["judge"]),
    ("judge_nowhere", &["judge", "nowhere"]),
    ("judge_another_folder", &["judge", "folder"]),
    ("judge_a_file", &["judge", "text"]),
    ("judge_a_broken_run", &["judge", "other-run"]),
    ("explain_without_a_run", &["explain", "x"]),
    ("explain_another_folder", &["explain", "x", "--run", "folder"]),
    ("report_another_folder", &["report", "folder"]),
    ("diff_another_folder", &["diff", "folder", "folder"]),
    ("diff_one_run", &["diff", "folder"]),
    ("report_unknown_format", &["report", "folder", "--format", "pdf"]),
    ("completions_unknown_shell", &["completions", "cmd"]),
    (
        "two_sources",
        &[
            "kernel",
            "build",
            "--package",
            "linux-source-6.1",
            "--tarball",
            "linux.tar",
        ],
    ),
];

#[test]
fn mistakes() {
    let said = say(&mut plain(&[])).expect_code(2);
    assert_eq!(said.stdout, "");
    assert!(said.stderr.contains("Usage: lvs-matrix <COMMAND>"), "{said:#?}");
    let mut all = String::new();
    for (name, arguments) in MISTAKES {
        let place = Place::new();
        let said = place.refused(&mut plain(arguments)).expect_code(2);
        add(&mut all, name, &place.shown(arguments, &said));
    }
    assert_snapshot!("mistakes", all);
}

/// What the machine lacks is no mistake: 69, with the cure.
#[test]
fn lacks() {
    let mut all = String::new();
    for (name, arguments) in LACKS {
        let place = Place::new();
        let cache = place.0.path().join("folder");
        let said = place
            .refused(plain(arguments).env("LVS_MATRIX_CACHE", &cache))
            .expect_code(69);
        add(&mut all, name, &place.shown(arguments, &said));
    }
    // Nowhere to look for a kernel: no cache folder is named, and there is no home.
    let place = Place::new();
    let arguments = ["run", "--out", "out"];
    let said = place.refused(plain(&arguments).env_clear()).expect_code(69);
    add(&mut all, "environment", &place.shown(&arguments, &said));
    assert_snapshot!("lacks", all);
}

const LACKS: [(&str, &[&str]); 2] = [
    (
        "kernel_of_an_unknown_version",
        &["run", "--out", "out", "--kernel", "9.9"],
    ),
    ("no_kernel", &["run", "--out", "out"]),
];

/// One case after the other: a file for each would be many.
fn add(all: &mut String, name: &str, shown: &str) {
    all.push_str(&format!("#### {name}\n{}\n\n", shown.trim_end()));
}

/// The cases of `tests/fixtures/invalid.txt` as files, each refused, and every one named where all are given.
#[test]
fn every_mistake_of_every_file_is_shown() {
    let folder = results("invalid");
    let mut files = Vec::new();
    for case in cases("invalid") {
        let file = folder.join(format!("{}.yaml", case.stem));
        fs::write(&file, case.bytes).unwrap();
        files.push(file);
    }
    assert!(files.len() > 20, "{files:?}");
    let said = say(plain(&["check"]).args(&files)).expect_code(2);
    assert_eq!(said.stdout, "");
    for file in &files {
        assert!(
            said.stderr.contains(file.to_str().unwrap()),
            "{} is not named",
            file.display()
        );
    }
    // A good one among them changes nothing, and is not called bad.
    let good = &shipped()[0];
    let with_good = say(plain(&["check"]).arg(good).args(&files)).expect_code(2);
    assert_eq!(with_good.stderr, said.stderr);
}
