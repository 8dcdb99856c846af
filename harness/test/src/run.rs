//! `lvs-matrix` as a program: the list of cells, and one run of those that are asked for.

use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::{fs, thread};

/// The program, and where it is started.
#[derive(Debug, Clone)]
pub(crate) struct Lvs {
    program: OsString,
    folder: PathBuf,
}

impl Lvs {
    /// That in `$LVS_MATRIX`, else that in `PATH`.
    pub(crate) fn of_environment(folder: &Path) -> Self {
        Self {
            program: std::env::var_os("LVS_MATRIX").unwrap_or_else(|| "lvs-matrix".into()),
            folder: folder.to_owned(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Why it cannot be started, and what to do.
    fn not_started(&self, error: &std::io::Error) -> String {
        format!(
            "cannot start {}: {error}; install lvs-matrix, or set LVS_MATRIX to its path",
            Path::new(&self.program).display()
        )
    }

    /// The ids of the files' cells.
    pub(crate) fn list(&self, files: &[PathBuf]) -> Result<Vec<String>, String> {
        let mut command = self.command();
        command.args(["list", "--format", "json", "--"]).args(files);
        let output = command.output().map_err(|error| self.not_started(&error))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let cells: Vec<Value> = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("`lvs-matrix list` printed no JSON: {error}"))?;
        let id = |cell: &Value| cell.get("id").and_then(Value::as_str).map(str::to_owned);
        Ok(cells.iter().filter_map(id).collect())
    }
}

/// One run, which begins with the first test that asks for its cell.
#[derive(Debug)]
pub(crate) struct Run {
    lvs: Lvs,
    files: Vec<PathBuf>,
    asked: Vec<String>,
    all: bool,
    out: PathBuf,
    begun: Once,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What became of each cell so far: nothing, or why its test fails.
    cells: BTreeMap<String, Option<String>>,
    /// The run is over; its last words.
    over: Option<String>,
}

impl Run {
    pub(crate) fn new(lvs: Lvs, files: Vec<PathBuf>, asked: Vec<String>, all: bool, out: PathBuf) -> Self {
        Self {
            lvs,
            files,
            asked,
            all,
            out,
            begun: Once::new(),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Waits for the cell's verdict; an error says why its test fails.
    pub(crate) fn verdict(self: &std::sync::Arc<Self>, cell: &str) -> Result<(), String> {
        self.begun.call_once(|| {
            let own = std::sync::Arc::clone(self);
            thread::spawn(move || {
                let words = own.run().unwrap_or_else(|reason| reason);
                own.state().over = Some(words);
                own.changed.notify_all();
            });
        });
        let mut state = self.state();
        loop {
            if let Some(failure) = state.cells.get(cell) {
                return failure.clone().map_or(Ok(()), Err);
            }
            if let Some(words) = &state.over {
                return Err(format!("the run ended without this cell: {words}"));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until the run is over, if it was begun.
    pub(crate) fn finish(&self) {
        if self.begun.is_completed() {
            let over = self
                .changed
                .wait_while(self.state(), |state| state.over.is_none());
            drop(over);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the cells; gives the last words of the run.
    fn run(&self) -> Result<String, String> {
        if std::env::var_os("LVS_MATRIX_OUT").is_none() && self.out.exists() {
            fs::remove_dir_all(&self.out).map_err(|error| format!("{}: {error}", self.out.display()))?;
        }
        let mut command = self.lvs.command();
        command
            .args(["run", "--quiet", "--events", "-", "--out"])
            .arg(&self.out);
        let options = std::env::var("LVS_MATRIX_RUN_OPTIONS").unwrap_or_default();
        command.args(options.split_whitespace());
        if !self.all {
            // Cells whose ids have another's in them are run as well, and nobody asks for them.
            for cell in &self.asked {
                command.args(["--filter", cell]);
            }
        }
        command.arg("--").args(&self.files);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| self.lvs.not_started(&error))?;
        let stderr = child.stderr.take();
        let words = thread::spawn(move || {
            let mut text = String::new();
            // What cannot be read is missing from a message.
            let _ = stderr.map(|mut stderr| stderr.read_to_string(&mut text));
            text
        });
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                self.hear(&line);
            }
        }
        let status = child.wait().map_err(|error| error.to_string())?;
        let words = words.join().unwrap_or_default();
        Ok(format!("lvs-matrix: {status}\n{words}"))
    }

    /// Takes a line of the run's events.
    fn hear(&self, line: &str) {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            return;
        };
        let text = |key: &str| event.get(key).and_then(Value::as_str);
        let Some(cell) = text("cell") else { return };
        let failure = match text("event") {
            Some("recorded") => self.failure(cell, &event),
            Some("unreadable") => Some(format!("no record: {}", text("reason").unwrap_or_default())),
            Some(_) | None => return,
        };
        self.state().cells.insert(cell.to_owned(), failure);
        self.changed.notify_all();
    }

    /// Why a test fails whose cell is recorded so.
    fn failure(&self, cell: &str, event: &Value) -> Option<String> {
        let verdict = event.get("verdict");
        let result = verdict
            .and_then(|verdict| verdict.get("result"))
            .and_then(Value::as_str)
            .unwrap_or("unknown");
        if matches!(result, "met" | "observed-only") {
            return None;
        }
        let behaviour = event.get("behaviour").and_then(Value::as_str).unwrap_or_default();
        let mut text = format!("{result}: the client's operation was {behaviour}\n");
        let lines = |key: &str| {
            let lines = verdict.and_then(|verdict| verdict.get(key));
            lines.and_then(Value::as_array).into_iter().flatten()
        };
        for line in lines("differences")
            .chain(lines("reasons"))
            .filter_map(Value::as_str)
        {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "  {line}");
        }
        let program = Path::new(&self.lvs.program).display();
        let _ = write!(text, "why: {program} explain {cell} --run {}", self.out.display());
        Some(text)
    }
}
