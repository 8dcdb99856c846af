//! Sandboxes on this machine's own kernel: their surroundings, their rights, and that nothing is left of
//! them. Only root can make them; `LVS_MATRIX_PLACE=host` makes a failure of what is otherwise ignored.

use crate::{Place, caller, this_program};
use libtest_mimic::{Failed, Trial};
use lvs_matrix_guest::protocol::PayloadEnd;
use lvs_matrix_guest::{GuestConfig, GuestEnd, ReadOnlyInput, native};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// `NET_ADMIN`, `NET_RAW` and `SYS_ADMIN`, as linux/capability.h numbers them.
const KEPT: u64 = 1 << 12 | 1 << 13 | 1 << 21;

pub(crate) fn trials() -> Vec<Trial> {
    let possible =
        native::lacks().is_empty() || std::env::var("LVS_MATRIX_PLACE").is_ok_and(|place| place == "host");
    [
        (
            "sandbox::folders_links_and_processes_of_its_own",
            surroundings as fn() -> _,
        ),
        ("sandbox::a_few_capabilities_and_no_way_to_more", rights),
        ("sandbox::orphans_are_reaped_and_children_are_not", orphans),
        ("sandbox::inputs_are_read_only", inputs),
        ("sandbox::cancelled_and_stalled", ends),
        ("sandbox::killed_with_its_caller", killed),
        ("sandbox::a_trial_says_what_went_wrong", trial),
    ]
    .into_iter()
    .map(|(name, test)| {
        let why = if possible {
            ""
        } else {
            " (needs root of a host with IPVS)"
        };
        Trial::test(format!("{name}{why}"), test).with_ignored_flag(!possible)
    })
    .collect()
}

fn config(place: &Place, payload: &[&str]) -> GuestConfig {
    let mut config = GuestConfig::on_host(this_program(), place.share());
    config.payload_args = std::iter::once(&"payload")
        .chain(payload)
        .map(|&word| word.to_owned())
        .collect();
    config.stall = Duration::from_secs(20);
    config
}

