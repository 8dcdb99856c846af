//! What is made of a run's folder without running anything: pages, and what changes between two runs. The
//! runs are copies of the fixtures (`tests/fixtures/cells`, the folder of a run), as they are or altered,
//! each in one respect.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use support::{Said, copy_folder, lvs_matrix, records, results, say};

/// The article's hang.
const HUNG: &str = "config-change/absent_up_execute-sql_0";

/// The folder of a run.
fn stored() -> &'static Path {
    lvs_matrix_archive::kept()
}

/// A copy of it that may be altered.
fn copy() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let copy = results(&format!("outputs-{number}")).join("run");
    copy_folder(stored(), &copy);
    copy
}

fn page(run: &Path) -> PathBuf {
    run.join(HUNG).join("report.md")
}

/// A page that tells of a record which is gone would be a report of nothing.
#[test]
fn a_cell_that_cannot_be_read_any_more_loses_its_page() {
    let run = copy();
    // Fixtures are kept without pages.
    say(lvs_matrix().arg("judge").arg(&run)).expect_code(0);
    fs::write(run.join(HUNG).join("record.json"), "{").unwrap();
    assert!(page(&run).exists());
    say(lvs_matrix().arg("judge").arg(&run)).expect_code(3);
    assert!(!page(&run).exists());
    let top = fs::read_to_string(run.join("report.md")).unwrap();
    assert!(
        !top.contains(&format!("{HUNG}/report.md")),
        "a link to a page that is not there"
    );
    let said = say(lvs_matrix().arg("report").arg(&run).args(["--cell", HUNG])).expect_code(2);
    assert!(
        said.stderr.contains("has no record") && said.stderr.contains("cannot be understood"),
        "{said:#?}"
    );
}

/// Nothing is written outside of the run's folder.
#[test]
fn a_link_to_another_place_is_not_followed() {
    let run = copy();
    let elsewhere = run.with_file_name("elsewhere");
    fs::rename(run.join(HUNG), &elsewhere).unwrap();
    fs::write(elsewhere.join("report.md"), "theirs").unwrap();
    std::os::unix::fs::symlink(&elsewhere, run.join(HUNG)).unwrap();
    let said = say(lvs_matrix().arg("judge").arg(&run)).expect_code(2);
    assert!(said.stderr.contains("a link to another place"), "{said:#?}");
    assert_eq!(fs::read_to_string(elsewhere.join("report.md")).unwrap(), "theirs");
}

/// The language of a run is that of its reports for people, unless another is asked for. Programs read the
/// same in each.
#[test]
fn reports_can_be_had_in_chinese() {
    let run = copy();
    let read = |name: &str| fs::read_to_string(run.join(name)).unwrap();
    let judge = |arguments: &[&str]| say(lvs_matrix().arg("judge").arg(&run).args(arguments)).expect_code(0);
    let hang = format!("{HUNG}/report.md");
    // Fixtures are kept without pages.
    judge(&[]);
    let before = ["report.md", "report.html", "report.json", "junit.xml", &hang].map(read);
    judge(&["--lang", "zh"]);
    assert!(read("report.md").starts_with("# lvs-matrix：客户端会经历什么\n"));
    assert!(read("report.html").starts_with("<!doctype html>\n<html lang=\"zh-CN\">"));
    assert!(read(&hang).contains("\n## 时间线\n") && read(&hang).contains("**删除真实服务器 rs1**"));
    assert_eq!([read("report.json"), read("junit.xml")], before[2..4]);
    // The run is still an English one.
    judge(&[]);
    assert_eq!(
        ["report.md", "report.html", "report.json", "junit.xml", &hang].map(read),
        before
    );
    edit(&run.join("run.json"), |summary| summary["language"] = json!("zh"));
    let report = |arguments: &[&str]| say(lvs_matrix().arg("report").arg(&run).args(arguments));
    assert!(
        report(&[])
            .expect_code(0)
            .stdout
            .starts_with("# lvs-matrix：客户端")
    );
    assert_eq!(report(&["--lang", "en"]).expect_code(0).stdout, before[0]);
    let said = report(&["--lang", "fr"]).expect_code(2);
    assert!(
        said.stderr.contains("en (English) and zh (Simplified Chinese)"),
        "{said:#?}"
    );
}

