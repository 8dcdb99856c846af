//! Files on their way into a guest in QEMU and out of it: cpio archives of the form `newc`, which is what the
//! kernel itself unpacks as an initramfs (Documentation/driver-api/early-userspace/buffer-format.rst).

use rustix::fs::{Mode, OFlags, openat};
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

const MAGIC: &[u8] = b"070701";
const HEADER: usize = 110;
const TRAILER: &str = "TRAILER!!!";
const LONGEST_NAME: usize = 4096;

const KIND: u32 = 0o170_000;
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const DEVICE: u32 = 0o020_000;

/// Writes an archive, entry by entry. Folders come before what is in them.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    out: W,
    entries: u32,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, entries: 0 }
    }

    pub(crate) fn folder(&mut self, name: &Path, mode: u32) -> io::Result<()> {
        self.entry(name, FOLDER | mode & 0o7777, (0, 0), 0, io::empty())
    }

    pub(crate) fn link(&mut self, name: &Path, target: &Path) -> io::Result<()> {
        let target = target.as_os_str().as_bytes();
        self.entry(name, LINK | 0o777, (0, 0), target.len() as u64, target)
    }

    pub(crate) fn character_device(&mut self, name: &Path, numbers: (u32, u32)) -> io::Result<()> {
        self.entry(name, DEVICE | 0o600, numbers, 0, io::empty())
    }

    pub(crate) fn bytes(&mut self, name: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
        self.entry(name, FILE | mode & 0o7777, (0, 0), bytes.len() as u64, bytes)
    }

    /// A file of this machine, as long as it is now.
    pub(crate) fn file(&mut self, name: &Path, from: &Path) -> io::Result<()> {
        let file = File::open(from).map_err(|error| of(from, error))?;
        let found = file.metadata()?;
        self.entry(name, FILE | found.mode() & 0o7777, (0, 0), found.len(), file)
            .map_err(|error| of(from, error))
    }

    /// A file or a folder with all that is in it. Links in it stay links; what is no file, folder or link is
    /// left out.
    pub(crate) fn whole(&mut self, name: &Path, from: &Path) -> io::Result<()> {
        self.whole_but(name, from, &|_| false)
    }

    /// The same without those files and folders in it that `left_out` is true of.
    pub(crate) fn whole_but(
        &mut self,
        name: &Path,
        from: &Path,
        left_out: &dyn Fn(&Path) -> bool,
    ) -> io::Result<()> {
        let found = fs::metadata(from).map_err(|error| of(from, error))?;
        self.found(name, from, &found, left_out)
    }

    fn found(
        &mut self,
        name: &Path,
        from: &Path,
        found: &Metadata,
        left_out: &dyn Fn(&Path) -> bool,
    ) -> io::Result<()> {
        if found.is_file() {
            return self.file(name, from);
        }
        if found.is_symlink() {
            return self.link(name, &fs::read_link(from)?);
        }
        if !found.is_dir() {
            return Ok(());
        }
        self.folder(name, found.permissions().mode())?;
        let mut inside: Vec<_> = fs::read_dir(from)
            .map_err(|error| of(from, error))?
            .collect::<Result<_, _>>()?;
        inside.sort_by_key(fs::DirEntry::file_name);
        inside.iter().try_for_each(|entry| {
            let path = entry.path();
            if left_out(&path) {
                return Ok(());
            }
            let found = entry.metadata().map_err(|error| of(&path, error))?;
            self.found(&name.join(entry.file_name()), &path, &found, left_out)
        })
    }

    /// Writes the end, and gives back what was written to.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.entry(Path::new(TRAILER), 0, (0, 0), 0, io::empty())?;
        Ok(self.out)
    }

    fn entry(
        &mut self,
        name: &Path,
        mode: u32,
        device: (u32, u32),
        size: u64,
        data: impl Read,
    ) -> io::Result<()> {
        let size = u32::try_from(size).map_err(|_| io::Error::other("a file of more than 4 GiB"))?;
        self.entries += 1;
        let name = name.as_os_str().as_bytes();
        let links = if mode & KIND == FOLDER { 2 } else { 1 };
        let length =
            u32::try_from(name.len() + 1).map_err(|_| io::Error::other("a name that is too long"))?;
        self.out.write_all(MAGIC)?;
        for field in [
            self.entries,
            mode,
            0,
            0,
            links,
            0,
            size,
            0,
            0,
            device.0,
            device.1,
            length,
            0,
        ] {
            write!(self.out, "{field:08x}")?;
        }
        self.out.write_all(name)?;
        self.out.write_all(&[0])?;
        self.pad(HEADER + name.len() + 1)?;
        let copied = io::copy(&mut data.take(u64::from(size)), &mut self.out)?;
        if copied != u64::from(size) {
            return Err(io::Error::other("a file that became shorter while it was read"));
        }
        self.pad(size as usize)
    }

    fn pad(&mut self, written: usize) -> io::Result<()> {
        self.out.write_all(&[0; 3][..written.wrapping_neg() % 4])
    }
}

