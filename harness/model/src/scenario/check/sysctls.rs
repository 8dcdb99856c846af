//! Sysctls that there are, with values that the kernel takes. What is known of them is the list of the
//! guests' own kernel, which a test holds against that kernel (harness/guest/tests/guest/sysctls.rs).

use super::Draft;
use crate::action::{Action, HostAction};
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes, quoted};
use crate::scenario::place::Span;

const LIST: &str = include_str!("../sysctls.txt");
/// What else can stand where a sysctl has the name of an interface.
const INTERFACES: [&str; 4] = ["all", "default", "eth0", "lo"];
/// Bounded by the value of another sysctl (net/ipv4/sysctl_net_ipv4.c, `ipv4_privileged_ports`;
/// ip_fragment.c, `ip4_frags_ns_ctl_table`), which the scenario may set as well: what they accept is not
/// known.
const BOUNDED_BY_OTHERS: [&str; 3] = [
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ipfrag_high_thresh",
    "net.ipv4.ipfrag_low_thresh",
];

/// What a sysctl takes.
enum Takes {
    /// A whole number.
    Number { least: i128, most: i128 },
    /// So many whole numbers.
    Numbers(usize),
    /// Anything, as far as is known.
    Text,
    /// Nothing: it can only be read.
    Nothing,
    /// It is there in the machine's first network namespace only.
    NotHere,
}

/// So many unknown names are looked for among the known ones; more are no slips of the pen, and the search
/// costs time.
const MOST_LOOKED_FOR: usize = 50;

pub(super) fn check(draft: &Draft, mistakes: &mut Mistakes) {
    let mut looked_for = 0;
    let added = draft.lab.iter();
    for sysctl in added
        .chain(draft.values().map(|value| &value.added))
        .flat_map(super::added::Added::sysctls)
    {
        one(
            &sysctl.key,
            sysctl.key_span,
            &sysctl.value,
            sysctl.span,
            &mut looked_for,
            mistakes,
        );
    }
    for step in draft.all_steps() {
        if let (Action::Host(HostAction::SetSysctl { key, value, .. }), Some((key_span, value_span))) =
            (&step.action, step.sysctl())
        {
            one(key, key_span, value, value_span, &mut looked_for, mistakes);
        }
    }
}

/// `Linux 7.2`, whose sysctls the list has.
fn kernel() -> String {
    let release = LIST
        .lines()
        .next()
        .and_then(|line| line.split_once("Linux "))
        .map_or("", |(_, rest)| rest);
    let line: Vec<&str> = release.split('.').take(2).collect();
    format!("Linux {}", line.join("."))
}

fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' '))
}

fn takes(key: &str) -> Option<Takes> {
    let (_, words) = known().find(|(name, _)| *name == key)?;
    Some(match words {
        "text" => Takes::Text,
        "read-only" | "unreadable" => Takes::Nothing,
        "first-namespace" => Takes::NotHere,
        _ if BOUNDED_BY_OTHERS.contains(&key) => Takes::Text,
        other => numbers(other).unwrap_or(Takes::Text),
    })
}

/// `1..127`, or `numbers 3`.
fn numbers(words: &str) -> Option<Takes> {
    if let Some(count) = words.strip_prefix("numbers ") {
        return count.parse().ok().map(Takes::Numbers);
    }
    let (least, most) = words.split_once("..")?;
    Some(Takes::Number {
        least: least.parse().ok()?,
        most: most.parse().ok()?,
    })
}

fn one(
    key: &str,
    key_span: Span,
    value: &str,
    value_span: Span,
    looked_for: &mut usize,
    mistakes: &mut Mistakes,
) {
    let refused =
        |span, message, label: String| Mistake::new(MistakeKind::SysctlRefused, span, message, label);
    let value_refused = |label: String| {
        let message = format!("`{key}` does not take {}", quoted(value));
        refused(value_span, message, label)
    };
    let words = || value.split_whitespace();
    match takes(key) {
        None => {
            *looked_for += 1;
            let near = (*looked_for <= MOST_LOOKED_FOR).then(|| nearest(key)).flatten();
            unknown(key, key_span, near, mistakes);
        }
        Some(Takes::NotHere) => mistakes.add(
            Mistake::new(
                MistakeKind::UnknownSysctl,
                key_span,
                format!("`{key}` is no sysctl of a network namespace"),
                format!("{} has it once, for the whole machine", kernel()),
            )
            .help("the hosts of a lab are network namespaces: what all of them share cannot be set for one"),
        ),
        Some(Takes::Nothing) => mistakes.add(refused(
            key_span,
            format!("`{key}` cannot be set"),
            "it can only be read".to_owned(),
        )),
        Some(Takes::Number { least, most }) => {
            let fits = words().count() == 1
                && canonical(value.trim()).is_some_and(|number| (least..=most).contains(&number));
            if !fits {
                let label = format!("{} takes a whole number from {least} to {most}", kernel());
                mistakes.add(value_refused(label));
            }
        }
        Some(Takes::Numbers(count)) => {
            if words().count() != count || words().any(|word| canonical(word).is_none()) {
                let label = format!(
                    "{} takes {count} whole numbers, with blanks between them",
                    kernel()
                );
                mistakes.add(value_refused(label));
            }
        }
        Some(Takes::Text) => {}
    }
}

