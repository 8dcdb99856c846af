//! The client of a cell: a program that is told what to do, one operation after another, and whose life is
//! written down. It judges nothing.
//!
//! Which program it is, the plan says; each is a [`Session`] on a thread of its own in the client's
//! namespace:
//!
//! ```text
//! mysql_async.rs   the driver, in this process (runtime.rs)
//! echo.rs          the client of the echo servers and of programs of the author's own, in this process
//! cli.rs           the mariadb or mysql command line, typed to in a terminal (terminal.rs);
//!                  printed.rs reads what it prints
//! batch.rs         the same in batch mode, on pipes (process.rs)
//! own_program.rs   a program of the author's own, on pipes, in a PID namespace
//! probe.rs         beside all these: what asks again and again, on a host of its own
//! ```

mod batch;
mod cli;
mod echo;
mod log;
mod mysql_async;
mod own_program;
mod printed;
mod probe;
mod process;
mod runtime;
mod sockets;
mod terminal;
#[cfg(test)]
mod tests;

pub(crate) use log::Standing;
pub(crate) use mysql_async::{answers, ask_server_id};
pub(crate) use probe::Probes;

use crate::clock::Clock;
use crate::error::{Result, Stage};
use log::Log;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Closing, Statement};
use lvs_matrix_model::client::{Client as Settled, Program};
use lvs_matrix_model::ipvs::Protocol;
use lvs_matrix_model::plan::{Host, LabPlan, ServerKind};
use lvs_matrix_model::record::{ClientError, ClientErrorKind, ClientEvent, ClientEventKind, ClientRecord};
use lvs_matrix_netns::{Namespace, give_up_capabilities};
use std::collections::BTreeSet;
use std::io::{PipeReader, PipeWriter};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::mpsc;

/// What the client is told to do.
#[derive(Debug)]
pub(crate) enum Operation {
    Connect,
    Statement(String),
}

/// What the client is told to do on one of its connections.
#[derive(Debug)]
struct Order {
    number: u32,
    /// The connection's name; `None` is the plain one.
    on: Option<Name>,
    task: Task,
}

#[derive(Debug)]
enum Task {
    Begin(Operation),
    /// A connect from an address, or to a port, that is said.
    From(Bound),
    /// A statement with a payload, or whose result is not read at once.
    Large(Statement),
    /// The rest of the result is to be read.
    Resume,
    Disconnect(Closing),
    /// The connect that is under way is to be given up.
    Abort,
}

/// What is said of a connection before it is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    /// One of the client's addresses, if it has several.
    pub(crate) address: Option<IpAddr>,
    /// The port of the virtual service.
    pub(crate) port: u16,
    /// Is it kept open without a name, beside that which the order's name has?
    pub(crate) beside: bool,
}

type Inbox = mpsc::UnboundedReceiver<Order>;

/// A client program that does one operation after another.
pub(crate) struct Client {
    // Dropping the writing end of `stop` ends whatever the client is waiting for.
    stop: Option<PipeWriter>,
    operations: Option<mpsc::UnboundedSender<Order>>,
    log: Arc<Log>,
    thread: Option<JoinHandle<()>>,
}

/// What a session has of the cell: where to connect to and how it is set, where to write down, and when to
/// stop.
struct Desk {
    protocol: Protocol,
    /// What it speaks with.
    server: ServerKind,
    address: IpAddr,
    port: u16,
    /// The ports of all virtual services.
    ports: BTreeSet<u16>,
    /// The address of the probes: this process has their sockets, too.
    of_probes: Option<IpAddr>,
    settled: Settled,
    log: Arc<Log>,
    /// At its end of file everything is to be dropped.
    stop: PipeReader,
}

impl Desk {
    fn write(&self, operation: u32, kind: ClientEventKind) {
        self.log.write(operation, kind);
    }
}

/// A client program with one connection: does operations until it is told to stop.
trait Session {
    /// Does one operation; returns when the program is ready for the next, or is to stop.
    fn perform(&mut self, desk: &Desk, number: u32, operation: Operation);

