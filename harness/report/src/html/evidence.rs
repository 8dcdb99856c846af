//! Evidence, each piece with links to what shows it.

use super::trace::Traces;
use crate::escape::html_phrase;
use lvs_matrix_language::Language;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::verdict::{Citation, JudgedCell};
use std::fmt::{Result, Write as _};

/// Of more citations than this in one piece, the first three and the last are linked.
const LISTED_IN_FULL: usize = 6;

pub(super) fn section(out: &mut String, words: Language, cell: &JudgedCell, traces: &Traces) -> Result {
    if cell.observed.evidence.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<section><h3>{}</h3>\n<p class=\"note\">{}</p>\n<ol class=\"evidence\">",
        words.evidence_title(),
        words.times_from(words.epoch())
    )?;
    for item in &cell.observed.evidence {
        write!(out, "<li>{} ", html_phrase(&phrasing::fact(words, &item.fact)))?;
        cites(out, words, &item.shown_by, |place| {
            link(&cell.record.plan.cell, place, traces, words)
        })?;
        writeln!(out, "</li>")?;
    }
    writeln!(out, "</ol></section>")
}

/// Citations in a row; of many, some.
pub(super) fn cites(
    out: &mut String,
    words: Language,
    places: &[Citation],
    link: impl Fn(Citation) -> String,
) -> Result {
    write!(out, "<span class=\"cites\">")?;
    for (index, place) in places.iter().enumerate() {
        let folded = places.len() > LISTED_IN_FULL && (3..places.len() - 1).contains(&index);
        if !folded {
            write!(out, "{} ", link(*place))?;
        } else if index == 3 {
            write!(out, "… ")?;
        }
    }
    if places.len() > LISTED_IN_FULL {
        write!(out, "{}", words.in_all(places.len()))?;
    }
    write!(out, "</span>")
}

/// A citation as a link to where it is shown. A packet whose line the trace has folded away has no place of
/// its own.
pub(super) fn link(cell: &CellRef, place: Citation, traces: &Traces, words: Language) -> String {
    let text = phrasing::citation(words, place);
    let is_shown = match place {
        Citation::Packet(number) => traces.shows(number),
        Citation::Event(_) | Citation::Snapshot(_) | Citation::Step(_) | Citation::Server(_) => true,
    };
    if is_shown {
        format!("<a href=\"#{}\">{text}</a>", anchor(cell, place))
    } else {
        format!("<span title=\"{}\">{text}</span>", words.folded_in_trace())
    }
}

/// `config-change/absent_up_execute-sql_0/packet-12`, in every language.
pub(super) fn anchor(cell: &CellRef, place: Citation) -> String {
    format!(
        "{cell}/{}",
        phrasing::citation(Language::English, place).replace(' ', "-")
    )
}
