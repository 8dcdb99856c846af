//! What the probes of a cell lived through: how many of their attempts got no answer, and for how long none
//! did. Like everything else it is believed if packets show it.

use super::probed::{IN_A_ROW, Loss, Outage, Probed};
use super::{Citation, Doubt, Evidence, Fact, segments};
use crate::action::Node;
use crate::capture::{Body, Packet, Seen, Segment, Transport, flow};
use crate::duration::Instant;
use crate::ipvs::Protocol;
use crate::path::Journeys;
use crate::plan::{Phase, ServerKind};
use crate::probe::Probe;
use crate::record::{Attempt, AttemptEnd, CellRecord, ClientErrorKind, ProbeRecord, StepOutcome};
use crate::scenario::Expected;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// An attempt that came to something.
#[derive(Clone)]
struct Ended<'r> {
    attempt: &'r Attempt,
    /// Why there was no answer; `None`: there was one.
    loss: Option<Loss>,
    /// The packets that show it.
    shown_by: Vec<u32>,
}

/// What the probes of `record` lived through, with what shows it. What packets do not show is a doubt.
pub(super) fn probed(
    record: &CellRecord,
    paths: &Journeys,
    doubts: &mut Vec<Doubt>,
) -> (Vec<Probed>, Vec<Evidence>) {
    let seen = Interface::of(record, paths);
    let (mut all, mut evidence) = (Vec::new(), Vec::new());
    for probe in record.plan.probes() {
        let of_probe = |own: &&ProbeRecord| own.probe == probe.name;
        let attempts = record
            .probes
            .iter()
            .find(of_probe)
            .map(|own| own.attempts.as_slice());
        let attempts = attempts.unwrap_or_default();
        let mut ended: Vec<Ended<'_>> = Vec::new();
        let mut with_waiting: Vec<Ended<'_>> = Vec::new();
        let mut unseen = Vec::new();
        for (number, attempt) in (1..).zip(attempts) {
            match seen.ended(probe, attempt, record.ended) {
                Ok(Some(end)) => {
                    ended.push(end.clone());
                    with_waiting.push(end);
                }
                // The last one may only have had no time yet.
                Ok(None) if record.ended.since(attempt.began) < probe.every => {}
                Ok(None) => with_waiting.push(Ended {
                    attempt,
                    loss: Some(Loss::Silence),
                    shown_by: Vec::new(),
                }),
                Err(NotShown) => unseen.push(number),
            }
        }
        if let Some(first) = unseen.first() {
            doubts.push(Doubt::AttemptNotShown {
                probe: probe.name.clone(),
                first: *first,
                count: u32::try_from(unseen.len()).unwrap_or(u32::MAX),
            });
        }
        let asked_for = match &record.plan.expected {
            Expected::Behaviour(expected) => expected.outage.is_some(),
            Expected::ObserveOnly => false,
        };
        if asked_for {
            doubts.extend(not_after_change(record, probe, &with_waiting));
        }
        if ended.is_empty() {
            continue;
        }
        let mut found = summed(probe, &ended, record.ended);
        let possible = summed(probe, &with_waiting, record.ended);
        found.waiting = possible.attempts.saturating_sub(found.attempts);
        found.longest_possible = possible.longest().map_or(Duration::ZERO, Outage::lasted);
        evidence.push(shown(&found, &ended));
        all.push(found);
    }
    (all, evidence)
}

