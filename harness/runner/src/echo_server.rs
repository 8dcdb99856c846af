//! The echo server: a program of its own in the namespace of a real server. It is this binary again, called
//! with [`ECHO_SERVER`].
//!
//! It listens to each of its addresses by itself. A UDP server that listens to all of them at once would
//! answer from the address that the route to the client has, and not from the VIP; the client's socket,
//! which is connected to the VIP, would never see that answer (net/ipv4/udp.c, `__udp4_lib_lookup`).

use crate::error::{LabError, Result, Stage};
use lvs_matrix_model::action::{Answer, Orders, Reaction};
use lvs_matrix_model::ipvs::Protocol;
use lvs_matrix_netns::Namespace;
use rustix::net::sockopt::set_socket_linger;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The word by which this binary is called as an echo server. No command of the command line.
pub const ECHO_SERVER: &str = "echo-server";
/// This binary, as the process that is to become it sees it.
const OWN_FILE: &str = "/proc/self/exe";
/// The longest line that a server reads: a request with the largest payload, and some room.
const LONGEST_LINE: u64 = 17 << 20;
/// The largest UDP datagram.
const LARGEST_DATAGRAM: usize = 1 << 16;
/// After this time a question of the harness's own is asked again over UDP.
const AGAIN: Duration = Duration::from_secs(1);

/// Starts an echo server in `namespace`.
pub(crate) fn start(
    namespace: &Namespace,
    protocol: Protocol,
    name: &str,
    addresses: &[SocketAddr],
    log: OwnedFd,
) -> Result<Child> {
    let stage = || format!("start the echo server {name}");
    let mut command = Command::new(OWN_FILE);
    command.arg(ECHO_SERVER).arg(protocol.to_string()).arg(name);
    command.args(addresses.iter().map(SocketAddr::to_string));
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    namespace.start(command).stage(stage())
}

/// What a process does that was called as an echo server: it serves until a signal ends it.
#[must_use]
pub fn serve(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<String> = words
        .into_iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let Err(error) = serve_all(&words);
    // If nobody hears it, the exit code is left.
    let _ = writeln!(io::stderr(), "{error}");
    ExitCode::FAILURE
}

/// Comes back only if it cannot serve.
fn serve_all(words: &[String]) -> io::Result<std::convert::Infallible> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let [protocol, name, addresses @ ..] = words else {
        return Err(wrong("an echo server is started by the harness, not by hand"));
    };
    let udp = *protocol == Protocol::Udp.to_string();
    let mut serving = Vec::new();
    for address in addresses {
        let address: SocketAddr = address.parse().map_err(|_| wrong("that is no address"))?;
        let own = name.clone();
        serving.push(if udp {
            let socket = UdpSocket::bind(address)?;
            thread::spawn(move || answer_datagrams(&socket, &own))
        } else {
            let listener = TcpListener::bind(address)?;
            thread::spawn(move || answer_connections(&listener, &own))
        });
        // A log that nobody keeps is no reason not to serve.
        let _ = writeln!(io::stderr(), "{name} listens to {address} over {protocol}");
    }
    for thread in serving {
        thread.join().map_err(|_| wrong("a thread has panicked"))??;
    }
    Err(wrong("there is no address to listen to"))
}

fn answer_connections(listener: &TcpListener, name: &str) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        let name = name.to_owned();
        // A connection that breaks concerns nobody else.
        thread::spawn(move || answer_lines(&stream, &name));
    }
}

/// Answers line by line, until the client has nothing more to say, or the server is told to end it.
fn answer_lines(stream: &TcpStream, name: &str) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        let Ok(orders) = Orders::read(&String::from_utf8_lossy(&line)) else {
            return Ok(());
        };
        thread::sleep(orders.takes);
        match orders.then {
            Reaction::Answer => {
                let mut stream = stream;
                stream.write_all(orders.answer_of(name).as_bytes())?;
            }
            Reaction::Close => return Ok(()),
            Reaction::Reset => return Ok(set_socket_linger(stream, Some(Duration::ZERO))?),
        }
    }
}

