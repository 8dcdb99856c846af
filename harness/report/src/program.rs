//! The client program: what it is, how it was set, and what it printed.

use crate::markup::Markup;
use lvs_matrix_language::Language;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::record::{CellRecord, Transcript, TranscriptSource};
use std::fmt::Write as _;

/// What is known of a client program, and what it showed.
pub(crate) struct Program<'a> {
    /// Each a term and what is said of it, marked up.
    pub(crate) facts: Vec<(String, String)>,
    pub(crate) transcripts: &'a [Transcript],
}

/// That of a program other than the default one, or with settings; `None` if there is nothing to tell.
pub(crate) fn program(words: Language, record: &CellRecord, markup: Markup) -> Option<Program<'_>> {
    let (plan, seen) = (&record.plan.client, record.client.as_ref());
    if plan.is_default() && seen.is_none_or(|seen| seen.transcripts.is_empty() && seen.misconduct.is_empty())
    {
        return None;
    }
    let mut facts = vec![(words.program().to_owned(), markup.code(&plan.program.to_string()))];
    let Some(seen) = seen else {
        return Some(Program {
            facts,
            transcripts: &[],
        });
    };
    if let Some(version) = &seen.version {
        facts.push((words.version().to_owned(), markup.code(version)));
    }
    for setting in &seen.settings {
        let shown = match (&setting.doubt, &setting.shown) {
            (Some(doubt), _) => words.setting_doubted(markup.phrase(&phrasing::instead(words, doubt))),
            (None, Some(shown)) => markup.text(&phrasing::proof(words, shown)),
            (None, None) => words.setting_unknown().to_owned(),
        };
        facts.push((words.setting(markup.code(&setting.setting)), shown));
    }
    for what in &seen.misconduct {
        facts.push((
            words.misconduct().to_owned(),
            words.the_program(markup.phrase(&phrasing::misconduct(words, what))),
        ));
    }
    Some(Program {
        facts,
        transcripts: &seen.transcripts,
    })
}

/// The lines of a transcript with the times at which each was complete, not escaped. What was typed begins
/// with `<`, an error with `!`.
pub(crate) fn lines(words: Language, transcript: &Transcript) -> String {
    let mut text = String::new();
    for line in &transcript.lines {
        let mark = match line.from {
            TranscriptSource::Terminal | TranscriptSource::Output => "",
            TranscriptSource::Input => "< ",
            TranscriptSource::Error => "! ",
        };
        let at = Human(line.at.since(Instant(0))).to_string();
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{at:>9}  {mark}{}", line.text);
    }
    if transcript.cut {
        let _ = writeln!(text, "{:>9}  {}", "", words.more_printed());
    }
    text.truncate(text.trim_end_matches('\n').len());
    text
}
