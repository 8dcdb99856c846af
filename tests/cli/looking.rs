//! Looking at scenarios: `check`, `list` and `plan`, for people and for programs.

use super::plain;
use crate::support::{repository, say, shipped, wait};
use insta::assert_snapshot;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The program where everybody can reach it, as an ordinary user with nothing in the environment: from root
/// as nobody.
fn ordinary(folder: &TempDir, arguments: &[&str]) -> Command {
    let program = folder.path().join("lvs-matrix");
    if !program.exists() {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_lvs-matrix"), &program).unwrap();
    }
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null());
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    command
}

/// `check`, `list` and `plan` need no privilege, no kernel, no environment and no file.
#[test]
fn looking_at_scenarios_needs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["check"][..],
        &["list"],
        &["list", "--format", "json"],
        &["plan"],
        &["plan", "--format", "json"],
    ] {
        let said = say(&mut ordinary(&folder, arguments)).expect_code(0);
        assert_eq!(said.stderr, "", "{arguments:?}");
        assert!(!said.stdout.is_empty(), "{arguments:?}");
        assert_eq!(
            said.stdout,
            say(&mut plain(arguments)).expect_code(0).stdout,
            "{arguments:?}: not for root alone"
        );
    }
}

#[test]
fn the_shipped_scenarios_are_good() {
    let said = say(plain(&["check"]).args(shipped())).expect_code(0);
    assert_snapshot!("check_shipped", said.stdout);
    let listed = say(plain(&["list"]).args(shipped())).expect_code(0).stdout;
    let counted = say(plain(&["list", "--format", "json"]).args(shipped())).expect_code(0);
    let counted: Value = serde_json::from_str(&counted.stdout).unwrap();
    assert_eq!(listed.lines().count(), counted.as_array().unwrap().len());
    // All of them would be a page that changes with every scenario.
    let of_two = ["article", "config-change"].map(|name| repository().join(format!("scenarios/{name}.yaml")));
    let said = say(plain(&["list"]).args(of_two)).expect_code(0);
    assert_snapshot!("list_of_two", said.stdout);
}

/// The plan of the cell that the whole project is about: the article's set-up, command line by command line.
#[test]
fn a_plan() {
    let said = say(&mut plain(&["plan", "--filter", "absent_up_execute-sql_0"])).expect_code(0);
    assert_snapshot!("plan_of_a_cell", said.stdout);
}

#[test]
fn programs_can_read_it() {
    let parsed = |arguments: &[&str], code: &[i32]| -> Value {
        let said = say(&mut plain(arguments));
        assert!(code.contains(&said.code()), "{said:#?}");
        serde_json::from_str(&said.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{}", said.stdout))
    };
    let listed = parsed(&["list", "--format", "json"], &[0]);
    assert_eq!(listed.as_array().unwrap().len(), 24);
    let planned = parsed(&["plan", "--format", "json"], &[0]);
    assert_eq!(planned.as_array().unwrap().len(), 24);
    let filtered = parsed(
        &[
            "list",
            "--format",
            "json",
            "--filter",
            "client=waiting,mysqld!=down",
            "--filter",
            "present_up_new",
        ],
        &[0],
    );
    let ids: Vec<&str> = filtered
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| cell["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "config-change/present_up_new-connection_0",
            "config-change/present_up_new-connection_1",
            "config-change/present_up_waiting_0",
            "config-change/present_up_waiting_1",
            "config-change/absent_up_waiting_0",
            "config-change/absent_up_waiting_1",
        ]
    );
    assert!(parsed(&["kernel", "list", "--format", "json"], &[0]).is_array());
    for check in parsed(&["doctor", "--format", "json"], &[0, 69])
        .as_array()
        .unwrap()
    {
        // What is missing has a cure.
        assert_eq!(check["missing"].is_string(), check["cure"].is_string(), "{check}");
        assert_ne!(
            check["missing"].is_string(),
            check["found"].is_string(),
            "{check}"
        );
        assert!(check["needed"].is_boolean(), "{check}");
    }
}

/// `| head -1`: a reader that has seen enough is no failure.
#[test]
fn a_reader_that_goes_away() {
    let mut command = plain(&["plan", "--format", "json"]);
    let whole = say(command.args(shipped())).expect_code(0).stdout;
    assert!(
        whole.len() > 1 << 17,
        "a pipe would hold all of it: {}",
        whole.len()
    );
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    drop(reader);
    assert_eq!(line, "[\n");
    let status = wait(&mut child, crate::support::STUCK);
    let mut talk = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut talk).unwrap();
    assert_eq!((status.code(), talk.as_str()), (Some(0), ""));
}

/// A warning is shown, and refuses nothing.
#[test]
fn a_warning_is_no_mistake() {
    let file = repository().join("tests/fixtures/warned/unknown-sysctl.yaml");
    let said = say(plain(&["check"]).arg(&file)).expect_code(0);
    assert_eq!(said.stdout, "sample: good, 1 cell, 3 warnings\n");
    assert_eq!(
        said.stderr.matches("warning: Linux 7.2 has no sysctl").count(),
        3,
        "{said:#?}"
    );
    let said = say(plain(&["check", "--format", "json"]).arg(&file)).expect_code(0);
    let checked: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(checked[0]["cells"], 1);
    assert_eq!(checked[0]["mistakes"].as_array().unwrap().len(), 0);
    assert_eq!(checked[0]["warnings"][0]["kind"], "unknown-sysctl", "{checked:#}");
}
