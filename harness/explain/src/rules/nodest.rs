//! Connections whose real server was deleted from the table: entries without a destination.

use super::super::cell_view::size;
use super::super::table::Table;
use super::prelude::*;
use super::shared::{OWN_TCP, why_own};
use super::two_directors::never_had_an_entry;
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::record::Moment;
use lvs_matrix_model::verdict::Terminator;

pub(super) const EXPIRE_NODEST_CONN: &str = "net.ipv4.vs.expire_nodest_conn";

/// The entry outlives its server, and what matches it is dropped.
pub(super) const DROPPED: Rule = Rule {
    name: "entry-without-server",
    explains: Explains::Silence,
    sources: sources![control: "__ip_vs_unlink_dest", core: "ip_vs_in_hook", connections: "__ip_vs_conn_put"],
    holds: |view| {
        let dropped = Dropped::of(view)?;
        let server = dropped.server;
        let (head, tail) = (dropped.stopped.first()?, dropped.stopped.last()?);
        let count = match dropped.stopped.len() {
            1 => bilingual!(
                "arrived at the director ({at} on director)" / "到达调度器（director 上的{at}）",
                at = first(head.arrived?),
            ),
            several => bilingual!(
                "arrived at the director {times} ({from} on director, to {to})"
                    / "到达调度器 {times}（director 上的{from}，至{to}）",
                times = times(several),
                from = first(head.arrived?),
                to = first(tail.arrived?),
            ),
        };
        Some(Finding {
            at: head.sent.at,
            text: bilingual!(
                "{server} had been deleted from the director's table, but the director's entry for the \
                 connection outlives its server ({entry}). The client's {what} {count}, matched that entry, \
                 and was dropped: with expire_nodest_conn=0 the director drops in silence what matches an \
                 entry whose server is not available, and does not restart the entry's timer. Neither the \
                 client nor {server} is told anything.{hooks}"
                    / "{server} 已从调度器的表中删除，但调度器上该连接的条目并不随真实服务器一起消失（{entry}）。客户端{what}{count}，\
                       匹配到这个条目，被丢弃：expire_nodest_conn=0 时，凡匹配的条目所指的真实服务器不可用，调度器就把报文段悄悄丢弃，\
                       也不重置该条目的定时器。客户端和 {server} 都得不到任何通知。{hooks}",
                hooks = dropped.orphan.hooks,
                entry = dropped.orphan.entry,
                what = view.kind(head),
                count = count,
            ),
            shown_by: cites![
                ..dropped.orphan.shown_by,
                ..dropped.stopped.iter().filter_map(|passage| passage.arrived)
            ],
            claims: claims(
                dropped.stopped.iter().map(|passage| passage.sent.packet),
                &Fate::Dropped,
            ),
            advice: and_patience([
                Advice::ExpireNodestConn,
                Advice::Drain(server.clone()),
                Advice::StopMysqldFirst(server.clone()),
            ]),
        })
    },
};

/// With `expire_nodest_conn` the entry goes with its server.
pub(super) const EXPIRED_AT_ONCE: Rule = Rule {
    name: "entry-expired-with-its-server",
    explains: Explains::Error,
    sources: sources![connections: "ip_vs_expire_nodest_conn_flush", core: "ip_vs_in_hook", ..OWN_TCP],
    holds: |view| {
        let (answered, reset) = reset_by_director(view)?;
        let arrived = answered.arrived?;
        let server = view.server()?;
        let deleted = view.had_been_deleted(server, answered.sent.at)?;
        if view.sysctl(view.director(), EXPIRE_NODEST_CONN, deleted.at)? == "0" {
            return None;
        }
        if entry_was_over(view, answered).is_some() || never_had_an_entry(view, arrived.packet) {
            return None;
        }
        let table = view.table_then(answered.sent.at);
        let again = view.deleted(server, answered.sent.at).is_none();
        // Without any service another rule applies; and an entry that is there has not gone.
        if table
            .as_ref()
            .is_some_and(|table| !table.has_any_service() || (again && table.has_entry(view.known_as)))
        {
            return None;
        }
        let since = if again {
            bilingual!(" and was added again; but" / "，后来又重新添加；但 ")
        } else {
            bilingual!(" and" / "；")
        };
        Some(Finding {
            at: answered.sent.at,
            text: bilingual!(
                "{server} had been deleted from the director's table,{since} with expire_nodest_conn=1 the \
                 entries of its connections go with it, at the latest when a segment matches one. The \
                 client's {what} ({arrived} on director) therefore belonged to no connection. {left} (packet \
                 {reset} on client; its Ethernet address is the director's, whatever the IP address \
                 says).{found_ended}"
                    / "{server} 已从调度器的表中删除{since}expire_nodest_conn=1 时，其连接的条目会随之删除，最迟在有报文段匹配到它时。\
                       因此客户端{what}（director 上的{arrived}）不属于任何连接。{left}（client 上的数据包 {reset}；无论 IP 地址是什么，\
                       其以太网地址是调度器的）。{found_ended}",
                since = since,
                what = view.kind(answered),
                arrived = first(arrived),
                left = left_to_the_director(view),
                reset = reset.packet,
                found_ended = found_ended(view),
            ),
            shown_by: cites![deleted, ..table.iter().flat_map(Table::shown_by), arrived, reset],
            claims: said(answered, Fate::LeftToDirector, reset, Fate::NoConnection),
            advice: vec![Advice::Drain(server.clone()), Advice::Reconnect],
        })
    },
};

