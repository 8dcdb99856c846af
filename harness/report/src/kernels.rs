//! The kernels of a run side by side: on which of them a cell came to the same, and on which not.
//!
//! Compared is what the client lived through: the behaviour, the error, what ended the connection, the real
//! server and, within `diff`'s tolerance, the time. Expectations may differ from kernel to kernel, and so are
//! no part of it. Nothing is concluded of a kernel on which it is not known what the client lived through.

use crate::blocks::{Block, Section, Statement, beyond, foreign};
use crate::diff::{Aspect, Tolerance, changes};
use crate::escape::cut;
use crate::overview::{LONGEST, served_by};
use crate::row::{Merged, Row, listed};
use crate::run::RunReport;
use crate::view::View;
use lvs_matrix_language::{CELL, Language, Length, phrasing};
use lvs_matrix_model::Name;
use lvs_matrix_model::matrix::{CellRef, FIRST, KernelId};
use lvs_matrix_model::verdict::JudgedCell;
use std::collections::HashMap;

/// So many cells in which kernels differ are listed; `report.json` has all of them.
const LISTED: usize = 100;
/// So many of them at once; the others are folded.
const OPEN: usize = 8;

/// A cell on all kernels of a run.
#[derive(Debug)]
pub(crate) struct OnKernels<'a> {
    /// The cell, bound to no kernel.
    pub(crate) cell: CellRef,
    /// What it came to: kernels on which that is the same stand together, in the order of the first of each.
    pub(crate) outcomes: Vec<Outcome<'a>>,
    /// The kernels of which it is not known.
    pub(crate) unknown: Vec<&'a KernelId>,
}

/// What a cell came to on some kernels.
#[derive(Debug)]
pub(crate) struct Outcome<'a> {
    /// That of the first of them.
    pub(crate) cell: &'a JudgedCell,
    pub(crate) kernels: Vec<&'a KernelId>,
}

impl OnKernels<'_> {
    /// Is it the same on all kernels? `None` if that is not known.
    pub(crate) fn agree(&self) -> Option<bool> {
        match self.outcomes.len() {
            0 | 1 => self.unknown.is_empty().then_some(true),
            _ => Some(false),
        }
    }
}

impl Outcome<'_> {
    /// In words: `answered, 205ms, rs1`.
    fn words(&self, words: Language) -> String {
        let behaviour = phrasing::behaviour_and_error(words, self.cell);
        let length = Length::of(self.cell).map(|length| phrasing::length(words, length));
        let parts = [Some(behaviour), length, served_by(self.cell)];
        parts
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(words.listed())
    }
}

/// Did the clients of both cells live through the same?
pub(crate) fn alike(one: &JudgedCell, other: &JudgedCell) -> bool {
    let of_client = |what: Aspect| match what {
        Aspect::Behaviour | Aspect::Error | Aspect::EndedBy | Aspect::Time => true,
        Aspect::Verdict | Aspect::Expected => false,
    };
    let changes = changes(one, other, Tolerance::default());
    !changes.iter().any(|change| of_client(change.what)) && served_by(one) == served_by(other)
}

/// What is known of how the client of a row fared.
fn known(row: Row<'_>) -> Option<&JudgedCell> {
    row.judged()
        .filter(|cell| cell.observed.behaviour.name().is_some())
}

impl RunReport {
    /// Each cell of a scenario on all kernels, in the order of the matrix: the first repetition. None in a
    /// run that has no kernels by name.
    pub(crate) fn on_kernels<'a>(&'a self, scenario: &'a Name) -> Vec<OnKernels<'a>> {
        let mut found: Vec<OnKernels<'a>> = Vec::new();
        let mut places: HashMap<CellRef, usize> = HashMap::new();
        for row in self.all_rows(scenario) {
            let cell = row.cell();
            let Some(kernel) = cell.kernel.as_ref().filter(|_| cell.repetition == FIRST) else {
                continue;
            };
            let at = *places.entry(cell.on(None)).or_insert_with(|| {
                found.push(OnKernels {
                    cell: cell.on(None),
                    outcomes: Vec::new(),
                    unknown: Vec::new(),
                });
                found.len() - 1
            });
            let Some(here) = found.get_mut(at) else { continue };
            let Some(judged) = known(row) else {
                here.unknown.push(kernel);
                continue;
            };
            match here.outcomes.iter_mut().find(|known| alike(known.cell, judged)) {
                Some(same) => same.kernels.push(kernel),
                None => here.outcomes.push(Outcome {
                    cell: judged,
                    kernels: vec![kernel],
                }),
            }
        }
        found
    }

