//! Guests from power-on to their ends, on a real guest kernel: found in the cache, or named by
//! `LVS_MATRIX_KERNEL`. Without one the tests fail and say how to build it.
//!
//! One program in four roles, because a guest's init must be a program of its own: PID 1 of a guest, the
//! payload, the caller that gets killed, and the tests.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests without the standard harness, which clippy does not know for tests"
)]

mod caller;
mod ends;
mod left_processes;
mod payload;
mod sandbox;
mod surroundings;
mod sysctls;

use libtest_mimic::{Arguments, Failed, Trial};
use lvs_matrix_guest::kernel::{CacheFolder, Kernel, find};
use lvs_matrix_guest::{Guest, GuestConfig, GuestReport, init};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    if init::wanted() {
        return match init::run() {
            Ok(never) => match never {},
            Err(_) => ExitCode::FAILURE,
        };
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["payload", rest @ ..] => payload::act(rest),
        ["caller", share] => caller::act(Path::new(share)),
        ["sandbox-caller", share] => caller::act_on_host(Path::new(share)),
        _ => {
            let trials = [
                ends::trials(),
                surroundings::trials(),
                sysctls::trials(),
                caller::trials(),
                sandbox::trials(),
            ]
            .concat_trials();
            libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
        }
    }
}

trait ConcatTrials {
    fn concat_trials(self) -> Vec<Trial>;
}

impl<const N: usize> ConcatTrials for [Vec<Trial>; N] {
    fn concat_trials(self) -> Vec<Trial> {
        self.into_iter().flatten().collect()
    }
}

/// The kernel under test.
fn kernel() -> Kernel {
    let wanted = std::env::var("LVS_MATRIX_KERNEL").ok();
    match CacheFolder::of_user().and_then(|cache| find(&cache, wanted.as_deref())) {
        Ok(kernel) => kernel,
        Err(error) => panic!("these tests need a guest kernel: {error}"),
    }
}

fn this_program() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// A share in a folder of its own, and the check that nothing else is left of the guests in it.
struct Place {
    parent: tempfile::TempDir,
    mounts: String,
}

impl Place {
    fn new() -> Self {
        Self::named("share")
    }

    fn named(name: &str) -> Self {
        let parent = tempfile::tempdir().unwrap();
        std::fs::create_dir(parent.path().join(name)).unwrap();
        Self {
            parent,
            mounts: std::fs::read_to_string("/proc/self/mountinfo").unwrap(),
        }
    }

    fn share(&self) -> PathBuf {
        std::fs::read_dir(self.parent.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path()
    }

    /// A guest with this program as init, and these words for the payload.
    fn config(&self, payload: &[&str]) -> GuestConfig {
        let mut config = GuestConfig::new(kernel(), this_program(), self.share());
        config.payload_args = std::iter::once(&"payload")
            .chain(payload)
            .map(|&word| word.to_owned())
            .collect();
        config.memory_mib = 128;
        config.stall = Duration::from_secs(20);
        config
    }

    fn run(&self, config: GuestConfig) -> Result<(GuestReport, Vec<String>), Failed> {
        let mut messages = Vec::new();
        let report = Guest::start(config)?.run(|message| messages.push(message.to_owned()))?;
        self.check_nothing_left();
        Ok((report, messages))
    }

    fn check_nothing_left(&self) {
        let share = self.share();
        assert_eq!(
            left_processes::processes_in(&share),
            Vec::<i32>::new(),
            "processes are left"
        );
        assert!(!share.join(".guest").exists(), "the private folder is left");
        assert_eq!(
            std::fs::read_dir(self.parent.path()).unwrap().count(),
            1,
            "a file beside the share"
        );
        assert_eq!(
            std::fs::read_to_string("/proc/self/mountinfo").unwrap(),
            self.mounts,
            "a mount is left"
        );
    }
}
