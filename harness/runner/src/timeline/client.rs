//! The steps of the client: what it is told to do, and how long is waited for it.

use super::led::{Choice, Led};
use super::{Done, Started, Timeline};
use crate::capture::holds;
use crate::client::{Bound, Operation, Standing};
use crate::clock::poll_for;
use crate::error::{LabError, Result};
use crate::operator;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{ClientAction, Closing, Node, Opening, Request, Statement};
use lvs_matrix_model::capture::decode::frame as decode;
use lvs_matrix_model::capture::{Flags, Frame};
use lvs_matrix_model::client::Program;
use lvs_matrix_model::ipvs::Protocol;
use lvs_matrix_model::plan::{LabPlan, Mac, ServerKind, Service};
use lvs_matrix_model::record::{MysqldState, Proof, Rows, StepOutcome};
use lvs_matrix_model::serving;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

/// How long an operation of the client may take before the `act` phase, where nothing is expected to hang.
const BEFORE_DEADLINE: Duration = Duration::from_secs(60);
/// How long a FIN or an RST may take to reach the wire.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);
/// How long a program of the author's has for further connections of a connect that goes on.
const SEVERAL_CONNECTIONS: Duration = Duration::from_secs(1);
/// How long a statement may take to reach the wire, and then the server or a retransmission.
const START_DEADLINE: Duration = Duration::from_secs(30);

