//! Native runs. A guest kernel stands in for a host whose kernel has IPVS: in it, `lvs-matrix run --place
//! host` does what it would do on a real one, as root of that machine, in sandboxes of its own. What comes
//! out is compared with the same cells run in guests. A stock kernel in QEMU is such a host, too: that of
//! `LVS_MATRIX_STOCK_KERNEL`, as `--kernel` takes it. Without one that test is listed as ignored.
//!
//! One program in three roles: PID 1 of that machine, what drives the run in it, and the tests. With
//! `LVS_MATRIX_PLACE=host` the shipped scenarios are also run on this machine's own kernel, in real time; a
//! machine that cannot do it fails.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests without the standard harness, which clippy does not know for tests"
)]

#[path = "native/driver.rs"]
mod driver;
#[path = "support/sample.rs"]
mod sample;
#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use libtest_mimic::{Arguments, Failed, Trial};
use lvs_matrix_guest::kernel::{CacheFolder, find};
use lvs_matrix_guest::protocol::PayloadEnd;
use lvs_matrix_guest::stock::{self, Ingredients};
use lvs_matrix_guest::{DEFAULT_CLOCK_START, Guest, GuestConfig, GuestEnd, ReadOnlyInput, init};
use lvs_matrix_model::ipvs::{Connections, Table};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use support::{cell, json, lvs_matrix, results, say, shell_code, shipped_for_a_place};

/// A second in nanoseconds.
const S: f64 = 1e9;

