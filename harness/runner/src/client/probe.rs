//! Probes: clients in a namespace of their own that ask the service again and again, and write down what each
//! attempt came to. They judge nothing.

use super::echo::{self, over_tcp, over_udp};
use super::mysql_async::{client_error, options};
use crate::clock::Clock;
use crate::echo_server::unspecified;
use crate::error::{Result, Stage};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::Orders;
use lvs_matrix_model::ipvs::Protocol;
use lvs_matrix_model::plan::{LabPlan, ServerKind};
use lvs_matrix_model::probe::{Asks, Probe};
use lvs_matrix_model::record::{Attempt, AttemptEnd, ClientErrorKind, ProbeRecord};
use lvs_matrix_netns::{Namespace, give_up_capabilities, tcp_sockets_here};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::io::{self, PipeReader, PipeWriter};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tokio::io::BufReader;
use tokio::net::unix::pipe::Receiver;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// What a probe asks a mysqld. The answer says which one it is.
const STATEMENT: &str = "select @@server_id";
/// What it asks an echo server.
const LINE: &str = "probe";

/// Probes at work.
pub(crate) struct Probes {
    // Dropping the writing end of `stop` ends whatever they are waiting for.
    stop: Option<PipeWriter>,
    seen: Arc<Mutex<Seen>>,
    thread: Option<JoinHandle<()>>,
}

/// What they have written down.
struct Seen {
    records: Vec<ProbeRecord>,
    /// The observation is over: nothing is begun, and nothing written down any more.
    closed: bool,
    failure: Option<String>,
}

impl Probes {
    /// Starts the probes of `plan` in the namespace of their host; each asks at once for the first time.
    pub(crate) fn start(namespace: &Namespace, clock: Clock, plan: &LabPlan) -> Result<Self> {
        let stage = "start the probes";
        let (stopped, stop) = io::pipe().stage(stage)?;
        let records = plan.probes().map(|probe| ProbeRecord {
            probe: probe.name.clone(),
            attempts: Vec::new(),
        });
        let seen = Arc::new(Mutex::new(Seen {
            records: records.collect(),
            closed: false,
            failure: None,
        }));
        let servers = plan.real_servers();
        // Probes ask the lab's own service.
        let own = plan.service_named(Some(&Name::of_own_service()));
        let asked = own.unwrap_or(plan.service());
        let desk = Desk {
            service: asked.address,
            protocol: asked.protocol,
            kind: plan.server_kind(),
            options: options(asked.vip(), asked.address.port()),
            servers: servers
                .filter_map(|(name, host)| Some((host.server_id()?, name.clone())))
                .collect(),
            clock,
            known: RefCell::default(),
            seen: Arc::clone(&seen),
        };
        let probes: Vec<Probe> = plan.probes().cloned().collect();
        let thread = namespace
            .spawn("probes", move || {
                let done = give_up_capabilities().map_err(|error| error.to_string());
                let done = done.and_then(|()| serve(&desk, &probes, stopped));
                if let Err(error) = done {
                    lock(&desk.seen).failure.get_or_insert(error);
                }
            })
            .stage(stage)?;
        Ok(Self {
            stop: Some(stop),
            seen,
            thread: Some(thread),
        })
    }

    /// The observation is over: nothing is asked from now on, and what comes is no part of the cell.
    pub(crate) fn close(&self) {
        lock(&self.seen).closed = true;
    }

    /// Ends their thread; `None` if it has panicked.
    fn end(&mut self) -> Option<()> {
        self.stop = None;
        let ended = self.thread.take().map(JoinHandle::join);
        ended.is_none_or(|ended| ended.is_ok()).then_some(())
    }

