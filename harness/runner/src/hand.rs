//! A lab in somebody's hands: ready before its change, it does what is asked of it, one request after
//! another.
//!
//! Under virtual time, time stands still until something is asked: this thread then asks again and again and
//! sleeps in no system call, and time moves only when all that runs sleeps. What is asked says how much time
//! may pass: a command takes what it waits for, or, in a terminal, what the caller grants it.

mod job;

pub use job::{Size, Start, Stream};

use crate::error::{LabError, Result, Stage};
use crate::timeline::Timeline;
use job::{Event, Job};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::{self, PointFrames, Remarks};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::plan::Phase;
use lvs_matrix_model::record::{ByHand, CaptureRecord, CellRecord, Environment, StepOutcome, StepRecord};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// How often the caller is asked while virtual time passes, in virtual time.
const LOOK_VIRTUAL: Duration = Duration::from_millis(100);
/// How often the caller is asked in real time.
const LOOK_REAL: Duration = Duration::from_millis(5);

/// What is asked of a lab. Each is answered by [`News::Done`] when it is over.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Start a command.
    Start(Start),
    /// Start a command, let time pass until it has ended, and end the session. It can be asked for before
    /// the lab is made, where nothing more can be asked for after that.
    Only(Start),
    /// Let time pass until the command of this number has ended.
    Await(u32),
    /// Let so much time pass, or less if the command of this number ends before.
    Pass(Duration, Option<u32>),
    /// Give bytes to the terminal of a command.
    Input(u32, Vec<u8>),
    /// The terminal of a command has another size.
    Resize(u32, Size),
    /// Send a signal, by its number, to the processes of a command.
    Signal(u32, i32),
    /// Play the scenario's steps up to the end of this phase.
    Play(Phase),
    /// Say which packets a host's interfaces have seen since this was asked last, as tcpdump prints them.
    Packets(String),
    /// Stop waiting: [`Request::Await`] and [`Request::Pass`] are over at once.
    Enough,
    /// The session is over.
    Leave,
}

/// What a lab says to its caller.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum News {
    /// The lab is as it is before the cell's change.
    Ready {
        /// What went otherwise than the scenario says on the way there, a line each.
        trouble: Vec<String>,
        /// The cell's clock.
        now: Instant,
    },
    /// A command printed something. Each character is a byte.
    Output(u32, Stream, String),
    /// A command has ended: its exit code, or 128 and the number of the signal that ended it.
    Ended(u32, i32),
    /// Lines for the caller to read.
    Text(Vec<String>),
    /// A request cannot be done; why.
    Refused(String),
    /// A request is done, at this time of the cell's clock.
    Done(Instant),
}

/// The caller's side of a session.
pub struct Session<'a> {
    /// What is asked next, if something is. It must not wait.
    pub asked: &'a mut dyn FnMut() -> Option<Request>,
    /// Takes news, from any thread.
    pub tell: Arc<dyn Fn(News) + Send + Sync>,
    /// Does time stand still while nothing is asked?
    pub virtual_time: bool,
}

/// A session with its lab.
pub(crate) struct Hand<'a, 'b> {
    session: &'a mut Session<'b>,
    environment: Environment,
    /// Where commands run: what they write there is kept with the cell.
    folder: PathBuf,
    jobs: Vec<Job>,
    events: Receiver<Event>,
    sender: Sender<Event>,
    over: bool,
    /// How many packets of each capture point were listed.
    listed: Vec<usize>,
    /// What was typed.
    pub(crate) lines: Vec<ByHand>,
}

