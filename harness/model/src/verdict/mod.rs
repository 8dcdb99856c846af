//! Two judgements. [`Observed`] is what the client lived through, measured from its record and capture;
//! [`Verdict`] holds it against what the scenario expects. Both are pure and can be made again from the
//! records at any time.

mod accepted;
mod attempts;
pub mod conntrack;
mod contradiction;
mod difference;
mod discarded;
mod doubt;
mod doubts;
mod error;
mod evidence;
mod exchange;
mod fact;
mod judge;
mod landed;
mod network;
mod observe;
mod operation;
mod orphans;
mod outage;
mod probed;
mod repeat;
mod segments;
mod servers;
mod spread;
mod terminators;
mod tries;
mod untested;

pub use accepted::HeldBack;
pub use contradiction::{ClientWord, Contradiction, WireWord};
pub use difference::{Bound, Counted, Difference};
pub use discarded::{Discarded, DiscardedKind, Reason};
pub use doubt::{Answered, At, Awaited, Doubt, Success, Unseen, Went};
pub use error::errno_name;
pub use fact::{ConnectionEntry, Fact, HeldServer, OperationEnd, Sent, named_gaps};
pub use judge::{RunOutcome, judge, judged};
pub use landed::{Landed, Reached, Round, Spread};
pub use probed::{IN_A_ROW, Loss, Outage, Probed};
pub use repeat::{Disagreement, Outcome, disagreements};
pub use servers::Tried;
pub use spread::observe;
pub use untested::{Untested, is_control, later_by};

use crate::Name;
use crate::action::Node;
use crate::capture::Packet;
use crate::duration::Instant;
use crate::path::Journeys;
use crate::record::{CellRecord, ClientEvent, ServerSession, Socket, StepRecord};
use crate::scenario::{BehaviourName, HangEndName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// What the client lived through, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Observed {
    /// The behaviour.
    pub behaviour: Behaviour,
    /// The client's operation that was classified (the last one of the `act` phase); `None` if there was
    /// none.
    pub operation: Option<Operation>,
    /// The operation in `act` that fared worst, if that is another one, and fared worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worse: Option<Worse>,
    /// The error that ended the operation, if one did.
    pub error: Option<ObservedError>,
    /// The client's segments that were sent again after the operation began (on the client's interface).
    pub retransmissions: Retransmissions,
    /// What ended or refused the client's connection, in order: every FIN, RST and ICMP unreachable that the
    /// client's kernel accepted for it, with who sent it.
    pub terminators: Vec<Terminator>,
    /// What reached the client's interface for the connection and was not accepted by its kernel, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discarded: Vec<Discarded>,
    /// What the client's own firewall did with segments that the client sent during the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_back: Option<HeldBack>,
    /// The run's limit to the observation ([`crate::plan::LabPlan::observe_at_most`]), if it ended before the
    /// operation did and before the scenario's own `until`: how the silence goes on is then not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_to: Option<Duration>,
    /// Of an answer that came in parts and took longer than patience: the longest time in which nothing new
    /// of it came, which was within patience.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_silence: Option<Duration>,
    /// The connections that the program used for the operation, one after the other, at most the first 20 and
    /// the last 20; empty if it used one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Try>,
    /// The client says of its operation what the packets do not show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contradiction: Option<Contradiction>,
    /// Sessions that the client has lost and a real server still held when the observation ended.
    pub orphaned_sessions: Vec<OrphanedSession>,
    /// How the clients of `connect-each` are spread over the real servers, if there is such a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// What the probes of the lab lived through, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probed: Vec<Probed>,
    /// Why the cell says nothing about its change; `None` if the change could bear on the operation, or if
    /// there is no change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untested: Option<Untested>,
    /// What shows all this.
    pub evidence: Vec<Evidence>,
}

/// An operation that fared worse than the one that is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Worse {
    /// Its number in the client's events.
    pub number: u32,
    /// What it was: `connect` or `query ‹sql›`.
    pub what: String,
    /// What the client lived through.
    pub behaviour: Behaviour,
    /// From its beginning to its end; `None` if it had none.
    pub lasted: Option<Duration>,
}

/// One of the connections that a program used for an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Try {
    /// The client's port.
    pub client_port: u16,
    /// The real server that it reached, if the capture shows one.
    pub served_by: Option<Node>,
    /// What the program last waited for on it: `connect`, `statement`, or the name of another command
    /// (`COM_PING`).
    pub waited_for: String,
    /// The packet that asked for that.
    pub packet: u32,
    /// When the program first used it for the operation.
    pub began: Instant,
    /// When that was answered, or ended, or the program turned to another connection.
    pub ended: Instant,
    /// How it ended.
    pub end: TryEnd,
}

