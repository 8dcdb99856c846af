//! `--filter`: which cells.

use crate::error::Failure;
use lvs_matrix_model::Name;
use lvs_matrix_model::matrix::{CellRef, Coordinate, KernelId, cells_on};
use lvs_matrix_model::scenario::{KERNEL, Scenario};
use std::collections::BTreeSet;

/// Cells that fit any of the expressions; all cells if there is none.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    any_of: Vec<Vec<Term>>,
}

/// A condition; all of an expression must hold.
#[derive(Debug)]
enum Term {
    /// The cell has this id, or this name in its scenario.
    Whole(String),
    /// The cell's id contains this.
    Part(String),
    /// The axis has (or, negated, has not) one of the values.
    Axis {
        axis: String,
        values: Vec<String>,
        negated: bool,
    },
}

impl Filter {
    /// Reads the expressions. An axis or a value that none of the scenarios has is a mistake, not an empty
    /// result.
    pub(crate) fn parse(
        expressions: &[String],
        scenarios: &[&Scenario],
        kernels: &[Coordinate],
    ) -> Result<Self, Failure> {
        let all = scenarios.iter().flat_map(|scenario| cells_on(scenario, kernels));
        let all: Vec<CellRef> = all.map(|cell| cell.cell).collect();
        let is_whole = |text: &str| all.iter().any(|cell| is(cell, text));
        let term = |text: &str| match Term::parse(text.trim()) {
            // As everywhere: a name that is a cell's means that cell, and not those that contain it.
            Term::Part(text) if is_whole(&text) => Term::Whole(text),
            term @ (Term::Whole(_) | Term::Part(_) | Term::Axis { .. }) => term,
        };
        let any_of: Vec<Vec<Term>> = expressions
            .iter()
            .map(|expression| expression.split(',').map(term).collect())
            .collect();
        for term in any_of.iter().flatten() {
            if let Term::Axis { axis, values, .. } = term {
                let kernels: Vec<&KernelId> = kernels.iter().filter_map(|(id, _)| id.as_ref()).collect();
                check(axis, values, scenarios, &kernels)?;
            }
        }
        Ok(Self { any_of })
    }

    pub(crate) fn admits(&self, cell: &CellRef) -> bool {
        self.any_of.is_empty()
            || self
                .any_of
                .iter()
                .any(|terms| terms.iter().all(|term| term.holds(cell)))
    }
}

impl Term {
    fn parse(text: &str) -> Self {
        let Some((axis, values)) = text.split_once('=') else {
            return Self::Part(text.to_owned());
        };
        let (axis, negated) = axis.strip_suffix('!').map_or((axis, false), |axis| (axis, true));
        let values = values.split('|').map(|value| value.trim().to_owned()).collect();
        Self::Axis {
            axis: axis.trim().to_owned(),
            values,
            negated,
        }
    }

    fn holds(&self, cell: &CellRef) -> bool {
        match self {
            Self::Whole(name) => is(cell, name),
            Self::Part(part) => cell.to_string().contains(part),
            Self::Axis {
                axis,
                values,
                negated,
            } => {
                let kernel = cell.kernel.as_ref().filter(|_| axis == KERNEL);
                let own = cell
                    .value(axis)
                    .map(Name::as_str)
                    .or(kernel.map(KernelId::as_str));
                own.is_some_and(|own| values.iter().any(|value| value == own) != *negated)
            }
        }
    }
}

fn is(cell: &CellRef, name: &str) -> bool {
    cell.to_string() == name || cell.slug() == name
}

fn check(
    axis: &str,
    values: &[String],
    scenarios: &[&Scenario],
    kernels: &[&KernelId],
) -> Result<(), Failure> {
    let axes = || scenarios.iter().flat_map(|scenario| &scenario.axes);
    let own: BTreeSet<&str> = axes()
        .filter(|known| known.name.as_str() == axis)
        .flat_map(|known| &known.values)
        .map(|value| value.name.as_str())
        .chain(kernels.iter().filter(|_| axis == KERNEL).map(|id| id.as_str()))
        .collect();
    if own.is_empty() {
        let kernel = (!kernels.is_empty()).then_some(KERNEL);
        let known: BTreeSet<&str> = axes().map(|axis| axis.name.as_str()).chain(kernel).collect();
        return Err(Failure::Mistake(format!(
            "--filter: no axis named `{axis}`; axes here: {}",
            known.into_iter().collect::<Vec<_>>().join(", ")
        )));
    }
    match values.iter().find(|value| !own.contains(value.as_str())) {
        Some(value) => Err(Failure::Mistake(format!(
            "--filter: axis `{axis}` has no value `{value}`; its values: {}",
            own.into_iter().collect::<Vec<_>>().join(", ")
        ))),
        None => Ok(()),
    }
}
