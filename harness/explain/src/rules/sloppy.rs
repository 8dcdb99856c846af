//! Segments without an entry that are scheduled all the same, and entries that are older than their time.

use super::super::claim;
use super::prelude::*;
use super::two_directors::passed_by_the_other;

const SLOPPY_TCP: &str = "net.ipv4.vs.sloppy_tcp";

/// By how much an entry's timer may be late: the timer wheel rounds up by at most an eighth, as its levels
/// have steps of 8 times the size of those of the level below, and 64 of them (`calc_wheel_index` and
/// `LVL_START` in kernel/time/timer.c).
fn late(time: Duration) -> Duration {
    time / 7
}

/// A segment that is no SYN, without an entry, and passed on all the same.
pub(super) struct PickedUp<'a> {
    sent: u32,
    passed: Seen,
    server: &'a Name,
    arrived: Seen,
    /// Why the director had no entry for it.
    why: Bilingual,
    /// How long the connection had been idle, and how long an entry lives.
    idle: Duration,
    timeout: Duration,
    shown_by: Vec<Citation>,
}

impl<'a> PickedUp<'a> {
    /// The request, if it was picked up so. That the entry was gone is shown by a snapshot, by the time that
    /// has passed, or by the server that the segment went to: an entry has but one.
    pub(super) fn of(view: &CellView<'a>) -> Option<PickedUp<'a>> {
        let request = view.request().filter(|_| !view.is_connect())?;
        let arrived = request.arrived?;
        let (passed, to) = request.passed_on.as_ref()?;
        let (server, _) = view
            .plan
            .real_servers()
            .find(|(name, _)| to.real_server() == Some(name))?;
        if view.sysctl(view.director(), SLOPPY_TCP, arrived.at)? == "0" {
            return None;
        }
        let (last, before) = view.last_passed_on(arrived.packet)?;
        let timeout = view.entry_timeout(last.at)?;
        let table = view.table_then(arrived.at);
        let none = table
            .filter(|table| table.at > last.at && table.entry_from(view.known_as).is_none())
            .map(|table| table.snapshot);
        let idle = arrived.at.since(last.at);
        let mut shown_by = vec![packet(*last)];
        let others = passed_by_the_other(view, arrived.packet);
        let why = if let Some((before, from)) = others.filter(|(seen, _)| seen.packet == last.packet) {
            shown_by.push(Citation::Snapshot(none?));
            bilingual!(
                "the table of {to} had no entry for the connection, which {from} had passed on before \
                 ({before} there)"
                    / "{to} 的表中没有这条连接的条目，此前由 {from} 转发（{from} 上的{before}）",
                to = view.director(),
                before = first(before),
            )
        } else if let Some(snapshot) = none {
            shown_by.push(Citation::Snapshot(snapshot));
            bilingual!(
                "the director's table had no entry for the connection any more (the last segment that it had \
                 passed on was {idle} old, {last}, and an entry lives for {timeout})"
                    / "调度器的表中已没有该连接的条目（它转发的最后一个报文段是在 {idle} 之前，{last}；条目的时限为 {timeout}）",
                idle = Human(idle),
                last = first(*last),
                timeout = Human(timeout),
            )
        } else if before != to {
            bilingual!(
                "the last segment before it had been passed on to {before} ({last}), and an entry has one \
                 server only: there was no entry any more"
                    / "在它之前的最后一个报文段被转发给了 {before}（{last}），而一个条目只有一台真实服务器：条目已经不在了",
                last = first(*last),
            )
        } else if idle > timeout + late(timeout) {
            bilingual!(
                "the last segment that the director had passed on was {idle} old ({last}), and its entry \
                 lives for {timeout}: there was none any more"
                    / "调度器转发的最后一个报文段是在 {idle} 之前（{last}），而条目的时限为 {timeout}：条目已经不在了",
                idle = Human(idle),
                last = first(*last),
                timeout = Human(timeout),
            )
        } else {
            return None;
        };
        Some(Self {
            sent: request.sent.packet,
            passed: *passed,
            server,
            arrived,
            why,
            idle,
            timeout,
            shown_by,
        })
    }

    /// What helps: an entry that was idle for too long can be kept; one that went with its table cannot.
    fn advice(&self) -> Vec<Advice> {
        let mut advice = Vec::new();
        if self.idle > self.timeout {
            advice.push(Advice::EntryTimeout(self.idle));
            advice.push(Advice::ProbesBelowEntry(self.timeout));
        }
        advice.push(Advice::Reconnect);
        advice
    }

    /// What happened to the segment at the director.
    fn text(&self, view: &CellView<'_>) -> Bilingual {
        bilingual!(
            "When the client's {what} arrived at the director ({arrived} on director), {why}. Without an \
             entry only a SYN is scheduled, but with net.ipv4.vs.sloppy_tcp=1 any segment is, except an RST: \
             the director chose a server for it as for a new connection, {server}, and passed it on \
             ({passed} on director)."
                / "客户端{what}到达调度器（director 上的{arrived}）时，{why}。没有条目时只有 SYN 会被调度，但 net.ipv4.vs.sloppy_tcp=1 \
                    时，除 \
                   RST 以外的任何报文段都会被调度：调度器像对待新连接一样为它选择了 {server} 并转发（director 上的{passed}）。",
            what = view.carrier(),
            arrived = first(self.arrived),
            why = self.why,
            server = self.server,
            passed = first(self.passed),
        )
    }
}

/// It comes to the server that it belongs to.
pub(super) const PICKED_UP: Rule = Rule {
    name: "picked-up-by-sloppy-tcp",
    explains: Explains::Answer,
    sources: sources![
        connections: "ip_vs_conn_expire", tcp_protocol: "tcp_conn_schedule", core: "ip_vs_schedule",
    ],
    holds: |view| {
        let picked = PickedUp::of(view)?;
        let answer = answer_from(view, picked.server)?;
        Some(Finding {
            at: picked.arrived.at,
            text: bilingual!(
                "{picked} That server is the one which has the connection: to its TCP nothing had happened, \
                 and its mysqld answered (packet {answer} on client). With several servers that would have \
                 been chance."
                    / "{picked}它正是保有这条连接的真实服务器：对它的 TCP 来说什么都没有发生，mysqld 给出应答（client 上的数据包 {answer}）。如果\
                       有多台真实服务器，能否如此全凭运气。",
                picked = picked.text(view),
                answer = answer.number,
            ),
            shown_by: cites![..picked.shown_by.clone(), picked.arrived, picked.passed, answer],
            claims: claims(
                [picked.sent],
                &claim::Fate::Delivered(Node::RealServer(picked.server.clone())),
            ),
            advice: Vec::new(),
        })
    },
};

/// It comes to another server.
pub(super) const ELSEWHERE: Rule = Rule {
    name: "scheduled-to-another-server",
    explains: Explains::Error,
    sources: sources![
        connections: "ip_vs_conn_expire", tcp_protocol: "tcp_conn_schedule", core: "ip_vs_schedule",
        tcp: "tcp_v4_rcv", tcp: "tcp_v4_send_reset",
    ],
    holds: |view| {
        let picked = PickedUp::of(view)?;
        let request = view.request()?;
        let node = Node::RealServer(picked.server.clone());
        let (reached, at) = request.reached.as_ref()?;
        let reset = view.terminator(TerminatorKind::Rst).filter(|reset| {
            reset.by.as_ref() == Some(&node) && *at == node && reset.packet > reached.packet
        })?;
        if view.is_active(reset)? {
            return None;
        }
        let (_, owner) = view.last_passed_on(picked.arrived.packet)?;
        Some(Finding {
            at: picked.arrived.at,
            text: bilingual!(
                "{picked} The connection is one with {owner}; the TCP of {server} has none such ({reached} \
                 there), and answered with an RST (packet {reset} on client)."
                    / "{picked}而这条连接属于 {owner}；{server} 的 TCP 没有这样的连接（{server} 上的{reached}），以 RST 应答（client \
                        上的数据包 \
                       {reset}）。",
                picked = picked.text(view),
                server = picked.server,
                reached = first(*reached),
                reset = reset.packet,
            ),
            shown_by: cites![
                ..picked.shown_by.clone(),
                picked.arrived,
                picked.passed,
                reached,
                reset
            ],
            claims: said(
                request,
                claim::Fate::UnknownAt(node.clone()),
                reset,
                claim::Fate::NoConnection,
            ),
            advice: picked.advice(),
        })
    },
};

/// An entry that is there though its time is over.
pub(super) const OVERDUE: Rule = Rule {
    name: "entry-outlived-its-time",
    explains: Explains::Circumstance,
    sources: sources![connections: "__ip_vs_conn_put_timer", "kernel/time/timer.c": "calc_wheel_index"],
    holds: |view| {
        let request = view.request().filter(|_| !view.is_connect())?;
        let arrived = request.arrived?;
        let (last, before) = view.last_passed_on(arrived.packet)?;
        let timeout = view.entry_timeout(last.at)?;
        let idle = arrived.at.since(last.at);
        let is_late = timeout < idle && idle <= timeout + late(timeout);
        // Nothing else lets a segment that is no SYN pass, or swallows it.
        let met = match &request.passed_on {
            Some((_, to)) => to == before && view.sysctl(view.director(), SLOPPY_TCP, arrived.at)? == "0",
            None => super::nodest::Dropped::of(view).is_some(),
        };
        if !is_late || !met {
            return None;
        }
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The director keeps an entry for {timeout} after the last segment that it passed on, and \
                 that was {idle} ago ({last}) when the client's {what} arrived ({arrived} on director). The \
                 entry was still there: the kernel's timer wheel rounds such a time up, never down, by as \
                 much as an eighth. (`ipvsadm -Lnc` shows 00:00 meanwhile.)"
                    / "调度器在转发最后一个报文段后保留条目 {timeout}，而客户端{what}到达时（director 上的{arrived}），那已是 {idle} 之前的事\
                       （{last}）。条目仍然在：内核的定时器轮把这样的时间向上取整，绝不向下，最多多出八分之一。（此时 `ipvsadm -Lnc` 显示 \
                       00:00。）",
                timeout = Human(timeout),
                idle = Human(idle),
                last = first(*last),
                what = view.carrier(),
                arrived = first(arrived),
            ),
            shown_by: cites![last, arrived],
            ..Finding::default()
        })
    },
};
