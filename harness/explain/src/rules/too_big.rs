//! Packets that are too big for the way from the director to a real server, as those that a tunnel makes
//! larger, and whether the client learns of it.

use super::prelude::*;
use lvs_matrix_model::capture::Body;
use lvs_matrix_model::capture::decode::FRAGMENT;
use lvs_matrix_model::capture::flow::{TOO_BIG, TooBig, too_big};
use lvs_matrix_model::scenario::Forwarding;

const TCP_V4: Source = files::tcp("tcp_v4_mtu_reduced");
const TCP_V6: Source = Source::of("tcp_v6_mtu_reduced", "net/ipv6/tcp_ipv6.c");
const NFT: Source = Source::of("nft_do_chain", "net/netfilter/nf_tables_core.c");
const SIZES: Source = files::transmit("ensure_mtu_is_adequate");

/// What was too big, and what the director said of it.
struct Refused<'v, 'a> {
    /// The first of the client's segments that was too big.
    segment: &'v Passage<'a>,
    /// All of them.
    all: Vec<u32>,
    /// Where the director's ICMP error reached the client's interface.
    told: Seen,
    said: TooBig,
}

impl<'v, 'a> Refused<'v, 'a> {
    fn of(view: &'v CellView<'a>) -> Option<Self> {
        let refused =
            |passage: &&Passage<'_>| passage.answered == Some(TerminatorKind::Icmp { code: TOO_BIG });
        let all: Vec<&Passage<'_>> = view.since_request().iter().filter(refused).collect();
        let segment = *all.first()?;
        let (told, said) = view
            .seen_on(&Node::Client)
            .filter(|packet| packet.at >= segment.sent.at)
            .find_map(|packet| Some((Seen::from(packet), too_big(packet)?)))
            .filter(|(_, said)| said.quoted.1 == view.client.1)?;
        Some(Self {
            segment,
            all: all.iter().map(|passage| passage.sent.packet).collect(),
            told,
            said,
        })
    }

    /// The first segment after the error that the director passed on, and that carried something.
    fn passed(&self, view: &'v CellView<'a>) -> Option<(&'v Passage<'a>, Seen)> {
        let later = view
            .since_request()
            .iter()
            .filter(|passage| passage.sent.at >= self.told.at && passage.segment.payload_length > 0);
        let mut later = later.filter_map(|passage| Some((passage, *passage.sent_to_server()?.0)));
        later.next()
    }

    /// "could not pass it on", as the director said it.
    fn told(&self) -> Bilingual {
        bilingual!(
            "The client's segment (packet {sent} on client) makes an IP packet that is larger than the \
             director can pass on, with what it puts around it. IPVS dropped it and answered with an ICMP \
             error, from the VIP's address: {mtu} bytes are the most ({told} on client)."
                / "客户端的报文段（client 上的数据包 {sent}）构成的 IP 包加上调度器添加的外层头之后超过了可转发的大小。IPVS 将其丢弃，并以 VIP 为源地址\
                   发出 ICMP 错误：最大为 {mtu} 字节（client 上的{told}）。",
            sent = self.segment.sent.packet,
            mtu = self.said.mtu,
            told = first(self.told),
        )
    }

    /// What makes segments smaller, or lets the client learn that they must be.
    fn smaller(&self, view: &CellView<'_>) -> Vec<Advice> {
        let headers = if view.plan.vip().is_ipv6() { 60 } else { 40 };
        let mtu = u16::try_from(self.said.mtu).unwrap_or(u16::MAX);
        let clamp = view.server().map(|server| Advice::ClampMss {
            server: server.clone(),
            size: mtu.saturating_sub(headers),
        });
        let all = [Advice::LetIcmpPass].into_iter().chain(clamp);
        all.chain([Advice::ServerMtu(mtu), Advice::MtuProbing, Advice::NoPmtuDisc])
            .collect()
    }

    fn shown_by(&self) -> Vec<Citation> {
        let all = self.all.iter().map(|number| Citation::Packet(*number));
        all.chain([packet(self.told)]).collect()
    }

    fn claims(&self) -> Vec<super::super::claim::Claim> {
        claims(self.all.iter().copied(), &Fate::TooBig)
    }
}

/// The client learns the size, and sends smaller segments.
pub(super) const LEARNED: Rule = Rule {
    name: "smaller-segments",
    explains: Explains::Answer,
    sources: sources![SIZES, TCP_V4, TCP_V6],
    holds: |view| {
        let refused = Refused::of(view)?;
        if view.filters_icmp(refused.told.at).is_some() {
            return None;
        }
        let (_, passed) = refused.passed(view)?;
        let (answer, _) = view.answers().find(|(packet, _)| packet.at >= passed.at)?;
        Some(Finding {
            at: refused.told.at,
            text: bilingual!(
                "{told} The client's TCP took that for the MTU of the way and sent the data again in smaller \
                 segments, which the director passed on ({passed} on director). So the client was answered \
                 (packet {answer} on client)."
                    / "{told}客户端的 TCP 把它作为路径的 MTU，以更小的报文段重发数据，调度器将其转发（director \
                       上的{passed}）。于是应答到达（client 上的数据包 {answer}）。",
                told = refused.told(),
                passed = first(passed),
                answer = answer.number,
            ),
            shown_by: cites![..refused.shown_by(), passed, answer],
            claims: refused.claims(),
            advice: Vec::new(),
        })
    },
};

