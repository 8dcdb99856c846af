//! The sections of a cell's page, made from the judged data once for every form.

pub(crate) mod commands;
mod packets;
mod probes;
mod program;
mod servers;
mod spread;
mod trace;

pub(crate) use packets::{retransmissions, timeline};
pub(crate) use probes::probes;
pub(crate) use program::program;
pub(crate) use servers::{director, servers};
pub(crate) use spread::spread;
pub(crate) use trace::traces;

use crate::blocks::{Block, Code, Section, Statement, code, foreign, phrase, prose, strong};
use lvs_matrix_explain::{Paragraph, Status, explain_in};
use lvs_matrix_language::Language;
use lvs_matrix_language::phrasing::{self, Particular, Stated, particulars};
use lvs_matrix_model::record::{CellRecord, Environment, LabOutcome};
use lvs_matrix_model::verdict::JudgedCell;

/// What was expected and observed, the verdict, and its reasons.
pub(crate) fn judgement(words: Language, cell: &JudgedCell) -> Section {
    let verdict = strong(phrasing::verdict(words, &cell.verdict));
    let mut facts = vec![
        (
            words.expected(),
            phrasing::expected(words, &cell.record.plan.expected),
        ),
        (words.observed(), foreign(&phrasing::observed(words, cell))),
        (words.verdict(), verdict),
    ];
    let label = phrasing::reasons_are(words, &cell.verdict);
    let reasons = phrasing::reasons(words, cell);
    facts.extend(reasons.iter().map(|reason| (label, prose(reason))));
    let notes = phrasing::notes(words, cell);
    facts.extend(notes.iter().map(|(label, text)| (*label, prose(text))));
    if let Some(error) = &cell.observed.error {
        facts.push((words.message_of_client(), code(&error.message)));
    }
    let orphans = cell.observed.orphaned_sessions.iter();
    facts.extend(orphans.map(|orphan| (words.left_behind(), foreign(&phrasing::orphan(words, orphan)))));
    let facts = facts.into_iter().map(|(term, text)| (term.to_owned(), text));
    Section::new(words.judgement(), vec![Block::Facts(facts.collect())])
}

/// The rules that apply, each with what shows it and where it is in the kernel's source, and what avoids it.
/// What is known of a cell that no rule explains stands in its evidence.
pub(crate) fn why(words: Language, cell: &JudgedCell) -> Section {
    let explanation = explain_in(words, cell);
    let untested = explanation.untested.iter();
    let mut blocks: Vec<Block> = untested
        .map(|sentence| Block::paragraph(prose(sentence)))
        .collect();
    blocks.extend(
        explanation
            .paragraphs
            .iter()
            .map(|paragraph| rule(words, paragraph)),
    );
    match &explanation.status {
        Status::Explained => {}
        Status::Unexplained { questions } => {
            blocks.push(Block::paragraph(words.unexplained(questions.join(words.nor()))));
        }
        Status::Undetermined { .. } => blocks.push(Block::paragraph(words.nothing_to_explain())),
    }
    if !explanation.advice.is_empty() {
        blocks.push(Block::Heading(words.what_avoids_it().to_owned()));
        let advice = explanation.advice.iter();
        blocks.push(Block::List(
            advice
                .map(|advice| Statement::from(prose(&advice.text)))
                .collect(),
        ));
    }
    Section {
        class: "why",
        ..Section::new(words.why(), blocks)
    }
}

fn rule(words: Language, paragraph: &Paragraph) -> Block {
    let sources = paragraph.sources.iter();
    let sources: Vec<String> = sources
        .map(|source| words.source(code(source.function), foreign(source.file)))
        .collect();
    let sources = sources.join(words.listed());
    Block::Paragraph(Statement {
        shown_by: paragraph.shown_by.clone(),
        note: Some(crate::plain::with_kernels(
            words,
            words.rule_applied(foreign(paragraph.rule), sources),
            paragraph,
        )),
        ..Statement::from(prose(&paragraph.text))
    })
}

/// What the judge saw, each piece with what shows it; `None` if it saw nothing.
pub(crate) fn evidence(words: Language, cell: &JudgedCell) -> Option<Section> {
    let times = Block::Note(words.times_from(words.epoch()));
    let evidence = Block::Evidence(pieces(words, cell));
    (!cell.observed.evidence.is_empty()).then(|| Section::new(words.evidence_title(), vec![times, evidence]))
}

/// The pieces of evidence.
pub(crate) fn pieces(words: Language, cell: &JudgedCell) -> Vec<Statement> {
    let evidence = cell.observed.evidence.iter();
    evidence
        .map(|item| Statement {
            shown_by: item.shown_by.clone(),
            ..Statement::from(phrase(&phrasing::fact(words, &item.fact)))
        })
        .collect()
}

/// What a lab that failed said last.
pub(crate) fn log(words: Language, record: &CellRecord) -> Option<Section> {
    let LabOutcome::Failed { log, .. } = &record.lab else {
        return None;
    };
    let lines = Block::Code(Code::text("text", &log.join("\n")));
    (!log.is_empty()).then(|| Section::new(words.last_lines_of_log(), vec![lines]))
}

/// Where cells ran.
pub(crate) fn environment(words: Language, environment: &Environment) -> Vec<(String, String)> {
    let line = |Particular { key, value, hash }: Particular<'_>| {
        let value = match value {
            Stated::Printed(text) => code(text),
            Stated::Harness(version) => format!("lvs-matrix {}", foreign(version)),
            Stated::Said(text) => text.to_owned(),
        };
        let hash = hash.map_or_else(String::new, |hash| format!(", SHA-256 {}", code(hash)));
        (key.to_owned(), value + &hash)
    };
    particulars(words, environment).into_iter().map(line).collect()
}
