//! What is marked on a lane: steps of the time line on the host that they act on, and what the client wrote
//! down.

use super::journey::{Host, host_of};
use crate::svg::Glyph;
use lvs_matrix_language::Language;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::action::{Action, HostAction, Node};
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::plan::Phase;
use lvs_matrix_model::record::{
    CellRecord, ClientError, ClientErrorKind, ClientEventKind, StepOutcome, StepRecord,
};
use lvs_matrix_model::verdict::Citation;
use std::collections::HashMap;

/// What a mark looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// A step that someone other than the client did.
    Step,
    /// A step that could not be done.
    FailedStep,
    /// The client begins to wait for something.
    Begun,
    /// The client has what it waited for.
    Answered,
    /// The client has an error.
    Error,
    /// The client still waits.
    Waiting,
}

impl MarkKind {
    pub(super) fn glyph(self) -> Glyph {
        match self {
            Self::Step => Glyph::Step,
            Self::FailedStep => Glyph::FailedStep,
            Self::Begun => Glyph::Begun,
            Self::Answered => Glyph::Answered,
            Self::Error => Glyph::Error,
            Self::Waiting => Glyph::Waiting,
        }
    }
}

/// Something on one lane.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) at: Instant,
    pub(super) host: Host,
    pub(super) kind: MarkKind,
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
        StepOutcome::Failed { reason } => (
            MarkKind::FailedStep,
            words.step_has_failed_because(action, reason),
        ),
        StepOutcome::Unfinished if !step.action.is_of_client() => {
            (MarkKind::FailedStep, words.step_is_unfinished(action))
        }
        StepOutcome::Done { .. }
        | StepOutcome::ClientFailed
        | StepOutcome::Unfinished
        | StepOutcome::NotReached => (MarkKind::Step, action),
    };
    if kind == MarkKind::Step && (step.action.is_of_client() || matches!(step.action, Action::Wait(_))) {
        return None;
    }
    Some(Mark {
        at,
        host: host_of(record, &acts_on(&step.action))?,
        kind,
        text,
        place: phrasing::citation(words, Citation::Step(step.number)),
        operation: step.operation,
    })
}

/// The host on whose lane a step is marked: that of the table, of the mysqld, or the one that something is
/// done to.
fn acts_on(action: &Action) -> Node {
    match action {
        Action::Table(_) => Node::Director,
        Action::Mysqld(action) => Node::RealServer(action.server().clone()),
        Action::Host(HostAction::PowerOff { server, .. }) => Node::RealServer(server.clone()),
        Action::Host(
            HostAction::LinkDown { node } | HostAction::LinkUp { node } | HostAction::SetSysctl { node, .. },
        ) => node.clone(),
        Action::Traffic(action) => action.node().clone(),
        Action::Watch(_) => Node::Director,
        Action::Client(_) | Action::Wait(_) => Node::Client,
    }
}

/// What the client wrote down.
pub(super) fn events(words: Language, record: &CellRecord) -> Vec<Mark> {
    let Some(host) = host_of(record, &Node::Client) else {
        return Vec::new();
    };
    let mut begun: HashMap<u32, Instant> = HashMap::new();
    record
        .client_events
        .iter()
        .map(|event| {
            let began = *begun.entry(event.operation).or_insert(event.at);
            let after = Human(event.at.since(began));
            let (kind, text) = match &event.kind {
                ClientEventKind::ConnectBegun => (MarkKind::Begun, words.connect().to_owned()),
                ClientEventKind::StatementBegun { sql } if record.plan.server_kind().is_echo() => {
                    (MarkKind::Begun, words.request(sql))
                }
                ClientEventKind::StatementBegun { sql } => (MarkKind::Begun, words.query(sql)),
                // A program of one's own need not tell the id.
                ClientEventKind::Connected { connection_id: 0, .. } => {
                    (MarkKind::Answered, words.connected_within(after))
                }
                ClientEventKind::Connected { connection_id, .. } => {
                    (MarkKind::Answered, words.connected_after(after, connection_id))
                }
                ClientEventKind::ResultReceived { rows, .. } => {
                    (MarkKind::Answered, words.answered_after(after, words.rows(*rows)))
                }
                ClientEventKind::Failed(error) => (
                    MarkKind::Error,
                    words.error_after(after, error_text(words, error)),
                ),
                ClientEventKind::StillWaiting => (MarkKind::Waiting, words.still_waiting_after(after)),
                ClientEventKind::ReadingPaused { rows } => {
                    (MarkKind::Waiting, words.reading_paused(words.rows(*rows)))
                }
                ClientEventKind::DisconnectBegun => (MarkKind::Begun, words.disconnect().to_owned()),
                ClientEventKind::Disconnected => (MarkKind::Answered, words.disconnected().to_owned()),
                ClientEventKind::ReconnectBegun => (MarkKind::Begun, words.connect_anew().to_owned()),
                ClientEventKind::Reconnected { .. } => {
                    (MarkKind::Answered, words.connected_again_after(after))
                }
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
