//! Advice helps where it is given: each piece is turned into the changed scenario that `explain --try`
//! prints, that runs in a guest, and its client must fare better than the cell's.
//!
//! Of the kept cells (or of those of a run, `LVS_MATRIX_CELLS=FOLDER`) a sample is tried: for each kind of
//! advice the first cells that have it in each scenario. `LVS_MATRIX_ADVICE=all` tries each piece of
//! advice of each cell, `LVS_MATRIX_ADVICE=faults/` those of the cells whose id contains this.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use lvs_matrix_explain::{Advised, Trial, explain, fares_better};
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::record::{CAPTURE_FILE, RECORD_FILE};
use lvs_matrix_model::verdict::{Behaviour, JudgedCell, judged};
use lvs_matrix_report::RunSummary;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use support::{lvs_matrix, repository, results, say};

/// So many scenarios are run at a time.
const AT_A_TIME: usize = 30;

/// A piece of advice of a cell, and the scenario's file by which it is tried.
struct Tried {
    cell: JudgedCell,
    advised: Advised,
    file: String,
}

fn read(run: &Path, cell: &CellRef) -> JudgedCell {
    let folder = run.join(cell.to_string());
    let record = serde_json::from_slice(&fs::read(folder.join(RECORD_FILE)).unwrap()).unwrap();
    judged(record, fs::read(folder.join(CAPTURE_FILE)).ok().as_deref())
}

/// The cells of a run's folder.
fn cells(run: &Path) -> Vec<JudgedCell> {
    let summary: RunSummary = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    summary.selected.iter().map(|cell| read(run, cell)).collect()
}

/// What is advised for a cell and can be tried.
fn advised(cell: &JudgedCell) -> Vec<Tried> {
    let advice = explain(cell).advice.into_iter();
    advice
        .filter_map(|advised| match &advised.trial {
            Trial::Scenario { file, .. } => Some(Tried {
                cell: cell.clone(),
                file: file.clone(),
                advised,
            }),
            Trial::Not { reason } => {
                assert!(!reason.is_empty());
                None
            }
        })
        .collect()
}

/// Runs each trial; what did not help, a line for each.
fn not_helped(name: &str, all: &[Tried]) -> String {
    let place = results(name);
    let mut failures = String::new();
    for (part, tried) in all.chunks(AT_A_TIME).enumerate() {
        let files: Vec<PathBuf> = (0..)
            .zip(tried)
            .map(|(number, tried): (usize, &Tried)| {
                let file = place.join(format!("p{part}-{number}.yaml"));
                let (_, rest) = tried.file.split_once('\n').unwrap();
                fs::write(&file, format!("name: p{part}-{number}\n{rest}")).unwrap();
                file
            })
            .collect();
        let out = place.join(format!("out-{part}"));
        let said = say(lvs_matrix().arg("run").args(&files).arg("--out").arg(&out));
        assert!([0, 3].contains(&said.code()), "{said:#?}");
        let after = cells(&out);
        assert_eq!(after.len(), tried.len());
        for (tried, after) in tried.iter().zip(after) {
            if !fares_better(&tried.cell.observed, &after.observed) {
                writeln!(
                    failures,
                    "{} {} ({}): {} -> {}",
                    tried.cell.record.plan.cell,
                    tried.advised.kind,
                    after.record.plan.cell,
                    told(&tried.cell.observed.behaviour),
                    told(&after.observed.behaviour)
                )
                .unwrap();
            }
        }
    }
    failures
}

fn told(behaviour: &Behaviour) -> String {
    match behaviour {
        Behaviour::Answered { .. } => "answered".to_owned(),
        Behaviour::FailedFast { .. } => "failed-fast".to_owned(),
        Behaviour::Hung { silence, end } => format!("hung {silence:?} {end:?}"),
        Behaviour::Undetermined { reasons } => format!("undetermined {reasons:?}"),
    }
}

