//! The scenarios that are shipped.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::scenario::{Expected, Scenario, Style, load, render};
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn shipped(name: &str) -> Scenario {
    let file = format!("{name}.yaml");
    let text = std::fs::read_to_string(folder().join(&file)).unwrap();
    load(&text).unwrap_or_else(|mistakes| panic!("{}", render(&mistakes, &file, &text, Style::Plain)))
}

#[test]
fn shipped_scenarios_are_sound() {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            assert_eq!(
                shipped(&name).name.as_str(),
                name,
                "a scenario is named as its file"
            );
            let text = std::fs::read_to_string(&path).unwrap();
            let first = "# yaml-language-server: $schema=scenario.schema.json\n";
            assert!(text.starts_with(first), "{name} does not name its schema");
            found.push(name);
        }
    }
    assert!(found.len() > 1, "{found:?}");
}

#[test]
fn config_change_has_the_article_s_cells() {
    let scenario = shipped("config-change");
    let cells = cells(&scenario);
    assert_eq!(cells.len(), 24);
    assert_eq!(cells[0].cell.slug(), "present_up_new-connection_0");
    assert_eq!(cells[23].cell.slug(), "absent_down_waiting_1");
    assert!(
        cells.iter().all(|cell| cell.expected != Expected::ObserveOnly),
        "every cell is held against something"
    );
    let hung: Vec<_> = cells
        .iter()
        .filter(|cell| match &cell.expected {
            Expected::Behaviour(expected) => expected.behaviour.as_str() == "hung",
            Expected::ObserveOnly => false,
        })
        .map(|cell| cell.cell.slug())
        .collect();
    assert_eq!(hung, ["absent_up_execute-sql_0"]);
}
