//! What one begins with: the shipped scenarios and the schema are in the binary, and so is the manual.

use super::plain;
use crate::support::{repository, say, shipped};
use insta::assert_snapshot;
use std::fs;

/// Every file of `scenarios/` is listed, and comes out as it is.
#[test]
fn new_gives_every_shipped_scenario() {
    let listed = say(&mut plain(&["new"])).expect_code(0).stdout;
    assert_eq!(say(&mut plain(&["new", "--list"])).expect_code(0).stdout, listed);
    let files = shipped();
    assert_eq!(listed.lines().count(), files.len(), "{listed}");
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        assert!(
            listed.lines().any(|line| line.starts_with(&format!("{name} "))),
            "{name}\n{listed}"
        );
        let text = say(&mut plain(&["new", name])).expect_code(0).stdout;
        assert_eq!(text, fs::read_to_string(&file).unwrap());
    }
}

/// A shipped scenario is named where a file is, from anywhere; a file of that name comes first.
#[test]
fn shipped_scenarios_need_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let list = |name: &str| say(plain(&["list", name]).current_dir(folder.path()));
    let shipped = list("drain").expect_code(0).stdout;
    assert!(shipped.starts_with("drain/"), "{shipped}");
    assert_eq!(list("drain.yaml").expect_code(0).stdout, shipped);
    fs::write(folder.path().join("drain"), "name: [").unwrap();
    list("drain").expect_code(2);
    assert_snapshot!("no_such_scenario", list("drian").expect_code(2).stderr);
    assert_snapshot!("nothing_like_it", list("else/where.yaml").expect_code(2).stderr);
}

/// What is written is good, with the schema that its first line names beside it; nothing is written over.
#[test]
fn a_new_file_is_a_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let own = |arguments: &[&str]| say(plain(arguments).current_dir(folder.path()));
    assert_snapshot!(
        "new_out",
        own(&["new", "udp", "--out", "mine.yaml"]).expect_code(0).stderr
    );
    own(&["check", "mine.yaml"]).expect_code(0);
    let again = own(&["new", "drain", "--out", "mine.yaml"]).expect_code(2);
    assert_snapshot!("new_out_again", again.stderr);
    assert_snapshot!("new_unknown", own(&["new", "drian"]).expect_code(2).stderr);
    let schema = own(&["schema"]).expect_code(0).stdout;
    let kept = fs::read_to_string(repository().join("scenarios/scenario.schema.json")).unwrap();
    assert_eq!(schema, kept);
}

#[test]
fn the_manual_names_every_command() {
    let page = say(&mut plain(&["man"])).expect_code(0).stdout;
    assert!(page.contains(".TH lvs-matrix 1"), "{page}");
    for command in ["run", "explain", "merge", "new"] {
        assert!(
            page.contains(&format!("lvs\\-matrix\\-{command}(1)")),
            "{command}: {page}"
        );
    }
}
