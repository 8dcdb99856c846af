//! The search: generation after generation of candidates, and what is learned of each.

use crate::candidate::Candidate;
use crate::draw::{self, Chance};
use crate::finding::Finding;
use crate::outcome::{Outcome, Signature};
use crate::shrink::simpler;
use lvs_matrix_model::action::Timed;
use lvs_matrix_model::base::choice_of;
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::{Step, plan};
use lvs_matrix_model::scenario::{Axis, Explore, Lab, Scenario};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// So many cells a generation has. It does not depend on the machine: the next one depends on what it gives.
pub const GENERATION: usize = 48;
/// Of these so many at most go to what was found, while the search goes on.
const TO_SHRINK: usize = 24;
/// Of the rest a third goes to sequences of one change, half to other labs of what gave something new, and
/// what is left to chance.
const OF_ONE_CHANGE: usize = 3;
const TO_LABS: usize = 2;
/// Of the sequences by chance that have all steps of a finding, one of so many is run: most of them show
/// nothing but that again.
const COVERED: usize = 6;
/// So often a draw is tried for one place of a generation.
const DRAWS: usize = 40;
/// The scenario's own cells with which the search begins, at most.
const OWN_CELLS: usize = 16;
/// … and so many at most are looked at for their clients.
const OWN_CLIENTS: usize = 256;

/// How much is known after so many cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Growth {
    /// Cells that were run.
    pub cells: usize,
    /// Signatures that they had.
    pub signatures: usize,
    /// Findings among those.
    pub findings: usize,
}

/// A search in what a scenario asks for.
#[derive(Debug)]
pub struct Search<'s> {
    scenario: &'s Scenario,
    explore: &'s Explore,
    seed: u64,
    generation: u32,
    /// The candidates of the generation that is under way.
    asked: Vec<Candidate>,
    /// What is known of a candidate, by its text.
    outcomes: BTreeMap<String, Outcome>,
    signatures: BTreeSet<Signature>,
    /// The candidates that gave something new, in their order.
    corpus: Vec<Candidate>,
    /// Those of the corpus whose other labs were not asked for yet.
    in_one_lab: VecDeque<Candidate>,
    /// Sequences of one change that are to be run, the next one last.
    single: Vec<Vec<Timed>>,
    findings: Vec<Finding>,
    undetermined: usize,
    growth: Vec<Growth>,
}

impl<'s> Search<'s> {
    /// The search of this seed; `None` if the scenario asks for none.
    #[must_use]
    pub fn new(scenario: &'s Scenario, seed: u64) -> Option<Self> {
        let explore = scenario.explore.as_ref()?;
        let own: Vec<Candidate> = own(scenario).collect();
        let mut single = draw::other_changes(&own, explore, seed);
        single.extend(draw::single_changes(scenario, explore, seed));
        single.reverse();
        Some(Self {
            scenario,
            explore,
            seed,
            generation: 0,
            asked: Vec::new(),
            outcomes: BTreeMap::new(),
            signatures: BTreeSet::new(),
            corpus: Vec::new(),
            in_one_lab: VecDeque::new(),
            single,
            findings: Vec::new(),
            undetermined: 0,
            growth: Vec::new(),
        })
    }

    /// The next generation: at most `most` candidates that were not run before. With `searching` it looks for
    /// something new; without, it only makes simpler what was found, and is empty when nothing gets simpler.
    pub fn next_generation(&mut self, most: usize, searching: bool) -> &[Candidate] {
        let mut batch = Batch {
            most,
            known: &self.outcomes,
            texts: BTreeSet::new(),
            candidates: Vec::new(),
        };
        if searching && self.generation == 0 {
            let own = own(self.scenario).take(OWN_CELLS);
            own.for_each(|candidate| batch.add(candidate));
        }
        let for_findings = if searching { TO_SHRINK.min(most) } else { most };
        for finding in self.findings.iter_mut().filter(|finding| !finding.shrunk) {
            let untried = simpler(self.scenario, &finding.candidate)
                .into_iter()
                .filter(|candidate| !batch.known.contains_key(&candidate.text));
            let mut left = false;
            for candidate in untried {
                left = true;
                if batch.candidates.len() < for_findings {
                    batch.add(candidate);
                }
            }
            finding.shrunk = !left;
        }
        if searching {
            let left = most.saturating_sub(batch.candidates.len());
            let singles = batch.candidates.len() + left / OF_ONE_CHANGE;
            while batch.candidates.len() < singles
                && let Some(steps) = self.single.pop()
            {
                let simplest = vec![0; self.scenario.axes.len()];
                let candidate = Candidate::of(self.scenario, simplest, steps);
                let new = candidate.filter(|candidate| !covered(&self.findings, candidate));
                new.into_iter().for_each(|candidate| batch.add(candidate));
            }
            let labs = batch.candidates.len() + left / TO_LABS;
            // The newest, to follow what was just seen, and in every other generation the oldest, so that all
            // have their turn.
            let newest = self.generation.is_multiple_of(2);
            while batch.candidates.len() < labs
                && let Some(candidate) = if newest {
                    self.in_one_lab.pop_back()
                } else {
                    self.in_one_lab.pop_front()
                }
            {
                let others = draw::other_labs(self.scenario, &candidate);
                let new = others.into_iter().filter(|other| !covered(&self.findings, other));
                new.for_each(|other| batch.add(other));
            }
        }
        let mut chance = Chance::of(self.seed, self.generation);
        let mut places = if searching { most * DRAWS } else { 0 };
        while places > 0 && batch.candidates.len() < most {
            places -= 1;
            // A quarter is new altogether.
            let drawn = if self.corpus.is_empty() || chance.once_in(4) {
                draw::new(self.scenario, self.explore, &mut chance)
            } else {
                draw::variation(self.scenario, self.explore, &self.corpus, &mut chance)
            };
            let drawn =
                drawn.filter(|candidate| !covered(&self.findings, candidate) || chance.once_in(COVERED));
            drawn.into_iter().for_each(|candidate| batch.add(candidate));
        }
        self.generation += 1;
        self.asked = batch.candidates;
        &self.asked
    }

