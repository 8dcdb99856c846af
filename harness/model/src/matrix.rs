//! The matrix: a scenario's axes multiplied into cells. Pure, ordered, with ids that stay the same.

pub use crate::base::{CellRef, FIRST, KernelId, Line, NotAKernelId, choice_of};

use crate::scenario::{Expected, Scenario};

/// One combination of the axes' values, with what the scenario expects of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its identity.
    pub cell: CellRef,
    /// For each axis, the index of the value it has here.
    pub choice: Vec<usize>,
    /// What the scenario expects. The check has made sure that exactly one expectation covers it.
    pub expected: Expected,
}

/// All cells of a scenario; the last axis of the file varies fastest.
#[must_use]
pub fn cells(scenario: &Scenario) -> Vec<Cell> {
    let sizes: Vec<usize> = scenario.axes.iter().map(|axis| axis.values.len()).collect();
    let count: usize = sizes.iter().product();
    (0..count)
        .map(|number| {
            let choice = choice_of(number, &sizes);
            let cell = cell_ref(scenario, &choice);
            let expected = scenario
                .expectations
                .iter()
                .find(|expectation| expectation.covers(&cell))
                .map_or(Expected::ObserveOnly, |expectation| expectation.expected.clone());
            Cell {
                cell,
                choice,
                expected,
            }
        })
        .collect()
}

/// All cells of a scenario on each of these kernels, of which the last varies fastest; without any, all cells
/// once, bound to none.
#[must_use]
pub fn cells_on(scenario: &Scenario, kernels: &[KernelId]) -> Vec<Cell> {
    if kernels.is_empty() {
        return cells(scenario);
    }
    let on_each = |cell: Cell| {
        kernels.iter().map(move |kernel| Cell {
            cell: cell.cell.on(Some(kernel.clone())),
            ..cell.clone()
        })
    };
    cells(scenario).into_iter().flat_map(on_each).collect()
}

/// The identity of the cell with these value indices.
#[must_use]
pub fn cell_ref(scenario: &Scenario, choice: &[usize]) -> CellRef {
    CellRef {
        scenario: scenario.name.clone(),
        values: scenario
            .axes
            .iter()
            .zip(choice)
            .map(|(axis, index)| (axis.name.clone(), axis.values[*index].name.clone()))
            .collect(),
        kernel: None,
        repetition: FIRST,
        dry: false,
    }
}
