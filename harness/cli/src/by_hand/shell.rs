//! The session of `shell`: lines that are typed, or that come from a file or a pipe.

use super::exec::{Outcome, gone, print, said_end, until_settled};
use super::line::{self, Line};
use super::session::{Event, Session, stopped};
use crate::error::{Failure, MISTAKE};
use crate::output;
use lvs_matrix_runner::{News, Request, Size, Start};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use signal_hook::consts::{SIGINT, SIGWINCH};
use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Virtual time that a command in a terminal is granted at once, in as much time of the user's.
const TICK: Duration = Duration::from_millis(50);
/// Ctrl-], which leaves a command running.
const ESCAPE: u8 = 0x1d;
/// As a shell's, for a command that cannot be run.
const CANNOT_RUN: u8 = 126;

/// Serves whoever types, until the end of the input.
pub(super) fn serve(session: &mut Session, hosts: &[String]) -> Result<ExitCode, Failure> {
    let (trouble, now) = session.ready()?;
    for line in trouble {
        output::talk(&line);
    }
    let mut shell = Shell {
        session,
        hosts,
        here: None,
        clock: now,
        typed: Vec::new(),
        ended: false,
        jobs: Vec::new(),
        by_a_person: is_terminal(),
        last: ExitCode::SUCCESS,
    };
    if shell.by_a_person {
        output::talk(&format!(
            "hosts: {}; `help` says what may be typed",
            hosts.join(", ")
        ));
    }
    while let Some(line) = shell.next_line()? {
        if matches!(shell.obey(&line)?, Next::Leave) {
            break;
        }
    }
    Ok(if shell.by_a_person {
        ExitCode::SUCCESS
    } else {
        shell.last
    })
}

enum Next {
    Line,
    Leave,
}

/// A command that runs in the background.
struct Job {
    number: u32,
    line: String,
    in_terminal: bool,
}

struct Shell<'a> {
    session: &'a mut Session,
    hosts: &'a [String],
    /// The host on which commands are run.
    here: Option<String>,
    /// The cell's clock when it was last told, ns.
    clock: i64,
    /// What was typed and not yet read as lines.
    typed: Vec<u8>,
    /// Nothing more is typed.
    ended: bool,
    jobs: Vec<Job>,
    by_a_person: bool,
    /// The exit code of the last command.
    last: ExitCode,
}

