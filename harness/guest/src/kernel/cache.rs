//! The cached kernels: where they are, what is known of each, and which one fits a wish.

use super::digest::sha256_of_file;
use super::identity::{Identity, Provenance, Version};
use super::{KernelError, OLDEST_DEFAULT_LINE, PREFERRED_LINE, Source, configuration};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Where a package puts kernels, from the folder of the program on.
const PACKAGED: &str = "../lib/lvs-matrix/kernels";

/// The folder below which kernels are cached, and that of kernels that came with the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheFolder {
    folder: PathBuf,
    packaged: Option<PathBuf>,
}

impl CacheFolder {
    /// `$LVS_MATRIX_CACHE`, else `$XDG_CACHE_HOME/lvs-matrix`, else `~/.cache/lvs-matrix`. Need not exist
    /// yet. Kernels that a package installed with the program (`lib/lvs-matrix/kernels` beside its `bin`) are
    /// found as if they were cached.
    ///
    /// # Errors
    /// [`KernelError::NoCacheFolder`] when none of the three variables is set.
    pub fn of_user() -> Result<Self, KernelError> {
        let set = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        set("LVS_MATRIX_CACHE")
            .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("lvs-matrix")))
            .or_else(|| set("HOME").map(|folder| folder.join(".cache/lvs-matrix")))
            .map(|folder| Self {
                folder,
                packaged: packaged(),
            })
            .ok_or(KernelError::NoCacheFolder)
    }

    /// This folder, and nothing that came with the program.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            packaged: None,
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.folder
    }

    /// The folder of the kernels in it.
    pub fn kernels(&self) -> PathBuf {
        self.folder.join("kernels")
    }
}

/// The folder of kernels that came with this program, if there is one.
fn packaged() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?.join(PACKAGED);
    folder.canonicalize().ok().filter(|folder| folder.is_dir())
}

/// A guest kernel, ready to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The binary.
    pub path: PathBuf,
    /// Its version.
    pub version: Version,
    /// Where it came from; `None` for one that was given by path from outside the cache.
    pub provenance: Option<Provenance>,
}

