//! A firewall of a real server that answers SYNs itself (`synproxy` of nft(8)).

use super::prelude::*;
use super::server::stopped_mysqld;
use lvs_matrix_model::action::{Action, TrafficAction};
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::capture::{Segment, TcpOption};
use lvs_matrix_model::record::StepRecord;

const PROXY: Source = Source::of("nft_synproxy_do_eval", "net/netfilter/nft_synproxy.c");
const LOOSE: Source = Source::of("tcp_new", "net/netfilter/nf_conntrack_proto_tcp.c");
const ADJUSTS: Source = Source::of("nf_ct_seq_adjust", "net/netfilter/nf_conntrack_seqadj.c");
/// What the firewall does when the client has acknowledged its SYN-ACK, and when the server has answered.
const TO_SERVER: [Source; 2] = [
    Source::of("synproxy_recv_client_ack", "net/netfilter/nf_synproxy_core.c"),
    Source::of("ipv4_synproxy_hook", "net/netfilter/nf_synproxy_core.c"),
];

/// A SYN-ACK that a firewall sent for the server: it has no room for anything yet.
struct Proxied<'a> {
    node: &'a Node,
    server: &'a Name,
    step: &'a StepRecord,
    syn_ack: &'a Packet,
}

impl<'a> Proxied<'a> {
    fn of(view: &CellView<'a>) -> Option<Self> {
        let is_it = |segment: &Segment| segment.flags.syn && segment.flags.ack && segment.window == 0;
        let mut received = view.received.iter();
        let (syn_ack, _) = received.find(|(_, segment)| is_it(segment))?;
        let origin = view.paths.origin(syn_ack.number)?;
        let host = view.plan.host(origin)?;
        let step = view.record.state_at(syn_ack.at).answers_syns(origin)?;
        Some(Self {
            node: &host.node,
            server: host.node.real_server()?,
            step: view.step(step)?.0,
            syn_ack,
        })
    }

    /// The SYN-ACK of the server's own TCP, which the client got besides.
    fn own(&self, view: &CellView<'a>) -> Option<&'a Packet> {
        let own = view.received.iter().find(|(packet, segment)| {
            let opens = segment.flags.syn && segment.flags.ack && segment.window > 0;
            opens && packet.number > self.syn_ack.number
        });
        own.map(|(packet, _)| *packet)
    }
}

/// The firewall answered the client's SYN.
pub(super) const ANSWERED: Rule = Rule {
    name: "syn-answered-by-the-firewall",
    explains: Explains::Circumstance,
    sources: sources![PROXY, ..TO_SERVER],
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect())?;
        let Proxied {
            server,
            step,
            syn_ack,
            ..
        } = Proxied::of(view)?;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The firewall of {server} answers SYNs itself (step {step}): the SYN-ACK (packet {syn_ack} \
                 on client, with a window of 0) says nothing of the server. To the client it is connected; \
                 only when it has acknowledged that does the firewall begin a connection to the server."
                    / "{server} 的防火墙自行应答 SYN（步骤 {step}）：该 SYN-ACK（client 上的数据包 {syn_ack}，窗口为 0）并不能说明\
                       服务器的状况。对客户端来说连接已建立；客户端确认之后，防火墙才开始与服务器建立连接。",
                step = step.number,
                syn_ack = syn_ack.number,
            ),
            shown_by: cites![step, syn_ack],
            ..Finding::default()
        })
    },
};

