//! What was found, and its scenario: a file that can be committed as it is.

use crate::candidate::Candidate;
use crate::outcome::{Breach, Outcome, Signature};
use lvs_matrix_explain::{Explanation, Paragraph, Status};
use lvs_matrix_model::Name;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::scenario::{
    BehaviourName, Expected, ExpectedBehaviour, ExpectedOutage, HangEndName, OutageBounds, Scenario, load,
    written,
};
use lvs_matrix_model::verdict::{Behaviour, JudgedCell, Probed};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Something that must never happen, and happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// By which it is known.
    pub signature: Signature,
    /// What happened that must never happen.
    pub breaches: BTreeSet<Breach>,
    /// The simplest candidate that shows it, so far.
    pub candidate: Candidate,
    /// The number of the cell that showed it first.
    pub first: usize,
    /// How many cells showed it.
    pub seen: usize,
    /// Was everything tried that is simpler by one thing?
    pub shrunk: bool,
}

impl Finding {
    pub(crate) fn new(
        signature: Signature,
        breaches: BTreeSet<Breach>,
        candidate: Candidate,
        first: usize,
    ) -> Self {
        Self {
            signature,
            breaches,
            candidate,
            first,
            seen: 1,
            shrunk: false,
        }
    }

    pub(crate) fn seen_again(&mut self, candidate: &Candidate) {
        self.seen += 1;
        if candidate.measure() < self.candidate.measure() {
            self.candidate = candidate.clone();
            self.shrunk = false;
        }
    }

    /// Is it certain, as far as it goes, that a candidate shows this as well: does it have all these steps,
    /// in a lab with all these values? What else it does may undo what they do.
    pub(crate) fn covers(&self, candidate: &Candidate) -> bool {
        let mut steps = candidate.steps.iter();
        let labs = self.candidate.lab.iter().zip(&candidate.lab);
        self.candidate
            .steps
            .iter()
            .all(|own| steps.any(|step| step == own))
            && labs.into_iter().all(|(own, other)| *own == 0 || own == other)
    }

    /// Is it this again?
    #[must_use]
    pub fn is_shown_by(&self, outcome: &Outcome) -> bool {
        self.signature == outcome.signature.of_finding() && self.breaches == outcome.breaches
    }

    /// Its name among findings: its number, and the first rule that explains it.
    #[must_use]
    pub fn name(&self, number: usize) -> Option<Name> {
        let why = match self.signature.rules.first() {
            Some(rule) if self.signature.explained => rule,
            Some(_) | None => "unexplained",
        };
        let name: String = format!("found-{number}-{why}")
            .chars()
            .take(LONGEST_NAME)
            .collect();
        Name::new(name.trim_end_matches(['-', '.'])).ok()
    }

    /// The steps, as reports say them.
    #[must_use]
    pub fn steps(&self) -> Vec<String> {
        let steps = self.candidate.steps.iter();
        steps
            .map(|step| match step.after {
                Some(after) => format!("{} later {}", Human(after), step.action),
                None => step.action.to_string(),
            })
            .collect()
    }
}

const LONGEST_NAME: usize = 40;

/// The scenario of a finding, as `cell` showed it: its claim, lab and steps, the expectation as it was
/// observed, and the explanation as a comment. `None` if it would not be accepted.
#[must_use]
pub fn scenario_of(
    of: &Scenario,
    finding: &Finding,
    name: Name,
    cell: &JudgedCell,
    explanation: &Explanation,
) -> Option<String> {
    let expected = observed(of, cell)?;
    let mut scenario = finding.candidate.scenario(of, name, expected)?;
    scenario.fails_without_change = of.fails_without_change;
    scenario.claim = format!(
        "Found by exploring {}: {}. {}",
        of.name,
        finding.steps().join("; "),
        lived_through(cell)
    );
    let mut text = String::new();
    let breaches: Vec<&str> = finding.breaches.iter().map(|breach| breach.as_str()).collect();
    let _ = writeln!(
        text,
        "# What must never happen and happened here: {}.",
        breaches.join(", ")
    );
    for line in explained(explanation) {
        comment(&mut text, &line);
    }
    text.push_str(&written(&scenario));
    load(&text).is_ok().then_some(text)
}

