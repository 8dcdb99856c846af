//! SIGINT, SIGTERM and SIGHUP: once, the run ends in order and reports what it has; twice, it ends at once.

use crate::error::Failure;
use crate::output;
use lvs_matrix_guest::Canceller;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared by everything that can be stopped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    reason: Option<String>,
    guests: Vec<Canceller>,
}

impl Stop {
    /// Listens for signals from now on.
    pub(crate) fn on_signals() -> Result<Self, Failure> {
        let stop = Self::default();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
            .map_err(|error| Failure::Software(format!("cannot listen for signals: {error}")))?;
        let listener = stop.clone();
        let listen = move || {
            for signal in signals.forever() {
                let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
                if !listener.request(name) {
                    // The guests die with this process.
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                }
            }
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(listen)
            .map_err(|error| Failure::Software(format!("cannot start a thread: {error}")))?;
        Ok(stop)
    }

    /// Asks for an orderly end; false if that was asked before.
    pub(crate) fn request(&self, reason: &str) -> bool {
        let mut state = self.state();
        if state.reason.is_some() {
            return false;
        }
        state.reason = Some(reason.to_owned());
        state.guests.iter().for_each(Canceller::cancel);
        drop(state);
        output::talk(&format!(
            "{reason}: ending the run and reporting what there is; once more ends it at once"
        ));
        true
    }

    /// Why the run is to end, if it is.
    pub(crate) fn reason(&self) -> Option<String> {
        self.state().reason.clone()
    }

    /// A guest that is to be ended with the run.
    pub(crate) fn watch(&self, guest: Canceller) {
        let mut state = self.state();
        if state.reason.is_some() {
            guest.cancel();
        }
        state.guests.push(guest);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
