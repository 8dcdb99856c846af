//! `kernel build`, and `kernel list`: what is in the cache, what this machine's archives offer, and what each
//! lacks.

use crate::args::{Format, KernelBuildArguments};
use crate::error::Failure;
use crate::output;
use lvs_matrix_guest::kernel::{self, BuildRequest, CacheFolder, Kernel, KernelError, Progress, Source};
use lvs_matrix_guest::stock::{SavedMachine, saved_machines};
use std::collections::BTreeMap;
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

/// Everything that can go wrong with a kernel is something that this machine lacks, with its cure in the
/// message.
pub(crate) fn failure(error: &KernelError) -> Failure {
    Failure::Unavailable(error.to_string())
}

/// Begins the names of packages with a kernel's source.
const SOURCE: &str = "linux-source-";

/// Everything that the command shows.
struct Found {
    guests: Vec<Kernel>,
    saved: Vec<SavedMachine>,
    unpacked: Vec<String>,
    offered: Vec<String>,
}

/// `kernel list`.
pub(crate) fn list(format: Format) -> Result<ExitCode, Failure> {
    let cache = CacheFolder::of_user().map_err(|error| failure(&error))?;
    let found = Found {
        guests: kernel::list(&cache).map_err(|error| failure(&error))?,
        saved: saved_machines(&cache),
        unpacked: kernel::unpacked_packages(&cache),
        offered: kernel::offered(),
    };
    if found.guests.is_empty() {
        output::talk("no guest kernel is cached; build one with `lvs-matrix kernel build`");
    }
    output::data(&match format {
        Format::Text => text(&found),
        Format::Json => json(&found)?,
    })?;
    Ok(ExitCode::SUCCESS)
}

fn text(found: &Found) -> String {
    let mut text = String::new();
    for kernel in &found.guests {
        let provenance = kernel.provenance.as_ref();
        let built = provenance
            .map(|provenance| provenance.built.as_str())
            .unwrap_or_default();
        let lacks = provenance
            .map(|provenance| provenance.lacks.as_slice())
            .unwrap_or_default();
        let lacks = if lacks.is_empty() {
            String::new()
        } else {
            format!("  (without {})", lacks.join(", "))
        };
        let stale = if kernel.is_current() {
            ""
        } else {
            "  (built with another configuration)"
        };
        let _ = writeln!(
            text,
            "{}  {built}  {}{lacks}{stale}",
            kernel.version,
            kernel.path.display()
        );
    }
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = write!(text, "\n{title}:\n");
            lines.iter().for_each(|line| _ = writeln!(text, "  {line}"));
        }
    };
    let saved = found.saved.iter().map(|saved| {
        let stale = if saved.current {
            ""
        } else {
            "  (out of date: it is made anew)"
        };
        let mib = saved.bytes >> 20;
        format!("{}  {mib} MiB  {}{stale}", saved.release, saved.folder.display())
    });
    section("stock kernels, booted in QEMU and saved", saved.collect());
    section(
        "packages of stock kernels in the cache, for --kernel package:NAME",
        found.unpacked.clone(),
    );
    let (sources, images): (Vec<String>, Vec<String>) = found
        .offered
        .iter()
        .cloned()
        .partition(|name| name.starts_with(SOURCE));
    section(
        "this machine's archives offer, for kernel build --package",
        sources,
    );
    section(
        "this machine's archives offer, for --kernel package:NAME (the newest of each line and kind)",
        newest(&images),
    );
    text
}

/// Of packages of one line and one kind the newest.
fn newest(packages: &[String]) -> Vec<String> {
    let mut sorted: Vec<&String> = packages.iter().collect();
    sorted.sort_by_key(|package| parts(package));
    let newest: BTreeMap<(Vec<u64>, &str), &String> = sorted
        .into_iter()
        .map(|package| {
            let (numbers, kind) = parts(package);
            let line = numbers.into_iter().take(2).collect();
            ((line, kind), package)
        })
        .collect();
    newest.into_values().cloned().collect()
}

/// The numbers of `linux-image-6.1.0-44-cloud-amd64`, and what kind it is: `cloud-amd64`.
fn parts(package: &str) -> (Vec<u64>, &str) {
    let release = package.trim_start_matches(|c: char| !c.is_ascii_digit());
    let kind = release.split_once('-').map_or("", |(_, rest)| rest);
    let kind = kind.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    let version = release.strip_suffix(kind).unwrap_or(release);
    let numbers = version.split(|c: char| !c.is_ascii_digit());
    (numbers.filter_map(|number| number.parse().ok()).collect(), kind)
}

fn json(found: &Found) -> Result<String, Failure> {
    let guests = found.guests.iter().map(|kernel| {
        serde_json::json!({
            "kind": "user-mode",
            "version": kernel.version.to_string(),
            "path": kernel.path,
            "current": kernel.is_current(),
            "provenance": kernel.provenance,
        })
    });
    let saved = found.saved.iter().map(|saved| {
        serde_json::json!({
            "kind": "saved",
            "release": saved.release,
            "folder": saved.folder,
            "bytes": saved.bytes,
            "current": saved.current,
        })
    });
    let package =
        |kind: &'static str| move |name: &String| serde_json::json!({ "kind": kind, "package": name });
    let rows: Vec<serde_json::Value> = guests
        .chain(saved)
        .chain(found.unpacked.iter().map(package("unpacked")))
        .chain(found.offered.iter().map(package("offered")))
        .collect();
    serde_json::to_string_pretty(&rows)
        .map(|text| text + "\n")
        .map_err(|error| Failure::Software(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_line_and_kind_the_newest_is_listed() {
        let packages = [
            "linux-image-6.1.0-9-amd64",
            "linux-image-6.1.0-44-amd64",
            "linux-image-6.1.0-44-cloud-amd64",
            "linux-image-6.12.9+deb12-amd64",
            "linux-image-6.12.117+deb12-amd64",
            "linux-image-5.15.0-100-generic",
        ];
        let packages = packages.map(str::to_owned);
        assert_eq!(
            newest(&packages),
            [
                "linux-image-5.15.0-100-generic",
                "linux-image-6.1.0-44-amd64",
                "linux-image-6.1.0-44-cloud-amd64",
                "linux-image-6.12.117+deb12-amd64",
            ]
        );
        assert_eq!(parts("linux-image-6.12.9+deb12-cloud-amd64").1, "cloud-amd64");
    }
}
