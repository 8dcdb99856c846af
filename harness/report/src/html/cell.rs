//! The page of a cell: what happened, what was expected, and everything that shows it.

use super::preparations::Preparations;
use super::scenario::{behaviour_class, claim, verdict_class};
use super::{commands, evidence, explanation, tables, timeline, trace};
use crate::escape::{html_block, html_code, html_phrase, xml};
use crate::repeat;
use crate::run::{MissingCell, Row, ScenarioSummary, capture_path, record_path};
use crate::stamp::Length;
use crate::wording;
use lvs_matrix_model::matrix::CellRef;
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
    match row {
        Row::Judged(judged) => page(out, scenario, judged, preparations)?,
        Row::Missing(missing) => without_record(out, scenario, missing)?,
    }
    writeln!(out, "</article></noscript>")
}

/// The article's beginning; its anchor is the cell's id, which is also its folder.
fn heading(out: &mut String, scenario: &ScenarioSummary, cell: &CellRef, class: &str) -> Result {
    let title: Vec<&str> = cell.values.iter().map(|(_, value)| value.as_str()).collect();
    let title = if title.is_empty() {
        cell.scenario.to_string()
    } else {
        title.join(" · ")
    };
    writeln!(
        out,
        "<article class=\"b-{class}\" id=\"{cell}\">\n<header>\n<p class=\"crumb\"><a href=\"#{0}\">{0}</a></p>\n\
         <h2 tabindex=\"-1\">{title}{1}</h2>",
        cell.scenario,
        repeat::run_number(cell)
    )?;
    if !cell.values.is_empty() {
        write!(out, "<dl class=\"axes\">")?;
        for (axis, value) in &cell.values {
            write!(out, "<div><dt>{axis}</dt><dd>{value}</dd></div>")?;
        }
        writeln!(out, "</dl>")?;
    }
    claim(out, scenario)
}

fn without_record(out: &mut String, scenario: &ScenarioSummary, missing: &MissingCell) -> Result {
    heading(out, scenario, &missing.cell, wording::UNDETERMINED)?;
    writeln!(out, "</header>\n<p>No record: {}</p>", xml(&missing.reason))
}

fn page(out: &mut String, scenario: &ScenarioSummary, cell: &JudgedCell, preparations: &Preparations<'_>) -> Result {
    let record = &cell.record;
    heading(out, scenario, &record.plan.cell, behaviour_class(cell))?;
    outcome(out, cell)?;
    writeln!(out, "</header>")?;
    let traces = trace::Traces::of(cell);
    explanation::section(out, cell, &traces)?;
    judgement(out, cell)?;
    log(out, record)?;
    drawing(out, "The client’s time", crate::timeline::cell_timeline_svg(cell))?;
    drawing(out, "What passed the links", crate::ladder::ladder_svg(cell))?;
    evidence::section(out, cell, &traces)?;
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
