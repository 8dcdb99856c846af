//! Two runs held beside each other: what changed from one kernel, server or harness to the next.
//!
//! Only what is known in both runs is compared. A cell that is undetermined in one of them has not changed:
//! of it nothing is known.

mod changes;
mod json;
mod markdown;
mod text;

pub use changes::{Aspect, Tolerance};
pub(crate) use json::Comparison;

use changes::Change;
pub(crate) use changes::changes;

use crate::row::{MissingCell, Row};
use crate::run::RunReport;
use crate::totals::Totals;
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::matrix::{CellRef, KernelId};
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::{Environment, Missing};
use lvs_matrix_model::scenario::Expected;
use lvs_matrix_model::verdict::{Behaviour, Doubt, JudgedCell};
use std::collections::{BTreeSet, HashMap};

/// The number of the format of [`RunDiff::json`]. It changes when a field goes or changes its meaning, not
/// when one is added.
pub const DIFF_FORMAT: u32 = 1;

/// A cell that changed.
#[derive(Debug)]
struct Changed<'a> {
    a: &'a JudgedCell,
    b: &'a JudgedCell,
    changes: Vec<Change>,
}

/// A cell of which nothing certain is known in one run or in both.
#[derive(Debug)]
struct Unknown<'a> {
    cell: &'a CellRef,
    /// The verdict's word, and why nothing is known if so.
    a: Known<'a>,
    b: Known<'a>,
}

/// What is known of a cell in one run.
#[derive(Debug, Clone, Copy)]
enum Known<'a> {
    Judged(&'a JudgedCell),
    Undetermined(&'a [Doubt]),
    NoRecord(&'a Missing),
}

impl Known<'_> {
    /// `answered`, or `undetermined: …`.
    fn words(self) -> String {
        match self {
            Self::Judged(cell) => phrasing::behaviour(Language::English, &cell.observed.behaviour),
            Self::Undetermined(reasons) => {
                let reasons: Vec<String> = reasons.iter().map(Doubt::to_string).collect();
                format!("{}: {}", phrasing::UNDETERMINED, reasons.join("; "))
            }
            Self::NoRecord(reason) => format!("no record: {reason}"),
        }
    }
}

/// How two runs compare as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffOutcome {
    /// Nothing differs.
    Same,
    /// Nothing that is known differs, but of something nothing certain is known.
    Unknown,
    /// A cell changed, or is in one run only.
    Different,
}

impl DiffOutcome {
    /// The program's exit code: 0, 3, 1.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Same => 0,
            Self::Unknown => 3,
            Self::Different => 1,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Unknown => "unknown",
            Self::Different => "different",
        }
    }
}

/// A run with the name that the reader knows it by.
#[derive(Debug, Clone, Copy)]
pub struct NamedRun<'a> {
    /// Its folder as typed.
    pub name: &'a str,
    /// What it gave.
    pub report: &'a RunReport,
    /// Of its kernels by name this one alone, whatever those of the other run are called.
    pub kernel: Option<&'a KernelId>,
}

impl<'a> NamedRun<'a> {
    /// Is the cell one of those that are compared?
    fn has(self, cell: &CellRef) -> bool {
        self.kernel
            .is_none_or(|kernel| cell.kernel.as_ref() == Some(kernel))
    }

    /// By what a cell is found in both runs.
    fn key(self, cell: &CellRef) -> CellRef {
        if self.kernel.is_some() {
            cell.on(None)
        } else {
            cell.clone()
        }
    }

    /// The cells that were to be run.
    fn selected(self) -> impl Iterator<Item = &'a CellRef> {
        let selected = self.report.run().selected.iter();
        selected.filter(move |cell| self.has(cell))
    }

    fn judged(self) -> impl Iterator<Item = &'a JudgedCell> {
        let judged = self.report.cells().iter();
        judged.filter(move |cell| self.has(&cell.record.plan.cell))
    }

    fn missing(self) -> impl Iterator<Item = &'a MissingCell> {
        let missing = self.report.missing().iter();
        missing.filter(move |missing| self.has(&missing.cell))
    }

    /// The sums of the cells that are compared.
    fn sums(self) -> String {
        if self.kernel.is_none() {
            return Totals::of(self.report).sums();
        }
        let judged = self.judged().map(Row::Judged);
        Totals::of_rows(judged.chain(self.missing().map(Row::Missing))).sums()
    }
}

/// Two runs held beside each other.
#[derive(Debug)]
pub struct RunDiff<'a> {
    a: NamedRun<'a>,
    b: NamedRun<'a>,
    tolerance: Tolerance,
    /// Cells of both runs of which nothing differs.
    same: usize,
    changed: Vec<Changed<'a>>,
    unknown: Vec<Unknown<'a>>,
    only_a: Vec<&'a CellRef>,
    only_b: Vec<&'a CellRef>,
    /// Cells of both runs for which something else was done: other steps, sysctls or command lines.
    replanned: usize,
}

