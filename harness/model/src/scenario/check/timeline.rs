//! Every cell's time line is walked through: a step that cannot work in some cell is a mistake of the file,
//! not a surprise of the run.

mod client;
mod filled;
mod method;
mod ports;
mod watch;

use super::Draft;
use super::cell_lab::CellLab;
use super::findings::Findings;
use super::gap::Gone;
use super::possible::{Candidate, Passed, Watched, impossible};
use super::server;
use super::state::{Wrong, not_in_table};
use super::steps::Steps;
use crate::Name;
use crate::action::{Action, ClientAction, ClockAction, Node};
use crate::base::Phase;
use crate::client::{ClientChoice, Program};
use crate::duration::Human;
use crate::lab::{Further, State, Table};
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes, listed};
use crate::scenario::place::Span;
use crate::scenario::syntax::Placed;
use crate::scenario::{ClientAt, Expected, Family, FurtherService, RealServer, ServerKind};
use filled::Filled;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(super) fn check(draft: &Draft, sizes: &[usize], mistakes: &mut Mistakes) {
    let (mut findings, mut warnings) = (Findings::default(), Findings::default());
    for choice in Draft::cells(sizes) {
        let sources: Vec<&Steps> = std::iter::once(&draft.steps)
            .chain(draft.chosen(&choice).map(|(_, value)| &value.steps))
            .collect();
        if sources.iter().all(|steps| steps.complete) {
            Walk::new(draft, &choice, &mut findings, &mut warnings).all(&sources);
        }
    }
    findings.report(draft, mistakes);
    warnings.warn(draft, mistakes);
}

/// A connection by its name; `None` is the plain one.
type On<'d> = Option<&'d Name>;

/// What a step can begin and another await.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Connect,
    Statement,
}

impl What {
    /// What it is, and the action that awaits it.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Connect => ("a connect", "await-connect"),
            Self::Statement => ("a statement", "await-result"),
        }
    }

    fn goes_on(self) -> &'static str {
        match self {
            Self::Connect => "is under way",
            Self::Statement => "is running",
        }
    }
}

/// Something that was begun.
struct Running<'d> {
    what: What,
    span: Span,
    /// In which phase it began.
    phase: Phase,
    /// When it has ended, if all is well.
    due: Duration,
    /// The operation that it is.
    operation: Candidate<'d>,
}

fn of_name(word: &str, on: On<'_>) -> String {
    on.map_or_else(String::new, |name| format!("{word} `{name}`"))
}

/// One cell's time line.
struct Walk<'d, 'f> {
    draft: &'d Draft,
    choice: &'d [usize],
    findings: &'f mut Findings,
    warnings: &'f mut Findings,
    state: State<'d>,
    /// What steps before took out of each director's table, if no time has passed since.
    gone: BTreeMap<Node, Gone>,
    /// The connections that are open.
    connected: BTreeSet<On<'d>>,
    /// What was begun on a connection and not awaited.
    running: BTreeMap<On<'d>, Running<'d>>,
    /// The earliest time at which the next step begins, if nothing but stated times passes.
    now: Duration,
    /// How much time has passed for certain, and at the most.
    passed: Passed,
    /// The operations that `act` may end with.
    operations: Vec<Candidate<'d>>,
    /// Can every step work, so far?
    good: bool,
    /// The real servers that were in the director's table at any moment so far.
    ever_in_table: BTreeSet<Name>,
    /// The phase of the next step.
    phase: Phase,
    /// How long the steps of `act` wait for facts, at the most.
    watched_at_most: Duration,
    /// How many ports the client has for its connections, if it is said; and was nothing done to the lab so
    /// far?
    ports: Option<u32>,
    undisturbed: bool,
    /// Has the client connected from each address in `before`?
    each_before: bool,
    /// Is the virtual service persistent?
    persistent: bool,
    /// The real servers that clients may reach past the director.
    bypassing: BTreeSet<Name>,
    /// The connections that the director counts for thresholds.
    filled: Filled<'d>,
    /// Is the service one of UDP, where a connect sends nothing?
    datagrams: bool,
    /// The real servers that are reached by tunnels of the other family than the VIP's, with that family.
    crossed: BTreeMap<&'d Name, Family>,
    /// The real servers whose port is not the service's.
    translated: BTreeSet<&'d Name>,
    /// Is something said of several services?
    several: bool,
}

