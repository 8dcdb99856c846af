//! Stock kernels: the kernel of a distribution, unmodified, in QEMU, in virtual time.
//!
//! ```text
//! $LVS_MATRIX_CACHE/…
//! └─ machines/
//!    ├─ 6.1.0-44-amd64-0123456789ab/   saved, machine.json: published by rename, complete or absent
//!    ├─ .making-PID/                   one in the making, or left by a killed process: the next removes it
//!    └─ .lock                          held by who makes one
//! ```
//! A machine is booted once, with an initramfs of files of this machine, of the modules that labs need, and
//! of this program as init. When that waits for its job the machine is saved. From then on each guest goes
//! on from there.

pub(crate) mod archive;
mod error;
mod image;
pub(crate) mod machine;
mod modules;
mod root;
mod saved;

pub use error::StockError;
pub use machine::QEMU;
pub(crate) use saved::MODULES as MODULES_FOLDER;
pub use saved::{Ingredients, SavedMachine, prepare, remove_unfinished, saved_machines};

use crate::kernel::{CacheFolder, Version, tools, unpacked_package, unpacked_packages};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

/// Begins the name of a kernel that is given by its file.
pub const BY_FILE: &str = "qemu:";
/// Begins the name of a kernel that is a package of the machine's archives.
pub const BY_PACKAGE: &str = "package:";
const MODULES: &str = ",modules=";

/// A distribution's kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockKernel {
    /// The vmlinuz.
    pub image: PathBuf,
    /// As `uname -r` says it.
    pub release: String,
    /// Its version, as far as the release says it.
    pub version: Version,
    /// The folder of its modules, such as `/lib/modules/6.1.0-44-amd64`.
    pub modules: PathBuf,
}

/// A machine with a stock kernel, ready to be started.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its kernel.
    pub kernel: StockKernel,
    pub(crate) qemu: PathBuf,
    pub(crate) memory_mib: u32,
    pub(crate) start: Start,
}

/// How a machine is started.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    /// It boots what lies in its share, and is saved when init waits for its job.
    Boot,
    /// It goes on from this file, which nobody removes as long as the lock is held.
    GoOn { saved: PathBuf, _lock: Arc<File> },
}

/// Does this name a stock kernel, and no User-mode Linux?
#[must_use]
pub fn is_named_by(selector: &str) -> bool {
    selector.starts_with(BY_FILE) || selector.starts_with(BY_PACKAGE)
}

/// The name of a stock kernel with its paths taken as relative to this folder; `None` if it names none.
#[must_use]
pub fn beside(selector: &str, folder: &Path) -> Option<OsString> {
    if !is_named_by(selector) {
        return None;
    }
    let Some(words) = selector.strip_prefix(BY_FILE) else {
        return Some(selector.into());
    };
    let mut name = OsString::from(BY_FILE);
    for (number, path) in words.splitn(2, MODULES).enumerate() {
        if number > 0 {
            name.push(MODULES);
        }
        // One that is not said stays so.
        if !path.is_empty() {
            name.push(folder.join(path));
        }
    }
    Some(name)
}

/// The release of the kernel that is given by its file, whether its modules are there or not; `None` if this
/// names no file that is a kernel.
#[must_use]
pub fn release_of_file(selector: &str) -> Option<String> {
    let words = selector.strip_prefix(BY_FILE)?;
    let image = words.split_once(MODULES).map_or(words, |(image, _)| image);
    image::release(Path::new(image)).ok()
}

/// Would this kernel be downloaded if it was looked for?
#[must_use]
pub fn is_to_be_downloaded(cache: &CacheFolder, selector: &str) -> bool {
    let package = selector.strip_prefix(BY_PACKAGE);
    package.is_some_and(|package| !unpacked_packages(cache).iter().any(|known| known == package))
}

/// QEMU's file.
///
/// # Errors
/// [`StockError::NoQemu`].
pub fn qemu() -> Result<PathBuf, StockError> {
    tools::program(QEMU.0).ok_or(StockError::NoQemu)
}