impl<'a> RunDiff<'a> {
    /// Compares each cell of `a` with that of the same id in `b`.
    #[must_use]
    pub fn of(a: NamedRun<'a>, b: NamedRun<'a>, tolerance: Tolerance) -> Self {
        let (known_a, known_b) = (known(a), known(b));
        let mut diff = Self {
            a,
            b,
            tolerance,
            same: 0,
            changed: Vec::new(),
            unknown: Vec::new(),
            only_a: Vec::new(),
            only_b: Vec::new(),
            replanned: 0,
        };
        for cell in a.selected() {
            let key = a.key(cell);
            match (known_a.get(&key), known_b.get(&key)) {
                (Some(Known::Judged(a)), Some(Known::Judged(b))) => diff.pair(a, b),
                (Some(a), Some(b)) => diff.unknown.push(Unknown { cell, a: *a, b: *b }),
                (Some(_) | None, None) | (None, Some(_)) => diff.only_a.push(cell),
            }
        }
        let selected = b.selected();
        diff.only_b = selected
            .filter(|cell| !known_a.contains_key(&b.key(cell)))
            .collect();
        diff
    }

    fn pair(&mut self, a: &'a JudgedCell, b: &'a JudgedCell) {
        if !same_plan(&a.record.plan, &b.record.plan) {
            self.replanned += 1;
        }
        let changes = changes(a, b, self.tolerance);
        if changes.is_empty() {
            self.same += 1;
        } else {
            self.changed.push(Changed { a, b, changes });
        }
    }

    /// How they compare as a whole: what differs wins over what is not known.
    #[must_use]
    pub fn outcome(&self) -> DiffOutcome {
        if !self.changed.is_empty() || !self.only_a.is_empty() || !self.only_b.is_empty() {
            DiffOutcome::Different
        } else if !self.unknown.is_empty() || self.same == 0 {
            DiffOutcome::Unknown
        } else {
            DiffOutcome::Same
        }
    }

    /// `2 of 34 cells changed, 31 are the same, of 1 nothing certain is known; 1 is only in A`.
    fn sentence(&self) -> String {
        let both = self.same + self.changed.len() + self.unknown.len();
        let mut text = format!(
            "{} of {} in both runs changed, {} without a change",
            self.changed.len(),
            lvs_matrix_language::plural(both, "cell"),
            self.same
        );
        if !self.unknown.is_empty() {
            text.push_str(&format!(
                ", {} of which nothing certain is known",
                self.unknown.len()
            ));
        }
        for (list, run) in [(&self.only_a, "A"), (&self.only_b, "B")] {
            if !list.is_empty() {
                text.push_str(&format!("; {} only in {run}", list.len()));
            }
        }
        text
    }

    /// What counts as a change of time.
    fn measure(&self) -> String {
        format!(
            "A time counts as changed if it differs by more than {} % and more than {}.",
            self.tolerance.percent,
            lvs_matrix_model::duration::Human(self.tolerance.least)
        )
    }

    /// What is known of the environments, in one order: what it is, in A, in B.
    fn environments(&self) -> Vec<(&'static str, String, String)> {
        let all = |run: NamedRun<'_>, field: fn(&Environment) -> &str| {
            let values: BTreeSet<String> = run
                .judged()
                .map(|cell| field(&cell.record.environment).to_owned())
                // A cell that its guest did not survive knows less of where it ran.
                .filter(|value| !value.is_empty())
                .collect();
            values.into_iter().collect::<Vec<_>>().join(", ")
        };
        let both = |what, field| (what, all(self.a, field), all(self.b, field));
        vec![
            both("kernel under test", |it| &it.kernel),
            both("place", |environment| {
                phrasing::place(Language::English, environment)
            }),
            both("real servers", |it| &it.mysqld),
            both("director", |it| &it.ipvsadm),
            both("harness", |it| &it.harness),
        ]
    }
}

fn known(run: NamedRun<'_>) -> HashMap<CellRef, Known<'_>> {
    let judged = run.judged().map(|cell| {
        let known = match &cell.observed.behaviour {
            Behaviour::Undetermined { reasons } => Known::Undetermined(reasons),
            Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Hung { .. } => {
                Known::Judged(cell)
            }
        };
        (run.key(&cell.record.plan.cell), known)
    });
    let missing = run.missing();
    judged
        .chain(missing.map(|missing| (run.key(&missing.cell), Known::NoRecord(&missing.reason))))
        .collect()
}

/// Was the same done? What is expected of it is another question.
fn same_plan(a: &LabPlan, b: &LabPlan) -> bool {
    let done = |plan: &LabPlan| LabPlan {
        expected: Expected::ObserveOnly,
        ..plan.clone()
    };
    done(a) == done(b)
}
