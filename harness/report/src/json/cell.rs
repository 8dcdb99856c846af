//! A cell in `report.json`.

use super::{Axes, form, nanos};
use crate::run::{capture_path, record_path};
use lvs_matrix_language::{Language, Length, phrasing};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{FirewallVerdict, Node};
use lvs_matrix_model::matrix::KernelId;
use lvs_matrix_model::record::Environment;
use lvs_matrix_model::scenario::{
    BehaviourName, Expected, ExpectedBehaviour, ExpectedSpread, HangEndName, OutageBounds,
};
use lvs_matrix_model::verdict::{
    ArticleResult, Behaviour, Contradiction, Discarded, Doubt, Evidence, HangEnd, HeldBack, JudgedCell, Loss,
    ObservedError, Operation, OrphanedSession, Outage, Probed, Retransmissions, Spread, Terminator, Tried,
    Try, TryEnd, Untested, Verdict, Worse, errno_name,
};
use std::collections::BTreeMap;
use std::time::Duration;

form! {
    CellJson<'a> of cell => &'a JudgedCell {
        id: String = cell.record.plan.cell.to_string();
        scenario: &'a Name = &cell.record.plan.cell.scenario;
        /// Which of the run's kernels; absent in a run that was asked for none by name.
        #[serde(skip_serializing_if = "Option::is_none")]
        kernel: Option<&'a KernelId> = cell.record.plan.cell.kernel.as_ref();
        /// The value of each axis.
        axes: Axes<'a> = Axes(&cell.record.plan.cell);
        #[schemars(extend("enum" = ["answered", "failed-fast", "hung", "undetermined"]))]
        behaviour: &'static str = crate::overview::behaviour_class(cell);
        /// How a hang ended; null for other behaviours.
        ends: Option<HangEndName> = hang(cell).map(|(_, end)| end.name());
        /// How long a hang's silence lasted; null for other behaviours.
        silence_ns: Option<u64> = hang(cell).map(|(silence, _)| nanos(silence));
        /// The run's own limit, where it ended the observation before the operation ended; absent otherwise.
        #[serde(skip_serializing_if = "Option::is_none")]
        cut_to_ns: Option<u64> = cell.observed.cut_to.map(nanos);
        /// Of an answer that came in parts and took longer than patience: the longest time without a part;
        /// absent otherwise.
        #[serde(skip_serializing_if = "Option::is_none")]
        longest_silence_ns: Option<u64> = cell.observed.longest_silence.map(nanos);
        /// The connections that the program used for the operation, one after the other, at most the first 20
        /// and the last 20; absent if it used one.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        attempts: Vec<AttemptJson<'a>> = cell.observed.attempts.iter().map(AttemptJson::of).collect();
        /// The client says of its operation what the packets do not show; absent if it does not.
        #[serde(skip_serializing_if = "Option::is_none")]
        contradiction: Option<ContradictionJson> =
            cell.observed.contradiction.as_ref().map(ContradictionJson::of);
        /// How the clients of many addresses were spread over the real servers; absent if they were not asked
        /// to connect.
        #[serde(skip_serializing_if = "Option::is_none")]
        spread: Option<&'a Spread> = cell.observed.spread.as_ref();
        /// How many of those whose real server has stayed reached another one; absent if nothing is known of
        /// before.
        #[serde(skip_serializing_if = "Option::is_none")]
        moved: Option<usize> =
            cell.observed.spread.as_ref().filter(|spread| spread.before().is_some()).map(Spread::moved);
        /// What the probes of the lab lived through; absent if it has none.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        probes: Vec<ProbedJson<'a>> = cell.observed.probed.iter().map(ProbedJson::of).collect();
        /// The article's word; null if the behaviour is not known.
        article: Option<ArticleResult> = cell.article();
        /// The client's operation that was classified; null if there was none.
        operation: Option<OperationJson<'a>> =
            cell.observed.operation.as_ref().map(|operation| OperationJson::of((cell, operation)));
        /// The operation in `act` that fared worse than that one, and worst of all; absent if there is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        worse: Option<WorseJson<'a>> = cell.observed.worse.as_ref().map(WorseJson::of);
        /// The error that ended it, if one did.
        error: Option<ErrorJson<'a>> = cell.observed.error.as_ref().map(ErrorJson::of);
        /// What ended or refused the connection, in the order in which it reached the client.
        terminators: Vec<TerminatorJson> =
            cell.observed.terminators.iter().map(TerminatorJson::of).collect();
        /// What reached the client's interface and was not accepted by its kernel, in order; absent if there
        /// is nothing.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        discarded: Vec<DiscardedJson> = cell.observed.discarded.iter().map(DiscardedJson::of).collect();
        /// What the client's own firewall did not let out; absent if there is nothing.
        #[serde(skip_serializing_if = "Option::is_none")]
        held_back: Option<HeldBackJson> = cell.observed.held_back.map(HeldBackJson::of);
        retransmissions: RetransmissionsJson<'a> = RetransmissionsJson::of(&cell.observed.retransmissions);
        /// Sessions that the client has lost and a server still holds.
        orphaned_sessions: &'a [OrphanedSession] = &cell.observed.orphaned_sessions;
        evidence: Vec<EvidenceJson> = cell.observed.evidence.iter().map(EvidenceJson::of).collect();
        /// Null if nothing is expected.
        expected: Option<ExpectedJson<'a>> = match &cell.record.plan.expected {
            Expected::ObserveOnly => None,
            Expected::Behaviour(expected) => Some(ExpectedJson::of(expected)),
        };
        verdict: VerdictJson = VerdictJson::of(&cell.verdict);
        /// Why the change of the cell had no part in what was judged; absent if it had.
        #[serde(skip_serializing_if = "Option::is_none")]
        untested: Option<UntestedJson> = UntestedJson::of_cell(cell);
        /// Nothing is changed in the cell: the others are compared with it. Absent otherwise.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        control: bool = cell.is_control();
        environment: &'a Environment = &cell.record.environment;
        /// Its record, relative to the run's folder.
        record: String = record_path(&cell.record.plan.cell);
        /// Its capture, relative to the run's folder; null if there is none.
        capture: Option<String> =
            cell.record.capture.as_ref().map(|_| capture_path(&cell.record.plan.cell));
    }

    WorseJson<'a> of worse => &'a Worse {
        /// Its number in the client's events.
        number: u32 = worse.number;
        what: &'a str = &worse.what;
        #[schemars(extend("enum" = ["answered", "failed-fast", "hung"]))]
        behaviour: &'static str = worse.behaviour.name().map_or("undetermined", BehaviourName::as_str);
        /// How a hang ended; null for other behaviours.
        ends: Option<HangEndName> = match worse.behaviour {
            Behaviour::Hung { end, .. } => Some(end.name()),
            Behaviour::Answered { .. } | Behaviour::FailedFast { .. } => None,
            Behaviour::Undetermined { .. } => None,
        };
        /// From its beginning to its end; null if it had none.
        lasted_ns: Option<u64> = worse.lasted.map(nanos);
    }

    ProbedJson<'a> of probed => &'a Probed {
        probe: &'a Name = &probed.probe;
        /// Its attempts that came to something by the end of the observation.
        attempts: u32 = probed.attempts;
        answered: u32 = probed.answered;
        /// Attempts that had waited for longer than the probe's interval when the observation ended; absent
        /// if there are none.
        #[serde(skip_serializing_if = "Option::is_none")]
        waiting: Option<u32> = Some(probed.waiting).filter(|count| *count > 0);
        /// How many got no answer, by what became of them.
        lost: &'a BTreeMap<Loss, u32> = &probed.lost;
        /// How many got an answer from which real server; absent if none says who it is.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        served_by: &'a BTreeMap<Name, u32> = &probed.served_by;
        /// The times in which no attempt got an answer, in order.
        outages: Vec<OutageJson> = probed.outages.iter().map(OutageJson::of).collect();
        /// How long the longest of them lasted; 0 if there is none.
        longest_outage_ns: u64 = nanos(probed.longest().map_or(Duration::ZERO, Outage::lasted));
    }

    OutageJson of outage => &Outage {
        /// When the first attempt began that got no answer.
        from_ns: i64 = outage.from.0;
        /// When the first one began of those that were answered again; else the end of the observation.
        to_ns: i64 = outage.to.0;
        /// Did none get an answer again?
        to_the_end: bool = outage.to_the_end;
        /// How many attempts got none, from the first of those to the last …
        lost: u32 = outage.lost;
        /// … of so many.
        attempts: u32 = outage.attempts;
    }

    ExpectedOutageJson of (probe, bounds) => (Option<&Name>, &OutageBounds) {
        /// Of which probe it is said; absent: of each.
        #[serde(skip_serializing_if = "Option::is_none")]
        probe: Option<String> = probe.map(Name::to_string);
        at_least_ns: Option<u64> = bounds.at_least.map(nanos);
        at_most_ns: Option<u64> = bounds.at_most.map(nanos);
        /// At most so many attempts get no answer.
        lost: Option<u32> = bounds.lost;
    }

    AttemptJson<'a> of one => &'a Try {
        client_port: u16 = one.client_port;
        served_by: Option<String> = one.served_by.as_ref().map(Node::to_string);
        /// `connect`, `statement`, or the name of another command (`COM_PING`).
        waited_for: &'a str = &one.waited_for;
        /// The packet that asked for that.
        packet: u32 = one.packet;
        began_ns: i64 = one.began.0;
        ended_ns: i64 = one.ended.0;
        /// `answered`, `server error 1213`, `ended by RST`, `unanswered`, `unread`.
        end: String = match one.end {
            TryEnd::Answered => "answered".to_owned(),
            TryEnd::Error(code) => format!("server error {code}"),
            TryEnd::Ended(kind) => format!("ended by {kind}"),
            TryEnd::EndedBefore(kind) => format!("ended before by {kind}"),
            TryEnd::Unanswered => "unanswered".to_owned(),
            TryEnd::Unread => "unread".to_owned(),
        };
    }

    ContradictionJson of contradiction => &Contradiction {
        /// What the client says of its operation.
        client: String = contradiction.client.to_string();
        /// What the packets show.
        wire: String = contradiction.wire.to_string();
        /// The packet that shows it; null where there is none to show.
        packet: Option<u32> = contradiction.packet;
    }

    OperationJson<'a> of (cell, operation) => (&'a JudgedCell, &'a Operation) {
        what: &'a str = &operation.what;
        began_ns: i64 = operation.began.0;
        /// When patience began to count.
        due_ns: i64 = operation.due.0;
        /// Null if it had not ended when the observation did.
        ended_ns: Option<i64> = operation.ended.map(|at| at.0);
        /// From its beginning to its end, or to the end of the observation if `ended-ns` is null; null if
        /// undetermined.
        time_ns: Option<u64> = Length::of(cell).map(|length| nanos(length.time));
        client_port: Option<u16> = operation.client_port;
        /// The real server that answered its connection, or the only one that it reached.
        served_by: Option<String> = operation.served_by.as_ref().map(Node::to_string);
        /// The real servers that its connection reached before that one answered, in order; absent if there
        /// are none.
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        tried: &'a [Tried] = &operation.tried;
    }

    ErrorJson<'a> of error => &'a ObservedError {
        /// The code that the classic client prints; null for an error of the server.
        classic: Option<u16> = error.classic;
        errno: Option<u16> = error.errno;
        errno_name: Option<&'static str> = error.errno.and_then(errno_name);
        /// The server's own error number, if it answered with one.
        server: Option<u16> = error.server;
        /// The client program's own text.
        message: &'a str = &error.message;
    }

    TerminatorJson of item => &Terminator {
        kind: String = item.kind.to_string();
        by: Option<String> = item.by.as_ref().map(Node::to_string);
        packet: u32 = item.packet;
        at_ns: i64 = item.at.0;
    }

    DiscardedJson of item => &Discarded {
        /// `SYN-ACK`, `RST`, `FIN`, `acknowledgement`, or `segment with 58 bytes`.
        kind: String = item.kind.to_string();
        by: Option<String> = item.by.as_ref().map(Node::to_string);
        packet: u32 = item.packet;
        at_ns: i64 = item.at.0;
        /// A clause.
        why: String = item.why.to_string();
    }

    HeldBackJson of held_back => HeldBack {
        /// The step that added the rule.
        step: u32 = held_back.step;
        /// What the rule did with each segment.
        verdict: FirewallVerdict = held_back.verdict;
        /// How many segments it had met when the observation ended, by the kernel's counter.
        segments: u64 = held_back.segments;
    }

    RetransmissionsJson<'a> of repeated => &'a Retransmissions {
        count: u32 = repeated.count;
        payload_length: u32 = repeated.payload_length;
        packets: &'a [u32] = &repeated.packets;
        gaps_ns: Vec<u64> = repeated.gaps.iter().copied().map(nanos).collect();
    }

    EvidenceJson of evidence => &Evidence {
        /// A sentence.
        what: String = evidence.fact.to_string();
        /// Where it can be seen: `packet 12`, `event 3`, `snapshot 2`, `step 4`.
        shown_by: Vec<String> = {
            let places = evidence.shown_by.iter();
            places.map(|place| phrasing::citation(Language::English, *place)).collect()
        };
    }

    ExpectedJson<'a> of expected => &'a ExpectedBehaviour {
        behaviour: BehaviourName = expected.behaviour;
        ends: Option<HangEndName> = expected.ends;
        error: Option<u16> = expected.error;
        errno: Option<u16> = expected.errno;
        at_least_ns: Option<u64> = expected.at_least.map(nanos);
        at_most_ns: Option<u64> = expected.at_most.map(nanos);
        /// The real servers of which one is to serve the connection; absent if nothing is said of it.
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        served_by: &'a [Name] = &expected.served_by;
        /// How the clients of many addresses are to be spread; absent if nothing is said of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        clients: Option<&'a ExpectedSpread> = expected.clients.as_ref();
        /// What the probes are to live through; absent if nothing is said of it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        outage: Vec<ExpectedOutageJson> = {
            let each = expected.outage.iter().map(|outage| (None, &outage.each));
            let of = expected.outage.iter().flat_map(|outage| &outage.of);
            let all = each.chain(of.map(|(name, bounds)| (Some(name), bounds)));
            let said = all.filter(|(_, bounds)| **bounds != OutageBounds::default());
            said.map(ExpectedOutageJson::of).collect()
        };
    }

    UntestedJson of (cell, why) => (&JudgedCell, &Untested) {
        /// `no-change`: what the change set was so already. `met-nothing`: a rule with `matches` met
        /// nothing. `other-server`: other servers than that of the connection were changed. `over-before`:
        /// the operation was over before the change. `connection-ended-before`: the connection had been
        /// ended before the change.
        #[schemars(extend("enum" = [
            "no-change", "met-nothing", "other-server", "over-before", "connection-ended-before",
        ]))]
        kind: &'static str = why.key();
        /// A sentence.
        what: String = why.to_string();
        /// The number of the step that changed nothing, was made to another server, or came too late.
        step: u32 = why.step();
        /// Does the expectation name the server (`served-by`), so that this is what the scenario means to
        /// show?
        intended: bool = cell.untested().is_none();
    }

    VerdictJson of verdict => &Verdict {
        #[schemars(extend("enum" = ["met", "observed-only", "tested-nothing", "violated", "undetermined"]))]
        result: &'static str = match verdict {
            Verdict::Met => "met",
            Verdict::ObservedOnly => "observed-only",
            Verdict::TestedNothing { .. } => "tested-nothing",
            Verdict::Violated { .. } => "violated",
            Verdict::Undetermined { .. } => "undetermined",
        };
        /// Of a violated cell: what differs from what is expected.
        differences: Vec<String> = match verdict {
            Verdict::Violated { differences } => differences.iter().map(ToString::to_string).collect(),
            Verdict::Met
            | Verdict::ObservedOnly
            | Verdict::TestedNothing { .. }
            | Verdict::Undetermined { .. } => Vec::new(),
        };
        /// Of an undetermined cell: why nothing certain is known. Of one that tested nothing: why.
        reasons: Vec<String> = match verdict {
            Verdict::TestedNothing { why } => vec![why.to_string()],
            Verdict::Undetermined { reasons } => reasons.iter().map(Doubt::to_string).collect(),
            Verdict::Met | Verdict::ObservedOnly | Verdict::Violated { .. } => Vec::new(),
        };
    }
}

impl UntestedJson {
    pub(crate) fn of_cell(cell: &JudgedCell) -> Option<Self> {
        let why = cell.observed.untested.as_ref()?;
        Some(Self::of((cell, why)))
    }
}

/// How long a hang was silent, and how it ended.
pub(crate) fn hang(cell: &JudgedCell) -> Option<(Duration, HangEnd)> {
    match cell.observed.behaviour {
        Behaviour::Hung { silence, end } => Some((silence, end)),
        Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Undetermined { .. } => None,
    }
}