/// What the client lived through, in a sentence.
fn lived_through(cell: &JudgedCell) -> String {
    let error = cell.observed.error.as_ref().map(|error| {
        let number = error.server.or(error.classic).or(error.errno);
        number.map_or_else(|| "an error".to_owned(), |number| format!("error {number}"))
    });
    let error = error.unwrap_or_else(|| "an error".to_owned());
    let patience = Human(cell.record.plan.observe.patience);
    match &cell.observed.behaviour {
        Behaviour::Answered { .. } => "The client is answered.".to_owned(),
        Behaviour::FailedFast { .. } => format!("The client gets {error} at once."),
        Behaviour::Hung { end, .. } => match end.name() {
            HangEndName::Answer => {
                format!("The client waits for longer than {patience}, and is answered in the end.")
            }
            HangEndName::Error => {
                format!("The client waits for longer than {patience}, and gets {error} in the end.")
            }
            HangEndName::None => "The client waits until the observation ends.".to_owned(),
        },
        Behaviour::Undetermined { .. } => "What the client lived through is not known.".to_owned(),
    }
}

/// The expectation that the cell meets.
fn observed(of: &Scenario, cell: &JudgedCell) -> Option<Expected> {
    let observed = &cell.observed;
    let behaviour = observed.behaviour.name()?;
    let ends = match &observed.behaviour {
        Behaviour::Hung { end, .. } => Some(end.name()),
        Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Undetermined { .. } => None,
    };
    let mysql = cell.record.plan.server_kind().is_mysql();
    let error = observed.error.as_ref();
    let code = error.and_then(|error| error.server.or(error.classic));
    // Of a connection to a server that was left alone the server is named.
    let answered = behaviour == BehaviourName::Answered;
    let operation = observed.operation.as_ref();
    let operation = operation.filter(|_| answered && cell.untested().is_some());
    let served_by = operation.and_then(|operation| operation.served_by.as_ref());
    Some(Expected::Behaviour(ExpectedBehaviour {
        behaviour,
        error: code.filter(|_| mysql),
        errno: error.and_then(|error| error.errno).filter(|_| !mysql),
        ends,
        at_least: None,
        at_most: None,
        served_by: served_by
            .and_then(|node| node.real_server().cloned())
            .into_iter()
            .collect(),
        clients: None,
        outage: outage(of, cell),
    }))
}

/// Which probes have an outage that is longer than it may be.
fn outage(of: &Scenario, cell: &JudgedCell) -> Option<ExpectedOutage> {
    let most = of.explore.as_ref()?.never.probe_outage?;
    let broken = |probed: &&Probed| probed.longest().is_some_and(|longest| longest.lasted() > most);
    let bounds = OutageBounds {
        at_least: Some(most),
        ..OutageBounds::default()
    };
    let of = cell.observed.probed.iter().filter(broken);
    let of: Vec<_> = of.map(|probed| (probed.probe.clone(), bounds)).collect();
    let each = OutageBounds::default();
    (!of.is_empty()).then_some(ExpectedOutage { each, of })
}

/// The causes, which cite no packets: the scenario is kept, and the capture is not.
fn explained(explanation: &Explanation) -> Vec<String> {
    let paragraphs = explanation.paragraphs.iter();
    let cause = |paragraph: &Paragraph| {
        let cause = paragraph.cause.as_ref();
        cause.map_or_else(
            || format!("Rule {} holds.", paragraph.rule),
            |cause| format!("{cause} (rule {})", paragraph.rule),
        )
    };
    let mut lines: Vec<String> = paragraphs.map(cause).collect();
    match &explanation.status {
        Status::Explained => {}
        Status::Unexplained { questions } => {
            lines.push(format!("No rule of explain says {}.", questions.join(" and ")));
        }
        Status::Undetermined { reasons } => lines.push(format!("Not known: {}.", reasons.join("; "))),
    }
    lines
}

/// The columns of a comment.
const COLUMNS: usize = 110;

/// The text as a comment of YAML. What could end a comment, or turn it, is written as an escape.
fn comment(out: &mut String, text: &str) {
    let mut line = "#".to_owned();
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    for word in plain.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > COLUMNS && line != "#" {
            out.push_str(&line);
            out.push('\n');
            line = "#".to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}
