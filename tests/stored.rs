//! The results that are committed under `reports/` are what today's code makes of their records. After a
//! change of the reports: `lvs-matrix judge reports/linux-7.2`; after a change of the cells: `make reports`.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use support::{copy_folder, lvs_matrix, results, say};

fn stored_runs() -> Vec<PathBuf> {
    let reports = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reports");
    let entries = fs::read_dir(&reports).unwrap().map(|entry| entry.unwrap().path());
    let runs: Vec<PathBuf> = entries.filter(|path| path.join("run.json").is_file()).collect();
    assert!(!runs.is_empty(), "no run is stored under {}", reports.display());
    runs
}

/// The ids of the cells of a run.
fn ids(cells: &serde_json::Value) -> Vec<String> {
    let cells = cells.as_array().unwrap().iter();
    cells
        .map(|cell| cell["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Every file that is made of records, of the run and of each cell, made anew in a copy.
#[test]
fn stored_reports_are_what_their_records_give() {
    let folder = results("stored");
    for run in stored_runs() {
        let copy = folder.join(run.file_name().unwrap());
        copy_folder(&run, &copy);
        let report: serde_json::Value =
            serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap();
        let pages = ids(&report["cells"])
            .into_iter()
            .map(|id| format!("{id}/report.md"));
        let of_run = ["report.md", "report.json", "junit.xml"].map(str::to_owned);
        let files: Vec<String> = of_run.into_iter().chain(pages).collect();
        for file in &files {
            fs::remove_file(copy.join(file)).unwrap();
        }
        say(lvs_matrix().arg("judge").arg(&copy)).expect_code(0);
        for file in files {
            assert!(
                fs::read(copy.join(&file)).unwrap() == fs::read(run.join(&file)).unwrap(),
                "{} is not what its records give; make it again with `lvs-matrix judge {}`",
                run.join(&file).display(),
                run.display()
            );
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
        let report: serde_json::Value =
            serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap();
        assert_eq!(
            ids(&report["cells"]),
            listed,
            "{}: run `make reports`",
            run.display()
        );
    }
}
