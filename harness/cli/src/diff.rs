//! `diff`: two runs held beside each other.

use crate::args::{DiffArguments, DiffFormat};
use crate::error::Failure;
use crate::load::load;
use crate::output;
use lvs_matrix_report::{NamedRun, RunDiff, Tolerance};
use std::process::ExitCode;

/// `diff A B`.
pub(crate) fn diff(arguments: &DiffArguments) -> Result<ExitCode, Failure> {
    let (a, b) = (load(&arguments.a)?, load(&arguments.b)?);
    let (name_a, name_b) = (arguments.a.to_string_lossy(), arguments.b.to_string_lossy());
    let tolerance = Tolerance {
        percent: arguments.tolerance,
        ..Tolerance::default()
    };
    let diff = RunDiff::of(
        NamedRun {
            name: &name_a,
            report: &a,
        },
        NamedRun {
            name: &name_b,
            report: &b,
        },
        tolerance,
    );
    output::data(&match arguments.format {
        DiffFormat::Text => diff.text(),
        DiffFormat::Markdown => diff.markdown(),
        DiffFormat::Json => diff
            .json()
            .map_err(|error| Failure::Software(error.to_string()))?,
    })?;
    Ok(ExitCode::from(diff.outcome().exit_code()))
}
