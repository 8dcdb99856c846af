//! What the client lived through: the one place that classifies. It reads like the specification:
//!
//! - The operation that is classified is the last one of the client that was reached in the `act` phase.
//! - Patience begins to count when it is *due*: at its beginning, or when a healthy server would have
//!   answered. It ends at the *deadline*.
//! - Succeeded by the deadline: **answered**. Failed by the deadline: **failed fast**. Later, or not at all:
//!   **hung**.
//! - Each of these must be seen in the packets of the client's own interface, too: the answer, what ended the
//!   connection, or that something was sent and nothing came back. What is not seen is **undetermined**, and
//!   so is everything in a record that may not be believed. All reasons are collected.

use super::attempts::{Reply, SLACK};
use super::error;
use super::evidence;
use super::exchange::{self, Word};
use super::network::{Network, Wire, ends, network};
use super::operation::{Classified, classified, numbered, worse_than};
use super::orphans;
use super::outage;
use super::tries;
use super::untested;
use super::{
    Answered, At, Behaviour, Doubt, HangEnd, Observed, ObservedError, Operation, Retransmissions, Spread,
    Success, Worse,
};
use crate::action::Node;
use crate::capture::dialect_of;
use crate::duration::{Human, Instant};
use crate::path::Journeys;
use crate::record::{CellRecord, ClientEventKind, EventRole};
use std::time::Duration;

/// What the client of `record` lived through, as its events and the packets of its capture show it. `spread`
/// looks at its other connections.
pub(super) fn observe_with(
    record: &CellRecord,
    paths: &Journeys,
    spread: impl FnOnce(&mut Vec<Doubt>) -> Option<Spread>,
) -> Observed {
    let mut doubts = super::doubts::doubts(record, paths.packets());
    doubts.extend(untested::elsewhere(record, paths));
    let operation = match classified(record) {
        Ok(operation) => operation,
        Err(reason) => {
            doubts.push(reason);
            return undetermined(doubts);
        }
    };
    let Seen {
        wire,
        word,
        behaviour,
    } = seen(record, paths, &operation, &mut doubts);
    let spread = spread(&mut doubts);
    let (probed, of_probes) = outage::probed(record, paths, &mut doubts);
    let behaviour = if doubts.is_empty() {
        behaviour
    } else {
        Behaviour::Undetermined { reasons: doubts }
    };
    let orphaned_sessions = orphans::orphaned(record);
    let mut evidence = evidence::evidence((record, paths), &operation, &wire, &word, &behaviour);
    evidence.extend(orphans::evidence(&orphaned_sessions));
    evidence.extend(of_probes);
    let longest_silence = exchange::steady(&operation, &wire, &behaviour).map(|silence| silence.lasted());
    let subject = wire.subject();
    let mut observed = Observed {
        evidence,
        orphaned_sessions,
        worse: worse(record, paths, operation.number),
        error: error_of(record, &operation, &wire, &word),
        operation: Some(Operation {
            number: operation.number,
            what: operation.what(),
            began: operation.began(),
            due: operation.due,
            ended: operation.ended(),
            client_port: subject
                .connection
                .as_ref()
                .map(|connection| connection.client_port),
            served_by: served_by(subject).cloned(),
            tried: subject.servers.tried(),
        }),
        retransmissions: subject.retransmissions.clone(),
        terminators: subject.terminators.clone(),
        discarded: subject.discarded.clone(),
        held_back: subject.held_back,
        cut_to: cut_to(record, &operation),
        longest_silence,
        attempts: tries::tries(record, paths, &operation, &wire),
        contradiction: word.contradiction,
        behaviour,
        spread,
        probed,
        untested: None,
    };
    observed.untested = untested::untested(record, paths, &observed);
    observed
}

/// The operation in `act` that fared worse than the judged one, and worst of all. One of which something is
/// not known is not named.
fn worse(record: &CellRecord, paths: &Journeys, judged: u32) -> Option<Worse> {
    let operation = numbered(record, worse_than(record, judged)?).ok()?;
    let mut doubts = Vec::new();
    let seen = seen(record, paths, &operation, &mut doubts);
    doubts.is_empty().then(|| Worse {
        number: operation.number,
        what: operation.what(),
        behaviour: seen.behaviour,
        lasted: operation.ended().map(|ended| ended.since(operation.began())),
    })
}

/// What became of an operation.
pub(super) struct Seen {
    pub(super) wire: Wire,
    word: Word,
    pub(super) behaviour: Behaviour,
}

