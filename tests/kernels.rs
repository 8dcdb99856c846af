//! `run --kernels`: each cell on each kernel, in one folder and one report, and what other commands make of
//! such a run. The kernels here are one binary by two names: what they do must be the same.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use support::{Said, cell, copy_folder, lvs_matrix, records, results, say};

/// A cell that hangs, and the same one with a sysctl by which it fails fast.
const HUNG: &str = "config-change/absent_up_execute-sql_0";
const FAST: &str = "config-change/absent_up_execute-sql_1";

/// The guest kernels that the cache has, oldest first.
fn cached() -> Vec<Value> {
    let said = say(lvs_matrix().args(["kernel", "list", "--format", "json"])).expect_code(0);
    let mut list: Vec<Value> = serde_json::from_str(&said.stdout).unwrap();
    list.retain(|kernel| kernel["kind"] == "user-mode" && kernel["current"] == true);
    list.reverse();
    list
}

/// The oldest and the newest line that are cached: what depends on the version is as it is expected on both.
#[test]
fn what_depends_on_the_version_on_the_oldest_and_the_newest() {
    let cached = cached();
    let version = |kernel: Option<&Value>| kernel.unwrap()["version"].as_str().unwrap().to_owned();
    let mut kernels = vec![version(cached.first()), version(cached.last())];
    kernels.dedup();
    let out = results("lines").join("out");
    let mut run = lvs_matrix();
    run.args([
        "run",
        "kernel-versions",
        "--quiet",
        "--kernels",
        &kernels.join(","),
    ]);
    say(run.arg("--out").arg(&out)).expect_code(0);
    let report = support::json(&out.join("report.json"));
    let cells = report["cells"].as_array().unwrap();
    // On some lines nothing is expected of some.
    let result = |cell: &Value| cell["verdict"]["result"].as_str().unwrap().to_owned();
    let met = cells.iter().filter(|cell| result(cell) == "met").count();
    let observed = cells.iter().filter(|cell| result(cell) == "observed-only");
    assert_eq!(met + observed.count(), cells.len());
    assert!(met >= 5 * kernels.len(), "{met}");
    assert!(cells.len() >= 6 * kernels.len(), "{}", cells.len());
}

/// The kernel of these tests: its version, its line, and its binary.
fn kernel() -> (String, String, String) {
    let kernels = cached();
    let preferred = kernels.iter().find(|kernel| {
        let version = kernel["version"].as_str().unwrap();
        version.starts_with("7.2.")
    });
    let kernel = preferred.unwrap_or_else(|| kernels.last().unwrap());
    let text = |field: &str| kernel[field].as_str().unwrap().to_owned();
    let version = text("version");
    let (line, _) = version.rsplit_once('.').unwrap();
    (version.clone(), line.to_owned(), text("path"))
}

fn run(kernels: &str, out: &Path, more: &[&str]) -> Said {
    let two = ["--quiet", "--filter", HUNG, "--filter", FAST];
    let mut run = lvs_matrix();
    run.args(["run", "--kernels", kernels]).args(two).args(more);
    say(run.arg("--out").arg(out))
}

/// A run of two cells on two kernels, and the names of these.
fn original() -> &'static (PathBuf, String, String) {
    static RUN: OnceLock<(PathBuf, String, String)> = OnceLock::new();
    RUN.get_or_init(|| {
        let (version, line, binary) = kernel();
        let out = results("kernels").join("original");
        run(&format!("{line},{binary}"), &out, &[]).expect_code(0);
        (out, line, version)
    })
}

fn copy(name: &str) -> PathBuf {
    let out = original().0.with_file_name(name);
    copy_folder(&original().0, &out);
    out
}

#[test]
fn each_cell_is_run_on_each_kernel() {
    let (out, line, version) = original();
    let run = support::json(&out.join("run.json"));
    let kernels = run["kernels"].as_array().unwrap();
    assert_eq!(kernels.len(), 2);
    assert_eq!(kernels[0]["id"], **line);
    assert_eq!(kernels[1]["id"], **version);
    assert_eq!(run["hashes"]["kernel"], Value::Null);
    assert_eq!(records(out).len(), 4);
    let report = support::json(&out.join("report.json"));
    for id in [HUNG, FAST] {
        for (kernel, known) in [line, version].into_iter().zip(kernels) {
            let id = format!("{id}@linux-{kernel}");
            assert_eq!(cell(&report, &id)["kernel"], **kernel);
            let record = support::json(&out.join(&id).join("record.json"));
            assert_eq!(record["plan"]["cell"]["kernel"], **kernel);
            // Each guest says by itself which kernel it ran.
            let environment = &record["environment"];
            assert_eq!(environment["kernel"], format!("Linux {version}"));
            assert_eq!(environment["hashes"]["kernel"], known["sha256"]);
        }
    }
    let side_by_side = report["on-kernels"].as_array().unwrap();
    assert_eq!(side_by_side.len(), 2);
    for on in side_by_side {
        assert_eq!(on["agree"], true, "{on:#}");
        assert_eq!(on["outcomes"][0]["kernels"], json!([line, version]));
    }
    let page = fs::read_to_string(out.join("report.md")).unwrap();
    let said = format!("On {line}, {version}: in 2 of 2 cells all kernels agree.");
    assert!(page.contains(&said), "{page}");
    let junit = fs::read_to_string(out.join("junit.xml")).unwrap();
    let agrees = format!("<property name=\"agrees-with\" value=\"{version}\"/>");
    assert_eq!(junit.matches(&agrees).count(), 2, "{junit}");
}

