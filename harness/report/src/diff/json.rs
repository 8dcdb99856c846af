//! The comparison for programs.

use super::{Aspect, Changed, DIFF_FORMAT, Known, NamedRun, RunDiff, Unknown};
use crate::error::ReportError;
use crate::escape::json_text;
use crate::json::nanos;
use lvs_matrix_language::Language;
use lvs_matrix_language::Length;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::verdict::JudgedCell;
use serde::Serialize;

impl RunDiff<'_> {
    /// The comparison as JSON, pretty-printed, in stable order, ending with a newline. Times are whole
    /// nanoseconds.
    ///
    /// # Errors
    /// [`ReportError::Json`] if the JSON writer refuses a value.
    pub fn json(&self) -> Result<String, ReportError> {
        let document = Comparison {
            format: DIFF_FORMAT,
            result: self.outcome().name(),
            a: RunJson::of(self.a),
            b: RunJson::of(self.b),
            tolerance: ToleranceJson {
                percent: self.tolerance.percent,
                least_ns: nanos(self.tolerance.least),
            },
            environment: self.environments().into_iter().map(EnvironmentJson::of).collect(),
            same: self.same,
            done_otherwise: self.replanned,
            changed: self.changed.iter().map(ChangedJson::of).collect(),
            unknown: self.unknown.iter().map(UnknownJson::of).collect(),
            only_in_a: self.only_a.iter().map(ToString::to_string).collect(),
            only_in_b: self.only_b.iter().map(ToString::to_string).collect(),
        };
        let mut text = serde_json::to_string_pretty(&document)?;
        text.push('\n');
        Ok(json_text(text))
    }
}

#[derive(Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Comparison<'a> {
    /// The number of this format.
    #[schemars(extend("const" = DIFF_FORMAT))]
    format: u32,
    #[schemars(extend("enum" = ["same", "unknown", "different"]))]
    result: &'static str,
    a: RunJson<'a>,
    b: RunJson<'a>,
    tolerance: ToleranceJson,
    environment: Vec<EnvironmentJson>,
    /// How many cells of both runs did not change.
    same: usize,
    /// For how many cells of both runs other steps, sysctls or command lines were run.
    done_otherwise: usize,
    changed: Vec<ChangedJson>,
    /// Cells of which nothing certain is known in one run or in both.
    unknown: Vec<UnknownJson>,
    only_in_a: Vec<String>,
    only_in_b: Vec<String>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct RunJson<'a> {
    folder: &'a str,
    cells: usize,
}

impl<'a> RunJson<'a> {
    fn of(run: NamedRun<'a>) -> Self {
        Self {
            folder: run.name,
            cells: run.report.run().selected.len(),
        }
    }
}

#[derive(Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct ToleranceJson {
    percent: f64,
    least_ns: u64,
}

#[derive(Serialize, schemars::JsonSchema)]
struct EnvironmentJson {
    what: &'static str,
    a: String,
    b: String,
    differs: bool,
}

impl EnvironmentJson {
    fn of((what, a, b): (&'static str, String, String)) -> Self {
        let differs = a != b;
        Self { what, a, b, differs }
    }
}

#[derive(Serialize, schemars::JsonSchema)]
struct ChangedJson {
    id: String,
    /// The aspects in which it changed; their values stand in `a` and `b`.
    changed: Vec<Aspect>,
    a: SideJson,
    b: SideJson,
}

impl ChangedJson {
    fn of(changed: &Changed<'_>) -> Self {
        Self {
            id: changed.a.record.plan.cell.to_string(),
            changed: changed.changes.iter().map(|change| change.what).collect(),
            a: SideJson::of(changed.a),
            b: SideJson::of(changed.b),
        }
    }
}

#[derive(Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct SideJson {
    behaviour: String,
    classic: Option<u16>,
    errno: Option<u16>,
    server: Option<u16>,
    ended_by: String,
    time_ns: Option<u64>,
    /// Was it still waiting when the observation ended?
    open: Option<bool>,
    verdict: &'static str,
    expected: String,
}

impl SideJson {
    fn of(cell: &JudgedCell) -> Self {
        let error = cell.observed.error.as_ref();
        let length = Length::of(cell);
        Self {
            behaviour: phrasing::behaviour(Language::English, &cell.observed.behaviour),
            classic: error.and_then(|error| error.classic),
            errno: error.and_then(|error| error.errno),
            server: error.and_then(|error| error.server),
            ended_by: super::changes::ended_by(cell),
            time_ns: length.map(|length| nanos(length.time)),
            open: length.map(|length| length.open),
            verdict: phrasing::verdict(Language::English, &cell.verdict),
            expected: phrasing::expected(Language::English, &cell.record.plan.expected),
        }
    }
}

#[derive(Serialize, schemars::JsonSchema)]
struct UnknownJson {
    id: String,
    a: String,
    b: String,
}

impl UnknownJson {
    fn of(unknown: &Unknown<'_>) -> Self {
        let words = |known: Known<'_>| known.words();
        Self {
            id: unknown.cell.to_string(),
            a: words(unknown.a),
            b: words(unknown.b),
        }
    }
}
