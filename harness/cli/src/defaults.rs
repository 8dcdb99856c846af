//! Defaults of options from files: `lvs-matrix.toml` in the current folder or the nearest one above it, and
//! `lvs-matrix/config.toml` of the user. What is typed wins over the environment, that over the nearest file,
//! and that over the user's.

use crate::error::Failure;
use clap::Command;
use lvs_matrix_guest::stock;
use serde::Deserialize;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The name of a project's file.
const OF_PROJECT: &str = "lvs-matrix.toml";
/// The user's own file, below the folder for settings.
const OF_USER: &str = "lvs-matrix/config.toml";
/// The commands that run cells.
const COMMANDS: [&str; 6] = ["run", "bench", "runbook", "explore", "shell", "exec"];

/// What a file may say. Each is an option of `run` by its name.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Settings {
    jobs: Option<std::num::NonZero<u32>>,
    kernel: Option<String>,
    lang: Option<String>,
    mysqld: Option<PathBuf>,
    observe_at_most: Option<String>,
    place: Option<String>,
    repeat: Option<std::num::NonZero<u32>>,
    stall: Option<u32>,
}

/// A file with defaults.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    /// Options by their names, with their values.
    pub(crate) options: Vec<(&'static str, OsString)>,
}

/// The files in force here, what wins first.
///
/// # Errors
/// A file that cannot be read, has a mistake, or is another user's.
pub(crate) fn files() -> Result<Vec<File>, Failure> {
    let here = std::env::current_dir().unwrap_or_default();
    let project = here.ancestors().map(|folder| folder.join(OF_PROJECT));
    let project = project.into_iter().find(|file| file.is_file());
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let settings = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
    let user = settings.map(|folder| folder.join(OF_USER));
    let named = project.into_iter().chain(user);
    named.filter_map(|path| read(path).transpose()).collect()
}

fn read(path: PathBuf) -> Result<Option<File>, Failure> {
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| mistake(&path, format!("cannot be read: {error}")))?,
    };
    // It names programs that are started.
    let owner = fs::metadata(&path).map(|found| found.uid()).unwrap_or(u32::MAX);
    let own = rustix::process::geteuid().as_raw();
    let caller = std::env::var("SUDO_UID").ok().filter(|_| own == 0);
    let caller = caller.and_then(|caller| caller.parse().ok());
    if ![Some(own), Some(0), caller].contains(&Some(owner)) {
        let what = "belongs to another user; lvs-matrix takes defaults from your own files only".to_owned();
        return Err(mistake(&path, what));
    }
    let settings: Settings =
        toml::from_str(&text).map_err(|error| mistake(&path, format!("has a mistake: {error}")))?;
    let options = settings.options(path.parent().unwrap_or(Path::new(".")));
    Ok(Some(File { path, options }))
}

fn mistake(path: &Path, what: String) -> Failure {
    Failure::Mistake(format!("{} {}", path.display(), what.trim_end()))
}

impl Settings {
    /// As words of a command line. Paths are relative to the file's folder.
    fn options(self, folder: &Path) -> Vec<(&'static str, OsString)> {
        let beside = |name: String| -> OsString {
            if let Some(beside) = stock::beside(&name, folder) {
                beside
            } else if name.contains('/') {
                folder.join(name).into_os_string()
            } else {
                name.into()
            }
        };
        let options = [
            ("jobs", self.jobs.map(|jobs| jobs.to_string().into())),
            ("kernel", self.kernel.map(beside)),
            ("lang", self.lang.map(Into::into)),
            (
                "mysqld",
                self.mysqld.map(|program| folder.join(program).into_os_string()),
            ),
            ("observe-at-most", self.observe_at_most.map(Into::into)),
            ("place", self.place.map(Into::into)),
            ("repeat", self.repeat.map(|repeat| repeat.to_string().into())),
            ("stall", self.stall.map(|stall| stall.to_string().into())),
        ];
        options
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

/// The grammar of the command line with the defaults of `files`.
///
/// # Errors
/// A value that the option does not take.
pub(crate) fn applied(mut grammar: Command, files: &[File]) -> Result<Command, Failure> {
    // What wins is set last.
    for file in files.iter().rev() {
        for (name, value) in &file.options {
            let words = [
                "lvs-matrix".into(),
                "run".into(),
                format!("--{name}").into(),
                value.clone(),
            ];
            if let Err(error) = grammar.clone().try_get_matches_from(words) {
                let said = error.render().to_string();
                let said = said.lines().next().unwrap_or_default();
                let said = said.strip_prefix("error: ").unwrap_or(said);
                return Err(mistake(&file.path, format!("has a mistake: `{name}`: {said}")));
            }
            for command in COMMANDS {
                let has = |grammar: &Command| {
                    let own = grammar.find_subcommand(command);
                    own.is_some_and(|own| own.get_arguments().any(|one| one.get_long() == Some(name)))
                };
                if has(&grammar) {
                    let id = name.replace('-', "_");
                    // The grammar lives as long as the process.
                    let value: &'static OsStr = Box::leak(value.clone().into_boxed_os_str());
                    grammar = grammar
                        .mut_subcommand(command, |own| own.mut_arg(id, |one| one.default_value(value)));
                }
            }
        }
    }
    Ok(grammar)
}

/// Does this command line ask for what the files are about? Others must work whatever is in these files.
pub(crate) fn are_wanted() -> bool {
    let first = std::env::args_os().nth(1);
    first.is_some_and(|first| COMMANDS.iter().any(|command| first == *command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_folder_of_the_file() {
        let kernel = |name: &str| {
            let settings = Settings {
                kernel: Some(name.to_owned()),
                ..Settings::default()
            };
            let options = settings.options(Path::new("/of/file"));
            let (option, value) = options.into_iter().next().unwrap();
            assert_eq!(option, "kernel");
            value.into_string().unwrap()
        };
        for (written, taken) in [
            ("7.2", "7.2"),
            ("./linux", "/of/file/./linux"),
            ("/opt/linux", "/opt/linux"),
            ("qemu:/boot/vmlinuz", "qemu:/boot/vmlinuz"),
            ("qemu:vmlinuz", "qemu:/of/file/vmlinuz"),
            (
                "qemu:k/vmlinuz,modules=k/m",
                "qemu:/of/file/k/vmlinuz,modules=/of/file/k/m",
            ),
            (
                "qemu:/boot/vmlinuz,modules=m",
                "qemu:/boot/vmlinuz,modules=/of/file/m",
            ),
            ("qemu:", "qemu:"),
            ("qemu:vmlinuz,modules=", "qemu:/of/file/vmlinuz,modules="),
            ("package:linux-image-amd64", "package:linux-image-amd64"),
        ] {
            assert_eq!(kernel(written), taken);
        }
    }
}
