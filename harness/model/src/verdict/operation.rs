//! Which operation of the client is classified, and its times.

use super::Doubt;
use crate::action::{ClientAction, Statement};
use crate::client::Program;
use crate::duration::Instant;
use crate::ipvs::Protocol;
use crate::plan::Phase;
use crate::record::{
    CellRecord, ClientError, ClientEvent, ClientEventKind, EventRole, StepOutcome, StepRecord,
};
use crate::scenario::Judged;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

/// The operation that is classified.
#[derive(Debug, Clone)]
pub(super) struct Classified<'a> {
    /// Its number.
    pub(super) number: u32,
    /// Its statement; `None` for a connect.
    pub(super) statement: Option<Cow<'a, Statement>>,
    /// What it asks for, in a word: `connect`, `query` or `request`.
    pub(super) asks: &'static str,
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
    /// Where its connection is looked for.
    pub(super) place: Place,
    /// When the client went on to read a result that it had stopped reading.
    pub(super) resumed: Option<Instant>,
    /// The end of an earlier operation in which the client lost the connection that this one was to use.
    pub(super) lost_before: Option<&'a ClientEvent>,
}

/// Where the connection of an operation is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The harness's own driver told when it opened it: from `ConnectBegun` to `Connected` or the operation's
    /// end. It has no pool and does not connect anew.
    Opened(Instant, Instant),
    /// The harness's own client told the port of its socket before it sent anything: over UDP, and where it
    /// has several addresses.
    Port(u16),
    /// Any other program may open and use what connections it likes. All of them are looked at, and what it
    /// says of connecting anew is not needed: a line is dated when it is read, and by then the SYN may be
    /// out.
    Anywhere {
        /// May it be one that was opened during the operation? A command line that prints an error reports
        /// that one first, and then connects anew by itself.
        anew: bool,
    },
}

impl<'a> Classified<'a> {
    /// The error that ended the operation.
    pub(super) fn failure(&self) -> Option<&'a ClientError> {
        self.end.kind.error()
    }
}

impl Classified<'_> {
    /// When it began.
    pub(super) fn began(&self) -> Instant {
        self.begun.at
    }

    /// When it ended; `None` if it was still waiting.
    pub(super) fn ended(&self) -> Option<Instant> {
        (self.end.kind.role() != EventRole::Waits).then_some(self.end.at)
    }

    /// Does the program choose its connections by itself?
    pub(super) fn chooses(&self) -> bool {
        match self.place {
            Place::Opened(..) | Place::Port(_) => false,
            Place::Anywhere { .. } => true,
        }
    }

    /// `connect`, ``query `select 1` `` or ``request `hello` ``.
    pub(super) fn what(&self) -> String {
        match &self.statement {
            None => self.asks.to_owned(),
            Some(statement) => format!("{} `{}`", self.asks, statement.sql),
        }
    }
}

/// The operation of the last client step of `act` that was reached, or of all of them the one that fared
/// worst: whichever the scenario asks for.
///
/// If it is not the last client step there is, it must be what kept the others from being reached;
/// `super::doubts` holds the record to that.
#[expect(
    clippy::result_large_err,
    reason = "asked a few times for a cell, not in a loop"
)]
pub(super) fn classified(record: &CellRecord) -> Result<Classified<'_>, Doubt> {
    let step = classified_step(record)?;
    let judged = match record.plan.observe.judge {
        Judged::Last => judged_operation(record, step),
        Judged::Worst => worst(record, of_act(record)),
    };
    numbered(record, judged.ok_or(Doubt::NoOperation { step: step.number })?)
}

/// The operations of the client in `act` that were reached, in order.
pub(super) fn of_act(record: &CellRecord) -> impl Iterator<Item = u32> {
    let steps = record.steps.iter().filter(|step| {
        let reached = step.began.is_some() && step.outcome != StepOutcome::NotReached;
        step.phase == Phase::Act && step.action.is_classified() && reached
    });
    let all: BTreeSet<u32> = steps.flat_map(StepRecord::operations).collect();
    all.into_iter()
}

/// The operation of a step that is judged: of several the one that fared worst.
pub(super) fn judged_operation(record: &CellRecord, step: &StepRecord) -> Option<u32> {
    worst(record, step.operations())
}

/// The operation that fared worst; of those that fared alike the first.
fn worst(record: &CellRecord, operations: impl Iterator<Item = u32>) -> Option<u32> {
    operations.reduce(|worst, next| match fared(record, next) > fared(record, worst) {
        true => next,
        false => worst,
    })
}

/// What fared worse than the judged operation in `act`, and worst of all.
pub(super) fn worse_than(record: &CellRecord, judged: u32) -> Option<u32> {
    let worst = worst(record, of_act(record))?;
    (fared(record, worst) > fared(record, judged)).then_some(worst)
}

