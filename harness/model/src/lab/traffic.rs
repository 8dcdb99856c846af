//! What steps make of the ways of packets, and which of them cannot work.

use super::{Conflict, State, Sysctl};
use crate::action::{Chain, FirewallVerdict, Matches, NewConnections, Node, Percent, TrafficAction};
use crate::base::{ClientAt, TCP_LOOSE};
use std::collections::BTreeMap;
use std::time::Duration;

/// What steps put in the way of packets, and the firewalls that the lab was made with.
#[derive(Debug, Clone, Default)]
pub(super) struct Traffic<'a> {
    links: BTreeMap<&'a Node, Link>,
    rules: Vec<Rule<'a>>,
    stateful: Vec<Stateful<'a>>,
    /// Hosts whose firewall answers SYNs, with the step that made it do so.
    proxies: BTreeMap<&'a Node, u32>,
    /// MTUs that steps gave to hosts.
    mtus: BTreeMap<&'a Node, (u16, u32)>,
    /// Hosts whose firewall drops ICMP, with the step that made it do so.
    filters: BTreeMap<&'a Node, u32>,
    /// Directors whose firewall drops VRRP, with the step that made it do so.
    deaf: BTreeMap<&'a Node, u32>,
    /// Hosts whose firewall lowers the MSS.
    clamps: BTreeMap<&'a Node, (u16, u32)>,
    /// Hosts whose firewall marks the packets of the service.
    pub(super) marking: Vec<&'a Node>,
}

/// What the link to a host does to packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// How long each packet is held, beyond the link's own delay.
    pub delay: Duration,
    /// How many of them are lost, at random.
    pub loss: Percent,
    /// The step that made the link do so.
    pub step: u32,
}

/// A firewall rule that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule<'a> {
    /// On which host.
    pub node: &'a Node,
    /// In which chain.
    pub chain: Chain,
    /// What becomes of the packets that it meets.
    pub verdict: FirewallVerdict,
    /// What it looks at, if that is not the packets of the service.
    pub matches: Option<&'a Matches>,
    /// The step that added the rule.
    pub step: u32,
}

/// A stateful firewall that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stateful<'a> {
    /// On which host.
    pub node: &'a Node,
    /// In which chain.
    pub chain: Chain,
    /// What may begin a connection.
    pub new: NewConnections,
    /// The step that made it.
    pub step: u32,
}

impl Traffic<'_> {
    /// Is the fault of the step of this number in force?
    pub(super) fn lasts(&self, step: u32) -> bool {
        let mut sizes = self.mtus.values().chain(self.clamps.values());
        let mut dropped = self
            .filters
            .values()
            .chain(self.deaf.values())
            .chain(self.proxies.values());
        self.links.values().any(|link| link.step == step)
            || self.rules.iter().any(|rule| rule.step == step)
            || self.stateful.iter().any(|one| one.step == step)
            || sizes.any(|(_, by)| *by == step)
            || dropped.any(|by| *by == step)
    }

    /// Is nothing of this at that host in the way of packets? Stateful firewalls aside: see `State::tracks`.
    pub(super) fn leaves_alone(&self, node: &Node) -> bool {
        let link = self.links.get(node);
        link.is_none_or(|link| link.delay.is_zero() && link.loss == Percent(0))
            && self.rules.iter().all(|rule| rule.node != node)
            && !self.mtus.contains_key(node)
            && !self.filters.contains_key(node)
            && !self.clamps.contains_key(node)
    }
}

impl<'a> State<'a> {
    /// Does the firewall of this host mark the packets of the service?
    #[must_use]
    pub fn marks(&self, node: &Node) -> bool {
        self.traffic.marking.contains(&node)
    }

