//! The client program's sockets, looked at from outside by pidfd_getfd(2) (since Linux 5.6; those of this
//! process on any kernel): whatever the program is and however it was set, the kernel says which options its
//! connection has.

use super::Desk;
use lvs_matrix_model::client::{Keepalive, Setting};
use lvs_matrix_model::record::{Instead, OpenedSocket, Proof, SettingShown};
use lvs_matrix_netns::own_descriptor;
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::net::{SocketAddrAny, connect_unspec, getpeername, getsockname};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// A socket of a process, connected to the service.
struct Found {
    port: u16,
    /// `socket:[4711]`.
    inode: String,
    socket: OwnedFd,
}

/// A process whose descriptors can be had.
enum Process {
    This,
    Other(OwnedFd),
}

impl Process {
    fn of(pid: u32) -> io::Result<Self> {
        if pid == std::process::id() {
            return Ok(Self::This);
        }
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let pidfd = pidfd_open(raw.ok_or(io::ErrorKind::InvalidInput)?, PidfdFlags::empty());
        pidfd.map(Self::Other).map_err(lacking)
    }

    fn descriptor(&self, number: i32) -> io::Result<OwnedFd> {
        match self {
            Self::This => own_descriptor(number),
            Self::Other(pidfd) => pidfd_getfd(pidfd, number, PidfdGetfdFlags::empty()).map_err(lacking),
        }
    }
}

/// What a kernel without the system call says, in words.
fn lacking(errno: Errno) -> io::Error {
    match errno {
        Errno::NOSYS => io::Error::new(
            io::ErrorKind::Unsupported,
            "this kernel does not show the sockets of another process (pidfd_getfd, Linux 5.6)",
        ),
        other => other.into(),
    }
}

/// The sockets of process `pid` that are connected to the virtual service, or are about to be.
fn of_process(desk: &Desk, pid: u32) -> io::Result<Vec<Found>> {
    let process = Process::of(pid)?;
    let of_service = |peer: SocketAddr| peer.ip() == desk.address && desk.ports.contains(&peer.port());
    let mut found = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        let target = fs::read_link(entry.path()).unwrap_or_default();
        let inode = target.to_string_lossy().into_owned();
        let number = entry.file_name().to_string_lossy().parse::<i32>();
        let (true, Ok(number)) = (inode.starts_with("socket:"), number) else {
            continue;
        };
        let socket = match process.descriptor(number) {
            Ok(socket) => socket,
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Err(error),
            // One that was closed since then is none of interest.
            Err(_) => continue,
        };
        if peer(&socket).is_some_and(of_service)
            && let Some(own) = getsockname(&socket).ok().and_then(ip_address)
            && desk.of_probes != Some(own.ip())
        {
            found.push(Found {
                port: own.port(),
                inode,
                socket,
            });
        }
    }
    Ok(found)
}

fn peer(socket: &OwnedFd) -> Option<SocketAddr> {
    getpeername(socket).ok().flatten().and_then(ip_address)
}

fn ip_address(address: SocketAddrAny) -> Option<SocketAddr> {
    SocketAddr::try_from(address).ok()
}

/// Gives the sockets of this process to the service what the plan sets of them.
pub(super) fn set_own(desk: &Desk) {
    let settings = &desk.settled.settings;
    if settings.is_empty() {
        return;
    }
    let set = |socket: &OwnedFd| -> rustix::io::Result<()> {
        if let Some(Keepalive {
            time,
            interval,
            probes,
        }) = settings.keepalive
        {
            sockopt::set_socket_keepalive(socket, true)?;
            sockopt::set_tcp_keepidle(socket, time)?;
            sockopt::set_tcp_keepintvl(socket, interval)?;
            sockopt::set_tcp_keepcnt(socket, u32::from(probes))?;
        }
        if let Some(time) = settings.tcp_user_timeout {
            sockopt::set_tcp_user_timeout(socket, u32::try_from(time.as_millis()).unwrap_or(u32::MAX))?;
        }
        Ok(())
    };
    // What could not be set does not show when the options are read back, which is what is recorded.
    for found in of_process(desk, std::process::id()).into_iter().flatten() {
        let _ = set(&found.socket);
    }
}

/// The inodes of this process's sockets, whatever they are: `socket:[4711]`.
pub(super) fn inodes() -> BTreeSet<String> {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned()))
        .filter(|target| target.starts_with("socket:"))
        .collect()
}

/// Ends the connection of this process that has this port: an RST goes out. A connection that the other end
/// has reset has no peer any more, so it is not among those found: it is over already.
pub(super) fn reset(desk: &Desk, port: Option<u16>) -> io::Result<()> {
    let port = port.ok_or(io::ErrorKind::NotFound)?;
    let own = of_process(desk, std::process::id())?;
    match own.into_iter().find(|found| found.port == port) {
        Some(found) => Ok(connect_unspec(&found.socket)?),
        None => Ok(()),
    }
}

/// Writes down the newest socket that the processes of a program have opened, and which of the plan's
/// settings are in force on it.
pub(super) fn note(desk: &Desk, operation: u32, pids: &[u32]) {
    note_beside(desk, operation, pids, &BTreeSet::new());
}

