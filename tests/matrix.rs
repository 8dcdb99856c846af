//! The matrix: all shipped scenarios, whichever they are, in one run of the program in guests. Of those with
//! many cells a sample is run; with `LVS_MATRIX_WHOLE=1`, which `make matrix` sets, every cell.
//!
//! What a client must live through is said in the scenarios. Of each cell the report is held against its
//! record, against what tcpdump(8) says of its packets, and against the second judge; it must have an
//! explanation whose packets are the right ones. Of the article's cells and some forty others it is said
//! here a second time, independently and in more detail: the codes that the classic client shows, and who
//! sent what the client learnt it by. A new scenario needs no change here.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and shows figures on its own standard error"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

#[path = "matrix/actions.rs"]
mod actions;
#[path = "matrix/article.rs"]
mod article;
#[path = "matrix/cells.rs"]
mod cells;
#[path = "matrix/every.rs"]
mod every;
#[path = "matrix/explained.rs"]
mod explained;
#[path = "matrix/faults.rs"]
mod faults;
#[path = "../harness/explain/tests/explain/goes_with.rs"]
#[expect(dead_code, reason = "shared with the tests of explain")]
mod goes_with;
#[path = "matrix/hangs.rs"]
mod hangs;
#[path = "matrix/lived.rs"]
mod lived;
#[path = "matrix/outputs.rs"]
mod outputs;
#[path = "support/sample.rs"]
mod sample;
#[path = "matrix/timeouts.rs"]
mod timeouts;
#[path = "matrix/transactions.rs"]
mod transactions;

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use support::processes::{guests, peak_memory_kib};
use support::{
    Running, captures, cell, copy_folder, json, lvs_matrix, records, results, say, shell_code, shipped,
};

/// A second in nanoseconds, the report's unit.
const S: i64 = 1_000_000_000;
/// The files of a report.
const REPORTS: [(&str, &str); 4] = [
    ("report.md", "markdown"),
    ("report.html", "html"),
    ("report.json", "json"),
    ("junit.xml", "junit"),
];

/// Hundreds of cells do not take this long, not even on a machine that does much else.
const ALL_STUCK: Duration = Duration::from_secs(1800);

/// Scenarios with up to so many cells are run whole.
const FEW: usize = 12;

/// The larger scenarios that tests here speak of, and cells of those that are larger still. A new one is
/// named here, too.
const NAMED: [&str; 24] = [
    "article/",
    "client-actions/",
    "client-timeouts/",
    "config-change/",
    "drain/",
    "transactions/",
    "faults/drop-input_execute-sql_0",
    "faults/host-off_execute-sql_0",
    "faults/host-off_new-connection_0",
    "faults/link-down_execute-sql_0",
    "faults/link-down_waiting_0",
    "faults/loss_waiting_0",
    "faults/mysqld-frozen_execute-sql_0",
    "faults/mysqld-frozen_waiting_1",
    "faults/mysqld-killed_execute-sql_0",
    "faults/reject-input_execute-sql_0",
    "faults/reject-input_new-connection_1",
    "faults/reset-input_execute-sql_0",
    "faults/service-deleted_execute-sql_0",
    "faults/weight-0_execute-sql_0",
    "faults/weight-0_new-connection_0",
    "delete-variants/real-server-re-added_one_execute-sql_0",
    "delete-variants/service_none_execute-sql_0",
    "delete-variants/service_one_execute-sql_0",
];

/// Which cells: the words of `run` and `list`.
fn chosen() -> Vec<String> {
    match std::env::var_os("LVS_MATRIX_WHOLE") {
        Some(_) => Vec::new(),
        None => sample::filters(&shipped(), FEW, &NAMED),
    }
}

/// The run that all tests here look at.
struct Run {
    out: PathBuf,
    code: i32,
    stdout: String,
    stderr: String,
    report: Value,
    /// The largest peak of a guest's memory that was seen while it ran, KiB.
    peak_memory_kib: u64,
}

/// Runs the shipped scenarios, once per test process.
fn run() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| {
        let folder = results("matrix");
        let out = folder.join("out");
        let stdout = folder.join("stdout");
        let begun = Instant::now();
        let mut command = lvs_matrix();
        command
            .arg("run")
            .args(shipped())
            .args(chosen())
            .arg("--out")
            .arg(&out);
        let mut running = Running::start(command.stdout(fs::File::create(&stdout).unwrap()), &out);
        let mut peak = 0;
        let status = loop {
            if let Some(status) = running.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < ALL_STUCK, "stuck: {}", out.display());
            let now = guests(running.pid(), &out);
            peak = now
                .iter()
                .filter_map(peak_memory_kib)
                .chain([peak])
                .max()
                .unwrap();
            std::thread::sleep(Duration::from_millis(50));
        };
        eprintln!("the shipped scenarios took {:?}", begun.elapsed());
        let (stdout, stderr) = (fs::read_to_string(stdout).unwrap(), running.stderr());
        let report = out.join("report.json");
        assert!(
            report.is_file(),
            "no report in {}: {status}\n{stdout}{stderr}",
            out.display()
        );
        Run {
            code: shell_code(status),
            report: json(&report),
            out,
            stdout,
            stderr,
            peak_memory_kib: peak,
        }
    })
}

