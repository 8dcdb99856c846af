//! The client of the echo servers: a line there, a line back, over TCP or UDP, on one thread in the client's
//! namespace. To programs of the author's own it sends bytes, and takes what comes back.

use super::mysql_async::io_kind;
use super::{Bound, Desk, Inbox, Operation, Order, Task, failed, given_up, sockets};
use crate::echo_server::unspecified;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Answer, Closing, Orders};
use lvs_matrix_model::ipvs::Protocol;
use lvs_matrix_model::plan::ServerKind;
use lvs_matrix_model::record::{ClientError, ClientErrorKind, ClientEventKind};
use lvs_matrix_model::serving;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::sync::Notify;

/// The largest UDP datagram.
const LARGEST_DATAGRAM: usize = 1 << 16;
/// So many bytes of a program's answer are kept.
const SHOWN: usize = 60;

/// An open connection.
struct Open {
    socket: Socket,
    /// The client's port, if its socket could be looked at.
    port: Option<u16>,
}

enum Socket {
    Tcp(BufReader<TcpStream>),
    Udp(UdpSocket),
}

/// Does what it is told, on several connections at a time.
pub(super) async fn operate(mut inbox: Inbox, desk: &Desk) {
    let mut connections: HashMap<Option<Name>, Open> = HashMap::new();
    // Earlier connections of the same name stay open, as they would in a program that opens another one.
    let mut forgotten: Vec<Open> = Vec::new();
    // What ends a connect that is under way.
    let mut aborts: HashMap<Option<Name>, Rc<Notify>> = HashMap::new();
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            order = inbox.recv() => match order {
                Some(Order { on, task: Task::Abort, .. }) => {
                    aborts.get(&on).into_iter().for_each(|abort| abort.notify_one());
                }
                Some(order) => {
                    order.task.begun().into_iter().for_each(|begun| desk.write(order.number, begun));
                    let open = connections.remove(&order.on);
                    let abort = Rc::new(Notify::new());
                    aborts.insert(order.on.clone(), Rc::clone(&abort));
                    running.push(perform(desk, order, open, abort));
                }
                None => break,
            },
            Some((on, open, before)) = running.next() => {
                forgotten.extend(before);
                connections.extend(open.map(|open| (on, open)));
            }
        }
    }
}

/// Does one thing. Gives the connection that its name has from now on, and the one that it had before.
async fn perform(
    desk: &Desk,
    order: Order,
    open: Option<Open>,
    abort: Rc<Notify>,
) -> (Option<Name>, Option<Open>, Option<Open>) {
    let Order { number, on, task } = order;
    let (mut now, mut before) = (None, None);
    match (task, open) {
        (Task::From(bound), earlier) => match connect_as(desk, number, bound).await {
            Ok(fresh) if bound.beside => (now, before) = (earlier, Some(fresh)),
            Ok(fresh) => (now, before) = (Some(fresh), earlier),
            Err(error) => {
                desk.write(number, ClientEventKind::Failed(client_error(&error)));
                now = earlier;
            }
        },
        (Task::Begin(Operation::Connect), earlier) => {
            let connected = tokio::select! {
                connected = connect(desk, number, desk.port) => connected.map_err(|error| {
                    ClientEventKind::Failed(client_error(&error))
                }),
                // With the future goes its socket.
                () = abort.notified() => Err(given_up()),
            };
            match connected {
                Ok(fresh) => (now, before) = (Some(fresh), earlier),
                Err(failed) => {
                    desk.write(number, failed);
                    now = earlier;
                }
            }
        }
        (Task::Begin(Operation::Statement(text)), Some(open)) => {
            now = Some(request(desk, number, open, &text).await);
        }
        (Task::Large(statement), Some(open)) => {
            now = Some(request(desk, number, open, &statement.text()).await);
        }
        (Task::Disconnect(how), Some(open)) => {
            let kind = disconnect(desk, open, how).await;
            desk.write(number, kind);
        }
        (Task::Begin(Operation::Statement(_)) | Task::Large(_), None) => {
            desk.write(number, failed("there is no connection to send the request on"));
        }
        (Task::Disconnect(_), None) => desk.write(number, failed("there is no connection to close")),
        (Task::Resume | Task::Abort, open) => now = open,
    }
    desk.log.settled(number);
    (on, now, before)
}

/// Opens a connection as it is said.
async fn connect_as(desk: &Desk, number: u32, bound: Bound) -> io::Result<Open> {
    match bound.address {
        Some(address) => connect_from(desk, number, address, bound.port).await,
        None => connect(desk, number, bound.port).await,
    }
}

async fn connect(desk: &Desk, number: u32, port: u16) -> io::Result<Open> {
    let service = SocketAddr::new(desk.address, port);
    let open = match desk.protocol {
        Protocol::Udp => {
            let socket = UdpSocket::bind((unspecified(service), 0)).await?;
            socket.connect(service).await?;
            let port = socket.local_addr()?.port();
            sockets::note_port(desk, number, port);
            let socket = Socket::Udp(socket);
            let port = Some(port);
            Open { socket, port }
        }
        Protocol::Tcp | Protocol::Sctp => {
            let others = sockets::inodes();
            let stream = TcpStream::connect(service).await?;
            sockets::set_own(desk);
            let port = sockets::note_beside(desk, number, &[std::process::id()], &others);
            let socket = Socket::Tcp(BufReader::new(stream));
            Open { socket, port }
        }
    };
    write_connected(desk, number);
    Ok(open)
}

