//! What reached the client's interface and what its kernel accepted, in guests: the client's own firewall in
//! each of its forms, real servers that a connect reaches in turn, and transfers as large as the
//! documentation allows.

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use serde_json::Value;
use std::path::PathBuf;
use support::{cell, lvs_matrix, repository, results, say};

/// Runs a scenario, of which every cell must be as it says; gives the report and the run's folder.
fn met(name: &str, more: &[&str]) -> (Value, PathBuf) {
    let file = repository()
        .join("tests/fixtures/accepted")
        .join(format!("{name}.yaml"));
    let out = results(&format!("accepted-{name}"));
    say(lvs_matrix()
        .arg("run")
        .arg(file)
        .args(more)
        .arg("--out")
        .arg(&out))
    .expect_code(0);
    (support::json(&out.join("report.json")), out)
}

/// The rules that explain a cell; nothing of it may be left unexplained.
fn explained(out: &std::path::Path, id: &str) -> String {
    let said = say(lvs_matrix().args(["explain", "--run"]).arg(out).arg(id)).expect_code(0);
    assert!(
        !said.stdout.contains("None of the rules"),
        "{id}: {}",
        said.stdout
    );
    said.stdout
}

#[test]
fn the_clients_own_firewall_is_judged_and_explained_in_each_form() {
    let (report, out) = met("own-firewall", &[]);
    for rule in [
        "in-drop",
        "in-reject",
        "in-reset",
        "out-drop",
        "out-reject",
        "out-reset",
    ] {
        for client in ["new", "query", "waiting"] {
            let id = format!("own-firewall/{rule}_{client}");
            let cell = cell(&report, &id);
            let text = explained(&out, &id);
            let kept_out = rule.starts_with("in-");
            assert_eq!(
                text.contains("Rule own-firewall-keeps-out"),
                kept_out,
                "{id}: {text}"
            );
            if kept_out {
                let discarded = cell["discarded"].as_array().unwrap();
                let why = discarded[0]["why"].as_str().unwrap();
                assert!(
                    why.starts_with("the client's own firewall did not let it in"),
                    "{id}: {why}"
                );
                assert_eq!(
                    cell["terminators"],
                    Value::Array(Vec::new()),
                    "{id}: nothing was accepted"
                );
            } else if client != "waiting" {
                assert!(
                    cell["held-back"]["segments"].as_u64().unwrap() > 0,
                    "{id}: {cell:#}"
                );
                let own = ["Rule own-firewall-holds-back", "Rule own-firewall-refuses"];
                let holds = own.map(|rule| text.contains(rule));
                assert_eq!(holds.iter().filter(|holds| **holds).count(), 1, "{id}: {text}");
            }
        }
    }
}

#[test]
fn driver_and_command_line_agree_that_there_was_no_connection() {
    met("own-firewall-programs", &[]);
}

#[test]
fn what_is_only_started_does_not_wait_for_what_the_firewall_holds_back() {
    met("own-firewall-started", &[]);
}

#[test]
fn a_server_that_was_tried_first_is_named() {
    let (report, out) = met("in-turn", &[]);
    for first in ["drops", "unheard"] {
        let id = format!("in-turn/{first}");
        let operation = &cell(&report, &id)["operation"];
        assert_eq!(operation["served-by"], "rs2", "{operation:#}");
        assert_eq!(operation["tried"][0]["server"], "rs1", "{operation:#}");
        assert!(explained(&out, &id).contains("Rule another-server-answers"));
    }
}

/// Each is run three times; the whole is 18 cells that all must be judged.
#[test]
fn large_transfers_lose_nothing_of_the_capture() {
    let (report, _) = met("large", &["--repeat", "3"]);
    assert_eq!(report["totals"]["met"], 18, "{report:#}");
}

/// What follows on a connection that an earlier operation has lost sends nothing, and that is no doubt.
#[test]
fn a_statement_on_a_connection_that_was_lost_before() {
    let (report, out) = met("lost-before", &[]);
    for (program, rule) in [
        ("driver", "connection-lost-before"),
        ("command-line", "connection-lost-before"),
        ("stopped", "server-ended"),
        ("keepalive", "connection-ended-while-idle"),
    ] {
        let id = format!("lost-before/{program}");
        assert_eq!(cell(&report, &id)["verdict"]["result"], "met", "{id}");
        let text = explained(&out, &id);
        assert!(text.contains(&format!("Rule {rule}")), "{id}: {text}");
    }
}