/// Before Linux 5.9 a segment ends the entry of a deleted server, and is dropped with it.
pub(super) const EXPIRED_BY_A_SEGMENT: Rule = Rule {
    name: "entry-expired-by-a-segment",
    explains: Explains::Error,
    sources: sources![core: "ip_vs_in", connections: "ip_vs_conn_expire_now", ..OWN_TCP],
    holds: |view| {
        let (answered, reset) = reset_by_director(view)?;
        let arrived = answered.arrived?;
        let server = view.server()?;
        let request = view.request().filter(|request| !request.segment.flags.syn)?;
        let deleted = view.had_been_deleted(server, request.sent.at)?;
        if view.sysctl(view.director(), EXPIRE_NODEST_CONN, request.sent.at)? == "0" {
            return None;
        }
        let dropped: Vec<&Passage<'_>> = view
            .sendings_of(request)
            .take_while(|passage| passage.sent.packet < answered.sent.packet)
            .filter(|passage| passage.stopped_at_director().is_some() && view.stopped(passage).is_none())
            .collect();
        // One is enough to end the entry.
        let [dropped] = dropped.as_slice() else {
            return None;
        };
        let at_director = dropped.arrived?;
        let table = view.table_then(dropped.sent.at)?;
        let entry = table.entry(view.plan, view.known_as, server)?;
        Some(Finding {
            at: dropped.sent.at,
            text: bilingual!(
                "{server} had been deleted from the director's table, with expire_nodest_conn=1. Before \
                 Linux 5.9 the director's entry for the connection ({entry}) then stays until a segment \
                 matches it; it goes with that segment, which is dropped. The client's {what} arrived at the \
                 director ({at_director} on director) and was dropped so. When the client's TCP sent it \
                 again ({arrived} on director), {later} after the first, it belonged to no connection. \
                 {left} (packet {reset} on client)."
                    / "{server} 已从调度器的表中删除，expire_nodest_conn=1。Linux 5.9 之前，调度器上该连接的条目（{entry}）此时会留到有报文段\
                       匹配它为止：条目随这个报文段一起消失，而这个报文段被丢弃。客户端{what}到达调度器（director 上的{at_director}），就是这样\
                       被丢弃的。客户端的 TCP 在首次发送 {later} 后再次发送时（director 上的{arrived}），它不属于任何连接。{left}（client 上的\
                       数据包 {reset}）。",
                entry = entry.state().to_owned(),
                what = view.kind(dropped),
                at_director = first(at_director),
                arrived = first(arrived),
                later = Human(answered.sent.at.since(dropped.sent.at)),
                left = left_to_the_director(view),
                reset = reset.packet,
            ),
            shown_by: cites![deleted, table, at_director, arrived, reset],
            claims: [
                claims([dropped.sent.packet], &Fate::Dropped),
                said(answered, Fate::LeftToDirector, reset, Fate::NoConnection),
            ]
            .concat(),
            advice: vec![Advice::Drain(server.clone()), Advice::Reconnect],
        })
    },
};

/// What a statement met that the client could not send any more.
pub(super) fn found_ended(view: &CellView<'_>) -> Bilingual {
    if view.request.is_some() {
        return Bilingual::default();
    }
    bilingual!(
        " It had reached the client before its {what}, which found the connection ended: the server has gone \
         away, which the classic client calls 2006."
            / "它在客户端{what} 之前就已到达，此时连接已经结束：服务器已断开，传统客户端的错误码为 2006。",
        what = view.what(),
    )
}

