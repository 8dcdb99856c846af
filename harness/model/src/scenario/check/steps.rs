//! Steps: from the actions as typed to [`Action`]s with their places.

use crate::Name;
use crate::action::{Action, HostAction, MysqldAction, Node, Statement, StopSignal, TableAction};
use crate::scenario::input::{DEFAULT_WEIGHT, StatementInput, StepInput};
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes, did_you_mean, listed};
use crate::scenario::place::{At, Span};
use crate::scenario::read::List;
use crate::scenario::scalar::Weight;
use crate::scenario::table::Structure;
use std::collections::HashSet;
use std::time::Duration;

/// Steps by phase.
pub(super) struct Steps {
    pub(super) before: Vec<Placed>,
    pub(super) change: Vec<Placed>,
    pub(super) act: Vec<Placed>,
    /// Was every step read? If not, the time line of their cells is not judged.
    pub(super) complete: bool,
}

/// An action and where it stands.
pub(super) struct Placed {
    pub(super) action: Action,
    /// The action's key.
    pub(super) span: Span,
    /// The name of the host it speaks of.
    pub(super) host: Option<At<Name>>,
}

type Input = Option<List<At<StepInput>>>;

impl Steps {
    /// The steps of one place in the file; `complete` says whether all its fields could be read.
    pub(super) fn of(before: &Input, change: &Input, act: &Input, complete: bool) -> Self {
        let mut complete = complete;
        let mut phase = |input: &Input| {
            let Some(list) = input else {
                return Vec::new();
            };
            let placed: Vec<_> = list.items.iter().filter_map(place).collect();
            complete &= list.complete && placed.len() == list.items.len();
            placed
        };
        Self {
            before: phase(before),
            change: phase(change),
            act: phase(act),
            complete,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Placed> {
        self.before.iter().chain(&self.change).chain(&self.act)
    }
}

/// The action, if all it needs could be read.
fn place(step: &At<StepInput>) -> Option<Placed> {
    let weight_or_default =
        |weight: &Option<At<Weight>>| weight.as_ref().map_or(DEFAULT_WEIGHT, |weight| weight.value.0);
    let (action, host) = match &step.value {
        StepInput::RemoveRealServer(input) => {
            let server = complete(input.complete(), &input.server)?;
            let action = TableAction::RemoveRealServer {
                server: server.value.clone(),
            };
            (action.into(), Some(server))
        }
        StepInput::AddRealServer(input) => {
            let server = complete(input.complete(), &input.server)?;
            let action = TableAction::AddRealServer {
                server: server.value.clone(),
                weight: weight_or_default(&input.weight),
            };
            (action.into(), Some(server))
        }
        StepInput::SetWeight(input) => {
            let server = complete(input.complete(), &input.server)?;
            let action = TableAction::SetWeight {
                server: server.value.clone(),
                weight: input.weight.as_ref()?.value.0,
            };
            (action.into(), Some(server))
        }
        StepInput::StopMysqld(input) => {
            let server = complete(input.complete(), &input.server)?;
            let action = MysqldAction::StopMysqld {
                server: server.value.clone(),
                signal: input.signal.as_ref().map_or(StopSignal::Term, |signal| signal.value),
            };
            (action.into(), Some(server))
        }
        StepInput::StartMysqld(input) => {
            let server = complete(input.complete(), &input.server)?;
            let action = MysqldAction::StartMysqld {
                server: server.value.clone(),
            };
            (action.into(), Some(server))
        }
        StepInput::PowerOff(input) => {
            let server = complete(input.complete(), &input.server)?;
            let action = HostAction::PowerOff {
                server: server.value.clone(),
            };
            (action.into(), Some(server))
        }
        StepInput::SetSysctl(input) => {
            let name = complete(input.complete(), &input.node)?;
            let action = HostAction::SetSysctl {
                node: match name.value.as_str() {
                    "client" => Node::Client,
                    "director" => Node::Director,
                    _ => Node::RealServer(name.value.clone()),
                },
                key: input.key.as_ref()?.value.0.clone(),
                value: input.value.as_ref()?.value.0.clone(),
            };
            (action.into(), Some(name))
        }
        StepInput::Connect(_) => (Action::Connect, None),
        StepInput::Query(input) => (Action::Query(statement(input)?), None),
        StepInput::StartQuery(input) => (Action::StartQuery(statement(input)?), None),
        StepInput::AwaitResult(_) => (Action::AwaitResult, None),
        StepInput::Wait(time) => (Action::Wait(time.value), None),
    };
    Some(Placed {
        action,
        span: step.span,
        host: host.cloned(),
    })
}

fn complete<T>(complete: bool, field: &Option<T>) -> Option<&T> {
    field.as_ref().filter(|_| complete)
}

fn statement(input: &StatementInput) -> Option<Statement> {
    let sql = complete(input.complete(), &input.sql)?;
    Some(Statement {
        sql: sql.value.0.clone(),
        takes: input.takes.as_ref().map_or(Duration::ZERO, |takes| takes.value),
    })
}

/// Names that no lab of the file has. (A name that only some cells have is found with the time line.)
pub(super) fn check_names(draft: &super::Draft, mistakes: &mut Mistakes) {
    let labs = draft.lab.iter().map(|lab| &lab.added);
    let mut known: Vec<&str> = labs
        .chain(draft.values().map(|value| &value.added))
        .flat_map(|added| &added.real_servers)
        .map(|server| server.value.name.as_str())
        .collect();
    let mut seen = HashSet::new();
    known.retain(|name| seen.insert(*name));
    let steps = std::iter::once(&draft.steps).chain(draft.values().map(|value| &value.steps));
    for step in steps.flat_map(Steps::all) {
        let Some(host) = step
            .host
            .as_ref()
            .filter(|host| step.action.server().is_some() && !known.contains(&host.value.as_str()))
        else {
            continue;
        };
        let (what, more) = match step.action {
            Action::Host(HostAction::SetSysctl { .. }) => ("host", "client, director, "),
            Action::Host(HostAction::PowerOff { .. })
            | Action::Table(_)
            | Action::Mysqld(_)
            | Action::Connect
            | Action::Query(_)
            | Action::StartQuery(_)
            | Action::AwaitResult
            | Action::Wait(_) => ("real server", ""),
        };
        mistakes.add(
            Mistake::new(
                MistakeKind::UnknownServer,
                host.span,
                format!("no {what} named `{}`", host.value),
                format!("{what}s of this lab: {more}{}", listed(known.iter().copied())),
            )
            .maybe_help(did_you_mean(host.value.as_str(), known.iter().copied())),
        );
    }
}
