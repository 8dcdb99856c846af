//! A client program on pipes: what it is given, what it prints, and that nothing of it is left.

use super::Desk;
use crate::clock::poll_for;
use crate::enclosed;
use lvs_matrix_model::record::{Misconduct, TranscriptLine, TranscriptSource};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, PipeReader, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// The longest line that is taken from a program.
const LONGEST_LINE: usize = 1 << 20;
/// How much a program may print on its standard error; beyond that it is not read any more, and the program
/// waits.
const MOST_ERRORS: usize = 1 << 20;

/// A running program. Dropping it ends the program and everything that it started.
pub(super) struct Process {
    child: Child,
    input: OwnedFd,
    output: OwnedFd,
    errors: Option<JoinHandle<()>>,
    /// What was printed and not yet taken.
    pending: Vec<u8>,
    transcript: usize,
    status: Option<ExitStatus>,
    /// The PID namespace whose processes end with it, as /proc names it.
    enclosure: Option<String>,
}

/// How a program is started.
pub(super) struct Start<'a> {
    pub(super) argv: &'a [String],
    pub(super) environment: &'a [(&'static str, String)],
    /// Where it runs; the root if nothing is said.
    pub(super) folder: Option<&'a Path>,
    /// In a PID namespace of its own: whatever it forks, and whatever that does, ends with it.
    pub(super) enclosed: bool,
    /// Standard error goes where standard output goes.
    pub(super) merged: bool,
}

/// What came of waiting for a program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// A line, without its end.
    Line(Vec<u8>),
    /// A line that is longer than any that is taken.
    TooLong,
    /// It closed its standard output.
    Ended,
    /// The client is to stop.
    Stopped,
}

impl Process {
    pub(super) fn start(desk: &Desk, operation: u32, start: &Start<'_>) -> io::Result<Self> {
        let transcript = desk.log.transcript(operation, start.argv);
        let mut command = if start.enclosed {
            enclosed::command(start.argv)?
        } else {
            let (program, arguments) = start.argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
            let mut command = Command::new(program);
            command.args(arguments);
            command
        };
        let (output, its_output) = io::pipe()?;
        let (errors, its_errors) = io::pipe()?;
        let its_errors = if start.merged {
            its_output.try_clone()?
        } else {
            its_errors
        };
        command
            .env_clear()
            .envs(start.environment.iter().map(|(key, value)| (key, value)))
            .current_dir(start.folder.unwrap_or(Path::new("/")))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(its_output)
            .stderr(its_errors);
        let mut child = command.spawn()?;
        // `command` holds the writing ends until here: with them the program's end would never be seen.
        drop(command);
        let input: OwnedFd = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?.into();
        rustix::io::ioctl_fionbio(&input, true)?;
        let drain = if start.merged {
            None
        } else {
            let log = Arc::clone(&desk.log);
            let thread = std::thread::Builder::new().name("client-errors".to_owned());
            Some(thread.spawn(move || drain(errors, &log, transcript))?)
        };
        let enclosure = start.enclosed.then(|| enclosed::namespace_of(&child)).flatten();
        Ok(Self {
            child,
            input,
            output: output.into(),
            errors: drain,
            pending: Vec::new(),
            transcript,
            status: None,
            enclosure,
        })
    }

    /// The processes of the program: the one that was started, and those of its PID namespace.
    pub(super) fn pids(&self) -> Vec<u32> {
        let mut pids = vec![self.child.id()];
        if let Some(enclosure) = &self.enclosure {
            pids.extend(enclosed::members(enclosure));
        }
        pids
    }

