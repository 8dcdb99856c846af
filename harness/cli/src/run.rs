//! `run`: from scenario files to reports.

use crate::args::{RunArguments, WhatToRun};
use crate::build_kernel;
use crate::doctor::path;
use crate::error::Failure;
use crate::guests::{Event, GUESTS_FOLDER, Guests, Timings};
use crate::inspect::plans;
use crate::judge::{exit_code, load, write_reports};
use crate::output;
use crate::scenarios::{self, Selected};
use crate::stop::Stop;
use lvs_matrix_guest::kernel::{self, CacheFolder, Kernel};
use lvs_matrix_report::{RUN_FILE, RUN_FORMAT, RunState, RunSummary, ScenarioSummary, terminal};
use lvs_matrix_runner::{LabError, Server, Template, missing_programs, prepare_template};
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where results go if nothing else is said.
const DEFAULT_OUT: &str = "lvs-matrix-out";
/// The link to the newest of them.
const LATEST: &str = "latest";
/// What a run may need beside its cells, MiB.
const SPACE_MIB: u64 = 16;
/// No more guests than this at once where nothing is said: each takes up to a gibibyte.
const MOST_JOBS: usize = 4;

/// `run`.
pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let what = &arguments.what;
    let selected = scenarios::select(&what.files, &what.filter.expressions)?;
    let ground = Ground::find(what)?;
    let out = make_out(arguments.out.as_deref())?;
    check_space(&out, selected.iter().map(|selected| selected.cells.len()).sum())?;
    let stop = Stop::on_signals()?;
    let result = run_into(&out, &selected, what, ground, &stop);
    tidy(&out, arguments.keep)?;
    let (summary, _) = result?;

    let report = load(&out)?;
    write_reports(&out, &report)?;
    output::data(&terminal(&report))?;
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
            Some(program) => Server::probe(&absolute(program)?),
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
        let kernel = kernel::find(&cache, arguments.kernel.as_deref())
            .map_err(|error| missing.push(error.to_string()))
            .ok();
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
    ground: Ground,
    stop: &Stop,
) -> Result<(RunSummary, Timings), Failure> {
    let plans = plans(selected);
    let count = plans.len();
    let expressions = &arguments.filter.expressions;
    let mut summary = RunSummary {
        format: RUN_FORMAT,
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        state: RunState::Begun,
        filter: (!expressions.is_empty()).then(|| expressions.join(" or ")),
        scenarios: selected
            .iter()
            .map(|selected| ScenarioSummary::from(&selected.scenario))
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
        "running {count} cells, {} guests at once, Linux {}, {}",
        guests.jobs, guests.kernel.version, guests.template.server.version
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

fn write_summary(out: &Path, summary: &RunSummary) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(summary).map_err(|error| Failure::Software(error.to_string()))?;
    output::write_file(out, RUN_FILE, &(text + "\n"))
}

/// Removes the guests' shared folders, or gives them a name that shows.
fn tidy(out: &Path, keep: bool) -> Result<(), Failure> {
    let folder = out.join(GUESTS_FOLDER);
    let done = if keep {
        fs::rename(&folder, out.join("guests"))
    } else {
        fs::remove_dir_all(&folder)
    };
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::Software(format!("cannot tidy {}: {error}", folder.display())))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn default_jobs() -> NonZero<usize> {
    let processors = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    processors.min(NonZero::new(MOST_JOBS).unwrap_or(NonZero::<usize>::MIN))
}

/// The output folder: the one named, which must be new or empty; else a new one, named by the time and linked as the latest.
pub(crate) fn make_out(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let failed = |path: &Path, error: io::Error| {
        Failure::Mistake(format!("cannot use {} for the result: {error}", path.display()))
    };
    if let Some(named) = named {
        fs::create_dir_all(named).map_err(|error| failed(named, error))?;
        let mut entries = fs::read_dir(named).map_err(|error| failed(named, error))?;
        if entries.next().is_some() {
            return Err(Failure::Mistake(format!(
                "{} is not empty; name a new folder, so that no earlier result is lost",
                named.display()
            )));
        }
        return absolute(named);
    }
    let parent = absolute(Path::new(DEFAULT_OUT))?;
    fs::create_dir_all(&parent).map_err(|error| failed(&parent, error))?;
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    // Two runs of the same second get two folders.
    let names = std::iter::once(stamp(seconds)).chain((2..100).map(|number| format!("{}.{number}", stamp(seconds))));
    for name in names {
        let out = parent.join(&name);
        match fs::create_dir(&out) {
            Ok(()) => {
                link_latest(&parent, &name).map_err(|error| failed(&parent.join(LATEST), error))?;
                return Ok(out);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&out, error)),
        }
    }
    Err(Failure::Software(format!(
        "no free name for a folder in {}",
        parent.display()
    )))
}

/// A run that would not fit is not begun: a folder that it made is removed again.
fn check_space(out: &Path, cells: usize) -> Result<(), Failure> {
    let space = rustix::fs::statvfs(out)
        .map_err(|error| Failure::Software(format!("cannot look at the file system of {}: {error}", out.display())))?;
    let free = space.f_bavail.saturating_mul(space.f_frsize) >> 20;
    // A guest's share holds its job and a cell's logs; a cell's record, capture and logs take well under a MiB together.
    let needed = SPACE_MIB + u64::try_from(cells).unwrap_or(u64::MAX);
    if free >= needed {
        return Ok(());
    }
    // An empty folder holds nothing that could be lost; one that was there before and cannot be removed may stay.
    let _ = fs::remove_dir(out);
    Err(Failure::Unavailable(format!(
        "{} has {free} MiB free, and this run may need {needed} MiB; name another folder with --out",
        out.display()
    )))
}

/// Points `latest` at the folder, by rename, so that it always points somewhere.
fn link_latest(parent: &Path, name: &str) -> io::Result<()> {
    let fresh = parent.join(format!(".{LATEST}-{}", std::process::id()));
    std::os::unix::fs::symlink(name, &fresh)?;
    fs::rename(&fresh, parent.join(LATEST))
}

/// `20261122T204500Z` from seconds since 1970 (Howard Hinnant's days-to-civil algorithm).
fn stamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let (day, month) = (
        day_of_year - (153 * shifted + 2) / 5 + 1,
        if shifted < 10 { shifted + 3 } else { shifted - 9 },
    );
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::Mistake(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::stamp;

    #[test]
    fn folders_are_named_by_utc() {
        assert_eq!(stamp(0), "19700101T000000Z");
        assert_eq!(stamp(1_709_164_800), "20240229T000000Z");
        assert_eq!(stamp(1_795_376_157), "20261122T193557Z");
    }
}
