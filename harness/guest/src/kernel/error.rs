//! What can go wrong while a kernel is provisioned or looked for, each with what to do next.

use std::io;
use std::path::PathBuf;

/// Something that the build needs and the machine lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingTool {
    /// The program or header.
    pub what: &'static str,
    /// The Debian package that brings it.
    pub package: &'static str,
}

/// Why there is no kernel.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// No place for the cache can be told from the environment.
    #[error(
        "no folder for cached kernels: none of LVS_MATRIX_CACHE, XDG_CACHE_HOME and HOME is set; set \
         LVS_MATRIX_CACHE to a folder of yours"
    )]
    NoCacheFolder,
    /// No cached kernel fits.
    #[error(
        "no guest kernel {wanted} in {}{}; build one with `lvs-matrix kernel build`",
        cache.display(),
        have(.found)
    )]
    NotFound {
        /// What was looked for, in words.
        wanted: String,
        /// The folder of cached kernels.
        cache: PathBuf,
        /// The kernels that are there but do not fit, each with the reason.
        found: Vec<String>,
    },
    /// The cached kernel's binary is not what was built.
    #[error("the cached guest kernel {} is damaged: {reason}; build it anew with `lvs-matrix kernel build \
        --rebuild`", path.display())]
    Damaged {
        /// The binary.
        path: PathBuf,
        /// What was seen.
        reason: String,
    },
    /// A file given as a kernel is none.
    #[error("{} is no User-mode Linux kernel: {reason}", path.display())]
    NotAKernel {
        /// The file.
        path: PathBuf,
        /// What was seen.
        reason: String,
    },
    /// Tools are missing.
    #[error("missing to get a kernel:{}\non Debian: apt-get install {}", tool_lines(.0), packages(.0))]
    MissingTools(Vec<MissingTool>),
    /// Too little space in the cache.
    #[error("{} has {available_mib} MiB free, and a kernel build needs {needed_mib} MiB for a while; set \
        LVS_MATRIX_CACHE to a folder with more space", folder.display())]
    NoSpace {
        /// The cache.
        folder: PathBuf,
        /// Free for this user, MiB.
        available_mib: u64,
        /// Needed, MiB.
        needed_mib: u64,
    },
    /// The source is nowhere to be had.
    #[error(
        "no source for {wanted}: {reason}\nalternatives: install a linux-source package and name it, or give \
         a kernel source tarball by path"
    )]
    NoSource {
        /// The package or line.
        wanted: String,
        /// Where was looked, and what was found there.
        reason: String,
    },
    /// A kernel's package is nowhere to be had.
    #[error(
        "no package {package}: {reason}\nalternatives: name another (`lvs-matrix kernel list` lists them), \
         or give a vmlinuz by its path: qemu:VMLINUZ"
    )]
    NoImage {
        /// The package.
        package: String,
        /// Where was looked, and what was found there.
        reason: String,
    },
    /// The source has no place for lines of ours.
    #[error("this kernel source cannot be given the lines that guests need: {0}\nuse a source from Linux \
        {min}.{sub} on", min = super::OLDEST_DEFAULT_LINE.0, sub = super::OLDEST_DEFAULT_LINE.1)]
    Cure(String),
    /// Kconfig options did not survive.
    #[error("the kernel's configuration did not take {} of the options asked for (its Kconfig lacks them, or \
        a dependency):\n  {}", .0.len(), .0.join("\n  "))]
    OptionsLost(Vec<String>),
    /// A tool failed.
    #[error("{command} failed ({status}); its last lines:\n{output}")]
    Tool {
        /// What was run.
        command: String,
        /// How it ended.
        status: String,
        /// Its last lines.
        output: String,
    },
    /// A file or folder could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// The verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl KernelError {
    pub(super) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

fn have(found: &[String]) -> String {
    match found {
        [] => String::new(),
        found => format!(" (there: {})", found.join(", ")),
    }
}

fn tool_lines(tools: &[MissingTool]) -> String {
    tools
        .iter()
        .map(|tool| format!("\n  {} ({})", tool.what, tool.package))
        .collect()
}

fn packages(tools: &[MissingTool]) -> String {
    let mut names: Vec<&str> = tools.iter().map(|tool| tool.package).collect();
    names.sort_unstable();
    names.dedup();
    names.join(" ")
}