    /// Gives it a line. `Ok(false)` if the client is to stop before it took it.
    pub(super) fn send(&self, desk: &Desk, line: &str) -> io::Result<bool> {
        self.note(desk, TranscriptSource::Input, line);
        let text = format!("{line}\n");
        let mut left = text.as_bytes();
        while !left.is_empty() {
            let mut fds = [
                PollFd::new(&self.input, PollFlags::OUT),
                PollFd::new(&desk.stop, PollFlags::IN),
            ];
            wait(&mut fds)?;
            if !fds[1].revents().is_empty() {
                return Ok(false);
            }
            match rustix::io::write(&self.input, left) {
                Ok(written) => left = left.get(written..).unwrap_or_default(),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Waits for its next line.
    pub(super) fn hear(&mut self, desk: &Desk) -> io::Result<Output> {
        loop {
            if let Some(at) = self.pending.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.pending.drain(..=at).collect();
                line.pop();
                self.note(desk, TranscriptSource::Output, &super::cli::text_of(&line));
                return Ok(Output::Line(line));
            }
            if self.pending.len() > LONGEST_LINE {
                return Ok(Output::TooLong);
            }
            let mut fds = [
                PollFd::new(&self.output, PollFlags::IN),
                PollFd::new(&desk.stop, PollFlags::IN),
            ];
            wait(&mut fds)?;
            if !fds[1].revents().is_empty() {
                return Ok(Output::Stopped);
            }
            let mut chunk = [0; 16 * 1024];
            match rustix::io::read(&self.output, &mut chunk) {
                Ok(0) if self.pending.is_empty() => return Ok(Output::Ended),
                // The last line may lack its end.
                Ok(0) => self.pending.push(b'\n'),
                Ok(count) => self.pending.extend(chunk.iter().take(count)),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Has it printed anything that nobody has taken?
    pub(super) fn has_more(&self) -> bool {
        let mut fds = [PollFd::new(&self.output, PollFlags::IN)];
        let now = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let readable = matches!(poll(&mut fds, Some(&now)), Ok(count) if count > 0)
            && fds[0].revents().contains(PollFlags::IN);
        !self.pending.is_empty() || readable
    }

    /// How it ended, after it closed its standard output; with the last line of its standard error.
    pub(super) fn end(&mut self, desk: &Desk) -> String {
        let status = poll_for(Duration::from_secs(5), Duration::from_millis(1), || {
            self.child.try_wait()
        });
        let how = match status {
            Ok(Some(status)) => {
                self.status = Some(status);
                match (status.code(), status.signal()) {
                    (Some(code), _) => format!("exit {code}"),
                    (None, Some(signal)) => format!("signal {signal}"),
                    (None, None) => "unknown status".to_owned(),
                }
            }
            Ok(None) => "it closed its standard output and ran on".to_owned(),
            Err(error) => format!("its end is not known: {error}"),
        };
        self.kill(desk);
        match desk.log.last_error(self.transcript) {
            Some(line) => format!("{how} ({line})"),
            None => how,
        }
    }

    /// Ends everything of it, and waits until nothing is left.
    pub(super) fn kill(&mut self, desk: &Desk) {
        if self.status.is_none() {
            if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
                // Fails only if nobody is left.
                let _ = kill_process_group(pid, Signal::KILL);
            }
            self.status = self.child.wait().ok();
        }
        if let Some(enclosure) = self.enclosure.take() {
            let gone = poll_for(Duration::from_secs(10), Duration::from_millis(1), || {
                Ok::<_, io::Error>(enclosed::members(&enclosure).is_empty().then_some(()))
            });
            if !matches!(gone, Ok(Some(()))) {
                desk.log.misconduct(Misconduct::LeftProcesses);
            }
        }
        if let Some(errors) = self.errors.take() {
            // Nobody writes any more; a panic there would have lost lines of the transcript, nothing else.
            let _ = errors.join();
        }
    }

    fn note(&self, desk: &Desk, from: TranscriptSource, text: &str) {
        desk.log.line(
            self.transcript,
            TranscriptLine {
                at: desk.log.now(),
                from,
                text: text.chars().take(2000).collect(),
            },
        );
    }
}

fn wait(fds: &mut [PollFd<'_>]) -> io::Result<()> {
    loop {
        match poll(fds, None) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Puts the lines of a program's standard error into its transcript.
fn drain(mut errors: PipeReader, log: &super::log::Log, transcript: usize) {
    let mut chunk = [0; 4096];
    let (mut line, mut read) = (Vec::new(), 0);
    let put = |line: &mut Vec<u8>, at| {
        let text = super::cli::text_of(&std::mem::take(line));
        log.line(
            transcript,
            TranscriptLine {
                at,
                from: TranscriptSource::Error,
                text: text.chars().take(2000).collect(),
            },
        );
    };
    while let Ok(count @ 1..) = errors.read(&mut chunk) {
        // What was read at once was there at once.
        let at = log.now();
        read += count;
        if read > MOST_ERRORS {
            log.misconduct(Misconduct::LongStandardError);
            break;
        }
        for byte in chunk.iter().take(count) {
            match byte {
                b'\n' => put(&mut line, at),
                _ => line.push(*byte),
            }
        }
    }
    if !line.is_empty() {
        put(&mut line, log.now());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Whoever has it ends it before; this is for the way out after an error.
        if self.status.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
