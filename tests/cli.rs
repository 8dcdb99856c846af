//! The command line: bad input gets one clear error, the documented exit code, and nothing half-written; good
//! input can be read by programs. The texts are snapshots, to be reviewed like code
//! (`INSTA_UPDATE=always cargo test --test cli`).

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[path = "../harness/model/tests/support/fixtures.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the tests of the model")]
mod fixtures;
#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use fixtures::cases;

use insta::assert_snapshot;
use rstest::{Context, rstest};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Said, lvs_matrix, repository, results, say, shipped, wait};
use tempfile::TempDir;

/// A scenario that is good.
const GOOD: &str = "\
name: good
claim: A client gets its answer.
lab: { real-servers: { rs1: {} } }
act: [{ connect: {} }]
observe: { patience: 5s, until: 1m }
expect: [{ behaviour: answered }]
";

/// A folder with files that the commands below are given, good and bad.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
        write("good.yaml", GOOD.as_bytes());
        write("again.yaml", GOOD.as_bytes());
        write("empty.yaml", b"");
        write("nul.yaml", b"name: a\0b\n");
        write("utf-8.yaml", b"name: \xff\xfe\n");
        write(
            "types.yaml",
            b"name: [1]\nclaim: 5\nlab: no\nact: 3\nobserve: { patience: soon, until: 5 }\nexpect: 7\n",
        );
        write(
            "server.yaml",
            GOOD.replace("connect: {}", "stop-mysqld: { server: rs3 } }, { connect: {}")
                .as_bytes(),
        );
        write(
            "cells.yaml",
            (GOOD.to_owned() + &a_thousand_million_cells()).as_bytes(),
        );
        write("bomb.yaml", alias_bomb().as_bytes());
        write("large.yaml", "# a comment\n".repeat(1_000_000).as_bytes());
        write("text", b"no scenario, no program, no folder\n");
        fs::create_dir(folder.path().join("folder")).unwrap();
        write("folder/precious", b"a result of yesterday\n");
        fs::create_dir(folder.path().join("other-run")).unwrap();
        write("other-run/run.json", b"{ \"format\": 1 }\n");
        Self(folder)
    }

    /// Every file and folder, with its content.
    fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let (mut found, mut open) = (BTreeMap::new(), vec![self.0.path().to_owned()]);
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path.clone());
                    found.insert(path, Vec::new());
                } else {
                    let bytes = fs::read(&path).unwrap();
                    found.insert(path, bytes);
                }
            }
        }
        found
    }

    /// Runs a command that is to be refused, and gives what it said.
    fn refused(&self, command: &mut Command) -> Said {
        let before = self.content();
        let begun = Instant::now();
        let said = say(command.current_dir(self.0.path()));
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "a refusal needs no time: {said:#?}"
        );
        assert!(
            before == self.content(),
            "something was written: {:#?}",
            self.content().keys()
        );
        assert_eq!(said.stdout, "", "an error is no data: {said:#?}");
        assert!(said.stderr.starts_with("error"), "{said:#?}");
        assert!(!said.stderr.contains("panicked"), "{said:#?}");
        said
    }

    /// A command as it was typed, and its answer, without what differs from machine to machine.
    fn shown(&self, arguments: &[&str], said: &Said) -> String {
        let text = format!(
            "$ lvs-matrix {}\nexit code {}\n{}",
            arguments.join(" "),
            said.code(),
            said.stderr.replace(self.0.path().to_str().unwrap(), "[PLACE]")
        );
        let version_of_true = |text: &str| -> Option<String> {
            let (before, after) = text.split_once("(GNU coreutils) ")?;
            Some(format!(
                "{before}(GNU coreutils) VERSION`{}",
                after.split_once('`')?.1
            ))
        };
        version_of_true(&text).unwrap_or(text)
    }
}

/// Nine axes of ten values.
fn a_thousand_million_cells() -> String {
    let values: String = (0..10).map(|value| format!("v{value}: {{}}, ")).collect();
    let axes = (0..9).map(|axis| format!("  a{axis}: {{ {values} }}\n"));
    "axes:\n".to_owned() + &axes.collect::<String>()
}

