//! A command that runs on a host of the lab, in a terminal or on pipes.

use super::News;
use crate::program::in_path;
use lvs_matrix_netns::Namespace;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

/// So much of what a command prints is handed on at once, bytes.
const PIECE: usize = 8192;
/// So much of what was typed waits for a command beyond what its terminal holds, bytes.
const MOST_UNREAD: usize = 1 << 20;

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters of a line.
    pub columns: u16,
}

/// Which of a command's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// Standard output, and everything in a terminal.
    Out,
    /// Standard error.
    Err,
}

/// A command to be started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    /// Its number: they count up from 1.
    pub job: u32,
    /// The host, by its name in the lab.
    pub on: String,
    /// As it was typed.
    pub line: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The terminal that it gets; else it has pipes.
    pub terminal: Option<(Size, String)>,
    /// What it reads, if it has no terminal.
    pub stdin: Vec<u8>,
}

/// A command has ended.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) job: u32,
    pub(super) exit: i32,
}

/// A command that runs. Dropping it kills its process group.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) number: u32,
    master: Option<Arc<OwnedFd>>,
    /// What was typed while the terminal was full.
    unread: VecDeque<u8>,
    group: Option<Pid>,
}

impl Job {
    /// Starts the command in the namespace of its host, in `folder`. What it prints is told at once; its end,
    /// once all that it printed is told, comes as an event.
    pub(super) fn start(
        namespace: &Namespace,
        start: Start,
        folder: PathBuf,
        events: Sender<Event>,
        tell: Arc<dyn Fn(News) + Send + Sync>,
    ) -> io::Result<Self> {
        let started = namespace
            .run(move || Started::start(&start, &folder))
            .map_err(io::Error::other)??;
        let Started {
            number,
            child,
            master,
            outputs,
        } = started;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let readers = outputs.into_iter().map(|(stream, source)| {
            let tell = Arc::clone(&tell);
            thread::Builder::new()
                .name("output".to_owned())
                .spawn(move || read(number, stream, source, &*tell))
        });
        let readers: Vec<JoinHandle<()>> = readers.collect::<io::Result<_>>()?;
        thread::Builder::new()
            .name("command".to_owned())
            .spawn(move || await_end(number, child, readers, &events))?;
        Ok(Self {
            number,
            master,
            unread: VecDeque::new(),
            group,
        })
    }

    /// Types into the terminal. It never waits for the command: what the terminal does not take yet is kept,
    /// up to a limit.
    pub(super) fn input(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.master.is_none() {
            return Err(io::Error::other("the command has no terminal"));
        }
        if self.unread.len() + bytes.len() > MOST_UNREAD {
            return Err(io::Error::other(format!(
                "the command does not read: {} KiB wait for it, and the last {} bytes were thrown away; \
                 Ctrl-] leaves it",
                self.unread.len() >> 10,
                bytes.len()
            )));
        }
        self.unread.extend(bytes);
        self.hand_over()
    }

