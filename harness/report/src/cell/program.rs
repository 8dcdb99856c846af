//! The client program: what it is, how it was set, and what it printed.

use crate::blocks::{Block, Code, Folded, Section, code, foreign, phrase};
use crate::escape::shell;
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::record::{CellRecord, Transcript, TranscriptSource};
use std::fmt::Write as _;

/// That of a program other than the default one, or with settings; `None` if there is nothing to tell.
pub(crate) fn program(words: Language, record: &CellRecord) -> Option<Section> {
    let (plan, seen) = (record.plan.client(), record.client.as_ref());
    if plan.is_default() && seen.is_none_or(|seen| seen.transcripts.is_empty() && seen.misconduct.is_empty())
    {
        return None;
    }
    let mut facts = vec![(words.program().to_owned(), code(&plan.program.to_string()))];
    if let Some(version) = seen.and_then(|seen| seen.version.as_ref()) {
        facts.push((words.version().to_owned(), code(version)));
    }
    for setting in seen.iter().flat_map(|seen| &seen.settings) {
        let shown = match (&setting.doubt, &setting.shown) {
            (Some(doubt), _) => words.setting_doubted(phrase(&phrasing::instead(words, doubt))),
            (None, Some(shown)) => foreign(&phrasing::proof(words, shown)),
            (None, None) => words.setting_unknown().to_owned(),
        };
        facts.push((words.setting(code(&setting.setting)), shown));
    }
    for what in seen.iter().flat_map(|seen| &seen.misconduct) {
        facts.push((
            words.misconduct().to_owned(),
            words.the_program(phrase(&phrasing::misconduct(words, what))),
        ));
    }
    let mut blocks = vec![Block::Facts(facts)];
    for transcript in seen.iter().flat_map(|seen| &seen.transcripts) {
        blocks.push(Block::Folded(Folded {
            class: "transcript",
            summary: words.showed(code(&shell(&transcript.argv))),
            blocks: vec![Block::Code(Code::text("text", &lines(words, transcript)))],
            ..Folded::default()
        }));
    }
    Some(Section::new(words.client_program(), blocks))
}

/// The lines of a transcript with the times at which each was complete, not escaped. What was typed begins
/// with `<`, an error with `!`.
fn lines(words: Language, transcript: &Transcript) -> String {
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
    text
}
