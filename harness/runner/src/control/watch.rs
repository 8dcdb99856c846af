//! What the control plane does is found by watching: a thread in the director's namespace reads its log from
//! a pipe, dates each line, and looks at the kernel's table after each line, and now and then without one.
//! Each table that differs from the last one is a snapshot of the cell. What a step edits is the step's own:
//! the thread looks away meanwhile. Of two directors it looks for the VIP, too.

use super::program;
use crate::clock::Clock;
use crate::director;
use crate::error::{Result, Stage};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::control::ControlPlane;
use lvs_matrix_model::ipvs::Table;
use lvs_matrix_model::record::{DirectorSnapshot, LoggedLine, Moment, VipChange};
use lvs_matrix_netns::Namespace;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, PipeReader, Read as _};
use std::net::{IpAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How far apart looks at the table are: at first after a line of the log, and at the most.
const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(1));

/// What the thread that watches has found.
pub(super) struct Shared {
    seen: Mutex<Seen>,
    /// The director.
    node: Node,
    /// What is looked for on it: the VIP, and what moves with it.
    moving: Vec<IpAddr>,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) lines: Vec<LoggedLine>,
    pub(super) changes: Vec<DirectorSnapshot>,
    /// The table as it was last, without its counters; `None` while, and after, a step edited it that has not
    /// said how it left it.
    pub(super) last: Option<Table>,
    /// How many steps are editing the table.
    pub(super) held: u32,
    /// When the VIP came to the director, or left it.
    pub(super) moves: Vec<VipChange>,
    pub(super) failure: Option<String>,
}

impl Seen {
    /// Did the director have the VIP when it was last looked for?
    pub(super) fn holds_vip(&self) -> bool {
        self.moves.last().is_some_and(|change| change.holds)
    }
}

