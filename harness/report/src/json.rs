//! The report for programs: `report.json`.

use crate::error::ReportError;
use crate::escape::json_text;
use crate::run::{AxisSummary, MissingCell, RunReport, RunState, ScenarioSummary, capture_path, record_path};
use crate::stamp::Length;
use crate::totals::Totals;
use crate::wording;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::record::Environment;
use lvs_matrix_model::scenario::{BehaviourName, Expected, HangEndName};
use lvs_matrix_model::verdict::{
    ArticleResult, Behaviour, Disagreement, Evidence, JudgedCell, OrphanedSession, RunOutcome, Verdict, errno_name,
};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::num::NonZero;
use std::time::Duration;

/// The number of `report.json`'s format. It changes when a field goes or changes its meaning, not when one is added.
pub const FORMAT: u32 = 1;

/// The report as JSON, pretty-printed, in stable order, ending with a newline. Times are whole nanoseconds; moments count
/// from the cell's epoch; paths are relative to the run's folder. Keys are written as in `record.json`.
///
/// # Errors
/// [`ReportError::Json`] if the JSON writer refuses a value.
pub fn json(report: &RunReport) -> Result<String, ReportError> {
    let document = Document {
        format: FORMAT,
        harness: &report.run().harness,
        state: &report.run().state,
        filter: report.run().filter.as_deref(),
        totals: Sums::of(&Totals::of(report)),
        scenarios: report.run().scenarios.iter().map(ScenarioJson::of).collect(),
        cells: report.cells().iter().map(CellJson::of).collect(),
        missing: report.missing().iter().map(MissingJson::of).collect(),
        disagreements: report.disagreements().iter().map(DisagreementJson::of).collect(),
    };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(json_text(text))
}

#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    format: u32,
    harness: &'a str,
    state: &'a RunState,
    filter: Option<&'a str>,
    totals: Sums,
    scenarios: Vec<ScenarioJson<'a>>,
    cells: Vec<CellJson<'a>>,
    missing: Vec<MissingJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    disagreements: Vec<DisagreementJson>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct DisagreementJson {
    id: String,
    outcomes: Vec<RepeatedJson>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct RepeatedJson {
    repetitions: Vec<NonZero<u32>>,
    behaviour: &'static str,
    ends: Option<HangEndName>,
    error: Option<u16>,
    errno: Option<u16>,
    as_expected: bool,
}

impl DisagreementJson {
    fn of(disagreement: &Disagreement) -> Self {
        let outcomes = disagreement.outcomes.iter().map(|(outcome, repetitions)| RepeatedJson {
            repetitions: repetitions.clone(),
            behaviour: outcome.behaviour.as_str(),
            ends: outcome.end,
            error: outcome.error,
            errno: outcome.errno,
            as_expected: outcome.result == RunOutcome::Met,
        });
        Self {
            id: disagreement.cell.to_string(),
            outcomes: outcomes.collect(),
        }
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct Sums {
    result: &'static str,
    cells: usize,
    met: usize,
    violated: usize,
    undetermined: usize,
    observed_only: usize,
    missing: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    disagreeing: Option<usize>,
    article_ok: usize,
    article_ng: usize,
}

impl Sums {
    fn of(totals: &Totals) -> Self {
        Self {
            result: totals.result(),
            cells: totals.cells,
            met: totals.met,
            violated: totals.violated,
            undetermined: totals.undetermined,
            observed_only: totals.observed_only,
            missing: totals.missing,
            disagreeing: (totals.disagreeing > 0).then_some(totals.disagreeing),
            article_ok: totals.ok,
            article_ng: totals.ng,
        }
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct ScenarioJson<'a> {
    name: &'a Name,
    claim: &'a str,
    axes: &'a [AxisSummary],
    patience_ns: u64,
    until_ns: u64,
}

impl<'a> ScenarioJson<'a> {
    fn of(scenario: &'a ScenarioSummary) -> Self {
        Self {
            name: &scenario.name,
            claim: &scenario.claim,
            axes: &scenario.axes,
            patience_ns: nanos(scenario.observe.patience),
            until_ns: nanos(scenario.observe.until),
        }
    }
}

/// The axes of a cell as one object, in the order of the file.
struct Axes<'a>(&'a CellRef);

impl Serialize for Axes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.values.len()))?;
        for (axis, value) in &self.0.values {
            map.serialize_entry(axis, value)?;
        }
        map.end()
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct MissingJson<'a> {
    id: String,
    scenario: &'a Name,
    axes: Axes<'a>,
    reason: &'a str,
}

