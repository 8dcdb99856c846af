//! Evidence: sentences that say what a record shows, each with the events, packets, snapshots and steps that show it.

use super::network::Network;
use super::observe::{failure, request_words, served_by};
use super::operation::{Classified, moment};
use super::{Behaviour, Citation, Evidence, HangEnd, Terminator, TerminatorKind};
use crate::action::{Action, Node};
use crate::duration::Human;
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
    evidence.extend(repetitions(network));
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
                what: format!("{}: {} ({proof})", moment(began), step.action),
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
            what: format!("at the end, {}: {shows}", step.action),
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
            let when = match snapshot.moment {
                Moment::BeforeChange => "before the change",
                Moment::AfterChange => "after the change",
                Moment::End => "at the end",
            };
            let entry = network
                .connection
                .as_ref()
                // A connection that did not exist yet has no entry to speak of.
                .filter(|connection| connection.began <= snapshot.at)
                .map_or_else(String::new, |connection| {
                    entry(record, snapshot, connection.client_port)
                });
            Evidence {
                what: format!("{when}, the director's table held {}{entry}", table(record, snapshot)),
                shown_by: vec![Citation::Snapshot(snapshot.number)],
            }
        })
        .collect()
}

/// The real servers in `ipvsadm -Ln`: lines `  -> 192.0.2.31:3306  Route  1  0  0`.
fn table(record: &CellRecord, snapshot: &DirectorSnapshot) -> String {
    let held: Vec<String> = record
        .plan
        .real_servers()
        .filter_map(|(name, host)| {
            let address = format!("{}:{}", host.address, record.plan.port);
            let line = snapshot
                .services
                .lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>())
                .find(|words| words.first() == Some(&"->") && words.get(1) == Some(&address.as_str()))?;
            Some(format!("{name} (weight {})", line.get(3).copied().unwrap_or("?")))
        })
        .collect();
    if held.is_empty() {
        "no real server".to_owned()
    } else {
        held.join(", ")
    }
}

/// The connection's entry in `ipvsadm -Lnc`: lines `TCP 14:58  ESTABLISHED client:port vip:port server:port`.
fn entry(record: &CellRecord, snapshot: &DirectorSnapshot, client_port: u16) -> String {
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
            format!(", and an entry for the connection to {server} ({state}, expires in {expire})")
        }
        Some(_) | None => ", and no entry for the connection".to_owned(),
    }
}

fn beginning(operation: &Classified<'_>, network: &Network) -> Evidence {
    let mut shown_by = vec![Citation::Event(operation.begun.number)];
    let sent = network.request.map_or_else(String::new, |request| {
        shown_by.push(Citation::Packet(request.seen().packet));
        format!("; {}", request_words(request))
    });
    Evidence {
        what: format!(
            "{}: the client began `{}`{sent}",
            moment(operation.began()),
            operation_name(operation)
        ),
        shown_by,
    }
}

fn operation_name(operation: &Classified<'_>) -> String {
    operation
        .statement
        .map_or_else(|| "connect".to_owned(), |statement| statement.sql.clone())
}

fn server(network: &Network) -> Option<Evidence> {
    let node = served_by(network)?;
    Some(Evidence {
        what: format!("{node} served the connection"),
        shown_by: network
            .servers
            .iter()
            .map(|(_, packet)| Citation::Packet(*packet))
            .collect(),
    })
}

fn repetitions(network: &Network) -> Option<Evidence> {
    let retransmissions = &network.retransmissions;
    if retransmissions.count == 0 {
        return None;
    }
    let gaps: Vec<String> = retransmissions.gaps.iter().map(|gap| Human(*gap).to_string()).collect();
    let what = match retransmissions.payload_length {
        0 => "its SYN".to_owned(),
        length => format!("the same {length} bytes"),
    };
    let times = match retransmissions.packets.len().saturating_sub(1) {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        several => format!("{several} times"),
    };
    Some(Evidence {
        what: format!("the client sent {what} again {times}, after {}", gaps.join(", ")),
        shown_by: retransmissions
            .packets
            .iter()
            .map(|packet| Citation::Packet(*packet))
            .collect(),
    })
}

fn terminator(terminator: &Terminator) -> Evidence {
    let by = terminator
        .by
        .as_ref()
        .map_or_else(|| "a host that is none of the lab's".to_owned(), Node::to_string);
    Evidence {
        what: format!(
            "{}: {} from {by} reached the client",
            moment(terminator.at),
            terminator.kind
        ),
        shown_by: vec![Citation::Packet(terminator.packet)],
    }
}

fn silence(operation: &Classified<'_>, network: &Network, behaviour: &Behaviour) -> Option<Evidence> {
    let (silence, how) = match behaviour {
        Behaviour::Hung { silence, end } => (
            silence,
            match end {
                HangEnd::Answer => "then the answer came",
                HangEnd::Error => "then the operation failed",
                HangEnd::None => "and it had not ended when the observation did",
            },
        ),
        Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Undetermined { .. } => return None,
    };
    Some(Evidence {
        what: format!(
            "from {} on, nothing that answers reached the client for {}, {how}",
            moment(operation.due).trim_start_matches("at "),
            Human(*silence)
        ),
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
    let what = match (failure(operation), operation.ended()) {
        (Some(failure), _) => format!("the client got the error \"{}\"", failure.message),
        (None, Some(_)) => {
            shown_by.extend(network.answers.first().map(|seen| Citation::Packet(seen.packet)));
            "the client got its answer".to_owned()
        }
        (None, None) => "the client was still waiting".to_owned(),
    };
    Evidence {
        what: format!("{}: {what}", moment(operation.end.at)),
        shown_by,
    }
}
