//! The default client: mysql_async on one thread in the client's namespace.

use super::{Bound, Desk, Inbox, Operation, Order, Task, failed, given_up, sockets};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Closing, Statement};
use lvs_matrix_model::plan::{CLIENT_PASSWORD, CLIENT_USER};
use lvs_matrix_model::record::{ClientError, ClientErrorKind, ClientEventKind};
use lvs_matrix_netns::destroy_tcp_sockets_here;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Error, IoError, Opts, OptsBuilder, Row, Value};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;

/// Options under which the driver sends nothing of its own: with `max_allowed_packet` and `wait_timeout`
/// given it need not ask the server for them, and with `prefer_socket` off it stays on TCP.
pub(super) fn options(address: IpAddr, port: u16) -> Opts {
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

/// An open connection.
struct Open {
    connection: Conn,
    /// The client's port, if its socket could be looked at.
    port: Option<u16>,
}

/// The open connections by their names.
type Connections = HashMap<Option<Name>, Open>;

/// Does what it is told, on several connections at a time.
pub(super) async fn operate(mut inbox: Inbox, desk: &Desk) {
    let options = options(desk.address, desk.port);
    let mut connections = Connections::new();
    // Earlier connections of the same name stay open, as they would in a program that opens another one.
    let mut forgotten: Vec<Open> = Vec::new();
    // What lets a client that stopped reading go on, and ends a connect that is under way.
    let mut paused: HashMap<Option<Name>, Rc<Notify>> = HashMap::new();
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            order = inbox.recv() => match order {
                Some(Order { on, task: Task::Resume | Task::Abort, .. }) => {
                    if let Some(resume) = paused.get(&on) {
                        resume.notify_one();
                    }
                }
                Some(order) => {
                    order.task.begun().into_iter().for_each(|begun| desk.write(order.number, begun));
                    let open = connections.remove(&order.on);
                    let resume = Rc::new(Notify::new());
                    paused.insert(order.on.clone(), Rc::clone(&resume));
                    running.push(perform(desk, &options, order, open, resume));
                }
                None => break,
            },
            Some(done) = running.next() => {
                forgotten.extend(done.forgotten);
                connections.extend(done.open.map(|open| (done.on, open)));
            }
        }
    }
}

/// What an order leaves behind.
struct Done {
    on: Option<Name>,
    open: Option<Open>,
    forgotten: Option<Open>,
}

async fn perform(desk: &Desk, options: &Opts, order: Order, open: Option<Open>, resume: Rc<Notify>) -> Done {
    let Order { number, on, task } = order;
    let mut done = Done {
        on,
        open: None,
        forgotten: None,
    };
    match (task, open) {
        (
            Task::From(Bound {
                address: None, port, ..
            }),
            before,
        ) => {
            let to = super::mysql_async::options(desk.address, port);
            match connect(desk, &to, number).await {
                Ok(fresh) => (done.open, done.forgotten) = (Some(fresh), before),
                Err(error) => {
                    desk.write(number, ClientEventKind::Failed(client_error(&error)));
                    done.open = before;
                }
            }
        }
        (Task::Begin(Operation::Connect), before) => {
            let connected = tokio::select! {
                connected = connect(desk, options, number) => connected.map_err(|error| {
                    ClientEventKind::Failed(client_error(&error))
                }),
                // With the future goes its socket.
                () = resume.notified() => Err(given_up()),
            };
            match connected {
                Ok(fresh) => (done.open, done.forgotten) = (Some(fresh), before),
                Err(failed) => {
                    desk.write(number, failed);
                    done.open = before;
                }
            }
        }
        (Task::Begin(Operation::Statement(sql)), Some(mut open)) => {
            let kind = match execute(&mut open.connection, &sql).await {
                Ok((rows, first_row)) => ClientEventKind::ResultReceived { rows, first_row },
                Err(error) => ClientEventKind::Failed(client_error(&error)),
            };
            desk.write(number, kind);
            done.open = Some(open);
        }
        (Task::Large(statement), Some(mut open)) => {
            let kind = match stream(desk, number, &mut open.connection, &statement, &resume).await {
                Ok((rows, first_row)) => ClientEventKind::ResultReceived { rows, first_row },
                Err(error) => ClientEventKind::Failed(client_error(&error)),
            };
            desk.write(number, kind);
            done.open = Some(open);
        }
        (Task::Resume | Task::Abort, open) => done.open = open,
        // A scenario that says so is refused when it is read.
        (Task::From(Bound { address: Some(_), .. }), open) => {
            desk.write(
                number,
                failed("the driver cannot choose the address that it connects from"),
            );
            done.open = open;
        }
        (Task::Disconnect(how), Some(open)) => {
            let kind = disconnect(desk, open, how).await;
            desk.write(number, kind);
        }
        (Task::Begin(Operation::Statement(_)) | Task::Large(_), None) => {
            desk.write(number, failed("there is no connection to send the statement on"));
        }
        (Task::Disconnect(_), None) => desk.write(number, failed("there is no connection to close")),
    }
    desk.log.settled(number);
    done
}

