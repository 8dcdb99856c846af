//! Errors of the client: their names, what must be seen of them in the packets, and the code that the classic
//! client prints.

use super::accepted::HeldBack;
use super::attempts::Reply;
use super::network::{Network, Request, Wire};
use super::operation::Classified;
use super::{At, Doubt, ObservedError, TerminatorKind, Unseen};
use crate::capture::dialect::{Dialect, Loss, ServerError};
use crate::record::{ClientError, ClientErrorKind};

// Linux's numbers (include/uapi/asm-generic/errno.h), the same on every architecture that runs the harness.
const EPIPE: i32 = 32;
const EADDRNOTAVAIL: i32 = 99;
const ENETUNREACH: i32 = 101;
const ECONNABORTED: i32 = 103;
const ECONNRESET: i32 = 104;
const ENOTCONN: i32 = 107;
const ETIMEDOUT: i32 = 110;
const ECONNREFUSED: i32 = 111;
const EHOSTUNREACH: i32 = 113;
const EINPROGRESS: i32 = 115;

/// The name of an errno as errno(3) has it (`ECONNREFUSED` for 111); `None` for one that a TCP client does
/// not get.
#[must_use]
pub fn errno_name(errno: u16) -> Option<&'static str> {
    Some(match i32::from(errno) {
        EPIPE => "EPIPE",
        EADDRNOTAVAIL => "EADDRNOTAVAIL",
        100 => "ENETDOWN",
        ENETUNREACH => "ENETUNREACH",
        ECONNABORTED => "ECONNABORTED",
        ECONNRESET => "ECONNRESET",
        105 => "ENOBUFS",
        ENOTCONN => "ENOTCONN",
        ETIMEDOUT => "ETIMEDOUT",
        ECONNREFUSED => "ECONNREFUSED",
        112 => "EHOSTDOWN",
        EHOSTUNREACH => "EHOSTUNREACH",
        EINPROGRESS => "EINPROGRESS",
        _ => return None,
    })
}

/// The error as it is reported.
pub(super) fn observed(
    dialect: &dyn Dialect,
    error: &ClientError,
    operation: &Classified<'_>,
    network: &Network,
) -> ObservedError {
    let (errno, reported, server) = match error.kind {
        ClientErrorKind::Io { errno } => (errno, None, None),
        ClientErrorKind::Library { code, errno, .. } => (errno, Some(code), None),
        ClientErrorKind::TimedOut { code } => (None, code, None),
        ClientErrorKind::Server { code, .. } => (None, None, Some(code)),
        ClientErrorKind::Closed | ClientErrorKind::Driver => (None, None, None),
    };
    let classic = reported.or_else(|| classic(dialect, error, operation, network));
    ObservedError {
        message: error.message.clone(),
        errno: errno.and_then(|errno| u16::try_from(errno).ok()),
        classic,
        reported: reported.is_some(),
        server,
        closed: classic.is_none() && error.kind == ClientErrorKind::Closed,
    }
}

/// An ERR of the server, by its packet. The text is the client's own if it names the same error.
pub(super) fn of_server(error: &ServerError, told: Option<&ClientError>) -> ObservedError {
    let same = told.filter(|told| match told.kind {
        ClientErrorKind::Server { code, .. } | ClientErrorKind::Library { code, .. } => code == error.code,
        ClientErrorKind::Io { .. }
        | ClientErrorKind::Closed
        | ClientErrorKind::TimedOut { .. }
        | ClientErrorKind::Driver => false,
    });
    ObservedError {
        message: same.map_or_else(|| error.to_string(), |told| told.message.clone()),
        errno: None,
        classic: None,
        reported: false,
        server: Some(error.code),
        closed: false,
    }
}

