//! From a wish to a tarball: installed under /usr/src, downloaded, or given by path.

use super::apt::Apt;
use super::digest::sha256_of_file;
use super::identity::Identity;
use super::workshop::Workshop;
use super::{
    BACKPORTS_SUITE, KernelError, OLDEST_DEFAULT_LINE, OTHER_SUITES, PREFERRED_LINE, Phase, Progress, Source,
};
use std::fs;
use std::path::{Path, PathBuf};

/// Where Debian's linux-source packages put their tarball.
const INSTALLED: &str = "/usr/src";
const PREFIX: &str = "linux-source-";

/// A kernel source, packed.
#[derive(Debug)]
pub(super) struct Tarball {
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
}

/// Gets the source.
pub(super) fn fetch(
    source: &Source,
    workshop: &Workshop,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Tarball, KernelError> {
    match source {
        Source::Tarball(path) => {
            let identity = Identity::Tarball {
                sha256: sha256_of_file(path)?,
            };
            let path = fs::canonicalize(path).map_err(KernelError::file("open", path))?;
            Ok(Tarball { path, identity })
        }
        Source::Package(name) => {
            check_name(name)?;
            if let Some(tarball) = installed(name, workshop)? {
                return Ok(tarball);
            }
            let mut apt = Apt::new(workshop)?;
            let has_it = |apt: &Apt<'_>| {
                Ok::<_, KernelError>(apt.source_packages()?.iter().any(|found| found == name))
            };
            let mut found = apt.use_own_suites(progress)? && has_it(&apt)?;
            for suite in OTHER_SUITES {
                found = found || (apt.use_suite(suite, progress)? && has_it(&apt)?);
            }
            if !found {
                return Err(KernelError::NoSource {
                    wanted: name.clone(),
                    reason: apt.story(),
                });
            }
            download(&apt, name, workshop, progress)
        }
        Source::DefaultLine => {
            let preferred = format!("{PREFIX}{}.{}", PREFERRED_LINE.0, PREFERRED_LINE.1);
            if let Some(tarball) = installed(&preferred, workshop)? {
                return Ok(tarball);
            }
            let mut apt = Apt::new(workshop)?;
            let wanted = || format!("{preferred} or a newer line");
            if !apt.use_suite(BACKPORTS_SUITE, progress)? {
                return Err(KernelError::NoSource {
                    wanted: wanted(),
                    reason: apt.story(),
                });
            }
            let found = apt.source_packages()?;
            match default_of(&found) {
                Some(name) => download(&apt, &name, workshop, progress),
                None => {
                    let reason = format!(
                        "{BACKPORTS_SUITE} has {}",
                        if found.is_empty() {
                            "none".into()
                        } else {
                            found.join(", ")
                        }
                    );
                    Err(KernelError::NoSource {
                        wanted: wanted(),
                        reason,
                    })
                }
            }
        }
    }
}

/// The preferred line if it is there, else the newest that is new enough.
fn default_of(packages: &[String]) -> Option<String> {
    let line = |name: &String| {
        let (major, minor) = name.strip_prefix(PREFIX)?.split_once('.')?;
        Some(((major.parse().ok()?, minor.parse().ok()?), name.clone()))
    };
    let mut lines: Vec<((u32, u32), String)> = packages.iter().filter_map(line).collect();
    lines.retain(|(line, _)| *line >= OLDEST_DEFAULT_LINE);
    lines.sort();
    let preferred = lines
        .iter()
        .find(|(line, _)| *line == PREFERRED_LINE)
        .or(lines.last());
    preferred.map(|(_, name)| name.clone())
}

fn check_name(name: &str) -> Result<(), KernelError> {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | '~');
    if name.starts_with(PREFIX) && name.chars().all(fine) {
        return Ok(());
    }
    Err(KernelError::NoSource {
        wanted: format!("{name:?}"),
        reason: format!("a source package's name is {PREFIX}LINE, such as {PREFIX}6.1"),
    })
}

fn installed(name: &str, workshop: &Workshop) -> Result<Option<Tarball>, KernelError> {
    let path = Path::new(INSTALLED).join(format!("{name}.tar.xz"));
    if !path.is_file() {
        return Ok(None);
    }
    let mut query = workshop.command("dpkg-query");
    query.args(["--show", "--showformat=${Version}", name]);
    let identity = match workshop.run(query, |_| {}) {
        Ok(version) if !version.trim().is_empty() => Identity::Package {
            name: name.to_owned(),
            version: version.trim().to_owned(),
        },
        // A file that no package owns is what it holds.
        Ok(_) | Err(KernelError::Tool { .. }) => Identity::Tarball {
            sha256: sha256_of_file(&path)?,
        },
        Err(error) => return Err(error),
    };
    Ok(Some(Tarball { path, identity }))
}

fn download(
    apt: &Apt<'_>,
    name: &str,
    workshop: &Workshop,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Tarball, KernelError> {
    let (package, version) = apt.download(name, progress)?;
    progress(&Progress {
        detail: name.to_owned(),
        ..Progress::of(Phase::Unpack)
    });
    let folder = workshop.make_folder("package")?;
    let mut unpack = workshop.command("dpkg-deb");
    unpack.arg("--extract").arg(&package).arg(&folder);
    workshop.run(unpack, |_| {})?;
    // Space: the package is not needed again.
    fs::remove_file(&package).map_err(KernelError::file("remove", &package))?;
    let sources = folder.join("usr/src");
    let tarball = fs::read_dir(&sources)
        .map_err(KernelError::file("read", &sources))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            path.file_name()
                .is_some_and(|file| file.to_string_lossy().starts_with(&format!("{name}.tar")))
        });
    match tarball {
        Some(path) => Ok(Tarball {
            path,
            identity: Identity::Package {
                name: name.to_owned(),
                version,
            },
        }),
        None => Err(KernelError::NoSource {
            wanted: name.to_owned(),
            reason: "the package holds no such tarball".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default_among(names: &[&str]) -> Option<String> {
        default_of(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_default_is_the_preferred_line_else_the_newest() {
        let has = |names: &[&str]| default_among(names);
        assert_eq!(
            has(&["linux-source-7.3", "linux-source-7.2"]).as_deref(),
            Some("linux-source-7.2")
        );
        assert_eq!(
            has(&["linux-source-7.9", "linux-source-7.10", "linux-source-6.12"]).as_deref(),
            Some("linux-source-7.10")
        );
        assert_eq!(
            has(&["linux-source-6.12", "linux-source", "linux-source-x.y"]),
            None
        );
    }

    #[test]
    fn a_package_name_cannot_be_an_option_or_a_path() {
        for name in [
            "--help",
            "linux-source-../x",
            "linux-image-6.1",
            "linux-source-6.1=1 -o X=y",
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("linux-source-6.1").is_ok());
    }
}
