//! A SYN from a port whose earlier connection the director still has an entry for.

use super::super::claim;
use super::super::table::{Entry, Table};
use super::nodest::EXPIRE_NODEST_CONN;
use super::prelude::*;

const CONN_REUSE_MODE: &str = "net.ipv4.vs.conn_reuse_mode";

/// What the director makes of the entry that a SYN finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its connection is over: it makes place for the new one (`is_new_conn_expected`).
    MakesPlace,
    /// Its server is gone, and `expire_nodest_conn` lets it go with the SYN.
    ExpiresNow,
    /// Its server is gone: the SYN is dropped.
    Drops,
    /// The SYN is passed on to its server.
    PassesOn,
}

/// An entry from the port of the client's SYN, which is of an earlier connection.
pub(super) struct OldEntry<'a> {
    table: Table,
    entry: Entry,
    pub(super) server: &'a Name,
    pub(super) fate: Fate,
}

impl crate::citing::Shows for OldEntry<'_> {
    fn citation(&self) -> Citation {
        self.place()
    }
}

impl<'a> OldEntry<'a> {
    /// What the first SYN of a connect found, if the tables of that moment are known (`ip_vs_in_hook`).
    pub(super) fn of(view: &CellView<'a>) -> Option<Self> {
        let at = view.request().filter(|_| view.is_connect())?.sent.at;
        let table = view.table_at(at).filter(|table| table.has_any_service())?;
        let entry = table.entry_from(view.known_as)?.clone();
        let server = entry.server(view.plan)?;
        let mode: u8 = view.sysctl(view.director(), CONN_REUSE_MODE, at)?.parse().ok()?;
        let expires = view.sysctl(view.director(), EXPIRE_NODEST_CONN, at)? != "0";
        // Bit 2 lets FIN_WAIT make place too, of connections whose answers the director does not see.
        let over = match entry.state() {
            "TIME_WAIT" | "CLOSE" => mode != 0,
            "FIN_WAIT" => mode & 2 != 0,
            _ => false,
        };
        let fate = match table.weight(server) {
            // Whatever conn_reuse_mode is.
            Some(0) if expires => Fate::ExpiresNow,
            _ if over => Fate::MakesPlace,
            Some(_) => Fate::PassesOn,
            None if expires => Fate::ExpiresNow,
            None => Fate::Drops,
        };
        Some(Self {
            table,
            entry,
            server,
            fate,
        })
    }

    /// Had it lived for its time by then, if no segment has prolonged it?
    pub(super) fn is_over_by(&self, view: &CellView<'_>, at: Instant) -> bool {
        let mut snapshots = view.record.snapshots.iter();
        let of_table = snapshots.find(|snapshot| snapshot.number == self.table.snapshot);
        // `ipvsadm` cuts seconds off.
        of_table.is_some_and(|snapshot| snapshot.at.plus(self.entry.left()) <= at)
    }

    /// Where the tables are that had it.
    pub(super) fn place(&self) -> Citation {
        Citation::Snapshot(self.table.snapshot)
    }

    /// `CLOSE, to rs1`.
    pub(super) fn text(&self) -> Bilingual {
        bilingual!(
            "{state}, to {server}, to expire in {expires}" / "{state}，指向 {server}，{expires} 后过期",
            state = self.entry.state(),
            server = self.server,
            expires = self.entry.expires(),
        )
    }

    /// Did its connection never come about? It was refused, or given up.
    fn never_opened(&self) -> bool {
        self.entry.state() == "SYN_RECV"
    }

    /// Why the connection is not over, as far as the director knows.
    fn not_over(&self) -> Bilingual {
        if self.never_opened() {
            bilingual!(
                "that connect never came about, and nobody tells the director that it is over. Its entry \
                 lives for 60 s after the last SYN, and"
                    / "那次连接没有建立，也没有人告知调度器它已结束；条目在最后一个 SYN 之后还会存在 60 秒，"
            )
        } else {
            bilingual!(
                "in direct routing the director does not see the server's FIN, so to it the connection is \
                 not quite over, and"
                    / "DR 模式下，调度器看不到服务器的 FIN，在它看来那条连接还没有完全结束，"
            )
        }
    }

