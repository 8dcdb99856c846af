//! Test binaries in each place: what they may do there, what they print, how they end.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// `sh -c script word` as a test binary of this package, in this place.
fn command(package: &str, place: &str, script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_test-place"));
    command
        .args(["/bin/sh", "-c", script, "a word"])
        .env("CARGO_PKG_NAME", package)
        .env("LVS_MATRIX_TEST_PLACE", place)
        .env("OF_THE_CALLER", "seen")
        .stdin(Stdio::null());
    command
}

fn shell(package: &str, place: &str, script: &str) -> Output {
    command(package, place, script).output().unwrap()
}

fn in_a_guest(script: &str) -> Output {
    shell("lvs-matrix-netns", "guest", script)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn output_arguments_environment_folder_and_exit_code_pass_through() {
    let said = in_a_guest(
        r#"echo "$0" "$OF_THE_CALLER"; pwd; echo "what failed: 数" >&2; printf 'no line end'; exit 7"#,
    );
    assert_eq!(said.status.code(), Some(7), "{said:#?}");
    let folder = env!("CARGO_MANIFEST_DIR");
    assert_eq!(text(&said.stdout), format!("a word seen\n{folder}\nno line end"));
    let errors = text(&said.stderr);
    assert_eq!(
        errors.lines().collect::<Vec<_>>(),
        [
            "test-place: the tests of lvs-matrix-netns run in a guest: no network namespaces here",
            "what failed: 数"
        ]
    );
}

/// What the tests of netns and runner need, whatever this process may do.
#[test]
fn a_guest_s_root_makes_namespaces_links_and_sysctls() {
    let said = in_a_guest(
        "set -e; unshare --net sh -ec 'ip link add name left type veth peer name right; echo 1 \
         >/proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv4/ip_forward'",
    );
    assert_eq!(said.status.code(), Some(0), "{said:#?}");
    assert_eq!(text(&said.stdout), "1\n");
}

#[test]
fn fixtures_are_where_tests_look_for_them() {
    let script = "ls ../fixtures/client-programs && ls ../../tests/fixtures/client-programs";
    let said = in_a_guest(script);
    assert_eq!(said.status.code(), Some(0), "{said:#?}");
    let there = fs::read_dir("../fixtures/client-programs").unwrap().count();
    assert_eq!(text(&said.stdout).lines().count(), 2 * there, "{said:#?}");
}

/// As a shell tells it.
#[test]
fn a_signal_is_told() {
    let said = in_a_guest("kill -ABRT $$");
    assert_eq!(said.status.code(), Some(128 + 6), "{said:#?}");
}

/// A guest that is ended before its tests are is a failure.
#[test]
fn a_guest_that_dies_is_a_failure() {
    let mut running = command("lvs-matrix-netns", "guest", "echo begun; sleep 600")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut begun = String::new();
    BufReader::new(running.stdout.as_mut().unwrap())
        .read_line(&mut begun)
        .unwrap();
    assert_eq!(begun, "begun\n");
    let children = |task: PathBuf| fs::read_to_string(task.join("children")).unwrap();
    let tasks = fs::read_dir(format!("/proc/{}/task", running.id())).unwrap();
    let children: String = tasks.map(|task| children(task.unwrap().path())).collect();
    let kill = Command::new("kill")
        .arg("-KILL")
        .args(children.split_whitespace())
        .status();
    assert!(kill.unwrap().success(), "{children}");
    let said = running.wait_with_output().unwrap();
    assert_eq!(said.status.code(), Some(70), "{said:#?}");
    assert!(
        text(&said.stderr).contains("the guest ended before the tests did"),
        "{said:#?}"
    );
}

#[test]
fn other_packages_run_as_they_are() {
    let own = fs::read_link("/proc/self/ns/net").unwrap();
    for place in ["guest", "user", "here"] {
        let said = shell("lvs-matrix-model", place, "readlink /proc/self/ns/net; exit 3");
        assert_eq!(said.status.code(), Some(3), "{said:#?}");
        assert_eq!(text(&said.stdout), format!("{}\n", own.display()));
        assert_eq!(text(&said.stderr), "");
    }
}

/// As after `make test &` in a script, or under nohup(1).
#[test]
fn ignored_signals_are_ignored_no_more() {
    let script = "trap '' INT HUP; exec \"$0\" /bin/sh -c 'kill -INT $$; echo survived'";
    let said = Command::new("/bin/sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_test-place")])
        .env("CARGO_PKG_NAME", "lvs-matrix-model")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(said.status.signal(), Some(2), "{said:#?}");
    assert_eq!(text(&said.stdout), "");
}

#[test]
fn an_unknown_place_is_named() {
    let said = shell("lvs-matrix-netns", "elsewhere", "exit 0");
    assert_eq!(said.status.code(), Some(70), "{said:#?}");
    assert!(text(&said.stderr).contains("here, user or guest"), "{said:#?}");
}
