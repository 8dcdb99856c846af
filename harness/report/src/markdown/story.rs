//! What happened in a cell, in a few plain sentences.

use crate::blocks::{foreign, phrase};
use crate::stamp::act;
use lvs_matrix_language::{Language, Length, phrasing};
use lvs_matrix_model::action::Action;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::plan::Phase;
use lvs_matrix_model::record::{LabOutcome, StepOutcome, StepRecord};
use lvs_matrix_model::verdict::{Behaviour, HangEnd, JudgedCell, Observed, Operation, Terminator};
use std::time::Duration;

/// The sentences, inline texts: the change, what the client lived through, and what reached it.
pub(super) fn sentences(words: Language, cell: &JudgedCell) -> Vec<String> {
    let unknown = words.nothing_known().to_owned();
    match &cell.record.lab {
        LabOutcome::Completed => {}
        LabOutcome::Failed { stage, reason, .. } => {
            return vec![
                words.lab_failed(phrase(stage), foreign(without_stop(reason))),
                unknown,
            ];
        }
        LabOutcome::NotRun { reason } => {
            return vec![words.cell_not_run(foreign(without_stop(reason))), unknown];
        }
    }
    let mut all = vec![change(words, cell), outcome(words, cell)];
    all.extend(meanwhile(words, cell));
    all.extend(endings(words, &cell.observed));
    all
}

fn change(words: Language, cell: &JudgedCell) -> String {
    let done: Vec<String> = done(cell, Phase::Change)
        .map(|step| {
            let what = phrase(&phrasing::action(words, &step.action));
            match cell.record.gap_before(step) {
                Some(gap) if !gap.is_zero() => words.later(Human(gap), what),
                Some(_) | None => what,
            }
        })
        .collect();
    if done.is_empty() {
        words.nothing_changed().to_owned()
    } else {
        words.the_change(done.join(words.clauses()))
    }
}

/// What operator and fate did while the client was at it.
fn meanwhile(words: Language, cell: &JudgedCell) -> Option<String> {
    let begin = act(&cell.record)?;
    let done: Vec<String> = done(cell, Phase::Act)
        .filter_map(|step| {
            let after = Human(step.began?.since(begin));
            Some(words.later(after, phrase(&phrasing::action(words, &step.action))))
        })
        .collect();
    (!done.is_empty()).then(|| words.in_act_phase(done.join(words.clauses())))
}

/// The steps of a phase that were done by others than the client; waiting is doing nothing.
fn done(cell: &JudgedCell, phase: Phase) -> impl Iterator<Item = &StepRecord> {
    let steps = cell.record.steps.iter().filter(move |step| step.phase == phase);
    steps.filter(|step| {
        let is_wait = matches!(step.action, Action::Wait(_));
        !is_wait && !step.action.is_of_client() && matches!(step.outcome, StepOutcome::Done { .. })
    })
}

fn outcome(words: Language, cell: &JudgedCell) -> String {
    let observed = &cell.observed;
    let subject = match &observed.operation {
        Some(operation) => words.the_clients(
            phrase(&phrasing::operation(words, &operation.what)),
            served_by(words, operation),
        ),
        None => words.the_client().to_owned(),
    };
    match &observed.behaviour {
        Behaviour::Answered { after } => words.was_answered(subject, Human(*after)),
        Behaviour::FailedFast { after } => {
            words.failed_after(subject, Human(*after), with_error(words, observed))
        }
        Behaviour::Hung { silence, end } => hang(words, cell, &subject, *silence, *end),
        Behaviour::Undetermined { reasons } => {
            let reasons = reasons.iter().map(|reason| phrasing::doubt(words, reason));
            let reasons: Vec<_> = reasons.map(|reason| foreign(without_stop(&reason))).collect();
            words.how_not_known(subject, reasons.join(words.clauses()))
        }
    }
}

/// Whose mysqld or host has the connection, as far as the packets tell.
fn served_by(words: Language, operation: &Operation) -> String {
    match &operation.served_by {
        None => String::new(),
        Some(node) if operation.what == "connect" && !operation.tried.is_empty() => {
            let tried: Vec<&str> = operation
                .tried
                .iter()
                .map(|tried| tried.server.as_str())
                .collect();
            words.reaching_in_turn(tried.join(words.listed()), node)
        }
        Some(node) if operation.what == "connect" => words.reaching(node),
        Some(node) => words.on_connection_with(node),
    }
}

fn hang(words: Language, cell: &JudgedCell, subject: &str, silence: Duration, end: HangEnd) -> String {
    let observed = &cell.observed;
    let mut text = words.met_silence(subject, Human(silence));
    text += &words.in_brackets(
        match phrasing::retransmissions(words, &observed.retransmissions) {
            Some(repeated) => repeated,
            None => words.nothing_sent_again().to_owned(),
        },
    );
    match end {
        HangEnd::Answer => text += words.then_succeeded(),
        HangEnd::Error => text += &words.then_failed(with_error(words, observed)),
        HangEnd::None => {
            text += words.still_waiting_at_end();
            if let Some(limit) = observed.cut_to {
                text += &words.watched_at_most(Human(limit));
            }
        }
    }
    let silence = Human(silence).to_string();
    if let Some(length) = Length::of(cell).filter(|length| !length.open) {
        let length = phrasing::length(words, length);
        if length != silence {
            text += &words.after_it_began(length);
        }
    }
    text + words.stop()
}

fn with_error(words: Language, observed: &Observed) -> String {
    let Some(error) = &observed.error else {
        return String::new();
    };
    let meaning = error
        .classic
        .and_then(|code| phrasing::classic_meaning(words, code));
    let meaning = meaning.map_or_else(String::new, |meaning| words.quoted(meaning));
    words.with_code(phrasing::error_code(words, error), meaning)
}

fn endings(words: Language, observed: &Observed) -> Option<String> {
    if observed.terminators.is_empty() {
        return None;
    }
    let same = |one: &Terminator, other: &Terminator| one.kind == other.kind && one.by == other.by;
    let reached: Vec<String> = observed
        .terminators
        .chunk_by(same)
        .flat_map(|run| match run {
            // A director that cannot reach its server may say so hundreds of times.
            [first, .., last] if run.len() > 3 => {
                let what = phrasing::terminators(words, run);
                vec![words.at_packets(what, first.packet, last.packet)]
            }
            few => few
                .iter()
                .map(|item| words.at_packet(phrasing::terminator(words, item), item.packet))
                .collect(),
        })
        .collect();
    Some(words.what_reached(reached.join(words.listed())))
}

fn without_stop(text: &str) -> &str {
    text.trim_end().trim_end_matches('.')
}
