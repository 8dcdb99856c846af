//! Steps: from the actions as typed to [`Action`]s with their places.

use crate::Name;
use crate::action::{
    Action, ClientAction, HostAction, MysqldAction, Node, Opening, Percent, Statement, StopSignal,
    TableAction, TrafficAction,
};
use crate::base::DEFAULT_WEIGHT;
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes, did_you_mean, listed};
use crate::scenario::place::{At, Span};
use crate::scenario::read::List;
use crate::scenario::scalar::Weight;
use crate::scenario::syntax::{ConnectInput, ConnectionInput, ServiceInput, StatementInput, StepInput};
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
    /// Where the name and the value of the sysctl that it sets stand.
    pub(super) sysctl: Option<(Span, Span)>,
}

impl Placed {
    /// The real server that it names.
    pub(super) fn server(&self) -> Option<&Name> {
        let to = self.action.of_client().and_then(ClientAction::to);
        to.or_else(|| self.action.server())
    }
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

    pub(super) fn all(&self) -> impl Iterator<Item = &Placed> {
        self.before.iter().chain(&self.change).chain(&self.act)
    }
}

/// The action, if all it needs could be read.
fn place(step: &At<StepInput>) -> Option<Placed> {
    let (action, host) = match &step.value {
        StepInput::RemoveRealServer(input) => {
            of_server(complete(input.complete(), &input.server), |server| {
                TableAction::RemoveRealServer { server }.into()
            })?
        }
        StepInput::AddRealServer(input) => of_server(complete(input.complete(), &input.server), |server| {
            let weight = weight_or_default(&input.weight);
            TableAction::AddRealServer { server, weight }.into()
        })?,
        StepInput::SetWeight(input) => {
            let weight = input.weight.as_ref()?.value.0;
            of_server(complete(input.complete(), &input.server), |server| {
                TableAction::SetWeight { server, weight }.into()
            })?
        }
        StepInput::SetForwarding(input) => {
            let method = input.method.as_ref()?.value.0;
            let weight = weight_or_default(&input.weight);
            of_server(complete(input.complete(), &input.server), |server| {
                TableAction::SetForwarding {
                    server,
                    method,
                    weight,
                }
                .into()
            })?
        }
        StepInput::RemoveService(input) => {
            let port = port(input)?;
            (TableAction::RemoveService { port }.into(), None)
        }
        StepInput::AddService(input) => {
            let port = port(input)?;
            (TableAction::AddService { port }.into(), None)
        }
        StepInput::SetScheduler(input) => {
            let scheduler = input.scheduler.as_ref()?.value.0.to_owned();
            (TableAction::SetScheduler { scheduler }.into(), None)
        }
        StepInput::FlushTable(_) => (TableAction::FlushTable.into(), None),
        StepInput::SaveTable(_) => (TableAction::SaveTable.into(), None),
        StepInput::RestoreTable(_) => (TableAction::RestoreTable.into(), None),
        StepInput::SetTimeouts(input) => {
            let tcp = complete(input.complete(), &input.tcp)?.value.0;
            let tcp_fin = input.tcp_fin.as_ref().map(|time| time.value.0);
            (TableAction::SetTimeouts { tcp, tcp_fin }.into(), None)
        }
        StepInput::StopMysqld(input) => of_server(complete(input.complete(), &input.server), |server| {
            let signal = input
                .signal
                .as_ref()
                .map_or(StopSignal::Term, |signal| signal.value);
            MysqldAction::StopMysqld { server, signal }.into()
        })?,
        StepInput::StartMysqld(input) => of_server(complete(input.complete(), &input.server), |server| {
            MysqldAction::StartMysqld { server }.into()
        })?,
        StepInput::FreezeMysqld(input) => of_server(complete(input.complete(), &input.server), |server| {
            MysqldAction::FreezeMysqld { server }.into()
        })?,
        StepInput::ThawMysqld(input) => of_server(complete(input.complete(), &input.server), |server| {
            MysqldAction::ThawMysqld { server }.into()
        })?,
        StepInput::PowerOff(input) => of_server(complete(input.complete(), &input.server), |server| {
            let neighbours = input
                .neighbours
                .as_ref()
                .map_or_else(Default::default, |word| word.value);
            HostAction::PowerOff { server, neighbours }.into()
        })?,
        StepInput::LinkDown(input) => of_node(complete(input.complete(), &input.node), |node| {
            HostAction::LinkDown { node }.into()
        })?,
        StepInput::LinkUp(input) => of_node(complete(input.complete(), &input.node), |node| {
            HostAction::LinkUp { node }.into()
        })?,
        StepInput::AddFirewallRule(input) => {
            let (chain, verdict) = (input.chain.as_ref()?.value, input.verdict.as_ref()?.value);
            of_node(complete(input.complete(), &input.node), |node| {
                TrafficAction::AddFirewallRule { node, chain, verdict }.into()
            })?
        }
        StepInput::FlushFirewall(input) => of_node(complete(input.complete(), &input.node), |node| {
            TrafficAction::FlushFirewall { node }.into()
        })?,
        StepInput::SetNetem(input) => of_node(complete(input.complete(), &input.node), |node| {
            let delay = input.delay.as_ref().map_or(Duration::ZERO, |delay| delay.value);
            let loss = input.loss.as_ref().map_or(Percent(0), |loss| loss.value);
            TrafficAction::SetNetem { node, delay, loss }.into()
        })?,
        StepInput::SetSysctl(input) => {
            let (key, value) = (
                input.key.as_ref()?.value.0.clone(),
                input.value.as_ref()?.value.0.clone(),
            );
            of_node(complete(input.complete(), &input.node), |node| {
                HostAction::SetSysctl { node, key, value }.into()
            })?
        }
        StepInput::Connect(input) => (ClientAction::Connect(opening(input)?).into(), input.to.clone()),
        StepInput::StartConnect(input) => (
            ClientAction::StartConnect(opening(input)?).into(),
            input.to.clone(),
        ),
        StepInput::AwaitConnect(input) => of_client(ClientAction::AwaitConnect {
            on: connection(input)?,
        }),
        StepInput::Query(input) => of_client(ClientAction::Query(statement(input)?)),
        StepInput::StartQuery(input) => of_client(ClientAction::StartQuery(statement(input)?)),
        StepInput::AwaitResult(input) => of_client(ClientAction::AwaitResult {
            on: connection(input)?,
        }),
        StepInput::Disconnect(input) => {
            let how = input
                .how
                .as_ref()
                .map_or_else(Default::default, |word| word.value);
            let on = input.complete().then(|| name(&input.on))?;
            of_client(ClientAction::Disconnect { on, how })
        }
        StepInput::Wait(time) => (Action::Wait(time.value), None),
    };
    Some(Placed {
        action,
        span: step.span,
        host,
        sysctl: sysctl(&step.value),
    })
}