/// What becomes of a segment without an entry, up to the packet that shows it.
pub(super) fn left_to_the_director(view: &CellView<'_>) -> Bilingual {
    bilingual!(
        "A segment that has no entry and is no SYN is not scheduled but left to the director's own TCP; \
         {why}, no socket there has this connection, and so it answered with an RST"
            / "没有条目又不是 SYN 的报文段不会被调度，而是交给调度器自己的 TCP；{why}，那里没有这条连接的套接字，所以它以 RST 应答",
        why = why_own(view),
    )
}

/// Without it the entry goes when its time is over, which drops do not prolong.
pub(super) const EXPIRED_LATER: Rule = Rule {
    name: "entry-expired-in-the-end",
    explains: Explains::Error,
    sources: sources![connections: "ip_vs_conn_expire", ..OWN_TCP],
    holds: |view| {
        let dropped = Dropped::of(view)?;
        let (answered, reset) = reset_by_director(view)?;
        let arrived = answered.arrived?;
        let (last, _) = view.last_passed_on(dropped.stopped.first()?.arrived?.packet)?;
        let timeout = view.entry_timeout(last.at)?;
        if arrived.at < last.at.plus(timeout) {
            return None;
        }
        let gone = view
            .table(Moment::End)
            .filter(|table| !table.has_entry(view.known_as))?;
        let came = if size(answered.segment) > 0 {
            bilingual!("the client's TCP sent the segment once more" / "客户端的 TCP 再次重传该报文段时")
        } else {
            // It acknowledges what its server repeats.
            bilingual!(
                "a segment of the client's that only acknowledges arrived at the director"
                    / "客户端一个只作确认的报文段到达调度器时"
            )
        };
        Some(Finding {
            at: reset.at,
            text: bilingual!(
                "The entry's time of {timeout} had begun with the last segment that the director passed on \
                 ({last}), and was over when {came} ({arrived} on director). Without an entry a segment that \
                 is no SYN is left to the director's own TCP, which knows no such connection and answered \
                 with an RST (packet {reset} on client): that ended the hang. The longer a connection had \
                 been idle before, the shorter such a hang."
                    / "条目的 {timeout} 时限从调度器转发的最后一个报文段（{last}）算起，{came}（director 上的{arrived}）已经过期。没有条目\
                       而又不是 SYN 的报文段交给调度器自己的 TCP，它不知道这条连接，以 RST 应答（client 上的数据包 {reset}）：一直\
                       等待到此结束。连接此前空闲得越久，这样的等待就越短。",
                timeout = Human(timeout),
                last = first(*last),
                came = came,
                arrived = first(arrived),
                reset = reset.packet,
            ),
            shown_by: cites![last, arrived, reset, gone],
            claims: said(answered, Fate::LeftToDirector, reset, Fate::NoConnection),
            advice: Vec::new(),
        })
    },
};

/// What of the client's an entry without a server swallowed: the statement, what comes later in a long one,
/// or a login.
pub(super) struct Dropped<'c, 'a> {
    pub(super) server: &'a Name,
    /// The sendings that arrived at the director while the entry was there, and went no further.
    pub(super) stopped: Vec<&'c Passage<'a>>,
    orphan: Orphan,
}

impl<'c, 'a> Dropped<'c, 'a> {
    pub(super) fn of(view: &'c CellView<'a>) -> Option<Self> {
        let server = view.server()?;
        let request = view.request()?;
        let answered = reset_by_director(view).and_then(|(passage, _)| passage.arrived);
        let of = |head: &'c Passage<'a>| -> Vec<&'c Passage<'a>> {
            view.sendings_of(head)
                .skip_while(|passage| passage.passed_on.is_some())
                .take_while(|passage| passage.passed_on.is_none())
                .filter(|passage| passage.arrived.is_some() && passage.arrived != answered)
                .collect()
        };
        let mut stopped = if request.segment.flags.syn {
            Vec::new()
        } else {
            of(request)
        };
        if stopped.is_empty() {
            let mut later = view.since_request().iter();
            stopped = of(later.find(|passage| {
                passage.segment.payload_length > 0 && passage.arrived.is_some() && passage.passed_on.is_none()
            })?);
        }
        let mut terminators = view.observed.terminators.iter();
        let ended_before = terminators.any(|item| item.packet < request.sent.packet);
        let orphan = Orphan::of(view, server, stopped.first()?).filter(|_| !ended_before)?;
        Some(Self {
            server,
            stopped,
            orphan,
        })
    }
}

/// An entry whose server is deleted, and which drops what matches it.
pub(super) struct Orphan {
    /// What is known of the entry.
    pub(super) entry: Bilingual,
    /// Why the entry is looked at, if no service is left.
    pub(super) hooks: Bilingual,
    /// The step that deleted the server, and what shows the entry.
    pub(super) shown_by: Vec<Citation>,
}