/// Nothing listens behind the firewall.
pub(super) const RESET: Rule = Rule {
    name: "nothing-listens-behind-the-firewall",
    explains: Explains::Error,
    sources: sources![..TO_SERVER, tcp: "tcp_v4_send_reset", ADJUSTS],
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect())?;
        let Proxied {
            node,
            server,
            step,
            syn_ack,
        } = Proxied::of(view)?;
        let reset = view
            .terminator(TerminatorKind::Rst)
            .filter(|reset| reset.by.as_ref() == Some(node) && reset.packet > syn_ack.number)?;
        let (stopped, _) = stopped_mysqld(view, server, request.sent.at)?;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The mysqld of {server} had ended (step {stopped}), and nothing listened on the port. The \
                 client was told that only when it was connected: the SYN-ACK (packet {syn_ack} on client) \
                 had come from the firewall of {server}, which passed on the RST of the server's TCP after \
                 that (packet {reset} on client). So this is no refused connect (ECONNREFUSED): it is \
                 ECONNRESET, while the client waits for the greeting."
                    / "{server} 的 mysqld 已经结束（步骤 {stopped}），端口上没有监听。客户端在连接建立之后才得知这一点：SYN-ACK（client \
                       上的数据包 {syn_ack}）来自 {server} 的防火墙，它随后才转来服务器 TCP 的 RST（client 上的数据包 \
                       {reset}）。因此这不是连接被拒绝（ECONNREFUSED），而是在等待问候报文时得到 ECONNRESET。",
                stopped = stopped.number,
                syn_ack = syn_ack.number,
                reset = reset.packet,
            ),
            shown_by: cites![stopped, step, syn_ack, reset],
            claims: claims([reset.packet], &Fate::NoConnection),
            advice: vec![
                Advice::OutOfTheTable(server.clone()),
                Advice::KeepAServer(Some(server.clone())),
                Advice::Reconnect,
            ],
        })
    },
};

/// The server's TCP took the firewall's acknowledgement for a stranger's.
pub(super) const LATE: Rule = Rule {
    name: "acknowledgement-with-a-wrong-timestamp",
    explains: Explains::Silence,
    sources: sources![
        "net/ipv4/tcp_minisocks.c": "tcp_check_req",
        "net/netfilter/nf_synproxy_core.c": "synproxy_tstamp_adjust", sockets: "reqsk_timer_handler",
    ],
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect())?;
        let proxied = Proxied::of(view)?;
        let own = proxied.own(view)?;
        // Without timestamps there is nothing to translate.
        if !has_timestamps(proxied.syn_ack) || !has_timestamps(own) {
            return None;
        }
        let Proxied { server, syn_ack, .. } = proxied;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The server's own SYN-ACK came {later} after the firewall's (packets {syn_ack} and {own} on \
                 client): its TCP had not taken the firewall's acknowledgement, and sent its SYN-ACK again \
                 when its timer ran out. On its way to the server of {server} that acknowledgement goes \
                 through the firewall's own hook, which translates its timestamp (TSecr) as if the client \
                 had sent it: to one that the server has not sent. Since Linux 6.15 TCP drops that. Until \
                 then the client is connected to nobody; had it something to say, the server would take that."
                    / "服务器自己的 SYN-ACK 比防火墙的晚了 {later}（client 上的数据包 {syn_ack} 和 {own}）：其 TCP 没有接受防火墙的确认，\
                       到定时器到期才重传 SYN-ACK。该确认在前往 {server} 的服务器途中经过防火墙自己的钩子，后者把它的时间戳（TSecr）\
                       当作客户端所发的来转换，变成服务器从未发送过的值。自 Linux 6.15 起 TCP 会丢弃它。在此之前客户端并没有真正连到\
                       服务器；若客户端先说话，服务器会接受。",
                later = Human(own.at.since(syn_ack.at)),
                syn_ack = syn_ack.number,
                own = own.number,
            ),
            shown_by: cites![proxied.step, syn_ack, own],
            ..Finding::default()
        })
    },
};

fn has_timestamps(packet: &Packet) -> bool {
    let timestamps = |option: &TcpOption| matches!(option, TcpOption::Timestamps { .. });
    segment(packet).is_some_and(|(_, _, segment)| segment.options.iter().any(timestamps))
}