fn main() -> ExitCode {
    if init::wanted() {
        return match init::run() {
            Ok(never) => match never {},
            Err(_) => ExitCode::FAILURE,
        };
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, words @ ..] = arguments.as_slice()
        && role == driver::ROLE
    {
        return driver::act(words);
    }
    let mut trials = vec![
        Trial::test("both_places_give_the_same_behaviours", parity),
        Trial::test("what_the_limit_leaves_open_is_said_and_nothing_is_guessed", limit),
        Trial::test("in_real_time_too", real_time),
        Trial::test("servers_have_no_privileges_and_nothing_is_left", privileges),
        Trial::test("a_killed_run_leaves_nothing", killed),
        Trial::test("a_director_in_use_is_refused", in_use),
        Trial::test("tables_are_printed_as_ipvsadm_prints_them", tables),
    ];
    let stock = std::env::var("LVS_MATRIX_STOCK_KERNEL").unwrap_or_default();
    let ignored = stock.is_empty();
    let trial = Trial::test("on_a_stock_kernel", move || on_a_stock_kernel(&stock));
    trials.push(trial.with_ignored_flag(ignored));
    if let Ok(scenarios) = std::env::var("LVS_MATRIX_PARITY") {
        trials.push(Trial::test(
            "both_places_give_the_same_in_more_scenarios",
            move || wider_parity(&scenarios),
        ));
    }
    match std::env::var("LVS_MATRIX_PLACE") {
        Err(_) => {}
        Ok(place) if place == "guest" => {}
        Ok(place) if place == "host" => {
            trials.push(Trial::test("the_shipped_scenarios_on_this_host", on_this_host))
        }
        Ok(other) => trials.push(Trial::test("the_place_is_known", move || {
            Err(format!("LVS_MATRIX_PLACE is {other:?}; it can be host or guest").into())
        })),
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A machine whose kernel has IPVS and on which we are root: a guest, in virtual time. Gives its shared
/// folder when `words` were done on it.
fn machine(name: &str, words: &[&str]) -> Result<PathBuf, Failed> {
    machine_with(name, words, Some(DEFAULT_CLOCK_START))
}

fn machine_with(name: &str, words: &[&str], clock_start: Option<u64>) -> Result<PathBuf, Failed> {
    let share = results(name).join("machine");
    std::fs::create_dir(&share).unwrap();
    let wanted = std::env::var("LVS_MATRIX_KERNEL").ok();
    let kernel = find(&CacheFolder::of_user()?, wanted.as_deref())?;
    let mut config = GuestConfig::new(kernel, std::env::current_exe()?, &share);
    config.clock_start = clock_start;
    drive(config, words)?;
    Ok(share)
}

/// Programs that a run calls on a host, and what they read.
const PROGRAMS: &str = "awk basename cat chmod chown cp dirname hostname ip ipvsadm kill ln \
    mariadb-install-db mariadbd mkdir mount mv my_print_defaults nft prlimit resolveip rm sed setpriv setsid \
    sh sleep ss sysctl tail tc test true umount unshare";
const READ: [&str; 5] = [
    "/etc/iproute2",
    "/etc/protocols",
    "/etc/services",
    "/usr/share/iproute2",
    "/usr/share/mysql",
];

/// A stock kernel, in QEMU and as it is: cells of config-change, as a host with it shows them and as guests
/// with User-mode Linux do. Two values of any two axes meet in them.
fn on_a_stock_kernel(selector: &str) -> Result<(), Failed> {
    let share = results("on-a-stock-kernel").join("machine");
    std::fs::create_dir(&share).unwrap();
    let cache = CacheFolder::of_user()?;
    let mut say = |news: &str| println!("{news}");
    let kernel = stock::find(&cache, selector, &mut say)?;
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH")?);
    let find = |program| {
        let mut found = std::env::split_paths(&path).map(|folder| folder.join(program));
        found.find(|path| path.is_file())
    };
    let program = PathBuf::from(env!("CARGO_BIN_EXE_lvs-matrix"));
    let mut files: Vec<PathBuf> = PROGRAMS.split_whitespace().filter_map(find).collect();
    files.extend(READ.map(PathBuf::from));
    files.push(program);
    let init = std::env::current_exe()?;
    let ingredients = Ingredients {
        kernel: &kernel,
        init: &init,
        files: &files,
        memory_mib: 2560,
    };
    let machine = stock::prepare(&cache, &ingredients, &mut say, &|_| {})?;
    let mut config = GuestConfig::in_qemu(machine, init, &share);
    config.inputs = vec![ReadOnlyInput {
        name: driver::BUILT_IN.to_owned(),
        path: kernel.modules.join(driver::BUILT_IN),
    }];
    let mut files = support::shipped();
    files.retain(|path| path.ends_with("config-change.yaml"));
    let sample = sample::filters(&files, 0, &[]);
    let words = [
        "run",
        "--jobs",
        "1",
        "--observe-at-most",
        "7h",
        "config-change.yaml",
    ];
    let words: Vec<&str> = words
        .into_iter()
        .chain(sample.iter().map(String::as_str))
        .collect();
    drive(config, &words)?;
    driver::Ended::of(&share).expect_code(0);
    let there = json(&share.join("out/report.json"));
    let here = run_in_guests("beside-a-stock-kernel", &files, &sample);
    let (there, here) = (self::cells(&there), self::cells(&here));
    assert!(there.len() >= 3 && there.len() == here.len(), "{}", there.len());
    for (id, cell) in there {
        assert_eq!(essence(cell), essence(here[id]), "{id}");
        assert_eq!(cell["environment"]["place"], "host", "{id}");
        let ran_on = cell["environment"]["kernel"].as_str().unwrap();
        assert_eq!(ran_on, format!("Linux {}", kernel.release), "{id}");
    }
    Ok(())
}

/// Has a machine do these words, with results in its share.
fn drive(mut config: GuestConfig, words: &[&str]) -> Result<(), Failed> {
    config.payload_args = std::iter::once(&driver::ROLE)
        .chain(words)
        .map(|&word| word.to_owned())
        .collect();
    let input = |name: &str, path: PathBuf| ReadOnlyInput {
        name: name.to_owned(),
        path,
    };
    config.inputs.extend([
        input(driver::PROGRAM, PathBuf::from(env!("CARGO_BIN_EXE_lvs-matrix"))),
        input(driver::SCENARIOS, support::repository().join("scenarios")),
    ]);
    let datadirs = CacheFolder::of_user()?.kernels().with_file_name(driver::DATADIRS);
    if datadirs.is_dir() {
        config.inputs.push(input(driver::DATADIRS, datadirs));
    }
    // Two sandboxes with their servers and data folders, and the run's output, all of it in memory.
    config.memory_mib = 2560;
    config.stall = Duration::from_secs(180);
    let mut said = Vec::new();
    let report = Guest::start(config)?.run(|message| said.push(message.to_owned()))?;
    if report.end == GuestEnd::PoweredOff(PayloadEnd::Exited(0)) {
        return Ok(());
    }
    let end = report.end;
    Err(format!("{end:?}\n{}\n{}", said.join("\n"), report.console.join("\n")).into())
}

/// The scenarios that say enough of a place on a host with IPVS, each to its own end, once per test process.
fn natively() -> Result<&'static Value, Failed> {
    static REPORT: OnceLock<Result<Value, String>> = OnceLock::new();
    let report = REPORT.get_or_init(|| {
        run_natively("natively", driver::ENOUGH_SCENARIOS)
            .map_err(|failed| failed.message().unwrap_or("it failed").to_owned())
    });
    report.as_ref().map_err(|error| error.as_str().into())
}

fn run_natively(name: &str, scenarios: &str) -> Result<Value, Failed> {
    let share = machine(
        name,
        &["run", "--jobs", "2", "--observe-at-most", "7h", scenarios],
    )?;
    driver::Ended::of(&share).expect_code(0);
    Ok(json(&share.join("out/report.json")))
}

/// The same in guests.
fn in_guests() -> &'static Value {
    static REPORT: OnceLock<Value> = OnceLock::new();
    REPORT.get_or_init(|| {
        let files = shipped_for_a_place();
        let sample = sample::filters(&files, driver::FEW, &[]);
        run_in_guests("in-guests", &files, &sample)
    })
}