/// What became of `operation`, with the reasons not to believe it.
pub(super) fn seen(
    record: &CellRecord,
    paths: &Journeys,
    operation: &Classified<'_>,
    doubts: &mut Vec<Doubt>,
) -> Seen {
    let wire = network(record, paths, operation);
    doubts.extend(wire.doubts.iter().cloned());
    let word = word(operation, &wire, doubts);
    let behaviour = classify(record, operation, &wire, &word, doubts);
    Seen {
        wire,
        word,
        behaviour,
    }
}

/// An observation that gave nothing, for these reasons.
pub(super) fn undetermined(reasons: Vec<Doubt>) -> Observed {
    Observed {
        behaviour: Behaviour::Undetermined { reasons },
        operation: None,
        worse: None,
        error: None,
        retransmissions: Retransmissions::default(),
        terminators: Vec::new(),
        discarded: Vec::new(),
        held_back: None,
        cut_to: None,
        longest_silence: None,
        attempts: Vec::new(),
        contradiction: None,
        orphaned_sessions: Vec::new(),
        spread: None,
        probed: Vec::new(),
        untested: None,
        evidence: Vec::new(),
    }
}

/// How the operation ended. Where the connection can be read the wire has the last word; else it is the
/// client's, if packets show that it may be true.
fn word(operation: &Classified<'_>, wire: &Wire, doubts: &mut Vec<Doubt>) -> Word {
    let client = |end| Word {
        end,
        contradiction: None,
    };
    match &operation.end.kind {
        ClientEventKind::Connected { .. } | ClientEventKind::ResultReceived { .. } => {
            doubts.extend(answer_not_shown(operation, &wire.last));
            exchange::succeeded(operation, wire, doubts)
        }
        ClientEventKind::Failed(failure) => exchange::failed(failure, operation, wire, doubts),
        // `classified` lets no operation through that ends with its own beginning.
        ClientEventKind::StillWaiting
        | ClientEventKind::ConnectBegun
        | ClientEventKind::StatementBegun { .. }
        | ClientEventKind::ReadingPaused { .. }
        | ClientEventKind::DisconnectBegun
        | ClientEventKind::Disconnected
        | ClientEventKind::ReconnectBegun
        | ClientEventKind::Reconnected { .. } => client(HangEnd::None),
    }
}

fn classify(
    record: &CellRecord,
    operation: &Classified<'_>,
    wire: &Wire,
    word: &Word,
    doubts: &mut Vec<Doubt>,
) -> Behaviour {
    // A program that has its whole answer and says so late: what counts is when the answer came.
    let dawdled =
        exchange::dawdled(operation, wire).filter(|_| operation.chooses() && word.end == HangEnd::Answer);
    let ended = dawdled.map_or(operation.end.at, |answered| answered.at);
    let after = ended.since(operation.began());
    let patience = operation.deadline.since(operation.due);
    let in_time = ended <= operation.deadline;
    if word.end != HangEnd::Answer {
        doubts.extend(nothing_sent(operation, &wire.last));
    }
    // Parts that come one after the other are life: what counts is the longest time without one.
    let longest = wire.silence.filter(|_| !in_time && dawdled.is_none());
    let silence = longest.map_or_else(|| ended.since(operation.due), |longest| longest.lasted());
    let steady = longest.is_some_and(|longest| longest.lasted() <= patience);
    match word.end {
        HangEnd::Answer if in_time || steady => Behaviour::Answered { after },
        HangEnd::Error if in_time || steady => Behaviour::FailedFast { after },
        HangEnd::Answer | HangEnd::Error => {
            doubts.extend(silence_not_shown(operation, wire, operation.deadline));
            Behaviour::Hung {
                silence,
                end: word.end,
            }
        }
        HangEnd::None => {
            doubts.extend(watched_too_short(record, operation));
            doubts.extend(silence_not_shown(operation, wire, operation.end.at));
            if steady {
                let longest = Human(silence);
                doubts.push(Doubt::StillComing { longest });
            }
            Behaviour::Hung {
                silence,
                end: HangEnd::None,
            }
        }
    }
}

/// The error that ended the operation: the server's own by its packet, else the client's word.
fn error_of(
    record: &CellRecord,
    operation: &Classified<'_>,
    wire: &Wire,
    word: &Word,
) -> Option<ObservedError> {
    if word.end != HangEnd::Error {
        // What the client says against the wire stands beside it.
        return operation
            .failure()
            .filter(|_| word.contradiction.is_none())
            .map(|failure| error::observed(dialect_of(&record.plan), failure, operation, &wire.last));
    }
    match &wire.last.reply {
        Some(Reply::Error { error, .. }) => Some(error::of_server(error, operation.failure())),
        Some(Reply::Unread | Reply::Open | Reply::Complete { .. }) | None => operation
            .failure()
            .map(|failure| error::observed(dialect_of(&record.plan), failure, operation, &wire.last)),
    }
}

