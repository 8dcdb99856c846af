//! Files that are made from the tables of the language: the JSON schema for editors, and the reference in
//! docs/scenarios.md. `UPDATE_SCHEMA=1 cargo test -p lvs-matrix-model --test generated` writes them anew.

use lvs_matrix_model::scenario::{reference, schema};
use serde_json::Value;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn update() -> bool {
    std::env::var_os("UPDATE_SCHEMA").is_some()
}

#[test]
fn the_schema_beside_the_scenarios_is_that_of_the_tables() {
    let path = root().join("scenarios/scenario.schema.json");
    if update() {
        let text = serde_json::to_string_pretty(&schema()).unwrap();
        std::fs::write(&path, text + "\n").unwrap();
    }
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(committed, schema(), "run with UPDATE_SCHEMA=1");
}

#[test]
fn the_reference_for_authors_is_that_of_the_tables() {
    const BEGIN: &str = "<!-- generated: begin -->\n";
    const END: &str = "<!-- generated: end -->\n";
    let path = root().join("docs/scenarios.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (committed, after) = rest.split_once(END).unwrap();
    if update() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", reference())).unwrap();
    } else {
        assert_eq!(committed, reference(), "run with UPDATE_SCHEMA=1");
    }
}
