//! The comparison for programs.

use super::{Aspect, Changed, DIFF_FORMAT, NamedRun, RunDiff, Tolerance, Unknown};
use crate::error::ReportError;
use crate::json::{form, nanos, written};
use lvs_matrix_language::{Language, Length, phrasing};
use lvs_matrix_model::matrix::KernelId;
use lvs_matrix_model::verdict::JudgedCell;

impl RunDiff<'_> {
    /// The comparison as JSON, pretty-printed, in stable order, ending with a newline. Times are whole
    /// nanoseconds.
    ///
    /// # Errors
    /// [`ReportError::Json`] if the JSON writer refuses a value.
    pub fn json(&self) -> Result<String, ReportError> {
        written(&Comparison::of(self))
    }
}

form! {
    Comparison<'a> of diff => &'a RunDiff<'a> {
        /// The number of this format.
        #[schemars(extend("const" = DIFF_FORMAT))]
        format: u32 = DIFF_FORMAT;
        #[schemars(extend("enum" = ["same", "unknown", "different"]))]
        result: &'static str = diff.outcome().name();
        a: RunJson<'a> = RunJson::of(diff.a);
        b: RunJson<'a> = RunJson::of(diff.b);
        tolerance: ToleranceJson = ToleranceJson::of(diff.tolerance);
        environment: Vec<EnvironmentJson> =
            diff.environments().into_iter().map(EnvironmentJson::of).collect();
        /// How many cells of both runs did not change.
        same: usize = diff.same;
        /// For how many cells of both runs other steps, sysctls or command lines were run.
        done_otherwise: usize = diff.replanned;
        changed: Vec<ChangedJson> = diff.changed.iter().map(ChangedJson::of).collect();
        /// Cells of which nothing certain is known in one run or in both.
        unknown: Vec<UnknownJson> = diff.unknown.iter().map(UnknownJson::of).collect();
        only_in_a: Vec<String> = diff.only_a.iter().map(ToString::to_string).collect();
        only_in_b: Vec<String> = diff.only_b.iter().map(ToString::to_string).collect();
    }

    RunJson<'a> of run => NamedRun<'a> {
        folder: &'a str = run.name;
        /// The one of its kernels that is compared; absent if all of them are.
        #[serde(skip_serializing_if = "Option::is_none")]
        kernel: Option<&'a KernelId> = run.kernel;
        cells: usize = run.selected().count();
    }

    ToleranceJson of tolerance => Tolerance {
        percent: f64 = tolerance.percent;
        least_ns: u64 = nanos(tolerance.least);
    }

    EnvironmentJson of (what, a, b) => (&'static str, String, String) {
        what: &'static str = what;
        a: String = a.clone();
        b: String = b.clone();
        differs: bool = a != b;
    }

    ChangedJson of changed => &Changed<'_> {
        id: String = changed.a.record.plan.cell.to_string();
        /// The aspects in which it changed; their values stand in `a` and `b`.
        changed: Vec<Aspect> = changed.changes.iter().map(|change| change.what).collect();
        a: SideJson = SideJson::of(changed.a);
        b: SideJson = SideJson::of(changed.b);
    }

    SideJson of cell => &JudgedCell {
        behaviour: String = phrasing::behaviour(Language::English, &cell.observed.behaviour);
        classic: Option<u16> = cell.observed.error.as_ref().and_then(|error| error.classic);
        errno: Option<u16> = cell.observed.error.as_ref().and_then(|error| error.errno);
        server: Option<u16> = cell.observed.error.as_ref().and_then(|error| error.server);
        ended_by: String = super::changes::ended_by(cell);
        time_ns: Option<u64> = Length::of(cell).map(|length| nanos(length.time));
        /// Was it still waiting when the observation ended?
        open: Option<bool> = Length::of(cell).map(|length| length.open);
        verdict: &'static str = phrasing::verdict(Language::English, &cell.verdict);
        expected: String = phrasing::expected(Language::English, &cell.record.plan.expected);
    }

    UnknownJson of unknown => &Unknown<'_> {
        id: String = unknown.cell.to_string();
        a: String = unknown.a.words();
        b: String = unknown.b.words();
    }
}