impl<'a> MissingJson<'a> {
    fn of(missing: &'a MissingCell) -> Self {
        Self {
            id: missing.cell.to_string(),
            scenario: &missing.cell.scenario,
            axes: Axes(&missing.cell),
            reason: &missing.reason,
        }
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct CellJson<'a> {
    id: String,
    scenario: &'a Name,
    axes: Axes<'a>,
    behaviour: &'static str,
    /// How a hang ended; null for other behaviours.
    ends: Option<HangEndName>,
    /// How long a hang's silence lasted; null for other behaviours.
    silence_ns: Option<u64>,
    /// The run's own limit, where it ended the observation before the operation ended; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_to_ns: Option<u64>,
    article: Option<ArticleResult>,
    operation: Option<OperationJson<'a>>,
    error: Option<ErrorJson<'a>>,
    terminators: Vec<TerminatorJson>,
    retransmissions: RetransmissionsJson<'a>,
    /// Sessions that the client has lost and a server still holds.
    orphaned_sessions: &'a [OrphanedSession],
    evidence: Vec<EvidenceJson<'a>>,
    expected: Option<ExpectedJson>,
    verdict: VerdictJson<'a>,
    environment: &'a Environment,
    record: String,
    capture: Option<String>,
}

impl<'a> CellJson<'a> {
    fn of(cell: &'a JudgedCell) -> Self {
        let place = &cell.record.plan.cell;
        let observed = &cell.observed;
        let (ends, silence_ns) = match &observed.behaviour {
            Behaviour::Hung { silence, end } => (Some(end.name()), Some(nanos(*silence))),
            Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Undetermined { .. } => (None, None),
        };
        Self {
            id: place.to_string(),
            scenario: &place.scenario,
            axes: Axes(place),
            behaviour: observed
                .behaviour
                .name()
                .map_or(wording::UNDETERMINED, BehaviourName::as_str),
            ends,
            silence_ns,
            cut_to_ns: observed.cut_to.map(nanos),
            article: observed.behaviour.article(),
            operation: OperationJson::of(cell),
            error: ErrorJson::of(cell),
            terminators: TerminatorJson::all(cell),
            retransmissions: RetransmissionsJson::of(cell),
            orphaned_sessions: &observed.orphaned_sessions,
            evidence: observed.evidence.iter().map(EvidenceJson::of).collect(),
            expected: ExpectedJson::of(&cell.record.plan.expected),
            verdict: VerdictJson::of(&cell.verdict),
            environment: &cell.record.environment,
            record: record_path(place),
            capture: cell.record.capture.is_some().then(|| capture_path(place)),
        }
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct OperationJson<'a> {
    what: &'a str,
    began_ns: i64,
    due_ns: i64,
    ended_ns: Option<i64>,
    /// From its beginning to its end, or to the end of the observation if `ended-ns` is null; null if undetermined.
    time_ns: Option<u64>,
    client_port: Option<u16>,
    served_by: Option<String>,
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
        })
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct ErrorJson<'a> {
    classic: Option<u16>,
    errno: Option<u16>,
    errno_name: Option<&'static str>,
    server: Option<u16>,
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

#[derive(serde::Serialize)]
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

#[derive(serde::Serialize)]
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

#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct EvidenceJson<'a> {
    what: &'a str,
    shown_by: Vec<String>,
}

impl<'a> EvidenceJson<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        Self {
            what: &evidence.what,
            shown_by: evidence
                .shown_by
                .iter()
                .map(|place| wording::citation(*place))
                .collect(),
        }
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct ExpectedJson {
    behaviour: BehaviourName,
    ends: Option<HangEndName>,
    error: Option<u16>,
    errno: Option<u16>,
    at_least_ns: Option<u64>,
    at_most_ns: Option<u64>,
}

impl ExpectedJson {
    /// `None` if nothing is expected.
    fn of(expected: &Expected) -> Option<Self> {
        match expected {
            Expected::ObserveOnly => None,
            Expected::Behaviour(expected) => Some(Self {
                behaviour: expected.behaviour,
                ends: expected.ends,
                error: expected.error,
                errno: expected.errno,
                at_least_ns: expected.at_least.map(nanos),
                at_most_ns: expected.at_most.map(nanos),
            }),
        }
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct VerdictJson<'a> {
    result: &'static str,
    differences: &'a [String],
    reasons: &'a [String],
}

impl<'a> VerdictJson<'a> {
    fn of(verdict: &'a Verdict) -> Self {
        let (result, differences, reasons): (_, &[String], &[String]) = match verdict {
            Verdict::Met => ("met", &[], &[]),
            Verdict::ObservedOnly => ("observed-only", &[], &[]),
            Verdict::Violated { differences } => ("violated", differences, &[]),
            Verdict::Undetermined { reasons } => ("undetermined", &[], reasons),
        };
        Self {
            result,
            differences,
            reasons,
        }
    }
}

/// Whole nanoseconds; 584 years is as long as an observation gets.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
