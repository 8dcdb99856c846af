//! Expectations that no run can meet, however it goes: what is expected of a cell, held against what any of
//! its operations can come to. It rests on the times that the steps themselves state, and on
//! `verdict::observe`, which classifies.

use super::expect::Places;
use crate::Name;
use crate::action::{ClientAction, Statement};
use crate::client::Program;
use crate::duration::Human;
use crate::scenario::mistake::{Mistake, MistakeKind, listed};
use crate::scenario::place::{At, Span};
use crate::scenario::{BehaviourName, ExpectedBehaviour, HangEndName, Judged, Observe};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

/// What a step takes at the very most, beyond what it states: each has a deadline, and a cell in which it
/// passed is never judged. (The longest is that of a mysqld's start, two minutes: runner/src/real_server.rs.)
const LONGEST_STEP: Duration = Duration::from_secs(180);
/// By how much a timer of the observation's may be late.
const LATE: Duration = Duration::from_secs(1);
/// The classic client's code for a server that has gone away, which is of a statement.
const GONE_AWAY: u16 = 2006;
/// Those for a server that cannot be reached, which are of a connect.
const CANNOT_CONNECT: [u16; 2] = [2002, 2003];
/// What only a connection gets that was established: EPIPE, ECONNABORTED, ECONNRESET, ENOTCONN. While one is
/// being opened an RST gives ECONNREFUSED (net/ipv4/tcp_input.c, `tcp_reset`).
const OF_ESTABLISHED: [u16; 4] = [32, 103, 104, 107];

/// How much time has passed since the cell's epoch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Passed {
    /// At least this much: the waits.
    least: Duration,
    /// At most this much, if the cell is judged at all.
    most: Duration,
}

impl Passed {
    /// A step before `act` that only waits.
    pub(super) fn wait(&mut self, time: Duration) {
        self.least = self.least.saturating_add(time);
        self.most = self.most.saturating_add(time);
    }

    /// Another step, which states that it takes this long. It may be over sooner.
    pub(super) fn step(&mut self, takes: Duration) {
        self.most = self.most.saturating_add(takes).saturating_add(LONGEST_STEP);
    }
}

/// An operation of the client's that can be the last one of `act` that is reached.
#[derive(Debug, Clone)]
pub(super) struct Candidate<'d> {
    /// Its statement; `None` for a connect.
    statement: Option<Cow<'d, Statement>>,
    /// How much time had passed when it began.
    begun: Passed,
    may_fail: bool,
    /// Is it a connect from each address?
    each: bool,
    /// The real servers that were in the director's table at a moment at which its connection can have been
    /// scheduled; `None` if that is not known. The director passes nothing on to any other
    /// (net/netfilter/ipvs/ip_vs_core.c, `ip_vs_in_hook`: an entry whose destination is not available).
    servers: Option<BTreeSet<Name>>,
}

impl<'d> Candidate<'d> {
    /// The operation that `action` begins.
    pub(super) fn new(action: &'d ClientAction, begun: Passed, servers: Option<BTreeSet<Name>>) -> Self {
        Self {
            statement: action.statement(),
            begun,
            may_fail: action.may_fail(),
            each: action.is_each(),
            servers,
        }
    }

    /// These real servers, too, can serve it.
    pub(super) fn may_reach(&mut self, servers: impl IntoIterator<Item = Name>) {
        if let Some(known) = &mut self.servers {
            known.extend(servers);
        }
    }

    fn takes(&self) -> Duration {
        let statement = self.statement.as_ref();
        statement.map_or(Duration::ZERO, |statement| statement.takes)
    }

    /// Does the client go on reading its result only when it is awaited? Then patience begins there.
    fn pauses(&self) -> bool {
        let statement = self.statement.as_ref();
        statement.is_some_and(|statement| statement.pause_after.is_some())
    }
}

/// A cell's operations and how they are watched.
pub(super) struct Watched<'d> {
    /// The operations that `act` may end with, in their order.
    pub(super) operations: Vec<Candidate<'d>>,
    /// How much time had passed when `act` began.
    pub(super) act: Passed,
    /// Patience and the end of the observation.
    pub(super) observe: Observe,
    /// Where the latter stands.
    pub(super) until: Span,
    /// The client program; `None` if it is not known.
    pub(super) program: Option<Program>,
    /// Does the client connect from each address before the change?
    pub(super) each_before: bool,
}

