//! Which cell: the name by which plans, records and reports know it.

use super::kernel::KernelId;
use crate::Name;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZero;

/// The number of a cell's first repetition, which is the only one where nothing was asked for.
pub const FIRST: NonZero<u32> = NonZero::<u32>::MIN;

/// Which cell: the scenario and one value of each axis, in the file's order; on which kernel, if the run has
/// several; and which of its repetitions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CellRef {
    /// The scenario's name.
    pub scenario: Name,
    /// (axis, value) for every axis, in the order of the file.
    pub values: Vec<(Name, Name)>,
    /// Which of the run's kernels; `None` in a run that was asked for none by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelId>,
    /// Which repetition; 1 for the first.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub repetition: NonZero<u32>,
    /// Is it no cell of the matrix, but one in which the client of that cell does what it does without any
    /// change ([`crate::dry`])?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry: bool,
}

fn first() -> NonZero<u32> {
    FIRST
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_first(repetition: &NonZero<u32>) -> bool {
    *repetition == FIRST
}

impl CellRef {
    /// The cell's values joined by `_` (names have no underscore, so the slug is unambiguous):
    /// `absent_up_execute-sql_0`. `only` for a scenario without axes. Behind an `@`, which names have not
    /// either, come the kernel if the cell is bound to one, `@linux-6.1`; `@dry` of a dry cell; and the
    /// number of a repetition but the first: `only@2`. Also the cell's folder and anchor.
    #[must_use]
    pub fn slug(&self) -> String {
        let values: Vec<&str> = self.values.iter().map(|(_, value)| value.as_str()).collect();
        let mut slug = if values.is_empty() {
            "only".to_owned()
        } else {
            values.join("_")
        };
        if let Some(kernel) = &self.kernel {
            slug.push_str(&format!("@linux-{kernel}"));
        }
        if self.dry {
            slug.push_str("@dry");
        }
        if self.repetition != FIRST {
            slug.push_str(&format!("@{}", self.repetition));
        }
        slug
    }

    /// Another repetition of the same cell.
    #[must_use]
    pub fn repeated(&self, repetition: NonZero<u32>) -> Self {
        Self {
            repetition,
            ..self.clone()
        }
    }

    /// The same cell on one of the run's kernels.
    #[must_use]
    pub fn on(&self, kernel: Option<KernelId>) -> Self {
        Self {
            kernel,
            ..self.clone()
        }
    }

    /// The dry cell in which the client does what it does in this one.
    #[must_use]
    pub fn dry(&self) -> Self {
        Self {
            repetition: FIRST,
            dry: true,
            ..self.clone()
        }
    }

    /// The value of `axis` in this cell.
    #[must_use]
    pub fn value(&self, axis: &str) -> Option<&Name> {
        self.values
            .iter()
            .find(|(name, _)| name.as_str() == axis)
            .map(|(_, value)| value)
    }
}

/// The cell's id: `config-change/absent_up_execute-sql_0`.
impl fmt::Display for CellRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.scenario, self.slug())
    }
}

/// `number` written in the mixed radix `sizes`, most significant first.
#[must_use]
pub fn choice_of(mut number: usize, sizes: &[usize]) -> Vec<usize> {
    let mut choice = vec![0; sizes.len()];
    for (place, size) in sizes.iter().enumerate().rev() {
        choice[place] = number % size;
        number /= size;
    }
    choice
}
