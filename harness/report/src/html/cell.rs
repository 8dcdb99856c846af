//! The page of a cell: what happened, what was expected, and everything that shows it.

use super::preparations::Preparations;
use super::scenario::{behaviour_class, claim, verdict_class};
use super::{commands, evidence, explanation, program, tables, timeline, trace};
use crate::escape::{html_block, html_code, html_phrase, xml};
use crate::repeat;
use crate::row::Row;
use crate::run::{ScenarioSummary, capture_path, record_path};
use lvs_matrix_language::Language;
use lvs_matrix_language::Length;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::record::{CellRecord, LabOutcome};
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
        "<h2 tabindex=\"-1\">{title}{}</h2>",
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
    if !cell.values.is_empty() {
        write!(out, "<dl class=\"axes\">")?;
        for (axis, value) in &cell.values {
            write!(out, "<div><dt>{axis}</dt><dd>{value}</dd></div>")?;
        }
        writeln!(out, "</dl>")?;
    }
    claim(out, scenario)?;
    writeln!(out, "</header>")
}

fn page(out: &mut String, words: Language, cell: &JudgedCell, preparations: &Preparations<'_>) -> Result {
    let record = &cell.record;
    let traces = trace::Traces::of(cell);
    // Words beside drawings, where there is room for both.
    writeln!(out, "<div class=\"story\"><div>")?;
    explanation::section(out, words, cell, &traces)?;
    judgement(out, words, cell)?;
    log(out, words, record)?;
    evidence::section(out, words, cell, &traces)?;
    writeln!(out, "</div><div>")?;
    let time = crate::timeline::cell_timeline_svg(words, cell);
    drawing(out, words.clients_time(), time)?;
    drawing(out, words.what_passed(), crate::ladder::ladder_svg(words, cell))?;
    writeln!(out, "</div></div>")?;
    timeline::section(out, cell, &traces, words)?;
    program::section(out, words, record)?;
    tables::retransmissions(out, words, cell, &traces)?;
    traces.write(out, words, cell)?;
    tables::director(out, words, record)?;
    tables::servers(out, words, cell)?;
    commands::section(out, words, record, preparations)?;
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

fn judgement(out: &mut String, words: Language, cell: &JudgedCell) -> Result {
    let mut facts = vec![
        (
            words.expected(),
            phrasing::expected(words, &cell.record.plan.expected),
        ),
        (
            words.observed(),
            xml(&phrasing::observed(words, cell)).into_owned(),
        ),
    ];
    let label = phrasing::reasons_are(words, &cell.verdict);
    let reasons = phrasing::reasons(words, cell);
    facts.extend(reasons.iter().map(|reason| (label, html_phrase(reason))));
    let notes = phrasing::notes(words, cell);
    facts.extend(notes.iter().map(|(label, text)| (*label, html_phrase(text))));
    if let Some(error) = &cell.observed.error {
        facts.push((words.message_of_client(), html_code(&error.message)));
    }
    facts.extend(
        tables::left_behind(words, cell)
            .into_iter()
            .map(|held| (words.left_behind(), held)),
    );
    writeln!(
        out,
        "<section><h3>{}</h3>\n<dl class=\"facts\">",
        words.judgement()
    )?;
    for (term, text) in facts {
        writeln!(out, "<dt>{term}</dt><dd>{text}</dd>")?;
    }
    writeln!(out, "</dl></section>")
}

/// A drawing under its title, which it has as its name, too.
pub(super) fn drawing(out: &mut String, title: &str, drawing: Option<String>) -> Result {
    let Some(drawing) = drawing else {
        return Ok(());
    };
    writeln!(
        out,
        "<section><h3>{title}</h3>\n<div class=\"drawing\" tabindex=\"0\" role=\"region\" \
         aria-label=\"{title}\">{drawing}</div>\
         </section>"
    )
}

/// What a lab that failed said last.
fn log(out: &mut String, words: Language, record: &CellRecord) -> Result {
    let LabOutcome::Failed { stage, reason, log } = &record.lab else {
        return Ok(());
    };
    writeln!(
        out,
        "<section><h3>{}</h3>\n<p>{}</p>\n<p>{}</p>",
        words.the_lab_failed(),
        words.keyed(html_phrase(stage), xml(reason)),
        words.nothing_known()
    )?;
    if !log.is_empty() {
        writeln!(
            out,
            "<h4>{}</h4>\n<pre tabindex=\"0\">{}</pre>",
            words.last_lines_of_log(),
            html_block(&log.join("\n"))
        )?;
    }
    writeln!(out, "</section>")
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
