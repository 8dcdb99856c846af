//! How long a run takes on the host's clock, for `invocation.json`.

use crate::error::Failure;
use crate::guests::Event;
use crate::output;
use lvs_matrix_report::{INVOCATION_FILE, INVOCATION_FORMAT, Invocation};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// The clock of a run that goes on.
#[derive(Debug)]
pub(crate) struct Clock {
    since: Instant,
    running: HashMap<String, Instant>,
    invocation: Invocation,
}

impl Clock {
    /// A run begins; says so in its folder.
    pub(crate) fn started(out: &Path) -> Result<Self, Failure> {
        let clock = Self {
            since: Instant::now(),
            running: HashMap::new(),
            invocation: invocation(SystemTime::now()),
        };
        write(out, &clock.invocation)?;
        Ok(clock)
    }

    /// Something happened in the run.
    pub(crate) fn hear(&mut self, event: &Event<'_>) {
        match event {
            Event::Started(cell) => {
                // A cell that is tried again begins anew.
                self.running.insert(cell.to_string(), Instant::now());
            }
            Event::Recorded(cell) | Event::Unfinished(cell) => {
                let id = cell.to_string();
                if let Some(since) = self.running.remove(&id) {
                    self.invocation.cells.insert(id, millis(since.elapsed()));
                }
            }
            Event::Reached(_, _) | Event::Trouble(_) => {}
        }
    }

    /// The run is over.
    pub(crate) fn ended(mut self, out: &Path) -> Result<(), Failure> {
        self.invocation.took_ms = Some(millis(self.since.elapsed()));
        write(out, &self.invocation)
    }
}

/// This program as it was called, at this time.
pub(crate) fn invocation(began: SystemTime) -> Invocation {
    let words = std::env::args_os();
    Invocation {
        format: INVOCATION_FORMAT,
        command: words.map(|word| word.to_string_lossy().into_owned()).collect(),
        began: humantime::format_rfc3339_seconds(began).to_string(),
        took_ms: None,
        cells: BTreeMap::new(),
    }
}

/// Writes `invocation.json` into the folder of a run.
pub(crate) fn write(out: &Path, invocation: &Invocation) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(invocation).map_err(|error| Failure::Software(error.to_string()))?;
    output::write_file(out, INVOCATION_FILE, &(text + "\n"))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
