//! The client's own TCP, which gives up in the end.

use super::super::cell_view::{EADDRNOTAVAIL, size};
use super::super::icmp::{HOST_UNREACHABLE, PORT_UNREACHABLE};
use super::neighbour::{first_hop, unanswered_arp};
use super::prelude::*;
use lvs_matrix_model::record::ClientEvent;
use lvs_matrix_model::verdict::Fact;

// Linux's numbers.
const ETIMEDOUT: u16 = 110;
const ECONNREFUSED: u16 = 111;
const EHOSTUNREACH: u16 = 113;
/// `TCP_RTO_MIN` and `TCP_RTO_MAX` (include/net/tcp.h).
const RTO_MIN: Duration = Duration::from_millis(200);
const RTO_MAX: Duration = Duration::from_secs(120);
/// By how much a kernel timer may be late: its wheel rounds up by at most an eighth (kernel/time/timer.c).
const LATE: u32 = 8;

/// `tcp_retries2` is over.
pub(super) const GAVE_UP: Rule = Rule {
    name: "retransmissions-exhausted",
    explains: Explains::Error,
    sources: sources![
        tcp_timer: "tcp_write_timeout", tcp_timer: "tcp_model_timeout", tcp_timer: "tcp_write_err",
    ],
    holds: |view| {
        let request = view.request().filter(|_| !view.is_connect())?;
        let ended = view.operation.ended?;
        let (remembered, mut shown_by) = reported(view)?;
        let retries = view.sysctl(&Node::Client, "net.ipv4.tcp_retries2", request.sent.at)?;
        let limit = model_timeout(retries.parse().ok()?)?;
        let head = view.unacknowledged()?;
        let lasted = ended.since(head.sent.at);
        let latest = limit + RTO_MAX + RTO_MAX / LATE + Duration::from_secs(1);
        let sendings: Vec<_> = view.sendings_of(head).map(|passage| passage.sent).collect();
        if lasted < limit || lasted > latest || sendings.len() < 2 {
            return None;
        }
        let same = |passage: &Passage<'_>| passage.segment.payload_length == head.segment.payload_length;
        let again = if view.sendings_of(head).all(same) {
            bilingual!(
                "the same {bytes} bytes" / "同样的 {bytes} 字节",
                bytes = head.segment.payload_length
            )
        } else {
            bilingual!(
                "{bytes} bytes that nothing acknowledged, or parts of them,"
                    / "未被确认的 {bytes} 字节（或其中一部分）",
                bytes = head.segment.payload_length,
            )
        };
        let (first, last) = (sendings.first()?, sendings.last()?);
        shown_by.extend(cites![first, last, end_event(view)?]);
        Some(Finding {
            at: ended,
            text: bilingual!(
                "The client's TCP sent {again} {more} (packets {first} to {last} on client) and \
                 gave up {lasted} after the first sending. That is net.ipv4.tcp_retries2={retries}: it \
                 stands for the time that so many retransmissions would take at gaps that double from \
                 {least} up to {most}, here {limit}, and is looked at whenever the retransmission timer runs \
                 out; it first did so after that time {ended}. {remembered}"
                    / "客户端的 TCP 把{again}重传了 {more}（client 上的数据包 {first} 至 {last}），在首次发送 {lasted} \
                       后放弃。这由 net.ipv4.tcp_retries2={retries} 决定：它代表这么多次重传（间隔从 {least} 起加倍，直到 {most}）所需\
                       的时间，此处为 {limit}；每当重传定时器到期时检查，超过这段时间后的第一次到期{ended}。{remembered}",
                again = again,
                more = times_more(sendings.len() - 1),
                first = first.packet,
                last = last.packet,
                lasted = Human(lasted),
                least = Human(RTO_MIN),
                most = Human(RTO_MAX),
                limit = Human(limit),
                ended = moment(ended),
                remembered = remembered,
            ),
            shown_by,
            claims: Vec::new(),
            advice: vec![Advice::UserTimeout, Advice::FewerRetries, Advice::ReadTimeout],
        })
    },
};

