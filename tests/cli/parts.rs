//! `run --partition` and `merge`, `run --failed`: of the kept cells, which need no guest.

use super::plain;
use crate::support::{Said, say};
use insta::assert_snapshot;
use lvs_matrix_archive::kept;
use lvs_matrix_model::matrix::CellRef;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn read(folder: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join("run.json")).unwrap()).unwrap()
}

/// Copies what is kept of a cell.
fn copy(cell: &Value, to: &Path) {
    let cell: CellRef = serde_json::from_value(cell.clone()).unwrap();
    let folder = Path::new(cell.scenario.as_str()).join(cell.slug());
    fs::create_dir_all(to.join(&folder)).unwrap();
    for entry in fs::read_dir(kept().join(&folder)).unwrap() {
        let name = entry.unwrap().file_name();
        fs::copy(kept().join(&folder).join(&name), to.join(&folder).join(name)).unwrap();
    }
}

/// The kept run, cut into so many parts as `--partition slice` would have left them.
fn parts(of: usize) -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let whole = read(kept());
    let selected = whole["selected"].as_array().unwrap().clone();
    let folders = (1..=of).map(|number| {
        let own = folder.path().join(number.to_string());
        fs::create_dir(&own).unwrap();
        let places: Vec<usize> = (0..selected.len())
            .filter(|place| place % of == number - 1)
            .collect();
        let mut run = whole.clone();
        run["selected"] = places.iter().map(|place| selected[*place].clone()).collect();
        run["part"] = json!({
            "partition": { "by": "slice", "number": number, "of": of },
            "places": places,
            "whole": "of the kept run",
        });
        fs::write(own.join("run.json"), run.to_string()).unwrap();
        for cell in run["selected"].as_array().unwrap() {
            copy(cell, &own);
        }
        own
    });
    let folders = folders.collect();
    (folder, folders)
}

fn merge(parts: &[PathBuf], out: &Path) -> Said {
    say(plain(&["merge"]).args(parts).arg("--out").arg(out))
}

/// Three parts, named in any order, give the bytes and the exit code of the one run.
#[test]
fn merged_parts_are_the_whole_run() {
    let (folder, mut parts) = parts(3);
    parts.rotate_left(1);
    let out = folder.path().join("whole");
    let merged = merge(&parts, &out);
    let one = say(plain(&["report", "--format", "text"]).arg(kept())).expect_code(0);
    assert_eq!(merged.stdout, one.stdout);
    for (format, file) in [
        ("json", "report.json"),
        ("markdown", "report.md"),
        ("junit", "junit.xml"),
    ] {
        let one = say(plain(&["report", "--format", format]).arg(kept())).expect_code(0);
        assert_eq!(fs::read_to_string(out.join(file)).unwrap(), one.stdout, "{file}");
    }
    let judged = say(plain(&["judge"]).arg(&out));
    assert_eq!(judged.code(), merged.code());
}

/// A part's report says that it is one.
#[test]
fn a_part_says_so() {
    let (_folder, parts) = parts(3);
    let page = say(plain(&["report"]).arg(&parts[1])).expect_code(0).stdout;
    assert!(page.contains("This is a part of a run: `slice:2/3`."), "{page}");
}

/// What is no part of the same run is refused, and nothing is left.
#[test]
fn other_runs_are_refused() {
    let (folder, parts) = parts(2);
    let out = folder.path().join("whole");
    let refused = |case: &str, parts: &[PathBuf]| {
        let said = merge(parts, &out).expect_code(2);
        let text = said.stderr.replace(folder.path().to_str().unwrap(), "[folder]");
        assert_snapshot!(format!("merge_{case}"), text);
        assert!(!out.exists(), "{case}");
    };
    let with = |case: &str, change: fn(&mut Value)| {
        let good = fs::read_to_string(parts[1].join("run.json")).unwrap();
        let mut run = read(&parts[1]);
        change(&mut run);
        fs::write(parts[1].join("run.json"), run.to_string()).unwrap();
        refused(case, &parts);
        fs::write(parts[1].join("run.json"), good).unwrap();
    };
    refused("without_a_part", &parts[..1]);
    refused("twice", &[parts[0].clone(), parts[1].clone(), parts[0].clone()]);
    with("other_program", |run| run["hashes"]["harness"] = json!("0"));
    with("other_kernel", |run| run["hashes"]["kernel"] = json!("0"));
    with("other_server", |run| run["hashes"]["mysqld"] = json!("0"));
    with("other_scenario", |run| run["scenarios"][0]["sha256"] = json!("0"));
    with("other_whole", |run| run["part"]["whole"] = json!("0"));
    with("torn", |run| run["part"]["places"] = json!([1]));
    with("unnumbered", |run| run["part"]["partition"]["number"] = json!(7));
}

/// A run of which a part was stopped was stopped.
#[test]
fn a_stopped_part_shows() {
    let (folder, parts) = parts(2);
    let mut run = read(&parts[1]);
    run["state"] = json!({ "interrupted": { "reason": "SIGTERM" } });
    let selected = run["selected"].as_array().unwrap();
    let cell: CellRef = serde_json::from_value(selected[0].clone()).unwrap();
    fs::remove_dir_all(parts[1].join(cell.scenario.as_str()).join(cell.slug())).unwrap();
    fs::write(parts[1].join("run.json"), run.to_string()).unwrap();
    let out = folder.path().join("whole");
    merge(&parts, &out);
    let report = fs::read_to_string(out.join("report.md")).unwrap();
    assert!(report.contains("part slice:2/2: SIGTERM"), "{report}");
}

/// An impossible part is a mistake.
#[test]
fn partitions_are_refused() {
    for (case, part) in [("number", "slice:5/4"), ("word", "count:1/4")] {
        let said = say(&mut plain(&["run", "--partition", part])).expect_code(2);
        assert_snapshot!(format!("partition_{case}"), said.stderr);
    }
}

/// `--failed` of a run in which all was met, and of what is no run.
#[test]
fn nothing_failed() {
    let folder = tempfile::tempdir().unwrap();
    let own = |arguments: &[&str]| say(plain(arguments).current_dir(folder.path()));
    assert_snapshot!(
        "failed_without_a_run",
        own(&["run", "--failed"]).expect_code(2).stderr
    );
    let kept = format!("--failed={}", kept().display());
    let none = own(&["run", &kept]).expect_code(0);
    assert_eq!(
        none.stderr,
        "no cell of that run was violated or unknown: there is nothing to run again\n"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
