//! The client's own firewall. What it keeps out has passed the client's interface before
//! (`__netif_receive_skb_core` hands a frame to packet sockets first), and what it holds back never gets
//! there.

use super::super::advice::about_firewalls;
use super::super::bilingual::operation;
use super::chosen::NFT;
use super::client::end_event;
use super::firewall::{REJECT_ICMP, REJECT_RST};
use super::prelude::*;
use lvs_matrix_model::action::{Chain, FirewallVerdict};
use lvs_matrix_model::verdict::{Behaviour, Discarded, DiscardedKind, HeldBack, Reason};

const TAPS: Source = Source::of("__netif_receive_skb_core", "net/core/dev.c");
const HOOK: Source = Source::of("nf_hook_slow", "net/netfilter/core.c");
const TCP_RESET: Source = Source::of("tcp_reset", "net/ipv4/tcp_input.c");

// Linux's numbers.
const ECONNRESET: u16 = 104;
const ETIMEDOUT: u16 = 110;
const ECONNREFUSED: u16 = 111;

/// What answers reaches the interface, and not TCP.
pub(super) const KEEPS_OUT: Rule = Rule {
    name: "own-firewall-keeps-out",
    explains: Explains::Silence,
    sources: sources![TAPS, NFT, REJECT_ICMP, REJECT_RST],
    holds: |view| {
        let kept_out = |segment: &&Discarded| match (segment.why, segment.kind) {
            (Reason::OwnFirewall { .. }, DiscardedKind::SynAck | DiscardedKind::Payload { .. }) => true,
            (
                Reason::OwnFirewall { .. },
                DiscardedKind::Rst | DiscardedKind::Fin | DiscardedKind::Acknowledgement,
            ) => false,
            (Reason::Unexpected | Reason::Ended | Reason::NotAcknowledged, _) => false,
        };
        let all: Vec<&Discarded> = view.observed.discarded.iter().filter(kept_out).collect();
        let first = all.first()?;
        let Reason::OwnFirewall { step } = first.why else {
            return None;
        };
        let verdict = verdict_of(view, step, Chain::Input)?;
        let same = all.iter().filter(|segment| segment.kind == first.kind);
        let by = first.by.as_ref().map_or_else(Bilingual::default, |by| {
            bilingual!(" from {by}" / "（来自 {by}）")
        });
        let did = match verdict {
            FirewallVerdict::Drop => bilingual!(
                "dropped it and told nobody. The client's TCP waits as if nothing had come"
                    / "将其丢弃，不通知任何人。客户端的 TCP 继续等待，如同什么都没有到达"
            ),
            FirewallVerdict::Reject => bilingual!(
                "rejected it: an ICMP error goes back to the sender. The client's own TCP learns of neither \
                 and waits as if nothing had come"
                    / "将其拒绝：ICMP 错误发回给发送方。客户端自己的 TCP 对两者都不知情，继续等待，如同什么都没有到达"
            ),
            FirewallVerdict::TcpReset => bilingual!(
                "rejected it: an RST goes back in the client's name, and ends the connection for the real \
                 server. The client's own TCP learns of neither and waits as if nothing had come"
                    / "将其拒绝：以客户端的名义发回 RST，真实服务器的连接因此结束。客户端自己的 TCP 对两者都不知情，继续等待，如同\
                       什么都没有到达"
            ),
        };
        Some(Finding {
            at: first.at,
            text: bilingual!(
                "The {kind}{by} reached the client's interface {times} (first packet {packet} on client), \
                 where the capture sees it. Then it met the client's own firewall (step {step}), which {did}."
                    / "{kind}{by}到达客户端的网卡 {times}（首次为 client 上的数据包 {packet}），抓包在那里看到它。随后它遇到客户端自己的\
                       防火墙（步骤 {step}），防火墙{did}。",
                kind = segment_kind(first.kind),
                by = by,
                times = times(same.count()),
                packet = first.packet,
                did = did,
            ),
            shown_by: cites![..all, Citation::Step(step)],
            claims: Vec::new(),
            advice: and_patience(about_firewalls(view)),
        })
    },
};

