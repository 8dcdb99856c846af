//! The time line: steps, what the client wrote down, what reached it and when the director was looked at, in one order.

use super::evidence::{anchor, link};
use super::trace::Traces;
use crate::escape::{html_code, html_phrase, xml};
use crate::stamp::{EPOCH, Stamp, act};
use crate::wording;
use lvs_matrix_model::action::Action;
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::record::{ClientEventKind, StepOutcome, StepRecord};
use lvs_matrix_model::verdict::{Citation, JudgedCell};
use std::fmt::{Result, Write as _};

struct Entry {
    at: Option<Instant>,
    place: Citation,
    /// The class of who acts.
    who: &'static str,
    /// Escaped.
    what: String,
}

pub(super) fn section(out: &mut String, cell: &JudgedCell, traces: &Traces) -> Result {
    let record = &cell.record;
    let mut entries: Vec<Entry> = record.steps.iter().map(step).collect();
    entries.extend(cell.observed.terminators.iter().map(|item| Entry {
        at: Some(item.at),
        place: Citation::Packet(item.packet),
        who: "packet",
        what: format!("{} reaches the client", wording::terminator(item)),
    }));
    entries.extend(record.client_events.iter().map(|event| Entry {
        at: Some(event.at),
        place: Citation::Event(event.number),
        who: "event",
        what: event_text(&event.kind),
    }));
    entries.extend(record.snapshots.iter().map(|snapshot| Entry {
        at: Some(snapshot.at),
        place: Citation::Snapshot(snapshot.number),
        who: "snapshot",
        what: format!("the director’s tables {}", wording::moment(snapshot.moment)),
    }));
    if entries.is_empty() {
        return Ok(());
    }
    // Stable: at the same moment a step comes first, then what reached the client, then what the client made of it. What was
    // not reached comes last.
    entries.sort_by_key(|entry| (entry.at.is_none(), entry.at));
    let (reached, not_reached): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.at.is_some());
    let act = act(record);
    writeln!(
        out,
        "<section><h3>Time line</h3>\n<p class=\"note\">From {EPOCH}.</p>\n<div class=\"scroll\" tabindex=\"0\" \
         role=\"region\" aria-label=\"Time line\"><table class=\"timeline\">\n<thead><tr><th scope=\"col\">time</th>\
         <th scope=\"col\">since act began</th><th scope=\"col\">seen in</th><th scope=\"col\">what</th></tr></thead>\n<tbody>"
    )?;
    for entry in reached {
        row(out, cell, entry, act, traces)?;
    }
    let (time, since) = times(Some(record.ended), act);
    writeln!(
        out,
        "<tr class=\"end\"><td>{time}</td><td>{since}</td><td></td><td>the observation ends</td></tr>"
    )?;
    for entry in not_reached {
        row(out, cell, entry, act, traces)?;
    }
    writeln!(out, "</tbody></table></div></section>")
}

fn times(at: Option<Instant>, act: Option<Instant>) -> (String, String) {
    let since = at
        .zip(act)
        .filter(|(at, act)| act <= at)
        .map(|(at, act)| Stamp(Instant(at.0.saturating_sub(act.0))).to_string());
    let at = at.map_or_else(|| wording::NOTHING.to_owned(), |at| Stamp(at).to_string());
    (at, since.unwrap_or_default())
}

fn row(out: &mut String, cell: &JudgedCell, entry: &Entry, act: Option<Instant>, traces: &Traces) -> Result {
    let (time, since) = times(entry.at, act);
    let id = &cell.record.plan.cell;
    // Steps and events are shown here; packets and snapshots elsewhere, with a link.
    let (attribute, place) = match entry.place {
        Citation::Event(_) | Citation::Step(_) => (
            format!(" id=\"{}\"", anchor(id, entry.place)),
            wording::citation(entry.place),
        ),
        Citation::Packet(_) | Citation::Snapshot(_) | Citation::Server(_) => {
            (String::new(), link(id, entry.place, traces))
        }
    };
    writeln!(
        out,
        "<tr{attribute} class=\"{}\"><td>{time}</td><td>{since}</td><td>{place}</td><td>{}</td></tr>",
        entry.who, entry.what
    )
}

fn step(step: &StepRecord) -> Entry {
    let done = matches!(step.outcome, StepOutcome::Done { .. });
    let lasted = step.began.zip(step.ended).map(|(began, ended)| ended.since(began));
    let (took, outcome) = match (&step.action, lasted) {
        // It says itself how long it took, and there is nothing to prove.
        (Action::Wait(_), _) if done => (String::new(), String::new()),
        (_, Some(lasted)) if lasted.as_millis() > 0 => (format!(", took {}", Human(lasted)), outcome(step)),
        (_, _) => (String::new(), outcome(step)),
    };
    Entry {
        at: step.began,
        place: Citation::Step(step.number),
        who: if step.action.is_of_client() {
            "step client"
        } else {
            "step operator"
        },
        what: format!(
            "<span class=\"phase\">{}</span> <b>{}</b>{took}{outcome}",
            step.phase,
            html_phrase(&step.action.to_string())
        ),
    }
}

fn outcome(step: &StepRecord) -> String {
    match &step.outcome {
        StepOutcome::Done { proof } if proof.is_empty() => String::new(),
        StepOutcome::Done { proof } => format!("; {}", xml(proof)),
        StepOutcome::ClientFailed => "; ended with the client’s error".to_owned(),
        StepOutcome::Unfinished => "; not finished when the observation ended".to_owned(),
        StepOutcome::Failed { reason } => format!("; <b>failed</b>: {}", xml(reason)),
        StepOutcome::NotReached => "; not reached".to_owned(),
    }
}

fn event_text(kind: &ClientEventKind) -> String {
    match kind {
        ClientEventKind::ConnectBegun => "the client opens a connection".to_owned(),
        ClientEventKind::Connected {
            connection_id,
            server_version,
        } => format!(
            "the client is connected, connection id {connection_id}, {}",
            xml(server_version)
        ),
        ClientEventKind::StatementBegun { sql } => format!("the client sends {}", html_code(sql)),
        ClientEventKind::ResultReceived { rows, first_row } => match (rows, first_row.as_slice()) {
            (1, [value]) => format!("the client has its result: {}", html_code(value)),
            (1, _) => "the client has its result: 1 row".to_owned(),
            (rows, _) => format!("the client has its result: {rows} rows"),
        },
        ClientEventKind::Failed(error) => format!(
            "the client has an error: {} ({})",
            html_code(&error.message),
            xml(&wording::error_kind(&error.kind))
        ),
        ClientEventKind::StillWaiting => "the client is still waiting".to_owned(),
        ClientEventKind::ReconnectBegun => "the client connects anew by itself".to_owned(),
        ClientEventKind::Reconnected {
            connection_id: Some(id),
        } => {
            format!("the client is connected again, connection id {id}")
        }
        ClientEventKind::Reconnected { connection_id: None } => "the client is connected again".to_owned(),
    }
}