fn run_in_guests(name: &str, scenarios: &[PathBuf], filters: &[String]) -> Value {
    let out = results(name).join("out");
    let mut command = lvs_matrix();
    command.arg("run").args(scenarios).args(filters);
    say(command.arg("--out").arg(&out)).expect_code(0);
    json(&out.join("report.json"))
}

/// The cells of a report by their ids.
fn cells(report: &Value) -> BTreeMap<&str, &Value> {
    let cells = report["cells"].as_array().unwrap().iter();
    cells.map(|cell| (cell["id"].as_str().unwrap(), cell)).collect()
}

/// What a cell came to, without its times: behaviour, how a hang ended, error, server, verdict. At age 0 no
/// rule says which of two ends a hang has (scenarios/hang-to-the-end.yaml), so the errno of a hang that
/// lasted for a quarter of an hour is left out.
fn essence(cell: &Value) -> Value {
    let quarter = cell["silence-ns"]
        .as_f64()
        .is_some_and(|silence| silence > 840.0 * S);
    serde_json::json!({
        "behaviour": cell["behaviour"],
        "ends": cell["ends"],
        "article": cell["article"],
        "classic": cell["error"]["classic"],
        "errno": if quarter { Value::Null } else { cell["error"]["errno"].clone() },
        "served-by": cell["operation"]["served-by"],
        "verdict": cell["verdict"]["result"],
    })
}

/// Did the director, whose entry was over, end the hang?
fn forgotten(cell: &Value) -> bool {
    let mut terminators = cell["terminators"].as_array().unwrap().iter();
    terminators.any(|terminator| terminator["kind"] == "RST" && terminator["by"] == "director")
}

fn parity() -> Result<(), Failed> {
    assert!(same_in_both_places(natively()?, in_guests()) >= 34);
    Ok(())
}

