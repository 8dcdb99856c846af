//! Virtual services that are not there, and entries whose time was over.

use super::super::table::Table;
use super::nodest::{entry_was_over, found_ended, left_to_the_director, reset_by_director};
use super::prelude::*;
use super::shared::{OWN_TCP, flushed, why_own, with_table};
use lvs_matrix_model::action::{Action, Edit, TableAction};
use lvs_matrix_model::verdict::Terminator;

/// A SYN that no service takes goes up to the director's own TCP.
const NO_SERVICE_TAKES_IT: Sources = sources![control: "ip_vs_service_find", ..OWN_TCP];

/// The client's SYN, where it arrived at the director, the RST by which the director refused it, and the
/// director's table.
fn refused_syn<'v, 'a>(view: &'v CellView<'a>) -> Option<(&'v Passage<'a>, Seen, &'a Terminator, Table)> {
    let request = view.request().filter(|_| view.is_connect())?;
    let arrived = request.stopped_at_director()?;
    let reset = view
        .terminator(TerminatorKind::Rst)
        .filter(|reset| reset.by.as_ref() == Some(view.director()) && reset.packet > arrived.packet)?;
    Some((request, arrived, reset, view.table_then(request.sent.at)?))
}

/// A SYN for a service that is not there.
pub(super) const NO_SERVICE: Rule = Rule {
    name: "no-service-for-a-syn",
    explains: Explains::Error,
    sources: NO_SERVICE_TAKES_IT,
    holds: |view| {
        let (request, arrived, reset, table) = refused_syn(view)?;
        (!table.has_service()).then(|| Finding {
            at: request.sent.at,
            text: bilingual!(
                "The client's SYN arrived at the director ({arrived} on director), which had no virtual \
                 service for it: IPVS lets such a packet pass, and it came to the director's own TCP, for \
                 {why}. Nothing listens there, so it answered with an RST (packet {reset} on client): \
                 ECONNREFUSED. (With a service but no server the answer would have been an ICMP port \
                 unreachable.)"
                    / "客户端的 SYN 到达调度器（director 上的{arrived}），而调度器没有对应的虚拟服务：IPVS 放行这样的数据包，它来到调度器自己\
                       的 TCP（{why}）。那里没有监听，于是以 RST 应答（client 上的数据包 {reset}）：ECONNREFUSED。（若有虚拟服务而\
                       没有真实服务器，应答会是 ICMP port unreachable。）",
                arrived = first(arrived),
                why = why_own(view),
                reset = reset.packet,
            ),
            shown_by: with_table(&table, [request.sent, arrived], reset),
            claims: said(request, Fate::LeftToDirector, reset, Fate::NoConnection),
            advice: vec![Advice::KeepAServer(None)],
        })
    },
};

/// An edit of another service that has the same real server.
pub(super) const OTHER_SERVICE: Rule = Rule {
    name: "edit-of-another-service",
    explains: Explains::Circumstance,
    sources: sources![
        control: "__ip_vs_update_dest", control: "ip_vs_del_dest", connections: "ip_vs_bind_dest",
    ],
    holds: |view| {
        let server = view.server()?;
        let of_port = |port: u16| {
            let mut services = view.plan.services.iter().skip(1);
            services.find(|service| service.address.port() == port)
        };
        let edits = view.done(|action| match action {
            Action::Other(other) => (other.edit.server() == Some(server)).then_some(&other.service),
            Action::Table(Edit {
                action: TableAction::RemoveService { port: Some(port) },
                ..
            }) => Some(&of_port(*port)?.id),
            Action::Table(_)
            | Action::Client(_)
            | Action::Mysqld(_)
            | Action::Host(_)
            | Action::Traffic(_)
            | Action::Wait(_)
            | Action::Watch(_) => None,
        });
        let (step, began, service) = edits.last()?;
        let table = view.table_then(view.end())?;
        let own = table.weight(server)?;
        Some(Finding {
            at: began,
            text: bilingual!(
                "Step {step} was an edit of another virtual service, {service}. Each service has a \
                 destination of its own for {server}, with a weight of its own, and each entry leads to that \
                 of its service. In the service of this connection {server} stayed in the table, with weight \
                 {own}."
                    / "步骤 {step} 修改的是另一个虚拟服务 {service}。每个服务对 {server} 都有自己的目的地和权重，每个条目指向自己服务的\
                       目的地。在这条连接所属的服务中，{server} 仍在表中，权重为 {own}。",
                step = step.number,
            ),
            shown_by: cites![step, ..table.shown_by()],
            ..Finding::default()
        })
    },
};

