//! How many connections the director counts for a real server, and what thresholds make of that.

use super::super::bilingual::listed;
use super::super::table::Table;
use super::prelude::*;
use lvs_matrix_model::action::TableAction;
use lvs_matrix_model::capture::flow::{ClientSide, Connection};
use lvs_matrix_model::scenario::Forwarding;

/// The entry of a connection of the client's.
pub(super) struct Counted {
    /// The real server that it leads to.
    pub(super) server: Name,
    /// The packet with which the director passed the first segment on.
    pub(super) passed: Seen,
    /// Since when it is in none of the states in which a connection counts as active; or when it ends.
    over: Instant,
    /// When its timer runs out.
    until: Instant,
}

impl Counted {
    pub(super) fn is_there(&self, at: Instant) -> bool {
        self.passed.at < at && at < self.until
    }

    /// Does it count as active then (`tcp_state_active` in net/netfilter/ipvs/ip_vs_proto_tcp.c)?
    pub(super) fn is_active(&self, at: Instant) -> bool {
        self.passed.at < at && at < self.over
    }
}

/// The time-outs of an entry: after a SYN, a FIN and an RST (`tcp_timeouts` in
/// net/netfilter/ipvs/ip_vs_proto_tcp.c); and of UDP (`udp_timeouts` in ip_vs_proto_udp.c).
const AFTER_SYN: Duration = Duration::from_secs(60);
const AFTER_FIN: Duration = Duration::from_secs(120);
const AFTER_RST: Duration = Duration::from_secs(10);
pub(super) const ESTABLISHED: Duration = Duration::from_secs(900);
const UDP: Duration = Duration::from_secs(300);

/// The entries that the director made for the client's connections, told by the packets that it passed on.
/// (It makes none that lasts for packets of a service with `-o`.)
pub(super) fn counted(view: &CellView<'_>) -> Vec<Counted> {
    if view.plan.service().one_packet {
        return Vec::new();
    }
    let Some(side) = ClientSide::of(view.record, view.paths.packets()) else {
        return Vec::new();
    };
    let connections = side.connections();
    connections
        .iter()
        .filter_map(|connection| entry(view, &side, connection))
        .collect()
}

fn entry(view: &CellView<'_>, side: &ClientSide<'_>, connection: &Connection) -> Option<Counted> {
    let sent = super::super::passage::passages(view.paths, side.sent(connection));
    let (passed, server) = sent.iter().find_map(Passage::sent_to_server)?;
    // The segments that restart its timer: the client's, and of a masqueraded server those that come back.
    let mut seen: Vec<(Instant, bool, bool)> = sent
        .iter()
        .filter_map(|passage| Some((passage.arrived?.at, passage.segment)))
        .filter(|(at, _)| *at >= passed.at || sent.len() == 1)
        .map(|(at, segment)| (at, segment.flags.fin, segment.flags.rst))
        .collect();
    if view.method(server) == Forwarding::Masquerading {
        let back = side.received(connection);
        seen.extend(back.map(|(packet, segment)| (packet.at, segment.flags.fin, segment.flags.rst)));
    }
    seen.sort_by_key(|(at, ..)| *at);
    let last = seen.last().map_or(passed.at, |(at, ..)| (*at).max(passed.at));
    let first_of = |wanted: &dyn Fn(&(Instant, bool, bool)) -> bool| {
        seen.iter().find(|segment| wanted(segment)).map(|(at, ..)| *at)
    };
    let reset = first_of(&|(_, _, rst)| *rst);
    let closed = first_of(&|(_, fin, rst)| *fin || *rst);
    let set = view.record.state_at(last).entry_timeout(view.director());
    let lives = if view.is_udp() {
        UDP
    } else if reset.is_some() {
        AFTER_RST
    } else if closed.is_some() {
        AFTER_FIN
    } else if seen.len() > 1 {
        set.or_else(|| view.entry_timeout(last)).unwrap_or(ESTABLISHED)
    } else {
        AFTER_SYN
    };
    let until = last.plus(lives);
    Some(Counted {
        server: server.clone(),
        passed: *passed,
        over: closed.unwrap_or(until),
        until,
    })
}

