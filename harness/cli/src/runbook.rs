//! `runbook`: which procedure takes a server out of an operator's own set-up and hurts nobody.

use crate::args::RunbookArguments;
use crate::error::Failure;
use crate::folder::Folder;
use crate::output;
use crate::own;
use crate::run::own_name;
use crate::run_on::RunOn;
use crate::stop::Stop;
use lvs_matrix_report::RunReport;
use lvs_matrix_setup::runbook::{self, Evidence, Feel, Question, Trial};
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the parts of the result lie in its folder.
const SCENARIOS: &str = "scenarios";
const RUN: &str = "run";
const TRIED: &str = "tried";
const AGAIN: &str = "safest.yaml";
const PAGE: &str = "runbook.md";
/// The exit code of an answer by which somebody is hurt, as of a run with something that is not as wanted.
const NO_SAFE_ONE: u8 = 1;

/// `runbook --from FILE…`.
pub(crate) fn runbook(arguments: &RunbookArguments) -> Result<ExitCode, Failure> {
    if arguments.own.from.is_empty() {
        return Err(Failure::Mistake(
            "name your own files: lvs-matrix runbook --from FILE…, such as what `ipvsadm -Sn` prints"
                .to_owned(),
        ));
    }
    let lab = own::lab(&arguments.own)?;
    let server = lab
        .server(arguments.server.as_deref())
        .map_err(Failure::Mistake)?;
    let question = Question {
        server: server.clone(),
        clients: arguments.clients.clone(),
        wait: arguments.wait,
        lab: lab.clone(),
    };
    let refused = |why| Failure::Software(format!("a scenario would not be accepted: {why}"));
    let asked = runbook::scenarios(&question).map_err(refused)?;
    let asked: Vec<(String, String)> = asked
        .into_iter()
        .map(|(client, text)| (client.to_string(), text))
        .collect();
    if asked.is_empty() {
        return Err(Failure::Mistake(
            "no client of --clients is one of such a service: echo servers have no transactions".to_owned(),
        ));
    }

    let stop = Stop::on_signals()?;
    let folder = Folder::make(arguments.out.as_deref())?;
    let at = |part: &str| folder.path().join(part);
    let files = write_all(&at(SCENARIOS), &asked)?;
    let report = run(arguments, &files, &at(RUN), &stop).inspect_err(|_| {
        // Where nothing was run, a folder with scenarios is no answer. What cannot be removed stays.
        if !at(RUN).exists() {
            let _ = fs::remove_dir_all(at(SCENARIOS));
            folder.discard_if_without_records();
        }
    })?;
    stopped(&stop)?;
    let answer = runbook::answer(&question, report.cells()).map_err(refused)?;
    let tried = if arguments.no_settings {
        Vec::new()
    } else {
        let trials = runbook::trials(&question, report.cells());
        try_all(arguments, trials, &at(TRIED), &stop)?
    };
    stopped(&stop)?;
    if let Some(again) = &answer.again {
        output::write_file(folder.path(), AGAIN, again)?;
    }
    let shown = |part: &str| shown(&at(part));
    let text = answer.text(
        &question,
        &tried,
        &Evidence {
            program: &own_name(),
            run: &shown(RUN),
            tried: &shown(TRIED),
            again: &shown(AGAIN),
        },
    );
    output::write_file(folder.path(), PAGE, &text)?;
    folder.link_latest()?;
    output::data(&text)?;
    output::talk(&format!("this text: {}", shown(PAGE)));
    Ok(if answer.safest().is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NO_SAFE_ONE)
    })
}

/// A path from here, if it is below.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

fn stopped(stop: &Stop) -> Result<(), Failure> {
    match stop.reason() {
        None => Ok(()),
        Some(reason) => Err(Failure::Software(format!(
            "stopped by {reason}: there is no answer yet"
        ))),
    }
}

/// Writes scenarios into a new folder, each as `NAME.yaml`.
fn write_all(folder: &Path, all: &[(String, String)]) -> Result<Vec<PathBuf>, Failure> {
    fs::create_dir(folder)
        .map_err(|error| Failure::Software(format!("cannot make {}: {error}", folder.display())))?;
    let one = |(name, text): &(String, String)| {
        let file = format!("{name}.yaml");
        output::write_file(folder, &file, text).map(|()| folder.join(file))
    };
    all.iter().map(one).collect()
}

/// Runs all cells of the files into a new folder, with its reports.
fn run(
    arguments: &RunbookArguments,
    files: &[PathBuf],
    out: &Path,
    stop: &Stop,
) -> Result<RunReport, Failure> {
    let on = RunOn {
        machine: &arguments.on,
        repeat: NonZero::<u32>::MIN,
        quiet: false,
    };
    on.run(files, out, stop)
}

/// Runs the trials, and says what clients feel with each.
fn try_all(
    arguments: &RunbookArguments,
    trials: Vec<Trial>,
    out: &Path,
    stop: &Stop,
) -> Result<Vec<(Trial, Feel)>, Failure> {
    if trials.is_empty() || stop.reason().is_some() {
        return Ok(Vec::new());
    }
    output::talk(&format!(
        "trying settings that may help in {}",
        lvs_matrix_report::plural(trials.len(), "cell")
    ));
    let folder = out.with_file_name("scenarios-tried");
    let texts: Vec<(String, String)> = trials
        .iter()
        .map(|trial| (trial.name.clone(), trial.file.clone()))
        .collect();
    let files = write_all(&folder, &texts)?;
    let report = run(arguments, &files, out, stop)?;
    let felt = |trial: Trial| {
        let cell = report
            .cells()
            .iter()
            .find(|cell| cell.record.plan.cell.scenario.as_str() == trial.name)?;
        let feel = Feel::of(cell, trial.client);
        Some((trial, feel))
    };
    Ok(trials.into_iter().filter_map(felt).collect())
}
