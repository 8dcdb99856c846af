//! The report for programs: `report.json`.

mod cell;
mod form;

pub(crate) use cell::{UntestedJson, VerdictJson, hang};
pub(crate) use form::form;

use crate::causes::{Advice, Cause, Found};
use crate::error::ReportError;
use crate::escape::json_text;
use crate::kernels::OnKernels;
use crate::overview::{behaviour_class, served_by};
use crate::row::MissingCell;
use crate::run::{AxisSummary, DryReport, KernelSummary, RunReport, RunState, ScenarioSummary};
use crate::totals::Totals;
use cell::CellJson;
use lvs_matrix_language::{Language, Length};
use lvs_matrix_model::Name;
use lvs_matrix_model::matrix::{CellRef, KernelId};
use lvs_matrix_model::scenario::{HangEndName, Source};
use lvs_matrix_model::verdict::{Disagreement, Outcome, RunOutcome};
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
    let found = Found::of(Language::English, report);
    written(&Document::of((report, &found)))
}

/// A document for programs: pretty-printed, ending with a newline, with nothing that a terminal obeys.
pub(crate) fn written(document: &impl Serialize) -> Result<String, ReportError> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(json_text(text))
}

form! {
    Document<'a> of (report, found) => (&'a RunReport, &'a Found<'a>) {
        /// The number of this format. It changes when a field goes or changes its meaning, not when one is
        /// added.
        #[schemars(extend("const" = FORMAT))]
        format: u32 = FORMAT;
        /// The version of lvs-matrix that made the run.
        harness: &'a str = &report.run().harness;
        /// How far the run came.
        state: &'a RunState = &report.run().state;
        /// The `--filter` expression; null if every cell was selected.
        filter: Option<&'a str> = report.run().filter.as_deref();
        /// The kernels that each cell was run on, if they were asked for by name; absent otherwise.
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        kernels: &'a [KernelSummary] = &report.run().kernels;
        totals: Sums = Sums::of(&Totals::of(report));
        /// Why clients hung or failed: hangs first, then what has most cells. Cells that tested nothing are
        /// left out.
        causes: Vec<CauseJson> = found.causes.iter().map(CauseJson::of).collect();
        /// What avoids that: first what is given in most cells that hung, then in most cells.
        advice: Vec<AdviceJson<'a>> = found.advice.iter().map(AdviceJson::of).collect();
        scenarios: Vec<ScenarioJson<'a>> = report.run().scenarios.iter().map(ScenarioJson::of).collect();
        /// The judged cells, in the order of the matrix.
        cells: Vec<CellJson<'a>> = report.cells().iter().map(CellJson::of).collect();
        /// The selected cells without a readable record.
        missing: Vec<MissingJson<'a>> = report.missing().iter().map(MissingJson::of).collect();
        /// Each cell on all of the run's kernels; absent in a run without kernels by name.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        on_kernels: Vec<OnKernelsJson<'a>> = on_kernels(report);
        #[serde(skip_serializing_if = "Vec::is_empty")]
        disagreements: Vec<DisagreementJson> =
            report.disagreements().iter().map(DisagreementJson::of).collect();
        /// What failed without any change, in a healthy lab.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        dry: Vec<DryJson<'a>> = report.dry().iter().map(DryJson::of).collect();
    }

    OnKernelsJson<'a> of on => &OnKernels<'a> {
        /// The cell, without a kernel.
        id: String = on.cell.to_string();
        /// Did its clients live through the same on all of them? Null if that is not known.
        agree: Option<bool> = on.agree();
        /// What it came to. Kernels on which that is the same stand together.
        outcomes: Vec<OnSomeJson<'a>> = on.outcomes.iter().map(OnSomeJson::of).collect();
        /// The kernels of which it is not known.
        unknown: Vec<&'a KernelId> = on.unknown.clone();
    }

    OnSomeJson<'a> of outcome => &crate::kernels::Outcome<'a> {
        kernels: Vec<&'a KernelId> = outcome.kernels.clone();
        #[schemars(extend("enum" = ["answered", "failed-fast", "hung", "undetermined"]))]
        behaviour: &'static str = behaviour_class(outcome.cell);
        ends: Option<HangEndName> = hang(outcome.cell).map(|(_, end)| end.name());
        /// The code of the error: the classic client's, else the server's.
        error: Option<u16> = {
            let error = outcome.cell.observed.error.as_ref();
            error.and_then(|error| error.classic.or(error.server))
        };
        errno: Option<u16> = outcome.cell.observed.error.as_ref().and_then(|error| error.errno);
        /// How long the operation took on the first of these kernels.
        time_ns: Option<u64> = Length::of(outcome.cell).map(|length| nanos(length.time));
        served_by: Option<String> = served_by(outcome.cell);
    }

    CauseJson of cause => &Cause<'_> {
        /// How the clients fared.
        #[schemars(extend("enum" = ["failed-fast", "hung"]))]
        behaviour: &'static str = if cause.hung { "hung" } else { "failed-fast" };
        /// The rules that say why; none if no rule does.
        rules: Vec<&'static str> = cause.rules.iter().map(|(rule, _)| *rule).collect();
        /// Why, in a sentence for each rule.
        text: String = cause.why(Language::English);
        /// The ids of the cells.
        cells: Vec<String> = cause.cells.iter().map(|cell| cell.record.plan.cell.to_string()).collect();
        /// What avoids it.
        advice: Vec<KindJson> = cause.advice.iter().map(KindJson::of).collect();
    }

    KindJson of (kind, cells) => &(&'static str, usize) {
        /// The kind of advice.
        kind: &'static str = kind;
        /// In how many of the cells it is given.
        cells: usize = *cells;
    }

    AdviceJson<'a> of advice => &'a Advice {
        /// The name of its kind.
        kind: &'static str = advice.kind;
        /// Its sentences, with the names and addresses that most of the cells have.
        text: &'a str = advice.text();
        /// In how many cells it is given.
        cells: usize = advice.cells;
    }

    DryJson<'a> of dry => &'a DryReport {
        /// The dry cell.
        cell: String = match dry {
            DryReport::Fails { trouble, .. } => trouble.cell.to_string(),
            DryReport::Unknown { cell, .. } => cell.to_string(),
        };
        /// The statement that failed; null for a connect, or if nothing is known.
        statement: Option<&'a str> = match dry {
            DryReport::Fails { trouble, .. } => trouble.statement.as_deref(),
            DryReport::Unknown { .. } => None,
        };
        /// How it failed, or why nothing is known.
        reason: &'a str = match dry {
            DryReport::Fails { trouble, .. } => &trouble.what,
            DryReport::Unknown { reason, .. } => reason,
        };
        /// How many cells rest on it.
        cells: usize = match dry {
            DryReport::Fails { cells, .. } => *cells,
            DryReport::Unknown { .. } => 0,
        };
    }

    DisagreementJson of disagreement => &Disagreement {
        id: String = disagreement.cell.to_string();
        outcomes: Vec<RepeatedJson> = disagreement.outcomes.iter().map(RepeatedJson::of).collect();
    }

    RepeatedJson of (outcome, repetitions) => &(Outcome, Vec<NonZero<u32>>) {
        repetitions: Vec<NonZero<u32>> = repetitions.clone();
        #[schemars(extend("enum" = ["answered", "failed-fast", "hung", "undetermined"]))]
        behaviour: &'static str = outcome.behaviour.as_str();
        ends: Option<HangEndName> = outcome.end;
        error: Option<u16> = outcome.error;
        errno: Option<u16> = outcome.errno;
        as_expected: bool = outcome.result == RunOutcome::Met;
    }

    Sums of totals => &Totals {
        /// The whole in a word.
        #[schemars(extend("enum" = ["met", "violated", "undetermined", "disagreeing"]))]
        result: &'static str = totals.result();
        cells: usize = totals.cells;
        met: usize = totals.met;
        violated: usize = totals.violated;
        /// Cells whose change had no part in what was judged; absent if there is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        tested_nothing: Option<usize> = Some(totals.tested_nothing).filter(|count| *count > 0);
        undetermined: usize = totals.undetermined;
        observed_only: usize = totals.observed_only;
        missing: usize = totals.missing;
        #[serde(skip_serializing_if = "Option::is_none")]
        disagreeing: Option<usize> = Some(totals.disagreeing).filter(|count| *count > 0);
        article_ok: usize = totals.ok;
        article_ng: usize = totals.ng;
    }

    ScenarioJson<'a> of scenario => &'a ScenarioSummary {
        name: &'a Name = &scenario.name;
        claim: &'a str = &scenario.claim;
        /// The incident that it reproduces, if its author names one.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<&'a Source> = scenario.source.as_ref();
        /// Its axes in the order of the file.
        axes: &'a [AxisSummary] = &scenario.axes;
        /// An answer or an error within this time is fast.
        patience_ns: u64 = nanos(scenario.observe.patience);
        /// How long a cell is watched from the beginning of its act phase.
        until_ns: u64 = nanos(scenario.observe.until);
    }

    MissingJson<'a> of missing => &'a MissingCell {
        id: String = missing.cell.to_string();
        scenario: &'a Name = &missing.cell.scenario;
        #[serde(skip_serializing_if = "Option::is_none")]
        kernel: Option<&'a KernelId> = missing.cell.kernel.as_ref();
        axes: Axes<'a> = Axes(&missing.cell);
        reason: String = missing.reason.to_string();
    }
}

fn on_kernels(report: &RunReport) -> Vec<OnKernelsJson<'_>> {
    let scenarios = report.run().scenarios.iter();
    let all = scenarios.flat_map(|scenario| report.on_kernels(&scenario.name));
    all.map(|on| OnKernelsJson::of(&on)).collect()
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

/// Whole nanoseconds; 584 years is as long as an observation gets.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
