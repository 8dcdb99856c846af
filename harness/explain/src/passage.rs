//! How far a segment of the client's came, as the rules ask for it: a view of its journey.

use lvs_matrix_model::Name;
use lvs_matrix_model::action::Node;
pub(super) use lvs_matrix_model::capture::Seen;
use lvs_matrix_model::capture::flow::{TOO_BIG, too_big, unreachable};
use lvs_matrix_model::capture::{Packet, Segment};
use lvs_matrix_model::path::{End, Fate, Hop, Journey, Journeys};
use lvs_matrix_model::verdict::TerminatorKind;

/// A segment that the client sent, and where it was seen after that.
#[derive(Debug, Clone)]
pub(super) struct Passage<'a> {
    /// On the client's interface.
    pub(super) sent: Seen,
    /// The segment.
    pub(super) segment: &'a Segment,
    /// The host whose Ethernet address the client sent it to.
    pub(super) to: Option<Node>,
    /// On a director's interface, coming from the client.
    pub(super) arrived: Option<Seen>,
    /// The director at which it arrived, or to which it was sent.
    pub(super) director: Option<Node>,
    /// On the director's interface, sent on by it, and to whom.
    pub(super) passed_on: Option<(Seen, Node)>,
    /// On a real server's interface.
    pub(super) reached: Option<(Seen, Node)>,
    /// What the director itself answered to it.
    pub(super) answered: Option<TerminatorKind>,
}

impl Passage<'_> {
    /// Where it arrived at a real server, and at which.
    pub(super) fn at_server(&self) -> Option<(&Seen, &Name)> {
        of_server(self.reached.as_ref()?)
    }

    /// Where the director sent it on to a real server, and to which.
    pub(super) fn sent_to_server(&self) -> Option<(&Seen, &Name)> {
        of_server(self.passed_on.as_ref()?)
    }

    /// It arrived at the director and went no further.
    pub(super) fn stopped_at_director(&self) -> Option<Seen> {
        if self.passed_on.is_none() {
            self.arrived
        } else {
            None
        }
    }
}

fn of_server((seen, node): &(Seen, Node)) -> Option<(&Seen, &Name)> {
    Some((seen, node.real_server()?))
}

/// The passages of the segments `sent` by the client, taken from their journeys.
pub(super) fn passages<'a>(
    paths: &Journeys,
    sent: impl Iterator<Item = (&'a Packet, &'a Segment)>,
) -> Vec<Passage<'a>> {
    sent.map(|(packet, segment)| passage(paths, packet, segment))
        .collect()
}

fn passage<'a>(paths: &Journeys, packet: &'a Packet, segment: &'a Segment) -> Passage<'a> {
    let journey = paths.showing(packet.number);
    let hops = journey.map_or(&[][..], |journey| journey.hops.as_slice());
    let node = |end: Option<End>| paths.lab().node(end?.host);
    let came_to = |hop: &Hop, wanted: &dyn Fn(&Node) -> bool| {
        let to = node(hop.to).filter(|to| wanted(to))?;
        Some((Seen::from(&**hop.received.as_ref()?), to.clone()))
    };
    let answered = match journey.map(|journey| journey.fate) {
        Some(Fate::Answered { by, with }) if paths.lab().node(by).is_some_and(Node::is_director) => {
            paths.showing(with).and_then(Journey::packet).map(kind_of_answer)
        }
        Some(
            Fate::Answered { .. }
            | Fate::Delivered { .. }
            | Fate::Dropped { .. }
            | Fate::Lost { .. }
            | Fate::ForAll
            | Fate::Unknown,
        )
        | None => None,
    };
    // A director that has lost the VIP passes on to the other one what still comes to it.
    let arrived = hops.iter().rev().find_map(|hop| came_to(hop, &Node::is_director));
    let mut ends = hops.iter().rev().filter_map(|hop| node(hop.to));
    let sent_to = || ends.find(|to| to.is_director()).cloned();
    let director = arrived.as_ref().map(|(_, node)| node.clone()).or_else(sent_to);
    Passage {
        sent: Seen::from(packet),
        segment,
        to: hops.first().and_then(|hop| node(hop.to)).cloned(),
        arrived: arrived.map(|(seen, _)| seen),
        director,
        passed_on: hops
            .iter()
            .filter(|hop| node(hop.from).is_some_and(Node::is_director))
            .filter(|hop| !node(hop.to).is_some_and(Node::is_director))
            .find_map(|hop| Some((Seen::from(&**hop.sent.as_ref()?), node(hop.to)?.clone()))),
        reached: hops
            .iter()
            .find_map(|hop| came_to(hop, &|to| to.real_server().is_some())),
        answered,
    }
}

/// What a refusal is.
fn kind_of_answer(packet: &Packet) -> TerminatorKind {
    if too_big(packet).is_some() {
        return TerminatorKind::Icmp { code: TOO_BIG };
    }
    unreachable(packet).map_or(TerminatorKind::Rst, |(code, _)| TerminatorKind::Icmp { code })
}
