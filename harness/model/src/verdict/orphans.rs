//! Sessions that the client has lost and a real server still holds.

use super::{Citation, Evidence, Fact, OrphanedSession};
use crate::record::{CellRecord, ServerSession, ServerView, Socket};
use std::collections::BTreeSet;
use std::fmt;

/// Every connection that a server's program still has and the client's kernel does not, told by the client's
/// port. Nothing is concluded if nobody looked at the client's sockets.
pub(super) fn orphaned(record: &CellRecord) -> Vec<OrphanedSession> {
    let Some(lines) = &record.client_sockets else {
        return Vec::new();
    };
    // A socket that is being opened is the client's, too.
    let held: BTreeSet<u16> = lines
        .iter()
        .filter_map(|line| Socket::parse(line))
        .filter(|socket| socket.is_held() || socket.state == "SYN-SENT")
        .map(|socket| socket.local.port())
        .collect();
    // Behind a source NAT servers know the probes by the client's address; the router keeps their ports where
    // these are free.
    let attempts = record.probes.iter().flat_map(|probe| &probe.attempts);
    let attempts = attempts.filter(|_| record.plan.source_nat().is_some());
    let of_probes: BTreeSet<u16> = attempts.filter_map(|attempt| attempt.port).collect();
    record
        .server_views
        .iter()
        .flat_map(|view| of_server(view).into_iter())
        .filter(|orphan| !held.contains(&orphan.client_port) && !of_probes.contains(&orphan.client_port))
        .collect()
}

/// Everything that the server holds, by the client's port.
fn of_server(view: &ServerView) -> Vec<OrphanedSession> {
    let sockets: Vec<Socket> = view.read_sockets().filter(Socket::is_held).collect();
    let sessions: Vec<(u16, &ServerSession)> = view
        .sessions
        .iter()
        .flatten()
        .filter_map(|session| Some((session.port()?, session)))
        .collect();
    let ports: BTreeSet<u16> = sockets
        .iter()
        .map(|socket| socket.peer.port())
        .chain(sessions.iter().map(|(port, _)| *port))
        .collect();
    ports
        .into_iter()
        .map(|client_port| OrphanedSession {
            server: view.server.clone(),
            server_id: view.server_id,
            client_port,
            session: sessions
                .iter()
                .find(|(port, _)| *port == client_port)
                .map(|(_, session)| (*session).clone()),
            socket: sockets
                .iter()
                .find(|socket| socket.peer.port() == client_port)
                .cloned(),
        })
        .collect()
}

/// What shows it.
pub(super) fn evidence(orphans: &[OrphanedSession]) -> impl Iterator<Item = Evidence> {
    orphans.iter().map(|orphan| Evidence {
        fact: Fact::Orphaned(orphan.clone()),
        shown_by: vec![Citation::Server(orphan.server_id)],
    })
}

impl fmt::Display for OrphanedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.client_port;
        write!(
            f,
            "{} still holds a connection that the client has lost (an orphaned session; the client's port \
             was {port})",
            self.server
        )?;
        if let Some(session) = &self.session {
            write!(
                f,
                "; its process list has it as session {}, {} for {} s",
                session.id, session.command, session.seconds
            )?;
            if let Some(transaction) = &session.transaction {
                write!(f, ", with {transaction}")?;
            }
        }
        if let Some(socket) = &self.socket {
            write!(
                f,
                "; its socket is in state {} with {} bytes to send and {} to read",
                socket.state, socket.send_queue, socket.receive_queue
            )?;
            if let Some(timer) = &socket.timer {
                write!(f, ", the {timer}")?;
            }
        }
        Ok(())
    }
}