impl<'d, 'f> Walk<'d, 'f> {
    fn new(
        draft: &'d Draft,
        choice: &'d [usize],
        findings: &'f mut Findings,
        warnings: &'f mut Findings,
    ) -> Self {
        let said = || {
            let lab = draft.lab.iter();
            lab.chain(draft.chosen(choice).map(|(_, value)| &value.added))
        };
        let servers: Vec<&RealServer> = said()
            .flat_map(|added| &added.real_servers)
            .map(|server| &server.value)
            .collect();
        let wiring = CellLab::of(draft, choice);
        let of = |service: &Name| {
            let service = service.clone();
            let inside = servers
                .iter()
                .filter(move |server| !server.stands_by && server.is_in(&service));
            inside.map(|server| (server.name.clone(), server.weight))
        };
        let weights = of(&Name::of_own_service());
        let services = || wiring.services().map(|at| &at.value);
        let apart = || services().filter(|service| !service.same_mark);
        let further = |service: &FurtherService| Further {
            port: service.port,
            servers: of(&service.name).collect(),
        };
        let table = Table {
            service: true,
            servers: weights.collect(),
            others: apart().map(|service| service.port).collect(),
            further: apart()
                .map(|service| (service.name.clone(), further(service)))
                .collect(),
            ..Table::default()
        };
        let bypassing: BTreeSet<Name> = wiring.all_bypassing().cloned().collect();
        let in_further = table.further.values().flat_map(|further| further.servers.keys());
        let in_table = table.servers.keys().chain(in_further).cloned();
        let ever_in_table = in_table.chain(bypassing.iter().cloned()).collect();
        let filled = Filled::of(&table, wiring.thresholds());
        let state = State::new(servers.iter().map(|server| &server.name))
            .with_table(&table)
            .with_mute(wiring.all_mute())
            .with_bypass(!bypassing.is_empty());
        let state = if said().any(|added| added.firewall_mark.is_some()) {
            state.with_marks_by(&draft.first_director)
        } else {
            state
        };
        let several = services().next().is_some() || servers.iter().any(|server| server.services.is_some());
        let client_at = wiring.last(|part| part.client_at.as_ref());
        let state = state.with_router(client_at.map_or_else(ClientAt::default, |at| at.value));
        let state = state.with_control(wiring.control_plane());
        let directors = wiring.directors().into_iter();
        let directors: Vec<Node> = directors.map(|director| Node::Director(director.name)).collect();
        let state = state.with_directors(directors.iter());
        Self {
            draft,
            choice,
            findings,
            warnings,
            gone: BTreeMap::new(),
            ever_in_table,
            bypassing,
            filled,
            datagrams: server::kind(draft, choice) == ServerKind::UdpEcho,
            state,
            connected: BTreeSet::new(),
            running: BTreeMap::new(),
            now: Duration::ZERO,
            passed: Passed::default(),
            operations: Vec::new(),
            good: true,
            phase: Phase::Before,
            watched_at_most: Duration::ZERO,
            ports: ports::ports(draft, choice),
            undisturbed: true,
            each_before: false,
            persistent: said().any(|added| added.persistence.is_some()),
            crossed: wiring.all_crossed().collect(),
            translated: wiring.all_translated().map(|(name, _)| name).collect(),
            several,
        }
    }