/// What the classic `mysql` command line prints in the same place.
///
/// - 2003 CR_CONN_HOST_ERROR: TCP itself was not established (refused, unreachable, timed out). MariaDB's
///   client prints 2002 here.
/// - 2013 CR_SERVER_LOST: TCP was established, and the connection was lost before the greeting and login were
///   through, or after the statement had been sent.
/// - 2006 CR_SERVER_GONE_ERROR: the connection had already ended when the client was about to send the
///   statement: a FIN or RST had reached it before. `cli_advanced_command` calls `net_clear()`, which reads
///   what is readable on the socket and finds its end, so that the write fails and is reported as "server has
///   gone away" (MySQL's sql-common/client.cc and sql-common/net_serv.cc). The article's transcript shows it
///   for a mysqld that died while the client was idle, and 2013 for one that died while the client waited.
///
/// `None` for an error of the server, which is printed with the server's own number, and for one of the
/// driver.
fn classic(
    dialect: &dyn Dialect,
    error: &ClientError,
    operation: &Classified<'_>,
    network: &Network,
) -> Option<u16> {
    match error.kind {
        ClientErrorKind::Server { .. } | ClientErrorKind::Driver => None,
        ClientErrorKind::Io { .. }
        | ClientErrorKind::Closed
        | ClientErrorKind::Library { .. }
        | ClientErrorKind::TimedOut { .. } => dialect.classic(match network.connects {
            true if network.established.is_none() => Loss::NotEstablished,
            true => Loss::BeforeLogin,
            false if lost_before(operation, network) || ended_before_sending(network) => Loss::BeforeRequest,
            // The socket says so at the first write (net/ipv4/tcp.c, `tcp_sendmsg_locked`).
            false if network.request.is_none() && network.ended_by_client_before.is_some() => {
                Loss::BeforeRequest
            }
            false => Loss::AfterRequest,
        }),
    }
}

/// Had the client lost the connection in an earlier operation, so that this one could send nothing?
fn lost_before(operation: &Classified<'_>, network: &Network) -> bool {
    operation.lost_before.is_some() && network.request.is_none()
}

/// Did a FIN or RST reach the client before it sent the statement, or instead of it?
fn ended_before_sending(network: &Network) -> bool {
    let sent = match network.request {
        Some(Request::Statement(seen) | Request::Command(seen)) => Some(seen.packet),
        Some(Request::Syn(_) | Request::Arp(_)) | None => None,
    };
    network
        .terminators
        .iter()
        .any(|terminator| match terminator.kind {
            TerminatorKind::Fin | TerminatorKind::Rst => sent.is_none_or(|sent| terminator.packet < sent),
            TerminatorKind::Icmp { .. } => false,
        })
}

/// What the packets do not show of an error, though they must if it is true.
pub(super) fn doubt(error: &ClientError, operation: &Classified<'_>, wire: &Wire) -> Option<Doubt> {
    let network = &wire.last;
    if lost_before(operation, network) {
        return None;
    }
    let (at, message) = (At(operation.end.at), error.message.clone());
    // A program may give up by itself and not say so.
    let gave_up = operation.chooses() && gave_up(operation, network);
    let shown = match error.kind {
        ClientErrorKind::Server { .. } => {
            let unread = matches!(network.reply, Some(Reply::Unread) | None);
            let answered = unread && !network.answers.is_empty();
            let ended = !network.terminators.is_empty() && network.server_error.is_some();
            InPackets::if_(answered || ended, Unseen::ServerError)
        }
        ClientErrorKind::Io { errno: None } if operation.chooses() => {
            InPackets::if_(gave_up || any_end_shown(network), Unseen::AnyEnd)
        }
        ClientErrorKind::Closed | ClientErrorKind::Io { errno: None } => ended(network),
        ClientErrorKind::Io {
            errno: Some(ETIMEDOUT),
        } if gave_up => InPackets::Yes,
        ClientErrorKind::Io { errno: Some(errno) } => by_errno(errno, network),
        // MariaDB's client names the errno of its own non-blocking connect() and not that of the failure
        // (plugins/pvio/pvio_socket.c, `pvio_socket_connect`): of EINPROGRESS nothing can be shown.
        ClientErrorKind::Library {
            errno: None | Some(EINPROGRESS),
            ..
        } => InPackets::if_(gave_up || any_end_shown(network), Unseen::AnyEnd),
        ClientErrorKind::Library {
            errno: Some(ETIMEDOUT),
            ..
        } if gave_up => InPackets::Yes,
        ClientErrorKind::Library {
            errno: Some(errno), ..
        } => by_errno(errno, network),
        ClientErrorKind::TimedOut { .. } => {
            // A pool's patience is over all that it tried.
            let tried_again = operation.chooses() && wire.looked.attempts.len() > 1;
            let unanswered = match network.reply {
                Some(Reply::Open) => true,
                Some(Reply::Unread) | None => network.answers.is_empty(),
                Some(Reply::Complete { .. } | Reply::Error { .. }) => tried_again,
            };
            // What ICMP says of an established connection does not end it (RFC 1122, 4.2.3.9).
            let soft = network.established.is_some() || !network.connects;
            let ended = network
                .terminators
                .iter()
                .any(|terminator| match terminator.kind {
                    TerminatorKind::Fin | TerminatorKind::Rst => true,
                    TerminatorKind::Icmp { .. } => !soft,
                });
            InPackets::if_(unanswered && (tried_again || !ended), Unseen::EndBefore)
        }
        ClientErrorKind::Driver => {
            return Some(Doubt::DriverFailed { at, message });
        }
    };
    match shown {
        InPackets::Yes => None,
        InPackets::No(unseen) => Some(Doubt::ErrorUnshown { at, message, unseen }),
        InPackets::Never(errno) => Some(Doubt::ErrnoUnknown { at, message, errno }),
    }
}

