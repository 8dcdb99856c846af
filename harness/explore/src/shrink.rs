//! Everything that is simpler than a candidate by one thing, or by a few at once.

use crate::candidate::Candidate;
use crate::draw::begins;
use lvs_matrix_model::action::{ClientAction, Timed};
use lvs_matrix_model::scenario::Scenario;
use std::collections::BTreeSet;

/// The candidates that are simpler than this one, the simplest first: with a step or two less, with an
/// operation in one step that was begun and awaited, with the first value of an axis or of all, with a
/// simpler alternative of an action.
pub(crate) fn simpler(scenario: &Scenario, candidate: &Candidate) -> Vec<Candidate> {
    let Candidate { lab, steps, .. } = candidate;
    let mut tried: Vec<(Vec<usize>, Vec<Timed>)> = Vec::new();
    let without = |left_out: &[usize]| -> Vec<Timed> {
        let kept = steps
            .iter()
            .enumerate()
            .filter(|(place, _)| !left_out.contains(place));
        kept.map(|(_, step)| step.clone()).collect()
    };
    for one in 0..steps.len() {
        for other in one..steps.len() {
            tried.push((lab.clone(), without(&[one, other])));
        }
    }
    // What is begun and awaited, in one step.
    let plain = |step: &&Timed| {
        let client = step.action.of_client();
        client.is_some_and(|client| client.is_classified() && !client.only_awaits() && !begins(client))
    };
    let plain: Vec<&Timed> = scenario
        .explore
        .iter()
        .flat_map(|explore| explore.actions.iter().flatten().filter(plain))
        .collect();
    let begun = |step: &Timed| step.action.of_client().is_some_and(begins);
    let awaited = |step: &Timed| step.action.of_client().is_some_and(ClientAction::only_awaits);
    for (from, to) in (0..steps.len()).flat_map(|from| (from + 1..steps.len()).map(move |to| (from, to))) {
        if !steps.get(from).is_some_and(begun) || !steps.get(to).is_some_and(awaited) {
            continue;
        }
        for one in &plain {
            let mut other = steps.clone();
            other
                .iter_mut()
                .skip(to)
                .take(1)
                .for_each(|step| *step = Timed::clone(one));
            other.remove(from);
            tried.push((lab.clone(), other));
        }
    }
    let varied = lab.iter().filter(|value| **value > 0).count();
    if varied > 1 {
        tried.push((vec![0; lab.len()], steps.clone()));
    }
    for axis in 0..lab.len() {
        let mut first = lab.clone();
        if first.get(axis).is_some_and(|value| *value > 0) {
            first.iter_mut().skip(axis).take(1).for_each(|value| *value = 0);
            tried.push((first, steps.clone()));
        }
    }
    let alternatives = |step: &Timed| {
        let explore = scenario.explore.iter();
        let mut items = explore.flat_map(|explore| &explore.actions);
        let all = items.find(|all| all.contains(step))?;
        let before = all.iter().position(|other| other == step)?;
        all.get(..before.min(MOST_ALTERNATIVES))
    };
    for (place, step) in steps.iter().enumerate() {
        for alternative in alternatives(step).unwrap_or_default() {
            let mut other = steps.clone();
            other
                .iter_mut()
                .skip(place)
                .take(1)
                .for_each(|step| *step = alternative.clone());
            tried.push((lab.clone(), other));
        }
    }
    let mut seen = BTreeSet::new();
    let mut simpler: Vec<Candidate> = tried
        .into_iter()
        .filter_map(|(lab, steps)| Candidate::of(scenario, lab, steps))
        .filter(|other| other.measure() < candidate.measure() && seen.insert(other.text.clone()))
        .collect();
    simpler.sort_by(|one, other| one.measure().cmp(&other.measure()));
    simpler
}

/// So many simpler alternatives of an action are tried.
const MOST_ALTERNATIVES: usize = 3;
