//! The caller of a guest is killed: nothing may be left.

use crate::{Place, left_processes, this_program};
use libtest_mimic::{Failed, Trial};
use lvs_matrix_guest::{Guest, GuestConfig};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("caller::killed_while_the_guest_spins", killed_while_running),
        Trial::test("caller::killed_at_any_moment_of_the_start", killed_at_any_moment),
    ]
}

/// The role of the caller: a guest whose payload spins.
pub(crate) fn act(share: &Path) -> ExitCode {
    run_spinning(GuestConfig::new(crate::kernel(), this_program(), share))
}

/// The same with a sandbox on this machine's own kernel.
pub(crate) fn act_on_host(share: &Path) -> ExitCode {
    run_spinning(GuestConfig::on_host(this_program(), share))
}

fn run_spinning(mut config: GuestConfig) -> ExitCode {
    config.payload_args = vec!["payload".into(), "spin".into()];
    config.memory_mib = 128;
    config.stall = Duration::from_secs(600);
    match Guest::start(config).and_then(|guest| guest.run(|_| {})) {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

pub(crate) fn start(place: &Place, role: &str) -> Child {
    Command::new(this_program())
        .arg(role)
        .arg(place.share())
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

pub(crate) fn kill(mut caller: Child) {
    caller.kill().unwrap();
    caller.wait().unwrap();
}

/// Waits until no process works in the share: the kernel needs a moment to end them.
pub(crate) fn await_none(place: &Place) {
    let start = Instant::now();
    loop {
        let left = left_processes::processes_in(&place.share());
        if left.is_empty() {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "left: {left:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn killed_while_running() -> Result<(), Failed> {
    let place = Place::new();
    let caller = start(&place, "caller");
    await_spinning(&place);
    assert!(
        !left_processes::processes_in(&place.share()).is_empty(),
        "a spinning guest is seen by this test's own eyes"
    );
    kill(caller);
    await_none(&place);
    // What a killed caller leaves within the share does not hinder the next guest.
    place.run(place.config(&["say", "x"]))?;
    Ok(())
}

/// Waits until the payload says in the share that it spins.
pub(crate) fn await_spinning(place: &Place) {
    let spinning = place.share().join("spinning");
    let since = Instant::now();
    while !spinning.exists() {
        assert!(
            since.elapsed() < Duration::from_secs(30),
            "the guest does not come to spin"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn killed_at_any_moment() -> Result<(), Failed> {
    let place = Place::new();
    for milliseconds in (0..40).map(|step| step * 3) {
        let caller = start(&place, "caller");
        // The moment itself is what is varied; nothing is waited for.
        std::thread::sleep(Duration::from_millis(milliseconds));
        kill(caller);
        await_none(&place);
    }
    place.run(place.config(&["say", "x"]))?;
    Ok(())
}
