//! A session that the operator ended by `KILL`.

use super::prelude::*;
use super::server::TCP_CLOSE;
use super::shared::past_the_director;
use lvs_matrix_model::action::ServerDeed;
use lvs_matrix_model::record::StepRecord;

/// What a mysqld takes at most to close the connection of a session that is gone from its list.
const SOON: Duration = Duration::from_secs(1);

/// The mysqld ends the session, and closes its socket.
pub(super) const KILLED: Rule = Rule {
    name: "session-killed",
    explains: Explains::Error,
    sources: sources![TCP_CLOSE, tcp_input: "tcp_fin"],
    holds: |view| {
        let server = view.server().filter(|_| !view.is_connect())?;
        let closing = view.terminator(TerminatorKind::Fin)?;
        if closing.by.as_ref()?.real_server() != Some(server) {
            return None;
        }
        let step = killed(view, server, closing.at)?;
        let request = view.request().map(|request| request.sent);
        let waiting = request.filter(|request| request.packet < closing.packet);
        let then = match waiting {
            Some(sent) => bilingual!(
                "The client was waiting for the answer to its {what} (packet {sent}), which the server gave \
                 up: the connection was lost during the query"
                    / "客户端正在等待{what} 的应答（数据包 {sent}），服务器放弃了它：连接在查询期间丢失",
                what = view.what(),
                sent = sent.packet,
            ),
            None => bilingual!(
                "It had reached the client before its {what}, which found the connection ended"
                    / "它在客户端{what} 之前就已到达，此时连接已经结束",
                what = view.what(),
            ),
        };
        let way = past_the_director(view, server);
        Some(Finding {
            at: closing.at,
            text: bilingual!(
                "The operator ended the session ({step}): the mysqld on {server} closed its connection with \
                 a FIN (packet {closing} on client, {at}){way}. {then}."
                    / "操作员终止了会话（{step}）：{server} 上的 mysqld 以 FIN 关闭了它的连接（client 上的数据包 {closing}，\
                       {at}）{way}。{then}。",
                step = doing(&step.action),
                closing = closing.packet,
                at = moment(closing.at),
                way = way,
                then = then,
            ),
            shown_by: cites![step, ..request, closing],
            claims: claims([closing.packet], &Fate::Closed),
            advice: vec![Advice::Reconnect],
        })
    },
};

/// The last step that ended the sessions of a server before this moment, if that was at once before.
fn killed<'a>(view: &CellView<'a>, server: &Name, by: Instant) -> Option<&'a StepRecord> {
    let kills = view.done(|action| (action.deed_on(server) == Some(ServerDeed::KillSessions)).then_some(()));
    let (step, _, ()) = kills.filter(|(_, began, ())| *began <= by).last()?;
    let ended = step.ended?;
    (by <= ended.plus(SOON)).then_some(step)
}
