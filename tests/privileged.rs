//! What only root can stage: an ordinary user's run from root, a machine that lacks programs, a disk without
//! space. Each trial that this user cannot stage is listed as ignored, with the reason in its name.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests without the standard harness, which clippy does not know for tests"
)]

#[path = "privileged/contained.rs"]
mod contained;
#[path = "privileged/foul.rs"]
mod foul;
#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use libtest_mimic::{Arguments, Trial};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use support::processes::{concerned_with, descendants, still_there};
use support::{Running, Said, await_fact, copy_folder, json, lvs_matrix, records, results, say};
use tempfile::TempDir;

fn main() -> ExitCode {
    let root = rustix::process::geteuid().is_root();
    // Some containers' root may not mount.
    let mounts = root
        && say(&mut elsewhere("mount -t tmpfs none /mnt", &[]))
            .status
            .success();
    let trial = |name: &str, possible: bool, needs: &str, test: fn()| {
        let name = if possible {
            name.to_owned()
        } else {
            format!("{name} (needs {needs})")
        };
        Trial::test(name, move || {
            test();
            Ok(())
        })
        .with_ignored_flag(!possible)
    };
    let mounting = |name: &str, test: fn()| trial(name, mounts, "root that may mount", test);
    let trials = vec![
        trial(
            "an_ordinary_user_gets_the_same_verdicts",
            root,
            "root",
            ordinary_user,
        ),
        trial(
            "an_ordinary_user_s_killed_run_leaves_nothing",
            root,
            "root",
            ordinary_user_killed,
        ),
        trial("root_with_any_umask", root, "root", contained::any_umask),
        trial(
            "root_without_the_right_to_mount",
            root,
            "root",
            contained::without_the_right_to_mount,
        ),
        mounting("each_missing_program_is_named_with_its_cure", missing_programs),
        mounting("no_installer_no_run", no_installer),
        mounting("no_space_no_run", no_space),
        mounting("a_read_only_folder", read_only),
        mounting("a_disk_that_fills_up", disk_fills_up),
        mounting("programs_that_hang_lie_or_flood", foul::foul_programs),
        mounting("a_program_that_panics_its_guest", foul::panics),
        mounting("a_program_that_attacks_the_run", foul::attacks),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A shell script in a mount namespace of its own, with `set -e`; `$1` and so on are the arguments.
fn elsewhere(script: &str, arguments: &[&Path]) -> Command {
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-e",
            "-c",
            script,
            "sh",
        ])
        .args(arguments)
        .stdin(Stdio::null());
    command
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_lvs-matrix"))
}

/// The cache folder that the runs use, by a kernel in it.
fn cache() -> PathBuf {
    let said = say(lvs_matrix().args(["kernel", "list", "--format", "json"])).expect_code(0);
    let kernels: Value = serde_json::from_str(&said.stdout).unwrap();
    let kernel = kernels[0]["path"]
        .as_str()
        .unwrap_or_else(|| panic!("these tests need a guest kernel"));
    Path::new(kernel).ancestors().nth(3).unwrap().to_owned()
}

/// Behaviour and verdict of each cell.
fn verdicts(out: &Path) -> Vec<(String, String, String)> {
    let report = json(&out.join("report.json"));
    let cells = report["cells"].as_array().unwrap().iter();
    cells
        .map(|cell| (&cell["id"], &cell["behaviour"], &cell["verdict"]["result"]))
        .map(|(id, behaviour, result)| (id.to_string(), behaviour.to_string(), result.to_string()))
        .collect()
}

/// The program, the kernels and a home where user 1000, who is nobody here, can reach them.
struct Ordinary(TempDir);

impl Ordinary {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::set_permissions(place.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(program(), place.path("lvs-matrix")).unwrap();
        // The kernels alone: another user makes data folders of its own, and kernels under construction are
        // none.
        fs::create_dir_all(place.path("cache/kernels")).unwrap();
        for entry in fs::read_dir(cache().join("kernels")).unwrap() {
            let (kernel, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
            if kernel.join("linux").is_file() && !name.as_encoded_bytes().starts_with(b".") {
                copy_folder(&kernel, &place.path("cache/kernels").join(name));
            }
        }
        fs::create_dir(place.path("home")).unwrap();
        let own = Command::new("chown")
            .args(["-R", "1000:1000"])
            .args([place.path("home"), place.path("cache")])
            .status();
        assert!(own.unwrap().success());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, out: &Path) -> Command {
        let mut command = Command::new(self.path("lvs-matrix"));
        command
            .arg("run")
            .arg("--out")
            .arg(out)
            .current_dir(self.path("home"))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("LVS_MATRIX_CACHE", self.path("cache"))
            .stdin(Stdio::null())
            .uid(1000)
            .gid(1000);
        command
    }
}

/// An ordinary user, with a home and a cache of its own, gets what root gets.
fn ordinary_user() {
    const CELLS: [&str; 2] = ["--filter", "real-server=absent,expire-nodest-conn=0"];
    let user = Ordinary::new();
    let out = user.path("home/out");
    say(user.run(&out).args(CELLS)).expect_code(0);
    assert_eq!(concerned_with(user.0.path()), []);
    let entries = fs::read_dir(user.path("home")).unwrap();
    let left: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, std::slice::from_ref(&out), "beside the output folder");

