//! Rows of tables: judged cells, and those without a record.

use lvs_matrix_language::Language;
use lvs_matrix_model::matrix::{CellRef, KernelId};
use lvs_matrix_model::record::Missing;
use lvs_matrix_model::verdict::{JudgedCell, Outcome, RunOutcome};
use serde::{Deserialize, Serialize};

/// A cell that was selected and of which no record can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MissingCell {
    /// Which one.
    pub cell: CellRef,
    /// Why there is none, with what to do about it if that is known.
    pub reason: Missing,
}

/// A row of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Row<'a> {
    /// A cell that was judged.
    Judged(&'a JudgedCell),
    /// A cell without a record.
    Missing(&'a MissingCell),
}

impl<'a> Row<'a> {
    /// The same outcome, which is a certain one and not against what was expected.
    pub(crate) fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Judged(one), Self::Judged(other)) => {
                let outcome = Outcome::of(one);
                outcome.is_some_and(|outcome| outcome.result == RunOutcome::Met)
                    && outcome == Outcome::of(other)
            }
            (Self::Judged(_) | Self::Missing(_), _) => false,
        }
    }

    pub(crate) fn judged(self) -> Option<&'a JudgedCell> {
        match self {
            Self::Judged(cell) => Some(cell),
            Self::Missing(_) => None,
        }
    }

    pub(crate) fn cell(self) -> &'a CellRef {
        match self {
            Self::Judged(cell) => &cell.record.plan.cell,
            Self::Missing(missing) => &missing.cell,
        }
    }
}

/// A row of a table, and the kernels of which it is true; none in a run that has no kernels by name.
#[derive(Debug, Clone)]
pub(crate) struct Merged<'a> {
    pub(crate) row: Row<'a>,
    pub(crate) kernels: Vec<&'a KernelId>,
}

impl<'a> Merged<'a> {
    /// The row of one cell.
    pub(crate) fn single(row: Row<'a>) -> Self {
        Self {
            row,
            kernels: row.cell().kernel.iter().collect(),
        }
    }

    /// The kernels in a column of a table: `6.1, 7.2`.
    pub(crate) fn kernels(&self, words: Language) -> String {
        listed(words, &self.kernels)
    }
}

/// Texts, one after the other.
pub(crate) fn listed_texts(words: Language, texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().collect::<Vec<_>>().join(words.listed())
}

/// Names of kernels, one after the other.
pub(crate) fn listed(words: Language, kernels: &[&KernelId]) -> String {
    listed_texts(words, kernels.iter().map(|kernel| kernel.to_string()))
}
