//! Scenario files of lvs-matrix as tests of `cargo test`: one test a cell.
//!
//! ```toml
//! # Cargo.toml
//! [dev-dependencies]
//! lvs-matrix-test = { git = "…" }
//!
//! [[test]]
//! name = "lvs"
//! harness = false
//! ```
//! ```ignore
//! // tests/lvs.rs
//! lvs_matrix_test::scenarios!("scenarios/*.yaml");
//! ```
//! Each cell is a test named `SCENARIO/CELL`, with libtest's own output and options: `cargo test --test lvs
//! drain`, `-- --list`, `-- --exact drain/idle`, `-- --skip hang`. The cells that are asked for are run
//! together, by one `lvs-matrix run`: that in `$LVS_MATRIX`, else that in `PATH`. A cell passes if its
//! verdict is met, or if nothing is expected of it. One that is violated, undetermined or tested nothing
//! fails, and the failure names the command that explains it.
//!
//! The run is kept in the target folder (`target/tmp/lvs-matrix/NAME/all`), with all its reports: `junit.xml`
//! for CI systems among them. `$LVS_MATRIX_OUT` names another folder, which must be new or empty. What else
//! the run is to be told (`--jobs 4`) stands in `$LVS_MATRIX_RUN_OPTIONS`, separated by white space.

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::{fs, thread};

/// Makes the `main` of a test whose `harness` is off: the cells of the files are its tests. Files are
/// patterns as glob(7) has them, relative to the package's folder.
#[macro_export]
macro_rules! scenarios {
    ($($pattern:expr),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::run(
                &[$($pattern),+],
                ::std::path::Path::new(env!("CARGO_MANIFEST_DIR")),
                &::std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
                    .join("lvs-matrix")
                    .join(env!("CARGO_CRATE_NAME")),
            )
        }
    };
}

/// Runs the cells of the files that fit `patterns`, from `folder` on, as tests; what `scenarios!` calls. Runs
/// are kept below `out`. The exit code is libtest's: 0, or 101 if a test failed.
#[must_use]
pub fn run(patterns: &[&str], folder: &Path, out: &Path) -> ExitCode {
    let arguments = Arguments::from_args();
    let lvs = Lvs::of_environment(folder);
    let mut begun = None;
    let trials = match cells(&lvs, patterns) {
        Ok((files, cells)) => {
            let asked: Vec<String> = cells
                .iter()
                .filter(|cell| is_asked(&arguments, cell))
                .cloned()
                .collect();
            let all = asked.len() == cells.len();
            let out = std::env::var_os("LVS_MATRIX_OUT")
                .map_or_else(|| own_folder(out, &asked, all), PathBuf::from);
            let run = Arc::new(Run::new(lvs, files, asked, all, out));
            begun = Some(Arc::clone(&run));
            cells.into_iter().map(|cell| trial(&run, cell)).collect()
        }
        // Also where tests are only listed: a list without them would look as if there were none.
        Err(reason) => vec![Trial::test("scenario-files", move || Err(Failed::from(reason)))],
    };
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The last verdict is there before the reports are.
    if let Some(run) = begun {
        run.finish();
    }
    conclusion.exit_code()
}

/// The files that fit, and the ids of their cells in order.
fn cells(lvs: &Lvs, patterns: &[&str]) -> Result<(Vec<PathBuf>, Vec<String>), String> {
    let mut files = Vec::new();
    for pattern in patterns {
        let whole = lvs.folder().join(pattern);
        let found = glob::glob(&whole.to_string_lossy()).map_err(|error| format!("{pattern}: {error}"))?;
        let before = files.len();
        for file in found {
            files.push(file.map_err(|error| error.to_string())?);
        }
        if files.len() == before {
            return Err(format!("no scenario file fits {}", whole.display()));
        }
    }
    let cells = lvs.list(&files)?;
    Ok((files, cells))
}

fn trial(run: &Arc<Run>, cell: String) -> Trial {
    let run = Arc::clone(run);
    Trial::test(cell.clone(), move || run.verdict(&cell).map_err(Failed::from))
}

/// Will libtest run this test? As libtest decides it: by parts of names, or by whole names with `--exact`.
fn is_asked(arguments: &Arguments, cell: &str) -> bool {
    let fits = |filter: &String| {
        if arguments.exact {
            cell == filter
        } else {
            cell.contains(filter.as_str())
        }
    };
    arguments.filter.as_ref().is_none_or(fits) && !arguments.skip.iter().any(fits) && !arguments.ignored
}

/// A run of a part must not take the place of that of all: tools such as nextest start each test by itself,
/// and several at a time.
fn own_folder(out: &Path, asked: &[String], all: bool) -> PathBuf {
    match asked {
        _ if all => out.join("all"),
        [cell] => out.join("cells").join(cell.replace('/', "@")),
        _ => out.join("some"),
    }
}

/// The program, and where it is started.
#[derive(Debug, Clone)]
struct Lvs {
    program: OsString,
    folder: PathBuf,
}

impl Lvs {
    /// That in `$LVS_MATRIX`, else that in `PATH`.
    fn of_environment(folder: &Path) -> Self {
        Self {
            program: std::env::var_os("LVS_MATRIX").unwrap_or_else(|| "lvs-matrix".into()),
            folder: folder.to_owned(),
        }
    }

    fn folder(&self) -> &Path {
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
    fn list(&self, files: &[PathBuf]) -> Result<Vec<String>, String> {
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
struct Run {
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
    fn new(lvs: Lvs, files: Vec<PathBuf>, asked: Vec<String>, all: bool, out: PathBuf) -> Self {
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
    fn verdict(self: &Arc<Self>, cell: &str) -> Result<(), String> {
        self.begun.call_once(|| {
            let own = Arc::clone(self);
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
    fn finish(&self) {
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
