//! A cell in `report.json`.

use super::{Axes, nanos};
use crate::run::{capture_path, record_path};
use lvs_matrix_language::Language;
use lvs_matrix_language::Length;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{FirewallVerdict, Node};
use lvs_matrix_model::record::Environment;
use lvs_matrix_model::scenario::{BehaviourName, Expected, HangEndName};
use lvs_matrix_model::verdict::{
    ArticleResult, Behaviour, Contradiction, Difference, Doubt, Evidence, HeldBack, JudgedCell,
    OrphanedSession, Tried, Try, TryEnd, Verdict, errno_name,
};

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) struct CellJson<'a> {
    id: String,
    scenario: &'a Name,
    /// The value of each axis.
    axes: Axes<'a>,
    #[schemars(extend("enum" = ["answered", "failed-fast", "hung", "undetermined"]))]
    behaviour: &'static str,
    /// How a hang ended; null for other behaviours.
    ends: Option<HangEndName>,
    /// How long a hang's silence lasted; null for other behaviours.
    silence_ns: Option<u64>,
    /// The run's own limit, where it ended the observation before the operation ended; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_to_ns: Option<u64>,
    /// Of an answer that came in parts and took longer than patience: the longest time without a part; absent
    /// otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_silence_ns: Option<u64>,
    /// The connections that the program used for the operation, one after the other, at most the first 20 and
    /// the last 20; absent if it used one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<AttemptJson<'a>>,
    /// The client says of its operation what the packets do not show; absent if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    contradiction: Option<ContradictionJson>,
    /// The article's word; null if the behaviour is not known.
    article: Option<ArticleResult>,
    /// The client's operation that was classified; null if there was none.
    operation: Option<OperationJson<'a>>,
    /// The error that ended it, if one did.
    error: Option<ErrorJson<'a>>,
    /// What ended or refused the connection, in the order in which it reached the client.
    terminators: Vec<TerminatorJson>,
    /// What reached the client's interface and was not accepted by its kernel, in order; absent if there is
    /// nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    discarded: Vec<DiscardedJson>,
    /// What the client's own firewall did not let out; absent if there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_back: Option<HeldBackJson>,
    retransmissions: RetransmissionsJson<'a>,
    /// Sessions that the client has lost and a server still holds.
    orphaned_sessions: &'a [OrphanedSession],
    evidence: Vec<EvidenceJson>,
    /// Null if nothing is expected.
    expected: Option<ExpectedJson<'a>>,
    verdict: VerdictJson,
    /// Why the change of the cell had no part in what was judged; absent if it had.
    #[serde(skip_serializing_if = "Option::is_none")]
    untested: Option<UntestedJson>,
    /// Nothing is changed in the cell: the others are compared with it. Absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    control: bool,
    environment: &'a Environment,
    /// Its record, relative to the run's folder.
    record: String,
    /// Its capture, relative to the run's folder; null if there is none.
    capture: Option<String>,
}