impl Kernel {
    /// Is the binary the one that was built, as its SHA-256 says? One that was given by path alone is taken
    /// as it is.
    ///
    /// # Errors
    /// [`KernelError::Damaged`].
    pub fn check_sha256(&self, found: &str) -> Result<(), KernelError> {
        match &self.provenance {
            Some(provenance) if provenance.binary_sha256 != found => Err(KernelError::Damaged {
                path: self.path.clone(),
                reason: "its SHA-256 is another than when it was built".into(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Was it built with the configuration and the cure of today? One that was not is not taken by its
    /// version; one that was given by path alone is taken as it is.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let of_today = || configuration::request_sha256(self.version.line());
        let provenance = self.provenance.as_ref();
        provenance.is_none_or(|provenance| provenance.request_sha256 == of_today())
    }

    fn check(&self) -> Result<(), KernelError> {
        self.check_sha256(&sha256_of_file(&self.path)?)
    }
}

/// All kernels in the cache, newest version first. Broken entries are left out.
///
/// # Errors
/// [`KernelError::File`] when the cache exists and cannot be read.
pub fn list(cache: &CacheFolder) -> Result<Vec<Kernel>, KernelError> {
    Ok(entries(cache)?.0)
}

/// The kernels in the cache and of the package, newest version first, and what is wrong with other entries.
fn entries(cache: &CacheFolder) -> Result<(Vec<Kernel>, Vec<String>), KernelError> {
    let (mut kernels, mut broken) = (Vec::new(), Vec::new());
    for folder in std::iter::once(cache.kernels()).chain(cache.packaged.clone()) {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.map_err(KernelError::file("read", &folder))?,
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // A build under way, the lock.
            if name.starts_with('.') {
                continue;
            }
            match load(&entry.path()) {
                Ok(kernel) => kernels.push(kernel),
                Err(reason) => broken.push(format!("{name}, which is damaged: {reason}")),
            }
        }
    }
    kernels.sort_by(|a, b| b.version.cmp(&a.version).then_with(|| b.path.cmp(&a.path)));
    broken.sort_unstable();
    Ok((kernels, broken))
}

/// The kernel of a folder of the cache, or what is wrong with it.
fn load(folder: &Path) -> Result<Kernel, String> {
    let description =
        fs::read(folder.join("kernel.json")).map_err(|error| format!("its kernel.json: {error}"))?;
    let provenance: Provenance = serde_json::from_slice(&description)
        .map_err(|error| format!("its kernel.json cannot be understood: {error}"))?;
    let path = folder.join("linux");
    match fs::metadata(&path) {
        Err(error) => return Err(format!("its binary `linux`: {error}")),
        Ok(metadata) if !metadata.is_file() => return Err("its binary `linux` is no file".into()),
        Ok(_) => {}
    }
    let version = Version::parse(&provenance.version);
    Ok(Kernel {
        path,
        version: version
            .ok_or_else(|| format!("its kernel.json names the version {:?}", provenance.version))?,
        provenance: Some(provenance),
    })
}

/// Finds a kernel to boot: by default ([`PREFERRED_LINE`] first, else the newest), by the beginning of its
/// version (`7.2`, `6.1.170`), or by the path of a `linux` binary (anything with a `/` in it).
///
/// A cached kernel counts only if it was built with today's configuration and cure.
///
/// # Errors
/// [`KernelError::NotFound`] says what is there instead; [`KernelError::NotAKernel`] for a path to something
/// else.
pub fn find(cache: &CacheFolder, selector: Option<&str>) -> Result<Kernel, KernelError> {
    match selector {
        Some(path) if path.contains('/') => by_path(Path::new(path)),
        Some(other) if !other.starts_with(|first: char| first.is_ascii_digit()) => {
            Err(KernelError::NotAKernel {
                path: other.into(),
                reason: format!(
                    "a version begins with a digit, such as 7.2, and a path has a slash, such as ./{other}"
                ),
            })
        }
        Some(prefix) => pick(cache, &format!("of version {prefix}"), |_, provenance| {
            let (version, wish) = (&provenance.version, prefix.trim_end_matches('.'));
            version == wish
                || version
                    .strip_prefix(wish)
                    .is_some_and(|rest| rest.starts_with(['.', '-']))
        }),
        None => pick(cache, "of the default line", |kernel, provenance| {
            is_default(kernel, provenance)
        }),
    }
}

fn is_default(kernel: &Kernel, provenance: &Provenance) -> bool {
    kernel.version.line() >= OLDEST_DEFAULT_LINE && matches!(provenance.source, Identity::Package { .. })
}

/// The cached kernel for this source, today's configuration and cure: known before anything is downloaded.
pub(super) fn for_source(cache: &CacheFolder, source: &Source) -> Result<Option<Kernel>, KernelError> {
    let found = match source {
        Source::DefaultLine => pick(cache, "", is_default),
        Source::Package(wanted) => pick(
            cache,
            "",
            |_, provenance| matches!(&provenance.source, Identity::Package { name, .. } if name == wanted),
        ),
        Source::Tarball(path) => {
            let wanted = Identity::Tarball {
                sha256: sha256_of_file(path)?,
            };
            pick(cache, "", |_, provenance| provenance.source == wanted)
        }
    };
    match found {
        // One whose binary is damaged is as good as none.
        Ok(kernel) => Ok(kernel.check().is_ok().then_some(kernel)),
        Err(KernelError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn pick(
    cache: &CacheFolder,
    wanted: &str,
    fits: impl Fn(&Kernel, &Provenance) -> bool,
) -> Result<Kernel, KernelError> {
    let (kernels, mut found) = entries(cache)?;
    let mut fitting = Vec::new();
    for kernel in kernels {
        let Some(provenance) = &kernel.provenance else {
            continue;
        };
        if !fits(&kernel, provenance) {
            found.push(kernel.version.to_string());
        } else if !kernel.is_current() {
            found.push(format!("{} built with another configuration", kernel.version));
        } else {
            fitting.push(kernel);
        }
    }
    let preferred = fitting
        .iter()
        .position(|kernel| kernel.version.line() == PREFERRED_LINE)
        .unwrap_or(0);
    if preferred < fitting.len() {
        return Ok(fitting.swap_remove(preferred));
    }
    Err(KernelError::NotFound {
        wanted: wanted.to_owned(),
        cache: cache.kernels(),
        found,
    })
}

/// A UML binary prints its release for `--version` and exits (arch/um/kernel/um_arch.c, uml_version_setup).
fn by_path(path: &Path) -> Result<Kernel, KernelError> {
    let refuse = |reason: String| KernelError::NotAKernel {
        path: path.to_owned(),
        reason,
    };
    let path = fs::canonicalize(path).map_err(|error| refuse(error.to_string()))?;
    if path.file_name().is_some_and(|name| name == "linux")
        && let Some(kernel) = path.parent().and_then(|folder| load(folder).ok())
    {
        return Ok(kernel);
    }
    // Run it only if it is one: any other program might do anything on `--version`.
    let bytes = fs::read(&path).map_err(|error| refuse(error.to_string()))?;
    if !bytes.starts_with(b"\x7fELF") || !bytes.windows(16).any(|window| window == b"time-travel-star") {
        return Err(refuse(
            "it is no ELF program with time travel (CONFIG_UML_TIME_TRAVEL_SUPPORT)".into(),
        ));
    }
    let mut version = lvs_matrix_keeper::command(&path);
    version
        .arg("--version")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let (child, _leash) =
        lvs_matrix_keeper::spawn(&mut version).map_err(|error| refuse(error.to_string()))?;
    let output = child
        .wait_with_output()
        .map_err(|error| refuse(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version =
        Version::parse(&text).ok_or_else(|| refuse(format!("`--version` printed {:?}", text.trim())))?;
    Ok(Kernel {
        path,
        version,
        provenance: None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::digest::hex;
    use super::*;
    use sha2::{Digest, Sha256};

    fn put(cache: &CacheFolder, version: &str, request_sha256: &str, source: Identity) {
        let folder = cache.kernels().join(format!(
            "{version}-{}",
            cache.kernels().read_dir().map_or(0, Iterator::count)
        ));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("linux"), "").unwrap();
        let provenance = Provenance {
            version: version.into(),
            source,
            request_sha256: request_sha256.into(),
            binary_sha256: hex(&Sha256::digest("")),
            built: String::new(),
            compiler: String::new(),
            lacks: Vec::new(),
        };
        fs::write(
            folder.join("kernel.json"),
            serde_json::to_vec(&provenance).unwrap(),
        )
        .unwrap();
    }

    fn package(line: &str) -> Identity {
        Identity::Package {
            name: format!("linux-source-{line}"),
            version: "1".into(),
        }
    }

    fn cache() -> (tempfile::TempDir, CacheFolder) {
        let folder = tempfile::tempdir().unwrap();
        let cache = CacheFolder::at(folder.path());
        (folder, cache)
    }

    #[test]
    fn an_empty_cache_says_how_to_fill_it() {
        let (_folder, cache) = cache();
        assert_eq!(list(&cache).unwrap(), []);
        let error = find(&cache, None).unwrap_err().to_string();
        assert!(error.contains("lvs-matrix kernel build"), "{error}");
    }

    #[test]
    fn a_kernel_that_came_with_the_program_is_as_good_as_a_cached_one() {
        let (_folder, mut cache) = cache();
        let package_folder = tempfile::tempdir().unwrap();
        let installed = CacheFolder::at(package_folder.path());
        put(
            &installed,
            "7.2.12",
            &configuration::request_sha256((7, 2)),
            package("7.2"),
        );
        assert!(find(&cache, None).is_err());
        cache.packaged = Some(installed.kernels());
        assert!(
            find(&cache, None)
                .unwrap()
                .path
                .starts_with(package_folder.path())
        );
        assert!(for_source(&cache, &Source::DefaultLine).unwrap().is_some());
        // One of another version of the program is no better than none.
        let (_folder, mut other) = self::cache();
        put(&other, "7.2.13", "something else", package("7.2"));
        other.packaged = Some(installed.kernels());
        assert_eq!(find(&other, None).unwrap().version.to_string(), "7.2.12");
    }

    #[test]
    fn the_preferred_line_comes_first_then_the_newest() {
        let (_folder, cache) = cache();
        let today = configuration::request_sha256((7, 2));
        let newer = configuration::request_sha256((7, 9));
        let found = |selector| {
            find(&cache, selector)
                .map(|kernel| kernel.version.to_string())
                .ok()
        };
        put(&cache, "6.1.170", &today, package("6.1"));
        assert_eq!(found(None), None, "older than any default");
        put(&cache, "7.10.3", &newer, package("7.10"));
        put(&cache, "7.9.1", &newer, package("7.9"));
        assert_eq!(found(None).as_deref(), Some("7.10.3"));
        put(&cache, "7.2.12", &today, package("7.2"));
        assert_eq!(found(None).as_deref(), Some("7.2.12"));
        assert_eq!(found(Some("6.1")).as_deref(), Some("6.1.170"));
        assert_eq!(
            found(Some("7.1")),
            None,
            "7.10 does not begin with 7.1 in this sense"
        );
        assert_eq!(found(Some("7.10.3")).as_deref(), Some("7.10.3"));
        let for_package = |name: &str| {
            for_source(&cache, &Source::Package(name.into()))
                .unwrap()
                .is_some()
        };
        assert!(for_package("linux-source-6.1") && !for_package("linux-source-6.12"));
        assert_eq!(list(&cache).unwrap().len(), 4);
    }

    #[test]
    fn a_kernel_of_another_configuration_does_not_count_and_is_named() {
        let (_folder, cache) = cache();
        put(&cache, "7.2.12", "something else", package("7.2"));
        let error = find(&cache, None).unwrap_err().to_string();
        assert!(
            error.contains("7.2.12 built with another configuration"),
            "{error}"
        );
        assert!(for_source(&cache, &Source::DefaultLine).unwrap().is_none());
    }

    #[test]
    fn tarballs_are_known_by_content_and_broken_entries_ignored() {
        let (folder, cache) = cache();
        let tarball = folder.path().join("x.tar");
        fs::write(&tarball, "abc").unwrap();
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_of_file(&tarball).unwrap(), sha256);
        put(
            &cache,
            "7.4.0",
            &configuration::request_sha256((7, 4)),
            Identity::Tarball {
                sha256: sha256.into(),
            },
        );
        assert!(for_source(&cache, &Source::Tarball(tarball)).unwrap().is_some());
        assert!(
            for_source(&cache, &Source::DefaultLine).unwrap().is_none(),
            "a tarball may be any kernel"
        );
        fs::create_dir_all(cache.kernels().join("7.2.1-x")).unwrap();
        fs::create_dir_all(cache.kernels().join(".building-1")).unwrap();
        assert_eq!(list(&cache).unwrap().len(), 1);
    }

    #[test]
    fn what_is_damaged_is_named_and_not_used() {
        let (_folder, cache) = cache();
        put(
            &cache,
            "7.2.12",
            &configuration::request_sha256((7, 2)),
            package("7.2"),
        );
        let kernel = find(&cache, None).unwrap();
        let sha256 = || sha256_of_file(&kernel.path).unwrap();
        kernel.check_sha256(&sha256()).unwrap();
        assert!(for_source(&cache, &Source::DefaultLine).unwrap().is_some());

        fs::write(&kernel.path, "another").unwrap();
        let error = kernel.check_sha256(&sha256()).unwrap_err().to_string();
        assert!(
            error.contains("is damaged") && error.contains("kernel build --rebuild"),
            "{error}"
        );
        assert!(
            for_source(&cache, &Source::DefaultLine).unwrap().is_none(),
            "it is built anew"
        );

        let of_cache = |what: &str| {
            let error = find(&cache, None).unwrap_err().to_string();
            assert!(
                error.contains("7.2.12-0, which is damaged: ") && error.contains(what),
                "{error}"
            );
        };
        let folder = kernel.path.parent().unwrap();
        fs::remove_file(&kernel.path).unwrap();
        of_cache("its binary `linux`: No such file");
        let description = fs::read(folder.join("kernel.json")).unwrap();
        fs::write(folder.join("kernel.json"), &description[..description.len() / 2]).unwrap();
        of_cache("its kernel.json cannot be understood");
        fs::remove_file(folder.join("kernel.json")).unwrap();
        of_cache("its kernel.json: No such file");
    }

    #[test]
    fn a_path_to_something_else_is_refused_without_running_it() {
        let (_folder, cache) = cache();
        for path in ["/bin/true", "/etc/passwd", "/no/such/file", "linux"] {
            assert!(
                matches!(find(&cache, Some(path)), Err(KernelError::NotAKernel { .. })),
                "{path}"
            );
        }
    }
}