#[test]
fn a_cell_is_named_by_its_id() {
    let report = |arguments: &[&str]| say(lvs_matrix().arg("report").arg(stored()).args(arguments));
    assert!(
        report(&["--cell", HUNG])
            .expect_code(0)
            .stdout
            .starts_with(&format!("# {HUNG}\n"))
    );
    for (arguments, words) in [
        (
            vec!["--cell", "config-change/nothing"],
            "has no cell `config-change/nothing`",
        ),
        (vec!["--cell", HUNG, "--format", "junit"], "markdown only"),
    ] {
        let said = report(&arguments).expect_code(2);
        assert!(said.stdout.is_empty() && said.stderr.contains(words), "{said:#?}");
    }
}

/// Changes a JSON file, and fails if the change changed nothing.
fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = support::json(path);
    let before = value.clone();
    change(&mut value);
    assert_ne!(value, before, "nothing was changed in {}", path.display());
    fs::write(path, serde_json::to_vec_pretty(&value).unwrap()).unwrap();
}

/// Puts what was seen in the cell `from` in the place of `to`: a real behaviour, where another one was.
fn transplant(run: &Path, from: &str, to: &str) {
    let plan = support::json(&run.join(to).join("record.json"))["plan"].clone();
    fs::copy(
        run.join(from).join("capture.pcapng"),
        run.join(to).join("capture.pcapng"),
    )
    .unwrap();
    fs::copy(
        run.join(from).join("record.json"),
        run.join(to).join("record.json"),
    )
    .unwrap();
    edit(&run.join(to).join("record.json"), |record| {
        record["plan"]["cell"] = plan["cell"].clone();
        record["plan"]["expected"] = plan["expected"].clone();
    });
}

fn diff(b: &Path, arguments: &[&str]) -> Said {
    say(lvs_matrix().arg("diff").arg(stored()).arg(b).args(arguments))
}

fn diff_json(b: &Path, code: i32) -> Value {
    serde_json::from_str(&diff(b, &["--format", "json"]).expect_code(code).stdout).unwrap()
}

#[test]
fn a_run_does_not_differ_from_itself() {
    let report = support::json(&stored().join("report.json"));
    let all = report["cells"].as_array().unwrap().len();
    for arguments in [[].as_slice(), &["--tolerance", "0"]] {
        let said = diff(stored(), arguments).expect_code(0);
        assert!(
            said.stdout.contains(&format!(
                "\n0 of {all} cells in both runs changed, {all} without a change. "
            )),
            "{}",
            said.stdout
        );
    }
    let read = diff_json(stored(), 0);
    assert_eq!(
        (&read["result"], &read["same"], &read["format"]),
        (&json!("same"), &json!(all), &json!(1))
    );
    assert!(
        diff(stored(), &["--format", "markdown"])
            .expect_code(0)
            .stdout
            .starts_with("# ")
    );
}

#[test]
fn a_cell_that_changed_is_named_with_what_changed() {
    let run = copy();
    transplant(&run, "config-change/absent_up_execute-sql_1", HUNG);
    let said = diff(&run, &[]).expect_code(1);
    for line in [
        "  behaviour: hung, then error → failed-fast",
        "  error: 2013 (110 ETIMEDOUT) → 2013 (104 ECONNRESET)",
        "  ended by: – → RST by director",
        "  verdict: met → violated",
        " → <1ms (−16m",
        "  in 1 cell something else was done",
    ] {
        assert!(said.stdout.contains(line), "{line:?} in:\n{}", said.stdout);
    }
    let read = diff_json(&run, 1);
    assert_eq!(read["result"], "different");
    assert_eq!(read["changed"].as_array().unwrap().len(), 1);
    assert_eq!(read["changed"][0]["id"], HUNG);
    assert_eq!(
        read["changed"][0]["changed"],
        json!(["behaviour", "error", "ended-by", "verdict", "time"])
    );
    let markdown = diff(&run, &["--format", "markdown"]).expect_code(1).stdout;
    assert!(
        markdown.contains(&format!(
            "| {HUNG} | behaviour | hung, then error | failed-fast |  |"
        )),
        "{markdown}"
    );
}

