//! The page of a cell: what happened, what was expected, and everything that shows it.

use super::preparations::Preparations;
use super::scenario::{behaviour_class, claim, verdict_class};
use super::{commands, evidence, explanation, tables, timeline, trace};
use crate::escape::{html_block, html_code, html_phrase, xml};
use crate::repeat;
use crate::run::{Row, ScenarioSummary, capture_path, record_path};
use crate::stamp::Length;
use crate::wording;
use lvs_matrix_model::record::{CellRecord, LabOutcome};
use lvs_matrix_model::verdict::{JudgedCell, Verdict};
use std::fmt::{Result, Write as _};

/// The page of one row, inert until it is opened.
pub(super) fn block(
    out: &mut String,
    scenario: &ScenarioSummary,
    row: Row<'_>,
    preparations: &Preparations<'_>,
) -> Result {
    let cell = row.cell();
    writeln!(out, "<noscript data-cell=\"{cell}\">")?;
    heading(out, scenario, row)?;
    match row {
        Row::Judged(judged) => page(out, judged, preparations)?,
        Row::Missing(_) => {}
    }
    writeln!(out, "</article></noscript>")
}

/// The article's beginning; its anchor is the cell's id, which is also its folder.
fn heading(out: &mut String, scenario: &ScenarioSummary, row: Row<'_>) -> Result {
    let cell = row.cell();
    let class = match row {
        Row::Judged(judged) => behaviour_class(judged),
        Row::Missing(_) => wording::UNDETERMINED,
    };
    writeln!(out, "<article class=\"b-{class}\" id=\"{cell}\">\n<header>")?;
    let title: Vec<&str> = cell.values.iter().map(|(_, value)| value.as_str()).collect();
    let title = if title.is_empty() {
        cell.scenario.to_string()
    } else {
        writeln!(out, "<p class=\"crumb\"><a href=\"#{0}\">{0}</a></p>", cell.scenario)?;
        title.join(" · ")
    };
    writeln!(out, "<h2 tabindex=\"-1\">{title}{}</h2>", repeat::run_number(cell))?;
    match row {
        Row::Judged(judged) => outcome(out, judged)?,
        Row::Missing(missing) => writeln!(out, "<p>No record: {}</p>", xml(&missing.reason))?,
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

fn page(out: &mut String, cell: &JudgedCell, preparations: &Preparations<'_>) -> Result {
    let record = &cell.record;
    let traces = trace::Traces::of(cell);
    // Words beside drawings, where there is room for both.
    writeln!(out, "<div class=\"story\"><div>")?;
    explanation::section(out, cell, &traces)?;
    judgement(out, cell)?;
    log(out, record)?;
    evidence::section(out, cell, &traces)?;
    writeln!(out, "</div><div>")?;
    drawing(out, "The client’s time", crate::timeline::cell_timeline_svg(cell))?;
    drawing(out, "What passed the links", crate::ladder::ladder_svg(cell))?;
    writeln!(out, "</div></div>")?;
    timeline::section(out, cell, &traces)?;
    tables::retransmissions(out, cell, &traces)?;
    traces.write(out, cell)?;
    tables::director(out, record)?;
    tables::servers(out, cell)?;
    commands::section(out, record, preparations)?;
    files(out, record)
}

/// The outcome in a line that can be read from across the room.
fn outcome(out: &mut String, cell: &JudgedCell) -> Result {
    let observed = &cell.observed;
    write!(
        out,
        "<p class=\"outcome\"><span class=\"tag b-{}\">{}</span>",
        behaviour_class(cell),
        wording::behaviour(&observed.behaviour)
    )?;
    if let Some(length) = Length::of(cell) {
        write!(out, " <b>{}</b>", xml(&length.to_string()))?;
    }
    if let Some(error) = &observed.error {
        write!(out, " <span>{}</span>", wording::error_code(error))?;
    }
    if let Some(article) = observed.behaviour.article() {
        write!(out, " <span>{}</span>", wording::article(Some(article)))?;
    }
    writeln!(
        out,
        " <span class=\"tag v-{}\">{}</span></p>",
        verdict_class(&cell.verdict),
        wording::verdict(&cell.verdict)
    )
}

fn judgement(out: &mut String, cell: &JudgedCell) -> Result {
    let mut facts = vec![
        ("expected", wording::expected(&cell.record.plan.expected)),
        ("observed", xml(&wording::observed(cell)).into_owned()),
    ];
    let label = match cell.verdict {
        Verdict::Violated { .. } => "difference",
        Verdict::Undetermined { .. } | Verdict::Met | Verdict::ObservedOnly => "reason",
    };
    facts.extend(wording::reasons(cell).iter().map(|reason| (label, html_phrase(reason))));
    if let Some(error) = &cell.observed.error {
        facts.push(("the client’s message", html_code(&error.message)));
    }
    facts.extend(tables::left_behind(cell).into_iter().map(|held| ("left behind", held)));
    writeln!(out, "<section><h3>Judgement</h3>\n<dl class=\"facts\">")?;
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
        "<section><h3>{title}</h3>\n<div class=\"drawing\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\">{drawing}</div>\
         </section>"
    )
}

/// What a lab that failed said last.
fn log(out: &mut String, record: &CellRecord) -> Result {
    let LabOutcome::Failed { stage, reason, log } = &record.lab else {
        return Ok(());
    };
    writeln!(
        out,
        "<section><h3>The lab failed</h3>\n<p>{}: {}</p>\n<p>What a client lives through here is not known; this says nothing \
         about IPVS.</p>",
        html_phrase(stage),
        xml(reason)
    )?;
    if !log.is_empty() {
        writeln!(
            out,
            "<h4>The last lines of its log</h4>\n<pre tabindex=\"0\">{}</pre>",
            html_block(&log.join("\n"))
        )?;
    }
    writeln!(out, "</section>")
}

fn files(out: &mut String, record: &CellRecord) -> Result {
    let cell = &record.plan.cell;
    writeln!(out, "<section><h3>Files</h3>\n<ul class=\"files\">")?;
    if record.capture.is_some() {
        writeln!(
            out,
            "<li><a href=\"{}\">capture.pcapng</a>, for Wireshark</li>",
            capture_path(cell)
        )?;
    }
    writeln!(
        out,
        "<li><a href=\"{}\">record.json</a>, all that was seen</li>",
        record_path(cell)
    )?;
    for view in &record.server_views {
        if let Some(log) = &view.log {
            writeln!(
                out,
                "<li><a href=\"{cell}/{}\">log of {}</a></li>",
                crate::markdown::link_target(log),
                view.server
            )?;
        }
    }
    writeln!(out, "</ul></section>")
}
