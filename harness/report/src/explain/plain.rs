//! An explanation as plain text, for a terminal.

use super::{Explanation, Status};
use crate::escape::{one_line, visible};
use crate::wording;
use crate::words::Language;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::Write as _;

/// How wide lines are.
const WIDTH: usize = 100;

/// What the client of a cell lived through and why, as plain text: a heading, then [`Explanation::plain`].
#[must_use]
pub fn explanation(cell: &JudgedCell) -> String {
    let mut out = String::new();
    wrapped(
        &mut out,
        "",
        &format!(
            "{}: {}.",
            cell.record.plan.cell,
            wording::observed(Language::English, cell)
        ),
    );
    out.push('\n');
    out + &super::explain(cell).plain()
}

impl Explanation {
    /// As plain text: what happened, what shows it, which functions of the kernel do it, and what avoids it. Lines of at most
    /// 100 characters, ending with a newline. Foreign text in it is made harmless.
    #[must_use]
    pub fn plain(&self) -> String {
        let mut out = String::new();
        for paragraph in &self.paragraphs {
            wrapped(
                &mut out,
                "",
                &wording::shown(Language::English, &paragraph.text, &paragraph.shown_by),
            );
            let sources: Vec<String> = paragraph.sources.iter().map(ToString::to_string).collect();
            wrapped(
                &mut out,
                "  ",
                &format!("Rule {}: {}.", paragraph.rule, sources.join(", ")),
            );
            out.push('\n');
        }
        match &self.status {
            Status::Explained => {}
            Status::Unexplained { questions } => {
                let unknown = format!(
                    "None of the rules that lvs-matrix knows says {}. It does not guess; what is known is:",
                    questions.join(", nor ")
                );
                wrapped(&mut out, "", &unknown);
                self.known(&mut out);
            }
            Status::Undetermined { reasons } => {
                wrapped(
                    &mut out,
                    "",
                    "What the client lived through is not known, so there is nothing to explain. The reasons:",
                );
                for reason in reasons {
                    wrapped(&mut out, "- ", reason);
                }
                out.push('\n');
                if !self.known.is_empty() {
                    wrapped(&mut out, "", "What the record shows all the same:");
                    self.known(&mut out);
                }
            }
        }
        if !self.advice.is_empty() {
            wrapped(&mut out, "", "What avoids it:");
            for advice in &self.advice {
                wrapped(&mut out, "- ", advice);
            }
            out.push('\n');
        }
        // One newline at the end.
        out.truncate(out.trim_end().len());
        out.push('\n');
        out
    }

    fn known(&self, out: &mut String) {
        for item in &self.known {
            wrapped(out, "- ", &wording::evidence(Language::English, item));
        }
        out.push('\n');
    }
}

/// `text` in lines, the first after `lead`, the others below its first character.
fn wrapped(out: &mut String, lead: &str, text: &str) {
    let text = one_line(text);
    let mut line = lead.to_owned();
    let mut empty = true;
    for word in words(&text) {
        let length = line.chars().count() + usize::from(!empty) + word.chars().count();
        if !empty && length > WIDTH {
            let _ = writeln!(out, "{}", visible(&line));
            line = " ".repeat(lead.chars().count());
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(&word);
        empty = false;
    }
    // Again, as a word that was within a line may begin one now. Writing into a String cannot fail.
    let _ = writeln!(out, "{}", visible(&line));
}

/// Words between blanks; what stands between backticks is one word, so that a command line can be copied from a terminal.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut quoted = false;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match words.last_mut().filter(|_| quoted) {
            Some(last) => {
                last.push(' ');
                last.push_str(word);
            }
            None => words.push(word.to_owned()),
        }
        quoted ^= word.matches('`').count() % 2 == 1;
    }
    words
}
