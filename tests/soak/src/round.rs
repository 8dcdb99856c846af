//! One run of all scenarios under circumstances that chance chose.

use crate::Trouble;
use crate::chance::Chance;
use crate::load::{KINDS, Kind, Load};
use crate::place::Place;
use crate::tally::{Report, Tally};
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// No run takes this long, unless something is stuck.
const STUCK: Duration = Duration::from_secs(2 * 60 * 60);

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) number: usize,
    pub(crate) user: String,
    pub(crate) load: Kind,
    pub(crate) jobs: usize,
    pub(crate) order: u64,
    pub(crate) took: Duration,
    pub(crate) cell_runs: usize,
    /// `None`: ended by a signal.
    pub(crate) exit: Option<i32>,
    /// The folder of its result.
    out: PathBuf,
}

impl Round {
    /// Runs all scenarios once. Users and loads take turns (of three and four, so that they meet in each
    /// combination), the rest is by chance.
    pub(crate) fn run(
        number: usize,
        place: &Place,
        chance: &mut Chance,
        tally: &mut Tally,
    ) -> Result<Self, Trouble> {
        let user = &place.users[number % place.users.len()];
        let kind = KINDS[number % KINDS.len()];
        let jobs = 1 + chance.below(3);
        // Short enough to be typed.
        let order = chance.number() % 1_000_000;
        let mut files = place.scenarios();
        chance.shuffle(&mut files);
        let out = user.out(number);
        let mut command = place.command(user);
        command.arg("run").args(&files).arg("--out").arg(&out);
        command.args(["--jobs", &jobs.to_string(), "--shuffle", &order.to_string()]);
        let errors = place.errors(number)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);

        let begun = Instant::now();
        let load = Load::begin(kind);
        let mut child = command.spawn().map_err(|error| Trouble::at("run", &out, error))?;
        let status = loop {
            match child
                .try_wait()
                .map_err(|error| Trouble::at("wait for", &out, error))?
            {
                Some(status) => break status,
                None if begun.elapsed() > STUCK => {
                    // What it leaves is gone with it; nothing more can be learnt of it.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(Trouble::Stuck(STUCK));
                }
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        drop(load);
        let took = begun.elapsed();
        let file = out.join("report.json");
        let text = fs::read(&file).map_err(|error| Trouble::at("read", &file, error))?;
        let report: Report = serde_json::from_slice(&text)?;
        let cell_runs = tally.take(number, &report);
        let user = user
            .uid
            .map_or_else(|| place.own_name(), |uid| format!("user {uid}"));
        Ok(Self {
            number,
            user,
            load: kind,
            jobs,
            order,
            took,
            cell_runs,
            exit: status.code(),
            out,
        })
    }

    /// Removes its result.
    pub(crate) fn remove(&self) -> Result<(), Trouble> {
        fs::remove_dir_all(&self.out).map_err(|error| Trouble::at("remove", &self.out, error))
    }
}
