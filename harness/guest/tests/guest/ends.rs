//! Each way in which a guest can end.

use crate::Place;
use libtest_mimic::{Failed, Trial};
use lvs_matrix_guest::protocol::PayloadEnd;
use lvs_matrix_guest::{Guest, GuestConfig, GuestEnd, HostStatus};
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("ends::power_off_with_messages_in_order", power_off),
        Trial::test("ends::peak_memory_is_reported", memory),
        Trial::test("ends::exit_code_and_signal_of_the_payload", payload_ends),
        Trial::test("ends::spinning_payload_stalls", stall),
        Trial::test("ends::spinning_init_stalls", stall_of_init),
        Trial::test("ends::chatter_without_messages_stalls", stall_while_talking),
        Trial::test("ends::panic", panic),
        Trial::test("ends::killed_from_outside", killed),
        Trial::test("ends::cancelled", cancelled),
        Trial::test("ends::dropped", dropped),
        Trial::test("ends::init_failure_in_words", init_failure),
        Trial::test("ends::flood_is_bounded", flood),
    ]
}

fn power_off() -> Result<(), Failed> {
    let place = Place::new();
    let texts: Vec<String> = (0..200)
        .map(|number| format!("{{\"number\": {number}, \"text\": \"ä 行\"}}"))
        .collect();
    let words: Vec<&str> = std::iter::once("say")
        .chain(texts.iter().map(String::as_str))
        .collect();
    let (report, messages) = place.run(place.config(&words))?;
    assert_eq!(
        report.end,
        GuestEnd::PoweredOff(PayloadEnd::Exited(0)),
        "{:#?}",
        report.console
    );
    assert_eq!(messages, texts);
    assert!(report.first_message.unwrap() <= report.wall);
    Ok(())
}

fn memory() -> Result<(), Failed> {
    let place = Place::new();
    let (report, messages) = place.run(place.config(&["touch-memory", "64"]))?;
    assert_eq!(messages, ["touched"], "{:#?}", report.console);
    let peak = report.peak_memory_kib.unwrap();
    assert!((64 * 1024..160 * 1024).contains(&peak), "{peak} KiB");
    Ok(())
}

fn payload_ends() -> Result<(), Failed> {
    let place = Place::new();
    let (report, _) = place.run(place.config(&["exit", "3"]))?;
    assert_eq!(report.end, GuestEnd::PoweredOff(PayloadEnd::Exited(3)));
    let (report, _) = place.run(place.config(&["abort"]))?;
    assert_eq!(report.end, GuestEnd::PoweredOff(PayloadEnd::Signalled(6)));
    Ok(())
}

fn stall() -> Result<(), Failed> {
    let place = Place::new();
    let config = GuestConfig {
        stall: Duration::from_secs(2),
        ..place.config(&["spin"])
    };
    let start = Instant::now();
    let (report, messages) = place.run(config)?;
    assert_eq!(report.end, GuestEnd::Stalled(Duration::from_secs(2)));
    assert_eq!(messages, ["spinning"]);
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    Ok(())
}

/// A shell script as init, from a folder with a space in its name.
fn script(place: &Place, text: &str) -> std::path::PathBuf {
    let path = place.share().join("an init");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn stall_of_init() -> Result<(), Failed> {
    let place = Place::named("the share");
    let init = script(&place, "echo before; while :; do :; done");
    let config = GuestConfig {
        init,
        stall: Duration::from_secs(1),
        ..place.config(&[])
    };
    let (report, _) = place.run(config)?;
    assert_eq!(report.end, GuestEnd::Stalled(Duration::from_secs(1)));
    assert_eq!(report.first_message, None);
    assert_eq!(report.console.last().map(String::as_str), Some("before"));
    Ok(())
}

fn stall_while_talking() -> Result<(), Failed> {
    let place = Place::new();
    let init = script(&place, "while :; do echo talk; done");
    let config = GuestConfig {
        init,
        stall: Duration::from_secs(1),
        ..place.config(&[])
    };
    let (report, _) = place.run(config)?;
    assert_eq!(report.end, GuestEnd::Stalled(Duration::from_secs(1)));
    assert_eq!(report.console.last().map(String::as_str), Some("talk"));
    Ok(())
}

fn panic() -> Result<(), Failed> {
    let place = Place::new();
    let start = Instant::now();
    let (report, _) = place.run(GuestConfig {
        init: "/bin/true".into(),
        ..place.config(&[])
    })?;
    let GuestEnd::Panicked(words) = &report.end else {
        return Err(format!("{report:#?}").into());
    };
    assert!(words.contains("Attempted to kill init"), "{words}");
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "noticed at once, not by the stall clock"
    );
    Ok(())
}

fn killed() -> Result<(), Failed> {
    let place = Place::new();
    let guest = Guest::start(place.config(&["spin"]))?;
    let pid = Pid::from_raw(guest.pid()).unwrap();
    let report = guest.run(|_| kill_process(pid, Signal::KILL).unwrap())?;
    place.check_nothing_left();
    assert_eq!(report.end, GuestEnd::Died(HostStatus::Signalled(9)));
    Ok(())
}

fn cancelled() -> Result<(), Failed> {
    let place = Place::new();
    let guest = Guest::start(place.config(&["spin"]))?;
    let canceller = guest.canceller();
    let start = Instant::now();
    let report = guest.run(|_| {
        let canceller = canceller.clone();
        std::thread::spawn(move || canceller.cancel());
    })?;
    place.check_nothing_left();
    assert_eq!(report.end, GuestEnd::Cancelled);
    assert!(start.elapsed() < Duration::from_secs(10));
    Ok(())
}

fn dropped() -> Result<(), Failed> {
    let place = Place::new();
    let guest = Guest::start(place.config(&["spin"]))?;
    let second = Guest::start(place.config(&["spin"]));
    assert!(second.is_err_and(|error| error.to_string().contains("another guest runs in it")));
    drop(guest);
    place.check_nothing_left();
    Ok(())
}

fn init_failure() -> Result<(), Failed> {
    let place = Place::new();
    let (report, _) = place.run(place.config(&["no\0argument"]))?;
    let GuestEnd::InitFailed(words) = &report.end else {
        return Err(format!("{report:#?}").into());
    };
    assert!(words.starts_with("cannot run the payload: "), "{words}");
    Ok(())
}

fn flood() -> Result<(), Failed> {
    let place = Place::new();
    let (report, messages) = place.run(place.config(&["flood", "5000"]))?;
    assert_eq!(report.end, GuestEnd::PoweredOff(PayloadEnd::Exited(0)));
    assert_eq!(messages, ["flooded"]);
    assert_eq!(report.console.len(), 200);
    assert!(report.console_lines_lost >= 4800, "{}", report.console_lines_lost);
    Ok(())
}
