//! What can be done next: the lab's [`State`] knows of tables, servers and hosts, and of the client it is
//! known here which connections it has.

use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, ClientAction};
use lvs_matrix_model::lab::State;
use lvs_matrix_model::plan::LabPlan;
use std::collections::{BTreeMap, BTreeSet};

type On<'a> = Option<&'a Name>;

/// What was begun on a connection and not awaited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Running {
    Connect,
    Statement,
}

/// A lab and its client after some steps.
#[derive(Clone)]
pub(crate) struct Walk<'a> {
    state: State<'a>,
    connected: BTreeSet<On<'a>>,
    running: BTreeMap<On<'a>, Running>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(plan: &'a LabPlan) -> Self {
        Self {
            state: plan.state_with_table(),
            connected: BTreeSet::new(),
            running: BTreeMap::new(),
        }
    }

    /// Can this be done now, and would it be something? `check` has the last word of a whole sequence.
    pub(crate) fn allows(&self, action: &'a Action) -> bool {
        match action {
            Action::Client(action) => self.allows_client(action),
            Action::Table(_)
            | Action::Other(_)
            | Action::Mysqld(_)
            | Action::Host(_)
            | Action::Traffic(_)
            | Action::Wait(_)
            | Action::Watch(_) => self.state.conflict(action).is_none() && !self.state.is_so(action),
        }
    }

    fn allows_client(&self, action: &ClientAction) -> bool {
        let on = action.connection();
        let running = self.running.get(&on).copied();
        match action {
            ClientAction::Connect(opening) | ClientAction::StartConnect(opening) => {
                let table = self.state.table();
                let in_table = |name| table.is_none_or(|table| table.servers.contains_key(name));
                running.is_none() && opening.to.as_ref().is_none_or(in_table)
            }
            ClientAction::ConnectEach { .. } => true,
            ClientAction::AwaitConnect { .. } | ClientAction::AbortConnect { .. } => {
                running == Some(Running::Connect)
            }
            ClientAction::AwaitResult { .. } => running == Some(Running::Statement),
            ClientAction::Query(_)
            | ClientAction::StartQuery(_)
            | ClientAction::Request(_)
            | ClientAction::StartRequest(_)
            | ClientAction::Disconnect { .. } => running.is_none() && self.connected.contains(&on),
        }
    }

    /// Takes the step.
    pub(crate) fn take(&mut self, action: &'a Action) {
        let Action::Client(client) = action else {
            self.state.apply(0, action);
            return;
        };
        let on = client.connection();
        match client {
            ClientAction::Connect(_) => {
                self.connected.insert(on);
            }
            ClientAction::StartConnect(_) => {
                self.running.insert(on, Running::Connect);
            }
            ClientAction::AwaitConnect { .. } => {
                self.running.remove(&on);
                self.connected.insert(on);
            }
            ClientAction::StartQuery(_) | ClientAction::StartRequest(_) => {
                self.running.insert(on, Running::Statement);
            }
            ClientAction::AwaitResult { .. } | ClientAction::AbortConnect { .. } => {
                self.running.remove(&on);
            }
            ClientAction::Disconnect { .. } => {
                self.connected.remove(&on);
            }
            ClientAction::ConnectEach { .. } | ClientAction::Query(_) | ClientAction::Request(_) => {}
        }
    }

    /// Is something under way that must be awaited?
    pub(crate) fn is_waiting(&self) -> bool {
        !self.running.is_empty()
    }
}