    /// Ends what is left of the program.
    fn end(&mut self, _desk: &Desk) {}
}

impl Client {
    /// Starts the client program of `plan` in `namespace`; one of the author's own runs in `folder`.
    pub(crate) fn start(
        namespace: &Namespace,
        clock: Clock,
        plan: &LabPlan,
        folder: Option<&Path>,
    ) -> Result<Self> {
        let stage = "start the client";
        let log = Arc::new(Log::new(clock));
        let (stopped, stop) = std::io::pipe().stage(stage)?;
        let (operations, inbox) = mpsc::unbounded_channel();
        let desk = Desk {
            protocol: plan.service().protocol,
            server: plan.server_kind(),
            address: plan.vip(),
            port: plan.port(),
            ports: plan
                .services
                .iter()
                .map(|service| service.address.port())
                .collect(),
            of_probes: plan.probe_host().map(Host::address),
            settled: plan.client().clone(),
            log: Arc::clone(&log),
            stop: stopped,
        };
        let program = plan.client().program.clone();
        let folder = folder.map(Path::to_owned);
        // Sockets and child processes of the thread belong to the client's namespace, and have no capability.
        let thread = namespace
            .spawn("client", move || match give_up_capabilities() {
                Ok(()) => run(inbox, &desk, program, folder),
                Err(error) => fail_all(inbox, &desk, &error.to_string()),
            })
            .stage(stage)?;
        Ok(Self {
            stop: Some(stop),
            operations: Some(operations),
            log,
            thread: Some(thread),
        })
    }

    /// Begins an operation on the connection with this name (`None`: the plain one); the numbers are the
    /// caller's, 1 for the first. A connection does one thing at a time.
    pub(crate) fn begin(&self, number: u32, on: Option<&Name>, operation: Operation) -> Result<()> {
        self.tell(number, on, Task::Begin(operation))
    }

    /// Begins to open a connection of which it is said from where, or to which service.
    pub(crate) fn begin_from(&self, number: u32, on: Option<&Name>, bound: Bound) -> Result<()> {
        self.tell(number, on, Task::From(bound))
    }

    /// Begins a statement with a payload, or whose result is not read at once.
    pub(crate) fn begin_large(&self, number: u32, statement: &Statement) -> Result<()> {
        self.tell(number, statement.on.as_ref(), Task::Large(statement.clone()))
    }

    /// Has the client stopped reading the operation's result?
    pub(crate) fn is_paused(&self, operation: u32) -> bool {
        self.log.is_paused(operation)
    }

    /// Lets the client read the rest of a result.
    pub(crate) fn resume(&self, number: u32, on: Option<&Name>) -> Result<()> {
        self.tell(number, on, Task::Resume)
    }

    /// Begins to close a connection, an operation like others.
    pub(crate) fn disconnect(&self, number: u32, on: Option<&Name>, how: Closing) -> Result<()> {
        self.tell(number, on, Task::Disconnect(how))
    }

    /// Gives up the connect of this number.
    pub(crate) fn abort(&self, number: u32, on: Option<&Name>) -> Result<()> {
        self.tell(number, on, Task::Abort)
    }

    fn tell(&self, number: u32, on: Option<&Name>, task: Task) -> Result<()> {
        let stage = "tell the client what to do";
        let on = on.cloned();
        self.operations
            .as_ref()
            .ok_or("it has ended")
            .stage(stage)?
            .send(Order { number, on, task })
            .stage(stage)
    }

    /// Waits until the operation has ended, or until `until`.
    pub(crate) fn wait(&self, operation: u32, until: Instant) -> Standing {
        self.log.wait(operation, until)
    }

    /// Waits until the program is ready for its next operation, or until `until`: one whose statement failed
    /// may go on to connect anew by itself.
    pub(crate) fn settle(&self, operation: u32, until: Instant) {
        self.log.settle(operation, until);
    }