/// A SYN that no firewall rule marks any more, for the service of a mark.
pub(super) const UNMARKED: Rule = Rule {
    name: "no-mark-on-a-syn",
    explains: Explains::Error,
    sources: NO_SERVICE_TAKES_IT,
    holds: |view| {
        let mark = view.plan.service().mark?;
        let (request, arrived, reset, table) = refused_syn(view).filter(|(.., table)| table.has_service())?;
        let flush = flushed(view, arrived.at)?.number;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The virtual service is one of firewall mark {mark}, and step {flush} had taken the rule \
                 away that gave the mark. The client's SYN arrived at the director without it ({arrived} on \
                 director), and no service has its address and port: IPVS let it pass, and it came to the \
                 director's own TCP, for the VIP is an address of the director. Nothing listens there, so it \
                 answered with an RST (packet {reset} on client): ECONNREFUSED. Segments of connections that \
                 have an entry are passed on without a mark."
                    / "该虚拟服务属于防火墙标记 {mark}，而步骤 {flush} 删去了打标记的规则。客户端的 SYN 到达调度器时没有标记（director \
                       上的{arrived}），也没有服务具有它的地址和端口：IPVS 放行，它来到调度器自己的 TCP，因为 VIP 是调度器的地址。那里\
                       没有监听，于是以 RST 应答（client 上的数据包 {reset}）：ECONNREFUSED。已有条目的连接，其报文段无需标记即被转发。",
                arrived = first(arrived),
                reset = reset.packet,
            ),
            shown_by: cites![
                Citation::Step(flush),
                ..with_table(&table, [request.sent, arrived], reset)
            ],
            claims: said(request, Fate::LeftToDirector, reset, Fate::NoConnection),
            advice: Vec::new(),
        })
    },
};

/// Without any service of the address family IPVS is not on the way.
pub(super) const NO_HOOKS: Rule = Rule {
    name: "last-service-gone",
    explains: Explains::Error,
    sources: sources![
        control: "__ip_vs_del_service", core: "ip_vs_unregister_hooks", tcp: "tcp_v4_rcv",
        tcp: "tcp_v4_send_reset",
    ],
    holds: |view| {
        let (answered, reset) = reset_by_director(view)?;
        let arrived = answered.arrived?;
        let table = view
            .table_then(answered.sent.at)
            .filter(|table| !table.has_any_service())?;
        let entry = if table.has_entry(view.known_as) {
            bilingual!(
                " The entry of the connection is still there, but nobody looks at it."
                    / "该连接的条目还在，但不再被查看。"
            )
        } else {
            Bilingual::default()
        };
        Some(Finding {
            at: answered.sent.at,
            text: bilingual!(
                "The director had no virtual service left: with the last one of an address family IPVS takes \
                 its hooks out of that family's path (Linux 5.9 and later).{entry} The client's {what} \
                 ({arrived} on director) went straight to the director's own TCP, which has no such \
                 connection and answered with an RST (packet {reset} on client). Had there been any other \
                 service, the entry would have been found.{found_ended}"
                    / "调度器上已没有虚拟服务：某个地址族的最后一个虚拟服务删除后，IPVS 就从该地址族的处理路径上撤下自己的钩子（Linux 5.9 及\
                       以后）。{entry}客户端{what}（director 上的{arrived}）直接来到调度器自己的 TCP，它没有这条连接，以 RST 应答（client \
                       上的数据包 {reset}）。只要还有别的虚拟服务，这个条目就会被找到。{found_ended}",
                entry = entry,
                what = view.kind(answered),
                found_ended = found_ended(view),
                arrived = first(arrived),
                reset = reset.packet,
            ),
            shown_by: cites![..table.shown_by(), arrived, reset],
            claims: said(answered, Fate::LeftToDirector, reset, Fate::NoConnection),
            advice: vec![Advice::Reconnect],
        })
    },
};

