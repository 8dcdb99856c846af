//! Steps of the client: what they need of connections, ports and what is under way.

use super::super::cell_lab::CellLab;
use super::super::possible::Candidate;
use super::super::state::Wrong;
use super::{On, Running, Walk, What, of_name};
use crate::action::{ClientAction, Request, Statement};
use crate::base::Phase;
use crate::control::ControlPlane;
use crate::scenario::mistake::{Mistake, MistakeKind};
use crate::scenario::syntax::Placed;
use std::time::Duration;

impl<'d> Walk<'d, '_> {
    pub(super) fn step_of_client(&mut self, step: &'d Placed, action: &'d ClientAction) {
        let on = action.connection();
        if let Some(server) = action.to() {
            self.needs_server(step, server);
            self.needs_the_vip_there(step);
        } else if let Some((node, span)) = step.director() {
            let message = format!("`director: {node}` without `to`");
            self.found(span, MistakeKind::TableState, || {
                Mistake::new(
                    MistakeKind::TableState,
                    span,
                    message,
                    "its table is looked at only to bring about a connection to one real server",
                )
                .help("leave it out, or say `to`")
            });
        }
        match action {
            ClientAction::Connect(_) => {
                self.needs_nothing_running(step, on);
                self.needs_port(step, on);
                let refused = self.refuses(action);
                self.must_be_answered(step, action, refused);
                self.connected.insert(on);
                if refused.is_none() {
                    self.filled.opens(on, action.to());
                }
                self.operations.push(self.candidate(action));
            }
            ClientAction::ConnectEach { every, .. } => {
                self.each_before |= self.phase == Phase::Before;
                let clients = CellLab::of(self.draft, self.choice).last(|part| part.clients.as_ref());
                let gaps = clients.map_or(0, |clients| u32::from(clients.value).saturating_sub(1));
                self.now = self.now.saturating_add(every.saturating_mul(gaps));
                let refuses = self.state.refuses().filter(|_| !self.persistent);
                self.must_be_answered(step, action, refuses);
                self.operations.push(self.candidate(action));
            }
            ClientAction::StartConnect(_) => {
                self.needs_nothing_running(step, on);
                self.needs_port(step, on);
                self.begins(step, action, What::Connect);
            }
            ClientAction::AwaitConnect { .. } => {
                if self.awaited(step, on, What::Connect) {
                    self.connected.insert(on);
                }
            }
            ClientAction::AbortConnect { .. } => self.aborted(step, on),
            ClientAction::Query(Statement { takes, .. }) | ClientAction::Request(Request { takes, .. }) => {
                self.needs_connection(step, on);
                self.needs_nothing_running(step, on);
                let silent = self.state.is_silent();
                self.must_be_answered(
                    step,
                    action,
                    silent.then_some("every server is stopped, frozen, off or built wrong"),
                );
                self.now = self.now.saturating_add(*takes);
                self.operations.push(self.candidate(action));
            }
            ClientAction::StartQuery(_) | ClientAction::StartRequest(_) => {
                self.needs_connection(step, on);
                self.needs_nothing_running(step, on);
                self.begins(step, action, What::Statement);
            }
            ClientAction::AwaitResult { .. } => {
                self.awaited(step, on, What::Statement);
            }
            ClientAction::Disconnect { .. } => {
                self.needs_connection(step, on);
                self.needs_nothing_running(step, on);
                self.connected.remove(&on);
                self.filled.closes(on);
            }
        }
    }

    /// A real server is chosen for a connect by an edit of one director's table, which must have the VIP.
    fn needs_the_vip_there(&mut self, step: &Placed) {
        let named = step.action.names_director();
        let meant = self.state.director_meant(named);
        if let Some(wrong) = self.state.conflict(&step.action).map(Wrong::from) {
            self.wrong(step, wrong.kind, &wrong.message, wrong.label, wrong.help);
            return;
        }
        let Some(meant) =
            meant.filter(|meant| !self.moved_by_keepalived() && !self.state.has_vip_alone(meant))
        else {
            return;
        };
        let message =
            format!("`{meant}`, whose table chooses a real server, is not the only one that has the VIP");
        let label = "clients come to the other director then, or to both";
        let help = "leave `to` out, or say `director: NAME` of the one that has the VIP";
        self.wrong(step, MistakeKind::TableState, &message, label, help);
    }

    fn moved_by_keepalived(&self) -> bool {
        let said = CellLab::of(self.draft, self.choice);
        said.control_plane() == Some(ControlPlane::Keepalived)
    }

    /// Why no connect can be answered now, if that is certain.
    fn refuses(&self, action: &ClientAction) -> Option<&'static str> {
        // A template of persistence may lead to a server of weight 0, or to one at its threshold; and a
        // socket of UDP sends nothing when it is connected.
        // What is said of other services than the lab's own is not asked here.
        if self.persistent || self.datagrams || action.service().is_some() {
            return None;
        }
        // Entries of idle connections end after a quarter of an hour.
        let counted = self.undisturbed && self.now < Duration::from_secs(600);
        let full = counted && self.bypassing.is_empty() && self.filled.full(action.to());
        let full = full.then_some("the connections before it fill the thresholds of all that could serve it");
        self.state.refuses().or(full)
    }

    /// Before `act` an operation that fails or hangs is the end of the cell: what is to be classified is
    /// never reached.
    fn must_be_answered(&mut self, step: &Placed, action: &ClientAction, refused: Option<&str>) {
        let Some(why) = refused.filter(|_| self.phase < Phase::Act && !action.may_fail()) else {
            return;
        };
        let message = format!("this `{}` cannot be answered: {why}", action.key());
        let (label, help) = (
            "the cell would end here, before `act`",
            "let it come before the step that makes it so; put it into `act` if it is what is to be \
             classified; or say `may-fail: true`",
        );
        self.wrong(step, MistakeKind::NeverAnswered, &message, label, help);
    }

    /// Each connection to the service has a port of its own.
    fn needs_port(&mut self, step: &Placed, on: On<'d>) {
        let connecting = self
            .running
            .values()
            .filter(|running| matches!(running.what, What::Connect));
        let open = self.connected.iter().filter(|other| **other != on).count() + connecting.count();
        let Some(ports) = self.ports.filter(|_| self.undisturbed) else {
            return;
        };
        if u32::try_from(open).is_ok_and(|open| open >= ports) {
            let message = format!("no port is left for this `{}`", step.action.key());
            let label = format!("the client has {ports}, and other connections that are open have them");
            let help = "let `net.ipv4.ip_local_port_range` of the client have more, or `disconnect` before";
            self.wrong(step, MistakeKind::NoPort, &message, &label, help);
        }
    }

    /// An operation that `action` begins. The client may open its connection now; one that sends a statement
    /// may have done so at any time since the cell began, and a program may do so again.
    fn candidate(&self, action: &'d ClientAction) -> Candidate<'d> {
        let now = self.state.table().map(|table| {
            let further = action.service().and_then(|name| table.further.get(name));
            let servers = further.map_or(&table.servers, |further| &further.servers);
            let in_table = servers.keys().cloned();
            in_table.chain(self.bypassing.iter().cloned()).collect()
        });
        let servers = if action.opens() {
            now
        } else {
            now.map(|_| self.ever_in_table.clone())
        };
        Candidate::new(action, self.passed, servers)
    }

    fn begins(&mut self, step: &Placed, action: &'d ClientAction, what: What) {
        let running = Running {
            what,
            span: step.span,
            phase: self.phase,
            due: self.now.saturating_add(action.own_time()),
            operation: self.candidate(action),
        };
        self.running.insert(action.connection(), running);
    }

    /// Was it begun? Then it has ended now.
    fn awaited(&mut self, step: &Placed, on: On<'d>, what: What) -> bool {
        if let Some(running) = self.running.remove(&on)
            && running.what == what
        {
            self.now = self.now.max(running.due);
            self.operations.push(running.operation);
            return true;
        }
        self.nothing_runs(step, on, what);
        false
    }

    /// A connect that is given up has no outcome. One that began in `act` is to be classified.
    fn aborted(&mut self, step: &Placed, on: On<'d>) {
        let running = self.running.remove(&on);
        let Some(running) = running.filter(|running| running.what == What::Connect) else {
            let message = format!(
                "no connect is under way that could be given up{}",
                of_name(" on", on)
            );
            let (label, help) = (
                "`start-connect` must come before it",
                "a connection that is open is closed by `disconnect`",
            );
            self.wrong(step, MistakeKind::NoStatement, &message, label, help);
            return;
        };
        if running.phase == Phase::Act {
            let message = format!("a connect of `act` is given up{}", of_name(" on", on));
            let label = "what becomes of it would be classified";
            let help =
                "begin it in `before`; or let the client's own connect time-out end it (`connect-timeout`)";
            self.wrong(step, MistakeKind::NoStatement, &message, label, help);
        }
    }

    /// What is awaited was not begun.
    fn nothing_runs(&mut self, step: &Placed, on: On<'d>, what: What) {
        let (message, label, help) = match what {
            What::Statement => (
                "no statement is running whose result could be awaited",
                "`start-query` must come before it",
                "to send a statement and wait for it in one step, write `query`",
            ),
            What::Connect => (
                "no connect is under way that could be awaited",
                "`start-connect` must come before it",
                "to open a connection in one step, write `connect`",
            ),
        };
        let message = format!("{message}{}", of_name(" on", on));
        self.wrong(step, MistakeKind::NoStatement, &message, label, help);
    }

    fn needs_connection(&mut self, step: &Placed, on: On<'d>) {
        // One that is being opened is told of by `needs_nothing_running`.
        if self.connected.contains(&on) || self.running.contains_key(&on) {
            return;
        }
        let connect = match on {
            None => "add `- connect: {}` to `before`".to_owned(),
            Some(name) => format!("add `- connect: {{ as: {name} }}` to `before`"),
        };
        let message = format!(
            "`{}` before the client is connected{}",
            step.action.key(),
            of_name(" as", on)
        );
        let label = "`connect` must come before it";
        self.wrong(step, MistakeKind::NotConnected, &message, label, &connect);
        self.connected.insert(on);
    }

    fn needs_nothing_running(&mut self, step: &Placed, on: On<'d>) {
        if let Some(running) = self.running.remove(&on) {
            let (what, await_it) = running.what.words();
            self.found(step.span, MistakeKind::StatementRunning, || {
                Mistake::new(
                    MistakeKind::StatementRunning,
                    step.span,
                    format!("`{}` while {what} {}", step.action.key(), running.what.goes_on()),
                    "a connection does one thing at a time",
                )
                .second(running.span, "started here")
                .help(format!(
                    "wait for it with `{await_it}` before, or use a connection with a name of its own (`as`, \
                     `on`)"
                ))
            });
        }
    }
}
