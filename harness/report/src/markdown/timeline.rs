//! The time line: steps, what the client wrote down, what reached it and when the director was looked at, in one order.

use crate::escape::{code, inline, phrase};
use crate::stamp::{EPOCH, Stamp, act};
use crate::wording;
use lvs_matrix_model::action::Action;
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::record::{ClientEventKind, StepOutcome, StepRecord};
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

struct Entry {
    at: Instant,
    place: String,
    /// Escaped.
    what: String,
}

pub(super) fn section(out: &mut String, cell: &JudgedCell) -> Result {
    let record = &cell.record;
    let mut entries = Vec::new();
    entries.extend(record.steps.iter().filter_map(step));
    entries.extend(cell.observed.terminators.iter().map(|item| Entry {
        at: item.at,
        place: format!("packet {}", item.packet),
        what: format!("{} reaches the client", wording::terminator(item)),
    }));
    entries.extend(record.client_events.iter().map(|event| Entry {
        at: event.at,
        place: format!("event {}", event.number),
        what: event_text(&event.kind),
    }));
    entries.extend(record.snapshots.iter().map(|snapshot| Entry {
        at: snapshot.at,
        place: format!("snapshot {}", snapshot.number),
        what: format!("the director's tables {}", wording::moment(snapshot.moment)),
    }));
    let not_reached: Vec<&StepRecord> = record.steps.iter().filter(|step| step.began.is_none()).collect();
    if entries.is_empty() && not_reached.is_empty() {
        return Ok(());
    }
    // Stable: at the same moment a step comes first, then what reached the client, then what the client made of it.
    entries.sort_by_key(|entry| entry.at);
    writeln!(out, "## Time line\n\nFrom {EPOCH}.\n")?;
    writeln!(out, "| time | since act began | seen in | what |\n|--:|--:|---|---|")?;
    let act = act(record);
    let since = |at: Instant| match act.filter(|act| *act <= at) {
        Some(act) => Stamp(Instant(at.0.saturating_sub(act.0))).to_string(),
        None => String::new(),
    };
    for Entry { at, place, what } in &entries {
        writeln!(out, "| {} | {} | {place} | {what} |", Stamp(*at), since(*at))?;
    }
    let ended = record.ended;
    writeln!(out, "| {} | {} | | the observation ends |", Stamp(ended), since(ended))?;
    for step in not_reached {
        let what = format!("{}: {}{}", step.phase, action(step), outcome(step));
        writeln!(out, "| {} | | step {} | {what} |", wording::NOTHING, step.number)?;
    }
    writeln!(out)
}

fn step(step: &StepRecord) -> Option<Entry> {
    let at = step.began?;
    let done = matches!(step.outcome, StepOutcome::Done { .. });
    let (took, outcome) = match (&step.action, step.ended) {
        // It says itself how long it took, and there is nothing to prove.
        (Action::Wait(_), _) if done => (String::new(), String::new()),
        (_, Some(ended)) if ended.since(at).as_millis() > 0 => {
            (format!(", took {}", Human(ended.since(at))), outcome(step))
        }
        (_, _) => (String::new(), outcome(step)),
    };
    Some(Entry {
        at,
        place: format!("step {}", step.number),
        what: format!("{}: {}{took}{outcome}", step.phase, action(step)),
    })
}

fn action(step: &StepRecord) -> String {
    format!("**{}**", phrase(&step.action.to_string()))
}

fn outcome(step: &StepRecord) -> String {
    match &step.outcome {
        StepOutcome::Done { proof } if proof.is_empty() => String::new(),
        StepOutcome::Done { proof } => format!("; {}", inline(proof)),
        StepOutcome::ClientFailed => "; ended with the client's error".to_owned(),
        StepOutcome::Unfinished => "; not finished when the observation ended".to_owned(),
        StepOutcome::Failed { reason } => format!("; **failed**: {}", inline(reason)),
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
            inline(server_version)
        ),
        ClientEventKind::StatementBegun { sql } => format!("the client sends {}", code(sql)),
        ClientEventKind::ResultReceived { rows, first_row } => match (rows, first_row.as_slice()) {
            (1, [value]) => format!("the client has its result: {}", code(value)),
            (1, _) => "the client has its result: 1 row".to_owned(),
            (rows, _) => format!("the client has its result: {rows} rows"),
        },
        ClientEventKind::Failed(error) => {
            format!(
                "the client has an error: {} ({})",
                code(&error.message),
                inline(&wording::error_kind(&error.kind))
            )
        }
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
