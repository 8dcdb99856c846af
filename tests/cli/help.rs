//! What the program says of itself, and what shells complete.

use super::{name, plain};
use crate::support::say;
use insta::assert_snapshot;
use rstest::{Context, rstest};
use std::fs;
use std::process::Command;

#[rstest]
#[case::itself(&[])]
#[case::run(&["run"])]
#[case::check(&["check"])]
#[case::list(&["list"])]
#[case::plan(&["plan"])]
#[case::new(&["new"])]
#[case::schema(&["schema"])]
#[case::runbook(&["runbook"])]
#[case::judge(&["judge"])]
#[case::merge(&["merge"])]
#[case::report(&["report"])]
#[case::explain(&["explain"])]
#[case::diff(&["diff"])]
#[case::doctor(&["doctor"])]
#[case::kernel(&["kernel"])]
#[case::kernel_build(&["kernel", "build"])]
#[case::kernel_list(&["kernel", "list"])]
#[case::man(&["man"])]
#[case::completions(&["completions"])]
fn help(#[case] command: &[&str], #[context] context: Context) {
    let said = say(&mut plain(&[command, &["--help"]].concat())).expect_code(0);
    assert_eq!(said.stderr, "");
    assert_snapshot!(name("help", &context), said.stdout);
}

/// Every command that the help names has its snapshot above, but for `help` itself.
#[test]
fn no_command_without_its_help() {
    let said = say(&mut plain(&["--help"])).expect_code(0);
    let commands = said
        .stdout
        .split("Commands:\n")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap();
    let source = include_str!("help.rs");
    let names = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    for name in names.map(|line| line.split_whitespace().next().unwrap()) {
        let case = format!("#[case::{name}(&[\"{name}\"])]");
        assert!(
            name == "help" || name == "bench" || source.contains(&case),
            "{name}"
        );
    }
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
