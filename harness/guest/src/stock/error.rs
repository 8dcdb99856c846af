//! What can go wrong with a stock kernel, each with what to do next.

use std::io;
use std::path::PathBuf;

/// Why there is no machine with a stock kernel.
#[derive(Debug, thiserror::Error)]
pub enum StockError {
    /// What names the kernel cannot be understood.
    #[error(
        "`{0}` names no stock kernel: they are written qemu:VMLINUZ, qemu:VMLINUZ,modules=FOLDER and \
        package:linux-image-NAME"
    )]
    Selector(String),
    /// The file is no kernel image.
    #[error("{} is no kernel image for x86: {reason}", path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// What was seen.
        reason: String,
    },
    /// The folder of the kernel's modules is nowhere.
    #[error("the modules of Linux {release} are in none of {}: such a folder has a folder `kernel` with \
        files *.ko in it; name it: qemu:{},modules=FOLDER", list(.tried), image.display())]
    NoModulesFolder {
        /// The kernel's release.
        release: String,
        /// The kernel.
        image: PathBuf,
        /// Where was looked.
        tried: Vec<PathBuf>,
    },
    /// Modules that labs need are not there.
    #[error("this kernel cannot make labs: {lacking} is neither among the modules in {} nor built in{}; take \
        a kernel of your distribution that has it (its package of extra modules may bring it)",
        folder.display(), if *builtin_is_known { "" } else {
            " as far as is known: there is no file modules.builtin, which belongs there, too"
        })]
    NoModules {
        /// The folder of the modules.
        folder: PathBuf,
        /// Which.
        lacking: String,
        /// Is there the list of what is built in?
        builtin_is_known: bool,
    },
    /// The modules are those of another kernel.
    #[error("the modules in {} are those of Linux {built_for}, and this kernel is {release}, which takes \
        only its own", folder.display())]
    OthersModules {
        /// The kernel's release.
        release: String,
        /// The folder of the modules.
        folder: PathBuf,
        /// The release that they name.
        built_for: String,
    },
    /// QEMU is not there.
    #[error("the program `qemu-system-x86_64` is missing: apt-get install qemu-system-x86")]
    NoQemu,
    /// A module could not be unpacked.
    #[error("cannot unpack {} by {program}(1): {reason}; install {program}, or unpack the modules",
        path.display())]
    Unpack {
        /// What unpacks it.
        program: &'static str,
        /// The module.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The kernel did not come so far that it could be saved.
    #[error("Linux {release} did not start in QEMU: {how}; the last lines of its console:{}",
        lines(.console))]
    NotStarted {
        /// The kernel's release.
        release: String,
        /// How it ended.
        how: String,
        /// The console's last lines.
        console: Vec<String>,
    },
    /// A file could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// The verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A package cannot be had.
    #[error(transparent)]
    Package(#[from] crate::kernel::KernelError),
}

impl StockError {
    pub(super) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}

fn lines(console: &[String]) -> String {
    if console.is_empty() {
        return " it said nothing".to_owned();
    }
    let last = console.len().saturating_sub(20);
    console[last..].iter().map(|line| format!("\n  {line}")).collect()
}