/// Unpacks an archive below `to`, which exists. Whoever made the archive need not be trusted: no name leads
/// out of `to`, nothing that is there is written to, and devices are refused. Links are refused unless they
/// are asked for.
pub(crate) fn unpack(mut from: impl Read, to: &Path, with_links: bool) -> io::Result<()> {
    loop {
        let mut header = [0; HEADER];
        from.read_exact(&mut header)?;
        let field = |number: usize| -> io::Result<usize> {
            let text = header.get(6 + 8 * number..14 + 8 * number).unwrap_or_default();
            let text = std::str::from_utf8(text).map_err(|_| bad("a header that is none"))?;
            usize::from_str_radix(text, 16).map_err(|_| bad("a header that is none"))
        };
        if !header.starts_with(MAGIC) {
            return Err(bad("a header that is none"));
        }
        let (mode, size, length) = (field(1)?, field(6)?, field(11)?);
        let mode = u32::try_from(mode).map_err(|_| bad("a mode that is none"))?;
        if length == 0 || length > LONGEST_NAME {
            return Err(bad("a name that is too long"));
        }
        let mut name = vec![0; length];
        from.read_exact(&mut name)?;
        skip(&mut from, HEADER + length)?;
        name.pop();
        if name == TRAILER.as_bytes() {
            return Ok(());
        }
        let name = PathBuf::from(std::ffi::OsString::from_vec(name));
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        if !name.components().all(plain) {
            return Err(bad("a name that leads elsewhere"));
        }
        let at = to.join(&name);
        match mode & KIND {
            FOLDER => match fs::create_dir(&at) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_folder(&at) => {}
                made => {
                    made.map_err(|error| of(&at, error))?;
                    fs::set_permissions(&at, fs::Permissions::from_mode(mode & 0o777))?;
                }
            },
            FILE => {
                let flags =
                    OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = openat(rustix::fs::CWD, &at, flags, Mode::from_raw_mode(mode & 0o777));
                let mut file = File::from(file.map_err(|error| of(&at, error.into()))?);
                let copied = io::copy(&mut (&mut from).take(size as u64), &mut file)?;
                if copied != size as u64 {
                    return Err(bad("an end before its end"));
                }
                skip(&mut from, size)?;
            }
            LINK if with_links => {
                let mut target = vec![0; size.min(LONGEST_NAME)];
                from.read_exact(&mut target)?;
                skip(&mut from, size)?;
                symlink(PathBuf::from(std::ffi::OsString::from_vec(target)), &at)?;
            }
            _ => return Err(bad("something that is neither file nor folder")),
        }
    }
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

fn skip(from: &mut impl Read, read: usize) -> io::Result<()> {
    from.read_exact(&mut [0; 3][..read.wrapping_neg() % 4])
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the archive has {what}"))
}

fn of(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        let from = tempfile::tempdir().unwrap();
        fs::create_dir_all(from.path().join("a/b")).unwrap();
        for length in 0..9 {
            fs::write(from.path().join(format!("a/b/{length}")), vec![b'x'; length]).unwrap();
        }
        symlink("b/3", from.path().join("a/link")).unwrap();
        let mut writer = Writer::new(Vec::new());
        writer.whole(Path::new("top"), from.path()).unwrap();
        writer.bytes(Path::new("more"), 0o600, b"words").unwrap();
        let packed = writer.finish().unwrap();

        let to = tempfile::tempdir().unwrap();
        unpack(packed.as_slice(), to.path(), true).unwrap();
        for length in 0..9 {
            let text = fs::read(to.path().join(format!("top/a/b/{length}"))).unwrap();
            assert_eq!(text, vec![b'x'; length]);
        }
        assert_eq!(fs::read(to.path().join("top/a/link")).unwrap(), b"xxx");
        assert_eq!(fs::read(to.path().join("more")).unwrap(), b"words");
        // Nothing that is there is written to, and links come only where they are asked for.
        assert!(unpack(packed.as_slice(), to.path(), true).is_err());
        let to = tempfile::tempdir().unwrap();
        assert!(unpack(packed.as_slice(), to.path(), false).is_err());
        for cut in [0, 50, 200, packed.len() - 1] {
            let to = tempfile::tempdir().unwrap();
            assert!(unpack(&packed[..cut], to.path(), true).is_err(), "{cut}");
        }
    }

    #[test]
    fn an_archive_cannot_reach_what_is_outside() {
        let outside = tempfile::tempdir().unwrap();
        let to = outside.path().join("to");
        fs::create_dir(&to).unwrap();
        symlink("..", to.join("up")).unwrap();
        for name in ["../evil", "/tmp/evil", "a/../../evil", "."] {
            let mut writer = Writer::new(Vec::new());
            writer.bytes(Path::new(name), 0o644, b"x").unwrap();
            let packed = writer.finish().unwrap();
            assert!(unpack(packed.as_slice(), &to, false).is_err(), "{name}");
        }
        let mut writer = Writer::new(Vec::new());
        writer.character_device(Path::new("null"), (1, 3)).unwrap();
        assert!(unpack(writer.finish().unwrap().as_slice(), &to, true).is_err());
        // A link that lies there is no folder of the archive's.
        let mut writer = Writer::new(Vec::new());
        writer.folder(Path::new("up"), 0o755).unwrap();
        assert!(unpack(writer.finish().unwrap().as_slice(), &to, false).is_err());
        assert!(!outside.path().join("evil").exists());
    }
}