#[test]
fn advice_of_the_stored_cells_helps() {
    let wanted = std::env::var("LVS_MATRIX_ADVICE").unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut chosen = |tried: &Tried| {
        let cell = &tried.cell.record.plan.cell;
        match wanted.as_str() {
            "" => seen.insert((tried.advised.kind, cell.scenario.clone())),
            "all" => true,
            part => cell.to_string().contains(part),
        }
    };
    let mut all = Vec::new();
    let run = std::env::var_os("LVS_MATRIX_CELLS");
    let run = run.map_or_else(|| lvs_matrix_archive::kept().to_owned(), PathBuf::from);
    for cell in cells(&run) {
        all.extend(advised(&cell).into_iter().filter(|tried| chosen(tried)));
    }
    assert!(!all.is_empty());
    let failures = not_helped("advice-stored", &all);
    assert!(
        failures.is_empty(),
        "{} pieces of advice tried; these did not help:\n{failures}",
        all.len()
    );
}

/// The cells of scenarios for the purpose, run first: what is advised for each helps.
#[test]
fn advice_of_cells_made_for_it_helps() {
    let folder = repository().join("tests/fixtures/advice");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let out = results("advice-made").join("out");
    say(lvs_matrix().arg("run").args(&files).arg("--out").arg(&out)).expect_code(0);
    let cells = cells(&out);
    for cell in &cells {
        let kinds: Vec<&str> = explain(cell).advice.iter().map(|advised| advised.kind).collect();
        let id = cell.record.plan.cell.to_string();
        // In a real server's output chain a rule answers the server itself.
        if id.starts_with("firewalls/rs-out-") {
            assert!(!kinds.contains(&"reset-instead"), "{id}: {kinds:?}");
        }
        if id == "firewalls/rs-out-drop_query" {
            assert!(kinds.contains(&"reset-the-other-way"), "{id}: {kinds:?}");
        }
        // Where no server is left there is nobody to connect to.
        if id.starts_with("left/nobody") {
            assert!(!kinds.contains(&"reconnect"), "{id}: {kinds:?}");
        }
        if id == "left/another_query" {
            assert!(kinds.contains(&"reconnect"), "{id}: {kinds:?}");
        }
        if id == "idle/wait-timeout" {
            assert!(kinds.contains(&"wait-timeout"), "{id}: {kinds:?}");
        } else if id.starts_with("idle/") {
            assert!(
                kinds.contains(&"entry-timeout") && kinds.contains(&"keepalive-below-entry"),
                "{id}: {kinds:?}"
            );
        }
        // Whoever only waits for a host that is gone is told by keepalive, and by no time-out of the
        // director.
        if id.starts_with("off/") {
            assert!(
                kinds.contains(&"keepalive") && !kinds.contains(&"entry-timeout"),
                "{id}: {kinds:?}"
            );
        }
        // What is too big is cured where segments become smaller, or where the client learns of it.
        if id.starts_with("too-big/") {
            for kind in ["let-icmp-pass", "clamp-mss", "server-mtu", "mtu-probing"] {
                assert!(kinds.contains(&kind), "{id}: {kinds:?}");
            }
        }
        for (of, kind) in [
            ("director/untold", "gratuitous-arp"),
            ("director/defends-itself", "drop-entry"),
            ("director/led", "expire-nodest-conn"),
            ("too-big/ipv4", "pmtu-disc"),
            ("directors/taken-over", "sync"),
            ("directors/by-hand", "sync"),
            ("directors/quiet", "sync-refresh-period"),
            ("directors/comes-back", "nopreempt"),
            ("directors/booted", "nopreempt"),
        ] {
            assert!(id != of || kinds.contains(&kind), "{id}: {kinds:?}");
        }
        if id.starts_with("in-force/") {
            assert!(!kinds.contains(&"tcp-user-timeout"), "{id}: {kinds:?}");
            assert!(!kinds.contains(&"expire-nodest-conn"), "{id}: {kinds:?}");
        }
    }
    let all: Vec<Tried> = cells.iter().flat_map(advised).collect();
    assert!(!all.is_empty());
    let failures = not_helped("advice-made-tried", &all);
    assert!(failures.is_empty(), "{}", failures);
}