/// How an operation fared: is it met with silence to the end, how long is the silence beyond patience, has it
/// failed? What is larger is worse.
fn fared(record: &CellRecord, number: u32) -> (bool, Option<Duration>, bool) {
    match numbered(record, number) {
        Ok(operation) => {
            let late = operation.end.at > operation.deadline;
            (
                operation.ended().is_none(),
                late.then(|| operation.end.at.since(operation.due)),
                operation.failure().is_some(),
            )
        }
        // It has no end that could be read, and is looked at first.
        Err(_) => (true, None, false),
    }
}

/// The operation of this number, as if it were the one that is classified.
#[expect(
    clippy::result_large_err,
    reason = "asked a few times for a cell, not in a loop"
)]
pub(super) fn numbered(record: &CellRecord, number: u32) -> Result<Classified<'_>, Doubt> {
    let (starts, action) = record
        .start_of(number)
        .ok_or(Doubt::NotStarted { operation: number })?;
    let statement = action.statement();
    let udp = record.plan.service().protocol == Protocol::Udp;
    // Over UDP nothing is sent for a connect.
    if statement.is_none() && (udp || !action.opens()) {
        let step = starts.number;
        return Err(Doubt::NotClassified { step });
    }
    let (begun, end) = events(record, number, statement.as_deref())?;
    let act = record
        .steps
        .iter()
        .find(|step| step.phase == Phase::Act)
        .and_then(|step| step.began)
        .ok_or(Doubt::NoAct)?;
    // A statement that was sent before the act phase: the client's patience with it begins with that phase.
    let base = if starts.phase == Phase::Act {
        begun.at
    } else {
        act.max(begun.at)
    };
    // A client that had stopped reading has patience from when it reads again.
    let awaited = record.steps.iter().find(|step| {
        step.operation == Some(number) && step.action.of_client().is_some_and(ClientAction::only_awaits)
    });
    let paused = statement
        .as_ref()
        .is_some_and(|statement| statement.pause_after.is_some());
    let resumed = awaited.filter(|_| paused).and_then(|step| step.began);
    let base = resumed.map_or(base, |resumed| base.max(resumed));
    let due = base.max(begun.at.plus(action.own_time()));
    let place = place(record, starts, action, begun, end).ok_or(Doubt::NoConnection)?;
    Ok(Classified {
        number,
        statement,
        asks: action.asks(),
        begun,
        end,
        due,
        deadline: due.plus(record.plan.observe.patience),
        act,
        place,
        resumed,
        lost_before: lost_before(record, action, begun),
    })
}

/// The last client step of `act` that was reached.
#[expect(
    clippy::result_large_err,
    reason = "asked a few times for a cell, not in a loop"
)]
pub(super) fn classified_step(record: &CellRecord) -> Result<&StepRecord, Doubt> {
    let mut steps = record
        .steps
        .iter()
        .filter(|step| step.phase == Phase::Act && step.action.is_classified());
    if steps.clone().next().is_none() {
        return Err(Doubt::NothingToDo);
    }
    steps
        .rfind(|step| step.began.is_some() && step.outcome != StepOutcome::NotReached)
        .ok_or(Doubt::NothingReached)
}

/// The operation's beginning and its end, of its kind. What a program that connects anew by itself does
/// besides is between them or after them.
#[expect(
    clippy::result_large_err,
    reason = "asked a few times for a cell, not in a loop"
)]
fn events<'a>(
    record: &'a CellRecord,
    number: u32,
    statement: Option<&Statement>,
) -> Result<(&'a ClientEvent, &'a ClientEvent), Doubt> {
    let events: Vec<&ClientEvent> = of_operation(record, number).collect();
    let count = |has: fn(EventRole) -> bool| events.iter().filter(|event| has(event.kind.role())).count();
    let anew = events
        .iter()
        .any(|event| event.kind == ClientEventKind::ReconnectBegun);
    let (begins, ends) = (count(|role| role == EventRole::Begins), count(EventRole::ends));
    let (Some(begun), Some(end), 1) = (events.first().copied(), record.end_of(number), begins) else {
        return Err(not_two(number, begins + ends));
    };
    if ends > 1 && !anew {
        return Err(not_two(number, begins + ends));
    }
    let begins = match (&begun.kind, statement) {
        (ClientEventKind::ConnectBegun, None) => true,
        (ClientEventKind::StatementBegun { sql }, Some(statement)) => *sql == statement.sql,
        (
            ClientEventKind::ConnectBegun
            | ClientEventKind::Connected { .. }
            | ClientEventKind::StatementBegun { .. }
            | ClientEventKind::ResultReceived { .. }
            | ClientEventKind::Failed(_)
            | ClientEventKind::StillWaiting
            | ClientEventKind::ReadingPaused { .. }
            | ClientEventKind::DisconnectBegun
            | ClientEventKind::Disconnected
            | ClientEventKind::ReconnectBegun
            | ClientEventKind::Reconnected { .. },
            None | Some(_),
        ) => false,
    };
    let ends = match (end.kind.role(), statement) {
        (EventRole::Succeeds, None) => matches!(end.kind, ClientEventKind::Connected { .. }),
        (EventRole::Succeeds, Some(_)) => matches!(end.kind, ClientEventKind::ResultReceived { .. }),
        (EventRole::Fails | EventRole::Waits, None | Some(_)) => true,
        (EventRole::Begins | EventRole::Aside, None | Some(_)) => false,
    };
    if begins && ends {
        Ok((begun, end))
    } else {
        Err(Doubt::NotBeginAndEnd {
            first: begun.number,
            last: end.number,
            operation: number,
        })
    }
}

