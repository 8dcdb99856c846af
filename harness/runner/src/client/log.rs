//! What is written down of a client, by its sessions, and read by the time line.

use crate::clock::Clock;
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::record::{
    ClientEvent, ClientEventKind, ClientRecord, EventRole, Misconduct, OpenedSocket, SettingShown,
    Transcript, TranscriptLine, TranscriptSource, version_alone,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant as Deadline;

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Succeeded,
    Failed,
    Pending,
}

/// How many characters of a transcript are kept.
const KEPT_TRANSCRIPT: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Log {
    clock: Clock,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    events: Vec<ClientEvent>,
    ended: BTreeMap<u32, Standing>,
    settled: BTreeSet<u32>,
    paused: BTreeSet<u32>,
    program: ClientRecord,
    inodes: BTreeSet<String>,
    ports: BTreeSet<u16>,
    kept: usize,
    closed: bool,
}

/// So many values of a first row are kept, and so many bytes of each: a row may have 15 MiB.
const MOST_VALUES: usize = 256;
const MOST_VALUE: usize = 4096;

fn shorten(value: &mut String) {
    if value.len() > MOST_VALUE {
        let kept = (0..=MOST_VALUE).rev().find(|end| value.is_char_boundary(*end));
        let kept = value.get(..kept.unwrap_or(0)).unwrap_or_default();
        *value = format!("{kept}… ({} bytes)", value.len());
    }
}

impl Log {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held can only have been in pushing an event: what is there is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(super) fn write(&self, operation: u32, mut kind: ClientEventKind) {
        match &mut kind {
            ClientEventKind::ResultReceived { first_row, .. } => {
                first_row.truncate(MOST_VALUES);
                first_row.iter_mut().for_each(shorten);
            }
            ClientEventKind::Connected { server_version, .. } => {
                *server_version = version_alone(server_version).to_owned();
            }
            ClientEventKind::ConnectBegun
            | ClientEventKind::StatementBegun { .. }
            | ClientEventKind::DisconnectBegun
            | ClientEventKind::Disconnected
            | ClientEventKind::ReadingPaused { .. }
            | ClientEventKind::Failed(_)
            | ClientEventKind::StillWaiting
            | ClientEventKind::ReconnectBegun
            | ClientEventKind::Reconnected { .. } => {}
        }
        let mut state = self.state();
        // Read in the lock, so that events are dated in the order in which they are numbered.
        let at = self.clock.now();
        if state.closed {
            return;
        }
        let standing = match kind.role() {
            EventRole::Succeeds => Some(Standing::Succeeded),
            EventRole::Fails => Some(Standing::Failed),
            EventRole::Begins | EventRole::Waits | EventRole::Aside => None,
        };
        if let Some(standing) = standing {
            // The first end is the operation's; what a program that connects anew has after that is only
            // written down.
            state.ended.entry(operation).or_insert(standing);
        }
        if let ClientEventKind::ReadingPaused { .. } = kind {
            state.paused.insert(operation);
        }
        let number = u32::try_from(state.events.len() + 1).unwrap_or(u32::MAX);
        state.events.push(ClientEvent {
            number,
            at,
            operation,
            kind,
        });
        drop(state);
        self.changed.notify_all();
    }

    /// The program is ready for the next operation.
    pub(super) fn settled(&self, operation: u32) {
        self.state().settled.insert(operation);
        self.changed.notify_all();
    }

    /// Has the client stopped reading the operation's result, at some time?
    pub(super) fn is_paused(&self, operation: u32) -> bool {
        self.state().paused.contains(&operation)
    }

    pub(super) fn wait(&self, operation: u32, until: Deadline) -> Standing {
        let ended = |state: &State| state.ended.get(&operation).copied();
        self.await_state(until, ended).unwrap_or(Standing::Pending)
    }

    pub(super) fn settle(&self, operation: u32, until: Deadline) {
        self.await_state(until, |state| state.settled.contains(&operation).then_some(()));
    }

    fn await_state<T>(&self, until: Deadline, fact: impl Fn(&State) -> Option<T>) -> Option<T> {
        let mut state = self.state();
        loop {
            if let Some(value) = fact(&state) {
                return Some(value);
            }
            let left = until.saturating_duration_since(Deadline::now());
            if left.is_zero() {
                return None;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Nothing is written down any more.
    pub(super) fn close(&self) {
        self.state().closed = true;
    }

    pub(super) fn take(&self) -> (Vec<ClientEvent>, ClientRecord) {
        let mut state = self.state();
        (
            std::mem::take(&mut state.events),
            std::mem::take(&mut state.program),
        )
    }

    pub(super) fn version(&self, version: String) {
        self.state().program.version = Some(version);
    }

    pub(super) fn socket(&self, socket: OpenedSocket) {
        self.state().program.sockets.push(socket);
    }

    /// Is this inode of a socket new? It is known from now on.
    pub(super) fn is_new(&self, inode: &str) -> bool {
        self.state().inodes.insert(inode.to_owned())
    }

    /// Has no connection of the client's had this port before?
    pub(super) fn is_first_of(&self, port: u16) -> bool {
        self.state().ports.insert(port)
    }

    /// What shows a setting, or why it is not shown. A doubt stays: one connection without the setting is
    /// enough.
    pub(super) fn setting(&self, seen: SettingShown) {
        let mut state = self.state();
        let settings = &mut state.program.settings;
        match settings.iter_mut().find(|known| known.setting == seen.setting) {
            Some(known) if known.doubt.is_none() => *known = seen,
            Some(_) => {}
            None => settings.push(seen),
        }
    }

    /// What the program did that no client may do.
    pub(super) fn misconduct(&self, what: Misconduct) {
        let mut state = self.state();
        if !state.closed && !state.program.misconduct.contains(&what) {
            state.program.misconduct.push(what);
        }
    }

    /// Begins a transcript; gives its number.
    pub(super) fn transcript(&self, operation: u32, argv: &[String]) -> usize {
        let mut state = self.state();
        state.program.transcripts.push(Transcript {
            operation,
            argv: argv.to_vec(),
            lines: Vec::new(),
            cut: false,
        });
        state.program.transcripts.len() - 1
    }

    /// The last line of a transcript that came from standard error and is not blank.
    pub(super) fn last_error(&self, transcript: usize) -> Option<String> {
        let state = self.state();
        let lines = &state.program.transcripts.get(transcript)?.lines;
        let last = lines
            .iter()
            .rfind(|line| line.from == TranscriptSource::Error && !line.text.trim().is_empty())?;
        Some(last.text.clone())
    }

    /// Adds a line to a transcript, as far as there is room.
    pub(super) fn line(&self, transcript: usize, line: TranscriptLine) {
        let mut state = self.state();
        let State {
            program,
            kept,
            closed,
            ..
        } = &mut *state;
        let Some(transcript) = program.transcripts.get_mut(transcript).filter(|_| !*closed) else {
            return;
        };
        *kept += line.text.len() + 1;
        if *kept > KEPT_TRANSCRIPT {
            transcript.cut = true;
        } else {
            transcript.lines.push(line);
        }
    }
}
