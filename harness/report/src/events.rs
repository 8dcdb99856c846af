//! The stream of events while a run goes on, as JSON Lines: each line is a whole in itself, whichever were
//! read before.

use crate::error::ReportError;
use crate::escape::json_text;
use crate::json::{Axes, Sums, UntestedJson, VerdictJson, hang, nanos};
use crate::overview::behaviour_class;
use crate::run::{RunReport, RunState, RunSummary, record_path};
use crate::totals::Totals;
use lvs_matrix_language::Length;
use lvs_matrix_model::Name;
use lvs_matrix_model::matrix::{CellRef, KernelId};
use lvs_matrix_model::scenario::HangEndName;
use lvs_matrix_model::verdict::{ArticleResult, JudgedCell};
use std::time::Duration;

/// The number of the format of the events. It changes when a field goes or changes its meaning, not when one
/// is added; readers pass over events that they do not know.
pub const EVENTS_FORMAT: u32 = 1;

/// Something that happened while a run went on.
#[derive(Debug, Clone, Copy)]
pub enum RunEvent<'a> {
    /// The run begins.
    Begun {
        /// What is to be run.
        run: &'a RunSummary,
        /// Where cells run: the kernel under test, in words.
        place: &'a str,
        /// The server program's version line.
        server: &'a str,
    },
    /// A cell begins in its guest.
    Started(&'a CellRef),
    /// A cell has come so far.
    Reached(&'a CellRef, CellMilestone),
    /// A cell's record is in the run's folder; what it shows.
    Recorded(&'a JudgedCell),
    /// A cell is over, and its record cannot be read; why.
    Unreadable(&'a CellRef, &'a str),
    /// A guest did not end as it should; why.
    Trouble(&'a str),
    /// The run is over, and these are its results; interrupted or not, its own state says.
    Over(&'a RunReport),
    /// The run is over, and there are no results; why.
    Failed(&'a str),
}

/// How far a cell has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CellMilestone {
    /// The servers answer, the table is set, the captures run.
    LabReady,
    /// The time line was played to the end of the observation.
    Played,
}

/// An event as one line of JSON, ending with a newline. `wall` is how long the run has gone on, on the host's
/// clock.
///
/// # Errors
/// [`ReportError::Json`] if the JSON writer refuses a value.
pub fn event_line(event: RunEvent<'_>, wall: Duration) -> Result<String, ReportError> {
    let line = Line {
        format: EVENTS_FORMAT,
        wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        event: EventJson::of(event),
    };
    let mut text = json_text(serde_json::to_string(&line)?);
    text.push('\n');
    Ok(text)
}

/// A line of the stream of events.
#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Line<'a> {
    /// The number of this format.
    #[schemars(extend("const" = EVENTS_FORMAT))]
    format: u32,
    /// How long the run has gone on, on the host's clock. No report holds such a time.
    wall_ms: u64,
    #[serde(flatten)]
    event: EventJson<'a>,
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
enum EventJson<'a> {
    /// The run begins: the first line.
    RunBegun {
        /// The version of lvs-matrix.
        harness: &'a str,
        /// Where cells run: the kernel under test, in words.
        place: &'a str,
        /// The server program's version line.
        server: &'a str,
        scenarios: Vec<&'a Name>,
        /// How many cells are to be run, repetitions counted.
        cells: usize,
    },
    /// A cell begins in its guest. Several may run at a time.
    CellStarted {
        #[serde(flatten)]
        cell: Place<'a>,
    },
    /// A cell has come so far.
    Milestone {
        #[serde(flatten)]
        cell: Place<'a>,
        milestone: CellMilestone,
    },
    /// A cell is over; its record is in the run's folder. Without a line `cell-started` before it: its guest
    /// did not come so far.
    Recorded {
        #[serde(flatten)]
        cell: Place<'a>,
        #[schemars(extend("enum" = ["answered", "failed-fast", "hung", "undetermined"]))]
        behaviour: &'static str,
        /// How a hang ended; null for other behaviours.
        ends: Option<HangEndName>,
        /// How long the operation took; null if undetermined.
        time_ns: Option<u64>,
        article: Option<ArticleResult>,
        verdict: VerdictJson,
        /// Why the change of the cell had no part in what was judged; absent if it had.
        #[serde(skip_serializing_if = "Option::is_none")]
        untested: Option<UntestedJson>,
        /// Its record, relative to the run's folder.
        record: String,
    },
    /// A cell is over, and its record cannot be read.
    Unreadable {
        #[serde(flatten)]
        cell: Place<'a>,
        reason: &'a str,
    },
    /// A guest did not end as it should. What that means for its cells, their own lines say.
    Trouble { text: &'a str },
    /// The run came to its end: the last line.
    RunEnded { totals: Sums },
    /// The run was stopped, or failed, before its end: the last line. A run that was killed has no last line.
    RunInterrupted {
        reason: &'a str,
        /// Null if nothing could be judged.
        totals: Option<Sums>,
    },
}

/// Which cell.
#[derive(serde::Serialize, schemars::JsonSchema)]
struct Place<'a> {
    /// Its id; also its folder in the run's folder.
    cell: String,
    scenario: &'a Name,
    axes: Axes<'a>,
    /// Which of the run's kernels; absent in a run that was asked for none by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<&'a KernelId>,
}

impl<'a> Place<'a> {
    fn of(cell: &'a CellRef) -> Self {
        Self {
            cell: cell.to_string(),
            scenario: &cell.scenario,
            axes: Axes(cell),
            kernel: cell.kernel.as_ref(),
        }
    }
}

impl<'a> EventJson<'a> {
    fn of(event: RunEvent<'a>) -> Self {
        match event {
            RunEvent::Begun { run, place, server } => Self::RunBegun {
                harness: &run.harness,
                place,
                server,
                scenarios: run.scenarios.iter().map(|scenario| &scenario.name).collect(),
                cells: run.selected.len(),
            },
            RunEvent::Started(cell) => Self::CellStarted {
                cell: Place::of(cell),
            },
            RunEvent::Reached(cell, milestone) => Self::Milestone {
                cell: Place::of(cell),
                milestone,
            },
            RunEvent::Recorded(judged) => Self::recorded(judged),
            RunEvent::Unreadable(cell, reason) => Self::Unreadable {
                cell: Place::of(cell),
                reason,
            },
            RunEvent::Trouble(text) => Self::Trouble { text },
            RunEvent::Over(report) => {
                let totals = Sums::of(&Totals::of(report));
                match &report.run().state {
                    RunState::Ended => Self::RunEnded { totals },
                    RunState::Interrupted { reason } => Self::RunInterrupted {
                        reason,
                        totals: Some(totals),
                    },
                    // A run that is over and does not say so cannot be; it is no end.
                    RunState::Begun => Self::RunInterrupted {
                        reason: "the run did not note its end",
                        totals: Some(totals),
                    },
                }
            }
            RunEvent::Failed(reason) => Self::RunInterrupted { reason, totals: None },
        }
    }

    fn recorded(judged: &'a JudgedCell) -> Self {
        let cell = &judged.record.plan.cell;
        Self::Recorded {
            cell: Place::of(cell),
            behaviour: behaviour_class(judged),
            ends: hang(judged).map(|(_, end)| end.name()),
            time_ns: Length::of(judged).map(|length| nanos(length.time)),
            article: judged.article(),
            verdict: VerdictJson::of(&judged.verdict),
            untested: UntestedJson::of_cell(judged),
            record: record_path(cell),
        }
    }
}
