//! The report for a terminal: what was found, then each cell that needs a look, then a compact table per
//! scenario, then the sum. Plain text.

use crate::blocks::beyond;
use crate::causes::Found;
use crate::escape::{one_line, visible};
use crate::kernels;
use crate::overview::served_by;
use crate::plain::wrapped;
use crate::repeat;
use crate::row::{Merged, Row};
use crate::run::{REPORT_FILE, RunReport};
use crate::totals::{Totals, sentence};
use lvs_matrix_language::{CELL, Language, Length, RUN, phrasing, plural};
use std::fmt::Write as _;

/// The report as plain text, aligned with blanks, without colours, ending with a newline.
#[must_use]
pub fn terminal(report: &RunReport) -> String {
    printed(report, false)
}

/// [`terminal`] with its verdicts in colours, by SGR sequences (console_codes(4)). Who prints it takes them
/// away where they are not wanted.
#[must_use]
pub fn terminal_coloured(report: &RunReport) -> String {
    printed(report, true)
}

fn printed(report: &RunReport, coloured: bool) -> String {
    let mut out = String::new();
    for dry in report.dry() {
        let _ = writeln!(out, "{}\n", one_line(&dry.line()));
    }
    found(&mut out, report);
    problems(&mut out, report);
    for scenario in &report.run().scenarios {
        let mut header: Vec<String> = scenario.axes.iter().map(|axis| axis.name.to_string()).collect();
        let on_kernels = !report.run().kernels.is_empty();
        header.extend(on_kernels.then(|| "kernel".to_owned()));
        header.extend(["behaviour", "time", "error", "server", "article", "verdict"].map(str::to_owned));
        let mut lines = vec![header];
        let rows = report.merged_rows(&scenario.name);
        lines.extend(rows.iter().map(|merged| row(merged, on_kernels)));
        if lines.len() > 1 {
            out.push_str(scenario.name.as_str());
            out.push('\n');
            table(&mut out, &lines, coloured);
            out.push('\n');
        }
    }
    let differ = kernels::lines(report);
    if !differ.is_empty() {
        out.push_str("where kernels differ:\n");
        for line in differ.iter().take(LISTED) {
            wrapped(&mut out, "  ", line);
        }
        more(&mut out, LISTED, differ.len());
        out.push('\n');
    }
    let totals = Totals::of(report);
    let _ = writeln!(out, "{}", totals.sums());
    if totals.ng > 0 {
        let noun = if report.repetitions() > 1 { "run" } else { "cell" };
        let of = plural(totals.cells, noun);
        let _ = writeln!(
            out,
            "in {} of {of} the client hung: it was left waiting beyond the scenario's patience (NG)",
            totals.ng
        );
    }
    let _ = writeln!(out, "{}", visible(&sentence(Language::English, report)));
    out
}

/// So many causes, and so many pieces of advice, are shown. The other reports have all of them.
const SHOWN: usize = 5;
const ADVISED: usize = 3;
/// So many cells in which kernels differ are shown.
const LISTED: usize = 24;

/// What clients lived through, by its causes, and what avoids it.
fn found(out: &mut String, report: &RunReport) {
    let words = Language::English;
    let found = Found::of(words, report);
    let noun = if report.repetitions() > 1 { RUN } else { CELL };
    if found.causes.is_empty() {
        return;
    }
    out.push_str("what was found:\n");
    for cause in found.causes.iter().take(SHOWN) {
        let count = words.count(cause.cells.len(), noun);
        let counted = if cause.hung {
            words.cells_hung(count)
        } else {
            words.cells_failed_fast(count)
        };
        let example = cause.cells.first().map(|cell| &cell.record.plan.cell);
        let example = example.map_or_else(String::new, |cell| format!(" (for example {cell})"));
        wrapped(out, "  ", &format!("{counted}{example}: {}", cause.why(words)));
        let kinds: Vec<&str> = cause.advice.iter().take(SHOWN).map(|(kind, _)| *kind).collect();
        if !kinds.is_empty() {
            wrapped(out, "    avoided by: ", &kinds.join(", "));
        }
    }
    more(out, SHOWN, found.causes.len());
    out.push('\n');
    if found.advice.is_empty() {
        return;
    }
    out.push_str("what avoids it:\n");
    for advice in found.advice.iter().take(ADVISED) {
        let lead = format!("{} ({}): ", advice.kind, words.count(advice.cells, noun));
        wrapped(out, "  ", &(lead + advice.text()));
    }
    more(out, ADVISED, found.advice.len());
    out.push('\n');
}

