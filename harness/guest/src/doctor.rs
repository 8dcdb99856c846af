//! What this machine has and lacks for building and running guests, each lack with its cure.

use crate::guest::{
    DEFAULT_MEMORY_MIB, Guest, GuestConfig, GuestEnd, GuestReport, RunAs, User, choose_memory_folder,
};
use crate::kernel::{CacheFolder, Kernel, find, tools};
use crate::stock;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A boot takes 0.1 s where nothing else runs.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many may look at one cache at a time.
const MOST_DOCTORS: u32 = 64;

/// The name of the check for a cached kernel.
pub const GUEST_KERNEL: &str = "guest kernel";
/// What the tools that build a kernel are needed for.
pub const FOR_BUILDING: &str = "lvs-matrix kernel build";

/// What all the rest is needed for.
const FOR_CELLS: &str = "running cells in a guest";
/// What QEMU is needed for where no stock kernel is asked for.
pub const FOR_STOCK: &str = "run --kernel qemu:… and package:…, on stock kernels";

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, such as `build tools`.
    pub name: &'static str,
    /// What was found.
    pub state: State,
    /// What it is needed for, such as `lvs-matrix kernel build`.
    pub needed_for: &'static str,
}

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is there; which one, where.
    Found(String),
    /// It is missing.
    Missing {
        /// What exactly.
        what: String,
        /// What to do, in one line: a command where there is one.
        cure: String,
    },
}

/// All checks of this crate, in the order in which cures help, for the kernel that is asked for. Boots a
/// guest for less than a second if there is a kernel of User-mode Linux.
pub fn checks(asked: Option<&str>) -> Vec<Check> {
    let stock_kernel = asked.filter(|name| stock::is_named_by(name));
    let tools = Check {
        name: "kernel build tools",
        state: build_tools(),
        needed_for: FOR_BUILDING,
    };
    let memory = Check {
        name: "guest memory folder",
        state: memory(),
        needed_for: FOR_CELLS,
    };
    let qemu = Check {
        name: "QEMU",
        state: in_qemu(),
        needed_for: if stock_kernel.is_some() {
            FOR_CELLS
        } else {
            FOR_STOCK
        },
    };
    if let Some(name) = stock_kernel {
        let kernel = Check {
            name: GUEST_KERNEL,
            state: of_distribution(name),
            needed_for: FOR_CELLS,
        };
        return vec![tools, kernel, memory, qemu];
    }
    let kernel = CacheFolder::of_user().and_then(|cache| Ok((find(&cache, asked)?, cache)));
    let found = match &kernel {
        Ok((kernel, _)) => State::Found(format!("Linux {} at {}", kernel.version, kernel.path.display())),
        Err(error) => State::Missing {
            what: error.to_string(),
            cure: match asked {
                None => "lvs-matrix kernel build".to_owned(),
                Some(name) => {
                    format!("ask for another kernel than {name}, or build it: lvs-matrix kernel build")
                }
            },
        },
    };
    let found = Check {
        name: GUEST_KERNEL,
        state: found,
        needed_for: FOR_CELLS,
    };
    let mut checks = vec![tools, found, memory];
    if let Ok((kernel, cache)) = kernel {
        checks.push(Check {
            name: "guest boots",
            state: boot(kernel, &cache),
            needed_for: FOR_CELLS,
        });
    }
    checks.push(qemu);
    checks
}

/// The stock kernel of this name. Nothing is downloaded.
fn of_distribution(name: &str) -> State {
    let missing = |what: String| State::Missing {
        what,
        cure: "ask for a kernel as docs/kernels.md says, or for none".to_owned(),
    };
    let cache = match CacheFolder::of_user() {
        Ok(cache) => cache,
        Err(error) => return missing(error.to_string()),
    };
    if stock::is_to_be_downloaded(&cache, name) {
        return State::Found(format!(
            "{name} is not in the cache yet: the first run downloads it"
        ));
    }
    match stock::find(&cache, name, &mut |_| {}) {
        Ok(kernel) => State::Found(format!(
            "Linux {} at {}, in QEMU, with its modules in {}",
            kernel.release,
            kernel.image.display(),
            kernel.modules.display()
        )),
        Err(error) => missing(error.to_string()),
    }
}

