//! What a cell gave: its signature, by which the search knows what is new, and what of it must never happen.

use lvs_matrix_explain::{Status, explain};
use lvs_matrix_model::action::{Action, ClientAction};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::ipvs::{Connection, Connections, Table};
use lvs_matrix_model::lab::State;
use lvs_matrix_model::record::{CellRecord, DirectorSnapshot, StepOutcome};
use lvs_matrix_model::scenario::{ErrorsOf, HangEndName, Never};
use lvs_matrix_model::verdict::{Behaviour, JudgedCell, ObservedError, Outage, Probed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// What a cell gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// By which it is known whether it is new.
    pub signature: Signature,
    /// What happened that must never happen.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub breaches: BTreeSet<Breach>,
}

impl Outcome {
    /// That of a cell that says nothing certain.
    #[must_use]
    pub fn undetermined() -> Self {
        Self {
            signature: Signature {
                behaviour: UNDETERMINED.to_owned(),
                ends: None,
                error: None,
                rules: Vec::new(),
                probes: Vec::new(),
                explained: false,
                entries: Vec::new(),
            },
            breaches: BTreeSet::new(),
        }
    }
}

/// What a cell shows of what its client lived through, and of why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Signature {
    /// `answered`, `failed-fast`, `hung` or `undetermined`.
    pub behaviour: String,
    /// How a hang ended: `answer`, `error` or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
    /// The error, by its number: `2013`, `errno 104`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The rules of `explain` that hold, in the order of their names.
    pub rules: Vec<String>,
    /// Of each probe with an outage its name, and what became of its attempts: `fresh: refused, cut off`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<String>,
    /// Do they explain all of it?
    pub explained: bool,
    /// The states of the director's entries, for each snapshot, with what became of their servers:
    /// `ESTABLISHED, FIN_WAIT without server`.
    pub entries: Vec<String>,
}

impl Signature {
    /// The same without what only the search looks at: what a finding is known by.
    #[must_use]
    pub fn of_finding(&self) -> Self {
        Self {
            entries: Vec::new(),
            ..self.clone()
        }
    }

    /// What the client lived through: `hung, ends: error, 2013`.
    #[must_use]
    pub fn lived_through(&self) -> String {
        let ends = self.ends.iter().map(|end| format!("ends: {end}"));
        let error = self.error.iter().cloned();
        let parts: Vec<String> = [self.behaviour.clone()]
            .into_iter()
            .chain(ends)
            .chain(error)
            .collect();
        parts.join(", ")
    }

    /// Is it not known what the client lived through?
    #[must_use]
    pub fn is_undetermined(&self) -> bool {
        self.behaviour == UNDETERMINED
    }
}

/// What must never happen, and happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breach {
    /// The client waited for longer than patience.
    Hung,
    /// The client got an error although a healthy server was in the table.
    ErrorBesideHealthyServer,
    /// A drained server got a new connection.
    DrainedServerChosen,
    /// A session outlived its client for longer than it may.
    SessionOutlivesClient,
    /// A probe had an outage that is longer than it may be.
    ProbeOutage,
}

impl Breach {
    /// Its name, that of the field of `never`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hung => "hung",
            Self::ErrorBesideHealthyServer => "error-beside-healthy-server",
            Self::DrainedServerChosen => "drained-server-chosen",
            Self::SessionOutlivesClient => "session-outlives-client",
            Self::ProbeOutage => "probe-outage",
        }
    }
}

const UNDETERMINED: &str = "undetermined";

/// What a judged cell gives.
#[must_use]
pub fn outcome(cell: &JudgedCell, never: &Never) -> Outcome {
    let explanation = explain(cell);
    let observed = &cell.observed;
    let (behaviour, ends) = match &observed.behaviour {
        Behaviour::Hung { end, .. } => ("hung", Some(end.name())),
        Behaviour::Answered { .. } => ("answered", None),
        Behaviour::FailedFast { .. } => ("failed-fast", None),
        Behaviour::Undetermined { .. } => (UNDETERMINED, None),
    };
    let ends = ends.map(|end| match end {
        HangEndName::Answer => "answer",
        HangEndName::Error => "error",
        HangEndName::None => "none",
    });
    if behaviour == UNDETERMINED {
        return Outcome::undetermined();
    }
    let rules: BTreeSet<&str> = explanation
        .paragraphs
        .iter()
        .map(|paragraph| paragraph.rule)
        .collect();
    Outcome {
        signature: Signature {
            behaviour: behaviour.to_owned(),
            ends: ends.map(str::to_owned),
            error: observed.error.as_ref().map(number),
            rules: rules.into_iter().map(str::to_owned).collect(),
            probes: observed.probed.iter().filter_map(losses).collect(),
            explained: explanation.status == Status::Explained,
            entries: cell.record.snapshots.iter().map(entries).collect(),
        },
        breaches: breaches(cell, never),
    }
}

/// The error's number, whoever gave it.
fn number(error: &ObservedError) -> String {
    match (error.server, error.classic, error.errno) {
        (Some(number), _, _) | (None, Some(number), _) => number.to_string(),
        (None, None, Some(errno)) => format!("errno {errno}"),
        (None, None, None) if error.closed => "closed".to_owned(),
        (None, None, None) => "other".to_owned(),
    }
}