/// A line for each cell that is not as its scenario expects, and why.
fn unmet() -> String {
    let cells = run().report["cells"].as_array().unwrap().iter();
    let other = cells.filter(|cell| {
        let result = cell["verdict"]["result"].as_str().unwrap();
        !["met", "observed-only"].contains(&result)
    });
    let lines = other.map(|cell| format!("{}: {}", cell["id"], cell["verdict"]));
    lines.collect::<Vec<_>>().join("\n")
}

fn record(cell: &Value) -> Value {
    json(&run().out.join(cell["record"].as_str().unwrap()))
}

fn capture(cell: &Value) -> Vec<String> {
    captures::tcpdump(&run().out.join(cell["capture"].as_str().unwrap()))
}

/// What `list` says of the shipped cells that these words choose.
fn listed(filters: &[String]) -> Vec<Value> {
    let said = say(lvs_matrix()
        .arg("list")
        .args(shipped())
        .args(filters)
        .args(["--format", "json"]))
    .expect_code(0);
    serde_json::from_str(&said.stdout).unwrap()
}

/// In the sample every value of every axis is, and it is small.
#[test]
fn the_sample_has_every_value() {
    let values = |cells: &[Value]| -> BTreeSet<String> {
        let of = |cell: &Value| -> Vec<String> {
            let scenario = cell["id"].as_str().unwrap().split('/').next().unwrap().to_owned();
            let values = cell["values"].as_array().unwrap().iter();
            values.map(|value| format!("{scenario}: {value}")).collect()
        };
        cells.iter().flat_map(of).collect()
    };
    let (all, sample) = (listed(&[]), listed(&sample::filters(&shipped(), FEW, &NAMED)));
    assert!(sample.len() * 3 < all.len(), "{} of {}", sample.len(), all.len());
    let missing: Vec<String> = values(&all).difference(&values(&sample)).cloned().collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The run has exactly the cells that were chosen, some of each shipped scenario.
#[test]
fn no_cell_is_forgotten() {
    let listed = listed(&chosen());
    let listed: BTreeSet<&str> = listed.iter().map(|cell| cell["id"].as_str().unwrap()).collect();
    let reported = run().report["cells"].as_array().unwrap().iter();
    assert_eq!(
        reported
            .map(|cell| cell["id"].as_str().unwrap())
            .collect::<BTreeSet<_>>(),
        listed
    );
}

#[test]
fn the_run_ends_well_and_says_where_the_report_is() {
    let run = run();
    assert_eq!(unmet(), "", "exit code {}", run.code);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let last: Vec<&str> = run.stdout.lines().rev().take(2).collect();
    let (html, markdown) = (run.out.join("report.html"), run.out.join("report.md"));
    let (html, markdown) = (html.display(), markdown.display());
    assert_eq!(
        last[0],
        format!("report: {html} (for a browser; as text: {markdown})")
    );
    // The command that says why is about a cell that hung, and works as it stands.
    let why: Vec<&str> = last[1].strip_prefix("why: ").unwrap().split(' ').collect();
    let hung = cell(&run.report, why[2]);
    assert_eq!(hung["behaviour"], "hung", "{}", last[1]);
    let said = say(std::process::Command::new(why[0]).args(&why[1..])).expect_code(0);
    assert!(said.stdout.contains("What avoids it:"), "{}", said.stdout);
    let ng = run.report["cells"].as_array().unwrap().iter();
    let ng = ng.filter(|cell| cell["behaviour"] == "hung").count();
    let told = format!(
        "in {ng} of {} cells the client hung",
        run.report["totals"]["cells"]
    );
    assert!(run.stdout.contains(&told), "{told}");
    assert_eq!(run.report["state"], "ended");
    // Of a cell that is observed only nothing is expected: it is met by no expectation.
    let count = |what: &str| run.report["totals"][what].as_u64().unwrap_or(0);
    assert_eq!(
        count("met") + count("observed-only"),
        count("cells"),
        "{}",
        run.report["totals"]
    );
    // Progress: every cell once, and nothing went wrong on the way.
    let all = run.report["cells"].as_array().unwrap().iter();
    let ids: Vec<&str> = all.map(|cell| cell["id"].as_str().unwrap()).collect();
    for id in &ids {
        let told = run
            .stderr
            .lines()
            .filter(|line| line.ends_with(&format!("  {id}")));
        assert_eq!(told.count(), 1, "{id} in:\n{}", run.stderr);
    }
    // The names of cells aside: one scenario is about errors.
    let of_cells = |line: &&str| ids.iter().any(|id| line.ends_with(&format!("  {id}")));
    let mut said = run.stderr.lines().filter(|line| !of_cells(line));
    assert!(
        !said.any(|line| line.contains("error") || line.contains("early")),
        "{}",
        run.stderr
    );
}

/// A guest's memory stays below a gibibyte.
#[test]
fn a_guest_needs_no_more_than_a_gibibyte() {
    let peak = run().peak_memory_kib;
    eprintln!("peak memory of a guest: {} MiB", peak / 1024);
    assert!(peak > 0, "no guest was seen");
    assert!(peak <= 1024 * 1024, "{peak} KiB");
}
