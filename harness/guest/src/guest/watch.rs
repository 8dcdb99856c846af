//! The thread that owns a guest: starts it, reads its console, and sees to it that it ends and is gone.

use super::console::{Console, Event};
use super::processor::Processor;
use super::surroundings::Surroundings;
use super::user::User;
use super::{Canceller, Guest, GuestConfig, GuestEnd, GuestError, GuestReport, HostStatus, RunsOn};
use super::{command_line, memory, spawn, sweep};
use crate::protocol::Message;
use crate::stock::Start;
use crate::stock::archive::unpack;
use crate::stock::machine::{self, MONITOR, RECORDS, SAVED};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use std::fs::{self, File};
use std::io::{BufReader, PipeReader, Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// How long a guest that has said its last words may go on speaking (its stack trace) before it is ended.
const AFTER_LAST_WORDS: Duration = Duration::from_millis(250);
/// How often, at most, the guest's memory is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Messages that may wait for a slow caller; then the guest's console waits, and the stall clock with it.
const WAITING_MESSAGES: usize = 1024;

pub(super) fn start(config: GuestConfig) -> Result<Guest, GuestError> {
    let cancel =
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|errno| GuestError::System {
            action: "make an eventfd".into(),
            source: errno.into(),
        })?;
    let canceller = Canceller(Arc::new(cancel));
    let cancelled = canceller.0.clone();
    let (messages, receiver) = sync_channel(WAITING_MESSAGES);
    let (started, start) = sync_channel(1);
    let watcher = std::thread::Builder::new()
        .name("guest".into())
        .spawn(move || {
            // A failed start is told through `started` alone.
            let mut watch = match Watch::begin(&config, cancelled, messages) {
                Ok(watch) => watch,
                Err(error) => {
                    let _ = started.send(Err(error));
                    return Err(GuestError::Watcher("the guest was never started".into()));
                }
            };
            let _ = started.send(Ok((watch.pid(), watch.wrapped())));
            let end = watch.until_end(&config);
            watch.finish(end)
        })
        .map_err(|source| GuestError::System {
            action: "start a thread".into(),
            source,
        })?;
    let (pid, wrapped) = start
        .recv()
        .map_err(|_| GuestError::Watcher("it ended before the guest started".into()))??;
    Ok(Guest {
        canceller,
        messages: receiver,
        watcher: Some(watcher),
        pid,
        wrapped,
    })
}

struct Watch {
    surroundings: Surroundings,
    child: Child,
    /// Held until the guest is gone.
    _processor: Option<Processor>,
    /// The guest kernel's process where the child is unshare(1), once it is known.
    inner: Option<i32>,
    child_ended: OwnedFd,
    reader: PipeReader,
    cancelled: Arc<OwnedFd>,
    messages: SyncSender<String>,
    console: Console,
    started: Instant,
    progress: Instant,
    first_message: Option<Duration>,
    last_words: Option<(String, Instant)>,
    said: Option<GuestEnd>,
    peak_memory_kib: Option<u64>,
    looked: Instant,
}

