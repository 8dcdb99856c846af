//! Evidence: sentences that say what a record shows, each with the events, packets, snapshots and steps that
//! show it.

use super::exchange::{Word, steady};
use super::network::{Network, Request, Wire};
use super::operation::Classified;
use super::{
    Behaviour, Citation, ConnectionEntry, Contradiction, Discarded, Evidence, Fact, HeldServer, OperationEnd,
    Reason, Sent, Terminator, TerminatorKind,
};
use crate::action::Action;
use crate::duration::Instant;
use crate::ipvs::{Connections, Destination, Table};
use crate::path::Journeys;
use crate::plan::Phase;
use crate::record::{AtEnd, CellRecord, Moment, StepOutcome};
use std::fmt;
use std::net::SocketAddr;

impl fmt::Display for TerminatorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fin => f.write_str("FIN"),
            Self::Rst => f.write_str("RST"),
            Self::Icmp { code } => match code {
                0 => f.write_str("ICMP network unreachable"),
                1 => f.write_str("ICMP host unreachable"),
                3 => f.write_str("ICMP port unreachable"),
                _ => write!(f, "ICMP unreachable (code {code})"),
            },
        }
    }
}

/// What shows `behaviour`, in the order of time as far as that helps reading.
pub(super) fn evidence(
    (record, paths): (&CellRecord, &Journeys),
    operation: &Classified<'_>,
    wire: &Wire,
    word: &Word,
    behaviour: &Behaviour,
) -> Vec<Evidence> {
    let network = wire.subject();
    let mut evidence = changes(record);
    evidence.extend(snapshots(record, paths, network));
    evidence.push(beginning(record, operation, network));
    evidence.extend(server(network));
    evidence.extend(held_back(network));
    evidence.extend(repetitions(network));
    evidence.extend(discarded(network));
    evidence.extend(reached(&network.terminators));
    evidence.extend(silence(operation, wire, behaviour));
    evidence.extend(parts(operation, wire, behaviour));
    evidence.extend(lost_before(operation, network));
    evidence.extend(ended_by_client_before(operation, network));
    evidence.push(match &word.contradiction {
        Some(contradiction) => contradicted(contradiction),
        None => end(operation, &wire.last),
    });
    evidence.extend(lasting(record));
    evidence
}

fn changes(record: &CellRecord) -> Vec<Evidence> {
    record
        .steps
        .iter()
        .filter(|step| {
            step.phase == Phase::Change || (step.phase == Phase::Act && !step.action.is_of_client())
        })
        .filter(|step| !matches!(step.action, Action::Wait(_)))
        .filter_map(|step| match (&step.outcome, step.began) {
            (StepOutcome::Done { proof }, Some(began)) if !proof.is_blank() => Some(Evidence {
                fact: Fact::Done {
                    at: began,
                    action: step.action.clone(),
                    proof: proof.clone(),
                },
                shown_by: vec![Citation::Step(step.number)],
            }),
            (
                StepOutcome::Done { .. }
                | StepOutcome::ClientFailed
                | StepOutcome::Unfinished
                | StepOutcome::Failed { .. }
                | StepOutcome::NotReached,
                Some(_) | None,
            ) => None,
        })
        .collect()
}

/// Faults that were looked at once more when the observation ended.
fn lasting(record: &CellRecord) -> Vec<Evidence> {
    let shown = record.steps.iter().filter_map(|step| match &step.at_end {
        Some(AtEnd::InForce { shows, .. }) => Some((step, shows)),
        Some(AtEnd::Gone { .. }) | None => None,
    });
    shown
        .map(|(step, shows)| Evidence {
            fact: Fact::StillInForce {
                action: step.action.clone(),
                shows: shows.clone(),
            },
            shown_by: vec![Citation::Step(step.number)],
        })
        .collect()
}

/// Each director's table beside its connection entries: an entry may outlive its real server.
fn snapshots(record: &CellRecord, paths: &Journeys, network: &Network) -> Vec<Evidence> {
    let mut all = record.snapshots.iter();
    let before_change = all.find(|snapshot| snapshot.moment == Moment::BeforeChange);
    let before_change = before_change.map(|snapshot| snapshot.at);
    record
        .snapshots
        .iter()
        .filter(|snapshot| match snapshot.moment {
            Moment::AfterChange | Moment::End => true,
            // What the control plane made before the change is how the lab began.
            Moment::Changed => before_change.is_some_and(|before| before < snapshot.at),
            Moment::BeforeChange => false,
        })
        // Of a table that cannot be read nothing is said.
        .filter_map(|snapshot| {
            let services = Table::listed(&snapshot.services).ok()?;
            let connections = Connections::listed(&snapshot.connections).ok()?;
            let entry = network
                .connection
                .as_ref()
                // A connection that did not exist yet has no entry to speak of.
                .filter(|connection| connection.began <= snapshot.at)
                .map(|connection| {
                    entry(
                        (record, paths),
                        (&connections, snapshot.at),
                        connection.client_port,
                    )
                });
            Some(Evidence {
                fact: Fact::Table {
                    director: snapshot.node.clone(),
                    moment: snapshot.moment,
                    edited: Some(snapshot.at).filter(|_| snapshot.moment == Moment::Changed),
                    by: record.plan.control_plane().unwrap_or_default(),
                    servers: table(record, &services),
                    entry,
                },
                shown_by: vec![Citation::Snapshot(snapshot.number)],
            })
        })
        .collect()
}

