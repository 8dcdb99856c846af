//! What a piece of evidence says: data, so that a report can word it in any language, and the English words.

use super::{Contradiction, Discarded, HangEnd, HeldBack, Loss, OrphanedSession, Outage, Terminator};
use crate::Name;
use crate::action::FirewallVerdict;
use crate::action::{Action, Node};
use crate::control::ControlPlane;
use crate::duration::{Human, Instant};
use crate::record::{Moment, Proof};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What a piece of evidence says. Its [`fmt::Display`] is a sentence without its stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Fact {
    /// A step that is not the client's was done.
    Done {
        /// When it began.
        at: Instant,
        /// What it was.
        action: Action,
        /// What showed that it had its effect.
        proof: Proof,
    },
    /// What a director's table and its connection entries held.
    Table {
        /// Which one's.
        #[serde(
            default = "Node::first_director",
            skip_serializing_if = "Node::goes_without_saying"
        )]
        director: Node,
        /// When in the cell.
        moment: Moment,
        /// When on the clock, if its control plane had edited it then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        edited: Option<Instant>,
        /// Which program that is.
        #[serde(default, skip_serializing_if = "ControlPlane::is_keepalived")]
        by: ControlPlane,
        /// The real servers in it.
        servers: Vec<HeldServer>,
        /// The entry for the client's connection; `None` if there was no such connection yet.
        entry: Option<ConnectionEntry>,
    },
    /// The client began the operation.
    Began {
        /// When.
        at: Instant,
        /// `connect`, or the statement.
        operation: String,
        /// What it sent for it, if anything was seen.
        sent: Option<Sent>,
    },
    /// A real server served the client's connection.
    ServedBy(Node),
    /// The client's connection reached a real server that did not answer it before another one did.
    Tried(Name),
    /// The client's own firewall did not let out what the client sent.
    HeldBack(HeldBack),
    /// Segments reached the client's interface, and its kernel did not accept them.
    Discarded {
        /// The first one.
        first: Discarded,
        /// How many there were of its kind, from its sender, for its reason.
        times: usize,
    },
    /// The client sent the same segment again.
    SentAgain {
        /// Its payload in bytes; 0 for a SYN.
        payload_length: u32,
        /// How many times it was sent again.
        times: usize,
        /// The times between the sendings.
        gaps: Vec<Duration>,
    },
    /// Something that ends or refuses a connection reached the client.
    Reached(Terminator),
    /// The same from the same host reached the client again and again, with nothing else of this kind in
    /// between.
    ReachedOften {
        /// The first.
        first: Terminator,
        /// When the last one reached the client.
        until: Instant,
        /// How many there were.
        times: usize,
    },
    /// Nothing that answers reached the client.
    Silence {
        /// From when on.
        from: Instant,
        /// For how long.
        lasted: Duration,
        /// How it ended.
        end: HangEnd,
    },
    /// The answer came in parts, each within patience of the one before it, though the whole took longer.
    InParts {
        /// When the first one came.
        from: Instant,
        /// When the last one came.
        to: Instant,
        /// The longest time without one.
        longest: Duration,
    },
    /// The client says one thing, the packets show another.
    Contradicted(Contradiction),
    /// The client had lost the connection of the operation in an earlier one.
    LostBefore {
        /// When.
        at: Instant,
        /// The error that it got then.
        message: String,
    },
    /// The client's own kernel had ended the connection of the operation before it began.
    EndedByClientBefore {
        /// When.
        at: Instant,
    },
    /// How the operation ended for the client.
    Ended {
        /// When.
        at: Instant,
        /// How.
        how: OperationEnd,
    },
    /// What a probe lived through.
    Probed {
        /// The probe.
        probe: Name,
        /// Its attempts that came to something.
        attempts: u32,
        /// How many got no answer, by what became of them.
        lost: BTreeMap<Loss, u32>,
        /// The longest time in which attempts got no answer.
        longest: Option<Outage>,
    },
    /// A fault was looked at once more when the observation ended.
    StillInForce {
        /// Which one.
        action: Action,
        /// What shows it.
        shows: Proof,
    },
    /// A real server still holds what the client has lost.
    Orphaned(OrphanedSession),
}

/// A real server in a director's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HeldServer {
    /// Its name; its address and port if it is none of the lab's.
    pub server: String,
    /// Its weight as `ipvsadm -Ln` prints it.
    pub weight: String,
}

/// The director's entry for a connection, as `ipvsadm -Lnc` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum ConnectionEntry {
    /// There is none.
    Absent,
    /// There is one.
    Held {
        /// To which real server, by its name; by its address if it is none of the lab's.
        server: String,
        /// Its state (`ESTABLISHED`).
        state: String,
        /// When it expires, in minutes and seconds (`14:58`).
        expires: String,
    },
}

