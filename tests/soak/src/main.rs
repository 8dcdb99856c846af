//! `soak`: the same cells again and again, under varied load, order, user and seed. Does one ever come out
//! otherwise?

mod bound;
mod chance;
mod load;
mod page;
mod place;
mod round;
mod tally;

use chance::Chance;
use clap::Parser;
use page::{Subject, bound, page, put};
use place::Place;
use round::Round;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tally::Tally;

/// Runs scenarios again and again under varied load, order, user and seed, and prints how often a cell came
/// out otherwise.
///
/// Exit codes: 0 no difference, and all cells are met; 1 a difference, or a cell that is not met (its records
/// are kept, and it is said where); 2 the soak could not do its work.
#[derive(Debug, Parser)]
#[command(name = "soak", version, max_term_width = 100)]
struct Arguments {
    /// Scenario files
    #[arg(required = true)]
    scenarios: Vec<PathBuf>,
    /// The lvs-matrix that runs them
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// How many runs
    #[arg(long, value_name = "N", default_value_t = 12)]
    runs: usize,
    /// From this number all circumstances follow [default: by the clock]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Begin no run after so much time
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    at_most: Option<Duration>,
    /// Put the result into this page, in the place of the last one
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

/// Why a soak cannot be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("cannot {what} {path}: {source}")]
    File {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("what lvs-matrix wrote cannot be understood: {0}")]
    Json(#[from] serde_json::Error),
    #[error("there is no guest kernel; build one with `lvs-matrix kernel build`")]
    NoKernel,
    #[error("a run had not ended after {}", humantime::format_duration(*.0))]
    Stuck(Duration),
    #[error(
        "{} has no place for a result; it is between the lines `{}` and `{}`",
        .0.display(),
        page::BEGIN,
        page::END
    )]
    NoMarks(PathBuf),
}

impl Trouble {
    pub(crate) fn at(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File {
            what,
            path: path.to_owned(),
            source,
        }
    }
}

fn say(text: &str) {
    // If nobody hears it, there is no one to tell.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn main() -> ExitCode {
    match soak(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) => {
            say(&format!("error: {trouble}"));
            ExitCode::from(2)
        }
    }
}

/// Is everything as it always was, and as expected?
fn soak(arguments: &Arguments) -> Result<bool, Trouble> {
    let seed = arguments.seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::from(now.subsec_nanos())
    });
    // One that is asked to end does so between two runs.
    let over = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&over))
            .map_err(|error| Trouble::at("listen for signals in", Path::new("/"), error))?;
    }
    let program = std::path::absolute(&arguments.program)
        .map_err(|error| Trouble::at("find", &arguments.program, error))?;
    let subject = Subject::look(&program, arguments.scenarios.len(), seed);
    let place = Place::make(&program, &arguments.scenarios)?;
    let (mut chance, mut tally, mut rounds) = (Chance::new(seed), Tally::default(), Vec::new());
    let begun = Instant::now();
    say(&format!(
        "seed {seed}, {} users, {}",
        place.users.len(),
        subject.machine
    ));
    for number in 1..=arguments.runs {
        let late = arguments.at_most.is_some_and(|limit| begun.elapsed() > limit);
        if late || over.load(Ordering::Relaxed) {
            break;
        }
        let round = Round::run(number, &place, &mut chance, &mut tally)?;
        let differences = tally.differences();
        // The first stays to the end: whatever differs is held against it.
        let unusual = round.exit != Some(0) || differences.iter().any(|difference| difference.run == number);
        if number > 1 && !unusual {
            round.remove()?;
        }
        let differences = differences.len();
        say(&format!(
            "run {number}: as {}, load: {}, {} at once, order {}: {} s; {} cell-runs so far, {differences} \
             differences, {} not met; at most {}",
            round.user,
            round.load,
            round.jobs,
            round.order,
            round.took.as_secs(),
            tally.cell_runs(),
            tally.not_met.len(),
            bound(differences, tally.cell_runs())
        ));
        rounds.push(round);
    }
    let result = page(&subject, &rounds, &tally);
    io::stdout()
        .lock()
        .write_all(result.as_bytes())
        .map_err(|error| Trouble::at("write to", Path::new("/dev/stdout"), error))?;
    if let Some(file) = &arguments.page {
        let text = std::fs::read_to_string(file).map_err(|error| Trouble::at("read", file, error))?;
        let text = put(&text, &result).ok_or_else(|| Trouble::NoMarks(file.clone()))?;
        std::fs::write(file, text).map_err(|error| Trouble::at("write", file, error))?;
    }
    let good = !rounds.is_empty()
        && tally.not_met.is_empty()
        && tally.differences().is_empty()
        && rounds.iter().all(|round| round.exit == Some(0));
    if !good {
        say(&format!(
            "the records of the runs that were not as they should be, and of run 1 beside them, are in {}",
            place.keep().display()
        ));
    }
    Ok(good)
}