/// The sockets of several processes. One that has ended since has none; which of them has the connection is
/// the program's affair.
fn of_processes(desk: &Desk, pids: &[u32]) -> io::Result<Vec<Found>> {
    let (mut found, mut trouble) = (Vec::new(), None);
    for pid in pids {
        match of_process(desk, *pid) {
            Ok(more) => found.extend(more),
            Err(error) => trouble = Some(error),
        }
    }
    match trouble {
        Some(error) if found.is_empty() => Err(error),
        Some(_) | None => Ok(found),
    }
}

/// The same of a process that has other sockets, which are none of the operation's. Gives the port.
pub(super) fn note_beside(
    desk: &Desk,
    operation: u32,
    pids: &[u32],
    others: &BTreeSet<String>,
) -> Option<u16> {
    let seen = of_processes(desk, pids)
        .map_err(|error| Instead::NoSockets {
            error: error.to_string(),
        })
        .and_then(|found| {
            // All of them are known from now on.
            let ours = |found: &&Found| !others.contains(&found.inode) && desk.log.is_new(&found.inode);
            let mut fresh: Vec<&Found> = found.iter().filter(ours).collect();
            let fresh = fresh.pop();
            let fresh = fresh.ok_or(Instead::NoNewSocket)?;
            options(operation, fresh).map_err(|error| Instead::NoOptions {
                error: error.to_string(),
            })
        });
    for setting in [Setting::Keepalive, Setting::TcpUserTimeout] {
        let verdict = match &seen {
            Ok(socket) => of_socket(desk, setting, socket),
            Err(why) => wanted(desk, setting).map(|_| Err(why.clone())),
        };
        if let Some(verdict) = verdict {
            shown(desk, setting, verdict);
        }
    }
    let socket = seen.ok()?;
    let port = socket.port;
    desk.log.socket(socket);
    Some(port)
}

/// Writes down the port of a UDP socket, which has none of TCP's options.
pub(super) fn note_port(desk: &Desk, operation: u32, port: u16) {
    note_unset(desk, operation, port, None);
}

/// Writes down what a socket is bound to that is not connected yet.
pub(super) fn note_bound(desk: &Desk, operation: u32, address: IpAddr, port: u16) {
    note_unset(desk, operation, port, Some(address));
}

fn note_unset(desk: &Desk, operation: u32, port: u16, bound_to: Option<IpAddr>) {
    desk.log.socket(OpenedSocket {
        operation,
        port,
        bound_to,
        keepalive: false,
        keepalive_time: Duration::ZERO,
        keepalive_interval: Duration::ZERO,
        keepalive_probes: 0,
        user_timeout: Duration::ZERO,
    });
}

/// Writes down what shows a setting, or why nothing does.
pub(super) fn shown(desk: &Desk, setting: Setting, verdict: Result<Proof, Instead>) {
    let (shown, doubt) = match verdict {
        Ok(shown) => (Some(shown), None),
        Err(doubt) => (None, Some(doubt)),
    };
    desk.log.setting(SettingShown {
        setting: setting.key().to_owned(),
        shown,
        doubt,
    });
}

fn options(operation: u32, found: &Found) -> rustix::io::Result<OpenedSocket> {
    let socket = &found.socket;
    Ok(OpenedSocket {
        operation,
        port: found.port,
        bound_to: None,
        keepalive: sockopt::socket_keepalive(socket)?,
        keepalive_time: sockopt::tcp_keepidle(socket)?,
        keepalive_interval: sockopt::tcp_keepintvl(socket)?,
        keepalive_probes: sockopt::tcp_keepcnt(socket)?,
        user_timeout: Duration::from_millis(u64::from(sockopt::tcp_user_timeout(socket)?)),
    })
}

fn wanted(desk: &Desk, setting: Setting) -> Option<()> {
    let settings = &desk.settled.settings;
    match setting {
        Setting::Keepalive => settings.keepalive.map(drop),
        Setting::TcpUserTimeout => settings.tcp_user_timeout.map(drop),
        Setting::ConnectTimeout | Setting::ReadTimeout | Setting::WriteTimeout => None,
    }
}

/// Whether the socket has what the plan sets; `None` if the plan does not set it.
fn of_socket(desk: &Desk, setting: Setting, socket: &OpenedSocket) -> Option<Result<Proof, Instead>> {
    wanted(desk, setting)?;
    let settings = &desk.settled.settings;
    let (good, found) = match setting {
        Setting::Keepalive => {
            let found = Keepalive {
                time: socket.keepalive_time,
                interval: socket.keepalive_interval,
                probes: u8::try_from(socket.keepalive_probes).unwrap_or(u8::MAX),
            };
            (
                socket.keepalive && settings.keepalive == Some(found),
                Proof::Keepalive {
                    port: socket.port,
                    on: u8::from(socket.keepalive),
                    idle: found.time.as_secs(),
                    interval: found.interval.as_secs(),
                    probes: found.probes,
                },
            )
        }
        Setting::TcpUserTimeout => (
            settings.tcp_user_timeout == Some(socket.user_timeout),
            Proof::UserTimeout {
                port: socket.port,
                millis: u64::try_from(socket.user_timeout.as_millis()).unwrap_or(u64::MAX),
            },
        ),
        Setting::ConnectTimeout | Setting::ReadTimeout | Setting::WriteTimeout => return None,
    };
    Some(if good {
        Ok(found)
    } else {
        let proof = Box::new(found);
        Err(Instead::Other { proof })
    })
}
