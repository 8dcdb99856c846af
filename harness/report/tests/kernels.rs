//! Runs on several kernels: every form of the report says where they agree, and where not.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that its input was not what it needs"
)]

#[expect(dead_code, reason = "shared with the other tests of reports")]
mod common;

use lvs_matrix_model::matrix::KernelId;
use lvs_matrix_model::verdict::{Behaviour, Doubt, JudgedCell, Verdict};
use lvs_matrix_report::{
    KernelSummary, Language, NamedRun, RunDiff, RunReport, RunState, Tolerance, html, json, junit, markdown,
    markdown_cell, terminal,
};
use serde_json::{Value, json};
use std::time::Duration;

const KERNELS: [&str; 3] = ["5.4", "6.1", "7.2"];

fn id(kernel: &str) -> KernelId {
    KernelId::new(kernel).unwrap()
}

fn on(mut cell: JudgedCell, kernel: &str) -> JudgedCell {
    cell.record.plan.cell = cell.record.plan.cell.on(Some(id(kernel)));
    cell.record.environment.kernel = format!("Linux {kernel}.7");
    cell
}

/// The client of this cell fared otherwise.
fn otherwise(mut cell: JudgedCell, behaviour: Behaviour) -> JudgedCell {
    cell.observed.behaviour = behaviour;
    cell
}

/// The same, after so long.
fn later(mut cell: JudgedCell, millis: u32) -> JudgedCell {
    let operation = cell.observed.operation.as_mut().unwrap();
    let ended = operation.ended.as_mut().unwrap();
    ended.0 += i64::from(millis) * 1_000_000;
    cell
}

/// Three kernels: one cell is the same on all, one hangs on the oldest only, one takes longer there, and of
/// one it is not known.
fn report() -> RunReport {
    let fast = Behaviour::FailedFast {
        after: Duration::from_millis(1),
    };
    let mut unknown = on(common::observed_only(), "7.2");
    let reasons = || vec![Doubt::NoCaptureFile];
    unknown.verdict = Verdict::Undetermined { reasons: reasons() };
    let unknown = otherwise(unknown, Behaviour::Undetermined { reasons: reasons() });
    let mut judged = vec![
        on(common::hung(), "5.4"),
        otherwise(on(common::hung(), "6.1"), fast.clone()),
        otherwise(on(common::hung(), "7.2"), fast),
        later(on(common::answered(), "5.4"), 205),
        on(common::answered(), "6.1"),
        on(common::answered(), "7.2"),
        on(common::observed_only(), "5.4"),
        on(common::observed_only(), "6.1"),
        unknown,
    ];
    judged.extend(KERNELS.map(|kernel| on(common::refused(), kernel)));
    let plain = common::report_of(vec![], RunState::Ended);
    let mut run = plain.run().clone();
    let has = |cell: &lvs_matrix_model::matrix::CellRef| {
        judged
            .iter()
            .any(|known| known.record.plan.cell.on(None) == *cell)
    };
    run.selected.retain(has);
    run.selected = run
        .selected
        .iter()
        .flat_map(|cell| KERNELS.map(|kernel| cell.on(Some(id(kernel)))))
        .collect();
    run.kernels = KERNELS
        .map(|kernel| KernelSummary {
            id: id(kernel),
            asked: kernel.to_owned(),
            kernel: format!("Linux {kernel}.7"),
            sha256: None,
        })
        .to_vec();
    RunReport::new(run, judged, vec![])
}

/// The part of a page from a heading to the next.
fn part<'t>(text: &'t str, heading: &str) -> &'t str {
    let text = text.split_once(heading).unwrap().1;
    text.split_once("\n## ").map_or(text, |(part, _)| part)
}

#[test]
fn the_page_says_where_kernels_agree_and_where_not() {
    let report = report();
    let page = markdown(&report);
    let chinese = markdown(&report.clone().in_language(Language::Chinese));
    let plain = terminal(&report);
    let parts = [
        part(&page, "## Kernels side by side\n"),
        part(&page, "## config-change\n"),
        part(&chinese, "## 各内核对比\n"),
        plain.split_once("\nconfig-change\n").unwrap().1,
    ];
    insta::assert_snapshot!("side_by_side", parts.join("\n======\n"));
    let cell = report.cells().first().unwrap();
    assert!(markdown_cell(&report, cell).contains("| kernel |"));
}