/// What a payload sees, as `name value` messages.
fn seen(place: &Place) -> Result<BTreeMap<String, String>, Failed> {
    let (report, said) = place.run(config(place, &["look-around"]))?;
    assert_eq!(
        report.end,
        GuestEnd::PoweredOff(PayloadEnd::Exited(0)),
        "{said:?} {:#?}",
        report.console
    );
    let pairs = said.iter().filter_map(|line| line.split_once(' '));
    Ok(pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

fn surroundings() -> Result<(), Failed> {
    let place = Place::named("a share");
    // Only its owner can enter it, and it is below a folder that the sandbox has of its own.
    fs::set_permissions(
        place.parent.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    let links = fs::read_to_string("/proc/net/dev").unwrap();
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let marks = ["/tmp", "/dev/shm"].map(|folder| tempfile::NamedTempFile::new_in(folder).unwrap());
    let seen = seen(&place)?;
    for folder in ["/tmp", "/var/tmp", "/dev/shm"] {
        assert_eq!(seen[folder], "empty, writable", "{folder}");
    }
    assert_eq!(seen["/run"], "lvs-matrix, read-only");
    for folder in ["/", "/etc", "/usr", "/home"] {
        assert!(seen[folder].ends_with("read-only"), "{folder}: {}", seen[folder]);
    }
    assert_eq!(seen["links"], "lo", "the host has {links}");
    assert_eq!(seen["sys-links"], "lo");
    assert_eq!(seen["lo"], "127.0.0.1");
    assert_eq!(seen["processes"], "1 2");
    assert_eq!(seen["host"], "lvs-matrix");
    // The host has nothing of that.
    assert!(marks.iter().all(|mark| mark.path().exists()));
    assert_eq!(
        fs::read_to_string("/proc/net/dev").unwrap().lines().count(),
        links.lines().count()
    );
    assert_eq!(fs::read_to_string("/proc/sys/kernel/hostname").unwrap(), name);
    Ok(())
}

fn rights() -> Result<(), Failed> {
    let place = Place::new();
    let seen = seen(&place)?;
    let behind_sudo = std::env::var("SUDO_UID").ok().filter(|uid| uid != "0");
    let user = behind_sudo.unwrap_or_else(|| "65534".to_owned());
    assert_eq!(seen["Uid"], [user.as_str(); 4].join(" "));
    assert_eq!(seen["Groups"], "", "no group of root's is left");
    let set = |name: &str| u64::from_str_radix(&seen[name], 16).unwrap();
    for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(set(name), KEPT, "{name}");
    }
    assert_eq!(seen["NoNewPrivs"], "1");
    // The first process is root by number alone.
    for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(set(&format!("first-{name}")), 0, "the first process's {name}");
    }
    assert_eq!(set("first-CapBnd"), KEPT);
    // Neither a program of root's with the set-uid bit nor the boot file is a way back.
    assert_eq!(seen["set-uid"], "refused");
    assert_eq!(seen["boot-file"], "kept");
    assert_eq!(seen["Max-core"], "0");
    Ok(())
}

fn orphans() -> Result<(), Failed> {
    let place = Place::new();
    let (report, said) = place.run(config(&place, &["orphans-now"]))?;
    assert_eq!(
        report.end,
        GuestEnd::PoweredOff(PayloadEnd::Exited(0)),
        "{said:?}"
    );
    assert_eq!(said, ["zombies 0"]);
    Ok(())
}

fn inputs() -> Result<(), Failed> {
    let place = Place::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("template");
    fs::write(&path, "as it was").unwrap();
    let mut config = config(&place, &["read-input", "template"]);
    let name = "template".to_owned();
    config.inputs = vec![ReadOnlyInput {
        name,
        path: path.clone(),
    }];
    let (report, said) = place.run(config)?;
    assert_eq!(
        report.end,
        GuestEnd::PoweredOff(PayloadEnd::Exited(0)),
        "{said:?}"
    );
    assert_eq!(said[0], "as it was");
    assert_ne!(said[1], "written");
    assert_eq!(fs::read_to_string(path).unwrap(), "as it was");
    Ok(())
}

fn ends() -> Result<(), Failed> {
    let place = Place::new();
    let mut stalling = config(&place, &["spin"]);
    stalling.stall = Duration::from_millis(500);
    let (report, said) = place.run(stalling)?;
    assert_eq!(said, ["spinning"]);
    assert_eq!(report.end, GuestEnd::Stalled(Duration::from_millis(500)));

    let guest = lvs_matrix_guest::Guest::start(config(&place, &["spin"]))?;
    let canceller = guest.canceller();
    let report = guest.run(|message| {
        assert_eq!(message, "spinning");
        canceller.cancel();
    })?;
    assert_eq!(report.end, GuestEnd::Cancelled);
    place.check_nothing_left();
    let (report, _) = place.run(config(&place, &["exit", "7"]))?;
    assert_eq!(report.end, GuestEnd::PoweredOff(PayloadEnd::Exited(7)));
    let (report, _) = place.run(config(&place, &["abort"]))?;
    assert_eq!(report.end, GuestEnd::PoweredOff(PayloadEnd::Signalled(6)));
    Ok(())
}

/// The kernel ends a sandbox with whoever began it, whenever that dies.
fn killed() -> Result<(), Failed> {
    let place = Place::new();
    for delay in [None, Some(0), Some(2), Some(5), Some(10), Some(20), Some(40)] {
        let _ = fs::remove_file(place.share().join("spinning"));
        let caller = caller::start(&place, "sandbox-caller");
        match delay {
            None => caller::await_spinning(&place),
            Some(delay) => std::thread::sleep(Duration::from_millis(delay)),
        }
        caller::kill(caller);
        caller::await_none(&place);
    }
    // What a killed caller leaves within the share does not hinder the next.
    place.run(config(&place, &["say", "x"]))?;
    Ok(())
}

fn trial() -> Result<(), Failed> {
    let folder = tempfile::tempdir().unwrap();
    native::trial(&this_program(), folder.path(), &["payload", "say", "x"]).map_err(|lack| lack.what)?;
    let lack = native::trial(&this_program(), folder.path(), &["payload", "no-such-word"]).unwrap_err();
    assert!(lack.what.contains("unknown words"), "{lack:?}");
    assert!(!lack.cure.is_empty());
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "something is left of a trial"
    );
    Ok(())
}
