//! Which cells of a run become fixtures. The same run and the same tests give the same choice.

use crate::folder::{read, read_archive, size};
use crate::{PACKED, Trouble, WHOLE};
use lvs_matrix_explain::explain;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, RECORD_FILE};
use lvs_matrix_model::verdict::judged;
use lvs_matrix_report::RunReport;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Where tests lie that name fixtures: files and folders, relative to the repository. Tests that name
/// cells of runs of their own (`tests/matrix`) are not among them.
const SOURCES: [&str; 13] = [
    "harness/explain/tests",
    "harness/model/tests",
    "harness/report/tests",
    "tests/advice.rs",
    "tests/browser",
    "tests/browser.rs",
    "tests/cli",
    "tests/fuzz/src",
    "tests/hostile_folders.rs",
    "tests/kept/src",
    "tests/outputs.rs",
    "tests/second-judge/tests",
    "tests/trouble.rs",
];

/// The cells to keep, in the order of the run:
///
/// 1. every cell of the scenarios [`WHOLE`], which have pages under `reports/`;
/// 2. every cell that a test names;
/// 3. for each rule of `explain` and each kind of advice that neither these nor the packed cells show, the
///    smallest cell that does, unless it has more than [`MOST_BYTES`]: such rules are tested with cells that
///    tests make.
///
/// A scenario that has none of these is tested with fresh cells (`tests/matrix`).
///
/// # Errors
/// If a file cannot be read.
pub fn choose(run: &Path, report: &RunReport, repository: &Path) -> Result<Vec<CellRef>, Trouble> {
    let named = named(repository)?;
    let mut chosen: BTreeSet<String> = BTreeSet::new();
    let mut places: BTreeMap<(&str, &str), Vec<&CellRef>> = BTreeMap::new();
    for cell in report.cells() {
        let own = &cell.record.plan.cell;
        let id = own.to_string();
        if WHOLE.contains(&own.scenario.as_str()) || named.contains(&id) {
            chosen.insert(id);
        }
        let explanation = explain(cell);
        let rules = explanation
            .paragraphs
            .iter()
            .map(|paragraph| ("rule", paragraph.rule));
        let advice = explanation.advice.iter().map(|advised| ("advice", advised.kind));
        for shown in rules.chain(advice) {
            places.entry(shown).or_default().push(own);
        }
    }
    let selected = &report.run().selected;
    let packed = packed(repository)?;
    for ((kind, name), cells) in places {
        let elsewhere = packed.contains(&(kind, name));
        if elsewhere || cells.iter().any(|cell| chosen.contains(&cell.to_string())) {
            continue;
        }
        let mut sizes = Vec::with_capacity(cells.len());
        for cell in &cells {
            sizes.push((size(run, cell)?, cell.to_string()));
        }
        let smallest = sizes.into_iter().min();
        let light = smallest.filter(|(size, _)| *size <= MOST_BYTES);
        chosen.extend(light.map(|(_, id)| id));
    }
    Ok(selected
        .iter()
        .filter(|cell| chosen.contains(&cell.to_string()))
        .cloned()
        .collect())
}

/// The rules and the kinds of advice that the packed cells show.
fn packed(repository: &Path) -> Result<BTreeSet<(&'static str, &'static str)>, Trouble> {
    let archive = repository.join(PACKED);
    let all = read_archive(&archive)?;
    let mut shown = BTreeSet::new();
    for (name, record) in &all {
        let Some(folder) = name.strip_suffix(RECORD_FILE) else {
            continue;
        };
        let record: CellRecord =
            serde_json::from_slice(record).map_err(|error| Trouble::content(&archive, error))?;
        let capture = all.get(&format!("{folder}{CAPTURE_FILE}"));
        let cell = judged(record, capture.map(Vec::as_slice));
        let explanation = explain(&cell);
        shown.extend(explanation.paragraphs.iter().map(|one| ("rule", one.rule)));
        shown.extend(explanation.advice.iter().map(|one| ("advice", one.kind)));
    }
    Ok(shown)
}

/// A cell that no test names is kept up to this size, in bytes.
const MOST_BYTES: usize = 128 << 10;

/// A list of cells, each at the beginning of a line, before a colon; relative to the repository.
const LIST: &str = "harness/explain/tests/explain/key-cells.txt";

/// Every text between quotation marks that looks like the id of a cell, in the sources of the tests, and the
/// cells of the list.
fn named(repository: &Path) -> Result<BTreeSet<String>, Trouble> {
    let list = String::from_utf8_lossy(&read(&repository.join(LIST))?).into_owned();
    let ids = list.lines().filter_map(|line| line.split_once(':'));
    let mut found: BTreeSet<String> = ids.map(|(id, _)| id.to_owned()).collect();
    for source in SOURCES {
        for file in rust_files(&repository.join(source))? {
            let text = String::from_utf8_lossy(&read(&file)?).into_owned();
            for literal in text.split('"') {
                // A file of the cell may be named, too.
                let mut parts = literal.split('/');
                if let (Some(scenario), Some(slug)) = (parts.next(), parts.next()) {
                    found.insert(format!("{scenario}/{slug}"));
                }
            }
        }
    }
    Ok(found)
}

/// The Rust files of a folder, or the file itself.
fn rust_files(place: &Path) -> Result<Vec<PathBuf>, Trouble> {
    if place.is_file() {
        return Ok(vec![place.to_owned()]);
    }
    let mut files = Vec::new();
    let entries = fs::read_dir(place).map_err(|source| Trouble::at("read", place, source))?;
    for entry in entries {
        let path = entry.map_err(|source| Trouble::at("read", place, source))?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}
