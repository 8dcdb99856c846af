//! What became of the client's segments, told by the packets: the one place that says so for all rules.

use super::cell_view::CellView;
use super::claim::{Claim, Fate};
use super::icmp::HOST_UNREACHABLE;
use super::passage::Passage;
use lvs_matrix_model::action::{Chain, FirewallVerdict, Node};
use lvs_matrix_model::capture::flow::TOO_BIG;
use lvs_matrix_model::capture::{Body, Packet};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::verdict::{Terminator, TerminatorKind};
use std::net::IpAddr;
use std::time::Duration;

/// A neighbour that is asked for is asked for again after a second, three times in all by default
/// (`neigh_timer_handler` in net/core/neighbour.c; `retrans_time_ms`, `mcast_solicit`).
const BETWEEN_REQUESTS: Duration = Duration::from_millis(1_300);

impl<'a> CellView<'a> {
    /// What stopped a segment at the director, if it is the director's firewall, a missing neighbour, or
    /// something that the director answered. What nothing shows may still be an entry's doing.
    pub(super) fn stopped(&self, passage: &Passage<'a>) -> Option<Fate> {
        let arrived = passage.stopped_at_director()?;
        let answered = passage.answered;
        let rules = self.firewall(arrived.at);
        let director = passage.director.as_ref()?;
        let filtered = rules.iter().any(|(_, node, chain, verdict)| {
            let says = match (verdict, answered) {
                (FirewallVerdict::Drop, None) => true,
                (FirewallVerdict::Reject, Some(TerminatorKind::Icmp { code })) => code == 3,
                (FirewallVerdict::TcpReset, Some(TerminatorKind::Rst)) => true,
                (FirewallVerdict::Drop | FirewallVerdict::Reject | FirewallVerdict::TcpReset, _) => false,
            };
            *node == director && *chain == Chain::Input && says
        });
        if filtered {
            return Some(Fate::Filtered(director.clone()));
        }
        match answered {
            Some(TerminatorKind::Rst) => Some(Fate::LeftToDirector),
            Some(TerminatorKind::Icmp {
                code: HOST_UNREACHABLE,
            }) => Some(Fate::WaitedForNeighbour),
            Some(TerminatorKind::Icmp { code: TOO_BIG }) => Some(Fate::TooBig),
            Some(TerminatorKind::Icmp { .. }) => Some(Fate::Refused),
            Some(TerminatorKind::Fin) => None,
            None => self.asked_for(arrived.at).map(|_| Fate::WaitedForNeighbour),
        }
    }

    /// The requests with which a host asked for the Ethernet address of another, from a moment on.
    pub(super) fn asked(
        &self,
        host: &Node,
        address: IpAddr,
        since: Instant,
    ) -> impl Iterator<Item = &'a Packet> {
        let (own, end) = (host.clone(), self.end());
        self.seen_on(host).filter(move |packet| {
            let asks = matches!(
                packet.body,
                // A gratuitous one asks nobody.
                Body::Arp { request: true, sender, target, .. } if target == address && sender != target
            );
            asks && since <= packet.at && packet.at <= end && self.sender(packet) == Some(&own)
        })
    }

    /// For whose Ethernet address the director asked everybody about a moment, with nobody answering: a real
    /// server's, or the VIP. A question to one host alone is a check of what is known (`NUD_PROBE`), during
    /// which segments are passed on.
    pub(super) fn asked_for(&self, at: Instant) -> Option<(IpAddr, &'a Packet)> {
        let of_interest = |target: IpAddr| {
            let mut servers = self.plan.real_servers();
            // A connection has one server; a connect may have been meant for any.
            let theirs = servers.any(|(name, host)| {
                host.address() == target
                    && (self.is_connect() || self.server().is_none_or(|server| server == name))
            });
            theirs || target == self.plan.vip()
        };
        let near = |packet: &Packet| {
            packet.at.0.abs_diff(at.0) <= u64::try_from(BETWEEN_REQUESTS.as_nanos()).unwrap_or(u64::MAX)
        };
        let (target, packet) = self
            .seen_on(self.director_at(at))
            .find_map(|packet| match packet.body {
                Body::Arp {
                    request: true,
                    sender,
                    target,
                    ..
                } if is_broadcast(packet)
                    && sender != target
                    && near(packet)
                    && of_interest(target)
                    && self.sender(packet) == Some(self.director_at(at)) =>
                {
                    Some((target, packet))
                }
                Body::Arp { .. }
                | Body::Sentinel { .. }
                | Body::Ip { .. }
                | Body::Other { .. }
                | Body::Malformed { .. } => None,
            })?;
        let answered = self.seen_on(self.director_at(at)).any(|reply| {
            let replies = matches!(reply.body, Body::Arp { request: false, sender, .. } if sender == target);
            replies && reply.number > packet.number && reply.at <= at.plus(BETWEEN_REQUESTS)
        });
        (!answered).then_some((target, packet))
    }

    /// Do the packets bear out what a rule says of one of them? What it says of a packet that the client did
    /// not send is not asked.
    pub(super) fn bears_out(&self, claim: &Claim) -> bool {
        let Some(passage) = self
            .sent
            .iter()
            .find(|passage| passage.sent.packet == claim.packet)
        else {
            return true;
        };
        let at_director = passage.stopped_at_director().is_some();
        match &claim.fate {
            Fate::LostBefore => passage.arrived.is_none() && passage.reached.is_none(),
            Fate::Dropped => at_director && self.stopped(passage).is_none(),
            Fate::WaitedForNeighbour | Fate::LeftToDirector | Fate::Refused | Fate::TooBig => {
                at_director && self.stopped(passage).as_ref() == Some(&claim.fate)
            }
            Fate::Filtered(node) if node.is_director() => at_director,
            Fate::Filtered(node) | Fate::Delivered(node) | Fate::UnknownAt(node) => {
                passage.reached.as_ref().is_some_and(|(_, at)| at == node)
            }
            Fate::LostAfter(node) => {
                passage.reached.is_none() && passage.passed_on.as_ref().is_some_and(|(_, to)| to == node)
            }
            Fate::Closed
            | Fate::ClosedUnread
            | Fate::TimedOut
            | Fate::NoConnection
            | Fate::Rejection
            | Fate::NoServer
            | Fate::Unreachable => false,
        }
    }
}

/// Is it for everybody on the link?
pub(super) fn is_broadcast(packet: &Packet) -> bool {
    packet.destination_mac.0 == [0xff; 6]
}

/// The same of several packets.
pub(super) fn claims(packets: impl IntoIterator<Item = u32>, fate: &Fate) -> Vec<Claim> {
    let claim = |packet| Claim {
        packet,
        fate: fate.clone(),
    };
    packets.into_iter().map(claim).collect()
}

/// What a rule says of a segment, and of what came to the client because of it.
pub(super) fn said(passage: &Passage<'_>, fate: Fate, came: &Terminator, why: Fate) -> Vec<Claim> {
    let claim = |packet, fate| Claim { packet, fate };
    vec![claim(passage.sent.packet, fate), claim(came.packet, why)]
}
