//! The default client: mysql_async on one thread in the client's namespace. It writes down what happens and judges nothing.

use crate::clock::Clock;
use crate::error::{Result, Stage};
use lvs_matrix_model::plan::{CLIENT_PASSWORD, CLIENT_USER};
use lvs_matrix_model::record::{ClientError, ClientErrorKind, ClientEvent, ClientEventKind};
use lvs_matrix_netns::{CommandLine, Namespace, give_up_capabilities};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Error, IoError, Opts, OptsBuilder, Row, Value};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// A client that does one operation after another.
pub(crate) struct Client {
    // Dropping the sender of `stop` ends whatever the client is waiting for.
    stop: Option<oneshot::Sender<()>>,
    operations: mpsc::UnboundedSender<(u32, Operation)>,
    log: Arc<Log>,
    thread: Option<JoinHandle<()>>,
}

/// What the client is told to do.
#[derive(Debug)]
pub(crate) enum Operation {
    Connect,
    Statement(String),
}

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Succeeded,
    Failed,
    Pending,
}

#[derive(Debug)]
struct Log {
    clock: Clock,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    events: Vec<ClientEvent>,
    ended: BTreeMap<u32, Standing>,
}

impl Log {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held can only have been in pushing an event: what is there is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, operation: u32, kind: ClientEventKind) {
        let at = self.clock.now();
        let mut state = self.state();
        let standing = match &kind {
            ClientEventKind::Connected { .. } | ClientEventKind::ResultReceived { .. } => Some(Standing::Succeeded),
            ClientEventKind::Failed(_) => Some(Standing::Failed),
            ClientEventKind::ConnectBegun | ClientEventKind::StatementBegun { .. } | ClientEventKind::StillWaiting => {
                None
            }
        };
        if let Some(standing) = standing {
            state.ended.insert(operation, standing);
        }
        let number = u32::try_from(state.events.len() + 1).unwrap_or(u32::MAX);
        state.events.push(ClientEvent {
            number,
            at,
            operation,
            kind,
        });
        drop(state);
        self.changed.notify_all();
    }
}

