//! The way out of the guest: lines on its console, or, in a sandbox on the host's kernel, into the pipe
//! that is its output; in QEMU also files on a drive.

use crate::protocol::{GUEST_VARIABLE, IN_A_SANDBOX, IN_QEMU, MAX_MESSAGE, Message, SHARE};
use crate::stock::archive::Writer;
use crate::stock::machine::{BEGIN, RECORDS};
use rustix::fs::{Advice, fadvise};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The guest's console, for the payload.
#[derive(Debug)]
pub struct Console(File);

impl Console {
    /// Opens it.
    ///
    /// # Errors
    /// As open(2) on /dev/console: not in a guest, or not root.
    pub fn open() -> io::Result<Self> {
        if std::env::var_os(GUEST_VARIABLE).is_some_and(|value| value == IN_A_SANDBOX) {
            return Self::of_output();
        }
        OpenOptions::new().write(true).open("/dev/console").map(Self)
    }

    /// This process's standard output.
    pub(super) fn of_output() -> io::Result<Self> {
        io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map(|fd| Self(fd.into()))
    }

    /// Says `text` to the caller of [`crate::Guest::run`]. One line: line ends in it become spaces.
    ///
    /// # Errors
    /// As write(2); [`io::ErrorKind::InvalidInput`] when the line is longer than [`MAX_MESSAGE`] bytes.
    pub fn say(&self, text: &str) -> io::Result<()> {
        self.send(&Message::Say(text.to_owned()))
    }

    /// Says `text` when what lies at this path below the share is where the caller finds it. In QEMU, where
    /// the share is the guest's own, it is taken out of it.
    ///
    /// # Errors
    /// As [`Console::say`]; as write(2), if the drive does not take it.
    pub fn hand_over(&self, path: &Path, text: &str) -> io::Result<()> {
        if std::env::var_os(GUEST_VARIABLE).is_some_and(|value| value == IN_QEMU) {
            let (from, bytes) = store(path)?;
            self.send(&Message::Stored { from, bytes })?;
        }
        self.say(text)
    }

    /// A line that is no message: for the last lines that are kept of a console.
    pub(super) fn talk(&self, line: &str) -> io::Result<()> {
        (&self.0).write_all(format!("\n{line}\n").as_bytes())
    }

    pub(super) fn send(&self, message: &Message) -> io::Result<()> {
        let line = message.line();
        if line.len() > MAX_MESSAGE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the message is longer than a console line may be",
            ));
        }
        // One write, under the terminal's write lock, or the pipe's (fs/pipe.c): lines of several processes
        // do not mix, in a pipe as long as they are no longer than PIPE_BUF, and only the payload writes
        // longer ones. The leading line end closes a line that some program left open; an empty line is no
        // talk.
        (&self.0).write_all(format!("\n{line}").as_bytes())
    }
}

/// The block device with this serial number.
pub(super) fn drive(serial: &str) -> io::Result<PathBuf> {
    for entry in fs::read_dir("/sys/block")?.flatten() {
        let found = fs::read_to_string(entry.path().join("serial")).unwrap_or_default();
        if found.trim_end_matches(['\0', '\n']) == serial {
            return Ok(Path::new("/dev").join(entry.file_name()));
        }
    }
    let reason = format!("no block device has the serial number `{serial}`");
    Err(io::Error::new(io::ErrorKind::NotFound, reason))
}

/// Where the next archive begins on the drive for records.
static NEXT: Mutex<u64> = Mutex::new(BEGIN);

/// Puts what lies at this path below the share onto the drive for records, and takes it away. Gives where its
/// archive begins, and how long it is.
fn store(path: &Path) -> io::Result<(u64, u64)> {
    let mut next = NEXT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let from = *next;
    let mut drive = File::options().write(true).open(drive(RECORDS)?)?;
    drive.seek(SeekFrom::Start(from))?;
    let share = Path::new(SHARE);
    let mut writer = Writer::new(BufWriter::with_capacity(1 << 20, &mut drive));
    let mut above: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .filter(|one| !one.as_os_str().is_empty())
        .collect();
    above.reverse();
    for folder in above {
        writer.folder(folder, 0o755)?;
    }
    writer.whole(path, &share.join(path))?;
    writer.finish()?.flush()?;
    let end = drive.stream_position()?;
    drive.sync_data()?;
    fadvise(&drive, 0, None, Advice::DontNeed)?;
    *next = end.next_multiple_of(4096);
    let stored = share.join(path);
    if stored.is_dir() {
        fs::remove_dir_all(stored)?;
    } else {
        fs::remove_file(stored)?;
    }
    Ok((from, end - from))
}
