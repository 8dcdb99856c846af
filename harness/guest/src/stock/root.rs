//! The root of a guest in QEMU: those files of this machine that the guest is to have, at the places where
//! they are here, with the libraries that programs load. The guest has it in memory, so it is small.

use super::StockError;
use super::archive::Writer;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

/// Links that lead on, at most.
const MOST_LINKS: usize = 40;

/// Folders of every root.
const FOLDERS: [&str; 12] = [
    "/dev", "/etc", "/mnt", "/proc", "/root", "/run", "/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/tmp",
];
/// Links of a merged /usr, where this machine has them.
const MERGED: [&str; 8] = [
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/usr/lib64",
    "/usr/sbin",
];
const ALWAYS: [&str; 1] = ["/bin/sh"];

/// What programs look up in files that are this machine's own business.
const FILES: [(&str, &str); 4] = [
    (
        "/etc/passwd",
        "root:x:0:0::/root:\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n",
    ),
    ("/etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    ("/etc/hosts", "127.0.0.1 localhost\n"),
    (
        "/etc/nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files\n",
    ),
];

/// A file of this machine as it was when a root was made of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Found {
    path: PathBuf,
    size: u64,
    changed: (i64, i64),
}

impl Found {
    pub(super) fn now(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            size: found.len(),
            changed: (found.mtime(), found.mtime_nsec()),
        })
    }

    pub(super) fn is_as_it_was(&self) -> bool {
        Self::now(&self.path).is_ok_and(|now| now == *self)
    }
}

enum Node {
    Folder(u32),
    Link(PathBuf),
    File,
}

/// A root in the making.
#[derive(Default)]
pub(super) struct Root(BTreeMap<PathBuf, Node>);

impl Root {
    /// A root with these files and folders, and what programs among them load. What is not there is left out.
    pub(super) fn of(files: &[PathBuf]) -> Result<Self, StockError> {
        let mut root = Self::default();
        for file in files {
            root.add_whole(file)?;
        }
        // Scripts name sh(1) so, and programs are called by these folders wherever they were found.
        for at in ALWAYS {
            root.add_whole(Path::new(at))?;
        }
        for folder in MERGED {
            if fs::symlink_metadata(folder).is_ok_and(|found| found.is_symlink()) {
                root.add(Path::new(folder))
                    .map_err(StockError::file("read", folder))?;
            }
        }
        let programs: Vec<PathBuf> = root
            .0
            .iter()
            .filter(|(path, node)| matches!(node, Node::File) && is_program(path))
            .map(|(path, _)| path.clone())
            .collect();
        for library in libraries(&programs)? {
            root.add(&library).map_err(StockError::file("read", &library))?;
        }
        for folder in FOLDERS {
            root.0.entry(folder.into()).or_insert(Node::Folder(0o755));
        }
        Ok(root)
    }

    /// Without this file, which comes some other way.
    pub(super) fn leave_out(&mut self, file: &Path) {
        self.0.remove(file);
    }

    /// The files that it is made of.
    pub(super) fn found(&self) -> Result<Vec<Found>, StockError> {
        let files = self.0.iter().filter(|(_, node)| matches!(node, Node::File));
        let found = files.map(|(path, _)| Found::now(path).map_err(StockError::file("read", path)));
        found.collect()
    }

    /// Writes it all.
    pub(super) fn write(&self, writer: &mut Writer<impl Write>) -> io::Result<()> {
        let name = |path: &Path| path.strip_prefix("/").unwrap_or(path).to_owned();
        for (path, node) in &self.0 {
            match node {
                Node::Folder(mode) => writer.folder(&name(path), *mode)?,
                Node::Link(target) => writer.link(&name(path), target)?,
                Node::File => writer.file(&name(path), path)?,
            }
        }
        for (path, text) in FILES {
            writer.bytes(&name(Path::new(path)), 0o644, text.as_bytes())?;
        }
        writer.character_device(Path::new("dev/console"), (5, 1))
    }

    fn add_whole(&mut self, path: &Path) -> Result<(), StockError> {
        let failed = || StockError::file("read", path);
        match self.add(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            added => added.map_err(failed())?,
        }
        if !path.is_dir() {
            return Ok(());
        }
        for entry in fs::read_dir(path).map_err(failed())? {
            self.add_whole(&entry.map_err(failed())?.path())?;
        }
        Ok(())
    }