/// A real server that is at its upper threshold, and gets no new connection.
pub(in super::super) struct Full<'v> {
    pub(in super::super) server: &'v Name,
    /// How many connections it has.
    pub(super) count: usize,
    pub(super) upper: u16,
    /// Below so many it gets new ones again.
    pub(super) lower: u16,
    /// The packets with which the director passed on the first segments of those connections.
    pub(super) passed: Vec<Seen>,
}

impl<'v> Full<'v> {
    /// Those of the table at a moment.
    pub(in super::super) fn all(view: &'v CellView<'_>, table: &Table, at: Instant) -> Vec<Self> {
        let names = view.plan.real_servers().map(|(name, _)| name);
        let there: Vec<&Name> = names
            .filter(|name| table.weight(name).is_some_and(|weight| weight > 0))
            .collect();
        let of = |name: &Name| view.plan.service().backend(&Node::RealServer(name.clone()));
        let limited = |name: &&Name| of(name).is_some_and(|backend| backend.upper_threshold.is_some());
        if !there.iter().any(limited) {
            return Vec::new();
        }
        let counted = counted(view);
        there
            .into_iter()
            .filter_map(|name| Self::of(view, &counted, name, at))
            .collect()
    }

    /// The server's, if it is one. It is marked as overloaded when its count comes to the upper threshold,
    /// and is so until the count goes below the lower one (`ip_vs_bind_dest` and `ip_vs_unbind_dest` in
    /// net/netfilter/ipvs/ip_vs_conn.c; `__ip_vs_dest_update_overload` in ip_vs_ctl.c).
    fn of(view: &CellView<'_>, counted: &[Counted], server: &'v Name, at: Instant) -> Option<Self> {
        let backend = view.plan.service().backend(&Node::RealServer(server.clone()))?;
        let upper = backend.upper_threshold?;
        let lower = backend.lower_threshold.unwrap_or(upper - upper / 4);
        let since = said_since(view, server, at)?;
        let own = || counted.iter().filter(|entry| entry.server == *server);
        let count_at = |at: Instant| own().filter(|entry| entry.is_there(at)).count();
        let mut changes: Vec<(Instant, bool)> = own()
            .flat_map(|entry| [(entry.passed.at, true), (entry.until, false)])
            .filter(|(changed, _)| *changed < at && since.is_none_or(|since| *changed > since))
            .collect();
        changes.sort();
        let mut count = since.map_or(0, count_at);
        let mut marked = since.is_some() && count >= usize::from(upper);
        for (_, more) in changes {
            if more {
                count += 1;
                marked |= count == usize::from(upper);
            } else {
                marked &= count != usize::from(lower);
                count = count.saturating_sub(1);
            }
        }
        marked.then(|| Self {
            server,
            count,
            upper,
            lower,
            passed: own()
                .filter(|entry| entry.is_there(at))
                .map(|entry| entry.passed)
                .collect(),
        })
    }

    pub(super) fn says(&self) -> Bilingual {
        let Self {
            server,
            count,
            upper,
            lower,
            ..
        } = self;
        if *count >= usize::from(*upper) {
            bilingual!(
                "{server} has {connections}, its upper threshold" / "{server} 有 {connections}，已达其上限",
                connections = connections(*count),
            )
        } else {
            bilingual!(
                "{server} had {before}, its upper threshold, and has {count}, not yet fewer than {lower}"
                    / "{server} 曾有 {before}，达到其上限，现有 {count} 个，还不少于 {lower}",
                before = connections(usize::from(*upper)),
            )
        }
    }
}

