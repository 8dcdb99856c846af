//! Blocks as HTML. What is cited is a link to where the page shows it.

use super::inline::Writer;
use super::{Block, Cell, Code, Column, Row, Section, Statement, Table};
use crate::escape::{self, html_block};
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::verdict::Citation;
use std::collections::HashSet;
use std::fmt::{Result, Write as _};

/// Marked text.
pub(crate) fn inline(text: &str) -> String {
    const WRITER: Writer = Writer {
        foreign: |text| escape::xml(text).into_owned(),
        code: escape::html_code,
        strong: ("<b>", "</b>"),
        aside: ("<span class=\"phase\">", "</span>"),
        link,
        tag: |class, text| format!("<span class=\"tag {class}\">{text}</span>"),
    };
    WRITER.write(text)
}

/// A link. What a place in the page is to select there is the script's (`route.js`); without it the link
/// leads to the place.
fn link(target: &str, text: &str) -> String {
    let target = target.replace('&', "&amp;");
    match target.strip_prefix('#').and_then(|place| place.split_once('?')) {
        Some((place, selection)) => format!("<a href=\"#{place}\" data-selection=\"{selection}\">{text}</a>"),
        None => format!("<a href=\"{target}\">{text}</a>"),
    }
}

/// Of more citations than this in one piece, the first three and the last are linked.
const LISTED_IN_FULL: usize = 6;

/// Prints the page of a run, or that of one cell.
pub(crate) struct Printer {
    words: Language,
    /// The id of the cell, which is the beginning of each anchor in its page.
    cell: String,
    /// The packets that have a line in a trace.
    shown: HashSet<u32>,
}

impl Printer {
    /// For the page of a run, in which nothing is cited.
    pub(crate) fn of_run(words: Language) -> Self {
        Self {
            words,
            cell: String::new(),
            shown: HashSet::new(),
        }
    }

    /// For the page of `cell`, which shows these traces.
    pub(crate) fn of_cell(words: Language, cell: &CellRef, traces: Option<&Section>) -> Self {
        let mut shown = HashSet::new();
        let folded = traces.into_iter().flat_map(|section| &section.blocks);
        for block in folded {
            let Block::Folded(folded) = block else { continue };
            for block in &folded.blocks {
                if let Block::Code(code) = block {
                    shown.extend(code.lines.iter().filter_map(|line| line.packet));
                }
            }
        }
        Self {
            words,
            cell: cell.to_string(),
            shown,
        }
    }

    pub(crate) fn section(&self, out: &mut String, section: Option<&Section>) -> Result {
        let Some(section) = section else {
            return Ok(());
        };
        let Section {
            title,
            class,
            id,
            blocks,
        } = section;
        write!(
            out,
            "<section{}{}>",
            attribute("class", class),
            attribute("aria-labelledby", id)
        )?;
        if id.is_empty() {
            writeln!(out, "<h3>{title}</h3>")?;
        } else {
            writeln!(out, "\n<h2 id=\"{id}\">{title}</h2>")?;
        }
        self.blocks(out, blocks)?;
        writeln!(out, "</section>")
    }

    pub(crate) fn blocks(&self, out: &mut String, blocks: &[Block]) -> Result {
        for block in blocks {
            match block {
                Block::Paragraph(statement) => {
                    let id = statement
                        .place
                        .map(|place| self.anchor(place))
                        .unwrap_or_default();
                    write!(out, "<p{}>{}", attribute("id", &id), inline(&statement.text))?;
                    self.cites(out, &statement.shown_by)?;
                    writeln!(out, "</p>")?;
                    if let Some(note) = &statement.note {
                        writeln!(out, "<p class=\"note\">{}</p>", inline(note))?;
                    }
                }
                Block::Quote(lines) => {
                    let lines = lines.iter().map(|line| format!("<p>{}</p>", inline(line)));
                    let lines = lines.collect::<String>();
                    writeln!(out, "<blockquote class=\"claim\">{lines}</blockquote>")?;
                }
                Block::Note(text) => writeln!(out, "<p class=\"note\">{}</p>", inline(text))?,
                Block::Heading(text) => writeln!(out, "<h4>{}</h4>", inline(text))?,
                Block::List(items) => self.list(out, ("<ul>", "</ul>"), items)?,
                Block::Evidence(items) => self.list(out, ("<ol class=\"evidence\">", "</ol>"), items)?,
                Block::Facts(facts) => {
                    writeln!(out, "<dl class=\"facts\">")?;
                    for (term, text) in facts {
                        writeln!(out, "<dt>{}</dt><dd>{}</dd>", inline(term), inline(text))?;
                    }
                    writeln!(out, "</dl>")?;
                }
                Block::Table(table) => self.table(out, table)?,
                Block::Code(code) => self.code(out, code)?,
                Block::Folded(folded) => {
                    writeln!(
                        out,
                        "<details{}{}{}><summary>{}</summary>",
                        attribute("id", &folded.id),
                        attribute("class", folded.class),
                        if folded.open { " open" } else { "" },
                        inline(&folded.summary)
                    )?;
                    self.blocks(out, &folded.blocks)?;
                    writeln!(out, "</details>")?;
                }
                Block::Beside(class, blocks) => {
                    writeln!(out, "<div class=\"{class}\">")?;
                    self.blocks(out, blocks)?;
                    writeln!(out, "</div>")?;
                }
                Block::Drawing { name, svg } => drawing(out, name, svg)?,
            }
        }
        Ok(())
    }

