//! Runs of many cells: how long their reports take, and how long they are.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that its input was not what it needs"
)]

#[path = "common/big.rs"]
mod big;
#[expect(dead_code, reason = "shared with other tests")]
mod common;
#[path = "common/shape.rs"]
mod shape;

use big::{big, big_of};
use lvs_matrix_model::verdict::{Doubt, Fact, OperationEnd, Verdict};
use lvs_matrix_report::{RunReport, html, json, junit, markdown, markdown_cell, terminal};
use shape::keeps_its_shape;

fn not_run(reason: &str) -> Doubt {
    let reason = reason.to_owned();
    Doubt::NotRun { reason }
}

fn every_form(report: &RunReport) -> Vec<String> {
    let pages = report.cells().iter().map(|cell| markdown_cell(report, cell));
    let whole = [
        markdown(report),
        html(report),
        json(report).unwrap(),
        junit(report).unwrap(),
        terminal(report),
    ];
    pages.chain(whole).collect()
}

/// The processor time of this thread in which something is done.
fn processor_time<T>(done: impl FnOnce() -> T) -> std::time::Duration {
    let now = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        std::time::Duration::try_from(time).unwrap()
    };
    let began = now();
    std::hint::black_box(done());
    now() - began
}

/// What grows with the square of the number of cells takes sixteen times as long for four times as many. The
/// least of three is compared: other work on the machine makes it longer, nothing makes it shorter.
#[test]
fn four_times_as_many_cells_take_about_four_times_as_long() {
    let least = |count| {
        let report = big(count);
        let times = (0..3).map(|_| processor_time(|| every_form(&report)));
        times.min().unwrap()
    };
    let (some, more) = (least(100), least(400));
    assert!(more < some * 8, "{some:?} for 100 cells, {more:?} for 400");
}

/// What is too long is cut off between two lines of a table, and says so.
#[test]
fn the_page_of_many_thousand_cells_is_cut_off_in_its_tables() {
    let text = markdown(&big(3200));
    assert!(
        (400 << 10..480 << 10).contains(&text.len()),
        "{} bytes",
        text.len()
    );
    keeps_its_shape(&text);
    let left_out = 3200 - text.lines().filter(|line| line.starts_with("| v")).count();
    assert!(
        text.contains(&format!("{left_out} of 3200 lines of the tables are left out.")),
        "{left_out}"
    );
    assert!(
        text.contains("[report.html](report.html) has everything.") && text.ends_with("has everything.\n")
    );
}

/// GitHub shows no more than 500 KiB of a README.
#[test]
fn the_page_of_a_thousand_cells_stays_small() {
    const MOST: usize = 400 << 10;
    let size = markdown(&big(1000)).len();
    assert!(size < MOST * 3 / 4, "{size} bytes");
    // Everything went wrong, and everybody had much to say of it.
    let long = common::hostile::TEXT.repeat(40);
    let wrong = big_of(1000, |number, cell| {
        if number % 2 == 0 {
            cell.verdict = common::violated().verdict;
        } else {
            cell.verdict = Verdict::Undetermined {
                reasons: vec![not_run(&long), not_run(&long)],
            };
        }
        cell.observed.evidence[0].fact = Fact::Ended {
            at: common::ms(1),
            how: OperationEnd::Error(long.clone()),
        };
        if let Some(error) = cell.observed.error.as_mut() {
            error.message = long.clone();
        }
    });
    let text = markdown(&wrong);
    assert!(text.len() < MOST, "{} bytes", text.len());
    assert!(text.contains("- and 900 more: see the verdicts in the tables below"));
    keeps_its_shape(&text);
    // What usually goes wrong is folded out as long as there is room.
    let usual = big_of(1000, |_, cell| cell.verdict = common::violated().verdict);
    let text = markdown(&usual);
    assert!(text.len() < MOST, "{} bytes", text.len());
    let folded = text
        .matches("<summary>expected, observed, evidence</summary>")
        .count();
    assert!((40..100).contains(&folded), "{folded} cells are folded out");
}
