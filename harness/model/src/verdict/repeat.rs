//! Repetitions of a cell, held against each other. Nothing here changes a verdict: that two repetitions
//! disagree is a result of its own.

use super::{Behaviour, JudgedCell, RunOutcome, Verdict};
use crate::matrix::{CellRef, FIRST};
use crate::scenario::{BehaviourName, HangEndName};
use std::collections::HashMap;
use std::num::NonZero;

/// What repetitions are compared by. Times are not in it: they differ from run to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The behaviour.
    pub behaviour: BehaviourName,
    /// How a hang ended.
    pub end: Option<HangEndName>,
    /// The code of the error that ended the operation: the classic client's, else the server's.
    pub error: Option<u16>,
    /// Its errno.
    pub errno: Option<u16>,
    /// What it came to. Observed only counts as met; undetermined is one that tested nothing.
    pub result: RunOutcome,
}

impl Outcome {
    /// Of a judged cell; `None` if nothing certain is known of it: that agrees with everything, and is a
    /// result of its own already.
    #[must_use]
    pub fn of(cell: &JudgedCell) -> Option<Self> {
        let observed = &cell.observed;
        let result = match &cell.verdict {
            Verdict::Undetermined { .. } => return None,
            verdict @ (Verdict::Met
            | Verdict::ObservedOnly
            | Verdict::TestedNothing { .. }
            | Verdict::Violated { .. }) => RunOutcome::from(verdict),
        };
        let error = observed.error.as_ref();
        Some(Self {
            behaviour: observed.behaviour.name()?,
            end: match observed.behaviour {
                Behaviour::Hung { end, .. } => Some(end.name()),
                Behaviour::Answered { .. }
                | Behaviour::FailedFast { .. }
                | Behaviour::Undetermined { .. } => None,
            },
            error: error.and_then(|error| error.classic.or(error.server)),
            errno: error.and_then(|error| error.errno),
            result,
        })
    }
}

/// A cell whose repetitions do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// Its first repetition.
    pub cell: CellRef,
    /// What its repetitions came to, and which did, in the order of the first of each; at least two.
    pub outcomes: Vec<(Outcome, Vec<NonZero<u32>>)>,
}

/// The cells whose repetitions do not agree, in the order of `cells`.
#[must_use]
pub fn disagreements(cells: &[JudgedCell]) -> Vec<Disagreement> {
    let mut groups: Vec<Disagreement> = Vec::new();
    let mut places: HashMap<CellRef, usize> = HashMap::new();
    for cell in cells {
        let Some(outcome) = Outcome::of(cell) else {
            continue;
        };
        let own = &cell.record.plan.cell;
        let first = own.repeated(FIRST);
        let at = *places.entry(first.clone()).or_insert_with(|| {
            groups.push(Disagreement {
                cell: first,
                outcomes: Vec::new(),
            });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(at) {
            match group.outcomes.iter_mut().find(|(known, _)| *known == outcome) {
                Some((_, repetitions)) => repetitions.push(own.repetition),
                None => group.outcomes.push((outcome, vec![own.repetition])),
            }
        }
    }
    groups.retain(|group| group.outcomes.len() > 1);
    groups
}
