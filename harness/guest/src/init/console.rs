//! The way out of the guest: lines on its console, or, in a sandbox on the host's kernel, into the pipe
//! that is its output.

use crate::protocol::{GUEST_VARIABLE, IN_A_SANDBOX, IN_QEMU, MAX_MESSAGE, Message};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;

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
            let (from, bytes) = super::qemu::store(path)?;
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