/// An attempt must have been made after the change, or the probe saw nothing of it.
fn not_after_change(record: &CellRecord, probe: &Probe, ended: &[Ended<'_>]) -> Option<Doubt> {
    let change = record.steps.iter().filter(|step| {
        !step.action.is_of_client()
            && step.phase != Phase::Before
            && matches!(step.outcome, StepOutcome::Done { .. })
    });
    let last = change.filter_map(|step| step.began).max();
    let none = ended
        .iter()
        .all(|end| last.is_some_and(|last| end.attempt.began < last));
    none.then(|| Doubt::NoAttempt {
        probe: probe.name.clone(),
    })
}

fn summed(probe: &Probe, ended: &[Ended<'_>], end: Instant) -> Probed {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let (mut lost, mut served_by) = (BTreeMap::new(), BTreeMap::new());
    let mut outages: Vec<Outage> = Vec::new();
    // While an outage goes on: how many attempts were answered since the last one that was not.
    let mut open = None;
    for Ended { attempt, loss, .. } in ended {
        match (loss, outages.last_mut().zip(open)) {
            (None, None) => {}
            (None, Some((outage, answered))) => {
                if answered == 0 {
                    (outage.to, outage.to_the_end) = (attempt.began, false);
                }
                open = Some(answered + 1).filter(|answered| *answered < IN_A_ROW);
            }
            (Some(_), Some((outage, answered))) => {
                (outage.to, outage.to_the_end) = (end, true);
                (outage.lost, outage.attempts) = (outage.lost + 1, outage.attempts + answered + 1);
                open = Some(0);
            }
            (Some(_), None) => {
                outages.push(Outage {
                    from: attempt.began,
                    to: end,
                    to_the_end: true,
                    lost: 1,
                    attempts: 1,
                });
                open = Some(0);
            }
        }
        if let Some(loss) = loss {
            *lost.entry(*loss).or_default() += 1;
        }
        if let AttemptEnd::Answered { by: Some(by) } = &attempt.end {
            *served_by.entry(by.clone()).or_default() += 1;
        }
    }
    Probed {
        probe: probe.name.clone(),
        attempts: count(ended.len()),
        answered: count(ended.iter().filter(|end| end.loss.is_none()).count()),
        lost,
        served_by,
        waiting: 0,
        outages,
        longest_possible: Duration::ZERO,
    }
}

/// The first packets of the attempts that tell the beginning and the end of the longest outage; without an
/// outage those of the first and the last attempt.
fn shown(found: &Probed, ended: &[Ended<'_>]) -> Evidence {
    let longest = found.longest();
    let at = |moment: Instant| ended.iter().find(|end| end.attempt.began == moment);
    let ends = match longest {
        Some(outage) => [at(outage.from), at(outage.to)],
        None => [ended.first(), ended.last()],
    };
    let packets = ends.into_iter().flatten().flat_map(|end| &end.shown_by);
    let mut packets: Vec<u32> = packets.copied().collect();
    packets.sort_unstable();
    packets.dedup();
    Evidence {
        fact: Fact::Probed {
            probe: found.probe.clone(),
            attempts: found.attempts,
            lost: found.lost.clone(),
            longest: longest.copied(),
        },
        shown_by: packets.into_iter().map(Citation::Packet).collect(),
    }
}

/// What the interface of the probes' host saw.
struct Interface<'p> {
    /// By the port of the probe.
    by_port: BTreeMap<u16, Vec<Frame<'p>>>,
    /// The ports that attempts name.
    named: BTreeSet<u16>,
    /// Questions for an Ethernet address.
    neighbours: Vec<&'p Packet>,
    protocol: Protocol,
    server: ServerKind,
}

/// A packet of a probe's connection.
struct Frame<'p> {
    packet: &'p Packet,
    /// What it says; `None`: it is an ICMP error.
    segment: Option<&'p Segment>,
    kind: FrameKind,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum FrameKind {
    /// Sent by the probe, with payload.
    Asked,
    /// Sent by the probe, with nothing but flags.
    Sent,
    /// It came from the service, with payload.
    Payload,
    /// It came from the service, with nothing but flags.
    Bare,
    /// An RST, or an ICMP error, came.
    Refusal,
    /// A FIN came.
    Fin,
}

/// Errnos of a connection that was there, as Linux numbers them: EPIPE, ECONNABORTED, ECONNRESET.
const CUT: [i32; 3] = [32, 103, 104];
/// ETIMEDOUT: the kernel has given up (net/ipv4/tcp_timer.c, `tcp_write_timeout`).
const TIMED_OUT: i32 = 110;
/// EHOSTUNREACH.
const NO_HOST: i32 = 113;

impl<'p> Interface<'p> {
    fn of(record: &CellRecord, paths: &'p Journeys) -> Self {
        let vip = record.plan.vip();
        let points = record.capture.iter().flat_map(|capture| &capture.points);
        let own = points.enumerate().filter(|(_, point)| point.node == Node::Probe);
        let own: Vec<usize> = own.map(|(index, _)| index).collect();
        let attempts = record.probes.iter().flat_map(|probe| &probe.attempts);
        let mut interface = Self {
            by_port: BTreeMap::new(),
            named: attempts.filter_map(|attempt| attempt.port).collect(),
            neighbours: Vec::new(),
            protocol: record.plan.service().protocol,
            server: record.plan.server_kind(),
        };
        for packet in paths
            .packets()
            .iter()
            .filter(|packet| own.contains(&packet.point))
        {
            match of_connection(vip, packet) {
                Some((port, frame)) => interface.by_port.entry(port).or_default().push(frame),
                None if asks_for_neighbour(packet) => interface.neighbours.push(packet),
                None => {}
            }
        }
        interface
    }

    /// The connection that began within this time, and that no attempt names, if there is one alone. Where
    /// computing takes time a refusal may come before the probe has looked for its port, which the kernel has
    /// taken back then (net/ipv4/tcp.c, `tcp_set_state`).
    fn unnamed(&self, from: Instant, until: Instant) -> Option<&Vec<Frame<'p>>> {
        let mut found = self.by_port.iter().filter(|(port, frames)| {
            let began = frames.first().map(|frame| frame.packet.at);
            !self.named.contains(port) && began.is_some_and(|began| from <= began && began <= until)
        });
        match (found.next(), found.next()) {
            (Some((_, only)), None) => Some(only),
            _ => None,
        }
    }

    /// What an attempt came to. `None` if the observation ended before it did; an error if packets do not
    /// show it.
    fn ended<'r>(
        &self,
        probe: &Probe,
        attempt: &'r Attempt,
        end: Instant,
    ) -> Result<Option<Ended<'r>>, NotShown> {
        let loss = match &attempt.end {
            AttemptEnd::Unfinished => return Ok(None),
            AttemptEnd::Answered { .. } => None,
            AttemptEnd::TimedOut => Some(Loss::Silence),
            AttemptEnd::Failed(error) => Some(of_error(error).ok_or(NotShown)?),
        };
        let ended = attempt.ended.unwrap_or(end);
        // Where computing takes time a probe that gives up does so a little after its time, and what comes
        // meanwhile is no answer any more: a SYN that is sent again after a second meets the end of a second.
        let until = match attempt.end {
            AttemptEnd::TimedOut => ended.min(attempt.began.plus(probe.timeout)),
            AttemptEnd::Unfinished | AttemptEnd::Answered { .. } | AttemptEnd::Failed(_) => ended,
        };
        let of_port = match attempt.port {
            Some(port) => self.by_port.get(&port),
            None => self.unnamed(attempt.began, until),
        };
        let window = Window {
            frames: of_port.map(Vec::as_slice).unwrap_or_default(),
            from: attempt.began,
            until,
        };
        let sent = window.first(&[FrameKind::Sent, FrameKind::Asked]);
        let asked = window.asked();
        let answer = window.answer(asked, self.protocol);
        let neighbour = || {
            let mut asked = self.neighbours.iter();
            asked
                .find(|packet| window.has(packet.at))
                .map(|packet| packet.number)
        };
        let told = match loss {
            // A server of which nothing is asked need not say anything: its SYN-ACK is the answer.
            None if asked.is_none() && self.protocol == Protocol::Tcp => match self.server {
                ServerKind::Program => answer.or_else(|| window.first(&[FrameKind::Bare])),
                ServerKind::Mysql | ServerKind::TcpEcho | ServerKind::UdpEcho => None,
            },
            None | Some(Loss::ServerError) => answer,
            Some(Loss::Refused) => window.first(&[FrameKind::Refusal]),
            Some(Loss::NoHost) => window.first(&[FrameKind::Refusal]).or_else(neighbour),
            Some(Loss::Cut) => window.end(),
            Some(Loss::Silence) => {
                let waited = until.since(attempt.began) >= probe.timeout;
                let waited = waited || !matches!(attempt.end, AttemptEnd::TimedOut);
                let silent = answer.is_none() && waited;
                silent.then(|| sent.or_else(neighbour)).flatten()
            }
        };
        let told = told.ok_or(NotShown)?;
        Ok(Some(Ended {
            attempt,
            loss,
            shown_by: sent.into_iter().chain([told]).collect(),
        }))
    }
}