/// The real servers in the cell's own service: those of the lab in its order, then those that are none of the
/// lab's, as a `sorry_server` of an author's own configuration may be.
fn table(record: &CellRecord, listed: &Table) -> Vec<HeldServer> {
    let plan = &record.plan;
    let service = listed.service(plan.service().listen());
    let held = |server: String, destination: &Destination| HeldServer {
        server,
        weight: destination.weight.to_string(),
    };
    let own = plan.real_servers().filter_map(|(name, host)| {
        let destination = service?.destination(plan.listed(host))?;
        Some(held(name.to_string(), destination))
    });
    let known = |address| plan.real_servers().any(|(_, host)| plan.listed(host) == address);
    let all = service.into_iter().flat_map(|service| &service.destinations);
    let others = all.filter(|destination| !known(destination.address));
    let others = others.map(|destination| held(destination.address.to_string(), destination));
    own.chain(others).collect()
}

/// The entry of the connection from this port of the client's.
fn entry(
    (record, paths): (&CellRecord, &Journeys),
    (listed, at): (&Connections, Instant),
    client_port: u16,
) -> ConnectionEntry {
    let plan = &record.plan;
    let held = record.client_address(client_port).and_then(|address| {
        let client = SocketAddr::from(paths.known_as((address, client_port), at));
        let mut entries = listed.of(client, plan.service().address);
        entries.next()
    });
    let Some(held) = held else {
        return ConnectionEntry::Absent;
    };
    let server = plan
        .real_servers()
        .find(|(_, host)| held.destination == plan.destination(host))
        .map_or_else(|| held.destination.to_string(), |(name, _)| name.to_string());
    ConnectionEntry::Held {
        server,
        state: held.state.clone(),
        expires: held.expires_listed(),
    }
}

fn beginning(record: &CellRecord, operation: &Classified<'_>, network: &Network) -> Evidence {
    let mut shown_by = vec![Citation::Event(operation.begun.number)];
    let sent = network.request.map(|request| {
        shown_by.push(Citation::Packet(request.seen().packet));
        match request {
            Request::Syn(_) => Sent::Syn,
            Request::Arp(_) if record.plan.router().is_some() => Sent::ArpForRouter,
            Request::Arp(_) => Sent::Arp,
            Request::Statement(_) => Sent::Statement,
            Request::Command(_) => Sent::Command(network.asked.clone()),
        }
    });
    Evidence {
        fact: Fact::Began {
            at: operation.began(),
            operation: operation_name(operation),
            sent,
        },
        shown_by,
    }
}

fn operation_name(operation: &Classified<'_>) -> String {
    operation
        .statement
        .as_ref()
        .map_or_else(|| "connect".to_owned(), |statement| statement.sql.clone())
}

fn server(network: &Network) -> Vec<Evidence> {
    let tried = network.servers.tried().into_iter().map(|tried| Evidence {
        shown_by: vec![Citation::Packet(tried.packet)],
        fact: Fact::Tried(tried.server),
    });
    let served = network.servers.one().map(|(node, packet)| Evidence {
        fact: Fact::ServedBy(node.clone()),
        shown_by: vec![Citation::Packet(*packet)],
    });
    tried.chain(served).collect()
}

/// What reached the client's interface and was not accepted: one piece of evidence for each kind, sender and
/// reason.
fn discarded(network: &Network) -> Vec<Evidence> {
    let mut groups: Vec<(&Discarded, Vec<Citation>)> = Vec::new();
    for segment in &network.discarded {
        let same = |first: &Discarded| {
            (first.kind, &first.by, first.why) == (segment.kind, &segment.by, segment.why)
        };
        let shown = Citation::Packet(segment.packet);
        match groups.iter_mut().find(|(first, _)| same(first)) {
            Some((_, shown_by)) => shown_by.push(shown),
            None => groups.push((segment, vec![shown])),
        }
    }
    groups
        .into_iter()
        .map(|(first, mut shown_by)| {
            let times = shown_by.len();
            match first.why {
                Reason::OwnFirewall { step } => shown_by.push(Citation::Step(step)),
                Reason::Unexpected | Reason::Ended | Reason::NotAcknowledged => {}
            }
            Evidence {
                fact: Fact::Discarded {
                    first: first.clone(),
                    times,
                },
                shown_by,
            }
        })
        .collect()
}

fn held_back(network: &Network) -> Option<Evidence> {
    let held_back = network.held_back?;
    Some(Evidence {
        fact: Fact::HeldBack(held_back),
        shown_by: vec![Citation::Step(held_back.step)],
    })
}

