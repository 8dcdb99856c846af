//! The way out of the guest: lines on its console.

use crate::protocol::{MAX_MESSAGE, Message};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};

/// The guest's console, for the payload.
#[derive(Debug)]
pub struct Console(File);

impl Console {
    /// Opens it.
    ///
    /// # Errors
    /// As open(2) on /dev/console: not in a guest, or not root.
    pub fn open() -> io::Result<Self> {
        OpenOptions::new().write(true).open("/dev/console").map(Self)
    }

    /// Says `text` to the caller of [`crate::Guest::run`]. One line: line ends in it become spaces.
    ///
    /// # Errors
    /// As write(2); [`io::ErrorKind::InvalidInput`] when the line is longer than [`MAX_MESSAGE`] bytes.
    pub fn say(&self, text: &str) -> io::Result<()> {
        self.send(&Message::Say(text.to_owned()))
    }

    pub(super) fn send(&self, message: &Message) -> io::Result<()> {
        let line = message.line();
        if line.len() > MAX_MESSAGE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the message is longer than a console line may be",
            ));
        }
        // One write, under the terminal's write lock: lines of several processes do not mix. The leading line end closes a
        // line that some program left open; an empty line is no talk.
        (&self.0).write_all(format!("\n{line}").as_bytes())
    }
}
