//! Sandboxes: cells on the host's own kernel, in namespaces of their own, and what a host lacks for them.
//!
//! A sandbox is begun by [`crate::Guest::start`] with [`crate::RunsOn::Host`], and speaks and ends as a guest
//! does. Its first process leads a PID namespace: when that ends, for whatever reason, the kernel ends
//! everything in it.

use crate::init::privileges::{KEPT, ON_THE_WAY};
use crate::{Guest, GuestConfig, GuestEnd, protocol::PayloadEnd};
use rustix::thread::CapabilitySet;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// How long a trial may take: a tenth of a second where nothing else runs.
const TRIAL_PATIENCE: Duration = Duration::from_secs(20);

/// Something that a host lacks for sandboxes, with its cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// What is lacking.
    pub what: String,
    /// What to do, in one line.
    pub cure: String,
}

impl Lack {
    /// A lack.
    pub fn new(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            cure: cure.into(),
        }
    }
}

/// What the calling process lacks for making sandboxes, as far as that can be told without making one:
/// root, its capabilities, and the initial user namespace.
pub fn lacks() -> Vec<Lack> {
    if !rustix::process::geteuid().is_root() {
        return vec![Lack::new(
            "this is not root, and IPVS obeys only root of the initial user namespace",
            "sudo lvs-matrix …",
        )];
    }
    let mut lacks = Vec::new();
    // proc(5): the identity over all numbers. Root of another user namespace may make namespaces, but IPVS
    // does not obey it (GENL_ADMIN_PERM in net/netfilter/ipvs/ip_vs_ctl.c).
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    if map.split_whitespace().ne(["0", "0", "4294967295"]) {
        lacks.push(Lack::new(
            "root here is root of a user namespace of its own, and IPVS does not obey it",
            "run it on the host itself, or in a container without user namespaces",
        ));
    }
    let wanted = KEPT | ON_THE_WAY | CapabilitySet::CHOWN;
    let held = rustix::thread::capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    let missing = wanted.difference(held);
    if !missing.is_empty() {
        let names: Vec<String> = missing
            .iter_names()
            .map(|(name, _)| format!("CAP_{name}"))
            .collect();
        lacks.push(Lack::new(
            format!("root here lacks {}", names.join(", ")),
            "give the container these capabilities, as docker run --privileged does, or run it on the host \
             itself",
        ));
    }
    lacks
}

/// Makes a sandbox below `folder`, runs `init` in it with these arguments for its payload, and sees whether
/// that exits with 0. What it said is in the lack if it did not.
///
/// # Errors
/// [`Lack`]: a sandbox cannot be made, or the payload did not succeed in it.
pub fn trial(init: &Path, folder: &Path, payload_args: &[&str]) -> Result<(), Lack> {
    let cure = "allow root to mount and to make namespaces (a container may forbid it), or run it on the \
        host itself; docs/limitations.md says where sandboxes run";
    let lack = |what: String| Lack::new(what, cure);
    let share = folder.join("trial");
    fs::create_dir_all(&share).map_err(|error| lack(format!("{}: {error}", share.display())))?;
    let mut config = GuestConfig::on_host(init, &share);
    config.payload_args = payload_args.iter().map(|&word| word.to_owned()).collect();
    config.stall = TRIAL_PATIENCE;
    let mut said = Vec::new();
    let report = Guest::start(config).and_then(|guest| guest.run(|message| said.push(message.to_owned())));
    // Nothing depends on its removal.
    let _ = fs::remove_dir_all(&share);
    let report = report.map_err(|error| lack(error.to_string()))?;
    if report.end == GuestEnd::PoweredOff(PayloadEnd::Exited(0)) {
        return Ok(());
    }
    said.extend(report.console);
    let how = match report.end {
        GuestEnd::InitFailed(reason) => reason,
        end @ (GuestEnd::PoweredOff(_)
        | GuestEnd::Panicked(_)
        | GuestEnd::Stalled(_)
        | GuestEnd::Died(_)
        | GuestEnd::Cancelled
        | GuestEnd::Saved) => format!("a trial ended otherwise than it should: {end:?}"),
    };
    let talk: String = said.iter().map(|line| format!("; {line}")).collect();
    Err(lack(format!("{how}{talk}")))
}
