//! Settings of the client that end its waiting: clocks of TCP that are off unless they are set, and the
//! program's own.

use super::super::bilingual::listed;
use super::prelude::*;
use lvs_matrix_model::action::{Action, HostAction};
use lvs_matrix_model::capture::flow::at_or_after;
use lvs_matrix_model::client::{Keepalive, Setting};
use lvs_matrix_model::record::{ClientErrorKind, ClientEvent};

const ETIMEDOUT: u16 = 110;

/// By how much a kernel timer may be late: its wheel rounds up by at most an eighth (kernel/time/timer.c).
fn late(time: Duration) -> Duration {
    time / 8 + Duration::from_secs(1)
}

/// `TCP_USER_TIMEOUT` is over.
pub(super) const USER_TIMEOUT: Rule = Rule {
    name: "user-timeout",
    explains: Explains::Error,
    sources: sources![tcp_timer: "tcp_write_timeout", tcp_timer: "tcp_clamp_rto_to_user_timeout"],
    holds: |view| {
        let limit = user_timeout(view)?;
        let request = view.request().filter(|_| !view.is_connect())?;
        let ended = timed_out(view)?;
        let lasted = ended.since(request.sent.at);
        let sendings: Vec<_> = view.sendings().map(|passage| passage.sent).collect();
        let in_time = limit <= lasted && lasted <= limit + late(limit);
        let (first, last) = (sendings.first()?, sendings.last()?);
        if !in_time || acknowledged(view, request) || sendings.len() < 2 {
            return None;
        }
        Some(Finding {
            at: ended,
            text: bilingual!(
                "The client's socket has TCP_USER_TIMEOUT {limit}: what it sends may stay unacknowledged for \
                 so long. Its TCP had sent the same {bytes} bytes {more} (packets {first} to \
                 {last} on client) and gave up {lasted} after the first sending with ETIMEDOUT. \
                 net.ipv4.tcp_retries2 is not asked where the socket has such a time."
                    / "客户端的套接字设置了 TCP_USER_TIMEOUT {limit}：所发送的数据最多可以在这段时间内不被确认。其 TCP 把同样的 {bytes} \
                       字节重传了 {more}（client 上的数据包 {first} 至 {last}），在首次发送 {lasted} 后以 ETIMEDOUT 放弃。套接字设置了\
                       这个时间后，就不再看 net.ipv4.tcp_retries2。",
                limit = Human(limit),
                bytes = request.segment.payload_length,
                more = times_more(sendings.len() - 1),
                first = first.packet,
                last = last.packet,
                lasted = Human(lasted),
            ),
            shown_by: cites![first, last, end_event(view)?],
            ..Finding::default()
        })
    },
};

/// Nobody answers the client's keepalive probes, and the packets show why.
pub(super) const PROBES_UNANSWERED: Rule = Rule {
    name: "probes-unanswered",
    explains: Explains::Silence,
    sources: sources![tcp_timer: "tcp_keepalive_timer", core: "ip_vs_in_hook"],
    holds: |view| {
        let probes = Probes::of(view)?;
        let (first, server) = (probes.sent.first()?, view.server()?);
        let numbers: Vec<u32> = probes.sent.iter().map(|probe| probe.sent.packet).collect();
        let what = bilingual!(
            "The server had acknowledged all that the client had sent. The client's TCP had nothing to send \
             but keepalive probes: {count} of them (packet {numbers} on client)."
                / "真实服务器已经确认了客户端发送的全部数据。客户端的 TCP 除了保活探测没有别的要发送：共 {count} 个（client 上的数据包 \
                   {numbers}）。",
            count = numbers.len(),
            numbers = listed(&numbers),
        );
        let node = Node::RealServer(server.clone());
        let passed_on = |probe: &&Passage<'_>| matches!(&probe.passed_on, Some((_, to)) if *to == node);
        let (text, step, advice, fate) = if probes.sent.iter().all(passed_on) {
            let (step, began, ()) = view
                .done(|action| {
                    let Action::Host(HostAction::PowerOff { server: of, .. }) = action else {
                        return None;
                    };
                    (of.0.real_server() == Some(server)).then_some(())
                })
                .next()?;
            if began > first.sent.at {
                return None;
            }
            let text = bilingual!(
                "{what} The director passed them on to {server}, which was off and answered nothing."
                    / "{what}调度器把它们转发给 {server}，而 {server} 已断电，没有任何应答。",
                what = what,
            );
            let step = Citation::Step(step.number);
            (text, step, Vec::new(), Fate::LostAfter(node.clone()))
        } else if probes
            .sent
            .iter()
            .all(|probe| probe.stopped_at_director().is_some())
        {
            let step = view.deleted(server, first.sent.at)?.shown_by;
            let text = bilingual!(
                "{what} To the director a probe is a segment as any other: it matched the entry of a \
                 connection whose server, {server}, was not in the table any more, and was dropped in \
                 silence."
                    / "{what}对调度器来说，探测与其他报文段没有区别：它匹配到的条目所属连接的真实服务器 {server} 已不在表中，于是被悄悄丢弃。",
                what = what,
            );
            (text, step, vec![Advice::Drain(server.clone())], Fate::Dropped)
        } else {
            return None;
        };
        Some(Finding {
            at: first.sent.at,
            text,
            shown_by: cites![step, ..probes.sent.iter().map(|probe| probe.sent)],
            claims: claims(numbers, &fate),
            advice,
        })
    },
};