fn more(out: &mut String, shown: usize, all: usize) {
    if let Some(more) = beyond(shown, all) {
        let _ = writeln!(out, "  and {more} more: see {REPORT_FILE}");
    }
}

fn row(merged: &Merged<'_>, on_kernels: bool) -> Vec<String> {
    let row = merged.row;
    let mut columns: Vec<String> = row
        .cell()
        .values
        .iter()
        .map(|(_, value)| value.to_string())
        .collect();
    columns.extend(on_kernels.then(|| merged.kernels(Language::English)));
    let nothing = || phrasing::NOTHING.to_owned();
    let run = repeat::run_number(Language::English, row.cell());
    match row {
        Row::Judged(cell) => columns.extend([
            phrasing::behaviour(Language::English, &cell.observed.behaviour) + &run,
            Length::of(cell).map_or_else(nothing, |length| phrasing::length(Language::English, length)),
            cell.observed
                .error
                .as_ref()
                .map_or_else(nothing, |error| phrasing::error_code(Language::English, error)),
            served_by(cell).unwrap_or_else(nothing),
            phrasing::article(cell.article()).to_owned(),
            phrasing::verdict(Language::English, &cell.verdict).to_owned(),
        ]),
        Row::Missing(_) => {
            columns.extend([
                format!("no record{run}"),
                nothing(),
                nothing(),
                nothing(),
                nothing(),
                phrasing::UNDETERMINED.to_owned(),
            ]);
        }
    }
    columns
}

/// The colour of a verdict in the last column: red, yellow, green; none of another word.
fn colour(word: &str) -> Option<u8> {
    let words = Language::English;
    let colours = [
        (words.violated(), 31),
        (words.undetermined(), 33),
        (words.tested_nothing(), 33),
        (words.met(), 32),
    ];
    let found = colours.into_iter().find(|(verdict, _)| *verdict == word);
    found.map(|(_, colour)| colour)
}

fn table(out: &mut String, lines: &[Vec<String>], coloured: bool) {
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            let widths = lines.iter().filter_map(|line| line.get(column));
            widths.map(|text| text.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for line in lines {
        let mut text = String::from("  ");
        for (column, width) in line.iter().zip(&widths) {
            let _ = write!(text, "{column:<width$}  ");
        }
        let text = text.trim_end();
        let last = line.last().filter(|_| coloured);
        match last.and_then(|word| Some((text.strip_suffix(word.as_str())?, word, colour(word)?))) {
            Some((text, word, colour)) => {
                let _ = writeln!(out, "{text}\x1b[{colour}m{word}\x1b[0m");
            }
            None => {
                let _ = writeln!(out, "{text}");
            }
        }
    }
}

fn problems(out: &mut String, report: &RunReport) {
    for disagreement in report.disagreements() {
        let _ = writeln!(out, "{}: its repetitions disagree", disagreement.cell);
        for outcome in repeat::outcomes(Language::English, disagreement) {
            let _ = writeln!(out, "  {outcome}");
        }
        out.push('\n');
    }
    for cell in report.needing_a_look() {
        let explanation = phrasing::explain(Language::English, cell);
        let _ = writeln!(out, "{}: {}", cell.record.plan.cell, explanation.verdict);
        for (label, text) in &explanation.lines {
            let _ = writeln!(out, "  {label}: {}", one_line(text));
        }
        out.push('\n');
    }
    for cell in report.with_besides() {
        let observed = phrasing::observed(Language::English, cell);
        let _ = writeln!(out, "{}: {}", cell.record.plan.cell, one_line(&observed));
        out.push('\n');
    }
    for missing in report.missing() {
        let _ = writeln!(out, "{}: no record", missing.cell);
        let _ = writeln!(out, "  reason: {}\n", one_line(&missing.reason.to_string()));
    }
}