    let as_root = results("as-root").join("out");
    say(lvs_matrix().arg("run").args(CELLS).arg("--out").arg(&as_root)).expect_code(0);
    assert_eq!(verdicts(&as_root).len(), 6);
    assert_eq!(verdicts(&out), verdicts(&as_root));
}

/// `kill -9` of an ordinary user's run takes its guests along, although nothing of root's surrounds them.
/// (trouble.rs looks at more than processes, as whoever runs the tests.)
fn ordinary_user_killed() {
    let user = Ordinary::new();
    say(user
        .run(&user.path("home/first"))
        .args(["--filter", "present_up_execute-sql_0"]))
    .expect_code(0);
    for kill in 0..8_u32 {
        let out = user.path(&format!("home/out-{kill}"));
        let mut running = Running::start(user.run(&out).stdout(Stdio::null()), &out);
        std::thread::sleep(Duration::from_millis(150 + u64::from(kill) * 250));
        let all = descendants(running.pid());
        running.child.kill().unwrap();
        let status = running.wait();
        let begun = Instant::now();
        loop {
            let left = (still_there(&all), concerned_with(user.0.path()));
            if left.0.is_empty() && left.1.is_empty() {
                break;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "left after kill {kill}, {status}: {left:?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Runs the program on a machine that lacks these programs.
fn lacking(programs: &[&str], arguments: &[&Path]) -> Said {
    // A device in the place of a program is no file, and cannot be run. Whatever leads to it leads there.
    let hide: String = programs
        .iter()
        .map(|program| {
            format!(
                "for folder in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do if [ -f \
                 $folder/{program} ]; then mount --bind /dev/null $folder/{program}; fi; done; "
            )
        })
        .collect();
    say(&mut elsewhere(&format!("{hide} exec \"$@\""), arguments))
}

/// Each external program in its turn, and all of them at once.
fn missing_programs() {
    const PROGRAMS: [(&str, &[&str], &str); 7] = [
        ("ip", &["ip"], "iproute2"),
        ("ss", &["ss"], "iproute2"),
        ("tc", &["tc"], "iproute2"),
        ("ipvsadm", &["ipvsadm"], "ipvsadm"),
        ("sysctl", &["sysctl"], "procps"),
        ("nft", &["nft"], "nftables"),
        ("mariadbd", &["mariadbd", "mysqld"], "mariadb-server-core"),
    ];
    let out = results("missing").join("out");
    let run = [program(), Path::new("run"), Path::new("--out"), &out];
    for (program, names, package) in PROGRAMS {
        let said = lacking(names, &run).expect_code(69);
        assert!(
            said.stderr.contains(program) && said.stderr.contains(package),
            "{said:#?}"
        );
        assert_eq!(said.stdout, "");
        assert!(!out.exists(), "half-written: {program}");
    }
    let all: Vec<&str> = PROGRAMS
        .iter()
        .flat_map(|(_, names, _)| names.iter().copied())
        .collect();
    let said = lacking(&all, &run).expect_code(69);
    for (program, _, package) in PROGRAMS {
        assert!(
            said.stderr.contains(program) && said.stderr.contains(package),
            "{program} is not named: {said:#?}"
        );
    }
    assert!(!out.exists());
    // The doctor says the same, for programs too.
    let doctor = [program(), "doctor".as_ref(), "--format".as_ref(), "json".as_ref()];
    let said = lacking(&all, &doctor).expect_code(69);
    let checks: Value = serde_json::from_str(&said.stdout).unwrap();
    let missing: String = checks
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check.to_string())
        .collect();
    for (program, _, package) in PROGRAMS {
        assert!(
            missing.contains(program) && missing.contains(package),
            "{program}: {missing}"
        );
    }
    // The command line, where it is the client of a cell.
    let article = support::repository().join("scenarios/article.yaml");
    let run = [program(), "run".as_ref(), &article, "--out".as_ref(), &out];
    let said = lacking(&["mariadb", "mysql"], &run).expect_code(69);
    assert!(
        said.stderr.contains("apt-get install mariadb-client-core"),
        "{said:#?}"
    );
    assert!(!out.exists());
    // Judging needs none of them.
    let kept = lvs_matrix_archive::kept();
    lacking(&all, &[program(), "report".as_ref(), kept]).expect_code(0);
}

/// A data folder is made once by the server's own means; where they are missing or fail, nothing half-made
/// stays in the cache.
fn no_installer() {
    let place = results("installer");
    let own_cache = place.join("cache");
    fs::create_dir(&own_cache).unwrap();
    std::os::unix::fs::symlink(cache().join("kernels"), own_cache.join("kernels")).unwrap();
    let out = place.join("out");
    for (instead, words) in [
        ("/dev/null", "install mariadb-server-core"),
        ("/bin/false", "exit 1"),
    ] {
        let script = "mount --bind \"$1\" \"$(readlink -f /usr/bin/mariadb-install-db)\"; shift; exec \"$@\"";
        let run = [
            Path::new(instead),
            program(),
            Path::new("run"),
            Path::new("--out"),
            &out,
        ];
        let said = say(elsewhere(script, &run).env("LVS_MATRIX_CACHE", &own_cache)).expect_code(69);
        assert!(
            said.stderr.contains("mariadb-install-db") && said.stderr.contains(words),
            "{said:#?}"
        );
        assert!(!out.exists());
        let made = fs::read_dir(own_cache.join("datadirs"))
            .into_iter()
            .flatten()
            .flatten();
        let left: Vec<_> = made
            .map(|entry| entry.file_name())
            .filter(|name| name != ".lock")
            .collect();
        assert!(
            left.is_empty(),
            "half-made data folders are left in the cache: {left:?}"
        );
    }
}

/// Too little space for the result is seen before anything is begun.
fn no_space() {
    let place = results("no-space");
    let script = "mount -t tmpfs -o size=1m none \"$1\"; \"$2\" run --out \"$1/out\" || code=$?; ls \
        -A \"$1\"; exit ${code:-0}";
    let said = say(&mut elsewhere(script, &[&place, program()])).expect_code(69);
    assert!(
        said.stderr.contains("MiB free") && said.stderr.contains("--out"),
        "{said:#?}"
    );
    assert_eq!(said.stdout, "", "something was printed, or written to the folder");
}

fn read_only() {
    let place = results("read-only");
    let script = "mount -t tmpfs -o ro none \"$1\"; exec \"$2\" run --out \"$1/out\"";
    let said = say(&mut elsewhere(script, &[&place, program()])).expect_code(2);
    assert!(
        said.stderr.starts_with("error: cannot use ") && said.stderr.contains("Read-only file system"),
        "{said:#?}"
    );
    assert_eq!(said.stdout, "");
}

/// Space that others take away in the middle of a run: a clear end, nothing half-written, what was recorded
/// stands.
fn disk_fills_up() {
    let place = results("full");
    let disk = place.join("disk");
    fs::create_dir(&disk).unwrap();
    let script =
        "mount -t tmpfs -o size=128m,mode=0755 none \"$1\"; exec \"$2\" run --out \"$1/out\" --jobs 1";
    let mut command = elsewhere(script, &[&disk, program()]);
    let mut running = Running::start(command.stdout(Stdio::null()), &place.join("run"));
    // The disk as it is seen in there.
    let inside = PathBuf::from(format!("/proc/{}/root", running.pid())).join(disk.strip_prefix("/").unwrap());
    let out = inside.join("out");
    await_fact("a record", support::STUCK, || {
        assert!(
            running.child.try_wait().unwrap().is_none(),
            "{}",
            running.stderr()
        );
        (!records(&out).is_empty()).then_some(())
    });
    // Its folder stays reachable when the program has ended.
    let held = rustix::fs::open(&inside, rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
    let all = descendants(running.pid());
    let ballast = inside.join("ballast");
    let mut zeros = fs::File::open("/dev/zero").unwrap();
    let full = std::io::copy(&mut zeros, &mut fs::File::create(&ballast).unwrap()).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    let status = running.wait();
    let stderr = running.stderr();
    assert_eq!(status.code(), Some(70), "{stderr}");
    assert!(stderr.contains("No space left on device"), "{stderr}");

    use std::os::fd::AsRawFd;
    let inside = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
    fs::remove_file(inside.join("ballast")).unwrap();
    let out = inside.join("out");
    await_fact("the end of all processes", support::STUCK, || {
        still_there(&all).is_empty().then_some(())
    });
    let recorded = records(&out);
    assert!(!recorded.is_empty());
    for record in &recorded {
        assert_eq!(json(record)["format"], 2, "half-written: {}", record.display());
    }
    say(lvs_matrix().arg("judge").arg(&out)).expect_code(3);
    let report = json(&out.join("report.json"));
    assert!(report["totals"]["met"].as_u64().unwrap() >= 1, "{report:#}");
    // Space for the reason was held back.
    let why = &report["state"]["interrupted"]["reason"];
    let stored = why
        .as_str()
        .is_some_and(|why| why.contains("No space left on device"));
    assert!(stored, "{report:#}\n{stderr}");
}