/// `1 connection`, `3 connections`.
fn connections(count: usize) -> Bilingual {
    match count {
        1 => bilingual!("1 connection" / "1 个连接"),
        several => bilingual!("{several} connections" / "{several} 个连接"),
    }
}

/// Since when the table has this server's thresholds: from the beginning, or since the step that said them
/// again. `None` if it has none, because it was saved and restored: ipvsadm(8) does not save them
/// (ipvsadm.c, `print_service_entry` with `FMT_RULE`).
fn said_since(view: &CellView<'_>, server: &Name, at: Instant) -> Option<Option<Instant>> {
    let edits = view.edits(|_, edit| {
        let restores = *edit == TableAction::RestoreTable;
        (restores || edit.server() == Some(server)).then_some(restores)
    });
    let mut said = Some(None);
    for (_, began, restored) in edits.filter(|(_, began, _)| *began <= at) {
        said = match (restored, said) {
            (true, _) => None,
            (false, None) => Some(Some(began)),
            (false, said) => said,
        };
    }
    said
}

/// The director's table when a new connection, or a flow of datagrams, came to a service without a real
/// server to choose; and what of real servers it had. A scheduler that goes by a hash may have named one that
/// takes no connections, while others do.
pub(super) fn nobody_to_choose(view: &CellView<'_>, sent: Seen) -> Option<(Table, Bilingual)> {
    let table = view.table_then(sent.at)?;
    let full = Full::all(view, &table, sent.at);
    let has_room = |name: &Name| full.iter().all(|full| full.server != name);
    let takes = |(name, weight): (&Name, u16)| weight > 0 && has_room(name);
    let (some_take, none_has) = (
        table.servers().any(takes),
        !table.servers().any(|server| !takes(server)),
    );
    if !table.has_service() || some_take && (none_has || by_its_scheduler(view, sent.at).is_none()) {
        return None;
    }
    let why = unavailable(&table, &full);
    let servers = if some_take {
        bilingual!(
            "nothing but a server that took no new connections where the hash of {scheduler} led ({why})"
                / "在 {scheduler} 的散列所指定的位置只有不接受新连接的真实服务器（{why}）",
            scheduler = view.scheduler(sent.at),
            why = listed(&why),
        )
    } else if !full.is_empty() {
        bilingual!(
            "no real server that took new connections ({why})" / "没有接受新连接的真实服务器（{why}）",
            why = listed(&why),
        )
    } else if why.is_empty() {
        bilingual!("no real server" / "没有真实服务器")
    } else {
        let quiet = table.servers().filter(|(_, weight)| *weight == 0);
        let names: Vec<&Name> = quiet.map(|(name, _)| name).collect();
        bilingual!(
            "no real server with a weight above 0 ({names} has 0)"
                / "没有权重大于 0 的真实服务器（{names} 的权重为 0）",
            names = listed(&names),
        )
    };
    Some((table, servers))
}

