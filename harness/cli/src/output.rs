//! The only place that prints: data on stdout, talk on stderr. And files that are whole or not there.

use crate::error::Failure;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

/// Writes data to stdout. A reader that went away early (`| head`) is no failure.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Software(format!("cannot write to standard output: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Says a line (or several) on stderr. If nobody can hear it, there is no one to tell.
pub(crate) fn talk(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// A line that replaces itself on a terminal, and is left out elsewhere.
pub(crate) fn progress(text: &str) {
    if is_terminal() {
        let _ = write!(anstream::stderr().lock(), "\r\x1b[2K{text}");
    }
}

/// A piece of progress that is worth a line in a log: on a terminal it replaces the line, elsewhere it is one.
pub(crate) fn milestone(text: &str) {
    if is_terminal() { progress(text) } else { talk(text) }
}

/// Is stderr a terminal?
pub(crate) fn is_terminal() -> bool {
    io::stderr().is_terminal()
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
    written.map_err(|error| Failure::Software(format!("cannot write {}: {error}", folder.join(name).display())))
}
