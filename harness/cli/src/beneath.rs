//! Folders opened beneath another, and files read there. A guest may run as another user and put anything
//! into its shared folder; a run's folder may come from anywhere. So no link is followed on the way, and what
//! is read is a regular file of a size that can be held: no pipe that never ends, no device.
//!
//! Names are opened one by one, each with O_NOFOLLOW. openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS
//! does the same in one call, but not before Linux 5.6, nor where a container's seccomp profile does not know
//! it.

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, fchown, fstat, mkdirat, openat, renameat_with, statat,
    unlinkat,
};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

/// An open folder.
#[derive(Debug)]
pub(crate) struct Beneath(OwnedFd);

impl Beneath {
    /// The folder that was named by the user; links on the way to it are the user's own.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// A folder below this one. ENOTDIR or ELOOP: something else stands there.
    pub(crate) fn folder(&self, names: &[&str]) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut open = self.0.try_clone()?;
        for name in names {
            open = openat(&open, checked(name)?, flags, Mode::empty())?;
        }
        Ok(Self(open))
    }

    /// As [`Beneath::folder`] with one name; it is made if nothing is there.
    pub(crate) fn make(&self, name: &str) -> io::Result<Self> {
        match mkdirat(&self.0, checked(name)?, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => self.folder(&[name]),
            Err(error) => Err(error.into()),
        }
    }

    /// A regular file of this folder; `None` if nothing is there.
    pub(crate) fn read(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        // Opening a pipe would wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.0, checked(name)?, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(io::Error::other("it is a link, and no link is followed there")),
            Err(error) => return Err(error.into()),
        };
        let stat = fstat(&file)?;
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        // Before anything of it is read; one that grows meanwhile is noticed below.
        if u64::try_from(stat.st_size).unwrap_or(u64::MAX) > most {
            return Err(io::Error::other(format!("it has more than {most} bytes")));
        }
        let mut bytes = Vec::new();
        File::from(file)
            .take(most.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
            return Err(io::Error::other(format!("it has more than {most} bytes")));
        }
        Ok(Some(bytes))
    }

    /// The names of its regular files, in their order. A name that is no UTF-8 is none of ours.
    pub(crate) fn files(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().to_str()
                && !matches!(name, "." | "..")
                && self.has_file(name)?
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Writes a file of this folder by rename: it is there whole, or as it was. There is no waiting for the
    /// disk.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let name = checked(name)?;
        let making = format!(".{name}.{}", std::process::id());
        // What an earlier process of this number left half-made.
        let _ = unlinkat(&self.0, &making, AtFlags::empty());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.0, &making, flags, Mode::from_raw_mode(0o644))?;
        let written = File::from(file)
            .write_all(text.as_bytes())
            .and_then(|()| Ok(rustix::fs::renameat(&self.0, &making, &self.0, name)?));
        written.inspect_err(|_| {
            let _ = unlinkat(&self.0, &making, AtFlags::empty());
        })
    }

    /// Removes a file of this folder; it need not be there.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.0, checked(name)?, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Is there a regular file of that name?
    pub(crate) fn has_file(&self, name: &str) -> io::Result<bool> {
        match statat(&self.0, checked(name)?, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode).is_file()),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a folder of this one to another place under the same name. What is there already stays: EEXIST.
    pub(crate) fn move_to(&self, name: &str, to: &Self) -> io::Result<Self> {
        // Not a link: that would be moved as it is.
        drop(self.folder(&[name])?);
        let name = checked(name)?;
        match renameat_with(&self.0, name, &to.0, name, RenameFlags::NOREPLACE) {
            // Some file systems do not know the flag; there a folder that is not empty is not replaced
            // either.
            Err(Errno::INVAL | Errno::NOSYS) => rustix::fs::renameat(&self.0, name, &to.0, name)?,
            result => result?,
        }
        to.folder(&[name])
    }

    /// Gives this folder and its files to this process's user, and removes what is no regular file; gives the
    /// names of what was removed. The folder goes first: from then on the user that it belonged to can put
    /// nothing into it.
    pub(crate) fn take_over(&self) -> io::Result<Vec<String>> {
        let (user, group) = (Some(geteuid()), Some(getegid()));
        fchown(&self.0, user, group)?;
        let mut removed = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = openat(&self.0, name, flags, Mode::empty());
            let regular = match &file {
                Ok(file) => FileType::from_raw_mode(fstat(file)?.st_mode).is_file(),
                Err(_) => false,
            };
            match file {
                Ok(file) if regular => fchown(&file, user, group)?,
                Ok(_) | Err(_) => {
                    removed.push(name.to_string_lossy().escape_debug().to_string());
                    // A folder stays if it is not empty: nothing looks into it.
                    if unlinkat(&self.0, name, AtFlags::empty()) == Err(Errno::ISDIR) {
                        let _ = unlinkat(&self.0, name, AtFlags::REMOVEDIR);
                    }
                }
            }
        }
        Ok(removed)
    }
}