fn answer_datagrams(socket: &UdpSocket, name: &str) -> io::Result<()> {
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    loop {
        // An ICMP error for an earlier answer is the client's affair.
        let Ok((length, client)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let line = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
        let Ok(orders) = Orders::read(&line) else {
            continue;
        };
        let answer = match orders.then {
            Reaction::Answer => orders.answer_of(name),
            Reaction::Close | Reaction::Reset => continue,
        };
        let socket = socket.try_clone()?;
        thread::spawn(move || {
            thread::sleep(orders.takes);
            socket.send_to(answer.as_bytes(), client)
        });
    }
}

/// Asks the server at `address` who it is, from the calling thread's namespace: the name that it answers
/// with. Nothing is left of the connection: it ends by an RST, without TIME-WAIT.
pub(crate) fn ask(address: SocketAddr, protocol: Protocol, deadline: Duration) -> io::Result<String> {
    let line = Orders::line(0, "ready");
    let answer = match protocol {
        Protocol::Udp => ask_datagram(address, line.as_bytes(), deadline)?,
        Protocol::Tcp | Protocol::Sctp => ask_line(address, line.as_bytes(), deadline)?,
    };
    let answer = Answer::read(&String::from_utf8_lossy(&answer));
    let answer = answer.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "that is no answer"))?;
    Ok(answer.server)
}

fn ask_line(address: SocketAddr, line: &[u8], deadline: Duration) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, deadline)?;
    set_socket_linger(&stream, Some(Duration::ZERO))?;
    stream.set_read_timeout(Some(deadline))?;
    stream.write_all(line)?;
    let mut answer = Vec::new();
    BufReader::new(&stream).read_until(b'\n', &mut answer)?;
    Ok(answer)
}

fn ask_datagram(address: SocketAddr, line: &[u8], deadline: Duration) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind((unspecified(address), 0))?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(AGAIN.min(deadline)))?;
    let until = Instant::now() + deadline;
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    loop {
        let asked = socket.send(line).and_then(|_| socket.recv(&mut buffer));
        match asked {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(error) if Instant::now() >= until || error.kind() != io::ErrorKind::WouldBlock => {
                return Err(error);
            }
            Err(_) => {}
        }
    }
}

/// The address of no host, of the same family.
pub(crate) fn unspecified(address: SocketAddr) -> IpAddr {
    match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// The error that says that an echo server is not the one that was asked for.
pub(crate) fn another(stage: String, answered: &str, wanted: &str) -> LabError {
    LabError::new(stage, format!("{answered} answered, not {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    fn tcp() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || answer_connections(&listener, "rs1"));
        address
    }

    #[test]
    fn a_server_names_itself_over_tcp_and_udp() {
        assert_eq!(ask(tcp(), Protocol::Tcp, DEADLINE).unwrap(), "rs1");
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || answer_datagrams(&socket, "rs2"));
        assert_eq!(ask(address, Protocol::Udp, DEADLINE).unwrap(), "rs2");
    }

    #[test]
    fn a_server_does_what_it_is_told() {
        let ask = |text: &str| ask_line(tcp(), Orders::line(1, text).as_bytes(), DEADLINE);
        let large = ask("hello answer=4096").unwrap();
        assert_eq!((large.len(), large.starts_with(b"1 rs1 hello x")), (4096, true));
        let begun = Instant::now();
        assert_eq!(ask("hello takes=50ms").unwrap(), b"1 rs1 hello\n");
        assert!(begun.elapsed() >= Duration::from_millis(50));
        assert_eq!(ask("hello then=close").unwrap(), b"");
        assert_eq!(
            ask("hello then=reset").unwrap_err().kind(),
            io::ErrorKind::ConnectionReset
        );
    }

    #[test]
    fn nobody_there_is_an_error_at_once() {
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = ask(address, Protocol::Udp, DEADLINE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(serve_all(&["TCP".to_owned(), "rs1".to_owned()]).is_err());
    }
}
