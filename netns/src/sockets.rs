//! TCP sockets of a network namespace, as ss(8) shows them, and their end (sock_diag(7), in this process).

use crate::netlink::{Conversation, Request};
use crate::{Error, Namespace, Result};
use netlink_packet_core::NLM_F_DUMP;
use rustix::net::netlink::SOCK_DIAG;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

/// Message types of include/uapi/linux/sock_diag.h.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;
/// include/uapi/linux/in.h.
const IPPROTO_TCP: u8 = 6;
/// Address families of include/linux/socket.h.
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// States of include/net/tcp_states.h; a set of them has the bit of each.
const TCP_LISTEN: u8 = 10;
/// Those up to TCP_CLOSING. Linux 6.8 has beside them sockets that are only bound,
/// which ss(8) does not ask for.
const ALL_STATES: u32 = (1 << 12) - 1;
/// How long `struct inet_diag_sockid` is, bytes: ports, addresses, interface, cookie.
const ID: usize = 48;

/// What this process has open by this number, once more. Every kernel has this; pidfd_getfd(2), by which the
/// same is had of another process, came with Linux 5.6.
///
/// # Errors
/// As `F_DUPFD_CLOEXEC` of fcntl(2): nothing is open by this number, say.
#[expect(
    unsafe_code,
    reason = "a number from /proc is no descriptor to std; see the SAFETY comment"
)]
pub fn own_descriptor(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(rustix::io::Errno::BADF.into());
    }
    // SAFETY: the number is not -1, and is used for one call, which gives a descriptor of its own. If another
    // thread closes it before, that call fails, or takes what was opened by the number since; it changes
    // neither.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(rustix::io::fcntl_dupfd_cloexec(borrowed, 0)?)
}

/// A TCP socket, with what ss(8) shows of it with `-tan -o`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpSocket {
    family: u8,
    state: u8,
    timer: u8,
    retransmits: u8,
    /// The kernel's own name of it, byte for byte.
    id: [u8; ID],
    local: SocketAddr,
    peer: SocketAddr,
    /// The interface that it is bound to, if any.
    interface: Option<String>,
    /// When its timer fires, milliseconds.
    expires: u32,
    received: u32,
    to_send: u32,
}

impl TcpSocket {
    /// The other end's address and port; unspecified for a socket that listens. An IPv4 address that an IPv6
    /// socket has is given as one of IPv4.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.peer.ip().to_canonical(), self.peer.port())
    }

    /// The kernel's own name of it, byte for byte: no two sockets have the same one.
    #[must_use]
    pub fn id(&self) -> &[u8; ID] {
        &self.id
    }

    /// Its own address and port.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        SocketAddr::new(self.local.ip().to_canonical(), self.local.port())
    }

    /// Does it wait for connections?
    #[must_use]
    pub fn listens(&self) -> bool {
        self.state == TCP_LISTEN
    }

    /// Reads `struct inet_diag_msg` (include/uapi/linux/inet_diag.h): four bytes, the id, five numbers.
    fn read(bytes: &[u8], interface: impl FnOnce(u32) -> Option<String>) -> Option<Self> {
        let (&[family, state, timer, retransmits], rest) = bytes.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk::<ID>()?;
        let numbers: Vec<u32> = rest
            .as_chunks()
            .0
            .iter()
            .map(|four| u32::from_ne_bytes(*four))
            .collect();
        let &[expires, received, to_send, ..] = numbers.as_slice() else {
            return None;
        };
        let (&[local, local_low, peer, peer_low], addresses) = id.split_first_chunk()?;
        let (from, rest) = addresses.split_first_chunk::<16>()?;
        let (to, rest) = rest.split_first_chunk::<16>()?;
        let (bound, _) = rest.split_first_chunk()?;
        let end = |address: &[u8; 16], port: [u8; 2]| {
            let ip = match family {
                AF_INET => IpAddr::from(Ipv4Addr::from(*address.first_chunk()?)),
                AF_INET6 => IpAddr::from(Ipv6Addr::from(*address)),
                _ => return None,
            };
            Some(SocketAddr::new(ip, u16::from_be_bytes(port)))
        };
        Some(Self {
            family,
            state,
            timer,
            retransmits,
            id: *id,
            local: end(from, [local, local_low])?,
            peer: end(to, [peer, peer_low])?,
            interface: Some(u32::from_ne_bytes(*bound))
                .filter(|index| *index != 0)
                .and_then(interface),
            expires,
            received,
            to_send,
        })
    }
}

/// The line of `ss -Htano`, with single blanks between its columns. Only the unspecified address of an IPv6
/// socket that also takes IPv4 is written otherwise: `[::]`, and not `*`.
impl fmt::Display for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interface = self.interface.as_ref().map(|name| format!("%{name}"));
        let end = |end: &SocketAddr, interface: &str| {
            let port = match end.port() {
                0 => "*".to_owned(),
                port => port.to_string(),
            };
            match end.ip() {
                IpAddr::V4(ip) => format!("{ip}{interface}:{port}"),
                IpAddr::V6(ip) => format!("[{ip}]{interface}:{port}"),
            }
        };
        let (local, peer) = (
            end(&self.local, interface.as_deref().unwrap_or_default()),
            end(&self.peer, ""),
        );
        let (received, to_send) = (self.received, self.to_send);
        write!(
            f,
            "{} {received} {to_send} {local} {peer}",
            state_name(self.state)
        )?;
        if self.timer != 0 {
            let name = match self.timer {
                1 => "on",
                2 => "keepalive",
                3 => "timewait",
                4 => "persist",
                _ => "unknown",
            };
            write!(f, " timer:({name},{},{})", span(self.expires), self.retransmits)?;
        }
        Ok(())
    }
}

