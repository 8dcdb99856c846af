//! What the servers themselves wait for: a row that a transaction has locked whose client is gone, and how
//! the wait ends.

use super::prelude::*;
use lvs_matrix_model::capture::Segment;
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::record::OpenTransaction;
use lvs_matrix_model::verdict::OrphanedSession;

/// `ER_LOCK_WAIT_TIMEOUT`.
const LOCK_WAIT_TIMEOUT: u16 = 1205;

const LOCK_WAIT: Source = Source::of("lock_wait", "storage/innobase/lock/lock0lock.cc (MariaDB)");

/// The statement waits for a lock of a transaction that nobody is going to end.
pub(super) const WAITED: Rule = Rule {
    name: "row-locked-by-an-orphan",
    explains: Explains::Silence,
    sources: sources![LOCK_WAIT],
    holds: |view| {
        let request = view.request().filter(|_| !view.is_connect())?;
        let (reached, server) = request.at_server()?;
        answer_from(view, server).filter(|_| lock_was_not_had(view))?;
        let (orphan, transaction) = view.observed.orphaned_sessions.iter().find_map(|orphan| {
            let transaction = holder(orphan)?;
            (orphan.server == *server && orphan.client_port != view.known_as.1)
                .then_some((orphan, transaction))
        })?;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The client's {what} was passed on, and {server} had it at once ({there} there): neither the \
                 director nor TCP was in its way. It waited inside of {server}, for a row that the \
                 transaction of another session has locked ({rows} of it locked, {modified} modified). That \
                 session is the one that a client had through port {port}, and has lost: {server} was never \
                 told that it is over, so nobody is going to end its transaction."
                    / "客户端{what} 的报文段被转发，{server} 立刻收到（{server} 上的{there}）：调度器和 TCP 都没有妨碍它。它是在 {server} 内部\
                       等待，等的是另一个会话的事务锁住的行（该事务锁住 {rows} 行，修改 {modified} 行）。那个会话属于某个客户端经端口 {port} \
                       建立、后来失去的连接：没有谁告诉过 {server} 该连接已经结束，因此也不会有谁来结束它的事务。",
                what = view.what(),
                there = first(*reached),
                rows = transaction.rows_locked,
                modified = transaction.rows_modified,
                port = orphan.client_port,
            ),
            shown_by: cites![request.sent, reached, Citation::Server(orphan.server_id)],
            claims: Vec::new(),
            advice: vec![Advice::EndLostSessions(server.clone()), Advice::ServerKeepalive],
        })
    },
};

/// So soon mysqld answers the one after it has noticed the end of the other; it takes far less.
const AT_ONCE: Duration = Duration::from_millis(100);

/// The server's kernel gave up a connection that this client had lost, and the statement that had waited was
/// answered.
pub(super) const FREED: Rule = Rule {
    name: "lost-session-ended-by-keepalive",
    explains: Explains::Silence,
    sources: sources![tcp_timer: "tcp_keepalive_timer"],
    holds: |view| {
        let request = view.request().filter(|_| !view.is_connect())?;
        let (reached, server) = request.at_server()?;
        let answer = answer_from(view, server)?;
        let mut own = view.sent_by(server);
        let (answered, _) =
            own.find(|(packet, segment)| packet.at > reached.at && segment.payload_length > 0)?;
        let lost = lost_connection(view, server, (reached.at, answered.at))?;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The client's {what} was passed on, and {server} had it at once ({there} there): neither the \
                 director nor TCP was in its way. {server} answered only when it was rid of another \
                 connection of this client's, the one from port {port}: its TCP had asked {asked} with \
                 keepalive probes (first in packet {first_probe}), heard nothing, and gave that connection \
                 up with an RST (packet {reset}); {later} later the answer left (packet {answered}). mysqld \
                 ends a session whose connection is gone, and rolls back its transaction; what waited for a \
                 lock of that transaction goes on."
                    / "客户端{what} 的报文段被转发，{server} 立刻收到（{server} 上的{there}）：调度器和 TCP 都没有妨碍它。{server} 直到摆脱了\
                       这个客户端的另一个连接（端口 {port}）才应答：它的 TCP 用保活探测问了 {asked}（第一次是数据包 {first_probe}），没有得到\
                       回应，于是用 RST 放弃了那个连接（数据包 {reset}）；再过 {later}，应答就发出了（数据包 {answered}）。连接断开后，\
                       mysqld 结束该会话并回滚其事务；等待该事务所持锁的语句随即继续执行。",
                what = view.what(),
                there = first(*reached),
                port = lost.port,
                asked = times(lost.probes.len()),
                first_probe = lost.probes[0],
                reset = lost.reset.number,
                later = Human(answered.at.since(lost.reset.at)),
                answered = answered.number,
            ),
            shown_by: cites![
                request.sent,
                reached,
                Citation::Packet(lost.probes[0]),
                lost.reset,
                answered,
                answer
            ],
            claims: Vec::new(),
            advice: vec![Advice::EndLostSessions(server.clone())],
        })
    },
};

