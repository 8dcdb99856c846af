//! One command, as if it were run here: its output, its exit code, and the signals that come for it.

use super::session::{Event, Session, stopped};
use crate::error::Failure;
use crate::output;
use lvs_matrix_runner::{News, Request, Start, Stream};
use signal_hook::consts::{SIGINT, SIGTERM, SIGWINCH};
use std::io::Read;
use std::process::ExitCode;

/// No more is read of standard input, bytes.
const MOST_STDIN: u64 = 8 << 20;

/// Everything on standard input.
pub(super) fn all_of_stdin() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(MOST_STDIN + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::Mistake(format!("cannot read standard input: {error}")))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST_STDIN) {
        return Err(Failure::Mistake(format!(
            "standard input is longer than {} MiB: put it into a file, and name that in the command",
            MOST_STDIN >> 20
        )));
    }
    Ok(bytes)
}

/// The command, which is the session's first.
pub(super) fn first(
    hosts: &[String],
    on: &str,
    command: &[String],
    stdin: Vec<u8>,
) -> Result<Start, Failure> {
    let Some(host) = super::line::host_named(hosts, on) else {
        return Err(Failure::Mistake(format!(
            "the lab has no host `{on}`; its hosts: {}",
            hosts.join(", ")
        )));
    };
    Ok(Start {
        job: 1,
        on: host.to_owned(),
        line: command.join(" "),
        argv: command.to_vec(),
        terminal: None,
        stdin,
    })
}

/// Runs the command, and gives its exit code. One that is `None` was asked for before the guest was started.
pub(super) fn serve(session: &mut Session, start: Option<Start>) -> Result<ExitCode, Failure> {
    let (trouble, _) = session.ready()?;
    if !trouble.is_empty() {
        return Err(Failure::Unavailable(format!(
            "the lab is not as the scenario says:\n  {}",
            trouble.join("\n  ")
        )));
    }
    let job = session.next_job();
    match start {
        Some(start) => {
            session.ask(&Request::Start(start))?;
            session.ask(&Request::Await(job))?;
        }
        None => session.asked_before(),
    }
    let (outcome, _) = until_settled(session, Some(job), &mut |_| ())?;
    match outcome {
        Outcome::Exit(code) => Ok(code),
        Outcome::Refused(reason) => Err(Failure::Mistake(reason)),
        Outcome::Nothing => Err(Failure::Software("the command ended without a word".to_owned())),
    }
}

/// What came of what was asked.
pub(super) enum Outcome {
    /// The command that was waited for ended so.
    Exit(ExitCode),
    /// It could not be done.
    Refused(String),
    Nothing,
}

/// Passes on what the lab says until everything is answered, and signals to the command. The second Ctrl-C
/// asks it to end, the third kills it; without a command Ctrl-C ends a wait. Gives the cell's clock, too, ns,
/// and tells which other commands have ended.
pub(super) fn until_settled(
    session: &mut Session,
    job: Option<u32>,
    others: &mut dyn FnMut(u32),
) -> Result<(Outcome, Option<i64>), Failure> {
    let (mut outcome, mut clock) = (Outcome::Nothing, None);
    let mut signals = [SIGINT, SIGTERM].into_iter();
    while !session.is_settled() {
        match session.next(false, None)? {
            Event::News(News::Output(_, stream, text)) => print(stream, &text),
            Event::News(News::Ended(ended, code)) if Some(ended) == job => {
                outcome = Outcome::Exit(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)));
            }
            Event::News(News::Ended(ended, code)) => {
                others(ended);
                said_end(ended, code);
            }
            Event::News(News::Done(now)) => clock = Some(now.0),
            Event::News(News::Text(lines)) => output::data(&(lines.join("\n") + "\n"))?,
            Event::News(News::Refused(reason)) => outcome = Outcome::Refused(reason),
            Event::News(News::Ready { .. }) | Event::Typed(_) | Event::TimeOver | Event::Signal(SIGWINCH) => {
            }
            // The command ends with its guest.
            Event::Signal(signal) if session.is_closed() => return Err(stopped(signal)),
            Event::Signal(SIGINT) => match job {
                Some(job) => {
                    let signal = signals.next().unwrap_or(9);
                    session.ask(&Request::Signal(job, signal))?;
                }
                None => session.ask(&Request::Enough)?,
            },
            Event::Signal(signal) => return Err(stopped(signal)),
            Event::Gone => return Err(gone()),
        }
    }
    Ok((outcome, clock))
}

pub(super) fn gone() -> Failure {
    Failure::Unavailable("the lab is gone".to_owned())
}

/// Says that a command in the background has ended.
pub(super) fn said_end(job: u32, code: i32) {
    output::talk(&format!("[{job}] ended, exit code {code}"));
}

/// Prints what a command printed: each character is a byte.
pub(super) fn print(stream: Stream, text: &str) {
    let bytes: Vec<u8> = text
        .chars()
        .filter_map(|c| u8::try_from(u32::from(c)).ok())
        .collect();
    output::bytes(stream == Stream::Err, &bytes);
}
