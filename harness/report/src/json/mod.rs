//! The report for programs: `report.json`.

mod cell;

pub(crate) use cell::{UntestedJson, VerdictJson};

use crate::error::ReportError;
use crate::escape::json_text;
use crate::run::{AxisSummary, DryReport, MissingCell, RunReport, RunState, ScenarioSummary};
use crate::totals::Totals;
use cell::CellJson;
use lvs_matrix_model::Name;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::scenario::{HangEndName, Source};
use lvs_matrix_model::verdict::{Disagreement, RunOutcome};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::borrow::Cow;
use std::num::NonZero;
use std::time::Duration;

/// The number of `report.json`'s format. It changes when a field goes or changes its meaning, not when one is
/// added.
pub const FORMAT: u32 = 1;

/// The report as JSON, pretty-printed, in stable order, ending with a newline. Times are whole nanoseconds;
/// moments count from the cell's epoch; paths are relative to the run's folder. Keys are written as in
/// `record.json`.
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
        dry: report.dry().iter().map(DryJson::of).collect(),
    };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(json_text(text))
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Document<'a> {
    /// The number of this format. It changes when a field goes or changes its meaning, not when one is added.
    #[schemars(extend("const" = FORMAT))]
    format: u32,
    /// The version of lvs-matrix that made the run.
    harness: &'a str,
    /// How far the run came.
    state: &'a RunState,
    /// The `--filter` expression; null if every cell was selected.
    filter: Option<&'a str>,
    totals: Sums,
    scenarios: Vec<ScenarioJson<'a>>,
    /// The judged cells, in the order of the matrix.
    cells: Vec<CellJson<'a>>,
    /// The selected cells without a readable record.
    missing: Vec<MissingJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    disagreements: Vec<DisagreementJson>,
    /// What failed without any change, in a healthy lab.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dry: Vec<DryJson<'a>>,
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct DryJson<'a> {
    /// The dry cell.
    cell: String,
    /// The statement that failed; null for a connect, or if nothing is known.
    statement: Option<&'a str>,
    /// How it failed, or why nothing is known.
    reason: &'a str,
    /// How many cells rest on it.
    cells: usize,
}

impl<'a> DryJson<'a> {
    fn of(dry: &'a DryReport) -> Self {
        match dry {
            DryReport::Fails { trouble, cells } => Self {
                cell: trouble.cell.to_string(),
                statement: trouble.statement.as_deref(),
                reason: &trouble.what,
                cells: *cells,
            },
            DryReport::Unknown { cell, reason } => Self {
                cell: cell.to_string(),
                statement: None,
                reason,
                cells: 0,
            },
        }
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct DisagreementJson {
    id: String,
    outcomes: Vec<RepeatedJson>,
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct RepeatedJson {
    repetitions: Vec<NonZero<u32>>,
    #[schemars(extend("enum" = ["answered", "failed-fast", "hung", "undetermined"]))]
    behaviour: &'static str,
    ends: Option<HangEndName>,
    error: Option<u16>,
    errno: Option<u16>,
    as_expected: bool,
}

impl DisagreementJson {
    fn of(disagreement: &Disagreement) -> Self {
        let outcomes = disagreement
            .outcomes
            .iter()
            .map(|(outcome, repetitions)| RepeatedJson {
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

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Sums {
    /// The whole in a word.
    #[schemars(extend("enum" = ["met", "violated", "undetermined", "disagreeing"]))]
    result: &'static str,
    cells: usize,
    met: usize,
    violated: usize,
    /// Cells whose change had no part in what was judged; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    tested_nothing: Option<usize>,
    undetermined: usize,
    observed_only: usize,
    missing: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    disagreeing: Option<usize>,
    article_ok: usize,
    article_ng: usize,
}

impl Sums {
    pub(crate) fn of(totals: &Totals) -> Self {
        Self {
            result: totals.result(),
            cells: totals.cells,
            met: totals.met,
            violated: totals.violated,
            tested_nothing: (totals.tested_nothing > 0).then_some(totals.tested_nothing),
            undetermined: totals.undetermined,
            observed_only: totals.observed_only,
            missing: totals.missing,
            disagreeing: (totals.disagreeing > 0).then_some(totals.disagreeing),
            article_ok: totals.ok,
            article_ng: totals.ng,
        }
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct ScenarioJson<'a> {
    name: &'a Name,
    claim: &'a str,
    /// The incident that it reproduces, if its author names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a Source>,
    /// Its axes in the order of the file.
    axes: &'a [AxisSummary],
    /// An answer or an error within this time is fast.
    patience_ns: u64,
    /// How long a cell is watched from the beginning of its act phase.
    until_ns: u64,
}

impl<'a> ScenarioJson<'a> {
    fn of(scenario: &'a ScenarioSummary) -> Self {
        Self {
            name: &scenario.name,
            claim: &scenario.claim,
            source: scenario.source.as_ref(),
            axes: &scenario.axes,
            patience_ns: nanos(scenario.observe.patience),
            until_ns: nanos(scenario.observe.until),
        }
    }
}

/// The axes of a cell as one object, in the order of the file.
pub(crate) struct Axes<'a>(pub(crate) &'a CellRef);

impl Serialize for Axes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.values.len()))?;
        for (axis, value) in &self.0.values {
            map.serialize_entry(axis, value)?;
        }
        map.end()
    }
}

impl JsonSchema for Axes<'_> {
    fn schema_name() -> Cow<'static, str> {
        "Axes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "The value of each axis, in the order of the file.",
            "additionalProperties": { "type": "string" },
        })
    }
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct MissingJson<'a> {
    id: String,
    scenario: &'a Name,
    axes: Axes<'a>,
    reason: String,
}

impl<'a> MissingJson<'a> {
    fn of(missing: &'a MissingCell) -> Self {
        Self {
            id: missing.cell.to_string(),
            scenario: &missing.cell.scenario,
            axes: Axes(&missing.cell),
            reason: missing.reason.to_string(),
        }
    }
}

/// Whole nanoseconds; 584 years is as long as an observation gets.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