/// An earlier operation had lost the connection, and no packet had ended it: where one had, that one's rule
/// says so.
pub(super) const GONE: Rule = Rule {
    name: "connection-lost-before",
    explains: Explains::Error,
    // The program closed its socket when it got the earlier error.
    sources: sources![tcp_common: "tcp_close"],
    holds: |view| {
        let mut facts = view
            .observed
            .evidence
            .iter()
            .filter(|_| view.observed.terminators.is_empty());
        let (at, message, shown_by) = facts.find_map(|evidence| {
            let Fact::LostBefore { at, message } = &evidence.fact else {
                return None;
            };
            Some((*at, message, evidence.shown_by.clone()))
        })?;
        Some(Finding {
            at,
            text: bilingual!(
                "An earlier operation had lost this connection {at}, with \"{message}\". Since then the \
                 client has no connection on which it could send its {what}: nothing left the client, and it \
                 failed at once. The server has gone away, which the classic client calls 2006."
                    / "之前的操作{at}已因“{message}”失去了这个连接。此后客户端没有可用来发送{what} 的连接：没有任何数据离开客户端，\
                       操作立即失败：服务器已断开，传统客户端的错误码为 2006。",
                at = moment(at),
                message = message.as_str(),
                what = view.what(),
            ),
            shown_by,
            ..Finding::default()
        })
    },
};

/// The client's own kernel had ended the connection while the client was idle.
pub(super) const ENDED_WHILE_IDLE: Rule = Rule {
    name: "connection-ended-while-idle",
    explains: Explains::Error,
    sources: sources![tcp_timer: "tcp_keepalive_timer", tcp_timer: "tcp_write_err"],
    holds: |view| {
        let mut facts = view.observed.evidence.iter();
        let (at, shown_by) = facts.find_map(|evidence| {
            let Fact::EndedByClientBefore { at } = &evidence.fact else {
                return None;
            };
            Some((*at, evidence.shown_by.clone()))
        })?;
        if !timed_out(view) {
            return None;
        }
        let Citation::Packet(reset) = shown_by.first()? else {
            return None;
        };
        Some(Finding {
            at,
            text: bilingual!(
                "The client's own TCP gave the idle connection up {at}, as nothing answered its keepalive \
                 probes: it reset the connection (packet {reset} on client) and kept ETIMEDOUT for the \
                 program. The program learnt it from its {what}: nothing was sent, and it failed at once. \
                 The server has gone away, which the classic client calls 2006."
                    / "客户端自己的 TCP {at}放弃了这个空闲连接，因为其保活探测没有得到应答：它复位了连接（client 上的数据包 {reset}），并为程序\
                       保留了 ETIMEDOUT。程序在{what} 时才得知：没有发送任何数据，操作立即失败。服务器已断开，传统客户端的错误码为 2006。",
                at = moment(at),
                reset = *reset,
                what = view.what(),
            ),
            shown_by,
            ..Finding::default()
        })
    },
};

/// Which error TCP reports when it gives up: the one that an ICMP error or its own neighbour cache had told
/// it last (`sk_err_soft`), or else ETIMEDOUT. Both must be seen.
fn reported(view: &CellView<'_>) -> Option<(Bilingual, Vec<Citation>)> {
    let request = view.request()?;
    let told = |code| {
        let mut terminators = view.observed.terminators.iter();
        let last = terminators.rfind(|item| item.kind == TerminatorKind::Icmp { code });
        last.map(|item| {
            let text = bilingual!(
                "It reports the error that an {kind} had told it before (last in packet {packet} on client)."
                    / "它报告的是此前由 {kind} 得知的错误（最后一次为 client 上的数据包 {packet}）。",
                kind = item.kind,
                packet = item.packet,
            );
            (text, vec![Citation::Packet(item.packet)])
        })
    };
    if timed_out(view) {
        return Some((
            bilingual!("It reports ETIMEDOUT." / "它报告 ETIMEDOUT。"),
            Vec::new(),
        ));
    }
    match view.observed.error.as_ref()?.errno? {
        ECONNREFUSED => told(PORT_UNREACHABLE),
        EHOSTUNREACH => told(HOST_UNREACHABLE).or_else(|| {
            let asked = unanswered_arp(view, &Node::Client, Some(view.plan.first_hop()), request.sent.at)?;
            let text = bilingual!(
                "It reports the error that its own kernel had told it before, when nobody answered to the \
                 question for {whom}'s Ethernet address (last in packet {asked} on client)."
                    / "它报告的是此前由自己的内核得知的错误：询问{whom}的以太网地址时无人应答（最后一次为 client 上的数据包 {asked}）。",
                whom = first_hop(view),
                asked = asked.number,
            );
            Some((text, vec![Citation::Packet(asked.number)]))
        }),
        _ => None,
    }
}

