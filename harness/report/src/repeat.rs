//! Repetitions in words. They disagree by what `model::verdict` says of them; here is only how that is written.

use crate::wording;
use lvs_matrix_model::matrix::{CellRef, FIRST};
use lvs_matrix_model::verdict::{Disagreement, Outcome, RunOutcome};
use std::num::NonZero;

/// What the repetitions came to, one text for each outcome: `runs 1, 3: answered: as expected`.
pub(crate) fn outcomes(disagreement: &Disagreement) -> Vec<String> {
    let words = |(one, numbers): &(Outcome, Vec<_>)| format!("{}: {}", repetitions(numbers), outcome(one));
    disagreement.outcomes.iter().map(words).collect()
}

/// What repetitions are compared by, and whether it is what was expected: `failed-fast, 2013 (104 ECONNRESET): as expected`.
fn outcome(outcome: &Outcome) -> String {
    let mut text = outcome.behaviour.as_str().to_owned();
    if let Some(end) = outcome.end {
        text.push_str(&format!(", {}", wording::hang_end(end)));
    }
    match (outcome.error, outcome.errno.map(wording::errno)) {
        (Some(code), Some(errno)) => text.push_str(&format!(", {code} ({errno})")),
        (Some(code), None) => text.push_str(&format!(", {code}")),
        (None, Some(errno)) => text.push_str(&format!(", {errno}")),
        (None, None) => {}
    }
    text + match outcome.result {
        RunOutcome::Met => ": as expected",
        RunOutcome::Violated => ": not as expected",
        RunOutcome::Undetermined | RunOutcome::Disagreeing => "",
    }
}

/// `runs 1, 3 to 5` for the repetitions 1, 3, 4 and 5.
fn repetitions(numbers: &[NonZero<u32>]) -> String {
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for number in numbers.iter().map(|number| number.get()) {
        match spans.last_mut() {
            Some((_, last)) if number == last.saturating_add(1) => *last = number,
            Some(_) | None => spans.push((number, number)),
        }
    }
    let spans: Vec<String> = spans
        .into_iter()
        .map(|(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first} to {last}"),
        })
        .collect();
    let runs = if numbers.len() == 1 { "run" } else { "runs" };
    format!("{runs} {}", spans.join(", "))
}

/// Which repetition, where it is not the first: ` (run 2)`.
pub(crate) fn run_number(cell: &CellRef) -> String {
    if cell.repetition == FIRST {
        String::new()
    } else {
        format!(" (run {})", cell.repetition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lvs_matrix_model::scenario::{BehaviourName, HangEndName};

    #[test]
    fn repetitions_and_outcomes_in_words() {
        let numbers = |list: &[u32]| {
            list.iter()
                .filter_map(|number| NonZero::new(*number))
                .collect::<Vec<_>>()
        };
        assert_eq!(repetitions(&numbers(&[2])), "run 2");
        assert_eq!(repetitions(&numbers(&[1, 3, 4, 5, 7, 8])), "runs 1, 3 to 5, 7, 8");
        let hung = Outcome {
            behaviour: BehaviourName::Hung,
            end: Some(HangEndName::Error),
            error: Some(2013),
            errno: Some(110),
            result: RunOutcome::Violated,
        };
        assert_eq!(
            outcome(&hung),
            "hung, then error, 2013 (110 ETIMEDOUT): not as expected"
        );
    }
}