    /// Ends them; their connections are closed.
    pub(crate) fn stop(mut self) -> Result<Vec<ProbeRecord>> {
        let stage = "run the probes";
        self.end().ok_or("their thread has panicked").stage(stage)?;
        let mut seen = lock(&self.seen);
        match seen.failure.take() {
            Some(failure) => Err(failure).stage(stage),
            None => Ok(std::mem::take(&mut seen.records)),
        }
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.end();
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the probes have of the cell.
struct Desk {
    service: SocketAddr,
    protocol: Protocol,
    kind: ServerKind,
    options: Opts,
    /// The real servers by their numbers.
    servers: Vec<(u32, Name)>,
    clock: Clock,
    /// The sockets of the namespace that were there when somebody looked last, in the kernel's own words.
    known: RefCell<BTreeSet<[u8; 48]>>,
    seen: Arc<Mutex<Seen>>,
}

/// An open connection.
enum Link {
    MySql(Box<Conn>),
    Lines(BufReader<TcpStream>),
    Datagrams(UdpSocket),
    /// Of a server that is asked nothing.
    Bare(TcpStream),
}

/// An open connection and the probe's port of it.
struct Open {
    link: Link,
    port: Option<u16>,
}

type Asked<T> = std::result::Result<T, ClientErrorKind>;

fn serve(desk: &Desk, probes: &[Probe], stop: PipeReader) -> std::result::Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let stop = Receiver::from_owned_fd(OwnedFd::from(stop)).map_err(|error| error.to_string())?;
        let all = probes
            .iter()
            .enumerate()
            .map(|(index, probe)| desk.ask_on(index, probe));
        tokio::select! {
            _ = join_all(all) => {}
            // An end of file can be read; its error would be an end, too.
            _ = stop.readable() => {}
        }
        Ok(())
    })
}

impl Desk {
    /// Asks until the observation is over.
    async fn ask_on(&self, index: usize, probe: &Probe) {
        let mut ticks = interval(probe.every);
        // What asks on one connection has one attempt at a time.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut running = FuturesUnordered::new();
        let mut open = None;
        loop {
            tokio::select! {
                _ = ticks.tick() => match probe.asks {
                    Asks::NewConnection => running.push(self.attempt(index, probe, None)),
                    Asks::OpenConnection | Asks::Pool if running.is_empty() => {
                        running.push(self.attempt(index, probe, open.take()));
                    }
                    Asks::OpenConnection | Asks::Pool => {}
                },
                Some(left) = running.next() => open = left,
            }
        }
    }

    /// One attempt, on this connection if there is one. Gives the connection that
    /// is to be asked on next.
    async fn attempt(&self, index: usize, probe: &Probe, open: Option<Open>) -> Option<Open> {
        let number = self.begin(index)?;
        let port = Cell::new(open.as_ref().and_then(|open| open.port));
        let asked = timeout(probe.timeout, self.asked(probe, open, &port)).await;
        let (end, left) = match asked {
            Ok(Ok((by, left))) => (AttemptEnd::Answered { by }, Some(left)),
            Ok(Err(error)) => (AttemptEnd::Failed(error), None),
            Err(_) => (AttemptEnd::TimedOut, None),
        };
        self.end(index, number, port.get(), end);
        match (probe.asks, left) {
            (Asks::NewConnection, Some(Open { link, .. })) => {
                // Whether the good-bye could be said is nobody's affair.
                let _ = timeout(probe.timeout, link.close()).await;
                None
            }
            (_, left) => left,
        }
    }

    async fn asked(
        &self,
        probe: &Probe,
        open: Option<Open>,
        port: &Cell<Option<u16>>,
    ) -> Asked<(Option<Name>, Open)> {
        if let Some(mut open) = open {
            match self.ask(&mut open.link).await {
                Ok(by) => return Ok((by, open)),
                // It is the connection that is lost, and a pool has others.
                Err(ClientErrorKind::Io { .. } | ClientErrorKind::Closed) if probe.asks == Asks::Pool => {}
                Err(error) => return Err(error),
            }
        }
        let mut open = self.open(port).await?;
        let by = self.ask(&mut open.link).await?;
        Ok((by, open))
    }

