//! The command line: bad input gets one clear error, the documented exit code, and nothing half-written; good
//! input can be read by programs. The texts are snapshots, to be reviewed like code
//! (`INSTA_UPDATE=always cargo test --test cli`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[path = "../harness/model/tests/support/fixtures.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the tests of the model")]
mod fixtures;
#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

#[path = "cli/beginning.rs"]
mod beginning;
#[path = "cli/catalogue.rs"]
mod catalogue;
#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/help.rs"]
mod help;
#[path = "cli/looking.rs"]
mod looking;
#[path = "cli/parts.rs"]
mod parts;
#[path = "cli/place.rs"]
mod place;
#[path = "cli/refused.rs"]
mod refused;

use place::Place;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Said, lvs_matrix, say};

/// The program with nothing of the caller's own wishes.
fn plain(arguments: &[&str]) -> Command {
    let mut command = lvs_matrix();
    for name in [
        "LVS_MATRIX_KERNEL",
        "LVS_MATRIX_MYSQLD",
        "COLUMNS",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// A cell of the stored run is named by its id or by a part of it that no other has.
#[test]
fn explain_finds_the_cell() {
    let stored = lvs_matrix_archive::kept();
    let explain = |cell: &str| say(plain(&["explain", cell, "--run"]).arg(stored));
    let whole = explain("config-change/absent_up_execute-sql_0").expect_code(0);
    assert!(whole.stdout.contains("entry-without-server"), "{whole:#?}");
    assert_eq!(
        explain("absent_up_execute-sql_0").expect_code(0).stdout,
        whole.stdout
    );
    let chinese = say(plain(&["explain", "absent_up_execute-sql_0", "--lang", "zh", "--run"]).arg(stored))
        .expect_code(0);
    assert!(
        chinese.stdout.contains("规则 entry-without-server"),
        "{chinese:#?}"
    );
    let several = explain("absent_up_execute-sql").expect_code(2);
    assert!(several.stderr.contains("fits 2 cells"), "{several:#?}");
    assert!(
        several
            .stderr
            .contains("\n  config-change/absent_up_execute-sql_1\n"),
        "{several:#?}"
    );
    let none = explain("no-such-cell").expect_code(2);
    assert!(
        none.stderr.contains("has no cell `no-such-cell`; its cells:\n  "),
        "{none:#?}"
    );
}

/// Without `--out`: a new folder in `lvs-matrix-out`, and a link to the newest.
#[test]
fn the_default_folder() {
    let place = Place::new();
    let run = || {
        say(lvs_matrix()
            .args(["run", "good.yaml"])
            .current_dir(place.0.path()))
        .expect_code(0)
    };
    let latest = place.0.path().join("lvs-matrix-out/latest");
    let report_of = |said: &Said| -> PathBuf {
        let line = said.stdout.lines().last().unwrap();
        let (report, _as_text) = line.strip_prefix("report: ").unwrap().split_once(" (").unwrap();
        Path::new(report).to_owned()
    };
    let first = report_of(&run());
    assert_eq!(
        fs::canonicalize(latest.join("report.html")).unwrap(),
        fs::canonicalize(&first).unwrap()
    );
    let second = report_of(&run());
    assert_ne!(first, second);
    assert_eq!(
        fs::canonicalize(latest.join("report.html")).unwrap(),
        fs::canonicalize(second).unwrap()
    );
    assert!(first.is_file(), "the older result is there, too");
    say(lvs_matrix().arg("judge").arg(&latest)).expect_code(0);
}
