//! Blocks as GitHub-flavoured markdown. Each ends with an empty line.

use super::inline::Writer;
use super::{Block, Cell, Code, Row, Section, Statement, Table};
use crate::escape;
use lvs_matrix_language::{Language, phrasing};
use std::fmt::{Result, Write as _};

/// Marked text.
pub(crate) fn inline(text: &str) -> String {
    const WRITER: Writer = Writer {
        foreign: |text| escape::inline(text).into_owned(),
        code: escape::code,
        strong: ("**", "**"),
        aside: ("", ""),
        link: |target, text| format!("[{text}]({target})"),
        // What needs a look stands out.
        tag: |class, text| match class {
            "v-violated" | "v-untested" | "v-undetermined" | "v-missing" | "v-disagreeing" => {
                format!("**{text}**")
            }
            _ => text.to_owned(),
        },
    };
    WRITER.write(text)
}

/// A page that `write` writes, ending with one newline.
pub(crate) fn whole(write: impl FnOnce(&mut String) -> Result) -> String {
    let mut out = String::with_capacity(16_384);
    // Writing into a String cannot fail; the result is only there for `?`.
    let _ = write(&mut out);
    // The parts end with an empty line each, to be put one after the other.
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

pub(crate) fn section(out: &mut String, words: Language, section: &Section) -> Result {
    writeln!(out, "## {}\n", section.title)?;
    blocks(out, words, &section.blocks)
}

pub(crate) fn blocks(out: &mut String, words: Language, blocks: &[Block]) -> Result {
    for block in blocks {
        match block {
            Block::Paragraph(text) => writeln!(out, "{}\n", statement(words, text))?,
            Block::Quote(lines) => {
                for line in lines {
                    writeln!(out, "> {}", inline(line))?;
                }
                out.push('\n');
            }
            Block::Note(text) => writeln!(out, "{}\n", inline(text))?,
            Block::Heading(text) => writeln!(out, "{}\n", inline(&words.heads(text)))?,
            Block::List(items) | Block::Evidence(items) => {
                for item in items {
                    writeln!(out, "- {}", statement(words, item))?;
                }
                out.push('\n');
            }
            Block::Facts(facts) => {
                for (term, text) in facts {
                    writeln!(out, "- {}", inline(&words.keyed(term, text)))?;
                }
                out.push('\n');
            }
            Block::Table(table) => {
                table_head(out, table)?;
                for row in &table.rows {
                    table_row(out, words, table, row)?;
                }
                out.push('\n');
            }
            Block::Code(code) => self::code(out, code)?,
            Block::Folded(folded) if folded.in_markdown => {
                writeln!(out, "<details><summary>{}</summary>\n", inline(&folded.summary))?;
                self::blocks(out, words, &folded.blocks)?;
                writeln!(out, "</details>\n")?;
            }
            Block::Folded(folded) => {
                writeln!(out, "{}\n", inline(&folded.summary))?;
                self::blocks(out, words, &folded.blocks)?;
            }
            Block::Beside(_, blocks) => self::blocks(out, words, blocks)?,
            Block::Drawing { .. } => {}
        }
    }
    Ok(())
}

fn statement(words: Language, statement: &Statement) -> String {
    let mut text = inline(&phrasing::shown(words, &statement.text, &statement.shown_by));
    if let Some(note) = &statement.note {
        text += &format!(" <sub>{}</sub>", inline(note));
    }
    text
}

/// What is above the rows of a table.
pub(crate) fn table_head(out: &mut String, table: &Table) -> Result {
    out.push('|');
    for column in &table.columns {
        write!(out, " {} |", column.title)?;
    }
    out.push_str("\n|");
    for column in &table.columns {
        out.push_str(if column.numbers { "--:|" } else { "---|" });
    }
    writeln!(out)
}

/// One row of `table`.
pub(crate) fn table_row(out: &mut String, words: Language, table: &Table, row: &Row) -> Result {
    out.push('|');
    match row {
        Row::Cells { cells, .. } => {
            for cell in cells {
                match cell {
                    Cell::Text(text) | Cell::Head(text) => write!(out, " {} |", inline(text))?,
                    Cell::Count(count) => write!(out, " {count} |")?,
                    Cell::SeenIn(Some(place)) => write!(out, " {} |", phrasing::citation(words, *place))?,
                    Cell::SeenIn(None) => out.push_str(" |"),
                    Cell::Packet(number) => write!(out, " {number} |")?,
                }
            }
        }
        Row::LeftOut(text) => {
            let others = table.columns.len() - 1;
            write!(out, " {} |{}", inline(text), " … |".repeat(others))?;
        }
    }
    writeln!(out)
}

fn code(out: &mut String, code: &Code) -> Result {
    if let Some((_, title)) = &code.titled {
        writeln!(out, "{}\n", inline(title))?;
    }
    let lines = code
        .lines
        .iter()
        .map(|line| [line.text.as_str(), &line.remark].concat());
    escape::fenced(out, code.language, &lines.collect::<Vec<_>>().join("\n"));
    out.push('\n');
    Ok(())
}