/// The states of the entries, each once, with what became of their servers: `ESTABLISHED`, `FIN_WAIT of
/// weight 0`, `CLOSE without server`.
fn entries(snapshot: &DirectorSnapshot) -> String {
    let (Ok(connections), Ok(table)) = (
        Connections::listed(&snapshot.connections),
        Table::listed(&snapshot.services),
    ) else {
        return "unread".to_owned();
    };
    let destinations = || table.services.iter().flat_map(|service| &service.destinations);
    let state = |entry: Connection| {
        let own = destinations().find(|destination| destination.address == entry.destination);
        match own.map(|destination| destination.weight) {
            None => format!("{} without server", entry.state),
            Some(0) => format!("{} of weight 0", entry.state),
            Some(_) => entry.state,
        }
    };
    let states: BTreeSet<String> = connections.entries.into_iter().map(state).collect();
    states.into_iter().collect::<Vec<_>>().join(", ")
}

/// What happened that must never happen. A cell whose change could not bear on what is classified, or of
/// which nothing certain is known, shows nothing.
fn breaches(cell: &JudgedCell, never: &Never) -> BTreeSet<Breach> {
    let mut found = BTreeSet::new();
    // Probes see what is done to any server.
    let longest = cell.observed.probed.iter().filter_map(Probed::longest);
    let longest = longest.map(Outage::lasted).max();
    if never
        .probe_outage
        .is_some_and(|most| longest.is_some_and(|time| time > most))
    {
        found.insert(Breach::ProbeOutage);
    }
    if cell.article().is_none() {
        return found;
    }
    if never.hung && cell.left_waiting() {
        found.insert(Breach::Hung);
    }
    if never.error.is_some_and(|of| error_beside_healthy(cell, of)) {
        found.insert(Breach::ErrorBesideHealthyServer);
    }
    if never.drained_server_chosen && drained_chosen(cell) {
        found.insert(Breach::DrainedServerChosen);
    }
    let outlives = never.session_outlives_client;
    if outlives.is_some_and(|most| outlived(cell).is_some_and(|time| time > most)) {
        found.insert(Breach::SessionOutlivesClient);
    }
    found
}

/// What became of the attempts of a probe that had an outage.
fn losses(probed: &Probed) -> Option<String> {
    let kinds: Vec<String> = probed.lost.keys().map(ToString::to_string).collect();
    (!kinds.is_empty()).then(|| format!("{}: {}", probed.probe, kinds.join(", ")))
}

/// The lab when the operation that is classified began, with its table; whoever had it from a step.
fn state_at(record: &CellRecord, at: Instant) -> State<'_> {
    let mut state = record.plan.state_with_table();
    for step in &record.steps {
        let begun = step.began.is_some_and(|began| began <= at);
        if begun && matches!(step.outcome, StepOutcome::Done { .. }) {
            state.apply(step.number, &step.action);
        }
    }
    state
}

fn error_beside_healthy(cell: &JudgedCell, of: ErrorsOf) -> bool {
    let Some(operation) = cell.observed.operation.as_ref() else {
        return false;
    };
    let counts = match of {
        ErrorsOf::Any => true,
        ErrorsOf::Connect => opens(cell),
    };
    // One and the same server was healthy from the operation's beginning to its end.
    let ended = operation.ended.unwrap_or(cell.record.ended);
    let first = state_at(&cell.record, operation.began);
    let last = state_at(&cell.record, ended);
    let healthy = first
        .healthy_servers()
        .any(|server| last.healthy_servers().any(|other| other == server));
    counts && cell.observed.error.is_some() && healthy
}

/// Does the operation that is classified open a connection, wherever the scheduler leads it?
fn opens(cell: &JudgedCell) -> bool {
    let number = cell.observed.operation.as_ref().map(|operation| operation.number);
    let start = number.and_then(|number| cell.record.start_of(number));
    start.is_some_and(|(_, action)| action.opens() && action.to().is_none())
}

fn drained_chosen(cell: &JudgedCell) -> bool {
    let Some(operation) = cell.observed.operation.as_ref().filter(|_| opens(cell)) else {
        return false;
    };
    let state = state_at(&cell.record, operation.began);
    let Some(table) = state.table() else { return false };
    let tried = operation.tried.iter().map(|tried| &tried.server);
    let served = operation.served_by.iter().filter_map(|node| node.real_server());
    let drained = |name| table.servers.get(name).is_none_or(|weight| *weight == 0);
    served.chain(tried).any(drained)
}

/// How long a session has outlived its client when the observation ends.
fn outlived(cell: &JudgedCell) -> Option<Duration> {
    cell.observed.orphaned_sessions.first()?;
    let ends = cell.observed.terminators.iter().filter(|one| one.kind.closes());
    let closed = cell.record.steps.iter().filter(|step| {
        let action = &step.action;
        matches!(action, Action::Client(ClientAction::Disconnect { .. }))
    });
    let failed = cell
        .observed
        .operation
        .as_ref()
        .filter(|_| cell.observed.error.is_some());
    let moments = ends
        .map(|end| end.at)
        .chain(closed.filter_map(|step| step.ended))
        .chain(failed.and_then(|operation| operation.ended));
    let lost = moments.max()?;
    Some(cell.record.ended.since(lost))
}
