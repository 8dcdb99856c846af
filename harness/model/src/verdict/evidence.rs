//! Evidence: sentences that say what a record shows, each with the events, packets, snapshots and steps that show it.

use super::network::{Network, Request};
use super::observe::failure;
use super::operation::Classified;
use super::{
    Behaviour, Citation, ConnectionEntry, Discarded, Evidence, Fact, HeldServer, OperationEnd, Reason, Sent,
    Terminator, TerminatorKind,
};
use crate::action::{Action, Node};
use crate::plan::Phase;
use crate::record::{AtEnd, CellRecord, DirectorSnapshot, Moment, StepOutcome};
use std::fmt;

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
    record: &CellRecord,
    operation: &Classified<'_>,
    network: &Network,
    behaviour: &Behaviour,
) -> Vec<Evidence> {
    let mut evidence = changes(record);
    evidence.extend(snapshots(record, network));
    evidence.push(beginning(operation, network));
    evidence.extend(server(network));
    evidence.extend(held_back(network));
    evidence.extend(repetitions(network));
    evidence.extend(discarded(network));
    evidence.extend(network.terminators.iter().map(terminator));
    evidence.extend(silence(operation, network, behaviour));
    evidence.push(end(operation, network));
    evidence.extend(lasting(record));
    evidence
}

fn changes(record: &CellRecord) -> Vec<Evidence> {
    record
        .steps
        .iter()
        .filter(|step| step.phase == Phase::Change || (step.phase == Phase::Act && !step.action.is_of_client()))
        .filter(|step| !matches!(step.action, Action::Wait(_)))
        .filter_map(|step| match (&step.outcome, step.began) {
            (StepOutcome::Done { proof }, Some(began)) if !proof.is_empty() => Some(Evidence {
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

/// The director's table beside its connection entries: an entry may outlive its real server.
fn snapshots(record: &CellRecord, network: &Network) -> Vec<Evidence> {
    record
        .snapshots
        .iter()
        .filter(|snapshot| match snapshot.moment {
            Moment::AfterChange | Moment::End => true,
            Moment::BeforeChange => false,
        })
        .map(|snapshot| {
            let entry = network
                .connection
                .as_ref()
                // A connection that did not exist yet has no entry to speak of.
                .filter(|connection| connection.began <= snapshot.at)
                .map(|connection| entry(record, snapshot, connection.client_port));
            Evidence {
                fact: Fact::Table {
                    moment: snapshot.moment,
                    servers: table(record, snapshot),
                    entry,
                },
                shown_by: vec![Citation::Snapshot(snapshot.number)],
            }
        })
        .collect()
}

/// The real servers in `ipvsadm -Ln`: lines `  -> 192.0.2.31:3306  Route  1  0  0`.
fn table(record: &CellRecord, snapshot: &DirectorSnapshot) -> Vec<HeldServer> {
    let lines: Vec<Vec<&str>> = snapshot
        .services
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    record
        .plan
        .real_servers()
        .filter_map(|(name, host)| {
            let address = format!("{}:{}", host.address, record.plan.port);
            let line = lines
                .iter()
                .find(|words| words.first() == Some(&"->") && words.get(1) == Some(&address.as_str()))?;
            Some(HeldServer {
                server: name.clone(),
                weight: line.get(3).copied().unwrap_or("?").to_owned(),
            })
        })
        .collect()
}

/// The connection's entry in `ipvsadm -Lnc`: lines `TCP 14:58  ESTABLISHED client:port vip:port server:port`.
fn entry(record: &CellRecord, snapshot: &DirectorSnapshot, client_port: u16) -> ConnectionEntry {
    let client = record
        .plan
        .host(&Node::Client)
        .map_or_else(String::new, |host| format!("{}:{client_port}", host.address));
    let found = snapshot
        .connections
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|words| words.get(3) == Some(&client.as_str()));
    match found.as_deref() {
        Some([_, expire, state, _, _, destination, ..]) => {
            let server = record
                .plan
                .real_servers()
                .find(|(_, host)| *destination == format!("{}:{}", host.address, record.plan.port))
                .map_or_else(|| (*destination).to_owned(), |(name, _)| name.to_string());
            ConnectionEntry::Held {
                server,
                state: (*state).to_owned(),
                expires: (*expire).to_owned(),
            }
        }
        Some(_) | None => ConnectionEntry::Absent,
    }
}

fn beginning(operation: &Classified<'_>, network: &Network) -> Evidence {
    let mut shown_by = vec![Citation::Event(operation.begun.number)];
    let sent = network.request.map(|request| {
        shown_by.push(Citation::Packet(request.seen().packet));
        match request {
            Request::Syn(_) => Sent::Syn,
            Request::Arp(_) => Sent::Arp,
            Request::Statement(_) => Sent::Statement,
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

/// What reached the client's interface and was not accepted: one piece of evidence for each kind, sender and reason.
fn discarded(network: &Network) -> Vec<Evidence> {
    let mut groups: Vec<(&Discarded, Vec<Citation>)> = Vec::new();
    for segment in &network.discarded {
        let same = |first: &Discarded| (first.kind, &first.by, first.why) == (segment.kind, &segment.by, segment.why);
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

fn terminator(terminator: &Terminator) -> Evidence {
    Evidence {
        fact: Fact::Reached(terminator.clone()),
        shown_by: vec![Citation::Packet(terminator.packet)],
    }
}

fn silence(operation: &Classified<'_>, network: &Network, behaviour: &Behaviour) -> Option<Evidence> {
    let (lasted, end) = match behaviour {
        Behaviour::Hung { silence, end } => (*silence, *end),
        Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Undetermined { .. } => return None,
    };
    Some(Evidence {
        fact: Fact::Silence {
            from: operation.due,
            lasted,
            end,
        },
        shown_by: network
            .request
            .map(|request| Citation::Packet(request.seen().packet))
            .into_iter()
            .chain(network.last_sent.map(|seen| Citation::Packet(seen.packet)))
            .chain([Citation::Event(operation.end.number)])
            .collect(),
    })
}

fn end(operation: &Classified<'_>, network: &Network) -> Evidence {
    let mut shown_by = vec![Citation::Event(operation.end.number)];
    let how = match (failure(operation), operation.ended()) {
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