/// Keepalive gives up.
pub(super) const KEEPALIVE: Rule = Rule {
    name: "keepalive-exhausted",
    explains: Explains::Error,
    sources: sources![tcp_timer: "tcp_keepalive_timer"],
    holds: |view| {
        let probes = Probes::of(view)?;
        let ended = timed_out(view)?;
        let (first, last) = (probes.sent.first()?.sent, probes.sent.last()?.sent);
        let Keepalive {
            time,
            interval,
            probes: wanted,
        } = probes.set;
        let count = u32::try_from(probes.sent.len()).ok()?;
        let user_timeout = user_timeout(view);
        let why = match user_timeout {
            None if count == u32::from(wanted) => {
                bilingual!("{wanted} without an answer are its limit" / "{wanted} 次没有应答就是它的上限")
            }
            Some(limit) if ended.since(probes.heard.at) >= limit => bilingual!(
                "as the socket has TCP_USER_TIMEOUT {limit}, too, the number of probes does not count: one \
                 without an answer is enough once nothing has come for so long"
                    / "由于套接字还设置了 TCP_USER_TIMEOUT {limit}，探测的次数不起作用：这么久没有收到任何数据后，一次没有应答就够了",
                limit = Human(limit),
            ),
            None | Some(_) => return None,
        };
        if first.at.since(probes.heard.at) < time || ended.since(last.at) < interval {
            return None;
        }
        Some(Finding {
            at: ended,
            text: bilingual!(
                "The last that the client had of the connection was packet {heard} ({at}). After {time} \
                 without a sign its TCP asked by keepalive whether the other side is still there ({times}, \
                 every {interval}), and gave up {lasted} after the last time with ETIMEDOUT: {why}."
                    / "客户端在该连接上最后收到的是数据包 {heard}（{at}）。{time} 没有动静后，其 TCP 以保活探测询问对方是否还在（共 {times}，\
                       间隔 {interval}），在最后一次之后 {lasted} 以 ETIMEDOUT 放弃：{why}。",
                heard = probes.heard.number,
                at = moment(probes.heard.at),
                time = Human(time),
                times = times(probes.sent.len()),
                interval = Human(interval),
                lasted = Human(ended.since(last.at)),
                why = why,
            ),
            shown_by: cites![probes.heard, first, last, end_event(view)?],
            ..Finding::default()
        })
    },
};

/// The program gives up by itself.
pub(super) const PROGRAM_S_TIMEOUT: Rule = Rule {
    name: "time-out-of-the-program",
    explains: Explains::Error,
    sources: sources!["fs/select.c": "do_sys_poll"],
    holds: |view| {
        let ended = view.operation.ended?;
        let lasted = ended.since(view.operation.began);
        let told = !view.observed.terminators.is_empty();
        if view.observed.error.is_none() || told {
            return None;
        }
        let began = view.request()?.sent;
        let reached = |limit: Duration| lasted >= limit && lasted <= limit + Duration::from_secs(1);
        let own =
            own_limit(view).filter(|(setting, limit)| reached(*limit) && in_force(view, *setting).is_some());
        // A program that says so may also have been ended by a limit of its own that is meant for another
        // time: a read time-out bounds the wait for the greeting, too.
        let gave_up = says_it_gave_up(view);
        let read = view
            .plan
            .client()
            .settings
            .read_timeout
            .map(|limit| (Setting::ReadTimeout, limit));
        let read =
            read.filter(|(setting, limit)| gave_up && reached(*limit) && in_force(view, *setting).is_some());
        let Some((setting, limit)) = own.or(read) else {
            return gave_up.then(|| unnamed(view, began, lasted)).flatten();
        };
        Some(Finding {
            at: ended,
            text: bilingual!(
                "The client program has a {setting} of {limit}. It asks its kernel to wake it after that \
                 time, and gave up {lasted} after it had begun. Nothing on the network told it to."
                    / "客户端程序设置了 {limit} 的 {setting}。它请内核在这段时间后唤醒它，并在开始 {lasted} 后放弃。网络上没有什么让它放弃。",
                setting = setting.key(),
                limit = Human(limit),
                lasted = Human(lasted),
            ),
            shown_by: cites![began, end_event(view)?],
            ..Finding::default()
        })
    },
};