    /// The firewall rules that are in force, in the order in which they were added.
    pub fn rules(&self) -> impl Iterator<Item = Rule<'a>> {
        self.traffic.rules.iter().copied()
    }

    /// The stateful firewalls that are in force.
    pub fn stateful(&self) -> impl Iterator<Item = Stateful<'a>> {
        self.traffic.stateful.iter().copied()
    }

    /// Does the host track connections: does a rule of its firewall ask for their states, or translate their
    /// addresses? Without such a rule nothing is tracked (net/netfilter/nf_conntrack_proto.c,
    /// `nf_ct_netns_get`).
    #[must_use]
    pub fn tracks(&self, node: &Node) -> bool {
        let translates = self.client_at == Some(ClientAt::BehindSourceNat) && *node == Node::Router;
        let asks = |rule: &Rule<'_>| rule.node == node && rule.matches.is_some_and(Matches::asks_conntrack);
        let mut rules = self.traffic.rules.iter();
        let stateful = self.traffic.stateful.iter().any(|one| one.node == node);
        translates || rules.any(asks) || stateful || self.answers_syns(node).is_some()
    }

    /// The step since which the firewall of this host answers SYNs.
    #[must_use]
    pub fn answers_syns(&self, node: &Node) -> Option<u32> {
        self.traffic.proxies.get(node).copied()
    }

    /// The step since which the firewall of this host drops ICMP.
    #[must_use]
    pub fn filters_icmp(&self, node: &Node) -> Option<u32> {
        self.traffic.filters.get(node).copied()
    }

    /// The size to which the firewall of this host lowers the MSS, with the step that made it do so.
    #[must_use]
    pub fn clamped(&self, node: &Node) -> Option<(u16, u32)> {
        self.traffic.clamps.get(node).copied()
    }

    /// What a step made the link to a host do; `None` if no step did.
    #[must_use]
    pub fn link(&self, node: &Node) -> Option<Link> {
        self.traffic.links.get(node).copied()
    }

    pub(super) fn traffic(&mut self, step: u32, action: &'a TrafficAction) {
        match action {
            TrafficAction::AddFirewallRule {
                node,
                chain,
                verdict,
                matches,
            } => self.traffic.rules.push(Rule {
                node,
                chain: *chain,
                verdict: *verdict,
                matches: matches.as_ref(),
                step,
            }),
            TrafficAction::AddStatefulFirewall { node, chain, new } => self.traffic.stateful.push(Stateful {
                node,
                chain: *chain,
                new: *new,
                step,
            }),
            TrafficAction::AddSynproxy { node } => {
                self.traffic.proxies.entry(node).or_insert(step);
                // It stays when the rules go.
                self.write(Sysctl {
                    node,
                    key: TCP_LOOSE,
                    value: "0",
                    step: Some(step),
                });
            }
            TrafficAction::FlushConntrack { .. } => {}
            TrafficAction::FlushFirewall { node } => {
                self.traffic.rules.retain(|rule| rule.node != node);
                self.traffic.stateful.retain(|one| one.node != node);
                self.traffic.marking.retain(|marking| *marking != node);
                self.traffic.proxies.remove(node);
                self.traffic.filters.remove(node);
                self.traffic.deaf.remove(node);
                self.traffic.clamps.remove(node);
            }
            TrafficAction::SetNetem { node, delay, loss } => {
                let (delay, loss) = (*delay, *loss);
                self.traffic.links.insert(node, Link { delay, loss, step });
            }
            TrafficAction::SetMtu { node, mtu } => {
                self.traffic.mtus.insert(node, (*mtu, step));
            }
            TrafficAction::FilterIcmp { node } => {
                self.traffic.filters.entry(node).or_insert(step);
            }
            TrafficAction::BlockVrrp { node } => {
                self.traffic.deaf.entry(node).or_insert(step);
            }
            TrafficAction::ClampMss { node, size } => {
                // The kernel only ever lowers it (`nft_exthdr_tcp_set_eval` in net/netfilter/nft_exthdr.c).
                let known = self.traffic.clamps.entry(node).or_insert((*size, step));
                if *size < known.0 {
                    *known = (*size, step);
                }
            }
        }
    }

    /// Is what `action` sets so already, as far as it is known? A rule that is made once more is not: it has
    /// an effect of its own.
    pub(super) fn traffic_is_so(&self, action: &TrafficAction) -> bool {
        match action {
            TrafficAction::SetNetem { node, delay, loss } => match self.link(node) {
                Some(link) => link.delay == *delay && link.loss == *loss,
                None => delay.is_zero() && *loss == Percent(0),
            },
            TrafficAction::SetMtu { node, mtu } => {
                self.traffic.mtus.get(node).is_some_and(|(known, _)| known == mtu)
            }
            TrafficAction::AddSynproxy { node } => self.traffic.proxies.contains_key(node),
            TrafficAction::FlushConntrack { node } => !self.tracks(node),
            TrafficAction::FilterIcmp { node } => self.traffic.filters.contains_key(node),
            TrafficAction::BlockVrrp { node } => self.traffic.deaf.contains_key(node),
            TrafficAction::ClampMss { node, size } => self
                .traffic
                .clamps
                .get(node)
                .is_some_and(|(known, _)| known <= size),
            TrafficAction::AddFirewallRule { .. }
            | TrafficAction::AddStatefulFirewall { .. }
            | TrafficAction::FlushFirewall { .. } => false,
        }
    }

    pub(super) fn of_traffic(&self, action: &'a TrafficAction) -> Option<Conflict<'a>> {
        match action {
            TrafficAction::FlushFirewall { node } => {
                let of_sizes = self.traffic.filters.contains_key(node)
                    || self.traffic.clamps.contains_key(node)
                    || self.traffic.deaf.contains_key(node);
                let ruled = self.traffic.rules.iter().any(|rule| rule.node == node) || self.tracks(node);
                let any = ruled || self.marks(node) || of_sizes;
                (!any).then_some(Conflict::NoRule(node))
            }
            TrafficAction::AddFirewallRule {
                node, chain, matches, ..
            } => forwards(node, *chain).or_else(|| self.matched(node, matches.as_ref()?)),
            TrafficAction::AddSynproxy { node } => {
                let server = matches!(node, Node::RealServer(_));
                let stateful = self.traffic.stateful.iter().any(|one| one.node == node);
                let none = (!server).then_some(Conflict::NoSynproxy(node));
                let there = self.answers_syns(node).is_some();
                none.or(there.then_some(Conflict::SynproxyThere(node)))
                    .or(stateful.then_some(Conflict::StatefulBesideSynproxy(node)))
            }
            TrafficAction::AddStatefulFirewall { node, chain, .. } => {
                if self.answers_syns(node).is_some() {
                    return Some(Conflict::StatefulBesideSynproxy(node));
                }
                let there = self
                    .traffic
                    .stateful
                    .iter()
                    .any(|one| one.node == node && one.chain == *chain);
                forwards(node, *chain).or(there.then_some(Conflict::StatefulThere(node, *chain)))
            }
            TrafficAction::BlockVrrp { node } => {
                let speaks = self.directors.are_two() && node.is_director();
                (!speaks).then_some(Conflict::SpeaksNoVrrp(node))
            }
            TrafficAction::FlushConntrack { .. }
            | TrafficAction::SetNetem { .. }
            | TrafficAction::SetMtu { .. }
            | TrafficAction::FilterIcmp { .. }
            | TrafficAction::ClampMss { .. } => None,
        }
    }
}

/// Only the director forwards packets of the service.
impl<'a> State<'a> {
    /// Why a rule of this host cannot look at this.
    fn matched(&self, node: &Node, matches: &'a Matches) -> Option<Conflict<'a>> {
        if *node == Node::Client {
            return Some(Conflict::ClientMatches);
        }
        let known = |name: &str| {
            let server = self.servers().any(|server| server.as_str() == name);
            server || self.directors.has(name) || name == Node::Client.to_string()
        };
        let stranger = matches.hosts().find(|name| !known(name))?;
        Some(Conflict::NoAddressOf(stranger))
    }
}

fn forwards(node: &Node, chain: Chain) -> Option<Conflict<'_>> {
    match (node, chain) {
        (Node::Director(_), _) | (_, Chain::Input | Chain::Output) => None,
        (Node::Client | Node::Probe | Node::Router | Node::RealServer(_), Chain::Forward) => {
            Some(Conflict::ForwardsNothing(node))
        }
    }
}