/// The hang of a connection that had been idle for two minutes is two minutes shorter than that of a fresh
/// one.
#[test]
fn a_time_counts_beyond_the_tolerance_only() {
    let run = copy();
    transplant(&run, "hang-to-the-end/120s", "hang-to-the-end/0s");
    let changed = |arguments: &[&str]| -> Vec<String> {
        let said = diff(&run, &[&["--format", "json"], arguments].concat()).expect_code(1);
        let read: Value = serde_json::from_str(&said.stdout).unwrap();
        let aspects = read["changed"][0]["changed"].as_array().unwrap();
        aspects
            .iter()
            .map(|aspect| aspect.as_str().unwrap().to_owned())
            .collect()
    };
    assert!(
        changed(&[]).contains(&"time".to_owned()),
        "an eighth is beyond 5 %"
    );
    assert!(!changed(&["--tolerance", "20%"]).contains(&"time".to_owned()));
    let said = diff(&run, &["--tolerance", "much"]).expect_code(2);
    assert!(said.stderr.contains("a number from 0 to 100"), "{said:#?}");
}

/// That the lab failed says nothing of what would have been seen.
#[test]
fn what_is_not_known_has_not_changed() {
    let run = copy();
    fs::remove_file(run.join(HUNG).join("record.json")).unwrap();
    let said = diff(&run, &[]).expect_code(3);
    assert!(
        said.stdout.contains(&format!(
            "{HUNG}: not compared\n  A: hung, then error\n  B: no record: "
        )),
        "{}",
        said.stdout
    );
    let read = diff_json(&run, 3);
    assert_eq!(
        (&read["result"], &read["unknown"][0]["id"]),
        (&json!("unknown"), &json!(HUNG))
    );
    // What differs wins over what is not known.
    transplant(&run, "hang-to-the-end/120s", "hang-to-the-end/0s");
    diff(&run, &[]).expect_code(1);
}

#[test]
fn a_cell_of_one_run_only_is_a_difference() {
    let run = copy();
    edit(&run.join("run.json"), |run| {
        run["selected"].as_array_mut().unwrap().remove(0);
    });
    let said = diff(&run, &[]).expect_code(1);
    let report = support::json(&stored().join("report.json"));
    let first = format!("{}: only in A\n", report["cells"][0]["id"].as_str().unwrap());
    assert!(said.stdout.contains(&first), "{}", said.stdout);
    let said = say(lvs_matrix().arg("diff").arg(&run).arg(stored())).expect_code(1);
    assert!(
        said.stdout.contains(&first.replace(" A", " B")),
        "{}",
        said.stdout
    );
}

/// Another kernel is what runs are compared for: the header names it, and it is no difference by itself.
#[test]
fn the_header_says_what_differs_in_the_environment() {
    let run = copy();
    for record in records(&run) {
        edit(&record, |record| record["environment"]["kernel"] = json!(HOSTILE));
    }
    for format in ["text", "markdown", "json"] {
        let said = diff(&run, &["--format", format]).expect_code(0);
        is_harmless(format, &said.stdout);
        assert!(said.stdout.contains("Linux 7.2.12"), "{}", said.stdout);
    }
    assert!(diff(&run, &[]).stdout.contains("  harness: 0.1.0 in both\n"));
}

/// What a server, an author or a kernel may write.
const HOSTILE: &str = "<script>alert(1)</script> a|b `tick` ``` \
    ]]> \u{1b}[31mred\u{1b}[0m \u{202e}reversed\u{202c} \0\r\n\
                       ::error file=x::boom\n  ::add-mask::y\n##[group]z\n</details>\n@mention \
                       [link](javascript:alert(1))";

/// Nothing in it acts: on a terminal, in a CI system's log, on a page.
fn is_harmless(what: &str, text: &str) {
    let hidden =
        |c: &char| *c != '\n' && *c != '\t' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(c));
    assert_eq!(text.chars().find(hidden), None, "{what}");
    for line in text.lines() {
        assert!(
            !line.trim_start().starts_with("::") && !line.contains("##["),
            "{what}: {line}"
        );
    }
    if what == "markdown" {
        assert!(
            !text.replace("`<script>", "").contains("<script>"),
            "{what}: {text}"
        );
        assert!(!text.contains("\n</details>\n@"), "{what}: {text}");
    }
}