/// Gaps between repetitions that do not double.
pub(super) const REVERTED: Rule = Rule {
    name: "back-off-taken-back",
    explains: Explains::Circumstance,
    sources: sources![tcp: "tcp_v4_err", tcp: "tcp_ld_RTO_revert"],
    holds: |view| {
        let head = view.unacknowledged().filter(|_| !view.is_connect())?;
        let told: Vec<u32> = view
            .observed
            .terminators
            .iter()
            .filter(|item| {
                matches!(
                    item.kind,
                    TerminatorKind::Icmp {
                        code: 0 | HOST_UNREACHABLE
                    }
                )
            })
            .map(|item| item.packet)
            .collect();
        let times: Vec<Instant> = view.sendings_of(head).map(|passage| passage.sent.at).collect();
        let gaps: Vec<Duration> = times.windows(2).map(|pair| pair[1].since(pair[0])).collect();
        // TCP's own gaps double up to the largest; the first two may be a probe's.
        let stays = |pair: &&[Duration]| pair[1] < pair[0] * 3 / 2 && pair[0] < RTO_MAX / 2;
        let stayed = gaps.windows(2).filter(stays).count();
        if told.len() < FEW || stayed < FEW {
            return None;
        }
        let (least, most) = (gaps.iter().min()?, gaps.iter().max()?);
        let (first, last) = (*told.first()?, *told.last()?);
        Some(Finding {
            at: head.sent.at,
            text: bilingual!(
                "The gaps between the client's repetitions do not go on doubling: there are {count}, of \
                 {least} to {most}. Each ICMP host unreachable that is about the oldest unacknowledged \
                 segment takes one doubling back (RFC 6069), for it says that the way is broken, and not \
                 that the network is busy; {told} of them came (packets {first} to {last} on client)."
                    / "客户端各次重传的间隔并不一直加倍：共 {count} 个，从 {least} 到 {most}。每个关于最早未确认报文段的 ICMP host unreachable 都会\
                       撤回一次加倍（RFC 6069），因为它说明是路不通，而不是网络拥塞；这样的报文共有 {told} 个（client 上的数据包 {first} 至 \
                       {last}）。",
                count = gaps.len(),
                least = Human(*least),
                most = Human(*most),
                told = told.len(),
            ),
            shown_by: cites![head.sent, Citation::Packet(first), Citation::Packet(last)],
            ..Finding::default()
        })
    },
};

/// Fewer than so many are no pattern.
const FEW: usize = 4;

/// The first gaps between SYNs do not double from Linux 6.5 on: they are of one second
/// (`tcp_syn_linear_timeouts`; net/ipv4/tcp_timer.c, `tcp_retransmit_timer`).
const LINEAR: Duration = Duration::from_millis(1500);

