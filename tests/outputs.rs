//! What is made of a run's folder without running anything: pages, and what changes between two runs. The runs are copies of
//! the ones that are committed under `reports/`, as they are or altered, each in one respect.

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use support::{copy_folder, lvs_matrix, repository, results, say};

/// The article's hang.
const HUNG: &str = "config-change/absent_up_execute-sql_0";

/// A run that is committed under `reports/`.
fn stored() -> PathBuf {
    repository().join("reports/linux-7.2")
}

/// A copy of it that may be altered.
fn copy() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let copy = results(&format!("outputs-{number}")).join("run");
    copy_folder(&stored(), &copy);
    copy
}

fn page(run: &Path) -> PathBuf {
    run.join(HUNG).join("report.md")
}

/// A page that tells of a record which is gone would be a report of nothing.
#[test]
fn a_cell_that_cannot_be_read_any_more_loses_its_page() {
    let run = copy();
    fs::write(run.join(HUNG).join("record.json"), "{").unwrap();
    assert!(page(&run).exists());
    say(lvs_matrix().arg("judge").arg(&run)).expect_code(3);
    assert!(!page(&run).exists());
    let top = fs::read_to_string(run.join("report.md")).unwrap();
    assert!(
        !top.contains(&format!("{HUNG}/report.md")),
        "a link to a page that is not there"
    );
    let said = say(lvs_matrix().arg("report").arg(&run).args(["--cell", HUNG])).expect_code(2);
    assert!(
        said.stderr.contains("has no record") && said.stderr.contains("cannot be understood"),
        "{said:#?}"
    );
}

/// Nothing is written outside of the run's folder.
#[test]
fn a_link_to_another_place_is_not_followed() {
    let run = copy();
    let elsewhere = run.with_file_name("elsewhere");
    fs::rename(run.join(HUNG), &elsewhere).unwrap();
    fs::write(elsewhere.join("report.md"), "theirs").unwrap();
    std::os::unix::fs::symlink(&elsewhere, run.join(HUNG)).unwrap();
    let said = say(lvs_matrix().arg("judge").arg(&run)).expect_code(2);
    assert!(said.stderr.contains("is a link to another place"), "{said:#?}");
    assert_eq!(fs::read_to_string(elsewhere.join("report.md")).unwrap(), "theirs");
}

#[test]
fn a_cell_is_named_by_its_id() {
    let report = |arguments: &[&str]| say(lvs_matrix().arg("report").arg(stored()).args(arguments));
    assert!(
        report(&["--cell", HUNG])
            .expect_code(0)
            .stdout
            .starts_with(&format!("# {HUNG}\n"))
    );
    for (arguments, words) in [
        (
            vec!["--cell", "config-change/nothing"],
            "this run has no cell `config-change/nothing`",
        ),
        (vec!["--cell", HUNG, "--format", "junit"], "markdown only"),
    ] {
        let said = report(&arguments).expect_code(2);
        assert!(said.stdout.is_empty() && said.stderr.contains(words), "{said:#?}");
    }
}