    async fn open(&self, port: &Cell<Option<u16>>) -> Asked<Open> {
        port.set(None);
        let link = match (self.kind, self.protocol) {
            (ServerKind::Mysql, _) => {
                let opened = self.noting(port, Conn::new(self.options.clone())).await;
                Link::MySql(Box::new(opened.map_err(|error| client_error(&error).kind)?))
            }
            (_, Protocol::Udp) => {
                let socket = async {
                    let socket = UdpSocket::bind((unspecified(self.service), 0)).await?;
                    socket.connect(self.service).await?;
                    port.set(Some(socket.local_addr()?.port()));
                    Ok(socket)
                };
                Link::Datagrams(socket.await.map_err(of_io)?)
            }
            (kind, Protocol::Tcp | Protocol::Sctp) => {
                let opened = self.noting(port, TcpStream::connect(self.service)).await;
                let stream = opened.map_err(of_io)?;
                match kind {
                    ServerKind::Program => Link::Bare(stream),
                    ServerKind::Mysql | ServerKind::TcpEcho | ServerKind::UdpEcho => {
                        Link::Lines(BufReader::new(stream))
                    }
                }
            }
        };
        let port = port.get();
        Ok(Open { link, port })
    }

    /// Asks, and gives the name of the server that answered.
    async fn ask(&self, link: &mut Link) -> Asked<Option<Name>> {
        let line = Orders::line(0, LINE);
        let named = |answer: lvs_matrix_model::action::Answer| Name::new(&answer.server).ok();
        match link {
            Link::MySql(connection) => {
                let asked: std::result::Result<Option<u32>, _> = connection.query_first(STATEMENT).await;
                let id = asked.map_err(|error| client_error(&error).kind)?;
                let mut servers = self.servers.iter();
                let server = servers.find(|(known, _)| id == Some(*known));
                Ok(server.map(|(_, name)| name.clone()))
            }
            Link::Lines(stream) => over_tcp(stream, 0, line.as_bytes())
                .await
                .map(named)
                .map_err(of_io),
            Link::Datagrams(socket) => over_udp(socket, 0, line.as_bytes())
                .await
                .map(named)
                .map_err(of_io),
            Link::Bare(_) => Ok(None),
        }
    }

    /// Does what opens a TCP connection, and notes its port as soon as the kernel has the socket: also one
    /// that is never open has one. Nobody else opens connections in this namespace.
    async fn noting<T>(&self, port: &Cell<Option<u16>>, opens: impl Future<Output = T>) -> T {
        let mut opens = pin!(opens);
        poll_fn(|context| {
            let polled = opens.as_mut().poll(context);
            if port.get().is_none() {
                port.set(self.new_port());
            }
            polled
        })
        .await
    }

    /// The port of the socket with the service that was not there before.
    fn new_port(&self) -> Option<u16> {
        let sockets = tcp_sockets_here().ok()?;
        let ours = sockets.iter().filter(|socket| socket.peer() == self.service);
        let mut known = self.known.borrow_mut();
        let new = ours.clone().find(|socket| !known.contains(socket.id()));
        let port = new.map(|socket| socket.local().port());
        *known = ours.map(|socket| *socket.id()).collect();
        port
    }

    /// An attempt begins; `None` if the observation is over.
    fn begin(&self, index: usize) -> Option<usize> {
        let mut seen = lock(&self.seen);
        let began = self.clock.now();
        let attempts = (!seen.closed).then(|| seen.records.get_mut(index))??;
        attempts.attempts.push(Attempt {
            began,
            ended: None,
            port: None,
            end: AttemptEnd::Unfinished,
        });
        attempts.attempts.len().checked_sub(1)
    }

    fn end(&self, index: usize, number: usize, port: Option<u16>, end: AttemptEnd) {
        let mut seen = lock(&self.seen);
        let ended = self.clock.now();
        if seen.closed {
            return;
        }
        let record = seen.records.get_mut(index);
        if let Some(attempt) = record.and_then(|record| record.attempts.get_mut(number)) {
            attempt.ended = Some(ended);
            attempt.port = port;
            attempt.end = end;
        }
    }
}

impl Link {
    async fn close(self) {
        match self {
            Self::MySql(connection) => drop(connection.disconnect().await),
            Self::Bare(stream) => drop(stream),
            Self::Lines(_) | Self::Datagrams(_) => {}
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands behind map_err")]
fn of_io(error: io::Error) -> ClientErrorKind {
    echo::client_error(&error).kind
}
