//! What avoids it: the sentences that several rules share.

use super::case::Case;
use super::told::{Told, told};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, TableAction};

/// The command line by which an operator does `action` in this cell.
fn command(case: &Case<'_>, action: TableAction) -> String {
    let lines = case.plan.command_lines(&Action::Table(action));
    let texts: Vec<String> = lines.iter().map(|(_, argv)| argv.join(" ")).collect();
    texts.join("; ")
}

/// Entries go with their server.
pub(super) fn expire_nodest_conn() -> Told {
    told!(
        "On the director, set net.ipv4.vs.expire_nodest_conn=1: the entries of a deleted server go with it, and the next segment \
         of such a connection is answered with an RST instead of being dropped."
            / "在调度器上设置 net.ipv4.vs.expire_nodest_conn=1：被删除的真实服务器的条目会随之删除，这类连接的下一个报文段会得到 \
               RST 应答，而不是被丢弃。"
    )
}

/// Weight 0 first.
pub(super) fn drain(case: &Case<'_>, server: &Name) -> Told {
    let weight = TableAction::SetWeight {
        server: server.clone(),
        weight: 0,
    };
    let command = command(case, weight);
    told!(
        "Before a server is deleted from the table or its mysqld is stopped, set its weight to 0 (`{command}`) and wait until \
         `ipvsadm -Lnc` shows no connection to it: weight 0 takes no new connections and goes on passing on what belongs to \
         those that it has."
            / "从表中删除真实服务器或停止其 mysqld 之前，先将其权重设为 0（`{command}`），等到 `ipvsadm -Lnc` 不再显示到它的连接：\
               权重为 0 时不再接受新连接，已有连接的报文段照常转发。"
    )
}

/// The server's own end first.
pub(super) fn stop_mysqld_first() -> Told {
    told!(
        "Or end the connections at the server before its table entry is deleted (stop mysqld, or KILL the sessions): in direct \
         routing its FIN reaches the client past the director."
            / "或者在从表中删除真实服务器之前，先在该服务器上结束连接（停止 mysqld，或 KILL 这些会话）：DR 模式下，它的 FIN \
               不经过调度器直接到达客户端。"
    )
}

/// The client's own patience.
pub(super) fn user_timeout() -> Told {
    told!(
        "On the client, limit how long data may stay unacknowledged (TCP_USER_TIMEOUT on its sockets, or a lower \
         net.ipv4.tcp_retries2) or how long a result may take (a read time-out of the driver)."
            / "在客户端限制数据未被确认的最长时间（在套接字上设置 TCP_USER_TIMEOUT，或调低 net.ipv4.tcp_retries2），或限制等待\
               结果的最长时间（驱动程序的读超时）。"
    )
}

/// What ends such a wait at the client: of a connect, of what was not acknowledged, of what was.
pub(super) fn patience(case: &Case<'_>) -> Told {
    if case.is_connect() {
        connect_timeout()
    } else if case.acknowledged().is_some() {
        keepalive()
    } else {
        user_timeout()
    }
}

/// The client's patience with a connect.
pub(super) fn connect_timeout() -> Told {
    told!(
        "On the client, give the driver a time-out for connecting, or lower net.ipv4.tcp_syn_retries."
            / "在客户端为驱动程序设置连接超时，或调低 net.ipv4.tcp_syn_retries。"
    )
}

/// The client's patience with all that a connect is.
pub(super) fn whole_connect_timeout() -> Told {
    told!(
        "On the client, give the driver a time-out for connecting that ends only with the login: to TCP the connection is established \
         before the server has said anything."
            / "在客户端为驱动程序设置连接超时，并且要到登录完成才算结束：对 TCP 来说，服务器还没有发送任何数据时连接就已经建立。"
    )
}

/// A probe of the client's own.
pub(super) fn keepalive() -> Told {
    told!(
        "On the client, switch TCP keepalive on for its sockets (SO_KEEPALIVE, with a TCP_KEEPIDLE well below the default of two \
         hours), or give the driver a read time-out: a client that has nothing to send notices a silent host in no other way."
            / "在客户端为套接字开启 TCP 保活（SO_KEEPALIVE，并把 TCP_KEEPIDLE 设得远低于默认的两小时），或为驱动程序设置读超时：\
               没有数据要发送的客户端，没有别的办法察觉对方主机已无声息。"
    )
}

/// The table before the mysqld.
pub(super) fn out_of_the_table(case: &Case<'_>, server: &Name) -> Told {
    let weight = TableAction::SetWeight {
        server: server.clone(),
        weight: 0,
    };
    let command = command(case, weight);
    told!(
        "Take a server out of the table before its mysqld is stopped (`{command}`, or delete it), or let a health check do so: \
         otherwise the director goes on choosing it for new connections."
            / "停止 mysqld 之前，先让该真实服务器不再被调度（`{command}`，或将其删除），或者由健康检查来做：否则调度器会继续为\
               新连接选中它。"
    )
}

/// Another server for new connections.
pub(super) fn keep_a_server() -> Told {
    told!(
        "Keep a server with a weight above 0 in the virtual service (ipvsadm -a), if need be one that only says that it is out of \
         service: new connections are refused as long as there is none."
            / "让虚拟服务中始终有一台权重大于 0 的真实服务器（ipvsadm -a），必要时可以是一台只答复“暂停服务”的服务器：一台都没有时，\
               新建连接都会被拒绝。"
    )
}

/// The client must open a new connection.
pub(super) fn reconnect() -> Told {
    told!(
        "Let the client open a new connection and begin its transaction anew: what an error ends is only the connection. Where a \
         COMMIT failed it must look first whether it was carried out: the error does not say."
            / "让客户端新建连接并重新开始事务：错误结束的只是这条连接。如果失败的是 COMMIT，须先查明它是否已经执行：错误本身并不说明这一点。"
    )
}
