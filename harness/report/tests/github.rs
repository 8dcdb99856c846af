//! What GitHub shows of a run: annotations, and a job summary in the place that it has for it.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that its input was not what it needs"
)]

#[path = "common/big.rs"]
mod big;
mod common;
#[path = "common/shape.rs"]
mod shape;

use big::{big, big_of};
use lvs_matrix_model::verdict::{Doubt, Verdict};
use lvs_matrix_report::{annotations, summary};
use shape::keeps_its_shape;

#[test]
fn annotations_form() {
    insta::assert_snapshot!(annotations(&common::report(), |file| format!(
        "checked-out/{file}"
    )));
}

/// Each line is a command of ours, and nothing else is: what others wrote is in its message, on the same
/// line.
#[test]
fn annotations_hold_foreign_text() {
    let report = common::hostile::report();
    let text = annotations(&report, str::to_owned);
    assert!(text.lines().count() >= 3, "{text}");
    for line in text.lines() {
        let (command, rest) = line.strip_prefix("::").unwrap().split_once(' ').unwrap();
        assert!(["error", "warning"].contains(&command), "{line}");
        // As the runner takes it apart: the properties end at the next `::`, and are parted by `,`.
        let (properties, message) = rest.split_once("::").unwrap();
        let names: Vec<&str> = properties
            .split(',')
            .map(|one| one.split_once('=').unwrap().0)
            .collect();
        assert!(names == ["file", "line", "col", "title"], "{line}");
        assert!(!message.contains("##[") && !message.contains("\u{1b}"), "{line}");
        for part in message.split("%0A") {
            assert!(!part.trim_start().starts_with("::"), "{line}");
        }
    }
    assert!(text.contains("<script>"), "it is shown as it is: {text}");
}

/// GitHub would drop what is beyond ten of a kind; how many there are is said.
#[test]
fn many_annotations_are_few() {
    let report = big_of(30, |number, cell| {
        cell.verdict = if number < 10 {
            Verdict::Undetermined {
                reasons: vec![Doubt::NothingCaptured],
            }
        } else {
            common::violated().verdict
        };
    });
    let text = annotations(&report, str::to_owned);
    let count = |what: &str| text.lines().filter(|line| line.starts_with(what)).count();
    assert_eq!((count("::error "), count("::warning ")), (10, 10), "{text}");
    assert!(
        text.contains("::11 more, and GitHub shows 10 of a step"),
        "{text}"
    );
}

#[test]
fn a_summary_has_no_link_and_fits_its_place() {
    let report = big(1000);
    let whole = summary(&report, usize::MAX);
    // What the scenario reproduces is on the web.
    let elsewhere = whole.replace("](https://incidents.example/", "");
    assert!(!elsewhere.contains("]("), "a link leads nowhere: {whole}");
    assert!(whole.contains("| v999 | hung, then error |") && !whole.contains("Cut off"));
    let mut lines = Vec::new();
    for most in [
        whole.len() + 512,
        whole.len(),
        100 << 10,
        20 << 10,
        4 << 10,
        2 << 10,
    ] {
        let text = summary(&report, most);
        assert!(
            text.len() <= most && text.ends_with('\n'),
            "{} of {most}",
            text.len()
        );
        assert!(text.contains("All 1000 cells are as expected."), "{text}");
        keeps_its_shape(&text);
        let rows = text.lines().filter(|line| line.starts_with("| v")).count();
        if rows < 1000 {
            let words = format!(
                "**Cut off at {} KiB: {} of 1000 lines of the tables",
                most >> 10,
                1000 - rows
            );
            assert!(text.contains(&words), "{words} in: {text}");
        }
        lines.push(rows);
    }
    assert_eq!(lines[0], 1000);
    assert!(lines.is_sorted_by(|a, b| a >= b) && lines[3] > 10, "{lines:?}");
    assert_eq!(summary(&report, 100), "", "no place for anything");
}