/// One component, and none that leads elsewhere.
fn checked(name: &str) -> io::Result<&str> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name:?} names no file of a folder"),
        ));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    fn place() -> (tempfile::TempDir, PathBuf, Beneath) {
        let place = tempfile::tempdir().unwrap();
        let inside = place.path().join("inside");
        std::fs::create_dir_all(inside.join("cell")).unwrap();
        std::fs::create_dir(place.path().join("outside")).unwrap();
        std::fs::write(place.path().join("outside/secret"), "secret").unwrap();
        let beneath = Beneath::open(&inside).unwrap();
        (place, inside, beneath)
    }

    #[test]
    fn nothing_leads_out() {
        let (place, inside, beneath) = place();
        symlink("../outside", inside.join("link")).unwrap();
        symlink(place.path().join("outside/secret"), inside.join("file")).unwrap();
        assert!(beneath.folder(&["link"]).is_err());
        assert!(beneath.make("link").is_err());
        assert!(
            beneath
                .read("file", 100)
                .unwrap_err()
                .to_string()
                .contains("link")
        );
        for name in ["..", ".", "", "../outside", "/etc", "cell/../../outside", "a\0b"] {
            assert!(beneath.folder(&[name]).is_err(), "{name:?}");
            assert!(beneath.make(name).is_err(), "{name:?}");
            assert!(beneath.read(name, 100).is_err(), "{name:?}");
        }
        assert!(beneath.folder(&["cell"]).is_ok());
        assert!(beneath.read("absent", 100).unwrap().is_none());
    }

    #[test]
    fn a_file_is_written_whole_and_not_through_a_link() {
        let (place, inside, beneath) = place();
        let secret = place.path().join("outside/secret");
        symlink(&secret, inside.join("page")).unwrap();
        beneath.write("page", "first").unwrap();
        beneath.write("page", "second").unwrap();
        assert_eq!(std::fs::read_to_string(inside.join("page")).unwrap(), "second");
        assert_eq!(std::fs::read_to_string(&secret).unwrap(), "secret");
        assert!(beneath.write("cell", "a folder stands there").is_err());
        assert!(beneath.write("../outside/secret", "out").is_err());
        assert_eq!(
            std::fs::read_dir(&inside).unwrap().count(),
            2,
            "nothing half-made is left"
        );
        beneath.remove("page").unwrap();
        beneath.remove("page").unwrap();
        assert!(beneath.remove("../outside/secret").is_err());
    }

    #[test]
    fn what_has_no_end_is_not_read() {
        let (_place, inside, beneath) = place();
        rustix::fs::mkfifoat(rustix::fs::CWD, inside.join("pipe"), Mode::from_raw_mode(0o600)).unwrap();
        assert!(
            beneath
                .read("pipe", 100)
                .unwrap_err()
                .to_string()
                .contains("no regular file")
        );
        assert!(beneath.read("cell", 100).is_err());
        std::fs::write(inside.join("large"), [b'x'; 101]).unwrap();
        assert!(
            beneath
                .read("large", 100)
                .unwrap_err()
                .to_string()
                .contains("more than 100")
        );
        assert_eq!(beneath.read("large", 101).unwrap().unwrap().len(), 101);
    }

    #[test]
    fn a_link_is_neither_moved_nor_kept() {
        let (place, inside, beneath) = place();
        symlink("../outside", inside.join("link")).unwrap();
        let to = Beneath::open(&place.path().join("outside")).unwrap();
        assert!(beneath.move_to("link", &to).is_err());
        std::fs::write(inside.join("cell/record.json"), "{}").unwrap();
        symlink("/etc/passwd", inside.join("cell/record.json.partial")).unwrap();
        let moved = beneath.move_to("cell", &to).unwrap();
        assert_eq!(moved.take_over().unwrap(), ["record.json.partial"]);
        let left: Vec<_> = std::fs::read_dir(place.path().join("outside/cell"))
            .unwrap()
            .collect();
        assert_eq!(left.len(), 1);
        assert!(Path::new("/etc/passwd").exists());
        // What is there is not replaced.
        std::fs::create_dir(inside.join("cell")).unwrap();
        assert!(beneath.move_to("cell", &to).is_err());
    }
}
