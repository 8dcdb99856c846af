//! The trace of every interface. Its lines are those of the markdown report; here each can be linked to.

use super::evidence::anchor;
use crate::escape::{html_block, xml};
use crate::markdown::trace;
use lvs_matrix_language::{Language, PACKET};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::record::CapturePoint;
use lvs_matrix_model::verdict::{Citation, JudgedCell};
use std::collections::HashSet;
use std::fmt::{Result, Write as _};

/// The traces of a cell, the client's first.
pub(super) struct Traces {
    points: Vec<(CapturePoint, trace::Text)>,
    /// The packets that have a line.
    shown: HashSet<u32>,
}

impl Traces {
    pub(super) fn of(cell: &JudgedCell) -> Self {
        let mut points: Vec<_> = cell
            .record
            .capture
            .iter()
            .flat_map(|capture| &capture.points)
            .map(|point| (point.clone(), trace::text(cell, &point.node)))
            .collect();
        // The client's interface first: it is what the client could know.
        points.sort_by_key(|(point, _)| point.node != Node::Client);
        let shown = points
            .iter()
            .flat_map(|(_, text)| text.lines.lines().filter_map(number))
            .collect();
        Self { points, shown }
    }

    /// Has the packet a line of its own?
    pub(super) fn shows(&self, packet: u32) -> bool {
        self.shown.contains(&packet)
    }

    pub(super) fn write(&self, out: &mut String, words: Language, cell: &JudgedCell) -> Result {
        if self.points.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "<section><h3>{}</h3>\n<p class=\"note\">{}</p>",
            words.traces(),
            words.traces_are(words.epoch())
        )?;
        for (index, (point, text)) in self.points.iter().enumerate() {
            let open = if index == 0 { " open" } else { "" };
            writeln!(
                out,
                "<details class=\"trace\"{open}><summary>{}</summary>",
                words.trace_of(
                    &point.node,
                    xml(&point.interface),
                    words.count(text.packets, PACKET)
                )
            )?;
            if let Some(failure) = &point.failure {
                writeln!(out, "<p>{}</p>", words.capture_failed(xml(failure)))?;
            }
            if point.dropped > 0 {
                writeln!(out, "<p>{}</p>", words.frames_dropped(point.dropped))?;
            }
            if text.packets == 0 {
                writeln!(out, "<p>{}</p>", words.nothing_passed())?;
            } else {
                write!(out, "<pre tabindex=\"0\">")?;
                for line in text.lines.lines() {
                    self::line(out, cell, line)?;
                }
                writeln!(out, "</pre>")?;
            }
            writeln!(out, "</details>")?;
        }
        writeln!(out, "</section>")
    }
}

/// The number with which a packet's line begins; `None` for other lines.
fn number(line: &str) -> Option<u32> {
    line.split_whitespace().next()?.parse().ok()
}

fn line(out: &mut String, cell: &JudgedCell, line: &str) -> Result {
    let (packet, note) = match line.find("  # ") {
        Some(at) => (&line[..at], &line[at..]),
        None => (line, ""),
    };
    let note = if note.is_empty() {
        String::new()
    } else {
        format!("<i>{}</i>", html_block(note))
    };
    match number(line) {
        Some(number) => writeln!(
            out,
            "<span id=\"{}\">{}{note}</span>",
            anchor(&cell.record.plan.cell, Citation::Packet(number)),
            html_block(packet)
        ),
        None => writeln!(out, "<i>{}</i>{note}", html_block(packet)),
    }
}
