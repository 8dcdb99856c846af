//! A scenario as believed: every name in it exists, every number is in range, every cell is covered by one
//! expectation.
//!
//! ```text
//! YAML text --yaml--> nodes with places --syntax--> the file as typed --check--> Scenario
//!                                                                   or every mistake at once
//! ```

mod check;
mod expected;
mod explore;
mod include;
mod kind;
mod lab;
mod load;
mod mistake;
mod place;
mod read;
mod reference;
mod render;
mod scalar;
mod schema;
mod schema_parts;
mod source;
mod syntax;
mod table;
mod text;
mod written;
mod yaml;

pub use crate::base::{ClientAt, Family, Forwarding, Misbuild, ServerKind, TunnelType, Vip, Wiring};
pub use check::MAX_CELLS;
pub use expected::{
    BehaviourName, Expectation, Expected, ExpectedBehaviour, ExpectedOutage, ExpectedSpread, HangEndName,
    OutageBounds, Range, holds, matches,
};
pub use explore::{ErrorsOf, Explore, Never};
pub use include::Files;
pub use lab::{Director, FurtherService, Lab, RealServer};
pub use load::{load, load_bytes, load_for, load_with};
pub use mistake::{Mistake, MistakeKind, Severity, closest};
pub use place::{Position, Span};
pub use reference::reference;
pub use render::{Style, render};
pub use schema::schema;
pub use source::{NotAUrl, Source, Url};
pub use text::MAX_BYTES;
pub use written::{difference, settings, written, written_step};

/// What a run's kernels are called beside the axes of a scenario. No axis has this name.
pub const KERNEL: &str = "kernel";

use crate::Name;
use crate::action::Timed;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A checked scenario. Made only by the loader, from YAML text.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The scenario's name; the first part of its cells' ids.
    pub name: Name,
    /// The claim in a sentence or two, as the author wrote it.
    pub claim: String,
    /// The claim in Simplified Chinese, if its author gives it.
    pub claim_zh: Option<String>,
    /// The incident that it reproduces, if its author names one.
    pub source: Option<Source>,
    /// The lab that every cell begins with, before its values change it.
    pub lab: Lab,
    /// The axes in the order of the file.
    pub axes: Vec<Axis>,
    /// Steps that every cell has, beside those of its values.
    pub steps: Phases,
    /// How long silence is borne and how long it is watched.
    pub observe: Observe,
    /// What is expected of which cells, in the order of the file.
    pub expectations: Vec<Expectation>,
    /// Do its operations fail, or take longer than patience, even where nothing is changed?
    pub fails_without_change: bool,
    /// What is searched, if it is more than these cells.
    pub explore: Option<Explore>,
    /// What its author should look at, though the file is accepted.
    pub warnings: Vec<Mistake>,
}

/// An axis: something that is varied.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Its name.
    pub name: Name,
    /// Its values, at least one, in the order of the file.
    pub values: Vec<Value>,
}

/// A value of an axis: what it adds to a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Its name.
    pub name: Name,
    /// What it says of the lab.
    pub lab: Lab,
    /// Steps that it adds to the phases.
    pub steps: Phases,
}

/// Steps by phase. Within a phase the scenario's own steps come first, then those of each axis in the file's
/// order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Phases {
    /// Before the change: the client connects, starts its statement, grows old.
    pub before: Vec<Timed>,
    /// The change: what the operator or fate does.
    pub change: Vec<Timed>,
    /// After it: what the client does then. The last operation of the client here is the one that is
    /// classified.
    pub act: Vec<Timed>,
}

impl Phases {
    /// Steps of the three phases.
    #[must_use]
    pub fn of<T: Into<Timed>>(before: Vec<T>, change: Vec<T>, act: Vec<T>) -> Self {
        let timed = |steps: Vec<T>| steps.into_iter().map(T::into).collect();
        Self {
            before: timed(before),
            change: timed(change),
            act: timed(act),
        }
    }
}

/// How the outcome is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Observe {
    /// An answer or an error within this time is fast; silence beyond it is a hang.
    pub patience: Duration,
    /// How long the cell is watched, from the beginning of its `act` phase, to see how a silence ends.
    pub until: Duration,
    /// Which operation is classified.
    #[serde(default, skip_serializing_if = "Judged::is_default")]
    pub judge: Judged,
}

/// Which of the client's operations in `act` is classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    /// The last one that was reached.
    #[default]
    Last,
    /// The one that fared worst.
    Worst,
}

impl Judged {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde's skip_serializing_if passes a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
