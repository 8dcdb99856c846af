//! Real servers that a connect tried one after another.

use super::prelude::*;
use lvs_matrix_model::verdict::Tried;

/// The SYN reached one real server, and when it was sent again another one, which answered.
pub(super) const ANOTHER: Rule = Rule {
    name: "another-server-answers",
    explains: Explains::Answer,
    sources: sources![core: "ip_vs_in_hook", core: "ip_vs_schedule"],
    holds: |view| {
        let tried = view.operation.tried.last().filter(|_| view.is_connect())?;
        let server = view.server()?;
        let to = |node: &Node| {
            let node = node.clone();
            view.sent
                .iter()
                .filter(move |passage| passage.reached.as_ref().is_some_and(|(_, at)| *at == node))
        };
        let last = to(&Node::RealServer(tried.server.clone())).next_back()?;
        let next = to(&Node::RealServer(server.clone())).next()?;
        let (before, reached) = (last.reached.as_ref()?.0, next.reached.as_ref()?.0);
        let (answer, _) = view
            .answers()
            .find(|(packet, _)| packet.number > next.sent.packet)?;
        let mut shown_by = vec![
            packet(before),
            packet(next.sent),
            packet(reached),
            Citation::Packet(answer.number),
        ];
        let why = why(view, tried, next.sent.at, &mut shown_by);
        Some(Finding {
            at: next.sent.at,
            text: bilingual!(
                "The client's SYN reached {tried} before (last {before} on {tried}), and the client accepted \
                 no answer from there. {why} sent again (packet {again} on client) it was passed on to \
                 {server} ({reached} on {server}), which answered (packet {answer} on client)."
                    / "客户端的 SYN 先到达 {tried}（最后一次为 {tried} 上的{before}），客户端没有接受到来自那里的应答。{why}再次发送时（client 上的\
                       数据包 {again}）被转发到 {server}（{server} 上的{reached}），{server} 作出应答（client 上的数据包 {answer}）。",
                tried = tried.server,
                before = first(before),
                why = why,
                again = next.sent.packet,
                reached = first(reached),
                answer = answer.number,
            ),
            shown_by,
            ..Finding::default()
        })
    },
};

/// Why the director chose anew, to stand before "sent again it was passed on".
fn why(
    view: &CellView<'_>,
    tried: &Tried,
    by: lvs_matrix_model::duration::Instant,
    shown_by: &mut Vec<Citation>,
) -> Bilingual {
    const KEY: &str = "net.ipv4.vs.expire_nodest_conn";
    let gone = view.had_been_deleted(&tried.server, by);
    match gone.filter(|_| view.sysctl(view.director(), KEY, by) == Some("1")) {
        Some(deleted) => {
            let by = match &deleted.shown_by {
                Citation::Step(step) => bilingual!("step {step}" / "步骤 {step}"),
                Citation::Snapshot(_) | Citation::Event(_) | Citation::Packet(_) | Citation::Server(_) => {
                    let plane = view.plan.control_plane().unwrap_or_default();
                    bilingual!("by {plane}" / "由 {plane}")
                }
            };
            shown_by.push(deleted.shown_by);
            let server = &tried.server;
            bilingual!(
                "In between {server} was removed from the table ({by}). With {KEY}=1 IPVS forgets the \
                 entry of a real server that is gone when a segment meets it, and schedules a SYN anew:"
                    / "在此期间 {server} 已从表中删除（{by}）。{KEY}=1 时，IPVS 在报文段遇到已不存在的真实服务器的条目时删除该条目，\
                       并为 SYN 重新调度：",
                by = by,
            )
        }
        None => {
            bilingual!("The director then chose another real server:" / "之后调度器选择了另一台真实服务器：")
        }
    }
}
