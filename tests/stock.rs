//! Stock kernels in QEMU. Which one, `LVS_MATRIX_STOCK_KERNEL` says, as `--kernel` takes it (`make test`
//! names a package of this machine's archives); else it is one whose package the cache has. Without a kernel
//! or without QEMU these tests are listed as ignored, and it is said why. With `required` in place of a
//! kernel's name they fail instead.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests without the standard harness, which clippy does not know for tests"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use libtest_mimic::{Arguments, Failed, Trial};
use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use support::account::Account;
use support::processes::{descendants, guests, still_there};
use support::{Running, STUCK, await_fact, cell, json, lvs_matrix, records, results, say};

/// As `--kernel` takes it, or `required`.
const VARIABLE: &str = "LVS_MATRIX_STOCK_KERNEL";
/// How many moments of a run are tried (20 if nothing is said); each takes some seconds here, so a quarter.
const KILLS: &str = "LVS_MATRIX_KILLS";

/// A cell that hangs, and the same one with a sysctl by which it fails fast.
const HUNG: &str = "config-change/absent_up_execute-sql_0";
const FAST: &str = "config-change/absent_up_execute-sql_1";
const CELLS: [&str; 4] = ["--filter", HUNG, "--filter", FAST];

type Test = fn(&str) -> Result<(), Failed>;

const TESTS: [(&str, Test); 8] = [
    ("beside_user_mode_linux", beside_user_mode_linux),
    ("a_command_by_hand", by_hand),
    ("a_saved_machine_that_was_cut_short", cut_short),
    ("a_kernel_that_does_not_start", does_not_start),
    ("a_kernel_that_takes_no_modules", takes_no_modules),
    ("what_is_lacking_is_named", lacking),
    ("killed_while_a_machine_is_made", killed_while_made),
    ("killed_at_any_moment", killed_at_any_moment),
];

fn main() -> ExitCode {
    let kernel = kernel();
    if let Err(reason) = &kernel {
        eprintln!("stock kernels are not tested: {reason}");
    }
    let trials = TESTS.map(|(name, test)| {
        let kernel = kernel.clone();
        let there = kernel.is_ok() || required();
        let trial = Trial::test(name, move || match &kernel {
            Ok(kernel) => test(kernel),
            Err(reason) => Err(reason.into()),
        });
        trial.with_ignored_flag(!there)
    });
    let mut arguments = Arguments::from_args();
    // They look at what others leave in the cache, and at how long things take.
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

fn required() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|value| value == "required")
}

/// The kernel to test with, or why there is none.
fn kernel() -> Result<String, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let qemu = std::env::split_paths(&path).any(|folder| folder.join("qemu-system-x86_64").is_file());
    if !qemu {
        return Err("there is no qemu-system-x86_64 (apt-get install qemu-system-x86)".to_owned());
    }
    match std::env::var(VARIABLE) {
        Ok(named) if !named.is_empty() && named != "required" => return Ok(named),
        Ok(_) | Err(_) => {}
    }
    let said = say(lvs_matrix().args(["kernel", "list", "--format", "json"]));
    let list: Vec<Value> = serde_json::from_str(&said.stdout).unwrap_or_default();
    let unpacked = list.iter().rfind(|row| row["kind"] == "unpacked");
    let package = unpacked.and_then(|row| row["package"].as_str());
    package
        .map(|package| format!("package:{package}"))
        .ok_or_else(|| format!("${VARIABLE} names no kernel, and the cache has the package of none"))
}

/// The kernel's file and the folder of its modules.
fn files(kernel: &str) -> (PathBuf, PathBuf) {
    let image = match kernel.strip_prefix("package:") {
        Some(package) => {
            let boot = support::account::cache()
                .join("images")
                .join(package)
                .join("boot");
            let entries = fs::read_dir(&boot).unwrap().flatten().map(|entry| entry.path());
            let mut images = entries.filter(|path| path.to_string_lossy().contains("/vmlinuz-"));
            images
                .next()
                .unwrap_or_else(|| panic!("no vmlinuz in {}", boot.display()))
        }
        None => {
            let words = kernel.strip_prefix("qemu:").unwrap();
            PathBuf::from(words.split_once(',').map_or(words, |(image, _)| image))
        }
    };
    if let Some((_, modules)) = kernel.split_once(",modules=") {
        return (image, modules.into());
    }
    let release = image
        .file_name()
        .unwrap()
        .to_string_lossy()
        .replace("vmlinuz-", "");
    let root = image.parent().unwrap().parent().unwrap();
    let below = ["lib/modules", "usr/lib/modules"].map(|below| root.join(below).join(&release));
    let modules = below.into_iter().find(|folder| folder.is_dir());
    (
        image,
        modules.unwrap_or_else(|| Path::new("/lib/modules").join(release)),
    )
}

