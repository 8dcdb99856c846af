//! Ended from outside, by whatever signal, at every stage of a run and at moments that nobody chose: nothing
//! is left behind, what was recorded is good, and the exit code never says 0 or 1 of what was not seen.
//! `LVS_MATRIX_KILLS` is the number of moments (20 if nothing is said); from 200 on, each stage has each
//! signal.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and shows figures on its own standard error"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::account::Account;
use support::processes::{descendants, guests, still_there};
use support::{Running, STUCK, await_fact, json, lvs_matrix, records, say};

/// Two cells, in two guests one after the other.
const CELLS: [&str; 4] = ["--filter", "absent_up_execute-sql", "--jobs", "1"];
const COUNT: usize = 2;
/// A cell of them, as the folder in a guest's share.
const CELL: &str = ".guests/1/cells/config-change/absent_up_execute-sql_0";

fn kills() -> u32 {
    std::env::var("LVS_MATRIX_KILLS").map_or(20, |text| text.parse().unwrap())
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    Kill,
    Term,
    Interrupt,
    HangUp,
    /// SIGINT, and again as soon as the first was heard.
    InterruptTwice,
}

const BLOWS: [Blow; 5] = [
    Blow::Kill,
    Blow::Term,
    Blow::Interrupt,
    Blow::HangUp,
    Blow::InterruptTwice,
];

impl Blow {
    fn signal(self) -> Signal {
        match self {
            Self::Kill => Signal::KILL,
            Self::Term => Signal::TERM,
            Self::Interrupt | Self::InterruptTwice => Signal::INT,
            Self::HangUp => Signal::HUP,
        }
    }

    fn strike(self, running: &Running) {
        running.signal(self.signal());
        if self == Self::InterruptTwice {
            let heard = Instant::now();
            while !running.stderr().contains("once more ends it at once")
                && heard.elapsed() < Duration::from_secs(2)
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            running.signal(self.signal());
        }
    }
}