    /// Takes what the cells of the last generation gave, in its order. Fewer outcomes than candidates are a
    /// generation that was not run to its end: nothing is learned of it.
    pub fn learn(&mut self, outcomes: Vec<Outcome>) {
        let asked = std::mem::take(&mut self.asked);
        if outcomes.len() != asked.len() {
            return;
        }
        for (candidate, outcome) in asked.into_iter().zip(outcomes) {
            self.learn_one(candidate, outcome);
        }
        self.growth.push(Growth {
            cells: self.outcomes.len(),
            signatures: self.signatures.len(),
            findings: self.findings.len(),
        });
    }

    fn learn_one(&mut self, candidate: Candidate, outcome: Outcome) {
        self.outcomes.insert(candidate.text.clone(), outcome.clone());
        let Outcome { signature, breaches } = outcome;
        if signature.is_undetermined() {
            self.undetermined += 1;
            return;
        }
        let broken = !breaches.is_empty();
        if broken {
            let of_finding = signature.of_finding();
            let number = self.outcomes.len();
            let mut known = self.findings.iter_mut();
            match known.find(|finding| finding.signature == of_finding && finding.breaches == breaches) {
                Some(finding) => finding.seen_again(&candidate),
                None => self
                    .findings
                    .push(Finding::new(of_finding, breaches, candidate.clone(), number)),
            }
        }
        if self.signatures.insert(signature) {
            // What is broken in one lab is found; what is not may be in another.
            if !broken {
                self.in_one_lab.push_back(candidate.clone());
            }
            self.corpus.push(candidate);
        }
    }

    /// How many cells were run.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.outcomes.len()
    }

    /// How many of them say nothing certain.
    #[must_use]
    pub fn undetermined(&self) -> usize {
        self.undetermined
    }

    /// How many signatures there were.
    #[must_use]
    pub fn signatures(&self) -> usize {
        self.signatures.len()
    }

    /// How the knowledge grew, generation by generation.
    #[must_use]
    pub fn growth(&self) -> &[Growth] {
        &self.growth
    }

    /// What was found: what no rule explains first, then in the order in which it was found.
    #[must_use]
    pub fn findings(&self) -> Vec<&Finding> {
        let mut findings: Vec<&Finding> = self.findings.iter().collect();
        findings.sort_by_key(|finding| finding.signature.explained);
        findings
    }

    /// The actions that no candidate had: those that never fitted, or that chance has not come to.
    #[must_use]
    pub fn unused(&self) -> Vec<&'s Timed> {
        let all = self.explore.actions.iter().flatten();
        let line = |step: &Timed| crate::candidate::line(step);
        all.filter(|step| {
            let line = line(step);
            !self.outcomes.keys().any(|text| text.contains(&line))
        })
        .collect()
    }
}

fn covered(findings: &[Finding], candidate: &Candidate) -> bool {
    findings.iter().any(|finding| finding.covers(candidate))
}

/// A generation while it is filled.
struct Batch<'k> {
    most: usize,
    known: &'k BTreeMap<String, Outcome>,
    texts: BTreeSet<String>,
    candidates: Vec<Candidate>,
}

impl Batch<'_> {
    /// Adds it, if there is a place and it is new.
    fn add(&mut self, candidate: Candidate) {
        let fits = self.candidates.len() < self.most && !self.known.contains_key(&candidate.text);
        if fits && self.texts.insert(candidate.text.clone()) {
            self.candidates.push(candidate);
        }
    }
}

/// The scenario's own cells.
fn own(scenario: &Scenario) -> impl Iterator<Item = Candidate> {
    let sizes: Vec<usize> = scenario.axes.iter().map(|axis| axis.values.len()).collect();
    let cells = cells(scenario).into_iter().take(OWN_CLIENTS).enumerate();
    // An axis of steps alone is none of the lab.
    let of_lab = |axis: &Axis| axis.values.iter().any(|value| value.lab != Lab::default());
    cells.filter_map(move |(number, cell)| {
        let steps = plan(scenario, &cell).steps;
        let steps = steps.iter().map(Step::timed).collect();
        let choice = choice_of(number, &sizes).into_iter().zip(&scenario.axes);
        let lab = choice.map(|(value, axis)| if of_lab(axis) { value } else { 0 });
        Candidate::of(scenario, lab.collect(), steps)
    })
}
