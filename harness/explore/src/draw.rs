//! Sequences by chance: new ones, and variations of those that gave something new.

use crate::candidate::{Candidate, lab_of};
use crate::possible::Walk;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, ClientAction, Timed};
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::{LabPlan, plan};
use lvs_matrix_model::scenario::{Explore, Scenario};
use oorandom::Rand64;

/// Chance from a seed: the same numbers everywhere and in every version.
pub(crate) struct Chance(Rand64);

impl Chance {
    /// That of a generation, which needs nothing of those before it.
    pub(crate) fn of(seed: u64, generation: u32) -> Self {
        Self(Rand64::new(u128::from(seed) << 32 | u128::from(generation)))
    }

    /// One of `0..count`; 0 if there is none.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        let most = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.0.rand_range(0..most)).unwrap_or(0)
    }

    fn one<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        of.get(self.below(of.len()))
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// A new sequence; `None` if this draw came to nothing.
pub(crate) fn new(scenario: &Scenario, explore: &Explore, chance: &mut Chance) -> Option<Candidate> {
    let lab = some_lab(scenario, chance);
    let plan = bare(scenario, &lab)?;
    let mut walk = Walk::new(&plan);
    let mut steps: Vec<&Timed> = Vec::new();
    let length = 1 + chance.below(usize::from(explore.length));
    while steps.len() < length {
        // Nothing that is asked for ends a sequence but an operation of the client.
        let last = steps.len() + 1 == length;
        let wanted = |action: &Action| match (last, walk.is_waiting()) {
            (true, true) => action.of_client().is_some_and(|action| action.only_awaits()),
            (true, false) => ends(action, &walk),
            (false, _) => true,
        };
        let of_client = last || chance.once_in(2);
        let open: Vec<Vec<&Timed>> = explore
            .actions
            .iter()
            .map(|alternatives| {
                let fit = alternatives.iter().filter(|step| {
                    let action = &step.action;
                    action.is_of_client() == of_client && wanted(action) && walk.allows(action)
                });
                fit.collect::<Vec<&Timed>>()
            })
            .filter(|alternatives| !alternatives.is_empty())
            .collect();
        let Some(step) = chance.one(&open).and_then(|fit| chance.one(fit)).copied() else {
            if last {
                break;
            }
            // The other side may have something to do.
            if steps.is_empty() && !of_client {
                continue;
            }
            return None;
        };
        walk.take(&step.action);
        steps.push(step);
    }
    Candidate::of(scenario, lab, steps.into_iter().cloned().collect())
}

/// The clients of the scenario's own cells with another change: each step of an operator's in the place of
/// all that the cell has. In the simplest lab; the edits of the table first, in an order by chance.
pub(crate) fn other_changes(own: &[Candidate], explore: &Explore, seed: u64) -> Vec<Vec<Timed>> {
    let all = || explore.actions.iter().flatten();
    let mut chance = Chance::of(seed, u32::MAX - 1);
    let mut clients: Vec<(usize, Vec<Timed>)> = Vec::new();
    for candidate in own {
        let place = candidate.steps.iter().position(|step| is_change(&step.action));
        let steps = candidate.steps.iter().filter(|step| !is_change(&step.action));
        let client = (place.unwrap_or(0), steps.cloned().collect());
        if !clients.contains(&client) {
            clients.push(client);
        }
    }
    let mut sequences: Vec<Vec<Timed>> = Vec::new();
    for change in all().filter(|step| is_change(&step.action)) {
        sequences.extend(clients.iter().map(|(place, client)| {
            let mut steps = client.clone();
            steps.insert((*place).min(client.len()), change.clone());
            steps
        }));
    }
    for place in (1..sequences.len()).rev() {
        sequences.swap(place, chance.below(place + 1));
    }
    sequences.sort_by_key(|steps| !edits_table(steps));
    sequences
}

fn edits_table(steps: &[Timed]) -> bool {
    steps.iter().any(|step| matches!(step.action, Action::Table(_)))
}

/// The sequences of one step of an operator's: after at most two of the client's, before an operation of the
/// client. All of them in the simplest lab, those with the fewest steps first; of those with equally many the
/// edits of the table first, in an order by chance.
pub(crate) fn single_changes(scenario: &Scenario, explore: &Explore, seed: u64) -> Vec<Vec<Timed>> {
    let Some(plan) = bare(scenario, &vec![0; scenario.axes.len()]) else {
        return Vec::new();
    };
    let all = || explore.actions.iter().flatten();
    let mut chance = Chance::of(seed, u32::MAX);
    let mut sequences = Vec::new();
    let mut begun = vec![(Vec::<&Timed>::new(), Walk::new(&plan))];
    for _ in 0..=MOST_BEFORE {
        let mut tier = Vec::new();
        for (before, walk) in &begun {
            let changes = all().filter(|step| is_change(&step.action) && walk.allows(&step.action));
            for change in changes {
                let mut walk = walk.clone();
                walk.take(&change.action);
                let ends = all().filter(|step| ends(&step.action, &walk) && walk.allows(&step.action));
                tier.extend(ends.map(|end| {
                    let steps = before.iter().copied().chain([change, end]);
                    steps.cloned().collect::<Vec<Timed>>()
                }));
            }
        }
        for place in (1..tier.len()).rev() {
            tier.swap(place, chance.below(place + 1));
        }
        // A stable sort: what is edited is the table first.
        tier.sort_by_key(|steps: &Vec<Timed>| !edits_table(steps));
        sequences.extend(tier);
        begun = begun.iter().flat_map(|begun| longer(explore, begun)).collect();
    }
    sequences.retain(|steps| steps.len() <= usize::from(explore.length));
    sequences
}