fn sysctl(step: &StepInput) -> Option<(Span, Span)> {
    if let StepInput::SetSysctl(input) = step {
        Some((input.key.as_ref()?.span, input.value.as_ref()?.span))
    } else {
        None
    }
}

/// An action and the host that it names.
type OfHost = (Action, Option<At<Name>>);

fn of_server(server: Option<&At<Name>>, action: impl FnOnce(Name) -> Action) -> Option<OfHost> {
    let server = server?;
    Some((action(server.value.clone()), Some(server.clone())))
}

fn of_client(action: ClientAction) -> OfHost {
    (action.into(), None)
}

fn of_node(node: Option<&At<Name>>, action: impl FnOnce(Node) -> Action) -> Option<OfHost> {
    let name = node?;
    let node = match name.value.as_str() {
        "client" => Node::Client,
        "director" => Node::Director,
        _ => Node::RealServer(name.value.clone()),
    };
    Some((action(node), Some(name.clone())))
}

fn weight_or_default(weight: &Option<At<Weight>>) -> u16 {
    weight.as_ref().map_or(DEFAULT_WEIGHT, |weight| weight.value.0)
}

/// The port that was given, if any; `None` if it could not be read.
fn port(input: &ServiceInput) -> Option<Option<u16>> {
    input
        .complete()
        .then(|| input.port.as_ref().map(|port| port.value.0))
}

fn complete<T>(complete: bool, field: &Option<T>) -> Option<&T> {
    field.as_ref().filter(|_| complete)
}

fn name(input: &Option<At<Name>>) -> Option<Name> {
    input.as_ref().map(|name| name.value.clone())
}

/// The name of the connection, if it has one; `None` if it could not be read.
fn connection(input: &ConnectionInput) -> Option<Option<Name>> {
    input.complete().then(|| name(&input.on))
}

fn opening(input: &ConnectInput) -> Option<Opening> {
    input.complete().then(|| Opening {
        name: name(&input.name),
        to: name(&input.to),
        may_fail: input.may_fail.is_some(),
    })
}

fn statement(input: &StatementInput) -> Option<Statement> {
    let sql = complete(input.complete(), &input.sql)?;
    Some(Statement {
        sql: sql.value.0.clone(),
        takes: input.takes.as_ref().map_or(Duration::ZERO, |takes| takes.value),
        on: name(&input.on),
        may_fail: input.may_fail.is_some(),
        payload: input.payload.as_ref().map(|bytes| bytes.value.0),
        pause_after: input.pause_after.as_ref().map(|rows| rows.value.0),
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
            .filter(|host| step.server().is_some() && !known.contains(&host.value.as_str()))
        else {
            continue;
        };
        let (what, more) = match step.action {
            Action::Host(
                HostAction::SetSysctl { .. } | HostAction::LinkDown { .. } | HostAction::LinkUp { .. },
            )
            | Action::Traffic(_) => ("host", "client, director, "),
            Action::Host(HostAction::PowerOff { .. })
            | Action::Table(_)
            | Action::Mysqld(_)
            | Action::Client(_)
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