/// The stages of a run, by what can be seen of them in its folder.
type Stage = (&'static str, fn(&Running) -> bool);

const STAGES: [Stage; 17] = [
    ("started", |_| true),
    ("the folder is made", |run| run.out.exists()),
    ("the run is written down", |run| run.out.join("run.json").exists()),
    ("a folder for guests", |run| run.out.join(".guests").exists()),
    ("the first guest's job", |run| {
        run.out.join(".guests/1/job.json").exists()
    }),
    ("its boot file", |run| {
        run.out.join(".guests/1/.guest/boot.json").exists()
    }),
    ("its process", |run| !guests(run.pid(), &run.out).is_empty()),
    ("it runs cells", |run| run.out.join(".guests/1/cells").exists()),
    ("the first cell begins", |run| run.out.join(CELL).exists()),
    ("its server is started", |run| {
        run.out.join(CELL).join("rs1.log").exists()
    }),
    ("its server talks", |run| {
        fs::metadata(run.out.join(CELL).join("rs1.log")).is_ok_and(|log| log.len() > 0)
    }),
    ("its capture is written", |run| {
        run.out.join(CELL).join("capture.pcapng").exists()
    }),
    ("it is recorded", |run| !records(&run.out).is_empty()),
    ("the second guest", |run| run.out.join(".guests/2").exists()),
    ("the second cell is recorded", |run| {
        records(&run.out).len() == COUNT
    }),
    ("the guests' folders go", |run| {
        records(&run.out).len() == COUNT && !run.out.join(".guests").exists()
    }),
    ("reports are written", |run| run.out.join("report.json").exists()),
];

#[test]
fn at_every_stage() {
    let account = Account::open("stages");
    let all = kills() >= 200;
    let mut reached = 0;
    for (number, (name, stage)) in STAGES.into_iter().enumerate() {
        let blows = if all {
            BLOWS.to_vec()
        } else {
            vec![BLOWS[number % BLOWS.len()]]
        };
        for blow in blows {
            let out = account.out(&format!("{number}-{blow:?}"));
            let mut running = Running::start(account.run(&out, number % 2 == 0).args(CELLS), &out);
            let ended = loop {
                if stage(&running) {
                    break false;
                }
                if running.child.try_wait().unwrap().is_some() {
                    break true;
                }
                std::thread::sleep(Duration::from_micros(200));
            };
            reached += usize::from(!ended);
            if !ended {
                blow.strike(&running);
            }
            let status = running.wait();
            let context = format!("{blow:?} when: {name}; {status}: {}", out.display());
            eprintln!("{context}");
            account.nothing_is_left(&context);
            is_good(&out, blow, status, &running.stderr(), &context);
        }
    }
    // A run may be over before a late stage is seen.
    assert!(reached >= STAGES.len() - 2, "only {reached} stages were seen");
}

/// keepalived on two directors, with its children and the program of its check, at moments after its start.
#[test]
fn while_keepalived_runs() {
    let moments = [0, 20, 50, 100, 200, 400];
    for (number, millis) in moments.into_iter().enumerate() {
        let blow = BLOWS[number % BLOWS.len()];
        let account = Account::open(&format!("keepalived-{number}"));
        let out = account.out("out");
        let mut command = account.run(&out, number % 2 == 0);
        command.args(["partition-heals", "--jobs", "1"]);
        let mut running = Running::start(&mut command, &out);
        await_fact("a cell", STUCK, || {
            running.stderr().contains("running").then_some(())
        });
        await_fact("a guest", STUCK, || {
            out.join(".guests/1/cells").exists().then_some(())
        });
        std::thread::sleep(Duration::from_millis(millis));
        let all = descendants(running.pid());
        blow.strike(&running);
        let status = running.wait();
        assert_ne!(status.code(), Some(1), "{blow:?}: {}", running.stderr());
        await_fact("their end", STUCK, || still_there(&all).is_empty().then_some(()));
        account.nothing_is_left(&format!("keepalived, {millis} ms, {blow:?}"));
    }
}

/// `bench` has its folder below TMPDIR, where nobody would look for it.
#[test]
fn a_killed_bench_leaves_no_folder() {
    for blow in [Blow::Kill, Blow::Term, Blow::InterruptTwice] {
        let account = Account::open(&format!("bench-{blow:?}"));
        let out = account.out("bench");
        let mut command = lvs_matrix();
        command.args(["bench", "--runs", "9"]).args(CELLS);
        account.surround(&mut command, true);
        command.stdout(fs::File::create(out.with_extension("stdout")).unwrap());
        let mut running = Running::start(&mut command, &out);
        await_fact("a cell", STUCK, || running.stderr().contains("1/2").then_some(()));
        blow.strike(&running);
        let status = running.wait();
        assert_ne!(status.code(), Some(0), "{blow:?}: {}", running.stderr());
        assert_ne!(status.code(), Some(1), "{blow:?}: {}", running.stderr());
        account.nothing_is_left(&format!("bench, {blow:?}"));
    }
}

/// Before the first cell: a server program that never answers, and what it has started.
#[test]
fn a_server_that_hangs_when_asked() {
    for (number, blow) in [Blow::Kill, Blow::Term, Blow::Interrupt, Blow::HangUp]
        .into_iter()
        .enumerate()
    {
        let account = Account::open(&format!("hanging-server-{number}"));
        let server = executable(&account, "mysqld", "sleep 4242 & exec sleep 4243");
        let out = account.out("out");
        let mut running = Running::start(account.run(&out, true).arg("--mysqld").arg(&server), &out);
        await_fact("the server's child", STUCK, || {
            (descendants(running.pid()).len() >= 3).then_some(())
        });
        let all = descendants(running.pid());
        blow.strike(&running);
        let status = running.wait();
        assert_eq!(
            status.signal(),
            Some(blow.signal().as_raw()),
            "{blow:?}: {}",
            running.stderr()
        );
        await_fact("their end", STUCK, || still_there(&all).is_empty().then_some(()));
        fs::remove_file(server).unwrap();
        account.nothing_is_left(&format!("a hanging server, {blow:?}"));
        assert!(!out.exists(), "{blow:?}");
    }
}

/// A run that had nothing in its cache but the kernel: the template is being made.
#[test]
fn while_the_template_is_made() {
    for blow in [Blow::Kill, Blow::Term] {
        let account = Account::open(&format!("template-{blow:?}"));
        let cache = cold_cache(&account);
        let run = |out: &Path| {
            let mut command = account.run(out, true);
            command.args(CELLS).env("LVS_MATRIX_CACHE", &cache);
            command
        };
        let out = account.out("killed");
        let mut running = Running::start(&mut run(&out), &out);
        let half_made = || {
            names(&cache.join("datadirs"))
                .iter()
                .any(|name| name.starts_with(".making-"))
        };
        await_fact("a template in the making", STUCK, || {
            (half_made() && descendants(running.pid()).len() >= 2).then_some(())
        });
        let all = descendants(running.pid());
        blow.strike(&running);
        running.wait();
        await_fact("the installer's end", STUCK, || {
            still_there(&all).is_empty().then_some(())
        });
        // The next run makes it, and removes what was left of the first.
        let out = account.out("next");
        let status = Running::start(&mut run(&out), &out).wait();
        assert_eq!(status.code(), Some(0));
        assert!(!half_made(), "{:?}", names(&cache.join("datadirs")));
        fs::remove_dir_all(&cache).unwrap();
        account.nothing_is_left(&format!("a template in the making, {blow:?}"));
    }
}

/// The tools of a kernel build end with it; the next run removes its folder.
#[test]
fn while_a_kernel_is_built() {
    for blow in [Blow::Kill, Blow::Interrupt] {
        let account = Account::open(&format!("build-{blow:?}"));
        let cache = cold_cache(&account);
        let tar = executable(&account, "tar", "sleep 4244 & exec sleep 4245");
        let path = format!(
            "{}:/usr/sbin:/usr/bin:/sbin:/bin",
            tar.parent().unwrap().display()
        );
        let out = account.out("build");
        let mut build = lvs_matrix();
        build.args(["kernel", "build", "--rebuild", "--tarball", "/dev/null"]);
        account.surround(&mut build, true);
        build.env("LVS_MATRIX_CACHE", &cache).env("PATH", path);
        let mut running = Running::start(
            build.stdout(fs::File::create(out.with_extension("stdout")).unwrap()),
            &out,
        );
        await_fact("the tool's child", STUCK, || {
            (descendants(running.pid()).len() >= 3).then_some(())
        });
        let all = descendants(running.pid());
        blow.strike(&running);
        running.wait();
        await_fact("the tools' end", STUCK, || {
            still_there(&all).is_empty().then_some(())
        });
        let building = || {
            names(&cache.join("kernels"))
                .iter()
                .any(|name| name.starts_with(".building-"))
        };
        assert!(building());
        let mut next = account.run(&account.out("next"), true);
        next.args(["--filter", "absent_up_execute-sql_0"])
            .env("LVS_MATRIX_CACHE", &cache);
        assert_eq!(say(&mut next).code(), 0);
        assert!(!building(), "{:?}", names(&cache.join("kernels")));
        fs::remove_file(tar).unwrap();
        fs::remove_dir_all(&cache).unwrap();
        account.nothing_is_left(&format!("a kernel build, {blow:?}"));
    }
}

/// The guests' folder of a killed run goes with the next run beside it, or when it is judged; that of a run
/// that goes on stays.
#[test]
fn the_next_run_tidies_up() {
    let account = Account::open("tidy");
    let kill = |name: &str| {
        let out = account.out(name);
        let mut running = Running::start(account.run(&out, true).args(CELLS), &out);
        running.await_records(1);
        Blow::Kill.strike(&running);
        running.wait();
        account.nothing_is_left(name);
        assert!(
            out.join(".guests").exists(),
            "{name}: it was over before it was killed"
        );
        out
    };
    let (first, second) = (kill("first"), kill("second"));
    say(lvs_matrix().arg("judge").arg(&first)).expect_code(3);
    assert!(!first.join(".guests").exists());
    assert!(second.join(".guests").exists(), "another folder is not judged");

    let going_on = account.out("going-on");
    let mut running = Running::start(account.run(&going_on, true).args(CELLS), &going_on);
    running.await_records(1);
    let next = account.out("next");
    let status = Running::start(account.run(&next, true).args(CELLS), &next).wait();
    assert_eq!(status.code(), Some(0));
    assert!(!second.join(".guests").exists());
    assert_eq!(running.wait().code(), Some(0), "{}", running.stderr());
    account.nothing_is_left("tidied up");
}

/// A cache with the kernels of the usual one and nothing else.
fn cold_cache(account: &Account) -> PathBuf {
    let cache = account.path("cache");
    fs::create_dir_all(cache.join("kernels")).unwrap();
    for name in names(&support::account::cache().join("kernels")) {
        if !name.starts_with('.') {
            let from = support::account::cache().join("kernels").join(&name);
            support::copy_folder(&from, &cache.join("kernels").join(name));
        }
    }
    cache
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// A shell script of the test's own.
fn executable(account: &Account, name: &str, script: &str) -> PathBuf {
    let file = account.path(name);
    fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    file
}

#[test]
fn at_any_moment() {
    let account = Account::open("moments");
    // How long such a run takes here and now: the moments are spread over that time.
    let out = account.out("undisturbed");
    let begun = Instant::now();
    let status = Running::start(account.run(&out, false).args(CELLS), &out).wait();
    let whole = begun.elapsed();
    assert_eq!(status.code(), Some(0));
    account.nothing_is_left("undisturbed");

    let (mut struck, mut recorded) = (0, 0);
    for kill in 0..kills() {
        let moment = whole.mul_f64((f64::from(kill) + chance()) / f64::from(kills()));
        // Every second one is the hardest.
        let blow = if kill % 2 == 0 {
            Blow::Kill
        } else {
            BLOWS[usize::try_from(kill / 2).unwrap() % BLOWS.len()]
        };
        let out = account.out(&format!("moment-{kill}"));
        let mut running = Running::start(account.run(&out, kill % 3 == 0).args(CELLS), &out);
        std::thread::sleep(moment);
        let over = running.child.try_wait().unwrap().is_some();
        if !over {
            blow.strike(&running);
        }
        let status = running.wait();
        let context = format!(
            "{blow:?} after {moment:?} of {whole:?}; {status}: {}",
            out.display()
        );
        eprintln!("{context}");
        account.nothing_is_left(&context);
        is_good(&out, blow, status, &running.stderr(), &context);
        struck += u32::from(!over);
        recorded += records(&out).len();
    }
    assert!(
        struck >= kills() / 2,
        "only {struck} runs were struck before their end"
    );
    assert!(recorded > 0, "no run had recorded anything");
}

/// What an ended run may look like.
fn is_good(out: &Path, blow: Blow, status: ExitStatus, stderr: &str, context: &str) {
    let context = format!("{context}\n{stderr}");
    let begun = out.join("run.json").exists();
    match (status.code(), status.signal()) {
        // Over before it was struck, or struck when only its last words were left.
        (Some(0), _) => assert_eq!(
            json(&out.join("report.json"))["totals"]["met"],
            COUNT,
            "{context}"
        ),
        (Some(3), _) => {
            assert_ne!(blow, Blow::Kill, "{context}");
            assert!(
                stderr.contains("ending the run and reporting what there is"),
                "{context}"
            );
            let report = json(&out.join("report.json"));
            let state = &report["state"]["interrupted"]["reason"];
            assert!(
                state.as_str().is_some_and(|reason| reason.starts_with("SIG")),
                "{context}: {report:#}"
            );
            assert!(stderr.contains("the report is partial"), "{context}");
        }
        // At once. By a signal that has an orderly end only if nothing had begun, or if it came twice.
        (None, Some(number)) => {
            assert_eq!(number, blow.signal().as_raw(), "{context}");
            let at_once = matches!(blow, Blow::Kill | Blow::InterruptTwice) || !begun;
            assert!(at_once, "{context}");
        }
        (code, signal) => panic!("ended with {code:?}, {signal:?}: {context}"),
    }
    what_was_recorded_is_good(out, begun, &context);
}

fn what_was_recorded_is_good(out: &Path, begun: bool, context: &str) {
    if !begun {
        assert_eq!(
            records(out),
            Vec::<PathBuf>::new(),
            "records without a run: {context}"
        );
        let said = say(lvs_matrix().arg("judge").arg(out)).expect_code(2);
        assert!(
            said.stderr.contains("is not the folder of a run"),
            "{}",
            said.stderr
        );
        return;
    }
    let whole = |record: &PathBuf| json(record)["lab"] == "completed";
    let good = records(out).iter().filter(|record| whole(record)).count();
    let said = say(lvs_matrix().arg("judge").arg(out));
    let report = json(&out.join("report.json"));
    let cells = report["cells"].as_array().unwrap();
    let with = |result: &str| {
        cells
            .iter()
            .filter(|cell| cell["verdict"]["result"] == result)
            .count()
    };
    assert_eq!(with("met"), good, "{context}: {report:#}");
    assert_eq!(with("violated"), 0, "{context}: {report:#}");
    let missing = report["missing"].as_array().unwrap();
    assert_eq!(cells.len() + missing.len(), COUNT, "{context}");
    assert_eq!(
        said.code(),
        if good == COUNT { 0 } else { 3 },
        "{context}: {said:#?}"
    );
    let told = |reason: &Value| {
        let reason = reason.as_str().unwrap();
        reason.contains("was killed") || reason.contains("interrupted")
    };
    assert!(
        missing.iter().all(|cell| told(&cell["reason"])),
        "{context}: {missing:#?}"
    );
}

/// A number from 0 to 1 that nobody chose.
fn chance() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    f64::from(now.subsec_nanos() % 10_007) / 10_007.0
}
