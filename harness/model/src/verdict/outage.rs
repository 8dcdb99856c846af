//! What the probes of a cell lived through: how many of their attempts got no answer, and for how long none
//! did. Like everything else it is believed if packets show it.

use super::probed::{IN_A_ROW, Loss, Outage, Probed};
use super::{Citation, Doubt, Evidence, Fact};
use crate::action::Node;
use crate::capture::{Body, Packet, Transport, flow};
use crate::duration::Instant;
use crate::ipvs::Protocol;
use crate::path::Journeys;
use crate::plan::Phase;
use crate::probe::Probe;
use crate::record::{Attempt, AttemptEnd, CellRecord, ClientErrorKind, ProbeRecord, StepOutcome};
use crate::scenario::Expected;
use std::collections::BTreeMap;
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
    /// Questions for an Ethernet address.
    asked: Vec<&'p Packet>,
    protocol: Protocol,
}

/// A packet of a probe's connection.
struct Frame<'p> {
    packet: &'p Packet,
    kind: FrameKind,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum FrameKind {
    /// Sent by the probe.
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
        let mut interface = Self {
            by_port: BTreeMap::new(),
            asked: Vec::new(),
            protocol: record.plan.service().protocol,
        };
        for packet in paths
            .packets()
            .iter()
            .filter(|packet| own.contains(&packet.point))
        {
            match of_connection(vip, packet) {
                Some((port, kind)) => {
                    let frames = interface.by_port.entry(port).or_default();
                    frames.push(Frame { packet, kind });
                }
                None if asks_for_neighbour(packet) => interface.asked.push(packet),
                None => {}
            }
        }
        interface
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
        let until = attempt.ended.unwrap_or(end);
        let of_port = attempt.port.and_then(|port| self.by_port.get(&port));
        let frames = of_port.map(Vec::as_slice).unwrap_or_default();
        let during = |at: Instant| attempt.began <= at && at <= until;
        let within = || frames.iter().filter(|frame| during(frame.packet.at));
        let first = |kinds: &[FrameKind]| within().find(|frame| kinds.contains(&frame.kind));
        let sent = first(&[FrameKind::Sent]).map(|frame| frame.packet.number);
        let payload = first(&[FrameKind::Payload]);
        let asked = || {
            self.asked
                .iter()
                .find(|packet| during(packet.at))
                .map(|packet| packet.number)
        };
        let number = |frame: &Frame<'_>| frame.packet.number;
        let told = match loss {
            // A server of which nothing is asked says nothing: its SYN-ACK is the answer.
            None if self.protocol == Protocol::Tcp => {
                payload.or_else(|| first(&[FrameKind::Bare])).map(number)
            }
            None | Some(Loss::ServerError) => payload.map(number),
            Some(Loss::Refused) => first(&[FrameKind::Refusal]).map(number),
            Some(Loss::NoHost) => first(&[FrameKind::Refusal]).map(number).or_else(asked),
            // It may have been cut off since the attempt before.
            Some(Loss::Cut) => {
                let ends = |kind| matches!(kind, FrameKind::Refusal | FrameKind::Fin);
                let mut earlier = frames.iter().rev().filter(|frame| frame.packet.at <= until);
                earlier.find(|frame| ends(frame.kind)).map(number)
            }
            Some(Loss::Silence) => {
                let last = within().rfind(|frame| frame.kind == FrameKind::Sent);
                // A part of the answer is none: the greeting of a server that does not go on.
                let silent = last.is_none_or(|last| {
                    let mut after = within().filter(|frame| number(frame) > number(last));
                    !after.any(|frame| frame.kind == FrameKind::Payload)
                });
                let waited = until.since(attempt.began) >= probe.timeout;
                let waited = waited || !matches!(attempt.end, AttemptEnd::TimedOut);
                (silent && waited).then(|| sent.or_else(asked)).flatten()
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
fn of_connection(vip: IpAddr, packet: &Packet) -> Option<(u16, FrameKind)> {
    let Some((source, destination, segment)) = flow::segment(packet) else {
        let (_, (_, port, ..)) = flow::unreachable(packet)?;
        return Some((port, FrameKind::Refusal));
    };
    let kind = match (segment.flags.rst, segment.flags.fin, segment.payload_length) {
        (true, ..) => FrameKind::Refusal,
        (false, _, 1..) => FrameKind::Payload,
        (false, true, 0) => FrameKind::Fin,
        (false, false, 0) => FrameKind::Bare,
    };
    match (source == vip, destination == vip) {
        (true, _) => Some((segment.destination_port, kind)),
        (false, true) => Some((segment.source_port, FrameKind::Sent)),
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