/// Another connection of the client's that a server's keepalive has ended.
struct LostConnection<'a> {
    /// The client's port of it.
    port: u16,
    /// The server's probes of it, at least one, by the numbers of their packets on the server.
    probes: Vec<u32>,
    /// The RST by which the server gave it up.
    reset: &'a Packet,
}

/// The connection that `server` gave up at the end of this time, after probes that nobody answered.
fn lost_connection<'a>(
    view: &CellView<'a>,
    server: &Name,
    (from, until): (Instant, Instant),
) -> Option<LostConnection<'a>> {
    let others = || {
        let all = view.sent_to_client_by(server);
        all.filter(|(_, segment)| segment.destination_port != view.known_as.1)
    };
    let in_time = |at| from < at && at <= until && until.since(at) <= AT_ONCE;
    let (reset, ended) = others().find(|(packet, segment)| segment.flags.rst && in_time(packet.at))?;
    let port = ended.destination_port;
    // A probe is of the byte before the next one (tcp_xmit_probe_skb).
    let is_probe = |segment: &Segment| {
        let empty = segment.payload_length == 0 && !segment.flags.rst;
        empty && segment.destination_port == port && segment.sequence.wrapping_add(1) == ended.sequence
    };
    let probes: Vec<u32> = others()
        .filter(|(packet, segment)| packet.number < reset.number && is_probe(segment))
        .map(|(packet, _)| packet.number)
        .collect();
    let first = *probes.first()?;
    let is_clients = |packet: &Packet| {
        segment(packet)
            .is_some_and(|(source, _, segment)| source == view.client.0 && segment.source_port == port)
    };
    let node = Node::RealServer(server.clone());
    let mut meanwhile = view
        .seen_on(&node)
        .filter(|packet| (first..reset.number).contains(&packet.number));
    (!meanwhile.any(is_clients)).then_some(LostConnection { port, probes, reset })
}

/// The server ends the wait.
pub(super) const GIVEN_UP: Rule = Rule {
    name: "lock-wait-timeout",
    explains: Explains::Error,
    sources: sources![LOCK_WAIT],
    holds: |view| {
        let request = view.request().filter(|_| lock_was_not_had(view))?;
        let (reached, server) = request.at_server()?;
        let answer = answer_from(view, server)?;
        let waited = Human(answer.at.since(reached.at));
        Some(Finding {
            at: answer.at,
            text: bilingual!(
                "After {waited} {server} gave up waiting for the lock (innodb_lock_wait_timeout, 50 s by \
                 default) and answered with an error of its own, 1205 (packet {answer} on client). The \
                 connection goes on, and so does a transaction in which this was a statement: only the \
                 statement was undone."
                    / "{waited} 之后 {server} 不再等待该锁（innodb_lock_wait_timeout，默认 50 秒），以自己的错误 1205 应答（client \
                        上的数据包 \
                       {answer}）。连接仍在；如果这条语句属于某个事务，该事务也仍在：被撤销的只有这条语句。",
                answer = answer.number,
            ),
            shown_by: cites![reached, answer],
            ..Finding::default()
        })
    },
};

fn lock_was_not_had(view: &CellView<'_>) -> bool {
    let error = view.observed.error.as_ref();
    error.is_some_and(|error| error.server == Some(LOCK_WAIT_TIMEOUT))
}

/// The transaction of a lost session, if it has locked anything.
fn holder(orphan: &OrphanedSession) -> Option<&OpenTransaction> {
    let transaction = orphan.session.as_ref()?.transaction.as_ref()?;
    (transaction.rows_locked > 0).then_some(transaction)
}