/// The client's firewall drops what would tell the client the size.
pub(super) const UNHEARD: Rule = Rule {
    name: "icmp-filtered",
    explains: Explains::Silence,
    sources: sources![SIZES, NFT],
    holds: |view| {
        let refused = Refused::of(view)?;
        let step = view.filters_icmp(refused.told.at)?;
        if refused.passed(view).is_some() {
            return None;
        }
        Some(Finding {
            at: refused.told.at,
            text: bilingual!(
                "{told} The client's own firewall drops ICMP (step {step}), behind the interface where the \
                 capture sees it. So the client's TCP does not learn of the size. It takes the silence for a \
                 loss and sends segments of the same size again, {times} in all. Small statements fit, and \
                 are answered on such a way."
                    / "{told}客户端自己的防火墙丢弃 ICMP（步骤 {step}），抓包在它之前看到该报文。因此客户端的 TCP \
                       不知道该大小，把沉默当作丢包，以同样大小重发报文段，共 {times}。小语句放得下，在这样的路径上能得到应答。",
                told = refused.told(),
                times = times(refused.all.len()),
            ),
            shown_by: cites![..refused.shown_by(), Citation::Step(step)],
            claims: refused.claims(),
            advice: and_patience(refused.smaller(view)),
        })
    },
};

/// Nobody tells the client the size, and its TCP tries smaller segments by itself.
pub(super) const PROBED: Rule = Rule {
    name: "mtu-probing",
    explains: Explains::Answer,
    sources: sources![SIZES, NFT, tcp_timer: "tcp_mtu_probing"],
    holds: |view| {
        const KEY: &str = "net.ipv4.tcp_mtu_probing";
        let refused = Refused::of(view)?;
        let step = view.filters_icmp(refused.told.at)?;
        let value = view.sysctl(&Node::Client, KEY, refused.told.at)?;
        let (segment, passed) = refused.passed(view).filter(|_| value != "0")?;
        let (answer, _) = view.answers().find(|(packet, _)| packet.at >= passed.at)?;
        Some(Finding {
            at: passed.at,
            text: bilingual!(
                "{told} The client's own firewall drops ICMP (step {step}), and the client's TCP does not \
                 learn of the size. With {KEY}={value} it lowers the size by itself once tcp_retries1 \
                 retransmissions were in vain: a segment of {bytes} bytes was passed on ({passed} on \
                 director), and the client was answered (packet {answer} on client)."
                    / "{told}客户端自己的防火墙丢弃 ICMP（步骤 {step}），客户端的 TCP 不知道该大小。{KEY}={value} 时，在 tcp_retries1 \
                       次重传无效之后，TCP 自行减小报文段：{bytes} 字节的报文段被转发（director 上的{passed}），应答到达（client \
                       上的数据包 {answer}）。",
                told = refused.told(),
                bytes = segment.segment.payload_length,
                passed = first(passed),
                answer = answer.number,
            ),
            shown_by: cites![
                ..refused.shown_by(),
                Citation::Step(step),
                segment.sent,
                passed,
                answer
            ],
            claims: refused.claims(),
            advice: Vec::new(),
        })
    },
};

/// An answered request that the director sent to its real server in fragments.
struct Torn<'a> {
    server: &'a Name,
    arrived: Seen,
    /// The first fragment, the last one, and how many there are.
    head: Seen,
    tail: Seen,
    count: usize,
    answer: Seen,
}

impl<'a> Torn<'a> {
    fn of(view: &CellView<'a>) -> Option<Self> {
        let request = view.request()?;
        let arrived = request.arrived.filter(|_| request.passed_on.is_none())?;
        let server = view.server()?;
        if view.method(server) != Forwarding::Tunneling {
            return None;
        }
        let (answer, _) = view.answers().find(|(packet, _)| packet.at >= arrived.at)?;
        // What is sent in pieces is not put together again by the capture.
        let piece = |packet: &&Packet| {
            let torn = matches!(&packet.body, Body::Malformed { reason } if reason == FRAGMENT);
            torn && arrived.at <= packet.at && packet.at <= answer.at
        };
        let own = |packet: &&Packet| view.sender(packet) == Some(view.director());
        let pieces = view.seen_on(view.director()).filter(piece).filter(own);
        let pieces: Vec<Seen> = pieces.map(Seen::from).collect();
        Some(Self {
            server,
            arrived,
            head: *pieces.first()?,
            tail: *pieces.last()?,
            count: pieces.len(),
            answer: Seen::from(answer),
        })
    }