    fn list(&self, out: &mut String, (begin, end): (&str, &str), items: &[Statement]) -> Result {
        writeln!(out, "{begin}")?;
        for item in items {
            write!(out, "<li>{}", inline(&item.text))?;
            self.cites(out, &item.shown_by)?;
            writeln!(out, "</li>")?;
        }
        writeln!(out, "{end}")
    }

    /// Citations in a row; of many, some.
    fn cites(&self, out: &mut String, places: &[Citation]) -> Result {
        if places.is_empty() {
            return Ok(());
        }
        write!(out, " <span class=\"cites\">")?;
        for (index, place) in places.iter().enumerate() {
            let folded = places.len() > LISTED_IN_FULL && (3..places.len() - 1).contains(&index);
            if !folded {
                write!(out, "{} ", self.link(*place))?;
            } else if index == 3 {
                write!(out, "… ")?;
            }
        }
        if places.len() > LISTED_IN_FULL {
            write!(out, "{}", self.words.in_all(places.len()))?;
        }
        write!(out, "</span>")
    }

    fn link(&self, place: Citation) -> String {
        self.link_as(place, &phrasing::citation(self.words, place))
    }

    /// A link to where something is shown. A packet whose line the trace has folded away has no place of its
    /// own.
    fn link_as(&self, place: Citation, text: &str) -> String {
        let is_shown = match place {
            Citation::Packet(number) => self.shown.contains(&number),
            Citation::Event(_) | Citation::Snapshot(_) | Citation::Step(_) | Citation::Server(_) => true,
        };
        if is_shown {
            format!("<a href=\"#{}\">{text}</a>", self.anchor(place))
        } else {
            let why = self.words.folded_in_trace();
            format!("<span title=\"{why}\">{text}</span>")
        }
    }

    /// `config-change/absent_up_execute-sql_0/packet-12`, in every language.
    fn anchor(&self, place: Citation) -> String {
        let place = phrasing::citation(Language::English, place).replace(' ', "-");
        format!("{}/{place}", self.cell)
    }

    fn table(&self, out: &mut String, table: &Table) -> Result {
        let Table {
            name,
            class,
            columns,
            rows,
        } = table;
        let heads = columns.iter().map(|Column { title, axis, .. }| {
            format!("<th scope=\"col\"{}>{title}</th>", attribute("data-axis", axis))
        });
        writeln!(
            out,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{name}\"><table{}>\n\
             <thead><tr>{}</tr></thead>\n<tbody>",
            attribute("class", class),
            heads.collect::<String>()
        )?;
        for row in rows {
            match row {
                Row::Cells {
                    class,
                    place,
                    data,
                    cells,
                } => {
                    let id = place.map(|place| self.anchor(place)).unwrap_or_default();
                    write!(out, "<tr{}{}", attribute("id", &id), attribute("class", class))?;
                    for (name, value) in data {
                        write!(out, " data-{name}=\"{}\"", escape::xml(value))?;
                    }
                    out.push('>');
                    for cell in cells {
                        let text = match cell {
                            Cell::Head(text) => {
                                write!(out, "<th scope=\"row\">{}</th>", inline(text))?;
                                continue;
                            }
                            Cell::Count(0) => {
                                out.push_str("<td class=\"zero\">0</td>");
                                continue;
                            }
                            Cell::Count(count) => count.to_string(),
                            Cell::Text(text) => inline(text),
                            Cell::SeenIn(seen) if seen == place => seen
                                .map(|seen| phrasing::citation(self.words, seen))
                                .unwrap_or_default(),
                            Cell::SeenIn(seen) => seen.map(|seen| self.link(seen)).unwrap_or_default(),
                            Cell::Packet(number) => {
                                self.link_as(Citation::Packet(*number), &number.to_string())
                            }
                        };
                        write!(out, "<td>{text}</td>")?;
                    }
                    writeln!(out, "</tr>")?;
                }
                Row::LeftOut(text) => {
                    let span = columns.len();
                    writeln!(out, "<tr><td colspan=\"{span}\">… {}</td></tr>", inline(text))?;
                }
            }
        }
        writeln!(out, "</tbody></table></div>")
    }

    fn code(&self, out: &mut String, code: &Code) -> Result {
        if let Some((place, title)) = &code.titled {
            let id = self.anchor(*place);
            writeln!(
                out,
                "<figure id=\"{id}\"><figcaption>{}</figcaption>",
                inline(title)
            )?;
        }
        write!(out, "<pre tabindex=\"0\">")?;
        for (index, line) in code.lines.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            let mut text = html_block(&line.text).into_owned();
            if !line.remark.is_empty() {
                text += &format!("<i>{}</i>", html_block(&line.remark));
            }
            match line.packet {
                Some(number) => {
                    let id = self.anchor(Citation::Packet(number));
                    write!(out, "<span id=\"{id}\">{text}</span>")?;
                }
                None => out.push_str(&text),
            }
        }
        writeln!(out, "</pre>")?;
        if code.titled.is_some() {
            writeln!(out, "</figure>")?;
        }
        Ok(())
    }
}

/// A drawing that scrolls if it is wide.
fn drawing(out: &mut String, name: &str, svg: &str) -> Result {
    writeln!(
        out,
        "<div class=\"drawing\" tabindex=\"0\" role=\"region\" aria-label=\"{name}\">{svg}</div>"
    )
}

/// ` class="trace"`; nothing for an empty value.
fn attribute(name: &str, value: &str) -> String {
    if value.is_empty() {
        String::new()
    } else {
        format!(" {name}=\"{value}\"")
    }
}