async fn connect(desk: &Desk, options: &Opts, number: u32) -> std::result::Result<Open, Error> {
    let others = sockets::inodes();
    let connection = Conn::new(options.clone()).await?;
    // The driver has no such settings: they are set on its socket.
    sockets::set_own(desk);
    let port = sockets::note_beside(desk, number, &[std::process::id()], &others);
    let (major, minor, patch) = connection.server_version();
    let kind = ClientEventKind::Connected {
        connection_id: connection.id(),
        server_version: format!("{major}.{minor}.{patch}"),
    };
    desk.write(number, kind);
    Ok(Open { connection, port })
}

/// Closes a connection. As in `mysql_close()`, nobody asks whether the good-bye could be said.
async fn disconnect(desk: &Desk, open: Open, how: Closing) -> ClientEventKind {
    match how {
        Closing::Quit => drop(open.connection.disconnect().await),
        Closing::Reset => {
            if let Err(why) = sockets::reset(desk, open.port) {
                return failed(format!("the connection cannot be reset: {why}"));
            }
        }
    }
    ClientEventKind::Disconnected
}

/// Sends `sql` as `COM_QUERY` and reads the whole result: (rows, the first row as text).
async fn execute(connection: &mut Conn, sql: &str) -> std::result::Result<(u64, Vec<String>), Error> {
    let rows: Vec<Row> = connection.query(sql).await?;
    let first = rows.first().map(values);
    Ok((
        u64::try_from(rows.len()).unwrap_or(u64::MAX),
        first.unwrap_or_default(),
    ))
}

/// Sends a large statement, and reads its result row by row; where it says so, stops reading until `resume`.
/// The kernel goes on to receive until its buffer is full.
async fn stream(
    desk: &Desk,
    number: u32,
    connection: &mut Conn,
    statement: &Statement,
    resume: &Notify,
) -> std::result::Result<(u64, Vec<String>), Error> {
    let mut result = connection.query_iter(statement.text()).await?;
    let (mut rows, mut first) = (0, None);
    while let Some(row) = result.next().await? {
        rows += 1;
        if first.is_none() {
            first = Some(values(&row));
        }
        if statement.pause_after.map(u64::from) == Some(rows) {
            desk.write(number, ClientEventKind::ReadingPaused { rows });
            resume.notified().await;
        }
    }
    Ok((rows, first.unwrap_or_default()))
}

fn values(row: &Row) -> Vec<String> {
    (0..row.len()).map(|index| text_of(row.as_ref(index))).collect()
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

pub(super) fn client_error(error: &Error) -> ClientError {
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

pub(super) fn io_kind(error: &io::Error) -> ClientErrorKind {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return ClientErrorKind::Closed;
    }
    ClientErrorKind::Io {
        errno: error.raw_os_error(),
    }
}

/// Connects, asks for `@@server_id`, and gives the connection to `then`, all within the deadline.
fn ask<T>(
    address: IpAddr,
    port: u16,
    deadline: Duration,
    then: impl AsyncFnOnce(Conn, u32) -> std::result::Result<T, String>,
) -> std::result::Result<T, String> {
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
        let whole = async {
            match ask.await {
                Ok((connection, Some(id))) => then(connection, id).await,
                Ok((_, None)) => Err("the server sent no row for `select @@server_id`".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        };
        let late = |_| Err(format!("no answer within {deadline:?}"));
        tokio::time::timeout(deadline, whole).await.unwrap_or_else(late)
    })
}

/// Logs in, asks something, and leaves: does the server answer within the deadline?
pub(crate) fn answers(address: IpAddr, port: u16, deadline: Duration) -> std::result::Result<(), String> {
    ask(address, port, deadline, async |connection, _| {
        let left = connection.disconnect().await;
        left.map_err(|error| error.to_string())
    })
}

/// Connects once, asks for `@@server_id`, and is gone: how the lab sees that it is ready. Runs in the calling
/// thread's namespace. The connection is destroyed on both sides by an RST (the kernel's SOCK_DESTROY, as
/// `ss -K`), not closed: a FIN would leave TIME_WAIT behind for minutes, in the client and in the director's
/// table.
pub(crate) fn ask_server_id(
    address: IpAddr,
    port: u16,
    deadline: Duration,
) -> std::result::Result<u32, String> {
    ask(address, port, deadline, async |connection, id| {
        let service = SocketAddr::new(address, port);
        let destroyed = destroy_tcp_sockets_here(|socket| socket.peer() == service);
        let destroyed = destroyed.map_err(|error| error.to_string())?;
        drop(connection);
        if destroyed == 0 {
            return Err(format!("there is no TCP socket with {service} to destroy"));
        }
        Ok(id)
    })
}
