//! The output folder of a run: new or empty, with room, linked as the latest when its reports are in it.

use crate::error::Failure;
use crate::guests::GUESTS_FOLDER;
use lvs_matrix_report::{INVOCATION_FILE, RUN_FILE};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where results go if nothing else is said.
const DEFAULT_OUT: &str = "lvs-matrix-out";
/// The link to the newest of them.
const LATEST: &str = "latest";
/// Both: the run that is meant if none is named.
pub(crate) const DEFAULT_RUN: &str = "lvs-matrix-out/latest";
/// What a run may need beside its cells, MiB.
const SPACE_MIB: u64 = 16;

/// A run's output folder.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Was it there, empty, before?
    found: bool,
    /// For a folder that was not named: its parent and its name there.
    unnamed: Option<(PathBuf, String)>,
}

impl Folder {
    /// The folder named, which must be new or empty; else a new one below `lvs-matrix-out`, named by the
    /// time.
    pub(crate) fn make(named: Option<&Path>) -> Result<Self, Failure> {
        match named {
            Some(named) => Self::named(named),
            None => Self::unnamed(absolute(Path::new(DEFAULT_OUT))?),
        }
    }

    /// Messages name the folder as it was typed.
    fn named(path: &Path) -> Result<Self, Failure> {
        let found = path.exists();
        if found && !path.is_dir() {
            return Err(Failure::Mistake(format!(
                "{} is no folder; name a new or an empty one for the result",
                path.display()
            )));
        }
        fs::create_dir_all(path).map_err(|error| unusable(path, &error))?;
        let mut entries = fs::read_dir(path).map_err(|error| unusable(path, &error))?;
        if entries.next().is_some() {
            return Err(Failure::Mistake(format!(
                "{} is not empty; name a new folder, so that no earlier result is lost",
                path.display()
            )));
        }
        Ok(Self {
            path: absolute(path)?,
            found,
            unnamed: None,
        })
    }

    fn unnamed(parent: PathBuf) -> Result<Self, Failure> {
        fs::create_dir_all(&parent).map_err(|error| unusable(&parent, &error))?;
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        // Two runs of the same second get two folders.
        let names = std::iter::once(stamp(seconds))
            .chain((2..100).map(|number| format!("{}.{number}", stamp(seconds))));
        for name in names {
            let path = parent.join(&name);
            match fs::create_dir(&path) {
                Ok(()) => {
                    return Ok(Self {
                        path,
                        found: false,
                        unnamed: Some((parent, name)),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(unusable(&path, &error)),
            }
        }
        Err(Failure::Software(format!(
            "no free name for a folder in {}",
            parent.display()
        )))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A run that would not fit is not begun.
    pub(crate) fn check_space(&self, cells: usize) -> Result<(), Failure> {
        let space = rustix::fs::statvfs(&self.path).map_err(|error| {
            Failure::Software(format!(
                "cannot look at the file system of {}: {error}",
                self.path.display()
            ))
        })?;
        let free = space.f_bavail.saturating_mul(space.f_frsize) >> 20;
        // A guest's share holds its job and a cell's logs; a cell's record, capture and logs take well under
        // a MiB together.
        let needed = SPACE_MIB + u64::try_from(cells).unwrap_or(u64::MAX);
        if free >= needed {
            return Ok(());
        }
        self.remove_if_made();
        Err(Failure::Unavailable(format!(
            "{} has {free} MiB free, and this run may need {needed} MiB; name another folder with --out",
            self.path.display()
        )))
    }

    /// Removes the guests' shared folders, or gives them a name that shows.
    pub(crate) fn tidy(&self, keep: bool) -> Result<(), Failure> {
        let folder = self.path.join(GUESTS_FOLDER);
        let done = if keep {
            fs::rename(&folder, self.path.join("guests"))
        } else {
            fs::remove_dir_all(&folder)
        };
        match done {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::Software(format!(
                "cannot tidy {}: {error}",
                folder.display()
            ))),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// After a failed run: a folder in which nothing was recorded is as it was before.
    pub(crate) fn discard_if_without_records(&self) {
        let others = fs::read_dir(&self.path).map_or(0, |entries| {
            entries
                .flatten()
                .filter(|entry| {
                    ![RUN_FILE, INVOCATION_FILE]
                        .iter()
                        .any(|own| entry.file_name() == *own)
                })
                .count()
        });
        if others == 0 {
            // What cannot be removed stays; the failure that led here is what is reported.
            for own in [RUN_FILE, INVOCATION_FILE] {
                let _ = fs::remove_file(self.path.join(own));
            }
            self.remove_if_made();
        }
    }

    fn remove_if_made(&self) {
        if !self.found {
            // Removes only an empty folder.
            let _ = fs::remove_dir(&self.path);
        }
    }

    /// Points `latest` at an unnamed folder, by rename, so that it always points somewhere.
    pub(crate) fn link_latest(&self) -> Result<(), Failure> {
        let Some((parent, name)) = &self.unnamed else {
            return Ok(());
        };
        let fresh = parent.join(format!(".{LATEST}-{}", std::process::id()));
        std::os::unix::fs::symlink(name, &fresh)
            .and_then(|()| fs::rename(&fresh, parent.join(LATEST)))
            .map_err(|error| {
                Failure::Software(format!("cannot link {}: {error}", parent.join(LATEST).display()))
            })
    }
}

/// `path` from the root on.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::Mistake(format!("{}: {error}", path.display())))
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::Mistake(format!("cannot use {} for the result: {error}", path.display()))
}

/// `20261122T204500Z` from seconds since 1970 (Howard Hinnant's days-to-civil algorithm).
fn stamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let (day, month) = (
        day_of_year - (153 * shifted + 2) / 5 + 1,
        if shifted < 10 { shifted + 3 } else { shifted - 9 },
    );
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::stamp;

    #[test]
    fn folders_are_named_by_utc() {
        assert_eq!(stamp(0), "19700101T000000Z");
        assert_eq!(stamp(1_709_164_800), "20240229T000000Z");
        assert_eq!(stamp(1_795_376_157), "20261122T193557Z");
    }
}