/// How what a program waited for on a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TryEnd {
    /// With its whole answer.
    Answered,
    /// With an ERR of this number.
    Error(u16),
    /// Something ended or refused the connection.
    Ended(TerminatorKind),
    /// Something had ended the connection before it was asked for.
    EndedBefore(TerminatorKind),
    /// Without an answer: the program turned to another connection, or the operation or the observation
    /// ended.
    Unanswered,
    /// Not known: what is said on the connection cannot be read.
    Unread,
}

/// A session that the client has lost and a real server still holds: its kernel has the connection, or its
/// process list the session, while the client's kernel has no such connection any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OrphanedSession {
    /// On which real server.
    pub server: Name,
    /// Its `server_id`.
    pub server_id: u32,
    /// The client's port of the connection.
    pub client_port: u16,
    /// The session, if the process list could be asked and has it.
    pub session: Option<ServerSession>,
    /// The socket, if the server's kernel has it.
    pub socket: Option<Socket>,
}

/// What the client lived through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behaviour {
    /// The operation succeeded within patience.
    Answered {
        /// From its beginning to its end.
        after: Duration,
    },
    /// The operation failed within patience.
    FailedFast {
        /// From its beginning to the error.
        after: Duration,
    },
    /// Something was sent, and nothing that answers it came back for longer than patience.
    Hung {
        /// How long the silence lasted, from the moment patience began to count to the end of the hang or of
        /// the observation.
        silence: Duration,
        /// How it ended.
        end: HangEnd,
    },
    /// Not known, and why.
    Undetermined {
        /// The reasons, at least one.
        reasons: Vec<Doubt>,
    },
}

/// How a hang ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HangEnd {
    /// The operation succeeded after all.
    Answer,
    /// The operation failed after all.
    Error,
    /// It was still hanging when the observation ended.
    None,
}

impl HangEnd {
    /// Its name in scenarios.
    #[must_use]
    pub fn name(self) -> HangEndName {
        match self {
            Self::Answer => HangEndName::Answer,
            Self::Error => HangEndName::Error,
            Self::None => HangEndName::None,
        }
    }
}

impl Behaviour {
    /// Its name in scenarios and reports; `None` if it is not known.
    #[must_use]
    pub fn name(&self) -> Option<BehaviourName> {
        match self {
            Self::Answered { .. } => Some(BehaviourName::Answered),
            Self::FailedFast { .. } => Some(BehaviourName::FailedFast),
            Self::Hung { .. } => Some(BehaviourName::Hung),
            Self::Undetermined { .. } => None,
        }
    }

    /// The article's judgement: an answer or an error within patience is OK, silence beyond it is NG. `None`
    /// if not known.
    #[must_use]
    pub fn article(&self) -> Option<ArticleResult> {
        match self {
            Self::Answered { .. } | Self::FailedFast { .. } => Some(ArticleResult::Ok),
            Self::Hung { .. } => Some(ArticleResult::Ng),
            Self::Undetermined { .. } => None,
        }
    }
}

/// The article's two results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ArticleResult {
    /// The client knows within patience.
    Ok,
    /// The client is left waiting.
    Ng,
}

/// The operation that was classified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Operation {
    /// Its number in the client's events.
    pub number: u32,
    /// What it was: `connect` or `query ‹sql›`.
    pub what: String,
    /// When it began.
    pub began: Instant,
    /// When patience began to count: at its beginning, or that of `act` if it had begun before; where the
    /// client had stopped reading, when it read on; but not before a healthy server would have answered
    /// (`takes`).
    pub due: Instant,
    /// When it ended; `None` if it had not by the end of the observation.
    pub ended: Option<Instant>,
    /// The client's port of its connection, if the capture shows it.
    pub client_port: Option<u16>,
    /// The real server that answered its connection, or the only one that it reached, if the capture shows
    /// it.
    pub served_by: Option<Node>,
    /// The real servers that its connection reached before that one answered, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
}

/// An error as it is reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ObservedError {
    /// The client program's own text.
    pub message: String,
    /// errno as Linux numbers it, if a system call failed.
    pub errno: Option<u16>,
    /// The classic client code: 2002 or 2003 (cannot connect), 2006 (server has gone away), 2013 (lost
    /// connection during query). The program's own, if it reported one; else the one that MySQL's own client
    /// prints in the same situation. `None` for errors of the server.
    pub classic: Option<u16>,
    /// Did the program itself report `classic`?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reported: bool,
    /// The server's own error number, if it answered with one.
    pub server: Option<u16>,
    /// Was it nothing but the end of the connection, to which the protocol's clients give no code?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// Retransmissions of the client.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Retransmissions {
    /// How many segments carried something that had been sent before.
    pub count: u32,
    /// How many bytes of payload were sent again most often (13 for `select 1`): those that every one of
    /// `packets` carried, however TCP had cut them; 0 for a SYN.
    pub payload_length: u32,
    /// The numbers of the packets: the first sending, then each repetition.
    pub packets: Vec<u32>,
    /// The times between them.
    pub gaps: Vec<Duration>,
}

