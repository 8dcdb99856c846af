//! What happened in a cell, in a few plain sentences of markdown.

use crate::escape::{inline, phrase};
use crate::stamp::{Length, act};
use crate::wording;
use lvs_matrix_model::action::Action;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::plan::Phase;
use lvs_matrix_model::record::{LabOutcome, StepOutcome, StepRecord};
use lvs_matrix_model::verdict::{Behaviour, HangEnd, JudgedCell, Observed, Operation};
use std::time::Duration;

/// The sentences, escaped: the change, what the client lived through, and what reached it.
pub(super) fn sentences(cell: &JudgedCell) -> Vec<String> {
    let unknown = "What a client lives through here is not known; this says nothing about IPVS.";
    match &cell.record.lab {
        LabOutcome::Completed => {}
        LabOutcome::Failed { stage, reason, .. } => {
            let failed = format!("The lab failed ({}): {}.", phrase(stage), inline(without_stop(reason)));
            return vec![failed, unknown.to_owned()];
        }
        LabOutcome::NotRun { reason } => {
            let not_run = format!("The cell was not run: {}.", inline(without_stop(reason)));
            return vec![not_run, unknown.to_owned()];
        }
    }
    let mut all = vec![change(cell), outcome(cell)];
    all.extend(meanwhile(cell));
    all.extend(endings(&cell.observed));
    all
}

fn change(cell: &JudgedCell) -> String {
    let done: Vec<String> = done(cell, Phase::Change)
        .map(|step| phrase(&step.action.to_string()))
        .collect();
    if done.is_empty() {
        "Nothing was changed.".to_owned()
    } else {
        format!("The change: {}.", done.join("; "))
    }
}

/// What operator and fate did while the client was at it.
fn meanwhile(cell: &JudgedCell) -> Option<String> {
    let begin = act(&cell.record)?;
    let done: Vec<String> = done(cell, Phase::Act)
        .filter_map(|step| {
            let after = Human(step.began?.since(begin));
            Some(format!("after {after}, {}", phrase(&step.action.to_string())))
        })
        .collect();
    (!done.is_empty()).then(|| format!("In the act phase: {}.", done.join("; ")))
}

/// The steps of a phase that were done by others than the client; waiting is doing nothing.
fn done(cell: &JudgedCell, phase: Phase) -> impl Iterator<Item = &StepRecord> {
    let steps = cell.record.steps.iter().filter(move |step| step.phase == phase);
    steps.filter(|step| {
        let is_wait = matches!(step.action, Action::Wait(_));
        !is_wait && !step.action.is_of_client() && matches!(step.outcome, StepOutcome::Done { .. })
    })
}

fn outcome(cell: &JudgedCell) -> String {
    let observed = &cell.observed;
    let subject = match &observed.operation {
        Some(operation) => format!("The client's {}{}", phrase(&operation.what), served_by(operation)),
        None => "The client".to_owned(),
    };
    match &observed.behaviour {
        Behaviour::Answered { after } => format!("{subject} was answered after {}.", Human(*after)),
        Behaviour::FailedFast { after } => {
            format!("{subject} failed after {}{}.", Human(*after), with_error(observed))
        }
        Behaviour::Hung { silence, end } => hang(cell, &subject, *silence, *end),
        Behaviour::Undetermined { reasons } => {
            let reasons: Vec<_> = reasons.iter().map(|reason| inline(without_stop(reason))).collect();
            format!("How it went is not known. {subject}: {}.", reasons.join("; "))
        }
    }
}

/// Whose mysqld or host has the connection, as far as the packets tell.
fn served_by(operation: &Operation) -> String {
    let how = if operation.what == "connect" {
        "reaching"
    } else {
        "on its connection with"
    };
    operation
        .served_by
        .as_ref()
        .map_or_else(String::new, |node| format!(", {how} {node},"))
}

fn hang(cell: &JudgedCell, subject: &str, silence: Duration, end: HangEnd) -> String {
    let observed = &cell.observed;
    let mut text = format!("{subject} met silence for {}", Human(silence));
    match wording::retransmissions(&observed.retransmissions) {
        Some(repeated) => text.push_str(&format!(" ({repeated})")),
        None => text.push_str(" (nothing was sent again)"),
    }
    match end {
        HangEnd::Answer => text.push_str(" and then succeeded after all"),
        HangEnd::Error => text.push_str(&format!(" and then failed{}", with_error(observed))),
        HangEnd::None => {
            text.push_str(" and was still waiting when the observation ended");
            if let Some(limit) = observed.cut_to {
                text.push_str(&format!(" (this run watches a cell for at most {})", Human(limit)));
            }
        }
    }
    let silence = Human(silence).to_string();
    if let Some(length) = Length::of(cell).filter(|length| !length.open && length.to_string() != silence) {
        text.push_str(&format!(", {length} after it began"));
    }
    text.push('.');
    text
}

fn with_error(observed: &Observed) -> String {
    let Some(error) = &observed.error else {
        return String::new();
    };
    let meaning = error
        .classic
        .and_then(wording::classic_meaning)
        .map_or_else(String::new, |meaning| format!(", “{meaning}”"));
    format!(" with {}{meaning}", wording::error_code(error))
}

fn endings(observed: &Observed) -> Option<String> {
    if observed.terminators.is_empty() {
        return None;
    }
    let reached: Vec<String> = observed
        .terminators
        .iter()
        .map(|item| format!("{} (packet {})", wording::terminator(item), item.packet))
        .collect();
    Some(format!(
        "What reached the client for its connection: {}.",
        reached.join(", ")
    ))
}

fn without_stop(text: &str) -> &str {
    text.trim_end().trim_end_matches('.')
}
