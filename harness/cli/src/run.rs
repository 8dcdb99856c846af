//! `run`: from scenario files to reports.

use crate::args::{RunArguments, WhatToRun};
use crate::error::Failure;
use crate::folder::Folder;
use crate::github;
use crate::ground::Ground;
use crate::guests::{Event, Guests, Timings};
use crate::inspect::plans;
use crate::judge::{exit_code, load};
use crate::output;
use crate::place;
use crate::reports::write_reports;
use crate::scenarios::{self, Selected};
use crate::stop::Stop;
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_report::{RUN_FILE, RUN_FORMAT, RunState, RunSummary, ScenarioSummary, plural, terminal};
use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// No more guests than this at once where nothing is said: each takes up to a gibibyte.
const MOST_JOBS: usize = 4;

/// `run`.
pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let what = &arguments.what;
    let selected = scenarios::select(&what.files, &what.filter.expressions)?;
    let ground = Ground::find(what, &selected)?;
    let folder = Folder::make(arguments.out.as_deref())?;
    let cells: usize = selected.iter().map(|selected| selected.cells.len()).sum();
    folder.check_space(cells.saturating_mul(usize::try_from(arguments.repeat.get()).unwrap_or(usize::MAX)))?;
    let stop = Stop::on_signals()?;
    let out = folder.path();
    let result = run_into(out, &selected, what, arguments.repeat, ground, &stop);
    folder.tidy(arguments.keep)?;
    let (summary, _) = result.inspect_err(|_| folder.discard_if_without_records())?;

    let report = load(out)?;
    write_reports(out, &report)?;
    folder.link_latest()?;
    output::data(&terminal(&report))?;
    github::tell(&report, arguments.annotations);
    if let RunState::Interrupted { reason } = &summary.state {
        output::talk(&format!("the run was stopped by {reason}: the report is partial"));
    }
    output::data(&format!("report: {}\n", out.join("report.md").display()))?;
    Ok(exit_code(&report))
}

/// Runs the selected cells into `out`, which exists and is empty.
pub(crate) fn run_into(
    out: &Path,
    selected: &[Selected],
    arguments: &WhatToRun,
    repeat: NonZero<u32>,
    ground: Ground,
    stop: &Stop,
) -> Result<(RunSummary, Timings), Failure> {
    let mut plans = repeated(plans(selected), repeat);
    for plan in &mut plans {
        plan.observe_at_most = ground.observe_at_most;
    }
    let count = plans.len();
    let expressions = &arguments.filter.expressions;
    let mut summary = RunSummary {
        format: RUN_FORMAT,
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        state: RunState::Begun,
        filter: (!expressions.is_empty()).then(|| expressions.join(" or ")),
        scenarios: selected
            .iter()
            .map(|selected| ScenarioSummary {
                file: selected.file.clone(),
                ..ScenarioSummary::from(&selected.scenario)
            })
            .collect(),
        selected: plans.iter().map(|plan| plan.cell.clone()).collect(),
    };
    write_summary(out, &summary)?;

    let guests = Guests {
        runs_on: ground.runs_on,
        init: ground.init,
        template: ground.template,
        stall: Duration::from_secs(arguments.stall.max(1)),
        jobs: arguments.jobs.unwrap_or_else(default_jobs),
        out,
        stop,
    };
    output::talk(&format!(
        "running {}, {} at once, {}, {}",
        plural(count, "cell"),
        plural(guests.jobs.get(), place::noun(&guests.runs_on)),
        place::in_words(&guests.runs_on),
        guests.template.server.version
    ));
    let mut recorded = 0;
    let result = guests.run(plans, &mut |event| match event {
        Event::Started(cell) => output::progress(&format!("{recorded}/{count}  {cell}")),
        Event::Recorded(cell) => {
            recorded += 1;
            output::milestone(&format!("{recorded}/{count}  {cell}"));
        }
        Event::Trouble(text) => {
            output::progress("");
            output::talk(&text);
        }
    });
    output::progress("");
    summary.state = match (stop.reason(), &result) {
        (Some(reason), _) => RunState::Interrupted { reason },
        (None, Err(failure)) => RunState::Interrupted {
            reason: failure.to_string(),
        },
        (None, Ok(_)) => RunState::Ended,
    };
    write_summary(out, &summary)?;
    Ok((summary, result?))
}

/// All cells once, then all of them again.
fn repeated(plans: Vec<LabPlan>, times: NonZero<u32>) -> Vec<LabPlan> {
    let again = |number| {
        plans.iter().cloned().map(move |mut plan| {
            plan.cell.repetition = number;
            plan
        })
    };
    let numbers = (1..=times.get()).filter_map(NonZero::new);
    numbers.flat_map(again).collect()
}

fn write_summary(out: &Path, summary: &RunSummary) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(summary).map_err(|error| Failure::Software(error.to_string()))?;
    output::write_file(out, RUN_FILE, &(text + "\n"))
}

fn default_jobs() -> NonZero<usize> {
    let processors = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    processors.min(NonZero::new(MOST_JOBS).unwrap_or(NonZero::<usize>::MIN))
}
