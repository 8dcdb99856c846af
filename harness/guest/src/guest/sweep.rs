//! Nothing is left of a guest: its processes are found by their session, ended, and seen to be gone.
//!
//! A guest's main process leads a session of its own (setsid(2) before exec), and all its processes on the
//! host stay in it. A session's number is not given to another process while one member lives, so nobody
//! else's process can be hit.

use super::GuestError;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

/// Ends every process of the session and waits until none is left.
pub(super) fn end_all(session: i32) -> Result<(), GuestError> {
    until_gone(session, |pid| {
        let _ = kill_process(pid, Signal::KILL);
    })
}

/// Waits until no process of the session is left: the kernel is about to end them all.
pub(super) fn await_gone(session: i32) -> Result<(), GuestError> {
    until_gone(session, |_| {})
}

fn until_gone(session: i32, act: impl Fn(Pid)) -> Result<(), GuestError> {
    let start = Instant::now();
    loop {
        let left = members(session);
        if left.is_empty() {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            return Err(GuestError::Left(left));
        }
        left.into_iter().filter_map(Pid::from_raw).for_each(&act);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The processes of a session that still run (a zombie is its parent's business).
fn members(session: i32) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| session_of(*pid) == Some(session))
        .collect()
}

/// From /proc/PID/stat, proc(5): the name in parentheses may hold anything, so reading begins behind the last
/// one.
fn session_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    let session = fields.nth(2)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(session)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// The test's own session says nothing: where its leader lives outside of the PID namespace, its number
    /// reads 0.
    #[test]
    fn a_session_is_found_and_ended() {
        let mut leader = Command::new("setsid").args(["sleep", "600"]).spawn().unwrap();
        let session = i32::try_from(leader.id()).unwrap();
        let start = Instant::now();
        while session_of(session) != Some(session) {
            assert!(start.elapsed() < PATIENCE, "setsid(1) made no session");
            std::thread::yield_now();
        }
        assert_eq!(members(session), [session]);
        end_all(session).unwrap();
        assert!(members(session).is_empty());
        assert!(!leader.wait().unwrap().success());
    }
}
