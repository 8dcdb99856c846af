//! Hosts that are off, and links that are down, that lose or that delay.

use super::super::advice;
use super::super::case::{Case, packet, size};
use super::super::passage::{Passage, Seen};
use super::director::{first, times};
use super::neighbour::{HOST_UNREACHABLE, unanswered_arp};
use super::{Explains, Finding, Rule, tcp, transmit};
use crate::explain::Source;
use lvs_matrix_model::action::{Node, Percent};
use lvs_matrix_model::capture::Packet;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::verdict::{Behaviour, Citation, TerminatorKind};

const NETEM: Source = Source {
    function: "netem_enqueue",
    file: "net/sched/sch_netem.c",
};

/// What is passed on to a host that is off or unplugged.
pub(super) const HOST_OFF: Rule = Rule {
    name: "host-off",
    explains: Explains::Silence,
    sources: &[transmit("ip_vs_dr_xmit"), tcp("tcp_v4_err")],
    holds: |case| {
        let head = case.request()?;
        // Before it is passed on, a segment may have to wait for an ARP reply that never comes.
        let (node, off) = case.plan.real_servers().find_map(|(name, _)| {
            let node = Node::RealServer(name.clone());
            let (off, began) = case.unplugged(&node, case.end())?;
            (began <= head.sent.at && aimed_at(case, &node)).then_some((node, off))
        })?;
        let sent: Vec<&Passage<'_>> = case
            .sendings()
            .take_while(|passage| case.deleted_by(&node, passage.sent.at).is_none())
            .collect();
        let arrived: Vec<Seen> = sent.iter().filter_map(|passage| passage.arrived).collect();
        if sent.iter().any(|passage| passage.reached.is_some()) || arrived.is_empty() {
            return None;
        }
        let passed_on: Vec<Seen> = sent
            .iter()
            .filter_map(|passage| passage.passed_on.as_ref())
            .map(|(seen, _)| *seen)
            .collect();
        let mut shown_by = vec![Citation::Step(off.number)];
        let how = if let Some(seen) = passed_on.first() {
            format!(
                "was passed on to {node} {} (first {} on director)",
                times(passed_on.len()),
                first(*seen)
            )
        } else {
            format!("waited there for the Ethernet address of {node}, for which nobody answered")
        };
        let told: Vec<u32> = case
            .observed
            .terminators
            .iter()
            .filter(|item| item.kind == TerminatorKind::Icmp { code: HOST_UNREACHABLE })
            .filter(|item| item.by == Some(Node::Director) && !case.is_connect())
            .map(|item| item.packet)
            .collect();
        let told_so = match told.first() {
            None => String::new(),
            Some(number) => format!(
                " Where nobody answered the director's ARP requests for {node}, it told the client with an ICMP host unreachable, \
                 {} (first packet {number} on client); to an established connection that is no more than a note for the error \
                 that is reported in the end.",
                times(told.len())
            ),
        };
        shown_by.extend(arrived.iter().copied().map(packet));
        shown_by.extend(passed_on.into_iter().map(packet));
        shown_by.extend(told.into_iter().map(Citation::Packet));
        Some(Finding {
            at: head.sent.at,
            text: format!(
                "The client's {} arrived at the director {} and {how}. {node} could not be reached ({}), and a host that is \
                 off or unplugged sends neither RST nor FIN. IPVS does not notice it, and goes on choosing and passing on to a \
                 silent server until somebody takes it out of the table.{told_so}",
                case.carrier(),
                times(arrived.len()),
                off.action
            ),
            shown_by,
            advice: vec![health_check(), advice::patience(case)],
        })
    },
};

/// Was the request on its way to this server?
fn aimed_at(case: &Case<'_>, node: &Node) -> bool {
    let mut passed = case.sendings().filter_map(|passage| passage.passed_on.as_ref());
    match passed.next() {
        Some((_, to)) => to == node,
        None if case.is_connect() => {
            // Not passed on: told by whom the director asked for.
            let address = case.plan.host(node).map(|host| host.address);
            case.request()
                .is_some_and(|request| unanswered_arp(case, &Node::Director, address, request.sent.at).is_some())
        }
        None => case.server() == node.real_server(),
    }
}

/// The director's link is down, or loses what is sent to it.
pub(super) const LOST_BEFORE: Rule = Rule {
    name: "lost-before-the-director",
    explains: Explains::Silence,
    sources: &[NETEM],
    holds: |case| {
        let request = case.request()?;
        let director = Node::Director;
        let down = case.unplugged(&director, request.sent.at).map(|(step, _)| step);
        let step = down.or_else(|| case.netem(&director, request.sent.at).map(|(step, ..)| step))?;
        let lost: Vec<Seen> = case
            .sendings()
            .filter(|passage| passage.arrived.is_none())
            .map(|passage| passage.sent)
            .collect();
        if lost.len() < case.sendings().count() {
            return None;
        }
        let mut shown_by = vec![Citation::Step(step.number)];
        shown_by.extend(lost.iter().copied().map(packet));
        Some(Finding {
            at: request.sent.at,
            text: format!(
                "The client sent its {} {} (first {} on client), and none of that arrived at the director ({}).",
                case.carrier(),
                times(lost.len()),
                first(*lost.first()?),
                step.action
            ),
            shown_by,
            advice: vec![advice::patience(case)],
        })
    },
};

