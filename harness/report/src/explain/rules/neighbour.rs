//! Neighbours that do not answer to ARP.

use super::super::advice::Advice;
use super::super::case::Case;
use super::super::moment;
use super::super::passage::Seen;
use super::super::told::told;
use super::director::first;
use super::{Explains, Finding, Rule, tcp};
use crate::explain::Source;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::{Body, Packet};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::verdict::{Citation, TerminatorKind};

const NEIGHBOUR: Source = Source {
    function: "neigh_timer_handler",
    file: "net/core/neighbour.c",
};
const ARP_FAILURE: Source = Source {
    function: "arp_error_report",
    file: "net/ipv4/arp.c",
};
const EHOSTUNREACH: u16 = 113;
/// RFC 792.
pub(super) const HOST_UNREACHABLE: u8 = 1;

/// The director cannot find its server's Ethernet address.
pub(super) const NO_NEIGHBOUR: Rule = Rule {
    name: "no-neighbour",
    explains: Explains::Error,
    sources: &[NEIGHBOUR, ARP_FAILURE, tcp("tcp_v4_err")],
    holds: |case| {
        let request = case.request().filter(|_| case.is_connect())?;
        case.observed
            .error
            .as_ref()?
            .errno
            .filter(|errno| *errno == EHOSTUNREACH)?;
        let ended = case.operation.ended?;
        let unreachable = case
            .terminator(TerminatorKind::Icmp { code: HOST_UNREACHABLE })
            .filter(|item| item.by == Some(Node::Director));
        let (asked, silent, text, mut shown_by) = if let Some(unreachable) = unreachable {
            let (node, address) = case.plan.real_servers().find_map(|(name, host)| {
                let node = Node::RealServer(name.clone());
                unanswered_arp(case, &Node::Director, Some(host.address), request.sent.at)?;
                Some((node, host.address))
            })?;
            let asked = unanswered_arp(case, &Node::Director, Some(address), request.sent.at)?;
            let text = told!(
                "The director asked for the Ethernet address of {node} ({asked} on director) and nobody answered. After three \
                 requests the kernel gives a neighbour up, and the segments that waited for it are answered with an ICMP host \
                 unreachable (packet {unreachable} on client)."
                    / "调度器询问 {node} 的以太网地址（director 上的{asked}），无人应答。三次询问之后内核放弃该邻居，等候它的报文段得到 \
                       ICMP host unreachable 应答（client 上的数据包 {unreachable}）。",
                asked = first(Seen::from(asked)),
                unreachable = unreachable.packet,
            );
            let silent = node.real_server().cloned();
            (asked, silent, text, vec![Citation::Packet(unreachable.packet)])
        } else {
            let asked = unanswered_arp(case, &Node::Client, Some(case.plan.vip), request.sent.at)?;
            let text = told!(
                "The client asked for the Ethernet address of the VIP ({asked} on client) and nobody answered: after three requests \
                 its kernel gives the neighbour up and tells its own TCP that the host is unreachable."
                    / "客户端询问 VIP 的以太网地址（client 上的{asked}），无人应答：三次询问之后其内核放弃该邻居，并告诉自己的 TCP 主机\
                       不可达。",
                asked = first(Seen::from(asked)),
            );
            (asked, None, text, Vec::new())
        };
        shown_by.insert(0, Citation::Packet(asked.number));
        Some(Finding {
            at: ended,
            text: told!(
                "{text} To a socket that is connecting that is final: EHOSTUNREACH, {ended}."
                    / "{text}对正在建立连接的套接字来说，这是最终结果：{ended}报告 EHOSTUNREACH。",
                text = text,
                ended = moment(ended),
            ),
            shown_by,
            advice: silent
                .map(|server| Advice::HealthCheck { server })
                .into_iter()
                .collect(),
        })
    },
};

/// The last ARP request of a host for an address since then, if no reply came after it.
pub(super) fn unanswered_arp<'a>(
    case: &Case<'a>,
    host: &Node,
    address: Option<std::net::IpAddr>,
    since: Instant,
) -> Option<&'a Packet> {
    let own = case.plan.host(host)?;
    let asked = case.seen_on(host).filter(|packet| {
        let asks = matches!(packet.body, Body::Arp { request: true, target, .. } if Some(target) == address);
        asks && packet.source_mac == own.mac && since <= packet.at && packet.at <= case.end()
    });
    let last = asked.last()?;
    let answered = case.seen_on(host).any(|packet| {
        let answers = matches!(packet.body, Body::Arp { request: false, sender, .. } if Some(sender) == address);
        answers && packet.number > last.number && packet.at <= case.end()
    });
    (!answered).then_some(last)
}
