//! A scenario written down again is the same scenario; a cell by itself has the cell's plan.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::{LabPlan, plan};
use lvs_matrix_model::scenario::{Position, Scenario, Style, difference, load, render, written};
use std::path::{Path, PathBuf};

/// The scenario files of the repository that are sound: those that are shipped, and those of tests and
/// examples.
fn files() -> Vec<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = vec![
        repository.join("scenarios"),
        repository.join("tests/fixtures"),
        repository.join("examples"),
    ];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn sound() -> Vec<Scenario> {
    // Some of the bad files are no text at all.
    let texts = files()
        .into_iter()
        .filter_map(|file| std::fs::read_to_string(file).ok());
    let scenarios: Vec<Scenario> = texts.filter_map(|text| load(&text).ok()).collect();
    assert!(
        scenarios.len() > 20,
        "only {} scenarios are sound",
        scenarios.len()
    );
    scenarios
}

fn loaded(text: &str) -> Scenario {
    load(text)
        .unwrap_or_else(|mistakes| panic!("{}\n{text}", render(&mistakes, "written", text, Style::Plain)))
}

/// Where expectations and warnings stand depends on the text.
fn without_places(mut scenario: Scenario) -> Scenario {
    scenario.warnings.clear();
    for expectation in &mut scenario.expectations {
        expectation.position = Position { line: 1, column: 1 };
    }
    scenario
}

#[test]
fn a_scenario_written_down_is_the_same() {
    for scenario in sound() {
        let again = loaded(&written(&scenario));
        assert_eq!(without_places(again), without_places(scenario));
    }
}

/// Sysctls may come in another order: they are settings of different names.
fn sorted(mut plan: LabPlan) -> LabPlan {
    for host in &mut plan.hosts {
        host.sysctls.sort();
    }
    plan
}

#[test]
fn a_cell_by_itself_has_the_cell_s_plan() {
    for scenario in sound() {
        for cell in cells(&scenario) {
            let of_cell = plan(&scenario, &cell);
            let alone = loaded(&written(&of_cell.alone()));
            let all = cells(&alone);
            assert_eq!(all.len(), 1, "{}", cell.cell);
            let mut again = plan(&alone, &all[0]);
            again.cell = of_cell.cell.clone();
            assert_eq!(sorted(again), sorted(of_cell));
        }
    }
}

#[test]
fn only_what_differs_is_told() {
    let text = "name: a\nclaim: b\nlab: { real-servers: { rs1: {} } }\nbefore: [{ connect: {} }]\n\
                act: [{ query: { sql: select 1 } }]\nobserve: { patience: 5s, until: 20m }\nexpect: \
                [{ observe-only: true }]\n";
    let from = loaded(text);
    assert_eq!(difference(&from, &from), "");
    let mut changed = from.clone();
    let sysctl = ("net.ipv4.vs.expire_nodest_conn".to_owned(), "1".to_owned());
    changed.lab.director_sysctls.push(sysctl);
    let wait = lvs_matrix_model::action::Action::wait(std::time::Duration::from_millis(1500));
    changed.steps.change.push(wait.into());
    assert_eq!(
        difference(&from, &changed),
        "lab:\n  director-sysctls: { net.ipv4.vs.expire_nodest_conn: 1 }\nchange: [{ wait: 1s 500ms }]\n"
    );
}

#[test]
fn what_is_said_no_more_is_a_difference() {
    let lab = "lab: { real-servers: { rs1: {} }, misbuilt: { rs1: no-vip } }";
    let rest =
        "act: [{ connect: {} }]\nobserve: { patience: 5s, until: 1m }\nexpect: [{ observe-only: true }]";
    let wrong = loaded(&format!("name: sample\nclaim: A fault.\n{lab}\n{rest}\n"));
    let mut right = wrong.clone();
    right.lab.misbuilt.clear();
    assert_eq!(difference(&wrong, &right), "lab:\n  misbuilt: {}\n");
    assert_eq!(difference(&wrong, &wrong), "");
}
