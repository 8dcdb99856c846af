//! `kernel build` and `kernel list`.

use crate::args::{Format, KernelBuildArguments};
use crate::error::Failure;
use crate::output;
use lvs_matrix_guest::kernel::{self, BuildRequest, CacheFolder, Kernel, KernelError, Progress, Source};
use std::fmt::Write;
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

/// `kernel list`.
pub(crate) fn list(format: Format) -> Result<ExitCode, Failure> {
    let cache = CacheFolder::of_user().map_err(|error| failure(&error))?;
    let kernels = kernel::list(&cache).map_err(|error| failure(&error))?;
    let text = match format {
        Format::Text => kernels.iter().fold(String::new(), |mut text, kernel| {
            let built = kernel
                .provenance
                .as_ref()
                .map(|provenance| provenance.built.as_str())
                .unwrap_or_default();
            let _ = writeln!(text, "{}  {built}  {}", kernel.version, kernel.path.display());
            text
        }),
        Format::Json => json(&kernels)?,
    };
    if kernels.is_empty() {
        output::talk("no guest kernel is cached; build one with `lvs-matrix kernel build`");
    }
    output::data(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn json(kernels: &[Kernel]) -> Result<String, Failure> {
    let rows: Vec<serde_json::Value> = kernels
        .iter()
        .map(|kernel| {
            serde_json::json!({
                "version": kernel.version.to_string(),
                "path": kernel.path,
                "provenance": kernel.provenance,
            })
        })
        .collect();
    serde_json::to_string_pretty(&rows)
        .map(|text| text + "\n")
        .map_err(|error| Failure::Software(error.to_string()))
}

/// Everything that can go wrong with a kernel is something that this machine lacks, with its cure in the
/// message.
pub(crate) fn failure(error: &KernelError) -> Failure {
    Failure::Unavailable(error.to_string())
}
