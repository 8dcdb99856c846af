//! Mistakes and lacks: one clear error with its exit code, and nothing half-written.

use super::{name, plain};
use crate::fixtures::cases;
use crate::place::Place;
use crate::support::{results, say, shipped};
use insta::assert_snapshot;
use rstest::{Context, rstest};
use std::fs;

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