/// Something that ended or refused a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Terminator {
    /// What.
    pub kind: TerminatorKind,
    /// Which node sent it, by its Ethernet address; `None` if the address is none of the lab's.
    pub by: Option<Node>,
    /// The packet on the client's interface.
    pub packet: u32,
    /// When it reached the client.
    pub at: Instant,
}

impl TerminatorKind {
    /// Does it close a connection that is established? An ICMP error does not.
    #[must_use]
    pub fn closes(self) -> bool {
        match self {
            Self::Fin | Self::Rst => true,
            Self::Icmp { .. } => false,
        }
    }
}

/// The kinds of packets that end or refuse a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TerminatorKind {
    /// A FIN: the peer closed its side.
    Fin,
    /// An RST.
    Rst,
    /// ICMP destination unreachable.
    Icmp {
        /// Its code (3: port unreachable, 1: host unreachable).
        code: u8,
    },
}

/// A piece of evidence: a claim and where it can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Evidence {
    /// What is shown; in words by its [`Display`](std::fmt::Display).
    pub fact: Fact,
    /// Where.
    pub shown_by: Vec<Citation>,
}

/// Where something can be seen in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Citation {
    /// A client event by its number.
    Event(u32),
    /// A packet by its number.
    Packet(u32),
    /// A director snapshot by its number.
    Snapshot(u32),
    /// A step by its number.
    Step(u32),
    /// What a real server held at the end, by its `server_id`.
    Server(u32),
}

/// What was observed, held against what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As expected.
    Met,
    /// Nothing was expected: observed only.
    ObservedOnly,
    /// Nothing can be said about the change: it had no part in what was judged.
    TestedNothing {
        /// Why.
        why: Untested,
    },
    /// Not as expected.
    Violated {
        /// Each difference, at least one.
        differences: Vec<Difference>,
    },
    /// Not known, and why.
    Undetermined {
        /// The reasons, at least one.
        reasons: Vec<Doubt>,
    },
}

/// A cell with everything that judging gave: what reports are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedCell {
    /// The record.
    pub record: CellRecord,
    /// Its packets and their journeys. They were made when the cell was judged; what explains the cell and
    /// reports it asks these.
    pub journeys: Journeys,
    /// What was observed.
    pub observed: Observed,
    /// The verdict.
    pub verdict: Verdict,
}

impl JudgedCell {
    /// Its packets, in the order of their numbers.
    #[must_use]
    pub fn packets(&self) -> &[Packet] {
        self.journeys.packets()
    }

    /// What the client wrote down of the operations that a report speaks of: of those that one step began the
    /// judged one.
    pub fn events(&self) -> impl Iterator<Item = &ClientEvent> {
        let judged = self.observed.operation.as_ref().map(|operation| operation.number);
        let of_many = |step: &&StepRecord| step.further_operations > 0;
        let many = self.record.steps.iter().filter(of_many);
        let folded: BTreeSet<u32> = many.flat_map(StepRecord::operations).collect();
        let told =
            move |event: &&ClientEvent| judged == Some(event.operation) || !folded.contains(&event.operation);
        self.record.client_events.iter().filter(told)
    }

    /// Why the cell says nothing about its change; `None` if it does, or if its expectation names the server
    /// that was not changed: a scenario may well show that the connections of other servers are left alone.
    #[must_use]
    pub fn untested(&self) -> Option<&Untested> {
        let expected = &self.record.plan.expected;
        self.observed
            .untested
            .as_ref()
            .filter(|why| !judge::intended(expected, why))
    }

    /// The article's judgement. `None` if the behaviour is not known, and if it says nothing about the change
    /// of the cell: it would be the same, or as bad, in a healthy lab.
    #[must_use]
    pub fn article(&self) -> Option<ArticleResult> {
        let fails_anyway = match &self.verdict {
            Verdict::Undetermined { reasons } => reasons
                .iter()
                .any(|doubt| matches!(doubt, Doubt::DryStatement { .. } | Doubt::DryConnect { .. })),
            Verdict::Met
            | Verdict::ObservedOnly
            | Verdict::TestedNothing { .. }
            | Verdict::Violated { .. } => false,
        };
        match self.untested() {
            None if !fails_anyway => self.observed.behaviour.article(),
            Some(_) | None => None,
        }
    }

    /// Was the client left waiting, for certain and because of the change?
    #[must_use]
    pub fn left_waiting(&self) -> bool {
        self.article() == Some(ArticleResult::Ng)
    }

    /// Is nothing changed in the cell, on purpose: is it what the others are compared with?
    #[must_use]
    pub fn is_control(&self) -> bool {
        is_control(&self.record)
    }
}
