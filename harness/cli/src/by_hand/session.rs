//! The user's end of a session: requests go out, and whatever happens comes in as one event after another.
//!
//! Requests are files in the shared folder: `1`, `2`, … Each is there whole or not at all, and is removed by
//! who takes it.

use crate::error::Failure;
use lvs_matrix_guest::Brake;
use lvs_matrix_runner::{News, Request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::SIGWINCH;
use std::fs;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

/// How long a lab that has nothing to do is left running before it is halted.
const IDLE: Duration = Duration::from_millis(200);
/// So much is read of standard input at once, bytes.
const PIECE: usize = 4096;

/// Something happened.
#[derive(Debug)]
pub(super) enum Event {
    /// The lab said something.
    News(News),
    /// The lab is gone.
    Gone,
    /// Somebody typed this; nothing: standard input is at its end.
    Typed(Vec<u8>),
    /// A signal came for this process.
    Signal(i32),
    /// The time is over.
    TimeOver,
}

/// A session with a lab.
pub(super) struct Session {
    requests: Requests,
    news: Receiver<News>,
    /// A byte for each of `news`; at its end when the guest has ended.
    wake: PipeReader,
    /// A byte for each signal, which is its number.
    signals: PipeReader,
    brake: Option<Brake>,
    /// Does time stand still while nothing is asked?
    pub(super) virtual_time: bool,
    /// Requests that have no answer yet, the making of the lab among them.
    open: usize,
    /// Nothing can be asked any more.
    closed: bool,
    quiet_since: Instant,
    jobs: u32,
}

/// Why there is no answer.
pub(super) fn stopped(signal: i32) -> Failure {
    let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
    Failure::Software(format!("stopped by {name}"))
}

impl Session {
    pub(super) fn new(
        requests: Requests,
        (news, wake): (Receiver<News>, PipeReader),
        signals: PipeReader,
        brake: Option<Brake>,
        virtual_time: bool,
    ) -> Self {
        Self {
            requests,
            news,
            wake,
            signals,
            brake,
            virtual_time,
            open: 1,
            closed: false,
            quiet_since: Instant::now(),
            jobs: 0,
        }
    }

    /// The number of the next command.
    pub(super) fn next_job(&mut self) -> u32 {
        self.jobs += 1;
        self.jobs
    }

    /// Asks for something.
    pub(super) fn ask(&mut self, request: &Request) -> Result<(), Failure> {
        self.requests.send(request)?;
        self.open += 1;
        self.quiet_since = Instant::now();
        if let Some(brake) = &mut self.brake {
            brake.release();
        }
        Ok(())
    }

    /// Counts the one thing that was asked before the guest was started, which has no way in: nothing more
    /// can be asked.
    pub(super) fn asked_before(&mut self) {
        self.open += 1;
        self.closed = true;
    }

    /// Can nothing be asked any more?
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Ends the session. That nobody is there any more is no failure.
    pub(super) fn leave(&mut self) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        let left = self.ask(&Request::Leave);
        // It goes on, and is not halted any more.
        self.brake = None;
        left
    }

    /// Waits until the lab is ready; says what went wrong on the way.
    pub(super) fn ready(&mut self) -> Result<(Vec<String>, i64), Failure> {
        let until = Instant::now() + Duration::from_secs(super::STALL);
        loop {
            match self.next(false, Some(until))? {
                Event::News(News::Ready { trouble, now }) => return Ok((trouble, now.0)),
                Event::News(_) | Event::Typed(_) | Event::Signal(SIGWINCH) => {}
                Event::Gone => return Err(Failure::Software("the lab ended before it was ready".to_owned())),
                Event::Signal(signal) => return Err(stopped(signal)),
                Event::TimeOver => {
                    return Err(Failure::Unavailable(format!(
                        "the lab was not ready within {} s",
                        super::STALL
                    )));
                }
            }
        }
    }

    /// Is everything answered that was asked?
    pub(super) fn is_settled(&self) -> bool {
        self.open == 0
    }

    /// Halts the lab if it only waits.
    fn rest(&mut self) {
        if self.open == 0
            && let Some(brake) = &mut self.brake
        {
            brake.hold();
        }
    }

    /// Waits for what happens next, if need be until `until`. What is typed is left alone unless it is asked
    /// for.
    pub(super) fn next(&mut self, typed: bool, until: Option<Instant>) -> Result<Event, Failure> {
        loop {
            match self.news.try_recv() {
                Ok(news) => {
                    if matches!(news, News::Done(_) | News::Ready { .. }) {
                        self.open = self.open.saturating_sub(1);
                    }
                    self.quiet_since = Instant::now();
                    return Ok(Event::News(news));
                }
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return Ok(Event::Gone),
            }
            let now = Instant::now();
            if until.is_some_and(|until| until <= now) {
                return Ok(Event::TimeOver);
            }
            let rest_at = self.quiet_since + IDLE;
            if rest_at <= now {
                self.rest();
            }
            let next = [until, Some(rest_at).filter(|at| *at > now)];
            let next = next.into_iter().flatten().min();
            let timeout = next.and_then(|at| Timespec::try_from(at.saturating_duration_since(now)).ok());
            let stdin = io::stdin();
            let mut ready = vec![
                PollFd::new(&self.wake, PollFlags::IN),
                PollFd::new(&self.signals, PollFlags::IN),
            ];
            if typed {
                ready.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN));
            }
            match poll(&mut ready, timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Failure::Software(format!("cannot wait for a lab: {error}"))),
            }
            let is_ready = |index: usize| ready.get(index).is_some_and(|fd| !fd.revents().is_empty());
            let (woken, signalled, input) = (is_ready(0), is_ready(1), is_ready(2));
            drop(ready);
            if signalled {
                let mut number = [0];
                if matches!(self.signals.read(&mut number), Ok(1)) {
                    return Ok(Event::Signal(number[0].into()));
                }
            }
            if woken {
                // News are sent before their bytes are, and `news` ends before its bytes do.
                let _ = self.wake.read(&mut [0; 64]);
                continue;
            }
            if input {
                let mut piece = vec![0; PIECE];
                // A terminal that was closed (EIO) is at its end.
                let length = rustix::io::read(&stdin, &mut piece[..]).unwrap_or(0);
                piece.truncate(length);
                return Ok(Event::Typed(piece));
            }
        }
    }
}

