//! An operator's own files: each of ten configurations becomes a scenario that runs, and the question that a
//! DBA has is answered by one command, whose own commands hurt nobody.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use rstest::rstest;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::{lvs_matrix, repository, say};
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    repository().join("harness/setup/tests/fixtures").join(name)
}

/// The files of a configuration, as options of the command line.
fn options(name: &str) -> Vec<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(fixture(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    let is_client = |path: &Path| path.file_name().unwrap().to_str().unwrap().starts_with("client");
    let mut out = vec!["--from".to_owned()];
    let mut of_clients = vec!["--client-sysctls".to_owned()];
    for file in files {
        let list = if is_client(&file) {
            &mut of_clients
        } else {
            &mut out
        };
        list.push(file.display().to_string());
    }
    if of_clients.len() > 1 {
        out.extend(of_clients);
    }
    out
}

const ALL: [&str; 10] = [
    "01-mysql-persistent",
    "02-keepalived-three-services",
    "03-keepalived-nat",
    "04-keepalived-tun",
    "05-keepalived-includes",
    "06-keepalived-broken",
    "07-ipv6",
    "08-ldirectord",
    "09-marks-and-dns",
    "10-bundle",
];

/// All ten in one run: nothing fails, and nothing is unknown. Whether the cells are of interest is another
/// matter: a change may be one to a server that another one stands in for.
#[test]
fn each_configuration_runs() {
    let place = TempDir::new().unwrap();
    let mut files = Vec::new();
    for name in ALL {
        let file = place.path().join(format!("{name}.yaml"));
        let said = say(lvs_matrix()
            .arg("new")
            .args(options(name))
            .arg("--out")
            .arg(&file))
        .expect_code(0);
        assert!(said.stderr.contains("in the lab:"), "{said:#?}");
        say(lvs_matrix().arg("check").arg(&file)).expect_code(0);
        // What is there already is not written over.
        say(lvs_matrix()
            .arg("new")
            .args(options(name))
            .arg("--out")
            .arg(&file))
        .expect_code(2);
        files.push(file);
    }
    let out = place.path().join("out");
    let said = say(lvs_matrix().arg("run").args(&files).arg("--out").arg(&out));
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("report.json")).unwrap()).unwrap();
    let cells = report["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 80, "{said:#?}");
    for cell in cells {
        assert_ne!(cell["behaviour"], "undetermined", "{cell:#}");
    }
    assert!(matches!(said.code(), 0 | 3), "{said:#?}");
}

/// The lines of the first block of commands.
fn commands(text: &str) -> Vec<&str> {
    let block = text.split("```sh\n").nth(1).unwrap();
    block.split("```").next().unwrap().lines().collect()
}

/// What became what, as the scenario of `new` has it: theirs, and the lab's address.
fn table(options: &[String]) -> BTreeMap<String, String> {
    let said = say(lvs_matrix().arg("new").args(options)).expect_code(0);
    said.stdout
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.split_once("  ->  "))
        .map(|(theirs, ours)| {
            let theirs = theirs.trim().split(',').next().unwrap();
            (theirs.to_owned(), ours.split(' ').next_back().unwrap().to_owned())
        })
        .collect()
}

/// The question of a DBA: a service with wlc, weights 100, 100 and 50 and persistence. The answer comes
/// within two minutes on two cores, and its own commands, run as a scenario, hurt nobody.
#[rstest]
#[case::wlc_persistent("01-mysql-persistent", true)]
#[case::keepalived_nat("03-keepalived-nat", false)]
fn the_question_is_answered(#[case] name: &str, #[case] timed: bool) {
    let place = TempDir::new().unwrap();
    let out = place.path().join("answer");
    let began = Instant::now();
    let said = say(lvs_matrix()
        .arg("runbook")
        .args(options(name))
        .arg("--out")
        .arg(&out))
    .expect_code(0);
    let took = began.elapsed();
    // A busy machine is slow; on an idle one with two cores it is much less.
    assert!(!timed || took < Duration::from_secs(300), "{took:?}");
    assert_eq!(fs::read_to_string(out.join("runbook.md")).unwrap(), said.stdout);

    // First the table: every procedure, and every client.
    let head: Vec<&str> = said.stdout.lines().skip(2).take(12).collect();
    assert!(head[0].starts_with("| procedure"), "{head:#?}");
    for client in ["idle", "in-flight", "transaction", "new", "pool"] {
        assert!(head[0].contains(client), "{head:#?}");
    }
    // To delete at once lets a client hang: the entry stays, its server does not (ip_vs_in_hook).
    let deleted = said.stdout.lines().find(|line| line.starts_with("| delete "));
    assert!(deleted.unwrap().contains("2013"), "{}", said.stdout);

    // The evidence of a line is where the answer says.
    let example = said
        .stdout
        .lines()
        .find(|line| line.contains("explain idle/delete"));
    assert!(example.is_some(), "{}", said.stdout);
    say(lvs_matrix()
        .args(["explain", "idle/delete", "--run"])
        .arg(out.join("run")))
    .expect_code(0);

    // Then the commands: those for the director are, with the lab's addresses, those of the scenario.
    let safest = out.join("safest.yaml");
    let mut typed: Vec<String> = commands(&said.stdout)
        .into_iter()
        .filter(|line| line.starts_with("ipvsadm"))
        .map(str::to_owned)
        .collect();
    assert!(typed.len() >= 2, "{}", said.stdout);
    for (theirs, ours) in table(&options(name)) {
        for line in &mut typed {
            *line = line.replace(&theirs, &ours);
        }
    }
    let plan = say(lvs_matrix()
        .arg("plan")
        .arg(&safest)
        .args(["--filter", "client=idle"]))
    .expect_code(0);
    let planned: Vec<&str> = plan
        .stdout
        .lines()
        .filter_map(|line| line.trim().strip_prefix("director# "))
        .collect();
    assert_eq!(planned, typed);

    // And they hurt nobody: every client is answered within patience.
    let again = place.path().join("again");
    let ran = say(lvs_matrix().arg("run").arg(&safest).arg("--out").arg(&again)).expect_code(0);
    for client in ["idle", "in-flight", "transaction", "new", "pool"] {
        let line = ran.stdout.lines().find(|line| line.trim().starts_with(client));
        assert!(
            line.is_some_and(|line| line.contains("answered")),
            "{}",
            ran.stdout
        );
    }
}

