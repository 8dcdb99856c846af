//! How long the operation of a cell lasted, as reports say it.

use lvs_matrix_model::verdict::JudgedCell;
use std::time::Duration;

/// How long the classified operation lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// From its beginning to its end, or to the end of the observation.
    pub time: Duration,
    /// Was it still waiting then?
    pub open: bool,
}

impl Length {
    /// That of the cell's classified operation; `None` if there was none, or if nothing is known of how it
    /// went.
    #[must_use]
    pub fn of(cell: &JudgedCell) -> Option<Self> {
        cell.observed.behaviour.name()?;
        let operation = cell.observed.operation.as_ref()?;
        Some(Self {
            time: operation
                .ended
                .unwrap_or(cell.record.ended)
                .since(operation.began),
            open: operation.ended.is_none(),
        })
    }
}
