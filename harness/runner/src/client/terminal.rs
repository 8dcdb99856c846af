//! A program in a terminal of its own, and someone who types and reads there.

use crate::clock::poll_for;
use crate::program::in_path;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Wider than what is typed, so that a line editor never wraps a line.
const COLUMNS: u16 = 1200;
const ROWS: u16 = 50;

/// A program in a terminal. Dropping it kills the program's session and reaps it.
pub(super) struct Terminal {
    master: OwnedFd,
    child: Child,
    reaped: bool,
}

/// What came of reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The program printed this.
    Printed(Vec<u8>),
    /// The program closed the terminal.
    Ended,
    /// The client is to stop.
    Stopped,
}

impl Terminal {
    /// Starts `argv` with nothing but `environment`, as the leader of a session whose terminal this is.
    pub(super) fn start(argv: &[String], environment: &[(&str, String)]) -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave = ioctl_tiocgptpeer(&master, flags)?;
        let size = Winsize {
            ws_row: ROWS,
            ws_col: COLUMNS,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&slave, size)?;
        // setsid(1) makes the session and takes the terminal (TIOCSCTTY) in the child, where no code of ours
        // may run.
        let mut command = Command::new(in_path("setsid")?);
        command.arg("--ctty").args(argv);
        command
            .env_clear()
            .envs(environment.iter().map(|(key, value)| (key, value)));
        command
            .stdin(Stdio::from(slave.try_clone()?))
            .stdout(Stdio::from(slave.try_clone()?))
            .stderr(Stdio::from(slave));
        let child = command.spawn()?;
        // `command` holds the slave's descriptors until here: with them the end of the program would never be
        // seen.
        drop(command);
        Ok(Self {
            master,
            child,
            reaped: false,
        })
    }

    /// The process's id: setsid(1) replaces itself by the program.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types `text`.
    pub(super) fn type_in(&self, text: &str) -> io::Result<()> {
        let mut left = text.as_bytes();
        while !left.is_empty() {
            let written = rustix::io::write(&self.master, left)?;
            left = left.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Waits for what is printed next, or for `stop` to be at its end.
    pub(super) fn read(&self, stop: &PipeReader) -> io::Result<Read> {
        let mut fds = [
            PollFd::new(&self.master, PollFlags::IN),
            PollFd::new(stop, PollFlags::IN),
        ];
        loop {
            match poll(&mut fds, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let [_, stopped] = &fds;
        if !stopped.revents().is_empty() {
            return Ok(Read::Stopped);
        }
        let mut chunk = vec![0; 4096];
        match rustix::io::read(&self.master, &mut chunk) {
            // EIO: nobody has the slave any more (drivers/tty/n_tty.c, `n_tty_read`).
            Ok(0) | Err(rustix::io::Errno::IO) => Ok(Read::Ended),
            Ok(count) => {
                chunk.truncate(count);
                Ok(Read::Printed(chunk))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ends what is left of the program's session, after it closed its terminal; says how the program ended.
    pub(super) fn end_by_itself(&mut self) -> String {
        // A program that closes its terminal is about to exit; its status is its own, if it comes in time.
        let status = poll_for(Duration::from_secs(5), Duration::from_millis(1), || {
            self.child.try_wait()
        });
        match status {
            Ok(Some(status)) => {
                self.reaped = true;
                status.to_string()
            }
            Ok(None) => "it closed its terminal and ran on".to_owned(),
            Err(error) => format!("its end is not known: {error}"),
        }
    }

    fn kill(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Both fail only if nobody is left.
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
        }
    }
}