/// A copy in which the article's hang is violated, and notes where its expectation stands.
fn violated() -> PathBuf {
    let run = copy();
    transplant(&run, "config-change/absent_up_execute-sql_1", HUNG);
    edit(&run.join("run.json"), |run| {
        let scenarios = run["scenarios"].as_array_mut().unwrap();
        let scenario = scenarios
            .iter_mut()
            .find(|scenario| scenario["name"] == "config-change")
            .unwrap();
        scenario["file"] = json!("my scenarios/100%, a:b.yaml");
        scenario["expectations"] = json!([
            { "when": [["mysqld", ["down"]]], "position": { "line": 7, "column": 5 } },
            { "when": [["real-server", ["absent"]]], "position": { "line": 40, "column": 3 } },
        ]);
    });
    run
}

/// As on GitHub: the summary is appended to the step's file, and annotations point into the scenario.
#[test]
fn what_github_asks_for() {
    let run = violated();
    let step = run.with_file_name("step.md");
    fs::write(&step, "before\n").unwrap();
    let workspace = std::env::current_dir().unwrap();
    let judge = || {
        let mut command = lvs_matrix();
        command
            .arg("judge")
            .arg(&run)
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_STEP_SUMMARY", &step);
        say(command.env("GITHUB_WORKSPACE", workspace.parent().unwrap())).expect_code(1)
    };
    let folder = workspace.file_name().unwrap().to_str().unwrap();
    let said = judge();
    let report = support::json(&run.join("report.json"));
    let differences = support::cell(&report, HUNG)["verdict"]["differences"]
        .as_array()
        .unwrap();
    let differences: Vec<&str> = differences.iter().map(|text| text.as_str().unwrap()).collect();
    assert_eq!(
        said.stderr,
        format!(
            "::error file={folder}/my scenarios/100%25%2C a%3Ab.yaml,line=40,col=3,title={HUNG}%3A \
             violated::{}%0A\
             observed: failed-fast after <1ms, error 2013 (104 ECONNRESET), RST by director\n",
            differences.join("; ")
        )
    );
    let text = fs::read_to_string(&step).unwrap();
    assert!(
        text.starts_with("before\n# lvs-matrix: ") && text.contains("- **violated** config-change/"),
        "{text}"
    );
    assert!(
        text.split("](").skip(1).all(|link| link.starts_with("https://")),
        "there is nothing beside it that a link could lead to"
    );
    // A step may judge twice, until there is no place left; how the run came out stays the same.
    judge();
    assert_eq!(
        fs::read_to_string(&step)
            .unwrap()
            .matches("# lvs-matrix: ")
            .count(),
        2
    );
    fs::write(&step, " ".repeat(1_023_900)).unwrap();
    assert!(judge().stderr.contains("nothing was added to the job summary"));
    assert_eq!(fs::metadata(&step).unwrap().len(), 1_023_900);
    fs::remove_file(&step).unwrap();
    fs::create_dir(&step).unwrap();
    assert!(judge().stderr.contains("cannot write the job summary"));
}

/// Elsewhere nothing is annotated but by option, and the summary is printed.
#[test]
fn what_github_asks_for_elsewhere() {
    let run = violated();
    let judge = |arguments: &[&str]| say(lvs_matrix().arg("judge").arg(&run).args(arguments)).expect_code(1);
    assert_eq!(judge(&[]).stderr, "");
    let said = judge(&["--annotations"]);
    assert!(
        said.stderr
            .starts_with("::error file=my scenarios/100%25%2C a%3Ab.yaml,line=40,"),
        "{said:#?}"
    );
    let report =
        |format: &str| say(lvs_matrix().arg("report").arg(&run).args(["--format", format])).expect_code(0);
    assert_eq!(report("annotations").stdout, said.stderr);
    let summary = report("summary").stdout;
    assert!(
        summary.starts_with("# lvs-matrix: ") && summary.contains("What needs a look"),
        "{summary}"
    );
    let step = run.with_file_name("step.md");
    let mut command = lvs_matrix();
    command
        .arg("report")
        .arg(&run)
        .args(["--format", "summary"])
        .env("GITHUB_STEP_SUMMARY", &step);
    assert_eq!(say(&mut command).expect_code(0).stdout, "");
    assert_eq!(fs::read_to_string(&step).unwrap(), summary);
    say(command.env("GITHUB_STEP_SUMMARY", "/proc/nothing/here")).expect_code(70);
}
