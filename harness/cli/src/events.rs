//! `run --events`: what happens, as JSON Lines, while it happens.
//!
//! A thread of its own writes: a reader that is slow or stuck must not hold up the guests, nor must a full
//! disk end a run whose records may be elsewhere. That the stream is broken is said, once, and the run goes
//! on.

use crate::error::Failure;
use crate::guests::Event;
use crate::load;
use crate::output;
use lvs_matrix_report::{CellMilestone, RunEvent, event_line};
use lvs_matrix_runner::Milestone;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant as HostInstant};

/// How long the end of a run waits for a reader of its events, who may be gone.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// The stream of events of a run.
#[derive(Debug)]
pub(crate) struct Events {
    lines: Sender<String>,
    /// Says one word when all lines are written, or none will be any more. The mutex is never locked: it
    /// makes this [`Sync`].
    written: Mutex<Receiver<()>>,
    begun: HostInstant,
    to_stdout: bool,
}

impl Events {
    /// Opens the file, which is made or emptied; `-` is standard output.
    pub(crate) fn open(file: &Path) -> Result<Self, Failure> {
        let to_stdout = file == Path::new("-");
        let (name, sink): (String, Box<dyn Write + Send>) = if to_stdout {
            ("standard output".to_owned(), Box::new(io::stdout()))
        } else {
            (file.display().to_string(), Box::new(open(file)?))
        };
        let (lines, to_write) = channel();
        let (word, written) = channel();
        std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || {
                write(&to_write, sink, &name);
                // Nobody may be waiting any more.
                let _ = word.send(());
            })
            .map_err(|error| Failure::Software(format!("cannot start a thread: {error}")))?;
        Ok(Self {
            lines,
            written: Mutex::new(written),
            begun: HostInstant::now(),
            to_stdout,
        })
    }

    /// Do they take standard output for themselves?
    pub(crate) fn to_stdout(&self) -> bool {
        self.to_stdout
    }

    /// Passes an event on; returns at once.
    pub(crate) fn send(&self, event: RunEvent<'_>) {
        match event_line(event, self.begun.elapsed()) {
            // The thread ends before us only if it panicked.
            Ok(line) => drop(self.lines.send(line)),
            Err(error) => output::talk(&format!("an event could not be written: {error}")),
        }
    }

    /// Passes on what the guests say: a cell that is recorded is judged, as it will be when the run is over.
    pub(crate) fn pass_on(&self, event: &Event<'_>, out: &Path) {
        match event {
            Event::Started(cell) => self.send(RunEvent::Started(cell)),
            Event::Reached(cell, Milestone::LabReady) => {
                self.send(RunEvent::Reached(cell, CellMilestone::LabReady))
            }
            Event::Reached(cell, Milestone::Played) => {
                self.send(RunEvent::Reached(cell, CellMilestone::Played))
            }
            // What programs are told of a lab is that it is ready.
            Event::Reached(_, Milestone::HostsMade | Milestone::ServersReady) => {}
            // GuestProgress when the record has come out of the guest's folder.
            Event::Reached(_, Milestone::Recorded) => {}
            Event::Recorded(cell) | Event::Unfinished(cell) => match load::one(out, cell) {
                Ok(judged) => self.send(RunEvent::Recorded(&judged)),
                Err(reason) => self.send(RunEvent::Unreadable(cell, &reason)),
            },
            Event::Trouble(text) => self.send(RunEvent::Trouble(text)),
        }
    }

    /// Waits until all is written.
    pub(crate) fn finish(self) {
        drop(self.lines);
        let written = self.written.into_inner().unwrap_or_else(PoisonError::into_inner);
        if written.recv_timeout(LAST_WORDS) == Err(RecvTimeoutError::Timeout) {
            output::talk(&format!(
                "the reader of the events has read nothing for {} s; the last of them are lost",
                LAST_WORDS.as_secs()
            ));
        }
    }
}

/// A named pipe that nobody reads would be waited for in open(2); with O_NONBLOCK that fails instead (ENXIO,
/// fifo(7)).
fn open(file: &Path) -> Result<File, Failure> {
    let failed = |error: io::Error| {
        let why = match error.raw_os_error() {
            Some(code) if code == rustix::io::Errno::NXIO.raw_os_error() => {
                "it is a pipe that nobody reads; start its reader first".to_owned()
            }
            Some(_) | None => error.to_string(),
        };
        Failure::Mistake(format!("cannot write events to {}: {why}", file.display()))
    };
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let open = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(flags)
        .open(file)
        .map_err(failed)?;
    let flags = rustix::fs::fcntl_getfl(&open).map_err(|error| failed(error.into()))?;
    rustix::fs::fcntl_setfl(&open, flags.difference(OFlags::NONBLOCK))
        .map_err(|error| failed(error.into()))?;
    Ok(open)
}

/// Writes line by line, until there are no more; after a failure they are only taken.
fn write(lines: &Receiver<String>, mut sink: impl Write, name: &str) {
    let mut broken = false;
    for line in lines {
        if broken {
            continue;
        }
        if let Err(error) = sink.write_all(line.as_bytes()).and_then(|()| sink.flush()) {
            broken = true;
            let why = if error.kind() == io::ErrorKind::BrokenPipe {
                "nobody reads them any more".to_owned()
            } else {
                error.to_string()
            };
            output::talk(&format!(
                "cannot write events to {name}: {why}; the run goes on without them"
            ));
        }
    }
}
