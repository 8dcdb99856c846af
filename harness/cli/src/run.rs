//! `run`: from scenario files to reports.

use crate::args::{Manner, RunArguments, WhatToRun};
use crate::clock::Clock;
use crate::environment::Environment;
use crate::error::Failure;
use crate::events::Events;
use crate::folder::Folder;
use crate::github;
use crate::guests::{Event, Guests, Timings};
use crate::inspect::plans;
use crate::jobs;
use crate::judge::exit_code;
use crate::kernels::Kernels;
use crate::load::{self, MOST_CELLS, load};
use crate::output;
use crate::place;
use crate::progress::Progress;
use crate::reports::write_reports;
use crate::scenarios::Selected;
use crate::selection::Selection;
use crate::stop::Stop;
use crate::unfinished;
use lvs_matrix_model::dry;
use lvs_matrix_model::matrix::{CellRef, KernelId};
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::verdict::{JudgedCell, Verdict};
use lvs_matrix_report::{
    HTML_FILE, REPORT_FILE, RUN_FILE, RUN_FORMAT, RunEvent, RunReport, RunState, RunSummary, ScenarioSummary,
    plural, terminal_coloured,
};
use sha2::{Digest, Sha256};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

/// What is held back of the disk for the end of `run.json`, besides its cells, bytes.
const END_BYTES: usize = 64 << 10;

/// `run`.
pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let what = &arguments.what;
    let nothing = || {
        output::talk("no cell of that run was violated or unknown: there is nothing to run again");
        Ok(ExitCode::SUCCESS)
    };
    let Some(mut selection) = Selection::of_run(arguments, None)? else {
        return nothing();
    };
    let environment = Environment::find(what, &selection.kernels, &selection.scenarios)?;
    let line = environment.kernels.line();
    // With --place auto it was not known before.
    if selection.is_of_another(line) {
        let Some(again) = Selection::of_run(arguments, line)? else {
            return nothing();
        };
        selection = again;
    }
    let selected = &selection.scenarios;
    for selected in selected.iter().filter(|selected| !selected.warnings.is_empty()) {
        output::talk(&selected.warnings);
    }
    // Before anything is made that a signal would leave behind.
    let stop = Stop::on_signals()?;
    let folder = Folder::make(arguments.out.as_deref())?;
    // For as long as the guests' folder is there: other runs leave it alone.
    let _held = unfinished::hold(folder.path());
    unfinished::remove_beside(folder.path());
    let cells: usize = selected.iter().map(|selected| selected.cells.len()).sum();
    let cells = cells.saturating_mul(usize::try_from(arguments.manner.repeat.get()).unwrap_or(usize::MAX));
    if cells > MOST_CELLS {
        folder.discard_if_without_records();
        return Err(Failure::Mistake(format!(
            "{cells} cells are too many for a run, which has at most {MOST_CELLS}; take fewer by --filter or \
             --repeat, or fewer scenarios"
        )));
    }
    folder.check_space(cells)?;
    let events = arguments.events.as_deref().map(Events::open).transpose();
    let events = events.inspect_err(|_| folder.discard_if_without_records())?;
    let result = run_and_report(
        arguments,
        &selection,
        environment,
        &folder,
        &stop,
        events.as_ref(),
    );
    if let Some(events) = events {
        match &result {
            Ok(report) => events.send(RunEvent::Over(report)),
            Err(failure) => events.send(RunEvent::Failed(&failure.to_string())),
        }
        events.finish();
    }
    result.map(|report| exit_code(&report))
}