    /// Why it did not keep the SYN from being scheduled.
    pub(super) fn made_place(&self) -> (Bilingual, Citation) {
        let why = match self.fate {
            Fate::MakesPlace => bilingual!(
                "the connection is over, and such an entry makes place for a new one"
                    / "那条连接已经结束，这样的条目会给新连接让位"
            ),
            Fate::ExpiresNow | Fate::Drops | Fate::PassesOn => bilingual!(
                "with expire_nodest_conn=1 an entry whose server can take nothing more goes when a segment \
                 matches it"
                    / " expire_nodest_conn=1 时，真实服务器不再可用的条目会在有报文段匹配时删除"
            ),
        };
        let text = bilingual!(
            "came from the port of an earlier connection, of which the director still had an entry \
             ({entry}); but {why}. So the director"
                / "来自先前一条连接用过的端口，调度器上还有那条连接的条目（{entry}）；不过{why}。于是调度器",
            entry = self.text(),
            why = why,
        );
        (text, Citation::Snapshot(self.table.snapshot))
    }
}

/// The entry's server is gone, and the SYN goes the way of any segment of the old connection.
pub(super) const DROPS: Rule = Rule {
    name: "old-entry-without-server",
    explains: Explains::Silence,
    sources: sources![
        core: "is_new_conn_expected", core: "ip_vs_in_hook", tcp_protocol: "tcp_state_transition",
    ],
    holds: |view| {
        let old = OldEntry::of(view).filter(|old| old.fate == Fate::Drops)?;
        let dropped = dropped(view);
        let (head, tail) = (dropped.first()?, dropped.last()?);
        let deleted = view.deleted(old.server, head.at)?;
        Some(Finding {
            at: head.at,
            text: bilingual!(
                "The client's SYN came from the port of an earlier connection, of which the director still \
                 had an entry ({entry}): {not_over} {mode} The SYN therefore matched that entry, whose \
                 server had been deleted from the table, and with expire_nodest_conn=0 it was dropped in \
                 silence, {times} ({from} on director, to {to}). That another server was there made no \
                 difference: what matches an entry is not scheduled."
                    / "客户端的 SYN 来自先前一条连接用过的端口，调度器上还有那条连接的条目（{entry}）：{not_over}\
                       {mode}\
                       因此 SYN 匹配到这个条目，其真实服务器已从表中删除，expire_nodest_conn=0 时它被悄悄丢弃，共 {times}（director \
                       上的{from}，至{to}）。有别的真实服务器也没有用：匹配到条目的报文段不会被调度。",
                entry = old.text(),
                not_over = old.not_over(),
                mode = makes_place(view),
                times = times(dropped.len()),
                from = first(*head),
                to = first(*tail),
            ),
            shown_by: cites![deleted, old, ..&dropped],
            claims: claims(
                view.sendings()
                    .take_while(|passage| passage.passed_on.is_none())
                    .filter(|passage| passage.arrived.is_some())
                    .map(|passage| passage.sent.packet),
                &claim::Fate::Dropped,
            ),
            // An entry in FIN_WAIT makes place with conn_reuse_mode=3, one in SYN_RECV never.
            advice: (!old.never_opened())
                .then_some(Advice::ConnReuseMode)
                .into_iter()
                .chain([
                    Advice::ExpireNodestConn,
                    Advice::ConnectTimeout,
                    Advice::FewerSynRetries,
                ])
                .collect(),
        })
    },
};

/// The entry of a connect that was given up leads the SYN to its server.
pub(super) const LEADS: Rule = Rule {
    name: "led-by-an-old-entry",
    explains: Explains::Circumstance,
    sources: sources![core: "is_new_conn_expected", core: "ip_vs_in_hook", connections: "ip_vs_conn_put"],
    holds: |view| {
        let old = OldEntry::of(view).filter(|old| old.fate == Fate::PassesOn && old.never_opened())?;
        let passed = view.first_passed_on()?;
        let (seen, to) = passed.sent_to_server()?;
        if to != old.server {
            return None;
        }
        let weight = old.table.weight(old.server)?;
        Some(Finding {
            at: passed.sent.at,
            text: bilingual!(
                "The client's SYN came from the port of an earlier connect, of which the director still had \
                 an entry ({entry}): {not_over} {mode} So nobody was chosen: the SYN went where the entry \
                 leads, to {server}, which had weight {weight} ({seen} on director). Each SYN that is \
                 passed on prolongs the entry."
                    / "客户端的 SYN 来自先前一次连接用过的端口，调度器上还有那次连接的条目（{entry}）：{not_over}{mode}\
                       因此没有进行选择：SYN 按条目到达 {server}，其权重为 \
                       {weight}（director 上的{seen}）。每个转发的 SYN 都会延长该条目。",
                entry = old.text(),
                not_over = old.not_over(),
                mode = makes_place(view),
                server = old.server,
                seen = first(*seen),
            ),
            shown_by: cites![old, seen],
            // Of a server that may still be chosen the entry does not end by itself.
            advice: (weight == 0)
                .then_some(Advice::ExpireNodestConn)
                .into_iter()
                .collect(),
            ..Finding::default()
        })
    },
};

