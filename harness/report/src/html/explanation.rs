//! Why the client saw what it saw, above everything that shows it.

use super::evidence::{cites, link};
use super::trace::Traces;
use crate::escape::{html_prose, xml};
use crate::explain::{Explanation, Paragraph, Status, explain};
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

pub(super) fn section(out: &mut String, cell: &JudgedCell, traces: &Traces) -> Result {
    let explanation = explain(cell);
    writeln!(out, "<section class=\"why\"><h3>Why</h3>")?;
    for paragraph in &explanation.paragraphs {
        self::paragraph(out, cell, paragraph, traces)?;
    }
    status(out, &explanation)?;
    if !explanation.advice.is_empty() {
        writeln!(out, "<h4>What avoids it</h4>\n<ul>")?;
        for advice in &explanation.advice {
            writeln!(out, "<li>{}</li>", html_prose(advice))?;
        }
        writeln!(out, "</ul>")?;
    }
    writeln!(out, "</section>")
}

fn paragraph(out: &mut String, cell: &JudgedCell, paragraph: &Paragraph, traces: &Traces) -> Result {
    write!(out, "<p>{} ", html_prose(&paragraph.text))?;
    cites(out, &paragraph.shown_by, |place| {
        link(&cell.record.plan.cell, place, traces)
    })?;
    let sources: Vec<String> = paragraph
        .sources
        .iter()
        .map(|source| format!("<code>{}</code> in {}", xml(source.function), xml(source.file)))
        .collect();
    writeln!(
        out,
        "</p>\n<p class=\"note\">Rule {}: {}.</p>",
        xml(paragraph.rule),
        sources.join(", ")
    )
}

/// What is not explained. What is known of it stands below, as the evidence.
fn status(out: &mut String, explanation: &Explanation) -> Result {
    match &explanation.status {
        Status::Explained => Ok(()),
        Status::Unexplained { questions } => writeln!(
            out,
            "<p>None of the rules that lvs-matrix knows says {}. It does not guess; what is known is the evidence below.</p>",
            questions.join(", nor ")
        ),
        Status::Undetermined { .. } => writeln!(
            out,
            "<p>What the client lived through is not known, so there is nothing to explain.</p>"
        ),
    }
}