/// The oldest QEMU whose machine `microvm` has ACPI, and so a way to be switched off.
pub const OLDEST_QEMU: (u32, u32) = (5, 2);

/// What a QEMU calls its version, as numbers and as a line.
///
/// # Errors
/// What went wrong, in words.
pub fn qemu_version(program: &Path) -> Result<((u32, u32), String), String> {
    let mut ask = lvs_matrix_keeper::command(program);
    ask.arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let (child, _leash) = lvs_matrix_keeper::spawn(&mut ask).map_err(|error| error.to_string())?;
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    let number = line
        .split_once("version ")
        .and_then(|(_, rest)| Version::parse(rest));
    match number {
        Some(version) => Ok((version.line(), line)),
        None => Err(format!("`--version` printed {line:?}")),
    }
}

/// Finds a kernel by its name: `qemu:VMLINUZ`, `qemu:VMLINUZ,modules=FOLDER` or `package:linux-image-NAME`. A
/// package is downloaded into the cache if it is not there; `say` is told so.
///
/// # Errors
/// [`StockError`]: the name, the file, or the package is none, or there is no folder of its modules.
pub fn find(
    cache: &CacheFolder,
    selector: &str,
    say: &mut dyn FnMut(&str),
) -> Result<StockKernel, StockError> {
    if let Some(package) = selector.strip_prefix(BY_PACKAGE) {
        let folder = unpacked_package(cache, package, say)?;
        return of_folder(&folder);
    }
    let Some(words) = selector.strip_prefix(BY_FILE) else {
        return Err(StockError::Selector(selector.to_owned()));
    };
    let (image, modules) = match words.split_once(MODULES) {
        Some((image, modules)) => (image, Some(Path::new(modules))),
        None => (words, None),
    };
    if image.is_empty() || modules.is_some_and(|modules| modules.as_os_str().is_empty()) {
        return Err(StockError::Selector(selector.to_owned()));
    }
    of_file(Path::new(image), modules)
}

/// The kernel that an unpacked package has: in /boot, or, of Debian since 7.2, beside its modules.
fn of_folder(folder: &Path) -> Result<StockKernel, StockError> {
    let inside = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    };
    let named = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("vmlinuz-"))
    };
    let beside_modules = ["usr/lib/modules", "lib/modules"].map(|below| folder.join(below));
    let beside_modules = beside_modules.into_iter().flat_map(inside);
    let beside_modules = beside_modules.map(|of_release| of_release.join("vmlinuz"));
    let mut images = inside(folder.join("boot"))
        .filter(named)
        .chain(beside_modules.filter(|path| path.is_file()));
    match images.next() {
        Some(image) => of_file(&image, None),
        None => Err(StockError::NotAnImage {
            path: folder.to_owned(),
            reason: "the package has no vmlinuz, neither in boot nor beside its modules; remove the folder, \
                     and it is downloaded again"
                .to_owned(),
        }),
    }
}

fn of_file(image: &Path, modules: Option<&Path>) -> Result<StockKernel, StockError> {
    let release = image::release(image)?;
    let image = std::fs::canonicalize(image).map_err(StockError::file("find", image))?;
    let version = Version::parse(&release).ok_or_else(|| StockError::NotAnImage {
        path: image.clone(),
        reason: format!("it calls its version {release:?}"),
    })?;
    let tried = modules_folders(&image, &release, modules);
    let found = tried.iter().find(|folder| modules::are_in(folder));
    let Some(modules) = found.cloned() else {
        return Err(StockError::NoModulesFolder {
            release,
            image,
            tried,
        });
    };
    Ok(StockKernel {
        image,
        release,
        version,
        modules,
    })
}

