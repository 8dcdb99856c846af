//! A scenario: its claim, the place of its matrix, the table of its cells, and the preparation that they
//! share.

use super::overview::sums;
use super::preparations::Preparations;
use crate::blocks::html::drawing;
use crate::escape::{cut, xml};
use crate::look::{LONGEST, verdict_class};
use crate::row::Row;
use crate::run::{RunReport, ScenarioSummary};
use lvs_matrix_language::Language;
use lvs_matrix_language::Length;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::matrix::FIRST;
use lvs_matrix_model::verdict::{Behaviour, JudgedCell};
use std::fmt::{Result, Write as _};
use std::time::Duration;

pub(super) fn section(
    out: &mut String,
    report: &RunReport,
    scenario: &ScenarioSummary,
    preparations: &Preparations<'_>,
) -> Result {
    let words = report.language();
    let rows: Vec<Row<'_>> = report.rows(&scenario.name).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let name = &scenario.name;
    writeln!(
        out,
        "<section class=\"scenario\" id=\"{name}\" aria-labelledby=\"{name}.title\">\n<h2 \
         id=\"{name}.title\">\
         <a href=\"#{name}\">{name}</a></h2>"
    )?;
    claim(out, scenario)?;
    let totals = sums(rows.iter().copied());
    writeln!(
        out,
        "<p class=\"note\">{}{}{}{}</p>",
        totals.in_words(words),
        words.stop(),
        words.after_sentence(),
        words.watched(Human(scenario.observe.patience), Human(scenario.observe.until))
    )?;
    // The script draws the matrix here, from the table below.
    writeln!(out, "<div class=\"map\"></div>")?;
    time_lines(out, words, &rows)?;
    writeln!(
        out,
        "<details class=\"all\" open><summary>{}</summary>\n<div class=\"scroll\" tabindex=\"0\" \
         role=\"region\" aria-label=\"{}\"><table class=\"cells\">",
        words.as_a_table(),
        words.cells_of(name)
    )?;
    let repeated = rows.iter().any(|row| row.cell().repetition != FIRST);
    heading(out, words, scenario, repeated)?;
    writeln!(out, "<tbody>")?;
    for row in &rows {
        self::row(out, words, *row, repeated)?;
    }
    writeln!(out, "</tbody></table></div></details>")?;
    preparations.write(out, scenario)?;
    writeln!(out, "</section>")
}

