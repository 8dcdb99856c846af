//! Stateful firewalls: what they drop because conntrack does not know the connection. What conntrack takes a
//! packet for is worked out by `model::verdict::conntrack`; that the firewall dropped something, the counter
//! of its rule shows.

use super::super::fate::claims as fated;
use super::chosen::NFT;
use super::prelude::*;
use lvs_matrix_model::action::{Chain, NewConnections};
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::lab::Stateful;
use lvs_matrix_model::record::{AtEnd, StepRecord};
use lvs_matrix_model::verdict::conntrack::{Conntrack, ESTABLISHED, Met, Passing, Taken, Unknown};
use lvs_matrix_model::verdict::{Discarded, Reason};

const TCP_NEW: Source = Source::of("tcp_new", "net/netfilter/nf_conntrack_proto_tcp.c");
const TCP_PACKET: Source = Source::of(
    "nf_conntrack_tcp_packet",
    "net/netfilter/nf_conntrack_proto_tcp.c",
);
const CT_STATE: Source = Source::of("nft_ct_get_eval", "net/netfilter/nft_ct.c");
const NOTRACK: Source = Source::of("ip_vs_notrack", "include/net/ip_vs.h");

/// A stateful firewall that dropped something, with its step, and how much.
struct Guard<'a> {
    firewall: Stateful<'a>,
    step: &'a StepRecord,
    dropped: u64,
}

impl<'a> Guard<'a> {
    fn all(view: &CellView<'a>) -> Vec<Self> {
        let state = view.record.state_at(view.end());
        let guards = state.stateful().filter_map(|firewall| {
            let (step, _) = view.step(firewall.step)?;
            match step.at_end {
                Some(AtEnd::InForce {
                    packets: Some(dropped),
                    ..
                }) if dropped > 0 => Some(Self {
                    firewall,
                    step,
                    dropped,
                }),
                Some(AtEnd::InForce { .. } | AtEnd::Gone { .. }) | None => None,
            }
        });
        guards.collect()
    }

    /// What of the connection came by at its host since a moment, and met it.
    fn met(&self, view: &CellView<'_>) -> Vec<Met> {
        let node = self.firewall.node;
        let (Some(mut conntrack), Some(first)) = (Conntrack::of(view.record, node), view.sent.first()) else {
            return Vec::new();
        };
        let all = passing(view, node, first.sent.packet);
        all.into_iter()
            .flat_map(|passing| conntrack.meets(passing))
            .filter(|met| met.step == self.firewall.step)
            .collect()
    }

    /// Which chain of which firewall, in words.
    fn says(&self) -> Bilingual {
        let Stateful { node, chain, .. } = self.firewall;
        bilingual!(
            "the stateful firewall of the {chain} chain of {node}" / " {node} 的 {chain} 链中的有状态防火墙",
            chain = chain.as_str(),
        )
    }

    /// Why conntrack takes a packet for what it does, and what the firewall makes of that.
    fn why(&self, taken: Taken) -> Option<(Bilingual, Vec<Citation>)> {
        let node = self.firewall.node;
        let lets = match self.firewall.new {
            NewConnections::Any => bilingual!("all" / "全部放行"),
            NewConnections::Syn => bilingual!("a SYN only" / "只放行 SYN"),
            NewConnections::None => bilingual!("none" / "一律不放行"),
        };
        let mut shown_by = Vec::new();
        let lost = |unknown: Unknown, shown_by: &mut Vec<Citation>| match unknown {
            Unknown::NeverSeen => bilingual!(
                "The connection tracking of {node} has seen nothing of this connection before"
                    / "{node} 的连接跟踪此前没有见过这个连接"
            ),
            Unknown::TimedOut { after, idle } => bilingual!(
                "The connection tracking of {node} keeps a connection for {after} after its last packet \
                 ({key}), and for {idle} none had come by"
                    / "{node} 的连接跟踪在最后一个数据包之后保留连接 {after}（{key}），而已有 {idle} 没有数据包经过",
                after = Human(after),
                idle = Human(idle),
                key = ESTABLISHED,
            ),
            Unknown::Flushed { step } => {
                shown_by.push(Citation::Step(step));
                bilingual!(
                    "The connection tracking of {node} had forgotten the connection (step {step})"
                        / "{node} 的连接跟踪已忘掉这个连接（步骤 {step}）"
                )
            }
            Unknown::NotKept => bilingual!(
                "With vs/conntrack=0 IPVS takes whatever it forwards out of connection tracking, which \
                 therefore knows no connection of the service"
                    / "vs/conntrack=0 时，IPVS 把所转发的数据包都移出连接跟踪，因此连接跟踪不知道该服务的任何连接"
            ),
            Unknown::Refused => bilingual!(
                "What would have told the connection tracking of {node} of this connection the firewall had \
                 dropped"
                    / "本可让 {node} 的连接跟踪得知这个连接的数据包，已被该防火墙丢弃"
            ),
        };
        let text = match taken {
            Taken::Known => return None,
            Taken::New(unknown) => bilingual!(
                "{lost}. So this looks to it like the beginning of a connection (`ct state new`). Of those \
                 the firewall passes {lets}."
                    / "{lost}。因此在它看来这是一个新连接的开头（`ct state new`）。对这样的报文段，该防火墙{lets}。",
                lost = lost(unknown, &mut shown_by),
                lets = lets,
            ),
            Taken::NoneBegins(unknown) => bilingual!(
                "{lost}. This belongs to no connection that it knows, and begins none (`ct state invalid`)."
                    / "{lost}。它既不属于已知的连接，也不能开始一个连接（`ct state invalid`）。",
                lost = lost(unknown, &mut shown_by),
            ),
            Taken::HalfSeen => bilingual!(
                "The connection tracking of {node} has seen the client's SYN, and not the SYN-ACK, which \
                 went to the client past {node}. What the client sends before a SYN-ACK, and is no SYN, is \
                 wrong to it (`ct state invalid`)."
                    / "{node} 的连接跟踪见过客户端的 SYN，却没有见过 SYN-ACK，后者没有经过 {node}。在它看来，客户端在 SYN-ACK 之前发送的、\
                       除 SYN 以外的报文段都是无效的（`ct state invalid`）。"
            ),
            Taken::Untracked => bilingual!(
                "With vs/conntrack=0 IPVS takes whatever it forwards out of connection tracking before it \
                 sends it on: to this chain it is `untracked`, and neither known nor new."
                    / "vs/conntrack=0 时，IPVS 在转发之前把数据包移出连接跟踪：对这条链来说它是 `untracked`，既不是已知的，也不是新的。"
            ),
        };
        Some((text, shown_by))
    }
}