/// A SYN-ACK or payload in words, as evidence has it.
fn segment_kind(kind: DiscardedKind) -> Bilingual {
    match kind {
        DiscardedKind::SynAck | DiscardedKind::Rst | DiscardedKind::Fin => {
            let kind = kind.to_string();
            bilingual!("{kind}" / "{kind}")
        }
        DiscardedKind::Acknowledgement => bilingual!("acknowledgement" / "确认"),
        DiscardedKind::Payload { length } => bilingual!("answer of {length} bytes" / "{length} 字节的应答"),
    }
}

fn verdict_of(view: &CellView<'_>, step: u32, chain: Chain) -> Option<FirewallVerdict> {
    let rules = view.firewall(view.end()).into_iter();
    let own = rules.filter(|(_, node, of, _)| **node == Node::Client && *of == chain);
    own.filter(|(made, ..)| made.number == step)
        .map(|(.., verdict)| verdict)
        .next()
}

/// What the client sends does not leave it.
pub(super) const HOLDS_BACK: Rule = Rule {
    name: "own-firewall-holds-back",
    explains: Explains::Silence,
    sources: sources![
        NFT, HOOK, tcp_output: "tcp_connect", tcp_output: "tcp_write_xmit", tcp_output: "tcp_send_probe0",
    ],
    holds: |view| {
        let held_back = unsent(view)?;
        if !matches!(view.observed.behaviour, Behaviour::Hung { .. }) {
            return None;
        }
        let goes_on = if view.is_connect() {
            bilingual!(
                "The refusal (EPERM) is no error of the connection: TCP takes it for a loss and sends its \
                 SYN again"
                    / "这一拒绝（EPERM）并不是连接的错误：TCP 把它当作丢包，继续重传 SYN"
            )
        } else {
            bilingual!(
                "The refusal (EPERM) is no error of the connection: the statement stays in the socket's \
                 queue as if it had not been sent, and TCP tries again whenever its probe timer runs out \
                 (`persist` in ss)"
                    / "这一拒绝（EPERM）并不是连接的错误：语句留在套接字的队列里，如同没有发送，TCP 在探测定时器（ss 中的 `persist`）每次到期时\
                       再试"
            )
        };
        Some(Finding {
            at: view.operation.began,
            text: bilingual!(
                "{text} {goes_on}." / "{text}{goes_on}。",
                text = did_not_leave(view, held_back),
                goes_on = goes_on,
            ),
            shown_by: cites![held_back],
            claims: Vec::new(),
            advice: sooner(view),
        })
    },
};

/// What ends the wait for something that does not leave the client. Keepalive does not: it sends no probe
/// while something waits to be sent (net/ipv4/tcp_timer.c, `tcp_keepalive_timer`).
fn sooner(view: &CellView<'_>) -> Vec<Advice> {
    let mut advice = about_firewalls(view);
    if view.is_connect() {
        advice.extend([Advice::ConnectTimeout, Advice::FewerSynRetries]);
    } else {
        advice.extend([Advice::UserTimeout, Advice::ReadTimeout]);
    }
    advice
}

/// The client's own firewall held the request back, and all of what was sent for it.
fn unsent(view: &CellView<'_>) -> Option<HeldBack> {
    let held_back = view.observed.held_back?;
    view.request().is_none().then_some(held_back)
}

fn did_not_leave(view: &CellView<'_>, held_back: HeldBack) -> Bilingual {
    let HeldBack { step, segments, .. } = held_back;
    let what = if view.is_connect() {
        bilingual!("SYN" / "的 SYN 报文段")
    } else {
        operation(&view.operation.what)
    };
    bilingual!(
        "The client's {what} did not leave it: its own firewall (step {step}) stands before the interface, \
         so that no capture shows it. The kernel's counter of the rule does: it has met {times} of the \
         client's segments by the end."
            / "客户端{what}没有离开客户端：它自己的防火墙（步骤 {step}）位于网卡之前，所以没有抓包能看到它。内核对该规则的计数表明了这一点：\
               到结束时共遇到客户端的 {times} 个报文段。",
        what = what,
        times = segments,
    )
}

