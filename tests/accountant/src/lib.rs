//! The leak accountant: what a machine holds, before and after; what is there afterwards and was not before
//! was left behind.
//!
//! It shares no code with lvs-matrix, so that a mistake there cannot hide itself here.
//!
//! ```text
//! Snapshot::take ─▶ a view of each class ┐
//!      … the work that is watched …      ├─▶ compare ─▶ findings
//! Snapshot::take ─▶ a view of each class ┘
//! ```
//!
//! On a machine that others use as well, what is new need not be ours. That is settled by rules, and the
//! rules are all here:
//!
//! - **Processes** are ours if they descend from the watcher. It makes itself a subreaper
//!   (`PR_SET_CHILD_SUBREAPER`), so a process whose parents have died is still found below it. Where nobody
//!   watched ([`Scope::Machine`]), all new processes are ours but kernel threads and the accountant's own
//!   family.
//! - **Namespaces** are ours if such a process holds them, or if they are bound to a path, by whomever.
//! - **Sockets** are another's if a process holds them that is not ours, or (asked by an ordinary user) if
//!   another user owns them.
//! - **Files** are another's if another user owns them than those that we run things as, or if a process that
//!   is not ours has them, or something below them, open.
//! - **Cgroups** are another's if processes are in them and none is ours; empty ones if they lie beside our
//!   own cgroup, or away from it and bear the name of a systemd unit.
//! - **Mounts, links, addresses, routes, sysctls, nftables, IPVS** are the machine's: each change is told,
//!   and what is known to be another's must be allowed by name.
//!
//! What cannot be looked at is said, with the reason ([`View::blind`]).

mod compare;
mod files;
mod network;
mod people;
mod processes;
mod settings;
mod snapshot;
mod view;

pub use compare::{Allowance, Finding, NotAnAllowance, What, compare};
pub use people::Scope;
pub use snapshot::{Class, FORMAT, Kind, Snapshot};
pub use view::{Item, View};