/// The firewall knows nothing of the connection.
pub(super) const UNKNOWN: Rule = Rule {
    name: "unknown-to-the-synproxy",
    explains: Explains::Silence,
    sources: sources![LOOSE, PROXY, ..TO_SERVER],
    holds: |view| {
        let head = view.unacknowledged()?;
        let (arrived, server) = head.at_server()?;
        let node = Node::RealServer(server.clone());
        let step = view.record.state_at(head.sent.at).answers_syns(&node)?;
        let (step, began) = view.step(step)?;
        // A rule that met all of it was there before.
        if (super::firewall::DROPS.holds)(view).is_some() {
            return None;
        }
        let opened = view.sent.first()?.sent.at;
        let flushed = |action: &TrafficAction| matches!(action, TrafficAction::FlushConntrack { .. });
        let forgotten = done_to(view, &node, opened, flushed);
        let forgotten = forgotten.filter(|(_, at)| *at <= head.sent.at);
        let why = match &forgotten {
            _ if opened < began => bilingual!(
                "It had not been there when the client connected, and knows the connections that began \
                 through it"
                    / "客户端连接时它还不存在，而它只认识经由它建立的连接"
            ),
            Some((flush, _)) => bilingual!(
                "It had forgotten all connections in step {number} ({step})"
                    / "它在步骤 {number}（{step}）中忘掉了所有连接",
                number = flush.number,
                step = doing(&flush.action),
            ),
            None => return None,
        };
        let lost: Vec<&Passage<'_>> = view
            .sendings_of(head)
            .filter(|passage| passage.at_server().is_some_and(|(_, at)| at == server))
            .collect();
        Some(Finding {
            at: head.sent.at,
            text: bilingual!(
                "The client's {what} arrived at {server} ({arrived} there), {times} in all, and the firewall \
                 that answers SYNs there (step {step}) dropped it. {why}. What conntrack does not know is \
                 `invalid` with nf_conntrack_tcp_loose=0, so the firewall takes it for the answer to a \
                 SYN-ACK of its own, and drops it without a word, for it acknowledges none."
                    / "客户端{what}到达 {server}（{server} 上的{arrived}），共 {times}，被那里应答 SYN 的防火墙（步骤 \
                       {step}）丢弃。{why}。在 nf_conntrack_tcp_loose=0 时，conntrack 不认识的报文段是 `invalid`，防火墙\
                       把它当作对自己 SYN-ACK 的应答，而它并未确认任何 SYN-ACK，于是被静默丢弃。",
                what = view.kind(head),
                arrived = first(*arrived),
                times = times(lost.len()),
                step = step.number,
                why = why,
            ),
            shown_by: cites![step, ..forgotten.map(|(flush, _)| flush), head.sent, arrived],
            claims: claims(
                lost.iter().map(|passage| passage.sent.packet),
                &Fate::Filtered(node.clone()),
            ),
            advice: and_patience([Advice::Reconnect]),
        })
    },
};

/// Nobody translates the client's numbers into those of the server any more.
pub(super) const GONE: Rule = Rule {
    name: "numbers-translated-no-more",
    explains: Explains::Silence,
    sources: sources![
        ADJUSTS, "net/netfilter/nf_conntrack_proto.c": "nf_ct_netns_put", tcp_input: "tcp_ack",
    ],
    holds: |view| {
        let head = view.unacknowledged()?;
        let (arrived, server) = head.at_server()?;
        let lost = Translated::until(view, head.sent.at).filter(|lost| lost.proxied.server == server)?;
        if view
            .record
            .state_at(head.sent.at)
            .answers_syns(lost.proxied.node)
            .is_some()
        {
            return None;
        }
        let answered = view.received.iter().find(|(packet, segment)| {
            packet.number > head.sent.packet && segment.flags.ack && segment.payload_length == 0
        });
        let answered = answered.map(|(packet, _)| *packet);
        let said = answered.map_or_else(Bilingual::default, |packet| {
            bilingual!(
                " It answers with a bare acknowledgement (packet {number} on client), whose number means as \
                 little to the client."
                    / "它只回一个纯确认（client 上的数据包 {number}），其序号对客户端同样没有意义。",
                number = packet.number,
            )
        });
        Some(Finding {
            at: head.sent.at,
            text: bilingual!(
                "{lost} The client's {what} reaches {server} as it was sent ({arrived} there), and the \
                 server's TCP finds an acknowledgement of a number that is none of its own.{said}"
                    / "{lost}客户端{what}原样到达 {server}（{server} 上的{arrived}），服务器的 TCP 发现它所确认的序号不是自己的。{said}",
                lost = lost.text(),
                server = server,
                what = view.kind(head),
                arrived = first(*arrived),
                said = said,
            ),
            shown_by: cites![..lost.shown_by(), head.sent, arrived, ..answered],
            claims: Vec::new(),
            advice: and_patience([Advice::Reconnect]),
        })
    },
};

