//! Every cell's time line is walked through: a step that cannot work in some cell is a mistake of the file, not a surprise
//! of the run.

use super::Draft;
use super::findings::Findings;
use super::state::State;
use super::steps::{Placed, Steps};
use crate::Name;
use crate::action::{Action, Statement};
use crate::duration::Human;
use crate::plan::Phase;
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes, listed};
use crate::scenario::place::Span;
use std::time::Duration;

pub(super) fn check(draft: &Draft, sizes: &[usize], mistakes: &mut Mistakes) {
    let mut findings = Findings::default();
    for choice in Draft::cells(sizes) {
        let sources: Vec<&Steps> = std::iter::once(&draft.steps)
            .chain(draft.chosen(&choice).map(|(_, value)| &value.steps))
            .collect();
        if sources.iter().all(|steps| steps.complete) {
            Walk::new(draft, &choice, &mut findings).all(&sources);
        }
    }
    findings.report(draft, mistakes);
}

/// One cell's time line.
struct Walk<'d, 'f> {
    draft: &'d Draft,
    choice: &'d [usize],
    findings: &'f mut Findings,
    state: State<'d>,
    connected: bool,
    /// The statement that `start-query` sent: where, and when a healthy server has answered it.
    running: Option<(Span, Duration)>,
    /// The earliest time at which the next step begins, if nothing but stated times passes.
    now: Duration,
}

impl<'d, 'f> Walk<'d, 'f> {
    fn new(draft: &'d Draft, choice: &'d [usize], findings: &'f mut Findings) -> Self {
        let lab = draft.lab.iter().map(|lab| &lab.added);
        let added = lab.chain(draft.chosen(choice).map(|(_, value)| &value.added));
        Self {
            draft,
            choice,
            findings,
            state: State::new(
                added
                    .flat_map(|added| &added.real_servers)
                    .map(|server| &server.value.name),
            ),
            connected: false,
            running: None,
            now: Duration::ZERO,
        }
    }

    fn all(mut self, sources: &[&'d Steps]) {
        let mut act_began = Duration::ZERO;
        let mut acted = false;
        for phase in [Phase::Before, Phase::Change, Phase::Act] {
            if phase == Phase::Act {
                act_began = self.now;
            }
            for steps in sources {
                let steps = match phase {
                    Phase::Before => &steps.before,
                    Phase::Change => &steps.change,
                    Phase::Act => &steps.act,
                };
                for step in steps {
                    acted |= phase == Phase::Act && step.action.is_of_client();
                    self.step(step);
                }
            }
        }
        if let Some((span, _)) = self.running {
            self.found(span, MistakeKind::NeverAwaited, || {
                Mistake::new(
                    MistakeKind::NeverAwaited,
                    span,
                    "a statement is started and its result never awaited",
                    "no `await-result` comes after it",
                )
                .help("end `act` with `- await-result: {}`")
            });
        } else if !acted {
            self.nothing_to_classify();
        } else {
            self.watched_long_enough(act_began);
        }
    }

    fn nothing_to_classify(&mut self) {
        let span = self.draft.places.act;
        self.found(span, MistakeKind::NothingToClassify, || {
            Mistake::new(
                MistakeKind::NothingToClassify,
                span,
                "nothing that the client does after the change",
                "`act` has none of connect, query, await-result",
            )
            .help("the last operation of the client in `act` is what is classified: add one, here or to a value")
        });
    }

    fn watched_long_enough(&mut self, act_began: Duration) {
        let Some((observe, span)) = self.draft.observe else {
            return;
        };
        let needed = self.now.saturating_sub(act_began).saturating_add(observe.patience);
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
                .help("`until` counts from the beginning of the `act` steps, with their waits and what statements take")
            });
        }
    }

    fn found(&mut self, span: Span, kind: MistakeKind, mistake: impl FnOnce() -> Mistake) {
        let (draft, choice) = (self.draft, self.choice);
        self.findings.add(|| draft.slug(choice), span, kind, mistake);
    }

    /// A mistake at a step, with its label and help.
    fn wrong(&mut self, step: &Placed, kind: MistakeKind, message: &str, label: &str, help: &str) {
        self.found(step.span, kind, || {
            Mistake::new(kind, step.span, message, label).help(help)
        });
    }

    /// Takes a step. After a mistake the walk goes on as if it had worked: what follows from it is not said again.
    fn step(&mut self, step: &Placed) {
        match &step.action {
            Action::Connect => {
                self.needs_no_statement(step);
                self.connected = true;
            }
            Action::Query(Statement { takes, .. }) => {
                self.needs_connection(step);
                self.needs_no_statement(step);
                self.now = self.now.saturating_add(*takes);
            }
            Action::StartQuery(Statement { takes, .. }) => {
                self.needs_connection(step);
                self.needs_no_statement(step);
                self.running = Some((step.span, self.now.saturating_add(*takes)));
            }
            Action::AwaitResult => match self.running.take() {
                Some((_, due)) => self.now = self.now.max(due),
                None => self.wrong(
                    step,
                    MistakeKind::NoStatement,
                    "no statement is running whose result could be awaited",
                    "`start-query` must come before it",
                    "to send a statement and wait for it in one step, write `query`",
                ),
            },
            Action::Wait(time) => self.now = self.now.saturating_add(*time),
            Action::Table(_) | Action::Mysqld(_) | Action::Host(_) | Action::Traffic(_) => self.step_of_lab(step),
        }
    }

    fn needs_connection(&mut self, step: &Placed) {
        if !self.connected {
            self.wrong(
                step,
                MistakeKind::NotConnected,
                &format!("`{}` before the client is connected", step.action.key()),
                "`connect` must come before it",
                "add `- connect: {}` to `before`",
            );
            self.connected = true;
        }
    }

    fn needs_no_statement(&mut self, step: &Placed) {
        if let Some((started, _)) = self.running.take() {
            self.found(step.span, MistakeKind::StatementRunning, || {
                Mistake::new(
                    MistakeKind::StatementRunning,
                    step.span,
                    format!("`{}` while a statement is running", step.action.key()),
                    "the client does one thing at a time",
                )
                .second(started, "started here")
                .help("wait for it with `await-result` before")
            });
        }
    }

    fn step_of_lab(&mut self, step: &Placed) {
        if let Some(name) = step.action.server()
            && self.state.servers.iter().all(|server| server.name != name)
        {
            self.unknown_here(step, name);
        } else if let Some(wrong) = self.state.take(&step.action) {
            self.wrong(step, wrong.kind, &wrong.message, wrong.label, wrong.help);
        }
    }

    fn unknown_here(&mut self, step: &Placed, name: &Name) {
        // A name that no lab has was reported where the names were looked up.
        let anywhere = self.draft.values().flat_map(|value| &value.added.real_servers);
        if anywhere.into_iter().all(|server| server.value.name != *name) {
            return;
        }
        let here = listed(self.state.servers.iter().map(|server| server.name.as_str()));
        let span = step.host.as_ref().map_or(step.span, |host| host.span);
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
