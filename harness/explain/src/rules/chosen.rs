//! Rules of a firewall that look at what their author says: at a rate, a number, chance. They take one
//! segment and let its repetition pass.

use super::prelude::*;
use lvs_matrix_model::action::{Action, Chain, FirewallVerdict, Matches, TrafficAction};
use lvs_matrix_model::record::StepRecord;

pub(super) const NFT: Source = Source::of("nft_do_chain", "net/netfilter/nf_tables_core.c");

/// The repetition of what the firewall dropped is answered.
pub(super) const LETS_PASS: Rule = Rule {
    name: "firewall-lets-a-repetition-pass",
    explains: Explains::Answer,
    sources: sources![
        NFT,
        tcp_timer: "tcp_retransmit_timer"
    ],
    holds: |view| {
        let rules = view.firewall(view.end());
        let mut drops = rules
            .iter()
            .filter(|(_, _, _, verdict)| *verdict == FirewallVerdict::Drop);
        drops.find_map(|(step, node, chain, _)| {
            let matches = own_match(step)?;
            let all: Vec<&Passage<'_>> = view.sendings().collect();
            let Partly { taken, passed } = Partly::of(view, step, node, *chain, &all)?;
            let (head, answer) = (taken.first()?, view.answers().next()?.0);
            let seen = place(passed, node)?;
            Some(Finding {
                at: passed.sent.at,
                text: bilingual!(
                    "The firewall of {node} took the client's {what} {times}, and let it pass {later} after \
                     it had been sent first ({seen} on {node}): by then it was not what the rule looks at \
                     (`{matches}`). TCP had sent it again, and it was answered (packet {answer} on client)."
                        / "{node} 的防火墙 {times}丢弃客户端{what}；在首次发送之后 {later}，它才得以通过（{node} 上的{seen}），因为此时它已不再是规则\
                           所匹配的（`{matches}`）。TCP 重新发送了它，并得到应答（client 上的数据包 {answer}）。",
                    node = node,
                    what = view.carrier(),
                    times = times(taken.len()),
                    later = Human(passed.sent.at.since(head.sent.at)),
                    seen = first(seen),
                    matches = matches,
                    answer = answer.number,
                ),
                shown_by: cites![step, ..taken.iter().filter_map(|one| place(one, node)), seen, answer],
                claims: claims(
                    taken.iter().map(|passage| passage.sent.packet),
                    &Fate::Filtered((*node).clone()),
                ),
                ..Finding::default()
            })
        })
    },
};

/// The sendings of a segment of which a rule took some.
pub(super) struct Partly<'v, 'a> {
    /// Those that it took.
    pub(super) taken: Vec<&'v Passage<'a>>,
    /// The one that it let pass after them.
    pub(super) passed: &'v Passage<'a>,
}

impl<'v, 'a> Partly<'v, 'a> {
    /// If the rule of a step is one that looks at what its author says, and has met as many packets.
    pub(super) fn of(
        view: &CellView<'_>,
        step: &StepRecord,
        node: &Node,
        chain: Chain,
        all: &[&'v Passage<'a>],
    ) -> Option<Self> {
        own_match(step)?;
        let began = step.began?;
        let since: Vec<&Passage<'a>> = all.iter().copied().filter(|one| one.sent.at >= began).collect();
        let number = match (node, chain) {
            (Node::Director(_), Chain::Input | Chain::Output) => {
                since.iter().position(|one| one.passed_on.is_some())?
            }
            // All of them came so far; the server's TCP answers the first that it gets.
            (Node::RealServer(_), Chain::Input) if view.acknowledged().is_some() => {
                since.len().checked_sub(1)?
            }
            (Node::Client | Node::Probe | Node::Router | Node::Director(_) | Node::RealServer(_), _) => {
                return None;
            }
        };
        let (taken, rest) = since.split_at(number);
        let came = taken.iter().all(|one| place(one, node).is_some());
        let met = step
            .met()
            .is_none_or(|met| usize::try_from(met).is_ok_and(|met| met >= taken.len()));
        (came && met && !taken.is_empty()).then_some(Self {
            taken: taken.to_vec(),
            passed: rest.first()?,
        })
    }
}

/// Where a segment came to a host.
fn place(passage: &Passage<'_>, node: &Node) -> Option<Seen> {
    if node.is_director() {
        return passage
            .arrived
            .filter(|_| passage.director.as_ref() == Some(node));
    }
    let reached = passage.reached.as_ref().filter(|(_, at)| at == node);
    reached.map(|(seen, _)| *seen)
}

/// What the step's rule looks at, if its author says that.
pub(in super::super) fn own_match(step: &StepRecord) -> Option<&Matches> {
    let Action::Traffic(TrafficAction::AddFirewallRule { matches, .. }) = &step.action else {
        return None;
    };
    matches.as_ref()
}