fn run_and_report(
    arguments: &RunArguments,
    selection: &Selection,
    environment: Environment,
    folder: &Folder,
    stop: &Stop,
    events: Option<&Events>,
) -> Result<RunReport, Failure> {
    let out = folder.path();
    let result = run_into(
        out,
        selection,
        &arguments.what,
        &arguments.manner,
        environment,
        stop,
        events,
    );
    folder.tidy(arguments.keep)?;
    let (summary, _) = result.inspect_err(|_| folder.discard_if_without_records())?;

    let report = load(out)?;
    write_reports(out, &report)?;
    folder.link_latest()?;
    // Whoever reads events from standard output reads nothing else there.
    let print = |text: &str| match events {
        Some(events) if events.to_stdout() => {
            output::talk(text.trim_end());
            Ok(())
        }
        Some(_) | None => output::data(text),
    };
    print(&terminal_coloured(&report))?;
    github::tell(&report, arguments.annotations);
    if let RunState::Interrupted { reason } = &summary.state {
        output::talk(&format!("the run was stopped by {reason}: the report is partial"));
    }
    if let Some(cell) = worth_explaining(&report) {
        let folder = out.display();
        print(&format!("why: {} explain {cell} --run {folder}\n", own_name()))?;
    }
    let (html, markdown) = (out.join(HTML_FILE), out.join(REPORT_FILE));
    let (html, markdown) = (html.display(), markdown.display());
    print(&format!("report: {html} (for a browser; as text: {markdown})\n"))?;
    if arguments.open {
        show(&out.join(HTML_FILE));
    }
    Ok(report)
}

/// Shows a file to its user, by the program that the desktop has for it. That there is none is no failure of
/// the run.
fn show(file: &Path) {
    let mut program = std::process::Command::new("xdg-open");
    program
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Err(error) = program.spawn() {
        output::talk(&format!(
            "--open: cannot start xdg-open(1), of the package xdg-utils: {error}"
        ));
    }
}

/// The cell to look into first: one that is not as expected, else one whose client hung, else the first.
fn worth_explaining(report: &RunReport) -> Option<&CellRef> {
    let cells = || report.cells().iter();
    let violated = cells().find(|cell| is_violated(cell));
    let hung = || cells().find(|cell| cell.left_waiting());
    let cell = violated.or_else(hung).or_else(|| cells().next())?;
    Some(&cell.record.plan.cell)
}

/// This program as it was called, for a command line to be copied.
pub(crate) fn own_name() -> String {
    let called = std::env::args_os().next();
    called.map_or_else(
        || "lvs-matrix".to_owned(),
        |called| PathBuf::from(called).display().to_string(),
    )
}