/// A repetition of the SYN comes when the entry has ended.
pub(super) const OVER: Rule = Rule {
    name: "scheduled-after-the-old-entry",
    explains: Explains::Answer,
    sources: sources![connections: "ip_vs_conn_expire", core: "ip_vs_schedule", transmit: "ip_vs_dr_xmit"],
    holds: |view| {
        let old = OldEntry::of(view).filter(|old| old.fate == Fate::Drops)?;
        dropped(view).first()?;
        let (sent, passed, server) = view.sendings().find_map(|passage| match &passage.passed_on {
            Some((seen, Node::RealServer(server))) => Some((passage.sent, *seen, server)),
            Some(_) | None => None,
        })?;
        if !old.is_over_by(view, passed.at) {
            return None;
        }
        let answer = answer_from(view, server)?;
        Some(Finding {
            at: passed.at,
            text: bilingual!(
                "Drops do not prolong an entry. When the client's TCP sent its SYN again {later} after the \
                 first ({sent} on client), the old entry had ended; the SYN was one like any other, and the \
                 director scheduled it to {server} (packet {passed} on director), which answered (packet \
                 {answer} on client)."
                    / "丢弃不会延长条目的时限。客户端的 TCP 在首次发送 {later} 后再次发送 SYN 时（client 上的{sent}），旧条目已经过期；这个 SYN \
                       与其他 SYN 无异，调度器把它调度给 {server}（director 上的数据包 {passed}），由其应答（client 上的数据包 {answer}）。",
                later = Human(sent.at.since(view.request()?.sent.at)),
                sent = first(sent),
                passed = passed.packet,
                answer = answer.number,
            ),
            shown_by: cites![old, sent, passed, answer],
            claims: claims([sent.packet], &claim::Fate::delivered(server)),
            advice: Vec::new(),
        })
    },
};

/// Before Linux 5.9 the SYN ends the entry of a deleted server, and is dropped with it; its repetition is
/// scheduled.
pub(super) const EXPIRED: Rule = Rule {
    name: "scheduled-after-a-dropped-syn",
    explains: Explains::Answer,
    sources: sources![
        core: "ip_vs_in", connections: "ip_vs_conn_expire_now", core: "ip_vs_schedule",
        transmit: "ip_vs_dr_xmit",
    ],
    holds: |view| {
        let old = OldEntry::of(view).filter(|old| old.fate == Fate::ExpiresNow)?;
        let dropped = dropped(view);
        // One is enough to end the entry.
        let [at_director] = dropped.as_slice() else {
            return None;
        };
        let deleted = view.deleted(old.server, at_director.at)?;
        let (head, again) = {
            let mut sendings = view.sendings();
            (sendings.next()?, sendings.next()?)
        };
        let (passed, to) = again.passed_on.as_ref()?;
        let server = to.real_server()?;
        let answer = answer_from(view, server)?;
        Some(Finding {
            at: head.sent.at,
            text: bilingual!(
                "The client's SYN came from the port of an earlier connection, of which the director still \
                 had an entry ({entry}), whose server had been deleted from the table. With \
                 expire_nodest_conn=1 such an entry goes when a segment matches it; before Linux 5.9 that \
                 segment is dropped with it, and so was the SYN ({at_director} on director). When the \
                 client's TCP sent it again ({again} on client), {later} after the first, the director \
                 scheduled it to {server} (packet {passed} on director), which answered (packet {answer} on \
                 client)."
                    / "客户端的 SYN 来自先前一条连接用过的端口，调度器上还有那条连接的条目（{entry}），其真实服务器已从表中删除。\
                       expire_nodest_conn=1 时，这样的条目会在有报文段匹配时消失；Linux 5.9 之前，这个报文段随之被丢弃，这个 SYN 就是如此\
                       （director 上的{at_director}）。客户端的 TCP 在首次发送 {later} 后再次发送时（client 上的{again}），调度器把它调度给 \
                       {server}（director 上的数据包 {passed}），由其应答（client 上的数据包 {answer}）。",
                entry = old.text(),
                at_director = first(*at_director),
                again = first(again.sent),
                later = Human(again.sent.at.since(head.sent.at)),
                passed = passed.packet,
                answer = answer.number,
            ),
            shown_by: cites![deleted, old, at_director, again.sent, passed, answer],
            claims: [
                claims([head.sent.packet], &claim::Fate::Dropped),
                claims([again.sent.packet], &claim::Fate::delivered(server)),
            ]
            .concat(),
            advice: Vec::new(),
        })
    },
};

