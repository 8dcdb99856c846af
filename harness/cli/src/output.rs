//! The only place that prints: data on stdout, talk on stderr. And files that are whole or not there.

use crate::error::Failure;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

/// Writes data to stdout. A reader that went away early (`| head`) is no failure, nor is a terminal that was
/// closed.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe && !hung_up(&error) => Err(
            Failure::Software(format!("cannot write to standard output: {error}")),
        ),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A terminal that was closed gives EIO (`hung_up_tty_write` of drivers/tty/tty_io.c), and says of itself
/// that it is none.
fn hung_up(error: &io::Error) -> bool {
    let device = rustix::fs::fstat(io::stdout())
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_char_device());
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) && device
}

/// Writes bytes as they are: to stderr, or to stdout.
pub(crate) fn bytes(to_stderr: bool, bytes: &[u8]) {
    // As with text: where nobody reads there is no one to tell.
    let _ = if to_stderr {
        io::stderr().lock().write_all(bytes)
    } else {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush())
    };
}

/// Says a line (or several) on stderr. If nobody can hear it, there is no one to tell.
pub(crate) fn talk(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Says why a command could not be done, and gives the exit code.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    talk(&failure.for_terminal());
    ExitCode::from(failure.exit_code())
}

/// A line that replaces itself on a terminal, and is left out elsewhere.
pub(crate) fn progress(text: &str) {
    if is_terminal() {
        let _ = write!(anstream::stderr().lock(), "\r\x1b[2K{text}");
    }
}

/// Is stderr a terminal?
pub(crate) fn is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Holds back so much of the disk, for what must be written even if others fill it. The file has no name, so
/// nothing is left of it whatever happens; dropped, it gives the space back. Where a file system cannot do
/// that there is no reserve.
pub(crate) fn reserve(folder: &Path, bytes: usize) -> Option<fs::File> {
    let file = tempfile::tempfile_in(folder).ok()?;
    let length = u64::try_from(bytes).ok()?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, length).ok()?;
    Some(file)
}

/// Writes a file by rename: it is there whole, or as it was, even after a power failure.
pub(crate) fn write_file(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.as_file().sync_data()?;
        // NamedTempFile is private to its user; a report is for everybody who may enter the folder.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(file.path(), mode)?;
        file.persist(folder.join(name)).map_err(|error| error.error)?;
        Ok(())
    });
    written
        .map_err(|error| Failure::Software(format!("cannot write {}: {error}", folder.join(name).display())))
}
