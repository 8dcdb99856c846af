//! What a row says beside its behaviour: what a program tried before, how slow an answer was, and where its
//! client says otherwise; and what the probes lived through.

use super::{error_code, or_nothing};
use crate::catalogue::Language;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::verdict::{JudgedCell, Try, TryEnd};

/// More tries than this are not all named: only so many of the first and of the last.
const MOST: usize = 6;
const SOME: usize = 2;

/// Each as a clause. Foreign text is not escaped.
pub fn besides(words: Language, cell: &JudgedCell) -> Vec<String> {
    let observed = &cell.observed;
    let count = observed.attempts.len();
    let left_out = if count > MOST { SOME..count - SOME } else { 0..0 };
    let mut tried: Vec<String> = Vec::new();
    for (index, one) in observed.attempts.iter().enumerate() {
        if !left_out.contains(&index) {
            tried.push(self::tried(words, one));
        } else if index == left_out.start {
            tried.push(words.others().to_owned());
        }
    }
    let tried = (!tried.is_empty()).then(|| words.tried_in_turn(tried.join(words.and_then())));
    let slow = observed
        .longest_silence
        .map(|longest| words.in_parts(Human(longest)));
    let contradiction = observed.contradiction.as_ref();
    let otherwise = contradiction.map(|contradiction| super::contradiction(words, contradiction));
    let worse = observed.worse.iter().map(|worse| {
        let behaviour = super::behaviour(words, &worse.behaviour);
        let after = worse.lasted.map(|time| words.after(Human(time)));
        words.fared_worse(
            super::operation(words, &worse.what),
            behaviour + &after.unwrap_or_default(),
        )
    });
    let probed = observed.probed.iter().map(|probed| super::probed(words, probed));
    tried
        .into_iter()
        .chain(slow)
        .chain(otherwise)
        .chain(worse)
        .chain(probed)
        .collect()
}

/// The error of a cell in a table, with what else is to be said of it.
pub fn error_and_besides(words: Language, cell: &JudgedCell) -> String {
    let error = cell.observed.error.as_ref().map(|error| error_code(words, error));
    let all: Vec<String> = error.into_iter().chain(besides(words, cell)).collect();
    or_nothing(all.join(words.clauses()))
}

/// `statement on rs1 (port 40776): no answer for 10s`.
fn tried(words: Language, one: &Try) -> String {
    let what = match one.waited_for.as_str() {
        "connect" => words.a_connect(),
        "statement" => words.the_statement(),
        command => command,
    };
    let server = match &one.served_by {
        Some(node) => words.on_server(node),
        None => String::new(),
    };
    let time = Human(one.ended.since(one.began));
    let end = match one.end {
        TryEnd::Answered => words.try_answered_after(time),
        TryEnd::Error(code) => words.server_error_after(code, time),
        TryEnd::Ended(kind) => words.ended_after(kind, time),
        TryEnd::EndedBefore(kind) => words.had_ended_before(kind),
        TryEnd::Unanswered => words.no_answer_for(time),
        TryEnd::Unread => words.cannot_be_read().to_owned(),
    };
    words.one_try(what, server, one.client_port, end)
}
