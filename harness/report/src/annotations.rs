//! Annotations of GitHub's workflow commands: what is not as expected, at the place in the scenario that
//! expects it.

use crate::escape::{command_data, command_property, cut, one_line};
use crate::repeat;
use crate::run::{RunReport, ScenarioSummary};
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::matrix::{CellRef, Line};
use lvs_matrix_model::scenario::Position;
use lvs_matrix_model::verdict::Verdict;
use std::fmt::Write as _;

/// GitHub shows so many errors and so many warnings of a step; the rest would be dropped without a word.
const SHOWN: usize = 10;
/// The longest message, in characters: GitHub cuts off what is longer than 4 KiB.
const LONGEST: usize = 1000;

/// A line `::error file=…,line=…,col=…,title=…::…` for each violated cell and each whose repetitions
/// disagree, and a `::warning` for each of which nothing certain is known or that tested nothing; empty if
/// there is none. `file` maps the name of a scenario's file, as the run noted it, to the one that GitHub
/// knows it by.
///
/// Foreign text in it is shown and cannot begin a command of its own: a command ends with its line, and line
/// ends are escaped.
#[must_use]
pub fn annotations(report: &RunReport, file: impl Fn(&str) -> String) -> String {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for cell in report.needing_a_look() {
        let reasons = phrasing::reasons(Language::English, cell).join("; ");
        let list = match &cell.verdict {
            Verdict::Violated { .. } => &mut errors,
            Verdict::TestedNothing { .. }
            | Verdict::Undetermined { .. }
            | Verdict::Met
            | Verdict::ObservedOnly => &mut warnings,
        };
        let mut message = format!(
            "{reasons}\nobserved: {}",
            phrasing::observed(Language::English, cell)
        );
        for (label, text) in phrasing::notes(Language::English, cell) {
            message += &format!("\n{label}: {text}");
        }
        let verdict = phrasing::verdict(Language::English, &cell.verdict);
        list.push((&cell.record.plan.cell, verdict, message));
    }
    for disagreement in report.disagreements() {
        let outcomes = repeat::outcomes(Language::English, disagreement).join("; ");
        errors.push((&disagreement.cell, "repetitions disagree", outcomes));
    }
    for missing in report.missing() {
        warnings.push((&missing.cell, "no record", missing.reason.to_string()));
    }
    let mut out = String::new();
    for (command, list) in [("error", errors), ("warning", warnings)] {
        // The last of the places that GitHub shows is for the words of how many there are more.
        let shown = if list.len() > SHOWN { SHOWN - 1 } else { list.len() };
        for (cell, verdict, message) in list.iter().take(shown) {
            let scenario = report.scenario_of(cell);
            let line = report.line_of(cell);
            let place = scenario.map_or_else(String::new, |scenario| place(scenario, (cell, line), &file));
            let title = command_property(&format!("{cell}: {verdict}"));
            let message: Vec<_> = message.lines().map(one_line).collect();
            let message = command_data(&cut(&message.join("\n"), LONGEST));
            // Writing into a String cannot fail.
            let _ = writeln!(out, "::{command} {place}title={title}::{message}");
        }
        if list.len() > shown {
            let more = list.len() - shown;
            let _ = writeln!(
                out,
                "::{command} title=lvs-matrix::{more} more, and GitHub shows {SHOWN} of a step; the report \
                 has all of them"
            );
        }
    }
    out
}

/// `file=…,line=…,col=…,`; empty if the scenario came with the program.
fn place(
    scenario: &ScenarioSummary,
    (cell, line): (&CellRef, Option<Line>),
    file: &impl Fn(&str) -> String,
) -> String {
    let Some(name) = &scenario.file else {
        return String::new();
    };
    let mut place = format!("file={},", command_property(&file(name)));
    if let Some(Position { line, column }) = scenario
        .expectation_of(cell, line)
        .map(|expectation| expectation.position)
    {
        let _ = write!(place, "line={line},col={column},");
    }
    place
}
