//! Dry cells: what the clients of a scenario do, in a lab in which nothing is changed. If a statement fails
//! there, it is the statement that is wrong: a cell with it shows nothing of the change, however well it
//! meets what is expected.
//!
//! Their client is the driver, unset, and none of their steps is an operator's or fate's. Real servers of
//! weight 0 have weight 1.

use crate::action::{Action, ClientAction, ClockAction, Statement};
use crate::client::ClientChoice;
use crate::duration::Human;
use crate::matrix::{Cell, CellRef};
use crate::plan::{LabPlan, plan};
use crate::record::{CellRecord, ClientError, ClientErrorKind, ClientEventKind, LabOutcome, StepOutcome};
use crate::scenario::{Expected, Phases, Scenario};
use crate::verdict::{Doubt, JudgedCell, Verdict};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

/// A dry cell waits no longer than this in one step: enough for TIME-WAIT to pass, and too short for an entry
/// of IPVS to end.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Numbers of errors that are the server's own.
const OF_SERVER: [std::ops::RangeInclusive<u16>; 2] = [1000..=1999, 3000..=4999];

/// MySQL's word before it closes a connection that was idle for `wait_timeout`
/// (ER_CLIENT_INTERACTION_TIMEOUT).
const INACTIVE: u16 = 4031;

/// The dry cells that try every statement of `cells` that is worth it, as few as can be. None if the scenario
/// says that its operations fail without a change.
#[must_use]
pub fn plans(scenario: &Scenario, cells: &[Cell]) -> Vec<LabPlan> {
    if scenario.fails_without_change {
        return Vec::new();
    }
    let undisturbed = undisturbed(scenario);
    let mut tries: Vec<(LabPlan, BTreeSet<String>)> = cells
        .iter()
        .filter(|cell| !expects_error_of_server(&cell.expected))
        .map(|cell| {
            let mut plan = plan(&undisturbed, cell);
            plan.cell = plan.cell.dry();
            plan.expected = Expected::ObserveOnly;
            // An echo server answers whatever it is asked.
            let steps = plan.steps.iter().filter_map(|step| step.action.of_client());
            let tried = steps
                .filter(|action| action.asks() == "query")
                .filter_map(ClientAction::statement)
                .filter(|statement| !is_plain(statement))
                .map(|statement| statement.sql.clone());
            let tried: BTreeSet<String> = tried.collect();
            (plan, tried)
        })
        .collect();
    // Those that try most come first: what they try needs no other.
    tries.sort_by_key(|(_, tried)| std::cmp::Reverse(tried.len()));
    let mut covered: BTreeSet<String> = BTreeSet::new();
    tries.retain(|(_, tried)| {
        let before = covered.len();
        covered.extend(tried.iter().cloned());
        covered.len() > before
    });
    tries.into_iter().map(|(plan, _)| plan).collect()
}

/// The scenario without what changes anything.
fn undisturbed(scenario: &Scenario) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.lab.client = ClientChoice::default();
    scenario.lab.misbuilt.clear();
    quiet(&mut scenario.steps);
    let values = scenario.axes.iter_mut().flat_map(|axis| &mut axis.values);
    let mut servers: Vec<_> = scenario.lab.real_servers.iter_mut().collect();
    for value in values {
        value.lab.client = ClientChoice::default();
        value.lab.misbuilt.clear();
        quiet(&mut value.steps);
        servers.extend(&mut value.lab.real_servers);
    }
    for server in servers {
        server.weight = server.weight.max(1);
        server.stands_by = false;
    }
    scenario
}

fn quiet(steps: &mut Phases) {
    for steps in [&mut steps.before, &mut steps.change, &mut steps.act] {
        steps.retain(|timed| match &timed.action {
            Action::Client(_) | Action::Wait(_) => true,
            Action::Watch(_)
            | Action::Table(_)
            | Action::Other(_)
            | Action::Mysqld(_)
            | Action::Host(_)
            | Action::Traffic(_) => false,
        });
        for timed in steps {
            timed.after = timed.after.map(|gap| gap.min(LONGEST_WAIT));
            if let Action::Wait(ClockAction::Wait(time)) = &mut timed.action {
                *time = (*time).min(LONGEST_WAIT);
            }
        }
    }
}

fn statements(plan: &LabPlan) -> impl Iterator<Item = Cow<'_, Statement>> {
    plan.steps.iter().filter_map(|step| step.action.statement())
}

/// Statements that every server answers, in the time that is said of them: no dry cell need show it.
fn is_plain(statement: &Statement) -> bool {
    let sql = statement.sql.to_lowercase();
    let words: Vec<&str> = sql.split_whitespace().collect();
    let number =
        |text: &str| !text.is_empty() && text.len() < 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    match words.as_slice() {
        ["begin" | "commit" | "rollback"] | ["select", "@@server_id"] => true,
        ["select", what] => {
            let seconds = what
                .strip_prefix("sleep(")
                .and_then(|rest| rest.strip_suffix(')'));
            match seconds
                .filter(|seconds| number(seconds))
                .and_then(|text| text.parse().ok())
            {
                Some(seconds) => statement.takes >= Duration::from_secs(seconds),
                None => number(what),
            }
        }
        _ => false,
    }
}

fn expects_error_of_server(expected: &Expected) -> bool {
    match expected {
        Expected::Behaviour(expected) => expected
            .error
            .is_some_and(|code| OF_SERVER.iter().any(|range| range.contains(&code))),
        Expected::ObserveOnly => false,
    }
}