impl<'a> CellJson<'a> {
    pub(super) fn of(cell: &'a JudgedCell) -> Self {
        let place = &cell.record.plan.cell;
        let observed = &cell.observed;
        let (ends, silence_ns) = match &observed.behaviour {
            Behaviour::Hung { silence, end } => (Some(end.name()), Some(nanos(*silence))),
            Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Undetermined { .. } => {
                (None, None)
            }
        };
        Self {
            id: place.to_string(),
            scenario: &place.scenario,
            axes: Axes(place),
            behaviour: observed
                .behaviour
                .name()
                .map_or(phrasing::UNDETERMINED, BehaviourName::as_str),
            ends,
            silence_ns,
            cut_to_ns: observed.cut_to.map(nanos),
            longest_silence_ns: observed.longest_silence.map(nanos),
            attempts: observed.attempts.iter().map(AttemptJson::of).collect(),
            contradiction: observed.contradiction.as_ref().map(ContradictionJson::of),
            article: cell.article(),
            operation: OperationJson::of(cell),
            error: ErrorJson::of(cell),
            terminators: TerminatorJson::all(cell),
            discarded: DiscardedJson::all(cell),
            held_back: observed.held_back.map(HeldBackJson::of),
            retransmissions: RetransmissionsJson::of(cell),
            orphaned_sessions: &observed.orphaned_sessions,
            evidence: observed.evidence.iter().map(EvidenceJson::of).collect(),
            expected: ExpectedJson::of(&cell.record.plan.expected),
            verdict: VerdictJson::of(&cell.verdict),
            untested: UntestedJson::of(cell),
            control: cell.is_control(),
            environment: &cell.record.environment,
            record: record_path(place),
            capture: cell.record.capture.is_some().then(|| capture_path(place)),
        }
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct AttemptJson<'a> {
    client_port: u16,
    served_by: Option<String>,
    /// `connect`, `statement`, or the name of another command (`COM_PING`).
    waited_for: &'a str,
    /// The packet that asked for that.
    packet: u32,
    began_ns: i64,
    ended_ns: i64,
    /// `answered`, `server error 1213`, `ended by RST`, `unanswered`, `unread`.
    end: String,
}

impl<'a> AttemptJson<'a> {
    fn of(one: &'a Try) -> Self {
        Self {
            client_port: one.client_port,
            served_by: one.served_by.as_ref().map(Node::to_string),
            waited_for: &one.waited_for,
            packet: one.packet,
            began_ns: one.began.0,
            ended_ns: one.ended.0,
            end: match one.end {
                TryEnd::Answered => "answered".to_owned(),
                TryEnd::Error(code) => format!("server error {code}"),
                TryEnd::Ended(kind) => format!("ended by {kind}"),
                TryEnd::EndedBefore(kind) => format!("ended before by {kind}"),
                TryEnd::Unanswered => "unanswered".to_owned(),
                TryEnd::Unread => "unread".to_owned(),
            },
        }
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct ContradictionJson {
    /// What the client says of its operation.
    client: String,
    /// What the packets show.
    wire: String,
    /// The packet that shows it; null where there is none to show.
    packet: Option<u32>,
}

impl ContradictionJson {
    fn of(contradiction: &Contradiction) -> Self {
        Self {
            client: contradiction.client.to_string(),
            wire: contradiction.wire.to_string(),
            packet: contradiction.packet,
        }
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct OperationJson<'a> {
    what: &'a str,
    began_ns: i64,
    /// When patience began to count.
    due_ns: i64,
    /// Null if it had not ended when the observation did.
    ended_ns: Option<i64>,
    /// From its beginning to its end, or to the end of the observation if `ended-ns` is null; null if
    /// undetermined.
    time_ns: Option<u64>,
    client_port: Option<u16>,
    /// The real server that answered its connection, or the only one that it reached.
    served_by: Option<String>,
    /// The real servers that its connection reached before that one answered, in order; absent if there are
    /// none.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tried: &'a [Tried],
}

impl<'a> OperationJson<'a> {
    fn of(cell: &'a JudgedCell) -> Option<Self> {
        let operation = cell.observed.operation.as_ref()?;
        Some(Self {
            what: &operation.what,
            began_ns: operation.began.0,
            due_ns: operation.due.0,
            ended_ns: operation.ended.map(|at| at.0),
            time_ns: Length::of(cell).map(|length| nanos(length.time)),
            client_port: operation.client_port,
            served_by: operation.served_by.as_ref().map(Node::to_string),
            tried: &operation.tried,
        })
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct ErrorJson<'a> {
    /// The code that the classic client prints; null for an error of the server.
    classic: Option<u16>,
    errno: Option<u16>,
    errno_name: Option<&'static str>,
    /// The server's own error number, if it answered with one.
    server: Option<u16>,
    /// The client program's own text.
    message: &'a str,
}

impl<'a> ErrorJson<'a> {
    fn of(cell: &'a JudgedCell) -> Option<Self> {
        let error = cell.observed.error.as_ref()?;
        Some(Self {
            classic: error.classic,
            errno: error.errno,
            errno_name: error.errno.and_then(errno_name),
            server: error.server,
            message: &error.message,
        })
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct TerminatorJson {
    kind: String,
    by: Option<String>,
    packet: u32,
    at_ns: i64,
}

impl TerminatorJson {
    fn all(cell: &JudgedCell) -> Vec<Self> {
        let list = cell.observed.terminators.iter();
        list.map(|item| Self {
            kind: item.kind.to_string(),
            by: item.by.as_ref().map(Node::to_string),
            packet: item.packet,
            at_ns: item.at.0,
        })
        .collect()
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct DiscardedJson {
    /// `SYN-ACK`, `RST`, `FIN`, `acknowledgement`, or `segment with 58 bytes`.
    kind: String,
    by: Option<String>,
    packet: u32,
    at_ns: i64,
    /// A clause.
    why: String,
}

impl DiscardedJson {
    fn all(cell: &JudgedCell) -> Vec<Self> {
        let list = cell.observed.discarded.iter();
        list.map(|item| Self {
            kind: item.kind.to_string(),
            by: item.by.as_ref().map(Node::to_string),
            packet: item.packet,
            at_ns: item.at.0,
            why: item.why.to_string(),
        })
        .collect()
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct HeldBackJson {
    /// The step that added the rule.
    step: u32,
    /// What the rule did with each segment.
    verdict: FirewallVerdict,
    /// How many segments it had met when the observation ended, by the kernel's counter.
    segments: u64,
}

impl HeldBackJson {
    fn of(held_back: HeldBack) -> Self {
        let HeldBack {
            step,
            verdict,
            segments,
        } = held_back;
        Self {
            step,
            verdict,
            segments,
        }
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct RetransmissionsJson<'a> {
    count: u32,
    payload_length: u32,
    packets: &'a [u32],
    gaps_ns: Vec<u64>,
}

impl<'a> RetransmissionsJson<'a> {
    fn of(cell: &'a JudgedCell) -> Self {
        let repeated = &cell.observed.retransmissions;
        Self {
            count: repeated.count,
            payload_length: repeated.payload_length,
            packets: &repeated.packets,
            gaps_ns: repeated.gaps.iter().map(|gap| nanos(*gap)).collect(),
        }
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct EvidenceJson {
    /// A sentence.
    what: String,
    /// Where it can be seen: `packet 12`, `event 3`, `snapshot 2`, `step 4`.
    shown_by: Vec<String>,
}

impl EvidenceJson {
    fn of(evidence: &Evidence) -> Self {
        Self {
            what: evidence.fact.to_string(),
            shown_by: evidence
                .shown_by
                .iter()
                .map(|place| phrasing::citation(Language::English, *place))
                .collect(),
        }
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct ExpectedJson<'a> {
    behaviour: BehaviourName,
    ends: Option<HangEndName>,
    error: Option<u16>,
    errno: Option<u16>,
    at_least_ns: Option<u64>,
    at_most_ns: Option<u64>,
    /// The real servers of which one is to serve the connection; absent if nothing is said of it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    served_by: &'a [Name],
}

impl<'a> ExpectedJson<'a> {
    /// `None` if nothing is expected.
    fn of(expected: &'a Expected) -> Option<Self> {
        match expected {
            Expected::ObserveOnly => None,
            Expected::Behaviour(expected) => Some(Self {
                behaviour: expected.behaviour,
                ends: expected.ends,
                error: expected.error,
                errno: expected.errno,
                at_least_ns: expected.at_least.map(nanos),
                at_most_ns: expected.at_most.map(nanos),
                served_by: &expected.served_by,
            }),
        }
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct UntestedJson {
    /// `no-change`: what the change set was so already. `other-server`: other servers than that of the
    /// connection were changed. `over-before`: the operation was over before the change.
    /// `connection-ended-before`: the connection had been ended before the change.
    #[schemars(extend("enum" = ["no-change", "other-server", "over-before", "connection-ended-before"]))]
    kind: &'static str,
    /// A sentence.
    what: String,
    /// The number of the step that changed nothing, was made to another server, or came too late.
    step: u32,
    /// Does the expectation name the server (`served-by`), so that this is what the scenario means to show?
    intended: bool,
}

impl UntestedJson {
    pub(crate) fn of(cell: &JudgedCell) -> Option<Self> {
        let why = cell.observed.untested.as_ref()?;
        Some(Self {
            kind: why.key(),
            what: why.to_string(),
            step: why.step(),
            intended: cell.untested().is_none(),
        })
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct VerdictJson {
    #[schemars(extend("enum" = ["met", "observed-only", "tested-nothing", "violated", "undetermined"]))]
    result: &'static str,
    /// Of a violated cell: what differs from what is expected.
    differences: Vec<String>,
    /// Of an undetermined cell: why nothing certain is known. Of one that tested nothing: why.
    reasons: Vec<String>,
}

impl VerdictJson {
    pub(crate) fn of(verdict: &Verdict) -> Self {
        let (result, differences, reasons): (_, &[Difference], Vec<String>) = match verdict {
            Verdict::Met => ("met", &[], Vec::new()),
            Verdict::ObservedOnly => ("observed-only", &[], Vec::new()),
            Verdict::TestedNothing { why } => ("tested-nothing", &[], vec![why.to_string()]),
            Verdict::Violated { differences } => ("violated", differences, Vec::new()),
            Verdict::Undetermined { reasons } => (
                "undetermined",
                &[],
                reasons.iter().map(Doubt::to_string).collect(),
            ),
        };
        Self {
            result,
            differences: differences.iter().map(ToString::to_string).collect(),
            reasons,
        }
    }
}