/// The time of an attempt, with the packets of its connection. Packets are given by their numbers.
struct Window<'w, 'p> {
    /// All of the connection: it may be older than the attempt.
    frames: &'w [Frame<'p>],
    from: Instant,
    until: Instant,
}

impl<'w, 'p> Window<'w, 'p> {
    fn has(&self, at: Instant) -> bool {
        self.from <= at && at <= self.until
    }

    fn within(&self) -> impl Iterator<Item = &'w Frame<'p>> {
        let frames = self.frames.iter();
        frames.filter(|frame| self.has(frame.packet.at))
    }

    /// So far: what the attempt saw, and what came before it.
    fn known(&self) -> impl DoubleEndedIterator<Item = &'w Frame<'p>> {
        let frames = self.frames.iter();
        frames.filter(|frame| frame.packet.at <= self.until)
    }

    fn first(&self, kinds: &[FrameKind]) -> Option<u32> {
        let found = self.within().find(|frame| kinds.contains(&frame.kind));
        found.map(|frame| frame.packet.number)
    }

    /// The last thing that the probe asked.
    fn asked(&self) -> Option<Seen> {
        segments::last_said(&of_kind(FrameKind::Asked, self.within()))
    }

    /// What the service said to it. What came before it is no answer: the greeting of a mysqld that does not
    /// go on.
    fn answer(&self, asked: Option<Seen>, protocol: Protocol) -> Option<u32> {
        let Some(asked) = asked else {
            return self.first(&[FrameKind::Payload]);
        };
        let said = of_kind(FrameKind::Payload, self.known());
        match protocol {
            Protocol::Udp => {
                let mut said = said.iter().map(|(packet, _)| packet.number);
                said.find(|number| *number > asked.packet)
            }
            Protocol::Tcp | Protocol::Sctp => {
                let answers = segments::answers(asked, &said);
                answers.first().map(|seen| seen.packet)
            }
        }
    }

