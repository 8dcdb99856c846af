//! How programs are started, and namespaces entered: each through one door.

use super::source::{repository, sources, without_tests};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// A program that is started by its bare name, and with a `PATH` of its own, is started by fork(2), which a
/// guest with captures does not survive (`runner::program`). Those that are run to their end
/// (`netns::command`) have the caller's.
#[test]
fn programs_of_the_runner_are_named_by_their_whole_path() {
    const BARE: &str = "Command::new(\"";
    let mut commands = 0;
    for file in sources(&repository().join("harness/runner/src")) {
        for (number, line) in without_tests(&fs::read_to_string(&file).unwrap()) {
            assert!(!line.contains(BARE), "{}:{number}: {line}", file.display());
            commands += line.matches("Command::new(").count();
        }
    }
    assert!(commands >= 4, "the scanner saw {commands} commands");
}

/// No shell is ever given a text that was put together: where one is used at all, its script is a constant.
/// (Model and report start nothing: `no_source_that_acts`.)
#[test]
fn no_shell() {
    const SHELLS: [&str; 8] = [
        "\"sh\"",
        "\"bash\"",
        "\"dash\"",
        "/bin/sh",
        "/bin/bash",
        "\"-c\"",
        "\"eval\"",
        "/usr/bin/env\"",
    ];
    let mut found = Vec::new();
    for folder in [
        "harness/runner/src",
        "harness/cli/src",
        "harness/guest/src",
        "keeper/src",
        "netns/src",
    ] {
        for file in sources(&repository().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            for (_, line) in without_tests(&text) {
                // `sh` is a scheduler of IPVS, too, and stands among others.
                let scheduler = line.contains("\"dh\"");
                // A file among those that a guest in QEMU is given; nothing is started.
                let given = line.trim() == r#"const ALWAYS: [&str; 1] = ["/bin/sh"];"#;
                if !scheduler && !given && SHELLS.iter().any(|shell| line.contains(shell)) {
                    let file = file.strip_prefix(repository()).unwrap();
                    found.push((file.display().to_string(), line.trim().to_owned()));
                }
            }
        }
    }
    // Each is a constant that runs its arguments, `"$@"`, as words of their own: the handshake of an ordinary
    // user's guest, the first process of a client program's PID namespace, and a standard input for MySQL
    // 5.6's installer. One has no arguments at all: the first process of a guest whose user cannot reach this
    // program.
    let constants = [
        (
            "harness/guest/src/guest/spawn.rs",
            r##"r#"echo here >&0 && read -r go && exec "$@" </dev/null"#"##,
        ),
        (
            "harness/guest/src/guest/command_line.rs",
            r#"exec /sys/.guest/handed/init\"";"#,
        ),
        ("harness/runner/src/enclosed.rs", r##"r#""$@"; exit "$?""#"##),
        ("harness/runner/src/template.rs", r##"r#"exec "$@" <"$0""#"##),
        // Names of hosts for a mysqld that looks for them: a mount comes before the server.
        (
            "harness/runner/src/real_server/names.rs",
            r##"r#"mount --bind "$0" /etc/hosts && exec "$@""#"##,
        ),
        // What somebody types is a shell's line, in a lab that is theirs: no scenario comes here.
        (
            "harness/cli/src/by_hand/shell.rs",
            r#"["/bin/sh", "-c", &command]"#,
        ),
    ];
    let files: BTreeSet<&str> = found.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(
        files,
        BTreeSet::from(constants.map(|(file, _)| file)),
        "{found:#?}"
    );
    for (file, script) in constants {
        let text = fs::read_to_string(repository().join(file)).unwrap();
        assert_eq!(
            text.matches(script).count(),
            1,
            "the script of {file} is another one"
        );
        // A shell is started once, and told this script.
        let started = found
            .iter()
            .filter(|(at, line)| at == file && line.contains("\"-c\""))
            .count();
        assert_eq!(started, 1, "{file}: {found:#?}");
    }
}

/// Namespaces are entered through one door: no other crate calls unshare(2) or setns(2), but for the guest
/// crate's own surroundings on the host.
#[test]
fn one_door_into_a_namespace() {
    let mut found = BTreeSet::new();
    for folder in [
        "harness/model/src",
        "harness/language/src",
        "harness/explain/src",
        "harness/report/src",
        "harness/runner/src",
        "harness/cli/src",
        "harness/guest/src",
        "netns/src",
    ] {
        for file in sources(&repository().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let lines = without_tests(&text);
            if lines.iter().any(|(_, line)| {
                ["unshare_unsafe(", "move_into_link_name_space(", "setns("]
                    .iter()
                    .any(|call| line.contains(call))
            }) {
                found.insert(file.strip_prefix(repository()).unwrap().to_owned());
            }
        }
    }
    let wanted = ["harness/guest/src/guest/unshare.rs", "netns/src/namespace.rs"].map(PathBuf::from);
    assert_eq!(found, BTreeSet::from(wanted));
}