/// Why `expected` cannot be met by any run of the cell.
pub(super) fn impossible(
    expected: &ExpectedBehaviour,
    places: &Places,
    served_by: &[At<Name>],
    watched: &Watched<'_>,
) -> Option<Mistake> {
    let (last, before) = watched.operations.split_last()?;
    // An operation before the last is the one that is classified if it keeps the others from being reached.
    let ends_the_cell = |operation: &&Candidate<'_>| match (expected.behaviour, expected.ends) {
        (BehaviourName::Answered, _) => false,
        _ if watched.observe.judge == Judged::Worst => true,
        (BehaviourName::Hung, Some(HangEndName::Answer)) => false,
        (BehaviourName::FailedFast, _) | (BehaviourName::Hung, Some(HangEndName::Error)) => {
            !operation.may_fail
        }
        (BehaviourName::Hung, Some(HangEndName::None) | None) => true,
    };
    let case = Case {
        expected,
        places,
        served_by,
        watched,
    };
    let mistake = case.of(last)?;
    let others = before.iter().filter(ends_the_cell);
    others
        .map(|operation| case.of(operation))
        .all(|other| other.is_some())
        .then_some(mistake)
}

struct Case<'c, 'd> {
    expected: &'c ExpectedBehaviour,
    places: &'c Places,
    served_by: &'c [At<Name>],
    watched: &'c Watched<'d>,
}

impl Case<'_, '_> {
    fn of(&self, operation: &Candidate<'_>) -> Option<Mistake> {
        self.too_long(operation)
            .or_else(|| self.unseen(operation))
            .or_else(|| self.too_short(operation))
            .or_else(|| self.no_such_error(operation))
            .or_else(|| self.served_by_none(operation))
            .or_else(|| self.nobody_counted(operation))
    }

    /// Is there nobody to be counted, or nothing to be compared with?
    fn nobody_counted(&self, operation: &Candidate<'_>) -> Option<Mistake> {
        let span = self.places.clients?;
        let never =
            |span, message: &str, label: &str| Mistake::new(MistakeKind::NeverMet, span, message, label);
        if !operation.each {
            let (message, label) = (
                "`clients` of an operation that is no `connect-each`",
                "the last operation of `act` has one connection",
            );
            return Some(never(span, message, label).help("end `act` with `- connect-each: {}`"));
        }
        let moved = self.places.moved.filter(|_| !self.watched.each_before)?;
        let (message, label) = (
            "`moved` without a `connect-each` in `before`",
            "nothing to compare with",
        );
        Some(never(moved, message, label).help("add `- connect-each: {}` to `before`"))
    }

    /// Was none of the real servers that are to serve it in the director's table when one was chosen?
    fn served_by_none(&self, operation: &Candidate<'_>) -> Option<Mistake> {
        let servers = operation.servers.as_ref()?;
        let (first, others) = self.served_by.split_first()?;
        if self.served_by.iter().any(|named| servers.contains(&named.value)) {
            return None;
        }
        let names = listed(self.served_by.iter().map(|named| named.value.as_str()));
        let message = match others {
            [] => format!("`{}` can never serve this operation", first.value),
            [_, ..] => format!("none of {names} can ever serve this operation"),
        };
        let label = match servers.is_empty() {
            true => "no real server is in the director's table when the connection is opened".to_owned(),
            false => format!(
                "in the director's table when the connection can be opened: {}",
                listed(servers.iter().map(Name::as_str))
            ),
        };
        Some(Mistake::new(MistakeKind::NeverMet, first.span, message, label).help(
            "name a real server that is in the table then, or leave `served-by` out where nobody serves it",
        ))
    }

    /// Was it begun before `act`? Then so much time has passed since, at least and at most.
    fn since_begun(&self, operation: &Candidate<'_>) -> (Duration, Duration) {
        let (act, begun) = (self.watched.act, operation.begun);
        (
            act.least.saturating_sub(begun.least),
            act.most.saturating_sub(begun.most),
        )
    }

    /// What is answered or fails within patience cannot have lasted longer.
    fn too_long(&self, operation: &Candidate<'_>) -> Option<Mistake> {
        let (least, span) = (self.expected.at_least?, self.places.at_least?);
        let patience = self.watched.observe.patience;
        if self.expected.behaviour == BehaviourName::Hung
            || operation.pauses()
            || may_trickle(operation.statement.as_deref())
        {
            return None;
        }
        let (_, since_begun) = self.since_begun(operation);
        let longest = since_begun.max(operation.takes()).saturating_add(patience);
        if least <= longest {
            return None;
        }
        let (behaviour, end) = match self.expected.behaviour {
            BehaviourName::Answered => ("answered", "answer"),
            BehaviourName::FailedFast | BehaviourName::Hung => ("failed-fast", "error"),
        };
        let of = match (since_begun.is_zero(), operation.takes()) {
            (true, Duration::ZERO) => String::new(),
            (true, takes) => format!(" after the {} that the statement takes", Human(takes)),
            (false, _) => " after `act` has begun".to_owned(),
        };
        let message = format!("`{behaviour}` with `at-least` {} can never be met", Human(least));
        let label = format!("`{behaviour}` is within patience, {}{of}", Human(patience));
        let mistake = Mistake::new(MistakeKind::NeverMet, span, message, label);
        Some(mistake.second(self.places.behaviour, "the behaviour").help(format!(
            "silence beyond patience is a hang: write `behaviour: hung, ends: {end}`, or leave `at-least` out"
        )))
    }

