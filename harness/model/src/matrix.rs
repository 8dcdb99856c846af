//! The matrix: a scenario's axes multiplied into cells. Pure, ordered, with ids that stay the same.

pub use crate::base::{
    CellRef, DEFAULT_LINE, FIRST, KernelId, Line, Lines, NotAKernelId, NotLines, choice_of,
};

use crate::scenario::{Expected, Scenario};

/// One combination of the axes' values, with what the scenario expects of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its identity.
    pub cell: CellRef,
    /// For each axis, the index of the value it has here.
    pub choice: Vec<usize>,
    /// What the scenario expects. The check has made sure that exactly one expectation covers it, for those
    /// lines of Linux that it was asked for.
    pub expected: Expected,
}

/// What a cell is bound to: a kernel of the run by its name, if the run has several, and the line of Linux,
/// on which expectations may depend.
pub type Coordinate = (Option<KernelId>, Line);

/// All cells of a scenario on a kernel of [`DEFAULT_LINE`]; the last axis of the file varies fastest.
#[must_use]
pub fn cells(scenario: &Scenario) -> Vec<Cell> {
    of_line(scenario, DEFAULT_LINE)
}

fn of_line(scenario: &Scenario, line: Line) -> Vec<Cell> {
    let sizes: Vec<usize> = scenario.axes.iter().map(|axis| axis.values.len()).collect();
    let count: usize = sizes.iter().product();
    (0..count)
        .map(|number| {
            let choice = choice_of(number, &sizes);
            let cell = cell_ref(scenario, &choice);
            let expected = scenario
                .expectations
                .iter()
                .find(|expectation| expectation.covers(&cell, line))
                .map_or(Expected::ObserveOnly, |expectation| expectation.expected.clone());
            Cell {
                cell,
                choice,
                expected,
            }
        })
        .collect()
}

/// All cells of a scenario on each of these kernels, of which the last varies fastest.
#[must_use]
pub fn cells_on(scenario: &Scenario, kernels: &[Coordinate]) -> Vec<Cell> {
    let mut on_each: Vec<_> = kernels
        .iter()
        .map(|(kernel, line)| (kernel, of_line(scenario, *line).into_iter()))
        .collect();
    let mut cells = Vec::new();
    loop {
        let before = cells.len();
        for (kernel, own) in &mut on_each {
            cells.extend(own.next().map(|cell| Cell {
                cell: cell.cell.on(kernel.clone()),
                ..cell
            }));
        }
        if cells.len() == before {
            return cells;
        }
    }
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
