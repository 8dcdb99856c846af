//! What avoids it: the sentences that several rules share.

use super::case::Case;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, TableAction};

/// The command line by which an operator does `action` in this cell.
fn command(case: &Case<'_>, action: TableAction) -> String {
    let lines = case.plan.command_lines(&Action::Table(action));
    let texts: Vec<String> = lines.iter().map(|(_, argv)| argv.join(" ")).collect();
    texts.join("; ")
}

/// Entries go with their server.
pub(super) fn expire_nodest_conn() -> String {
    "On the director, set net.ipv4.vs.expire_nodest_conn=1: the entries of a deleted server go with it, and the next segment \
     of such a connection is answered with an RST instead of being dropped."
        .to_owned()
}

/// Weight 0 first.
pub(super) fn drain(case: &Case<'_>, server: &Name) -> String {
    let weight = TableAction::SetWeight {
        server: server.clone(),
        weight: 0,
    };
    format!(
        "Before a server is deleted from the table or its mysqld is stopped, set its weight to 0 (`{}`) and wait until \
         `ipvsadm -Lnc` shows no connection to it: weight 0 takes no new connections and goes on passing on what belongs to \
         those that it has.",
        command(case, weight)
    )
}

/// The server's own end first.
pub(super) fn stop_mysqld_first() -> String {
    "Or end the connections at the server before its table entry is deleted (stop mysqld, or KILL the sessions): in direct \
     routing its FIN reaches the client past the director."
        .to_owned()
}

/// The client's own patience.
pub(super) fn user_timeout() -> String {
    "On the client, limit how long data may stay unacknowledged (TCP_USER_TIMEOUT on its sockets, or a lower \
     net.ipv4.tcp_retries2) or how long a result may take (a read time-out of the driver)."
        .to_owned()
}

/// What ends such a wait at the client: of a connect, of what was not acknowledged, of what was.
pub(super) fn patience(case: &Case<'_>) -> String {
    if case.is_connect() {
        connect_timeout()
    } else if case.acknowledged().is_some() {
        keepalive()
    } else {
        user_timeout()
    }
}

/// The client's patience with a connect.
pub(super) fn connect_timeout() -> String {
    "On the client, give the driver a time-out for connecting, or lower net.ipv4.tcp_syn_retries.".to_owned()
}

/// A probe of the client's own.
pub(super) fn keepalive() -> String {
    "On the client, switch TCP keepalive on for its sockets (SO_KEEPALIVE, with a TCP_KEEPIDLE well below the default of two \
     hours), or give the driver a read time-out: a client that has nothing to send notices a silent host in no other way."
        .to_owned()
}

/// The table before the mysqld.
pub(super) fn out_of_the_table(case: &Case<'_>, server: &Name) -> String {
    let weight = TableAction::SetWeight {
        server: server.clone(),
        weight: 0,
    };
    format!(
        "Take a server out of the table before its mysqld is stopped (`{}`, or delete it), or let a health check do so: \
         otherwise the director goes on choosing it for new connections.",
        command(case, weight)
    )
}

/// Another server for new connections.
pub(super) fn keep_a_server() -> String {
    "Keep a server with a weight above 0 in the virtual service (ipvsadm -a), if need be one that only says that it is out of \
     service: new connections are refused as long as there is none."
        .to_owned()
}

/// The client must open a new connection.
pub(super) fn reconnect() -> String {
    "Let the client open a new connection and begin its transaction anew: what an error ends is only the connection."
        .to_owned()
}