/// Opens a connection from one of the client's addresses. No two of its connections have the same port, even
/// from different addresses: by its port a connection is told from others in the capture.
async fn connect_from(desk: &Desk, number: u32, address: IpAddr, to: u16) -> io::Result<Open> {
    // Those of ports that were used before are kept meanwhile, so that the kernel chooses another one.
    let mut others = Vec::new();
    let (socket, port) = loop {
        let socket = match address {
            IpAddr::V4(_) => TcpSocket::new_v4()?,
            IpAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.bind(SocketAddr::new(address, 0))?;
        let port = socket.local_addr()?.port();
        if desk.log.is_first_of(port) {
            break (socket, port);
        }
        others.push(socket);
    };
    drop(others);
    sockets::note_bound(desk, number, address, port);
    let known = sockets::inodes();
    let stream = socket.connect(SocketAddr::new(desk.address, to)).await?;
    if !desk.settled.settings.is_empty() {
        sockets::set_own(desk);
        sockets::note_beside(desk, number, &[std::process::id()], &known);
    }
    write_connected(desk, number);
    Ok(Open {
        socket: Socket::Tcp(BufReader::new(stream)),
        port: Some(port),
    })
}

fn write_connected(desk: &Desk, number: u32) {
    // An echo server says nothing of itself before it is asked.
    let kind = ClientEventKind::Connected {
        connection_id: 0,
        server_version: String::new(),
    };
    desk.write(number, kind);
}

/// Sends a line and waits for the answer to it; that to an earlier one, which comes late, is passed over.
async fn request(desk: &Desk, number: u32, mut open: Open, text: &str) -> Open {
    let line = Orders::line(number, text);
    let named = |Answer { server, text, .. }| format!("{server} {text}");
    let answer = match &mut open.socket {
        Socket::Tcp(stream) if desk.server == ServerKind::Program => over_stream(stream, text).await,
        Socket::Tcp(stream) => over_tcp(stream, number, line.as_bytes()).await.map(named),
        Socket::Udp(socket) => over_udp(socket, number, line.as_bytes()).await.map(named),
    };
    let kind = match answer {
        Ok(answer) => ClientEventKind::ResultReceived {
            rows: 1,
            first_row: vec![answer],
        },
        Err(error) => ClientEventKind::Failed(client_error(&error)),
    };
    desk.write(number, kind);
    open
}

pub(super) async fn over_tcp(
    stream: &mut BufReader<TcpStream>,
    number: u32,
    line: &[u8],
) -> io::Result<Answer> {
    stream.write_all(line).await?;
    loop {
        let mut answer = Vec::new();
        stream.read_until(b'\n', &mut answer).await?;
        if !answer.ends_with(b"\n") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let answer = read(&answer)?;
        if answer.number == number {
            return Ok(answer);
        }
    }
}

/// Sends bytes, and takes what comes back first for the answer: nobody here knows where it ends. What is left
/// of an earlier answer is passed over.
async fn over_stream(stream: &mut BufReader<TcpStream>, text: &str) -> io::Result<String> {
    let known = stream.buffer().len();
    stream.consume(known);
    let mut earlier = [0; 4096];
    while stream
        .get_ref()
        .try_read(&mut earlier)
        .is_ok_and(|count| count > 0)
    {}
    stream.write_all(&serving::sent(text)).await?;
    let answer = stream.fill_buf().await?;
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let (count, begin) = (answer.len(), answer.get(..SHOWN).unwrap_or(answer));
    let begin = serving::text(begin);
    stream.consume(count);
    Ok(begin)
}

pub(super) async fn over_udp(socket: &UdpSocket, number: u32, line: &[u8]) -> io::Result<Answer> {
    socket.send(line).await?;
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let answer = read(buffer.get(..length).unwrap_or_default())?;
        if answer.number == number {
            return Ok(answer);
        }
    }
}

fn read(answer: &[u8]) -> io::Result<Answer> {
    let answer = Answer::read(&String::from_utf8_lossy(answer));
    answer.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what came is no answer"))
}

/// Closes a connection. Over UDP nothing is sent for it.
async fn disconnect(desk: &Desk, open: Open, how: Closing) -> ClientEventKind {
    match (how, open.socket) {
        (Closing::Quit, Socket::Tcp(mut stream)) => drop(stream.shutdown().await),
        (Closing::Reset, Socket::Tcp(_stream)) => {
            if let Err(why) = sockets::reset(desk, open.port) {
                return failed(format!("the connection cannot be reset: {why}"));
            }
        }
        (Closing::Quit | Closing::Reset, Socket::Udp(_)) => {}
    }
    ClientEventKind::Disconnected
}

pub(super) fn client_error(error: &io::Error) -> ClientError {
    // What came was nothing that an echo server says.
    let nonsense = error.kind() == io::ErrorKind::InvalidData;
    let kind = if nonsense {
        ClientErrorKind::Driver
    } else {
        io_kind(error)
    };
    let message = match kind {
        ClientErrorKind::Closed => "the server closed the connection (end of file)".to_owned(),
        ClientErrorKind::Io { .. }
        | ClientErrorKind::Driver
        | ClientErrorKind::Server { .. }
        | ClientErrorKind::Library { .. }
        | ClientErrorKind::TimedOut { .. } => error.to_string(),
    };
    ClientError { kind, message }
}
