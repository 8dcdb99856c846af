//! The client program and its transcripts, which are long and folded.

use crate::escape::{html_block, html_code, shell};
use crate::markup::Markup;
use crate::program::{lines, program};
use lvs_matrix_language::Language;
use lvs_matrix_model::record::CellRecord;
use std::fmt::{Result, Write as _};

pub(super) fn section(out: &mut String, words: Language, record: &CellRecord) -> Result {
    let Some(program) = program(words, record, Markup::Html) else {
        return Ok(());
    };
    writeln!(
        out,
        "<section><h3>{}</h3>\n<dl class=\"facts\">",
        words.client_program()
    )?;
    for (term, text) in &program.facts {
        writeln!(out, "<dt>{term}</dt><dd>{text}</dd>")?;
    }
    writeln!(out, "</dl>")?;
    for transcript in program.transcripts {
        writeln!(
            out,
            "<details class=\"transcript\"><summary>{}</summary>\n<pre tabindex=\"0\">{}</pre></details>",
            words.showed(html_code(&shell(&transcript.argv))),
            html_block(&lines(words, transcript))
        )?;
    }
    writeln!(out, "</section>")
}