/// An idle connection whose entry is gone though its server is there.
pub(super) const ENTRY_TIMED_OUT: Rule = Rule {
    name: "entry-timed-out",
    explains: Explains::Error,
    sources: sources![connections: "ip_vs_conn_expire", ..OWN_TCP],
    holds: |view| {
        let (answered, reset) = reset_by_director(view)?;
        let arrived = answered.arrived?;
        let server = view.server()?;
        let table = view.table_then(answered.sent.at)?;
        let (last, timeout) = entry_was_over(view, answered)?;
        let present = table.weight(server).is_some();
        let whatever = if present {
            bilingual!("though {server} was in the table" / "尽管 {server} 在表中")
        } else {
            bilingual!(
                "whether or not {server} is still in the table (it had been deleted)"
                    / "无论 {server} 是否还在表中（它已被删除）"
            )
        };
        let idle = arrived.at.since(last.at);
        let advice = if present {
            vec![
                Advice::EntryTimeout(idle),
                Advice::ProbesBelowEntry(timeout),
                Advice::Reconnect,
            ]
        } else {
            // With an entry that is still there the deletion would have ended it, or let it hang.
            vec![Advice::Reconnect]
        };
        Some(Finding {
            at: answered.sent.at,
            text: bilingual!(
                "The connection had been idle for {idle} since the last segment that the director passed on \
                 ({last}), longer than the {timeout} that the director keeps an entry: {whatever}, the \
                 client's {what} ({arrived} on director) belonged to no connection any more. {left} (packet \
                 {reset} on client)."
                    / "自调度器转发最后一个报文段（{last}）以来，该连接已空闲 {idle}，超过调度器保留条目的 {timeout}：{whatever}，\
                       客户端{what}（director 上的{arrived}）已不属于任何连接。{left}（client 上的数据包 {reset}）。",
                idle = Human(idle),
                last = first(last),
                timeout = Human(timeout),
                whatever = whatever,
                what = view.kind(answered),
                arrived = first(arrived),
                left = left_to_the_director(view),
                reset = reset.packet,
            ),
            shown_by: cites![..table.shown_by(), last, arrived, reset],
            claims: said(answered, Fate::LeftToDirector, reset, Fate::NoConnection),
            advice,
        })
    },
};

const DROP_ENTRY: &str = "net.ipv4.vs.drop_entry";
/// Dropped are entries whose last packet came so long ago (`todrop_entry`).
const IDLE: Duration = Duration::from_secs(60);
/// Dropped are entries that have had so many packets from the client at the most (`todrop_entry`).
const FEW: usize = 8;

/// The director dropped the idle connection's entry.
pub(super) const DROPPED_ENTRY: Rule = Rule {
    name: "entry-dropped-in-defence",
    explains: Explains::Error,
    sources: sources![
        connections: "ip_vs_random_dropentry", connections: "todrop_entry", control: "update_defense_level",
        ..OWN_TCP,
    ],
    holds: |view| {
        let (answered, reset) = reset_by_director(view)?;
        let arrived = answered.arrived?;
        if view.sysctl(view.director(), DROP_ENTRY, arrived.at) != Some("3") {
            return None;
        }
        let table = view.table_then(answered.sent.at)?;
        let server = view.server()?;
        if !table.has_service() || table.has_entry(view.known_as) || entry_was_over(view, answered).is_some()
        {
            return None;
        }
        // An entry whose server has left the table may have gone with it.
        if view.had_been_deleted(server, arrived.at).is_some() {
            return None;
        }
        let (last, _) = view.last_passed_on(arrived.packet)?;
        let idle = arrived.at.since(last.at);
        let passed = |passage: &&Passage<'_>| passage.passed_on.is_some();
        let packets = view.sent.iter().filter(passed).count();
        if idle < IDLE || packets > FEW {
            return None;
        }
        Some(Finding {
            at: answered.sent.at,
            text: bilingual!(
                "The director had passed on {packets} packets of the connection, the last of them {idle} \
                 before ({last}). With {key}=3 the kernel looks through a random part of its table each \
                 second, and drops entries that have been idle for a minute and have had no more than 8 \
                 packets from the client: the table has no entry for the connection, though its time was not \
                 over and {server} is in the table. {left} (packet {reset} on client)."
                    / "调度器转发了该连接的 {packets} 个数据包，最后一个在 {idle} 之前（{last}）。{key}=3 时，内核每秒随机查看连接表的一\
                       部分，丢弃空闲一分钟、且来自客户端的数据包不超过 8 个的条目：表中没有这条连接的条目，尽管它尚未到期，{server} \
                       也在表中。{left}（client 上的数据包 {reset}）。",
                idle = Human(idle),
                last = first(*last),
                key = DROP_ENTRY,
                left = left_to_the_director(view),
                reset = reset.packet,
            ),
            shown_by: cites![..table.shown_by(), last, arrived, reset],
            claims: said(answered, Fate::LeftToDirector, reset, Fate::NoConnection),
            advice: vec![Advice::NoDropEntry, Advice::Reconnect],
        })
    },
};
