//! `bench`: how long runs take on the host's clock, and where the time goes. Medians; nothing here is a test.

use crate::args::{BenchArguments, Manner, WhatToRun};
use crate::environment::{Environment, OWN_FILE};
use crate::error::Failure;
use crate::guests::Timings;
use crate::load::load;
use crate::output;
use crate::reports::write_reports;
use crate::run::run_into;
use crate::selection::Selection;
use crate::stop::Stop;
use crate::unfinished::{self, Held};
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::matrix::FIRST;
use lvs_matrix_report::Language;
use lvs_matrix_runner::Milestone;
use std::fmt::Write;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, ExitCode, Stdio};
use std::time::{Duration, Instant as HostInstant};
use tempfile::TempDir;

/// What one run took.
struct Sample {
    wall: Duration,
    judging: Duration,
    observed: Duration,
    timings: Timings,
}

/// `bench`.
pub(crate) fn bench(arguments: &BenchArguments) -> Result<ExitCode, Failure> {
    let what = &arguments.what;
    let selection = Selection::new(what, &what.kernels, None)?;
    let environment = Environment::find(what, &selection.kernels, &selection.scenarios)?;
    let stop = Stop::on_signals()?;
    let place = Place::make()?;
    let mut samples = Vec::new();
    for number in 1..=arguments.runs.get() {
        output::talk(&format!("run {number} of {}", arguments.runs));
        samples.push(sample(what, &place, environment.clone(), &stop)?);
        if let Some(reason) = stop.reason() {
            return Err(Failure::Software(format!("stopped by {reason}: no figures")));
        }
    }
    output::data(&table(&samples))?;
    Ok(ExitCode::SUCCESS)
}

/// The folder of the runs, and the process that removes it when this one has ended, in whatever way.
struct Place {
    folder: TempDir,
    /// The next `bench` leaves it alone.
    _held: Option<Held>,
    /// It waits for the end of this: the pipe's other ends close with this process.
    _tidier: ChildStdin,
}

impl Place {
    fn make() -> Result<Self, Failure> {
        let failed =
            |error: io::Error| Failure::Software(format!("cannot make a folder for the runs: {error}"));
        // What a process left that was killed together with its tidier.
        unfinished::remove_named(&std::env::temp_dir(), PREFIX);
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir()
            .map_err(failed)?;
        let held = unfinished::hold(folder.path());
        let mut tidier = Command::new(OWN_FILE);
        tidier.arg("tidy").arg(folder.path());
        tidier
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let pipe = tidier.spawn().map_err(failed)?.stdin.take();
        let pipe = pipe.ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        Ok(Self {
            folder,
            _held: held,
            _tidier: pipe,
        })
    }
}

/// How the names of such folders begin.
const PREFIX: &str = "lvs-matrix-bench-";

/// The kernel ends the guests of a process that was killed, in its own time.
const GUESTS_ARE_GONE: Duration = Duration::from_secs(30);

/// `tidy`: waits until whoever holds the other end of standard input has ended, then removes the folder.
pub(crate) fn tidy(folder: &Path) -> Result<ExitCode, Failure> {
    let failed = |error: io::Error| Failure::Software(format!("cannot remove {}: {error}", folder.display()));
    io::copy(&mut io::stdin(), &mut io::sink()).map_err(failed)?;
    let begun = HostInstant::now();
    loop {
        match std::fs::remove_dir_all(folder) {
            Ok(()) => return Ok(ExitCode::SUCCESS),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ExitCode::SUCCESS),
            // A guest that is ending, too, may have written meanwhile.
            Err(_) if begun.elapsed() < GUESTS_ARE_GONE => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => return Err(failed(error)),
        }
    }
}

fn sample(what: &WhatToRun, place: &Place, environment: Environment, stop: &Stop) -> Result<Sample, Failure> {
    let selection = Selection::new(what, &what.kernels, None)?;
    let out = tempfile::Builder::new()
        .prefix("run-")
        .tempdir_in(place.folder.path())
        .map_err(|error| Failure::Software(format!("cannot make a folder: {error}")))?;
    let once = Manner {
        repeat: FIRST,
        lang: Language::English,
        fail_fast: false,
        quiet: false,
    };
    let began = HostInstant::now();
    let (_, timings) = run_into(out.path(), &selection, what, &once, environment, stop, None)?;
    let ran = began.elapsed();
    let report = load(out.path())?;
    write_reports(out.path(), &report)?;
    let wall = began.elapsed();
    let observed = report
        .cells()
        .iter()
        .map(|cell| cell.record.ended.since(Instant(0)))
        .sum();
    Ok(Sample {
        wall,
        judging: wall.saturating_sub(ran),
        observed,
        timings,
    })
}

fn table(samples: &[Sample]) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "{name:36}  {value}");
    };
    let every = |take: &dyn Fn(&Sample) -> Duration| samples.iter().map(take).collect::<Vec<_>>();
    let cells = || samples.iter().flat_map(|sample| &sample.timings.cells);
    let wall = median(every(&|sample| sample.wall));
    let observed = median(every(&|sample| sample.observed));
    row("runs", samples.len().to_string());
    row(
        "cells a run",
        samples
            .first()
            .map_or(0, |sample| sample.timings.cells.len())
            .to_string(),
    );
    row("wall clock of a run", human(wall));
    row("virtual time observed in a run", human(observed));
    if let (Some(wall), Some(observed)) = (wall, observed) {
        row(
            "virtual to wall",
            format!(
                "{:.0} to 1",
                observed.as_secs_f64() / wall.as_secs_f64().max(1e-9)
            ),
        );
    }
    row(
        "guests a run",
        samples
            .first()
            .map_or(0, |sample| sample.timings.guests.len())
            .to_string(),
    );
    row(
        "boot of a guest to its first word",
        human(median(
            samples
                .iter()
                .flat_map(|sample| sample.timings.boots.clone())
                .collect(),
        )),
    );
    row(
        "wall clock of a cell",
        human(median(
            cells()
                .map(|stages| stages.iter().map(|(_, time)| *time).sum())
                .collect(),
        )),
    );
    for (milestone, name) in STAGES {
        let times = cells()
            .flatten()
            .filter(|(reached, _)| *reached == milestone)
            .map(|(_, time)| *time)
            .collect();
        row(name, human(median(times)));
    }
    row(
        "judging and reporting a run",
        human(median(every(&|sample| sample.judging))),
    );
    let peak = samples
        .iter()
        .filter_map(|sample| sample.timings.peak_memory_kib)
        .max();
    row(
        "largest peak memory of a guest",
        peak.map_or_else(|| "not known".to_owned(), |kib| format!("{} MiB", kib / 1024)),
    );
    text
}

/// A cell's stages by the milestone that ends each.
const STAGES: [(Milestone, &str); 5] = [
    (Milestone::HostsMade, "  making links, hosts, the table"),
    (Milestone::ServersReady, "  waiting for servers that start"),
    (Milestone::LabReady, "  trying it, beginning captures"),
    (Milestone::Played, "  playing its time line"),
    (Milestone::Recorded, "  looking, ending, writing it down"),
];

fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

fn human(time: Option<Duration>) -> String {
    time.map_or_else(|| "not known".to_owned(), |time| Human(time).to_string())
}