impl<'a, 'b> Hand<'a, 'b> {
    pub(crate) fn new(session: &'a mut Session<'b>, environment: Environment, folder: &Path) -> Self {
        let (sender, events) = channel();
        Self {
            session,
            environment,
            folder: folder.to_owned(),
            jobs: Vec::new(),
            events,
            sender,
            over: false,
            listed: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Brings the lab to where its change would begin, does what is asked, and gives the end of it.
    pub(crate) fn play(&mut self, timeline: &mut Timeline<'_>) -> Result<Instant> {
        timeline.play_to(Phase::Before)?;
        timeline.leave_to(Phase::Change)?;
        let trouble = told(timeline, 0).into_iter().filter(|(good, _)| !good);
        (self.session.tell)(News::Ready {
            trouble: trouble.map(|(_, line)| line).collect(),
            now: timeline.clock.now(),
        });
        while !self.over {
            let request = self.next(timeline);
            if let Err(error) = self.serve(timeline, request) {
                (self.session.tell)(News::Refused(error.to_string()));
            }
            (self.session.tell)(News::Done(timeline.clock.now()));
        }
        // What still runs is part of what was seen, and ends now.
        self.jobs.clear();
        timeline.stop_here()
    }

    /// Waits for the next request.
    fn next(&mut self, timeline: &Timeline<'_>) -> Request {
        loop {
            while let Ok(event) = self.events.try_recv() {
                self.note(timeline, &event);
            }
            self.hand_over();
            if let Some(request) = (self.session.asked)() {
                return request;
            }
            if self.session.virtual_time {
                // Others may have something left to compute at this moment of virtual time.
                std::thread::yield_now();
            } else if let Ok(event) = self.events.recv_timeout(LOOK_REAL) {
                self.note(timeline, &event);
            }
        }
    }

    fn serve(&mut self, timeline: &mut Timeline<'_>, request: Request) -> Result<()> {
        match request {
            Request::Start(start) => self.start(timeline, start),
            Request::Only(start) => {
                self.over = true;
                let job = start.job;
                self.start(timeline, start)?;
                self.pass(timeline, None, Some(job))
            }
            Request::Await(job) => self.pass(timeline, None, Some(job)),
            Request::Pass(time, job) => self.pass(timeline, Some(time), job),
            Request::Input(..) | Request::Resize(..) | Request::Signal(..) => self.hand_on(&request),
            Request::Play(phase) => self.steps(timeline, phase),
            Request::Packets(host) => {
                let lines = self.packets(timeline, &host)?;
                (self.session.tell)(News::Text(lines));
                Ok(())
            }
            Request::Enough => Ok(()),
            Request::Leave => {
                self.over = true;
                Ok(())
            }
        }
    }

    fn start(&mut self, timeline: &Timeline<'_>, start: Start) -> Result<()> {
        let node = node(timeline, &start.on)?;
        let namespace = timeline.lab.namespace(&node)?;
        let line = start.line.clone();
        if usize::try_from(start.job) != Ok(self.lines.len() + 1) {
            let next = self.lines.len() + 1;
            return Err(LabError::new(
                "start a command",
                format!("its number must be {next}"),
            ));
        }
        let began = timeline.clock.now();
        let (folder, events) = (self.folder.clone(), self.sender.clone());
        let job = Job::start(namespace, start, folder, events, Arc::clone(&self.session.tell))
            .stage(format!("run `{line}` on {node}"))?;
        self.jobs.push(job);
        self.lines.push(ByHand {
            node,
            line,
            began,
            ended: None,
            exit: None,
        });
        Ok(())
    }

    /// Gives commands what was typed for them, as far as their terminals take it.
    fn hand_over(&mut self) {
        for job in &mut self.jobs {
            if let Err(error) = job.hand_over() {
                let why = LabError::new("type into a terminal", error.to_string());
                (self.session.tell)(News::Refused(why.to_string()));
            }
        }
    }

    /// What is for a command that runs.
    fn hand_on(&mut self, request: &Request) -> Result<()> {
        let mut jobs = self.jobs.iter_mut();
        let mut job = |number: &u32| jobs.find(|job| job.number == *number);
        // One that has ended meanwhile needs nothing any more.
        match request {
            Request::Input(number, bytes) => {
                job(number).map_or(Ok(()), |job| job.input(bytes).stage("type into a terminal"))
            }
            Request::Resize(number, size) => {
                job(number).map_or(Ok(()), |job| job.resize(*size).stage("resize a terminal"))
            }
            Request::Signal(number, signal) => {
                job(number).map_or(Ok(()), |job| job.signal(*signal).stage("send a signal"))
            }
            Request::Start(_)
            | Request::Only(_)
            | Request::Await(_)
            | Request::Pass(..)
            | Request::Play(_)
            | Request::Packets(_)
            | Request::Enough
            | Request::Leave => Err(LabError::new(
                "hand on to a command",
                "the command that runs has to end first",
            )),
        }
    }

    /// Lets time pass: so much, or until the job has ended, or until the caller has enough.
    fn pass(&mut self, timeline: &Timeline<'_>, time: Option<Duration>, job: Option<u32>) -> Result<()> {
        let until = time.map(|time| std::time::Instant::now() + time);
        let look = if self.session.virtual_time {
            LOOK_VIRTUAL
        } else {
            LOOK_REAL
        };
        let ended = |own: &Self| job.is_some_and(|job| own.jobs.iter().all(|one| one.number != job));
        while !ended(self) {
            let left = until.map(|until| until.saturating_duration_since(std::time::Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            match self.events.recv_timeout(left.map_or(look, |left| left.min(look))) {
                Ok(event) => self.note(timeline, &event),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.hand_over();
            while let Some(request) = (self.session.asked)() {
                // Each has its answer; that of what is waited for comes last.
                let enough = matches!(request, Request::Enough | Request::Leave);
                self.over |= matches!(request, Request::Leave);
                if !enough && let Err(error) = self.hand_on(&request) {
                    (self.session.tell)(News::Refused(error.to_string()));
                }
                (self.session.tell)(News::Done(timeline.clock.now()));
                if enough {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, timeline: &Timeline<'_>, event: &Event) {
        self.jobs.retain(|job| job.number != event.job);
        let line = usize::try_from(event.job).ok().and_then(|job| job.checked_sub(1));
        if let Some(line) = line.and_then(|line| self.lines.get_mut(line)) {
            (line.ended, line.exit) = (Some(timeline.clock.now()), Some(event.exit));
        }
        (self.session.tell)(News::Ended(event.job, event.exit));
    }

    /// Plays steps of the scenario, and says how they went.
    fn steps(&mut self, timeline: &mut Timeline<'_>, phase: Phase) -> Result<()> {
        let before = timeline.steps.len();
        timeline.play_to(phase)?;
        if phase == Phase::Change {
            timeline.leave_to(Phase::Act)?;
        }
        let lines: Vec<String> = told(timeline, before).into_iter().map(|(_, line)| line).collect();
        (self.session.tell)(News::Text(if lines.is_empty() {
            vec![format!("no step of the phase `{phase}` is left")]
        } else {
            lines
        }));
        Ok(())
    }

    /// The packets of a host that were not listed yet.
    fn packets(&mut self, timeline: &Timeline<'_>, host: &str) -> Result<Vec<String>> {
        let node = node(timeline, host)?;
        let seen = timeline.captures.so_far();
        let (points, frames): (Vec<_>, Vec<_>) =
            seen.into_iter().map(|seen| (seen.point, seen.frames)).unzip();
        let named = capture::names(&points).into_iter().zip(frames);
        let frames: Vec<PointFrames> = named.map(|(name, frames)| PointFrames { name, frames }).collect();
        let bytes = capture::write(&frames, &Remarks::default()).stage("write the capture")?;
        let mut record = CellRecord::begun(timeline.plan.clone(), self.environment.clone());
        record.epoch_unix_nanos = timeline.clock.epoch_unix_nanos();
        record.capture = Some(CaptureRecord { points });
        let packets = capture::read(&bytes, &record).stage("read the capture")?;
        let points = record.capture.iter().flat_map(|capture| &capture.points);
        let mut lines = Vec::new();
        for (index, point) in points.enumerate() {
            self.listed.resize(self.listed.len().max(index + 1), 0);
            let trace = capture::trace::trace(&packets, &record, index);
            let Some(listed) = self.listed.get_mut(index).filter(|_| point.node == node) else {
                continue;
            };
            for line in trace.iter().skip(*listed) {
                let mut text = format!("{} {}: {}", seconds(line.at), point.interface, line.text);
                if let Some(said) = &line.mysql {
                    // Writing into a String cannot fail.
                    let _ = write!(text, "  [{said}]");
                }
                lines.push(text);
            }
            *listed = trace.len();
        }
        if lines.is_empty() {
            lines.push(format!("{node} has seen no packet since"));
        }
        Ok(lines)
    }
}

/// A time of the cell's clock to the microsecond.
fn seconds(at: Instant) -> String {
    let micros = at.0 / 1000;
    format!("{}.{:06}", micros / 1_000_000, (micros % 1_000_000).abs())
}

fn node(timeline: &Timeline<'_>, name: &str) -> Result<Node> {
    let mut nodes = timeline.plan.hosts.iter().map(|host| &host.node);
    let found = nodes.find(|node| node.to_string() == name);
    found
        .cloned()
        .ok_or_else(|| LabError::new("find the host", format!("the lab has no host `{name}`")))
}

/// How the steps went from that number on: whether it was as planned, and a line.
fn told(timeline: &Timeline<'_>, from: usize) -> Vec<(bool, String)> {
    let told = |step: &StepRecord| {
        let (good, how) = match &step.outcome {
            StepOutcome::Done { proof } if proof.is_blank() => (true, "done".to_owned()),
            StepOutcome::Done { proof } => (true, proof.to_string()),
            StepOutcome::ClientFailed => (true, "the client got an error".to_owned()),
            StepOutcome::Unfinished => (true, "not finished when the observation ended".to_owned()),
            StepOutcome::Failed { reason } => (false, format!("failed: {reason}")),
            StepOutcome::NotReached => (false, "not reached".to_owned()),
        };
        (
            good,
            format!("step {} ({}), {}: {how}", step.number, step.phase, step.action),
        )
    };
    timeline.steps.iter().skip(from).map(told).collect()
}