/// `all`, or the name of a shipped file.
fn wider_parity(scenarios: &str) -> Result<(), Failed> {
    let (words, mut files, least) = match scenarios {
        "all" => (driver::ALL_SCENARIOS, support::shipped(), 441),
        file => (file, support::shipped(), 1),
    };
    files.retain(|path| scenarios == "all" || path.ends_with(scenarios));
    if files.is_empty() {
        return Err(format!(
            "LVS_MATRIX_PARITY is {scenarios:?}; it can be all, or the name of a file of scenarios/"
        )
        .into());
    }
    let host = run_natively("more-natively", words)?;
    let compared = same_in_both_places(&host, &run_in_guests("more-in-guests", &files, &[]));
    assert!(compared >= least, "{compared}");
    Ok(())
}

/// Every behaviour is the same in both places, and so are the times, within bounds. What was no silence
/// differs by less than a second, or by an eighth: so late may a timer be (kernel/time/timer.c: the wheel's
/// steps), and keepalive waits for several. A hang ends with a retransmission, and a timer that is a little
/// later can leave that to the next one: which comes after at most as long again, as gaps double, and never
/// after more than about TCP_RTO_MAX, 120 s. The director's timer of 900 s, whose end draws an RST, may be
/// later by up to 41 s (at 100 Hz the wheel has steps of 4096 jiffies beyond 322 s), and leave it to the next
/// but one. Gives the number of cells.
fn same_in_both_places(host: &Value, guest: &Value) -> usize {
    let (host, guest) = (cells(host), cells(guest));
    assert_eq!(host.keys().collect::<Vec<_>>(), guest.keys().collect::<Vec<_>>());
    for (id, there) in &host {
        let here = guest[id];
        assert_eq!(
            essence(there),
            essence(here),
            "{id}\nhost: {there:#}\nguest: {here:#}"
        );
        let time = |cell: &Value| cell["operation"]["time-ns"].as_f64().unwrap() / S;
        let (there_took, here_took) = (time(there), time(here));
        let bound = match here["behaviour"].as_str() {
            Some("hung") => {
                let next = (here_took.min(there_took) * 1.1).min(125.0);
                if forgotten(there) || forgotten(here) {
                    next.max(60.0)
                } else {
                    next
                }
            }
            _ => (here_took.min(there_took) / 8.0).max(1.0),
        };
        assert!(
            (there_took - here_took).abs() <= bound,
            "{id}: {there_took} s on a host, {here_took} s in a guest"
        );
        assert_eq!(there["environment"]["place"], "host", "{id}");
        assert_eq!(here["environment"]["place"], "guest", "{id}");
        assert_eq!(
            there["environment"]["kernel"], here["environment"]["kernel"],
            "{id}"
        );
    }
    host.len()
}

/// Under the limit that is the default in real time: cells that wait longer are not run, hangs go on beyond
/// it, and all else is decided as ever.
fn limit() -> Result<(), Failed> {
    let share = machine(
        "limit",
        &[
            "run",
            "--jobs",
            "2",
            "--filter",
            "hang-to-the-end",
            "--filter",
            "re-add-recovers",
            "--filter",
            "silent-server",
            "--filter",
            "other-server/",
            "--filter",
            "real-server=absent,mysqld=up,expire-nodest-conn=0",
            driver::ENOUGH_SCENARIOS,
        ],
    )?;
    let ended = driver::Ended::of(&share).expect_code(3);
    assert!(ended.stderr.contains("in real time"), "{}", ended.stderr);
    let report = json(&share.join("out/report.json"));
    assert_eq!(compare_as_far_as_known(&report, in_guests()), 7, "{report:#}");
    let of = |id: &str| cell(&report, id);
    for id in [
        "config-change/absent_up_execute-sql_0",
        "hang-to-the-end/0s",
        "silent-server/only",
    ] {
        let cell = of(id);
        assert_eq!(cell["behaviour"], "hung", "{cell:#}");
        assert_eq!(cell["cut-to-ns"], 60_000_000_000_u64, "{cell:#}");
        assert_eq!(cell["verdict"]["result"], "undetermined", "{cell:#}");
        assert!(cell["verdict"].to_string().contains("within 1m"), "{cell:#}");
    }
    for id in [
        "hang-to-the-end/120s",
        "hang-to-the-end/890s",
        "re-add-recovers/only",
    ] {
        let cell = of(id);
        assert_eq!(cell["behaviour"], "undetermined", "{cell:#}");
        assert!(
            cell["verdict"].to_string().contains("the cell was not run"),
            "{cell:#}"
        );
    }
    Ok(())
}