impl Shared {
    /// Before the program is started: the table as it is now. The director does not have the VIP then, if
    /// that is looked for.
    pub(super) fn new(node: Node, moving: Vec<IpAddr>, now: Table) -> Self {
        Self {
            node,
            moving,
            seen: Mutex::new(Seen {
                last: Some(settled(now)),
                ..Seen::default()
            }),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it lives, nobody looks at the table: what becomes of it is a step's doing.
pub(crate) struct Held {
    shared: Arc<Shared>,
}

impl Held {
    /// From now on, until it is gone.
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let mut seen = shared.lock();
        seen.held += 1;
        seen.last = None;
        drop(seen);
        Self {
            shared: Arc::clone(shared),
        }
    }

    /// The table as the step has left it is what it is compared with from now on.
    pub(crate) fn release(self, director: &Namespace) -> Result<()> {
        let now = director::table(director)?;
        self.shared.lock().last = Some(settled(now));
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut seen = self.shared.lock();
        seen.held = seen.held.saturating_sub(1);
    }
}

/// Reads the log of a program that runs in `folder` and looks at the table, until it is told to stop. Why
/// it cannot is noted.
pub(super) fn watch(
    (plane, shared): (ControlPlane, &Shared),
    clock: Clock,
    (log, folder): (PipeReader, &str),
    stop: &PipeReader,
) {
    if let Err(error) = watch_on((plane, shared), clock, (log, folder), stop) {
        shared.lock().failure.get_or_insert(error.to_string());
    }
}

fn watch_on(
    (plane, shared): (ControlPlane, &Shared),
    clock: Clock,
    (mut log, folder): (PipeReader, &str),
    stop: &PipeReader,
) -> Result<()> {
    let stage = &format!("read the log of {plane}");
    let mut rest = Vec::new();
    let mut pause = LOOKS.0;
    loop {
        let mut fds = [PollFd::new(&log, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        let time = Timespec::try_from(pause).ok();
        match poll(&mut fds, time.as_ref()) {
            Err(Errno::INTR) => continue,
            ready => ready.stage(stage)?,
        };
        let [heard, stopped] = fds.map(|fd| !fd.revents().is_empty());
        if heard {
            let mut chunk = [0; 4096];
            let count = log.read(&mut chunk).stage(stage)?;
            rest.extend(chunk.iter().take(count));
            note((plane, shared), clock, folder, &mut rest);
        }
        let changed = look(shared, clock)?;
        if stopped {
            return Ok(());
        }
        pause = match heard || changed {
            true => LOOKS.0,
            false => (pause * 2).min(LOOKS.1),
        };
    }
}

/// Writes down the lines that are complete. The folder has another name in every run, and is left out.
fn note((plane, shared): (ControlPlane, &Shared), clock: Clock, folder: &str, rest: &mut Vec<u8>) {
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line: Vec<u8> = rest.drain(..=end).collect();
        let line = String::from_utf8_lossy(&line);
        let text = without_time(line.trim_end()).replace(folder, ".");
        if program::is_no_log(plane, &text) {
            continue;
        }
        let at = clock.now();
        let node = shared.node.clone();
        shared.lock().lines.push(LoggedLine { node, at, text });
    }
}

/// Is the table another one than it was, or is the VIP elsewhere? Then it is written down. Nobody begins to
/// edit the table, or says how it was left, while it is read.
fn look(shared: &Shared, clock: Clock) -> Result<bool> {
    let mut seen = shared.lock();
    let moved = look_for_vip(shared, &mut seen, clock)?;
    if seen.held > 0 {
        return Ok(moved);
    }
    let now = settled(director::table_here()?);
    let changed = seen.last.as_ref().is_some_and(|last| *last != now);
    seen.last = Some(now);
    if changed {
        seen.changes
            .push(director::snapshot_here(&shared.node, Moment::Changed, clock)?);
    }
    Ok(changed || moved)
}

fn look_for_vip(shared: &Shared, seen: &mut Seen, clock: Clock) -> Result<bool> {
    let (node, at) = (shared.node.clone(), clock.now());
    let mut holds = !shared.moving.is_empty();
    for address in &shared.moving {
        holds &= is_here(*address).stage("look for the VIP")?;
    }
    let moved = holds != seen.holds_vip();
    if moved {
        seen.moves.push(VipChange { node, at, holds });
    }
    Ok(moved)
}

/// Is it an address of the calling thread's namespace? A socket can be bound to no other one
/// (net/ipv4/af_inet.c, `__inet_bind`; `ip_nonlocal_bind` is 0).
fn is_here(address: IpAddr) -> io::Result<bool> {
    match UdpSocket::bind((address, 0)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Ok(false),
        Err(error) => Err(error),
    }
}

/// A table without what its packets count.
fn settled(mut table: Table) -> Table {
    for service in &mut table.services {
        service
            .destinations
            .sort_by_key(|destination| destination.address);
        for destination in &mut service.destinations {
            (destination.active, destination.inactive) = (0, 0);
        }
    }
    table
}

/// A line of the log without the time before it: `Thu Jan  1 00:00:11 2026: TCP connection to …`
/// (keepalived/lib/logger.c, `vlog_message`), `[Thu Jan  1 00:00:11 2026] Deleted real server …`
/// (ldirectord's `ld_log`).
fn without_time(line: &str) -> &str {
    const STAMP: usize = "Thu Jan  1 00:00:11 2026".len();
    let after = |line: &'_ str, mark: &str| line.get(STAMP..)?.strip_prefix(mark).map(str::len);
    let bracketed = line.strip_prefix('[').and_then(|rest| after(rest, "] "));
    let rest = bracketed.or_else(|| after(line, ": "));
    rest.and_then(|length| line.get(line.len() - length..))
        .unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_loses_its_time_and_nothing_else() {
        let stamped = "Thu Jan  1 00:00:11 2026: TCP connection to [192.0.2.31]:tcp:3306 success.";
        assert_eq!(
            without_time(stamped),
            "TCP connection to [192.0.2.31]:tcp:3306 success."
        );
        let stamped = "[Thu Jan  1 00:00:11 2026] Deleted real server: 192.0.2.31:3306";
        assert_eq!(without_time(stamped), "Deleted real server: 192.0.2.31:3306");
        for line in [
            "",
            "[no time] here",
            "no time: here",
            "a line that is longer than a time and has none",
        ] {
            assert_eq!(without_time(line), line);
        }
    }

    #[test]
    fn a_table_is_the_same_whatever_its_packets_count_and_in_whatever_order() {
        let table = |text: &str| settled(Table::of_kernel(text).unwrap());
        let first =
            "TCP  C0000264:0CEA rr\n  -> C000021F:0CEA  Route  1  2  3\n  -> C0000220:0CEA  Route  1  0  0\n";
        let second =
            "TCP  C0000264:0CEA rr\n  -> C0000220:0CEA  Route  1  9  0\n  -> C000021F:0CEA  Route  1  0  0\n";
        assert_eq!(table(first), table(second));
        assert_ne!(
            table(first),
            table(&second.replace("1  9", "0  9")),
            "another weight"
        );
        assert_ne!(table(first), table("TCP  C0000264:0CEA rr\n"), "no destination");
    }
}
