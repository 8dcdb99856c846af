//! What is marked on a lane: steps of the time line on the host that they act on, and what the client wrote
//! down.

use super::journey::{Host, host_of};
use crate::svg::Glyph;
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::action::{Action, Node};
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::plan::Phase;
use lvs_matrix_model::record::{
    CellRecord, ClientError, ClientErrorKind, ClientEventKind, StepOutcome, StepRecord,
};
use lvs_matrix_model::verdict::{Citation, JudgedCell};
use std::collections::HashMap;

/// Something on one lane.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) at: Instant,
    pub(super) host: Host,
    pub(super) kind: Glyph,
    /// Plain text, as yet not escaped.
    pub(super) text: String,
    /// Where it is cited: `step 3`, `event 4`.
    pub(super) place: String,
    /// The client's operation that it belongs to.
    pub(super) operation: Option<u32>,
}

/// The steps that are no operation of the client, or that failed; a wait shows as a gap.
pub(super) fn steps(words: Language, record: &CellRecord) -> Vec<Mark> {
    record
        .steps
        .iter()
        .filter_map(|step| self::step(words, record, step))
        .collect()
}

fn step(words: Language, record: &CellRecord, step: &StepRecord) -> Option<Mark> {
    let at = step.began?;
    let action = phrasing::action(words, &step.action);
    let (kind, text) = match &step.outcome {
        StepOutcome::Failed { reason } => (Glyph::FailedStep, words.step_has_failed_because(action, reason)),
        StepOutcome::Unfinished if !step.action.is_of_client() => {
            (Glyph::FailedStep, words.step_is_unfinished(action))
        }
        StepOutcome::Done { .. }
        | StepOutcome::ClientFailed
        | StepOutcome::Unfinished
        | StepOutcome::NotReached => (Glyph::Step, action),
    };
    if kind == Glyph::Step && (step.action.is_of_client() || matches!(step.action, Action::Wait(_))) {
        return None;
    }
    Some(Mark {
        at,
        host: host_of(record, &acts_on(record, at, &step.action))?,
        kind,
        text,
        place: phrasing::citation(words, Citation::Step(step.number)),
        operation: step.operation,
    })
}

/// The host on whose lane a step is marked: that of the table, of the mysqld, or the one that something is
/// done to.
fn acts_on(record: &CellRecord, at: Instant, action: &Action) -> Node {
    match action {
        Action::Table(edit) => edit.on.clone(),
        Action::Watch(action) => record.director_meant(action.until().director.as_ref(), at),
        Action::Other(_) => record.plan.first_director(),
        Action::Mysqld(action) => Node::RealServer(action.server().clone()),
        Action::Host(action) => action.node(),
        Action::Traffic(action) => action.node().clone(),
        Action::Client(_) | Action::Wait(_) => Node::Client,
    }
}

/// What the client wrote down.
pub(super) fn events(words: Language, cell: &JudgedCell) -> Vec<Mark> {
    let record = &cell.record;
    let Some(host) = host_of(record, &Node::Client) else {
        return Vec::new();
    };
    let mut begun: HashMap<u32, Instant> = HashMap::new();
    cell.events()
        .map(|event| {
            let began = *begun.entry(event.operation).or_insert(event.at);
            let after = Human(event.at.since(began));
            let (kind, text) = match &event.kind {
                ClientEventKind::ConnectBegun => (Glyph::Begun, words.connect().to_owned()),
                ClientEventKind::StatementBegun { sql } if !record.plan.server_kind().is_mysql() => {
                    (Glyph::Begun, words.request(sql))
                }
                ClientEventKind::StatementBegun { sql } => (Glyph::Begun, words.query(sql)),
                // A program of one's own need not tell the id.
                ClientEventKind::Connected { connection_id: 0, .. } => {
                    (Glyph::Answered, words.connected_within(after))
                }
                ClientEventKind::Connected { connection_id, .. } => {
                    (Glyph::Answered, words.connected_after(after, connection_id))
                }
                ClientEventKind::ResultReceived { rows, .. } => {
                    (Glyph::Answered, words.answered_after(after, words.rows(*rows)))
                }
                ClientEventKind::Failed(error) => {
                    (Glyph::Error, words.error_after(after, error_text(words, error)))
                }
                ClientEventKind::StillWaiting => (Glyph::Waiting, words.still_waiting_after(after)),
                ClientEventKind::ReadingPaused { rows } => {
                    (Glyph::Waiting, words.reading_paused(words.rows(*rows)))
                }
                ClientEventKind::DisconnectBegun => (Glyph::Begun, words.disconnect().to_owned()),
                ClientEventKind::Disconnected => (Glyph::Answered, words.disconnected().to_owned()),
                ClientEventKind::ReconnectBegun => (Glyph::Begun, words.connect_anew().to_owned()),
                ClientEventKind::Reconnected { .. } => (Glyph::Answered, words.connected_again_after(after)),
            };
            Mark {
                at: event.at,
                host,
                kind,
                text: match record.connection_of(event.operation) {
                    None => text,
                    Some(name) => words.on_connection(text, name),
                },
                place: phrasing::citation(words, Citation::Event(event.number)),
                operation: Some(event.operation),
            }
        })
        .collect()
}

/// Linux's name of the error where there is one, else the program's own text.
pub(crate) fn error_text(words: Language, error: &ClientError) -> String {
    let name = match &error.kind {
        ClientErrorKind::Io { errno: Some(number) } => u16::try_from(*number).ok().map(phrasing::errno),
        ClientErrorKind::Closed => Some(words.server_closed().to_owned()),
        ClientErrorKind::Io { errno: None }
        | ClientErrorKind::Server { .. }
        | ClientErrorKind::Library { .. }
        | ClientErrorKind::TimedOut { .. }
        | ClientErrorKind::Driver => None,
    };
    name.unwrap_or_else(|| error.message.clone())
}

/// When each phase began, in order; those that were not reached are left out.
pub(super) fn phases(record: &CellRecord) -> Vec<(Instant, Phase)> {
    let mut phases: Vec<(Instant, Phase)> = Vec::new();
    for step in &record.steps {
        if let Some(at) = step.began
            && phases.iter().all(|(_, phase)| *phase != step.phase)
        {
            phases.push((at, step.phase));
        }
    }
    phases
}
