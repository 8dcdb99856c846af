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
mod archive;
mod cache;
mod compile;
mod configuration;
mod cure;
mod digest;
mod error;
mod identity;
mod image;
mod source;
pub(crate) mod tools;
mod tree;
mod workshop;

pub use cache::{CacheFolder, Kernel, find, list};
pub(crate) use digest::hex;
pub use digest::sha256_of_file;
pub use error::KernelError;
pub use identity::{Identity, Provenance, Version};
pub(crate) use image::unpacked_package;
pub use image::{offered, unpacked_packages};

use std::num::NonZero;
use std::path::PathBuf;
use workshop::Workshop;

/// The line that is asked for where nothing else is said. Linux 7.2 is what the project's results were
/// measured on.
pub const PREFERRED_LINE: (u32, u32) = (7, 2);
/// The oldest line that the default falls back to: `seccomp=on` came with 6.16 (arch/um/os-Linux/start_up.c),
/// and with it guest processes that cannot outlive their guest.
pub const OLDEST_DEFAULT_LINE: (u32, u32) = (6, 16);
/// The suite that carries newer `linux-source` packages than the stable release.
pub const BACKPORTS_SUITE: &str = "trixie-backports";
/// Where packages of kernels are looked for that the machine's own suites do not have, in this order: other
/// suites of the same archives.
pub const OTHER_SUITES: [&str; 5] = [
    BACKPORTS_SUITE,
    "trixie",
    "bookworm-backports",
    "bookworm",
    "bullseye",
];

/// Where the kernel's source comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// [`PREFERRED_LINE`]: installed under /usr/src, or from [`BACKPORTS_SUITE`]; where that suite has moved
    /// on, the newest `linux-source` found there from [`OLDEST_DEFAULT_LINE`] on.
    DefaultLine,
    /// A Debian package by name, such as `linux-source-6.1`: installed under /usr/src, or from the machine's
    /// own package sources, or from [`BACKPORTS_SUITE`].
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
    /// dpkg-deb and tar; MiB unpacked.
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
/// Runs as an ordinary user and changes nothing on the machine but the cache. Blocks for some minutes;
/// `progress` is called from this thread. A second build of the same user waits for the first.
///
/// # Errors
/// [`KernelError`]: missing tools (all at once, with the packages that bring them), no source, a Kconfig
/// option that did not survive, a compiler that failed (with its last lines), no space.
pub fn build(request: &BuildRequest, progress: &mut dyn FnMut(&Progress)) -> Result<Kernel, KernelError> {
    if !request.rebuild
        && let Some(kernel) = cache::for_source(&request.cache, &request.source)?
    {
        remove_unfinished(&request.cache);
        return Ok(kernel);
    }
    tools::check_build_tools(&request.source)?;
    let workshop = Workshop::open(&request.cache.kernels(), progress)?;
    if !request.rebuild
        && let Some(kernel) = cache::for_source(&request.cache, &request.source)?
    {
        // The build that was waited for made it.
        return Ok(kernel);
    }
    let tarball = source::fetch(&request.source, &workshop, progress)?;
    let tree = tree::unpack(&workshop, &tarball, progress)?;
    cure::apply(&tree)?;
    let lacks = configuration::configure(&tree, &workshop, progress)?;
    let binary = compile::compile(&tree, &workshop, request.jobs, progress)?;
    tree::publish(
        &workshop,
        &request.cache,
        &tree,
        &binary,
        tarball.identity,
        lacks,
        progress,
    )
}

/// Removes what a killed build left in the cache; nothing while a build goes on. What cannot be removed
/// stays.
pub fn remove_unfinished(cache: &CacheFolder) {
    workshop::remove_unfinished(&cache.kernels());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;
    use std::process::Command;
    use std::time::{Duration, Instant};

    fn request(folder: &Path, source: Source) -> BuildRequest {
        let cache = CacheFolder::at(folder.join("cache"));
        BuildRequest {
            source,
            cache,
            jobs: NonZero::<usize>::MIN,
            rebuild: false,
        }
    }

    fn left_in(request: &BuildRequest) -> Vec<String> {
        let entries = fs::read_dir(request.cache.kernels()).unwrap().flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_tarball_that_is_no_kernel_ends_in_one_error_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("other/src")).unwrap();
        let tarball = folder.path().join("other.tar");
        let packed = Command::new("tar")
            .arg("-cf")
            .arg(&tarball)
            .arg("-C")
            .arg(folder.path())
            .arg("other")
            .status();
        assert!(packed.unwrap().success());
        let request = request(folder.path(), Source::Tarball(tarball));
        // What a killed build left goes too.
        fs::create_dir_all(request.cache.kernels().join(".building-1/tree")).unwrap();
        let mut phases = Vec::new();
        let error = build(&request, &mut |news| phases.push(news.phase)).unwrap_err();
        assert!(
            error.to_string().contains("is this a Linux source tree?"),
            "{error}"
        );
        assert_eq!(phases, [Phase::Unpack]);
        assert_eq!(left_in(&request), [".lock"]);
    }

    #[test]
    fn a_tarball_that_is_none_or_absent_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let garbage = folder.path().join("garbage");
        fs::write(&garbage, "no archive").unwrap();
        let request_garbage = request(folder.path(), Source::Tarball(garbage));
        let error = build(&request_garbage, &mut |_| {}).unwrap_err().to_string();
        assert!(
            error.starts_with("tar ") && error.contains("not look like a tar archive"),
            "{error}"
        );
        assert_eq!(left_in(&request_garbage), [".lock"]);
        let absent = request(folder.path(), Source::Tarball("/no/such/file".into()));
        let error = build(&absent, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("cannot open /no/such/file"), "{error}");
    }

    #[test]
    fn what_a_killed_build_left_is_removed_unless_one_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let cache = CacheFolder::at(folder.path());
        let going_on = Workshop::open(&cache.kernels(), &mut |_| {}).unwrap();
        let left = cache.kernels().join(".building-1");
        fs::create_dir_all(left.join("tree")).unwrap();
        remove_unfinished(&cache);
        assert!(left.exists() && going_on.folder().exists());
        drop(going_on);
        // A child that another test starts at this moment has a copy of the lock until its exec(2).
        let begun = Instant::now();
        while left.exists() {
            assert!(begun.elapsed() < Duration::from_secs(10), "{}", left.display());
            remove_unfinished(&cache);
        }
        remove_unfinished(&CacheFolder::at(folder.path().join("absent")));
    }

    #[test]
    fn builds_of_one_cache_wait_for_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let cache = CacheFolder::at(folder.path());
        let first = Workshop::open(&cache.kernels(), &mut |_| {}).unwrap();
        let (said, heard) = std::sync::mpsc::channel();
        let second = {
            let cache = cache.clone();
            std::thread::spawn(move || {
                Workshop::open(&cache.kernels(), &mut |news| said.send(news.phase).unwrap())
                    .map(drop)
                    .is_ok()
            })
        };
        assert_eq!(heard.recv().unwrap(), Phase::WaitForOtherBuild);
        assert!(!second.is_finished());
        drop(first);
        assert!(second.join().unwrap());
    }
}
