//! Which operation of the client is classified, and its times.

use crate::action::{Action, Statement};
use crate::duration::{Human, Instant};
use crate::plan::Phase;
use crate::record::{CellRecord, ClientEvent, ClientEventKind, StepOutcome, StepRecord};

/// The operation that is classified.
#[derive(Debug, Clone, Copy)]
pub(super) struct Classified<'a> {
    /// Its number.
    pub(super) number: u32,
    /// Its statement; `None` for a connect.
    pub(super) statement: Option<&'a Statement>,
    /// The event of its beginning.
    pub(super) begun: &'a ClientEvent,
    /// The event of its end, or that it was still waiting.
    pub(super) end: &'a ClientEvent,
    /// When patience began to count.
    pub(super) due: Instant,
    /// When patience ended.
    pub(super) deadline: Instant,
    /// When the `act` phase began.
    pub(super) act: Instant,
    /// Its connection was opened between these: from `ConnectBegun` to `Connected` or the operation's end.
    pub(super) opened: (Instant, Instant),
}

impl Classified<'_> {
    /// When it began.
    pub(super) fn began(&self) -> Instant {
        self.begun.at
    }

    /// When it ended; `None` if it was still waiting.
    pub(super) fn ended(&self) -> Option<Instant> {
        match self.end.kind {
            ClientEventKind::StillWaiting => None,
            ClientEventKind::Connected { .. }
            | ClientEventKind::ResultReceived { .. }
            | ClientEventKind::Failed(_)
            | ClientEventKind::ConnectBegun
            | ClientEventKind::StatementBegun { .. } => Some(self.end.at),
        }
    }

    /// `connect` or ``query `select 1` ``.
    pub(super) fn what(&self) -> String {
        match self.statement {
            None => "connect".to_owned(),
            Some(statement) => format!("query `{}`", statement.sql),
        }
    }
}

/// The operation of the last client step of `act` that was reached.
///
/// If it is not the last client step there is, it must be what kept the others from being reached; `super::doubts` holds the
/// record to that.
pub(super) fn classified(record: &CellRecord) -> Result<Classified<'_>, String> {
    let step = classified_step(record)?;
    let number = step
        .operation
        .ok_or_else(|| format!("step {} is the client's, but names no operation", step.number))?;
    let starts = record
        .steps
        .iter()
        .find(|start| start.operation == Some(number) && start.action != Action::AwaitResult)
        .ok_or_else(|| format!("no step started operation {number}"))?;
    let statement = match &starts.action {
        Action::Query(statement) | Action::StartQuery(statement) => Some(statement),
        Action::Connect => None,
        Action::Table(_)
        | Action::Mysqld(_)
        | Action::Host(_)
        | Action::Traffic(_)
        | Action::AwaitResult
        | Action::Wait(_) => {
            return Err(format!(
                "step {} is not the client's, but names an operation",
                starts.number
            ));
        }
    };
    let (begun, end) = events(record, number, statement)?;
    let act = record
        .steps
        .iter()
        .find(|step| step.phase == Phase::Act)
        .and_then(|step| step.began)
        .ok_or("the act phase did not begin")?;
    // A statement that was sent before the act phase: the client's patience with it begins with that phase.
    let base = if starts.phase == Phase::Act {
        begun.at
    } else {
        act.max(begun.at)
    };
    let due = statement.map_or(base, |statement| base.max(begun.at.plus(statement.takes)));
    let opened = match statement {
        None => (begun.at, end.at),
        Some(_) => opened(record, number).ok_or("no connection was open when the statement was sent")?,
    };
    Ok(Classified {
        number,
        statement,
        begun,
        end,
        due,
        deadline: due.plus(record.plan.observe.patience),
        act,
        opened,
    })
}

/// The last client step of `act` that was reached.
pub(super) fn classified_step(record: &CellRecord) -> Result<&StepRecord, String> {
    let mut steps = record
        .steps
        .iter()
        .filter(|step| step.phase == Phase::Act && step.action.is_of_client());
    if steps.clone().next().is_none() {
        return Err("the client has nothing to do in the act phase".to_owned());
    }
    steps
        .rfind(|step| step.began.is_some() && step.outcome != StepOutcome::NotReached)
        .ok_or_else(|| "no step of the client in the act phase was reached".to_owned())
}

/// The operation's two events, in their order and of its kind.
fn events<'a>(
    record: &'a CellRecord,
    number: u32,
    statement: Option<&Statement>,
) -> Result<(&'a ClientEvent, &'a ClientEvent), String> {
    let events: Vec<&ClientEvent> = record
        .client_events
        .iter()
        .filter(|event| event.operation == number)
        .collect();
    let [begun, end] = events.as_slice() else {
        return Err(format!(
            "the client wrote down {} events for operation {number}, not its beginning and its end",
            events.len()
        ));
    };
    let begins = match (&begun.kind, statement) {
        (ClientEventKind::ConnectBegun, None) => true,
        (ClientEventKind::StatementBegun { sql }, Some(statement)) => *sql == statement.sql,
        (
            ClientEventKind::ConnectBegun
            | ClientEventKind::StatementBegun { .. }
            | ClientEventKind::Connected { .. }
            | ClientEventKind::ResultReceived { .. }
            | ClientEventKind::Failed(_)
            | ClientEventKind::StillWaiting,
            None | Some(_),
        ) => false,
    };
    let ends = match (&end.kind, statement) {
        (ClientEventKind::Connected { .. }, None) | (ClientEventKind::ResultReceived { .. }, Some(_)) => true,
        (ClientEventKind::Failed(_) | ClientEventKind::StillWaiting, None | Some(_)) => true,
        (
            ClientEventKind::Connected { .. }
            | ClientEventKind::ResultReceived { .. }
            | ClientEventKind::ConnectBegun
            | ClientEventKind::StatementBegun { .. },
            None | Some(_),
        ) => false,
    };
    if begins && ends {
        Ok((begun, end))
    } else {
        Err(format!(
            "the client's events {} and {} are not the beginning and the end of operation {number}",
            begun.number, end.number
        ))
    }
}

/// When the connection that operation `number` used was opened: that of the last connect before it.
fn opened(record: &CellRecord, number: u32) -> Option<(Instant, Instant)> {
    let connected = record
        .client_events
        .iter()
        .rfind(|event| event.operation < number && matches!(event.kind, ClientEventKind::Connected { .. }))?;
    let begun = record
        .client_events
        .iter()
        .find(|event| event.operation == connected.operation && event.kind == ClientEventKind::ConnectBegun)?;
    Some((begun.at, connected.at))
}

/// A moment as a sentence has it: `at 3.05s`, counted from the cell's epoch.
pub(super) fn moment(at: Instant) -> String {
    format!("at {}", Human(at.since(Instant(0))))
}