/// QEMU, as it calls itself, if it is new enough.
fn in_qemu() -> State {
    let cure = || format!("apt-get install {}", stock::QEMU.1);
    let missing = |what: String| State::Missing { what, cure: cure() };
    let program = match stock::qemu() {
        Ok(program) => program,
        Err(_) => return missing(format!("the program `{}` is missing", stock::QEMU.0)),
    };
    match stock::qemu_version(&program) {
        Ok((version, _)) if version < stock::OLDEST_QEMU => missing(format!(
            "{} is {}.{}, and its machine `microvm` has ACPI from {}.{} on",
            program.display(),
            version.0,
            version.1,
            stock::OLDEST_QEMU.0,
            stock::OLDEST_QEMU.1
        )),
        Ok((_, text)) => State::Found(format!("{}, {text}", program.display())),
        Err(reason) => missing(format!("{}: {reason}", program.display())),
    }
}

fn build_tools() -> State {
    let missing = tools::missing(true);
    if missing.is_empty() {
        return State::Found("gcc, make, flex, bison, bc, xz, apt-get and the rest".into());
    }
    let mut packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    packages.dedup();
    State::Missing {
        what: missing
            .iter()
            .map(|tool| tool.what)
            .collect::<Vec<_>>()
            .join(", "),
        cure: format!("apt-get install {}", packages.join(" ")),
    }
}

fn memory() -> State {
    match User::choose(RunAs::Caller).and_then(|user| choose_memory_folder(DEFAULT_MEMORY_MIB, user)) {
        Ok(folder) => State::Found(folder.display().to_string()),
        Err(error) => State::Missing {
            what: error.to_string(),
            cure: "set TMPDIR to a larger folder".into(),
        },
    }
}

/// A folder that no other doctor uses for as long as the file lives: it is locked (flock(2)). In the cache,
/// and under few names, so that the next doctor uses what a killed one left.
fn own_share(kernels: &Path) -> io::Result<(PathBuf, File)> {
    for number in 1..=MOST_DOCTORS {
        let share = kernels.join(format!(".doctor-{number}"));
        fs::create_dir_all(&share)?;
        let Ok(folder) = File::open(&share) else {
            // Another doctor has just removed it.
            continue;
        };
        let taken = flock(&folder, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK);
        // The other one may have removed it after it was opened here.
        let same = || {
            let (named, opened) = (fs::metadata(&share).ok()?, folder.metadata().ok()?);
            Some(named.ino() == opened.ino())
        };
        if !taken && same() == Some(true) {
            return Ok((share, folder));
        }
    }
    Err(io::Error::other("too many doctors are at work at once"))
}

/// A guest whose init is true(1): PID 1 ends at once, and the kernel says so and panics. That proves memory,
/// seccomp, and the way to the host's files.
fn boot(kernel: Kernel, cache: &CacheFolder) -> State {
    let missing = |what: String| State::Missing {
        what,
        cure: "allow this user ptrace(2) and seccomp(2) (a container may forbid them), or try as another \
            user; docs/limitations.md says where guests run"
            .into(),
    };
    let (share, _own) = match own_share(&cache.kernels()) {
        Ok(own) => own,
        Err(error) => return missing(format!("a folder in {}: {error}", cache.kernels().display())),
    };
    let config = GuestConfig {
        memory_mib: 64,
        stall: PATIENCE,
        ..GuestConfig::new(kernel, "/bin/true", &share)
    };
    let report = Guest::start(config).and_then(|guest| guest.run(|_| {}));
    // Nothing depends on its removal.
    let _ = fs::remove_dir_all(&share);
    match report {
        Ok(GuestReport {
            end: GuestEnd::Panicked(words),
            wall,
            ..
        }) if words.contains("Attempted to kill init") => State::Found(format!("in {} ms", wall.as_millis())),
        Ok(report) => missing(format!(
            "the guest ended otherwise: {:?}; its console: {}",
            report.end,
            report.console.join(" | ")
        )),
        Err(error) => missing(error.to_string()),
    }
}