    /// Gives the terminal as much of what was typed as it takes now.
    pub(super) fn hand_over(&mut self) -> io::Result<()> {
        let Some(master) = &self.master else {
            return Ok(());
        };
        while !self.unread.is_empty() {
            let (front, _) = self.unread.as_slices();
            match rustix::io::write(master, front) {
                Ok(0) | Err(Errno::AGAIN) => break,
                Ok(written) => drop(self.unread.drain(..written)),
                Err(Errno::INTR) => {}
                // drivers/tty/n_tty.c, `n_tty_write`.
                Err(Errno::IO) => {
                    self.unread.clear();
                    return Err(io::Error::other("the command has closed its terminal"));
                }
                Err(error) => {
                    self.unread.clear();
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    pub(super) fn resize(&self, size: Size) -> io::Result<()> {
        self.master
            .as_ref()
            .map_or(Ok(()), |master| Ok(tcsetwinsize(master, winsize(size))?))
    }

    pub(super) fn signal(&self, number: i32) -> io::Result<()> {
        let signal = Signal::from_named_raw(number)
            .ok_or_else(|| io::Error::other(format!("there is no signal {number}")))?;
        match self.group {
            Some(group) => Ok(kill_process_group(group, signal)?),
            None => Ok(()),
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // It fails only if nobody is left.
        let _ = self.group.map(|group| kill_process_group(group, Signal::KILL));
    }
}

/// A command just started.
struct Started {
    number: u32,
    child: Child,
    master: Option<Arc<OwnedFd>>,
    outputs: Vec<(Stream, File)>,
}

impl Started {
    /// In the namespace's thread.
    fn start(start: &Start, folder: &Path) -> io::Result<Self> {
        let words = start
            .argv
            .split_first()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "an empty command line"))?;
        match &start.terminal {
            Some((size, kind)) => Self::in_terminal(start, folder, *size, kind),
            None => Self::on_pipes(start, folder, words),
        }
    }

    fn in_terminal(start: &Start, folder: &Path, size: Size, kind: &str) -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave = ioctl_tiocgptpeer(&master, flags)?;
        tcsetwinsize(&slave, winsize(size))?;
        // setsid(1) makes the session and takes the terminal (TIOCSCTTY) in the child, where no code of ours
        // may run.
        let mut command = Command::new(in_path("setsid")?);
        command.arg("--ctty").args(&start.argv).env("TERM", kind);
        command
            .current_dir(folder)
            .stdin(Stdio::from(slave.try_clone()?))
            .stdout(Stdio::from(slave.try_clone()?))
            .stderr(Stdio::from(slave));
        let child = command.spawn()?;
        // `command` holds the slave's descriptors until here: with them the end would never be seen.
        drop(command);
        // Whoever types must not wait until the command reads.
        fcntl_setfl(&master, fcntl_getfl(&master)? | OFlags::NONBLOCK)?;
        let reading = File::from(rustix::io::dup(&master)?);
        Ok(Self {
            number: start.job,
            child,
            master: Some(Arc::new(master)),
            outputs: vec![(Stream::Out, reading)],
        })
    }

    fn on_pipes(
        start: &Start,
        folder: &Path,
        (program, arguments): (&String, &[String]),
    ) -> io::Result<Self> {
        let (stdout, its_stdout) = io::pipe()?;
        let (stderr, its_stderr) = io::pipe()?;
        let stdin = if start.stdin.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder)
            .process_group(0)
            .stdin(stdin)
            .stdout(its_stdout)
            .stderr(its_stderr);
        let mut child = command.spawn()?;
        drop(command);
        if let Some(mut stdin) = child.stdin.take() {
            let bytes = start.stdin.clone();
            thread::Builder::new().name("input".to_owned()).spawn(move || {
                // A program that ends without reading it says why in its output.
                let _ = stdin.write_all(&bytes);
            })?;
        }
        Ok(Self {
            number: start.job,
            child,
            master: None,
            outputs: vec![
                (Stream::Out, File::from(OwnedFd::from(stdout))),
                (Stream::Err, File::from(OwnedFd::from(stderr))),
            ],
        })
    }
}

fn winsize(size: Size) -> Winsize {
    Winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// Hands on what is printed, until nobody can print any more.
fn read(number: u32, stream: Stream, mut source: File, tell: &(dyn Fn(News) + Send + Sync)) {
    let mut piece = vec![0; PIECE];
    loop {
        match source.read(&mut piece) {
            // A terminal does not block; a pipe never says this.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // An error of poll(2) shows in the read that follows, or is a signal's.
                let _ = poll(&mut [PollFd::new(&source, PollFlags::IN)], None);
            }
            // EIO: nobody has the terminal any more (drivers/tty/n_tty.c, `n_tty_read`).
            Ok(0) | Err(_) => return,
            Ok(length) => {
                let text = piece.iter().take(length).map(|&byte| char::from(byte)).collect();
                tell(News::Output(number, stream, text));
            }
        }
    }
}

fn await_end(number: u32, mut child: Child, readers: Vec<JoinHandle<()>>, events: &Sender<Event>) {
    let status = child.wait();
    for reader in readers {
        // A panic of the reader leaves the command without its output, and not without its end.
        let _ = reader.join();
    }
    let exit = status.map_or(1, exit_code);
    // Nobody listens any more once the session is over.
    let _ = events.send(Event { job: number, exit });
}

/// As a shell has it: the exit code, or 128 and the signal's number.
fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1)
}