impl Timeline<'_> {
    pub(super) fn client_acts(&mut self, action: &ClientAction) -> Result<Done> {
        let on = action.connection();
        match action {
            ClientAction::Connect(opening) => {
                let (operation, led) = self.begin_connect(opening)?;
                let mut done = self.await_end(&started(operation, Duration::ZERO, action), Proof::Connected);
                led.add_to(&mut done);
                Ok(done)
            }
            ClientAction::ConnectEach { every, may_fail } => self.connect_each(*every, *may_fail),
            ClientAction::Query(statement) => {
                let operation = self.begin_statement(statement)?;
                Ok(self.await_end(&started(operation, statement.takes, action), Proof::Answered))
            }
            ClientAction::Request(request) => {
                let operation = self.begin_statement(&request.statement())?;
                Ok(self.await_end(&started(operation, request.takes, action), Proof::Answered))
            }
            ClientAction::StartRequest(request) => self.start_request(request),
            ClientAction::StartConnect(opening) => self.start_connect(opening),
            ClientAction::StartQuery(statement) => self.start_query(statement),
            ClientAction::AwaitConnect { .. } => self.await_started(on, Proof::Connected),
            ClientAction::AbortConnect { .. } => self.abort_connect(on),
            ClientAction::AwaitResult { .. } => self.await_started(on, Proof::Answered),
            ClientAction::Disconnect { how, .. } => self.disconnect(on, *how),
        }
    }

    fn next_operation(&mut self) -> u32 {
        self.operation += 1;
        self.operation
    }

    fn begin(&mut self, on: Option<&Name>, operation: Operation) -> Result<u32> {
        let number = self.next_operation();
        self.client.begin(number, on, operation)?;
        Ok(number)
    }

    /// Begins to connect, from the address that the scenario says, if the client has several.
    fn begin_opening(&mut self, opening: &Opening) -> Result<u32> {
        let on = opening.name.as_ref();
        let address = self.source(opening);
        if address.is_none() && opening.service.is_none() {
            return self.begin(on, Operation::Connect);
        }
        let number = self.next_operation();
        let bound = Bound {
            address,
            port: self.service_of(opening)?.address.port(),
            beside: false,
        };
        self.client.begin_from(number, on, bound)?;
        Ok(number)
    }

    /// The virtual service that a connection is opened to.
    fn service_of(&self, opening: &Opening) -> Result<&Service> {
        let service = self.plan.service_named(opening.service.as_ref());
        service.ok_or_else(|| LabError::new("connect", "the plan has no service of that name"))
    }

    /// The address that a connection comes from; `None` if the client has one only.
    fn source(&self, opening: &Opening) -> Option<IpAddr> {
        let addresses: Vec<IpAddr> = self.plan.client_addresses().collect();
        let place = usize::from(opening.from.unwrap_or(1)).checked_sub(1)?;
        addresses.get(place).filter(|_| addresses.len() > 1).copied()
    }

    /// Opens a connection from each of the client's addresses, one beginning a while after the other, and
    /// waits for all of them.
    fn connect_each(&mut self, every: Duration, may_fail: bool) -> Result<Done> {
        let until = |timeline: &Self| {
            let otherwise = || Instant::now() + BEFORE_DEADLINE;
            timeline.act_until.unwrap_or_else(otherwise)
        };
        let mut begun = Vec::new();
        for address in self.plan.client_addresses() {
            if !begun.is_empty() {
                thread::sleep(every);
            }
            let number = self.next_operation();
            let bound = Bound {
                address: Some(address),
                port: self.plan.port(),
                beside: true,
            };
            self.client.begin_from(number, None, bound)?;
            begun.push(number);
        }
        let until = until(self);
        let standing = begun
            .iter()
            .map(|number| (*number, self.client.wait(*number, until)));
        let standing: Vec<(u32, Standing)> = standing.collect();
        for (number, _) in standing
            .iter()
            .filter(|(_, standing)| *standing == Standing::Pending)
        {
            self.client.still_waiting(*number);
        }
        let any = |wanted| standing.iter().any(|(_, standing)| *standing == wanted);
        let outcome = if any(Standing::Pending) {
            StepOutcome::Unfinished
        } else if any(Standing::Failed) {
            StepOutcome::ClientFailed
        } else {
            StepOutcome::Done {
                proof: Proof::Connected,
            }
        };
        Ok(Done {
            operation: begun.first().copied(),
            further_operations: u32::try_from(begun.len().saturating_sub(1)).unwrap_or(u32::MAX),
            may_fail,
            ..Done::with(outcome)
        })
    }

    fn begin_statement(&mut self, statement: &Statement) -> Result<u32> {
        if statement.payload.is_none() && statement.pause_after.is_none() {
            return self.begin(statement.on.as_ref(), Operation::Statement(statement.sql.clone()));
        }
        let number = self.next_operation();
        self.client.begin_large(number, statement)?;
        Ok(number)
    }

    fn await_started(&mut self, on: Option<&Name>, success: Proof) -> Result<Done> {
        let started = self.started.remove(&on.cloned());
        let started = started.ok_or_else(|| LabError::new("await the client", "nothing was started"))?;
        if self.client.is_paused(started.operation) {
            self.client.resume(started.operation, on)?;
        }
        Ok(self.await_end(&started, success))
    }

    /// Gives up a connect that was started.
    fn abort_connect(&mut self, on: Option<&Name>) -> Result<Done> {
        let stage = "give up the connect";
        let started = self.started.remove(&on.cloned());
        let started = started.ok_or_else(|| LabError::new(stage, "nothing was started"))?;
        let operation = started.operation;
        if self.client.standing(operation) != Standing::Pending {
            return Err(LabError::new(stage, "it had ended before"));
        }
        self.client.abort(operation, on)?;
        match self.client.wait(operation, Instant::now() + CLOSE_DEADLINE) {
            Standing::Failed => Ok(Done::proven(Proof::GivenUp)),
            Standing::Succeeded => Err(LabError::new(stage, "it had ended before")),
            Standing::Pending => Err(LabError::new(stage, "the client goes on")),
        }
    }

    /// Waits for an operation: in `act` until the observation ends, before it for a time in which nothing
    /// healthy fails, beyond what the statement `takes`.
    fn await_end(&self, started: &Started, success: Proof) -> Done {
        let operation = started.operation;
        let until = self
            .act_until
            .unwrap_or_else(|| Instant::now() + BEFORE_DEADLINE + started.takes);
        let standing = self.client.wait(operation, until);
        self.client.settle(operation, until);
        let outcome = match standing {
            Standing::Succeeded => StepOutcome::Done { proof: success },
            Standing::Failed => StepOutcome::ClientFailed,
            Standing::Pending => {
                self.client.still_waiting(operation);
                StepOutcome::Unfinished
            }
        };
        Done {
            operation: Some(operation),
            may_fail: started.may_fail,
            ..Done::with(outcome)
        }
    }

    /// Closes a connection, and waits until that is on the wire.
    fn disconnect(&mut self, on: Option<&Name>, how: Closing) -> Result<Done> {
        let from = self.captures.seen_by(&Node::Client);
        let operation = self.next_operation();
        self.client.disconnect(operation, on, how)?;
        let done = self.await_end(&bare(operation), Proof::Closed);
        if !matches!(done.outcome, StepOutcome::Done { .. }) {
            return Ok(done);
        }
        // Over UDP nothing is said of it.
        if self.plan.service().protocol == Protocol::Udp {
            return Ok(done);
        }
        let (packet, ended): (_, fn(&Flags) -> bool) = match how {
            Closing::Quit => ("FIN", |flags| flags.fin),
            Closing::Reset => ("RST", |flags| flags.rst),
        };
        let out = |frame: &Frame| self.is_sent(frame, ended);
        let packet = packet.to_owned();
        let proof = match self.captures.wait_for(&Node::Client, from, CLOSE_DEADLINE, out) {
            true => Proof::ClosingSent { packet },
            // A connection that had ended before has nothing more to say.
            false => Proof::ClosedUnheard { packet },
        };
        Ok(Done {
            operation: Some(operation),
            ..Done::proven(proof)
        })
    }

    /// How many of its segments the client's own firewall has held back so far; `None` if it has no such
    /// rule.
    fn held_back(&self) -> Result<Option<u64>> {
        operator::held_back(self.plan, self.lab, &self.state())
    }

    /// Begins to connect, and waits until the first SYN is out or has met the client's own firewall, or the
    /// connect has ended already.
    fn start_connect(&mut self, opening: &Opening) -> Result<Done> {
        let held_back = self.held_back()?;
        let from = self.captures.seen_by(&Node::Client);
        let on = opening.name.as_ref();
        let (operation, led) = self.begin_connect(opening)?;
        let begun = Started {
            may_fail: opening.may_fail,
            ..bare(operation)
        };
        self.started.insert(on.cloned(), begun);
        let out = |frame: &Frame| self.is_sent(frame, |flags| flags.syn && !flags.ack);
        let proof = poll_for(START_DEADLINE, Duration::from_millis(1), || {
            if self.captures.count(&Node::Client, from, out) > 0 {
                return Ok::<_, LabError>(Some(Proof::SynSent));
            }
            if held_back.is_some() && self.held_back()? > held_back {
                return Ok(Some(Proof::SynHeldBack));
            }
            Ok(self.has_ended(operation).then_some(Proof::EndedAlready))
        })?;
        let late = || {
            let seconds = START_DEADLINE.as_secs();
            LabError::new("start to connect", format!("no SYN was sent within {seconds} s"))
        };
        let mut done = Done {
            operation: Some(operation),
            ..Done::proven(proof.ok_or_else(late)?)
        };
        led.add_to(&mut done);
        Ok(done)
    }

    /// Begins to connect. If the connection is to be on a certain real server, the director has chosen that
    /// one by the end of this, and its table is as it was.
    fn begin_connect(&mut self, opening: &Opening) -> Result<(u32, Led)> {
        let Some(server) = &opening.to else {
            return Ok((self.begin_opening(opening)?, Led::default()));
        };
        let from = (
            self.captures.seen_by(&Node::Client),
            self.captures.seen_by(self.next_to_servers()),
        );
        let director = self.lab.director_meant(opening.director.as_ref());
        let held = self.lab.hold(&director);
        // The service that is asked is the first one of a plan.
        let led = opening.service.as_ref().and_then(|name| self.plan.led_by(name));
        let plan = led.as_ref().unwrap_or(self.plan);
        let mut choice = operator::leave_only(plan, self.lab, &director, server)?;
        let address = self.source(opening);
        let chosen = self.begin_opening(opening).and_then(|operation| {
            let entry = self.entry((plan, &director), from, operation, address)?;
            // A program of the author's may open several connections, one after the other.
            if matches!(self.plan.client().program, Program::Own { .. }) {
                self.client.wait(operation, Instant::now() + SEVERAL_CONNECTIONS);
            }
            Ok((operation, entry))
        });
        choice.put_back(self.lab)?;
        self.lab.release(&director, held)?;
        let (operation, entry) = chosen?;
        let choice_shown = match entry {
            Some((port, node)) if node.real_server() == Some(server) => Choice::Entry {
                port,
                server: server.clone(),
            },
            Some((port, node)) => {
                let reason = format!(
                    "the director's entry for port {port} leads to {node}: it knew the port from an earlier \
                     connection, so its scheduler was not asked"
                );
                return Err(LabError::new(format!("connect to {server}"), reason));
            }
            None => Choice::NoEntry,
        };
        let (choice, commands) = (Some(choice_shown), choice.commands);
        Ok((operation, Led { choice, commands }))
    }

    /// The director's entry for a connection that the client opens after the first `from` frames of its
    /// interface, and of that of its router: its port, and where it leads. `None` if the operation has
    /// ended without, or if there is none for long: its SYN does not come so far.
    fn entry(
        &self,
        (plan, director): (&LabPlan, &Node),
        (from, from_router): (usize, usize),
        operation: u32,
        address: Option<IpAddr>,
    ) -> Result<Option<(u16, Node)>> {
        let deadline = self.act_until.map_or(START_DEADLINE, |until| {
            until
                .saturating_duration_since(Instant::now())
                .min(START_DEADLINE)
        });
        let director = self.lab.namespace(director)?;
        let entry = poll_for(deadline, Duration::from_millis(1), || {
            let ended = self.has_ended(operation);
            for (port, sequence) in self.ports_opened(&Node::Client, from) {
                let known = match self.plan.source_nat() {
                    None => Some((address, port)),
                    Some(nic) => {
                        let translated = self.ports_opened(&Node::Router, from_router).into_iter();
                        let mut same = translated.filter(|(_, own)| *own == sequence);
                        let own = nic.addresses.first().address;
                        same.next().map(|(port, _)| (Some(own), port))
                    }
                };
                let Some(known) = known else { continue };
                if let Some(node) = operator::entry_of(plan, director, known)? {
                    return Ok::<_, LabError>(Some(Some((port, node))));
                }
            }
            Ok(ended.then_some(None))
        })?;
        Ok(entry.flatten())
    }

    fn has_ended(&self, operation: u32) -> bool {
        self.client.standing(operation) != Standing::Pending
    }

    /// Sends a request to a server that is no mysqld and waits until it is under way: it has arrived at a
    /// server, or the client's own firewall holds it back, or it was sent a second time because nobody
    /// acknowledged it, or it has ended already. Of a datagram that is lost nobody says anything: it is under
    /// way once it has left.
    fn start_request(&mut self, request: &Request) -> Result<Done> {
        let statement = request.statement();
        let stage = || format!("start request `{}`", statement.sql);
        let needle = match self.plan.server_kind() {
            ServerKind::Program => serving::sent(statement.beginning()),
            ServerKind::Mysql | ServerKind::TcpEcho | ServerKind::UdpEcho => {
                statement.beginning().as_bytes().to_vec()
            }
        };
        let needle = needle.as_slice();
        let from = self.captures.seen_by(&Node::Client);
        let at_servers: Vec<(Name, Mac, usize)> = self
            .plan
            .real_servers()
            .map(|(name, host)| (name.clone(), host.mac(), self.captures.seen_by(&host.node)))
            .collect();
        let held_back = self.held_back()?;
        let operation = self.begin_statement(&statement)?;
        let udp = self.plan.service().protocol == Protocol::Udp;
        let under_way = poll_for(START_DEADLINE, Duration::from_millis(1), || {
            // The answer may say the same.
            let asks = |frame: &Frame| holds(frame, needle) && self.is_for_service(frame);
            let sent = self.captures.count(&Node::Client, from, asks);
            for (name, mac, from) in &at_servers {
                let arrived = |frame: &Frame| {
                    holds(frame, needle) && decode(&frame.bytes, frame.length).source_mac != *mac
                };
                if self
                    .captures
                    .count(&Node::RealServer(name.clone()), *from, arrived)
                    > 0
                {
                    return Ok::<_, LabError>(Some(Proof::ReachedServer { server: name.clone() }));
                }
            }
            if self.has_ended(operation) {
                return Ok(Some(Proof::EndedAlready));
            }
            if held_back.is_some() && self.held_back()? > held_back {
                return Ok(Some(Proof::HeldBack));
            }
            Ok(match sent {
                0 => None,
                1 if !udp => None,
                1 => Some(Proof::DatagramSent),
                _ => Some(Proof::SentAgain),
            })
        })?;
        let begun = Started {
            operation,
            takes: statement.takes,
            may_fail: statement.may_fail,
        };
        self.started.insert(statement.on.clone(), begun);
        let proof = under_way.ok_or_else(|| {
            let seconds = START_DEADLINE.as_secs();
            LabError::new(stage(), format!("no server had it within {seconds} s"))
        })?;
        Ok(Done {
            operation: Some(operation),
            ..Done::proven(proof)
        })
    }

    /// Sends a statement and waits until it is under way: the client's own firewall holds it back, or it runs
    /// on a server, or a server's kernel has what its mysqld does not read, or the client has stopped reading
    /// its result, or it has ended already, or its segment was sent a second time because nobody acknowledged
    /// it.
    fn start_query(&mut self, statement: &Statement) -> Result<Done> {
        let stage = || format!("start query `{}`", statement.sql);
        let on = statement.on.as_ref();
        let needle = statement.beginning().as_bytes();
        let is_it = |frame: &Frame| holds(frame, needle);
        let from = self.captures.seen_by(&Node::Client);
        let from_next = self.captures.seen_by(self.next_to_servers());
        let held_back = self.held_back()?;
        let operation = self.begin_statement(statement)?;
        let begun = Started {
            operation,
            takes: statement.takes,
            may_fail: statement.may_fail,
        };
        self.started.insert(on.cloned(), begun);
        // What the client's own firewall holds back does not reach the wire.
        if held_back.is_none()
            && !self.captures.wait_for(&Node::Client, from, START_DEADLINE, is_it)
            && !self.has_ended(operation)
        {
            return Err(LabError::new(
                stage(),
                format!("it did not reach the wire within {} s", START_DEADLINE.as_secs()),
            ));
        }
        let client_address = self.plan.client_known_as();
        let under_way = poll_for(START_DEADLINE, Duration::from_millis(5), || {
            if self.has_ended(operation) {
                return Ok::<_, LabError>(Some(Proof::EndedAlready));
            }
            if held_back.is_some() && self.held_back()? > held_back {
                return Ok(Some(Proof::HeldBack));
            }
            let pause_after = statement.pause_after;
            if let Some(rows) = pause_after.filter(|_| self.client.is_paused(operation)) {
                return Ok(Some(Proof::StoppedReading {
                    rows: Rows(rows.into()),
                }));
            }
            if self.captures.count(&Node::Client, from, is_it) > 1 {
                return Ok(Some(Proof::SentAgain));
            }
            if pause_after.is_some() {
                return Ok(None);
            }
            for server in &mut self.lab.servers {
                let (MysqldState::Running, Some(address)) = (server.state(), client_address) else {
                    continue;
                };
                let sessions = server.sessions(address).unwrap_or_default();
                let is_it = |text: &str| match statement.payload {
                    None => text == statement.sql,
                    Some(_) => text.starts_with(statement.beginning()),
                };
                if sessions
                    .iter()
                    .any(|session| session.info.as_deref().is_some_and(is_it))
                {
                    let server = server.name.clone();
                    return Ok(Some(Proof::Runs { server }));
                }
            }
            // No process list will show it: the mysqld is frozen, or has not received all of it.
            Ok(match self.acknowledged_by(from_next, is_it) {
                Some((name, MysqldState::Frozen)) => Some(Proof::KernelHasIt { server: name.clone() }),
                Some((name, MysqldState::Running)) if statement.payload.is_some() => {
                    Some(Proof::KernelHasBeginning { server: name.clone() })
                }
                Some((_, MysqldState::Running | MysqldState::Ended { .. })) | None => None,
            })
        })?;
        let proof = under_way.ok_or_else(|| {
            LabError::new(
                stage(),
                format!("no server ran it within {} s", START_DEADLINE.as_secs()),
            )
        })?;
        Ok(Done {
            operation: Some(operation),
            ..Done::proven(proof)
        })
    }
}

fn started(operation: u32, takes: Duration, action: &ClientAction) -> Started {
    Started {
        operation,
        takes,
        may_fail: action.may_fail(),
    }
}

/// An operation without anything special.
fn bare(operation: u32) -> Started {
    Started {
        operation,
        takes: Duration::ZERO,
        may_fail: false,
    }
}