/// Nobody translates the numbers of the server's answer into those that the client knows.
pub(super) const NOT_TRANSLATED: Rule = Rule {
    name: "answer-with-the-numbers-of-the-server",
    explains: Explains::Silence,
    sources: sources![
        ADJUSTS, "net/netfilter/nf_conntrack_proto.c": "nf_ct_netns_put", tcp_input: "tcp_validate_incoming",
    ],
    holds: |view| {
        let request = view.request().filter(|_| !view.is_connect())?;
        let (_, server) = request.at_server()?;
        // Else it is the client that goes on asking.
        if view.unacknowledged().is_some() {
            return None;
        }
        let lost = Translated::until(view, view.end()).filter(|lost| lost.proxied.server == server)?;
        let known = view
            .received
            .iter()
            .rfind(|(packet, _)| packet.at < lost.at)
            .map(|(_, segment)| segment.sequence.wrapping_add(segment.payload_length))?;
        let strange = |segment: &Segment| {
            let ahead = segment.sequence.wrapping_sub(known);
            segment.payload_length > 0 && ahead.min(ahead.wrapping_neg()) > FAR
        };
        let strange: Vec<&Packet> = view
            .sent_by(server)
            .filter(|(packet, segment)| packet.at > lost.at && strange(segment))
            .map(|(packet, _)| packet)
            .collect();
        let first_of_them = *strange.first()?;
        Some(Finding {
            at: first_of_them.at,
            text: bilingual!(
                "{lost} On {server} the answer left with the server's own numbers (packet {answer} on \
                 {server}), {times} in all. To the client's TCP those bytes are none that it waits for: it \
                 takes none of them, and only repeats what it has. It has sent all that it had to say, and \
                 was acknowledged, so nothing ends its waiting."
                    / "{lost}{server} 的应答带着服务器自己的序号发出（{server} 上的数据包 {answer}），共 {times}。对客户端的 TCP 来说，这些\
                       字节都不是它所等待的：它一概不收，只重复已确认的序号。客户端已发完要说的话并得到确认，因此没有什么会结束它的等待。",
                lost = lost.text(),
                server = server,
                answer = first_of_them.number,
                times = times(strange.len()),
            ),
            shown_by: cites![..lost.shown_by(), first_of_them],
            claims: Vec::new(),
            advice: and_patience([Advice::Reconnect]),
        })
    },
};

/// What is further from what the client waits for does not go on from there: of what a lab's server sends
/// before it is acknowledged, and sends again, no byte is.
const FAR: u32 = 64 * 1024;

/// The first step since a moment that did such a thing to a host, and when it began.
fn done_to<'a>(
    view: &CellView<'a>,
    node: &Node,
    since: Instant,
    wanted: impl Fn(&TrafficAction) -> bool,
) -> Option<(&'a StepRecord, Instant)> {
    let mut all = view.done(|action| {
        let Action::Traffic(action) = action else {
            return None;
        };
        (wanted(action) && action.node() == node).then_some(())
    });
    let (step, at, ()) = all.find(|(_, at, ())| *at >= since)?;
    Some((step, at))
}

/// A connection that began through a firewall, whose numbers were translated until a step.
struct Translated<'a> {
    proxied: Proxied<'a>,
    end: &'a StepRecord,
    at: Instant,
}

impl<'a> Translated<'a> {
    fn until(view: &CellView<'a>, until: Instant) -> Option<Self> {
        let proxied = Proxied::of(view)?;
        let forgets = |action: &TrafficAction| {
            matches!(
                action,
                TrafficAction::FlushFirewall { .. } | TrafficAction::FlushConntrack { .. }
            )
        };
        let (end, at) = done_to(view, proxied.node, proxied.syn_ack.at, forgets)?;
        if at > until {
            return None;
        }
        Some(Self { proxied, end, at })
    }

    fn text(&self) -> Bilingual {
        bilingual!(
            "The connection began through the firewall of {server}, which opened it with a number of its own \
             (step {step}); from then on conntrack translated between that and the server's \
             numbers, until step {end} ({ended})."
                / "这条连接经由 {server} 的防火墙建立，防火墙以自己的序号开始它（步骤 {step}）；此后 conntrack 一直在它与服务器的序号之间转换，\
                   直到步骤 {end}（{ended}）。",
            server = self.proxied.server,
            step = self.proxied.step.number,
            end = self.end.number,
            ended = doing(&self.end.action),
        )
    }

    fn shown_by(&self) -> Vec<Citation> {
        cites![self.proxied.step, self.end]
    }
}
