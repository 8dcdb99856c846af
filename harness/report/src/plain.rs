//! An explanation as plain text, for a terminal.

use crate::escape::{one_line, visible};
use lvs_matrix_explain::{Advised, Explanation, Paragraph, Status, Trial, explain_in};
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::Write as _;

/// How wide lines are.
const WIDTH: usize = 100;

/// What the client of a cell lived through and why, as plain text: a heading, then [`plain`].
#[must_use]
pub fn explanation(words: Language, cell: &JudgedCell) -> String {
    let mut out = String::new();
    let observed = phrasing::observed(words, cell);
    wrapped(
        &mut out,
        "",
        &words.plain_heading(&cell.record.plan.cell, observed),
    );
    out.push('\n');
    out + &plain(&explain_in(words, cell))
}

/// What is said of a rule, with the kernels that it is true of, if these are not all.
pub(crate) fn with_kernels(words: Language, rule: String, paragraph: &Paragraph) -> String {
    match &paragraph.kernels {
        Some(kernels) => words.rule_of_kernels(rule, &kernels.lines, kernels.commit),
        None => rule,
    }
}

/// As plain text: what happened, what shows it, which functions of the kernel do it, and what avoids it.
/// Lines of at most 100 characters, ending with a newline. Foreign text in it is made harmless.
#[must_use]
pub fn plain(explanation: &Explanation) -> String {
    let words = explanation.language;
    let mut out = String::new();
    for sentence in &explanation.untested {
        wrapped(&mut out, "", sentence);
    }
    if !explanation.untested.is_empty() {
        out.push('\n');
    }
    for paragraph in &explanation.paragraphs {
        wrapped(
            &mut out,
            "",
            &phrasing::shown(words, &paragraph.text, &paragraph.shown_by),
        );
        let sources = paragraph.sources.iter();
        let sources: Vec<String> = sources.map(|one| words.source(one.function, one.file)).collect();
        let rule = words.rule_applied(paragraph.rule, sources.join(words.listed()));
        wrapped(&mut out, "  ", &with_kernels(words, rule, paragraph));
        out.push('\n');
    }
    match &explanation.status {
        Status::Explained => {}
        Status::Unexplained { questions } => {
            wrapped(&mut out, "", &words.unexplained_but(questions.join(words.nor())));
            known(&mut out, explanation);
        }
        Status::Undetermined { reasons } => {
            wrapped(&mut out, "", words.nothing_to_explain_because());
            for reason in reasons {
                wrapped(&mut out, "- ", reason);
            }
            out.push('\n');
            if !explanation.known.is_empty() {
                wrapped(&mut out, "", words.shown_all_the_same());
                known(&mut out, explanation);
            }
        }
    }
    if !explanation.advice.is_empty() {
        wrapped(&mut out, "", &words.heads(words.what_avoids_it()));
        for (number, advice) in (1..).zip(&explanation.advice) {
            advised(&mut out, words, number, advice);
        }
        let tried = |advice: &Advised| matches!(advice.trial, Trial::Scenario { .. });
        if explanation.advice.iter().any(tried) {
            wrapped(&mut out, "", words.how_it_is_tried());
        }
        out.push('\n');
    }
    // One newline at the end.
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// A piece of advice with its number, and below it what it changes in the cell's scenario.
fn advised(out: &mut String, words: Language, number: usize, advice: &Advised) {
    let lead = format!("{number}. ");
    wrapped(out, &lead, &advice.text);
    match &advice.trial {
        Trial::Scenario { change, .. } => {
            for line in change.lines() {
                // Whole lines, so that they can be copied; writing into a String cannot fail.
                let _ = writeln!(out, "     {}", visible(line));
            }
        }
        Trial::Not { reason } => {
            let lead = " ".repeat(lead.len());
            wrapped(out, &lead, &words.not_tried(reason));
        }
    }
}

fn known(out: &mut String, explanation: &Explanation) {
    for item in &explanation.known {
        wrapped(out, "- ", &phrasing::evidence(explanation.language, item));
    }
    out.push('\n');
}

/// `text` in lines, the first after `lead`, the others below its first character.
pub(crate) fn wrapped(out: &mut String, lead: &str, text: &str) {
    let text = one_line(text);
    let mut line = lead.to_owned();
    let mut empty = true;
    for (piece, apart) in pieces(&text) {
        let blank = apart && !empty;
        if !empty && columns(&line) + usize::from(blank) + columns(&piece) > WIDTH {
            let _ = writeln!(out, "{}", visible(&line));
            line = " ".repeat(columns(lead));
        } else if blank {
            line.push(' ');
        }
        line.push_str(&piece);
        empty = false;
    }
    // Again, as a word that was within a line may begin one now. Writing into a String cannot fail.
    let _ = writeln!(out, "{}", visible(&line));
}

/// What must not be broken, each with whether a blank stands before it: words between blanks, Chinese
/// characters with the marks that belong to them, and what stands between backticks, so that a command line
/// can be copied from a terminal.
fn pieces(text: &str) -> Vec<(String, bool)> {
    let mut pieces: Vec<(String, bool)> = Vec::new();
    let (mut quoted, mut apart, mut last) = (false, false, None);
    for c in text.chars() {
        if c == ' ' && !quoted {
            (apart, last) = (true, None);
            continue;
        }
        let breaks = last.is_none_or(|last| {
            let beside = is_wide(last) || is_wide(c);
            beside && !quoted && !"，。、；：？！）”".contains(c) && !"（“".contains(last)
        });
        match pieces.last_mut().filter(|_| !breaks) {
            Some((piece, _)) => piece.push(c),
            None => pieces.push((c.to_string(), std::mem::take(&mut apart))),
        }
        quoted ^= c == '`';
        last = Some(c);
    }
    pieces
}

/// How many columns of a terminal a text takes.
fn columns(text: &str) -> usize {
    text.chars().map(|c| 1 + usize::from(is_wide(c))).sum()
}

/// Does a character take two columns (UAX 11, as far as our texts have them)?
fn is_wide(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{303f}' | '\u{3400}'..='\u{9fff}' | '\u{ff01}'..='\u{ff60}')
}
