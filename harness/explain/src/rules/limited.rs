//! Refusals that a host holds back, because it has sent too many of them.

use super::super::icmp::PORT_UNREACHABLE;
use super::prelude::*;
use super::thresholds::nobody_to_choose;
use lvs_matrix_model::capture::flow::unreachable;

/// So many errors a host sends to one destination at once; then one a second (`XRLIM_BURST_FACTOR` in
/// net/ipv4/inetpeer.c; the default of `icmp_ratelimit`, `icmpv6_time` in net/ipv6/icmp.c).
const BURST: usize = 6;

const LIMITS: [&str; 2] = ["net.ipv4.icmp_ratelimit", "net.ipv6.icmp.ratelimit"];

/// A SYN for which no server is there gets no refusal, because the director has sent its share of them.
pub(super) const HELD_BACK: Rule = Rule {
    name: "refusal-held-back",
    explains: Explains::Circumstance,
    sources: sources![
        core: "ip_vs_leave", "net/ipv4/icmp.c": "icmpv4_xrlim_allow", "net/ipv6/icmp.c": "icmpv6_xrlim_allow",
        "net/ipv4/inetpeer.c": "inet_peer_xrlim_allow",
    ],
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect())?;
        let arrived = request.stopped_at_director()?;
        let code = PORT_UNREACHABLE;
        let refusal = view.terminator(TerminatorKind::Icmp { code });
        let refusal = refusal.filter(|refusal| refusal.by.as_ref() == Some(view.director()))?;
        // The refusal is the answer to a repetition.
        let again = view
            .sendings()
            .skip(1)
            .find(|again| again.sent.packet < refusal.packet)?;
        let (table, servers) = nobody_to_choose(view, request.sent)?;
        let earlier = refusals_before(view, arrived.at);
        let (from, to) = (earlier.first()?, earlier.last()?);
        let off = LIMITS.iter().any(|key| {
            let value = view.sysctl(view.director(), key, arrived.at);
            value.is_some_and(|value| value.trim() == "0")
        });
        if earlier.len() < BURST || off {
            return None;
        }
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The client's first SYN arrived at the director ({arrived} on director), whose virtual \
                 service had {servers}. IPVS had the SYN refused, but no refusal left the director: it had \
                 sent {count} of them to this client just before (packets {from} to {to}), and Linux sends \
                 no more than six ICMP errors to one address at once, and then one a second \
                 (icmp_ratelimit). So the client's TCP sent its SYN again {later} later ({again} on client)."
                    / "客户端的第一个 SYN 到达调度器（director 上的{arrived}），其虚拟服务中{servers}。IPVS 要拒绝它，但拒绝报文没有发出：调度器\
                       刚刚已向这个客户端发出 {count} 个（数据包 {from} 至 {to}），而 Linux 对同一地址一次最多发出六个 ICMP 差错报文，\
                       此后每秒一个（icmp_ratelimit）。于是客户端的 TCP 在 {later} 后再次发送 SYN（client 上的{again}）。",
                arrived = first(arrived),
                servers = servers,
                count = earlier.len(),
                from = from,
                to = to,
                later = Human(again.sent.at.since(request.sent.at)),
                again = first(again.sent),
            ),
            shown_by: cites![
                table,
                request.sent,
                arrived,
                Citation::Packet(*from),
                Citation::Packet(*to),
                again.sent
            ],
            ..Finding::default()
        })
    },
};

/// The refusals that had left the director for the client by this moment, by their packets on the client's
/// interface.
fn refusals_before(view: &CellView<'_>, at: Instant) -> Vec<u32> {
    let of_director = |sender: Option<&Node>| sender == Some(view.director());
    view.seen_on(&Node::Client)
        .filter(|seen| seen.at < at && of_director(view.sender(seen)))
        .filter(|seen| unreachable(seen).is_some_and(|(code, _)| code == PORT_UNREACHABLE))
        .map(|seen| seen.number)
        .collect()
}