/// A rule that rejects answers the client itself.
pub(super) const REFUSES: Rule = Rule {
    name: "own-firewall-refuses",
    explains: Explains::Error,
    sources: sources![NFT, REJECT_ICMP, REJECT_RST, TCP_RESET],
    holds: |view| {
        let held_back = unsent(view)?;
        let errno = view.observed.error.as_ref()?.errno?;
        let (by, error) = match (held_back.verdict, errno, view.is_connect()) {
            (FirewallVerdict::Reject, ECONNREFUSED, true) => (
                bilingual!("an ICMP error" / " ICMP 错误"),
                bilingual!(
                    "To a socket that is connecting this is final: ECONNREFUSED"
                        / "对正在建立连接的套接字来说这是最终结果：ECONNREFUSED"
                ),
            ),
            (FirewallVerdict::TcpReset, ECONNREFUSED, true) => (
                bilingual!("an RST" / " RST "),
                bilingual!(
                    "To a socket that is connecting this is final: ECONNREFUSED"
                        / "对正在建立连接的套接字来说这是最终结果：ECONNREFUSED"
                ),
            ),
            (FirewallVerdict::TcpReset, ECONNRESET, false) => (
                bilingual!("an RST" / " RST "),
                bilingual!(
                    "That ends the connection for the client at once: ECONNRESET; the real server does not \
                     learn of it"
                        / "客户端的连接立刻结束：ECONNRESET；真实服务器对此不知情"
                ),
            ),
            (
                FirewallVerdict::Drop | FirewallVerdict::Reject | FirewallVerdict::TcpReset,
                _,
                true | false,
            ) => {
                return None;
            }
        };
        Some(Finding {
            at: view.operation.began,
            text: bilingual!(
                "{text} The rule answered the client itself, over its own loopback, with {by}. {error}."
                    / "{text}该规则经由客户端自己的环回接口，以{by}应答客户端自己。{error}。",
                text = did_not_leave(view, held_back),
                by = by,
                error = error,
            ),
            shown_by: cites![held_back, end_event(view)?],
            ..Finding::default()
        })
    },
};

/// TCP gives up what never left the client.
pub(super) const GIVES_UP: Rule = Rule {
    name: "own-firewall-until-tcp-gives-up",
    explains: Explains::Error,
    sources: sources![
        tcp_timer: "tcp_write_timeout", tcp_timer: "tcp_probe_timer", tcp_timer: "tcp_write_err",
    ],
    holds: |view| {
        let held_back = unsent(view)?;
        let errno = view.observed.error.as_ref()?.errno?;
        let ended = view.operation.ended?;
        let (key, what) = if view.is_connect() {
            ("net.ipv4.tcp_syn_retries", bilingual!("SYNs" / " SYN "))
        } else {
            ("net.ipv4.tcp_retries2", bilingual!("probes" / "探测"))
        };
        let limit = view.sysctl(&Node::Client, key, view.operation.began)?;
        let error = match (held_back.verdict, errno) {
            (FirewallVerdict::Drop, ETIMEDOUT) => bilingual!("It reports ETIMEDOUT" / "它报告 ETIMEDOUT"),
            // `sk_err_soft`: to an established connection an ICMP error is none, until TCP gives up.
            (FirewallVerdict::Reject, ECONNREFUSED) if !view.is_connect() => bilingual!(
                "It reports the error that the rule's ICMP errors had told it before: ECONNREFUSED"
                    / "它报告的是此前由该规则的 ICMP 错误得知的错误：ECONNREFUSED"
            ),
            (FirewallVerdict::Drop | FirewallVerdict::Reject | FirewallVerdict::TcpReset, _) => return None,
        };
        Some(Finding {
            at: ended,
            text: bilingual!(
                "The client's TCP gave up when {key}={limit} allowed no more {what}, none of which had left \
                 the client. {error}."
                    / "{key}={limit} 不再允许更多的{what}时，客户端的 TCP 放弃；它们都没有离开客户端。{error}。",
                what = what,
                error = error,
            ),
            shown_by: cites![held_back, end_event(view)?],
            claims: Vec::new(),
            advice: sooner(view),
        })
    },
};
