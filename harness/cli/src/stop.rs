//! SIGINT, SIGTERM and SIGHUP: once, the run ends in order and reports what it has; twice, it ends at once.
//! Before a run they end the process, and what is made for it is undone.

use crate::error::Failure;
use crate::output;
use lvs_matrix_guest::Canceller;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Do signals do what they do by themselves, though this process once had another use for them? What was
/// registered does not give that back when it goes (signal-hook).
static AS_EVER: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on somebody else listens for signals.
pub(crate) fn taken_over() {
    AS_EVER.store(false, Ordering::SeqCst);
}

/// Makes something that guests boot for. A signal ends those of which `make` has told, and, once `make` has
/// undone what it began, this process; a second one ends it at once.
pub(crate) fn ended_by_signals<T>(make: impl FnOnce(&dyn Fn(Canceller)) -> T) -> T {
    let Ok(mut signals) = Signals::new(SIGNALS) else {
        // They end the process, and the next run removes what is left.
        return make(&|_| {});
    };
    taken_over();
    let (first, guests): (Mutex<Option<i32>>, Mutex<Vec<Canceller>>) = Default::default();
    let told = || lock(&first);
    let handle = signals.handle();
    let listen = || {
        for signal in signals.forever() {
            if told().replace(signal).is_some() {
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
            lock(&guests).iter().for_each(Canceller::cancel);
        }
    };
    let made = std::thread::scope(|scope| {
        scope.spawn(listen);
        let made = make(&|guest| {
            let mut guests = lock(&guests);
            if told().is_some() {
                guest.cancel();
            }
            guests.push(guest);
        });
        for signal in SIGNALS {
            // Where it cannot be had back, it is ignored until a run listens.
            let _ = signal_hook::flag::register_conditional_default(signal, AS_EVER.clone());
        }
        AS_EVER.store(true, Ordering::SeqCst);
        handle.close();
        made
    });
    if let Some(signal) = *told() {
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
    made
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

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
        let mut signals = Signals::new(SIGNALS)
            .map_err(|error| Failure::Software(format!("cannot listen for signals: {error}")))?;
        taken_over();
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
        lock(&self.0)
    }
}