/// The same cells on both, in one run: what a client lives through is the same, and each record says truly
/// where it was made.
fn beside_user_mode_linux(kernel: &str) -> Result<(), Failed> {
    let out = results("stock").join("out");
    let mut run = lvs_matrix();
    run.args(["run", "--jobs", "2", "--kernels", &format!("7.2,{kernel}")])
        .args(CELLS);
    say(run.arg("--out").arg(&out)).expect_code(0);
    let run = json(&out.join("run.json"));
    let stock = run["kernels"][1]["id"].as_str().unwrap();
    assert!(stock.starts_with("qemu-"), "{stock}");
    let (image, _) = files(kernel);
    let sha256: String = Sha256::digest(fs::read(image).unwrap())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let report = json(&out.join("report.json"));
    assert_eq!(records(&out).len(), 4);
    for id in [HUNG, FAST] {
        let here = cell(&report, &format!("{id}@linux-{stock}"));
        let there = cell(&report, &format!("{id}@linux-7.2"));
        for fact in ["behaviour", "error", "verdict", "article"] {
            assert_eq!(here[fact], there[fact], "{id}: {fact}");
        }
        let record = json(&out.join(format!("{id}@linux-{stock}/record.json")));
        let environment = &record["environment"];
        assert_eq!(environment["place"], "qemu");
        assert_eq!(environment["hashes"]["kernel"], sha256.as_str());
        let release = environment["kernel"]
            .as_str()
            .unwrap()
            .strip_prefix("Linux ")
            .unwrap();
        let named = stock.strip_prefix("qemu-").unwrap();
        assert_eq!(release.to_ascii_lowercase().replace('+', "-"), named);
    }
    // And it is judged as it was when it ran.
    let before = fs::read(out.join("report.json"))?;
    say(lvs_matrix().arg("judge").arg(&out)).expect_code(0);
    assert_eq!(fs::read(out.join("report.json"))?, before);
    Ok(())
}

/// One command in the lab of a cell: its output, its exit code, what it reads; and what has no way in.
fn by_hand(kernel: &str) -> Result<(), Failed> {
    let folder = results("by-hand-in-qemu");
    let exec = |words: &[&str]| {
        let mut exec = lvs_matrix();
        exec.args(["exec", HUNG, "--kernel", kernel]).args(words);
        exec
    };
    let out = folder.join("kept");
    let script = "uname -r; ipvsadm -Ln; cat; echo trouble >&2; exit 7";
    let mut command = exec(&["-i", "--out", &out.to_string_lossy(), "--", "sh", "-c", script]);
    let input = folder.join("input");
    fs::write(&input, "what was typed\n")?;
    let said = say(command.stdin(fs::File::open(input)?)).expect_code(7);
    let record = json(&out.join(format!("{HUNG}/record.json")));
    let ran_on = record["environment"]["kernel"].as_str().unwrap();
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(
        lines.first().map(|release| format!("Linux {release}")).as_deref(),
        Some(ran_on)
    );
    assert_eq!(lines.last(), Some(&"what was typed"));
    assert!(
        said.stdout.contains("TCP  192.0.2.100:3306 rr"),
        "{}",
        said.stdout
    );
    assert!(
        said.stderr.lines().any(|line| line == "trouble"),
        "{}",
        said.stderr
    );
    assert_eq!(record["environment"]["place"], "qemu");
    assert_eq!(record["by-hand"][0]["exit"], 7, "{}", record["by-hand"]);

    let said = say(&mut exec(&["--on", "rs9", "--", "true"])).expect_code(2);
    assert!(said.stderr.contains("no host `rs9`"), "{}", said.stderr);
    let said = say(&mut exec(&["--time", "real", "--", "true"])).expect_code(2);
    assert!(said.stderr.contains("virtual time alone"), "{}", said.stderr);
    let said = say(lvs_matrix().args(["shell", HUNG, "--kernel", kernel])).expect_code(2);
    assert!(said.stderr.contains("`exec CELL -- COMMAND`"), "{}", said.stderr);
    // A run of one kernel does not say where that was.
    let mut again = lvs_matrix();
    again.args(["exec", HUNG, "--run"]).arg(&out).args(["--", "true"]);
    let said = say(&mut again).expect_code(2);
    assert!(
        said.stderr.contains("name it (--kernel package:"),
        "{}",
        said.stderr
    );
    Ok(())
}

