//! What a guest is on the host, and what it finds inside.

use crate::Place;
use libtest_mimic::{Failed, Trial};
use lvs_matrix_guest::doctor::State;
use lvs_matrix_guest::protocol::PayloadEnd;
use lvs_matrix_guest::{DEFAULT_CLOCK_START, Guest, GuestEnd, ReadOnlyInput};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("surroundings::never_root_on_the_host", unprivileged),
        Trial::test("surroundings::one_processor", one_processor),
        Trial::test("surroundings::inputs_are_read_only", inputs),
        Trial::test("surroundings::folders_of_a_guest", folders),
        Trial::test("surroundings::orphans_are_reaped_and_children_are_not", orphans),
        Trial::test("surroundings::coarse_clocks_move", clocks),
        Trial::test("surroundings::refused_inputs", refused),
        Trial::test("surroundings::doctor_agrees", doctor),
    ]
}

/// The share is in a folder that only its owner can enter.
fn unprivileged() -> Result<(), Failed> {
    let place = Place::named("a share");
    fs::set_permissions(place.parent.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let (report, _) = place.run(place.config(&["write", "result", "done"]))?;
    assert_eq!(
        report.end,
        GuestEnd::PoweredOff(PayloadEnd::Exited(0)),
        "{:#?}",
        report.console
    );
    let file = place.share().join("result");
    assert_eq!(fs::read_to_string(&file).unwrap(), "done");
    let own = rustix::process::geteuid().as_raw();
    let behind_sudo = std::env::var("SUDO_UID")
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|&uid| uid != 0);
    let expected = if own == 0 {
        behind_sudo.unwrap_or(65534)
    } else {
        own
    };
    assert_eq!(fs::metadata(&file).unwrap().uid(), expected);
    Ok(())
}

/// Everything of it runs on one of the host's processors, and the host's own threads where they could before.
fn one_processor() -> Result<(), Failed> {
    let allowed = |process: &str| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        line.unwrap().trim().to_owned()
    };
    let place = Place::new();
    let before = allowed("thread-self");
    let guest = Guest::start(place.config(&["spin"]))?;
    let pid = guest.pid();
    let canceller = guest.canceller();
    let mut of_guest = None;
    guest.run(|_| {
        of_guest = Some(allowed(&pid.to_string()));
        canceller.cancel();
    })?;
    let of_guest = of_guest.unwrap();
    assert!(of_guest.parse::<usize>().is_ok(), "{of_guest}");
    assert_eq!(allowed("thread-self"), before);
    Ok(())
}

fn inputs() -> Result<(), Failed> {
    let place = Place::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("template");
    fs::write(&path, "as it was").unwrap();
    let mut config = place.config(&["read-input", "template"]);
    config.inputs = vec![
        ReadOnlyInput {
            name: "template".into(),
            path: path.clone(),
        },
        ReadOnlyInput {
            name: "folder".into(),
            path: elsewhere.path().into(),
        },
    ];
    let (_, messages) = place.run(config)?;
    assert_eq!(messages, ["as it was", "read-only filesystem or storage medium"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "as it was");
    Ok(())
}

fn folders() -> Result<(), Failed> {
    let place = Place::new();
    let (report, messages) = place.run(place.config(&["look"]))?;
    assert_eq!(
        report.end,
        GuestEnd::PoweredOff(PayloadEnd::Exited(0)),
        "{:#?}",
        report.console
    );
    let expected = [
        "uid 0",
        "lo 0x9", // IFF_UP | IFF_LOOPBACK
        "host guest",
        "parent 1",
        "/tmp writable",
        "/run writable",
        "/var/tmp writable",
        "/dev/shm writable",
        "/etc read-only",
        "/usr read-only",
    ];
    assert_eq!(messages[..expected.len()], expected);
    let clock: u64 = messages[expected.len()]
        .strip_prefix("clock ")
        .unwrap()
        .parse()
        .unwrap();
    let start = DEFAULT_CLOCK_START / 1_000_000_000;
    assert!((start..start + 60).contains(&clock), "{clock}");
    assert_eq!(messages.last().map(String::as_str), Some("ipvs true"));
    Ok(())
}

fn orphans() -> Result<(), Failed> {
    let place = Place::new();
    let (report, messages) = place.run(place.config(&["orphans"]))?;
    assert_eq!(messages, ["zombies 0"]);
    assert_eq!(report.end, GuestEnd::PoweredOff(PayloadEnd::Exited(0)));
    Ok(())
}

fn clocks() -> Result<(), Failed> {
    let place = Place::new();
    let (report, messages) = place.run(place.config(&["clocks"]))?;
    let expected = [
        "RealtimeCoarse moves",
        "MonotonicCoarse moves",
        "Realtime moves",
        "Monotonic moves",
    ];
    assert_eq!(messages, expected, "{report:#?}");
    Ok(())
}

fn refused() -> Result<(), Failed> {
    let place = Place::new();
    for (name, path, reason) in [
        ("../x", "/etc/passwd", "is not one of letters"),
        ("", "/etc/passwd", "is not one of letters"),
        ("absent", "/no such file", "No such file"),
    ] {
        let mut config = place.config(&[]);
        config.inputs = vec![ReadOnlyInput {
            name: name.into(),
            path: path.into(),
        }];
        let error = lvs_matrix_guest::Guest::start(config)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(error.contains(reason), "{error}");
        place.check_nothing_left();
    }
    Ok(())
}

/// The doctor's trial boot and these tests' guests say the same of this machine.
fn doctor() -> Result<(), Failed> {
    let checks = lvs_matrix_guest::doctor::checks(None);
    let state = |name: &str| {
        checks
            .iter()
            .find(|check| check.name == name)
            .map(|check| &check.state)
    };
    assert!(
        matches!(state("guest memory folder"), Some(State::Found(_))),
        "{checks:#?}"
    );
    match state("guest kernel") {
        Some(State::Found(_)) => assert!(
            matches!(state("guest boots"), Some(State::Found(_))),
            "{checks:#?}"
        ),
        // The kernel under test may come from outside the cache.
        Some(State::Missing { cure, .. }) => assert_eq!(cure, "lvs-matrix kernel build"),
        None => return Err(format!("{checks:#?}").into()),
    }
    Ok(())
}
