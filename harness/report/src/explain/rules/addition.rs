//! A server that is added again while its old entries are still there.

use super::super::case::packet;
use super::director::{answer_from, first};
use super::nodest::Dropped;
use super::{Explains, Finding, Rule, control, core};
use lvs_matrix_model::action::{Action, Node, TableAction};
use lvs_matrix_model::verdict::Citation;

/// The next repetition is passed on.
pub(super) const SERVER_BACK: Rule = Rule {
    name: "server-added-again",
    explains: Explains::Answer,
    sources: &[
        control("ip_vs_trash_get_dest"),
        control("__ip_vs_update_dest"),
        core("ip_vs_in_hook"),
    ],
    holds: |case| {
        let dropped = Dropped::of(case)?;
        let server = dropped.server;
        let (passed, through) = case.sendings().find_map(|passage| match &passage.passed_on {
            Some((seen, Node::RealServer(name))) if name == server => Some((*seen, passage)),
            Some(_) | None => None,
        })?;
        let (step, began, ()) = case
            .done(|action| {
                let again =
                    matches!(action, Action::Table(TableAction::AddRealServer { server: of, weight }) if of == server && *weight > 0);
                again.then_some(())
            })
            .find(|(_, began, ())| *began < passed.at)?;
        // Else something else had made it go on before.
        if dropped.stopped.last()?.arrived?.at > began {
            return None;
        }
        let answer = answer_from(case, server)?;
        Some(Finding {
            at: began,
            text: format!(
                "When {server} was added again, the director took the deleted server back from where it keeps those that \
                 entries still refer to, and with that the connection's entry was good again. The next time that the client's \
                 TCP sent the segment ({}) it was passed on ({} on director). The mysqld had had the connection open all the \
                 time; it got the statement for the first time, and answered (packet {} on client).",
                first(through.sent),
                first(passed),
                answer.number
            ),
            shown_by: vec![
                Citation::Step(step.number),
                packet(through.sent),
                packet(passed),
                Citation::Packet(answer.number),
            ],
            advice: Vec::new(),
        })
    },
};
