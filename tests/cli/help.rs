//! What the program says of itself, and what shells complete.

use super::plain;
use crate::support::say;
use insta::assert_snapshot;
use rstest::rstest;
use std::fs;
use std::process::Command;

/// The help of the program and of each command, one after another in one snapshot.
#[test]
fn help() {
    let mut all = String::new();
    let mut left = vec![Vec::new()];
    while let Some(command) = left.pop() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let said = say(&mut plain(&[words.as_slice(), &["--help"]].concat())).expect_code(0);
        assert_eq!(said.stderr, "");
        let title = [&["lvs-matrix"], words.as_slice(), &["--help"]]
            .concat()
            .join(" ");
        all.push_str(&format!("$ {title}\n{}\n", said.stdout));
        // The first of them comes next.
        let below = commands(&said.stdout).into_iter().rev();
        left.extend(below.map(|name| [command.as_slice(), &[name.to_owned()]].concat()));
    }
    assert_snapshot!("help", all);
}

/// The commands that a help names, but for `help` itself, and `bench`, which says what `run` says.
fn commands(help: &str) -> Vec<&str> {
    let Some(listed) = help.split("Commands:\n").nth(1) else {
        return Vec::new();
    };
    let lines = listed.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| !["help", "bench"].contains(name)).collect()
}

#[rstest]
fn completions(#[values("bash", "elvish", "fish", "powershell", "zsh")] shell: &str) {
    let said = say(&mut plain(&["completions", shell])).expect_code(0);
    assert_eq!(said.stderr, "");
    for word in ["lvs-matrix", "completions", "--filter", "--mysqld", "report"] {
        // fish writes long options without their dashes.
        assert!(
            said.stdout.contains(word.trim_start_matches('-')),
            "{shell} has no {word}"
        );
    }
    if shell == "bash" {
        let script = tempfile::NamedTempFile::new().unwrap();
        fs::write(script.path(), &said.stdout).unwrap();
        let checked = say(Command::new("bash").arg("-n").arg(script.path()));
        assert!(checked.status.success(), "{checked:#?}");
    }
}
