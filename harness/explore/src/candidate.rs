//! A candidate: a value of each axis and a sequence of steps, which `check` has accepted as a scenario.

use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, Timed};
use lvs_matrix_model::scenario::{
    Expectation, Expected, Explore, Lab, Phases, Position, Scenario, load, written,
};

/// A sequence that can be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// For each axis of the scenario the index of the value that the lab has.
    pub lab: Vec<usize>,
    /// The steps, up to the operation that is classified.
    pub steps: Vec<Timed>,
    /// How far its steps are from the simplest alternatives of their actions.
    pub(crate) weight: usize,
    /// The scenario's text, but for its name: two candidates with one text are one.
    pub text: String,
}

/// The name that every candidate's text has.
const NAME: &str = "candidate";

impl Candidate {
    /// The candidate of these steps, unless `check` refuses it. What comes after the last operation that can
    /// be classified is left out.
    pub(crate) fn of(scenario: &Scenario, lab: Vec<usize>, mut steps: Vec<Timed>) -> Option<Self> {
        let last = steps.iter().rposition(|step| step.action.is_classified())?;
        steps.truncate(last + 1);
        let name = Name::new(NAME).ok()?;
        let text = written(&alone(scenario, &lab, &steps, name, Expected::ObserveOnly)?);
        load(&text).ok()?;
        let weight = scenario
            .explore
            .as_ref()
            .map_or(0, |explore| steps.iter().map(|step| weight(explore, step)).sum());
        Some(Self {
            lab,
            steps,
            weight,
            text,
        })
    }

    /// The scenario that runs it, under this name, with this expectation.
    #[must_use]
    pub fn scenario(&self, of: &Scenario, name: Name, expected: Expected) -> Option<Scenario> {
        alone(of, &self.lab, &self.steps, name, expected)
    }

    /// Of two candidates the one with the smaller measure is simpler: fewer steps, then fewer values of the
    /// lab that are not the first ones, then simpler alternatives.
    pub(crate) fn measure(&self) -> (usize, usize, usize, &str) {
        let varied: usize = self.lab.iter().filter(|value| **value > 0).count();
        (self.steps.len(), varied, self.weight, &self.text)
    }

    /// What was chosen of the lab, as `axis=value`, where it is not the axis's first value.
    #[must_use]
    pub fn chosen(&self, scenario: &Scenario) -> Vec<String> {
        let chosen = scenario
            .axes
            .iter()
            .zip(&self.lab)
            .filter(|(_, index)| **index > 0);
        chosen
            .filter_map(|(axis, index)| Some(format!("{}={}", axis.name, axis.values.get(*index)?.name)))
            .collect()
    }
}

fn weight(explore: &Explore, step: &Timed) -> usize {
    let mut found = explore.actions.iter().filter_map(|alternatives| {
        let place = alternatives.iter().position(|other| other == step)?;
        Some(place)
    });
    found.next().unwrap_or(0)
}

fn alone(
    scenario: &Scenario,
    lab: &[usize],
    steps: &[Timed],
    name: Name,
    expected: Expected,
) -> Option<Scenario> {
    Some(Scenario {
        name,
        claim: "A sequence that is tried.".to_owned(),
        claim_zh: None,
        source: None,
        lab: lab_of(scenario, lab)?,
        axes: Vec::new(),
        steps: phases(steps),
        observe: scenario.observe,
        expectations: vec![Expectation {
            kernels: Vec::new(),
            when: Vec::new(),
            expected,
            position: Position { line: 1, column: 1 },
        }],
        fails_without_change: true,
        explore: None,
        warnings: Vec::new(),
    })
}

/// The scenario's lab with these values of its axes.
pub(crate) fn lab_of(scenario: &Scenario, values: &[usize]) -> Option<Lab> {
    let chosen: Option<Vec<&Lab>> = scenario
        .axes
        .iter()
        .zip(values)
        .map(|(axis, index)| Some(&axis.values.get(*index)?.lab))
        .collect();
    Some(Lab::merged(std::iter::once(&scenario.lab).chain(chosen?)))
}

/// The steps by phase: the change is from the first step that is not the client's to the last one. A wait
/// after it belongs to it, so that `act` begins with the client.
pub(crate) fn phases(steps: &[Timed]) -> Phases {
    let own = |step: &Timed| match step.action {
        Action::Client(_) | Action::Wait(_) | Action::Watch(_) => false,
        Action::Table(_) | Action::Other(_) | Action::Mysqld(_) | Action::Host(_) | Action::Traffic(_) => {
            true
        }
    };
    let Some((first, last)) = steps.iter().position(own).zip(steps.iter().rposition(own)) else {
        return Phases::of(Vec::new(), Vec::new(), steps.to_vec());
    };
    let pause = |step: &&Timed| !step.action.is_of_client();
    let pauses = steps.iter().skip(last + 1).take_while(pause).count();
    let act = last + 1 + pauses;
    let part = |from: usize, to: usize| steps.get(from..to).unwrap_or_default().to_vec();
    Phases::of(part(0, first), part(first, act), part(act, steps.len()))
}

/// A step as it stands in a candidate's text.
pub(crate) fn line(step: &Timed) -> String {
    lvs_matrix_model::scenario::written_step(step)
}