impl Orphan {
    /// The connection's entry at the time of a segment. That it is there is shown by a snapshot, or by a
    /// segment of the connection that the director had just passed on.
    pub(super) fn of<'a>(view: &CellView<'a>, server: &Name, head: &Passage<'a>) -> Option<Self> {
        let deleted = view.deleted(server, head.sent.at)?;
        // What something else stopped never met the entry.
        if view.sysctl(view.director(), EXPIRE_NODEST_CONN, head.sent.at)? != "0"
            || view.stopped(head).is_some()
        {
            return None;
        }
        let mut shown_by = vec![deleted.shown_by];
        if let Some(table) = view.table_at(head.sent.at) {
            let entry = table.entry(view.plan, view.known_as, server)?;
            let looked_at = table.has_any_service() || view.hooks_stay();
            let gone = table.weight(server).is_none() && looked_at;
            let hooks = if table.has_any_service() {
                Bilingual::default()
            } else {
                bilingual!(
                    " That no virtual service is left makes no difference: before Linux 5.9 the hooks of \
                     IPVS stay when the last one goes."
                        / "已没有任何虚拟服务也不改变这一点：Linux 5.9 之前，最后一个虚拟服务删除后，IPVS 的钩子仍然留着。"
                )
            };
            shown_by.push(Citation::Snapshot(table.snapshot));
            let text = bilingual!(
                "{state}, to expire in {expires}" / "{state}，{expires} 后过期",
                state = entry.state(),
                expires = entry.expires(),
            );
            return gone.then_some(Self {
                entry: text,
                hooks,
                shown_by,
            });
        }
        let (last, _) = view.last_passed_on(head.arrived?.packet)?;
        let left = last.at.plus(view.entry_timeout(last.at)?);
        shown_by.push(packet(*last));
        let text = bilingual!(
            "the director had passed on a segment of the connection {before} before, {last}"
                / "调度器在此之前 {before} 还转发过该连接的报文段，{last}",
            before = Human(head.sent.at.since(last.at)),
            last = first(*last),
        );
        (head.sent.at < left).then_some(Self {
            entry: text,
            hooks: Bilingual::default(),
            shown_by,
        })
    }
}

/// The director's RST, with the client's segment that it answers: the last that arrived there before it was
/// sent, and went no further. A client whose connection had ended before its statement sent that before.
pub(super) fn reset_by_director<'c, 'a>(view: &'c CellView<'a>) -> Option<(&'c Passage<'a>, &'a Terminator)> {
    let reset = view
        .terminator(TerminatorKind::Rst)
        .filter(|reset| reset.by.as_ref() == Some(view.director()))?;
    // On its own interface; several segments may have arrived before it reached the client.
    let began = view.sent.first()?.sent.packet;
    let sent = view
        .seen_on(view.director())
        .find(|packet| {
            let own = segment(packet).is_some_and(|(_, destination, segment)| {
                segment.flags.rst && (destination, segment.destination_port) == view.known_as
            });
            own && packet.number > began && view.sender(packet) == Some(view.director())
        })
        .map_or(reset.packet, |packet| packet.number.min(reset.packet));
    let passages = if view.request.is_some() {
        view.since_request()
    } else {
        &view.sent
    };
    let passage = passages
        .iter()
        .rfind(|passage| passage.arrived.is_some_and(|arrived| arrived.packet < sent))?;
    let left = view.stopped(passage) == Some(Fate::LeftToDirector);
    (left && !passage.segment.flags.syn).then_some((passage, reset))
}

/// Was the time of the connection's entry over when this segment, the first since then, arrived at the
/// director? The last that was passed on before it, and the time.
pub(super) fn entry_was_over(view: &CellView<'_>, segment: &Passage<'_>) -> Option<(Seen, Duration)> {
    let arrived = segment.arrived?;
    let (last, _) = view.last_passed_on(arrived.packet)?;
    let timeout = view.entry_timeout(last.at)?;
    let table = view.table_then(segment.sent.at).filter(Table::has_any_service)?;
    // What a snapshot still shows must have come to its end since; `ipvsadm` cuts seconds off.
    let gone = match table.entry_from(view.known_as) {
        Some(entry) if last.at < table.at => table.at.plus(entry.left()) <= arrived.at,
        Some(_) | None => true,
    };
    // What was dropped before it found the entry still there.
    let found = Dropped::of(view).is_some();
    (arrived.at >= last.at.plus(timeout) && !found && gone).then_some((*last, timeout))
}
