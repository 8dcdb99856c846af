//! Random valid scenarios over all actions, each cell judged twice: as the report has it, and by the second
//! judge, which reads the captures only. `make property` does the same for many more.

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use lvs_matrix_second_judge::twice::{check, explain_again, judge_again, run, write};
use std::path::Path;
use support::results;

/// All scenarios follow from it. CI may set others.
const SEED: u64 = 12;

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_lvs-matrix"))
}

/// What is made up is valid: either the generator or `check` would be wrong.
#[test]
fn a_thousand_random_scenarios_are_good() {
    let folder = results("property-check");
    let files = write(&folder, SEED, 0..1000).unwrap();
    check(program(), &files).unwrap();
}

#[test]
fn two_judges_agree_on_random_cells() {
    let folder = results("property");
    let files = write(&folder, SEED, 0..36).unwrap();
    let out = folder.join("run");
    run(program(), &files, &out).unwrap();
    let mut tally = judge_again(&out).unwrap();
    explain_again(program(), &out, &mut tally).unwrap();
    let found: Vec<String> = tally
        .found
        .iter()
        .map(|(id, why)| format!("{id}: {why}"))
        .collect();
    assert_eq!(tally.cells, files.len());
    assert!(
        found.is_empty(),
        "seed {SEED}, in {}:\n{}",
        folder.display(),
        found.join("\n")
    );
    // A judge that knows one word only would agree with another of its kind.
    assert!(
        tally.behaviours.iter().all(|cells| *cells >= 3),
        "{:?}",
        tally.behaviours
    );
}