/// What went wrong in a dry cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The dry cell.
    pub cell: CellRef,
    /// The statement with which it went wrong; `None` for a connect.
    pub statement: Option<String>,
    /// What it came to: `the server answers with error 1064: …`.
    pub what: String,
}

impl Trouble {
    /// In a sentence: ``without any change, in a healthy lab, `selct 1` …``.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.doubt().to_string()
    }

    /// Why nothing is known of a cell that does the same.
    #[must_use]
    pub fn doubt(&self) -> Doubt {
        let (what, cell) = (self.what.clone(), self.cell.clone());
        match self.statement.clone() {
            Some(sql) => Doubt::DryStatement { sql, what, cell },
            None => Doubt::DryConnect { what, cell },
        }
    }

    /// Does what this cell came to rest on it?
    #[must_use]
    pub fn concerns(&self, plan: &LabPlan) -> bool {
        let said =
            |sql: &String| statements(plan).any(|statement| statement.sql == *sql && !statement.may_fail);
        self.cell.scenario == plan.cell.scenario
            && self.cell.kernel == plan.cell.kernel
            && self.statement.as_ref().is_none_or(said)
            && !expects_error_of_server(&plan.expected)
    }
}

/// What went wrong first in the dry cell of `record`, if anything did.
///
/// # Errors
/// Why that is not known: the lab failed.
pub fn trouble(record: &CellRecord) -> Result<Option<Trouble>, String> {
    match &record.lab {
        LabOutcome::Completed => {}
        LabOutcome::Failed { stage, reason, .. } => return Err(format!("{stage}: {reason}")),
        LabOutcome::NotRun { reason } => return Err(reason.clone()),
    }
    for step in &record.steps {
        let Some((operation, action)) = step.operation.zip(step.action.of_client()) else {
            continue;
        };
        if let Some(what) = wrong(record, operation, action) {
            return Ok(Some(Trouble {
                cell: record.plan.cell.clone(),
                statement: action.statement().map(|statement| statement.sql.clone()),
                what,
            }));
        }
        if let StepOutcome::Failed { reason } = &step.outcome {
            return Err(reason.clone());
        }
    }
    Ok(None)
}

/// What was wrong with the operation that `action` began.
fn wrong(record: &CellRecord, operation: u32, action: &ClientAction) -> Option<String> {
    if action.only_awaits() || action.may_fail() {
        return None;
    }
    let patience = record.plan.observe.patience;
    let allowed = action.own_time().saturating_add(patience);
    let events = || {
        record
            .client_events
            .iter()
            .filter(|event| event.operation == operation)
    };
    let (begun, end) = (events().next()?, record.end_of(operation)?);
    let took = end.at.since(begun.at);
    match &end.kind {
        ClientEventKind::Failed(ClientError { kind, message }) => match kind {
            ClientErrorKind::Server { code, .. } if *code != INACTIVE => {
                Some(format!("the server answers with error {code}, \"{message}\""))
            }
            // A connection that ended has ended by a time-out that the scenario waited for.
            ClientErrorKind::Server { .. }
            | ClientErrorKind::Io { .. }
            | ClientErrorKind::Closed
            | ClientErrorKind::Library { .. }
            | ClientErrorKind::TimedOut { .. }
            | ClientErrorKind::Driver => None,
        },
        ClientEventKind::StillWaiting => Some(format!("no answer within {}", Human(took))),
        ClientEventKind::ResultReceived { .. } if took > allowed && !pauses(action) => Some(format!(
            "it is answered after {} only, beyond patience of {} (`takes` says how long a healthy server \
             needs)",
            Human(took),
            Human(patience)
        )),
        ClientEventKind::ConnectBegun
        | ClientEventKind::Connected { .. }
        | ClientEventKind::StatementBegun { .. }
        | ClientEventKind::ResultReceived { .. }
        | ClientEventKind::ReadingPaused { .. }
        | ClientEventKind::DisconnectBegun
        | ClientEventKind::Disconnected
        | ClientEventKind::ReconnectBegun
        | ClientEventKind::Reconnected { .. } => None,
    }
}

/// Does the client stop reading its result, or send so much that it takes its time?
fn pauses(action: &ClientAction) -> bool {
    let large = |statement: &Statement| statement.pause_after.is_some() || statement.payload.is_some();
    action.statement().as_deref().is_some_and(large)
}

/// Takes their verdicts from the cells that rest on what went wrong. How many were they, for each of
/// `troubles`?
pub fn take_verdicts(troubles: &[Trouble], cells: &mut [JudgedCell]) -> Vec<usize> {
    let mut counts = Vec::with_capacity(troubles.len());
    for trouble in troubles {
        let mut count = 0;
        for cell in cells
            .iter_mut()
            .filter(|cell| trouble.concerns(&cell.record.plan))
        {
            count += 1;
            let reason = trouble.doubt();
            match &mut cell.verdict {
                Verdict::Undetermined { reasons } => reasons.push(reason),
                Verdict::Met | Verdict::Violated { .. } => {
                    cell.verdict = Verdict::Undetermined {
                        reasons: vec![reason],
                    }
                }
                // Nothing was expected, or it is told already that the cell says nothing.
                Verdict::ObservedOnly | Verdict::TestedNothing { .. } => {}
            }
        }
        counts.push(count);
    }
    counts
}
