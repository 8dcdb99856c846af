//! A server that is added again while its old entries are still there.

use super::nodest::Dropped;
use super::prelude::*;

/// The next repetition is passed on.
pub(super) const SERVER_BACK: Rule = Rule {
    name: "server-added-again",
    explains: Explains::Answer,
    sources: sources![control: "ip_vs_trash_get_dest", control: "__ip_vs_update_dest", core: "ip_vs_in_hook"],
    holds: |view| {
        let dropped = Dropped::of(view)?;
        let server = dropped.server;
        let (passed, through) = view.sendings().find_map(|passage| match &passage.passed_on {
            Some((seen, Node::RealServer(name))) if name == server => Some((*seen, passage)),
            Some(_) | None => None,
        })?;
        let (step, began, ()) = view
            .done(|action| {
                let added = action.adds();
                let again = added.is_some_and(|(of, weight)| of == server && weight > 0);
                again.then_some(())
            })
            .find(|(_, began, ())| *began < passed.at)?;
        // Else something else had made it go on before.
        if dropped.stopped.last()?.arrived?.at > began {
            return None;
        }
        let answer = answer_from(view, server)?;
        Some(Finding {
            at: began,
            text: bilingual!(
                "When {server} was added again, the director took the deleted server back from where it \
                 keeps those that entries still refer to, and with that the connection's entry was good \
                 again. The next time that the client's TCP sent the segment ({sent}) it was passed on \
                 ({passed} on director). The mysqld had had the connection open all the time; it got the \
                 statement for the first time, and answered (packet {answer} on client)."
                    / "{server} 重新添加时，调度器把仍被条目引用的已删除真实服务器取了回来，该连接的条目因此重新有效。客户端的 TCP 再次\
                       重传该报文段时（{sent}），它被转发了（director 上的{passed}）。mysqld 一直保持着这条连接；它第一次收到该语句，\
                       并给出应答（client 上的数据包 {answer}）。",
                sent = first(through.sent),
                passed = first(passed),
                answer = answer.number,
            ),
            shown_by: cites![step, through.sent, passed, answer],
            claims: claims([through.sent.packet], &Fate::delivered(server)),
            advice: Vec::new(),
        })
    },
};