impl Watch {
    fn begin(
        config: &GuestConfig,
        cancelled: Arc<OwnedFd>,
        messages: SyncSender<String>,
    ) -> Result<Self, GuestError> {
        let system = |action: &str| {
            let action = action.to_owned();
            move |source| GuestError::System { action, source }
        };
        let user = User::choose(config.run_as)?;
        let memory_folder = match &config.runs_on {
            RunsOn::Kernel(_) => Some(memory::choose(config.memory_mib, user)?),
            RunsOn::Stock(_) | RunsOn::Host => None,
        };
        // A sandbox is on the host's own kernel and clock, and may do several things at a time.
        let processor = match &config.runs_on {
            RunsOn::Kernel(_) | RunsOn::Stock(_) => Processor::take(),
            RunsOn::Host => None,
        };
        let started = Instant::now();
        let surroundings = Surroundings::enter(config, user)?;
        let attempt = || {
            let (command, as_user, what) = match (&config.runs_on, &surroundings.kernel, &memory_folder) {
                (RunsOn::Kernel(own), Some(kernel), Some(memory_folder)) => {
                    let (memory, clock) = (config.memory_mib, config.clock_start);
                    let init = (!surroundings.init_in_share).then_some(surroundings.init.as_path());
                    let arguments = command_line::arguments(own.version, init, memory, clock)?;
                    let what = format!("start the guest kernel {}", own.path.display());
                    let boot = spawn::boot(&surroundings, kernel, &arguments, Some(memory_folder));
                    (boot, Some(user).filter(|user| user.other), what)
                }
                (RunsOn::Stock(stock), Some(qemu), _) => {
                    let saved = surroundings.handed.first();
                    let arguments = match (&stock.start, saved) {
                        (Start::GoOn { .. }, Some(saved)) => {
                            machine::going_on(stock.memory_mib, saved.as_raw_fd())
                        }
                        (Start::GoOn { .. } | Start::Boot, _) => machine::booting(stock.memory_mib),
                    };
                    let boot = spawn::boot(&surroundings, qemu, &arguments, None);
                    let user = Some(user).filter(|user| user.other);
                    (boot, user, format!("start {}", qemu.display()))
                }
                (RunsOn::Kernel(_) | RunsOn::Stock(_) | RunsOn::Host, _, _) => {
                    let what = format!("start {} in namespaces of its own", config.init.display());
                    // Init begins as root, and makes the payload another user's.
                    (spawn::begin_sandbox(&surroundings), None, what)
                }
            };
            let (reader, writer) = std::io::pipe().map_err(system("make a pipe for the console"))?;
            rustix::io::ioctl_fionbio(&reader, true)
                .map_err(|errno| system("set up the console's pipe")(errno.into()))?;
            let mut child = spawn::spawn(
                &surroundings,
                command,
                writer,
                as_user,
                processor.as_ref().map(Processor::set),
            )
            .map_err(system(&what))?;
            match lvs_matrix_keeper::ended(&child) {
                Ok(child_ended) => Ok((child, child_ended, reader)),
                Err(error) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    Err(system("watch the guest's process")(error))
                }
            }
        };
        match attempt() {
            Ok((child, child_ended, reader)) => Ok(Self {
                surroundings,
                child,
                _processor: processor,
                inner: None,
                child_ended,
                reader,
                cancelled,
                messages,
                console: Console::default(),
                started,
                progress: Instant::now(),
                first_message: None,
                last_words: None,
                said: None,
                peak_memory_kib: None,
                looked: started,
            }),
            Err(error) => {
                surroundings.clean_up();
                Err(error)
            }
        }
    }

    fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Of a guest with a kernel of its own: is the child unshare(1)?
    fn wrapped(&self) -> Option<bool> {
        let kernel = self.surroundings.kernel.as_ref();
        kernel.map(|_| self.surroundings.wrapped)
    }

    /// Watches until the guest has ended or is to be ended. `None`: its process ended by itself.
    fn until_end(&mut self, config: &GuestConfig) -> Option<GuestEnd> {
        loop {
            let deadline = match &self.last_words {
                Some((words, when)) => match AFTER_LAST_WORDS.checked_sub(when.elapsed()) {
                    Some(rest) => rest,
                    None => return Some(GuestEnd::Panicked(words.clone())),
                },
                None => match config.stall.checked_sub(self.progress.elapsed()) {
                    Some(rest) => rest,
                    None if self.is_starved(config) => LOOK,
                    None => return Some(GuestEnd::Stalled(config.stall)),
                },
            };
            let (mut readable, mut cancelled, mut ended) = (false, false, false);
            {
                let mut ready = [
                    PollFd::new(&self.reader, PollFlags::IN),
                    PollFd::new(&*self.cancelled, PollFlags::IN),
                    PollFd::new(&self.child_ended, PollFlags::IN),
                ];
                let timeout = deadline.min(LOOK).try_into().ok();
                // An interrupted poll is a short one.
                if poll(&mut ready, timeout.as_ref()).is_ok() {
                    readable = !ready[0].revents().is_empty();
                    cancelled = !ready[1].revents().is_empty();
                    ended = !ready[2].revents().is_empty();
                }
            }
            if cancelled {
                return Some(GuestEnd::Cancelled);
            }
            // What was said before the end is read after it.
            if ended {
                while self.read() {}
                return None;
            }
            if readable && !self.read() {
                // Every writer closed its end, but the process is there: wait for that alone.
                self.await_child(deadline);
            }
            if self.looked.elapsed() >= LOOK {
                self.look_at_memory();
            }
        }
    }

    /// Was a machine that boots, silent for so long, given less of a processor than that? It computes all the
    /// time, whether it gets on or not: so on a busy host its own time is what counts, within reason.
    fn is_starved(&mut self, config: &GuestConfig) -> bool {
        let boots = matches!(&config.runs_on, RunsOn::Stock(machine) if matches!(machine.start, Start::Boot));
        boots && self.progress.elapsed() < config.stall * 10 && self.processor_time() < Some(config.stall)
    }

    /// What the guest's main process has used of a processor (proc(5): the fields utime and stime of `stat`,
    /// in ticks, of which user space sees a hundred a second).
    fn processor_time(&mut self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.main_process()?)).ok()?;
        let (_, behind_name) = stat.rsplit_once(')')?;
        let ticks = behind_name.split_ascii_whitespace().skip(11).take(2);
        let ticks = ticks
            .map(|ticks| ticks.parse::<u64>().ok())
            .sum::<Option<u64>>()?;
        Some(Duration::from_millis(ticks * 10))
    }

    /// Reads a piece of the console. `false`: nothing there, or nothing more to come.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 64 * 1024];
        match self.reader.read(&mut bytes) {
            Ok(0) => false,
            Ok(length) => {
                let mut events = Vec::new();
                self.console.feed(&bytes[..length], &mut events);
                self.take(events);
                true
            }
            Err(error) => error.kind() == std::io::ErrorKind::Interrupted,
        }
    }

    fn await_child(&mut self, patience: Duration) {
        let mut ready = [
            PollFd::new(&self.child_ended, PollFlags::IN),
            PollFd::new(&*self.cancelled, PollFlags::IN),
        ];
        let timeout = patience.try_into().ok();
        let _ = poll(&mut ready, timeout.as_ref());
    }

    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Message(message) => {
                    let _ = self.kernel();
                    self.first_message.get_or_insert_with(|| self.started.elapsed());
                    match message {
                        // A caller that no longer listens has dropped the guest and cancels it.
                        Message::Say(text) => drop(self.messages.send(text)),
                        Message::End(end) => {
                            self.said = Some(GuestEnd::PoweredOff(end));
                            self.look_at_memory();
                        }
                        Message::Failed(reason) => self.said = Some(GuestEnd::InitFailed(reason)),
                        Message::Ready => self.save(),
                        Message::Stored { from, bytes } => self.fetch(from, bytes),
                    }
                    // After the hand-over, which may have waited for the caller.
                    self.progress = Instant::now();
                }
                Event::LastWords(words) => {
                    if self.last_words.is_none() {
                        self.last_words = Some((words, Instant::now()));
                        self.look_at_memory();
                    }
                }
            }
        }
    }

    /// Saves a machine that waits for its job, which ends it. One that went on from there says nothing of the
    /// kind.
    fn save(&mut self) {
        let saved = File::open(&self.surroundings.private).and_then(|folder| {
            // A socket's path may have 108 bytes, unix(7).
            let socket = format!("/proc/self/fd/{}/{MONITOR}", folder.as_raw_fd());
            machine::save(Path::new(&socket), SAVED)
        });
        self.said = Some(match saved {
            Ok(()) => GuestEnd::Saved,
            Err(error) => GuestEnd::InitFailed(format!("the machine cannot be saved: {error}")),
        });
        let _ = self.child.kill();
    }

    /// Takes files that the guest has put onto its drive into the share. What cannot be taken is missed by
    /// the caller, who finds the reason among the console's lines.
    fn fetch(&mut self, from: u64, bytes: u64) {
        let fetched = File::open(self.surroundings.private.join(RECORDS)).and_then(|mut drive| {
            drive.seek(SeekFrom::Start(from))?;
            unpack(
                BufReader::with_capacity(1 << 20, drive.take(bytes)),
                &self.surroundings.share,
                false,
            )
        });
        if let Err(error) = fetched {
            let words = format!("\nfiles of the guest cannot be taken from its drive: {error}\n");
            self.console.feed(words.as_bytes(), &mut Vec::new());
        }
    }

    /// The guest kernel's main process: the child, or, where that is unshare(1), its only child. A sandbox
    /// has none.
    fn kernel(&mut self) -> Option<i32> {
        self.surroundings.kernel.as_ref()?;
        self.main_process()
    }

    fn main_process(&mut self) -> Option<i32> {
        let child = self.pid();
        if !self.surroundings.wrapped {
            return Some(child);
        }
        // Kept: when unshare(1) has ended, its child is no longer told.
        if self.inner.is_none() {
            let children = fs::read_to_string(format!("/proc/{child}/task/{child}/children")).ok()?;
            self.inner = children
                .split_ascii_whitespace()
                .next()
                .and_then(|pid| pid.parse().ok());
        }
        self.inner
    }

    fn look_at_memory(&mut self) {
        self.looked = Instant::now();
        let peak = self
            .kernel()
            .and_then(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok())
            .and_then(|status| {
                status.lines().find_map(|line| {
                    line.strip_prefix("VmHWM:")?
                        .trim()
                        .strip_suffix(" kB")?
                        .trim()
                        .parse()
                        .ok()
                })
            });
        self.peak_memory_kib = self.peak_memory_kib.max(peak);
    }

    /// Makes sure that nothing is left, and tells the story.
    fn finish(mut self, end: Option<GuestEnd>) -> Result<GuestReport, GuestError> {
        if end.is_some() {
            self.look_at_memory();
        }
        let inner = self.kernel().filter(|_| self.surroundings.wrapped);
        let _ = self.child.kill();
        // Before the main process is reaped: until then its number, the session's, cannot become another's.
        let swept = sweep::end_all(self.pid())
            // Behind unshare(1) a kernel leads a session of its own (setsid(2) in arch/um/os-Linux/main.c),
            // and the host's kernel ends it with unshare(1), and with it all of its PID namespace.
            .and_then(|()| inner.map_or(Ok(()), sweep::await_gone));
        let status = match self.child.wait() {
            // unshare(1) keeps to itself how the kernel ended.
            Ok(status) if self.surroundings.wrapped && status.signal().is_none() => HostStatus::Unknown,
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => HostStatus::Exited(code),
                (None, Some(signal)) => HostStatus::Signalled(signal),
                (None, None) => HostStatus::Unknown,
            },
            Err(_) => HostStatus::Unknown,
        };
        while self.read() {}
        let mut events = Vec::new();
        self.console.finish(&mut events);
        self.take(events);
        self.surroundings.clean_up();
        let end = match (end, self.said, self.last_words) {
            (Some(end), _, _) => end,
            (None, _, Some((words, _))) => GuestEnd::Panicked(words),
            (None, Some(said), None) => said,
            (None, None, None) => GuestEnd::Died(status),
        };
        let (console, console_lines_lost) = self.console.into_lines();
        swept.map(|()| GuestReport {
            end,
            console,
            console_lines_lost,
            wall: self.started.elapsed(),
            first_message: self.first_message,
            peak_memory_kib: self.peak_memory_kib,
        })
    }
}
