//! Are processes stopped?

use rustix::process::Pid;
use std::io;

/// Are all of these processes stopped, and is there any?
pub(crate) fn all_frozen(pids: &[Pid]) -> io::Result<bool> {
    for pid in pids {
        if !frozen(*pid)? {
            return Ok(false);
        }
    }
    Ok(!pids.is_empty())
}

/// Is every thread of the process stopped by a signal? (`T` in proc_pid_stat(5), the first field after the
/// name.)
fn frozen(pid: Pid) -> io::Result<bool> {
    let mut any = false;
    for task in std::fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()))? {
        match std::fs::read_to_string(task?.path().join("stat")) {
            Ok(stat) if stopped(&stat) => any = true,
            Ok(_) => return Ok(false),
            // A thread that has just ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(any)
}

fn stopped(stat: &str) -> bool {
    // The name is in parentheses and may hold any character.
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_some_and(|state| state.starts_with('T'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::poll_for;
    use rustix::process::Signal;
    use std::time::Duration;

    #[test]
    fn a_stopped_thread_is_told_by_its_state_alone() {
        assert!(stopped("17 (mariadbd) T 1 17 17 0 -1"));
        assert!(!stopped("17 (mariadbd) S 1 17 17 0 -1"));
        assert!(!stopped("17 (a) T b) R 1 17 17 0 -1"), "a name can hold anything");
        assert!(!stopped(""));
    }

    #[test]
    fn a_process_that_was_not_stopped_is_not_frozen() {
        let mut sleeper = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_child(&sleeper);
        assert!(!frozen(pid).unwrap());
        rustix::process::kill_process(pid, Signal::STOP).unwrap();
        let stopped = poll_for(Duration::from_secs(10), Duration::from_millis(1), || {
            Ok::<_, io::Error>(frozen(pid)?.then_some(()))
        });
        assert_eq!(stopped.unwrap(), Some(()));
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
    }
}
