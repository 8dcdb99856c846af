//! What is above the matrix: the run in a sentence, its sums, what needs a look, where clients were left
//! waiting, and where it ran.

use super::scenario::lanes;
use crate::blocks::html::inline;
use crate::blocks::{code, phrase};
use crate::escape::{cut, xml};
use crate::look::{self, LISTED, LONGEST};
use crate::row::Row;
use crate::run::RunReport;
use crate::totals::{Totals, nobody_waited, sentence};
use lvs_matrix_language::phrasing;
use lvs_matrix_language::{CELL, Language, Word};
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

pub(super) fn summary(out: &mut String, report: &RunReport) -> Result {
    let (totals, words) = (Totals::of(report), report.language());
    writeln!(
        out,
        "<section class=\"hero v-{}\" aria-label=\"{}\">\n<p class=\"sentence\">{}</p>",
        totals.result(),
        words.result(),
        xml(&sentence(words, report))
    )?;
    for dry in report.dry() {
        writeln!(
            out,
            "<p class=\"note\">{}</p>",
            inline(&phrase(&cut(&dry.line(), LONGEST)))
        )?;
    }
    tiles(out, words, &totals)?;
    if let Some(filter) = &report.run().filter {
        writeln!(
            out,
            "<p class=\"note\">{}</p>",
            inline(&words.only_selected(code(filter)))
        )?;
    }
    writeln!(out, "</section>")?;
    attention(out, report)?;
    writeln!(out, "<div class=\"lead\">")?;
    left_waiting(out, report)?;
    scenarios(out, report)?;
    writeln!(out, "</div>")
}

fn tiles(out: &mut String, words: Language, totals: &Totals) -> Result {
    writeln!(out, "<dl class=\"tiles\">")?;
    for (count, what, class) in [
        (totals.met, words.met(), "v-met"),
        (totals.violated, words.violated(), "v-violated"),
        (totals.tested_nothing, words.tested_nothing(), "v-untested"),
        (totals.undetermined, words.undetermined(), "v-undetermined"),
        (totals.observed_only, words.observed_only(), "v-observed"),
        (totals.missing, words.without_a_record(), "v-missing"),
    ] {
        // What did not occur is left out, but for the two that people look for.
        if count > 0 || ["v-met", "v-violated"].contains(&class) {
            writeln!(
                out,
                "<div class=\"{class}\"><dt>{what}</dt><dd>{count}</dd></div>"
            )?;
        }
    }
    writeln!(
        out,
        "<div class=\"gap ok\"><dt>{}</dt><dd>{}</dd></div>\n<div \
         class=\"ng\"><dt>{}</dt><dd>{}</dd></div>\n</dl>",
        words.ok_tile(),
        totals.ok,
        words.ng_tile(),
        totals.ng
    )
}

fn link(cell: &CellRef) -> String {
    format!("<a href=\"#{cell}\">{cell}</a>")
}

/// What needs a look: what may be another way tomorrow, what is not as expected, then what is not known.
fn attention(out: &mut String, report: &RunReport) -> Result {
    let (words, lines) = (report.language(), look::lines(report));
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<section class=\"attention\" aria-labelledby=\"look\">\n<h2 id=\"look\">{}</h2>\n<ul>",
        words.what_needs_a_look()
    )?;
    for line in lines {
        match line {
            look::Line::Item {
                class,
                word,
                cell,
                text,
                ..
            } => writeln!(
                out,
                "<li><span class=\"tag v-{class}\">{word}</span> {}</li>",
                words.keyed(link(&cell), inline(&text))
            )?,
            look::Line::More(count) => more(out, words, count)?,
        }
    }
    writeln!(out, "</ul>\n</section>")
}

/// Of cells that are not listed.
fn more(out: &mut String, words: Language, count: usize) -> Result {
    writeln!(out, "<li>{}</li>", words.more_below(words.count(count, CELL)))
}

fn left_waiting(out: &mut String, report: &RunReport) -> Result {
    let words = report.language();
    if report.cells().is_empty() {
        return Ok(());
    }
    let hung: Vec<&JudgedCell> = report.cells().iter().filter(|cell| cell.left_waiting()).collect();
    writeln!(
        out,
        "<section aria-labelledby=\"waiting\">\n<h2 id=\"waiting\">{}</h2>",
        words.where_left_waiting()
    )?;
    if hung.is_empty() {
        return writeln!(out, "<p>{}</p>\n</section>", nobody_waited(words, report));
    }
    let (first, rest) = hung.split_at(hung.len().min(OPEN));
    waiting(out, words, first)?;
    if !rest.is_empty() {
        writeln!(out, "<details><summary>{}</summary>", words.and_more(rest.len()))?;
        waiting(out, words, rest)?;
        writeln!(out, "</details>")?;
    }
    lanes(out, words, words.their_time_lines(), &hung)?;
    writeln!(out, "</section>")
}

/// So many are listed at once; the others are folded, so that the matrix stays near.
const OPEN: usize = 8;

