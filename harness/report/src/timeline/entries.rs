//! The time line in words: steps, what the client wrote down, what reached it and when the director was
//! looked at, in one order.

use crate::blocks::{aside, code, foreign, phrase, strong};
use crate::stamp::{Stamp, act};
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::action::{Action, Node};
use lvs_matrix_model::control::ControlPlane;
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::record::{CellRecord, ClientEventKind, LoggedLine, StepOutcome, StepRecord};
use lvs_matrix_model::verdict::{Citation, JudgedCell, Terminator};

/// A line of the time line.
pub(crate) struct Entry {
    /// When; `None` for a step that was not reached.
    pub(crate) at: Option<Instant>,
    /// Where it is seen; `None` for the end of the observation, for what the control plane logged, and for
    /// where the VIP was.
    pub(crate) place: Option<Citation>,
    /// Who did it.
    pub(crate) who: Who,
    /// An inline text.
    pub(crate) what: String,
}

/// Of whom a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    ClientStep,
    OperatorStep,
    Packet,
    Client,
    Director,
    Observation,
}

/// The lines of a cell in the order of time, then the end of the observation, then what was not reached; none
/// if nothing was done and nothing seen.
pub(crate) fn entries(cell: &JudgedCell, words: Language) -> Vec<Entry> {
    let record = &cell.record;
    let named = record.plan.names_directors();
    let plane = record.plan.control_plane().unwrap_or_default();
    let mut entries: Vec<Entry> = record.steps.iter().map(|one| step(one, words)).collect();
    entries.extend(reached(&cell.observed.terminators, words));
    entries.extend(cell.events().map(|event| Entry {
        at: Some(event.at),
        place: Some(Citation::Event(event.number)),
        who: Who::Client,
        what: {
            let what = event_text(&event.kind, words);
            match record.connection_of(event.operation) {
                None => what,
                Some(name) => words.on_connection(what, foreign(name.as_str())),
            }
        },
    }));
    entries.extend(record.snapshots.iter().map(|snapshot| Entry {
        at: Some(snapshot.at),
        place: Some(Citation::Snapshot(snapshot.number)),
        who: Who::Director,
        what: {
            let moment = phrasing::moment(words, plane, snapshot.moment);
            match named {
                false => words.tables_seen(moment),
                true => words.tables_seen_of(&snapshot.node, moment),
            }
        },
    }));
    for host in record.plan.balancers() {
        entries.extend(logged(record, &host.node, words));
    }
    entries.extend(record.vip_changes.iter().map(|change| Entry {
        at: Some(change.at),
        place: None,
        who: Who::Director,
        what: strong(&match change.holds {
            true => words.gets_the_vip(&change.node),
            false => words.loses_the_vip(&change.node),
        }),
    }));
    if entries.is_empty() {
        return entries;
    }
    // Stable: at the same moment a step comes first, then what reached the client, then what the client made
    // of it.
    entries.sort_by_key(|entry| (entry.at.is_none(), entry.at));
    let end = entries.partition_point(|entry| entry.at.is_some());
    let observation_ends = Entry {
        at: Some(record.ended),
        place: None,
        who: Who::Observation,
        what: words.observation_ends().to_owned(),
    };
    entries.insert(end, observation_ends);
    entries
}

/// What the control plane logged on a director, but for how it started at the beginning: what it is, and what
/// it reads.
fn logged(record: &CellRecord, node: &Node, words: Language) -> Vec<Entry> {
    let named = record.plan.names_directors();
    let of_node = |line: &&LoggedLine| line.node == *node;
    let log: Vec<&LoggedLine> = record.control_log.iter().filter(of_node).collect();
    let plane = record.plan.control_plane().unwrap_or_default();
    let started = match plane {
        ControlPlane::Keepalived => log.iter().position(|line| line.text == STARTED),
        // It logs no end of its start, which is over when the first step begins.
        ControlPlane::Ldirectord => {
            let first = record
                .steps
                .iter()
                .find_map(|step| step.began)
                .unwrap_or(record.ended);
            Some(log.iter().take_while(|line| line.at < first).count())
        }
    };
    let told = log.into_iter().skip(started.unwrap_or_default());
    let entry = |line: &LoggedLine| Entry {
        at: Some(line.at),
        place: None,
        who: Who::Director,
        what: match named {
            false => words.logs(plane, code(&line.text)),
            true => words.logs_on(plane, node, code(&line.text)),
        },
    };
    told.map(entry).collect()
}

/// The last line of a start (keepalived/core/main.c, `keepalived_main`).
const STARTED: &str = "Startup complete";

/// So many of the same in a row have a line each.
const NAMED: usize = 6;