/// It is seen, and made anew.
fn cut_short(kernel: &str) -> Result<(), Failed> {
    let account = Account::open("cut-short");
    let cache = account.path("cache");
    let (image, modules) = files(kernel);
    let kernel = format!("qemu:{},modules={}", image.display(), modules.display());
    let run = |name: &str| {
        let out = account.out(name);
        let mut command = account.run(&out, true);
        command.args(["--kernel", &kernel, "--filter", FAST]);
        command.env("LVS_MATRIX_CACHE", &cache);
        let mut running = Running::start(&mut command, &out);
        assert_eq!(running.wait().code(), Some(0), "{}", running.stderr());
        running.stderr()
    };
    let boots = "booting Linux";
    assert!(run("first").contains(boots));
    let entries = fs::read_dir(cache.join("machines"))?.flatten();
    let saved: Vec<PathBuf> = entries
        .map(|entry| entry.path().join("saved"))
        .filter(|path| path.is_file())
        .collect();
    let [saved] = saved.as_slice() else {
        panic!("{saved:?}");
    };
    let whole = fs::metadata(saved)?.len();
    let file = fs::File::options().write(true).open(saved)?;
    file.set_len(whole / 2)?;
    drop(file);
    assert!(run("second").contains(boots));
    assert!(!run("third").contains(boots));
    fs::remove_dir_all(&cache)?;
    account.nothing_is_left("a machine made anew");
    Ok(())
}

/// Runs a cell that cannot be run, and gives what was said.
fn refused(name: &str, kernel: &str, code: i32) -> String {
    let out = results(name).join("out");
    let begun = Instant::now();
    let mut run = lvs_matrix();
    run.args(["run", "--kernel", kernel, "--filter", HUNG, "--out"])
        .arg(&out);
    let said = say(&mut run);
    let said = said.expect_code(code);
    assert!(!out.exists(), "{}", out.display());
    // A minute, and what a machine that is busy needs for the rest.
    assert!(begun.elapsed() < Duration::from_secs(90), "{:?}", begun.elapsed());
    let left = fs::read_dir(support::account::cache().join("machines"))
        .unwrap()
        .flatten();
    let left: Vec<_> = left
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(".making-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    said.stderr
}

fn does_not_start(kernel: &str) -> Result<(), Failed> {
    let (image, modules) = files(kernel);
    let folder = results("does-not-start");
    let mut bytes = fs::read(image)?;
    let whole = bytes.len();
    let damaged = folder.join("vmlinuz-damaged");
    let kernel = format!("qemu:{},modules={}", damaged.display(), modules.display());
    // Its boot sector says how long it is, so that it is cut short is seen before it is booted.
    fs::write(&damaged, &bytes[..whole / 4])?;
    let said = refused("cut-short-run", &kernel, 2);
    assert!(said.contains("it is cut short"), "{said}");
    bytes[whole / 4..].fill(0);
    fs::write(&damaged, &bytes)?;
    let said = refused("does-not-start-run", &kernel, 69);
    assert!(said.contains("did not start in QEMU"), "{said}");
    assert!(said.contains("the last lines of its console:"), "{said}");
    Ok(())
}

/// The kernel is whole, and what it is given for modules is not: init says what is missing, on the console.
fn takes_no_modules(kernel: &str) -> Result<(), Failed> {
    let (image, _) = files(kernel);
    let folder = results("no-modules");
    let net = folder.join("modules/kernel/net");
    fs::create_dir_all(&net)?;
    let names = [
        "virtio_mmio",
        "virtio_blk",
        "af_packet",
        "veth",
        "bridge",
        "sch_netem",
        "ip_vs",
    ];
    for name in names {
        fs::write(net.join(format!("{name}.ko")), "no module")?;
    }
    let modules = folder.join("modules");
    let kernel = format!("qemu:{},modules={}", image.display(), modules.display());
    let said = refused("no-modules-run", &kernel, 69);
    assert!(
        said.contains("did not start in QEMU: cannot find the drive"),
        "{said}"
    );
    assert!(said.contains("ip_vs.ko: Exec format error"), "{said}");

    fs::remove_file(net.join("ip_vs.ko"))?;
    let said = refused("no-ipvs-run", &kernel, 69);
    assert!(said.contains("ip_vs is neither among the modules in"), "{said}");
    Ok(())
}

fn lacking(kernel: &str) -> Result<(), Failed> {
    let (image, _) = files(kernel);
    let said = refused("no-kernel", "qemu:/etc/passwd", 2);
    assert!(said.contains("/etc/passwd is no kernel image"), "{said}");
    let none = format!("qemu:{},modules=/etc", image.display());
    let said = refused("no-modules-in-folder", &none, 2);
    assert!(said.contains("in none of /etc,"), "{said}");
    let nowhere = format!("qemu:{},modules=/no/such/folder", image.display());
    let said = refused("no-folder", &nowhere, 2);
    assert!(said.contains("are in none of /no/such/folder"), "{said}");
    // Programs of labs are also looked for where they usually are; QEMU by PATH alone.
    let out = results("no-qemu").join("out");
    let mut run = lvs_matrix();
    run.args(["run", "--kernel", kernel, "--filter", HUNG, "--out"])
        .arg(&out);
    let said = say(run.env("PATH", "/sbin-without-qemu")).expect_code(69);
    assert!(
        said.stderr.contains("apt-get install qemu-system-x86"),
        "{}",
        said.stderr
    );
    Ok(())
}

/// Makes the machine of these tests, so that runs go on from it.
fn warm(kernel: &str, name: &str) {
    let out = results(name).join("out");
    let mut run = lvs_matrix();
    run.args(["run", "--quiet", "--kernel", kernel, "--filter", FAST, "--out"])
        .arg(&out);
    say(&mut run).expect_code(0);
}

fn killed_while_made(kernel: &str) -> Result<(), Failed> {
    let (image, modules) = files(kernel);
    let kernel = format!("qemu:{},modules={}", image.display(), modules.display());
    let signals = [
        (Signal::KILL, "machine-killed"),
        (Signal::TERM, "machine-ended"),
        (Signal::INT, "machine-interrupted"),
    ];
    for (signal, name) in signals {
        let account = Account::open(name);
        let cache = account.path("cache");
        let making = || {
            let entries = fs::read_dir(cache.join("machines"))
                .into_iter()
                .flatten()
                .flatten();
            let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
            names.any(|name| name.starts_with(".making-"))
        };
        let command = |out: &Path| {
            let mut command = account.run(out, true);
            command.args(["--kernel", &kernel, "--filter", FAST]);
            command.env("LVS_MATRIX_CACHE", &cache);
            command
        };
        let out = account.out("killed");
        let mut running = Running::start(&mut command(&out), &out);
        let is_qemu = |pid: i32| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            name.starts_with("qemu-system")
        };
        let qemu = await_fact("QEMU", STUCK, || {
            let all = descendants(running.pid());
            let found = all.iter().any(|process| is_qemu(process.pid));
            (found && making()).then_some(all)
        });
        running.signal(signal);
        running.wait();
        await_fact("QEMU's end", STUCK, || {
            still_there(&qemu).is_empty().then_some(())
        });
        // A signal that can be heard has it removed; what the other leaves the next run removes, and makes.
        assert_eq!(making(), signal == Signal::KILL);
        assert!(!out.exists());
        let out = account.out("next");
        let mut next = Running::start(&mut command(&out), &out);
        let status = next.wait();
        assert_eq!(status.code(), Some(0), "{}", next.stderr());
        assert!(!making());
        fs::remove_dir_all(&cache)?;
        account.nothing_is_left(name);
    }
    Ok(())
}

