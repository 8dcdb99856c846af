//! A statement that fails without any change: its dry cell shows that, and what rests on it is not known,
//! however well it meets what is expected.

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use serde_json::Value;
use std::fs;
use support::{cell, json, lvs_matrix, results, say};

const SCENARIO: &str = "
name: misspelt
claim: A slip of the pen in a statement is not taken for what a change does.
lab:
  real-servers: { rs1: {} }
before: [{ connect: {} }]
change: [{ set-weight: { server: rs1, weight: 0 } }]
axes:
  client:
    misspelt: { act: [{ query: { sql: selct 1 } }] }
    execute-sql: { act: [{ query: { sql: select 1 } }] }
    new-connection: { act: [{ connect: {} }] }
observe: { patience: 5s, until: 1m }
expect:
  - { when: { client: misspelt }, behaviour: failed-fast }
  - { when: { client: execute-sql }, behaviour: answered }
  - { when: { client: new-connection }, behaviour: failed-fast, error: 2003 }
";

#[test]
fn a_statement_that_fails_without_a_change_is_named() {
    let folder = results("dry");
    let (file, out) = (folder.join("misspelt.yaml"), folder.join("run"));
    fs::write(&file, SCENARIO).unwrap_or_else(|error| panic!("{error}"));
    let said = say(lvs_matrix().arg("run").arg(&file).arg("--out").arg(&out)).expect_code(3);
    assert!(
        said.stderr.contains("3 cells and 1 dry cell without a change"),
        "{said:#?}"
    );
    let named = "without any change, in a healthy lab, the statement `selct 1` fails: the server answers \
        with error 1064";
    assert!(said.stdout.contains(named), "{said:#?}");
    let report = json(&out.join("report.json"));
    let verdict = |name: &str| cell(&report, &format!("misspelt/{name}"))["verdict"]["result"].clone();
    assert_eq!(verdict("execute-sql"), "met");
    assert_eq!(verdict("new-connection"), "met");
    let reasons = cell(&report, "misspelt/misspelt")["verdict"]["reasons"].to_string();
    assert!(reasons.contains(named), "{report:#}");
    assert_eq!(report["dry"][0]["statement"], "selct 1", "{report:#}");
    assert_eq!(report["dry"][0]["cells"], 1);
    for name in ["report.md", "report.html"] {
        let text = fs::read_to_string(out.join(name)).unwrap_or_else(|error| panic!("{error}"));
        assert!(text.contains("selct 1"), "{name}");
    }
    // From the folder alone it is the same.
    let again = say(lvs_matrix().arg("judge").arg(&out)).expect_code(3);
    assert!(again.stdout.contains(named), "{again:#?}");
}

#[test]
fn a_scenario_can_say_that_it_is_meant_so() {
    let folder = results("dry-meant");
    let (file, out) = (folder.join("misspelt.yaml"), folder.join("run"));
    let text = SCENARIO.replace("until: 1m", "until: 1m, fails-without-change: true");
    fs::write(&file, text).unwrap_or_else(|error| panic!("{error}"));
    say(lvs_matrix().arg("run").arg(&file).arg("--out").arg(&out)).expect_code(0);
    assert_eq!(json(&out.join("report.json"))["dry"], Value::Null);
}
