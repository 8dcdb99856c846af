//! What the wire says of how an operation ended, held against what the client says.

use super::attempts::{self, Attempt, Reply, SLACK};
use super::contradiction::{ClientWord, Contradiction, WireWord};
use super::error;
use super::network::{Silence, Wire};
use super::operation::Classified;
use super::{Behaviour, Doubt, HangEnd, TerminatorKind};
use crate::capture::Seen;
use crate::capture::dialect::Outcome;
use crate::record::{ClientError, ClientErrorKind, ClientEventKind};

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// In this way.
    pub(super) end: HangEnd,
    /// The client says otherwise.
    pub(super) contradiction: Option<Contradiction>,
}

impl Word {
    fn agreed(end: HangEnd) -> Self {
        Self {
            end,
            contradiction: None,
        }
    }
}

/// The client says that it succeeded.
pub(super) fn succeeded(operation: &Classified<'_>, wire: &Wire, doubts: &mut Vec<Doubt>) -> Word {
    let Some(attempt) = wire.attempt() else {
        return Word::agreed(HangEnd::Answer);
    };
    let against = |wire, packet| Some(contradiction(operation, wire, packet));
    match &attempt.reply {
        Reply::Unread => Word::agreed(HangEnd::Answer),
        Reply::Complete { by, rows } => Word {
            end: HangEnd::Answer,
            contradiction: match earlier(operation, wire, attempt) {
                Some((statement, packet)) if took_the_earlier(operation, attempt) => {
                    against(WireWord::Earlier { statement }, Some(packet))
                }
                Some(_) | None => dawdled(operation, wire).and_then(|_| {
                    let word = WireWord::Answer {
                        at: by.at,
                        rows: *rows,
                    };
                    against(word, Some(*by)).filter(|_| operation.chooses())
                }),
            },
        },
        Reply::Error { by, error } => Word {
            end: HangEnd::Error,
            contradiction: against(WireWord::Error(error.clone()), Some(*by)),
        },
        // How it would have gone on is not known.
        Reply::Open => {
            let (word, packet) = match (earlier(operation, wire, attempt), attempt.parts.last()) {
                (Some((statement, packet)), _) => (WireWord::Earlier { statement }, Some(packet)),
                (None, Some(part)) => (WireWord::Part, Some(*part)),
                (None, None) => (WireWord::Nothing, None),
            };
            let contradiction = contradiction(operation, word, packet);
            doubts.push(Doubt::Contradicted {
                contradiction: contradiction.clone(),
            });
            let discarded = wire.last.discarded.last();
            doubts.extend(discarded.map(|segment| Doubt::NotAccepted {
                packet: segment.packet,
                why: segment.why,
            }));
            Word {
                end: HangEnd::Answer,
                contradiction: Some(contradiction),
            }
        }
    }
}

/// The client says that it failed.
pub(super) fn failed(
    failure: &ClientError,
    operation: &Classified<'_>,
    wire: &Wire,
    doubts: &mut Vec<Doubt>,
) -> Word {
    let against = |wire, packet| Some(contradiction(operation, wire, packet));
    let attempt = wire.attempt();
    match attempt.map(|attempt| &attempt.reply) {
        Some(Reply::Error { by, error }) => {
            let agrees = match &failure.kind {
                ClientErrorKind::Server { code, .. } => *code == error.code,
                // The codes of the client's own are taken by statements, too
                // (`signal … set mysql_errno=2013`).
                ClientErrorKind::Library { code, errno, .. } => *code == error.code && errno.is_none(),
                ClientErrorKind::Io { errno } => errno.is_none(),
                ClientErrorKind::Closed | ClientErrorKind::Driver => true,
                ClientErrorKind::TimedOut { .. } => false,
            };
            Word {
                end: HangEnd::Error,
                contradiction: if agrees {
                    None
                } else {
                    against(WireWord::Error(error.clone()), Some(*by))
                },
            }
        }
        Some(Reply::Complete { by, rows }) if !of_our_own(failure) => {
            let own = attempts::succeeded(operation, &wire.looked);
            let whole = own
                .and_then(|own| wire.looked.attempts.get(own))
                .filter(|own| own.is_complete());
            let word = WireWord::Answer {
                at: by.at,
                rows: *rows,
            };
            match whole {
                Some(_) => Word {
                    end: HangEnd::Answer,
                    contradiction: against(word, Some(*by)),
                },
                // The last thing that it asked for was answered, but was not what it was to do.
                None => {
                    doubts.extend(error::doubt(failure, operation, wire));
                    Word::agreed(HangEnd::Error)
                }
            }
        }
        Some(Reply::Open | Reply::Unread | Reply::Complete { .. }) | None => {
            let doubt = error::doubt(failure, operation, wire);
            let end = ended(wire).filter(|_| operation.chooses() && !of_our_own(failure));
            // The network did end it, whatever the program makes of that.
            if let (Some(_), Some((kind, packet)), Some(Reply::Open)) =
                (&doubt, end, attempt.map(|it| &it.reply))
            {
                return Word {
                    end: HangEnd::Error,
                    contradiction: against(WireWord::Ended(kind), Some(packet)),
                };
            }
            doubts.extend(doubt);
            Word::agreed(HangEnd::Error)
        }
    }
}

