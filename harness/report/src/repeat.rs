//! Repetitions in words. They disagree by what `model::verdict` says of them; here is only how that is
//! written.

use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::matrix::{CellRef, FIRST};
use lvs_matrix_model::verdict::{Disagreement, Outcome, RunOutcome};
use std::num::NonZero;

/// What the repetitions came to, one text for each outcome: `runs 1, 3: answered: as expected`.
pub(crate) fn outcomes(words: Language, disagreement: &Disagreement) -> Vec<String> {
    let one = |(one, numbers): &(Outcome, Vec<_>)| {
        let (runs, outcome) = (repetitions(words, numbers), outcome(words, one));
        match numbers.as_slice() {
            [_] => words.run_came_to(runs, outcome),
            _ => words.runs_came_to(runs, outcome),
        }
    };
    disagreement.outcomes.iter().map(one).collect()
}

/// What repetitions are compared by, and whether it is what was expected:
/// `failed-fast, 2013 (104 ECONNRESET): as expected`.
fn outcome(words: Language, outcome: &Outcome) -> String {
    let mut text = phrasing::behaviour_name(words, outcome.behaviour).to_owned();
    if let Some(end) = outcome.end {
        text = words.hung_and(text, phrasing::hang_end(words, end));
    }
    text += &match (outcome.error, outcome.errno.map(phrasing::errno)) {
        (Some(code), Some(errno)) => words.and_also(format_args!("{code} ({errno})")),
        (Some(code), None) => words.and_also(code),
        (None, Some(errno)) => words.and_also(errno),
        (None, None) => String::new(),
    };
    text + match outcome.result {
        RunOutcome::Met => words.as_expected(),
        RunOutcome::Violated => words.not_as_expected(),
        // Of what is undetermined nothing is compared.
        RunOutcome::Undetermined => words.but_tested_nothing(),
        RunOutcome::Disagreeing => "",
    }
}

/// `1, 3 to 5` for the repetitions 1, 3, 4 and 5.
fn repetitions(words: Language, numbers: &[NonZero<u32>]) -> String {
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
            1 => [first.to_string(), last.to_string()].join(words.listed()),
            _ => words.spanned(first, last),
        })
        .collect();
    spans.join(words.listed())
}

/// Which repetition, where it is not the first: ` (run 2)`.
pub(crate) fn run_number(words: Language, cell: &CellRef) -> String {
    if cell.repetition == FIRST {
        String::new()
    } else {
        words.run_numbered(cell.repetition)
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
        assert_eq!(repetitions(Language::English, &numbers(&[2])), "2");
        let many = numbers(&[1, 3, 4, 5, 7, 8]);
        assert_eq!(repetitions(Language::English, &many), "1, 3 to 5, 7, 8");
        assert_eq!(repetitions(Language::Chinese, &many), "1、3 至 5、7、8");
        let hung = Outcome {
            behaviour: BehaviourName::Hung,
            end: Some(HangEndName::Error),
            error: Some(2013),
            errno: Some(110),
            result: RunOutcome::Violated,
        };
        assert_eq!(
            outcome(Language::English, &hung),
            "hung, then error, 2013 (110 ETIMEDOUT): not as expected"
        );
    }
}
