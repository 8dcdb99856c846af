//! A director that was started anew has an empty table of connections.

use super::nodest::reset_by_director;
use super::prelude::*;
use super::shared::{OWN_TCP, why_own};
use super::two_directors::{is_known, passed_by_the_other, third_passed_on};
use lvs_matrix_model::action::{Action, HostAction};

/// The director that had the entry has booted.
pub(super) const FORGOT: Rule = Rule {
    name: "entry-lost-in-a-boot",
    explains: Explains::Error,
    sources: sources![core: "ip_vs_in_hook", sync: "ip_vs_sync_conn", ..OWN_TCP],
    holds: |view| {
        let (answered, reset) = reset_by_director(view)?;
        let arrived = answered.arrived?;
        let director = view.director();
        let boots = view.done(|action| {
            let Action::Host(HostAction::PowerOn { server }) = action else {
                return None;
            };
            (server.0 == *director).then_some(())
        });
        let (boot, began, ()) = boots.take_while(|(_, began, ())| *began <= arrived.at).last()?;
        let own = view.sent.iter().rev().find_map(|passage| {
            let (seen, _) = passage.passed_on.as_ref()?;
            let own = passage.director.as_ref() == Some(director);
            (own && seen.packet < arrived.packet).then_some(*seen)
        });
        let before = own.filter(|seen| seen.at < began)?;
        let table = view.table_then(answered.sent.at)?;
        // Of what the other one passed on another rule speaks.
        let elsewhere = passed_by_the_other(view, arrived.packet).is_some();
        if elsewhere || table.has_entry(view.known_as) || !table.has_service() {
            return None;
        }
        let gone = powered_off(view, director, began).unwrap_or(before.at);
        let third = third_passed_on(view, &before, director);
        let stays_known = third.is_some_and(|third| is_known(view, third, gone));
        let told = match view.plan.keepalived().is_some_and(|said| said.sync) {
            true => bilingual!(
                " The sync daemon of another director tells of a connection when a packet of it passes, and \
                 none had passed since: {director} was told nothing."
                    / "另一台调度器的同步守护进程只在有数据包经过时告知连接，而此后没有数据包经过：{director} 没有得到告知。",
            ),
            false => Bilingual::default(),
        };
        Some(Finding {
            at: answered.sent.at,
            text: bilingual!(
                "{director} had passed the connection on ({before} there), and was started anew in step \
                 {number} ({step}): what its kernel knew of connections was lost.{told} The client's {what} \
                 arrived there ({arrived}), and no entry matched it. Without an entry only a SYN is \
                 scheduled (net.ipv4.vs.sloppy_tcp=0): IPVS let it pass, and it came to the own TCP of \
                 {director}, for {why}. That has no such connection, and answered with an RST (packet \
                 {reset} on client)."
                    / "{director} 曾转发这条连接（{director} 上的{before}），它在步骤 {number}（{step}）中重新启动：其内核所知的连接全部丢失。\
                       {told}客户端{what}到达那里（{arrived}），没有与之匹配的条目。没有条目时只有 SYN 会被调度\
                       （net.ipv4.vs.sloppy_tcp=0）：IPVS 放行，它来到 {director} 自己的 TCP（{why}）。\
                       那里没有这条连接，于是以 RST 应答（client 上的数据包 {reset}）。",
                director = director,
                before = first(before),
                number = boot.number,
                step = doing(&boot.action),
                told = told,
                what = view.kind(answered),
                arrived = first(arrived),
                why = why_own(view),
                reset = reset.packet,
            ),
            shown_by: cites![before, boot, arrived, reset, ..table.shown_by()],
            claims: said(answered, Fate::LeftToDirector, reset, Fate::NoConnection),
            advice: match view.plan.has_two_directors() && stays_known {
                true => vec![Advice::NoPreempt { sync: true }, Advice::Reconnect],
                false => vec![Advice::Reconnect],
            },
        })
    },
};

/// When the step began that powered this director off, the last one before it was started anew.
fn powered_off(view: &CellView<'_>, director: &Node, booted: Instant) -> Option<Instant> {
    let off = view.done(|action| {
        let Action::Host(HostAction::PowerOff { server, .. }) = action else {
            return None;
        };
        (server.0 == *director).then_some(())
    });
    let times = off.map(|(_, began, ())| began);
    times.take_while(|began| *began <= booted).last()
}