impl Shell<'_> {
    /// The next line that is typed; `None` at the end.
    fn next_line(&mut self) -> Result<Option<String>, Failure> {
        self.prompt();
        loop {
            if let Some(end) = self.typed.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.typed.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if self.ended {
                let rest = std::mem::take(&mut self.typed);
                let rest = String::from_utf8_lossy(&rest).into_owned();
                return Ok(Some(rest).filter(|rest| !rest.is_empty()));
            }
            match self.session.next(true, None)? {
                Event::Typed(bytes) if bytes.is_empty() => {
                    self.ended = true;
                    if self.by_a_person {
                        output::bytes(false, b"\n");
                    }
                }
                Event::Typed(bytes) => self.typed.extend(bytes),
                Event::Signal(SIGINT) if self.by_a_person => {
                    // The terminal has thrown away what was typed of the line.
                    self.typed.clear();
                    output::bytes(false, b"\n");
                    self.prompt();
                }
                Event::Signal(SIGWINCH) | Event::TimeOver => {}
                Event::Signal(signal) => return Err(stopped(signal)),
                Event::News(news) => self.hear(news)?,
                Event::Gone => return Err(gone()),
            }
        }
    }

    fn prompt(&self) {
        if self.by_a_person && self.typed.is_empty() {
            let millis = self.clock / 1_000_000;
            let here = self.here.as_deref().unwrap_or("lab");
            let text = format!("[+{}.{:03}s] {here}# ", millis / 1000, millis % 1000);
            output::bytes(false, text.as_bytes());
        }
    }

    /// Something that the lab says by itself.
    fn hear(&mut self, news: News) -> Result<(), Failure> {
        match news {
            News::Output(_, stream, text) => print(stream, &text),
            News::Ended(job, code) => {
                self.jobs.retain(|one| one.number != job);
                said_end(job, code);
            }
            News::Text(lines) => output::data(&(lines.join("\n") + "\n"))?,
            News::Refused(reason) => output::talk(&format!("error: {reason}")),
            News::Done(now) => self.clock = now.0,
            News::Ready { .. } => {}
        }
        Ok(())
    }

    fn obey(&mut self, line: &str) -> Result<Next, Failure> {
        match line::read(line, self.here.as_deref(), self.hosts) {
            Line::Nothing => {}
            Line::Switch(host) => self.here = Some(host),
            Line::Run {
                on,
                command,
                background,
            } => self.run(&on, command, background)?,
            Line::Wait(time) => self.ask_all([Request::Pass(time, None)].into())?,
            Line::Play(phase) => self.ask_all([Request::Play(phase)].into())?,
            Line::Packets(host) => self.ask_all([Request::Packets(host)].into())?,
            Line::Hosts => output::data(&(self.hosts.join("\n") + "\n"))?,
            Line::Jobs => {
                for Job { number, line, .. } in &self.jobs {
                    output::data(&format!("[{number}] {line}\n"))?;
                }
            }
            Line::Foreground(number) => self.foreground(number)?,
            Line::Help => output::data(&format!("{}\n", line::HELP))?,
            Line::Leave => return Ok(Next::Leave),
            Line::Wrong(why) => {
                self.last = ExitCode::from(MISTAKE);
                output::talk(&format!("error: {why}"));
            }
        }
        Ok(Next::Line)
    }

    /// Asks for something, and waits until it is done.
    fn ask_all(&mut self, requests: VecDeque<Request>) -> Result<(), Failure> {
        for request in requests {
            self.session.ask(&request)?;
        }
        self.settle(None)
    }

    fn settle(&mut self, job: Option<u32>) -> Result<(), Failure> {
        match until_settled(self.session, job, &mut |ended| {
            self.jobs.retain(|one| one.number != ended);
        })? {
            (Outcome::Exit(code), now) => (self.last, self.clock) = (code, now.unwrap_or(self.clock)),
            (Outcome::Refused(reason), now) => {
                self.clock = now.unwrap_or(self.clock);
                self.last = ExitCode::from(CANNOT_RUN);
                output::talk(&format!("error: {reason}"));
            }
            (Outcome::Nothing, now) => self.clock = now.unwrap_or(self.clock),
        }
        Ok(())
    }

    fn run(&mut self, on: &str, command: String, background: bool) -> Result<(), Failure> {
        let number = self.session.next_job();
        // One in the background has nobody who talks to it.
        let terminal = (self.by_a_person && !background).then(of_user);
        let in_terminal = terminal.is_some();
        self.session.ask(&Request::Start(Start {
            job: number,
            on: on.to_owned(),
            line: command.clone(),
            argv: ["/bin/sh", "-c", &command].map(str::to_owned).to_vec(),
            terminal,
            stdin: Vec::new(),
        }))?;
        let job = Job {
            number,
            line: format!("{on} {command}"),
            in_terminal,
        };
        if background {
            output::talk(&format!("[{number}] {}", job.line));
            self.jobs.push(job);
            return self.settle(None);
        }
        self.attend(job)
    }

    fn foreground(&mut self, number: Option<u32>) -> Result<(), Failure> {
        let mut jobs = self.jobs.iter();
        let place = match number {
            None => self.jobs.len().checked_sub(1),
            Some(number) => jobs.position(|job| job.number == number),
        };
        match place {
            Some(place) => {
                let job = self.jobs.remove(place);
                self.attend(job)
            }
            None => {
                output::talk("error: no such command runs; `jobs` lists those that do");
                self.last = ExitCode::from(MISTAKE);
                Ok(())
            }
        }
    }

    /// Waits for a command, and talks to it if it has a terminal.
    fn attend(&mut self, job: Job) -> Result<(), Failure> {
        if !job.in_terminal {
            self.session.ask(&Request::Await(job.number))?;
            return self.settle(Some(job.number));
        }
        let raw = Raw::enter();
        let talked = self.talk_to(job.number);
        drop(raw);
        match talked? {
            Talk::Ended(code) => self.last = ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
            Talk::Left => {
                output::talk(&format!(
                    "\n[{0}] runs on: {1}; `fg {0}` goes back to it",
                    job.number, job.line
                ));
                self.jobs.push(job);
            }
        }
        Ok(())
    }

    /// Keys go to the command, and what it prints comes here. Under virtual time it is granted as much time
    /// as passes here: nothing else could tell how long somebody thinks before they type.
    fn talk_to(&mut self, job: u32) -> Result<Talk, Failure> {
        let size = Request::Resize(job, of_user().0);
        self.session.ask(&size)?;
        let (mut left, mut code) = (false, None);
        let mut tick_at = Instant::now();
        loop {
            if self.session.is_settled() {
                if let Some(code) = code {
                    return Ok(Talk::Ended(code));
                }
                if left {
                    return Ok(Talk::Left);
                }
                if tick_at <= Instant::now() {
                    tick_at = Instant::now() + TICK;
                    self.session.ask(&if self.session.virtual_time {
                        Request::Pass(TICK, Some(job))
                    } else {
                        Request::Await(job)
                    })?;
                }
            }
            let until = Some(tick_at).filter(|_| self.session.is_settled());
            match self.session.next(code.is_none() && !left, until)? {
                Event::Typed(bytes) => {
                    let escape = bytes.iter().position(|byte| *byte == ESCAPE);
                    // Whoever closes the terminal leaves, too.
                    let leaves = escape.is_some() || bytes.is_empty();
                    let bytes = bytes.get(..escape.unwrap_or(bytes.len())).unwrap_or_default();
                    if !bytes.is_empty() {
                        self.session.ask(&Request::Input(job, bytes.to_vec()))?;
                    }
                    if leaves {
                        left = true;
                        self.session.ask(&Request::Enough)?;
                    }
                }
                Event::News(News::Ended(ended, how)) if ended == job => code = Some(how),
                Event::News(news) => self.hear(news)?,
                Event::Signal(SIGWINCH) => self.session.ask(&Request::Resize(job, of_user().0))?,
                Event::Signal(SIGINT) | Event::TimeOver => {}
                Event::Signal(signal) => return Err(stopped(signal)),
                Event::Gone => return Err(gone()),
            }
        }
    }
}

/// How a talk with a command came to its end.
enum Talk {
    /// The command ended, with this exit code.
    Ended(i32),
    /// It runs on.
    Left,
}

/// A terminal whose keys go to a command as they are. Dropped, it is as it was.
#[derive(Debug)]
struct Raw(Termios);

impl Raw {
    /// Makes standard input raw; `None` if it is no terminal.
    fn enter() -> Option<Self> {
        let was = tcgetattr(io::stdin()).ok()?;
        let mut raw = was.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self(was))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs no care.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Does somebody type, and read what is printed?
fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The size of the user's terminal, and its kind.
fn of_user() -> (Size, String) {
    let size = tcgetwinsize(io::stdin()).ok().filter(|size| size.ws_col > 0);
    let size = size.map_or(
        Size {
            rows: 24,
            columns: 80,
        },
        |size| Size {
            rows: size.ws_row,
            columns: size.ws_col,
        },
    );
    (size, std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned()))
}
