//! Rows of tables: judged cells, and those without a record.

use lvs_matrix_model::matrix::CellRef;
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