    /// How the operation stands now.
    pub(crate) fn standing(&self, operation: u32) -> Standing {
        self.wait(operation, Instant::now())
    }

    /// Writes down that the observation ended while the operation was waiting.
    pub(crate) fn still_waiting(&self, operation: u32) {
        self.log.write(operation, ClientEventKind::StillWaiting);
    }

    /// The observation is over: what the program does from now on is no part of the cell.
    pub(crate) fn close_log(&self) {
        self.log.close();
    }

    /// Ends the client; its connections are closed.
    pub(crate) fn stop(mut self) -> (Vec<ClientEvent>, ClientRecord) {
        self.end();
        self.log.take()
    }

    fn end(&mut self) {
        self.stop = None;
        self.operations = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the driver has left its operation pending, which the record shows.
            let _ = thread.join();
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(inbox: Inbox, desk: &Desk, program: Program, folder: Option<PathBuf>) {
    match program {
        Program::MysqlAsync => runtime::serve(inbox, desk, mysql_async::operate),
        Program::EchoClient | Program::StreamClient => runtime::serve(inbox, desk, echo::operate),
        Program::InteractiveCli => match cli::Interactive::new(&desk.log) {
            Ok(session) => serve(inbox, desk, session),
            Err(why) => fail_all(inbox, desk, &why),
        },
        Program::BatchCli => match batch::Batch::new(&desk.log) {
            Ok(session) => serve(inbox, desk, session),
            Err(why) => fail_all(inbox, desk, &why),
        },
        Program::Own { argv } => serve(inbox, desk, own_program::OwnProgram::new(argv, folder)),
    }
}

/// Where the client cannot be started every operation fails, and says why.
fn fail_all(mut inbox: Inbox, desk: &Desk, why: &str) {
    while let Some(Order { number, task, .. }) = inbox.blocking_recv() {
        task.begun()
            .into_iter()
            .for_each(|begun| desk.write(number, begun));
        desk.write(number, failed(format!("cannot start the client: {why}")));
        desk.log.settled(number);
    }
}

/// What is written down of a connect that is given up.
fn given_up() -> ClientEventKind {
    failed("the connect was given up, as the client was told")
}

/// A failure of the program itself.
fn failed(message: impl Into<String>) -> ClientEventKind {
    ClientEventKind::Failed(ClientError {
        kind: ClientErrorKind::Driver,
        message: message.into(),
    })
}

impl Operation {
    /// The event of its beginning.
    fn begun(&self) -> ClientEventKind {
        match self {
            Self::Connect => ClientEventKind::ConnectBegun,
            Self::Statement(sql) => ClientEventKind::StatementBegun { sql: sql.clone() },
        }
    }
}

impl Task {
    /// The event of its beginning.
    fn begun(&self) -> Option<ClientEventKind> {
        match self {
            Self::Begin(operation) => Some(operation.begun()),
            Self::From(_) => Some(Operation::Connect.begun()),
            Self::Large(Statement { sql, .. }) => Some(ClientEventKind::StatementBegun { sql: sql.clone() }),
            Self::Resume | Self::Abort => None,
            Self::Disconnect(_) => Some(ClientEventKind::DisconnectBegun),
        }
    }
}

/// Does the operations of `inbox` until it is closed.
fn serve(mut inbox: Inbox, desk: &Desk, mut session: impl Session) {
    while let Some(Order { number, task, .. }) = inbox.blocking_recv() {
        match task {
            Task::Begin(operation) => session.perform(desk, number, operation),
            // A scenario that says so is refused when it is read.
            Task::From(_) | Task::Large(_) | Task::Resume | Task::Disconnect(_) | Task::Abort => {
                task.begun()
                    .into_iter()
                    .for_each(|begun| desk.write(number, begun));
                desk.write(number, failed("this program cannot be told to do that"));
            }
        }
        desk.log.settled(number);
    }
    session.end(desk);
}
