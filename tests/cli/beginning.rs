//! What one begins with: the shipped scenarios and the schema are in the binary, and so is the manual.

use super::plain;
use crate::support::{Said, repository, say, shipped};
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

/// Pages refer to each other: none to one that is not there.
#[test]
fn every_command_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().to_str().unwrap();
    say(&mut plain(&["man", "--into", into])).expect_code(0);
    let mut pages = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let page = fs::read_to_string(&path).unwrap();
        let named = page.split("(1)").filter_map(|before| before.lines().next_back());
        for name in named.filter(|line| line.starts_with("lvs\\-matrix")) {
            let name = name.replace("\\-", "-");
            let there = folder.path().join(format!("{name}.1"));
            assert!(there.is_file(), "{}: {name}", path.display());
        }
        pages += 1;
    }
    assert!(pages > 20, "{pages}");
    let of_build = fs::read_to_string(folder.path().join("lvs-matrix-kernel-build.1")).unwrap();
    let said = say(&mut plain(&["man", "kernel", "build"])).expect_code(0);
    assert_eq!(said.stdout, of_build);
    assert!(of_build.contains(".TH lvs-matrix-kernel-build 1"), "{of_build}");
    let refused = say(&mut plain(&["man", "kernel", "biuld"])).expect_code(2);
    assert!(refused.stderr.contains("it has: build, list"), "{refused:#?}");
    // That of a command for which there is no place is not lost in silence.
    say(&mut plain(&["man", "--into", "/nowhere/at/all"])).expect_code(2);
}

/// Defaults come from files; what is typed wins over the environment, that over the nearer file, and that
/// over the user's own. A kernel that is not there is named in the message, so it tells which one was taken.
#[test]
fn defaults_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let (project, home) = (folder.path().join("project"), folder.path().join("home"));
    let here = project.join("below");
    fs::create_dir_all(&here).unwrap();
    fs::create_dir_all(home.join("lvs-matrix")).unwrap();
    let run = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = plain(&["run", "drain"]);
        command.env_remove("SUDO_UID").env("XDG_CONFIG_HOME", &home);
        command.envs(variables.iter().copied());
        say(command.args(arguments).current_dir(&here))
    };
    let kernel = |said: &Said| {
        let names = ["typed", "variable", "nearer", "users"];
        let found = names
            .iter()
            .filter(|name| said.stderr.contains(&format!("no-kernel-{name}")));
        found.map(|name| (*name).to_owned()).collect::<Vec<_>>().join(" ")
    };
    fs::write(
        home.join("lvs-matrix/config.toml"),
        "kernel = \"./no-kernel-users\"\njobs = 7\n",
    )
    .unwrap();
    assert_eq!(kernel(&run(&[], &[])), "users");
    fs::write(
        project.join("lvs-matrix.toml"),
        "kernel = \"./no-kernel-nearer\"\n",
    )
    .unwrap();
    assert_eq!(kernel(&run(&[], &[])), "nearer");
    let variable = [("LVS_MATRIX_KERNEL", "./no-kernel-variable")];
    assert_eq!(kernel(&run(&variable, &[])), "variable");
    assert_eq!(
        kernel(&run(&variable, &["--kernel", "./no-kernel-typed"])),
        "typed"
    );
    // Commands that make scenarios of their own take the same, in the same order.
    let explore = |variables: &[(&str, &str)]| {
        let mut command = plain(&["explore"]);
        command.env_remove("SUDO_UID").env("XDG_CONFIG_HOME", &home);
        command.envs(variables.iter().copied());
        say(command.current_dir(&here))
    };
    assert_eq!(kernel(&explore(&[])), "nearer");
    assert_eq!(kernel(&explore(&variable)), "variable");
    // What the nearer file does not say, the other does.
    let help = run(&[], &["--help"]).expect_code(0).stdout;
    assert!(help.contains("[default: 7]"), "{help}");
    let doctor = say(plain(&["doctor"])
        .env("XDG_CONFIG_HOME", &home)
        .current_dir(&here));
    for file in [
        project.join("lvs-matrix.toml"),
        home.join("lvs-matrix/config.toml"),
    ] {
        assert!(doctor.stdout.contains(file.to_str().unwrap()), "{doctor:#?}");
    }
    for (case, text) in [
        ("unknown_key", "kernel = \"7.2\"\njbos = 2\n"),
        ("wrong_type", "jobs = \"two\"\n"),
        ("wrong_value", "place = \"moon\"\n"),
        ("not_toml", "jobs: 2\n"),
    ] {
        fs::write(project.join("lvs-matrix.toml"), text).unwrap();
        let said = run(&[], &[]).expect_code(2);
        let said = said.stderr.replace(folder.path().to_str().unwrap(), "[folder]");
        assert_snapshot!(format!("defaults_{case}"), said);
    }
    // What judges and looks does not depend on it.
    say(plain(&["list", "drain"])
        .env("XDG_CONFIG_HOME", &home)
        .current_dir(&here))
    .expect_code(0);
}

/// A copy of a scenario has the programs that it names beside it.
#[test]
fn programs_come_with_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let new = |out: &str| say(plain(&["new", "own-server", "--out", out]).current_dir(folder.path()));
    new("mine.yaml").expect_code(0);
    for program in ["key-value-server.pl", "key-value-client.pl"] {
        let shipped = fs::read_to_string(repository().join("scenarios").join(program)).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join(program)).unwrap(), shipped);
    }
    // A second copy has the same ones; one that was changed is not written over.
    new("other.yaml").expect_code(0);
    fs::write(folder.path().join("key-value-server.pl"), "mine").unwrap();
    new("third.yaml").expect_code(2);
    assert_eq!(
        fs::read_to_string(folder.path().join("key-value-server.pl")).unwrap(),
        "mine"
    );
}