/// Each level has the one before it nine times: 9^9 elements, were they written out.
fn alias_bomb() -> String {
    let mut text = "claim:\n  - &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let before = vec![format!("*a{}", level - 1); 9].join(", ");
        text += &format!("  - &a{level} [{before}]\n");
    }
    text
}

/// The program with nothing of the caller's own wishes.
fn plain(arguments: &[&str]) -> Command {
    let mut command = lvs_matrix();
    for name in [
        "LVS_MATRIX_KERNEL",
        "LVS_MATRIX_MYSQLD",
        "COLUMNS",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// Mistakes in scenarios, found before anything is looked for or written.
#[rstest]
#[case::missing_file(&["nowhere.yaml"])]
#[case::folder_as_file(&["folder"])]
#[case::empty_file(&["empty.yaml"])]
#[case::nul_bytes(&["nul.yaml"])]
#[case::not_utf_8(&["utf-8.yaml"])]
#[case::wrong_types(&["types.yaml"])]
#[case::unknown_server(&["server.yaml"])]
#[case::a_thousand_million_cells(&["cells.yaml"])]
#[case::alias_bomb(&["bomb.yaml"])]
#[case::large_file(&["large.yaml"])]
#[case::no_yaml(&["text"])]
#[case::two_files_with_one_name(&["good.yaml", "again.yaml"])]
#[case::all_mistakes_of_all_files(&["nowhere.yaml", "good.yaml", "server.yaml", "again.yaml"])]
fn a_bad_scenario(#[case] files: &[&str], #[context] context: Context) {
    let place = Place::new();
    let run = [&["run", "--out", "out"], files].concat();
    let said = place.refused(&mut plain(&run)).expect_code(2);
    assert_snapshot!(name("scenario", &context), place.shown(&run, &said));
    // Without a run, the same.
    for command in ["check", "list", "plan"] {
        let again = place
            .refused(&mut plain(&[&[command], files].concat()))
            .expect_code(2);
        assert_eq!(again.stderr, said.stderr, "{command}");
    }
}

/// `missing_file` of `case_1_missing_file`, or what the test is called.
fn name(group: &str, context: &Context) -> String {
    format!("{group}_{}", context.description.unwrap_or("case"))
}

/// Mistakes on the command line. Those that need a kernel to be found come later than it.
#[rstest]
#[case::no_command(&[])]
#[case::unknown_command(&["frob"])]
#[case::unknown_option(&["run", "--fast"])]
#[case::no_guests(&["run", "--jobs", "0"])]
#[case::no_number(&["run", "--stall", "soon"])]
#[case::no_place(&["run", "--place", "cloud"])]
#[case::no_time_to_watch(&["run", "--observe-at-most", "0s"])]
#[case::filter_selects_nothing(&["run", "--out", "out", "--filter", "nothing-like-it"])]
#[case::filter_unknown_axis(&["list", "--filter", "colour=red"])]
#[case::filter_unknown_value(&["plan", "--filter", "mysqld=up|sideways"])]
#[case::filter_contradiction(&["list", "--filter", "mysqld=up,mysqld=down"])]
#[case::mysqld_is_another_program(&["run", "--out", "out", "--mysqld", "/bin/true"])]
#[case::mysqld_is_nowhere(&["run", "--out", "out", "--mysqld", "/no/such/mysqld"])]
#[case::mysqld_is_no_program(&["run", "--out", "out", "--mysqld", "/etc/passwd"])]
#[case::kernel_is_another_program(&["run", "--out", "out", "--kernel", "/bin/true"])]
#[case::kernel_is_nowhere(&["run", "--out", "out", "--kernel", "/no/such/linux"])]
#[case::kernel_is_a_word(&["run", "--out", "out", "--kernel", "linux"])]
#[case::out_is_not_empty(&["run", "--out", "folder"])]
#[case::out_is_a_file(&["run", "--out", "text"])]
#[case::out_is_below_a_file(&["run", "--out", "text/out"])]
#[case::judge_nothing(&["judge"])]
#[case::judge_nowhere(&["judge", "nowhere"])]
#[case::judge_another_folder(&["judge", "folder"])]
#[case::judge_a_file(&["judge", "text"])]
#[case::judge_a_broken_run(&["judge", "other-run"])]
#[case::explain_without_a_run(&["explain", "x"])]
#[case::explain_another_folder(&["explain", "x", "--run", "folder"])]
#[case::report_another_folder(&["report", "folder"])]
#[case::diff_another_folder(&["diff", "folder", "folder"])]
#[case::diff_one_run(&["diff", "folder"])]
#[case::report_unknown_format(&["report", "folder", "--format", "pdf"])]
#[case::completions_unknown_shell(&["completions", "cmd"])]
#[case::two_sources(&["kernel", "build", "--package", "linux-source-6.1", "--tarball", "linux.tar"])]
fn a_mistake(#[case] arguments: &[&str], #[context] context: Context) {
    let place = Place::new();
    if arguments.is_empty() {
        let said = say(&mut plain(arguments)).expect_code(2);
        assert_eq!(said.stdout, "");
        assert!(said.stderr.contains("Usage: lvs-matrix <COMMAND>"), "{said:#?}");
        return;
    }
    let said = place.refused(&mut plain(arguments)).expect_code(2);
    assert_snapshot!(name("mistake", &context), place.shown(arguments, &said));
}

/// What the machine lacks is no mistake: 69, with the cure.
#[rstest]
#[case::kernel_of_an_unknown_version(&["run", "--out", "out", "--kernel", "9.9"])]
#[case::no_kernel(&["run", "--out", "out"])]
fn a_lack(#[case] arguments: &[&str], #[context] context: Context) {
    let place = Place::new();
    let cache = place.0.path().join("folder");
    let said = place
        .refused(plain(arguments).env("LVS_MATRIX_CACHE", &cache))
        .expect_code(69);
    let text = place.shown(arguments, &said);
    assert_snapshot!(name("lack", &context), text);
}

/// Nowhere to look for a kernel: no cache folder is named, and there is no home.
#[test]
fn no_environment() {
    let place = Place::new();
    let arguments = ["run", "--out", "out"];
    let said = place.refused(plain(&arguments).env_clear()).expect_code(69);
    assert_snapshot!("lack_environment", place.shown(&arguments, &said));
}

/// The cases of `tests/fixtures/invalid.txt` as files, each refused, and every one named where all are given.
#[test]
fn every_mistake_of_every_file_is_shown() {
    let folder = results("invalid");
    let mut files = Vec::new();
    for case in cases("invalid") {
        let file = folder.join(format!("{}.yaml", case.stem));
        fs::write(&file, case.bytes).unwrap();
        files.push(file);
    }
    assert!(files.len() > 20, "{files:?}");
    let said = say(plain(&["check"]).args(&files)).expect_code(2);
    assert_eq!(said.stdout, "");
    for file in &files {
        assert!(
            said.stderr.contains(file.to_str().unwrap()),
            "{} is not named",
            file.display()
        );
    }
    // A good one among them changes nothing, and is not called bad.
    let good = &shipped()[0];
    let with_good = say(plain(&["check"]).arg(good).args(&files)).expect_code(2);
    assert_eq!(with_good.stderr, said.stderr);
}

/// A cell of the stored run is named by its id or by a part of it that no other has.
#[test]
fn explain_finds_the_cell() {
    let stored = repository().join("tests/fixtures/cells");
    let explain = |cell: &str| say(plain(&["explain", cell, "--run"]).arg(&stored));
    let whole = explain("config-change/absent_up_execute-sql_0").expect_code(0);
    assert!(whole.stdout.contains("entry-without-server"), "{whole:#?}");
    assert_eq!(
        explain("absent_up_execute-sql_0").expect_code(0).stdout,
        whole.stdout
    );
    let chinese = say(plain(&["explain", "absent_up_execute-sql_0", "--lang", "zh", "--run"]).arg(&stored))
        .expect_code(0);
    assert!(
        chinese.stdout.contains("规则 entry-without-server"),
        "{chinese:#?}"
    );
    let several = explain("absent_up_execute-sql").expect_code(2);
    assert!(several.stderr.contains("fits 2 cells"), "{several:#?}");
    assert!(
        several
            .stderr
            .contains("\n  config-change/absent_up_execute-sql_1\n"),
        "{several:#?}"
    );
    let none = explain("no-such-cell").expect_code(2);
    assert!(
        none.stderr.contains("has no cell `no-such-cell`; its cells:\n  "),
        "{none:#?}"
    );
}

#[rstest]
#[case::itself(&[])]
#[case::run(&["run"])]
#[case::check(&["check"])]
#[case::list(&["list"])]
#[case::plan(&["plan"])]
#[case::judge(&["judge"])]
#[case::report(&["report"])]
#[case::explain(&["explain"])]
#[case::diff(&["diff"])]
#[case::doctor(&["doctor"])]
#[case::kernel(&["kernel"])]
#[case::kernel_build(&["kernel", "build"])]
#[case::kernel_list(&["kernel", "list"])]
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
    let source = include_str!("cli.rs");
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
    let said = say(plain(&["list"]).args(shipped())).expect_code(0);
    assert_snapshot!("list_shipped", said.stdout);
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

/// They look at one cache, each with a guest of its own.
#[test]
fn several_doctors_at_once() {
    let doctors: Vec<_> = (0..4)
        .map(|_| lvs_matrix().arg("doctor").stdout(Stdio::piped()).spawn().unwrap())
        .collect();
    for doctor in doctors {
        let said = doctor.wait_with_output().unwrap();
        assert_eq!(said.status.code(), Some(0), "{said:#?}");
    }
}

/// A new user's first look: what is not needed does not look like a lack, and the last line says whether
/// cells can be run.
#[test]
fn the_doctor_tells_lacks_from_what_is_not_needed() {
    const GOOD: &str = "This machine can run cells in guests.\n";
    let cache = tempfile::tempdir().unwrap();
    let cold = lvs_matrix()
        .arg("doctor")
        .env("LVS_MATRIX_CACHE", cache.path())
        .output()
        .unwrap();
    let said = String::from_utf8(cold.stdout).unwrap();
    assert_eq!(cold.status.code(), Some(69), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("MISSING")).collect();
    assert!(lines.iter().any(|line| line.contains("guest kernel")), "{said}");
    assert!(said.contains("cure: lvs-matrix kernel build"), "{said}");
    assert!(!said.contains(GOOD), "{said}");
    let errors = String::from_utf8(cold.stderr).unwrap();
    assert!(errors.contains("MISSING"), "{errors}");

    // With the kernel that these tests run on.
    let said = say(lvs_matrix().arg("doctor")).expect_code(0);
    assert!(said.stdout.ends_with(GOOD), "{said:#?}");
    assert!(!said.stdout.contains("MISSING"), "{said:#?}");
    for line in said.stdout.lines().filter(|line| line.starts_with("not here")) {
        assert!(
            line.contains("host's own kernel") || line.contains("kernel build tools"),
            "{line}"
        );
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
    let status = wait(&mut child, support::STUCK);
    let mut talk = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut talk).unwrap();
    assert_eq!((status.code(), talk.as_str()), (Some(0), ""));
}

/// Without `--out`: a new folder in `lvs-matrix-out`, and a link to the newest.
#[test]
fn the_default_folder() {
    let place = Place::new();
    let run = || {
        say(lvs_matrix()
            .args(["run", "good.yaml"])
            .current_dir(place.0.path()))
        .expect_code(0)
    };
    let latest = place.0.path().join("lvs-matrix-out/latest");
    let report_of = |said: &Said| -> PathBuf {
        let line = said.stdout.lines().last().unwrap();
        let (report, _as_text) = line.strip_prefix("report: ").unwrap().split_once(" (").unwrap();
        Path::new(report).to_owned()
    };
    let first = report_of(&run());
    assert_eq!(
        fs::canonicalize(latest.join("report.html")).unwrap(),
        fs::canonicalize(&first).unwrap()
    );
    let second = report_of(&run());
    assert_ne!(first, second);
    assert_eq!(
        fs::canonicalize(latest.join("report.html")).unwrap(),
        fs::canonicalize(second).unwrap()
    );
    assert!(first.is_file(), "the older result is there, too");
    say(lvs_matrix().arg("judge").arg(&latest)).expect_code(0);
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
    let checked: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(checked[0]["cells"], 1);
    assert_eq!(checked[0]["mistakes"].as_array().unwrap().len(), 0);
    assert_eq!(checked[0]["warnings"][0]["kind"], "unknown-sysctl", "{checked:#}");
}
