//! The time line as a table. Steps and events have their place in it; packets and snapshots elsewhere, with a
//! link.

use super::evidence::{anchor, link};
use super::trace::Traces;
use crate::markup::Markup;
use crate::timeline::{Entry, Who, entries, times};
use lvs_matrix_language::Language;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::verdict::{Citation, JudgedCell};
use std::fmt::{Result, Write as _};

pub(super) fn section(out: &mut String, cell: &JudgedCell, traces: &Traces, words: Language) -> Result {
    let entries = entries(cell, Markup::Html, words);
    if entries.is_empty() {
        return Ok(());
    }
    let title = words.time_line();
    writeln!(
        out,
        "<section><h3>{title}</h3>\n<p class=\"note\">{}</p>\n<div class=\"scroll\" tabindex=\"0\" \
         role=\"region\" \
         aria-label=\"{title}\"><table class=\"timeline\">\n<thead><tr><th scope=\"col\">{}</th><th \
         scope=\"col\">{}</th>\
         <th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead>\n<tbody>",
        words.counting_from(words.epoch()),
        words.time(),
        words.since_act(),
        words.seen_in(),
        words.what()
    )?;
    for entry in &entries {
        row(out, cell, entry, traces, words)?;
    }
    writeln!(out, "</tbody></table></div></section>")
}

fn row(out: &mut String, cell: &JudgedCell, entry: &Entry, traces: &Traces, words: Language) -> Result {
    let (time, since) = times(cell, entry.at);
    let id = &cell.record.plan.cell;
    let (attribute, place) = match entry.place {
        Some(place @ (Citation::Event(_) | Citation::Step(_))) => (
            format!(" id=\"{}\"", anchor(id, place)),
            phrasing::citation(words, place),
        ),
        Some(place @ (Citation::Packet(_) | Citation::Snapshot(_) | Citation::Server(_))) => {
            (String::new(), link(id, place, traces, words))
        }
        None => (String::new(), String::new()),
    };
    writeln!(
        out,
        "<tr{attribute} class=\"{}\"><td>{time}</td><td>{since}</td><td>{place}</td><td>{}</td></tr>",
        class(entry.who),
        entry.what
    )
}

/// Of the style sheet.
fn class(who: Who) -> &'static str {
    match who {
        Who::ClientStep => "step client",
        Who::OperatorStep => "step operator",
        Who::Packet => "packet",
        Who::Client => "event",
        Who::Director => "snapshot",
        Who::Observation => "end",
    }
}
