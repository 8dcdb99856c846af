//! Why the client saw what it saw.

use crate::escape::prose;
use lvs_matrix_explain::{Paragraph, Status, explain_in};
use lvs_matrix_language::Language;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

/// The rules that apply, each with what shows it and where it is in the kernel's source, and what avoids it.
/// What is known of a cell that no rule explains follows as its evidence.
pub(super) fn section(out: &mut String, words: Language, cell: &JudgedCell) -> Result {
    let explanation = explain_in(words, cell);
    writeln!(out, "## {}\n", words.why())?;
    for sentence in &explanation.untested {
        writeln!(out, "{}\n", prose(sentence))?;
    }
    for Paragraph {
        rule,
        text,
        shown_by,
        sources,
        ..
    } in &explanation.paragraphs
    {
        let sources: Vec<String> = sources
            .iter()
            .map(|source| words.source(format_args!("`{}`", source.function), source.file))
            .collect();
        writeln!(
            out,
            "{} <sub>{}</sub>\n",
            prose(&phrasing::shown(words, text, shown_by)),
            prose(&words.rule_applied(rule, sources.join(words.listed())))
        )?;
    }
    match &explanation.status {
        Status::Explained => {}
        Status::Unexplained { questions } => {
            writeln!(out, "{}\n", words.unexplained(questions.join(words.nor())))?;
        }
        Status::Undetermined { .. } => writeln!(out, "{}\n", words.nothing_to_explain())?,
    }
    if !explanation.advice.is_empty() {
        writeln!(out, "{}\n", words.heads(words.what_avoids_it()))?;
        for advice in &explanation.advice {
            writeln!(out, "- {}", prose(&advice.text))?;
        }
        out.push('\n');
    }
    Ok(())
}