/// Their folder in the shared folder.
pub(crate) const FOLDER: &str = "requests";

/// One end of the requests: that which writes them, or that which takes them.
#[derive(Debug)]
pub(crate) struct Requests {
    folder: PathBuf,
    next: u64,
}

impl Requests {
    /// In a shared folder, as this process sees it.
    pub(crate) fn of(share: &Path) -> Self {
        Self {
            folder: share.join(FOLDER),
            next: 1,
        }
    }

    /// Writes the next one.
    pub(crate) fn send(&mut self, request: &Request) -> Result<(), Failure> {
        let failed =
            |error: &dyn std::fmt::Display| Failure::Software(format!("cannot ask the lab: {error}"));
        let text = serde_json::to_vec(request).map_err(|error| failed(&error))?;
        let partial = self.folder.join("partial");
        fs::write(&partial, text)
            .and_then(|()| fs::rename(&partial, self.folder.join(self.next.to_string())))
            .map_err(|error| failed(&error))?;
        self.next += 1;
        Ok(())
    }

    /// Takes the next one, if it is there. One that cannot be read ends the session.
    pub(crate) fn take(&mut self) -> Option<Request> {
        let file = self.folder.join(self.next.to_string());
        if !file.exists() {
            return None;
        }
        let request = fs::read(&file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or(Request::Leave);
        // What stays is removed with the folder.
        let _ = fs::remove_file(&file);
        self.next += 1;
        Some(request)
    }
}
