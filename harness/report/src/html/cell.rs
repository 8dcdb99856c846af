//! The page of a cell: what happened, what was expected, and everything that shows it.

use super::preparations::Preparations;
use crate::blocks::html::Printer;
use crate::blocks::{Block, Section, link};
use crate::cell::{self, commands};
use crate::escape::xml;
use crate::overview::{self, behaviour_class, verdict_class};
use crate::repeat;
use crate::row::Row;
use crate::run::{ScenarioSummary, capture_path, record_path};
use lvs_matrix_language::{Language, Length, phrasing};
use lvs_matrix_model::record::CellRecord;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

/// The page of one row, inert until it is opened.
pub(super) fn block(
    out: &mut String,
    words: Language,
    scenario: &ScenarioSummary,
    row: Row<'_>,
    preparations: &Preparations<'_>,
) -> Result {
    let cell = row.cell();
    writeln!(out, "<noscript data-cell=\"{cell}\">")?;
    heading(out, words, scenario, row)?;
    match row {
        Row::Judged(judged) => page(out, words, judged, preparations)?,
        Row::Missing(_) => {}
    }
    writeln!(out, "</article></noscript>")
}

/// The article's beginning; its anchor is the cell's id, which is also its folder.
fn heading(out: &mut String, words: Language, scenario: &ScenarioSummary, row: Row<'_>) -> Result {
    let cell = row.cell();
    let class = match row {
        Row::Judged(judged) => behaviour_class(judged),
        Row::Missing(_) => phrasing::UNDETERMINED,
    };
    writeln!(out, "<article class=\"b-{class}\" id=\"{cell}\">\n<header>")?;
    let kernel = cell.kernel.as_ref();
    let title: Vec<&str> = cell.values.iter().map(|(_, value)| value.as_str()).collect();
    let title = if title.is_empty() {
        cell.scenario.to_string()
    } else {
        writeln!(
            out,
            "<p class=\"crumb\"><a href=\"#{0}\">{0}</a></p>",
            cell.scenario
        )?;
        title.join(" · ")
    };
    writeln!(
        out,
        "<h2 tabindex=\"-1\">{title}{}{}</h2>",
        kernel.map_or_else(String::new, |kernel| words.on_kernel(kernel)),
        repeat::run_number(words, cell)
    )?;
    match row {
        Row::Judged(judged) => outcome(out, words, judged)?,
        Row::Missing(missing) => writeln!(
            out,
            "<p>{}</p>",
            words.no_record_because(xml(&phrasing::missing(words, &missing.reason)))
        )?,
    }
    if !cell.values.is_empty() || kernel.is_some() {
        write!(out, "<dl class=\"axes\">")?;
        for (axis, value) in &cell.values {
            write!(out, "<div><dt>{axis}</dt><dd>{value}</dd></div>")?;
        }
        if let Some(kernel) = kernel {
            let axis = words.kernel_axis();
            write!(out, "<div><dt>{axis}</dt><dd>{kernel}</dd></div>")?;
        }
        writeln!(out, "</dl>")?;
    }
    let mut head = vec![overview::claim(words, scenario)];
    head.extend(overview::source(words, scenario).map(Block::Note));
    Printer::of_run(words).blocks(out, &head)?;
    writeln!(out, "</header>")
}

fn page(out: &mut String, words: Language, judged: &JudgedCell, preparations: &Preparations<'_>) -> Result {
    let record = &judged.record;
    let traces = cell::traces(words, judged);
    let printer = Printer::of_cell(words, &record.plan.cell, traces.as_ref());
    // Words beside drawings, where there is room for both.
    writeln!(out, "<div class=\"story\"><div>")?;
    printer.section(out, Some(&cell::why(words, judged)))?;
    printer.section(out, Some(&cell::judgement(words, judged)))?;
    printer.section(out, cell::spread(words, judged).as_ref())?;
    printer.section(out, cell::probes(words, judged).as_ref())?;
    printer.section(out, cell::log(words, record).as_ref())?;
    printer.section(out, cell::evidence(words, judged).as_ref())?;
    writeln!(out, "</div><div>")?;
    let time = crate::timeline::cell_timeline_svg(words, judged);
    let ladder = crate::ladder::ladder_svg(words, judged);
    for (name, svg) in [(words.clients_time(), time), (words.what_passed(), ladder)] {
        let section = svg.map(|svg| Section::new(name, vec![Block::Drawing { name, svg }]));
        printer.section(out, section.as_ref())?;
    }
    writeln!(out, "</div></div>")?;
    let preparation = preparations.of_cell(&record.plan.cell).map(|(anchor, number)| {
        let link = link(&format!("#{anchor}"), &words.preparation_numbered(number));
        Block::paragraph(words.made_by(link))
    });
    for section in [
        cell::timeline(words, judged),
        cell::program(words, record),
        cell::retransmissions(words, judged),
        traces,
        cell::director(words, record),
        cell::servers(words, judged),
        commands::commands(words, record, preparation),
    ] {
        printer.section(out, section.as_ref())?;
    }
    files(out, words, record)
}

/// The outcome in a line that can be read from across the room.
fn outcome(out: &mut String, words: Language, cell: &JudgedCell) -> Result {
    let observed = &cell.observed;
    write!(
        out,
        "<p class=\"outcome v-{}\"><span class=\"tag b-{}\">{}</span>",
        verdict_class(&cell.verdict),
        behaviour_class(cell),
        phrasing::behaviour(words, &observed.behaviour)
    )?;
    if let Some(length) = Length::of(cell) {
        write!(out, " <b>{}</b>", xml(&phrasing::length(words, length)))?;
    }
    if let Some(error) = &observed.error {
        write!(out, " <span>{}</span>", phrasing::error_code(words, error))?;
    }
    if let Some(article) = cell.article() {
        write!(out, " <span>{}</span>", phrasing::article(Some(article)))?;
    }
    writeln!(
        out,
        " <span class=\"tag v-{}\">{}</span></p>",
        verdict_class(&cell.verdict),
        phrasing::verdict(words, &cell.verdict)
    )
}

fn files(out: &mut String, words: Language, record: &CellRecord) -> Result {
    let cell = &record.plan.cell;
    writeln!(out, "<section><h3>{}</h3>\n<ul class=\"files\">", words.files())?;
    if record.capture.is_some() {
        let link = format!("<a href=\"{}\">capture.pcapng</a>", capture_path(cell));
        writeln!(out, "<li>{}</li>", words.file_for(link, words.for_wireshark()))?;
    }
    let link = format!("<a href=\"{}\">record.json</a>", record_path(cell));
    writeln!(
        out,
        "<li>{}</li>",
        words.file_for(link, words.all_that_was_seen())
    )?;
    for view in &record.server_views {
        if let Some(log) = &view.log {
            writeln!(
                out,
                "<li><a href=\"{cell}/{}\">{}</a></li>",
                crate::markdown::link_target(log),
                words.log_of(&view.server)
            )?;
        }
    }
    writeln!(out, "</ul></section>")
}