/// Files that are none of an operator's: each is refused with what to do.
#[rstest]
#[case::empty(b"\n \n", "is empty: did the command that was to write it fail?")]
#[case::utf16(b"\xff\xfe-\0A\0", "is UTF-16: `iconv -f UTF-16 -t UTF-8`")]
#[case::binary(b"virtual_server\n{\0\n", "is no text: it has NUL bytes")]
#[case::another(b"name: drain\n", "is none of the files that are known")]
fn what_is_no_such_file_is_refused(#[case] bytes: &[u8], #[case] why: &str) {
    let place = TempDir::new().unwrap();
    let file = place.path().join("file");
    fs::write(&file, bytes).unwrap();
    let said = say(lvs_matrix().arg("new").arg("--from").arg(&file)).expect_code(2);
    assert!(said.stderr.contains(&format!("file {why}")), "{said:#?}");
    assert_eq!(said.stdout, "");
}

/// UTF-8 with a mark at its beginning, and lines of other systems.
#[test]
fn files_of_other_systems_are_read() {
    let place = TempDir::new().unwrap();
    let file = place.path().join("rules");
    let plain = fs::read_to_string(fixture("01-mysql-persistent").join("ipvsadm-Sn")).unwrap();
    let scenario = |text: String| {
        fs::write(&file, text).unwrap();
        let said = say(lvs_matrix().arg("new").arg("--from").arg(&file)).expect_code(0);
        said.stdout
    };
    let expected = scenario(plain.clone());
    assert_eq!(
        scenario(format!("\u{feff}{}", plain.replace('\n', "\r\n"))),
        expected
    );
}

/// A pattern that is not there is looked for beside the file, of which the file itself is no part.
#[test]
fn a_file_does_not_include_itself() {
    let place = TempDir::new().unwrap();
    let file = place.path().join("keepalived.conf");
    let servers = "virtual_server 10.0.0.1 3306 {\n lvs_method DR\n real_server 10.0.0.2 3306 {\n }\n}\n";
    fs::write(&file, format!("include /nowhere/at-all/*.conf\n{servers}")).unwrap();
    let said = say(lvs_matrix().arg("new").arg("--from").arg(&file)).expect_code(0);
    let lost = "keepalived.conf:1: include /nowhere/at-all/*.conf: there is no such file";
    assert!(said.stderr.contains(lost), "{said:#?}");
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let rules = fixture("01-mysql-persistent").join("ipvsadm-Sn");
    let refused = |arguments: &[&str]| {
        let said = say(lvs_matrix()
            .arg("runbook")
            .arg("--from")
            .arg(&rules)
            .args(arguments))
        .expect_code(2);
        assert_eq!(said.stdout, "");
        said.stderr
    };
    let server = refused(&["--server", "10.20.0.99"]);
    assert!(
        server.contains("there are: 10.20.0.11:3306, 10.20.0.12:3306, 10.20.0.13:3306"),
        "{server}"
    );
    let client = refused(&["--clients", "idle,nobody"]);
    assert!(
        client.contains("one of idle, in-flight, transaction, new, pool"),
        "{client}"
    );
    // A scenario has a day, and the longest procedure waits twice.
    let wait = refused(&["--wait", "12h"]);
    assert!(
        wait.contains("a time such as 30s, 10m or 2h, at most 8h"),
        "{wait}"
    );
    let service = refused(&["--service", "10.20.0.100:80"]);
    assert!(service.contains("there are: 10.20.0.100:3306"), "{service}");
    let nothing = say(lvs_matrix()
        .arg("new")
        .arg("--from")
        .arg(repository().join("README.md")))
    .expect_code(2);
    assert!(
        nothing.stderr.contains("none of the files that are known"),
        "{nothing:#?}"
    );
}
