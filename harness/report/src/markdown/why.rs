//! Why the client saw what it saw.

use crate::escape::prose;
use crate::explain::{Paragraph, Status, explain};
use crate::wording;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

/// The rules that apply, each with what shows it and where it is in the kernel's source, and what avoids it. What is known of a
/// cell that no rule explains follows as its evidence.
pub(super) fn section(out: &mut String, cell: &JudgedCell) -> Result {
    let explanation = explain(cell);
    writeln!(out, "## Why\n")?;
    for Paragraph {
        rule,
        text,
        shown_by,
        sources,
    } in &explanation.paragraphs
    {
        let sources: Vec<String> = sources
            .iter()
            .map(|source| format!("`{}` in {}", source.function, source.file))
            .collect();
        writeln!(
            out,
            "{} <sub>Rule {rule}: {}.</sub>\n",
            prose(&wording::shown(text, shown_by)),
            prose(&sources.join(", "))
        )?;
    }
    match &explanation.status {
        Status::Explained => {}
        Status::Unexplained { questions } => writeln!(
            out,
            "None of the rules that lvs-matrix knows says {}. It does not guess; what is known is the evidence below.\n",
            questions.join(", nor ")
        )?,
        Status::Undetermined { .. } => writeln!(
            out,
            "What the client lived through is not known, so there is nothing to explain; the reasons stand above.\n"
        )?,
    }
    if !explanation.advice.is_empty() {
        writeln!(out, "What avoids it:\n")?;
        for advice in &explanation.advice {
            writeln!(out, "- {}", prose(advice))?;
        }
        out.push('\n');
    }
    Ok(())
}
