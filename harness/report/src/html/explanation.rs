//! Why the client saw what it saw, above everything that shows it.

use super::evidence::{cites, link};
use super::trace::Traces;
use crate::escape::{html_prose, xml};
use lvs_matrix_explain::{Explanation, Paragraph, Status, explain_in};
use lvs_matrix_language::Language;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

pub(super) fn section(out: &mut String, words: Language, cell: &JudgedCell, traces: &Traces) -> Result {
    let explanation = explain_in(words, cell);
    writeln!(out, "<section class=\"why\"><h3>{}</h3>", words.why())?;
    for sentence in &explanation.untested {
        writeln!(out, "<p>{}</p>", html_prose(sentence))?;
    }
    for paragraph in &explanation.paragraphs {
        self::paragraph(out, words, cell, paragraph, traces)?;
    }
    status(out, words, &explanation)?;
    if !explanation.advice.is_empty() {
        writeln!(out, "<h4>{}</h4>\n<ul>", words.what_avoids_it())?;
        for advice in &explanation.advice {
            writeln!(out, "<li>{}</li>", html_prose(&advice.text))?;
        }
        writeln!(out, "</ul>")?;
    }
    writeln!(out, "</section>")
}

fn paragraph(
    out: &mut String,
    words: Language,
    cell: &JudgedCell,
    paragraph: &Paragraph,
    traces: &Traces,
) -> Result {
    let text = html_prose(&paragraph.text);
    write!(out, "<p><span>{text}</span> ")?;
    cites(out, words, &paragraph.shown_by, |place| {
        link(&cell.record.plan.cell, place, traces, words)
    })?;
    let sources: Vec<String> = paragraph
        .sources
        .iter()
        .map(|source| {
            let function = format!("<code>{}</code>", xml(source.function));
            words.source(function, xml(source.file))
        })
        .collect();
    writeln!(
        out,
        "</p>\n<p class=\"note\">{}</p>",
        words.rule_applied(xml(paragraph.rule), sources.join(words.listed()))
    )
}

/// What is not explained. What is known of it stands below, as the evidence.
fn status(out: &mut String, words: Language, explanation: &Explanation) -> Result {
    match &explanation.status {
        Status::Explained => Ok(()),
        Status::Unexplained { questions } => {
            writeln!(out, "<p>{}</p>", words.unexplained(questions.join(words.nor())))
        }
        Status::Undetermined { .. } => writeln!(out, "<p>{}</p>", words.nothing_to_explain()),
    }
}