#[test]
fn a_cell_of_several_kernels_is_named_with_its_kernel() {
    let (out, line, _) = original();
    let explain = |id: &str, code: i32| {
        let mut explain = lvs_matrix();
        say(explain.args(["explain", id, "--run"]).arg(out)).expect_code(code)
    };
    let said = explain(&format!("{HUNG}@linux-{line}"), 0);
    assert!(
        said.stdout.contains("Rule entry-without-server"),
        "{}",
        said.stdout
    );
    let said = explain(HUNG, 2);
    assert!(said.stderr.contains("fits 2 cells"), "{}", said.stderr);
}

/// What was not met on one kernel is run again on that one, by its name in the run.
#[test]
fn what_failed_on_one_kernel_is_taken_up_on_that_one() {
    let (out, version) = (copy("failed"), &original().2);
    let failed = format!("{HUNG}@linux-{version}");
    fs::remove_file(out.join(&failed).join("capture.pcapng")).unwrap();
    say(lvs_matrix().arg("judge").arg(&out)).expect_code(3);
    let report = support::json(&out.join("report.json"));
    let on = &report["on-kernels"][0];
    assert_eq!((&on["agree"], &on["unknown"]), (&Value::Null, &json!([version])));
    let again = out.with_file_name("again");
    let mut run = lvs_matrix();
    run.args(["run", "--quiet"])
        .arg(format!("--failed={}", out.display()));
    say(run.arg("--out").arg(&again)).expect_code(0);
    assert_eq!(records(&again), vec![again.join(&failed).join("record.json")]);
}

#[test]
fn parts_and_runs_of_a_kernel_each_are_merged() {
    let (out, line, version) = original();
    let both = |name: &str| out.with_file_name(name);
    let binary = kernel().2;
    let asked = format!("{line},{binary}");
    for (name, part) in [
        ("part-1", "slice:1/3"),
        ("part-2", "slice:2/3"),
        ("part-3", "slice:3/3"),
    ] {
        run(&asked, &both(name), &["--partition", part]).expect_code(0);
    }
    run(line, &both("first"), &[]).expect_code(0);
    run(&binary, &both("second"), &[]).expect_code(0);
    let parts: &[&str] = &["part-2", "part-1", "part-3"];
    let selected = |out: &Path| support::json(&out.join("run.json"))["selected"].clone();
    let of_parts = both("of-parts");
    for (whole, from) in [(&of_parts, parts), (&both("of-runs"), &["first", "second"])] {
        let mut merge = lvs_matrix();
        merge.arg("merge").args(from.iter().map(|name| both(name)));
        say(merge.arg("--out").arg(whole)).expect_code(0);
        assert_eq!(records(whole).len(), 4);
        let report = support::json(&whole.join("report.json"));
        assert_eq!(report["on-kernels"].as_array().unwrap().len(), 2);
        for on in report["on-kernels"].as_array().unwrap() {
            assert_eq!(on["agree"], true, "{on:#}");
        }
        let ids: Vec<&Value> = report["kernels"].as_array().unwrap().iter().collect();
        assert_eq!(ids.len(), 2);
        assert_eq!((&ids[0]["id"], &ids[1]["id"]), (&json!(line), &json!(version)));
    }
    assert_eq!(selected(&of_parts), selected(out));
    // Another binary by the same name is no part of this run.
    let path = both("second").join("run.json");
    let mut other = support::json(&path);
    other["kernels"][0]["id"] = json!(line);
    other["kernels"][0]["sha256"] = json!("0");
    fs::write(&path, other.to_string()).unwrap();
    let mut merge = lvs_matrix();
    merge.arg("merge").args([both("first"), both("second")]);
    let said = say(merge.arg("--out").arg(both("refused"))).expect_code(2);
    assert!(
        said.stderr.contains(&format!("different guest kernels {line}")),
        "{}",
        said.stderr
    );
}