/// The entry's server is there, and gets the SYN without being chosen anew.
pub(super) const PASSES_ON: Rule = Rule {
    name: "passed-on-by-an-old-entry",
    explains: Explains::Answer,
    sources: sources![core: "is_new_conn_expected", core: "ip_vs_in_hook", transmit: "ip_vs_dr_xmit"],
    holds: |view| {
        let old = OldEntry::of(view).filter(|old| old.fate == Fate::PassesOn)?;
        let request = view.request()?;
        let (passed, to) = request.passed_on.as_ref()?;
        if to.real_server() != Some(old.server) {
            return None;
        }
        let answer = answer_from(view, old.server)?;
        // One that still has the connection asks back with a bare ACK (RFC 9293, 3.10.7.4), and takes a SYN
        // only after the client's RST.
        let mut since = view
            .sent_by(old.server)
            .filter(|(packet, _)| passed.at <= packet.at);
        let asks_back = since.next().is_some_and(|(_, segment)| !segment.flags.syn);
        if asks_back {
            return None;
        }
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The client's SYN ({sent} on client) came from the port of an earlier connection, of which \
                 the director still had an entry ({entry}): {mode} So nothing was scheduled: the SYN was \
                 passed on to the old connection's server (packet {passed} on director). {server} had no \
                 connection of that port, took the SYN for what it is, and answered (packet \
                 {answer} on client)."
                    / "客户端的 SYN（client 上的{sent}）来自先前一条连接用过的端口，调度器上还有那条连接的条目（{entry}）：{mode}\
                       因此没有重新调度：SYN 被转发给旧连接的真实服务器（director 上的\
                       数据包 {passed}）。{server} 上没有该端口的连接，把它当作新的 SYN 应答（client 上的数据包 {answer}）。",
                sent = first(request.sent),
                entry = old.text(),
                mode = makes_place(view),
                passed = passed.packet,
                server = old.server,
                answer = answer.number,
            ),
            shown_by: cites![request.sent, old, passed, answer],
            claims: claims([request.sent.packet], &claim::Fate::Delivered(to.clone())),
            advice: Vec::new(),
        })
    },
};

/// Which entries make place for a SYN (net/netfilter/ipvs/ip_vs_core.c, `ip_vs_in_hook`: with
/// conn_reuse_mode=0 none does).
fn makes_place(view: &CellView<'_>) -> Bilingual {
    let at = view.request().map_or(Instant(0), |request| request.sent.at);
    if view.sysctl(view.director(), CONN_REUSE_MODE, at) == Some("0") {
        bilingual!(
            "no entry makes place for a SYN (conn_reuse_mode=0)."
                / "没有条目会给 SYN 让位（conn_reuse_mode=0）。"
        )
    } else {
        bilingual!(
            "only an entry in TIME_WAIT or CLOSE makes place for a SYN (conn_reuse_mode=1)."
                / "只有处于 TIME_WAIT 或 CLOSE 的条目才会给 SYN 让位（conn_reuse_mode=1）。"
        )
    }
}

/// The SYNs that arrived at the director before one of them was passed on.
fn dropped(view: &CellView<'_>) -> Vec<Seen> {
    view.sendings()
        .take_while(|passage| passage.passed_on.is_none())
        .filter_map(|passage| passage.arrived)
        .collect()
}
