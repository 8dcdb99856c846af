//! The places where cells run, a guest kernel, a stock one in QEMU, and the host's own: their words, their
//! clocks, their ends.

use crate::payload::needs_innodb;
use lvs_matrix_guest::protocol::PayloadEnd;
use lvs_matrix_guest::{GuestEnd, RunsOn};
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::{Environment, Hashes, Place};
use lvs_matrix_runner::{Template, running_kernel};
use std::time::Duration;

/// What one of them is called.
pub(crate) fn noun(runs_on: &RunsOn) -> &'static str {
    match runs_on {
        RunsOn::Kernel(_) | RunsOn::Stock(_) => "guest",
        RunsOn::Host => "sandbox",
    }
}

/// The kernel that cells run on, and its time, in words.
pub(crate) fn in_words(runs_on: &RunsOn) -> String {
    match runs_on {
        RunsOn::Kernel(kernel) => format!("Linux {}", kernel.version),
        RunsOn::Stock(machine) => format!("stock Linux {} in QEMU", machine.kernel.release),
        RunsOn::Host => format!("this host's own {}, in real time", running_kernel()),
    }
}

/// `uname -sr` of it.
pub(crate) fn kernel_of(runs_on: &RunsOn) -> String {
    match runs_on {
        RunsOn::Kernel(kernel) => format!("Linux {}", kernel.version),
        RunsOn::Stock(machine) => format!("Linux {}", machine.kernel.release),
        RunsOn::Host => running_kernel(),
    }
}

/// As records name it.
pub(crate) fn place(runs_on: &RunsOn) -> Place {
    match runs_on {
        RunsOn::Kernel(_) => Place::Guest,
        RunsOn::Stock(_) => Place::Qemu,
        RunsOn::Host => Place::Host,
    }
}

/// What is known of the environment of a cell that could not say it itself.
pub(crate) fn environment(runs_on: &RunsOn, template: Option<&Template>, hashes: &Hashes) -> Environment {
    Environment {
        place: place(runs_on),
        kernel: kernel_of(runs_on),
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        ipvsadm: String::new(),
        mysqld: template.map_or_else(String::new, |template| template.server.version_alone().to_owned()),
        hashes: Some(hashes.clone()),
    }
}

/// How long it may say nothing. In real time a cell is silent while it is watched; under virtual time that
/// takes none of the host's.
pub(crate) fn stall(runs_on: &RunsOn, stall: Duration, batch: &[LabPlan]) -> Duration {
    match runs_on {
        RunsOn::Kernel(_) | RunsOn::Stock(_) => stall,
        RunsOn::Host => {
            let watched = batch
                .iter()
                .map(|plan| plan.own_time().saturating_add(plan.watched_for()));
            stall.saturating_add(watched.max().unwrap_or_default())
        }
    }
}

/// A server takes about 28 MiB of a guest, the rest about 130; what is not touched costs nothing.
pub(crate) fn memory_mib(batch: &[LabPlan]) -> u32 {
    let servers = batch
        .iter()
        .map(|plan| plan.real_servers().count())
        .max()
        .unwrap_or(0);
    let servers = u32::try_from(servers).unwrap_or(u32::MAX);
    // With InnoDB a server has its buffers, and its files in memory.
    let each = if needs_innodb(batch) { 96 } else { 48 };
    servers
        .saturating_mul(each)
        .saturating_add(256)
        .max(lvs_matrix_guest::DEFAULT_MEMORY_MIB)
}

/// Why a guest did not end as it should; `None` if it did.
pub(crate) fn reason_of(end: &GuestEnd, gave_up: Option<String>, noun: &str) -> Option<String> {
    match (end, gave_up) {
        (GuestEnd::PoweredOff(PayloadEnd::Exited(0)), None) => None,
        (_, Some(reason)) => Some(reason),
        (GuestEnd::PoweredOff(PayloadEnd::Exited(code)), None) => {
            Some(format!("the harness in the {noun} ended with exit code {code}"))
        }
        (GuestEnd::PoweredOff(PayloadEnd::Signalled(signal)), None) => {
            Some(format!("the harness in the {noun} was ended by signal {signal}"))
        }
        (GuestEnd::InitFailed(reason), None) => Some(format!("the {noun} could not be set up: {reason}")),
        (GuestEnd::Panicked(line), None) => Some(format!("the {noun}'s kernel panicked: {line}")),
        (GuestEnd::Stalled(time), None) => Some(format!(
            "the {noun} made no progress for {} s of the host's clock and was ended",
            time.as_secs()
        )),
        (GuestEnd::Died(status), None) => Some(format!("the {noun}'s process ended by itself: {status:?}")),
        (GuestEnd::Saved, None) => Some(format!("the {noun} was saved instead of run")),
        (GuestEnd::Cancelled, None) => Some(format!("the {noun} was ended on request")),
    }
}