/// The kernel is an axis of the heat map, and each cell has its page.
#[test]
fn the_browser_has_the_kernel_as_an_axis() {
    let report = report();
    let page = html(&report);
    assert!(page.contains("data-axis=\"@kernel\""));
    for cell in report.cells() {
        let id = &cell.record.plan.cell;
        // The page of the cell, and the row of the table from which the heat map is drawn.
        for anchor in [format!(" id=\"{id}\">"), format!("data-cell=\"{id}\"")] {
            assert!(page.contains(&anchor), "{anchor}");
        }
    }
    assert!(page.contains("id=\"kernels\""));
}

#[test]
fn programs_read_which_kernels_agree() {
    let report = report();
    let read: Value = serde_json::from_str(&json(&report).unwrap()).unwrap();
    assert_eq!(read["kernels"][0]["id"], "5.4");
    let on = |id: &str| {
        let all = read["on-kernels"].as_array().unwrap();
        all.iter().find(|on| on["id"] == id).unwrap()
    };
    let differ = on("config-change/absent_execute-sql");
    assert_eq!(differ["agree"], false);
    let kernels: Vec<&Value> = differ["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["kernels"])
        .collect();
    assert_eq!(kernels, [&json!(["5.4"]), &json!(["6.1", "7.2"])]);
    assert_eq!(differ["outcomes"][0]["behaviour"], "hung");
    // The time alone is a difference, too.
    let slower = on("config-change/present_new-connection");
    assert_eq!(slower["agree"], false, "{slower:#}");
    assert_eq!(slower["outcomes"][0]["time-ns"], 207_000_000);
    let unknown = on("config-change/present_execute-sql");
    assert_eq!(
        (&unknown["agree"], &unknown["unknown"]),
        (&Value::Null, &json!(["7.2"]))
    );
    let same = on("config-change/absent_new-connection");
    assert_eq!(
        (&same["agree"], same["outcomes"].as_array().unwrap().len()),
        (&json!(true), 1)
    );
    let xml = junit(&report).unwrap();
    assert_eq!(
        xml.matches("<property name=\"kernel\" value=\"5.4\"/>").count(),
        4
    );
    assert!(
        xml.contains("<property name=\"agrees-with\" value=\"5.4, 7.2\"/>"),
        "{xml}"
    );
    assert!(
        xml.contains("<property name=\"agrees-with\" value=\"\"/>"),
        "{xml}"
    );
}

/// Two kernels of one run are compared as two runs are.
#[test]
fn kernels_of_one_run_are_compared() {
    let report = report();
    let (old, new) = (id("5.4"), id("7.2"));
    let run = |kernel| NamedRun {
        name: "both",
        report: &report,
        kernel: Some(kernel),
    };
    let diff = RunDiff::of(run(&old), run(&new), Tolerance::default());
    let read: Value = serde_json::from_str(&diff.json().unwrap()).unwrap();
    assert_eq!(
        (&read["a"]["kernel"], &read["a"]["cells"]),
        (&json!("5.4"), &json!(4))
    );
    assert_eq!(read["changed"].as_array().unwrap().len(), 2, "{read:#}");
    assert_eq!(read["unknown"].as_array().unwrap().len(), 1);
    assert_eq!(read["same"], 1);
    assert!(
        diff.text().starts_with("A: both on 5.4, 4 cells: "),
        "{}",
        diff.text()
    );
    assert!(diff.markdown().contains("| kernel | 5.4 | 7.2 |"));
    assert!(diff.text().contains("Linux 5.4.7 → Linux 7.2.7"));
}

/// A run that was asked for no kernel by name says nothing of kernels side by side.
#[test]
fn a_run_without_kernels_has_none_of_it() {
    let report = common::report();
    for text in [
        markdown(&report),
        terminal(&report),
        json(&report).unwrap(),
        junit(&report).unwrap(),
    ] {
        for word in ["side by side", "on-kernels", "agrees-with", "kernels differ"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
    assert!(!html(&report).contains("data-axis=\"@kernel\""));
}
