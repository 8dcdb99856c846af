//! The scenarios that came with the program, and the schema of scenarios: they are in the binary, so that it
//! needs no checkout.

use lvs_matrix_model::scenario::closest;
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Name and text of each, in the order of their names.
static ALL: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// Name and text of each program that lies beside them.
static PROGRAMS: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/programs.rs"));

/// The JSON schema of scenario files.
pub(crate) const SCHEMA: &str = include_str!("../../../scenarios/scenario.schema.json");

/// A scenario that came with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shipped {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

impl Shipped {
    /// As messages name its file.
    pub(crate) fn file(self) -> String {
        format!("scenarios/{}.yaml (shipped)", self.name)
    }

    /// The programs that it names, each with its text.
    pub(crate) fn programs(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let named = move |(name, _): &&(&str, &str)| self.text.contains(name);
        PROGRAMS.iter().filter(named).copied()
    }
}

/// The folder below `cache` with the programs of shipped scenarios, as a scenario's own folder has them.
/// Other texts lie in another folder.
pub(crate) fn program_folder(cache: &Path) -> PathBuf {
    let mut digest = Sha256::new();
    for (name, text) in PROGRAMS {
        digest.update(format!("{name} {}\n{text}", text.len()));
    }
    let digest: String = digest
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    cache.join("programs").join(digest)
}

/// Writes the programs of shipped scenarios into their folder, if they are not there yet.
///
/// # Errors
/// What the file system says.
pub(crate) fn write_programs(cache: &Path) -> io::Result<()> {
    let folder = program_folder(cache);
    if folder.is_dir() {
        return Ok(());
    }
    let programs = cache.join("programs");
    fs::create_dir_all(&programs)?;
    let made = tempfile::Builder::new().prefix(".new-").tempdir_in(&programs)?;
    for (name, text) in PROGRAMS {
        fs::write(made.path().join(name), text)?;
        // Guests may run as another user.
        fs::set_permissions(made.path().join(name), fs::Permissions::from_mode(0o644))?;
    }
    fs::set_permissions(made.path(), fs::Permissions::from_mode(0o755))?;
    match fs::rename(made.path(), &folder) {
        // Another run was faster.
        Err(_) if folder.is_dir() => Ok(()),
        renamed => renamed,
    }
}

/// All of them, by name.
pub(crate) fn all() -> impl Iterator<Item = Shipped> {
    ALL.iter().map(|(name, text)| Shipped { name, text })
}

/// The one of this name; so files of a scenario are named, too (`drain`, `drain.yaml`).
pub(crate) fn named(name: &str) -> Option<Shipped> {
    let name = name.strip_suffix(".yaml").unwrap_or(name);
    all().find(|shipped| shipped.name == name)
}

/// Name and text of each search that came with the program, in the order of their names.
static SEARCHES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/searches.rs"));

/// The shipped search that is meant by what was typed in the place of a file, if there is no such file.
pub(crate) fn search(file: &Path) -> Option<Shipped> {
    let name = file.to_str().filter(|_| !file.exists())?;
    let name = name.strip_suffix(".yaml").unwrap_or(name);
    let mut all = SEARCHES.iter().map(|(name, text)| Shipped { name, text });
    all.find(|shipped| shipped.name == name)
}

/// The one that is run where none is named.
pub(crate) const DEFAULT: Shipped = Shipped {
    name: "config-change",
    text: include_str!("../../../scenarios/config-change.yaml"),
};

/// The shipped scenario that is meant by what was typed in the place of a file, if there is no such file.
pub(crate) fn meant(file: &Path) -> Option<Shipped> {
    named(file.to_str()?).filter(|_| !file.exists())
}

/// What to say of a file that is not there: the shipped scenario that may have been meant.
pub(crate) fn hint(file: &Path) -> String {
    let name = file
        .file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let near = named(name)
        .map(|shipped| shipped.name)
        .or_else(|| closest(name, all().map(|shipped| shipped.name)));
    match near {
        Some(name) => format!("; a shipped scenario is named `{name}`"),
        None => "; `lvs-matrix new` lists the shipped scenarios, which need no file".to_owned(),
    }
}