fn waiting(out: &mut String, words: Language, hung: &[&JudgedCell]) -> Result {
    writeln!(out, "<ul class=\"waiting\">")?;
    for cell in hung.iter().take(LISTED) {
        let observed = phrasing::observed(words, cell);
        writeln!(
            out,
            "<li>{}</li>",
            words.keyed(link(&cell.record.plan.cell), xml(&observed))
        )?;
    }
    if hung.len() > LISTED {
        more(out, words, hung.len() - LISTED)?;
    }
    writeln!(out, "</ul>")
}

/// A column of the table of scenarios.
type Column = (Word, fn(&Totals) -> usize);

/// What was run, scenario by scenario. One scenario is its own heading.
fn scenarios(out: &mut String, report: &RunReport) -> Result {
    const COLUMNS: [Column; 8] = [
        (Language::met, |sums| sums.met),
        (Language::violated, |sums| sums.violated),
        (Language::tested_nothing, |sums| sums.tested_nothing),
        (Language::undetermined, |sums| sums.undetermined),
        (Language::observed_only, |sums| sums.observed_only),
        (Language::no_record, |sums| sums.missing),
        (|_| "OK", |sums| sums.ok),
        (|_| "NG", |sums| sums.ng),
    ];
    let words = report.language();
    if report.run().scenarios.len() < 2 {
        return Ok(());
    }
    // A page of zeros hides the figures that are not.
    let all = Totals::of(report);
    let columns: Vec<&Column> = COLUMNS.iter().filter(|(_, count)| count(&all) > 0).collect();
    writeln!(
        out,
        "<section aria-labelledby=\"run\">\n<h2 id=\"run\">{}</h2>\n<div class=\"scroll\" tabindex=\"0\" \
         role=\"region\" \
         aria-label=\"{}\"><table class=\"sums\">\n<thead><tr><th scope=\"col\">{}</th><th \
         scope=\"col\">{}</th>",
        words.what_was_run(),
        words.sums_of_scenarios(),
        words.scenario(),
        words.cells()
    )?;
    for (column, _) in &columns {
        write!(out, "<th scope=\"col\">{}</th>", column(words))?;
    }
    writeln!(out, "</tr></thead>\n<tbody>")?;
    for scenario in &report.run().scenarios {
        let sums = sums(report.rows(&scenario.name));
        let cells = if sums.cells == scenario.cell_count() {
            sums.cells.to_string()
        } else {
            words.part_of(sums.cells, scenario.cell_count())
        };
        write!(
            out,
            "<tr><th scope=\"row\"><a href=\"#{0}\">{0}</a></th><td>{cells}</td>",
            scenario.name
        )?;
        for (_, count) in &columns {
            match count(&sums) {
                0 => write!(out, "<td class=\"zero\">0</td>")?,
                count => write!(out, "<td>{count}</td>")?,
            }
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody></table></div>\n</section>")
}

pub(super) fn sums<'a>(rows: impl Iterator<Item = Row<'a>>) -> Totals {
    let mut sums = Totals::default();
    for row in rows {
        match row {
            Row::Judged(cell) => sums.count(cell),
            Row::Missing(_) => sums.count_missing(),
        }
    }
    sums
}

pub(super) fn legend(out: &mut String, words: Language) -> Result {
    writeln!(
        out,
        "<section class=\"legend\" aria-labelledby=\"legend\">\n<h2 id=\"legend\">{}</h2>\n<dl>",
        words.how_to_read()
    )?;
    for (term, meaning) in [
        (words.behaviour(), words.meaning_of_behaviour()),
        (words.time(), words.meaning_of_time()),
        (words.error(), words.meaning_of_error()),
        (words.ended_or_refused_by(), words.meaning_of_ending()),
        (words.ok_ng(), words.meaning_of_ok_ng()),
        (words.verdict(), words.meaning_of_verdict()),
        (
            words.packets_and_times(),
            &words.meaning_of_packets(words.epoch()),
        ),
        (words.keys(), words.meaning_of_keys()),
    ] {
        writeln!(out, "<dt>{term}</dt><dd>{meaning}</dd>")?;
    }
    writeln!(out, "</dl>\n</section>")
}

/// Where it ran.
pub(super) fn foot(out: &mut String, report: &RunReport) -> Result {
    let words = report.language();
    let environments = report.environments();
    writeln!(out, "<footer>\n<h2>{}</h2>", words.where_it_ran())?;
    for (environment, count) in &environments {
        if environments.len() > 1 {
            writeln!(out, "<p>{}</p>", words.heads(words.count(*count, CELL)))?;
        }
        writeln!(out, "<dl>")?;
        for (term, text) in crate::cell::environment(words, environment) {
            writeln!(out, "<dt>{term}</dt><dd>{}</dd>", inline(&text))?;
        }
        writeln!(out, "</dl>")?;
    }
    writeln!(
        out,
        "<p>{} <a href=\"report.json\">report.json</a>, <a href=\"junit.xml\">junit.xml</a>; {} \
         <a href=\"report.md\">report.md</a></p>\n</footer>",
        words.same_for_programs(),
        words.as_markdown()
    )
}