/// Did the client's own kernel refuse a connect before anything was sent, because the client had no port left
/// for it (net/ipv4/inet_hashtables.c, `__inet_hash_connect`)?
pub(super) fn has_no_port(operation: &Classified<'_>, network: &Network) -> bool {
    let errno = operation.failure().and_then(|error| {
        let ClientErrorKind::Io { errno } = error.kind else {
            return None;
        };
        errno
    });
    network.connects && network.connection.is_none() && errno == Some(EADDRNOTAVAIL)
}

fn any_end_shown(network: &Network) -> bool {
    !network.terminators.is_empty()
        || network.arp_unanswered.is_some()
        || network.held_back.is_some()
        || timed_out(network)
}

/// Did the program give up by itself: without an answer it closed the connection, or had waited for longer
/// than patience?
fn gave_up(operation: &Classified<'_>, network: &Network) -> bool {
    let unanswered = match network.reply {
        Some(Reply::Open) => true,
        Some(Reply::Unread) => network.unreplied.is_empty(),
        Some(Reply::Complete { .. } | Reply::Error { .. }) | None => false,
    };
    unanswered && (network.closed_by_client.is_some() || operation.end.at > operation.deadline)
}

/// Whether packets show an error.
enum InPackets {
    Yes,
    /// What they show instead.
    No(Unseen),
    /// There is nothing that they could show of this errno.
    Never(i32),
}

impl InPackets {
    fn if_(shown: bool, instead: Unseen) -> Self {
        if shown { Self::Yes } else { Self::No(instead) }
    }
}

fn ended(network: &Network) -> InPackets {
    // An RST of the client's own firewall does not pass its interface.
    InPackets::if_(
        !network.terminators.is_empty() || network.held_back.is_some_and(HeldBack::resets),
        Unseen::End,
    )
}

fn by_errno(errno: i32, network: &Network) -> InPackets {
    let has = |wanted: fn(TerminatorKind) -> bool| {
        network
            .terminators
            .iter()
            .any(|terminator| wanted(terminator.kind))
    };
    match errno {
        EPIPE | ECONNABORTED | ECONNRESET | ENOTCONN => ended(network),
        ECONNREFUSED => InPackets::if_(
            has(|kind| kind != TerminatorKind::Fin) || network.held_back.is_some_and(HeldBack::answers),
            Unseen::Refusal,
        ),
        EHOSTUNREACH | ENETUNREACH => InPackets::if_(
            network.arp_unanswered.is_some() || has(|kind| matches!(kind, TerminatorKind::Icmp { .. })),
            Unseen::Unreachable,
        ),
        ETIMEDOUT => InPackets::if_(timed_out(network), Unseen::Unanswered),
        EADDRNOTAVAIL if network.connects && network.connection.is_none() => InPackets::Yes,
        _ => InPackets::Never(errno),
    }
}

/// TCP gives up when what it sent again was not acknowledged: the last word on the connection was the
/// client's, or acknowledged less than the client had said, or what the client sent did not pass its own
/// firewall (TCP takes that for a loss: net/ipv4/tcp_timer.c, `tcp_retransmit_timer`).
fn timed_out(network: &Network) -> bool {
    if network.held_back.is_some() || network.unacknowledged {
        return true;
    }
    network.last_sent.is_some_and(|sent| {
        network
            .last_received
            .is_none_or(|received| sent.packet > received.packet)
    })
}