#[test]
fn kernels_are_compared_with_each_other_and_with_other_runs() {
    let (out, line, version) = original();
    let diff = |a: &Path, b: &Path, kernels: &str, code: i32| {
        let mut diff = lvs_matrix();
        diff.arg("diff").args([a, b]);
        if !kernels.is_empty() {
            diff.args(["--kernels", kernels]);
        }
        say(&mut diff).expect_code(code)
    };
    let said = diff(out, out, &format!("{line},{version}"), 0);
    assert!(
        said.stdout.contains("0 of 2 cells in both runs changed"),
        "{}",
        said.stdout
    );
    let said = diff(out, out, "", 0);
    assert!(
        said.stdout.contains("0 of 4 cells in both runs changed"),
        "{}",
        said.stdout
    );
    let said = diff(out, out, &format!("{line},5.4"), 2);
    assert!(
        said.stderr.contains("has no kernel 5.4; its kernels:"),
        "{}",
        said.stderr
    );
    // A run without --kernels stands beside the kernel of its line, and is refused if there is none.
    let plain = out.with_file_name("plain");
    let mut run = lvs_matrix();
    run.args(["run", "--quiet", "--filter", HUNG, "--filter", FAST, "--out"]);
    say(run.arg(&plain)).expect_code(0);
    let said = diff(&plain, out, "", 0);
    assert!(
        said.stdout.contains("0 of 2 cells in both runs changed"),
        "{}",
        said.stdout
    );
    let other = copy("other-line");
    let path = other.join("run.json");
    let mut run = support::json(&path);
    for kernel in run["kernels"].as_array_mut().unwrap() {
        kernel["kernel"] = json!("Linux 5.10.262");
    }
    fs::write(&path, run.to_string()).unwrap();
    let said = diff(&plain, &other, "", 2);
    assert!(
        said.stderr.contains("none of the other run's kernels"),
        "{}",
        said.stderr
    );
}

#[test]
fn kernels_that_could_not_be_told_apart_are_refused() {
    let (version, line, binary) = kernel();
    let out = results("kernels-refused").join("out");
    let refused = |kernels: &str, more: &[&str]| {
        let said = run(kernels, &out, more).expect_code(2);
        assert!(!out.exists());
        said.stderr
    };
    let said = refused(&format!("{line},{line}"), &[]);
    assert!(said.contains(&format!("are both called {line}")), "{said}");
    let said = refused(&format!("{version},{binary}"), &[]);
    assert!(said.contains(&format!("are both called {version}")), "{said}");
    let said = refused(&line, &["--filter", "kernel=5.4"]);
    assert!(said.contains("axis `kernel` has no value `5.4`"), "{said}");
    let said = refused("linux", &[]);
    assert!(said.contains("versions such as 6.1"), "{said}");
    let said = refused(&line, &["--place", "host"]);
    assert!(said.contains("--kernels names kernels of guests"), "{said}");
    let said = run(&format!("{line},1.0"), &out, &[]).expect_code(69).stderr;
    assert!(said.contains("of version 1.0"), "{said}");
}

/// A run is held against what is expected on its own kernel, and refused if nothing is.
#[test]
fn expectations_are_those_of_the_kernel() {
    let (_, line, binary) = kernel();
    let folder = results("kernels-expected");
    let file = folder.join("mine.yaml");
    let text = |kernel: &str| {
        format!(
            "name: mine\nclaim: A connect is answered.\nlab: {{ real-servers: {{ rs1: {{}} }} }}\n\
             act: [{{ connect: {{}} }}]\nobserve: {{ patience: 5s, until: 1m }}\nexpect:\n  \
             - {{ when: {{ kernel: \"<{kernel}\" }}, behaviour: failed-fast }}\n  \
             - {{ when: {{ kernel: \"{kernel}\" }}, behaviour: answered }}\n"
        )
    };
    fs::write(&file, text(&line)).unwrap();
    let mut run = lvs_matrix();
    run.args(["run", "--quiet", "--kernel", &binary]).arg(&file);
    say(run.arg("--out").arg(folder.join("met"))).expect_code(0);
    let junit = fs::read_to_string(folder.join("met/junit.xml")).unwrap();
    assert!(junit.contains("line=\"8\""), "the second expectation: {junit}");
    let check = |kernels: &str, code: i32| {
        let mut check = lvs_matrix();
        say(check.arg("check").arg(&file).args(["--kernels", kernels])).expect_code(code)
    };
    check(&format!("5.4,{line}"), 0);
    let said = check(&format!("{line},99.1"), 2).stderr;
    assert!(said.contains("a cell has no expectation on Linux 99.1"), "{said}");
    fs::write(&file, text("99.1").replace("\"<99.1\"", "\"<4.0\"")).unwrap();
    let mut run = lvs_matrix();
    run.args(["run", "--quiet", "--kernels", &line]).arg(&file);
    let said = say(run.arg("--out").arg(folder.join("refused")))
        .expect_code(2)
        .stderr;
    let uncovered = format!("a cell has no expectation on Linux {line}");
    assert!(
        said.contains(&uncovered) && !folder.join("refused").exists(),
        "{said}"
    );
}