/// What ended or refused the client's connection. Of many of the same the first and the last have a line, and
/// all between them one.
fn reached(terminators: &[Terminator], words: Language) -> Vec<Entry> {
    let entry = |item: &Terminator, what: String| Entry {
        at: Some(item.at),
        place: Some(Citation::Packet(item.packet)),
        who: Who::Packet,
        what,
    };
    let one = |item: &Terminator| entry(item, words.reaches_client(phrasing::terminator(words, item)));
    let same = |one: &Terminator, other: &Terminator| one.kind == other.kind && one.by == other.by;
    let mut entries = Vec::new();
    for run in terminators.chunk_by(same) {
        match run {
            [first, second, .., last] if run.len() > NAMED => {
                let what = phrasing::terminator(words, second);
                let between = words.reaches_client_often(what, run.len() - 2, Stamp(last.at));
                entries.extend([one(first), entry(second, between), one(last)]);
            }
            few => entries.extend(few.iter().map(one)),
        }
    }
    entries
}

/// When something was, and how long after the act phase began; empty where it was before.
pub(crate) fn times(cell: &JudgedCell, at: Option<Instant>) -> (String, String) {
    let since = at
        .zip(act(&cell.record))
        .filter(|(at, act)| act <= at)
        .map(|(at, act)| Stamp(Instant(at.0.saturating_sub(act.0))).to_string());
    let at = at.map_or_else(|| phrasing::NOTHING.to_owned(), |at| Stamp(at).to_string());
    (at, since.unwrap_or_default())
}

fn step(step: &StepRecord, words: Language) -> Entry {
    let done = matches!(step.outcome, StepOutcome::Done { .. });
    let lasted = step
        .began
        .zip(step.ended)
        .map(|(began, ended)| ended.since(began));
    let outcome = || outcome(step, words);
    let (took, outcome) = match (&step.action, lasted) {
        // It says itself how long it took, and there is nothing to prove.
        (Action::Wait(_), _) if done => (String::new(), String::new()),
        // Its proof says how long it took.
        (Action::Watch(_), _) if done => (String::new(), outcome()),
        (_, Some(lasted)) if lasted.as_millis() > 0 => (words.took(Human(lasted)), outcome()),
        (_, _) => (String::new(), outcome()),
    };
    Entry {
        at: step.began,
        place: Some(Citation::Step(step.number)),
        who: if step.action.is_of_client() {
            Who::ClientStep
        } else {
            Who::OperatorStep
        },
        what: format!(
            "{}{}{took}{outcome}",
            aside(&words.in_phase(phrasing::phase(words, &step.phase))),
            strong(&phrase(&phrasing::action(words, &step.action)))
        ),
    }
}

fn outcome(step: &StepRecord, words: Language) -> String {
    match &step.outcome {
        StepOutcome::Done { proof } if proof.is_blank() => String::new(),
        StepOutcome::Done { proof } => words.proven_by(foreign(&phrasing::proof(words, proof))),
        StepOutcome::ClientFailed => words.ended_with_error().to_owned(),
        StepOutcome::Unfinished => words.not_finished().to_owned(),
        StepOutcome::Failed { reason } => words.step_failed(strong(words.failed()), foreign(reason)),
        StepOutcome::NotReached => words.not_reached().to_owned(),
    }
}

fn event_text(kind: &ClientEventKind, words: Language) -> String {
    match kind {
        ClientEventKind::ConnectBegun => words.opens_connection().to_owned(),
        ClientEventKind::Connected {
            connection_id,
            server_version,
        } => match (connection_id, server_version.as_str()) {
            // A program of one's own need not tell them; no server gives a connection the id 0.
            (0, "") => words.is_connected_at_all().to_owned(),
            (0, version) => words.is_connected_with(foreign(version)),
            (id, version) => words.is_connected(id, foreign(version)),
        },
        ClientEventKind::StatementBegun { sql } => words.sends(code(sql)),
        ClientEventKind::ResultReceived { rows, first_row } => match (rows, first_row.as_slice()) {
            (1, [value]) => words.has_value(code(value)),
            (rows, _) => words.has_rows(words.rows(*rows)),
        },
        ClientEventKind::Failed(error) => words.has_error(
            code(&error.message),
            foreign(&phrasing::error_kind(words, &error.kind)),
        ),
        ClientEventKind::StillWaiting => words.still_waits().to_owned(),
        ClientEventKind::ReadingPaused { rows } => words.stops_reading(words.rows(*rows)),
        ClientEventKind::DisconnectBegun => words.closes_connection().to_owned(),
        ClientEventKind::Disconnected => words.connection_is_closed().to_owned(),
        ClientEventKind::ReconnectBegun => words.connects_anew().to_owned(),
        ClientEventKind::Reconnected {
            connection_id: Some(id),
        } => words.is_connected_again(id),
        ClientEventKind::Reconnected { connection_id: None } => words.is_connected_again_somehow().to_owned(),
    }
}
