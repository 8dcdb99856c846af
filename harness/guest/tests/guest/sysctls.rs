//! The sysctls of a network namespace of the guest's kernel, with what each accepts. The model knows them
//! from a list (harness/model/src/scenario/sysctls.txt), which this holds against the kernel:
//! `UPDATE_SYSCTLS=1 cargo test -p lvs-matrix-guest --test guest sysctls` writes it anew.

use crate::Place;
use libtest_mimic::{Failed, Trial};
use lvs_matrix_guest::GuestEnd;
use lvs_matrix_guest::init::Console;
use lvs_matrix_guest::protocol::{PayloadEnd, SHARE_VARIABLE};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What the list is called in the share.
const LIST: &str = "sysctls";
/// And the names of the guest's first namespace.
const FIRST: &str = "sysctls-of-the-first-namespace";
const ROOT: &str = "/proc/sys";
/// Writing these does something instead of setting something.
const DEEDS: [&str; 2] = ["net.ipv4.route.flush", "net.ipv6.route.flush"];
/// Every number of 64 bits, with a sign or without.
const WIDEST: (i128, i128) = (i64::MIN as i128, u64::MAX as i128);

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "sysctls::of_a_namespace_are_those_of_the_list",
        of_the_list,
    )]
}

fn of_the_list() -> Result<(), Failed> {
    let place = Place::new();
    let mut config = place.config(&["sysctls"]);
    config.stall = Duration::from_secs(180);
    let (report, messages) = place.run(config)?;
    assert_eq!(
        report.end,
        GuestEnd::PoweredOff(PayloadEnd::Exited(0)),
        "{messages:?} {:#?}",
        report.console
    );
    let found = fs::read_to_string(place.share().join(LIST)).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/src/scenario/sysctls.txt");
    if std::env::var_os("UPDATE_SYSCTLS").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    // A newer patch of the same line has the same list.
    let lines = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let (found, kept) = (lines(&found), lines(&kept));
    let only_in = |one: &[String], other: &[String]| -> Vec<String> {
        one.iter().filter(|line| !other.contains(line)).cloned().collect()
    };
    assert!(
        found == kept,
        "run with UPDATE_SYSCTLS=1; only the kernel has {:#?}; only the list has {:#?}",
        only_in(&found, &kept),
        only_in(&kept, &found)
    );
    Ok(())
}

/// In the guest: a new namespace with an interface as the hosts of a lab have it, and this program in it.
pub(crate) fn list(console: &Console) -> Result<(), String> {
    let run = |words: &[&str]| {
        let output = Command::new(words[0]).args(&words[1..]).output();
        let output = output.map_err(|error| format!("{words:?}: {error}"))?;
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr)))
        }
    };
    // Not its path: where root may not mount, this program lies in a folder that others lie over by now.
    let this = format!("/proc/{}/exe", std::process::id());
    console.say("listing").map_err(|error| error.to_string())?;
    fs::write(share()?.join(FIRST), names().join("\n")).map_err(|error| error.to_string())?;
    run(&["unshare", "--net", &this, "payload", "sysctls-here"])
}

/// In that namespace.
pub(crate) fn list_here() -> Result<(), String> {
    for line in [
        "link set dev lo up",
        "link add eth0 type veth peer name port10",
        "link set dev eth0 up",
    ] {
        let status = Command::new("ip").args(line.split(' ')).status();
        if !status.is_ok_and(|status| status.success()) {
            return Err(format!("ip {line} failed"));
        }
    }
    let names = names();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").map_err(|error| error.to_string())?;
    let mut text = format!(
        "# Sysctls of a network namespace of Linux {}, and what each accepts; \
         harness/guest/tests/guest/sysctls.rs writes this list.\n",
        release.trim()
    );
    for name in &names {
        text.push_str(&format!("{name} {}\n", accepts(name)));
    }
    let share = share()?;
    let of_first = fs::read_to_string(share.join(FIRST)).map_err(|error| error.to_string())?;
    // Its interfaces are others.
    let of_interface = |name: &str| name.contains(".conf.") || name.contains(".neigh.");
    let only_there = |name: &&str| !of_interface(name) && !names.iter().any(|known| known == name);
    for name in of_first.lines().filter(only_there) {
        text.push_str(&format!("{name} first-namespace\n"));
    }
    fs::write(share.join(LIST), text).map_err(|error| error.to_string())
}

fn share() -> Result<PathBuf, String> {
    let share = std::env::var_os(SHARE_VARIABLE).ok_or("no share")?;
    Ok(PathBuf::from(share))
}

fn names() -> Vec<String> {
    let mut names = Vec::new();
    names_below(&Path::new(ROOT).join("net"), &mut names);
    names.retain(|name| !name.contains(".port10.") && !DEEDS.contains(&name.as_str()));
    names.sort();
    names
}

fn names_below(folder: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            names_below(&path, names);
        } else if let Ok(below) = path.strip_prefix(ROOT) {
            names.push(below.to_string_lossy().replace('/', "."));
        }
    }
}

fn path_of(name: &str) -> PathBuf {
    Path::new(ROOT).join(name.replace('.', "/"))
}

/// `0..127` for what takes a whole number; else how many numbers it has, or that it is a text; or that it
/// cannot be written.
fn accepts(name: &str) -> String {
    let path = path_of(name);
    let Ok(now) = fs::read_to_string(&path) else {
        return "unreadable".to_owned();
    };
    if fs::write(&path, &now).is_err() {
        return "read-only".to_owned();
    }
    let numbers: Option<Vec<i128>> = now.split_whitespace().map(|word| word.parse().ok()).collect();
    let accepted = match numbers.as_deref() {
        Some([number]) => range(&path, *number),
        Some([_, ..]) => return format!("numbers {}", now.split_whitespace().count()),
        Some([]) | None => None,
    };
    // What was tried must not be what the next one meets.
    let _ = fs::write(&path, &now);
    accepted.map_or_else(|| "text".to_owned(), |(least, most)| format!("{least}..{most}"))
}

/// The whole numbers around `now` that are taken and read back as they were written; `None` if that is no
/// range: times in milliseconds are taken in whole ticks of the timer.
fn range(path: &Path, now: i128) -> Option<(i128, i128)> {
    let takes = |number: i128| {
        fs::write(path, number.to_string()).is_ok()
            && fs::read_to_string(path).is_ok_and(|text| text.trim() == number.to_string())
    };
    let last = |end: i128| {
        if takes(end) {
            return end;
        }
        let (mut good, mut bad) = (now, end);
        while (bad - good).abs() > 1 {
            let middle = good + (bad - good) / 2;
            if takes(middle) {
                good = middle;
            } else {
                bad = middle;
            }
        }
        good
    };
    // Most accept what an int can be: asked first, it makes the search short.
    let widest = |ends: [i128; 3]| ends.into_iter().find(|end| takes(*end)).unwrap_or(ends[0]);
    let (low, high) = (
        widest([WIDEST.0, i128::from(i32::MIN), 0]),
        widest([WIDEST.1, i128::from(u32::MAX), i128::from(i32::MAX)]),
    );
    let (least, most) = (last(low), last(high));
    let beyond = [10, 100, 1000, 10_000, 100_000].iter().flat_map(|step| {
        let round = |number: i128| number / step * step;
        [
            round(most) + step,
            round(most) + 2 * step,
            round(least) - step,
            round(least + most) / 2,
        ]
    });
    let whole = beyond
        .filter(|number| takes(*number) != (least..=most).contains(number))
        .count()
        == 0;
    (whole && least < most).then_some((least, most))
}
