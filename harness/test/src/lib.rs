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

mod run;

use libtest_mimic::{Arguments, Failed, Trial};
use run::{Lvs, Run};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

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