/// The names that ss(8) gives the states (misc/ss.c of iproute2, `sstate_name`).
fn state_name(state: u8) -> &'static str {
    const NAMES: [&str; 12] = [
        "UNKNOWN",
        "ESTAB",
        "SYN-SENT",
        "SYN-RECV",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "TIME-WAIT",
        "UNCONN",
        "CLOSE-WAIT",
        "LAST-ACK",
        "LISTEN",
        "CLOSING",
    ];
    NAMES.get(usize::from(state)).copied().unwrap_or("UNKNOWN")
}

/// Milliseconds as ss(8) writes them: what is small beside the rest is left out (misc/ss.c,
/// `print_ms_timer`).
fn span(millis: u32) -> String {
    let (minutes, seconds, millis) = (millis / 60_000, millis / 1000 % 60, millis % 1000);
    let mut text = String::new();
    if minutes > 0 {
        text = format!("{minutes}min");
    }
    let seconds = if minutes > 9 { 0 } else { seconds };
    let millis = if minutes > 0 || seconds > 9 { 0 } else { millis };
    if seconds > 0 {
        text += &format!("{seconds}{}", if millis > 0 { "." } else { "sec" });
    }
    if millis > 0 {
        text += &format!("{millis:03}ms");
    }
    text
}

/// Every TCP socket of the namespace, those of IPv4 first.
///
/// # Errors
/// [`Error::Tcp`] if the kernel does not tell them.
pub fn tcp_sockets(namespace: &Namespace) -> Result<Vec<TcpSocket>> {
    namespace.run(|| list().map_err(failed("list TCP sockets")))?
}

/// As [`tcp_sockets`], in the calling thread's namespace.
///
/// # Errors
/// As [`tcp_sockets`].
pub fn tcp_sockets_here() -> Result<Vec<TcpSocket>> {
    list().map_err(failed("list TCP sockets"))
}

/// Destroys those TCP sockets of the namespace that `doomed` chooses; it gives how many. A connection's other
/// end gets an RST (net/ipv4/tcp.c, `tcp_abort`).
///
/// # Errors
/// [`Error::Tcp`] if the kernel does not do it.
pub fn destroy_tcp_sockets(
    namespace: &Namespace,
    doomed: impl Fn(&TcpSocket) -> bool + Send + 'static,
) -> Result<usize> {
    namespace.run(move || destroy_tcp_sockets_here(doomed))?
}

/// As [`destroy_tcp_sockets`], in the calling thread's namespace.
///
/// # Errors
/// As [`destroy_tcp_sockets`].
pub fn destroy_tcp_sockets_here(doomed: impl Fn(&TcpSocket) -> bool) -> Result<usize> {
    let destroy = || {
        let mut kernel = Conversation::open(Some(SOCK_DIAG))?;
        let mut count = 0;
        for socket in list()?.iter().filter(|socket| doomed(socket)) {
            let request = request(SOCK_DESTROY, socket.family, ALL_STATES, &socket.id);
            match kernel.ask(&request, 0) {
                Ok(_) => count += 1,
                // It has ended by itself meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    };
    destroy().map_err(failed("destroy TCP sockets"))
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::Tcp { what, source }
}

fn list() -> io::Result<Vec<TcpSocket>> {
    let mut kernel = Conversation::open(Some(SOCK_DIAG))?;
    let mut sockets = Vec::new();
    for family in [AF_INET, AF_INET6] {
        let request = request(SOCK_DIAG_BY_FAMILY, family, ALL_STATES, &[0; ID]);
        let told = match kernel.ask(&request, NLM_F_DUMP) {
            // A kernel without IPv6 has no such sockets (net/core/sock_diag.c, `__sock_diag_cmd`).
            Err(error) if error.kind() == io::ErrorKind::NotFound && family == AF_INET6 => continue,
            told => told?,
        };
        let name = |index| rustix::net::netdevice::index_to_name(&kernel, index).ok();
        for bytes in told {
            let socket = TcpSocket::read(&bytes, name);
            sockets.push(socket.ok_or_else(|| io::Error::other("the kernel's answer cannot be read"))?);
        }
    }
    Ok(sockets)
}

/// `struct inet_diag_req_v2` (include/uapi/linux/inet_diag.h).
fn request(kind: u16, family: u8, states: u32, id: &[u8; ID]) -> Request {
    let mut payload = vec![family, IPPROTO_TCP, 0, 0];
    payload.extend(states.to_ne_bytes());
    payload.extend(id);
    Request::new(kind, payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_of_this_process_is_had_by_its_number() {
        use std::os::fd::AsRawFd;
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let again = own_descriptor(socket.as_raw_fd()).unwrap();
        assert_ne!(again.as_raw_fd(), socket.as_raw_fd());
        let again = std::net::TcpListener::from(again);
        assert_eq!(again.local_addr().unwrap(), socket.local_addr().unwrap());
        // Each is closed by itself.
        drop(again);
        assert!(socket.local_addr().is_ok());
        for number in [-1, RawFd::MAX] {
            let error = own_descriptor(number).unwrap_err();
            assert_eq!(
                error.raw_os_error(),
                Some(rustix::io::Errno::BADF.raw_os_error()),
                "{number}"
            );
        }
    }

    #[test]
    fn a_span_is_written_as_ss_writes_it() {
        for (millis, text) in [
            (0, ""),
            (7, "007ms"),
            (200, "200ms"),
            (1_000, "1sec"),
            (1_234, "1.234ms"),
            (10_500, "10sec"),
            (61_001, "1min1sec"),
            (119 * 60_000 + 59_999, "119min"),
        ] {
            assert_eq!(span(millis), text, "{millis}");
        }
    }
}
