//! Judged cells made by hand, in the shapes that the runner and the judge give them.

mod builder;
mod cells;
pub(crate) mod hostile;
mod scenarios;

pub(crate) use builder::*;
pub(crate) use cells::*;
pub(crate) use scenarios::*;

use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, Node, Statement, TableAction};
use lvs_matrix_model::capture::{Body, Flags, Packet, Segment, Transport};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::matrix::{Cell, cells};
use lvs_matrix_model::path::Journeys;
use lvs_matrix_model::plan::{LabPlan, plan};
use lvs_matrix_model::record::*;
use lvs_matrix_model::scenario::*;
use lvs_matrix_model::verdict::*;
use lvs_matrix_report::{ExpectationPlace, RUN_FORMAT, RunReport, RunState, RunSummary, ScenarioSummary};
use std::time::Duration;

pub(crate) const CLIENT_PORT: u16 = 40776;

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn ms(millis: i64) -> Instant {
    Instant(millis * 1_000_000)
}

/// Everything above and a cell without a record, in a run that was interrupted.
pub(crate) fn report() -> RunReport {
    let mut judged = vec![
        hung(),
        violated(),
        refused(),
        lab_failed(),
        observed_only(),
        answered(),
    ];
    // The order of the records on disk must not matter.
    judged.rotate_left(2);
    report_of(
        judged,
        RunState::Interrupted {
            reason: "SIGINT".to_owned(),
        },
    )
}

/// From a file whose name has everything that a workflow command takes for its own.
pub(crate) fn summary_of(scenario: &Scenario) -> ScenarioSummary {
    ScenarioSummary {
        file: Some(format!("a:b, 100%/{}.yaml", scenario.name)),
        expectations: vec![ExpectationPlace {
            when: vec![],
            kernels: vec![],
            position: Position { line: 12, column: 5 },
        }],
        ..ScenarioSummary::from(scenario)
    }
}

pub(crate) fn report_of(judged: Vec<JudgedCell>, state: RunState) -> RunReport {
    let scenarios = [scenario(), drain()];
    let run = RunSummary {
        format: RUN_FORMAT,
        harness: "0.1.0".to_owned(),
        hashes: None,
        state,
        filter: None,
        part: None,
        language: lvs_matrix_report::Language::English,
        scenarios: scenarios.iter().map(summary_of).collect(),
        selected: scenarios
            .iter()
            .flat_map(|scenario| cells(scenario).into_iter().map(|cell| cell.cell))
            .collect(),
        kernels: vec![],
        dry: vec![],
    };
    RunReport::new(run, judged, vec![])
}