/// The link between director and server loses segments.
pub(super) const LOST_AFTER: Rule = Rule {
    name: "lost-after-the-director",
    explains: Explains::Silence,
    sources: &[NETEM],
    holds: |case| {
        let request = case.request()?;
        let (_, node) = request.passed_on.as_ref()?;
        // What is only delayed may still be on its way when the watching ends.
        let (step, _, _) = case
            .netem(node, request.sent.at)
            .filter(|(_, _, loss)| *loss != Percent::default())?;
        let lost: Vec<&Passage<'_>> = case
            .since_request()
            .iter()
            .filter(|passage| passage.reached.is_none() && passage.passed_on.is_some())
            .collect();
        let (head, _) = lost.first()?.passed_on.as_ref()?;
        let what = if lost.iter().all(|passage| size(passage.segment) == 0) {
            "segments that only acknowledge"
        } else {
            "segments"
        };
        let mut shown_by = vec![Citation::Step(step.number), packet(request.sent)];
        shown_by.extend(
            lost.iter()
                .filter_map(|passage| passage.passed_on.as_ref())
                .map(|(seen, _)| packet(*seen)),
        );
        Some(Finding {
            at: request.sent.at,
            text: format!(
                "Of what the client sent from its {} on (packet {} on client), {} {what} were lost between director and {node} (first {} \
                 on director; {}). Whichever side misses an acknowledgement sends again, after a second in the handshake and after \
                 a few round trips later on, at gaps that double.",
                case.carrier(),
                request.sent.packet,
                lost.len(),
                first(*head),
                step.action
            ),
            shown_by,
            advice: vec![advice::patience(case)],
        })
    },
};

/// The answer is lost on its way to the client.
pub(super) const LOST_ON_THE_WAY_BACK: Rule = Rule {
    name: "lost-before-the-client",
    explains: Explains::Silence,
    sources: &[NETEM],
    holds: |case| {
        let server = case.server()?;
        let (step, _, _) = case.netem(&Node::Client, case.end())?;
        let (began, request) = (step.began?, case.request()?);
        let answers: Vec<&Packet> = case
            .sent_by(server)
            .filter(|(packet, segment)| packet.at > began.max(request.sent.at) && size(segment) > 0)
            .map(|(packet, _)| packet)
            .collect();
        let came = case
            .received
            .iter()
            .any(|(packet, _)| packet.at > began.max(request.sent.at));
        let head = *answers.first().filter(|_| !came)?;
        let mut shown_by = vec![packet(request.sent), Citation::Step(step.number)];
        shown_by.extend(answers.iter().map(|packet| Citation::Packet(packet.number)));
        Some(Finding {
            at: head.at,
            text: format!(
                "{server} answered the client's {} {} (first {} on {server}), and nothing of that arrived at the client ({}).",
                case.carrier(),
                times(answers.len()),
                first(Seen::from(head)),
                step.action
            ),
            shown_by,
            advice: vec![advice::patience(case)],
        })
    },
};

/// A link that holds what is sent for a while.
pub(super) const DELAYED: Rule = Rule {
    name: "delayed-on-the-link",
    explains: Explains::Silence,
    sources: &[NETEM],
    holds: |case| {
        let request = case.request()?;
        let (passed, node) = request.passed_on.as_ref()?;
        let (reached, _) = request.reached.as_ref()?;
        let (step, delay, _) = case
            .netem(node, request.sent.at)
            .filter(|(_, delay, _)| !delay.is_zero())?;
        if reached.at.since(passed.at) < delay {
            return None;
        }
        // Of a silence that lasts longer than a round trip something else is the reason.
        if let Behaviour::Hung { silence, .. } = &case.observed.behaviour
            && *silence > delay * 2
        {
            return None;
        }
        Some(Finding {
            at: request.sent.at,
            text: format!(
                "The director passed the client's {} on ({} on director), and {node} had it only {} later ({} there): its link \
                 holds every packet for {} ({}).",
                case.carrier(),
                first(*passed),
                Human(reached.at.since(passed.at)),
                first(*reached),
                Human(delay),
                step.action
            ),
            shown_by: vec![Citation::Step(step.number), packet(*passed), packet(*reached)],
            advice: Vec::new(),
        })
    },
};

pub(super) fn health_check() -> String {
    "Let a health check take a server that does not answer out of the table, with net.ipv4.vs.expire_nodest_conn=1, so that the \
     next segment of its connections draws an RST."
        .to_owned()
}
