//! `kernel build`.

use crate::args::KernelBuildArguments;
use crate::error::Failure;
use crate::output;
use lvs_matrix_guest::kernel::{self, BuildRequest, KernelError, Progress, Source};
use std::process::ExitCode;

/// `kernel build`. Prints the kernel's path.
pub(crate) fn build(arguments: &KernelBuildArguments) -> Result<ExitCode, Failure> {
    let mut request = BuildRequest::new().map_err(|error| failure(&error))?;
    if let Some(name) = &arguments.package {
        request.source = Source::Package(name.clone());
    } else if let Some(file) = &arguments.tarball {
        request.source = Source::Tarball(file.clone());
    }
    request.jobs = arguments.jobs.unwrap_or(request.jobs);
    request.rebuild = arguments.rebuild;
    let mut reporter = Reporter::default();
    let kernel =
        kernel::build(&request, &mut |progress| reporter.show(progress)).map_err(|error| failure(&error))?;
    output::progress("");
    output::talk(&format!("guest kernel: Linux {}", kernel.version));
    output::data(&format!("{}\n", kernel.path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// On a terminal one line that changes; elsewhere a line for each phase, and one for each tenth of a long
/// one.
#[derive(Debug, Default)]
struct Reporter {
    last: Option<(kernel::Phase, u64)>,
}

impl Reporter {
    fn show(&mut self, progress: &Progress) {
        let percent = progress
            .total
            .filter(|total| *total > 0)
            .map(|total| progress.done.min(total) * 100 / total);
        let about = if progress.estimated { "about " } else { "" };
        let share = percent
            .map(|percent| format!(" {about}{percent} %"))
            .unwrap_or_default();
        let line = format!(
            "kernel: {}{share}  {}",
            phase_text(progress.phase),
            progress.detail
        );
        if output::is_terminal() {
            output::progress(&line.chars().take(100).collect::<String>());
            return;
        }
        let tenth = percent.unwrap_or(0) / 10;
        if self.last != Some((progress.phase, tenth)) {
            self.last = Some((progress.phase, tenth));
            output::talk(&line);
        }
    }
}

fn phase_text(phase: kernel::Phase) -> &'static str {
    match phase {
        kernel::Phase::WaitForOtherBuild => "wait for another build",
        kernel::Phase::ReadPackageLists => "read package lists",
        kernel::Phase::Download => "download the source",
        kernel::Phase::Unpack => "unpack",
        kernel::Phase::Configure => "configure",
        kernel::Phase::Compile => "compile",
        kernel::Phase::Publish => "put into the cache",
    }
}

/// Everything that can go wrong with a kernel is something that this machine lacks, with its cure in the
/// message.
pub(crate) fn failure(error: &KernelError) -> Failure {
    Failure::Unavailable(error.to_string())
}