/// Is it an error of the harness, or of a program that broke off? No packet could show it.
fn of_our_own(failure: &ClientError) -> bool {
    match failure.kind {
        ClientErrorKind::Driver => true,
        ClientErrorKind::Io { .. }
        | ClientErrorKind::Closed
        | ClientErrorKind::Server { .. }
        | ClientErrorKind::Library { .. }
        | ClientErrorKind::TimedOut { .. } => false,
    }
}

/// The FIN or RST that ended the connection.
fn ended(wire: &Wire) -> Option<(TerminatorKind, Seen)> {
    let mut all = wire.last.terminators.iter();
    let end = all.find(|terminator| match terminator.kind {
        TerminatorKind::Fin | TerminatorKind::Rst => true,
        TerminatorKind::Icmp { .. } => false,
    })?;
    let seen = Seen {
        packet: end.packet,
        at: end.at,
    };
    Some((end.kind, seen))
}

/// The whole answer, and all else that the program asked for, was there long before the program said so.
pub(super) fn dawdled(operation: &Classified<'_>, wire: &Wire) -> Option<Seen> {
    let answered = wire.attempt()?.answered()?;
    let all = wire.looked.attempts.iter();
    let after = all.filter(|attempt| attempt.request.packet > answered.packet);
    let last = after
        .map(|attempt| attempt.answered().map(|by| by.at))
        .try_fold(answered.at, |last, at| Some(last.max(at?)))?;
    (last.plus(SLACK) < operation.end.at && operation.end.at > operation.deadline).then_some(answered)
}

/// The answer to an earlier statement on the same connection, which the client had not waited for, that came
/// while it was waiting for this one.
fn earlier(operation: &Classified<'_>, wire: &Wire, attempt: &Attempt) -> Option<(String, Seen)> {
    operation.statement.as_ref()?;
    let dialogue = wire.looked.dialogue(&attempt.connection)?;
    dialogue.exchanges.iter().rev().find_map(|exchange| {
        let before = exchange.asked.at < operation.began();
        let during = |by: Seen| operation.began() <= by.at && by.at <= operation.end.at;
        let by = match &exchange.outcome {
            Outcome::Complete { by, .. } | Outcome::Error { by, .. } => *by,
            Outcome::NeedsNone | Outcome::Open => return None,
        };
        let statement = exchange.command.sql()?;
        (before && during(by)).then_some((statement, by))
    })
}

/// Both answers were there when the client spoke: it is the number of rows that tells them apart.
fn took_the_earlier(operation: &Classified<'_>, attempt: &Attempt) -> bool {
    match (&operation.end.kind, &attempt.reply) {
        (ClientEventKind::ResultReceived { rows, .. }, Reply::Complete { rows: shown, .. }) => rows != shown,
        _ => false,
    }
}

fn contradiction(operation: &Classified<'_>, wire: WireWord, packet: Option<Seen>) -> Contradiction {
    let client = match &operation.end.kind {
        ClientEventKind::ResultReceived { rows, .. } => ClientWord::Result { rows: *rows },
        ClientEventKind::Failed(error) => ClientWord::Error {
            message: error.message.clone(),
        },
        ClientEventKind::Connected { .. }
        | ClientEventKind::ConnectBegun
        | ClientEventKind::StatementBegun { .. }
        | ClientEventKind::StillWaiting
        | ClientEventKind::ReadingPaused { .. }
        | ClientEventKind::DisconnectBegun
        | ClientEventKind::Disconnected
        | ClientEventKind::ReconnectBegun
        | ClientEventKind::Reconnected { .. } => ClientWord::Connected,
    };
    Contradiction {
        client,
        said: operation.end.at,
        event: operation.end.number,
        wire,
        packet: packet.map(|seen| seen.packet),
    }
}

/// The longest silence of an answer that came in parts, each within patience of the one before it, where the
/// whole took longer.
pub(super) fn steady(operation: &Classified<'_>, wire: &Wire, behaviour: &Behaviour) -> Option<Silence> {
    let late = operation.end.at > operation.deadline && dawdled(operation, wire).is_none();
    match behaviour {
        Behaviour::Answered { .. } | Behaviour::FailedFast { .. } => wire.silence.filter(|_| late),
        Behaviour::Hung { .. } | Behaviour::Undetermined { .. } => None,
    }
}