/// The time lines of all cells in one drawing; of very many, those that hung first.
fn time_lines(out: &mut String, words: Language, rows: &[Row<'_>]) -> Result {
    let cells: Vec<&JudgedCell> = rows
        .iter()
        .filter_map(|row| match *row {
            Row::Judged(cell) => Some(cell),
            Row::Missing(_) => None,
        })
        .collect();
    lanes(out, words, words.time_lines_of_all(), &cells)
}

/// The time lines of many cells, folded.
pub(super) fn lanes(out: &mut String, words: Language, title: &str, cells: &[&JudgedCell]) -> Result {
    let Some(svg) = crate::timeline::timeline_svg(words, cells) else {
        return Ok(());
    };
    writeln!(out, "<details><summary>{title}</summary>")?;
    drawing(out, title, &svg)?;
    writeln!(out, "</details>")
}

/// A claim is a sentence or two; what is longer is cut off.
const LONGEST_CLAIM: usize = 2000;

/// The claim, a paragraph a line.
pub(super) fn claim(out: &mut String, scenario: &ScenarioSummary) -> Result {
    write!(out, "<blockquote class=\"claim\">")?;
    for line in cut(scenario.claim.trim(), LONGEST_CLAIM).lines() {
        write!(out, "<p>{}</p>", xml(line))?;
    }
    writeln!(out, "</blockquote>")
}

fn heading(out: &mut String, words: Language, scenario: &ScenarioSummary, repeated: bool) -> Result {
    write!(out, "<thead><tr>")?;
    for axis in &scenario.axes {
        write!(out, "<th scope=\"col\" data-axis=\"{0}\">{0}</th>", axis.name)?;
    }
    if repeated {
        // No axis has this name: names have no `@`.
        write!(
            out,
            "<th scope=\"col\" data-axis=\"@run\">{}</th>",
            words.run_axis()
        )?;
    }
    for column in [
        words.behaviour(),
        words.time(),
        words.error(),
        words.ended_or_refused_by(),
        words.again(),
        words.ok_ng(),
        words.expected(),
        words.verdict(),
    ] {
        write!(out, "<th scope=\"col\">{column}</th>")?;
    }
    writeln!(out, "</tr></thead>")
}

/// A row of the table: also what the script knows of the cell.
fn row(out: &mut String, words: Language, row: Row<'_>, repeated: bool) -> Result {
    let cell = row.cell();
    match row {
        Row::Judged(judged) => write!(
            out,
            "<tr data-cell=\"{cell}\" data-behaviour=\"{}\" data-verdict=\"{}\" data-heat=\"{}\" \
             data-words=\"{}\">",
            behaviour_class(judged),
            verdict_class(&judged.verdict),
            heat(&judged.observed.behaviour),
            xml(&searched(words, judged))
        )?,
        Row::Missing(missing) => write!(
            out,
            "<tr data-cell=\"{cell}\" data-behaviour=\"undetermined\" data-verdict=\"missing\" \
             data-heat=\"0\" data-words=\"{}\">",
            xml(&cut(&phrasing::missing(words, &missing.reason), LONGEST))
        )?,
    }
    for (_, value) in &cell.values {
        write!(out, "<td>{value}</td>")?;
    }
    if repeated {
        write!(out, "<td>{}</td>", cell.repetition)?;
    }
    match row {
        Row::Judged(judged) => judged_columns(out, words, judged)?,
        Row::Missing(_) => {
            write!(
                out,
                "<td><a href=\"#{cell}\"><span class=\"tag b-undetermined\">{}</span></a></td>",
                words.no_record()
            )?;
            for _ in 0..6 {
                write!(out, "<td>{}</td>", phrasing::NOTHING)?;
            }
            write!(
                out,
                "<td><span class=\"tag v-missing\">{}</span></td>",
                words.undetermined()
            )?;
        }
    }
    writeln!(out, "</tr>")
}

fn judged_columns(out: &mut String, words: Language, cell: &JudgedCell) -> Result {
    let observed = &cell.observed;
    let nothing = || phrasing::NOTHING.to_owned();
    write!(
        out,
        "<td><a href=\"#{}\"><span class=\"tag \
         b-{}\">{}</span></a></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
         <td>{}</td><td>{}</td><td><span class=\"tag v-{}\">{}</span></td>",
        cell.record.plan.cell,
        behaviour_class(cell),
        phrasing::behaviour(words, &observed.behaviour),
        xml(&Length::of(cell).map_or_else(nothing, |length| phrasing::length(words, length))),
        xml(&cut(&phrasing::error_and_besides(words, cell), LONGEST)),
        phrasing::terminators(words, &observed.terminators),
        phrasing::retransmissions(words, &observed.retransmissions)
            .map_or_else(nothing, |_| observed.retransmissions.count.to_string()),
        phrasing::article(cell.article()),
        phrasing::expected(words, &cell.record.plan.expected),
        verdict_class(&cell.verdict),
        phrasing::verdict(words, &cell.verdict),
    )
}

/// `answered`, `failed-fast`, `hung`, `undetermined`: classes of the style sheet and values of the filter.
pub(super) fn behaviour_class(cell: &JudgedCell) -> &'static str {
    cell.observed
        .behaviour
        .name()
        .map_or(phrasing::UNDETERMINED, |name| name.as_str())
}

/// How dark a hang is in the matrix: the more, the longer it lasted. 0 for what is no hang.
fn heat(behaviour: &Behaviour) -> u8 {
    let minutes = |count: u64| Duration::from_secs(60 * count);
    match behaviour {
        Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Undetermined { .. } => 0,
        Behaviour::Hung { silence, .. } if *silence < minutes(1) => 1,
        Behaviour::Hung { silence, .. } if *silence < minutes(10) => 2,
        Behaviour::Hung { silence, .. } if *silence < minutes(60) => 3,
        Behaviour::Hung { .. } => 4,
    }
}

/// What the search finds a cell by, beside the columns of its row.
fn searched(words: Language, cell: &JudgedCell) -> String {
    let mut found: Vec<String> = Vec::new();
    let mut add = |text: String| {
        if !found.contains(&text) {
            found.push(text);
        }
    };
    for step in &cell.record.steps {
        add(phrasing::action(words, &step.action));
    }
    if let Some(error) = &cell.observed.error {
        add(error.message.clone());
    }
    for reason in phrasing::reasons(words, cell) {
        add(reason);
    }
    for (label, text) in phrasing::notes(words, cell) {
        add(format!("{label}: {text}"));
    }
    cut(&found.join(" · "), LONGEST).into_owned()
}
