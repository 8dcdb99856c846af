//! What GitHub's runner asks for by environment variables: the job summary of a step, and annotations.

use crate::output;
use lvs_matrix_report::{RunReport, annotations, summary};
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file that a step appends its summary to.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";
/// GitHub shows nothing of a step whose summary is larger than 1 MiB; the rest is left for what the step
/// writes itself.
const MOST: u64 = 1000 << 10;

/// Where the job summary goes, if there is one.
pub(crate) fn summary_file() -> Option<PathBuf> {
    let file: Option<OsString> = std::env::var_os(SUMMARY).filter(|file| !file.is_empty());
    file.map(PathBuf::from)
}

/// After a run or a judging: appends the summary where the runner asks for it, and says the annotations on
/// stderr, whose lines the runner reads as it does those of stdout, if it is GitHub's (or by option).
pub(crate) fn tell(report: &RunReport, annotate: bool) {
    // That the summary cannot be written does not change how the run came out.
    if let Some(Err(reason)) = summary_file().map(|file| append_summary(report, &file)) {
        output::talk(&reason);
    }
    if annotate || std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        let lines = annotations_here(report);
        if !lines.is_empty() {
            output::progress("");
            output::talk(lines.trim_end());
        }
    }
}

/// Appends the summary to `file`; why not, if it cannot be done.
pub(crate) fn append_summary(report: &RunReport, file: &Path) -> Result<(), String> {
    let failed = |error: io::Error| {
        format!(
            "cannot write the job summary to {}, which ${SUMMARY} names: {error}",
            file.display()
        )
    };
    // What the step wrote before counts, too.
    let before = fs::metadata(file).map_or(0, |known| known.len());
    let left = usize::try_from(MOST.saturating_sub(before)).unwrap_or(0);
    let text = summary(report, left);
    if text.is_empty() {
        return Err(format!(
            "nothing was added to the job summary {}: it holds {before} bytes already, and GitHub shows none \
             beyond 1 MiB",
            file.display()
        ));
    }
    let mut open = OpenOptions::new()
        .append(true)
        .create(true)
        .open(file)
        .map_err(failed)?;
    open.write_all(text.as_bytes()).map_err(failed)
}

/// The annotations, with files as GitHub knows them: relative to the checked-out repository.
pub(crate) fn annotations_here(report: &RunReport) -> String {
    let workspace = std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
    annotations(report, |file| {
        let known = std::path::absolute(file).ok();
        let known = known.as_deref().zip(workspace.as_deref());
        let known = known.and_then(|(path, workspace)| path.strip_prefix(workspace).ok());
        known.map_or_else(|| file.to_owned(), |path| path.to_string_lossy().into_owned())
    })
}