/// An answer must have been asked for and have come, on a connection that a real server of the lab answered.
fn answer_not_shown(operation: &Classified<'_>, network: &Network) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let success = match operation.statement {
        None => Success::Connected,
        Some(_) => Success::GotResult,
    };
    if network.connection.is_none() {
        doubts.push(Doubt::NoSyn { success });
        return doubts;
    }
    doubts.extend(nothing_sent(operation, network));
    // Where the connection can be read, the end of the answer is looked for.
    if network.answers.is_empty() && matches!(network.reply, Some(Reply::Unread) | None) {
        let at = At(operation.end.at);
        doubts.push(match network.discarded.last() {
            Some(segment) => Doubt::NoAcceptedAnswer {
                success,
                at,
                packet: segment.packet,
                why: segment.why,
            },
            None => Doubt::NoAnswer { success, at },
        });
    }
    match network.servers.answered.as_slice() {
        [_] => {}
        [] => doubts.push(Doubt::NobodyAnswered { success }),
        several => doubts.push(Doubt::SeveralAnswered {
            servers: Answered(several.to_vec()),
        }),
    }
    doubts
}

/// Silence must follow something that was sent. Only a connection that had ended before the statement began
/// needs no segment to fail; else the segment is missing from the capture, and with it what tells 2006 from
/// 2013.
fn nothing_sent(operation: &Classified<'_>, network: &Network) -> Option<Doubt> {
    if network.cut_short && operation.chooses() {
        return Some(Doubt::RequestCutShort);
    }
    if network.request.is_some() || network.held_back.is_some() || error::has_no_port(operation, network) {
        return None;
    }
    let ended_before = network
        .terminators
        .iter()
        .any(|terminator| terminator.at < operation.began());
    let no_connection =
        ended_before || operation.lost_before.is_some() || network.ended_by_client_before.is_some();
    if operation.end.kind.role() == EventRole::Fails && !network.connects && no_connection {
        return None;
    }
    Some(if network.connects {
        Doubt::NothingSent
    } else {
        Doubt::StatementNotSent
    })
}

/// The client's kernel may have accepted nothing that answers until `until`: the whole answer, or what ends a
/// connection; of a connection that cannot be read, payload after the request. A bare acknowledgement answers
/// nothing at MySQL's level.
fn silence_not_shown(operation: &Classified<'_>, wire: &Wire, until: Instant) -> Option<Doubt> {
    let network = &wire.last;
    let terminators = network
        .terminators
        .iter()
        .filter(|terminator| ends(terminator, network.established))
        .map(|terminator| (terminator.packet, terminator.at))
        // A program that tries again by itself waits because it chooses to.
        .filter(|_| !(operation.chooses() && wire.looked.attempts.len() > 1));
    // What came before the client went on to read is the beginning of a result, and no end of a silence.
    let answers = network.unreplied.iter().map(|seen| (seen.packet, seen.at));
    let answers = answers.filter(|(_, at)| operation.resumed.is_none_or(|resumed| *at > resumed));
    let (packet, at) = terminators.chain(answers).filter(|(_, at)| *at <= until).min()?;
    Some(Doubt::Unreported {
        at: At(at),
        packet,
        until: Human(operation.deadline.max(until).since(Instant(0))),
    })
}

/// A hang that did not end must have been watched as long as the scenario says. The runner reads the clock
/// for its timer and for the step's record one after the other, so the two may differ by a little.
fn watched_too_short(record: &CellRecord, operation: &Classified<'_>) -> Option<Doubt> {
    let planned = operation.act.plus(record.plan.watched_for());
    let needed = planned.max(operation.deadline);
    let watched = record.ended.min(operation.end.at);
    if watched.plus(SLACK) >= needed {
        return None;
    }
    if let Some(limit) = record.plan.cut_to()
        && planned < operation.deadline
        && watched.plus(SLACK) >= planned
    {
        return Some(Doubt::PatienceCut {
            limit: Human(limit),
            after: Human(operation.deadline.since(planned)),
        });
    }
    Some(Doubt::EndedEarly {
        by: Human(needed.since(watched)),
        until: Human(needed.since(Instant(0))),
    })
}

/// The run's limit, if it ended the observation of an operation that was still waiting.
fn cut_to(record: &CellRecord, operation: &Classified<'_>) -> Option<Duration> {
    record.plan.cut_to().filter(|_| operation.ended().is_none())
}

/// The real server that answered the connection, or the only one that it reached.
pub(super) fn served_by(network: &Network) -> Option<&Node> {
    network.servers.one().map(|(node, _)| node)
}
