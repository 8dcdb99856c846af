//! What is above the matrix and at the foot of the page: the run in a sentence, its sums, what needs a look,
//! where clients were left waiting, and where it ran.

use super::scenario::lanes;
use crate::blocks::html::{Printer, inline};
use crate::blocks::{Block, Section, Statement};
use crate::causes::Found;
use crate::escape::xml;
use crate::kernels;
use crate::overview;
use crate::run::RunReport;
use crate::totals::{Totals, sentence};
use crate::view::View;
use lvs_matrix_language::Language;
use std::fmt::{Result, Write as _};

pub(super) fn summary(out: &mut String, view: View<'_>, report: &RunReport, found: &Found<'_>) -> Result {
    let (totals, words) = (Totals::of(report), view.words);
    let printer = Printer::of_run(words);
    writeln!(
        out,
        "<section class=\"hero v-{}\" aria-label=\"{}\">\n<p class=\"sentence\">{}</p>",
        totals.result(),
        words.result(),
        xml(&sentence(words, report))
    )?;
    tiles(out, words, &totals)?;
    printer.blocks(out, &overview::notes(words, report))?;
    printer.blocks(out, &[overview::legend(view)])?;
    writeln!(out, "</section>")?;
    printer.section(out, overview::found(view, report, found).as_ref())?;
    let look = overview::needing_a_look(view, report).into_iter();
    let look: Vec<_> = look.map(|(line, _)| Statement::from(line)).collect();
    let look = (!look.is_empty()).then(|| Section {
        id: "look",
        class: "attention",
        ..Section::new(words.what_needs_a_look(), vec![Block::List(look)])
    });
    printer.section(out, look.as_ref())?;
    writeln!(out, "<div class=\"lead\">")?;
    let waiting = overview::left_waiting(view, report).map(|(mut section, cells)| {
        section
            .blocks
            .extend(lanes(words, words.their_time_lines(), &cells));
        section
    });
    printer.section(out, waiting.as_ref())?;
    printer.section(out, kernels::section(view, report).as_ref())?;
    // One scenario is its own heading.
    if report.run().scenarios.len() > 1 {
        printer.section(out, Some(&overview::sums(view, report)))?;
    }
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

/// Where it ran, and the other forms of the report.
pub(super) fn foot(out: &mut String, words: Language, report: &RunReport) -> Result {
    writeln!(out, "<footer>\n<h2>{}</h2>", words.where_it_ran())?;
    Printer::of_run(words).blocks(out, &overview::places(words, report))?;
    let [json, junit, markdown] =
        ["report.json", "junit.xml", "report.md"].map(|file| crate::blocks::link(file, file));
    let forms = format!(
        "{} {json}, {junit}; {} {markdown}",
        words.same_for_programs(),
        words.as_markdown()
    );
    writeln!(out, "<p>{}</p>\n</footer>", inline(&forms))
}