fn not_two(operation: u32, count: usize) -> Doubt {
    Doubt::EventCount { count, operation }
}

fn of_operation(record: &CellRecord, number: u32) -> impl DoubleEndedIterator<Item = &ClientEvent> {
    record
        .client_events
        .iter()
        .filter(move |event| event.operation == number)
}

/// By when the SYN of a connect was out: by its `end`, or, if a step only began it, by the end of that step.
/// Other connections may be opened between the two.
fn opened_by(starts: &StepRecord, action: &ClientAction, end: Instant) -> Instant {
    starts
        .ended
        .filter(|_| action.only_begins())
        .map_or(end, |ended| ended.min(end))
}

/// Where the connection of an operation is to be looked for; `None` if none can have been open.
fn place(
    record: &CellRecord,
    starts: &StepRecord,
    action: &ClientAction,
    begun: &ClientEvent,
    end: &ClientEvent,
) -> Option<Place> {
    let connects = action.opens();
    let during = |event: &&ClientEvent| begun.number < event.number && event.number < end.number;
    let says_so = of_operation(record, begun.operation)
        .filter(during)
        .any(|event| event.kind == ClientEventKind::ReconnectBegun);
    match record.plan.client().program {
        Program::Own { .. } => return Some(Place::Anywhere { anew: true }),
        Program::InteractiveCli | Program::BatchCli => {
            let anew = connects || says_so || end.kind.role() != EventRole::Fails;
            return Some(Place::Anywhere { anew });
        }
        Program::MysqlAsync | Program::EchoClient | Program::StreamClient if says_so => {
            return Some(Place::Anywhere { anew: true });
        }
        Program::MysqlAsync | Program::EchoClient | Program::StreamClient => {}
    }
    let sockets = || record.client.iter().flat_map(|client| &client.sockets);
    if connects {
        let mut own = sockets().filter(|socket| socket.operation == begun.operation);
        if let Some(bound) = own.find(|socket| socket.bound_to.is_some()) {
            return Some(Place::Port(bound.port));
        }
        return Some(Place::Opened(begun.at, opened_by(starts, action, end.at)));
    }
    let connected = record
        .client_events
        .iter()
        .filter(|event| event.number < begun.number && is_connected(event))
        .rfind(|event| {
            record
                .start_of(event.operation)
                .is_some_and(|(_, opening)| !opening.is_each() && opening.connection() == action.connection())
        })?;
    let own = || {
        sockets()
            .rev()
            .find(|socket| socket.operation == connected.operation)
    };
    if let Some(bound) = own().filter(|socket| socket.bound_to.is_some()) {
        return Some(Place::Port(bound.port));
    }
    if record.plan.service().protocol == Protocol::Udp {
        let own = sockets()
            .rev()
            .find(|socket| socket.operation == connected.operation)?;
        return Some(Place::Port(own.port));
    }
    let (step, opening) = record.start_of(connected.operation)?;
    let started = of_operation(record, connected.operation)
        .filter(|event| event.number < connected.number)
        .rfind(|event| {
            matches!(
                event.kind,
                ClientEventKind::ConnectBegun | ClientEventKind::ReconnectBegun
            )
        })?;
    Some(Place::Opened(started.at, opened_by(step, opening, connected.at)))
}

/// The end of an earlier operation on the connection of `action`, if the client lost the connection in it
/// and opened no other one under that name until `begun`. What follows on a lost connection never reaches
/// the network: the socket is closed already.
fn lost_before<'a>(
    record: &'a CellRecord,
    action: &ClientAction,
    begun: &ClientEvent,
) -> Option<&'a ClientEvent> {
    if action.opens() {
        return None;
    }
    let mut earlier = record.client_events.iter().filter(|event| {
        event.number < begun.number
            && record
                .start_of(event.operation)
                .is_some_and(|(_, started)| !started.is_each() && started.connection() == action.connection())
    });
    let last = earlier.rfind(|event| is_connected(event) || event.kind.role() == EventRole::Fails)?;
    let lost = last
        .kind
        .error()
        .is_some_and(|error| error.kind.loses_the_connection());
    lost.then_some(last)
}

fn is_connected(event: &ClientEvent) -> bool {
    matches!(
        event.kind,
        ClientEventKind::Connected { .. } | ClientEventKind::Reconnected { .. }
    )
}