    /// A file or folder with all folders and links on the way to it.
    fn add(&mut self, path: &Path) -> io::Result<()> {
        let parts = |path: &Path| -> Vec<OsString> {
            let parts = path.components().filter_map(|part| match part {
                Component::Normal(name) => Some(name.to_owned()),
                Component::ParentDir => Some("..".into()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
            });
            parts.collect()
        };
        let mut left = VecDeque::from(parts(path));
        let (mut at, mut links) = (PathBuf::from("/"), 0);
        while let Some(part) = left.pop_front() {
            if part == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&part);
            let found = fs::symlink_metadata(&next)?;
            if found.is_symlink() {
                links += 1;
                if links > MOST_LINKS {
                    return Err(rustix::io::Errno::LOOP.into());
                }
                let target = fs::read_link(&next)?;
                for part in parts(&target).into_iter().rev() {
                    left.push_front(part);
                }
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                self.0.insert(next, Node::Link(target));
            } else if found.is_dir() {
                self.0
                    .entry(next.clone())
                    .or_insert(Node::Folder(found.mode() & 0o7777));
                at = next;
            } else if found.is_file() {
                self.0.insert(next.clone(), Node::File);
                at = next;
            } else {
                return Err(io::ErrorKind::NotFound.into());
            }
        }
        Ok(())
    }
}

fn is_program(path: &Path) -> bool {
    let mut begin = [0; 4];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && begin == *b"\x7fELF"
}

/// What programs load, as ldd(1) lists it.
fn libraries(programs: &[PathBuf]) -> Result<Vec<PathBuf>, StockError> {
    if programs.is_empty() {
        return Ok(Vec::new());
    }
    let output = Command::new("ldd")
        .args(programs)
        .stdin(Stdio::null())
        .output()
        .map_err(StockError::file("run", "ldd"))?;
    // Its exit code is 1 if one of them is static.
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter(|line| line.starts_with(char::is_whitespace));
    let paths = lines.filter_map(|line| {
        let words = line.split_once("=>").map_or(line, |(_, found)| found);
        words
            .split_whitespace()
            .next()
            .filter(|word| word.starts_with('/'))
    });
    let mut paths: Vec<PathBuf> = paths.map(PathBuf::from).collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_of_a_merged_usr_and_a_shell_are_always_there() {
        let root = Root::of(&[]).unwrap();
        assert!(root.0.contains_key(&fs::canonicalize("/bin/sh").unwrap()));
        for folder in MERGED.map(Path::new) {
            let is_link = fs::symlink_metadata(folder).is_ok_and(|found| found.is_symlink());
            let is_here = matches!(root.0.get(folder), Some(Node::Link(_)));
            assert_eq!(is_link, is_here, "{}", folder.display());
            if is_link {
                // It leads to a folder that is there.
                let to = fs::canonicalize(folder).unwrap();
                assert!(
                    matches!(root.0.get(&to), Some(Node::Folder(_))),
                    "{}",
                    to.display()
                );
            }
        }
    }

    #[test]
    fn a_program_comes_with_its_libraries_and_the_links_to_them() {
        let root = Root::of(&["/bin/sh".into(), "/no/such/file".into()]).unwrap();
        let has = |path: &Path| root.0.contains_key(path);
        assert!(has(&fs::canonicalize("/bin/sh").unwrap()));
        for library in libraries(&["/bin/sh".into()]).unwrap() {
            assert!(has(&fs::canonicalize(&library).unwrap()), "{}", library.display());
        }
        for (path, node) in &root.0 {
            let parent = path.parent().unwrap();
            assert!(parent == Path::new("/") || has(parent), "{}", path.display());
            if let Node::Link(target) = node {
                let there = fs::canonicalize(parent.join(target)).unwrap();
                assert!(has(&there), "{}", there.display());
            }
        }
        assert!(has(Path::new("/proc")) && !has(Path::new("/no")));
        let found = root.found().unwrap();
        assert!(!found.is_empty() && found.iter().all(Found::is_as_it_was));
    }
}
