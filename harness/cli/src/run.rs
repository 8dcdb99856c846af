//! `run`: from scenario files to reports.

use crate::args::{RunArguments, WhatToRun};
use crate::build_kernel;
use crate::doctor::path;
use crate::error::Failure;
use crate::folder::{Folder, absolute};
use crate::github;
use crate::guests::{Event, Guests, Timings};
use crate::inspect::plans;
use crate::judge::{exit_code, load};
use crate::output;
use crate::reports::write_reports;
use crate::scenarios::{self, Selected};
use crate::stop::Stop;
use lvs_matrix_guest::kernel::{self, CacheFolder, Kernel, KernelError};
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_report::{RUN_FILE, RUN_FORMAT, RunState, RunSummary, ScenarioSummary, plural, terminal};
use lvs_matrix_runner::{LabError, Server, Template, missing_programs, prepare_template};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// No more guests than this at once where nothing is said: each takes up to a gibibyte.
const MOST_JOBS: usize = 4;

/// `run`.
pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let what = &arguments.what;
    let selected = scenarios::select(&what.files, &what.filter.expressions)?;
    let ground = Ground::find(what)?;
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

/// What a run stands on.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    kernel: Kernel,
    template: Template,
    init: PathBuf,
}

impl Ground {
    /// Looks for everything that a run needs; what is missing is named all at once, each with its cure.
    pub(crate) fn find(arguments: &WhatToRun) -> Result<Self, Failure> {
        let mut missing = Vec::new();
        for (program, package) in missing_programs(&path()) {
            missing.push(format!("the program `{program}` is missing: apt-get install {package}"));
        }
        let server = match &arguments.mysqld {
            Some(program) => Server::probe(&reachable(&absolute(program)?)?),
            None => Server::find(&path()),
        };
        let server = match server {
            Ok(server) => Some(server),
            // A path that was given is the user's mistake, not the machine's lack.
            Err(error) if arguments.mysqld.is_some() => return Err(Failure::Mistake(error.to_string())),
            Err(error) => {
                missing.push(error.to_string());
                None
            }
        };
        let cache = CacheFolder::of_user().map_err(|error| build_kernel::failure(&error))?;
        let kernel = match kernel::find(&cache, arguments.kernel.as_deref()) {
            Ok(kernel) => Some(kernel),
            Err(error @ KernelError::NotAKernel { .. }) => return Err(Failure::Mistake(error.to_string())),
            Err(error) => {
                missing.push(error.to_string());
                None
            }
        };
        let (Some(server), Some(kernel), true) = (server, kernel, missing.is_empty()) else {
            return Err(Failure::Unavailable(format!(
                "this machine cannot run cells yet:\n  {}",
                missing.join("\n  ")
            )));
        };
        let template = prepare_template(&server, &cache_root(&cache)).map_err(|error| with_log(&error))?;
        let init = std::env::current_exe()
            .map_err(|error| Failure::Software(format!("cannot find this program's own file: {error}")))?;
        Ok(Self { kernel, template, init })
    }
}

/// A server program that a guest can start. A guest has folders of its own in memory in place of some of the host's.
fn reachable(program: &Path) -> Result<PathBuf, Failure> {
    let real = program
        .canonicalize()
        .map_err(|error| Failure::Mistake(format!("cannot use {} as a server: {error}", program.display())))?;
    match lvs_matrix_guest::init::OWN_FOLDERS
        .iter()
        .find(|own| real.starts_with(own))
    {
        Some(own) => Err(Failure::Mistake(format!(
            "{} cannot be used as a server: a guest has a {own} of its own; copy the server's folder to another place, such as /opt",
            real.display()
        ))),
        None => Ok(real),
    }
}

/// The cache folder itself: kernels lie one level below it.
fn cache_root(cache: &CacheFolder) -> PathBuf {
    cache
        .kernels()
        .parent()
        .map_or_else(|| cache.kernels(), Path::to_path_buf)
}

fn with_log(error: &LabError) -> Failure {
    let log: String = error.log.iter().map(|line| format!("\n  {line}")).collect();
    Failure::Unavailable(format!("{error}{log}"))
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
    let plans = repeated(plans(selected), repeat);
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
        kernel: ground.kernel,
        init: ground.init,
        template: ground.template,
        stall: Duration::from_secs(arguments.stall.max(1)),
        jobs: arguments.jobs.unwrap_or_else(default_jobs),
        out,
        stop,
    };
    output::talk(&format!(
        "running {}, {} at once, Linux {}, {}",
        plural(count, "cell"),
        plural(guests.jobs.get(), "guest"),
        guests.kernel.version,
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