    /// What ended the connection. It may have been cut off since the attempt before.
    fn end(&self) -> Option<u32> {
        let ends = |kind| matches!(kind, FrameKind::Refusal | FrameKind::Fin);
        let found = self.known().rfind(|frame| ends(frame.kind));
        found.map(|frame| frame.packet.number)
    }
}

fn of_kind<'w, 'p: 'w>(
    kind: FrameKind,
    frames: impl Iterator<Item = &'w Frame<'p>>,
) -> Vec<(&'p Packet, &'p Segment)> {
    let of_kind = frames.filter(|frame| frame.kind == kind);
    of_kind
        .filter_map(|frame| Some((frame.packet, frame.segment?)))
        .collect()
}

/// Packets do not show what a probe says.
struct NotShown;

fn of_error(error: &ClientErrorKind) -> Option<Loss> {
    match error {
        ClientErrorKind::Server { .. } => Some(Loss::ServerError),
        ClientErrorKind::Closed => Some(Loss::Cut),
        ClientErrorKind::Io { errno: Some(errno) } if CUT.contains(errno) => Some(Loss::Cut),
        ClientErrorKind::Io {
            errno: Some(TIMED_OUT),
        } => Some(Loss::Silence),
        ClientErrorKind::Io { errno: Some(NO_HOST) } => Some(Loss::NoHost),
        ClientErrorKind::Io { .. } => Some(Loss::Refused),
        ClientErrorKind::Library { .. } | ClientErrorKind::TimedOut { .. } | ClientErrorKind::Driver => None,
    }
}

/// The probe's port of the connection with the service that a packet is about, and what it is.
fn of_connection(vip: IpAddr, packet: &Packet) -> Option<(u16, Frame<'_>)> {
    let frame = |segment, kind| Frame {
        packet,
        segment,
        kind,
    };
    let Some((source, destination, segment)) = flow::segment(packet) else {
        let (_, (_, port, ..)) = flow::unreachable(packet)?;
        return Some((port, frame(None, FrameKind::Refusal)));
    };
    let kind = match (segment.flags.rst, segment.flags.fin, segment.payload_length) {
        (true, ..) => FrameKind::Refusal,
        (false, _, 1..) => FrameKind::Payload,
        (false, true, 0) => FrameKind::Fin,
        (false, false, 0) => FrameKind::Bare,
    };
    let sent = match segment.payload_length {
        0 => FrameKind::Sent,
        1.. => FrameKind::Asked,
    };
    match (source == vip, destination == vip) {
        (true, _) => Some((segment.destination_port, frame(Some(segment), kind))),
        (false, true) => Some((segment.source_port, frame(Some(segment), sent))),
        (false, false) => None,
    }
}

/// Does a host ask for the Ethernet address of another one (ARP, neighbour solicitation: RFC 4861, type 135)?
fn asks_for_neighbour(packet: &Packet) -> bool {
    match &packet.body {
        Body::Arp { request, .. } => *request,
        Body::Ip {
            transport: Transport::Icmp { kind, .. },
            source,
            ..
        } => source.is_ipv6() && *kind == 135,
        Body::Ip { .. } | Body::Sentinel { .. } | Body::Other { .. } | Body::Malformed { .. } => false,
    }
}