    fn all(mut self, sources: &[&'d Steps]) {
        let mut act_began = Duration::ZERO;
        let mut act = Passed::default();
        let mut acted = false;
        for phase in [Phase::Before, Phase::Change, Phase::Act] {
            self.phase = phase;
            let mut first = phase == Phase::Act;
            if first {
                (act_began, act) = (self.now, self.passed);
                self.watched_at_most = Duration::ZERO;
                self.operations.clear();
            }
            for steps in sources {
                let steps = match phase {
                    Phase::Before => &steps.before,
                    Phase::Change => &steps.change,
                    Phase::Act => &steps.act,
                };
                for step in steps {
                    acted |= phase == Phase::Act && step.action.is_classified();
                    self.gap(step);
                    // `act` begins with its first step, after the gap before that.
                    if std::mem::take(&mut first) {
                        (act_began, act) = (self.now, self.passed);
                    }
                    self.step(step);
                }
            }
        }
        if let Some(Running { what, span, .. }) = self.running.values().next() {
            let (span, result) = (*span, matches!(what, What::Statement));
            let (what, await_it) = what.words();
            self.found(span, MistakeKind::NeverAwaited, || {
                Mistake::new(
                    MistakeKind::NeverAwaited,
                    span,
                    format!(
                        "{what} is started and {}never awaited",
                        if result { "its result " } else { "" }
                    ),
                    format!("no `{await_it}` comes after it"),
                )
                .help(format!(
                    "end `act` with `- {await_it}: {{}}`, with the connection's name if it has one"
                ))
            });
        } else if !acted {
            self.nothing_to_classify();
        } else {
            self.watched_long_enough(act_began);
            self.can_be_met(act);
        }
    }

    /// What is expected of the cell can be.
    fn can_be_met(self, act: Passed) {
        let mut covering = self
            .draft
            .expectations
            .iter()
            .filter(|item| item.covers(self.choice));
        let (Some(item), None, Some((observe, until)), true) =
            (covering.next(), covering.next(), self.draft.observe, self.good)
        else {
            return;
        };
        let (Expected::Behaviour(expected), Some(places)) = (&item.expected, &item.places) else {
            return;
        };
        let watched = Watched {
            operations: self.operations,
            act,
            observe,
            until,
            program: program(self.draft, self.choice),
            each_before: self.each_before,
        };
        if let Some(mistake) = impossible(expected, places, &item.served_by, &watched) {
            let (draft, choice) = (self.draft, self.choice);
            self.findings
                .add(|| draft.slug(choice), mistake.span, mistake.kind, || mistake);
        }
    }

    fn nothing_to_classify(&mut self) {
        let span = self.draft.places.act;
        self.found(span, MistakeKind::NothingToClassify, || {
            Mistake::new(
                MistakeKind::NothingToClassify,
                span,
                "nothing that the client does after the change",
                "`act` has none of connect, query, await-connect, await-result",
            )
            .help(
                "the last operation of the client in `act` is what is classified: add one, here or to a \
                value",
            )
        });
    }

    fn watched_long_enough(&mut self, act_began: Duration) {
        let Some((observe, span)) = self.draft.observe else {
            return;
        };
        let needed = self
            .now
            .saturating_sub(act_began)
            .saturating_add(self.watched_at_most)
            .saturating_add(observe.patience);
        if needed >= observe.until {
            self.found(span, MistakeKind::ObservationTooShort, || {
                Mistake::new(
                    MistakeKind::ObservationTooShort,
                    span,
                    format!(
                        "the steps of `act` and patience take {}, and the observation ends at {}",
                        Human(needed),
                        Human(observe.until)
                    ),
                    format!("must be longer than {}", Human(needed)),
                )
                .help(
                    "`until` counts from the beginning of the `act` steps, with their waits and what \
                    statements take",
                )
            });
        }
    }

    fn found(&mut self, span: Span, kind: MistakeKind, mistake: impl FnOnce() -> Mistake) {
        self.good = false;
        let (draft, choice) = (self.draft, self.choice);
        self.findings.add(|| draft.slug(choice), span, kind, mistake);
    }

    /// A mistake at a step, with its label and help.
    fn wrong(&mut self, step: &Placed, kind: MistakeKind, message: &str, label: &str, help: &str) {
        self.found(step.span, kind, || {
            Mistake::new(kind, step.span, message, label).help(help)
        });
    }

    /// Takes a step. After a mistake the walk goes on as if it had worked: what follows from it is not said
    /// again.
    fn step(&mut self, step: &'d Placed) {
        self.needs_service(step);
        match &step.action {
            Action::Client(action) => {
                self.step_of_client(step, action);
                self.passed.step(action.own_time());
            }
            Action::Watch(action) => {
                self.step_of_watch(step);
                self.filled.waits();
                self.watched_at_most = self.watched_at_most.saturating_add(action.until().at_most);
                self.passed.step(action.until().at_most);
            }
            Action::Wait(ClockAction::Wait(time)) => {
                self.now = self.now.saturating_add(*time);
                self.passed.wait(*time);
                self.filled.waits();
            }
            Action::Table(_)
            | Action::Other(_)
            | Action::Mysqld(_)
            | Action::Host(_)
            | Action::Traffic(_) => {
                self.step_of_lab(step);
                self.undisturbed = false;
                self.passed.step(Duration::ZERO);
            }
        }
    }

    /// The virtual service that a step names must be there, and one of its own if it is edited.
    fn needs_service(&mut self, step: &Placed) {
        if !self.several && step.named_service().is_none() {
            return;
        }
        let wiring = CellLab::of(self.draft, self.choice);
        let known: Vec<&FurtherService> = wiring.services().map(|at| &at.value).collect();
        let own = Name::of_own_service();
        if let Some((name, span)) = step.named_service() {
            let found = known.iter().find(|service| service.name == *name);
            if found.is_none() && *name != own {
                let names = known.iter().map(|service| service.name.as_str());
                let here = listed(names.chain([own.as_str()]));
                self.found(span, MistakeKind::UnknownServer, || {
                    let message = format!("some cells with this step have no service named `{name}`");
                    let label = format!("services there: {here}");
                    Mistake::new(MistakeKind::UnknownServer, span, message, label)
                });
                return;
            }
            if found.is_some_and(|service| service.same_mark) && step.service.is_some() {
                self.found(span, MistakeKind::TableState, || {
                    let message = format!("`{name}` is one service with the lab's own, by its mark");
                    let label = "it has no table of its own";
                    let help = "leave `service` out: the lab's own service has the real servers of both";
                    Mistake::new(MistakeKind::TableState, span, message, label).help(help)
                });
                return;
            }
        }
        let service = match &step.action {
            Action::Table(edit) if edit.action.is_of_one_service() => own,
            Action::Other(other) => other.service.clone(),
            Action::Client(ClientAction::ConnectEach { .. }) if !known.is_empty() => {
                let message = "`connect-each` where the lab has several services";
                let label = "it asks each client of one service only";
                let help = "open the connections one by one: `connect: { from: 7, service: … }`";
                self.wrong(step, MistakeKind::NoSuchAction, message, label, help);
                return;
            }
            Action::Client(action) if action.to().is_some() => action.service().cloned().unwrap_or(own),
            Action::Table(_)
            | Action::Client(_)
            | Action::Mysqld(_)
            | Action::Host(_)
            | Action::Traffic(_)
            | Action::Watch(_)
            | Action::Wait(_) => return,
        };
        let mut servers = wiring.servers().map(|at| &at.value);
        let outside = |server: &&RealServer| Some(&server.name) == step.server() && !server.is_in(&service);
        if let Some(server) = servers.find(outside) {
            let message = format!("`{}` is not in the service `{service}`", server.name);
            let label = "nothing listens there for that service";
            let help = format!("`{}: {{ services: [{service}] }}` puts it there", server.name);
            self.wrong(step, MistakeKind::TableState, &message, label, &help);
        }
    }

    /// A connection can only be opened to a real server that is in the director's table.
    fn needs_server(&mut self, step: &Placed, server: &Name) {
        let service = step.action.of_client().and_then(ClientAction::service);
        let meant = self.state.director_meant(step.action.names_director());
        let table = meant.and_then(|meant| self.state.table_of(meant));
        let in_table = |table: &Table| match service.and_then(|name| table.further.get(name)) {
            Some(further) => further.servers.contains_key(server),
            None => table.servers.contains_key(server),
        };
        if self.state.servers().all(|known| known != server) {
            self.unknown_here(step, server);
        } else if !table.is_none_or(in_table) {
            let wrong = not_in_table(server);
            self.wrong(step, wrong.kind, &wrong.message, wrong.label, wrong.help);
        }
    }

    fn step_of_lab(&mut self, step: &'d Placed) {
        if let Some(name) = step.server()
            && self.state.servers().all(|server| server != name)
        {
            self.unknown_here(step, name);
            return;
        }
        if let Some(wrong) = self.state.conflict(&step.action).map(Wrong::from) {
            self.wrong(step, wrong.kind, &wrong.message, wrong.label, wrong.help);
        }
        self.can_be_reached(step);
        let on = step.action.edit().map(|edit| edit.on.clone());
        let on = on.unwrap_or_else(|| self.draft.first_director.clone());
        let before = self.state.table_of(&on).cloned();
        // Nobody asks here which step it was.
        self.state.apply(0, &step.action);
        let after = self.state.table_of(&on);
        let gone = self.gone.entry(on.clone()).or_default();
        if let Some((before, after)) = before.as_ref().zip(after)
            && let Some(mistake) = gone.edited(step, before, after)
        {
            let (draft, choice) = (self.draft, self.choice);
            self.warnings
                .add(|| draft.slug(choice), mistake.span, mistake.kind, || mistake);
        }
        // A connect that is under way goes on trying with this table.
        let Some(table) = self.state.table_of(&on) else {
            return;
        };
        let in_further = table.further.values().flat_map(|further| further.servers.keys());
        self.ever_in_table
            .extend(table.servers.keys().chain(in_further).cloned());
        for running in self.running.values_mut() {
            running.operation.may_reach(table.servers.keys().cloned());
        }
    }

    fn unknown_here(&mut self, step: &Placed, name: &Name) {
        // A name that no lab has was reported where the names were looked up.
        let anywhere = self.draft.values().flat_map(|value| &value.added.real_servers);
        if anywhere.into_iter().all(|server| server.value.name != *name) {
            return;
        }
        let here = listed(self.state.servers().map(Name::as_str));
        let span = step.host().unwrap_or(step.span);
        self.found(span, MistakeKind::UnknownServer, || {
            Mistake::new(
                MistakeKind::UnknownServer,
                span,
                format!("some cells with this step have no real server named `{name}`"),
                format!("real servers there: {here}"),
            )
            .help(format!(
                "put the step into the value that adds `{name}`, or `{name}` into the lab"
            ))
        });
    }
}

/// The cell's client program, if all that is said of it could be read.
fn program(draft: &Draft, choice: &[usize]) -> Option<Program> {
    let said = || std::iter::once(&draft.client).chain(draft.chosen(choice).map(|(_, value)| &value.client));
    said().all(|said| said.complete).then(|| {
        let kind = server::kind(draft, choice);
        ClientChoice::merged(kind, said().map(|said| &said.choice)).program
    })
}
