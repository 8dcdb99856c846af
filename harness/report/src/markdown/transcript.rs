//! The client program: what it is, how it was set, and what it printed.

use crate::escape::{code, fenced, inline, phrase, shell};
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::record::{CellRecord, Transcript, TranscriptSource};
use std::fmt::{Result, Write as _};

/// The section of a client program other than the default one, or with settings.
pub(super) fn section(out: &mut String, record: &CellRecord) -> Result {
    let (plan, seen) = (&record.plan.client, record.client.as_ref());
    if plan.is_default() && seen.is_none_or(|seen| seen.transcripts.is_empty() && seen.misconduct.is_empty()) {
        return Ok(());
    }
    writeln!(out, "## The client program\n")?;
    writeln!(out, "- program: {}", code(&plan.program.to_string()))?;
    let Some(seen) = seen else {
        return writeln!(out);
    };
    if let Some(version) = &seen.version {
        writeln!(out, "- version: {}", code(version))?;
    }
    for setting in &seen.settings {
        let shown = match (&setting.doubt, &setting.shown) {
            (Some(doubt), _) => format!("not shown to be in force: {}", phrase(doubt)),
            (None, Some(shown)) => inline(shown).into_owned(),
            (None, None) => "not shown to be in force".to_owned(),
        };
        writeln!(out, "- setting {}: {shown}", code(&setting.setting))?;
    }
    for what in &seen.misconduct {
        writeln!(out, "- misconduct: the program {}", phrase(what))?;
    }
    writeln!(out)?;
    for transcript in &seen.transcripts {
        one(out, transcript)?;
    }
    Ok(())
}

/// A transcript with the time at which each line was complete.
fn one(out: &mut String, transcript: &Transcript) -> Result {
    let mut text = String::new();
    for line in &transcript.lines {
        let mark = match line.from {
            TranscriptSource::Terminal | TranscriptSource::Output => "",
            TranscriptSource::Input => "< ",
            TranscriptSource::Error => "! ",
        };
        let at = Human(line.at.since(Instant(0))).to_string();
        writeln!(text, "{at:>9}  {mark}{}", line.text)?;
    }
    if transcript.cut {
        text.push_str("           (more was printed than is kept)\n");
    }
    writeln!(out, "What {} showed:\n", code(&shell(&transcript.argv)))?;
    fenced(out, "text", text.trim_end_matches('\n'));
    writeln!(out)
}