/// The same machine with a clock that nobody bends: what is seen in real time is what is seen in virtual
/// time.
fn real_time() -> Result<(), Failed> {
    let cells = [
        "--filter=real-server=absent,mysqld=up,expire-nodest-conn=0",
        "--filter=silent-server",
        "--filter=other-server/none",
    ];
    let words = [
        "run",
        "--jobs",
        "5",
        "--observe-at-most",
        "30s",
        cells[0],
        cells[1],
        cells[2],
        driver::ENOUGH_SCENARIOS,
    ];
    let begun = Instant::now();
    let share = machine_with("real-time", &words, None)?;
    driver::Ended::of(&share).expect_code(3);
    assert!(begun.elapsed() > Duration::from_secs(30), "that was no real time");
    let report = json(&share.join("out/report.json"));
    assert_eq!(compare_as_far_as_known(&report, in_guests()), 5, "{report:#}");
    for id in ["config-change/absent_up_execute-sql_0", "silent-server/only"] {
        assert_eq!(cell(&report, id)["cut-to-ns"], 30_000_000_000_u64);
    }
    Ok(())
}

/// Nothing that both know differs, and what is not known is so for the limit's sake alone. Gives how many
/// behaviours were compared.
fn compare_as_far_as_known(report: &Value, whole: &Value) -> usize {
    let (cut, whole) = (cells(report), cells(whole));
    let mut known = 0;
    for (id, there) in &cut {
        let here = whole[id];
        let why = there["verdict"].to_string();
        if there["behaviour"] == "undetermined" {
            assert!(why.contains("the cell was not run"), "{id}: {there:#}");
            continue;
        }
        known += 1;
        assert_eq!(there["behaviour"], here["behaviour"], "{id}: {there:#}");
        assert_eq!(there["article"], here["article"], "{id}: {there:#}");
        if there["verdict"]["result"] == "undetermined" {
            assert!(why.contains("--observe-at-most"), "{id}: {there:#}");
        } else {
            assert_eq!(essence(there), essence(here), "{id}");
        }
    }
    known
}

fn privileges() -> Result<(), Failed> {
    let share = machine(
        "privileges",
        &["look", "--filter", "present_up_waiting_0", "config-change.yaml"],
    )?;
    let ended = driver::Ended::of(&share).expect_code(0);
    assert!(
        ended.stderr.contains("place: this host's own kernel"),
        "{}",
        ended.stderr
    );
    let seen = json(&share.join("seen.json"));
    let seen = seen.as_array().unwrap();
    let named = |name: &str| {
        let found: Vec<&Value> = seen.iter().filter(|process| process["name"] == name).collect();
        assert!(!found.is_empty(), "no {name} was seen: {seen:#?}");
        found
    };
    for server in named("mariadbd") {
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(server[set], "0000000000000000", "{server:#}");
        }
        assert_eq!(server["Uid"], "65534 65534 65534 65534", "{server:#}");
        assert_eq!(server["NoNewPrivs"], "1", "{server:#}");
    }
    // The client is a thread of the payload; a thread's capabilities are its own.
    for client in named("client") {
        assert_eq!(client["CapEff"], "0000000000000000", "{client:#}");
        assert_eq!(client["Uid"], "65534 65534 65534 65534", "{client:#}");
    }
    assert_eq!(json(&share.join("left.json")), serde_json::json!([]));
    Ok(())
}