/// `tcp_syn_retries` is over.
pub(super) const GAVE_UP_CONNECTING: Rule = Rule {
    name: "syn-retries-exhausted",
    explains: Explains::Error,
    sources: sources![tcp_timer: "tcp_write_timeout"],
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect())?;
        let ended = view.operation.ended.filter(|_| timed_out(view))?;
        // A program that gives up by itself does so sooner.
        if super::settings::own_limit(view)
            .is_some_and(|(_, limit)| ended.since(view.operation.began) >= limit)
        {
            return None;
        }
        let retries = view.sysctl(&Node::Client, "net.ipv4.tcp_syn_retries", request.sent.at)?;
        let allowed: usize = retries.parse().ok()?;
        let syns: Vec<_> = view
            .sent
            .iter()
            .filter(|passage| passage.segment.flags.syn && size(passage.segment) > 0)
            .map(|passage| passage.sent)
            .collect();
        if syns.len() <= allowed || !view.received.is_empty() {
            return None;
        }
        let (first, last) = (syns.first()?, syns.last()?);
        // It gives up when it would have sent the next one. Who gives up sooner is not TCP.
        let before_last = syns.iter().rev().nth(1);
        let gap = before_last.map_or(Duration::ZERO, |before| last.at.since(before.at));
        let next = if gap < LINEAR { gap } else { (gap * 2).min(RTO_MAX) };
        if ended.since(last.at) < next * 9 / 10 {
            return None;
        }
        let nothing = if view.observed.discarded.is_empty() {
            bilingual!("Nothing answered the client's SYN" / "客户端的 SYN 没有得到任何应答")
        } else {
            bilingual!(
                "The client's kernel accepted no answer to its SYN"
                    / "客户端的内核没有接受对其 SYN 的任何应答"
            )
        };
        Some(Finding {
            at: ended,
            text: bilingual!(
                "{nothing}. Its TCP sent it {more} and gave up {lasted} after the first with \
                 ETIMEDOUT: net.ipv4.tcp_syn_retries={retries} (kernels from 6.5 on add \
                 net.ipv4.tcp_syn_linear_timeouts to it)."
                    / "{nothing}。其 TCP 又重传了 {more}，在首次发送 {lasted} 后以 ETIMEDOUT 放弃：\
                       net.ipv4.tcp_syn_retries={retries}（6.5 及以后的内核还要加上 net.ipv4.tcp_syn_linear_timeouts）。",
                nothing = nothing,
                more = times_more(syns.len() - 1),
                lasted = Human(ended.since(request.sent.at)),
            ),
            shown_by: cites![first, last, end_event(view)?],
            claims: Vec::new(),
            advice: vec![Advice::ConnectTimeout, Advice::FewerSynRetries],
        })
    },
};

/// The error is ETIMEDOUT; of a program that does not tell, or tells a message only, if nothing on the
/// network ended the connection, TCP has no other.
fn timed_out(view: &CellView<'_>) -> bool {
    // The program's own time-out is none of TCP's.
    let own = super::settings::says_it_gave_up(view);
    !own && view
        .observed
        .error
        .as_ref()
        .is_some_and(|error| match error.errno {
            Some(errno) => errno == ETIMEDOUT,
            None => error.server.is_none() && view.observed.terminators.is_empty(),
        })
}

/// The client's event at the end of the operation.
pub(super) fn end_event<'a>(view: &CellView<'a>) -> Option<&'a ClientEvent> {
    let mut events = view.record.client_events.iter();
    events.rfind(|event| event.operation == view.operation.number)
}

/// How long `retries` retransmissions would take from [`RTO_MIN`] on, doubling up to [`RTO_MAX`]
/// (`tcp_model_timeout`).
fn model_timeout(retries: u32) -> Option<Duration> {
    let doublings = (RTO_MAX.as_millis() / RTO_MIN.as_millis()).ilog2();
    let doubled = RTO_MIN.checked_mul(2_u32.checked_pow(retries.min(doublings) + 1)? - 1)?;
    doubled.checked_add(RTO_MAX.checked_mul(retries.saturating_sub(doublings))?)
}

/// The client has no port for another connection.
pub(super) const NO_PORT: Rule = Rule {
    name: "no-port-left",
    explains: Explains::Error,
    sources: sources!["net/ipv4/inet_hashtables.c": "__inet_hash_connect"],
    holds: |view| {
        let errno = view.observed.error.as_ref()?.errno;
        if !view.is_connect() || view.request().is_some() || errno != Some(EADDRNOTAVAIL) {
            return None;
        }
        let at = view.operation.began;
        let range = view.sysctl(&Node::Client, "net.ipv4.ip_local_port_range", at)?;
        let range = range.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(Finding {
            at,
            text: bilingual!(
                "The client sent nothing. For a connection to the VIP its kernel takes a port out of \
                 net.ipv4.ip_local_port_range={range} that no other connection to the VIP and its \
                 port has; a \
                 connection that the client had closed itself has its port for 60 s more (TIME-WAIT). It \
                 found none: EADDRNOTAVAIL, at once. Neither the director nor any server had a part in it."
                    / "客户端什么也没有发送。要连接 VIP，其内核从 net.ipv4.ip_local_port_range={range} 中选取一个没有被其他到 VIP \
                       同一端口的连接占用的端口；由客户端自己关闭的连接还会占用端口 60 s（TIME-WAIT）。没有找到可用的端口：立刻报告 \
                       EADDRNOTAVAIL。这与调度器和真实服务器都没有关系。",
            ),
            shown_by: cites![end_event(view)?],
            ..Finding::default()
        })
    },
};