    /// How many fragments there were, and which.
    fn fragments(&self) -> Bilingual {
        bilingual!(
            "{count} fragments ({head} to {tail} on director)"
                / "{count} 个分片（director 上的{head}至{tail}）",
            count = self.count,
            head = first(self.head),
            tail = first(self.tail),
        )
    }

    fn finding(self, text: Bilingual) -> Finding {
        Finding {
            at: self.arrived.at,
            text,
            shown_by: cites![self.arrived, self.head, self.tail, self.answer],
            ..Finding::default()
        }
    }
}

const PMTU_DISC: &str = "net.ipv4.vs.pmtu_disc";

/// With pmtu_disc=0 the director puts what is too big into several packets.
pub(super) const IN_PIECES: Rule = Rule {
    name: "fragmented-in-the-tunnel",
    explains: Explains::Answer,
    sources: sources![
        SIZES, transmit: "ip_vs_tunnel_xmit", "net/ipv4/ip_output.c": "ip_do_fragment",
        "net/ipv4/ip_fragment.c": "ip_defrag",
    ],
    holds: |view| {
        let torn = Torn::of(view)?;
        let asked = view.sysctl(view.director(), PMTU_DISC, torn.arrived.at)?;
        if view.plan.vip().is_ipv6() || asked != "0" {
            return None;
        }
        let Torn { server, answer, .. } = torn;
        let text = bilingual!(
            "The client's {what} ({arrived} on director) makes IP packets that are larger than the way \
             to {server} takes, with what the tunnel puts around them. With {PMTU_DISC}=0 the director does \
             not say so by ICMP, and clears \"don't fragment\" of the outer packet: its kernel sent them \
             in {fragments}, which {server} put together again, and answered (packet {answer} on client)."
                / "客户端{what}（director 上的{arrived}）构成的 IP 包加上隧道的外层头之后，超过了通往 {server} 的大小限制。{PMTU_DISC}=0 \
                   时，调度器不以 ICMP 告知，并清除外层包的“不分片”标志：其内核发出 {fragments}，{server} \
                   将它们重组并应答（client 上的数据包 {answer}）。",
            what = view.carrier(),
            arrived = first(torn.arrived),
            fragments = torn.fragments(),
            answer = answer.packet,
        );
        Some(torn.finding(text))
    },
};

/// IPVS asks no size of several segments that come as one packet, and the kernel that cuts them apart later
/// fragments each, whatever it says of fragments.
pub(super) const UNASKED: Rule = Rule {
    name: "segments-past-the-size",
    explains: Explains::Answer,
    sources: sources![
        SIZES, transmit: "ip_vs_tunnel_xmit", "net/ipv4/ip_output.c": "ip_finish_output_gso",
        "net/ipv4/ip_fragment.c": "ip_defrag",
    ],
    holds: |view| {
        let torn = Torn::of(view)?;
        let asked = view.sysctl(view.director(), PMTU_DISC, torn.arrived.at);
        let bytes = view.request()?.segment.payload_length;
        // Of an IPv6 packet the size is asked for whatever the sysctl says.
        if bytes <= ONE_SEGMENT || (asked == Some("0") && !view.plan.vip().is_ipv6()) {
            return None;
        }
        let Torn { server, answer, .. } = torn;
        let text = bilingual!(
            "{bytes} bytes of the client's {what} reached the director as one packet that is yet to be \
             cut into segments (GSO; {arrived} on director). Each of these is larger than the way to \
             {server} takes, with what the tunnel puts around it. This kernel's IPVS does not ask that of \
             such a packet, and says nothing by ICMP: its kernel cut it apart and sent each segment in \
             fragments, though they are not to be fragmented: {fragments}. {server} put them together again, \
             and answered (packet {answer} on client). With 67bf42cae41d (Linux 7.1, and the stable lines \
             since 2026-05) IPVS drops such a packet, and answers with an ICMP error."
                / "客户端{what}的 {bytes} 字节作为一个尚待切分的包（GSO）到达调度器（director 上的{arrived}）。每个报文段加上隧道的外层头之后，\
                   都超过了通往 {server} 的大小限制。这个内核的 IPVS 对这种包不检查大小，\
                   也不以 ICMP 告知：内核切分它之后，把不许分片的各报文段仍以分片发出：{fragments}。{server} \
                   将它们重组并应答（client 上的数据包 {answer}）。自 67bf42cae41d（Linux \
                   7.1，以及 2026-05 以后的稳定版本）起，IPVS 会丢弃这种包，并以 ICMP 错误应答。",
            what = view.carrier(),
            arrived = first(torn.arrived),
            fragments = torn.fragments(),
            answer = answer.packet,
        );
        Some(torn.finding(text))
    },
};

/// The most that one segment carries with Ethernet's usual MTU: 1500 less the headers of IPv4 and TCP.
const ONE_SEGMENT: u32 = 1460;
