//! The section of a cell: what happened, what was expected, and everything that shows it.

use super::{commands, packets, story, tables, timeline, trace};
use crate::escape::{code, fenced, inline, phrase};
use crate::run::{capture_path, record_path};
use crate::stamp::EPOCH;
use crate::wording;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::record::{CellRecord, LabOutcome};
use lvs_matrix_model::verdict::{JudgedCell, Verdict};
use std::fmt::{Result, Write as _};

/// The anchor is the cell's id, which is also its folder; GitHub's own anchor would lose the slash.
pub(super) fn heading(out: &mut String, cell: &CellRef) -> Result {
    writeln!(out, "<a id=\"{cell}\"></a>\n\n### {cell}\n")
}

pub(super) fn section(out: &mut String, cell: &JudgedCell, preparations: &commands::Preparations<'_>) -> Result {
    let record = &cell.record;
    heading(out, &record.plan.cell)?;
    for sentence in story::sentences(cell) {
        writeln!(out, "{sentence}")?;
    }
    out.push('\n');
    judgement(out, cell)?;
    evidence(out, cell)?;
    log(out, record)?;
    timeline::details(out, cell)?;
    commands::of_steps(out, record)?;
    packets::retransmissions(out, cell)?;
    trace::details(out, cell)?;
    tables::director(out, record)?;
    tables::servers(out, cell)?;
    files(out, record, preparations)
}

fn judgement(out: &mut String, cell: &JudgedCell) -> Result {
    writeln!(out, "- expected: {}", wording::expected(&cell.record.plan.expected))?;
    writeln!(out, "- observed: {}", inline(&wording::observed(cell)))?;
    writeln!(out, "- verdict: **{}**", wording::verdict(&cell.verdict))?;
    let label = match cell.verdict {
        Verdict::Violated { .. } => "difference",
        Verdict::Undetermined { .. } | Verdict::Met | Verdict::ObservedOnly => "reason",
    };
    for reason in wording::reasons(cell) {
        writeln!(out, "- {label}: {}", phrase(reason))?;
    }
    if let Some(error) = &cell.observed.error {
        writeln!(out, "- the client's message: {}", code(&error.message))?;
    }
    for held in tables::left_behind(cell) {
        writeln!(out, "- left behind: {held}")?;
    }
    out.push('\n');
    Ok(())
}

fn evidence(out: &mut String, cell: &JudgedCell) -> Result {
    if cell.observed.evidence.is_empty() {
        return Ok(());
    }
    // What needs a look is open; what is as expected need not be read.
    let open = match cell.verdict {
        Verdict::Violated { .. } | Verdict::Undetermined { .. } => " open",
        Verdict::Met | Verdict::ObservedOnly => "",
    };
    writeln!(out, "<details{open}><summary>Evidence, times from {EPOCH}</summary>\n")?;
    for item in &cell.observed.evidence {
        writeln!(out, "- {}", phrase(&wording::evidence(item)))?;
    }
    writeln!(out, "\n</details>\n")
}

/// What a lab that failed said last.
fn log(out: &mut String, record: &CellRecord) -> Result {
    let LabOutcome::Failed { log, .. } = &record.lab else {
        return Ok(());
    };
    if log.is_empty() {
        return Ok(());
    }
    writeln!(out, "<details><summary>Last lines of the log</summary>\n")?;
    fenced(out, "text", &log.join("\n"));
    writeln!(out, "\n</details>\n")
}

fn files(out: &mut String, record: &CellRecord, preparations: &commands::Preparations<'_>) -> Result {
    let cell = &record.plan.cell;
    let mut links = vec![format!("[record]({})", record_path(cell))];
    if record.capture.is_some() {
        links.push(format!("[capture]({})", capture_path(cell)));
    }
    if let Some(number) = preparations.number(record) {
        links.push(format!(
            "[preparation {number}](#{}/preparation-{number})",
            cell.scenario
        ));
    }
    for view in &record.server_views {
        if let Some(log) = &view.log {
            links.push(format!("[log of {}]({cell}/{})", view.server, link_target(log)));
        }
    }
    writeln!(out, "Files: {}\n", links.join(" · "))
}

/// A file's name as part of a link: everything but letters, digits and `.-_/` as `%xx`.
fn link_target(name: &str) -> String {
    let mut target = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_/".contains(&byte) {
            target.push(char::from(byte));
        } else {
            target.push_str(&format!("%{byte:02x}"));
        }
    }
    target
}