/// Does the program say that it was its own time-out that ended the operation?
pub(super) fn says_it_gave_up(view: &CellView<'_>) -> bool {
    let end = view.record.end_of(view.operation.number);
    end.and_then(|event| event.kind.error())
        .is_some_and(|error| matches!(error.kind, ClientErrorKind::TimedOut { .. }))
}

/// A time-out of the program that no setting of the scenario gives it.
fn unnamed(view: &CellView<'_>, began: Seen, lasted: Duration) -> Option<Finding> {
    Some(Finding {
        at: view.operation.ended?,
        text: bilingual!(
            "The client program gave up by itself, {lasted} after it had begun, and says that its own \
             time-out ended the operation. The scenario sets no such time-out: it is the program's default. \
             Nothing on the network told it to."
                / "客户端程序在开始 {lasted} 后自行放弃，并表明是它自己的超时结束了操作。场景没有设置这样的超时：这是该程序的默认值。网络上没有\
                   什么让它放弃。",
            lasted = Human(lasted),
        ),
        shown_by: cites![began, end_event(view)?],
        ..Finding::default()
    })
}

/// The program's own limit for the operation.
pub(super) fn own_limit(view: &CellView<'_>) -> Option<(Setting, Duration)> {
    let settings = &view.plan.client().settings;
    if view.is_connect() {
        Some((Setting::ConnectTimeout, settings.connect_timeout?))
    } else {
        Some((Setting::ReadTimeout, settings.read_timeout?))
    }
}

/// Keepalive probes that nothing came after.
struct Probes<'c, 'a> {
    set: Keepalive,
    /// The last that came before them.
    heard: &'a Packet,
    sent: Vec<&'c Passage<'a>>,
}

impl<'c, 'a> Probes<'c, 'a> {
    fn of(view: &'c CellView<'a>) -> Option<Self> {
        let set = view.keepalive()?;
        let request = view.request().filter(|_| !view.is_connect())?;
        let (heard, _) = view.received.last()?;
        let sent: Vec<_> = view
            .since_request()
            .iter()
            .filter(|passage| passage.sent.packet > heard.number)
            .filter(|passage| view.is_probe(passage))
            .collect();
        (!sent.is_empty() && acknowledged(view, request)).then_some(Self { set, heard, sent })
    }
}

/// Was the request acknowledged?
fn acknowledged(view: &CellView<'_>, request: &Passage<'_>) -> bool {
    let next = request
        .segment
        .sequence
        .wrapping_add(request.segment.payload_length);
    let mut later = view
        .received
        .iter()
        .filter(|(packet, _)| packet.number > request.sent.packet);
    later.any(|(_, segment)| segment.flags.ack && at_or_after(segment.acknowledgement, next))
}

/// `TCP_USER_TIMEOUT` of the client's socket, as its kernel showed it; in records of before, as it was told
/// to be and shown to be in force.
fn user_timeout(view: &CellView<'_>) -> Option<Duration> {
    match view.socket() {
        Some(socket) => Some(socket.user_timeout).filter(|limit| !limit.is_zero()),
        None => in_force(view, Setting::TcpUserTimeout).and(view.plan.client().settings.tcp_user_timeout),
    }
}

/// Was the setting shown to be in force?
fn in_force(view: &CellView<'_>, setting: Setting) -> Option<()> {
    let settings = &view.record.client.as_ref()?.settings;
    let seen = settings.iter().find(|seen| seen.setting == setting.key())?;
    (seen.shown.is_some() && seen.doubt.is_none()).then_some(())
}

/// When the operation ended with ETIMEDOUT.
fn timed_out(view: &CellView<'_>) -> Option<Instant> {
    let errno = view.observed.error.as_ref()?.errno?;
    view.operation.ended.filter(|_| errno == ETIMEDOUT)
}

/// The client's event at the end of the operation.
fn end_event<'a>(view: &CellView<'a>) -> Option<&'a ClientEvent> {
    view.record.end_of(view.operation.number)
}