/// What the client may do next, step by step.
fn longer<'a>(
    explore: &'a Explore,
    (before, walk): &(Vec<&'a Timed>, Walk<'a>),
) -> Vec<(Vec<&'a Timed>, Walk<'a>)> {
    let all = explore.actions.iter().flatten();
    let next = all.filter(|step| step.action.is_of_client() && walk.allows(&step.action));
    let longer = next.map(|step| {
        let mut walk = walk.clone();
        walk.take(&step.action);
        (before.iter().copied().chain([step]).collect(), walk)
    });
    longer.collect()
}

/// So many steps of the client come before the change in [`single_changes`].
const MOST_BEFORE: usize = 2;

fn is_change(action: &Action) -> bool {
    match action {
        Action::Table(_) | Action::Other(_) | Action::Mysqld(_) | Action::Host(_) | Action::Traffic(_) => {
            true
        }
        Action::Client(_) | Action::Wait(_) | Action::Watch(_) => false,
    }
}

/// May a sequence end with this operation of the client? What was begun is awaited.
fn ends(action: &Action, walk: &Walk<'_>) -> bool {
    let Some(client) = action.of_client().filter(|client| client.is_classified()) else {
        return false;
    };
    if walk.is_waiting() {
        client.only_awaits()
    } else {
        !begins(client)
    }
}

/// Does it only begin what another step awaits?
pub(crate) fn begins(action: &ClientAction) -> bool {
    match action {
        ClientAction::StartConnect(_) | ClientAction::StartQuery(_) | ClientAction::StartRequest(_) => true,
        ClientAction::Connect(_)
        | ClientAction::ConnectEach { .. }
        | ClientAction::AwaitConnect { .. }
        | ClientAction::AbortConnect { .. }
        | ClientAction::Query(_)
        | ClientAction::Request(_)
        | ClientAction::AwaitResult { .. }
        | ClientAction::Disconnect { .. } => false,
    }
}

/// The same sequence in every lab that differs from the candidate's in one axis.
pub(crate) fn other_labs(scenario: &Scenario, candidate: &Candidate) -> Vec<Candidate> {
    let axes = scenario.axes.iter().enumerate();
    let labs = axes.flat_map(|(place, axis)| {
        (0..axis.values.len()).filter_map(move |value| {
            let mut lab = candidate.lab.clone();
            let own = lab.get_mut(place).filter(|own| **own != value)?;
            *own = value;
            Some(lab)
        })
    });
    labs.filter_map(|lab| Candidate::of(scenario, lab, candidate.steps.clone()))
        .collect()
}

/// Half of the labs are the simplest one; in the others an axis or two have another value.
fn some_lab(scenario: &Scenario, chance: &mut Chance) -> Vec<usize> {
    let mut lab = vec![0; scenario.axes.len()];
    if chance.once_in(2) {
        return lab;
    }
    for _ in 0..=chance.below(2) {
        vary_lab(scenario, &mut lab, chance);
    }
    lab
}

fn vary_lab(scenario: &Scenario, lab: &mut [usize], chance: &mut Chance) {
    let axis = chance.below(lab.len());
    if let Some((value, axis)) = lab.get_mut(axis).zip(scenario.axes.get(axis)) {
        *value = chance.below(axis.values.len());
    }
}

/// The plan of a lab with no steps.
fn bare(scenario: &Scenario, lab: &[usize]) -> Option<LabPlan> {
    let bare = Scenario {
        name: Name::new("bare").ok()?,
        lab: lab_of(scenario, lab)?,
        axes: Vec::new(),
        steps: lvs_matrix_model::scenario::Phases::default(),
        explore: None,
        ..scenario.clone()
    };
    let cells = cells(&bare);
    Some(plan(&bare, cells.first()?))
}

/// A variation of a sequence; `None` if it came to nothing that can be run.
pub(crate) fn variation(
    scenario: &Scenario,
    explore: &Explore,
    corpus: &[Candidate],
    chance: &mut Chance,
) -> Option<Candidate> {
    // Every second time one of those that came last: what is new is varied first.
    let recent = corpus.len().saturating_sub(RECENT);
    let from = if chance.once_in(2) { recent } else { 0 };
    let parent = chance.one(corpus.get(from..)?)?;
    let (mut lab, mut steps) = (parent.lab.clone(), parent.steps.clone());
    for _ in 0..=chance.below(3) {
        let place = chance.below(steps.len());
        match chance.below(7) {
            0 => steps.insert(chance.below(steps.len() + 1), some_step(explore, chance)?.clone()),
            1 if steps.len() > 1 => {
                steps.remove(place);
            }
            2 => *steps.get_mut(place)? = some_step(explore, chance)?.clone(),
            3 => {
                let other = chance.below(steps.len());
                steps.swap(place, other);
            }
            4 => {
                let step = steps.get_mut(place)?;
                let alternatives = explore.actions.iter().find(|all| all.contains(step));
                if let Some(other) = alternatives.and_then(|all| chance.one(all)) {
                    *step = other.clone();
                }
            }
            5 => {
                let other = chance.one(corpus)?;
                let cut = chance.below(other.steps.len());
                steps.truncate(place);
                steps.extend(other.steps.iter().skip(cut).cloned());
            }
            _ => vary_lab(scenario, &mut lab, chance),
        }
    }
    if steps.len() > usize::from(explore.length) {
        return None;
    }
    Candidate::of(scenario, lab, steps)
}

/// So many of the corpus count as recent.
const RECENT: usize = 24;

fn some_step<'e>(explore: &'e Explore, chance: &mut Chance) -> Option<&'e Timed> {
    let alternatives = chance.one(&explore.actions)?;
    chance.one(alternatives)
}