fn repetitions(network: &Network) -> Option<Evidence> {
    let retransmissions = &network.retransmissions;
    if retransmissions.count == 0 {
        return None;
    }
    Some(Evidence {
        fact: Fact::SentAgain {
            payload_length: retransmissions.payload_length,
            times: retransmissions.packets.len().saturating_sub(1),
            gaps: retransmissions.gaps.clone(),
        },
        shown_by: retransmissions
            .packets
            .iter()
            .map(|packet| Citation::Packet(*packet))
            .collect(),
    })
}

/// So many of the same in a row are named one by one.
const NAMED: usize = 3;

/// What ended or refused the connection. A director that cannot reach its server may say so hundreds of
/// times.
fn reached(terminators: &[Terminator]) -> Vec<Evidence> {
    let same = |one: &Terminator, other: &Terminator| one.kind == other.kind && one.by == other.by;
    let mut evidence = Vec::new();
    for run in terminators.chunk_by(same) {
        match run {
            [first, .., last] if run.len() > NAMED => evidence.push(Evidence {
                fact: Fact::ReachedOften {
                    first: first.clone(),
                    until: last.at,
                    times: run.len(),
                },
                shown_by: run.iter().map(|item| Citation::Packet(item.packet)).collect(),
            }),
            few => evidence.extend(few.iter().map(|item| Evidence {
                fact: Fact::Reached(item.clone()),
                shown_by: vec![Citation::Packet(item.packet)],
            })),
        }
    }
    evidence
}

fn silence(operation: &Classified<'_>, wire: &Wire, behaviour: &Behaviour) -> Option<Evidence> {
    let (lasted, end) = match behaviour {
        Behaviour::Hung { silence, end } => (*silence, *end),
        Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Undetermined { .. } => {
            return None;
        }
    };
    let (network, longest) = (wire.subject(), wire.silence);
    Some(Evidence {
        fact: Fact::Silence {
            from: longest.map_or(operation.due, |longest| longest.from),
            lasted,
            end,
        },
        shown_by: network
            .request
            .map(|request| Citation::Packet(request.seen().packet))
            .into_iter()
            .chain(
                longest
                    .and_then(|longest| longest.after)
                    .map(|part| Citation::Packet(part.packet)),
            )
            .chain(
                network
                    .last_unanswered(longest.map_or(operation.began(), |longest| longest.from))
                    .map(|seen| Citation::Packet(seen.packet)),
            )
            .chain([Citation::Event(operation.end.number)])
            .collect(),
    })
}

/// An answer that came in parts.
fn parts(operation: &Classified<'_>, wire: &Wire, behaviour: &Behaviour) -> Option<Evidence> {
    let longest = steady(operation, wire, behaviour)?;
    let (first, last) = (wire.last.answers.first()?, wire.last.answers.last()?);
    Some(Evidence {
        fact: Fact::InParts {
            from: first.at,
            to: last.at,
            longest: longest.lasted(),
        },
        shown_by: [first.packet, last.packet].map(Citation::Packet).to_vec(),
    })
}

fn contradicted(contradiction: &Contradiction) -> Evidence {
    let packet = contradiction.packet.map(Citation::Packet);
    Evidence {
        fact: Fact::Contradicted(contradiction.clone()),
        shown_by: [Citation::Event(contradiction.event)]
            .into_iter()
            .chain(packet)
            .collect(),
    }
}

fn lost_before(operation: &Classified<'_>, network: &Network) -> Option<Evidence> {
    let lost = operation.lost_before.filter(|_| network.request.is_none())?;
    Some(Evidence {
        fact: Fact::LostBefore {
            at: lost.at,
            message: lost.kind.error()?.message.clone(),
        },
        shown_by: vec![Citation::Event(lost.number)],
    })
}

fn ended_by_client_before(operation: &Classified<'_>, network: &Network) -> Option<Evidence> {
    // Where a packet had ended it, that one says more.
    let told = !network.terminators.is_empty();
    let idle = network.request.is_none() && operation.lost_before.is_none() && !told;
    let seen = network.ended_by_client_before.filter(|_| idle)?;
    Some(Evidence {
        fact: Fact::EndedByClientBefore { at: seen.at },
        shown_by: vec![Citation::Packet(seen.packet)],
    })
}

fn end(operation: &Classified<'_>, network: &Network) -> Evidence {
    let mut shown_by = vec![Citation::Event(operation.end.number)];
    let how = match (operation.failure(), operation.ended()) {
        (Some(failure), _) => OperationEnd::Error(failure.message.clone()),
        (None, Some(_)) => {
            shown_by.extend(network.answers.first().map(|seen| Citation::Packet(seen.packet)));
            OperationEnd::Answer
        }
        (None, None) => OperationEnd::Waiting,
    };
    Evidence {
        fact: Fact::Ended {
            at: operation.end.at,
            how,
        },
        shown_by,
    }
}