/// Where the modules may lie: where it is said; beside the kernel (in a package that was unpacked, or
/// where a distribution keeps both in one folder); where they are installed.
fn modules_folders(image: &Path, release: &str, said: Option<&Path>) -> Vec<PathBuf> {
    if let Some(said) = said {
        let below = ["", "lib/modules", "usr/lib/modules"].map(|below| said.join(below).join(release));
        return std::iter::once(said.to_owned()).chain(below).collect();
    }
    let mut folders = Vec::new();
    if let Some(own) = image.parent() {
        folders.push(own.to_owned());
        if let Some(above) = own.parent() {
            folders.extend(["lib/modules", "usr/lib/modules"].map(|below| above.join(below).join(release)));
        }
    }
    folders.push(Path::new("/lib/modules").join(release));
    folders.dedup();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(release: &str) -> Vec<u8> {
        let mut image = vec![0; 0x1000];
        image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20e..0x210].copy_from_slice(&0x600_u16.to_le_bytes());
        image[0x800..0x800 + release.len()].copy_from_slice(release.as_bytes());
        image
    }

    #[test]
    fn modules_are_found_by_the_version_or_where_it_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("boot")).unwrap();
        std::fs::write(at("boot/vmlinuz"), image("6.1.0-9-test")).unwrap();
        let cache = CacheFolder::at(at("cache"));
        let find = |more: &str| {
            let selector = format!("qemu:{}{more}", at("boot/vmlinuz").display());
            find(&cache, &selector, &mut |_| {})
        };
        let error = find("").unwrap_err().to_string();
        assert!(
            error.contains("Linux 6.1.0-9-test") && error.contains("modules=FOLDER"),
            "{error}"
        );
        for modules in [
            "usr/lib/modules/6.1.0-9-test",
            "mine",
            "other/lib/modules/6.1.0-9-test",
        ] {
            std::fs::create_dir_all(at(modules).join("kernel")).unwrap();
            std::fs::write(at(modules).join("modules.builtin"), "").unwrap();
        }
        let found = find("").unwrap();
        assert_eq!(found.release, "6.1.0-9-test");
        assert_eq!(found.version.to_string(), "6.1.0");
        assert_eq!(found.modules, at("usr/lib/modules/6.1.0-9-test"));
        let said = |name: &str| find(&format!(",modules={}", at(name).display())).unwrap().modules;
        assert_eq!(said("mine"), at("mine"));
        assert_eq!(said("other"), at("other/lib/modules/6.1.0-9-test"));
        assert!(find(",modules=/no/such/folder").is_err());
    }

    #[test]
    fn a_package_has_its_kernel_in_boot_or_beside_its_modules() {
        for place in ["boot/vmlinuz-7.2.12-test", "usr/lib/modules/7.2.12-test/vmlinuz"] {
            let cache = tempfile::tempdir().unwrap();
            let package = cache.path().join("images/linux-image-7.2.12-test");
            let modules = package.join("usr/lib/modules/7.2.12-test");
            std::fs::create_dir_all(modules.join("kernel")).unwrap();
            std::fs::create_dir(package.join("boot")).unwrap();
            std::fs::write(modules.join("modules.builtin"), "").unwrap();
            let cache = CacheFolder::at(cache.path());
            let find = || find(&cache, "package:linux-image-7.2.12-test", &mut |_| {});
            let error = find().unwrap_err().to_string();
            assert!(error.contains("no vmlinuz"), "{error}");
            std::fs::write(package.join(place), image("7.2.12-test")).unwrap();
            let found = find().unwrap();
            let real = |path: &Path| std::fs::canonicalize(path).unwrap();
            assert_eq!(found.release, "7.2.12-test");
            assert_eq!(real(&found.modules), real(&modules), "{place}");
        }
    }

    #[test]
    fn other_names_are_refused() {
        let cache = CacheFolder::at("/no/such/folder");
        for name in ["qemu:", "qemu:,modules=/x", "6.1", "qemu:/boot/x,modules="] {
            let error = find(&cache, name, &mut |_| {}).unwrap_err();
            assert!(matches!(error, StockError::Selector(_)), "{name}: {error}");
        }
        let error = find(&cache, "qemu:/bin/true", &mut |_| {})
            .unwrap_err()
            .to_string();
        assert!(error.contains("it is an ELF file"), "{error}");
        assert!(is_named_by("qemu:x") && is_named_by("package:linux-image-amd64") && !is_named_by("6.1"));
    }
}
