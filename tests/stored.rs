//! The results that are committed under `reports/` are what today's code makes of their records. After a change of the
//! reports: `lvs-matrix judge reports/linux-7.2`; after a change of the cells: `make reports`.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use support::{lvs_matrix, say};

fn stored_runs() -> Vec<PathBuf> {
    let reports = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reports");
    let entries = fs::read_dir(&reports).unwrap().map(|entry| entry.unwrap().path());
    let runs: Vec<PathBuf> = entries.filter(|path| path.join("run.json").is_file()).collect();
    assert!(!runs.is_empty(), "no run is stored under {}", reports.display());
    runs
}

/// Is the stored file what `report` prints with these arguments?
fn assert_made(run: &Path, arguments: &[&str], file: &str) {
    let made = say(lvs_matrix().arg("report").arg(run).args(arguments)).expect_code(0);
    let stored = fs::read_to_string(run.join(file)).unwrap();
    assert!(
        made.stdout == stored,
        "{} is not what its records give; make it again with `lvs-matrix judge {}`",
        run.join(file).display(),
        run.display()
    );
}

/// The ids of the cells of a run.
fn ids(cells: &serde_json::Value) -> Vec<String> {
    let cells = cells.as_array().unwrap().iter();
    cells.map(|cell| cell["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn stored_reports_are_what_their_records_give() {
    for run in stored_runs() {
        for (format, file) in [
            ("markdown", "report.md"),
            ("json", "report.json"),
            ("junit", "junit.xml"),
        ] {
            assert_made(&run, &["--format", format], file);
        }
        let report: serde_json::Value = serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap();
        for id in ids(&report["cells"]) {
            assert_made(&run, &["--cell", &id], &format!("{id}/report.md"));
        }
    }
}

/// The stored run is of the scenarios as they are: the same cells, in the same order.
#[test]
fn stored_runs_have_every_shipped_cell() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let listed = say(lvs_matrix().arg("list").args(&files).args(["--format", "json"])).expect_code(0);
    let listed = ids(&serde_json::from_str(&listed.stdout).unwrap());
    for run in stored_runs() {
        let report: serde_json::Value = serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap();
        assert_eq!(ids(&report["cells"]), listed, "{}: run `make reports`", run.display());
    }
}