impl Client {
    /// Starts a client in `namespace` that will connect to `address`:`port`.
    pub(crate) fn start(namespace: &Namespace, clock: Clock, address: IpAddr, port: u16) -> Result<Self> {
        let log = Arc::new(Log {
            clock,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let (stop, stopped) = oneshot::channel();
        let (operations, inbox) = mpsc::unbounded_channel();
        let thread_log = Arc::clone(&log);
        // The runtime is made on the client's own thread, so that every socket belongs to the client's namespace.
        let thread = namespace
            .spawn("client", move || {
                if let Err(error) = give_up_capabilities() {
                    return fail_all(inbox, &thread_log, &io::Error::other(error));
                }
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                match runtime {
                    Ok(runtime) => runtime.block_on(async {
                        tokio::select! {
                            () = serve(inbox, &thread_log, options(address, port)) => {}
                            _ = stopped => {}
                        }
                    }),
                    Err(error) => fail_all(inbox, &thread_log, &error),
                }
            })
            .stage("start the client")?;
        Ok(Self {
            stop: Some(stop),
            operations,
            log,
            thread: Some(thread),
        })
    }

    /// Begins an operation; the numbers are the caller's, 1 for the first.
    pub(crate) fn begin(&self, number: u32, operation: Operation) -> Result<()> {
        self.operations
            .send((number, operation))
            .stage("tell the client what to do")
    }

    /// Waits until the operation has ended, or until `until`.
    pub(crate) fn wait(&self, operation: u32, until: Instant) -> Standing {
        let mut state = self.log.state();
        loop {
            if let Some(standing) = state.ended.get(&operation) {
                return *standing;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Standing::Pending;
            }
            state = self
                .log
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// How the operation stands now.
    pub(crate) fn standing(&self, operation: u32) -> Standing {
        self.wait(operation, Instant::now())
    }

    /// Writes down that the observation ended while the operation was waiting.
    pub(crate) fn still_waiting(&self, operation: u32) {
        self.log.write(operation, ClientEventKind::StillWaiting);
    }

    /// Everything written down so far.
    pub(crate) fn events(&self) -> Vec<ClientEvent> {
        self.log.state().events.clone()
    }

    /// Ends the client; its connection is closed.
    pub(crate) fn stop(mut self) -> Vec<ClientEvent> {
        self.end();
        self.events()
    }

    fn end(&mut self) {
        self.stop = None;
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

/// Options under which the driver sends nothing of its own: with `max_allowed_packet` and `wait_timeout` given it need not
/// ask the server for them, and with `prefer_socket` off it stays on TCP.
fn options(address: IpAddr, port: u16) -> Opts {
    OptsBuilder::default()
        .ip_or_hostname(address.to_string())
        .tcp_port(port)
        .user(Some(CLIENT_USER))
        .pass(Some(CLIENT_PASSWORD))
        .prefer_socket(false)
        .max_allowed_packet(Some(16 << 20))
        .wait_timeout(Some(28_800))
        .stmt_cache_size(0)
        .into()
}

async fn serve(mut inbox: mpsc::UnboundedReceiver<(u32, Operation)>, log: &Log, options: Opts) {
    // Earlier connections stay open, as they would in a program that opens another one.
    let mut connections: Vec<Conn> = Vec::new();
    while let Some((number, operation)) = inbox.recv().await {
        match operation {
            Operation::Connect => {
                log.write(number, ClientEventKind::ConnectBegun);
                match Conn::new(options.clone()).await {
                    Ok(connection) => {
                        let (major, minor, patch) = connection.server_version();
                        let kind = ClientEventKind::Connected {
                            connection_id: connection.id(),
                            server_version: format!("{major}.{minor}.{patch}"),
                        };
                        log.write(number, kind);
                        connections.push(connection);
                    }
                    Err(error) => log.write(number, ClientEventKind::Failed(client_error(&error))),
                }
            }
            Operation::Statement(sql) => {
                log.write(number, ClientEventKind::StatementBegun { sql: sql.clone() });
                let kind = match connections.last_mut() {
                    Some(connection) => match execute(connection, &sql).await {
                        Ok((rows, first_row)) => ClientEventKind::ResultReceived { rows, first_row },
                        Err(error) => ClientEventKind::Failed(client_error(&error)),
                    },
                    None => failed_driver("there is no connection to send the statement on"),
                };
                log.write(number, kind);
            }
        }
    }
}

/// Sends `sql` as `COM_QUERY` and reads the whole result: (rows, the first row as text).
async fn execute(connection: &mut Conn, sql: &str) -> std::result::Result<(u64, Vec<String>), Error> {
    let rows: Vec<Row> = connection.query(sql).await?;
    let first = rows
        .first()
        .map(|row| (0..row.len()).map(|index| text_of(row.as_ref(index))).collect());
    Ok((u64::try_from(rows.len()).unwrap_or(u64::MAX), first.unwrap_or_default()))
}

fn text_of(value: Option<&Value>) -> String {
    match value {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Value::NULL) | None => "NULL".to_owned(),
        // The text protocol gives bytes or NULL only; the driver's own notation is good enough for the rest.
        Some(
            other @ (Value::Int(_)
            | Value::UInt(_)
            | Value::Float(_)
            | Value::Double(_)
            | Value::Date(..)
            | Value::Time(..)),
        ) => other.as_sql(true),
    }
}

fn client_error(error: &Error) -> ClientError {
    let kind = match error {
        Error::Io(IoError::Io(error)) => io_kind(error),
        Error::Server(server) => ClientErrorKind::Server {
            code: server.code,
            sqlstate: server.state.clone(),
        },
        Error::Driver(DriverError::ConnectionClosed) => ClientErrorKind::Closed,
        Error::Driver(_) | Error::Other(_) | Error::Url(_) => ClientErrorKind::Driver,
    };
    // The driver's own wrappers say `Input/output error:` once each; what they wrap says it all.
    let message = match error {
        Error::Io(IoError::Io(error)) => error.to_string(),
        Error::Server(error) => error.to_string(),
        Error::Driver(error) => error.to_string(),
        Error::Other(error) => error.to_string(),
        Error::Url(error) => error.to_string(),
    };
    ClientError { kind, message }
}

fn io_kind(error: &io::Error) -> ClientErrorKind {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return ClientErrorKind::Closed;
    }
    ClientErrorKind::Io {
        errno: error.raw_os_error(),
    }
}

fn failed_driver(message: &str) -> ClientEventKind {
    ClientEventKind::Failed(ClientError {
        kind: ClientErrorKind::Driver,
        message: message.to_owned(),
    })
}

/// Where the client cannot be started every operation fails, and says why.
fn fail_all(mut inbox: mpsc::UnboundedReceiver<(u32, Operation)>, log: &Log, error: &io::Error) {
    while let Some((number, _)) = inbox.blocking_recv() {
        log.write(number, failed_driver(&format!("cannot start the client: {error}")));
    }
}

/// Connects once, asks for `@@server_id`, and is gone: how the lab sees that it is ready. Runs in the calling thread's
/// namespace. The connection is destroyed on both sides by an RST (`ss -K`, the kernel's SOCK_DESTROY), not closed: a FIN
/// would leave TIME_WAIT behind for minutes, in the client and in the director's table.
pub(crate) fn ask_server_id(address: IpAddr, port: u16, deadline: Duration) -> std::result::Result<u32, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let ask = async {
            let mut connection = Conn::new(options(address, port)).await?;
            let id: Option<u32> = connection.query_first("select @@server_id").await?;
            Ok::<_, Error>((connection, id))
        };
        let (connection, id) = match tokio::time::timeout(deadline, ask).await {
            Ok(Ok((connection, Some(id)))) => (connection, id),
            Ok(Ok((_, None))) => return Err("the server sent no row for `select @@server_id`".to_owned()),
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err(format!("no answer within {} s", deadline.as_secs())),
        };
        let destroy = CommandLine::new(["ss", "-tKH", "dst", &format!("{address}:{port}")]);
        let destroyed = lvs_matrix_netns::run(&destroy).map_err(|error| error.to_string())?;
        drop(connection);
        if destroyed.output.trim().is_empty() {
            return Err(format!(
                "`{}` found no socket to destroy ({})",
                destroy.text(),
                destroyed.status_text()
            ));
        }
        Ok(id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    fn client(port: u16) -> (Namespace, Client) {
        let namespace = Namespace::new("client").unwrap();
        let up = ["link set dev lo up".to_owned()];
        lvs_matrix_netns::ip_batch(&namespace, &up).unwrap();
        let client = Client::start(&namespace, Clock::start(), IpAddr::V4(Ipv4Addr::LOCALHOST), port).unwrap();
        (namespace, client)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn a_refused_connection_is_written_down_with_its_errno() {
        let (_namespace, client) = client(1);
        client.begin(1, Operation::Connect).unwrap();
        assert_eq!(client.wait(1, soon()), Standing::Failed);
        let events = client.stop();
        assert_eq!(events[0].kind, ClientEventKind::ConnectBegun);
        let ClientEventKind::Failed(error) = &events[1].kind else {
            panic!("{events:?}")
        };
        assert_eq!(error.kind, ClientErrorKind::Io { errno: Some(111) });
        assert!(events[0].at <= events[1].at);
    }

    #[test]
    fn a_server_that_hangs_up_or_stays_silent_is_told_apart() {
        let (namespace, client) = client(3306);
        let listener = namespace.run(|| TcpListener::bind("127.0.0.1:3306")).unwrap().unwrap();
        client.begin(1, Operation::Connect).unwrap();
        drop(listener.accept().unwrap());
        assert_eq!(client.wait(1, soon()), Standing::Failed);

        // Accepted, and never a word: the operation is pending for as long as one likes to wait, and ends with the client.
        client.begin(2, Operation::Connect).unwrap();
        let silent = listener.accept().unwrap();
        assert_eq!(
            client.wait(2, Instant::now() + Duration::from_millis(50)),
            Standing::Pending
        );
        client.still_waiting(2);
        let events = client.stop();
        let ClientEventKind::Failed(error) = &events[1].kind else {
            panic!("{events:?}")
        };
        assert_eq!(error.kind, ClientErrorKind::Closed);
        assert_eq!(
            events.last().map(|event| &event.kind),
            Some(&ClientEventKind::StillWaiting)
        );
        drop(silent);
    }

    #[test]
    fn a_statement_without_a_connection_fails() {
        let (_namespace, client) = client(1);
        client.begin(1, Operation::Statement("select 1".to_owned())).unwrap();
        assert_eq!(client.wait(1, soon()), Standing::Failed);
    }
}