/// The real servers of a table that take no new connections, each with the reason.
pub(super) fn unavailable(table: &Table, full: &[Full<'_>]) -> Vec<Bilingual> {
    let quiet = table.servers().filter(|(_, weight)| *weight == 0);
    let quiet = quiet.map(|(name, _)| bilingual!("{name} has a weight of 0" / "{name} 的权重为 0"));
    full.iter().map(Full::says).chain(quiet).collect()
}

/// What a scheduler makes a hash of that goes by nothing else, if this one does so at that moment.
pub(in super::super) fn by_its_scheduler(view: &CellView<'_>, at: Instant) -> Option<Bilingual> {
    let scheduler = view.scheduler(at);
    let has = |flag: &str| {
        let service = view.plan.service();
        scheduler == service.scheduler && service.scheduler_flags.iter().any(|known| known == flag)
    };
    let with_port = || bilingual!("the client's address and port" / "客户端的地址和端口");
    let address = || bilingual!("the client's address" / "客户端的地址");
    Some(match scheduler {
        "dh" => bilingual!("the VIP" / " VIP "),
        "sh" if !has("sh-fallback") => {
            if has("sh-port") {
                with_port()
            } else {
                address()
            }
        }
        "mh" if !has("mh-fallback") => {
            if has("mh-port") {
                with_port()
            } else {
                address()
            }
        }
        _ => return None,
    })
}

/// What a real server has that is at its upper threshold.
pub(super) const FULL: Rule = Rule {
    name: "server-at-its-threshold",
    explains: Explains::Circumstance,
    sources: sources![
        connections: "ip_vs_bind_dest", control: "__ip_vs_dest_update_overload",
        connections: "ip_vs_unbind_dest",
    ],
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect() || view.is_udp())?;
        let table = view.table_then(request.sent.at)?;
        let chosen = request.sent_to_server().map(|(_, server)| server);
        let full = Full::all(view, &table, request.sent.at);
        let full = full.into_iter().find(|full| Some(full.server) != chosen)?;
        let Full {
            server,
            count,
            upper,
            lower,
            passed,
        } = full;
        let mut shown_by = table.shown_by();
        shown_by.extend(passed.into_iter().map(packet));
        let over = if view.is_udp() {
            bilingual!(
                "a flow counts until its entry ends, 5m after its last datagram"
                    / "一个数据流在最后一个数据报之后 5m 条目到期之前都计算在内"
            )
        } else {
            bilingual!(
                "one that is over counts until it ends: 2m after the client's FIN, 10s after an RST"
                    / "已经结束的连接在条目到期之前仍计算在内：客户端 FIN 之后 2m，RST 之后 10s"
            )
        };
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "{server} had been given an upper threshold of {limit}, and the director counted {count} \
                 when the client's {what} came. It counts its own entries, and {over}. With {limit} a server \
                 is marked as overloaded, and a scheduler that looks for a server passes it over until it \
                 has fewer than {lower}."
                    / "{server} 的连接数上限为 {upper}，客户端{what}到来时调度器计有 {count} 个连接。它数的是自己的条目，{over}。达到 \
                       {limit}时，真实服务器被标记为过载，调度算法选择服务器时跳过它，直到连接数少于 {lower}。",
                limit = connections(usize::from(upper)),
                what = view.carrier(),
                over = over,
            ),
            shown_by,
            ..Finding::default()
        })
    },
};

/// How lblc finds that the server of its cache is overloaded.
const LBLC: Sources = sources![lblc: "ip_vs_lblc_schedule", lblc: "is_overloaded"];

/// The scheduler lblc goes on with the server of its cache, which is at its threshold.
pub(super) const KEPT_IN_CACHE: Rule = Rule {
    name: "lblc-keeps-its-server",
    explains: Explains::Circumstance,
    sources: LBLC,
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect() || view.is_udp())?;
        let (passed, server) = request.sent_to_server()?;
        if view.scheduler(request.sent.at) != "lblc" {
            return None;
        }
        let table = view.table_then(request.sent.at)?;
        let mut full = Full::all(view, &table, request.sent.at).into_iter();
        let full = full.find(|full| full.server == server)?;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "{full}; but the scheduler lblc keeps in a cache which server it chose for an address to \
                 which clients send, here the VIP, and asks of that one only whether it is in the table with \
                 a weight above 0, and not busier by its own measure: more active connections than its \
                 weight, while another server has fewer than half of its own. The threshold counts where \
                 lblc looks for a server anew."
                    / "{full}；但调度算法 lblc 用缓存记住为客户端所发往的地址（这里是 VIP）选择过哪台服务器，对它只看是否在表中且权重大于 \
                       0，以及按 lblc 自己的标准是否过忙：活动连接多于其权重，而另一台服务器的活动连接少于自身权重的一半。只有 lblc \
                       重新寻找服务器时，连接数上限才起作用。",
                full = full.says(),
            ),
            shown_by: cites![..table.shown_by(), ..&full.passed, request.sent, passed],
            ..Finding::default()
        })
    },
};

