//! Real MySQL, of the article's time: 5.6, which can make its data folder only by `--bootstrap`.
//! `.ci/mysql56` fetches it where npm is there, and `make test` says so where it is not: then these tests are
//! listed as ignored. With `LVS_MATRIX_MYSQLD_56=required` they fail instead.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests without the standard harness, which clippy does not know for tests"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use support::{cell, lvs_matrix, repository, results, say};

/// The mysqld's path, or `required`.
const VARIABLE: &str = "LVS_MATRIX_MYSQLD_56";

type Test = fn(&Path) -> Result<(), Failed>;

const TESTS: [(&str, Test); 3] = [
    ("config_change_with_mysql_5_6", config_change),
    ("what_mysql_5_6_does_otherwise", otherwise),
    ("the_locks_of_a_lost_client_in_mysql_5_6", orphaned_locks),
];

fn main() -> ExitCode {
    let mysqld = std::env::var_os(VARIABLE)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    if mysqld.is_none() {
        eprintln!(
            "MySQL 5.6 is not tested: ${VARIABLE} names no mysqld; `.ci/mysql56 FOLDER` fetches one where \
             npm is there"
        );
    }
    let trials = TESTS.map(|(name, test)| {
        let (there, mysqld) = (mysqld.is_some(), mysqld.clone());
        let trial = Trial::test(name, move || match &mysqld {
            Some(path) if path == Path::new("required") => {
                Err(format!("${VARIABLE} is `required`, not a path").into())
            }
            Some(path) => test(path),
            None => Err(format!("${VARIABLE} names no mysqld").into()),
        });
        trial.with_ignored_flag(!there)
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

/// Runs cells with this server; the report, and its folder.
fn run(mysqld: &Path, name: &str, what: &[&str]) -> (Value, PathBuf) {
    let out = results(name).join("out");
    let mut command = lvs_matrix();
    command.arg("run").args(what).arg("--mysqld").arg(mysqld);
    say(command.arg("--out").arg(&out)).expect_code(0);
    (support::json(&out.join("report.json")), out)
}

fn record(out: &Path, id: &str) -> Value {
    support::json(&out.join(id).join("record.json"))
}

/// Everything but the statement that waits through the server's end lives through what it does with MariaDB.
fn config_change(mysqld: &Path) -> Result<(), Failed> {
    let file = repository().join("scenarios/config-change.yaml");
    let filters = ["--filter", "client=new-connection|execute-sql"];
    let more = ["--filter", "client=waiting,mysqld=up"];
    let what: Vec<&str> = [&[file.to_str().unwrap()][..], &filters, &more].concat();
    let (report, out) = run(mysqld, "mysql-5.6-config-change", &what);
    let cells = report["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 20);
    for (id, behaviour, error) in [
        ("present_up_new-connection_0", "answered", Value::Null),
        ("present_up_execute-sql_0", "answered", Value::Null),
        ("present_down_new-connection_0", "failed-fast", json!(2003)),
        ("present_down_execute-sql_0", "failed-fast", json!(2006)),
        ("absent_up_new-connection_0", "failed-fast", json!(2003)),
        ("absent_up_execute-sql_0", "hung", json!(2013)),
        ("absent_up_execute-sql_1", "failed-fast", json!(2013)),
        ("absent_up_waiting_0", "answered", Value::Null),
    ] {
        let id = format!("config-change/{id}");
        let cell = cell(&report, &id);
        assert_eq!(cell["behaviour"], behaviour, "{cell:#}");
        assert_eq!(cell["error"]["classic"], error, "{cell:#}");
        let record = record(&out, &id);
        let version = record["environment"]["mysqld"].as_str().unwrap();
        assert!(version.starts_with("5.6."), "{id}: {version}");
    }
    Ok(())
}

fn otherwise(mysqld: &Path) -> Result<(), Failed> {
    let file = repository().join("tests/fixtures/mysql-5.6.yaml");
    let (report, out) = run(mysqld, "mysql-5.6", &[file.to_str().unwrap()]);
    let rows = |id: &str| -> Vec<Value> {
        assert_eq!(cell(&report, id)["verdict"]["result"], "met");
        let events = record(&out, id)["client-events"].as_array().unwrap().clone();
        let results = events
            .iter()
            .filter_map(|event| event["kind"].get("result-received"));
        results.map(|result| result["first-row"].clone()).collect()
    };
    assert_eq!(rows("mysql-5.6/stopped"), [json!(["1"])]);
    assert_eq!(rows("mysql-5.6/killed"), [] as [Value; 0]);
    let [version] = &rows("mysql-5.6/restarted")[..] else {
        panic!("no version");
    };
    assert!(version[0].as_str().unwrap().starts_with("5.6."), "{version}");
    Ok(())
}

/// The shipped expectations hold, and its `innodb_trx` is read as MariaDB's is.
fn orphaned_locks(mysqld: &Path) -> Result<(), Failed> {
    let file = repository().join("scenarios/orphaned-locks.yaml");
    let (report, _) = run(mysqld, "mysql-5.6-orphaned-locks", &[file.to_str().unwrap()]);
    let lost = cell(&report, "orphaned-locks/lost-at-once_same-row");
    assert_eq!(lost["error"]["server"], 1205, "{lost:#}");
    let transaction = &lost["orphaned-sessions"][0]["session"]["transaction"];
    assert_eq!(transaction["state"], "RUNNING", "{lost:#}");
    assert_eq!(
        (&transaction["rows-modified"], &transaction["rows-locked"]),
        (&json!(1), &json!(1)),
        "{lost:#}"
    );
    Ok(())
}
