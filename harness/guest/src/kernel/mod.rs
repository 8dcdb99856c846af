//! Kernel provisioning: build a User-mode Linux with IPVS and virtual time, cache it, find it again.
//!
//! ```text
//! $LVS_MATRIX_CACHE | $XDG_CACHE_HOME/lvs-matrix | ~/.cache/lvs-matrix
//! └─ kernels/
//!    ├─ 7.2.12-0123456789ab/    linux, config, kernel.json: published by rename, complete or absent
//!    ├─ .building-PID/          a build under way, or what a killed one left (the next build removes it)
//!    └─ .lock                   held by the builder and by each tool it runs
//! ```

mod apt;
mod cache;
mod compile;
mod configuration;
mod cure;
mod error;
mod source;
pub(crate) mod tools;
mod tree;

pub use cache::{CacheFolder, Kernel, Provenance, Version, find, list};
pub use error::KernelError;

use std::num::NonZero;
use std::path::PathBuf;

/// The line that is asked for where nothing else is said. Linux 7.2 is what the project's results were measured on.
pub const PREFERRED_LINE: (u32, u32) = (7, 2);
/// The oldest line that the default falls back to: `seccomp=on` came with 6.16 (arch/um/os-Linux/start_up.c), and with it
/// guest processes that cannot outlive their guest.
pub const OLDEST_DEFAULT_LINE: (u32, u32) = (6, 16);
/// The suite that carries newer `linux-source` packages than the stable release.
pub const BACKPORTS_SUITE: &str = "trixie-backports";

/// Where the kernel's source comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// [`PREFERRED_LINE`]: installed under /usr/src, or from [`BACKPORTS_SUITE`]; where that suite has moved on, the
    /// newest `linux-source` found there from [`OLDEST_DEFAULT_LINE`] on.
    DefaultLine,
    /// A Debian package by name, such as `linux-source-6.1`: installed under /usr/src, or from the machine's own
    /// package sources, or from [`BACKPORTS_SUITE`].
    Package(String),
    /// A source tarball (anything that `tar` can read) by path.
    Tarball(PathBuf),
}

/// What to build.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// Where the source comes from.
    pub source: Source,
    /// Where the kernel goes.
    pub cache: CacheFolder,
    /// How many compilers run at once.
    pub jobs: NonZero<usize>,
    /// Build even if the cache holds a kernel for this request.
    pub rebuild: bool,
}

impl BuildRequest {
    /// The default: default line, the user's cache, one compiler per core.
    ///
    /// # Errors
    /// [`KernelError::NoCacheFolder`] when neither `LVS_MATRIX_CACHE`, `XDG_CACHE_HOME` nor `HOME` is set.
    pub fn new() -> Result<Self, KernelError> {
        Ok(Self {
            source: Source::DefaultLine,
            cache: CacheFolder::of_user()?,
            jobs: std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN),
            rebuild: false,
        })
    }
}

/// What a build is doing. The phases come in this order; those that are not needed are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Another build holds the cache's lock.
    WaitForOtherBuild,
    /// apt reads the package lists (privately).
    ReadPackageLists,
    /// apt fetches the source package; per cent.
    Download,
    /// dpkg-deb and tar.
    Unpack,
    /// Kconfig, and the check that each option survived.
    Configure,
    /// The compilers; build steps, with an estimated total.
    Compile,
    /// Into the cache.
    Publish,
}

/// One piece of news of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// How much of it is done, in the phase's unit.
    pub done: u64,
    /// How much there is, if known or estimated.
    pub total: Option<u64>,
    /// `total` is a guess from earlier builds (`done` never exceeds it).
    pub estimated: bool,
    /// A word on what is at work: a package, a file.
    pub detail: String,
}

/// Builds a kernel, or gives the cached one if the cache holds one for this request.
///
/// Runs as an ordinary user and changes nothing on the machine but the cache. Blocks for some minutes; `progress` is
/// called from this thread. A second build of the same user waits for the first.
///
/// # Errors
/// [`KernelError`]: missing tools (all at once, with the packages that bring them), no source, a Kconfig option that did not
/// survive, a compiler that failed (with its last lines), no space.
pub fn build(request: &BuildRequest, progress: &mut dyn FnMut(&Progress)) -> Result<Kernel, KernelError> {
    if !request.rebuild
        && let Some(kernel) = cache::for_source(&request.cache, &request.source)?
    {
        return Ok(kernel);
    }
    tools::check_build_tools(&request.source)?;
    let workshop = tree::Workshop::open(&request.cache, progress)?;
    if !request.rebuild
        && let Some(kernel) = cache::for_source(&request.cache, &request.source)?
    {
        // The build that was waited for made it.
        return Ok(kernel);
    }
    let tarball = source::fetch(&request.source, &workshop, progress)?;
    let tree = workshop.unpack(&tarball, progress)?;
    cure::apply(&tree)?;
    configuration::configure(&tree, &workshop, progress)?;
    let binary = compile::compile(&tree, &workshop, request.jobs, progress)?;
    workshop.publish(&request.cache, &tree, &binary, tarball.identity, progress)
}
