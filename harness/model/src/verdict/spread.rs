//! An observation with what became of the client's other connections, where it has many addresses.

use super::landed::{Landed, Reached, Round, Spread};
use super::observe::{observe_with, seen, served_by};
use super::operation::{classified_step, numbered};
use super::{Behaviour, Doubt, Observed};
use crate::Name;
use crate::action::Node;
use crate::path::Journeys;
use crate::record::{CellRecord, StepOutcome, StepRecord};

/// What the client of `record` lived through, as its events and the packets of its capture show it.
#[must_use]
pub fn observe(record: &CellRecord, paths: &Journeys) -> Observed {
    observe_with(record, paths, |doubts| spread(record, paths, doubts))
}

/// How the clients of `record` were spread; `None` if its client has one address only, or if the step that
/// is judged is another one. What is not known of one of the connections is not known of the cell.
pub(super) fn spread(record: &CellRecord, paths: &Journeys, doubts: &mut Vec<Doubt>) -> Option<Spread> {
    let judged = classified_step(record).ok()?;
    let each = |step: &&StepRecord| {
        let each = step.action.of_client().is_some_and(|action| action.is_each());
        each && step.operation.is_some() && step.number <= judged.number
    };
    each(&judged).then_some(())?;
    let rounds = record.steps.iter().filter(each).map(|step| Round {
        step: step.number,
        phase: step.phase,
        clients: step
            .operations()
            .filter_map(|number| landed(record, paths, number, doubts))
            .collect(),
    });
    let rounds = rounds.collect();
    Some(Spread {
        rounds,
        stayed: stayed(record, judged),
    })
}

/// Where the connection of this operation came to; `None` if that is not known, which is a doubt.
fn landed(record: &CellRecord, paths: &Journeys, number: u32, doubts: &mut Vec<Doubt>) -> Option<Landed> {
    let operation = match numbered(record, number) {
        Ok(operation) => operation,
        Err(doubt) => {
            doubts.push(doubt);
            return None;
        }
    };
    let seen = seen(record, paths, &operation, doubts);
    let subject = seen.wire.subject();
    let sockets = record.client.iter().flat_map(|client| &client.sockets);
    let socket = sockets.rev().find(|socket| socket.operation == number)?;
    let server = served_by(subject).and_then(Node::real_server);
    Some(Landed {
        address: socket.bound_to?,
        port: socket.port,
        packet: subject.connection.as_ref().map(|connection| connection.syn),
        reached: match (seen.behaviour, server) {
            (Behaviour::Answered { .. }, Some(server)) => Reached::Server(server.clone()),
            (Behaviour::FailedFast { .. }, _) => Reached::Error,
            (Behaviour::Hung { .. }, _) => Reached::Silence,
            // Nobody is known who answered, which is a doubt already.
            (Behaviour::Answered { .. } | Behaviour::Undetermined { .. }, _) => return None,
        },
    })
}

/// The real servers with a weight in the director's table when `step` began.
fn stayed(record: &CellRecord, step: &StepRecord) -> Vec<Name> {
    let done = record.steps.iter().filter(|earlier| {
        earlier.number < step.number && matches!(earlier.outcome, StepOutcome::Done { .. })
    });
    let mut state = record.plan.state_with_table();
    done.for_each(|step| state.apply(step.number, &step.action));
    let table = state.table().into_iter().filter(|table| table.service);
    let servers = table.flat_map(|table| &table.servers);
    servers
        .filter(|(_, weight)| **weight > 0)
        .map(|(name, _)| name.clone())
        .collect()
}