/// The scheduler lblc passes the server of its cache by.
pub(super) const PASSED_BY: Rule = Rule {
    name: "lblc-passes-by",
    explains: Explains::Circumstance,
    sources: LBLC,
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect() || view.is_udp())?;
        let (passed, server) = request.sent_to_server()?;
        let at = request.sent.at;
        if view.scheduler(at) != "lblc" {
            return None;
        }
        let table = view.table_then(at)?;
        let counted = counted(view);
        let last = counted.iter().filter(|entry| entry.passed.at < passed.at);
        let last = last.max_by_key(|entry| entry.passed.packet)?;
        let active = |name: &Name| {
            let own = counted.iter().filter(|entry| entry.server == *name);
            own.filter(|entry| entry.is_active(at)).count()
        };
        let (cached, weight) = (
            &last.server,
            table.weight(&last.server).filter(|weight| *weight > 0)?,
        );
        let busy = active(cached);
        let mut idle = table.servers().map(|(name, weight)| (name, weight, active(name)));
        let (other, of, has) = idle.find(|(_, weight, has)| has * 2 < usize::from(*weight))?;
        if cached == server || busy <= usize::from(weight) {
            return None;
        }
        Some(Finding {
            at,
            text: bilingual!(
                "The scheduler lblc goes on with the server that it chose last for the VIP, {cached} \
                 ({before} on director), unless that is overloaded by lblc's own measure: it has more active \
                 connections than its weight ({busy} with a weight of {weight}), and some server has fewer \
                 than half of its own ({other}: {has} with a weight of {of}). So it looked for the server \
                 with the least load, {server}, and keeps that from now on."
                    / "调度算法 lblc 沿用上次为 VIP 选择的服务器 {cached}（director 上的{before}），除非按 lblc 自己的标准它已过载：\
                       活动连接多于其权重（{busy} 个，权重 {weight}），且有服务器的活动连接少于自身权重的一半（{other}：{has} 个，权重 \
                       {of}）。于是它选择了负载最小的 {server}，此后沿用它。",
                before = first(last.passed),
            ),
            shown_by: cites![..table.shown_by(), last.passed, passed],
            ..Finding::default()
        })
    },
};

/// A scheduler that goes by a hash leads to a server that takes no connections, whatever others are there.
pub(super) const HASHED: Rule = Rule {
    name: "hashed-to-an-unavailable-server",
    explains: Explains::Circumstance,
    sources: sources![
        "net/netfilter/ipvs/ip_vs_dh.c": "ip_vs_dh_schedule", source_hash: "ip_vs_sh_get",
        maglev: "ip_vs_mh_get",
    ],
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect() || view.is_udp())?;
        let arrived = request.stopped_at_director()?;
        let (table, _) = nobody_to_choose(view, request.sent)?;
        let hashed = by_its_scheduler(view, request.sent.at)?;
        let scheduler = view.scheduler(request.sent.at);
        let others = table.servers().filter(|(_, weight)| *weight > 0).count();
        let full = Full::all(view, &table, request.sent.at);
        if others <= full.len() {
            return None;
        }
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The scheduler {scheduler} does not look for a server: a hash of {hashed} names one, the \
                 same each time, and if that takes no connections, nobody is chosen, whoever else is in the \
                 table. It named one that took none ({servers})."
                    / "调度算法 {scheduler} 并不寻找服务器：对{hashed}的散列每次都指定同一台，如果它不接受新连接，就不选择任何服务器，不论表中\
                       还有谁。它指定的服务器不接受新连接（{servers}）。",
                hashed = hashed,
                servers = listed(&unavailable(&table, &full)),
            ),
            shown_by: cites![
                ..table.shown_by(),
                arrived,
                ..full.iter().flat_map(|full| &full.passed).copied()
            ],
            ..Finding::default()
        })
    },
};
