//! `diff`: two runs held beside each other, or two kernels of one.

use crate::args::{DiffArguments, DiffFormat};
use crate::error::Failure;
use crate::load::load;
use crate::output;
use lvs_matrix_model::matrix::{KernelId, Line};
use lvs_matrix_report::{NamedRun, RunDiff, RunReport, Tolerance};
use std::path::Path;
use std::process::ExitCode;

/// `diff A B`.
pub(crate) fn diff(arguments: &DiffArguments) -> Result<ExitCode, Failure> {
    let (a, b) = (load(&arguments.a)?, load(&arguments.b)?);
    let (name_a, name_b) = (arguments.a.to_string_lossy(), arguments.b.to_string_lossy());
    let tolerance = Tolerance {
        percent: arguments.tolerance,
        ..Tolerance::default()
    };
    let (kernel_a, kernel_b) = match arguments.kernels.as_slice() {
        [] => (of_line(&a, (&b, &arguments.b))?, of_line(&b, (&a, &arguments.a))?),
        [of_a, of_b] => (
            Some(named(&a, &arguments.a, of_a)?),
            Some(named(&b, &arguments.b, of_b)?),
        ),
        _ => {
            return Err(Failure::Mistake(
                "--kernels takes two kernels: that of RUN_A, then that of RUN_B".to_owned(),
            ));
        }
    };
    let diff = RunDiff::of(
        NamedRun {
            name: &name_a,
            report: &a,
            kernel: kernel_a,
        },
        NamedRun {
            name: &name_b,
            report: &b,
            kernel: kernel_b,
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

fn ids(report: &RunReport) -> String {
    let ids = report.run().kernels.iter().map(|kernel| kernel.id.as_str());
    ids.collect::<Vec<_>>().join(", ")
}

/// The kernel of a run that is called so.
fn named<'r>(report: &'r RunReport, folder: &Path, wanted: &KernelId) -> Result<&'r KernelId, Failure> {
    let mut kernels = report.run().kernels.iter();
    let found = kernels.find(|kernel| kernel.id == *wanted);
    found.map(|kernel| &kernel.id).ok_or_else(|| {
        let known = match ids(report).as_str() {
            "" => "it was run without --kernels".to_owned(),
            ids => format!("its kernels: {ids}"),
        };
        Failure::Mistake(format!("{} has no kernel {wanted}; {known}", folder.display()))
    })
}

/// Beside a run whose cells are bound to no kernel: the kernel of the line that run was on. `None` if cells
/// of both runs are bound to kernels, or of neither.
fn of_line<'r>(
    report: &'r RunReport,
    (other, folder): (&RunReport, &Path),
) -> Result<Option<&'r KernelId>, Failure> {
    if report.run().kernels.is_empty() || !other.run().kernels.is_empty() {
        return Ok(None);
    }
    let mut ran = other.cells().iter();
    let ran = ran.find_map(|cell| Line::in_text(&cell.record.environment.kernel));
    let mut fitting = report.run().kernels.iter();
    let fitting = fitting.find(|kernel| ran.is_some() && Line::in_text(&kernel.kernel) == ran);
    fitting.map(|kernel| Some(&kernel.id)).ok_or_else(|| {
        Failure::Mistake(format!(
            "{} ran on Linux {}, which is none of the other run's kernels ({}); run it with --kernels to \
             compare it with them",
            folder.display(),
            ran.map_or_else(
                || "of a line that is not known".to_owned(),
                |line| line.to_string()
            ),
            ids(report)
        ))
    })
}