/// What of the connection came by at a host, from a packet on. Of what the director passes on, as it came.
fn passing<'a>(view: &CellView<'a>, node: &Node, from: u32) -> Vec<Passing<'a>> {
    let (client, port) = match node {
        Node::Client => view.client,
        Node::Director(_) | Node::Probe | Node::Router | Node::RealServer(_) => view.known_as,
    };
    let seen = view.seen_on(node).filter(|packet| packet.number >= from);
    seen.filter_map(|packet| {
        let (source, destination, segment) = segment(packet)?;
        let by_client = source == client && segment.source_port == port;
        let to_client = destination == client && segment.destination_port == port;
        let own = view.sender(packet) == Some(node);
        (by_client || to_client).then_some(())?;
        (!node.is_director() || !own).then_some(Passing {
            packet: packet.number,
            at: packet.at,
            by_client,
            segment,
        })
    })
    .collect()
}

/// What the client sends does not get through, or what is sent to it.
pub(super) const DROPS: Rule = Rule {
    name: "stateful-firewall-drops",
    explains: Explains::Silence,
    sources: sources![CT_STATE, TCP_NEW, TCP_PACKET, NOTRACK, NFT],
    holds: |view| Guard::all(view).iter().find_map(|guard| dropped(view, guard)),
};

fn dropped(view: &CellView<'_>, guard: &Guard<'_>) -> Option<Finding> {
    let request = view.request()?;
    let node = guard.firewall.node;
    let since = request.sent;
    let (at, text, taken, mut shown_by, claims) = match (node, guard.firewall.chain) {
        (Node::Client, Chain::Output | Chain::Forward)
        | (Node::RealServer(_), Chain::Forward)
        | (Node::Router | Node::Probe, _) => {
            return None;
        }
        (Node::Client, Chain::Input) => {
            let kept_out = view.observed.discarded.iter().find(|item| {
                item.why
                    == Reason::OwnFirewall {
                        step: guard.step.number,
                    }
                    && item.at >= since.at
            })?;
            let met = guard
                .met(view)
                .into_iter()
                .find(|met| met.packet == kept_out.packet)?;
            let text = kept_out_says(guard, kept_out);
            (
                kept_out.at,
                text,
                met.taken,
                vec![Citation::Packet(kept_out.packet)],
                Vec::new(),
            )
        }
        (Node::Director(_), Chain::Input | Chain::Output) | (Node::RealServer(_), Chain::Input) => {
            let met = guard
                .met(view)
                .into_iter()
                .filter(|met| met.dropped && met.by_client);
            let stopped = |met: &Met| {
                let mut all = view.since_request().iter();
                all.find(|passage| match node {
                    Node::Director(_) => passage
                        .stopped_at_director()
                        .is_some_and(|seen| seen.packet == met.packet),
                    Node::Client | Node::Probe | Node::Router | Node::RealServer(_) => passage
                        .reached
                        .as_ref()
                        .is_some_and(|(seen, at)| at == node && seen.packet == met.packet),
                })
            };
            let all: Vec<(Met, &Passage<'_>)> = met.filter_map(|met| Some((met, stopped(&met)?))).collect();
            let (first_met, head) = all.first()?;
            let seen = Seen {
                packet: first_met.packet,
                at: first_met.at,
            };
            let came = match node.real_server() {
                Some(server) => bilingual!("reached {server}" / "到达 {server}"),
                None => bilingual!("arrived at the director" / "到达调度器"),
            };
            let text = bilingual!(
                "The client's {what} {came} ({seen} on {node}), where {guard} dropped it; {count} packets by \
                 the end."
                    / "客户端{what}{came}（{node} 上的{seen}），被{guard}丢弃；到结束时共 {count} 个数据包。",
                what = view.kind(head),
                came = came,
                seen = first(seen),
                guard = guard.says(),
                count = guard.dropped,
            );
            let half = view.is_connect() && !head.segment.flags.syn && view.plan.mysqlds().next().is_some();
            let then = match (half, view.server()) {
                (true, Some(server)) => bilingual!(
                    " To the client the connection is established, to {server} it is not: the client waits \
                     for a greeting that {server} does not send."
                        / "在客户端看来连接已经建立，在 {server} 看来还没有：客户端等待 {server} 不会发送的问候报文。"
                ),
                (true, None) | (false, _) => Bilingual::default(),
            };
            let text = bilingual!("{text}{then}" / "{text}{then}", text = text, then = then);
            let sent = all.iter().map(|(_, passage)| passage.sent.packet);
            let claims = fated(sent, &Fate::Filtered(node.clone()));
            (head.sent.at, text, first_met.taken, vec![packet(seen)], claims)
        }
        (Node::Director(_), Chain::Forward) => {
            let met = guard.met(view);
            let back = || met.iter().filter(|met| !met.by_client && met.at >= since.at);
            let head = back().find(|met| met.dropped)?;
            // What is heard after that is an answer.
            if back().any(|met| met.packet > head.packet && !met.dropped) {
                return None;
            }
            let (seen, taken) = (
                Seen {
                    packet: head.packet,
                    at: head.at,
                },
                head.taken,
            );
            let (_, server) = request.at_server()?;
            let text = bilingual!(
                "An answer of {server} came back to the director ({seen} on director), where {guard} \
                 dropped it; {count} packets by the end."
                    / "{server} 的应答回到调度器（director 上的{seen}），被{guard}丢弃；到结束时共 {count} 个数据包。",
                seen = first(seen),
                guard = guard.says(),
                count = guard.dropped,
            );
            let claims = fated([request.sent.packet], &Fate::delivered(server));
            (seen.at, text, taken, vec![packet(seen)], claims)
        }
        (Node::RealServer(server), Chain::Output) => {
            let (reached, _) = request.at_server().filter(|(_, at)| *at == server)?;
            let due = view.operation.due.max(reached.at);
            if view
                .sent_by(server)
                .any(|(packet, said)| packet.at >= due && said.payload_length > 0)
            {
                return None;
            }
            let mut conntrack = Conntrack::of(view.record, node)?;
            let begun = view.sent.first()?.sent.packet;
            for passing in passing(view, node, begun) {
                if passing.at <= due {
                    conntrack.meets(passing);
                }
            }
            let taken = conntrack.would_take(due, false);
            let text = bilingual!(
                "The client's {what} reached {server} ({seen} there), and what {server} answers {guard} \
                 drops before it leaves; {count} packets by the end."
                    / "客户端{what}到达 {server}（{server} 上的{seen}），而 {server} 的应答在离开之前被{guard}丢弃；到结束时共 {count} \
                       个数据包。",
                what = view.carrier(),
                seen = first(*reached),
                guard = guard.says(),
                count = guard.dropped,
            );
            let claims = fated([request.sent.packet], &Fate::delivered(server));
            (reached.at, text, taken, vec![packet(*reached)], claims)
        }
    };
    let (why, more) = guard.why(taken)?;
    shown_by.push(Citation::Step(guard.step.number));
    shown_by.extend(more);
    Some(Finding {
        at,
        text: bilingual!("{text} {why}" / "{text}{why}", text = text, why = why),
        shown_by,
        claims,
        advice: patience(),
    })
}

fn kept_out_says(guard: &Guard<'_>, kept_out: &Discarded) -> Bilingual {
    let by = kept_out.by.as_ref().map_or_else(Bilingual::default, |by| {
        bilingual!(" from {by}" / "（来自 {by}）")
    });
    bilingual!(
        "An answer{by} reached the client's interface (packet {packet} on client). Behind that {guard} \
         dropped it; {count} packets by the end. The client's TCP waits as if nothing had come."
            / "应答{by}到达客户端的网卡（client 上的数据包 {packet}）；在它之后，被{guard}丢弃；到结束时共 {count} 个数据包。客户端的 TCP \
               继续等待，如同什么都没有到达。",
        by = by,
        packet = kept_out.packet,
        guard = guard.says(),
        count = guard.dropped,
    )
}