    /// What lasts beyond the end of the observation is not seen to.
    fn unseen(&self, operation: &Candidate<'_>) -> Option<Mistake> {
        let (least, span) = (self.expected.at_least?, self.places.at_least?);
        let until = self.watched.observe.until;
        let (_, since_begun) = self.since_begun(operation);
        let later = operation.begun.least.saturating_sub(self.watched.act.least);
        let longest = since_begun.saturating_add(until.saturating_sub(later));
        if least <= longest.saturating_add(LATE) {
            return None;
        }
        let label = if since_begun.is_zero() {
            format!("the operation is watched for {} at most", Human(longest))
        } else {
            "longer than the operation is watched".to_owned()
        };
        let message = format!("`at-least` {} can never be seen", Human(least));
        let mistake = Mistake::new(MistakeKind::NeverMet, span, message, label);
        Some(mistake.second(self.watched.until, "the observation ends").help(
            "`until` counts from the beginning of the `act` steps, with their waits: let it be longer, or \
             `at-least` shorter",
        ))
    }

    /// A hang is silence beyond patience.
    fn too_short(&self, operation: &Candidate<'_>) -> Option<Mistake> {
        let (most, span) = (self.expected.at_most?, self.places.at_most?);
        if self.expected.behaviour != BehaviourName::Hung {
            return None;
        }
        let (since_begun, _) = self.since_begun(operation);
        let patience = self.watched.observe.patience;
        let shortest = since_begun.max(operation.takes()).saturating_add(patience);
        if most > shortest {
            return None;
        }
        let before = if operation.takes() >= since_begun {
            format!("the statement takes {}", Human(operation.takes()))
        } else {
            format!("it began {} before `act`", Human(since_begun))
        };
        let message = format!("`hung` with `at-most` {} can never be met", Human(most));
        let label = format!("{before}, and patience ends {} later", Human(patience));
        let mistake = Mistake::new(MistakeKind::NeverMet, span, message, label);
        Some(
            mistake
                .second(self.places.behaviour, "the behaviour")
                .help(format!(
                    "times count from the operation's beginning: `at-most` must be longer than {}",
                    Human(shortest)
                )),
        )
    }

    /// The driver's codes are derived from what it did and what the packets show (`verdict::error`). Other
    /// programs may report what they like.
    fn no_such_error(&self, operation: &Candidate<'_>) -> Option<Mistake> {
        let (code, span) = (self.expected.error?, self.places.error?);
        if !self.watched.program.as_ref().is_some_and(Program::does_as_told) {
            return None;
        }
        let wrong = |span, message: String, label: &str, help: &str| {
            Some(Mistake::new(MistakeKind::NeverMet, span, message, label).help(help))
        };
        match (operation.statement.as_deref(), self.expected.errno) {
            (None, _) if code == GONE_AWAY => wrong(
                span,
                format!("a connect never fails with {code}"),
                "of a statement whose connection had ended before it",
                "2003: TCP was not established; 2013: the connection was lost before the login was through; \
                 or a number of the server's",
            ),
            (Some(_), _) if CANNOT_CONNECT.contains(&code) => wrong(
                span,
                format!("a statement never fails with {code}"),
                "of a connect that was not established",
                "2006: the connection had ended before the statement was sent; 2013: it was lost after that; \
                 or a number of the server's",
            ),
            (None, Some(errno)) if CANNOT_CONNECT.contains(&code) && OF_ESTABLISHED.contains(&errno) => {
                wrong(
                    self.places.errno?,
                    format!("a connect that fails with {code} never has errno {errno}"),
                    "of a connection that was established",
                    "an RST refuses a connect with 111 (ECONNREFUSED); silence ends it with 110 (ETIMEDOUT), \
                     a host that is not there with 113 (EHOSTUNREACH)",
                )
            }
            (None | Some(_), _) => None,
        }
    }
}

/// Can its result come in parts, with less than patience between them, for longer than patience in all? The
/// OK of a statement without a result is one segment, and so is a row without a table and without a function
/// that makes long texts.
fn may_trickle(statement: Option<&Statement>) -> bool {
    const WITHOUT_RESULT: &[&str] = &[
        "begin", "commit", "rollback", "set", "do", "update", "insert", "delete", "replace", "create",
        "drop", "use",
    ];
    const LONG_RESULT: &[&str] = &[
        "from",
        "union",
        "with",
        "repeat",
        "space",
        "pad",
        "json",
        "concat",
        "random",
        "hex",
        "load_file",
    ];
    const LONGEST_TEXT: usize = 1000;
    let Some(statement) = statement else {
        return false;
    };
    let sql = statement.sql.to_lowercase();
    let first = sql
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    let has = |words: &[&str]| words.iter().any(|word| sql.contains(word));
    let one_segment = match first {
        "select" => !has(LONG_RESULT),
        other => WITHOUT_RESULT.contains(&other) && !has(&["returning"]),
    };
    statement.payload.is_some() || sql.len() > LONGEST_TEXT || sql.contains(';') || !one_segment
}
