//! Searches in guests: a small one finds what is there to find, again and again the same, can be stopped and
//! goes on; and its findings are scenarios that hold.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use support::{Said, lvs_matrix, say};
use tempfile::TempDir;

/// A server that is deleted: on a director that keeps entries a client waits.
const DELETED: &str = "
name: deleted
claim: No client waits when a server is deleted.
lab: { server: tcp-echo, real-servers: { rs1: {}, rs2: {} } }
before: [{ connect: { to: rs1 } }, { wait: 1s }]
change: [{ set-weight: { server: rs1, weight: 0 } }]
act: [{ request: {} }]
axes:
  expire-nodest-conn:
    0: {}
    1: { director-sysctls: { net.ipv4.vs.expire_nodest_conn: 1 } }
observe: { patience: 5s, until: 20m }
expect: [{ behaviour: answered }]
explore:
  length: 4
  actions:
    - connect: {}
    - connect: { to: rs1 }
    - request: {}
    - wait: 1s
    - remove-real-server: { server: [rs1, rs2] }
    - set-weight: { server: rs1, weight: 0 }
  never: { hung: true }
";

fn explore(file: &Path, out: &Path, more: &[&str]) -> Said {
    let mut command = lvs_matrix();
    command.arg("explore").arg(file).args(more);
    command.arg("--out").arg(out).arg("--quiet");
    say(&mut command)
}

/// The findings of a search: file by file, the text.
fn findings(out: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(out.join("findings")).into_iter().flatten().flatten();
    files
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, fs::read_to_string(file.path()).unwrap())
        })
        .collect()
}

#[test]
fn a_search_finds_the_hang_shrinks_it_and_gives_the_same_again() {
    let place = TempDir::new().unwrap();
    let file = place.path().join("deleted.yaml");
    fs::write(&file, DELETED).unwrap();
    let [first, second] = ["first", "second"].map(|name| place.path().join(name));
    explore(&file, &first, &["--cells", "60"]).expect_code(1);

    // A generation first, then the rest: it goes on where it was, with other guests at once.
    explore(&file, &second, &["--cells", "48", "--jobs", "1"]);
    let said = explore(&file, &second, &["--cells", "60", "--jobs", "3"]).expect_code(1);
    assert!(said.stderr.contains("going on after"), "{said:#?}");

    let found = findings(&first);
    let named = "found-1-entry-without-server.yaml";
    let hang = found.get(named).map_or("", String::as_str);
    let steps: Vec<&str> = hang
        .lines()
        .filter_map(|line| line.strip_prefix("  - {"))
        .collect();
    let wanted = [
        " connect: { to: rs1 } }",
        " remove-real-server: { server: rs1 } }",
        " request: {} }",
    ];
    let steps_alone: Vec<&str> = steps.iter().copied().take(wanted.len()).collect();
    assert_eq!(steps_alone, wanted, "{found:#?}");
    assert_eq!(
        steps.get(3).copied(),
        Some(" behaviour: hung, ends: error, errno: 110 }"),
        "{hang}"
    );
    assert!(said.stdout.contains("repeats: so in 5 of 5"), "{said:#?}");
    assert_eq!(
        findings(&second).get(named).map(String::as_str),
        Some(hang),
        "{said:#?}"
    );

    let page = fs::read_to_string(first.join("explore.md")).unwrap();
    assert!(page.contains("`entry-without-server`"), "{page}");
    assert!(
        fs::read_to_string(first.join("explore.html"))
            .unwrap()
            .ends_with("</html>\n")
    );
    // What it found holds by itself.
    let files = found.keys().map(|name| first.join("findings").join(name));
    let mut run = lvs_matrix();
    run.arg("run")
        .args(files)
        .arg("--quiet")
        .arg("--out")
        .arg(place.path().join("run"));
    say(&mut run).expect_code(0);
}

#[test]
fn where_nothing_can_break_nothing_is_found() {
    let place = TempDir::new().unwrap();
    let out = place.path().join("out");
    explore(Path::new("drains"), &out, &["--cells", "48"]).expect_code(0);
    assert!(findings(&out).is_empty());
    let page = fs::read_to_string(out.join("explore.md")).unwrap();
    assert!(
        page.contains("Nothing of what must never happen happened."),
        "{page}"
    );
}

#[test]
fn mistakes_are_said_with_what_to_do() {
    let place = TempDir::new().unwrap();
    let out = place.path().join("out");
    let said = explore(Path::new("drain"), &out, &[]).expect_code(2).stderr;
    assert!(
        said.contains("has no `explore` section") && said.contains("docs/exploring.md"),
        "{said}"
    );
    assert!(!out.exists(), "a search that could not begin left a folder");

    explore(Path::new("drains"), &out, &["--cells", "4"]).expect_code(0);
    let said = explore(Path::new("drains"), &out, &["--cells", "4", "--seed", "2"])
        .expect_code(2)
        .stderr;
    assert!(
        said.contains("a search with the seed 1; name another folder (--out)"),
        "{said}"
    );
}