    /// The rows of a scenario's table in the order of the matrix. Kernels share a row if it is the same on
    /// them, verdict and expectation included.
    pub(crate) fn merged_rows<'a>(&'a self, scenario: &'a Name) -> Vec<Merged<'a>> {
        let mut groups: Vec<Vec<Merged<'a>>> = Vec::new();
        let mut places: HashMap<CellRef, usize> = HashMap::new();
        for row in self.rows(scenario) {
            let Some(kernel) = &row.cell().kernel else {
                groups.push(vec![Merged::single(row)]);
                continue;
            };
            let at = *places.entry(row.cell().on(None)).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            let Some(group) = groups.get_mut(at) else { continue };
            match group.iter_mut().find(|known| same_row(known.row, row)) {
                Some(same) => same.kernels.push(kernel),
                None => group.push(Merged::single(row)),
            }
        }
        groups.into_iter().flatten().collect()
    }

    /// The other kernels on which the cell of this row came to the same.
    pub(crate) fn agreeing<'a>(&'a self, on_kernels: &[OnKernels<'a>], row: Row<'_>) -> Vec<&'a KernelId> {
        let (cell, own) = (row.cell().on(None).repeated(FIRST), row.cell().kernel.as_ref());
        let here = on_kernels.iter().find(|known| known.cell == cell);
        let mut outcomes = here.into_iter().flat_map(|here| &here.outcomes);
        let same = outcomes.find(|outcome| outcome.kernels.iter().any(|kernel| Some(*kernel) == own));
        let kernels = same.into_iter().flat_map(|same| same.kernels.iter().copied());
        kernels.filter(|kernel| Some(*kernel) != own).collect()
    }
}

fn same_row(one: Row<'_>, other: Row<'_>) -> bool {
    let (Some(one), Some(other)) = (known(one), known(other)) else {
        return false;
    };
    alike(one, other)
        && one.verdict == other.verdict
        && one.record.plan.expected == other.record.plan.expected
}

/// Where the kernels of the run agree and where not; `None` in a run without kernels by name.
pub(crate) fn section(view: View<'_>, report: &RunReport) -> Option<Section> {
    let words = view.words;
    let kernels: Vec<&KernelId> = report.run().kernels.iter().map(|kernel| &kernel.id).collect();
    if kernels.is_empty() {
        return None;
    }
    let scenarios = report.run().scenarios.iter();
    let all: Vec<OnKernels<'_>> = scenarios.flat_map(|one| report.on_kernels(&one.name)).collect();
    let count = |what: Option<bool>| all.iter().filter(|cell| cell.agree() == what).count();
    let (agree, unknown) = (count(Some(true)), count(None));
    let mut sentences =
        vec![words.kernels_agree_in(listed(words, &kernels), agree, words.count(all.len(), CELL))];
    if unknown > 0 {
        sentences.push(words.kernels_unknown_in(words.count(unknown, CELL)));
    }
    let mut blocks = vec![Block::paragraph(sentences.join(words.after_sentence()))];
    let differ = all.iter().filter(|cell| cell.agree() == Some(false));
    let differ: Vec<&OnKernels<'_>> = differ.collect();
    let mut items: Vec<Statement> = differ.iter().take(LISTED).map(|cell| line(view, cell)).collect();
    let more = beyond(LISTED, differ.len());
    items.extend(more.map(|more| Statement::from(words.and_more(more))));
    if !items.is_empty() {
        blocks.push(Block::paragraph(
            words.kernels_differ_in(words.count(differ.len(), CELL)),
        ));
    }
    blocks.extend(Block::folded_list(items, OPEN, || {
        words.and_more(differ.len() - OPEN)
    }));
    Some(Section {
        id: "kernels",
        ..Section::new(words.kernels_side_by_side(), blocks)
    })
}

/// A cell in which kernels differ, with what it came to on each.
fn line(view: View<'_>, cell: &OnKernels<'_>) -> Statement {
    let words = view.words;
    let outcomes = cell.outcomes.iter().map(|outcome| {
        let kernels = view.link(&listed(words, &outcome.kernels), &outcome.cell.record.plan.cell);
        words.keyed(kernels, foreign(&cut(&outcome.words(words), LONGEST)))
    });
    let mut parts: Vec<String> = outcomes.collect();
    if !cell.unknown.is_empty() {
        parts.push(words.keyed(listed(words, &cell.unknown), words.undetermined()));
    }
    Statement::from(words.keyed(&cell.cell, parts.join(words.clauses())))
}

/// The same in lines of plain text.
pub(crate) fn lines(report: &RunReport) -> Vec<String> {
    let words = Language::English;
    let mut lines = Vec::new();
    let scenarios = report.run().scenarios.iter();
    let cells = scenarios.flat_map(|one| report.on_kernels(&one.name));
    for cell in cells.filter(|cell| cell.agree() == Some(false)) {
        let outcomes = cell.outcomes.iter().map(|outcome| {
            let kernels = listed(words, &outcome.kernels);
            words.keyed(kernels, outcome.words(words))
        });
        let outcomes: Vec<String> = outcomes.collect();
        lines.push(words.keyed(&cell.cell, outcomes.join(words.clauses())));
    }
    lines
}