/// What the client sent for its operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sent {
    /// A SYN.
    Syn,
    /// A question for the VIP's Ethernet address, which nobody answered.
    Arp,
    /// A question for the Ethernet address of the client's router, which nobody answered.
    ArpForRouter,
    /// The statement.
    Statement,
    /// Another command: the program asks whether its connection lives, or puts the statement otherwise.
    Command(String),
}

/// How an operation ended for the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationEnd {
    /// With an error, by the client program's own text.
    Error(String),
    /// With its answer.
    Answer,
    /// It had not ended when the observation did.
    Waiting,
}

/// `at 1m`: a moment in the cell.
fn at(moment: Instant) -> String {
    format!("at {}", after_epoch(moment))
}

fn after_epoch(moment: Instant) -> Human {
    Human(moment.since(Instant(0)))
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done {
                at: when,
                action,
                proof,
            } => write!(f, "{}: {action} ({proof})", at(*when)),
            Self::Table {
                edited: Some(edited),
                by,
                director,
                servers,
                entry,
                ..
            } => {
                let (when, whose) = (at(*edited), whose(director));
                let held = held(servers);
                write!(f, "{when}, edited by {by}, {whose} table held {held}")?;
                entry.as_ref().map_or(Ok(()), |entry| entry.fmt(f))
            }
            Self::Table {
                moment,
                edited: None,
                director,
                servers,
                entry,
                ..
            } => {
                let when = match moment {
                    Moment::BeforeChange => "before the change",
                    Moment::AfterChange => "after the change",
                    Moment::Changed => "when the control plane had edited it",
                    Moment::End => "at the end",
                };
                write!(f, "{when}, {} table held {}", whose(director), held(servers))?;
                entry.as_ref().map_or(Ok(()), |entry| entry.fmt(f))
            }
            Self::Began {
                at: when,
                operation,
                sent,
            } => {
                write!(f, "{}: the client began `{operation}`", at(*when))?;
                match sent {
                    Some(sent) => write!(f, "; {sent}"),
                    None => Ok(()),
                }
            }
            Self::ServedBy(node) => write!(f, "{node} served the connection"),
            Self::Tried(server) => write!(
                f,
                "before that, the client's segments reached {server}, which did not answer"
            ),
            Self::HeldBack(held_back) => held_back_in_words(f, *held_back),
            Self::Discarded { first, times } => discarded_in_words(f, first, *times),
            Self::SentAgain {
                payload_length,
                times,
                gaps,
            } => sent_again(f, *payload_length, *times, gaps),
            Self::Reached(terminator) => {
                let by = sender(terminator.by.as_ref());
                let (when, kind) = (at(terminator.at), &terminator.kind);
                write!(f, "{when}: {kind} from {by} reached the client")
            }
            Self::ReachedOften { first, until, times } => {
                let (kind, by) = (&first.kind, sender(first.by.as_ref()));
                let (from, until) = (after_epoch(first.at), after_epoch(*until));
                write!(
                    f,
                    "from {from} to {until}: {kind} from {by} reached the client {times} times"
                )
            }
            Self::Silence { from, lasted, end } => write!(
                f,
                "from {} on, nothing that answers reached the client for {}, {}",
                after_epoch(*from),
                Human(*lasted),
                match end {
                    HangEnd::Answer => "then the answer came",
                    HangEnd::Error => "then the operation failed",
                    HangEnd::None => "and it had not ended when the observation did",
                }
            ),
            Self::InParts { from, to, longest } => write!(
                f,
                "the answer came in parts from {} to {}; the longest time without a part was {}",
                after_epoch(*from),
                after_epoch(*to),
                Human(*longest)
            ),
            Self::Contradicted(contradiction) => contradiction.fmt(f),
            Self::LostBefore { at: when, message } => write!(
                f,
                "{}: an earlier operation lost this connection with \"{message}\", so nothing was sent for \
                 this one",
                at(*when)
            ),
            Self::EndedByClientBefore { at: when } => write!(
                f,
                "{}: the client's own kernel had ended the connection, so nothing was sent for this \
                 operation",
                at(*when)
            ),
            Self::Ended { at: when, how } => write!(f, "{}: {how}", at(*when)),
            Self::Probed {
                probe,
                attempts,
                lost,
                longest,
            } => probed(f, probe, *attempts, lost, longest.as_ref()),
            Self::StillInForce { action, shows } => write!(f, "at the end, {action}: {shows}"),
            Self::Orphaned(orphan) => write!(f, "at the end, {orphan}"),
        }
    }
}