/// Runs the selected cells into `out`, which exists and is empty.
pub(crate) fn run_into(
    out: &Path,
    selection: &Selection,
    arguments: &WhatToRun,
    manner: &Manner,
    environment: Environment,
    stop: &Stop,
    events: Option<&Events>,
) -> Result<(RunSummary, Timings), Failure> {
    let selected = &selection.scenarios;
    let dry: Vec<LabPlan> = selected
        .iter()
        .flat_map(|selected| dry_plans(selected, &environment.kernels))
        .collect();
    let dry_cells = dry.iter().map(|plan| plan.cell.clone()).collect();
    let mut plans = repeated(plans(selected), manner.repeat);
    for plan in &mut plans {
        plan.observe_at_most = environment.observe_at_most;
    }
    let count = plans.len();
    let cells: Vec<CellRef> = plans.iter().map(|plan| plan.cell.clone()).collect();
    let mut summary = RunSummary {
        format: RUN_FORMAT,
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        hashes: Some(environment.kernels.hashes()),
        kernels: environment.kernels.summaries(),
        state: RunState::Begun,
        filter: selection.filter.clone(),
        part: selection.part(&cells, manner.repeat),
        language: manner.lang,
        scenarios: selected
            .iter()
            .map(|selected| ScenarioSummary {
                file: selected.file.clone(),
                sha256: Some(selected.sha256.clone()),
                ..ScenarioSummary::from(&selected.scenario)
            })
            .collect(),
        selected: cells,
        dry: dry_cells,
    };
    write_summary(out, &summary)?;
    let mut clock = Clock::started(out)?;
    for mut plan in dry.into_iter().rev() {
        plan.observe_at_most = environment.observe_at_most;
        plans.insert(0, plan);
    }
    if let Some(seed) = arguments.shuffle {
        plans.sort_by_cached_key(|plan| Sha256::digest(format!("{seed} {}", plan.cell)));
    }
    let times = usize::try_from(manner.repeat.get()).unwrap_or(usize::MAX);
    let reserve = output::reserve(out, END_BYTES + 200 * summary.selected.len());

    let guests = Guests {
        kernels: environment.kernels,
        init: environment.init,
        template: environment.template,
        with_innodb: environment.with_innodb,
        scenario_sha256: selected
            .iter()
            .map(|selected| (selected.scenario.name.clone(), selected.sha256.clone()))
            .collect(),
        stall: Duration::from_secs(arguments.stall.max(1)),
        fresh_servers: arguments.fresh_servers,
        jobs: arguments.jobs.unwrap_or_else(|| jobs::of_machine(&plans)),
        out,
        stop,
        folders: selected
            .iter()
            .filter_map(|selected| Some((selected.scenario.name.clone(), selected.folder()?)))
            .collect(),
    };
    let server = guests.template.as_ref();
    let server = server.map(|template| template.server.version_alone());
    let talk = |text: &str| {
        if !manner.quiet {
            output::talk(text);
        }
    };
    talk(&format!(
        "running {}{}{}, {} at once, {}{}",
        plural(count / times, "cell"),
        if times > 1 {
            format!(", each {times} times")
        } else {
            String::new()
        },
        match summary.dry.len() {
            0 => String::new(),
            dry => format!(" and {} without a change", plural(dry, "dry cell")),
        },
        plural(guests.jobs.get(), place::noun(&guests.kernels.first().runs_on)),
        guests.kernels.in_words(),
        server.map_or_else(String::new, |server| format!(", {server}"))
    ));
    if let Some(events) = events {
        events.send(RunEvent::Begun {
            run: &summary,
            place: &guests.kernels.in_words(),
            server: server.unwrap_or_default(),
        });
    }
    let progress = Progress::of(count, manner.quiet);
    let (mut recorded, mut cut) = (0, false);
    let result = guests.run(plans, &mut |event| {
        if event.of_dry_cell() {
            return;
        }
        if let Some(events) = events {
            events.pass_on(&event, out);
        }
        clock.hear(&event);
        match event {
            Event::Started(cell) => progress.begun(cell),
            Event::Reached(_, _) => {}
            Event::Recorded(cell) | Event::Unfinished(cell) => {
                cut |= matches!(event, Event::Unfinished(_)) && stop.reason().is_some();
                recorded += 1;
                let judged = if manner.fail_fast || progress.is_shown() {
                    load::one(out, cell).ok()
                } else {
                    None
                };
                progress.recorded(cell, judged.as_ref());
                if manner.fail_fast && judged.is_some_and(|cell| is_violated(&cell)) {
                    stop.request(&format!("--fail-fast, at {cell}"));
                }
            }
            Event::Trouble(text) => progress.aside(|| output::talk(&text)),
        }
    });
    progress.over();
    summary.state = match (stop.reason(), &result) {
        // A signal that came when all was done has stopped nothing.
        (Some(_), Ok(_)) if recorded == count && !cut => RunState::Ended,
        (Some(reason), _) => RunState::Interrupted { reason },
        (None, Err(failure)) => RunState::Interrupted {
            reason: failure.to_string(),
        },
        (None, Ok(_)) => RunState::Ended,
    };
    drop(reserve);
    write_summary(out, &summary)?;
    clock.ended(out)?;
    Ok((summary, result?))
}

/// The dry cells of a scenario, on each of the run's kernels.
fn dry_plans(selected: &Selected, kernels: &Kernels) -> Vec<LabPlan> {
    let on_one = |kernel: &Option<KernelId>| {
        let tried = selected.tried.iter().filter(|cell| cell.cell.kernel == *kernel);
        dry::plans(&selected.scenario, &tried.cloned().collect::<Vec<_>>())
    };
    kernels.coordinates().iter().flat_map(on_one).collect()
}

fn is_violated(cell: &JudgedCell) -> bool {
    matches!(cell.verdict, Verdict::Violated { .. })
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

pub(crate) fn write_summary(out: &Path, summary: &RunSummary) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(summary).map_err(|error| Failure::Software(error.to_string()))?;
    output::write_file(out, RUN_FILE, &(text + "\n"))
}