fn killed() -> Result<(), Failed> {
    // 200 in both places together take the machine for a quarter of an hour.
    let more = if std::env::var("LVS_MATRIX_KILLS")
        .is_ok_and(|text| text.parse().is_ok_and(|kills: u32| kills >= 200))
    {
        "188"
    } else {
        "4"
    };
    let share = machine("killed", &["kill", more, "--jobs", "2", "config-change.yaml"])?;
    assert_eq!(json(&share.join("left.json")), serde_json::json!([]));
    Ok(())
}

/// A host whose own table has a service is left alone; `auto` says why it takes guests.
fn in_use() -> Result<(), Failed> {
    let share = machine("in-use", &["in-use", "config-change.yaml"])?;
    let ended = driver::Ended::of(&share).expect_code(69);
    for words in ["a director in use", "1 virtual service", "--place guest"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    assert_eq!(ended.stdout, "");
    // The doctor says the same, and without the service that all is well.
    let found = json(&share.join("before.json"))["found"].to_string();
    assert!(found.contains("with IPVS"), "{found}");
    let after = json(&share.join("after.json"));
    assert!(
        after["missing"].to_string().contains("a director in use"),
        "{after:#}"
    );
    assert!(after["cure"].to_string().contains("--place guest"), "{after:#}");
    assert!(!share.join("out").exists(), "half-written");
    Ok(())
}

/// What snapshots print in place of ipvsadm(8) is what ipvsadm of this machine prints.
fn tables() -> Result<(), Failed> {
    let shown = json(&machine("tables", &["tables"])?.join("tables.json"));
    let text = |of: &str, index: usize| shown[of][index].as_str().unwrap().to_owned();
    let (services, entries) = (text("kernel", 0), text("kernel", 1));
    let first = services.lines().next().unwrap();
    let below = Table::of_kernel(&services).unwrap().print().unwrap();
    assert_eq!(format!("{first}\n{below}"), text("ipvsadm", 0));
    let entries = Connections::of_kernel(&entries).unwrap();
    assert!(!entries.entries.is_empty());
    assert_eq!(entries.print().unwrap(), text("ipvsadm", 1));
    Ok(())
}

/// The shipped scenarios on this machine's own kernel, against the cells that are kept as fixtures: there may
/// be no guest kernel here. Of the other cells the scenarios alone say what must come out. That this machine
/// cannot do it is a failure.
fn on_this_host() -> Result<(), Failed> {
    let out = results("this-host").join("out");
    let mut command = lvs_matrix();
    command
        .args(["run", "--place", "host", "--jobs", "8"])
        .args(shipped_for_a_place())
        .arg("--out")
        .arg(&out);
    let said = say(&mut command);
    let code = shell_code(said.status);
    assert!([0, 3].contains(&code), "{said:#?}");
    let report = json(&out.join("report.json"));
    let kept = json(&lvs_matrix_archive::kept().join("report.json"));
    let fixtures = cells(&kept);
    let mut both = report.clone();
    let own = both["cells"].as_array_mut().unwrap();
    own.retain(|cell| fixtures.contains_key(cell["id"].as_str().unwrap()));
    let known = compare_as_far_as_known(&both, &kept);
    assert!(known >= 20, "only {known} are known");
    for (id, cell) in cells(&report) {
        let why = cell["verdict"].to_string();
        // Nobody waits for a quarter of an hour.
        let cut = why.contains("the cell was not run") || why.contains("--observe-at-most");
        let result = cell["verdict"]["result"].as_str().unwrap();
        let right = ["met", "observed-only"].contains(&result) || (result == "undetermined" && cut);
        assert!(right, "{id}: {cell:#}");
    }
    for (id, cell) in cells(&report) {
        assert_eq!(cell["environment"]["place"], "host", "{id}");
    }
    assert!(Path::new(&out).join("report.md").is_file());
    Ok(())
}
