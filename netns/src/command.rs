//! Programs with a deadline: their output is drained to its end, kept up to a bound, and they never outlive
//! their time.

use crate::{Error, Namespace, Result};
use lvs_matrix_keeper::Leash;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How much of a program's output is kept, in bytes; the rest is read and thrown away.
const KEPT_OUTPUT: usize = 256 * 1024;

/// Beyond so many bytes a program is killed. A deadline would not do: under virtual time a program that only
/// computes takes none.
const MOST_OUTPUT: usize = 16 << 20;

/// A program with its arguments and standard input. No shell is involved anywhere.
#[derive(Debug, Clone)]
pub struct CommandLine {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Its standard input; at most a pipe's worth (64 KiB), as it is written before the output is read.
    pub stdin: Vec<u8>,
    /// How long it may take.
    pub deadline: Duration,
}

impl CommandLine {
    /// A command line with nothing on standard input and ten seconds' time.
    #[must_use]
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            stdin: Vec::new(),
            deadline: Duration::from_secs(10),
        }
    }

    /// The line as one would type it (words with white space in quotes).
    #[must_use]
    pub fn text(&self) -> String {
        let word = |word: &String| {
            if word.contains(char::is_whitespace) || word.is_empty() {
                format!("'{word}'")
            } else {
                word.clone()
            }
        };
        self.argv.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

/// A program that ended by itself.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed on both streams, in order; lossy UTF-8, cut at 256 KiB.
    pub output: String,
}

impl Finished {
    /// `exit 0`, `signal 9`.
    #[must_use]
    pub fn status_text(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "unknown status".to_owned(),
        }
    }
}

impl Namespace {
    /// Runs a program in the namespace and waits for its end.
    ///
    /// # Errors
    /// [`Error::Start`], [`Error::Watch`], [`Error::Flooded`] or [`Error::TimedOut`]. A program that ends
    /// with an error is no error here.
    pub fn command(&self, line: &CommandLine) -> Result<Finished> {
        let line = line.clone();
        self.run(move || run(&line))?
    }

    /// Runs a program in the namespace and gives its output.
    ///
    /// # Errors
    /// As [`Namespace::command`], and [`Error::Failed`] if its exit code is not 0.
    pub fn check(&self, line: &CommandLine) -> Result<String> {
        let finished = self.command(line)?;
        if finished.status.success() {
            return Ok(finished.output);
        }
        Err(Error::Failed {
            line: line.text(),
            status: finished.status_text(),
            output: finished.output,
        })
    }
}

/// Runs a program in the calling thread's namespace and waits for its end.
///
/// # Errors
/// [`Error::Start`], [`Error::Watch`], [`Error::Flooded`] or [`Error::TimedOut`].
pub fn run(line: &CommandLine) -> Result<Finished> {
    let (program, arguments) = line.argv.split_first().ok_or_else(|| Error::Start {
        program: String::new(),
        source: io::Error::new(io::ErrorKind::InvalidInput, "an empty command line"),
    })?;
    let start_failed = |source| Error::Start {
        program: program.clone(),
        source,
    };
    let watch_failed = |source| Error::Watch {
        program: program.clone(),
        source,
    };

    // One pipe for both streams: the order of what was printed is kept.
    let (mut reader, writer) = io::pipe().map_err(start_failed)?;
    let mut command = lvs_matrix_keeper::command(program);
    command
        .args(arguments)
        .stdout(writer.try_clone().map_err(start_failed)?)
        .stderr(writer);
    command.stdin(if line.stdin.is_empty() {
        Stdio::null()
    } else {
        Stdio::piped()
    });
    let (child, leash) = lvs_matrix_keeper::spawn(&mut command).map_err(start_failed)?;
    let mut child = Running(child, Some(leash));
    // The command still holds the pipe's writing ends; without this, its end of file would never be seen.
    drop(command);

    if let Some(mut stdin) = child.0.stdin.take() {
        // A program that ended without reading it says why in its output.
        let _ = stdin.write_all(&line.stdin);
    }
    let until = Instant::now() + line.deadline;
    let (mut output, mut printed) = (Vec::new(), 0_usize);
    let mut chunk = [0_u8; 65_536];
    loop {
        if !readable(&reader, until).map_err(watch_failed)? {
            let output = text_of(&output);
            return Err(Error::TimedOut {
                line: line.text(),
                after: line.deadline,
                output,
            });
        }
        let count = reader.read(&mut chunk).map_err(watch_failed)?;
        if count == 0 {
            break;
        }
        printed += count;
        if printed > MOST_OUTPUT {
            return Err(Error::Flooded {
                line: line.text(),
                most: MOST_OUTPUT,
            });
        }
        let room = KEPT_OUTPUT.saturating_sub(output.len());
        output.extend_from_slice(&chunk[..count.min(room)]);
    }
    // Both streams are closed; the end of the process follows, unless the program closed them on purpose.
    let ended = lvs_matrix_keeper::ended(&child.0).map_err(watch_failed)?;
    if !readable(&ended, until).map_err(watch_failed)? {
        return Err(Error::TimedOut {
            line: line.text(),
            after: line.deadline,
            output: text_of(&output),
        });
    }
    let status = child.0.wait().map_err(watch_failed)?;
    Ok(Finished {
        status,
        output: text_of(&output),
    })
}

/// A child that is ended and reaped when its guard goes early.
struct Running(Child, Option<Leash>);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has been reaped already, which is what is wanted.
        let _ = self.1.take().map(|leash| leash.end(&mut self.0));
        let _ = self.0.wait();
    }
}

fn text_of(output: &[u8]) -> String {
    String::from_utf8_lossy(output).trim_end().to_owned()
}

/// Waits until `fd` can be read or is at its end; false if `until` came first.
fn readable(fd: &impl std::os::fd::AsFd, until: Instant) -> io::Result<bool> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(fd, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
