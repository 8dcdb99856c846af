//! The client program and its transcripts.

use crate::escape::{code, fenced, shell};
use crate::markup::Markup;
use crate::program::{lines, program};
use lvs_matrix_language::Language;
use lvs_matrix_model::record::CellRecord;
use std::fmt::{Result, Write as _};

pub(super) fn section(out: &mut String, words: Language, record: &CellRecord) -> Result {
    let Some(program) = program(words, record, Markup::Markdown) else {
        return Ok(());
    };
    writeln!(out, "## {}\n", words.client_program())?;
    for (term, text) in &program.facts {
        writeln!(out, "- {}", words.keyed(term, text))?;
    }
    writeln!(out)?;
    for transcript in program.transcripts {
        writeln!(out, "{}\n", words.showed(code(&shell(&transcript.argv))))?;
        fenced(out, "text", &lines(words, transcript));
        writeln!(out)?;
    }
    Ok(())
}