fn probed(
    f: &mut fmt::Formatter<'_>,
    probe: &Name,
    attempts: u32,
    lost: &BTreeMap<Loss, u32>,
    longest: Option<&Outage>,
) -> fmt::Result {
    let Some(longest) = longest else {
        return write!(f, "all {attempts} attempts of the probe {probe} were answered");
    };
    let total: u32 = lost.values().sum();
    let kinds = lost.iter().map(|(loss, count)| format!("{count} {loss}"));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    write!(
        f,
        "{total} of {attempts} attempts of the probe {probe} got no answer ({kinds}); the longest outage \
         began {} and lasted {}",
        after_epoch(longest.from),
        Human(longest.lasted())
    )?;
    match longest.to_the_end {
        true => f.write_str(", to the end of the observation"),
        false => Ok(()),
    }
}

fn sender(by: Option<&Node>) -> String {
    by.map_or_else(|| "a host that is none of the lab's".to_owned(), Node::to_string)
}

fn held_back_in_words(f: &mut fmt::Formatter<'_>, held_back: HeldBack) -> fmt::Result {
    let HeldBack {
        step,
        verdict,
        segments,
    } = held_back;
    let did = match verdict {
        FirewallVerdict::Drop => "dropped",
        FirewallVerdict::Reject => "rejected, with an ICMP error to the client itself,",
        FirewallVerdict::TcpReset => "rejected, with an RST to the client itself,",
    };
    let what = if segments == 1 {
        "1 segment".to_owned()
    } else {
        format!("{segments} segments")
    };
    write!(
        f,
        "the client's own firewall (step {step}) {did} {what} of the client before its interface, by the \
         kernel's counter"
    )
}

fn discarded_in_words(f: &mut fmt::Formatter<'_>, first: &Discarded, times: usize) -> fmt::Result {
    let (when, kind, by, why) = (at(first.at), first.kind, sender(first.by.as_ref()), first.why);
    write!(f, "{when}: {kind} from {by} reached the client's interface")?;
    match times {
        1 => f.write_str(", but its kernel did not accept it")?,
        2 => f.write_str(" and came once more, but its kernel accepted neither")?,
        several => write!(
            f,
            " and came {} times more, but its kernel accepted none",
            several - 1
        )?,
    }
    write!(f, ": {why}")
}

/// How many gaps between repetitions are all named. TCP's patience with one segment is 15 repetitions by
/// default, and probes before.
const GAPS_NAMED: usize = 20;

/// The gaps that are named of so many: all of them, or the first three and the last.
#[must_use]
pub fn named_gaps(gaps: &[Duration]) -> (&[Duration], Option<Duration>) {
    match gaps {
        [first @ .., last] if gaps.len() > GAPS_NAMED => (&first[..3], Some(*last)),
        all => (all, None),
    }
}

/// Whose table it is. Of one director, or of the first one, no name is said.
fn whose(director: &Node) -> String {
    match director.goes_without_saying() {
        true => "the director's".to_owned(),
        false => format!("{director}'s"),
    }
}

fn held(servers: &[HeldServer]) -> String {
    if servers.is_empty() {
        return "no real server".to_owned();
    }
    let each = servers
        .iter()
        .map(|held| format!("{} (weight {})", held.server, held.weight));
    each.collect::<Vec<_>>().join(", ")
}

fn sent_again(
    f: &mut fmt::Formatter<'_>,
    payload_length: u32,
    times: usize,
    gaps: &[Duration],
) -> fmt::Result {
    let what = match payload_length {
        0 => "its SYN".to_owned(),
        length => format!("the same {length} bytes"),
    };
    let times = match times {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        several => format!("{several} times"),
    };
    let (named, last) = named_gaps(gaps);
    let named: Vec<String> = named.iter().map(|gap| Human(*gap).to_string()).collect();
    write!(
        f,
        "the client sent {what} again {times}, after {}",
        named.join(", ")
    )?;
    match last {
        None => Ok(()),
        Some(last) => write!(f, " … {} ({} gaps in all)", Human(last), gaps.len()),
    }
}

impl fmt::Display for ConnectionEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str(", and no entry for the connection"),
            Self::Held {
                server,
                state,
                expires,
            } => {
                write!(
                    f,
                    ", and an entry for the connection to {server} ({state}, expires in {expires})"
                )
            }
        }
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syn => f.write_str("the client sent its SYN"),
            Self::Arp => f.write_str("the client asked for the VIP's Ethernet address, and nobody answered"),
            Self::ArpForRouter => {
                f.write_str("the client asked for its router's Ethernet address, and nobody answered")
            }
            Self::Statement => f.write_str("the client sent the statement"),
            Self::Command(name) => write!(f, "the client sent {name} first"),
        }
    }
}

impl fmt::Display for OperationEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(message) => write!(f, "the client got the error \"{message}\""),
            Self::Answer => f.write_str("the client got its answer"),
            Self::Waiting => f.write_str("the client was still waiting"),
        }
    }
}