fn killed_at_any_moment(kernel: &str) -> Result<(), Failed> {
    warm(kernel, "warm-for-kills");
    let account = Account::open("stock-moments");
    let command = |out: &Path| {
        let mut command = account.run(out, true);
        command.args(["--kernel", kernel, "--jobs", "2"]).args(CELLS);
        command
    };
    let out = account.out("undisturbed");
    let begun = Instant::now();
    assert_eq!(Running::start(&mut command(&out), &out).wait().code(), Some(0));
    let whole = begun.elapsed();
    account.nothing_is_left("undisturbed");

    let kills: u32 = std::env::var(KILLS).map_or(20, |text| text.parse().unwrap());
    let kills = kills.div_ceil(4);
    let (mut with_guests, signals) = (0, [Signal::KILL, Signal::TERM, Signal::KILL, Signal::INT]);
    for (kill, signal) in (0..kills).zip(signals.into_iter().cycle()) {
        // Each has a part of the run for itself, and a moment in it that nobody chose.
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)?
            .subsec_nanos();
        let chance = f64::from(nanos % 1_000_000) / 1e6;
        let moment = whole.mul_f64((f64::from(kill) + chance) / f64::from(kills));
        let out = account.out(&format!("moment-{kill}"));
        let mut running = Running::start(&mut command(&out), &out);
        std::thread::sleep(moment);
        let over = running.child.try_wait()?.is_some();
        with_guests += usize::from(!guests(running.pid(), &out).is_empty());
        if !over {
            running.signal(signal);
        }
        let status = running.wait();
        let context = format!("{signal:?} after {moment:?} of {whole:?}: {status}");
        eprintln!("{context}");
        account.nothing_is_left(&context);
        for record in records(&out) {
            // What was recorded is good.
            assert!(
                json(&record)["format"].is_number(),
                "{context}: {}",
                record.display()
            );
        }
        assert!(
            over || status.code() != Some(0) || records(&out).len() == 2,
            "{context}"
        );
    }
    assert!(with_guests > 0, "no run had a guest when it was killed");
    Ok(())
}