/// A number that the kernel gives back as it was written: decimal, and without zeros before it.
fn canonical(text: &str) -> Option<i128> {
    text.parse()
        .ok()
        .filter(|number: &i128| number.to_string() == text)
}

fn unknown(key: &str, span: Span, near: Option<Near>, mistakes: &mut Mistakes) {
    let new = |message: String, label: String| Mistake::new(MistakeKind::UnknownSysctl, span, message, label);
    if let Some(interface) = foreign_interface(key) {
        mistakes.add(
            new(
                format!("no host of a lab has an interface `{interface}`"),
                format!("accepted there: {}", INTERFACES.join(", ")),
            )
            .help("each host has one interface beside `lo`, and it is `eth0`"),
        );
        return;
    }
    let message = format!("{} has no sysctl `{key}`", kernel());
    match near {
        Some(Near { name, meant: true }) => mistakes.add(
            new(
                message,
                "there is no such name in its network namespaces".to_owned(),
            )
            .help(format!("did you mean `{name}`?")),
        ),
        Some(Near { meant: false, .. }) | None => {
            let name = near.map_or_else(String::new, |near| format!("; did you mean `{}`?", near.name));
            mistakes.warn(
                new(message, "another kernel, or a module, may have it".to_owned()).help(format!(
                    "in a guest of {} its cells cannot be run{name}",
                    kernel()
                )),
            );
        }
    }
}

/// The interface in `net.ipv4.conf.eth1.arp_ignore`, if a lab has no such interface, and the sysctl for
/// others.
fn foreign_interface(key: &str) -> Option<&str> {
    let parts: Vec<&str> = key.split('.').collect();
    let ["net", family, kind @ ("conf" | "neigh"), interface, rest @ ..] = parts.as_slice() else {
        return None;
    };
    let of_eth0 = format!("net.{family}.{kind}.eth0.{}", rest.join("."));
    (!INTERFACES.contains(interface) && takes(&of_eth0).is_some()).then_some(*interface)
}

/// A known name that is much like one that is not known.
#[derive(Clone, Copy)]
struct Near {
    name: &'static str,
    /// Is it so near that it must be meant?
    meant: bool,
}

fn nearest(key: &str) -> Option<Near> {
    fn split(name: &str) -> (&str, &str) {
        name.rsplit_once('.').unwrap_or(("", name))
    }
    let (folder, last) = split(key);
    let here = || {
        known()
            .filter(|(_, words)| *words != "first-namespace")
            .map(|(name, _)| name)
    };
    let distance = |name: &&str| strsim::osa_distance(key, name);
    let (most, most_at_all) = (1 + last.len() / 8, last.len() / 3);
    let alike = here().filter(|name| name.len().abs_diff(key.len()) <= most_at_all.max(most));
    let closest = alike.min_by_key(distance);
    if let Some(name) = closest.filter(|name| distance(name) <= most) {
        return Some(Near { name, meant: true });
    }
    // In another folder than its own: `net.ipv4.expire_nodest_conn`.
    const LONG_ENOUGH: usize = 6;
    let folder_known = here().any(|name| split(name).0.starts_with(folder));
    let same_last = here().filter(|name| split(name).1 == last && last.len() >= LONG_ENOUGH && folder_known);
    if let Some(name) = same_last.min_by_key(distance) {
        return Some(Near { name, meant: true });
    }
    let begun = here().find(|name| last.len() >= LONG_ENOUGH && name.starts_with(key));
    let name = begun.or_else(|| closest.filter(|name| distance(name) <= most_at_all))?;
    Some(Near { name, meant: false })
}
